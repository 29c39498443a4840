"""Consents on notices and what is known of persons, by the command, through the running gateway and on a stopped one's folder."""
import hashlib
import unittest

from comity import ADDRESS, CLINIC, DIAGNOSES, IMMUNISATIONS, PERSON, Federation

CHILD, MOTHER = 'PNR-2020-0003', 'holder-4711'
HEX = hashlib.sha256(b'a paper').hexdigest()


class Lives:
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
            self.holder.start()
            self.addCleanup(self.holder.stop)
        self.federation.publish_notice('n-care', (IMMUNISATIONS, DIAGNOSES))

    def states(self, consent):
        rows = self.holder.run_json('consent', 'show', consent)['consents']
        return {row['category'].rpartition('#')[2]: row['state'] for row in rows}

    def refused(self, *arguments, stdin=PERSON):
        done = self.holder.run(*arguments, stdin=stdin, expect=1)
        return done.stderr

    def test_a_consent_is_given_and_taken_back(self):
        give = ['consent', 'give', '--person', '-', '--notice', 'n-care', '--method', 'portal']
        acts = ['--separate', 'sensitive', '--separate', 'provide', '--separate', 'border']
        self.assertIn('(minor.unknown)', self.refused(*give, *acts))
        self.federation.set_born()
        self.assertIn('(consent.not_separate)', self.refused(*give, *acts[2:]))
        self.assertIn('(consent.wider)', self.refused(*give, *acts, '--until', '500d'))
        self.assertIn('(consent.wider)', self.refused(*give, *acts, '--limit', 'mode=store'))
        told = self.federation.consent_to('n-care', options=['--category', IMMUNISATIONS, '--limit', 'recipient_life=P7D'])
        self.assertEqual(self.states(told['id']), {'Immunisations': 'given', 'MedicalHealth': 'refused'})
        self.holder.run('consent', 'pause', told['id'])
        self.assertEqual(self.states(told['id'])['Immunisations'], 'paused')
        self.holder.run('consent', 'resume', told['id'])
        self.assertIn('(consent.guardian)', self.refused('consent', 'revoke', told['id'], '--by', 'person'))
        gone = self.holder.run_json('consent', 'withdraw', '--person', '-', '--recipient', CLINIC, stdin=PERSON)
        self.assertEqual(gone['records'], 1)
        self.assertEqual(self.states(told['id'])['Immunisations'], 'withdrawn')
        events = self.holder.run_json('consent', 'history', told['id'])['events']
        self.assertEqual([event['event'] for event in events], ['give', 'pause', 'resume', 'withdraw'])
        self.assertEqual((events[0]['recipient_life'], events[0]['decided_by'], events[0]['method']), ('P7D', 'person', 'portal'))
        self.assertEqual(events[0]['separate'], 'sensitive provide border')
        self.assertEqual(len({event['sha256'] for event in events}), 4)

    def test_a_request_is_answered_and_a_refusal_respected(self):
        self.federation.set_born()
        asked = self.holder.run_json('consent', 'request', '--person', '-', '--notice', 'n-care', stdin=PERSON)
        self.assertEqual(set(self.states(asked['id']).values()), {'requested'})
        self.holder.run('consent', 'defer', asked['id'])
        self.holder.run('consent', 'refuse', '--id', asked['id'], '--language', 'en')
        self.assertEqual(set(self.states(asked['id']).values()), {'refused'})
        self.assertIn('(consent.reask)', self.refused('consent', 'request', '--person', '-', '--notice', 'n-care'))
        self.assertIn('(consent.state)', self.refused('consent', 'give', '--id', asked['id'], '--separate', 'sensitive'))

    def test_a_guardian_decides_for_a_child(self):
        child, mother = self.federation.folder / 'child.txt', self.federation.folder / 'mother.txt'
        child.write_text(CHILD)
        mother.write_text(MOTHER)
        give = ['consent', 'give', '--person', f'@{child}', '--notice', 'n-care', *(word for act in ('sensitive', 'provide', 'border', 'minor')
                                                                                   for word in ('--separate', act))]
        self.federation.set_born(CHILD, '2020-05-01')
        self.assertIn('(consent.guardian)', self.refused(*give))
        by_mother = ['--by', 'guardian', '--by-ref', f'@{mother}']
        self.assertIn('(consent.guardian)', self.refused(*give, *by_mother))
        made = self.holder.run_json('person', 'guardian', 'add', '--person', f'@{child}', '--ref', f'@{mother}', '--relation', 'mother',
                                    '--relation-evidence', HEX, '--proof', f'@{mother}')
        told = self.holder.run_json(*give, *by_mother)
        event = self.holder.run_json('consent', 'history', told['id'])['events'][0]
        self.assertEqual((event['by'], event['relation'], event['minor']), ('guardian', 'mother', 'yes'))
        shown = self.holder.run_json('person', 'show', '--person', f'@{child}')
        self.assertEqual((shown['born'], [r['id'] for r in shown['representatives'] if r['now']]), ('2020-05-01', [made['id']]))
        self.holder.run('person', 'guardian', 'end', made['id'])
        self.assertIn('(consent.guardian)', self.refused(*give, *by_mother))

    def test_a_person_pauses_and_dies(self):
        self.federation.set_born()
        told = self.federation.consent_to('n-care')
        self.assertTrue(self.holder.run_json('person', 'pause', '--person', '-', stdin=PERSON)['changed'])
        self.assertFalse(self.holder.run_json('person', 'pause', '--person', '-', stdin=PERSON)['changed'])
        self.assertTrue(self.holder.run_json('person', 'show', '--person', '-', stdin=PERSON)['paused'])
        self.assertIn('(consent.guardian)', self.refused('person', 'died', '--person', '-', '--by', 'person'))
        self.assertEqual(self.holder.run_json('person', 'died', '--person', '-', stdin=PERSON)['records'], 1)
        self.assertEqual(set(self.states(told['id']).values()), {'revoked'})
        uses = self.holder.run_json('log', 'show', '--person', '-', stdin=PERSON)['uses']
        self.assertEqual([use['verdict'] for use in uses if use['kind'] == 'consent'], ['born', 'give', 'pause', 'died', 'revoke'])
        self.assertIn('(person.died)', self.refused('consent', 'request', '--person', '-', '--notice', 'n-care'))

    def test_a_new_revision_takes_the_place_of_the_old(self):
        self.federation.set_born()
        first = self.federation.publish_notice('n-other', (ADDRESS,))
        self.federation.publish_notice('n-other', (ADDRESS,), method={'en': 'it is copied'})
        self.assertIn('(consent.superseded)', self.refused('consent', 'give', '--person', '-', '--notice', 'n-other', '--sha256', first['digest'],
                                                           '--separate', 'sensitive', '--separate', 'provide', '--separate', 'border'))


class Stopped(Lives, unittest.TestCase):
    runs = False


class Running(Lives, unittest.TestCase):
    runs = True


if __name__ == '__main__':
    unittest.main()
