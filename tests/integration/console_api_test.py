"""What the operator's console asks the API: figures, live figures."""
import http.client
import json
import threading
import time
import unittest
from urllib.parse import urlencode

from api import ApiCase
from comity import CLIENT, CLINIC, HOLDER, PERSON, PURPOSE, holder_policy, run_command

STEPS = {'consumer': ['read-request', 'identify-client', 'find-holder', 'state-request', 'log-request', 'send', 'verify-answer', 'log-answer', 'reply'],
         'holder': ['read-message', 'verify-peer', 'verify-receipt', 'replay-window', 'find-service', 'decide', 'log-request', 'call-service', 'release',
                    'log-answer', 'reply']}


class Watcher:
    """Reads server-sent events as a browser does: lines, an empty one ends an event."""

    def __init__(self, api, who='viewer', query=''):
        self.connection = http.client.HTTPConnection('127.0.0.1', api.port, timeout=30)
        self.connection.request('GET', '/v1/live' + query, headers=api.authorization(who))
        self.answer = self.connection.getresponse()

    def event(self):
        name, data = None, []
        while True:
            line = self.answer.readline().decode()
            if line == '':
                return None
            line = line.rstrip('\n')
            if line == '' and data:
                return name, json.loads('\n'.join(data))
            if line.startswith('event: '):
                name = line[7:]
            elif line.startswith('data: '):
                data.append(line[6:])

    def close(self):
        self.connection.close()


class Figures(ApiCase):
    def figures(self, who='viewer'):
        return self.ok(self.api.call('GET', '/v1/figures', who=who))

    def ok(self, answer):
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def test_what_was_done_stands_in_the_figures(self):
        self.api.federation.give_consent()
        before = self.figures()
        for i in range(5):
            self.assertEqual(self.api.federation.ask().status, 200)
        refused = self.api.federation.ask(purpose='https://w3id.org/dpv#Marketing')
        self.assertNotEqual(refused.status, 200)
        after = self.figures()
        holder = after['holder']
        self.assertEqual(holder['permitted'] - before['holder']['permitted'], 5)
        self.assertEqual(holder['refused'] - before['holder']['refused'], 1)
        self.assertEqual([step['name'] for step in holder['steps']], STEPS['holder'])
        self.assertEqual([step['name'] for step in after['consumer']['steps']], STEPS['consumer'])
        self.assertEqual([step['name'] for step in holder['steps'] if step['elsewhere']], ['call-service'])
        decide = next(step for step in holder['steps'] if step['name'] == 'decide')
        self.assertGreaterEqual(decide['count'], 5)
        # What a step took is part of the whole, and what we add is without the service's time.
        self.assertGreater(holder['whole']['p50Us'], 0)
        self.assertGreaterEqual(holder['whole']['p50Us'] * 1.3, holder['added']['p50Us'])
        self.assertIn(refused.header('Comity-Reason'), [refusal['reason'] for refusal in after['refusals']])
        peer, = [one for one in after['peers'] if one['heard']]
        self.assertEqual((peer['state'], peer['origin']), ('up', self.api.federation.consumer.origin))
        self.assertEqual({one['state'] for one in after['directories']}, {'valid'})
        self.assertTrue(after['ready'])
        self.assertGreater(after['log']['entries'], before['log']['entries'])
        self.assertGreater(after['process']['residentBytes'], 1000000)
        self.assertNotIn(PERSON, json.dumps(after))

    def test_live(self):
        watchers = [Watcher(self.api) for _ in range(3)]
        self.addCleanup(lambda: [watcher.close() for watcher in watchers])
        for watcher in watchers:
            self.assertEqual(watcher.answer.status, 200)
            self.assertTrue(watcher.answer.getheader('Content-Type').startswith('text/event-stream'))
            self.assertEqual(watcher.answer.getheader('Cache-Control'), 'no-store')
        firsts = [watcher.event() for watcher in watchers]
        # One snapshot for all who look: what came to several is the same for each; they began at different moments.
        told = [{event['upSeconds']: event for name, event in (first, watcher.event(), watcher.event(), watcher.event())}
                for first, watcher in zip(firsts, watchers)]
        common = set(told[0]) & set(told[1]) & set(told[2])
        self.assertTrue(common, [sorted(one) for one in told])
        for second in common:
            self.assertIn('holder', told[0][second])
            self.assertEqual(told[0][second], told[1][second])
            self.assertEqual(told[0][second], told[2][second])
        self.assertEqual({name for name, _ in firsts}, {'figures'})
        # Who leaves does not stop the others; one that wants so many gets so many.
        watchers[0].close()
        self.assertIsNotNone(watchers[1].event())
        short = Watcher(self.api, query='?events=2')
        self.assertEqual([short.event() is not None for _ in range(3)], [True, True, False])
        short.close()

    def test_nobody_looks_nothing_runs(self):
        watcher = Watcher(self.api)
        self.assertIsNotNone(watcher.event())
        self.assertEqual(self.api.gateway.metric('comity_net_streams'), 1)
        watcher.close()
        deadline = time.monotonic() + 10
        while self.api.gateway.metric('comity_net_streams') != 0:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_too_many_and_wrong(self):
        self.assertEqual(self.api.call('GET', '/v1/live?events=0', who='viewer').status, 400)
        self.assertEqual(self.api.call('GET', '/v1/live?events=601', who='viewer').status, 400)
        self.assertEqual(self.api.call('GET', '/v1/live').status, 401)
        self.assertEqual(self.api.call('GET', '/v1/live', who=PERSON).status, 403)
        watchers = [Watcher(self.api) for _ in range(70)]
        statuses = [watcher.answer.status for watcher in watchers]
        self.assertEqual(statuses.count(200), 64, statuses)
        self.assertEqual(statuses.count(503), 6, statuses)
        for watcher in watchers:
            watcher.close()


