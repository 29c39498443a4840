"""
GovStack's own tests of the Consent building block, unchanged (tests/vectors/govstack, from GovStackWorkingGroup/bb-consent, test/gherkin/features, commit
82c74dd, Apache-2.0), against a gateway with policy 1 and data agreement 1. What Gherkin they use is read here; their sentences are the steps below.
"""
import re
import unittest
from urllib.parse import quote

from api import ApiCase
from comity import TOP

POLICY = {'id': '1', 'name': 'Health data', 'version': '1', 'url': 'https://hospital.example/policy/1'}
AGREEMENT = {'id': '1', 'version': '1', 'purpose': 'Diagnosis', 'lawfulBasis': 'consent', 'dpia': 'PIA-7', 'active': True,
             'lifecycle': {'id': '2', 'name': 'Complete'}}


def scenarios(text):
    """[(name, [step, ...])] of a feature: backgrounds in front, outlines once for each row of their examples."""
    background, found, at = [], [], None
    for line in (line.strip() for line in text.splitlines()):
        word, _, rest = line.partition(' ')
        if line.startswith('Background:'):
            at = background
        elif line.startswith('Scenario'):
            found.append([line.partition(':')[2].strip(), [], []])
            at = found[-1][1]
        elif line.startswith('|'):
            found[-1][2].append([cell.strip() for cell in line.strip('|').split('|')])
        elif word in ('Given', 'When', 'Then', 'And', 'But') and at is not None:
            at.append(rest)
    for name, steps, rows in found:
        for row in rows[1:] or [[]]:
            filled = background + steps
            for key, value in zip(rows[0] if rows else [], row):
                filled = [step.replace(f'<{key}>', value) for step in filled]
            yield f'{name} {row}', filled


class Features(ApiCase):
    config = {'anonymous_govstack': True}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for path, member, value in (('policy', 'policy', POLICY), ('data-agreement', 'dataAgreement', AGREEMENT)):
            answer = cls.api.call('POST', f'/govstack/v1/config/{path}/', {member: value}, who='operator')
            if answer.status != 200:
                raise AssertionError(answer)

    def step(self, text):
        base = '/govstack/v1/'
        if text == 'A URL of a Consent Building Block instance':
            self.answer = self.agreement = None
        elif text == 'I call a basic public API endpoint':
            self.answer = self.api.call('GET', f'{base}service/policy/1/')
        elif text == 'I get some valid JSON data back':
            self.assertEqual(self.answer.status, 200, self.answer)
            self.assertTrue(all(isinstance(self.answer.json()[key], dict) for key in ('policy', 'revision')))
        elif text.startswith('a data agreement ID '):
            self.agreement = re.fullmatch(r'a data agreement ID "(.*)"', text).group(1)
        elif text == 'I make a GET request to /config/data/agreement/{dataAgreementId}':
            self.answer = self.api.call('GET', f'{base}config/data-agreement/{quote(self.agreement, safe="")}/')
        elif text.startswith('The response should have a status code of '):
            want = int(text.split()[-1])
            self.assertEqual(self.answer.status, want, self.answer)
        elif text.startswith('The response should contain the data agreement details for '):
            self.assertEqual(self.answer.json()['dataAgreement']['id'], text.split('"')[1])
        else:
            self.fail(f'no such step: {text}')

    def run_feature(self, name):
        count = 0
        for scenario, steps in scenarios((TOP / 'tests/vectors/govstack' / name).read_text()):
            with self.subTest(scenario):
                for step in steps:
                    self.step(step)
                count += 1
        return count

    def test_smoke(self):
        self.assertEqual(self.run_feature('smoke.feature'), 1)

    def test_data_agreement(self):
        self.assertEqual(self.run_feature('data_agreement.feature'), 4)

    def test_nothing_else_is_open_to_nobody(self):
        for path in ('service/data-agreement/1/', 'config/policy/1/', 'config/policies/', 'config/data-agreements/', 'audit/data-agreements/'):
            self.refused(self.api.call('GET', f'/govstack/v1/{path}'), 401, 'auth.credentials')


if __name__ == '__main__':
    unittest.main()
