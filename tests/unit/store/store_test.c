#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store/migrations.h"
#include "store/policies.h"
#include "store/state.h"

struct fixture {
    char folder[64];
    char path[96];
    char url[112];
};

static int make_folder(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/comity-store-XXXXXX");
    if (mkdtemp(f->folder) == NULL) {
        return -1;
    }
    (void)snprintf(f->path, sizeof f->path, "%s/comity.db", f->folder);
    (void)snprintf(f->url, sizeof f->url, "sqlite:%s", f->path);
    *state = f;
    return 0;
}

static int remove_folder(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = { "comity.db", "comity.db-wal", "comity.db-shm", "comity.db-journal" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", f->folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(f->folder);
    free(f);
    return 0;
}

static struct store *must_open(const struct fixture *f)
{
    struct store *store = NULL;
    struct error e = { 0 };
    if (!store_open(&store, f->url, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return store;
}

static void must_fail(const char *url, enum error_kind kind)
{
    struct store *store = (struct store *)1;
    struct error e = { 0 };
    if (store_open(&store, url, &e)) {
        fail_msg("%s was opened", url);
    }
    assert_null(store);
    if (e.kind != kind || e.what[0] == '\0' || e.where[0] == '\0' || e.todo[0] == '\0') {
        fail_msg("%s: kind %d, want %d: %s: %s; %s", url, e.kind, kind, e.where, e.what, e.todo);
    }
}

static void raw(const struct fixture *f, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(chmod(f->path, 0600), 0);
}

static void opens_and_opens_again(void **state)
{
    struct fixture *f = *state;
    struct error e;
    struct store *store = must_open(f);
    struct stat status;
    assert_int_equal(stat(f->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_true(state_set_u64(store, "serial", UINT64_MAX, &e));
    store_close(store);
    store = must_open(f);
    uint64_t value = 0;
    assert_true(state_get_u64(store, "serial", &value, &e));
    assert_true(value == UINT64_MAX);
    store_close(store);
    store_close(NULL);
}

static void two_handles_share_a_file(void **state)
{
    struct fixture *f = *state;
    struct error e;
    uint64_t value = 0;
    struct store *a = must_open(f), *b = must_open(f);
    assert_true(state_set_u64(a, "x", 1, &e));
    assert_true(state_set_u64(b, "x", 2, &e));
    assert_true(state_get_u64(a, "x", &value, &e));
    assert_int_equal(value, 2);
    store_close(a);
    store_close(b);
}

static void refuses_what_it_cannot_open(void **state)
{
    struct fixture *f = *state;
    char url[160];
    must_fail("postgresql://gateway:secret@db/comity", ERROR_INPUT);
    must_fail("sqlite:", ERROR_INPUT);
    must_fail("mysql:x", ERROR_INPUT);
    must_fail("", ERROR_INPUT);
    struct error e = { 0 };
    struct store *store;
    assert_false(store_open(&store, "postgresql://gateway:secret@db/comity", &e));
    assert_null(strstr(e.what, "secret"));
    (void)snprintf(url, sizeof url, "sqlite:%s/no/such.db", f->folder);
    must_fail(url, ERROR_ABSENT);
    (void)snprintf(url, sizeof url, "sqlite:%s", f->folder);
    must_fail(url, ERROR_INPUT);
    store_close(must_open(f));
    assert_int_equal(chmod(f->path, 0640), 0);
    must_fail(f->url, ERROR_DENIED);
}

static void refuses_a_file_of_another_program(void **state)
{
    struct fixture *f = *state;
    raw(f, "CREATE TABLE a (b)");
    must_fail(f->url, ERROR_INPUT);
    raw(f, "DROP TABLE a; PRAGMA application_id = 7");
    must_fail(f->url, ERROR_INPUT);
    int fd = open(f->path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(write(fd, "no database", 11), 11);
    }
    assert_int_equal(close(fd), 0);
    must_fail(f->url, ERROR_INPUT);
}

static void refuses_a_newer_version(void **state)
{
    struct fixture *f = *state;
    store_close(must_open(f));
    raw(f, "PRAGMA user_version = 1000");
    must_fail(f->url, ERROR_INPUT);
}

/* A database as the first version left it gets the later steps, and keeps what it held. */
static void migrates_from_each_version(void **state)
{
    struct fixture *f = *state;
    for (size_t version = 1; version <= migration_count; version++) {
        for (size_t i = 0; i < version; i++) {
            for (const char *const *sql = migrations[i].statements; *sql != NULL; sql++) {
                raw(f, *sql);
            }
        }
        char pragmas[128];
        (void)snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = 1131375977; PRAGMA user_version = %zu;", version);
        raw(f, pragmas);
        raw(f, "INSERT INTO state (name, value) VALUES ('kept', 'yes')");
        struct store *store = must_open(f);
        struct buffer text;
        struct error e;
        int64_t changed = 0;
        buffer_init(&text, 100);
        assert_true(state_get_text(store, "kept", &text, &e));
        assert_true(bytes_equal(buffer_bytes(&text), BYTES("yes")));
        assert_true(store_run(store, "DELETE FROM uses", NULL, 0, NULL, NULL, &changed, &e));
        buffer_clear(&text);
        store_close(store);
        assert_int_equal(unlink(f->path), 0);
    }
}

static bool count_row(void *context, const struct store_value *columns, size_t count)
{
    (void)columns;
    (void)count;
    (*(int *)context)++;
    return true;
}

static void transactions_hold_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    static const char all[] = "SELECT name FROM state";
    struct error e;
    struct store *store = must_open(f);
    int count = 0;
    assert_true(store_begin(store, &e));
    assert_false(store_begin(store, &e));
    assert_true(state_set_text(store, "a", BYTES("1"), &e));
    store_rollback(store);
    assert_true(store_run(store, all, NULL, 0, count_row, &count, NULL, &e));
    assert_int_equal(count, 0);
    assert_true(store_begin(store, &e));
    assert_true(state_set_text(store, "a", BYTES("1"), &e));
    assert_true(state_set_text(store, "b", BYTES_NONE, &e));
    assert_true(store_commit(store, &e));
    assert_true(store_run(store, all, NULL, 0, count_row, &count, NULL, &e));
    assert_int_equal(count, 2);
    store_close(store);
}

static void errors_hide_values(void **state)
{
    struct fixture *f = *state;
    static const char sql[] = "INSERT INTO api_objects (number, kind, id, owner, content, is_deleted) VALUES (1, 'k', ?1, ?2, '', 0)";
    struct error e = { 0 };
    struct store *store = must_open(f);
    struct store_value values[] = { STORE_STR(BYTES("c-1")), STORE_STR(BYTES("person-4711")) };
    assert_true(store_run(store, sql, values, 2, NULL, NULL, NULL, &e));
    assert_false(store_run(store, sql, values, 2, NULL, NULL, NULL, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_null(strstr(e.what, "4711"));
    assert_false(store_run(store, "INSERT INTO consent_events VALUES (1, 99, NULL, 1, '', NULL)", NULL, 0, NULL, NULL, NULL, &e));
    assert_false(store_run(store, "SELECT nonsense", NULL, 0, NULL, NULL, NULL, &e));
    struct store_value too_many[] = { STORE_INT(1), STORE_INT(2) };
    assert_false(store_run(store, "SELECT ?1", too_many, 2, NULL, NULL, NULL, &e));
    store_close(store);
}

struct nested {
    struct store *store;
    const char *sql;
    bool inner_ok;
};

static bool run_inner(void *context, const struct store_value *columns, size_t count)
{
    struct nested *nested = context;
    struct error e;
    (void)columns;
    (void)count;
    nested->inner_ok = store_run(nested->store, nested->sql, NULL, 0, NULL, NULL, NULL, &e);
    return true;
}

static void a_statement_does_not_run_inside_itself(void **state)
{
    struct fixture *f = *state;
    static const char outer[] = "SELECT 1", other[] = "SELECT 2";
    struct error e;
    struct nested nested = { must_open(f), outer, true };
    assert_true(store_run(nested.store, outer, NULL, 0, run_inner, &nested, NULL, &e));
    assert_false(nested.inner_ok);
    nested.sql = other;
    assert_true(store_run(nested.store, outer, NULL, 0, run_inner, &nested, NULL, &e));
    assert_true(nested.inner_ok);
    store_close(nested.store);
}

static bool check_types(void *context, const struct store_value *columns, size_t count)
{
    assert_int_equal(count, 5);
    assert_int_equal(columns[0].type, STORE_NULL);
    assert_true(columns[1].type == STORE_INTEGER && columns[1].integer == INT64_MIN);
    assert_true(columns[2].type == STORE_TEXT && bytes_equal(columns[2].bytes, BYTES("t\0t")));
    assert_true(columns[3].type == STORE_BLOB && bytes_equal(columns[3].bytes, BYTES("\0\xff")));
    assert_true(columns[4].type == STORE_TEXT && columns[4].bytes.size == 0);
    *(bool *)context = true;
    return true;
}

static void values_of_each_type_come_back(void **state)
{
    struct fixture *f = *state;
    struct error e;
    bool seen = false;
    struct store *store = must_open(f);
    struct store_value values[] = {
        { .type = STORE_NULL }, STORE_INT(INT64_MIN), STORE_STR(BYTES("t\0t")), STORE_BIN(BYTES("\0\xff")), STORE_STR(BYTES_NONE)
    };
    assert_true(store_run(store, "SELECT ?1, ?2, ?3, ?4, ?5", values, 5, check_types, &seen, NULL, &e));
    assert_true(seen);
    store_close(store);
}

/* More statements than are kept: those past the limit work as well. */
static void runs_more_statements_than_it_keeps(void **state)
{
    struct fixture *f = *state;
    static char sql[300][32];
    struct error e;
    struct store *store = must_open(f);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT_OF(sql); i++) {
            int count = 0;
            (void)snprintf(sql[i], sizeof sql[i], "SELECT %zu", i);
            assert_true(store_run(store, sql[i], NULL, 0, count_row, &count, NULL, &e));
            assert_int_equal(count, 1);
        }
    }
    store_close(store);
}

enum { ADDERS = 4, ADDS = 25 };

static bool take_number(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)context = columns[0].integer;
    return false;
}

static void *add_numbers(void *context)
{
    static const char read[] = "SELECT coalesce(max(version), 0) FROM policies";
    static const char write[] = "INSERT INTO policies (version, digest, applied_at, file, content) VALUES (?1, x'00', 0, '', '')";
    struct store *store = context;
    struct error e = { 0 };
    for (int i = 0; i < ADDS; i++) {
        int64_t last = 0;
        if (!store_begin(store, &e) || !store_run(store, read, NULL, 0, take_number, &last, NULL, &e)) {
            return store; /* anything but NULL: failed */
        }
        struct store_value values[] = { STORE_INT(last + 1) };
        if (!store_run(store, write, values, 1, NULL, NULL, NULL, &e) || !store_commit(store, &e)) {
            return store;
        }
    }
    return NULL;
}

/* Threads on one handle and on two: no number is lost or taken twice. */
static void threads_take_turns(void **state)
{
    struct fixture *f = *state;
    struct store *stores[2] = { must_open(f), must_open(f) };
    pthread_t threads[ADDERS];
    for (int i = 0; i < ADDERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_numbers, stores[i % 2]), 0);
    }
    for (int i = 0; i < ADDERS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    int64_t count = 0;
    struct error e;
    assert_true(store_run(stores[0], "SELECT count(*) FROM policies", NULL, 0, take_number, &count, NULL, &e));
    assert_int_equal(count, ADDERS * ADDS);
    store_close(stores[0]);
    store_close(stores[1]);
}

static void state_tells_absent_from_wrong(void **state)
{
    struct fixture *f = *state;
    struct error e = { 0 };
    struct store *store = must_open(f);
    uint64_t value;
    assert_false(state_get_u64(store, "never", &value, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_true(state_set_text(store, "text", BYTES("12a"), &e));
    assert_false(state_get_u64(store, "text", &value, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_true(state_set_u64(store, "text", 12, &e));
    assert_true(state_get_u64(store, "text", &value, &e));
    assert_int_equal(value, 12);
    store_close(store);
}

static bool note_version(void *context, const struct policy_version *version)
{
    uint64_t *versions = context;
    *versions = *versions * 10 + version->version;
    return true;
}

static void policies_are_kept_by_version(void **state)
{
    struct fixture *f = *state;
    struct error e = { 0 };
    struct store *store = must_open(f);
    struct policy_version current;
    struct buffer holder;
    uint64_t version = 0;
    bool is_changed = false;
    assert_false(policy_store_current(store, &current, &holder, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_true(policy_store_put(store, BYTES("a: 1\n"), "a.yaml", 5, &version, &is_changed, &e));
    assert_true(version == 1 && is_changed);
    assert_true(policy_store_put(store, BYTES("a: 1\n"), "b.yaml", 6, &version, &is_changed, &e));
    assert_true(version == 1 && !is_changed);
    assert_true(policy_store_put(store, BYTES("a: 2\n"), "b.yaml", 7, &version, NULL, &e));
    assert_true(policy_store_put(store, BYTES("a: 1\n"), "c.yaml", 8, &version, NULL, &e));
    assert_int_equal(version, 3);
    assert_false(policy_store_put(store, BYTES("a: \xff"), "c.yaml", 8, NULL, NULL, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_true(policy_store_current(store, &current, &holder, &e));
    uint8_t digest[SHA256_SIZE];
    sha256(BYTES("a: 1\n"), digest);
    assert_true(current.version == 3 && current.applied_at_ms == 8 && bytes_equal(current.text, BYTES("a: 1\n")));
    assert_true(bytes_equal(current.file, BYTES("c.yaml")));
    assert_memory_equal(current.digest, digest, SHA256_SIZE);
    buffer_clear(&holder);
    uint64_t versions = 0;
    assert_true(policy_store_history(store, note_version, &versions, &e));
    assert_int_equal(versions, 321);
    assert_true(store_run(store, "UPDATE policies SET content = 'a: 3' WHERE version = 3", NULL, 0, NULL, NULL, NULL, &e));
    assert_false(policy_store_current(store, &current, &holder, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    buffer_clear(&holder);
    store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(opens_and_opens_again),
        TEST(two_handles_share_a_file),
        TEST(refuses_what_it_cannot_open),
        TEST(refuses_a_file_of_another_program),
        TEST(refuses_a_newer_version),
        TEST(migrates_from_each_version),
        TEST(transactions_hold_all_or_nothing),
        TEST(errors_hide_values),
        TEST(a_statement_does_not_run_inside_itself),
        TEST(values_of_each_type_come_back),
        TEST(runs_more_statements_than_it_keeps),
        TEST(threads_take_turns),
        TEST(state_tells_absent_from_wrong),
        TEST(policies_are_kept_by_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
