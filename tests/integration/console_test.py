"""The operator's console as a browser without script sees it: every page, every action, each role."""
import json
import re
import unittest

from api import ApiCase
from comity import CLIENT, CLINIC, HOLDER, PERSON, PURPOSE, holder_policy
from visitor import Visitor

PAGES = ('/console', '/console/find', '/console/rules', '/console/tasks')


class Console(ApiCase):
    def staff(self, role):
        visitor = Visitor(self.api.port)
        code = self.api.gateway.run_json('code', 'issue', '--role', role, '--name', f'{role} eve')['code']
        visitor.sign_in(code)
        return visitor

    def page(self, visitor, path, status=200):
        answer = visitor.get(path)
        self.assertEqual(answer.status, status, answer)
        return answer.body.decode()

    def test_who_sees_what(self):
        opens = {'viewer': ('/console', '/console/rules'), 'operator': PAGES, 'officer': PAGES, 'auditor': PAGES}
        for role, pages in opens.items():
            visitor = self.staff(role)
            for page in PAGES:
                with self.subTest(f'{role} {page}'):
                    self.page(visitor, page, 200 if page in pages else 403)
            # The menu offers what is open, and nothing else.
            self.page(visitor, '/console')
            self.assertEqual([link for link in visitor.links() if link in PAGES], list(pages))
        self.assertIn(Visitor(self.api.port).get('/console').status, (302, 303))

    def test_each_language_and_no_key_left(self):
        visitor = self.staff('officer')
        self.api.federation.ask()
        exchange = self.api.call('GET', '/v1/exchanges', who='officer').json()['exchanges'][0]['exchange']
        for language in ('en', 'fr', 'zh', 'ar', 'sw'):
            for path in (*PAGES, f'/console/find/{exchange}'):
                text = self.page(visitor, f'{path}?lang={language}')
                with self.subTest(f'{language} {path}'):
                    self.assertIn(f'<html lang="{language}"', text)
                    self.assertEqual(re.findall(r'\bconsole\.[a-z_]+(?:\.[a-z_-]+)*\b(?!\.js)', re.sub(r'(?:href|src|data-\w+)="[^"]*"', '', text)), [])

    def test_now(self):
        for _ in range(3):
            self.api.federation.ask(service='echo', rest='')
        text = self.page(self.staff('viewer'), '/console')
        self.assertIn('AURORA/COM/CLINIC/GW1', text)
        self.assertIn('● up', text)  # in a word and a shape
        self.assertIn('call-service', text)
        self.assertNotIn(PERSON, text)

    def test_find_and_story(self):
        person = 'PNR-1971-0042'
        self.api.federation.give_consent(person)
        answer = self.api.federation.ask(person)
        self.assertEqual(answer.status, 200)
        exchange = answer.header('X-Road-Request-Id')
        visitor = self.staff('officer')
        text = self.page(visitor, f'/console/find?peer={CLINIC}&reason=&id={exchange}&from=2020-01-01T00:00&until=')
        self.assertIn(exchange, text)
        self.assertIn('let through', text)
        self.assertIn('Nothing was found', self.page(visitor, '/console/find?peer=A/B/C'))
        story = self.page(visitor, f'/console/find/{exchange}')
        self.assertIn('<svg', story)
        self.assertIn('Decided, in the log', story)
        self.assertNotIn(person, story)
        self.assertIn(person, self.page(visitor, f'/console/find/{exchange}?person=true'))
        self.page(self.staff('operator'), f'/console/find/{exchange}?person=true', 403)
        self.page(visitor, '/console/find/00000000-0000-4000-8000-000000000000', 404)
        self.page(visitor, '/console/find?reason=nonsense', 400)

    def test_why_and_what_would_change(self):
        visitor = self.staff('operator')
        self.page(visitor, '/console/rules')
        asked = {'client': CLIENT, 'service': f'{HOLDER}/patients', 'path': '/x/record', 'purpose': PURPOSE}
        answer = visitor.submit('/console/rules/explain', **asked)
        self.assertEqual(answer.status, 200, answer)
        self.assertIn('consent.none', answer.body.decode())
        wrong = visitor.submit('/console/rules/explain', **{**asked, 'service': 'x'})
        self.assertEqual(wrong.status, 400)
        self.assertIn('role="alert"', wrong.body.decode())
        policy = holder_policy('http://127.0.0.1:9')
        del policy['services'][1]
        told = visitor.submit('/console/rules/compare', text=json.dumps(policy))
        self.assertEqual(told.status, 200, told)
        self.assertIn(f'- service {HOLDER}/echo', told.body.decode())
        self.assertEqual(self.api.call('GET', '/v1/rules', who='viewer').json()['version'], 1)  # nothing was applied
        # A viewer has no form for it, and no other way.
        viewer = self.staff('viewer')
        self.page(viewer, '/console/rules')
        self.assertEqual(viewer.forms('/console/rules/compare'), [])

    def test_a_request_is_worked_through(self):
        made = self.api.call('POST', '/v1/requests', {'right': 'access'}, who='PNR-1966-0001').json()
        visitor = self.staff('officer')
        text = self.page(visitor, '/console/tasks')
        self.assertIn('A person asks for a right', text)
        self.assertNotIn('PNR-1966-0001', text)
        answer = visitor.submit('/console/tasks', event='accept')
        self.assertEqual((answer.status, answer.header('Location')), (303, '/console/tasks?told=done'))
        self.page(visitor, '/console/tasks')
        answer = visitor.submit('/console/tasks', event='fulfil', answer='Here is all of it.')
        self.assertEqual(answer.status, 303, answer)
        state = self.api.call('GET', '/v1/requests/' + made['id'], who='PNR-1966-0001').json()
        self.assertEqual((state['state'], state['answer']), ('fulfilled', 'Here is all of it.'))
        # Without the token of the form nothing is done.
        self.assertEqual(visitor.post('/console/tasks', {'act': 'review', 'id': 'v-1', 'verdict': 'justified'}).status, 403)
        self.assertEqual(self.page(self.staff('operator'), '/console/tasks').count('name="act" value="request"'), 0)

    def test_script_in_names(self):
        hostile = '"><script>alert(1)</script>'
        visitor = self.staff('operator')
        for query in ('id', 'peer', 'service', 'reason', 'from'):
            answer = visitor.get(f'/console/find?{query}=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E')
            self.assertIn(answer.status, (200, 400))
            self.assertNotIn(hostile, answer.body.decode())
        self.page(visitor, '/console/rules')
        answer = visitor.submit('/console/rules/explain', client=hostile, service=hostile, path=hostile)
        self.assertNotIn('<script>alert', answer.body.decode())


if __name__ == '__main__':
    unittest.main()
