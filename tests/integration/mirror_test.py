"""Mirrors: a log's copy at a peer, by its own push and by a pull; killed midway; and what it is good for when a disk fails."""
import gzip
import hashlib
import http.server
import random
import shutil
import struct
import threading
import time
import unittest
from pathlib import Path

from comity import Federation, free_ports, http_request


def until(what, look, seconds=30.0):
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f'not within {seconds} s: {what}')
        time.sleep(0.05)


def size_of(path):
    try:
        return int(path.read_text().split('\n')[1])
    except FileNotFoundError:
        return -1


def signers(path):
    return {line.split(' ')[1] for line in path.read_text().rpartition('\n\n')[2].splitlines()}


def hex_of(gateway):
    return hashlib.sha256(gateway.origin.encode()).hexdigest()


class Mirrors(unittest.TestCase):
    """The hospital is the mirror of the clinic's log."""

    def make(self, **mirror):
        federation = Federation().make()
        self.addCleanup(federation.remove)
        self.addCleanup(federation.stop)
        [port] = free_ports(1)
        federation.log_port = port
        key = federation.holder.run_json('log', 'mirror', '--make')
        self.assertIn(federation.holder.origin + '/mirror+', key['key'])
        self.assertEqual(key['url'], f'https://127.0.0.1:{federation.holder.peer_port}/mirror')
        federation.holder.configure(mirror={'logs': ['peers'], **mirror}, listen={
            'peers': f'127.0.0.1:{federation.holder.peer_port}', 'management': f'127.0.0.1:{federation.holder.management_port}',
            'applications': [{'address': f'127.0.0.1:{federation.holder.application_port}'}], 'log': {'address': f'127.0.0.1:{port}'}})
        federation.consumer.configure(log={'mirrors': [key['url']]})
        federation.copy = federation.holder.folder / 'mirrors' / hex_of(federation.consumer)
        return federation

    def wait_held(self, federation):
        """All that was logged is published, which takes a second at most, and all of that is at the mirror."""
        time.sleep(1.5)
        size = size_of(federation.consumer.log_folder / 'checkpoint')
        until(f'{size} entries are held', lambda: size_of(federation.copy / 'checkpoint') >= size)
        return size

    def verify(self, federation):
        told = federation.consumer.run_json('log', 'verify', '--key', federation.consumer.statement_key, federation.copy)
        self.assertEqual(told['faults'], [])

    def test_the_log_is_pushed_and_cosigned(self):
        federation = self.make().start()
        federation.give_consent()
        for _ in range(5):
            self.assertEqual(federation.ask().status, 200)
        self.wait_held(federation)
        self.verify(federation)
        self.assertEqual(signers(federation.copy / 'checkpoint'), {federation.consumer.origin, federation.holder.origin + '/mirror'})
        until('nothing is behind', lambda: federation.consumer.metric('comity_mirror_behind_entries') == 0)
        self.assertGreater(federation.holder.metric('comity_mirror_cosignatures_total'), 0)
        # Anybody may read the copy, and it is the log's own bytes; nothing else of the folder can be read.
        name = hex_of(federation.consumer)
        answer = http_request(federation.log_port, 'GET', f'/mirror/{name}/checkpoint')
        self.assertEqual(answer.status, 200)
        size = int(answer.body.decode().split('\n')[1])
        bundle = http_request(federation.log_port, 'GET', f'/mirror/{name}/tile/entries/000.p/{size}')
        self.assertEqual((bundle.status, len(bundle.body)), (200, 34 * size))
        for path in (f'/mirror/{name}.state', f'/mirror/{name}/../{name}.state', '/mirror/lock', f'/mirror/{name.upper()}/checkpoint', '/mirror/',
                     f'/mirror/{"0" * 64}/checkpoint', f'/mirror/{name}/tile/0/001'):
            self.assertEqual(http_request(federation.log_port, 'GET', path).status, 404, path)
        told = federation.holder.run_json('log', 'mirror')
        self.assertEqual([log['origin'] for log in told['logs']], [federation.consumer.origin])

    def test_its_cosignature_counts(self):
        """A mirror in the policy, without an address: the quorum is met when it holds everything."""
        federation = self.make()
        mirror = federation.holder.run_json('log', 'mirror')['key']
        (federation.consumer.folder / 'witnesses.policy').write_text(f'witness m {mirror}\nquorum m\n')
        federation.consumer.configure(log={'mirrors': [f'https://127.0.0.1:{federation.holder.peer_port}/mirror'], 'witnesses': 'witnesses.policy'})
        federation.start()
        federation.give_consent()
        for _ in range(3):
            self.assertEqual(federation.ask().status, 200)
            size = size_of(federation.consumer.log_folder / 'checkpoint')
            cosigned = federation.consumer.log_folder / 'checkpoint.cosigned'
            until(f'{size} entries are cosigned', lambda: size_of(cosigned) >= size)
            self.assertEqual(signers(cosigned), {federation.consumer.origin, federation.holder.origin + '/mirror'})

    def test_it_is_killed_midway_and_goes_on(self):
        federation = self.make().start()
        federation.give_consent()
        for _ in range(6):
            for _ in range(3):
                self.assertEqual(federation.ask().status, 200)
            time.sleep(random.random() * 0.6)
            federation.holder.kill()
            before = size_of(federation.copy / 'checkpoint')
            if before > 0:
                self.verify(federation)  # what it cosigned, it holds
            federation.holder.start()
            self.assertGreaterEqual(size_of(federation.copy / 'checkpoint'), before)
        self.wait_held(federation)
        self.verify(federation)
        self.assertIn("can't be brought to a mirror", federation.consumer.stderr())

    def test_strangers_and_limits(self):
        federation = self.make(logs=['AURORA/GOV/NOBODY/GW1']).start()
        until('it is refused', lambda: federation.consumer.metric('comity_mirror_push_failures_total') >= 1)
        self.assertIn('mirror.logs', federation.consumer.stderr())
        self.assertEqual(federation.ask().reason, 'consent.none')  # exchanges go on
        origin = federation.consumer.origin.encode()
        head = struct.pack('>H', len(origin)) + origin + struct.pack('>QQH', 0, 0, 0)
        for body, headers, want in ((head, (), 404), (b'', (), 400), (b'\x00', (), 400), (gzip.compress(head), (('Content-Encoding', 'gzip'),), 404),
                                    (head, (('Content-Encoding', 'gzip'),), 400), (head, (('Content-Encoding', 'br'),), 415),
                                    (gzip.compress(b'\0' * (8 << 20)), (('Content-Encoding', 'gzip'),), 413), (b'\0' * (2 << 20), (), 413)):
            answer = http_request(federation.log_port, 'POST', '/mirror/add-entries', headers=[('Content-Type', 'application/octet-stream'), *headers], body=body)
            self.assertEqual(answer.status, want, (body[:20], headers, answer.body))
        self.assertEqual(http_request(federation.log_port, 'POST', '/mirror/add-checkpoint', body=b'old 0\n\nnothing').status, 400)
        self.assertEqual(http_request(federation.log_port, 'GET', '/mirror/add-entries').status, 405)

    def test_a_damaged_log_is_healed_from_it(self):
        federation = self.make().start()
        federation.give_consent()
        for _ in range(10):
            self.assertEqual(federation.ask().status, 200)
        self.wait_held(federation)
        federation.consumer.stop()  # which is an entry that the mirror does not have
        whole = {path.relative_to(federation.consumer.log_folder): path.read_bytes()
                 for path in federation.consumer.log_folder.rglob('*') if path.is_file()}
        # Nothing of the public folder but the checkpoint, and a piece of the records.
        shutil.rmtree(federation.consumer.log_folder / 'tile')
        segment = sorted(federation.consumer.records_folder.rglob('*.seg'))[0]
        data = bytearray(segment.read_bytes())
        used = len(bytes(data).rstrip(b'\0'))
        for i in range(used // 2, used // 2 + 40):
            data[i] ^= 0x55
        segment.write_bytes(data)
        federation.consumer.log_verify(expect=1)
        dry = federation.consumer.run_json('log', 'heal', '--dry-run')
        self.assertGreater(dry['replaced'], 0)
        self.assertFalse((federation.consumer.log_folder / 'tile').exists())
        told = federation.consumer.run_json('log', 'heal')
        self.assertEqual({**told, 'dry_run': True}, dry)
        self.assertEqual(told['lost'], 0)
        self.assertIn('peer of its exchange', [row for row in told['report'] if row['what'] == 'replaced'][0]['todo'])
        federation.consumer.log_verify()
        for path, content in whole.items():
            if '.p' not in str(path.parent) or (federation.consumer.log_folder / path).exists():
                self.assertEqual((federation.consumer.log_folder / path).read_bytes(), content, path)
        federation.consumer.start()
        self.assertEqual(federation.ask().status, 200)
        federation.consumer.run('log', 'heal', expect=2)  # it runs
        federation.consumer.stop()
        told = federation.consumer.run_json('log', 'heal')
        self.assertEqual((told['healed'], told['replaced'], told['lost']), (0, 0, 0))

    def test_without_a_copy_it_says_what_is_lost(self):
        federation = self.make().start()
        self.assertEqual(federation.ask().reason, 'consent.none')
        self.wait_held(federation)
        federation.stop()
        federation.consumer.configure(log={})
        kept = federation.folder / 'rsync'
        shutil.copytree(federation.consumer.log_folder, kept)
        shutil.rmtree(federation.consumer.log_folder / 'tile')
        for segment in federation.consumer.records_folder.rglob('*.seg'):
            segment.unlink()
        told = federation.consumer.run_json('log', 'heal', expect=1)
        self.assertGreater(told['lost'], 0)
        self.assertEqual(told['healed'], 0)
        self.assertFalse((federation.consumer.log_folder / 'tile').exists())
        # What was logged last, at the end, is not at the mirror: of the rest nothing is said to be healed before all is known.
        told = federation.consumer.run_json('log', 'heal', '--from', federation.copy, expect=1)
        self.assertEqual((told['healed'], told['replaced']), (0, 0))
        told = federation.consumer.run_json('log', 'heal', '--from', federation.copy, '--from', kept)
        self.assertEqual(told['lost'], 0)
        federation.consumer.log_verify()


class Pull(unittest.TestCase):
    """`comity log mirror`: from a plain web server, and from the gateway itself."""

    def serve(self, folder):
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), type('Quiet', (http.server.SimpleHTTPRequestHandler,), {
            'log_message': lambda *_: None, '__init__': lambda self, *a: http.server.SimpleHTTPRequestHandler.__init__(self, *a, directory=str(folder))}))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f'http://127.0.0.1:{server.server_port}'

    def test_from_a_web_server_and_from_a_peer(self):
        federation = Federation()
        with federation:
            federation.give_consent()
            for _ in range(3):
                self.assertEqual(federation.ask().status, 200)
            until('it is published', lambda: size_of(federation.holder.log_folder / 'checkpoint') > 6)
            time.sleep(1.2)
            url = self.serve(federation.holder.log_folder)
            told = federation.consumer.run_json('log', 'mirror', url, '--once')
            self.assertEqual((told['origin'], told['size']), (federation.holder.origin, size_of(federation.holder.log_folder / 'checkpoint')))
            copy = Path(told['folder'])
            federation.consumer.run('log', 'verify', '--key', federation.holder.statement_key, copy)
            self.assertEqual(federation.ask().status, 200)
            until('it is published', lambda: size_of(federation.holder.log_folder / 'checkpoint') > told['size'])
            again = federation.consumer.run_json('log', 'mirror', federation.holder.origin)
            self.assertGreater(again['new'], 0)
            self.assertEqual(again['folder'], told['folder'])
            federation.consumer.run('log', 'verify', '--key', federation.holder.statement_key, copy)
            # Bytes that the log never signed, and a log that shrank: the copy stays as it was.
            lying = federation.folder / 'lying'
            shutil.copytree(federation.holder.log_folder, lying)
            federation.ask()
            until('it is published', lambda: size_of(federation.holder.log_folder / 'checkpoint') > again['size'])
            time.sleep(1.2)
            shutil.rmtree(lying)
            shutil.copytree(federation.holder.log_folder, lying)
            for bundle in (lying / 'tile/entries').rglob('*'):
                if bundle.is_file():
                    data = bytearray(bundle.read_bytes())
                    data[-1] ^= 1
                    bundle.write_bytes(data)
            before = (copy / 'checkpoint').read_bytes()
            federation.consumer.run('log', 'mirror', self.serve(lying), expect=1)
            self.assertEqual((copy / 'checkpoint').read_bytes(), before)
            newest = federation.consumer.run_json('log', 'mirror', url)
            shutil.copytree(copy, federation.folder / 'old', dirs_exist_ok=True)
            (federation.folder / 'old/checkpoint').write_bytes(before)
            if newest['size'] > again['size']:
                federation.consumer.run('log', 'mirror', self.serve(federation.folder / 'old'), expect=1)
            federation.consumer.run('log', 'verify', '--key', federation.holder.statement_key, copy)
            federation.consumer.run('log', 'mirror', 'AURORA/GOV/NOBODY/GW1', expect=2)


if __name__ == '__main__':
    unittest.main()
