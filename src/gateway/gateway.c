#include "gateway/gateway.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/time.h"
#include "consent/counters.h"
#include "consent/event_text.h"
#include "consent/uses_map.h"
#include "gateway/figures_internal.h"
#include "gateway/gateway_internal.h"
#include "gateway/mirroring_internal.h"
#include "gateway/obliging_internal.h"
#include "gateway/witnessing_internal.h"
#include "gateway/public_service_internal.h"
#include "gateway/retention_internal.h"
#include "rights/hold.h"

enum { TICK_MS = 1000, DRAIN_TICK_MS = 20, USES_AT_ONCE = 10000, SWEEPS_AT_ONCE = 16, SUMMARIES_AT_ONCE = 4 };
#define USES_ROOT_EVERY_US (UINT64_C(10) * 60 * 1000 * 1000)

static void died(void *context, const struct error *e)
{
    struct gateway *gateway = context;
    atomic_store(&gateway->is_dead, true);
    diag_error(DIAG_ERROR, "evidence", "the evidence log has failed; nothing more can be released", e);
    if (gateway->on_dead != NULL) {
        gateway->on_dead(gateway->on_dead_context, e);
    }
}

/* ---- In the background, on the main loop ---- */

/* What isn't counted now is at the next start, which then takes longer. */
static void count_uses(struct gateway *gateway)
{
    struct error e;
    if (!counters_catch_up(consents_counters(gateway->consents), USES_AT_ONCE, NULL, &e)) {
        diag_error(DIAG_WARN, "consent", "the stored counters are behind the log", &e);
    }
}

/* A batch is one short transaction; between two of them any change of a person's comes first. */
static void sweep_consents(struct gateway *gateway)
{
    struct error e;
    size_t swept = CONSENT_SWEEP_MAX;
    for (int i = 0; i < SWEEPS_AT_ONCE && swept == CONSENT_SWEEP_MAX && !atomic_load(&gateway->is_draining); i++) {
        if (!consents_sweep(gateway->consents, &swept, &e)) {
            diag_error(DIAG_WARN, "consent", "the end of consents is not written down yet", &e);
            return;
        }
    }
}

void gateway_index(struct gateway *gateway)
{
    struct error e;
    uint64_t lag = 0;
    sweep_consents(gateway);
    if (atomic_load(&gateway->is_draining)) { /* stop_workers() does the rest */
        return;
    }
    count_uses(gateway);
    if (atomic_load(&gateway->is_draining)) {
        return;
    }
    if (!uses_catch_up(gateway->uses, USES_AT_ONCE, &lag, &e)) {
        diag_error(DIAG_WARN, "consent", "the index of uses is behind", &e);
        return;
    }
    if (!exchange_finder_catch_up(gateway->finder, SUMMARIES_AT_ONCE, NULL, &e)) {
        diag_error(DIAG_WARN, "consent", "summaries for finding exchanges are behind", &e);
    }
    /* At intervals the persons' lists are bound by a root in the log; a proof that is asked for in between brings its own. */
    uint64_t now_us = time_monotonic_us();
    if (lag == 0 && now_us - gateway->uses_root_us >= USES_ROOT_EVERY_US && !atomic_load(&gateway->is_draining)) {
        gateway->uses_root_us = now_us;
        if (!uses_commit(gateway->uses, gateway->committer, NULL, &e)) {
            diag_error(DIAG_WARN, "consent", "the root of the map of uses is not committed", &e);
        }
    }
}

static void index_uses(uv_work_t *work)
{
    gateway_index(work->data);
}

static void uses_indexed(uv_work_t *work, int status)
{
    struct gateway *gateway = work->data;
    (void)status;
    gateway->is_indexing = false;
}

