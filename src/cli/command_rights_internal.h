/* What `comity rights` and `comity breach` share. */
#ifndef COMITY_CLI_COMMAND_RIGHTS_INTERNAL_H
#define COMITY_CLI_COMMAND_RIGHTS_INTERNAL_H

#include <jansson.h>

#include "base/buffer.h"
#include "cli/command.h"

/* Asks the running gateway. NULL when it has been said what is wrong, and `*end` is what to end with. `request` may be NULL: memory, or no UTF-8. */
must_check json_t *rights_ask(const struct call *call, const char *target, const json_t *request, int *end);
/* The person of --person into the request. */
must_check bool rights_put_person(const struct call *call, json_t *request, struct error *e);
/* The options that were given, under their own names; "@FILE" is read. */
must_check bool rights_put_options(const struct call *call, json_t *request, const char *const *names, size_t count, struct error *e);
/* The text of a member; "-" when it is none. */
const char *rights_text(const json_t *row, const char *key);
/* Each row of a list, for people. */
typedef void rights_row(const json_t *row, struct buffer *out);
/* Writes the answer's list `list`, or with --json all of it. Takes the answer. Returns what to end with. */
must_check int rights_tell(const struct call *call, json_t *answer, rights_row *row, const char *list);
/* "ID  WHAT, entry N of the log", or what the answer has of it. Takes the answer. */
must_check int rights_done(const struct call *call, json_t *answer, const char *what);

#endif
