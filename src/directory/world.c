#include "directory/directory.h"

#include <stdatomic.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/encode.h"
#include "directory/table_internal.h"

enum { PATH_BYTES_MAX = 4096 };

/* Values: elements of world.foreign. Two hundred names one after the other cost a microsecond, several times an exchange. */
struct world_index {
    struct table communities;
    struct arena memory;
};

static bool is_community(const void *value, const void *key)
{
    struct directory *const *d = value;
    const struct bytes *community = key;
    return bytes_equal((*d)->community, *community);
}

static uint64_t hash_community(struct bytes community)
{
    return XXH3_64bits(community.data, community.size);
}

static bool index_make(struct world *w, size_t room)
{
    w->index = calloc(1, sizeof *w->index);
    return w->index != NULL && table_init(&w->index->communities, &w->index->memory, room);
}

/* The directory's place is the end of the array: there is room for all. */
static void add_foreign(struct world *w, struct directory *d, const struct directory_recognition *r)
{
    uint64_t hash = hash_community(d->community);
    struct table_slot *slot = table_find(&w->index->communities, hash, is_community, &d->community);
    w->foreign[w->foreign_count] = d;
    w->recognitions[w->foreign_count] = r;
    *slot = (struct table_slot){ .hash = hash, .value = &w->foreign[w->foreign_count] };
    w->foreign_count++;
}

/* Its number among the foreign directories; foreign_count when it is none of them. */
static size_t find_foreign(const struct world *w, struct bytes community)
{
    if (w->index != NULL) {
        struct directory *const *found = table_find(&w->index->communities, hash_community(community), is_community, &community)->value;
        return found == NULL ? w->foreign_count : (size_t)(found - w->foreign);
    }
    size_t i = 0;
    while (i < w->foreign_count && !bytes_equal(w->foreign[i]->community, community)) {
        i++;
    }
    return i;
}

static bool is_now(int64_t from_ms, int64_t until_ms, int64_t now_ms)
{
    return from_ms <= now_ms && now_ms < until_ms;
}

/* FOLDER/COMMUNITY.note, the community percent-encoded: a name from a directory must not lead out of the folder. */
static bool foreign_path(const char *folder, struct bytes community, struct buffer *path, struct error *e)
{
    buffer_reset(path);
    buffer_append_text(path, folder);
    buffer_append_u8(path, '/');
    percent_append(path, community);
    buffer_append_text(path, ".note");
    buffer_append_u8(path, '\0');
    return !path->failed || error_set(e, ERROR_INPUT, folder, "use a shorter path", "the path of a foreign directory is too long");
}

/* On failure *out is NULL. */
static bool load_foreign(struct directory **out, const char *folder, const struct directory_recognition *r, int64_t now_ms, struct error *e)
{
    bool ok = false;
    struct directory *d = NULL;
    struct buffer path;
    *out = NULL;
    buffer_init(&path, PATH_BYTES_MAX);
    if (!is_now(r->valid_from_ms, r->valid_until_ms, now_ms)) {
        error_set(e, ERROR_DENIED, "directory", "have the own directory renewed by its operator", "%.*s is not recognised at this time",
                  BYTES_FMT(r->community));
        goto done;
    }
    if (!foreign_path(folder, r->community, &path, e) ||
        !directory_load(&d, (const char *)path.data, r->operators, r->operator_count, r->threshold, e)) {
        goto done;
    }
    if (!bytes_equal(d->community, r->community)) {
        error_set(e, ERROR_DENIED, (const char *)path.data, "put each directory into the file of its community's name",
                  "it is the directory of %.*s, not of %.*s", BYTES_FMT(d->community), BYTES_FMT(r->community));
        goto done;
    }
    if (!directory_check_time(d, now_ms, e)) {
        goto done;
    }
    *out = d;
    d = NULL;
    ok = true;
done:
    directory_free(d);
    buffer_clear(&path);
    return ok;
}

static bool load_all_foreign(struct world *w, const char *folder, int64_t now_ms, world_accept *accept, world_warn *warn, void *context,
                             struct error *e)
{
    size_t count = w->own->recognised_count;
    w->foreign = calloc(count + 1, sizeof(struct directory *));
    w->recognitions = calloc(count + 1, sizeof(struct directory_recognition *));
    if (w->foreign == NULL || w->recognitions == NULL || !index_make(w, count)) {
        return error_memory(e, folder);
    }
    for (size_t i = 0; i < count; i++) {
        const struct directory_recognition *r = &w->own->recognised[i];
        struct directory *d = NULL;
        struct error cause = { 0 };
        /* Before it is in any index: a world is never changed once it can be looked into. */
        bool is_good = load_foreign(&d, folder, r, now_ms, &cause);
        if (is_good && (accept == NULL || accept(context, d, &cause))) {
            add_foreign(w, d, r);
            continue;
        }
        directory_free(d);
        if (cause.kind == ERROR_MEMORY) {
            if (e != NULL) {
                *e = cause;
            }
            return false; /* this machine's trouble, not that community's */
        }
        if (warn != NULL) {
            warn(context, (const char *)r->community.data, &cause);
        }
    }
    return true;
}

