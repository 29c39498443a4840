"""What an application may send wrongly, and what it gets: each row is refused clearly, the process lives on, nothing logged is lost."""
import json
import socket
import time
import unittest

from comity import CLIENT, HOLDER, IMMUNISATIONS, PERSON, Federation, http_request, raw
from service import big

P = f'/r1/{HOLDER}'
C = {'X-Road-Client': CLIENT}


def head(*lines, method='GET', target=f'{P}/echo', host=True):
    text = [f'{method} {target} HTTP/1.1'] + (['Host: gateway'] if host else []) + [f'X-Road-Client: {CLIENT}', *lines]
    return ('\r\n'.join(text) + '\r\n\r\n').encode()


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.federation = Federation(limits={'body': '16MiB', 'head': '16KiB', 'head_time': '2s', 'body_stall': '2s', 'write_stall': '3s', 'idle': '20s',
                                            'body_memory': '64KiB'})
        cls.federation.__enter__()
        cls.federation.give_consent(categories=[IMMUNISATIONS])
        cls.first = cls.federation.ask()

    @classmethod
    def tearDownClass(cls):
        try:
            assert cls.first.status == 200
            for gateway in (cls.federation.consumer, cls.federation.holder):
                gateway.stop()
                gateway.log_verify()
        finally:
            cls.federation.__exit__(None)

    @property
    def port(self):
        return self.federation.consumer.application_port

    def tearDown(self):
        pid = self.federation.consumer.pid
        got = self.federation.ask()
        self.assertEqual(got.status, 200, got)
        self.assertEqual(self.federation.consumer.pid, pid)

    def refused(self, data, *statuses, seen=None):
        """The raw answer has one of the statuses, there is just one answer, and the service has not been called."""
        before = len(self.federation.service.requests)
        got = raw(self.port, data, timeout=8)
        status = got.split(b' ')[1:2]
        self.assertIn(status[0].decode() if status else 'reset', statuses, got[:600])
        self.assertLessEqual(got.count(b'HTTP/1.1 '), 1, got)
        self.assertEqual(len(self.federation.service.requests), before, 'the service was called')
        if seen:
            self.assertIn(seen, got)

    def test_paths(self):
        for target, status, error in (
                ('/', 404, 'client.not_found'), ('/r1', 404, 'client.not_found'), ('/r1/', 500, 'server.clientproxy.internal_error'),
                ('/r1/a/b/c/d', 500, 'server.clientproxy.internal_error'), ('/r1/BAOBAB//HOSPITAL/RECORDS/echo', 500, 'server.clientproxy.internal_error'),
                (f'{P}/echo/%', 400, 'client.malformed_target'), (f'{P}/echo/%G0', 400, 'client.malformed_target'),
                (f'/r1/BAOBAB/GOV/HOSPITAL/RECORDS/%ff', 500, 'server.clientproxy.internal_error'),
                (f'/r1/BAOBAB/GOV/{"x" * 300}/RECORDS/echo', 500, 'server.clientproxy.internal_error'),
                ('/r1/BAOBAB/GOV/NOBODY/RECORDS/echo', 500, 'server.clientproxy.unknown_member'),
                (f'{P}/nothing', 500, 'server.serverproxy.unknown_service')):
            with self.subTest(target[:80]):
                got = http_request(self.port, 'GET', target, C)
                self.assertEqual((got.status, got.error), (status, error), got)
                self.assertTrue(got.json()['message'])

    def test_over_long(self):
        self.refused(head(target=f'{P}/echo/' + 'a' * 20000), '431')
        self.refused(head('X-Long: ' + 'a' * 20000), '431')
        self.refused(head(*(f'X-{n}: 1' for n in range(1000))), '431')
        self.refused(head('Content-Length: 16777217', method='POST'), '413')
        self.refused(head('Content-Length: 99999999999999999999', method='POST'), '400', '413')
        chunk = b'10000\r\n' + b'a' * 0x10000 + b'\r\n'
        self.refused(head('Transfer-Encoding: chunked', method='POST') + chunk * 257, '413', 'reset')

    def test_client(self):
        for headers, error in (({}, 'server.clientproxy.invalid_client_identifier'), ({'X-Road-Client': ''}, 'server.clientproxy.internal_error'),
                               ({'X-Road-Client': 'A/B'}, 'server.clientproxy.internal_error'),
                               ({'X-Road-Client': 'A/B/C/D/E'}, 'server.clientproxy.internal_error'),
                               ({'X-Road-Client': HOLDER}, 'server.clientproxy.unknown_member'),
                               ({'X-Road-Client': 'AURORA/COM/CLINIC/NURSES'}, 'server.clientproxy.unknown_member')):
            with self.subTest(headers):
                self.assertEqual(http_request(self.port, 'GET', f'{P}/echo', headers).error, error)
        got = http_request(self.port, 'GET', f'{P}/echo/x', [('X-Road-Client', HOLDER), ('X-Road-Client', CLIENT)])
        self.assertEqual(got.status, 200, 'the last X-Road-Client counts')

    def test_smuggling(self):
        smuggled = f'GET {P}/echo/smuggled HTTP/1.1\r\nHost: x\r\nX-Road-Client: {CLIENT}\r\n\r\n'.encode()
        self.refused(head('Content-Length: 5', 'Content-Length: 6', method='POST') + b'aaaaa' + smuggled, '400')
        self.refused(head('Content-Length: 5', 'Content-Length: 5', method='POST') + b'aaaaa' + smuggled, '400')
        self.refused(head('Content-Length: 5, 5', method='POST') + b'aaaaa' + smuggled, '400')
        self.refused(head('Content-Length: +5', method='POST') + b'aaaaa' + smuggled, '400')
        self.refused(head('Content-Length: 5', 'Transfer-Encoding: chunked', method='POST') + b'0\r\n\r\n' + smuggled, '400')
        self.refused(head('Transfer-Encoding: xchunked', method='POST') + b'0\r\n\r\n' + smuggled, '400', '501')
        self.refused(head('Transfer-Encoding: chunked, identity', method='POST') + b'0\r\n\r\n' + smuggled, '400', '501')
        self.refused(head('Transfer-Encoding : chunked', method='POST') + b'0\r\n\r\n' + smuggled, '400')
        self.refused(head('X-A: 1\n X-B: 2'), '400')
        self.refused(head('X-A: 1\r\n folded'), '400')
        self.refused(head('X-A: 1\rX-B: 2'), '400')
        self.refused(head('X-A: a\x00b'), '400')
        self.refused(head('Bad Name: 1'), '400')
        self.refused(f'GET {P}/echo HTTP/1.1\nHost: x\nX-Road-Client: {CLIENT}\n\n'.encode(), '400')
        self.refused(head(host=False), '400')
        self.refused(head('Host: other'), '400')
        for size in (b'fffffffffffffffff', b'-1', b'0x5', b'5 ', b'', b'5;' + b'x' * 70000):
            self.refused(head('Transfer-Encoding: chunked', method='POST') + size + b'\r\naaaaa\r\n0\r\n\r\n' + smuggled, '400', '413', '431', 'reset')
        self.refused(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '400', '505')
        self.refused(b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'a' * 64, '400')
        self.refused(b'GET / HTTP/0.9\r\n\r\n', '400', '505')

    def test_slow_head_and_body(self):
        began = time.monotonic()
        got = raw(self.port, [b'GET /r1/ HTT', b'P/1.1\r\nHost: x\r\nX-A: '], timeout=15, pause=0.1)
        self.assertIn(b' 408 ', got.split(b'\r\n')[0])
        got = raw(self.port, [head('Content-Length: 10', method='POST'), b'aaa'], timeout=15, pause=0.1)
        self.assertIn(b' 408 ', got.split(b'\r\n')[0])
        self.assertLess(time.monotonic() - began, 14)

    def test_reader_that_stops(self):
        """It is cut off, and what it holds back costs no one else anything."""
        self.federation.service.on('/echo/large', big(15000000))
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            lazy.connect(('127.0.0.1', self.port))
            lazy.sendall(head(target=f'{P}/echo/large'))
            time.sleep(1)
            self.assertEqual(self.federation.ask().status, 200)
            time.sleep(5)
            got = b''
            try:
                lazy.settimeout(5)
                while True:
                    block = lazy.recv(65536)
                    if not block:
                        break
                    got += block
            except OSError:
                pass
            self.assertLess(len(got), 15000000, 'the whole answer waited for a reader that had stopped')

    def test_many_connections(self):
        held = [socket.create_connection(('127.0.0.1', self.port)) for _ in range(200)]
        try:
            self.assertEqual(self.federation.ask().status, 200)
        finally:
            for one in held:
                one.close()

    def test_purpose(self):
        for purpose, reason in (('nonsense', 'request.malformed'), ('unknown:Thing', 'request.malformed'), ('dpv:Marketing', 'purpose.forbidden'),
                                ('dpv:' + 'x' * 600, 'request.malformed')):
            with self.subTest(purpose[:20]):
                self.assertEqual(self.federation.ask(purpose=purpose).reason, reason)
        self.assertEqual(self.federation.ask(purpose='https://w3id.org/dpv#ServiceProvision').status, 200)

    def test_message_id_that_no_statement_can_hold(self):
        self.refused(head('X-Road-Id: \u00f6'), '500', seen=b'X-Road-Id: send printable ASCII')

    def test_refusals_are_logged(self):
        got = http_request(self.port, 'GET', f'{P}/echo', {})
        told = self.federation.consumer.run_json('log', 'show', '--exchange', got.json()['exchange'])
        self.assertIn('client.missing', json.dumps(told))

    def test_no_person_in_diagnostics(self):
        self.federation.ask()
        self.federation.ask(person='PNR-not-here')
        for gateway in (self.federation.consumer, self.federation.holder):
            self.assertNotIn(PERSON, gateway.stderr() + gateway.metrics_text())
            self.assertNotIn('PNR-not-here', gateway.stderr() + gateway.metrics_text())


if __name__ == '__main__':
    unittest.main()
