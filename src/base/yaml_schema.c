#include "base/yaml_schema.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include <yaml.h>

enum { KEYS_MAX = 64, TODO_SIZE = 192, SHOWN_MAX = 60 };

/* One pass over the events of a text. There is always at most one event, and it is ours to delete. */
struct walk {
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    const char *file;
    struct error *e;
};

/* ---- Messages ---- */

const char *yaml_where(const char *file, unsigned line, char *out, size_t size)
{
    char number[16];
    int digits = snprintf(number, sizeof number, ":%u", line);
    size_t room = size > (size_t)digits + 1 ? size - (size_t)digits - 1 : 0, length = strlen(file);
    if (length > room && room > 3) {
        (void)snprintf(out, size, "...%s%s", file + (length - (room - 3)), number);
    } else {
        (void)snprintf(out, size, "%s%s", file, number);
    }
    return out;
}

__attribute__((format(printf, 4, 5))) static bool fail(struct walk *w, size_t line, const char *todo, const char *what, ...)
{
    char text[sizeof w->e->what], where[sizeof w->e->where];
    va_list arguments;
    va_start(arguments, what);
    (void)vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    return error_set(w->e, ERROR_INPUT, yaml_where(w->file, (unsigned)line + 1, where, sizeof where), todo, "%s", text);
}

/* "did you mean 'x'? allowed: a, b, c" from a list of words. */
static void allowed_words(char *out, size_t size, struct bytes word, const char *const *words, size_t count)
{
    size_t used = 0;
    out[0] = '\0';
    const char *near = yaml_nearest(word, words, count);
    if (near != NULL) {
        used = (size_t)snprintf(out, size, "did you mean '%s'? ", near);
    }
    for (size_t i = 0; i < count && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s", i == 0 ? "allowed: " : ", ", words[i]);
    }
}

/* ---- Events ---- */

static bool next_event(struct walk *w)
{
    if (w->has_event) {
        yaml_event_delete(&w->event);
        w->has_event = false;
    }
    if (yaml_parser_parse(&w->parser, &w->event) == 0) {
        if (w->parser.error == YAML_MEMORY_ERROR) {
            return error_memory(w->e, w->file);
        }
        return fail(w, w->parser.problem_mark.line, NULL, "not YAML: %s", w->parser.problem != NULL ? w->parser.problem : "unknown error");
    }
    w->has_event = true;
    if (w->event.type == YAML_ALIAS_EVENT) {
        return fail(w, w->event.start_mark.line, "write the value out", "an alias ('*%.*s') is not allowed", SHOWN_MAX,
                    (const char *)w->event.data.alias.anchor);
    }
    return true;
}

/* From the first event of a value to its last. */
static bool skip_value(struct walk *w)
{
    size_t depth = 0;
    for (;;) {
        yaml_event_type_t type = w->event.type;
        if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT) {
            depth++;
        } else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT) {
            depth--;
        }
        if (depth == 0) {
            return true;
        }
        if (!next_event(w)) {
            return false;
        }
    }
}

static struct bytes scalar(const struct walk *w)
{
    return bytes_of(w->event.data.scalar.value, w->event.data.scalar.length);
}

/* To the first event of the document's root. */
static bool enter_document(struct walk *w)
{
    if (!next_event(w)) { /* the stream's start */
        return false;
    }
    if (!next_event(w)) { /* the document's start, or the stream's end */
        return false;
    }
    if (w->event.type != YAML_DOCUMENT_START_EVENT) {
        return fail(w, 0, NULL, "the file is empty");
    }
    return next_event(w);
}

/* ---- The text against the schema ---- */

static const char *kind_of(const cyaml_schema_value_t *schema)
{
    switch (schema->type) {
    case CYAML_INT:
    case CYAML_UINT:
        return "a whole number";
    case CYAML_BOOL:
        return "true or false";
    case CYAML_ENUM:
        return "one of a few words";
    case CYAML_STRING:
        return "a text";
    case CYAML_MAPPING:
        return "keys with values";
    case CYAML_SEQUENCE:
        return "a list";
    default:
        return "another value";
    }
}

