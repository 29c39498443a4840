#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <uv.h>

#include "api/control.h"
#include "api/management.h"
#include "api/rest.h"
#include "api/webhook.h"
#include "audit/export.h"
#include "audit/uses_proof.h"
#include "base/time.h"
#include "cli/command_evidence_internal.h"
#include "cli/file.h"
#include "cli/ground.h"
#include "cli/notify.h"
#include "cli/output.h"
#include "cli/place.h"
#include "evidence/archive.h"
#include "gateway/gateway.h"
#include "portal/pages.h"

enum { SIGNAL_COUNT = 3 };

/* The running process: the gateway, and what stands around it on the main loop. */
struct service {
    const struct gateway_config *config;
    uv_loop_t loop;
    struct gateway *gateway;
    struct management *management;
    struct control *control;
    struct ground_source ground;
    struct rest *rest;     /* NULL: without listen.api */
    struct portal *portal; /* the pages beside the API */
    struct disk *archive;  /* the API's: notices by digest, and what bundles need */
    uv_signal_t signals[SIGNAL_COUNT];
    size_t signal_count; /* of those that are on the loop */
    bool is_stopping;
    int64_t started_at_ms;
};

/* ---- Asked by the listeners ---- */

static bool is_ready(void *context, struct error *why)
{
    const struct service *service = context;
    return gateway_is_ready(service->gateway, why);
}

static bool reload(void *context, struct error *e)
{
    struct service *service = context;
    notify_reloading();
    bool ok = gateway_reload(service->gateway, e) && (service->rest == NULL || rest_reload(service->rest, e));
    if (ok) {
        diag(DIAG_INFO, "gateway", "reloaded directory, policy and keys", NULL);
    } else {
        diag_error(DIAG_ERROR, "gateway", "what was loaded before stays in force", e);
    }
    notify_service("READY=1");
    return ok;
}

static void tell_status(void *context, struct control_status *out)
{
    const struct service *service = context;
    out->origin = (const char *)service->config->origin.data; /* the arena's copies end with a NUL */
    out->is_ready = gateway_is_ready(service->gateway, &out->why);
    out->log_entries = committer_log_size(gateway_committer(service->gateway));
    out->started_at_ms = service->started_at_ms;
}

/* On the committer's thread: nothing that came after the failure may leave, so nothing is drained. */
static void on_dead(void *context, const struct error *e)
{
    (void)context;
    (void)e; /* the gateway has said it */
    _exit(COMMAND_NOT_TRIED);
}

/* ---- Stop: the API, control, then the gateway, then the rest; each when the one before is through ---- */

static void close_signals(struct service *service)
{
    for (size_t i = 0; i < service->signal_count; i++) {
        uv_close((uv_handle_t *)&service->signals[i], NULL);
    }
    service->signal_count = 0;
}

static void after_gateway(void *context)
{
    struct service *service = context;
    if (service->management != NULL) {
        management_stop(service->management, NULL, NULL);
        service->management = NULL;
    }
    close_signals(service);
}

static void after_control(void *context)
{
    struct service *service = context;
    gateway_drain(service->gateway, after_gateway, service);
}

/* Consents are given and withdrawn through the API and the control socket: what was begun there ends while the log still takes entries. */
static void after_rest(void *context)
{
    struct service *service = context;
    if (service->control != NULL) {
        control_stop(service->control, after_control, service);
        service->control = NULL;
    } else if (service->gateway != NULL) {
        after_control(service);
    } else {
        after_gateway(service);
    }
}

static void stop(struct service *service)
{
    struct rest *rest = service->rest;
    service->is_stopping = true;
    notify_service("STOPPING=1");
    service->rest = NULL;
    if (rest != NULL) {
        rest_stop(rest, after_rest, service);
    } else {
        after_rest(service);
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct service *service = handle->data;
    struct error e;
    if (number == SIGHUP) {
        if (!service->is_stopping) {
            (void)reload(service, &e); /* said in the diagnostics */
        }
        return;
    }
    if (service->is_stopping) {
        diag(DIAG_WARN, "gateway", "told to stop again: not waiting for what is under way", NULL);
        _exit(COMMAND_NO);
    }
    diag(DIAG_INFO, "gateway", "stopping", NULL);
    stop(service);
}

/* ---- Start ---- */

static bool watch_signals(struct service *service, struct error *e)
{
    static const int numbers[SIGNAL_COUNT] = { SIGHUP, SIGTERM, SIGINT };
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        uv_signal_t *handle = &service->signals[i];
        if (uv_signal_init(&service->loop, handle) != 0) {
            return error_memory(e, "signals");
        }
        service->signal_count++;
        handle->data = service;
        if (uv_signal_start(handle, on_signal, numbers[i]) != 0) {
            return error_set(e, ERROR_IO, "signals", NULL, "can't be watched");
        }
    }
    return true;
}