static bool check_own(const struct directory *own, struct bytes community, const char *path, int64_t now_ms, world_accept *accept,
                      void *context, struct error *e)
{
    if (!bytes_equal(own->community, community)) {
        return error_set(e, ERROR_DENIED, path, "put our own community's directory there", "it is the directory of %.*s, not of %.*s",
                         BYTES_FMT(own->community), BYTES_FMT(community));
    }
    return directory_check_time(own, now_ms, e) && (accept == NULL || accept(context, own, e));
}

bool world_load(struct world **out, struct bytes community, const char *own_path, const char *foreign_folder,
                const struct verifier *operators, size_t operator_count, size_t threshold, int64_t now_ms, world_accept *accept,
                world_warn *warn, void *context, struct error *e)
{
    *out = NULL;
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return error_memory(e, own_path);
    }
    atomic_init(&w->reference_count, 1);
    if (!directory_load(&w->own, own_path, operators, operator_count, threshold, e) ||
        !check_own(w->own, community, own_path, now_ms, accept, context, e) ||
        (foreign_folder != NULL && !load_all_foreign(w, foreign_folder, now_ms, accept, warn, context, e))) {
        world_release(w);
        return false;
    }
    *out = w;
    return true;
}

struct world *world_keep(struct world *world)
{
    atomic_fetch_add_explicit(&world->reference_count, 1, memory_order_relaxed);
    return world;
}

void world_release(struct world *world)
{
    if (world == NULL || atomic_fetch_sub_explicit(&world->reference_count, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < world->foreign_count; i++) {
        directory_free(world->foreign[i]);
    }
    free(world->foreign);
    free(world->recognitions);
    if (world->index != NULL) {
        arena_clear(&world->index->memory);
        free(world->index);
    }
    directory_free(world->own);
    free(world);
}

static bool own_is_now(const struct world *w, int64_t now_ms)
{
    return is_now(w->own->valid_from_ms, w->own->valid_until_ms, now_ms);
}

/* Asked at each lookup, because a world stays in use while time goes on. */
static bool foreign_is_now(const struct world *w, size_t i, int64_t now_ms)
{
    const struct directory *d = w->foreign[i];
    const struct directory_recognition *r = w->recognitions[i];
    return is_now(d->valid_from_ms, d->valid_until_ms, now_ms) && is_now(r->valid_from_ms, r->valid_until_ms, now_ms);
}

const struct directory *world_find_community(const struct world *w, struct bytes community, int64_t now_ms)
{
    if (!own_is_now(w, now_ms)) {
        return NULL;
    }
    if (bytes_equal(w->own->community, community)) {
        return w->own;
    }
    size_t i = find_foreign(w, community);
    return i < w->foreign_count && foreign_is_now(w, i, now_ms) ? w->foreign[i] : NULL;
}

const struct directory_subsystem *world_find_subsystem(const struct world *w, const struct identifier *id, int64_t now_ms)
{
    const struct directory *d = id->part_count < 1 ? NULL : world_find_community(w, id->parts[0], now_ms);
    return d == NULL ? NULL : directory_find_subsystem(d, id);
}

const struct directory_member *world_find_member(const struct world *w, const struct identifier *id, int64_t now_ms)
{
    const struct directory *d = id->part_count < 1 ? NULL : world_find_community(w, id->parts[0], now_ms);
    return d == NULL ? NULL : directory_find_member(d, id);
}

const struct directory_gateway *world_find_gateway_by_pin(const struct world *w, const uint8_t pin[PIN_SIZE], int64_t now_ms)
{
    const struct directory_gateway *found = own_is_now(w, now_ms) ? directory_find_gateway_by_pin(w->own, pin) : NULL;
    for (size_t i = 0; found == NULL && i < w->foreign_count && own_is_now(w, now_ms); i++) {
        found = foreign_is_now(w, i, now_ms) ? directory_find_gateway_by_pin(w->foreign[i], pin) : NULL;
    }
    return found;
}
