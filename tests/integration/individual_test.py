"""`evidence: individual`: each message is signed by itself as well, and both sides refuse one that is not."""
import base64
import shutil
import subprocess
import time
import unittest

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

import peer
from comity import CLIENT, COMMAND, HOLDER, PATIENCE, PERSON, Federation, consumer_policy, holder_policy

SERVICE = f'{HOLDER}/patients'


def asking_policy():
    return {**consumer_policy(), 'calls': [{'service': SERVICE, 'evidence': 'individual'}]}


def bend_signature(message, change):
    """Changes the field Signature that the gateway's part of the message has."""
    message.fields = [(name, change(value) if name == 'signature' else value) for name, value in message.fields]


def bent(identity, other):
    """Every way in which a message's own signature is wrong: (name, function that signs the stated message, the reason)."""
    def over_another(message):
        return identity.sign(message, base=peer.individual_base(other()))

    def other_components(message):
        parameters = message.signature_input.removeprefix('comity=').replace('tlog-ed25519', 'ed25519').replace('"content-digest" ', '', 1)
        lines = [f'"{name}"{";req" if of_request else ""}: {value}' for name, of_request, value in message.components()
                 if name != 'content-digest' or of_request]
        base = '\n'.join([*lines, f'"@signature-params": {parameters}']).encode()
        return identity.sign(message, base=base, parameters=parameters)

    def other_time(message):
        mine = message.signature_input.removeprefix('comity=').replace('tlog-ed25519', 'ed25519')
        parameters = mine.replace(f';created={mine.split(";created=")[1].split(";")[0]}', f';created={int(time.time()) + 5}')
        return identity.sign(message, base=message.statement(parameters), parameters=parameters)

    def twice(message):
        return identity.sign(identity.sign(message))

    def lonely(message):
        message = identity.sign(message)
        message.set('signature-input', None)
        return message

    def as_checkpoint(message):
        return identity.sign(message, base=peer.note_open(identity.checkpoint(), identity.vkey).encode())

    def the_statement_itself(message):
        return identity.sign(message, base=message.statement(message.signature_input.removeprefix('comity=')))

    def changed(change):
        def sign(message):
            message = identity.sign(message)
            bend_signature(message, change)
            return message
        return sign

    invalid, missing = 'receipt.individual_invalid', 'receipt.individual_missing'
    return [
        ('none', lambda message: message, missing),
        ('another label', lambda message: identity.sign(message, label='sig1'), missing),
        ('another key', lambda message: identity.sign(message, key=Ed25519PrivateKey.generate()), invalid),
        ('another message', over_another, invalid), ('other components', other_components, invalid), ('another time', other_time, invalid),
        ('twice', twice, invalid), ('without its input', lonely, invalid), ('a checkpoint', as_checkpoint, invalid),
        ('the statement with its own alg', the_statement_itself, invalid),
        ('cut', changed(lambda value: value[:-5] + ':'), invalid), ('no bytes', changed(lambda value: value[:value.index('=:') + 2] + ':'), invalid),
        ('no base64', changed(lambda value: value.replace('=:', '=:!', 1)), invalid), ('no item', changed(lambda value: value.rstrip(':')), invalid),
        ('a parameter behind it', changed(lambda value: value + ';a=1'), invalid),
    ]


