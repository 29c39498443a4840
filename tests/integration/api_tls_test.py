"""The REST API over TLS: clients that are known by their certificates, what a browser with one can't be made to do, and what only TLS brings."""
import base64
import hashlib
import http.client
import ssl
import subprocess
import unittest

from api import Api, problem
from comity import PERSON, http_request


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = Api()
        cls.addClassCleanup(lambda: cls.api.federation.remove())
        cls.api.federation.make()
        keys = cls.keys = cls.api.federation.holder.folder / 'keys'
        for name in ('api', 'desk'):
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
                            f'/CN={name}', '-keyout', keys / f'{name}.pem', '-out', keys / f'{name}.crt'], check=True, capture_output=True)
            (keys / f'{name}.pem').chmod(0o600)
        public = subprocess.run(['openssl', 'x509', '-in', keys / 'desk.crt', '-noout', '-pubkey'], check=True, capture_output=True).stdout
        spki = base64.b64decode(b''.join(public.splitlines()[1:-1]))
        pin = base64.b64encode(hashlib.sha256(spki).digest()).decode()
        cls.api.config = {'clients': [{'name': 'desk', 'role': 'officer', 'pins': [pin]}]}
        cls.api.__enter__()
        cls.addClassCleanup(cls.api.__exit__, None)
        path = cls.api.gateway.folder / 'gateway.yaml'
        path.write_text(path.read_text().replace(f'"127.0.0.1:{cls.api.port}" }}', f'"127.0.0.1:{cls.api.port}", tls: {{ certificate: keys/api.crt, '
                                                 'key: keys/api.pem } }', 1))
        cls.api.gateway.stop()
        cls.api.gateway.start()

    def call(self, method, path, headers=None, body=None, certificate='desk'):
        context = ssl.create_default_context(cafile=self.keys / 'api.crt')
        context.check_hostname = False
        if certificate:
            context.load_cert_chain(self.keys / f'{certificate}.crt', self.keys / f'{certificate}.pem')
        connection = http.client.HTTPSConnection('127.0.0.1', self.api.port, context=context, timeout=30)
        try:
            return http_request(0, method, path, headers or {}, body, connection=connection)
        finally:
            connection.close()

    def test_a_client_is_known_by_its_certificate(self):
        self.assertEqual(self.call('GET', '/v1/reviews').status, 200)
        self.assertEqual(problem(self.call('GET', '/v1/reviews', certificate=None)), (401, 'auth.credentials'))
        self.assertEqual(problem(self.call('GET', '/v1/reviews', certificate='api')), (401, 'auth.credentials'))

    def test_a_browser_sends_its_certificate_with_anybodys_form(self):
        body = b'{"consumer": "BAOBAB/HEALTH/CLINIC", "service": "AURORA/HEALTH/HOSPITAL/records/patients", "reason": "a queue"}'
        fields = b'act=release&consumer=BAOBAB/HEALTH/CLINIC&service=AURORA/HEALTH/HOSPITAL/records/patients&reason=a+queue'
        calls = (lambda head: self.call('POST', '/v1/holds/release', {'Content-Type': 'application/json', **head}, body),
                 lambda head: self.call('POST', '/console/tasks', {'Content-Type': 'application/x-www-form-urlencoded', **head}, fields))
        for send in calls:
            for head in ({'Sec-Fetch-Site': 'cross-site'}, {'Origin': 'https://evil.example'}, {'Origin': 'null'}):
                with self.subTest(head):
                    self.assertEqual(send(head).status, 403)
            # A program sends neither field, and our own page the right ones: there is just no such hold.
            for head in ({}, {'Sec-Fetch-Site': 'same-origin'}):
                self.assertEqual(send(head).status, 404, head)

    def test_what_only_tls_brings(self):
        page = self.call('GET', '/sign-in', certificate=None)
        self.assertEqual(page.status, 200)
        self.assertRegex(page.header('Strict-Transport-Security'), r'^max-age=\d{8}')
        self.assertRegex(page.header('Set-Cookie'), r'^__Host-comity-visit=[^;]+; Path=/; HttpOnly; SameSite=Lax; Secure$')
        plain = http.client.HTTPConnection('127.0.0.1', self.api.port, timeout=30)
        self.addCleanup(plain.close)
        with self.assertRaises((http.client.HTTPException, OSError)):
            http_request(0, 'GET', '/v1/person', self.api.authorization(PERSON), connection=plain)


if __name__ == '__main__':
    unittest.main()
