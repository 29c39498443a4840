/* What a decision's event in the log means for holds (hold.c) and reviews (review.c). */
#ifndef COMITY_RIGHTS_DECISION_INTERNAL_H
#define COMITY_RIGHTS_DECISION_INTERNAL_H

#include "rights/hold.h"
#include "rights/rights_internal.h"

/* By the background, in the log's order; twice is no harm. Each is a transaction of its own when there is something to do. */
must_check bool hold_take_decision(struct rights *rights, struct bytes text, struct error *e);
must_check bool review_take_decision(struct rights *rights, struct bytes text, uint64_t index, struct error *e);

/* The first entry that the background has not looked at; 0 at first. */
must_check bool obligations_next(struct rights *rights, uint64_t *next, struct error *e);

/* Reads the store's holds into memory, and frees them. */
must_check bool holds_load(struct rights *rights, struct error *e);
void holds_free(struct rights *rights);

#endif
