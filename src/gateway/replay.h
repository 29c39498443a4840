/* The replay window: exchange ids that were seen lately. Any thread. */
#ifndef COMITY_GATEWAY_REPLAY_H
#define COMITY_GATEWAY_REPLAY_H

#include "base/bytes.h"

struct replay;
/* `window_ms`: how far a statement's time may be from ours, either way. `count_max` ids at most in one window (0: 4,000,000). */
must_check struct replay *replay_make(int64_t window_ms, size_t count_max);
void replay_free(struct replay *replay); /* NULL is allowed */

/*
 * What was accepted is in it as far as it counts at `now_ms`, and no further: what was stated before that is outside the window from here on, also
 * when the clock is set back.
 */
void replay_begin(struct replay *replay, int64_t now_ms);

enum replay_verdict { REPLAY_FRESH = 0, REPLAY_IS_SEEN, REPLAY_OUTSIDE_WINDOW, REPLAY_IS_FULL };
/*
 * Is an id that was stated at `created_s` new now? Then it is remembered until it would be outside the window anyway. Ids are kept as
 * 64 bits of a keyed hash: two of four million fall together once in two million windows, and the second is then refused.
 */
must_check enum replay_verdict replay_check(struct replay *replay, struct bytes id, int64_t created_s, int64_t now_ms);

#endif
