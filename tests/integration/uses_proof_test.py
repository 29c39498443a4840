"""A person's complete list: `comity log uses --prove`, checked by `comity evidence verify`, and what a holder could try."""
import base64
import contextlib
import copy
import json
import unittest

import uses
from comity import IMMUNISATIONS, OTHER_PERSON, PERSON, Federation, run_command
from witness import Witness, wait_cosigned

NOBODY = 'PNR-never-seen'


def compact(value):
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False) + '\n'


class UsesProof(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.federation = Federation()
        cls.federation.__enter__()
        cls.holder = cls.federation.holder
        cls.folder = cls.federation.folder
        cls.trust = cls.folder / 'trust.txt'
        cls.trust.write_text(f'log {cls.holder.statement_key}\nlog {cls.federation.consumer.statement_key}\nquorum none\n')
        cls.federation.ask()  # refused: a use as well
        cls.consent = cls.federation.give_consent(categories=[IMMUNISATIONS])
        for _ in range(3):
            cls.federation.ask()
        cls.federation.give_consent(OTHER_PERSON)
        cls.federation.ask(OTHER_PERSON)
        cls.count = 0
        cls.file = cls.prove(PERSON)
        cls.made = json.loads(cls.file.read_text())

    @classmethod
    def tearDownClass(cls):
        cls.federation.__exit__(None)

    @classmethod
    def prove(cls, person, **options):
        cls.count += 1
        path = cls.folder / f'uses-{cls.count}.json'
        cls.holder.run('log', 'uses', '--person', '-', '--prove', '--output', path, stdin=person, **options)
        return path

    def verify(self, path, *options, expect=0):
        return json.loads(run_command('--json', 'evidence', 'verify', path, '--trust', self.trust, *options, expect=expect).stdout)

    def refused(self, made, *codes):
        path = self.folder / 'bent.json'
        path.write_text(compact(made))
        told = self.verify(path, expect=1)
        self.assertIn(told['code'], codes, told)
        if told['code'] != 'uses.format':  # the second verifier says the same, for the same reason
            with self.assertRaises(uses.Refused) as refused:
                uses.verify(path.read_text(), self.holder.statement_key)
            self.assertEqual(str(refused.exception), told['code'])

    def test_the_whole_list(self):
        told = self.verify(self.file)
        self.assertEqual([(use['kind'], use['verdict']) for use in told['uses']],
                         [('exchange', 'refuse'), ('consent', 'give'), ('exchange', 'permit'), ('exchange', 'permit'), ('exchange', 'permit')])
        self.assertTrue(all(use['answer'] for use in told['uses'] if use['kind'] == 'exchange'))
        out = run_command('evidence', 'verify', self.file, '--trust', self.trust).stdout
        self.assertIn('has 5 entries about ' + PERSON, out)
        self.assertNotIn(OTHER_PERSON, out + self.file.read_text())
        self.assertEqual(uses.verify(self.file.read_text(), self.holder.statement_key), [use['statement'] for use in told['uses']])
        # Somebody else's is another one, and one of whom there is nothing has a list that says so.
        self.assertEqual(len(self.verify(self.prove(OTHER_PERSON))['uses']), 2)
        self.assertEqual(self.verify(self.prove(NOBODY))['uses'], [])

    def test_whom_to_trust(self):
        """The log's key from a directory that the trusted operators signed; nobody's key is not enough."""
        by_operators = self.folder / 'operators.txt'
        by_operators.write_text(f'community BAOBAB 1 {self.federation.baobab.operator}\nquorum none\n')
        run_command('evidence', 'verify', self.file, '--trust', by_operators)
        by_operators.write_text(f'community BAOBAB 1 {self.federation.aurora.operator}\nquorum none\n')
        told = json.loads(run_command('--json', 'evidence', 'verify', self.file, '--trust', by_operators, expect=1).stdout)
        self.assertEqual(told['code'], 'uses.log')

    def test_a_log_is_named_by_its_own_community(self):
        """Operators who are trusted for their community lend its name to no other's log."""
        aurora = self.federation.aurora
        before = aurora.draft.read_bytes()
        aurora.edit(lambda draft: draft['members'][0]['gateways'][0].update(statement_key=self.holder.statement_key))
        aurora.run('sign', '--key', aurora.key, '--valid', '30d', '--output', self.folder / 'claims.note', aurora.draft)
        aurora.draft.write_bytes(before)
        made = copy.deepcopy(self.made)
        made['directory'] = (self.folder / 'claims.note').read_text()
        path, trust = self.folder / 'claimed.json', self.folder / 'aurora.txt'
        path.write_text(compact(made))
        trust.write_text(f'community AURORA 1 {aurora.operator}\nquorum none\n')
        told = json.loads(run_command('--json', 'evidence', 'verify', path, '--trust', trust, expect=1).stdout)
        self.assertEqual(told['code'], 'uses.log')

    def test_nothing_controls_the_terminal(self):
        path = self.prove('PNR\x1b[2J\x9b31m\x7f')
        told = run_command('evidence', 'verify', path, '--trust', self.trust).stdout
        self.assertFalse([c for c in told if c != '\n' and (ord(c) < 32 or 127 <= ord(c) < 160)], repr(told))

    def test_what_a_holder_could_try(self):
        for i in range(len(self.made['uses'])):  # leave one out
            made = copy.deepcopy(self.made)
            del made['uses'][i]
            self.refused(made, 'uses.incomplete')
        made = copy.deepcopy(self.made)
        made['uses'].append(copy.deepcopy(made['uses'][-1]))
        self.refused(made, 'uses.entry')
        made = copy.deepcopy(self.made)
        made['uses'][0], made['uses'][1] = made['uses'][1], made['uses'][0]
        self.refused(made, 'uses.entry')
        # Another person's leaf is a good one, but at another place.
        other = json.loads(self.prove(OTHER_PERSON).read_text())
        made = copy.deepcopy(other)
        made['person'] = PERSON
        self.refused(made, 'uses.person')
        made['uses'] = []
        self.refused(made, 'uses.place')
        made['vrf_proof'] = self.made['vrf_proof']
        self.refused(made, 'uses.incomplete')
        for key, change in (('salt', 1), ('vrf_proof', 60)):
            made = copy.deepcopy(self.made)
            raw = bytearray(base64.b64decode(made[key]))
            raw[change] ^= 1
            made[key] = base64.b64encode(bytes(raw)).decode()
            self.refused(made, 'uses.incomplete' if key == 'salt' else 'uses.place')
        for level in (0, 20, 63):
            made = copy.deepcopy(self.made)
            made['path'][level] = base64.b64encode(bytes(32)).decode()
            self.refused(made, 'uses.incomplete')
        # An older root does not know the newest use.
        self.federation.ask()
        newer = json.loads(self.prove(PERSON).read_text())
        self.assertEqual(len(newer['uses']), len(self.made['uses']) + 1)
        made = copy.deepcopy(newer)
        made['root'], made['path'], made['salt'] = self.made['root'], self.made['path'], self.made['salt']
        self.refused(made, 'uses.entry')  # it comes after what that root covers
        # What is said of an entry is what the log has.
        made = copy.deepcopy(self.made)
        made['uses'][0]['statement'] = made['uses'][0]['statement'].replace('verdict: refuse', 'verdict: permit')
        self.refused(made, 'uses.entry')
        made = copy.deepcopy(self.made)
        made['uses'][2]['answer'] = made['uses'][3]['answer']
        self.refused(made, 'uses.entry')
        made = copy.deepcopy(self.made)
        made['root'] = {k: made['uses'][1][k] for k in ('entry', 'statement', 'receipt')}
        self.refused(made, 'uses.root')

    def test_form(self):
        for change in (lambda m: m.update(more=1), lambda m: m.pop('path'), lambda m: m.update(uses={}), lambda m: m.update(person=''),
                       lambda m: m['uses'][0].update(more=1), lambda m: m['path'].pop(), lambda m: m['uses'][0].pop('entry')):
            made = copy.deepcopy(self.made)
            change(made)
            self.refused(made, 'uses.format')
        path = self.folder / 'spaced.json'
        path.write_text(self.file.read_text().replace('{"comity_uses":1,', '{"comity_uses":1, ', 1))
        self.assertEqual(self.verify(path, expect=1)['code'], 'uses.format')
        path.write_text(self.file.read_text() + ' ')
        self.assertEqual(self.verify(path, expect=1)['code'], 'uses.format')
        # One bit. A directory is not looked at where the trust file has the log's key, and may be left out.
        text = compact({key: value for key, value in self.made.items() if key != 'directory'}).encode()
        path.write_bytes(text)
        self.assertTrue(self.verify(path)['ok'])
        for at in range(0, len(text), 113):
            bent = bytearray(text)
            bent[at] ^= 1
            path.write_bytes(bytes(bent))
            done = run_command('evidence', 'verify', path, '--trust', self.trust, expect=None)
            self.assertNotEqual(done.returncode, 0, f'byte {at}')

    def test_against_what_the_clinic_can_prove(self):
        exchange = json.loads(self.federation.consumer.run('--json', 'log', 'show', '--last', '1000').stdout)['entries']
        answered = [e['exchange'] for e in exchange if e['kind'] == 'answer-received']
        bundle = self.folder / 'first.comity-evidence'
        self.federation.consumer.run('evidence', 'export', '--exchange', answered[1], '--output', bundle)
        trust = self.folder / 'both.txt'
        trust.write_text(f'log {self.holder.statement_key}\ncommunity BAOBAB 1 {self.federation.baobab.operator}\n'
                         f'community AURORA 1 {self.federation.aurora.operator}\nquorum none\n')
        told = run_command('--json', 'evidence', 'verify', self.file, '--trust', trust, '--against', bundle)
        self.assertTrue(json.loads(told.stdout)['ok'])
        # The same exchange is not in the other person's list.
        other = self.prove(OTHER_PERSON)
        told = run_command('--json', 'evidence', 'verify', other, '--trust', trust, '--against', bundle, expect=1)
        self.assertEqual(json.loads(told.stdout)['code'], 'uses.left_out')

    def test_words(self):
        self.holder.run('log', 'uses', '--person', '-', stdin=PERSON, expect=2)
        self.holder.run('log', 'uses', '--person', PERSON, '--prove', '--output', self.folder / 'x', expect=2)
        self.holder.run('log', 'uses', '--person', '-', '--prove', '--output', self.file, stdin=PERSON, expect=1)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)


