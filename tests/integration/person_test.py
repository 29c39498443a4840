"""A request that names one person to the gateway and another to the service: refused, whoever of them has consented."""
import unittest

from comity import CLIENT, HOLDER, PERSON, Federation, holder_policy, http_request

OTHER = 'PNR-other'  # nobody has consented to this one's data
FORM = 'application/x-www-form-urlencoded'


class Person(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.federation = Federation()
        cls.federation.make()
        policy = holder_policy(cls.federation.service_url)
        patients = policy['services'][0]
        policy['services'] += [
            {**patients, 'id': f'{HOLDER}/by-query', 'person': {'in': 'query', 'name': 'person_id'}},
            {**patients, 'id': f'{HOLDER}/by-header', 'person': {'in': 'header', 'name': 'X-Person'}},
            {**patients, 'id': f'{HOLDER}/by-body', 'person': {'in': 'body', 'name': '/task/id'}},
        ]
        cls.federation.holder.apply(policy)
        cls.federation.start()
        cls.federation.give_consent(PERSON)

    @classmethod
    def tearDownClass(cls):
        try:
            for gateway in (cls.federation.consumer, cls.federation.holder):
                gateway.stop()
                gateway.log_verify()
        finally:
            cls.federation.__exit__(None)

    def ask(self, service, rest='/find', method='GET', body=None, headers=()):
        return http_request(self.federation.consumer.application_port, method, f'/r1/{HOLDER}/{service}{rest}',
                            [('X-Road-Client', CLIENT), *headers], body)

    def passes(self, *request, **options):
        """Found, and consented: the service is asked and all of its answer leaves."""
        before = len(self.federation.service.requests)
        got = self.ask(*request, **options)
        self.assertEqual((got.status, got.reason), (200, None), got)
        self.assertIn(b'E11', got.body)
        self.assertEqual(len(self.federation.service.requests), before + 1)

    def refused(self, *request, reason='person.missing', **options):
        """The service is not even asked. Other reasons: an earlier step of a gateway has refused it."""
        before = len(self.federation.service.requests)
        with self.subTest(request=request, **options):
            got = self.ask(*request, **options)
            self.assertIn(got.status, (400, 500), got)
            self.assertEqual(got.reason, reason, got)
            self.assertNotIn(OTHER.encode(), got.body)
            self.assertEqual(len(self.federation.service.requests), before)

    def test_path(self):
        self.passes('patients', f'/{PERSON}/record')
        self.passes('patients', f'/PNR%2D{PERSON[4:]}/record;v=1')
        for path in (f'/{PERSON}%252e', '/PNR%252D1', f'/{PERSON}/%252e%252e/{OTHER}', f'/{PERSON};{OTHER}', f'/{PERSON}%3B', f'/;x/{PERSON}',
                     f'/%20{PERSON}', f'/{PERSON}%20', f'/{PERSON}%C2%A0', f'/{PERSON}%09',
                     f'/{PERSON}/..%20/{OTHER}', f'/{PERSON}/;x/..', f'/{PERSON}%3Fid={OTHER}'):
            self.refused('patients', path)
        for path in (f'/{PERSON}%00/record', f'/{PERSON}/record%00', f'/{PERSON}/%C0%AE%C0%AE/{OTHER}'):
            self.refused('patients', path, reason='access.denied')  # no right fits such a path

    def test_query(self):
        own = f'/find?person_id={PERSON}'
        self.passes('by-query', own)
        self.passes('by-query', f'/find?a=1&person_id={PERSON}&b=%20c')
        self.passes('by-query', own, method='POST', body=b'{}', headers=[('Content-Type', 'application/json')])
        for more in (f';person_id={OTHER}', f'&a;person_id={OTHER}', f'&person_id={OTHER}', f'&person%5Fid={OTHER}', f'&PERSON_ID={OTHER}',
                     f'&person.id={OTHER}', f'&person%20id={OTHER}', f'&person+id={OTHER}', f'&person-id={OTHER}', f'&person[id={OTHER}',
                     f'&person_id[]={OTHER}', f'&person_id%5Bx%5D={OTHER}', f'&person_id[={OTHER}', f'&person_id%00x={OTHER}',
                     f'&%20person_id={OTHER}', f'&+person_id={OTHER}', f'&person_id%09={OTHER}', '%20'):
            self.refused('by-query', own + more)
        for more in ('&a=%zz', f'&a=%u0026person_id={OTHER}', '&a=%'):
            self.refused('by-query', own + more, reason='request.malformed')
        for name in ('person.id', 'person%5Fid', 'Person_Id', 'person_id[]', '%20person_id'):
            self.refused('by-query', f'/find?{name}={PERSON}')
        self.refused('by-query', f'/find?person_id=%20{PERSON}')

    def test_query_and_form(self):
        own, form = f'/find?person_id={PERSON}', f'person_id={OTHER}'.encode()
        for headers in ([('Content-Type', FORM)], [('Content-Type', f'{FORM}; charset=utf-8')],
                        [('Content-Type', 'multipart/form-data; boundary=x')], []):
            self.refused('by-query', own, method='POST', body=form, headers=headers)
        self.refused('by-query', own, method='POST', body=form, headers=[('Content_Type', FORM)], reason='request.malformed')

    def test_header(self):
        self.passes('by-header', headers=[('X-Person', PERSON)])
        self.passes('by-header', headers=[('x-person', PERSON), ('X-Personal', OTHER)])
        for headers in ([('X-Person', PERSON), ('x-person', OTHER)], [('X-Person', PERSON), ('X.Person', OTHER)],
                        [('X-Person', f'{PERSON},{OTHER}')], [('X-Person', f'{PERSON}, {PERSON}')], [('X-Person', f'{PERSON}\u00a0'.encode())]):
            self.refused('by-header', headers=headers)
        for headers in ([('X-Person', PERSON), ('X_Person', OTHER)], [('X_Person', OTHER), ('X-Person', PERSON)], [('X_Person', PERSON)]):
            self.refused('by-header', headers=headers, reason='request.malformed')

    def with_body(self, check, body, *headers):
        check('by-body', method='POST', body=body.encode(), headers=headers or [('Content-Type', 'application/json')])

    def test_body(self):
        good = '{"task": {"id": "%s", "code": 1}, "by": {"\u00e4": 1}}' % PERSON
        self.with_body(self.passes, good)
        self.with_body(self.passes, good, ('Content-Type', 'application/fhir+json; charset=UTF-8'), ('Content-Encoding', 'identity'))
        for more in ('"Task": {"id": "%s"}', '"TASK": {"id": "%s"}', '"ta\u017fk": {"id": "%s"}', '"tas\\u212a": {"id": "%s"}', '"\u00e4": "%s"',
                     '"task": {"id": "%s"}', '"t\\u0061sk": {"id": "%s"}'):
            self.with_body(self.refused, '{"task": {"id": "%s"}, %s}' % (PERSON, more % OTHER))
            self.with_body(self.refused, '{%s, "task": {"id": "%s"}}' % (more % OTHER, PERSON))
        for inner in ('"ID": "%s"', '"iD": "%s"', '"\u0131d": "%s"', '"id": "%s"'):
            self.with_body(self.refused, '{"task": {"id": "%s", %s}}' % (PERSON, inner % OTHER))
        for value in (f'"{PERSON} "', f'"\\u3000{PERSON}"', f'"\\ufeff{PERSON}"', '9007199254740993'):
            self.with_body(self.refused, '{"task": {"id": %s}}' % value)

    def test_type_of_the_body(self):
        good = '{"task": {"id": "%s"}}' % PERSON
        json = ('Content-Type', 'application/json')
        for headers in ([('Accept', '*/*')], [('Content-Type', FORM)], [('Content-Type', 'text/plain')],
                        [('Content-Type', 'application/json; charset=utf-16')], [('Content-Type', 'application/json; charset=utf-7')],
                        [json, json], [json, ('Content-Encoding', 'gzip')]):
            self.with_body(self.refused, good, *headers)
        for headers in ([('Content_Type', 'application/json')], [json, ('Content_Type', FORM)], [json, ('Content_Encoding', 'gzip')]):
            self.refused('by-body', method='POST', body=good.encode(), headers=headers, reason='request.malformed')


if __name__ == '__main__':
    unittest.main()
