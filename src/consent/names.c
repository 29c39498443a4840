#include "consent/names_internal.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/random.h"
#include "consent/terms_internal.h"

bool names_init(struct names *names, struct store *store)
{
    *names = (struct names){ .store = store };
    random_fill(&names->seed, sizeof names->seed);
    names->by_number = calloc(NAMES_KEPT_MAX + 1, sizeof *names->by_number);
    names->by_text = calloc(NAMES_SLOTS, sizeof *names->by_text);
    names->terms = calloc(NAMES_KEPT_MAX + 1, sizeof *names->terms);
    names->is_made = names->by_number != NULL && names->by_text != NULL && names->terms != NULL &&
                     pthread_mutex_init(&names->mutex, NULL) == 0;
    return names->is_made;
}

void names_clear(struct names *names)
{
    for (size_t i = 0; names->by_number != NULL && i <= NAMES_KEPT_MAX; i++) {
        free(names->by_number[i]);
    }
    for (size_t i = 0; names->terms != NULL && i <= NAMES_KEPT_MAX; i++) {
        free(names->terms[i]);
    }
    free(names->by_number);
    free(names->by_text);
    free(names->terms);
    if (names->is_made) {
        (void)pthread_mutex_destroy(&names->mutex);
    }
    *names = (struct names){ 0 };
}

/* ---- What is kept ---- */

/* Where the text stands, or the free place where it would; there always is one. */
static size_t slot_of(const struct names *names, struct bytes text, const struct name **found)
{
    static const uint8_t none;
    size_t at = XXH3_64bits_withSeed(text.data != NULL ? text.data : &none, text.size, names->seed) % NAMES_SLOTS;
    while ((*found = atomic_load_explicit(&names->by_text[at], memory_order_acquire)) != NULL && !bytes_equal((*found)->text, text)) {
        at = (at + 1) % NAMES_SLOTS;
    }
    return at;
}

/* Best effort: what isn't kept is read again. */
static void keep(struct names *names, int64_t number, struct bytes text)
{
    const struct name *found;
    if (number < 1 || number > NAMES_KEPT_MAX) {
        return;
    }
    struct name *made = malloc(sizeof *made + text.size + 1);
    if (made == NULL) {
        return;
    }
    uint8_t *copy = (uint8_t *)(made + 1);
    memcpy(copy, text.size > 0 ? text.data : copy, text.size);
    *made = (struct name){ number, bytes_of(copy, text.size) };
    (void)pthread_mutex_lock(&names->mutex);
    size_t at = slot_of(names, text, &found);
    if (found == NULL && names->by_number[number] == NULL) {
        atomic_store_explicit(&names->by_text[at], made, memory_order_release);
        atomic_store_explicit(&names->by_number[number], made, memory_order_release);
        made = NULL;
    }
    (void)pthread_mutex_unlock(&names->mutex);
    free(made);
}

/* ---- Reading ---- */

static bool take_number(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)context = columns[0].integer;
    return false;
}

struct text_row {
    struct arena *arena;
    struct bytes text;
    bool is_found;
};

static bool take_text(void *context, const struct store_value *columns, size_t count)
{
    struct text_row *row = context;
    (void)count;
    row->is_found = true;
    row->text = arena_copy(row->arena, columns[0].bytes);
    return false;
}

static bool fail_absent(struct error *e)
{
    return error_set(e, ERROR_INPUT, "consents", "restore the database from a backup", "a number in a consent means nothing");
}

bool names_find(struct names *names, struct bytes text, int64_t *number, struct error *e)
{
    static const char sql[] = "SELECT number FROM consent_names WHERE name = ?1";
    const struct name *found;
    (void)slot_of(names, text, &found);
    *number = found != NULL ? found->number : 0;
    if (found != NULL) {
        return true;
    }
    const struct store_value values[] = { STORE_STR(text) };
    if (!store_read(names->store, sql, values, COUNT_OF(values), take_number, number, e)) {
        return false;
    }
    if (*number != 0) {
        keep(names, *number, text);
    }
    return true;
}

/* Behind the committed state: what only this thread's own transaction has is looked for there, and not kept, since it may be undone. */
static bool read_text(struct names *names, const char *sql, int64_t number, struct text_row *row, bool *is_committed, struct error *e)
{
    const struct store_value values[] = { STORE_INT(number) };
    if (!store_read(names->store, sql, values, COUNT_OF(values), take_text, row, e)) {
        return false;
    }
    *is_committed = row->is_found;
    if (!row->is_found && !store_run(names->store, sql, values, COUNT_OF(values), take_text, row, NULL, e)) {
        return false;
    }
    return row->is_found ? row->text.data != NULL || error_memory(e, "consents") : fail_absent(e);
}

