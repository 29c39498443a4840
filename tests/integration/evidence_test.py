"""Bundles of evidence as people use them: exported on either side, verified offline, with witnesses and time-stamps, with things left out."""
import base64
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import bundle
from comity import (ADDRESS, CLIENT, CLINIC, HOLDER, HOSPITAL, IMMUNISATIONS, OTHER_PERSON, PERSON, Federation, holder_policy, run_command, run_json)


def setUpModule():
    global federation, folder, trust, exchange
    folder = Path(tempfile.mkdtemp(prefix='comity-evidence-'))
    federation = Federation().make()
    policy = holder_policy(federation.service_url)
    policy['services'].append(dict(policy['services'][0], id=f'{HOLDER}/byheader', person={'in': 'header', 'name': 'X-Person'}))
    federation.holder.apply(policy)
    federation.__enter__()
    try:
        federation.give_consent(PERSON, [IMMUNISATIONS, ADDRESS])
        exchange = {name: answer.header('X-Road-Request-Id') for name, answer in {
            'first': federation.ask(PERSON), 'refused': federation.ask(OTHER_PERSON), 'echo': federation.ask(service='echo', rest='/x'),
            'header': federation.ask(service='byheader', X_Person=PERSON)}.items()}
        time.sleep(1.5)  # until all is published
        trust = folder / 'trust.txt'
        federation.holder.run('evidence', 'trust', '--output', trust)
    except BaseException:
        tearDownModule()
        raise


def tearDownModule():
    federation.__exit__(*sys.exc_info())
    shutil.rmtree(folder, ignore_errors=True)


class Case(unittest.TestCase):
    count = 0

    def export(self, gateway, name, *options, expect=0):
        Case.count += 1
        path = folder / f'{Case.count}.comity-evidence'
        gateway.run('evidence', 'export', '--exchange', exchange.get(name, name), '--output', path, *options, expect=expect)
        return path

    def verify(self, path, expect=0, trust_file=None):
        """On a machine that has no gateway: nothing but the two files is named."""
        return run_command('evidence', 'verify', path, '--trust', trust_file or trust, expect=expect).stdout

    def code(self, path, trust_file=None):
        told = run_json('evidence', 'verify', path, '--trust', trust_file or trust, expect=1)
        self.assertFalse(told['ok'])
        return told['code']

    def trust_with(self, lines, without='quorum'):
        Case.count += 1
        path = folder / f'trust-{Case.count}.txt'
        path.write_text(''.join(line for line in trust.read_text().splitlines(True) if not line.startswith(without)) + lines)
        return path


