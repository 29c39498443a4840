/* A gateway's process: it starts, runs as others step it, and ends, with and without warning. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "consent/notice_store.h"
#include "torture/stage_internal.h"

static void turn(void *context);

/* ---- Making ---- */

static void make_disk(struct disk **disk, struct faulty_disk *faulty, struct faults *faults)
{
    *disk = sim_disk_make();
    faulty_disk_init(faulty, *disk, faults);
}

bool node_make(struct node *node, struct stage *stage, uint8_t number, struct error *e)
{
    uint8_t seed[ED25519_SEED_SIZE] = { number, 'k' };
    *node = (struct node){ .stage = stage, .number = number };
    node->faults = (struct faults){ .kinds = CALL_ALL, .fail_at = UINT64_MAX };
    make_disk(&node->public, &node->faulty_public, &node->faults);
    make_disk(&node->private, &node->faulty_private, &node->faults);
    make_disk(&node->store, &node->faulty_store, &node->faults);
    make_disk(&node->archive, &node->faulty_archive, &node->faults);
    sim_disk_lie(node->private, stage->options.has_lying_disk);
    return model_make(&node->model) && community_configure(node, e) && signer_from_seed(&node->signer, node->config.origin, seed, e) &&
           cosign_make(node, e) && mirrors_make(node, e);
}

void node_clear(struct node *node)
{
    if (node->gateway != NULL) {
        node_end(node, false, 0);
    }
    struct disk *disks[] = { node->public,        node->private,        node->store,        node->archive,
                             node->backup_public, node->backup_private, node->backup_store, node->backup_archive };
    for (size_t i = 0; i < COUNT_OF(disks); i++) {
        disk_free(disks[i]);
    }
    cosign_clear(node);
    mirrors_clear(node);
    signer_free(node->signer);
    model_free(node->model);
    free(node->roots);
}

/* ---- Start ---- */

static struct world *world_of(void *context)
{
    const struct node *node = context;
    return world_keep(node->stage->known);
}

static struct bytes note_of(void *context, const struct directory *directory)
{
    const struct node *node = context;
    (void)directory;
    return buffer_bytes(&node->stage->note);
}

static void log_died(void *context, const struct error *e)
{
    struct node *node = context;
    (void)e;
    node->has_dead_log = true;
}

static bool ask_witnesses(void *context, uint64_t size, struct error *e)
{
    struct node *node = context;
    uint64_t witnessed = cosign_newest(node);
    node->stage->speaking = node;
    return witnessed <= size || error_set(e, ERROR_DENIED, "log", "recover what is missing",
                                          "a witness knows %" PRIu64 " entries, here are %" PRIu64, witnessed, size);
}

bool node_start(struct node *node, struct error *e)
{
    static const uint8_t pseudonyms[32] = { 'p' };
    struct stage *stage = node->stage;
    const struct stepped_options options = { .config = &node->config,
                                             .store = &node->faulty_store.disk,
                                             .public = &node->faulty_public.disk,
                                             .private = &node->faulty_private.disk,
                                             .witness = &node->faulty_witness.disk,
                                             .archive = &node->faulty_archive.disk,
                                             .signer = node->signer,
                                             .witness_signer = node->cosigner,
                                             .pseudonym_secret = pseudonyms,
                                             .world = world_of,
                                             .note = note_of,
                                             .ask_witnesses = ask_witnesses,
                                             .ways = &line_ways,
                                             .turn = turn,
                                             .on_dead = log_died,
                                             .context = node };
    const struct node *speaking = stage->speaking;
    stage->speaking = node;
    node->generation++;
    node->has_dead_log = node->is_draining = node->is_ending = false;
    bool ok = stepped_start(&node->gateway, &options, e);
    if (ok) {
        node->log = stepped_log(node->gateway);
        node->watch = stepped_watch(node->gateway);
        node->witness = stepped_witness(node->gateway);
        ok = mirrors_start(node, e);
        if (!ok) {
            node_end(node, false, 0);
        }
    }
    stage->speaking = speaking;
    return ok;
}

/* ---- End ---- */

void node_back_up(struct node *node)
{
    struct disk *const from[] = { node->public, node->private, node->store, node->archive };
    struct disk **const to[] = { &node->backup_public, &node->backup_private, &node->backup_store, &node->backup_archive };
    for (size_t i = 0; i < COUNT_OF(from); i++) {
        disk_free(*to[i]);
        *to[i] = sim_disk_copy(from[i]);
    }
}

static void put_back(struct node *node)
{
    struct disk *const from[] = { node->backup_public, node->backup_private, node->backup_store, node->backup_archive };
    struct disk **const to[] = { &node->public, &node->private, &node->store, &node->archive };
    struct faulty_disk *const around[] = { &node->faulty_public, &node->faulty_private, &node->faulty_store, &node->faulty_archive };
    for (size_t i = 0; i < COUNT_OF(from); i++) {
        disk_free(*to[i]);
        *to[i] = sim_disk_copy(from[i]);
        faulty_disk_init(around[i], *to[i], &node->faults);
    }
    sim_disk_lie(node->private, node->stage->options.has_lying_disk);
    node->was_restored = true;
    node->is_to_be_put_back = false;
    model_forget(node);
}

