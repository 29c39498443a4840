/* A database from before a consent was one row: made by the migrations up to there, and then opened. What it says stays the same. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/time.h"
#include "consent/persons.h"
#include "store/migrations.h"

#define BLOOD "https://w3id.org/dpv/pd#BloodType"
#define NAME "https://w3id.org/dpv/pd#Name"
#define YEAR_9000 "221845392000000"
static const struct consent_key anna = { BYTES("anna-1"), BYTES("KE/MED/CLINIC9"), BYTES("https://w3id.org/dpv#Care") };

static void run(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
}

/* Events: 0 request, 1 give, 2 refuse, 5 resume, 6 withdraw, 32 born, 35 pause. States: 1 requested, 3 given, 5 refused, 6 withdrawn. */
static const char *const content[] = {
    "INSERT INTO consent_terms VALUES (1, x'01', 'decided_by: person' || char(10) || 'mode: view' || char(10) || 'fetch: onetime' || char(10))",
    /* 1: given by Anna, of which the name was withdrawn later. 2: asked, not answered. 3: another person's, refused. 4: Anna's, not in the log. */
    "INSERT INTO consents VALUES (1, 'c-00000000000000000000000000000001', 'anna-1', 'KE/MED/CLINIC9', 'https://w3id.org/dpv#Care', 1000, NULL,"
    " 1, 1, x'00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff')",
    "INSERT INTO consents VALUES (2, 'c-00000000000000000000000000000002', 'anna-1', 'KE/MED/CLINIC9', 'https://w3id.org/dpv#Care', 2000,"
    " 'c-00000000000000000000000000000001', NULL, NULL, NULL)",
    "INSERT INTO consents VALUES (3, 'c-00000000000000000000000000000003', 'bert-2', 'KE/MED/CLINIC9', 'https://w3id.org/dpv#Care', 3000, NULL,"
    " 1, 4, NULL)",
    "INSERT INTO consents VALUES (4, 'c-00000000000000000000000000000004', 'anna-1', 'KE/MED/CLINIC8', 'https://w3id.org/dpv#Care', 4000, NULL,"
    " NULL, 5, NULL)",
    "INSERT INTO consent_decisions VALUES (1, '" BLOOD "', 3, 1000, " YEAR_9000 ", 1000)",
    "INSERT INTO consent_decisions VALUES (1, '" NAME "', 6, 1000, " YEAR_9000 ", 1500)",
    "INSERT INTO consent_decisions VALUES (2, '" BLOOD "', 1, 2000, 2500, 2000)",
    "INSERT INTO consent_decisions VALUES (3, '" BLOOD "', 5, 3000, " YEAR_9000 ", 3000)",
    "INSERT INTO consent_decisions VALUES (4, '" BLOOD "', 3, 4000, " YEAR_9000 ", 4000)",
    "INSERT INTO consent_events VALUES (1, 1, NULL, 1, 'comity-event: consent/1' || char(10), 0)",
    "INSERT INTO consent_events VALUES (2, 1, NULL, 6, 'comity-event: consent/1' || char(10), 1)",
    "INSERT INTO consent_events VALUES (3, 2, NULL, 0, 'comity-event: consent/1' || char(10), 2)",
    "INSERT INTO consent_events VALUES (4, 3, NULL, 2, 'comity-event: consent/1' || char(10), 3)",
    "INSERT INTO consent_events VALUES (5, 4, NULL, 1, 'comity-event: consent/1' || char(10), NULL)",
    "INSERT INTO consent_events VALUES (6, NULL, 'anna-1', 32, 'comity-event: person/1' || char(10) || 'born: 4000' || char(10), 4)",
    "INSERT INTO consent_events VALUES (7, NULL, 'anna-1', 35, 'comity-event: person/1' || char(10) || 'born: 4000' || char(10)"
    " || 'paused: yes' || char(10), 5)",
    "INSERT INTO representatives VALUES ('g-1', 'carl-3', 2, 'mother-1', 'mother', zeroblob(32), zeroblob(32), 0, NULL, NULL)",
};

/* Without the consents: their opening would log what is not in the log. */
static void make_old(const struct rig *rig)
{
    sqlite3 *db = NULL;
    char version[64];
    int made = 0;
    assert_int_equal(sqlite3_open(rig->store_url + strlen("sqlite:"), &db), SQLITE_OK);
    run(db, "PRAGMA foreign_keys = ON; PRAGMA application_id = 0x436f6d69;");
    while (strcmp(migrations[made].what, "one row a consent") != 0) {
        for (const char *const *sql = migrations[made].statements; *sql != NULL; sql++) {
            run(db, *sql);
        }
        made++;
        assert_true((size_t)made < migration_count);
    }
    for (size_t i = 0; i < COUNT_OF(content); i++) {
        run(db, content[i]);
    }
    (void)snprintf(version, sizeof version, "PRAGMA user_version = %d", made);
    run(db, version);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(chmod(rig->store_url + strlen("sqlite:"), 0600), 0);
}

