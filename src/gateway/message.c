#include "gateway/message_internal.h"

#include "base/encode.h"
#include "gateway/xroad.h"

const struct preface_form evidence_form = { .field = { (const uint8_t *)"comity-evidence", 15 }, .size_max = EVIDENCE_BYTES_MAX };

/* Components that stand in the message's own fields or control data, then those of the request that an answer binds. */
static const struct bytes request_names[] = {
    BYTES("@method"),
    BYTES("@authority"),
    BYTES("@path"),
    BYTES("@query"),
    BYTES("content-digest"),
    BYTES("comity-head-digest"),
    BYTES("x-road-client"),
    BYTES("x-road-id"),
    BYTES("x-road-request-id"),
    BYTES("comity-purpose"),
    BYTES("comity-directory"),
    BYTES("comity-peer-checkpoint"),
    BYTES("comity-sequence"),
    BYTES("comity-basis"),
    BYTES("comity-justification"),
    BYTES("comity-confirmed-by"),
    BYTES("comity-authority"),
};
static const struct bytes answer_names[] = {
    BYTES("@status"),
    BYTES("content-digest"),
    BYTES("comity-head-digest"),
    BYTES("x-road-id"),
    BYTES("x-road-request-id"),
    BYTES("x-road-client"),
    BYTES("x-road-service"),
    BYTES("x-road-request-hash"),
    BYTES("x-road-error"),
    BYTES("comity-reason"),
    BYTES("comity-released"),
    BYTES("comity-withheld"),
    BYTES("comity-decision"),
    BYTES("comity-directory"),
    BYTES("comity-peer-checkpoint"),
    BYTES("comity-transformed"),
    BYTES("comity-withheld-fields"),
    BYTES("comity-conditions"),
};
static const struct bytes bound_names[] = {
    BYTES("@method"), BYTES("@authority"), BYTES("@path"), BYTES("@query"), BYTES("content-digest"), BYTES("comity-head-digest"),
};
enum { NAMES_MAX = 24 };
static const struct bytes label = BYTES("comity=");
static const struct bytes algorithm = BYTES("tlog-ed25519");

static struct bytes tag_of(const struct message *message)
{
    return message->status == 0 ? BYTES("comity-request/1") : BYTES("comity-answer/1");
}

/* RFC 9421 2.2: derived components. @path of an empty path is "/", @query always has its "?". */
static struct bytes derived(const struct message *message, struct bytes name, size_t mark, struct arena *arena)
{
    switch (name.data[1]) {
    case 'm':
        return message->method;
    case 'a':
        return message->authority;
    case 'p':
        return mark == 0 ? BYTES("/") : bytes_slice(message->target, 0, mark);
    case 'q':
        return mark == message->target.size ? BYTES("?") : bytes_slice(message->target, mark, message->target.size);
    default:
        return arena_format(arena, "%u", message->status);
    }
}

/* Which of the names this is; `count` when none. All of them begin with "co" or "x-". */
static size_t find_name(struct bytes name, const struct bytes *names, size_t count)
{
    bool is_likely = name.size > 2 && ((name.data[0] == 'c' && name.data[1] == 'o') || (name.data[0] == 'x' && name.data[1] == '-'));
    for (size_t i = 0; is_likely && i < count; i++) {
        if (bytes_equal(names[i], name)) {
            return i;
        }
    }
    return count;
}

/* The values of all fields that are named, by one walk over the fields; .data is NULL when one is absent. */
static bool find_values(const struct fields *fields, const struct bytes *names, size_t count, struct arena *arena, struct bytes *values)
{
    bool is_joined[NAMES_MAX] = { false };
    for (size_t i = 0; i < count; i++) {
        values[i] = BYTES_NONE;
    }
    for (size_t i = 0; i < fields->count; i++) {
        size_t which = find_name(fields->list[i].name, names, count);
        if (which == count || is_joined[which]) {
            continue;
        }
        if (values[which].data == NULL) {
            values[which] = fields->list[i].value.data == NULL ? BYTES("") : fields->list[i].value;
            continue;
        }
        /* There are several: joined (RFC 9421 2.1). */
        values[which] = fields_join(fields->list, fields->count, names[which], arena);
        is_joined[which] = true;
        if (values[which].data == NULL) {
            return false;
        }
    }
    return true;
}

