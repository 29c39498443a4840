"""
Real gateways for tests and measurements: two communities that recognise one another, a clinic that asks, a hospital that holds.

    with Federation() as federation:
        federation.give_consent(PERSON, [IMMUNISATIONS])
        answer = federation.ask(PERSON)
        answer.status, answer.json(), answer.reason
        federation.holder.kill(); federation.holder.start()

The environment variable COMITY names the command (default: build/release/comity), KEEP=1 keeps the folder and says where it is. Leaving the
`with` ends every process by its id, and fails when a sanitizer had something to say or a gateway did not end in order.
"""
import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote

from service import Service, answer

TOP = Path(__file__).resolve().parent.parent.parent
COMMAND = os.environ.get('COMITY', str(TOP / 'build/release/comity'))
# A sanitizer makes everything slower, and so does a machine that does other things.
PATIENCE = 60.0

LENIENT = Path(__file__).with_name('lenient.yaml')
CLINIC, HOSPITAL = 'AURORA/COM/CLINIC', 'BAOBAB/GOV/HOSPITAL'
CLIENT, HOLDER = f'{CLINIC}/DOCTORS', f'{HOSPITAL}/RECORDS'
PERSON, OTHER_PERSON = 'PNR-1980-0001', 'PNR-1975-0002'
PURPOSE = 'dpv:ServiceProvision'
IMMUNISATIONS, DIAGNOSES, ADDRESS, NAME = 'comity:Immunisations', 'pd:MedicalHealth', 'pd:PhysicalAddress', 'pd:Name'
CATEGORIES = [IMMUNISATIONS, DIAGNOSES, ADDRESS, NAME]


class Trouble(AssertionError):
    """Something that no test asked for: a command that failed, a gateway that did not start or end."""


def record(person):
    """What the hospital's service answers by default: every kind of data, and a field that is mapped to nothing."""
    return {
        'id': person,
        'name': 'Kim Example',
        'address': {'street': '1 Harbour Road', 'city': 'Baobab City'},
        'immunizations': [{'code': '207', 'date': '2026-03-14', 'lot': 'AB-4711'}, {'code': '141', 'date': '2025-11-02', 'lot': 'CD-0815'}],
        'conditions': [{'code': 'E11', 'text': 'type 2 diabetes mellitus'}],
        'internal': {'ward': 7},
    }


def notice(name, categories=(IMMUNISATIONS,), recipient=CLINIC, purpose=PURPOSE):
    """A notice of the hospital with everything that a law may ask for; all categories are optional but the first."""
    def full(iri):
        prefix, _, rest = iri.partition(':')
        known = {'dpv': 'https://w3id.org/dpv#', 'pd': 'https://w3id.org/dpv/pd#', 'comity': 'https://w3id.org/comity/pd#'}
        return known[prefix] + rest if prefix in known else iri

    def text(words):
        return {'en': words}

    return {
        'v': 1, 'id': name, 'lifecycle': 'complete', 'active': True, 'law': 'strict', 'jurisdiction': [],
        'holder': {'member': HOSPITAL, 'name': text('Baobab Hospital'), 'contact': 'mailto:privacy@hospital.example', 'address': '1 Harbour Road',
                   'url': 'https://hospital.example/'},
        'recipient': {'member': recipient, 'name': text('Aurora Clinic'), 'contact': 'mailto:privacy@clinic.example', 'address': '9 River Road',
                      'country': 'KE'},
        'purpose': {'iri': full(purpose), 'text': text('to treat you'), 'descends': False}, 'basis': 'consent', 'service': [f'{HOLDER}/patients'],
        'categories': [{'iri': full(iri), 'sensitive': True, 'necessity': 'required' if iri == categories[0] else 'optional',
                        'necessityText': text('treatment rests on it'), 'impactText': text('it tells of your health'), 'attributes': []}
                       for iri in categories],
        'processing': ['https://w3id.org/dpv#Consult'], 'method': text('it is looked up'), 'automatedDecision': False, 'onward': [],
        'use': {'mode': 'view', 'fetch': 'periodic', 'frequency': None, 'dataRange': None},
        'retention': {'recipientLife': 'P30D', 'eraseAt': None}, 'storage': ['KE'], 'maxValidity': 'P1Y',
        'border': {'crosses': True, 'instrument': 'treaty-2026', 'remedyText': text('write to the clinic'), 'safeguardText': text('a treaty')},
        'minor': {'allowed': True, 'guardianRequiredBelow': 18, 'guardianText': text('for the guardian'), 'childText': text('for the child')},
        'withdrawal': {'url': 'https://hospital.example/withdraw', 'text': text('at any time')},
        'rights': {'url': 'https://hospital.example/rights', 'authority': 'https://authority.example/'},
        'refusalEffect': text('nothing else is refused to you'), 'dpia': {'ref': 'PIA-2026-07', 'date': '2026-05-01'}, 'languages': ['en'],
    }


