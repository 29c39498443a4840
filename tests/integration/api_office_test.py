"""/v1 for the holder's office: holds of the guard against harvesting, reviews of a broken glass, breaches, registers. Who sees which persons."""
import time
import unittest

from api import Api, problem
from comity import CLIENT, CLINIC, HOLDER, NAME, PERSON, PURPOSE, Federation

EMAIL = 'pd:EmailAddress'
VITAL = {'Comity_Basis': 'vital', 'Comity_Justification': 'unconscious after an accident', 'Comity_Confirmed_By': 'Dr B'}
SERVICE = f'{HOLDER}/patients'


def policy(url):
    """The name leaves by contract, the mail address on consent or in an emergency; more than three persons an hour are a harvest."""
    return {
        'categories': [{'id': NAME, 'sensitive': False}, {'id': EMAIL, 'sensitive': False}],
        'services': [{
            'id': SERVICE, 'url': f'{url}/patients', 'person': {'in': 'path', 'template': '/{person}/**'}, 'purposes': [PURPOSE],
            'default_purpose': PURPOSE, 'releases': [{'category': NAME, 'basis': 'contract', 'ref': 'treatment contract'},
                                                     {'category': EMAIL, 'also': ['vital'], 'law_ref': 'test 1'}],
            'fields': [{'path': '$.name', 'category': NAME}, {'path': '$.address', 'category': EMAIL}],
            'rights': [{'subject': CLIENT}], 'harvest': {'persons': 3, 'per': '1h'}}],
    }


