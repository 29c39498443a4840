"""The gateways' protocol (docs/formats/exchange.md) once more, from the text and not from the C code: a peer that a test plays.

    me = Identity(gateway.folder)                      the keys of a real gateway, to act in its place
    with PeerServer(me, port, answer) as server: ...   the real consumer calls it; answer(server, request) gives an Answer
    with PeerClient(me, host, port) as client: ...     it calls the real holder: client.ask(message)

State and log a message with Identity.state(); check the other side's with verify(). Everything in between can be bent.
"""
import base64
import dataclasses
import hashlib
import json
import os
import socket
import ssl
import threading
import time
import uuid
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


# ---- C2SP: keys, notes, checkpoints, trees, proofs

def key_id(name, public):
    return hashlib.sha256(name.encode() + b'\n\x01' + public).digest()[:4]


def vkey_parse(text):
    """(name, public key) of an Ed25519 vkey."""
    name, identifier, encoded = text.split('+', 2)
    raw = base64.b64decode(encoded, validate=True)
    assert raw[0] == 1 and len(raw) == 33, 'not an Ed25519 vkey'
    assert key_id(name, raw[1:]).hex() == identifier, 'the key hash is not that of the key'
    return name, raw[1:]


def vkey_write(name, public):
    return f'{name}+{key_id(name, public).hex()}+{base64.b64encode(bytes([1]) + public).decode()}'


def note_sign(text, name, key):
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    line = base64.b64encode(key_id(name, public) + key.sign(text.encode())).decode()
    return f'{text}\n— {name} {line}\n'


def note_open(note, vkey):
    """The text of a note that this key has signed; AssertionError otherwise."""
    name, public = vkey_parse(vkey)
    text, _, lines = note.rpartition('\n\n')
    text += '\n'
    for line in lines.splitlines():
        dash, signer, encoded = line.split(' ')
        assert dash == '—', 'not a signature line'
        raw = base64.b64decode(encoded, validate=True)
        if signer == name and raw[:4] == key_id(name, public):
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text.encode())
            except InvalidSignature:
                raise AssertionError('the signature is wrong') from None
            return text
    raise AssertionError(f'{name} has not signed')


def leaf_hash(entry):
    return hashlib.sha256(b'\0' + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b'\1' + left + right).digest()


def split_point(size):
    return 1 << (size - 1).bit_length() - 1


def tree_root(leaves):
    """RFC 9162 2.1.1, as it stands there."""
    if not leaves:
        return hashlib.sha256(b'').digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split_point(len(leaves))
    return node_hash(tree_root(leaves[:k]), tree_root(leaves[k:]))


def tree_path(index, leaves):
    if len(leaves) == 1:
        return []
    k = split_point(len(leaves))
    if index < k:
        return tree_path(index, leaves[:k]) + [tree_root(leaves[k:])]
    return tree_path(index - k, leaves[k:]) + [tree_root(leaves[:k])]


def path_root(index, size, leaf, path):
    """The root to which a path leads (RFC 9162 2.1.3.2); AssertionError when its length is wrong."""
    assert index < size, 'the index is outside the tree'
    fn, sn, root = index, size - 1, leaf
    for step in path:
        assert sn != 0, 'the path is too long'
        if fn & 1 or fn == sn:
            root = node_hash(step, root)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = node_hash(root, step)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0, 'the path is too short'
    return root


def checkpoint_parse(note, vkey):
    """(size, root) of a checkpoint that the log's own key has signed."""
    origin, size, root, *rest = note_open(note, vkey).split('\n')
    assert rest == [''], 'a checkpoint has three lines'
    assert origin == vkey_parse(vkey)[0], 'the origin is not the name of the key'
    assert size == str(int(size)), 'the size is not canonical'
    return int(size), base64.b64decode(root, validate=True)


@dataclasses.dataclass
class Receipt:
    salt: bytes
    index: int
    path: list
    checkpoint: str

    def write(self):
        lines = ['c2sp.org/tlog-proof@v1', f'extra {base64.b64encode(self.salt).decode()}', f'index {self.index}']
        lines += [base64.b64encode(step).decode() for step in self.path]
        return '\n'.join(lines) + '\n\n' + self.checkpoint

    @staticmethod
    def parse(text):
        head, _, checkpoint = text.partition('\n\n')
        first, extra, index, *path = head.split('\n')
        assert first == 'c2sp.org/tlog-proof@v1' and extra.startswith('extra ') and index.startswith('index '), 'not a tlog-proof with a salt'
        return Receipt(base64.b64decode(extra[6:], validate=True), int(index[6:]), [base64.b64decode(line, validate=True) for line in path],
                       checkpoint)

    def verify(self, statement, vkey):
        size, root = checkpoint_parse(self.checkpoint, vkey)
        assert len(self.salt) == 32, 'a salt has 32 bytes'
        leaf = leaf_hash(hashlib.sha256(self.salt + statement).digest())
        assert path_root(self.index, size, leaf, self.path) == root, 'the path does not lead to the signed root'


