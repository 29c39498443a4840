/*
 * A gateway that decides by dice: policies, directories, consents and requests, and the log that it would have written. It writes events
 * and statements by words of its own, from docs/formats/exchange.md and events.md, and keeps consents by a slow model.
 */
#ifndef COMITY_TESTS_UNIT_AUDIT_REPLAY_SCENE_H
#define COMITY_TESTS_UNIT_AUDIT_REPLAY_SCENE_H

#include "audit/replay.h"
#include "consent/consent.h"

enum { SCENE_POLICIES = 3, SCENE_ENTRIES_MAX = 4096, SCENE_RECORDS_MAX = 512, SCENE_CATEGORIES = 5 };

struct scene_entry {
    struct log_entry entry; /* statement and attachment on the heap */
    bool is_permit, has_consent;
    uint64_t consent_event; /* of a permit on consent: the entry that gave it */
};
struct scene_record {
    char id[40];
    unsigned person, recipient, purpose;
    bool has[SCENE_CATEGORIES];
    enum consent_state states[SCENE_CATEGORIES];
    int64_t from_ms, until_ms;
    uint64_t entry;
};
struct scene {
    uint64_t dice;
    int64_t clock_ms;
    struct buffer policy_texts[SCENE_POLICIES], own_note, foreign_note;
    struct policy *policies[SCENE_POLICIES];
    struct directory *own, *foreign;
    bool has_foreign;
    unsigned policy;
    struct scene_record records[SCENE_RECORDS_MAX];
    size_t record_count;
    uint64_t sequence;
    struct scene_entry entries[SCENE_ENTRIES_MAX];
    size_t entry_count;
    uint64_t permits, refusals, reasons[REASON_COUNT];
};

struct scene *scene_make(uint64_t seed);
void scene_free(struct scene *scene);
unsigned scene_roll(struct scene *scene, unsigned below);
/* One thing happens: a consent is given, refused or withdrawn, another policy comes, or a request is decided and answered. */
void scene_step(struct scene *scene);
/* Where its replay finds policies and directories. */
void scene_source(struct scene *scene, struct replay_source *out);
/* Replaces the first `from` in the entry's statement, or in the request's statement beside it; a changed request gets its digest. */
bool scene_replace(struct scene_entry *entry, const char *from, const char *to);
bool scene_replace_request(struct scene_entry *entry, const char *from, const char *to);

#endif
