"""The check that runs in a person's browser (src/portal/static/check.js), in node: on what real gateways say, and on what they never said."""
import contextlib
import copy
import hashlib
import json
import subprocess
import time
import unittest
from pathlib import Path

from api import Api
from comity import IMMUNISATIONS, PERSON, Federation
from witness import Witness, wait_cosigned

HERE = Path(__file__).resolve().parent
VENDOR = HERE.parent.parent / 'src/portal/vendor'
OTHER = 'PNR-1962-0077'


def node(**job):
    done = subprocess.run(['node', str(HERE / 'check.mjs')], input=json.dumps(job), capture_output=True, text=True, check=False, timeout=240)
    if done.returncode != 0:
        raise AssertionError(f'node refuses: {done.stderr[-2000:]}')
    return json.loads(done.stdout)


def shown_of(use, person=PERSON):
    """What a page shows of this use, and so what the record must say."""
    says = {'person': person, 'client': use['client'], 'service': use['service'], 'purpose': use['purpose'], 'verdict': use['verdict'],
            'exchange': use['exchange']} if use['kind'] == 'exchange' else {'person': person}
    left = {'released': use['released'], 'withheld': [one['category'] for one in use['withheld']]}
    return {'entry': use['entry'], 'says': says, 'left': left, 'isAnswered': use['answerEntry'] is not None}


