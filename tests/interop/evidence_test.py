"""
Bundles of evidence before both verifiers: the command's, and tools/verify-evidence.py, which shares no code with it. Whatever is done to a bundle,
both must say the same, by the same code. BITS and MUTATIONS say how much (1,000 and 600; make soak: every bit of a small one, and 20,000), SEED draws them.
"""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import bundle
from comity import CLIENT, HOLDER, HOSPITAL, IMMUNISATIONS, OTHER_PERSON, PERSON, TOP, Federation, consumer_policy, holder_policy
from peer import individual_base

BITS = int(os.environ.get('BITS', '1000'))  # 0: every one
MUTATIONS = int(os.environ.get('MUTATIONS', '600'))
SEED = int(os.environ.get('SEED', random.randrange(1 << 32)))


def setUpModule():
    global federation, folder, both, bundles
    folder = Path(tempfile.mkdtemp(prefix='comity-evidence-'))
    # A third service, which is told of the person in a header: there the person can be left out.
    federation = Federation(policy=None).make()
    policy = holder_policy(federation.service_url)
    by_header = dict(policy['services'][0], id=f'{HOLDER}/byheader', person={'in': 'header', 'name': 'X-Person'})
    policy['services'].append(by_header)
    # And one whose messages are signed by themselves.
    policy['services'].append(dict(policy['services'][0], id=f'{HOLDER}/signed', evidence='individual'))
    federation.holder.apply(policy)
    federation.consumer.apply({**consumer_policy(), 'calls': [{'service': f'{HOLDER}/signed', 'evidence': 'individual'}]})
    federation.__enter__()
    try:
        consent = federation.give_consent(PERSON, [IMMUNISATIONS])
        federation.ask(service='echo', rest='', method='POST', body=b'{}')
        asked = {'permitted': federation.ask(PERSON), 'refused': federation.ask(OTHER_PERSON)}
        asked['by header'] = federation.ask(service='byheader', rest='/record', X_Person=PERSON)
        asked['signed'] = federation.ask(service='signed', rest=f'/{PERSON}/record')
        asked['signed refused'] = federation.ask(service='signed', rest=f'/{OTHER_PERSON}/record')
        federation.withdraw_consent(consent)
        asked['withdrawn'] = federation.ask(PERSON)
        ask_in_the_new_world(asked)
        time.sleep(1.5)  # until all is published
        federation.holder.run('evidence', 'trust', '--output', folder / 'trust.txt')
        both = bundle.Both(folder, folder / 'trust.txt')
        bundles = {}
        for name, answer in asked.items():
            for gateway, side in ((federation.holder, 'holder'), (federation.consumer, 'consumer')):
                bundles[f'{name} {side}'] = export(gateway, answer, '--policy')
        for what in ('decision', 'consent', 'answer', 'request', 'policy', 'path'):
            bundles[f'without {what}'] = export(federation.holder, asked['permitted'], '--redact', what)
        bundles['signed without answer'] = export(federation.holder, asked['signed'], '--redact', 'answer')
        bundles['without person'] = export(federation.holder, asked['by header'], '--redact', 'person')
    except BaseException:
        tearDownModule()
        raise


def ask_in_the_new_world(asked):
    """Records that ask first and are answered later, limits, a notice that changes a little, and what befalls a person."""
    def person(verb, *words):
        federation.holder.run_json('person', verb, '--person', '-', *words, stdin='p-mortal')
    use = {'mode': 'view', 'fetch': 'periodic', 'frequency': {'max': 100, 'per': 'P1D', 'total': 1000}, 'dataRange': None}
    about = {'name': 'n-first', 'about': [IMMUNISATIONS], 'law': 'TEST', 'service': None, 'use': use}
    first = federation.publish_notice(**about)
    asking = federation.holder.run_json('consent', 'request', '--person', '-', '--notice', 'n-first', stdin='p-asked')['id']
    asked['only asked for'] = federation.ask('p-asked')
    federation.consent_to('n-first', 'p-asked')
    asked['given while another asks'] = federation.ask('p-asked')
    federation.publish_notice(**about, method={'en': 'it is looked up at once'}, equivalentTo=first['digest'])
    asked['given on what is as good'] = federation.ask('p-asked')
    federation.holder.run_json('consent', 'give', '--id', asking, '--language', 'en', '--method', 'portal',
                               *(word for act in ('sensitive', 'provide', 'border') for word in ('--separate', act)))
    asked['answered later'] = federation.ask('p-asked')
    federation.consent_to('n-first', 'p-mortal')
    person('set', '--born', '1980-03-01')
    asked['alive'] = federation.ask('p-mortal')
    person('pause')
    asked['paused'] = federation.ask('p-mortal')
    person('resume')
    asked['resumed'] = federation.ask('p-mortal')
    person('died')
    asked['dead'] = federation.ask('p-mortal')


