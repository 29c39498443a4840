"""Tokens of a real OpenID provider (provider.mjs): discovery, keys that are fetched and kept, a key that is changed, and a provider that is down."""
import subprocess
import time
import unittest
import urllib.parse
from pathlib import Path

from api import Api, ApiCase, Key, token
from comity import free_ports, http_request
from visitor import Visitor

HERE = Path(__file__).resolve().parent
AUDIENCE = 'https://hospital.example'


class Provider:
    def __init__(self, port, kid, algorithm='RS256', portal=()):
        self.port = port
        self.process = subprocess.Popen(['node', str(HERE / 'provider.mjs'), str(port), AUDIENCE, kid, algorithm, *portal], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        if self.process.stdout.readline().strip() != 'ready':
            raise AssertionError('the provider did not start')

    def token(self, client='citizen'):
        body = f'grant_type=client_credentials&client_id={client}&client_secret={client}-secret'.encode()
        answer = http_request(self.port, 'POST', '/token', {'Content-Type': 'application/x-www-form-urlencoded'}, body)
        return answer.json()['access_token']

    def stop(self):
        if self.process.poll() is not None:
            return
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()


class Discovery(ApiCase):
    @classmethod
    def setUpClass(cls):
        cls.provider_port, = free_ports(1)
        cls.config = {'issuers': [{'issuer': f'http://127.0.0.1:{cls.provider_port}', 'audiences': [AUDIENCE], 'allow_local': True,
                                   'person': {'prefix': 'oidc:'},
                                   'roles': {'claim': 'roles', 'map': [{'value': 'citizen', 'role': 'person'}, {'value': 'office', 'role': 'operator'}]}}]}
        super().setUpClass()

    def ask(self, token, path='/v1/person'):
        return self.api.call('GET', path, headers={'Authorization': f'Bearer {token}'})

    def test_discovery_rotation_and_a_provider_that_is_down(self):
        self.api.gateway.kill()  # it has asked nobody yet
        self.api.gateway.start()
        first = Provider(self.provider_port, 'first')
        self.addCleanup(first.stop)
        old = first.token()
        answer = self.ask(old)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json()['person'], 'oidc:citizen')
        self.assertEqual(self.ask(first.token('office'), '/v1/gateway').status, 200)
        self.refused(self.ask(old, '/v1/gateway'), 403, 'auth.role')
        first.stop()
        # Its keys are here: it need not be there for its tokens to be good.
        self.assertEqual(self.ask(old).status, 200)
        second = Provider(self.provider_port, 'second', 'ES256')
        self.addCleanup(second.stop)
        fresh = second.token()
        # A key that isn't known makes the gateway ask again, but not more than twice a minute: whoever makes kids up can't drive it.
        deadline = time.monotonic() + 60
        while True:
            answer = self.ask(fresh)
            if answer.status == 200 or time.monotonic() > deadline:
                break
            self.refused(answer, 401, 'auth.credentials')
            time.sleep(1)
        self.assertEqual(answer.status, 200, answer)
        self.refused(self.ask(old), 401, 'auth.credentials')  # the key was taken back
        second.stop()
        self.api.gateway.kill()
        self.api.gateway.start()
        answer = self.ask(fresh)
        self.refused(answer, 503, 'auth.unavailable')
        self.assertTrue(answer.header('Retry-After'))
        # Who does not come by that provider is not hurt.
        self.assertEqual(self.api.call('GET', '/v1/gateway', who='operator').status, 200)

    def test_an_impostor(self):
        """The discovery document names another issuer than it was asked for: nothing of it is used."""
        code = ("import http.server,json,sys\n"
                "class H(http.server.BaseHTTPRequestHandler):\n"
                "    def do_GET(self):\n"
                "        body=json.dumps({'issuer':'https://other.example','jwks_uri':'http://127.0.0.1:%s/jwks'}).encode()\n"
                "        self.send_response(200); self.send_header('Content-Length',str(len(body))); self.end_headers(); self.wfile.write(body)\n"
                "    def log_message(self,*a): pass\n"
                "http.server.HTTPServer(('127.0.0.1',%s),H).serve_forever()" % (self.provider_port, self.provider_port))
        server = subprocess.Popen(['/usr/bin/python3', '-c', code])
        try:
            time.sleep(1)
            self.api.gateway.kill()
            self.api.gateway.start()
            forged = token(Key('first'), iss=f'http://127.0.0.1:{self.provider_port}', aud=AUDIENCE, roles=['citizen'])
            self.refused(self.ask(forged), 503, 'auth.unavailable')
            self.assertIn('of another issuer', self.api.gateway.stderr())
        finally:
            server.terminate()
            server.wait(20)


