/* The consumer's side of an answer: verified, logged, and handed to the application; and what is said when there is none. */
#include "gateway/consumer_internal.h"

#include "base/time.h"
#include "consent/event_text.h"
#include "evidence/individual.h"
#include "gateway/witnessing_internal.h"

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
            return consumer_try_next(x);
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
    (void)buffer_room(&head, HEAD_BYTES_USUAL);
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

/* Its own signature: must be there when we asked for it, and must be good whenever it is there. */
static enum verdict check_individual(struct exchange *x)
{
    struct error e;
    if (message_check_signature(&x->answer, service_field_count(&x->answer.fields), x->answer_statement, &x->peer->statement_key, x->arena,
                                &x->peer_signature, &e)) {
        return GO_ON;
    }
    if (e.kind == ERROR_MEMORY) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    if (e.kind != ERROR_ABSENT) {
        return exchange_refuse_error(x, REASON_RECEIPT_INDIVIDUAL_INVALID, &e);
    }
    return consumer_asks_individual(x) ? exchange_refuse_error(x, REASON_RECEIPT_INDIVIDUAL_MISSING, &e) : GO_ON;
}

enum verdict consumer_verify_answer(struct exchange *x)
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
    x->answer = (struct message){
        .status = x->reply->status, .fields = x->reply->fields, .evidence = x->reply->preface, .request = &x->sent_request
    };
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
    if (!origins_note(gateway->origins, gateway->witnessing->watch, &x->peer->statement_key, &checkpoint, receipt->checkpoint)) {
        return exchange_refuse(x, REASON_PEER_EQUIVOCATED, NULL);
    }
    if (!bytes_equal(seal.origin, bytes_of_text(x->peer->statement_key.name)) || !bytes_equal(seal.exchange_id, x->exchange_id) ||
        !belongs(x)) {
        return exchange_refuse(x, REASON_ANSWER_INCONSISTENT, NULL);
    }
    if (!digests_match(x)) {
        return exchange_refuse(x, REASON_DIGEST_MISMATCH, "the answer's body or head differ from their digests");
    }
    x->request_receipt = receipt_text;
    return check_individual(x);
}

enum verdict consumer_log_answer(struct exchange *x)
{
    if (!x->is_submitted[ENTRY_ANSWER]) {
        struct bytes attachment = individual_attach(x->request_receipt, x->peer_signature, x->arena);
        if (attachment.data == NULL) {
            return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
        }
        if (!exchange_log(x, ENTRY_ANSWER, RECORD_ANSWER_RECEIVED, x->answer_statement, attachment)) {
            return REFUSE;
        }
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
        BYTES("x-road-id"),           BYTES("x-road-client"),      BYTES("x-road-service"),         BYTES("x-road-request-id"),
        BYTES("x-road-request-hash"), BYTES("x-road-error"),       BYTES("comity-reason"),          BYTES("comity-released"),
        BYTES("comity-withheld"),     BYTES("comity-transformed"), BYTES("comity-withheld-fields"), BYTES("comity-conditions"),
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (bytes_equal(name, names[i])) {
            return fields_count(&x->answer.fields, name) == 1;
        }
    }
    return false;
}

enum verdict consumer_reply(struct exchange *x)
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

enum verdict consumer_settle(struct exchange *x)
{
    return x->pending == 0 ? GO_ON : WAIT;
}

/* docs/formats/events.md: what is logged of a request that never left. */
enum verdict consumer_log_refusal(struct exchange *x)
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

enum verdict consumer_reply_refusal(struct exchange *x)
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
