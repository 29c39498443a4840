"""Webhooks of consents: each change is told, whichever way it was made, and none is lost when the gateway is killed."""
import http.client
import json
import random
import threading
import time
import unittest
from datetime import datetime, timedelta, timezone

from api import Api
from comity import CLINIC, IMMUNISATIONS
from receiver import Receiver

SECRET = 'a secret of enough length'


class Webhooks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = Api(webhooks={'allow_local': True})
        cls.addClassCleanup(cls.api.__exit__, None, None, None)
        cls.api.__enter__()
        cls.holder = cls.api.gateway
        cls.notice = cls.api.federation.publish_notice('n-care', (IMMUNISATIONS,), law='TEST')['digest']

    def setUp(self):
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        self.hook()

    def hook(self, who='ward', **more):
        made = self.api.call('POST', '/govstack/v1/config/webhook', {'webhook': {
            'payloadUrl': f'http://127.0.0.1:{self.receiver.port}/', 'contentType': 'application/json', 'disabled': False, 'secretKey': SECRET,
            **more}}, who=who)
        self.assertEqual(made.status, 200, made)
        self.addCleanup(self.api.call, 'DELETE', f'/govstack/v1/config/webhook/{made.json()["webhook"]["id"]}', who=who)

    def own(self, person, method, path, body=None):
        answer = self.api.call(method, f'/v1{path}', body, who=person)
        self.assertIn(answer.status, (200, 201), answer)
        return answer.json()

    def give(self, person, **more):
        return self.own(person, 'POST', '/consents', {'decision': 'give', 'language': 'en', 'notice': self.notice, **more})['id']

    def told(self):
        """[(type, consent, event), ...] in the order of what happened."""
        rows = [json.loads(body) for _, body in self.receiver.got]
        return [(row['type'].partition('.')[2], row['data']['consentId'], row['data']['event']) for row in rows]

    def assert_told(self, expected):
        self.receiver.wait(len(expected))
        time.sleep(0.3)  # and no more than these
        self.assertEqual(sorted(self.told()), sorted(expected))

    def test_each_way(self):
        person = 'PNR-W-1'
        command = lambda *words, **more: self.holder.run('consent', *words, stdin=person, **more)
        name = self.give(person)
        self.own(person, 'POST', f'/consents/{name}/pause', {})
        self.own(person, 'POST', f'/consents/{name}/resume', {})
        self.own(person, 'POST', '/person/pause', {})
        self.own(person, 'POST', '/person/pause', {})  # it was so before: nothing happened
        self.own(person, 'POST', '/person/resume', {})
        command('pause', name)  # by command, through the running gateway
        command('resume', name)
        self.own(person, 'POST', '/consents/withdraw', {})  # everything at once
        self.own(person, 'POST', f'/consents/{name}/withdraw', {})  # again
        other = self.give(person)
        until = (datetime.now(timezone.utc) + timedelta(seconds=2)).strftime('%Y-%m-%dT%H:%M:%SZ')
        short = self.give('PNR-W-2', validUntil=until)
        self.holder.stop()
        command('withdraw', other)  # nobody runs: told at the next start
        self.holder.start()
        self.assert_told([('allowed', name, 'give'), ('disallowed', name, 'pause'), ('allowed', name, 'resume'), ('disallowed', name, 'pause'),
                          ('allowed', name, 'resume'), ('disallowed', name, 'pause'), ('allowed', name, 'resume'), ('disallowed', name, 'withdraw'),
                          ('allowed', other, 'give'), ('allowed', short, 'give'), ('disallowed', other, 'withdraw'), ('auto_expiry', short, 'expire')])
        self.assertNotIn(person, str(self.receiver.got))

    def test_a_recipient_hears_of_its_own(self):
        theirs = Receiver()
        self.addCleanup(theirs.close)
        self.hook(who='clinic', payloadUrl=f'http://127.0.0.1:{theirs.port}/')
        name = self.give('PNR-W-3')
        self.assertEqual(json.loads(theirs.wait(1)[0][1])['data'], {'consentId': name, 'optIn': True, 'event': 'give'})
        digest = self.api.federation.publish_notice('n-other', (IMMUNISATIONS,), f'{CLINIC}TWO', law='TEST')['digest']
        self.give('PNR-W-3', notice=digest)
        self.assertEqual(len(self.receiver.wait(2)), 2)
        self.assertEqual(len(theirs.got), 1)

    def test_none_is_lost_when_it_is_killed(self):
        """What was acknowledged is told, and what is told has happened; over kills in the midst of changes and deliveries."""
        acknowledged, lock, stop = [], threading.Lock(), threading.Event()

        def change(number):
            count = 0
            while not stop.is_set():
                person = f'PNR-K-{number}-{count}'
                count += 1
                try:
                    name = self.give(person)
                    with lock:
                        acknowledged.append(('allowed', name, 'give'))
                    self.own(person, 'POST', '/consents/withdraw', {})
                    with lock:
                        acknowledged.append(('disallowed', name, 'withdraw'))
                except (OSError, http.client.HTTPException, AssertionError):
                    time.sleep(0.02)  # it is dead, or dying

        threads = [threading.Thread(target=change, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            time.sleep(random.uniform(0.2, 0.6))
            self.holder.kill()
            self.holder.start()
        stop.set()
        for thread in threads:
            thread.join()
        self.assertGreater(len(acknowledged), 10)
        missing, deadline = set(acknowledged), time.monotonic() + 60
        while missing and time.monotonic() < deadline:
            time.sleep(0.1)
            missing = set(acknowledged) - set(self.told())
        self.assertEqual(missing, set())
        happened = {}
        for _, name, event in set(self.told()):
            if name not in happened:
                happened[name] = [one['event'] for one in self.holder.run_json('consent', 'history', name)['events']] if len(happened) < 5 else None
            self.assertTrue(happened[name] is None or event in happened[name], (name, event))


if __name__ == '__main__':
    unittest.main()
