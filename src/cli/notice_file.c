#include "cli/notice_file.h"

#include <stdio.h>
#include <stdlib.h>

#include <yaml.h>

#include "cli/file.h"
#include "consent/notice.h"
#include "law/iri.h"

enum { FILE_BYTES_MAX = 4 * NOTICE_BYTES_MAX, DEPTH_MAX = 16, NUMBER_SIZE_MAX = 15 };

struct reading {
    yaml_parser_t parser;
    const char *path;
    struct error *e;
};

static bool refuse(const struct reading *r, const yaml_mark_t *mark, const char *what)
{
    char where[128];
    (void)snprintf(where, sizeof where, "%.100s:%zu", r->path, mark->line + 1);
    return error_set(r->e, ERROR_INPUT, where, "write plain YAML or JSON", "%s", what);
}

static bool next(struct reading *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event) == 1) {
        return true;
    }
    return refuse(r, &r->parser.problem_mark, r->parser.problem != NULL ? r->parser.problem : "can't be read");
}

/* A plain word is what it looks like; quoted, it is text. */
static json_t *scalar_of(const yaml_event_t *event)
{
    struct bytes text = bytes_of(event->data.scalar.value, event->data.scalar.length);
    uint64_t number;
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        if (bytes_equal(text, BYTES("true")) || bytes_equal(text, BYTES("false"))) {
            return json_boolean(text.size == 4);
        }
        if (text.size == 0 || bytes_equal(text, BYTES("null")) || bytes_equal(text, BYTES("~"))) {
            return json_null();
        }
        if (text.size <= NUMBER_SIZE_MAX && bytes_to_u64(text, &number)) {
            return json_integer((json_int_t)number);
        }
    }
    return json_stringn((const char *)text.data, text.size);
}

static json_t *read_node(struct reading *r, const yaml_event_t *event, unsigned depth);

static json_t *read_list(struct reading *r, unsigned depth)
{
    json_t *list = json_array();
    bool ok = list != NULL || error_memory(r->e, r->path);
    while (ok) {
        yaml_event_t event;
        if (!next(r, &event)) {
            ok = false;
            break;
        }
        bool is_end = event.type == YAML_SEQUENCE_END_EVENT;
        json_t *item = is_end ? NULL : read_node(r, &event, depth);
        ok = is_end || (item != NULL && json_array_append_new(list, item) == 0);
        yaml_event_delete(&event);
        if (is_end) {
            return list;
        }
    }
    json_decref(list);
    return NULL;
}

/* One key with its value; *is_end at the end of the mapping. */
static bool read_member(struct reading *r, json_t *object, unsigned depth, bool *is_end)
{
    yaml_event_t key, value;
    if (!next(r, &key)) {
        return false;
    }
    *is_end = key.type == YAML_MAPPING_END_EVENT;
    bool ok = *is_end || key.type == YAML_SCALAR_EVENT || refuse(r, &key.start_mark, "a key must be a word");
    if (ok && !*is_end) {
        const char *name = (const char *)key.data.scalar.value;
        if (strlen(name) != key.data.scalar.length || json_object_get(object, name) != NULL) {
            ok = refuse(r, &key.start_mark, "a key is there twice, or has a zero byte");
        } else if (next(r, &value)) {
            json_t *made = read_node(r, &value, depth);
            yaml_event_delete(&value);
            ok = made != NULL && (json_object_set_new(object, name, made) == 0 || refuse(r, &key.start_mark, "a key is not UTF-8"));
        } else {
            ok = false;
        }
    }
    yaml_event_delete(&key);
    return ok;
}

static json_t *read_mapping(struct reading *r, unsigned depth)
{
    json_t *object = json_object();
    bool ok = object != NULL || error_memory(r->e, r->path), is_end = false;
    while (ok && !is_end) {
        ok = read_member(r, object, depth, &is_end);
    }
    if (!ok) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *read_node(struct reading *r, const yaml_event_t *event, unsigned depth)
{
    json_t *made = NULL;
    if (depth == DEPTH_MAX) {
        (void)refuse(r, &event->start_mark, "is nested too deep");
        return NULL;
    }
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL) {
            break;
        }
        made = scalar_of(event);
        if (made == NULL) {
            (void)refuse(r, &event->start_mark, "is not UTF-8");
        }
        return made;
    case YAML_SEQUENCE_START_EVENT:
        if (event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL) {
            break;
        }
        return read_list(r, depth + 1);
    case YAML_MAPPING_START_EVENT:
        if (event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL) {
            break;
        }
        return read_mapping(r, depth + 1);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_ALIAS_EVENT:
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        break;
    }
    (void)refuse(r, &event->start_mark, "anchors, aliases and tags are not taken");
    return NULL;
}

