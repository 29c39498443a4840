#include "policy/release.h"

#include <stdlib.h>

#include "policy/release_plan_internal.h"
#include "policy/release_seen_internal.h"
#include "policy/release_text_internal.h"

/* Where the machines of one word stand at one place of the answer. Words of which none can match here or below have no entry. */
struct live {
    uint64_t state;
    size_t word;
};
/* What the fields say of one value: all that match it or a container around it. */
struct mapping {
    bool is_mapped;
    bool is_unclear;   /* two transformations that differ */
    uint64_t keeps;    /* the categories that it would leave by */
    uint64_t denies;   /* those that forbid it */
    uint64_t replaced; /* those that aren't permitted, but another in place of them */
    const struct transform *transform;
};
enum fate { FATE_REMOVED = 0, FATE_KEPT, FATE_TRANSFORMED };

/* An open container. */
struct level {
    bool is_array;
    bool is_written;            /* its bracket is in the output */
    bool has_written;           /* at least one child is in the output: the next one comes behind a comma */
    bool has_children;          /* in the answer */
    enum fate fate;             /* what becomes of its values of which no field says more */
    const struct mapping *says; /* `mapping`, or that of a container around it */
    struct mapping mapping;     /* set if a field matches just this one */
    size_t live_at, live_count; /* its slice of `live` */
    uint64_t next_index;        /* of arrays */
    uint64_t object;            /* its number in `seen` */
    size_t seen_at;
    size_t key_at; /* where the keys of what is in it begin in `keys` */
    const uint64_t *step;
};

struct release {
    const struct release_plan *plan;
    uint64_t permitted;
    uint64_t kept_bits, removed_bits, failed_bits, transformed_bits[TRANSFORM_COUNT];
    bool kept[POLICY_RELEASES_MAX], removed[POLICY_RELEASES_MAX], failed[POLICY_RELEASES_MAX];
    struct transform_context context;
    struct buffer *out;              /* of the call that runs */
    uint8_t *to, *to_start, *to_end; /* in it: where the next byte goes; where `out` ends by its own count; where its memory ends */
    struct error *e;                 /* likewise */
    bool has_failed;
    /* A part of the piece that is to be written: it grows while what follows in the output follows in the piece too. */
    const uint8_t *run, *run_end, *piece_end;
    /* The value under way. */
    const struct mapping *says; /* of the value under way: `mapping`, or that of the container it is in */
    struct mapping mapping;
    enum fate fate;
    struct buffer token; /* a value to be transformed, or a key in parts, as far as it came */
    struct buffer name;  /* a key without its escapes */
    struct buffer key;   /* where a key is kept that came in another piece than its value */
    struct bytes lead;   /* the key of the value under way as it is written, in the piece or in `key` */
    struct buffer made;  /* by a transformation */
    bool is_token_too_long;
    struct release_seen seen;
    struct buffer keys; /* on the way down to what is open and may yet be left out, each as ,"key": */
    struct live *live;
    size_t live_count, live_capacity;
    struct arena arena; /* of a plan that was made for this release alone */
    size_t depth;
    struct json_scan scan;
    struct level levels[RELEASE_DEPTH_MAX];
};

static const char where[] = "answer";

static bool refuse(struct release *r, const char *what)
{
    r->has_failed = true;
    return error_set(r->e, ERROR_INPUT, where, NULL, "%s (byte %llu)", what, (unsigned long long)json_scan_offset(&r->scan));
}

static bool out_of_memory(struct release *r)
{
    r->has_failed = true;
    return error_memory(r->e, where);
}

/* ---- What the fields say ---- */

/* Room for `count` more entries. */
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

static void ask_transform(struct mapping *mapping, const struct transform *transform)
{
    if (mapping->transform == NULL) {
        mapping->transform = transform;
    } else if (mapping->transform != transform && !transform_equal(mapping->transform, transform)) {
        mapping->is_unclear = true;
    }
}

