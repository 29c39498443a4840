"""A person's complete list (docs/evidence-uses.md) once more, from the text and not from the C code: a second verifier."""
import base64
import hashlib
import json

import peer


class Refused(Exception):
    """With the code of docs/evidence-uses.md."""


# ---- P-256 and ECVRF-P256-SHA256-TAI (RFC 9381), slow and plain
P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff
Q = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
     0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)


def sha(data):
    return hashlib.sha256(data).digest()


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = ((3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(k, point):
    found = None
    while k:
        if k & 1:
            found = add(found, point)
        point, k = add(point, point), k >> 1
    return found


def encode(point):
    return bytes([2 + (point[1] & 1)]) + point[0].to_bytes(32, 'big')


def decode(data):
    """None when it is no point."""
    x = int.from_bytes(data[1:], 'big')
    if data[0] not in (2, 3) or x >= P:
        return None
    square = (x ** 3 - 3 * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return (x, y if y % 2 == data[0] - 2 else P - y) if y * y % P == square else None


def hash_to_curve(public, text):
    return next(point for point in (decode(b'\x02' + sha(b'\1\1' + public + text + bytes([i, 0]))) for i in range(256)) if point)


def vrf_place(public, text, proof):
    """The place that the proof shows; None when it shows none."""
    y, gamma = decode(public), decode(proof[:33])
    c, s = int.from_bytes(proof[33:49], 'big'), int.from_bytes(proof[49:], 'big')
    if y is None or gamma is None or s >= Q:
        return None
    h = hash_to_curve(public, text)
    u, v = add(multiply(s, G), multiply(Q - c, y)), add(multiply(s, h), multiply(Q - c, gamma))
    if u is None or v is None:
        return None
    again = sha(b'\1\2' + public + encode(h) + encode(gamma) + encode(u) + encode(v) + b'\0')[:16]
    return sha(b'\1\3' + encode(gamma) + b'\0') if again == proof[33:49] else None


# ---- The list

def lines(text):
    return [line.split(': ', 1) for line in text.split('\n')[:-1]]


def entry(one, vkey, may_be_hidden=True):
    """(index, leaf hash) of something that its receipt proves."""
    try:
        receipt = peer.Receipt.parse(one['receipt'])
        if receipt.index != one['entry']:
            raise Refused('uses.entry')
        size, root = peer.checkpoint_parse(receipt.checkpoint, vkey)
        if 'statement' not in one and not may_be_hidden:
            raise Refused('uses.format')
        leaf = peer.leaf_hash(sha(receipt.salt + one['statement'].encode()) if 'statement' in one else receipt.salt)
        if peer.path_root(receipt.index, size, leaf, receipt.path) != root:
            raise Refused('uses.entry')
    except (AssertionError, ValueError, KeyError):
        raise Refused('uses.entry') from None
    return receipt.index, leaf


def verify(text, vkey):
    """The statements of the list. `vkey` is the log's, known from elsewhere."""
    made = json.loads(text)
    if made['log'] != vkey:
        raise Refused('uses.log')
    number, _ = entry(made['root'], vkey, False)
    root = dict(lines(made['root']['statement']))
    if root.get('comity-event') != 'uses-root/1' or not int(root['from']) <= int(root['covers']) <= number:
        raise Refused('uses.root')
    chain, last = bytes(32), -1
    for use in made['uses']:
        index, leaf = entry(use, vkey)
        if not max(int(root['from']), last + 1) <= index < int(root['covers']):
            raise Refused('uses.entry')
        if 'statement' in use and (use['statement'].split('\n')[0] not in ('comity-event: decision/1', 'comity-event: consent/1')
                                   or dict(lines(use['statement'])).get('person') != made['person']):
            raise Refused('uses.person')
        chain, last = sha(b'\7' + chain + index.to_bytes(8, 'big') + leaf), index
        if 'answer' in use:
            answered, _ = entry(use['answer'], vkey)
            digest = base64.b64encode(sha(use['statement'].encode())).decode()
            if answered <= index or f'"comity-decision": sha-256=:{digest}:\n' not in use['answer'].get('statement', f'"comity-decision": sha-256=:{digest}:\n'):
                raise Refused('uses.entry')
    place = vrf_place(base64.b64decode(root['vrf']), made['person'].encode(), base64.b64decode(made['vrf_proof']))
    if place is None:
        raise Refused('uses.place')
    found = sha(b'\6' + place + base64.b64decode(made['salt']) + len(made['uses']).to_bytes(8, 'big') + chain)
    bits = int.from_bytes(place[:8], 'big')
    for i, sibling in enumerate(map(base64.b64decode, made['path'])):
        found = sha(b'\5' + (sibling + found if bits >> i & 1 else found + sibling))
    if f'sha-256=:{base64.b64encode(found).decode()}:' != root['root']:
        raise Refused('uses.incomplete')
    return [use.get('statement') for use in made['uses']]
