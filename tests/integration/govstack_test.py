"""
GovStack's Consent building block: each of its 42 endpoints, what it does and what it refuses (the reference's section 1.1). The two features that the
specification brings are run by tests/interop/govstack_features_test.py.
"""
import base64
import hashlib
import hmac
import json
import re
import random
import time
import unittest

from api import ApiCase, problem
from receiver import Receiver
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

BASE = '/govstack/v1'
ME, OTHER = 'PNR-1980-0001', 'PNR-1975-0002'
POLICY = {'name': 'Health data', 'version': '1', 'url': 'https://hospital.example/policy/1', 'dataRetentionPeriodDays': 30}
AGREEMENT = {
    'version': '1', 'purpose': 'Diagnosis', 'lawfulBasis': 'consent', 'dataUse': 'data_source', 'dpia': 'PIA-7', 'active': True, 'forgettable': False,
    'controller': {'id': 'c1', 'name': 'Hospital', 'url': 'https://hospital.example'},
    'lifecycle': {'id': '2', 'name': 'Complete'},
    'dataAttributes': [{'id': 'd1', 'name': 'Blood type', 'sensitivity': 'sensitive', 'category': 'https://w3id.org/dpv/pd#BloodType'}],
}


class GovStack(ApiCase):
    """Each test has its own objects; `done` and `no` note which endpoints were met with success and with 400."""
    met, refused_at, finished = set(), set(), set()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.finished.add(cls.__name__)

    def call(self, method, path, body=None, who='ward', headers=None, status=200):
        """Checks the status, which is one of two, and notes the endpoint that it was."""
        slash = random.choice(('', '/'))
        where, _, query = path.partition('?')
        answer = self.api.call(method, f'{BASE}/{where}{slash}{"?" + query if query else ""}', body, who=who, headers=headers)
        self.assertEqual(answer.status, status, f'{method} {path}: {answer}')
        (self.met if status == 200 else self.refused_at).add(self.template(method, where))
        if status == 400:
            problem(answer)
            return answer.json()
        return answer.json() if answer.body else None

    @classmethod
    def template(cls, method, path):
        for known, template in cls.templates():
            if known == method and re.fullmatch(re.sub(r'\{\w+\}', '[^/]+', template), path) and not (
                    template.endswith('{individualId}') and path.endswith(('/record',))):
                return method, template
        raise AssertionError(f'{method} {path} is none of the 42')

    @staticmethod
    def templates():
        text = '''POST config/policy|GET config/policy/{policyId}|PUT config/policy/{policyId}|DELETE config/policy/{policyId}
            GET config/policy/{policyId}/revisions|GET config/policies|POST config/data-agreement|GET config/data-agreement/{dataAgreementId}
            PUT config/data-agreement/{dataAgreementId}|DELETE config/data-agreement/{dataAgreementId}|GET config/data-agreements
            POST config/individual|GET config/individual/{individualId}|GET config/individuals
            POST config/webhook|GET config/webhook/{webhookId}|PUT config/webhook/{webhookId}|DELETE config/webhook/{webhookId}|GET config/webhooks
            POST service/individual|GET service/individual/{individualId}|PUT service/individual/{individualId}|GET service/individuals
            GET service/data-agreement/{dataAgreementId}|GET service/policy/{policyId}|GET service/verification/data-agreements
            GET service/verification/consent-records|GET service/verification/consent-record/{consentRecordId}
            POST service/individual/record/data-agreement/{dataAgreementId}|GET service/individual/record/data-agreement/{dataAgreementId}
            POST service/individual/record/consent-record/draft|POST service/individual/record/consent-record|GET service/individual/record/consent-record
            PUT service/individual/record/consent-record/{consentRecordId}
            POST service/individual/record/consent-record/{consentRecordId}/signature|PUT service/individual/record/consent-record/{consentRecordId}/signature
            GET service/individual/record/data-agreement/{dataAgreementId}/all|DELETE service/individual/record
            GET audit/consent-records|GET audit/consent-record/{consentRecordId}|GET audit/data-agreements|GET audit/data-agreement/{dataAgreementId}'''
        return [tuple(one.strip().split(' ')) for one in re.split(r'[|\n]', text)]

    # ---- making things

    def policy(self, **changes):
        return self.call('POST', 'config/policy', {'policy': {**POLICY, **changes}})

    def agreement(self, **changes):
        return self.call('POST', 'config/data-agreement', {'dataAgreement': {**AGREEMENT, **changes}})['dataAgreement']

    def individual(self, person=None):
        person = person or f'PNR-{random.getrandbits(64):x}'
        return self.call('POST', 'service/individual', {'individual': {'externalId': person}})['individual']

    def head(self, individual):
        return {'X-ConsentBB-IndividualId': individual['id']}

    def record(self, agreement, individual, **call):
        return self.call('POST', f'service/individual/record/data-agreement/{agreement["id"]}?individualId={individual["id"]}', **call)

    @staticmethod
    def sign(payload, individual, key=None):
        signature = {'payload': payload, 'signature': 'c2lnbmVk', 'verificationMethod': 'by hand', 'verificationPayload': payload,
                     'verificationPayloadHash': hashlib.sha256(payload.encode()).hexdigest(), 'verificationSignedBy': individual['id'],
                     'verificationSignedAs': 'individual', 'timestamp': '2026-11-24T12:00:00Z'}
        if key is not None:
            raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            signature.update(verificationMethod='ed25519', verificationArtifact=base64.b64encode(raw).decode(),
                             signature=base64.b64encode(key.sign(payload.encode())).decode())
        return signature

    def assert_chain(self, revisions):
        """Reference 1.3: hashes over the stored bytes, each naming the one before."""
        before = None
        for revision in revisions:
            text = revision['serializedSnapshot'].encode()
            self.assertEqual(revision['serializedHash'], hashlib.sha1(text).hexdigest())
            self.assertEqual(revision['comity']['sha256'], hashlib.sha256(text).hexdigest())
            self.assertEqual(revision['predecessorHash'], before['serializedHash'] if before else None)
            self.assertEqual(revision['comity']['prevSha256'], before['comity']['sha256'] if before else None)
            if before:
                self.assertEqual(before['successor'], {'id': revision['id']})
            before = revision
        self.assertIsNone(before['successor'])