class Stories(Case):
    def test_the_holder_tells_it_all(self):
        story = self.verify(self.export(federation.holder, 'first', '--policy'))
        for words in (f'Good: exchange {exchange["first"]}', CLIENT, f'{HOLDER}/patients', f'the person {PERSON}', "the person's consent", 'ServiceProvision',
                      'Immunisations', 'not withdrawn before', 'by its own clock',
                      f'in the log {HOSPITAL}/GW1', f'in the log {CLINIC}/GW1', 'whom you trust', 'No witness is asked for', 'compare it with the body'):
            self.assertIn(words, story)

    def test_the_consumer_tells_what_it_may(self):
        story = self.verify(self.export(federation.consumer, 'first'))
        self.assertIn(f'/{PERSON}/record', story)
        self.assertIn("the decision is in the holder's log", story)

    def test_a_refusal_is_proved_like_an_answer(self):
        for gateway in (federation.holder, federation.consumer):
            story = self.verify(self.export(gateway, 'refused'))
            self.assertIn('did not consent', story)
            self.assertNotIn('not withdrawn', story)

    def test_about_nobody(self):
        story = self.verify(self.export(federation.holder, 'echo'))
        self.assertIn('nobody: the decision names no person', story)
        self.assertIn('by the holder\'s policy', story)

    def test_json(self):
        told = run_json('evidence', 'verify', self.export(federation.holder, 'first'), '--trust', trust)
        self.assertEqual((told['ok'], told['client'], told['person'], told['verdict']), (True, CLIENT, PERSON, 'permit'))
        self.assertEqual({s['what'] for s in told['statements']}, {'request', 'decision', 'answer', 'consent', 'in-force'})
        many = run_json('evidence', 'verify', self.export(federation.holder, 'first'), trust, '--trust', trust, expect=1)
        self.assertEqual([(f['ok'], f.get('code')) for f in many['files']], [(True, None), (False, 'evidence.format')])

    def test_to_standard_output_and_when_stopped(self):
        before = federation.holder.run('evidence', 'export', '--exchange', exchange['first']).stdout
        federation.holder.stop()
        try:
            self.assertEqual(federation.holder.run('evidence', 'export', '--exchange', exchange['first']).stdout.split('receipt')[0],
                             before.split('receipt')[0])
        finally:
            federation.holder.start()

    def test_nobody_answered(self):
        """The consumer can still prove that it asked, and its story says that no answer is there."""
        federation.holder.stop()
        try:
            federation.ask(PERSON)
        finally:
            federation.holder.start()
        entries = federation.consumer.run_json('log', 'show', '--last', '10')['entries']
        asked = [e['exchange'] for e in entries if e['kind'] == 'request-sent'][-1]
        time.sleep(1.5)
        story = self.verify(self.export(federation.consumer, asked))
        self.assertIn('no answer is in the file', story)
        self.assertIn(f'/{PERSON}/record', story)
        self.export(federation.holder, asked, expect=1)

    def test_what_each_needs(self):
        self.export(federation.holder, '00000000-0000-4000-8000-000000000000', expect=1)
        self.assertIn('--exchange', federation.holder.run('evidence', 'export', expect=2).stderr)
        path = self.export(federation.holder, 'first')
        self.assertIn('--trust', run_command('evidence', 'verify', path, expect=2).stderr)
        run_command('evidence', 'verify', folder / 'nothing', '--trust', trust, expect=2)
        self.assertIn('is there already', federation.holder.run('evidence', 'export', '--exchange', exchange['first'], '--output', path, expect=2).stderr)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)


class Trust(Case):
    def test_recognition_carries_over_and_nothing_else_does(self):
        path = self.export(federation.holder, 'first')
        self.assertIn('operators whom BAOBAB recognises', self.verify(path, trust_file=self.trust_with('', without='community AURORA')))
        self.assertEqual(self.code(path, self.trust_with('', without='community')), 'evidence.trust')
        own = trust.read_text()
        operator = next(line for line in own.splitlines() if line.startswith('community AURORA')).split()[3]
        swapped = self.trust_with(f'community AURORA 1 {federation.baobab.operator}\n', without='community AURORA')
        self.assertEqual(self.code(path, swapped), 'evidence.trust')
        self.assertIn('Good', self.verify(path, trust_file=self.trust_with(f'community AURORA 1 {operator}\n', without='community AURORA')))

    def test_bad_trust_files_name_the_line(self):
        path = self.export(federation.holder, 'first')
        for lines, word in (('community X\n', ':'), ('community X 2 ' + federation.baobab.operator + '\n', 'fewer operators'),
                            ('community BAOBAB 1 ' + federation.baobab.operator + '\n', 'twice'), ('timestamps !\n', 'base64'),
                            ('hello\n', 'not known'), ('community X 0 a\n', 'threshold')):
            bad = self.trust_with(lines + 'quorum none\n')
            told = run_command('evidence', 'verify', path, '--trust', bad, expect=2).stderr
            self.assertIn(word, told)
            self.assertIn(str(bad), told)
        self.assertIn('quorum', run_command('evidence', 'verify', path, '--trust', self.trust_with(''), expect=2).stderr)


