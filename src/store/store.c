#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "store/changes_internal.h"
#include "store/state.h"

/*
 * Makes the file private before SQLite sees it: SQLite would make it by the umask, and gives the -wal and -shm files beside it the
 * same mode. An existing file is only looked at: opening and closing it here would drop the locks that another handle of this
 * process has on it (POSIX advisory locks).
 */
static bool prepare_file(const char *path, struct error *e)
{
    struct stat status;
    if (stat(path, &status) == 0) {
        if (!S_ISREG(status.st_mode)) {
            return error_set(e, ERROR_INPUT, path, "name a file in store.url", "this is not a file");
        }
        if ((status.st_mode & 077) != 0) {
            return error_set(e, ERROR_DENIED, path, "run chmod 600 on it", "others than its owner may read or write the database");
        }
        return true;
    }
    int fd = errno == ENOENT ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (fd < 0) {
        if (errno == EEXIST) {
            return true; /* another process was quicker, and made it as we would have */
        }
        if (errno == ENOENT) {
            return error_set(e, ERROR_ABSENT, path, "make the folder first", "its folder is not there");
        }
        if (errno == EACCES || errno == EROFS || errno == EPERM) {
            char text[128];
            return error_set(e, ERROR_DENIED, path, "give this user the file and its folder, or mount the disk for writing",
                             "the database can't be made: %s", strerror_r(errno, text, sizeof text));
        }
        return error_system(e, path, "check the folder and its disk");
    }
    if (close(fd) != 0) {
        return error_system(e, path, "check the disk");
    }
    return true;
}

/* The file's name within the URL; NULL if it is no URL of ours. */
static const char *parse_url(const char *url, struct error *e)
{
    struct bytes text = bytes_of_text(url);
    if (bytes_start_with(text, BYTES("postgresql://")) || bytes_start_with(text, BYTES("postgres://"))) {
        /* The URL may hold a password: it isn't repeated. */
        (void)error_set(e, ERROR_INPUT, "store.url", "use sqlite:FILE", "this build has no PostgreSQL");
        return NULL;
    }
    if (!bytes_start_with(text, BYTES("sqlite:")) || text.size == strlen("sqlite:")) {
        (void)error_set(e, ERROR_INPUT, "store.url", "use sqlite:FILE", "the URL names no database that this program knows");
        return NULL;
    }
    return url + strlen("sqlite:");
}

/*
 * synchronous=FULL: in WAL mode a commit is then on the disk when it returns, not only after the next checkpoint. An acknowledged
 * withdrawal must outlive a power cut.
 */