class Watched(unittest.TestCase):
    def test_the_root_is_cosigned_where_a_reader_asks_for_it(self):
        """A log that nobody watches could show each person a history of their own."""
        with contextlib.ExitStack() as stack:
            federation = Federation().make()
            stack.callback(federation.remove)
            stack.callback(federation.stop)
            holder, path, trust = federation.holder, federation.folder / 'uses.json', federation.folder / 'trust.txt'
            witness = stack.enter_context(Witness([holder.statement_key]))
            other = stack.enter_context(Witness([holder.statement_key]))
            (holder.folder / 'witnesses.policy').write_text(f'{witness.line}quorum w\n')
            holder.configure(log={'witnesses': 'witnesses.policy'})
            federation.start()
            federation.give_consent()
            federation.ask()
            wait_cosigned(holder, 1)
            holder.run('log', 'uses', '--person', '-', '--prove', '--output', path, stdin=PERSON)
            trust.write_text(f'log {holder.statement_key}\n{witness.line}quorum w\n')
            told = json.loads(run_command('--json', 'evidence', 'verify', path, '--trust', trust).stdout)
            self.assertEqual(told['cosignatures'], 1)
            trust.write_text(f'log {holder.statement_key}\n{other.line}quorum w\n')
            told = json.loads(run_command('--json', 'evidence', 'verify', path, '--trust', trust, expect=1).stdout)
            self.assertEqual(told['code'], 'uses.quorum')


class AtTheEnd(unittest.TestCase):
    def test_a_root_at_the_end_and_a_proof_without_a_gateway(self):
        with Federation() as federation:
            federation.give_consent()
            federation.ask()
            federation.consumer.stop()
            federation.holder.stop()
            shown = json.loads(federation.holder.run('--json', 'log', 'show', '--last', '5').stdout)['entries']
            self.assertTrue(any('comity-event: uses-root/1' in entry['statement'] for entry in shown), shown)
            path, trust = federation.folder / 'uses.json', federation.folder / 'trust.txt'
            trust.write_text(f'log {federation.holder.statement_key}\nquorum none\n')
            federation.holder.run('log', 'uses', '--person', '-', '--prove', '--output', path, stdin=PERSON)
            told = json.loads(run_command('--json', 'evidence', 'verify', path, '--trust', trust).stdout)
            self.assertEqual([use['kind'] for use in told['uses']], ['consent', 'exchange'])
            federation.holder.log_verify()


if __name__ == '__main__':
    unittest.main()
