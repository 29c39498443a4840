#include "portal/format_internal.h"

#include <stdio.h>

#include "base/time.h"
#include "law/iri.h"
#include "law/vocabulary.h"

enum { KEY_BYTES_MAX = 160 };

void format_escape(struct buffer *out, struct bytes text)
{
    size_t done = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        const char *name = c == '&'    ? "&amp;"
                           : c == '<'  ? "&lt;"
                           : c == '>'  ? "&gt;"
                           : c == '"'  ? "&quot;"
                           : c == '\'' ? "&#39;"
                           : c == '`'  ? "&#96;"
                                       : NULL;
        if (name != NULL) {
            buffer_append(out, bytes_slice(text, done, i));
            buffer_append_text(out, name);
            done = i + 1;
        }
    }
    buffer_append(out, bytes_slice(text, done, text.size));
}

/* The value as text; numbers in `room`. */
static struct bytes plain(const json_t *value, char room[40])
{
    switch (value == NULL ? JSON_NULL : json_typeof(value)) {
    case JSON_STRING:
        return bytes_of(json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        (void)snprintf(room, 40, "%lld", (long long)json_integer_value(value));
        return bytes_of_text(room);
    case JSON_REAL:
        (void)snprintf(room, 40, "%.15g", json_real_value(value));
        return bytes_of_text(room);
    case JSON_TRUE:
        return BYTES("true");
    case JSON_FALSE:
        return BYTES("false");
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return BYTES_NONE;
}

static bool time_of(const json_t *value, int64_t *time_ms)
{
    *time_ms = json_integer_value(value);
    return json_is_integer(value) ||
           (json_is_string(value) && time_parse(bytes_of(json_string_value(value), json_string_length(value)), time_ms));
}

static void append_day(struct buffer *out, const json_t *value, struct bytes text, const struct catalogue *texts)
{
    int64_t time_ms;
    if (time_of(value, &time_ms)) {
        catalogue_append_time(texts, time_ms, false, out);
    } else {
        format_escape(out, text);
    }
}

static void append_moment(struct buffer *out, const json_t *value, struct bytes text, const struct catalogue *texts)
{
    int64_t time_ms;
    if (time_of(value, &time_ms)) {
        catalogue_append_time(texts, time_ms, true, out);
    } else {
        format_escape(out, text);
    }
}

static void append_number(struct buffer *out, const json_t *value, struct bytes text, const struct catalogue *texts)
{
    if (json_is_integer(value)) {
        catalogue_append_number(texts, json_integer_value(value), out);
    } else {
        format_escape(out, text);
    }
}

/* One value of a query, or one segment of a path: RFC 3986 unreserved stand bare. */
static void append_url(struct buffer *out, const json_t *value, struct bytes text, const struct catalogue *texts)
{
    (void)value;
    (void)texts;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool is_bare = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       (c != '\0' && strchr("-._~", c) != NULL);
        buffer_append_format(out, is_bare ? "%c" : "%%%02X", c);
    }
}

/* What the vocabulary calls it, in English; of a word that it doesn't know the last part, apart where a capital stands: "VaccineLot" as "Vaccine lot". */
static void append_label(struct buffer *out, struct bytes iri)
{
    const struct vocabulary_term *term = vocabulary_find(iri);
    size_t begin = iri.size;
    if (term != NULL && term->label.size > 0) {
        format_escape(out, term->label);
        return;
    }
    while (begin > 0 && iri.data[begin - 1] != '#' && iri.data[begin - 1] != '/' && iri.data[begin - 1] != ':') {
        begin--;
    }
    for (size_t i = begin; i < iri.size; i++) {
        uint8_t c = iri.data[i];
        bool is_capital = c >= 'A' && c <= 'Z', is_new = i > begin && is_capital && iri.data[i - 1] >= 'a' && iri.data[i - 1] <= 'z';
        uint8_t small = is_new ? (uint8_t)(c - 'A' + 'a') : c;
        buffer_append_text(out, is_new ? " " : "");
        format_escape(out, bytes_of(&small, 1));
    }
}

static void append_term(struct buffer *out, const json_t *value, struct bytes text, const struct catalogue *texts)
{
    char key[KEY_BYTES_MAX];
    struct buffer brief;
    (void)value;
    buffer_init(&brief, 2 * (size_t)KEY_BYTES_MAX);
    iri_shorten(text, &brief);
    (void)snprintf(key, sizeof key, "term.%.*s", BYTES_FMT(bytes_slice(buffer_bytes(&brief), 0, KEY_BYTES_MAX - 16)));
    buffer_clear(&brief);
    struct bytes name = catalogue_text(texts, bytes_of_text(key), -1);
    bool is_foreign = !catalogue_has(texts, bytes_of_text(key)) && strcmp(catalogue_name(texts), "en") != 0;
    buffer_append_text(out, is_foreign ? "<bdi lang=\"en\">" : "");
    if (name.data != NULL) {
        format_escape(out, name);
    } else {
        append_label(out, text);
    }
    buffer_append_text(out, is_foreign ? "</bdi>" : "");
}

static const struct {
    struct bytes name;
    void (*append)(struct buffer *out, const json_t *value, struct bytes text, const struct catalogue *texts);
} formats[] = {
    { BYTES("date"), append_day }, { BYTES("time"), append_moment }, { BYTES("number"), append_number },
    { BYTES("url"), append_url },  { BYTES("term"), append_term },
};

static bool is_key_format(struct bytes format)
{
    return bytes_equal(format, BYTES("t")) || (bytes_start_with(format, BYTES("t.")) && format.size > 2);
}

bool format_is_known(struct bytes format)
{
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        if (bytes_equal(formats[i].name, format)) {
            return true;
        }
    }
    return is_key_format(format);
}

/* {{state:t.consent.state}}: the text named consent.state.VALUE; {{text:t}}: the one named VALUE. A value without one stands as it is. */
static void append_key(struct buffer *out, struct bytes format, struct bytes text, const struct catalogue *texts)
{
    char key[KEY_BYTES_MAX];
    struct bytes prefix = bytes_slice(format, 2, 2 + KEY_BYTES_MAX / 2);
    (void)snprintf(key, sizeof key, "%.*s%s%.*s", BYTES_FMT(prefix), prefix.size == 0 ? "" : ".",
                   BYTES_FMT(bytes_slice(text, 0, KEY_BYTES_MAX / 2 - 2)));
    struct bytes found = catalogue_text(texts, bytes_of_text(key), -1);
    format_escape(out, found.data == NULL ? text : found);
}

void format_append(struct buffer *out, const json_t *value, struct bytes format, const struct catalogue *texts)
{
    char room[40];
    struct bytes text = plain(value, room);
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        if (bytes_equal(formats[i].name, format)) {
            if (text.size > 0) {
                formats[i].append(out, value, text, texts);
            }
            return;
        }
    }
    if (is_key_format(format) && text.size > 0) {
        append_key(out, format, text, texts);
    } else {
        format_escape(out, text);
    }
}