struct rows {
    char text[2048];
    size_t size;
};

static bool note(void *context, const struct consent_record *record)
{
    struct rows *rows = context;
    int size = snprintf(rows->text + rows->size, sizeof rows->text - rows->size, "%.*s %.*s %s %lld\n",
                        BYTES_FMT(bytes_slice(record->id, 30, 34)), BYTES_FMT(bytes_slice(record->category, 24, record->category.size)),
                        consent_state_name(record->state), (long long)record->changed_at_ms);
    rows->size += (size_t)size;
    return true;
}

static void what_it_said_it_says(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    struct consent_view view = { 0 };
    struct consent_person person;
    struct rows rows = { .size = 0 };
    make_old(rig);
    rig_open(rig);
    assert_true(consents_load(rig->consents, &anna, &view, &e));
    assert_int_equal(view.count, 2); /* what is only asked for does not speak */
    assert_true(bytes_equal(view.decisions[0].category, BYTES(BLOOD)));
    assert_int_equal(view.decisions[0].state, CONSENT_GIVEN);
    assert_int_equal(view.decisions[0].valid_from_ms, 1000);
    assert_true(view.decisions[0].valid_until_ms == INT64_C(221845392000000));
    assert_int_equal(view.decisions[0].terms->role, CONSENT_ROLE_PERSON);
    assert_int_equal(view.decisions[1].state, CONSENT_WITHDRAWN);
    assert_true(view.person.has_born && view.person.born_day == 4000 && view.person.is_paused);
    consent_view_clear(&view);
    struct consent_key bert = anna, late = anna;
    bert.person = BYTES("bert-2");
    late.recipient = BYTES("KE/MED/CLINIC8");
    assert_int_equal(rig_state(rig, &bert, BLOOD), CONSENT_REFUSED);
    assert_int_equal(rig_state(rig, &late, BLOOD), CONSENT_GIVEN); /* opening has logged it */
    assert_true(persons_find(rig->consents, BYTES("anna-1"), &person, &e) && person.born_day == 4000 && person.is_paused);
    assert_true(consent_list(rig->consents, BYTES_NONE, BYTES_NONE, note, &rows, &e));
    assert_string_equal(rows.text, "0004 BloodType given 4000\n"
                                   "0003 BloodType refused 3000\n"
                                   "0002 BloodType expired 2000\n"
                                   "0001 BloodType given 1000\n"
                                   "0001 Name withdrawn 1500\n");
}

/* It goes on as any other: what is old is swept, withdrawn and followed by new records. */
static void it_goes_on(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    size_t swept = 0, changed = 0;
    char id[CONSENT_ID_SIZE];
    make_old(rig);
    rig_open(rig);
    assert_true(consents_sweep(rig->consents, &swept, &e));
    assert_int_equal(swept, 1); /* the request that nobody answered */
    assert_true(consents_sweep(rig->consents, &swept, &e));
    assert_int_equal(swept, 0);
    assert_true(consent_withdraw(rig->consents, BYTES("c-00000000000000000000000000000001"), BYTES(BLOOD), NULL, NULL, &e));
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_WITHDRAWN);
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, id, &e));
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_GIVEN);
    assert_true(consent_withdraw_all(rig->consents, BYTES("anna-1"), &changed, &e));
    assert_int_equal(changed, 2);
    uint64_t records = 0;
    assert_true(consents_forget(rig->consents, BYTES("anna-1"), &records, &e));
    assert_int_equal(records, 4);
    struct consent_view view = { 0 };
    assert_true(consents_load(rig->consents, &anna, &view, &e));
    assert_true(view.count == 0 && !view.person.has_born);
    consent_view_clear(&view);
    /* Whoever comes back is somebody new, until erased again. */
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, id, &e));
    assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES_NONE, NULL, NULL, &e));
    assert_true(consents_forget(rig->consents, BYTES("anna-1"), &records, &e));
    assert_int_equal(records, 1);
    char alias[CONSENT_ALIAS_SIZE];
    struct rows rows = { .size = 0 };
    assert_true(consents_alias(rig->consents, BYTES("anna-1"), alias, &e));
    assert_true(consent_list(rig->consents, bytes_of_text(alias), BYTES_NONE, note, &rows, &e));
    size_t lines = 0;
    for (size_t i = 0; i < rows.size; i++) {
        lines += rows.text[i] == '\n';
    }
    assert_int_equal(lines, 6);
}

static int make_rig(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig_make(rig);
    *state = rig;
    return 0;
}

static int remove_rig(void **state)
{
    rig_remove(*state);
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_it_said_it_says, make_rig, remove_rig),
        cmocka_unit_test_setup_teardown(it_goes_on, make_rig, remove_rig),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
