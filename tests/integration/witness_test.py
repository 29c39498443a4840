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
            for witness in played:
                witness.__enter__()
                witness.mode = mode
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

    def check_nasty(self, mode):
        """Exchanges go on, the trouble is bounded and told once, and when the witness is well again so is the log."""
        def steps(federation, played):
            [witness] = played
            federation.give_consent()
            self.assertEqual(federation.ask().status, 200)
            until('a failure is counted', lambda: federation.consumer.metric('comity_witness_failures_total', witness='w0') >= 1, 40)
            self.assertEqual(federation.ask().status, 200)
            self.assertEqual(size_of(federation.consumer.log_folder / 'checkpoint.cosigned'), -1)
            calls = witness.calls
            self.assertLess(calls, 40)
            warnings = [line for line in federation.consumer.stderr().splitlines() if 'does not cosign' in line]
            self.assertEqual(len(warnings), 1, warnings)
            witness.mode = 'good'
            wait_cosigned(federation.consumer, size_of(federation.consumer.log_folder / 'checkpoint'))
            until('it is told', lambda: 'cosigns again' in federation.consumer.stderr())
        self.run_with(steps, mode=mode)

    def test_it_does_not_know_the_log_403(self):
        self.check_nasty('unknown-403')

    def test_it_does_not_know_the_log_404(self):
        self.check_nasty('unknown-404')

    def test_it_answers_409_for_ever(self):
        self.check_nasty('conflict')

    def test_it_answers_409_without_a_body(self):
        self.check_nasty('conflict-empty')

    def test_it_answers_409_with_garbage(self):
        self.check_nasty('conflict-garbage')

    def test_it_hangs(self):
        self.check_nasty('hang')

    def test_it_drips(self):
        self.check_nasty('drip')

    def test_it_sends_a_megabyte(self):
        self.check_nasty('megabyte')

    def test_its_signature_is_wrong(self):
        self.check_nasty('bad-signature')

    def test_it_signs_by_another_name(self):
        self.check_nasty('other-name')

    def test_it_signs_with_another_key(self):
        self.check_nasty('other-key')

    def test_its_time_is_zero(self):
        self.check_nasty('time-zero')

    def test_its_time_is_in_the_future(self):
        self.check_nasty('time-future')

    def test_it_answers_with_nothing(self):
        self.check_nasty('empty')

    def test_it_fails(self):
        self.check_nasty('error')

    def test_it_resets(self):
        self.check_nasty('reset')

    def test_it_speaks_no_http(self):
        self.check_nasty('not-http')

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
