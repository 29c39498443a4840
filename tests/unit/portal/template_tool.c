/* For tests/interop/template_test.py: lines of { "templates": { name: text }, "data": .. } to lines of JSON text, null where it is refused. */
#include <stdio.h>
#include <stdlib.h>

#include "portal/asset.h"
#include "portal/template.h"

enum { TEMPLATES_MAX = 8 };

static json_t *render(const json_t *asked, const struct catalogue *texts)
{
    struct template_source sources[TEMPLATES_MAX];
    struct error e = { 0 };
    struct templates *templates = NULL;
    struct buffer out;
    size_t count = 0;
    const char *name;
    json_t *text, *told = NULL;
    json_object_foreach(json_object_get(asked, "templates"), name, text)
    {
        if (count < TEMPLATES_MAX) {
            sources[count++] = (struct template_source){ name, bytes_of_text(json_string_value(text)) };
        }
    }
    buffer_init(&out, 1 << 20);
    if (templates_make(&templates, sources, count, &e) &&
        template_render(templates, "page", NULL, json_object_get(asked, "data"), texts, &out, &e)) {
        told = json_stringn(out.size == 0 ? "" : (const char *)out.data, out.size);
    }
    buffer_clear(&out);
    templates_free(templates);
    return told == NULL ? json_null() : told;
}

int main(void)
{
    struct error e = { 0 };
    struct catalogues *all = catalogues_make();
    char *line = NULL;
    size_t capacity = 0;
    if (all == NULL || !catalogues_add(all, portal_languages[0].name, portal_languages[0].text, NULL, &e)) {
        return 1;
    }
    while (getline(&line, &capacity, stdin) > 0) {
        json_t *asked = json_loads(line, 0, NULL), *told = render(asked, catalogues_at(all, 0));
        char *text = json_dumps(told, JSON_ENCODE_ANY);
        puts(text == NULL ? "null" : text);
        free(text);
        json_decref(told);
        json_decref(asked);
    }
    free(line);
    catalogues_free(all);
    return 0;
}
