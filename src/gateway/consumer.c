/* The consumer's side: an application's request on its way out, and the answer on its way back. Read the table at the end first. */
#include "base/encode.h"
#include "base/random.h"
#include "base/time.h"
#include "consent/event_text.h"
#include "evidence/individual.h"
#include "gateway/consumer_internal.h"
#include "gateway/identify_internal.h"
#include "gateway/witnessing_internal.h"

static const char side[] = "server.clientproxy";

/* Which step to do anew for the next gateway that serves the subsystem: see consumer_steps. */
enum { STEP_STATE_REQUEST = 3, STEP_SEND = 5 };

static enum verdict refuse_target(struct exchange *x, enum xroad_target_fault fault, const struct error *e)
{
    if (fault != XROAD_TARGET_MALFORMED) {
        x->prefix = "client";
        x->error_type = fault == XROAD_TARGET_OTHER ? "not_found" : "malformed_target";
        x->refusal_status = fault == XROAD_TARGET_OTHER ? 404 : 400;
    }
    return exchange_refuse_error(x, REASON_REQUEST_MALFORMED, e);
}

static bool take_ids(struct exchange *x)
{
    char uuid[UUID_TEXT_SIZE];
    random_uuid(uuid);
    x->exchange_id = arena_copy(x->arena, bytes_of_text(uuid));
    const struct field *id = fields_find_last(&x->request->fields, BYTES("X-Road-Id"));
    if (id != NULL && id->value.size > 0) {
        x->message_id = id->value;
    } else {
        random_uuid(uuid);
        x->message_id = exchange_format(x, "%.*s-%s", BYTES_FMT(x->worker->gateway->config->member.parts[0]), uuid);
        x->is_message_id_made = true;
    }
    return x->exchange_id.data != NULL && x->message_id.data != NULL;
}

static bool take_purpose(struct exchange *x)
{
    const struct field *field = fields_find_last(&x->request->fields, BYTES("Comity-Purpose"));
    if (field == NULL) {
        return true;
    }
    struct buffer iri;
    buffer_init(&iri, 1024);
    bool is_good = iri_expand(field->value, &iri) && !iri.failed;
    x->purpose = is_good ? arena_copy(x->arena, buffer_bytes(&iri)) : BYTES_NONE;
    buffer_clear(&iri);
    return x->purpose.data != NULL;
}

/* It stands in the statement, and RFC 9421 2.5 wants that in ASCII. */
static bool is_ascii(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7E) {
            return false;
        }
    }
    return true;
}

static enum verdict read_request(struct exchange *x)
{
    struct error e;
    const struct field *party = fields_find(&x->request->fields, BYTES("X-Road-Represented-Party"));
    if (!take_ids(x)) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    enum xroad_target_fault fault = xroad_target_parse(x->target, x->arena, &x->parts, &e);
    if (fault != XROAD_TARGET_FINE) {
        return refuse_target(x, fault, &e);
    }
    if (!xroad_is_method(x->request->method)) {
        return exchange_refuse(x, REASON_REQUEST_METHOD, "use DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT or TRACE");
    }
    if (bytes_equal(x->request->method, BYTES("TRACE")) && body_size(x->request->body) > 0) {
        return exchange_refuse(x, REASON_REQUEST_BODY, "TRACE carries no body (RFC 9110 9.3.8)");
    }
    if (!is_ascii(x->message_id)) {
        x->message_id = BYTES_NONE;
        return exchange_refuse(x, REASON_REQUEST_MALFORMED, "header X-Road-Id: send printable ASCII");
    }
    for (size_t i = 0; i < x->request->fields.count; i++) {
        if (field_overrides(x->request->fields.list[i].name)) {
            return exchange_refuse(x, REASON_REQUEST_MALFORMED,
                                   "a header that replaces method or path (X-HTTP-Method-Override, X-Original-URL, ...)");
        }
    }
    if (party != NULL && !xroad_is_represented_party(party->value)) {
        return exchange_refuse(x, REASON_REQUEST_MALFORMED, "header X-Road-Represented-Party: send [class/]code");
    }
    if (!take_purpose(x)) {
        return exchange_refuse(x, REASON_REQUEST_MALFORMED,
                               "header Comity-Purpose: send a full IRI or a known short form such as dpv:ServiceProvision");
    }
    return exchange_read_claims(x);
}

static enum verdict identify(struct exchange *x)
{
    enum verdict verdict = identify_client(x);
    return verdict == GO_ON ? authenticate_client(x) : verdict;
}

/* X-Road-Security-Server: "COMMUNITY/CLASS/MEMBER/CODE". */
static bool is_wanted(const struct exchange *x, const struct directory_gateway *gateway, const struct identifier *wanted)
{
    return wanted->part_count == 0 ||
           (bytes_equal(wanted->parts[0], x->parts.service.parts[0]) && bytes_equal(wanted->parts[1], gateway->member->class_code) &&
            bytes_equal(wanted->parts[2], gateway->member->code) && bytes_equal(wanted->parts[3], gateway->code));
}

