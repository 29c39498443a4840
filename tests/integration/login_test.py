"""Signing in at an OpenID provider: what is asked there, what of its answers is taken, and every way in which an answer may be forged, old, or another's."""
import hashlib
import time
import unittest
import urllib.parse

from api import ApiCase, Key, b64
from comity import free_ports
from provider import Provider
from visitor import Visitor

LOGOUT = 'http://schemas.openid.net/event/backchannel-logout'


class Login(ApiCase):
    @classmethod
    def setUpClass(cls):
        ports = free_ports(3)
        cls.provider, cls.other = Provider(ports[0]).start(), Provider(ports[1]).start()
        cls.addClassCleanup(cls.other.stop)
        cls.addClassCleanup(cls.provider.stop)
        cls.down_port = ports[2]
        login = lambda name: {'name': name, 'client_id': 'portal'}
        issuer = lambda provider, name: {'issuer': provider.issuer, 'allow_local': True, 'login': login(name),
                                         'roles': {'claim': 'roles', 'map': [{'value': 'citizen', 'role': 'person'}, {'value': 'dpo', 'role': 'officer'}]}}
        cls.config = {'issuers': [issuer(cls.provider, 'National ID'), issuer(cls.other, 'Other <ID>'), issuer(Provider(cls.down_port), 'Down')],
                      'public_url': 'http://127.0.0.1:1'}
        super().setUpClass()
        cls.callback = 'http://127.0.0.1:1/sign-in/callback'

    def setUp(self):
        for provider in (self.provider, self.other):
            provider.changes, provider.header, provider.status, provider.has_iss, provider.asked = None, {}, 200, True, []

    def visitor(self):
        return Visitor(self.api.port)

    def begin(self, visitor, name='National ID', next_target='/sessions'):
        answer = visitor.get(f'/sign-in/provider?name={urllib.parse.quote(name)}&next={urllib.parse.quote(next_target, safe="")}')
        self.assertEqual(answer.status, 303, answer)
        return answer.header('Location')

    def finish(self, visitor, told):
        return visitor.get('/sign-in/callback?' + urllib.parse.urlencode(told))

    def sign_in(self, sub='PNR-OIDC', provider=None, name='National ID'):
        visitor = self.visitor()
        answer = self.finish(visitor, (provider or self.provider).authorize(self.begin(visitor, name), sub))
        return visitor, answer

    def is_in(self, visitor):
        return visitor.copy().get('/v1/session', headers={'Accept': '*/*'}).status == 200

    # ---- the way in

    def test_what_is_asked(self):
        visitor = self.visitor()
        location = self.begin(visitor)
        self.assertTrue(location.startswith(f'{self.provider.issuer}/auth?'))
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
        self.assertEqual({name: asked[name] for name in ('response_type', 'client_id', 'redirect_uri', 'scope', 'code_challenge_method')},
                         {'response_type': 'code', 'client_id': 'portal', 'redirect_uri': self.callback, 'scope': 'openid', 'code_challenge_method': 'S256'})
        self.assertEqual(len({asked['state'], asked['nonce'], asked['code_challenge']}), 3)
        cookie, = (value for name, value in visitor.page.headers if name == 'Set-Cookie')
        self.assertRegex(cookie, r'^comity-login-\w{8}=.*; Path=/; HttpOnly; SameSite=Lax; Max-Age=600$')
        self.assertNotIn(asked['state'], cookie)
        page = visitor.get('/sign-in?next=/sessions').body.decode()
        self.assertIn('Sign in with National ID', page)
        self.assertIn('Other &lt;ID&gt;', page)

    def test_signing_in(self):
        visitor, answer = self.sign_in()
        self.assertEqual((answer.status, answer.header('Location')), (303, '/sessions'), answer)
        self.assertEqual(visitor.get('/v1/person', headers={'Accept': '*/*'}).json()['person'], 'PNR-OIDC')
        session = visitor.get('/v1/session', headers={'Accept': '*/*'}).json()
        self.assertEqual((session['method'], session['roles']), ('National ID', ['person']))
        headers, body = self.provider.asked[0]
        self.assertEqual((body['grant_type'], body['redirect_uri'], body['client_id']), ('authorization_code', self.callback, 'portal'))
        uses = visitor.get('/v1/uses', headers={'Accept': '*/*'}).json()['uses']
        self.assertIn('signIn', {row['service'].rsplit('/', 1)[-1] for row in uses})
        self.assertFalse([name for name in visitor.cookies if 'login' in name])

    def test_staff_by_claim(self):
        self.provider.changes = lambda claims: {**claims, 'roles': ['dpo']}
        visitor, answer = self.sign_in('employee')
        self.assertEqual(answer.status, 303, answer)
        self.assertEqual(visitor.get('/v1/session', headers={'Accept': '*/*'}).json()['roles'], ['officer'])
        self.provider.changes = lambda claims: {**claims, 'roles': ['gardener']}
        visitor, answer = self.sign_in('employee')
        self.assertEqual(answer.status, 403, answer)
        self.assertIn('auth.role', answer.body.decode())
        self.assertFalse(self.is_in(visitor))

    def test_next_is_only_of_this_place(self):
        for target in ('https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:x'):
            visitor = self.visitor()
            answer = self.finish(visitor, self.provider.authorize(self.begin(visitor, next_target=target), 'PNR-OIDC'))
            self.assertEqual(answer.header('Location'), '/', target)

    def test_two_tabs(self):
        visitor = self.visitor()
        first, second = self.begin(visitor, next_target='/a'), self.begin(visitor, next_target='/b')
        self.assertEqual(self.finish(visitor, self.provider.authorize(first, 'PNR-1')).header('Location'), '/a')
        self.assertEqual(self.finish(visitor, self.provider.authorize(second, 'PNR-1')).header('Location'), '/b')

    # ---- what is refused

    def refuse(self, visitor, answer, status, words):
        self.assertEqual(answer.status, status, answer)
        page = answer.body.decode()
        self.assertIn('<h1>', page)
        self.assertIn(words, page)
        self.assertFalse(self.is_in(visitor))

    def test_state(self):
        victim, attacker = self.visitor(), self.visitor()
        told = self.provider.authorize(self.begin(attacker), 'PNR-ATTACKER')
        self.refuse(victim, self.finish(victim, told), 400, 'begun in another browser')  # login CSRF
        for state in ('', 'x', '0' * 64, told['state'][:-1] + ('0' if told['state'][-1] != '0' else '1')):
            mine = self.visitor()
            self.begin(mine)
            self.refuse(mine, self.finish(mine, {**told, 'state': state}), 400, 'begun in another browser')
        self.assertEqual(self.visitor().get('/sign-in/callback').status, 400)

    def test_replay(self):
        visitor = self.visitor()
        told = self.provider.authorize(self.begin(visitor), 'PNR-OIDC')
        thief = visitor.copy()
        self.assertEqual(self.finish(visitor, told).status, 303)
        self.assertEqual(self.finish(visitor, told).status, 400)  # the attempt's cookie is gone
        self.refuse(thief, self.finish(thief, told), 403, 'did not take the code')  # and with it, the code is used

    def test_the_providers_no(self):
        visitor = self.visitor()
        state = self.provider.authorize(self.begin(visitor), 'x')['state']
        answer = self.finish(visitor, {'error': 'access_denied', 'error_description': '<script>alert(1)</script>', 'state': state, 'iss': self.provider.issuer})
        self.refuse(visitor, answer, 403, 'did not sign you in')
        self.assertNotIn('<script>alert', answer.body.decode())

    def test_mixed_up_issuers(self):
        for iss in (self.other.issuer, 'x', self.provider.issuer + '/'):
            visitor = self.visitor()
            self.refuse(visitor, self.finish(visitor, self.provider.authorize(self.begin(visitor), 'PNR-OIDC', iss=iss)), 403, 'another provider')
        visitor = self.visitor()
        told = self.provider.authorize(self.begin(visitor), 'PNR-OIDC')
        told.pop('iss')
        self.refuse(visitor, self.finish(visitor, told), 403, 'another provider')  # it says that it always names itself
        self.assertEqual(self.provider.asked, [])  # the code was given to nobody

    def test_id_tokens(self):
        now = int(time.time())
        foreign = Key('k9')
        rows = (({'nonce': 'x'}, 'nonce'), ({'nonce': None}, 'nonce'), ({'aud': 'another'}, 'aud'), ({'iss': self.other.issuer}, 'iss'),
                ({'exp': now - 120, 'iat': now - 700}, 'exp'), ({'iat': now + 300}, 'iat'), ({'exp': None}, 'exp'), ({'nbf': now + 300}, 'nbf'),
                ({'aud': ['portal', 'another']}, 'azp'), ({'azp': 'another'}, 'azp'), ({'at_hash': b64(hashlib.sha256(b'other').digest()[:16])}, 'at_hash'),
                ({'events': {LOGOUT: {}}}, 'event'), ({'sub': None}, 'sub'))
        for claims, words in rows:
            with self.subTest(claims):
                self.provider.changes = lambda said, claims=claims: {**said, **claims}
                visitor, answer = self.sign_in()
                self.assertFalse(self.is_in(visitor))
                self.assertIn(answer.status, (401, 403), answer)
                self.assertIn(words, answer.body.decode())
        self.provider.changes = None
        for header in ({'alg': 'none'}, {'alg': 'HS256'}, {'typ': 'at+jwt'}, {'typ': 'logout+jwt'}, {'kid': 'unknown'}, {'crit': ['x']}):
            with self.subTest(header):
                self.provider.header = header
                visitor, answer = self.sign_in()
                self.refuse(visitor, answer, 403, 'token')
        self.provider.header = {}
        own, self.provider.key = self.provider.key, foreign
        foreign.kid = own.kid
        visitor, answer = self.sign_in()
        self.provider.key = own
        self.refuse(visitor, answer, 403, 'signature')

    def test_skew_is_borne(self):
        now = int(time.time())
        self.provider.changes = lambda said: {**said, 'iat': now + 50, 'exp': now + 600}
        self.assertEqual(self.sign_in()[1].status, 303)
        self.provider.changes = lambda said: {**said, 'iat': now - 600, 'exp': now - 50}
        self.assertEqual(self.sign_in()[1].status, 303)

    def test_a_provider_that_is_down(self):
        answer = self.visitor().get('/sign-in/provider?name=Down')
        self.assertEqual(answer.status, 503, answer)
        self.assertIn('<h1>', answer.body.decode())
        self.assertTrue(answer.header('Retry-After'))
        self.provider.status = 500
        visitor, answer = self.sign_in()
        self.assertEqual(answer.status, 503, answer)
        self.assertFalse(self.is_in(visitor))
        self.assertEqual(self.visitor().get('/sign-in/provider?name=nobody').status, 404)

    # ---- out

    def test_sign_out_leads_to_the_provider(self):
        visitor, _ = self.sign_in('PNR-OUT')
        visitor.get('/sessions')
        page = visitor.submit('/sign-out')
        self.assertEqual(page.status, 200, page)
        link, = (one for one in visitor.links() if one.startswith(f'{self.provider.issuer}/end?'))
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(link).query))
        self.assertEqual((asked['post_logout_redirect_uri'], asked['client_id']), ('http://127.0.0.1:1/signed-out', 'portal'))
        self.assertEqual(asked['id_token_hint'].count('.'), 2)
        self.assertFalse(self.is_in(visitor))

    def logout(self, token):
        return self.visitor().call('POST', '/sign-out/provider', urllib.parse.urlencode({'logout_token': token}).encode(),
                                   {'Content-Type': 'application/x-www-form-urlencoded'})

    def test_back_channel(self):
        (one, _), (two, _), (other, _) = self.sign_in('PNR-B'), self.sign_in('PNR-B'), self.sign_in('PNR-C')
        same, _ = self.sign_in('PNR-B', self.other, 'Other <ID>')
        token = self.provider.logout_token(sub='PNR-B')
        answer = self.logout(token)
        self.assertEqual((answer.status, answer.header('Cache-Control')), (200, 'no-store'), answer)
        self.assertEqual([self.is_in(visitor) for visitor in (one, two, other, same)], [False, False, True, True])
        self.assertEqual(self.logout(token).status, 400)  # jti
        self.assertEqual(self.logout(self.provider.logout_token(sub=None, sid='sid-PNR-C')).status, 200)
        self.assertFalse(self.is_in(other))

    def test_logout_tokens_that_are_none(self):
        visitor, _ = self.sign_in('PNR-D')
        now = int(time.time())
        rows = ({'sub': None}, {'jti': None}, {'iat': None}, {'events': None}, {'events': {}}, {'events': {'x': {}}}, {'nonce': 'x'}, {'aud': 'another'},
                {'exp': now - 120}, {'iss': 'https://evil.example'}, {'iss': self.other.issuer})
        for changes in rows:
            answer = self.logout(self.provider.logout_token(**{'sub': 'PNR-D', **changes}))
            self.assertEqual(answer.status, 400, (changes, answer))
        for text in ('', 'x', 'a.b.c', 'A' * 40000):
            self.assertIn(self.logout(text).status, (400, 413))
        own, self.provider.key = self.provider.key, Key(self.provider.key.kid)
        self.assertEqual(self.logout(self.provider.logout_token(sub='PNR-D')).status, 400)
        self.provider.key = own
        self.assertTrue(self.is_in(visitor))
        # Nor is one good for anything else.
        token = self.provider.logout_token(sub='PNR-D')
        self.refused(self.api.call('GET', '/v1/person', headers={'Authorization': f'Bearer {token}'}), 401, 'auth.credentials')


if __name__ == '__main__':
    unittest.main()