/* Says once when the directory nears its end, ends, or is good again. */
static void watch_directory(struct gateway *gateway)
{
    struct error e;
    int64_t now_ms = time_now_ms();
    struct snapshot *snapshot = gateway_snapshot(gateway);
    bool is_valid = snapshot_is_valid(snapshot, now_ms, &e);
    bool is_near = is_valid && snapshot->world->own->valid_until_ms - now_ms < gateway->config->directory.warn_before_ms;
    if (!is_valid && gateway->was_valid) {
        diag_error(DIAG_ERROR, "directory", "the directory is not valid now; every exchange is refused", &e);
    } else if (is_near && !gateway->was_warned) {
        char until[TIME_TEXT_SIZE];
        diag(DIAG_WARN, "directory", "the directory ends soon", "valid_until", time_text(snapshot->world->own->valid_until_ms, until),
             "todo", "fetch the newest one and reload", NULL);
    }
    gateway->was_valid = is_valid;
    gateway->was_warned = is_near;
    snapshot_release(snapshot);
}

static void tick(uv_timer_t *timer)
{
    struct gateway *gateway = timer->data;
    watch_directory(gateway);
    figures_tick(gateway);
    if (!atomic_load(&gateway->is_draining)) {
        retention_tick(gateway);
        obliging_tick(gateway);
    }
    if (!gateway->is_indexing && !atomic_load(&gateway->is_draining)) {
        gateway->uses_work.data = gateway;
        gateway->is_indexing = uv_queue_work(gateway->main_loop, &gateway->uses_work, index_uses, uses_indexed) == 0;
    }
}

/* ---- Start ---- */

/* A request that was accepted before a restart must not be accepted again after it: the ids are in the log. */
static bool refill_replay(struct gateway *gateway, struct error *e)
{
    struct log_reader *reader = NULL;
    struct log_entry last;
    uint64_t size = 0;
    uint64_t index = 0;
    int64_t now_ms = time_now_ms();
    bool ok = log_reader_open(&reader, gateway->public_disk, gateway->private_disk, e) && log_reader_size(reader, &size, e) &&
              log_first_since(reader, size, now_ms - 2 * gateway->config->replay_window_ms, &index, e);
    /* If the clock was ahead, what was accepted then counts again when that time comes: it is remembered until then. */
    ok = ok && (size == 0 || log_reader_get(reader, size - 1, &last, e));
    int64_t at_ms = ok && size > 0 && last.time_ms > now_ms ? last.time_ms : now_ms;
    for (; ok && index < size; index++) {
        struct log_entry entry;
        struct bytes id;
        ok = log_reader_get(reader, index, &entry, e);
        if (ok && entry.kind == RECORD_DECISION && event_text_get(entry.statement, "exchange", &id)) {
            /* One that is there twice is known as well; one that finds no room would be forgotten, and could be played again. */
            ok = replay_check(gateway->replay, id, at_ms / 1000, at_ms) != REPLAY_IS_FULL ||
                 error_set(e, ERROR_FULL, "replay window", "wait as long as limits.replay_window, then start again",
                           "too many exchanges in it");
        }
    }
    log_reader_close(reader);
    replay_begin(gateway->replay, now_ms);
    return ok;
}

static size_t under_way(void *context)
{
    struct gateway *gateway = context;
    return atomic_load_explicit(&gateway->requests, memory_order_relaxed);
}

static bool open_evidence_files(struct gateway *gateway, struct error *e)
{
    const struct gateway_config *config = gateway->config;
    return store_open(&gateway->store, config->store_url, e) && disk_open_folder(&gateway->public_disk, config->log_folder, true, e) &&
           disk_open_folder(&gateway->private_disk, config->records_folder, false, e) &&
           signer_load(&gateway->signer, config->origin, config->statement_key_path, e);
}

static bool open_evidence(struct gateway *gateway, const struct committer_options *options, struct error *e)
{
    return gateway->places->open_evidence(gateway, e) &&
           log_open(&gateway->log, gateway->public_disk, gateway->private_disk, gateway->config->lock_path, gateway->signer, e) &&
           refill_replay(gateway, e) && committer_start(&gateway->committer, gateway->log, options, e);
}

static bool begin_sequences(struct gateway *gateway, struct error *e)
{
    gateway->sequences = sequences_make(committer_log_size(gateway->committer));
    return gateway->sequences != NULL || error_memory(e, "gateway");
}

