"""The pages' sources: nothing stands outside of the catalogues, every language has every text, templates have no place where a value could do harm."""
import json
import re
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
PORTAL = TOP / 'src/portal'
FORMS = {'none': {'other'}, 'one': {'one', 'other'}, 'zero-one': {'one', 'many', 'other'}, 'arabic': {'zero', 'one', 'two', 'few', 'many', 'other'},
         'slavic': {'one', 'few', 'many', 'other'}}
TAG = re.compile(r'\{\{(.*?)\}\}', re.DOTALL)
# What is the same in two languages without being forgotten.
WORD = re.compile(r'[^\W\d_]{2,}')
SAME = {'Code', 'Comity', 'Date', 'Notice', 'Note', 'Consent', 'OK'}


def catalogues(folder):
    return {path.stem: json.loads(path.read_text()) for path in sorted((folder / 'languages').glob('*.json'))}


def places(text):
    return set(re.findall(r'\{([^{}]*)\}', text))


def catalogue_faults(all_texts):
    faults, english = [], all_texts['en']
    bases = {key.split('#')[0]: '#' in key for key in english}
    for language, texts in all_texts.items():
        forms = FORMS[texts['language.plurals']]
        wanted = {f'{base}#{form}' for base, is_plural in bases.items() if is_plural for form in forms} | {base for base, is_plural in bases.items() if not is_plural}
        faults += [f'{language}: lacks {key}' for key in sorted(wanted - set(texts))]
        faults += [f'{language}: {key} is no text of English, or a form that the language has not' for key in sorted(set(texts) - wanted)]
        for key, text in texts.items():
            if key.startswith('language.'):
                continue
            base = key.split('#')[0]
            measure = english.get(base, english.get(f'{base}#other', ''))
            if '#' not in key and places(text) != places(measure):
                faults.append(f'{language}: {key} has {places(text)}, English {places(measure)}')
            if language in ('ar', 'zh') and text == measure and re.search('[A-Za-z]', text) and text not in SAME:
                faults.append(f'{language}: {key} is English')
            if '<' in text or not text.strip():
                faults.append(f'{language}: {key} has markup, or nothing')
    return faults


def used_keys(folder):
    """(keys, prefixes of keys that are made of a value)"""
    keys, prefixes = set(), {'term.', 'language.', 'title.', 'told.'}
    for path in (folder / 'templates').glob('*.html'):
        for tag in TAG.findall(path.read_text()):
            if tag.startswith('t.'):
                keys.add(tag[2:])
            made = re.search(r':t\.([\w.-]+)$', tag)
            if made:
                prefixes.add(made.group(1) + '.')
    for path in folder.glob('*.c'):
        text = path.read_text()
        keys |= set(re.findall(r'"([a-z_-]+(?:\.[a-z0-9_-]+)+)"', text))
        prefixes |= {made + '.' for made in re.findall(r'"([a-z_.-]+)\.%s', text) + re.findall(r'view_key\(\w+, "([a-z_.-]+)"', text)}
    return keys, prefixes


def template_faults(name, text):
    faults = []
    shown = re.sub(r'<!DOCTYPE[^>]*>', '', text)
    bare = TAG.sub('', re.sub(r'<[^<>]*>', ' ', re.sub(r'\{\{!.*?\}\}', '', TAG.sub(lambda tag: '{{!}}', shown), flags=re.DOTALL)))
    if WORD.search(bare):
        faults.append(f'{name}: text outside of the catalogue: {WORD.search(bare).group()}')
    # path, link: of this place; provider_url: the OpenID provider's that api.yaml names.
    for element in re.findall(r'<[^!<>/][^<>]*>', shown):
        plain = TAG.sub('', element)
        for attribute, value in re.findall(r'([\w-]+)="([^"]*)"', element):
            if attribute in ('alt', 'title', 'aria-label', 'placeholder', 'content') and WORD.search(TAG.sub('', value)) and '<meta' not in element:
                faults.append(f'{name}: {attribute} outside of the catalogue: {value}')
            if attribute.startswith('on') or attribute == 'style':
                faults.append(f'{name}: {attribute} is inline: {element}')
            if attribute in ('href', 'action', 'src', 'formaction') and not re.match(r'/(?!/)|#|\?|\{\{page\.(assets\.|path\}\})|\{\{(path|\.|link|provider_url)\}\}', value):
                faults.append(f'{name}: {attribute} may lead away: {element}')
            if ':term}}' in value:
                faults.append(f'{name}: a term makes markup, and stands in an attribute: {element}')
        if re.search(r'=\s*[^"\s>]', re.sub(r'"[^"]*"', '""', plain)):
            faults.append(f'{name}: an attribute without double quotes: {element}')
        unquoted = re.sub(r'"[^"]*"', '', element)
        if re.search(r'\{\{[^#^/>!]', unquoted):
            faults.append(f'{name}: a value in a tag outside of quotes: {element}')
        if element.startswith(('<script', '<style', '<iframe', '<object', '<embed', '<base')) and ' src="' not in element:
            faults.append(f'{name}: inline: {element}')
    for form in re.findall(r'<form\b[^>]*method="post".*?</form>', shown, re.DOTALL):
        if '{{>form}}' not in form:
            faults.append(f'{name}: a form without {{{{>form}}}}')
    return faults


