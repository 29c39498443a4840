"""comity policy explain on a gateway's folder, running and stopped: its directory's law, notices, persons and consents, and what would change the answer."""
import json
import unittest

from comity import CLIENT, CLINIC, DIAGNOSES, HOLDER, HOSPITAL, NAME, PERSON, PURPOSE, Federation

ACTS = ('sensitive', 'provide', 'border')


def policy(url, **patients):
    """The hospital's under China's law: diagnoses leave the country by a standard contract, on consent."""
    return {
        'categories': [{'id': NAME, 'sensitive': False}, {'id': DIAGNOSES}],
        'instruments': [{'id': 'sc-1', 'kind': 'standard_contract', 'recipients': [CLINIC], 'categories': [NAME, DIAGNOSES], 'from': '2026-01-01',
                         'until': '2099-12-31'}],
        'services': [{
            'id': f'{HOLDER}/patients', 'url': f'{url}/patients', 'person': {'in': 'path', 'template': '/{person}/**'},
            'purposes': [PURPOSE], 'default_purpose': PURPOSE, 'releases': [{'category': DIAGNOSES}],
            'fields': [{'path': '$.conditions', 'category': DIAGNOSES}], 'rights': [{'subject': CLIENT}],
            'dpia': {'ref': 'PIA-1', 'date': '2026-01-01', 'valid_until': '2099-12-31'}, **patients}],
    }


