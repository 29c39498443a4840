#include "api/token.h"

#include <stdlib.h>

#include <cjose/base64.h>
#include <cjose/cjose.h>

#include "base/encode.h"
#include "crypto/hash.h"

enum { RSA_BITS_MIN = 2048, KID_BYTES_MAX = 256 };

struct token_key {
    cjose_jwk_t *jwk;
    char kid[KID_BYTES_MAX + 1]; /* "": none */
    unsigned algorithms;         /* that it may be used with */
};
struct token_keys {
    _Atomic int reference_count;
    size_t count;
    struct token_key list[TOKEN_KEYS_MAX];
};

static bool refuse(struct error *e, const char *what)
{
    return error_set(e, ERROR_DENIED, "header Authorization", "sign in again", "%s", what);
}

enum token_algorithm token_algorithm_find(struct bytes name)
{
    static const struct {
        struct bytes name;
        enum token_algorithm algorithm;
    } rows[] = { { BYTES("RS256"), TOKEN_RS256 }, { BYTES("PS256"), TOKEN_PS256 }, { BYTES("ES256"), TOKEN_ES256 } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (bytes_equal(rows[i].name, name)) {
            return rows[i].algorithm;
        }
    }
    return (enum token_algorithm)0;
}

static struct bytes text_of(const json_t *value)
{
    return json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value)) : BYTES_NONE;
}

/* ---- Keys ---- */

/* Which algorithms a key of this kind can do; 0: it is not for us. */
static unsigned algorithms_of(const json_t *key)
{
    struct bytes kty = text_of(json_object_get(key, "kty"));
    unsigned can = bytes_equal(kty, BYTES("RSA")) ? TOKEN_RS256 | TOKEN_PS256
                   : bytes_equal(kty, BYTES("EC")) && bytes_equal(text_of(json_object_get(key, "crv")), BYTES("P-256")) ? TOKEN_ES256
                                                                                                                        : 0;
    const json_t *use = json_object_get(key, "use"), *algorithm = json_object_get(key, "alg"),
                 *operations = json_object_get(key, "key_ops");
    if (use != NULL && !bytes_equal(text_of(use), BYTES("sig"))) {
        return 0;
    }
    bool may_verify = operations == NULL;
    for (size_t i = 0; i < json_array_size(operations); i++) {
        may_verify = may_verify || bytes_equal(text_of(json_array_get(operations, i)), BYTES("verify"));
    }
    if (!may_verify) {
        return 0;
    }
    return algorithm == NULL ? can : can & token_algorithm_find(text_of(algorithm));
}

static bool has_kid(const struct token_keys *keys, const char *kid)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (kid[0] != '\0' && strcmp(keys->list[i].kid, kid) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_key(struct token_keys *keys, json_t *value, const char *where, struct error *e)
{
    cjose_err fault;
    struct bytes kid = text_of(json_object_get(value, "kid"));
    unsigned algorithms = algorithms_of(value);
    /* Whoever publishes a private key has no secret any more; whoever puts a symmetric one here would have it taken for one. */
    if (json_object_get(value, "d") != NULL || bytes_equal(text_of(json_object_get(value, "kty")), BYTES("oct"))) {
        return error_set(e, ERROR_INPUT, where, "publish public keys only", "holds a private or a symmetric key");
    }
    if (algorithms == 0 || kid.size > KID_BYTES_MAX) {
        return true;
    }
    if (keys->count == TOKEN_KEYS_MAX) {
        return error_set(e, ERROR_INPUT, where, NULL, "holds more than %d keys", TOKEN_KEYS_MAX);
    }
    struct token_key *key = &keys->list[keys->count];
    memcpy(key->kid, kid.size == 0 ? "" : (const char *)kid.data, kid.size);
    if (has_kid(keys, key->kid)) {
        return error_set(e, ERROR_INPUT, where, "give each key a kid of its own", "two keys have one kid");
    }
    key->algorithms = algorithms;
    key->jwk = cjose_jwk_import_json(value, &fault);
    if (key->jwk == NULL) {
        return error_set(e, ERROR_INPUT, where, NULL, "key %zu is damaged: %.80s", keys->count, fault.message);
    }
    keys->count++;
    if (algorithms != TOKEN_ES256 && cjose_jwk_get_keysize(key->jwk, &fault) < RSA_BITS_MIN) {
        return error_set(e, ERROR_INPUT, where, "use RSA keys of at least 2048 bits, or P-256", "an RSA key is too short");
    }
    return true;
}

bool token_keys_parse(struct token_keys **out, struct bytes text, const char *where, struct error *e)
{
    json_error_t fault;
    json_t *set = NULL;
    bool ok = false;
    *out = NULL;
    struct token_keys *keys = calloc(1, sizeof *keys);
    if (keys == NULL) {
        return error_memory(e, where);
    }
    keys->reference_count = 1;
    set = text.size > TOKEN_KEYS_BYTES_MAX ? NULL : json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &fault);
    const json_t *list = json_object_get(set, "keys");
    if (!json_is_array(list)) {
        error_set(e, ERROR_INPUT, where, "give a JWK Set: {\"keys\": [...]}", "is no JWK Set");
        goto done;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!add_key(keys, json_array_get(list, i), where, e)) {
            goto done;
        }
    }
    ok = keys->count > 0 || error_set(e, ERROR_INPUT, where, "publish an RSA or P-256 key", "holds no key that can be used");
