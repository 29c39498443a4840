"""The man pages are what the command itself writes, and there is one for each command."""
import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
PAGES = TOP / 'docs' / 'man'
COMITY = os.environ.get('COMITY', str(TOP / 'build/release/comity'))


class ManPages(unittest.TestCase):
    def test_pages_are_the_commands_own(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([str(PAGES / 'make-pages'), COMITY, folder], check=True)
            made = {path.name: path.read_text() for path in Path(folder).iterdir()}
        kept = {path.name: path.read_text() for path in PAGES.glob('*.1')}
        self.assertEqual(sorted(made), sorted(kept))
        for name, text in made.items():
            with self.subTest(page=name):
                self.assertEqual(text, kept[name], 'run docs/man/make-pages build/release/comity')

    def test_each_command_has_a_page_that_is_installed(self):
        told = subprocess.run([COMITY, 'help', '--json'], check=True, capture_output=True, text=True).stdout
        names = {command['name'] for command in json.loads(told)['commands']} - {'help', 'version'}
        wanted = {'comity.1'} | {f'comity-{name}.1' for name in names}
        self.assertEqual({path.name for path in PAGES.glob('*.1')}, wanted)
        installed = set(re.findall(r"'man/([a-z.0-9-]+)'", (TOP / 'docs/meson.build').read_text()))
        self.assertEqual(installed, wanted)


if __name__ == '__main__':
    unittest.main()