/* On a thread of the pool: what `comity evidence export` writes. */
static bool make_bundle(void *context, struct bytes exchange, struct buffer *out, struct error *e)
{
    const struct service *service = context;
    const struct erasure_log *log = gateway_erasure_log(service->gateway);
    const struct export_source source = {
        .public = log->public, .private = log->private, .archive = service->archive, .origin = service->config->origin
    };
    const struct export_options options = { .exchange = exchange, .has_policy = false };
    struct bundle bundle;
    struct arena arena = { 0 };
    bool ok = false;
    if (bundle_init(&bundle, e)) {
        ok = bundle_export(&source, &options, &bundle, &arena, e);
        if (ok) {
            bundle_write_file(&bundle, out);
            ok = !out->failed || error_set(e, ERROR_FULL, "bundle", "use comity evidence export", "it is too large");
        }
        bundle_clear(&bundle);
    }
    arena_clear(&arena);
    return ok;
}

/* On a thread of the pool: what `comity log uses --prove` writes. */
static bool make_uses_file(void *context, const json_t *proof, struct bytes person, struct buffer *out, struct error *e)
{
    const struct service *service = context;
    const struct erasure_log *log = gateway_erasure_log(service->gateway);
    struct buffer directory;
    struct error absent, cause = { 0 };
    buffer_init(&directory, ARCHIVE_BYTES_MAX);
    if (!file_read_whole(service->config->directory.file, &directory, &absent)) {
        buffer_reset(&directory); /* the file does without one */
    }
    /* Waiting for what is to be published leaves an error behind that is none. */
    bool ok = uses_proof_make(proof, person, signer_verifier(gateway_signer(service->gateway)), buffer_bytes(&directory), log->public,
                              log->private, out, &cause);
    buffer_clear(&directory);
    if (!ok) {
        *e = cause;
    }
    return ok;
}

static bool write_trust(void *context, struct buffer *out, struct error *e)
{
    const struct service *service = context;
    return evidence_write_trust(service->config, out, e);
}

static struct world *world(void *context)
{
    const struct service *service = context;
    return gateway_world(service->gateway);
}

static struct law *base_law(void *context)
{
    const struct service *service = context;
    return gateway_law(service->gateway);
}

static bool make_figures(void *context, json_t **out, struct error *e)
{
    const struct service *service = context;
    return gateway_figures(service->gateway, out, e);
}

static struct rest_options rest_options_of(const struct gateway_config *config)
{
    const struct gateway_listener *listener = config->api_listener;
    return (struct rest_options){ .address = listener->address,
                                  .certificate_path = listener->certificate_path,
                                  .key_path = listener->key_path,
                                  .config_path = config->api_path,
                                  .folder = config->folder,
                                  .member = config->member_text,
                                  .origin = config->origin,
                                  .drain_ms = config->drain_ms };
}

/* Beside gateway.yaml, because a translator adds to it and no administrator need know of it. */
static bool make_portal(struct portal **out, const struct gateway_config *config, struct error *e)
{
    char folder[PATH_MAX];
    int size = snprintf(folder, sizeof folder, "%s/languages", config->folder);
    if (size < 0 || (size_t)size >= sizeof folder) {
        *out = NULL;
        return error_set(e, ERROR_INPUT, config->folder, NULL, "the folder's name is too long");
    }
    return portal_make(out, folder, e);
}

static bool start_rest(struct service *service, const struct operation_context *operations, struct error *e)
{
    rest_metrics_register();
    if (service->config->api_listener == NULL) {
        return true;
    }
    struct rest_options options = rest_options_of(service->config);
    if (!disk_open_folder(&service->archive, service->config->archive_folder, false, e) ||
        !make_portal(&service->portal, service->config, e)) {
        return false;
    }
    options.pages = portal_pages(service->portal);
    options.archive = service->archive;
    options.store = gateway_store(service->gateway);
    options.committer = gateway_committer(service->gateway);
    options.operations = *operations;
    options.is_ready = is_ready;
    options.bundle = make_bundle;
    options.finder = gateway_finder(service->gateway);
    options.figures = make_figures;
    options.law = base_law;
    options.uses_file = make_uses_file;
    options.trust = write_trust;
    options.world = world;
    options.context = service;
    return rest_start(&service->rest, &service->loop, &options, e);
}

