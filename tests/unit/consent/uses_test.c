#include "rig.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "consent/event_text.h"
#include "consent/uses_internal.h"
#include "store/state.h"

#define BLOOD "https://w3id.org/dpv/pd#BloodType"
#define HEALTH "https://w3id.org/dpv/pd#Health"

static int make_rig(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig_make(rig);
    rig_open(rig);
    *state = rig;
    return 0;
}

static int remove_rig(void **state)
{
    rig_remove(*state);
    free(*state);
    return 0;
}

/* Logs a decision as docs/formats/exchange.md has it; its digest in `digest`. */
static uint64_t log_decision(struct rig *rig, const char *person, const char *exchange, const char *verdict, uint8_t digest[SHA256_SIZE])
{
    struct buffer text;
    bool is_permit = strcmp(verdict, "permit") == 0;
    buffer_init(&text, 8192);
    event_text_append(&text, "comity-event", BYTES("decision/1"));
    event_text_append(&text, "exchange", bytes_of_text(exchange));
    event_text_append(&text, "client", BYTES("BAOBAB/MED/CLINIC/APP"));
    event_text_append(&text, "service", BYTES("AURORA/GOV/HOSPITAL/FHIR/record"));
    if (person != NULL) {
        event_text_append(&text, "person", bytes_of_text(person));
    }
    event_text_append(&text, "purpose", BYTES("https://w3id.org/dpv#Care"));
    event_text_append(&text, "verdict", bytes_of_text(verdict));
    if (!is_permit) {
        event_text_append(&text, "reason", BYTES("consent.none"));
    } else {
        event_text_append(&text, "released", BYTES(BLOOD));
    }
    event_text_append(&text, "withheld", BYTES(HEALTH));
    event_text_append_decimal(&text, "time", 5);
    sha256(buffer_bytes(&text), digest);
    uint64_t index = rig_append(rig, RECORD_DECISION, buffer_bytes(&text));
    buffer_clear(&text);
    return index;
}

static uint64_t log_answer(struct rig *rig, const uint8_t digest[SHA256_SIZE], const char *reason, const char *released)
{
    struct buffer text;
    buffer_init(&text, 8192);
    buffer_append_text(&text, "\"@status\": 200\n\"x-road-request-id\": e-1\n");
    if (reason != NULL) {
        buffer_append_format(&text, "\"comity-reason\": %s\n", reason);
    }
    buffer_append_format(&text, "\"comity-released\": %s\n\"comity-withheld\": " HEALTH ";reason=consent.none\n", released);
    buffer_append_text(&text, "\"comity-decision\": sha-256=:");
    base64_append(&text, bytes_of(digest, SHA256_SIZE));
    buffer_append_text(&text, ":\n\"@path\";req: /x\n\"@signature-params\": (\"@status\")");
    uint64_t index = rig_append(rig, RECORD_ANSWER_SENT, buffer_bytes(&text));
    buffer_clear(&text);
    return index;
}

struct listed {
    struct buffer text;
    size_t count, stop_after;
    uint64_t last_entry;
};

static bool note_use(void *context, const struct use *use)
{
    struct listed *listed = context;
    assert_true(listed->count == 0 || use->entry > listed->last_entry);
    listed->last_entry = use->entry;
    listed->count++;
    buffer_append_format(&listed->text, "%d %llu %lld %.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s\n", use->kind,
                         (unsigned long long)use->entry, (long long)use->answer_entry, BYTES_FMT(use->exchange), BYTES_FMT(use->client),
                         BYTES_FMT(use->service), BYTES_FMT(use->purpose), BYTES_FMT(use->verdict), BYTES_FMT(use->reason),
                         BYTES_FMT(use->permitted), BYTES_FMT(use->released), BYTES_FMT(use->withheld));
    return listed->count != listed->stop_after;
}

