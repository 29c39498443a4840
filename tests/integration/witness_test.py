"""Witnesses: gateways that watch one another, and foreign ones that do what they like."""
import base64
import hashlib
import http.client
import json
import os
import shutil
import time
import unittest
import urllib.request
from pathlib import Path

import comity
import peer
from comity import CATEGORIES, Federation, Gateway, PERSON, free_ports, http_request
from witness import Witness

DEADLINE = 30.0


def until(what, look, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f'not within {seconds} s: {what}')
        time.sleep(0.05)


def size_of(path):
    """The size that a checkpoint file states; -1 when it is not there."""
    try:
        return int(path.read_text().split('\n')[1])
    except FileNotFoundError:
        return -1


def cosigners(path):
    text = path.read_text()
    return {line.split(' ')[1] for line in text.rpartition('\n\n')[2].splitlines()}


class Case(unittest.TestCase):
    def federation(self, **config):
        self.enterContext(federation := Federation(**config)) if hasattr(self, 'enterContext') else None
        return federation

    def cosigned(self, gateway):
        return size_of(gateway.log_folder / 'checkpoint.cosigned')

    def wait_cosigned(self, gateway, at_least):
        return until(f'{at_least} entries cosigned', lambda: self.cosigned(gateway) >= at_least)


class ForeignWitness(Case):
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
                self.wait_cosigned(federation.consumer, size)
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
            self.assertEqual(self.cosigned(federation.consumer), -1)
            calls = witness.calls
            self.assertLess(calls, 40)
            warnings = [line for line in federation.consumer.stderr().splitlines() if 'does not cosign' in line]
            self.assertEqual(len(warnings), 1, warnings)
            witness.mode = 'good'
            self.wait_cosigned(federation.consumer, size_of(federation.consumer.log_folder / 'checkpoint'))
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
                        self.wait_cosigned(federation.consumer, size_of(federation.consumer.log_folder / 'checkpoint'))
                        played[0].mode = mode
                    self.assertEqual(federation.consumer.metric('comity_witness_failures_total'), 0)
                self.run_with(steps, mode='good' if mode == 'smaller-once' else mode)

    def test_a_witness_that_forgot_is_followed(self):
        def steps(federation, played):
            federation.give_consent()
            federation.ask()
            self.wait_cosigned(federation.consumer, size_of(federation.consumer.log_folder / 'checkpoint'))
            played[0].known.clear()
            federation.ask()
            self.wait_cosigned(federation.consumer, size_of(federation.consumer.log_folder / 'checkpoint'))
        self.run_with(steps)

    def test_a_quorum_needs_no_more_than_it_says(self):
        def steps(federation, played):
            played[1].mode = 'hang'
            federation.give_consent()
            federation.ask()
            self.wait_cosigned(federation.consumer, size_of(federation.consumer.log_folder / 'checkpoint'))
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


