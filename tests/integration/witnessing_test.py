"""The witness that a gateway is for others: over HTTP, killed at any moment, on a folder that fails; peers with two histories; three gateways."""
import base64
import copy
import hashlib
import os
import random
import shutil
import threading
import time
import unittest

import comity
import peer
from comity import CLIENT, IMMUNISATIONS, PERSON, Community, Federation, Gateway, free_ports, http_request
from witness import consistent

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


def consistency(old, leaves, is_known=True):
    """SUBPROOF of RFC 9162 2.1.4.1, from `old` to all leaves."""
    size = len(leaves)
    if old == size:
        return [] if is_known else [peer.tree_root(leaves)]
    k = peer.split_point(size)
    if old <= k:
        return consistency(old, leaves[:k], is_known) + [peer.tree_root(leaves[k:])]
    return consistency(old - k, leaves[k:], False) + [peer.tree_root(leaves[:k])]


def open_cosignature(text, line, vkey):
    """The time of a cosignature line over a checkpoint's text; AssertionError when it is wrong."""
    name, _, encoded = vkey.split('+', 2)
    public = base64.b64decode(encoded)
    assert public[0] == 4
    dash, signer, signature = line.split(' ')
    raw = base64.b64decode(signature, validate=True)
    assert (dash, signer) == ('—', name) and len(raw) == 76
    assert raw[:4] == hashlib.sha256(name.encode() + b'\n' + public).digest()[:4]
    seconds = int.from_bytes(raw[4:12], 'big')
    peer.Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw[12:], f'cosignature/v1\ntime {seconds}\n{text}'.encode())
    return seconds


class Played:
    """The clinic's log, played: what it submits, and what it got."""

    def __init__(self, federation, port):
        self.identity = peer.Identity(federation.consumer.folder, federation.consumer.origin)
        self.port, self.vkey = port, federation.holder.run_json('log', 'witness')['key']
        self.name = hashlib.sha256(self.identity.origin.encode()).hexdigest()

    def grow(self, count=1):
        for _ in range(count):
            self.identity.leaves.append(peer.leaf_hash(os.urandom(32)))
        return len(self.identity.leaves)

    def body(self, old, note=None, proof=None):
        note = self.identity.checkpoint() if note is None else note
        proof = (consistency(old, self.identity.leaves) if 0 < old <= len(self.identity.leaves) else []) if proof is None else proof
        return ''.join([f'old {old}\n', *(base64.b64encode(step).decode() + '\n' for step in proof), '\n', note]).encode()

    def post(self, body, timeout=20):
        return http_request(self.port, 'POST', '/witness/add-checkpoint', {}, body, timeout=timeout)

    def submit(self, old, **more):
        return self.post(self.body(old, **more))

    def check_cosigned(self, answer, note=None):
        assert answer.status == 200, answer
        text = (note or self.identity.checkpoint()).rpartition('\n\n')[0] + '\n'
        [line] = answer.body.decode().splitlines()
        return open_cosignature(text, line, self.vkey)

    def newest(self):
        """The size of the newest cosigned checkpoint, whose note is whole; -1: none."""
        answer = http_request(self.port, 'GET', f'/witness/{self.name}/checkpoint')
        if answer.status == 404:
            return -1
        assert answer.status == 200, answer
        note = answer.body.decode()
        text, _, lines = note.rpartition('\n\n')
        size, _ = peer.checkpoint_parse(note, self.identity.vkey)
        open_cosignature(text + '\n', lines.splitlines()[-1], self.vkey)
        return size


class Case(unittest.TestCase):
    def setUp(self):
        self.federation = Federation().make()
        self.addCleanup(self.federation.remove)
        self.addCleanup(self.federation.stop)
        self.holder = self.federation.holder
        [self.port] = free_ports(1)
        self.holder.configure(listen={'peers': f'127.0.0.1:{self.holder.peer_port}', 'management': f'127.0.0.1:{self.holder.management_port}',
                                      'applications': [{'address': f'127.0.0.1:{self.holder.application_port}'}],
                                      'log': {'address': f'127.0.0.1:{self.port}'}})
        self.holder.start()
        self.played = Played(self.federation, self.port)