class Rules(ApiCase):
    def ok(self, *arguments, **options):
        answer = self.api.call(*arguments, **options)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def test_services_and_rules(self):
        told = self.ok('GET', '/v1/services', who='viewer')
        self.assertEqual([one['id'] for one in told['services']], [f'{HOLDER}/patients', f'{HOLDER}/echo'])
        patients = told['services'][0]
        self.assertEqual(patients['rights'], [{'subject': CLIENT, 'method': '*', 'path': '/**'}])
        diagnoses = next(one for one in patients['releases'] if one['category'].endswith('#MedicalHealth'))
        self.assertEqual((diagnoses['basis'], diagnoses['sensitive'], diagnoses['places']), ('consent', True, ['$.conditions']))
        self.assertIsNone(told['next'])
        first = self.ok('GET', '/v1/services?limit=1', who='viewer')
        second = self.ok('GET', f'/v1/services?limit=1&cursor={first["next"]}', who='viewer')
        self.assertEqual(first['services'] + second['services'], told['services'])
        self.assertEqual(self.api.call('GET', '/v1/services?cursor=x', who='viewer').status, 400)
        rules = self.ok('GET', '/v1/rules', who='viewer')
        self.assertEqual((rules['policySha256'], rules['services']), (told['policySha256'], 2))
        self.assertEqual(rules['version'], 1)

    def test_explain_is_what_the_command_says(self):
        asked = {'client': CLIENT, 'service': f'{HOLDER}/patients', 'path': '/x/record', 'purpose': PURPOSE}
        told = self.ok('POST', '/v1/explain', asked, who='viewer')
        command = self.api.gateway.run_json('policy', 'explain', '--client', CLIENT, '--service', f'{HOLDER}/patients', '--path', '/x/record',
                                            '--purpose', PURPOSE, expect=1)
        self.assertFalse(told['permitted'])
        self.assertEqual((told['reason'], told['remedy']), (command['reason'], command['remedy']))
        self.assertEqual([one['reason'] for one in told['categories']], [one['reason'] for one in command['categories']])
        self.assertIn('consent', told['text'])
        wrong = self.ok('POST', '/v1/explain', {**asked, 'client': f'{CLINIC}/NOBODY'}, who='viewer')
        self.assertEqual(wrong['reason'], 'access.denied')
        self.assertEqual(self.api.call('POST', '/v1/explain', {**asked, 'service': 'x'}, who='viewer').status, 400)

    def test_explain_about_a_person(self):
        """Only who may look at persons, and the person sees it."""
        person = 'PNR-1999-0042'
        self.api.federation.give_consent(person)
        asked = {'client': CLIENT, 'service': f'{HOLDER}/patients', 'path': '/x/record', 'purpose': PURPOSE}
        head = {'Comity-Person': person}
        told = self.ok('POST', '/v1/explain', asked, who='officer', headers=head)
        self.assertTrue(told['permitted'], told)
        self.assertNotIn(person, json.dumps(told))
        self.refused(self.api.call('POST', '/v1/explain', asked, who='operator', headers=head), 403, 'auth.person')
        looks = []
        deadline = time.monotonic() + 20
        while not looks and time.monotonic() < deadline:
            looks = [use for use in self.ok('GET', '/v1/uses', who=person)['uses'] if use['kind'] == 'access']
            time.sleep(0.1)
        self.assertEqual([look['service'] for look in looks], ['explain'], looks)

    def test_difference_is_what_apply_says(self):
        policy = holder_policy('http://127.0.0.1:9')
        policy['services'][0]['rights'].append({'subject': CLINIC, 'method': 'GET', 'path': '/x'})
        del policy['services'][1]
        path = self.api.gateway.folder / 'new.yaml'
        path.write_text(json.dumps(policy))
        told = self.ok('POST', '/v1/policy/difference', {'text': path.read_text()}, who='operator')
        command = self.api.gateway.run_json('apply', '--dry-run', path)
        self.assertEqual((told['changes'], told['warnings']), (command['changes'], command['warnings']))
        self.assertTrue(told['changed'])
        self.assertGreater(len(told['changes']), 2)
        # Nothing was applied.
        self.assertEqual(self.ok('GET', '/v1/rules', who='viewer')['version'], 1)
        for text in ('services: [', 'nonsense: 1\n', 'services:\n- id: x\n'):
            answer = self.api.call('POST', '/v1/policy/difference', {'text': text}, who='operator')
            self.assertEqual(answer.status, 400, answer)
            self.assertIn('the file', answer.json()['detail'])
        self.refused(self.api.call('POST', '/v1/policy/difference', {'text': 'x: 1'}, who='viewer'), 403, 'auth.role')


