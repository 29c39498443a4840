"""The log as a public object: read by others' clients, from our service, from nginx, and from Python's file server, it verifies the same."""
import base64
import contextlib
import functools
import hashlib
import http.server
import subprocess
import threading
import time
import unittest
import urllib.request
from pathlib import Path

from comity import CATEGORIES, Federation, PERSON, free_ports
from logcheck import logcheck

EXCHANGES = 150  # two entries each at the holder, and some beside: a full tile and a partial one


@contextlib.contextmanager
def python_server(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f'http://127.0.0.1:{server.server_address[1]}'
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def nginx(folder, scratch):
    [port] = free_ports(1)
    scratch.mkdir()
    (scratch / 'nginx.conf').write_text(f'''
        daemon off; master_process off; worker_processes 1; pid {scratch}/pid; error_log {scratch}/error.log;
        events {{ worker_connections 64; }}
        http {{
            access_log off; default_type application/octet-stream; gzip on; gzip_types *; gzip_min_length 100;
            client_body_temp_path {scratch}/body; proxy_temp_path {scratch}/proxy; fastcgi_temp_path {scratch}/fastcgi;
            uwsgi_temp_path {scratch}/uwsgi; scgi_temp_path {scratch}/scgi;
            server {{ listen 127.0.0.1:{port}; root {folder}; }}
        }}''')
    process = subprocess.Popen(['/usr/sbin/nginx', '-p', str(scratch), '-c', str(scratch / 'nginx.conf')], stderr=subprocess.PIPE)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f'http://127.0.0.1:{port}/checkpoint', timeout=5).close()
                break
            time.sleep(0.05)
        yield f'http://127.0.0.1:{port}'
    finally:
        process.terminate()
        process.wait(20)
        process.stderr.close()


def curl(url, *options):
    return subprocess.run(['curl', '-sS', '--fail', *options, url], capture_output=True, check=True, timeout=30).stdout