static bool add_components(const struct message *message, bool of_request, const struct bytes *names, size_t name_count,
                           struct arena *arena, struct statement_component *out, size_t *count)
{
    struct bytes values[NAMES_MAX];
    size_t mark = bytes_find(message->target, '?');
    if (!find_values(&message->fields, names, name_count, arena, values)) {
        return false;
    }
    for (size_t i = 0; i < name_count; i++) {
        bool is_derived = names[i].data[0] == '@';
        struct bytes value = is_derived ? derived(message, names[i], mark, arena) : values[i];
        if (is_derived && value.data == NULL) {
            return false;
        }
        /* Left out when absent: a verifier asks for exactly the fields that are there, so none can be taken out unnoticed. */
        if (value.data != NULL) {
            out[(*count)++] = (struct statement_component){ .name = names[i], .of_request = of_request, .value = value };
        }
    }
    return true;
}

bool message_components(const struct message *message, struct arena *arena, struct statement_component *out, size_t *count)
{
    _Static_assert(COUNT_OF(answer_names) + COUNT_OF(bound_names) <= STATEMENT_COMPONENTS_MAX, "an answer's components fit");
    _Static_assert(COUNT_OF(answer_names) <= NAMES_MAX && COUNT_OF(request_names) <= NAMES_MAX, "their values fit");
    *count = 0;
    if (message->status == 0) {
        return add_components(message, false, request_names, COUNT_OF(request_names), arena, out, count);
    }
    return add_components(message, false, answer_names, COUNT_OF(answer_names), arena, out, count) &&
           (message->request == NULL || add_components(message->request, true, bound_names, COUNT_OF(bound_names), arena, out, count));
}

bool message_state(const struct message *message, const struct message_seal *seal, struct arena *arena, struct statement *statement,
                   struct error *e)
{
    struct statement_component components[STATEMENT_COMPONENTS_MAX];
    size_t count;
    const struct statement_parameters values = {
        .created_s = seal->created_s, .nonce = seal->exchange_id, .keyid = seal->origin, .alg = algorithm, .tag = tag_of(message)
    };
    if (!message_components(message, arena, components, &count)) {
        return error_memory(e, "statement");
    }
    return statement_make(components, count, &values, arena, statement, e);
}

bool message_add_receipt(struct message *message, struct bytes parameters, const struct log_record *record, struct bytes checkpoint,
                         struct arena *arena, struct error *e)
{
    size_t first = label.size + parameters.size + 1;
    size_t size = first + receipt_size_max(record->path_count, checkpoint.size);
    if (size > EVIDENCE_BYTES_MAX) {
        return error_set(e, ERROR_FULL, "receipt", NULL, "the evidence is over %d bytes", EVIDENCE_BYTES_MAX);
    }
    uint8_t *text = arena_take(arena, size);
    if (text == NULL) {
        return error_memory(e, "receipt");
    }
    memcpy(text, label.data, label.size);
    memcpy(text + label.size, parameters.data, parameters.size);
    text[first - 1] = '\n';
    size = first + receipt_put(text + first, record->salt, record->index, record->path, record->path_count, checkpoint);
    message->evidence = bytes_of(text, size);
    return true;
}

static bool refuse_input(struct error *e, const char *what)
{
    return error_set(e, ERROR_INPUT, "evidence, Signature-Input", "send it as docs/formats/exchange.md has it", "%s", what);
}

bool message_read_seal(const struct message *message, struct arena *arena, struct message_seal *seal, struct bytes *statement,
                       struct bytes *receipt_text, struct error *e)
{
    struct statement_component components[STATEMENT_COMPONENTS_MAX];
    struct statement_parameters values;
    struct statement made;
    size_t count;
    struct reader reader = { .left = message->evidence };
    if (message->evidence.size == 0) {
        return error_set(e, ERROR_ABSENT, "header Comity-Evidence", "send the statement's receipt in front of the body",
                         "the message carries no statement");
    }
    struct bytes input = reader_line(&reader);
    if (reader.failed || !bytes_start_with(input, label)) {
        return refuse_input(e, "the evidence does not begin with a line comity=(...)");
    }
    struct bytes parameters = bytes_slice(input, label.size, input.size);
    if (!statement_parameters_read(parameters, &values) || !bytes_equal(values.alg, algorithm) ||
        !bytes_equal(values.tag, tag_of(message))) {
        return refuse_input(e, "the parameters are not created, nonce, keyid, alg and tag of this protocol, in this order");
    }
    if (!message_components(message, arena, components, &count)) {
        return error_memory(e, "statement");
    }
    if (!statement_make(components, count, &values, arena, &made, e)) {
        return false;
    }
    /* What it covers is not picked apart: only the text that we would write for this very message will do. */
    if (!bytes_equal(made.parameters, parameters)) {
        return refuse_input(e, "the statement does not cover what it must, each component that is there, in its order");
    }
    *seal = (struct message_seal){ .exchange_id = values.nonce, .origin = values.keyid, .created_s = values.created_s };
    *statement = made.text;
    *receipt_text = reader.left;
    return true;
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
