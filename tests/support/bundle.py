"""
Bundles of evidence (docs/evidence.md) once more, to take apart, put together wrongly, and forge: a Forge signs what it says with the keys of both
gateways, so that whatever is wrong in it is wrong for another reason than a broken signature.
"""
import base64
import hashlib
import importlib.util
import os
import re
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from comity import TOP, run_json
from peer import individual_base, leaf_hash, note_sign, tree_path, tree_root

FIRST = b'comity-evidence/1\n'


def read(data):
    """The sections of a good file: a list of [name, bytes]."""
    at, end, out = len(FIRST), len(data) - 72, []
    while at < end:
        name, size = data[at:data.index(b'\n', at)].split(b' ')
        start = data.index(b'\n', at) + 1
        out.append([name.decode(), data[start:start + int(size)]])
        at = start + int(size) + 1
    return out


def seal(data):
    """The file with its checksum, whatever it says."""
    return data + b'sha256 ' + hashlib.sha256(data).hexdigest().encode() + b'\n'


def write(sections):
    return seal(FIRST + b''.join(b'%s %d\n%s\n' % (name.encode(), len(text), text) for name, text in sections))


def load_second():
    """tools/verify-evidence.py as a module."""
    spec = importlib.util.spec_from_file_location('verify_evidence', TOP / 'tools/verify-evidence.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Both:
    """Both verifiers, with one trust file."""

    def __init__(self, folder, trust_path):
        self.folder, self.trust_path = Path(folder), Path(trust_path)
        self.second = load_second()
        self.trust = self.second.Trust(self.trust_path.read_text())
        self.count = 0

    def python(self, data):
        _, refusal = self.second.verify(data, self.trust)
        return refusal[0] if refusal else 'good'

    def c(self, files):
        """A code a file, or 'good'."""
        out = []
        for start in range(0, len(files), 900):
            paths = []
            for i, data in enumerate(files[start:start + 900]):
                paths.append(self.folder / f'{i}.comity-evidence')
                paths[-1].write_bytes(data)
            if len(paths) == 1:
                paths *= 2  # of one file it tells the story
            told = run_json('evidence', 'verify', '--trust', self.trust_path, *paths, expect=None, timeout=300)['files']
            told = told[:1] if len(files) - start == 1 else told
            out += ['good' if t['ok'] else t['code'] for t in told]
        return out

    def compare(self, files):
        """Both verdicts on each; the first pair that differs is an AssertionError, and its file is kept. Returns the verdicts."""
        verdicts = self.c(files)
        for i, (data, first) in enumerate(zip(files, verdicts)):
            second = self.python(data)
            if first != second:
                kept = Path(os.environ.get('KEEP_FOLDER', '/tmp')) / 'differs.comity-evidence'
                kept.write_bytes(data)
                raise AssertionError(f'file {i}: C says {first}, Python says {second}; kept: {kept}')
        self.count += len(files)
        return verdicts


class Forge:
    """
    A good bundle of the holder's, taken apart: statements by name (`request`, `decision`, `answer`, `consent 1`, ...), to be changed as text and
    written again with fresh trees, proofs and signatures. References by digest are kept right unless `is_tied` is False.
    """

    def __init__(self, data, gateways):
        self.head, self.statements, counts = [], {}, {}
        self.keys = {g.origin: serialization.load_pem_private_key((g.folder / 'keys/statement.pem').read_bytes(), None) for g in gateways}
        self.is_tied = True
        for name, text in read(data):
            if name == 'receipt':
                lines = text.split(b'\n')
                origin = text.split(b'\n\n', 1)[1].split(b'\n', 1)[0].decode()
                self.last['receipts'].append({'origin': origin, 'index': int(lines[2][6:]), 'salt': base64.b64decode(lines[1][6:])})
            elif name in ('request', 'decision', 'answer', 'consent', 'in-force'):
                counts[name] = counts.get(name, 0) + 1
                key = name if name in ('request', 'decision', 'answer') else f'{name} {counts[name]}'
                self.last = self.statements[key] = {'role': name, 'text': text.decode(), 'receipts': []}
            elif name == 'signature':
                self.last['signer'] = re.search('keyid="([^"]*)"', self.last['text'])[1]
            elif name != 'consistency':
                self.head.append([name, text])
        for name in ('request', 'answer'):  # the trees are new
            self.change(name, r'"comity-peer-checkpoint": .*', '"comity-peer-checkpoint": none')
        self.sizes = {origin: 1 + max(r['index'] for s in self.statements.values() for r in s['receipts'] if r['origin'] == origin)
                      for origin in self.keys}

    def change(self, name, pattern, to, flags=0):
        text, count = re.subn(pattern, to, self.statements[name]['text'], count=1, flags=flags)
        assert count == 1, f'{name} has no {pattern}'
        self.statements[name]['text'] = text

    def spoil(self, name, pattern):
        """Another character behind what fits."""
        self.change(name, f'({pattern})(.)', lambda found: found[1] + ('1' if found[2] == '0' else '0'))

    def digest(self, name):
        return 'sha-256=:%s:' % base64.b64encode(hashlib.sha256(self.statements[name]['text'].encode()).digest()).decode()

    def write(self):
        if self.is_tied and {'request', 'decision', 'answer'} <= set(self.statements):
            self.change('decision', r'request: sha-256=:.*:', 'request: ' + self.digest('request').replace('\\', ''))
            self.change('answer', r'"comity-decision": .*', '"comity-decision": ' + self.digest('decision'))
        logs, notes = {}, {}
        for origin, size in self.sizes.items():
            entries = [os.urandom(32) for _ in range(size)]
            for s in self.statements.values():
                for r in s['receipts']:
                    if r['origin'] == origin:
                        entries[r['index']] = hashlib.sha256(r['salt'] + s['text'].encode()).digest()
            logs[origin] = [leaf_hash(e) for e in entries]
            root = base64.b64encode(tree_root(logs[origin])).decode()
            notes[origin] = note_sign(f'{origin}\n{size}\n{root}\n', origin, self.keys[origin])
        sections = [list(s) for s in self.head]
        for s in self.statements.values():
            sections.append([s['role'], s['text'].encode()])
            for r in s['receipts']:
                path = ''.join(base64.b64encode(h).decode() + '\n' for h in tree_path(r['index'], logs[r['origin']]))
                salt = base64.b64encode(r['salt']).decode()
                sections.append(['receipt', f'c2sp.org/tlog-proof@v1\nextra {salt}\nindex {r["index"]}\n{path}\n{notes[r["origin"]]}'.encode()])
            if 'signer' in s:  # the message by itself; `signed`: what is signed instead of what should be
                signed = s['signed'] if 'signed' in s else individual_base(s['text'].encode())
                sections.append(['signature', self.keys[s['signer']].sign(signed)])
        return write(sections)