done:
    json_decref(set);
    if (ok) {
        *out = keys;
    } else {
        token_keys_release(keys);
    }
    return ok;
}

struct token_keys *token_keys_keep(struct token_keys *keys)
{
    keys->reference_count++;
    return keys;
}

void token_keys_release(struct token_keys *keys)
{
    if (keys == NULL || --keys->reference_count > 0) {
        return;
    }
    for (size_t i = 0; i < keys->count; i++) {
        (void)cjose_jwk_release(keys->list[i].jwk);
    }
    free(keys);
}

size_t token_keys_count(const struct token_keys *keys)
{
    return keys->count;
}

/* ---- A token's parts ---- */

/* The JSON object in part `index` of the three; NULL when it isn't one. Keys that come twice are refused: two readers would differ. */
static json_t *read_part(struct bytes token, unsigned index)
{
    struct bytes rest = token, part = BYTES_NONE;
    uint8_t *plain = NULL;
    size_t size = 0;
    json_error_t fault;
    cjose_err error;
    for (unsigned i = 0; i <= index; i++) {
        if (!bytes_split(&rest, '.', &part)) {
            return NULL;
        }
    }
    if (part.size == 0 || !cjose_base64url_decode((const char *)part.data, part.size, &plain, &size, &error)) {
        return NULL;
    }
    json_t *value = json_loadb((const char *)plain, size, JSON_REJECT_DUPLICATES, &fault);
    free(plain); /* cjose takes its memory from malloc(), unless told otherwise */
    if (!json_is_object(value)) {
        json_decref(value);
        value = NULL;
    }
    return value;
}

/* RFC 4648 3.5: the bits of the last character that no byte needs are zero. Decoders ignore them; one token must not have several texts. */
static bool is_canonical(struct bytes part)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if (part.size % 4 == 0) {
        return true;
    }
    const char *last = memchr(alphabet, part.data[part.size - 1], sizeof alphabet - 1);
    unsigned unused = part.size % 4 == 2 ? 0x0f : 0x03;
    return part.size % 4 != 1 && last != NULL && ((unsigned)(last - alphabet) & unused) == 0;
}

/* Three parts of base64url, and not long. */
static bool check_form(struct bytes token, struct error *e)
{
    size_t dots = 0;
    if (token.size > TOKEN_BYTES_MAX) {
        return refuse(e, "the token is too long");
    }
    for (size_t i = 0; i < token.size; i++) {
        uint8_t c = token.data[i];
        bool is_plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        dots += c == '.';
        if (!is_plain && c != '.') {
            return refuse(e, "the token is no JWT");
        }
    }
    struct bytes part;
    while (bytes_split(&token, '.', &part)) {
        if (!is_canonical(part)) {
            return refuse(e, "the token is no JWT");
        }
    }
    return dots == 2 || refuse(e, "the token is no JWT");
}

