#include "rights/hold.h"

#include <stdlib.h>

#include "rights/decision_internal.h"

enum { NAME_MAX_BYTES = 2400, ROOM_BYTES = 2 * NAME_MAX_BYTES };

/* ---- In memory ---- */

/* One that is held. The texts lie behind it. */
struct hold_row {
    struct hold_row *next;
    struct hold hold;
};

static struct hold_row **find(struct rights *rights, struct bytes consumer, struct bytes service)
{
    struct hold_row **at = &rights->holds;
    while (*at != NULL && (!bytes_equal((*at)->hold.consumer, consumer) || !bytes_equal((*at)->hold.service, service))) {
        at = &(*at)->next;
    }
    return at;
}

bool hold_is_on(struct rights *rights, struct bytes consumer, struct bytes service)
{
    if (atomic_load(&rights->hold_count) == 0) {
        return false;
    }
    (void)pthread_mutex_lock(&rights->holding);
    bool is_on = *find(rights, consumer, service) != NULL;
    (void)pthread_mutex_unlock(&rights->holding);
    return is_on;
}

bool hold_begin(struct rights *rights, const struct hold *hold)
{
    (void)pthread_mutex_lock(&rights->holding);
    bool ok = *find(rights, hold->consumer, hold->service) != NULL;
    struct hold_row *row = ok ? NULL : malloc(sizeof *row + hold->consumer.size + hold->service.size);
    if (row != NULL) {
        uint8_t *consumer = (uint8_t *)(row + 1), *service = consumer + hold->consumer.size;
        memcpy(consumer, hold->consumer.data, hold->consumer.size);
        memcpy(service, hold->service.data, hold->service.size);
        row->hold = *hold;
        row->hold.consumer = bytes_of(consumer, hold->consumer.size);
        row->hold.service = bytes_of(service, hold->service.size);
        row->next = rights->holds;
        rights->holds = row;
        (void)atomic_fetch_add(&rights->hold_count, 1);
        ok = true;
    }
    (void)pthread_mutex_unlock(&rights->holding);
    return ok;
}

static void end_in_memory(struct rights *rights, struct bytes consumer, struct bytes service)
{
    (void)pthread_mutex_lock(&rights->holding);
    struct hold_row **at = find(rights, consumer, service), *row = *at;
    if (row != NULL) {
        *at = row->next;
        (void)atomic_fetch_sub(&rights->hold_count, 1);
        free(row);
    }
    (void)pthread_mutex_unlock(&rights->holding);
}

void hold_list(struct rights *rights, hold_each *each, void *context)
{
    (void)pthread_mutex_lock(&rights->holding);
    for (const struct hold_row *row = rights->holds; row != NULL && each(context, &row->hold); row = row->next) {
    }
    (void)pthread_mutex_unlock(&rights->holding);
}

/* ---- In the store ---- */

static bool load_row(void *context, const struct store_value *columns, size_t count)
{
    struct rights *rights = context;
    (void)count;
    const struct hold hold = {
        .consumer = columns[0].bytes, .service = columns[1].bytes, .since_ms = columns[2].integer, .asked = columns[3].integer
    };
    rights->has_hold_failed = !hold_begin(rights, &hold);
    return !rights->has_hold_failed;
}

bool holds_load(struct rights *rights, struct error *e)
{
    return store_read(rights->store, "SELECT consumer, service, since, asked FROM holds WHERE released_at IS NULL ORDER BY since", NULL, 0,
                      load_row, rights, e) &&
           (!rights->has_hold_failed || error_memory(e, "holds"));
}

void holds_free(struct rights *rights)
{
    while (rights->holds != NULL) {
        struct hold_row *row = rights->holds;
        rights->holds = row->next;
        free(row);
    }
}

/* What the store says of a consumer at a service. */
struct stored {
    bool is_held;
    int64_t released_at_ms; /* 0: never */
};

static bool take_stored(void *context, const struct store_value *columns, size_t count)
{
    struct stored *stored = context;
    (void)count;
    stored->is_held = columns[0].type == STORE_NULL;
    stored->released_at_ms = columns[0].integer;
    return false;
}

