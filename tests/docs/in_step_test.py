"""Pages and code say the same."""
import re
import subprocess
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent


def pages():
    listed = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', '*.md'], cwd=TOP, capture_output=True, text=True, check=True)
    return [TOP / name for name in listed.stdout.split() if (TOP / name).exists()]


class Links(unittest.TestCase):
    def test_each_link_leads_to_a_file(self):
        for page in pages():
            text = re.sub(r'```.*?```', '', page.read_text(), flags=re.DOTALL)
            for target in re.findall(r'\]\(([^)\s]+)\)', text):
                if re.match(r'[a-z]+:', target) or target.startswith('#'):
                    continue
                with self.subTest(page=str(page.relative_to(TOP)), target=target):
                    self.assertTrue((page.parent / target.split('#')[0]).exists(), 'there is no such file')


class Steps(unittest.TestCase):
    """The tables of docs/architecture.md are those of the pipeline."""

    def check(self, source, table):
        code = (TOP / source).read_text()
        body = re.search(rf'static const struct step {table}\[\] = \{{(.*?)\n\}};', code, re.DOTALL).group(1)
        in_code = re.findall(r'\{ "([a-z0-9-]+)"', body)
        page = (TOP / 'docs/architecture.md').read_text()
        part = re.search(rf'### [^\n]*`{table}` in `{source}`\n(.*?)(?:\n#|\Z)', page, re.DOTALL).group(1)
        self.assertEqual(re.findall(r'^\| `([a-z0-9-]+)` \|', part, re.MULTILINE), in_code)

    def test_consumer(self):
        self.check('src/gateway/consumer.c', 'consumer_steps')

    def test_holder(self):
        self.check('src/gateway/holder.c', 'holder_steps')

    def test_files_that_architecture_names_are_there(self):
        for name in re.findall(r'`(?:src/)?([a-z]+/[a-z0-9_]+\.[ch])`', (TOP / 'docs/architecture.md').read_text()):
            with self.subTest(name=name):
                self.assertTrue((TOP / 'src' / name).exists())


class EvidenceCodes(unittest.TestCase):
    """Programs branch on these: the page, and both verifiers, have the same."""

    def test_page_and_verifiers_have_the_same(self):
        page = (TOP / 'docs/evidence.md').read_text()
        table = page.split('## 6. Codes')[1].split('## 7.')[0]
        told = set(re.findall(r'`(evidence\.[a-z]+)`', table))
        in_c = set()
        for source in [*(TOP / 'src/audit').glob('verify*.c'), TOP / 'src/audit/bundle.c', TOP / 'src/cli/command_evidence_verify.c']:
            in_c |= set(re.findall(r'"(evidence\.[a-z]+)"', source.read_text()))
        self.assertEqual(told, in_c)
        script = (TOP / 'tools/verify-evidence.py').read_text()
        for code in told - {'evidence.timestamp', 'evidence.equivocation'}:  # it says that it leaves these out
            self.assertIn("'" + code.split('.')[1] + "'", script, code)


class Parts(unittest.TestCase):
    def test_each_part_says_what_it_is(self):
        for folder in sorted(path for path in (TOP / 'src').iterdir() if path.is_dir()):
            with self.subTest(part=folder.name):
                self.assertTrue((folder / 'README.md').exists(), f'src/{folder.name}/README.md is missing')


class Reference(unittest.TestCase):
    def check(self, page):
        done = subprocess.run([str(TOP / 'tools/reference'), '--check', page], cwd=TOP, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_reasons(self):
        self.check('reasons')

    def test_metrics(self):
        self.check('metrics')


if __name__ == '__main__':
    unittest.main()
