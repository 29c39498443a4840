#include "rights/rights_internal.h"

#include <stdlib.h>

#include "base/diag.h"
#include "base/encode.h"
#include "base/random.h"
#include "rights/decision_internal.h"
#include "rights/obligation_internal.h"

enum { EVENTS_AT_ONCE = 1000 };

/* ---- Events on their way into the log ---- */

struct unlogged {
    int64_t sequence;
    struct bytes text;
};
struct unlogged_list {
    struct arena arena;
    struct unlogged events[EVENTS_AT_ONCE];
    size_t count;
    bool failed;
};

static bool add_unlogged(void *context, const struct store_value *columns, size_t count)
{
    struct unlogged_list *list = context;
    (void)count;
    struct bytes text = arena_copy(&list->arena, columns[1].bytes);
    list->failed = list->failed || text.data == NULL;
    list->events[list->count++] = (struct unlogged){ columns[0].integer, text };
    return !list->failed && list->count < EVENTS_AT_ONCE;
}

static bool log_one(struct rights *rights, const struct unlogged *event, uint64_t *index, struct error *e)
{
    if (!committer_append(rights->committer, RECORD_EVENT, event->text, BYTES_NONE, index, e)) {
        return false;
    }
    const struct store_value values[] = { STORE_INT((int64_t)*index), STORE_INT(event->sequence) };
    return store_run(rights->store, "UPDATE rights_events SET log_index = ?1 WHERE sequence = ?2", values, COUNT_OF(values), NULL, NULL,
                     NULL, e);
}

/* In their order; a crash between log and store logs one twice, which its `sequence` shows. */
static bool log_all(struct rights *rights, uint64_t *index, struct error *e)
{
    struct unlogged_list *list = calloc(1, sizeof *list);
    if (list == NULL) {
        return error_memory(e, "rights");
    }
    bool ok = true, is_more = true;
    while (ok && is_more) {
        list->count = 0;
        ok = store_run(rights->store, "SELECT sequence, payload FROM rights_events WHERE log_index IS NULL ORDER BY sequence", NULL, 0,
                       add_unlogged, list, NULL, e) &&
             (!list->failed || error_memory(e, "rights"));
        is_more = ok && list->count == EVENTS_AT_ONCE;
        for (size_t i = 0; ok && i < list->count; i++) {
            ok = log_one(rights, &list->events[i], index, e);
        }
        arena_clear(&list->arena);
    }
    free(list);
    return ok;
}

static bool take_integer(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)context = columns[0].integer;
    return false;
}

/* The sequence is a line of the event, so that one that was logged twice is known. */
bool rights_add_event(struct rights *rights, struct bytes subject, struct bytes text, struct error *e)
{
    int64_t last = 0;
    struct buffer whole;
    buffer_init(&whole, RECORD_STATEMENT_BYTES_MAX);
    bool ok = store_run(rights->store, "SELECT coalesce(max(sequence), 0) FROM rights_events", NULL, 0, take_integer, &last, NULL, e);
    buffer_append(&whole, text);
    event_text_append_decimal(&whole, "sequence", last + 1);
    const struct store_value values[] = { STORE_INT(last + 1), STORE_STR(subject), STORE_STR(buffer_bytes(&whole)) };
    ok = ok && (!whole.failed || error_set(e, ERROR_INPUT, "rights", "use fewer words", "the event is too long for the log")) &&
         store_run(rights->store, "INSERT INTO rights_events (sequence, subject, payload) VALUES (?1, ?2, ?3)", values, COUNT_OF(values),
                   NULL, NULL, NULL, e);
    buffer_wipe(&whole);
    return ok;
}

/* ---- Changes ---- */

bool rights_begin(struct rights *rights, struct error *e)
{
    if (rights->committer == NULL) {
        return error_set(e, ERROR_DENIED, "rights", "send the change to the running gateway", "they are open for looking only");
    }
    (void)pthread_mutex_lock(&rights->changing);
    if (!store_begin(rights->store, e)) {
        (void)pthread_mutex_unlock(&rights->changing);
        return false;
    }
    return true;
}

