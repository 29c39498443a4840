"""An OpenID provider that a test drives: discovery, keys, and tokens of any kind, good or not. Real ones are in tests/interop/provider.mjs."""
import hashlib
import json
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from api import Key, b64, token


class Provider:
    """`changes(claims)` may return other claims; `header` goes into each token's; `status` is what the token endpoint answers with."""

    def __init__(self, port, client_id='portal'):
        self.port, self.client_id = port, client_id
        self.issuer = f'http://127.0.0.1:{port}'
        self.key = Key()
        self.keys = [self.key]
        self.codes, self.asked, self.server = {}, [], None
        self.changes, self.header, self.status, self.has_iss = None, {}, 200, True

    def start(self):
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self, value, status=200):
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                if self.path.startswith('/.well-known/'):
                    self.answer(provider.document())
                else:
                    self.answer({'keys': [key.jwk() for key in provider.keys]})

            def do_POST(self):
                body = urllib.parse.parse_qs(self.rfile.read(int(self.headers['Content-Length'])).decode())
                provider.asked.append((dict(self.headers), {name: values[0] for name, values in body.items()}))
                self.answer(*provider.exchange({name: values[0] for name, values in body.items()}))

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(('127.0.0.1', self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def document(self):
        return {'issuer': self.issuer, 'authorization_endpoint': f'{self.issuer}/auth', 'token_endpoint': f'{self.issuer}/token',
                'jwks_uri': f'{self.issuer}/jwks', 'end_session_endpoint': f'{self.issuer}/end',
                'authorization_response_iss_parameter_supported': self.has_iss}

    def authorize(self, location, sub, **more):
        """What the provider's page would do: a code for who signed in there. The answer's query."""
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
        code = f'code-{len(self.codes)}'
        self.codes[code] = (asked, sub)
        return {'code': code, 'state': asked['state'], **({'iss': self.issuer} if self.has_iss else {}), **more}

    def exchange(self, body):
        if self.status != 200:
            return {'error': 'server_error'}, self.status
        asked, sub = self.codes.pop(body.get('code'), (None, None))
        if asked is None or b64(hashlib.sha256(body['code_verifier'].encode()).digest()) != asked['code_challenge']:
            return {'error': 'invalid_grant'}, 400
        if body['redirect_uri'] != asked['redirect_uri']:
            return {'error': 'invalid_grant'}, 400
        claims = {'iss': self.issuer, 'aud': self.client_id, 'sub': sub, 'sid': f'sid-{sub}', 'nonce': asked['nonce'], 'nbf': None, 'roles': ['citizen'],
                  'at_hash': b64(hashlib.sha256(b'access').digest()[:16])}
        claims = self.changes(claims) if self.changes else claims
        return {'access_token': 'access', 'token_type': 'Bearer', 'id_token': token(self.key, claims, header=self.header)}, 200

    def logout_token(self, **changes):
        claims = {'iss': self.issuer, 'aud': self.client_id, 'nbf': None, 'jti': f'{time.monotonic_ns()}',
                  'events': {'http://schemas.openid.net/event/backchannel-logout': {}}, **changes}
        return token(self.key, claims, header={'typ': 'logout+jwt'})
