#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/time.h"
#include "gateway/gateway_internal.h"
#include "gateway/laws.h"
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
    law_drop(snapshot->law);
    law_drop(snapshot->rules);
    for (size_t i = 0; i < snapshot->foreign_law_count; i++) {
        law_drop(snapshot->foreign_laws[i]);
    }
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

static bool newest_name(char *name, size_t size, struct bytes community, struct error *e)
{
    int written = snprintf(name, size, "directory.newest.%.*s", BYTES_FMT(community));
    return (written > 0 && (size_t)written < size) || error_set(e, ERROR_INPUT, "directory", NULL, "the community's name is too long");
}

/* "<serial> <digest in hex>", so that both change at once. */
static bool read_newest(struct store *store, const char *name, struct directory_seen *seen, struct error *e)
{
    struct buffer text;
    struct bytes serial;
    *seen = (struct directory_seen){ 0 };
    buffer_init(&text, 256);
    bool ok = state_get_text(store, name, &text, e);
    if (ok) {
        struct bytes rest = buffer_bytes(&text);
        ok = (bytes_split(&rest, ' ', &serial) && bytes_to_u64(serial, &seen->serial) && hex_parse(rest, seen->digest, SHA256_SIZE)) ||
             error_set(e, ERROR_INPUT, name, "restore the database from a backup", "the stored value is no serial with a digest");
    } else {
        ok = e->kind == ERROR_ABSENT;
    }
    buffer_clear(&text);
    return ok;
}

static bool write_newest(struct store *store, const char *name, const struct directory *directory, struct error *e)
{
    char hex[2 * SHA256_SIZE + 1];
    struct buffer text;
    hex_write(bytes_of(directory->digest, SHA256_SIZE), hex);
    buffer_init(&text, 256);
    buffer_append_format(&text, "%llu %s", (unsigned long long)directory->serial, hex);
    bool ok = text.failed ? error_memory(e, name) : state_set_text(store, name, buffer_bytes(&text), e);
    buffer_clear(&text);
    return ok;
}

/* The newest directory of each community is remembered, also over a restart: one that was put back does not bring revoked keys back. */
bool gateway_accept_directory(void *context, const struct directory *directory, struct error *e)
{
    struct gateway *gateway = context;
    struct directory_seen seen;
    char name[512];
    if (!newest_name(name, sizeof name, directory->community, e) || !read_newest(gateway->store, name, &seen, e) ||
        !directory_check_newest(directory, &seen, e)) {
        return false;
    }
    return directory->serial == seen.serial || write_newest(gateway->store, name, directory, e);
}

bool snapshot_load_world(struct gateway *gateway, struct world **out, struct error *e)
{
    const struct gateway_config *config = gateway->config;
    return world_load(out, config->member.parts[0], config->directory.file, config->directory.foreign_folder, config->directory.operators,
                      config->directory.operator_count, config->directory.threshold, time_now_ms(), gateway_accept_directory, warn_foreign,
                      gateway, e);
}

/* Without its own community's law a gateway decides nothing. Another's is looked at where it is known. */
static bool load_laws(struct gateway *gateway, struct snapshot *s, struct error *e)
{
    const char *folder = gateway->config->folder;
    if (!laws_load(&s->law, folder, s->world->own, e)) {
        return false;
    }
    s->foreign_laws = arena_take_zeroed(&s->arena, (s->world->foreign_count + 1) * sizeof(struct law *));
    if (s->foreign_laws == NULL) {
        return error_memory(e, "laws");
    }
    for (size_t i = 0; i < s->world->foreign_count; i++) {
        const struct directory *foreign = s->world->foreign[i];
        struct error fault = { 0 };
        if (foreign->has_law && !laws_load(&s->foreign_laws[i], folder, foreign, &fault)) {
            char community[256];
            (void)snprintf(community, sizeof community, "%.*s", BYTES_FMT(foreign->community));
            diag(DIAG_WARN, "law", "a recognised community's law is not known here", "community", community, "what", fault.what, "todo",
                 fault.todo, NULL);
        }
        s->foreign_law_count++;
    }
    return true;
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

bool snapshot_load_tls(struct gateway *gateway, struct snapshot *snapshot, struct error *e)
{
    const struct gateway_config *config = gateway->config;
    return tls_make_peer(&snapshot->peer_tls, config->certificate_path, config->tls_key_path, is_pin_known, gateway, e) &&
           load_service_tls(snapshot, config, e) && load_application_tls(snapshot, config, e);
}

bool snapshot_load(struct snapshot **out, struct gateway *gateway, struct error *e)
{
    *out = NULL;
    struct snapshot *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return error_memory(e, "snapshot");
    }
    s->reference_count = 1;
    if (!gateway->places->load_world(gateway, &s->world, e) || !load_laws(gateway, s, e) || !load_policy(gateway, &s->policy, e) ||
        !policy_tighten(s->policy, s->law, "the policy", &s->rules, e) || !gateway->places->load_tls(gateway, s, e) ||
        !write_directory_text(s, e)) {
        snapshot_release(s);
        return false;
    }
    find_self(s, gateway);
    *out = s;
    return true;
}