void rights_give_up(struct rights *rights)
{
    store_rollback(rights->store);
    (void)pthread_mutex_unlock(&rights->changing);
}

bool rights_commit(struct rights *rights, uint64_t *index, struct error *e)
{
    uint64_t last = 0;
    struct error cause;
    bool ok = store_commit(rights->store, e);
    if (ok && !log_all(rights, &last, &cause)) {
        ok = error_set(e, cause.kind, cause.where, "it is logged at the next change or start; see to what the log lacks (comity doctor)",
                       "it is stored, but not yet in the log: %s", cause.what);
    }
    (void)pthread_mutex_unlock(&rights->changing);
    if (ok && index != NULL) {
        *index = last;
    }
    return ok;
}

bool rights_finish(struct rights *rights, struct bytes subject, struct bytes text, uint64_t *index, struct error *e)
{
    if (!rights_add_event(rights, subject, text, e)) {
        rights_give_up(rights);
        return false;
    }
    return rights_commit(rights, index, e);
}

/* ---- Small things ---- */

void rights_make_id(char prefix, char out[RIGHTS_ID_SIZE])
{
    uint8_t raw[16];
    random_fill(raw, sizeof raw);
    out[0] = prefix;
    out[1] = '-';
    hex_write(bytes_of(raw, sizeof raw), out + 2);
}

static bool check(struct bytes text, size_t least, size_t most, bool is_line, const char *where, struct error *e)
{
    if (text.size < least || text.size > most || !bytes_are_utf8(text)) {
        return error_set(e, ERROR_INPUT, where, NULL, "must have %zu to %zu bytes of UTF-8", least, most);
    }
    for (size_t i = 0; i < text.size; i++) {
        bool is_break = text.data[i] == '\n' || text.data[i] == '\t';
        if ((text.data[i] < 0x20 && (is_line || !is_break)) || text.data[i] == 0x7f) {
            return error_set(e, ERROR_INPUT, where, NULL,
                             is_line ? "must be one line without control characters"
                                     : "must be without control characters but line breaks and tabs");
        }
    }
    return true;
}

bool rights_check_text(struct bytes text, size_t least, size_t most, const char *where, struct error *e)
{
    return check(text, least, most, false, where, e);
}

bool rights_check_line(struct bytes text, size_t least, size_t most, const char *where, struct error *e)
{
    return check(text, least, most, true, where, e);
}

struct store_value rights_text_or_null(struct bytes text)
{
    return text.size == 0 ? (struct store_value){ .type = STORE_NULL } : STORE_STR(text);
}

/* ---- Life ---- */

bool rights_open(struct rights **out, struct store *store, struct committer *committer, struct error *e)
{
    struct error cause;
    uint64_t index = 0;
    *out = NULL;
    struct rights *rights = calloc(1, sizeof *rights);
    if (rights == NULL || pthread_mutex_init(&rights->changing, NULL) != 0) {
        free(rights);
        return error_memory(e, "rights");
    }
    if (pthread_mutex_init(&rights->holding, NULL) != 0) {
        (void)pthread_mutex_destroy(&rights->changing);
        free(rights);
        return error_memory(e, "rights");
    }
    if (pthread_mutex_init(&rights->following, NULL) != 0) {
        (void)pthread_mutex_destroy(&rights->holding);
        (void)pthread_mutex_destroy(&rights->changing);
        free(rights);
        return error_memory(e, "rights");
    }
    rights->store = store;
    rights->committer = committer;
    if (!holds_load(rights, e)) {
        rights_close(rights);
        return false;
    }
    if (committer != NULL && !log_all(rights, &index, &cause)) {
        /* As with consents: a full log must not keep the gateway from starting; the next change tries again. */
        diag_error(DIAG_WARN, "rights", "events are stored that the log does not have yet", &cause);
    }
    *out = rights;
    return true;
}

void rights_close(struct rights *rights)
{
    if (rights != NULL) {
        holds_free(rights);
        obligation_follower_free(rights->follower);
        (void)pthread_mutex_destroy(&rights->following);
        (void)pthread_mutex_destroy(&rights->changing);
        (void)pthread_mutex_destroy(&rights->holding);
        free(rights);
    }
}
