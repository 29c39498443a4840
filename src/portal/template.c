#include "portal/template.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "portal/format_internal.h"

enum { NODES_MAX = 4096, STACK_MAX = 64 };

enum node_kind { NODE_TEXT, NODE_VALUE, NODE_CATALOGUE, NODE_SECTION, NODE_INVERTED, NODE_PARTIAL };
struct node {
    enum node_kind kind;
    struct bytes text;   /* what stands there, or the name */
    struct bytes format; /* of a value; empty: plain */
    uint32_t end;        /* of a section: the first node behind it */
};
struct template
{
    const char *name;
    struct node *nodes;
    uint32_t count, capacity;
};
struct templates {
    struct template *list;
    size_t count;
};

/* ---- Parsing ---- */

struct parser {
    struct template *template;
    struct bytes text;
    size_t at;
    uint32_t open[TEMPLATE_DEPTH_MAX]; /* sections that have not ended */
    size_t depth;
};

static bool fail(const struct parser *p, struct error *e, const char *todo, const char *what)
{
    char where[64];
    size_t line = 1;
    for (size_t i = 0; i < p->at && i < p->text.size; i++) {
        line += p->text.data[i] == '\n';
    }
    (void)snprintf(where, sizeof where, "%s:%zu", p->template->name, line);
    return error_set(e, ERROR_INPUT, where, todo, "%s", what);
}

static bool add_node(struct parser *p, struct node node, struct error *e)
{
    struct template *t = p->template;
    if (t->count == NODES_MAX) {
        return fail(p, e, "part it", "the template is too long");
    }
    if (t->count == t->capacity) {
        uint32_t capacity = t->capacity == 0 ? 64 : t->capacity * 2;
        struct node *nodes = realloc(t->nodes, capacity * sizeof *nodes);
        if (nodes == NULL) {
            return error_memory(e, t->name);
        }
        t->nodes = nodes;
        t->capacity = capacity;
    }
    t->nodes[t->count++] = node;
    return true;
}

static bool add_text(struct parser *p, size_t from, size_t to, struct error *e)
{
    return from >= to || add_node(p, (struct node){ .kind = NODE_TEXT, .text = bytes_slice(p->text, from, to) }, e);
}

static bool is_name(struct bytes name)
{
    if (bytes_equal(name, BYTES("."))) {
        return true;
    }
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!is_word && (c != '.' || i == 0 || i + 1 == name.size || name.data[i - 1] == '.')) {
            return false;
        }
    }
    return name.size > 0 && name.size <= TEMPLATE_NAME_BYTES_MAX;
}

static bool end_section(struct parser *p, struct bytes name, struct error *e)
{
    if (p->depth == 0 || !bytes_equal(p->template->nodes[p->open[p->depth - 1]].text, name)) {
        return fail(p, e, "end the section that was begun last", "a section ends that is not the open one");
    }
    p->template->nodes[p->open[--p->depth]].end = p->template->count;
    return true;
}

static bool add_value(struct parser *p, struct bytes tag, struct error *e)
{
    struct bytes format = tag, name;
    (void)bytes_split(&format, ':', &name);
    bool has_format = name.size < tag.size;
    if (!is_name(name) || (has_format && !is_name(format))) {
        return fail(p, e, "see src/portal/template.h", "a tag that templates don't have");
    }
    if (bytes_start_with(name, BYTES("t.")) && !has_format) {
        return add_node(p, (struct node){ .kind = NODE_CATALOGUE, .text = bytes_slice(name, 2, name.size) }, e);
    }
    if (has_format && !format_is_known(format)) {
        return fail(p, e, "see docs/pages.md", "a format that there isn't");
    }
    return add_node(p, (struct node){ .kind = NODE_VALUE, .text = name, .format = format }, e);
}

