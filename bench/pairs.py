"""What is measured: one service, and pairs of gateways in front of it. Each has start(), stop(), url, headers, pids()."""
import json
import subprocess
import sys
import time
from pathlib import Path

import measure

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'tests' / 'support'))
import comity

WORKERS = 2
PERSON = 'PNR-1980-0001'


def answer_body():
    """A FHIR Immunization of 1,024 bytes, with something in it that nobody consented to (`note`)."""
    resource = {
        'resourceType': 'Immunization', 'id': 'imm-0001', 'status': 'completed',
        'vaccineCode': {'coding': [{'system': 'http://hl7.org/fhir/sid/cvx', 'code': '207', 'display': 'COVID-19, mRNA, LNP-S, PF, 100 mcg/0.5 mL'}]},
        'patient': {'reference': f'Patient/{PERSON}'}, 'occurrenceDateTime': '2026-03-14', 'lotNumber': 'AB-4711', 'primarySource': True,
        'site': {'coding': [{'system': 'http://terminology.hl7.org/CodeSystem/v3-ActSite', 'code': 'LA', 'display': 'left arm'}]},
        'route': {'coding': [{'system': 'http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration', 'code': 'IM'}]},
        'doseQuantity': {'value': 0.5, 'system': 'http://unitsofmeasure.org', 'code': 'mL'},
        'protocolApplied': [{'doseNumberPositiveInt': 1, 'seriesDosesPositiveInt': 2}],
        'note': [{'text': ''}],
    }
    missing = 1024 - len(json.dumps(resource, separators=(',', ':')))
    resource['note'][0]['text'] = 'x' * missing
    return json.dumps(resource, separators=(',', ':'))


class Started:
    """A process that is ended by its own id."""

    def __init__(self, command, folder, name):
        self.log = open(Path(folder, f'{name}.stderr'), 'ab')
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=folder)

    def pids(self):
        return measure.family(self.process.pid)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


NGINX_HEAD = '''
worker_processes {workers};
daemon off;
pid {name}.pid;
error_log {name}.error.log warn;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    client_body_temp_path {name}.tmp;
    proxy_temp_path {name}.proxy;
    fastcgi_temp_path {name}.fastcgi;
    uwsgi_temp_path {name}.uwsgi;
    scgi_temp_path {name}.scgi;
    default_type application/json;
'''


def start_nginx(folder, name, body, port):
    path = Path(folder, f'{name}.conf')
    path.write_text(NGINX_HEAD.format(workers=WORKERS, name=name) + body + '}\n')
    started = Started(['/usr/sbin/nginx', '-p', str(folder), '-e', f'{name}.error.log', '-c', str(path)], folder, name)
    try:
        measure.wait_accept(port)
    except RuntimeError:
        started.stop()
        raise RuntimeError(f'nginx ({name}) did not start: {Path(folder, name + ".stderr").read_text()}') from None
    return started


class Direct:
    """The service alone: nginx with one file for every path."""
    name = 'direct'
    headers = {}

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port, = measure.free_ports(1)
        self.url = f'http://127.0.0.1:{self.port}/persons/{PERSON}/immunizations'
        self.path = f'/persons/{PERSON}/immunizations'

    def start(self):
        root = self.folder / 'root'
        root.mkdir(exist_ok=True)
        (root / 'answer.json').write_text(answer_body())
        self.nginx = start_nginx(self.folder, 'service', f'''
    server {{
        listen 127.0.0.1:{self.port} reuseport backlog=4096;
        root {root};
        open_file_cache max=16;
        location / {{ try_files /answer.json =404; }}
    }}
''', self.port)

    def pids(self):
        return self.nginx.pids()

    def stop(self):
        self.nginx.stop()


def make_certificates(folder):
    """An authority and two certificates (P-256, as such pairs commonly have), by the openssl command."""
    folder = Path(folder)

    def openssl(*arguments):
        subprocess.run(['openssl', *arguments], cwd=folder, check=True, capture_output=True)

    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem',
            '-days', '30', '-subj', '/CN=bench authority')
    for name in ('consumer', 'provider'):
        (folder / 'extensions').write_text(f'subjectAltName=DNS:{name}.example\n')
        openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', f'{name}.key', '-out', f'{name}.csr',
                '-subj', f'/CN={name}.example')
        openssl('x509', '-req', '-in', f'{name}.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30',
                '-extfile', 'extensions', '-out', f'{name}.pem')
        (folder / f'{name}.both.pem').write_text((folder / f'{name}.pem').read_text() + (folder / f'{name}.key').read_text())
        (folder / f'{name}.both.pem').chmod(0o600)