static bool read_stored(struct rights *rights, const struct hold *hold, struct stored *out, struct error *e)
{
    const struct store_value values[] = { STORE_STR(hold->consumer), STORE_STR(hold->service) };
    *out = (struct stored){ .is_held = false };
    return store_run(rights->store, "SELECT released_at FROM holds WHERE consumer = ?1 AND service = ?2", values, COUNT_OF(values),
                     take_stored, out, NULL, e);
}

static void begin_event(const struct hold *hold, const char *event, struct buffer *text)
{
    buffer_init(text, RECORD_STATEMENT_BYTES_MAX);
    event_text_append(text, "comity-event", BYTES("hold/1"));
    event_text_append(text, "event", bytes_of_text(event));
    event_text_append(text, "consumer", hold->consumer);
    event_text_append(text, "service", hold->service);
}

/* In a transaction. */
static bool write_held(struct rights *rights, const struct hold *hold, struct error *e)
{
    static const char sql[] = "INSERT INTO holds (consumer, service, since, asked, released_at) VALUES (?1, ?2, ?3, ?4, NULL)"
                              " ON CONFLICT (consumer, service) DO UPDATE SET since = ?3, asked = ?4, released_at = NULL";
    const struct store_value values[] = { STORE_STR(hold->consumer), STORE_STR(hold->service), STORE_INT(hold->since_ms),
                                          STORE_INT(hold->asked) };
    struct buffer text;
    begin_event(hold, "held", &text);
    if (hold->asked >= 0) {
        event_text_append_decimal(&text, "asked", hold->asked);
    }
    event_text_append_decimal(&text, "time", hold->since_ms);
    bool ok = (!text.failed || error_memory(e, "hold")) && store_run(rights->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e) &&
              rights_add_event(rights, hold->consumer, buffer_bytes(&text), e);
    buffer_clear(&text);
    return ok;
}

/* ---- From the log ---- */

static bool read_decision(struct bytes text, struct arena *arena, struct hold *out, bool *is_one, struct error *e)
{
    struct bytes consumer, service, value, number;
    uint64_t time_ms = 0, asked = 0;
    *is_one = event_text_get(text, "hold", &consumer) && event_text_get(text, "service", &service) &&
              event_text_get(text, "time", &value) && bytes_to_u64(value, &time_ms) && time_ms <= INT64_MAX;
    if (!*is_one) {
        return true;
    }
    *out = (struct hold){ .consumer = event_text_decode(arena, consumer),
                          .service = event_text_decode(arena, service),
                          .since_ms = (int64_t)time_ms,
                          .asked = -1 };
    if (event_text_get(text, "asked", &value) && bytes_split(&value, ' ', &number) && bytes_to_u64(number, &asked) && asked <= INT64_MAX) {
        out->asked = (int64_t)asked;
    }
    return (out->consumer.data != NULL && out->service.data != NULL) || error_memory(e, "hold");
}

/* It was let go on after this decision, or is held already: nothing to do. */
static bool is_over(const struct stored *stored, const struct hold *hold)
{
    return stored->is_held || stored->released_at_ms > hold->since_ms;
}

static bool take(struct rights *rights, const struct hold *hold, struct error *e)
{
    struct stored stored;
    bool ok = rights_begin(rights, e);
    if (!ok) {
        return false;
    }
    ok = read_stored(rights, hold, &stored, e);
    if (!ok || is_over(&stored, hold)) {
        rights_give_up(rights);
        return ok;
    }
    ok = write_held(rights, hold, e) && (hold_begin(rights, hold) || error_memory(e, "hold"));
    if (!ok) {
        rights_give_up(rights);
        return false;
    }
    return rights_commit(rights, NULL, e);
}

bool hold_take_decision(struct rights *rights, struct bytes text, struct error *e)
{
    struct arena arena = { 0 };
    struct hold hold;
    bool is_one = false;
    bool ok = read_decision(text, &arena, &hold, &is_one, e) && (!is_one || take(rights, &hold, e));
    arena_clear(&arena);
    return ok;
}

static bool recover_entry(struct rights *rights, const struct log_entry *entry, struct error *e)
{
    struct arena arena = { 0 };
    struct hold hold;
    struct stored stored;
    bool is_one = false;
    bool ok = read_decision(entry->statement, &arena, &hold, &is_one, e) &&
              (!is_one || (read_stored(rights, &hold, &stored, e) &&
                           (is_over(&stored, &hold) || hold_begin(rights, &hold) || error_memory(e, "hold"))));
    arena_clear(&arena);
    return ok;
}

