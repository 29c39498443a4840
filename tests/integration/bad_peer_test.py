"""Peers that lie, replay, are unknown, or speak another protocol: played by a script with the keys of a real gateway."""
import base64
import os
import shutil
import socket
import ssl
import subprocess
import time
import unittest
import uuid

import peer
from comity import CLIENT, HOLDER, HOSPITAL, IMMUNISATIONS, PERSON, Community, Federation, Gateway, holder_policy


def replace(message, name, value):
    """In its place: Message.set() moves a field to the end."""
    message.fields = [(one, value if one == name else old) for one, old in message.fields]


class BadPeer(unittest.TestCase):
    """The hospital's gateway is real; the clinic's is played."""

    @classmethod
    def setUpClass(cls):
        cls.federation = Federation()
        cls.federation.__enter__()
        cls.federation.give_consent(categories=[IMMUNISATIONS])
        cls.federation.consumer.stop()
        cls.identity = peer.Identity(cls.federation.consumer.folder, cls.federation.consumer.origin)
        cls.holder = cls.federation.holder

    @classmethod
    def tearDownClass(cls):
        try:
            cls.holder.stop()
            cls.holder.log_verify()
        finally:
            cls.federation.__exit__(None)

    def request(self, fields=(), **more):
        more = {'authority': f'127.0.0.1:{self.holder.peer_port}', **more}
        target = more.pop('target', self.federation.path(PERSON))
        return self.identity.request(more.pop('method', 'GET'), target, [('X-Road-Client', more.pop('client', CLIENT)), *fields], **more)

    def ask(self, message):
        with peer.PeerClient(self.identity, self.holder.peer_port) as client:
            return client.ask(message)

    def assert_refused(self, message, *reasons):
        """Refused with one of the reasons, in a signed and logged answer, and the service was not called."""
        before, size = len(self.federation.service.requests), self.holder.metric('comity_evidence_log_entries')
        answer = self.ask(message)
        self.assertEqual(answer.status, 500, answer.fields)
        self.assertIn(answer.get('comity-reason'), reasons)
        self.assertEqual(len(self.federation.service.requests), before, 'the service was called')
        self.assertGreaterEqual(self.holder.metric('comity_evidence_log_entries'), size + 2)
        peer.verify(answer, self.holder.statement_key)

    def tearDown(self):
        answer = self.ask(self.identity.state(self.request()))
        self.assertEqual(answer.status, 200, answer.fields)

    def test_changed_on_the_way(self):
        for name, change in (('path', lambda m: setattr(m, 'target', m.target + '/more')), ('method', lambda m: setattr(m, 'method', 'DELETE')),
                             ('query', lambda m: setattr(m, 'target', m.target + '?a=1')),
                             ('client', lambda m: replace(m, 'x-road-client', CLIENT + 'X')),
                             ('purpose', lambda m: m.fields.append(('comity-purpose', 'https://w3id.org/dpv#ServiceProvision'))),
                             ('directory', lambda m: m.set('comity-directory', 'AURORA 9 sha-256=:AA==:')),
                             ('digest', lambda m: m.set('content-digest', peer.digest_field('sha-256', b'other')))):
            with self.subTest(name):
                message = self.identity.state(self.request())
                change(message)
                self.assert_refused(message, 'receipt.invalid')

    def test_field_outside_of_the_statement(self):
        """A field that the statement covers only by its head digest."""
        message = self.identity.state(self.request([('X-Note', 'one')]))
        replace(message, 'x-note', 'two')
        self.assert_refused(message, 'digest.mismatch')

    def test_changed_body(self):
        message = self.identity.state(self.request(method='POST', body=b'{"a":1}', target=self.federation.path(service='echo', rest='/x')))
        message.body = b'{"a":2}'
        self.assert_refused(message, 'digest.mismatch')

    def test_receipts(self):
        def other_salt(receipt):
            receipt.salt = os.urandom(32)

        def other_index(receipt):
            receipt.index += 1

        def cut_path(receipt):
            receipt.path = receipt.path[:-1]

        def long_path(receipt):
            receipt.path = receipt.path + [os.urandom(32)] * 60

        def bent_signature(receipt):
            receipt.checkpoint = receipt.checkpoint[:-4] + ('AAA\n' if receipt.checkpoint[-4:-1] != 'AAA' else 'BBB\n')

        for _ in range(3):
            self.identity.log(os.urandom(8))
        for bend in (other_salt, other_index, cut_path, long_path, bent_signature):
            with self.subTest(bend.__name__):
                self.assert_refused(self.identity.state(self.request(), bend=bend), 'receipt.invalid')

    def test_missing_receipt(self):
        message = self.request()
        self.assert_refused(message, 'receipt.missing')
        message = self.identity.state(self.request())
        message.set('comity-evidence', '0')  # announced, and none: as good as absent
        self.assert_refused(message, 'receipt.missing')

    def test_evidence_of_another_form(self):
        """The receiver compares Signature-Input with what it would write: the same said in another way is not taken either."""
        for name, bend in (('no proof', lambda m: setattr(m, 'receipt', '!!!')), ('empty proof', lambda m: setattr(m, 'receipt', '')),
                           ('covers less', lambda m: self.bend_input(m, '"@path" ', '')),
                           ('covers in another order', lambda m: self.bend_input(m, '"@method" "@authority"', '"@authority" "@method"')),
                           ('covers twice', lambda m: self.bend_input(m, '"@path"', '"@path" "@path"')),
                           ('another label', lambda m: self.bend_input(m, 'comity=', 'other=')),
                           ('two labels', lambda m: self.bend_input(m, 'comity=', 'a=(), comity=')),
                           ('spaces', lambda m: self.bend_input(m, ';nonce', '; nonce')),
                           ('expires', lambda m: self.bend_input(m, ';nonce', ';expires=4102444800;nonce')),
                           ('no created', lambda m: self.bend_input(m, ';created', ';expires')),
                           ('leading zero', lambda m: self.bend_input(m, ';created=', ';created=0')),
                           ('another algorithm', lambda m: self.bend_input(m, 'tlog-ed25519', 'ed25519')),
                           ('the tag of an answer', lambda m: self.bend_input(m, 'comity-request/1', 'comity-answer/1')),
                           ('one byte more', lambda m: setattr(m, 'signature_input', m.signature_input + ' '))):
            with self.subTest(name):
                message = self.identity.state(self.request())
                bend(message)
                self.assert_refused(message, 'receipt.invalid')

    @staticmethod
    def bend_input(message, old, new):
        assert old in message.signature_input
        message.signature_input = message.signature_input.replace(old, new, 1)

    def test_evidence_that_can_not_be_parted_from_the_body(self):
        """Refused before there is an exchange: what is evidence and what is body can't be told."""
        for size in ('', '-1', '+1', '01', '1.0', ' ', '0x10', 'too long', '24577', str(2 ** 64), ':AA==:'):
            with self.subTest(size):
                before = len(self.federation.service.requests)
                message = self.identity.state(self.request(method='POST', body=b'{"a":1}', target=self.federation.path(service='echo', rest='/x')))
                message.set('comity-evidence', str(len(message.evidence() + message.body) + 1) if size == 'too long' else size)
                with peer.PeerClient(self.identity, self.holder.peer_port) as client:
                    answer = client.wait(client.send(message, message.evidence() + message.body))
                self.assertEqual((answer.status, answer.get('comity-reason')), (400, 'request.malformed'))
                self.assertEqual(len(self.federation.service.requests), before, 'the service was called')
        twice = self.identity.state(self.request())
        twice.fields += [('comity-evidence', str(len(twice.evidence())))] * 2
        with peer.PeerClient(self.identity, self.holder.peer_port) as client:
            self.assertEqual(client.wait(client.send(twice, twice.evidence())).status, 400)

    def test_body_that_passes_for_evidence(self):
        """A size that is off by one moves a byte from the one to the other: neither proof nor digest holds."""
        for more, reasons in ((1, ('receipt.invalid',)), (-1, ('receipt.invalid',))):
            message = self.identity.state(self.request(method='POST', body=b'{"a":1}', target=self.federation.path(service='echo', rest='/x')))
            content = message.evidence() + message.body
            message.set('comity-evidence', str(len(message.evidence()) + more))
            message.body = content
            self.assert_refused(message, *reasons)

    def test_replay(self):
        request_id = str(uuid.uuid4())
        self.assertEqual(self.ask(self.identity.state(self.request(request_id=request_id))).status, 200)
        self.assert_refused(self.identity.state(self.request(request_id=request_id)), 'replay.seen')

    def test_replay_after_a_restart(self):
        request_id = str(uuid.uuid4())
        self.assertEqual(self.ask(self.identity.state(self.request(request_id=request_id))).status, 200)
        self.holder.kill()
        self.holder.start()
        self.assert_refused(self.identity.state(self.request(request_id=request_id)), 'replay.seen')

    def test_time(self):
        for away in (-3600, 3600):
            self.assert_refused(self.identity.state(self.request(), created=int(time.time()) + away), 'replay.time')

    def test_nonce(self):
        self.assert_refused(self.identity.state(self.request(), nonce=str(uuid.uuid4())), 'receipt.invalid')

    def test_for_another_gateway(self):
        self.assert_refused(self.identity.state(self.request(authority='another.example:5500')), 'receipt.invalid')

    def test_client_of_somebody_else(self):
        for client in (HOLDER, f'{HOSPITAL}', 'AURORA/COM/CLINIC/OTHERS', 'AURORA/COM/OTHER/DOCTORS'):
            with self.subTest(client):
                self.assert_refused(self.identity.state(self.request(client=client)), 'peer.unknown')

    def test_incomplete_messages(self):
        message = self.request()
        message.fields = [pair for pair in message.fields if pair[0] != 'comity-field-names']
        self.assert_refused(self.identity.state(message), 'peer.message')
        message = self.request()
        message.set('comity-field-names', 'X-Road-Client,Host')
        self.assert_refused(self.identity.state(message), 'peer.message')

    def test_invalid_fields_are_not_passed_over(self):
        """nghttp2 drops an invalid field and goes on; a gateway that signs fields must refuse the message."""
        message = self.identity.state(self.request([('X-Note', 'one')]))
        message.fields.insert(0, ('Upper-Case', 'x'))
        self.assert_not_served(message)
        message = self.identity.state(self.request([('X-Note', 'one')]))
        message.fields.append(('x-bad', 'a\x00b'))
        self.assert_not_served(message)

    def assert_not_served(self, message):
        before = len(self.federation.service.requests)
        try:
            answer = self.ask(message)
            self.assertGreaterEqual(answer.status, 400)
        except (ConnectionError, ssl.SSLError):
            pass
        self.assertEqual(len(self.federation.service.requests), before)

    def test_whole_life_of_a_stream_that_is_reset(self):
        """Two hundred requests that nobody waits for: the gateway finishes and logs them, and serves on."""
        with peer.PeerClient(self.identity, self.holder.peer_port) as client:
            for _ in range(200):
                stream = client.send(self.identity.state(self.request()))
                client.h2.reset_stream(stream)
            client.flush()


