#include "policy/release_plan_internal.h"

#include <stdlib.h>

#include "base/random.h"

static const char where[] = "release plan";

/* ---- Looking up ---- */

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
    return arena_take_zeroed(arena, (plan->word_count + 1) * sizeof(uint64_t));
}

static bool add_name(struct release_plan *plan, struct arena *arena, struct bytes name, size_t word, uint64_t bit)
{
    struct name_id id = name_id_make(name, name.size, &plan->secret);
    struct plan_step *step = release_plan_slot(plan, id, name);
    if (step->positions == NULL) {
        *step = (struct plan_step){ .id = id, .name = name, .positions = make_positions(plan, arena) };
    }
    if (step->positions == NULL) {
        return false;
    }
    step->positions[word] |= bit;
    return true;
}

static bool add_index(struct release_plan *plan, struct arena *arena, uint64_t index, size_t word, uint64_t bit)
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
    plan->indexes[at].positions[word] |= bit;
    return true;
}

/* The field's machine begins at bit `first` of word `at`. */
static bool add_path(struct release_plan *plan, struct arena *arena, const struct json_path *path, size_t at, unsigned first)
{
    struct plan_word *word = &plan->words[at];
    for (size_t i = 0; i < path->count; i++) {
        const struct json_path_segment *segment = &path->segments[i];
        uint64_t bit = (uint64_t)1 << (first + i);
        word->stay |= segment->is_descendant ? bit : 0;
        word->wild |= segment->kind == JSON_PATH_WILDCARD ? bit : 0;
        if ((segment->kind == JSON_PATH_NAME && !add_name(plan, arena, segment->name, at, bit)) ||
            (segment->kind == JSON_PATH_INDEX && !add_index(plan, arena, segment->index, at, bit))) {
            return false;
        }
    }
    word->start |= (uint64_t)1 << first;
    word->end |= (uint64_t)1 << (first + path->count);
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

/* A field's transformation: its own, else that of its category's release. */
static bool find_transform(const struct policy_service *service, const struct policy_field *from, struct plan_field *to)
{
    const struct policy_transform *transform = from->transform;
    for (size_t i = 0; transform == NULL && i < service->release_count && to->category != 0; i++) {
        transform = to->category == (uint64_t)1 << i ? service->releases[i].transform : NULL;
    }
    if (transform == NULL) {
        return true;
    }
    to->transform = &transform->how;
    return transform->as == POLICY_STRUCTURE || find_release(service, transform->as, &to->as);
}

/* How many words the fields take, each in the first one that has room behind the field before; and how many names and indexes there are. */
static size_t count_words(const struct policy_service *service, size_t *names, size_t *indexes)
{
    size_t words = 0, used = 64;
    *names = *indexes = 0;
    for (size_t i = 0; i < service->field_count; i++) {
        const struct json_path *path = service->fields[i].path;
        bool fits = used + path->count + 1 <= 64;
        words += fits ? 0 : 1;
        used = (fits ? used : 0) + path->count + 1;
        for (size_t j = 0; j < path->count; j++) {
            *names += path->segments[j].kind == JSON_PATH_NAME;
            *indexes += path->segments[j].kind == JSON_PATH_INDEX;
        }
    }
    return words;
}

static bool add_fields(struct release_plan *plan, const struct policy_service *service, struct arena *arena, struct error *e)
{
    size_t word = (size_t)-1, used = 64;
    for (size_t i = 0; i < service->field_count; i++) {
        const struct policy_field *field = &service->fields[i];
        if (!find_release(service, field->category, &plan->fields[i].category) || !find_transform(service, field, &plan->fields[i])) {
            return error_set(e, ERROR_INPUT, where, NULL, "a field's category is not released by its service");
        }
        if (used + field->path->count + 1 > 64) {
            word++;
            used = 0;
        }
        if (!add_path(plan, arena, field->path, word, (unsigned)used)) {
            return error_memory(e, where);
        }
        used += field->path->count + 1;
        plan->field_at[word * 64 + used - 1] = (uint32_t)i;
    }
    return true;
}

bool release_plan_make(struct release_plan **out, const struct policy_service *service, struct arena *arena, struct error *e)
{
    size_t names = 0, indexes = 0;
    *out = NULL;
    if (service->field_count > POLICY_FIELDS_MAX || service->release_count > POLICY_RELEASES_MAX) {
        return error_set(e, ERROR_FULL, where, NULL, "more than %d fields or %d releases", POLICY_FIELDS_MAX, POLICY_RELEASES_MAX);
    }
    size_t words = count_words(service, &names, &indexes);
    struct release_plan *plan = arena_take_zeroed(arena, sizeof *plan);
    if (plan == NULL) {
        return error_memory(e, where);
    }
    random_fill(&plan->secret, sizeof plan->secret);
    plan->name_mask = 1;
    while (plan->name_mask < names * 2) { /* at most half full */
        plan->name_mask = plan->name_mask * 2 + 1;
    }
    plan->word_count = words;
    plan->words = arena_take_zeroed(arena, (words + 1) * sizeof *plan->words);
    plan->fields = arena_take_zeroed(arena, (service->field_count + 1) * sizeof *plan->fields);
    plan->field_at = arena_take_zeroed(arena, (words + 1) * 64 * sizeof *plan->field_at);
    plan->names = arena_take_zeroed(arena, (plan->name_mask + 1) * sizeof *plan->names);
    plan->indexes = arena_take_zeroed(arena, (indexes + 1) * sizeof *plan->indexes);
    if (plan->words == NULL || plan->fields == NULL || plan->field_at == NULL || plan->names == NULL || plan->indexes == NULL) {
        return error_memory(e, where);
    }
    if (!add_fields(plan, service, arena, e)) {
        return false;
    }
    *out = plan;
    return true;
}
