"""The decision by a community's law, over real gateways: bases, borders, break-glass, impact assessments, and refusals that show nothing."""
import re
import time
import unittest
from datetime import datetime, timedelta, timezone

from comity import CLIENT, CLINIC, DIAGNOSES, HOLDER, NAME, OTHER_PERSON, PERSON, PURPOSE, Federation, Service, answer, record
from service import slow

NAME_IRI, DIAGNOSES_IRI = 'https://w3id.org/dpv/pd#Name', 'https://w3id.org/dpv/pd#MedicalHealth'
VITAL = {'Comity_Basis': 'vital', 'Comity_Justification': 'unconscious after an accident', 'Comity_Confirmed_By': 'Dr B'}


def moment(**ahead):
    return (datetime.now(timezone.utc) + timedelta(**ahead)).strftime('%Y-%m-%dT%H:%M:%SZ')


def policy(url, **patients):
    """China's law at the hospital: the name leaves by a contract with the person, diagnoses on consent, or in an emergency."""
    return {
        'categories': [{'id': NAME, 'sensitive': False}, {'id': DIAGNOSES}],
        'instruments': [{'id': 'sc-1', 'kind': 'standard_contract', 'recipients': [CLINIC], 'categories': [NAME, DIAGNOSES],
                         'from': '2026-01-01', 'until': '2099-12-31'}],
        'services': [{
            'id': f'{HOLDER}/patients', 'url': f'{url}/patients', 'person': {'in': 'path', 'template': '/{person}/**'},
            'purposes': [PURPOSE], 'default_purpose': PURPOSE,
            'releases': [{'category': NAME, 'basis': 'contract', 'ref': 'treatment contract'},
                         {'category': DIAGNOSES, 'also': ['vital'], 'law_ref': 'PIPL 13(4)'}],
            'fields': [{'path': '$.name', 'category': NAME}, {'path': '$.conditions', 'category': DIAGNOSES}],
            'rights': [{'subject': CLIENT}],
            'dpia': {'ref': 'PIA-1', 'date': '2026-01-01', 'valid_until': '2099-12-31'},
            **patients}],
    }


