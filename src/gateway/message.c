#include "gateway/message_internal.h"

#include "base/encode.h"
#include "gateway/xroad.h"

/* Reserved at once, so that a usual text is not copied as it grows. */
enum { USUAL_BYTES = 2048 };

/* Components that stand in the message's own fields or control data, then those of the request that an answer binds. */
static const struct bytes request_names[] = {
    BYTES("@method"),        BYTES("@authority"),       BYTES("@path"),
    BYTES("@query"),         BYTES("content-digest"),   BYTES("comity-head-digest"),
    BYTES("x-road-client"),  BYTES("x-road-id"),        BYTES("x-road-request-id"),
    BYTES("comity-purpose"), BYTES("comity-directory"), BYTES("comity-peer-checkpoint"),
};
static const struct bytes answer_names[] = {
    BYTES("@status"),           BYTES("content-digest"),   BYTES("comity-head-digest"),     BYTES("x-road-id"),
    BYTES("x-road-request-id"), BYTES("x-road-client"),    BYTES("x-road-service"),         BYTES("x-road-request-hash"),
    BYTES("x-road-error"),      BYTES("comity-reason"),    BYTES("comity-released"),        BYTES("comity-withheld"),
    BYTES("comity-decision"),   BYTES("comity-directory"), BYTES("comity-peer-checkpoint"),
};
static const struct bytes bound_names[] = {
    BYTES("@method"), BYTES("@authority"), BYTES("@path"), BYTES("@query"), BYTES("content-digest"), BYTES("comity-head-digest"),
};
static const struct bytes label = BYTES("comity");
static const struct bytes algorithm = BYTES("tlog-ed25519");
static const struct bytes request_tag = BYTES("comity-request/1");
static const struct bytes answer_tag = BYTES("comity-answer/1");

/* RFC 9421 2.2: derived components. @path of an empty path is "/", @query always has its "?". */
static struct bytes derived(const struct message *message, struct bytes name, struct arena *arena)
{
    size_t mark = bytes_find(message->target, '?');
    if (bytes_equal(name, BYTES("@method"))) {
        return message->method;
    }
    if (bytes_equal(name, BYTES("@authority"))) {
        return message->authority;
    }
    if (bytes_equal(name, BYTES("@path"))) {
        return mark == 0 ? BYTES("/") : bytes_slice(message->target, 0, mark);
    }
    if (bytes_equal(name, BYTES("@query"))) {
        return mark == message->target.size ? BYTES("?") : bytes_slice(message->target, mark, message->target.size);
    }
    return arena_format(arena, "%u", message->status);
}

/* All values of a field, joined (RFC 9421 2.1); names on the wire are lower case. .data is NULL when memory is out, or it is absent. */
static struct bytes field_value(const struct fields *fields, struct bytes name, struct arena *arena, bool *is_present)
{
    const struct field *only = NULL;
    *is_present = false;
    for (size_t i = 0; i < fields->count; i++) {
        if (bytes_equal(fields->list[i].name, name)) {
            if (only != NULL) {
                return fields_join(fields->list, fields->count, name, arena);
            }
            only = &fields->list[i];
            *is_present = true;
        }
    }
    return only == NULL ? BYTES_NONE : (only->value.data == NULL ? BYTES("") : only->value);
}

static bool add_components(const struct message *message, bool of_request, const struct bytes *names, size_t name_count,
                           struct arena *arena, struct statement_component *out, size_t *count)
{
    for (size_t i = 0; i < name_count; i++) {
        bool is_present = true;
        struct bytes value = names[i].data[0] == '@' ? derived(message, names[i], arena)
                                                     : field_value(&message->fields, names[i], arena, &is_present);
        /* Left out when absent: a verifier asks for exactly the fields that are there, so none can be taken out unnoticed. */
        if (!is_present) {
            continue;
        }
        if (value.data == NULL) {
            return false;
        }
        out[*count] = (struct statement_component){ .name = names[i], .of_request = of_request, .value = value };
        (*count)++;
    }
    return true;
}

