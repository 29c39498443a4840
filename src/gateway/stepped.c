#include "gateway/stepped.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "gateway/exchange_internal.h"
#include "gateway/mirroring_internal.h"
#include "gateway/witnessing_internal.h"

enum { PEERS = 0, APPLICATIONS, LISTENERS };

struct stepped {
    struct stepped_options options;
    struct gateway *gateway;
    struct worker *worker; /* the gateway's one; NULL: it is still starting, and nothing else happens meanwhile */
};

static struct stepped *of(const struct gateway *gateway)
{
    return gateway->places_context;
}

/* ---- Its places ---- */

static bool open_evidence(struct gateway *gateway, struct error *e)
{
    const struct stepped_options *o = &of(gateway)->options;
    gateway->public_disk = o->public;
    gateway->private_disk = o->private;
    gateway->signer = o->signer;
    return store_open_on(&gateway->store, o->store, "comity.db", e);
}

static bool open_others(struct gateway *gateway, struct error *e)
{
    const struct stepped_options *o = &of(gateway)->options;
    memcpy(gateway->pseudonym_secret, o->pseudonym_secret, sizeof gateway->pseudonym_secret);
    gateway->has_pseudonym_secret = true;
    gateway->witnessing = calloc(1, sizeof *gateway->witnessing);
    gateway->mirroring = gateway->witnessing == NULL ? NULL : calloc(1, sizeof *gateway->mirroring);
    if (gateway->mirroring == NULL) {
        return error_memory(e, "gateway");
    }
    struct witnessing *w = gateway->witnessing;
    gateway->mirroring->lock = -1;
    w->disk = o->witness;
    w->signer = o->witness_signer;
    return watch_open(&w->watch, w->disk, e) && witness_make(&w->witness, w->disk, w->signer, w->watch, gateway->config->origin, e);
}

static bool open_archive(struct gateway *gateway, struct disk **out, struct error *e)
{
    (void)e;
    *out = of(gateway)->options.archive;
    return true;
}

static bool load_world(struct gateway *gateway, struct world **out, struct error *e)
{
    const struct stepped_options *o = &of(gateway)->options;
    struct world *world = o->world(o->context);
    bool ok = gateway_accept_directory(gateway, world->own, e);
    for (size_t i = 0; ok && i < world->foreign_count; i++) {
        ok = gateway_accept_directory(gateway, world->foreign[i], e);
    }
    if (!ok) {
        world_release(world);
        return false;
    }
    *out = world;
    return true;
}

static bool read_note(struct gateway *gateway, const struct directory *directory, uint8_t **data, size_t *size, struct error *e)
{
    const struct stepped_options *o = &of(gateway)->options;
    struct bytes note = o->note(o->context, directory);
    *data = malloc(note.size + 1);
    if (*data == NULL) {
        return error_memory(e, "directory");
    }
    memcpy(*data, note.data, note.size);
    *size = note.size;
    return true;
}

/* Whom a message comes from, whoever steps it says. */
static bool load_tls(struct gateway *gateway, struct snapshot *snapshot, struct error *e)
{
    (void)gateway;
    (void)snapshot;
    (void)e;
    return true;
}

static bool ask_witnesses(struct gateway *gateway, struct error *e)
{
    const struct stepped_options *o = &of(gateway)->options;
    return o->ask_witnesses(o->context, log_size(gateway->log), e);
}

static const struct gateway_places brought = {
    .open_evidence = open_evidence,
    .open_others = open_others,
    .open_archive = open_archive,
    .load_world = load_world,
    .read_note = read_note,
    .load_tls = load_tls,
    .ask_witnesses = ask_witnesses,
};

/* ---- Life ---- */

static void turn(void *context)
{
    struct stepped *s = context;
    if (s->worker == NULL) {
        committer_step(s->gateway->committer);
        return;
    }
    s->options.turn(s->options.context);
}

static void died(void *context, const struct error *e)
{
    struct stepped *s = context;
    s->options.on_dead(s->options.context, e);
}

