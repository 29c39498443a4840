"""Consents imported from a file: checked as any other, in one entry of the log for a batch, provable, replayable, and erasable one by one."""
import base64
import hashlib
import json
import unittest

from comity import DIAGNOSES, IMMUNISATIONS, PERSON, Federation

COLUMNS = 'person,separate,born,decided_at,valid_until,method,categories,decision'
ACTS = 'sensitive provide border'


def line(person, born='1980-03-01', **changes):
    """One line of the file: a good one, but for what is changed."""
    fields = {'person': person, 'separate': ACTS, 'born': born, 'decided_at': '', 'valid_until': '', 'method': 'portal', 'categories': '',
              'decision': ''} | changes
    return ','.join(fields[name] for name in COLUMNS.split(','))


def leaf_to_root(leaf, place, count, path):
    """RFC 9162 2.1.3.2, by itself."""
    node, last, left = place, count - 1, list(path)
    value = leaf
    while left:
        step = left.pop(0)
        if node % 2 == 1 or node == last:
            value = hashlib.sha256(b'\x01' + step + value).digest()
            while node % 2 == 0 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            value = hashlib.sha256(b'\x01' + value + step).digest()
        node, last = node >> 1, last >> 1
    return value if last == 0 else None


class Imports:
    """The same on a stopped gateway's folder and through a running gateway."""

    def setUp(self):
        self.federation = Federation()
        self.addCleanup(self.federation.remove)
        self.federation.make()
        for community in (self.federation.aurora, self.federation.baobab):
            community.set_law('strict')
        self.federation.publish()
        self.holder = self.federation.holder
        if self.runs:
            self.federation.start()
            self.addCleanup(self.federation.stop)
        self.federation.publish_notice('n-care', (IMMUNISATIONS, DIAGNOSES))

    def bring(self, *lines, columns=COLUMNS, options=(), expect=0):
        path = self.federation.folder / 'consents.csv'
        path.write_text('\n'.join([columns, *lines]) + '\n')
        done = self.holder.run('consent', 'import', str(path), '--notice', 'n-care', '--json', *options, expect=expect)
        return json.loads(done.stdout) if done.stdout else None, done.stderr

    def of(self, person):
        rows = self.holder.run_json('consent', 'list', '--person', '-', stdin=person)['consents']
        return {row['category'].rpartition('#')[2]: row['state'] for row in rows}, rows[0]['id'] if rows else None

    def test_a_file_is_imported_once_and_checked_line_by_line(self):
        good = [line(PERSON), line('second', categories=IMMUNISATIONS), line('third', decision='refuse'), line('"fo""urth, B."')]
        bad = [line('x', separate='sensitive'), line('x', born=''), line('x', born='2020-01-01'), line('x', valid_until='2020-01-01T00:00:00Z'),
               line('x', decided_at='2300-01-01T00:00:00Z'), line('x', categories='pd:Name'), line('x', method='rumour'), line(''),
               line('x') + ',', line('"x')]
        told, words = self.bring(*good, *bad, options=['--dry-run'], expect=1)
        self.assertEqual((told['records'], told['refused'], told['batches']), (4, len(bad), 0))
        self.assertEqual(self.of('second'), ({}, None))
        told, words = self.bring(*good, *bad, expect=1)
        self.assertEqual((told['records'], told['there'], told['refused'], told['batches']), (4, 0, len(bad), 1))
        for number, why in enumerate(('consent.not_separate', 'minor.unknown', 'consent.guardian', 'valid until', 'decided_at', 'categories', 'method',
                                      'person', 'more fields', 'quotes'), 6):
            self.assertRegex(words, f'csv:{number}: .*{why}')
        self.assertNotIn('rumour', words)
        self.assertEqual(self.of(PERSON)[0], {'Immunisations': 'given', 'MedicalHealth': 'given'})
        self.assertEqual(self.of('second')[0], {'Immunisations': 'given', 'MedicalHealth': 'refused'})
        self.assertEqual(self.of('third')[0], {'Immunisations': 'refused', 'MedicalHealth': 'refused'})
        self.assertEqual(self.of('fo"urth, B.')[0]['Immunisations'], 'given')
        self.holder.run('consent', 'withdraw', self.of('second')[1])
        told, _ = self.bring(*good)
        self.assertEqual((told['records'], told['there'], told['batches']), (0, 4, 0))
        self.assertEqual(self.of('second')[0]['Immunisations'], 'withdrawn')

    def test_columns_that_nobody_knows_are_refused(self):
        for columns, why in (('person,nonsense', "'nonsense'"), ('notice', "no column 'person'"), ('person,person', 'twice')):
            _, words = self.bring('x', columns=columns, expect=2)
            self.assertIn(why, words)

    def test_a_record_is_shown_to_be_in_the_log(self):
        people = [f'p-{number:03}' for number in range(37)]
        self.bring(*(line(person, decided_at='2026-09-01T12:00:00Z') for person in people))
        entries = set()
        for person in (people[0], people[20], people[36]):
            identity = self.of(person)[1]
            events = self.holder.run_json('consent', 'history', identity)['events']
            self.assertEqual((events[0]['event'], events[0]['person'], events[0]['decided_at']), ('give', person, '1788264000000'))
            proof = self.holder.run_json('consent', 'proof', identity)
            digest = hashlib.sha256(proof['event'].encode()).digest()
            leaf = hashlib.sha256(b'\x00' + bytes.fromhex(proof['salt']) + digest).digest()
            root = leaf_to_root(leaf, proof['place'], proof['records'], [bytes.fromhex(step) for step in proof['path']])
            self.assertEqual((root.hex(), proof['records']), (proof['root'], 37))
            self.assertEqual(events[0]['sha256'], hashlib.sha256(digest).hexdigest())
            entry = self.holder.run_json('log', 'show', str(proof['entry']))
            self.assertIn(f'root: sha-256=:{base64.b64encode(root).decode()}:', entry['statement'])
            self.assertNotIn('p-0', entry['statement'])
            self.assertEqual(events[0]['log_index'], proof['entry'])
            entries.add(proof['entry'])
        self.assertEqual(len(entries), 1)

    def test_erasing_one_person_leaves_the_others_and_the_root(self):
        self.bring(line('anna-first', born='1971-05-05'), line('bert-second'), line('carl-third'))
        anna, bert = self.of('anna-first')[1], self.of('bert-second')[1]
        root = self.holder.run_json('consent', 'proof', bert)['root']
        batches = list((self.holder.records_folder / 'imports').iterdir())
        self.assertEqual(len(batches), 1)
        self.assertIn(b'anna-first', batches[0].read_bytes())
        self.assertIn(b'born: 489', batches[0].read_bytes())
        self.assertIn('1971-05-05', self.holder.run('person', 'show', '--person', '-', stdin='anna-first').stdout)
        self.holder.run('consent', 'withdraw', anna)
        self.holder.run('log', 'erase', '--person', '-', stdin='anna-first')
        self.assertNotIn(b'anna-first', batches[0].read_bytes())
        self.assertNotIn(b'born: 489', batches[0].read_bytes())
        self.assertIn(b'bert-second', batches[0].read_bytes())
        self.assertEqual(self.of('anna-first'), ({}, None))
        self.assertEqual(self.holder.run_json('consent', 'proof', bert)['root'], root)
        self.assertIn('erased', self.holder.run('consent', 'proof', anna, expect=1).stderr)
        events = self.holder.run_json('consent', 'history', anna)['events']
        self.assertEqual([event['event'] for event in events], ['give', 'withdraw'])
        self.assertTrue(events[0]['person'].startswith('erased:'))
        self.assertNotIn('born', events[0])
        if self.runs:
            self.federation.stop()
        self.assertIn('0 different', self.replay())

    def replay(self):
        return self.holder.run('log', 'replay').stdout