# ---- messages and their statements

REQUEST_COMPONENTS = ['@method', '@authority', '@path', '@query', 'content-digest', 'comity-head-digest', 'x-road-client', 'x-road-id',
                      'x-road-request-id', 'comity-purpose', 'comity-directory', 'comity-peer-checkpoint', 'comity-sequence']
ANSWER_COMPONENTS = ['@status', 'content-digest', 'comity-head-digest', 'x-road-id', 'x-road-request-id', 'x-road-client', 'x-road-service', 'x-road-request-hash',
                     'x-road-error',
                     'comity-reason', 'comity-released', 'comity-withheld', 'comity-decision', 'comity-directory', 'comity-peer-checkpoint', 'comity-transformed',
                     'comity-withheld-fields', 'comity-conditions']
BOUND_COMPONENTS = ['@method', '@authority', '@path', '@query', 'content-digest', 'comity-head-digest']


INDIVIDUAL = 'comity-ed25519'


def digest_field(algorithm, data):
    name = {'sha-256': 'sha256', 'sha-512': 'sha512'}[algorithm]
    return f'{algorithm}=:{base64.b64encode(hashlib.new(name, data).digest()).decode()}:'


@dataclasses.dataclass
class Message:
    """`fields` is a list of (name in lower case, value), as over HTTP/2."""
    fields: list
    body: bytes = b''
    method: str = ''
    target: str = ''
    authority: str = ''
    status: int = 0
    request: 'Message' = None
    signature_input: str = None  # what the evidence in front of the body says: the field's value, and the receipt's text
    receipt: str = None

    def evidence(self):
        return b'' if self.signature_input is None else f'{self.signature_input}\n{self.receipt}'.encode()

    def wire(self, has_content=True, body=None):
        """(fields, content) as they travel. A comity-evidence among the fields stands for itself, and then nothing goes before the body."""
        body = self.body if body is None else body
        if self.signature_input is None or self.get('comity-evidence') is not None:
            return self.fields, body
        if not has_content:
            return [*self.fields, ('comity-evidence', f':{base64.b64encode(self.evidence()).decode()}:')], b''
        return [*self.fields, ('comity-evidence', str(len(self.evidence())))], self.evidence() + body

    def unwire(self, content):
        """Takes the evidence off the content, or out of its field."""
        told = self.get('comity-evidence')
        if told is None:
            evidence, self.body = b'', content
        elif told.startswith(':'):
            evidence, self.body = base64.b64decode(told[1:-1], validate=True), content
            assert not content, 'there is content beside evidence in a field'
        else:
            assert told == str(int(told)) and int(told) <= len(content), 'the size of the evidence is wrong'
            evidence, self.body = content[:int(told)], content[int(told):]
        if evidence:
            self.signature_input, _, self.receipt = evidence.decode().partition('\n')
        self.set('comity-evidence', None)
        return self

    def own_signature(self):
        """(Signature-Input, Signature) of the message by itself, each without its label; None when it has none."""
        found = [[value.removeprefix(INDIVIDUAL + '=') for name, value in self.fields if name == wanted and value.startswith(INDIVIDUAL + '=')]
                 for wanted in ('signature-input', 'signature')]
        assert len(found[0]) == len(found[1]) <= 1, 'the label does not stand once in each'
        return (found[0][0], found[1][0]) if found[0] else None

    def signature(self):
        """The Signature field that RFC 9421 has beside Signature-Input, for who verifies it as fields."""
        return f'comity=:{base64.b64encode(self.receipt.encode()).decode()}:'

    def get(self, name):
        """All lines of a field, joined as RFC 9421 2.1 says; None when absent."""
        values = [value.strip(' \t') for key, value in self.fields if key == name]
        return ', '.join(values) if values else None

    def set(self, name, value):
        self.fields = [pair for pair in self.fields if pair[0] != name] + ([(name, value)] if value is not None else [])

    def component(self, name):
        path, mark, query = self.target.partition('?')
        return {'@method': self.method, '@authority': self.authority, '@path': path or '/', '@query': mark + query if mark else '?',
                '@status': str(self.status)}[name] if name.startswith('@') else self.get(name)

    def components(self):
        """[(name, whether of the request, value)]: all that must be covered."""
        names = REQUEST_COMPONENTS if self.status == 0 else ANSWER_COMPONENTS
        found = [(name, False, self.component(name)) for name in names]
        if self.status != 0:
            found += [(name, True, self.request.component(name)) for name in BOUND_COMPONENTS]
        return [one for one in found if one[2] is not None]

    def statement(self, parameters, components=None):
        lines = [f'"{name}"{";req" if of_request else ""}: {value}' for name, of_request, value in components or self.components()]
        return '\n'.join([*lines, f'"@signature-params": {parameters}']).encode()

    @staticmethod
    def write_parameters(components, **values):
        covered = ' '.join(f'"{name}"{";req" if of_request else ""}' for name, of_request, _ in components)
        return f'({covered})' + ''.join(f';{name}={value}' if isinstance(value, int) else f';{name}="{value}"'
                                        for name, value in values.items() if value is not None)