static bool add_tag(struct parser *p, struct bytes tag, struct error *e)
{
    struct bytes name = bytes_trim(bytes_slice(tag, 1, tag.size));
    uint8_t sign = tag.size == 0 ? 0 : tag.data[0];
    if (sign == '!') {
        return true;
    }
    if (sign != '#' && sign != '^' && sign != '/' && sign != '>') {
        return add_value(p, tag, e);
    }
    if (!is_name(name)) {
        return fail(p, e, "use letters, digits, - and _, with dots between", "a tag has no good name");
    }
    if (sign == '/') {
        return end_section(p, name, e);
    }
    if (sign == '>') {
        return add_node(p, (struct node){ .kind = NODE_PARTIAL, .text = name }, e);
    }
    if (p->depth == TEMPLATE_DEPTH_MAX) {
        return fail(p, e, "nest less", "sections are too deep in each other");
    }
    p->open[p->depth++] = p->template->count;
    return add_node(p, (struct node){ .kind = sign == '#' ? NODE_SECTION : NODE_INVERTED, .text = name }, e);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static size_t find_pair(struct bytes text, size_t from, uint8_t c)
{
    while (from + 1 < text.size && (text.data[from] != c || text.data[from + 1] != c)) {
        from++;
    }
    return from + 1 < text.size ? from : text.size;
}

/* A tag for structure alone on its line takes the line with it: widens [*from, *to) to the whole line. */
static void take_line(struct bytes text, size_t *from, size_t *to)
{
    size_t begin = *from, end = *to;
    while (begin > 0 && is_blank(text.data[begin - 1])) {
        begin--;
    }
    while (end < text.size && is_blank(text.data[end])) {
        end++;
    }
    if (end + 1 < text.size && text.data[end] == '\r' && text.data[end + 1] == '\n') {
        end++;
    }
    bool is_alone = (begin == 0 || text.data[begin - 1] == '\n') && (end == text.size || text.data[end] == '\n');
    if (is_alone) {
        *from = begin;
        *to = end == text.size ? end : end + 1;
    }
}

static bool parse(struct parser *p, struct error *e)
{
    size_t done = 0;
    if (!bytes_are_utf8(p->text)) {
        return fail(p, e, NULL, "the template is no UTF-8");
    }
    while (p->at < p->text.size) {
        size_t open = find_pair(p->text, p->at, '{');
        if (open == p->text.size) {
            break;
        }
        size_t close = find_pair(p->text, open + 2, '}');
        p->at = open;
        if (close == p->text.size) {
            return fail(p, e, "end it with }}", "a tag does not end");
        }
        struct bytes tag = bytes_trim(bytes_slice(p->text, open + 2, close));
        size_t from = open, to = close + 2;
        if (tag.size > 0 && memchr("#^/>!", tag.data[0], 5) != NULL) {
            take_line(p->text, &from, &to);
        }
        /* Two tags for structure on one line: the line is not theirs to take twice. */
        from = from < done ? done : from;
        if (!add_text(p, done, from, e) || !add_tag(p, tag, e)) {
            return false;
        }
        p->at = done = to;
    }
    p->at = p->text.size;
    return add_text(p, done, p->text.size, e) && (p->depth == 0 || fail(p, e, "end it", "a section does not end"));
}

bool templates_make(struct templates **out, const struct template_source *sources, size_t count, struct error *e)
{
    *out = NULL;
    struct templates *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return error_memory(e, "templates");
    }
    t->list = calloc(count == 0 ? 1 : count, sizeof *t->list);
    bool ok = t->list != NULL || error_memory(e, "templates");
    for (size_t i = 0; ok && i < count; i++) {
        t->list[i].name = sources[i].name;
        t->count++;
        struct parser p = { .template = &t->list[i], .text = sources[i].text };
        ok = parse(&p, e);
    }
    if (!ok) {
        templates_free(t);
        return false;
    }
    *out = t;
    return true;
}

void templates_free(struct templates *templates)
{
    if (templates == NULL) {
        return;
    }
    for (size_t i = 0; i < templates->count; i++) {
        free(templates->list[i].nodes);
    }
    free(templates->list);
    free(templates);
}

void templates_each_text(const struct templates *templates, template_each_text *each, void *context)
{
    for (size_t i = 0; i < templates->count; i++) {
        const struct template *t = &templates->list[i];
        for (uint32_t j = 0; j < t->count; j++) {
            if (t->nodes[j].kind == NODE_CATALOGUE) {
                each(context, t->name, t->nodes[j].text);
            }
        }
    }
}

/* ---- Rendering ---- */

struct render {
    const struct templates *templates;
    const char *content;
    const struct catalogue *texts;
    struct buffer *out;
    const json_t *stack[STACK_MAX];
    size_t depth, partials;
    struct error *e;
};

/* The first part of the name in the nearest context that has it; the others within that. NULL: nowhere. */
static const json_t *find(const struct render *r, struct bytes name)
{
    struct bytes part;
    const json_t *value = NULL;
    if (bytes_equal(name, BYTES("."))) {
        return r->stack[r->depth - 1];
    }
    (void)bytes_split(&name, '.', &part);
    for (size_t i = r->depth; value == NULL && i > 0; i--) {
        value = json_object_getn(r->stack[i - 1], (const char *)part.data, part.size);
    }
    while (value != NULL && bytes_split(&name, '.', &part)) {
        value = json_object_getn(value, (const char *)part.data, part.size);
    }
    return value;
}

static bool is_false(const json_t *value)
{
    switch (value == NULL ? JSON_NULL : json_typeof(value)) {
    case JSON_FALSE:
    case JSON_NULL:
        return true;
    case JSON_ARRAY:
        return json_array_size(value) == 0;
    case JSON_STRING:
        return json_string_length(value) == 0;
    case JSON_INTEGER:
        return json_integer_value(value) == 0;
    case JSON_REAL:
        return json_real_value(value) == 0 || isnan(json_real_value(value));
    case JSON_OBJECT:
    case JSON_TRUE:
        break;
    }
    return false;
}

