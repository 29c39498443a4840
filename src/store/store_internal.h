/* What the files of this part share: the open database and its connections. */
#ifndef COMITY_STORE_STORE_INTERNAL_H
#define COMITY_STORE_STORE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/disk_vfs_internal.h"
#include "store/store.h"

enum {
    STORE_APPLICATION_ID = 0x436f6d69, /* "Comi" */
    STORE_STATEMENTS_MAX = 128,        /* the program has about 40; past it a statement is prepared each time */
    STORE_BUSY_MS = 5000,
};

struct prepared {
    const char *sql; /* the key: its address */
    sqlite3_stmt *statement;
    bool is_running;
};

struct connection {
    pthread_mutex_t mutex; /* recursive: a transaction holds it, and its statements take it again; a row's callback may run others */
    sqlite3 *db;
    const char *path; /* borrowed; NULL: not open */
    bool is_read_only;
    struct prepared prepared[STORE_STATEMENTS_MAX];
    size_t prepared_count;
};

/*
 * Two connections, because a writer holds its mutex while it waits for another process's transaction: what only reads must not stand
 * behind it. Neither takes the other's mutex.
 */
struct store {
    struct connection writer;
    struct connection reader; /* can't write; outside store_read() in no transaction, so that each begins with the newest commit */
    bool is_in_transaction;   /* of the writer */
    void *session;            /* remembers that transaction's changes; NULL: nobody does */
    bool is_relaxed;          /* that transaction's commit doesn't wait for the disk */
    struct disk_vfs *vfs;     /* of a store on a disk; NULL: it is a file */
    char path[];
};

/* What is run, as store_run() takes it. */
struct statement {
    const char *sql;
    const struct store_value *values;
    size_t value_count;
    store_row *row;
    void *context;
};

/* Turns SQLite's newest error on `db` into ours. `result` is what the failed call returned. Returns false. */
bool store_fail(struct error *e, sqlite3 *db, int result, const char *path);
/* `connection` is zeroed and `path` outlives it. On failure it is closed. `flags`: SQLITE_OPEN_READWRITE or _READONLY. `vfs` NULL: SQLite's own. */
must_check bool connection_open(struct connection *connection, const char *path, int flags, const char *vfs, struct error *e);
void connection_close(struct connection *connection); /* one that isn't open is allowed */
/* A statement without parameters or rows. */
must_check bool connection_execute(struct connection *connection, const char *sql, struct error *e);
/* The first column of the first row. */
must_check bool connection_query_number(struct connection *connection, const char *sql, int64_t *out, struct error *e);
/* One statement, run to its end and reset; `changed` may be NULL. Takes the mutex itself. */
must_check bool connection_run(struct connection *connection, const struct statement *run, int64_t *changed, struct error *e);
must_check bool store_migrate(struct store *store, struct error *e);

#endif