def verify(message, vkey):
    """All that a receiver checks of what is in the message itself; AssertionError says what is wrong. Returns the statement."""
    assert message.get('content-digest') == digest_field('sha-256', message.body), 'the body is not what was stated'
    signature_input = message.signature_input
    assert signature_input and signature_input.startswith('comity='), 'there is no statement'
    parameters = signature_input.removeprefix('comity=')
    components = message.components()
    assert parameters.startswith(Message.write_parameters(components) + ';'), f'the statement does not cover what it must: {parameters}'
    tag = 'comity-request/1' if message.status == 0 else 'comity-answer/1'
    for needed in (f';tag="{tag}"', ';alg="tlog-ed25519"', f';keyid="{vkey_parse(vkey)[0]}"', f';nonce="{message.get("x-road-request-id")}"'):
        assert needed in parameters, f'{needed} is not among the parameters: {parameters}'
    statement = message.statement(parameters)
    Receipt.parse(message.receipt).verify(statement, vkey)
    return statement


def individual_base(statement):
    """What a message's own signature is over: the statement, but for the algorithm in its last line."""
    lines, last = statement.rsplit(b'\n', 1)
    assert last.startswith(b'"@signature-params": ') and last.count(b';alg="tlog-ed25519"') == 1, 'no statement'
    return lines + b'\n' + last.replace(b';alg="tlog-ed25519"', b';alg="ed25519"')


def verify_individual(message, vkey):
    """That the message is signed by itself, by this key; AssertionError says what is wrong."""
    base = individual_base(verify(message, vkey))
    found = message.own_signature()
    assert found is not None, 'it is not signed by itself'
    assert found[0].encode() == base.rpartition(b'"@signature-params": ')[2], f'it covers something else: {found[0]}'
    raw = base64.b64decode(found[1].removeprefix(':').removesuffix(':'), validate=True)
    Ed25519PublicKey.from_public_bytes(vkey_parse(vkey)[1]).verify(raw, base)
    return base


def head_bytes(method, target, fields, request_id, made_id=None):
    """X-Road REST 1.5: what comity-head-digest of a request is the SHA-512 of. `fields` have the application's letter case."""
    lines = [method, target, *(f'{name}:{value}' for name, value in fields), f'x-road-request-id:{request_id}']
    if made_id is not None:
        lines.append(f'x-road-id:{made_id}')
    return ''.join(line + '\r\n' for line in lines).encode()


def request_hash(request):
    """X-Road-Request-Hash, from what stands in the request between the gateways: the application's fields come first, in their order."""
    names = request.get('comity-field-names').split(',') if request.get('comity-field-names') else []
    values = [(name, value) for name, (_, value) in zip(names, request.fields)]
    is_made = not any(name.lower() == 'x-road-id' for name in names)
    head = hashlib.sha512(head_bytes(request.method, request.target, values, request.get('x-road-request-id'),
                                     request.get('x-road-id') if is_made else None)).digest()
    return base64.b64encode(hashlib.sha512(head + hashlib.sha512(request.body).digest()).digest() if request.body else head).decode()