static void check_list(struct uses *uses, const char *person, const char *want)
{
    struct error e = { 0 };
    struct listed listed = { 0 };
    buffer_init(&listed.text, 1 << 20);
    assert_true(uses_list(uses, bytes_of_text(person), note_use, &listed, &e));
    buffer_append_u8(&listed.text, 0);
    assert_string_equal((const char *)listed.text.data, want);
    buffer_clear(&listed.text);
}

static struct uses *must_open(struct rig *rig)
{
    struct error e = { 0 };
    struct uses *uses = NULL;
    if (!uses_open(&uses, rig->store, rig->public, rig->private, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return uses;
}

static void must_catch_up(struct uses *uses, size_t max, uint64_t want_lag)
{
    struct error e = { 0 };
    uint64_t lag = 0;
    if (!uses_catch_up(uses, max, &lag, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    assert_int_equal(lag, want_lag);
}

static const char anna_list[] =
    "1 0 1 e-1|BAOBAB/MED/CLINIC/APP|AURORA/GOV/HOSPITAL/FHIR/record|https://w3id.org/dpv#Care|permit||" BLOOD "|" BLOOD "|" HEALTH
    ";reason=consent.none\n"
    "1 4 -1 e-1|BAOBAB/MED/CLINIC/APP|AURORA/GOV/HOSPITAL/FHIR/record|https://w3id.org/dpv#Care|refuse|consent.none|||" HEALTH "\n";

static void fill(struct rig *rig)
{
    uint8_t digest[SHA256_SIZE], other[SHA256_SIZE], nobody[SHA256_SIZE], unknown[SHA256_SIZE] = { 1 };
    assert_int_equal(log_decision(rig, "anna", "e-1", "permit", digest), 0);
    assert_int_equal(log_answer(rig, digest, NULL, BLOOD), 1);
    assert_int_equal(log_decision(rig, "bert", "e-1", "permit", other), 2);
    assert_int_equal(log_answer(rig, other, "service.failed", ""), 3);
    assert_int_equal(log_decision(rig, "anna", "e-1", "refuse", digest), 4);
    assert_int_equal(log_decision(rig, NULL, "e-9", "permit", nobody), 5);
    assert_int_equal(log_answer(rig, nobody, NULL, BLOOD), 6);
    assert_int_equal(log_answer(rig, unknown, NULL, BLOOD), 7);
    assert_int_equal(rig_append(rig, RECORD_DECISION, BYTES("comity-event: decision/1\nperson: anna\nbroken")), 8);
    assert_int_equal(rig_append(rig, RECORD_EVENT, BYTES("comity-event: start/1\nperson: anna\n")), 9);
    assert_int_equal(rig_append(rig, RECORD_REQUEST_SENT, BYTES("comity-event: decision/1\nperson: anna\n")), 10);
    assert_int_equal(rig_append(rig, RECORD_ANSWER_SENT, BYTES("\"comity-decision\": sha-256=:AAAA:")), 11);
}

static void lists_what_was_asked_and_released(void **state)
{
    struct rig *rig = *state;
    fill(rig);
    struct uses *uses = must_open(rig);
    check_list(uses, "anna", "");
    must_catch_up(uses, 1, 11); /* answers may come in a later step than their decisions */
    must_catch_up(uses, 5, 6);
    must_catch_up(uses, 100, 0);
    must_catch_up(uses, 100, 0);
    check_list(uses, "anna", anna_list);
    check_list(uses, "bert",
               "1 2 3 e-1|BAOBAB/MED/CLINIC/APP|AURORA/GOV/HOSPITAL/FHIR/record|https://w3id.org/dpv#Care|permit|service.failed|" BLOOD
               "||" HEALTH ";reason=consent.none\n");
    check_list(uses, "carl", "");
    struct error e = { 0 };
    struct listed listed = { .stop_after = 1 };
    buffer_init(&listed.text, 4096);
    assert_true(uses_list(uses, BYTES("anna"), note_use, &listed, &e));
    assert_int_equal(listed.count, 1);
    buffer_clear(&listed.text);
    uses_close(uses);
    uses = must_open(rig); /* the same key again */
    check_list(uses, "anna", anna_list);
    assert_true(uses_rebuild(uses, &e));
    check_list(uses, "anna", "");
    must_catch_up(uses, 100, 0);
    check_list(uses, "anna", anna_list);
    uses_close(uses);
    uses_close(NULL);
}

static void two_indexers_do_not_count_twice(void **state)
{
    struct rig *rig = *state;
    struct uses *a = must_open(rig), *b = must_open(rig);
    fill(rig);
    must_catch_up(a, 3, 9);
    must_catch_up(b, 2, 7);
    must_catch_up(a, 100, 0);
    must_catch_up(b, 100, 0);
    check_list(a, "anna", anna_list);
    uses_close(a);
    uses_close(b);
}

static bool take_count(void *context, const struct store_value *columns, size_t count)
{
    assert_int_equal(count, 1);
    *(int64_t *)context = columns[0].integer;
    return true;
}

static int64_t count_rows(struct rig *rig, const char *sql)
{
    struct error e = { 0 };
    int64_t rows = -1;
    assert_true(store_run(rig->store, sql, NULL, 0, take_count, &rows, NULL, &e));
    return rows;
}

static void an_index_ahead_of_the_log_is_cut_back(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    struct uses *uses = must_open(rig);
    fill(rig);
    must_catch_up(uses, 100, 0);
    static const char person[] = "INSERT INTO uses SELECT block, person, 40 FROM uses WHERE entry = 0";
    static const char answer[] = "INSERT INTO uses_answers SELECT block, decision, 41 FROM uses_answers WHERE entry = 1";
    static const char count[] = "SELECT (SELECT count(*) FROM uses) + (SELECT count(*) FROM uses_answers)";
    int64_t before = count_rows(rig, count);
    assert_true(store_run(rig->store, person, NULL, 0, NULL, NULL, NULL, &e));
    assert_true(store_run(rig->store, answer, NULL, 0, NULL, NULL, NULL, &e));
    check_list(uses, "anna", anna_list); /* what isn't in the log isn't shown, also before the cut */
    assert_true(state_set_u64(rig->store, "uses.next", 42, &e));
    must_catch_up(uses, 100, 0);
    check_list(uses, "anna", anna_list);
    assert_int_equal(count_rows(rig, count), before);
    uses_close(uses);
}

static void lists_the_persons_own_consents(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    char id[CONSENT_ID_SIZE], want[1024];
    struct consent_key key = { BYTES("an\xc3\xa4%0A"), BYTES("BAOBAB/MED/CLINIC"), BYTES("https://w3id.org/dpv#Care") };
    assert_true(rig_decide(rig, &key, BLOOD, CONSENT_EVENT_GIVE, id, &e));
    assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES_NONE, NULL, NULL, &e));
    struct uses *uses = must_open(rig);
    must_catch_up(uses, 100, 0);
    (void)snprintf(want, sizeof want,
                   "3 0 -1 %s|BAOBAB/MED/CLINIC||https://w3id.org/dpv#Care|give||" BLOOD "||\n"
                   "3 1 -1 %s|BAOBAB/MED/CLINIC||https://w3id.org/dpv#Care|withdraw||||" BLOOD ";reason=withdrawn\n",
                   id, id);
    check_list(uses, "an\xc3\xa4%0A", want);
    uses_close(uses);
}

/* The table knows 8 bytes of a decision's digest and 16 of a person's: the log says whether the rest is right. */
static void digests_that_begin_alike_are_told_apart(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    uint8_t digest[SHA256_SIZE], other[SHA256_SIZE];
    (void)log_decision(rig, "anna", "e-1", "permit", digest);
    memcpy(other, digest, sizeof other);
    other[8] ^= 1;
    (void)log_answer(rig, other, "service.failed", "");
    (void)log_answer(rig, digest, NULL, BLOOD);
    (void)log_answer(rig, digest, "service.failed", ""); /* the first one counts */
    (void)log_decision(rig, "bert", "e-1", "permit", other);
    struct uses *uses = must_open(rig);
    must_catch_up(uses, 100, 0);
    assert_true(store_run(rig->store, "INSERT INTO uses SELECT block, person, 4 FROM uses WHERE entry = 0", NULL, 0, NULL, NULL, NULL, &e));
    assert_true(store_run(rig->store, "INSERT INTO uses SELECT block, person, 2 FROM uses WHERE entry = 0", NULL, 0, NULL, NULL, NULL, &e));
    check_list(uses, "anna",
               "1 0 2 e-1|BAOBAB/MED/CLINIC/APP|AURORA/GOV/HOSPITAL/FHIR/record|https://w3id.org/dpv#Care|permit||" BLOOD "|" BLOOD
               "|" HEALTH ";reason=consent.none\n");
    uses_close(uses);
}

/* Only a line's start names a decision or a person, whatever stands within other values. */
static void only_whole_lines_are_marked(void **state)
{
    (void)state;
    static const char digest[] = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    char inner[256], later[256], first[256];
    (void)snprintf(inner, sizeof inner, "\"x\": a \"comity-decision\": sha-256=:%s:\n\"comity-decision\";req: sha-256=:%s:", digest,
                   digest);
    (void)snprintf(later, sizeof later, "\"@status\": 200\n\"comity-decision\": sha-256=:%s:", digest);
    (void)snprintf(first, sizeof first, "\"comity-decision\": sha-512=:%s:\n\"comity-decision\": sha-256=:%s:\n", digest, digest);
    const struct {
        enum record_kind kind;
        const char *text;
        enum use_kind want;
        const char *person;
    } row[] = {
        { RECORD_ANSWER_SENT, inner, USE_NONE, "" },
        { RECORD_ANSWER_SENT, later, USE_ANSWER, "" },
        { RECORD_ANSWER_SENT, first, USE_NONE, "" },
        { RECORD_ANSWER_RECEIVED, later, USE_NONE, "" },
        { RECORD_DECISION, "comity-event: decision/1\nclient: x person: y\nperson: a%0Ab\nperson: c\n", USE_EXCHANGE, "a%0Ab" },
        { RECORD_DECISION, "comity-event: decision/1\nclient: x person: y\n", USE_NONE, "" },
        { RECORD_DECISION, "comity-event: decision/1\nperson: \n", USE_NONE, "" },
        { RECORD_DECISION, "comity-event: decision/10\nperson: a\n", USE_NONE, "" },
        { RECORD_DECISION, "comity-event: consent/1\nperson: a\n", USE_NONE, "" },
        { RECORD_EVENT, "comity-event: consent/1\nperson: a\n", USE_CONSENT, "a" },
        { RECORD_EVENT, "comity-event: consent/1", USE_NONE, "" },
        { RECORD_EVENT, "", USE_NONE, "" },
        { RECORD_ANSWER_SENT, "", USE_NONE, "" },
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct log_entry entry = { .kind = row[i].kind, .statement = bytes_of_text(row[i].text) };
        struct use_mark mark;
        use_mark_read(&entry, &mark);
        if (mark.kind != row[i].want || !bytes_equal(mark.person, bytes_of_text(row[i].person))) {
            fail_msg("row %zu: kind %d, person %.*s", i, mark.kind, BYTES_FMT(mark.person));
        }
    }
}

/* An answer so late that it stands in another block of the index than its decision. */
static void late_answers_are_found(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    enum { BATCH = 1000, BATCHES = 2 * USES_BLOCK_ENTRIES / BATCH + 2 };
    uint8_t digest[SHA256_SIZE], unanswered[SHA256_SIZE];
    char want[512];
    struct log_record *records = calloc(BATCH, sizeof *records);
    struct log_record **pointers = calloc(BATCH, sizeof(struct log_record *));
    assert_true(records != NULL && pointers != NULL);
    (void)log_decision(rig, "anna", "e-1", "permit", digest);
    (void)log_decision(rig, "anna", "e-2", "refuse", unanswered);
    consents_close(rig->consents);
    rig->consents = NULL;
    committer_stop(rig->committer); /* the log is ours meanwhile */
    rig->committer = NULL;
    for (size_t i = 0; i < BATCHES; i++) {
        struct buffer checkpoint;
        buffer_init(&checkpoint, 1 << 16);
        for (size_t n = 0; n < BATCH; n++) {
            records[n] = (struct log_record){ .kind = RECORD_REQUEST_SENT, .statement = BYTES("x"), .time_ms = INT64_MAX / 2 };
            pointers[n] = &records[n];
        }
        assert_true(log_append(rig->log, pointers, BATCH, &checkpoint, &e));
        buffer_clear(&checkpoint);
    }
    free(records);
    free(pointers);
    assert_true(committer_start(&rig->committer, rig->log, &(struct committer_options){ 0 }, &e));
    uint64_t answer = log_answer(rig, digest, NULL, BLOOD);
    assert_true(answer > 2 * USES_BLOCK_ENTRIES);
    struct uses *uses = must_open(rig);
    must_catch_up(uses, 100000, 0);
    (void)snprintf(
        want, sizeof want,
        "1 0 %llu e-1|BAOBAB/MED/CLINIC/APP|AURORA/GOV/HOSPITAL/FHIR/record|https://w3id.org/dpv#Care|permit||" BLOOD "|" BLOOD "|" HEALTH
        ";reason=consent.none\n"
        "1 1 -1 e-2|BAOBAB/MED/CLINIC/APP|AURORA/GOV/HOSPITAL/FHIR/record|https://w3id.org/dpv#Care|refuse|consent.none|||" HEALTH "\n",
        (unsigned long long)answer);
    check_list(uses, "anna", want);
    uses_close(uses);
}

static void *list_often(void *context)
{
    struct listed listed = { 0 };
    struct error e = { 0 };
    for (int i = 0; i < 200; i++) {
        listed.count = 0;
        buffer_init(&listed.text, 1 << 20);
        assert_true(uses_list(context, BYTES("p1"), note_use, &listed, &e));
        buffer_clear(&listed.text);
    }
    return NULL;
}

/* Lists are asked for while others index: each sees a beginning of the index, in order. */
static void lists_do_not_wait_for_the_indexing(void **state)
{
    struct rig *rig = *state;
    enum { USES = 200, LISTS = 2 };
    pthread_t threads[LISTS];
    struct uses *uses = must_open(rig);
    for (size_t i = 0; i < LISTS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, list_often, uses), 0);
    }
    for (int i = 0; i < USES; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "comity-event: decision/1\nexchange: e-%d\nperson: p%d\nverdict: permit\n", i, i % 2);
        (void)rig_append(rig, RECORD_DECISION, bytes_of_text(text));
        must_catch_up(uses, 10, 0);
    }
    for (size_t i = 0; i < LISTS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    struct listed listed = { 0 };
    struct error e = { 0 };
    buffer_init(&listed.text, 1 << 20);
    assert_true(uses_list(uses, BYTES("p1"), note_use, &listed, &e));
    assert_int_equal(listed.count, USES / 2);
    buffer_clear(&listed.text);
    uses_close(uses);
}