static bool check_enum(struct walk *w, const cyaml_schema_value_t *schema, const char *name)
{
    const char *words[KEYS_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < schema->enumeration.count && count < KEYS_MAX; i++) {
        words[count++] = schema->enumeration.strings[i].str;
        if (bytes_equal(scalar(w), bytes_of_text(words[count - 1]))) {
            return true;
        }
    }
    char todo[TODO_SIZE];
    allowed_words(todo, sizeof todo, scalar(w), words, count);
    return fail(w, w->event.start_mark.line, todo, "'%s' can't be '%.*s'", name, SHOWN_MAX, (const char *)scalar(w).data);
}

static bool check_bool(struct walk *w, const char *name)
{
    static const char *const words[] = { "true", "false", "yes", "no", "on", "off" };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcasecmp((const char *)scalar(w).data, words[i]) == 0) {
            return true;
        }
    }
    return fail(w, w->event.start_mark.line, "write true or false", "'%s' can't be '%.*s'", name, SHOWN_MAX, (const char *)scalar(w).data);
}

/* Decimal digits, and a sign where the type has one: libcyaml itself would read "0x10", "010" and "8080x" too. */
static bool check_number(struct walk *w, const cyaml_schema_value_t *schema, const char *name)
{
    struct bytes digits = scalar(w);
    bool is_negative = schema->type == CYAML_INT && digits.size > 0 && digits.data[0] == '-';
    digits = bytes_slice(digits, is_negative ? 1 : 0, digits.size);
    uint64_t value = 0, most = UINT64_MAX >> (8 * (8 - schema->data_size));
    if (schema->type == CYAML_INT) {
        most /= 2;
    }
    if (!bytes_to_u64(digits, &value)) {
        return fail(w, w->event.start_mark.line, "write it in decimal digits", "'%s' must be a whole number, not '%.*s'", name, SHOWN_MAX,
                    (const char *)scalar(w).data);
    }
    return value <= most ? true : fail(w, w->event.start_mark.line, NULL, "'%s' is out of range: at most %" PRIu64, name, most);
}

static bool check_text(struct walk *w, const cyaml_schema_value_t *schema, const char *name)
{
    if (scalar(w).size < schema->string.min) {
        return fail(w, w->event.start_mark.line, "write a value, or leave the key out where it may be absent", "'%s' is empty", name);
    }
    if (scalar(w).size > schema->string.max) {
        return fail(w, w->event.start_mark.line, NULL, "'%s' is too long: at most %" PRIu32 " bytes", name, schema->string.max);
    }
    return true;
}

static bool check_scalar(struct walk *w, const cyaml_schema_value_t *schema, const char *name)
{
    if (bytes_find(scalar(w), '\0') != scalar(w).size) {
        return fail(w, w->event.start_mark.line, NULL, "'%s' holds a NUL character", name);
    }
    switch (schema->type) {
    case CYAML_BOOL:
        return check_bool(w, name);
    case CYAML_ENUM:
        return check_enum(w, schema, name);
    case CYAML_INT:
    case CYAML_UINT:
        return check_number(w, schema, name);
    default:
        return check_text(w, schema, name);
    }
}

static bool check_value(struct walk *w, const cyaml_schema_value_t *schema, const char *name);

/* The key that the event holds: its place in the schema, or an error that proposes others. */
static bool find_key(struct walk *w, const cyaml_schema_value_t *schema, size_t *index)
{
    const char *keys[KEYS_MAX];
    size_t count = 0;
    if (w->event.type != YAML_SCALAR_EVENT) {
        return fail(w, w->event.start_mark.line, NULL, "a key must be a word");
    }
    for (const cyaml_schema_field_t *field = schema->mapping.fields; field->key != NULL && count < KEYS_MAX; field++) {
        if (bytes_equal(scalar(w), bytes_of_text(field->key))) {
            *index = count;
            return true;
        }
        keys[count++] = field->key;
    }
    char todo[TODO_SIZE];
    allowed_words(todo, sizeof todo, scalar(w), keys, count);
    return fail(w, w->event.start_mark.line, todo, "unknown key '%.*s'", SHOWN_MAX, (const char *)scalar(w).data);
}

