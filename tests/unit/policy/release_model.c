#include "release_model.h"

#include <stdlib.h>

#include "policy/json_path.h"

/* The way down to a value: names, or indexes where the name is NULL. */
struct place {
    const char *name;
    size_t index;
};
struct model {
    const struct policy_service *service;
    const bool *permitted;
    const struct transform_context *context;
    struct place way[RELEASE_DEPTH_MAX + 1];
    struct release_told told;
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static size_t index_of(const struct policy_service *service, size_t category)
{
    size_t i = 0;
    while (service->releases[i].category != category) {
        i++;
        must(i < service->release_count);
    }
    return i;
}

static bool takes(const struct json_path_segment *segment, const struct place *place)
{
    switch (segment->kind) {
    case JSON_PATH_NAME:
        return place->name != NULL && bytes_equal(segment->name, bytes_of_text(place->name));
    case JSON_PATH_INDEX:
        return place->name == NULL && segment->index == place->index;
    case JSON_PATH_WILDCARD:
        return true;
    }
    return false;
}

static bool matches(const struct json_path_segment *segments, size_t segment_count, const struct place *way, size_t depth)
{
    if (segment_count == 0) {
        return depth == 0;
    }
    for (size_t skip = 0; skip < (segments->is_descendant ? depth : depth > 0 ? 1 : 0); skip++) {
        if (takes(segments, &way[skip]) && matches(segments + 1, segment_count - 1, way + skip + 1, depth - skip - 1)) {
            return true;
        }
    }
    return false;
}

/* What a field asks of a value that it matches. */
enum asked { ASKS_NOTHING, ASKS_REMOVAL, ASKS_TRANSFORM };
static enum asked model_asks(const struct model *m, const struct policy_field *field, size_t *by)
{
    const struct policy_transform *transform = field->transform;
    *by = field->category;
    if (field->category == POLICY_STRUCTURE || m->permitted[index_of(m->service, field->category)]) {
        return transform != NULL && transform->as == POLICY_STRUCTURE ? ASKS_TRANSFORM : ASKS_NOTHING;
    }
    if (transform != NULL && transform->as != POLICY_STRUCTURE && m->permitted[index_of(m->service, transform->as)]) {
        *by = transform->as;
        return ASKS_TRANSFORM;
    }
    return ASKS_REMOVAL;
}

static void mark(const struct model *m, bool *flags, size_t category)
{
    if (category != POLICY_STRUCTURE) {
        flags[index_of(m->service, category)] = true;
    }
}

static void merge(bool *flags, const bool *more)
{
    for (size_t i = 0; i < POLICY_RELEASES_MAX; i++) {
        flags[i] = flags[i] || more[i];
    }
}

/* A value to be transformed: what comes out, as a new reference; NULL: it can't be. */
static json_t *model_transform(const struct model *m, const struct transform *transform, json_t *value)
{
    char *token = json_dumps(value, JSON_ENCODE_ANY);
    struct buffer made;
    buffer_init(&made, TRANSFORM_TOKEN_BYTES_MAX);
    json_t *result = NULL;
    if (!json_is_object(value) && !json_is_array(value) && transform_apply(transform, m->context, bytes_of_text(token), &made)) {
        result = json_loadb((const char *)made.data, made.size, JSON_DECODE_ANY, NULL);
        must(result != NULL);
    }
    buffer_clear(&made);
    free(token);
    return result;
}

/* What is left of a scalar or an empty container at way[0..depth): a new reference, or NULL. A match of it or of anything around it counts. */
static json_t *model_leaf(struct model *m, json_t *value, size_t depth)
{
    bool is_mapped = false, is_removed = false, is_unclear = false, by[POLICY_RELEASES_MAX] = { false };
    const struct transform *transform = NULL;
    for (size_t i = 0; i < m->service->field_count; i++) {
        const struct policy_field *field = &m->service->fields[i];
        for (size_t around = 0; around <= depth; around++) {
            size_t category = POLICY_STRUCTURE;
            if (!matches(field->path->segments, field->path->count, m->way, around)) {
                continue;
            }
            is_mapped = true;
            enum asked asked = model_asks(m, field, &category);
            is_removed = is_removed || asked == ASKS_REMOVAL;
            if (asked == ASKS_REMOVAL || category != field->category) {
                mark(m, m->told.removed, field->category);
            }
            if (asked != ASKS_REMOVAL) {
                mark(m, by, category);
            }
            if (asked == ASKS_TRANSFORM) {
                is_unclear = is_unclear || (transform != NULL && !transform_equal(transform, &field->transform->how));
                transform = &field->transform->how;
            }
        }
    }
    if (!is_mapped || is_removed) {
        return NULL;
    }
    json_t *left = transform == NULL ? json_incref(value) : is_unclear ? NULL : model_transform(m, transform, value);
    merge(left != NULL ? m->told.kept : m->told.failed, by);
    if (left != NULL && transform != NULL) {
        merge(m->told.transformed[transform->kind], by);
    }
    return left;
}

/* A new reference, or NULL: nothing is left. */
static json_t *model_cut(struct model *m, json_t *value, size_t depth)
{
    bool is_empty = (json_is_object(value) && json_object_size(value) == 0) || (json_is_array(value) && json_array_size(value) == 0);
    json_t *result = NULL, *child = NULL, *left = NULL;
    const char *key = NULL;
    size_t index = 0;
    if (is_empty || !(json_is_object(value) || json_is_array(value))) {
        return model_leaf(m, value, depth);
    }
    if (json_is_object(value)) {
        result = json_object();
        json_object_foreach(value, key, child)
        {
            m->way[depth] = (struct place){ .name = key };
            if ((left = model_cut(m, child, depth + 1)) != NULL) {
                must(json_object_set_new(result, key, left) == 0);
            }
        }
    } else {
        result = json_array();
        json_array_foreach(value, index, child)
        {
            m->way[depth] = (struct place){ .index = index };
            if ((left = model_cut(m, child, depth + 1)) != NULL) {
                must(json_array_append_new(result, left) == 0);
            }
        }
    }
    if (json_object_size(result) + json_array_size(result) == 0) {
        json_decref(result);
        return NULL;
    }
    return result;
}

json_t *release_model(const struct policy_service *service, const bool *permitted, const struct transform_context *context, json_t *value,
                      struct release_told *told)
{
    struct model m = { .service = service, .permitted = permitted, .context = context };
    json_t *left = model_cut(&m, value, 0);
    *told = m.told;
    if (left != NULL) {
        return left;
    }
    return json_is_object(value) ? json_object() : json_is_array(value) ? json_array() : json_null();
}

void release_tell(const struct release *release, struct release_told *told)
{
    memcpy(told->kept, release_kept(release), sizeof told->kept);
    memcpy(told->removed, release_removed(release), sizeof told->removed);
    memcpy(told->failed, release_failed(release), sizeof told->failed);
    for (size_t i = 0; i < TRANSFORM_COUNT * POLICY_RELEASES_MAX; i++) {
        told->transformed[i / POLICY_RELEASES_MAX][i % POLICY_RELEASES_MAX] = release_transformed(release, i % POLICY_RELEASES_MAX,
                                                                                                  (enum transform_kind)(
                                                                                                      i / POLICY_RELEASES_MAX));
    }
}