class Configuration(GovStack):
    def test_policies(self):
        made = self.policy()
        name = made['policy']['id']
        self.assertEqual({**POLICY, 'id': name}, made['policy'])
        self.assertEqual(made['revision']['schemaName'], 'Policy')
        self.assertEqual(json.loads(made['revision']['serializedSnapshot'])['objectData'], POLICY)
        changed = self.call('PUT', f'config/policy/{name}', {'policy': {**POLICY, 'version': '2'}})
        self.assertEqual(self.call('GET', f'config/policy/{name}')['policy']['version'], '2')
        old = self.call('GET', f'config/policy/{name}?revisionId={made["revision"]["id"]}')
        self.assertEqual((old['policy']['version'], old['revision']['successor']['id']), ('1', changed['revision']['id']))
        self.assertEqual(self.call('GET', f'service/policy/{name}', who=ME)['policy']['version'], '2')
        self.assertIn(name, [row['id'] for row in self.call('GET', 'config/policies?limit=200')['policies']])
        self.assert_chain(self.call('GET', f'config/policy/{name}/revisions')['revisions'])
        gone = self.call('DELETE', f'config/policy/{name}')
        self.assertEqual(gone['revision']['predecessorHash'], changed['revision']['serializedHash'])
        for path in (f'config/policy/{name}', f'service/policy/{name}', f'config/policy/{name}/revisions'):
            self.call('GET', path, status=400)
        self.call('DELETE', f'config/policy/{name}', status=400)
        self.call('PUT', f'config/policy/{name}', {'policy': POLICY}, status=400)
        self.assertNotIn(name, [row['id'] for row in self.call('GET', 'config/policies?limit=200')['policies']])
        self.call('POST', 'config/policy', {'policy': {'name': 'n'}}, status=400)
        self.call('POST', 'config/policy', {'policy': {**POLICY, 'id': name}}, status=400)  # ids are not given twice
        self.call('GET', 'config/policies?limit=0', status=400)
        self.call('GET', f'config/policy/{name}?revisionId=r-none', status=400)

    def test_agreements(self):
        made = self.call('POST', 'config/data-agreement', {'dataAgreement': AGREEMENT})
        name = made['dataAgreement']['id']
        self.call('PUT', f'config/data-agreement/{name}', {'dataAgreement': {**AGREEMENT, 'purpose': 'Care'}})
        for path in ('config', 'service'):
            read = self.call('GET', f'{path}/data-agreement/{name}')
            self.assertEqual(read['dataAgreement']['purpose'], 'Care')
            self.call('GET', f'{path}/data-agreement/123!%40%23', status=400)
            self.call('GET', f'{path}/data-agreement/invalid_id', status=400)
        listed = self.call('GET', 'config/data-agreements?limit=200')
        self.assertEqual(listed['dataAgreement'], listed['dataAgreements'])
        self.assertIn(name, [row['id'] for row in listed['dataAgreement']])
        self.assertIn(name, [row['id'] for row in self.call('GET', 'service/verification/data-agreements?limit=200')['dataAgreements']])
        self.assertIn(name, [row['id'] for row in self.call('GET', 'audit/data-agreements?limit=200', who='auditor')['dataAgreements']])
        self.assertEqual(set(self.call('GET', f'audit/data-agreement/{name}', who='auditor')), {'dataAgreement'})
        self.call('GET', 'config/data-agreements?offset=x', status=400)
        self.call('GET', 'service/verification/data-agreements?offset=x', status=400)
        self.call('GET', 'audit/data-agreements?offset=x', who='auditor', status=400)
        self.call('DELETE', f'config/data-agreement/{name}')
        self.call('GET', f'audit/data-agreement/{name}', who='auditor', status=400)
        self.call('PUT', f'config/data-agreement/{name}', {'dataAgreement': AGREEMENT}, status=400)
        self.call('DELETE', f'config/data-agreement/{name}', status=400)
        self.call('POST', 'config/data-agreement', {'dataAgreement': {**AGREEMENT, 'lawfulBasis': 'because'}}, status=400)

    def test_many_updates_keep_the_chain(self):
        policy = self.policy()['policy']['id']
        for version in range(60):
            self.call('PUT', f'config/policy/{policy}', {'policy': {**POLICY, 'version': str(version), 'name': 'é' * (version % 7 + 1)}})
        found, offset = [], 0
        while True:
            page = self.call('GET', f'config/policy/{policy}/revisions?offset={offset}&limit=50')['revisions']
            found += page
            offset += len(page)
            if not page:
                break
        self.assertEqual(len(found), 61)
        self.assert_chain(found)

    def test_individuals(self):
        person = f'PNR-{random.getrandbits(64):x}'
        for part in ('config', 'service'):
            one = self.call('POST', f'{part}/individual', {'individual': {'externalId': person + part, 'externalIdType': 'PNR'}})['individual']
            self.assertEqual(self.call('GET', f'{part}/individual/{one["id"]}')['individual'], one)
            rows = self.call('GET', f'{part}/individuals?limit=200')['individuals']
            self.assertIn(one['id'], [row['id'] for row in rows])
            self.assertFalse(any('externalId' in row for row in rows), 'a list says who is meant')
            self.call('GET', f'{part}/individual/none', status=400)
            self.call('GET', f'{part}/individuals?limit=1000000', status=400)
            self.call('POST', f'{part}/individual', {'individual': {'externalId': person + part}}, status=400)  # one person, one individual
        self.call('PUT', f'service/individual/{one["id"]}', {'individual': {'externalId': person + 'service', 'externalIdType': 'ID'}})
        self.assertEqual(self.call('GET', f'service/individual/{one["id"]}')['individual']['externalIdType'], 'ID')
        self.call('PUT', 'service/individual/none', {'individual': {}}, status=400)
        # That staff looked at one is in the log, by name; that somebody listed ids is not.
        uses = self.api.gateway.run_json('log', 'show', '--person', '-', stdin=person + 'service')
        looks = [row for row in uses['uses'] if row['kind'] == 'access']
        self.assertTrue(looks and all(row['client'].endswith('ward') for row in looks), uses)