class Explanations:
    """The same on a stopped gateway's folder and beside a running gateway."""

    def setUp(self):
        self.federation = Federation()
        self.addCleanup(self.federation.remove)
        self.federation.make()
        for community, law, country in ((self.federation.aurora, 'KE-DPA', 'KE'), (self.federation.baobab, 'CN-PIPL', 'CN')):
            community.run('set-law', community.draft, law)
            community.run('set-country', community.draft, country)
        self.federation.publish()
        self.holder = self.federation.holder
        self.apply()
        if self.runs:
            self.federation.start()
            self.addCleanup(self.federation.stop)
        else:
            self.addCleanup(self.federation.service.stop)
        self.publish()

    def apply(self, **changes):
        self.holder.apply({**policy(self.federation.service_url), **changes})

    def publish(self, **changes):
        self.federation.publish_notice('n-care', (DIAGNOSES,), law='CN-PIPL', **changes)

    @staticmethod
    def lasting(text):
        """Without the time and how far it was counted, which go on beside a running gateway."""
        return [line.split(', at ')[0] for line in text.splitlines() if not line.startswith('  counted: ')]

    def explain(self, *more, person=PERSON):
        """The text, the JSON and its only category; what is said of the two is the same."""
        words = ('policy', 'explain', '--client', CLIENT, '--service', f'{HOLDER}/patients', '--path', f'/{PERSON}/record', '--person', '-', *more)
        code = self.code
        told = json.loads(self.holder.run('--json', *words, stdin=person, expect=code).stdout)
        self.assertEqual(told['permitted'], code == 0, told['text'])
        self.assertNotIn(person, told['text'])
        self.assertEqual(self.lasting(self.holder.run(*words, stdin=person, expect=code).stdout), self.lasting(told['text']))
        return told, told['categories'][0] if told['categories'] else None

    def assert_refused(self, reason, article, remedy, *more):
        self.code = 1
        told, category = self.explain(*more)
        self.assertEqual((told['reason'], category['reason']), (reason, reason), told['text'])
        self.assertIn(article, category['article'], told['text'])
        self.assertIn(remedy, category['remedy'], told['text'])
        self.assertIn(f'[{category["article"]}]' if article else reason, told['text'])
        self.assertIn(f'would change it: {category["remedy"]}', told['text'])
        self.assertIn('by CN-PIPL', told['text'])
        return told

    def give(self):
        self.federation.set_born()
        return self.federation.consent_to('n-care', separate=ACTS)

    def test_permitted(self):
        record = self.give()
        self.code = 0
        told, category = self.explain()
        self.assertEqual((category['basis'], category['sensitive'], category['remedy']), ('consent', True, ''))
        self.assertIn('PIPL 13', category['article'])
        for words in (f'consent {record["id"]} on notice n-care@1', 'abroad on sc-1', 'from CN to KE', 'by CN-PIPL'):
            self.assertIn(words, told['text'])
        if self.runs:  # and it is so
            self.assertEqual(self.federation.ask().status, 200)

    def test_no_consent(self):
        self.federation.set_born()
        self.assert_refused('consent.none', 'PIPL', 'ask the person for a consent on a notice that is in force')

    def test_a_superseded_notice(self):
        self.give()
        self.publish(method={'en': 'it is copied'})
        self.assert_refused('consent.superseded', 'PIPL', 'ask the person again, with the notice that is in force now')

    def test_a_minor(self):
        self.give()
        self.federation.set_born(born='2020-03-01')
        told = self.assert_refused('consent.guardian', 'PIPL 31', 'a guardian for a minor')
        self.assertIn('the person is a minor [', told['text'])

    def test_an_ended_instrument(self):
        self.give()
        ended = [{**policy('')['instruments'][0], 'until': '2026-02-01'}]
        self.apply(instruments=ended)
        told = self.assert_refused('border.instrument', 'PIPL 38', 'get an instrument for this recipient and category')
        self.assertIn('the nearest is sc-1 (until 2026-02-02T00:00:00.000Z): has ended', told['text'])

    def test_another_law_and_another_time(self):
        self.give()
        self.code = 1
        told, _ = self.explain('--law', 'strict')
        self.assertIn('by strict', told['text'])  # which knows no standard_contract
        self.assertEqual(told['reason'], 'border.instrument')
        told, _ = self.explain('--at', '2101-01-01T00:00:00Z')
        self.assertEqual(told['reason'], 'border.recipient')  # nobody is recognised for so long

    def test_what_was_counted(self):
        self.give()
        self.apply(services=policy(self.federation.service_url, harvest={'persons': 1, 'per': '1h'})['services'])
        self.code = 0
        self.assertIn('counted: ', self.explain()[0]['text'])
        if not self.runs:
            return
        self.assertEqual(self.federation.ask('PNR-other').reason, 'consent.none')
        self.federation.stop()  # which brings the counts up to the log
        self.federation.service = None
        self.code = 1
        self.assertEqual(self.explain()[0]['reason'], 'harvest.limit')


    def test_what_can_not_leave_is_warned_of(self):
        self.assertEqual(self.holder.apply(policy(self.federation.service_url)).stderr, '')
        lacking = policy(self.federation.service_url)
        del lacking['services'][0]['dpia']
        lacking['instruments'][0]['kind'] = 'contract'
        wanted = (f'{HOLDER}/patients: is not published: ', "instrument sc-1: CN-PIPL knows no kind 'contract'")
        told = self.holder.apply(lacking).stderr
        for words in wanted:
            self.assertIn(f'comity apply: warning: {words}', told)
        file = self.federation.folder / 'lacking.yaml'
        file.write_text(json.dumps(lacking))
        self.assertEqual(len(self.holder.run_json('apply', '--dry-run', file)['warnings']), 2)
        found = [row['what'] for row in json.loads(self.holder.run('--json', 'doctor', expect=None).stdout)['checks']
                 if (row['check'], row['result']) == ('policy', 'warn')]
        for words in wanted:
            self.assertTrue(any(what.startswith(words) for what in found), found)

    def test_what_loosens_the_law_is_not_applied(self):
        before = self.holder.run_json('apply', '--dry-run', self.holder.folder / 'services.yaml')
        self.assertFalse(before['changes'])
        file = self.federation.folder / 'loose.yaml'
        file.write_text(json.dumps({**policy(self.federation.service_url), 'law': {'minor': {'age': 13}}}))
        self.assertIn("'13' loosens CN-PIPL, which says 14", self.holder.run('apply', file, expect=2).stderr)
        self.assertFalse(self.holder.run_json('apply', '--dry-run', self.holder.folder / 'services.yaml')['changes'])

    def test_expectations_by_the_law_of_the_folder(self):
        (self.federation.folder / 'p.yaml').write_text(json.dumps(policy(self.federation.service_url)))
        cases = self.federation.folder / 'cases.yaml'
        cases.write_text(json.dumps({'policy': 'p.yaml', 'member': HOSPITAL, 'cases': [{
            'name': 'nothing is known', 'client': CLIENT, 'service': f'{HOLDER}/patients', 'path': '/PT-1',
            'facts': {'born': '1980-01-31', 'holder_country': 'CN', 'client_country': 'KE'}, 'expect': {'reason': 'consent.none'}}]}))
        self.assertIn('by CN-PIPL', self.holder.run('policy', 'test', '--explain', cases).stdout)


class Stopped(Explanations, unittest.TestCase):
    runs = False


class Running(Explanations, unittest.TestCase):
    runs = True


if __name__ == '__main__':
    unittest.main()
