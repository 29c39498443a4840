"""The frame of all pages: looks, languages and colours in place, the keyboard, a line that is cut, and what a phone keeps."""
import json
import unittest

from browser import BrowserCase

# A form of the page's own kind, answered by the test: what matters here is what the script sends, and when.
FORM = """document.querySelector('main').insertAdjacentHTML('beforeend', `<form method="post" action="/try" id="try"><input type="hidden" name="key" value="k1">
    <label>Note<input name="note" id="note"></label><button id="go" name="decision" value="yes">Go</button></form>`)"""
ANSWERS = """page.sent = []; page.plan = value; await page.route('**/try', async route => {
    page.sent.push(route.request().postData());
    const step = page.plan.shift();
    if (step === 'cut') return route.abort('internetdisconnected');
    if (step === 'busy') return route.fulfill({ status: 503, headers: { 'Retry-After': '1' }, contentType: 'text/html', body: '<main><h1>Busy</h1></main>' });
    if (step === 'slow') await new Promise(done => setTimeout(done, 700));
    if (step === 'refused') return route.fulfill({ status: 400, contentType: 'text/html', body: '<title>No</title><main id="main" tabindex="-1"><h1>Refused</h1></main>' });
    return route.fulfill({ status: 204, headers: { 'Comity-Location': '/?lang=en' } });
});"""
CUT = ('ERR_INTERNET_DISCONNECTED', '503', '400')


