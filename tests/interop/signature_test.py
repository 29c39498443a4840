"""Our statements and receipts against other people's code: an RFC 9421 library from npm, the Go transparency-log packages, and peer.py."""
import base64
import hashlib
import json
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import peer
from logcheck import logcheck as go
from comity import CLIENT, HOLDER, PERSON, Federation, consumer_policy, holder_policy

HERE = Path(__file__).resolve().parent


def node(job):
    done = subprocess.run(['node', str(HERE / 'signature.mjs')], input=json.dumps(job), capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f'node refuses: {done.stderr[-2000:]}')
    return json.loads(done.stdout)


def as_node(message, is_plain=False):
    """A Message as the library wants it; `raw` carries what must not be normalised. Plain: with the fields that it has, and no others."""
    headers = {}
    for name, value in message.fields:
        headers.setdefault(name, []).append(value)
    if message.signature_input is not None and not is_plain:  # put back as the fields that RFC 9421 has
        headers.update({'signature-input': [message.signature_input], 'signature': [message.signature()]})
    if message.status:
        return {'status': message.status, 'headers': headers}
    raw = {name: message.component(name) for name in ('@authority', '@path', '@query')}
    return {'method': message.method, 'url': f'https://{message.authority}{message.target}', 'headers': headers, 'raw': raw}


def node_verify(message, vkey):
    job = {'do': 'verify', 'vkey': vkey, 'request': as_node(message.request or message)}
    if message.status:
        job['response'] = as_node(message)
    return base64.b64decode(node(job)['base'])


def node_verify_plain(message, vkey):
    """The signature by itself, of which the library needs to be told nothing."""
    job = {'do': 'plain', 'vkey': vkey, 'request': as_node(message.request or message, True)}
    if message.status:
        job['response'] = as_node(message, True)
    return base64.b64decode(node(job)['base'])


