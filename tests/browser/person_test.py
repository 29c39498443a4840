"""The person's pages in Chromium: each in its looks, by keyboard, the check in the browser, and withdrawing while a clinic asks."""
import unittest

from browser import LOOKS, BrowserCase
from comity import DIAGNOSES, IMMUNISATIONS, NAME

PERSON = 'PNR-1950-0501'
SMALL = [look for look in LOOKS if look[0] in ('light', 'phone-arabic-dark', 'no-script')]


class PersonTest(BrowserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        federation = cls.federation = cls.api.federation
        federation.set_born(PERSON)
        federation.ask(PERSON)
        federation.publish_notice('n-asks', [DIAGNOSES], law='TEST', purpose='dpv:ResearchAndDevelopment')
        cls.waiting = cls.api.call('POST', '/v1/consent-requests', {'notice': 'n-asks'}, who='ward', headers={'Comity-Person': PERSON}).json()['id']
        cls.consent = federation.give_consent(PERSON, [IMMUNISATIONS, NAME])
        for _ in range(2):
            federation.ask(PERSON)
        cls.request = cls.api.call('POST', '/v1/requests', {'right': 'copy', 'words': 'All of it.'}, who=PERSON).json()['id']

    def sign_in(self, page):
        code = self.api.gateway.run_json('code', 'issue', '--person', '-', stdin=PERSON)['code']
        page.goto('/sign-in')
        page.fill('input[name=code]', code)
        page.run("await Promise.all([page.waitForURL('**/uses', { timeout: 15000 }), page.click('main form button')]);")

    def permitted(self):
        rows = self.api.call('GET', '/v1/uses?verdict=permit', who=PERSON).json()['uses']
        return f'/uses/{rows[-1]["entry"]}'

    def test_each_page_in_its_looks(self):
        paths = {'uses': '/uses', 'use': self.permitted(), 'uses-complete': '/uses/complete', 'consents': '/consents', 'consent': f'/consents/{self.consent}',
                 'request': f'/consents/{self.waiting}', 'notice': f'/consents/{self.consent}/notice', 'rights': '/rights', 'right': f'/rights/{self.request}',
                 'people': '/people'}
        for look, options in SMALL:
            with self.page(**options) as page:
                self.sign_in(page)
                self.assertEqual(page.path, '/uses')
                for name, path in paths.items():
                    with self.subTest(look=look, page=name):
                        page.goto(path).check(self, f'person-{name}-{look}', with_axe=look != 'no-script')

    def test_the_check_in_the_browser(self):
        with self.page() as page:
            self.sign_in(page)
            page.goto(self.permitted())
            page.click('section.checking button')
            page.wait('.result.good, .result.bad, .result.warn')
            self.assertEqual(page.text('.result'), 'Checked: all of this holds.')
            self.assertEqual(page.count('.steps .right'), 10)
            page.check(self, 'person-use-checked')
            page.goto('/uses/complete')
            page.click('section.checking button')
            page.wait('.result.good, .result.bad, .result.warn')
            self.assertIn('Checked: the list is complete', page.text('.result'))
            page.check(self, 'person-uses-complete-checked')
            page.goto('/uses')
            page.wait('.badge.good[data-newest]')
            self.assertIn('Your device checked it', page.text('[data-newest]'))

    def test_a_record_that_was_changed_is_found(self):
        """A gateway that lies: its evidence comes with another word than the log has."""
        with self.page() as page:
            self.sign_in(page)
            page.run("await page.route('**/evidence', async route => { const answer = await route.fetch(); const text = (await answer.text()).replaceAll('verdict: permit', 'verdict: refuse');"
                     " await route.fulfill({ response: answer, body: text }); });")
            page.goto(self.permitted())
            page.click('section.checking button')
            page.wait('.result.bad')
            self.assertIn('This does not hold', page.text('.result'))
            self.assertEqual(page.count('.steps .wrong'), 1)
            page.check(self, 'person-use-wrong')

    def test_withdrawing_by_keyboard_alone(self):
        person_consent = self.federation.give_consent(PERSON, [NAME], purpose='dpv:ResearchAndDevelopment')
        with self.page(f'/consents/{person_consent}') as page:
            self.sign_in(page)
            page.goto(f'/consents/{person_consent}')
            for _ in range(40):
                page.press('Tab')
                if page.focused().startswith('Withdraw all of it'):
                    break
            self.assertTrue(page.focused().startswith('Withdraw all of it'))
            page.press('Enter')
            page.wait_until("document.querySelector('main .notice.good') !== null")
            self.assertIn('Withdrawn', page.text('main .notice.good'))
            self.assertEqual(self.api.call('GET', f'/v1/consents/{person_consent}', who=PERSON).json()['status'], 'withdrawn')

    # ---- A line that is cut in the middle of an act, with a real gateway behind it

    def withdrawals(self, consent):
        status = self.api.call('GET', f'/v1/consents/{consent}', who=PERSON).json()['status']
        return status, [event['event'] for event in self.api.gateway.run_json('consent', 'history', consent)['events']].count('withdraw')

    def withdraw(self, page, consent):
        self.sign_in(page)
        page.goto(f'/consents/{consent}')

    def test_a_line_that_is_cut_before_the_act_arrives(self):
        consent = self.federation.give_consent(PERSON, [NAME], purpose='dpv:ServiceProvision')
        with self.page('/') as page:
            self.withdraw(page, consent)
            page.offline()
            page.click('button:has-text("Withdraw all of it")')
            page.wait('#told.warn')
            self.assertEqual(self.withdrawals(consent), ('given', 0))
            page.offline(False)
            page.wait('main .notice.good')
            self.assertEqual(self.withdrawals(consent), ('withdrawn', 1))

    def test_a_line_that_is_cut_before_the_answer_arrives(self):
        consent = self.federation.give_consent(PERSON, [NAME], purpose='dpv:ServiceProvision')
        with self.page('/') as page:
            self.withdraw(page, consent)
            page.slow(400, 300)
            page.run("page.tries = 0; await page.route('**/withdraw', async route => { page.tries++; if (page.tries > 1) return route.continue();"
                     " await route.fetch({ maxRedirects: 0 }); await route.abort('connectionreset'); });")
            page.click('button:has-text("Withdraw all of it")')
            page.wait('main .notice.good')
            self.assertGreaterEqual(page.run('return page.tries;'), 2)
            self.assertEqual(self.withdrawals(consent), ('withdrawn', 1))


if __name__ == '__main__':
    unittest.main()
