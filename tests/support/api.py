"""
The REST API of one gateway under test: its configuration, its callers' credentials, and calls.

    with Api() as api:
        api.call('GET', '/v1/openapi.json', who='ward').json()

Tokens are made here, by python's `cryptography` and by hand: a second implementation of JWS, which can also make broken ones.
"""
import base64
import hashlib
import hmac
import json
import secrets
import time
import unittest

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from comity import CLINIC, HOSPITAL, Federation, http_request, free_ports

ISSUER, AUDIENCE = 'https://id.example', 'comity-hospital'


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


class Key:
    """One signing key of a provider."""

    def __init__(self, kid='k1', kind='RSA', bits=2048):
        self.kid, self.kind = kid, kind
        self.private = rsa.generate_private_key(65537, bits) if kind == 'RSA' else ec.generate_private_key(ec.SECP256R1())

    def jwk(self):
        number = lambda n, size: b64(n.to_bytes(size, 'big'))
        public = self.private.public_key().public_numbers()
        if self.kind == 'RSA':
            return {'kty': 'RSA', 'kid': self.kid, 'use': 'sig', 'n': number(public.n, (public.n.bit_length() + 7) // 8), 'e': number(public.e, 3)}
        return {'kty': 'EC', 'crv': 'P-256', 'kid': self.kid, 'use': 'sig', 'x': number(public.x, 32), 'y': number(public.y, 32)}

    def public_pem(self):
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, data, algorithm):
        if algorithm == 'RS256':
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if algorithm == 'PS256':
            return self.private.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        if algorithm == 'ES256':
            r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, 'big') + s.to_bytes(32, 'big')
        if algorithm == 'HS256':  # the public key as a secret: the oldest trick
            return hmac.new(self.public_pem(), data, hashlib.sha256).digest()
        return b''


def token(key, claims=None, algorithm=None, header=None, **changes):
    """A JWT; a claim or header that is None is left out."""
    algorithm = algorithm or ('RS256' if key.kind == 'RSA' else 'ES256')
    now = int(time.time())
    said = {'iss': ISSUER, 'aud': AUDIENCE, 'sub': 'PNR-1980-0001', 'iat': now, 'nbf': now, 'exp': now + 600, **(claims or {}), **changes}
    head = {'alg': algorithm, 'typ': 'JWT', 'kid': key.kid, **(header or {})}
    keep = lambda some: {name: value for name, value in some.items() if value is not None}
    data = f'{b64(json.dumps(keep(head)).encode())}.{b64(json.dumps(keep(said)).encode())}'
    return f'{data}.{b64(key.sign(data.encode(), algorithm))}'


class Api:
    """A federation whose holder has a REST API. `who` of a call: a client's name, a person's identifier, or None."""

    def __init__(self, federation=None, law=None, **config):
        self.federation = federation or Federation()
        self.law = law
        self.config = config
        self.key = Key()
        self.tokens = {name: secrets.token_urlsafe(24) for name in ('ward', 'clinic', 'auditor', 'operator', 'viewer', 'officer')}

    def __enter__(self):
        federation = self.federation
        if not federation.is_made:
            federation.make()
        if self.law is not None:
            for community in (federation.aurora, federation.baobab):
                community.set_law(self.law)
            federation.publish()
        self.gateway = federation.holder
        self.port, = free_ports(1)
        self.configure()
        path = self.gateway.folder / 'gateway.yaml'
        path.write_text(path.read_text().replace('listen:\n', f'listen:\n  api: {{ address: "127.0.0.1:{self.port}" }}\n', 1))
        federation.__enter__()
        return self

    def __exit__(self, *problem):
        self.federation.__exit__(*problem)

    def yaml(self):
        """api.yaml as data; JSON is YAML."""
        digest = lambda name: hashlib.sha256(self.tokens[name].encode()).hexdigest()
        return {
            'issuers': [{'issuer': ISSUER, 'audiences': [AUDIENCE], 'keys': 'jwks.json',
                         'roles': {'claim': 'roles', 'map': [{'value': 'citizen', 'role': 'person'}, {'value': 'dpo', 'role': 'officer'},
                                                             {'value': 'audit', 'role': 'auditor'}]}}],
            'clients': [{'name': 'ward', 'role': 'organisation', 'tokens': [digest('ward')]},
                        {'name': 'clinic', 'role': 'organisation', 'member': CLINIC, 'tokens': [digest('clinic')]},
                        {'name': 'auditor', 'role': 'auditor', 'tokens': [digest('auditor')]},
                        *({'name': role, 'role': role, 'tokens': [digest(role)]} for role in ('operator', 'viewer', 'officer'))],
            **self.config,
        }

    def configure(self):
        self.write_keys([self.key])
        (self.gateway.folder / 'api.yaml').write_text(json.dumps(self.yaml(), indent=1))

    def write_keys(self, keys):
        (self.gateway.folder / 'jwks.json').write_text(json.dumps({'keys': [key.jwk() for key in keys]}))

    def person_token(self, person, **changes):
        return token(self.key, sub=person, **{'roles': ['citizen'], **changes})

    def authorization(self, who):
        if who is None:
            return {}
        return {'Authorization': 'Bearer ' + (self.tokens[who] if who in self.tokens else self.person_token(who))}

    def call(self, method, path, body=None, who=None, headers=None, raw=None):
        head = {**self.authorization(who), **(headers or {})}
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        if data is not None and not any(name.lower() == 'content-type' for name in head):
            head['Content-Type'] = 'application/json'
        return http_request(self.port, method, path, head, data)


def problem(answer):
    """(status, reason) of a refusal, which must be RFC 9457's."""
    if answer.header('Content-Type') != 'application/problem+json':
        raise AssertionError(f'no problem+json: {answer}')
    told = answer.json()
    if told['status'] != answer.status or not told['reason'] or not told['title']:
        raise AssertionError(f'a problem that is none: {told}')
    return answer.status, told['reason']


class ApiCase(unittest.TestCase):
    config = {}
    law = None  # the test law, which asks for little

    @classmethod
    def setUpClass(cls):
        cls.api = Api(law=cls.law, **cls.config)
        cls.addClassCleanup(cls.api.__exit__, None, None, None)
        cls.api.__enter__()

    def refused(self, answer, status, reason):
        self.assertEqual(problem(answer), (status, reason), answer)
