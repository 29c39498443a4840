#define SQLITE_ENABLE_SESSION 1
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include "store/changes_internal.h"

#include <limits.h>

bool changes_begin(struct store *store, struct error *e)
{
    sqlite3_session *session = NULL;
    int result = sqlite3session_create(store->writer.db, "main", &session);
    if (result == SQLITE_OK) {
        result = sqlite3session_attach(session, NULL); /* all tables */
    }
    if (result != SQLITE_OK) {
        sqlite3session_delete(session);
        return store_fail(e, store->writer.db, result, store->path);
    }
    store->session = session;
    return true;
}

void changes_end(struct store *store)
{
    if (store->session != NULL) {
        sqlite3session_delete(store->session);
        store->session = NULL;
    }
}

bool store_changes(struct store *store, struct buffer *out, struct error *e)
{
    int size = 0;
    void *data = NULL;
    int result = sqlite3session_changeset(store->session, &size, &data);
    if (result != SQLITE_OK) {
        return store_fail(e, store->writer.db, result, store->path);
    }
    buffer_append(out, bytes_of(data, (size_t)size));
    sqlite3_free(data);
    return !out->failed || error_memory(e, store->path);
}

static int refuse(void *context, int conflict, sqlite3_changeset_iter *at)
{
    (void)context;
    (void)conflict;
    (void)at;
    return SQLITE_CHANGESET_ABORT;
}

bool store_apply_changes(struct store *store, struct bytes changes, struct error *e)
{
    int result = changes.size > INT_MAX ? SQLITE_TOOBIG : SQLITE_OK;
    if (result == SQLITE_OK) {
        result = sqlite3changeset_apply(store->writer.db, (int)changes.size, (void *)(uintptr_t)changes.data, NULL, refuse, NULL);
    }
    if (result == SQLITE_ABORT || result == SQLITE_CORRUPT || result == SQLITE_TOOBIG) {
        return error_set(e, ERROR_INPUT, store->path, "restore log and database from one backup",
                         "changes from the log don't fit what the database holds");
    }
    return result == SQLITE_OK || store_fail(e, store->writer.db, result, store->path);
}
