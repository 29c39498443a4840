"""Real gateways under ThreadSanitizer: load from several sides while consents, policies and directories change. The report of a race ends it."""
import os
import threading
import time
import unittest

from comity import CLIENT, IMMUNISATIONS, NAME, PERSON, Federation, holder_policy, http_request


class Races(unittest.TestCase):
    def test_load_while_everything_changes(self):
        with Federation(workers=3) as federation:
            stopping, answers, problems = threading.Event(), [], []

            def ask(number):
                while not stopping.is_set():
                    try:
                        answer = federation.ask(PERSON if number % 2 else f'PNR-{number}', service='echo' if number % 3 == 0 else 'patients')
                        answers.append((answer.status, answer.reason))
                    except Exception as problem:  # told by the test, in the main thread
                        problems.append(problem)
                        return

            def watch():
                while not stopping.is_set():
                    federation.holder.management('/metrics')
                    federation.consumer.management('/readyz')
                    time.sleep(0.05)

            threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)] + [threading.Thread(target=watch)]
            for thread in threads:
                thread.start()
            for number in range(6):
                consent = federation.give_consent(PERSON, [IMMUNISATIONS, NAME])
                federation.holder.apply(holder_policy(federation.service_url, timeout=f'{20 + number}s'))
                federation.publish()
                federation.holder.reload()
                federation.consumer.reload()
                time.sleep(0.3)
                federation.withdraw_consent(consent)
            stopping.set()
            for thread in threads:
                thread.join()
            self.assertEqual(problems, [])
            statuses = {status for status, _ in answers}
            self.assertIn(200, statuses)
            self.assertIn((500, 'consent.none'), set(answers))
            self.assertGreater(len(answers), 50)


if __name__ == '__main__':
    unittest.main()
