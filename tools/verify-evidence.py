#!/usr/bin/python3
"""verify-evidence.py FILE --trust TRUST: verifies a bundle of evidence offline.

A second verifier, written from docs/evidence.md, step by step in its order: it shares no code with Comity. Needs Python 3.9 and
python3-cryptography. Time-stamps (RFC 3161) are passed over. Ends with 0: proved, 1: not, with the reason, 2: could not be tried.
"""
import base64
import datetime
import hashlib
import json
import re
import sys
from urllib.parse import unquote_to_bytes

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SKEW_S, NOWHERE, MAIN = 3600, 2 ** 64 - 1, ('request', 'decision', 'answer')
EVENTS = {'decision': b'decision/1', 'consent': b'consent/1', 'in-force': b'directory/1'}
BOUND = ('@method', '@authority', '@path', '@query', 'content-digest', 'comity-head-digest')
RECEIPTS = '(receipt (timestamp ){0,4}){1,4}'
MESSAGE = '(%s ' + RECEIPTS + '(consistency )?(signature )?|hidden-%s ' + RECEIPTS + ')?'
EVENT = '((hidden-)?%s ' + RECEIPTS + '){0,%d}'
ORDER = re.compile('exchange exporter (directory ){0,8}(policy )?' + MESSAGE % (('request',) * 2) + EVENT % ('decision', 1) +
                   MESSAGE % (('answer',) * 2) + EVENT % ('consent', 256) + EVENT % ('in-force', 8))
PROOF = re.compile(rb'c2sp\.org/tlog-proof@v1\nextra ([^\n]*)\nindex ([^\n]*)\n((?:[^\n]+\n)*)\n')
LAST_LINE = re.compile(rb'"@signature-params": \(([^)]*)\);created=(0|[1-9][0-9]{0,14});nonce="([^"\\\t]+)";keyid="([^"\\\t]+)"'
                       rb';alg="tlog-ed25519";tag="comity-(request|answer)/1"')

class Refused(Exception):
    """code, where, what"""
def need(good, code, where, what):
    if not good:
        raise Refused('evidence.' + code, where, what)
def sha256(*parts):
    return hashlib.sha256(b''.join(parts)).digest()
def number(text, most=2 ** 64 - 1):
    return int(text) if re.fullmatch(rb'0|[1-9][0-9]{0,19}', text) and int(text) <= most else None
def unbase64(text, size=None):  # None unless it is canonical, and of this size
    data = base64.b64decode(text) if re.fullmatch(rb'[A-Za-z0-9+/]+={0,2}', text) and len(text) % 4 == 0 else b''
    return data if data and base64.b64encode(data) == text and size in (None, len(data)) else None
def digest(text):
    return unbase64(text[9:-1], 32) if text.startswith(b'sha-256=:') and text.endswith(b':') else None
def utf8(data):
    text = data.decode(errors='replace')
    return text if text.encode() == data else None
def identifier(text, least, most):
    form, parts = rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+", text.split(b'/')
    decoded = [utf8(unquote_to_bytes(p)) if re.fullmatch(form, p) and len(unquote_to_bytes(p)) <= 255 else None for p in parts]
    return decoded if least <= len(parts) <= most and None not in decoded else None
def same_member(a, b):
    a, b = identifier(a, 3, 5), identifier(b, 3, 5)
    return bool(a and b and a[:3] == b[:3])
def milliseconds(text):
    return round(datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp() * 1000)

# ---- Signed notes, keys, Merkle trees (C2SP signed-note, tlog-cosignature; RFC 9162) ----
class Key:
    def __init__(self, vkey, kind=1):
        name, key_id, rest = vkey.split('+', 2)
        raw = unbase64(rest.encode()) or b''
        self.name, self.id, self.public = name.encode(), bytes.fromhex(key_id), raw[1:]
        if len(raw) != 33 or raw[0] != kind or sha256(self.name, b'\n', raw)[:4] != self.id:
            raise ValueError('no key of the right kind: ' + vkey)
    def good(self, message, signature):
        try:
            return Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message) is None
        except (InvalidSignature, ValueError):
            return False