static bool read_wanted_gateway(struct exchange *x, struct identifier *wanted)
{
    struct error e;
    const struct field *field = fields_find_last(&x->request->fields, BYTES("X-Road-Security-Server"));
    *wanted = (struct identifier){ 0 };
    if (field == NULL) {
        return true;
    }
    uint8_t *storage = arena_take(x->arena, field->value.size + 1);
    return storage != NULL && identifier_parse(field->value, 4, 4, storage, wanted, &e);
}

static enum verdict take_candidates(struct exchange *x, const struct directory_subsystem *subsystem, const struct identifier *wanted)
{
    size_t all = subsystem->gateway_count > 0 ? subsystem->gateway_count : subsystem->member->gateway_count;
    bool has_wanted = false, has_distrusted = false;
    x->candidates = arena_take(x->arena, (all + 1) * sizeof(struct directory_gateway *));
    if (x->candidates == NULL) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    for (size_t i = 0; i < all; i++) {
        const struct directory_gateway *gateway = subsystem->gateway_count > 0 ? subsystem->gateways[i] : &subsystem->member->gateways[i];
        if (is_wanted(x, gateway, wanted)) {
            has_wanted = true;
            if (gateway_distrusts(x->worker->gateway, &gateway->statement_key)) {
                has_distrusted = true;
            } else if (!gateway->in_maintenance && gateway->address_count > 0) {
                x->candidates[x->candidate_count++] = gateway;
            }
        }
    }
    if (x->candidate_count > 0) {
        return GO_ON;
    }
    if (has_distrusted) {
        return exchange_refuse(x, REASON_PEER_EQUIVOCATED, NULL);
    }
    if (!has_wanted) {
        return exchange_refuse(x, wanted->part_count > 0 ? REASON_GATEWAY_UNKNOWN : REASON_MEMBER_UNKNOWN,
                               wanted->part_count > 0 ? NULL : "Could not find addresses for service provider");
    }
    return exchange_refuse(x, REASON_GATEWAY_MAINTENANCE, NULL);
}

static enum verdict find_holder(struct exchange *x)
{
    struct error e;
    struct identifier subsystem = x->parts.service;
    struct identifier wanted;
    int64_t now_ms = time_now_ms();
    subsystem.part_count = 4;
    if (!snapshot_is_valid(x->snapshot, now_ms, &e)) {
        return exchange_refuse_error(x, REASON_DIRECTORY_EXPIRED, &e);
    }
    if (!read_wanted_gateway(x, &wanted)) {
        return exchange_refuse(x, REASON_GATEWAY_UNKNOWN, "header X-Road-Security-Server: send COMMUNITY/CLASS/MEMBER/CODE");
    }
    const struct directory_subsystem *found = world_find_subsystem(x->snapshot->world, &subsystem, now_ms);
    if (found == NULL) {
        return exchange_refuse(x, REASON_MEMBER_UNKNOWN, "Could not find addresses for service provider");
    }
    return take_candidates(x, found, &wanted);
}

static struct bytes lower_case(struct bytes name, struct arena *arena)
{
    uint8_t *lower = arena_take(arena, name.size + 1);
    if (lower == NULL) {
        return BYTES_NONE;
    }
    for (size_t i = 0; i < name.size; i++) {
        lower[i] = name.data[i] >= 'A' && name.data[i] <= 'Z' ? (uint8_t)(name.data[i] | 0x20) : name.data[i];
    }
    return bytes_of(lower, name.size);
}

/* Of several X-Road-Client or X-Road-Id the last counts, and only that goes on: a service may well read the first. */
static bool is_overridden(const struct fields *all, size_t index)
{
    struct bytes name = all->list[index].name;
    return (bytes_equal_ignoring_case(name, BYTES("X-Road-Client")) || bytes_equal_ignoring_case(name, BYTES("X-Road-Id"))) &&
           fields_find_last(all, name) != &all->list[index];
}

/* The application's fields that pass, as it wrote them, and in lower case for the wire. */
static bool take_fields(struct exchange *x)
{
    const struct fields *all = &x->request->fields;
    x->app_fields = (struct fields){ 0 };
    for (size_t i = 0; i < all->count; i++) {
        struct bytes name = all->list[i].name;
        if (field_is_hop(name) || field_is_replaced_in_request(name) || is_overridden(all, i) || field_is_named_by_connection(all, name) ||
            is_own_token(x, &all->list[i])) {
            continue;
        }
        struct bytes lower = lower_case(name, x->arena);
        if (lower.data == NULL || !fields_add(&x->app_fields, x->arena, name, all->list[i].value) ||
            !fields_add(&x->sent_request.fields, x->arena, lower, all->list[i].value)) {
            return false;
        }
    }
    return true;
}

