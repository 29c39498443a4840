"""The public service (docs/reference/public-service.md): the log over HTTP, byte for byte the folder, and nothing else of the disk."""
import gzip
import contextlib
import os
import resource
import socket
import subprocess
import time
import unittest
from pathlib import Path

from comity import CATEGORIES, Federation, PERSON, free_ports, http_request, raw


def tree(folder):
    """Every file of a log's folder, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob('*') if path.is_file()}


class PublicService(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.federation = Federation(workers=1)  # what is bounded is bounded for each worker
        cls.federation.make()
        [cls.port] = free_ports(1)
        holder = cls.federation.holder
        holder.configure(listen={'peers': f'127.0.0.1:{holder.peer_port}', 'management': f'127.0.0.1:{holder.management_port}',
                                 'applications': [{'address': f'127.0.0.1:{holder.application_port}'}],
                                 'log': {'address': f'127.0.0.1:{cls.port}'}})
        cls.federation.start()
        cls.federation.give_consent(PERSON, CATEGORIES)
        for _ in range(140):
            assert cls.federation.ask(PERSON).status == 200
        cls.quiet_tree()

    @classmethod
    def tearDownClass(cls):
        cls.federation.__exit__(None, None, None)

    def get(self, path, headers=(), method='GET', body=None):
        return http_request(self.port, method, path, headers, body)

    @classmethod
    def quiet_tree(cls):
        """The folder when the gateway has nothing more to publish."""
        holder, before = cls.federation.holder, None
        while True:
            now = tree(holder.log_folder)
            if now == before:
                return now
            before = now
            time.sleep(0.3)

    def test_every_file_is_served_as_it_is(self):
        for path, data in self.quiet_tree().items():
            answer = self.get(f'/log/{path}')
            self.assertEqual((answer.status, answer.body), (200, data), path)
            is_checkpoint = path == 'checkpoint'
            self.assertEqual(answer.header('Content-Type'), 'text/plain; charset=utf-8' if is_checkpoint else 'application/octet-stream')
            self.assertEqual('immutable' in answer.header('Cache-Control'), not is_checkpoint)

    def test_a_partial_tile_that_has_grown_full_is_cut_from_it(self):
        files = self.quiet_tree()
        full = files['tile/entries/000']
        for width in (1, 100, 255):
            self.assertNotIn(f'tile/entries/000.p/{width}', files)
            self.assertEqual(self.get(f'/log/tile/entries/000.p/{width}').body, full[:width * 34])
            self.assertEqual(self.get(f'/log/tile/0/000.p/{width}').body, files['tile/0/000'][:width * 32])

    def test_head_has_the_size_and_no_body(self):
        for path in ('checkpoint', 'tile/0/000', 'tile/entries/000', 'nothing'):
            whole, head = self.get(f'/log/{path}'), self.get(f'/log/{path}', method='HEAD')
            self.assertEqual((head.status, head.body), (whole.status, b''))
            self.assertEqual(head.header('Content-Length'), str(len(whole.body)))

    def test_the_checkpoint_is_sent_once(self):
        self.quiet_tree()
        first = self.get('/log/checkpoint')
        tag = first.header('ETag')
        for known in (tag, f'W/{tag}', f'"other", {tag}', '*'):
            again = self.get('/log/checkpoint', {'If-None-Match': known})
            self.assertEqual((again.status, again.body, again.header('ETag')), (304, b'', tag), known)
        self.assertEqual(self.get('/log/checkpoint', {'If-None-Match': '"other"'}).status, 200)

    def test_bundles_go_as_gzip_when_that_is_smaller(self):
        plain = self.get('/log/tile/entries/000')
        self.assertIsNone(plain.header('Content-Encoding'))
        packed = self.get('/log/tile/entries/000', {'Accept-Encoding': 'br, gzip;q=0.5'})
        self.assertEqual(packed.header('Content-Encoding'), 'gzip')
        self.assertEqual(packed.header('Vary'), 'Accept-Encoding')
        self.assertLess(len(packed.body), len(plain.body))
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        for refused in ('gzip;q=0', 'br', 'gzip;q=0.000, br'):
            self.assertIsNone(self.get('/log/tile/entries/000', {'Accept-Encoding': refused}).header('Content-Encoding'))
        for whole in ('tile/0/000', 'checkpoint'):
            self.assertIsNone(self.get(f'/log/{whole}', {'Accept-Encoding': 'gzip'}).header('Content-Encoding'))

    def test_other_spellings_and_other_files_are_not_there(self):
        self.quiet_tree()
        for path in ('tile/0/0', 'tile/0/00', 'tile/0/0000', 'tile/00/000', 'tile/0/000.p/0', 'tile/0/000.p/256', 'tile/0/000.p/01', 'tile/0/000.p/',
                     'tile/0/000.p', 'tile/0/x000/000', 'tile/0/X001/000', 'tile/0/000/', 'tile/0/', 'tile//000', 'tile/-1/000', 'tile/+0/000',
                     'tile/0/%30%30%30', 'tile/6/000', 'tile/64/000', 'tile/entries/000.p/256', 'tile/data/000', 'tile/0/x999/x999/x999/x999/x999/x999/999',
                     '', 'checkpoint/', 'checkpoint.', 'Checkpoint', './checkpoint', '/checkpoint', 'tile/0/009', 'tile/entries/001.p/255',
                     '../gateway.yaml', '../records/lock', '..%2fgateway.yaml', '%2e%2e/gateway.yaml', 'tile/../../gateway.yaml', 'tile/0/../../../gateway.yaml',
                     'tile/0/000/../../../../keys/statement.pem', '..\\gateway.yaml', 'checkpoint%00', 'tile/0/000%00', '....//gateway.yaml'):
            answer = self.get(f'/log/{path}')
            self.assertEqual(answer.status, 404, path)
            self.assertNotIn(b'member', answer.body)
            self.assertNotIn(b'PRIVATE', answer.body)
            self.assertEqual(answer.header('Cache-Control'), 'no-store')
        for path in ('/', '/logs', '/log', '/metrics', '/r1/BAOBAB/GOV/HOSPITAL/RECORDS/echo', '/gateway.yaml', '//log/checkpoint', '/./log/checkpoint'):
            self.assertEqual(self.get(path).status, 404, path)

    def test_links_in_the_folder_lead_nowhere_else(self):
        """A tile that somebody replaced by a link is not followed to a place of another size, and never beyond a tile's size."""
        folder = self.federation.holder.log_folder / 'tile/5'
        folder.mkdir(parents=True)
        try:
            (folder / '000').symlink_to(self.federation.holder.folder / 'gateway.yaml')
            answer = self.get('/log/tile/5/000')
            self.assertEqual(answer.status, 503)
            self.assertNotIn(b'member', answer.body)
        finally:
            (folder / '000').unlink()
            folder.rmdir()

    def test_other_methods_and_bodies_are_refused(self):
        answer = self.get('/log/checkpoint', method='POST', body=b'')
        self.assertEqual((answer.status, answer.header('Allow')), (405, 'GET, HEAD'))
        self.assertIn(b'GET', answer.body)
        self.assertEqual(self.get('/log/checkpoint', method='DELETE').status, 405)
        self.assertEqual(self.get('/log/checkpoint', body=b'x').status, 413)
        self.assertIn(b'400 Bad Request', raw(self.port, b'GET /log/checkpoint HTTP/1.1\r\n\r\n', timeout=3))

    def test_a_body_that_no_route_takes_is_not_read(self):
        """Refused by its size, before it comes: a stranger does not fill the disk that bodies are spooled to."""
        for path in (b'/witness/add-checkpoint', b'/log/checkpoint', b'/none'):
            began = time.monotonic()
            answer = raw(self.port, b'POST ' + path + b' HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n', timeout=10)
            self.assertIn(b'HTTP/1.1 413 ', answer, path)
            self.assertLess(time.monotonic() - began, 5)

    def test_a_burst_is_served_whole(self):
        """Requests of one connection, one behind the other, more than run at once."""
        wanted = self.get('/log/tile/0/000').body
        count = 50
        got = raw(self.port, b'GET /log/tile/0/000 HTTP/1.1\r\nHost: x\r\n\r\n' * count + b'GET /log/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        self.assertEqual(got.count(wanted), count)

    def test_a_flood_is_bounded_and_stops_no_exchange(self):
        """Four run, 1,024 wait, the next one is told to come again. What the four wait for is a pipe in the place of a tile, which nobody writes to."""
        slots, waiting = 4, 1024
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        pipe = self.federation.holder.log_folder / 'tile/5/000'
        pipe.parent.mkdir(parents=True)
        self.addCleanup(pipe.parent.rmdir)
        os.mkfifo(pipe)
        self.addCleanup(pipe.unlink)
        with contextlib.ExitStack() as lines:
            def ask(path):
                line = lines.enter_context(socket.create_connection(('127.0.0.1', self.port), 30))
                line.sendall(f'GET /log/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'.encode())
                return line

            def told(line):
                got = b''
                while block := line.recv(65536):
                    got += block
                return int(got.split(b' ')[1]), got
            stuck = [ask('tile/5/000') for _ in range(slots)]
            time.sleep(0.5)
            others = [ask('tile/0/000') for _ in range(waiting)]
            time.sleep(1)
            status, text = told(ask('tile/0/000'))
            self.assertEqual(status, 503)
            self.assertIn(b'etry-After: 1\r\n', text)
            self.assertIn(b'too many requests are waiting', text)
            # Peers do not wait behind strangers, and exchanges have nothing to do with it.
            consumer, holder = self.federation.consumer, self.federation.holder
            peers = subprocess.run(['curl', '-sS', '--http2', '--insecure', '--max-time', '20', '--cert', consumer.folder / 'keys/tls.crt', '--key',
                                    consumer.folder / 'keys/tls.pem', '-o', '/dev/null', '-w', '%{http_code}',
                                    f'https://127.0.0.1:{holder.peer_port}/log/tile/0/000'], capture_output=True, text=True, check=True)
            self.assertEqual(peers.stdout, '200')
            self.assertEqual(self.federation.ask(PERSON).status, 200)
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))  # who waited for a writer has one, and then an end: an empty file is no tile
            self.assertEqual({told(line)[0] for line in stuck}, {503})
            self.assertEqual([told(line)[0] for line in others], [200] * waiting)

    def test_readers_leave_files_for_exchanges(self):
        """A connection is a file, and readers may have a quarter of them: however many come, peers and the log's disk have the rest."""
        holder = self.federation.holder
        holder.stop()
        self.addCleanup(lambda: (holder.stop(), holder.start()))
        holder.start(wrapper=('prlimit', '--nofile=400:400'))
        self.assertEqual(self.federation.ask(PERSON).status, 200)
        with contextlib.ExitStack() as lines:
            for _ in range(450):
                lines.enter_context(socket.create_connection(('127.0.0.1', self.port), 30))
            time.sleep(1)
            self.assertLess(len(os.listdir(f'/proc/{holder.pid}/fd')), 250)
            self.assertEqual(self.federation.ask(PERSON).status, 200)
            self.assertEqual(holder.management('/readyz').status, 200)

    def test_requests_are_counted_by_route_and_status(self):
        self.quiet_tree()
        holder, name = self.federation.holder, 'comity_gateway_public_requests_total'
        before = [holder.metric(name, route='log', status=status) for status in ('2xx', '3xx', '4xx')] + [holder.metric(name, route='none', status='4xx')]
        tag = self.get('/log/checkpoint').header('ETag')
        self.get('/log/checkpoint', {'If-None-Match': tag})
        self.get('/log/none')
        self.get('/none')
        after = [holder.metric(name, route='log', status=status) for status in ('2xx', '3xx', '4xx')] + [holder.metric(name, route='none', status='4xx')]
        self.assertEqual([b - a for a, b in zip(before, after)], [1, 1, 1, 1])

    def test_peers_read_it_by_their_own_listener(self):
        consumer, holder = self.federation.consumer, self.federation.holder

        def curl(path, *options):
            done = subprocess.run(['curl', '-sS', '--http2', '--insecure', '--cert', consumer.folder / 'keys/tls.crt', '--key',
                                   consumer.folder / 'keys/tls.pem', '-w', '%{stderr}%{http_code} %{http_version}', *options,
                                   f'https://127.0.0.1:{holder.peer_port}{path}'], capture_output=True, timeout=30, check=True)
            return done.stderr.decode(), done.stdout
        self.assertEqual(curl('/log/tile/0/000'), ('200 2', self.get('/log/tile/0/000').body))
        self.assertEqual(curl('/log/none')[0], '404 2')
        self.assertEqual(curl('/log/checkpoint', '-X', 'POST')[0], '405 2')
        self.assertEqual(curl('/log/tile/0/000', '--head')[0], '200 2')
        self.assertEqual(curl('/r1/no/such')[0], '500 2')  # everything else is an exchange, and speaks as one


if __name__ == '__main__':
    unittest.main()
