#include "policy/release_plan_internal.h"

#include <stdlib.h>

#include "base/random.h"

static const char where[] = "release plan";

/* ---- Looking up ---- */

static struct plan_step *name_slot(const struct release_plan *plan, uint64_t hash, struct bytes name)
{
    size_t at = hash & plan->name_mask;
    while (plan->names[at].positions != NULL && !(plan->names[at].hash == hash && bytes_equal(plan->names[at].name, name))) {
        at = (at + 1) & plan->name_mask;
    }
    return &plan->names[at];
}

const uint64_t *release_plan_name(const struct release_plan *plan, uint64_t hash, struct bytes name)
{
    return name_slot(plan, hash, name)->positions;
}

const uint64_t *release_plan_index(const struct release_plan *plan, uint64_t index)
{
    size_t low = 0, high = plan->index_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (plan->indexes[middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < plan->index_count && plan->indexes[low].index == index ? plan->indexes[low].positions : NULL;
}

/* ---- Making ---- */

static uint64_t *make_positions(const struct release_plan *plan, struct arena *arena)
{
    return arena_take_zeroed(arena, plan->field_count * sizeof(uint64_t));
}

static bool add_name(struct release_plan *plan, struct arena *arena, struct bytes name, size_t field, uint64_t bit)
{
    uint64_t hash = plan_hash(plan, name).low64;
    struct plan_step *step = name_slot(plan, hash, name);
    if (step->positions == NULL) {
        *step = (struct plan_step){ .hash = hash, .name = name, .positions = make_positions(plan, arena) };
    }
    if (step->positions == NULL) {
        return false;
    }
    step->positions[field] |= bit;
    return true;
}

static bool add_index(struct release_plan *plan, struct arena *arena, uint64_t index, size_t field, uint64_t bit)
{
    size_t at = 0;
    while (at < plan->index_count && plan->indexes[at].index < index) {
        at++;
    }
    if (at == plan->index_count || plan->indexes[at].index != index) {
        uint64_t *positions = make_positions(plan, arena);
        if (positions == NULL) {
            return false;
        }
        memmove(&plan->indexes[at + 1], &plan->indexes[at], (plan->index_count - at) * sizeof plan->indexes[0]);
        plan->indexes[at] = (struct plan_step){ .index = index, .positions = positions };
        plan->index_count++;
    }
    plan->indexes[at].positions[field] |= bit;
    return true;
}

static bool add_field(struct release_plan *plan, struct arena *arena, const struct policy_field *from, size_t field)
{
    struct plan_field *to = &plan->fields[field];
    for (size_t i = 0; i < from->path->count; i++) {
        const struct json_path_segment *segment = &from->path->segments[i];
        uint64_t bit = (uint64_t)1 << i;
        to->stay |= segment->is_descendant ? bit : 0;
        to->wild |= segment->kind == JSON_PATH_WILDCARD ? bit : 0;
        if ((segment->kind == JSON_PATH_NAME && !add_name(plan, arena, segment->name, field, bit)) ||
            (segment->kind == JSON_PATH_INDEX && !add_index(plan, arena, segment->index, field, bit))) {
            return false;
        }
    }
    to->end = (uint64_t)1 << from->path->count;
    return true;
}

/* The bit of a category among the releases. False for one that the service does not release: policy_parse() refuses such a field. */
static bool find_release(const struct policy_service *service, size_t category, uint64_t *bit)
{
    *bit = 0;
    for (size_t i = 0; i < service->release_count && category != POLICY_STRUCTURE; i++) {
        if (service->releases[i].category == category) {
            *bit = (uint64_t)1 << i;
            return true;
        }
    }
    return category == POLICY_STRUCTURE;
}

bool release_plan_make(struct release_plan **out, const struct policy_service *service, struct arena *arena, struct error *e)
{
    size_t names = 0, indexes = 0;
    *out = NULL;
    if (service->field_count > POLICY_FIELDS_MAX || service->release_count > POLICY_RELEASES_MAX) {
        return error_set(e, ERROR_FULL, where, NULL, "more than %d fields or %d releases", POLICY_FIELDS_MAX, POLICY_RELEASES_MAX);
    }
    for (size_t i = 0; i < service->field_count; i++) {
        for (size_t j = 0; j < service->fields[i].path->count; j++) {
            names += service->fields[i].path->segments[j].kind == JSON_PATH_NAME;
            indexes += service->fields[i].path->segments[j].kind == JSON_PATH_INDEX;
        }
    }
    struct release_plan *plan = arena_take_zeroed(arena, sizeof *plan);
    if (plan == NULL) {
        return error_memory(e, where);
    }
    random_fill(&plan->seed, sizeof plan->seed);
    plan->name_mask = 1;
    while (plan->name_mask < names * 2) { /* at most half full */
        plan->name_mask = plan->name_mask * 2 + 1;
    }
    plan->field_count = service->field_count;
    plan->fields = arena_take_zeroed(arena, (plan->field_count + 1) * sizeof *plan->fields);
    plan->names = arena_take_zeroed(arena, (plan->name_mask + 1) * sizeof *plan->names);
    plan->indexes = arena_take_zeroed(arena, (indexes + 1) * sizeof *plan->indexes);
    if (plan->fields == NULL || plan->names == NULL || plan->indexes == NULL) {
        return error_memory(e, where);
    }
    for (size_t i = 0; i < service->field_count; i++) {
        if (!find_release(service, service->fields[i].category, &plan->fields[i].release)) {
            return error_set(e, ERROR_INPUT, where, NULL, "a field's category is not released by its service");
        }
        if (!add_field(plan, arena, &service->fields[i], i)) {
            return error_memory(e, where);
        }
    }
    *out = plan;
    return true;
}
