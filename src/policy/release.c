#include "policy/release.h"

#include <stdlib.h>

#include <yajl/yajl_parse.h>

#include "base/diag.h"
#include "policy/release_plan_internal.h"
#include "policy/release_seen_internal.h"
#include "policy/release_text_internal.h"

/* Where one field's machine stands at one place of the answer. Fields that can't match here or below have no entry. */
struct live {
    uint64_t state;
    uint32_t field;
};
/* What the fields say of one value. */
struct mapping {
    bool is_mapped;
    uint64_t categories; /* of all fields that match it or a container around it */
};
/* An open container. */
struct level {
    bool is_array;
    bool is_written;   /* its bracket is in the output, as something in it is kept */
    bool has_written;  /* at least one child is in the output: the next one comes behind a comma */
    bool has_children; /* in the answer */
    struct mapping mapping;
    size_t live_at, live_count; /* its slice of `live` */
    uint64_t next_index;        /* of arrays */
    uint64_t object;            /* its number in `seen` */
    size_t seen_at;
    size_t key_at; /* where the current member's key begins in `keys`, written as ,"key": */
    const uint64_t *step;
};

struct release {
    const struct release_plan *plan;
    uint64_t permitted;
    uint64_t kept_bits, removed_bits;
    bool kept[POLICY_RELEASES_MAX], removed[POLICY_RELEASES_MAX];
    yajl_handle parser;
    struct buffer *out;    /* of the call that runs */
    struct error *e;       /* likewise */
    struct buffer waiting; /* pieces of a long string or number, until it pays to look at them */
    size_t token_bytes;    /* fed since the last whole token */
    bool has_token;        /* since then one came */
    bool has_failed;
    struct escape_watch escapes;
    struct release_seen seen;
    struct buffer keys;
    struct live *live;
    size_t live_count, live_capacity;
    struct arena arena; /* of a plan that was made for this release alone */
    size_t depth;
    struct level levels[RELEASE_DEPTH_MAX];
};

static const char where[] = "answer";

static int refuse(struct release *r, const char *what)
{
    r->has_failed = true;
    error_set(r->e, ERROR_INPUT, where, NULL, "%s", what);
    return 0;
}

static int out_of_memory(struct release *r)
{
    r->has_failed = true;
    error_memory(r->e, where);
    return 0;
}

/* ---- What the fields say ---- */

/* Room for `count` more machines. */
static bool make_room(struct release *r, size_t count)
{
    size_t capacity = r->live_capacity;
    while (capacity - r->live_count < count) {
        capacity *= 2;
    }
    if (capacity == r->live_capacity) {
        return true;
    }
    struct live *larger = reallocarray(r->live, capacity, sizeof *larger);
    if (larger == NULL) {
        return false;
    }
    r->live = larger;
    r->live_capacity = capacity;
    return true;
}

/* A machine that is in `state` here: kept while it can match here or below. */
static inline void add_live(struct release *r, uint64_t state, uint32_t index, struct mapping *mapping)
{
    const struct plan_field *field = &r->plan->fields[index];
    r->live[r->live_count++] = (struct live){ .state = state, .field = index };
    if ((state & field->end) != 0) {
        mapping->is_mapped = true;
        mapping->categories |= field->release;
    }
}

/* The parent's machines one step on. */
static void step_down(struct release *r, const struct level *parent, const uint64_t *step, struct mapping *mapping)
{
    size_t end = parent->live_at + parent->live_count;
    for (size_t i = parent->live_at; i < end; i++) {
        struct live now = r->live[i];
        const struct plan_field *field = &r->plan->fields[now.field];
        uint64_t takes = field->wild | (step != NULL ? step[now.field] : 0);
        uint64_t state = (now.state & takes) << 1 | (now.state & field->stay);
        if (state != 0) {
            add_live(r, state, now.field, mapping);
        }
    }
}

/* A value begins: what the fields say of it. Its machines are at the end of `live`, from *live_at on. */
static bool begin_value(struct release *r, struct mapping *mapping, size_t *live_at)
{
    struct level *parent = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;
    *live_at = r->live_count;
    *mapping = (struct mapping){ .is_mapped = false };
    r->has_token = true;
    if (!make_room(r, parent == NULL ? r->plan->field_count : parent->live_count)) {
        return false;
    }
    if (parent == NULL) {
        for (size_t i = 0; i < r->plan->field_count; i++) {
            add_live(r, 1, (uint32_t)i, mapping);
        }
        return true;
    }
    const uint64_t *step = parent->step;
    *mapping = parent->mapping;
    parent->has_children = true;
    if (parent->is_array) {
        step = parent->live_count > 0 ? release_plan_index(r->plan, parent->next_index) : NULL;
        parent->next_index++;
    }
    step_down(r, parent, step, mapping);
    return true;
}