class RolledBack(Case):
    """An old copy of a log, and a second copy that ran on."""

    def setUp(self):
        self.federation = Federation().make()
        self.addCleanup(self.federation.remove)
        self.addCleanup(self.federation.stop)
        self.gateway = self.federation.consumer
        self.witness = Witness([self.gateway.statement_key])
        self.witness.__enter__()
        self.addCleanup(self.witness.__exit__)
        (self.gateway.folder / 'witnesses.policy').write_text(f'{self.witness.line}quorum w\n')
        self.gateway.configure(log={'witnesses': 'witnesses.policy'}, limits={'witness_wait': '10s'})
        self.federation.holder.start()
        self.federation.give_consent()

    def use(self, count=2):
        for _ in range(count):
            self.assertEqual(self.federation.ask().status, 200)
        size = until('it is published', lambda: size_of(self.gateway.log_folder / 'checkpoint'))
        self.wait_cosigned(self.gateway, size)
        return size

    def back_up(self):
        self.gateway.stop()
        self.backup = self.federation.folder / 'backup'
        shutil.copytree(self.gateway.folder, self.backup)

    def restore(self):
        shutil.rmtree(self.gateway.folder)
        shutil.copytree(self.backup, self.gateway.folder)

    def lose(self):
        """Runs, is backed up, runs on, and is restored. The lost folder is kept as `lost`."""
        self.gateway.start()
        self.use()
        self.back_up()
        self.kept = size_of(self.backup / 'log/checkpoint')
        self.gateway.start()
        self.use(5)
        self.gateway.stop()
        self.lost = self.federation.folder / 'lost'
        shutil.copytree(self.gateway.folder, self.lost)
        self.size = size_of(self.lost / 'log/checkpoint')
        self.restore()

    def start_refused(self):
        with self.assertRaises(comity.Trouble) as refused:
            self.gateway.start()
        self.assertIn('ended with 2', str(refused.exception))
        return str(refused.exception)

    def test_an_old_copy_does_not_start(self):
        self.lose()
        told = self.start_refused()
        self.assertIn('it is an old copy', told)
        self.assertIn('comity log recover', told)
        self.assertEqual(size_of(self.gateway.log_folder / 'checkpoint'), self.kept)  # nothing was signed

    def test_it_is_recovered_and_goes_on(self):
        self.lose()
        self.start_refused()
        told = self.gateway.run_json('log', 'recover', '--from', self.lost / 'log')
        self.assertEqual((told['from'], told['to']), (self.kept, size_of(self.lost / 'log/checkpoint')))
        self.assertEqual((self.gateway.log_folder / 'checkpoint').read_bytes(), (self.lost / 'log/checkpoint').read_bytes())
        self.gateway.log_verify()
        self.gateway.start()
        self.use(1)
        self.gateway.stop()
        self.gateway.log_verify()
        again = self.gateway.run('log', 'recover', '--from', self.lost / 'log', expect=None)
        self.assertEqual(again.returncode, 1)
        self.assertIn('nothing is missing', again.stderr)

    def test_it_is_recovered_over_http(self):
        self.lose()
        import functools
        import http.server
        import threading

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=str(self.lost / 'log')))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            self.gateway.run('log', 'recover', '--from', f'http://127.0.0.1:{server.server_address[1]}')
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
        self.gateway.log_verify()
        self.gateway.start()

    def test_a_false_copy_recovers_nothing(self):
        self.lose()
        before = (self.gateway.log_folder / 'checkpoint').read_bytes()
        bundle = max((self.lost / 'log/tile/entries/000.p').iterdir(), key=lambda path: int(path.name))
        good = bundle.read_bytes()
        bundle.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        refused = self.gateway.run('log', 'recover', '--from', self.lost / 'log', expect=None)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn('do not belong to the checkpoint', refused.stderr)
        self.assertEqual((self.gateway.log_folder / 'checkpoint').read_bytes(), before)
        bundle.write_bytes(good)
        # another log's folder, and none at all
        refused = self.gateway.run('log', 'recover', '--from', self.federation.holder.folder / 'log', expect=None)
        self.assertEqual(refused.returncode, 1)
        refused = self.gateway.run('log', 'recover', '--from', self.lost / 'nowhere', expect=None)
        self.assertEqual(refused.returncode, 2)

    def test_a_witness_that_comes_back_later_stops_it(self):
        self.lose()
        self.witness.mode = 'hang'
        self.gateway.configure(limits={'witness_wait': '300ms'})
        self.gateway.start()
        self.assertIn('no witness could be asked', self.gateway.stderr())
        self.witness.mode = 'good'
        self.assertEqual(self.gateway.end(), 2)
        self.assertIn('nothing more may be signed', self.gateway.stderr())

    def test_a_second_copy_that_ran_on_is_stopped(self):
        self.lose()
        # The copy ran where no witness reached it, until it had more entries than the witness knows.
        self.witness.mode = 'error'
        self.gateway.start()
        for _ in range(20):
            self.federation.ask()
            if size_of(self.gateway.log_folder / 'checkpoint') > self.size:
                break
        until('it ran on', lambda: size_of(self.gateway.log_folder / 'checkpoint') > self.size)
        self.witness.mode = 'good'
        self.assertEqual(self.gateway.end(), 2)
        self.assertIn('has cosigned another history', self.gateway.stderr())
        refused = self.gateway.run('log', 'recover', '--from', self.lost / 'log', expect=None)
        self.assertEqual(refused.returncode, 1)

    def test_doctor_sees_it(self):
        self.lose()
        told = self.gateway.run_json('doctor', expect=1)
        [row] = [row for row in told['checks'] if row['check'] == 'witnesses']
        self.assertEqual(row['result'], 'fail')
        self.assertIn('it is an old copy', row['what'])
        self.assertIn('comity log recover', row['todo'])
        self.gateway.run('log', 'recover', '--from', self.lost / 'log')
        told = self.gateway.run_json('doctor', expect=0)
        [row] = [row for row in told['checks'] if row['check'] == 'witnesses']
        self.assertEqual(row['result'], 'ok', row)

    def test_the_newest_cosigned_checkpoint_alone_shows_it(self):
        self.lose()
        shutil.copy(self.lost / 'log/checkpoint.cosigned', self.gateway.log_folder / 'checkpoint.cosigned')
        self.witness.mode = 'hang'
        self.assertIn('it is an old copy', self.start_refused())


if __name__ == '__main__':
    unittest.main()
