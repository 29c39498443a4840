/* Errors: made once, where the cause is known; callers pass them on or add what they alone know. */
#ifndef COMITY_BASE_ERROR_H
#define COMITY_BASE_ERROR_H

#include "base/bytes.h"

enum error_kind {
    ERROR_NONE = 0,
    ERROR_INPUT,  /* what was handed in is wrong: a file, a message, an argument */
    ERROR_DENIED, /* it is understood and the answer is no */
    ERROR_ABSENT, /* what was named is not there */
    ERROR_IO,     /* a disk, a network or a system call failed */
    ERROR_FULL,   /* a stated limit was met */
    ERROR_MEMORY,
};

/* Lives with the caller, usually on its stack. Texts are cut to fit. Never holds a secret or a person's identifier. */
struct error {
    enum error_kind kind; /* what a caller may branch on; nothing parses the texts */
    char where[128];      /* "services.yaml:12", "header Content-Digest", "log/tile/0/x003" */
    char what[256];       /* "digest does not match the body" */
    char todo[192];       /* "send SHA-256 of the body as sent": an order; may be empty */
};

/* All three return false, so that failing is one line: `return error_set(...)`. `e` may be NULL. `todo` may be NULL. */
__attribute__((format(printf, 5, 6))) bool error_set(struct error *e, enum error_kind kind, const char *where, const char *todo,
                                                     const char *what, ...);
/* ERROR_IO with errno's text (ERROR_FULL for ENOSPC and EDQUOT, ERROR_ABSENT for ENOENT). Call it before errno can change. */
bool error_system(struct error *e, const char *where, const char *todo);
bool error_memory(struct error *e, const char *where);

/* An analyzer sees one file at a time: so it knows in each what all three return. */
#if defined(__clang_analyzer__) && !defined(COMITY_BASE_ERROR_C)
#define error_set(...) ((void)error_set(__VA_ARGS__), false)
#define error_system(e, where, todo) ((void)error_system(e, where, todo), false)
#define error_memory(e, where) ((void)error_memory(e, where), false)
#endif

/* "where: what; todo" into `out`, cut to `size`. Returns `out`. */
const char *error_text(const struct error *e, char *out, size_t size);

#endif
