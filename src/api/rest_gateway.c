/* /v1/gateway: does it serve, and how far is its log? */
#include "api/rest_handlers_internal.h"
#include "interchange/json_make.h"

bool handle_gateway_read(struct rest_call *call, struct error *e)
{
    const struct rest_options *options = &call->rest->options;
    struct error why = { 0 };
    char text[sizeof why];
    bool is_ready = options->is_ready(options->context, &why);
    struct json_maker m = json_make();
    json_make_text(&m, "version", COMITY_VERSION);
    json_make_bytes(&m, "member", options->member);
    json_make_bytes(&m, "origin", options->origin);
    json_make_bool(&m, "ready", is_ready);
    json_make_value(&m, "why", is_ready ? json_null() : json_string(error_text(&why, text, sizeof text)));
    json_make_number(&m, "logEntries", committer_log_size(options->committer));
    json_make_time(&m, "time", call->now_ms);
    call->answer = json_made(&m);
    return call->answer != NULL || error_memory(e, "answer");
}
