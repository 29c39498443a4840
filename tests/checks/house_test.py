"""The checks of the tree themselves: each must find what it is there to find."""
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=TOP, **options)


class Layers(unittest.TestCase):
    """tools/check-includes over small trees."""

    def check(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return run('tools/check-includes', folder)

    def test_lower_and_own_are_fine(self):
        done = self.check({'src/evidence/log.c': '#include "evidence/log.h"\n#include "evidence/log_internal.h"\n#include "base/bytes.h"\n'
                                                 '#include "directory/directory.h"\n'})
        self.assertEqual((done.returncode, done.stdout), (0, ''))

    def test_higher_is_named_with_its_line(self):
        done = self.check({'src/base/bytes.c': '#include "base/bytes.h"\n\n#include "gateway/gateway.h"\n'})
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, 'src/base/bytes.c:3: base may not include gateway/gateway.h\n')

    def test_one_way_within_a_row(self):
        self.assertEqual(self.check({'src/directory/a.c': '#include "evidence/log.h"\n'}).returncode, 1)
        self.assertEqual(self.check({'src/store/a.c': '#include "net/server.h"\n'}).returncode, 1)
        self.assertEqual(self.check({'src/policy/a.c': '#include "consent/consent.h"\n'}).returncode, 0)
        self.assertEqual(self.check({'src/consent/a.c': '#include "policy/policy.h"\n'}).returncode, 1)

    def test_internal_headers_stay_inside(self):
        self.assertEqual(self.check({'src/gateway/a.c': '#include "net/stream_internal.h"\n'}).returncode, 1)

    def test_quotes_without_a_part_are_refused(self):
        self.assertEqual(self.check({'src/net/a.c': '#include "server.h"\n'}).returncode, 1)


class Banned(unittest.TestCase):
    """src/base/banned.h: under both compilers what is banned does not compile, and what is not does."""

    def compile(self, compiler, body):
        source = f'int f(char *a, const char *b);\nint f(char *a, const char *b)\n{{\n    (void)a;\n    (void)b;\n    {body}\n    return 0;\n}}\n'
        return run(compiler, '-std=gnu17', '-D_GNU_SOURCE', '-include', 'src/base/banned.h', '-fsyntax-only', '-x', 'c', '-', input=source)

    def test_banned(self):
        calls = ['strcpy(a, b);', 'strcat(a, b);', 'sprintf(a, "%s", b);', 'strtok(a, b);', 'gets(a);', 'return atoi(b);', 'return system(b);',
                 'popen(b, "r");', 'return rand();', 'a = alloca(4);', 'a = mktemp(a);']
        for compiler in ('gcc', 'clang'):
            for call in calls:
                with self.subTest(compiler=compiler, call=call):
                    self.assertNotEqual(self.compile(compiler, call).returncode, 0)

    def test_allowed(self):
        for compiler in ('gcc', 'clang'):
            done = self.compile(compiler, 'return snprintf(a, 2, "%s", b) + (int)strlen(b);')
            self.assertEqual(done.returncode, 0, done.stderr)


class FrontDoor(unittest.TestCase):
    def test_help_is_the_default_and_lists_each_target(self):
        # Without the variables of a make that this runs under.
        env = {name: value for name, value in os.environ.items() if not name.startswith('MAKE') and name != 'MFLAGS'}
        told = run('make', env=env).stdout
        text = (TOP / 'Makefile').read_text()
        for target in re.search(r'^\.PHONY: (.*)$', text, re.MULTILINE).group(1).split():
            self.assertRegex(told, rf'(?m)^  {target} ')

    def test_deps_knows_its_groups(self):
        done = run('tools/deps', 'nonsense')
        self.assertEqual(done.returncode, 2)
        self.assertIn('there are: build demo test lint bench', done.stderr)
        self.assertIn('libssl-dev', run('tools/deps', '--list', 'build').stdout.split())

    def test_scripts_have_a_sound_form(self):
        for script in ['tools/deps', 'tools/build', 'tools/lint', 'tools/fuzz', 'tools/check-includes', 'tools/check-headers', '.ci/run']:
            with self.subTest(script=script):
                self.assertEqual(run('sh', '-n', script).returncode, 0)
                self.assertTrue(os.access(TOP / script, os.X_OK))


class Lock(unittest.TestCase):
    def test_the_lock_names_no_registry(self):
        self.assertNotIn('"resolved"', (TOP / 'package-lock.json').read_text())


if __name__ == '__main__':
    unittest.main()