class Decision(unittest.TestCase):
    def setUp(self):
        self.requests = []
        self.wait = 0.0
        self.service = Service(self.serve)
        self.federation = Federation(service=self.service)
        self.federation.make()
        for community, law, country in ((self.federation.aurora, 'KE-DPA', 'KE'), (self.federation.baobab, 'CN-PIPL', 'CN')):
            community.run('set-law', community.draft, law)
            community.run('set-country', community.draft, country)
        self.federation.publish()
        self.holder = self.federation.holder
        self.policy = policy(self.federation.service_url)
        self.holder.apply(self.policy)
        self.federation.start()
        self.addCleanup(self.federation.__exit__, None)

    def serve(self, handler, request):
        self.requests.append(request)
        told = answer(record(PERSON))
        (slow(self.wait, told) if self.wait else told)(handler, request)

    def change(self, **keys):
        """Other keys of the file, or of the service (given as patients={...})."""
        self.policy['services'][0].update(keys.pop('patients', {}))
        self.policy.update(keys)
        self.holder.apply(self.policy)
        self.holder.reload()

    def event(self, got):
        """The first decision event of an exchange."""
        return self.federation.decisions(got)[0]

    def replay(self):
        told = self.holder.run_json('log', 'replay')
        self.assertEqual((told['different'], told['undecidable']), (0, 0), told)
        self.assertGreater(told['same'], 0)

    def test_each_category_has_its_basis(self):
        got = self.federation.ask()
        self.assertEqual((got.status, got.json()), (200, {'name': 'Kim Example'}))
        event = self.event(got)
        for line in (('basis', f'contract {NAME_IRI}'), ('why', f'consent.none {DIAGNOSES_IRI}'), ('instrument', 'sc-1')):
            self.assertIn(line, event)
        self.assertTrue(dict(event)['law'].startswith('sha-256=:'))
        self.replay()

    def test_break_glass_leaves_at_once_and_is_to_be_reviewed(self):
        got = self.federation.ask(**VITAL)
        self.assertEqual(got.status, 200, got)
        self.assertEqual(sorted(got.json()), ['conditions', 'name'])
        self.assertEqual(self.requests[-1].header('Comity-Basis'), 'vital')
        event = dict(self.event(got))
        self.assertEqual((event['claim'], event['justification'], event['confirmed_by']), ('vital', 'unconscious after an accident', 'Dr B'))
        self.assertGreater(int(event['review_by']), time.time() * 1000)
        for lack in ('Comity_Justification', 'Comity_Confirmed_By'):
            refused = self.federation.ask(**{name: value for name, value in VITAL.items() if name != lack})
            self.assertEqual(refused.reason, 'basis.justification', refused)
        for field, value in (('Comity_Basis', 'consent'), ('Comity_Justification', 'x' * 501), ('Comity_Confirmed_By', 'x' * 129)):
            self.assertEqual(self.federation.ask(**{**VITAL, field: value}).reason, 'request.malformed')
        self.replay()

    def test_the_border(self):
        self.change(instruments=[{**self.policy['instruments'][0], 'until': '2026-02-01'}])
        self.assertEqual(self.federation.ask().reason, 'border.instrument')
        self.assertEqual(self.federation.ask(**VITAL).reason, 'border.instrument')  # an emergency crosses no border by itself
        self.change(instruments=[{**self.policy['instruments'][0], 'until': '2099-12-31', 'suspended': True}])
        self.assertEqual(self.federation.ask().reason, 'border.instrument')
        self.change(instruments=[{'id': 'x-1', 'kind': 'exempt_emergency', 'recipients': ['AURORA'], 'categories': [NAME, DIAGNOSES],
                                  'from': '2026-01-01'}])
        self.assertEqual(self.federation.ask(**VITAL).status, 200)
        self.change(blacklist=[CLINIC])
        self.assertEqual(self.federation.ask(**VITAL).reason, 'border.recipient')
        self.change(blacklist=[])
        self.assertEqual(self.federation.ask(Comity_Authority='Court of Aurora').reason, 'border.foreign_authority')
        self.change(foreign_authority={'approvals': [{'ref': 'leave 1', 'recipient': 'AURORA', 'from': '2026-01-01', 'until': '2099-01-01'}]})
        self.assertEqual(self.federation.ask(Comity_Authority='Court of Aurora').status, 200)
        self.replay()

    def test_a_scraper_is_held_until_somebody_has_looked(self):
        self.change(patients={'harvest': {'persons': 3, 'per': '1h'}})
        answers = [self.federation.ask(f'PNR-{n}') for n in (1, 2, 3, 4, 2, 5)]
        self.assertEqual([got.reason for got in answers], [None, None, None] + 3 * ['harvest.limit'])  # PNR-2 as well: it is held
        self.assertEqual(dict(self.event(answers[3]))['hold'], CLINIC)
        self.assertNotIn('hold', dict(self.event(answers[4])))  # once
        self.assertEqual(self.federation.ask('PNR-6', **VITAL).status, 200)  # an emergency that somebody else confirms
        [hold] = self.holder.run_json('policy', 'holds')['holds']
        self.assertEqual((hold['consumer'], hold['service'], hold['asked']), (CLINIC, f'{HOLDER}/patients', 3))

        self.holder.kill()
        self.holder.start()
        self.assertEqual(self.holder.run_json('policy', 'holds')['holds'], [hold])
        self.assertEqual(self.federation.ask('PNR-1').reason, 'harvest.limit')
        told = self.explain(expect=1)
        self.assertEqual((told['reason'], told['held']), ('harvest.limit', True))
        self.assertIn('release-hold', told['remedy'])
        self.assertIn('held at this service', told['text'])

        words = ('policy', 'release-hold', '--consumer', CLINIC, '--service', f'{HOLDER}/patients', '--by', 'J. Officer', '--reason', 'a queue')
        self.holder.run(*words)
        self.holder.run(*words, expect=1)  # it is held no more
        self.assertEqual(self.holder.run_json('policy', 'holds')['holds'], [])
        answers = [self.federation.ask(f'PNR-{n}') for n in (7, 8)]  # the persons before do not count
        self.holder.stop()
        self.holder.start()
        self.assertEqual(self.holder.run_json('policy', 'holds')['holds'], [])
        self.assertFalse(self.explain()['held'])
        answers += [self.federation.ask(f'PNR-{n}') for n in (9, 10)]  # those since then do, over a restart
        self.assertEqual([got.reason for got in answers], [None, None, None, 'harvest.limit'])
        self.assertEqual(self.steps(1, 'hold/1'), ['held', 'released', 'held'])
        self.replay()

    def explain(self, expect=0):
        return self.holder.run_json('policy', 'explain', '--client', CLIENT, '--service', f'{HOLDER}/patients', '--path', '/PNR-1', expect=expect)

    def steps(self, more, kind):
        """The `event` lines of the log's events of a kind, once the background has come to the last one."""
        deadline = time.monotonic() + 30
        while True:
            entries = [entry['index'] for entry in self.holder.run_json('log', 'show')['entries'] if entry['kind'] == 'event']
            texts = [self.holder.run('log', 'show', index, '--part', 'statement').stdout for index in entries]
            found = [dict(line.split(': ', 1) for line in text.splitlines()) for text in texts if text.startswith(f'comity-event: {kind}')]
            if len(found) >= 2 + more or time.monotonic() > deadline:
                return [event['event'] for event in found]
            time.sleep(0.2)

    def test_a_broken_glass_is_reviewed(self):
        got = self.federation.ask(**VITAL)
        self.assertEqual(got.status, 200, got)
        self.assertEqual(self.federation.ask().status, 200)  # claims nothing
        deadline = time.monotonic() + 30
        while not (rows := self.holder.run_json('policy', 'reviews', '--open')['reviews']) and time.monotonic() < deadline:
            time.sleep(0.2)
        [row] = rows
        self.assertEqual((row['justification'], row['confirmed_by'], row['person'], row['client'], row['verdict'], row['overdue']),
                         (VITAL['Comity_Justification'], VITAL['Comity_Confirmed_By'], PERSON, CLIENT, None, False))
        self.assertIn('comity_gateway_reviews_overdue 0', self.holder.metrics_text())
        said = ('--by', 'J. Officer', '--words', 'the ward confirms it')
        self.holder.run('policy', 'review', row['id'], '--verdict', 'perhaps', *said, expect=2)
        self.holder.run('policy', 'review', 'v-0', '--verdict', 'justified', *said, expect=1)
        self.holder.run('policy', 'review', row['id'], '--verdict', 'justified', *said)
        self.holder.run('policy', 'review', row['id'], '--verdict', 'unjustified', *said, expect=1)
        self.assertEqual(self.holder.run_json('policy', 'reviews', '--open')['reviews'], [])
        self.assertIn('comity_gateway_deferred_notices_overdue 0', self.holder.metrics_text())
        tell = ('policy', 'tell', row['id'], '--by', 'J. Officer', '--words', 'PIPL 18: secrecy, case 7')
        self.assertEqual(len(self.holder.run_json('policy', 'reviews', '--untold')['reviews']), 1)
        self.holder.run(*tell, '--event', 'deferred', expect=2)
        self.holder.run(*tell, '--event', 'waived')
        self.holder.run(*tell, '--event', 'told', expect=1)
        self.assertEqual(self.holder.run_json('policy', 'reviews', '--untold')['reviews'], [])
        [row] = self.holder.run_json('policy', 'reviews')['reviews']
        self.assertEqual((row['notice'], row['notice_words']), ('waived', 'PIPL 18: secrecy, case 7'))
        self.assertEqual((row['verdict'], row['by'], row['words']), ('justified', 'J. Officer', 'the ward confirms it'))

    def test_the_years_count(self):
        self.change(instruments=[{**self.policy['instruments'][0], 'max_persons': 2}])
        answers = [self.federation.ask(f'PNR-{n}') for n in (1, 2, 1, 3)]
        self.assertEqual([got.status for got in answers[:3]], [200, 200, 200])
        self.assertEqual(answers[3].reason, 'consent.none')  # the whole reason would tell who was counted
        self.assertEqual(dict(self.event(answers[3]))['reason'], 'border.volume')
        event = dict(self.event(answers[1]))
        self.assertTrue(event['export'].endswith(f' {HOLDER.rsplit("/", 1)[0]}'))
        self.holder.stop()
        self.holder.start()  # the log is the counter
        self.assertEqual(dict(self.event(self.federation.ask('PNR-4')))['reason'], 'border.volume')
        self.replay()

    def test_an_instrument_that_ends_while_the_service_works(self):
        self.wait = 3.0
        self.change(instruments=[{**self.policy['instruments'][0], 'until': moment(seconds=2)}])
        got = self.federation.ask()
        self.assertEqual(got.reason, 'border.instrument', got)
        self.assertEqual(len(self.requests), 1)  # it was permitted, and asked for, and did not leave
        self.replay()

    def test_without_its_assessment_a_service_is_not_there(self):
        listed = self.federation.ask(service='listMethods', rest='').json()['service']
        self.assertEqual([service['service_code'] for service in listed], ['patients'])
        self.change(patients={'dpia': {'ref': 'PIA-1', 'date': '2026-01-01', 'valid_until': '2026-02-01'}})
        self.assertEqual(self.federation.ask().reason, 'dpia.expired')
        self.assertEqual(self.federation.ask(service='listMethods', rest='').json()['service'], [])
        del self.policy['services'][0]['dpia']
        self.change()
        self.assertEqual(self.federation.ask().reason, 'dpia.missing')
        self.replay()

    def test_no_consent_and_no_such_person_look_alike(self):
        """Of one person the hospital knows a withdrawal, of the other nothing: the consumer sees no difference at all."""
        self.change(patients={'releases': [{'category': NAME}, {'category': DIAGNOSES}]})
        self.federation.publish_notice('n-care', (NAME, DIAGNOSES), law='CN-PIPL')
        self.federation.set_born()
        self.federation.withdraw_consent(self.federation.consent_to('n-care')['id'])

        def told(person):
            got = self.federation.ask(person)
            ids = re.compile(r'[0-9a-f]{8}-[0-9a-f-]{27}|' + re.escape(person))
            varying = {'date', 'x-road-request-hash', 'comity-decision', 'comity-head-digest', 'content-digest'}
            headers = sorted((name, ids.sub('*', value)) for name, value in got.headers if name.lower() not in varying)
            return got.status, headers, ids.sub('*', got.body.decode()), dict(self.event(got))

        known, unknown = told(PERSON), told(OTHER_PERSON)
        self.assertEqual(known[:3], unknown[:3])
        self.assertIn('consent.none', known[2])
        self.assertEqual((known[3]['reason'], unknown[3]['reason']), ('consent.withdrawn', 'consent.none'))
        self.assertEqual(self.requests, [])  # the service was asked about neither
        self.assertEqual(set(known[3]), set(unknown[3]))
        self.replay()


if __name__ == '__main__':
    unittest.main()
