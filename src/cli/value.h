/* What several commands read from their arguments. */
#ifndef COMITY_CLI_VALUE_H
#define COMITY_CLI_VALUE_H

#include "base/buffer.h"
#include "base/error.h"

enum { PERSON_BYTES_MAX = 512 };

/* "30d" from now on, or a time ("2027-03-01T00:00:00Z", "2027-03-01"). `where` is the option, for the message. */
must_check bool until_parse(const char *text, const char *where, int64_t now_ms, int64_t *until_ms, struct error *e);

/*
 * A person's identifier: "-" reads standard input, "@FILE" a file, one trailing newline is taken off. Anything else is refused, because
 * everybody on the machine can read what stands on a command line. `out` is for buffer_wipe().
 */
must_check bool person_read(const char *argument, struct buffer *out, struct error *e);

#endif
