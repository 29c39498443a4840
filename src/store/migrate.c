#include "store/migrations.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/diag.h"

#include "store/store_internal.h"

/* Pragmas take no parameters, so the number is written into the text. */
static bool set_pragma(struct store *store, const char *name, int64_t value, struct error *e)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA %s = %" PRId64, name, value);
    return connection_execute(&store->writer, sql, e);
}

/* Ours, or empty? A file of another program must not be touched. */
static bool check_owner(struct store *store, int64_t version, struct error *e)
{
    int64_t application, tables;
    if (!connection_query_number(&store->writer, "PRAGMA application_id", &application, e) ||
        !connection_query_number(&store->writer, "SELECT count(*) FROM sqlite_master", &tables, e)) {
        return false;
    }
    bool is_empty = application == 0 && version == 0 && tables == 0;
    if (application != STORE_APPLICATION_ID && !is_empty) {
        return error_set(e, ERROR_INPUT, store->path, "name another file in store.url", "this database belongs to another program");
    }
    if (version < 0 || (uint64_t)version > migration_count) {
        return error_set(e, ERROR_INPUT, store->path, "run the newer program, or restore the backup made before it",
                         "the database has version %" PRId64 ", this program knows up to %zu", version, migration_count);
    }
    return true;
}

/* One step, or nothing when another process has just made it: the version is read again under the write lock. */
static bool step(struct store *store, bool *is_done, struct error *e)
{
    int64_t version;
    char number[24];
    if (!store_begin(store, e)) {
        return false;
    }
    if (!connection_query_number(&store->writer, "PRAGMA user_version", &version, e) || !check_owner(store, version, e)) {
        goto fail;
    }
    *is_done = (uint64_t)version == migration_count;
    if (*is_done) {
        store_rollback(store);
        return true;
    }
    for (const char *const *sql = migrations[version].statements; *sql != NULL; sql++) {
        if (!connection_execute(&store->writer, *sql, e)) {
            goto fail;
        }
    }
    if ((version == 0 && !set_pragma(store, "application_id", STORE_APPLICATION_ID, e)) ||
        !set_pragma(store, "user_version", version + 1, e)) {
        goto fail;
    }
    if (!store_commit(store, e)) {
        return false;
    }
    (void)snprintf(number, sizeof number, "%" PRId64, version + 1);
    diag(DIAG_DEBUG, "store", "migrated the database", "to", number, "adds", migrations[version].what, NULL);
    return true;
fail:
    store_rollback(store);
    return false;
}

bool store_migrate(struct store *store, struct error *e)
{
    int64_t version;
    if (!connection_query_number(&store->writer, "PRAGMA user_version", &version, e) || !check_owner(store, version, e)) {
        return false;
    }
    bool is_done = (uint64_t)version == migration_count;
    while (!is_done) {
        if (!step(store, &is_done, e)) {
            return false;
        }
    }
    return true;
}