bool token_read_issuer(struct bytes token, char **issuer, struct error *e)
{
    *issuer = NULL;
    if (!check_form(token, e)) {
        return false;
    }
    json_t *claims = read_part(token, 1);
    struct bytes text = text_of(json_object_get(claims, "iss"));
    bool ok = text.size > 0 || refuse(e, "the token names no issuer");
    if (ok) {
        *issuer = strndup((const char *)text.data, text.size);
        ok = *issuer != NULL || error_memory(e, "token");
    }
    json_decref(claims);
    return ok;
}

/* ---- Checking ---- */

/* RFC 8725 3.1, 3.11; RFC 7515 4.1.11: what `crit` names must be understood, and we understand none. */
static bool check_header(const json_t *header, const struct token_rules *rules, enum token_algorithm *algorithm, struct error *e)
{
    struct bytes type = text_of(json_object_get(header, "typ"));
    *algorithm = token_algorithm_find(text_of(json_object_get(header, "alg")));
    if (((unsigned)*algorithm & rules->algorithms) == 0) {
        return refuse(e, "the token is not signed with an algorithm that is allowed");
    }
    if (json_object_get(header, "crit") != NULL || json_object_get(header, "b64") != NULL) {
        return refuse(e, "the token's header asks for what is not understood (crit)");
    }
    if (bytes_start_with(type, BYTES("application/"))) {
        type = bytes_slice(type, 12, type.size);
    }
    static const struct bytes own[] = {
        [TOKEN_KIND_ACCESS] = BYTES("at+jwt"), [TOKEN_KIND_ID] = BYTES("JWT"), [TOKEN_KIND_LOGOUT] = BYTES("logout+jwt")
    };
    bool is_known = json_object_get(header, "typ") == NULL || bytes_equal_ignoring_case(type, BYTES("JWT")) ||
                    bytes_equal_ignoring_case(type, own[rules->kind]);
    return is_known || refuse(e, "the token is of another type (typ)");
}

/* By `kid`; without one only if a single key can be meant. */
static const struct token_key *find_key(const struct token_keys *keys, const json_t *header, enum token_algorithm algorithm,
                                        bool *is_unknown)
{
    const json_t *kid = json_object_get(header, "kid");
    struct bytes name = text_of(kid);
    const struct token_key *found = NULL;
    size_t count = 0;
    if (kid != NULL && name.size == 0) {
        return NULL;
    }
    for (size_t i = 0; i < keys->count; i++) {
        const struct token_key *key = &keys->list[i];
        bool is_meant = kid == NULL || bytes_equal(bytes_of_text(key->kid), name);
        if (is_meant && (key->algorithms & (unsigned)algorithm) != 0) {
            found = key;
            count++;
        }
        *is_unknown = *is_unknown && !(kid != NULL && is_meant);
    }
    return count == 1 ? found : NULL;
}

static bool is_signed(struct bytes token, const struct token_key *key)
{
    cjose_err fault;
    cjose_jws_t *jws = cjose_jws_import((const char *)token.data, token.size, &fault);
    bool ok = jws != NULL && cjose_jws_verify(jws, key->jwk, &fault);
    cjose_jws_release(jws);
    return ok;
}

/* NumericDate (RFC 7519 2) in milliseconds; false when it is none. */
static bool get_time(const json_t *claims, const char *name, int64_t *out)
{
    const json_t *value = json_object_get(claims, name);
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !(seconds >= 0 && seconds < 253402300800.0)) {
        return false;
    }
    *out = (int64_t)(seconds * 1000);
    return true;
}