def record_service():
    """A Service that answers with record() of the person in the path, and echoes under /echo."""
    from service import echo

    def behave(handler, request):
        parts = request.target.split('?')[0].split('/')
        answer(record(parts[2] if len(parts) > 2 else ''))(handler, request)

    service = Service(behave)
    service.on('/echo', echo)
    return service


# ---- ports, commands, raw sockets

TAKEN = []  # open lock files: a port is ours until this process ends


def take_port(port):
    """False when another test has it, or will: two programs that run at a time must not choose the same one."""
    folder = Path(tempfile.gettempdir(), f'comity-test-ports-{os.getuid()}')
    folder.mkdir(exist_ok=True)
    lock = open(folder / str(port), 'a', encoding='ascii')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    TAKEN.append(lock)
    return True


def free_ports(count):
    """Ports below those that the kernel gives to outgoing connections, so that none is taken between now and the gateway's start."""
    found = []
    with contextlib.ExitStack() as probes:
        while len(found) < count:
            port = random.randint(12000, 31999)
            probe = probes.enter_context(socket.socket())
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                continue
            if take_port(port):
                found.append(port)
    return found


def run_command(*arguments, command=None, expect=0, stdin='', env=None, timeout=PATIENCE):
    """Runs the comity command; `expect` is the exit code that is right, None for any."""
    done = subprocess.run([command or COMMAND, *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False, timeout=timeout,
                          env={**os.environ, **(env or {})})
    check_sanitizers(done.stderr, ' '.join(map(str, arguments)))
    if expect is not None and done.returncode != expect:
        raise Trouble(f'comity {" ".join(map(str, arguments))}: exit {done.returncode}, want {expect}\n{done.stdout}{done.stderr}')
    return done


def run_json(*arguments, **options):
    done = run_command('--json', *arguments, **options)
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        raise Trouble(f'comity --json {" ".join(map(str, arguments))}: not JSON: {done.stdout!r}') from None


def check_sanitizers(text, what):
    if re.search(r'(Address|Leak|Thread|Memory)Sanitizer|runtime error:', text):
        raise Trouble(f'{what}: a sanitizer speaks:\n{text[-8000:]}')


def raw(port, data, timeout=10.0, pause=0.0, half_close=False):
    """
    Sends bytes (or a list of pieces, `pause` seconds apart) to a port and reads until the other side ends or nothing comes for `timeout`
    seconds. Returns what came; b'' also when the connection was reset.
    """
    got = b''
    with socket.create_connection(('127.0.0.1', port), timeout) as connection:
        try:
            for piece in [data] if isinstance(data, bytes) else data:
                connection.sendall(piece)
                if pause:
                    time.sleep(pause)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            while True:
                block = connection.recv(65536)
                if not block:
                    break
                got += block
        except (ConnectionError, TimeoutError):
            pass
    return got


class Answer:
    """What the application got. Header names are compared without case."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return ', '.join(found) if found else None

    def json(self):
        return json.loads(self.body)

    @property
    def reason(self):
        return self.header('Comity-Reason')

    @property
    def error(self):
        return self.header('X-Road-Error')

    def __repr__(self):
        return f'<{self.status} {dict(self.headers)} {self.body[:400]!r}>'


def http_request(port, method, target, headers=(), body=None, timeout=PATIENCE, connection=None):
    """One request over HTTP/1.1; `headers` is a list of pairs or a dict, sent as they stand. Returns an Answer."""
    own = connection is None
    connection = connection or http.client.HTTPConnection('127.0.0.1', port, timeout=timeout)
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True, skip_host=any(name.lower() == 'host' for name, _ in pairs))
        for name, value in pairs:
            connection.putheader(name, value)
        if body is not None and not any(name.lower() in ('content-length', 'transfer-encoding') for name, _ in pairs):
            connection.putheader('Content-Length', str(len(body)))
        connection.endheaders(body)
        told = connection.getresponse()
        return Answer(told.status, told.getheaders(), told.read())
    finally:
        if own:
            connection.close()


# ---- one gateway

class Gateway:
    """A folder made by `comity init`, and the process that runs on it."""

    def __init__(self, folder, member, code='GW1', command=None):
        self.folder, self.member, self.code = Path(folder), member, code
        self.command = command or COMMAND
        self.peer_port, self.application_port, self.management_port = free_ports(3)
        self.process = None
        self.stderr_path = self.folder / 'stderr.txt'
        self.kills = 0

    def init(self, operator):
        told = run_json('init', '--gateway', self.code, '--operator', operator, '--peers', f'127.0.0.1:{self.peer_port}',
                        '--applications', f'127.0.0.1:{self.application_port}', '--management', f'127.0.0.1:{self.management_port}',
                        self.folder, self.member, command=self.command)
        self.origin, self.statement_key, self.tls_pin = told['origin'], told['statement_key'], told['tls_pin']
        (self.folder / 'laws').mkdir(exist_ok=True)
        shutil.copy(LENIENT, self.folder / 'laws')
        return told

    def configure(self, **groups):
        """Adds top-level keys to gateway.yaml: configure(workers=2, limits={'body': '1MiB'}). A group that is there is replaced."""
        path = self.folder / 'gateway.yaml'
        text = path.read_text()
        for name, value in groups.items():
            text = re.sub(rf'(?m)^{name}:.*\n(?:[ \t#].*\n|\n(?=[ \t]))*', '', text)
            text += f'{name}: {json.dumps(value)}\n'
        path.write_text(text)

    def run(self, *arguments, **options):
        """A command on this gateway's folder."""
        return run_command('-C', self.folder, *arguments, command=self.command, **options)

    def run_json(self, *arguments, **options):
        return run_json('-C', self.folder, *arguments, command=self.command, **options)

    def apply(self, policy):
        """`policy` as Python data; JSON is YAML."""
        path = self.folder / 'services.yaml'
        path.write_text(json.dumps(policy, indent=1))
        return self.run('apply', path)

    def start(self, wait=True, wrapper=(), env=None, arguments=()):
        """Starts the process, under `wrapper` if one is given (strace, faketime), and waits until /readyz says yes."""
        if self.process is not None:
            raise Trouble(f'{self.member} runs already')
        with open(self.stderr_path, 'ab') as stderr:
            self.process = subprocess.Popen([*wrapper, self.command, '-C', str(self.folder), 'gateway', *arguments], stdin=subprocess.DEVNULL,
                                            stdout=stderr, stderr=stderr, env={**os.environ, **(env or {})})
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=PATIENCE):
        deadline, pause = time.monotonic() + seconds, 0.001
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                code, self.process = self.process.returncode, None
                raise Trouble(f'{self.member} ended with {code} before it was ready:\n{self.stderr()[-4000:]}')
            if self.is_ready():
                return
            time.sleep(pause)
            pause = min(pause * 1.2, 0.05)
        raise Trouble(f'{self.member} was not ready after {seconds} s:\n{self.stderr()[-4000:]}')

    def is_ready(self):
        try:
            return self.management('/readyz', timeout=2).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def management(self, path, timeout=PATIENCE):
        return http_request(self.management_port, 'GET', path, timeout=timeout)

    def metrics_text(self):
        return self.management('/metrics').body.decode()

    def metric(self, name, **labels):
        """The value of one series; its sum over all series of that name when no label is given; 0 when there is none."""
        total = 0.0
        for line in self.metrics_text().splitlines():
            series = re.match(r'([a-zA-Z0-9_:]+)(?:\{(.*)\})? (\S+)$', line)
            if series and series.group(1) == name:
                found = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', series.group(2) or ''))
                if all(found.get(label) == value for label, value in labels.items()):
                    total += float(series.group(3))
        return total

    def stderr(self):
        return self.stderr_path.read_text(errors='replace') if self.stderr_path.exists() else ''

    @property
    def pid(self):
        """Of the gateway itself, also when it runs under a wrapper."""
        pid = self.process.pid
        with contextlib.suppress(FileNotFoundError):  # it has ended
            while Path(f'/proc/{pid}/exe').resolve() != Path(self.command).resolve():
                children = Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
                if not children:
                    break
                pid = int(children[0])
        return pid

    def pids(self):
        return [self.pid]

    def reload(self):
        os.kill(self.pid, signal.SIGHUP)

    def kill(self):
        """SIGKILL: no chance to put anything in order."""
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        self.process = None
        self.kills += 1

    def stop(self, expect=0):
        """SIGTERM, and the exit code that is right. Does nothing when it does not run."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        self.end(expect)

    def end(self, expect=None):
        """Waits for it to end by itself; returns its exit code."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Trouble(f'{self.member} did not end:\n{self.stderr()[-4000:]}') from None
        self.process = None
        check_sanitizers(self.stderr(), self.member)
        if expect is not None and code != expect:
            raise Trouble(f'{self.member} ended with {code}, want {expect}:\n{self.stderr()[-4000:]}')
        return code

    # What it has on disk.
    @property
    def log_folder(self):
        return self.folder / 'log'

    @property
    def records_folder(self):
        return self.folder / 'records'

    def log_verify(self, expect=0, **options):
        return self.run('log', 'verify', expect=expect, **options)


