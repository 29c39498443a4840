#include "directory/directory_internal.h"

#include <stdlib.h>

#include "base/encode.h"
#include "directory/identifier_internal.h"

enum { VKEY_SIZE_MAX = KEY_NAME_SIZE_MAX + 64 };

static struct json_place element(const struct json_place *at, size_t index)
{
    return (struct json_place){ .above = at, .index = index };
}

/* A code of an identifier: what may be registered, and nothing else. */
static bool get_code(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, struct bytes *out)
{
    if (!json_get_text(s, at, object, key, JSON_REQUIRED, IDENTIFIER_PART_SIZE_MAX, out)) {
        return false;
    }
    const char *fault = identifier_part_fault(*out);
    struct json_place place = { .above = at, .key = key };
    return fault == NULL || json_refuse(s, &place, "choose a code of letters, digits and -.", "%s", fault);
}

static bool read_key(const struct json_source *s, const struct json_place *at, const json_t *value, struct verifier *out)
{
    struct bytes text;
    struct error cause;
    if (!json_read_text(s, at, value, VKEY_SIZE_MAX, &text)) {
        return false;
    }
    if (!verifier_parse(out, text, "", &cause)) {
        return json_refuse(s, at, cause.todo, "%s", cause.what);
    }
    return out->type == SIGNATURE_ED25519 || json_refuse(s, at, "use the key that signs notes", "is a key for cosignatures");
}

/* Who must sign: `threshold` of `keys`, each another key. */
static bool read_operators(const struct json_source *s, const struct json_place *at, const json_t *object, const char *keys_key,
                           struct verifier **operators, size_t *count, size_t *threshold)
{
    const json_t *array;
    struct json_place place = { .above = at, .key = keys_key };
    uint64_t number = 0;
    if (!json_get_array(s, at, object, keys_key, JSON_REQUIRED, 1, DIRECTORY_OPERATORS_MAX, &array, count) ||
        !json_get_number(s, at, object, "threshold", 1, *count, &number)) {
        return false;
    }
    *threshold = (size_t)number;
    struct verifier *keys = json_take(s, *count, sizeof *keys);
    if (keys == NULL) {
        return false;
    }
    for (size_t i = 0; i < *count; i++) {
        struct json_place key = element(&place, i);
        if (!read_key(s, &key, json_array_get(array, i), &keys[i])) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (memcmp(keys[i].public_key, keys[j].public_key, sizeof keys[i].public_key) == 0) {
                return json_refuse(s, &key, "list each key once", "is the same key as element %zu", j);
            }
        }
    }
    *operators = keys;
    return true;
}

static bool is_host(struct bytes host)
{
    bool is_bracketed = host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    struct bytes inside = is_bracketed ? bytes_slice(host, 1, host.size - 1) : host;
    for (size_t i = 0; i < inside.size; i++) {
        uint8_t byte = inside.data[i];
        bool is_hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
        bool is_name = is_hex || (byte >= 'g' && byte <= 'z') || (byte >= 'G' && byte <= 'Z') || byte == '-' || byte == '.' || byte == '_';
        if (is_bracketed ? !(is_hex || byte == ':' || byte == '.') : !is_name) {
            return false;
        }
    }
    return inside.size > 0;
}

/* "host:port" or "[IPv6]:port". */
static bool is_address(struct bytes address)
{
    uint64_t port = 0;
    size_t colon = address.size;
    while (colon > 0 && address.data[colon - 1] != ':') {
        colon--;
    }
    return colon > 1 && is_host(bytes_slice(address, 0, colon - 1)) && bytes_to_u64(bytes_slice(address, colon, address.size), &port) &&
           port >= 1 && port <= 65535;
}

static bool read_addresses(const struct json_source *s, const struct json_place *at, const json_t *object, struct directory_gateway *g)
{
    const json_t *array;
    struct json_place place = { .above = at, .key = "addresses" };
    if (!json_get_array(s, at, object, place.key, JSON_REQUIRED, 0, DIRECTORY_ADDRESSES_MAX, &array, &g->address_count)) {
        return false;
    }
    g->addresses = json_take(s, g->address_count, sizeof *g->addresses);
    if (g->addresses == NULL) {
        return false;
    }
    for (size_t i = 0; i < g->address_count; i++) {
        struct json_place address = element(&place, i);
        if (!json_read_text(s, &address, json_array_get(array, i), DIRECTORY_ADDRESS_SIZE_MAX, &g->addresses[i])) {
            return false;
        }
        if (!is_address(g->addresses[i])) {
            return json_refuse(s, &address, "write host:port or [IPv6]:port", "is not an address with a port");
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(g->addresses[i], g->addresses[j])) {
                return json_refuse(s, &address, "list each address once", "is the same address as element %zu", j);
            }
        }
    }
    return true;
}