class OtherCommunity(unittest.TestCase):
    """
    A third community, recognised like the clinic's and before it, whose directory claims what is the clinic's: the pin of its line, and the
    origin of its log, with a key of its own.
    """
    TILL = 'CORAL/COM/SHOP/TILL'

    @classmethod
    def setUpClass(cls):
        cls.federation = federation = Federation()
        federation.make()
        consumer, cls.holder = federation.consumer, federation.holder
        policy = holder_policy(federation.service_url)
        policy['services'][1]['rights'].append({'subject': cls.TILL, 'method': '*', 'path': '/**'})
        cls.holder.apply(policy)
        community = Community(federation.folder / 'operators/coral', 'CORAL')
        shop = Gateway(federation.folder / 'shop', 'CORAL/COM/SHOP')
        community.create()
        shop.init(community.operator)
        shop.origin = consumer.origin
        shop.statement_key = peer.vkey_write(consumer.origin, peer.vkey_parse(shop.statement_key)[1])
        community.add(shop, [cls.TILL])
        community.edit(lambda draft: draft['members'][0]['gateways'][0]['tls_pins'].append(consumer.tls_pin))
        federation.baobab.recognise(community)
        federation.baobab.edit(lambda draft: draft['recognised'].sort(key=lambda one: one['community'] != 'CORAL'))
        community.sign()
        federation.publish()
        shutil.copy(community.note, shop.folder / 'directory.note')
        shutil.copy(community.note, cls.holder.folder / 'foreign' / 'CORAL.note')
        cls.holder.start()
        federation.give_consent(categories=[IMMUNISATIONS])
        cls.clinic = peer.Identity(consumer.folder, consumer.origin)
        cls.shop = peer.Identity(shop.folder, consumer.origin)

    @classmethod
    def tearDownClass(cls):
        try:
            cls.holder.stop()
            cls.holder.log_verify()
        finally:
            cls.federation.__exit__(None)

    def ask(self, identity, client, line=None, target=None):
        """On the line of `line`, if it is another's than the statement's."""
        request = identity.request('GET', target or self.federation.path(service='echo', rest='/x'), [('X-Road-Client', client)],
                                   authority=f'127.0.0.1:{self.holder.peer_port}')
        with peer.PeerClient(line or identity, self.holder.peer_port) as connection:
            answer = connection.ask(identity.state(request))
        peer.verify(answer, self.holder.statement_key)
        return answer

    def assert_refused(self, answer, reason):
        self.assertEqual((answer.status, answer.get('comity-reason')), (500, reason), answer.fields)

    def test_the_clinic_keeps_its_place(self):
        self.assertEqual(self.ask(self.clinic, CLIENT).status, 200)
        answer = self.ask(self.clinic, CLIENT, target=self.federation.path(PERSON))
        self.assertEqual(answer.status, 200, answer.fields)
        self.assertIn(b'immunizations', answer.body)

    def test_it_speaks_for_nobody_else(self):
        self.assertEqual(self.ask(self.shop, self.TILL).status, 200)
        before = len(self.federation.service.requests)
        self.assert_refused(self.ask(self.shop, CLIENT), 'peer.unknown')
        self.assert_refused(self.ask(self.shop, CLIENT, target=self.federation.path(PERSON)), 'peer.unknown')
        # The other's line with one's own statements, either way around.
        self.assert_refused(self.ask(self.shop, CLIENT, line=self.clinic), 'receipt.invalid')
        self.assert_refused(self.ask(self.clinic, self.TILL), 'receipt.invalid')
        self.assert_refused(self.ask(self.clinic, CLIENT, line=self.shop), 'peer.unknown')
        self.assertEqual(len(self.federation.service.requests), before)

    def test_its_log_is_not_taken_for_the_clinics(self):
        """Each is told the newest checkpoint of its own log, although both logs have the same origin."""
        def newest(identity):
            return f'{len(identity.leaves)} {base64.b64encode(peer.tree_root(identity.leaves)).decode()}'

        for _ in range(40):
            self.shop.log(os.urandom(8))
        for identity, client in ((self.shop, self.TILL), (self.clinic, CLIENT), (self.shop, self.TILL), (self.clinic, CLIENT)):
            answer = self.ask(identity, client)
            self.assertEqual(answer.status, 200, answer.fields)
            self.assertEqual(answer.get('comity-peer-checkpoint'), newest(identity))
        self.assertGreater(len(self.shop.leaves), len(self.clinic.leaves))