/* ---- Writing ---- */

static bool is_kept(const struct release *r, const struct mapping *mapping)
{
    return mapping->is_mapped && (mapping->categories & ~r->permitted) == 0;
}

/* What stands before a child: a comma, if it isn't the first one written, and its key. `keys` ends with that key. */
static struct bytes take_lead(struct release *r, struct level *parent)
{
    struct bytes lead = parent->is_array ? BYTES(",") : bytes_of(r->keys.data + parent->key_at, r->keys.size - parent->key_at);
    if (!parent->has_written) {
        parent->has_written = true;
        return bytes_of(lead.data + 1, lead.size - 1);
    }
    return lead;
}

/* The brackets of all containers around a kept value, from the outermost that isn't written yet. */
static void write_way(struct release *r)
{
    size_t first = r->depth, keys_size = r->keys.size;
    while (first > 0 && !r->levels[first - 1].is_written) {
        first--;
    }
    for (size_t i = first; i < r->depth; i++) {
        if (i > 0) {
            r->keys.size = r->levels[i].key_at; /* a level's keys begin where the one that leads to it ends */
            buffer_append(r->out, take_lead(r, &r->levels[i - 1]));
        }
        buffer_append_u8(r->out, r->levels[i].is_array ? '[' : '{');
        r->levels[i].is_written = true;
    }
    r->keys.size = keys_size;
}

/* In one go, as this is what most of an answer is. `quotes`: 0 for none, else 1. */
static void write_plain(struct release *r, struct bytes lead, struct bytes text, size_t quotes)
{
    uint8_t *room = buffer_room(r->out, lead.size + text.size + 2 * quotes);
    if (room == NULL) {
        return; /* r->out->failed: check_status() */
    }
    memcpy(room, lead.data, lead.size);
    room += lead.size;
    room[0] = '"';
    memcpy(room + quotes, text.data, text.size);
    if (quotes != 0) {
        room[text.size + 1] = '"';
    }
    buffer_added(r->out, lead.size + text.size + 2 * quotes);
}

enum text_form { TEXT_RAW, TEXT_PLAIN, TEXT_TO_ESCAPE };

/* A scalar or an empty container: kept or not, and written. `text` isn't empty, unless it is a string. */
static void end_value(struct release *r, const struct mapping *mapping, struct bytes text, enum text_form form)
{
    if (!is_kept(r, mapping)) {
        r->removed_bits |= mapping->categories & ~r->permitted;
        if (r->depth == 0) {
            buffer_append(r->out, BYTES("null"));
        }
        return;
    }
    struct level *parent = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;
    struct bytes lead = BYTES("");
    r->kept_bits |= mapping->categories;
    if (parent != NULL) {
        if (!parent->is_written) {
            write_way(r);
        }
        lead = take_lead(r, parent);
    }
    if (form == TEXT_TO_ESCAPE) {
        buffer_append(r->out, lead);
        text_append_quoted(r->out, text);
    } else {
        write_plain(r, lead, text, form == TEXT_PLAIN ? 1 : 0);
    }
}

/* ---- yajl's events: 1 goes on, 0 stops ---- */

static int take_scalar(struct release *r, struct bytes text, enum text_form form)
{
    struct mapping mapping;
    size_t live_at = 0;
    if (!begin_value(r, &mapping, &live_at)) {
        return out_of_memory(r);
    }
    r->live_count = live_at;
    end_value(r, &mapping, text, form);
    return 1;
}

static int on_null(void *context)
{
    return take_scalar(context, BYTES("null"), TEXT_RAW);
}

static int on_boolean(void *context, int value)
{
    return take_scalar(context, value != 0 ? BYTES("true") : BYTES("false"), TEXT_RAW);
}

static int on_number(void *context, const char *text, size_t size)
{
    return take_scalar(context, bytes_of(text, size), TEXT_RAW);
}

static int on_string(void *context, const unsigned char *data, size_t size)
{
    struct release *r = context;
    struct bytes text = bytes_of(data, size);
    bool is_plain = text_is_plain(text);
    if (!is_plain && !bytes_are_utf8(text)) {
        return refuse(r, "a string that is not UTF-8");
    }
    return take_scalar(r, text, is_plain ? TEXT_PLAIN : TEXT_TO_ESCAPE);
}

static int open_level(struct release *r, bool is_array)
{
    struct mapping mapping;
    size_t live_at = 0;
    if (r->depth == RELEASE_DEPTH_MAX) {
        return refuse(r, "it is nested too deep");
    }
    if (!begin_value(r, &mapping, &live_at)) {
        return out_of_memory(r);
    }
    r->levels[r->depth] = (struct level){
        .is_array = is_array,
        .mapping = mapping,
        .live_at = live_at,
        .live_count = r->live_count - live_at,
        .object = is_array ? 0 : release_seen_open(&r->seen),
        .seen_at = r->seen.count,
        .key_at = r->keys.size,
    };
    r->depth++;
    return 1;
}