class Exchanges(ApiCase):
    def ok(self, path, who='operator'):
        answer = self.api.call('GET', path, who=who)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def find(self, **query):
        return self.ok('/v1/exchanges?' + urlencode(query))['exchanges']

    def test_found_told_and_proven(self):
        federation = self.api.federation
        person = 'PNR-1970-0007'
        federation.give_consent(person)
        permitted = federation.ask(person)
        self.assertEqual(permitted.status, 200)
        refused = federation.ask(person, purpose='https://w3id.org/dpv#Marketing')
        unknown = federation.ask('PNR-NOBODY')
        ids = [answer.header('X-Road-Request-Id') or answer.json()['exchange'] for answer in (permitted, refused, unknown)]
        told = self.find()
        self.assertEqual([one['exchange'] for one in told[:3]], ids[::-1])
        self.assertEqual([one['verdict'] for one in told[:3]], ['refuse', 'refuse', 'permit'])
        self.assertNotIn(person, json.dumps(told))
        # By each of what one may ask by.
        self.assertEqual([one['exchange'] for one in self.find(id=ids[1])], [ids[1]])
        self.assertEqual([one['exchange'] for one in self.find(reason='purpose.forbidden')], [ids[1]])
        self.assertEqual(len(self.find(peer=CLINIC, service=f'{HOLDER}/patients')), 3)
        self.assertEqual(self.find(peer='AURORA/COM/OTHER'), [])
        self.assertEqual(self.find(until='2020-01-01T00:00:00Z'), [])
        self.assertEqual(len(self.find(**{'from': '2020-01-01T00:00:00Z'})), 3)
        first = self.ok('/v1/exchanges?limit=2')
        rest = self.ok(f'/v1/exchanges?limit=2&cursor={first["next"]}')
        self.assertEqual([one['exchange'] for one in first['exchanges'] + rest['exchanges']], ids[::-1])
        self.assertIsNone(rest['next'])
        for wrong in ('reason=x.y', 'from=now', 'cursor=x', 'nobody=1'):
            self.assertEqual(self.api.call('GET', '/v1/exchanges?' + wrong, who='operator').status, 400, wrong)
        self.check_story(ids, person)
        self.check_bundle(ids[0], person)

    def check_story(self, ids, person):
        story = self.ok('/v1/exchanges/' + ids[0])
        self.assertEqual((story['verdict'], story['side'], story['client'], story['person'], story['aboutPerson']), ('permit', 'holder', CLIENT, None, True))
        self.assertNotIn(person, json.dumps(story))
        events = [(one['what'], one['side']) for one in story['events']]
        self.assertEqual([what for what, _ in events],
                         ['request-stated', 'request-logged', 'decided', 'answer-stated', 'answer-logged'])
        times = [one['at'] for one in story['events'] if one['exact']]
        self.assertEqual(times, sorted(times))
        self.assertEqual(self.ok('/v1/exchanges/' + ids[1])['reason'], 'purpose.forbidden')
        self.refused(self.api.call('GET', '/v1/exchanges/00000000-0000-4000-8000-000000000000', who='operator'), 404, 'request.absent')
        # Whom it is about: for officers, and the person sees it.
        self.refused(self.api.call('GET', f'/v1/exchanges/{ids[0]}?person=true', who='operator'), 403, 'auth.person')
        self.assertEqual(self.ok(f'/v1/exchanges/{ids[0]}?person=true', 'officer')['person'], person)
        self.assertIn('readExchange', self.looks(person, 1))

    def looks(self, person, count):
        looks, deadline = [], time.monotonic() + 20
        while len(looks) < count and time.monotonic() < deadline:
            looks = [use['service'] for use in self.ok('/v1/uses', person)['uses'] if use['kind'] == 'access']
            time.sleep(0.05)
        return looks

    def check_bundle(self, exchange, person):
        # Not even to the person: /v1/uses has one's own.
        for who in ('operator', 'viewer', 'auditor', person):
            self.refused(self.api.call('GET', f'/v1/exchanges/{exchange}/bundle', who=who), 403, 'auth.role')
        deadline = time.monotonic() + 20
        bundle = self.api.call('GET', f'/v1/exchanges/{exchange}/bundle', who='officer')
        while bundle.status != 200 and time.monotonic() < deadline:  # until it is published
            bundle = self.api.call('GET', f'/v1/exchanges/{exchange}/bundle', who='officer')
        self.assertEqual(bundle.status, 200, bundle)
        path, trust = self.api.gateway.folder / 'x.comity-evidence', self.api.gateway.folder / 'trust.txt'
        path.write_bytes(bundle.body)
        self.api.gateway.run('evidence', 'trust', '--output', trust)
        self.assertIn(exchange, run_command('evidence', 'verify', path, '--trust', trust).stdout)
        self.assertIn('readExchangeBundle', self.looks(person, 2))


