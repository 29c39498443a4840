/* /v1/figures and /v1/live: how the gateway does, at this moment and each second. No person stands in any of it. */
#include "api/live_internal.h"
#include "api/rest_handlers_internal.h"

bool handle_figure_read(struct rest_call *call, struct error *e)
{
    const struct rest_options *options = &call->rest->options;
    return options->figures(options->context, &call->answer, e);
}

/* Whoever may look is through with the pool: the stream is begun on the loop (rest_call_done()). */
bool handle_figure_live(struct rest_call *call, struct error *e)
{
    struct bytes events = rest_query(call, "events");
    call->limit = LIVE_EVENTS_MAX;
    return events.data == NULL || (bytes_to_u64(events, &call->limit) && call->limit > 0 && call->limit <= LIVE_EVENTS_MAX) ||
           rest_refuse(call, e, 400, "request.malformed", "query events", NULL, "must be a whole number from 1 to %d", LIVE_EVENTS_MAX);
}
