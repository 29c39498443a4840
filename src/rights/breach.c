#include "rights/breach.h"

#include "rights/rights_internal.h"

enum { SCOPE_MAX = 2400 };

static const char *const steps[] = {
    [BREACH_AUTHORITY_TOLD] = "authority-told",
    [BREACH_PERSONS_TOLD] = "persons-told",
    [BREACH_PERSONS_WAIVED] = "persons-waived",
    [BREACH_CLOSED] = "closed",
};

const char *breach_step_name(enum breach_step step)
{
    return step >= BREACH_AUTHORITY_TOLD && (size_t)step < COUNT_OF(steps) ? steps[step] : "unknown";
}

bool breach_step_find(struct bytes name, enum breach_step *out)
{
    for (size_t i = BREACH_AUTHORITY_TOLD; i < COUNT_OF(steps); i++) {
        if (bytes_equal(name, bytes_of_text(steps[i]))) {
            *out = (enum breach_step)i;
            return true;
        }
    }
    return false;
}

/* ---- The event ---- */

static bool finish(struct rights *rights, const char *event, struct bytes id, struct bytes words, struct bytes by, int64_t now_ms,
                   uint64_t *index, struct error *e)
{
    struct buffer text;
    uint8_t digest[SHA256_SIZE];
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    sha256(words, digest);
    event_text_append(&text, "comity-event", BYTES("breach/1"));
    event_text_append(&text, "event", bytes_of_text(event));
    event_text_append(&text, "id", id);
    event_text_append_digest(&text, "words", digest);
    event_text_append(&text, "by", by);
    event_text_append_decimal(&text, "time", now_ms);
    bool ok = !text.failed;
    if (ok) {
        ok = rights_finish(rights, id, buffer_bytes(&text), index, e);
    } else {
        rights_give_up(rights);
        (void)error_memory(e, "breach");
    }
    buffer_clear(&text);
    return ok;
}

/* ---- Opening ---- */

static bool check(const struct breach *b, int64_t now_ms, struct bytes by, struct error *e)
{
    if (!rights_check_text(b->cause, 1, RIGHTS_WORDS_MAX, "cause", e) || !rights_check_text(b->harm, 1, RIGHTS_WORDS_MAX, "harm", e) ||
        !rights_check_text(b->measures, 1, RIGHTS_WORDS_MAX, "measures", e) ||
        !rights_check_text(b->advice, 1, RIGHTS_WORDS_MAX, "advice", e) ||
        !rights_check_line(b->contact, 1, RIGHTS_NAME_MAX, "contact", e) ||
        !rights_check_line(b->scope.service, 0, SCOPE_MAX, "service", e) ||
        !rights_check_line(b->scope.recipient, 0, SCOPE_MAX, "recipient", e) ||
        !rights_check_line(b->scope.category, 0, SCOPE_MAX, "category", e) || !rights_check_line(by, 1, RIGHTS_NAME_MAX, "by", e)) {
        return false;
    }
    if (b->scope.from_ms >= b->scope.until_ms) {
        return error_set(e, ERROR_INPUT, "until", NULL, "must be later than from");
    }
    return b->known_at_ms <= now_ms ||
           error_set(e, ERROR_INPUT, "known", "give the time when it was first known or suspected", "is in the future");
}

bool breach_open(struct rights *rights, const struct breach *b, const struct law *law, struct bytes by, int64_t now_ms,
                 char id[RIGHTS_ID_SIZE], uint64_t *index, struct error *e)
{
    if (!check(b, now_ms, by, e)) {
        return false;
    }
    rights_make_id('b', id);
    const struct store_value values[] = {
        STORE_STR(bytes_of_text(id)),
        STORE_INT(b->is_possible),
        STORE_INT(b->scope.from_ms),
        STORE_INT(b->scope.until_ms),
        rights_text_or_null(b->scope.service),
        rights_text_or_null(b->scope.recipient),
        rights_text_or_null(b->scope.category),
        STORE_STR(b->cause),
        STORE_STR(b->harm),
        STORE_STR(b->measures),
        STORE_STR(b->advice),
        STORE_STR(b->contact),
        STORE_STR(law->id),
        STORE_INT(b->known_at_ms),
        STORE_INT(period_after(b->known_at_ms, law->breach_authority.value)),
        STORE_INT(period_after(b->known_at_ms, law->breach_person.value)),
        law->breach_report.is_set ? STORE_INT(period_after(b->known_at_ms, law->breach_report.value))
                                  : (struct store_value){ .type = STORE_NULL },
    };
    if (!rights_begin(rights, e)) {
        return false;
    }
    if (!store_run(
            rights->store,
            "INSERT INTO breaches (id, is_possible, from_time, until_time, service, recipient, category, cause, harm, measures, advice, "
            "contact, law, known_at, authority_due, persons_due, report_due) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
            "?13, ?14, ?15, ?16, ?17)",
            values, COUNT_OF(values), NULL, NULL, NULL, e)) {
        rights_give_up(rights);
        return false;
    }
    return finish(rights, "opened", bytes_of_text(id), b->cause, by, now_ms, index, e);
}

/* ---- Looking ---- */

#define COLUMNS                                                                                                                            \
    "id, is_possible, from_time, until_time, service, recipient, category, cause, harm, measures, advice, contact, law, known_at, "        \
    "authority_due, persons_due, report_due, authority_told, persons_told, closed_at, waiver, report"

static int64_t time_or_none(const struct store_value *value)
{
    return value->type == STORE_NULL ? 0 : value->integer;
}

