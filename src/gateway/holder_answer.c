/* What the holder says back: the decision event, the answer's statement, and refusals. */
#include "gateway/holder_internal.h"

#include "base/encode.h"
#include "base/time.h"
#include "consent/event_text.h"
#include "policy/decide_event.h"
#include "evidence/individual.h"
#include "policy/conditions.h"

/* ---- The decision event (docs/formats/exchange.md) ---- */

static struct bytes category_of(const struct exchange *x, size_t release)
{
    return x->snapshot->policy->categories[x->service->releases[release].category].iri;
}

/* What was known of the person's decisions when it was decided: an auditor who decides again starts from the same. */
static void append_consents_digest(const struct exchange *x, struct buffer *text)
{
    uint8_t digest[SHA256_SIZE];
    text->failed = !consent_view_digest(&x->consents, digest) || text->failed;
    event_text_append_digest(text, "consents", digest);
}

/* By which directory the client's community is known here: the other thing that an auditor must have. */
static void append_directories(const struct exchange *x, struct buffer *text)
{
    const struct world *world = x->snapshot->world;
    event_text_append_digest(text, "directory", world->own->digest);
    if (x->client.part_count == 0 || bytes_equal(x->client.parts[0], world->own->community)) {
        return;
    }
    for (size_t i = 0; i < world->foreign_count; i++) {
        if (bytes_equal(x->client.parts[0], world->foreign[i]->community)) {
            event_text_append_digest(text, "client_directory", world->foreign[i]->digest);
            return;
        }
    }
    event_text_append(text, "client_directory", BYTES("none"));
}

static void append_identifier(struct buffer *text, const char *name, const struct identifier *id)
{
    struct buffer encoded;
    buffer_init(&encoded, 8192);
    identifier_append(&encoded, id);
    text->failed = text->failed || encoded.failed;
    event_text_append(text, name, buffer_bytes(&encoded));
    buffer_clear(&encoded);
}

static void write_decision(struct exchange *x, bool is_permitted, struct buffer *text)
{
    uint8_t digest[SHA256_SIZE];
    event_text_append(text, "comity-event", BYTES("decision/1"));
    event_text_append(text, "exchange", x->exchange_id);
    if (x->request_statement.size > 0) {
        sha256(x->request_statement, digest);
        event_text_append_digest(text, "request", digest);
    }
    if (x->client.part_count > 0) {
        append_identifier(text, "client", &x->client);
    }
    if (x->parts.service.part_count > 0) {
        append_identifier(text, "service", &x->parts.service);
    }
    /* Refused before it came to a decision: what was read of the request. */
    struct decide_request asked = x->asked;
    asked.person = x->person;
    asked.purpose = x->purpose;
    asked.service = x->service;
    struct decide_context grounds = x->grounds;
    grounds.policy = x->snapshot->policy;
    decide_write_outcome(&asked, &grounds, &x->decision, is_permitted ? REASON_NONE : x->reason, x->service != NULL && !x->is_metadata,
                         text);
    append_directories(x, text);
    event_text_append_digest(text, "policy", x->snapshot->policy->digest);
    append_consents_digest(x, text);
    decide_write_grounds(&x->grounds, &x->decision, text);
    /* The moment that was decided for, not that of writing: dates are compared with it. */
    event_text_append_decimal(text, "time", x->decided_at_ms != 0 ? x->decided_at_ms : time_now_ms());
}

/* The consumer's statement and receipt lie beside the event, which names the statement by its digest: u32 size, statement, receipt, signature. */
static struct bytes decision_attachment(struct exchange *x)
{
    const struct bytes statement = x->request_statement, receipt = x->request_receipt;
    /* What was not proven is named by its digest, and not kept: anybody could have written it. */
    if (!x->has_receipt) {
        return BYTES("");
    }
    uint8_t *attachment = arena_take(x->arena, 4 + statement.size + receipt.size); /* far below SIZE_MAX: both have their limits */
    if (attachment == NULL) {
        return BYTES_NONE;
    }
    for (unsigned i = 0; i < 4; i++) {
        attachment[i] = (uint8_t)(statement.size >> (24 - 8 * i));
    }
    memcpy(attachment + 4, statement.data, statement.size);
    memcpy(attachment + 4 + statement.size, receipt.data, receipt.size);
    return individual_attach(bytes_of(attachment, 4 + statement.size + receipt.size), x->peer_signature, x->arena);
}