static bool read_pins(const struct json_source *s, const struct json_place *at, const json_t *object, struct directory_gateway *g)
{
    const json_t *array;
    struct json_place place = { .above = at, .key = "tls_pins" };
    if (!json_get_array(s, at, object, place.key, JSON_REQUIRED, 1, DIRECTORY_PINS_MAX, &array, &g->tls_pin_count)) {
        return false;
    }
    g->tls_pins = json_take(s, g->tls_pin_count, sizeof *g->tls_pins);
    if (g->tls_pins == NULL) {
        return false;
    }
    for (size_t i = 0; i < g->tls_pin_count; i++) {
        struct bytes text;
        size_t size = 0;
        struct json_place pin = element(&place, i);
        if (!json_read_text(s, &pin, json_array_get(array, i), BASE64_SIZE(PIN_SIZE), &text)) {
            return false;
        }
        if (!base64_parse(text, g->tls_pins[i], PIN_SIZE, &size) || size != PIN_SIZE) {
            return json_refuse(s, &pin, NULL, "is not the base64 of %d bytes", PIN_SIZE);
        }
    }
    return true;
}

static bool read_gateway(const struct json_source *s, const struct json_place *at, const json_t *object, struct directory_gateway *g)
{
    static const char *const keys[] = { "code", "addresses", "statement_key", "tls_pins", "maintenance" };
    struct json_place key = { .above = at, .key = "statement_key" };
    if (!json_check_object(s, at, object, keys, COUNT_OF(keys)) || !get_code(s, at, object, "code", &g->code) ||
        !read_addresses(s, at, object, g)) {
        return false;
    }
    const json_t *value = json_object_get(object, key.key);
    if (value == NULL) {
        return json_refuse(s, &key, "add it", "is missing");
    }
    return read_key(s, &key, value, &g->statement_key) && read_pins(s, at, object, g) &&
           json_get_flag(s, at, object, "maintenance", &g->in_maintenance);
}

static bool read_gateways(const struct json_source *s, const struct json_place *at, const json_t *object, struct directory_member *m)
{
    const json_t *array;
    struct json_place place = { .above = at, .key = "gateways" };
    if (!json_get_array(s, at, object, place.key, JSON_OPTIONAL, 0, DIRECTORY_GATEWAYS_MAX, &array, &m->gateway_count)) {
        return false;
    }
    m->gateways = json_take(s, m->gateway_count, sizeof *m->gateways);
    if (m->gateways == NULL) {
        return false;
    }
    for (size_t i = 0; i < m->gateway_count; i++) {
        struct json_place gateway = element(&place, i);
        m->gateways[i].member = m;
        if (!read_gateway(s, &gateway, json_array_get(array, i), &m->gateways[i])) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(m->gateways[i].code, m->gateways[j].code)) {
                return json_refuse(s, &gateway, "choose another code", "has the same code as element %zu", j);
            }
        }
    }
    return true;
}

static const struct directory_gateway *find_gateway(const struct directory_member *m, struct bytes code)
{
    for (size_t i = 0; i < m->gateway_count; i++) {
        if (bytes_equal(m->gateways[i].code, code)) {
            return &m->gateways[i];
        }
    }
    return NULL;
}

