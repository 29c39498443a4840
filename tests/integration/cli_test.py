"""The comity command, from making a gateway to looking into its log; on a stopped gateway's folder and through a running one."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
COMITY = os.environ.get('COMITY', str(TOP / 'build/release/comity'))
PERSON = 'PNR-1980-0001'
MEMBER = 'AURORA/GOV/HOSPITAL'
RECIPIENT = 'BAOBAB/GOV/CLINIC'
PURPOSE = 'https://w3id.org/dpv#MedicalHealth'
VACCINATION = 'https://w3id.org/dpv/pd#Vaccination'
HEALTH = 'https://w3id.org/dpv/pd#Health'
PATIENCE = 30.0
POLICY = '''categories:
  - { id: "pd:Vaccination", sensitive: true }
'''


class Told:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self):
        return json.loads(self.out)


def comity(*arguments, folder=None, stdin=None, code=0, env=None):
    """Runs the command, which must end with `code`. A person's identifier must never be in what it says on stderr."""
    command = [COMITY] + (['-C', str(folder)] if folder is not None else []) + [str(word) for word in arguments]
    done = subprocess.run(command, input=stdin if stdin is not None else '', capture_output=True, text=True, check=False, timeout=120,
                          env={**os.environ, **(env or {})})
    told = Told(done)
    if code is not None and told.code != code:
        raise AssertionError(f'{" ".join(command)}\nended with {told.code}, want {code}\n{told.out}{told.err}')
    if PERSON in told.err:
        raise AssertionError(f'the identifier stands in: {told.err}')
    return told


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Base(unittest.TestCase):
    def setUp(self):
        # Short, because a unix socket's path may have 107 bytes.
        self.top = Path(tempfile.mkdtemp(prefix='cli-', dir='/tmp'))
        self.addCleanup(shutil.rmtree, self.top)

    def make(self, signed=True):
        """A community with one gateway; `self.folder` is the gateway's."""
        self.folder = self.top / 'hospital'
        self.draft, self.key = self.top / 'aurora.json', self.top / 'operator.pem'
        self.operator = comity('--json', 'directory', 'create', '--community', 'AURORA', '--key', self.key, self.draft).json()['operator']
        self.ports = [free_port() for _ in range(3)]
        peers, applications, management = (f'127.0.0.1:{port}' for port in self.ports)
        self.made = comity('--json', 'init', '--operator', self.operator, '--peers', peers, '--applications', applications,
                           '--management', management, self.folder, MEMBER).json()
        comity('directory', 'add-member', '--name', 'City Hospital', self.draft, MEMBER)
        comity('directory', 'add-subsystem', self.draft, MEMBER + '/RECORDS')
        comity('directory', 'add-gateway', self.draft, MEMBER, 'GW1', '--address', peers, '--statement-key', self.made['statement_key'],
               '--tls-pin', self.made['tls_pin'])
        if signed:
            self.sign()
        self.person = self.top / 'person'
        self.person.write_text(PERSON + '\n')
        self.policy = self.top / 'services.yaml'
        self.policy.write_text(POLICY)

    def sign(self, valid='30d'):
        return comity('--json', 'directory', 'sign', '--key', self.key, '--valid', valid, '--output', self.folder / 'directory.note',
                      self.draft).json()

    def gateway(self, *arguments, **options):
        return comity(*arguments, folder=self.folder, **options)

    @staticmethod
    def on_terminal(*arguments):
        """What a command that succeeds says on stderr where that is a terminal; little enough to wait in it."""
        ours, theirs = os.openpty()
        try:
            subprocess.run([COMITY, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs, check=True,
                           timeout=120)
            return os.read(ours, 65536).decode()
        finally:
            os.close(theirs)
            os.close(ours)

    def give(self, *categories, how='give', **options):
        words = [word for category in categories or ('pd:Vaccination',) for word in ('--category', category)]
        return self.gateway('--json', 'consent', how, '--person', f'@{self.person}', '--recipient', RECIPIENT, '--purpose',
                            'dpv:MedicalHealth', *words, **options)


class Use(Base):
    """Words, options and help."""

    def test_nothing_is_wrong_use(self):
        told = comity(code=2)
        self.assertEqual(told.out, '')
        self.assertIn('Usage: comity [-C FOLDER] [--json] COMMAND', told.err)

    def test_version(self):
        self.assertRegex(comity('--version').out, r'^comity \d+\.\d+\.\d+\n$')
        self.assertEqual(comity('version').out, comity('--version').out)
        self.assertEqual(comity('--json', 'version').json()['name'], 'comity')

    def test_nearest_word_is_proposed(self):
        for words, message in [(['inti'], "comity: unknown command 'inti'; did you mean 'init'?"),
                               (['consnet'], "comity: unknown command 'consnet'; did you mean 'consent'?"),
                               (['log', 'prvoe'], "comity log: unknown command 'prvoe'; did you mean 'prove'?"),
                               (['log', 'zzz'], "comity log: unknown command 'zzz'; see 'comity log --help'"),
                               (['init', '--opertor', 'x'], "comity init: unknown option '--opertor'; did you mean '--operator'?"),
                               (['init', '--zzzzzz'], "comity init: unknown option '--zzzzzz'; see 'comity init --help'"),
                               (['init', '-z'], "comity init: unknown option '-z'; see 'comity init --help'"),
                               (['init', '--gateway'], "comity init: option '--gateway' needs a value; see 'comity init --help'"),
                               (['init', 'only-one'], 'comity init: something is missing; usage: comity init '),
                               (['version', 'x'], 'comity version: too many words'),
                               (['help', 'nothing'], "comity help: 'comity' has no command 'nothing'")]:
            with self.subTest(words=words):
                told = comity(*words, code=2)
                self.assertEqual(told.out, '')
                self.assertTrue(told.err.startswith(message), told.err)

    def test_each_command_has_help(self):
        def walk(command, path):
            for part in command['commands']:
                yield path + [part['name']]
                yield from walk(part, path + [part['name']])
        table = comity('--json', 'help').json()
        seen = list(walk(table, []))
        self.assertGreater(len(seen), 20)
        for path in seen:
            with self.subTest(command=path):
                told = comity(*path, '--help')
                self.assertEqual(told.err, '')
                if path != ['demo']:
                    self.assertTrue(told.out.startswith(f'Usage: comity {" ".join(path)}'), told.out)
                    self.assertEqual(comity('help', *path).out, told.out)

    def test_errors_as_json(self):
        told = comity('--json', 'doctor', folder=self.top / 'nowhere', code=2)
        error = told.json()['error']
        self.assertEqual(error['kind'], 'absent')
        self.assertIn('comity init', error['todo'])
        self.assertIn(error['what'], told.err)

    def test_output_that_is_lost_is_no_success(self):
        with open('/dev/full', 'w', encoding='utf-8') as full:
            done = subprocess.run([COMITY, 'help'], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("the output can't be written", done.stderr)


class Init(Base):
    def mode(self, name):
        return stat.S_IMODE((self.top / 'gw' / name).stat().st_mode)

    def test_makes_everything_closed(self):
        made = comity('--json', 'init', '--gateway', 'GW7', self.top / 'gw', MEMBER).json()
        self.assertEqual(made['origin'], f'{MEMBER}/GW7')
        self.assertTrue(made['statement_key'].startswith(f'{MEMBER}/GW7+'))
        self.assertRegex(made['tls_pin'], r'^[A-Za-z0-9+/]{43}=$')
        for name, wanted in [('keys', 0o700), ('keys/statement.pem', 0o600), ('keys/tls.pem', 0o600), ('comity.db', 0o600), ('records', 0o700)]:
            self.assertEqual(self.mode(name), wanted, name)
        self.assertEqual(self.mode('.') & 0o007, 0)
        self.assertEqual(self.mode('gateway.yaml') & 0o022, 0)
        self.assertEqual((self.top / 'gw/log/checkpoint').read_text().splitlines()[:2], [f'{MEMBER}/GW7', '0'])
        # OpenSSL reads the certificate, and its key has the pin.
        spki = subprocess.run(f'openssl x509 -in {self.top}/gw/keys/tls.crt -pubkey -noout | openssl pkey -pubin -outform der | '
                              'openssl dgst -sha256 -binary | base64', shell=True, capture_output=True, text=True, check=True).stdout.strip()
        self.assertEqual(spki, made['tls_pin'])

    def test_with_pages(self):
        comity('init', '--api', '127.0.0.1:8081', self.top / 'gw', MEMBER)
        self.assertIn("  api:\n    address: '127.0.0.1:8081'", (self.top / 'gw/gateway.yaml').read_text())
        self.assertIn('clients: []', (self.top / 'gw/api.yaml').read_text())
        comity('init', self.top / 'plain', MEMBER)
        self.assertFalse((self.top / 'plain/api.yaml').exists())
        for wrong in (['--asking', '0', '--keep'], ['--asking', '3601', '--keep'], ['--asking', 'x', '--keep'], ['--asking', '5']):
            self.assertIn('--asking', comity('demo', *wrong, code=2).err)

    def test_says_what_to_do_next(self):
        told = comity('init', self.top / 'gw', MEMBER)
        self.assertIn('comity directory add-gateway', told.out)
        self.assertIn("operator's key into directory.operators", told.out)

    def test_overwrites_nothing(self):
        comity('init', self.top / 'gw', MEMBER)
        before = {path: path.read_bytes() for path in (self.top / 'gw').rglob('*') if path.is_file()}
        told = comity('init', self.top / 'gw', MEMBER, code=2)
        self.assertIn('nothing is overwritten', told.err)
        self.assertEqual(before, {path: path.read_bytes() for path in (self.top / 'gw').rglob('*') if path.is_file()})
        (self.top / 'other').mkdir()
        (self.top / 'other/gateway.yaml').write_text('mine')
        comity('init', self.top / 'other', MEMBER, code=2)
        self.assertEqual(sorted(path.name for path in (self.top / 'other').iterdir()), ['gateway.yaml'])

    def test_bad_words(self):
        for words in [['gw', 'AURORA/GOV'], ['gw', 'AURORA/GOV/HOSPITAL/X'], ['gw', 'A//C'], ['gw', 'A/B/%zz'], ['gw', 'A/B/%0A'],
                      ['--gateway', '', 'gw', MEMBER], ['--gateway', 'A/B', 'gw', MEMBER], ['--peers', 'localhost:1', 'gw', MEMBER],
                      ['--applications', '127.0.0.1', 'gw', MEMBER], ['--operator', 'nobody', 'gw', MEMBER],
                      ['--api', 'localhost', 'gw', MEMBER]]:
            with self.subTest(words=words):
                comity('init', *[str(self.top / word) if word == 'gw' else word for word in words], code=2)
                self.assertFalse((self.top / 'gw').exists())

    def test_names_that_a_key_can_not_have_are_encoded(self):
        made = comity('--json', 'init', self.top / 'gw', 'AURORA/GOV/A+B%20C').json()
        self.assertEqual(made['origin'], 'AURORA/GOV/A%2BB%20C/GW1')
        self.assertEqual(made['member'], 'AURORA/GOV/A+B%20C')
        comity('log', 'verify', folder=self.top / 'gw')


class Directory(Base):
    def test_draft_to_note(self):
        self.make(signed=False)
        self.assertEqual(self.sign()['serial'], 1)
        self.assertEqual(self.sign()['serial'], 2)
        note = self.folder / 'directory.note'
        told = comity('--json', 'directory', 'verify', '--operator', self.operator, note).json()
        self.assertEqual((told['community'], told['serial']), ('AURORA', 2))
        shown = comity('--json', 'directory', 'show', note).json()
        self.assertEqual(shown['members'][0]['gateways'][0]['statement_key'], self.made['statement_key'])
        for text in (comity('directory', 'show', note).out, comity('directory', 'show', self.draft).out):
            self.assertIn('AURORA/GOV/HOSPITAL  (City Hospital)', text)
            self.assertIn(self.made['tls_pin'], text)

    def test_note_beside_the_draft(self):
        self.make(signed=False)
        comity('directory', 'sign', '--key', self.key, self.draft)
        self.assertTrue((self.top / 'aurora.note').exists())

    def test_wrong_key_and_changed_note_are_refused(self):
        self.make()
        other = comity('--json', 'directory', 'create', '--community', 'BAOBAB', '--key', self.top / 'b.pem', self.top / 'b.json').json()
        comity('directory', 'sign', '--key', self.top / 'b.pem', self.draft, code=2)
        note = self.folder / 'directory.note'
        comity('directory', 'verify', '--operator', other['operator'], note, code=1)
        note.write_text(note.read_text().replace('City Hospital', 'City Hospice!'))
        comity('directory', 'verify', '--operator', self.operator, note, code=1)
        comity('directory', 'verify', '--operator', self.operator, self.top / 'nowhere', code=2)

    def test_dates(self):
        self.make()
        self.assertIn('later', comity('directory', 'sign', '--key', self.key, '--valid', '2020-01-01', self.draft, code=2).err)
        self.assertIn('neither a duration nor a time',
                      comity('directory', 'sign', '--key', self.key, '--valid', 'soon', self.draft, code=2).err)
        self.assertEqual(self.sign('2100-01-01')['valid_until'], '2100-01-01T00:00:00.000Z')
        self.sign('1s')
        time.sleep(1.1)
        note = self.folder / 'directory.note'
        self.assertIn('directory', comity('directory', 'verify', '--operator', self.operator, note, code=1).err)
        comity('directory', 'show', note)

    def test_changes_are_checked_before_they_are_kept(self):
        self.make()
        before = self.draft.read_bytes()
        for words, message in [(['add-member', self.draft, MEMBER], 'there already'),
                               (['add-member', self.draft, 'BAOBAB/GOV/X'], "not this directory's community"),
                               (['add-subsystem', self.draft, 'AURORA/GOV/NOBODY/X'], 'no member'),
                               (['add-subsystem', self.draft, MEMBER + '/X', '--gateway', 'GW9'], 'no such gateway'),
                               (['add-gateway', self.draft, MEMBER, 'GW2'], 'are needed'),
                               (['add-gateway', self.draft, MEMBER, 'GW2', '--address', 'nowhere', '--statement-key',
                                 self.made['statement_key'], '--tls-pin', self.made['tls_pin']], 'address'),
                               (['add-gateway', self.draft, MEMBER, 'GW2', '--address', 'h:1', '--statement-key', 'x', '--tls-pin',
                                 self.made['tls_pin']], 'statement_key'),
                               (['add-gateway', self.draft, MEMBER, 'GW1', '--address', 'h:1', '--statement-key',
                                 self.made['statement_key'], '--tls-pin', self.made['tls_pin']], '--replace'),
                               (['recognise', self.draft, 'AURORA', '--operator', self.operator, '--until', '1d'], 'itself'),
                               (['remove-gateway', self.draft, MEMBER, 'GW9'], 'no such gateway'),
                               (['create', '--community', 'X', '--key', self.key, self.draft], 'nothing is overwritten')]:
            with self.subTest(words=words):
                self.assertIn(message, comity('directory', *words, code=2).err)
                self.assertEqual(self.draft.read_bytes(), before)

    def test_replace_remove_recognise(self):
        self.make()
        comity('directory', 'add-gateway', '--replace', self.draft, MEMBER, 'GW1', '--address', 'a.example:1', '--address', '[::1]:2',
               '--statement-key', self.made['statement_key'], '--tls-pin', self.made['tls_pin'])
        comity('directory', 'recognise', self.draft, 'BAOBAB', '--operator', 'BAOBAB/operator' + self.operator[len('AURORA/operator'):],
               '--until', '30d', code=2)  # a key whose hash is of another name
        other = comity('--json', 'directory', 'create', '--community', 'BAOBAB', '--key', self.top / 'b.pem', self.top / 'b.json').json()
        for until in ('30d', '2100-01-01T00:00:00Z'):  # the second renews
            comity('directory', 'recognise', self.draft, 'BAOBAB', '--operator', other['operator'], '--until', until)
        self.sign()
        shown = comity('--json', 'directory', 'show', self.folder / 'directory.note').json()
        self.assertEqual(shown['members'][0]['gateways'][0]['addresses'], ['a.example:1', '[::1]:2'])
        self.assertEqual([r['valid_until'] for r in shown['recognised']], ['2100-01-01T00:00:00.000Z'])
        comity('directory', 'remove-gateway', self.draft, MEMBER, 'GW1')
        self.sign()
        self.assertEqual(comity('--json', 'directory', 'show', self.folder / 'directory.note').json()['members'][0]['gateways'], [])


class Apply(Base):
    def test_versions(self):
        self.make()
        told = self.gateway('--json', 'apply', '--dry-run', self.policy).json()
        self.assertEqual((told['dry_run'], told['state']), (True, 'not applied'))
        self.assertTrue(told['changes'])
        told = self.gateway('--json', 'apply', self.policy).json()
        self.assertEqual((told['changed'], told['version'], told['state']), (True, 1, 'in force when the gateway starts'))
        told = self.gateway('--json', 'apply', self.policy).json()
        self.assertEqual((told['changed'], told['version'], told['changes']), (False, 1, []))
        self.policy.write_text(POLICY + '  - { id: "pd:Health", sensitive: true }\n')
        told = self.gateway('apply', self.policy)
        self.assertIn('+ category pd:Health', told.out)
        self.assertIn('version 2', told.out)

    def test_mistakes_have_their_line(self):
        self.make()
        self.policy.write_text('categories:\n  - { id: "pd:Vaccination", sensitivx: true }\n')
        told = self.gateway('apply', self.policy, code=2)
        self.assertTrue(told.err.startswith(f"comity apply: {self.policy}:2: unknown key 'sensitivx'; did you mean 'sensitive'?"), told.err)
        self.assertIn('no such file', self.gateway('apply', self.top / 'none', code=2).err.lower())


class Check(Base):
    """comity gateway --check: reads all, starts nothing."""

    def test_good(self):
        self.make()
        self.gateway('apply', self.policy)
        self.assertIn('gateway.yaml: good', self.gateway('gateway', '--check').out)

    def change(self, old, new):
        path = self.folder / 'gateway.yaml'
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new))

    def test_each_mistake_is_named(self):
        self.make()
        yaml = (self.folder / 'gateway.yaml').read_text()
        line = {text: number for number, text in enumerate(yaml.splitlines(), 1)}
        listen = next(number for text, number in line.items() if text.startswith('listen:'))
        self.change('listen:', 'lissten:')
        self.assertIn(f"{self.folder}/gateway.yaml:{listen}: unknown key 'lissten'; did you mean 'listen'?",
                      self.gateway('gateway', '--check', code=1).err)
        self.change('lissten:', 'listen:')
        self.change(self.operator, self.operator[:-4] + 'AAAA')
        self.assertIn('this is no vkey', self.gateway('gateway', '--check', code=1).err)

    def test_keys_and_directory(self):
        self.make()
        key = self.folder / 'keys/statement.pem'
        key.chmod(0o644)
        self.assertIn('statement.pem', self.gateway('gateway', '--check', code=1).err)
        key.chmod(0o600)
        (self.folder / 'directory.note').unlink()
        self.assertIn('directory.note', self.gateway('gateway', '--check', code=1).err)

    def test_bad_options(self):
        self.make()
        self.assertIn('--log-level is', self.gateway('gateway', '--log-level', 'loud', code=2).err)
        self.assertIn('--log-format is', self.gateway('gateway', '--log-format', 'xml', code=2).err)


