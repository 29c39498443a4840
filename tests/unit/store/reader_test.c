/* Reading beside writers: a read waits for none of them, and sees what was committed before it and nothing else. */
#include "store/store.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/time.h"

#include "store/state.h"

enum { AT_ONCE_MS = 1000 /* a writer waits 5000 */, READERS = 3, COMMITS = 300 };

struct fixture {
    char folder[64], path[96];
    struct store *store;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error e;
    char url[112];
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/comity-store-XXXXXX");
    if (mkdtemp(f->folder) == NULL) {
        return -1;
    }
    (void)snprintf(f->path, sizeof f->path, "%s/comity.db", f->folder);
    (void)snprintf(url, sizeof url, "sqlite:%s", f->path);
    *state = f;
    return store_open(&f->store, url, &e) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char path[128];
    store_close(f->store);
    (void)snprintf(path, sizeof path, "%s-wal", f->path);
    int was_left = access(path, F_OK) == 0; /* the writer closes last, and takes the write-ahead log away */
    (void)unlink(f->path);
    (void)rmdir(f->folder);
    free(f);
    return was_left ? -1 : 0;
}

/* Two values that are only ever written together. */
struct pair {
    uint64_t a, b;
    size_t rows;
};

static bool take_pair(void *context, const struct store_value *columns, size_t count)
{
    struct pair *pair = context;
    assert_int_equal(count, 2);
    assert_true(bytes_to_u64(columns[1].bytes, bytes_equal(columns[0].bytes, BYTES("a")) ? &pair->a : &pair->b));
    pair->rows++;
    return pair->rows < 2; /* true after the first; at the second the statement is left before its end */
}

