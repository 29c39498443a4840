/* POST /consent/erase-notices and /consent/confirmations: what holders and recipients tell each other after an end (docs/formats/erase-notices.md). */
#include "base/time.h"
#include "gateway/public_service_internal.h"
#include "rights/obligation.h"

static struct bytes member_text(const struct directory_member *member, struct arena *arena)
{
    struct buffer text;
    const struct identifier id = { .part_count = 3, .parts = { member->directory->community, member->class_code, member->code } };
    buffer_init(&text, 4096);
    identifier_append(&text, &id);
    struct bytes out = text.failed ? BYTES_NONE : arena_copy(arena, buffer_bytes(&text));
    buffer_clear(&text);
    return out;
}

void public_erase_notice(struct public_call *call)
{
    struct error e;
    struct bytes member = member_text(call->peer->member, call->arena);
    if (member.data == NULL) {
        (void)error_memory(&e, "erase notice");
        public_fail(call, &e);
        return;
    }
    if (!received_take(call->gateway->rights, call->gateway->signer, &call->peer->statement_key, member, call->body, time_now_ms(),
                       &call->answer, &e)) {
        public_fail(call, &e);
    }
}

void public_confirmation(struct public_call *call)
{
    struct error e;
    if (!obligation_confirm(call->gateway->rights, &call->peer->statement_key, call->body, time_now_ms(), &e)) {
        public_fail(call, &e);
        return;
    }
    call->status = 204;
}