/* A field matches. */
static void add_match(const struct release *r, const struct plan_field *field, struct mapping *mapping)
{
    mapping->is_mapped = true;
    if ((field->category & ~r->permitted) == 0) {
        mapping->keeps |= field->category;
        if (field->transform != NULL && field->as == 0) {
            ask_transform(mapping, field->transform);
        }
    } else if ((field->as & r->permitted) != 0 && (field->category & r->context.barred) == 0) {
        mapping->keeps |= field->as;
        mapping->replaced |= field->category;
        ask_transform(mapping, field->transform);
    } else {
        mapping->denies |= field->category;
    }
}

static enum fate fate_of(const struct mapping *mapping)
{
    if (!mapping->is_mapped || mapping->denies != 0 || mapping->is_unclear) {
        return FATE_REMOVED;
    }
    return mapping->transform == NULL ? FATE_KEPT : FATE_TRANSFORMED;
}

/* All fields of a word that match. */
static void add_matches(struct release *r, uint64_t ends, size_t word)
{
    if (r->says != &r->mapping) {
        r->mapping = *r->says;
        r->says = &r->mapping;
    }
    for (; ends != 0; ends &= ends - 1) {
        add_match(r, &r->plan->fields[r->plan->field_at[word * 64 + (size_t)__builtin_ctzll(ends)]], &r->mapping);
    }
    r->fate = fate_of(&r->mapping);
}

/* The machines of a word are in `state` here: kept while one can match here or below. */
static inline void add_live(struct release *r, uint64_t state, size_t word)
{
    uint64_t ends = state & r->plan->words[word].end;
    r->live[r->live_count].state = state;
    r->live[r->live_count].word = word;
    r->live_count++;
    if (ends != 0) {
        add_matches(r, ends, word);
    }
}

/* In each word the positions that the next member or element is a step of; NULL: no path names it. */
static inline const uint64_t *next_step(const struct release *r, struct level *parent)
{
    if (!parent->is_array || r->plan->index_count == 0) {
        return parent->step;
    }
    return release_plan_index(r->plan, parent->next_index++);
}

/* One step down from a container: by name, index or wildcard. */
static bool step_down(struct release *r, struct level *parent)
{
    if (r->live_capacity - r->live_count < parent->live_count && !make_room(r, parent->live_count)) {
        return false;
    }
    const uint64_t *step = next_step(r, parent);
    for (size_t i = parent->live_at, end = i + parent->live_count; i < end; i++) {
        const struct live *now = &r->live[i];
        const struct plan_word *word = &r->plan->words[now->word];
        uint64_t takes = word->wild | (step != NULL ? step[now->word] : 0);
        uint64_t state = (now->state & takes) << 1 | (now->state & word->stay);
        if (state != 0) {
            add_live(r, state, now->word);
        }
    }
    return true;
}

/* The same for a value that has nothing below it: only what matches. */
static void step_to_scalar(struct release *r, struct level *parent)
{
    const uint64_t *step = next_step(r, parent);
    for (size_t i = parent->live_at, end = i + parent->live_count; i < end; i++) {
        const struct live *now = &r->live[i];
        const struct plan_word *word = &r->plan->words[now->word];
        uint64_t takes = word->wild | (step != NULL ? step[now->word] : 0);
        uint64_t ends = (now->state & takes) << 1 & word->end;
        if (ends != 0) {
            add_matches(r, ends, now->word);
        }
    }
}

/* The root, with its machines in `live`. */
static void begin_root(struct release *r)
{
    r->mapping = (struct mapping){ .is_mapped = false };
    r->says = &r->mapping;
    r->fate = FATE_REMOVED;
    for (size_t i = 0; i < r->plan->word_count; i++) {
        add_live(r, r->plan->words[i].start, i);
    }
}

