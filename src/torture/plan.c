#include <inttypes.h>

#include "torture/stage_internal.h"

/* How often each kind comes, of 1000. Faults come in the midst of work, so most actions are work. */
static const struct {
    const char *name;
    unsigned weight;
    uint32_t value_min, value_max;
} kinds[ACTION_KINDS] = {
    [ACTION_ASK] = { "ask", 470, 0, 1 },
    [ACTION_WAIT] = { "wait", 190, 1, 4000 },
    [ACTION_REST] = { "rest", 8, 1, 3 },
    [ACTION_REPLAY] = { "replay", 30, 0, 0 },
    [ACTION_KILL] = { "kill", 15, 0, 40 },
    [ACTION_CUT] = { "cut-power", 25, 0, 40 },
    [ACTION_START] = { "start", 150, 0, 0 },
    [ACTION_FULL] = { "fill-disk", 6, 0, 65536 },
    [ACTION_ROOM] = { "make-room", 40, 0, 0 },
    [ACTION_FAULT] = { "fail-call", 15, 0, 60 },
    [ACTION_SLOW] = { "slow-disk", 8, 200, 10000 },
    [ACTION_PART] = { "part", 10, 0, 0 },
    [ACTION_JOIN] = { "join", 40, 0, 0 },
    [ACTION_JUMP] = { "jump-clock", 20, 1, 3 },
    [ACTION_SET_CLOCK] = { "set-clock", 60, 0, 0 },
    [ACTION_COSIGN] = { "cosign", 40, 0, 0 },
    [ACTION_MIRROR] = { "mirror", 30, 0, 0 },
    [ACTION_RECOVER] = { "recover", 20, 0, 0 },
    [ACTION_BACKUP] = { "back-up", 4, 0, 0 },
    [ACTION_RESTORE] = { "restore", 2, 0, 0 },
    [ACTION_ROT] = { "rot", 6, 0, UINT32_MAX },
};

void plan_draw(uint64_t seed, struct action *actions, size_t count)
{
    uint64_t random = seed;
    unsigned all = 0;
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
        actions[i] = (struct action){
            .kind = (enum action_kind)kind,
            .node = node,
            .peer = (uint8_t)((node + 1 + dice_below(&random, NODES - 1)) % NODES),
            .value = (uint32_t)(kinds[kind].value_min + dice_below(&random, span)),
        };
        actions[i].seed = dice(&random);
    }
}

void plan_write(const struct action *action, struct buffer *out)
{
    buffer_append_format(out, "%s gateway=%u", kinds[action->kind].name, action->node);
    if (action->kind == ACTION_ASK || action->kind == ACTION_PART) {
        buffer_append_format(out, " peer=%u", action->peer);
    }
    if (kinds[action->kind].value_max > 0) {
        buffer_append_format(out, " value=%" PRIu32, action->value);
    }
    buffer_append_format(out, " seed=%016" PRIx64 "\n", action->seed);
}
