/*
 * Signing in at a provider: OpenID Connect Core 1.0, authorization code with PKCE (RFC 7636, S256), as RFC 9700 wants it. What binds a browser's way there to
 * its way back is one secret in a cookie of ten minutes: state, nonce and code verifier are MACs under it, so that nothing of it is kept here. Each attempt
 * has a cookie of its own, named after its state: two tabs don't disturb each other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/fetch.h"
#include "api/login_internal.h"
#include "api/rest_internal.h"
#include "api/rest_page.h"
#include "api/session_internal.h"
#include "base/diag.h"
#include "base/encode.h"
#include "base/random.h"
#include "base/time.h"

enum {
    SECRET_SIZE = 32,
    HEX_SIZE = 2 * SHA256_SIZE,
    STATE_NAME_SIZE = 8,   /* of the state's digits in the cookie's name */
    ISSUER_NAME_SIZE = 16, /* of the issuer's digest in the cookie */
    NEXT_BYTES_MAX = 1024,
    REQUEST_BYTES_MAX = 16 * 1024,
    ANSWER_BYTES_MAX = 256 * 1024,
    FETCH_MS_MAX = 10 * 1000,
    HINT_BYTES_MAX = 4096, /* a longer ID token is no part of an address */
    URL_BYTES_MAX = 16 * 1024,
};

/* One attempt: what the cookie says. */
struct attempt {
    const struct api_issuer *issuer;
    struct bytes next;
    char state[HEX_SIZE + 1], nonce[HEX_SIZE + 1], verifier[HEX_SIZE + 1];
};

/* ---- The attempt's cookie ---- */

static void derive(const uint8_t secret[SECRET_SIZE], struct bytes label, char out[HEX_SIZE + 1])
{
    uint8_t mac[SHA256_SIZE];
    hmac_sha256(bytes_of(secret, SECRET_SIZE), label, mac);
    hex_write(bytes_of(mac, sizeof mac), out);
}

static void fill(struct attempt *attempt, const uint8_t secret[SECRET_SIZE])
{
    derive(secret, BYTES("state"), attempt->state);
    derive(secret, BYTES("nonce"), attempt->nonce);
    derive(secret, BYTES("verifier"), attempt->verifier);
}

static void name_issuer(const struct api_issuer *issuer, char out[HEX_SIZE + 1])
{
    uint8_t digest[SHA256_SIZE];
    sha256(issuer->rules.issuer, digest);
    hex_write(bytes_of(digest, sizeof digest), out);
    out[ISSUER_NAME_SIZE] = '\0';
}

static void name_cookie(const struct rest_call *call, struct bytes state, char out[64])
{
    (void)snprintf(out, 64, "%s-login-%.*s", session_cookie_name(call), STATE_NAME_SIZE, (const char *)state.data);
}

static bool keep_attempt(struct rest_call *call, const struct attempt *attempt, const uint8_t secret[SECRET_SIZE], struct error *e)
{
    char hex[2 * SECRET_SIZE + 1], name[64], issuer[HEX_SIZE + 1];
    struct buffer value;
    hex_write(bytes_of(secret, SECRET_SIZE), hex);
    name_issuer(attempt->issuer, issuer);
    name_cookie(call, bytes_of_text(attempt->state), name);
    buffer_init(&value, COOKIE_BYTES_MAX);
    buffer_append_format(&value, "%s.%s.", hex, issuer);
    rest_append_query(&value, attempt->next.size > NEXT_BYTES_MAX ? BYTES("/") : attempt->next);
    bool ok = value.failed ? error_memory(e, "cookie") : rest_set_cookie(call, name, buffer_bytes(&value), LOGIN_TIME_MAX_S, e);
    buffer_wipe(&value);
    explicit_bzero(hex, sizeof hex);
    return ok;
}

static bool refuse_state(struct rest_call *call, struct error *e)
{
    login_count(false, LOGIN_REFUSED);
    return rest_refuse(call, e, 400, "login.state", "sign-in", "begin again",
                       "was begun in another browser, too long ago, or is finished already");
}