/* More uses than a page, about more persons than one; each list is whole and in order. */
static void long_lists_come_whole(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    enum { USES = 600 };
    struct uses *uses = must_open(rig);
    for (int i = 0; i < USES; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "comity-event: decision/1\nexchange: e-%d\nperson: p%d\nverdict: permit\n", i, i % 2);
        (void)rig_append(rig, RECORD_DECISION, bytes_of_text(text));
    }
    must_catch_up(uses, 10000, 0);
    struct listed listed = { 0 };
    buffer_init(&listed.text, 1 << 20);
    assert_true(uses_list(uses, BYTES("p1"), note_use, &listed, &e));
    assert_int_equal(listed.count, USES / 2);
    buffer_clear(&listed.text);
    uses_close(uses);
}

struct taken {
    uint64_t entries[1024];
    size_t count, stop_after;
};

static bool take_entry(void *context, const struct use *use)
{
    struct taken *taken = context;
    taken->entries[taken->count++] = use->entry;
    return taken->count != taken->stop_after;
}

/* Backwards it is the same list, from wherever one begins; and each one is found by its entry. */
static void the_newest_come_first(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    enum { USES = 600 };
    static struct taken forth, back;
    struct uses *uses = must_open(rig);
    for (int i = 0; i < USES; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "comity-event: decision/1\nexchange: e-%d\nperson: p%d\nverdict: permit\n", i, i % 2);
        (void)rig_append(rig, RECORD_DECISION, bytes_of_text(text));
    }
    must_catch_up(uses, 10000, 0);
    forth = (struct taken){ .stop_after = 0 };
    assert_true(uses_list(uses, BYTES("p1"), take_entry, &forth, &e));
    static const uint64_t befores[] = { 0, 1, 2, 299, 300, 599, 600, UINT64_MAX };
    for (size_t i = 0; i < COUNT_OF(befores); i++) {
        size_t at = forth.count;
        while (at > 0 && forth.entries[at - 1] >= befores[i]) {
            at--;
        }
        back = (struct taken){ .stop_after = 0 };
        assert_true(uses_list_back(uses, BYTES("p1"), befores[i], take_entry, &back, &e));
        assert_int_equal(back.count, at);
        for (size_t j = 0; j < at; j++) {
            assert_int_equal(back.entries[j], forth.entries[at - 1 - j]);
        }
    }
    back = (struct taken){ .stop_after = 7 };
    assert_true(uses_list_back(uses, BYTES("p1"), UINT64_MAX, take_entry, &back, &e));
    assert_int_equal(back.count, 7);
    for (uint64_t entry = 0; entry < USES + 2; entry += 7) {
        back = (struct taken){ .stop_after = 0 };
        assert_true(uses_find(uses, BYTES("p1"), entry, take_entry, &back, &e));
        assert_int_equal(back.count, entry < USES && entry % 2 == 1 ? 1 : 0);
    }
    uses_close(uses);
}

