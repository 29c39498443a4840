/* Time, lines between gateways, and what the actions do. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "torture/stage_internal.h"

enum { STARTED_AT_DAYS = 20800, SETTLE_MS = 15 * 60 * 1000, MESSAGE_MAX = 512 };

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

static const int64_t epoch_ms = (int64_t)STARTED_AT_DAYS * 24 * 60 * 60 * 1000;

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

void *stage_must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* ---- Making ---- */

/* All gateways start, and have what must be there before anything else. */
static bool begin(struct stage *stage, struct error *e)
{
    for (unsigned i = 0; i < NODES; i++) {
        struct node *node = &stage->nodes[i];
        if (!node_start(node, e) || !lane_prepare(node, e)) {
            return false;
        }
        node_back_up(node);
        stage->result->starts++;
    }
    return true;
}

bool stage_make(struct stage **out, const struct torture_options *options, const struct action *actions, size_t count,
                struct torture_result *result, struct buffer *trace, struct error *e)
{
    struct stage *stage = calloc(1, sizeof *stage);
    *out = stage;
    if (stage == NULL) {
        return error_memory(e, "torture");
    }
    *stage = (struct stage){ .options = *options, .result = result, .trace = trace, .now_ms = 1, .random = options->seed };
    stage->exchanges = calloc(EXCHANGES_MAX, sizeof *stage->exchanges);
    stage->letters = calloc(LETTERS_MAX, sizeof(struct letter *));
    if (stage->exchanges == NULL || stage->letters == NULL) {
        return error_memory(e, "torture");
    }
    time_replace(wall_now, stage);
    time_replace_monotonic(monotonic_now, stage);
    random_replace(fill_random, stage);
    for (unsigned i = 0; i < NODES; i++) {
        if (!node_make(&stage->nodes[i], stage, (uint8_t)i, e)) {
            return false;
        }
    }
    bool ok = community_make(stage, e) && begin(stage, e);
    stage->actions = actions;
    stage->action_count = count;
    stage->begun_ms = stage->now_ms;
    return ok;
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
    for (size_t i = 0; stage->letters != NULL && i < stage->letter_count; i++) {
        letter_free(stage->letters[i]);
    }
    for (size_t i = 0; i < OVERHEARD_MAX; i++) {
        if (stage->overheard[i] != NULL) {
            letter_free(stage->overheard[i]);
        }
    }
    while (stage->calls != NULL) {
        struct call *next = stage->calls->next;
        free(stage->calls);
        stage->calls = next;
    }
    community_clear(stage);
    time_replace(NULL, NULL);
    time_replace_monotonic(NULL, NULL);
    random_replace(NULL, NULL);
    free(stage->exchanges);
    free(stage->letters);
    free(stage);
}

/* ---- Actions ---- */