class Check(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with contextlib.ExitStack() as stack:
            federation = Federation().make()
            holder = federation.holder
            cls.witness = stack.enter_context(Witness([holder.statement_key]))
            other = stack.enter_context(Witness([holder.statement_key], name='witness.example/never'))
            (holder.folder / 'witnesses.policy').write_text(f'{cls.witness.line}{other.line}group g any w never\nquorum g\n')
            other.mode = 'bad-signature'
            holder.configure(log={'witnesses': 'witnesses.policy'})
            api = stack.enter_context(Api(federation))
            federation.ask()
            federation.give_consent(categories=[IMMUNISATIONS])
            federation.ask()
            federation.give_consent(OTHER)
            federation.ask(OTHER)
            wait_cosigned(holder, 1)
            cls.uses = {person: api.call('GET', '/v1/uses', who=person).json()['uses'] for person in (PERSON, OTHER)}
            cls.evidence = {use['entry']: cls.get(api, f'/v1/uses/{use["entry"]}/evidence', person).json()
                            for person, uses in cls.uses.items() for use in uses}
            cls.files = {person: cls.get(api, '/v1/uses/proof', person).body.decode() for person in (PERSON, OTHER, 'nobody')}
            cls.trust = api.call('GET', '/v1/trust', who=PERSON).body.decode()
            cls.key = holder.statement_key
            cls.other_key = federation.consumer.statement_key
            cls.permit = next(use for use in cls.uses[PERSON] if use['verdict'] == 'permit')

    @staticmethod
    def get(api, path, person):
        """When it is published, and its checkpoint cosigned."""
        deadline = time.monotonic() + 30
        while True:
            answer = api.call('GET', path, who=person)
            if answer.status == 200 and (not path.endswith('/evidence') or
                                         all(b.count('\n\u2014 ') == 2 for b in (one['receipt'] for one in answer.json()['entries']))):
                return answer
            if time.monotonic() > deadline:
                raise AssertionError(answer)
            time.sleep(0.1)

    def use(self, use, bend=None, shown=None, **options):
        evidence = copy.deepcopy(self.evidence[use['entry']])
        said = shown or shown_of(use)
        if bend is not None:
            bend(evidence)
        return node(uses=[{'evidence': evidence, 'shown': said}], **options)['uses'][0]

    def refused(self, told, *steps):
        self.assertFalse(told['ok'], told)
        self.assertIn(told['step'], steps, told)

    def test_each_use(self):
        told = node(uses=[{'evidence': self.evidence[use['entry']], 'shown': shown_of(use, person)}
                          for person, uses in self.uses.items() for use in uses])['uses']
        self.assertTrue(all(one['ok'] for one in told), told)
        steps = dict(told[0]['steps'])
        self.assertEqual(list(steps), [f'decision.{s}' for s in ('open', 'place', 'signature', 'witnesses', 'says')] +
                         [f'answer.{s}' for s in ('open', 'place', 'signature', 'witnesses', 'belongs')])
        self.assertEqual([one['name'] for one in steps['decision.witnesses']['seen']], [self.witness.name])
        self.assertEqual(steps['decision.signature']['key'], self.key)

    def test_the_vendored_ed25519_judges_alike(self):
        for line in (VENDOR / 'SHA256SUMS').read_text().splitlines():
            digest, name = line.split()
            self.assertEqual(hashlib.sha256((VENDOR / name).read_bytes()).hexdigest(), digest, name)
        self.assertTrue(self.use(self.permit, fallback=True)['ok'])
        self.refused(self.use(self.permit, lambda e: e.update(log=self.other_key), fallback=True), 'signature')
        def bend(evidence):
            one = evidence['entries'][0]
            line = one['receipt'].splitlines()[-2]
            one['receipt'] = one['receipt'].replace(line, line[:-20] + ('A' if line[-20] != 'A' else 'B') + line[-19:])
        self.refused(self.use(self.permit, bend, fallback=True), 'signature', 'witnesses')

    def test_what_a_holder_could_try(self):
        refusal = next(use for use in self.uses[PERSON] if use['verdict'] == 'refuse')
        foreign = self.evidence[self.uses[OTHER][-1]['entry']]
        for bend, steps in (
                (lambda e: e['entries'].pop(), ('open',)),
                (lambda e: e['entries'].reverse(), ('open',)),
                (lambda e: e['entries'].clear(), ('open',)),
                (lambda e: e.update(log=self.other_key), ('signature',)),
                (lambda e: e.update(trust=e['trust'].replace('quorum g', '')), ('witnesses',)),
                (lambda e: e.update(trust=e['trust'].replace('any w never', 'all w never')), ('witnesses',)),
                (lambda e: e.update(entries=self.evidence[refusal['entry']]['entries']), ('open',)),
                (lambda e: e['entries'].__setitem__(1, self.evidence[refusal['entry']]['entries'][1]), ('open', 'belongs')),
                (lambda e: e['entries'].__setitem__(1, foreign['entries'][1]), ('belongs',)),
                (lambda e: e['entries'][1].update(statement=e['entries'][1]['statement'] + ' '), ('place',)),
                (lambda e: e['entries'][0].update(statement=e['entries'][0]['statement'].replace('permit', 'refuse')), ('place',))):
            self.refused(self.use(self.permit, bend), *steps)
        # A good record of something else than the page shows.
        for name, value in (('person', OTHER), ('client', 'AURORA/COM/OTHER/X'), ('verdict', 'refuse'), ('purpose', 'https://w3id.org/dpv#Marketing')):
            shown = shown_of(self.permit)
            shown['says'][name] = value
            self.refused(self.use(self.permit, shown=shown), 'says')
        shown = shown_of(self.permit)
        shown['left']['released'] = []
        self.refused(self.use(self.permit, shown=shown), 'belongs')
        self.refused(self.use(self.permit, shown={**shown_of(self.permit), 'isAnswered': False}), 'open')

    def test_no_bent_bit_passes(self):
        """Every bit of a receipt and of the key; one of each third character of what their fingerprints hold."""
        evidence, shown = self.evidence[self.permit['entry']], shown_of(self.permit)
        told = node(bends=[{'evidence': evidence, 'shown': shown, 'bits': list(range(7)), 'step': 1, 'paths': [['entries', 0, 'receipt'], ['log']]},
                           {'evidence': evidence, 'shown': shown, 'bits': [0], 'step': 3,
                            'paths': [['entries', 1, 'receipt'], ['entries', 0, 'statement'], ['entries', 1, 'statement']]}])['bends']
        self.assertEqual([one['passed'] for one in told], [[], []])
        self.assertGreater(sum(one['count'] for one in told), 6000)

    # ---- the whole list

    def list(self, person=PERSON, bend=None, shown=None, trust=None):
        text = self.files[person]
        if bend is not None:
            made = json.loads(text)
            bend(made)
            text = json.dumps(made)
        shown = shown or {'person': person, 'entries': [use['entry'] for use in self.uses.get(person, [])]}
        return node(lists=[{'file': text, 'shown': shown, 'trust': self.trust if trust is None else trust}])['lists'][0]

    def test_the_whole_list(self):
        for person, count in ((PERSON, 3), (OTHER, 2), ('nobody', 0)):
            told = self.list(person)
            self.assertTrue(told['ok'], told)
            self.assertEqual(told['made']['count'], count)
            self.assertEqual([step for step, _ in told['steps']], ['directory', 'root', 'entries', 'person', 'complete'])

    def test_an_incomplete_list(self):
        other = json.loads(self.files[OTHER])
        for i in range(3):
            self.refused(self.list(bend=lambda m, i=i: m['uses'].pop(i), shown={'person': PERSON}), 'complete')
        self.refused(self.list(bend=lambda m: m['uses'].reverse()), 'entries')
        self.refused(self.list(bend=lambda m: m['uses'].append(copy.deepcopy(m['uses'][-1]))), 'entries')
        self.refused(self.list(bend=lambda m: m.update(uses=other['uses'])), 'entries')
        self.refused(self.list(bend=lambda m: m.update(vrf_proof=other['vrf_proof'])), 'person')
        self.refused(self.list(bend=lambda m: m.update({k: other[k] for k in ('root', 'vrf_proof', 'salt', 'path')}, uses=[]), shown={'person': PERSON}), 'person')
        self.refused(self.list(bend=lambda m: m.update(salt=other['salt'])), 'complete')
        self.refused(self.list(bend=lambda m: m['path'].__setitem__(5, m['path'][6])), 'complete')
        self.refused(self.list(bend=lambda m: m.update(root={k: m['uses'][0][k] for k in ('entry', 'statement', 'receipt')})), 'root', 'witnesses')
        self.refused(self.list(bend=lambda m: m.update(person=OTHER)), 'list')
        self.refused(self.list(bend=lambda m: m.update(log=self.other_key)), 'directory', 'signature')
        self.refused(self.list(shown={'person': PERSON, 'entries': [0]}), 'complete')
        self.refused(self.list(trust=self.trust.replace('BAOBAB 1', 'BAOBAB 2')), 'directory')
        self.refused(self.list(bend=lambda m: m.update(directory=m['directory'].replace('"serial": 1', '"serial": 9'))), 'directory')

    def test_places(self):
        """RFC 9381, examples 10 and 11 (ECVRF-P256-SHA256-TAI), and one bit of each bent."""
        key = '0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6'
        proof = ('035b5c726e8c0e2c488a107c600578ee75cb702343c153cb1eb8dec77f4b5071b4a53f0a46f018bc2c56e58d383f2305e0'
                 '975972c26feea0eb122fe7893c15af376b33edf7de17c6ea056d4d82de6bc02f')
        place = 'a3ad7b0ef73d8fc6655053ea22f9bede8c743f08bbed3d38821f0e16474b505e'
        told = node(places=[[key, '73616d706c65', proof], [key, '73616d706d65', proof], [key, '73616d706c65', proof[:-1] + 'e'],
                            ['02' + key[2:], '73616d706c65', proof]])['places']
        self.assertEqual(told, [place, None, None, None])


if __name__ == '__main__':
    unittest.main()
