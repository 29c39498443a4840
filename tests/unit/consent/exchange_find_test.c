/* Finding exchanges against the obvious model: all rows of the log, filtered, newest first; with and without summaries, page by page. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "consent/event_text.h"
#include "consent/exchange_find.h"

enum { EXCHANGES = 1300, MEMBERS = 3, REASONS = 3, ROWS_MAX = 2 * EXCHANGES };

static const char *const reasons[REASONS] = { "", "access.denied", "purpose.forbidden" };

struct row {
    uint64_t entry;
    unsigned id, member, reason;
};
struct model {
    struct rig rig;
    struct row rows[ROWS_MAX];
    size_t count;
};

static void exchange_id(unsigned i, char out[40])
{
    (void)snprintf(out, 40, "00000000-0000-4000-8000-%012u", i);
}

static void member_name(unsigned i, char out[40])
{
    (void)snprintf(out, 40, "BAOBAB/MED/CLINIC%u", i);
}

/* A decision and later its answer, as the holder logs them; between them others'. */
static void log_decision(struct model *m, unsigned id, unsigned member, unsigned reason)
{
    struct buffer text;
    char exchange[40], name[40];
    exchange_id(id, exchange);
    member_name(member, name);
    buffer_init(&text, 8192);
    event_text_append(&text, "comity-event", BYTES("decision/1"));
    event_text_append(&text, "exchange", bytes_of_text(exchange));
    buffer_append_format(&text, "client: %s/APP\nservice: AURORA/GOV/HOSPITAL/FHIR/record\nperson: P%u\n", name, id);
    event_text_append(&text, "verdict", reason == 0 ? BYTES("permit") : BYTES("refuse"));
    if (reason != 0) {
        event_text_append(&text, "reason", bytes_of_text(reasons[reason]));
    }
    (void)rig_append(&m->rig, RECORD_DECISION, buffer_bytes(&text));
    buffer_clear(&text);
}

static void log_answer(struct model *m, unsigned id, unsigned member, unsigned reason)
{
    struct buffer text;
    char exchange[40], name[40];
    exchange_id(id, exchange);
    member_name(member, name);
    buffer_init(&text, 8192);
    buffer_append_format(&text, "\"@status\": %u\n\"x-road-request-id\": %s\n\"x-road-client\": %s/APP\n", reason == 0 ? 200U : 500U,
                         exchange, name);
    if (reason != 0) {
        buffer_append_format(&text, "\"comity-reason\": %s\n", reasons[reason]);
    }
    buffer_append_format(&text, "\"@path\";req: /r1/AURORA/GOV/HOSPITAL/FHIR/record/P%u\n\"@signature-params\": ();created=5;keyid=\"k\"",
                         id);
    uint64_t entry = rig_append(&m->rig, RECORD_ANSWER_SENT, buffer_bytes(&text));
    m->rows[m->count++] = (struct row){ .entry = entry, .id = id, .member = member, .reason = reason };
    buffer_clear(&text);
}

static int make_model(void **state)
{
    struct model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    rig_make(&m->rig);
    rig_open(&m->rig);
    /* Rare things lie at the beginning; a summary must not hide them. */
    for (unsigned i = 0; i < EXCHANGES; i++) {
        unsigned member = i < 3 ? 2 : i % 2, reason = i == 1 ? 2 : i % 7 == 0;
        log_decision(m, i, member, reason);
        log_answer(m, i, member, reason);
    }
    *state = m;
    return 0;
}

static int remove_model(void **state)
{
    struct model *m = *state;
    rig_remove(&m->rig);
    free(m);
    return 0;
}

struct got {
    uint64_t entries[ROWS_MAX];
    size_t count;
};

static bool take(void *context, const struct exchange_found *found)
{
    struct got *got = context;
    assert_true(found->is_holder);
    assert_true(bytes_equal(found->service, BYTES("AURORA/GOV/HOSPITAL/FHIR/record"))); /* never what is behind it in the path */
    got->entries[got->count++] = found->entry;
    return true;
}

/* All pages of a search. */
static void find_all(struct exchange_finder *finder, struct exchange_query query, struct got *got)
{
    struct exchange_page_found page = { .next = UINT64_MAX };
    struct error e;
    got->count = 0;
    for (unsigned i = 0; i < 1000 && !page.is_last; i++) {
        query.before = page.next;
        assert_true(exchange_find(finder, &query, take, got, &page, &e));
    }
    assert_true(page.is_last);
}

