"""
Chromium for tests, by playwright-core (package.json) and Debian's chromium.

    class FrameTest(BrowserCase):
        def test_home(self):
            with self.page('/', theme='dark', language='ar', width=320) as page:
                self.assertEqual(page.text('h1'), '...')
                page.check(self, 'home')          # axe, script errors, nothing wider than the screen, no other host; a screenshot

BrowserCase starts the gateway of ApiCase (`self.api`) and one browser for all of a class. `page.run(code, value)` evaluates the body of an async function of
playwright's `page`, `context`, `browser`, and `value`, in node; the others are shorter ways to say the same.
"""
import json
import os
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

from api import ApiCase

TOP = Path(__file__).resolve().parent.parent.parent
SCREENSHOTS = TOP / 'build' / 'screenshots'
PATIENCE_S = 60


class BrowserProblem(AssertionError):
    pass


class Browser:
    def __init__(self):
        self.process = subprocess.Popen(['node', str(Path(__file__).with_name('browser.mjs'))], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, cwd=TOP)
        self.lock = threading.Lock()

    def ask(self, verb, **told):
        with self.lock:
            timer = threading.Timer(PATIENCE_S, self.process.kill)  # playwright has its own patience, which is shorter
            timer.start()
            try:
                self.process.stdin.write(json.dumps({'verb': verb, **told}) + '\n')
                self.process.stdin.flush()
                line = self.process.stdout.readline()
            finally:
                timer.cancel()
        if not line:
            raise BrowserProblem(f'the browser ended at {verb}; is chromium there, and has `npm ci` been run?')
        answer = json.loads(line)
        if 'problem' in answer:
            raise BrowserProblem(answer['problem'])
        return answer['value']

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Page:
    """One window, with cookies of its own."""

    def __init__(self, browser, base, *, theme='light', language='en', width=1280, height=None, script=True, zoom=1, forced_colors=None, **options):
        self.browser, self.base, self.width = browser, base, width
        self.id = browser.ask('open', foreign=urlsplit(base).hostname, options={
            'baseURL': base, 'colorScheme': theme, 'locale': language, 'javaScriptEnabled': script, 'reducedMotion': 'reduce', 'timezoneId': 'Africa/Nairobi',
            # 200 % zoom is half the screen at twice the pixels.
            'viewport': {'width': round(width / zoom), 'height': round((height or 900) / zoom)}, 'deviceScaleFactor': zoom,
            **({'forcedColors': forced_colors} if forced_colors else {}), **options})
        self.status = None

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.browser.ask('close', id=self.id)

    def run(self, code, value=None):
        return self.browser.ask('run', id=self.id, code=code, value=value)

    # ---- What one does

    def goto(self, path):
        self.status = self.run('const answer = await page.goto(value); return answer && answer.status();', path)
        return self

    def click(self, selector):
        self.run('await page.click(value);', selector)

    def click_and_wait(self, selector):
        """What leads to another page; waits for it."""
        self.run("await Promise.all([page.waitForEvent('load'), page.click(value)]);", selector)

    def press(self, *keys):
        self.run('for (const key of value) await page.keyboard.press(key);', list(keys))

    def fill(self, selector, text):
        self.run('await page.fill(value[0], value[1]);', [selector, text])

    def wait(self, selector, state='visible'):
        self.run('await page.waitForSelector(value[0], { state: value[1], timeout: 15000 });', [selector, state])

    def wait_until(self, expression):
        """A JavaScript expression of the page that becomes true."""
        # Asked again and again from here: playwright's own waiting evaluates in the page, where its Content-Security-Policy forbids that. A page that is left meanwhile has no answer.
        self.run('const end = Date.now() + 15000; while (!(await page.evaluate(value).catch(() => false))) { if (Date.now() > end) throw new Error("not within 15 s: " + value);'
                 ' await new Promise(done => setTimeout(done, 50)); }', expression)

    def offline(self, is_offline=True):
        self.run('await context.setOffline(value);', is_offline)

    def slow(self, kbit_s=400, latency_ms=300):
        self.run("const session = await context.newCDPSession(page); await session.send('Network.emulateNetworkConditions', { offline: false, latency: value[1],"
                 ' downloadThroughput: value[0] * 125, uploadThroughput: value[0] * 125 });', [kbit_s, latency_ms])

    # ---- What one sees

    def text(self, selector='body'):
        return self.run('return (await page.innerText(value)).trim();', selector)

    def texts(self, selector):
        return self.run('return await page.locator(value).allInnerTexts();', selector)

    def attribute(self, selector, name):
        return self.run('return await page.getAttribute(value[0], value[1]);', [selector, name])

    def count(self, selector):
        return self.run('return await page.locator(value).count();', selector)

    def evaluate(self, expression):
        return self.run('return await page.evaluate(value);', expression)

    @property
    def path(self):
        return self.run('const at = new URL(page.url()); return at.pathname + at.search;')

    def focused(self):
        """The element that has the focus: its text, or what names it."""
        return self.evaluate("(e => (e.innerText || e.ariaLabel || e.name || e.tagName).trim())(document.activeElement)")

    def cookies(self):
        return {cookie['name']: cookie for cookie in self.run('return await context.cookies();')}

    def axe(self, *without):
        return self.browser.ask('axe', id=self.id, rules=list(without))

    def overflow(self):
        """What is wider than the window, though the page should not scroll sideways."""
        return self.evaluate("""(() => { const wide = document.documentElement.clientWidth, over = document.documentElement.scrollWidth;
            return over <= wide ? [] : [...document.querySelectorAll('body *')].filter(e => { const r = e.getBoundingClientRect();
                return r.width && (r.right > wide + 1 || r.left < -1) && !e.closest('.scroll, .skip'); }).map(e => e.outerHTML.slice(0, 120)); })()""")

    def small_targets(self):
        """Links and buttons under 24 px (WCAG 2.2, 2.5.8) that are not in a line of text."""
        return self.evaluate("""[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary')].filter(e => {
            const r = e.getBoundingClientRect(); return r.width && (r.width < 24 || r.height < 24) && !e.closest('p, td, dd, li:not(:has(> a:only-child)), .skip'); })
            .map(e => e.outerHTML.slice(0, 120))""")

    def screenshot(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f'{name}.png'
        self.run('await page.screenshot({ path: value, fullPage: true });', str(path))
        return path

    def problems(self):
        return self.browser.ask('problems', id=self.id)

    def check(self, case, name, *without, expected=(), with_axe=True):
        """All that must be good of each page; `expected`: parts of console messages that belong to the test (a refused request is one)."""
        self.screenshot(name)
        if with_axe:  # it is most of the time
            case.assertEqual(self.axe(*without), [], name)
        case.assertEqual(self.overflow(), [], f'{name}: wider than the window')
        case.assertEqual(self.small_targets(), [], f'{name}: too small to touch')
        told = self.problems()
        case.assertEqual(told['foreign'], [], f'{name}: asked another host')
        case.assertEqual([one for one in told['problems'] if not any(part in one for part in expected)], [], name)


# Each look that a page must bear: name, what Page() takes.
LOOKS = [('light', {}), ('dark', {'theme': 'dark'}), ('arabic', {'language': 'ar'}), ('phone', {'width': 320, 'height': 640}),
         ('phone-arabic-dark', {'width': 320, 'height': 640, 'language': 'ar', 'theme': 'dark'}), ('chinese', {'language': 'zh-CN'}),
         ('zoom', {'zoom': 2}), ('contrast', {'forced_colors': 'active'}), ('no-script', {'script': False})]


# In these axe looks too: both sets of colours, both directions, wide and narrow. What else it looks at is the same in all.
WITH_AXE = {'light', 'phone-arabic-dark'}


class BrowserCase(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)
        cls.base = f'http://127.0.0.1:{cls.api.port}'

    def page(self, path=None, **options):
        page = Page(self.browser, self.base, **options)
        return page.goto(path) if path else page

    def in_each_look(self, path, name, prepare=None, looks=LOOKS, expected=()):
        """Opens the page in each look and checks it; `prepare(page)` before, to sign in perhaps."""
        for look, options in looks:
            with self.subTest(look=look), Page(self.browser, self.base, **options) as page:
                if prepare is not None:
                    prepare(page)
                page.goto(path).check(self, f'{name}-{look}', expected=expected, with_axe=look in WITH_AXE)


if os.environ.get('KEEP'):
    PATIENCE_S = 3600  # to look on
