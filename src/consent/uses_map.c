#include "consent/uses_map.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/time.h"
#include "consent/event_text.h"
#include "consent/uses_internal.h"
#include "store/state.h"

/*
 * Parts whose hashes are in the database: of depth 8, 16 and 24, where something is in them. So one changed leaf costs the way through its part
 * and three times at most 256 neighbours, however many persons there are.
 */
enum { STEP = 8, BUCKET_DEPTH = 24, BUCKET_MAX = 4096, PARTS_AT_ONCE = 128, EVENT_BYTES_MAX = 1024, CATCH_UP_MAX = 2000000, CHUNK = 20000 };
#define STATE_ROOT "uses.root"
#define STATE_COMMITTED "uses.committed" /* "<entry> <covers> <milliseconds>" */

/* ---- Secrets, all from the index's key ---- */

static void derive(const struct uses *uses, const char *what, uint8_t number, uint8_t out[SHA256_SIZE])
{
    uint8_t text[64] = { 0 };
    size_t size = strlen(what);
    memcpy(text, what, size < sizeof text - 1 ? size : sizeof text - 1);
    text[sizeof text - 1] = number;
    hmac_sha256(bytes_of(uses->key, USES_KEY_SIZE), bytes_of(text, sizeof text), out);
}

bool uses_map_open(struct uses *uses, struct error *e)
{
    uint8_t secret[SHA256_SIZE];
    bool ok = false;
    derive(uses, "comity-uses-map/empty", 0, uses->map_secret);
    /* A scalar that is not below the order has a chance of 2^-32. */
    for (uint8_t i = 0; i < 255 && !ok; i++) {
        derive(uses, "comity-uses-map/vrf", i, secret);
        ok = vrf_make(&uses->vrf, secret, e);
    }
    explicit_bzero(secret, sizeof secret);
    return ok;
}

/* Never the same for two states of a leaf, so that a path shows nothing when it is opened. */
static void make_salt(const struct uses *uses, const uint8_t place[USES_PLACE_SIZE], const struct uses_sum *sum,
                      uint8_t out[USES_SALT_SIZE])
{
    uint8_t key[SHA256_SIZE], text[USES_PLACE_SIZE + 8 + SHA256_SIZE];
    derive(uses, "comity-uses-map/salt", 0, key);
    memcpy(text, place, USES_PLACE_SIZE);
    for (unsigned i = 0; i < 8; i++) {
        text[USES_PLACE_SIZE + i] = (uint8_t)(sum->count >> (56 - 8 * i));
    }
    memcpy(text + USES_PLACE_SIZE + 8, sum->chain, SHA256_SIZE);
    hmac_sha256(bytes_of(key, sizeof key), bytes_of(text, sizeof text), out);
    explicit_bzero(key, sizeof key);
}

static uint64_t place_number(const uint8_t place[USES_PLACE_SIZE])
{
    struct reader r = { .left = bytes_of(place, USES_PLACE_SIZE) };
    return reader_u64(&r);
}

/* ---- Rows ---- */

struct leaf_row {
    bool is_there, is_damaged;
    uint8_t place[USES_PLACE_SIZE];
    struct uses_sum sum;
};

static bool take_leaf(void *context, const struct store_value *columns, size_t count)
{
    struct leaf_row *row = context;
    (void)count;
    row->is_there = true;
    row->is_damaged = columns[0].bytes.size != USES_PLACE_SIZE || columns[2].bytes.size != SHA256_SIZE;
    if (!row->is_damaged) {
        memcpy(row->place, columns[0].bytes.data, USES_PLACE_SIZE);
        row->sum.count = (uint64_t)columns[1].integer;
        memcpy(row->sum.chain, columns[2].bytes.data, SHA256_SIZE);
    }
    return false;
}

static bool damaged(struct error *e)
{
    return error_set(e, ERROR_INPUT, "uses_map", "empty the index of uses: it is made again from the log", "the map of uses is damaged");
}