class PagesTest(unittest.TestCase):
    def test_every_catalogue_has_every_text(self):
        self.assertEqual(catalogue_faults(catalogues(PORTAL)), [])

    def test_no_text_is_left_over(self):
        keys, prefixes = used_keys(PORTAL)
        english = {key.split('#')[0] for key in catalogues(PORTAL)['en']}
        self.assertEqual(sorted(key for key in english if key not in keys and not key.startswith(tuple(prefixes))), [])

    def test_templates(self):
        for path in sorted((PORTAL / 'templates').glob('*.html')):
            with self.subTest(path.name):
                self.assertEqual(template_faults(path.name, path.read_text()), [])

    def test_the_style_sheet_and_scripts_name_no_other_host(self):
        for path in sorted((PORTAL / 'static').iterdir()):
            self.assertNotRegex(path.read_text().replace('http://www.w3.org/2000/svg', ''), r'https?://', path.name)

    def test_sizes(self):
        self.assertLess((PORTAL / 'static/app.js').stat().st_size, 10 * 1024)

    def test_these_checks_find_what_they_are_for(self):
        for bad in ('<p>Hello</p>', '<p title="Hello">{{t.x}}</p>', '<a href="{{url}}">{{t.x}}</a>', '<a href=/x>{{t.x}}</a>', '<p {{a}}>{{t.x}}</p>',
                    '<p style="color:red">{{t.x}}</p>', '<p onclick="x()">{{t.x}}</p>', '<script>x()</script>', '<form method="post" action="/x"></form>',
                    '<a title="{{a:term}}" href="/">{{t.x}}</a>', '<a href="javascript:{{a}}">{{t.x}}</a>', '<a href="https://x">{{t.x}}</a>', '<a href="//x">{{t.x}}</a>'):
            self.assertTrue(template_faults('x', bad), bad)
        self.assertEqual(template_faults('x', '<p class="{{a}}"{{#b}} hidden{{/b}}>{{t.x}}, {{a:date}} · <bdi>{{b}}</bdi></p><form method="post" action="/x">{{>form}}</form>'), [])
        rules = {'language.plurals': 'one', 'language.name': 'X'}
        good = {'en': {**rules, 'a': '{x}', 'n#one': '1', 'n#other': '{count}'}, 'sw': {**rules, 'a': 'Moja {x}', 'n#one': '1', 'n#other': '{count}'}}
        self.assertEqual(catalogue_faults(good), [])
        for change in ({'a': 'y'}, {'b': 'z'}, {'n#two': '2'}, {'a': ' '}, {'a': '<b>{x}</b>'}):
            self.assertTrue(catalogue_faults({**good, 'sw': {**good['sw'], **change}}), change)
        self.assertTrue(catalogue_faults({**good, 'sw': {key: text for key, text in good['sw'].items() if key != 'n#other'}}))
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            (place / 'templates').mkdir()
            (place / 'templates/a.html').write_text('{{t.a.b}}{{x:t.c.d}}')
            self.assertEqual(used_keys(place)[0], {'a.b'})
            self.assertIn('c.d.', used_keys(place)[1])


if __name__ == '__main__':
    unittest.main()