class Tasks(ApiCase):
    def tasks(self, who='operator'):
        answer = self.api.call('GET', '/v1/tasks', who=who)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def test_what_waits(self):
        self.assertEqual({one['kind'] for one in self.tasks()['tasks']} - {'disk', 'directory', 'dpia', 'instrument'}, set())
        made = self.api.call('POST', '/v1/requests', {'right': 'access'}, who=PERSON)
        self.assertEqual(made.status, 201, made)
        told = self.tasks()
        request = next(one for one in told['tasks'] if one['kind'] == 'request')
        self.assertEqual((request['subject'], request['id']), ('access', made.json()['id']))
        self.assertIsNotNone(request['dueAt'])
        self.assertNotIn(PERSON, json.dumps(told))
        self.assertEqual(told['now'] + told['soon'] + told['later'], len(told['tasks']))
        order = ['now', 'soon', 'later']
        ranks = [order.index(one['urgency']) for one in told['tasks']]
        self.assertEqual(ranks, sorted(ranks))
        self.refused(self.api.call('GET', '/v1/tasks', who='viewer'), 403, 'auth.role')
        self.refused(self.api.call('GET', '/v1/tasks', who=PERSON), 403, 'auth.role')

    def test_what_has_ended(self):
        policy = holder_policy('http://127.0.0.1:9', dpia={'ref': 'PIA-1', 'date': '2024-01-01', 'valid_until': '2024-06-01'})
        policy['instruments'] = [{'id': 'sc-1', 'kind': 'standard_contract', 'ref': 'F-1', 'from': '2024-01-01', 'until': '2024-02-01',
                                  'recipients': [CLINIC], 'categories': ['pd:Name']}]
        self.api.gateway.apply(policy)
        told = self.tasks()['tasks']
        dpia, = [one for one in told if one['kind'] == 'dpia']
        self.assertEqual((dpia['urgency'], dpia['detail'], dpia['dueAt'][:10]), ('now', 'PIA-1', '2024-06-02'))
        instrument, = [one for one in told if one['kind'] == 'instrument']
        self.assertEqual((instrument['urgency'], instrument['subject']), ('now', 'sc-1'))


class Stopping(ApiCase):
    def test_a_stop_ends_the_stream_in_order(self):
        watcher = Watcher(self.api)
        self.assertIsNotNone(watcher.event())
        ended = []
        reader = threading.Thread(target=lambda: ended.append(self.drain(watcher)))
        reader.start()
        self.api.gateway.stop()
        reader.join(20)
        self.assertEqual(ended, ['end'])  # the last chunk came: nothing was cut
        watcher.close()
        self.api.gateway.start()

    @staticmethod
    def drain(watcher):
        try:
            while watcher.event() is not None:
                pass
            return 'end'
        except (http.client.HTTPException, OSError) as problem:
            return repr(problem)


if __name__ == '__main__':
    unittest.main()
