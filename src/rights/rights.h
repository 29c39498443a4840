/*
 * The rights of persons and the duties of the holder, over one store and one evidence log. Every change is an event in the log (docs/formats/events.md,
 * "rights/1" and those after it): it is in the store first, then in the log, then acknowledged; what a crash left out of the log is logged at the next change or start.
 */
#ifndef COMITY_RIGHTS_RIGHTS_H
#define COMITY_RIGHTS_RIGHTS_H

#include "base/arena.h"
#include "evidence/committer.h"
#include "law/law.h"
#include "store/store.h"

struct rights;
/* `committer` may be NULL for looking only: every change is then ERROR_DENIED. Both are borrowed. Logs what a crash left out. Blocks. */
must_check bool rights_open(struct rights **out, struct store *store, struct committer *committer, struct error *e);
void rights_close(struct rights *rights); /* NULL is allowed */

/*
 * Puts `alias` (consents_alias()) in the place of the person in requests that are closed, whose words go as well, in what recipients owe, and takes the
 * texts of their events out of the database. Overwritten on the disk. ERROR_DENIED: one of these events is not in the log yet.
 */
must_check bool rights_forget(struct rights *rights, struct bytes person, struct bytes alias, struct error *e);

/* "r-", "b-", "a-", "o-", "v-" and 32 hex digits, NUL-terminated. */
enum { RIGHTS_ID_SIZE = 40, RIGHTS_WORDS_MAX = 4000, RIGHTS_NAME_MAX = 200 };

#endif
