/* Time, lines between gateways, and what the actions do. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "torture/stage_internal.h"

enum { STARTED_AT_MS_DAYS = 20000, SETTLE_MS = 120 * 1000, MESSAGE_MAX = 512 };

void stage_mix(struct stage *stage, uint64_t value)
{
    uint64_t state = stage->result->digest ^ value;
    stage->result->digest = dice(&state);
}

void stage_tell(struct stage *stage, const char *what, ...)
{
    char text[MESSAGE_MAX];
    va_list arguments;
    if (stage->trace == NULL || !stage->options.is_told) {
        return;
    }
    va_start(arguments, what);
    (void)vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    buffer_append_format(stage->trace, "  %8lld ms  %s\n", (long long)stage->now_ms, text);
}

void stage_break(struct stage *stage, const char *what, ...)
{
    va_list arguments;
    if (stage->result->is_broken) {
        return;
    }
    va_start(arguments, what);
    (void)vsnprintf(stage->result->what, sizeof stage->result->what, what, arguments);
    va_end(arguments);
    stage->result->is_broken = true;
    stage->result->broken_at = stage->action;
    stage_tell(stage, "BROKEN: %s", stage->result->what);
}

/* ---- Clocks and randomness, as the gateways see them ---- */

static const int64_t epoch_ms = (int64_t)STARTED_AT_MS_DAYS * 24 * 60 * 60 * 1000;

static int64_t wall_now(void *context)
{
    const struct stage *stage = context;
    return epoch_ms + stage->now_ms + (stage->speaking == NULL ? 0 : stage->speaking->clock_shift_ms);
}

static uint64_t monotonic_now(void *context)
{
    const struct stage *stage = context;
    return (uint64_t)stage->now_ms * 1000;
}

static void fill_random(void *context, void *out, size_t size)
{
    struct stage *stage = context;
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)dice(&stage->random);
    }
}

bool stage_make(struct stage **out, const struct torture_options *options, struct torture_result *result, struct buffer *trace,
                struct error *e)
{
    struct stage *stage = calloc(1, sizeof *stage);
    *out = stage;
    if (stage == NULL) {
        return error_memory(e, "torture");
    }
    *stage = (struct stage){ .options = *options, .result = result, .trace = trace, .now_ms = 1, .random = options->seed };
    stage->exchanges = calloc(EXCHANGES_MAX, sizeof *stage->exchanges);
    stage->letters = calloc(LETTERS_MAX, sizeof *stage->letters);
    stage->checkpoints = checkpoint_cache_make(1024);
    if (stage->exchanges == NULL || stage->letters == NULL || stage->checkpoints == NULL) {
        return error_memory(e, "torture");
    }
    time_replace(wall_now, stage);
    time_replace_monotonic(monotonic_now, stage);
    random_replace(fill_random, stage);
    for (unsigned i = 0; i < NODES; i++) {
        if (!node_make(&stage->nodes[i], stage, (uint8_t)i, e)) {
            return false;
        }
        sim_disk_lie(stage->nodes[i].private, options->has_lying_disk);
        stage->gateways[i].statement_key = *signer_verifier(stage->nodes[i].signer);
    }
    stage->member = (struct directory_member){ .gateways = stage->gateways, .gateway_count = NODES };
    stage->directory = (struct directory){
        .community = BYTES("TORTURE"), .valid_from_ms = INT64_MIN, .valid_until_ms = INT64_MAX, .members = &stage->member, .member_count = 1
    };
    stage->known = (struct world){ .own = &stage->directory };
    for (unsigned i = 0; i < NODES; i++) {
        if (!node_start(&stage->nodes[i], e)) {
            return false;
        }
        result->starts++;
    }
    return true;
}

