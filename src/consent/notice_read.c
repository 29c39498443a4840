/* Reading a notice revision: docs/formats/notices.md. Form only; what a law demands of it is notice_check.c's. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/time.h"
#include "consent/canonical_json.h"
#include "consent/notice.h"
#include "directory/identifier.h"
#include "directory/json_place.h"
#include "law/iri.h"

enum {
    NOTICE_INPUT_MAX = 4 * NOTICE_BYTES_MAX, /* white space and escapes may go */
    NOTICE_ARENA_MAX = 8 * NOTICE_INPUT_MAX,
    NOTICE_REVISION_MAX = 1000000,
    NOTICE_AGE_MAX = 150,
    NOTICE_LANGUAGE_SIZE_MAX = 35, /* RFC 5646 4.4.1 */
    NOTICE_USES_MAX = 1000000000,
    DIGEST_TEXT_SIZE = 2 * SHA256_SIZE,
};

/* A check of a text's form; NULL when it is good, else what is wrong with it. */
typedef const char *fault_of(struct bytes text);

static bool is_letter(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static const char *id_fault(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_letter(text.data[i]) && !is_digit(text.data[i]) && text.data[i] != '-' && text.data[i] != '_') {
            return "may have letters, digits, - and _ only";
        }
    }
    return NULL;
}

/* RFC 5646 2.1, its shape: a language of 2 to 8 letters, then subtags of 1 to 8 letters and digits. */
static const char *language_fault(struct bytes text)
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
    return is_first || text.size > NOTICE_LANGUAGE_SIZE_MAX ? "is no language tag (BCP 47)" : NULL;
}

static const char *country_fault(struct bytes text)
{
    bool is_code = text.size == 2 && text.data[0] >= 'A' && text.data[0] <= 'Z' && text.data[1] >= 'A' && text.data[1] <= 'Z';
    return is_code ? NULL : "is no country code of two capitals (ISO 3166-1)";
}

static const char *iri_fault(struct bytes text)
{
    struct buffer full;
    buffer_init(&full, IRI_SIZE_MAX);
    bool is_full = iri_expand(text, &full) && bytes_equal(buffer_bytes(&full), text);
    buffer_clear(&full);
    return is_full ? NULL : "is no full IRI";
}

static const char *url_fault(struct bytes text)
{
    return bytes_start_with(text, BYTES("https://")) || bytes_start_with(text, BYTES("http://")) ? iri_fault(text)
                                                                                                 : "must begin with https:// or http://";
}

static const char *date_fault(struct bytes text)
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

static const char *member_fault(struct bytes text)
{
    return identifier_fault(text, 3);
}

static const char *service_fault(struct bytes text)
{
    return identifier_fault(text, 5);
}

/* ---- Members of an object ---- */

static struct json_place inside(const struct json_place *at, const char *key)
{
    return (struct json_place){ .above = at, .key = key };
}

static bool check_fault(const struct json_source *s, const struct json_place *at, const char *fault)
{
    return fault == NULL || json_refuse(s, at, NULL, "%s", fault);
}

/* Absent and null: "". */
static bool get_line(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                     enum json_presence presence, size_t size_max, fault_of *fault, struct bytes *out)
{
    struct json_place place = inside(at, key);
    return json_get_text(s, at, object, key, presence, size_max, out) &&
           (out->size == 0 || fault == NULL || check_fault(s, &place, fault(*out)));
}

