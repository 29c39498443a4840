"""The person's pages over HTTP, without script, as a browser's forms send them: uses, consents, rights, people, the pause; and what an adversary would try."""
import html.parser
import json
import re
import unittest

from api import ApiCase
from comity import ADDRESS, CLINIC, DIAGNOSES, IMMUNISATIONS, NAME, OTHER_PERSON, PERSON, notice
from visitor import Visitor

HEX = 'ab' * 32
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
PATHS = ('/uses', '/uses/complete', '/consents', '/rights', '/people')


class Text(html.parser.HTMLParser):
    """What a page says inside of <main>, the elements that it has, and the attributes by element."""

    def __init__(self, page):
        super().__init__()
        self.words, self.elements, self.depth = [], [], 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.depth += tag == 'main'

    def handle_endtag(self, tag):
        self.depth -= tag == 'main'

    def handle_data(self, data):
        if self.depth:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r'\s+', ' ', ' '.join(self.words)).strip()


class PersonPages(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.federation, cls.gateway = cls.api.federation, cls.api.gateway
        cls.law_id = json.loads(cls.federation.baobab.draft.read_text())['law']['id']

    def sign_in(self, person=PERSON, *options):
        visitor = Visitor(self.api.port, headers={'Accept-Language': 'en'})
        code = self.gateway.run_json('code', 'issue', '--person', '-', *options, stdin=person)['code']
        self.assertEqual(visitor.sign_in(code).status, 303)
        return visitor

    def open(self, visitor, path, status=200):
        self.assertEqual(visitor.get(path).status, status, path)
        return Text(visitor.page.body.decode())

    def follow(self, visitor, answer):
        self.assertEqual(answer.status, 303, answer)
        return self.open(visitor, answer.header('Location'))

    def notice(self, name, about=(IMMUNISATIONS, DIAGNOSES, NAME), **changes):
        """As the hospital writes it; what stands in `changes` replaces members of it, which names of others stand in."""
        path = self.federation.folder / f'notice-{name}.json'
        path.write_text(json.dumps({**notice(name, list(about)), 'law': self.law_id, **changes}))
        self.gateway.run_json('notice', 'publish', path)

    def asked(self, name, person):
        """A request that waits for this person's answer: its id."""
        made = self.api.call('POST', '/v1/consent-requests', {'notice': name}, who='ward', headers={'Comity-Person': person})
        self.assertEqual(made.status, 201, made)
        return made.json()['id']

    def status_of(self, consent, person):
        return self.api.call('GET', f'/v1/consents/{consent}', who=person).json()['status']

    # ---- who sees anything

    def test_nobody_is_led_to_sign_in(self):
        stranger = Visitor(self.api.port)
        for path in PATHS:
            answer = stranger.get(path)
            self.assertEqual((answer.status, answer.header('Location').split('?')[0]), (303, '/sign-in'), path)
        visitor = self.sign_in('PNR-1930-0100')
        self.assertEqual(visitor.get('/').header('Location'), '/uses')
        for path in PATHS:
            page = self.open(visitor, path)
            self.assertEqual([tag for tag, _ in page.elements].count('h1'), 1, path)
            self.assertEqual(visitor.page.header('Cache-Control'), 'no-store')

    def test_another_persons_ids_are_not_there(self):
        mine = self.federation.give_consent('PNR-1931-0101')
        self.federation.ask('PNR-1931-0101')
        owner, thief = self.sign_in('PNR-1931-0101'), self.sign_in('PNR-1931-0102')
        request = self.api.call('POST', '/v1/requests', {'right': 'copy'}, who='PNR-1931-0101').json()['id']
        entry = self.api.call('GET', '/v1/uses', who='PNR-1931-0101').json()['uses'][0]['entry']
        for path in (f'/uses/{entry}', f'/consents/{mine}', f'/consents/{mine}/notice', f'/rights/{request}'):
            self.open(owner, path)
            self.open(thief, path, 404)
        thief.get('/uses')
        field = thief.forms('/pause')[0]['fields']
        for path in (f'/consents/{mine}/withdraw', f'/consents/{mine}/pause', f'/rights/{request}/cancel'):
            self.assertEqual(thief.post(path, {name: field[name] for name in ('csrf', 'key')}).status, 404, path)
        self.assertEqual(thief.post('/people/act', {**{name: field[name] for name in ('csrf', 'key')}, 'guardianship': 'g-' + '0' * 32}).status, 403)
        self.assertEqual(self.status_of(mine, 'PNR-1931-0101'), 'given')

    def test_a_form_without_its_token_does_nothing(self):
        person = 'PNR-1931-0103'
        mine = self.federation.give_consent(person)
        visitor = self.sign_in(person)
        visitor.get('/consents')
        self.assertEqual(visitor.submit(f'/consents/{mine}/withdraw', csrf='x').status, 403)
        visitor.get('/consents')
        self.assertEqual(visitor.submit(f'/consents/{mine}/withdraw', headers={'Sec-Fetch-Site': 'cross-site', 'Origin': 'null'}).status, 403)
        self.assertEqual(self.status_of(mine, person), 'given')
        # A browser without script hides where a form of our own pages comes from, because they send no referrer.
        visitor.get('/consents')
        self.assertEqual(visitor.submit(f'/consents/{mine}/withdraw', headers={'Origin': 'null'}).status, 303)

    # ---- uses

    def test_the_timeline(self):
        person = 'PNR-1932-0110'
        self.federation.ask(person)
        consent = self.federation.give_consent(person, [IMMUNISATIONS])
        for _ in range(2):
            self.federation.ask(person)
        self.api.call('GET', '/v1/uses', who='officer', headers={'Comity-Person': person})
        visitor = self.sign_in(person)
        page = self.open(visitor, '/uses')
        for words in ('CLINIC', 'AURORA', 'to provide a service', 'vaccinations', 'Refused', 'You had not consented.', 'Nothing about you was given.',
                      'You allowed a use', 'Staff saw the list of uses of your data', 'You signed in to these pages'):
            self.assertIn(words, page.text)
        self.assertNotIn(person, ''.join(visitor.links()))  # no identifier in any address
        self.assertNotIn('w3id.org', page.text)  # words, not IRIs
        refused = self.open(visitor, '/uses?show=refused').text
        self.assertIn('You had not consented', refused)
        self.assertNotIn('You allowed a use', refused)
        self.assertNotIn('vaccinations', refused)
        staff = self.open(visitor, '/uses?show=staff').text
        self.assertIn('Staff saw', staff)
        self.assertNotIn('to provide a service', staff)
        self.assertIn('to provide a service', self.open(visitor, f'/uses?who={CLINIC}').text)
        self.assertNotIn('to provide a service', self.open(visitor, '/uses?who=AURORA/COM/NOBODY').text)
        self.assertNotIn('to provide a service', self.open(visitor, '/uses?until=2020-01-01').text)
        self.assertIn('to provide a service', self.open(visitor, '/uses?from=2020-01-01&until=2199-01-01&show=nonsense').text)
        # The form's own fields are what the page takes.
        form = next(form for form in visitor.forms('/uses'))
        self.assertEqual(form['method'], 'get')
        used = [row for row in self.api.call('GET', f'/v1/uses?consent={consent}', who=person).json()['uses']]
        one = self.open(visitor, f'/uses/{used[0]["entry"]}')
        for words in ('Given', 'vaccinations', 'health data: You had refused.', 'you consented', 'your consent', 'BAOBAB/GOV/HOSPITAL/RECORDS/patients',
                      'What this does not prove', 'comity evidence verify'):
            self.assertIn(words, one.text)
        section = next(attrs for tag, attrs in one.elements if tag == 'section' and 'data-evidence' in attrs)
        shown = json.loads(section['data-shown'])
        self.assertEqual((shown['says']['person'], shown['says']['verdict'], shown['isAnswered']), (person, 'permit', True))
        steps = [attrs['data-step'] for _, attrs in one.elements if 'data-step' in attrs]
        self.assertEqual(steps, [f'decision.{s}' for s in ('open', 'place', 'signature', 'witnesses', 'says')] +
                         [f'answer.{s}' for s in ('open', 'place', 'signature', 'witnesses', 'belongs')])
        for path in (f'/v1/uses/{used[0]["entry"]}/evidence', '/v1/trust', '/v1/uses/proof'):
            self.assertIn(visitor.call('GET', path, headers={'Accept': '*/*'}).status, (200, 503), path)

    def test_pages_of_many(self):
        person = 'PNR-1932-0111'
        for _ in range(53):
            self.federation.ask(person)
        visitor = self.sign_in(person)
        entries, path, pages = [], '/uses?show=refused', 0
        while path:
            page = self.open(visitor, path)
            entries += [int(link.rsplit('/', 1)[1]) for link in visitor.links() if re.fullmatch(r'/uses/\d+', link)]
            path = next((attrs['href'] for tag, attrs in page.elements if tag == 'a' and attrs.get('rel') == 'next'), None)
            pages += 1
        self.assertEqual((len(entries), len(set(entries)), pages), (53, 53, 2))
        self.assertEqual(entries, sorted(entries, reverse=True))
        self.open(visitor, '/uses?cursor=x', 400)

    def test_the_badge_is_honest(self):
        person = 'PNR-1932-0112'
        self.federation.ask(person)
        visitor = self.sign_in(person)
        self.assertRegex(self.open(visitor, '/uses').text, 'not sealed yet|Not sealed yet')
        self.api.call('GET', '/v1/uses/proof', who=person)
        page = self.open(visitor, '/uses')
        self.assertIn('Sealed in the log', page.text)
        badge = next(attrs for _, attrs in page.elements if 'data-newest' in attrs)
        self.assertLess(int(badge['data-newest']), self.api.call('GET', '/v1/uses', who=person).json()['bound']['covers'])

    # ---- consents

    def test_withdrawing_is_one_touch(self):
        person = 'PNR-1933-0120'
        consent = self.federation.give_consent(person, [IMMUNISATIONS, DIAGNOSES])
        self.assertEqual(self.federation.ask(person).json().keys() & {'immunizations', 'conditions'}, {'immunizations', 'conditions'})
        visitor = self.sign_in(person)
        page = self.open(visitor, f'/consents/{consent}')
        for words in ('Aurora Clinic', 'to treat you', 'vaccinations', 'health data', '1 time.', 'Withdraw all of it', 'What happened', 'nothing more is given'):
            self.assertIn(words, page.text)
        both = visitor.copy()
        both.get(f'/consents/{consent}')
        answer = visitor.submit(f'/consents/{consent}/withdraw', pick=0)  # one category: the first form
        self.assertIn('Withdrawn for this kind of data', self.follow(visitor, answer).text)
        self.assertEqual(self.federation.ask(person).json().keys() & {'immunizations', 'conditions'}, {'conditions'})
        # The other tab still shows the old page: withdrawing what is left works all the same, twice by a double click.
        form = both.forms(f'/consents/{consent}/withdraw')[-1]
        first, second = both.post(form['action'], form['fields']), both.post(form['action'], form['fields'])
        self.assertEqual((first.status, second.status), (303, 303))
        page = self.follow(both, second)
        self.assertIn('Withdrawn. From now on nothing is let through', page.text)
        self.assertIn('At the recipient', page.text)
        self.assertEqual(self.federation.ask(person).reason, 'consent.none')
        self.assertIn('You had withdrawn your consent.', self.open(visitor, '/uses?show=refused').text)
        history = self.api.call('GET', f'/v1/consents/{consent}', who=person).json()['events']
        self.assertEqual([event['type'] for event in history], ['given', 'withdrawn', 'withdrawn'])
        # Back, and once more: nothing breaks.
        self.assertEqual(visitor.post(form['action'], form['fields']).status, 303)

    def test_withdrawing_everything(self):
        person = 'PNR-1933-0121'
        consents = [self.federation.give_consent(person, [IMMUNISATIONS]), self.federation.give_consent(person, [NAME], purpose='dpv:ResearchAndDevelopment')]
        visitor = self.sign_in(person)
        self.open(visitor, '/consents')
        self.assertIn('None of your consents is in force any more', self.follow(visitor, visitor.submit('/consents/withdraw')).text)
        self.assertEqual([self.status_of(one, person) for one in consents], ['withdrawn', 'withdrawn'])

    def test_letting_one_rest(self):
        person = 'PNR-1933-0122'
        consent = self.federation.give_consent(person, [IMMUNISATIONS])
        visitor = self.sign_in(person)
        self.open(visitor, f'/consents/{consent}')
        stale = visitor.copy()
        stale.get(f'/consents/{consent}')
        self.assertIn('This consent rests now', self.follow(visitor, visitor.submit(f'/consents/{consent}/pause')).text)
        self.assertEqual(self.status_of(consent, person), 'paused')
        # The other tab shows it as it was: it is told, and nothing happens.
        self.assertIn('It has changed since you opened the page', self.follow(stale, stale.submit(f'/consents/{consent}/pause')).text)
        self.assertIn('in use again', self.follow(visitor, visitor.submit(f'/consents/{consent}/resume')).text)
        self.assertEqual(self.status_of(consent, person), 'given')

    def test_answering_a_request(self):
        person = 'PNR-1934-0130'
        self.notice('n-answer', refusalEffect={'en': EVIL}, recipient={'member': CLINIC, 'name': {'en': EVIL}, 'contact': 'javascript:alert(3)', 'country': 'KE', 'address': EVIL})
        self.gateway.run_json('person', 'set', '--person', '-', '--born', '1980-03-01', stdin=person)
        consent = self.asked('n-answer', person)
        visitor = self.sign_in(person)
        page = self.open(visitor, '/consents')
        self.assertIn('Waiting for your answer', page.text)
        page = self.open(visitor, f'/consents/{consent}')
        inputs = [attrs for tag, attrs in page.elements if tag == 'input' and attrs.get('type') in ('radio', 'checkbox')]
        self.assertEqual(len([one for one in inputs if one['type'] == 'radio']), 6)
        self.assertFalse([one for one in inputs if 'checked' in one])  # nothing is ticked beforehand
        self.assertEqual([attrs['value'] for tag, attrs in page.elements if tag == 'button' and attrs.get('name') == 'decision'], ['give', 'refuse', 'defer'])
        # Script in what others wrote is text.
        self.assertIn(EVIL, page.text)
        self.assertFalse([tag for tag, attrs in page.elements if tag == 'img' and attrs.get('src') == 'x'])
        self.assertFalse([attrs for tag, attrs in page.elements if tag == 'script' and not attrs.get('src', '').startswith('/assets/')])
        self.assertFalse([attrs for tag, attrs in page.elements if 'javascript:' in attrs.get('href', '')])
        action = f'/consents/{consent}/answer'
        fields = {name: value for name, value in visitor.forms(action)[0]['fields'].items() if name in ('csrf', 'key', 'match', 'notice')}
        answer = visitor.post(action, {**fields, 'decision': 'give', 'c0': 'yes'})
        self.assertEqual(answer.status, 422)
        self.assertIn('Say yes or no to each kind of data', Text(answer.body.decode()).text)
        self.assertIn(('input', {'type': 'radio', 'name': 'c0', 'value': 'yes', 'checked': None}), Text(answer.body.decode()).elements)
        self.assertEqual(self.status_of(consent, person), 'requested')
        fields = {name: value for name, value in visitor.forms(action)[0]['fields'].items() if name in ('csrf', 'key', 'match', 'notice')}
        answer = visitor.post(action, {**fields, 'decision': 'give', 'c0': 'no', 'c1': 'yes', 'c2': 'no'})
        self.assertIn('needed for the purpose', Text(answer.body.decode()).text)
        self.assertIn('you decide later', self.follow(visitor, visitor.post(action, {**fields, 'key': 'k-2', 'decision': 'defer'})).text)
        self.open(visitor, f'/consents/{consent}')
        old = dict(fields)
        fields = {name: value for name, value in visitor.forms(action)[0]['fields'].items() if name in ('csrf', 'key', 'match', 'notice')}
        # A page from before the change is stale, and says so.
        self.assertIn('It has changed', self.follow(visitor, visitor.post(action, {**old, 'key': 'k-3', 'decision': 'give', 'c0': 'yes', 'c1': 'no', 'c2': 'no'})).text)
        chosen = {**fields, 'decision': 'give', 'c0': 'yes', 'c1': 'no', 'c2': 'no'}
        first, again = visitor.post(action, chosen), visitor.post(action, chosen)  # a double click
        self.assertEqual((first.status, again.header('Location')), (303, first.header('Location')))
        page = self.follow(visitor, first)
        self.assertIn('you allowed what you chose', page.text)
        made = self.api.call('GET', f'/v1/consents/{consent}', who=person).json()
        self.assertEqual([one['decision'] for one in made['decisions']], ['given', 'refused', 'refused'])
        self.assertEqual([event['type'] for event in made['events']], ['requested', 'deferred', 'given'])
        self.assertIn('Revision 1', self.open(visitor, f'/consents/{consent}/notice').text)

    def test_refusing_takes_one_touch(self):
        person = 'PNR-1934-0131'
        self.notice('n-refuse')
        self.gateway.run_json('person', 'set', '--person', '-', '--born', '1980-03-01', stdin=person)
        consent = self.asked('n-refuse', person)
        visitor = self.sign_in(person)
        self.open(visitor, f'/consents/{consent}')
        fields = {name: value for name, value in visitor.forms(f'/consents/{consent}/answer')[0]['fields'].items() if name in ('csrf', 'key', 'match', 'notice')}
        self.assertIn('you refused', self.follow(visitor, visitor.post(f'/consents/{consent}/answer', {**fields, 'decision': 'refuse'})).text)
        self.assertEqual(self.status_of(consent, person), 'refused')

    # ---- the pause

    def test_the_pause_is_on_every_page(self):
        person = 'PNR-1935-0140'
        self.federation.give_consent(person, [IMMUNISATIONS])
        visitor = self.sign_in(person)
        self.open(visitor, '/rights')
        self.assertEqual(visitor.submit('/pause').header('Location'), '/rights?told=paused')
        for path in PATHS:
            visitor.get(path)
            self.assertIn('Nothing that rests on consent is let through', visitor.page.body.decode(), path)
        self.assertEqual(self.federation.ask(person).reason, 'consent.none')
        self.assertEqual(visitor.submit('/resume', next='https://evil.example/').header('Location'), '/consents?told=resumed')
        self.assertEqual(self.federation.ask(person).status, 200)
        self.assertIn('You had paused it.', self.open(visitor, '/uses?show=refused').text)

    # ---- rights

    def test_a_request_and_its_clock(self):
        person = 'PNR-1936-0150'
        visitor = self.sign_in(person)
        page = self.open(visitor, '/rights')
        self.assertEqual(len([1 for tag, attrs in page.elements if tag == 'input' and attrs.get('name') == 'right']),
                         len(self.api.call('GET', '/v1/requests', who=person).json()['rights']))
        fields = {name: value for name, value in visitor.forms('/rights')[0]['fields'].items() if name in ('csrf', 'key')}
        asked = {**fields, 'right': 'correct', 'words': f'My name is {EVIL}'}
        first, again = visitor.post('/rights', asked), visitor.post('/rights', asked)
        self.assertEqual(first.header('Location'), again.header('Location'))
        page = self.follow(visitor, first)
        for words in ('The clock is running', 'days left', EVIL, 'Received', self.law_id):
            self.assertIn(words, page.text)
        rows = self.api.call('GET', '/v1/requests', who=person).json()['requests']
        self.assertEqual(len(rows), 1)
        self.assertIn(rows[0]['article'], page.text)
        path = f'/rights/{rows[0]["id"]}'
        self.assertIn('You took this request back', self.follow(visitor, visitor.submit(f'{path}/cancel')).text)
        self.assertEqual(visitor.post('/rights', {**fields, 'key': 'k9', 'right': 'everything'}).status, 400)
        # One that is answered shows the answer.
        made = self.api.call('POST', '/v1/requests', {'right': 'access'}, who=person).json()['id']
        for act in ({'event': 'accept'}, {'event': 'fulfil', 'answer': 'Because of rule 7.'}):
            done = self.api.call('POST', f'/v1/requests/{made}/act', act, who='officer')
            self.assertEqual(done.status, 200, done)
        self.assertIn('Because of rule 7.', self.open(visitor, f'/rights/{made}').text)
        self.assertEqual(visitor.call('GET', '/v1/report', headers={'Accept': '*/*'}).status, 200)

    # ---- for others

    def test_acting_for_a_child(self):
        child, mother = 'PNR-2020-0160', 'PNR-1990-0161'
        self.federation.ask(child)
        made = self.api.call('POST', '/v1/guardianships', {'role': 'guardian', 'representative': mother, 'relation': EVIL, 'evidence': HEX, 'proof': HEX},
                             who='officer', headers={'Comity-Person': child}).json()['id']
        visitor = self.sign_in(mother)
        page = self.open(visitor, '/people')
        self.assertIn(child, page.text)
        self.assertIn(EVIL, page.text)
        page = self.follow(visitor, visitor.submit('/people/act'))
        self.assertIn('You had not consented', page.text)  # the child's list
        for path in PATHS:
            visitor.get(path)
            self.assertIn('You act for</strong> <bdi>' + child, visitor.page.body.decode(), path)
        # What the page links to is the child's as well; a change by the API says for whom by itself.
        self.assertIn('"verdict":"representative"', visitor.call('GET', '/v1/report', headers={'Accept': '*/*'}).body.decode())
        self.assertEqual(visitor.submit('/pause').status, 303)
        self.assertTrue(self.api.call('GET', '/v1/person', who=child).json()['paused'])
        self.assertFalse(self.api.call('GET', '/v1/person', who=mother).json()['paused'])
        self.open(visitor, '/uses')
        self.follow(visitor, visitor.submit('/people/own'))
        self.open(visitor, '/uses')
        self.assertNotIn('You act for', visitor.page.body.decode())
        # It ends while she acts: she is led back to herself.
        self.open(visitor, '/people')
        visitor.submit('/people/act')
        self.assertTrue(self.api.call('POST', f'/v1/guardianships/{made}/end', who='officer').json()['changed'])
        self.assertIn('You no longer answer for that person', self.follow(visitor, visitor.get('/uses')).text)
        self.open(visitor, '/uses')

    def test_a_helper_reads_and_withdraws(self):
        person = 'PNR-1937-0170'
        self.notice('n-helper', about=(ADDRESS,))
        waiting = self.asked('n-helper', person)
        consent = self.federation.give_consent(person, [IMMUNISATIONS])
        visitor = self.sign_in(person, '--role', 'helper', '--name', 'Ada')
        self.assertIn('You help', self.open(visitor, '/consents') and visitor.page.body.decode())
        page = self.open(visitor, f'/consents/{waiting}')
        self.assertIn('The answer is for the person alone', page.text)
        self.assertFalse(visitor.forms(f'/consents/{waiting}/answer'))
        fields = {name: visitor.forms('/pause')[0]['fields'][name] for name in ('csrf', 'key')}
        self.assertEqual(visitor.post(f'/consents/{waiting}/answer', {**fields, 'decision': 'give', 'c0': 'yes'}).status, 403)
        self.assertEqual(visitor.post('/rights', {**fields, 'right': 'copy'}).status, 403)
        self.open(visitor, f'/consents/{consent}')
        self.assertEqual(visitor.submit(f'/consents/{consent}/withdraw').status, 303)
        self.assertEqual(self.status_of(consent, person), 'withdrawn')

    def test_staff_has_pages_of_its_own(self):
        for who in ('officer', 'operator', 'auditor', 'viewer'):
            for path in PATHS:
                answer = self.api.call('GET', path, who=who, headers={'Accept': 'text/html'})
                self.assertEqual(answer.status, 403, (who, path))

    def test_every_language_is_whole(self):
        """No key, no IRI and no English where another language is spoken."""
        person = 'PNR-1938-0180'
        self.federation.give_consent(person, [IMMUNISATIONS])
        self.federation.ask(person)
        visitor = self.sign_in(person)
        consent = self.api.call('GET', '/v1/consents', who=person).json()['consents'][0]['id']
        for language in ('en', 'fr', 'zh', 'ar', 'sw'):
            for path in (*PATHS, f'/consents/{consent}'):
                page = self.open(visitor, f'{path}?lang={language}')
                self.assertIn(('html', {'lang': language, 'dir': 'rtl' if language == 'ar' else 'ltr'}), page.elements)
                self.assertNotRegex(page.text, r'\b(use|uses|consent|consents|right|rights|basis|reason|event|operation|told|band|term)\.[a-z_]{5}', (language, path))
                self.assertNotIn('{{', page.text)

    def test_other_persons_stay_unnamed(self):
        self.federation.ask(OTHER_PERSON)
        visitor = self.sign_in('PNR-1939-0190')
        for path in PATHS:
            visitor.get(path)
            self.assertNotIn(OTHER_PERSON, visitor.page.body.decode())


if __name__ == '__main__':
    unittest.main()
