/* Mirrors: each gateway's is the real one (witness/mirror.h), and what a log that was put back or rotted gets back comes from them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "crypto/note.h"
#include "evidence/log_copy.h"
#include "evidence/log_heal.h"
#include "evidence/log_recover.h"
#include "torture/stage_internal.h"
#include "witness/mirror_push.h"

bool mirrors_make(struct node *node, struct error *e)
{
    char name[96];
    uint8_t seed[ED25519_SEED_SIZE] = { node->number, 'm' };
    (void)snprintf(name, sizeof name, "TORTURE/GOV/M%u/GW1/mirror", node->number);
    node->mirror_disk = sim_disk_make();
    faulty_disk_init(&node->faulty_mirror, node->mirror_disk, &node->faults);
    for (size_t i = 0; i < NODES; i++) {
        node->copies[i] = sim_disk_make();
        faulty_disk_init(&node->faulty_copies[i], node->copies[i], &node->faults);
    }
    return signer_from_seed(&node->mirror_key, bytes_of_text(name), seed, e) && signer_become_cosigner(node->mirror_key, e);
}

void mirrors_clear(struct node *node)
{
    disk_free(node->mirror_disk);
    for (size_t i = 0; i < NODES; i++) {
        disk_free(node->copies[i]);
    }
    signer_free(node->mirror_key);
}

static size_t number_of(const struct bytes hex)
{
    for (size_t i = 0; i < NODES; i++) {
        char name[STATE_NAME_SIZE], origin[64];
        (void)snprintf(origin, sizeof origin, "TORTURE/GOV/M%zu/GW1", i);
        state_name(bytes_of_text(origin), name);
        if (bytes_equal(bytes_of_text(name), hex)) {
            return i;
        }
    }
    return NODES;
}

/* Freed by the mirror, which does nothing: the disk around the disk is the gateway's. */
static bool open_folder(void *context, const char *name, struct disk **out, struct error *e)
{
    struct node *node = context;
    size_t number = number_of(bytes_of_text(name));
    if (number == NODES) {
        return error_set(e, ERROR_INPUT, name, NULL, "no gateway's log has this name");
    }
    *out = &node->faulty_copies[number].disk;
    return true;
}

bool mirrors_start(struct node *node, struct error *e)
{
    const struct mirror_options options = { .disk = &node->faulty_mirror.disk,
                                            .cosigner = node->mirror_key,
                                            .watch = node->watch,
                                            .own_origin = bytes_of_text(signer_verifier(node->signer)->name),
                                            .is_for_peers = true,
                                            .open_folder = open_folder,
                                            .context = node };
    return mirror_make(&node->mirror, &options, e);
}

void mirrors_end(struct node *node)
{
    mirror_free(node->mirror);
    node->mirror = NULL;
}

void mirrors_cut_power(struct node *node, uint64_t seed)
{
    uint64_t random = seed;
    sim_disk_power_cut(node->mirror_disk, dice(&random));
    for (size_t i = 0; i < NODES; i++) {
        sim_disk_power_cut(node->copies[i], dice(&random));
    }
}

/* ---- Pushing ---- */

/* What HTTP does: a call. The line may be cut at any request, so that a push stops anywhere. */
static bool post(void *context, const char *name, const char *content_type, struct bytes body, unsigned *status, struct buffer *answer,
                 struct error *e)
{
    struct push_line *line = context;
    struct witness_answer told;
    (void)content_type;
    if (dice_below(&line->random, 8) == 0) {
        return error_set(e, ERROR_IO, "line", NULL, "it was cut");
    }
    witness_answer_init(&told);
    line->mirror->stage->speaking = line->mirror;
    if (strcmp(name, "add-checkpoint") == 0) {
        mirror_add_checkpoint(line->mirror->mirror, line->mirror->stage->known, body, time_now_ms(), &told);
    } else {
        mirror_add_entries(line->mirror->mirror, line->mirror->stage->known, body, time_now_ms(), &told);
    }
    *status = told.status;
    buffer_append(answer, buffer_bytes(&told.body));
    witness_answer_clear(&told);
    return true;
}

static uint64_t copy_size(struct node *mirror, const struct node *log, struct checkpoint_view *view, uint8_t **note, size_t *size)
{
    struct error e;
    struct note parsed;
    *note = NULL;
    if (disk_read_whole(mirror->copies[log->number], "checkpoint", CHECKPOINT_MAX, note, size) != 0) {
        *note = NULL;
        return 0;
    }
    bool ok = note_parse(&parsed, bytes_of(*note, *size), "checkpoint", &e) && checkpoint_parse(parsed.text, view, "checkpoint", &e);
    return ok ? view->size : 0;
}

static void push(struct node *node, struct node *mirror, uint64_t seed)
{
    struct push_line line = { .mirror = mirror, .random = seed + mirror->number };
    struct mirror_push push = { .public = &node->faulty_public.disk, .log = signer_verifier(node->signer), .post = post, .context = &line };
    struct buffer lines;
    uint8_t *note = NULL;
    size_t size = 0;
    struct error e = { 0 };
    buffer_init(&lines, MIRROR_ANSWER_BYTES_MAX);
    if (disk_read_whole(&node->faulty_public.disk, "checkpoint", CHECKPOINT_MAX, &note, &size) != 0) {
        note = NULL;
        return;
    }
    if (mirror_push_to(&push, bytes_of(note, size), &lines, &e)) {
        node->stage->result->mirrored++;
        stage_mix(node->stage, lines.size);
    } else if (e.kind == ERROR_DENIED && !node->was_restored) {
        stage_break(node->stage, "mirror %u refuses an honest log: %s", mirror->number, e.what);
    } else {
        stage_tell(node->stage, "gateway %u could not bring mirror %u up to date: %s", node->number, mirror->number, e.what);
    }
    mirror_push_clear(&push);
    buffer_clear(&lines);
    free(note);
}

