/* The consumer's side: an application's request on its way out, and the answer on its way back. Read the table at the end first. */
#include <stdatomic.h>

#include "base/encode.h"
#include "base/random.h"
#include "base/time.h"
#include "consent/event_text.h"
#include "gateway/exchange_internal.h"
#include "gateway/identify_internal.h"

static const char side[] = "server.clientproxy";

/* Which step to do anew for the next gateway that serves the subsystem: see consumer_steps. */
enum { STEP_STATE_REQUEST = 3 };

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
    return GO_ON;
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
    bool has_wanted = false;
    x->candidates = arena_take(x->arena, (all + 1) * sizeof(struct directory_gateway *));
    if (x->candidates == NULL) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    for (size_t i = 0; i < all; i++) {
        const struct directory_gateway *gateway = subsystem->gateway_count > 0 ? subsystem->gateways[i] : &subsystem->member->gateways[i];
        if (is_wanted(x, gateway, wanted)) {
            has_wanted = true;
            if (!gateway->in_maintenance && gateway->address_count > 0) {
                x->candidates[x->candidate_count++] = gateway;
            }
        }
    }
    if (x->candidate_count > 0) {
        return GO_ON;
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

/* SHA-512 of X-Road's head bytes, and the request hash that the holder must come to as well. */
static bool hash_head(struct exchange *x)
{
    struct buffer head;
    buffer_init(&head, SIZE_MAX);
    xroad_head_write(&head, x->request->method, x->target, x->app_fields.list, x->app_fields.count, x->exchange_id,
                     x->is_message_id_made ? x->message_id : BYTES_NONE);
    bool ok = !head.failed;
    if (ok) {
        sha512(buffer_bytes(&head), x->head_sha512);
        xroad_request_hash(x->head_sha512, body_size(x->request->body) > 0 ? body_sha512(x->request->body) : NULL, x->request_hash);
    }
    buffer_clear(&head);
    return ok;
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
    return (!x->is_message_id_made || fields_add(fields, x->arena, BYTES("x-road-id"), x->message_id)) &&
           (x->purpose.size == 0 || fields_add(fields, x->arena, BYTES("comity-purpose"), x->purpose));
}

static enum verdict state_request(struct exchange *x)
{
    struct error e;
    x->peer = x->candidates[x->candidate];
    x->sent_request = (struct message){ .method = x->request->method, .authority = x->peer->addresses[0], .target = x->target };
    if (!take_fields(x) || !hash_head(x) || !add_own_fields(x)) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    const struct message_seal seal = { .exchange_id = x->exchange_id,
                                       .origin = x->worker->gateway->config->origin,
                                       .created_s = time_now_ms() / 1000 };
    if (!message_state(&x->sent_request, &seal, x->arena, &x->request_statement, &x->input, &e)) {
        return exchange_refuse_error(x, e.kind == ERROR_FULL ? REASON_REQUEST_TOO_LARGE : REASON_GATEWAY_INTERNAL, &e);
    }
    return GO_ON;
}

static enum verdict log_request(struct exchange *x)
{
    if (!x->is_submitted[ENTRY_REQUEST] && !exchange_log(x, ENTRY_REQUEST, RECORD_REQUEST_SENT, x->request_statement, BYTES_NONE)) {
        return REFUSE;
    }
    return exchange_wait_logged(x, ENTRY_REQUEST);
}

static void answered(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    struct exchange *x = context;
    x->call = NULL;
    x->reply = answer;
    x->failure = failure;
    x->is_answered = true;
    x->pending--;
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
    if (!message_add_receipt(&x->sent_request, x->input, &x->entries[ENTRY_REQUEST].record, checkpoint, x->arena, e)) {
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
        /* X-Road's consumer waits without end, and the holder's timeout ends the call; a peer that died silently must end it too. */
        .read_stall_ms = 10 * 60 * 1000,
        /* Its statement is good for one exchange: a second copy of it would be refused as a replay, and say so in the holder's log. */
        .is_sent_once = true,
    };
    return client_call(&x->call, x->worker->client, &target, &request, answered, x, e);
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
static enum verdict try_next(struct exchange *x)
{
    x->candidate++;
    x->is_called = x->is_answered = false;
    x->is_submitted[ENTRY_REQUEST] = x->is_logged[ENTRY_REQUEST] = false;
    shared_checkpoint_release(x->entries[ENTRY_REQUEST].checkpoint);
    x->entries[ENTRY_REQUEST].checkpoint = NULL;
    x->step = STEP_STATE_REQUEST;
    return JUMP;
}

static enum verdict check_line(struct exchange *x)
{
    enum reason reason = REASON_NONE;
    switch (x->failure) {
    case CLIENT_FAILURE_NONE:
        return GO_ON;
    case CLIENT_FAILURE_RESOLVE:
    case CLIENT_FAILURE_CONNECT:
    case CLIENT_FAILURE_TLS:
        if (x->candidate + 1 < x->candidate_count) {
            return try_next(x);
        }
        reason = x->failure == CLIENT_FAILURE_TLS ? REASON_PEER_UNKNOWN : REASON_PEER_UNREACHABLE;
        break;
    case CLIENT_FAILURE_TIMEOUT:
    case CLIENT_FAILURE_BROKEN:
        reason = REASON_PEER_BROKEN;
        break;
    case CLIENT_FAILURE_PROTOCOL:
        reason = REASON_PEER_MESSAGE;
        break;
    case CLIENT_FAILURE_TOO_LARGE:
        reason = REASON_SERVICE_TOO_LARGE;
        break;
    case CLIENT_FAILURE_STORAGE:
        reason = REASON_GATEWAY_INTERNAL;
        break;
    }
    struct bytes detail = x->detail;
    (void)exchange_refuse(x, reason, NULL);
    x->detail = detail.size > 0 ? detail : x->detail;
    return REFUSE;
}

static bool is_value(const struct exchange *x, struct bytes name, struct bytes wanted)
{
    const struct field *field = fields_find(&x->answer.fields, name);
    return field != NULL && fields_count(&x->answer.fields, name) == 1 && bytes_equal(field->value, wanted);
}

/* The service's own fields come first; the first x-road-id is the holder gateway's, who drops a service's. */
static size_t service_field_count(const struct fields *fields)
{
    size_t count = 0;
    while (count < fields->count && !bytes_equal(fields->list[count].name, BYTES("x-road-id"))) {
        count++;
    }
    return count;
}

static bool digests_match(struct exchange *x)
{
    const struct fields *fields = &x->answer.fields;
    struct buffer head;
    uint8_t digest[SHA256_SIZE];
    const struct field *content = fields_find_last(fields, BYTES("content-digest"));
    buffer_init(&head, SIZE_MAX);
    size_t count = service_field_count(fields);
    for (size_t i = 0; i < count; i++) {
        buffer_append(&head, fields->list[i].name);
        buffer_append_u8(&head, ':');
        buffer_append(&head, fields->list[i].value);
        buffer_append(&head, BYTES("\r\n"));
    }
    sha256(buffer_bytes(&head), digest);
    struct bytes head_digest = head.failed ? BYTES_NONE : digest_field(x->arena, "sha-256", bytes_of(digest, sizeof digest));
    buffer_clear(&head);
    struct bytes body_digest = digest_field(x->arena, "sha-256", bytes_of(body_sha256(x->reply->body), SHA256_SIZE));
    return head_digest.data != NULL && body_digest.data != NULL && is_value(x, BYTES("comity-head-digest"), head_digest) &&
           content != NULL && bytes_equal(content->value, body_digest);
}

/* A refusal that came before the client could be read names none. */
static bool client_belongs(struct exchange *x)
{
    struct buffer client;
    buffer_init(&client, 8192);
    identifier_append(&client, &x->client);
    bool belongs = !client.failed && (is_value(x, BYTES("x-road-client"), buffer_bytes(&client)) ||
                                      (fields_find(&x->answer.fields, BYTES("x-road-client")) == NULL &&
                                       fields_find(&x->answer.fields, BYTES("comity-reason")) != NULL));
    buffer_clear(&client);
    return belongs;
}

/* X-Road's own check (1.5): the answer belongs to this request. */
static bool belongs(struct exchange *x)
{
    struct buffer service;
    buffer_init(&service, 8192);
    identifier_append(&service, &x->parts.service);
    struct bytes service_text = service.failed ? BYTES_NONE : arena_copy(x->arena, buffer_bytes(&service));
    buffer_clear(&service);
    return service_text.data != NULL && is_value(x, BYTES("x-road-id"), x->message_id) &&
           is_value(x, BYTES("x-road-request-id"), x->exchange_id) && is_value(x, BYTES("x-road-service"), service_text) &&
           is_value(x, BYTES("x-road-request-hash"), bytes_of(x->request_hash, XROAD_HASH_SIZE)) && client_belongs(x) &&
           (fields_find(&x->answer.fields, BYTES("x-road-error")) == NULL ||
            fields_find(&x->answer.fields, BYTES("comity-reason")) != NULL);
}

static enum verdict verify_answer(struct exchange *x)
{
    struct gateway *gateway = x->worker->gateway;
    struct error e;
    struct message_seal seal;
    struct bytes receipt_text;
    struct checkpoint_view checkpoint;
    enum verdict verdict = check_line(x);
    if (verdict != GO_ON) {
        return verdict;
    }
    x->answer = (struct message){ .status = x->reply->status, .fields = x->reply->fields, .request = &x->sent_request };
    if (!message_read_seal(&x->answer, x->arena, &seal, &x->answer_statement, &receipt_text, &e)) {
        return exchange_refuse_error(x, e.kind == ERROR_ABSENT ? REASON_RECEIPT_MISSING : REASON_RECEIPT_INVALID, &e);
    }
    struct receipt *receipt = arena_take(x->arena, sizeof *receipt);
    if (receipt == NULL) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    if (!receipt_parse(receipt_text, receipt, &e) ||
        !receipt_verify(receipt, x->answer_statement, &x->peer->statement_key, gateway->checkpoints, &checkpoint, &e)) {
        return exchange_refuse_error(x, REASON_RECEIPT_INVALID, &e);
    }
    origins_note(gateway->origins, &x->peer->statement_key, &checkpoint);
    if (!bytes_equal(seal.origin, bytes_of_text(x->peer->statement_key.name)) || !bytes_equal(seal.exchange_id, x->exchange_id) ||
        !belongs(x)) {
        return exchange_refuse(x, REASON_ANSWER_INCONSISTENT, NULL);
    }
    if (!digests_match(x)) {
        return exchange_refuse(x, REASON_DIGEST_MISMATCH, "the answer's body or head differ from their digests");
    }
    x->request_receipt = receipt_text;
    return GO_ON;
}

static enum verdict log_answer(struct exchange *x)
{
    if (!x->is_submitted[ENTRY_ANSWER] && !exchange_log(x, ENTRY_ANSWER, RECORD_ANSWER_RECEIVED, x->answer_statement, x->request_receipt)) {
        return REFUSE;
    }
    return exchange_wait_logged(x, ENTRY_ANSWER);
}

/*
 * Of what the holder's gateway added, the application gets what X-Road has, and what tells it what was decided: exactly these, each once,
 * and all of them are under the statement.
 */
static bool passes_to_application(const struct exchange *x, struct bytes name)
{
    static const struct bytes names[] = {
        BYTES("x-road-id"),    BYTES("x-road-client"), BYTES("x-road-service"),  BYTES("x-road-request-id"), BYTES("x-road-request-hash"),
        BYTES("x-road-error"), BYTES("comity-reason"), BYTES("comity-released"), BYTES("comity-withheld"),
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (bytes_equal(name, names[i])) {
            return fields_count(&x->answer.fields, name) == 1;
        }
    }
    return false;
}

static enum verdict reply(struct exchange *x)
{
    const struct fields *all = &x->answer.fields;
    struct fields fields = { 0 };
    size_t own = service_field_count(all);
    bool ok = true;
    for (size_t i = 0; i < all->count && ok; i++) {
        struct bytes name = all->list[i].name;
        bool passes = i < own ? !field_is_hop(name) && !field_is_replaced_in_answer(name) : passes_to_application(x, name);
        if (passes) {
            ok = fields_add(&fields, x->arena, name, all->list[i].value);
        }
    }
    if (!ok) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    const struct field *reason = fields_find(all, BYTES("comity-reason"));
    x->reason = reason == NULL ? REASON_NONE : reason_find(reason->value);
    struct server_answer answer = {
        .status = x->reply->status, .fields = fields.list, .field_count = fields.count, .body = x->reply->body
    };
    x->reply->body = NULL;
    exchange_end(x, &answer);
    return GO_ON;
}

static enum verdict settle(struct exchange *x)
{
    return x->pending == 0 ? GO_ON : WAIT;
}

/* docs/formats/events.md: what is logged of a request that never left. */
static enum verdict log_refusal(struct exchange *x)
{
    struct buffer text;
    struct bytes service_path = bytes_slice(x->target, 0, bytes_find(x->target, '?'));
    if (x->is_submitted[ENTRY_REFUSAL]) {
        return exchange_wait_logged(x, ENTRY_REFUSAL);
    }
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    event_text_append(&text, "comity-event", BYTES("refusal/1"));
    event_text_append(&text, "exchange", x->exchange_id);
    event_text_append(&text, "client", x->client_text);
    if (x->parts.service.part_count == IDENTIFIER_PARTS_MAX) {
        struct buffer id;
        buffer_init(&id, 8192);
        identifier_append(&id, &x->parts.service);
        event_text_append(&text, "service", buffer_bytes(&id));
        buffer_clear(&id);
    } else {
        event_text_append(&text, "target", bytes_slice(service_path, 0, 1024));
    }
    event_text_append(&text, "reason", bytes_of_text(reason_code(x->reason)));
    event_text_append_decimal(&text, "time", time_now_ms());
    struct bytes statement = text.failed ? BYTES_NONE : arena_copy(x->arena, buffer_bytes(&text));
    buffer_clear(&text);
    if (statement.data == NULL || !exchange_log(x, ENTRY_REFUSAL, RECORD_EVENT, statement, BYTES_NONE)) {
        return REFUSE;
    }
    return WAIT;
}

static enum verdict reply_refusal(struct exchange *x)
{
    struct fields fields = { 0 };
    struct buffer body;
    struct buffer type;
    const struct xroad_error error = {
        .prefix = x->prefix,
        .reason = x->reason,
        .type = x->error_type,
        .status = x->refusal_status == 0 ? 500 : x->refusal_status,
        .is_77 = x->worker->gateway->config->xroad_is_77,
        .message = x->detail,
        .exchange = x->exchange_id,
    };
    buffer_init(&body, 64 * 1024);
    buffer_init(&type, 1024);
    const char *content_type = xroad_error_write(&body, &error, x->accept);
    xroad_error_type(&type, &error);
    struct bytes type_text = arena_copy(x->arena, buffer_bytes(&type));
    /* Memory may be what the refusal is about: then the bare status must do. */
    bool ok = !body.failed && type_text.data != NULL && fields_add(&fields, x->arena, BYTES("Content-Type"), bytes_of_text(content_type)) &&
              fields_add(&fields, x->arena, BYTES("X-Road-Error"), type_text) &&
              fields_add(&fields, x->arena, BYTES("Comity-Reason"), bytes_of_text(reason_code(x->reason))) &&
              (x->message_id.size == 0 || fields_add(&fields, x->arena, BYTES("x-road-id"), x->message_id)) &&
              (x->exchange_id.size == 0 || fields_add(&fields, x->arena, BYTES("x-road-request-id"), x->exchange_id));
    struct server_answer answer = {
        .status = error.status, .fields = fields.list, .field_count = fields.count, .body = ok ? body_of(buffer_bytes(&body)) : NULL
    };
    buffer_clear(&body);
    buffer_clear(&type);
    exchange_end(x, &answer);
    return GO_ON;
}

static const struct step consumer_steps[] = {
    { "read-request", read_request },
    { "identify-client", identify },
    { "find-holder", find_holder },
    [STEP_STATE_REQUEST] = { "state-request", state_request },
    { "log-request", log_request },
    { "send", send_request },
    { "verify-answer", verify_answer },
    { "log-answer", log_answer },
    { "reply", reply },
};
static const struct step refusal_steps[] = {
    { "settle", settle },
    { "log-refusal", log_refusal },
    { "reply-refusal", reply_refusal },
};

void consumer_begin(struct worker *worker, const struct listener *listener, struct server_request *request)
{
    if (metadata_list_clients(worker, request)) {
        return;
    }
    struct exchange *x = arena_take_zeroed(&request->arena, sizeof *x);
    if (x == NULL) {
        const struct server_answer answer = { .status = 503 };
        server_answer(request, &answer);
        return;
    }
    x->worker = worker;
    x->snapshot = snapshot_keep(worker->snapshot);
    x->request = request;
    x->arena = &request->arena;
    x->listener = listener;
    x->table = (struct step_table){ consumer_steps, COUNT_OF(consumer_steps) };
    x->refusal = (struct step_table){ refusal_steps, COUNT_OF(refusal_steps) };
    x->prefix = side;
    x->started_at_us = request->received_at_us;
    x->target = request->target;
    x->accept = fields_join(request->fields.list, request->fields.count, BYTES("Accept"), x->arena);
    request->owner = x;
    atomic_fetch_add_explicit(&worker->gateway->requests, 1, memory_order_relaxed);
    exchange_run(x);
}