/* An object with no other keys than these; NULL, and *ok true, when it is absent or null and may be. */
static const json_t *get_object(const struct json_source *s, const struct json_place *place, const json_t *above,
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

static bool get_list(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                     enum json_presence presence, size_t most, size_t size_max, fault_of *fault, struct notice_list *out)
{
    const json_t *array;
    struct json_place place = inside(at, key);
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
static bool get_texts(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                      struct notice_texts *out)
{
    const char *language;
    json_t *value;
    struct json_place place = inside(at, key);
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
        if (language_fault(bytes_of_text(language)) != NULL) {
            return json_refuse(s, &place, NULL, "\"%.40s\" is no language tag (BCP 47)", language);
        }
        struct json_place text = inside(&place, language);
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

static bool get_number(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, uint64_t most,
                       uint64_t *out)
{
    const json_t *value = json_object_get(object, key);
    *out = 0;
    return value == NULL || json_is_null(value) || json_get_number(s, at, object, key, 1, most, out);
}

static bool get_digest(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, bool *has,
                       uint8_t digest[SHA256_SIZE])
{
    struct bytes text;
    struct json_place place = inside(at, key);
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
static bool get_time(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, bool *has,
                     int64_t *time_ms)
{
    const json_t *value = json_object_get(object, key);
    struct json_place place = inside(at, key);
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

static bool get_period(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, bool *has,
                       struct period *out)
{
    struct bytes text;
    struct json_place place = inside(at, key);
    if (!json_get_text(s, at, object, key, JSON_NULLABLE, PERIOD_TEXT_SIZE, &text)) {
        return false;
    }
    *has = text.size > 0;
    return !*has || period_parse(text, out) || json_refuse(s, &place, "write it like P30D or PT72H", "is no duration (ISO 8601)");
}

/* ---- The parts of a notice ---- */

static bool read_party(const struct json_source *s, const json_t *notice, const char *key, enum json_presence presence,
                       struct notice_party *out)
{
    static const char *const keys[] = { "member", "name", "contact", "address", "url", "country", "representative", "officer" };
    struct json_place at = inside(NULL, key);
    bool ok;
    const json_t *party = get_object(s, &at, notice, presence, keys, COUNT_OF(keys), &ok);
    return ok && (party == NULL || (get_line(s, &at, party, "member", presence, NOTICE_MEMBER_SIZE_MAX, member_fault, &out->member) &&
                                    get_texts(s, &at, party, "name", &out->name) &&
                                    get_line(s, &at, party, "contact", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, NULL, &out->contact) &&
                                    get_line(s, &at, party, "address", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, NULL, &out->address) &&
                                    get_line(s, &at, party, "url", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, url_fault, &out->url) &&
                                    get_line(s, &at, party, "country", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, country_fault, &out->country) &&
                                    get_texts(s, &at, party, "representative", &out->representative) &&
                                    get_line(s, &at, party, "officer", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, NULL, &out->officer)));
}

static bool read_purpose(const struct json_source *s, const json_t *notice, enum json_presence presence, struct notice *n)
{
    static const char *const keys[] = { "iri", "text", "descends" };
    struct json_place at = inside(NULL, "purpose");
    bool ok;
    const json_t *purpose = get_object(s, &at, notice, presence, keys, COUNT_OF(keys), &ok);
    return ok && (purpose == NULL || (get_line(s, &at, purpose, "iri", presence, NOTICE_IRI_SIZE_MAX, iri_fault, &n->purpose) &&
                                      get_texts(s, &at, purpose, "text", &n->purpose_text) &&
                                      json_get_flag(s, &at, purpose, "descends", &n->purpose_descends)));
}

static bool read_basis(const struct json_source *s, const json_t *notice, enum json_presence presence, struct notice *n)
{
    struct bytes word;
    struct json_place at = inside(NULL, "basis");
    if (!get_line(s, NULL, notice, "basis", presence, NOTICE_LINE_SIZE_MAX, NULL, &word) ||
        !get_texts(s, NULL, notice, "basisText", &n->basis_text)) {
        return false;
    }
    n->basis = BASIS_CONSENT;
    return word.size == 0 || law_basis_parse(word, &n->basis) || json_refuse(s, &at, NULL, "is no basis, such as consent");
}

static bool read_category(const struct json_source *s, const struct json_place *at, const json_t *value, struct notice_category *out)
{
    static const char *const keys[] = { "iri", "sensitive", "necessity", "necessityText", "impactText", "attributes" };
    struct bytes necessity;
    struct json_place place = inside(at, "necessity");
    if (!json_check_object(s, at, value, keys, COUNT_OF(keys)) ||
        !get_line(s, at, value, "iri", JSON_REQUIRED, NOTICE_IRI_SIZE_MAX, iri_fault, &out->iri) ||
        !json_get_flag(s, at, value, "sensitive", &out->is_sensitive) ||
        !get_line(s, at, value, "necessity", JSON_REQUIRED, NOTICE_LINE_SIZE_MAX, NULL, &necessity) ||
        !get_texts(s, at, value, "necessityText", &out->necessity) || !get_texts(s, at, value, "impactText", &out->impact) ||
        !get_list(s, at, value, "attributes", JSON_NULLABLE, NOTICE_LIST_MAX, NOTICE_LINE_SIZE_MAX, NULL, &out->attributes)) {
        return false;
    }
    out->is_required = bytes_equal(necessity, BYTES("required"));
    return out->is_required || bytes_equal(necessity, BYTES("optional")) || json_refuse(s, &place, NULL, "must be required or optional");
}

static bool read_categories(const struct json_source *s, const json_t *notice, enum json_presence presence, struct notice *n)
{
    const json_t *array;
    struct json_place at = inside(NULL, "categories");
    if (!json_get_array(s, NULL, notice, "categories", presence, presence == JSON_REQUIRED ? 1 : 0, NOTICE_CATEGORIES_MAX, &array,
                        &n->category_count)) {
        return false;
    }
    struct notice_category *categories = json_take(s, n->category_count, sizeof *categories);
    if (categories == NULL) {
        return false;
    }
    for (size_t i = 0; i < n->category_count; i++) {
        struct json_place element = { .above = &at, .index = i };
        if (!read_category(s, &element, json_array_get(array, i), &categories[i])) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(categories[i].iri, categories[j].iri)) {
                return json_refuse(s, &element, "list it once", "is the same category as element %zu", j);
            }
        }
    }
    n->categories = categories;
    return true;
}

static bool read_frequency(const struct json_source *s, const struct json_place *above, const json_t *use, struct use_limits *out)
{
    static const char *const keys[] = { "max", "per", "total" };
    struct json_place at = inside(above, "frequency");
    bool ok, has_per;
    const json_t *frequency = get_object(s, &at, use, JSON_NULLABLE, keys, COUNT_OF(keys), &ok);
    if (!ok || frequency == NULL) {
        return ok;
    }
    if (!get_number(s, &at, frequency, "max", NOTICE_USES_MAX, &out->max) || !get_period(s, &at, frequency, "per", &has_per, &out->per) ||
        !get_number(s, &at, frequency, "total", NOTICE_USES_MAX, &out->total)) {
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
    struct json_place at = inside(above, "dataRange");
    bool ok;
    const json_t *range = get_object(s, &at, use, JSON_NULLABLE, keys, COUNT_OF(keys), &ok);
    if (!ok || range == NULL) {
        return ok;
    }
    if (!get_time(s, &at, range, "from", &out->has_from, &out->range_from_ms) ||
        !get_time(s, &at, range, "to", &out->has_to, &out->range_to_ms)) {
        return false;
    }
    return !out->has_from || !out->has_to || out->range_from_ms < out->range_to_ms || json_refuse(s, &at, NULL, "must end after it begins");
}

static bool read_use(const struct json_source *s, const json_t *notice, enum json_presence presence, struct notice *n)
{
    static const char *const keys[] = { "mode", "fetch", "frequency", "dataRange" };
    struct bytes mode, fetch;
    struct json_place at = inside(NULL, "use");
    struct json_place at_mode = inside(&at, "mode"), at_fetch = inside(&at, "fetch");
    bool ok;
    const json_t *use = get_object(s, &at, notice, presence, keys, COUNT_OF(keys), &ok);
    if (!ok || use == NULL) {
        return ok;
    }
    if (!get_line(s, &at, use, "mode", JSON_REQUIRED, NOTICE_LINE_SIZE_MAX, NULL, &mode) ||
        !get_line(s, &at, use, "fetch", JSON_REQUIRED, NOTICE_LINE_SIZE_MAX, NULL, &fetch) || !read_frequency(s, &at, use, &n->use) ||
        !read_range(s, &at, use, &n->use)) {
        return false;
    }
    if (!use_mode_parse(mode, &n->use.mode)) {
        return json_refuse(s, &at_mode, NULL, "must be view, query, store or stream");
    }
    return use_fetch_parse(fetch, &n->use.fetch) || json_refuse(s, &at_fetch, NULL, "must be onetime or periodic");
}

static bool read_retention(const struct json_source *s, const json_t *notice, struct notice *n)
{
    static const char *const keys[] = { "recipientLife", "eraseAt" };
    struct json_place at = inside(NULL, "retention");
    bool ok;
    const json_t *retention = get_object(s, &at, notice, JSON_NULLABLE, keys, COUNT_OF(keys), &ok);
    return ok && (retention == NULL || (get_period(s, &at, retention, "recipientLife", &n->has_recipient_life, &n->recipient_life) &&
                                        get_time(s, &at, retention, "eraseAt", &n->has_erase_at, &n->erase_at_ms)));
}

static bool read_border(const struct json_source *s, const json_t *notice, struct notice *n)
{
    static const char *const keys[] = { "crosses", "instrument", "remedyText", "safeguardText" };
    struct json_place at = inside(NULL, "border");
    bool ok;
    const json_t *border = get_object(s, &at, notice, JSON_NULLABLE, keys, COUNT_OF(keys), &ok);
    return ok && (border == NULL ||
                  (json_get_flag(s, &at, border, "crosses", &n->crosses_border) &&
                   get_line(s, &at, border, "instrument", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, NULL, &n->instrument) &&
                   get_texts(s, &at, border, "remedyText", &n->remedy) && get_texts(s, &at, border, "safeguardText", &n->safeguard)));
}

static bool read_minor(const struct json_source *s, const json_t *notice, struct notice *n)
{
    static const char *const keys[] = { "allowed", "guardianRequiredBelow", "guardianText", "childText" };
    struct json_place at = inside(NULL, "minor");
    uint64_t age = 0;
    bool ok;
    const json_t *minor = get_object(s, &at, notice, JSON_NULLABLE, keys, COUNT_OF(keys), &ok);
    if (!ok || minor == NULL) {
        return ok;
    }
    ok = json_get_flag(s, &at, minor, "allowed", &n->allows_minor) &&
         get_number(s, &at, minor, "guardianRequiredBelow", NOTICE_AGE_MAX, &age) &&
         get_texts(s, &at, minor, "guardianText", &n->guardian_text) && get_texts(s, &at, minor, "childText", &n->child_text);
    n->guardian_below = (uint32_t)age;
    return ok;
}

static bool read_remedies(const struct json_source *s, const json_t *notice, struct notice *n)
{
    static const char *const withdrawal_keys[] = { "url", "text" };
    static const char *const rights_keys[] = { "url", "authority" };
    struct json_place at_withdrawal = inside(NULL, "withdrawal"), at_rights = inside(NULL, "rights");
    bool ok;
    const json_t *withdrawal = get_object(s, &at_withdrawal, notice, JSON_NULLABLE, withdrawal_keys, COUNT_OF(withdrawal_keys), &ok);
    if (!ok || (withdrawal != NULL &&
                !(get_line(s, &at_withdrawal, withdrawal, "url", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, url_fault, &n->withdrawal_url) &&
                  get_texts(s, &at_withdrawal, withdrawal, "text", &n->withdrawal)))) {
        return false;
    }
    const json_t *rights = get_object(s, &at_rights, notice, JSON_NULLABLE, rights_keys, COUNT_OF(rights_keys), &ok);
    return ok && (rights == NULL ||
                  (get_line(s, &at_rights, rights, "url", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, url_fault, &n->rights_url) &&
                   get_line(s, &at_rights, rights, "authority", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, url_fault, &n->authority_url)));
}

static bool read_dpia(const struct json_source *s, const json_t *notice, struct notice *n)
{
    static const char *const keys[] = { "ref", "date" };
    struct json_place at = inside(NULL, "dpia");
    bool ok;
    const json_t *dpia = get_object(s, &at, notice, JSON_NULLABLE, keys, COUNT_OF(keys), &ok);
    return ok && (dpia == NULL || (get_line(s, &at, dpia, "ref", JSON_REQUIRED, NOTICE_LINE_SIZE_MAX, NULL, &n->dpia_ref) &&
                                   get_line(s, &at, dpia, "date", JSON_REQUIRED, NOTICE_LINE_SIZE_MAX, date_fault, &n->dpia_date)));
}

/* What says which revision this is, and whether it is more than a draft. */
static bool read_head(const struct json_source *s, const json_t *notice, struct notice *n)
{
    struct bytes lifecycle;
    struct json_place at = inside(NULL, "lifecycle");
    uint64_t version, revision = 0;
    bool has_time;
    if (!json_get_number(s, NULL, notice, "v", 1, 1, &version) ||
        !get_line(s, NULL, notice, "id", JSON_REQUIRED, NOTICE_ID_SIZE_MAX, id_fault, &n->id) ||
        !json_get_number(s, NULL, notice, "revision", 1, NOTICE_REVISION_MAX, &revision) ||
        !get_digest(s, NULL, notice, "prevSha256", &n->has_prev, n->prev) ||
        !get_digest(s, NULL, notice, "equivalentTo", &n->has_equivalent, n->equivalent) ||
        !get_line(s, NULL, notice, "lifecycle", JSON_REQUIRED, NOTICE_LINE_SIZE_MAX, NULL, &lifecycle) ||
        !json_get_flag(s, NULL, notice, "active", &n->is_active) ||
        !get_time(s, NULL, notice, "publishedAt", &has_time, &n->published_at_ms) ||
        !get_line(s, NULL, notice, "publishedBy", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, NULL, &n->published_by)) {
        return false;
    }
    n->revision = (uint32_t)revision;
    n->lifecycle = bytes_equal(lifecycle, BYTES("complete")) ? NOTICE_COMPLETE : NOTICE_DRAFT;
    return n->lifecycle == NOTICE_COMPLETE || bytes_equal(lifecycle, BYTES("draft")) ||
           json_refuse(s, &at, NULL, "must be draft or complete");
}

static bool read_members(const struct json_source *s, const json_t *notice, struct notice *n)
{
    if (!read_head(s, notice, n)) {
        return false;
    }
    enum json_presence core = n->lifecycle == NOTICE_COMPLETE ? JSON_REQUIRED : JSON_NULLABLE;
    return get_line(s, NULL, notice, "law", core, LAW_ID_SIZE_MAX, id_fault, &n->law) &&
           get_list(s, NULL, notice, "jurisdiction", JSON_NULLABLE, NOTICE_LIST_MAX, NOTICE_IRI_SIZE_MAX, iri_fault, &n->jurisdictions) &&
           read_party(s, notice, "holder", core, &n->holder) && read_party(s, notice, "recipient", core, &n->recipient) &&
           read_purpose(s, notice, core, n) && read_basis(s, notice, core, n) &&
           get_list(s, NULL, notice, "service", JSON_NULLABLE, NOTICE_LIST_MAX, NOTICE_LINE_SIZE_MAX, service_fault, &n->services) &&
           read_categories(s, notice, core, n) &&
           get_list(s, NULL, notice, "processing", JSON_NULLABLE, NOTICE_LIST_MAX, NOTICE_IRI_SIZE_MAX, iri_fault, &n->processing) &&
           get_texts(s, NULL, notice, "method", &n->method) && json_get_flag(s, NULL, notice, "automatedDecision", &n->is_automated) &&
           get_texts(s, NULL, notice, "automatedText", &n->automated_text) &&
           get_list(s, NULL, notice, "onward", JSON_NULLABLE, NOTICE_LIST_MAX, NOTICE_MEMBER_SIZE_MAX, member_fault, &n->onward) &&
           read_use(s, notice, core, n) && read_retention(s, notice, n) &&
           get_list(s, NULL, notice, "storage", JSON_NULLABLE, NOTICE_LIST_MAX, NOTICE_LINE_SIZE_MAX, country_fault, &n->storage) &&
           get_period(s, NULL, notice, "maxValidity", &n->has_max_validity, &n->max_validity) && read_border(s, notice, n) &&
           read_minor(s, notice, n) && read_remedies(s, notice, n) && get_texts(s, NULL, notice, "refusalEffect", &n->refusal_effect) &&
           get_texts(s, NULL, notice, "obligationText", &n->obligation) && get_texts(s, NULL, notice, "sourceText", &n->source) &&
           read_dpia(s, notice, n) &&
           get_list(s, NULL, notice, "languages", core, NOTICE_LANGUAGES_MAX, NOTICE_LINE_SIZE_MAX, language_fault, &n->languages);
}

static bool read_notice(const json_t *value, struct notice *n, struct error *e)
{
    static const char *const keys[] = {
        "v",
        "id",
        "revision",
        "prevSha256",
        "equivalentTo",
        "lifecycle",
        "active",
        "law",
        "jurisdiction",
        "holder",
        "recipient",
        "purpose",
        "basis",
        "basisText",
        "service",
        "categories",
        "processing",
        "method",
        "automatedDecision",
        "automatedText",
        "onward",
        "use",
        "retention",
        "storage",
        "maxValidity",
        "border",
        "minor",
        "withdrawal",
        "rights",
        "refusalEffect",
        "obligationText",
        "sourceText",
        "dpia",
        "languages",
        "publishedAt",
        "publishedBy",
    };
    const struct json_source s = { .memory = &n->arena, .where = "notice", .e = e, .writes_pointers = true };
    struct buffer text;
    if (!json_check_object(&s, NULL, value, keys, COUNT_OF(keys)) || !read_members(&s, value, n)) {
        return false;
    }
    buffer_init(&text, NOTICE_BYTES_MAX);
    bool ok = canonical_json_write(value, "notice", &text, e);
    if (ok) {
        n->text = arena_copy(&n->arena, buffer_bytes(&text));
        ok = n->text.data != NULL || error_memory(e, "notice");
    }
    buffer_clear(&text);
    if (ok) {
        sha256(n->text, n->digest);
    }
    return ok;
}

bool notice_read(struct notice **out, const json_t *value, struct error *e)
{
    *out = NULL;
    struct notice *notice = calloc(1, sizeof *notice);
    if (notice == NULL) {
        return error_memory(e, "notice");
    }
    atomic_init(&notice->reference_count, 1);
    notice->arena.size_max = NOTICE_ARENA_MAX;
    if (!read_notice(value, notice, e)) {
        notice_drop(notice);
        return false;
    }
    *out = notice;
    return true;
}

bool notice_parse(struct notice **out, struct bytes json, struct error *e)
{
    json_error_t fault;
    *out = NULL;
    if (json.size > NOTICE_INPUT_MAX) {
        return error_set(e, ERROR_INPUT, "notice", "shorten it", "is longer than %d bytes", NOTICE_INPUT_MAX);
    }
    json_t *value = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, &fault);
    if (value == NULL) {
        return error_set(e, ERROR_INPUT, "notice", NULL, "line %d, column %d: %s", fault.line, fault.column, fault.text);
    }
    bool ok = notice_read(out, value, e);
    json_decref(value);
    return ok;
}
