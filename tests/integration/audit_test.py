"""`comity log audit`: one log against the other, with sides that are honest, that leave things out, and that have two histories."""
import base64
import json
import os
import shutil
import time
import unittest

import peer
from comity import CLIENT, PERSON, Federation, Trouble


def codes(told, weight=None):
    return sorted(f['code'] for f in told['findings'] if weight in (None, f['weight']))


def origin(gateway):
    return f'{gateway.member}/{gateway.code}'


def write_public(identity, folder, leaves=None):
    """A public folder of less than 257 entries, as any static server would have it."""
    leaves = identity.leaves if leaves is None else leaves
    kept, identity.leaves = identity.leaves, leaves
    tile = folder / 'tile/0/000.p'
    tile.mkdir(parents=True)
    (tile / str(len(leaves))).write_bytes(b''.join(leaves))
    (folder / 'checkpoint').write_text(identity.checkpoint())
    identity.leaves = kept


class Honest(unittest.TestCase):
    def setUp(self):
        self.federation = Federation()
        self.federation.__enter__()
        self.addCleanup(self.federation.__exit__, None)
        self.consumer, self.holder = self.federation.consumer, self.federation.holder

    def audit(self, gateway, other, *options, expect=0):
        return gateway.run_json('log', 'audit', '--peer', origin(other), *options, expect=expect)

    def both(self):
        return self.audit(self.consumer, self.holder), self.audit(self.holder, self.consumer)

    def exchange(self, count=5):
        for _ in range(count):
            self.assertEqual(self.federation.ask().status, 200)
        self.federation.ask('PNR-nobody')
        self.federation.ask(service='unknown')

    def test_two_that_agree(self):
        self.federation.give_consent()
        self.exchange()
        for told in self.both():
            self.assertEqual(told['findings'], [], told)
            self.assertTrue(told['has_list'] and told['has_log'])
            self.assertEqual(told['requests_sent'] + told['requests_received'], 7)
            self.assertEqual(told['receipts'], 7)
        out = self.holder.run('log', 'audit', '--peer', origin(self.consumer)).stdout
        self.assertIn('consistent: 0 faults, 0 unclear, 0 lost', out)
        # A run ends in order, another one by a kill: nothing is missing, and numbers begin anew.
        self.consumer.stop()
        self.consumer.start()
        self.exchange()
        self.consumer.kill()
        self.consumer.start()
        self.exchange()
        for told in self.both():
            self.assertEqual(codes(told, 'fault'), [], told)
            self.assertEqual(codes(told, 'lost'), [], told)
        shown = json.loads(self.consumer.run('--json', 'log', 'show', '--last', '1000').stdout)['entries']
        numbers = [line.split(': ')[1] for entry in shown if entry['kind'] == 'request-sent'
                   for line in entry['statement'].split('\n') if line.startswith('"comity-sequence"')]
        self.assertEqual([n.split('.')[1] for n in numbers], ['1', '2', '3', '4', '5', '6', '7'] * 3)
        self.assertEqual(len({n.split('.')[0] for n in numbers}), 3)
        self.assertTrue(any(e['kind'] == 'event' and 'sequences/1' in e['statement'] and f'last: 7 {origin(self.holder)}' in e['statement']
                            for e in shown))
        # A part of it.
        later = self.audit(self.holder, self.consumer, '--since', '2h')
        self.assertEqual(codes(later, 'fault'), [])
        self.assertEqual(self.audit(self.holder, self.consumer, '--since', '2100-01-01')['receipts'], 0)

    def test_what_a_network_loses(self):
        self.federation.give_consent()
        self.exchange(2)
        self.holder.stop()
        for _ in range(3):
            self.assertEqual(self.federation.ask().reason, 'peer.unreachable')
        self.holder.start()
        self.exchange(2)
        time.sleep(3.5)  # what is younger may still be on its way
        ours, theirs = self.both()
        self.assertEqual((codes(ours), codes(theirs)), (['request.lost'] * 3,) * 2)

    def test_a_list_that_lies(self):
        self.federation.give_consent()
        self.exchange()
        folder = self.federation.folder
        self.consumer.run('log', 'audit', '--peer', origin(self.holder), '--export', folder / 'clinic.jsonl')
        self.holder.run('log', 'audit', '--peer', origin(self.consumer), '--export', folder / 'hospital.jsonl')
        clinic, hospital = ((folder / name).read_text().splitlines() for name in ('clinic.jsonl', 'hospital.jsonl'))
        self.holder.run('log', 'audit', '--peer', origin(self.consumer), '--export', folder / 'hospital.jsonl', expect=2)  # it is there

        def held(gateway, other, lines, expect=1):
            path = folder / 'bent.jsonl'
            path.write_text('\n'.join(lines) + '\n')
            return self.audit(gateway, other, '--with', path, expect=expect)

        def first(lines, kind):
            return next(i for i, line in enumerate(lines) if json.loads(line)['kind'] == kind)

        def without(lines, *kinds):
            exchange = json.loads(lines[first(lines, kinds[0])])['exchange']
            return [line for line in lines if json.loads(line).get('exchange') != exchange or json.loads(line)['kind'] not in kinds]

        def bent(lines, kind, **change):
            i = first(lines, kind)
            return [*lines[:i], json.dumps({**json.loads(lines[i]), **change}), *lines[i + 1:]]

        for lines, ours, other in ((clinic, self.holder, self.consumer), (hospital, self.consumer, self.holder)):
            told = held(ours, other, lines, expect=0)
            self.assertEqual((told['findings'], told['has_log'], told['has_list']), ([], False, True))
        other_digest = base64.b64encode(bytes(32)).decode()
        for name, ours, other, lines, want in (
                ('a request that they deny', self.holder, self.consumer, without(clinic, 'request-sent'), ['request.denied']),
                ('an answer that they deny', self.consumer, self.holder, without(hospital, 'answer-sent'), ['answer.denied']),
                ('an arrival that they deny', self.consumer, self.holder, without(hospital, 'request-received'), ['arrival.denied']),
                ('another request', self.holder, self.consumer, bent(clinic, 'request-sent', statement=other_digest), ['different']),
                ('at another place', self.holder, self.consumer, bent(clinic, 'request-sent', index=77), ['different']),
                ('another answer', self.consumer, self.holder, bent(hospital, 'answer-sent', statement=other_digest), ['different']),
                ('a request of ours that never was', self.consumer, self.holder,
                 bent(hospital, 'request-received', exchange='0' * 36), ['arrival.denied', 'request.claimed']),
                ('an answer of ours that never was', self.holder, self.consumer,
                 bent(clinic, 'answer-received', exchange='0' * 36), ['answer.claimed']),
                ('two of one number', self.holder, self.consumer,
                 [json.dumps({**json.loads(clinic[first(clinic, 'request-sent')]), 'exchange': '1' * 36, 'index': 90}), *clinic], ['number.twice'])):
            with self.subTest(name):
                told = held(ours, other, lines)
                self.assertEqual(codes(told, 'fault'), want, told['findings'])
        with self.subTest('a number that is nowhere'):
            start = json.loads(clinic[first(clinic, 'request-sent')])['sequence'].split('.')[0]
            last = {'kind': 'numbers', 'index': 95, 'time': 1, 'sequence': f'{start}.9', 'unused': False}
            unused = {**last, 'sequence': f'{start}.8', 'unused': True}
            told = held(self.holder, self.consumer, [json.dumps(last), *clinic])
            self.assertEqual(codes(told, 'fault'), ['gap'])
            self.assertIn('numbers 8 to 9', told['findings'][0]['detail'])
            told = held(self.holder, self.consumer, [json.dumps(last), json.dumps(unused), *clinic])
            self.assertIn('number 9 of', told['findings'][0]['detail'])
        with self.subTest('no list'):
            self.assertEqual(self.holder.run('log', 'audit', '--peer', origin(self.consumer), '--with', folder / 'none', expect=2).stdout, '')
            held(self.holder, self.consumer, [*clinic[:3], '{"kind":"page"'], expect=2)
            held(self.holder, self.consumer, [*clinic[:3], '{"kind":"numbers","index":-1,"time":1,"sequence":"1.1"}'], expect=2)

    def test_who_may_ask(self):
        self.exchange(0)
        identity = peer.Identity(self.consumer.folder, self.consumer.origin)

        def ask(target, method='GET'):
            with peer.PeerClient(identity, self.holder.peer_port) as client:
                return client.ask(peer.Message([], b'', method, target, f'127.0.0.1:{self.holder.peer_port}'))

        lines = ask('/evidence/exchanges').body.decode().splitlines()
        self.assertEqual([json.loads(line)['kind'] for line in lines],
                         ['request-received', 'answer-sent', 'request-received', 'answer-sent', 'page'])
        self.assertEqual(json.loads(lines[-1])['last'], True)
        after = json.loads(lines[0])['index'] + 1
        self.assertEqual(ask(f'/evidence/exchanges?after={after}').body.decode().splitlines(), lines[1:])
        self.assertEqual(len(ask('/evidence/exchanges?since=9999999999999').body.splitlines()), 1)
        self.assertEqual(len(ask(f'/evidence/exchanges?until={json.loads(lines[0])["time"]}').body.splitlines()), 1)
        for bad in ('?after=-1', '?after=01', '?since', '?x=1', '?after=99999999999999999999', '?&'):
            self.assertEqual(ask('/evidence/exchanges' + bad).status, 400, bad)
        self.assertEqual(ask('/evidence/exchanges?after=1000000').status, 200)
        self.assertEqual(ask('/evidence/exchanges', 'POST').status, 405)
        self.holder.run('log', 'audit', '--peer', 'AURORA/COM/CLINIC/NONE', expect=2)
        self.holder.run('log', 'audit', '--peer', 'AURORA', expect=2)