class Witnesses(Case):
    """Two witnesses are played: what they sign lies beside the checkpoint, where the cosigner would put it."""

    @classmethod
    def setUpClass(cls):
        cls.keys = {f'witness.example/w{n}': Ed25519PrivateKey.generate() for n in (1, 2)}
        cls.lines = ''.join(f'witness w{name[-1]} {cls.vkey(name)}\n' for name in cls.keys)

    @classmethod
    def public(cls, name):
        return b'\4' + cls.keys[name].public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    @classmethod
    def vkey(cls, name):
        key_id = hashlib.sha256(name.encode() + b'\n' + cls.public(name)).digest()[:4]
        return f'{name}+{key_id.hex()}+{base64.b64encode(cls.public(name)).decode()}'

    def cosign(self, times):
        note = (federation.holder.log_folder / 'checkpoint').read_text()
        text = note.rpartition('\n\n')[0] + '\n'
        for name, at in times.items():
            key_id = hashlib.sha256(name.encode() + b'\n' + self.public(name)).digest()[:4]
            signature = self.keys[name].sign(f'cosignature/v1\ntime {at}\n{text}'.encode())
            note += f'— {name} {base64.b64encode(key_id + at.to_bytes(8, "big") + signature).decode()}\n'
        path = federation.holder.log_folder / 'checkpoint.cosigned'
        path.write_text(note)
        self.addCleanup(path.unlink)

    def test_enough_and_too_few(self):
        now = int(time.time())
        self.cosign({'witness.example/w1': now + 10, 'witness.example/w2': now + 20})
        path = self.export(federation.holder, 'first')
        both_asked = self.trust_with(self.lines + 'group g all w1 w2\nquorum g\n')
        story = self.verify(path, trust_file=both_asked)
        self.assertIn('seen by 2 witnesses', story)
        self.assertIn(time.strftime('not after %Y-%m-%dT%H:%M:%SZ', time.gmtime(now + 21)), story)
        self.assertNotIn('No witness is asked', story)
        one = self.verify(path, trust_file=self.trust_with(self.lines + 'group g any w1 w2\nquorum g\n'))
        self.assertIn(time.strftime('not after %Y-%m-%dT%H:%M:%SZ', time.gmtime(now + 11)), one)
        second = bundle.load_second()
        found, refusal = second.verify(path.read_bytes(), second.Trust(both_asked.read_text()))
        self.assertIsNone(refusal)
        self.assertEqual(found.b['statements'][1]['seen'], now + 20)
        self.assertEqual(self.code(self.export(federation.consumer, 'first'), both_asked), 'evidence.quorum')

    def check_both(self, path, trust_file, code):
        self.assertEqual(self.code(path, trust_file), code)
        second = bundle.load_second()
        self.assertEqual(second.verify(path.read_bytes(), second.Trust(trust_file.read_text()))[1][0], code)

    def test_wrong_and_early_ones(self):
        asked = self.trust_with(self.lines + 'group g any w1 w2\nquorum g\n')
        self.cosign({'witness.example/w1': 1000})
        path = self.export(federation.holder, 'first')
        self.check_both(path, asked, 'evidence.time')
        sections = bundle.read(path.read_bytes())
        for s in sections:
            if s[0] == 'receipt' and b'witness.example' in s[1]:
                s[1] = s[1][:-8] + (b'B' if s[1][-8:-7] == b'A' else b'A') + s[1][-7:]  # another digit of base64
        path.write_bytes(bundle.write(sections))
        self.check_both(path, asked, 'evidence.cosignature')


