/* Taking a person's identifier out of the records of consents that have ended. What was agreed, when and on what, stays: the law has it kept. */
#include "base/encode.h"
#include "base/random.h"
#include "consent/consent_internal.h"
#include "consent/event_text.h"
#include "consent/import_file.h"
#include "crypto/hash.h"
#include "store/state.h"

enum { KEY_SIZE = 32, ALIAS_BYTES = 16 };
static const char key_name[] = "consents.erased_key";
static const char alias_start[] = "erased:";
_Static_assert(CONSENT_ALIAS_SIZE == sizeof alias_start - 1 + 2 * ALIAS_BYTES + 1, "its parts fit");

/* The key of the hashes that stand for identifiers; made when the first is needed. Inside a transaction. */
static bool load_key(struct store *store, uint8_t key[KEY_SIZE], struct error *e)
{
    struct buffer text;
    char hex[2 * KEY_SIZE + 1];
    buffer_init(&text, sizeof hex);
    bool ok = state_get_text(store, key_name, &text, e);
    if (ok) {
        ok = hex_parse(buffer_bytes(&text), key, KEY_SIZE) ||
             error_set(e, ERROR_INPUT, key_name, "restore the database from a backup", "the stored key is damaged");
    } else if (e->kind == ERROR_ABSENT) {
        random_fill(key, KEY_SIZE);
        hex_write(bytes_of(key, KEY_SIZE), hex);
        ok = state_set_text(store, key_name, bytes_of_text(hex), e);
    }
    buffer_wipe(&text);
    explicit_bzero(hex, sizeof hex);
    return ok;
}

/* Who asks later, with the identifier in hand, finds the records; they alone name nobody. */
static bool make_alias(struct store *store, struct bytes person, char alias[CONSENT_ALIAS_SIZE], struct error *e)
{
    uint8_t key[KEY_SIZE], hash[SHA256_SIZE];
    if (!load_key(store, key, e)) {
        return false;
    }
    hmac_sha256(bytes_of(key, sizeof key), person, hash);
    memcpy(alias, alias_start, sizeof alias_start - 1);
    hex_write(bytes_of(hash, ALIAS_BYTES), alias + sizeof alias_start - 1);
    explicit_bzero(key, sizeof key);
    return true;
}

/* ---- The texts of events ---- */

struct kept_text {
    struct kept_text *next;
    int64_t sequence;
    struct bytes text;
    bool is_of_person; /* of the person, not of a record */
};
struct kept_texts {
    struct arena *arena;
    struct kept_text *first;
    bool has_unlogged, has_failed;
};

static bool take_text(void *context, const struct store_value *columns, size_t count)
{
    struct kept_texts *texts = context;
    (void)count;
    struct kept_text *kept = arena_take(texts->arena, sizeof *kept);
    struct bytes text = kept == NULL ? BYTES_NONE : arena_copy(texts->arena, columns[1].bytes);
    if (text.data == NULL) {
        texts->has_failed = true;
        return false;
    }
    *kept = (struct kept_text){ texts->first, columns[0].integer, text, columns[3].integer != 0 };
    texts->first = kept;
    texts->has_unlogged = texts->has_unlogged || columns[2].type == STORE_NULL;
    return true;
}

