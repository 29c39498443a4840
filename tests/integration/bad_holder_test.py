"""A holder's gateway that lies: the clinic's gateway is real, the hospital's is played with its keys."""
import base64
import json
import unittest

import peer
from comity import Federation


class BadHolder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.federation = Federation()
        cls.federation.__enter__()
        cls.addClassCleanup(cls.federation.__exit__, None, None, None)
        cls.federation.holder.stop()
        cls.identity = peer.Identity(cls.federation.holder.folder, cls.federation.holder.origin)
        cls.play = None
        cls.server = peer.PeerServer(cls.identity, cls.federation.holder.peer_port, lambda server, request: cls.play(server, request),
                                     trusted=cls.federation.consumer.folder / 'keys/tls.crt')
        cls.addClassCleanup(cls.server.close)

    def ask(self, after=None, before=None, method='GET', **answer):
        """One exchange; `before` bends the answer before it is stated, `after` behind its statement. Returns what came."""
        def play(server, request):
            body = b'' if method == 'HEAD' else b'{"status":"fine"}'
            made = self.identity.answer(request, 200, [('Content-Type', 'application/json')], body, **answer)
            if before is not None:
                before(made)
            self.identity.state(made)
            if after is not None:
                after(made)
            return made

        type(self).play = staticmethod(play)
        return self.federation.ask(method=method)

    def refused(self, got, *reasons):
        self.assertEqual(got.status, 500, got)
        self.assertIn(got.reason, reasons, got)
        self.assertNotIn(b'fine', got.body)

    def tearDown(self):
        got = self.ask()
        self.assertEqual((got.status, got.json()), (200, {'status': 'fine'}), got)

    def test_fields_outside_of_the_statement_do_not_arrive(self):
        got = self.ask(after=lambda made: made.fields.append(('x-road-anything', 'injected')))
        self.assertEqual(got.status, 200)
        self.assertIsNone(got.header('X-Road-Anything'))
        for name, value in (('x-road-error', 'server.serverproxy.access_denied'), ('x-road-client', 'SOMEBODY/ELSE/WHO/X'),
                            ('comity-reason', 'consent.none'), ('x-road-id', 'another'), ('comity-conditions', 'life=P99Y')):
            with self.subTest(name):
                got = self.ask(after=lambda made: made.fields.append((name, value)))
                self.refused(got, 'receipt.invalid')

    def test_conditions_arrive_as_they_were_stated(self):
        got = self.ask(before=lambda made: made.fields.append(('comity-conditions', 'life=P30D, onward=no')))
        self.assertEqual((got.status, got.header('Comity-Conditions')), (200, 'life=P30D, onward=no'))

        def loosen(made):
            made.fields = [(name, 'life=P90D' if name == 'comity-conditions' else value) for name, value in made.fields]
        got = self.ask(before=lambda made: made.fields.append(('comity-conditions', 'life=P30D')), after=loosen)
        self.refused(got, 'receipt.invalid')

    def test_error_without_a_reason(self):
        got = self.ask(before=lambda made: made.fields.append(('x-road-error', 'server.serverproxy.access_denied')))
        self.refused(got, 'answer.inconsistent')

    def test_answer_to_somebody_else(self):
        for name, value in (('x-road-client', 'AURORA/COM/CLINIC/NURSES'), ('x-road-service', 'BAOBAB/GOV/HOSPITAL/RECORDS/other'),
                            ('x-road-id', 'another'), ('x-road-request-hash', 'A' * 86 + '==')):
            with self.subTest(name):
                def bend(made):
                    made.fields = [(one, value if one == name else old) for one, old in made.fields]
                got = self.ask(before=bend)
                self.refused(got, 'answer.inconsistent')

    def test_changed_behind_the_statement(self):
        def body(made):
            made.body = b'{"status":"fake"}'
        got = self.ask(after=body)
        self.refused(got, 'digest.mismatch')
        self.assertNotIn(b'fake', got.body)
        got = self.ask(after=lambda made: setattr(made, 'status', 201))
        self.refused(got, 'receipt.invalid')
        got = self.ask(after=lambda made: made.fields.insert(0, ('x-more', '1')))
        self.refused(got, 'digest.mismatch')

    def test_evidence_that_can_not_be_parted_from_the_body(self):
        for size in ('', '-1', '01', 'x', 'too long', '24577', str(2 ** 64)):
            with self.subTest(size):
                def bend(made):
                    told = str(len(made.evidence() + made.body) + 1) if size == 'too long' else size
                    made.body = made.evidence() + made.body
                    made.set('comity-evidence', told)
                self.refused(self.ask(after=bend), 'peer.message')
        self.refused(self.ask(after=lambda made: setattr(made, 'signature_input', None)), 'receipt.missing')

    def test_evidence_in_its_field(self):
        """Only where HTTP allows no content: and there it must be."""
        def in_field(made):
            made.set('comity-evidence', f':{base64.b64encode(made.evidence()).decode()}:')

        self.refused(self.ask(after=in_field), 'peer.message')
        got = self.ask(method='HEAD')
        self.assertEqual((got.status, got.body), (200, b''), got)
        for value in ('12', ':', '::', ':AA=:', ':' + 'A' * 32772 + ':'):
            with self.subTest(value[:8]):
                got = self.ask(method='HEAD', after=lambda made: made.set('comity-evidence', value))
                self.assertEqual((got.status, got.reason), (500, 'receipt.missing' if value == '::' else 'peer.message'), got)
        for status in (204, 304):
            with self.subTest(status):
                got = self.ask(before=lambda made: setattr(made, 'status', status) or setattr(made, 'body', b'') or made.set(
                    'content-digest', peer.digest_field('sha-256', b'')))
                self.assertEqual((got.status, got.body), (status, b''), got)

    def test_a_stated_request_is_sent_once(self):
        """The line breaks before the answer: a second copy would be a replay in the holder's log."""
        def broken(server, request):
            raise ConnectionError('the line is cut')

        for _ in range(16):  # every worker's line is a kept one
            self.assertEqual(self.ask().status, 200)
        before = len(self.server.requests)
        type(self).play = staticmethod(broken)
        got = self.federation.ask()
        self.refused(got, 'peer.broken', 'peer.unreachable', 'peer.message')
        self.assertEqual(len(self.server.requests), before + 1)
        told = self.federation.consumer.run_json('log', 'show', '--exchange', got.header('X-Road-Request-Id'))
        self.assertIn('peer.', json.dumps(told))


if __name__ == '__main__':
    unittest.main()