class TimeStamps(Case):
    def openssl(self, *words):
        subprocess.run(['openssl', *map(str, words)], check=True, capture_output=True, cwd=folder)

    def authority(self, name, *, usage='critical,timeStamping'):
        self.openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', f'{name}.key', '-out', f'{name}.crt', '-subj', f'/CN={name}', '-days', '2',
                     '-addext', f'extendedKeyUsage={usage}')
        self.openssl('x509', '-in', f'{name}.crt', '-outform', 'der', '-out', f'{name}.der')
        return 'timestamps ' + base64.b64encode((folder / f'{name}.der').read_bytes()).decode() + '\nquorum none\n'

    def stamp(self, name, data):
        (folder / 'serial').write_text('01\n')
        (folder / 'ts.cnf').write_text('[tsa]\ndefault_tsa = t\n[t]\nserial = serial\ndefault_policy = 1.2.3.4\ndigests = sha256\nordering = yes\n'
                                       'signer_digest = sha256\ness_cert_id_alg = sha256\n')
        (folder / 'stamped').write_bytes(data)
        self.openssl('ts', '-query', '-data', 'stamped', '-sha256', '-cert', '-out', 'query')
        self.openssl('ts', '-reply', '-config', 'ts.cnf', '-section', 't', '-queryfile', 'query', '-signer', f'{name}.crt', '-inkey', f'{name}.key',
                     '-token_out', '-out', f'{name}.token')
        return folder / f'{name}.token'

    def test_a_token_bounds_the_time(self):
        lines = self.authority('tsa')
        checkpoint = folder / 'kept-checkpoint'
        shutil.copy(federation.holder.log_folder / 'checkpoint', checkpoint)
        token = self.stamp('tsa', checkpoint.read_bytes())
        path = self.export(federation.holder, 'first', '--checkpoint', checkpoint, '--timestamp', token)
        self.assertIn('when it was time-stamped', self.verify(path, trust_file=self.trust_with(lines)))
        self.assertNotIn('when it was time-stamped', self.verify(path))
        other = self.authority('other')
        self.assertEqual(self.code(path, self.trust_with(other)), 'evidence.timestamp')
        self.assertIn('when it was time-stamped', self.verify(path, trust_file=self.trust_with(other.split('\n')[0] + '\n' + lines)))

    def test_a_token_over_something_else(self):
        lines = self.authority('tsa2')
        for data in (b'another text', b''):
            path = self.export(federation.holder, 'first', '--timestamp', self.stamp('tsa2', data))
            self.assertEqual(self.code(path, self.trust_with(lines)), 'evidence.timestamp')
        token = folder / 'no-token'
        token.write_bytes(b'0\x03\x02\x01\x01')
        self.assertEqual(self.code(self.export(federation.holder, 'first', '--timestamp', token), self.trust_with(lines)), 'evidence.timestamp')

    def test_a_certificate_that_is_for_anything(self):
        """The same authority with a certificate that does not say that it is for time-stamping, and nothing else."""
        lines = self.authority('tsa3')
        serial = subprocess.run(['openssl', 'x509', '-in', folder / 'tsa3.crt', '-noout', '-serial'], check=True, capture_output=True, text=True).stdout
        self.openssl('req', '-x509', '-key', 'tsa3.key', '-out', 'anything.crt', '-subj', '/CN=tsa3', '-days', '2', '-set_serial', '0x' + serial.strip()[7:])
        self.openssl('x509', '-in', 'anything.crt', '-outform', 'der', '-out', 'anything.der')
        anything = 'timestamps ' + base64.b64encode((folder / 'anything.der').read_bytes()).decode() + '\nquorum none\n'
        checkpoint = shutil.copy(federation.holder.log_folder / 'checkpoint', folder / 'another-checkpoint')
        path = self.export(federation.holder, 'first', '--checkpoint', checkpoint, '--timestamp', self.stamp('tsa3', Path(checkpoint).read_bytes()))
        self.assertIn('when it was time-stamped', self.verify(path, trust_file=self.trust_with(lines)))
        self.assertEqual(self.code(path, self.trust_with(anything)), 'evidence.timestamp')


