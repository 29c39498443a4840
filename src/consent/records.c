#include "consent/consent_internal.h"

#include <stdio.h>
#include "consent/packed_internal.h"
#include "consent/persons.h"
#include "consent/terms_internal.h"

/* The newest decision on each category, as the rows come, newest record first. */
struct view_rows {
    struct consents *consents;
    struct arena arena;
    struct consent_decision few[CONSENT_ROOM_DECISIONS]; /* what `decisions` is, as long as it is enough */
    struct consent_decision *decisions;
    size_t count, capacity;
    struct consent_person person;
    bool is_person_pending; /* something about the person waits for the log */
    bool has_failed;
    enum error_kind failure; /* ERROR_NONE: a nested query's, which has said it in `*e` */
    struct error *e;
};

static bool fail_row(struct view_rows *rows, enum error_kind kind)
{
    rows->has_failed = true;
    rows->failure = kind;
    return false;
}

/* Room for one more decision. */
static bool make_room(struct view_rows *rows)
{
    if (rows->count < rows->capacity) {
        return true;
    }
    if (rows->count == CONSENT_VIEW_DECISIONS_MAX) {
        return fail_row(rows, ERROR_FULL);
    }
    struct consent_decision *grown = arena_take(&rows->arena, 2 * rows->capacity * sizeof *grown);
    if (grown == NULL) {
        return fail_row(rows, ERROR_MEMORY);
    }
    memcpy(grown, rows->decisions, rows->count * sizeof *grown);
    rows->decisions = grown;
    rows->capacity *= 2;
    return true;
}

/* One order for one content, for decisions name it by digest: within a record by category. */
static void put_in_order(struct view_rows *rows, size_t from)
{
    for (size_t i = from + 1; i < rows->count; i++) {
        struct consent_decision moving = rows->decisions[i];
        size_t at = i;
        while (at > from && bytes_compare(rows->decisions[at - 1].category, moving.category) > 0) {
            rows->decisions[at] = rows->decisions[at - 1];
            at--;
        }
        rows->decisions[at] = moving;
    }
}

static bool has_spoken(const struct view_rows *rows, size_t end, struct bytes category)
{
    for (size_t i = 0; i < end; i++) {
        if (bytes_equal(rows->decisions[i].category, category)) {
            return true;
        }
    }
    return false;
}

/* A record's decisions, of which those count on which no newer record has spoken. Those of one record share their terms: the view's memory relies on it. */
static bool take_record(struct view_rows *rows, const struct store_value *columns)
{
    struct packed list[CONSENT_CATEGORIES_MAX];
    size_t count, newer = rows->count;
    struct consent_decision decision = { .valid_from_ms = columns[3].integer, .valid_until_ms = columns[4].integer };
    bool is_pending = columns[8].integer != 0; /* its resuming is not in the log */
    if (!packed_read(columns[7].bytes, columns[6].integer, list, &count)) {
        return fail_row(rows, ERROR_INPUT);
    }
    decision.record_id = arena_copy(&rows->arena, columns[2].bytes);
    if (decision.record_id.data == NULL) {
        return fail_row(rows, ERROR_MEMORY);
    }
    if (!names_terms(&rows->consents->names, columns[5].integer, &rows->arena, &decision.terms, rows->e)) {
        return fail_row(rows, ERROR_NONE);
    }
    for (size_t i = 0; i < count; i++) {
        if (!names_text(&rows->consents->names, list[i].category, &rows->arena, &decision.category, rows->e)) {
            return fail_row(rows, ERROR_NONE);
        }
        if (has_spoken(rows, newer, decision.category)) {
            continue;
        }
        if (!make_room(rows)) {
            return false;
        }
        decision.state = list[i].state == CONSENT_GIVEN && is_pending ? CONSENT_PAUSED : list[i].state;
        rows->decisions[rows->count++] = decision;
    }
    put_in_order(rows, newer);
    return true;
}

static bool take_view_row(void *context, const struct store_value *columns, size_t count)
{
    struct view_rows *rows = context;
    (void)count;
    rows->is_person_pending = columns[1].integer != 0;
    if (columns[0].type == STORE_TEXT && !consent_person_read(columns[0].bytes, &rows->person)) {
        return fail_row(rows, ERROR_INPUT);
    }
    return columns[2].type == STORE_NULL || take_record(rows, columns);
}

