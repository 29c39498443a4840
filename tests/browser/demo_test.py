"""The demo that stays up (`make demo KEEP=1`), as somebody who has never seen it: the two addresses and codes that it prints, a phone's window, the keyboard alone."""
import json
import re
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from browser import SCREENSHOTS, Browser, Page
from comity import COMMAND

PHONE = {'width': 360, 'height': 740}
LONGEST_WALK = 60  # presses of Tab from the top of a page to anything on it


def wait_for(condition, what, timeout_s=60):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f'not within {timeout_s} s: {what}')


class DemoTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.output = cls.folder / 'printed'
        with open(cls.output, 'wb') as output:
            cls.demo = subprocess.Popen([COMMAND, 'demo', '--keep', '--asking', '1', '--dir', str(cls.folder / 'demo')], stdin=subprocess.DEVNULL, stdout=output,
                                        stderr=subprocess.STDOUT)
        cls.addClassCleanup(cls.end)
        wait_for(lambda: cls.demo.poll() is not None or 'ready:' in cls.output.read_text(), 'the demo is ready', 120)
        if cls.demo.poll() is not None:
            raise AssertionError(cls.output.read_text())
        cls.told = json.loads((cls.folder / 'demo' / 'demo.json').read_text())
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    @classmethod
    def end(cls):
        if cls.demo.poll() is None:
            cls.demo.terminate()
            cls.demo.wait(timeout=60)

    def window(self, url, **options):
        return Page(self.browser, re.match('http://[^/]+', url).group(0), **options).goto(url)

    # ---- Hands

    def walk_to(self, page, text):
        """By Tab to what is named so."""
        for _ in range(LONGEST_WALK):
            page.press('Tab')
            if page.evaluate('document.activeElement !== document.body') and text in page.focused():
                return
        self.fail(f'{page.path}: Tab does not reach "{text}"')

    def follow(self, page, text):
        self.walk_to(page, text)
        page.run("await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')]);")

    def sign_in(self, page, code):
        """By the keyboard, from whichever page led to the form."""
        self.walk_to(page, 'code')
        page.run('await page.keyboard.type(value);', code)
        page.run("await Promise.all([page.waitForNavigation({ timeout: 15000 }), page.keyboard.press('Enter')]);")

    def picture(self, page, name, at='body'):
        """What the window shows with `at` at its top: README.md's pictures."""
        page.run("await page.evaluate(at => document.querySelector(at).scrollIntoView(), value[1]); await page.screenshot({ path: value[0] });",
                 [str(SCREENSHOTS / f'readme-{name}.png'), at])

    # ---- The story

    def test_found_checked_withdrawn_refused(self):
        printed = self.output.read_text()
        for needed in (self.told['portal_url'], self.told['console_url'], *self.told['codes'].values()):
            self.assertIn(needed, printed)

        with self.window(self.told['portal_url'], **PHONE) as page, self.window(self.told['console_url'], width=1280, height=1110) as console:
            page.check(self, 'demo-1-home')
            self.follow(page, 'Sign in')
            self.sign_in(page, self.told['codes']['person'])
            self.assertEqual(page.path, '/uses')
            self.assertIn('Baobab Clinic', page.text('main'))
            self.assertIn('Refused', page.text('main'))
            page.check(self, 'demo-2-uses')

            self.follow(page, 'Baobab Clinic')
            self.assertIn('vaccinations', page.text('dl.rows'))
            self.walk_to(page, 'Check')
            page.press('Enter')
            page.wait('.result.good, .result.bad, .result.warn')
            self.assertEqual(page.text('.result'), 'Checked: all of this holds.')
            page.check(self, 'demo-3-checked')
            self.picture(page, 'checked', 'section.checking')

            self.follow(page, 'our consent')
            page.check(self, 'demo-4-consent')
            self.picture(page, 'consent')
            self.walk_to(page, 'Withdraw all of it')
            page.press('Enter')
            page.wait('main .notice.good')
            page.check(self, 'demo-5-withdrawn')

            wait_for(lambda: 'refused: consent.none' in self.output.read_text().split('ready:')[1], 'the clinic is refused')
            page.goto('/uses')
            first = page.run("return await page.locator('ol.list > li', { hasText: 'Baobab Clinic' }).first().innerText();")
            self.assertIn('Refused', first)
            self.assertIn('You had withdrawn your consent. Nothing about you was given.', first)
            page.check(self, 'demo-6-refused')
            self.picture(page, 'uses', 'section.day')

            self.from_the_other_side(console)

    def from_the_other_side(self, page):
        self.sign_in(page, self.told['codes']['officer'])
        self.assertEqual(page.path, '/console')
        page.wait('#live.good')
        page.check(self, 'demo-7-now')
        self.picture(page, 'now')
        self.follow(page, 'Find')
        row = page.run("return await page.locator('tbody tr').first().innerText();")
        # An officer reads in the list what the clinic was told, which says nothing about a person.
        self.assertIn('refused consent.none', row)
        self.assertIn('BAOBAB/HEALTH/CLINIC/frontdesk', row)
        page.check(self, 'demo-8-find')
        page.click_and_wait('tbody tr:first-child a')
        page.check(self, 'demo-9-story')
        self.picture(page, 'story')

    # ---- The end

    def test_zz_ends_when_told(self):
        self.demo.send_signal(signal.SIGINT)
        self.assertEqual(self.demo.wait(timeout=60), 0)
        self.assertFalse((self.folder / 'demo' / 'demo.json').exists())
        for pid in self.told['pids'].values():
            self.assertFalse(Path(f'/proc/{pid}').exists())


if __name__ == '__main__':
    unittest.main()