enum verdict holder_submit_decision(struct exchange *x, bool is_permitted)
{
    struct buffer text;
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    (void)buffer_room(&text, EVENT_BYTES_USUAL);
    write_decision(x, is_permitted, &text);
    x->decision_text = text.failed ? BYTES_NONE : arena_copy(x->arena, buffer_bytes(&text));
    buffer_clear(&text);
    struct bytes attachment = decision_attachment(x);
    if (x->decision_text.data == NULL || attachment.data == NULL) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    exchange_prepare_entry(x, ENTRY_REQUEST, RECORD_DECISION, x->decision_text, attachment);
    /* The service is asked meanwhile (holder_steps); if it is quick, decision and answer share one sync. */
    x->entries[ENTRY_REQUEST].is_followed = is_permitted && method_is_safe(x->request->method);
    if (!exchange_submit_entry(x, ENTRY_REQUEST)) {
        return REFUSE;
    }
    holder_count_ask(x); /* only what the log has taken on; it comes back to this thread, so nobody has seen it yet */
    return GO_ON;
}

/* ---- The answer ---- */

/* Lists of the answer's fields: items behind commas. Copied into the arena; .data NULL when memory is out. */
static void begin_item(struct buffer *text)
{
    if (text->size > 0) {
        buffer_append(text, BYTES(", "));
    }
}

static struct bytes end_list(struct exchange *x, struct buffer *text)
{
    struct bytes joined = text->failed ? BYTES_NONE : arena_copy(x->arena, buffer_bytes(text));
    buffer_clear(text);
    return joined;
}

static bool is_permitted_now(const struct exchange *x, size_t release)
{
    return x->reason == REASON_NONE && x->decision.permitted[release];
}

static struct bytes join_released(struct exchange *x)
{
    struct buffer text;
    buffer_init(&text, 64 * 1024);
    for (size_t i = 0; i < x->service->release_count; i++) {
        if (is_permitted_now(x, i) && x->kept[i]) {
            begin_item(&text);
            buffer_append(&text, category_of(x, i));
        }
    }
    return end_list(x, &text);
}

/* How values were transformed that left by a category; one item a category and kind. */
static struct bytes join_transformed(struct exchange *x)
{
    struct buffer text;
    buffer_init(&text, 64 * 1024);
    for (size_t i = 0; i < x->service->release_count; i++) {
        for (unsigned kind = 0; is_permitted_now(x, i) && kind < TRANSFORM_COUNT; kind++) {
            if ((x->transformed[i] >> kind & 1) != 0) {
                begin_item(&text);
                buffer_append(&text, category_of(x, i));
                buffer_append_format(&text, ";by=%s", transform_word((enum transform_kind)kind));
            }
        }
    }
    return end_list(x, &text);
}

static struct bytes join_withheld(struct exchange *x)
{
    struct buffer text;
    buffer_init(&text, 64 * 1024);
    for (size_t i = 0; i < x->service->release_count; i++) {
        enum reason why = x->decision.withheld[i] != REASON_NONE ? x->decision.withheld[i] : x->reason;
        why = is_permitted_now(x, i) ? REASON_RELEASE_TRANSFORM : why;
        if (!is_permitted_now(x, i) || x->untransformed[i]) {
            begin_item(&text);
            buffer_append(&text, category_of(x, i));
            buffer_append_format(&text, ";reason=%s", reason_code(reason_told(why)));
        }
    }
    return end_list(x, &text);
}

