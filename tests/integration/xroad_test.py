"""Every row of the X-Road reference's section "Cases", against two real gateways. The numbers are that page's."""
import base64
import json
import os
import ssl
import subprocess
import time
import unittest

from comity import CLIENT, HOLDER, Federation, Trouble, free_ports, http_request, raw
from service import Service, answer, big, echo

P = f'/r1/{HOLDER}'
C = {'X-Road-Client': CLIENT}
BODY = b'{"value" : 42}'
JSON = {'Content-Type': 'application/json'}

OPENAPI = """openapi: "3.0.0"
info: {title: "cats", version: '1', description: null}
servers:
  - url: http://petstore.swagger.io/v1/cats
    description: ~
paths: {}
"""


def echo_body(handler, request):
    """X-Road's `echo`: the request's own body and Content-Type."""
    answer(request.body, content_type=request.header('Content-Type') or 'text/plain')(handler, request)


def service(code, url, **more):
    return {'id': f'{HOLDER}/{code}', 'url': url, 'timeout': '20s', 'person': {'in': 'none'}, 'rights': [{'subject': CLIENT}], **more}


def policy(url):
    return {'services': [
        service('echo', f'{url}/echo-body'),
        service('told', f'{url}/told'),
        service('service', f'{url}/', rights=[{'subject': CLIENT, 'method': method}
                                               for method in ('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS')]),
        service('test', f'{url}/big'),
        service('moved', f'{url}/moved'),
        service('wsdl', f'{url}/wsdl', type='soap'),
        service('paths', f'{url}/told', rights=[{'subject': CLIENT, 'method': 'GET', 'path': '/api/**'},
                                                 {'subject': CLIENT, 'method': 'POST', 'path': '/api/test/*'}]),
        service('off', f'{url}/told', disabled='closed on Sundays'),
        service('unowned', f'{url}/told', rights=[]),
        service('nourl', ''),
        service('yaml', f'{url}/told', type='openapi', openapi=f'{url}/openapi.yaml', endpoints=[{'method': 'GET', 'path': '/pet/*'}],
                rights=[{'subject': CLIENT, 'method': 'GET', 'path': '/pet/*'}]),
        service('lost', f'{url}/told', type='openapi', openapi=f'{url}/nothing-here'),
        service('pretender', f'{url}/pretender'),
        service('headed', f'{url}/headed'),
    ]}


