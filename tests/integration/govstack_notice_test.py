"""Published notices as GovStack's data agreements: a consent given by GovStack's API lets an exchange through, and withdrawn by it stops the next."""
import hashlib
import json
import unittest

from api import Api, problem
from comity import CLIENT, CLINIC, DIAGNOSES, HOLDER, PERSON, PURPOSE, Federation

BASE = '/govstack/v1'
ACTS = {'separate': ['sensitive', 'provide', 'border']}


def policy(url):
    """The hospital's under China's law: diagnoses leave the country by a standard contract, on consent, with separate acts."""
    return {
        'categories': [{'id': DIAGNOSES}],
        'instruments': [{'id': 'sc-1', 'kind': 'standard_contract', 'recipients': [CLINIC], 'categories': [DIAGNOSES], 'from': '2026-01-01',
                         'until': '2099-12-31'}],
        'services': [{'id': f'{HOLDER}/patients', 'url': f'{url}/patients', 'person': {'in': 'path', 'template': '/{person}/**'},
                      'purposes': [PURPOSE], 'default_purpose': PURPOSE, 'releases': [{'category': DIAGNOSES}],
                      'fields': [{'path': '$.conditions', 'category': DIAGNOSES}], 'rights': [{'subject': CLIENT}],
                      'dpia': {'ref': 'PIA-1', 'date': '2026-01-01', 'valid_until': '2099-12-31'}}],
    }


