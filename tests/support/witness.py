"""
A witness that nobody here wrote in C (C2SP tlog-witness, from its text), with the differences that were met in the field and the nastiness that was
not yet: `mode` may be changed while it runs. `shows` says what it gives for GET PREFIX/HEX/checkpoint, which Comity's witnesses have: True, what it
cosigned last; None, that there is no such thing, as with most; or the bytes.

    with Witness(vkeys_of_logs) as witness:
        policy_file.write_text(f'witness w {witness.vkey} {witness.url}\\nquorum w\\n')
        witness.mode = 'hang'
        witness.calls, witness.known[origin]
"""
import base64
import hashlib
import http.server
import threading
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import peer

MODES = ('good', 'omniwitness', 'sunlight', 'forgetful', 'unknown-403', 'unknown-404', 'conflict', 'conflict-empty', 'conflict-garbage', 'larger', 'smaller-once',
         'refuse-proof', 'hang', 'drip', 'megabyte', 'bad-signature', 'other-name', 'other-key', 'time-zero', 'time-future', 'empty', 'error', 'reset', 'not-http')


def until(what, look, seconds=30.0):
    """What look() gives as soon as it is true."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f'not within {seconds} s: {what}')
        time.sleep(0.05)


def size_of(path):
    """The size that a checkpoint file states; -1 when it is not there."""
    try:
        return int(path.read_text().split('\n')[1])
    except FileNotFoundError:
        return -1


def wait_cosigned(gateway, at_least):
    return until(f'{at_least} entries cosigned', lambda: size_of(gateway.log_folder / 'checkpoint.cosigned') >= at_least)


def consistent(old, size, old_root, root, proof):
    """RFC 9162 2.1.4.2."""
    if old == size:
        return not proof and old_root == root
    if old == 0:
        return not proof
    if not proof:
        return False
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = path[0]
    for step in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first, second = peer.node_hash(step, first), peer.node_hash(step, second)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = peer.node_hash(second, step)
        fn, sn = fn >> 1, sn >> 1
    return first == old_root and second == root and sn == 0


class Witness:
    def __init__(self, logs, name='witness.example/w', port=0, patience=30.0, shows=True):
        self.logs = {peer.vkey_parse(vkey)[0]: vkey for vkey in logs}
        self.name, self.key, self.patience = name, Ed25519PrivateKey.generate(), patience
        public = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.id = hashlib.sha256(name.encode() + b'\n\x04' + public).digest()[:4]
        self.vkey = f'{name}+{self.id.hex()}+{base64.b64encode(bytes([4]) + public).decode()}'
        self.mode, self.calls, self.known, self.bodies = 'good', 0, {}, []
        self.shows, self.notes, self.looks = shows, {}, 0
        self.port, self.lock, self.ending = port, threading.Lock(), threading.Event()

    def __enter__(self):
        witness = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *_):
                pass

            def do_GET(self):
                with witness.lock:
                    witness.looks += 1
                    found = [note for origin, note in witness.notes.items()
                             if self.path == f'/deep/prefix/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint']
                    shown = found[0] if found and witness.shows is True else witness.shows
                if isinstance(shown, bytes):
                    witness.send(self, 200, shown, 'text/plain; charset=utf-8')
                else:
                    witness.send(self, 404)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
                with witness.lock:
                    witness.calls += 1
                    witness.bodies.append(body)
                    mode = witness.mode
                try:
                    witness.answer(self, mode, body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a gateway that goes away in the middle is what some tests want

        self.server = Server(('127.0.0.1', self.port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.05})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}/deep/prefix'

    @property
    def line(self):
        return f'witness {self.name.rsplit("/", 1)[1]} {self.vkey} {self.url}\n'

    # ---- answers

    @staticmethod
    def send(handler, status, body=b'', kind=None):
        handler.send_response(status)
        if kind:
            handler.send_header('Content-Type', kind)
        handler.send_header('Content-Length', str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def cosign(self, text, mode='good', now=None):
        seconds = int(time.time()) if now is None else now
        key = Ed25519PrivateKey.generate() if mode == 'other-key' else self.key
        signature = key.sign(f'cosignature/v1\ntime {seconds}\n{text}'.encode())
        if mode == 'bad-signature':
            signature = signature[:10] + bytes([signature[10] ^ 1]) + signature[11:]
        name = 'somebody.example/else' if mode == 'other-name' else self.name
        return f'— {name} {base64.b64encode(self.id + seconds.to_bytes(8, "big") + signature).decode()}\n'.encode()

    def answer(self, handler, mode, body):
        if not handler.path.endswith('/deep/prefix/add-checkpoint'):
            self.send(handler, 404)
        elif mode == 'hang':
            self.ending.wait(self.patience)
            handler.close_connection = True
        elif mode == 'reset':
            handler.close_connection = True
        elif mode == 'not-http':
            handler.wfile.write(b'\x00\x01garbage\r\n\r\n' * 100)
            handler.close_connection = True
        elif mode == 'drip':
            handler.send_response(200)
            handler.send_header('Content-Length', '100000')
            handler.end_headers()
            while not self.ending.wait(0.3):
                handler.wfile.write(b'x')
        elif mode == 'megabyte':
            self.send(handler, 200, b'\xe2\x80\x94 x AAAAAAA=\n' * 80000)
        elif mode == 'error':
            self.send(handler, 500, b'no')
        elif mode in ('unknown-403', 'unknown-404'):
            self.send(handler, int(mode[-3:]))
        elif mode == 'conflict-empty':
            self.send(handler, 409)
        elif mode == 'conflict-garbage':
            self.send(handler, 409, b'many\n', 'text/x.tlog.size')
        elif mode == 'refuse-proof':
            self.send(handler, 422)
        else:
            self.judge(handler, mode, body)

    def judge(self, handler, mode, body):
        if mode == 'omniwitness' and len(body) > 16 * 1024:
            return self.send(handler, 413)
        head, _, note = body.decode().partition('\n\n')
        first, *lines = head.split('\n')
        old = int(first.removeprefix('old '))
        proof = [base64.b64decode(line, validate=True) for line in lines]
        origin = note.split('\n', 1)[0]
        if origin not in self.logs:
            return self.send(handler, 403 if mode == 'sunlight' else 404)
        size, root = peer.checkpoint_parse(note, self.logs[origin])
        if mode == 'conflict':
            return self.send(handler, 409, f'{max(size - 1, 0)}\n'.encode(), 'text/x.tlog.size')
        if mode == 'larger':
            return self.send(handler, 409, f'{size + 1000000}\n'.encode(), 'text/x.tlog.size')
        with self.lock:
            known, known_root = self.known.get(origin, (0, None))
            if mode == 'smaller-once' and known > 1:
                self.mode = 'good'
                return self.send(handler, 409, b'1\n', 'text/x.tlog.size')
            trusts = mode == 'omniwitness' and origin not in self.known
            if not trusts:
                if old != known:
                    return self.send(handler, 409, f'{known}\n'.encode(), 'text/x.tlog.size')
                if known == size and known_root is not None and root != known_root:
                    return self.send(handler, 409 if mode == 'omniwitness' else 422)
                if known and not consistent(known, size, known_root, root, proof):
                    return self.send(handler, 422)
            if mode not in ('bad-signature', 'other-name', 'other-key', 'time-zero', 'time-future', 'empty', 'forgetful'):
                self.known[origin], self.notes[origin] = (size, root), note.encode()
        if mode == 'empty':
            return self.send(handler, 200)
        text = note.rpartition('\n\n')[0] + '\n'
        now = {'time-zero': 0, 'time-future': int(time.time()) + 86400}.get(mode)
        extra = b'' if mode != 'good' else '— some.stranger/s AAAAAAA=\n'.encode()
        return self.send(handler, 200, extra + self.cosign(text, mode, now))