static bool make_tables(struct gateway *gateway, struct error *e)
{
    gateway->checkpoints = checkpoint_cache_make(4096);
    gateway->origins = origins_make();
    gateway->replay = replay_make(gateway->config->replay_window_ms, 0);
    gateway->workers = calloc(gateway->config->workers, sizeof *gateway->workers);
    if (gateway->checkpoints == NULL || gateway->origins == NULL || gateway->replay == NULL || gateway->workers == NULL) {
        return error_memory(e, "gateway");
    }
    return figures_make(&gateway->figures, e);
}

/* A folder of keys that can't be written is no reason not to run: without a secret no pseudonym leaves. A broken or public secret is. */
static bool load_pseudonym_secret(struct gateway *gateway, struct error *e)
{
    const char *path = gateway->config->pseudonym_key_path;
    bool is_new = false;
    gateway->has_pseudonym_secret = secret_load_or_make(path, gateway->pseudonym_secret, &is_new, e);
    if (gateway->has_pseudonym_secret && is_new) {
        diag(DIAG_INFO, "gateway", "made the secret of pseudonyms: back it up, or they will be others", "file", path, NULL);
    } else if (!gateway->has_pseudonym_secret && is_new) {
        diag_error(DIAG_WARN, "gateway", "without a secret no pseudonyms are made, and their values do not leave", e);
    }
    return gateway->has_pseudonym_secret || is_new;
}

static bool open_other_files(struct gateway *gateway, struct error *e)
{
    return load_pseudonym_secret(gateway, e) && witnessing_open(gateway, e) && mirroring_open(gateway, e);
}

static bool open_archive_folder(struct gateway *gateway, struct disk **out, struct error *e)
{
    return disk_open_folder(out, gateway->config->archive_folder, false, e);
}

const struct gateway_places gateway_files = {
    .open_evidence = open_evidence_files,
    .open_others = open_other_files,
    .open_archive = open_archive_folder,
    .load_world = snapshot_load_world,
    .read_note = grounds_read_note,
    .load_tls = snapshot_load_tls,
    .ask_witnesses = witnessing_start,
};

static bool log_start(struct gateway *gateway, struct error *e)
{
    struct buffer text;
    buffer_init(&text, 4096);
    event_text_append(&text, "comity-event", BYTES("start/1"));
    event_text_append(&text, "version", BYTES(COMITY_VERSION));
    event_text_append(&text, "directory", gateway->snapshot->directory_text);
    event_text_append_digest(&text, "policy", gateway->snapshot->policy->digest);
    event_text_append_decimal(&text, "time", time_now_ms());
    uint64_t index;
    bool ok = !text.failed && committer_append(gateway->committer, RECORD_EVENT, buffer_bytes(&text), BYTES_NONE, &index, e);
    buffer_clear(&text);
    return ok;
}

static bool start_workers(struct gateway *gateway, struct error *e)
{
    gateway->peer_group = server_group_make();
    if (gateway->peer_group == NULL) {
        return error_memory(e, "gateway");
    }
    for (unsigned i = 0; i < gateway->config->workers; i++) {
        gateway->worker_count++;
        if (!worker_start(&gateway->workers[i], gateway, i, e)) {
            return false;
        }
    }
    return true;
}

static bool start_timer(struct gateway *gateway, struct error *e)
{
    if (uv_timer_init(gateway->main_loop, &gateway->timer) != 0) {
        return error_memory(e, "timer");
    }
    gateway->has_timer = true;
    gateway->timer.data = gateway;
    return uv_timer_start(&gateway->timer, tick, 0, TICK_MS) == 0 || error_memory(e, "timer");
}

static bool open_consents(struct gateway *gateway, struct error *e)
{
    const struct consents_options options = { .store = gateway->store,
                                              .committer = gateway->committer,
                                              .public = gateway->public_disk,
                                              .private = gateway->private_disk,
                                              .cache_max = gateway->config->consent_cache,
                                              .listener = gateway->config->consent_listener };
    return consents_open(&gateway->consents, &options, e);
}