static bool is_up(const struct node *node, const struct node *other)
{
    return node != other && other->log != NULL && !node->stage->is_parted[node->number][other->number];
}

void mirrors_push(struct node *node, uint64_t seed)
{
    for (size_t i = 0; i < NODES && node->log != NULL; i++) {
        struct node *mirror = &node->stage->nodes[i];
        if (is_up(node, mirror)) {
            node_enter(mirror);
            push(node, mirror, seed);
            node_leave(mirror);
        }
    }
}

void mirrors_check(struct node *node)
{
    for (size_t i = 0; i < NODES; i++) {
        struct node *log = &node->stage->nodes[i];
        struct checkpoint_view view = { 0 };
        uint8_t *note = NULL;
        size_t size = 0;
        struct log_copy *copy = NULL;
        struct error e = { 0 };
        const struct log_copy_options options = {
            .copy = node->copies[i], .state = node->mirror_disk, .name = "checked", .key = signer_verifier(log->signer)
        };
        uint64_t has = copy_size(node, log, &view, &note, &size);
        free(note);
        if (has == 0) {
            continue;
        }
        if (!log_copy_open(&copy, &options, &e)) {
            stage_break(node->stage, "gateway %u's mirror of %zu is damaged: %s: %s", node->number, i, e.where, e.what);
        }
        log_copy_close(copy);
        bool is_known = view.size < log->root_capacity && log->roots[view.size].is_known;
        if (is_known && !log->was_restored && memcmp(log->roots[view.size].root, view.root, SHA256_SIZE) != 0) {
            stage_break(node->stage, "gateway %u's mirror of %zu states another root for %" PRIu64, node->number, i, view.size);
        }
    }
}

/* ---- Getting back ---- */

/* The mirror with the largest copy that can be reached; NULL: none has any. */
static struct node *best_mirror(struct node *node, struct checkpoint_view *best, uint8_t **best_note, size_t *best_size)
{
    struct node *found = NULL;
    *best_note = NULL;
    for (size_t i = 0; i < NODES; i++) {
        struct node *mirror = &node->stage->nodes[i];
        struct checkpoint_view view = { 0 };
        uint8_t *note = NULL;
        size_t size = 0;
        uint64_t has = is_up(node, mirror) ? copy_size(mirror, node, &view, &note, &size) : 0;
        if (has > 0 && (found == NULL || has > best->size)) {
            free(*best_note);
            found = mirror;
            *best = view;
            *best_note = note;
            *best_size = size;
        } else {
            free(note);
        }
    }
    return found;
}

void mirrors_recover(struct node *node)
{
    struct checkpoint_view best;
    uint8_t *note = NULL;
    size_t size = 0;
    uint64_t recovered = 0;
    struct log *log = NULL;
    struct error e = { 0 };
    struct node *mirror = best_mirror(node, &best, &note, &size);
    if (mirror != NULL && node->gateway == NULL && log_open(&log, node->public, node->private, NULL, node->signer, &e)) {
        const struct log_source source = { .fetch = tile_fetch_disk, .context = mirror->copies[node->number], .at = best };
        if (log_recover(log, &source, NULL, NULL, &recovered, &e)) {
            node->stage->result->recovered += recovered;
            stage_tell(node->stage, "gateway %u takes %" PRIu64 " entries back from mirror %u", node->number, recovered, mirror->number);
        } else {
            stage_tell(node->stage, "gateway %u takes nothing back from mirror %u: %s", node->number, mirror->number, e.what);
        }
        log_close(log);
    }
    free(note);
}

static void count_lost(void *context, enum log_heal_what what, const struct error *about)
{
    struct node *node = context;
    stage_tell(node->stage, "gateway %u: %s: %s: %s", node->number,
               what == LOG_HEALED     ? "healed"
               : what == LOG_REPLACED ? "replaced"
                                      : "lost",
               about->where, about->what);
}

bool mirrors_heal(struct node *node)
{
    struct log_heal_source sources[NODES];
    uint8_t *notes[NODES] = { NULL };
    size_t count = 0;
    struct log_heal_result result = { 0 };
    struct error e = { 0 };
    for (size_t i = 0; i < NODES; i++) {
        struct node *mirror = &node->stage->nodes[i];
        struct checkpoint_view view;
        size_t size = 0;
        if (is_up(node, mirror) && copy_size(mirror, node, &view, &notes[count], &size) > 0) {
            sources[count] = (struct log_heal_source){ .name = "mirror",
                                                       .fetch = tile_fetch_disk,
                                                       .context = mirror->copies[node->number],
                                                       .checkpoint = bytes_of(notes[count], size) };
            count++;
        }
    }
    const struct log_heal_options options = { .public = node->public,
                                              .private = node->private,
                                              .key = signer_verifier(node->signer),
                                              .signer = node->signer,
                                              .sources = sources,
                                              .source_count = count,
                                              .report = count_lost,
                                              .context = node };
    bool ok = log_heal(&options, &result, &e) && result.lost == 0 && result.replaced == 0;
    node->stage->result->healed += ok && result.healed > 0;
    for (size_t i = 0; i < NODES; i++) {
        free(notes[i]);
    }
    return ok;
}