class Note:
    def __init__(self, data, code, where):
        split = data.rfind(b'\n\n')
        whole = not re.search(rb'[\x00-\x09\x0b-\x1f]', data) and utf8(data) is not None and split >= 0 and len(data) > split + 2
        need(whole and data.endswith(b'\n'), code, where, 'it is no signed note')
        self.text, self.signatures = data[:split + 1], []
        for line in data[split + 2:-1].split(b'\n'):
            name, _, text = line[4:].partition(b' ')
            raw = unbase64(text)
            good = line.startswith(b'\xe2\x80\x94 ') and name and not re.search(r'[\s+\x85]', name.decode())
            need(good and raw and 5 <= len(raw) <= 8196, code, where, 'a signature line is malformed')
            self.signatures.append((name, raw[:4], raw[4:]))
        need(len(self.signatures) <= 100, code, where, 'too many signatures')
    def signers(self, keys, where):
        good = set()
        for name, key_id, signature in self.signatures:
            known = [k for k in keys if (k.name, k.id) == (name, key_id)]
            fits = {k.public for k in known if len(signature) == 64 and k.good(self.text, signature)}
            need(not known or fits, 'signature', where, 'the signature of a known key is wrong')
            good |= fits
        return len(good)
    def cosigners(self, witnesses, where):
        times = {}
        for name, key_id, raw in self.signatures:
            known = [w for w, k in witnesses.items() if (k.name, k.id) == (name, key_id)]
            time = int.from_bytes(raw[:8], 'big') if len(raw) == 72 else 0
            text = b'cosignature/v1\ntime %d\n' % time + self.text
            fits = [w for w in known if 0 < time < 2 ** 63 and witnesses[w].good(text, raw[8:])]
            need(not known or fits, 'cosignature', where, 'the cosignature of a known witness is wrong')
            times.update({w: min(time, times.get(w, time)) for w in fits})
        return times
def node(left, right):
    return sha256(b'\1', left, right)
def root_of(index, size, leaf, path):
    """The root that an inclusion path leads to; None: it is too short or too long."""
    if size <= 1 or not path:
        return leaf if size == 1 and not path else None
    k = 1 << (size - 1).bit_length() - 1
    below = root_of(index, k, leaf, path[:-1]) if index < k else root_of(index - k, size - k, leaf, path[:-1])
    return below and (node(below, path[-1]) if index < k else node(path[-1], below))
def roots_of(m, n, old_root, path, is_whole=True):
    """Both roots of a consistency path, which is used up from its end."""
    if m == n:
        return (old_root if is_whole else path.pop(),) * 2
    k, c = 1 << (n - 1).bit_length() - 1, path.pop()
    a, b = roots_of(m, k, old_root, path, is_whole) if m <= k else roots_of(m - k, n - k, old_root, path, False)
    return (a, node(b, c)) if m <= k else (node(c, a), node(c, b))
def is_consistent(old, new, old_root, root, path):
    try:
        return 0 < old <= new and roots_of(old, new, old_root, path) == (old_root, root) and not path
    except IndexError:
        return False

