/*
 * Diagnostics to stderr, one event a line (*log* means the evidence log only): a constant message, then key=value. No request
 * data, no secret, no person's identifier. `error` needs a person, `warn` may, `info` is a change of state, `debug` is off.
 */
#ifndef COMITY_BASE_DIAG_H
#define COMITY_BASE_DIAG_H

#include "base/error.h"

enum diag_level { DIAG_DEBUG = 0, DIAG_INFO, DIAG_WARN, DIAG_ERROR, DIAG_NOTHING /* only for diag_configure() */ };
enum diag_format { DIAG_TEXT = 0, DIAG_JSON };

/* Before threads start. */
void diag_configure(enum diag_level least, enum diag_format format);

/*
 * Writes one line with one write(2); any thread. `part` and `message` are constants. Then pairs: a key (const char *) and a value
 * (const char *), ended by NULL. Example:
 *     diag(DIAG_WARN, "evidence", "witness did not answer", "witness", name, "attempts", "3", NULL);
 * A value is cut at 512 bytes; control characters and quotes are escaped.
 */
__attribute__((sentinel)) void diag(enum diag_level level, const char *part, const char *message, ...);
/* The same for an error: its where, what and todo become pairs. */
void diag_error(enum diag_level level, const char *part, const char *message, const struct error *e);

#endif
