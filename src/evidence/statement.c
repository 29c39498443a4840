#include "evidence/statement.h"

enum { CREATED_DIGITS_MAX = 15, WORD = 8 };

static const struct bytes last_name = BYTES("\"@signature-params\": ");
static const struct bytes of_request = BYTES(";req");
static const struct bytes created_name = BYTES(");created=");
/* The texts, each in front of its quoted value, in their order. */
static const struct bytes text_names[] = { BYTES(";nonce="), BYTES(";keyid="), BYTES(";alg="), BYTES(";tag=") };

/* ---- What may stand where ---- */

static bool is_line_byte(uint8_t byte)
{
    return (byte >= 0x20 && byte <= 0x7E) || byte == '\t';
}

/* Printable ASCII and tabs. Eight bytes at a time: nearly all of a statement is plain. */
static bool is_line(struct bytes text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t at = 0;
    for (; at + WORD <= text.size; at += WORD) {
        uint64_t word;
        memcpy(&word, text.data + at, WORD);
        /* Sets the high bit of each byte that is below 0x20, above 0x7E, or stands right above such a one. */
        uint64_t odd = (word | (word - ones * 0x20) | (word + ones)) & (ones * 0x80);
        for (size_t i = at; odd != 0 && i < at + WORD; i++) {
            if (!is_line_byte(text.data[i])) {
                return false;
            }
        }
    }
    for (; at < text.size; at++) {
        if (!is_line_byte(text.data[at])) {
            return false;
        }
    }
    return true;
}

/* What stands between quotes as it is: printable ASCII without '"' and '\' (RFC 8941 3.3.3). */
static bool is_bare(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7E || text.data[i] == '"' || text.data[i] == '\\') {
            return false;
        }
    }
    return true;
}

static bool components_may_stand(const struct statement_component *components, size_t count, struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_bare(components[i].name)) {
            return error_set(e, ERROR_INPUT, "statement", NULL, "a component's name holds a byte that it may not");
        }
        if (!is_line(components[i].value)) {
            return error_set(e, ERROR_INPUT, "statement", "send printable ASCII", "%.*s holds another byte",
                             (int)(components[i].name.size < 64 ? components[i].name.size : 64), (const char *)components[i].name.data);
        }
    }
    return true;
}

static bool texts_may_stand(const struct bytes *texts)
{
    for (size_t i = 0; i < COUNT_OF(text_names); i++) {
        if (!is_bare(texts[i])) {
            return false;
        }
    }
    return true;
}

/* ---- Writing ---- */

static size_t quoted_size(const struct statement_component *component)
{
    return 1 + component->name.size + 1 + (component->of_request ? of_request.size : 0);
}

static uint8_t *put(uint8_t *at, struct bytes text)
{
    if (text.size > 0) {
        memcpy(at, text.data, text.size);
    }
    return at + text.size;
}

static uint8_t *put_quoted(uint8_t *at, struct bytes text)
{
    *at++ = '"';
    at = put(at, text);
    *at++ = '"';
    return at;
}

static uint8_t *put_component(uint8_t *at, const struct statement_component *component)
{
    at = put_quoted(at, component->name);
    return component->of_request ? put(at, of_request) : at;
}

/* RFC 8941 3.3.1 has at most 15 digits; there is no time before 1970 here. */
static struct bytes seconds(int64_t created_s, uint8_t digits[CREATED_DIGITS_MAX])
{
    size_t at = CREATED_DIGITS_MAX;
    created_s = created_s < 0 ? 0 : created_s;
    do {
        digits[--at] = (uint8_t)('0' + created_s % 10);
        created_s /= 10;
    } while (created_s > 0 && at > 0);
    return bytes_of(digits + at, CREATED_DIGITS_MAX - at);
}

/* The size of the parameters; 0: a text is out of all measure. */
static size_t parameters_size(const struct statement_component *components, size_t count, const struct bytes *texts, size_t digits)
{
    size_t size = 1 + (count > 0 ? count - 1 : 0) + created_name.size + digits; /* the bracket, and what parts them */
    for (size_t i = 0; i < count; i++) {
        size += quoted_size(&components[i]);
    }
    for (size_t i = 0; i < COUNT_OF(text_names); i++) {
        if (texts[i].size > STATEMENT_BYTES_MAX) {
            return 0;
        }
        size += texts[i].size == 0 ? 0 : text_names[i].size + 1 + texts[i].size + 1;
    }
    return size;
}

static uint8_t *put_parameters(uint8_t *at, const struct statement_component *components, size_t count, const struct bytes *texts,
                               struct bytes created)
{
    *at++ = '(';
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            *at++ = ' ';
        }
        at = put_component(at, &components[i]);
    }
    at = put(put(at, created_name), created);
    for (size_t i = 0; i < COUNT_OF(text_names); i++) {
        at = texts[i].size == 0 ? at : put_quoted(put(at, text_names[i]), texts[i]);
    }
    return at;
}

/* The lines in front of the last; 0: a value is out of all measure. */
static size_t lines_size(const struct statement_component *components, size_t count)
{
    size_t size = last_name.size;
    for (size_t i = 0; i < count; i++) {
        if (components[i].value.size > STATEMENT_BYTES_MAX) {
            return 0;
        }
        size += quoted_size(&components[i]) + 2 + components[i].value.size + 1;
    }
    return size;
}

