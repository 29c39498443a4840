#include "rights/assessment.h"

#include "rights/rights_internal.h"

enum { SERVICE_MAX = 2400 };

static bool take_count(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)context = columns[0].integer;
    return false;
}

static bool check(const struct assessment *a, const struct law *law, int64_t now_ms, struct error *e)
{
    if (!rights_check_line(a->service, 1, SERVICE_MAX, "service", e) ||
        !rights_check_line(a->reference, 1, RIGHTS_NAME_MAX, "reference", e) ||
        !rights_check_line(a->author, 1, RIGHTS_NAME_MAX, "author", e) ||
        !rights_check_text(a->words, 1, ASSESSMENT_WORDS_MAX, "report", e)) {
        return false;
    }
    if (a->made_at_ms > now_ms) {
        return error_set(e, ERROR_INPUT, "made", "give the day on which it was made", "is in the future");
    }
    if (a->valid_until_ms <= a->made_at_ms || a->valid_until_ms > period_after(a->made_at_ms, law->dpia_valid.value)) {
        char longest[PERIOD_TEXT_SIZE];
        return error_set(e, ERROR_INPUT, "valid_until", NULL, "%.*s lets an assessment be good for at most %s", BYTES_FMT(law->id),
                         period_text(law->dpia_valid.value, longest));
    }
    return true;
}

static bool store_it(struct rights *rights, const struct assessment *a, struct bytes id, int64_t now_ms, struct error *e)
{
    int64_t taken = 0;
    const struct store_value values[] = { STORE_STR(a->reference),      STORE_STR(id),       STORE_STR(a->service),
                                          STORE_STR(a->author),         STORE_STR(a->words), STORE_INT(a->made_at_ms),
                                          STORE_INT(a->valid_until_ms), STORE_INT(now_ms) };
    if (!store_run(rights->store, "SELECT count(*) FROM assessments WHERE reference = ?1", values, 1, take_count, &taken, NULL, e)) {
        return false;
    }
    if (taken > 0) {
        return error_set(e, ERROR_DENIED, "reference", "give the new one a reference of its own", "an assessment has it already");
    }
    return store_run(
        rights->store,
        "INSERT INTO assessments (reference, id, service, author, words, made_at, valid_until, created_at) VALUES (?1, ?2, ?3, ?4, "
        "?5, ?6, ?7, ?8)",
        values, COUNT_OF(values), NULL, NULL, NULL, e);
}

bool assessment_add(struct rights *rights, const struct assessment *a, const struct law *law, int64_t now_ms, char id[RIGHTS_ID_SIZE],
                    uint64_t *index, struct error *e)
{
    struct buffer text;
    uint8_t digest[SHA256_SIZE];
    if (!check(a, law, now_ms, e) || !rights_begin(rights, e)) {
        return false;
    }
    rights_make_id('a', id);
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    sha256(a->words, digest);
    event_text_append(&text, "comity-event", BYTES("assessment/1"));
    event_text_append(&text, "id", bytes_of_text(id));
    event_text_append(&text, "service", a->service);
    event_text_append(&text, "reference", a->reference);
    event_text_append(&text, "author", a->author);
    event_text_append_digest(&text, "report", digest);
    event_text_append_decimal(&text, "made", a->made_at_ms);
    event_text_append_decimal(&text, "valid_until", a->valid_until_ms);
    event_text_append_decimal(&text, "time", now_ms);
    bool ok = text.failed ? error_memory(e, "assessment") : store_it(rights, a, bytes_of_text(id), now_ms, e);
    if (ok) {
        ok = rights_finish(rights, bytes_of_text(id), buffer_bytes(&text), index, e);
    } else {
        rights_give_up(rights);
    }
    buffer_clear(&text);
    return ok;
}

struct listing {
    assessment_each *each;
    void *context;
};

static bool tell_row(void *context, const struct store_value *columns, size_t count)
{
    struct listing *listing = context;
    (void)count;
    const struct assessment row = {
        .id = columns[0].bytes,
        .service = columns[1].bytes,
        .reference = columns[2].bytes,
        .author = columns[3].bytes,
        .words = columns[4].bytes,
        .made_at_ms = columns[5].integer,
        .valid_until_ms = columns[6].integer,
        .created_at_ms = columns[7].integer,
    };
    return listing->each(listing->context, &row);
}

#define COLUMNS "id, service, reference, author, words, made_at, valid_until, created_at"

bool assessment_list(struct rights *rights, struct bytes service, assessment_each *each, void *context, struct error *e)
{
    struct listing listing = { each, context };
    const struct store_value values[] = { STORE_STR(service) };
    return service.size > 0
               ? store_read(rights->store, "SELECT " COLUMNS " FROM assessments WHERE service = ?1 ORDER BY made_at DESC, id", values, 1,
                            tell_row, &listing, e)
               : store_read(rights->store, "SELECT " COLUMNS " FROM assessments ORDER BY made_at DESC, id", NULL, 0, tell_row, &listing, e);
}