bool message_components(const struct message *message, struct arena *arena, struct statement_component *out, size_t *count)
{
    _Static_assert(COUNT_OF(answer_names) + COUNT_OF(bound_names) <= STATEMENT_COMPONENTS_MAX, "an answer's components fit");
    *count = 0;
    if (message->status == 0) {
        return add_components(message, false, request_names, COUNT_OF(request_names), arena, out, count);
    }
    return add_components(message, false, answer_names, COUNT_OF(answer_names), arena, out, count) &&
           (message->request == NULL || add_components(message->request, true, bound_names, COUNT_OF(bound_names), arena, out, count));
}

/* Into the arena, from a buffer that is freed here. */
static bool settle(struct arena *arena, struct buffer *buffer, struct bytes *out, struct error *e)
{
    *out = buffer->failed ? BYTES_NONE : arena_copy(arena, buffer_bytes(buffer));
    buffer_clear(buffer);
    return out->data != NULL || error_memory(e, "statement");
}

bool message_state(const struct message *message, const struct message_seal *seal, struct arena *arena, struct bytes *statement,
                   struct bytes *input, struct error *e)
{
    struct statement_component components[STATEMENT_COMPONENTS_MAX];
    size_t count;
    struct buffer parameters;
    struct buffer base;
    const struct statement_parameters values = {
        .created_s = seal->created_s,
        .nonce = seal->exchange_id,
        .keyid = seal->origin,
        .alg = algorithm,
        .tag = message->status == 0 ? request_tag : answer_tag,
    };
    if (!message_components(message, arena, components, &count)) {
        return error_memory(e, "statement");
    }
    buffer_init(&parameters, STATEMENT_BYTES_MAX);
    buffer_init(&base, STATEMENT_BYTES_MAX);
    (void)buffer_room(&parameters, USUAL_BYTES);
    (void)buffer_room(&base, USUAL_BYTES);
    buffer_append(&parameters, BYTES("comity="));
    statement_write_parameters(&parameters, components, count, &values);
    statement_write(&base, components, count, bytes_slice(buffer_bytes(&parameters), 7, parameters.size));
    if (parameters.failed || base.failed) {
        buffer_clear(&parameters);
        buffer_clear(&base);
        return error_set(e, ERROR_FULL, "statement", "shorten the path or the X-Road fields", "the statement is over %d bytes",
                         STATEMENT_BYTES_MAX);
    }
    bool is_settled = settle(arena, &parameters, input, e);
    return settle(arena, &base, statement, e) && is_settled;
}

bool message_add_receipt(struct message *message, struct bytes input, const struct log_record *record, struct bytes checkpoint,
                         struct arena *arena, struct error *e)
{
    struct buffer receipt;
    buffer_init(&receipt, RECEIPT_BYTES_MAX);
    (void)buffer_room(&receipt, USUAL_BYTES);
    receipt_write(&receipt, record->salt, record->index, record->path, record->path_count, checkpoint);
    if (receipt.failed) {
        buffer_clear(&receipt);
        return error_set(e, ERROR_FULL, "receipt", NULL, "the receipt is over %d bytes", RECEIPT_BYTES_MAX);
    }
    const struct bytes head = BYTES("comity=:");
    size_t size = head.size + BASE64_SIZE(receipt.size) + 1;
    uint8_t *value = arena_take(arena, size);
    if (value == NULL) {
        buffer_clear(&receipt);
        return error_memory(e, "receipt");
    }
    memcpy(value, head.data, head.size);
    (void)base64_write(buffer_bytes(&receipt), value + head.size);
    value[size - 1] = ':';
    buffer_clear(&receipt);
    return (fields_add(&message->fields, arena, BYTES("signature-input"), input) &&
            fields_add(&message->fields, arena, BYTES("signature"), bytes_of(value, size))) ||
           error_memory(e, "receipt");
}