static struct operation_grounds grounds(void *context)
{
    struct service *service = context;
    struct operation_grounds out = { 0 };
    gateway_grounds(service->gateway, &out.law, &out.policy);
    return out;
}

/* COMMUNITY/CLASS/MEMBER is the beginning of our origin. */
static struct bytes holder_of(const struct gateway_config *config)
{
    size_t size = config->origin.size;
    while (size > 0 && config->origin.data[size - 1] != '/') {
        size--;
    }
    return bytes_slice(config->origin, 0, size == 0 ? 0 : size - 1);
}

static bool start(struct service *service, struct error *e)
{
    const struct gateway_config *config = service->config;
    if (!watch_signals(service, e) || !gateway_start(&service->gateway, config, &service->loop, on_dead, service, e)) {
        return false;
    }
    const struct management_options management = { .address = config->management_address, .is_ready = is_ready, .context = service };
    if (!management_start(&service->management, &service->loop, &management, e)) {
        return false;
    }
    service->ground = (struct ground_source){ .config = service->config, .store = gateway_store(service->gateway) };
    const struct control_options control = {
        .path = config->control_path,
        .operations = { .consents = gateway_consents(service->gateway),
                        .take_ground = ground_take,
                        .ground_context = &service->ground,
                        .archive_folder = service->config->archive_folder,
                        .uses = gateway_uses(service->gateway),
                        .log = gateway_erasure_log(service->gateway),
                        .retention = gateway_retention(service->gateway),
                        .rights = gateway_rights(service->gateway),
                        .store = gateway_store(service->gateway),
                        .signer = gateway_signer(service->gateway),
                        .holder = holder_of(config),
                        .grounds = grounds,
                        .grounds_context = service,
                        .world = world,
                        .world_context = service,
                        .counters = consents_counters(gateway_consents(service->gateway)) },
        .reload = reload,
        .status = tell_status,
        .context = service,
    };
    return control_start(&service->control, &service->loop, &control, e) && start_rest(service, &control.operations, e);
}

static void tell_ready(const struct service *service, uint64_t began_us)
{
    char took[32];
    struct error why = { 0 };
    (void)snprintf(took, sizeof took, "%.1f", (double)(time_monotonic_us() - began_us) / 1000);
    diag(DIAG_INFO, "gateway", "listening", "origin", (const char *)service->config->origin.data, "peers", service->config->peers_address,
         "management", service->config->management_address, "took_ms", took, NULL);
    if (!gateway_is_ready(service->gateway, &why)) {
        diag_error(DIAG_WARN, "gateway", "not ready for exchanges", &why);
    }
    notify_service("READY=1");
}

/* A connection is a file: take all that the system lets us have. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            diag(DIAG_WARN, "gateway", "the limit of open files could not be raised", NULL);
        }
    }
}

/*
 * libuv's pool carries lookups of consents and names, changes that come by the control socket, at most 64 at once (api/control.c), the REST
 * API's requests, and the public service's calls. A change may wait seconds for a busy database, and a call for a slow disk: neither may stop a lookup.
 */
static void set_pool_size(const struct gateway_config *config)
{
    char size[16];
    (void)snprintf(size, sizeof size, "%u", 72 + gateway_public_calls_max(config) + (config->api_listener == NULL ? 0 : REST_WORKS_MAX));
    (void)setenv("UV_THREADPOOL_SIZE", size, 0);
}

static int serve(struct call *call, const struct gateway_config *config)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    uint64_t began_us = time_monotonic_us();
    struct service *service = calloc(1, sizeof *service);
    set_pool_size(config);
    if (service == NULL || uv_loop_init(&service->loop) != 0) {
        free(service);
        error_memory(&e, "gateway");
        return call_fail(call, &e);
    }
    raise_file_limit();
    service->config = config;
    service->started_at_ms = time_now_ms();
    if (start(service, &e)) {
        tell_ready(service, began_us);
        end = COMMAND_DONE;
    } else {
        end = call_fail(call, &e);
        stop(service);
    }
    (void)uv_run(&service->loop, UV_RUN_DEFAULT);
    gateway_free(service->gateway);
    portal_free(service->portal);
    disk_free(service->archive);
    (void)uv_loop_close(&service->loop);
    if (end == COMMAND_DONE) {
        diag(DIAG_INFO, "gateway", "stopped", NULL);
    }
    free(service);
    return end;
}