/* What the recipient is bound to. */
static struct bytes join_conditions(struct exchange *x)
{
    struct buffer text;
    bool released[DECIDE_CATEGORIES_MAX] = { false };
    buffer_init(&text, 1024);
    for (size_t i = 0; i < x->service->release_count; i++) {
        released[i] = is_permitted_now(x, i) && x->kept[i];
    }
    const struct conditions conditions = conditions_of(x->service, &x->decision, released, time_now_ms());
    conditions_write(&conditions, &text);
    return end_list(x, &text);
}

/* A JSONPath as an item of a list: what would end it, or can't stand in a field, is percent-encoded. */
static void append_path(struct buffer *text, struct bytes path)
{
    for (size_t i = 0; i < path.size; i++) {
        uint8_t byte = path.data[i];
        if (byte > 0x20 && byte < 0x7f && byte != '%' && byte != ',' && byte != ';' && byte != '"') {
            buffer_append_u8(text, byte);
        } else {
            buffer_append_format(text, "%%%02X", byte);
        }
    }
}

/* The paths that lead to withheld categories: those of the policy, whatever the answer had. Too many of them end in "*". */
static struct bytes join_withheld_fields(struct exchange *x)
{
    enum { PATHS_BYTES_MAX = 4096 };
    struct buffer text;
    buffer_init(&text, 64 * 1024);
    for (size_t i = 0; i < x->service->field_count; i++) {
        bool is_withheld = false;
        for (size_t j = 0; j < x->service->release_count; j++) {
            is_withheld = is_withheld || (x->service->releases[j].category == x->service->fields[i].category && !is_permitted_now(x, j));
        }
        if (!is_withheld) {
            continue;
        }
        begin_item(&text);
        if (text.size + 3 * x->service->fields[i].path_text.size > PATHS_BYTES_MAX) {
            buffer_append_u8(&text, '*');
            break;
        }
        append_path(&text, x->service->fields[i].path_text);
    }
    return end_list(x, &text);
}

static bool add(struct exchange *x, struct bytes name, struct bytes value)
{
    return value.data != NULL && fields_add(&x->answer.fields, x->arena, name, value);
}

static bool add_list(struct exchange *x, struct bytes name, struct bytes list)
{
    return list.data != NULL && (list.size == 0 || add(x, name, list));
}

/* What was released, on which conditions, what was withheld, and why. */
static bool add_categories(struct exchange *x)
{
    if (x->service == NULL || x->is_metadata || x->service->release_count == 0) {
        return true;
    }
    enum policy_disclosure disclosure = x->service->disclosure;
    return add_list(x, BYTES("comity-released"), join_released(x)) && add_list(x, BYTES("comity-transformed"), join_transformed(x)) &&
           (disclosure == DISCLOSE_NOTHING || add_list(x, BYTES("comity-withheld"), join_withheld(x))) &&
           (disclosure != DISCLOSE_FIELDS || add_list(x, BYTES("comity-withheld-fields"), join_withheld_fields(x))) &&
           add_list(x, BYTES("comity-conditions"), join_conditions(x));
}

static struct bytes head_digest(struct exchange *x)
{
    struct buffer head;
    uint8_t digest[SHA256_SIZE];
    buffer_init(&head, SIZE_MAX);
    (void)buffer_room(&head, HEAD_BYTES_USUAL);
    for (size_t i = 0; i < x->answer.fields.count; i++) {
        buffer_append(&head, x->answer.fields.list[i].name);
        buffer_append_u8(&head, ':');
        buffer_append(&head, x->answer.fields.list[i].value);
        buffer_append(&head, BYTES("\r\n"));
    }
    sha256(buffer_bytes(&head), digest);
    bool failed = head.failed;
    buffer_clear(&head);
    return failed ? BYTES_NONE : digest_field(x->arena, "sha-256", bytes_of(digest, sizeof digest));
}

