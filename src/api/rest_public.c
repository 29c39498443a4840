#include "api/rest_handlers_internal.h"

bool handle_openapi(struct rest_call *call, struct error *e)
{
    call->raw = body_of(call->rest->openapi);
    call->is_public = true;
    return call->raw != NULL || error_memory(e, "answer");
}