/* A container begins: r->says and r->fate. Its machines are at the end of `live`. */
static bool begin_container(struct release *r)
{
    if (r->depth == 0) {
        begin_root(r);
        return true;
    }
    struct level *parent = &r->levels[r->depth - 1];
    parent->has_children = true;
    r->says = parent->says;
    r->fate = parent->fate;
    return parent->live_count == 0 || step_down(r, parent);
}

/* Another value begins. */
static inline void begin_scalar(struct release *r)
{
    if (r->depth == 0) {
        begin_root(r);
        return;
    }
    struct level *parent = &r->levels[r->depth - 1];
    parent->has_children = true;
    r->says = parent->says;
    r->fate = parent->fate;
    if (parent->live_count > 0) {
        step_to_scalar(r, parent);
    }
}

/* ---- Writing ---- */

/* What was written past the buffer's size is counted, and there is room for `size` bytes more. */
static bool make_output_room(struct release *r, size_t size)
{
    buffer_added(r->out, (size_t)(r->to - r->to_start));
    r->to_start = r->to = buffer_room(r->out, size);
    r->to_end = r->to == NULL ? NULL : r->out->data + (r->out->capacity < r->out->size_max ? r->out->capacity : r->out->size_max);
    return r->to != NULL;
}

static inline void append(struct release *r, const uint8_t *data, size_t size)
{
    if ((size_t)(r->to_end - r->to) < size && !make_output_room(r, size)) {
        return; /* r->out->failed: take_piece() */
    }
    memcpy(r->to, data, size);
    r->to += size;
}

static inline void flush(struct release *r)
{
    if (r->run != r->run_end) {
        append(r, r->run, (size_t)(r->run_end - r->run));
    }
    r->run = r->run_end = NULL;
}

/* A slice of the piece. */
static inline void write_slice(struct release *r, struct bytes slice)
{
    if (slice.data != r->run_end || r->run == NULL) {
        flush(r);
        r->run = slice.data;
    }
    r->run_end = slice.data + slice.size;
}

/* Bytes from elsewhere. */
static void write_copy(struct release *r, struct bytes text)
{
    flush(r);
    append(r, text.data, text.size);
}

/* If the piece goes on with this very byte, it is written with the run. */
static inline void write_byte(struct release *r, uint8_t byte)
{
    if (r->run != NULL && r->run_end < r->piece_end && *r->run_end == byte) {
        r->run_end++;
        return;
    }
    flush(r);
    append(r, &byte, 1);
}

/* What stands before a child: a comma, if it isn't the first one written, and its key as it is written. */
static inline void write_comma(struct release *r, struct level *parent)
{
    if (parent->has_written) {
        write_byte(r, ',');
    }
    parent->has_written = true;
}

/* The brackets of all containers around, from the outermost that isn't written yet; their keys are in `keys`. */
static void write_way(struct release *r)
{
    size_t first = r->depth;
    while (first > 0 && !r->levels[first - 1].is_written) {
        first--;
    }
    for (size_t i = first; i < r->depth; i++) {
        if (i > 0) {
            struct level *parent = &r->levels[i - 1];
            write_comma(r, parent);
            if (!parent->is_array) {
                write_copy(r, bytes_of(r->keys.data + parent->key_at, r->levels[i].key_at - parent->key_at));
            }
        }
        write_byte(r, r->levels[i].is_array ? '[' : '{');
        r->levels[i].is_written = true;
    }
}

/* All that comes before a child that is kept. */
static void write_lead(struct release *r)
{
    if (r->depth == 0) {
        return;
    }
    struct level *parent = &r->levels[r->depth - 1];
    if (!parent->is_written) {
        write_way(r);
    }
    write_comma(r, parent);
    if (!parent->is_array) {
        if (r->lead.data == r->key.data) {
            write_copy(r, r->lead);
        } else {
            write_slice(r, r->lead);
        }
        write_byte(r, ':');
    }
}

/* ---- Strings, numbers, literals ---- */