static bool add_xroad_fields(struct exchange *x)
{
    struct buffer client, service;
    buffer_init(&client, 8192);
    buffer_init(&service, 8192);
    identifier_append(&client, &x->client);
    identifier_append(&service, &x->parts.service);
    /* The order of X-Road 1.4; x-road-id is also where the gateway's own fields begin. */
    bool ok = add(x, BYTES("x-road-id"), x->message_id.size > 0 ? x->message_id : BYTES("-")) &&
              (client.size == 0 || add(x, BYTES("x-road-client"), arena_copy(x->arena, buffer_bytes(&client)))) &&
              (service.size == 0 || add(x, BYTES("x-road-service"), arena_copy(x->arena, buffer_bytes(&service)))) &&
              add(x, BYTES("x-road-request-id"), x->exchange_id) &&
              (x->request_hash[0] == '\0' ||
               add(x, BYTES("x-road-request-hash"), arena_copy(x->arena, bytes_of(x->request_hash, XROAD_HASH_SIZE))));
    buffer_clear(&client);
    buffer_clear(&service);
    return ok;
}

static bool add_own_fields(struct exchange *x, struct bytes service_head)
{
    uint8_t decision[SHA256_SIZE];
    struct body *body = x->answer_body;
    uint8_t none[SHA256_SIZE];
    sha256(BYTES_NONE, none);
    sha256(x->decision_text, decision);
    struct bytes known = x->peer != NULL ? origins_text(x->worker->gateway->origins, &x->peer->statement_key, x->arena) : BYTES("none");
    return (x->reason == REASON_NONE || add(x, BYTES("comity-reason"), bytes_of_text(reason_code(reason_told(x->reason))))) &&
           add_categories(x) && add(x, BYTES("comity-decision"), digest_field(x->arena, "sha-256", bytes_of(decision, sizeof decision))) &&
           add(x, BYTES("comity-directory"), x->snapshot->directory_text) && add(x, BYTES("comity-peer-checkpoint"), known) &&
           add(x, BYTES("comity-head-digest"), service_head) &&
           add(x, BYTES("content-digest"),
               digest_field(x->arena, "sha-256", bytes_of(body == NULL ? none : body_sha256(body), SHA256_SIZE)));
}

static struct bytes lower_name(struct exchange *x, struct bytes name)
{
    struct bytes copy = arena_copy(x->arena, name);
    uint8_t *data = (uint8_t *)copy.data;
    for (size_t i = 0; data != NULL && i < copy.size; i++) {
        data[i] = data[i] >= 'A' && data[i] <= 'Z' ? (uint8_t)(data[i] | 0x20) : data[i];
    }
    return copy;
}

/* A refusal, too, is signed by itself wherever that was asked for, however little of the request was good. */
static bool is_signed_alone(const struct exchange *x)
{
    bool is_asked = x->service != NULL && x->service->evidence == EVIDENCE_INDIVIDUAL;
    return is_asked || message_is_signed(&x->request->fields, x->app_fields.count);
}

/* Makes the message between the gateways from answer_status, answer_fields and answer_body, and states it. */
static bool state_answer(struct exchange *x, struct error *e)
{
    x->answer = (struct message){ .status = x->answer_status, .request = &x->sent_request };
    for (size_t i = 0; i < x->answer_fields.count; i++) {
        if (!add(x, lower_name(x, x->answer_fields.list[i].name),
                 x->answer_fields.list[i].value.data == NULL ? BYTES("") : x->answer_fields.list[i].value)) {
            return error_memory(e, "answer");
        }
    }
    struct bytes service_head = head_digest(x);
    const struct message_seal seal = { .exchange_id = x->exchange_id,
                                       .origin = x->worker->gateway->config->origin,
                                       .created_s = time_now_ms() / 1000 };
    if (!add_xroad_fields(x)) {
        return error_memory(e, "answer");
    }
    if (x->error_text.size > 0 && !add(x, BYTES("x-road-error"), x->error_text)) {
        return error_memory(e, "answer");
    }
    if (!add_own_fields(x, service_head)) {
        return error_memory(e, "answer");
    }
    struct statement statement;
    if (!message_state(&x->answer, &seal, x->arena, &statement, e)) {
        return false;
    }
    x->answer_statement = statement.text;
    x->parameters = statement.parameters;
    x->own_signature = BYTES_NONE;
    return !is_signed_alone(x) || message_sign(&x->answer, statement.text, x->worker->gateway->signer, x->arena, &x->own_signature, e);
}

