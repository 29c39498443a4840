"""Who may what: the table of docs/reference/api.md is that of the code, and each of its cells is tried against the running API."""
import re
import unittest

from api import ApiCase, token
from comity import PERSON, TOP

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

    def test_each_cell(self):
        """Every operation as every role: refused as the table says, and by nothing else where it lets one in."""
        tried = 0
        for method, path, operation in self.operations():
            for role in self.callers:
                target = re.sub(r'\{\w+\}', 'none', path)
                if 'text/event-stream' in operation['responses'].get('200', {}).get('content', {}):
                    target += '?events=1'  # else it does not end
                head = dict(self.callers[role])
                if role in STAFF:
                    head['Comity-Person'] = PERSON
                body = {} if operation.get('requestBody') else None
                answer = self.api.call(method, target, body, headers=head)
                is_allowed = operation['x-comity-access'].get(role, 'no') != 'no'
                with self.subTest(f'{role}: {method} {path}'):
                    if is_allowed:
                        self.assertNotIn(answer.status, (401, 500), answer)
                        self.assertFalse(answer.status == 403 and answer.json()['reason'] == 'auth.role' and 'your role' in answer.json()['detail'], answer)
                    else:
                        self.assertEqual(answer.status, 401 if role == 'anonymous' else 403, answer)
                tried += 1
        self.assertGreater(tried, 400)

    def test_a_role_by_claim(self):
        head = {'Authorization': 'Bearer ' + token(self.api.key, sub='PNR-S', roles=['audit'])}
        self.assertEqual(self.api.call('GET', '/v1/gateway', headers=head).status, 200)
        self.refused(self.api.call('GET', '/v1/uses', headers=head), 403, 'auth.role')


if __name__ == '__main__':
    unittest.main()
