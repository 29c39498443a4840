#include "store/store_internal.h"

#include <errno.h>

static bool fail_system(struct error *e, int number, const char *path, const char *what)
{
    if (number == ENOSPC || number == EDQUOT) {
        return error_set(e, ERROR_FULL, path, "free space on its disk, then try again", "the disk is full; nothing was changed");
    }
    char text[128];
    return error_set(e, ERROR_IO, path, "check the disk and the system's journal", "%s: %s", what,
                     number == 0 ? "the disk reports an error" : strerror_r(number, text, sizeof text));
}

static bool fail_open(struct error *e, int number, const char *path)
{
    char text[128];
    if (number == ENOENT || number == ENOTDIR) {
        return error_set(e, ERROR_ABSENT, path, "make the folder first", "its folder is not there");
    }
    if (number == EACCES || number == EPERM || number == EROFS) {
        return error_set(e, ERROR_DENIED, path, "give this user the file and its folder, or mount the disk for writing",
                         "the database may not be opened for writing: %s", strerror_r(number, text, sizeof text));
    }
    if (number == ENOSPC || number == EDQUOT) {
        return fail_system(e, number, path, "");
    }
    return error_set(e, ERROR_IO, path, "check that the path names a file and that its folder may be written",
                     "the database can't be opened%s%s", number == 0 ? "" : ": ", number == 0 ? "" : strerror_r(number, text, sizeof text));
}

bool store_fail(struct error *e, sqlite3 *db, int result, const char *path)
{
    int number = db == NULL ? 0 : sqlite3_system_errno(db);
    switch (result & 0xff) {
    case SQLITE_FULL:
        return fail_system(e, ENOSPC, path, "");
    case SQLITE_READONLY:
        return error_set(e, ERROR_DENIED, path, "give this user the file and its folder, or mount the disk for writing",
                         "the database is read-only");
    case SQLITE_CANTOPEN:
        return fail_open(e, number, path);
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return fail_open(e, EACCES, path);
    case SQLITE_IOERR:
        return (result == SQLITE_IOERR_NOMEM) ? error_memory(e, path)
                                              : fail_system(e, number, path, "reading or writing the database failed");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(e, ERROR_IO, path, "find out what holds it open (fuser), then try again",
                         "another process has kept the database locked for %d s", STORE_BUSY_MS / 1000);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return error_set(e, ERROR_INPUT, path, "restore it from a backup; leave the damaged file for an examination",
                         "this is not a SQLite database, or it is damaged");
    case SQLITE_NOMEM:
        return error_memory(e, path);
    case SQLITE_TOOBIG:
        return error_set(e, ERROR_FULL, path, NULL, "a value is larger than the database takes");
    case SQLITE_CONSTRAINT: /* SQLite names the columns, never what was in them */
        return error_set(e, ERROR_INPUT, path, NULL, "%s", db == NULL ? "a constraint is broken" : sqlite3_errmsg(db));
    default: /* not an enum: whatever a newer SQLite has */
        return error_set(e, ERROR_IO, path, "report this: it should not happen", "%s",
                         db == NULL ? sqlite3_errstr(result) : sqlite3_errmsg(db));
    }
}
