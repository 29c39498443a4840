"""Consents in every state, as other people's tools read them: W3C DPV by jsonld, FHIR R4 by its JSON schema (both from npm)."""
import json
import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
STATES = {'requested', 'deferred', 'given', 'paused', 'refused', 'withdrawn', 'revoked', 'expired', 'superseded', 'invalidated'}
DPV = 'https://w3id.org/dpv#'


def exports():
    """What the unit test makes: a consent in each state and form, as {(format, state): JSON}."""
    program = 'tests/unit/interchange/export_test'
    subprocess.run([str(TOP / 'tools/build'), 'gcc', program], check=True, stdout=subprocess.DEVNULL, timeout=1200)
    with tempfile.TemporaryDirectory(prefix='exports-') as folder:
        subprocess.run([str(TOP / 'build/gcc' / program)], check=True, capture_output=True, timeout=60,
                       env={**os.environ, 'COMITY_EXPORTS': folder})
        return {tuple(path.stem.rsplit('-', 1)): json.loads(path.read_text()) for path in Path(folder).iterdir()}


def node(jobs):
    done = subprocess.run(['node', str(HERE / 'interchange.mjs')], input=json.dumps(jobs), capture_output=True, text=True, check=False,
                          timeout=120)
    if done.returncode != 0:
        raise AssertionError(f'node refuses: {done.stderr[-2000:]}')
    return json.loads(done.stdout)


class Demo(unittest.TestCase):
    """The same of a consent that a running gateway has: the demo's own."""

    def test_exports_of_the_demo(self):
        command = os.environ.get('COMITY', str(TOP / 'build/release/comity'))
        with tempfile.TemporaryDirectory(prefix='demo-') as folder:
            demo = subprocess.Popen([command, 'demo', '--keep', '--dir', folder], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                ready, deadline = Path(folder, 'demo.json'), time.monotonic() + 180
                while not ready.exists() and demo.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.1)
                self.assertTrue(ready.exists(), demo.stderr.read() if demo.poll() is not None else 'it is not ready')
                comity = lambda *words: json.loads(subprocess.run([command, '--json', '-C', str(Path(folder, 'hospital')), *words], check=True,
                                                                  capture_output=True, text=True, timeout=60).stdout)
                ids = sorted({row['id'] for row in comity('consent', 'list')['consents']})
                jobs = [{'format': form, 'value': comity('consent', 'export', name, '--format', form)} for name in ids for form in ('dpv', 'fhir-r4')]
                self.assertTrue(ids)
                self.assertEqual([answer['errors'] for answer in node(jobs)], [[]] * len(jobs))
            finally:
                demo.terminate()
                demo.communicate(timeout=60)


class Interchange(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.exports = exports()

    def of(self, *formats):
        jobs = [{'format': format, 'value': value} for (format, _), value in sorted(self.exports.items()) if format in formats]
        self.assertEqual({state for format, state in self.exports if format == formats[0]}, STATES)
        return jobs, node(jobs)

    def test_json_ld_is_whole(self):
        jobs, answers = self.of('dpv', 'receipt')
        for job, answer in zip(jobs, answers):
            self.assertEqual(answer['errors'], [])
            self.assertEqual(answer['types'], [DPV + ('ConsentReceipt' if job['format'] == 'receipt' else 'ConsentRecord')])
            literal = answer['node']['https://w3id.org/comity/terms#record'][0]
            self.assertEqual((literal['@type'], literal['@value']), ('@json', job['value']['comity:record']))
            self.assertIn(DPV + 'hasDataSubject', answer['node'])

    def test_json_ld_finds_what_is_dropped(self):
        value = {**self.exports['dpv', 'given'], 'nowhere': 'a word without a context'}
        self.assertNotEqual(node([{'format': 'dpv', 'value': value}])[0]['errors'], [])

    def test_fhir_r4_keeps_the_schema(self):
        _, answers = self.of('fhir-r4')
        self.assertEqual([answer['errors'] for answer in answers], [[]] * len(STATES))
        broken = {**self.exports['fhir-r4', 'given'], 'status': 'perhaps'}
        self.assertNotEqual(node([{'format': 'fhir-r4', 'value': broken}])[0]['errors'], [])


if __name__ == '__main__':
    unittest.main()
