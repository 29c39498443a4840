"""Release by field through two gateways: values that are transformed, what the answer says of it, and answers made to get past the cut."""
import gzip
import json
import os
import tempfile
import time
import unittest

import service as behaviours
from comity import ADDRESS, CLIENT, HOLDER, IMMUNISATIONS, NAME, PERSON, PURPOSE, Federation, holder_policy, run_command

BORN, AGES, NUMBER = 'pd:BirthDate', 'pd:AgeRange', 'pd:UID'
ANSWER = {'name': 'Kim Example', 'born': '1980-02-29', 'phone': '+254700000123', 'place': {'lat': -1.2921, 'lon': 36.8219},
          'number': 'EE-38001010014-and-more', 'seen': '2027-03-01T09:15:02Z', 'unmapped': 'secret'}


def short(iris):
    """The names behind the last '#' of a list of IRIs, with what stands behind them."""
    return [item.rsplit('#', 1)[-1] for item in (iris or '').split(', ') if item]


class Release(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.federation = Federation()
        cls.federation.make()
        policy = holder_policy(cls.federation.service_url)
        policy['categories'] += [{'id': BORN}, {'id': AGES, 'sensitive': False}, {'id': NUMBER}]
        service = {
            'url': f'{cls.federation.service_url}/persons', 'person': {'in': 'path', 'template': '/{person}/**'},
            'purposes': [PURPOSE], 'default_purpose': PURPOSE,
            'releases': [{'category': NAME}, {'category': BORN}, {'category': AGES, 'basis': 'statutory_duty', 'law_ref': 'Registers Act, section 1'},
                         {'category': ADDRESS, 'transform': {'kind': 'coarsen_place', 'decimals': 1}}, {'category': NUMBER},
                         {'category': IMMUNISATIONS}],
            'fields': [{'path': '$.name', 'category': NAME}, {'path': '$.place', 'category': ADDRESS},
                       {'path': '$.born', 'category': BORN, 'transform': {'kind': 'age_band', 'bands': [0, 18, 40, 100], 'as': AGES}},
                       {'path': '$.phone', 'category': ADDRESS, 'transform': {'kind': 'mask', 'last': 3}},
                       {'path': '$.number', 'category': NUMBER, 'transform': {'kind': 'pseudonym'}},
                       {'path': "$['seen']", 'category': IMMUNISATIONS, 'transform': {'kind': 'date_to_year'}}],
            'rights': [{'subject': CLIENT, 'method': '*', 'path': '/**'}]}
        policy['services'] += [{**service, 'id': f'{HOLDER}/persons'},
                               {**service, 'id': f'{HOLDER}/telling', 'disclose_withheld': 'fields'},
                               {**service, 'id': f'{HOLDER}/silent', 'disclose_withheld': 'nothing'}]
        cls.federation.holder.apply(policy)
        cls.federation.start()
        cls.federation.give_consent(categories=[NAME, ADDRESS, NUMBER, IMMUNISATIONS])
        cls.everything = 'PNR-all'
        cls.federation.give_consent(cls.everything, [NAME, ADDRESS, NUMBER, IMMUNISATIONS, BORN])
        cls.answers(ANSWER)

    @classmethod
    def tearDownClass(cls):
        try:
            for gateway in (cls.federation.consumer, cls.federation.holder):
                gateway.stop()
                gateway.log_verify()
            secret = os.path.join(cls.federation.holder.folder, 'keys', 'pseudonym.key')
            with open(secret, encoding='ascii') as file:
                text = file.read().strip()
            if os.stat(secret).st_mode & 0o777 != 0o600 or len(text) != 64:
                raise AssertionError('the secret of pseudonyms is no secret')
            if text in cls.federation.holder.stderr():
                raise AssertionError('the secret of pseudonyms is in the diagnostics')
            replayed = cls.federation.holder.run_json('log', 'replay')
            if replayed.get('different'):
                raise AssertionError(replayed)
        finally:
            cls.federation.__exit__(None)

    @classmethod
    def answers(cls, body, content_type='application/json', headers=()):
        cls.federation.service.by_path = [(prefix, one) for prefix, one in cls.federation.service.by_path if prefix != '/persons']
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        cls.federation.service.on('/persons', behaviours.answer(raw, 200, headers, content_type))

    def setUp(self):
        self.answers(ANSWER)

    def ask(self, person=PERSON, service='persons'):
        return self.federation.ask(service=service, rest=f'/{person}/record')

    def test_transformed(self):
        got = self.ask()
        self.assertEqual(got.status, 200, got)
        told = got.json()
        pseudonym = told.pop('number')
        self.assertRegex(pseudonym, r'^[A-Za-z0-9_-]{22}$')
        self.assertEqual(told, {'name': 'Kim Example', 'born': '40-99', 'phone': '**********123', 'place': {'lat': -1.2, 'lon': 36.8}, 'seen': '2027'})
        self.assertEqual(short(got.header('Comity-Released')), ['Name', 'AgeRange', 'PhysicalAddress', 'UID', 'Immunisations'])
        self.assertEqual(short(got.header('Comity-Transformed')),
                         ['AgeRange;by=age_band', 'PhysicalAddress;by=mask', 'PhysicalAddress;by=coarsen_place', 'UID;by=pseudonym',
                          'Immunisations;by=date_to_year'])
        self.assertEqual(short(got.header('Comity-Withheld')), ['BirthDate;reason=consent.none'])
        self.assertIsNone(got.header('Comity-Withheld-Fields'))
        self.assertEqual(self.ask(self.everything).json()['number'], pseudonym, 'the same value is the same for one recipient')
        self.assertLessEqual(len(got.body), len(json.dumps(ANSWER)))

    def test_the_evidence_says_how(self):
        exchange = self.ask().header('X-Road-Request-Id')
        time.sleep(1.5)  # until it is published
        with tempfile.TemporaryDirectory() as folder:
            trust, bundle = os.path.join(folder, 'trust'), os.path.join(folder, 'bundle')
            self.federation.holder.run('evidence', 'trust', '--output', trust)
            self.federation.holder.run('evidence', 'export', '--exchange', exchange, '--output', bundle)
            told = run_command('evidence', 'verify', bundle, '--trust', trust).stdout
        self.assertIn('AgeRange (transformed: age_band)', told)
        self.assertIn('PhysicalAddress (transformed: mask, coarsen_place)', told)

    def test_whole_where_its_category_is_permitted(self):
        got = self.ask(self.everything)
        self.assertEqual(got.json()['born'], '1980-02-29')
        self.assertNotIn('AgeRange', got.header('Comity-Released'))
        self.assertIsNone(got.header('Comity-Withheld'))

    def test_what_cannot_be_transformed(self):
        self.answers({**ANSWER, 'born': '1980', 'phone': 254700000123, 'number': '123', 'seen': 'yesterday', 'place': [None, '0101', 36.8219]})
        got = self.ask()
        self.assertEqual(got.json(), {'name': 'Kim Example', 'place': [36.8]})
        self.assertEqual(short(got.header('Comity-Withheld')),
                         ['BirthDate;reason=consent.none', 'AgeRange;reason=release.transform', 'PhysicalAddress;reason=release.transform',
                          'UID;reason=release.transform', 'Immunisations;reason=release.transform'])

    def test_what_is_disclosed(self):
        got = self.ask(service='telling')
        self.assertEqual(got.header('Comity-Withheld-Fields'), '$.born')
        got = self.ask('PNR-nobody', service='telling')
        self.assertEqual((got.status, got.json()), (200, {'born': '40-99'}))
        self.assertEqual(got.header('Comity-Withheld-Fields'), "$.name, $.place, $.born, $.phone, $.number, $['seen']")
        got = self.ask(service='silent')
        self.assertEqual((got.header('Comity-Withheld'), got.header('Comity-Withheld-Fields')), (None, None))
        self.assertIn('AgeRange', got.header('Comity-Released'))

    def test_what_is_no_json_never_leaves_untransformed(self):
        for body, content_type, headers in [
                (b'<person born="1980-02-29"/>', 'application/xml', ()),
                (b'name,born\nKim,1980-02-29\n', 'text/csv', ()),
                (b'plain', 'text/plain', ()),
                (gzip.compress(json.dumps(ANSWER).encode()), 'application/json', [('Content-Encoding', 'gzip')]),
                (gzip.compress(b'0' * 20_000_000), 'application/json', [('Content-Encoding', 'gzip')])]:
            self.answers(body, content_type, headers)
            for person in (PERSON, self.everything):
                got = self.ask(person)
                self.assertEqual((got.status, got.reason), (500, 'release.not_json'), (content_type, got))
                self.assertNotIn(b'1980-02', got.body)  # the year alone may stand in an exchange's id

    def test_encodings_that_are_not_what_they_say(self):
        packed = gzip.compress(json.dumps(ANSWER).encode())
        for headers in ([('Content-Encoding', 'identity')], [('Content-Encoding', 'gzip'), ('Content-Encoding', 'identity')], []):
            self.answers(packed, headers=headers)
            self.assertEqual(self.ask(self.everything).reason, 'release.invalid')
        self.answers(json.dumps(ANSWER).encode('utf-16'), 'application/json; charset=utf-16')
        self.assertEqual(self.ask(self.everything).reason, 'release.invalid')

    def test_answers_made_to_get_past(self):
        for body in (b'{"born":"1980","b\\u006frn":"1980-02-29"}', b'{"name":"x"}{"born":"1980-02-29"}', b'\xef\xbb\xbf{"name":"x"}', b'{"name":"x"',
                     b'{"name":"\\ud800"}', b'{"name":"\xff"}', b'{"name":NaN}', b'[' * 10000 + b']' * 10000, b'{"name":01}'):
            self.answers(body)
            got = self.ask(self.everything)
            self.assertEqual((got.status, got.reason), (500, 'release.invalid'), body[:40])

    def test_escaped_names_are_the_same_names(self):
        self.answers(b'{"\\u0062orn":"1980-02-29","\\u006eame":"\\u004bim","seen":"\\u0032027-03-01"}')
        self.assertEqual(self.ask().json(), {'born': '40-99', 'name': 'Kim', 'seen': '2027'})

    def test_a_large_answer_streams(self):
        self.answers({'name': ['x' * 1000] * 5000, 'phone': ['+254700000123'] * 1000})
        got = self.ask()
        self.assertEqual(got.json(), {'name': ['x' * 1000] * 5000, 'phone': ['**********123'] * 1000})


if __name__ == '__main__':
    unittest.main()