# ---- The trust file ----
class Trust:
    def __init__(self, text):
        self.communities, self.witnesses, self.groups, self.quorum = {}, {}, {}, None
        for words in (line.split() for line in text.splitlines()):
            kind = words[0] if words else '#'
            if kind == 'community':
                self.communities[unquote_to_bytes(words[1]).decode()] = (int(words[2]), [Key(v) for v in words[3:]])
            elif kind == 'witness':
                self.witnesses[words[1]] = Key(words[2], 4)
            elif kind == 'group':
                self.groups[words[1]] = ({'all': len(words) - 3, 'any': 1}.get(words[2]) or int(words[2]), words[3:])
            elif kind == 'quorum':
                self.quorum = words[1]
            elif not kind.startswith('#') and kind not in ('log', 'timestamps'):
                raise ValueError('the trust file has an unknown line: ' + kind)
    def met(self, times, until=2 ** 63):
        def is_met(name):
            least, members = self.groups.get(name, (1, ()))
            return times.get(name, until + 1) <= until or sum(map(is_met, members)) >= least
        return self.quorum == 'none' or is_met(self.quorum)
    def seen(self, times):
        return 0 if self.quorum == 'none' else min((t for t in times.values() if self.met(times, t)), default=0)

# ---- The file, statements and events ----
def sections_of(data):
    need(len(data) <= 160 * 2 ** 20 and data.startswith(b'comity-evidence/1\n'), 'format', 'line 1', 'it is no bundle')
    last = b'sha256 ' + hashlib.sha256(data[:-72]).hexdigest().encode() + b'\n'
    need(data[-72:] == last, 'damaged', 'the last line', 'the checksum is another: the file was changed or cut off')
    at, end, out = 18, len(data) - 72, []
    while at < end:
        name, _, text = data[at:min(end, at + 4096)].partition(b'\n')[0].partition(b' ')
        start, size = at + len(name) + len(text) + 2, number(text)
        good = size is not None and start + size < end and data[start + size:start + size + 1] == b'\n'
        need(good, 'format', 'byte %d' % at, 'a section has no name and size, or does not end where its size says')
        out.append((name.decode('latin-1'), data[start:start + size]))
        at = start + size + 1
    return out
def parse(data):
    sections, counts = sections_of(data), {}
    good = ORDER.fullmatch(''.join(name + ' ' for name, _ in sections)) and all(
        len(text) == 64 if name == 'signature' else bool(text) != name.startswith('hidden-') or
        name in ('policy', 'receipt', 'timestamp', 'consistency') for name, text in sections)
    out = {'exchange': sections[0][1], 'exporter': sections[1][1], 'directories': [], 'policy': None, 'statements': []} if good else {}
    need(good and max(len(out['exchange']), len(out['exporter'])) <= 1024, 'format', 'the file', 'sections are out of order')
    for name, text in sections[2:]:
        role = name.replace('hidden-', '')
        if name in ('directory', 'receipt'):
            (out['directories'] if name == 'directory' else out['statements'][-1]['receipts']).append(text)
        elif name in ('policy', 'consistency', 'signature'):
            (out if name == 'policy' else out['statements'][-1])[name] = text
        elif name != 'timestamp':
            counts[role] = counts.get(role, 0) + 1
            out['statements'].append({'role': role, 'hidden': name != role, 'text': text, 'where': '%s %d' % (role, counts[role]),
                                      'receipts': [], 'consistency': None, 'signature': None, 'time': 0, 'after': 0})
    need(out['statements'], 'format', 'the file', 'there is no statement')
    need(any(s['role'] in MAIN and s['text'] for s in out['statements']), 'empty', 'the file', 'it shows nothing of the exchange')
    return out
def said(text, where):
    """A signature base (RFC 9421): its components by name and ;req, and its parameters."""
    lines, out, listed = text.split(b'\n'), {}, []
    last = LAST_LINE.fullmatch(lines.pop())
    for line in lines:
        m = re.fullmatch(rb'("([^"\\\t]+)"(;req)?): (.*)', line)
        need(m and (m[2].decode('latin-1'), bool(m[3])) not in out, 'statement', where, 'it is no signature base')
        out[m[2].decode('latin-1'), bool(m[3])] = m[4]
        listed.append(m[1])
    plain = re.fullmatch(rb'[\t\n\x20-\x7e]*', text) and len(text) <= 32768
    need(last and plain and len(listed) <= 32 and last[1] == b' '.join(listed), 'statement', where, 'it is no signature base')
    return out, {'created': int(last[2]), 'nonce': last[3], 'keyid': last[4], 'tag': last[5].decode()}