# ---- a community's operator

class Community:
    """The operator's folder: a key, a draft, the signed directory. Change the draft by commands or as JSON, then publish()."""

    def __init__(self, folder, name, command=None):
        self.folder, self.name, self.command = Path(folder), name, command or COMMAND
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key, self.draft, self.note = self.folder / 'operator.pem', self.folder / 'draft.json', self.folder / 'directory.note'

    def run(self, verb, *arguments, **options):
        return run_command('directory', verb, *arguments, command=self.command, **options)

    def create(self):
        """Under a law that asks for little, for tests that are about something else: see set_law()."""
        self.operator = run_json('directory', 'create', '--community', self.name, '--key', self.key, self.draft,
                                 command=self.command)['operator']
        self.set_law(LENIENT)

    def set_law(self, law):
        """A profile that is compiled in by its name, or a file; gateways need a file's in their folders (Gateway.init)."""
        self.run('set-law', self.draft, law)

    def add(self, gateway, subsystems):
        self.run('add-member', self.draft, gateway.member)
        for subsystem in subsystems:
            self.run('add-subsystem', self.draft, subsystem)
        self.run('add-gateway', '--address', f'127.0.0.1:{gateway.peer_port}', '--statement-key', gateway.statement_key,
                 '--tls-pin', gateway.tls_pin, self.draft, gateway.member, gateway.code)

    def recognise(self, other, until='30d'):
        self.run('recognise', '--operator', other.operator, '--until', until, self.draft, other.name)

    def sign(self, valid='30d'):
        self.run('sign', '--key', self.key, '--valid', valid, '--output', self.note, self.draft)

    def edit(self, change):
        """change(draft as Python data), for what no command does."""
        draft = json.loads(self.draft.read_text())
        change(draft)
        self.draft.write_text(json.dumps(draft, indent=2))


