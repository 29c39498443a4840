#include "consent/json_form.h"

#include <stdlib.h>

#include "base/encode.h"
#include "directory/identifier.h"
#include "law/iri.h"

enum {
    LANGUAGE_SIZE_MAX = 35, /* RFC 5646 4.4.1 */
    USES_MAX = 1000000000,
    DIGEST_TEXT_SIZE = 2 * SHA256_SIZE,
};

static bool is_letter(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

const char *json_form_id_fault(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_letter(text.data[i]) && !is_digit(text.data[i]) && text.data[i] != '-' && text.data[i] != '_') {
            return "may have letters, digits, - and _ only";
        }
    }
    return NULL;
}

/* RFC 5646 2.1, its shape: a language of 2 to 8 letters, then subtags of 1 to 8 letters and digits. */
const char *json_form_language_fault(struct bytes text)
{
    struct bytes subtag, rest = text;
    bool is_first = true;
    while (bytes_split(&rest, '-', &subtag)) {
        if (subtag.size < (is_first ? 2 : 1) || subtag.size > 8) {
            return "is no language tag (BCP 47)";
        }
        for (size_t i = 0; i < subtag.size; i++) {
            if (!is_letter(subtag.data[i]) && (is_first || !is_digit(subtag.data[i]))) {
                return "is no language tag (BCP 47)";
            }
        }
        is_first = false;
    }
    return is_first || text.size > LANGUAGE_SIZE_MAX ? "is no language tag (BCP 47)" : NULL;
}

const char *json_form_country_fault(struct bytes text)
{
    bool is_code = text.size == 2 && text.data[0] >= 'A' && text.data[0] <= 'Z' && text.data[1] >= 'A' && text.data[1] <= 'Z';
    return is_code ? NULL : "is no country code of two capitals (ISO 3166-1)";
}

const char *json_form_iri_fault(struct bytes text)
{
    struct buffer full;
    buffer_init(&full, IRI_SIZE_MAX);
    bool is_full = iri_expand(text, &full) && bytes_equal(buffer_bytes(&full), text);
    buffer_clear(&full);
    return is_full ? NULL : "is no full IRI";
}

const char *json_form_url_fault(struct bytes text)
{
    return bytes_start_with(text, BYTES("https://")) || bytes_start_with(text, BYTES("http://")) ? json_form_iri_fault(text)
                                                                                                 : "must begin with https:// or http://";
}

const char *json_form_date_fault(struct bytes text)
{
    int64_t day;
    return period_parse_date(text, &day) ? NULL : "is no date like 2027-03-01";
}

/* Canonical, because decisions compare it by its bytes. */
static const char *identifier_fault(struct bytes text, size_t parts)
{
    struct identifier id;
    uint8_t storage[NOTICE_LINE_SIZE_MAX];
    struct buffer canonical;
    if (text.size > sizeof storage || !identifier_parse(text, parts, parts, storage, &id, NULL)) {
        return parts == 3 ? "is no member COMMUNITY/CLASS/MEMBER" : "is no service COMMUNITY/CLASS/MEMBER/SUBSYSTEM/SERVICE";
    }
    buffer_init(&canonical, 3 * NOTICE_LINE_SIZE_MAX);
    identifier_append(&canonical, &id);
    bool is_canonical = bytes_equal(buffer_bytes(&canonical), text);
    buffer_clear(&canonical);
    return is_canonical ? NULL : "is not in its canonical form (only what must be is percent-encoded, with capitals)";
}

const char *json_form_member_fault(struct bytes text)
{
    return identifier_fault(text, 3);
}

const char *json_form_service_fault(struct bytes text)
{
    return identifier_fault(text, 5);
}

/* ---- Members of an object ---- */

struct json_place json_form_inside(const struct json_place *at, const char *key)
{
    return (struct json_place){ .above = at, .key = key };
}

static bool check_fault(const struct json_source *s, const struct json_place *at, const char *fault)
{
    return fault == NULL || json_refuse(s, at, NULL, "%s", fault);
}

/* Absent and null: "". */
bool json_form_line(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                    enum json_presence presence, size_t size_max, json_form_fault *fault, struct bytes *out)
{
    struct json_place place = json_form_inside(at, key);
    return json_get_text(s, at, object, key, presence, size_max, out) &&
           (out->size == 0 || fault == NULL || check_fault(s, &place, fault(*out)));
}