static struct pair read_pair(struct store *store)
{
    static const char sql[] = "SELECT name, value FROM state WHERE name IN ('a', 'b', 'c') ORDER BY name";
    struct error e = { 0 };
    struct pair pair = { 0 };
    if (!store_read(store, sql, NULL, 0, take_pair, &pair, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return pair;
}

static bool write_pair(struct store *store, uint64_t number, struct error *e)
{
    return state_set_u64(store, "a", number, e) && state_set_u64(store, "b", number, e) && state_set_u64(store, "c", number, e);
}

static void *read_in_thread(void *context)
{
    struct store *store = context;
    struct pair *pair = calloc(1, sizeof *pair);
    *pair = read_pair(store);
    return pair;
}

/* Read by another thread, which would wait for ever if it needed what the transaction of this one holds. */
static uint64_t read_elsewhere(struct store *store)
{
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(pthread_create(&thread, NULL, read_in_thread, store), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    struct pair pair = *(struct pair *)result;
    free(result);
    assert_true(pair.a == pair.b);
    return pair.a;
}

static void an_open_transaction_is_not_waited_for_nor_seen(void **state)
{
    struct fixture *f = *state;
    struct error e;
    assert_true(store_begin(f->store, &e) && write_pair(f->store, 1, &e));
    assert_int_equal(read_elsewhere(f->store), 0);
    assert_int_equal(read_pair(f->store).rows, 0);
    assert_true(store_commit(f->store, &e));
    assert_int_equal(read_elsewhere(f->store), 1);
    assert_true(store_begin(f->store, &e) && write_pair(f->store, 2, &e));
    assert_int_equal(read_elsewhere(f->store), 1);
    store_rollback(f->store);
    assert_int_equal(read_elsewhere(f->store), 1);
}

struct waiting_writer {
    struct store *store;
    _Atomic bool is_begun, has_failed;
};

static void *write_when_possible(void *context)
{
    struct waiting_writer *writer = context;
    struct error e;
    if (!store_begin(writer->store, &e)) {
        writer->has_failed = true;
        return NULL;
    }
    writer->is_begun = true;
    writer->has_failed = !write_pair(writer->store, 2, &e) || !store_commit(writer->store, &e);
    return NULL;
}

/* Another process writes, and a transaction of this one waits for it: reads go on meanwhile. */
static void a_waiting_transaction_is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    struct error e;
    struct waiting_writer writer = { .store = f->store };
    pthread_t thread;
    sqlite3 *other = NULL;
    assert_true(store_begin(f->store, &e) && write_pair(f->store, 1, &e) && store_commit(f->store, &e));
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE; UPDATE state SET value = '9'", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(pthread_create(&thread, NULL, write_when_possible, &writer), 0);
    (void)usleep(200 * 1000); /* by now it waits */
    uint64_t begin_us = time_monotonic_us();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(read_pair(f->store).a, 1);
    }
    uint64_t took_ms = (time_monotonic_us() - begin_us) / 1000;
    assert_false(writer.is_begun);
    assert_true(took_ms < AT_ONCE_MS);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_false(writer.has_failed);
    assert_int_equal(read_pair(f->store).a, 2);
}

static void refuses_what_is_no_query(void **state)
{
    struct fixture *f = *state;
    static const char *const no_query[] = { "BEGIN", "BEGIN IMMEDIATE", "COMMIT", "DELETE FROM state", "PRAGMA query_only = OFF" };
    struct error e = { 0 };
    assert_true(write_pair(f->store, 1, &e));
    for (size_t i = 0; i < COUNT_OF(no_query); i++) {
        if (store_read(f->store, no_query[i], NULL, 0, NULL, NULL, &e)) {
            fail_msg("%s was run", no_query[i]);
        }
        assert_int_equal(e.kind, ERROR_INPUT);
    }
    assert_false(store_read(f->store, "DELETE FROM state RETURNING name", NULL, 0, NULL, NULL, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_true(write_pair(f->store, 2, &e)); /* nothing of it holds a lock or an old state */
    assert_int_equal(read_pair(f->store).a, 2);
}

struct nested {
    struct store *store;
    uint64_t inner;
};

static bool read_inside(void *context, const struct store_value *columns, size_t count)
{
    struct nested *nested = context;
    struct error e;
    (void)columns;
    (void)count;
    assert_true(write_pair(nested->store, 2, &e)); /* its reading keeps out no writing */
    nested->inner = read_pair(nested->store).a;
    return false;
}

static void a_read_inside_a_read_sees_what_that_one_sees(void **state)
{
    struct fixture *f = *state;
    struct error e;
    struct nested nested = { .store = f->store };
    assert_true(write_pair(f->store, 1, &e));
    assert_true(store_read(f->store, "SELECT name FROM state", NULL, 0, read_inside, &nested, &e));
    assert_int_equal(nested.inner, 1);
    assert_int_equal(read_pair(f->store).a, 2);
}

struct history {
    struct store *store;
    _Atomic uint64_t acknowledged;
    _Atomic bool is_over;
    _Atomic unsigned reads, stale, torn, backwards;
};

static void *read_history(void *context)
{
    struct history *history = context;
    uint64_t last = 0;
    while (!history->is_over) {
        uint64_t least = history->acknowledged;
        struct pair pair = read_pair(history->store);
        history->stale += pair.a < least;
        history->torn += pair.a != pair.b;
        history->backwards += pair.a < last;
        last = pair.a;
        history->reads++;
    }
    return NULL;
}

/* Whatever a commit was acknowledged before a read began is in it, whole, while the write-ahead log grows and starts anew. */
static void reads_see_each_commit_that_came_before(void **state)
{
    struct fixture *f = *state;
    struct error e;
    struct history history = { .store = f->store };
    pthread_t threads[READERS];
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_history, &history), 0);
    }
    bool ok = true;
    for (uint64_t i = 1; i <= COMMITS && ok; i++) {
        ok = store_begin(f->store, &e) && write_pair(f->store, i, &e) && store_commit(f->store, &e);
        history.acknowledged = ok ? i : history.acknowledged;
        if (i % 50 == 0) {
            static const char restart[] = "PRAGMA wal_checkpoint(PASSIVE)";
            ok = ok && store_run(f->store, restart, NULL, 0, NULL, NULL, NULL, &e);
        }
    }
    history.is_over = true;
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    print_message("%u reads beside %d commits\n", history.reads, COMMITS);
    assert_true(ok);
    assert_int_equal(history.stale + history.torn + history.backwards, 0);
    assert_true(history.reads > COMMITS / 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_open_transaction_is_not_waited_for_nor_seen), TEST(a_waiting_transaction_is_not_waited_for), TEST(refuses_what_is_no_query),
        TEST(a_read_inside_a_read_sees_what_that_one_sees),   TEST(reads_see_each_commit_that_came_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