class Lines(unittest.TestCase):
    """Who gets a line at all."""

    @classmethod
    def setUpClass(cls):
        cls.federation = Federation()
        cls.federation.__enter__()
        cls.holder = cls.federation.holder

    @classmethod
    def tearDownClass(cls):
        cls.federation.__exit__(None)

    def assert_no_line(self, context):
        def use():
            with socket.create_connection(('127.0.0.1', self.holder.peer_port), 10) as plain, context.wrap_socket(plain) as line:
                line.sendall(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + b'\0\0\0\4\0\0\0\0\0')
                while True:
                    data = line.recv(65536)
                    if not data:
                        raise ConnectionError('closed')
                    if data[3:4] == b'\4' and len(data) > 100000:
                        return
        with self.assertRaises((ConnectionError, ssl.SSLError)):
            use()

    def test_unknown_key(self):
        stranger = Gateway(self.federation.folder / 'stranger', 'AURORA/COM/CLINIC')
        stranger.init(self.federation.aurora.operator)
        shutil.copy(self.federation.aurora.note, stranger.folder / 'directory.note')
        self.assert_no_line(peer.tls_context(peer.Identity(stranger.folder, stranger.origin), False))

    def test_no_certificate(self):
        self.assert_no_line(peer.tls_context(None, False))

    def test_tls_1_2(self):
        context = peer.tls_context(peer.Identity(self.federation.consumer.folder, self.federation.consumer.origin), False)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaises((ConnectionError, ssl.SSLError)):
            with socket.create_connection(('127.0.0.1', self.holder.peer_port), 10) as plain:
                context.wrap_socket(plain)

    def test_openssl_agrees(self):
        keys = self.federation.consumer.folder / 'keys'
        base = ['openssl', 's_client', '-connect', f'127.0.0.1:{self.holder.peer_port}', '-alpn', 'h2', '-cert', keys / 'tls.crt', '-key', keys / 'tls.pem']
        done = subprocess.run(base, input=b'', capture_output=True, timeout=30, check=False)
        self.assertIn(b'TLSv1.3', done.stdout)
        self.assertIn(b'ALPN protocol: h2', done.stdout)
        done = subprocess.run([*base, '-tls1_2'], input=b'', capture_output=True, timeout=30, check=False)
        self.assertNotEqual(done.returncode, 0)

    def test_not_tls(self):
        with socket.create_connection(('127.0.0.1', self.holder.peer_port), 10) as plain:
            plain.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            try:
                self.assertNotIn(b' 200 ', plain.recv(65536))
            except ConnectionError:
                pass
        self.assertEqual(self.federation.ask(service='echo', rest='/x').status, 200)

    def test_key_that_is_taken_back(self):
        """The line is open; then the clinic's gateway goes out of its community's directory, and the hospital reloads."""
        federation = self.federation
        self.assertEqual(federation.ask(service='echo', rest='/x').status, 200)
        kept = federation.aurora.draft.read_text()

        def remove(draft):
            for member in draft['members']:
                member['gateways'] = []
        federation.aurora.edit(remove)
        try:
            federation.publish()
            self.reload(self.holder)
            got = federation.ask(service='echo', rest='/x')
            self.assertEqual((got.status, got.reason), (500, 'peer.unknown'), got)
        finally:
            federation.aurora.edit(lambda draft: draft.update(members=__import__('json').loads(kept)['members']))
            federation.publish()
            self.reload(self.holder)
            self.reload(federation.consumer)
        self.assertEqual(federation.ask(service='echo', rest='/x').status, 200)

    def reload(self, gateway):
        count = gateway.stderr().count('reloaded')
        gateway.reload()
        deadline = time.monotonic() + 20
        while gateway.stderr().count('reloaded') == count:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_older_directory(self):
        """A directory that is older than the newest seen is refused, and the one that was there stays."""
        federation, holder = self.federation, self.holder
        old = (holder.folder / 'directory.note').read_bytes()
        federation.publish()
        self.reload(holder)
        self.reload(federation.consumer)
        new = (holder.folder / 'directory.note').read_bytes()
        (holder.folder / 'directory.note').write_bytes(old)
        try:
            holder.reload()
            deadline = time.monotonic() + 20
            while 'older than' not in holder.stderr():
                self.assertLess(time.monotonic(), deadline, holder.stderr()[-2000:])
                time.sleep(0.02)
            self.assertEqual(federation.ask(service='echo', rest='/x').status, 200)
        finally:
            (holder.folder / 'directory.note').write_bytes(new)

    def test_two_texts_under_one_serial(self):
        """An operator that signs another text under a serial that was seen is refused, also after a restart."""
        federation, holder = self.federation, self.holder
        good, draft = (holder.folder / 'directory.note').read_bytes(), federation.baobab.draft.read_text()

        def change(draft):
            draft['serial'] -= 1
            draft['members'][0]['name'] = 'Another Hospital'
        federation.baobab.edit(change)
        federation.baobab.sign()
        shutil.copy(federation.baobab.note, holder.folder / 'directory.note')
        try:
            before = holder.stderr().count('under the same serial')
            holder.reload()
            deadline = time.monotonic() + 20
            while holder.stderr().count('under the same serial') == before:
                self.assertLess(time.monotonic(), deadline, holder.stderr()[-2000:])
                time.sleep(0.02)
            self.assertEqual(federation.ask(service='echo', rest='/x').status, 200)
            holder.stop()
            holder.start(wait=False)
            self.assertNotEqual(holder.end(), 0)
            self.assertGreater(holder.stderr().count('under the same serial'), before + 1)
        finally:
            (holder.folder / 'directory.note').write_bytes(good)
            federation.baobab.draft.write_text(draft)
            if holder.process is None:
                holder.start()
        self.assertEqual(federation.ask(service='echo', rest='/x').status, 200)

    def test_wrongly_signed_directory(self):
        federation, holder = self.federation, self.holder
        good = (holder.folder / 'directory.note').read_text()
        (holder.folder / 'directory.note').write_text(good.replace('"name"', '"nane"', 1))
        try:
            before = holder.stderr().count('reload')
            holder.reload()
            time.sleep(0.5)
            self.assertGreater(holder.stderr().count('reload'), before)
            self.assertEqual(federation.ask(service='echo', rest='/x').status, 200)
        finally:
            (holder.folder / 'directory.note').write_text(good)


class Expiry(unittest.TestCase):
    def test_a_directory_that_ends(self):
        """It serves until the last second, then fails closed, and serves again once there is a new one."""
        federation = Federation()
        federation.make()
        federation.publish('6s')
        with federation:
            self.assertEqual(federation.ask(service='echo', rest='/x').status, 200)
            self.assertIn('ends soon', federation.consumer.stderr())
            time.sleep(7)
            got = federation.ask(service='echo', rest='/x')
            self.assertEqual((got.status, got.reason, got.error), (500, 'directory.expired', 'server.clientproxy.global_conf_outdated'), got)
            self.assertEqual(federation.holder.management('/readyz').status, 503)
            self.assertEqual(federation.holder.management('/healthz').status, 200)
            federation.publish()
            for gateway in (federation.holder, federation.consumer):
                gateway.reload()
            deadline = time.monotonic() + 20
            while federation.ask(service='echo', rest='/x').status != 200:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.1)


if __name__ == '__main__':
    unittest.main()