bool gateway_make(struct gateway **out, const struct gateway_config *config, const struct gateway_places *places, void *context,
                  struct error *e)
{
    *out = NULL;
    struct gateway *gateway = calloc(1, sizeof *gateway);
    if (gateway == NULL || pthread_mutex_init(&gateway->lock, NULL) != 0) {
        free(gateway);
        return error_memory(e, "gateway");
    }
    gateway->config = config;
    gateway->places = places;
    gateway->places_context = context;
    gateway->was_valid = true;
    *out = gateway;
    return true;
}

bool gateway_open(struct gateway *gateway, const struct committer_options *options, struct error *e)
{
    if (!make_tables(gateway, e) || !open_evidence(gateway, options, e) || !begin_sequences(gateway, e) ||
        !gateway->places->open_others(gateway, e) || !snapshot_load(&gateway->snapshot, gateway, e) ||
        !gateway->places->ask_witnesses(gateway, e) || !mirroring_start(gateway, e) || !open_consents(gateway, e) ||
        !uses_open(&gateway->uses, gateway->store, gateway->public_disk, gateway->private_disk, e) ||
        !exchange_finder_open(&gateway->finder, gateway->store, gateway->public_disk, gateway->private_disk, e) ||
        !rights_open(&gateway->rights, gateway->store, gateway->committer, e) ||
        !hold_recover(gateway->rights, gateway->public_disk, gateway->private_disk, e) || !grounds_keep(gateway, gateway->snapshot, e) ||
        !log_start(gateway, e)) {
        return false;
    }
    gateway->erasure_log = (struct erasure_log){ .public = gateway->public_disk,
                                                 .private = gateway->private_disk,
                                                 .committer = gateway->committer,
                                                 .replay_window_ms = gateway->config->replay_window_ms };
    gateway->retention = (struct retention){ .public = gateway->public_disk,
                                             .private = gateway->private_disk,
                                             .signer = gateway->signer,
                                             .keep_ms = gateway->config->log_retention_ms };
    return true;
}

bool gateway_start(struct gateway **out, const struct gateway_config *config, uv_loop_t *main_loop,
                   void (*on_dead)(void *context, const struct error *e), void *context, struct error *e)
{
    struct gateway *gateway = NULL;
    *out = NULL;
    if (!gateway_make(&gateway, config, &gateway_files, NULL, e)) {
        return false;
    }
    gateway->main_loop = main_loop;
    gateway->on_dead = on_dead;
    gateway->on_dead_context = context;
    gateway_metrics_register();
    public_metrics_register();
    retention_metrics_register();
    obliging_metrics_register();
    /* The timer comes last: until then nothing of the gateway is on the main loop, and a failure can free at once. */
    const struct committer_options options = { .on_dead = died, .under_way = under_way, .context = gateway };
    if (!gateway_config_check_complete(config, e) || !gateway_open(gateway, &options, e) || !start_workers(gateway, e) ||
        !start_timer(gateway, e)) {
        gateway_free(gateway);
        return false;
    }
    *out = gateway;
    return true;
}

bool gateway_check(const struct gateway_config *config, struct error *e)
{
    struct gateway gateway = { .config = config, .places = &gateway_files };
    struct snapshot *snapshot = NULL;
    struct quorum *witnesses = NULL;
    bool ok = gateway_config_check_complete(config, e) && signer_load(&gateway.signer, config->origin, config->statement_key_path, e) &&
              file_check_private(config->tls_key_path, e) && witnessing_read_policy(config, &witnesses, e) &&
              store_open(&gateway.store, config->store_url, e) && snapshot_load(&snapshot, &gateway, e) &&
              snapshot_is_valid(snapshot, time_now_ms(), e);
    if (ok && snapshot->gateway == NULL) {
        ok = error_set(e, ERROR_DENIED, config->directory.file, "have the operator enter this gateway, and load the new directory",
                       "this gateway's statement key is not in the directory");
    }
    quorum_free(witnesses);
    snapshot_release(snapshot);
    store_close(gateway.store);
    signer_free(gateway.signer);
    return ok;
}