class Pair:
    headers = {}

    def __init__(self, folder, service):
        self.folder = Path(folder)
        self.service = service
        self.port, self.between = measure.free_ports(2)
        self.path = service.path
        self.url = f'http://127.0.0.1:{self.port}{self.path}'
        self.consumer = self.provider = None

    def start(self):
        self.provider = self.start_provider()
        self.consumer = self.start_consumer()

    def pids(self):
        return self.consumer.pids() + self.provider.pids()

    def stop(self):
        for side in (self.consumer, self.provider):
            if side is not None:
                side.stop()


class NginxPair(Pair):
    name = 'nginx'

    def start_provider(self):
        return start_nginx(self.folder, 'nginx-provider', f'''
    upstream service {{ server 127.0.0.1:{self.service.port}; keepalive 256; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{self.between} ssl reuseport backlog=4096;
        ssl_protocols TLSv1.3;
        ssl_certificate provider.pem;
        ssl_certificate_key provider.key;
        ssl_client_certificate ca.pem;
        ssl_verify_client on;
        location / {{ proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
''', self.between)

    def start_consumer(self):
        return start_nginx(self.folder, 'nginx-consumer', f'''
    upstream provider {{ server 127.0.0.1:{self.between}; keepalive 256; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{self.port} reuseport backlog=4096;
        location / {{
            proxy_pass https://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_ssl_protocols TLSv1.3;
            proxy_ssl_certificate consumer.pem;
            proxy_ssl_certificate_key consumer.key;
            proxy_ssl_trusted_certificate ca.pem;
            proxy_ssl_verify on;
            proxy_ssl_name provider.example;
            proxy_ssl_server_name on;
        }}
    }}
''', self.port)


class HaproxyPair(Pair):
    name = 'haproxy'

    def start_haproxy(self, name, body, port):
        path = self.folder / f'{name}.cfg'
        path.write_text(f'''
global
    nbthread {WORKERS}
    maxconn 4096
    ssl-default-bind-options ssl-min-ver TLSv1.3
    ssl-default-server-options ssl-min-ver TLSv1.3
    tune.pool-high-fd-ratio 90
defaults
    mode http
    timeout client 600s
    timeout server 600s
    timeout connect 10s
    timeout http-keep-alive 600s
    http-reuse always
{body}''')
        started = Started(['/usr/sbin/haproxy', '-db', '-f', str(path)], self.folder, name)
        try:
            measure.wait_accept(port)
        except RuntimeError:
            started.stop()
            raise RuntimeError(f'haproxy ({name}) did not start: {Path(self.folder, name + ".stderr").read_text()}') from None
        return started

    def start_provider(self):
        return self.start_haproxy('haproxy-provider', f'''
frontend between
    bind 127.0.0.1:{self.between} backlog 4096 ssl crt {self.folder}/provider.both.pem ca-file {self.folder}/ca.pem verify required
    default_backend service
backend service
    server s1 127.0.0.1:{self.service.port} pool-max-conn 256
''', self.between)

    def start_consumer(self):
        return self.start_haproxy('haproxy-consumer', f'''
frontend applications
    bind 127.0.0.1:{self.port} backlog 4096
    default_backend provider
backend provider
    server s1 127.0.0.1:{self.between} pool-max-conn 256 ssl crt {self.folder}/consumer.both.pem ca-file {self.folder}/ca.pem verify required sni str(provider.example) verifyhost provider.example
''', self.port)


class ComityPair(Pair):
    """Everything on: four durable statements an exchange, consent checked, fields released."""
    name = 'comity'

    def __init__(self, folder, service):
        super().__init__(folder, service)
        url = f'http://127.0.0.1:{service.port}'
        policy = comity.holder_policy(
            url, releases=[{'category': comity.IMMUNISATIONS, 'basis': 'consent'}],
            fields=[{'path': f'$.{name}', 'category': 'structure' if name in ('resourceType', 'id', 'status') else comity.IMMUNISATIONS}
                    for name in json.loads(answer_body()) if name != 'note'])
        self.federation = comity.Federation(self.folder / self.name, command=comity.COMMAND, workers=WORKERS, service_url=url, policy=policy,
                                            diagnostics='warn')

    def start(self):
        federation = self.federation
        federation.make()
        federation.start()
        self.consumer, self.provider = federation.consumer, federation.holder
        federation.give_consent(PERSON, [comity.IMMUNISATIONS])
        self.path = federation.path(PERSON, rest='/immunizations')
        self.headers = federation.headers()
        self.port = federation.consumer.application_port
        self.url = f'http://127.0.0.1:{self.port}{self.path}'
        told = federation.ask(PERSON, rest='/immunizations')
        if told.status != 200 or 'note' in told.json() or 'lotNumber' not in told.json():
            raise RuntimeError(f'the pair does not answer as it must: {told}')

    def start_provider(self):
        """As soon as /readyz says yes, looked at every millisecond."""
        holder = self.federation.holder.start(wait=False)
        while not holder.is_ready():
            time.sleep(0.001)
        return holder

    def stop(self):
        self.federation.stop()