/* An object with no other keys than these; NULL, and *ok true, when it is absent or null and may be. */
const json_t *json_form_object(const struct json_source *s, const struct json_place *place, const json_t *above,
                               enum json_presence presence, const char *const *keys, size_t key_count, bool *ok)
{
    const json_t *value = json_object_get(above, place->key);
    *ok = true;
    if (value == NULL && presence == JSON_REQUIRED) {
        *ok = json_refuse(s, place, "add it", "is missing");
        return NULL;
    }
    if (value == NULL || (presence == JSON_NULLABLE && json_is_null(value))) {
        return NULL;
    }
    *ok = json_check_object(s, place, value, keys, key_count);
    return *ok ? value : NULL;
}

bool json_form_list(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                    enum json_presence presence, size_t most, size_t size_max, json_form_fault *fault, struct notice_list *out)
{
    const json_t *array;
    struct json_place place = json_form_inside(at, key);
    if (!json_get_array(s, at, object, key, presence, presence == JSON_REQUIRED ? 1 : 0, most, &array, &out->count)) {
        return false;
    }
    struct bytes *items = json_take(s, out->count, sizeof *items);
    if (items == NULL) {
        return false;
    }
    for (size_t i = 0; i < out->count; i++) {
        struct json_place element = { .above = &place, .index = i };
        if (!json_read_text(s, &element, json_array_get(array, i), size_max, &items[i]) ||
            (fault != NULL && !check_fault(s, &element, fault(items[i])))) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(items[i], items[j])) {
                return json_refuse(s, &element, "list it once", "is the same as element %zu", j);
            }
        }
    }
    out->items = items;
    return true;
}

/* Free text: several lines are allowed, other control characters are not. */
static bool read_free_text(const struct json_source *s, const struct json_place *at, const json_t *value, struct bytes *out)
{
    struct bytes text = json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value)) : BYTES_NONE;
    if (text.size == 0 || text.size > NOTICE_TEXT_SIZE_MAX) {
        return json_refuse(s, at, NULL, "must be a text of 1 to %d bytes", NOTICE_TEXT_SIZE_MAX);
    }
    for (size_t i = 0; i < text.size; i++) {
        bool is_control = text.data[i] < 0x20 || text.data[i] == 0x7f;
        if (is_control && text.data[i] != '\n') {
            return json_refuse(s, at, "remove it", "has a control character");
        }
    }
    *out = arena_copy(s->memory, text);
    return out->data != NULL || json_no_memory(s);
}

static int compare_texts(const void *a, const void *b)
{
    return bytes_compare(((const struct notice_text *)a)->language, ((const struct notice_text *)b)->language);
}

/* { "zh": "...", "en": "..." }; absent or null: no text. */
bool json_form_texts(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                     struct notice_texts *out)
{
    const char *language;
    json_t *value;
    struct json_place place = json_form_inside(at, key);
    const json_t *texts = json_object_get(object, key);
    if (texts == NULL || json_is_null(texts)) {
        return true;
    }
    if (!json_is_object(texts) || json_object_size(texts) == 0 || json_object_size(texts) > NOTICE_LANGUAGES_MAX) {
        return json_refuse(s, &place, "write it like {\"en\": \"...\"}", "must be an object of 1 to %d languages", NOTICE_LANGUAGES_MAX);
    }
    struct notice_text *items = json_take(s, json_object_size(texts), sizeof *items);
    if (items == NULL) {
        return false;
    }
    json_object_foreach((json_t *)texts, language, value)
    {
        struct notice_text *item = &items[out->count];
        if (json_form_language_fault(bytes_of_text(language)) != NULL) {
            return json_refuse(s, &place, NULL, "\"%.40s\" is no language tag (BCP 47)", language);
        }
        struct json_place text = json_form_inside(&place, language);
        item->language = arena_copy(s->memory, bytes_of_text(language));
        if (item->language.data == NULL) {
            return json_no_memory(s);
        }
        if (!read_free_text(s, &text, value, &item->text)) {
            return false;
        }
        out->count++;
    }
    qsort(items, out->count, sizeof *items, compare_texts);
    out->items = items;
    return true;
}

bool json_form_number(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, uint64_t most,
                      uint64_t *out)
{
    const json_t *value = json_object_get(object, key);
    *out = 0;
    return value == NULL || json_is_null(value) || json_get_number(s, at, object, key, 1, most, out);
}

