/*
 * A power cut that takes from the database what was committed without waiting for the disk: the log has it, and brings it back. And that a change
 * waits for the disk once: fsync and fdatasync are counted here, in front of the C library's.
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/time.h"

#define BLOOD "https://w3id.org/dpv/pd#BloodType"
static const struct consent_key anna = { BYTES("anna-1"), BYTES("KE/MED/CLINIC9"), BYTES("https://w3id.org/dpv#Care") };

static _Atomic unsigned syncs;

int fsync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

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

static void a_change_waits_for_the_disk_once(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    char id[CONSENT_ID_SIZE];
    (void)rig_append(rig, RECORD_EVENT, BYTES("the log's first segment is made"));
    for (int i = 0; i < 5; i++) {
        (void)usleep(200 * 1000); /* what the log publishes, and prepares, is behind it */
        unsigned before = syncs;
        assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, id, &e));
        assert_int_equal(syncs - before, 1);
        (void)usleep(200 * 1000);
        before = syncs;
        assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES_NONE, NULL, NULL, &e));
        assert_int_equal(syncs - before, 1);
    }
}

/* ---- what is in the database, as text ---- */

static int append_row(void *context, int count, char **values, char **names)
{
    struct buffer *out = context;
    (void)names;
    for (int i = 0; i < count; i++) {
        buffer_append_text(out, values[i] == NULL ? "-" : values[i]);
        buffer_append_text(out, "|");
    }
    buffer_append_text(out, "\n");
    return 0;
}

static void dump(const struct rig *rig, struct buffer *out)
{
    static const char *const queries[] = {
        ("SELECT number, id, person, recipient, purpose, decided, created_at, valid_from, valid_until, ends, terms, hex(digest), prev, decisions"
         " FROM consents ORDER BY 1"),
        "SELECT * FROM persons ORDER BY 2",
        "SELECT * FROM consent_names ORDER BY 1",
        "SELECT * FROM consent_events ORDER BY 1",
        "SELECT number, hex(digest), text FROM consent_terms ORDER BY 1",
        "SELECT * FROM representatives ORDER BY 1"
    };
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(rig->store_url + strlen("sqlite:"), &db), SQLITE_OK);
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        char *message = NULL;
        if (sqlite3_exec(db, queries[i], append_row, out, &message) != SQLITE_OK) {
            fail_msg("%s", message);
        }
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_false(out->failed);
}

static void copy_file(const char *from, const char *to)
{
    char block[65536];
    ssize_t size;
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(in >= 0 && out >= 0);
    while ((size = read(in, block, sizeof block)) > 0) {
        assert_true(write(out, block, (size_t)size) == size);
    }
    (void)close(in);
    (void)close(out);
}

/* The database as it is now, for put_back(). */
static void set_aside(const struct rig *rig)
{
    static const char *const ends[] = { "", "-wal" };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char from[256], to[256];
        (void)snprintf(from, sizeof from, "%s/comity.db%s", rig->folder, ends[i]);
        (void)snprintf(to, sizeof to, "%s/aside.db%s", rig->folder, ends[i]);
        copy_file(from, to);
    }
}

static void put_back(const struct rig *rig)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char from[256], to[256];
        (void)snprintf(from, sizeof from, "%s/aside.db%s", rig->folder, ends[i]);
        (void)snprintf(to, sizeof to, "%s/comity.db%s", rig->folder, ends[i]);
        (void)unlink(to);
        if (i < 2) {
            copy_file(from, to);
        }
    }
}

static void what_a_power_cut_took_comes_back_from_the_log(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    char given[CONSENT_ID_SIZE], later[CONSENT_ID_SIZE], refused[CONSENT_ID_SIZE];
    struct consent_key bert = anna, carl = anna;
    struct buffer before, after;
    bert.person = BYTES("bert-2");
    carl.person = BYTES("carl-3");
    buffer_init(&before, 1024 * 1024);
    buffer_init(&after, 1024 * 1024);
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, given, &e));
    set_aside(rig);
    assert_true(consent_withdraw(rig->consents, bytes_of_text(given), BYTES_NONE, NULL, NULL, &e));
    assert_true(rig_decide(rig, &bert, BLOOD, CONSENT_EVENT_GIVE, later, &e));
    assert_true(rig_decide(rig, &bert, "https://w3id.org/dpv/pd#Name", CONSENT_EVENT_GIVE, later, &e));
    assert_true(rig_decide(rig, &carl, BLOOD, CONSENT_EVENT_REFUSE, refused, &e));
    assert_true(consent_withdraw_all(rig->consents, bert.person, NULL, &e));
    assert_true(rig_decide(rig, &carl, BLOOD, CONSENT_EVENT_GIVE, refused, &e));
    dump(rig, &before);
    rig_close(rig);

    put_back(rig);
    rig_open(rig);
    dump(rig, &after);
    assert_true(bytes_equal(buffer_bytes(&before), buffer_bytes(&after)));
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_WITHDRAWN);
    assert_int_equal(rig_state(rig, &bert, BLOOD), CONSENT_WITHDRAWN);
    assert_int_equal(rig_state(rig, &carl, BLOOD), CONSENT_GIVEN);
    /* And goes on: numbers, sequences and the log's order are as if nothing had been. */
    assert_true(consent_withdraw(rig->consents, bytes_of_text(refused), BYTES_NONE, NULL, NULL, &e));
    rig_close(rig);
    rig_open(rig);
    assert_int_equal(rig_state(rig, &carl, BLOOD), CONSENT_WITHDRAWN);
    struct rig_order order = rig_check_order(rig);
    assert_true(order.faults == 0 && order.twice == 0);
    buffer_clear(&before);
    buffer_clear(&after);
}

/* A database of another history, with this log: it does not start. */
static void a_database_that_is_not_the_logs_is_refused(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    char id[CONSENT_ID_SIZE];
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, id, &e));
    consents_close(rig->consents);
    rig->consents = NULL;
    int64_t changed = 0;
    assert_true(
        store_run(rig->store, "UPDATE consent_events SET payload = payload || 'x', log_index = NULL", NULL, 0, NULL, NULL, &changed, &e));
    assert_true(store_run(rig->store, "DELETE FROM state WHERE name LIKE 'counters.%'", NULL, 0, NULL, NULL, &changed, &e));
    const struct consents_options options = {
        .store = rig->store, .committer = rig->committer, .public = rig->public, .private = rig->private
    };
    assert_false(consents_open(&rig->consents, &options, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(e.what, "entry 0"));
    assert_null(strstr(e.what, "anna"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_rig, remove_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_waits_for_the_disk_once),
        TEST(what_a_power_cut_took_comes_back_from_the_log),
        TEST(a_database_that_is_not_the_logs_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