class Records(GovStack):
    def test_unsigned_signed_changed(self):
        agreement, person = self.agreement(), self.individual()
        key = Ed25519PrivateKey.generate()
        made = self.record(agreement, person)
        record = made['consentRecord']
        self.assertEqual((record['optIn'], record['state'], record['individual']), (True, 'unsigned', {'id': person['id']}))
        self.assertEqual(record['dataAgreementRevisionHash'], record['dataAgreementRevision']['serializedHash'])
        path = f'service/individual/record/consent-record/{record["id"]}'
        payload = made['revision']['serializedSnapshot']
        self.call('PUT', f'{path}/signature', {'signature': self.sign(payload, person, key)}, status=400)  # nothing to replace yet
        for bad in (payload + ' ', '{}', payload[:-1]):
            self.call('POST', f'{path}/signature', {'signature': self.sign(bad, person, key)}, status=400)
        wrong = {**self.sign(payload, person, key), 'signature': base64.b64encode(b'0' * 64).decode()}
        self.call('POST', f'{path}/signature', {'signature': wrong}, status=400)
        signed = self.call('POST', f'{path}/signature', {'signature': self.sign(payload, person, key)})['signature']
        self.assertEqual((signed['objectType'], signed['objectReference']), ('revision', record['id']))
        self.call('POST', f'{path}/signature', {'signature': self.sign(payload, person, key)}, status=400)  # it has one
        current = self.call('GET', f'service/individual/record/data-agreement/{agreement["id"]}', headers=self.head(person))['consentRecord']
        self.assertEqual((current['state'], current['signature']['id']), ('signed', signed['id']))
        replaced = self.call('PUT', f'{path}/signature', {'signature': self.sign(payload, person)})['signature']
        self.assertNotEqual(replaced['id'], signed['id'])
        # Opting out takes the signature away, and makes a revision that names the one before and its signature.
        out = self.call('PUT', path, {'consentRecord': {'optIn': False}})
        self.assertEqual((out['consentRecord']['state'], out['consentRecord']['optIn']), ('unsigned', False))
        self.assertNotIn('signature', out['consentRecord'])
        self.assertEqual(out['revision']['predecessorHash'], made['revision']['serializedHash'])
        self.assertEqual(out['revision']['predecessorSignature'], replaced['signature'])
        again = {**out['consentRecord'], 'optIn': True}
        self.assertTrue(self.call('PUT', path, {'consentRecord': again})['consentRecord']['optIn'])
        self.call('PUT', path, {'consentRecord': {**again, 'state': 'signed'}}, status=400)
        self.call('PUT', path, {'consentRecord': {**again, 'individual': {'id': 'other'}}}, status=400)
        self.call('PUT', 'service/individual/record/consent-record/none', {'consentRecord': {'optIn': True}}, status=400)

    def test_drafts(self):
        agreement, person = self.agreement(), self.individual()
        queries = f'individualId={person["id"]}&dataAgreementId={agreement["id"]}'
        draft = self.call('POST', f'service/individual/record/consent-record/draft?{queries}')
        self.assertNotIn('id', draft['consentRecord'])
        self.assertNotIn('id', draft['signature'])
        listed = self.call('GET', 'service/individual/record/consent-record', headers=self.head(person))['consentRecords']
        self.assertEqual(listed, [], 'a draft was kept')
        payload = draft['signature']['payload']
        self.assertEqual(draft['signature']['verificationPayloadHash'], hashlib.sha256(payload.encode()).hexdigest())
        submit = {'consentRecord': draft['consentRecord'], 'signature': self.sign(payload, person, Ed25519PrivateKey.generate())}
        for change in (lambda s: s['consentRecord'].update(optIn=False), lambda s: s['consentRecord'].update(state='unsigned'),
                       lambda s: s['consentRecord'].update(dataAgreementRevisionHash='0' * 40),
                       lambda s: s['consentRecord']['dataAgreement'].update(purpose='Other'), lambda s: s['signature'].update(payload='{}'),
                       lambda s: s['signature'].update(verificationPayloadHash='0' * 64)):
            bad = json.loads(json.dumps(submit))
            change(bad)
            self.call('POST', 'service/individual/record/consent-record', bad, status=400)
        first = self.call('POST', 'service/individual/record/consent-record', submit)
        self.assertEqual(first['revision']['serializedSnapshot'], payload)
        self.assertTrue(first['revision']['signedWithoutObjectId'])
        self.assertEqual(first['revision']['objectId'], first['consentRecord']['id'])
        second = self.call('POST', 'service/individual/record/consent-record', submit)
        self.assertEqual(second, first)
        listed = self.call('GET', f'service/individual/record/data-agreement/{agreement["id"]}/all', headers=self.head(person))['consentRecords']
        self.assertEqual([row['id'] for row in listed], [first['consentRecord']['id']])
        verified = self.call('GET', f'service/verification/consent-record/{first["consentRecord"]["id"]}')
        self.assertEqual(verified['consentRecord']['state'], 'signed')
        self.call('POST', f'service/individual/record/consent-record/draft?individualId={person["id"]}', status=400)
        self.call('POST', f'service/individual/record/consent-record/draft?individualId=none&dataAgreementId={agreement["id"]}', status=400)

    def test_an_old_draft_is_refused(self):
        agreement, person = self.agreement(), self.individual()
        draft = self.call('POST', f'service/individual/record/consent-record/draft?individualId={person["id"]}&dataAgreementId={agreement["id"]}')
        said = json.loads(draft['signature']['payload'])
        said['timestamp'] = '2020-01-01T00:00:00Z'
        payload = json.dumps(said, separators=(',', ':'), sort_keys=True, ensure_ascii=False)
        self.call('POST', 'service/individual/record/consent-record',
                  {'consentRecord': draft['consentRecord'], 'signature': self.sign(payload, person)}, status=400)

    def test_which_agreements_take_consents(self):
        person = self.individual()
        for changes in ({'active': False}, {'lifecycle': {'id': '1', 'name': 'Draft'}}):
            agreement = self.agreement(**changes)
            self.record(agreement, person, status=400)
            self.call('POST', f'service/individual/record/consent-record/draft?individualId={person["id"]}&dataAgreementId={agreement["id"]}', status=400)
        self.call('POST', f'service/individual/record/data-agreement/none?individualId={person["id"]}', status=400)
        self.call('POST', f'service/individual/record/data-agreement/{self.agreement()["id"]}', status=400)

    def test_an_old_revision_can_be_named(self):
        person, agreement = self.individual(), self.agreement()
        first = self.call('GET', f'config/data-agreement/{agreement["id"]}')['revision']
        self.call('PUT', f'config/data-agreement/{agreement["id"]}', {'dataAgreement': {**AGREEMENT, 'purpose': 'Care'}})
        path = f'service/individual/record/data-agreement/{agreement["id"]}?individualId={person["id"]}'
        self.assertEqual(self.call('POST', path)['consentRecord']['dataAgreement']['purpose'], 'Care')
        old = self.call('POST', f'{path}&revisionId={first["id"]}')['consentRecord']
        self.assertEqual((old['dataAgreement']['purpose'], old['dataAgreementRevisionHash']), ('Diagnosis', first['serializedHash']))

    def test_lists_and_erasing(self):
        forgettable, kept, person, other = self.agreement(forgettable=True), self.agreement(), self.individual(), self.individual()
        key = Ed25519PrivateKey.generate()
        ids = {}
        for name, agreement, is_signed in (('a', forgettable, True), ('b', kept, True), ('c', kept, False)):
            made = self.record(agreement, person)
            ids[name] = made['consentRecord']['id']
            if is_signed:
                self.call('POST', f'service/individual/record/consent-record/{ids[name]}/signature',
                          {'signature': self.sign(made['revision']['serializedSnapshot'], person, key)})
        self.record(kept, other)
        mine = lambda: {row['id'] for row in self.call('GET', 'service/individual/record/consent-record', headers=self.head(person))['consentRecords']}
        self.assertEqual(mine(), set(ids.values()))
        self.assertEqual(self.call('GET', f'service/individual/record/data-agreement/{kept["id"]}', headers=self.head(person))['consentRecord']['id'], ids['c'])
        verified = {row['id'] for row in self.call('GET', 'service/verification/consent-records?limit=200')['consentRecords']}
        self.assertLessEqual(set(ids.values()), verified)
        self.assertIsNone(self.call('DELETE', 'service/individual/record', headers=self.head(person)))
        self.assertEqual(mine(), {ids['b']}, 'what is signed and not forgettable stays')
        for path in ('service/verification/consent-record', 'audit/consent-record'):
            self.call('GET', f'{path}/{ids["a"]}', who='ward' if path[0] == 's' else 'auditor', status=400)
        store = (self.api.gateway.folder / 'comity.db').read_bytes() + (self.api.gateway.folder / 'comity.db-wal').read_bytes()
        self.assertTrue(store)
        for path in ('service/individual/record/consent-record', f'service/individual/record/data-agreement/{kept["id"]}',
                     f'service/individual/record/data-agreement/{kept["id"]}/all'):
            self.call('GET', path, status=400)  # of whom?
        self.call('DELETE', 'service/individual/record', status=400)
        self.call('GET', 'service/verification/consent-records?limit=x', status=400)

    def test_who_is_erased_is_gone_from_here_too(self):
        agreement, person = self.agreement(), self.individual()
        made = self.record(agreement, person)
        record = made['consentRecord']['id']
        self.call('POST', f'service/individual/record/consent-record/{record}/signature',
                  {'signature': self.sign(made['revision']['serializedSnapshot'], person)}, headers={'Idempotency-Key': record})
        self.api.gateway.run('log', 'erase', '--person', '-', stdin=person['externalId'])
        self.call('GET', f'service/individual/{person["id"]}', status=400)
        self.call('GET', f'service/verification/consent-record/{record}', status=400)

    def test_audit_names_nobody(self):
        agreement, person = self.agreement(), self.individual()
        made = self.record(agreement, person)
        self.call('POST', f'service/individual/record/consent-record/{made["consentRecord"]["id"]}/signature',
                  {'signature': self.sign(made['revision']['serializedSnapshot'], person)})
        rows = self.call('GET', 'audit/consent-records?limit=200', who='auditor')['consentRecords']
        one = self.call('GET', f'audit/consent-record/{made["consentRecord"]["id"]}', who='auditor')
        text = json.dumps([rows, one])
        self.assertNotIn(person['id'], text)
        self.assertNotIn(person['externalId'], text)
        self.assertIn(one['consentRecord']['individual'], [row['individual'] for row in rows])
        self.call('GET', 'audit/consent-record/none', who='auditor', status=400)
        self.call('GET', 'audit/consent-records?offset=-1', who='auditor', status=400)
        self.assertEqual(self.api.call('GET', f'{BASE}/audit/consent-records', who='ward').status, 403)