/* Which of its member's gateways serve a subsystem. Absent: all; an empty list would be read so by one and as "none" by another. */
static bool read_served_by(const struct json_source *s, const struct json_place *at, const json_t *object, struct directory_subsystem *sub)
{
    const json_t *array;
    struct json_place place = { .above = at, .key = "gateways" };
    if (!json_get_array(s, at, object, place.key, JSON_OPTIONAL, 1, DIRECTORY_GATEWAYS_MAX, &array, &sub->gateway_count)) {
        return false;
    }
    sub->gateways = json_take(s, sub->gateway_count, sizeof *sub->gateways);
    if (sub->gateways == NULL) {
        return false;
    }
    for (size_t i = 0; i < sub->gateway_count; i++) {
        struct bytes code;
        struct json_place gateway = element(&place, i);
        if (!json_read_text(s, &gateway, json_array_get(array, i), IDENTIFIER_PART_SIZE_MAX, &code)) {
            return false;
        }
        sub->gateways[i] = find_gateway(sub->member, code);
        if (sub->gateways[i] == NULL) {
            return json_refuse(s, &gateway, "name the code of one of the member's gateways", "the member has no such gateway");
        }
        for (size_t j = 0; j < i; j++) {
            if (sub->gateways[i] == sub->gateways[j]) {
                return json_refuse(s, &gateway, "list each gateway once", "is the same gateway as element %zu", j);
            }
        }
    }
    return true;
}

static bool read_subsystems(const struct json_source *s, const struct json_place *at, const json_t *object, struct directory_member *m)
{
    static const char *const keys[] = { "code", "name", "gateways" };
    const json_t *array;
    struct json_place place = { .above = at, .key = "subsystems" };
    if (!json_get_array(s, at, object, place.key, JSON_OPTIONAL, 0, DIRECTORY_SUBSYSTEMS_MAX, &array, &m->subsystem_count)) {
        return false;
    }
    m->subsystems = json_take(s, m->subsystem_count, sizeof *m->subsystems);
    if (m->subsystems == NULL) {
        return false;
    }
    for (size_t i = 0; i < m->subsystem_count; i++) {
        struct json_place subsystem = element(&place, i);
        const json_t *value = json_array_get(array, i);
        struct directory_subsystem *sub = &m->subsystems[i];
        sub->member = m;
        if (!json_check_object(s, &subsystem, value, keys, COUNT_OF(keys)) || !get_code(s, &subsystem, value, "code", &sub->code) ||
            !json_get_text(s, &subsystem, value, "name", JSON_OPTIONAL, DIRECTORY_NAME_SIZE_MAX, &sub->name) ||
            !read_served_by(s, &subsystem, value, sub)) {
            return false;
        }
    }
    return true;
}

/* ---- Law ---- */

static const struct {
    const char *word;
    uint32_t trait;
} traits[DIRECTORY_TRAITS] = { { "state_organ", DIRECTORY_STATE_ORGAN }, { "critical", DIRECTORY_CRITICAL } };

const char *directory_trait_word(uint32_t trait)
{
    for (size_t i = 0; i < COUNT_OF(traits); i++) {
        if (traits[i].trait == trait) {
            return traits[i].word;
        }
    }
    return "unknown";
}

bool directory_trait_parse(struct bytes word, uint32_t *trait)
{
    for (size_t i = 0; i < COUNT_OF(traits); i++) {
        if (bytes_equal(word, bytes_of_text(traits[i].word))) {
            *trait = traits[i].trait;
            return true;
        }
    }
    return false;
}

static bool read_traits(const struct json_source *s, const struct json_place *at, const json_t *object, struct directory_member *m)
{
    const json_t *array;
    size_t count;
    struct json_place place = { .above = at, .key = "traits" };
    if (!json_get_array(s, at, object, place.key, JSON_OPTIONAL, 1, DIRECTORY_TRAITS, &array, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct bytes word;
        uint32_t trait;
        struct json_place element_place = element(&place, i);
        if (!json_read_text(s, &element_place, json_array_get(array, i), 32, &word)) {
            return false;
        }
        if (!directory_trait_parse(word, &trait)) {
            return json_refuse(s, &element_place, "allowed: state_organ, critical", "is no trait");
        }
        if ((m->traits & trait) != 0) {
            return json_refuse(s, &element_place, "list each trait once", "is there already");
        }
        m->traits |= trait;
    }
    return true;
}

static bool read_country(const struct json_source *s, const json_t *root, struct directory *d)
{
    struct json_place place = { .key = "country" };
    if (!json_get_text(s, NULL, root, place.key, JSON_OPTIONAL, 2, &d->country)) {
        return false;
    }
    for (size_t i = 0; i < d->country.size; i++) {
        if (d->country.data[i] < 'A' || d->country.data[i] > 'Z') {
            return json_refuse(s, &place, "write two capital letters (ISO 3166-1 alpha-2), such as KE", "is not a country's code");
        }
    }
    return d->country.size != 1 ||
           json_refuse(s, &place, "write two capital letters (ISO 3166-1 alpha-2), such as KE", "is not a country's code");
}

/* An id as profiles have it: letters, digits, '-', '_' and '.', beginning with a letter or digit. */
static bool is_law_word(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        bool is_plain = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_';
        if (!is_plain && !(i > 0 && (byte == '-' || byte == '.'))) {
            return false;
        }
    }
    return text.size > 0;
}