/* ---- Reload ---- */

bool gateway_reload(struct gateway *gateway, struct error *e)
{
    struct snapshot *fresh = NULL;
    if (!snapshot_load(&fresh, gateway, e)) {
        return false;
    }
    if (!grounds_keep(gateway, fresh, e)) {
        snapshot_release(fresh);
        return false;
    }
    (void)pthread_mutex_lock(&gateway->lock);
    struct snapshot *old = gateway->snapshot;
    gateway->snapshot = fresh;
    (void)pthread_mutex_unlock(&gateway->lock);
    snapshot_release(old);
    struct error why;
    if (!witnessing_reload(gateway, &why)) {
        diag_error(DIAG_WARN, "witness", "the proofs of equivocation could not be read again; those known before hold", &why);
    }
    for (size_t i = 0; i < gateway->worker_count; i++) {
        worker_tell(&gateway->workers[i], WORKER_RELOAD);
    }
    return true;
}

/* ---- End ---- */

static void closed(uv_handle_t *handle)
{
    struct gateway *gateway = handle->data;
    gateway->has_timer = false;
    if (gateway->drained != NULL) {
        gateway->drained(gateway->drained_context);
    }
}

void gateway_conclude(struct gateway *gateway)
{
    struct error e;
    /* What no exchange uses any more; without it the other sides see the run's last numbers missing, and ask. */
    if (gateway->sequences != NULL && !sequences_log(gateway->sequences, gateway->committer, &e)) {
        diag_error(DIAG_WARN, "evidence", "the last numbers of this run's requests are not logged", &e);
    }
    if (!uses_catch_up(gateway->uses, USES_AT_ONCE, NULL, &e) || !uses_commit(gateway->uses, gateway->committer, NULL, &e)) {
        diag_error(DIAG_WARN, "consent", "the last root of the map of uses is not committed", &e);
    }
    count_uses(gateway);
}

static void stop_workers(struct gateway *gateway)
{
    if (gateway->worker_count > 0) {
        gateway_conclude(gateway);
    }
    /* The committer first: it must not wake a worker whose loop is gone. It is freed only when nobody can submit to it. */
    committer_finish(gateway->committer);
    for (size_t i = 0; i < gateway->worker_count; i++) {
        worker_tell(&gateway->workers[i], WORKER_STOP);
    }
    for (size_t i = 0; i < gateway->worker_count; i++) {
        worker_join(&gateway->workers[i]);
    }
    gateway->worker_count = 0;
}

static bool all_drained(struct gateway *gateway)
{
    bool is_drained = true;
    for (size_t i = 0; i < gateway->worker_count; i++) {
        is_drained = is_drained && atomic_load(&gateway->workers[i].is_drained);
    }
    return is_drained && atomic_load(&gateway->requests) == 0;
}

static void drain_tick(uv_timer_t *timer)
{
    struct gateway *gateway = timer->data;
    bool is_late = uv_now(gateway->main_loop) >= gateway->drain_until_ms;
    if (is_late && !gateway->was_late && atomic_load(&gateway->requests) > 0) {
        gateway->was_late = true;
        diag(DIAG_WARN, "gateway", "exchanges were still under way when the limit of draining came", NULL);
    }
    /* Work in the background needs the committer, which ends with the workers. It looks at is_draining, so it isn't long. */
    if (gateway->is_indexing || gateway->is_obliging || gateway->is_pruning || (!all_drained(gateway) && !is_late)) {
        return;
    }
    stop_workers(gateway);
    uv_close((uv_handle_t *)timer, closed);
}

