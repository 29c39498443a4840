#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

bool store_execute(struct store *store, const char *sql, struct error *e)
{
    int result = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return result == SQLITE_OK || store_fail(e, store->db, result, store->path);
}

bool store_query_number(struct store *store, const char *sql, int64_t *out, struct error *e)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
    }
    if (result == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
    } else {
        (void)store_fail(e, store->db, result, store->path);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's error, if any */
    return result == SQLITE_ROW;
}

/*
 * synchronous=FULL: in WAL mode a commit is then on the disk when it returns, not only after the next checkpoint. An acknowledged
 * withdrawal must outlive a power cut.
 */
static bool configure(struct store *store, struct error *e)
{
    int64_t is_wal = 0;
    if (sqlite3_db_readonly(store->db, "main") == 1) {
        return store_fail(e, store->db, SQLITE_READONLY, store->path);
    }
    int result = sqlite3_busy_timeout(store->db, STORE_BUSY_MS);
    if (result != SQLITE_OK) {
        return store_fail(e, store->db, result, store->path);
    }
    if (!store_execute(store, "PRAGMA journal_mode = WAL", e) || !store_execute(store, "PRAGMA synchronous = FULL", e) ||
        !store_execute(store, "PRAGMA foreign_keys = ON", e) || !store_execute(store, "PRAGMA trusted_schema = OFF", e) ||
        !store_execute(store, "PRAGMA cell_size_check = ON", e) ||
        !store_query_number(store, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'", &is_wal, e)) {
        return false;
    }
    return is_wal == 1 || error_set(e, ERROR_IO, store->path, "put it on a local disk with shared memory (not a network share)",
                                    "the database can't keep a write-ahead log there");
}

static bool init_mutex(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0) {
        return false;
    }
    bool ok = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE) == 0 && pthread_mutex_init(mutex, &attributes) == 0;
    (void)pthread_mutexattr_destroy(&attributes);
    return ok;
}

bool store_open(struct store **out, const char *url, struct error *e)
{
    *out = NULL;
    const char *name = parse_url(url, e);
    if (name == NULL || !prepare_file(name, e)) {
        return false;
    }
    /* "./": a name like ":memory:" or "file:x" means a file here, not what SQLite makes of it. */
    const char *prefix = name[0] == '/' ? "" : "./";
    size_t size = strlen(prefix) + strlen(name) + 1;
    struct store *store = calloc(1, sizeof *store + size);
    if (store == NULL) {
        return error_memory(e, name);
    }
    memcpy(store->path, prefix, strlen(prefix));
    memcpy(store->path + strlen(prefix), name, strlen(name) + 1);
    if (!init_mutex(&store->mutex)) {
        free(store);
        return error_memory(e, name);
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    int result = sqlite3_open_v2(store->path, &store->db, flags, NULL);
    if (result != SQLITE_OK) {
        (void)store_fail(e, store->db, result, store->path);
        goto fail;
    }
    if (!configure(store, e) || !store_migrate(store, e)) {
        goto fail;
    }
    *out = store;
    return true;
fail:
    store_close(store);
    return false;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < store->prepared_count; i++) {
        (void)sqlite3_finalize(store->prepared[i].statement); /* repeats the last run's error, which was told then */
    }
    (void)sqlite3_close_v2(store->db); /* can't fail: it waits for nothing */
    (void)pthread_mutex_destroy(&store->mutex);
    free(store);
}

/* The prepared statement of `sql`, or an entry in `*spare` when there is no room to keep it. NULL: `e` is set. */
static struct prepared *prepare(struct store *store, const char *sql, struct prepared *spare, struct error *e)
{
    for (size_t i = 0; i < store->prepared_count; i++) {
        struct prepared *found = &store->prepared[i];
        if (found->sql == sql) {
            if (found->is_running) {
                (void)error_set(e, ERROR_INPUT, store->path, "report this: it should not happen", "a statement was run inside itself");
                return NULL;
            }
            return found;
        }
    }
    bool is_kept = store->prepared_count < STORE_STATEMENTS_MAX;
    struct prepared made = { .sql = sql };
    int result = sqlite3_prepare_v3(store->db, sql, -1, is_kept ? SQLITE_PREPARE_PERSISTENT : 0, &made.statement, NULL);
    if (result != SQLITE_OK) {
        (void)store_fail(e, store->db, result, store->path);
        return NULL;
    }
    struct prepared *place = is_kept ? &store->prepared[store->prepared_count++] : spare;
    *place = made;
    return place;
}