static void read_row(const struct store_value *columns, struct breach *out)
{
    *out = (struct breach){
        .id = columns[0].bytes,
        .is_possible = columns[1].integer != 0,
        .scope = { .from_ms = columns[2].integer,
                   .until_ms = columns[3].integer,
                   .service = columns[4].bytes,
                   .recipient = columns[5].bytes,
                   .category = columns[6].bytes },
        .cause = columns[7].bytes,
        .harm = columns[8].bytes,
        .measures = columns[9].bytes,
        .advice = columns[10].bytes,
        .contact = columns[11].bytes,
        .law = columns[12].bytes,
        .known_at_ms = columns[13].integer,
        .authority_due_ms = columns[14].integer,
        .persons_due_ms = columns[15].integer,
        .report_due_ms = time_or_none(&columns[16]),
        .authority_told_ms = time_or_none(&columns[17]),
        .persons_told_ms = time_or_none(&columns[18]),
        .closed_ms = time_or_none(&columns[19]),
        .is_waived = columns[20].type != STORE_NULL,
        .waiver = columns[20].bytes,
        .report = columns[21].bytes,
    };
}

struct listing {
    breach_list_each *each;
    void *context;
};

static bool tell_row(void *context, const struct store_value *columns, size_t count)
{
    struct listing *listing = context;
    struct breach row;
    (void)count;
    read_row(columns, &row);
    return listing->each(listing->context, &row);
}

bool breach_list(struct rights *rights, struct bytes id, breach_list_each *each, void *context, struct error *e)
{
    struct listing listing = { each, context };
    const struct store_value values[] = { STORE_STR(id) };
    return id.size > 0
               ? store_read(rights->store, "SELECT " COLUMNS " FROM breaches WHERE id = ?1", values, 1, tell_row, &listing, e)
               : store_read(rights->store, "SELECT " COLUMNS " FROM breaches ORDER BY known_at DESC, id", NULL, 0, tell_row, &listing, e);
}

/* ---- Steps ---- */

struct progress {
    bool is_found, is_authority_told, is_persons_settled, is_closed;
};

static bool keep_progress(void *context, const struct store_value *columns, size_t count)
{
    struct progress *progress = context;
    struct breach row;
    (void)count;
    read_row(columns, &row);
    *progress = (struct progress){ .is_found = true,
                                   .is_authority_told = row.authority_told_ms != 0,
                                   .is_persons_settled = row.persons_told_ms != 0 || row.is_waived,
                                   .is_closed = row.closed_ms != 0 };
    return false;
}

static bool check_step(const struct progress *p, enum breach_step step, const struct law *law, struct error *e)
{
    if (!p->is_found) {
        return error_set(e, ERROR_ABSENT, "id", "see 'comity breach list'", "there is no such breach");
    }
    if (p->is_closed) {
        return error_set(e, ERROR_DENIED, "step", NULL, "the breach is closed");
    }
    if (step == BREACH_PERSONS_WAIVED && !law->breach_waiver_if_no_harm.value) {
        return error_set(e, ERROR_DENIED, "step", "tell the persons", "%.*s knows no exception from telling the persons",
                         BYTES_FMT(law->id));
    }
    if ((step == BREACH_AUTHORITY_TOLD && p->is_authority_told) ||
        ((step == BREACH_PERSONS_TOLD || step == BREACH_PERSONS_WAIVED) && p->is_persons_settled)) {
        return error_set(e, ERROR_DENIED, "step", NULL, "this was done already");
    }
    return step != BREACH_CLOSED || (p->is_authority_told && p->is_persons_settled) ||
           error_set(e, ERROR_DENIED, "step", "tell the authority and the persons first", "it can't be closed before both were told");
}

static bool store_step(struct rights *rights, struct bytes id, enum breach_step step, struct bytes words, int64_t now_ms, struct error *e)
{
    const struct store_value values[] = { STORE_STR(id), STORE_INT(now_ms), STORE_STR(words) };
    switch (step) {
    case BREACH_AUTHORITY_TOLD:
        return store_run(rights->store, "UPDATE breaches SET authority_told = ?2 WHERE id = ?1", values, 2, NULL, NULL, NULL, e);
    case BREACH_PERSONS_TOLD:
        return store_run(rights->store, "UPDATE breaches SET persons_told = ?2 WHERE id = ?1", values, 2, NULL, NULL, NULL, e);
    case BREACH_PERSONS_WAIVED:
        return store_run(rights->store, "UPDATE breaches SET persons_told = ?2, waiver = ?3 WHERE id = ?1", values, 3, NULL, NULL, NULL, e);
    case BREACH_CLOSED:
        return store_run(rights->store, "UPDATE breaches SET closed_at = ?2, report = ?3 WHERE id = ?1", values, 3, NULL, NULL, NULL, e);
    }
    return error_set(e, ERROR_INPUT, "step", NULL, "must be authority-told, persons-told, persons-waived or closed");
}

bool breach_do(struct rights *rights, struct bytes id, enum breach_step step, struct bytes words, const struct law *law, struct bytes by,
               int64_t now_ms, uint64_t *index, struct error *e)
{
    struct progress progress = { 0 };
    const struct store_value values[] = { STORE_STR(id) };
    if (!rights_check_text(words, 1, RIGHTS_WORDS_MAX, "words", e) || !rights_check_line(by, 1, RIGHTS_NAME_MAX, "by", e) ||
        !rights_begin(rights, e)) {
        return false;
    }
    if (!store_run(rights->store, "SELECT " COLUMNS " FROM breaches WHERE id = ?1", values, 1, keep_progress, &progress, NULL, e) ||
        !check_step(&progress, step, law, e) || !store_step(rights, id, step, words, now_ms, e)) {
        rights_give_up(rights);
        return false;
    }
    return finish(rights, breach_step_name(step), id, words, by, now_ms, index, e);
}
