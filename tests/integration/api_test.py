"""The REST API's foundation: who is let in, what a request may be, and what every answer has."""
import json
import time
import unittest

from api import AUDIENCE, ISSUER, Api, ApiCase, Key, b64, token
from comity import raw

ME, OTHER = 'PNR-1980-0001', 'PNR-1975-0002'
POLICY = {'name': 'Health data', 'version': '1', 'url': 'https://hospital.example/policy/1'}
POLICIES = '/govstack/v1/config/policies/'


class Tokens(ApiCase):
    """Of an OpenID provider: each thing that can be wrong with one is refused with 401, and says so."""

    def ask(self, text):
        return self.api.call('GET', POLICIES, headers={'Authorization': f'Bearer {text}'})

    def good(self, **changes):
        return {'roles': ['citizen'], **changes}

    def test_a_good_one_comes_in(self):
        self.assertEqual(self.ask(token(self.api.key, self.good())).status, 200)
        self.assertEqual(self.ask(token(self.api.key, self.good(), 'PS256')).status, 200)
        self.assertEqual(self.ask(token(self.api.key, self.good(aud=['other', AUDIENCE]))).status, 200)
        self.assertEqual(self.ask(token(self.api.key, self.good(), header={'typ': 'at+jwt'})).status, 200)

    def test_what_is_wrong_is_refused(self):
        now = int(time.time())
        key, good = self.api.key, self.good()
        head, claims, signature = token(key, good).split('.')
        foreign = Key('k1')
        none = b64(json.dumps({'alg': 'none', 'typ': 'JWT'}).encode())
        bad = {
            'nothing': '.', 'two parts': f'{head}.{claims}', 'four parts': f'{head}.{claims}.{signature}.x', 'no base64': f'{head}.{claims}.!!!',
            'alg none': f'{none}.{claims}.', 'alg none signed': f'{none}.{claims}.{signature}', 'alg None': token(key, good, header={'alg': 'None'}),
            'HS256 by the public key': token(key, good, 'HS256'), 'RS512': token(key, good, header={'alg': 'RS512'}),
            'another algorithm than signed': token(key, good, 'RS256', header={'alg': 'PS256'}), 'no signature': f'{head}.{claims}.',
            'another signature': f'{head}.{claims}.{token(key, self.good(x=1)).split(".")[2]}', 'foreign key': token(foreign, good),
            'unknown kid': token(key, good, header={'kid': 'k9'}), 'kid of another type': token(key, good, header={'kid': 7}),
            'crit': token(key, good, header={'crit': ['b64'], 'b64': False}), 'typ': token(key, good, header={'typ': 'secevent+jwt'}),
            'other issuer': token(key, good, iss='https://evil.example'), 'no issuer': token(key, good, iss=None),
            'issuer of another type': token(key, good, iss=[ISSUER]),
            'other audience': token(key, good, aud='other'), 'no audience': token(key, good, aud=None), 'audience part': token(key, good, aud=AUDIENCE[:-1]),
            'over': token(key, good, exp=now - 120), 'no end': token(key, good, exp=None), 'end as text': token(key, good, exp=str(now + 600)),
            'not yet': token(key, good, nbf=now + 300), 'from the future': token(key, good, iat=now + 300), 'no subject': token(key, good, sub=None),
            'a subject that is too long': token(key, good, sub='x' * 200),
            'too long': token(key, good, x='y' * 20000), 'claims that are a list': f'{head}.{b64(b"[1]")}.{signature}',
            'a claim twice': f'{head}.{b64(b"{%s:1,%s:2}" % ((json.dumps("iss").encode(),) * 2))}.{signature}',
        }
        for name, text in bad.items():
            with self.subTest(name):
                answer = self.ask(text)
                self.refused(answer, 401, 'auth.credentials')
                self.assertIn('error="invalid_token"', answer.header('WWW-Authenticate'))
                self.assertNotIn(ME, answer.body.decode())

    def test_skew_is_forgiven(self):
        now = int(time.time())
        self.assertEqual(self.ask(token(self.api.key, self.good(exp=now - 30, nbf=now + 30, iat=now + 30))).status, 200)

    def test_roles_that_nobody_knows(self):
        self.refused(self.ask(token(self.api.key, roles=['wizard'])), 403, 'auth.role')
        self.refused(self.ask(token(self.api.key)), 403, 'auth.role')

    def test_other_schemes(self):
        for value in ('Basic dTpw', 'Bearer', 'Bearer ', 'bearer x', f'Token {self.api.tokens["ward"]}'):
            with self.subTest(value):
                self.refused(self.api.call('GET', POLICIES, headers={'Authorization': value}), 401, 'auth.credentials')
        self.assertEqual(self.api.call('GET', POLICIES, headers={'Authorization': f'ApiKey {self.api.tokens["ward"]}'}).status, 200)

    def test_two_authorizations(self):
        answer = raw(self.api.port, f'GET {POLICIES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\nConnection: close\r\n\r\n'
                     .encode())
        self.assertTrue(answer.startswith(b'HTTP/1.1 401 '), answer)

    def test_the_diagnostics_name_no_person_and_no_token(self):
        self.ask(token(self.api.key, self.good()))
        text = self.api.gateway.stderr()
        self.assertNotIn(ME, text)
        self.assertNotIn(self.api.tokens['ward'], text)