class PublicLog(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.federation = Federation()
        cls.federation.make()
        holder = cls.holder = cls.federation.holder
        [port] = free_ports(1)
        holder.configure(listen={'peers': f'127.0.0.1:{holder.peer_port}', 'management': f'127.0.0.1:{holder.management_port}',
                                 'applications': [{'address': f'127.0.0.1:{holder.application_port}'}], 'log': {'address': f'127.0.0.1:{port}'}})
        cls.url = f'http://127.0.0.1:{port}/log'
        cls.federation.start()
        cls.federation.give_consent(PERSON, CATEGORIES)
        for _ in range(EXCHANGES):
            assert cls.federation.ask(PERSON).status == 200
        cls.settle()

    @classmethod
    def tearDownClass(cls):
        cls.federation.__exit__(None, None, None)

    @classmethod
    def settle(cls):
        """Until all is published: the checkpoint states what status does."""
        for _ in range(200):
            if int(cls.checkpoint().split('\n')[1]) == cls.holder.metric('comity_evidence_log_entries'):
                return
            time.sleep(0.05)
        raise AssertionError('the log is not published')

    @classmethod
    def checkpoint(cls):
        return (cls.holder.log_folder / 'checkpoint').read_text()

    def test_the_go_packages_verify_it_from_every_server(self):
        folder = self.holder.log_folder
        wanted = logcheck('log', folder, self.holder.statement_key)
        self.assertGreater(wanted['size'], 256)
        with python_server(folder) as python, nginx(folder, self.federation.folder / 'nginx') as engine:
            for server in (self.url, engine, python):
                self.assertEqual(logcheck('log', server, self.holder.statement_key), wanted, server)

    def test_a_damaged_copy_is_refused(self):
        """The check can fail: one hash of one tile, behind a web server."""
        copy = self.federation.folder / 'damaged'
        subprocess.run(['cp', '-r', self.holder.log_folder, copy], check=True)
        tile = bytearray((copy / 'tile/0/000').read_bytes())
        tile[4711] ^= 1
        (copy / 'tile/0/000').write_bytes(tile)
        with python_server(copy) as python:
            logcheck('log', python, self.holder.statement_key, expect=1)

    def test_curl_fetches_every_tile_into_a_folder_that_verifies(self):
        copy = self.federation.folder / 'copy'
        for path in self.holder.log_folder.rglob('*'):
            if path.is_file():
                name = path.relative_to(self.holder.log_folder)
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                (copy / name).write_bytes(curl(f'{self.url}/{name}', '--compressed'))
        self.assertEqual(logcheck('log', copy, self.holder.statement_key), logcheck('log', self.holder.log_folder, self.holder.statement_key))
        self.assertEqual(self.holder.run_json('log', 'verify', '--key', self.holder.statement_key, copy)['faults'], [])

    def entry(self, index):
        bundle = curl(f'{self.url}/tile/entries/000')
        return bundle[index * 34 + 2:(index + 1) * 34]

    def test_receipts_are_fetched_by_index(self):
        for index in (0, 1, 100, 255):
            receipt = curl(f'{self.url}/receipt/{index}').decode()
            self.assertNotIn('extra', receipt)
            told = logcheck('receipt', self.holder.statement_key, self.entry(index).hex(), stdin=receipt)
            self.assertEqual(told['index'], index)
            self.assertEqual(self.holder.run('log', 'receipt', index).stdout, receipt)
            with self.assertRaises(AssertionError):
                logcheck('receipt', self.holder.statement_key, self.entry(index + 1 if index < 255 else 0).hex(), stdin=receipt)

    def test_with_its_salt_a_receipt_opens_the_statement(self):
        receipt = self.holder.run('log', 'receipt', '--salt', 3).stdout
        statement = self.holder.run('log', 'show', 3, '--part', 'statement').stdout
        salt = base64.b64decode(receipt.split('\n')[1].removeprefix('extra '))
        self.assertEqual(hashlib.sha256(salt + statement.encode()).digest(), self.entry(3))
        files = [self.federation.folder / name for name in ('r', 's')]
        files[0].write_text(receipt)
        files[1].write_text(statement)
        self.holder.run('log', 'verify', '--receipt', files[0], '--statement', files[1], '--key', self.holder.statement_key, self.holder.folder)

    def test_a_receipt_is_under_the_cosigned_checkpoint_where_that_has_the_entry(self):
        self.settle()
        cosigned = self.holder.log_folder / 'checkpoint.cosigned'
        old = self.checkpoint()
        size = int(old.split('\n')[1])
        cosigned.write_text(old)
        try:
            self.federation.ask(PERSON)
            self.settle()
            self.assertEqual(curl(f'{self.url}/checkpoint.cosigned').decode(), old)
            receipt = curl(f'{self.url}/receipt/7').decode()
            self.assertTrue(receipt.endswith(old))
            self.assertEqual(logcheck('receipt', self.holder.statement_key, self.entry(7).hex(), stdin=receipt), {'index': 7, 'size': size})
            self.assertTrue(curl(f'{self.url}/receipt/{size}').decode().endswith(self.checkpoint()))
            self.assertTrue(self.holder.run('log', 'receipt', '--salt', 7).stdout.endswith(old))
        finally:
            cosigned.unlink()

    def test_a_receipt_that_cannot_be_had_is_refused(self):
        size = int(self.checkpoint().split('\n')[1])
        for index in (size + 1000, 2**63, 'x', '', '007', '-1', '1/', '1%30', 2**64):
            done = subprocess.run(['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', f'{self.url}/receipt/{index}'], capture_output=True,
                                  text=True, check=True, timeout=30)
            self.assertEqual(done.stdout, '404', index)
        self.assertIn('is not published', self.holder.run('log', 'receipt', size + 1000, expect=1).stderr)


if __name__ == '__main__':
    unittest.main()
