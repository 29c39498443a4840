/*
 * The numbers of our requests: for each other gateway 1, 2, 3, ... in this run, in each request's statement as Comity-Sequence. The other side, and
 * an auditor, see by them whether a request is missing (docs/formats/exchange.md, "Sequence"). Any thread.
 */
#ifndef COMITY_GATEWAY_SEQUENCES_INTERNAL_H
#define COMITY_GATEWAY_SEQUENCES_INTERNAL_H

#include "base/arena.h"
#include "crypto/key.h"
#include "evidence/committer.h"

enum { SEQUENCES_PEERS_MAX = 65536, SEQUENCES_UNUSED_MAX = 4096 };

struct sequences;
/* `start`: the log's size when this run began, which no other run of this log began with. */
must_check struct sequences *sequences_make(uint64_t start);
void sequences_free(struct sequences *sequences); /* NULL is allowed */

/*
 * The next number towards the gateway with this log: "<start>.<number>" in `arena`. `*number` is 0, and the text empty, past SEQUENCES_PEERS_MAX
 * gateways: the statement then has none. .data NULL when memory is out.
 */
struct bytes sequences_take(struct sequences *sequences, const struct verifier *log_key, struct arena *arena, uint64_t *number);
/* A number whose statement did not come into the log, and so was never sent: it is the next one again. 0 is passed over. */
void sequences_give_back(struct sequences *sequences, const struct verifier *log_key, uint64_t number);
/* At the end of a run: logs the last number of each gateway, and which were never used (event sequences/1, docs/formats/events.md). Waits. */
must_check bool sequences_log(struct sequences *sequences, struct committer *committer, struct error *e);

#endif