static bool check_times(const json_t *claims, const struct token_rules *rules, int64_t now_ms, struct error *e)
{
    int64_t until, from, issued;
    if (!get_time(claims, "exp", &until)) {
        return refuse(e, "the token has no end (exp)");
    }
    if (now_ms >= until + rules->skew_ms) {
        return refuse(e, "the token is over (exp)");
    }
    if (json_object_get(claims, "nbf") != NULL && (!get_time(claims, "nbf", &from) || now_ms < from - rules->skew_ms)) {
        return refuse(e, "the token is not valid yet (nbf)");
    }
    if (json_object_get(claims, "iat") == NULL) {
        return rules->age_max_ms == 0 || refuse(e, "the token does not say when it was issued (iat)");
    }
    if (!get_time(claims, "iat", &issued) || issued > now_ms + rules->skew_ms) {
        return refuse(e, "the token was issued in the future (iat)");
    }
    return rules->age_max_ms == 0 || now_ms - issued <= rules->age_max_ms + rules->skew_ms || refuse(e, "the token is too old (iat)");
}

static bool is_for(const json_t *audience, const struct token_rules *rules)
{
    struct bytes one = text_of(audience);
    for (size_t i = 0; i < rules->audience_count; i++) {
        if (one.size > 0 && bytes_equal(one, rules->audiences[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < json_array_size(audience); i++) {
        if (json_is_string(json_array_get(audience, i)) && is_for(json_array_get(audience, i), rules)) {
            return true;
        }
    }
    return false;
}

static bool check_kind(const json_t *claims, enum token_kind kind, struct error *e)
{
    const json_t *events = json_object_get(claims, "events");
    if (kind != TOKEN_KIND_LOGOUT) {
        return events == NULL || refuse(e, "the token tells of an event, and lets nobody in");
    }
    return (json_is_object(json_object_get(events, "http://schemas.openid.net/event/backchannel-logout")) &&
            json_object_get(claims, "nonce") == NULL) ||
           refuse(e, "the token is no logout token");
}

static bool check_claims(const json_t *claims, const struct token_rules *rules, int64_t now_ms, struct error *e)
{
    if (!bytes_equal(text_of(json_object_get(claims, "iss")), rules->issuer)) {
        return refuse(e, "the token is of another issuer (iss)");
    }
    if (!is_for(json_object_get(claims, "aud"), rules)) {
        return refuse(e, "the token is for somebody else (aud)");
    }
    return check_kind(claims, rules->kind, e) && check_times(claims, rules, now_ms, e);
}

bool token_check(struct bytes token, const struct token_keys *keys, const struct token_rules *rules, int64_t now_ms, json_t **claims,
                 bool *is_key_unknown, struct error *e)
{
    enum token_algorithm algorithm;
    bool ok = false, is_unknown = true;
    *claims = NULL;
    *is_key_unknown = false;
    if (!check_form(token, e)) {
        return false;
    }
    json_t *header = read_part(token, 0), *said = NULL;
    if (header == NULL) {
        refuse(e, "the token is no JWT");
        goto done;
    }
    if (!check_header(header, rules, &algorithm, e)) {
        goto done;
    }
    const struct token_key *key = find_key(keys, header, algorithm, &is_unknown);
    if (key == NULL) {
        *is_key_unknown = is_unknown && json_is_string(json_object_get(header, "kid"));
        refuse(e, "the token is signed with a key that its issuer does not publish");
        goto done;
    }
    said = is_signed(token, key) ? read_part(token, 1) : NULL;
    if (said == NULL) {
        refuse(e, "the token's signature is wrong");
        goto done;
    }
    ok = check_claims(said, rules, now_ms, e);
    if (ok) {
        *claims = said;
        said = NULL;
    }
done:
    json_decref(header);
    json_decref(said);
    return ok;
}

bool token_has_access_hash(const json_t *claims, struct bytes access_token)
{
    const json_t *said = json_object_get(claims, "at_hash");
    uint8_t digest[SHA256_SIZE], text[BASE64_SIZE(SHA256_SIZE / 2)];
    if (said == NULL) {
        return true;
    }
    sha256(access_token, digest);
    size_t size = base64_write(bytes_of(digest, SHA256_SIZE / 2), text);
    while (size > 0 && text[size - 1] == '=') {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    }
    return bytes_equal(text_of(said), bytes_of(text, size));
}