class Consents:
    """The same on a stopped gateway's folder and through a running gateway."""

    def test_life_of_a_consent(self):
        made = self.give('pd:Vaccination', 'pd:Health').json()
        self.assertRegex(made['id'], r'^c-[0-9a-f]{32}$')
        rows = self.gateway('--json', 'consent', 'show', made['id']).json()['consents']
        self.assertEqual({row['category'] for row in rows}, {VACCINATION, HEALTH})
        self.assertEqual({row['state'] for row in rows}, {'given'})
        self.assertEqual(rows[0]['person'], PERSON)
        self.assertEqual(rows[0]['purpose'], PURPOSE)
        one = self.gateway('--json', 'consent', 'withdraw', made['id'], '--category', 'pd:Health').json()
        self.assertTrue(one['changed'])
        self.assertGreater(one['log_index'], made['log_index'])
        states = {row['category']: row['state'] for row in self.gateway('--json', 'consent', 'show', made['id']).json()['consents']}
        self.assertEqual(states, {VACCINATION: 'given', HEALTH: 'withdrawn'})
        self.assertTrue(self.gateway('--json', 'consent', 'withdraw', made['id']).json()['changed'])
        again = self.gateway('--json', 'consent', 'withdraw', made['id']).json()
        # The same answer as at the first time, and where that stands in the log.
        self.assertEqual(again, {'id': made['id'], 'changed': False, 'records': 0, 'log_index': one['log_index']})

    def test_all_of_a_person(self):
        for _ in range(2):
            self.give('pd:Vaccination')
        self.give('pd:Health', how='refuse')
        other = self.top / 'other'
        other.write_text('somebody-else')
        self.gateway('consent', 'give', '--person', f'@{other}', '--recipient', RECIPIENT, '--purpose', PURPOSE, '--category', 'pd:Health')
        listed = self.gateway('--json', 'consent', 'list', '--person', '-', stdin=PERSON + '\n').json()['consents']
        self.assertEqual(sorted(row['state'] for row in listed), ['given', 'given', 'refused'])
        told = self.gateway('--json', 'consent', 'withdraw', '--person', f'@{self.person}', '--all').json()
        self.assertEqual((told['changed'], told['records']), (True, 2))
        everyone = self.gateway('--json', 'consent', 'list').json()['consents']
        self.assertEqual([row['state'] for row in everyone if row['person'] != PERSON], ['given'])

    def test_the_answer_is_no(self):
        nobody = 'c-' + '0' * 32
        self.assertIn('no such consent', self.gateway('consent', 'show', nobody, code=1).err)
        self.assertIn('no such consent', self.gateway('consent', 'withdraw', nobody, code=1).err)

    def test_bad_words(self):
        base = ['--recipient', RECIPIENT, '--purpose', PURPOSE, '--category', 'pd:Health']
        told = self.gateway('consent', 'give', '--person', PERSON, *base, code=2)
        self.assertIn('can be read by everybody on this machine', told.err)
        person = ['--person', f'@{self.person}']
        for words, message in [(['consent', 'give', *person], 'are needed'),
                               (['consent', 'give', *person, *base, '--until', 'never'], 'neither a duration nor a time'),
                               (['consent', 'give', *person, *base, '--until', '2020-01-01'], 'over already'),
                               (['consent', 'give', *person, *base, '--category', 'pd:Health'], 'twice'),
                               (['consent', 'give', *person, *base, '--category', 'nothing:Health'], 'is no IRI'),
                               (['consent', 'give', *person, '--recipient', 'BAOBAB', '--purpose', PURPOSE, '--category', 'pd:Health'],
                                'COMMUNITY/CLASS/MEMBER'),
                               (['consent', 'withdraw'], 'name one consent'),
                               (['consent', 'withdraw', 'c-1', '--all'], 'name one consent'),
                               (['consent', 'withdraw', '../x'], 'is no id'),
                               (['consent', 'show', 'x/y'], 'is no id'),
                               (['consent', 'list', '--person', f'@{self.top}/none'], 'No such file')]:
            with self.subTest(words=words):
                self.assertIn(message, self.gateway(*words, code=2).err)
        for text, message in [('', 'empty'), ('\n', 'empty'), ('a\nb\n', 'one line'), ('x' * 600, 'larger')]:
            with self.subTest(person=text):
                self.assertIn(message, self.gateway('consent', 'list', '--person', '-', stdin=text, code=2).err)

    def test_uses_of_a_person(self):
        given = self.give()
        uses = self.gateway('--json', 'log', 'show', '--person', f'@{self.person}').json()['uses']
        self.assertEqual([(use['kind'], use['verdict'], use['client']) for use in uses], [('consent', 'give', RECIPIENT)])
        self.assertEqual(uses[0]['exchange'], given.json()['id'])
        self.gateway('consent', 'withdraw', given.json()['id'])
        uses = self.gateway('--json', 'log', 'show', '--person', '-', '--last', '1', stdin=PERSON).json()['uses']
        self.assertEqual([use['verdict'] for use in uses], ['withdraw'])