/* The attempt that this state belongs to, by this browser's cookie, which is good once. */
static bool find_attempt(struct rest_call *call, struct bytes state, struct attempt *out, struct error *e)
{
    uint8_t secret[SECRET_SIZE], ignored[SHA256_SIZE];
    char name[64];
    size_t size = 0;
    struct bytes left, hex, issuer;
    if (state.size != HEX_SIZE || !hex_parse(state, ignored, sizeof ignored)) {
        return refuse_state(call, e);
    }
    name_cookie(call, state, name);
    left = rest_cookie(call, name);
    if (!bytes_split(&left, '.', &hex) || !bytes_split(&left, '.', &issuer) || !hex_parse(hex, secret, sizeof secret)) {
        return refuse_state(call, e);
    }
    fill(out, secret);
    explicit_bzero(secret, sizeof secret);
    uint8_t *next = arena_take(&call->arena, left.size + 1);
    if (next == NULL || !rest_set_cookie(call, name, BYTES_NONE, 0, e)) {
        return error_memory(e, "sign-in");
    }
    out->next = percent_decode(left, next, &size) && rest_is_local(bytes_of(next, size)) ? bytes_of(next, size) : BYTES("/");
    for (size_t i = 0; login_provider(call, i) != NULL && out->issuer == NULL; i++) {
        char own[HEX_SIZE + 1];
        name_issuer(login_provider(call, i), own);
        out->issuer = bytes_equal(bytes_of_text(own), issuer) ? login_provider(call, i) : NULL;
    }
    return (out->issuer != NULL && bytes_equal(state, bytes_of_text(out->state))) || refuse_state(call, e);
}

/* ---- There ---- */

static bool be_down(struct rest_call *call, const struct error *cause, struct error *e)
{
    login_count(false, LOGIN_TROUBLE);
    return rest_refuse(call, e, 503, "auth.unavailable", "the provider", "try again in a minute, or sign in with a code", "%s",
                       cause->what);
}

static void append_parameter(struct buffer *out, const char *name, struct bytes value)
{
    buffer_append_text(out, name);
    rest_append_query(out, value);
}

static void append_own_url(struct buffer *out, const struct rest_call *call, const char *name, const char *path)
{
    struct buffer url;
    buffer_init(&url, REQUEST_BYTES_MAX);
    buffer_append(&url, call->settings->config->public_url);
    buffer_append_text(&url, path);
    append_parameter(out, name, buffer_bytes(&url));
    out->failed = out->failed || url.failed;
    buffer_clear(&url);
}

