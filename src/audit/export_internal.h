/* What the files of the export share. */
#ifndef COMITY_AUDIT_EXPORT_INTERNAL_H
#define COMITY_AUDIT_EXPORT_INTERNAL_H

#include "audit/export.h"
#include "audit/said.h"
#include "evidence/log.h"
#include "evidence/tile_nodes.h"

/* An entry, copied into the arena. */
struct kept_entry {
    bool is_there;
    enum record_kind kind;
    uint64_t index;
    uint8_t salt[SALT_SIZE];
    struct bytes statement, attachment; /* the latter without the signature */
    struct bytes signature;             /* of the message by itself; empty: none */
};
struct exporting {
    const struct export_source *source;
    const struct export_options *options;
    struct bundle *bundle;
    struct arena *arena;
    struct error *e;
    struct log_reader *reader;
    uint64_t size; /* of the log's records */
    struct kept_entry request_sent, decision, answer_sent, answer_received;
    uint64_t *events; /* heap: the entries that are events */
    size_t event_count, event_capacity;
    struct bytes request_statement, request_receipt, answer_receipt; /* the other side's, beside our entries */
    struct said request, answer;
    bool has_request, has_answer, is_holder;
    struct bytes checkpoint;
    struct checkpoint_view view;
    struct tile_nodes nodes;
    uint8_t digests[BUNDLE_DIRECTORIES_MAX][SHA256_SIZE]; /* of the bundle's directories */
};

/* export_find.c: the exchange's entries, and the indices of all events. */
must_check bool export_find(struct exporting *x);
must_check bool export_keep(struct exporting *x, const struct log_entry *entry, struct kept_entry *out);
/* export_grounds.c */
must_check bool export_directories(struct exporting *x);
must_check bool export_policy(struct exporting *x);
must_check bool export_consents(struct exporting *x);
must_check bool export_in_force(struct exporting *x);
/* export.c */
must_check bool export_add(struct exporting *x, enum bundle_role role, const struct kept_entry *own, struct bytes statement,
                           struct bytes peer_receipt);

#endif