static uint8_t *put_lines(uint8_t *at, const struct statement_component *components, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        at = put(put_component(at, &components[i]), BYTES(": "));
        at = put(at, components[i].value);
        *at++ = '\n';
    }
    return put(at, last_name);
}

bool statement_make(const struct statement_component *components, size_t count, const struct statement_parameters *parameters,
                    struct arena *arena, struct statement *out, struct error *e)
{
    const struct bytes texts[COUNT_OF(text_names)] = { parameters->nonce, parameters->keyid, parameters->alg, parameters->tag };
    uint8_t digits[CREATED_DIGITS_MAX];
    struct bytes created = seconds(parameters->created_s, digits);
    size_t lines = count > STATEMENT_COMPONENTS_MAX ? 0 : lines_size(components, count);
    size_t last = lines == 0 ? 0 : parameters_size(components, count, texts, created.size);
    if (last == 0 || lines + last > STATEMENT_BYTES_MAX) {
        return error_set(e, ERROR_FULL, "statement", "shorten the path or the X-Road fields", "the statement is over %d bytes",
                         STATEMENT_BYTES_MAX);
    }
    if (!components_may_stand(components, count, e)) {
        return false;
    }
    if (!texts_may_stand(texts)) {
        return error_set(e, ERROR_INPUT, "statement", NULL, "a signature parameter holds a byte that it may not");
    }
    uint8_t *text = arena_take(arena, lines + last);
    if (text == NULL) {
        return error_memory(e, "statement");
    }
    uint8_t *list = put_lines(text, components, count);
    uint8_t *end = put_parameters(list, components, count, texts, created);
    *out = (struct statement){ .text = bytes_of(text, (size_t)(end - text)), .parameters = bytes_of(list, (size_t)(end - list)) };
    return true;
}

void statement_write_parameters(struct buffer *out, const struct statement_component *components, size_t count,
                                const struct statement_parameters *parameters)
{
    const struct bytes texts[COUNT_OF(text_names)] = { parameters->nonce, parameters->keyid, parameters->alg, parameters->tag };
    uint8_t digits[CREATED_DIGITS_MAX];
    struct bytes created = seconds(parameters->created_s, digits);
    size_t size = parameters_size(components, count, texts, created.size);
    uint8_t *room = size == 0 || !components_may_stand(components, count, NULL) || !texts_may_stand(texts) ? NULL : buffer_room(out, size);
    out->failed = room == NULL;
    if (room != NULL) {
        buffer_added(out, (size_t)(put_parameters(room, components, count, texts, created) - room));
    }
}

void statement_write(struct buffer *out, const struct statement_component *components, size_t count, struct bytes parameters_text)
{
    size_t size = lines_size(components, count);
    bool is_good = size != 0 && is_line(parameters_text) && components_may_stand(components, count, NULL);
    uint8_t *room = is_good ? buffer_room(out, size) : NULL;
    out->failed = room == NULL;
    if (room != NULL) {
        buffer_added(out, (size_t)(put_lines(room, components, count) - room));
        buffer_append(out, parameters_text);
    }
}

/* ---- Reading ---- */

static bool skip(struct bytes *left, struct bytes prefix)
{
    bool is_there = bytes_start_with(*left, prefix);
    *left = bytes_slice(*left, is_there ? prefix.size : left->size, left->size);
    return is_there;
}

bool statement_parameters_read(struct bytes text, struct statement_parameters *out)
{
    struct bytes *const texts[COUNT_OF(text_names)] = { &out->nonce, &out->keyid, &out->alg, &out->tag };
    struct bytes left = bytes_slice(text, bytes_find(text, ')'), text.size);
    uint64_t created = 0;
    *out = (struct statement_parameters){ 0 };
    if (!skip(&left, created_name)) {
        return false;
    }
    struct bytes digits = bytes_slice(left, 0, bytes_find(left, ';'));
    left = bytes_slice(left, digits.size, left.size);
    if (digits.size > CREATED_DIGITS_MAX || !bytes_to_u64(digits, &created)) {
        return false;
    }
    out->created_s = (int64_t)created;
    for (size_t i = 0; i < COUNT_OF(text_names); i++) {
        if (!skip(&left, text_names[i]) || !skip(&left, BYTES("\""))) {
            return false;
        }
        *texts[i] = bytes_slice(left, 0, bytes_find(left, '"'));
        left = bytes_slice(left, texts[i]->size, left.size);
        if (texts[i]->size == 0 || !skip(&left, BYTES("\""))) {
            return false;
        }
    }
    return left.size == 0;
}

bool statement_find_line(struct bytes text, struct bytes start, struct bytes *value)
{
    struct bytes first = bytes_slice(start, 1, start.size), rest;
    if (bytes_start_with(text, first)) {
        rest = bytes_slice(text, first.size, text.size);
    } else {
        const uint8_t *found = text.size == 0 ? NULL : memmem(text.data, text.size, start.data, start.size);
        if (found == NULL) {
            return false;
        }
        rest = bytes_slice(text, (size_t)(found - text.data) + start.size, text.size);
    }
    *value = bytes_slice(rest, 0, bytes_find(rest, '\n'));
    return true;
}

struct bytes statement_line(struct bytes text, struct bytes start)
{
    struct bytes value;
    return statement_find_line(text, start, &value) ? value : BYTES_NONE;
}