class Server(Case):
    def test_answers(self):
        played = self.played
        self.assertEqual(played.newest(), -1)
        size = played.grow(5)
        told = played.submit(3)
        self.assertEqual((told.status, told.body, told.header('Content-Type')), (409, b'0\n', 'text/x.tlog.size'))
        self.assertAlmostEqual(played.check_cosigned(played.submit(0)), time.time(), delta=60)
        self.assertEqual(played.newest(), size)
        self.assertEqual(played.submit(0).body, b'5\n')
        more = played.grow(7)
        self.assertEqual(played.submit(5, proof=[os.urandom(32)] * 3).status, 422)
        self.assertEqual(played.submit(5, proof=[os.urandom(32)] * 64).status, 400)
        played.check_cosigned(played.submit(5))
        played.check_cosigned(played.submit(more))
        self.assertEqual(played.newest(), more)
        # bodies of another form, another log's, and another key's
        note = played.identity.checkpoint()
        for body in (b'', b'old 0\n', b'old 0\n\n', b'\xff' * 50, played.body(more)[1:], played.body(more)[:-1], played.body(more + 1),
                     played.body(more, note=note.replace('\n\n', '\nextension\n\n')), b'old 0\n' + b'A' * 100000 + b'\n\n' + note.encode()):
            self.assertEqual(played.post(body).status, 400, body[:60])
        self.assertIn(played.post(played.body(more) + b'x' * 200000).status, (400, 413))
        stranger = peer.Identity(self.federation.consumer.folder, 'AURORA/COM/NOBODY/GW1')
        self.assertEqual(played.submit(0, note=stranger.checkpoint()).status, 404)
        forger = peer.Identity(self.federation.consumer.folder, played.identity.origin, peer.Ed25519PrivateKey.generate())
        self.assertEqual(played.submit(0, note=forger.checkpoint()).status, 403)
        own = peer.Identity(self.holder.folder, self.holder.origin)
        self.assertEqual(played.submit(0, note=own.checkpoint()).status, 404)
        # methods and paths
        for method, path, status in (('GET', '/witness/add-checkpoint', (404, 405)), ('POST', f'/witness/{played.name}/checkpoint', (404, 405)),
                                     ('GET', f'/witness/{"0" * 64}/checkpoint', (404,)), ('GET', f'/witness/{played.name.upper()}/checkpoint', (404,)),
                                     ('GET', '/witness/../keys/witness.pem', (400, 404)), ('GET', f'/witness/{played.name}', (404,))):
            self.assertIn(http_request(self.port, method, path, {}, b'' if method == 'POST' else None).status, status, path)
        self.assertGreaterEqual(self.holder.metric('comity_witness_requests_total', status='200'), 3)
        logs = {row['origin']: row for row in self.holder.run_json('log', 'witness')['logs']}
        self.assertEqual(logs[played.identity.origin]['size'], more)

    def test_without_a_key_nobody_is_witnessed(self):
        self.holder.stop()
        (self.holder.folder / 'keys/witness.pem').unlink()
        self.holder.start()
        self.played.grow()
        self.assertEqual(self.played.submit(0).status, 404)
        self.assertEqual(self.played.newest(), -1)
        self.assertEqual(self.holder.stderr().count('there is no witness key'), 1)
        self.holder.run('log', 'witness', expect=2)
        self.holder.run('log', 'witness', '--make')
        self.holder.stop()
        self.holder.start()
        self.played.vkey = self.holder.run_json('log', 'witness')['key']
        self.played.check_cosigned(self.played.submit(0))

    def test_a_folder_that_fails_signs_nothing(self):
        played = self.played
        played.grow(3)
        played.check_cosigned(played.submit(0))
        blocked = self.holder.folder / 'witness' / f'{played.name}.new'
        blocked.mkdir()  # no file can be written beside the old one
        played.grow()
        self.assertEqual(played.submit(3).status, 503)
        self.assertEqual(played.newest(), 3)
        blocked.rmdir()
        played.check_cosigned(played.submit(3))
        state = self.holder.folder / 'witness' / played.name
        good = state.read_bytes()
        state.write_bytes(good[:-30])  # damaged: who does not know what it signed signs nothing
        self.assertEqual(played.submit(4).status, 503)
        self.assertEqual(http_request(self.port, 'GET', f'/witness/{played.name}/checkpoint').status, 503)
        state.write_bytes(good)
        played.check_cosigned(played.submit(4))
        self.assertEqual(self.holder.management('/readyz').status, 200)  # none of it is in an exchange's way

    def test_killed_at_any_moment(self):
        """What was acknowledged is never forgotten, and nothing older is ever cosigned again."""
        played, rounds = self.played, int(os.environ.get('COMITY_KILLS', '12'))
        acknowledged, random_times = 0, random.Random(4711)
        played.grow()
        for _ in range(rounds):
            killer = threading.Timer(random_times.uniform(0.005, 0.25), self.holder.kill)
            killer.start()
            with_answer = True
            while with_answer:
                try:
                    answer = played.submit(acknowledged)
                    if answer.status == 200:
                        played.check_cosigned(answer)
                        acknowledged = len(played.identity.leaves)
                        played.grow(1 + acknowledged % 3)
                    elif answer.status == 409:  # stored, and the answer was lost with the process
                        self.assertGreater(int(answer.body), acknowledged)
                        acknowledged = int(answer.body)
                    else:
                        self.fail(answer)
                except (OSError, comity.http.client.HTTPException):
                    with_answer = False
            killer.join()
            self.holder.start()
            newest = max(played.newest(), 0)
            self.assertGreaterEqual(newest, acknowledged)
            self.assertLessEqual(newest, len(played.identity.leaves))
            if acknowledged > 1:
                self.assertEqual(played.submit(acknowledged - 1).status, 409)
        self.assertGreater(acknowledged, rounds)


