"""A gateway that is told to end while exchanges are under way, and gets no time for them: it ends in order, and what it said stays provable."""
import http.client
import os
import signal
import threading
import time
import unittest

import service as behaviours
from comity import IMMUNISATIONS, PATIENCE, PERSON, Federation, check_sanitizers

DRAIN_MS = 300
# Long enough that draining ends in the middle of a sync, with more waiting behind it.
SYNC_S = 0.5


class Drain(unittest.TestCase):
    def setUp(self):
        self.federation = Federation(limits={'drain': f'{DRAIN_MS}ms'})
        self.federation.__enter__()
        self.addCleanup(self.federation.__exit__, None, None, None)
        self.federation.give_consent(categories=[IMMUNISATIONS])
        self.acknowledged, self.threads = [], []
        self.lock = threading.Lock()

    def load(self, count):
        """`count` applications ask without an end, half of them for what may be asked twice and half for what may not, until they are cut off."""
        def ask(number):
            while True:
                try:
                    got = self.federation.ask(PERSON) if number % 2 == 0 else self.federation.ask(service='echo', rest='/x', method='POST', body=b'{}')
                except (OSError, http.client.HTTPException):
                    return
                if got.status != 200:
                    return
                with self.lock:
                    self.acknowledged.append(got.header('X-Road-Request-Id'))
        self.threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
        for one in self.threads:
            one.start()

    def wait(self, is_so):
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def end(self, gateway):
        """SIGTERM; it must end by itself, in order, soon after the limit of draining."""
        began = time.monotonic()
        os.kill(gateway.pid, signal.SIGTERM)
        gateway.end(expect=0)
        self.assertIn('exchanges were still under way', gateway.stderr())
        self.assertGreaterEqual(time.monotonic() - began, DRAIN_MS / 1000)
        self.assertLess(time.monotonic() - began, DRAIN_MS / 1000 + 30)

    def assert_provable(self):
        self.federation.stop()
        for one in self.threads:
            one.join(PATIENCE)
            self.assertFalse(one.is_alive(), 'an application was never answered nor cut off')
        for gateway, kinds in ((self.federation.holder, ['answer-sent', 'decision']), (self.federation.consumer, ['answer-received', 'request-sent'])):
            gateway.log_verify()
            for exchange in self.acknowledged:
                told = gateway.run_json('log', 'show', '--exchange', exchange)
                self.assertEqual(sorted(entry['kind'] for entry in told['entries']), kinds, exchange)

    def end_while_the_log_is_slow(self, gateway):
        gateway.stop()
        # strace holds each sync up; a process that is traced can't look for leaks.
        gateway.start(wrapper=['strace', '-f', '-qqq', '-o', '/dev/null', '-e', 'trace=fdatasync',
                               '-e', f'inject=fdatasync:delay_enter={int(SYNC_S * 1e6)}'],
                      env={'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'})
        self.load(24)
        # One sync is under way, and behind it waits the next batch: nothing else takes time.
        self.wait(lambda: self.acknowledged)
        self.end(gateway)
        self.assertGreater(len(self.acknowledged), 0)
        self.assert_provable()

    def test_while_the_holder_waits_for_its_log(self):
        self.end_while_the_log_is_slow(self.federation.holder)

    def test_while_the_consumer_waits_for_its_log(self):
        self.end_while_the_log_is_slow(self.federation.consumer)

    def held_by_the_service(self):
        for _ in range(3):
            self.assertEqual(self.federation.ask(PERSON).status, 200)
        self.federation.service.on('/', behaviours.hang)
        before = len(self.federation.service.requests)
        self.load(12)
        self.wait(lambda: len(self.federation.service.requests) >= before + 12)

    def test_while_the_holder_cuts_large_answers(self):
        """The worker is busy when the log closes, and wants to log what it is busy with after that."""
        released = threading.Event()
        large = behaviours.answer({'immunizations': [{'code': '207', 'lot': 'AB-4711'}] * 60000, 'conditions': ['E11'] * 10000})

        def held(handler, request):
            released.wait(PATIENCE)
            large(handler, request)

        self.assertEqual(self.federation.ask(PERSON).status, 200)
        self.federation.service.on('/', held)
        before = len(self.federation.service.requests)
        self.load(12)
        self.wait(lambda: len(self.federation.service.requests) >= before + 12)
        threading.Timer(DRAIN_MS / 2000, released.set).start()
        self.end(self.federation.holder)
        self.assert_provable()

    def test_while_the_service_holds_the_holder(self):
        """Nobody traces it: every exchange that never ended must be freed, too."""
        self.held_by_the_service()
        self.end(self.federation.holder)
        check_sanitizers(self.federation.holder.stderr(), 'hospital')
        self.assert_provable()

    def test_while_the_holder_holds_the_consumer(self):
        self.held_by_the_service()
        self.end(self.federation.consumer)
        self.assert_provable()


if __name__ == '__main__':
    unittest.main()