static const struct template *find_template(const struct templates *templates, struct bytes name)
{
    for (size_t i = 0; i < templates->count; i++) {
        if (bytes_equal(bytes_of_text(templates->list[i].name), name)) {
            return &templates->list[i];
        }
    }
    return NULL;
}

/* A text with values in it: {name}. */
static void append_text(struct render *r, struct bytes key)
{
    const json_t *count = find(r, BYTES("count"));
    struct bytes text = catalogue_text(r->texts, key, json_is_integer(count) ? json_integer_value(count) : -1);
    if (text.data == NULL) {
        format_escape(r->out, key); /* a hole that is seen is mended */
        return;
    }
    while (text.size > 0) {
        size_t open = bytes_find(text, '{'), close = bytes_find(text, '}');
        format_escape(r->out, bytes_slice(text, 0, open));
        if (open < close && close < text.size) {
            struct bytes format = bytes_slice(text, open + 1, close), name;
            (void)bytes_split(&format, ':', &name);
            const json_t *value = find(r, name);
            format_append(r->out, value, json_is_integer(value) && format.size == 0 ? BYTES("number") : format, r->texts);
            text = bytes_slice(text, close + 1, text.size);
        } else {
            format_escape(r->out, bytes_slice(text, open, text.size));
            text = BYTES_NONE;
        }
    }
}

static bool render_nodes(struct render *r, const struct template *t, uint32_t from, uint32_t to);

static bool render_within(struct render *r, const struct template *t, uint32_t from, uint32_t to, const json_t *value)
{
    if (r->depth == STACK_MAX) {
        return error_set(r->e, ERROR_FULL, t->name, NULL, "sections are too deep in each other");
    }
    r->stack[r->depth++] = value;
    bool ok = render_nodes(r, t, from, to);
    r->depth--;
    return ok;
}

static bool render_section(struct render *r, const struct template *t, uint32_t at)
{
    const struct node *node = &t->nodes[at];
    const json_t *value = find(r, node->text);
    if (is_false(value)) {
        return true;
    }
    if (!json_is_array(value)) {
        return json_is_true(value) ? render_nodes(r, t, at + 1, node->end) : render_within(r, t, at + 1, node->end, value);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!render_within(r, t, at + 1, node->end, json_array_get(value, i))) {
            return false;
        }
    }
    return true;
}

static bool render_partial(struct render *r, const struct template *from, struct bytes name)
{
    bool is_content = bytes_equal(name, BYTES("content"));
    if (is_content && r->content == NULL) {
        return true;
    }
    const struct template *t = find_template(r->templates, is_content ? bytes_of_text(r->content) : name);
    if (t == NULL) {
        return error_set(r->e, ERROR_ABSENT, from->name, NULL, "there is no template %.*s", BYTES_FMT(name));
    }
    if (r->partials == TEMPLATE_DEPTH_MAX) {
        return error_set(r->e, ERROR_FULL, t->name, NULL, "templates are too deep in each other");
    }
    r->partials++;
    bool ok = render_nodes(r, t, 0, t->count);
    r->partials--;
    return ok;
}

static bool render_nodes(struct render *r, const struct template *t, uint32_t from, uint32_t to)
{
    bool ok = true;
    for (uint32_t i = from; ok && i < to; i++) {
        const struct node *node = &t->nodes[i];
        switch (node->kind) {
        case NODE_TEXT:
            buffer_append(r->out, node->text);
            break;
        case NODE_VALUE:
            format_append(r->out, find(r, node->text), node->format, r->texts);
            break;
        case NODE_CATALOGUE:
            append_text(r, node->text);
            break;
        case NODE_SECTION:
            ok = render_section(r, t, i);
            i = node->end - 1;
            break;
        case NODE_INVERTED:
            ok = !is_false(find(r, node->text)) || render_nodes(r, t, i + 1, node->end);
            i = node->end - 1;
            break;
        case NODE_PARTIAL:
            ok = render_partial(r, t, node->text);
            break;
        }
        if (r->out->failed) {
            return error_set(r->e, ERROR_FULL, t->name, NULL, "the page is too large");
        }
    }
    return ok;
}

bool template_render(const struct templates *templates, const char *name, const char *content, const json_t *data,
                     const struct catalogue *texts, struct buffer *out, struct error *e)
{
    struct render r = { .templates = templates, .content = content, .texts = texts, .out = out, .stack = { data }, .depth = 1, .e = e };
    const struct template *t = find_template(templates, bytes_of_text(name));
    if (t == NULL) {
        return error_set(e, ERROR_ABSENT, name, NULL, "there is no such template");
    }
    return render_nodes(&r, t, 0, t->count);
}