class Office(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        federation = Federation()
        federation.make()
        federation.holder.apply(policy(federation.service_url))
        cls.api = Api(federation)
        cls.addClassCleanup(cls.api.__exit__, None, None, None)
        cls.api.__enter__()

    def office(self, method, path, body=None, who='officer', **more):
        return self.api.call(method, f'/v1{path}', body, who=who, **more)

    def done(self, answer, status=200):
        self.assertEqual(answer.status, status, answer)
        return answer.json()

    def refused(self, answer, status, reason):
        self.assertEqual(problem(answer), (status, reason), answer)

    def uses_of(self, person):
        return self.done(self.api.call('GET', '/v1/uses', who=person))['uses']

    def test_a_hold_is_released(self):
        reasons = [self.api.federation.ask(f'PNR-{n}').reason for n in range(5)]
        self.assertIn('harvest.limit', reasons)
        [hold] = self.done(self.office('GET', '/holds', who='operator'))['holds']
        self.assertEqual((hold['consumer'], hold['service']), (CLINIC, SERVICE))
        release = {'consumer': CLINIC, 'service': SERVICE, 'reason': 'a queue at the counter'}
        for who in ('auditor', 'viewer', 'ward', PERSON):
            self.refused(self.office('POST', '/holds/release', release, who=who), 403, 'auth.role')
        self.refused(self.office('POST', '/holds/release', {**release, 'by': 'somebody'}), 400, 'request.malformed')
        self.refused(self.office('POST', '/holds/release', {**release, 'consumer': HOLDER}), 404, 'request.absent')
        index = self.done(self.office('POST', '/holds/release', release))['logIndex']
        self.assertIn('by: officer', self.api.gateway.run('log', 'show', index, '--part', 'statement').stdout)
        self.assertEqual(self.done(self.office('GET', '/holds'))['holds'], [])
        self.assertEqual(self.api.federation.ask('PNR-9').status, 200)

    def test_a_broken_glass_is_reviewed(self):
        got = self.api.federation.ask(**VITAL)
        self.assertEqual(got.status, 200, got)
        deadline = time.monotonic() + 30
        while not (rows := self.done(self.office('GET', '/reviews?open=true'))['reviews']) and time.monotonic() < deadline:
            time.sleep(0.2)
        [row] = rows
        self.assertEqual((row['client'], row['verdict'], row['overdue']), (CLIENT, None, False))
        self.assertEqual((row['person'], row['justification'], row['confirmedBy']), (None, None, None))  # a list names nobody
        path = f'/reviews/{row["id"]}'
        for who in ('operator', 'auditor'):
            self.assertIsNone(self.done(self.office('GET', path, who=who))['person'])
        self.assertEqual([use for use in self.uses_of(PERSON) if use.get('kind') == 'access'], [])
        opened = self.done(self.office('GET', path))
        self.assertEqual((opened['person'], opened['justification'], opened['confirmedBy']),
                         (PERSON, VITAL['Comity_Justification'], VITAL['Comity_Confirmed_By']))
        self.assertIn('readReview', str(self.uses_of(PERSON)))  # who was looked at sees it
        self.refused(self.office('GET', '/reviews/v-0'), 404, 'request.absent')
        said = {'verdict': 'justified', 'words': 'the ward confirms it'}
        self.refused(self.office('POST', f'{path}/decide', said, who='operator'), 403, 'auth.role')
        self.refused(self.office('POST', f'{path}/decide', {**said, 'verdict': 'perhaps'}), 400, 'request.malformed')
        decided = self.done(self.office('POST', f'{path}/decide', said))
        self.assertEqual((decided['verdict'], decided['by'], decided['words']), ('justified', 'officer', 'the ward confirms it'))
        self.refused(self.office('POST', f'{path}/decide', said), 409, 'request.denied')
        self.assertEqual(self.done(self.office('GET', '/reviews?open=true'))['reviews'], [])
        [row] = self.done(self.office('GET', '/reviews?untold=true'))['reviews']  # the person waits for the notice
        self.assertEqual((row['notice'], row['noticeOverdue'], row['noticeAt']), ('deferred', False, None))
        told = {'event': 'told', 'words': 'by letter of today'}
        self.refused(self.office('POST', f'{path}/notice', told, who='operator'), 403, 'auth.role')
        self.refused(self.office('POST', f'{path}/notice', {**told, 'event': 'deferred'}), 400, 'request.malformed')
        done = self.done(self.office('POST', f'{path}/notice', told))
        self.assertEqual((done['notice'], done['noticeBy'], done['noticeWords']), ('told', 'officer', 'by letter of today'))
        self.refused(self.office('POST', f'{path}/notice', {**told, 'event': 'waived'}), 409, 'request.denied')
        self.assertEqual(self.done(self.office('GET', '/reviews?untold=true'))['reviews'], [])
        self.assertIsNone(self.done(self.office('GET', '/reviews'))['reviews'][0]['noticeWords'])

    def test_a_breach(self):
        self.assertEqual(self.api.federation.ask().status, 200)
        told = {'from': '2026-01-01T00:00:00Z', 'until': '2099-01-01T00:00:00Z', 'recipient': CLINIC, 'cause': 'a lost laptop', 'harm': 'it can be read',
                'measures': 'wiped from afar', 'advice': 'change your password', 'contact': 'privacy@hospital.example', 'knownAt': '2026-11-01T08:00:00Z'}
        self.refused(self.office('POST', '/breaches', told, who='operator'), 403, 'auth.role')
        self.refused(self.office('POST', '/breaches', {**told, 'category': 'no iri'}), 400, 'request.malformed')
        made = self.done(self.office('POST', '/breaches', told), 201)
        read = self.done(self.office('GET', f'/breaches/{made["id"]}'))
        self.assertGreater(read['personCount'], 0)
        self.assertIn('a lost laptop', read['authorityDraft'])
        self.assertNotIn(PERSON, str(read))
        self.assertEqual(read['breach']['recipient'], CLINIC)
        step = {'step': 'closed', 'words': 'all was said'}
        self.refused(self.office('POST', f'/breaches/{made["id"]}/steps', step), 409, 'request.denied')  # nobody was told yet
        for name in ('authority-told', 'persons-told', 'closed'):
            self.done(self.office('POST', f'/breaches/{made["id"]}/steps', {**step, 'step': name}))
        [row] = self.done(self.office('GET', '/breaches', who='auditor'))['breaches']
        self.assertEqual((row['id'], row['report']), (made['id'], 'all was said'))
        self.refused(self.office('GET', '/breaches/b-0'), 404, 'request.absent')

    def test_registers(self):
        [service] = self.done(self.office('GET', '/register'))['services']
        self.assertEqual(service['service'], SERVICE)
        told = {'service': SERVICE, 'reference': 'PIA-9', 'author': 'J. Officer', 'report': 'looked at', 'madeAt': '2026-01-01T00:00:00Z',
                'validUntil': '2026-12-31T00:00:00Z'}
        self.refused(self.office('POST', '/assessments', told, who='operator'), 403, 'auth.role')
        self.done(self.office('POST', '/assessments', told), 201)
        [row] = self.done(self.office('GET', f'/assessments?service={SERVICE.replace("/", "%2F")}'))['assessments']
        self.assertEqual((row['reference'], row['author']), ('PIA-9', 'J. Officer'))
        self.assertEqual(self.done(self.office('GET', '/received-notices?open=true'))['notices'], [])
        end = {'from': 'nobody', 'id': 'n-1', 'outcome': 'erased'}
        self.refused(self.office('POST', '/received-notices/end', end), 404, 'request.absent')
        self.refused(self.office('GET', '/register', who='viewer'), 403, 'auth.role')


if __name__ == '__main__':
    unittest.main()