class Identity:
    """A gateway's keys and a log of its own. `origin` and `statement_key` default to those of the gateway in `folder`."""

    def __init__(self, folder, origin, statement_key=None):
        keys = Path(folder, 'keys')
        self.tls_key, self.tls_certificate = keys / 'tls.pem', keys / 'tls.crt'
        self.origin = origin
        self.key = statement_key or serialization.load_pem_private_key((keys / 'statement.pem').read_bytes(), None)
        self.leaves = []
        note = Path(folder, 'directory.note').read_text()
        text = note.rpartition('\n\n')[0] + '\n'
        directory = json.loads(text)
        self.directory_text = f'{directory["community"]} {directory["serial"]} {digest_field("sha-256", text.encode())}'

    @property
    def vkey(self):
        return vkey_write(self.origin, self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))

    def checkpoint(self):
        root = base64.b64encode(tree_root(self.leaves)).decode()
        return note_sign(f'{self.origin}\n{len(self.leaves)}\n{root}\n', self.origin, self.key)

    def log(self, statement, salt=None):
        """Logs a statement and gives its receipt."""
        salt = os.urandom(32) if salt is None else salt
        self.leaves.append(leaf_hash(hashlib.sha256(salt + statement).digest()))
        index = len(self.leaves) - 1
        return Receipt(salt, index, tree_path(index, self.leaves), self.checkpoint())

    def state(self, message, created=None, nonce=None, bend=None):
        """Adds the evidence. `bend` may change the receipt, given as Receipt, before it is written."""
        components = message.components()
        parameters = Message.write_parameters(
            components, created=int(time.time()) if created is None else created, nonce=nonce or message.get('x-road-request-id'),
            keyid=self.origin, alg='tlog-ed25519', tag='comity-request/1' if message.status == 0 else 'comity-answer/1')
        receipt = self.log(message.statement(parameters, components))
        if bend is not None:
            receipt = bend(receipt) or receipt
        message.signature_input, message.receipt = f'comity={parameters}', receipt.write()
        return message

    def sign(self, message, key=None, label=INDIVIDUAL, base=None, parameters=None):
        """Signs a message that is stated by itself as well. Each part can be bent."""
        own = individual_base(message.statement(message.signature_input.removeprefix('comity=')))
        signature = (key or self.key).sign(own if base is None else base)
        parameters = own.rpartition(b'"@signature-params": ')[2].decode() if parameters is None else parameters
        message.fields += [('signature-input', f'{label}={parameters}'), ('signature', f'{label}=:{base64.b64encode(signature).decode()}:')]
        return message

    def request(self, method, target, fields, body=b'', authority='peer.example', purpose=None, peer_checkpoint='none', request_id=None):
        """A request that is whole but not yet stated. `fields`: the application's, with its letter case."""
        request_id = request_id or str(uuid.uuid4())
        has_id = any(name.lower() == 'x-road-id' for name, _ in fields)
        made_id = None if has_id else f'{self.origin.split("/")[0]}-{uuid.uuid4()}'
        message = Message([(name.lower(), value) for name, value in fields], body, method, target, authority)
        message.fields += [
            ('x-road-request-id', request_id), ('comity-field-names', ','.join(name for name, _ in fields)),
            ('comity-directory', self.directory_text), ('comity-peer-checkpoint', peer_checkpoint),
            ('comity-head-digest', digest_field('sha-512', head_bytes(method, target, fields, request_id, made_id))),
            ('content-digest', digest_field('sha-256', body))]
        if made_id is not None:
            message.fields.append(('x-road-id', made_id))
        if purpose is not None:
            message.fields.append(('comity-purpose', purpose))
        return message

    def answer(self, request, status=200, fields=(), body=b'', peer_checkpoint='none', reason=None, released=None, withheld=None):
        """An answer to `request` that is whole but not yet stated. `fields`: the service's."""
        fields = [(name.lower(), value) for name, value in fields]
        service_head = ''.join(f'{name}:{value}\r\n' for name, value in fields).encode()
        message = Message(fields, body, status=status, request=request)
        message.fields += [
            ('x-road-id', request.get('x-road-id')), ('x-road-client', request.get('x-road-client')),
            ('x-road-service', '/'.join(request.target.split('?')[0].split('/')[2:7])),
            ('x-road-request-id', request.get('x-road-request-id')), ('x-road-request-hash', request_hash(request)),
            ('comity-decision', digest_field('sha-256', b'a decision of the test')), ('comity-directory', self.directory_text),
            ('comity-peer-checkpoint', peer_checkpoint), ('comity-head-digest', digest_field('sha-256', service_head)),
            ('content-digest', digest_field('sha-256', body))]
        for name, value in (('comity-reason', reason), ('comity-released', released), ('comity-withheld', withheld)):
            if value is not None:
                message.fields.append((name, value))
        return message


# ---- HTTP/2 over mutual TLS 1.3