static void hold_token(struct release *r, struct bytes part)
{
    r->is_token_too_long = r->is_token_too_long || part.size > TRANSFORM_TOKEN_BYTES_MAX - r->token.size;
    if (!r->is_token_too_long) {
        buffer_append(&r->token, part);
    }
}

/* False: it was removed. */
static bool end_transformed(struct release *r)
{
    bool ok = !r->is_token_too_long && transform_apply(r->says->transform, &r->context, buffer_bytes(&r->token), &r->made);
    r->removed_bits |= r->says->replaced;
    if (ok) {
        r->kept_bits |= r->says->keeps;
        r->transformed_bits[r->says->transform->kind] |= r->says->keeps;
        write_lead(r);
        write_copy(r, buffer_bytes(&r->made));
    } else {
        r->failed_bits |= r->says->keeps;
    }
    return ok;
}

/* A value of which nothing leaves. */
static void note_removed(struct release *r, const struct mapping *mapping)
{
    r->removed_bits |= mapping->denies | mapping->replaced;
    if (mapping->denies == 0 && (mapping->is_unclear || mapping->transform != NULL)) {
        r->failed_bits |= mapping->keeps;
    }
}

static void take_scalar(struct release *r)
{
    const struct json_scan *scan = &r->scan;
    if (scan->is_first) {
        begin_scalar(r);
        if (r->fate == FATE_KEPT) {
            r->kept_bits |= r->says->keeps;
            write_lead(r);
        } else if (r->fate == FATE_REMOVED) {
            note_removed(r, r->says);
        } else {
            buffer_reset(&r->token);
            r->is_token_too_long = false;
        }
    }
    if (r->fate == FATE_KEPT) {
        write_slice(r, scan->text);
    } else if (r->fate == FATE_TRANSFORMED) {
        hold_token(r, scan->text);
    }
    if (scan->is_last) {
        bool is_kept = r->fate == FATE_KEPT || (r->fate == FATE_TRANSFORMED && end_transformed(r));
        if (!is_kept && r->depth == 0) {
            write_copy(r, BYTES("null"));
        }
    }
}

/* ---- Containers ---- */

/* The key of a container that may yet be left out waits behind the keys that lead to it. */
static bool keep_lead(struct release *r)
{
    if (r->depth > 0 && !r->levels[r->depth - 1].is_array) {
        buffer_append(&r->keys, r->lead);
        buffer_append_u8(&r->keys, ':');
    }
    return !r->keys.failed;
}

static bool open_level(struct release *r, bool is_array)
{
    size_t live_at = r->live_count;
    if (!begin_container(r)) {
        return out_of_memory(r);
    }
    size_t live_count = r->live_count - live_at;
    bool is_certain = live_count == 0 && r->fate == FATE_KEPT; /* no field can say otherwise of anything in it */
    if (is_certain) {
        r->kept_bits |= r->says->keeps;
        write_lead(r);
        write_byte(r, is_array ? '[' : '{');
    } else if ((live_count > 0 || r->fate != FATE_REMOVED) && !keep_lead(r)) {
        return r->keys.size >= RELEASE_PATH_BYTES_MAX - r->lead.size - 1 ? refuse(r, "the keys on the way to a value are too long")
                                                                         : out_of_memory(r);
    }
    struct level *level = &r->levels[r->depth];
    level->is_array = is_array;
    level->is_written = is_certain;
    level->has_written = level->has_children = false;
    level->fate = r->fate;
    level->says = r->says;
    if (r->says == &r->mapping) {
        level->mapping = r->mapping;
        level->says = &level->mapping;
    }
    level->live_at = live_at;
    level->live_count = live_count;
    level->next_index = 0;
    level->object = is_array ? 0 : release_seen_open(&r->seen);
    level->seen_at = r->seen.count;
    level->key_at = r->keys.size;
    level->step = NULL;
    r->depth++;
    return true;
}