static void nobody_sleeps(void *context)
{
    (void)context;
}

static bool make_worker(struct stepped *s, struct error *e)
{
    static const struct gateway_listener applications = { .address = "applications" };
    struct worker *worker = &s->gateway->workers[0];
    worker->gateway = s->gateway;
    worker->mailbox = (struct mailbox){ .notify = nobody_sleeps };
    worker->ways = s->options.ways;
    worker->outside = s->options.context;
    worker->listeners = calloc(LISTENERS, sizeof *worker->listeners);
    if (worker->listeners == NULL) {
        return error_memory(e, "worker");
    }
    worker->listeners[PEERS] = (struct listener){ .worker = worker };
    worker->listeners[APPLICATIONS] = (struct listener){ .worker = worker, .config = &applications };
    worker->snapshot = gateway_snapshot(s->gateway);
    s->worker = worker;
    return true;
}

bool stepped_start(struct stepped **out, const struct stepped_options *options, struct error *e)
{
    struct stepped *s = calloc(1, sizeof *s);
    const struct committer_options committer = { .on_dead = died, .turn = turn, .context = s };
    *out = NULL;
    if (s == NULL) {
        return error_memory(e, "gateway");
    }
    s->options = *options;
    gateway_metrics_register();
    if (!gateway_make(&s->gateway, options->config, &brought, s, e) || !gateway_open(s->gateway, &committer, e) || !make_worker(s, e)) {
        stepped_free(s);
        return false;
    }
    *out = s;
    return true;
}

void stepped_free(struct stepped *stepped)
{
    if (stepped == NULL) {
        return;
    }
    struct gateway *gateway = stepped->gateway;
    if (stepped->worker != NULL) {
        snapshot_release(stepped->worker->snapshot);
        free(stepped->worker->listeners);
    }
    if (gateway != NULL) {
        gateway->signer = NULL;
        if (gateway->witnessing != NULL) {
            gateway->witnessing->signer = NULL;
        }
    }
    gateway_free(gateway);
    free(stepped);
}

/* ---- What goes on ---- */

void stepped_take(struct stepped *stepped, bool is_peer, struct server_request *request)
{
    struct listener *listener = &stepped->worker->listeners[is_peer ? PEERS : APPLICATIONS];
    if (is_peer) {
        holder_begin(stepped->worker, listener, request);
    } else {
        consumer_begin(stepped->worker, listener, request);
    }
}

uint64_t stepped_due_us(const struct stepped *stepped)
{
    return committer_due_us(stepped->gateway->committer);
}

void stepped_step(struct stepped *stepped)
{
    committer_step(stepped->gateway->committer);
    struct commit_entry *entry = mailbox_take(&stepped->worker->mailbox);
    while (entry != NULL) {
        /* Read first: the exchange that the entry lives in may end. */
        struct commit_entry *next = entry->next;
        exchange_entry_done(entry);
        entry = next;
    }
}

size_t stepped_request_count(const struct stepped *stepped)
{
    return atomic_load(&stepped->gateway->requests);
}

bool stepped_reload(struct stepped *stepped, struct error *e)
{
    if (!gateway_reload(stepped->gateway, e)) {
        return false;
    }
    snapshot_release(stepped->worker->snapshot);
    stepped->worker->snapshot = gateway_snapshot(stepped->gateway);
    return true;
}

void stepped_index(struct stepped *stepped)
{
    gateway_index(stepped->gateway);
}

void stepped_conclude(struct stepped *stepped)
{
    gateway_conclude(stepped->gateway);
}

struct gateway *stepped_gateway(const struct stepped *stepped)
{
    return stepped->gateway;
}

struct log *stepped_log(const struct stepped *stepped)
{
    return stepped->gateway->log;
}

struct watch *stepped_watch(const struct stepped *stepped)
{
    return stepped->gateway->witnessing->watch;
}

struct witness *stepped_witness(const struct stepped *stepped)
{
    return stepped->gateway->witnessing->witness;
}
