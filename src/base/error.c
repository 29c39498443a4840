#define COMITY_BASE_ERROR_C
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void copy_text(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from == NULL ? "" : from);
}

bool error_set(struct error *e, enum error_kind kind, const char *where, const char *todo, const char *what, ...)
{
    if (e == NULL) {
        return false;
    }
    /* Built apart first: an argument may point into *e, when a caller wraps an error in what it alone knows. */
    struct error made = { .kind = kind };
    va_list arguments;
    va_start(arguments, what);
    (void)vsnprintf(made.what, sizeof made.what, what, arguments);
    va_end(arguments);
    copy_text(made.where, sizeof made.where, where);
    copy_text(made.todo, sizeof made.todo, todo);
    *e = made;
    return false;
}

bool error_system(struct error *e, const char *where, const char *todo)
{
    int number = errno;
    enum error_kind kind = ERROR_IO;
    if (number == ENOSPC || number == EDQUOT) {
        kind = ERROR_FULL;
    } else if (number == ENOENT) {
        kind = ERROR_ABSENT;
    }
    char text[128];
    return error_set(e, kind, where, todo, "%s", strerror_r(number, text, sizeof text));
}

bool error_memory(struct error *e, const char *where)
{
    return error_set(e, ERROR_MEMORY, where, "free memory on this machine or lower the limits", "out of memory");
}

const char *error_text(const struct error *e, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s%s%s%s", e->where, e->where[0] == '\0' ? "" : ": ", e->what, e->todo[0] == '\0' ? "" : "; ", e->todo);
    return out;
}