class EllipticTokens(ApiCase):
    def test_es256(self):
        key = Key('e1', 'EC')
        self.api.write_keys([self.api.key, key])
        self.api.gateway.reload()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            answer = self.api.call('GET', POLICIES, headers={'Authorization': 'Bearer ' + token(key, roles='citizen')})
            if answer.status == 200:
                break
            time.sleep(0.05)
        self.assertEqual(answer.status, 200, answer)
        # The RSA key's kid with the other algorithm, and the other way round.
        for text in (token(key, roles='citizen', header={'kid': 'k1'}), token(self.api.key, roles='citizen', header={'kid': 'e1'})):
            self.refused(self.api.call('GET', POLICIES, headers={'Authorization': f'Bearer {text}'}), 401, 'auth.credentials')


class Requests(ApiCase):
    def policy(self, name='1', **call):
        return self.api.call('POST', '/govstack/v1/config/policy/', {'policy': {'id': name, **POLICY}}, who='ward', **call)

    def test_document_is_for_all(self):
        answer = self.api.call('GET', '/v1/openapi.json')
        self.assertEqual(answer.json()['openapi'], '3.1.0')
        self.assertEqual(self.api.call('GET', '/v1/openapi.json/').status, 200)

    def test_each_answer_is_closed_to_browsers(self):
        for answer in (self.api.call('GET', POLICIES, who='ward'), self.api.call('GET', POLICIES), self.api.call('GET', '/v1/openapi.json')):
            self.assertEqual(answer.header('X-Content-Type-Options'), 'nosniff')
            self.assertIn("default-src 'none'", answer.header('Content-Security-Policy'))
            self.assertIn(answer.header('Cache-Control'), ('no-store', 'no-cache'))
            self.assertIsNone(answer.header('Access-Control-Allow-Origin'))

    def test_paths_and_methods(self):
        self.refused(self.api.call('GET', '/v1/nothing', who='ward'), 404, 'request.absent')
        self.refused(self.api.call('GET', '/govstack/v1/config/policy/', who='ward'), 405, 'request.method')
        wrong = self.api.call('PATCH', '/govstack/v1/config/policy/1/', who='ward')
        self.refused(wrong, 405, 'request.method')
        self.assertEqual(wrong.header('Allow'), 'GET, HEAD, OPTIONS, PUT, DELETE')
        options = self.api.call('OPTIONS', '/govstack/v1/config/policy/')
        self.assertEqual((options.status, options.header('Allow')), (204, 'POST, OPTIONS'))
        self.policy('head')
        whole = self.api.call('GET', '/govstack/v1/config/policy/head/', who='ward')
        head = self.api.call('HEAD', '/govstack/v1/config/policy/head/', who='ward')
        self.assertEqual((head.status, head.body, head.header('Content-Length')), (200, b'', str(len(whole.body))))

    def test_bodies(self):
        path = '/govstack/v1/config/policy/'
        call = lambda text, **head: self.api.call('POST', path, who='ward', raw=text, headers=head)
        good = json.dumps({'policy': POLICY}).encode()
        self.assertEqual(call(good, **{'Content-Type': 'application/json; charset=utf-8'}).status, 200)
        for name, text in {'empty': b'', 'no JSON': b'{', 'a list': b'[]', 'two': good + good, 'a key twice': b'{"policy":{},"policy":{}}',
                           'NaN': b'{"policy":NaN}', 'no UTF-8': b'{"policy":"\xff"}', 'deep': b'{"policy":' + b'[' * 5000 + b']' * 5000 + b'}',
                           'U+0000': json.dumps({'policy': {**POLICY, 'name': 'a\0b'}}).encode(),
                           'BOM': b'\xef\xbb\xbf' + good}.items():
            with self.subTest(name):
                self.refused(call(text), 400, 'request.malformed')
        self.refused(call(good, **{'Content-Type': 'text/plain'}), 400, 'request.media_type')
        self.refused(call(good, Accept='text/html'), 400, 'request.media_type')
        self.assertEqual(call(b'x' * (300 * 1024)).status, 413)

    def test_no_mass_assignment(self):
        for more in ({'revision': 7}, {'owner': 'x'}, {'is_deleted': True}, {'comity': {}}):
            with self.subTest(more):
                answer = self.api.call('POST', '/govstack/v1/config/policy/', {'policy': {**POLICY, **more}}, who='ward')
                self.refused(answer, 400, 'request.malformed')
                self.assertIn(f'/policy/{next(iter(more))}', answer.json()['detail'])

    def test_pages(self):
        for query in ('limit=0', 'limit=201', 'limit=999999999999', 'limit=-1', 'limit=a', 'offset=-1', 'offset=99999999999', 'limit=1&limit=2', 'x=1',
                      'limit=%zz', 'cursor=a'):
            with self.subTest(query):
                self.refused(self.api.call('GET', f'{POLICIES}?{query}', who='ward'), 400, 'request.malformed')
        for name in ('p1', 'p2', 'p3'):
            self.assertEqual(self.policy(name).status, 200)
        names = [row['id'] for row in self.api.call('GET', f'{POLICIES}?limit=200', who='ward').json()['policies']]
        part = [row['id'] for row in self.api.call('GET', f'{POLICIES}?offset=1&limit=2', who='ward').json()['policies']]
        self.assertEqual(part, names[1:3])

    def test_etags(self):
        first = self.policy('etag')
        path, tag = '/govstack/v1/config/policy/etag/', first.header('ETag')
        self.assertEqual(self.api.call('GET', path, who='ward').header('ETag'), tag)
        same = self.api.call('GET', path, who='ward', headers={'If-None-Match': f'"x", W/{tag}'})
        self.assertEqual((same.status, same.body), (304, b''))
        change = lambda match: self.api.call('PUT', path, {'policy': POLICY}, who='ward', headers={'If-Match': match})
        self.refused(change('"other"'), 400, 'request.changed')
        self.assertEqual(change(tag).status, 200)
        self.refused(change(tag), 400, 'request.changed')
        self.assertEqual(change('*').status, 200)

    def test_idempotency(self):
        key = {'Idempotency-Key': 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'}
        put = lambda body, **more: self.api.call('POST', '/govstack/v1/config/policy/', {'policy': body}, who='ward', headers={**key, **more})
        first, second = put(POLICY), put(POLICY)
        self.assertEqual((first.status, second.status), (200, 200))
        self.assertEqual(first.body, second.body)
        self.assertEqual((first.header('Idempotency-Replayed'), second.header('Idempotency-Replayed')), (None, 'true'))
        self.refused(put({**POLICY, 'version': '2'}), 400, 'request.key_reused')
        other = self.api.call('POST', '/govstack/v1/config/policy/', {'policy': POLICY}, who='operator', headers=key)
        self.assertNotEqual(other.json()['policy']['id'], first.json()['policy']['id'])
        # It is durable, and holds after a restart.
        self.api.gateway.kill()
        self.api.gateway.start()
        self.assertEqual(put(POLICY).body, first.body)
        # A refusal uses no key up.
        key['Idempotency-Key'] = 'k2'
        self.refused(put({'name': 'n'}), 400, 'request.malformed')
        self.assertEqual(put(POLICY).status, 200)
        for bad in ('', 'a b', 'x' * 200):
            key['Idempotency-Key'] = bad
            self.refused(put(POLICY), 400, 'request.malformed')


class Configuration(unittest.TestCase):
    """What is wrong with api.yaml is said with its line, and the gateway does not start."""

    def test_errors(self):
        api = Api()
        federation = api.federation
        federation.make()
        try:
            api.gateway = federation.holder
            api.configure()
            gateway_yaml = api.gateway.folder / 'gateway.yaml'
            gateway_yaml.write_text(gateway_yaml.read_text().replace('listen:\n', 'listen:\n  api: { address: "127.0.0.1:0" }\n', 1))
            good = (api.gateway.folder / 'api.yaml').read_text()
            self.assertEqual(api.gateway.run('gateway', '--check').returncode, 0)
            issuer = '{issuer: "https://a", audiences: [b], keys: jwks.json}'
            for text, said in {
                'issuers: [{issuer: "http://a", audiences: [b]}]': 'is no https URL',
                'issuers: [{issuer: "https://a?x", audiences: [b]}]': 'no query',
                'issuers: [{issuer: "https://a", audiences: []}]': 'audiences',
                'issuers: [{issuer: "https://a", audiences: [b], algorithms: [HS256]}]': 'not taken',
                'issuers: [{issuer: "https://a", audiences: [b], algorithms: [none]}]': 'not taken',
                f'issuers: [{issuer}, {issuer}]': 'twice',
                'issuers: [{issuer: "https://a", audiences: [b], keys: absent.json}]': 'absent.json',
                'clients: [{name: a, role: operator}]': 'proves itself',
                'clients: [{name: a, role: person, tokens: [x]}]': 'role',
                'clients: [{name: a, role: operator, tokens: [abc]}]': 'no SHA-256',
                f'clients: [{{name: a, role: operator, tokens: ["{"0" * 64}"]}}, {{name: b, role: auditor, tokens: ["{"0" * 64}"]}}]': 'told apart',
                'clients: [{name: a, role: operator, member: x, pins: ["' + '0' * 64 + '"]}]': 'is no member',
                'page_max: 5': 'page_max', 'unknown: 1': 'unknown',
                'issuers: [{issuer: "https://a"}]': 'nobody could use',
                'issuers: [{issuer: "https://a", login: {name: A, client_id: b}}]': 'needs public_url',
                **{f'public_url: "{url}"': 'address of a place' for url in ('http://a', 'https://a/b', 'https://A', 'https://', 'a', 'https://a b')},
                'public_url: "https://p"\nissuers: [{issuer: "https://a", login: {name: A, client_id: b, scopes: [profile]}}]': 'openid',
                'public_url: "https://p"\nissuers: [{issuer: "https://a", login: {name: A, client_id: b, client_secret_file: absent}}]': 'absent',
                'public_url: "https://p"\nissuers: [{issuer: "https://a", login: {name: A, client_id: b}}, {issuer: "https://c", login: {name: A, client_id: b}}]':
                    'have this name',
                'sessions: {idle: 5s}': 'so short', 'sessions: {idle: 2h, age: 1h}': 'so short', 'sessions: {age: 90d}': 'duration', 'codes: {age: 1s}': 'so short',
            }.items():
                with self.subTest(text):
                    (api.gateway.folder / 'api.yaml').write_text(text)
                    done = api.gateway.run('gateway', '--check', expect=1)
                    self.assertIn(said, done.stderr)
            (api.gateway.folder / 'api.yaml').write_text(good)
            (api.gateway.folder / 'jwks.json').write_text(json.dumps({'keys': [{'kty': 'oct', 'k': 'AAAA'}]}))
            self.assertIn('symmetric', api.gateway.run('gateway', '--check', expect=1).stderr)
            api.write_keys([Key(bits=1024)])
            self.assertIn('too short', api.gateway.run('gateway', '--check', expect=1).stderr)
            gateway_yaml.write_text(gateway_yaml.read_text().replace('"127.0.0.1:0"', '"0.0.0.0:8099"'))
            self.assertIn('plain HTTP', api.gateway.run('gateway', '--check', expect=1).stderr)
        finally:
            federation.stop()
            federation.remove()


if __name__ == '__main__':
    unittest.main()