static bool read_law(const struct json_source *s, const json_t *root, struct directory *d)
{
    static const char *const keys[] = { "id", "version", "digest" };
    struct json_place at = { .key = "law" };
    struct json_place id = { .above = &at, .key = "id" }, version = { .above = &at, .key = "version" },
                      digest = { .above = &at, .key = "digest" };
    struct bytes hex;
    char canonical[2 * SHA256_SIZE + 1];
    const json_t *object = json_object_get(root, at.key);
    if (object == NULL) {
        return true;
    }
    if (!json_check_object(s, &at, object, keys, COUNT_OF(keys)) ||
        !json_get_text(s, &at, object, "id", JSON_REQUIRED, DIRECTORY_LAW_ID_SIZE_MAX, &d->law_id) ||
        !json_get_text(s, &at, object, "version", JSON_REQUIRED, DIRECTORY_LAW_ID_SIZE_MAX, &d->law_version) ||
        !json_get_text(s, &at, object, "digest", JSON_REQUIRED, 2 * SHA256_SIZE, &hex)) {
        return false;
    }
    if (!is_law_word(d->law_id)) {
        return json_refuse(s, &id, "use letters, digits, - _ and .", "is not the id of a law profile");
    }
    if (!is_law_word(d->law_version)) {
        return json_refuse(s, &version, "write the profile's date, such as 2026-11-24", "is not the version of a law profile");
    }
    if (!hex_parse(hex, d->law_digest, SHA256_SIZE)) {
        return json_refuse(s, &digest, "write the SHA-256 of the profile's text as 64 hex digits", "is not a digest");
    }
    hex_write(bytes_of(d->law_digest, SHA256_SIZE), canonical);
    if (!bytes_equal(hex, bytes_of_text(canonical))) {
        return json_refuse(s, &digest, "write it in small letters", "is not a digest");
    }
    d->has_law = true;
    return true;
}

static bool read_members(const struct json_source *s, const json_t *root, struct directory *d)
{
    static const char *const keys[] = { "class", "code", "name", "traits", "subsystems", "gateways" };
    const json_t *array;
    struct json_place place = { .key = "members" };
    if (!json_get_array(s, NULL, root, place.key, JSON_REQUIRED, 0, DIRECTORY_MEMBERS_MAX, &array, &d->member_count)) {
        return false;
    }
    d->members = json_take(s, d->member_count, sizeof *d->members);
    if (d->members == NULL) {
        return false;
    }
    for (size_t i = 0; i < d->member_count; i++) {
        struct json_place member = element(&place, i);
        const json_t *value = json_array_get(array, i);
        struct directory_member *m = &d->members[i];
        m->directory = d;
        /* Gateways before subsystems, which name them. */
        if (!json_check_object(s, &member, value, keys, COUNT_OF(keys)) || !get_code(s, &member, value, "class", &m->class_code) ||
            !get_code(s, &member, value, "code", &m->code) ||
            !json_get_text(s, &member, value, "name", JSON_OPTIONAL, DIRECTORY_NAME_SIZE_MAX, &m->name) ||
            !read_traits(s, &member, value, m) || !read_gateways(s, &member, value, m) || !read_subsystems(s, &member, value, m)) {
            return false;
        }
    }
    return true;
}

static bool read_validity(const struct json_source *s, const struct json_place *at, const json_t *object, int64_t *from_ms,
                          int64_t *until_ms)
{
    struct json_place place = { .above = at, .key = "valid_until" };
    if (!json_get_time(s, at, object, "valid_from", from_ms) || !json_get_time(s, at, object, "valid_until", until_ms)) {
        return false;
    }
    return *from_ms < *until_ms || json_refuse(s, &place, NULL, "must be later than valid_from");
}