static int close_level(struct release *r)
{
    struct level *level = &r->levels[r->depth - 1];
    struct bytes empty = level->is_array ? BYTES("[]") : BYTES("{}");
    release_seen_close(&r->seen, level->seen_at);
    r->live_count = level->live_at;
    r->keys.size = level->key_at;
    r->depth--;
    r->has_token = true;
    if (level->is_written) {
        buffer_append(r->out, bytes_slice(empty, 1, 2));
    } else if (!level->has_children && (r->depth > 0 || is_kept(r, &level->mapping))) {
        end_value(r, &level->mapping, empty, TEXT_RAW);
    } else if (r->depth == 0) {
        r->removed_bits |= level->has_children ? 0 : level->mapping.categories & ~r->permitted;
        buffer_append(r->out, empty);
    }
    return 1;
}

static int on_start_map(void *context)
{
    return open_level(context, false);
}

static int on_start_array(void *context)
{
    return open_level(context, true);
}

static int on_end(void *context)
{
    return close_level(context);
}

/* Behind the keys that lead to this level: ,"key": */
static bool keep_key(struct release *r, struct bytes key, bool is_plain)
{
    if (!is_plain) {
        buffer_append_u8(&r->keys, ',');
        text_append_quoted(&r->keys, key);
        buffer_append_u8(&r->keys, ':');
        return !r->keys.failed;
    }
    uint8_t *room = buffer_room(&r->keys, key.size + 4);
    if (room == NULL) {
        return false;
    }
    room[0] = ',';
    room[1] = '"';
    memcpy(room + 2, key.data, key.size);
    room[key.size + 2] = '"';
    room[key.size + 3] = ':';
    buffer_added(&r->keys, key.size + 4);
    return true;
}

