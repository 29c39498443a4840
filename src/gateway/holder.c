/* The holder's side: a peer's request on its way in, and the answer on its way back. Read the table at the end first. */
#include "gateway/holder_internal.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/random.h"
#include "base/time.h"
#include "consent/event_text.h"
#include "gateway/identify_internal.h"
#include "gateway/witnessing_internal.h"

static const char side[] = "server.serverproxy";

/* Which step to do anew when a consent was overtaken: see holder_steps. */
enum { STEP_DECIDE = 5, STEP_CALL_SERVICE = 7 };

/*
 * The gateway of the client's own member that has this pin. Looked up there and nowhere else: another recognised community may list any
 * pin it likes in its directory, and must not become the peer by it.
 */
static const struct directory_gateway *find_peer(const struct exchange *x, int64_t now_ms)
{
    const struct peer *line = &x->request->peer;
    struct identifier member = x->client;
    member.part_count = 3;
    const struct directory_member *found = line->has_certificate ? world_find_member(x->snapshot->world, &member, now_ms) : NULL;
    for (size_t i = 0; found != NULL && i < found->gateway_count; i++) {
        const struct directory_gateway *gateway = &found->gateways[i];
        for (size_t j = 0; j < gateway->tls_pin_count; j++) {
            if (memcmp(gateway->tls_pins[j], line->pin, PIN_SIZE) == 0) {
                return gateway;
            }
        }
    }
    return NULL;
}

static enum verdict verify_peer(struct exchange *x)
{
    struct error e;
    int64_t now_ms = time_now_ms();
    if (!snapshot_is_valid(x->snapshot, now_ms, &e)) {
        return exchange_refuse_error(x, REASON_DIRECTORY_EXPIRED, &e);
    }
    /* The handshake let this pin in, but the directory may have been replaced since. */
    x->peer = find_peer(x, now_ms);
    if (x->peer == NULL) {
        return exchange_refuse(x, REASON_PEER_UNKNOWN, "this peer's key is not one of a gateway of the client's member");
    }
    tally_heard(x->worker->tally, &x->peer->statement_key, now_ms);
    return GO_ON;
}

/* Pairs the first fields with the names that the application wrote (docs/formats/exchange.md). */
static bool restore_fields(struct exchange *x)
{
    const struct fields *all = &x->request->fields;
    const struct field *names = fields_find(all, BYTES("comity-field-names"));
    size_t at = 0;
    if (names == NULL || fields_count(all, BYTES("comity-field-names")) != 1) {
        return false;
    }
    struct bytes rest = names->value.size == 0 ? BYTES_NONE : names->value;
    struct bytes name;
    while (bytes_split(&rest, ',', &name)) {
        if (at == all->count || field_overrides(name) || !bytes_equal_ignoring_case(name, all->list[at].name) || field_is_hop(name) ||
            field_is_replaced_in_request(name) || !fields_add(&x->app_fields, x->arena, name, all->list[at].value)) {
            return false;
        }
        at++;
    }
    return true;
}

static bool take_ids(struct exchange *x)
{
    const struct fields *all = &x->request->fields;
    const struct field *made = fields_find_last(all, BYTES("x-road-id"));
    const struct field *own = fields_find_last(&x->app_fields, BYTES("x-road-id"));
    x->is_message_id_made = own == NULL || own->value.size == 0;
    if (made == NULL || made->value.size == 0 || fields_count(all, BYTES("x-road-request-id")) != 1) {
        return false;
    }
    x->message_id = x->is_message_id_made ? made->value : own->value;
    return true;
}

/* The exchange id is wanted for every refusal, so it comes first; one that is no UUID is replaced by ours. */
static bool take_exchange_id(struct exchange *x)
{
    const struct field *field = fields_find(&x->request->fields, BYTES("x-road-request-id"));
    if (field != NULL && field->value.size == UUID_TEXT_SIZE - 1) {
        x->exchange_id = field->value;
        return true;
    }
    char uuid[UUID_TEXT_SIZE];
    random_uuid(uuid);
    x->exchange_id = arena_copy(x->arena, bytes_of_text(uuid));
    (void)exchange_refuse(x, REASON_PEER_MESSAGE, "header X-Road-Request-Id: send one UUID");
    return false;
}

static enum verdict read_message(struct exchange *x)
{
    struct error e;
    const struct field *purpose = fields_find_last(&x->request->fields, BYTES("comity-purpose"));
    if (!take_exchange_id(x)) {
        return REFUSE;
    }
    if (xroad_target_parse(x->target, x->arena, &x->parts, &e) != XROAD_TARGET_FINE) {
        return exchange_refuse_error(x, REASON_REQUEST_MALFORMED, &e);
    }
    if (!restore_fields(x) || !take_ids(x)) {
        return exchange_refuse(x, REASON_PEER_MESSAGE, "the fields are not those of docs/formats/exchange.md");
    }
    if (!xroad_is_method(x->request->method)) {
        return exchange_refuse(x, REASON_REQUEST_METHOD, NULL);
    }
    x->accept = fields_join(x->app_fields.list, x->app_fields.count, BYTES("Accept"), x->arena);
    x->purpose = purpose == NULL ? BYTES_NONE : purpose->value;
    if (!exchange_hash_request(x)) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    enum verdict verdict = exchange_read_claims(x);
    return verdict == GO_ON ? identify_client(x) : verdict;
}

