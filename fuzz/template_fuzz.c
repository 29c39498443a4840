/* A template and the data that it is filled with: what was escaped must hold, whatever both say. */
#include <stdlib.h>

#include "portal/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct catalogues *catalogues;

static const char english[] =
    "{\"language.name\":\"English\",\"language.direction\":\"ltr\",\"language.plurals\":\"one\",\"language.thousands\":\",\","
    "\"language.months\":\"1|2|3|4|5|6|7|8|9|10|11|12\",\"language.digits\":\"0|1|2|3|4|5|6|7|8|9\",\"language.date\":\"{day}\","
    "\"language.moment\":\"{hour}\",\"a\":\"{a} {b:date}{c:number}{d:url}{e:term}\",\"n#one\":\"1\",\"n#other\":\"{count}\"}";

/* Values alone can't bring markup: a template without it makes a page without it, but for the span of a term that is not translated. */
static void check_escaped(struct bytes template, struct bytes page)
{
    if (bytes_find(template, '<') < template.size || bytes_find(template, '"') < template.size) {
        return;
    }
    if (bytes_find(page, '<') < page.size || bytes_find(page, '"') < page.size) {
        abort();
    }
}

static void render(struct bytes template, const json_t *values)
{
    struct templates *templates = NULL;
    struct error e;
    struct buffer out;
    const struct template_source sources[] = { { "page", template }, { "other", BYTES("{{a}}{{>page}}") } };
    buffer_init(&out, 65536);
    if (templates_make(&templates, sources, 2, &e) &&
        template_render(templates, "page", "other", values, catalogues_at(catalogues, 0), &out, &e)) {
        check_escaped(template, buffer_bytes(&out));
    }
    if (out.size > out.size_max) {
        abort();
    }
    buffer_clear(&out);
    templates_free(templates);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error e;
    struct bytes values = bytes_of(data, size), template;
    if (catalogues == NULL) {
        catalogues = catalogues_make();
        if (catalogues == NULL || !catalogues_add(catalogues, "en", bytes_of_text(english), NULL, &e)) {
            abort();
        }
    }
    (void)bytes_split(&values, 0, &template);
    json_t *json = json_loadb((const char *)values.data, values.size, JSON_DECODE_ANY, NULL);
    render(template, json);
    json_decref(json);
    return 0;
}