static bool check_mapping(struct walk *w, const cyaml_schema_value_t *schema, const char *name)
{
    const cyaml_schema_field_t *fields = schema->mapping.fields;
    size_t line = w->event.start_mark.line;
    uint64_t seen = 0;
    if (!next_event(w)) {
        return false;
    }
    while (w->event.type != YAML_MAPPING_END_EVENT) {
        size_t index = 0;
        if (!find_key(w, schema, &index)) {
            return false;
        }
        if ((seen >> index & 1) != 0) {
            return fail(w, w->event.start_mark.line, "keep one of them", "the key '%s' is there twice", fields[index].key);
        }
        seen |= (uint64_t)1 << index;
        if (!next_event(w) || !check_value(w, &fields[index].value, fields[index].key) || !next_event(w)) {
            return false;
        }
    }
    for (size_t i = 0; fields[i].key != NULL; i++) {
        if ((seen >> i & 1) == 0 && (fields[i].value.flags & CYAML_FLAG_OPTIONAL) == 0) {
            return fail(w, line, NULL, "%s%s%s '%s'", name[0] == '\0' ? "" : "'", name,
                        name[0] == '\0' ? "there is no key" : "' has no key", fields[i].key);
        }
    }
    return true;
}

static bool check_sequence(struct walk *w, const cyaml_schema_value_t *schema, const char *name)
{
    size_t line = w->event.start_mark.line, count = 0;
    if (!next_event(w)) {
        return false;
    }
    for (; w->event.type != YAML_SEQUENCE_END_EVENT; count++) {
        if (count >= schema->sequence.max) {
            return fail(w, w->event.start_mark.line, NULL, "'%s' has too many entries: at most %" PRIu32, name, schema->sequence.max);
        }
        if (!check_value(w, schema->sequence.entry, name) || !next_event(w)) {
            return false;
        }
    }
    if (count < schema->sequence.min) {
        return fail(w, line, NULL, "'%s' has too few entries: at least %" PRIu32, name, schema->sequence.min);
    }
    return true;
}

/* From the first event of a value to its last. Recursion is as deep as the schema, whatever the text is. */
static bool check_value(struct walk *w, const cyaml_schema_value_t *schema, const char *name)
{
    bool may_be_null = (schema->flags & CYAML_FLAG_POINTER_NULL) == CYAML_FLAG_POINTER_NULL;
    if (schema->type == CYAML_IGNORE) {
        return skip_value(w);
    }
    if (w->event.type == YAML_SCALAR_EVENT && scalar(w).size == 0 && may_be_null) {
        return true;
    }
    if (w->event.type == YAML_MAPPING_START_EVENT && schema->type == CYAML_MAPPING) {
        return check_mapping(w, schema, name);
    }
    if (w->event.type == YAML_SEQUENCE_START_EVENT && schema->type == CYAML_SEQUENCE) {
        return check_sequence(w, schema, name);
    }
    if (w->event.type == YAML_SCALAR_EVENT && schema->type != CYAML_MAPPING && schema->type != CYAML_SEQUENCE) {
        return check_scalar(w, schema, name);
    }
    return name[0] == '\0' ? fail(w, w->event.start_mark.line, NULL, "the file must hold %s", kind_of(schema))
                           : fail(w, w->event.start_mark.line, NULL, "'%s' must be %s", name, kind_of(schema));
}

static bool check_document(struct walk *w, const cyaml_schema_value_t *schema)
{
    if (!enter_document(w) || !check_value(w, schema, "") || !next_event(w)) { /* the document's end */
        return false;
    }
    if (!next_event(w)) {
        return false;
    }
    if (w->event.type != YAML_STREAM_END_EVENT) {
        return fail(w, w->event.start_mark.line, "put it into a file of its own", "a second document is not allowed");
    }
    return true;
}

