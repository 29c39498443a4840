#include "api/api_config_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/time.h"
#include "directory/identifier.h"

enum {
    TEXT_MAX = 2048,
    LIST_MAX = 64,
    ARENA_BYTES_MAX = 16 * 1024 * 1024,
    SALT_BYTES_MIN = 16,
    SECRET_BYTES_MAX = 1024,
    CODE_AGE_MIN_MS = 60 * 1000,
    SESSION_AGE_MIN_MS = 60 * 1000,
    IDENTIFIER_MAX = 2400
};

/* ---- The file as the schema reads it ---- */

struct text_role {
    char *value;
    int role;
};
struct text_person {
    char *claim, *salt, *prefix;
};
struct text_roles {
    char *claim, *member_claim;
    struct text_role *map;
    unsigned map_count;
};
struct text_login {
    char *name, *client_id, *client_secret_file;
    char **scopes;
    unsigned scopes_count;
};
struct text_sessions {
    char *idle, *age;
};
struct text_codes {
    char *age;
};
struct text_issuer {
    char *issuer, *keys, *trusted, *skew, *age_max, *keys_age_max;
    char **audiences, **algorithms;
    unsigned audiences_count, algorithms_count;
    struct text_login *login;
    bool allow_local;
    struct text_person *person;
    struct text_roles *roles;
};
struct text_client {
    char *name, *member;
    int role;
    char **tokens, **pins;
    unsigned tokens_count, pins_count;
};
struct text_webhooks {
    bool allow_local;
    char *deadline;
};
struct text_config {
    struct text_issuer *issuers;
    struct text_client *clients;
    unsigned issuers_count, clients_count;
    bool anonymous_govstack;
    unsigned page_max;
    char *idempotency, *public_url;
    struct text_webhooks *webhooks;
    struct text_sessions *sessions;
    struct text_codes *codes;
};

#define TEXT(key, type, member, how) CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (how), type, member, 1, TEXT_MAX)
#define OPTIONAL CYAML_FLAG_OPTIONAL
#define LIST(key, type, member, how, entry, least, most)                                                                                   \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | (how), type, member, entry, least, most)

static const cyaml_strval_t role_words[] = {
    { "person", ROLE_PERSON }, { "organisation", ROLE_ORGANISATION }, { "auditor", ROLE_AUDITOR }, { "operator", ROLE_OPERATOR },
    { "viewer", ROLE_VIEWER }, { "officer", ROLE_OFFICER },
};
static const cyaml_schema_value_t text_value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX) };

static const cyaml_schema_field_t role_fields[] = {
    TEXT("value", struct text_role, value, 0),
    CYAML_FIELD_ENUM("role", CYAML_FLAG_STRICT, struct text_role, role, role_words, COUNT_OF(role_words)),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t role_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_role, role_fields) };
