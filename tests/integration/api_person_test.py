"""/v1 for persons: pausing everything, answering for others, the list of uses with its receipts and bundles; and for staff what a person sees of it."""
import time
import unittest

import uses
from api import ApiCase, token
from comity import CLINIC, OTHER_PERSON, PERSON, run_command

HEX = 'ab' * 32


class Persons(ApiCase):
    def own(self, method, path, body=None, who=PERSON, **more):
        return self.api.call(method, f'/v1{path}', body, who=who, **more)

    def when_published(self, path, person):
        """What was logged just now is published within a second or two; until then the answer is to ask again."""
        deadline = time.monotonic() + 30
        while True:
            answer = self.own('GET', path, who=person)
            if answer.status == 200 or time.monotonic() > deadline:
                self.assertEqual(answer.status, 200, answer)
                return answer
            self.refused(answer, 503, 'receipt.pending')
            self.assertTrue(answer.header('Retry-After'))
            time.sleep(0.1)

    def test_who_one_is(self):
        self.assertEqual(self.own('GET', '/person').json(),
                         {'person': PERSON, 'as': 'person', 'paused': False, 'restricted': False, 'died': False, 'guarded': False})
        self.refused(self.own('GET', '/person', headers={'Comity-Person': OTHER_PERSON}), 403, 'auth.person')
        self.assertEqual(self.own('GET', '/person', headers={'Comity-Person': PERSON}).status, 200)
        self.refused(self.own('GET', '/person', who='officer'), 400, 'request.malformed')
        self.assertEqual(self.own('GET', '/person', who='officer', headers={'Comity-Person': OTHER_PERSON}).json()['as'], 'staff')
        self.refused(self.own('GET', '/person', who='ward', headers={'Comity-Person': PERSON}), 403, 'auth.role')

    def test_pause_and_resume(self):
        self.assertTrue(self.own('POST', '/person/pause', {}).json()['paused'])
        self.assertTrue(self.own('POST', '/person/pause', {}).json()['paused'])  # once more is no error
        self.assertTrue(self.own('GET', '/person').json()['paused'])
        self.assertFalse(self.own('GET', '/person', who=OTHER_PERSON).json()['paused'])
        self.assertFalse(self.own('POST', '/person/resume', {}).json()['paused'])
        self.refused(self.own('POST', '/person/pause', {'method': 'kiosk'}), 400, 'request.malformed')
        self.refused(self.own('POST', '/person/pause', {'paused': True}), 400, 'request.malformed')
        self.refused(self.own('POST', '/person/pause', {}, who='officer', headers={'Comity-Person': PERSON}), 403, 'auth.role')

    def test_guardians(self):
        child, mother, stranger = 'PNR-2020-0003', 'PNR-1990-0004', 'PNR-1991-0005'
        body = {'role': 'guardian', 'representative': mother, 'relation': 'mother', 'evidence': HEX, 'proof': HEX}
        made = self.own('POST', '/guardianships', body, who='officer', headers={'Comity-Person': child})
        self.assertEqual(made.status, 201, made)
        name = made.json()['id']
        listed = self.own('GET', '/guardianships', who=mother).json()
        self.assertEqual([(row['id'], row['person'], row['role']) for row in listed['answersFor']], [(name, child, 'guardian')])
        self.assertEqual([row['representative'] for row in self.own('GET', '/guardianships', who=child).json()['answeredBy']], [mother])
        acting = {'Comity-Guardianship': name}
        self.assertEqual(self.own('GET', '/person', who=mother, headers=acting).json(),
                         {'person': child, 'as': 'guardian', 'paused': False, 'restricted': False, 'died': False, 'guarded': True})
        self.assertTrue(self.own('POST', '/person/pause', {}, who=mother, headers=acting).json()['paused'])
        self.assertTrue(self.own('GET', '/person', who=child).json()['paused'])
        self.assertFalse(self.own('GET', '/person', who=mother).json()['paused'])
        # Nobody else, nothing made up, and no longer than it lasts.
        for who, head in ((stranger, name), (child, name), (mother, 'g-' + '0' * 32), (mother, '')):
            with self.subTest(who=who, head=head):
                answer = self.own('GET', '/person', who=who, headers={'Comity-Guardianship': head})
                self.assertIn(answer.status, (200, 403) if head == '' else (403,))
        self.refused(self.own('GET', '/person', who='officer', headers=acting), 403, 'auth.role')
        self.refused(self.own('GET', '/gateway', who='operator', headers=acting), 403, 'auth.role')
        self.refused(self.own('POST', f'/guardianships/{name}/end', who=mother), 403, 'auth.role')
        self.assertTrue(self.own('POST', f'/guardianships/{name}/end', who='officer').json()['changed'])
        self.refused(self.own('GET', '/person', who=mother, headers=acting), 403, 'auth.guardian')
        self.refused(self.own('POST', '/guardianships/g-none/end', who='officer'), 404, 'request.absent')
        self.refused(self.own('POST', '/guardianships', {**body, 'evidence': 'x'}, who='officer', headers={'Comity-Person': child}), 400,
                     'request.malformed')
        self.refused(self.own('POST', '/guardianships', {**body, 'representative': child}, who='officer', headers={'Comity-Person': child}), 400,
                     'request.malformed')

    def test_two_roles_in_one_token(self):
        both = token(self.api.key, sub='PNR-1970-0009', roles=['citizen', 'dpo'])
        head = {'Authorization': f'Bearer {both}'}
        self.assertEqual(self.api.call('GET', '/v1/gateway', headers=head).status, 200)
        # What staff may counts more than what a person may: then it must be said whom it is about.
        self.refused(self.api.call('GET', '/v1/person', headers=head), 400, 'request.malformed')

    def test_uses_with_receipts_and_bundles(self):
        federation, person = self.api.federation, 'PNR-1960-0010'
        for _ in range(3):
            federation.ask(person)
        deadline = time.monotonic() + 30
        rows = []
        while len(rows) < 3 and time.monotonic() < deadline:
            answer = self.own('GET', '/uses', who=person)
            rows = answer.json()['uses']
        self.assertEqual([row['kind'] for row in rows], ['exchange'] * 3, answer)
        self.assertTrue(all(row['client'].startswith(CLINIC) and row['verdict'] for row in rows))
        first = self.own('GET', '/uses?limit=2', who=person).json()
        self.assertEqual(first['uses'], rows[1:])
        second = self.own('GET', f'/uses?limit=2&cursor={first["next"]}', who=person).json()
        self.assertEqual((second['uses'], second['next']), (rows[:1], None))
        self.refused(self.own('GET', '/uses?cursor=x', who=person), 400, 'request.malformed')
        self.check_filters(person, rows)
        entry = rows[0]['entry']
        self.assertEqual(self.own('GET', f'/uses/{entry}', who=person).json(), rows[0])
        self.check_evidence(person, entry)
        receipt = self.when_published(f'/uses/{entry}/receipt', person)
        self.assertTrue(receipt.body.startswith(b'c2sp.org/tlog-proof@v1'), receipt)
        self.assertIn('attachment', receipt.header('Content-Disposition'))
        bundle = self.when_published(f'/uses/{entry}/bundle', person)
        path, trust = self.api.gateway.folder / 'bundle.comity-evidence', self.api.gateway.folder / 'trust.txt'
        path.write_bytes(bundle.body)
        self.api.gateway.run('evidence', 'trust', '--output', trust)
        self.assertIn(person, run_command('evidence', 'verify', path, '--trust', trust).stdout)
        # Somebody else's entries, and none at all.
        for path in (f'/uses/{entry}', f'/uses/{entry}/evidence', f'/uses/{entry}/receipt', f'/uses/{entry}/bundle', '/uses/999999/receipt', '/uses/x/receipt', '/uses/-1/bundle'):
            self.refused(self.own('GET', path, who=OTHER_PERSON), 404, 'request.absent')
        # An operator's look is a use by itself.
        looked = self.own('GET', '/uses', who='officer', headers={'Comity-Person': person})
        self.assertEqual(len(looked.json()['uses']), 3)
        deadline = time.monotonic() + 30
        seen = []
        while not seen and time.monotonic() < deadline:
            seen = [row for row in self.own('GET', '/uses', who=person).json()['uses'] if row['kind'] == 'access']
        self.assertEqual([(row['client'].rsplit('/', 1)[1], row['service'], row['verdict']) for row in seen], [('officer', 'listUses', 'officer')])

    def check_filters(self, person, rows):
        def filtered(query):
            return self.own('GET', f'/uses?{query}', who=person).json()['uses']
        self.assertEqual(filtered('verdict=refuse&kind=exchange'), rows)
        self.assertEqual(filtered('verdict=permit'), [])
        self.assertEqual(filtered('kind=access'), [])
        self.assertEqual(filtered(f'who={CLINIC}'), rows)
        self.assertEqual(filtered('who=AURORA/COM/CLIN'), [])
        self.assertEqual(filtered('consent=c-none'), [])
        self.assertEqual((filtered('from=2020-01-01T00:00:00Z'), filtered('until=2020-01-01T00:00:00Z')), (rows, []))
        self.assertEqual(filtered('from=2099-01-01T00:00:00Z'), [])
        for query in ('kind=x', 'verdict=maybe', 'from=yesterday', 'until=x', 'whose=me'):
            self.refused(self.own('GET', f'/uses?{query}', who=person), 400, 'request.malformed')
        self.assertEqual({why['reason'] for why in rows[0]['why']}, {'consent.none'})

    def check_evidence(self, person, entry):
        """What opens an entry, checked here by a second implementation, and what proves that the list is whole."""
        key = self.api.gateway.statement_key
        told = self.when_published(f'/uses/{entry}/evidence', person).json()
        self.assertEqual((told['log'], told['directory']['community']), (key, 'BAOBAB'))
        self.assertEqual([one['name'] for one in told['entries']], ['decision', 'answer'])
        for one in told['entries']:
            self.assertEqual(uses.entry(one, key, False)[0], one['entry'])
        self.assertIn('person: ' + person, told['entries'][0]['statement'])
        trust = self.own('GET', '/trust', who=person)
        self.assertEqual(trust.body.decode(), told['trust'])
        self.assertIn('quorum none', told['trust'])
        proof = self.when_published('/uses/proof', person)
        self.assertEqual(len(uses.verify(proof.body.decode(), key)), 3)
        bound = self.own('GET', '/uses', who=person).json()['bound']
        self.assertGreater(bound['covers'], entry)
        self.assertEqual(uses.verify(self.when_published('/uses/proof', 'PNR-1959-0013').body.decode(), key), [])

    def test_a_look_that_can_not_be_logged_shows_nothing(self):
        # The log's folder is full: the gateway ends rather than answer. Seen from outside: no list without its event.
        person = 'PNR-1961-0011'
        before = self.api.call('GET', '/v1/gateway', who='operator').json()['logEntries']
        self.own('GET', '/uses', who='officer', headers={'Comity-Person': person})
        self.assertGreater(self.api.call('GET', '/v1/gateway', who='operator').json()['logEntries'], before)

    def test_gateway_state(self):
        state = self.api.call('GET', '/v1/gateway', who='auditor').json()
        self.assertEqual((state['member'], state['ready'], state['why']), ('BAOBAB/GOV/HOSPITAL', True, None))
        self.refused(self.own('GET', '/gateway'), 403, 'auth.role')


if __name__ == '__main__':
    unittest.main()
