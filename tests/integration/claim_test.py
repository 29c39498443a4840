"""Witnesses that say to know more of a log than there is, without a proof: one liar stops no gateway, an old copy runs nowhere (docs/decisions/0012)."""
import contextlib
import shutil
import time
import unittest

import comity
import peer
from comity import Federation
from witness import Witness, size_of, until, wait_cosigned

UNPROVEN = 'comity_witness_unproven_claims_total'


class Claims(unittest.TestCase):
    """Three witnesses that nobody here wrote in C, two of them are enough."""

    QUORUM = 'group g 2 w0 w1 w2\nquorum g\n'

    def setUp(self):
        self.federation = Federation().make()
        self.addCleanup(self.federation.remove)
        self.addCleanup(self.federation.stop)
        self.gateway = self.federation.consumer
        self.played = [Witness([self.gateway.statement_key], name=f'witness.example/w{i}', shows=None) for i in range(3)]
        for witness in self.played:
            witness.__enter__()
            self.addCleanup(witness.__exit__)
        self.believe(self.QUORUM)
        self.federation.holder.start()
        self.federation.give_consent()

    def believe(self, quorum, names=3):
        (self.gateway.folder / 'witnesses.policy').write_text(''.join(w.line for w in self.played[:names]) + quorum)
        self.gateway.configure(log={'witnesses': 'witnesses.policy'}, limits={'witness_wait': '10s'})

    def use(self, count=2):
        for _ in range(count):
            self.assertEqual(self.federation.ask().status, 200)
        size = int(self.gateway.metric('comity_evidence_log_entries'))
        wait_cosigned(self.gateway, size)
        return size

    def start_refused(self):
        with self.assertRaises(comity.Trouble) as refused:
            self.gateway.start()
        self.assertIn('ended with 2', str(refused.exception))
        return str(refused.exception)

    def lose(self):
        """Runs, is backed up, runs on, and is restored."""
        self.gateway.start()
        self.use()
        self.gateway.stop()
        backup = self.federation.folder / 'backup'
        shutil.copytree(self.gateway.folder, backup)
        self.gateway.start()
        self.use(3)
        self.gateway.stop()
        shutil.rmtree(self.gateway.folder)
        shutil.copytree(backup, self.gateway.folder)

    def test_a_liar_at_the_start(self):
        for mode in ('larger', 'refuse-proof'):
            with self.subTest(mode):
                self.played[0].mode = mode
                self.gateway.start()
                self.use()
                until('it is counted', lambda: self.gateway.metric(UNPROVEN) >= 1)
                self.assertGreaterEqual(self.played[0].looks, 1)
                until('it is told', lambda: 'a quorum of others cosigned ours' in self.gateway.stderr())
                self.gateway.stop()

    def test_a_liar_later(self):
        self.gateway.start()
        self.use()
        self.played[0].mode = 'larger'
        for _ in range(4):
            self.use(1)
        until('it is counted', lambda: self.gateway.metric(UNPROVEN) >= 1)
        self.use(1)
        self.played[0].mode = 'good'
        until('it is believed again', lambda: self.use(1) and 'a witness cosigns again' in self.gateway.stderr(), 60)

    def test_an_outvoted_liar_and_an_outage_of_the_others(self):
        self.played[0].mode = 'larger'
        self.gateway.start()
        self.use()
        until('it is outvoted', lambda: 'a quorum of others cosigned ours' in self.gateway.stderr())
        self.played[1].mode = self.played[2].mode = 'error'
        end = time.monotonic() + 18
        while time.monotonic() < end:
            self.assertEqual(self.federation.ask().status, 200)
            time.sleep(0.5)

    def test_an_old_copy_does_not_start(self):
        self.lose()
        self.assertIn('it is an old copy', self.start_refused())

    def test_nor_when_one_alone_can_be_asked(self):
        self.lose()
        self.played[0].mode = self.played[1].mode = 'error'
        self.gateway.configure(limits={'witness_wait': '2s'})
        self.assertIn('too few others have cosigned', self.start_refused())

    def test_nor_when_a_liar_helps_it(self):
        """One that cosigns whatever it is given is not enough against two."""
        self.lose()
        self.played[2].mode = 'omniwitness'
        self.played[2].known.clear()
        self.assertIn('it is an old copy', self.start_refused())

    def test_an_old_copy_that_started_while_nobody_could_be_asked_is_ended(self):
        self.lose()
        for witness in self.played:
            witness.mode = 'error'
        self.gateway.configure(limits={'witness_wait': '1s'})
        self.gateway.start()
        for witness in self.played:
            witness.mode = 'good'
        self.assertEqual(self.gateway.end(), 2)
        self.assertIn('nothing more may be signed', self.gateway.stderr())

    def test_one_that_shows_a_checkpoint_of_ours_claims_nothing(self):
        self.believe('quorum w0\n', names=1)
        self.gateway.start()
        self.use()
        self.played[0].shows = True
        self.played[0].mode = 'larger'
        self.assertEqual(self.federation.ask().status, 200)
        until('it is told', lambda: 'the newest that it shows is one of our log' in self.gateway.stderr())
        self.assertEqual(self.federation.ask().status, 200)
        self.assertEqual(self.gateway.metric(UNPROVEN), 0)
        self.gateway.stop()
        self.gateway.start()
        self.assertEqual(self.federation.ask().status, 200)

    def test_what_is_shown_must_be_signed_by_our_key(self):
        self.gateway.start()
        size = self.use()
        key = peer.Ed25519PrivateKey.generate()
        text = f'{self.gateway.origin}\n{size + 1000000}\n{"A" * 43}=\n'
        forged = peer.note_sign(text, self.gateway.origin, key).encode()
        ours = (self.gateway.log_folder / 'checkpoint').read_text()
        under_our_line = (text + '\n' + ours.split('\n\n', 1)[1]).encode()
        for shown in (forged, under_our_line, b'x' * 200000, ours.split('\n\n')[0].encode() + b'\n'):
            with self.subTest(shown[:80]):
                before = self.gateway.metric(UNPROVEN)
                self.played[0].shows, self.played[0].mode = shown, 'larger'
                self.federation.ask()
                until('it is counted', lambda: self.gateway.metric(UNPROVEN) > before, 60)
                self.played[0].mode = 'good'
                self.use(1)
                until('it cosigns again', lambda: self.played[0].known[self.gateway.origin][0] >= size, 60)
        self.assertEqual(self.federation.ask().status, 200)

    def test_a_gateway_of_the_directory_must_show_it(self):
        """It could: so even alone it stops nobody by its word."""
        holder = self.federation.holder
        holder.stop()
        identity = peer.Identity(holder.folder, holder.origin)
        asked = []

        def answer(_, request):
            asked.append((request.method, request.target))
            if request.method == 'POST':
                return peer.Message([('content-type', 'text/x.tlog.size')], b'1000000\n', status=409)
            return peer.Message([], b'no\n', status=404)

        with contextlib.closing(peer.PeerServer(identity, holder.peer_port, answer, trusted=self.gateway.folder / 'keys/tls.crt')):
            line = f'witness h {self.played[0].vkey} https://127.0.0.1:{holder.peer_port}/witness\n'
            (self.gateway.folder / 'witnesses.policy').write_text(line + 'quorum h\n')
            self.gateway.start()
            until('it is counted', lambda: self.gateway.metric(UNPROVEN) >= 1)
            self.assertIn('a gateway can show it', self.gateway.stderr())
            self.assertTrue(any(method == 'GET' and target.startswith('/witness/') and target.endswith('/checkpoint') for method, target in asked))
            time.sleep(2)
            self.assertIsNone(self.gateway.process.poll())
            self.gateway.stop()


if __name__ == '__main__':
    unittest.main()
