"""The person's rights over real gateways: what recipients are told after an end and confirm, requests with their clocks, breaches by the log."""
import json
import time
import unittest
from datetime import datetime, timedelta

from comity import CLINIC, Federation, HOSPITAL, IMMUNISATIONS, NAME, OTHER_PERSON, PERSON, holder_policy

IRIS = {IMMUNISATIONS: 'https://w3id.org/comity/pd#Immunisations', NAME: 'https://w3id.org/dpv/pd#Name'}


def moment(text):
    return datetime.fromisoformat(text.replace('Z', '+00:00'))


class Rights(unittest.TestCase):
    def setUp(self):
        self.federation = Federation()
        self.federation.__enter__()
        self.addCleanup(self.federation.__exit__, None, None, None)
        self.holder, self.consumer = self.federation.holder, self.federation.consumer

    def wait(self, look, what):
        """What comes in the background, within half a minute."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            time.sleep(0.2)
        self.fail(f'nothing came of it: {what}')

    def ask(self, person=PERSON):
        told = self.federation.ask(person)
        self.assertEqual(told.status, 200, told)
        return told.header('X-Road-Request-Id')

    def obligations(self, **more):
        """But for what every answer's conditions bring when its life is over."""
        found = self.holder.run_json('rights', 'obligations', **more)['obligations']
        return [o for o in found if o['reason'] != 'life.over']

    def test_a_withdrawal_reaches_who_had_data_on_it(self):
        consent = self.federation.give_consent(PERSON, [IMMUNISATIONS, NAME])
        self.federation.give_consent(OTHER_PERSON, [IMMUNISATIONS])
        exchanges = [self.ask(), self.ask()]
        self.ask(OTHER_PERSON)
        self.federation.withdraw_consent(consent)
        told = self.wait(lambda: [o for o in self.obligations() if o['state'] == 'told'], 'the clinic signs for the notice')
        self.assertEqual(len(self.obligations()), 1)
        self.assertEqual([told[0][k] for k in ('kind', 'reason', 'cause', 'recipient', 'gateway', 'person')],
                         ['erase', 'consent.withdrawn', consent, CLINIC, self.consumer.origin, PERSON])
        self.assertEqual(told[0]['exchanges'], exchanges)
        self.assertEqual(set(told[0]['categories']), set(IRIS.values()))

        # The clinic sees it, without the person's name, and confirms.
        notices = self.consumer.run_json('rights', 'notices', '--open')['notices']
        self.assertEqual([n['id'] for n in notices], [told[0]['id']])
        self.assertEqual(notices[0]['exchanges'], exchanges)
        self.assertNotIn(PERSON, json.dumps(notices))
        self.consumer.run_json('rights', 'confirm', notices[0]['id'], '--from', self.holder.origin, '--by', 'records office')
        done = self.wait(lambda: [o for o in self.obligations() if o['state'] == 'confirmed'], 'the hospital has the confirmation')
        self.assertIn('erase-confirmation/1', done[0]['confirmation'])
        self.wait(lambda: [n for n in self.consumer.run_json('rights', 'notices')['notices'] if n['reported']], 'and the clinic knows')
        again = self.consumer.run('rights', 'confirm', notices[0]['id'], '--from', self.holder.origin, '--by', 'x', expect=1)
        self.assertIn('confirmed already', again.stderr)
        for gateway in (self.holder, self.consumer):
            gateway.log_verify()

    def test_the_line_is_down_for_a_while(self):
        consent = self.federation.give_consent(PERSON, [IMMUNISATIONS])
        self.ask()
        self.consumer.stop()
        self.federation.withdraw_consent(consent)
        failed = self.wait(lambda: [o for o in self.obligations() if o['failure']], 'it is tried')
        self.assertEqual((failed[0]['state'], failed[0]['attempts']), ('due', 1))
        # After a restart the time to wait goes on; what is owed is not forgotten.
        self.holder.stop()
        self.holder.start()
        self.assertEqual(self.obligations()[0]['id'], failed[0]['id'])
        self.consumer.start()
        self.wait(lambda: self.obligations()[0]['state'] == 'told', 'it is tried again')

    def test_requests_run_by_the_law(self):
        received = self.holder.run_json('rights', 'receive', 'access', '--person', '-', '--words', 'what do you have?', stdin=PERSON)
        row = self.holder.run_json('rights', 'list', received['id'])['requests'][0]
        self.assertEqual((row['state'], row['right'], row['person'], row['overdue']), ('received', 'access', PERSON, False))
        self.assertEqual(moment(row['due_at']) - moment(row['received_at']), timedelta(days=7))  # `strict`
        early = self.holder.run('rights', 'fulfil', received['id'], '--by', 'officer', '--answer', 'here', expect=1)
        self.assertIn('accept it first', early.stderr)
        self.holder.run('rights', 'accept', received['id'], '--by', 'officer')
        report = self.holder.run_json('rights', 'report', '--person', '-', stdin=PERSON)
        self.assertEqual([r['id'] for r in report['requests']], [received['id']])
        self.holder.run('rights', 'fulfil', received['id'], '--by', 'officer', '--answer', 'here')
        self.assertEqual(self.holder.run_json('rights', 'list', '--open')['requests'], [])
        unknown = self.holder.run('rights', 'receive', 'fly', '--person', '-', stdin=PERSON, expect=2)
        self.assertIn('must be access, copy', unknown.stderr)
        self.assertEqual(self.holder.run('rights', 'accept', 'r-none', '--by', 'officer', expect=1).returncode, 1)
        on_line = self.holder.run('rights', 'receive', 'access', '--person', PERSON, expect=2)
        self.assertNotIn(PERSON, on_line.stderr)

    def test_a_deletion_reaches_every_recipient(self):
        self.federation.give_consent(PERSON, [IMMUNISATIONS])
        exchange = self.ask()
        received = self.holder.run_json('rights', 'receive', 'delete', '--person', '-', stdin=PERSON)
        self.holder.run('rights', 'accept', received['id'], '--by', 'officer')
        self.holder.run('rights', 'fulfil', received['id'], '--by', 'officer', '--answer', 'deleted')
        told = self.wait(lambda: [o for o in self.obligations() if o['state'] == 'told'], 'the clinic is told')
        self.assertEqual((told[0]['reason'], told[0]['cause'], told[0]['exchanges']), ('rights.delete', received['id'], [exchange]))
        # The clinic's law keeps them: it says which.
        notice = self.consumer.run_json('rights', 'notices', '--open')['notices'][0]
        self.consumer.run('rights', 'confirm', notice['id'], '--from', self.holder.origin, '--by', 'office', '--law', 'Records Act, s. 4')
        kept = self.wait(lambda: [o for o in self.obligations() if o['state'] == 'kept'], 'and answers')
        self.assertEqual(kept[0]['failure'], 'Records Act, s. 4')

    def test_the_life_of_an_answer_ends(self):
        self.holder.apply(holder_policy(self.federation.service_url, conditions={'life': 'PT3S', 'onward': False}))
        self.federation.give_consent(PERSON, [IMMUNISATIONS])
        told = self.federation.ask()
        self.assertEqual(told.header('Comity-Conditions'), 'life=PT3S, onward=no')
        exchange = told.header('X-Road-Request-Id')
        self.assertEqual(self.consumer.run_json('rights', 'notices')['notices'], [])
        notice = self.wait(lambda: self.consumer.run_json('rights', 'notices', '--open')['notices'], 'the clinic is told')[0]
        self.assertEqual((notice['reason'], notice['exchanges'], notice['categories']), ('life.over', [exchange], [IRIS[IMMUNISATIONS]]))
        # Nothing left, so nothing binds.
        self.assertIsNone(self.federation.ask(OTHER_PERSON).header('Comity-Conditions'))

    def test_a_breach_is_read_from_the_log(self):
        for person in (PERSON, OTHER_PERSON):
            self.federation.give_consent(person, [IMMUNISATIONS])
            self.ask(person)
        self.ask()
        self.federation.ask('p-nobody')  # refused: nothing left
        words = ['--cause', 'a disk was stolen', '--harm', 'it can be read', '--measures', 'keys were changed', '--advice', 'be careful', '--contact',
                 'mailto:officer@hospital.example', '--by', 'officer']
        opened = self.holder.run_json('breach', 'open', '--from', '1h', '--possible', *words)
        found = self.holder.run_json('breach', 'persons', opened['id'], '--drafts')
        self.assertEqual({p['person']: p['disclosures'] for p in found['persons']}, {PERSON: 2, OTHER_PERSON: 1})
        self.assertEqual((found['person_count'], found['disclosures'], found['categories']), (2, 3, [IRIS[IMMUNISATIONS]]))
        self.assertIn('a disk was stolen', found['authority_draft'])
        self.assertIn(PERSON, [p for p in found['persons'] if p['person'] == PERSON][0]['draft'])
        row = self.holder.run_json('breach', 'list')['breaches'][0]
        self.assertEqual(moment(row['authority_due_at']) - moment(row['known_at']), timedelta(hours=24))  # `strict`
        early = self.holder.run('breach', 'step', opened['id'], 'closed', '--words', 'x', '--by', 'officer', expect=1)
        self.assertIn("can't be closed before both were told", early.stderr)
        for step in ('authority-told', 'persons-told', 'closed'):
            self.holder.run('breach', 'step', opened['id'], step, '--words', 'done', '--by', 'officer')
        narrow = self.holder.run_json('breach', 'open', '--from', '1h', '--recipient', f'{HOSPITAL}', *words)
        self.assertEqual(self.holder.run_json('breach', 'persons', narrow['id'])['persons'], [])
        missing = self.holder.run('breach', 'open', '--from', '1h', '--by', 'officer', expect=2)
        self.assertIn('cause', missing.stderr)

    def test_the_registers(self):
        register = self.holder.run_json('rights', 'register')
        services = {s['service'].rsplit('/', 1)[1]: s for s in register['services']}
        self.assertTrue(services['patients']['about_persons'])
        self.assertEqual({c['basis'] for c in services['patients']['categories']}, {'consent'})
        assess = ['--service', services['patients']['service'], '--reference', 'PIA-1', '--author', 'officer', '--report', 'long words']
        self.holder.run('rights', 'assess', *assess, '--until', '90d')
        self.assertEqual([a['reference'] for a in self.holder.run_json('rights', 'assessments')['assessments']], ['PIA-1'])
        self.assertIn('has it already', self.holder.run('rights', 'assess', *assess, '--until', '90d', expect=1).stderr)
        assess[3] = 'PIA-2'
        self.assertIn('good for at most', self.holder.run('rights', 'assess', *assess, '--until', '20000d', expect=2).stderr)


if __name__ == '__main__':
    unittest.main()
