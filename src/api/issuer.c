#include "api/issuer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/fetch.h"
#include "base/diag.h"
#include "base/time.h"

enum { URL_SIZE = ISSUER_URL_SIZE, DOCUMENT_BYTES_MAX = 256 * 1024, FETCH_MS_MAX = 8000 };

struct issuer {
    const struct api_issuer *config;
    pthread_mutex_t mutex;    /* guards `keys` and `fetched_at_ms` */
    pthread_mutex_t fetching; /* held by who fetches: the others wait for what he brings, and don't ask as well */
    struct token_keys *keys;  /* NULL: none yet */
    int64_t fetched_at_ms, tried_at_ms;
    bool was_tried, has_failed;        /* the last time */
    struct issuer_endpoints endpoints; /* guarded by `fetching` */
    int64_t endpoints_at_ms;           /* 0: none yet */
    int64_t endpoints_failed_at_ms;    /* 0: never */
};
struct issuers {
    struct issuer *list;
    size_t count;
};

/* ---- Getting keys ---- */

static bool read_file(const char *path, struct token_keys **out, struct error *e)
{
    struct buffer text;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return error_system(e, path, "put the provider's JWK Set there, or leave `keys` out to have it by discovery");
    }
    buffer_init(&text, TOKEN_KEYS_BYTES_MAX + 1);
    uint8_t *room = buffer_room(&text, TOKEN_KEYS_BYTES_MAX + 1);
    buffer_added(&text, room == NULL ? 0 : fread(room, 1, TOKEN_KEYS_BYTES_MAX + 1, file));
    bool ok = room == NULL ? error_memory(e, path) : ferror(file) == 0 || error_system(e, path, "check the disk");
    (void)fclose(file); /* read only: nothing to lose */
    ok = ok && token_keys_parse(out, buffer_bytes(&text), path, e);
    buffer_clear(&text);
    return ok;
}

static bool fetch_document(const struct api_issuer *config, const char *url, const char *where, struct buffer *out, struct error *e)
{
    static const char *const fields[] = { "Accept: application/json", NULL };
    struct error cause = { 0 };
    unsigned status = 0;
    const struct fetch fetch = {
        .url = url, .fields = fields, .allow_local = config->allow_local, .trusted_path = config->trusted_path, .timeout_ms = FETCH_MS_MAX
    };
    if (!fetch_run(&fetch, &status, out, &cause)) {
        return error_set(e, ERROR_IO, where, cause.todo, "can't be fetched: %.150s", cause.what);
    }
    return status == 200 || error_set(e, ERROR_IO, where, "check the issuer's address", "its server answers with status %u", status);
}

/* OpenID Connect Discovery 1.0, 4: the document must name the issuer that it was asked for, or another could speak for it. */
static bool read_discovery(const struct api_issuer *config, struct bytes text, char url[URL_SIZE], struct error *e)
{
    json_error_t fault;
    json_t *document = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &fault);
    const json_t *issuer = json_object_get(document, "issuer"), *keys = json_object_get(document, "jwks_uri");
    bool ok = json_is_string(issuer) && bytes_equal(bytes_of(json_string_value(issuer), json_string_length(issuer)), config->rules.issuer);
    if (!ok) {
        error_set(e, ERROR_INPUT, "OpenID discovery", "write `issuer` as the provider does", "the document is of another issuer");
    } else {
        int size = json_is_string(keys) ? snprintf(url, URL_SIZE, "%s", json_string_value(keys)) : -1;
        ok = (size > 0 && size < URL_SIZE) || error_set(e, ERROR_INPUT, "OpenID discovery", NULL, "the document has no jwks_uri");
    }
    json_decref(document);
    return ok;
}