class Redaction(Case):
    def test_the_person_goes_and_the_rest_verifies(self):
        path = self.export(federation.holder, 'header', '--policy', '--redact', 'person')
        data = path.read_bytes()
        self.assertNotIn(PERSON.encode(), data)
        self.assertNotIn(b'PNR-', data)  # base64 has no hyphen
        story = self.verify(path)
        self.assertIn('Left out by whoever made this file: decision', story)
        self.assertIn('Left out by whoever made this file: consent', story)
        self.assertIn('Immunisations', story)
        whole = self.export(federation.holder, 'header')
        again = folder / 'again.comity-evidence'
        run_command('evidence', 'redact', whole, '--remove', 'person', '--output', again)
        names = [name for name, _ in bundle.read(again.read_bytes())]
        self.assertEqual(names, [name for name, _ in bundle.read(data)])
        self.assertIn('hidden-decision', names)
        self.assertNotIn('policy', names)
        for name, text in bundle.read(whole.read_bytes()):
            if name == 'receipt':
                salt = text.split(b'\n')[1][6:]
                is_hidden = salt not in data
                self.assertEqual(is_hidden, not any(salt in t for n, t in bundle.read(again.read_bytes()) if n == 'receipt'))

    def test_a_person_in_the_path_is_in_everything(self):
        told = federation.holder.run('evidence', 'export', '--exchange', exchange['first'], '--redact', 'person', expect=1)
        self.assertIn('leave out less', told.stderr)

    def test_each_by_itself(self):
        path = self.export(federation.holder, 'first', '--policy')
        for what, gone in (('policy', 'policy'), ('consent', 'consent'), ('decision', 'decision'), ('request', 'request'), ('answer', 'answer')):
            out = folder / f'without-{what}'
            run_command('evidence', 'redact', path, '--remove', what, '--output', out)
            self.assertNotIn(gone, [name for name, _ in bundle.read(out.read_bytes())])
            self.verify(out)
        self.assertIn("'all'", run_command('evidence', 'redact', path, '--remove', 'all', expect=2).stderr)
        path.write_bytes(path.read_bytes()[:-1])
        run_command('evidence', 'redact', path, '--remove', 'policy', expect=1)


class Archive(Case):
    def test_what_it_stood_on_is_kept_and_checked(self):
        archive = federation.holder.folder / 'archive'
        kept = {path.name: path.read_bytes() for path in archive.iterdir()}
        self.assertGreaterEqual(len(kept), 3)  # two directories, a policy
        for name, data in kept.items():
            text = data.rpartition(b'\n\n')[0] + b'\n'
            self.assertIn(name, (hashlib.sha256(data).hexdigest(), hashlib.sha256(text).hexdigest()))
        self.assertEqual(archive.stat().st_mode & 0o777, 0o700)
        events = [e['statement'] for e in federation.holder.run_json('log', 'show', '--last', '1000000')['entries'] if e['kind'] == 'event']
        directories = [e for e in events if e.startswith('comity-event: directory/1\n')]
        self.assertEqual({line for e in directories for line in e.splitlines() if line.startswith('community')}, {'community: AURORA', 'community: BAOBAB'})
        digests = [line for e in directories for line in e.splitlines() if line.startswith('digest')]
        self.assertEqual(len(digests), len(set(digests)), 'a start with the same directories logs none again')

    def test_a_damaged_one_is_refused_and_mended_at_the_next_load(self):
        archive = federation.holder.folder / 'archive'
        note = next(path for path in archive.iterdir() if b'"community": "BAOBAB"' in path.read_bytes())
        good = note.read_bytes()
        note.write_bytes(good.replace(b'"serial"', b'"SERIAL"'))
        told = federation.holder.run('evidence', 'export', '--exchange', exchange['first'], expect=2).stderr
        self.assertIn(note.name, told)
        federation.holder.reload()
        deadline = time.monotonic() + 30
        while note.read_bytes() != good and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(note.read_bytes(), good)

    def test_an_old_exchange_after_a_new_directory(self):
        """The directory that made the keys valid then is shown, not the newest."""
        before = self.export(federation.holder, 'first').read_bytes()
        archive = federation.holder.folder / 'archive'
        wanted = len(list(archive.iterdir())) + 2  # both communities' new directories
        federation.publish()
        federation.holder.reload()
        federation.consumer.reload()
        deadline = time.monotonic() + 30
        while len(list(archive.iterdir())) < wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(len(list(archive.iterdir())), wanted)
        answer = federation.ask(PERSON)
        exchange['after'] = answer.header('X-Road-Request-Id')
        time.sleep(1.5)
        old, new = self.export(federation.holder, 'first'), self.export(federation.holder, 'after')
        pick = lambda data: [text for name, text in bundle.read(data) if name == 'directory']
        self.assertEqual(pick(old.read_bytes()), pick(before))
        self.assertNotEqual(pick(new.read_bytes()), pick(before))
        self.verify(old)
        self.verify(new)


if __name__ == '__main__':
    unittest.main()