static bool find_leaf(struct uses *uses, const uint8_t person[USES_PERSON_SIZE], struct leaf_row *row, struct error *e)
{
    static const char sql[] = "SELECT place, count, chain FROM uses_map WHERE person = ?1";
    const struct store_value values[] = { STORE_BIN(bytes_of(person, USES_PERSON_SIZE)) };
    *row = (struct leaf_row){ 0 };
    return store_run(uses->store, sql, values, COUNT_OF(values), take_leaf, row, NULL, e) && (!row->is_damaged || damaged(e));
}

static bool mark_dirty(struct uses *uses, unsigned level, uint64_t part, struct error *e)
{
    static const char sql[] = "INSERT INTO uses_dirty (level, part) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    const struct store_value values[] = { STORE_INT(level), STORE_INT((int64_t)part) };
    return store_run(uses->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

static bool put_leaf(struct uses *uses, const uint8_t person[USES_PERSON_SIZE], const struct leaf_row *row, struct error *e)
{
    static const char sql[] = "INSERT INTO uses_map (person, bucket, place, count, chain) VALUES (?1, ?2, ?3, ?4, ?5)"
                              " ON CONFLICT (person) DO UPDATE SET count = ?4, chain = ?5";
    const uint64_t bucket = place_number(row->place) >> (USES_DEPTH - BUCKET_DEPTH);
    const struct store_value values[] = { STORE_BIN(bytes_of(person, USES_PERSON_SIZE)), STORE_INT((int64_t)bucket),
                                          STORE_BIN(bytes_of(row->place, USES_PLACE_SIZE)), STORE_INT((int64_t)row->sum.count),
                                          STORE_BIN(bytes_of(row->sum.chain, SHA256_SIZE)) };
    return store_run(uses->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e) && mark_dirty(uses, BUCKET_DEPTH, bucket, e);
}

bool uses_map_prepare(struct uses *uses, struct bytes person, struct uses_map_entry *entry, struct error *e)
{
    struct leaf_row row;
    if (!find_leaf(uses, entry->person, &row, e)) {
        return false;
    }
    if (row.is_there) {
        memcpy(entry->place, row.place, USES_PLACE_SIZE);
        return true;
    }
    return vrf_output(uses->vrf, person, entry->place, e);
}

bool uses_map_add(struct uses *uses, const struct uses_map_entry *entry, struct error *e)
{
    struct leaf_row row;
    if (!find_leaf(uses, entry->person, &row, e)) {
        return false;
    }
    memcpy(row.place, entry->place, USES_PLACE_SIZE);
    uses_sum_add(&row.sum, entry->entry, entry->leaf);
    return put_leaf(uses, entry->person, &row, e);
}

bool uses_map_forget(struct uses *uses, const uint8_t person[USES_PERSON_SIZE], struct error *e)
{
    static const char sql[] = "DELETE FROM uses_map WHERE person = ?1";
    const struct store_value values[] = { STORE_BIN(bytes_of(person, USES_PERSON_SIZE)) };
    struct leaf_row row;
    if (!find_leaf(uses, person, &row, e)) {
        return false;
    }
    if (!row.is_there) {
        return true;
    }
    return store_run(uses->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e) &&
           mark_dirty(uses, BUCKET_DEPTH, place_number(row.place) >> (USES_DEPTH - BUCKET_DEPTH), e);
}

bool uses_map_empty(struct uses *uses, struct error *e)
{
    static const char *const sql[] = { "DELETE FROM uses_map", "DELETE FROM uses_parts", "DELETE FROM uses_dirty" };
    for (size_t i = 0; i < COUNT_OF(sql); i++) {
        if (!store_run(uses->store, sql[i], NULL, 0, NULL, NULL, NULL, e)) {
            return false;
        }
    }
    return true;
}

/* ---- Parts ---- */

struct items {
    const struct uses *uses;
    unsigned level; /* of the items; USES_DEPTH: leaves */
    struct uses_item list[BUCKET_MAX];
    size_t count;
    bool is_full, is_damaged;
};

static bool take_item(void *context, const struct store_value *columns, size_t count)
{
    struct items *items = context;
    struct leaf_row row = { 0 };
    uint8_t salt[USES_SALT_SIZE];
    items->is_full = items->count == BUCKET_MAX;
    if (items->is_full) {
        return false;
    }
    struct uses_item *item = &items->list[items->count++];
    if (items->level == USES_DEPTH) {
        (void)take_leaf(&row, columns, count);
        items->is_damaged = items->is_damaged || row.is_damaged;
        item->place = place_number(row.place);
        make_salt(items->uses, row.place, &row.sum, salt);
        uses_leaf_hash(row.place, salt, &row.sum, item->hash);
        return true;
    }
    item->place = (uint64_t)columns[0].integer << (USES_DEPTH - items->level);
    items->is_damaged = items->is_damaged || columns[1].bytes.size != SHA256_SIZE;
    if (!items->is_damaged) {
        memcpy(item->hash, columns[1].bytes.data, SHA256_SIZE);
    }
    return true;
}

/* What is in the part `part` of `level`: leaves, or the parts one step below. */
static bool load(struct uses *uses, unsigned level, uint64_t part, struct items *items, struct error *e)
{
    static const char leaves[] = "SELECT place, count, chain FROM uses_map WHERE bucket = ?1 ORDER BY place";
    static const char parts[] = "SELECT part, hash FROM uses_parts WHERE level = ?1 AND part BETWEEN ?2 AND ?3 ORDER BY part";
    bool of_leaves = level == BUCKET_DEPTH;
    struct store_value values[] = { STORE_INT(of_leaves ? (int64_t)part : (int64_t)level + STEP), STORE_INT((int64_t)(part << STEP)),
                                    STORE_INT((int64_t)((part << STEP) + (1 << STEP) - 1)) };
    items->uses = uses;
    items->level = of_leaves ? USES_DEPTH : level + STEP;
    items->count = 0;
    items->is_full = items->is_damaged = false;
    if (!store_run(uses->store, of_leaves ? leaves : parts, values, of_leaves ? 1 : COUNT_OF(values), take_item, items, NULL, e)) {
        return false;
    }
    for (size_t i = 1; i < items->count; i++) {
        /* Two leaves at one place: 64 bits of a function that nobody can aim. */
        items->is_damaged = items->is_damaged || items->list[i].place == items->list[i - 1].place;
    }
    return (!items->is_full && !items->is_damaged) || damaged(e);
}

static uint64_t place_of_part(unsigned level, uint64_t part)
{
    return level == 0 ? 0 : part << (USES_DEPTH - level);
}

static bool renew_part(struct uses *uses, unsigned level, uint64_t part, struct items *items, struct error *e)
{
    static const char put[] =
        "INSERT INTO uses_parts (level, part, hash) VALUES (?1, ?2, ?3) ON CONFLICT (level, part) DO UPDATE SET hash = ?3";
    static const char drop[] = "DELETE FROM uses_parts WHERE level = ?1 AND part = ?2";
    static const char done[] = "DELETE FROM uses_dirty WHERE level = ?1 AND part = ?2";
    uint8_t hash[SHA256_SIZE];
    if (!load(uses, level, part, items, e)) {
        return false;
    }
    uses_part_hash(uses->map_secret, level, items->level, items->list, items->count, place_of_part(level, part), hash);
    const struct store_value values[] = { STORE_INT(level), STORE_INT((int64_t)part), STORE_BIN(bytes_of(hash, sizeof hash)) };
    return store_run(uses->store, items->count > 0 ? put : drop, values, items->count > 0 ? 3 : 2, NULL, NULL, NULL, e) &&
           store_run(uses->store, done, values, 2, NULL, NULL, NULL, e) &&
           (level == STEP || mark_dirty(uses, level - STEP, part >> STEP, e));
}

struct dirty {
    uint64_t parts[PARTS_AT_ONCE];
    size_t count;
};

static bool take_dirty(void *context, const struct store_value *columns, size_t count)
{
    struct dirty *dirty = context;
    (void)count;
    dirty->parts[dirty->count++] = (uint64_t)columns[0].integer;
    return dirty->count < PARTS_AT_ONCE;
}

/* So many at once in a transaction, for others want the database, too. `*is_done`: none was left. */
static bool renew_some(struct uses *uses, unsigned level, struct items *items, bool *is_done, struct error *e)
{
    static const char sql[] = "SELECT part FROM uses_dirty WHERE level = ?1 ORDER BY part LIMIT 128";
    const struct store_value values[] = { STORE_INT(level) };
    struct dirty dirty = { .count = 0 };
    if (!store_begin(uses->store, e)) {
        return false;
    }
    bool ok = store_run(uses->store, sql, values, COUNT_OF(values), take_dirty, &dirty, NULL, e);
    for (size_t i = 0; ok && i < dirty.count; i++) {
        ok = renew_part(uses, level, dirty.parts[i], items, e);
    }
    if (!ok) {
        store_rollback(uses->store);
        return false;
    }
    *is_done = dirty.count < PARTS_AT_ONCE;
    return store_commit(uses->store, e);
}

/* Every part that has changed, from the bottom up, and the root. */
static bool renew(struct uses *uses, struct items *items, uint8_t root[SHA256_SIZE], struct error *e)
{
    for (unsigned level = BUCKET_DEPTH; level > 0; level -= STEP) {
        bool is_done = false;
        while (!is_done) {
            if (!renew_some(uses, level, items, &is_done, e)) {
                return false;
            }
        }
    }
    if (!load(uses, 0, 0, items, e)) {
        return false;
    }
    uses_part_hash(uses->map_secret, 0, STEP, items->list, items->count, 0, root);
    return true;
}

/* ---- Roots in the log ---- */

static void write_root(const struct uses_root *root, struct buffer *out)
{
    event_text_append(out, "comity-event", BYTES("uses-root/1"));
    event_text_append_digest(out, "root", root->root);
    event_text_append_decimal(out, "from", (int64_t)root->from);
    event_text_append_decimal(out, "covers", (int64_t)root->covers);
    buffer_append_text(out, "vrf: ");
    base64_append(out, bytes_of(root->vrf_key, VRF_PUBLIC_SIZE));
    buffer_append_u8(out, '\n');
    event_text_append_decimal(out, "time", time_now_ms());
}

bool uses_root_parse(struct bytes text, struct uses_root *out)
{
    struct bytes root, covers, from, key;
    size_t key_size = 0;
    *out = (struct uses_root){ 0 };
    return event_text_is(text, "uses-root/1") && event_text_get(text, "root", &root) && event_text_digest(root, out->root) &&
           event_text_get(text, "from", &from) && bytes_to_u64(from, &out->from) && event_text_get(text, "covers", &covers) &&
           bytes_to_u64(covers, &out->covers) && event_text_get(text, "vrf", &key) &&
           base64_parse(key, out->vrf_key, VRF_PUBLIC_SIZE, &key_size) && key_size == VRF_PUBLIC_SIZE;
}

/* The root that was committed last, as hex; empty when none was. */
static bool is_committed(struct uses *uses, const uint8_t root[SHA256_SIZE])
{
    char hex[2 * SHA256_SIZE + 1];
    struct buffer text;
    struct error absent;
    buffer_init(&text, 256);
    hex_write(bytes_of(root, SHA256_SIZE), hex);
    bool is_same = state_get_text(uses->store, STATE_ROOT, &text, &absent) && bytes_equal(buffer_bytes(&text), bytes_of_text(hex));
    buffer_clear(&text);
    return is_same;
}

static bool has_committed(struct uses *uses)
{
    struct buffer text;
    struct error absent;
    buffer_init(&text, 256);
    bool has = state_get_text(uses->store, STATE_ROOT, &text, &absent);
    buffer_clear(&text);
    return has;
}

static bool commit_root(struct uses *uses, struct committer *committer, struct uses_root *root, struct error *e)
{
    char hex[2 * SHA256_SIZE + 1];
    struct buffer text;
    buffer_init(&text, EVENT_BYTES_MAX);
    vrf_public(uses->vrf, root->vrf_key);
    write_root(root, &text);
    hex_write(bytes_of(root->root, SHA256_SIZE), hex);
    bool ok = !text.failed || error_memory(e, "uses");
    ok = ok && committer_append(committer, RECORD_EVENT, buffer_bytes(&text), BYTES_NONE, &root->entry, e);
    buffer_reset(&text);
    buffer_append_format(&text, "%" PRIu64 " %" PRIu64 " %" PRId64, root->entry, root->covers, time_now_ms());
    ok = ok && (!text.failed || error_memory(e, "uses")) && state_set_text(uses->store, STATE_ROOT, bytes_of_text(hex), e) &&
         state_set_text(uses->store, STATE_COMMITTED, buffer_bytes(&text), e);
    buffer_clear(&text);
    return ok;
}

bool uses_committed(struct uses *uses, struct uses_committed *out, struct error *e)
{
    struct buffer text;
    struct error absent;
    uint64_t time = 0;
    *out = (struct uses_committed){ 0 };
    buffer_init(&text, 256);
    bool has = state_get_text(uses->store, STATE_COMMITTED, &text, &absent);
    bool ok = has || absent.kind == ERROR_ABSENT;
    if (has) {
        struct bytes rest = buffer_bytes(&text), entry, covers;
        ok = bytes_split(&rest, ' ', &entry) && bytes_split(&rest, ' ', &covers) && bytes_to_u64(entry, &out->entry) &&
             bytes_to_u64(covers, &out->covers) && bytes_to_u64(rest, &time) && time <= INT64_MAX;
        absent = (struct error){ .kind = ERROR_INPUT, .where = STATE_COMMITTED, .what = "the stored value is damaged" };
    }
    out->time_ms = (int64_t)time;
    buffer_clear(&text);
    return ok || error_set(e, absent.kind, absent.where, absent.todo, "%s", absent.what);
}

bool uses_commit(struct uses *uses, struct committer *committer, bool *is_new, struct error *e)
{
    struct uses_root root = { 0 };
    struct items *items = malloc(sizeof *items);
    bool made = false;
    if (items == NULL) {
        return error_memory(e, "uses");
    }
    (void)pthread_mutex_lock(&uses->mutex);
    bool ok = uses_read_first(uses, &root.from, e) && uses_read_next(uses, &root.covers, e) && renew(uses, items, root.root, e);
    /* A log that speaks of nobody yet has nothing to bind. */
    if (ok && (items->count > 0 || has_committed(uses)) && !is_committed(uses, root.root)) {
        ok = commit_root(uses, committer, &root, e);
        made = ok;
    }
    (void)pthread_mutex_unlock(&uses->mutex);
    free(items);
    if (is_new != NULL) {
        *is_new = made;
    }
    return ok;
}

/* ---- One person's leaf ---- */

void uses_proof_clear(struct uses_proof *proof)
{
    free(proof->entries);
    explicit_bzero(proof, sizeof *proof);
}

struct entry_list {
    uint64_t *entries;
    size_t count, room;
};

static bool take_entry(void *context, const struct store_value *columns, size_t count)
{
    struct entry_list *list = context;
    (void)count;
    if (list->count < list->room) {
        list->entries[list->count] = (uint64_t)columns[0].integer;
    }
    list->count++;
    return list->count <= list->room;
}

static bool list_entries(struct uses *uses, const uint8_t person[USES_PERSON_SIZE], uint64_t next, struct uses_proof *out, struct error *e)
{
    static const char sql[] = "SELECT entry FROM uses WHERE block = ?1 AND person = ?2 ORDER BY entry";
    struct entry_list list = { .room = (size_t)out->sum.count };
    list.entries = calloc(list.room + 1, sizeof *list.entries);
    out->entries = list.entries;
    if (list.entries == NULL) {
        return error_memory(e, "uses");
    }
    for (uint64_t block = 0; block * USES_BLOCK_ENTRIES < next; block++) {
        const struct store_value values[] = { STORE_INT((int64_t)block), STORE_BIN(bytes_of(person, USES_PERSON_SIZE)) };
        if (!store_run(uses->store, sql, values, COUNT_OF(values), take_entry, &list, NULL, e)) {
            return false;
        }
    }
    return list.count == out->sum.count || damaged(e);
}

/* A person of whom the log has nothing yet stands in the map from the first question on. */
static bool make_leaf(struct uses *uses, const uint8_t person[USES_PERSON_SIZE], const struct uses_proof *proof, struct error *e)
{
    struct leaf_row row;
    if (!store_begin(uses->store, e)) {
        return false;
    }
    bool ok = find_leaf(uses, person, &row, e);
    if (ok && !row.is_there) {
        memcpy(row.place, proof->place, USES_PLACE_SIZE);
        ok = put_leaf(uses, person, &row, e);
    }
    if (!ok) {
        store_rollback(uses->store);
        return false;
    }
    return store_commit(uses->store, e);
}

static bool make_path(struct uses *uses, struct items *items, struct uses_proof *out, struct error *e)
{
    const uint64_t place = place_number(out->place);
    uint8_t(*path)[SHA256_SIZE] = out->path;
    for (int level = BUCKET_DEPTH; level >= 0; level -= STEP) {
        uint64_t part = level == 0 ? 0 : place >> (USES_DEPTH - level);
        if (!load(uses, (unsigned)level, part, items, e)) {
            return false;
        }
        uses_part_path(uses->map_secret, (unsigned)level, items->level, items->list, items->count, place, path);
        path += items->level - (unsigned)level;
    }
    return true;
}

static bool prove(struct uses *uses, struct committer *committer, struct bytes person, struct items *items, struct uses_proof *out,
                  struct error *e)
{
    uint8_t hash[USES_PERSON_SIZE], leaf[SHA256_SIZE], root[SHA256_SIZE];
    struct leaf_row row;
    uses_hash_person(uses, person, hash);
    if (!vrf_prove(uses->vrf, person, out->vrf_proof, out->place, e) || !make_leaf(uses, hash, out, e) ||
        !uses_read_first(uses, &out->root.from, e) || !uses_read_next(uses, &out->root.covers, e) ||
        !renew(uses, items, out->root.root, e) || !find_leaf(uses, hash, &row, e)) {
        return false;
    }
    out->sum = row.sum;
    make_salt(uses, out->place, &out->sum, out->salt);
    if (!make_path(uses, items, out, e) || !list_entries(uses, hash, out->root.covers, out, e)) {
        return false;
    }
    /* What is handed out is checked like any reader would: a map that does not hold together is not committed. */
    uses_leaf_hash(out->place, out->salt, &out->sum, leaf);
    uses_path_root(out->place, leaf, (const uint8_t(*)[SHA256_SIZE])out->path, root);
    if (memcmp(root, out->root.root, sizeof root) != 0 || memcmp(row.place, out->place, USES_PLACE_SIZE) != 0) {
        return damaged(e);
    }
    return commit_root(uses, committer, &out->root, e);
}

bool uses_prove(struct uses *uses, struct committer *committer, struct bytes person, struct uses_proof *out, struct error *e)
{
    uint64_t lag = 1;
    struct items *items = malloc(sizeof *items);
    *out = (struct uses_proof){ 0 };
    if (items == NULL) {
        return error_memory(e, "uses");
    }
    (void)pthread_mutex_lock(&uses->mutex);
    bool ok = true;
    for (size_t done = 0; ok && lag > 0 && done < CATCH_UP_MAX; done += CHUNK) {
        ok = uses_catch_up_locked(uses, CHUNK, &lag, e);
    }
    if (ok && lag > 0) {
        ok = error_set(e, ERROR_FULL, "uses", "ask again later", "the index lacks %llu entries of the log", (unsigned long long)lag);
    }
    ok = ok && prove(uses, committer, person, items, out, e);
    (void)pthread_mutex_unlock(&uses->mutex);
    free(items);
    if (!ok) {
        uses_proof_clear(out);
    }
    return ok;
}
