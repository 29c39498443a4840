"""/v1 for consents: a notice is published, a person asked, the person decides, changes its mind; in every form; and what anybody else gets."""
import copy
import time
import unittest

from api import ApiCase
from comity import CLINIC, HOLDER, HOSPITAL

HEX = 'ab' * 32
BLOOD, NAME = 'https://w3id.org/dpv/pd#BloodType', 'https://w3id.org/dpv/pd#Name'
NOTICE = {
    'v': 1, 'id': 'n-blood', 'lifecycle': 'complete', 'active': True, 'law': 'strict', 'jurisdiction': ['https://w3id.org/dpv/loc#CN'],
    'holder': {'member': HOSPITAL, 'name': {'en': 'First Hospital'}, 'contact': 'mailto:privacy@hospital.example', 'address': '1 Hospital Road',
               'url': 'https://hospital.example/', 'officer': 'mailto:officer@hospital.example'},
    'recipient': {'member': CLINIC, 'name': {'en': 'Clinic Nine'}, 'contact': 'mailto:privacy@clinic.example', 'address': '9 River Road', 'country': 'KE'},
    'purpose': {'iri': 'https://w3id.org/dpv/sector/health#MedicalConditionDiagnosis', 'text': {'en': 'to find out what you suffer from'}, 'descends': False},
    'basis': 'consent', 'service': [f'{HOLDER}/patients'],
    'categories': [{'iri': BLOOD, 'sensitive': True, 'necessity': 'required', 'necessityText': {'en': 'blood must match'},
                    'impactText': {'en': 'it can tell of your health'}, 'attributes': ['$.blood.type']},
                   {'iri': NAME, 'sensitive': True, 'necessity': 'optional', 'necessityText': {'en': 'to greet you'},
                    'impactText': {'en': 'others know you were here'}, 'attributes': ['$.name']}],
    'processing': ['https://w3id.org/dpv#Consult', 'https://w3id.org/dpv#Use'], 'method': {'en': 'it is looked up once'}, 'automatedDecision': False, 'onward': [],
    'use': {'mode': 'view', 'fetch': 'onetime', 'frequency': {'max': 1, 'per': 'P1D', 'total': 1}, 'dataRange': {'from': '2020-01-01T00:00:00Z', 'to': None}},
    'retention': {'recipientLife': 'P30D', 'eraseAt': None}, 'storage': ['KE'], 'maxValidity': 'P6M',
    'border': {'crosses': True, 'instrument': 'sc-2026-014', 'remedyText': {'en': 'write to the clinic'}, 'safeguardText': {'en': 'a standard contract'}},
    'minor': {'allowed': True, 'guardianRequiredBelow': 18, 'guardianText': {'en': 'for the guardian'}, 'childText': {'en': 'for the child'}},
    'withdrawal': {'url': 'https://hospital.example/withdraw', 'text': {'en': 'at any time'}},
    'rights': {'url': 'https://hospital.example/rights', 'authority': 'https://authority.example/'},
    'refusalEffect': {'en': 'nothing else is refused to you'}, 'dpia': {'ref': 'PIA-2026-07', 'date': '2026-05-01'}, 'languages': ['en'],
}
SEPARATE = ['sensitive', 'provide', 'border']