static void start(struct stage *stage, struct node *node)
{
    struct error e = { 0 };
    if (node->gateway != NULL) {
        return;
    }
    if (node_start(node, &e)) {
        stage->result->starts++;
        check_started(node);
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

static void plan_end(struct node *node, const struct action *action, bool loses_power)
{
    if (node->log == NULL || node->ends_at_fault) {
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
    if (node->gateway != NULL || node->was_restored) {
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

static void limit_disks(struct node *node, uint64_t left)
{
    struct disk *const disks[] = { node->public, node->private, node->store };
    for (size_t i = 0; i < COUNT_OF(disks); i++) {
        sim_disk_limit(disks[i], left == 0 ? 0 : sim_disk_bytes(disks[i]) + left);
    }
}

/* What happens to machines and lines. */
static void act_on_machine(struct stage *stage, struct node *node, const struct action *action)
{
    switch (action->kind) {
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
        limit_disks(node, (uint64_t)action->value + 1);
        break;
    case ACTION_ROOM:
        limit_disks(node, 0);
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
    default:
        break;
    }
}

/* The first that needs it, from this one on. */
static void recover(struct stage *stage, uint8_t from)
{
    for (size_t i = 0; i < NODES; i++) {
        struct node *node = &stage->nodes[(from + i) % NODES];
        if (node->gateway == NULL && node->was_restored) {
            stage->speaking = node;
            mirrors_recover(node);
            return;
        }
    }
}

static void act(struct stage *stage, const struct action *action)
{
    struct node *node = &stage->nodes[action->node];
    stage_mix(stage, (uint64_t)action->kind << 8 | action->node);
    if (plan_is_in_lane(action->kind)) {
        if (node->log != NULL && node->lane_count < LANE_MAX) {
            node->lane[node->lane_count++] = *action;
        }
        return;
    }
    const struct node *speaking = stage->speaking;
    stage->speaking = node;
    node_enter(node);
    switch (action->kind) {
    case ACTION_ASK:
        line_ask(node, action->peer, action->seed);
        break;
    case ACTION_REPLAY:
        line_replay(stage, action->seed);
        break;
    case ACTION_COSIGN:
        cosign_ask(node);
        break;
    case ACTION_MIRROR:
        mirrors_push(node, action->seed);
        break;
    case ACTION_RECOVER:
        recover(stage, action->node);
        break;
    case ACTION_BACKUP:
        node_back_up(node);
        break;
    case ACTION_RESTORE:
        node_restore(node);
        break;
    case ACTION_ROT:
        rot(stage, node, action);
        break;
    default:
        act_on_machine(stage, node, action);
        break;
    }
    node_leave(node);
    stage->speaking = speaking;
}

/* ---- Time ---- */

/* What comes next, and when; what is earlier in this list comes first. */
enum what { NOTHING = 0, NEXT_ACTION, NEXT_LETTER, NEXT_LOG, NEXT_LANE };
struct next {
    enum what what;
    int64_t due_ms;
    uint64_t order;
    size_t which;
};

static void consider(struct next *next, enum what what, int64_t due_ms, uint64_t order, size_t which)
{
    if (due_ms < next->due_ms || (due_ms == next->due_ms && next->what == what && order < next->order)) {
        *next = (struct next){ what, due_ms, order, which };
    }
}

static struct next find_next(struct stage *stage, int64_t until_ms)
{
    struct next next = { .what = NOTHING, .due_ms = until_ms == INT64_MAX ? INT64_MAX : until_ms + 1 };
    if (stage->next_action < stage->action_count) {
        consider(&next, NEXT_ACTION, stage->begun_ms + stage->actions[stage->next_action].at_ms, 0, stage->next_action);
    }
    for (size_t i = 0; i < stage->letter_count; i++) {
        consider(&next, NEXT_LETTER, stage->letters[i]->due_ms, stage->letters[i]->order, i);
    }
    for (size_t i = 0; i < NODES; i++) {
        struct node *node = &stage->nodes[i];
        consider(&next, NEXT_LOG, node_due_ms(node), 0, i);
        if (node->lane_count > 0 && !node->is_busy && node->log != NULL) {
            consider(&next, NEXT_LANE, stage->now_ms, 0, i);
        }
    }
    return next;
}

bool stage_step(struct stage *stage, int64_t until_ms)
{
    struct next next = find_next(stage, until_ms);
    if (next.what == NOTHING) {
        return false;
    }
    stage->now_ms = next.due_ms > stage->now_ms ? next.due_ms : stage->now_ms;
    switch (next.what) {
    case NEXT_ACTION:
        stage->action = stage->next_action++;
        if (stage->trace != NULL && stage->options.is_told) {
            buffer_append_format(stage->trace, "%5zu  ", stage->action);
            plan_write(&stage->actions[stage->action], stage->trace);
        }
        act(stage, &stage->actions[stage->action]);
        break;
    case NEXT_LETTER: {
        struct letter *letter = stage->letters[next.which];
        stage->letters[next.which] = stage->letters[--stage->letter_count];
        line_deliver(stage, letter);
        break;
    }
    case NEXT_LOG:
        node_step(&stage->nodes[next.which]);
        break;
    case NEXT_LANE:
        lane_run(&stage->nodes[next.which]);
        break;
    case NOTHING:
        break;
    }
    return true;
}

static void pass(struct stage *stage, int64_t until_ms)
{
    while (!stage->result->is_broken && stage_step(stage, until_ms)) {
    }
    stage->now_ms = until_ms > stage->now_ms ? until_ms : stage->now_ms;
}

void stage_run(struct stage *stage)
{
    while (!stage->result->is_broken && stage->next_action < stage->action_count) {
        (void)stage_step(stage, stage->begun_ms + stage->actions[stage->next_action].at_ms);
    }
}

void stage_settle(struct stage *stage)
{
    memset(stage->is_parted, 0, sizeof stage->is_parted);
    for (size_t i = 0; i < NODES; i++) {
        struct node *node = &stage->nodes[i];
        limit_disks(node, 0);
        node->slow_ms = 0;
        node->clock_shift_ms = 0;
        if (node->ends_at_fault && node->gateway != NULL) {
            node_end(node, node->loses_power, node->end_seed);
        }
        node->faults = (struct faults){ .kinds = CALL_ALL, .fail_at = UINT64_MAX };
        if (node->gateway != NULL) {
            node_end(node, true, stage->options.seed + i);
        }
    }
    for (size_t i = 0; i < NODES; i++) {
        start(stage, &stage->nodes[i]);
    }
    pass(stage, stage->now_ms + SETTLE_MS);
}