class TwoHistories(unittest.TestCase):
    """The clinic is played: it has a log of its own, and shows another one later."""

    def setUp(self):
        self.federation = Federation()
        self.federation.__enter__()
        self.addCleanup(self.federation.__exit__, None)
        self.federation.give_consent()
        self.federation.consumer.stop()
        self.holder = self.federation.holder
        self.identity = peer.Identity(self.federation.consumer.folder, self.federation.consumer.origin)
        self.copies = 0

    def ask(self, **more):
        message = self.identity.request('GET', self.federation.path(PERSON), [('X-Road-Client', CLIENT)],
                                        authority=f'127.0.0.1:{self.holder.peer_port}', **more)
        with peer.PeerClient(self.identity, self.holder.peer_port) as client:
            return client.ask(self.identity.state(message))

    def audit(self, leaves=None, expect=0):
        self.copies += 1
        folder = self.federation.folder / f'copy-{self.copies}'
        write_public(self.identity, folder, leaves)
        return self.holder.run_json('log', 'audit', '--peer', origin(self.federation.consumer), '--with', folder, expect=expect)

    def test_a_fork_is_proven_and_ends_the_trust(self):
        for _ in range(6):
            self.assertEqual(self.ask().status, 200)
        told = self.audit()
        self.assertEqual((codes(told), told['checkpoints']), ([], 6), told)
        forked = [*self.identity.leaves[:3], peer.leaf_hash(os.urandom(32)), *self.identity.leaves[4:], peer.leaf_hash(os.urandom(32))]
        told = self.audit(forked, expect=1)
        self.assertEqual(codes(told), ['entry.gone', 'fork', 'fork', 'fork'])
        self.assertTrue(told['distrusted'])
        proof = list((self.holder.folder / 'witness/equivocation').iterdir())
        self.assertEqual(len(proof), 1)
        text = proof[0].read_text()
        self.assertTrue(text.startswith('comity-equivocation/1\n'), text)
        # The running gateway was told.
        self.assertEqual(self.ask().get('comity-reason'), 'peer.equivocated')
        out = self.holder.run('log', 'audit', '--peer', origin(self.federation.consumer), '--with', self.federation.folder / 'copy-2', expect=1).stdout
        self.assertIn('NOT CONSISTENT', out)
        self.assertIn('Proof of equivocation', out)

    def test_one_size_with_two_roots(self):
        for _ in range(3):
            self.ask()
        told = self.audit([*self.identity.leaves[:2], peer.leaf_hash(os.urandom(32))], expect=1)
        self.assertEqual(codes(told, 'fault'), ['entry.gone', 'fork'])
        self.assertTrue(told['distrusted'])

    def test_a_copy_that_is_too_old_or_damaged(self):
        for _ in range(4):
            self.ask()
        told = self.audit(self.identity.leaves[:2])
        self.assertEqual(codes(told), ['unread'])
        self.assertIn('newer copy', told['findings'][0]['detail'])
        folder = self.federation.folder / 'damaged'
        write_public(self.identity, folder)
        tile = folder / 'tile/0/000.p/4'
        data = bytearray(tile.read_bytes())
        data[40] ^= 1
        tile.write_bytes(bytes(data))
        told = self.holder.run_json('log', 'audit', '--peer', origin(self.federation.consumer), '--with', folder)
        self.assertEqual(codes(told, 'fault'), [], 'a damaged copy proves nothing')
        self.assertIn('unread', codes(told))
        self.assertFalse(told['distrusted'])
        shutil.rmtree(folder / 'tile')
        self.assertEqual(codes(self.holder.run_json('log', 'audit', '--peer', origin(self.federation.consumer), '--with', folder), 'fault'), [])
        (folder / 'checkpoint').write_text((folder / 'checkpoint').read_text().replace('\n4\n', '\n5\n'))
        self.holder.run('log', 'audit', '--peer', origin(self.federation.consumer), '--with', folder, expect=2)

    def test_a_history_of_ours_that_is_not(self):
        """A peer's signed word on our log is held against our log: a restored backup or a second copy of us would show here."""
        self.ask()
        self.ask(peer_checkpoint=f'2 {base64.b64encode(os.urandom(32)).decode()}')
        told = self.audit(expect=1)
        self.assertEqual(codes(told), ['own.fork'])

    def test_numbers_that_are_missing(self):
        for number in (1, 2, 4, 5):
            message = self.identity.request('GET', self.federation.path(PERSON), [('X-Road-Client', CLIENT)],
                                            authority=f'127.0.0.1:{self.holder.peer_port}')
            message.fields.append(('comity-sequence', f'0.{number}'))
            with peer.PeerClient(self.identity, self.holder.peer_port) as client:
                self.assertEqual(client.ask(self.identity.state(message)).status, 200)
        told = self.audit()
        self.assertEqual(codes(told), ['gap.here'])
        self.assertIn('number 3 of run 0', told['findings'][0]['detail'])