class Notices(unittest.TestCase):
    number = 0

    @classmethod
    def setUpClass(cls):
        cls.federation = federation = Federation()
        federation.make()
        for community, law, country in ((federation.aurora, 'KE-DPA', 'KE'), (federation.baobab, 'CN-PIPL', 'CN')):
            community.run('set-law', community.draft, law)
            community.run('set-country', community.draft, country)
        federation.publish()
        federation.holder.apply(policy(federation.service_url))
        cls.api = Api(federation)
        cls.addClassCleanup(cls.api.__exit__, None, None, None)
        cls.api.__enter__()

    def setUp(self):
        """A person and a notice of each test's own; no two of them meet."""
        Notices.number += 1
        self.person, self.name = f'PNR-{self.number}', f'n-{self.number}'
        self.federation.set_born(self.person)
        self.published = self.federation.publish_notice(self.name, (DIAGNOSES,), law='CN-PIPL')

    def call(self, method, path, body=None, who=None, status=200):
        answer = self.api.call(method, f'{BASE}/{path}', body, who=who or self.person)
        self.assertEqual(answer.status, status, answer)
        return answer.json() if answer.body else None

    def denied(self, reason, method, path, body=None, who=None):
        answer = self.api.call(method, f'{BASE}/{path}', body, who=who or self.person)
        self.assertEqual(problem(answer), (400, reason), answer)
        return answer.json()['detail']

    def asked(self):
        return self.federation.ask(self.person).reason

    def make(self):
        return self.call('POST', f'service/individual/record/data-agreement/{self.name}?individualId={self.person}')

    @staticmethod
    def signature(payload, **more):
        return {'signature': {'payload': payload, 'signature': 'c2lnbmVk', 'verificationMethod': 'by hand', 'verificationPayload': payload,
                              'verificationPayloadHash': hashlib.sha256(payload.encode()).hexdigest(), 'verificationSignedBy': 'the person',
                              'timestamp': '2026-11-24T12:00:00Z'}, **more}

    def sign(self, made, method='POST', **more):
        return method, f'{self.path(made)}/signature', self.signature(made['revision']['serializedSnapshot'], **more)

    @staticmethod
    def path(made):
        return f'service/individual/record/consent-record/{made["consentRecord"]["id"]}'

    def opt(self, made, value, **more):
        return self.call('PUT', self.path(made), {'consentRecord': {'optIn': value}, **more})

    def current(self):
        return self.call('GET', f'service/individual/record/data-agreement/{self.name}')['consentRecord']

    def test_given_used_withdrawn(self):
        self.assertEqual(self.asked(), 'consent.none')
        made = self.make()
        self.assertEqual(made['consentRecord']['state'], 'unsigned')
        self.assertEqual(made['consentRecord']['dataAgreement']['comity'], {'sha256': self.published['digest']})
        self.assertEqual(self.asked(), 'consent.none')  # nobody has signed
        self.assertIn('/comity/separate', self.denied('consent.not_separate', *self.sign(made)))
        self.assertEqual(self.asked(), 'consent.none')
        self.call(*self.sign(made, comity=ACTS))
        self.assertIsNone(self.asked())
        record = self.current()
        self.assertEqual((record['optIn'], record['state']), (True, 'signed'))
        [consent] = self.api.call('GET', '/v1/consents', who=self.person).json()['consents']
        self.assertEqual((consent['id'], consent['status']), (record['comity']['consentId'], 'given'))
        self.denied('consent.state', 'PUT', self.path(made), {'consentRecord': {'optIn': True}})  # it is, and holds
        self.assertIsNone(self.asked())
        self.opt(made, False)
        self.assertEqual(self.asked(), 'consent.none')
        self.assertEqual(self.current()['optIn'], False)
        again = self.opt(made, True)
        self.assertEqual((again['consentRecord']['state'], self.asked()), ('unsigned', 'consent.none'))
        self.call(*self.sign(again, comity=ACTS))
        self.assertIsNone(self.asked())

    def test_what_ends_elsewhere_has_ended_here(self):
        made = self.make()
        self.call(*self.sign(made, comity=ACTS))
        self.assertIsNone(self.asked())
        self.api.call('POST', '/v1/consents/withdraw', {}, who=self.person)
        self.assertEqual(self.asked(), 'consent.none')
        self.assertFalse(self.current()['optIn'])
        rows = self.call('GET', 'service/verification/consent-records?limit=50', who='ward')['consentRecords']
        self.assertEqual([row['optIn'] for row in rows if row['id'] == made['consentRecord']['id']], [False])
        self.denied('consent.state', *self.sign(made, 'PUT'))  # another signature doesn't bring it back
        self.assertEqual(self.asked(), 'consent.none')

    def test_a_refusal_and_a_signed_draft(self):
        made = self.make()
        self.opt(made, False)
        self.assertEqual([row['status'] for row in self.api.call('GET', '/v1/consents', who=self.person).json()['consents']], ['refused'])
        draft = self.call('POST', f'service/individual/record/consent-record/draft?individualId={self.person}&dataAgreementId={self.name}')
        body = {'consentRecord': draft['consentRecord'], **self.signature(draft['signature']['payload'])}
        self.denied('consent.not_separate', 'POST', 'service/individual/record/consent-record', body)
        done = self.call('POST', 'service/individual/record/consent-record', {**body, 'comity': ACTS})
        self.assertIsNone(self.asked())
        again = self.call('POST', 'service/individual/record/consent-record', {**body, 'comity': ACTS})
        self.assertEqual(again['consentRecord']['id'], done['consentRecord']['id'])
        self.assertEqual(json_of(done['revision'])['optIn'], True)
        self.assertNotIn('comity', json_of(done['revision']))  # what was signed is what was kept

    def test_at_the_counter(self):
        individual = self.call('POST', 'service/individual', {'individual': {'externalId': self.person}}, who='ward')['individual']['id']
        made = self.call('POST', f'service/individual/record/data-agreement/{self.name}?individualId={individual}', who='ward')
        method, path, body = self.sign(made, comity=ACTS)
        self.assertIn('/comity/method', self.denied('request.malformed', method, path, body, who='ward'))
        self.call(method, path, {**body, 'comity': {**ACTS, 'method': 'paper', 'evidence': 'ab' * 32}}, who='ward')
        self.assertIsNone(self.asked())
        consent = self.current()['comity']['consentId']
        self.assertEqual(self.api.gateway.run_json('consent', 'history', consent)['events'][0]['method'], 'paper')

    def test_revisions(self):
        agreement = self.call('GET', f'config/data-agreement/{self.name}', who='ward')
        self.assertEqual((agreement['dataAgreement']['id'], agreement['dataAgreement']['lifecycle']['name']), (self.name, 'Complete'))
        made = self.make()
        self.federation.publish_notice(self.name, (DIAGNOSES,), law='CN-PIPL', revision=2, prevSha256=self.published['digest'],
                                       processing=['https://w3id.org/dpv#Consult', 'https://w3id.org/dpv#Store'])
        newer = self.call('GET', f'config/data-agreement/{self.name}', who='ward')
        self.assertEqual(newer['revision']['predecessorHash'], agreement['revision']['serializedHash'])
        older = self.call('GET', f'config/data-agreement/{self.name}?revisionId={agreement["revision"]["id"]}', who='ward')
        self.assertEqual(older['revision']['successor'], {'id': newer['revision']['id']})
        self.denied('consent.superseded', *self.sign(made, comity=ACTS))
        self.assertEqual(self.asked(), 'consent.none')
        self.call(*self.sign(self.make(), comity=ACTS))
        self.assertIsNone(self.asked())
        self.assertIn(self.name, [row['id'] for row in self.call('GET', 'config/data-agreements?limit=200', who='ward')['dataAgreements']])
        changed = {**{key: value for key, value in newer['dataAgreement'].items() if key != 'comity'}, 'purpose': 'to sell it'}
        self.denied('consent.state', 'PUT', f'config/data-agreement/{self.name}', {'dataAgreement': changed}, who='ward')
        self.denied('consent.state', 'DELETE', f'config/data-agreement/{self.name}', who='ward')
        self.denied('request.denied', 'POST', 'config/data-agreement', {'dataAgreement': {**changed, 'id': self.name}}, who='ward')
        forged = {**changed, 'id': 'forged', 'comity': {'sha256': self.published['digest']}}
        self.denied('request.malformed', 'POST', 'config/data-agreement', {'dataAgreement': forged}, who='ward')


def json_of(revision):
    return json.loads(revision['serializedSnapshot'])['objectData']


if __name__ == '__main__':
    unittest.main()
