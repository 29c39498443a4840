"""Witnesses: gateways that watch one another, and foreign ones that do what they like."""
import time
import unittest

import comity
import peer
from comity import Federation, http_request
from witness import Witness, size_of, until, wait_cosigned


def cosigners(path):
    """Who has a signature line in a note."""
    return {line.split(' ')[1] for line in path.read_text().rpartition('\n\n')[2].splitlines()}


class ForeignWitness(unittest.TestCase):
    """One gateway pair whose consumer has its log cosigned by a witness played in Python."""

    def run_with(self, steps, mode='good', quorum=None, start=True, witnesses=1):
        federation = Federation().make()
        logs = [federation.consumer.statement_key]
        played = [Witness(logs, name=f'witness.example/w{i}') for i in range(witnesses)]
        try:
            for number, witness in enumerate(played):
                witness.__enter__()
                witness.mode = mode if isinstance(mode, str) else mode[number]
            policy = federation.consumer.folder / 'witnesses.policy'
            members = ' '.join(f'w{i}' for i in range(witnesses))
            policy.write_text(''.join(w.line for w in played) + (quorum or f'group g all {members}\nquorum g\n'))
            federation.consumer.configure(log={'witnesses': 'witnesses.policy'}, limits={'witness_wait': '2s'})
            if not start:
                return steps(federation, played)
            with federation:
                return steps(federation, played)
        finally:
            for witness in played:
                witness.__exit__()
            if not start:
                federation.stop()
                federation.remove()

    def test_each_checkpoint_is_cosigned(self):
        def steps(federation, played):
            federation.give_consent()
            for _ in range(3):
                self.assertEqual(federation.ask().status, 200)
                size = size_of(federation.consumer.log_folder / 'checkpoint')
                wait_cosigned(federation.consumer, size)
            note = (federation.consumer.log_folder / 'checkpoint.cosigned').read_text()
            self.assertEqual(cosigners(federation.consumer.log_folder / 'checkpoint.cosigned'),
                             {federation.consumer.origin, 'witness.example/w0', 'witness.example/w1'})
            size, root = peer.checkpoint_parse(note, federation.consumer.statement_key)
            for witness in played:
                self.assertEqual(witness.known[federation.consumer.origin], (size, root))
            until('the metrics', lambda: federation.consumer.metric('comity_witness_cosigned_entries') == size)
            self.assertLess(federation.consumer.metric('comity_witness_cosigned_age_seconds'), 60)
            self.assertGreaterEqual(federation.consumer.metric('comity_witness_cosign_duration_seconds_count'), 1)
            self.assertEqual(federation.consumer.metric('comity_witness_failures_total'), 0)
            status = http_request(federation.consumer.management_port, 'GET', '/readyz').status
            self.assertEqual(status, 200)
        self.run_with(steps, witnesses=2)

    NASTY = ('unknown-403', 'unknown-404', 'conflict', 'conflict-empty', 'conflict-garbage', 'hang', 'drip', 'megabyte', 'bad-signature', 'other-name',
             'other-key', 'time-zero', 'time-future', 'empty', 'error', 'reset', 'not-http')

    def test_nasty_witnesses(self):
        """All of them at once: exchanges go on, each trouble is bounded and told once, and when they are well again so is the log."""
        def steps(federation, played):
            consumer = federation.consumer
            federation.give_consent()
            self.assertEqual(federation.ask().status, 200)
            for number, mode in enumerate(self.NASTY):
                until(f'{mode}: a failure is counted', lambda name=f'w{number}': consumer.metric('comity_witness_failures_total', witness=name) >= 1, 60)
            self.assertEqual(federation.ask().status, 200)
            self.assertEqual(size_of(consumer.log_folder / 'checkpoint.cosigned'), -1)
            for number, (witness, mode) in enumerate(zip(played, self.NASTY)):
                with self.subTest(mode=mode):
                    self.assertLess(witness.calls, 60)
                    warnings = [line for line in consumer.stderr().splitlines()
                                if 'does not cosign' in line and f'witness=w{number} ' in line]
                    self.assertEqual(len(warnings), 1, warnings)
            for witness in played:
                witness.mode = 'good'
            until('all of them cosign', lambda: size_of(consumer.log_folder / 'checkpoint.cosigned') > 0, 120)
            self.assertEqual(len(cosigners(consumer.log_folder / 'checkpoint.cosigned')), 1 + len(played))
            until('it is told', lambda: consumer.stderr().count('cosigns again') == len(played))
        self.run_with(steps, mode=self.NASTY, witnesses=len(self.NASTY))

    def test_the_differences_met_in_the_field(self):
        for mode in ('omniwitness', 'sunlight', 'smaller-once'):
            with self.subTest(mode=mode):
                def steps(federation, played, mode=mode):
                    federation.give_consent()
                    for _ in range(3):
                        federation.ask()
                        wait_cosigned(federation.consumer, size_of(federation.consumer.log_folder / 'checkpoint'))
                        played[0].mode = mode
                    self.assertEqual(federation.consumer.metric('comity_witness_failures_total'), 0)
                self.run_with(steps, mode='good' if mode == 'smaller-once' else mode)

    def test_a_witness_that_forgot_is_followed(self):
        def steps(federation, played):
            federation.give_consent()
            federation.ask()
            wait_cosigned(federation.consumer, size_of(federation.consumer.log_folder / 'checkpoint'))
            played[0].known.clear()
            federation.ask()
            wait_cosigned(federation.consumer, size_of(federation.consumer.log_folder / 'checkpoint'))
        self.run_with(steps)

    def test_a_quorum_needs_no_more_than_it_says(self):
        def steps(federation, played):
            played[1].mode = 'hang'
            federation.give_consent()
            federation.ask()
            wait_cosigned(federation.consumer, size_of(federation.consumer.log_folder / 'checkpoint'))
            self.assertEqual(cosigners(federation.consumer.log_folder / 'checkpoint.cosigned') - {federation.consumer.origin},
                             {'witness.example/w0', 'witness.example/w2'})
        self.run_with(steps, witnesses=3, quorum='group g 2 w0 w1 w2\nquorum g\n')

    def test_a_start_does_not_wait_for_ever(self):
        def steps(federation, played):
            federation.holder.start()
            began = time.monotonic()
            federation.consumer.start()
            self.assertLess(time.monotonic() - began, 20)
            until('a warning', lambda: 'no witness could be asked' in federation.consumer.stderr())
        self.run_with(steps, mode='hang', start=False)

    def test_bad_policy_files_stop_the_start(self):
        federation = Federation().make()
        try:
            policy = federation.consumer.folder / 'witnesses.policy'
            federation.consumer.configure(log={'witnesses': 'witnesses.policy'})
            for text, told in (('quorum nobody\n', 'witnesses.policy:1: "nobody" is no witness'),
                               (f'\nwitness w {federation.consumer.statement_key} http://x\nquorum w\n', "witnesses.policy:2: a log's key"),
                               (None, 'No such file')):
                policy.unlink(missing_ok=True)
                if text is not None:
                    policy.write_text(text)
                checked = federation.consumer.run('gateway', '--check', expect=None)
                self.assertNotEqual(checked.returncode, 0)
                self.assertIn(told, checked.stderr)
            own = federation.consumer.run_json('log', 'witness')
            policy.write_text(f'{own["policy_line"]}\nquorum none\n')
            with self.assertRaisesRegex(comity.Trouble, 'is this gateway itself'):
                federation.consumer.start()
        finally:
            federation.stop()
            federation.remove()


if __name__ == '__main__':
    unittest.main()