/* Bound without a copy: the caller's bytes live until the statement was reset. */
static int bind(sqlite3_stmt *statement, const struct store_value *values, size_t count)
{
    int result = SQLITE_OK;
    for (size_t i = 0; i < count && result == SQLITE_OK; i++) {
        const struct store_value *value = &values[i];
        const char *data = value->bytes.data != NULL ? (const char *)value->bytes.data : "";
        int at = (int)i + 1;
        switch (value->type) {
        case STORE_NULL:
            result = sqlite3_bind_null(statement, at);
            break;
        case STORE_INTEGER:
            result = sqlite3_bind_int64(statement, at, value->integer);
            break;
        case STORE_TEXT:
            result = sqlite3_bind_text64(statement, at, data, value->bytes.size, SQLITE_STATIC, SQLITE_UTF8);
            break;
        case STORE_BLOB:
            result = sqlite3_bind_blob64(statement, at, data, value->bytes.size, SQLITE_STATIC);
            break;
        }
    }
    return result;
}

enum { COLUMNS_MAX = 24 };

static void read_row(sqlite3_stmt *statement, struct store_value *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct store_value value = { .type = STORE_NULL };
        int at = (int)i;
        switch (sqlite3_column_type(statement, at)) {
        case SQLITE_INTEGER:
            value = STORE_INT(sqlite3_column_int64(statement, at));
            break;
        case SQLITE_TEXT: /* the text first, then its size: SQLite's order for a stable pointer */
            value.type = STORE_TEXT;
            value.bytes.data = sqlite3_column_text(statement, at);
            value.bytes.size = (size_t)sqlite3_column_bytes(statement, at);
            break;
        case SQLITE_BLOB:
            value.type = STORE_BLOB;
            value.bytes.data = sqlite3_column_blob(statement, at);
            value.bytes.size = (size_t)sqlite3_column_bytes(statement, at);
            break;
        default: /* NULL; the schema has no floating point */
            break;
        }
        columns[i] = value;
    }
}

static int step_rows(sqlite3_stmt *statement, store_row *row, void *context)
{
    struct store_value columns[COLUMNS_MAX];
    size_t count = (size_t)sqlite3_column_count(statement);
    count = count < COLUMNS_MAX ? count : COLUMNS_MAX;
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        if (row == NULL) {
            continue;
        }
        read_row(statement, columns, count);
        if (!row(context, columns, count)) {
            return SQLITE_DONE;
        }
    }
    return result;
}

bool store_run(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row, void *context,
               int64_t *changed, struct error *e)
{
    struct prepared spare = { 0 };
    bool ok = false;
    (void)pthread_mutex_lock(&store->mutex);
    struct prepared *prepared = prepare(store, sql, &spare, e);
    if (prepared == NULL) {
        goto done;
    }
    prepared->is_running = true;
    int result = bind(prepared->statement, values, value_count);
    if (result == SQLITE_OK) {
        result = step_rows(prepared->statement, row, context);
    }
    ok = result == SQLITE_DONE || store_fail(e, store->db, result, store->path);
    if (ok && changed != NULL) {
        *changed = sqlite3_changes64(store->db);
    }
    /* A row callback may have run other statements, whose counts and errors are their own. */
    (void)sqlite3_reset(prepared->statement);
    (void)sqlite3_clear_bindings(prepared->statement);
    prepared->is_running = false;
    (void)sqlite3_finalize(spare.statement); /* NULL is allowed */
done:
    (void)pthread_mutex_unlock(&store->mutex);
    return ok;
}

bool store_begin(struct store *store, struct error *e)
{
    (void)pthread_mutex_lock(&store->mutex);
    if (store->is_in_transaction) {
        (void)pthread_mutex_unlock(&store->mutex);
        return error_set(e, ERROR_INPUT, store->path, "report this: it should not happen", "a transaction was begun inside another");
    }
    /* IMMEDIATE: takes the write lock now, where waiting is possible; a later upgrade could only fail. */
    if (!store_execute(store, "BEGIN IMMEDIATE", e)) {
        (void)pthread_mutex_unlock(&store->mutex);
        return false;
    }
    store->is_in_transaction = true;
    return true;
}

static void end_transaction(struct store *store)
{
    if (sqlite3_get_autocommit(store->db) == 0) {                    /* SQLite may have rolled back by itself, on a full disk for one */
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL); /* a failed one leaves what a crash would: nothing */
    }
    store->is_in_transaction = false;
    (void)pthread_mutex_unlock(&store->mutex);
}

bool store_commit(struct store *store, struct error *e)
{
    bool ok = true;
    if (sqlite3_get_autocommit(store->db) != 0) {
        ok = error_set(e, ERROR_IO, store->path, "try again", "the transaction was rolled back after an error");
    } else {
        ok = store_execute(store, "COMMIT", e);
    }
    end_transaction(store);
    return ok;
}

void store_rollback(struct store *store)
{
    end_transaction(store);
}
