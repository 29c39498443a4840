#include <inttypes.h>

#include "torture/stage_internal.h"

/* How often each kind comes, of about 1000. Faults come in the midst of work, so most actions are work. */
static const struct {
    const char *name;
    unsigned weight;
    uint32_t value_min, value_max;
    bool is_in_lane;
} kinds[ACTION_KINDS] = {
    [ACTION_ASK] = { "ask", 430, 0, 1, false },
    [ACTION_REPLAY] = { "replay", 20, 0, 0, false },
    [ACTION_KILL] = { "kill", 12, 0, 120, false },
    [ACTION_CUT] = { "cut-power", 20, 0, 120, false },
    [ACTION_STOP] = { "stop", 4, 0, 0, true },
    [ACTION_START] = { "start", 180, 0, 0, false },
    [ACTION_FULL] = { "fill-disk", 5, 0, 65536, false },
    [ACTION_ROOM] = { "make-room", 60, 0, 0, false },
    [ACTION_FAULT] = { "fail-call", 12, 0, 160, false },
    [ACTION_SLOW] = { "slow-disk", 8, 200, 10000, false },
    [ACTION_PART] = { "part", 8, 0, 0, false },
    [ACTION_JOIN] = { "join", 30, 0, 0, false },
    [ACTION_JUMP] = { "jump-clock", 5, 1, 3, false },
    [ACTION_SET_CLOCK] = { "set-clock", 60, 0, 0, false },
    [ACTION_COSIGN] = { "cosign", 30, 0, 0, false },
    [ACTION_MIRROR] = { "mirror", 35, 0, 0, false },
    [ACTION_RECOVER] = { "recover", 20, 0, 0, false },
    [ACTION_BACKUP] = { "back-up", 5, 0, 0, false },
    [ACTION_RESTORE] = { "restore", 2, 0, 0, false },
    [ACTION_ROT] = { "rot", 4, 0, UINT32_MAX, false },
    [ACTION_GIVE] = { "give", 60, 0, 7, true },
    [ACTION_WITHDRAW] = { "withdraw", 40, 0, 0, true },
    [ACTION_LEAVE] = { "leave", 6, 0, PERSONS - 1, true },
    [ACTION_PAUSE] = { "pause", 10, 0, PERSONS - 1, true },
    [ACTION_RESUME] = { "resume", 20, 0, PERSONS - 1, true },
    [ACTION_NOTICE] = { "notice", 4, 0, 3, true },
    [ACTION_POLICY] = { "policy", 8, 0, POLICIES - 1, true },
    [ACTION_DIRECTORY] = { "directory", 4, 0, 0, true },
    [ACTION_TICK] = { "tick", 30, 0, 0, true },
    [ACTION_ERASE] = { "erase", 2, 0, PERSONS - 1, true },
    [ACTION_PRUNE] = { "prune", 2, 0, 0, true },
};

/* Mostly a few things at a time, then a rest; seldom a long one. */
static int64_t draw_gap(uint64_t *random)
{
    uint64_t point = dice_below(random, 1000);
    return point < 550   ? (int64_t)dice_below(random, 40)
           : point < 993 ? (int64_t)dice_below(random, 1500)
                         : (int64_t)(1 + dice_below(random, 3)) * HALF_HOUR_MS;
}

void plan_draw(uint64_t seed, struct action *actions, size_t count)
{
    uint64_t random = seed;
    unsigned all = 0;
    int64_t at_ms = 1;
    for (size_t kind = 0; kind < ACTION_KINDS; kind++) {
        all += kinds[kind].weight;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t point = dice_below(&random, all);
        size_t kind = 0;
        while (point >= kinds[kind].weight) {
            point -= kinds[kind].weight;
            kind++;
        }
        uint8_t node = (uint8_t)dice_below(&random, NODES);
        uint64_t span = (uint64_t)kinds[kind].value_max - kinds[kind].value_min + 1;
        at_ms += draw_gap(&random);
        actions[i] = (struct action){
            .kind = (enum action_kind)kind,
            .node = node,
            .peer = (uint8_t)((node + 1 + dice_below(&random, NODES - 1)) % NODES),
            .value = (uint32_t)(kinds[kind].value_min + dice_below(&random, span)),
            .at_ms = at_ms,
        };
        actions[i].seed = dice(&random);
    }
}

const char *plan_name(enum action_kind kind)
{
    return kinds[kind].name;
}

bool plan_is_in_lane(enum action_kind kind)
{
    return kinds[kind].is_in_lane;
}

void plan_write(const struct action *action, struct buffer *out)
{
    buffer_append_format(out, "%8" PRId64 " ms  %s gateway=%u", action->at_ms, kinds[action->kind].name, action->node);
    if (action->kind == ACTION_ASK || action->kind == ACTION_PART || action->kind == ACTION_GIVE || action->kind == ACTION_NOTICE) {
        buffer_append_format(out, " peer=%u", action->peer);
    }
    if (kinds[action->kind].value_max > 0) {
        buffer_append_format(out, " value=%" PRIu32, action->value);
    }
    buffer_append_format(out, " seed=%016" PRIx64 "\n", action->seed);
}
