/*
 * The database: SQLite embedded (`sqlite:FILE`); PostgreSQL comes by the same interface. Numbered migrations, run at open. Calls block:
 * never on a worker's loop. One thread at a time per handle (a mutex inside).
 */
#ifndef COMITY_STORE_STORE_H
#define COMITY_STORE_STORE_H

#include "base/error.h"

struct store;
/* Opens, checks the application id, and runs what migrations are missing, each in a transaction. ERROR_INPUT: not ours, or newer than this program. */
must_check bool store_open(struct store **out, const char *url, struct error *e);
void store_close(struct store *store); /* NULL is allowed */

/* Values bound to ?1, ?2, ... and columns of a row. Text and blobs of a row live until the row callback returns. */
enum store_type { STORE_NULL = 0, STORE_INTEGER, STORE_TEXT, STORE_BLOB };
struct store_value {
    enum store_type type;
    int64_t integer;
    struct bytes bytes;
};
#define STORE_INT(value) ((struct store_value){ .type = STORE_INTEGER, .integer = (value) })
#define STORE_STR(view) ((struct store_value){ .type = STORE_TEXT, .bytes = (view) })
#define STORE_BIN(view) ((struct store_value){ .type = STORE_BLOB, .bytes = (view) })

/* Returns false to stop early (which is no error). */
typedef bool store_row(void *context, const struct store_value *columns, size_t count);
/* One statement of portable SQL (a constant string: prepared statements are kept by its address). `row` may be NULL. */
must_check bool store_run(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row,
                          void *context, int64_t *changed, struct error *e);
/* A transaction that writes; holds the mutex until commit or rollback. Durable when store_commit() returns true. */
must_check bool store_begin(struct store *store, struct error *e);
must_check bool store_commit(struct store *store, struct error *e);
void store_rollback(struct store *store);

#endif
