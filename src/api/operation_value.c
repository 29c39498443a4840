/* Reading requests and writing answers of operations. */
#include "api/operation_internal.h"

#include "base/encode.h"
#include "base/time.h"
#include "directory/identifier.h"
#include "law/iri.h"

bool operation_check_keys(const json_t *request, const char *const *keys, size_t count, struct error *e)
{
    const char *key;
    json_t *value;
    if (request != NULL && !json_is_object(request)) {
        return error_set(e, ERROR_INPUT, "request", NULL, "is no JSON object");
    }
    json_object_foreach((json_t *)request, key, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < count; i++) {
            is_known = is_known || strcmp(key, keys[i]) == 0;
        }
        if (!is_known) {
            return error_set(e, ERROR_INPUT, "request", NULL, "unknown key '%.40s'", key);
        }
    }
    return true;
}

bool operation_get_text(const json_t *request, const char *key, bool may_be_absent, size_t max, struct bytes *out, struct error *e)
{
    const json_t *value = json_object_get(request, key);
    *out = BYTES_NONE;
    if (value == NULL && may_be_absent) {
        return true;
    }
    if (!json_is_string(value)) {
        return error_set(e, ERROR_INPUT, key, NULL, "must be a text");
    }
    *out = bytes_of(json_string_value(value), json_string_length(value));
    if (out->size == 0 || out->size > max) {
        return error_set(e, ERROR_INPUT, key, NULL, "must have 1 to %zu bytes", max);
    }
    return true;
}

bool operation_get_iri(const json_t *value, const char *where, struct buffer *out, struct error *e)
{
    struct bytes text = bytes_of(json_string_value(value), json_is_string(value) ? json_string_length(value) : 0);
    if (text.size == 0 || text.size > OPERATION_IRI_BYTES_MAX || !iri_expand(text, out) || out->failed) {
        return error_set(e, ERROR_INPUT, where,
                         "write a full IRI, or one with a known prefix: dpv:, pd:, health:, fin:, pub:, comity:", "'%.*s' is no IRI",
                         (int)(text.size > 80 ? 80 : text.size), text.size == 0 ? "" : (const char *)text.data);
    }
    return true;
}

bool operation_get_time(const json_t *request, const char *key, int64_t *out, struct error *e)
{
    struct bytes text;
    if (!operation_get_text(request, key, true, 64, &text, e)) {
        return false;
    }
    return text.size == 0 || time_parse(text, out) || error_set(e, ERROR_INPUT, key, "write it as 2027-03-01T00:00:00Z", "is no time");
}

bool operation_get_digest(const json_t *request, const char *key, bool *has, uint8_t out[SHA256_SIZE], struct error *e)
{
    struct bytes text;
    if (!operation_get_text(request, key, true, 2 * SHA256_SIZE, &text, e)) {
        return false;
    }
    *has = text.size > 0;
    return !*has || (text.size == 2 * SHA256_SIZE && hex_parse(text, out, SHA256_SIZE)) ||
           error_set(e, ERROR_INPUT, key, "write the 64 hexadecimal digits of a SHA-256", "is no digest");
}

bool operation_get_member(struct bytes text, const char *where, struct buffer *out, struct error *e)
{
    struct identifier id;
    uint8_t storage[OPERATION_IDENTIFIER_BYTES_MAX];
    struct error cause = { 0 };
    if (text.size > sizeof storage || !identifier_parse(text, 3, 3, storage, &id, &cause)) {
        return error_set(e, ERROR_INPUT, where, "write COMMUNITY/CLASS/MEMBER", "is no member: %s", cause.what);
    }
    identifier_append(out, &id);
    return !out->failed || error_memory(e, where);
}

bool operation_get_act(const json_t *request, enum consent_role role, struct consent_act *out, struct error *e)
{
    struct bytes by, method, assurance;
    *out = (struct consent_act){ .role = role };
    if (!operation_get_text(request, "by", true, 32, &by, e) || !operation_get_text(request, "by_ref", true, 128, &out->ref, e) ||
        !operation_get_digest(request, "evidence", &out->has_evidence, out->evidence, e) ||
        !operation_get_text(request, "method", true, 32, &method, e) ||
        !operation_get_text(request, "language", true, 64, &out->language, e) ||
        !operation_get_text(request, "assurance", true, 32, &assurance, e)) {
        return false;
    }
    if (by.size > 0 && !consent_role_parse(by, &out->role)) {
        return error_set(e, ERROR_INPUT, "by", NULL, "must be person, guardian, relative, delegate, authority or system");
    }
    if (method.size > 0 && !consent_method_parse(method, &out->method)) {
        return error_set(e, ERROR_INPUT, "method", NULL, "must be portal, kiosk, paper, voice, ussd or api");
    }
    return assurance.size == 0 || consent_assurance_parse(assurance, &out->assurance) ||
           error_set(e, ERROR_INPUT, "assurance", NULL, "must be low, substantial or high");
}

json_t *operation_text(struct bytes view)
{
    return view.size == 0 || !bytes_are_utf8(view) ? json_null() : json_stringn((const char *)view.data, view.size);
}

json_t *operation_time(int64_t time_ms)
{
    char text[TIME_TEXT_SIZE];
    return json_string(time_text(time_ms, text));
}

json_t *operation_receipt(const struct consent_receipt *receipt)
{
    return json_pack("{s:o, s:b, s:I, s:o}", "id", operation_text(bytes_of_text(receipt->id)), "changed", receipt->is_changed, "records",
                     (json_int_t)receipt->changed, "log_index",
                     receipt->log_index != UINT64_MAX ? json_integer((json_int_t)receipt->log_index) : json_null());
}
