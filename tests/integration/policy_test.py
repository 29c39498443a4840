"""comity policy: tables of expectations, and what a gateway's own policy would decide, in plain words."""
import json
import subprocess
import tempfile
import unittest
from pathlib import Path

import comity

TOP = Path(__file__).resolve().parent.parent.parent
EXAMPLE = TOP / 'examples/policy-hospital-cases.yaml'


def run(*arguments, code=0, stdin=''):
    done = subprocess.run([comity.COMMAND, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != code:
        raise AssertionError(f'{arguments} ended with {done.returncode}, want {code}\n{done.stdout}{done.stderr}')
    return done


class Expectations(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        (Path(self.folder.name) / 'policy-hospital.yaml').write_text((TOP / 'examples/policy-hospital.yaml').read_text())
        self.file = Path(self.folder.name) / 'cases.yaml'

    def changed(self, old, new):
        text = EXAMPLE.read_text()
        self.assertIn(old, text)
        self.file.write_text(text.replace(old, new, 1))
        return self.file

    def test_the_example_is_as_expected(self):
        told = json.loads(run('--json', 'policy', 'test', EXAMPLE).stdout)
        self.assertTrue(told['ok'])
        self.assertEqual(told['wrong'], 0)
        self.assertEqual(told['cases'], len(told['outcomes']))
        self.assertGreater(told['cases'], 15)

    def test_what_is_not_as_expected_is_shown(self):
        told = run('policy', 'test', self.changed('expect: {reason: border.instrument}', 'expect: {released: ["pd:Name"]}'), code=1).stdout
        self.assertIn('WRONG  the data transfer agreement has ended', told)
        self.assertIn('expected permit, decided border.instrument', told)
        self.assertIn('contract-2026-4 (until 2027-09-01T00:00:00.000Z): has ended', told)
        self.assertIn('PIPL 38', told)
        told = run('policy', 'test', self.changed('released: ["pd:Name", "pd:HealthHistory"]', 'released: ["pd:Name", "pd:BirthDate"]'), code=1).stdout
        self.assertIn('leaves, and should not: pd:HealthHistory', told)
        self.assertIn('should leave: pd:BirthDate (consent.none)', told)

    def test_a_mistake_has_its_line(self):
        for old, new, what in (('at: 2026-11-24', 'at: soon', 'is not a date or time'),
                               ('{reason: border.instrument}', '{reason: border.nonesuch}', 'there is no such reason'),
                               ('client: BAOBAB/HEALTH/CLINIC/frontdesk', 'client: BAOBAB/HEALTH', 'has 2 parts'),
                               ('born: 1980-01-31', 'born: 1980', 'is not a date'),
                               ('{category: "pd:Name", separate', '{category: "xx Name", separate', 'is not an IRI'),
                               ('law: strict', 'law: stric', 'stric'),
                               ('facts: {', 'fakts: {', "unknown key 'fakts'")):
            with self.subTest(new):
                told = run('policy', 'test', self.changed(old, new), code=2).stderr
                self.assertIn(what, told)

    def test_a_guard_of_its_own_law(self):
        # Under China's law the guardian's age is another one: who is fifteen decides alone.
        file = self.changed('law: strict', 'law: CN-PIPL')
        told = json.loads(run('--json', 'policy', 'test', file, code=1).stdout)
        wrong = {outcome['name']: outcome['difference'] for outcome in told['outcomes'] if not outcome['ok']}
        self.assertIn("a clinic abroad, with the person's consent", wrong)  # `contract` is no kind of instrument there


class Explanations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.federation = comity.Federation(service=comity.record_service())
        cls.federation.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.federation.__exit__(None, None, None)

    def explain(self, *more, code=1, stdin='', options=()):
        return run(*options, '-C', self.federation.holder.folder, 'policy', 'explain', '--client', comity.CLIENT,
                   '--service', f'{comity.HOLDER}/patients', *more, code=code, stdin=stdin)

    def test_why_it_is_refused_and_what_would_change_it(self):
        told = self.explain('--path', f'/{comity.PERSON}/record', '--person', '-', stdin=comity.PERSON).stdout
        self.assertIn('refused: ', told)
        self.assertIn('would change it: ', told)
        self.assertNotIn(comity.PERSON, told)

    def test_json_has_each_category(self):
        told = json.loads(self.explain(options=['--json']).stdout)
        self.assertFalse(told['permitted'])
        self.assertTrue(told['reason'] and told['remedy'])
        self.assertEqual(len(told['categories']), len(comity.CATEGORIES))
        self.assertTrue(all(category['article'] for category in told['categories']))

    def test_no_right_is_no_right(self):
        told = json.loads(run('--json', '-C', self.federation.holder.folder, 'policy', 'explain', '--client', f'{comity.CLINIC}/NOBODY', '--service',
                              f'{comity.HOLDER}/patients', code=1).stdout)
        self.assertEqual(told['reason'], 'access.denied')

    def test_mistakes(self):
        self.assertIn('is no time', self.explain('--at', 'soon', code=2).stderr)
        self.assertIn('is no IRI', self.explain('--purpose', 'selling', code=2).stderr)
        run('-C', self.federation.holder.folder, 'policy', 'explain', '--client', comity.CLIENT, code=2)


if __name__ == '__main__':
    unittest.main()
