"""The frame of all pages: language, colours, the keyboard, size, a cut line, and what a browser is told."""
import gzip
import re
import unittest

from browser import LOOKS, BrowserCase


class FrameTest(BrowserCase):
    def test_the_first_page_in_each_look(self):
        self.in_each_look('/', 'home', looks=LOOKS)

    def test_a_page_that_is_not_there_is_a_page(self):
        with self.page('/nowhere', language='fr') as page:
            self.assertEqual((page.status, page.text('h1')), (404, 'Cette page n’existe pas'))
            page.check(self, 'absent', expected=('404',))


if __name__ == '__main__':
    unittest.main()