static struct bytes join_names(struct exchange *x)
{
    size_t size = 1;
    for (size_t i = 0; i < x->app_fields.count; i++) {
        size += x->app_fields.list[i].name.size + 1;
    }
    uint8_t *names = arena_take(x->arena, size);
    if (names == NULL) {
        return BYTES_NONE;
    }
    size_t at = 0;
    for (size_t i = 0; i < x->app_fields.count; i++) {
        if (i > 0) {
            names[at++] = ',';
        }
        memcpy(names + at, x->app_fields.list[i].name.data, x->app_fields.list[i].name.size);
        at += x->app_fields.list[i].name.size;
    }
    return bytes_of(names, at);
}

/* docs/formats/exchange.md, "Fields that gateways add". */
static bool add_own_fields(struct exchange *x)
{
    const struct {
        struct bytes name, value;
    } own[] = {
        { BYTES("x-road-request-id"), x->exchange_id },
        { BYTES("comity-field-names"), join_names(x) },
        { BYTES("comity-directory"), x->snapshot->directory_text },
        { BYTES("comity-peer-checkpoint"), origins_text(x->worker->gateway->origins, &x->peer->statement_key, x->arena) },
        { BYTES("comity-head-digest"), digest_field(x->arena, "sha-512", bytes_of(x->head_sha512, SHA512_SIZE)) },
        { BYTES("content-digest"), digest_field(x->arena, "sha-256", bytes_of(body_sha256(x->request->body), SHA256_SIZE)) },
    };
    struct fields *fields = &x->sent_request.fields;
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        if (own[i].value.data == NULL || !fields_add(fields, x->arena, own[i].name, own[i].value)) {
            return false;
        }
    }
    struct bytes sequence = sequences_take(x->worker->gateway->sequences, &x->peer->statement_key, x->arena, &x->sequence);
    if (sequence.data == NULL || (sequence.size > 0 && !fields_add(fields, x->arena, BYTES("comity-sequence"), sequence))) {
        return false;
    }
    return (!x->is_message_id_made || fields_add(fields, x->arena, BYTES("x-road-id"), x->message_id)) &&
           (x->purpose.size == 0 || fields_add(fields, x->arena, BYTES("comity-purpose"), x->purpose)) && exchange_add_claims(x, fields);
}

/* The statement that has this number is in no log, and so was never sent. */
static enum verdict give_sequence_back(struct exchange *x, enum verdict verdict)
{
    sequences_give_back(x->worker->gateway->sequences, &x->peer->statement_key, x->sequence);
    x->sequence = 0;
    return verdict;
}

bool consumer_asks_individual(const struct exchange *x)
{
    const struct policy_call *call = policy_find_call(x->snapshot->policy, &x->parts.service);
    return call != NULL && call->evidence == EVIDENCE_INDIVIDUAL;
}

static enum verdict state_request(struct exchange *x)
{
    struct error e;
    x->sequence = 0;
    x->peer = x->candidates[x->candidate];
    x->sent_request = (struct message){ .method = x->request->method, .authority = x->peer->addresses[0], .target = x->target };
    if (!take_fields(x) || !exchange_hash_request(x) || !add_own_fields(x)) {
        return give_sequence_back(x, exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL));
    }
    const struct message_seal seal = { .exchange_id = x->exchange_id,
                                       .origin = x->worker->gateway->config->origin,
                                       .created_s = time_now_ms() / 1000 };
    struct statement statement;
    if (!message_state(&x->sent_request, &seal, x->arena, &statement, &e)) {
        enum reason reason = e.kind == ERROR_FULL    ? REASON_REQUEST_TOO_LARGE
                             : e.kind == ERROR_INPUT ? REASON_REQUEST_MALFORMED
                                                     : REASON_GATEWAY_INTERNAL;
        return give_sequence_back(x, exchange_refuse_error(x, reason, &e));
    }
    x->request_statement = statement.text;
    x->parameters = statement.parameters;
    x->own_signature = BYTES_NONE;
    if (consumer_asks_individual(x) &&
        !message_sign(&x->sent_request, statement.text, x->worker->gateway->signer, x->arena, &x->own_signature, &e)) {
        return give_sequence_back(x, exchange_refuse_error(x, REASON_GATEWAY_INTERNAL, &e));
    }
    return GO_ON;
}

static enum verdict log_request(struct exchange *x)
{
    if (!x->is_submitted[ENTRY_REQUEST]) {
        /* Whom it was sent to stays known here also when the address of then is another one's now. */
        struct bytes attachment = individual_attach(bytes_of_text(x->peer->statement_key.name), x->own_signature, x->arena);
        if (attachment.data == NULL) {
            return give_sequence_back(x, exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL));
        }
        if (!exchange_log(x, ENTRY_REQUEST, RECORD_REQUEST_SENT, x->request_statement, attachment)) {
            return give_sequence_back(x, REFUSE);
        }
    }
    enum verdict verdict = exchange_wait_logged(x, ENTRY_REQUEST);
    return verdict == REFUSE ? give_sequence_back(x, REFUSE) : verdict;
}

