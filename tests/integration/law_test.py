"""The community's law: named by the directory, found by its digest, logged, archived, and without it no gateway starts."""
import hashlib
import shutil
import unittest
from pathlib import Path

from comity import Federation, run_command, run_json


def builtin(name):
    return next(law for law in run_json('law', 'list') if law['law'] == name)


def profile_text(name):
    return (Path(__file__).resolve().parents[2] / 'laws' / f'{name}.yaml').read_text()


class Law(unittest.TestCase):
    def setUp(self):
        self.federation = Federation()
        self.federation.make()
        self.addCleanup(self.federation.remove)

    def name_law(self, law, country='KE'):
        for community in (self.federation.aurora, self.federation.baobab):
            community.run('set-law', community.draft, law)
            community.run('set-country', community.draft, country)
        self.federation.publish()

    def archive(self):
        return self.federation.holder.folder / 'archive'

    def test_named_law_is_archived_and_logged_once(self):
        self.name_law('KE-DPA')
        self.federation.start()
        digest = builtin('KE-DPA')['digest']
        kept = (self.archive() / digest).read_bytes()
        self.assertEqual(hashlib.sha256(kept).hexdigest(), digest)
        self.federation.stop()
        self.assertEqual(self.law_events(), [('KE-DPA', '2026-11-24')])
        self.federation.start()
        self.name_law('EU-GDPR', 'DE')
        self.federation.holder.reload()
        self.federation.stop()
        self.assertEqual(self.law_events(), [('KE-DPA', '2026-11-24'), ('EU-GDPR', '2026-11-24')])

    def law_events(self):
        found = []
        for path in sorted(self.federation.holder.records_folder.rglob('*')):
            if path.is_file():
                data = path.read_bytes()
                start = 0
                while (at := data.find(b'comity-event: law/1\n', start)) >= 0:
                    lines = dict(line.split(': ', 1) for line in data[at:at + 400].decode('latin-1').split('\n')[:3])
                    found.append((lines['id'], lines['version']))
                    start = at + 1
        return found

    def test_no_law_in_the_directory_is_strict(self):
        for community in (self.federation.aurora, self.federation.baobab):
            community.edit(lambda draft: draft.pop('law'))
        self.federation.publish()
        self.federation.start()
        self.federation.stop()
        self.assertEqual(self.law_events(), [('strict', '2026-11-24')])

    def test_unknown_law_does_not_start_and_the_folder_helps(self):
        holder = self.federation.holder
        profile = self.federation.folder / 'mine.yaml'
        text = profile_text('KE-DPA').replace('law: KE-DPA', 'law: XX-TEST', 1)
        profile.write_text(text)
        self.name_law(profile)
        answer = holder.run('gateway', expect=2).stderr
        self.assertIn('names the law XX-TEST of 2026-11-24, which is neither in laws/ nor in this version', answer)
        self.assertIn(hashlib.sha256(text.encode()).hexdigest(), answer)
        self.assertIn('XX-TEST', holder.run('doctor', expect=1).stdout)
        (holder.folder / 'laws' / 'anything.yaml').write_text(text)
        shutil.copy(profile, self.federation.consumer.folder / 'laws' / 'XX-TEST.yaml')
        self.federation.start()
        self.federation.stop()
        self.assertEqual(self.law_events(), [('XX-TEST', '2026-11-24')])

    def test_law_commands(self):
        self.assertEqual([law['law'] for law in run_json('law', 'list')], ['CN-PIPL', 'EU-GDPR', 'IN-DPDP', 'KE-DPA', 'strict'])
        shown = run_json('law', 'show', 'CN-PIPL')
        values = {value['key']: value for value in shown['values']}
        self.assertEqual(values['minor.age']['value'], '14')
        self.assertEqual(values['rights.access']['value'], 'P15D')
        self.assertTrue(values['rights.access']['chosen'])
        self.assertTrue(all(value['article'] for value in shown['values']))
        self.assertEqual(run_json('law', 'diff', 'strict', 'strict'), [])
        self.assertTrue(run_json('law', 'diff', 'strict', 'EU-GDPR', expect=1))
        bad = self.federation.folder / 'bad.yaml'
        bad.write_text(profile_text('CN-PIPL').replace('value: 14', 'value: 0'))
        self.assertIn('bad.yaml:28: an age from 1 to 25', run_command('law', 'check', bad, expect=1).stderr)


if __name__ == '__main__':
    unittest.main()