static bool discovery_url(const struct api_issuer *config, char url[URL_SIZE], struct error *e)
{
    struct bytes base = config->rules.issuer;
    while (base.size > 0 && base.data[base.size - 1] == '/') {
        base.size--;
    }
    int size = snprintf(url, URL_SIZE, "%.*s/.well-known/openid-configuration", BYTES_FMT(base));
    return (size >= 0 && size < URL_SIZE) || error_set(e, ERROR_INPUT, "issuer", NULL, "the issuer's name is too long");
}

static bool fetch_keys(const struct api_issuer *config, struct token_keys **out, struct error *e)
{
    char url[URL_SIZE];
    struct buffer text;
    bool ok = false;
    if (!discovery_url(config, url, e)) {
        return false;
    }
    buffer_init(&text, DOCUMENT_BYTES_MAX);
    if (fetch_document(config, url, "OpenID discovery", &text, e) && read_discovery(config, buffer_bytes(&text), url, e)) {
        buffer_reset(&text);
        ok = fetch_document(config, url, "the issuer's keys", &text, e) &&
             token_keys_parse(out, buffer_bytes(&text), "the issuer's keys", e);
    }
    buffer_clear(&text);
    return ok;
}

/* An address of the document: https, or plain where the provider may be local. Browsers are sent there: nothing else may be in it. */
static bool read_url(const struct api_issuer *config, const json_t *value, bool is_needed, char out[URL_SIZE], struct error *e)
{
    struct bytes url = bytes_of(json_string_value(value), json_string_length(value));
    out[0] = '\0';
    if (value == NULL && !is_needed) {
        return true;
    }
    bool ok = url.size < URL_SIZE &&
              (bytes_start_with(url, BYTES("https://")) || (config->allow_local && bytes_start_with(url, BYTES("http://"))));
    for (size_t i = 0; ok && i < url.size; i++) {
        ok = url.data[i] > 0x20 && url.data[i] < 0x7f && url.data[i] != '"' && url.data[i] != '<' && url.data[i] != '>';
    }
    if (!ok || bytes_find(url, '#') != url.size) {
        return error_set(e, ERROR_INPUT, "OpenID discovery", "tell the provider", "an endpoint is missing, or is no https URL");
    }
    memcpy(out, url.data, url.size);
    out[url.size] = '\0';
    return true;
}

static bool read_endpoints(const struct api_issuer *config, struct bytes text, struct issuer_endpoints *out, struct error *e)
{
    char url[URL_SIZE];
    if (!read_discovery(config, text, url, e)) { /* checks whose document it is */
        return false;
    }
    json_t *document = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    bool ok = read_url(config, json_object_get(document, "authorization_endpoint"), true, out->authorization, e) &&
              read_url(config, json_object_get(document, "token_endpoint"), true, out->token, e) &&
              read_url(config, json_object_get(document, "end_session_endpoint"), false, out->end_session, e);
    out->has_iss = json_is_true(json_object_get(document, "authorization_response_iss_parameter_supported"));
    json_decref(document);
    return ok;
}

static bool fetch_endpoints(const struct api_issuer *config, struct issuer_endpoints *out, struct error *e)
{
    char url[URL_SIZE];
    struct buffer text;
    if (!discovery_url(config, url, e)) {
        return false;
    }
    buffer_init(&text, DOCUMENT_BYTES_MAX);
    bool ok = fetch_document(config, url, "OpenID discovery", &text, e) && read_endpoints(config, buffer_bytes(&text), out, e);
    buffer_clear(&text);
    return ok;
}

/* A reference to what is there, or NULL; `*age_ms` is how old it is. */
static struct token_keys *present_keys(struct issuer *issuer, int64_t now_ms, int64_t *age_ms)
{
    (void)pthread_mutex_lock(&issuer->mutex);
    struct token_keys *keys = issuer->keys == NULL ? NULL : token_keys_keep(issuer->keys);
    *age_ms = now_ms - issuer->fetched_at_ms;
    (void)pthread_mutex_unlock(&issuer->mutex);
    return keys;
}