static void close_level(struct release *r)
{
    struct level *level = &r->levels[r->depth - 1];
    uint8_t bracket = level->is_array ? ']' : '}';
    if (!level->has_children && !level->is_written) {
        if (level->fate == FATE_KEPT) {
            r->kept_bits |= level->says->keeps;
            write_way(r);
        } else {
            note_removed(r, level->says);
        }
    }
    if (r->depth == 1 && !level->is_written) {
        write_way(r); /* the root stays, if empty */
    }
    if (level->is_written) {
        write_byte(r, bracket);
    }
    release_seen_close(&r->seen, level->seen_at);
    r->live_count = level->live_at;
    r->depth--;
    r->keys.size = r->depth > 0 ? r->levels[r->depth - 1].key_at : 0;
}

/* ---- Keys ---- */

static bool check_key(struct release *r, struct bytes name, size_t readable)
{
    struct level *level = &r->levels[r->depth - 1];
    bool is_new = false;
    if (name.size > RELEASE_KEY_BYTES_MAX) {
        return refuse(r, "a key is too long");
    }
    if (r->seen.count == RELEASE_KEYS_MAX) {
        return refuse(r, "too many keys in the objects that are open");
    }
    struct name_id id = name_id_make(name, readable, &r->seen.secret);
    if (!release_seen_add(&r->seen, level->object, id, &is_new)) {
        return out_of_memory(r);
    }
    if (!is_new) {
        return refuse(r, "a key is repeated in one object");
    }
    level->step = level->live_count > 0 ? release_plan_name(r->plan, id, name) : NULL;
    return true;
}

/* A key with escapes is known by its text, and written as it came. */
static bool check_escaped_key(struct release *r, struct bytes name)
{
    buffer_reset(&r->name);
    uint8_t *room = buffer_room(&r->name, name.size);
    if (room == NULL) {
        return out_of_memory(r);
    }
    buffer_added(&r->name, text_decode(name, room));
    return check_key(r, buffer_bytes(&r->name), r->name.size);
}

/* `end`: of what holds it. */
static inline bool end_key(struct release *r, struct bytes raw, const uint8_t *end)
{
    struct bytes name = { raw.data + 1, raw.size - 2 };
    r->lead = raw;
    return r->scan.has_escape ? check_escaped_key(r, name) : check_key(r, name, (size_t)(end - name.data));
}

/* Most keys come whole. */
static bool take_key(struct release *r)
{
    const struct json_scan *scan = &r->scan;
    if (scan->is_first && scan->is_last) {
        return end_key(r, scan->text, r->piece_end);
    }
    if (scan->is_first) {
        r->lead = BYTES_NONE; /* save_lead() must not put it into `key` any more */
        buffer_reset(&r->key);
    }
    if (scan->text.size > 6 * RELEASE_KEY_BYTES_MAX + 2 - r->key.size) { /* 6: "\u0061" */
        return refuse(r, "a key is too long");
    }
    buffer_append(&r->key, scan->text);
    if (r->key.failed) {
        return out_of_memory(r);
    }
    return !scan->is_last || end_key(r, buffer_bytes(&r->key), r->key.data + r->key.size);
}

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