class Persons(GovStack):
    """A person's own session: the header is not needed, and another person's is refused."""

    def test_own_and_others(self):
        agreement = self.agreement()
        me, other = self.individual(f'me-{random.getrandbits(64):x}'), self.individual()
        person = me['externalId']
        made = self.record(agreement, me, who=person)['consentRecord']
        self.assertEqual(made['individual'], {'id': me['id']})
        self.call('GET', f'service/individual/record/data-agreement/{agreement["id"]}', who=person)
        self.call('GET', 'service/individual/record/consent-record', who=person, headers=self.head(me))
        self.record(agreement, other, who=person, status=400)
        self.call('GET', 'service/individual/record/consent-record', who=person, headers=self.head(other), status=400)
        theirs = self.record(agreement, other)['consentRecord']
        path = f'service/individual/record/consent-record/{theirs["id"]}'
        self.call('PUT', path, {'consentRecord': {'optIn': False}}, who=person, status=400)
        self.call('POST', f'{path}/signature', {'signature': self.sign('{}', me)}, who=person, status=400)
        self.call('GET', f'service/verification/consent-record/{theirs["id"]}', who=person, status=400)
        self.call('GET', f'service/individual/{other["id"]}', who=person, status=400)
        self.assertEqual(self.call('GET', f'service/individual/{me["id"]}', who=person)['individual']['externalId'], person)
        self.call('PUT', f'service/individual/record/consent-record/{made["id"]}', {'consentRecord': {'optIn': False}}, who=person)
        self.assertEqual(self.api.call('POST', f'{BASE}/config/policy', {'policy': POLICY}, who=person).status, 403)

    def test_somebody_new_becomes_an_individual(self):
        agreement, person = self.agreement(), f'new-{random.getrandbits(64):x}'
        self.assertEqual(self.call('GET', 'service/individual/record/consent-record', who=person)['consentRecords'], [])
        made = self.call('POST', f'service/individual/record/data-agreement/{agreement["id"]}?individualId={person}', who=person)['consentRecord']
        again = self.call('POST', f'service/individual/record/data-agreement/{agreement["id"]}?individualId={person}', who=person)['consentRecord']
        self.assertEqual(made['individual'], again['individual'])
        self.assertEqual(self.call('GET', f'service/individual/{made["individual"]["id"]}', who=person)['individual']['externalId'], person)

    def test_a_foreign_organisation_decides_for_nobody(self):
        agreement, person = self.agreement(), self.individual()
        path = f'{BASE}/service/individual/record/data-agreement/{agreement["id"]}/?individualId={person["id"]}'
        self.assertEqual(self.api.call('POST', path, who='clinic').status, 403)
        self.assertEqual(self.call('GET', 'service/verification/consent-records?limit=200', who='clinic')['consentRecords'], [])
        self.assertEqual(self.api.call('DELETE', f'{BASE}/service/individual/record', who='clinic', headers=self.head(person)).status, 403)


