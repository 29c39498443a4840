/* Small facts that must outlive the process, by name: the newest directory seen, how far an index has come. Blocks. */
#ifndef COMITY_STORE_STATE_H
#define COMITY_STORE_STATE_H

#include "base/buffer.h"
#include "store/store.h"

/* Names are constants like "directory.newest.AURORA". Setting replaces; durable on return, or with the transaction that it is in. */
must_check bool state_set_u64(struct store *store, const char *name, uint64_t value, struct error *e);
must_check bool state_set_text(struct store *store, const char *name, struct bytes value, struct error *e);
/* ERROR_ABSENT if it was never set; ERROR_INPUT if it is no number. */
must_check bool state_get_u64(struct store *store, const char *name, uint64_t *out, struct error *e);
/* Appends the value to `out`. */
must_check bool state_get_text(struct store *store, const char *name, struct buffer *out, struct error *e);

#endif
