"""`comity log replay`: what a gateway has decided comes out the same again from its log alone."""
import threading
import unittest

from comity import ADDRESS, CATEGORIES, CLIENT, DIAGNOSES, HOLDER, IMMUNISATIONS, NAME, PERSON, PURPOSE, Federation, holder_policy, http_request

RESEARCH = 'dpv:ResearchAndDevelopment'


class Replay(unittest.TestCase):
    def setUp(self):
        self.federation = Federation()
        self.federation.make()
        self.policy = holder_policy(self.federation.service_url)
        patients = self.policy['services'][0]
        self.policy['services'] += [
            {**patients, 'id': f'{HOLDER}/by-query', 'person': {'in': 'query', 'name': 'person_id'}},
            {**patients, 'id': f'{HOLDER}/by-body', 'person': {'in': 'body', 'name': '/task/id'}},
            {**patients, 'id': f'{HOLDER}/read-only', 'rights': [{'subject': CLIENT, 'method': 'GET', 'path': '/*/record'}]},
        ]
        self.federation.holder.apply(self.policy)
        self.federation.start()
        self.addCleanup(self.federation.__exit__, None)

    def replay(self, *options, expect=0):
        told = self.federation.holder.run_json('log', 'replay', *options, expect=expect)
        undecided = {f['index'] for f in told['findings'] if not f['what'].startswith('the notice: ')}
        self.assertEqual(told['decisions'], told['same'] + told['before'] + len(undecided), told)
        return told

    def ask_all(self):
        ask = self.federation.ask
        ask(), ask(purpose=RESEARCH), ask('PNR-nobody'), ask(purpose='dpv:Marketing')
        ask(service='by-query', rest=f'/find?person_id={PERSON}'), ask(service='by-query', rest='/find')
        ask(service='by-body', rest='/find', method='POST', body=b'{"task": {"id": "%s"}}' % PERSON.encode(), Content_Type='application/json')
        ask(service='by-body', rest='/find', method='POST', body=b'{}', Content_Type='application/json')
        ask(service='read-only', rest=f'/{PERSON}/record'), ask(service='read-only', rest=f'/{PERSON}/record', method='DELETE')
        ask(service='read-only', rest=f'/{PERSON}/../../x'), ask(service='unknown'), ask(service='echo', rest='/hello')
        ask(service='listMethods', rest='')
        http_request(self.federation.consumer.application_port, 'GET', f'/r1/{HOLDER}S/patients/x', {'X-Road-Client': CLIENT})

    def test_everything_comes_out_the_same(self):
        holder = self.federation.holder
        self.ask_all()
        ids = [self.federation.give_consent(categories=[IMMUNISATIONS, ADDRESS]), self.federation.give_consent(categories=[DIAGNOSES], until='2s')]
        self.ask_all()
        self.policy['services'][0]['releases'] = [{'category': c, 'basis': 'consent'} for c in reversed(CATEGORIES)]
        holder.apply(self.policy)
        holder.reload()
        ids.append(self.federation.give_consent(categories=[NAME], purpose=RESEARCH))
        self.ask_all()
        self.federation.withdraw_consent(ids[0])
        self.ask_all()
        self.federation.publish()  # a newer serial
        holder.reload()
        self.federation.consumer.reload()
        self.ask_all()
        told = self.replay()
        self.assertEqual((told['different'], told['undecidable']), (0, 0), told)
        self.assertGreater(told['same'], 50)
        self.assertGreater(told['answers'], 20)
        later = self.replay('--from', '60')
        self.assertEqual(later['different'], 0, later)
        self.assertLess(later['decisions'], told['decisions'])

    def test_consents_that_change_under_way(self):
        """Withdrawals overtake decisions; nothing may have left on what they changed, and the log shows that."""
        stop = threading.Event()

        def ask():
            while not stop.is_set():
                self.federation.ask()

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for _ in range(25):
            self.federation.withdraw_consent(self.federation.give_consent(categories=[IMMUNISATIONS]))
        stop.set()
        for thread in threads:
            thread.join()
        told = self.replay()
        self.assertEqual((told['different'], told['undecidable']), (0, 0), told)

    def test_what_is_gone(self):
        self.federation.give_consent()
        self.ask_all()
        for gateway in (self.federation.consumer, self.federation.holder):
            gateway.stop()
        archive = self.federation.holder.folder / 'archive'
        for file in archive.iterdir():
            file.unlink()
        told = self.replay()
        self.assertEqual(told['different'], 0, told)
        self.assertGreater(told['undecidable'], 10)
        notices = [f['what'] for f in told['findings'] if f['what'].startswith('the notice: ')]
        self.assertEqual(len(notices), 1, notices)
        self.assertIn('the archive does not have it', notices[0])
        self.assertIn('the directory', next(f['what'] for f in told['findings'] if f['exchange']))
        self.assertNotIn(PERSON, self.federation.holder.run('log', 'replay').stdout)


if __name__ == '__main__':
    unittest.main()