def tls_context(identity, is_server, trusted=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(['h2'])
    if identity is not None:
        context.load_cert_chain(identity.tls_certificate, identity.tls_key)
    if trusted is not None:
        context.load_verify_locations(trusted)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


# Bent messages must be able to leave: h2 would refuse to send them.
BENDABLE = {'validate_outbound_headers': False, 'normalize_outbound_headers': False, 'header_encoding': 'utf-8'}


class PeerClient:
    """One connection to a gateway's peer listener."""

    def __init__(self, identity, port, host='127.0.0.1', timeout=30, context=None):
        self.socket = (context or tls_context(identity, False)).wrap_socket(socket.create_connection((host, port), timeout))
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, **BENDABLE))
        self.h2.initiate_connection()
        self.answers, self.lost = {}, None
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def send(self, message, body=None):
        """Starts a stream with the message, and returns its number."""
        stream = self.h2.get_next_available_stream_id()
        fields, body = message.wire(body=body)
        head = [(':method', message.method), (':scheme', 'https'), (':authority', message.authority), (':path', message.target)]
        self.h2.send_headers(stream, head + fields, end_stream=not body)
        self.flush()
        while body:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(body))
            if room == 0:
                self.read_some()
                continue
            self.h2.send_data(stream, body[:room], end_stream=room == len(body))
            body = body[room:]
            self.flush()
        return stream

    def read_some(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError('the gateway ended the connection')
        for event in self.h2.receive_data(data):
            stream = getattr(event, 'stream_id', 0)
            answer = self.answers.setdefault(stream, {'fields': [], 'body': b'', 'ended': False, 'reset': None})
            if isinstance(event, h2.events.ResponseReceived):
                answer['fields'] = [(str(name), str(value)) for name, value in event.headers]
            elif isinstance(event, h2.events.DataReceived):
                answer['body'] += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
            elif isinstance(event, h2.events.StreamEnded):
                answer['ended'] = True
            elif isinstance(event, h2.events.StreamReset):
                answer.update(ended=True, reset=event.error_code)
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.lost = event.error_code
        self.flush()

    def wait(self, stream, request=None):
        """The answer on a stream, as a Message bound to `request`."""
        while not self.answers.get(stream, {}).get('ended'):
            self.read_some()
        got = self.answers.pop(stream)
        if got['reset'] is not None:
            raise ConnectionError(f'the gateway reset the stream: {got["reset"]!r}')
        status = int(dict(got['fields'])[':status'])
        fields = [pair for pair in got['fields'] if not pair[0].startswith(':')]
        return Message(fields, status=status, request=request).unwire(got['body'])

    def ask(self, message, body=None):
        return self.wait(self.send(message, body), message)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.close()


class PeerServer:
    """Listens in the place of a gateway. `answer(server, request)` gives the Message to send back, or None to reset the stream."""

    def __init__(self, identity, port, answer, trusted=None):
        self.identity, self.answer = identity, answer
        self.context = tls_context(identity, True, trusted)
        self.listener = socket.create_server(('127.0.0.1', port), backlog=64)
        self.requests, self.problems = [], []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(plain,), daemon=True).start()

    def serve(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as connection:
                self.talk(connection)
        except (OSError, h2.exceptions.ProtocolError) as problem:
            self.problems.append(problem)

    def talk(self, connection):
        session = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, **BENDABLE))
        session.initiate_connection()
        connection.sendall(session.data_to_send())
        open_streams = {}
        while True:
            data = connection.recv(65536)
            if not data:
                return
            for event in session.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    fields = [(str(name), str(value)) for name, value in event.headers]
                    head = dict(fields)
                    open_streams[event.stream_id] = Message(
                        [pair for pair in fields if not pair[0].startswith(':')], b'', head[':method'], head[':path'], head.get(':authority', ''))
                elif isinstance(event, h2.events.DataReceived):
                    open_streams[event.stream_id].body += event.data
                    session.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self.reply(session, event.stream_id, open_streams.pop(event.stream_id))
            connection.sendall(session.data_to_send())

    def reply(self, session, stream, request):
        self.requests.append(request.unwire(request.body))
        answer = self.answer(self, request)
        if answer is None:
            session.reset_stream(stream, 2)
            return
        fields, content = answer.wire(request.method != 'HEAD' and answer.status not in (204, 304))
        session.send_headers(stream, [(':status', str(answer.status)), *fields], end_stream=not content)
        size = session.max_outbound_frame_size
        for at in range(0, len(content), size):
            session.send_data(stream, content[at:at + size], end_stream=at + size >= len(content))

    def close(self):
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.close()