class Webhooks(GovStack):
    config = {'webhooks': {'allow_local': True}}
    SECRET = 'a secret of enough length'

    def setUp(self):
        self.receiver = Receiver()

    def tearDown(self):
        self.receiver.server.shutdown()
        self.receiver.server.server_close()
        for row in self.call('GET', 'config/webhooks?limit=200')['webhooks']:
            self.call('DELETE', f'config/webhook/{row["id"]}')

    def hook(self, **changes):
        return {'webhook': {'payloadUrl': f'http://127.0.0.1:{self.receiver.port}/hook', 'contentType': 'application/json', 'disabled': False,
                            'secretKey': self.SECRET, **changes}}

    def check(self, headers, body):
        signed = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.'.encode() + body
        want = 'v1,' + base64.b64encode(hmac.new(self.SECRET.encode(), signed, hashlib.sha256).digest()).decode()
        self.assertEqual(headers['webhook-signature'], want)
        self.assertLess(abs(int(headers['webhook-timestamp']) - time.time()), 60)
        return json.loads(body)

    def test_subscriptions(self):
        made = self.call('POST', 'config/webhook', self.hook(comity={'events': ['consent.allowed']}))['webhook']
        self.assertEqual(made['secretKey'], '')
        self.assertEqual(self.call('GET', f'config/webhook/{made["id"]}')['webhook'], made)
        self.assertIn(made, self.call('GET', 'config/webhooks')['webhooks'])
        self.assertTrue(self.call('PUT', f'config/webhook/{made["id"]}', self.hook(disabled=True, secretKey=''))['webhook']['disabled'])
        self.assertEqual(self.call('GET', 'config/webhooks', who='clinic')['webhooks'], [])
        self.call('GET', f'config/webhook/{made["id"]}', who='clinic', status=400)
        self.call('PUT', f'config/webhook/{made["id"]}', self.hook(), who='clinic', status=400)
        self.call('DELETE', f'config/webhook/{made["id"]}', who='clinic', status=400)
        self.assertIsNone(self.call('DELETE', f'config/webhook/{made["id"]}'))
        self.call('GET', f'config/webhook/{made["id"]}', status=400)
        for bad in ({'payloadUrl': 'ftp://x'}, {'payloadUrl': 'file:///etc/passwd'}, {'payloadUrl': 'https://u:p@x/'}, {'secretKey': 'short'},
                    {'secretKey': ''}, {'contentType': 'text/plain'}, {'comity': {'events': ['x']}}):
            with self.subTest(bad):
                self.call('POST', 'config/webhook', self.hook(**bad), status=400)
        self.call('GET', 'config/webhooks?limit=0', status=400)

    def test_delivery_signed_and_repeated(self):
        self.call('POST', 'config/webhook', self.hook())
        self.receiver.statuses = [500]
        agreement, person = self.agreement(), self.individual()
        made = self.record(agreement, person)
        record = made['consentRecord']['id']
        time.sleep(1.5)
        self.assertEqual(self.receiver.got, [], 'an unsigned record is no decision')
        self.call('POST', f'service/individual/record/consent-record/{record}/signature',
                  {'signature': self.sign(made['revision']['serializedSnapshot'], person)})
        got = self.receiver.wait(2)
        self.assertEqual(len(got), 2, 'the failed attempt was not repeated')
        first, second = (self.check(*one) for one in got)
        self.assertEqual(got[0][0]['webhook-id'], got[1][0]['webhook-id'])
        self.assertEqual(first, second)
        self.assertEqual((first['type'], first['data']['consentRecordId']), ('consent.allowed', record))
        self.assertNotIn(person['externalId'], json.dumps(first))
        # What is not delivered yet survives the process.
        self.receiver.statuses = [503]
        self.call('PUT', f'service/individual/record/consent-record/{record}', {'consentRecord': {'optIn': False}})
        self.receiver.wait(3)
        self.api.gateway.kill()
        self.api.gateway.start()
        got = self.receiver.wait(4)
        self.assertEqual(self.check(*got[3])['type'], 'consent.disallowed')
        self.assertIn('comity_api_webhook_attempts_total{result="delivered"} 1', self.api.gateway.metrics_text())

    def test_only_what_was_asked_for(self):
        self.call('POST', 'config/webhook', self.hook(comity={'events': ['consent.allowed']}))
        other = Receiver()
        self.call('POST', 'config/webhook', self.hook(payloadUrl=f'http://127.0.0.1:{other.port}/', comity={'events': ['consent.disallowed']}))
        record = self.record(self.agreement(), self.individual())['consentRecord']['id']
        self.call('PUT', f'service/individual/record/consent-record/{record}', {'consentRecord': {'optIn': False}})
        self.assertEqual(json.loads(other.wait(1)[0][1])['type'], 'consent.disallowed')
        time.sleep(1.2)
        self.assertEqual(self.receiver.got, [])
        other.server.shutdown()
        other.server.server_close()

    def test_who_is_gone_is_not_asked_again(self):
        hook = self.call('POST', 'config/webhook', self.hook())['webhook']
        self.receiver.statuses = [410]
        record = self.record(self.agreement(), self.individual())['consentRecord']['id']
        self.call('PUT', f'service/individual/record/consent-record/{record}', {'consentRecord': {'optIn': False}})
        self.receiver.wait(1)
        deadline = time.monotonic() + 20
        while not self.call('GET', f'config/webhook/{hook["id"]}')['webhook']['disabled'] and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertTrue(self.call('GET', f'config/webhook/{hook["id"]}')['webhook']['disabled'])
        self.assertEqual(len(self.receiver.got), 1)