static struct bytes answer_attachment(struct exchange *x)
{
    return individual_attach(BYTES_NONE, x->own_signature, x->arena);
}

/*
 * The service may have taken its time: an hour later a consent has ended, a child has come of age, an instrument has run out. So it is decided once
 * more for this moment on the same grounds, of which consents_release() says whether they still hold.
 */
static bool has_ended(const struct exchange *x)
{
    int64_t now_ms = time_now_ms();
    struct decide_result now;
    if (!snapshot_is_valid(x->snapshot, now_ms, NULL) || world_find_community(x->snapshot->world, x->client.parts[0], now_ms) == NULL) {
        return true;
    }
    if (x->service == NULL || x->is_metadata) {
        return false;
    }
    struct decide_request request = x->asked;
    struct decide_context grounds = x->grounds;
    request.now_ms = now_ms;
    grounds.parties = holder_parties(x, now_ms);
    decide(&request, &grounds, &now);
    return now.reason != REASON_NONE || memcmp(now.permitted, x->decision.permitted, sizeof now.permitted) != 0;
}

/* The decision no longer holds. Its entry is used again for the next one, so it must have come back from the committer. */
static enum verdict decide_again(struct exchange *x)
{
    return x->is_logged[ENTRY_REQUEST] ? holder_decide_again(x) : WAIT;
}

static enum verdict submit_answer_entry(struct exchange *x)
{
    struct error e;
    enum consent_result result;
    if (has_ended(x)) {
        return decide_again(x);
    }
    if (!state_answer(x, &e)) {
        return exchange_refuse(x, e.kind == ERROR_FULL ? REASON_SERVICE_TOO_LARGE : REASON_GATEWAY_INTERNAL, NULL);
    }
    struct bytes attachment = answer_attachment(x);
    if (attachment.data == NULL) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    exchange_prepare_entry(x, ENTRY_ANSWER, RECORD_ANSWER_SENT, x->answer_statement, attachment);
    x->entries[ENTRY_ANSWER].after = &x->entries[ENTRY_REQUEST];
    /* The moment of release: from here on the answer stands in the log, before any later withdrawal. */
    struct holder_counts counts;
    if (!holder_release_counts(x, &counts)) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    bool is_counted = counts.release.use_count > 0 || counts.release.exported != NULL;
    const struct consent_release release = { .view = x->consents.is_read ? &x->consents : NULL,
                                             .counts = is_counted ? &counts.release : NULL };
    if (!consents_release(x->worker->gateway->consents, &release, &x->entries[ENTRY_ANSWER], &result, &e)) {
        /* Another release took the last use, or the last place, since it was decided: the new counts decide. */
        bool is_over = result == CONSENT_OVERTAKEN || result == CONSENT_EXCEEDED;
        return is_over ? decide_again(x) : exchange_refuse(x, REASON_LOG_UNAVAILABLE, NULL);
    }
    x->is_submitted[ENTRY_ANSWER] = true;
    x->pending++;
    return WAIT;
}

/*
 * The answer is submitted while its decision may still be on the way to the disk: it stands behind it in the log, fails with it, and leaves when
 * both are durable.
 */
enum verdict holder_log_answer(struct exchange *x)
{
    if (x->is_logged[ENTRY_REQUEST] && x->entries[ENTRY_REQUEST].has_failed) {
        return exchange_refuse(x, REASON_LOG_UNAVAILABLE, NULL);
    }
    if (!x->is_submitted[ENTRY_ANSWER]) {
        return submit_answer_entry(x);
    }
    enum verdict verdict = exchange_wait_logged(x, ENTRY_REQUEST);
    return verdict == GO_ON ? exchange_wait_logged(x, ENTRY_ANSWER) : verdict;
}

static bool seal_answer(struct exchange *x, const struct commit_entry *entry)
{
    struct error e;
    struct bytes note = bytes_of(entry->checkpoint->note, entry->checkpoint->note_size);
    return message_add_receipt(&x->answer, x->parameters, &entry->record, note, x->arena, &e);
}

