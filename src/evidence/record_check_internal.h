/* The private records' part of log_verify(): every byte of every segment, in order. */
#ifndef COMITY_EVIDENCE_RECORD_CHECK_INTERNAL_H
#define COMITY_EVIDENCE_RECORD_CHECK_INTERNAL_H

#include "evidence/segment_internal.h"

struct fault_list {
    log_fault *report; /* may be NULL */
    void *context;
    const char *todo;
    uint64_t count;
};
__attribute__((format(printf, 3, 4))) void fault_add(struct fault_list *faults, const char *where, const char *what, ...);

struct record_check;
/* `published`: entries below it must be there, but for those before `pruned`, whose segments may be gone. Free with record_check_free(). */
must_check bool record_check_make(struct record_check **out, struct disk *private, struct bytes origin, uint64_t published, uint64_t pruned,
                                  struct fault_list *faults, struct error *e);
/* From now on `check` looks at each good record that is whole. */
void record_check_also(struct record_check *check, log_check *also, void *context);
void record_check_free(struct record_check *check); /* NULL is allowed */
/* The next record, which is `index`, until the next call; `*has_record` is false when it is damaged or missing, which was reported. */
must_check bool record_check_next(struct record_check *check, struct fault_list *faults, uint64_t index, struct log_entry *out,
                                  bool *has_record, struct error *e);
/* The first index of the segment that the last record came from. */
uint64_t record_check_segment(const struct record_check *check);
/* Checks the records behind the published ones, and what is left. `*entries` becomes the number of records. */
must_check bool record_check_end(struct record_check *check, struct fault_list *faults, uint64_t *entries, struct error *e);

#endif