/* The file of a store that has only the index holds no identifier. */
static void the_index_names_nobody(void **state)
{
    struct rig *rig = *state;
    static const char person[] = "person-19560308-4711";
    uint8_t digest[SHA256_SIZE];
    char path[128];
    (void)log_decision(rig, person, "e-1", "permit", digest);
    struct uses *uses = must_open(rig);
    must_catch_up(uses, 100, 0);
    uses_close(uses);
    static const char *const names[] = { "comity.db", "comity.db-wal" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", rig->folder, names[i]);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        static char data[8 * 1024 * 1024];
        size_t size = fread(data, 1, sizeof data, file);
        assert_true(size > 0 && size < sizeof data);
        assert_null(memmem(data, size, person, strlen(person)));
        assert_int_equal(fclose(file), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_rig, remove_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_what_was_asked_and_released),       TEST(two_indexers_do_not_count_twice), TEST(an_index_ahead_of_the_log_is_cut_back),
        TEST(lists_the_persons_own_consents),          TEST(long_lists_come_whole),           TEST(the_index_names_nobody),
        TEST(lists_the_persons_own_consents),          TEST(the_newest_come_first),           TEST(the_index_names_nobody),
        TEST(digests_that_begin_alike_are_told_apart), TEST(late_answers_are_found),          TEST(lists_do_not_wait_for_the_indexing),
        cmocka_unit_test(only_whole_lines_are_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
