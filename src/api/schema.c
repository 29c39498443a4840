#include "api/schema.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"

enum { DEPTH_MAX = 64, PLACE_SIZE = 128 };

struct schemas {
    json_t *all;
};

static const char ref_prefix[] = "#/components/schemas/";

/* ---- Is it a schema that we know how to check? ---- */

static bool check_words(const struct schemas *schemas, const json_t *schema, const char *name, unsigned depth, struct error *e);

static bool check_word(const struct schemas *schemas, const char *word, const json_t *value, const char *name, unsigned depth,
                       struct error *e)
{
    static const char *const plain[] = { "type",      "enum",      "const",       "required", "additionalProperties",
                                         "minItems",  "maxItems",  "minimum",     "maximum",  "minLength",
                                         "maxLength", "title",     "description", "examples", "default",
                                         "readOnly",  "writeOnly", "deprecated" };
    regex_t pattern;
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        if (strcmp(word, plain[i]) == 0) {
            return true;
        }
    }
    if (strcmp(word, "$ref") == 0) {
        const char *to = json_string_value(value);
        return (to != NULL && strncmp(to, ref_prefix, sizeof ref_prefix - 1) == 0 && schemas_have(schemas, to + sizeof ref_prefix - 1)) ||
               error_set(e, ERROR_INPUT, name, NULL, "the $ref %.100s leads nowhere", to == NULL ? "" : to);
    }
    if (strcmp(word, "items") == 0) {
        return check_words(schemas, value, name, depth + 1, e);
    }
    if (strcmp(word, "format") == 0) {
        return strcmp(json_string_value(value), "date-time") == 0 || error_set(e, ERROR_INPUT, name, NULL, "an unknown format");
    }
    if (strcmp(word, "pattern") == 0) {
        bool ok = regcomp(&pattern, json_string_value(value), REG_EXTENDED | REG_NOSUB) == 0;
        if (ok) {
            regfree(&pattern);
        }
        return ok || error_set(e, ERROR_INPUT, name, NULL, "a pattern that is none");
    }
    if (strcmp(word, "properties") == 0) {
        const char *key;
        json_t *property;
        json_object_foreach((json_t *)value, key, property)
        {
            if (!check_words(schemas, property, name, depth + 1, e)) {
                return false;
            }
        }
        return true;
    }
    return error_set(e, ERROR_INPUT, name, NULL, "the word '%.40s' is not checked here", word);
}

static bool check_words(const struct schemas *schemas, const json_t *schema, const char *name, unsigned depth, struct error *e)
{
    const char *word;
    json_t *value;
    if (!json_is_object(schema) || depth > DEPTH_MAX) {
        return error_set(e, ERROR_INPUT, name, NULL, "is no schema");
    }
    json_object_foreach((json_t *)schema, word, value)
    {
        if (!check_word(schemas, word, value, name, depth, e)) {
            return false;
        }
    }
    return true;
}

bool schemas_make(struct schemas **out, struct bytes text, struct error *e)
{
    json_error_t fault;
    const char *name;
    json_t *schema;
    *out = NULL;
    struct schemas *schemas = calloc(1, sizeof *schemas);
    if (schemas == NULL) {
        return error_memory(e, "schemas");
    }
    schemas->all = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &fault);
    if (!json_is_object(schemas->all)) {
        error_set(e, ERROR_INPUT, "schemas", NULL, "line %d: %.100s", fault.line, fault.text);
        schemas_free(schemas);
        return false;
    }
    json_object_foreach(schemas->all, name, schema)
    {
        if (!check_words(schemas, schema, name, 0, e)) {
            schemas_free(schemas);
            return false;
        }
    }
    *out = schemas;
    return true;
}

void schemas_free(struct schemas *schemas)
{
    if (schemas != NULL) {
        json_decref(schemas->all);
        free(schemas);
    }
}

const json_t *schemas_json(const struct schemas *schemas)
{
    return schemas->all;
}

bool schemas_have(const struct schemas *schemas, const char *name)
{
    return json_object_get(schemas->all, name) != NULL;
}

/* ---- A value against one ---- */

struct check {
    const struct schemas *schemas;
    char place[PLACE_SIZE];
    size_t size; /* of the place */
    struct error *e;
};

static bool fails(struct check *c, const char *what)
{
    return error_set(c->e, ERROR_INPUT, c->size == 0 ? "body" : c->place, NULL, "%s", what);
}

/* One step down; a place that is too long to tell is cut. Returns the size to go back to. */
static size_t go_down(struct check *c, const char *key)
{
    size_t before = c->size;
    int added = snprintf(c->place + before, sizeof c->place - before, "/%.60s", key);
    if (added > 0) {
        c->size = before + (size_t)added < sizeof c->place ? before + (size_t)added : sizeof c->place - 1;
    }
    return before;
}

static void go_up(struct check *c, size_t before)
{
    c->size = before;
    c->place[before] = '\0';
}

static bool is_of_type(const json_t *value, const char *type)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return strcmp(type, "object") == 0;
    case JSON_ARRAY:
        return strcmp(type, "array") == 0;
    case JSON_STRING:
        return strcmp(type, "string") == 0;
    case JSON_INTEGER:
        return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
    case JSON_REAL:
        return strcmp(type, "number") == 0;
    case JSON_TRUE:
    case JSON_FALSE:
        return strcmp(type, "boolean") == 0;
    case JSON_NULL:
        return strcmp(type, "null") == 0;
    }
    return false;
}