class Pair(unittest.TestCase):
    """Two real gateways."""

    def setUp(self):
        self.federation = Federation()
        self.federation.__enter__()
        self.addCleanup(self.federation.__exit__, None, None, None)
        self.federation.give_consent()
        self.consumer, self.holder = self.federation.consumer, self.federation.holder
        self.asked = holder_policy(self.federation.service_url, evidence='individual')

    def newest(self, gateway, kind):
        return [e for e in gateway.run_json('log', 'show', '--last', 20)['entries'] if e['kind'] == kind][-1]['index']

    def part(self, gateway, index, part):
        """The bytes; None when the entry has none."""
        done = subprocess.run([gateway.command or COMMAND, '-C', str(gateway.folder), 'log', 'show', str(index), '--part', part],
                              capture_output=True, check=False, timeout=PATIENCE)
        return done.stdout if done.returncode == 0 else None

    def test_the_holder_asks_the_consumer_learns_it_from_the_refusal_and_its_operator_sets_it(self):
        self.holder.apply(self.asked)
        got = self.federation.ask()
        self.assertEqual((got.status, got.reason), (500, 'receipt.individual_missing'), got)
        self.assertIn(b'calls', got.body)
        self.assertEqual(len(self.federation.service.requests), 0)
        self.consumer.apply(asking_policy())
        got = self.federation.ask()
        self.assertEqual((got.status, got.reason), (200, None), got)
        self.assertIsNone(got.header('Signature'))
        self.assertNotIn('signature', [name.lower() for name, _ in self.federation.service.requests[-1].headers])
        self.assertEqual(self.federation.ask(service='echo', rest='/x').status, 200)  # another service of the same holder: as ever
        for gateway in (self.consumer, self.holder):
            gateway.log_verify()
            told = gateway.run_json('log', 'replay')
            self.assertEqual(told['different'], 0, told)

    def test_the_consumer_asks_and_the_holder_signs_too(self):
        self.consumer.apply(asking_policy())
        self.assertEqual(self.federation.ask().status, 200)
        for gateway, kind in ((self.consumer, 'request-sent'), (self.consumer, 'answer-received'), (self.holder, 'answer-sent'),
                              (self.holder, 'decision')):
            index = self.newest(gateway, kind)
            with self.subTest(kind=kind):
                signer = self.holder if kind.startswith('answer') else self.consumer
                key = Ed25519PublicKey.from_public_bytes(peer.vkey_parse(signer.statement_key)[1])
                key.verify(self.part(gateway, index, 'signature'), self.part(gateway, index, 'signed'))
        got = self.federation.ask(service='echo', rest='/x')
        self.assertEqual(got.status, 200)
        self.assertIsNone(self.part(self.consumer, self.newest(self.consumer, 'answer-received'), 'signature'))

    def test_verifying_a_log_checks_what_lies_beside_its_records(self):
        self.consumer.apply(asking_policy())
        self.assertEqual(self.federation.ask().status, 200)
        for gateway in (self.consumer, self.holder):
            gateway.stop()
            gateway.log_verify()
            archive = gateway.folder / 'archive'
            archive.rename(gateway.folder / 'aside')
            told = gateway.run_json('log', 'verify', expect=1)
            self.assertEqual(told['fault_count'], 1, told)
            self.assertIn('no directory in the archive has the key', told['faults'][0]['what'])
            shutil.rmtree(archive, ignore_errors=True)
            (gateway.folder / 'aside').rename(archive)
            gateway.log_verify()

    def test_refusals_are_signed_too(self):
        self.consumer.apply(asking_policy())
        got = self.federation.ask(person='PNR-unknown')
        self.assertEqual(got.status, 500)
        self.assertTrue(got.reason.startswith('consent.'), got)

    def test_audit_sees_the_receivers_of_signed_requests(self):
        self.consumer.apply(asking_policy())
        self.assertEqual(self.federation.ask().status, 200)
        told = self.consumer.run_json('log', 'audit', '--peer', self.holder.origin)
        self.assertEqual((told['requests_sent'], told['receipts'], told['faults'], told['unclear']), (1, 1, 0, 0), told)


class RealHolder(unittest.TestCase):
    """The hospital's gateway is real; the clinic's is played."""

    @classmethod
    def setUpClass(cls):
        cls.federation = Federation()
        cls.federation.__enter__()
        cls.addClassCleanup(cls.federation.__exit__, None, None, None)
        cls.federation.give_consent()
        cls.federation.consumer.stop()
        cls.holder = cls.federation.holder
        cls.holder.apply(holder_policy(cls.federation.service_url, evidence='individual'))
        cls.identity = peer.Identity(cls.federation.consumer.folder, cls.federation.consumer.origin)

    def stated(self, fields=(), **state):
        request = self.identity.request('GET', self.federation.path(PERSON), [('X-Road-Client', CLIENT), *fields],
                                        authority=f'127.0.0.1:{self.holder.peer_port}')
        return self.identity.state(request, **state)

    def ask(self, message):
        with peer.PeerClient(self.identity, self.holder.peer_port) as client:
            return client.ask(message)

    def refused(self, message, reason):
        before, size = len(self.federation.service.requests), self.holder.metric('comity_evidence_log_entries')
        answer = self.ask(message)
        self.assertEqual((answer.status, answer.get('comity-reason')), (500, reason), answer.fields)
        self.assertEqual(len(self.federation.service.requests), before, 'the service was called')
        self.assertGreaterEqual(self.holder.metric('comity_evidence_log_entries'), size + 2)
        peer.verify_individual(answer, self.holder.statement_key)

    def tearDown(self):
        answer = self.ask(self.identity.sign(self.stated()))
        self.assertEqual(answer.status, 200, answer.fields)
        peer.verify_individual(answer, self.holder.statement_key)

    def test_what_is_wrong_is_refused_logged_and_signed(self):
        def other():
            message = self.stated()
            return message.statement(message.signature_input.removeprefix('comity='))

        for name, sign, reason in bent(self.identity, other):
            with self.subTest(name):
                self.refused(sign(self.stated()), reason)

    def test_a_body_that_was_changed(self):
        message = self.identity.sign(self.stated())
        message.body = b'{"a":2}'
        self.refused(message, 'digest.mismatch')
        message = self.identity.sign(self.stated())
        message.body = b'{"a":2}'
        message.fields = [(n, peer.digest_field('sha-256', message.body) if n == 'content-digest' else v) for n, v in message.fields]
        self.refused(message, 'receipt.invalid')

    def test_one_that_is_too_old(self):
        self.refused(self.identity.sign(self.stated(created=int(time.time()) - 3600)), 'replay.time')

    def test_an_applications_own_signature_is_left_alone(self):
        for name, value in (('Signature-Input', 'sig1=("@method");created=1'), ('Signature', 'sig1=:AAAA:'),
                            ('Signature', f'{peer.INDIVIDUAL}=:AAAA:'), ('Signature-Input', f'{peer.INDIVIDUAL}=("@method")')):
            with self.subTest(value):
                answer = self.ask(self.identity.sign(self.stated([(name, value)])))
                self.assertEqual(answer.status, 200, answer.fields)
                self.assertIn((name, value), self.federation.service.requests[-1].headers)
                self.refused(self.stated([(name, value)]), 'receipt.individual_missing')

    def test_a_broken_one_is_refused_also_where_none_is_asked(self):
        request = self.identity.request('GET', self.federation.path(service='echo', rest='/x'), [('X-Road-Client', CLIENT)],
                                        authority=f'127.0.0.1:{self.holder.peer_port}')
        self.refused(self.identity.sign(self.identity.state(request), key=Ed25519PrivateKey.generate()), 'receipt.individual_invalid')
        request = self.identity.request('GET', self.federation.path(service='echo', rest='/x'), [('X-Road-Client', CLIENT)],
                                        authority=f'127.0.0.1:{self.holder.peer_port}')
        answer = self.ask(self.identity.state(request))
        self.assertEqual((answer.status, answer.own_signature()), (200, None))


