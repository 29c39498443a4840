/* What the files of this part share: the open database. */
#ifndef COMITY_STORE_STORE_INTERNAL_H
#define COMITY_STORE_STORE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

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

struct store {
    pthread_mutex_t mutex; /* recursive: a transaction holds it, and its statements take it again */
    sqlite3 *db;
    bool is_in_transaction;
    struct prepared prepared[STORE_STATEMENTS_MAX];
    size_t prepared_count;
    char path[];
};

/* Turns SQLite's newest error on `db` into ours. `result` is what the failed call returned. Returns false. */
bool store_fail(struct error *e, sqlite3 *db, int result, const char *path);
/* A statement without parameters or rows. */
must_check bool store_execute(struct store *store, const char *sql, struct error *e);
/* The first column of the first row. */
must_check bool store_query_number(struct store *store, const char *sql, int64_t *out, struct error *e);
must_check bool store_migrate(struct store *store, struct error *e);

#endif