class OnAFolder(Imports, unittest.TestCase):
    """No gateway runs."""

    runs = False


class ThroughTheGateway(Imports, unittest.TestCase):
    """By its control socket."""

    runs = True


class Decided(unittest.TestCase):
    """An exchange on what was imported."""

    def test_what_was_imported_decides(self):
        self.federation = Federation()
        self.addCleanup(self.federation.remove)
        self.federation.make()
        self.holder = self.federation.holder
        self.federation.start()
        self.addCleanup(self.federation.stop)
        self.federation.publish_notice('n-care', (IMMUNISATIONS, DIAGNOSES), law='TEST', service=None)
        self.assertEqual(self.federation.ask().reason, 'consent.none')
        path = self.federation.folder / 'consents.csv'
        path.write_text(f'{COLUMNS}\n{line(PERSON, categories=IMMUNISATIONS)}\n{line("other")}\n')
        self.holder.run('consent', 'import', str(path), '--notice', 'n-care')
        answer = self.federation.ask()
        self.assertEqual(answer.status, 200)
        self.assertIn('immunizations', answer.json())
        self.assertNotIn('diagnoses', answer.json())
        self.holder.run('consent', 'withdraw', self.holder.run_json('consent', 'list', '--person', '-', stdin=PERSON)['consents'][0]['id'])
        self.assertEqual(self.federation.ask().reason, 'consent.none')
        self.federation.stop()
        self.assertRegex(self.holder.run('log', 'replay').stdout, r'\b0 different')
        self.federation.start()
        self.assertEqual(self.federation.ask().reason, 'consent.none')


if __name__ == '__main__':
    unittest.main()