LOG = ['log', 'records']
DATABASE = ['comity.db', 'comity.db-wal', 'comity.db-shm']


def keep(source, target, *names):
    """Of these in `target` nothing is left but what `source` has."""
    for name in names:
        place = target / name
        if place.is_dir():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, place)
        elif (source / name).exists():
            shutil.copy2(source / name, place)


class Shrunk(unittest.TestCase):
    def test_a_log_that_was_restored(self):
        """The clinic's machine is put back to a backup: what the hospital has seen is gone there."""
        with Federation() as federation:
            federation.give_consent()
            clinic, hospital = federation.consumer, federation.holder
            federation.ask()
            clinic.stop()
            backup = federation.folder / 'backup'
            backup.mkdir()
            keep(clinic.folder, backup, *LOG, *DATABASE)
            clinic.start()
            for _ in range(5):
                self.assertEqual(federation.ask().status, 200)
            clinic.stop()
            # The log alone isn't enough: the database has counted uses that the log no longer tells of.
            keep(backup, clinic.folder, *LOG)
            with self.assertRaisesRegex(Trouble, 'the database has counted [0-9]+ entries, the log has [0-9]+'):
                clinic.start()
            keep(backup, clinic.folder, *LOG, *DATABASE)
            clinic.start()
            told = hospital.run_json('log', 'audit', '--peer', origin(clinic), expect=1)
            self.assertIn('shrunk', codes(told))
            self.assertIn('request.denied', codes(told))
            # It goes on, and so signs another history.
            for _ in range(12):
                federation.ask()
            told = hospital.run_json('log', 'audit', '--peer', origin(clinic), expect=1)
            self.assertIn('fork', codes(told))
            self.assertTrue(told['distrusted'])
            self.assertEqual(federation.ask().reason, 'peer.equivocated')


if __name__ == '__main__':
    unittest.main()