class RealConsumer(unittest.TestCase):
    """The clinic's gateway is real and asks; the hospital's is played."""

    @classmethod
    def setUpClass(cls):
        cls.federation = Federation()
        cls.federation.__enter__()
        cls.addClassCleanup(cls.federation.__exit__, None, None, None)
        cls.federation.holder.stop()
        cls.federation.consumer.apply(asking_policy())
        cls.identity = peer.Identity(cls.federation.holder.folder, cls.federation.holder.origin)
        cls.sign = None
        cls.server = peer.PeerServer(cls.identity, cls.federation.holder.peer_port, lambda server, request: cls.play(server, request),
                                     trusted=cls.federation.consumer.folder / 'keys/tls.crt')
        cls.addClassCleanup(cls.server.close)

    @classmethod
    def play(cls, _, request):
        fields = [('Content-Type', 'application/json'), *cls.own_fields]
        return cls.sign(cls.identity.state(cls.identity.answer(request, 200, fields, b'{"status":"fine"}')))

    def ask(self, sign, own_fields=(), **more):
        type(self).sign, type(self).own_fields = staticmethod(sign), own_fields
        return self.federation.ask(**more)

    def test_its_request_is_signed(self):
        got = self.ask(self.identity.sign)
        self.assertEqual((got.status, got.json()), (200, {'status': 'fine'}), got)
        peer.verify_individual(self.server.requests[-1], self.federation.consumer.statement_key)
        got = self.ask(lambda message: message, service='echo', rest='/x')
        self.assertEqual(got.status, 200, got)
        self.assertIsNone(self.server.requests[-1].own_signature())

    def test_an_answer_that_is_not_signed_well_is_refused(self):
        old = []

        def other():
            return old[-1]

        def keep(message):
            old.append(message.statement(message.signature_input.removeprefix('comity=')))
            return self.identity.sign(message)

        self.assertEqual(self.ask(keep).status, 200)
        for name, sign, reason in bent(self.identity, other):
            with self.subTest(name):
                got = self.ask(sign)
                self.assertEqual((got.status, got.reason), (500, reason), got)
                self.assertNotIn(b'fine', got.body)

    def test_a_broken_one_is_refused_also_where_none_is_asked(self):
        got = self.ask(lambda message: self.identity.sign(message, key=Ed25519PrivateKey.generate()), service='echo', rest='/x')
        self.assertEqual(got.reason, 'receipt.individual_invalid')

    def test_the_services_own_signature_is_left_alone(self):
        own = ('Signature', f'{peer.INDIVIDUAL}=:{base64.b64encode(bytes(64)).decode()}:')
        got = self.ask(lambda message: message, [own], service='echo', rest='/x')
        self.assertEqual((got.status, got.header('Signature')), (200, own[1]), got)
        got = self.ask(self.identity.sign, [own])
        self.assertEqual((got.status, got.header('Signature')), (200, own[1]), got)
        got = self.ask(lambda message: message, [own])
        self.assertEqual((got.status, got.reason), (500, 'receipt.individual_missing'), got)


if __name__ == '__main__':
    unittest.main()
