/* GET /v1/live: the figures of each second as server-sent events (HTML, "Server-sent events"), one snapshot for all who look. Main loop only. */
#ifndef COMITY_API_LIVE_INTERNAL_H
#define COMITY_API_LIVE_INTERNAL_H

#include "api/rest_internal.h"

enum {
    LIVE_WATCHERS_MAX = 64,
    LIVE_PERIOD_MS = 1000,
    LIVE_EVENTS_MAX = 600,           /* then the reader comes again, and is asked again who it is */
    LIVE_WAITING_BYTES_MAX = 1 << 18 /* a reader that lags so far behind is cut off */
};

struct live;
/* NULL when memory is out. `rest` has the figures, the loop and the pool. */
struct live *live_make(struct rest *rest);
/* Answers with a stream of so many events; the head is `answer`, without a body. Past LIVE_WATCHERS_MAX: 503. */
void live_join(struct live *live, struct server_request *request, const struct server_answer *answer, unsigned events);
/* Makes no more snapshots; `done` later, once its timer is off the loop. Streams end with their server. */
void live_stop(struct live *live, void (*done)(void *context), void *context);
/* After server and works have ended. NULL is allowed. */
void live_free(struct live *live);

#endif