bool release_make(struct release **out, const struct policy_service *service, const bool *permitted,
                  const struct transform_context *context, struct error *e)
{
    *out = NULL;
    struct release *r = malloc(sizeof *r);
    if (r == NULL) {
        return error_memory(e, where);
    }
    memset(r, 0, offsetof(struct release, levels)); /* a level is set when it is opened */
    buffer_init(&r->keys, RELEASE_PATH_BYTES_MAX);
    buffer_init(&r->key, 6 * RELEASE_KEY_BYTES_MAX + 2);
    buffer_init(&r->name, 6 * RELEASE_KEY_BYTES_MAX);
    buffer_init(&r->token, TRANSFORM_TOKEN_BYTES_MAX);
    buffer_init(&r->made, TRANSFORM_TOKEN_BYTES_MAX);
    if (!find_plan(r, service, e)) {
        goto failed;
    }
    for (size_t i = 0; i < service->release_count; i++) {
        r->permitted |= permitted[i] ? (uint64_t)1 << i : 0;
    }
    if (context != NULL) {
        r->context = *context;
    }
    r->live_capacity = r->plan->word_count * 4 + 16;
    r->live = malloc(r->live_capacity * sizeof *r->live);
    if (r->live == NULL || !release_seen_make(&r->seen, &r->plan->secret)) {
        error_memory(e, where);
        goto failed;
    }
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
    explicit_bzero(&release->context, sizeof release->context);
    buffer_clear(&release->keys);
    buffer_clear(&release->key);
    buffer_clear(&release->name);
    buffer_wipe(&release->token);
    buffer_wipe(&release->made);
    release_seen_clear(&release->seen);
    arena_clear(&release->arena);
    free(release->live);
    free(release);
}

/* The piece is used up: what is still needed of it is kept. */
static bool save_lead(struct release *r)
{
    if (r->token.failed) {
        return out_of_memory(r);
    }
    if (r->lead.data != NULL && r->lead.data != r->key.data) {
        buffer_reset(&r->key);
        buffer_append(&r->key, r->lead);
        r->lead = buffer_bytes(&r->key);
        return !r->key.failed || out_of_memory(r);
    }
    return true;
}

/* All tokens of the piece. */
static bool take_tokens(struct release *r)
{
    for (;;) {
        bool ok = true;
        enum json_scan_token token = json_scan_next(&r->scan);
        switch (token) {
        case JSON_SCAN_KEY:
            ok = take_key(r);
            break;
        case JSON_SCAN_STRING:
        case JSON_SCAN_NUMBER:
        case JSON_SCAN_LITERAL:
            take_scalar(r);
            break;
        case JSON_SCAN_OBJECT_OPEN:
        case JSON_SCAN_ARRAY_OPEN:
            ok = open_level(r, token == JSON_SCAN_ARRAY_OPEN);
            break;
        case JSON_SCAN_OBJECT_CLOSE:
        case JSON_SCAN_ARRAY_CLOSE:
            close_level(r);
            break;
        case JSON_SCAN_BROKEN:
            return refuse(r, r->scan.error);
        case JSON_SCAN_MORE:
        case JSON_SCAN_END:
            return save_lead(r);
        }
        if (!ok) {
            return false;
        }
    }
}

/* The buffer knows of all that was written, also when the answer is refused: it wipes what it knows of. */
static bool take_piece(struct release *r)
{
    r->piece_end = r->scan.end;
    bool ok = take_tokens(r);
    flush(r);
    buffer_added(r->out, (size_t)(r->to - r->to_start));
    r->to = r->to_start = r->to_end = NULL;
    return ok && (!r->out->failed || out_of_memory(r));
}

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
    if (piece.size == 0) {
        return true;
    }
    json_scan_feed(&release->scan, piece);
    return take_piece(release);
}

static void spread(uint64_t bits, bool *flags)
{
    for (size_t i = 0; i < POLICY_RELEASES_MAX; i++) {
        flags[i] = (bits >> i & 1) != 0;
    }
}

bool release_end(struct release *release, struct buffer *out, struct error *e)
{
    if (!begin_call(release, out, e)) {
        return false;
    }
    json_scan_finish(&release->scan);
    if (!take_piece(release)) {
        return false;
    }
    spread(release->kept_bits, release->kept);
    spread(release->removed_bits, release->removed);
    spread(release->failed_bits, release->failed);
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

const bool *release_failed(const struct release *release)
{
    return release->failed;
}

bool release_transformed(const struct release *release, size_t index, enum transform_kind kind)
{
    return index < POLICY_RELEASES_MAX && (size_t)kind < TRANSFORM_COUNT && (release->transformed_bits[kind] >> index & 1) != 0;
}
