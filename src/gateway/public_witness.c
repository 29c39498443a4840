/* POST /witness/add-checkpoint and GET /witness/<hex>/checkpoint (C2SP tlog-witness 1.0.0). */
#include "base/time.h"
#include "gateway/public_service_internal.h"
#include "gateway/witnessing_internal.h"

static void give(struct public_call *call, struct witness_answer *answer)
{
    if (answer->status == 200 || answer->status == 409) {
        call->status = answer->status;
        call->content_type = answer->content_type;
        buffer_append(&call->answer, buffer_bytes(&answer->body));
    } else if (answer->status == 503) {
        /* The cause is in the diagnostics: a stranger learns nothing of this machine. */
        public_refuse(call, 503, "nothing was cosigned; try again later");
    } else {
        public_refuse(call, answer->status, "%s", answer->why.what);
    }
    witness_answer_clear(answer);
}

static struct witness *witness_of(struct public_call *call)
{
    struct witness *witness = call->gateway->witnessing->witness;
    if (witness == NULL) {
        public_refuse(call, 404, "this gateway witnesses nobody");
    }
    return witness;
}

void public_witness_add(struct public_call *call)
{
    struct witness *witness = witness_of(call);
    if (witness != NULL) {
        struct witness_answer answer;
        witness_answer_init(&answer);
        witness_add_checkpoint(witness, call->snapshot->world, call->body, time_now_ms(), &answer);
        give(call, &answer);
    }
}

void public_witness_checkpoint(struct public_call *call)
{
    struct witness *witness = witness_of(call);
    if (witness == NULL) {
        return;
    }
    struct bytes hex = call->rest;
    if (!bytes_end_with(hex, BYTES("/checkpoint"))) {
        public_refuse(call, 404, "ask for HEX/checkpoint: HEX is SHA-256 of the log's origin");
        return;
    }
    struct witness_answer answer;
    witness_answer_init(&answer);
    witness_get_checkpoint(witness, bytes_slice(hex, 0, hex.size - BYTES("/checkpoint").size), &answer);
    if (answer.status == 200) {
        call->cache = PUBLIC_CACHE_SHORT;
    }
    give(call, &answer);
    if (call->status == 200) {
        (void)public_is_unchanged(call);
    }
}
