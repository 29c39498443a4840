"""The way from nothing to the first permitted exchange, as docs/operations.md has it: its own lines, on other ports."""
import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import comity

TOP = Path(__file__).resolve().parent.parent.parent
SECTION = 'From nothing to the first permitted exchange'
PORTS = ('5500', '5501', '8080', '8081', '8088', '9080', '9081')


def script():
    """The section's lines of shell."""
    text = (TOP / 'docs/operations.md').read_text()
    section = text.split(f'## {SECTION}\n', 1)[1].split('\n## ', 1)[0]
    return '\n'.join(re.findall(r'```sh\n(.*?)```', section, re.DOTALL))


class FirstExchange(unittest.TestCase):
    def test_the_lines_of_the_page(self):
        free = dict(zip(PORTS, map(str, comity.free_ports(len(PORTS)))))
        lines = re.sub(r'\b(' + '|'.join(PORTS) + r')\b', lambda found: free[found.group()], script())
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            examples = folder / 'examples'
            examples.mkdir()
            for file in (TOP / 'examples/first').iterdir():
                (examples / file.name).write_text(file.read_text().replace('127.0.0.1:8088', f'127.0.0.1:{free["8088"]}'))
            (folder / 'bin').mkdir()
            (folder / 'bin/comity').symlink_to(Path(comity.COMMAND).resolve())
            ends = 'trap \'kill $(jobs -p); wait\' EXIT\n'
            done = subprocess.run(['bash', '-euc', ends + lines], cwd=folder, capture_output=True, text=True, timeout=2 * comity.PATIENCE, check=False,
                                  env={**os.environ, 'EXAMPLES': str(examples), 'PATH': f'{folder}/bin:{os.environ["PATH"]}'})
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertNotIn('warning', done.stderr)
            self.assertEqual(json.loads((folder / 'first.json').read_text())['reason'], 'consent.none')
            self.assertEqual(json.loads((folder / 'second.json').read_text()), {'name': 'Kim Example', 'history': ['asthma']})
            why = (folder / 'why.txt').read_text()
            self.assertTrue(why.startswith('permitted\n'), why)
            self.assertIn('PIPL 13', why)
            self.assertIn('on notice n-care@1, abroad on sc-1', why)


if __name__ == '__main__':
    unittest.main()