class SignIn(ApiCase):
    """People sign in there and out again, by a browser without script that has both places' cookies."""
    secret = None

    @classmethod
    def setUpClass(cls):
        ports = free_ports(1)
        cls.provider_port = ports[0]
        cls.issuer = f'http://127.0.0.1:{ports[0]}'
        login = {'name': 'National ID', 'client_id': 'portal', **({'client_secret_file': 'client.secret'} if cls.secret else {})}
        cls.config = {'issuers': [{'issuer': cls.issuer, 'allow_local': True, 'keys_age_max': '1h', 'login': login, 'person': {'prefix': 'oidc:'},
                                   'roles': {'claim': 'roles', 'map': [{'value': 'citizen', 'role': 'person'}]}}]}
        cls.api = Api(**cls.config)
        configure = cls.api.configure

        def configured():  # once the listener's port is known
            cls.api.config['public_url'] = f'http://127.0.0.1:{cls.api.port}'
            configure()
            secret = cls.api.gateway.folder / 'client.secret'
            secret.write_text((cls.secret or 'unused') + '\n')
            secret.chmod(0o600)
        cls.api.configure = configured
        cls.addClassCleanup(cls.api.__exit__, None, None, None)
        cls.api.__enter__()

    def provider(self, kid, algorithm='RS256'):
        portal = [f'http://127.0.0.1:{self.api.port}', *([self.secret] if self.secret else [])]
        made = Provider(self.provider_port, kid, algorithm, portal)
        self.addCleanup(made.stop)
        return made

    def at_provider(self, visitor, location):
        """Follows the provider's own redirections; where it sends the browser back to."""
        for _ in range(10):
            url = urllib.parse.urlsplit(urllib.parse.urljoin(self.issuer, location))
            if url.netloc != f'127.0.0.1:{self.provider_port}':
                return location
            answer = visitor.get(f'{url.path}?{url.query}' if url.query else url.path)
            location = answer.header('Location')
            if location is None:
                return answer
        raise AssertionError('too many redirections')

    def sign_in(self, there, here=None):
        here = here or Visitor(self.api.port)
        location = here.get('/sign-in/provider?name=National%20ID&next=%2Fsessions').header('Location')
        back = self.at_provider(there, location)
        self.assertIsInstance(back, str, back)
        url = urllib.parse.urlsplit(back)
        return here, here.get(f'{url.path}?{url.query}'), f'{url.path}?{url.query}'

    def is_in(self, visitor):
        return visitor.copy().get('/v1/person', headers={'Accept': '*/*'}).status == 200

    def test_in_and_out(self):
        self.provider('first')
        there = Visitor(self.provider_port)
        here, answer, back = self.sign_in(there)
        self.assertEqual((answer.status, answer.header('Location')), (303, '/sessions'), answer)
        self.assertEqual(here.get('/v1/person', headers={'Accept': '*/*'}).json()['person'], 'oidc:ada')
        self.assertEqual(here.get(back).status, 400)  # the same answer again
        second, _, _ = self.sign_in(there)
        # Out here, by the link to the provider; which tells us of it, and so the other browser is out as well.
        here.get('/sessions')
        here.submit('/sign-out')
        link, = (one for one in here.links() if one.startswith(self.issuer))
        self.assertFalse(self.is_in(here))
        self.assertTrue(self.is_in(second))
        page = self.at_provider(there, link)
        form = there.forms()[0]
        answer = there.post(urllib.parse.urlsplit(form['action']).path, {**form['fields'], 'logout': 'yes'}, {'Sec-Fetch-Site': None})
        self.assertEqual(answer.header('Location'), f'http://127.0.0.1:{self.api.port}/signed-out', (page, answer))
        deadline = time.monotonic() + 20
        while self.is_in(second) and time.monotonic() < deadline:
            time.sleep(.1)
        self.assertFalse(self.is_in(second))


class SignInWithSecret(SignIn):
    secret = 'a secret: with/odd+characters & more%'

    def test_in_and_out(self):
        self.provider('first', 'ES256')
        here, answer, _ = self.sign_in(Visitor(self.provider_port))
        self.assertEqual(answer.status, 303, answer)
        self.assertTrue(self.is_in(here))
        self.assertNotIn(self.secret, self.api.gateway.stderr())


if __name__ == '__main__':
    unittest.main()
