/* The explanation of a decision, as an operation (operation.h). */
#ifndef COMITY_API_OPERATION_EXPLAIN_H
#define COMITY_API_OPERATION_EXPLAIN_H

#include "api/operation.h"

/*
 * { "client", "service", "method"?, "path"?, "purpose"?, "person"?, "at"?: RFC 3339, "vital"?: the justification, "confirmed_by"?, "authority"? } to
 * { "permitted", "reason", "told": what the consumer learns, "remedy", "held": the guard against harvesting holds the consumer, "categories": [ {
 * "category", "permitted", "sensitive", "basis", "reason", "article", "remedy" } ], "text": for people }. Without a person: somebody of whom nothing is
 * known. With one, the answer shows what that person has consented to: who may ask, and that the person sees the look, is for the caller.
 *
 * Needs `grounds`, `world` and `consents`; `counters` and `rights` where they are at hand. Neither text nor error holds the person's identifier.
 */
operation operation_explain;

#endif