bool hold_recover(struct rights *rights, struct disk *public, struct disk *private, struct error *e)
{
    struct log_reader *reader = NULL;
    uint64_t next = 0, size = 0;
    if (!obligations_next(rights, &next, e) || !log_reader_open(&reader, public, private, e)) {
        return false;
    }
    bool ok = log_reader_size(reader, &size, e);
    next = next < log_reader_first(reader) ? log_reader_first(reader) : next;
    for (uint64_t i = next; ok && i < size; i++) {
        struct log_entry entry;
        ok = log_reader_get(reader, i, &entry, e) && (entry.form != RECORD_OPEN || entry.kind != RECORD_DECISION ||
                                                      !event_text_is(entry.statement, "decision/1") || recover_entry(rights, &entry, e));
    }
    log_reader_close(reader);
    return ok;
}

/* ---- Somebody has looked ---- */

static bool copy_held(struct rights *rights, const struct hold_release *release, uint8_t room[ROOM_BYTES], struct hold *out,
                      struct error *e)
{
    (void)pthread_mutex_lock(&rights->holding);
    const struct hold_row *row = *find(rights, release->consumer, release->service);
    bool is_held = row != NULL && row->hold.consumer.size + row->hold.service.size <= ROOM_BYTES;
    if (is_held) {
        *out = row->hold;
        memcpy(room, row->hold.consumer.data, out->consumer.size);
        memcpy(room + out->consumer.size, row->hold.service.data, out->service.size);
        out->consumer = bytes_of(room, out->consumer.size);
        out->service = bytes_of(room + out->consumer.size, out->service.size);
    }
    (void)pthread_mutex_unlock(&rights->holding);
    return is_held || error_set(e, ERROR_ABSENT, "hold", "see 'comity policy holds'", "this consumer is not held at this service");
}

/* One that the background has not seen yet is written first, so that the log has both. */
static bool write_release(struct rights *rights, const struct hold_release *release, const struct hold *held, int64_t now_ms,
                          struct error *e)
{
    struct stored stored;
    struct buffer text;
    const struct store_value values[] = { STORE_STR(held->consumer), STORE_STR(held->service),
                                          STORE_INT(now_ms > held->since_ms ? now_ms : held->since_ms + 1) };
    begin_event(held, "released", &text);
    event_text_append(&text, "by", release->by);
    event_text_append(&text, "reason", release->reason);
    event_text_append_decimal(&text, "time", now_ms);
    bool ok = (!text.failed || error_memory(e, "hold")) && read_stored(rights, held, &stored, e) &&
              (stored.is_held || write_held(rights, held, e)) &&
              store_run(rights->store, "UPDATE holds SET released_at = ?3 WHERE consumer = ?1 AND service = ?2", values, COUNT_OF(values),
                        NULL, NULL, NULL, e) &&
              rights_add_event(rights, held->consumer, buffer_bytes(&text), e);
    buffer_clear(&text);
    return ok;
}

bool hold_release(struct rights *rights, struct counters *counters, const struct hold_release *release, int64_t now_ms, uint64_t *index,
                  struct error *e)
{
    uint8_t room[ROOM_BYTES];
    struct hold held;
    if (!rights_check_line(release->consumer, 1, NAME_MAX_BYTES, "consumer", e) ||
        !rights_check_line(release->service, 1, NAME_MAX_BYTES, "service", e) ||
        !rights_check_line(release->by, 1, RIGHTS_NAME_MAX, "by", e) ||
        !rights_check_text(release->reason, 1, RIGHTS_WORDS_MAX, "reason", e) || !rights_begin(rights, e)) {
        return false;
    }
    if (!copy_held(rights, release, room, &held, e) || !write_release(rights, release, &held, now_ms, e)) {
        rights_give_up(rights);
        return false;
    }
    if (!rights_commit(rights, index, e)) {
        return false; /* it stays held as long as this process runs, and can be released again */
    }
    if (counters != NULL) {
        counters_forgive(counters, held.consumer, held.service);
    }
    end_in_memory(rights, held.consumer, held.service);
    return true;
}