static bool check_type(struct check *c, const json_t *types, const json_t *value)
{
    char what[96];
    bool ok = types == NULL || (json_is_string(types) && is_of_type(value, json_string_value(types)));
    for (size_t i = 0; i < json_array_size(types) && !ok; i++) {
        ok = is_of_type(value, json_string_value(json_array_get(types, i)));
    }
    if (ok) {
        return true;
    }
    const char *first = json_is_string(types) ? json_string_value(types) : json_string_value(json_array_get(types, 0));
    (void)snprintf(what, sizeof what, "must be of type %s", first);
    return fails(c, what);
}

static size_t count_characters(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return count;
}

static bool is_within(const json_t *schema, const char *least, const char *most, json_int_t number)
{
    const json_t *from = json_object_get(schema, least), *to = json_object_get(schema, most);
    return (from == NULL || number >= json_integer_value(from)) && (to == NULL || number <= json_integer_value(to));
}

static bool check_string(struct check *c, const json_t *schema, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    const json_t *pattern = json_object_get(schema, "pattern");
    int64_t time;
    regex_t compiled;
    if (!is_within(schema, "minLength", "maxLength", (json_int_t)count_characters(text, size))) {
        return fails(c, "is too short or too long");
    }
    if (strlen(text) != size) {
        return fails(c, "holds U+0000");
    }
    if (json_object_get(schema, "format") != NULL && !time_parse(bytes_of(text, size), &time)) {
        return fails(c, "is no time: write it as 2027-03-01T00:00:00Z");
    }
    if (pattern != NULL) {
        bool matches = regcomp(&compiled, json_string_value(pattern), REG_EXTENDED | REG_NOSUB) == 0;
        if (matches) {
            matches = regexec(&compiled, text, 0, NULL, 0) == 0;
            regfree(&compiled);
        }
        return matches || fails(c, "is not of the form that the schema asks for");
    }
    return true;
}

static bool check_value(struct check *c, const json_t *schema, const json_t *value, unsigned depth);

static bool check_object(struct check *c, const json_t *schema, const json_t *value, unsigned depth)
{
    const json_t *properties = json_object_get(schema, "properties"), *required = json_object_get(schema, "required");
    bool is_closed = json_is_false(json_object_get(schema, "additionalProperties")), ok = true;
    const char *key;
    json_t *member;
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (json_object_get(value, name) == NULL) {
            (void)go_down(c, name);
            return fails(c, "must be there");
        }
    }
    json_object_foreach((json_t *)value, key, member)
    {
        const json_t *property = json_object_get(properties, key);
        size_t before = go_down(c, key);
        ok = property != NULL ? check_value(c, property, member, depth + 1) : !is_closed || fails(c, "is no member that may be written");
        if (!ok) {
            return false;
        }
        go_up(c, before);
    }
    return true;
}

static bool check_array(struct check *c, const json_t *schema, const json_t *value, unsigned depth)
{
    const json_t *items = json_object_get(schema, "items");
    char index[24];
    if (!is_within(schema, "minItems", "maxItems", (json_int_t)json_array_size(value))) {
        return fails(c, "has too few or too many items");
    }
    for (size_t i = 0; items != NULL && i < json_array_size(value); i++) {
        (void)snprintf(index, sizeof index, "%zu", i);
        size_t before = go_down(c, index);
        if (!check_value(c, items, json_array_get(value, i), depth + 1)) {
            return false;
        }
        go_up(c, before);
    }
    return true;
}

static bool check_choice(struct check *c, const json_t *schema, const json_t *value)
{
    const json_t *choices = json_object_get(schema, "enum"), *constant = json_object_get(schema, "const");
    bool ok = choices == NULL;
    for (size_t i = 0; i < json_array_size(choices) && !ok; i++) {
        ok = json_equal(json_array_get(choices, i), value) != 0;
    }
    return (ok && (constant == NULL || json_equal(constant, value) != 0)) || fails(c, "is none of the values that are allowed");
}

static bool check_value(struct check *c, const json_t *schema, const json_t *value, unsigned depth)
{
    if (depth > DEPTH_MAX) {
        return fails(c, "is nested too deep");
    }
    const char *to = json_string_value(json_object_get(schema, "$ref"));
    if (to != NULL && !check_value(c, json_object_get(c->schemas->all, to + sizeof ref_prefix - 1), value, depth + 1)) {
        return false;
    }
    if (!check_type(c, json_object_get(schema, "type"), value) || !check_choice(c, schema, value)) {
        return false;
    }
    if (json_is_string(value)) {
        return check_string(c, schema, value);
    }
    if (json_is_integer(value)) {
        return is_within(schema, "minimum", "maximum", json_integer_value(value)) || fails(c, "is too small or too large");
    }
    if (json_is_array(value)) {
        return check_array(c, schema, value, depth);
    }
    return !json_is_object(value) || check_object(c, schema, value, depth);
}

bool schema_check(const struct schemas *schemas, const char *name, const json_t *value, struct error *e)
{
    struct check c = { .schemas = schemas, .e = e };
    const json_t *schema = json_object_get(schemas->all, name);
    if (schema == NULL) {
        return error_set(e, ERROR_INPUT, "schemas", NULL, "there is no schema %.60s", name);
    }
    return check_value(&c, schema, value, 0);
}