/* Fetches, unless that was just tried or another thread has meanwhile brought keys that are newer than `seen`. */
static bool renew(struct issuer *issuer, const struct token_keys *seen, int64_t now_ms, struct error *e)
{
    struct token_keys *fresh = NULL, *old = NULL;
    (void)pthread_mutex_lock(&issuer->fetching);
    bool is_done = issuer->keys != seen;
    int64_t gap_ms = issuer->has_failed ? ISSUER_RETRY_GAP_MS : ISSUER_FETCH_GAP_MS;
    bool is_too_soon = issuer->was_tried && now_ms - issuer->tried_at_ms < gap_ms && now_ms >= issuer->tried_at_ms;
    bool ok = is_done;
    if (!is_done && is_too_soon) {
        error_set(e, ERROR_IO, "the issuer's keys", "try again in a moment", "were asked for just now");
    } else if (!is_done) {
        issuer->was_tried = true;
        issuer->tried_at_ms = now_ms;
        ok = fetch_keys(issuer->config, &fresh, e);
        issuer->has_failed = !ok;
        if (!ok) {
            diag_error(DIAG_WARN, "api", "an issuer's keys can't be had", e);
        }
    }
    if (fresh != NULL) {
        (void)pthread_mutex_lock(&issuer->mutex);
        old = issuer->keys;
        issuer->keys = fresh;
        issuer->fetched_at_ms = now_ms;
        (void)pthread_mutex_unlock(&issuer->mutex);
        token_keys_release(old);
    }
    (void)pthread_mutex_unlock(&issuer->fetching);
    return ok;
}

/* ---- Checking ---- */

static bool check_with(struct issuer *issuer, const struct token_rules *rules, struct bytes token, int64_t now_ms, json_t **claims,
                       struct error *e)
{
    int64_t age_ms;
    bool is_key_unknown = false, ok;
    struct error fetched = { 0 };
    bool is_file = issuer->config->keys_path != NULL;
    struct token_keys *keys = present_keys(issuer, now_ms, &age_ms);
    bool is_old = !is_file && (keys == NULL || age_ms > issuer->config->keys_age_max_ms || age_ms < 0);
    if (is_old) {
        bool is_renewed = renew(issuer, keys, now_ms, &fetched);
        token_keys_release(keys);
        keys = is_renewed ? present_keys(issuer, now_ms, &age_ms) : NULL;
    }
    if (keys == NULL) { /* too old counts as none: a key that was taken back must not be good for as long as the line is down */
        *e = fetched;
        return false;
    }
    ok = token_check(token, keys, rules, now_ms, claims, &is_key_unknown, e);
    if (!ok && is_key_unknown && !is_file && renew(issuer, keys, now_ms, &fetched)) {
        token_keys_release(keys);
        keys = present_keys(issuer, now_ms, &age_ms);
        ok = token_check(token, keys, rules, now_ms, claims, &is_key_unknown, e);
    }
    token_keys_release(keys);
    return ok;
}

bool issuers_check(struct issuers *issuers, struct bytes token, int64_t now_ms, json_t **claims, const struct api_issuer **issuer,
                   struct error *e)
{
    char *name = NULL;
    bool ok = false;
    *claims = NULL;
    *issuer = NULL;
    if (!token_read_issuer(token, &name, e)) {
        return false;
    }
    struct issuer *found = NULL;
    for (size_t i = 0; i < issuers->count && found == NULL; i++) {
        found = bytes_equal(issuers->list[i].config->rules.issuer, bytes_of_text(name)) ? &issuers->list[i] : NULL;
    }
    if (found == NULL) {
        error_set(e, ERROR_DENIED, "header Authorization", "sign in with a provider that is known here",
                  "the token is of another issuer (iss)");
    } else {
        ok = check_with(found, &found->config->rules, token, now_ms, claims, e);
        *issuer = ok ? found->config : NULL;
    }
    free(name);
    return ok;
}

static struct issuer *find(struct issuers *issuers, const struct api_issuer *config)
{
    for (size_t i = 0; i < issuers->count; i++) {
        if (issuers->list[i].config == config) {
            return &issuers->list[i];
        }
    }
    return NULL;
}