class Equivocation(Case):
    """A peer with two histories, met in messages and by the witness."""

    def setUp(self):
        super().setUp()
        self.federation.give_consent(categories=[IMMUNISATIONS])
        self.one = self.played.identity
        self.other = peer.Identity(self.federation.consumer.folder, self.federation.consumer.origin)

    def ask(self, identity):
        message = identity.state(identity.request('GET', self.federation.path(PERSON), [('X-Road-Client', CLIENT)],
                                                  authority=f'127.0.0.1:{self.holder.peer_port}'))
        with peer.PeerClient(identity, self.holder.peer_port) as client:
            return client.ask(message)

    def proof(self):
        [path] = (self.holder.folder / 'witness/equivocation').glob('*.proof')
        return path

    def check_caught(self):
        answer = self.ask(self.one)
        self.assertEqual((answer.status, answer.get('comity-reason')), (500, 'peer.equivocated'))
        self.assertEqual(self.holder.metric('comity_witness_equivocating_logs'), 1)
        self.assertIn('has two histories', self.holder.stderr())
        logs = {row['origin']: row for row in self.holder.run_json('log', 'witness')['logs']}
        self.assertTrue(logs[self.one.origin]['distrusted'])
        self.holder.stop()  # and after a restart
        self.holder.start()
        self.assertEqual(self.ask(self.one).get('comity-reason'), 'peer.equivocated')
        self.check_proof()
        self.proof().unlink()
        self.holder.reload()
        until('it is trusted again', lambda: self.holder.metric('comity_witness_equivocating_logs') == 0)
        self.assertEqual(self.ask(self.one).status, 200)

    def check_proof(self):
        """Read from its format's text alone."""
        text = self.proof().read_bytes()
        lines, notes = text, []
        first, lines = lines.split(b'\n', 1)
        self.assertEqual(first, b'comity-equivocation/1')
        log, lines = lines.split(b'\n', 1)
        vkey = log.decode().removeprefix('log ')
        for _ in range(2):
            size, lines = lines.split(b'\n', 1)
            size = int(size.decode().removeprefix('checkpoint '))
            notes.append(lines[:size].decode())
            lines = lines[size:]
        (old, old_root), (size, root) = (peer.checkpoint_parse(note, vkey) for note in notes)
        self.assertEqual(vkey, self.one.vkey)
        if old == size:
            self.assertEqual(lines, b'')
            self.assertNotEqual(old_root, root)
        else:
            prefix, *path = (base64.b64decode(line, validate=True) for line in lines.decode().removeprefix('prefix ').splitlines())
            self.assertTrue(consistent(old, size, prefix, root, path))
            self.assertNotEqual(prefix, old_root)
        told = self.holder.run('evidence', 'verify', self.proof())
        self.assertIn(f'Good: a key that is named after the log {self.one.origin} has shown two histories', told.stdout)
        self.assertIn(self.one.vkey, told.stdout)
        trust = self.holder.folder / 'trust.txt'
        trust.write_text(f'log {self.one.vkey}\nquorum none\n')
        told = self.holder.run('evidence', 'verify', self.proof(), '--trust', trust)
        self.assertIn(f'Good: the log {self.one.origin} has shown two histories', told.stdout)

    def test_in_messages(self):
        self.assertEqual(self.ask(self.one).status, 200)
        answer = self.ask(self.other)  # its first entry, too: the same size with another root
        self.assertEqual((answer.status, answer.get('comity-reason')), (500, 'peer.equivocated'))
        self.check_caught()

    def test_at_the_witness(self):
        self.played.grow(7)
        self.played.check_cosigned(self.played.submit(0))
        fork = copy.copy(self.one)
        fork.leaves = [peer.leaf_hash(os.urandom(32)) for _ in range(20)]
        answer = self.played.post(self.played.body(7, note=fork.checkpoint(), proof=consistency(7, fork.leaves)))
        self.assertEqual(answer.status, 422)
        self.assertEqual(self.played.submit(7).status, 403)  # nothing more of it is cosigned
        self.check_caught()

    def test_an_honest_log_is_never_caught(self):
        for _ in range(5):
            self.assertEqual(self.ask(self.one).status, 200)
            self.played.submit(0)
        self.assertEqual(self.played.submit(5, proof=[os.urandom(32)] * 3).status, 409)
        self.assertEqual(self.holder.metric('comity_witness_equivocating_logs'), 0)
        self.assertEqual(list((self.holder.folder / 'witness').glob('equivocation/*')), [])


