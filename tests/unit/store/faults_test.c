/*
 * The database on a disk that fails: SQLite's own files go through a shim in front of its VFS, whose n-th call fails. After each fault
 * the database opens again and holds everything acknowledged, and of the rest all or nothing.
 */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store/state.h"

/* Each run makes a database by all migrations first, so one call in so many is enough. */
enum { CALLS_APART = 3 };
enum fault { FAULT_NONE = 0, FAULT_FULL, FAULT_IO, FAULT_SYNC };
static enum fault fault;
static int calls_left = -1;
static bool has_failed, stays_failed, is_read_only;

struct shim_file {
    sqlite3_file file; /* comes first */
    sqlite3_file *real;
};
static sqlite3_vfs shim_vfs, *real_vfs;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct shim_file *)file)->real;
}

/* Counts a call; the one that is due fails, and with `stays_failed` all after it: a full disk stays full. */
static bool fails_now(enum fault kind)
{
    if (fault != kind || calls_left < 0) {
        return false;
    }
    if (calls_left > 0) {
        calls_left--;
        return false;
    }
    has_failed = true;
    calls_left = stays_failed ? 0 : -1;
    return true;
}

static int shim_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int shim_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
    return real_of(file)->pMethods->xRead(real_of(file), data, size, offset);
}

static int shim_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    if (fails_now(FAULT_FULL)) {
        return SQLITE_FULL;
    }
    if (fails_now(FAULT_IO)) { /* torn: half of it is there */
        (void)real_of(file)->pMethods->xWrite(real_of(file), data, size / 2, offset);
        return SQLITE_IOERR_WRITE;
    }
    return real_of(file)->pMethods->xWrite(real_of(file), data, size, offset);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int shim_sync(sqlite3_file *file, int flags)
{
    return fails_now(FAULT_SYNC) ? SQLITE_IOERR_FSYNC : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int shim_lock(sqlite3_file *file, int kind)
{
    return real_of(file)->pMethods->xLock(real_of(file), kind);
}

static int shim_unlock(sqlite3_file *file, int kind)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), kind);
}

static int shim_check(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int shim_control(sqlite3_file *file, int operation, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int shim_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int shim_characteristics(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int shim_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, out);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void shim_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shim_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods shim_methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_check,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_characteristics,
    .xShmMap = shim_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_barrier,
    .xShmUnmap = shim_unmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    (void)vfs;
    struct shim_file *shim = (struct shim_file *)file;
    shim->real = (sqlite3_file *)(shim + 1);
    shim->file.pMethods = NULL;
    if (is_read_only) {
        flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    }
    int result = real_vfs->xOpen(real_vfs, name, shim->real, flags, out_flags);
    if (result == SQLITE_OK) {
        shim->file.pMethods = &shim_methods;
    }
    return result;
}

static char folder[64], path[96], url[112];

static void clean(void)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/comity-store-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/comity.db", folder);
    (void)snprintf(url, sizeof url, "sqlite:%s", path);
    real_vfs = sqlite3_vfs_find(NULL);
    shim_vfs = *real_vfs;
    shim_vfs.zName = "shim";
    shim_vfs.xOpen = shim_open;
    shim_vfs.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
    shim_vfs.pNext = NULL;
    return sqlite3_vfs_register(&shim_vfs, 1) == SQLITE_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    clean();
    (void)rmdir(folder);
    return sqlite3_vfs_unregister(&shim_vfs) == SQLITE_OK ? 0 : -1;
}

/* Two values that change together, ten times; how often that was acknowledged. `*kind`: of the first failure. */
static uint64_t work(enum error_kind *kind)
{
    struct store *store = NULL;
    struct error e = { 0 };
    uint64_t done = 0;
    *kind = ERROR_NONE;
    if (!store_open(&store, url, &e)) {
        *kind = e.kind;
        return 0;
    }
    for (uint64_t i = 1; i <= 10; i++) {
        if (!store_begin(store, &e)) {
            break;
        }
        if (!state_set_u64(store, "a", i, &e) || !state_set_u64(store, "b", i, &e)) {
            store_rollback(store);
            break;
        }
        if (!store_commit(store, &e)) {
            break;
        }
        done = i;
    }
    *kind = done == 10 ? ERROR_NONE : e.kind;
    store_close(store);
    return done;
}

static uint64_t read_value(struct store *store, const char *name)
{
    struct error e = { 0 };
    uint64_t value = 0;
    if (!state_get_u64(store, name, &value, &e) && e.kind != ERROR_ABSENT) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return value;
}

static void each_fault_is_survived(enum fault kind, bool stays, enum error_kind want)
{
    int n = 0;
    bool met_fault = true;
    for (; met_fault; n += CALLS_APART) {
        clean();
        fault = kind;
        stays_failed = stays;
        has_failed = false;
        calls_left = n;
        enum error_kind told;
        uint64_t done = work(&told);
        met_fault = has_failed;
        calls_left = -1;
        struct store *store = NULL;
        struct error e = { 0 };
        if (!store_open(&store, url, &e)) {
            fail_msg("fault %d at call %d: does not open again: %s", kind, n, e.what);
        }
        uint64_t a = read_value(store, "a"), b = read_value(store, "b");
        store_close(store);
        bool is_told = done == 10 || told == want;
        if (a != b || a < done || a > done + 1 || !is_told) {
            fail_msg("fault %d at call %d: a %llu, b %llu, acknowledged %llu, error kind %d", kind, n, (unsigned long long)a,
                     (unsigned long long)b, (unsigned long long)done, told);
        }
    }
    print_message("one in three of %d calls made to fail\n", n - CALLS_APART);
    assert_true(n > 10);
}

static void a_full_disk(void **state)
{
    (void)state;
    each_fault_is_survived(FAULT_FULL, true, ERROR_FULL);
}

static void a_write_that_fails_once(void **state)
{
    (void)state;
    each_fault_is_survived(FAULT_IO, false, ERROR_IO);
}

static void a_sync_that_fails(void **state)
{
    (void)state;
    each_fault_is_survived(FAULT_SYNC, false, ERROR_IO);
}

static void a_read_only_file(void **state)
{
    (void)state;
    struct store *store = NULL;
    struct error e = { 0 };
    clean();
    assert_true(store_open(&store, url, &e));
    store_close(store);
    is_read_only = true;
    assert_false(store_open(&store, url, &e));
    is_read_only = false;
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_non_null(strstr(e.what, "read-only"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(a_write_that_fails_once),
        cmocka_unit_test(a_sync_that_fails),
        cmocka_unit_test(a_read_only_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
