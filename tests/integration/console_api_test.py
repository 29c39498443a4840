"""What the operator's console asks the API: figures, live figures."""
import http.client
import json
import threading
import time
import unittest

from api import ApiCase
from comity import PERSON

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
        seconds = [watcher.event() for watcher in watchers]
        for name, told in firsts + seconds:
            self.assertEqual(name, 'figures')
            self.assertIn('holder', told)
        # One snapshot for all who look.
        self.assertEqual(len({told['upSeconds'] for _, told in seconds}), 1)
        self.assertEqual(seconds[0][1], seconds[1][1])
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