void stage_free(struct stage *stage)
{
    if (stage == NULL) {
        return;
    }
    for (size_t i = 0; i < NODES; i++) {
        if (stage->nodes[i].public != NULL) {
            node_clear(&stage->nodes[i]);
        }
    }
    for (size_t i = 0; i < stage->exchange_count; i++) {
        struct exchange *x = &stage->exchanges[i];
        for (size_t j = 0; j < ENTRY_KINDS; j++) {
            free((void *)(uintptr_t)x->texts[j].data);
        }
        free((void *)(uintptr_t)x->receipts[0].data);
        free((void *)(uintptr_t)x->receipts[1].data);
    }
    time_replace(NULL, NULL);
    time_replace_monotonic(NULL, NULL);
    random_replace(NULL, NULL);
    checkpoint_cache_free(stage->checkpoints);
    free(stage->exchanges);
    free(stage->letters);
    free(stage);
}

/* ---- Lines ---- */

static void put_letter(struct stage *stage, uint32_t exchange, bool is_answer, int64_t delay_ms)
{
    if (stage->letter_count == LETTERS_MAX) {
        return; /* lost, as on any line */
    }
    stage->letters[stage->letter_count++] = (struct letter){
        .due_ms = stage->now_ms + delay_ms, .order = stage->letter_order++, .exchange = exchange, .is_answer = is_answer
    };
}

/* Lost, late, in another order, or several times over. */
void stage_send(struct stage *stage, uint32_t exchange, bool is_answer)
{
    uint64_t random = stage->exchanges[exchange].number + (is_answer ? 2 : 1);
    unsigned copies = dice_below(&random, 100) < 3 ? 0 : dice_below(&random, 100) < 10 ? 2 : 1;
    for (unsigned i = 0; i < copies; i++) {
        uint64_t delay_ms = dice_below(&random, 20) == 0 ? dice_below(&random, 40000) : 1 + dice_below(&random, 200);
        put_letter(stage, exchange, is_answer, (int64_t)delay_ms);
    }
}

static void deliver(struct stage *stage, const struct letter *letter)
{
    const struct exchange *x = &stage->exchanges[letter->exchange];
    uint8_t to = letter->is_answer ? x->consumer : x->holder;
    struct node *node = &stage->nodes[to];
    if (node->log == NULL || stage->is_parted[x->consumer][x->holder]) {
        return;
    }
    if (letter->is_answer) {
        node_take_answer(node, letter->exchange);
    } else {
        node_take_request(node, letter->exchange);
    }
}

/* ---- Time ---- */

/* The first thing that is due until `until_ms`; false: nothing. */
static bool next_event(struct stage *stage, int64_t until_ms, struct node **committer, struct node **publisher, size_t *letter)
{
    int64_t first = until_ms + 1;
    *committer = *publisher = NULL;
    *letter = SIZE_MAX;
    for (size_t i = 0; i < stage->letter_count; i++) {
        const struct letter *l = &stage->letters[i];
        if (l->due_ms < first || (l->due_ms == first && *letter != SIZE_MAX && l->order < stage->letters[*letter].order)) {
            first = l->due_ms;
            *letter = i;
        }
    }
    for (size_t i = 0; i < NODES; i++) {
        struct node *node = &stage->nodes[i];
        if (node->log == NULL) {
            continue;
        }
        if (node->commit_at_ms != 0 && node->commit_at_ms < first) {
            first = node->commit_at_ms;
            *committer = node;
            *publisher = NULL;
            *letter = SIZE_MAX;
        }
        if (node->publish_at_ms < first) {
            first = node->publish_at_ms;
            *committer = NULL;
            *publisher = node;
            *letter = SIZE_MAX;
        }
    }
    if (first > until_ms) {
        return false;
    }
    stage->now_ms = first > stage->now_ms ? first : stage->now_ms;
    return true;
}

static void pass(struct stage *stage, int64_t duration_ms)
{
    int64_t until_ms = stage->now_ms + duration_ms;
    struct node *committer, *publisher;
    size_t letter;
    while (!stage->result->is_broken && next_event(stage, until_ms, &committer, &publisher, &letter)) {
        if (committer != NULL) {
            node_commit(committer);
        } else if (publisher != NULL) {
            node_publish(publisher);
        } else {
            struct letter due = stage->letters[letter];
            stage->letters[letter] = stage->letters[--stage->letter_count];
            deliver(stage, &due);
        }
    }
    stage->now_ms = until_ms;
}