static bool covers_exactly(const struct statement_input *input, const struct statement_component *components, size_t count)
{
    if (input->count != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (input->components[i].of_request != components[i].of_request || !bytes_equal(input->components[i].name, components[i].name)) {
            return false;
        }
    }
    return true;
}

static bool read_input(const struct message *message, struct arena *arena, struct statement_input *input, struct bytes *base64,
                       struct error *e)
{
    struct bytes inputs = fields_join(message->fields.list, message->fields.count, BYTES("signature-input"), arena);
    struct bytes signatures = fields_join(message->fields.list, message->fields.count, BYTES("signature"), arena);
    if (inputs.data == NULL || signatures.data == NULL) {
        return error_set(e, ERROR_ABSENT, "header Signature", "send the statement's receipt", "the message carries no statement");
    }
    return statement_input_parse(inputs, label, input, e) && statement_signature_parse(signatures, label, base64, e);
}

bool message_read_seal(const struct message *message, struct arena *arena, struct message_seal *seal, struct bytes *statement,
                       struct bytes *receipt_text, struct error *e)
{
    struct statement_input input;
    struct statement_component components[STATEMENT_COMPONENTS_MAX];
    size_t count;
    size_t receipt_size = 0;
    struct bytes base64;
    struct buffer base;
    if (!read_input(message, arena, &input, &base64, e)) {
        return false;
    }
    if (!message_components(message, arena, components, &count)) {
        return error_memory(e, "statement");
    }
    if (!covers_exactly(&input, components, count)) {
        return error_set(e, ERROR_INPUT, "header Signature-Input",
                         "cover each component of docs/formats/exchange.md that is there, in its order",
                         "the statement does not cover what it must");
    }
    struct bytes tag = message->status == 0 ? request_tag : answer_tag;
    /* No `expires`: how long a statement is good is the replay window's to say, not its sender's. */
    if (!input.has_created || input.has_expires || !bytes_equal(input.parameters.alg, algorithm) ||
        !bytes_equal(input.parameters.tag, tag)) {
        return error_set(e, ERROR_INPUT, "header Signature-Input", NULL, "created, alg or tag are not those of this protocol");
    }
    if (base64.size > BASE64_SIZE(RECEIPT_BYTES_MAX)) {
        return error_set(e, ERROR_FULL, "header Signature", NULL, "the receipt is over %d bytes", RECEIPT_BYTES_MAX);
    }
    uint8_t *receipt = arena_take(arena, base64.size + 1);
    if (receipt == NULL) {
        return error_memory(e, "receipt");
    }
    if (!base64_parse(base64, receipt, base64.size, &receipt_size)) {
        return error_set(e, ERROR_INPUT, "header Signature", NULL, "the receipt is not base64");
    }
    *receipt_text = bytes_of(receipt, receipt_size);
    *seal = (struct message_seal){ .exchange_id = input.parameters.nonce,
                                   .origin = input.parameters.keyid,
                                   .created_s = input.parameters.created_s };
    buffer_init(&base, STATEMENT_BYTES_MAX);
    (void)buffer_room(&base, USUAL_BYTES);
    statement_write(&base, components, count, input.raw);
    if (base.failed) {
        buffer_clear(&base);
        return error_set(e, ERROR_FULL, "statement", NULL, "the statement is over %d bytes", STATEMENT_BYTES_MAX);
    }
    return settle(arena, &base, statement, e);
}

struct bytes digest_field(struct arena *arena, const char *name, struct bytes digest)
{
    size_t name_size = strlen(name);
    size_t size = name_size + 2 + BASE64_SIZE(digest.size) + 1;
    uint8_t *text = arena_take(arena, size);
    if (text == NULL) {
        return BYTES_NONE;
    }
    memcpy(text, name, name_size);
    text[name_size] = '=';
    text[name_size + 1] = ':';
    (void)base64_write(digest, text + name_size + 2);
    text[size - 1] = ':';
    return bytes_of(text, size);
}