# ---- both together

def holder_policy(service_url, **service):
    """The hospital's services: `patients` about a person, by consent; `echo` about nobody. Keyword arguments change `patients`."""
    patients = {
        'id': f'{HOLDER}/patients', 'url': f'{service_url}/patients', 'timeout': '20s',
        'person': {'in': 'path', 'template': '/{person}/**'},
        'purposes': [PURPOSE, 'dpv:ResearchAndDevelopment'], 'default_purpose': PURPOSE,
        'releases': [{'category': category, 'basis': 'consent'} for category in CATEGORIES],
        'fields': [{'path': '$.id', 'category': 'structure'}, {'path': '$.name', 'category': NAME},
                   {'path': '$.address', 'category': ADDRESS}, {'path': '$.immunizations', 'category': IMMUNISATIONS},
                   {'path': '$.conditions', 'category': DIAGNOSES}],
        'rights': [{'subject': CLIENT, 'method': '*', 'path': '/**'}],
        **service,
    }
    echo = {'id': f'{HOLDER}/echo', 'url': f'{service_url}/echo', 'timeout': '20s', 'person': {'in': 'none'},
            'purposes': [PURPOSE], 'default_purpose': PURPOSE, 'rights': [{'subject': CLIENT, 'method': '*', 'path': '/**'}]}
    return {'categories': [{'id': IMMUNISATIONS, 'sensitive': True}, {'id': DIAGNOSES, 'sensitive': True}, {'id': ADDRESS}, {'id': NAME}],
            'services': [patients, echo]}