def tearDownModule():
    federation.__exit__(*sys.exc_info())
    shutil.rmtree(folder, ignore_errors=True)


def export(gateway, answer, *options):
    path = folder / 'exported'
    path.unlink(missing_ok=True)
    gateway.run('evidence', 'export', '--exchange', answer.header('X-Road-Request-Id'), '--output', path, *options)
    return path.read_bytes()


class Verdicts(unittest.TestCase):
    def test_good_ones_are_good(self):
        for name, data in bundles.items():
            with self.subTest(bundle=name):
                self.assertEqual(both.compare([data]), ['good'])
                self.assertEqual(bundle.write(bundle.read(data)), data)

    def test_what_was_released_in_the_new_world(self):
        for name, is_released in (('only asked for', False), ('given while another asks', True), ('given on what is as good', True),
                                  ('answered later', True), ('alive', True), ('paused', False), ('resumed', True), ('dead', False)):
            lines = dict(bundle.read(bundles[f'{name} holder']))['decision'].split(b'\n')
            self.assertEqual(any(line.startswith(b'use: ') for line in lines), is_released, name)
            self.assertEqual(any(line.startswith(b'notice: ') for line in lines), is_released, name)

    def test_the_script_by_itself(self):
        path = folder / 'one'
        for data, code, words in ((bundles['permitted holder'], 0, f'Good: exchange|{CLIENT}|{PERSON}|permit'),
                                  (bundles['permitted holder'][:-1], 1, 'Not proved|evidence.damaged')):
            path.write_bytes(data)
            done = subprocess.run([TOP / 'tools/verify-evidence.py', path, '--trust', folder / 'trust.txt'], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            for word in words.split('|'):
                self.assertIn(word, done.stdout)
        done = subprocess.run([TOP / 'tools/verify-evidence.py', path, '--trust', folder / 'none'], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)

    def test_the_script_is_short(self):
        self.assertLess(len((TOP / 'tools/verify-evidence.py').read_text().splitlines()), 450)


class Mutations(unittest.TestCase):
    def setUp(self):
        print(f'SEED={SEED}', file=sys.stderr)
        self.dice = random.Random(SEED)

    def test_every_bit_as_it_came(self):
        data = min(bundles.values(), key=len)
        for bit in range(8 * len(data)):  # the second verifier is quick at this
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            self.assertIn(both.python(bytes(flipped)), ('evidence.damaged', 'evidence.format'), f'bit {bit}')
        some = [bytearray(data) for _ in range(300)]
        for copy in some:
            copy[self.dice.randrange(len(data))] ^= 1 << self.dice.randrange(8)
        self.assertLessEqual(set(both.compare([bytes(copy) for copy in some])), {'evidence.damaged', 'evidence.format'})

    def test_bits_under_a_right_checksum(self):
        """What then is good must be so by a bit that nobody signs and nobody reads: there is none."""
        names = ('permitted holder', 'permitted consumer', 'without person', 'signed holder')
        for name in names if BITS else [min(names, key=lambda n: len(bundles[n]))]:
            data = bundles[name][:-72]
            bits = range(8 * len(data)) if BITS == 0 else self.dice.sample(range(8 * len(data)), BITS)
            files = []
            for bit in bits:
                flipped = bytearray(data)
                flipped[bit // 8] ^= 1 << bit % 8
                files.append(bundle.seal(bytes(flipped)))
            for bit, verdict in zip(bits, both.compare(files)):
                self.assertNotEqual(verdict, 'good', f'{name}, bit {bit}')

    def mutate(self, sections):
        """One change to the structure, or to a line of a text."""
        dice, sections = self.dice, [list(s) for s in sections]
        i, j = dice.randrange(len(sections)), dice.randrange(len(sections))
        text = sections[i][1]
        lines = text.split(b'\n')
        k = dice.randrange(len(lines))
        deed = dice.choice(['drop', 'double', 'swap', 'move', 'rename', 'text', 'line gone', 'line twice', 'lines swapped', 'number', 'cut', 'grown', 'other'])
        if deed == 'drop':
            del sections[i]
        elif deed == 'double':
            sections.insert(i, sections[i])
        elif deed == 'swap':
            sections[i], sections[j] = sections[j], sections[i]
        elif deed == 'move':
            sections.insert(j, sections.pop(i))
        elif deed == 'rename':
            sections[i][0] = dice.choice([s[0] for s in sections] + ['hidden-' + sections[i][0], 'timestamp', 'consistency', 'unknown', ''])
        elif deed == 'text':
            sections[i][1] = sections[j][1]
        elif deed == 'line gone':
            del lines[k]
        elif deed == 'line twice':
            lines.insert(k, lines[k])
        elif deed == 'lines swapped':
            m = dice.randrange(len(lines))
            lines[k], lines[m] = lines[m], lines[k]
        elif deed == 'number':
            lines[k] = lines[k].replace(*dice.choice([(b'1', b'2'), (b'0', b''), (b'2', b'22'), (b'5', b'-5'), (b'1', b'01'), (b'7', b'70')]))
        elif deed == 'cut':
            sections[i][1] = text[:dice.randrange(len(text) + 1)]
        elif deed == 'grown':
            sections[i][1] = text + dice.choice([b'\n', b' ', b'\0', b'\xff', b'A', text])
        else:  # of another exchange
            sections[i][1] = dice.choice([s[1] for data in bundles.values() for s in bundle.read(data) if s[0] == sections[i][0]] or [b''])
        if deed.startswith('line') or deed == 'number':
            sections[i][1] = b'\n'.join(lines)
        return sections

    def test_structure(self):
        names, files = sorted(bundles), []
        for _ in range(MUTATIONS):
            sections = bundle.read(bundles[self.dice.choice(names)])
            for _ in range(self.dice.choice([1, 1, 2, 3])):
                sections = self.mutate(sections) if sections else sections
            files.append(bundle.write(sections))
        verdicts = both.compare(files)
        self.assertGreater(len(set(verdicts)), 4, verdicts)


class Forgeries(unittest.TestCase):
    """Both gateways conspire, or one of them is careless: every signature is right, and what is said is wrong."""

    CASES = {
        'nothing': ('good', lambda f: None),
        'statement': ('evidence.statement', lambda f: f.change('request', '"@query": ', '"@query":')),
        'tag': ('evidence.statement', lambda f: f.change('request', 'comity-request/1', 'comity-answer/1')),
        'no time': ('evidence.statement', lambda f: f.change('decision', 'time: [0-9]+', 'time: 0')),
        'not an event': ('evidence.statement', lambda f: f.change('consent 1', 'consent/1', 'consent/2')),
        'other exchange': ('evidence.exchange', lambda f: f.change('answer', 'nonce="........', 'nonce="00000000')),
        'other decision': ('evidence.exchange', lambda f: f.change('decision', 'exchange: ........', 'exchange: 00000000')),
        'other log': ('evidence.receipt', lambda f: f.change('request', 'keyid="[^"]*"', f'keyid="{HOSPITAL}/GW1"')),
        'unknown log': ('evidence.receipt', lambda f: f.change('request', 'keyid="[^"]*"', 'keyid="AURORA/COM/CLINIC/GW2"')),
        'expired': ('evidence.expired', lambda f: f.change('request', 'created=[0-9]+', 'created=4000000000')),
        'before the directory': ('evidence.expired', lambda f: f.change('answer', 'created=[0-9]+', 'created=1000000000')),
        'client': ('evidence.client', lambda f: f.change('request', f'"x-road-client": {CLIENT}', f'"x-road-client": {HOSPITAL}/RECORDS')),
        'service': ('evidence.service', lambda f: f.change('answer', f'"x-road-service": {HOSPITAL}', '"x-road-service": AURORA/COM/CLINIC')),
        'path': ('evidence.binding', lambda f: f.change('answer', '"@path";req: /', '"@path";req: /r')),
        'other client answered': ('evidence.binding', lambda f: f.change('answer', f'"x-road-client": {CLIENT}', f'"x-road-client": {CLIENT}S')),
        'untied request': ('evidence.decision', lambda f: (f.spoil('decision', 'request: sha-256=:'), setattr(f, 'is_tied', False))),
        'decided client': ('evidence.decision', lambda f: f.change('decision', f'client: {CLIENT}', f'client: {CLIENT}S')),
        'decided service': ('evidence.decision', lambda f: f.change('decision', 'service: .*', f'service: {HOSPITAL}/RECORDS/other')),
        'released more': ('evidence.release', lambda f: f.change('answer', '"comity-released": ', '"comity-released": https://w3id.org/dpv/pd#Name, ')),
        'released twice': ('evidence.statement', lambda f: f.change('decision', 'released: (.*)\n', r'released: \1\nreleased: \1\n')),
        'no list': ('evidence.statement', lambda f: f.change('answer', '"comity-released": ', '"comity-released": a,b, ')),
        'refused and answered': ('evidence.release', lambda f: f.change('decision', 'verdict: permit', 'verdict: refuse')),
        'decided later': ('evidence.order', lambda f: swap(f, 'decision', 'answer')),
        'other policy': ('evidence.policy', lambda f: f.spoil('decision', 'policy: sha-256=:')),
        'other directory': ('evidence.directory', lambda f: f.spoil('decision', '\ndirectory: sha-256=:')),
        'named directory': ('evidence.directory', lambda f: f.spoil('answer', '"comity-directory": .* sha-256=:')),
        'no directory named': ('evidence.statement', lambda f: f.change('request', '"comity-directory": (.*) sha-256', r'"comity-directory": \1 sha-512')),
        'in force later': ('evidence.order', lambda f: swap(f, 'in-force 1', 'answer')),
        'in force another': ('evidence.directory', lambda f: f.spoil('in-force 1', 'digest: sha-256=:')),
        'in force serial': ('evidence.directory', lambda f: f.change('in-force 1', 'serial: ', 'serial: 1')),
        'no checkpoint named': ('evidence.statement', lambda f: f.change('request', 'comity-peer-checkpoint": none', 'comity-peer-checkpoint": 0 x')),
        'fork': ('evidence.fork', lambda f: f.change('answer', 'comity-peer-checkpoint": none',
                                                     f'comity-peer-checkpoint": {f.sizes["AURORA/COM/CLINIC/GW1"]} {"A" * 43}=')),
        'consent of another': ('evidence.consent', lambda f: f.change('consent 1', f'person: {PERSON}', f'person: {OTHER_PERSON}')),
        'consent for another': ('evidence.consent', lambda f: f.change('consent 1', 'recipient: AURORA/COM/CLINIC', 'recipient: AURORA/COM/BANK')),
        'consent elsewhere': ('evidence.consent', lambda f: f.change('consent 1', 'purpose: .*', 'purpose: https://example.org/other')),
        'other categories': ('evidence.consent', lambda f: f.change('consent 1', 'category: given .*', 'category: given https://w3id.org/dpv/pd#Name')),
        'refused': ('evidence.consent', lambda f: f.change('consent 1', 'category: given', 'category: refused')),
        'ended': ('evidence.consent', lambda f: f.change('consent 1', 'valid_until: [0-9]+', 'valid_until: 1000')),
        'not begun': ('evidence.consent', lambda f: f.change('consent 1', 'valid_from: [0-9]+', 'valid_from: 99999999999999')),
        'other record': ('evidence.consent', lambda f: f.change('consent 1', 'id: c-.', 'id: c-x')),
        'no dates': ('evidence.statement', lambda f: f.change('consent 1', 'valid_from: ', 'valid_from: x')),
        'only asked for': ('evidence.consent', lambda f: f.change('consent 1', 'event: give', 'event: request')),
        'dead': ('evidence.consent', lambda f: (insert_before(f), f.change('consent 2', 'event: withdraw\n(.*)category: withdrawn',
                                                                           r'event: revoke\n\1category: revoked', re.DOTALL))),
        'paused': ('evidence.consent', lambda f: (insert_before(f), f.change('consent 2', 'event: withdraw\n(.*)category: withdrawn',
                                                                             r'event: pause\n\1category: paused', re.DOTALL))),
        'asked again': ('good', lambda f: (insert_before(f), f.change('consent 2', 'event: withdraw\n(.*)id: c-.(.*)category: withdrawn',
                                                                      r'event: request\n\1id: c-x\2category: requested', re.DOTALL))),
        'another given since': ('evidence.consent', lambda f: (insert_before(f), f.change(
            'consent 2', 'event: withdraw\n(.*)id: c-.(.*)category: withdrawn', r'event: give\n\1id: c-x\2category: given', re.DOTALL))),
        'given after': ('evidence.consent', lambda f: given_after(f)),
        'withdrawn before': ('evidence.consent', lambda f: insert_before(f)),
        'no consent': ('evidence.consent', lambda f: f.statements.pop('consent 1')),
        'no decision': ('evidence.policy', lambda f: f.statements.pop('decision')),
        'of none': ('evidence.exporter', lambda f: exporter(f, 'AURORA/COM/CLINIC/GW1')),
    }

    def test_only_one_side_and_the_other_named_as_exporter(self):
        """The witnesses are asked for the exporter's log: who names the other side would get past them."""
        def only(name, exporter):
            sections, keeps = [], True
            for section in bundle.read(bundles['permitted holder']):
                if section[0] in ('request', 'decision', 'answer', 'consent', 'in-force', 'policy'):
                    keeps = section[0] == name
                section[1] = exporter.encode() if section[0] == 'exporter' else section[1]
                sections += [section] if keeps and section[0] != 'consistency' else []
            return bundle.write(sections)
        clinic = 'AURORA/COM/CLINIC/GW1'
        files = [only('answer', f'{HOSPITAL}/GW1'), only('request', clinic), only('answer', clinic), only('request', f'{HOSPITAL}/GW1')]
        self.assertEqual(both.compare(files), ['good', 'good', 'evidence.receipt', 'evidence.exporter'])

    def test_each(self):
        files, wanted = [], []
        for name, (code, deed) in self.CASES.items():
            forge = bundle.Forge(bundles['permitted holder'], (federation.consumer, federation.holder))
            deed(forge)
            files.append(forge.write())
            wanted.append((name, code))
        found = [(name, verdict) for (name, _), verdict in zip(wanted, both.compare(files))]
        self.assertEqual(found, wanted)

    SIGNED = {
        'nothing': ('good', lambda f: None),
        'by the other side': ('evidence.individual', lambda f: f.statements['answer'].update(signer='AURORA/COM/CLINIC/GW1')),
        'the statement with its own alg': ('evidence.individual', lambda f: sign(f, 'request', f.statements['request']['text'].encode())),
        'another message': ('evidence.individual', lambda f: sign(f, 'request', individual_base(f.statements['answer']['text'].encode()))),
        'a checkpoint': ('evidence.individual', lambda f: sign(f, 'answer', f'{HOSPITAL}/GW1\n1\n{"A" * 43}=\n'.encode())),
        'another time': ('evidence.individual', lambda f: sign(f, 'answer', bent_base(f, 'answer', b';created=', b';created=1'))),
        'less covered': ('evidence.individual', lambda f: sign(f, 'request', bent_base(f, 'request', b' "content-digest"', b''))),
        'of a decision': ('evidence.format', lambda f: f.statements['decision'].update(signer=f'{HOSPITAL}/GW1', signed=b'x')),
        'only the request': ('good', lambda f: f.statements['answer'].pop('signer')),
    }

    def test_signed_by_themselves(self):
        files, wanted = [], []
        for name, (code, deed) in self.SIGNED.items():
            forge = bundle.Forge(bundles['signed holder'], (federation.consumer, federation.holder))
            deed(forge)
            files.append(forge.write())
            wanted.append((name, code))
        for name, change in (('short', lambda text: text[:-1]), ('long', lambda text: text + b'x'), ('none', lambda text: b'')):
            files.append(bundle.write([[n, change(text) if n == 'signature' else text] for n, text in bundle.read(bundles['signed holder'])]))
            wanted.append((name, 'evidence.format'))
        sections = bundle.read(bundles['signed holder'])
        at = next(i for i, (n, _) in enumerate(sections) if n == 'signature')
        files.append(bundle.write([*sections[:at], sections[at], *sections[at:]]))
        wanted.append(('twice', 'evidence.format'))
        files.append(bundle.write([*sections[:at - 1], sections[at], sections[at - 1], *sections[at + 1:]]))
        wanted.append(('before what it follows', 'evidence.format'))
        hidden = bundle.read(bundles['signed without answer'])
        self.assertEqual([n for n, _ in hidden].count('signature'), 1, 'a hidden statement shows no signature: it would confirm guesses')
        found = [(name, verdict) for (name, _), verdict in zip(wanted, both.compare(files))]
        self.assertEqual(found, wanted)

    def test_who_signed_is_told(self):
        for side in ('holder', 'consumer'):
            path = folder / 'signed'
            path.write_bytes(bundles[f'signed {side}'])
            told = federation.holder.run('evidence', 'verify', path, '--trust', folder / 'trust.txt').stdout
            self.assertRegex(told, f'request +signed by itself by AURORA/COM/CLINIC/GW1')
            self.assertRegex(told, f'answer +signed by itself by {HOSPITAL}/GW1')

    def test_two_checkpoints_of_the_exporter(self):
        """An entry of an older, or of another, tree: its place among the others means nothing."""
        both_files = []
        for name in ('permitted holder', 'refused holder'):
            path = folder / 'older'
            old = bundle.read(bundles[name])
            federation.ask(service='echo', rest='', method='POST', body=b'{}')
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                path.unlink(missing_ok=True)
                exchange = next(text for n, text in old if n == 'exchange').decode()
                federation.holder.run('evidence', 'export', '--exchange', exchange, '--policy', '--output', path)
                new = bundle.read(path.read_bytes())
                if [text for n, text in new if n == 'receipt'] != [text for n, text in old if n == 'receipt']:
                    break
                time.sleep(0.2)
            mixed = [list(s) for s in new]
            last = max(i for i, s in enumerate(mixed) if s[0] == 'receipt')
            mixed[last] = [s for s in old if s[0] == 'receipt'][-1]
            both_files.append(bundle.write(mixed))
        self.assertEqual(both.compare(both_files), ['evidence.fork', 'evidence.fork'])

    def test_withdrawn_later_is_told(self):
        path = folder / 'later'
        path.write_bytes(bundles['permitted holder'])
        told = federation.holder.run('evidence', 'verify', path, '--trust', folder / 'trust.txt').stdout
        self.assertIn('withdrew it later', told)


def sign(forge, name, text):
    forge.statements[name]['signed'] = text


def bent_base(forge, name, what, to):
    # What is signed is put together when the file is: references to digests are set right before.
    forge.is_tied = False
    return individual_base(forge.statements[name]['text'].encode()).replace(what, to, 1)


def swap(forge, a, b):
    """Their places in the exporter's log."""
    first, second = (next(r for r in forge.statements[name]['receipts'] if r['origin'] == f'{HOSPITAL}/GW1') for name in (a, b))
    first['index'], second['index'] = second['index'], first['index']


def given_after(forge):
    """The consent comes behind the answer."""
    del forge.statements['consent 2']
    place = next(r for r in forge.statements['consent 1']['receipts'])
    place['index'] = forge.sizes[place['origin']]
    forge.sizes[place['origin']] += 1


def insert_before(forge):
    """The withdrawal, which came after the answer, moves before it: into the place of the decision, which moves back, and the answer behind."""
    places = {name: next(r for r in forge.statements[name]['receipts'] if r['origin'] == f'{HOSPITAL}/GW1')
              for name in ('consent 2', 'decision', 'answer')}
    order = sorted(r['index'] for r in places.values())
    for name, index in zip(('consent 2', 'decision', 'answer'), order):
        places[name]['index'] = index


def exporter(forge, origin):
    """A consumer that shows the holder's decision as its own."""
    forge.head[1][1] = origin.encode()
    for s in forge.statements.values():
        for r in s['receipts']:
            if s['role'] not in ('request', 'answer'):
                r.update(origin=origin, index=r['index'] + forge.sizes[origin])
    [answer] = forge.statements['answer']['receipts']
    forge.statements['answer']['receipts'].append(dict(answer, origin=origin, index=forge.sizes[origin] + 19))
    forge.sizes[origin] += 20


if __name__ == '__main__':
    unittest.main()