class WebhooksOfTheNetOutside(GovStack):
    """Without allow_local nobody makes the gateway ask its own network."""

    def test_no_local_address(self):
        receiver = Receiver()
        for url in (f'https://127.0.0.1:{receiver.port}/', f'https://localhost:{receiver.port}/', f'https://[::1]:{receiver.port}/'):
            self.call('POST', 'config/webhook', {'webhook': {'payloadUrl': url, 'contentType': 'application/json', 'disabled': False,
                                                             'secretKey': 'a secret of enough length'}})
        self.call('POST', 'config/webhook', {'webhook': {'payloadUrl': 'http://example.org/', 'contentType': 'application/json', 'disabled': False,
                                                         'secretKey': 'a secret of enough length'}}, status=400)
        record = self.record(self.agreement(), self.individual())['consentRecord']['id']
        self.call('PUT', f'service/individual/record/consent-record/{record}', {'consentRecord': {'optIn': False}})
        deadline = time.monotonic() + 20
        while 'comity_api_webhook_attempts_total{result="failed"} 3' not in self.api.gateway.metrics_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertIn('comity_api_webhook_attempts_total{result="failed"} 3', self.api.gateway.metrics_text())
        self.assertEqual(receiver.got, [])
        receiver.server.shutdown()
        receiver.server.server_close()


class ZEach(unittest.TestCase):
    """Last: all 42 were met, with success and with a refusal."""

    def test_each_of_the_42(self):
        if not {'Configuration', 'Records', 'Persons', 'Webhooks'} <= GovStack.finished:
            self.skipTest('only some of the others were run')
        all_of_them = set(GovStack.templates())
        self.assertEqual(len(all_of_them), 42)
        self.assertEqual(all_of_them - GovStack.met, set())
        self.assertEqual(all_of_them - GovStack.refused_at, set())


if __name__ == '__main__':
    unittest.main()