static bool configure(struct connection *writer, struct error *e)
{
    int64_t is_wal = 0;
    if (sqlite3_db_readonly(writer->db, "main") == 1) {
        return store_fail(e, writer->db, SQLITE_READONLY, writer->path);
    }
    if (!connection_execute(writer, "PRAGMA journal_mode = WAL", e) || !connection_execute(writer, "PRAGMA synchronous = FULL", e) ||
        !connection_execute(writer, "PRAGMA foreign_keys = ON", e) || !connection_execute(writer, "PRAGMA trusted_schema = OFF", e) ||
        !connection_execute(writer, "PRAGMA cell_size_check = ON", e) ||
        !connection_query_number(writer, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'", &is_wal, e)) {
        return false;
    }
    /* Debian's SQLite does so by itself. */
    if (!connection_execute(writer, "PRAGMA secure_delete = ON", e)) {
        return false;
    }
    return is_wal == 1 || error_set(e, ERROR_IO, writer->path, "put it on a local disk with shared memory (not a network share)",
                                    "the database can't keep a write-ahead log there");
}

static const char *vfs_name(const struct store *store)
{
    return store->vfs == NULL ? NULL : disk_vfs_name(store->vfs);
}

/* Once the schema is there. The version is read so that what is wrong is told now, not at the first request. */
static bool open_reader(struct store *store, struct error *e)
{
    struct connection *reader = &store->reader;
    int64_t version;
    return connection_open(reader, store->path, SQLITE_OPEN_READONLY, vfs_name(store), e) &&
           connection_execute(reader, "PRAGMA query_only = ON", e) &&
           connection_execute(reader, "PRAGMA cache_size = -65536", e) && /* KiB: a lookup in a large index then reads a page or two */
           connection_execute(reader, "PRAGMA trusted_schema = OFF", e) && connection_execute(reader, "PRAGMA cell_size_check = ON", e) &&
           connection_query_number(reader, "PRAGMA user_version", &version, e);
}

static bool open_store(struct store **out, struct disk *disk, const char *prefix, const char *name, struct error *e)
{
    size_t size = strlen(prefix) + strlen(name) + 1;
    struct store *store = calloc(1, sizeof *store + size);
    if (store == NULL) {
        return error_memory(e, name);
    }
    memcpy(store->path, prefix, strlen(prefix));
    memcpy(store->path + strlen(prefix), name, strlen(name) + 1);
    if ((disk != NULL && !disk_vfs_make(&store->vfs, disk, e)) ||
        !connection_open(&store->writer, store->path, SQLITE_OPEN_READWRITE, vfs_name(store), e) ||
        (disk != NULL && !connection_execute(&store->writer, "PRAGMA temp_store = MEMORY", e)) || !configure(&store->writer, e) ||
        !store_migrate(store, e) || !open_reader(store, e)) {
        store_close(store);
        return false;
    }
    *out = store;
    return true;
}

bool store_open(struct store **out, const char *url, struct error *e)
{
    *out = NULL;
    const char *name = parse_url(url, e);
    if (name == NULL || !prepare_file(name, e)) {
        return false;
    }
    /* "./": a name like ":memory:" or "file:x" means a file here, not what SQLite makes of it. */
    return open_store(out, NULL, name[0] == '/' ? "" : "./", name, e);
}

bool store_open_on(struct store **out, struct disk *disk, const char *name, struct error *e)
{
    struct disk_file *file = NULL;
    *out = NULL;
    int fault = disk->functions->open(disk, name, DISK_WRITE, &file);
    fault = fault == 0 ? disk->functions->close(disk, file) : fault;
    errno = fault;
    return fault == 0 ? open_store(out, disk, "", name, e) : error_system(e, name, "check the disk");
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    connection_close(&store->reader); /* first: the last one to close empties the write-ahead log, and must be allowed to write */
    connection_close(&store->writer);
    disk_vfs_free(store->vfs);
    free(store);
}

bool store_run(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row, void *context,
               int64_t *changed, struct error *e)
{
    struct statement run = { sql, values, value_count, row, context };
    return connection_run(&store->writer, &run, changed, e);
}

bool store_read(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row, void *context,
                struct error *e)
{
    struct statement run = { sql, values, value_count, row, context };
    return connection_run(&store->reader, &run, NULL, e);
}

static void end_transaction(struct store *store)
{
    sqlite3 *db = store->writer.db;
    changes_end(store);
    if (sqlite3_get_autocommit(db) == 0) {                    /* SQLite may have rolled back by itself, on a full disk for one */
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* a failed one leaves what a crash would: nothing */
    }
    store->is_in_transaction = false;
    if (store->is_relaxed) {
        store->is_relaxed = false;
        if (sqlite3_exec(db, "PRAGMA synchronous = FULL", NULL, NULL, NULL) != SQLITE_OK) {
            diag(DIAG_ERROR, "store", "the database can't be told to wait for the disk again", NULL);
            abort(); /* what is acknowledged from here on would be lost in a power cut */
        }
    }
    (void)pthread_mutex_unlock(&store->writer.mutex);
}

static bool begin(struct store *store, bool is_relaxed, struct error *e)
{
    (void)pthread_mutex_lock(&store->writer.mutex);
    if (store->is_in_transaction) {
        (void)pthread_mutex_unlock(&store->writer.mutex);
        return error_set(e, ERROR_INPUT, store->path, "report this: it should not happen", "a transaction was begun inside another");
    }
    /*
     * What a commit waits for can't be changed inside a transaction, so it is set for this one before, and set back behind it. IMMEDIATE: takes the
     * write lock now, where waiting is possible; a later upgrade could only fail.
     */
    store->is_relaxed = is_relaxed;
    if ((is_relaxed && !connection_execute(&store->writer, "PRAGMA synchronous = NORMAL", e)) ||
        !connection_execute(&store->writer, "BEGIN IMMEDIATE", e)) {
        end_transaction(store);
        return false;
    }
    store->is_in_transaction = true;
    return true;
}

bool store_begin(struct store *store, struct error *e)
{
    return begin(store, false, e);
}

bool store_begin_remembered(struct store *store, struct error *e)
{
    if (!begin(store, true, e)) {
        return false;
    }
    if (changes_begin(store, e)) {
        return true;
    }
    store_rollback(store);
    return false;
}

bool store_sync(struct store *store, struct error *e)
{
    static const char name[] = "store.synced"; /* something must change, or there is nothing to wait for */
    uint64_t number;
    struct error absent;
    if (!store_begin(store, e)) {
        return false;
    }
    if (!state_get_u64(store, name, &number, &absent)) {
        number = 0;
    }
    if (!state_set_u64(store, name, number + 1, e)) {
        store_rollback(store);
        return false;
    }
    return store_commit(store, e);
}

bool store_begin_relaxed(struct store *store, struct error *e)
{
    return begin(store, true, e);
}

bool store_commit(struct store *store, struct error *e)
{
    bool ok = true;
    if (sqlite3_get_autocommit(store->writer.db) != 0) {
        ok = error_set(e, ERROR_IO, store->path, "try again", "the transaction was rolled back after an error");
    } else {
        ok = connection_execute(&store->writer, "COMMIT", e);
    }
    end_transaction(store);
    return ok;
}

void store_rollback(struct store *store)
{
    end_transaction(store);
}

bool store_settle(struct store *store, struct error *e)
{
    (void)pthread_mutex_lock(&store->writer.mutex);
    /* Waits for readers as long as for any lock. */
    int result = sqlite3_wal_checkpoint_v2(store->writer.db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    bool ok = result == SQLITE_OK || store_fail(e, store->writer.db, result, store->path);
    (void)pthread_mutex_unlock(&store->writer.mutex);
    return ok;
}