/* ---- Actions ---- */

static void start(struct stage *stage, struct node *node)
{
    struct error e = { 0 };
    if (node->log != NULL) {
        return;
    }
    if (node_start(node, &e)) {
        stage->result->starts++;
        check_started(node);
        cosign_check(node);
        mirrors_check(node);
        return;
    }
    stage->result->refused_starts++;
    stage_tell(stage, "gateway %u does not start: %s: %s", node->number, e.where, e.what);
    /* A full disk or a planned fault excuses it, and so does a rollback that others know of; nothing else does. */
    bool is_excused = e.kind == ERROR_FULL || node->was_restored || node->faults.calls > node->faults.fail_at || e.kind == ERROR_IO;
    if (!is_excused) {
        stage_break(stage, "gateway %u does not start: %s: %s", node->number, e.where, e.what);
    }
}

/* Which one hangs on the numbers of exchanges, not on how many there were: the choice stays when actions are left out. */
static void replay(struct stage *stage, uint64_t seed)
{
    uint32_t chosen = UINT32_MAX;
    for (uint32_t i = 0; i < stage->exchange_count; i++) {
        const struct exchange *x = &stage->exchanges[i];
        if (x->receipts[0].data != NULL && (chosen == UINT32_MAX || (x->number ^ seed) < (stage->exchanges[chosen].number ^ seed))) {
            chosen = i;
        }
    }
    if (chosen != UINT32_MAX) {
        put_letter(stage, chosen, false, 0);
    }
}

static void plan_end(struct node *node, const struct action *action, bool loses_power)
{
    if (node->log == NULL) {
        return;
    }
    node->faults = (struct faults){ .kinds = CALL_ALL, .fail_at = action->value, .from_then_on = true, .fault = EIO };
    node->ends_at_fault = true;
    node->loses_power = loses_power;
    node->end_seed = action->seed;
}

static void plan_fault(struct node *node, const struct action *action)
{
    static const int errors[] = { EIO, ENOSPC, EDQUOT, EIO, EROFS };
    if (node->log != NULL && !node->ends_at_fault) {
        node->faults = (struct faults){ .kinds = CALL_ALL, .fail_at = action->value, .fault = errors[action->seed % COUNT_OF(errors)] };
    }
}

static void back_up(struct node *node)
{
    disk_free(node->backup_public);
    disk_free(node->backup_private);
    node->backup_public = sim_disk_copy(node->public);
    node->backup_private = sim_disk_copy(node->private);
}

/* What a rotten or careless operator does: an old copy of the folders takes the place of the log. */
static void restore(struct stage *stage, struct node *node)
{
    if (node->backup_public == NULL) {
        return;
    }
    if (node->log != NULL) {
        node_end(node, false, 0);
    }
    disk_free(node->public);
    disk_free(node->private);
    node->public = sim_disk_copy(node->backup_public);
    node->private = sim_disk_copy(node->backup_private);
    faulty_disk_init(&node->faulty_public, node->public, &node->faults);
    faulty_disk_init(&node->faulty_private, node->private, &node->faults);
    sim_disk_lie(node->private, stage->options.has_lying_disk);
    node->was_restored = true;
}

struct pick {
    uint64_t left;
    char path[160];
};

static void count_file(void *context, const char *path)
{
    struct pick *pick = context;
    (void)path;
    pick->left++;
}

static void take_file(void *context, const char *path)
{
    struct pick *pick = context;
    if (pick->left-- == 0) {
        (void)snprintf(pick->path, sizeof pick->path, "%s", path);
    }
}

