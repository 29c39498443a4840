"""Signing in by a code on paper, sessions and their cookies, CSRF: with a browser without script, over real HTTP, as an adversary would."""
import re
import threading
import time
import unittest
from urllib.parse import quote

from api import ApiCase
from comity import OTHER_PERSON, PERSON
from visitor import Visitor

HEX = 'ab' * 32


class SignIn(ApiCase):
    def code(self, *options, person=PERSON, **more):
        arguments = ('--person', '-', *options) if person else options
        return self.api.gateway.run_json('code', 'issue', *arguments, stdin=person or '', **more)['code']

    def browser(self, **options):
        return Visitor(self.api.port, **options)

    def signed_in(self, *options, person=PERSON):
        browser = self.browser()
        answer = browser.sign_in(self.code(*options, person=person))
        self.assertEqual(answer.status, 303, answer)
        return browser

    def sign_out(self, browser):
        browser.get('/sign-in')
        return browser.submit('/sign-out')

    def uses(self, person=PERSON):
        rows = self.api.call('GET', '/v1/uses?limit=200', who=person).json()['uses']
        return [row for row in rows if row['kind'] == 'access']

    # ---- in

    def test_a_code_lets_one_in_once_and_the_person_sees_it(self):
        code = self.code(person=OTHER_PERSON)
        self.assertRegex(code, r'^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$')
        browser = self.browser()
        page = browser.get('/sign-in')
        self.assertEqual(page.status, 200, page)
        self.assertNotIn('/sign-in/provider', page.body.decode())  # none is set up: only the code's form
        self.assertEqual(browser.submit('/sign-in', code=code.lower().replace('-', ' ')).status, 303)
        told = browser.get('/v1/person', headers={'Accept': 'application/json'})
        self.assertEqual((told.status, told.json()['person'], told.json()['as']), (200, OTHER_PERSON, 'person'), told)
        again = self.browser().sign_in(code)
        self.assertEqual(again.status, 403, again)
        self.assertIn('This code does not work', again.body.decode())
        seen = [(row['service'].rsplit('/', 1)[-1], row['verdict'], row['client'].rsplit('/', 1)[1]) for row in self.uses(OTHER_PERSON)]
        self.assertEqual(seen[-2:] if seen[0][0] != 'signIn' else seen[:2][::-1],
                         [('issueCode', 'counter', 'command line'), ('signIn', 'person', 'person')], seen)
        # Nothing of it is where it must not be: the code, the cookie, the person.
        files = self.api.gateway.stderr() + ''.join(p.read_bytes().decode('latin-1') for p in self.api.gateway.folder.glob('comity.db*'))
        for secret in (code, code.replace('-', ''), browser.cookies['comity']):
            self.assertNotIn(secret, files)

    def test_cookies(self):
        answer = self.browser().sign_in(self.code())
        cookie, = (value for name, value in answer.headers if name == 'Set-Cookie' and value.startswith('comity='))
        self.assertEqual(cookie.split('; ')[1:], ['Path=/', 'HttpOnly', 'SameSite=Lax'])
        self.assertEqual(len(cookie.split(';')[0].split('=', 1)[1]), 43)

    def test_wrong_codes_all_look_the_same(self):
        over = self.code('--age', '1s')
        time.sleep(1.1)
        used = self.code()
        self.assertEqual(self.browser().sign_in(used).status, 303)
        texts = set()
        for code in (over, used, '0000-0000-0000-0000', 'x', '<script>alert(1)</script>', 'ÄÖÜ', "' OR 1=1 --"):
            self.calm()
            answer = self.browser().sign_in(code)
            self.assertEqual(answer.status, 403, answer)
            page = re.sub(r'value="[^"]*"', '', answer.body.decode())
            self.assertNotIn('<script>alert', page)
            texts.add(page)
        self.assertEqual(len(texts), 1)

    def calm(self):
        """A good code makes the gateway forget this address's failures."""
        self.assertEqual(self.browser().sign_in(self.code()).status, 303)

    def failures(self):
        return sum(int(n) for n in re.findall(r'^comity_api_code_failures_total\S* (\d+)', self.api.gateway.metrics_text(), re.M))

    def wrong(self):
        """A wrong code, when the address may try again; when that began."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            began = time.monotonic()
            if self.browser().sign_in('0000-0000-0000-0001').status == 403:
                return began
            time.sleep(.1)
        self.fail('the address may never try again')

    def test_guessing_is_slowed_and_counted(self):
        self.calm()
        code, before = self.code(), self.failures()
        self.assertEqual([self.browser().sign_in('0000-0000-0000-0001').status for _ in range(4)], [403] * 4)
        for wait_s in (1, 2, 4, 8):  # on a slow machine the first ones may be over before both answers are there
            began = self.wrong()
            page = self.browser().sign_in('0000-0000-0000-0001')
            if time.monotonic() - began >= wait_s * .7:
                continue
            good = self.browser().sign_in(code)  # must wait, too: nobody learns by it which it was
            if time.monotonic() - began < wait_s:
                break
            code = self.code()
        else:
            self.fail('each answer took longer than the wait')
        self.assertEqual((page.status, good.status), (429, 429), page)
        self.assertIn('too many tries', page.body.decode())
        self.assertGreaterEqual(self.failures() - before, 5)
        self.assertIn('somebody guesses codes', self.api.gateway.stderr())
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.browser().sign_in(code).status != 303:
            time.sleep(.3)
        self.assertLess(time.monotonic(), deadline)

    def test_two_at_once_get_one_session(self):
        code = self.code()
        browsers = [self.browser() for _ in range(4)]
        for browser in browsers:
            browser.get('/sign-in')
        got = []
        threads = [threading.Thread(target=lambda b=b: got.append(b.submit('/sign-in', code=code).status)) for b in browsers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(got)[0], 303)
        self.assertEqual(got.count(303), 1, got)
        self.calm()

    def test_a_double_click_is_one_sign_in(self):
        """The same browser sends its form again, because the answer never came: it is let in, and only once."""
        browser = self.browser()
        browser.get('/sign-in')
        tab = browser.copy()
        tab.page = browser.page
        code = self.code()
        self.assertEqual(browser.submit('/sign-in', code=code).status, 303)
        self.assertEqual(tab.submit('/sign-in', code=code).status, 303)
        self.assertEqual(tab.get('/v1/person', headers={'Accept': '*/*'}).status, 200)

    # ---- as whom

    def test_a_guardian(self):
        made = self.api.call('POST', '/v1/guardianships', {'role': 'guardian', 'representative': 'PNR-MOTHER', 'relation': 'mother', 'evidence': HEX,
                                                           'proof': HEX}, who='officer', headers={'Comity-Person': 'PNR-CHILD'}).json()
        browser = self.signed_in('--role', 'guardian', '--guardianship', made['id'], person='PNR-CHILD')
        told = browser.get('/v1/person', headers={'Accept': '*/*'}).json()
        self.assertEqual((told['person'], told['as']), ('PNR-CHILD', 'guardian'))
        other = browser.get('/v1/person', headers={'Accept': '*/*', 'Comity-Guardianship': 'g-' + '0' * 32})
        self.assertEqual((other.status, other.json()['reason']), (403, 'auth.guardian'))
        self.assertEqual(browser.get('/v1/person', headers={'Accept': '*/*', 'Comity-Person': 'PNR-MOTHER'}).json().get('person', 'PNR-CHILD'), 'PNR-CHILD')
        self.api.call('POST', f'/v1/guardianships/{made["id"]}/end', who='officer')
        self.assertEqual(browser.get('/v1/person', headers={'Accept': '*/*'}).status, 403)
        self.assertEqual(self.sign_out(browser).status, 303)

    def test_a_helper_reads_and_withdraws_and_gives_nothing(self):
        browser = self.signed_in('--role', 'helper', '--name', 'Ada, social worker')
        json_ = {'Accept': '*/*', 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin', 'Comity-CSRF': browser.csrf()}
        self.assertEqual(browser.get('/v1/uses', headers={'Accept': '*/*'}).status, 200)
        paused = browser.call('POST', '/v1/person/pause', b'{}', json_)
        self.assertEqual((paused.status, paused.json()['paused']), (200, True), paused)
        for path in ('/v1/person/resume', '/v1/consents', '/v1/requests'):
            refused = browser.call('POST', path, b'{}', json_)
            self.assertEqual((refused.status, refused.json()['reason']), (403, 'auth.role'), path)
        self.api.call('POST', '/v1/person/resume', {}, who=PERSON)
        self.assertIn('Ada, social worker', str(self.uses()))

    def test_staff_in_one_role(self):
        for role, sees in (('viewer', False), ('operator', False), ('auditor', False), ('officer', True)):
            browser = self.signed_in('--role', role, '--name', f'eve-{role}', person=None)
            looked = browser.get('/v1/uses', headers={'Accept': '*/*', 'Comity-Person': OTHER_PERSON})
            self.assertEqual(looked.status, 200 if sees else 403, (role, looked))
        self.assertIn('eve-officer', str(self.uses(OTHER_PERSON)))
        told = self.api.gateway.run('code', 'issue', '--role', 'officer', expect=2).stderr
        self.assertIn('name', told)

    def test_codes_over_the_api(self):
        issue = lambda who, body, person=PERSON: self.api.call('POST', '/v1/codes', body, who=who, headers={'Comity-Person': person} if person else {})
        made = issue('ward', {'role': 'person'})
        self.assertEqual(made.status, 201, made)
        self.assertEqual(self.browser().sign_in(made.json()['code']).status, 303)
        self.assertEqual(issue('operator', {'role': 'helper', 'name': 'Bo'}).status, 201)
        self.refused(issue('clinic', {'role': 'person'}), 403, 'auth.role')  # another member's counter
        for who in ('officer', 'viewer', 'auditor', PERSON):
            self.refused(issue(who, {'role': 'person'}), 403, 'auth.role')
        self.refused(issue('operator', {'role': 'officer', 'name': 'me'}), 400, 'request.malformed')  # nobody makes himself an officer
        self.refused(issue('ward', {'role': 'person'}, None), 400, 'request.malformed')
        self.refused(issue('ward', {'role': 'helper'}), 400, 'request.malformed')
        self.refused(issue('ward', {'role': 'guardian', 'guardianship': 'g-' + '0' * 32}), 409, 'consent.guardian')
        keyed = [self.api.call('POST', '/v1/codes', {'role': 'person'}, who='ward', headers={'Comity-Person': PERSON, 'Idempotency-Key': 'k1'}).json() for _ in 'ab']
        self.assertNotEqual(keyed[0]['code'], keyed[1]['code'])  # a code is not kept anywhere to be told again

    # ---- out

    def test_sign_out_ends_it_for_every_tab_and_back_shows_nothing(self):
        browser = self.signed_in()
        thief = browser.copy()
        page = browser.get('/sessions')
        self.assertEqual(page.header('Cache-Control'), 'no-store')
        self.assertEqual(browser.submit('/sign-out').status, 303)
        self.assertNotIn('comity', browser.cookies)
        for one in (browser, thief):
            self.assertEqual(one.get('/v1/person', headers={'Accept': '*/*'}).status, 401)
            back = one.get('/sessions')
            self.assertEqual((back.status, back.header('Location')), (303, '/sign-in?next=/sessions'))
        self.assertEqual(browser.get('/signed-out').status, 200)

    def test_signed_in_elsewhere(self):
        here, there, other = self.signed_in(), self.signed_in(), self.signed_in(person=OTHER_PERSON)
        page = here.get('/sessions').body.decode()
        self.assertIn('this browser', page)
        mine = here.get('/v1/sessions', headers={'Accept': '*/*'}).json()['sessions']
        not_mine = other.get('/v1/sessions', headers={'Accept': '*/*'}).json()['sessions']
        self.assertFalse({row['id'] for row in mine} & {row['id'] for row in not_mine})
        json_ = {'Accept': '*/*', 'Sec-Fetch-Site': 'same-origin', 'Comity-CSRF': here.csrf()}
        self.assertEqual(here.call('DELETE', f'/v1/sessions/{not_mine[0]["id"]}', headers=json_).status, 404)
        self.assertEqual(other.get('/v1/person', headers={'Accept': '*/*'}).status, 200)
        ended = there.get('/v1/session', headers={'Accept': '*/*'}).json()['id']
        here.get('/sessions')
        form, = (f for f in here.forms('/sessions') if f['fields'].get('id') == ended)
        self.assertEqual(here.post('/sessions', form['fields']).header('Location'), '/sessions')
        self.assertEqual(here.post('/sessions', form['fields']).status, 303)  # a second click
        self.assertEqual(there.get('/v1/person', headers={'Accept': '*/*'}).status, 401)
        third = self.signed_in()
        here.get('/sessions')
        self.assertEqual(here.submit('/sessions', pick=-1).status, 303)  # everywhere
        for one in (here, third):
            self.assertEqual(one.get('/v1/person', headers={'Accept': '*/*'}).status, 401)
        self.assertEqual(other.get('/v1/person', headers={'Accept': '*/*'}).status, 200)

    def test_a_session_of_before_is_never_taken_over(self):
        """Session fixation: whatever cookie was there, sign-in makes a new one and ends the old one."""
        browser = self.signed_in()
        before = dict(browser.cookies)
        self.assertEqual(browser.sign_in(self.code(person=OTHER_PERSON)).status, 303)
        self.assertNotEqual(before['comity'], browser.cookies['comity'])
        self.assertEqual(Visitor(self.api.port, before).get('/v1/person', headers={'Accept': '*/*'}).status, 401)
        chosen = Visitor(self.api.port, {'comity': 'A' * 43})
        chosen.sign_in(self.code())
        self.assertNotEqual(chosen.cookies['comity'], 'A' * 43)

    # ---- CSRF, redirects, frames, sizes

    def test_csrf_on_pages(self):
        browser = self.signed_in()
        browser.get('/sessions')
        stranger = self.signed_in(person=OTHER_PERSON)
        stranger.get('/sessions')
        foreign = stranger.forms('/sign-out')[0]['fields']['csrf']
        for csrf, headers in ((None, {}), ('', {}), ('A' * 43, {}), (foreign, {}), ('same', {'Sec-Fetch-Site': 'cross-site'}),
                              ('same', {'Sec-Fetch-Site': 'same-site'}), ('same', {'Sec-Fetch-Site': None, 'Origin': 'https://evil.example'}),
                              ('same', {'Sec-Fetch-Site': None, 'Origin': 'null'})):
            browser.get('/sessions')
            fields = {} if csrf == 'same' else {'csrf': csrf}
            answer = browser.submit('/sign-out', headers=headers, **fields)
            self.assertEqual(answer.status, 403, (csrf, headers, answer))
            self.assertIn('<h1>', answer.body.decode())
        browser.get('/sessions')
        answer = browser.submit('/sign-out', headers={'Sec-Fetch-Site': None, 'Origin': f'http://127.0.0.1:{self.api.port}'})
        self.assertEqual(answer.status, 303)

    def test_csrf_of_the_sign_in_form(self):
        """Nobody is made to sign in as somebody else (login CSRF)."""
        code = self.code()
        browser = self.browser()
        self.assertEqual(browser.post('/sign-in', {'code': code}).status, 403)
        attacker = self.browser()
        attacker.get('/sign-in')
        token = attacker.forms('/sign-in')[0]['fields']['csrf']
        self.assertEqual(browser.post('/sign-in', {'code': code, 'csrf': token}).status, 403)
        browser.get('/sign-in')
        self.assertEqual(browser.submit('/sign-in', code=code, headers={'Sec-Fetch-Site': 'cross-site'}).status, 403)
        browser.get('/sign-in')
        self.assertEqual(browser.submit('/sign-in', code=code).status, 303)  # and the code was not used up by it

    def test_csrf_on_the_api(self):
        browser = self.signed_in()
        good = {'Accept': '*/*', 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin', 'Comity-CSRF': browser.csrf()}
        pause = lambda **changes: browser.call('POST', '/v1/person/pause', b'{}', {k: v for k, v in {**good, **changes}.items() if v is not None})
        for changes in ({'Comity-CSRF': None}, {'Comity-CSRF': 'A' * 43}, {'Sec-Fetch-Site': 'cross-site'}, {'Origin': 'https://evil.example'}):
            answer = pause(**changes)
            self.refused(answer, 403, 'auth.csrf')
        looked = browser.call('GET', '/v1/uses', headers={'Accept': '*/*', 'Sec-Fetch-Site': 'cross-site'})
        self.refused(looked, 403, 'auth.csrf')
        self.assertEqual(pause().status, 200)
        self.assertEqual(browser.call('POST', '/v1/person/resume', b'{}', good).status, 200)

    def test_no_open_redirect(self):
        for target in ('https://evil.example/', '//evil.example', '/\\evil.example', '\\\\evil.example', 'javascript:alert(1)', '/a\nLocation: //e', '///x',
                       '/%0d%0aSet-Cookie:x=y', ' /x', 'evil'):
            answer = self.browser().sign_in(self.code(), target)
            self.assertEqual(answer.status, 303, (target, answer))
            self.assertIn(answer.header('Location'), ('/', '/%0d%0aSet-Cookie:x=y'), target)
            self.assertIsNone(answer.header('x'))
        self.assertEqual(self.browser().sign_in(self.code(), '/sessions?lang=fr').header('Location'), '/sessions?lang=fr')

    def test_headers_of_every_page(self):
        browser = self.signed_in()
        for one, path in ((browser, '/sessions'), (self.browser(), '/sign-in'), (self.browser(), '/signed-out'), (browser, '/no-such-page')):
            page = one.get(path)
            self.assertEqual(page.header('Cache-Control'), 'no-store', path)
            policy = page.header('Content-Security-Policy')
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertIn("default-src 'none'", policy)
            self.assertNotIn('unsafe', policy)
            self.assertEqual(page.header('X-Content-Type-Options'), 'nosniff')
            self.assertEqual(page.header('Referrer-Policy'), 'same-origin')

    def test_oversize_and_odd_forms(self):
        browser = self.browser()
        browser.get('/sign-in')
        for data, status in (({'code': 'A' * 70000}, 413), ({'code': 'x', 'more': 'x'}, 400), ({}, 400)):
            fields = {**browser.forms('/sign-in')[0]['fields'], **data}
            if not data:
                fields.pop('code')
            answer = browser.copy().post('/sign-in', fields)
            self.assertEqual(answer.status, status, answer)
            self.assertIn('<h1>', answer.body.decode())
        twice = browser.call('POST', '/sign-in', b'code=a&code=b', {'Content-Type': 'application/x-www-form-urlencoded'})
        self.assertEqual(twice.status, 400)
        wrong = browser.call('POST', '/sign-in', b'{"code":1}', {'Content-Type': 'application/json'})
        self.assertEqual(wrong.status, 415)

    def test_cookies_that_are_none(self):
        good = self.signed_in().cookies['comity']
        for cookie in ('comity=', 'comity=x', f'comity={good}x', f'comity={good[:-1]}', f'comity={good}; comity={good}', 'comity=' + 'A' * 8000,
                       f'Comity={good}', f'comity="{good}"', 'comity=%00'):
            answer = self.browser(headers={'Cookie': cookie, 'Accept': '*/*'}).call('GET', '/v1/person')
            self.assertEqual(answer.status, 401, (cookie, answer))

    # ---- another's

    def test_anothers_ids_in_every_url(self):
        """Each route that has an id in its path, with ids of one person, asked by another: as if there were nothing."""
        mine = self.api.call('POST', '/v1/requests', {'right': 'access'}, who=PERSON)
        ids = {'requestId': mine.json().get('id', 'r-0'), 'sessionId': self.signed_in().get('/v1/session', headers={'Accept': '*/*'}).json()['id'],
               'entry': str(self.api.call('GET', '/v1/uses', who=PERSON).json()['uses'][0]['entry'])}
        ids['consentId'] = self.api.federation.give_consent(PERSON)
        other = self.signed_in(person=OTHER_PERSON)
        head = {'Accept': '*/*', 'Sec-Fetch-Site': 'same-origin', 'Comity-CSRF': other.csrf()}
        document = self.api.call('GET', '/v1/openapi.json').json()
        tried = 0
        for path, operations in document['paths'].items():
            names = re.findall(r'\{(\w+)\}', path)
            for method, operation in operations.items():
                if not names or operation['x-comity-access'].get('person') != 'own':
                    continue
                target = re.sub(r'\{(\w+)\}', lambda m: quote(ids.get(m.group(1), 'none')), path)
                body = b'{}' if operation.get('requestBody') else None
                answer = other.call(method.upper(), target, body, {**head, **({'Content-Type': 'application/json'} if body else {})})
                self.assertIn(answer.status, (200, 400, 404), (method, target, answer))
                self.assertNotIn(PERSON, answer.body.decode())
                if answer.status == 200:  # a list of one's own, of what that id has
                    self.assertEqual(list(answer.json().values()), [[]], (method, target, answer))
                tried += 1
        self.assertGreater(tried, 10)
        for header in ('Comity-Person', 'X-ConsentBB-IndividualId'):
            for path in ('/v1/uses', '/v1/consents', '/v1/requests', '/v1/report', '/v1/person', '/govstack/v1/service/individual/record/consent-record'):
                answer = other.call('GET', path, headers={'Accept': '*/*', header: PERSON})
                self.assertTrue(answer.status >= 400 or PERSON not in answer.body.decode(), (path, header))


class Times(ApiCase):
    config = {'sessions': {'idle': '1m', 'age': '1m'}, 'codes': {'age': '1m'}, 'public_url': 'https://portal.example'}

    def test_behind_a_proxy_that_ends_tls(self):
        browser = Visitor(self.api.port)
        code = self.api.gateway.run_json('code', 'issue', '--person', '-', stdin=PERSON)['code']
        answer = browser.sign_in(code)
        self.assertEqual(answer.status, 303, answer)
        cookie, = (value for name, value in answer.headers if name == 'Set-Cookie' and 'visit' not in value)
        self.assertTrue(cookie.startswith('__Host-comity='), cookie)
        self.assertTrue(cookie.endswith('; Secure'), cookie)
        browser.get('/sessions')
        self.assertEqual(browser.submit('/sign-out', headers={'Origin': 'https://portal.example'}).status, 303)
        printed = self.api.gateway.run('code', 'issue', '--person', '-', '--html', stdin=PERSON).stdout
        self.assertIn('https://portal.example/sign-in', printed)
        self.assertNotIn(PERSON, printed)


if __name__ == '__main__':
    unittest.main()