def event(text, kind, where):
    lines = text.split(b'\n')
    whole = text.startswith(b'comity-event: %s\n' % kind) and lines.pop() == b'' and all(re.match(rb'[^:]+: ', line) for line in lines)
    need(whole, 'statement', where, 'it is no event of this kind')
    return [line.partition(b': ')[::2] for line in lines]
def get(lines, name):
    return next((value for n, value in lines if n == name), b'')

# ---- The verification ----
class Verification:
    def __init__(self, bundle, trust):
        self.b, self.trust, self.directories, self.seen, self.roots = bundle, trust, [None] * len(bundle['directories']), [], {}
        for i in range(2 * len(self.directories)):
            if self.directories[i % len(self.directories)] is None:
                self.directory(i % len(self.directories), i >= len(self.directories))
        for s in bundle['statements']:
            self.statement(s)
        self.by = {s['role']: s for s in bundle['statements'] if not s['hidden']}
        for mine, other in (('request', 'answer'), ('answer', 'request')):
            if mine in self.by:
                self.named_checkpoint(self.by[mine], self.by.get(other))
        self.relations()
        self.consents()
        for s in bundle['statements']:
            need(not s['seen'] or s['time'] // 1000 <= s['seen'] + SKEW_S, 'time', s['where'], 'witnesses saw it before its time')
            need(s['time'] // 1000 + SKEW_S >= s['after'] // 1000, 'time', s['where'], 'it knew an entry that is much younger')
    def directory(self, i, is_recognition):
        where = 'directory %d' % (i + 1)
        note = Note(self.b['directories'][i], 'directory', where)
        candidates = [(c, k, keys, None) for c, (k, keys) in self.trust.communities.items()]
        if is_recognition:
            candidates = [(r['community'], r['threshold'], [Key(v) for v in r['operators']], r)
                          for d in self.directories if d and not d['by'] for r in d['json'].get('recognised', [])
                          if r['community'] not in self.trust.communities]
        for community, threshold, keys, by in candidates:
            if note.signers(keys, where) < threshold:
                continue
            found = json.loads(note.text)
            spans = [(milliseconds(x['valid_from']), milliseconds(x['valid_until'])) for x in (found, by) if x]
            if found['community'] == community:
                self.directories[i] = {'json': found, 'digest': sha256(note.text), 'spans': spans, 'by': by}
                return
        need(not is_recognition, 'trust', where, 'nobody whom you trust has signed it')
    def log_key(self, origin, time, where):
        parts = identifier(origin, 4, 4)
        need(parts, 'key', where, 'the origin is no COMMUNITY/CLASS/MEMBER/GATEWAY')
        found = [(d, g['statement_key']) for d in self.directories for m in d['json']['members'] for g in m.get('gateways', [])
                 if [d['json']['community'], m['class'], m['code'], g['code']] == parts]
        found = [(d, key) for d, key in found if key.encode().startswith(origin + b'+')]
        valid = [key for d, key in found if time == 0 or all(time + 999 >= a and time < b for a, b in d['spans'])]
        need(valid or not found, 'expired', where, 'no directory with the key of this log was valid at the time')
        need(found, 'key', where, 'no directory in the file has the key of this log')
        return Key(valid[0])
    def statement(self, s):
        role, where, signer = s['role'], s['where'], None
        s['index'], s['seen'] = NOWHERE, 0
        if role in EVENTS and not s['hidden']:
            s['event'] = event(s['text'], EVENTS[role], where)
            s['time'] = number(get(s['event'], b'time'), 2 ** 53)
            need(s['time'], 'statement', where, 'it has no time')
            need(role != 'decision' or get(s['event'], b'exchange') == self.b['exchange'], 'exchange', where, 'it is of another exchange')
        elif not s['hidden']:
            s['said'], p = said(s['text'], where)
            need(p['tag'] == role, 'statement', where, 'its tag is that of another kind of message')
            need({p['nonce'], s['said'].get(('x-road-request-id', False))} == {self.b['exchange']}, 'exchange', where, 'it is of another')
            s['time'], s['keyid'], signer = p['created'] * 1000, p['keyid'], p['keyid']
        for text in s['receipts']:
            self.receipt(s, text, signer)
        wanted = {signer, self.b['exporter'] if role == 'answer' else signer} - {None}
        need(wanted <= {r['origin'] for r in self.seen if r['statement'] is s}, 'receipt', where, "no receipt is of its or the exporter's log")
        if s['signature'] is not None:
            before, _, tag = s['text'].rpartition(b'"tlog-ed25519"')
            good = self.log_key(signer, s['time'], where).good(before + b'"ed25519"' + tag, s['signature'])
            need(good, 'individual', where, 'the signature beside it is not one of this message by its sender')
    def receipt(self, s, text, signer):
        where, m = s['where'], PROOF.match(text)
        salt, index, path = (unbase64(m[1], 32), number(m[2]), [unbase64(x, 32) for x in m[3].split()]) if m else (None, None, [])
        good = salt and index is not None and None not in path and len(path) <= 48 and len(text) <= 16384
        need(good and all(len(x) == 44 for x in m[3].split(b'\n')[:-1]), 'receipt', where, 'it is no tlog-proof')
        note = Note(text[m.end():], 'checkpoint', where)
        lines = note.text.split(b'\n')
        size, root = (number(lines[1]), unbase64(lines[2], 32)) if len(lines) == 4 else (None, None)
        need(lines[0] and size is not None and root, 'checkpoint', where, 'it is no checkpoint')
        origin, is_mine = lines[0], lines[0] == self.b['exporter']
        need(is_mine or s['role'] not in EVENTS and (s['hidden'] or origin == signer), 'receipt', where, 'its log does not belong here')
        key = self.log_key(origin, s['time'] if s['role'] in MAIN else 0, where)
        need(note.signers([key], where), 'signature', where, "the log's key has not signed this checkpoint")
        leaf = sha256(b'\0', salt if s['hidden'] else sha256(salt, s['text']))
        need(index < size and root_of(index, size, leaf, path) == root, 'proof', where, "the path does not lead to the checkpoint's root")
        times = note.cosigners(self.trust.witnesses, where)
        need(not is_mine or self.trust.met(times), 'quorum', where, "too few witnesses have cosigned the exporter's checkpoint")
        sizes = {r['size'] for r in self.seen if r['mine']} if is_mine else set()
        need(self.roots.setdefault((origin, size), root) == root and sizes <= {size}, 'fork', where, 'a log has two roots, or checkpoints')
        self.seen.append({'origin': origin, 'index': index, 'size': size, 'root': root, 'mine': is_mine, 'statement': s})
        s['index'] = index if is_mine else s['index']
        s['seen'] = min(filter(None, (s['seen'], self.trust.seen(times))), default=0)
    def named_checkpoint(self, s, other):
        text, where, exporter = s['said'].get(('comity-peer-checkpoint', False), b''), s['where'], self.b['exporter']
        first, _, last = text.partition(b' ')
        size, root = (0, None) if text == b'none' else (number(first), unbase64(last, 32))
        need(text == b'none' or size and root, 'statement', where, 'it names no checkpoint')
        origin = other['keyid'] if other else exporter if s['keyid'] != exporter else None
        need(not size or self.roots.get((origin, size), root) == root, 'fork', where, 'a log has two roots for one size')
        if s['consistency'] is not None:
            path, now = [unbase64(x, 32) for x in s['consistency'].split(b'\n')], next((r for r in self.seen if r['mine']), None)
            need(origin == exporter, 'fork', where, "it is not one of the exporter's log")
            need(s['consistency'][-1:] in (b'', b'\n') and None not in path[:-1] and len(path) <= 66, 'format', where, 'no consistency proof')
            need(now and is_consistent(size, now['size'], root, now['root'], path[:-1]), 'fork', where, "the exporter's log forked")
        if size and (s['consistency'] is not None or (origin, size) in self.roots):
            s['after'] = max((r['statement']['time'] for r in self.seen if r['origin'] == origin and r['index'] < size), default=0)
    def relations(self):
        request, decision, answer, exporter = *map(self.by.get, MAIN), self.b['exporter']
        def value(s, name, of_request=False):
            return s['said'].get((name, of_request), b'') if s else b''
        consumer, holder = request and request['keyid'], answer and answer['keyid']
        has_decision = any(s['role'] == 'decision' for s in self.b['statements'])
        is_holder = exporter == holder if answer else exporter != consumer if request else has_decision
        good = (not request or not answer or exporter in (consumer, holder)) and (is_holder or not has_decision)
        need(good and any(r['mine'] for r in self.seen), 'exporter', 'exporter', 'it is neither side, has what only the holder has, or no entry')
        client, service = value(request, 'x-road-client'), value(answer, 'x-road-service')
        need(not request or same_member(client, consumer), 'client', 'request', 'the gateway is not of the client that it names')
        need(not service or same_member(service, holder), 'service', 'answer', 'the gateway is not of the service that it names')
        good = all(value(request, n) == value(answer, n, True) for n in BOUND) and value(answer, 'x-road-client') in (b'', client)
        need(good or not request or not answer, 'binding', 'answer', 'it answers another request')
        lines = decision['event'] if decision else []
        good = not decision or not request or digest(get(lines, b'request')) == sha256(request['text']) and get(lines, b'client') == client
        need(good, 'decision', 'decision', 'it is about another request')
        is_decided = decision and answer
        good = not is_decided or digest(value(answer, 'comity-decision')) == sha256(decision['text']) and get(lines, b'service') == service
        need(good, 'decision', 'answer', 'it names another decision, or a decision about another service')
        need(not is_decided or decision['index'] < answer['index'], 'order', 'decision', 'it does not stand before the answer')
        permitted = [v for n, v in lines if n == b'released']
        released, withheld = (v.split(b', ') if v else [] for v in (value(answer, 'comity-released'), value(answer, 'comity-withheld')))
        good = all(c and b',' not in c for c in released + withheld) and max(map(len, (permitted, released, withheld))) <= 64
        need(good and len(set(permitted)) == len(permitted), 'statement', 'answer', 'its categories are no list, twice there or too many')
        good = set(released) <= set(permitted) and (value(answer, 'comity-reason') or get(lines, b'verdict') == b'permit')
        need(good or not is_decided, 'release', 'answer', 'it released what the decision did not permit')
        digests = {d['digest']: d for d in self.directories}
        need(self.b['policy'] is None or digest(get(lines, b'policy')) == sha256(self.b['policy']), 'policy', 'policy', 'it is another')
        need(not decision or digest(get(lines, b'directory')) in digests, 'directory', 'decision', 'its directory is not in the file')
        for s in filter(None, (request, answer)):
            parts = value(s, 'comity-directory').split(b' ')
            good = len(parts) == 3 and parts[0] and number(parts[1]) is not None and digest(parts[2])
            need(good, 'statement', s['where'], 'it names none')
            need(s['keyid'] != exporter or digest(parts[2]) in digests, 'directory', s['where'], 'its directory is not in the file')
        first = min((s['index'] for s in self.b['statements'] if s['role'] in MAIN), default=NOWHERE)
        for s in (s for s in self.b['statements'] if s['role'] == 'in-force'):
            need(s['index'] < first, 'order', s['where'], 'it does not stand before the exchange')
            d = None if s['hidden'] else digests.get(digest(get(s['event'], b'digest')))
            need(s['hidden'] or d and number(get(s['event'], b'serial')) == d['json']['serial'], 'directory', s['where'], 'it is another')
        self.client = get(lines, b'client') or client
        self.story = {'client': self.client, 'service': get(lines, b'service') or service, 'path': value(request, '@path'),
                      'person': get(lines, b'person'), 'verdict': get(lines, b'verdict'), 'released': b', '.join(released)}
    def consents(self):
        consents = [s for s in self.b['statements'] if s['role'] == 'consent']
        decision, answer = self.by.get('decision'), self.by.get('answer')
        for a, b in zip(consents, consents[1:]):
            need(a['index'] < b['index'], 'order', b['where'], 'it does not stand behind the one before')
        if not decision:
            return
        lines, words, decided, seen = decision['event'], {}, {}, set()  # words: {record: {category: (given, span)}}
        limit = answer['index'] if answer and answer['index'] != NOWHERE else decision['index']
        for s in (s for s in consents if not s['hidden']):
            e, where = s['event'], s['where']
            good = get(lines, b'person') and all(get(e, n) == get(lines, n) for n in (b'person', b'purpose'))
            need(good and same_member(get(e, b'recipient'), self.client), 'consent', where, 'it is about somebody else')
            span = number(get(e, b'valid_from')), number(get(e, b'valid_until'))
            categories = [v.partition(b' ') for n, v in e if n == b'category']
            good = get(e, b'id') and None not in span and len(categories) <= 64 and all(space for _, space, _ in categories)
            need(s['index'] >= limit or good, 'statement', where, 'it has no id or dates, or its categories are malformed')
            if s['index'] < limit and s['text'] not in seen:  # a crash may have it logged twice
                seen.add(s['text'])
                record = words.setdefault(get(e, b'id'), {})
                record.update({c: (state == b'given', span) for state, _, c in categories})
                if get(e, b'event') in (b'give', b'refuse'):  # what was decided last speaks: it moves to the end
                    decided.pop(get(e, b'id'), None)
                    decided[get(e, b'id')] = record
        ids, moments = [v for n, v in lines if n == b'consent'], [s['time'] for s in (decision, answer) if s]
        def is_covered(category):
            record = next((r for r in reversed(decided) if category in decided[r]), None)
            given, span = decided[record][category] if record else (False, (0, 0))
            return given and record in ids and all(t + 999 >= span[0] and t < span[1] for t in moments)
        good = any(s['hidden'] for s in consents) or sum(is_covered(v) for n, v in lines if n == b'released') >= len(ids)
        need(good, 'consent', 'decision', 'what left was not consented to at that time')
def verify(data, trust):
    """The verification, or the arguments of the refusal: (code, where, what)."""
    try:
        return Verification(parse(data), trust), None
    except Refused as e:
        return None, e.args
    except (ValueError, KeyError, TypeError, AttributeError) as e:  # a directory that is signed, and is none
        return None, ('evidence.directory', 'a directory', repr(e))
def main(words):
    try:
        path, option, whom = words
        with open(path, 'rb') as file, open(whom if option == '--trust' else '', encoding='utf-8') as trust:
            found, refusal = verify(file.read(), Trust(trust.read()))
    except (OSError, ValueError, IndexError, KeyError) as e:
        print('not tried: %s\n%s' % (e, __doc__), file=sys.stderr)
        return 2
    if refusal:
        print('Not proved: %s: %s (%s)' % (*refusal[1:], refusal[0]))
        return 1
    for name, text in {'Good: exchange': found.b['exchange'], **found.story}.items():
        print('%-9s %s' % (name, text.decode('utf-8', 'backslashreplace') or '-'))
    for r in found.seen:
        print('%-9s entry %d of %d in the log %s' % (r['statement']['where'], r['index'], r['size'], r['origin'].decode()))
    return 0

if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
