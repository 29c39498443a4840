"""Notices: checked, published on a stopped gateway's folder and through a running one, shown, compared; what is there after a restart."""
import json
import tempfile
import unittest
from pathlib import Path

import comity
from comity import Federation, run_command, run_json

NOTICE = '''# Written by hand, with short IRIs and comments.
id: n-record
lifecycle: complete
active: true
law: strict
jurisdiction: ["loc:ZZ"]
languages: [en, sw]
holder:
  member: "%(holder)s"
  name: {en: Hospital, sw: Hospitali}
  contact: "mailto:privacy@hospital.example"
  address: "1 Hospital Road"
  officer: "mailto:officer@hospital.example"
recipient:
  member: "%(recipient)s"
  name: {en: Clinic, sw: Kliniki}
  contact: "mailto:privacy@clinic.example"
  country: KE
purpose:
  iri: "health:MedicalConditionDiagnosis"
  text: {en: "to find out what you suffer from", sw: "kujua unaugua nini"}
basis: consent
categories:
  - iri: "pd:BloodType"
    sensitive: true
    necessity: required
    necessityText: {en: "blood must match", sw: "damu lazima ilingane"}
    impactText: {en: "it can tell of your health", sw: "inaweza kueleza afya yako"}
processing: ["dpv:Consult", "dpv:Use"]
method: {en: "it is looked up", sw: "inatazamwa"}
automatedDecision: false
use: {mode: view, fetch: onetime, frequency: {max: 1, per: P1D, total: 3}}
retention: {recipientLife: P30D}
storage: [KE]
maxValidity: P6M
border:
  crosses: true
  instrument: treaty-1
  remedyText: {en: "write to the clinic", sw: "andikia kliniki"}
  safeguardText: {en: "a treaty", sw: "mkataba"}
minor: {allowed: false, guardianRequiredBelow: 18}
withdrawal: {url: "https://hospital.example/withdraw", text: {en: "at any time", sw: "wakati wowote"}}
rights: {url: "https://hospital.example/rights", authority: "https://authority.example/"}
refusalEffect: {en: "nothing else is refused to you", sw: "hakuna kingine utakachonyimwa"}
obligationText: {en: "you need not", sw: "si lazima"}
sourceText: {en: "the hospital's records", sw: "kumbukumbu za hospitali"}
dpia: {ref: PIA-2026-07, date: 2026-05-01}
'''