static bool check_text_of(const cyaml_schema_value_t *schema, struct bytes text, const char *file, struct error *e)
{
    struct walk w = { .file = file, .e = e };
    /* libyaml would take UTF-16 too; and its messages about bad bytes have no line. */
    if (!bytes_are_utf8(text)) {
        size_t line = 0;
        struct bytes rest = text, piece;
        while (bytes_split(&rest, '\n', &piece) && bytes_are_utf8(piece)) {
            line++;
        }
        return fail(&w, line, "save it as UTF-8", "this line is not UTF-8");
    }
    if (yaml_parser_initialize(&w.parser) == 0) {
        return error_memory(e, file);
    }
    yaml_parser_set_input_string(&w.parser, text.data != NULL ? text.data : (const uint8_t *)"", text.size);
    bool ok = check_document(&w, schema);
    if (w.has_event) {
        yaml_event_delete(&w.event);
    }
    yaml_parser_delete(&w.parser);
    return ok;
}

/* ---- Values, by libcyaml ---- */

static const cyaml_config_t cyaml_settings = {
    .mem_fn = cyaml_mem,
    .log_level = CYAML_LOG_ERROR, /* without a log function: check_text_of() has said it better */
    .flags = CYAML_CFG_NO_ALIAS,
};

bool yaml_load(const cyaml_schema_value_t *schema, struct bytes text, const char *file, void **out, struct error *e)
{
    *out = NULL;
    if (!check_text_of(schema, text, file, e)) {
        return false;
    }
    cyaml_err_t result = cyaml_load_data(text.data, text.size, &cyaml_settings, schema, out, NULL);
    if (result == CYAML_OK && *out != NULL) {
        return true;
    }
    *out = NULL;
    return result == CYAML_ERR_OOM ? error_memory(e, file)
                                   : error_set(e, ERROR_INPUT, file, NULL, "can't be read: %s", cyaml_strerror(result));
}

void yaml_unload(const cyaml_schema_value_t *schema, void *data)
{
    if (data != NULL) {
        (void)cyaml_free(&cyaml_settings, schema, data, 0); /* can fail on a bad schema only, which has loaded before */
    }
}

/* ---- Lines ---- */

/* Into the entry `index` of the list that the event begins. */
static bool enter_entry(struct walk *w, uint64_t index, size_t *line)
{
    if (w->event.type != YAML_SEQUENCE_START_EVENT || !next_event(w)) {
        return false;
    }
    for (uint64_t i = 0; w->event.type != YAML_SEQUENCE_END_EVENT; i++) {
        if (i == index) {
            *line = w->event.start_mark.line;
            return true;
        }
        if (!skip_value(w) || !next_event(w)) {
            return false;
        }
    }
    return false;
}

static bool enter_key(struct walk *w, struct bytes key, size_t *line)
{
    if (w->event.type != YAML_MAPPING_START_EVENT || !next_event(w)) {
        return false;
    }
    while (w->event.type != YAML_MAPPING_END_EVENT) {
        bool is_found = w->event.type == YAML_SCALAR_EVENT && bytes_equal(scalar(w), key);
        if (is_found) {
            *line = w->event.start_mark.line;
            return next_event(w);
        }
        if (!skip_value(w) || !next_event(w) || !skip_value(w) || !next_event(w)) {
            return false;
        }
    }
    return false;
}

static bool find_path(struct walk *w, struct bytes path, size_t *line)
{
    if (!enter_document(w)) {
        return false;
    }
    *line = w->event.start_mark.line;
    while (path.size > 0) {
        if (path.data[0] == '[') {
            uint64_t index = 0;
            size_t end = bytes_find(path, ']');
            if (!bytes_to_u64(bytes_slice(path, 1, end), &index) || !enter_entry(w, index, line)) {
                return false;
            }
            path = bytes_slice(path, end + 1, path.size);
        } else {
            path = bytes_slice(path, path.data[0] == '.' ? 1 : 0, path.size);
            size_t end = 0;
            while (end < path.size && path.data[end] != '.' && path.data[end] != '[') {
                end++;
            }
            if (end == 0 || !enter_key(w, bytes_slice(path, 0, end), line)) {
                return false;
            }
            path = bytes_slice(path, end, path.size);
        }
    }
    return true;
}