static enum verdict check_digests(struct exchange *x)
{
    const struct fields *all = &x->request->fields;
    const struct field *head = fields_find(all, BYTES("comity-head-digest"));
    const struct field *content = fields_find_last(all, BYTES("content-digest"));
    struct bytes head_digest = digest_field(x->arena, "sha-512", bytes_of(x->head_sha512, SHA512_SIZE));
    struct bytes body_digest = digest_field(x->arena, "sha-256", bytes_of(body_sha256(x->request->body), SHA256_SIZE));
    if (head == NULL || content == NULL || head_digest.data == NULL || body_digest.data == NULL) {
        return exchange_refuse(x, REASON_PEER_MESSAGE, "the digests of head and body are missing");
    }
    if (!bytes_equal(content->value, body_digest)) {
        return exchange_refuse(x, REASON_DIGEST_MISMATCH, "header Content-Digest: the digest does not match the body");
    }
    if (!bytes_equal(head->value, head_digest)) {
        return exchange_refuse(x, REASON_DIGEST_MISMATCH, "header Comity-Head-Digest: the digest does not match path and fields");
    }
    return GO_ON;
}

/* A message for another gateway must not be accepted here, even if its statement is good. */
static bool is_for_us(const struct exchange *x)
{
    const struct directory_gateway *self = x->snapshot->gateway;
    for (size_t i = 0; self != NULL && i < self->address_count; i++) {
        if (bytes_equal_ignoring_case(self->addresses[i], x->request->authority)) {
            return true;
        }
    }
    return false;
}

/* The peer is a gateway of the client's member; does it serve this subsystem of it? */
static bool speaks_for_client(const struct exchange *x)
{
    if (x->client.part_count == 3) {
        return true;
    }
    const struct directory_subsystem *client = world_find_subsystem(x->snapshot->world, &x->client, time_now_ms());
    return client != NULL && directory_gateway_serves(x->peer, client);
}

/* Its own signature must be good whenever it is there. Whether it must be there, the service says. */
static enum verdict check_individual(struct exchange *x)
{
    struct error e;
    if (message_check_signature(&x->sent_request, x->app_fields.count, x->request_statement, &x->peer->statement_key, x->arena,
                                &x->peer_signature, &e) ||
        e.kind == ERROR_ABSENT) {
        return GO_ON;
    }
    return e.kind == ERROR_MEMORY ? exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL)
                                  : exchange_refuse_error(x, REASON_RECEIPT_INDIVIDUAL_INVALID, &e);
}

static enum verdict verify_receipt(struct exchange *x)
{
    struct gateway *gateway = x->worker->gateway;
    struct error e;
    struct message_seal seal;
    struct checkpoint_view checkpoint;
    if (!message_read_seal(&x->sent_request, x->arena, &seal, &x->request_statement, &x->request_receipt, &e)) {
        return exchange_refuse_error(x, e.kind == ERROR_ABSENT ? REASON_RECEIPT_MISSING : REASON_RECEIPT_INVALID, &e);
    }
    struct receipt *receipt = arena_take(x->arena, sizeof *receipt);
    if (receipt == NULL) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    if (!bytes_equal(seal.origin, bytes_of_text(x->peer->statement_key.name)) || !bytes_equal(seal.exchange_id, x->exchange_id)) {
        return exchange_refuse(x, REASON_RECEIPT_INVALID, "keyid or nonce are not those of this peer and exchange");
    }
    if (!receipt_parse(x->request_receipt, receipt, &e) ||
        !receipt_verify(receipt, x->request_statement, &x->peer->statement_key, gateway->checkpoints, &checkpoint, &e)) {
        return exchange_refuse_error(x, REASON_RECEIPT_INVALID, &e);
    }
    if (!origins_note(gateway->origins, gateway->witnessing->watch, &x->peer->statement_key, &checkpoint, receipt->checkpoint)) {
        return exchange_refuse(x, REASON_PEER_EQUIVOCATED, NULL);
    }
    x->has_receipt = true;
    if (!is_for_us(x)) {
        return exchange_refuse(x, REASON_RECEIPT_INVALID, "the statement is addressed to another gateway");
    }
    enum verdict verdict = check_digests(x);
    if (verdict != GO_ON) {
        return verdict;
    }
    if (!speaks_for_client(x)) {
        return exchange_refuse(x, REASON_PEER_UNKNOWN, "this peer does not speak for the client that it names");
    }
    x->created_s = seal.created_s;
    return check_individual(x);
}