static bool fail_view(const struct view_rows *rows, struct error *e)
{
    switch (rows->failure) {
    case ERROR_NONE:
        return false;
    case ERROR_FULL:
        return error_set(e, ERROR_FULL, "consents", NULL, "more than %d categories on one person, recipient and purpose",
                         CONSENT_VIEW_DECISIONS_MAX);
    case ERROR_INPUT:
        return error_set(e, ERROR_INPUT, "consents", "restore the database from a backup",
                         "a consent, or what is known of its person, can't be read");
    default:
        return error_memory(e, "consents");
    }
}

/*
 * The person's row, and behind it the records of the key: two descents, of which the second ends among the records of that person. A record whose
 * giving isn't in the log is passed over: nothing may leave on it, or a release would stand before the consent that it rests on. So is one that
 * only asks: it takes nothing back from what was decided before.
 */
bool records_load_view(struct consents *consents, const struct consent_key *key, struct consent_view *view, struct error *e)
{
    static const char sql[] =
        "SELECT p.facts,"
        " EXISTS (SELECT 1 FROM consent_events v INDEXED BY consent_events_unlogged_of"
        " WHERE v.log_index IS NULL AND v.record IS NULL AND v.person = ?1),"
        " c.id, c.valid_from, c.valid_until, c.terms, c.created_at, c.decisions,"
        " EXISTS (SELECT 1 FROM consent_events r INDEXED BY consent_events_unlogged_of"
        " WHERE r.log_index IS NULL AND r.record = c.number AND r.event = ?5)"
        " FROM persons p LEFT JOIN consents c ON c.person = p.number AND c.recipient = ?2 AND c.purpose = ?3 AND c.decided > 0"
        " AND NOT EXISTS (SELECT 1 FROM consent_events v INDEXED BY consent_events_unlogged"
        " WHERE v.log_index IS NULL AND v.sequence = c.decided AND v.event <> ?4)"
        " WHERE p.identifier = ?1 ORDER BY c.decided DESC, c.number DESC";
    int64_t recipient, purpose;
    struct view_rows rows = { .consents = consents, .capacity = CONSENT_ROOM_DECISIONS, .e = e };
    rows.decisions = rows.few;
    if (!names_find(&consents->names, key->recipient, &recipient, e) || !names_find(&consents->names, key->purpose, &purpose, e)) {
        return false;
    }
    struct store_value values[] = { STORE_STR(key->person), STORE_INT(recipient), STORE_INT(purpose), STORE_INT(CONSENT_EVENT_REFUSE),
                                    STORE_INT(CONSENT_EVENT_RESUME) };
    bool ok = store_read(consents->store, sql, values, COUNT_OF(values), take_view_row, &rows, e) &&
              (!rows.has_failed || fail_view(&rows, e)) &&
              (!rows.is_person_pending || records_read_person(consents->store, key->person, &rows.person, e)) &&
              (consent_view_copy(view, rows.decisions, rows.count) || error_memory(e, "consents"));
    if (ok) {
        view->person = rows.person;
    }
    arena_clear(&rows.arena);
    return ok;
}

/* ---- Persons ---- */

struct person_rows {
    struct consent_person person;
    struct consent_person newer; /* of what isn't in the log yet: only what forbids counts */
    bool has_failed;
};

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool take_person_row(void *context, const struct store_value *columns, size_t count)
{
    struct person_rows *rows = context;
    struct consent_person read;
    (void)count;
    bool is_logged = columns[1].type == STORE_INTEGER;
    if (!consent_person_read(columns[0].bytes, &read)) {
        rows->has_failed = true;
        return false;
    }
    if (is_logged) {
        rows->person = read;
        return false;
    }
    rows->newer.has_died = rows->newer.has_died || read.has_died;
    rows->newer.is_paused = rows->newer.is_paused || read.is_paused;
    rows->newer.is_restricted = rows->newer.is_restricted || read.is_restricted;
    rows->newer.guardian_until_ms = earlier(rows->newer.guardian_until_ms, read.guardian_until_ms);
    rows->newer.delegate_until_ms = earlier(rows->newer.delegate_until_ms, read.delegate_until_ms);
    return true;
}

