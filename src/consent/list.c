#include <stdlib.h>

#include "base/time.h"
#include "consent/packed_internal.h"

struct listing {
    struct consents *consents;
    consent_each *each;
    void *context;
    int64_t now_ms;
    bool has_failed;
    struct error *e;
};

/* One category of a record. */
struct listed {
    struct bytes category;
    const struct packed *packed;
};

static int by_category(const void *a, const void *b)
{
    return bytes_compare(((const struct listed *)a)->category, ((const struct listed *)b)->category);
}

static bool read_row(struct listing *listing, const struct store_value *columns, struct arena *arena, struct packed *list,
                     struct listed *rows, size_t *count, struct consent_record *record)
{
    struct names *names = &listing->consents->names;
    if (!packed_read(columns[4].bytes, columns[7].integer, list, count)) {
        return error_set(listing->e, ERROR_INPUT, "consents", "restore the database from a backup", "a consent can't be read");
    }
    for (size_t i = 0; i < *count; i++) {
        rows[i].packed = &list[i];
        if (!names_text(names, list[i].category, arena, &rows[i].category, listing->e)) {
            return false;
        }
    }
    qsort(rows, *count, sizeof *rows, by_category);
    *record = (struct consent_record){
        .id = columns[0].bytes, .person = columns[1].bytes, .valid_from_ms = columns[5].integer, .valid_until_ms = columns[6].integer
    };
    return names_text(names, columns[2].integer, arena, &record->recipient, listing->e) &&
           names_text(names, columns[3].integer, arena, &record->purpose, listing->e);
}

static bool take_row(void *context, const struct store_value *columns, size_t count)
{
    struct listing *listing = context;
    struct packed list[CONSENT_CATEGORIES_MAX];
    struct listed rows[CONSENT_CATEGORIES_MAX];
    struct consent_record record;
    struct arena arena = { 0 };
    bool goes_on = true, is_pending = columns[8].integer != 0; /* its giving is not in the log yet: nothing leaves on it */
    (void)count;
    listing->has_failed = !read_row(listing, columns, &arena, list, rows, &count, &record);
    for (size_t i = 0; !listing->has_failed && goes_on && i < count; i++) {
        record.category = rows[i].category;
        record.state = consent_state_at(rows[i].packed->state, record.valid_until_ms, listing->now_ms);
        record.state = is_pending && record.state == CONSENT_GIVEN ? CONSENT_REQUESTED : record.state;
        record.changed_at_ms = rows[i].packed->changed_ms;
        goes_on = listing->each(listing->context, &record);
    }
    arena_clear(&arena);
    return !listing->has_failed && goes_on;
}

#define LIST_COLUMNS                                                                                                                       \
    "SELECT c.id, p.identifier, c.recipient, c.purpose, c.decisions, c.valid_from, c.valid_until, c.created_at,"                           \
    " EXISTS (SELECT 1 FROM consent_events v INDEXED BY consent_events_unlogged"                                                           \
    " WHERE v.log_index IS NULL AND v.sequence = c.decided AND v.event <> ?1)"                                                             \
    " FROM consents c JOIN persons p ON p.number = c.person "
#define LIST_ORDER " ORDER BY c.number DESC"

bool consent_list(struct consents *consents, struct bytes person, struct bytes id, consent_each *each, void *context, struct error *e)
{
    static const char all[] = LIST_COLUMNS LIST_ORDER;
    static const char by_person[] = LIST_COLUMNS "WHERE p.identifier = ?2" LIST_ORDER;
    static const char by_id[] = LIST_COLUMNS "WHERE c.id = ?2" LIST_ORDER;
    static const char by_both[] = LIST_COLUMNS "WHERE c.id = ?2 AND p.identifier = ?3" LIST_ORDER;
    struct listing listing = { .consents = consents, .each = each, .context = context, .now_ms = time_now_ms(), .e = e };
    struct store_value values[3] = { STORE_INT(CONSENT_EVENT_REFUSE) };
    size_t count = 1;
    const char *sql = all;
    if (id.data != NULL) {
        values[count++] = STORE_STR(id);
        sql = by_id;
    }
    if (person.data != NULL) {
        values[count++] = STORE_STR(person);
        sql = id.data != NULL ? by_both : by_person;
    }
    return store_run(consents->store, sql, values, count, take_row, &listing, NULL, e) && !listing.has_failed;
}

struct telling {
    consent_event_each *each;
    void *context;
    struct consent_event_text event;
    bool has_before, is_over;
};

static bool tell(struct telling *telling, struct bytes text, uint64_t log_index)
{
    struct consent_event_text *event = &telling->event;
    uint8_t digest[SHA256_SIZE];
    event->text = text;
    event->log_index = log_index;
    consent_digest_add(telling->has_before ? event->digest : NULL, event->text, digest);
    memcpy(event->digest, digest, sizeof digest);
    telling->has_before = true;
    telling->is_over = !telling->each(telling->context, event);
    return !telling->is_over;
}

static bool take_event(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    return tell(context, columns[0].bytes, columns[1].type == STORE_INTEGER ? (uint64_t)columns[1].integer : UINT64_MAX);
}

bool consent_events(struct consents *consents, struct bytes id, consent_event_each *each, void *context, struct error *e)
{
    static const char sql[] = "SELECT v.payload, v.log_index FROM consents c JOIN consent_events v ON v.record = c.number"
                              " WHERE c.id = ?1 ORDER BY v.sequence";
    struct telling telling = { .each = each, .context = context };
    struct store_value values[] = { STORE_STR(id) };
    struct buffer text;
    int64_t number;
    uint64_t log_index;
    bool is_imported = false;
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    bool ok = imports_text(consents, id, &number, &text, &log_index, &is_imported, e);
    if (ok && is_imported) {
        (void)tell(&telling, buffer_bytes(&text), log_index);
    }
    buffer_wipe(&text);
    return ok && (telling.is_over || store_run(consents->store, sql, values, COUNT_OF(values), take_event, &telling, NULL, e));
}