bool names_text(struct names *names, int64_t number, struct arena *arena, struct bytes *out, struct error *e)
{
    static const char sql[] = "SELECT name FROM consent_names WHERE number = ?1";
    const struct name *kept = number > 0 && number <= NAMES_KEPT_MAX ? atomic_load_explicit(&names->by_number[number], memory_order_acquire)
                                                                     : NULL;
    struct text_row row = { .arena = arena };
    bool is_committed = false;
    if (kept != NULL) {
        *out = kept->text;
        return true;
    }
    if (!read_text(names, sql, number, &row, &is_committed, e)) {
        return false;
    }
    if (is_committed) {
        keep(names, number, row.text);
    }
    *out = row.text;
    return true;
}

bool names_terms(struct names *names, int64_t number, struct arena *arena, const struct consent_terms **out, struct error *e)
{
    static const char sql[] = "SELECT text FROM consent_terms WHERE number = ?1";
    bool may_keep = number > 0 && number <= NAMES_KEPT_MAX, is_committed = false, has_any;
    struct text_row row = { .arena = arena };
    *out = may_keep ? atomic_load_explicit(&names->terms[number], memory_order_acquire) : NULL;
    if (*out != NULL || number == 0) {
        return true;
    }
    if (!read_text(names, sql, number, &row, &is_committed, e)) {
        return false;
    }
    may_keep = may_keep && is_committed;
    struct consent_terms *made = may_keep ? malloc(sizeof *made) : arena_take(arena, sizeof *made);
    if (made == NULL) {
        return error_memory(e, "consents");
    }
    if (!consent_terms_read(row.text, made, &has_any)) {
        if (may_keep) {
            free(made);
        }
        return error_set(e, ERROR_INPUT, "consents", "restore the database from a backup", "the terms of a consent can't be read");
    }
    if (may_keep) {
        struct consent_terms *before = NULL;
        if (!atomic_compare_exchange_strong_explicit(&names->terms[number], &before, made, memory_order_acq_rel, memory_order_acquire)) {
            free(made);
            made = before;
        }
    }
    *out = made;
    return true;
}

/* ---- In a transaction ---- */

/* By `find`, or by `add` under the number that `next` says. */
static bool take(struct store *store, const char *const sql[3], struct bytes key, enum store_type type, struct bytes text, int64_t *number,
                 struct error *e)
{
    const struct store_value value = { .type = type, .bytes = key };
    *number = 0;
    if (!store_run(store, sql[0], &value, 1, take_number, number, NULL, e)) {
        return false;
    }
    if (*number != 0) {
        return true;
    }
    if (!store_run(store, sql[1], NULL, 0, take_number, number, NULL, e)) {
        return false;
    }
    const struct store_value row[] = { STORE_INT(*number), value, STORE_STR(text) };
    return store_run(store, sql[2], row, text.data != NULL ? 3 : 2, NULL, NULL, NULL, e);
}

bool names_take(struct store *store, struct bytes text, int64_t *number, struct error *e)
{
    static const char *const sql[] = { "SELECT number FROM consent_names WHERE name = ?1",
                                       "SELECT coalesce(max(number), 0) + 1 FROM consent_names",
                                       "INSERT INTO consent_names (number, name) VALUES (?1, ?2)" };
    return take(store, sql, text, STORE_TEXT, BYTES_NONE, number, e);
}

bool names_take_person(struct store *store, struct bytes person, int64_t *number, struct error *e)
{
    static const char *const sql[] = { "SELECT number FROM persons WHERE identifier = ?1",
                                       "SELECT coalesce(max(number), 0) + 1 FROM persons",
                                       "INSERT INTO persons (number, identifier) VALUES (?1, ?2)" };
    return take(store, sql, person, STORE_TEXT, BYTES_NONE, number, e);
}

bool names_take_terms(struct store *store, const struct consent_terms *terms, int64_t *number, struct error *e)
{
    static const char *const sql[] = { "SELECT number FROM consent_terms WHERE digest = ?1",
                                       "SELECT coalesce(max(number), 0) + 1 FROM consent_terms",
                                       "INSERT INTO consent_terms (number, digest, text) VALUES (?1, ?2, ?3)" };
    uint8_t digest[SHA256_SIZE];
    struct buffer text;
    *number = 0;
    if (terms == NULL) {
        return true;
    }
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    consent_terms_write(terms, &text);
    sha256(buffer_bytes(&text), digest);
    bool ok = (!text.failed || error_memory(e, "consents")) &&
              take(store, sql, bytes_of(digest, sizeof digest), STORE_BLOB, text.size > 0 ? buffer_bytes(&text) : BYTES(""), number, e);
    buffer_clear(&text);
    return ok;
}