static const char person_sql[] = "SELECT payload, log_index FROM consent_events WHERE person = ?1 ORDER BY sequence DESC";

static bool end_person(const struct person_rows *rows, struct consent_person *out, struct error *e)
{
    *out = rows->person;
    out->has_died = out->has_died || rows->newer.has_died;
    out->is_paused = out->is_paused || rows->newer.is_paused;
    out->is_restricted = out->is_restricted || rows->newer.is_restricted;
    out->guardian_until_ms = earlier(out->guardian_until_ms, rows->newer.guardian_until_ms);
    out->delegate_until_ms = earlier(out->delegate_until_ms, rows->newer.delegate_until_ms);
    return !rows->has_failed ||
           error_set(e, ERROR_INPUT, "consents", "restore the database from a backup", "what is known of a person can't be read");
}

static bool take_facts(void *context, const struct store_value *columns, size_t count)
{
    struct person_rows *rows = context;
    (void)count;
    rows->has_failed = columns[0].type == STORE_TEXT && !consent_person_read(columns[0].bytes, &rows->person);
    return false;
}

/* A date of birth that came with an imported record is in no event of the person's own (docs/decisions/0017). */
static bool read_imported_born(struct store *store, struct bytes person, struct consent_person *out, struct error *e)
{
    static const char sql[] = "SELECT facts FROM persons WHERE identifier = ?1 AND NOT EXISTS"
                              " (SELECT 1 FROM consent_events WHERE person = ?1 AND event = ?2)";
    struct person_rows rows = { .newer = { .guardian_until_ms = INT64_MAX, .delegate_until_ms = INT64_MAX } };
    struct store_value values[] = { STORE_STR(person), STORE_INT(PERSON_EVENT_BORN) };
    struct consent_person known;
    if (!store_read(store, sql, values, COUNT_OF(values), take_facts, &rows, e) || !end_person(&rows, &known, e)) {
        return false;
    }
    out->has_born = known.has_born;
    out->born_day = known.born_day;
    return true;
}

bool records_read_person(struct store *store, struct bytes person, struct consent_person *out, struct error *e)
{
    struct person_rows rows = { .newer = { .guardian_until_ms = INT64_MAX, .delegate_until_ms = INT64_MAX } };
    struct store_value values[] = { STORE_STR(person) };
    return store_read(store, person_sql, values, COUNT_OF(values), take_person_row, &rows, e) && end_person(&rows, out, e) &&
           (out->has_born || read_imported_born(store, person, out, e));
}

bool records_find_person(struct store *store, struct bytes person, struct consent_person *out, struct error *e)
{
    static const char sql[] = "SELECT facts FROM persons WHERE identifier = ?1";
    struct person_rows rows = { .newer = { .guardian_until_ms = INT64_MAX, .delegate_until_ms = INT64_MAX } };
    struct store_value values[] = { STORE_STR(person) };
    return store_run(store, sql, values, COUNT_OF(values), take_facts, &rows, NULL, e) && end_person(&rows, out, e);
}

bool records_set_person(struct store *store, struct bytes person, const struct consent_person *facts, struct error *e)
{
    static const char sql[] = "UPDATE persons SET facts = ?1 WHERE number = ?2";
    int64_t number;
    struct buffer text;
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    consent_person_write(facts, &text);
    bool ok = (!text.failed || error_memory(e, "consents")) && names_take_person(store, person, &number, e);
    if (ok) {
        struct store_value values[] = { text.size > 0 ? STORE_STR(buffer_bytes(&text)) : (struct store_value){ .type = STORE_NULL },
                                        STORE_INT(number) };
        ok = store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
    }
    buffer_wipe(&text);
    return ok;
}

/* ---- Writing ---- */

static bool take_number(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)context = columns[0].integer;
    return false;
}

static struct store_value int_or_null(int64_t number)
{
    return number != 0 ? STORE_INT(number) : (struct store_value){ .type = STORE_NULL };
}