class ConsentsStopped(Consents, Base):
    def setUp(self):
        super().setUp()
        self.make()


class Log(Base):
    def setUp(self):
        super().setUp()
        self.make()
        self.ids = [self.give().json()['id'] for _ in range(5)]

    def prove(self, index):
        receipt, statement = self.top / f'{index}.proof', self.top / f'{index}.statement'
        receipt.write_text(self.gateway('log', 'prove', index).out)
        statement.write_text(self.gateway('log', 'show', index, '--part', 'statement').out)
        return receipt, statement

    def test_show(self):
        told = self.gateway('--json', 'log', 'show', '--last', '3').json()
        self.assertEqual((told['size'], [entry['index'] for entry in told['entries']]), (5, [2, 3, 4]))
        self.assertNotIn(PERSON, self.gateway('log', 'show').out)
        one = self.gateway('log', 'show', 4).out
        self.assertIn(f'id: {self.ids[4]}', one)
        self.assertIn(PERSON, one)  # the statement itself, for its owner
        self.gateway('log', 'show', 5, code=1)
        self.gateway('log', 'show', '--exchange', 'none', code=1)
        self.gateway('log', 'show', 4, '--part', 'peer-receipt', code=1)
        for words in (['x'], ['-1'], ['1', '--last', '2'], ['--person', '-', '--exchange', 'x'], ['--part', 'statement'], ['1', '--part', 'x']):
            self.gateway('log', 'show', *words, code=2)

    def test_whole_log(self):
        self.assertEqual(self.gateway('--json', 'log', 'verify').json(),
                         {'origin': f'{MEMBER}/GW1', 'entries': 5, 'fault_count': 0, 'faults': [], 'ok': True})
        copy = self.top / 'copy'
        shutil.copytree(self.folder / 'log', copy)
        comity('log', 'verify', '--key', self.made['statement_key'], copy)
        self.assertIn(f'\rverifying [{"#" * 40}] 100%', self.on_terminal('log', 'verify', '--key', self.made['statement_key'], copy))
        self.assertIn('whose log', comity('log', 'verify', copy, code=2).err)
        comity('log', 'verify', '--key', self.operator, copy, code=1)
        self.assertIn('neither gateway.yaml nor checkpoint', comity('log', 'verify', '--key', self.made['statement_key'], self.top, code=2).err)
        self.assertFalse((self.top / 'checkpoint').exists())

    def test_each_changed_byte_is_named(self):
        segment = next((self.folder / 'records').rglob('*.seg'))
        data = bytearray(segment.read_bytes())
        at = data.index(self.ids[2].encode())
        data[at] ^= 1
        segment.write_bytes(data)
        told = self.gateway('--json', 'log', 'verify', code=1).json()
        self.assertFalse(told['ok'])
        self.assertRegex(json.dumps(told['faults']), r'\b2\b')
        data[at] ^= 1
        segment.write_bytes(data)
        self.gateway('log', 'verify')
        bundle = next((self.folder / 'log/tile/entries').rglob('5'))
        data = bytearray(bundle.read_bytes())
        data[3 * 34 + 10] ^= 0x80
        bundle.write_bytes(data)
        told = self.gateway('log', 'verify', code=1)
        self.assertRegex(told.out, r'fault: .*entry 3\b')
        self.assertIn('1 faults', told.out)

    def test_receipts(self):
        key = self.made['statement_key']
        receipt, statement = self.prove(1)
        told = comity('--json', 'log', 'verify', '--receipt', receipt, '--statement', statement, '--key', key).json()
        self.assertEqual((told['index'], told['size'], told['ok']), (1, 5, True))
        copy = self.top / 'copy'
        shutil.copytree(self.folder / 'log', copy)
        comity('log', 'verify', '--receipt', receipt, '--statement', statement, '--key', key, copy)
        other_receipt, other_statement = self.prove(2)
        comity('log', 'verify', '--receipt', receipt, '--statement', other_statement, '--key', key, code=1)
        comity('log', 'verify', '--receipt', other_receipt, '--statement', statement, '--key', key, code=1)
        comity('log', 'verify', '--receipt', receipt, '--statement', statement, '--key', self.operator, code=1)
        comity('log', 'verify', '--receipt', receipt, '--statement', statement, code=2)
        # A copy of the log from before the entry, and one that was changed.
        bundle = next((copy / 'tile/entries').rglob('5'))
        data = bytearray(bundle.read_bytes())
        data[1 * 34 + 5] ^= 1
        bundle.write_bytes(data)
        comity('log', 'verify', '--receipt', receipt, '--statement', statement, '--key', key, copy, code=1)
        statement.write_text(statement.read_text() + ' ')
        comity('log', 'verify', '--receipt', receipt, '--statement', statement, '--key', key, code=1)
        receipt.write_text('nothing')
        comity('log', 'verify', '--receipt', receipt, '--statement', statement, '--key', key, code=1)


