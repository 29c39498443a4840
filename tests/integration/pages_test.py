"""The frame of the pages over HTTP: what a browser is told beside them, static files, languages, colours, and what is refused how."""
import gzip
import hashlib
import json
import re
import unittest
from pathlib import Path

from api import Api, ApiCase, problem
from comity import http_request

TOP = Path(__file__).resolve().parent.parent.parent
HTML = {'Accept': 'text/html,application/xhtml+xml,*/*;q=0.8'}
FORM = {**HTML, 'Content-Type': 'application/x-www-form-urlencoded'}


class PagesTest(ApiCase):
    def get(self, path, **headers):
        return self.api.call('GET', path, headers={**HTML, **{name.replace('_', '-'): value for name, value in headers.items()}})

    def assets(self):
        return sorted(set(re.findall(r'/assets/[\w.-]+', self.get('/').body.decode())))

    def test_what_a_browser_is_told(self):
        for path, status in (('/', 200), ('/nowhere', 404), ('/?unknown=1', 400), ('/assets/none.css', 404)):
            answer = self.get(path)
            self.assertEqual((answer.status, answer.header('Content-Type')), (status, 'text/html; charset=utf-8'), path)
            csp = dict(one.strip().split(' ', 1) for one in answer.header('Content-Security-Policy').split(';'))
            self.assertEqual(set(csp.values()), {"'none'", "'self'"})
            for name in ('default-src', 'frame-ancestors', 'base-uri'):
                self.assertEqual(csp[name], "'none'")
            for name, value in (('X-Content-Type-Options', 'nosniff'), ('Referrer-Policy', 'same-origin'), ('Cache-Control', 'no-store'),
                                ('Cross-Origin-Opener-Policy', 'same-origin'), ('Cross-Origin-Resource-Policy', 'same-origin'),
                                ('Cross-Origin-Embedder-Policy', 'require-corp'), ('Content-Language', 'en')):
                self.assertEqual(answer.header(name), value, path)
            self.assertIn('camera=()', answer.header('Permissions-Policy'))

    def test_the_first_page_fits_into_60_kib(self):
        size = len(self.get('/').body)
        for path in [*self.assets(), '/manifest.webmanifest', '/sw.js']:
            size += len(self.get(path, Accept_Encoding='gzip').body)
        self.assertLess(size, 60 * 1024)

    def test_static_files(self):
        for path in self.assets():
            plain, packed = self.get(path), self.get(path, Accept_Encoding='br, gzip')
            self.assertEqual(plain.header('Cache-Control'), 'public, max-age=31536000, immutable')
            self.assertEqual(plain.header('Vary'), 'Accept-Encoding')
            self.assertIsNone(plain.header('Content-Encoding'))
            self.assertIn(hashlib.sha256(plain.body).hexdigest()[:16], path)
            if packed.header('Content-Encoding') == 'gzip':
                self.assertEqual(gzip.decompress(packed.body), plain.body)
                self.assertNotEqual(packed.header('ETag'), plain.header('ETag'))
            self.assertEqual(self.get(path, If_None_Match=plain.header('ETag')).status, 304)
            self.assertEqual(self.get(path.replace('.', '.0', 1)).status, 404)
        self.assertEqual(self.get('/sw.js').header('Cache-Control'), 'no-cache')
        self.assertEqual(json.loads(self.get('/manifest.webmanifest').body)['start_url'], '/')
        self.assertIn(b'Disallow: /', self.get('/robots.txt').body)
        kept = re.findall(r'"(/assets/[^"]+)"', self.get('/sw.js').body.decode())
        self.assertLessEqual(set(self.assets()), set(kept))
        for path in kept:
            self.assertEqual(self.get(path).status, 200, path)

    def test_head_and_methods(self):
        self.assertEqual(self.api.call('HEAD', '/', headers=HTML).body, b'')
        answer = self.api.call('POST', '/', raw=b'', headers=FORM)
        self.assertEqual((answer.status, answer.header('Allow'), answer.header('Content-Type')), (405, 'GET, HEAD, OPTIONS', 'text/html; charset=utf-8'))
        self.assertEqual(problem(self.api.call('POST', '/', raw=b'')), (405, 'request.method'))
        self.assertEqual(problem(self.api.call('GET', '/nowhere')), (404, 'request.absent'))
        self.assertEqual(self.api.call('OPTIONS', '/', headers=HTML).status, 204)
        self.assertEqual(problem(self.api.call('GET', '/v1/person', headers=HTML)), (401, 'auth.credentials'))

    def test_language(self):
        for headers, language in (({}, 'en'), ({'Accept_Language': 'sw,en;q=0.5'}, 'sw'), ({'Accept_Language': 'ar-TN'}, 'ar'), ({'Cookie': 'lang=zh', 'Accept_Language': 'fr'}, 'zh'),
                                  ({'Cookie': 'lang=../../x'}, 'en'), ({'Accept_Language': 'x' * 2000}, 'en')):
            page = self.get('/', **headers)
            self.assertEqual(page.header('Content-Language'), language)
            self.assertIn(f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"', page.body.decode())
            self.assertIsNone(page.header('Set-Cookie'))
        page = self.get('/?lang=fr', Cookie='lang=zh')
        self.assertIn('lang=fr; Path=/; HttpOnly; SameSite=Lax; Max-Age=', page.header('Set-Cookie'))
        self.assertEqual(self.get('/nowhere', Cookie='lang=fr').header('Content-Language'), 'fr')

    def test_preferences_lead_back_and_nowhere_else(self):
        for target, leads in (('/?lang=sw', '/?lang=sw'), ('/nowhere', '/nowhere'), ('//evil.example', '/'), ('https://evil.example', '/'), ('/\\evil.example', '/'),
                              ('%09//evil.example', '/'), ('', '/'), ('/%0d%0aSet-Cookie:x=y', '/')):
            answer = self.get('/preferences?theme=dark&lang=ar&next=' + target.replace('?', '%3F').replace('=', '%3D'))
            self.assertEqual((answer.status, answer.header('Location')), (303, leads), target)
            cookies = [value for name, value in answer.headers if name == 'Set-Cookie']
            self.assertEqual([cookie.split(';')[0] for cookie in cookies], ['lang=ar', 'theme=dark'])
        self.assertIn('data-theme="dark"', self.get('/', Cookie='theme=dark').body.decode().split('<head>')[0])
        self.assertNotIn('data-theme', self.get('/', Cookie='theme=<x>').body.decode().split('<head>')[0])
        answer = self.get('/preferences?theme=system&lang=xx')
        self.assertIn('Max-Age=0', answer.header('Set-Cookie'))
        script = self.get('/preferences?theme=dark&next=/', Comity_Form='script')
        self.assertEqual((script.status, script.header('Location'), script.header('Comity-Location')), (204, None, '/'))

    def test_what_is_asked_stands_escaped(self):
        for path in ('/%3Cscript%3Ealert(1)%3C/script%3E', '/?lang=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E', '/nowhere?next="><script>alert(1)</script>'):
            self.assertNotIn(b'<script>', self.get(path).body, path)

    def test_the_offline_page_is_nobodys(self):
        page = self.get('/offline?lang=sw', Cookie='session=x; lang=fr')
        self.assertEqual((page.status, page.header('Content-Language'), page.header('Cache-Control')), (200, 'sw', 'no-cache'))
        self.assertNotIn(b'sign-out', page.body)

    def test_what_is_too_large_is_refused_by_a_page(self):
        answer = self.api.call('POST', '/', raw=b'a=' + b'x' * (300 * 1024), headers=FORM)
        self.assertEqual((answer.status, answer.header('Content-Type')), (413, 'text/html; charset=utf-8'))
        self.assertIn(b'<h1>', answer.body)
        self.assertIn("default-src 'none'", answer.header('Content-Security-Policy'))
        self.assertEqual(problem(self.api.call('POST', '/v1/consents', raw=b'x' * (300 * 1024)))[0], 413)

    def test_pages_are_not_in_the_document(self):
        paths = self.api.call('GET', '/v1/openapi.json').json()['paths']
        self.assertEqual([path for path in paths if not path.startswith(('/v1/', '/govstack/'))], [])


class LanguagesTest(unittest.TestCase):
    """What a translator adds beside gateway.yaml."""

    def test_a_language_without_code(self):
        api = Api()
        english = json.loads((TOP / 'src/portal/languages/en.json').read_text())
        with api:
            folder = api.gateway.folder / 'languages'
            folder.mkdir()
            rules = {key: text for key, text in english.items() if key.startswith('language.')}
            own = {**rules, 'language.name': 'Português', 'home.sign_in': 'Entrar'}
            (folder / 'pt-BR.json').write_text(json.dumps(own))
            (folder / 'notes.txt').write_text('no language')
            api.gateway.stop()
            api.gateway.start()
            page = http_request(api.port, 'GET', '/', {**HTML, 'Accept-Language': 'pt-BR, en;q=0.1'})
            self.assertEqual(page.header('Content-Language'), 'pt-BR')
            text = page.body.decode()
            self.assertIn('Entrar', text)
            self.assertIn('See who uses your data', text)  # English stands in
            self.assertIn('Português', text)
            self.assertRegex(api.gateway.stderr_path.read_text(), r'English stands in.*language=pt-BR +lacking=\d+')
            self.assertIn('Português', http_request(api.port, 'GET', '/', HTML).body.decode())
            (folder / 'de.json').write_text(json.dumps({**rules, 'home.sign_inn': 'Anmelden'}))
            told = api.gateway.run('gateway', '--check', expect=1)
            self.assertIn('languages/de.json: home.sign_inn', told.stderr)


if __name__ == '__main__':
    unittest.main()
