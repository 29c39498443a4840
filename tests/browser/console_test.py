"""The operator's console in a browser: each page in each look, live figures, the story's picture, and a day's work by keyboard and touch."""
import time
import unittest

from browser import LOOKS, BrowserCase
from comity import CLIENT, HOLDER, PERSON

FEW = [look for look in LOOKS if look[0] in ('light', 'phone-arabic-dark', 'no-script', 'dark')]


class ConsoleTest(BrowserCase):
    def sign_in(self, role):
        def prepare(page):
            code = self.api.gateway.run_json('code', 'issue', '--role', role, '--name', 'eve')['code']
            page.goto('/sign-in').fill('input[name=code]', code)
            page.run("await Promise.all([page.waitForNavigation(), page.click('main form button')]);")
        return prepare

    def test_now_in_each_look(self):
        self.api.federation.give_consent()
        for _ in range(4):
            self.api.federation.ask()
        self.api.federation.ask('PNR-NOBODY')
        self.in_each_look('/console', 'console-now', prepare=self.sign_in('viewer'), looks=FEW)

    def test_figures_are_live(self):
        with self.page() as page:
            self.sign_in('operator')(page)
            page.goto('/console').wait('#live.good')
            page.wait('#chart .u-wrap')
            before = page.text('[data-at="log.entries"]')
            self.api.federation.ask()
            deadline = time.monotonic() + 15
            while page.text('[data-at="log.entries"]') == before:  # the page's policy lets nobody evaluate text, so from here
                self.assertLess(time.monotonic(), deadline)
            page.check(self, 'console-live')

    def test_the_other_pages(self):
        self.api.federation.give_consent()
        exchange = self.api.federation.ask().header('X-Road-Request-Id')
        self.api.call('POST', '/v1/requests', {'right': 'copy'}, who=PERSON)
        prepare = self.sign_in('officer')
        for path, name in (('/console/find', 'find'), (f'/console/find/{exchange}', 'exchange'), ('/console/rules', 'rules'), ('/console/tasks', 'tasks')):
            self.in_each_look(path, f'console-{name}', prepare=prepare, looks=[look for look in FEW if look[0] in ('light', 'phone-arabic-dark')])

    def test_why_by_keyboard(self):
        with self.page() as page:
            self.sign_in('operator')(page)
            page.goto('/console/rules')
            page.fill('#client', CLIENT)
            page.fill('#service', f'{HOLDER}/patients')
            page.fill('#path', '/x/record')
            page.run("await page.focus('#path');")
            page.press('Enter')
            page.wait('#because')
            self.assertIn('refused', page.text('#because'))
            page.check(self, 'console-why')


if __name__ == '__main__':
    unittest.main()