/* RFC 7636 4.2: the base64url of the verifier's SHA-256. */
static void append_challenge(struct buffer *out, const char *verifier)
{
    uint8_t digest[SHA256_SIZE], text[BASE64_SIZE(SHA256_SIZE)];
    sha256(bytes_of_text(verifier), digest);
    size_t size = base64_write(bytes_of(digest, sizeof digest), text);
    buffer_append_text(out, "&code_challenge_method=S256&code_challenge=");
    for (size_t i = 0; i < size && text[i] != '='; i++) {
        buffer_append_u8(out, text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    }
}

static const struct api_issuer *find_provider(const struct rest_call *call, struct bytes name)
{
    for (size_t i = 0; i < login_provider_count(call); i++) {
        if (bytes_equal(login_provider_name(call, i), name)) {
            return login_provider(call, i);
        }
    }
    return NULL;
}

bool login_start(struct rest_call *call, struct bytes name, struct bytes next, struct error *e)
{
    uint8_t secret[SECRET_SIZE];
    struct attempt attempt = { .issuer = find_provider(call, name), .next = next };
    struct error cause = { 0 };
    struct buffer url;
    struct issuer_endpoints *endpoints = arena_take_zeroed(&call->arena, sizeof *endpoints);
    if (attempt.issuer == NULL || endpoints == NULL) {
        return attempt.issuer == NULL ? rest_absent(call, e) : error_memory(e, "sign-in");
    }
    if (!issuers_endpoints(call->settings->issuers, attempt.issuer, call->now_ms, endpoints, &cause)) {
        return be_down(call, &cause, e);
    }
    random_fill(secret, sizeof secret);
    fill(&attempt, secret);
    buffer_init(&url, URL_BYTES_MAX);
    buffer_append_text(&url, endpoints->authorization);
    buffer_append_text(&url, strchr(endpoints->authorization, '?') == NULL ? "?" : "&");
    append_parameter(&url, "response_type=code&client_id=", attempt.issuer->login->client_id);
    append_own_url(&url, call, "&redirect_uri=", "/sign-in/callback");
    append_parameter(&url, "&scope=", attempt.issuer->login->scopes);
    append_parameter(&url, "&state=", bytes_of_text(attempt.state));
    append_parameter(&url, "&nonce=", bytes_of_text(attempt.nonce));
    append_challenge(&url, attempt.verifier);
    call->location = url.failed ? NULL : rest_text(call, buffer_bytes(&url));
    call->status = 303;
    bool ok = call->location != NULL ? keep_attempt(call, &attempt, secret, e) : error_memory(e, "sign-in");
    buffer_clear(&url);
    explicit_bzero(secret, sizeof secret);
    return ok;
}

/* ---- And back: the code for tokens ---- */

static bool refuse_answer(struct rest_call *call, struct error *e, const char *what)
{
    login_count(false, LOGIN_REFUSED);
    diag(DIAG_WARN, "api", "a sign-in at a provider was refused", "why", what, NULL);
    return rest_refuse(call, e, 403, "login.refused", "sign-in", "begin again", "%s", what);
}

/* RFC 6749 2.3.1: both percent-encoded, then HTTP Basic. */
static void append_basic(struct buffer *out, const struct api_login *login)
{
    struct buffer pair;
    buffer_init(&pair, REQUEST_BYTES_MAX);
    rest_append_query(&pair, login->client_id);
    buffer_append_u8(&pair, ':');
    rest_append_query(&pair, login->client_secret);
    buffer_append_text(out, "Authorization: Basic ");
    base64_append(out, buffer_bytes(&pair));
    buffer_append_u8(out, '\0');
    out->failed = out->failed || pair.failed;
    buffer_wipe(&pair);
}

static bool exchange(struct rest_call *call, const struct attempt *attempt, const char *url, struct bytes code, json_t **answer,
                     struct error *e)
{
    const struct api_login *login = attempt->issuer->login;
    struct buffer body, basic, text;
    struct error cause = { 0 };
    unsigned status = 0;
    *answer = NULL;
    buffer_init(&body, REQUEST_BYTES_MAX);
    buffer_init(&basic, REQUEST_BYTES_MAX);
    buffer_init(&text, ANSWER_BYTES_MAX);
    append_parameter(&body, "grant_type=authorization_code&code=", code);
    append_own_url(&body, call, "&redirect_uri=", "/sign-in/callback");
    append_parameter(&body, "&code_verifier=", bytes_of_text(attempt->verifier));
    if (login->client_secret.size == 0) {
        append_parameter(&body, "&client_id=", login->client_id);
    } else {
        append_basic(&basic, login);
    }
    const char *const fields[] = { "Content-Type: application/x-www-form-urlencoded", "Accept: application/json",
                                   login->client_secret.size == 0 ? NULL : (const char *)basic.data, NULL };
    const struct fetch fetch = { .url = url,
                                 .fields = fields,
                                 .body = buffer_bytes(&body),
                                 .is_post = true,
                                 .allow_local = attempt->issuer->allow_local,
                                 .trusted_path = attempt->issuer->trusted_path,
                                 .timeout_ms = FETCH_MS_MAX };
    bool ok = !body.failed && !basic.failed ? fetch_run(&fetch, &status, &text, &cause) : error_memory(&cause, "sign-in");
    if (!ok || status >= 500) {
        ok = be_down(call, ok ? &(struct error){ .what = "answers with an error" } : &cause, e);
    } else {
        *answer = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
        ok = status == 200 && json_is_object(*answer) ? true : refuse_answer(call, e, "the provider did not take the code");
    }
    buffer_wipe(&body);
    buffer_wipe(&basic);
    buffer_wipe(&text);
    return ok;
}

/* ---- The ID token ---- */

/* Core 3.1.3.7, 4 and 5: who asked for it, where it is for several. */
static bool is_for_us(const json_t *claims, struct bytes client_id)
{
    const json_t *azp = json_object_get(claims, "azp");
    bool is_for_several = json_array_size(json_object_get(claims, "aud")) > 1;
    return azp == NULL ? !is_for_several : bytes_equal(rest_json_bytes(azp), client_id);
}

static bool check_id_token(struct rest_call *call, const struct attempt *attempt, const json_t *answer, json_t **claims, struct error *e)
{
    const struct api_login *login = attempt->issuer->login;
    struct bytes token = rest_json_bytes(json_object_get(answer, "id_token")),
                 access = rest_json_bytes(json_object_get(answer, "access_token"));
    struct error cause = { 0 };
    *claims = NULL;
    if (token.size == 0) {
        return refuse_answer(call, e, "the provider sent no ID token");
    }
    if (!issuers_check_by(call->settings->issuers, attempt->issuer, &login->rules, token, call->now_ms, claims, &cause)) {
        return cause.kind == ERROR_DENIED ? refuse_answer(call, e, cause.what) : be_down(call, &cause, e);
    }
    if (!bytes_equal(rest_json_bytes(json_object_get(*claims, "nonce")), bytes_of_text(attempt->nonce))) {
        return refuse_answer(call, e, "the ID token was made for another sign-in (nonce)");
    }
    if (!is_for_us(*claims, login->client_id)) {
        return refuse_answer(call, e, "the ID token was asked for by another (azp)");
    }
    return token_has_access_hash(*claims, access) || refuse_answer(call, e, "the ID token is of another access token (at_hash)");
}

/* ---- Into a session ---- */

static bool enter(struct rest_call *call, const struct attempt *attempt, const json_t *answer, const json_t *claims, struct error *e)
{
    const struct principal before = call->principal;
    struct bytes id_token = rest_json_bytes(json_object_get(answer, "id_token"));
    call->principal = (struct principal){ .roles = 0 };
    if (!rest_take_claims(call, attempt->issuer, claims, e)) {
        call->principal = before;
        login_count(false, LOGIN_REFUSED);
        call->status = 403; /* whoever it is is known there, and not here */
        return false;
    }
    bool is_person = (call->principal.roles & (1U << ROLE_PERSON)) != 0;
    struct session session = { .roles = call->principal.roles,
                               .person = call->principal.person,
                               .who = is_person ? BYTES_NONE : call->principal.name,
                               .member = call->principal.member,
                               .method = attempt->issuer->login->name,
                               .issuer = attempt->issuer->rules.issuer,
                               .subject = rest_json_bytes(json_object_get(claims, "sub")),
                               .sid = rest_json_bytes(json_object_get(claims, "sid")),
                               .id_token = id_token.size <= HINT_BYTES_MAX ? id_token : BYTES_NONE };
    bool ok = login_enter(call, &session, session.person, e);
    call->principal = before;
    login_count(false, ok ? LOGIN_DONE : LOGIN_TROUBLE);
    return ok;
}

/* RFC 9207: an answer that another provider sent in this one's name is seen by its `iss`. */
static bool check_sender(struct rest_call *call, const struct attempt *attempt, const struct issuer_endpoints *endpoints, struct error *e)
{
    struct bytes iss = rest_query(call, "iss");
    bool is_same = bytes_equal(iss, attempt->issuer->rules.issuer);
    return (iss.data == NULL ? !endpoints->has_iss : is_same) || refuse_answer(call, e, "the answer is of another provider (iss)");
}

bool login_finish(struct rest_call *call, struct bytes *next, struct error *e)
{
    struct attempt attempt = { .issuer = NULL };
    struct error cause = { 0 };
    json_t *answer = NULL, *claims = NULL;
    struct issuer_endpoints *endpoints = arena_take_zeroed(&call->arena, sizeof *endpoints);
    if (endpoints == NULL) {
        return error_memory(e, "sign-in");
    }
    if (!find_attempt(call, rest_query(call, "state"), &attempt, e)) {
        return false;
    }
    *next = attempt.next;
    if (!issuers_endpoints(call->settings->issuers, attempt.issuer, call->now_ms, endpoints, &cause)) {
        return be_down(call, &cause, e);
    }
    if (!check_sender(call, &attempt, endpoints, e)) {
        return false;
    }
    if (rest_query(call, "error").size > 0 || rest_query(call, "code").size == 0) {
        return refuse_answer(call, e, "the provider did not sign you in");
    }
    bool ok = exchange(call, &attempt, endpoints->token, rest_query(call, "code"), &answer, e) &&
              check_id_token(call, &attempt, answer, &claims, e) && enter(call, &attempt, answer, claims, e);
    json_decref(claims);
    json_decref(answer);
    explicit_bzero(&attempt, sizeof attempt);
    return ok;
}

/* ---- Out ---- */

const char *login_end_url(struct rest_call *call, const struct session *session)
{
    const struct api_issuer *issuer = NULL;
    struct error ignored = { 0 };
    struct buffer url;
    struct issuer_endpoints *endpoints = arena_take_zeroed(&call->arena, sizeof *endpoints);
    for (size_t i = 0; session->issuer.size > 0 && login_provider(call, i) != NULL && issuer == NULL; i++) {
        issuer = bytes_equal(login_provider(call, i)->rules.issuer, session->issuer) ? login_provider(call, i) : NULL;
    }
    if (issuer == NULL || endpoints == NULL || !issuers_endpoints(call->settings->issuers, issuer, call->now_ms, endpoints, &ignored) ||
        endpoints->end_session[0] == '\0') {
        return NULL;
    }
    buffer_init(&url, URL_BYTES_MAX);
    buffer_append_text(&url, endpoints->end_session);
    buffer_append_text(&url, strchr(endpoints->end_session, '?') == NULL ? "?" : "&");
    append_parameter(&url, "client_id=", issuer->login->client_id);
    append_own_url(&url, call, "&post_logout_redirect_uri=", "/signed-out");
    if (session->id_token.size > 0) {
        append_parameter(&url, "&id_token_hint=", session->id_token);
    }
    const char *made = url.failed ? NULL : rest_text(call, buffer_bytes(&url));
    buffer_wipe(&url);
    return made;
}

static bool refuse_logout(struct rest_call *call, struct error *e, const char *what)
{
    diag(DIAG_WARN, "api", "a provider's logout was refused", "why", what, NULL);
    return rest_refuse(call, e, 400, "login.logout", "logout_token", NULL, "%s", what);
}

/* Each is good once (`jti`), for as long as it would be good at all. */
static bool use_once(struct rest_call *call, const struct api_issuer *issuer, const json_t *claims, bool *is_first, struct error *e)
{
    static const char old[] = "DELETE FROM shown_tokens WHERE until <= ?1";
    static const char sql[] = "INSERT INTO shown_tokens (digest, until) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING";
    struct store *store = call->rest->options.store;
    const struct bytes parts[] = { issuer->rules.issuer, BYTES("\n"), rest_json_bytes(json_object_get(claims, "jti")) };
    uint8_t digest[SHA256_SIZE];
    int64_t changed = 0;
    sha256_parts(parts, COUNT_OF(parts), digest);
    double until_s = json_number_value(json_object_get(claims, "exp"));
    const struct store_value now = STORE_INT(call->now_ms);
    const struct store_value values[] = { STORE_BIN(bytes_of(digest, SHA256_SIZE)),
                                          STORE_INT((int64_t)(until_s * 1000) + issuer->rules.skew_ms + 1000) };
    bool ok = store_run(store, old, &now, 1, NULL, NULL, NULL, e) &&
              store_run(store, sql, values, COUNT_OF(values), NULL, NULL, &changed, e);
    *is_first = changed > 0;
    return ok;
}

static bool end_named(struct rest_call *call, const struct api_issuer *issuer, const json_t *claims, struct error *e)
{
    struct bytes subject = rest_json_bytes(json_object_get(claims, "sub")), sid = rest_json_bytes(json_object_get(claims, "sid"));
    bool is_first = false;
    int64_t count = 0;
    if (subject.size == 0 && sid.size == 0) {
        return refuse_logout(call, e, "the token names neither sub nor sid");
    }
    if (rest_json_bytes(json_object_get(claims, "jti")).size == 0 || json_object_get(claims, "iat") == NULL) {
        return refuse_logout(call, e, "the token lacks jti or iat");
    }
    struct store *store = call->rest->options.store;
    /* Together: a token that was used up without an effect would be refused when the provider tries again. */
    if (!store_begin(store, e)) {
        return false;
    }
    if (!use_once(call, issuer, claims, &is_first, e) ||
        (is_first && !session_end_of_provider(store, issuer->rules.issuer, subject, sid, &count, e))) {
        store_rollback(store);
        return false;
    }
    return store_commit(store, e) && (is_first || refuse_logout(call, e, "the token was shown before (jti)"));
}

bool login_end_by_provider(struct rest_call *call, struct bytes logout_token, struct error *e)
{
    const struct api_issuer *issuer = NULL;
    struct error cause = { 0 };
    char *name = NULL;
    json_t *claims = NULL;
    if (!token_read_issuer(logout_token, &name, &cause)) {
        return refuse_logout(call, e, cause.what);
    }
    for (size_t i = 0; login_provider(call, i) != NULL && issuer == NULL; i++) {
        issuer = bytes_equal(login_provider(call, i)->rules.issuer, bytes_of_text(name)) ? login_provider(call, i) : NULL;
    }
    free(name);
    if (issuer == NULL) {
        return refuse_logout(call, e, "the token is of another provider (iss)");
    }
    struct token_rules rules = issuer->login->rules;
    rules.kind = TOKEN_KIND_LOGOUT;
    if (!issuers_check_by(call->settings->issuers, issuer, &rules, logout_token, call->now_ms, &claims, &cause)) {
        return cause.kind == ERROR_DENIED ? refuse_logout(call, e, cause.what) : be_down(call, &cause, e);
    }
    bool ok = end_named(call, issuer, claims, e);
    json_decref(claims);
    return ok;
}