/* Of the person's own events, such as a date of birth, nothing is left but that there was one. */
static bool stays(struct bytes name)
{
    static const struct bytes names[] = { BYTES("comity-event"), BYTES("event"), BYTES("sequence"), BYTES("person"), BYTES("time") };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (bytes_equal(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* The text with the alias in each line whose value is the identifier. False: memory. */
static bool rewrite(const struct kept_text *kept, struct bytes person, const char *alias, struct arena *arena, struct buffer *out)
{
    struct bytes rest = kept->text, name, value;
    while (event_text_next(&rest, &name, &value)) {
        struct bytes decoded = event_text_decode(arena, value);
        if (decoded.data == NULL) {
            return false;
        }
        if (kept->is_of_person ? stays(name) : !bytes_equal(name, BYTES("born"))) {
            buffer_append(out, name);
            buffer_append(out, BYTES(": "));
            buffer_append(out, bytes_equal(decoded, person) ? bytes_of_text(alias) : value);
            buffer_append_u8(out, '\n');
        }
    }
    return !out->failed;
}

static bool rewrite_texts(struct store *store, struct bytes person, const char *alias, struct arena *arena, struct error *e)
{
    static const char find[] = "SELECT e.sequence, e.payload, e.log_index, 0 FROM consents c JOIN consent_events e ON e.record = c.number"
                               " WHERE c.person = (SELECT number FROM persons WHERE identifier = ?1)"
                               " UNION ALL SELECT sequence, payload, log_index, 1 FROM consent_events WHERE person = ?1";
    static const char write[] = "UPDATE consent_events SET payload = ?2, person = CASE WHEN person IS NULL THEN NULL ELSE ?3 END"
                                " WHERE sequence = ?1";
    struct kept_texts texts = { .arena = arena };
    const struct store_value whose[] = { STORE_STR(person) };
    if (!store_run(store, find, whose, COUNT_OF(whose), take_text, &texts, NULL, e)) {
        return false;
    }
    if (texts.has_failed) {
        return error_memory(e, "consents");
    }
    if (texts.has_unlogged) {
        return error_set(e, ERROR_DENIED, "consents", "see to what the log lacks (comity doctor), then erase again",
                         "a change about this person is not in the log yet");
    }
    for (const struct kept_text *kept = texts.first; kept != NULL; kept = kept->next) {
        struct buffer text;
        buffer_init(&text, 2 * RECORD_STATEMENT_BYTES_MAX);
        bool ok = rewrite(kept, person, alias, arena, &text) || error_memory(e, "consents");
        const struct store_value values[] = { STORE_INT(kept->sequence), STORE_STR(buffer_bytes(&text)), STORE_STR(bytes_of_text(alias)) };
        ok = ok && store_run(store, write, values, COUNT_OF(values), NULL, NULL, NULL, e);
        buffer_wipe(&text);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* ---- Imported records ---- */

struct imported_records {
    struct arena *arena;
    struct imported_record {
        struct imported_record *next;
        struct bytes id;
    } * first;
    bool has_failed;
};

static bool take_imported(void *context, const struct store_value *columns, size_t count)
{
    struct imported_records *records = context;
    char batch[IMPORT_BATCH_SIZE + 1];
    uint32_t place;
    (void)count;
    if (!import_place(columns[0].bytes, batch, &place)) {
        return true;
    }
    struct imported_record *kept = arena_take(records->arena, sizeof *kept);
    struct bytes id = kept == NULL ? BYTES_NONE : arena_copy(records->arena, columns[0].bytes);
    if (id.data == NULL) {
        records->has_failed = true;
        return false;
    }
    *kept = (struct imported_record){ records->first, id };
    records->first = kept;
    return true;
}

/* The event's text goes into the store, without the identifier; the file then loses it. Once more is no error: what is there stays. */
static bool forget_imported(struct consents *consents, struct bytes id, struct bytes person, const char *alias, struct arena *arena,
                            struct error *e)
{
    static const char sql[] = "INSERT INTO consent_import_texts (record, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    struct kept_text kept = { .is_of_person = false };
    struct buffer text, rewritten;
    char batch[IMPORT_BATCH_SIZE + 1];
    uint32_t place;
    uint64_t log_index;
    int64_t number = 0;
    bool is_imported = false;
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    buffer_init(&rewritten, 2 * RECORD_STATEMENT_BYTES_MAX);
    bool ok = imports_text(consents, id, &number, &text, &log_index, &is_imported, e);
    kept.text = buffer_bytes(&text);
    if (ok && is_imported && log_index == UINT64_MAX) {
        ok = error_set(e, ERROR_DENIED, "consents", "see to what the log lacks (comity doctor), then erase again",
                       "a change about this person is not in the log yet");
    }
    if (ok && is_imported) {
        ok = rewrite(&kept, person, alias, arena, &rewritten) || error_memory(e, "consents");
        const struct store_value values[] = { STORE_INT(number), STORE_STR(buffer_bytes(&rewritten)) };
        ok = ok && store_run(consents->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e) && import_place(id, batch, &place) &&
             import_file_erase(consents->private, batch, place, e);
    }
    buffer_wipe(&text);
    buffer_wipe(&rewritten);
    return ok;
}

/* Before anything else, each durable by itself: until the person's row has another name, all of it is found again. */
static bool forget_imports(struct consents *consents, struct bytes person, struct error *e)
{
    static const char find[] = "SELECT c.id FROM persons p JOIN consents c ON c.person = p.number WHERE p.identifier = ?1";
    struct arena arena = { 0 };
    char alias[CONSENT_ALIAS_SIZE];
    struct imported_records records = { .arena = &arena };
    const struct store_value whose[] = { STORE_STR(person) };
    bool ok = consents_alias(consents, person, alias, e) &&
              store_run(consents->store, find, whose, COUNT_OF(whose), take_imported, &records, NULL, e) &&
              (!records.has_failed || error_memory(e, "consents"));
    for (const struct imported_record *record = records.first; ok && record != NULL; record = record->next) {
        ok = forget_imported(consents, record->id, person, alias, &arena, e);
    }
    arena_clear(&arena);
    return ok;
}

static bool take_number(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)context = columns[0].integer;
    return false;
}

/* The person's row takes the alias; somebody who comes back and is erased again has one of that name already, which takes over the records. */
static bool rename_row(struct store *store, struct bytes person, struct bytes alias, uint64_t *records, struct error *e)
{
    static const char find[] = "SELECT number FROM persons WHERE identifier = ?1";
    static const char count[] = "SELECT count(*) FROM consents WHERE person = ?1";
    static const char move[] = "UPDATE consents SET person = ?2 WHERE person = ?1";
    static const char remove[] = "DELETE FROM persons WHERE number = ?1";
    static const char rename[] = "UPDATE persons SET identifier = ?2, facts = NULL WHERE number = ?1";
    int64_t number = 0, before = 0, counted = 0;
    const struct store_value whose[] = { STORE_STR(person) }, by_alias[] = { STORE_STR(alias) };
    if (!store_run(store, find, whose, COUNT_OF(whose), take_number, &number, NULL, e) ||
        !store_run(store, find, by_alias, COUNT_OF(by_alias), take_number, &before, NULL, e)) {
        return false;
    }
    if (number == 0) {
        return true;
    }
    const struct store_value values[] = { STORE_INT(number), before != 0 ? STORE_INT(before) : STORE_STR(alias) };
    bool ok = store_run(store, count, values, 1, take_number, &counted, NULL, e) &&
              (before != 0 ? store_run(store, move, values, COUNT_OF(values), NULL, NULL, NULL, e) &&
                                 store_run(store, remove, values, 1, NULL, NULL, NULL, e)
                           : store_run(store, rename, values, COUNT_OF(values), NULL, NULL, NULL, e));
    *records = (uint64_t)counted;
    return ok;
}

static bool rename_person(struct store *store, struct bytes person, uint64_t *records, struct error *e)
{
    static const char of_representatives[] = "UPDATE representatives SET person = ?2 WHERE person = ?1";
    char alias[CONSENT_ALIAS_SIZE];
    struct arena arena = { 0 };
    bool ok = make_alias(store, person, alias, e) && rewrite_texts(store, person, alias, &arena, e) &&
              rename_row(store, person, bytes_of_text(alias), records, e);
    if (ok) {
        const struct store_value values[] = { STORE_STR(person), STORE_STR(bytes_of_text(alias)) };
        ok = store_run(store, of_representatives, values, COUNT_OF(values), NULL, NULL, NULL, e);
    }
    arena_clear(&arena);
    return ok;
}

bool consents_alias(struct consents *consents, struct bytes person, char alias[CONSENT_ALIAS_SIZE], struct error *e)
{
    if (!store_begin(consents->store, e)) {
        return false;
    }
    if (!make_alias(consents->store, person, alias, e)) {
        store_rollback(consents->store);
        return false;
    }
    return store_commit(consents->store, e);
}

bool consents_forget(struct consents *consents, struct bytes person, uint64_t *records, struct error *e)
{
    const struct consent_key key = { .person = person };
    *records = 0;
    (void)pthread_mutex_lock(&consents->changing);
    bool ok = forget_imports(consents, person, e) && store_begin(consents->store, e);
    if (ok && !rename_person(consents->store, person, records, e)) {
        store_rollback(consents->store);
        ok = false;
    } else if (ok) {
        ok = store_commit(consents->store, e);
    }
    (void)pthread_mutex_unlock(&consents->changing);
    consents_overtake(consents, &key, 1);
    /* Also when nothing was changed now: a crash may have come between. */
    return ok && store_settle(consents->store, e);
}