void node_restore(struct node *node)
{
    if (node->gateway == NULL) {
        put_back(node);
        return;
    }
    node->is_to_be_put_back = true; /* when it has ended */
    node_end(node, false, 0);
}

/* Nothing of it is on the stack any more: what is under way fails, and the process is gone. */
static void reap(struct node *node)
{
    bool loses_power = node->cuts_power;
    node->depth++;
    line_break(node);
    while (stepped_request_count(node->gateway) > 0) {
        stepped_step(node->gateway);
        line_break(node);
    }
    stepped_free(node->gateway);
    node->gateway = NULL;
    node->depth--;
    node->is_ending = node->cuts_power = false;
    node->faults = (struct faults){ .kinds = CALL_ALL, .fail_at = UINT64_MAX };
    node->lane_count = 0;
    node->wanted_at_ms = 0;
    node->slow_ms = 0;
    memset(node->cosigned, 0, sizeof node->cosigned);
    if (loses_power) {
        uint64_t random = node->cut_seed;
        struct disk *disks[] = { node->public, node->private, node->store, node->archive, node->witness_disk };
        for (size_t i = 0; i < COUNT_OF(disks); i++) {
            sim_disk_power_cut(disks[i], dice(&random));
        }
        mirrors_cut_power(node, dice(&random));
    }
    if (node->is_to_be_put_back) {
        put_back(node);
    }
}

void node_end(struct node *node, bool loses_power, uint64_t seed)
{
    const struct node *speaking = node->stage->speaking;
    node->stage->speaking = node;
    if (!node->is_ending) {
        node->is_ending = true;
        node->faults.is_dead = true;
        node->ends_at_fault = node->loses_power = false;
        node->log = NULL;
        node->watch = NULL;
        node->witness = NULL;
        mirrors_end(node);
    }
    if (loses_power) {
        node->cuts_power = true;
        node->cut_seed = seed;
    }
    if (node->depth == 0) {
        reap(node);
    }
    node->stage->speaking = speaking;
}

void node_enter(struct node *node)
{
    node->depth++;
}

static void look(struct node *node)
{
    bool is_met = node->faults.calls > node->faults.fail_at;
    if (node->is_ending || (!node->has_dead_log && !is_met)) {
        return;
    }
    bool is_planned = is_met && node->ends_at_fault;
    if (is_met && !is_planned) {
        node->faults.fail_at = UINT64_MAX; /* it was one call */
    }
    if (is_planned || node->has_dead_log) {
        stage_tell(node->stage, "gateway %u ends%s", node->number, is_planned ? "" : ": its log is dead");
        node->stage->result->crashes++;
        node_end(node, is_planned && node->loses_power, node->end_seed);
    }
}

void node_leave(struct node *node)
{
    if (node->gateway != NULL) {
        look(node);
    }
    node->depth--;
    if (node->depth == 0 && node->is_ending && node->gateway != NULL) {
        const struct node *speaking = node->stage->speaking;
        node->stage->speaking = node;
        reap(node);
        node->stage->speaking = speaking;
    }
}

/* ---- What it does by itself ---- */

int64_t node_due_ms(struct node *node)
{
    struct stage *stage = node->stage;
    if (node->gateway == NULL) {
        return INT64_MAX;
    }
    uint64_t due_us = stepped_due_us(node->gateway);
    if (due_us == UINT64_MAX) {
        node->wanted_at_ms = 0;
        return INT64_MAX;
    }
    if (due_us > 0) {
        return stage->now_ms + (int64_t)(due_us / 1000) + 1;
    }
    node->wanted_at_ms = node->wanted_at_ms == 0 ? stage->now_ms : node->wanted_at_ms;
    return node->wanted_at_ms + 1 + node->slow_ms;
}

void node_step(struct node *node)
{
    uint8_t root[SHA256_SIZE];
    const struct node *speaking = node->stage->speaking;
    node->stage->speaking = node;
    node->wanted_at_ms = 0;
    node_enter(node);
    stepped_step(node->gateway);
    if (node->log != NULL && !node->has_dead_log) {
        log_root(node->log, root);
        node->promised = log_size(node->log);
        check_signed(node, node->promised, root);
        stage_mix(node->stage, node->promised);
        model_follow(node);
    }
    node_leave(node);
    node->stage->speaking = speaking;
}

/* Something waits inside of this gateway for its log: the world goes on meanwhile. */
static void turn(void *context)
{
    struct node *node = context;
    struct stage *stage = node->stage;
    const struct node *speaking = stage->speaking;
    if (stage->result->is_broken || node->is_ending || !stage_step(stage, INT64_MAX)) {
        stage->speaking = node;
        stepped_step(node->gateway);
    }
    stage->speaking = speaking;
}