/* What the row has of its decisions: the packed text, and from when on the clock may end one of them. */
static bool write_packed(const struct packed *list, size_t count, int64_t created_ms, int64_t ends_ms, struct buffer *text,
                         struct store_value *ends, struct error *e)
{
    *ends = (struct store_value){ .type = STORE_NULL };
    for (size_t i = 0; i < count; i++) {
        if (packed_is_open(list[i].state)) {
            *ends = STORE_INT(ends_ms);
        }
    }
    packed_write(list, count, created_ms, text);
    return !text->failed || error_memory(e, "consents");
}

bool records_insert(struct store *store, const struct consent_change *change, const struct consent_row *row, struct error *e)
{
    static const char sql[] =
        "INSERT INTO consents (person, recipient, purpose, decided, number, id, created_at, valid_from, valid_until, ends,"
        " terms, digest, prev, decisions)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    struct packed list[CONSENT_CATEGORIES_MAX];
    struct buffer text;
    struct store_value ends, none = { .type = STORE_NULL };
    const int64_t day_ms = 86400 * 1000;
    int64_t until_ms = change->decisions[0].valid_until_ms, wakes_ms = row->wakes_early ? until_ms / day_ms * day_ms : until_ms;
    for (size_t i = 0; i < change->count; i++) {
        list[i] = (struct packed){ row->categories[i], change->decisions[i].state, change->time_ms };
    }
    buffer_init(&text, PACKED_BYTES_MAX);
    bool ok = write_packed(list, change->count, change->time_ms, wakes_ms, &text, &ends, e);
    struct store_value values[] = { STORE_INT(row->person),
                                    STORE_INT(row->recipient),
                                    STORE_INT(row->purpose),
                                    STORE_INT(row->decided),
                                    STORE_INT(change->number),
                                    STORE_STR(change->id),
                                    STORE_INT(change->time_ms),
                                    STORE_INT(change->decisions[0].valid_from_ms),
                                    STORE_INT(until_ms),
                                    ends,
                                    row->terms != 0 ? STORE_INT(row->terms) : none,
                                    row->digest != NULL ? STORE_BIN(bytes_of(row->digest, SHA256_SIZE)) : none,
                                    change->prev.size > 0 ? STORE_STR(change->prev) : none,
                                    STORE_STR(buffer_bytes(&text)) };
    ok = ok && store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
    buffer_clear(&text);
    return ok;
}

bool records_next_number(struct store *store, int64_t *number, struct error *e)
{
    static const char next[] = "SELECT coalesce(max(number), 0) + 1 FROM consents";
    return store_run(store, next, NULL, 0, take_number, number, NULL, e);
}

bool records_add(struct store *store, struct consent_change *change, struct error *e)
{
    struct consent_row row = { .decided = 0 };
    if (!records_next_number(store, &change->number, e) || !names_take_person(store, change->key.person, &row.person, e) ||
        !names_take(store, change->key.recipient, &row.recipient, e) || !names_take(store, change->key.purpose, &row.purpose, e) ||
        !names_take_terms(store, change->terms, &row.terms, e)) {
        return false;
    }
    for (size_t i = 0; i < change->count; i++) {
        if (!names_take(store, change->decisions[i].category, &row.categories[i], e)) {
            return false;
        }
    }
    return records_insert(store, change, &row, e);
}

/* A row's decisions as they are before the change. */
struct packed_row {
    struct packed list[CONSENT_CATEGORIES_MAX];
    size_t count;
    int64_t created_ms;
    bool is_read;
};

static bool take_packed(void *context, const struct store_value *columns, size_t count)
{
    struct packed_row *row = context;
    (void)count;
    row->created_ms = columns[1].integer;
    row->is_read = packed_read(columns[0].bytes, row->created_ms, row->list, &row->count);
    return false;
}

static bool fail_missing(struct error *e)
{
    return error_set(e, ERROR_INPUT, "consents", "restore the database from a backup", "a consent's decision is missing");
}

static bool change_packed(struct store *store, const struct consent_change *change, struct packed_row *row, struct error *e)
{
    for (size_t i = 0; i < change->count; i++) {
        int64_t category;
        size_t at = 0;
        if (!names_take(store, change->decisions[i].category, &category, e)) {
            return false;
        }
        while (at < row->count && row->list[at].category != category) {
            at++;
        }
        if (at == row->count) {
            return fail_missing(e);
        }
        row->list[at].state = change->decisions[i].state;
        row->list[at].changed_ms = change->time_ms;
    }
    return true;
}

