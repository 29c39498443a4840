"""
A withdrawal is linearizable, seen from outside: many processes give and withdraw, many threads ask through two gateways, and the history of what each began,
ended and got back is checked by a checker that knows nothing of the gateway. HISTORY_SECONDS=600 makes it long.
"""
import os
import random
import threading
import time
import unittest

from comity import IMMUNISATIONS, Federation
from linearizable import Call, check

SECONDS = float(os.environ.get('HISTORY_SECONDS', '5'))
PERSONS, ASKERS = 3, 3  # askers of each person; one process at a time changes each person's consent
CHUNK = 24              # calls of a history that are checked together: it is cut where nothing is under way


class Checker(unittest.TestCase):
    """The checker finds what is wrong, and nothing else."""

    def test_known_histories(self):
        good = [
            [],
            [Call(0, 1, 'ask', False), Call(2, 3, 'give', True), Call(4, 5, 'ask', True)],
            [Call(0, 5, 'give', True), Call(1, 2, 'ask', True), Call(3, 4, 'ask', True)],
            [Call(0, 5, 'give', True), Call(1, 2, 'ask', False), Call(3, 4, 'ask', True)],
            [Call(0, 1, 'give', True), Call(2, 9, 'withdraw', True), Call(3, 4, 'ask', True), Call(5, 6, 'ask', False)],
            [Call(0, float('inf'), 'give', True), Call(1, 2, 'ask', False)],
        ]
        bad = [
            [Call(0, 1, 'ask', True)],
            [Call(0, 1, 'give', True), Call(2, 3, 'withdraw', True), Call(4, 5, 'ask', True)],
            [Call(0, 1, 'give', True), Call(2, 9, 'withdraw', True), Call(3, 4, 'ask', False), Call(5, 6, 'ask', True)],
            [Call(0, 1, 'give', True), Call(2, 3, 'ask', False)],
        ]
        for history in good:
            self.assertIsNone(check(history, False), history)
        for history in bad:
            self.assertIsNotNone(check(history, False), history)


class History(unittest.TestCase):
    def setUp(self):
        self.federation = self.enterContext(Federation())
        self.histories = [[] for _ in range(PERSONS)]
        self.troubles = []
        self.is_over = threading.Event()

    def note(self, number, what, act):
        begin = time.monotonic()
        try:
            result = act()
        except Exception as trouble:  # pylint: disable=broad-except
            self.troubles.append(f'{what}: {trouble}')
            return
        self.histories[number].append(Call(begin, time.monotonic(), what, result))

    def change(self, number):
        """Each change is a process of its own, over the control socket."""
        person, dice = f'PNR-HISTORY-{number}', random.Random(number)
        given = None
        while not self.is_over.is_set():
            if given is None:
                holder = []
                self.note(number, 'give', lambda: bool(holder.append(self.federation.give_consent(person, [IMMUNISATIONS])) or True))
                given = holder[0] if holder else None
            else:
                gone = given
                self.note(number, 'withdraw', lambda: bool(self.federation.withdraw_consent(gone)['changed']))
                given = None
            time.sleep(dice.random() * 0.03)

    def ask(self, number):
        person = f'PNR-HISTORY-{number}'

        def released():
            answer = self.federation.ask(person)
            if answer.status == 200:
                return 'immunizations' in answer.json()
            if answer.reason is None or not answer.reason.startswith('consent.'):
                raise AssertionError(f'{answer.status} {answer.reason}')
            return False
        while not self.is_over.is_set():
            self.note(number, 'ask', released)

    def test_no_release_behind_a_withdrawal(self):
        threads = [threading.Thread(target=self.change, args=(number,)) for number in range(PERSONS)]
        threads += [threading.Thread(target=self.ask, args=(number,)) for number in range(PERSONS) for _ in range(ASKERS)]
        for thread in threads:
            thread.start()
        time.sleep(SECONDS)
        self.is_over.set()
        for thread in threads:
            thread.join(60)
        self.assertEqual(self.troubles, [])
        for number, history in enumerate(self.histories):
            whats = [call.what for call in history]
            self.assertGreater(whats.count('withdraw'), 2, 'too slow to show anything')
            self.assertTrue(any(call.result for call in history if call.what == 'ask'), 'nothing ever left')
            self.assertTrue(any(not call.result for call in history if call.what == 'ask'), 'nothing was ever refused')
            self.check_history(number, history)

    def check_history(self, number, history):
        """In pieces that end where nothing is under way: the state there is that of the last change."""
        history, state, piece, busy_until = sorted(history), False, [], 0.0
        for call in history + [Call(float('inf'), float('inf'), 'end', None)]:
            if piece and call.begin > busy_until and (len(piece) >= CHUNK or call.what == 'end'):
                wrong = check(piece, state)
                self.assertIsNone(wrong, f'person {number}: {wrong}')
                changes = [done for done in piece if done.what != 'ask']
                state = changes[-1].what == 'give' if changes else state
                piece = []
            piece.append(call)
            busy_until = max(busy_until, call.end)


if __name__ == '__main__':
    unittest.main()