class FrameTest(BrowserCase):
    # ---- Looks

    def test_the_first_page_in_each_look(self):
        self.in_each_look('/', 'home')

    def test_a_page_that_is_not_there_is_a_page(self):
        with self.page('/nowhere', language='fr') as page:
            self.assertEqual((page.status, page.text('h1')), (404, 'Cette page n’existe pas'))
            page.check(self, 'absent', expected=('404',))

    def test_these_checks_find_what_they_are_for(self):
        with self.page('/') as page:
            page.evaluate("""document.querySelector('main').insertAdjacentHTML('beforeend', '<img src="/robots.txt"><p style="color:#ddd">x</p>"""
                          """<div class="wide-thing" style="inline-size:3000px">y</div><div><a href="/" class="tiny">.</a></div>')""")
            page.evaluate("document.querySelector('.wide-thing').style.inlineSize = '3000px'; document.querySelector('.tiny').style.font = '4px serif';")
            self.assertIn('image-alt', ' '.join(page.axe()))
            self.assertTrue(page.overflow())
            self.assertTrue(page.small_targets())
            self.assertTrue(page.problems()['problems'])  # the policy refuses the inline style

    def test_nothing_moves_and_print_is_plain(self):
        with self.page('/', theme='dark') as page:
            self.assertEqual(page.evaluate("getComputedStyle(document.querySelector('.button')).transitionDuration"), '0s')
            page.run("await page.emulateMedia({ media: 'print' });")
            self.assertEqual(page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(255, 255, 255)')
            self.assertFalse(page.run("return await page.isVisible('footer');"))
            page.screenshot('home-print')

    # ---- The keyboard

    def test_everything_can_be_reached_and_is_seen_to_be(self):
        with self.page('/') as page:
            page.press('Tab')
            self.assertEqual(page.focused(), 'Skip to the content')
            self.assertTrue(page.run("return await page.isVisible('.skip:focus');"))
            page.press('Enter', 'Tab')
            self.assertTrue(page.evaluate("document.activeElement.closest('main') !== null"))
            page.goto('/')
            wanted, seen = page.count('a[href], button:not([type=hidden])'), []
            for _ in range(wanted):
                page.press('Tab')
                seen.append(page.evaluate("(e => [e.outerHTML.slice(0, 90), parseFloat(getComputedStyle(e).outlineWidth) >= 2 && getComputedStyle(e).outlineStyle !== 'none'])(document.activeElement)"))
            self.assertEqual(len({html for html, _ in seen}), wanted)
            self.assertEqual([html for html, is_outlined in seen if not is_outlined], [])

    # ---- Language and colours

    def test_language_in_place(self):
        with self.page('/') as page:
            page.evaluate(FORM)
            page.evaluate('globalThis.here = 1; scrollTo(0, 9)')
            page.fill('#note', 'kept')
            page.click('a[lang=ar]')
            page.wait_until("document.documentElement.dir === 'rtl'")
            self.assertEqual(page.evaluate('[globalThis.here, document.documentElement.lang, location.pathname]'), [1, 'ar', '/'])
            self.assertEqual(page.text('h1'), 'اطّلع على من يستخدم بياناتك')
            self.assertEqual(page.focused(), 'العربية')
            self.assertTrue(page.cookies()['lang']['httpOnly'])
            page.goto('/nowhere')
            self.assertEqual(page.attribute('html', 'lang'), 'ar')

    def test_language_and_colours_without_script(self):
        with self.page('/nowhere?x', script=False) as page:
            page.click_and_wait('a[lang=sw]')
            self.assertEqual((page.attribute('html', 'lang'), page.path), ('sw', '/nowhere?x'))
            page.click_and_wait('a[data-theme=dark]')
            self.assertEqual((page.attribute('html', 'data-theme'), page.path), ('dark', '/nowhere?x'))
            self.assertEqual(page.attribute('a[data-theme=dark]', 'aria-current'), 'true')
            page.click_and_wait('a[data-theme=""]')
            self.assertIsNone(page.attribute('html', 'data-theme'))

    def test_colours_in_place(self):
        with self.page('/', theme='dark') as page:
            paper = 'getComputedStyle(document.body).backgroundColor'
            dark = page.evaluate(paper)
            page.run("await Promise.all([page.waitForResponse(/preferences/), page.click('a[data-theme=light]')]);")
            light = page.evaluate(paper)
            self.assertNotEqual(dark, light)
            self.assertEqual(page.goto('/').evaluate(paper), light)
            self.assertEqual(page.attribute('a[data-theme=light]', 'aria-current'), 'true')

    # ---- A line that is cut: what is sent once, when, and what the person is told

    def begin(self, page, plan):
        page.run(ANSWERS, plan)
        page.evaluate(FORM)

    def sent(self, page):
        return page.run('return page.sent;')

    def test_a_double_click_sends_once(self):
        with self.page('/') as page:
            self.begin(page, ['slow'])
            page.run("await page.dblclick('#go'); await page.click('#go', { force: true }); await page.waitForURL('**/?lang=en');")
            self.assertEqual(self.sent(page), ['key=k1&note=&decision=yes'])

    def test_a_cut_line_loses_nothing_and_sends_the_same_again(self):
        with self.page('/', language='fr') as page:
            self.begin(page, ['cut', 'cut', 'busy'])
            page.fill('#note', 'a&b é')
            page.click('#go')
            page.wait('#told.warn')
            self.assertIn('La connexion est coupée. Rien n’est perdu', page.text('#told'))
            page.check(self, 'cut', expected=CUT)
            page.run("await page.waitForURL('**/?lang=en', { timeout: 20000 });")
            self.assertEqual(self.sent(page), ['key=k1&note=a%26b+%C3%A9&decision=yes'] * 4)
            self.assertIsNone(page.evaluate("sessionStorage.getItem('pending')"))

    def test_it_outlives_a_reload_in_this_tab_only(self):
        with self.page('/') as page:
            self.begin(page, ['cut'] * 2)
            page.click('#go')
            page.wait('#told.warn')
            self.assertEqual(page.run("const other = await context.newPage(); await other.goto('/'); return await other.evaluate(() => sessionStorage.length);"), 0)
            page.run("page.plan = ['slow']; await page.reload(); await page.waitForURL('**/?lang=en', { timeout: 20000 });")
            self.assertEqual(set(self.sent(page)), {'key=k1&note=&decision=yes'})

    def test_what_is_old_or_dropped_is_not_sent(self):
        with self.page('/') as page:
            self.begin(page, ['cut'] * 9)
            page.click('#go')
            page.wait('#told.warn')
            page.click('#told button:nth-of-type(2)')
            self.assertIn('It will not be sent again', page.text('#told'))
            count = len(self.sent(page))
            page.evaluate("sessionStorage.setItem('pending', JSON.stringify({ action: '/try', fields: [['key', 'old']], at: Date.now() - 11 * 60 * 1000 }))")
            page.goto('/')
            page.evaluate("dispatchEvent(new Event('online'))")
            self.assertEqual(len(self.sent(page)), count)
            self.assertIsNone(page.evaluate("sessionStorage.getItem('pending')"))

    def test_what_is_private_is_not_stored(self):
        with self.page('/') as page:
            self.begin(page, ['cut'] * 9)
            page.evaluate("document.getElementById('try').setAttribute('data-private', '')")
            page.click('#go')
            page.wait('#told.warn')
            self.assertEqual(page.evaluate('sessionStorage.length + localStorage.length'), 0)

    def test_a_refusal_is_shown_and_heard(self):
        with self.page('/') as page:
            self.begin(page, ['refused'])
            page.evaluate("document.addEventListener('comity:page', () => { globalThis.heard = true; })")
            page.click('#go')
            page.wait_until("document.querySelector('h1').textContent === 'Refused'")
            self.assertEqual(page.evaluate('[document.activeElement.id, document.title, globalThis.heard]'), ['main', 'No', True])

    # ---- What the service worker keeps on a phone that many hands hold

    def test_only_files_and_the_page_for_a_cut_line(self):
        with self.page('/?lang=fr') as page:
            page.run('await page.evaluate(() => navigator.serviceWorker.ready); await page.reload(); await page.waitForFunction(() => navigator.serviceWorker.controller);')
            page.wait_until("caches.match('/offline').then(kept => kept && kept.headers.get('Content-Language') === 'fr')")
            page.goto('/nowhere')
            kept = page.evaluate("(async () => { const all = []; for (const name of await caches.keys()) for (const one of await (await caches.open(name)).keys()) "
                                 "all.push(new URL(one.url).pathname); return all; })()")
            self.assertEqual([path for path in kept if not path.startswith('/assets/')], ['/offline'])
            page.offline()
            page.goto('/uses')
            self.assertEqual(page.text('h1'), 'Pas de connexion')
            page.check(self, 'offline', expected=('ERR_INTERNET_DISCONNECTED', 'ERR_FAILED', '404'))

    def test_the_first_page_is_small(self):
        with self.page() as page:
            page.goto('/')
            told = page.evaluate("performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource')).map(e => [e.name, e.transferSize])")
            self.assertLess(sum(size for _, size in told), 60 * 1024, json.dumps(told))


if __name__ == '__main__':
    unittest.main()