/* ---- Command ---- */

static bool configure_diagnostics(struct call *call, const struct gateway_config *config)
{
    static const char *const levels[] = { [DIAG_DEBUG] = "debug", [DIAG_INFO] = "info", [DIAG_WARN] = "warn", [DIAG_ERROR] = "error" };
    enum diag_level level = config->diag_level;
    enum diag_format format = config->diag_format;
    const char *wanted = call_value(call, "log-level"), *form = call_value(call, "log-format");
    if (wanted != NULL) {
        size_t i = 0;
        while (i < COUNT_OF(levels) && strcmp(levels[i], wanted) != 0) {
            i++;
        }
        if (i == COUNT_OF(levels)) {
            (void)call_misused(call, "--log-level is debug, info, warn or error, not '%.40s'", wanted);
            return false;
        }
        level = (enum diag_level)i;
    }
    if (form != NULL && strcmp(form, "text") != 0 && strcmp(form, "json") != 0) {
        (void)call_misused(call, "--log-format is text or json, not '%.40s'", form);
        return false;
    }
    if (form != NULL) {
        format = strcmp(form, "json") == 0 ? DIAG_JSON : DIAG_TEXT;
    }
    diag_configure(level, format);
    return true;
}

static int check(struct call *call, const struct gateway_config *config)
{
    struct error e = { 0 };
    struct portal *portal = NULL;
    const struct rest_options rest = config->api_listener == NULL ? (struct rest_options){ 0 } : rest_options_of(config);
    bool ok = gateway_check(config, &e) && (config->api_listener == NULL || (rest_check(&rest, &e) && make_portal(&portal, config, &e)));
    portal_free(portal);
    if (!ok) {
        return call_refuse(call, &e);
    }
    if (call->is_json) {
        return output_json(json_pack("{s:b, s:s}", "ok", 1, "origin", (const char *)config->origin.data)) ? COMMAND_DONE
                                                                                                          : COMMAND_NOT_TRIED;
    }
    return printf("%s: good\n", config->file) > 0 ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int run_gateway(struct call *call)
{
    struct error e = { 0 };
    struct gateway_config *config = NULL;
    int end = COMMAND_NOT_TRIED;
    bool is_check = call_is_given(call, "check");
    if (!gateway_config_load(&config, call->folder, &e)) {
        return is_check && e.kind == ERROR_INPUT ? call_refuse(call, &e) : call_fail(call, &e);
    }
    config->consent_listener = webhooks_hear;
    if (configure_diagnostics(call, config)) {
        end = is_check ? check(call, config) : serve(call, config);
    }
    gateway_config_free(config);
    return end;
}

static const struct command_option gateway_options[] = {
    { "check", NULL, "only read everything and say what is wrong" },
    { "log-format", "text|json", "the form of the diagnostics, instead of gateway.yaml's" },
    { "log-level", "LEVEL", "the least that is written: debug, info, warn or error" },
};

const struct command command_gateway = {
    .name = "gateway",
    .arguments = "[--check] [--log-format text|json] [--log-level LEVEL]",
    .summary = "run the gateway of the folder",
    .text =
        "Runs until SIGTERM or SIGINT, then takes nothing new, ends what is under way within limits.drain, and ends with 0; told again, it "
        "ends at once. SIGHUP reads the directory, the policy and the TLS keys again without dropping a connection; when one of them is "
        "wrong, what was there stays in force. Diagnostics go to standard error, one line an event; systemd is told by "
        "$NOTIFY_SOCKET.\n"
        "With --check nothing is started: it reads the configuration, the keys, the directory and the policy, and ends with 1 and the "
        "reason when one of them is wrong.",
    .examples = "comity -C /var/lib/comity gateway --log-format json\n"
                "comity -C /var/lib/comity gateway --check",
    .options = gateway_options,
    .option_count = COUNT_OF(gateway_options),
    .run = run_gateway,
};
