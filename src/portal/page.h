/*
 * How a page is made (docs/pages.md): a handler gathers JSON, mostly by rest_ask(), and hands it to page_render() with the name of its template.
 * Handlers are rows of page_routes (pages.c) and run on the pool.
 */
#ifndef COMITY_PORTAL_PAGE_H
#define COMITY_PORTAL_PAGE_H

#include "api/rest_page.h"
#include "portal/catalogue.h"

enum { PAGE_BYTES_MAX = 4 * 1024 * 1024 };

/*
 * Makes the call's answer: the layout around the template `name`, filled from `data` (taken over, also on failure; NULL: memory is out, an error).
 * `data` may have
 *
 *   title      the key of the page's title in the catalogue; absent: title.NAME
 *   scripts    names of static files ["receipt.js"] that the page loads beside app.js
 *   wide       true: as wide as the screen
 *   has_form   true: the page has a form of whoever is not signed in. For others each page may have forms
 *
 * and to it comes "page":
 *
 *   language, direction, name (of the template), title, path (of this page, with its query), theme, is_signed_in, is_person, is_staff,
 *   csrf, key (for forms: {{>form}} writes both), nav [{ path, text, is_here }], languages [{ tag, name, is_here }], now (ms), assets, scripts
 */
must_check bool page_render(struct rest_call *call, const char *name, json_t *data, struct error *e);
/* The language of whoever asks: ?lang, the cookie, Accept-Language. Lives as long as the gateway. */
const struct catalogue *page_language(const struct rest_call *call);

#endif
