/* One connection with SQLite: opening it, and running statements that are prepared once. */
#include "store/store_internal.h"

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

bool connection_open(struct connection *connection, const char *path, int flags, const char *vfs, struct error *e)
{
    if (!init_mutex(&connection->mutex)) {
        return error_memory(e, path);
    }
    connection->path = path;
    connection->is_read_only = (flags & SQLITE_OPEN_READONLY) != 0;
    flags |= SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    int result = sqlite3_open_v2(path, &connection->db, flags, vfs);
    if (result == SQLITE_OK) {
        result = sqlite3_busy_timeout(connection->db, STORE_BUSY_MS);
    }
    if (result != SQLITE_OK) {
        (void)store_fail(e, connection->db, result, path);
        connection_close(connection);
        return false;
    }
    return true;
}

void connection_close(struct connection *connection)
{
    if (connection->path == NULL) {
        return;
    }
    for (size_t i = 0; i < connection->prepared_count; i++) {
        (void)sqlite3_finalize(connection->prepared[i].statement); /* repeats the last run's error, which was told then */
    }
    (void)sqlite3_close_v2(connection->db); /* can't fail: it waits for nothing */
    (void)pthread_mutex_destroy(&connection->mutex);
    *connection = (struct connection){ 0 };
}

bool connection_execute(struct connection *connection, const char *sql, struct error *e)
{
    int result = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);
    return result == SQLITE_OK || store_fail(e, connection->db, result, connection->path);
}

bool connection_query_number(struct connection *connection, const char *sql, int64_t *out, struct error *e)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
    }
    if (result == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
    } else {
        (void)store_fail(e, connection->db, result, connection->path);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's error, if any */
    return result == SQLITE_ROW;
}

/* The prepared statement of `sql`, or an entry in `*spare` when there is no room to keep it. NULL: `e` is set. */
static struct prepared *prepare(struct connection *connection, const char *sql, struct prepared *spare, struct error *e)
{
    for (size_t i = 0; i < connection->prepared_count; i++) {
        struct prepared *found = &connection->prepared[i];
        if (found->sql == sql) {
            if (found->is_running) {
                (void)error_set(e, ERROR_INPUT, connection->path, "report this: it should not happen", "a statement was run inside itself");
                return NULL;
            }
            return found;
        }
    }
    bool is_kept = connection->prepared_count < STORE_STATEMENTS_MAX;
    struct prepared made = { .sql = sql };
    int result = sqlite3_prepare_v3(connection->db, sql, -1, is_kept ? SQLITE_PREPARE_PERSISTENT : 0, &made.statement, NULL);
    if (result != SQLITE_OK) {
        (void)store_fail(e, connection->db, result, connection->path);
        return NULL;
    }
    /* A BEGIN would hold one old state of the database for all reads to come. */
    if (connection->is_read_only && sqlite3_column_count(made.statement) == 0) {
        (void)sqlite3_finalize(made.statement); /* it never ran */
        (void)error_set(e, ERROR_INPUT, connection->path, "report this: it should not happen",
                        "a statement that is no query was to be read");
        return NULL;
    }
    struct prepared *place = is_kept ? &connection->prepared[connection->prepared_count++] : spare;
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

bool connection_run(struct connection *connection, const struct statement *run, int64_t *changed, struct error *e)
{
    struct prepared spare = { 0 };
    bool ok = false;
    (void)pthread_mutex_lock(&connection->mutex);
    struct prepared *prepared = prepare(connection, run->sql, &spare, e);
    if (prepared == NULL) {
        goto done;
    }
    prepared->is_running = true;
    int result = bind(prepared->statement, run->values, run->value_count);
    if (result == SQLITE_OK) {
        result = step_rows(prepared->statement, run->row, run->context);
    }
    ok = result == SQLITE_DONE || store_fail(e, connection->db, result, connection->path);
    if (ok && changed != NULL) {
        *changed = sqlite3_changes64(connection->db);
    }
    /* A row callback may have run other statements, whose counts and errors are their own. */
    (void)sqlite3_reset(prepared->statement);
    (void)sqlite3_clear_bindings(prepared->statement);
    prepared->is_running = false;
    (void)sqlite3_finalize(spare.statement); /* NULL is allowed */
done:
    (void)pthread_mutex_unlock(&connection->mutex);
    return ok;
}
