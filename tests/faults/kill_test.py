"""
SIGKILL at random moments under load, of both gateways in turn: what an application was told is in both logs, and both verify. KILLS says how often
(50; make soak: 1,000), SEED draws the moments.
"""
import http.client
import os
import random
import threading
import time
import unittest

from comity import IMMUNISATIONS, PERSON, Federation

KILLS = int(os.environ.get('KILLS', '50'))
SEED = int(os.environ.get('SEED', random.randrange(1 << 32)))
CLIENTS = 6


def exchanges_by_kind(gateway):
    """{kind: {exchange, ...}} of all that the log holds, and {exchange: how many decisions}."""
    kinds, decisions = {}, {}
    for entry in gateway.run_json('log', 'show', '--last', '100000000', timeout=600)['entries']:
        kinds.setdefault(entry['kind'], set()).add(entry['exchange'])
        if entry['kind'] == 'decision':
            decisions[entry['exchange']] = decisions.get(entry['exchange'], 0) + 1
    return kinds, decisions


class Load:
    """Applications that ask without a pause, each thread for itself, and note what they were told."""

    def __init__(self, federation):
        self.federation, self.stopping = federation, threading.Event()
        self.lock, self.acknowledged, self.wrong = threading.Lock(), set(), []
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(CLIENTS)]

    def ask(self, number):
        if number % 2 == 0:
            return self.federation.ask(PERSON)
        return self.federation.ask(service='echo', rest='', method='POST', body=b'{"n":1}')  # not safe: never sent twice

    def run(self, number):
        while not self.stopping.is_set():
            try:
                answer = self.ask(number)
            except (OSError, http.client.HTTPException):
                time.sleep(0.002)
                continue
            with self.lock:
                if answer.status == 200:
                    self.acknowledged.add(answer.header('X-Road-Request-Id'))
                elif answer.reason is None:
                    self.wrong.append(f'refused without a reason: {answer}')

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class Kill(unittest.TestCase):
    def test_killed_at_any_moment(self):
        dice = random.Random(SEED)
        with Federation(diagnostics='warn') as federation:
            federation.give_consent(categories=[IMMUNISATIONS])
            with Load(federation) as load:
                for _ in range(KILLS):
                    gateway = dice.choice([federation.holder, federation.consumer])
                    time.sleep(dice.random() ** 2 * 0.3)
                    gateway.kill()
                    if dice.random() < 0.2:
                        time.sleep(0.05)
                    gateway.start()
                # An exchange that runs to its end says that the pair is whole again.
                self.assertEqual(federation.ask(PERSON).status, 200, f'SEED={SEED}')
            self.assertEqual(load.wrong, [], f'SEED={SEED}')
            # Otherwise the test shows nothing.
            self.assertGreater(len(load.acknowledged), KILLS, f'SEED={SEED}')
            consumer, _ = exchanges_by_kind(federation.consumer)
            holder, decisions = exchanges_by_kind(federation.holder)
            for logged, kind in ((consumer, 'request-sent'), (consumer, 'answer-received'), (holder, 'decision'), (holder, 'answer-sent')):
                missing = load.acknowledged - logged[kind]
                self.assertEqual(missing, set(), f'acknowledged without an entry {kind}; SEED={SEED}')
            self.assertEqual([one for one, count in decisions.items() if count > 1], [], f'decided twice; SEED={SEED}')
            for gateway in (federation.holder, federation.consumer):
                gateway.log_verify()


if __name__ == '__main__':
    unittest.main()