static bool read_recognised(const struct json_source *s, const json_t *root, struct directory *d)
{
    static const char *const keys[] = { "community", "threshold", "operators", "valid_from", "valid_until" };
    const json_t *array;
    struct json_place place = { .key = "recognised" };
    if (!json_get_array(s, NULL, root, place.key, JSON_OPTIONAL, 0, DIRECTORY_RECOGNISED_MAX, &array, &d->recognised_count)) {
        return false;
    }
    d->recognised = json_take(s, d->recognised_count, sizeof *d->recognised);
    if (d->recognised == NULL) {
        return false;
    }
    for (size_t i = 0; i < d->recognised_count; i++) {
        struct json_place at = element(&place, i);
        const json_t *value = json_array_get(array, i);
        struct directory_recognition *r = &d->recognised[i];
        if (!json_check_object(s, &at, value, keys, COUNT_OF(keys)) || !get_code(s, &at, value, "community", &r->community) ||
            !read_operators(s, &at, value, "operators", &r->operators, &r->operator_count, &r->threshold) ||
            !read_validity(s, &at, value, &r->valid_from_ms, &r->valid_until_ms)) {
            return false;
        }
        if (bytes_equal(r->community, d->community)) {
            return json_refuse(s, &at, "remove it", "a community doesn't recognise itself");
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(r->community, d->recognised[j].community)) {
                return json_refuse(s, &at, "recognise each community once", "names the same community as element %zu", j);
            }
        }
    }
    return true;
}

static bool read_directory(const struct json_source *s, const json_t *root, struct directory *d)
{
    static const char *const keys[] = { "comity_directory", "community",   "country",   "law",     "serial",
                                        "valid_from",       "valid_until", "operators", "members", "recognised" };
    static const char *const operators_keys[] = { "threshold", "keys" };
    struct json_place operators = { .key = "operators" };
    uint64_t version = 0;
    /* The version first: a later format may have keys that this one doesn't know, and that should not be what is complained of. */
    if (!json_is_object(root)) {
        return json_refuse(s, NULL, NULL, "must be an object");
    }
    if (!json_get_number(s, NULL, root, "comity_directory", 1, 1, &version) || !json_check_object(s, NULL, root, keys, COUNT_OF(keys)) ||
        !get_code(s, NULL, root, "community", &d->community) || !read_country(s, root, d) || !read_law(s, root, d) ||
        !json_get_number(s, NULL, root, "serial", 1, DIRECTORY_SERIAL_MAX, &d->serial) ||
        !read_validity(s, NULL, root, &d->valid_from_ms, &d->valid_until_ms)) {
        return false;
    }
    const json_t *object = json_object_get(root, operators.key);
    if (object == NULL) {
        return json_refuse(s, &operators, "add it", "is missing");
    }
    return json_check_object(s, &operators, object, operators_keys, COUNT_OF(operators_keys)) &&
           read_operators(s, &operators, object, "keys", &d->operators, &d->operator_count, &d->threshold) && read_members(s, root, d) &&
           read_recognised(s, root, d) && directory_index_make(d, s);
}

bool directory_parse_text(struct directory **out, struct bytes text, const char *where, struct error *e)
{
    bool ok = false;
    json_t *root = NULL;
    json_error_t fault;
    *out = NULL;
    struct directory *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return error_memory(e, where);
    }
    const struct json_source source = { .memory = &d->memory, .where = where, .e = e };
    if (text.size > DIRECTORY_BYTES_MAX) {
        error_set(e, ERROR_INPUT, where, NULL, "a directory has at most %d bytes", DIRECTORY_BYTES_MAX);
        goto done;
    }
    root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &fault);
    if (root == NULL && json_error_code(&fault) == json_error_out_of_memory) {
        error_memory(e, where);
        goto done;
    }
    if (root == NULL) {
        error_set(e, ERROR_INPUT, where, "write one JSON object without duplicate keys", "line %d: %s", fault.line, fault.text);
        goto done;
    }
    if (!read_directory(&source, root, d)) {
        goto done;
    }
    sha256(text, d->digest);
    *out = d;
    ok = true;
done:
    json_decref(root);
    if (!ok) {
        directory_free(d);
    }
    return ok;
}