static const cyaml_schema_field_t roles_fields[] = {
    TEXT("claim", struct text_roles, claim, 0),
    TEXT("member_claim", struct text_roles, member_claim, OPTIONAL),
    LIST("map", struct text_roles, map, 0, &role_value, 1, LIST_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t person_fields[] = {
    TEXT("claim", struct text_person, claim, OPTIONAL),
    TEXT("salt", struct text_person, salt, OPTIONAL),
    TEXT("prefix", struct text_person, prefix, OPTIONAL),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t login_fields[] = {
    TEXT("name", struct text_login, name, 0),
    TEXT("client_id", struct text_login, client_id, 0),
    TEXT("client_secret_file", struct text_login, client_secret_file, OPTIONAL),
    LIST("scopes", struct text_login, scopes, OPTIONAL, &text_value, 1, LIST_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t sessions_fields[] = {
    TEXT("idle", struct text_sessions, idle, OPTIONAL),
    TEXT("age", struct text_sessions, age, OPTIONAL),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t codes_fields[] = {
    TEXT("age", struct text_codes, age, OPTIONAL),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t issuer_fields[] = {
    TEXT("issuer", struct text_issuer, issuer, 0),
    LIST("audiences", struct text_issuer, audiences, OPTIONAL, &text_value, 1, LIST_MAX),
    LIST("algorithms", struct text_issuer, algorithms, OPTIONAL, &text_value, 1, LIST_MAX),
    TEXT("keys", struct text_issuer, keys, OPTIONAL),
    TEXT("trusted", struct text_issuer, trusted, OPTIONAL),
    TEXT("skew", struct text_issuer, skew, OPTIONAL),
    TEXT("age_max", struct text_issuer, age_max, OPTIONAL),
    TEXT("keys_age_max", struct text_issuer, keys_age_max, OPTIONAL),
    CYAML_FIELD_BOOL("allow_local", OPTIONAL, struct text_issuer, allow_local),
    CYAML_FIELD_MAPPING_PTR("person", CYAML_FLAG_POINTER | OPTIONAL, struct text_issuer, person, person_fields),
    CYAML_FIELD_MAPPING_PTR("roles", CYAML_FLAG_POINTER | OPTIONAL, struct text_issuer, roles, roles_fields),
    CYAML_FIELD_MAPPING_PTR("login", CYAML_FLAG_POINTER | OPTIONAL, struct text_issuer, login, login_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t issuer_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_issuer, issuer_fields) };
static const cyaml_schema_field_t client_fields[] = {
    TEXT("name", struct text_client, name, 0),
    CYAML_FIELD_ENUM("role", CYAML_FLAG_STRICT, struct text_client, role, role_words + 1, COUNT_OF(role_words) - 1),
    TEXT("member", struct text_client, member, OPTIONAL),
    LIST("tokens", struct text_client, tokens, OPTIONAL, &text_value, 0, LIST_MAX),
    LIST("pins", struct text_client, pins, OPTIONAL, &text_value, 0, LIST_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t client_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_client, client_fields) };
static const cyaml_schema_field_t webhooks_fields[] = {
    CYAML_FIELD_BOOL("allow_local", OPTIONAL, struct text_webhooks, allow_local),
    TEXT("deadline", struct text_webhooks, deadline, OPTIONAL),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t config_fields[] = {
    LIST("issuers", struct text_config, issuers, OPTIONAL, &issuer_value, 0, API_ISSUERS_MAX),
    LIST("clients", struct text_config, clients, OPTIONAL, &client_value, 0, API_CLIENTS_MAX),
    CYAML_FIELD_BOOL("anonymous_govstack", OPTIONAL, struct text_config, anonymous_govstack),
    CYAML_FIELD_UINT("page_max", OPTIONAL, struct text_config, page_max),
    TEXT("idempotency", struct text_config, idempotency, OPTIONAL),
    TEXT("public_url", struct text_config, public_url, OPTIONAL),
    CYAML_FIELD_MAPPING_PTR("sessions", CYAML_FLAG_POINTER | OPTIONAL, struct text_config, sessions, sessions_fields),
    CYAML_FIELD_MAPPING_PTR("codes", CYAML_FLAG_POINTER | OPTIONAL, struct text_config, codes, codes_fields),
    CYAML_FIELD_MAPPING_PTR("webhooks", CYAML_FLAG_POINTER | OPTIONAL, struct text_config, webhooks, webhooks_fields),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t api_config_schema = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct text_config, config_fields) };

/* ---- What it means ---- */

struct reading {
    struct bytes yaml;
    const char *file, *folder;
    struct bytes member;
    struct api_config *to;
    struct error *e;
    char path[96]; /* of what is read: "issuers[0].person" */
};

/* `key` below the present place; "" is the place itself. */
static bool wrong(struct reading *r, const char *key, const char *todo, const char *what)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s%s%s", r->path, r->path[0] == '\0' || key[0] == '\0' ? "" : ".", key);
    return yaml_error(r->yaml, r->file, path, r->e, todo, "%s", what);
}

static bool keep(struct reading *r, const char *text, struct bytes *out)
{
    *out = text == NULL ? BYTES_NONE : arena_copy(&r->to->arena, bytes_of_text(text));
    return text == NULL || out->data != NULL || error_memory(r->e, r->file);
}

/* NULL stays NULL. */
static bool keep_path(struct reading *r, const char *path, const char **out)
{
    struct bytes kept = BYTES_NONE;
    *out = NULL;
    if (path == NULL) {
        return true;
    }
    kept = path[0] == '/' ? arena_copy(&r->to->arena, bytes_of_text(path)) : arena_format(&r->to->arena, "%s/%s", r->folder, path);
    *out = (const char *)kept.data;
    return kept.data != NULL || error_memory(r->e, r->file);
}

static bool read_duration(struct reading *r, const char *key, const char *text, const char *without, const char *most, int64_t *out)
{
    int64_t max_ms = 0;
    bool ok = duration_parse(bytes_of_text(text == NULL ? without : text), out) && duration_parse(bytes_of_text(most), &max_ms) &&
              *out <= max_ms;
    return ok || wrong(r, key, "write a duration such as 60s, 1h or 3d", "is no duration, or too long");
}

static bool read_algorithms(struct reading *r, const struct text_issuer *from, struct api_issuer *to)
{
    to->rules.algorithms = from->algorithms_count == 0 ? TOKEN_ALL : 0;
    for (size_t i = 0; i < from->algorithms_count; i++) {
        enum token_algorithm one = token_algorithm_find(bytes_of_text(from->algorithms[i]));
        if (one == 0) {
            return wrong(r, "algorithms", "choose from RS256, PS256 and ES256", "an algorithm that is not taken");
        }
        to->rules.algorithms |= one;
    }
    return true;
}

/* A file of a secret, which only its owner may read. */
static bool read_secret(struct reading *r, const char *path, struct bytes *out)
{
    const char *full;
    struct buffer text;
    if (!keep_path(r, path, &full)) {
        return false;
    }
    buffer_init(&text, SECRET_BYTES_MAX);
    bool ok = file_read_private(full, &text, r->e);
    if (ok) {
        *out = arena_copy(&r->to->arena, buffer_bytes(&text));
        ok = out->data != NULL || error_memory(r->e, r->file);
    }
    buffer_wipe(&text);
    return ok;
}

static bool read_salt(struct reading *r, const char *path, struct bytes *out)
{
    return read_secret(r, path, out) &&
           (out->size >= SALT_BYTES_MIN ||
            wrong(r, "person.salt", "make one: head -c 32 /dev/urandom > FILE; chmod 600 FILE", "the salt is too short to hide anything"));
}

static bool read_roles(struct reading *r, const struct text_roles *from, struct api_issuer *to)
{
    if (from == NULL) {
        return true;
    }
    to->role_count = from->map_count;
    to->roles = arena_take_zeroed(&r->to->arena, (to->role_count + 1) * sizeof *to->roles);
    if (to->roles == NULL) {
        return error_memory(r->e, r->file);
    }
    for (size_t i = 0; i < to->role_count; i++) {
        to->roles[i].role = (enum role)from->map[i].role;
        if (!keep(r, from->map[i].value, &to->roles[i].value)) {
            return false;
        }
    }
    return keep(r, from->claim, &to->roles_claim) && keep(r, from->member_claim, &to->member_claim);
}

/* OpenID Connect Discovery 1.0: an issuer is an https URL without query or fragment. */
static bool check_issuer(struct reading *r, const struct text_issuer *from)
{
    struct bytes text = bytes_of_text(from->issuer);
    bool is_plain = bytes_start_with(text, BYTES("http://"));
    if (!bytes_start_with(text, BYTES("https://")) && !(is_plain && from->allow_local)) {
        return wrong(r, "issuer", "write an https URL; http only with allow_local: true", "is no https URL");
    }
    return (bytes_find(text, '?') == text.size && bytes_find(text, '#') == text.size) ||
           wrong(r, "issuer", NULL, "an issuer has no query and no fragment");
}

static bool has_control(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

/* RFC 6749 3.3, and "openid" among them, or it is no OpenID Connect. */
static bool read_scopes(struct reading *r, const struct text_login *from, struct api_login *to)
{
    struct buffer text;
    buffer_init(&text, TEXT_MAX);
    bool ok = true, has_openid = false;
    for (size_t i = 0; i < from->scopes_count && ok; i++) {
        struct bytes one = bytes_of_text(from->scopes[i]);
        ok = bytes_find(one, ' ') == one.size && bytes_find(one, '"') == one.size && !has_control(one);
        has_openid = has_openid || bytes_equal(one, BYTES("openid"));
        buffer_append_text(&text, i == 0 ? "" : " ");
        buffer_append(&text, one);
    }
    if (from->scopes_count == 0) {
        buffer_append_text(&text, "openid");
        has_openid = true;
    }
    if (!ok || !has_openid || text.failed) {
        buffer_clear(&text);
        return wrong(r, "login.scopes", "write them as a list: [openid, profile]", "the scopes are wrong, or lack openid");
    }
    to->scopes = arena_copy(&r->to->arena, buffer_bytes(&text));
    buffer_clear(&text);
    return to->scopes.data != NULL || error_memory(r->e, r->file);
}

static bool read_login(struct reading *r, const struct text_login *from, struct api_issuer *issuer)
{
    if (from == NULL) {
        return true;
    }
    struct api_login *to = arena_take_zeroed(&r->to->arena, sizeof *to);
    if (to == NULL) {
        return error_memory(r->e, r->file);
    }
    issuer->login = to;
    if (r->to->public_url.size == 0) {
        return wrong(r, "login", "write public_url: the address by which browsers reach this place", "signing in needs public_url");
    }
    if (!keep(r, from->name, &to->name) || !keep(r, from->client_id, &to->client_id) || !read_scopes(r, from, to)) {
        return false;
    }
    if (has_control(to->name) || has_control(to->client_id)) {
        return wrong(r, "login", NULL, "there are control characters in it");
    }
    if (from->client_secret_file != NULL) {
        if (!read_secret(r, from->client_secret_file, &to->client_secret)) {
            return false;
        }
        while (to->client_secret.size > 0 && to->client_secret.data[to->client_secret.size - 1] == '\n') {
            to->client_secret.size--; /* editors end a file with one */
        }
        if (to->client_secret.size == 0 || has_control(to->client_secret)) {
            return wrong(r, "login.client_secret_file", "put the secret there as the provider gave it", "there is no secret in the file");
        }
    }
    to->audience = to->client_id;
    to->rules = issuer->rules;
    to->rules.audiences = &to->audience;
    to->rules.audience_count = 1;
    to->rules.kind = TOKEN_KIND_ID;
    return true;
}

static bool read_issuer(struct reading *r, const struct text_issuer *from, struct api_issuer *to)
{
    const struct text_person *person = from->person;
    struct bytes *audiences = arena_take_zeroed(&r->to->arena, (from->audiences_count + (size_t)1) * sizeof *audiences);
    if (audiences == NULL) {
        return error_memory(r->e, r->file);
    }
    for (size_t i = 0; i < from->audiences_count; i++) {
        if (!keep(r, from->audiences[i], &audiences[i])) {
            return false;
        }
    }
    to->rules.audiences = audiences;
    to->rules.audience_count = from->audiences_count;
    to->allow_local = from->allow_local;
    const char *claim = person == NULL || person->claim == NULL ? "sub" : person->claim;
    if (!check_issuer(r, from) || !keep(r, from->issuer, &to->rules.issuer) || !read_algorithms(r, from, to) ||
        !keep_path(r, from->keys, &to->keys_path) || !keep_path(r, from->trusted, &to->trusted_path) ||
        !read_duration(r, "skew", from->skew, "60s", "10m", &to->rules.skew_ms) ||
        !read_duration(r, "age_max", from->age_max, "0", "30d", &to->rules.age_max_ms) ||
        !read_duration(r, "keys_age_max", from->keys_age_max, "1h", "7d", &to->keys_age_max_ms) || !keep(r, claim, &to->person_claim) ||
        !keep(r, person == NULL ? NULL : person->prefix, &to->person_prefix) || !read_roles(r, from->roles, to)) {
        return false;
    }
    if (from->audiences_count == 0 && from->login == NULL) {
        return wrong(r, "audiences", "name whom its tokens are for, or set up `login`", "nobody could use this issuer");
    }
    return read_login(r, from->login, to) && (person == NULL || person->salt == NULL || read_salt(r, person->salt, &to->person_salt));
}

/* A text of 64 hex digits, or base64 of 32 bytes as the directory writes pins. */
static bool read_digest(const char *text, uint8_t out[32])
{
    size_t size = 0;
    struct bytes view = bytes_of_text(text);
    return hex_parse(view, out, 32) || (base64_parse(view, out, 32, &size) && size == 32);
}

static bool read_digests(struct reading *r, const char *key, char **from, unsigned count, uint8_t (**out)[32], size_t *out_count)
{
    *out_count = count;
    *out = arena_take_zeroed(&r->to->arena, (count + (size_t)1) * sizeof **out);
    if (*out == NULL) {
        return error_memory(r->e, r->file);
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_digest(from[i], (*out)[i])) {
            return wrong(r, key, "write the SHA-256 as 64 hex digits or as base64", "is no SHA-256");
        }
    }
    return true;
}

/* In its canonical form, because records are compared with its bytes. */
static bool read_member(struct reading *r, const char *text, struct bytes *out)
{
    struct identifier id;
    uint8_t storage[IDENTIFIER_MAX];
    struct buffer canonical;
    if (text == NULL) {
        *out = arena_copy(&r->to->arena, r->member);
        return out->data != NULL || error_memory(r->e, r->file);
    }
    if (strlen(text) > sizeof storage || !identifier_parse(bytes_of_text(text), 3, 3, storage, &id, NULL)) {
        return wrong(r, "member", "write COMMUNITY/CLASS/MEMBER", "is no member");
    }
    buffer_init(&canonical, IDENTIFIER_MAX);
    identifier_append(&canonical, &id);
    *out = canonical.failed ? BYTES_NONE : arena_copy(&r->to->arena, buffer_bytes(&canonical));
    buffer_clear(&canonical);
    return out->data != NULL || error_memory(r->e, r->file);
}

static bool read_client(struct reading *r, const struct text_client *from, struct api_client *to)
{
    to->role = (enum role)from->role;
    if (from->tokens_count + from->pins_count == 0) {
        return wrong(r, "", "give tokens or pins", "nothing says how this client proves itself");
    }
    return keep(r, from->name, &to->name) && read_member(r, from->member, &to->member) &&
           read_digests(r, "tokens", from->tokens, from->tokens_count, &to->tokens, &to->token_count) &&
           read_digests(r, "pins", from->pins, from->pins_count, &to->pins, &to->pin_count);
}

/* Whoever has a token or a key must be one client: two would make it a matter of order what he may do. */
static bool check_distinct(struct reading *r)
{
    const struct api_config *to = r->to;
    for (size_t i = 0; i < to->client_count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct api_client *a = &to->clients[i], *b = &to->clients[j];
            bool is_same = bytes_equal(a->name, b->name);
            for (size_t k = 0; k < a->token_count * b->token_count; k++) {
                is_same = is_same || memcmp(a->tokens[k / b->token_count], b->tokens[k % b->token_count], SHA256_SIZE) == 0;
            }
            for (size_t k = 0; k < a->pin_count * b->pin_count; k++) {
                is_same = is_same || memcmp(a->pins[k / b->pin_count], b->pins[k % b->pin_count], PIN_SIZE) == 0;
            }
            if (is_same) {
                (void)snprintf(r->path, sizeof r->path, "clients[%zu]", i);
                return wrong(r, "", "give each client a name, tokens and pins of its own", "two clients can't be told apart");
            }
        }
    }
    return true;
}

static bool read_lists(struct reading *r, const struct text_config *from)
{
    struct api_config *to = r->to;
    to->issuers = arena_take_zeroed(&to->arena, (from->issuers_count + (size_t)1) * sizeof *to->issuers);
    to->clients = arena_take_zeroed(&to->arena, (from->clients_count + (size_t)1) * sizeof *to->clients);
    if (to->issuers == NULL || to->clients == NULL) {
        return error_memory(r->e, r->file);
    }
    to->issuer_count = from->issuers_count;
    to->client_count = from->clients_count;
    for (size_t i = 0; i < to->issuer_count; i++) {
        (void)snprintf(r->path, sizeof r->path, "issuers[%zu]", i);
        if (!read_issuer(r, &from->issuers[i], &to->issuers[i])) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            const struct api_login *a = to->issuers[i].login, *b = to->issuers[j].login;
            if (bytes_equal(to->issuers[i].rules.issuer, to->issuers[j].rules.issuer)) {
                return wrong(r, "issuer", "name each once", "this issuer is there twice");
            }
            if (a != NULL && b != NULL && bytes_equal(a->name, b->name)) {
                return wrong(r, "login.name", "give each provider a name of its own", "two providers have this name");
            }
        }
    }
    for (size_t i = 0; i < to->client_count; i++) {
        (void)snprintf(r->path, sizeof r->path, "clients[%zu]", i);
        if (!read_client(r, &from->clients[i], &to->clients[i])) {
            return false;
        }
    }
    return check_distinct(r);
}

/* An origin (RFC 6454): scheme, host and perhaps a port; plain HTTP only to this machine. */
static bool read_public_url(struct reading *r, const char *text)
{
    struct bytes url = bytes_of_text(text), host = BYTES_NONE;
    if (text == NULL) {
        return true;
    }
    bool is_https = bytes_start_with(url, BYTES("https://"));
    bool is_local = bytes_start_with(url, BYTES("http://127.0.0.1")) || bytes_start_with(url, BYTES("http://localhost")) ||
                    bytes_start_with(url, BYTES("http://[::1]"));
    host = bytes_slice(url, is_https ? 8 : 7, url.size);
    bool ok = (is_https || is_local) && host.size > 0 && !has_control(url);
    for (size_t i = 0; i < host.size; i++) {
        uint8_t c = host.data[i];
        ok = ok && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':' || c == '[' || c == ']');
    }
    if (!ok) {
        return wrong(r, "public_url", "write it as https://portal.example, in lower case, without a path",
                     "is not the address of a place (http only for this machine)");
    }
    return keep(r, text, &r->to->public_url);
}

static bool read_sessions(struct reading *r, const struct text_config *from)
{
    const struct text_sessions *sessions = from->sessions;
    struct api_config *to = r->to;
    if (!read_duration(r, "sessions.idle", sessions == NULL ? NULL : sessions->idle, "30m", "1d", &to->sessions.idle_ms) ||
        !read_duration(r, "sessions.age", sessions == NULL ? NULL : sessions->age, "12h", "30d", &to->sessions.age_max_ms) ||
        !read_duration(r, "codes.age", from->codes == NULL ? NULL : from->codes->age, "15m", "7d", &to->code_age_ms)) {
        return false;
    }
    if (to->sessions.idle_ms < SESSION_AGE_MIN_MS || to->sessions.age_max_ms < to->sessions.idle_ms) {
        return wrong(r, "sessions", "write at least 1m for idle, and no less for age", "nobody could work in so short a time");
    }
    return to->code_age_ms >= CODE_AGE_MIN_MS || wrong(r, "codes.age", "write at least 1m", "nobody could type a code in so short a time");
}

static bool read_all(struct reading *r, const struct text_config *from)
{
    struct api_config *to = r->to;
    const struct text_webhooks *webhooks = from->webhooks;
    to->has_anonymous_govstack = from->anonymous_govstack;
    to->page_max = from->page_max == 0 ? 200 : from->page_max;
    to->webhooks_allow_local = webhooks != NULL && webhooks->allow_local;
    if (to->page_max < API_PAGE_DEFAULT || to->page_max > 1000) {
        return wrong(r, "page_max", "write a number from 50 to 1000", "page_max is too small or too large");
    }
    return read_public_url(r, from->public_url) && read_sessions(r, from) &&
           read_duration(r, "idempotency", from->idempotency, "24h", "30d", &to->idempotency_ms) &&
           read_duration(r, "webhooks.deadline", webhooks == NULL ? NULL : webhooks->deadline, "3d", "30d", &to->webhooks_deadline_ms) &&
           read_lists(r, from);
}

/* ---- From outside ---- */

bool api_config_parse(struct api_config **out, struct bytes yaml, const char *file, const char *folder, struct bytes member,
                      struct error *e)
{
    void *values = NULL;
    *out = NULL;
    struct api_config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        return error_memory(e, file);
    }
    config->arena.size_max = ARENA_BYTES_MAX;
    struct reading r = { .yaml = yaml, .file = file, .folder = folder, .member = member, .to = config, .e = e };
    bool ok = yaml_load(&api_config_schema, yaml, file, &values, e) && read_all(&r, values);
    yaml_unload(&api_config_schema, values);
    if (ok) {
        *out = config;
    } else {
        api_config_free(config);
    }
    return ok;
}

bool api_config_load(struct api_config **out, const char *path, const char *folder, struct bytes member, struct error *e)
{
    struct buffer text;
    *out = NULL;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return error_system(e, path, "make it, or leave listen.api out: docs/reference/configuration.md");
    }
    buffer_init(&text, API_CONFIG_BYTES_MAX);
    uint8_t *room = buffer_room(&text, API_CONFIG_BYTES_MAX);
    size_t size = room == NULL ? 0 : fread(room, 1, API_CONFIG_BYTES_MAX, file);
    bool ok = room == NULL ? error_memory(e, path) : ferror(file) == 0 || error_system(e, path, "check the disk");
    if (ok && size == API_CONFIG_BYTES_MAX) {
        ok = error_set(e, ERROR_INPUT, path, "is it the right file?", "larger than %d bytes", API_CONFIG_BYTES_MAX);
    }
    (void)fclose(file); /* read only: nothing to lose */
    buffer_added(&text, size);
    ok = ok && api_config_parse(out, buffer_bytes(&text), path, folder, member, e);
    buffer_clear(&text);
    return ok;
}

void api_config_free(struct api_config *config)
{
    if (config != NULL) {
        arena_clear(&config->arena); /* wipes the salts */
        free(config);
    }
}
