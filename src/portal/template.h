/*
 * Templates: a subset of Mustache (mustache(5)) over JSON. Pure; any thread.
 *
 *   {{name}} {{a.b}} {{.}}   a value, always escaped for text and quoted attributes: & < > " ' `
 *   {{#name}}..{{/name}}     for each of an array, once for what is neither false, null, 0, "" nor []
 *   {{^name}}..{{/name}}     if it is one of those
 *   {{>name}}                another template; {{>content}} is the page's own
 *   {{! a comment }}
 *
 * There is no way to put a value in without escaping it, and no other delimiter. A tag for structure alone on its line leaves no line behind.
 * And of our own:
 *
 *   {{t.KEY}}                a text of the catalogue; {name} in the text is a value, as {{name}} would be; its plural form is that of {count}
 *   {{name:FORMAT}}          a value in the reader's language: see docs/pages.md for the formats
 */
#ifndef COMITY_PORTAL_TEMPLATE_H
#define COMITY_PORTAL_TEMPLATE_H

#include <jansson.h>

#include "base/buffer.h"
#include "portal/catalogue.h"

enum { TEMPLATE_DEPTH_MAX = 16 /* of sections and of templates in each other */, TEMPLATE_NAME_BYTES_MAX = 64 };

struct templates;
struct template_source {
    const char *name;
    struct bytes text; /* UTF-8; both are borrowed and outlive the templates */
};
/* ERROR_INPUT: `where` is NAME:LINE. On failure *out is NULL. */
must_check bool templates_make(struct templates **out, const struct template_source *sources, size_t count, struct error *e);
void templates_free(struct templates *templates); /* NULL is allowed */

/*
 * Appends `name`, filled from `data` and `texts`. `content`: what {{>content}} stands for; NULL: nothing. ERROR_ABSENT: there is no such template;
 * ERROR_FULL: too deep, or more than out->size_max. Errors name no value.
 */
must_check bool template_render(const struct templates *templates, const char *name, const char *content, const json_t *data,
                                const struct catalogue *texts, struct buffer *out, struct error *e);

/* Each text key that the templates name, for those who check catalogues. */
typedef void template_each_text(void *context, const char *template, struct bytes key);
void templates_each_text(const struct templates *templates, template_each_text *each, void *context);

#endif