class Notices(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.federation = Federation()
        cls.federation.make()
        for community in (cls.federation.aurora, cls.federation.baobab):
            community.set_law('strict')
        cls.federation.publish()
        cls.holder = cls.federation.holder
        cls.folder = Path(tempfile.mkdtemp(prefix='notice-'))

    @classmethod
    def tearDownClass(cls):
        cls.federation.stop()
        cls.federation.remove()

    def file(self, name, *changes):
        text = NOTICE % {'holder': self.holder.member, 'recipient': comity.CLINIC}
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def test_1_check_names_everything_that_is_missing(self):
        good = self.file('good.yaml')
        self.assertEqual(run_json('notice', 'check', good, '--law', 'strict')['findings'], [])
        bad = self.file('bad.yaml', ('  contact: "mailto:privacy@clinic.example"\n', ''), ('sw: "damu lazima ilingane"', 'fr: "le sang"'),
                        ('maxValidity: P6M', 'maxValidity: P90Y'))
        findings = run_json('notice', 'check', bad, '--law', 'strict', expect=1)['findings']
        pointers = [finding['pointer'] for finding in findings]
        self.assertIn('/recipient/contact', pointers)
        self.assertIn('/maxValidity', pointers)
        self.assertEqual(pointers.count('/categories/0/necessityText'), 2)
        self.assertTrue(all(finding['article'] for finding in findings if finding['pointer'] == '/recipient/contact'))
        broken = self.file('broken.yaml', ('mode: view', 'mode: &anchor view'))
        self.assertIn('broken.yaml:', run_command('notice', 'check', broken, '--law', 'strict', expect=1).stderr)

    def test_2_publish_on_a_stopped_folder(self):
        first = self.holder.run_json('notice', 'publish', self.file('one.yaml'), '--by', 'operator:7')
        self.assertEqual((first['revision'], first['difference'], first['changed']), (1, 'first', True))
        again = self.holder.run_json('notice', 'publish', self.file('one.yaml'))
        self.assertEqual((again['revision'], again['changed'], again['digest']), (1, False, first['digest']))
        shown = self.holder.run('notice', 'show', 'n-record', '--language', 'sw').stdout
        for words in ('Kliniki', 'Blood Type', 'kujua unaugua nini', 'wakati wowote', 'current'):
            self.assertIn(words, shown)
        self.assertEqual(self.holder.run_json('notice', 'show', 'n-record@1')['notice']['publishedBy'], 'operator:7')
        self.holder.run('notice', 'show', 'n-nothing', expect=1)

    def test_3_publish_through_the_running_gateway(self):
        self.federation.start()
        first = self.holder.run_json('notice', 'show', 'n-record')
        same = self.file('two.yaml', ('it is looked up"', 'it is looked up once"'), ('id: n-record', f'id: n-record\nequivalentTo: {first["digest"]}'))
        self.assertEqual(self.holder.run_json('notice', 'diff', 'n-record', same)['difference'], 'wording')
        self.assertEqual(self.holder.run_json('notice', 'publish', same)['difference'], 'wording')
        states = {row['revision']: row['state'] for row in self.holder.run_json('notice', 'list')['notices']}
        self.assertEqual(states, {1: 'equivalent', 2: 'current'})
        wider = self.file('three.yaml', ('storage: [KE]', 'storage: [KE, UG]'), ('it is looked up"', 'it is looked up once"'))
        self.assertEqual(self.holder.run_json('notice', 'diff', 'n-record', wider)['difference'], 'wider')
        self.assertEqual(self.holder.run_json('notice', 'publish', wider)['difference'], 'wider')
        bad = self.file('four.yaml', ('dpia: {ref: PIA-2026-07, date: 2026-05-01}\n', ''))
        self.assertIn('/dpia', self.holder.run('notice', 'publish', bad, expect=2).stderr)
        self.federation.stop()
        states = {row['revision']: row['state'] for row in self.holder.run_json('notice', 'list')['notices']}
        self.assertEqual(states, {1: 'superseded', 2: 'superseded', 3: 'current'})
        self.holder.log_verify()

    def test_4_draft_is_a_notice(self):
        service = f'{comity.HOLDER}/patients'
        services = [row for row in self.holder.run('notice', 'draft', service, '--recipient', comity.CLINIC).stdout.splitlines() if row]
        self.assertTrue(any(row.startswith('#') for row in services))
        path = self.folder / 'draft.yaml'
        path.write_text('\n'.join(services).replace('<XX>', 'KE').replace('n-<name>', 'n-draft').replace('"https://<page>"', '"https://p.example/"')
                        .replace('"https://<authority>"', '"https://a.example/"'))
        findings = run_json('notice', 'check', str(path), '--law', 'strict', expect=1)['findings']
        self.assertEqual([finding['pointer'] for finding in findings], ['/lifecycle'])

    def test_5_a_consent_in_every_form(self):
        """Given on the current notice, exported, superseded by a wider one."""
        person = 'person-5'
        self.holder.run('person', 'set', '--person', '-', '--born', '1980-03-01', '--by', 'system', stdin=person)
        given = self.holder.run_json('consent', 'give', '--person', '-', '--notice', 'n-record', '--separate', 'sensitive', '--separate', 'provide',
                                     '--separate', 'border', '--by', 'person', '--method', 'portal', '--language', 'sw', '--assurance', 'high', stdin=person)
        identity = given['id']
        own = self.holder.run_json('consent', 'export', identity)
        self.assertEqual((own['status'], own['person']['ref'], own['separate']), ('given', person, ['sensitive', 'provide', 'border']))
        self.assertEqual(own['notice']['sha256'], self.holder.run_json('notice', 'show', 'n-record')['digest'])
        self.assertEqual([event['type'] for event in own['events']], ['given'])
        self.assertEqual((own['events'][0]['by']['role'], own['events'][0]['language']), ('person', 'sw'))
        self.assertEqual(own['use']['frequency'], {'max': 1, 'per': 'P1D', 'total': 3})
        self.assertTrue(own['events'][0]['logEntry'].rsplit('/', 1)[1].isdigit())
        for form, member, value in (('dpv', '@type', 'dpv:ConsentRecord'), ('kantara', 'version', 'KI-CR-v1.1.0'), ('fhir-r4', 'status', 'active'),
                                    ('fhir-r5', 'decision', 'permit'), ('rebit', 'status', 'ACTIVE')):
            self.assertEqual(self.holder.run_json('consent', 'export', identity, '--format', form)[member], value)
        self.assertIn('proof', self.holder.run('consent', 'export', identity, '--format', 'receipt', expect=1).stderr)
        wider = self.file('five.yaml', ('storage: [KE]', 'storage: [KE, UG, TZ]'), ('it is looked up"', 'it is looked up once"'))
        self.holder.run('notice', 'publish', wider)
        self.assertEqual(self.holder.run_json('consent', 'export', identity)['status'], 'superseded')
        self.assertIn('Kantara', self.holder.run('consent', 'export', identity, '--format', 'kantara', expect=1).stderr)
        self.holder.run('consent', 'export', 'c-' + '0' * 32, expect=1)


if __name__ == '__main__':
    unittest.main()
