/*
 * The database: SQLite embedded (`sqlite:FILE`); PostgreSQL comes by the same interface. Numbered migrations, run at open. Calls block:
 * never on a worker's loop. Any thread; one at a time writes and one at a time reads (a mutex each).
 */
#ifndef COMITY_STORE_STORE_H
#define COMITY_STORE_STORE_H

#include "base/buffer.h"
#include "base/disk.h"
#include "base/error.h"

struct store;
/*
 * Opens, checks the application id, and runs what migrations are missing, each in a transaction. The file is made (0600) if absent, its
 * folder is not. ERROR_INPUT: the URL is not `sqlite:FILE`, the file is not ours, is newer than this program, or is damaged;
 * ERROR_DENIED: it may not be written, or others than its owner may read it; ERROR_ABSENT: no such folder; ERROR_FULL: the disk is
 * full; ERROR_IO: the disk fails, or another process keeps the database locked.
 */
must_check bool store_open(struct store **out, const char *url, struct error *e);
/*
 * The same of the file `name` in the root of a disk, which outlives it: for simulations. One process opens it, and one thread at a time uses it.
 */
must_check bool store_open_on(struct store **out, struct disk *disk, const char *name, struct error *e);
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
/*
 * One statement of portable SQL (a constant string: prepared statements are kept by its address). `row` may be NULL; it may run other
 * statements, not the same one. `changed` (may be NULL): rows that an INSERT, UPDATE or DELETE touched. Outside a transaction
 * the statement is one by itself, and durable when this returns true. Errors as of store_open(), and ERROR_INPUT for a broken constraint;
 * never with a value that was bound. A failed statement leaves an open transaction to be rolled back.
 */
must_check bool store_run(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row,
                          void *context, int64_t *changed, struct error *e);
/*
 * One query (a SELECT), as store_run() runs it, on a connection of its own: it waits neither for a transaction of this handle nor for
 * another process that writes, only for other reads. It sees all that was committed before it was called, whole transactions only, and
 * nothing of one that is open, not even of this thread; inside the row callback of another store_read(), what that one sees. ERROR_INPUT:
 * the statement is no query; ERROR_DENIED: it would write.
 */
must_check bool store_read(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row,
                           void *context, struct error *e);
/*
 * A transaction that writes; holds the writing mutex until commit or rollback, so both come from the thread that began. Durable when
 * store_commit() returns true; when it returns false all of it was rolled back. Either way the transaction is over.
 */
must_check bool store_begin(struct store *store, struct error *e);
/*
 * A relaxed one that remembers each row that it changes: store_changes() appends them to `out` as one text of bytes (SQLite's changeset), before the
 * commit. Whoever keeps it elsewhere can apply it again, should the store have lost it: to a store in the state that it was made in.
 */
must_check bool store_begin_remembered(struct store *store, struct error *e);
must_check bool store_changes(struct store *store, struct buffer *out, struct error *e);
/* Inside a transaction. ERROR_INPUT: these are no changes, or a row is not as it was when they were made; roll back. */
must_check bool store_apply_changes(struct store *store, struct bytes changes, struct error *e);
/* Makes durable what relaxed transactions have committed. */
must_check bool store_sync(struct store *store, struct error *e);
/*
 * One whose content can be made again from elsewhere: store_commit() doesn't wait for the disk. A power cut may undo it, whole, and what was committed
 * after it; nothing else is harmed, and the next commit of the other sort makes it durable as well.
 */
must_check bool store_begin_relaxed(struct store *store, struct error *e);
must_check bool store_commit(struct store *store, struct error *e);
void store_rollback(struct store *store);
/*
 * Empties the write-ahead log into the database, so that what was changed or deleted before stands nowhere in its files: freed space is overwritten
 * always. ERROR_IO: somebody reads and does not end; try again. Not inside a transaction.
 */
must_check bool store_settle(struct store *store, struct error *e);

#endif