void gateway_drain(struct gateway *gateway, void (*done)(void *context), void *context)
{
    gateway->drained = done;
    gateway->drained_context = context;
    atomic_store(&gateway->is_draining, true);
    for (size_t i = 0; i < gateway->worker_count; i++) {
        worker_tell(&gateway->workers[i], WORKER_DRAIN);
    }
    uv_update_time(gateway->main_loop);
    gateway->drain_until_ms = uv_now(gateway->main_loop) + (uint64_t)gateway->config->drain_ms;
    (void)uv_timer_start(&gateway->timer, drain_tick, 0, DRAIN_TICK_MS);
}

void gateway_free(struct gateway *gateway)
{
    if (gateway == NULL) {
        return;
    }
    mirroring_stop(gateway);
    witnessing_stop(gateway);
    stop_workers(gateway);
    rights_close(gateway->rights);
    exchange_finder_close(gateway->finder);
    uses_close(gateway->uses);
    consents_close(gateway->consents);
    committer_stop(gateway->committer);
    mirroring_free(gateway);
    witnessing_free(gateway);
    log_close(gateway->log);
    disk_free(gateway->public_disk);
    disk_free(gateway->private_disk);
    store_close(gateway->store);
    signer_free(gateway->signer);
    snapshot_release(gateway->snapshot);
    replay_free(gateway->replay);
    origins_free(gateway->origins);
    sequences_free(gateway->sequences);
    checkpoint_cache_free(gateway->checkpoints);
    server_group_free(gateway->peer_group);
    figures_free(gateway->figures);
    free(gateway->workers);
    explicit_bzero(gateway->pseudonym_secret, sizeof gateway->pseudonym_secret);
    (void)pthread_mutex_destroy(&gateway->lock);
    free(gateway);
}

/* ---- What others ask ---- */

bool gateway_is_ready(struct gateway *gateway, struct error *why)
{
    if (atomic_load(&gateway->is_dead)) {
        return error_set(why, ERROR_IO, "evidence log", "look at the disk, then start again", "the log has failed");
    }
    if (atomic_load(&gateway->is_draining)) {
        return error_set(why, ERROR_DENIED, "gateway", NULL, "draining");
    }
    struct snapshot *snapshot = gateway_snapshot(gateway);
    bool is_ready = snapshot_is_valid(snapshot, time_now_ms(), why);
    if (is_ready && snapshot->gateway == NULL) {
        is_ready = error_set(why, ERROR_DENIED, gateway->config->directory.file, "have the operator enter this gateway",
                             "this gateway's statement key is not in the directory");
    }
    snapshot_release(snapshot);
    return is_ready;
}

struct store *gateway_store(struct gateway *gateway)
{
    return gateway->store;
}

struct consents *gateway_consents(struct gateway *gateway)
{
    return gateway->consents;
}

struct committer *gateway_committer(struct gateway *gateway)
{
    return gateway->committer;
}

struct rights *gateway_rights(struct gateway *gateway)
{
    return gateway->rights;
}

const struct signer *gateway_signer(const struct gateway *gateway)
{
    return gateway->signer;
}

void gateway_grounds(struct gateway *gateway, struct law **law, struct policy **policy)
{
    struct snapshot *snapshot = gateway_snapshot(gateway);
    *law = law_keep(snapshot->rules);
    *policy = policy_keep(snapshot->policy);
    snapshot_release(snapshot);
}

struct world *gateway_world(struct gateway *gateway)
{
    struct snapshot *snapshot = gateway_snapshot(gateway);
    struct world *world = world_keep(snapshot->world);
    snapshot_release(snapshot);
    return world;
}

struct exchange_finder *gateway_finder(struct gateway *gateway)
{
    return gateway->finder;
}

struct uses *gateway_uses(struct gateway *gateway)
{
    return gateway->uses;
}

const struct erasure_log *gateway_erasure_log(const struct gateway *gateway)
{
    return &gateway->erasure_log;
}

const struct retention *gateway_retention(const struct gateway *gateway)
{
    return &gateway->retention;
}

struct law *gateway_law(struct gateway *gateway)
{
    struct snapshot *snapshot = gateway_snapshot(gateway);
    struct law *law = law_keep(snapshot->law);
    snapshot_release(snapshot);
    return law;
}