static enum verdict check_replay(struct exchange *x)
{
    switch (replay_check(x->worker->gateway->replay, x->exchange_id, x->created_s, time_now_ms())) {
    case REPLAY_FRESH:
        return GO_ON;
    case REPLAY_IS_SEEN:
        return exchange_refuse(x, REASON_REPLAY_SEEN, NULL);
    case REPLAY_OUTSIDE_WINDOW:
        return exchange_refuse(x, REASON_REPLAY_TIME, "the statement's time is outside the window; set both gateways' clocks");
    case REPLAY_IS_FULL:
        break;
    }
    return exchange_refuse(x, REASON_GATEWAY_BUSY, "the replay window is full; try again in a minute");
}

static bool is_served_here(const struct exchange *x)
{
    struct identifier subsystem = x->parts.service;
    subsystem.part_count = 4;
    const struct directory_subsystem *found = directory_find_subsystem(x->snapshot->world->own, &subsystem);
    return found != NULL && x->snapshot->gateway != NULL && directory_gateway_serves(x->snapshot->gateway, found);
}

static enum verdict find_service(struct exchange *x)
{
    if (!is_served_here(x)) {
        return exchange_refuse(x, REASON_MEMBER_UNKNOWN, "the subsystem is not registered at this gateway");
    }
    if (metadata_is_service(x)) {
        x->is_metadata = true;
        return GO_ON;
    }
    enum reason reason = decide_find_service(x->snapshot->policy, &x->parts.service, &x->client, x->request->method, x->parts.path,
                                             x->arena, &x->service, &x->normal_path);
    if (reason == REASON_SERVICE_DISABLED) {
        char notice[1024];
        struct bytes text = bytes_slice(x->service->disabled_notice, 0, sizeof notice - 1);
        memcpy(notice, text.size == 0 ? (const uint8_t *)"" : text.data, text.size);
        notice[text.size] = '\0';
        return exchange_refuse(x, REASON_SERVICE_DISABLED, text.size == 0 ? NULL : notice);
    }
    if (reason != REASON_NONE) {
        return exchange_refuse(x, reason, NULL);
    }
    if (x->service->evidence == EVIDENCE_INDIVIDUAL && x->peer_signature.size == 0) {
        return exchange_refuse(x, REASON_RECEIPT_INDIVIDUAL_MISSING,
                               "this service asks for a signature of each message by itself: name it under 'calls' in the policy, with "
                               "'evidence: individual'");
    }
    return GO_ON;
}

enum verdict holder_decide_again(struct exchange *x)
{
    consent_view_clear(&x->consents);
    notices_drop(x->notices);
    x->notices = NULL;
    /* What the service said stays; it is cut anew. */
    if (x->reply != NULL && x->reply->body == NULL) {
        x->reply->body = x->answer_body;
    } else {
        body_free(x->answer_body);
    }
    x->answer_body = NULL;
    x->is_submitted[ENTRY_REQUEST] = x->is_logged[ENTRY_REQUEST] = false;
    shared_checkpoint_release(x->entries[ENTRY_REQUEST].checkpoint);
    x->entries[ENTRY_REQUEST].checkpoint = NULL;
    x->step = STEP_DECIDE;
    return JUMP;
}

/* For a safe method the service is asked while this is being synced (RFC 9110 9.2.1: asking changes nothing there). */
static enum verdict log_request(struct exchange *x)
{
    if (!x->is_submitted[ENTRY_REQUEST]) {
        enum verdict verdict = holder_submit_decision(x, true);
        if (verdict != GO_ON) {
            return verdict;
        }
    }
    if (method_is_safe(x->request->method)) {
        return GO_ON;
    }
    return exchange_wait_logged(x, ENTRY_REQUEST);
}

static const struct step holder_steps[] = {
    { "read-message", read_message },     { "verify-peer", verify_peer },
    { "verify-receipt", verify_receipt }, { "replay-window", check_replay },
    { "find-service", find_service },     [STEP_DECIDE] = { "decide", holder_decide },
    { "log-request", log_request },       [STEP_CALL_SERVICE] = { "call-service", holder_call_service },
    { "release", holder_release },        { "log-answer", holder_log_answer },
    { "reply", holder_send_answer },
};
const struct step_table holder_table = { holder_steps, COUNT_OF(holder_steps), STEP_CALL_SERVICE };
_Static_assert(COUNT_OF(holder_steps) <= TALLY_STEPS_MAX, "each step has its place in the tally");
static const struct step refusal_steps[] = {
    { "settle", holder_settle },
    { "log-decision", holder_log_refused },
    { "log-refusal", holder_log_refusal },
    { "reply-refusal", holder_send_refusal },
};

void holder_begin(struct worker *worker, const struct listener *listener, struct server_request *request)
{
    struct exchange *x = exchange_make(worker, listener, request, side, holder_table,
                                       (struct step_table){ refusal_steps, COUNT_OF(refusal_steps), SIZE_MAX });
    if (x == NULL) {
        return;
    }
    /* A refusal binds its request, too, however little of it could be read. */
    x->sent_request = (struct message){
        .method = request->method,
        .authority = request->authority,
        .target = request->target,
        .fields = request->fields,
        .evidence = request->preface,
    };
    exchange_run(x);
}