static void check(struct model *m, struct exchange_finder *finder, unsigned member, unsigned reason, unsigned id, size_t rows_max)
{
    static struct got got;
    char exchange[40] = "", name[40] = "";
    if (id < EXCHANGES) {
        exchange_id(id, exchange);
    }
    if (member < MEMBERS) {
        member_name(member, name);
    }
    const struct exchange_query query = { .exchange = bytes_of_text(exchange),
                                          .peer = bytes_of_text(name),
                                          .reason = bytes_of_text(reason == 0 ? "" : reasons[reason]),
                                          .until_ms = INT64_MAX,
                                          .rows_max = rows_max };
    find_all(finder, query, &got);
    size_t at = 0;
    for (size_t i = m->count; i > 0; i--) {
        const struct row *row = &m->rows[i - 1];
        bool is_wanted = (id >= EXCHANGES || row->id == id) && (member >= MEMBERS || row->member == member) &&
                         (reason == 0 || row->reason == reason);
        if (!is_wanted) {
            continue;
        }
        if (at == got.count || got.entries[at] != row->entry) {
            fail_msg("member %u reason %u id %u: row %zu is missing or another", member, reason, id, at);
        }
        at++;
    }
    assert_int_equal(at, got.count);
}

static void check_all(struct model *m, struct exchange_finder *finder)
{
    for (unsigned member = 0; member <= MEMBERS; member++) {
        for (unsigned reason = 0; reason < REASONS; reason++) {
            check(m, finder, member, reason, EXCHANGES, 97);
        }
    }
    for (unsigned id = 0; id < EXCHANGES; id += 211) {
        check(m, finder, MEMBERS, 0, id, 5);
        check(m, finder, 2, 0, id, 5);
    }
}

/* Before anything is summarised a search makes the summaries itself; then, and after the background's, it finds the same. */
static void all_is_found(void **state)
{
    struct model *m = *state;
    struct exchange_finder *finder;
    struct error e;
    uint64_t lag = 0;
    assert_true(exchange_finder_open(&finder, m->rig.store, m->rig.public, m->rig.private, &e));
    check_all(m, finder);
    check_all(m, finder);
    assert_true(exchange_finder_catch_up(finder, 1, &lag, &e));
    assert_int_equal(lag, 1); /* 2,600 entries: two whole blocks */
    assert_true(exchange_finder_catch_up(finder, 5, &lag, &e));
    assert_int_equal(lag, 0);
    check_all(m, finder);
    exchange_finder_close(finder);
    /* Another process finds them there. */
    assert_true(exchange_finder_open(&finder, m->rig.store, m->rig.public, m->rig.private, &e));
    check_all(m, finder);
    exchange_finder_close(finder);
}

static bool count_entry(void *context, const struct log_entry *entry)
{
    (void)entry;
    ++*(unsigned *)context;
    return true;
}

static void entries_of_one(void **state)
{
    struct model *m = *state;
    struct exchange_finder *finder;
    struct exchange_page_found page;
    struct error e;
    unsigned count = 0;
    char exchange[40];
    exchange_id(4, exchange);
    assert_true(exchange_finder_open(&finder, m->rig.store, m->rig.public, m->rig.private, &e));
    assert_true(exchange_find_entries(finder, bytes_of_text(exchange), UINT64_MAX, count_entry, &count, &page, &e));
    assert_int_equal(count, 2);
    assert_true(page.is_last);
    exchange_finder_close(finder);
}

/* A database from elsewhere: its summaries are of other entries, and would hide what is there. */
static void foreign_summaries_are_dropped(void **state)
{
    struct model *m = *state;
    struct exchange_finder *finder;
    struct error e;
    static const char spoil[] = "UPDATE exchange_blocks SET summary = zeroblob(1024), check_sum = zeroblob(32)";
    int64_t changed = 0;
    assert_true(exchange_finder_open(&finder, m->rig.store, m->rig.public, m->rig.private, &e));
    assert_true(exchange_finder_catch_up(finder, 5, NULL, &e));
    exchange_finder_close(finder);
    assert_true(store_run(m->rig.store, spoil, NULL, 0, NULL, NULL, &changed, &e));
    assert_int_equal(changed, 2);
    assert_true(exchange_finder_open(&finder, m->rig.store, m->rig.public, m->rig.private, &e));
    check(m, finder, 2, 0, EXCHANGES, 10);
    exchange_finder_close(finder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_is_found), cmocka_unit_test(entries_of_one),
                                        cmocka_unit_test(foreign_summaries_are_dropped) };
    return cmocka_run_group_tests(tests, make_model, remove_model);
}