def openssl_verify(folder, base, signature, vkey):
    key, text, raw = (Path(folder, name) for name in ('key.pem', 'base', 'signature'))
    public = Ed25519PublicKey.from_public_bytes(peer.vkey_parse(vkey)[1])
    key.write_bytes(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    text.write_bytes(base)
    raw.write_bytes(signature)
    done = subprocess.run(['openssl', 'pkeyutl', '-verify', '-pubin', '-inkey', key, '-rawin', '-in', text, '-sigfile', raw], capture_output=True,
                          text=True, check=False, timeout=60)
    return done.returncode == 0 and 'Verified Successfully' in done.stdout


def node_state(identity, message):
    """The library signs in the place of Identity.state(); its log has one entry, whose like nobody may have seen signed before."""
    seed = identity.key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    job = {'do': 'sign', 'seed': base64.b64encode(seed).decode(), 'origin': identity.origin, 'request': as_node(message.request or message),
           'fields': [f'"{name}";req' if of_request else name for name, of_request, _ in message.components()],
           'nonce': message.get('x-road-request-id'), 'created': int(time.time())}
    if message.status:
        job['response'] = as_node(message)
    made = node(job)
    message.signature_input = made['signature-input']
    message.receipt = base64.b64decode(made['signature'].removeprefix('comity=:').removesuffix(':'), validate=True).decode()
    return message


class KnownAnswers(unittest.TestCase):
    def test_the_go_packages_take_the_known_proof(self):
        known = json.loads((HERE.parent / 'vectors/tlog-kat.json').read_text())
        told = go('receipt', known['log_vkey'], '40414243', stdin=known['tlog_proof_5_of_7'])
        self.assertEqual(told, {'index': 5, 'size': 7})
        with self.assertRaises(AssertionError):
            go('receipt', known['log_vkey'], '40414244', stdin=known['tlog_proof_5_of_7'])


class Consumer(unittest.TestCase):
    """The clinic's gateway is real; the hospital's is played with its keys."""

    def exchange(self, state, **ask):
        """One exchange; `state(identity, answer)` signs the answer. Returns the request as it came, and the application's answer."""
        with Federation() as federation:
            federation.holder.stop()
            identity = peer.Identity(federation.holder.folder, federation.holder.origin)

            def answer(server, request):
                return state(identity, identity.answer(request, 200, [('Content-Type', 'application/json')], b'{"status":"fine"}',
                                                       released='https://w3id.org/dpv/pd#Name'))

            with peer.PeerServer(identity, federation.holder.peer_port, answer, trusted=federation.consumer.folder / 'keys/tls.crt') as server:
                told = federation.ask(**ask)
                self.assertEqual(server.problems, [])
                return federation.consumer.statement_key, server.requests[0], told

    def test_its_request_is_verified_by_the_library_and_by_the_go_packages(self):
        vkey, request, told = self.exchange(lambda identity, answer: identity.state(answer), query='?a=1&b=%2F',
                                            headers=[('X-Road-Client', CLIENT), ('X-Note', 'one'), ('x-NOTE', 'two')])
        self.assertEqual((told.status, told.json()), (200, {'status': 'fine'}))
        statement = peer.verify(request, vkey)
        self.assertEqual(node_verify(request, vkey), statement)
        text = request.receipt
        entry = hashlib.sha256(peer.Receipt.parse(text).salt + statement).hexdigest()
        go('receipt', vkey, entry, stdin=text)

    def test_an_answer_signed_by_the_library_is_taken(self):
        _, _, told = self.exchange(node_state)
        self.assertEqual((told.status, told.json()), (200, {'status': 'fine'}))

    def test_a_body_changed_after_signing_is_refused(self):
        def bend(identity, answer):
            answer = node_state(identity, answer)
            answer.body = b'{"status":"fake"}'
            return answer

        _, _, told = self.exchange(bend)
        self.assertEqual((told.status, told.reason), (500, 'digest.mismatch'))


class Holder(unittest.TestCase):
    """The hospital's gateway is real; the clinic's is played with its keys. A fresh pair for each: two logs of one name would be two histories."""

    def setUp(self):
        self.federation = Federation()
        self.federation.__enter__()
        self.addCleanup(self.federation.__exit__, None, None, None)
        self.federation.give_consent()
        self.federation.consumer.stop()
        self.identity = peer.Identity(self.federation.consumer.folder, self.federation.consumer.origin)

    def ask(self, state):
        holder = self.federation.holder
        request = self.identity.request('GET', self.federation.path(PERSON, query='?x=%41'), [('X-Road-Client', CLIENT), ('Accept', '*/*')],
                                        authority=f'127.0.0.1:{holder.peer_port}')
        state(self.identity, request)
        with peer.PeerClient(self.identity, holder.peer_port) as client:
            return client.ask(request)

    def test_its_answer_is_verified_by_the_library_and_by_the_go_packages(self):
        answer = self.ask(lambda identity, request: identity.state(request))
        self.assertEqual(answer.status, 200, answer)
        vkey = self.federation.holder.statement_key
        statement = peer.verify(answer, vkey)
        self.assertEqual(node_verify(answer, vkey), statement)
        text = answer.receipt
        go('receipt', vkey, hashlib.sha256(peer.Receipt.parse(text).salt + statement).hexdigest(), stdin=text)
        self.assertEqual(answer.get('x-road-request-hash'), peer.request_hash(answer.request))

    def test_a_request_signed_by_the_library_is_taken(self):
        answer = self.ask(node_state)
        self.assertEqual(answer.status, 200, answer)
        peer.verify(answer, self.federation.holder.statement_key)


class Individual(unittest.TestCase):
    """`evidence: individual`: signatures that other people's programs verify without knowing of logs."""

    def check(self, message, vkey):
        base = node_verify_plain(message, vkey)
        self.assertEqual(base, peer.individual_base(peer.verify(message, vkey)))
        signature = base64.b64decode(message.own_signature()[1].strip(':'), validate=True)
        with tempfile.TemporaryDirectory() as folder:
            self.assertTrue(openssl_verify(folder, base, signature, vkey))
            self.assertFalse(openssl_verify(folder, base + b'\n', signature, vkey))
        message.fields = [(name, value.replace('"', "'") if name == 'x-road-id' else value + 'x' if name == 'comity-directory' else value)
                          for name, value in message.fields]
        with self.assertRaises(AssertionError):
            node_verify_plain(message, vkey)

    def test_of_a_request(self):
        with Federation() as federation:
            federation.holder.stop()
            federation.consumer.apply({**consumer_policy(), 'calls': [{'service': f'{HOLDER}/patients', 'evidence': 'individual'}]})
            identity = peer.Identity(federation.holder.folder, federation.holder.origin)
            with peer.PeerServer(identity, federation.holder.peer_port, lambda server, request: identity.sign(identity.state(
                    identity.answer(request, 200, [('Content-Type', 'application/json')], b'{}'))), trusted=federation.consumer.folder / 'keys/tls.crt') as server:
                self.assertEqual(federation.ask(query='?a=1&b=%2F').status, 200)
                self.check(server.requests[0], federation.consumer.statement_key)

    def test_of_an_answer_and_of_a_refusal(self):
        with Federation() as federation:
            federation.give_consent()
            federation.consumer.stop()
            federation.holder.apply(holder_policy(federation.service_url, evidence='individual'))
            identity = peer.Identity(federation.consumer.folder, federation.consumer.origin)
            for sign, status in ((identity.sign, 200), (lambda request: request, 500)):
                request = identity.state(identity.request('GET', federation.path(PERSON), [('X-Road-Client', CLIENT)],
                                                          authority=f'127.0.0.1:{federation.holder.peer_port}'))
                with peer.PeerClient(identity, federation.holder.peer_port) as client:
                    answer = client.ask(sign(request))
                self.assertEqual(answer.status, status, answer.fields)
                self.check(answer, federation.holder.statement_key)


class Log(unittest.TestCase):
    def test_the_go_packages_read_both_logs(self):
        with Federation() as federation:
            federation.give_consent()
            for _ in range(5):
                self.assertEqual(federation.ask().status, 200)
            for gateway in (federation.consumer, federation.holder):
                gateway.stop()  # tiles and checkpoint are published in the background, and at the end
                told = go('log', gateway.log_folder, gateway.statement_key)
                self.assertGreaterEqual(told['size'], 10)
                self.assertEqual(told['size'], told['entries'])


if __name__ == '__main__':
    unittest.main()
