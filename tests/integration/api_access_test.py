"""Who may what: the table of docs/reference/api.md is that of the code, and each of its cells is tried against the running API."""
import re
import unittest

from api import ApiCase, token
from comity import PERSON, TOP
from visitor import Visitor

HEX = 'ab' * 32
ROLES = ('anonymous', 'person', 'guardian', 'organisation', 'auditor', 'operator', 'helper', 'viewer', 'officer')
STAFF = ('organisation', 'auditor', 'operator', 'viewer', 'officer')
WORDS = {'': 'no', '-': 'no', 'own': 'own', 'member': 'member', 'redacted': 'redacted', 'all': 'all'}


def table_of_the_page():
    """{(resource, verb): {role: access}} of the page's table."""
    page = (TOP / 'docs/reference/api.md').read_text()
    found = {}
    for line in re.findall(r'^\| `(\w+)` \| `(\w+)` \|(.*)\|$', page, re.MULTILINE):
        cells = [cell.strip() for cell in line[2].split('|')]
        found[line[0], line[1]] = {role: WORDS[cell] for role, cell in zip(ROLES, cells)}
    return found


class Access(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.document = cls.api.call('GET', '/v1/openapi.json').json()
        made = cls.api.call('POST', '/v1/guardianships', {'role': 'guardian', 'representative': 'PNR-G', 'relation': 'mother', 'evidence': HEX, 'proof': HEX},
                            who='officer', headers={'Comity-Person': PERSON}).json()
        cls.callers = {'anonymous': {}, 'person': cls.api.authorization(PERSON),
                       'guardian': {**cls.api.authorization('PNR-G'), 'Comity-Guardianship': made['id']}, 'organisation': cls.api.authorization('ward'),
                       **{role: cls.api.authorization(role) for role in ('auditor', 'operator', 'viewer', 'officer')}}

        cls.guardianship = made['id']

    def session(self, role):
        """Headers of somebody signed in by a code, as this role."""
        options = {'person': (), 'guardian': ('--guardianship', self.guardianship)}.get(role, ('--name', 'eve'))
        is_of_person = role in ('person', 'guardian', 'helper')
        code = self.api.gateway.run_json('code', 'issue', '--role', role, *options, *(('--person', '-') if is_of_person else ()),
                                         stdin=PERSON if is_of_person else '')['code']
        visitor = Visitor(self.api.port)
        self.assertEqual(visitor.sign_in(code).status, 303)
        return {'Cookie': f'comity={visitor.cookies["comity"]}', 'Comity-CSRF': visitor.csrf(), 'Sec-Fetch-Site': 'same-origin'}

    def operations(self):
        for path, operations in self.document['paths'].items():
            for method, operation in operations.items():
                yield method.upper(), path, operation

    def test_the_page_is_the_code(self):
        page = table_of_the_page()
        seen = set()
        for method, path, operation in self.operations():
            key = operation['x-comity-resource'], operation['x-comity-verb']
            seen.add(key)
            with self.subTest(f'{method} {path}'):
                said = {role: operation['x-comity-access'].get(role, 'no') for role in ROLES}
                self.assertEqual(page.get(key), said)
        self.assertGreater(len(seen), 20)

    def try_all(self, role, head):
        """Every operation: refused as the table says, and by nothing else where it lets one in. How many were tried."""
        tried = 0
        for method, path, operation in self.operations():
            target = re.sub(r'\{\w+\}', 'none', path)
            if 'text/event-stream' in operation['responses'].get('200', {}).get('content', {}):
                target += '?events=1'  # else it does not end
            if operation['operationId'] == 'endSessions' and 'Cookie' in head:
                continue  # it would be the end of this; below
            body = {} if operation.get('requestBody') else None
            answer = self.api.call(method, target, body, headers={**head, **({'Comity-Person': PERSON} if role in STAFF else {})})
            is_allowed = operation['x-comity-access'].get(role, 'no') != 'no'
            with self.subTest(f'{role}: {method} {path}'):
                if is_allowed:
                    self.assertNotIn(answer.status, (401, 500), answer)
                    self.assertFalse(answer.status == 403 and answer.json()['reason'] == 'auth.role' and 'your role' in answer.json()['detail'], answer)
                else:
                    self.assertEqual((answer.status, answer.json()['reason']), (401, 'auth.credentials') if role == 'anonymous' else (403, 'auth.role'), answer)
            tried += 1
        return tried

    def test_each_cell(self):
        """By tokens. A helper has none: helpers come by codes alone."""
        self.assertEqual(set(self.callers), set(ROLES) - {'helper'})
        self.assertGreater(sum(self.try_all(role, head) for role, head in self.callers.items()), 600)

    def test_each_cell_by_session(self):
        """By cookies. An organisation's systems have none: they come by tokens and certificates."""
        roles = [role for role in ROLES if role not in ('anonymous', 'organisation')]
        tried = 0
        for role in roles:
            head = self.session(role)
            tried += self.try_all(role, head)
            ended = self.api.call('DELETE', '/v1/sessions', headers=head)
            self.assertEqual(ended.status, 200, ended)
            self.assertEqual(self.api.call('GET', '/v1/session', headers=head).status, 401)
        self.assertGreater(tried, 550)

    def test_a_role_by_claim(self):
        head = {'Authorization': 'Bearer ' + token(self.api.key, sub='PNR-S', roles=['audit'])}
        self.assertEqual(self.api.call('GET', '/v1/gateway', headers=head).status, 200)
        self.refused(self.api.call('GET', '/v1/uses', headers=head), 403, 'auth.role')


if __name__ == '__main__':
    unittest.main()