static void answered(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    struct exchange *x = context;
    x->call = NULL;
    x->reply = answer;
    x->failure = failure;
    x->is_answered = true;
    x->pending--;
    if (answer != NULL) {
        tally_answered(x->worker->tally, &x->peer->statement_key, time_now_ms());
    } else {
        tally_failed(x->worker->tally, &x->peer->statement_key, (int)failure, time_now_ms());
    }
    if (answer == NULL && e != NULL) {
        char text[sizeof(struct error)];
        x->detail = arena_copy(x->arena, bytes_of_text(error_text(e, text, sizeof text)));
    }
    exchange_run(x);
}

static bool start_call(struct exchange *x, struct error *e)
{
    const struct directory_gateway *peer = x->peer;
    struct bytes checkpoint = bytes_of(x->entries[ENTRY_REQUEST].checkpoint->note, x->entries[ENTRY_REQUEST].checkpoint->note_size);
    if (!message_add_receipt(&x->sent_request, x->parameters, &x->entries[ENTRY_REQUEST].record, checkpoint, x->arena, e)) {
        return false;
    }
    const struct client_target target = {
        .protocol = PROTOCOL_HTTP2,
        .addresses = peer->addresses,
        .address_count = peer->address_count,
        .tls = x->snapshot->peer_tls,
        .pins = (const uint8_t(*)[PIN_SIZE])peer->tls_pins,
        .pin_count = peer->tls_pin_count,
    };
    const struct client_request request = {
        .method = x->request->method,
        .target = x->target,
        .authority = x->sent_request.authority,
        .fields = x->sent_request.fields.list,
        .field_count = x->sent_request.fields.count,
        .body = x->request->body,
        .preface = x->sent_request.evidence,
        .preface_form = evidence_form,
        /* X-Road's consumer waits without end, and the holder's timeout ends the call; a peer that died silently must end it too. */
        .read_stall_ms = 10 * 60 * 1000,
        /* Its statement is good for one exchange: a second copy of it would be refused as a replay, and say so in the holder's log. */
        .is_sent_once = true,
    };
    return x->worker->ways->call(x->worker->outside, &x->call, &target, &request, answered, x, e);
}

static enum verdict send_request(struct exchange *x)
{
    struct error e;
    if (x->is_answered) {
        return GO_ON;
    }
    if (!x->is_called) {
        x->is_called = true;
        x->pending++;
        if (!start_call(x, &e)) {
            x->pending--;
            return exchange_refuse_error(x, REASON_GATEWAY_BUSY, &e);
        }
    }
    return WAIT;
}

/* The next gateway that serves the subsystem is tried only when nothing can have reached this one. */
enum verdict consumer_try_next(struct exchange *x)
{
    x->candidate++;
    x->is_called = x->is_answered = false;
    x->is_submitted[ENTRY_REQUEST] = x->is_logged[ENTRY_REQUEST] = false;
    shared_checkpoint_release(x->entries[ENTRY_REQUEST].checkpoint);
    x->entries[ENTRY_REQUEST].checkpoint = NULL;
    x->step = STEP_STATE_REQUEST;
    return JUMP;
}

static const struct step consumer_steps[] = {
    { "read-request", read_request },
    { "identify-client", identify },
    { "find-holder", find_holder },
    [STEP_STATE_REQUEST] = { "state-request", state_request },
    { "log-request", log_request },
    [STEP_SEND] = { "send", send_request },
    { "verify-answer", consumer_verify_answer },
    { "log-answer", consumer_log_answer },
    { "reply", consumer_reply },
};
const struct step_table consumer_table = { consumer_steps, COUNT_OF(consumer_steps), STEP_SEND };
_Static_assert(COUNT_OF(consumer_steps) <= TALLY_STEPS_MAX, "each step has its place in the tally");
static const struct step refusal_steps[] = {
    { "settle", consumer_settle },
    { "log-refusal", consumer_log_refusal },
    { "reply-refusal", consumer_reply_refusal },
};

void consumer_begin(struct worker *worker, const struct listener *listener, struct server_request *request)
{
    if (metadata_list_clients(worker, request)) {
        return;
    }
    struct exchange *x = exchange_make(worker, listener, request, side, consumer_table,
                                       (struct step_table){ refusal_steps, COUNT_OF(refusal_steps), SIZE_MAX });
    if (x != NULL) {
        x->accept = fields_join(request->fields.list, request->fields.count, BYTES("Accept"), x->arena);
        exchange_run(x);
    }
}