bool json_form_digest(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, bool *has,
                      uint8_t digest[SHA256_SIZE])
{
    struct bytes text;
    struct json_place place = json_form_inside(at, key);
    char again[DIGEST_TEXT_SIZE + 1];
    if (!json_get_text(s, at, object, key, JSON_NULLABLE, DIGEST_TEXT_SIZE, &text)) {
        return false;
    }
    *has = text.size > 0;
    if (!*has) {
        return true;
    }
    bool is_hex = hex_parse(text, digest, SHA256_SIZE);
    hex_write(bytes_of(digest, SHA256_SIZE), again);
    return (is_hex && bytes_equal(text, bytes_of(again, DIGEST_TEXT_SIZE))) ||
           json_refuse(s, &place, NULL, "must be a SHA-256 of 64 lower-case hex digits");
}

/* Whole seconds in UTC, so that a time has one form. */
bool json_form_time(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, bool *has,
                    int64_t *time_ms)
{
    const json_t *value = json_object_get(object, key);
    struct json_place place = json_form_inside(at, key);
    *has = value != NULL && !json_is_null(value);
    if (!*has) {
        return true;
    }
    struct bytes text = json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value)) : BYTES_NONE;
    if (text.size != strlen("2027-03-01T00:00:00Z") || text.data[text.size - 1] != 'Z') {
        return json_refuse(s, &place, "write it like 2027-03-01T00:00:00Z", "must be a time in UTC, in whole seconds");
    }
    return json_get_time(s, at, object, key, time_ms);
}

bool json_form_period(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, bool *has,
                      struct period *out)
{
    struct bytes text;
    struct json_place place = json_form_inside(at, key);
    if (!json_get_text(s, at, object, key, JSON_NULLABLE, PERIOD_TEXT_SIZE, &text)) {
        return false;
    }
    *has = text.size > 0;
    return !*has || period_parse(text, out) || json_refuse(s, &place, "write it like P30D or PT72H", "is no duration (ISO 8601)");
}

static bool read_frequency(const struct json_source *s, const struct json_place *above, const json_t *use, struct use_limits *out)
{
    static const char *const keys[] = { "max", "per", "total" };
    struct json_place at = json_form_inside(above, "frequency");
    bool ok, has_per;
    const json_t *frequency = json_form_object(s, &at, use, JSON_NULLABLE, keys, COUNT_OF(keys), &ok);
    if (!ok || frequency == NULL) {
        return ok;
    }
    if (!json_form_number(s, &at, frequency, "max", USES_MAX, &out->max) ||
        !json_form_period(s, &at, frequency, "per", &has_per, &out->per) ||
        !json_form_number(s, &at, frequency, "total", USES_MAX, &out->total)) {
        return false;
    }
    if (has_per != (out->max > 0) || (has_per && period_is_zero(out->per))) {
        return json_refuse(s, &at, "write both, like \"max\": 1, \"per\": \"P1D\"", "max and per belong together, and per is not zero");
    }
    return out->max > 0 || out->total > 0 || json_refuse(s, &at, "remove it", "limits nothing");
}

static bool read_range(const struct json_source *s, const struct json_place *above, const json_t *use, struct use_limits *out)
{
    static const char *const keys[] = { "from", "to" };
    struct json_place at = json_form_inside(above, "dataRange");
    bool ok;
    const json_t *range = json_form_object(s, &at, use, JSON_NULLABLE, keys, COUNT_OF(keys), &ok);
    if (!ok || range == NULL) {
        return ok;
    }
    if (!json_form_time(s, &at, range, "from", &out->has_from, &out->range_from_ms) ||
        !json_form_time(s, &at, range, "to", &out->has_to, &out->range_to_ms)) {
        return false;
    }
    return !out->has_from || !out->has_to || out->range_from_ms < out->range_to_ms || json_refuse(s, &at, NULL, "must end after it begins");
}

bool json_form_limits(const struct json_source *s, const struct json_place *at, const json_t *use, struct use_limits *out)
{
    struct bytes mode, fetch;
    struct json_place at_mode = json_form_inside(at, "mode"), at_fetch = json_form_inside(at, "fetch");
    if (!json_form_line(s, at, use, "mode", JSON_REQUIRED, NOTICE_LINE_SIZE_MAX, NULL, &mode) ||
        !json_form_line(s, at, use, "fetch", JSON_REQUIRED, NOTICE_LINE_SIZE_MAX, NULL, &fetch) || !read_frequency(s, at, use, out) ||
        !read_range(s, at, use, out)) {
        return false;
    }
    if (!use_mode_parse(mode, &out->mode)) {
        return json_refuse(s, &at_mode, NULL, "must be view, query, store or stream");
    }
    return use_fetch_parse(fetch, &out->fetch) || json_refuse(s, &at_fetch, NULL, "must be onetime or periodic");
}
