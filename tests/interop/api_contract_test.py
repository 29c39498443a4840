"""The API's document under Redocly's linter, and the API against its document: both from npm (openapi.mjs)."""
import json
import os
import subprocess
import unittest
from pathlib import Path

from api import ApiCase
from comity import PERSON

HERE = Path(__file__).resolve().parent


def node(*arguments):
    done = subprocess.run(['node', str(HERE / 'openapi.mjs'), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=900)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


class Contract(ApiCase):
    config = {'webhooks': {'allow_local': False}}

    def document(self):
        path = self.api.gateway.folder / 'openapi.json'
        path.write_bytes(self.api.call('GET', '/v1/openapi.json').body)
        return path

    def test_linter_finds_nothing(self):
        self.assertEqual(node('lint', self.document()), [])

    def test_every_operation_keeps_to_the_document(self):
        callers = {'nobody': {}, 'person': self.api.authorization(PERSON), **{name: self.api.authorization(name) for name in self.api.tokens}}
        plan = self.api.gateway.folder / 'plan.json'
        plan.write_text(json.dumps({
            'base': f'http://127.0.0.1:{self.api.port}', 'callers': callers, 'rounds': int(os.environ.get('ROUNDS', '6')),
            'seed': int(os.environ.get('SEED', '1')),
            'values': {'offset': ['0', '1'], 'limit': ['1', '50'], 'Comity-Person': [PERSON], 'entry': ['0', '1']},
        }))
        told = node('contract', self.document(), plan)
        self.assertEqual(told['wrong'], [], json.dumps(told['wrong'][:3], indent=1))
        # It is no contract if nothing ever succeeded, or nothing was refused.
        self.assertGreater(told['statuses'].get('200', 0), told['calls'] // 20, told['statuses'])
        self.assertGreater(told['statuses'].get('400', 0), 50, told['statuses'])
        self.assertTrue({'401', '403'} <= set(told['statuses']), told['statuses'])


if __name__ == '__main__':
    unittest.main()