class XRoad(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(echo)
        cls.service.start()
        cls.service.on('/echo-body', echo_body)
        cls.service.on('/big', big(13736217))
        cls.service.on('/moved', answer(b'', 302, [('Location', f'{P}/notexists')]))
        cls.service.on('/openapi.yaml', answer(OPENAPI, content_type='text/yaml'))
        cls.service.on('/nothing-here', answer(b'', 404))
        cls.service.on('/pretender', answer(b'{}', 200, [('X-Road-Error', 'server.serverproxy.access_denied'), ('X-Road-Service', 'A/B'),
                                                         ('X-Road-Id', 'mine'), ('Comity-Reason', 'consent.none'), ('Keep-Alive', 'x'),
                                                         ('Connection', 'X-Hop'), ('X-Hop', '1'), ('X-Kept', 'yes')]))
        cls.service.on('/headed', answer(b'{"a":1}', 503, [('Date', 'Tue, 20 Apr 2021 02:07:55 GMT'), ('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2')]))
        cls.federation = Federation(service=cls.service, policy=policy(cls.service.url))
        cls.federation.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.federation.__exit__(None)

    def call(self, method, target, headers=None, body=None):
        return http_request(self.federation.consumer.application_port, method, target, C if headers is None else headers, body)

    def assert_error(self, got, error, status=500, content_type='application/json'):
        self.assertEqual((got.status, got.error), (status, error), got)
        self.assertEqual(got.header('Content-Type'), content_type)
        self.assertIsNone(got.header('X-Road-Request-Hash') if error.startswith('server.clientproxy') else None)

    def last(self):
        return self.service.requests[-1]

    def test_01_client_missing(self):
        got = self.call('GET', f'{P}/echo', {})
        self.assert_error(got, 'server.clientproxy.invalid_client_identifier')
        self.assertEqual({'type', 'message', 'detail', 'reason', 'exchange'}, set(got.json()))
        self.assertEqual(got.reason, 'client.missing')
        self.assertEqual(got.json()['exchange'], got.header('X-Road-Request-Id'))

    def test_02_post(self):
        got = self.call('POST', f'{P}/echo', {**C, **JSON}, BODY)
        self.assertEqual((got.status, got.json()), (200, {'value': 42}))
        self.assertIsNone(got.error)

    def test_03_keeps_query_id(self):
        got = self.call('POST', f'{P}/told', {**C, **JSON, 'X-Road-Id': '411d6755-661f-40f6-8bd6-0a4a5b0ff0e1'}, BODY)
        self.assertEqual(got.header('X-Road-Id'), '411d6755-661f-40f6-8bd6-0a4a5b0ff0e1')
        self.assertEqual(self.last().header('X-Road-Id'), '411d6755-661f-40f6-8bd6-0a4a5b0ff0e1')

    def test_03b_makes_an_id(self):
        got = self.call('GET', f'{P}/told')
        self.assertRegex(got.header('X-Road-Id'), r'^AURORA-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$')
        self.assertEqual(self.last().header('X-Road-Id'), got.header('X-Road-Id'))
        self.assertEqual(self.last().header('X-Road-Request-Id'), got.header('X-Road-Request-Id'))
        self.assertEqual(self.last().header('X-Road-Request-Hash'), got.header('X-Road-Request-Hash'))
        self.assertEqual(len(base64.b64decode(got.header('X-Road-Request-Hash'))), 64)
        self.assertEqual(got.header('X-Road-Client'), CLIENT)
        self.assertEqual(got.header('X-Road-Service'), f'{HOLDER}/told')

    def test_04_content_length(self):
        self.call('POST', f'{P}/told', {**C, **JSON}, BODY)
        self.assertEqual(self.last().header('Content-Length'), '14')
        self.assertIsNone(self.last().header('Transfer-Encoding'))
        port = self.federation.consumer.application_port
        got = raw(port, b'POST %s/told HTTP/1.1\r\nHost: x\r\nX-Road-Client: %s\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n'
                        b'7\r\n{"value\r\n7\r\n" : 42}\r\n0\r\n\r\n' % (P.encode(), CLIENT.encode()))
        self.assertIn(b' 200 ', got.split(b'\r\n')[0])
        self.assertEqual((self.last().header('Content-Length'), self.last().body), ('14', BODY))

    def test_05_empty_path(self):
        got = self.call('GET', f'{P}/service/')
        self.assertEqual((got.status, self.last().target), (200, '/'))

    def test_05b_paths_go_on_raw(self):
        for path, target in (('/told', '/told'), ('/told/', '/told/'), ('/told?', '/told?'), ('/told/a%2Fb/%C3%B6?x=%20&y=+', '/told/a%2Fb/%C3%B6?x=%20&y=+'),
                             ('/told/a/../b//c;d=1', '/told/a/../b//c;d=1'), ("/told/~a'(b)*!,=:@$&", "/told/~a'(b)*!,=:@$&")):
            with self.subTest(path):
                self.assertEqual(self.call('GET', P + path).status, 200)
                self.assertEqual(self.last().target, target)

    def test_06_large_binary(self):
        def memory():
            with open(f'/proc/{self.federation.holder.pid}/status', encoding='ascii') as status:
                return next(int(line.split()[1]) for line in status if line.startswith('VmHWM'))
        self.call('GET', f'{P}/told')
        before = memory()
        got = self.call('GET', f'{P}/test?bytes=13736217')
        self.assertEqual((got.status, len(got.body)), (200, 13736217))
        self.assertEqual(got.header('Content-Type'), 'application/octet-stream')
        if 'asan' not in os.environ.get('COMITY', ''):
            self.assertLess(memory() - before, 8 * 1024, 'the body was held in memory')

    def test_07_redirect(self):
        got = self.call('GET', f'{P}/moved')
        self.assertEqual((got.status, got.header('Location')), (302, f'{P}/notexists'))

    def test_08_soap(self):
        self.assert_error(self.call('GET', f'{P}/wsdl'), 'server.serverproxy.service_type')

    def test_09_method_without_right(self):
        self.assertEqual(self.call('GET', f'{P}/service').status, 200)
        self.assert_error(self.call('PATCH', f'{P}/service', {**C, **JSON}, BODY), 'server.serverproxy.access_denied')

    def test_10_11_12_accept(self):
        for accept, content_type, start in ((None, 'application/json', b'{'), ('application/json;charset=utf-8', 'application/json', b'{'),
                                            ('application/xml', 'application/xml;charset=utf-8', b'<?xml'),
                                            ('text/xml, application/xml', 'text/xml;charset=utf-8', b'<?xml'),
                                            ('application/problem+json', 'application/problem+json', b'{')):
            with self.subTest(accept):
                got = self.call('GET', f'{P}/wsdl', {**C, 'Accept': accept} if accept else C)
                self.assert_error(got, 'server.serverproxy.service_type', content_type=content_type)
                self.assertTrue(got.body.startswith(start), got)
                if start == b'<?xml':
                    self.assertIn(b'<error><type>server.serverproxy.service_type</type><message>', got.body)
                if content_type.startswith('application/problem'):
                    self.assertLessEqual({'type', 'title', 'status', 'detail', 'message', 'reason', 'exchange'}, set(got.json()))

    def test_13_only_one_address_listens(self):
        """The other addresses do not resolve, or refuse. Malformed ones don't get into a directory at all."""
        holder = self.federation.holder
        nobody = free_ports(1)[0]
        for malformed in ('127.0.0,78', '\ufeffzero\u200b.width'):
            with self.assertRaisesRegex(Trouble, 'addresses'):
                self.change_addresses([f'{malformed}:{holder.peer_port}'])
        addresses = [f'server.invalid.:{holder.peer_port}', f'[::1]:{nobody}', f'127.0.0.1:{holder.peer_port}']
        self.change_addresses(addresses)
        try:
            self.assertEqual(self.call('GET', f'{P}/told').status, 200)
        finally:
            self.change_addresses([f'127.0.0.1:{holder.peer_port}'])
        self.assertEqual(self.call('GET', f'{P}/told').status, 200)

    def change_addresses(self, addresses):
        def change(draft):
            for member in draft['members']:
                for gateway in member['gateways']:
                    gateway['addresses'] = addresses
        self.federation.baobab.edit(change)
        self.reload()

    def reload(self):
        self.federation.publish()
        before = {gateway: gateway.stderr().count('reloaded') for gateway in (self.federation.holder, self.federation.consumer)}
        for gateway, count in before.items():
            gateway.reload()
        deadline = time.monotonic() + 20
        while any(gateway.stderr().count('reloaded') == count for gateway, count in before.items()):
            self.assertLess(time.monotonic(), deadline, 'the gateways did not say that they reloaded')
            time.sleep(0.02)

    def test_14_tls_key_changes(self):
        holder = self.federation.holder
        self.assertEqual(self.call('GET', f'{P}/told').status, 200)
        old = ssl.get_server_certificate(('127.0.0.1', holder.peer_port))
        keys = holder.folder / 'keys'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj', '/CN=new',
                        '-keyout', keys / 'tls.pem', '-out', keys / 'tls.crt'], check=True, capture_output=True)
        (keys / 'tls.pem').chmod(0o600)
        public = subprocess.run(['openssl', 'x509', '-in', keys / 'tls.crt', '-noout', '-pubkey'], check=True, capture_output=True).stdout
        der = subprocess.run(['openssl', 'pkey', '-pubin', '-outform', 'DER'], input=public, check=True, capture_output=True).stdout
        pin = base64.b64encode(subprocess.run(['openssl', 'dgst', '-sha256', '-binary'], input=der, check=True, capture_output=True).stdout).decode()

        def change(draft):
            for member in draft['members']:
                for gateway in member['gateways']:
                    gateway['tls_pins'].append(pin)
        self.federation.baobab.edit(change)
        self.reload()
        self.assertEqual(self.call('GET', f'{P}/told').status, 200)
        self.assertNotEqual(ssl.get_server_certificate(('127.0.0.1', holder.peer_port)), old)

    def test_15_wrong_version(self):
        count = len(self.service.requests)
        got = self.call('GET', '/r2/Instance/Class/Member/SubSystem/ServiceCode?foo=bar')
        self.assertEqual((got.status, got.header('Content-Type')), (404, 'application/json'))
        self.assertEqual(len(self.service.requests), count)

    def test_16_invalid_verb(self):
        got = self.call('INVALID', f'{P}/told')
        self.assertIn(got.status, (400, 500, 501))
        self.assertIsNotNone(got.error)

    def test_17_represented_party(self):
        for party in ('Class/Member', 'Member'):
            got = self.call('GET', f'{P}/told', {**C, 'X-Road-Represented-Party': party})
            self.assertEqual((got.status, self.last().header('X-Road-Represented-Party')), (200, party))
        self.assert_error(self.call('GET', f'{P}/told', {**C, 'X-Road-Represented-Party': 'a/b/c'}), 'server.clientproxy.internal_error')

    def test_18_slash_in_service_code(self):
        """The page asks to refuse such a code when it is registered, so nobody serves it; but it is read and written right."""
        got = self.call('GET', f'{P}/Service%2FCode')
        self.assert_error(got, 'server.serverproxy.unknown_service')
        self.assertTrue(got.header('X-Road-Service').endswith('/Service%2FCode'), got)

    def test_19_paths_allowed(self):
        for method, path in (('GET', '/api/foo'), ('POST', '/api/test/foo'), ('POST', '/api/t%65st/foo'), ('POST', '/api/test/foo/../bar')):
            with self.subTest(f'{method} {path}'):
                self.assertEqual(self.call(method, f'{P}/paths{path}', C, b'' if method == 'POST' else None).status, 200)

    def test_20_paths_denied(self):
        for method, path in (('POST', '/api/test/foo/bar'), ('POST', '/api/test/../bar'), ('DELETE', '/api/test'), ('GET', '/%2e%2e/secret'),
                             ('GET', '/api/%2e%2e/secret'), ('GET', '/api/../secret'), ('GET', '/../../x')):
            with self.subTest(f'{method} {path}'):
                count = len(self.service.requests)
                got = self.call(method, f'{P}/paths{path}', C, b'' if method == 'POST' else None)
                self.assertIn((got.status, got.error), ((500, 'server.serverproxy.access_denied'), (400, 'client.malformed_target')))
                self.assertEqual(len(self.service.requests), count, 'the service was called')

    # 21 is tests/unit/policy/glob_test.c

    def test_22_list_clients(self):
        got = self.call('GET', '/listClients', {})
        self.assertEqual((got.status, got.header('Content-Type')), (200, 'text/xml; charset=utf-8'))
        self.assertIn(b'http://x-road.eu/xsd/xroad.xsd', got.body)
        self.assertIn(b'objectType="SUBSYSTEM"', got.body)
        got = self.call('GET', '/listClients?xRoadInstance=BAOBAB', {'Accept': 'text/plain, application/json;q=0.2'})
        self.assertEqual(got.header('Content-Type'), 'application/json; charset=utf-8')
        members = got.json()['member']
        self.assertEqual([one['id']['object_type'] for one in members], ['MEMBER', 'SUBSYSTEM'])
        community, kind, code, subsystem = HOLDER.split('/')
        self.assertEqual(members[1]['id'], {'xroad_instance': community, 'member_class': kind, 'member_code': code, 'subsystem_code': subsystem,
                                            'object_type': 'SUBSYSTEM'})
        self.assertNotIn('subsystem_name', members[0])
        self.assertEqual(self.call('GET', '/listClients?xRoadInstance=NOWHERE', {'Accept': 'application/json'}).json(), {'member': []})
        self.assertEqual(self.call('GET', '/listClients', {'Accept': '*/*'}).header('Content-Type'), 'text/xml; charset=utf-8')
        self.assertEqual(self.call('POST', '/listClients', {}, b'').status, 404)

    def test_23_list_methods(self):
        got = self.call('GET', f'{P}/listMethods')
        self.assertEqual((got.status, got.header('Content-Type')), (200, 'application/json'))
        services = {one['service_code']: one for one in got.json()['service']}
        self.assertNotIn('wsdl', services)
        self.assertIn('unowned', services)
        self.assertEqual(services['yaml'], {
            'member_class': 'GOV', 'member_code': 'HOSPITAL', 'object_type': 'SERVICE', 'service_code': 'yaml', 'service_type': 'OPENAPI',
            'subsystem_code': 'RECORDS', 'xroad_instance': 'BAOBAB', 'endpoint_list': [{'method': 'GET', 'path': '/pet/*'}]})
        self.assertEqual(services['echo']['endpoint_list'], [])
        allowed = {one['service_code']: one for one in self.call('GET', f'{P}/allowedMethods').json()['service']}
        self.assertNotIn('unowned', allowed)
        self.assertEqual(allowed['yaml']['endpoint_list'], [{'method': 'GET', 'path': '/pet/*'}])
        self.assertIsNotNone(got.header('X-Road-Request-Hash'))
        self.assert_error(self.call('POST', f'{P}/listMethods', C, b''), 'server.serverproxy.unknown_service')

    def test_24_get_openapi(self):
        got = self.call('GET', f'{P}/getOpenAPI?serviceCode=yaml')
        self.assertEqual((got.status, got.header('Content-Type')), (200, 'text/yaml'))
        self.assertNotIn(b'petstore.swagger.io', got.body)
        self.assertEqual(got.body.count(b'/v1/cats'), 1)
        self.assertIn(b'"3.0.0"', got.body)
        self.assertIn(b"'1'", got.body)
        self.assertIn(b'null', got.body)
        self.assert_error(self.call('GET', f'{P}/getOpenAPI'), 'server.serverproxy.invalid_request')
        for code in ('absent', 'echo', 'lost'):
            self.assert_error(self.call('GET', f'{P}/getOpenAPI?serviceCode={code}'), 'server.serverproxy.internal_error')

    def test_25_service_states(self):
        got = self.call('GET', f'{P}/off')
        self.assert_error(got, 'server.serverproxy.service_disabled')
        self.assertIn('closed on Sundays', got.json()['message'])
        self.assert_error(self.call('GET', f'{P}/absent'), 'server.serverproxy.unknown_service')
        self.assert_error(self.call('GET', f'{P}/unowned'), 'server.serverproxy.access_denied')
        self.assert_error(self.call('GET', f'{P}/nourl'), 'server.serverproxy.service_missing_url')

    def test_27_unknown_holder_client_and_gateway(self):
        self.assert_error(self.call('GET', '/r1/BAOBAB/GOV/NOBODY/RECORDS/echo'), 'server.clientproxy.unknown_member')
        self.assert_error(self.call('GET', '/r1/NOWHERE/GOV/HOSPITAL/RECORDS/echo'), 'server.clientproxy.unknown_member')
        self.assert_error(self.call('GET', f'{P}/echo', {'X-Road-Client': 'AURORA/COM/CLINIC/OTHERS'}), 'server.clientproxy.unknown_member')
        self.assert_error(self.call('GET', f'{P}/echo', {'X-Road-Client': HOLDER}), 'server.clientproxy.unknown_member')
        self.assert_error(self.call('GET', f'{P}/echo', {'X-Road-Client': 'AURORA/COM'}), 'server.clientproxy.internal_error')
        for wanted, error in (('BAOBAB/GOV/HOSPITAL/GW1', None), ('BAOBAB/GOV/HOSPITAL/GW2', 'server.clientproxy.invalid_security_server'),
                              ('nonsense', 'server.clientproxy.invalid_security_server')):
            self.assertEqual(self.call('GET', f'{P}/told', {**C, 'X-Road-Security-Server': wanted}).error, error)

    def test_28_last_client_counts_and_order_is_kept(self):
        got = self.call('GET', f'{P}/told', [('X-Road-Client', 'AURORA/COM/CLINIC/OTHERS'), ('X-One', 'a'), ('x-ROAD-client', CLIENT), ('x-one', ''),
                                             ('X-oNE', 'c'), ('Authorization', 'Bearer not-ours'), ('Cookie', 'k=v'), ('User-Agent', 'app'),
                                             ('X-Road-UserId', 'EE12345678901'), ('Connection', 'X-Private'), ('X-Private', '1'),
                                             ('X-Road-Request-Hash', 'forged'), ('X-Road-Request-Id', 'forged'), ('Comity-Decision', 'forged')])
        self.assertEqual(got.status, 200, got)
        seen = self.last()
        self.assertEqual([pair for pair in seen.headers if pair[0].lower() == 'x-one'], [('X-One', 'a'), ('x-one', ''), ('X-oNE', 'c')])
        self.assertEqual(seen.header('Authorization'), 'Bearer not-ours')
        self.assertEqual((seen.header('Cookie'), seen.header('X-Road-UserId')), ('k=v', 'EE12345678901'))
        for absent in ('User-Agent', 'X-Private', 'Comity-Decision'):
            self.assertIsNone(seen.header(absent), absent)
        self.assertNotIn('forged', [value for _, value in seen.headers])
        self.assertEqual(got.header('X-Road-Client'), CLIENT)

    def test_29_service_cannot_speak_for_the_gateway(self):
        got = self.call('GET', f'{P}/pretender')
        self.assertEqual(got.status, 200)
        for absent in ('X-Road-Error', 'Comity-Reason', 'X-Hop', 'Keep-Alive'):
            self.assertIsNone(got.header(absent), absent)
        self.assertEqual(got.header('X-Road-Service'), f'{HOLDER}/pretender')
        self.assertNotIn('mine', got.header('X-Road-Id'))
        self.assertEqual(got.header('X-Kept'), 'yes')

    def test_30_service_speaks_for_itself(self):
        got = self.call('GET', f'{P}/headed')
        self.assertEqual((got.status, got.error, got.body), (503, None, b'{"a":1}'))
        self.assertEqual([value for name, value in got.headers if name.lower() == 'date'], ['Tue, 20 Apr 2021 02:07:55 GMT'])
        self.assertEqual([value for name, value in got.headers if name.lower() == 'set-cookie'], ['a=1', 'b=2'])

    def test_31_every_method(self):
        for method in ('DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'):
            with self.subTest(method):
                got = self.call(method, f'{P}/told', C, BODY if method in ('PATCH', 'POST', 'PUT', 'DELETE') else None)
                self.assertEqual((got.status, self.last().method), (200, method), got)
                if method in ('PATCH', 'POST', 'PUT', 'DELETE'):
                    self.assertEqual(self.last().body, BODY)

    def test_32_old_spelling(self):
        consumer = self.federation.consumer
        consumer.stop()
        consumer.configure(xroad={'errors': '7.7'})
        consumer.start()
        try:
            self.assert_error(self.call('GET', f'{P}/echo', {}), 'Server.ClientProxy.InvalidClientIdentifier')
        finally:
            consumer.stop()
            consumer.configure(xroad={'errors': '7.8'})
            consumer.start()