/* Stream start, document start, the node, document end, stream end. */
static json_t *read_document(struct reading *r)
{
    static const yaml_event_type_t before[] = { YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT };
    static const yaml_event_type_t behind[] = { YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT };
    json_t *made = NULL;
    yaml_event_t event;
    bool ok = true;
    for (size_t i = 0; ok && i < COUNT_OF(before); i++) {
        ok = next(r, &event);
        if (ok) {
            ok = event.type == before[i] || refuse(r, &event.start_mark, "is empty");
            yaml_event_delete(&event);
        }
    }
    if (ok && next(r, &event)) {
        made = read_node(r, &event, 0);
        yaml_event_delete(&event);
    }
    ok = made != NULL;
    for (size_t i = 0; ok && i < COUNT_OF(behind); i++) {
        ok = next(r, &event);
        if (ok) {
            ok = event.type == behind[i] || refuse(r, &event.start_mark, "there is more than one document");
            yaml_event_delete(&event);
        }
    }
    if (!ok) {
        json_decref(made);
        return NULL;
    }
    return made;
}

static bool read_yaml(struct bytes text, const char *path, json_t **out, struct error *e)
{
    struct reading r = { .path = path, .e = e };
    if (yaml_parser_initialize(&r.parser) != 1) {
        return error_memory(e, path);
    }
    yaml_parser_set_input_string(&r.parser, text.data, text.size);
    *out = read_document(&r);
    yaml_parser_delete(&r.parser);
    return *out != NULL;
}

static bool read_json(struct bytes text, const char *path, json_t **out, struct error *e)
{
    json_error_t fault;
    char where[128];
    *out = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &fault);
    (void)snprintf(where, sizeof where, "%.100s:%d", path, fault.line);
    return *out != NULL || error_set(e, ERROR_INPUT, where, NULL, "%s", fault.text);
}

/* ---- Short IRIs ---- */

/* What is no IRI stays as it is: the notice's own reader says so, with its place. */
static json_t *expand(const json_t *value)
{
    struct buffer full;
    json_t *made = NULL;
    buffer_init(&full, IRI_SIZE_MAX);
    if (json_is_string(value) && iri_expand(bytes_of(json_string_value(value), json_string_length(value)), &full)) {
        made = json_stringn((const char *)full.data, full.size);
    }
    buffer_clear(&full);
    return made;
}

static void expand_member(json_t *object, const char *key)
{
    json_t *made = expand(json_object_get(object, key));
    if (made != NULL) {
        (void)json_object_set_new(object, key, made);
    }
}

static void expand_list(json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *made = expand(json_array_get(list, i));
        if (made != NULL) {
            (void)json_array_set_new(list, i, made);
        }
    }
}

static void expand_all(json_t *notice)
{
    json_t *categories = json_object_get(notice, "categories");
    expand_member(json_object_get(notice, "purpose"), "iri");
    expand_list(json_object_get(notice, "processing"));
    expand_list(json_object_get(notice, "jurisdiction"));
    for (size_t i = 0; i < json_array_size(categories); i++) {
        expand_member(json_array_get(categories, i), "iri");
    }
}

bool notice_file_read(const char *path, json_t **out, struct error *e)
{
    struct buffer text;
    *out = NULL;
    buffer_init(&text, FILE_BYTES_MAX);
    bool ok = file_read_whole(path, &text, e);
    if (ok) {
        size_t at = 0;
        while (at < text.size && strchr(" \t\r\n", text.data[at]) != NULL && text.data[at] != '\0') {
            at++;
        }
        bool is_json = at < text.size && text.data[at] == '{';
        ok = is_json ? read_json(buffer_bytes(&text), path, out, e) : read_yaml(buffer_bytes(&text), path, out, e);
    }
    buffer_clear(&text);
    if (ok) {
        expand_all(*out);
    }
    return ok;
}