bool records_update(struct store *store, const struct consent_change *change, struct error *e)
{
    static const char find[] = "SELECT decisions, created_at FROM consents WHERE number = ?1";
    static const char set[] =
        "UPDATE consents SET decisions = ?1, valid_from = ?2, valid_until = ?3, ends = ?4, terms = coalesce(?5, terms)"
        " WHERE number = ?6";
    struct packed_row row = { .is_read = false };
    struct store_value key[] = { STORE_INT(change->number) }, ends;
    struct buffer text;
    int64_t terms = 0;
    buffer_init(&text, PACKED_BYTES_MAX);
    bool ok = store_run(store, find, key, COUNT_OF(key), take_packed, &row, NULL, e) && (row.is_read || fail_missing(e)) &&
              change_packed(store, change, &row, e) && names_take_terms(store, change->terms, &terms, e) &&
              write_packed(row.list, row.count, row.created_ms, change->decisions[0].valid_until_ms, &text, &ends, e);
    if (ok) {
        struct store_value values[] = { STORE_STR(buffer_bytes(&text)),
                                        STORE_INT(change->decisions[0].valid_from_ms),
                                        STORE_INT(change->decisions[0].valid_until_ms),
                                        ends,
                                        int_or_null(terms),
                                        key[0] };
        ok = store_run(store, set, values, COUNT_OF(values), NULL, NULL, NULL, e);
    }
    buffer_clear(&text);
    return ok;
}

struct digest_row {
    uint8_t digest[SHA256_SIZE];
    bool is_found;
};

static bool take_digest(void *context, const struct store_value *columns, size_t count)
{
    struct digest_row *row = context;
    (void)count;
    row->is_found = columns[0].type == STORE_BLOB && columns[0].bytes.size == sizeof row->digest;
    if (row->is_found) {
        memcpy(row->digest, columns[0].bytes.data, sizeof row->digest);
    }
    return false;
}

/* SHA-256 of the digest before it, of which the first event has none, and the SHA-256 of the text. */
void consent_digest_add(const uint8_t *before, struct bytes text, uint8_t digest[SHA256_SIZE])
{
    uint8_t both[2 * SHA256_SIZE];
    sha256(text, both + SHA256_SIZE);
    if (before == NULL) {
        sha256(bytes_of(both + SHA256_SIZE, SHA256_SIZE), digest);
        return;
    }
    memcpy(both, before, SHA256_SIZE);
    sha256(bytes_of(both, sizeof both), digest);
}

bool records_note_event(struct store *store, int64_t number, int64_t decided, struct bytes text, struct error *e)
{
    static const char find[] = "SELECT digest FROM consents WHERE number = ?1";
    static const char sql[] = "UPDATE consents SET digest = ?1, decided = coalesce(?2, decided) WHERE number = ?3";
    struct digest_row before = { .is_found = false };
    struct store_value key[] = { STORE_INT(number) };
    uint8_t digest[SHA256_SIZE];
    if (!store_run(store, find, key, COUNT_OF(key), take_digest, &before, NULL, e)) {
        return false;
    }
    consent_digest_add(before.is_found ? before.digest : NULL, text, digest);
    struct store_value values[] = { STORE_BIN(bytes_of(digest, sizeof digest)), int_or_null(decided), key[0] };
    return store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

bool records_next_sequence(struct store *store, int64_t *sequence, struct error *e)
{
    static const char next[] = "SELECT coalesce(max(sequence), 0) + 1 FROM consent_events";
    return store_run(store, next, NULL, 0, take_number, sequence, NULL, e);
}

bool records_add_event(struct store *store, int64_t sequence, int64_t record, struct bytes person, int event, struct bytes text,
                       struct error *e)
{
    static const char add[] = "INSERT INTO consent_events (sequence, record, person, event, payload) VALUES (?1, ?2, ?3, ?4, ?5)";
    struct store_value whose = person.size > 0 ? STORE_STR(person) : (struct store_value){ .type = STORE_NULL };
    struct store_value values[] = { STORE_INT(sequence), int_or_null(record), whose, STORE_INT(event), STORE_STR(text) };
    return store_run(store, add, values, COUNT_OF(values), NULL, NULL, NULL, e);
}