class Doctor(Base):
    def check(self, name, result, *, code, text=''):
        told = self.gateway('--json', 'doctor', code=code).json()
        found = [row for row in told['checks'] if row['check'] == name and row['result'] == result and text in row['what']]
        self.assertTrue(found, told)
        self.assertEqual(told['ok'], code == 0)
        return found[0]

    def test_all_is_well(self):
        self.make()
        self.gateway('apply', self.policy)
        self.check('this gateway', 'ok', code=0)
        text = self.gateway('doctor').out
        self.assertNotIn('fail', text)
        self.assertRegex(text, r'(?m)^ok    directory      serial 1, valid until ')

    def test_what_is_wrong(self):
        self.make(signed=False)
        self.check('directory', 'fail', code=1, text='directory.note')
        self.sign()
        self.check('policy', 'warn', code=0)
        self.sign('2d')
        self.check('directory', 'warn', code=0, text='ends on')
        (self.folder / 'keys/tls.pem').chmod(0o640)
        self.check('key files', 'fail', code=1, text='tls.pem')
        (self.folder / 'keys/tls.pem').chmod(0o600)
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', self.ports[2]))
            taken.listen()
            self.check('ports', 'fail', code=1, text=str(self.ports[2]))

    def test_other_keys_than_the_directory_has(self):
        self.make()
        comity('init', self.top / 'other', MEMBER)
        for name in ('tls.pem', 'tls.crt'):
            shutil.copy2(self.top / 'other/keys' / name, self.folder / 'keys' / name)
        self.check('this gateway', 'fail', code=1, text='pin')
        shutil.copy2(self.top / 'other/keys/statement.pem', self.folder / 'keys/statement.pem')
        self.check('this gateway', 'fail', code=1, text='statement key')

    def test_what_is_missing_is_not_made(self):
        self.make()
        (self.folder / 'comity.db').unlink()
        shutil.rmtree(self.folder / 'log')
        self.check('store', 'fail', code=1, text='comity.db')
        self.check('log', 'fail', code=1, text='log')
        self.assertFalse((self.folder / 'comity.db').exists())
        self.assertFalse((self.folder / 'log').exists())

    def test_wrong_configuration(self):
        self.make()
        with (self.folder / 'gateway.yaml').open('a') as file:
            file.write('workers: many\n')
        self.check('configuration', 'fail', code=1, text="'workers' must be a whole number")


