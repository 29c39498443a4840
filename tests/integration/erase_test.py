"""comity log erase: afterwards nothing on the disk names the person, the trees verify, and everything else goes on."""
import json
import time
import unittest
from urllib.parse import quote, quote_plus

from comity import CATEGORIES, Federation, OTHER_PERSON, PERSON

WINDOW = 2.0
AWKWARD = 'a b ü+c'  # goes into the path percent-encoded


def entries_of(gateway, **options):
    return gateway.run_json('log', 'show', '--last', 100000, **options)['entries']


def files_with(folder, text):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file() and text.encode() in path.read_bytes())


class Erase(unittest.TestCase):
    def setUp(self):
        self.federation = Federation(limits={'replay_window': f'{int(WINDOW)}s'})
        self.federation.__enter__()
        self.addCleanup(self.federation.__exit__, None, None, None)
        self.holder, self.consumer = self.federation.holder, self.federation.consumer
        self.consents = {}
        for person in (PERSON, OTHER_PERSON, AWKWARD):
            self.consents[person] = self.federation.give_consent(person, CATEGORIES)
            for _ in range(5):
                told = self.federation.ask(person)
                self.assertEqual(told.status, 200, told)

    def erase(self, gateway, person=PERSON, *options, **more):
        return gateway.run('log', 'erase', '--person', '-', *options, stdin=person, **more)

    def withdraw(self, person=PERSON):
        self.federation.withdraw_consent(self.consents[person])
        time.sleep(2 * WINDOW + 0.3)

    def check_whole(self):
        for gateway in (self.holder, self.consumer):
            time.sleep(0.3)
            gateway.log_verify()

    def test_a_running_gateway_erases_a_person(self):
        before = entries_of(self.holder)
        self.withdraw()
        dry = self.holder.run_json('log', 'erase', '--person', '-', '--dry-run', stdin=PERSON)
        self.assertIsNone(dry['event'])
        # Five exchanges of two entries, a consent given, a consent withdrawn.
        self.assertEqual(len(dry['entries']), 12)
        self.assertEqual([e['form'] for e in entries_of(self.holder)].count('erased'), 0)
        told = self.holder.run_json('log', 'erase', '--person', '-', stdin=PERSON)
        self.assertEqual(told['entries'], dry['entries'])
        after = entries_of(self.holder)
        for old, new in zip(before, after):
            self.assertEqual(old['commitment'], new['commitment'])
            self.assertEqual((old['kind'], old['time']), (new['kind'], new['time']))
            is_erased = old['index'] in told['entries']
            self.assertEqual(new['form'], 'erased' if is_erased else 'open')
            self.assertEqual(new['statement'] in ('', None), is_erased)
        event = after[told['event']]['statement']
        self.assertTrue(event.startswith('comity-event: erasure/1\nentries: '), event)
        self.assertNotIn(PERSON, event)
        self.assertEqual(files_with(self.holder.records_folder, PERSON), [])
        self.assertNotEqual(files_with(self.holder.records_folder, OTHER_PERSON), [])
        self.assertEqual(self.holder.run_json('log', 'show', '--person', '-', stdin=PERSON)['uses'], [])
        self.assertGreater(len(self.holder.run_json('log', 'show', '--person', '-', stdin=OTHER_PERSON)['uses']), 4)
        self.check_whole()
        self.assertIn('0 different, 5 not decidable', self.holder.run('log', 'replay').stdout)
        # Its life goes on, and after a restart, too.
        self.assertEqual(self.federation.ask(OTHER_PERSON).status, 200)
        self.assertEqual(self.federation.ask(PERSON).json().keys() & {'name', 'conditions'}, set())
        self.holder.kill()
        self.holder.start()
        self.assertEqual(self.federation.ask(OTHER_PERSON).status, 200)
        self.check_whole()
        self.assertNotIn(PERSON, self.holder.stderr())

    def test_nothing_in_the_gateways_folder_names_the_person(self):
        for person in (PERSON, AWKWARD):
            self.federation.withdraw_consent(self.consents[person])
        time.sleep(2 * WINDOW + 0.3)
        kept = self.holder.run_json('consent', 'list', '--person', '-', stdin=PERSON)
        self.assertTrue(kept['consents'])
        for person in (PERSON, AWKWARD):
            self.assertNotEqual(files_with(self.holder.folder, person.split(' ')[0]), [])
            told = self.holder.run_json('log', 'erase', '--person', '-', stdin=person)
            self.assertEqual(told['records'], 1)
            self.assertEqual([name for name in files_with(self.holder.folder, person) if 'stderr' not in name], [])
            self.assertEqual(self.holder.run_json('consent', 'list', '--person', '-', stdin=person)['consents'], [])
        self.assertEqual([name for name in files_with(self.holder.folder, quote(AWKWARD)) if 'stderr' not in name], [])
        # What was agreed is kept: whose it was is a keyed hash, the same for all of one person's.
        shown = self.holder.run_json('consent', 'show', self.consents[PERSON])['consents'][0]
        self.assertRegex(shown['person'], '^erased:[0-9a-f]{32}$')
        self.assertEqual((shown['recipient'], shown['state']), (kept['consents'][0]['recipient'], 'withdrawn'))
        # The person may come again, and go again.
        again = self.federation.give_consent(PERSON, CATEGORIES)
        self.assertEqual(self.federation.ask(PERSON).status, 200)
        self.holder.kill()
        self.holder.start()
        self.federation.withdraw_consent(again)
        time.sleep(2 * WINDOW + 0.3)
        self.assertEqual(self.holder.run_json('log', 'erase', '--person', '-', stdin=PERSON)['records'], 1)
        self.assertEqual([name for name in files_with(self.holder.folder, PERSON) if 'stderr' not in name], [])
        second = self.holder.run_json('consent', 'show', again)['consents'][0]
        self.assertEqual(second['person'], shown['person'])
        self.assertEqual(self.holder.run_json('log', 'erase', '--person', '-', stdin=PERSON)['records'], 0)
        self.check_whole()
        self.assertEqual(self.federation.ask(OTHER_PERSON).status, 200)

    def test_the_asking_side_erases_by_path_and_query(self):
        self.assertEqual(self.federation.ask(service='echo', rest='/x', query=f'?a=1&who={quote_plus(AWKWARD)}').status, 200)
        self.assertEqual(self.federation.ask(service='echo', rest=f'/{PERSON}-2').status, 200)
        for person, count in ((PERSON, 10), (AWKWARD, 12)):
            told = self.consumer.run_json('log', 'erase', '--person', '-', stdin=person)
            self.assertEqual(len(told['entries']), count, person)
        self.check_whole()
        left = json.dumps(entries_of(self.consumer))
        self.assertIn(f'/{PERSON}-2', left)  # another's identifier that only begins alike
        self.assertNotIn(f'/{PERSON}/', left)
        self.assertEqual(left.count('"erased"'), 22)
        self.assertIn('no entry is about this person', self.erase(self.consumer).stderr)

    def test_a_stopped_gateway_erases_as_well(self):
        self.withdraw(AWKWARD)
        self.holder.stop()
        self.assertIn('erased what opens 12 entries', self.erase(self.holder, AWKWARD).stdout)
        self.assertEqual(files_with(self.holder.records_folder, AWKWARD), [])
        self.holder.start()
        self.assertEqual(self.federation.ask(PERSON).status, 200)
        self.check_whole()

    def test_it_is_refused_while_it_would_hurt(self):
        self.assertIn('a consent of this person is in force', self.erase(self.holder, expect=1).stderr)
        self.federation.withdraw_consent(self.consents[PERSON])
        self.assertIn('was just accepted', self.erase(self.holder, expect=1).stderr)
        self.assertIn('name the person', self.holder.run('log', 'erase', expect=2).stderr)
        on_command_line = self.holder.run('log', 'erase', '--person', PERSON, expect=2).stderr
        self.assertIn('command line', on_command_line)
        self.assertNotIn(PERSON, on_command_line)
        self.assertEqual([e['form'] for e in entries_of(self.holder)].count('erased'), 0)

    def test_an_erased_entry_says_so_wherever_it_is_asked_for(self):
        exchange = self.federation.ask().header('X-Road-Request-Id')
        self.withdraw()
        index = self.holder.run_json('log', 'erase', '--person', '-', stdin=PERSON)['entries'][1]
        self.assertIn('no entry', self.holder.run('log', 'show', '--exchange', exchange, expect=1).stderr)
        self.holder.run('evidence', 'export', '--exchange', exchange, expect=1)
        self.assertIn('erased: only its commitment is known', self.holder.run('log', 'show', index).stdout)
        self.assertIn('is erased', self.holder.run('log', 'show', index, '--part', 'statement', expect=1).stderr)
        self.assertIn('opens to nobody', self.holder.run('log', 'prove', index, expect=1).stderr)
        self.assertIn('opens to nobody', self.holder.run('log', 'receipt', '--salt', index, expect=1).stderr)
        self.assertIn(f'index {index}\n', self.holder.run('log', 'receipt', index).stdout)

    def test_an_erasure_that_no_event_names_is_reported(self):
        """Somebody with the disk in hand copies a closed record's form over another one: the tree is right, and it is told all the same."""
        self.withdraw()
        index = self.holder.run_json('log', 'erase', '--person', '-', stdin=PERSON)['entries'][0]
        self.holder.stop()
        # The event's digits, changed in its record: the checksum of records is no secret, but the tree knows the event.
        [segment] = [p for p in self.holder.records_folder.rglob('*.seg') if b'comity-event: erasure/1' in p.read_bytes()]
        data = segment.read_bytes()
        segment.write_bytes(data.replace(b'comity-event: erasure/1\nentries: ', b'comity-event: erasure/1\nentries? '))
        told = self.holder.run('log', 'verify', expect=1)
        self.assertIn(f'entry {index} was erased, and no event in the log says so', told.stdout + told.stderr)


if __name__ == '__main__':
    unittest.main()