class Connections(unittest.TestCase):
    """Case 26, and how a client proves itself."""

    @classmethod
    def setUpClass(cls):
        cls.federation = Federation()
        cls.federation.make()
        consumer = cls.federation.consumer
        cls.tls_port, cls.own_port = free_ports(2)
        keys = consumer.folder / 'keys'
        for name in ('front', 'app', 'stranger'):
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', f'/CN={name}', '-keyout',
                            keys / f'{name}.pem', '-out', keys / f'{name}.crt'], check=True, capture_output=True)
            (keys / f'{name}.pem').chmod(0o600)
        cls.keys = keys
        consumer.configure(listen={
            'peers': f'127.0.0.1:{consumer.peer_port}', 'management': f'127.0.0.1:{consumer.management_port}',
            'applications': [{'address': f'127.0.0.1:{consumer.application_port}'},
                             {'address': f'127.0.0.1:{cls.tls_port}', 'tls': {'certificate': 'keys/front.crt', 'key': 'keys/front.pem'}},
                             {'address': f'127.0.0.1:{cls.own_port}', 'subsystem': CLIENT}]})
        cls.federation.start()

    @classmethod
    def tearDownClass(cls):
        cls.federation.__exit__(None)

    def apply(self, **client):
        consumer = self.federation.consumer
        path = consumer.folder / 'clients.yaml'
        path.write_text(json.dumps({'clients': [{'subsystem': CLIENT, **client}]}))
        consumer.run('apply', path)

    def call(self, is_tls=False, certificate=None, **headers):
        target = self.federation.path(service='echo', rest='/x')
        sent = {**C, **{name.replace('_', '-'): value for name, value in headers.items()}}
        if not is_tls:
            return http_request(self.federation.consumer.application_port, 'GET', target, sent)
        import http.client
        context = ssl.create_default_context(cafile=self.keys / 'front.crt')
        context.check_hostname = False
        if certificate:
            context.load_cert_chain(self.keys / f'{certificate}.crt', self.keys / f'{certificate}.pem')
        connection = http.client.HTTPSConnection('127.0.0.1', self.tls_port, context=context, timeout=30)
        try:
            return http_request(0, 'GET', target, sent, connection=connection)
        finally:
            connection.close()

    def refused(self, got):
        self.assertEqual((got.status, got.error), (500, 'server.clientproxy.ssl_authentication_failed'), got)
        self.assertEqual(got.reason, 'client.unproven')

    def test_26_connection_types(self):
        self.apply(connection='http')
        self.assertEqual(self.call().status, 200)
        self.assertEqual(self.call(True).status, 200)
        self.apply(connection='https_no_auth')
        self.refused(self.call())
        self.assertEqual(self.call(True).status, 200)
        self.apply(connection='https', certificates=[str(self.keys / 'app.crt')])
        self.refused(self.call())
        self.refused(self.call(True))
        self.refused(self.call(True, 'stranger'))
        self.assertEqual(self.call(True, 'app').status, 200)

    def test_listener_that_stands_for_a_subsystem(self):
        other = 'AURORA/COM/CLINIC/NURSES'
        consumer = self.federation.consumer
        path = consumer.folder / 'clients.yaml'
        path.write_text(json.dumps({'clients': [{'subsystem': CLIENT, 'connection': 'http'}, {'subsystem': other, 'connection': 'http'}]}))
        consumer.run('apply', path)
        target = self.federation.path(service='echo', rest='/x')
        self.assertEqual(http_request(self.own_port, 'GET', target, C).status, 200)
        self.refused(http_request(self.own_port, 'GET', target, {'X-Road-Client': other}))

    def test_bearer_token(self):
        import hashlib
        self.apply(connection='http', tokens=['sha256:' + hashlib.sha256(b'a-token-of-the-doctors').hexdigest()])
        self.refused(self.call())
        self.refused(self.call(Authorization='Bearer another'))
        self.refused(self.call(Authorization='Basic a-token-of-the-doctors'))
        got = self.call(Proxy_Authorization='Bearer a-token-of-the-doctors', Authorization='Bearer of-the-service')
        self.assertEqual(got.status, 200, got)
        headers = dict(map(tuple, got.json()['headers']))
        self.assertEqual((headers.get('Authorization'), headers.get('Proxy-Authorization')), ('Bearer of-the-service', None))
        got = self.call(Authorization='Bearer a-token-of-the-doctors')
        self.assertEqual(got.status, 200)
        self.assertNotIn('a-token-of-the-doctors', got.body.decode(), 'the token reached the service')


if __name__ == '__main__':
    unittest.main()