class ThreeGateways(unittest.TestCase):
    """Each watches the two others over mutual TLS; two of two must cosign. The way of docs/operations.md."""

    def test_they_watch_one_another(self):
        federation = Federation().make()
        self.addCleanup(federation.remove)
        third = Gateway(federation.folder / 'registry', 'AURORA/GOV/REGISTRY', command=federation.command)
        third.init(federation.aurora.operator)
        federation.aurora.add(third, [])
        federation.publish()
        shutil.copy(federation.aurora.note, third.folder / 'directory.note')
        shutil.copy(federation.baobab.note, third.folder / 'foreign' / 'BAOBAB.note')
        third.apply({'categories': [], 'services': []})
        gateways = [federation.holder, federation.consumer, third]
        lines = {gateway.origin: gateway.run_json('log', 'witness')['policy_line'] for gateway in gateways}
        for gateway in gateways:
            others = [origin for origin in lines if origin != gateway.origin]
            (gateway.folder / 'witnesses.policy').write_text(
                ''.join(lines[origin] + '\n' for origin in others) + f'group both all {" ".join(others)}\nquorum both\n')
            gateway.configure(log={'witnesses': 'witnesses.policy'}, limits={'witness_wait': '200ms'})
        self.addCleanup(federation.stop)
        self.addCleanup(third.stop)
        for gateway in gateways:
            gateway.start()
        federation.give_consent()
        for _ in range(3):
            self.assertEqual(federation.ask().status, 200)
        for gateway in gateways:
            def is_cosigned(gateway=gateway):
                published, cosigned = ((gateway.log_folder / name) for name in ('checkpoint', 'checkpoint.cosigned'))
                return cosigned.exists() and cosigned.read_text().split('\n')[1] == published.read_text().split('\n')[1] != '0'
            until(f'{gateway.origin} is cosigned', is_cosigned, 60)
            note = (gateway.log_folder / 'checkpoint.cosigned').read_text()
            text, _, signatures = note.rpartition('\n\n')
            vkeys = {lines[other.origin].split(' ')[2].split('+')[0]: lines[other.origin].split(' ')[2] for other in gateways}
            cosigners = [line for line in signatures.splitlines() if line.split(' ')[1] in vkeys]
            self.assertEqual(len(cosigners), 2)
            for line in cosigners:
                open_cosignature(text + '\n', line, vkeys[line.split(' ')[1]])
        told = {row['origin']: row for row in third.run_json('log', 'witness')['logs']}
        self.assertTrue(all(told[gateway.origin]['cosigned'] for gateway in gateways[:2]))


if __name__ == '__main__':
    unittest.main()