enum verdict holder_send_answer(struct exchange *x)
{
    if (!seal_answer(x, &x->entries[ENTRY_ANSWER])) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    struct server_answer answer = {
        .status = x->answer_status,
        .fields = x->answer.fields.list,
        .field_count = x->answer.fields.count,
        .preface = x->answer.evidence,
        .body = x->answer_body,
    };
    x->answer_body = NULL;
    exchange_end(x, &answer);
    return GO_ON;
}

/* ---- Refusals: decided, stated and logged like answers ---- */

enum verdict holder_settle(struct exchange *x)
{
    return x->pending == 0 ? GO_ON : WAIT;
}

enum verdict holder_log_refused(struct exchange *x)
{
    /* If it was permitted at first and failed later, that decision stands in the log, and the answer says what became of it. */
    if (x->is_submitted[ENTRY_REQUEST]) {
        return x->entries[ENTRY_REQUEST].has_failed ? REFUSE : GO_ON;
    }
    return holder_submit_decision(x, false);
}

static bool make_refusal(struct exchange *x)
{
    struct buffer body, type;
    /* What says something about the person says the same to the consumer, whatever it is: the whole reason is in the log. */
    enum reason told = reason_told(x->reason);
    const struct xroad_error error = {
        .prefix = x->prefix,
        .reason = told,
        .type = x->error_type,
        .status = 500,
        .is_77 = x->worker->gateway->config->xroad_is_77,
        .message = told == x->reason ? x->detail : bytes_of_text(reason_meaning(told)),
        .exchange = x->exchange_id,
    };
    buffer_init(&body, 64 * 1024);
    buffer_init(&type, 1024);
    const char *content_type = xroad_error_write(&body, &error, x->accept);
    xroad_error_type(&type, &error);
    x->answer_fields = (struct fields){ 0 };
    body_free(x->answer_body);
    x->answer_body = body.failed ? NULL : body_of(buffer_bytes(&body));
    x->error_text = arena_copy(x->arena, buffer_bytes(&type));
    x->answer_status = error.status;
    bool ok = x->answer_body != NULL && x->error_text.data != NULL && !type.failed &&
              fields_add(&x->answer_fields, x->arena, BYTES("content-type"), bytes_of_text(content_type));
    buffer_clear(&body);
    buffer_clear(&type);
    return ok;
}

enum verdict holder_log_refusal(struct exchange *x)
{
    struct error e;
    if (x->is_submitted[ENTRY_REFUSAL]) {
        if (x->pending > 0) {
            return WAIT;
        }
        return GO_ON;
    }
    if (!make_refusal(x) || !state_answer(x, &e)) {
        return REFUSE;
    }
    struct bytes attachment = answer_attachment(x);
    if (attachment.data == NULL) {
        return REFUSE;
    }
    exchange_prepare_entry(x, ENTRY_REFUSAL, RECORD_ANSWER_SENT, x->answer_statement, attachment);
    x->entries[ENTRY_REFUSAL].after = x->is_submitted[ENTRY_REQUEST] ? &x->entries[ENTRY_REQUEST] : NULL; /* it names it */
    return exchange_submit_entry(x, ENTRY_REFUSAL) ? WAIT : REFUSE;
}

/* Without a receipt when the log could not take it: the consumer's gateway then tells its application that evidence is missing. */
enum verdict holder_send_refusal(struct exchange *x)
{
    if (x->pending > 0) {
        return WAIT;
    }
    bool is_logged = x->is_logged[ENTRY_REFUSAL] && !x->entries[ENTRY_REFUSAL].has_failed;
    bool is_sealed = is_logged && seal_answer(x, &x->entries[ENTRY_REFUSAL]);
    struct server_answer answer = { .status = 500 };
    if (is_sealed) {
        answer = (struct server_answer){
            .status = x->answer_status,
            .fields = x->answer.fields.list,
            .field_count = x->answer.fields.count,
            .preface = x->answer.evidence,
            .body = x->answer_body,
        };
        x->answer_body = NULL;
    }
    exchange_end(x, &answer);
    return GO_ON;
}
