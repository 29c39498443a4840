/* GovStack's /service: what individuals decide. */
#include "api/govstack_internal.h"
#include "api/rest_handlers_internal.h"

bool rest_find_individual(struct rest_call *call, struct bytes id, struct error *e)
{
    struct object object;
    struct error cause = { 0 };
    if (id.size == 0) {
        return true;
    }
    if (!object_find(call->rest->options.store, OBJECT_INDIVIDUAL, id, false, &call->arena, &object, &cause)) {
        if (cause.kind == ERROR_ABSENT) {
            return rest_refuse(call, e, 404, "request.absent", "header X-ConsentBB-IndividualId", "make the individual known first",
                               "is not known");
        }
        *e = cause;
        return false;
    }
    struct bytes external = rest_json_bytes(json_object_get(object.content, "externalId"));
    call->subject = arena_copy(&call->arena, external.size > 0 ? external : id);
    object_clear(&object);
    return call->subject.data != NULL || error_memory(e, "request");
}