/* Turns one bit and sees that it is found. Then it is healed; what can't be healed is told, and the bit is turned back. */
static void rot(struct stage *stage, struct node *node, const struct action *action)
{
    uint64_t random = action->seed;
    struct disk *disk = dice_below(&random, 2) == 0 ? node->public : node->private;
    struct pick all = { 0 }, one = { 0 };
    size_t size = 0;
    if (node->log != NULL || node->was_restored) {
        return;
    }
    sim_disk_each(disk, count_file, &all);
    one.left = all.left == 0 ? 0 : dice_below(&random, all.left);
    sim_disk_each(disk, take_file, &one);
    uint8_t *data = one.path[0] == '\0' ? NULL : sim_disk_data(disk, one.path, &size);
    stage->speaking = node;
    if (data == NULL || size == 0 || !check_is_vouched_for(node, disk, one.path)) {
        return;
    }
    size_t at = action->value % size;
    uint8_t bit = (uint8_t)(1U << dice_below(&random, 8));
    data[at] ^= bit;
    stage_tell(stage, "gateway %u: bit %u of byte %zu of %s", node->number, bit, at, one.path);
    check_rotten(node, one.path);
    if (mirrors_heal(node)) {
        check_healed(node);
        return;
    }
    data = sim_disk_data(disk, one.path, &size);
    if (data != NULL && at < size) {
        data[at] ^= bit;
    }
}

void stage_act(struct stage *stage, const struct action *action)
{
    struct node *node = &stage->nodes[action->node];
    stage_mix(stage, (uint64_t)action->kind << 8 | action->node);
    switch (action->kind) {
    case ACTION_ASK:
        node_ask(node, action->peer, action->seed);
        break;
    case ACTION_WAIT:
        pass(stage, action->value);
        break;
    case ACTION_REST:
        pass(stage, (int64_t)action->value * HALF_HOUR_MS);
        break;
    case ACTION_REPLAY:
        replay(stage, action->seed);
        break;
    case ACTION_KILL:
        plan_end(node, action, false);
        break;
    case ACTION_CUT:
        plan_end(node, action, true);
        break;
    case ACTION_START:
        start(stage, node);
        break;
    case ACTION_FULL:
        sim_disk_limit(node->public, sim_disk_bytes(node->public) + action->value + 1);
        sim_disk_limit(node->private, sim_disk_bytes(node->private) + action->value + 1);
        break;
    case ACTION_ROOM:
        sim_disk_limit(node->public, 0);
        sim_disk_limit(node->private, 0);
        break;
    case ACTION_FAULT:
        plan_fault(node, action);
        break;
    case ACTION_SLOW:
        node->slow_ms = action->value;
        break;
    case ACTION_PART:
        stage->is_parted[action->node][action->peer] = stage->is_parted[action->peer][action->node] = true;
        break;
    case ACTION_JOIN:
        memset(stage->is_parted, 0, sizeof stage->is_parted);
        break;
    case ACTION_JUMP:
        node->clock_shift_ms += (action->seed % 2 == 0 ? (int64_t)action->value : -(int64_t)action->value) * HALF_HOUR_MS;
        break;
    case ACTION_SET_CLOCK:
        node->clock_shift_ms = 0;
        break;
    case ACTION_COSIGN:
        cosign_ask(node);
        break;
    case ACTION_MIRROR:
        mirrors_push(node, action->seed);
        break;
    case ACTION_RECOVER:
        if (node->log == NULL && node->was_restored) {
            mirrors_recover(node);
        }
        break;
    case ACTION_BACKUP:
        back_up(node);
        break;
    case ACTION_RESTORE:
        restore(stage, node);
        break;
    case ACTION_ROT:
        rot(stage, node, action);
        break;
    case ACTION_KINDS:
        break;
    }
    node_look(node);
}

void stage_settle(struct stage *stage)
{
    memset(stage->is_parted, 0, sizeof stage->is_parted);
    for (size_t i = 0; i < NODES; i++) {
        struct node *node = &stage->nodes[i];
        sim_disk_limit(node->public, 0);
        sim_disk_limit(node->private, 0);
        node->slow_ms = 0;
        if (node->ends_at_fault && node->log != NULL) {
            node_end(node, node->loses_power, node->end_seed);
        }
        node->faults = (struct faults){ .kinds = CALL_ALL, .fail_at = UINT64_MAX };
        if (node->log != NULL) {
            node_end(node, true, stage->options.seed + i);
        }
        start(stage, node);
    }
    pass(stage, SETTLE_MS);
}