class Running(Base):
    """A gateway that runs while commands are given."""

    def start(self, *arguments, env=None):
        self.errors = open(self.top / 'stderr', 'w+', encoding='utf-8')
        self.addCleanup(self.errors.close)
        self.process = subprocess.Popen([COMITY, '-C', str(self.folder), 'gateway', *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.errors, env={**os.environ, **(env or {})})
        self.addCleanup(self.end)
        self.wait(lambda: (self.folder / 'control.sock').exists() and self.get('/healthz')[0] == 200)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def wait(self, done):
        until = time.monotonic() + PATIENCE
        while True:
            try:
                if done():
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > until:
                self.fail(f'it did not come to that; exit code {self.process.poll()}\n{self.told()}')
            time.sleep(0.02)

    def told(self):
        self.errors.flush()
        return (self.top / 'stderr').read_text()

    def get(self, path, method='GET'):
        connection = http.client.HTTPConnection('127.0.0.1', self.ports[2], timeout=PATIENCE)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def setUp(self):
        super().setUp()
        self.make()

    def test_management(self):
        self.start()
        self.wait(lambda: self.get('/readyz')[0] == 200)
        status, headers, text = self.get('/metrics')
        self.assertEqual((status, headers['Content-Type']), (200, 'text/plain; version=0.0.4; charset=utf-8'))
        self.assertIn('\ncomity_build_info{version="', text)
        self.assertRegex(text, r'(?m)^process_resident_memory_bytes \d+$')
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^{}]*\})? -?[0-9.e+]+)$')
        status, headers, text = self.get('/nothing')
        self.assertEqual((status, headers['Content-Type']), (404, 'application/problem+json'))
        self.assertEqual(json.loads(text)['reason'], 'request.absent')
        status, headers, text = self.get('/readyz', 'POST')
        self.assertEqual((status, headers['Allow'], json.loads(text)['reason']), (405, 'GET', 'request.method'))

    def test_not_ready_says_why(self):
        self.sign('2s')
        self.start()
        self.wait(lambda: self.get('/readyz')[0] == 503)
        self.assertIn('directory', json.loads(self.get('/readyz')[2])['detail'])
        self.assertIn('not ready', self.gateway('doctor', code=1).out)
        self.sign()
        self.process.send_signal(signal.SIGHUP)
        self.wait(lambda: self.get('/readyz')[0] == 200)

    def test_apply_reaches_it(self):
        self.start()
        self.assertEqual(self.gateway('--json', 'apply', self.policy).json()['state'], 'in force')
        self.assertIn('reloaded', self.told())
        (self.folder / 'directory.note').write_text('nothing')
        self.assertIn('directory.note', self.gateway('apply', self.policy, code=2).err)
        self.assertEqual(self.get('/readyz')[0], 200)  # what was loaded before stays

    def test_two_gateways_on_one_folder(self):
        self.start()
        told = self.gateway('gateway', code=2)
        self.assertIn('another process has this log open', told.err)
        self.assertEqual(self.get('/healthz')[0], 200)
        self.gateway('consent', 'list')  # its socket is still there

    def test_stale_socket_is_no_obstacle(self):
        self.start()
        self.end()
        self.assertTrue((self.folder / 'control.sock').exists())
        self.give()
        self.start()
        self.give()
        self.assertEqual(len(self.gateway('--json', 'consent', 'list').json()['consents']), 2)

    def test_stops_in_order_and_tells_systemd(self):
        path = str(self.top / 'notify')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(path)
            listener.settimeout(PATIENCE)
            self.start('--log-format', 'json', env={'NOTIFY_SOCKET': path})
            self.assertEqual(listener.recv(4096), b'READY=1')
            self.process.send_signal(signal.SIGHUP)
            self.assertRegex(listener.recv(4096), rb'^RELOADING=1\nMONOTONIC_USEC=\d+$')
            self.assertEqual(listener.recv(4096), b'READY=1')
            self.process.send_signal(signal.SIGTERM)
            self.assertEqual(listener.recv(4096), b'STOPPING=1')
        self.assertEqual(self.process.wait(PATIENCE), 0)
        lines = [json.loads(line) for line in self.told().splitlines()]
        self.assertEqual([line['message'] for line in lines if line['part'] == 'gateway'],
                         ['made the secret of pseudonyms: back it up, or they will be others', 'listening', 'reloaded directory, policy and keys',
                          'stopping', 'stopped'])
        self.assertFalse((self.folder / 'control.sock').exists())
        self.gateway('log', 'verify')

    def control(self, method, path, body=None):
        connection = http.client.HTTPConnection('control', timeout=PATIENCE)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.folder / 'control.sock'))
        try:
            connection.request(method, path, body, {'Content-Type': 'application/json'} if body is not None else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def test_control_socket(self):
        self.start()
        self.assertEqual(stat.S_IMODE((self.folder / 'control.sock').stat().st_mode), 0o600)
        status, told = self.control('GET', '/v1/status')
        self.assertEqual((status, told['origin'], told['ready']), (200, f'{MEMBER}/GW1', True))
        self.assertEqual(self.control('GET', '/v1/consents'), (200, {'consents': []}))
        for method, path, body, wanted, reason in [
                ('GET', '/', None, 404, 'request.absent'), ('GET', '/v1/reload', None, 405, 'request.method'),
                ('DELETE', '/v1/consents', None, 405, 'request.method'), ('POST', '/v1/consents', 'x', 400, 'request.malformed'),
                ('POST', '/v1/consents', '[]', 400, 'request.malformed'), ('POST', '/v1/consents', '{"a":1}', 400, 'request.malformed'),
                ('POST', '/v1/consents', '{"decision":"give","decision":"give"}', 400, 'request.malformed'),
                ('POST', '/v1/consents/x/withdraw', '{}', 404, 'request.absent'),
                ('GET', '/v1/consents/x/withdraw', None, 405, 'request.method'),
                ('POST', '/v1/consents//withdraw', '{}', 404, 'request.absent'),
                ('POST', '/v1/uses', '{}', 400, 'request.malformed'),
                ('POST', '/v1/uses', json.dumps({'person': 'x' * (9 * 1024 * 1024)}), 413, 'request.malformed')]:
            with self.subTest(method=method, path=path):
                status, told = self.control(method, path, body)
                self.assertEqual((status, told['reason'], told['status']), (wanted, reason, wanted))


class ConsentsRunning(Consents, Running):
    def setUp(self):
        super().setUp()
        self.start()

    def test_it_was_the_gateway_that_did_it(self):
        self.give()
        self.assertGreater(self.control('GET', '/v1/status')[1]['log_entries'], 0)
        self.assertIn('running and ready', self.gateway('doctor').out)


# The inherited tests of a running gateway's own class are run there, once.
for name in [name for name in dir(Running) if name.startswith('test_')]:
    setattr(ConsentsRunning, name, None)


if __name__ == '__main__':
    unittest.main()