bool issuers_check_by(struct issuers *issuers, const struct api_issuer *issuer, const struct token_rules *rules, struct bytes token,
                      int64_t now_ms, json_t **claims, struct error *e)
{
    struct issuer *found = find(issuers, issuer);
    *claims = NULL;
    return found != NULL ? check_with(found, rules, token, now_ms, claims, e)
                         : error_set(e, ERROR_DENIED, "token", NULL, "is of a provider that is not known here");
}

bool issuers_endpoints(struct issuers *issuers, const struct api_issuer *issuer, int64_t now_ms, struct issuer_endpoints *out,
                       struct error *e)
{
    struct issuer *found = find(issuers, issuer);
    if (found == NULL) {
        return error_set(e, ERROR_INPUT, "provider", NULL, "is not known here");
    }
    (void)pthread_mutex_lock(&found->fetching);
    int64_t age_ms = now_ms - found->endpoints_at_ms;
    bool ok = found->endpoints_at_ms != 0 && age_ms >= 0 && age_ms <= issuer->keys_age_max_ms;
    /* Whoever waited for the lock began before the failure that he waited for: his `now` may be the earlier. */
    int64_t since_ms = now_ms - found->endpoints_failed_at_ms;
    bool has_just_failed = found->endpoints_failed_at_ms != 0 && since_ms < ISSUER_RETRY_GAP_MS && since_ms > -60 * 1000;
    if (!ok && has_just_failed) {
        error_set(e, ERROR_IO, "provider", "try again in a moment", "it could not be reached just now");
    } else if (!ok) {
        struct issuer_endpoints *fresh = calloc(1, sizeof *fresh);
        ok = fresh == NULL ? error_memory(e, "provider") : fetch_endpoints(issuer, fresh, e);
        if (ok) {
            found->endpoints = *fresh;
            found->endpoints_at_ms = now_ms;
        } else {
            found->endpoints_failed_at_ms = time_now_ms();
            diag_error(DIAG_WARN, "api", "a provider can't be reached for signing in", e);
        }
        free(fresh);
    }
    if (ok) {
        *out = found->endpoints;
    }
    (void)pthread_mutex_unlock(&found->fetching);
    return ok;
}

/* ---- Life ---- */

bool issuers_make(struct issuers **out, const struct api_config *config, struct error *e)
{
    *out = NULL;
    struct issuers *issuers = calloc(1, sizeof *issuers);
    struct issuer *list = calloc(config->issuer_count + 1, sizeof *list);
    if (issuers == NULL || list == NULL) {
        free(issuers);
        free(list);
        return error_memory(e, "issuers");
    }
    issuers->list = list;
    for (size_t i = 0; i < config->issuer_count; i++) {
        struct issuer *issuer = &list[i];
        issuer->config = &config->issuers[i];
        if (pthread_mutex_init(&issuer->mutex, NULL) != 0) {
            issuers_free(issuers);
            return error_memory(e, "issuers");
        }
        if (pthread_mutex_init(&issuer->fetching, NULL) != 0) {
            (void)pthread_mutex_destroy(&issuer->mutex);
            issuers_free(issuers);
            return error_memory(e, "issuers");
        }
        issuers->count++;
        if (issuer->config->keys_path != NULL && !read_file(issuer->config->keys_path, &issuer->keys, e)) {
            issuers_free(issuers);
            return false;
        }
    }
    *out = issuers;
    return true;
}

void issuers_free(struct issuers *issuers)
{
    if (issuers == NULL) {
        return;
    }
    for (size_t i = 0; i < issuers->count; i++) {
        token_keys_release(issuers->list[i].keys);
        (void)pthread_mutex_destroy(&issuers->list[i].mutex);
        (void)pthread_mutex_destroy(&issuers->list[i].fetching);
    }
    free(issuers->list);
    free(issuers);
}
