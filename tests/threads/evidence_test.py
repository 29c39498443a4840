"""
What watches logs, under ThreadSanitizer: the cosigner, the mirror's pusher and the mirror that takes it, audits that ask both sides, verification that reads
ahead, erasure and pruning, all while exchanges run. The report of a race ends the process that made it.
"""
import hashlib
import threading
import time
import unittest

import comity
from comity import HOLDER, PERSON, Federation, consumer_policy, holder_policy
from witness import Witness, until, wait_cosigned


class Watchers(unittest.TestCase):
    def make(self):
        federation = Federation(workers=3, limits={'replay_window': '6s'}).make()
        self.addCleanup(federation.remove)
        self.addCleanup(federation.stop)
        consumer, holder = federation.consumer, federation.holder
        url = holder.run_json('log', 'mirror', '--make')['url']
        lines = [gateway.run_json('log', 'witness')['policy_line'] for gateway in (holder, consumer)]
        foreign = Witness([consumer.statement_key, holder.statement_key])
        foreign.__enter__()
        self.addCleanup(foreign.__exit__)
        for gateway, line in zip((consumer, holder), lines):
            name = line.split(' ')[1]
            (gateway.folder / 'witnesses.policy').write_text(f'{line}\n{foreign.line}group g any {name} w\nquorum g\n')
        holder.configure(mirror={'logs': ['peers']}, log={'witnesses': 'witnesses.policy'})
        consumer.configure(log={'mirrors': [url], 'witnesses': 'witnesses.policy'})
        holder.apply(holder_policy(federation.service_url, evidence='individual'))
        consumer.apply({**consumer_policy(), 'calls': [{'service': f'{HOLDER}/patients', 'evidence': 'individual'}]})
        return federation.start(), foreign

    def test_everything_watches_while_exchanges_run(self):
        federation, foreign = self.make()
        consumer, holder = federation.consumer, federation.holder
        copy = holder.folder / 'mirrors' / hashlib.sha256(consumer.origin.encode()).hexdigest()
        federation.give_consent()
        stopping, problems, count = threading.Event(), [], []

        def repeat(what, *arguments, pause=0.1, **more):
            while not stopping.is_set():
                try:
                    what(*arguments, **more)
                    count.append(what)
                except Exception as problem:  # told by the test, in the main thread
                    problems.append(problem)
                    return
                time.sleep(pause)

        def ask():
            answer = federation.ask(PERSON)
            if answer.status != 200:
                raise AssertionError(answer)

        jobs = [threading.Thread(target=repeat, args=job, kwargs=more) for job, more in (
            ((ask,), {'pause': 0.02}), ((ask,), {'pause': 0.02}), ((federation.ask, 'PNR-nobody'), {}),
            ((consumer.run, 'log', 'audit', '--peer', holder.origin), {'expect': None, 'pause': 0.5}),
            ((holder.run, 'log', 'audit', '--peer', consumer.origin), {'expect': None, 'pause': 0.5}),
            ((consumer.run, 'log', 'verify'), {'pause': 0.5}), ((holder.run, 'log', 'verify'), {'pause': 0.5}),
            ((holder.run, 'log', 'prune'), {'expect': None, 'pause': 1}), ((consumer.management, '/metrics'), {}), ((holder.management, '/metrics'), {}))]
        for job in jobs:
            job.start()
        try:
            for mode in ('good', 'larger', 'error', 'good'):
                foreign.mode = mode
                time.sleep(2)
            until('the copy grows', lambda: (copy / 'checkpoint').exists() and int((copy / 'checkpoint').read_text().split('\n')[1]) > 20, 120)
            other = federation.give_consent('PNR-leaving')
            federation.withdraw_consent(other)
            time.sleep(12.5)
            holder.run('log', 'erase', '--person', '-', stdin='PNR-leaving')
        finally:
            stopping.set()
            for job in jobs:
                job.join()
        self.assertEqual(problems, [])
        self.assertGreater(len(count), 50)
        wait_cosigned(consumer, 20)
        for gateway in (consumer, holder):
            gateway.stop()
            comity.check_sanitizers(gateway.stderr(), gateway.member)
            gateway.log_verify()


if __name__ == '__main__':
    unittest.main()