class Consents(ApiCase):
    law = 'strict'
    number = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        answer = cls.api.call('POST', '/v1/notices', {'notice': NOTICE}, who='operator')
        if answer.status != 201:
            raise AssertionError(answer)
        cls.notice = answer.json()['sha256']

    def setUp(self):
        Consents.number += 1
        self.person = f'PNR-C-{Consents.number}'
        # An adult, or nobody could decide without a guardian.
        self.api.gateway.run('person', 'set', '--person', '-', '--born', '1980-01-01', stdin=self.person)

    def own(self, method, path, body=None, who=None, status=200, **more):
        answer = self.api.call(method, f'/v1{path}', body, who=who or self.person, **more)
        self.assertEqual(answer.status, status, answer)
        return answer

    def ask(self, who='clinic'):
        return self.own('POST', '/consent-requests', {'notice': 'n-blood'}, who=who, status=201, headers={'Comity-Person': self.person}).json()['id']

    def give(self, name, status=200, **more):
        body = {'decision': 'give', 'language': 'en', 'notice': self.notice, 'separate': SEPARATE, **more}
        return self.own('POST', f'/consents/{name}/answer', body, status=status)

    def read(self, name, **more):
        return self.own('GET', f'/consents/{name}', **more)

    def test_asked_given_withdrawn(self):
        name = self.ask()
        asked = self.read(name)
        self.assertEqual((asked.json()['status'], asked.json()['recipient'], asked.json()['person']['ref']), ('requested', CLINIC, self.person))
        self.assertEqual([row['status'] for row in self.own('GET', '/consents').json()['consents']], ['requested'])
        shown = self.own('GET', f'/consents/{name}/notice').json()
        self.assertEqual((shown['sha256'], shown['notice']['id']), (self.notice, 'n-blood'))
        tag = asked.header('ETag')
        given = self.own('POST', f'/consents/{name}/answer', {'decision': 'give', 'language': 'en', 'notice': self.notice, 'separate': SEPARATE,
                                                             'decisions': [{'category': BLOOD, 'decision': 'given'},
                                                                           {'category': 'pd:Name', 'decision': 'refused'}]},
                         headers={'If-Match': tag}).json()
        self.assertTrue(given['changed'] and given['logIndex'])
        record = self.read(name)
        self.assertNotEqual(record.header('ETag'), tag)
        self.assertEqual(record.json()['status'], 'given')
        self.assertEqual({row['category']: row['decision'] for row in record.json()['decisions']}, {BLOOD: 'given', NAME: 'refused'})
        self.assertEqual([event['type'] for event in record.json()['events']], ['requested', 'given'])
        self.assertEqual(sorted(record.json()['separate']), sorted(SEPARATE))
        self.assertEqual(self.own('GET', f'/consents/{name}', status=304, headers={'If-None-Match': record.header('ETag')}).body, b'')
        self.refused(self.own('POST', f'/consents/{name}/withdraw', {}, status=412, headers={'If-Match': tag}), 412, 'consent.changed')
        self.assertTrue(self.own('POST', f'/consents/{name}/pause', {}).json()['changed'])
        self.assertEqual(self.read(name).json()['status'], 'paused')
        self.own('POST', f'/consents/{name}/resume', {})
        first = self.own('POST', f'/consents/{name}/withdraw', {}).json()
        again = self.own('POST', f'/consents/{name}/withdraw', {}).json()
        self.assertEqual((first['changed'], again['changed'], again['logIndex']), (True, False, first['logIndex']))
        self.assertEqual(self.read(name).json()['status'], 'withdrawn')
        self.refused(self.give(name, status=409), 409, 'consent.state')

    def test_what_the_law_asks_for(self):
        name = self.ask()
        self.refused(self.own('POST', f'/consents/{name}/answer', {'decision': 'give', 'language': 'en', 'notice': self.notice}, status=409), 409, 'consent.not_separate')
        self.refused(self.give(name, notice=HEX, status=409), 409, 'notice.absent')
        self.refused(self.give(name, decisions=[{'category': BLOOD, 'decision': 'refused'}, {'category': NAME, 'decision': 'given'}], status=409), 409,
                     'consent.required')
        self.assertEqual(self.own('POST', f'/consents/{name}/answer', {'decision': 'refuse', 'language': 'en', 'notice': self.notice}).status, 200)
        self.assertEqual(self.read(name).json()['status'], 'refused')
        # A refusal is remembered: who was refused may not ask again at once.
        answer = self.own('POST', '/consent-requests', {'notice': 'n-blood'}, who='clinic', status=409, headers={'Comity-Person': self.person})
        self.refused(answer, 409, 'consent.reask')
        for bad in ({'decision': 'perhaps', 'language': 'en', 'notice': self.notice}, {'decision': 'give', 'language': 'en', 'notice': 'x'}, {'decision': 'give', 'notice': self.notice}, {'decision': 'give'},
                    {'decision': 'give', 'language': 'en', 'notice': self.notice, 'status': 'given'}, {'decision': 'give', 'language': 'en', 'notice': self.notice, 'separate': ['x']},
                    {'decision': 'give', 'language': 'en', 'notice': self.notice, 'decisions': [{'category': 'x y', 'decision': 'given'}]}):
            with self.subTest(bad):
                self.refused(self.own('POST', f'/consents/{name}/answer', bad, status=400), 400, 'request.malformed')

    def test_without_being_asked_and_all_at_once(self):
        made = [self.own('POST', '/consents', {'decision': 'give', 'language': 'en', 'notice': self.notice, 'separate': SEPARATE}, status=201).json()['id'] for _ in range(2)]
        rows = self.own('GET', '/consents?limit=1').json()
        self.assertEqual([row['id'] for row in rows['consents']], made[1:])
        more = self.own('GET', f'/consents?limit=1&cursor={rows["next"]}').json()
        self.assertEqual(([row['id'] for row in more['consents']], more['next']), (made[:1], None))
        self.refused(self.own('GET', '/consents?cursor=none', status=400), 400, 'request.malformed')
        self.assertEqual(self.own('GET', '/consents?recipient=X/Y/Z').json()['consents'], [])
        self.assertFalse(self.own('POST', '/consents/withdraw', {'recipient': 'X/Y/Z'}).json()['changed'])
        self.assertEqual(self.own('POST', '/consents/withdraw', {}).json()['records'], 2)
        self.assertEqual({row['status'] for row in self.own('GET', '/consents').json()['consents']}, {'withdrawn'})

    def test_nobody_else(self):
        name = self.ask()
        self.give(name)
        other = f'{self.person}-other'
        for method, path, body in (('GET', '', None), ('GET', '/notice', None), ('POST', '/withdraw', {}), ('POST', '/pause', {}),
                                   ('POST', '/answer', {'decision': 'refuse', 'language': 'en', 'notice': self.notice})):
            with self.subTest(path):
                self.refused(self.own(method, f'/consents/{name}{path}', body, who=other, status=404), 404, 'request.absent')
        self.assertEqual(self.own('GET', '/consents', who=other).json()['consents'], [])
        # Its recipient sees it, another organisation would not; neither decides.
        self.assertEqual(self.read(name, who='clinic').json()['status'], 'given')
        self.refused(self.own('POST', f'/consents/{name}/withdraw', {}, who='clinic', status=403), 403, 'auth.role')
        self.refused(self.own('POST', f'/consents/{name}/withdraw', {}, who='officer', status=403), 403, 'auth.role')
        self.refused(self.own('POST', f'/consents/{name}/withdraw', {}, who='auditor', status=403), 403, 'auth.role')
        audited = self.read(name, who='auditor')
        self.assertNotIn(self.person, audited.body.decode())
        self.refused(self.own('POST', '/consent-requests', {'notice': 'n-blood'}, status=403, headers={'Comity-Person': self.person}), 403, 'auth.role')
        self.refused(self.own('POST', '/consent-requests', {'notice': 'none'}, who='clinic', status=404, headers={'Comity-Person': self.person}), 404,
                     'notice.absent')

    def test_at_the_counter(self):
        name = self.ask()
        body = {'decision': 'give', 'language': 'en', 'notice': self.notice, 'separate': SEPARATE, 'method': 'paper', 'evidence': HEX}
        self.refused(self.own('POST', f'/consents/{name}/answer', {**body, 'method': None}, who='ward', status=400), 400, 'request.malformed')
        self.refused(self.own('POST', f'/consents/{name}/answer', {k: v for k, v in body.items() if k != 'method'}, who='ward', status=400), 400,
                     'request.malformed')
        self.own('POST', f'/consents/{name}/answer', body, who='ward')
        event = self.read(name).json()['events'][-1]
        self.assertEqual((event['by']['role'], event['method']), ('person', 'paper'))
        deadline = time.monotonic() + 20
        seen = []
        while not seen and time.monotonic() < deadline:
            seen = [row['service'] for row in self.own('GET', '/uses').json()['uses'] if row['kind'] == 'access']
        self.assertIn('answerConsent', seen)

    def test_a_child_and_its_guardian(self):
        child, mother = f'{self.person}-child', self.person
        self.api.gateway.run('person', 'set', '--person', '-', '--born', '2020-01-01', stdin=child)
        made = self.own('POST', '/guardianships', {'role': 'guardian', 'representative': mother, 'relation': 'mother', 'evidence': HEX, 'proof': HEX},
                        who='officer', status=201, headers={'Comity-Person': child}).json()['id']
        body = {'decision': 'give', 'language': 'en', 'notice': self.notice, 'separate': [*SEPARATE, 'minor']}
        self.refused(self.own('POST', '/consents', body, who=child, status=409), 409, 'consent.guardian')
        name = self.own('POST', '/consents', body, status=201, headers={'Comity-Guardianship': made}).json()['id']
        event = self.own('GET', f'/consents/{name}', who=child).json()['events'][0]
        self.assertEqual((event['by']['role'], event['by']['relation'], event['by']['ref']), ('guardian', 'mother', mother))
        self.assertEqual(self.own('GET', '/consents').json()['consents'], [])
        self.assertEqual(len(self.own('GET', '/consents', headers={'Comity-Guardianship': made}).json()['consents']), 1)
        self.own('POST', f'/consents/{name}/withdraw', {}, headers={'Comity-Guardianship': made})

    def test_forms(self):
        name = self.ask()
        self.give(name)
        for form, check in {'comity': lambda v: v['id'] == name, 'dpv': lambda v: '@context' in v, 'kantara': lambda v: v['version'] == 'KI-CR-v1.1.0',
                            'fhir-r4': lambda v: (v['resourceType'], v['status']) == ('Consent', 'active'),
                            'fhir-r5': lambda v: (v['resourceType'], v['decision']) == ('Consent', 'permit'), 'rebit': lambda v: True}.items():
            with self.subTest(form):
                answer = self.read(f'{name}?format={form}')
                self.assertTrue(check(answer.json()), answer)
        fhir = self.read(name, headers={'Accept': 'application/fhir+json'})
        self.assertTrue(fhir.header('Content-Type').startswith('application/fhir+json'), fhir)
        self.assertEqual(self.read(name, headers={'Accept': 'application/fhir+json; fhirVersion=5.0'}).json()['decision'], 'permit')
        self.assertNotEqual(fhir.header('ETag'), self.read(name).header('ETag'))
        self.refused(self.own('GET', f'/consents/{name}?format=xml', status=400), 400, 'request.malformed')
        deadline = time.monotonic() + 20
        while True:
            answer = self.api.call('GET', f'/v1/consents/{name}?format=receipt', who=self.person)
            if answer.status == 200 or time.monotonic() > deadline:
                break
            self.refused(answer, 503, 'receipt.pending')
            time.sleep(0.1)
        self.assertEqual(answer.status, 200, answer)

    def test_notices(self):
        listed = self.own('GET', '/notices').json()['notices']
        self.assertEqual([(row['id'], row['revision'], row['current']) for row in listed if row['id'] == 'n-blood'], [('n-blood', 1, True)])
        one = self.own('GET', f'/notices/{self.notice}')
        self.assertEqual(one.header('ETag'), f'"{self.notice}"')
        self.refused(self.own('GET', f'/notices/{HEX}', status=404), 404, 'request.absent')
        self.refused(self.own('GET', '/notices/x', status=404), 404, 'request.absent')
        self.refused(self.own('POST', '/notices', {'notice': NOTICE}, status=403), 403, 'auth.role')
        self.refused(self.own('POST', '/notices', {'notice': NOTICE}, who='clinic', status=403), 403, 'auth.role')
        same = self.own('POST', '/notices', {'notice': NOTICE}, who='operator', status=201).json()
        self.assertEqual((same['sha256'], same['changed']), (self.notice, False))
        lacking = copy.deepcopy(NOTICE)
        del lacking['categories'][0]['impactText']
        answer = self.own('POST', '/notices', {'notice': {**lacking, 'id': 'n-lacking'}}, who='operator', status=422)
        self.refused(answer, 422, 'notice.incomplete')
        self.assertIn('/categories/0', answer.json()['detail'])
        self.refused(self.own('POST', '/notices', {'notice': {'v': 1}}, who='operator', status=400), 400, 'request.malformed')

    def test_a_wider_notice_asks_everybody_again(self):
        first = self.own('POST', '/notices', {'notice': {**NOTICE, 'id': f'n-{self.number}'}}, who='operator', status=201).json()['sha256']
        name = self.own('POST', '/consents', {'decision': 'give', 'language': 'en', 'notice': first, 'separate': SEPARATE}, status=201).json()['id']
        wider = {**copy.deepcopy(NOTICE), 'id': f'n-{self.number}', 'retention': {'recipientLife': 'P60D', 'eraseAt': None}}
        second = self.own('POST', '/notices', {'notice': wider}, who='operator', status=201).json()
        self.assertEqual(second['difference'], 'wider')
        self.assertEqual(self.read(name).json()['status'], 'superseded')
        self.assertEqual(self.own('GET', f'/consents/{name}/notice').json()['sha256'], first)
        self.refused(self.own('POST', '/consents', {'decision': 'give', 'language': 'en', 'notice': first, 'separate': SEPARATE}, status=409), 409, 'consent.superseded')

    def test_rights(self):
        made = self.own('POST', '/requests', {'right': 'correct', 'words': 'my blood type is B'}, status=201).json()['id']
        mine = self.own('GET', '/requests').json()['requests']
        self.assertEqual([(row['id'], row['state'], row['overdue'], row['words']) for row in mine], [(made, 'received', False, 'my blood type is B')])
        self.refused(self.own('GET', f'/requests/{made}', who=f'{self.person}-other', status=404), 404, 'request.absent')
        queue = self.own('GET', '/requests?open=true', who='officer').json()['requests']
        self.assertIn((made, None, None), [(row['id'], row['person'], row['words']) for row in queue])
        opened = self.own('GET', f'/requests/{made}', who='officer').json()
        self.assertEqual((opened['person'], opened['words']), (self.person, 'my blood type is B'))
        self.refused(self.own('POST', f'/requests/{made}/act', {'event': 'refuse'}, who='officer', status=400), 400, 'request.malformed')
        self.own('POST', f'/requests/{made}/act', {'event': 'accept'}, who='officer')
        done = self.own('POST', f'/requests/{made}/act', {'event': 'fulfil', 'answer': 'it is corrected'}, who='officer').json()
        self.assertEqual((done['state'], done['answer']), ('fulfilled', 'it is corrected'))
        self.assertEqual(self.own('GET', f'/requests/{made}').json()['answer'], 'it is corrected')
        self.refused(self.own('POST', f'/requests/{made}/cancel', status=409), 409, 'request.denied')
        self.refused(self.own('POST', f'/requests/{made}/act', {'event': 'accept'}, status=403), 403, 'auth.role')
        self.assertIn('consents', self.own('GET', '/report').json())
        self.assertEqual(self.own('GET', '/obligations').json(), {'obligations': []})

    # ---- in the forms of others

    def bring(self, document, who='ward', status=200):
        answer = self.api.call('POST', '/v1/consent-imports', {'document': document}, who=who)
        self.assertEqual(answer.status, status, answer)
        return answer if status != 200 else answer.json()

    def exported(self, name, form):
        return self.read(name, headers={}).json() if form == 'comity' else self.own('GET', f'/consents/{name}?format={form}').json()

    def test_brought_back(self):
        name = self.own('POST', '/consents', {'decision': 'give', 'language': 'en', 'notice': self.notice, 'separate': SEPARATE}, status=201).json()['id']
        for form, called in (('comity', 'comity'), ('dpv', 'dpv'), ('kantara', 'kantara')):
            with self.subTest(form):
                document = self.exported(name, form)
                self.assertEqual(self.bring(document), {'form': called, 'outcome': 'known', 'id': name})
                self.assertEqual(self.bring(document, who='clinic'), {'form': called, 'outcome': 'known', 'id': name})  # it is the recipient
        self.assertEqual([row['id'] for row in self.own('GET', '/consents').json()['consents']], [name])
        changed = self.exported(name, 'dpv')
        changed['dpv:hasDataSubject']['dct:identifier'] = 'PNR-SOMEBODY'
        self.refused(self.bring(changed, status=400), 400, 'request.malformed')

    def test_becomes_a_request(self):
        name = self.own('POST', '/consents', {'decision': 'give', 'language': 'en', 'notice': self.notice, 'separate': SEPARATE}, status=201).json()['id']
        self.own('POST', '/consents/withdraw', {})
        for form in ('fhir-r4', 'fhir-r5'):
            with self.subTest(form):
                made = self.bring({**self.exported(name, form), 'status': 'active'})
                self.assertEqual((made['form'], made['outcome']), ('fhir', 'requested'))
                self.assertEqual(self.read(made['id']).json()['status'], 'requested')  # and nothing more than that, whatever it says
        stranger = {**self.exported(name, 'fhir-r4'), 'policy': [{'uri': 'urn:elsewhere:notice:1'}]}
        self.refused(self.bring(stranger, status=409), 409, 'request.denied')

    def test_refused(self):
        name = self.own('POST', '/consents', {'decision': 'give', 'language': 'en', 'notice': self.notice, 'separate': SEPARATE}, status=201).json()['id']
        receipt = self.exported(name, 'kantara')
        for lie in ({'consentReceiptID': '0f0e0d0c-0b0a-4908-8706-050403020100'}, {'piiPrincipalId': 'PNR-SOMEBODY'}, {'consentReceiptID': 'x'}):
            with self.subTest(lie):  # somebody else's receipt names no notice of ours
                self.refused(self.bring({**receipt, **lie}, status=409), 409, 'notice.absent')
        for bad in ({}, {'resourceType': 'Patient'}, {'version': 'KI-CR-v1.1.0'}, {'@context': 'x'}, {'sha256': 'x'}, {'resourceType': 'Consent'}):
            with self.subTest(bad):
                self.assertIn(self.api.call('POST', '/v1/consent-imports', {'document': bad}, who='ward').status, (400, 409))
        for who in (self.person, 'auditor', 'operator', 'officer'):
            self.refused(self.api.call('POST', '/v1/consent-imports', {'document': receipt}, who=who), 403, 'auth.role')


if __name__ == '__main__':
    unittest.main()
