/* The policies that were applied, every version with its text: what was in force when can be told later. Blocks. */
#ifndef COMITY_STORE_POLICIES_H
#define COMITY_STORE_POLICIES_H

#include "base/buffer.h"
#include "crypto/hash.h"
#include "store/store.h"

enum { POLICY_STORE_TEXT_MAX = 16 * 1024 * 1024 };

struct policy_version {
    uint64_t version;            /* 1, 2, ... */
    uint8_t digest[SHA256_SIZE]; /* of the text */
    int64_t applied_at_ms;
    struct bytes file; /* the name it came by */
    struct bytes text; /* YAML as it was handed in */
};

/*
 * Keeps `text` as the newest version. The same text as the newest one's changes nothing; `*is_changed` (may be NULL) tells. `version` may
 * be NULL. ERROR_INPUT when the text isn't UTF-8 or is longer than POLICY_STORE_TEXT_MAX.
 */
must_check bool policy_store_put(struct store *store, struct bytes text, const char *file, int64_t applied_at_ms, uint64_t *version,
                                 bool *is_changed, struct error *e);
/*
 * The newest version. `*out` has views into `holder`, which starts empty and which the caller clears. ERROR_ABSENT if none was ever
 * applied; ERROR_INPUT if the text no longer has its digest.
 */
must_check bool policy_store_current(struct store *store, struct policy_version *out, struct buffer *holder, struct error *e);
/* Newest first; views live until `each` returns; false stops. */
typedef bool policy_store_each(void *context, const struct policy_version *version);
must_check bool policy_store_history(struct store *store, policy_store_each *each, void *context, struct error *e);

#endif