static int on_key(void *context, const unsigned char *data, size_t size)
{
    struct release *r = context;
    struct level *level = &r->levels[r->depth - 1];
    struct bytes key = bytes_of(data, size);
    bool is_new = false, is_plain = text_is_plain(key);
    if (size > RELEASE_KEY_BYTES_MAX) {
        return refuse(r, "a key is too long");
    }
    if (!is_plain && !bytes_are_utf8(key)) {
        return refuse(r, "a key that is not UTF-8");
    }
    if (r->seen.count == RELEASE_KEYS_MAX) {
        return refuse(r, "too many keys in the objects that are open");
    }
    XXH128_hash_t hash = plan_hash(r->plan, key);
    if (!release_seen_add(&r->seen, level->object, hash, &is_new)) {
        return out_of_memory(r);
    }
    if (!is_new) {
        return refuse(r, "a key is repeated in one object");
    }
    r->has_token = true;
    level->step = level->live_count > 0 ? release_plan_name(r->plan, hash.low64, key) : NULL;
    r->keys.size = level->key_at;
    /* Below a level where no machine runs and nothing is permitted nothing can be kept: its keys are never written. */
    if ((level->live_count > 0 || is_kept(r, &level->mapping)) && !keep_key(r, key, is_plain)) {
        return refuse(r, "the keys on the way down to one value are too long");
    }
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number, /* as text: no digit is lost, and no number too large */
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

/* ---- yajl's memory ---- */

/* yajl uses what it is given unseen. A process that ends is started again; one that writes through NULL plus an offset is anybody's. */
static void *or_end(void *memory)
{
    if (memory == NULL) {
        diag(DIAG_ERROR, "policy", "out of memory while cutting an answer", NULL);
        abort();
    }
    return memory;
}

static void *yajl_take(void *context, size_t size)
{
    (void)context;
    return or_end(malloc(size));
}

static void *yajl_retake(void *context, void *memory, size_t size)
{
    (void)context;
    return or_end(realloc(memory, size));
}

static void yajl_give(void *context, void *memory)
{
    (void)context;
    free(memory);
}

static yajl_alloc_funcs memory_functions = { .malloc = yajl_take, .realloc = yajl_retake, .free = yajl_give, .ctx = NULL };

/* ---- Making, feeding ---- */

/* The plan of the policy; of a service that was made by hand, one for this release alone. */
static bool find_plan(struct release *r, const struct policy_service *service, struct error *e)
{
    struct release_plan *made = NULL;
    r->plan = service->plan;
    if (r->plan == NULL) {
        if (!release_plan_make(&made, service, &r->arena, e)) {
            return false;
        }
        r->plan = made;
    }
    return true;
}

bool release_make(struct release **out, const struct policy_service *service, const bool *permitted, struct error *e)
{
    *out = NULL;
    struct release *r = malloc(sizeof *r);
    if (r == NULL) {
        return error_memory(e, where);
    }
    memset(r, 0, offsetof(struct release, levels)); /* a level is set when it is opened */
    if (!find_plan(r, service, e)) {
        goto failed;
    }
    for (size_t i = 0; i < service->release_count; i++) {
        r->permitted |= permitted[i] ? (uint64_t)1 << i : 0;
    }
    r->live_capacity = r->plan->field_count * 4 + 16;
    r->live = malloc(r->live_capacity * sizeof *r->live);
    buffer_init(&r->keys, RELEASE_PATH_BYTES_MAX);
    buffer_init(&r->waiting, SIZE_MAX / 2);
    if (r->live == NULL || !release_seen_make(&r->seen)) {
        error_memory(e, where);
        goto failed;
    }
    r->parser = yajl_alloc(&callbacks, &memory_functions, r);
    (void)yajl_config(r->parser, yajl_dont_validate_strings, 1); /* on_string() does, and more strictly */
    *out = r;
    return true;
failed:
    release_free(r);
    return false;
}

void release_free(struct release *release)
{
    if (release == NULL) {
        return;
    }
    if (release->parser != NULL) {
        yajl_free(release->parser);
    }
    buffer_clear(&release->keys);
    buffer_clear(&release->waiting);
    release_seen_clear(&release->seen);
    arena_clear(&release->arena);
    free(release->live);
    free(release);
}

/* What yajl says becomes ours. Its short message holds nothing of the answer. */
static bool check_status(struct release *r, yajl_status status)
{
    if (r->has_failed) {
        return false;
    }
    if (status != yajl_status_ok) {
        unsigned char *text = yajl_get_error(r->parser, 0, NULL, 0);
        size_t size = text == NULL ? 0 : strcspn((const char *)text, "\n");
        r->has_failed = true;
        error_set(r->e, ERROR_INPUT, where, NULL, "not JSON: %.*s", (int)size, text == NULL ? "" : (const char *)text);
        if (text != NULL) {
            yajl_free_error(r->parser, text);
        }
        return false;
    }
    if (r->out->failed) {
        return out_of_memory(r) != 0;
    }
    return true;
}

static bool feed(struct release *r, struct bytes piece)
{
    r->has_token = false;
    bool ok = piece.size == 0 || check_status(r, yajl_parse(r->parser, piece.data, piece.size));
    r->token_bytes = r->has_token ? piece.size : r->token_bytes + piece.size;
    return ok;
}

/*
 * yajl looks at an unfinished string or number from its beginning each time that more of it comes: a string of 64 MiB in pieces of 16 KiB would
 * be read 2,000 times over. So behind 64 KiB without a whole token the pieces wait until there is as much again: each byte is then read
 * about twice.
 */
enum { TOKEN_BYTES_PLAIN = 64 * 1024 };

static bool begin_call(struct release *r, struct buffer *out, struct error *e)
{
    if (r->has_failed) {
        return error_set(e, ERROR_INPUT, where, NULL, "it was refused before");
    }
    r->out = out;
    r->e = e;
    return true;
}

bool release_add(struct release *release, struct bytes piece, struct buffer *out, struct error *e)
{
    if (!begin_call(release, out, e)) {
        return false;
    }
    if (!escape_watch_add(&release->escapes, piece)) {
        return refuse(release, "half a surrogate pair in a string") != 0;
    }
    if (release->token_bytes < TOKEN_BYTES_PLAIN && release->waiting.size == 0) {
        return feed(release, piece);
    }
    buffer_append(&release->waiting, piece);
    if (release->waiting.failed) {
        return out_of_memory(release) != 0;
    }
    if (release->waiting.size < release->token_bytes) {
        return true;
    }
    bool ok = feed(release, buffer_bytes(&release->waiting));
    buffer_reset(&release->waiting);
    return ok;
}

bool release_end(struct release *release, struct buffer *out, struct error *e)
{
    if (!begin_call(release, out, e) || !feed(release, buffer_bytes(&release->waiting)) ||
        !check_status(release, yajl_complete_parse(release->parser))) {
        return false;
    }
    buffer_reset(&release->waiting);
    for (size_t i = 0; i < POLICY_RELEASES_MAX; i++) {
        release->kept[i] = (release->kept_bits >> i & 1) != 0;
        release->removed[i] = (release->removed_bits >> i & 1) != 0;
    }
    return true;
}

const bool *release_kept(const struct release *release)
{
    return release->kept;
}

const bool *release_removed(const struct release *release)
{
    return release->removed;
}
