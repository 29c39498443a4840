"""
A browser without script, for tests over HTTP: a cookie jar, forms with their hidden fields, redirections of one place.

    visitor = Visitor(port)
    visitor.get('/sign-in')
    visitor.submit('/sign-in', code=code)
"""
import html.parser
import urllib.parse
from http.cookies import SimpleCookie

from comity import http_request


class Forms(html.parser.HTMLParser):
    """[{'action', 'method', 'fields': {name: value}}] of a page, and its links."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == 'form':
            self.forms.append({'action': attrs.get('action'), 'method': attrs.get('method', 'get'), 'fields': {}})
        elif tag == 'input' and self.forms and 'name' in attrs:
            self.forms[-1]['fields'][attrs['name']] = attrs.get('value') or ''
        elif tag == 'a' and 'href' in attrs:
            self.links.append(attrs['href'])


class Visitor:
    def __init__(self, port, cookies=None, headers=None):
        self.port = port
        self.cookies = dict(cookies or {})
        self.headers = {'Accept': 'text/html', **(headers or {})}
        self.page = None

    def copy(self):
        """Another tab, or a thief, with the same cookies."""
        return Visitor(self.port, self.cookies, self.headers)

    def call(self, method, target, body=None, headers=None):
        head = {**self.headers, **(headers or {})}
        if self.cookies:
            head.setdefault('Cookie', '; '.join(f'{name}={value}' for name, value in self.cookies.items()))
        head = {name: value for name, value in head.items() if value is not None}
        answer = http_request(self.port, method, target, head, body)
        for name, value in answer.headers:
            if name.lower() == 'set-cookie':
                for key, morsel in SimpleCookie(value).items():
                    if morsel['max-age'] == '0':
                        self.cookies.pop(key, None)
                    else:
                        self.cookies[key] = morsel.value
        return answer

    def get(self, target, headers=None):
        self.page = self.call('GET', target, headers=headers)
        return self.page

    def forms(self, action=None):
        return [form for form in Forms(self.page.body.decode()).forms if action is None or form['action'] == action]

    def links(self):
        return Forms(self.page.body.decode()).links

    def submit(self, action, headers=None, pick=0, **fields):
        """The page's form that goes to `action`, with these fields (None: without it); the answer, not followed."""
        form = self.forms(action)[pick]
        data = {name: value for name, value in {**form['fields'], **fields}.items() if value is not None}
        return self.post(action, data, headers)

    def post(self, target, data, headers=None):
        self.page = self.call('POST', target, urllib.parse.urlencode(data).encode(),
                              {'Content-Type': 'application/x-www-form-urlencoded', 'Sec-Fetch-Site': 'same-origin', **(headers or {})})
        return self.page

    def sign_in(self, code, next_target=None):
        """By a code on paper; the answer to the form."""
        self.get('/sign-in' + (f'?next={urllib.parse.quote(next_target, safe="")}' if next_target else ''))
        return self.submit('/sign-in', code=code)

    def csrf(self):
        """The token of the session, for /v1."""
        answer = self.call('GET', '/v1/session', headers={'Accept': 'application/json'})
        return answer.json()['csrf']