bool yaml_line(struct bytes text, const char *path, unsigned *line)
{
    struct walk w = { .file = "" };
    size_t from_zero = 0;
    *line = 1;
    if (yaml_parser_initialize(&w.parser) == 0) {
        return false;
    }
    yaml_parser_set_input_string(&w.parser, text.data != NULL ? text.data : (const uint8_t *)"", text.size);
    bool ok = find_path(&w, bytes_of_text(path), &from_zero);
    *line = (unsigned)from_zero + 1;
    if (w.has_event) {
        yaml_event_delete(&w.event);
    }
    yaml_parser_delete(&w.parser);
    return ok;
}

bool yaml_error(struct bytes text, const char *file, const char *path, struct error *e, const char *todo, const char *what, ...)
{
    struct error made = { 0 };
    unsigned line = 1;
    va_list arguments;
    va_start(arguments, what);
    (void)vsnprintf(made.what, sizeof made.what, what, arguments);
    va_end(arguments);
    (void)yaml_line(text, path, &line); /* the nearest place is good enough */
    return error_set(e, ERROR_INPUT, yaml_where(file, line, made.where, sizeof made.where), todo, "%s", made.what);
}

/* ---- Sections ---- */

/* From which character up to which, counted as libyaml does: characters, without the mark of the byte order. */
static bool find_section(struct walk *w, struct bytes key, size_t *from, size_t *to)
{
    *from = *to = 0;
    if (!enter_document(w)) {
        return false;
    }
    if (w->event.type != YAML_MAPPING_START_EVENT) {
        return fail(w, w->event.start_mark.line, "write key: value", "a mapping stands here");
    }
    if (!next_event(w)) {
        return false;
    }
    while (w->event.type != YAML_MAPPING_END_EVENT) {
        bool is_found = w->event.type == YAML_SCALAR_EVENT && bytes_equal(scalar(w), key);
        size_t start = w->event.start_mark.index;
        if (!skip_value(w) || !next_event(w) || !skip_value(w)) {
            return false;
        }
        if (is_found) {
            *from = start;
            *to = w->event.end_mark.index;
            return true;
        }
        if (!next_event(w)) {
            return false;
        }
    }
    return true;
}

bool yaml_section(struct bytes text, const char *file, const char *key, struct buffer *out, struct error *e)
{
    struct walk w = { .file = file, .e = e };
    size_t from = 0, to = 0, character = 0;
    if (!bytes_are_utf8(text)) {
        return error_set(e, ERROR_INPUT, file, "save it as UTF-8", "not UTF-8");
    }
    if (yaml_parser_initialize(&w.parser) == 0) {
        return error_memory(e, file);
    }
    yaml_parser_set_input_string(&w.parser, text.data != NULL ? text.data : (const uint8_t *)"", text.size);
    bool ok = find_section(&w, bytes_of_text(key), &from, &to);
    if (w.has_event) {
        yaml_event_delete(&w.event);
    }
    yaml_parser_delete(&w.parser);
    bool has_mark = bytes_start_with(text, BYTES("\xef\xbb\xbf"));
    for (size_t i = has_mark ? 3 : 0; ok && from < to && i < text.size; i++) {
        uint8_t byte = text.data[i];
        bool is_first = (byte & 0xc0) != 0x80;
        character += is_first ? 1 : 0;
        bool is_inside = character > from && character <= to;
        buffer_append_u8(out, is_inside || byte == '\n' || byte == '\r' ? byte : ' ');
    }
    return ok && out->failed ? error_memory(e, file) : ok;
}
