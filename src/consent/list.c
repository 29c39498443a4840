#include "consent/consent_internal.h"

#include "base/time.h"

struct listing {
    consent_each *each;
    void *context;
    int64_t now_ms;
};

static bool take_row(void *context, const struct store_value *columns, size_t count)
{
    struct listing *listing = context;
    (void)count;
    struct consent_record record = {
        .id = columns[0].bytes,
        .person = columns[1].bytes,
        .recipient = columns[2].bytes,
        .purpose = columns[3].bytes,
        .category = columns[4].bytes,
        .state = consent_state_at((enum consent_state)columns[5].integer, columns[7].integer, listing->now_ms),
        .valid_from_ms = columns[6].integer,
        .valid_until_ms = columns[7].integer,
        .changed_at_ms = columns[8].integer,
    };
    bool is_pending = columns[9].integer != 0;
    if (is_pending && record.state == CONSENT_GIVEN) {
        record.state = CONSENT_REQUESTED; /* not in the log yet: nothing leaves on it */
    }
    return listing->each(listing->context, &record);
}

#define LIST_COLUMNS                                                                                                                       \
    "SELECT c.id, c.person, c.recipient, c.purpose, d.category, d.state, d.valid_from, d.valid_until, d.changed_at,"                       \
    " CASE WHEN EXISTS (SELECT 1 FROM consent_events v WHERE v.record = c.number AND v.event = ?1 AND v.log_index IS NULL)"                \
    " THEN 1 ELSE 0 END FROM consents c JOIN consent_decisions d ON d.record = c.number "
#define LIST_ORDER " ORDER BY c.number DESC, d.category"

bool consent_list(struct consents *consents, struct bytes person, struct bytes id, consent_each *each, void *context, struct error *e)
{
    static const char all[] = LIST_COLUMNS LIST_ORDER;
    static const char by_person[] = LIST_COLUMNS "WHERE c.person = ?2" LIST_ORDER;
    static const char by_id[] = LIST_COLUMNS "WHERE c.id = ?2" LIST_ORDER;
    static const char by_both[] = LIST_COLUMNS "WHERE c.id = ?2 AND c.person = ?3" LIST_ORDER;
    struct listing listing = { .each = each, .context = context, .now_ms = time_now_ms() };
    struct store_value values[3] = { STORE_INT(CONSENT_EVENT_GIVE) };
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
    return store_run(consents->store, sql, values, count, take_row, &listing, NULL, e);
}

struct telling {
    consent_event_each *each;
    void *context;
    struct consent_event_text event;
    bool has_before;
};

static bool take_event(void *context, const struct store_value *columns, size_t count)
{
    struct telling *telling = context;
    struct consent_event_text *event = &telling->event;
    uint8_t digest[SHA256_SIZE];
    (void)count;
    event->text = columns[0].bytes;
    event->log_index = columns[1].type == STORE_INTEGER ? (uint64_t)columns[1].integer : UINT64_MAX;
    consent_digest_add(telling->has_before ? event->digest : NULL, event->text, digest);
    memcpy(event->digest, digest, sizeof digest);
    telling->has_before = true;
    return telling->each(telling->context, event);
}

bool consent_events(struct consents *consents, struct bytes id, consent_event_each *each, void *context, struct error *e)
{
    static const char sql[] = "SELECT v.payload, v.log_index FROM consents c JOIN consent_events v ON v.record = c.number"
                              " WHERE c.id = ?1 ORDER BY v.sequence";
    struct telling telling = { .each = each, .context = context };
    struct store_value values[] = { STORE_STR(id) };
    return store_run(consents->store, sql, values, COUNT_OF(values), take_event, &telling, NULL, e);
}