def consumer_policy():
    return {'clients': [{'subsystem': CLIENT, 'connection': 'http'}]}


class Federation:
    """
    Aurora's clinic (`consumer`) and Baobab's hospital (`holder`), each with its operator (`aurora`, `baobab`). Made and started by `with`, or
    by make() and start(), so that a test can change what it wants in between.
    """

    def __init__(self, folder=None, *, service=None, service_url=None, command=None, workers=2, diagnostics='info', policy=None, **config):
        self.is_own_folder = folder is None
        self.folder = Path(folder or tempfile.mkdtemp(prefix='comity-test-', dir=os.environ.get('COMITY_TEST_FOLDER')))
        self.command = command or COMMAND
        self.service = service if service is not None or service_url is not None else record_service()
        self.service_url = service_url
        self.config = {'workers': workers, 'diagnostics': {'level': diagnostics}, **config}
        self.policy = policy
        self.is_made = False
        self.published, self.publishing = set(), threading.Lock()

    def make(self):
        if self.service is not None:
            self.service.__enter__()
            self.service_url = self.service.url
        self.aurora = Community(self.folder / 'operators/aurora', 'AURORA', self.command)
        self.baobab = Community(self.folder / 'operators/baobab', 'BAOBAB', self.command)
        self.consumer = Gateway(self.folder / 'clinic', CLINIC, command=self.command)
        self.holder = Gateway(self.folder / 'hospital', HOSPITAL, command=self.command)
        for community, other, gateway, subsystem in ((self.aurora, self.baobab, self.consumer, CLIENT),
                                                     (self.baobab, self.aurora, self.holder, HOLDER)):
            community.create()
            gateway.init(community.operator)
            gateway.configure(**self.config)
            community.add(gateway, [subsystem])
        self.aurora.recognise(self.baobab)
        self.baobab.recognise(self.aurora)
        self.publish()
        self.holder.apply(self.policy or holder_policy(self.service_url))
        self.consumer.apply(consumer_policy())
        self.is_made = True
        return self

    def publish(self, valid='30d'):
        """Signs both directories and puts them where the gateways look; those that run learn it by reload()."""
        for community in (self.aurora, self.baobab):
            community.sign(valid)
        for gateway, own, other in ((self.consumer, self.aurora, self.baobab), (self.holder, self.baobab, self.aurora)):
            shutil.copy(own.note, gateway.folder / 'directory.note')
            shutil.copy(other.note, gateway.folder / 'foreign' / f'{other.name}.note')

    def start(self):
        for gateway in (self.holder, self.consumer):
            gateway.start()
        return self

    def stop(self):
        """Ends both. The first trouble is raised after everything has ended."""
        trouble = None
        for gateway in (getattr(self, 'consumer', None), getattr(self, 'holder', None)):
            try:
                if gateway is not None:
                    gateway.stop()
                    check_sanitizers(gateway.stderr(), gateway.member)
            except Trouble as problem:
                trouble = trouble or problem
        if self.service is not None:
            self.service.stop()
        if trouble is not None:
            raise trouble

    def remove(self):
        if os.environ.get('KEEP'):
            print(f"kept: {self.folder}")
        elif self.is_own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        try:
            if not self.is_made:
                self.make()
            return self.start()
        except BaseException:
            with contextlib.suppress(Trouble):
                self.stop()
            self.remove()
            raise

    def __exit__(self, kind, *problem):
        try:
            self.stop()
        except Trouble as trouble:
            if kind is None:
                raise
            print(trouble, file=sys.stderr)  # often the cause of what the test has met
        finally:
            self.remove()

    # ---- as the clinic's application

    @staticmethod
    def path(person=PERSON, service='patients', rest='/record', query=''):
        own = f'/{quote(person, safe="")}{rest}' if service == 'patients' else rest
        return f'/r1/{HOLDER}/{service}{own}{query}'

    @staticmethod
    def headers(client=CLIENT, purpose=None, **others):
        """A dict; keyword arguments with _ for -: headers(X_Road_Id='q-1')."""
        made = {'X-Road-Client': client} if client is not None else {}
        if purpose is not None:
            made['Comity-Purpose'] = purpose
        return {**made, **{name.replace('_', '-'): value for name, value in others.items()}}

    def ask(self, person=PERSON, service='patients', rest='/record', query='', method='GET', body=None, headers=None, **others):
        """One request of the application; what is named in headers() may be given directly."""
        return http_request(self.consumer.application_port, method, self.path(person, service, rest, query),
                            self.headers(**others) if headers is None else headers, body)

    # ---- as the person

    def decisions(self, answer):
        """What the holder's log has as decisions on the exchange of this answer, oldest first: each a list of (name, value)."""
        exchange = answer.header('X-Road-Request-Id') or answer.json()['exchange']
        entries = self.holder.run_json('log', 'show', '--exchange', exchange)['entries']
        texts = [self.holder.run('log', 'show', entry['index'], '--part', 'statement').stdout for entry in entries if entry['kind'] == 'decision']
        return [[tuple(line.split(': ', 1)) for line in text.splitlines()] for text in texts]

    def give_consent(self, person=PERSON, categories=(IMMUNISATIONS, DIAGNOSES, ADDRESS, NAME), recipient=CLINIC, purpose=PURPOSE, until='30d'):
        """
        Consents on a notice that is published for this recipient, purpose and categories at the first time. Returns the record's id. The person's identifier goes
        by standard input, never by the command line.
        """
        about = CATEGORIES if set(categories) <= set(CATEGORIES) else list(categories)
        name = 'n-' + hashlib.sha256(f'{recipient} {purpose} {" ".join(about)}'.encode()).hexdigest()[:12]
        with self.publishing:
            if name not in self.published:
                every = [{**category, 'necessity': 'optional'} for category in notice(name, about)['categories']]
                self.publish_notice(name, about, recipient, purpose, law=json.loads(self.baobab.draft.read_text())['law']['id'], categories=every,
                                    service=None)
                self.published.add(name)
        options = [word for category in categories for word in ('--category', category)]
        return self.holder.run_json('consent', 'give', '--person', '-', '--notice', name, '--until', until, *options, stdin=person)['id']

    def publish_notice(self, name, about=(IMMUNISATIONS,), recipient=CLINIC, purpose=PURPOSE, **changes):
        """Publishes a notice of the hospital that lacks nothing the law `strict` asks for; `changes` replace its members. Returns what was told."""
        path = self.folder / f'notice-{name}.json'
        path.write_text(json.dumps({**notice(name, about, recipient, purpose), **changes}, ensure_ascii=False))
        return self.holder.run_json('notice', 'publish', path)

    def set_born(self, person=PERSON, born='1980-03-01'):
        return self.holder.run_json('person', 'set', '--person', '-', '--born', born, stdin=person)

    def consent_to(self, name, person=PERSON, separate=('sensitive', 'provide', 'border'), options=(), how='give'):
        """Consents to a published notice, as a grown-up in English; returns what was told."""
        acts = [word for act in separate for word in ('--separate', act)]
        return self.holder.run_json('consent', how, '--person', '-', '--notice', name, '--language', 'en', '--method', 'portal', *acts, *options,
                                    stdin=person)

    def withdraw_consent(self, consent_id):
        return self.holder.run_json('consent', 'withdraw', consent_id)


