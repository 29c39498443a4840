#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/time.h"
#include "gateway/gateway_internal.h"
#include "store/policies.h"
#include "store/state.h"

struct snapshot *snapshot_keep(struct snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->reference_count, 1, memory_order_relaxed);
    return snapshot;
}

void snapshot_release(struct snapshot *snapshot)
{
    if (snapshot == NULL || atomic_fetch_sub_explicit(&snapshot->reference_count, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < snapshot->service_tls_count; i++) {
        tls_free(snapshot->service_tls[i].tls);
    }
    for (size_t i = 0; snapshot->application_tls != NULL && i < snapshot->application_count; i++) {
        tls_free(snapshot->application_tls[i]);
    }
    tls_free(snapshot->peer_tls);
    tls_free(snapshot->log_tls);
    world_release(snapshot->world);
    policy_drop(snapshot->policy);
    arena_clear(&snapshot->arena);
    free(snapshot);
}

struct snapshot *gateway_snapshot(struct gateway *gateway)
{
    (void)pthread_mutex_lock(&gateway->lock);
    struct snapshot *snapshot = snapshot_keep(gateway->snapshot);
    (void)pthread_mutex_unlock(&gateway->lock);
    return snapshot;
}

bool snapshot_is_valid(const struct snapshot *snapshot, int64_t now_ms, struct error *e)
{
    return directory_check_time(snapshot->world->own, now_ms, e);
}

struct tls *snapshot_service_tls(const struct snapshot *snapshot, const struct policy_service *service)
{
    struct bytes trusted = service->verify_tls ? service->trusted_path : BYTES_NONE;
    for (size_t i = 0; i < snapshot->service_tls_count; i++) {
        if (bytes_equal(snapshot->service_tls[i].trusted_path, trusted)) {
            return snapshot->service_tls[i].tls;
        }
    }
    return NULL;
}

static void warn_foreign(void *context, const char *community, const struct error *e)
{
    (void)context;
    diag(DIAG_WARN, "directory", "a recognised community is left out", "community", community, "where", e->where, "what", e->what, "todo",
         e->todo, NULL);
}

static bool serial_name(char *name, size_t size, struct bytes community)
{
    int written = snprintf(name, size, "directory.serial.%.*s", BYTES_FMT(community));
    return written > 0 && (size_t)written < size;
}

/* The newest serial that was ever loaded of a community; 0 when none was. */
static bool serial_seen(struct store *store, struct bytes community, uint64_t *serial, struct error *e)
{
    char name[512];
    *serial = 0;
    if (!serial_name(name, sizeof name, community)) {
        return error_set(e, ERROR_INPUT, "directory", NULL, "the community's name is too long");
    }
    return state_get_u64(store, name, serial, e) || e->kind == ERROR_ABSENT;
}

static bool note_serial(struct store *store, const struct directory *directory, uint64_t seen, struct error *e)
{
    char name[512];
    return directory->serial <= seen ||
           (serial_name(name, sizeof name, directory->community) && state_set_u64(store, name, directory->serial, e));
}

/* A foreign directory older than one that was seen may bring back keys that were revoked: it is left out. */
static bool accept_foreign(void *context, const struct directory *foreign, struct error *e)
{
    struct gateway *gateway = context;
    uint64_t seen;
    if (!serial_seen(gateway->store, foreign->community, &seen, e)) {
        return false;
    }
    if (foreign->serial < seen) {
        return error_set(e, ERROR_DENIED, "directory", "fetch that community's newest directory",
                         "serial %llu is older than %llu, which was seen", (unsigned long long)foreign->serial, (unsigned long long)seen);
    }
    return note_serial(gateway->store, foreign, seen, e);
}

static bool load_world(struct gateway *gateway, struct world **out, struct error *e)
{
    const struct gateway_config *config = gateway->config;
    uint64_t seen;
    if (!serial_seen(gateway->store, config->member.parts[0], &seen, e) ||
        !world_load(out, config->directory.file, config->directory.foreign_folder, config->directory.operators,
                    config->directory.operator_count, config->directory.threshold, seen, time_now_ms(), accept_foreign, warn_foreign,
                    gateway, e)) {
        return false;
    }
    if (!bytes_equal((*out)->own->community, config->member.parts[0])) {
        return error_set(e, ERROR_INPUT, config->directory.file, "set directory.file to our own community's",
                         "this directory is of community %.*s", BYTES_FMT((*out)->own->community));
    }
    return note_serial(gateway->store, (*out)->own, seen, e);
}

static bool load_policy(struct gateway *gateway, struct policy **out, struct error *e)
{
    struct policy_version version;
    struct buffer holder;
    char file[256];
    buffer_init(&holder, 2 * POLICY_STORE_TEXT_MAX);
    bool ok = policy_store_current(gateway->store, &version, &holder, e);
    if (ok) {
        (void)snprintf(file, sizeof file, "%.*s", BYTES_FMT(version.file));
        ok = policy_parse(out, version.text, file, gateway->config->folder, &gateway->config->member, e);
    } else if (e->kind == ERROR_ABSENT) {
        diag(DIAG_WARN, "policy", "nothing is applied yet", "todo", "run `comity apply FILE`", NULL);
        ok = policy_parse(out, BYTES("{}\n"), "(none)", gateway->config->folder, &gateway->config->member, e);
    }
    buffer_clear(&holder);
    return ok;
}

static bool is_pin_known(void *context, const uint8_t pin[PIN_SIZE])
{
    struct gateway *gateway = context;
    struct snapshot *snapshot = gateway_snapshot(gateway);
    bool is_known = world_find_gateway_by_pin(snapshot->world, pin, time_now_ms()) != NULL;
    snapshot_release(snapshot);
    return is_known;
}

static bool load_service_tls(struct snapshot *s, const struct gateway_config *config, struct error *e)
{
    const struct policy *policy = s->policy;
    s->service_tls = arena_take_zeroed(&s->arena, (policy->service_count + 1) * sizeof *s->service_tls);
    if (s->service_tls == NULL) {
        return error_memory(e, "services");
    }
    for (size_t i = 0; i < policy->service_count; i++) {
        const struct policy_service *service = &policy->services[i];
        bool is_tls = bytes_start_with(service->url, BYTES("https://")) || bytes_start_with(service->openapi_url, BYTES("https://"));
        if (!is_tls || snapshot_service_tls(s, service) != NULL) {
            continue;
        }
        struct bytes trusted = service->verify_tls ? service->trusted_path : BYTES_NONE;
        char path[4096];
        (void)snprintf(path, sizeof path, "%.*s", BYTES_FMT(trusted));
        struct service_tls *made = &s->service_tls[s->service_tls_count];
        made->trusted_path = trusted;
        if (!tls_make_service(&made->tls, config->certificate_path, config->tls_key_path, trusted.size == 0 ? NULL : path, e)) {
            return false;
        }
        s->service_tls_count++;
    }
    return true;
}

static bool load_application_tls(struct snapshot *s, const struct gateway_config *config, struct error *e)
{
    s->application_tls = arena_take_zeroed(&s->arena, (config->application_count + 1) * sizeof *s->application_tls);
    if (s->application_tls == NULL) {
        return error_memory(e, "listen.applications");
    }
    s->application_count = config->application_count;
    for (size_t i = 0; i < config->application_count; i++) {
        const struct gateway_listener *listener = &config->applications[i];
        if (listener->certificate_path != NULL &&
            !tls_make_application(&s->application_tls[i], listener->certificate_path, listener->key_path, e)) {
            return false;
        }
    }
    return config->log_listener == NULL || config->log_listener->certificate_path == NULL ||
           tls_make_application(&s->log_tls, config->log_listener->certificate_path, config->log_listener->key_path, e);
}

/* Who we are in our own directory. */
static void find_self(struct snapshot *s, struct gateway *gateway)
{
    const struct gateway_config *config = gateway->config;
    s->member = directory_find_member(s->world->own, &config->member);
    for (size_t i = 0; s->member != NULL && i < s->member->gateway_count; i++) {
        const struct directory_gateway *g = &s->member->gateways[i];
        if (bytes_equal(g->code, config->code) && verifier_equal(&g->statement_key, signer_verifier(gateway->signer))) {
            s->gateway = g;
        }
    }
    if (s->gateway == NULL) {
        diag(DIAG_WARN, "directory", "this gateway's statement key is not in the directory", "todo",
             "give the operator what `comity doctor` prints, and load the new directory", NULL);
    }
}

static bool write_directory_text(struct snapshot *s, struct error *e)
{
    const struct directory *own = s->world->own;
    struct buffer text;
    buffer_init(&text, 4096);
    percent_append(&text, own->community);
    buffer_append_format(&text, " %llu sha-256=:", (unsigned long long)own->serial);
    base64_append(&text, bytes_of(own->digest, sizeof own->digest));
    buffer_append_u8(&text, ':');
    s->directory_text = text.failed ? BYTES_NONE : arena_copy(&s->arena, buffer_bytes(&text));
    buffer_clear(&text);
    return s->directory_text.data != NULL || error_memory(e, "directory");
}

bool snapshot_load(struct snapshot **out, struct gateway *gateway, struct error *e)
{
    const struct gateway_config *config = gateway->config;
    *out = NULL;
    struct snapshot *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return error_memory(e, "snapshot");
    }
    s->reference_count = 1;
    if (!load_world(gateway, &s->world, e) || !load_policy(gateway, &s->policy, e) ||
        !tls_make_peer(&s->peer_tls, config->certificate_path, config->tls_key_path, is_pin_known, gateway, e) ||
        !load_service_tls(s, config, e) || !load_application_tls(s, config, e) || !write_directory_text(s, e)) {
        snapshot_release(s);
        return false;
    }
    find_self(s, gateway);
    *out = s;
    return true;
}
