#include "evidence/individual.h"

#include "base/encode.h"

static const struct bytes stated = BYTES(";alg=\"tlog-ed25519\";tag=\"comity-");
static const struct bytes signed_plain = BYTES(";alg=\"ed25519\";tag=\"comity-");
static const struct bytes last_line = BYTES("\n\"@signature-params\": ");

/* How the statements of both kinds of messages end; a nonce or keyid can't imitate it, since it holds no quotation mark. */
static bool split_end(struct bytes statement, struct bytes *before, struct bytes *kind)
{
    static const struct bytes kinds[] = { BYTES("request/1\""), BYTES("answer/1\"") };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (bytes_end_with(statement, kinds[i])) {
            *kind = kinds[i];
            *before = bytes_slice(statement, 0, statement.size - kinds[i].size);
            return bytes_end_with(*before, stated);
        }
    }
    return false;
}

bool individual_base_make(struct bytes statement, struct arena *arena, struct individual_base *out, struct error *e)
{
    struct bytes before, kind;
    if (!split_end(statement, &before, &kind)) {
        return error_set(e, ERROR_INPUT, "statement", NULL, "it is no signature base of a message between gateways");
    }
    before = bytes_slice(before, 0, before.size - stated.size);
    size_t line = before.size;
    while (line > 0 && before.data[line - 1] != '\n') {
        line--;
    }
    if (line == 0 || !bytes_start_with(bytes_slice(before, line - 1, before.size), last_line)) {
        return error_set(e, ERROR_INPUT, "statement", NULL, "its last line is not that of the signature's parameters");
    }
    size_t size = before.size + signed_plain.size + kind.size;
    uint8_t *text = arena_take(arena, size);
    if (text == NULL) {
        return error_memory(e, "signature");
    }
    memcpy(text, before.data, before.size);
    memcpy(text + before.size, signed_plain.data, signed_plain.size);
    memcpy(text + before.size + signed_plain.size, kind.data, kind.size);
    out->text = bytes_of(text, size);
    out->parameters = bytes_slice(out->text, line - 1 + last_line.size, size);
    return true;
}

/* ---- Beside a record ---- */

static const struct bytes tail_name = BYTES("\n" INDIVIDUAL_LABEL " ");
enum { TAIL_SIZE = 1 + sizeof INDIVIDUAL_LABEL + BASE64_SIZE(ED25519_SIGNATURE_SIZE) + 1 };

struct bytes individual_attach(struct bytes attachment, struct bytes signature, struct arena *arena)
{
    _Static_assert(TAIL_SIZE == 105, "as docs/formats/records.md has it");
    if (signature.size == 0) {
        return attachment.data == NULL ? BYTES("") : attachment;
    }
    uint8_t *text = signature.size != ED25519_SIGNATURE_SIZE ? NULL : arena_take(arena, attachment.size + TAIL_SIZE);
    if (text == NULL) {
        return BYTES_NONE;
    }
    if (attachment.size > 0) {
        memcpy(text, attachment.data, attachment.size);
    }
    memcpy(text + attachment.size, tail_name.data, tail_name.size);
    (void)base64_write(signature, text + attachment.size + tail_name.size);
    text[attachment.size + TAIL_SIZE - 1] = '\n';
    return bytes_of(text, attachment.size + TAIL_SIZE);
}

bool individual_detach(struct bytes *attachment, uint8_t signature[ED25519_SIGNATURE_SIZE])
{
    size_t size = 0;
    if (attachment->size < TAIL_SIZE || attachment->data[attachment->size - 1] != '\n') {
        return false;
    }
    struct bytes tail = bytes_slice(*attachment, attachment->size - TAIL_SIZE, attachment->size - 1);
    uint8_t found[ED25519_SIGNATURE_SIZE];
    if (!bytes_start_with(tail, tail_name) || !base64_parse(bytes_slice(tail, tail_name.size, tail.size), found, sizeof found, &size) ||
        size != sizeof found) {
        return false;
    }
    memcpy(signature, found, sizeof found);
    *attachment = bytes_slice(*attachment, 0, attachment->size - TAIL_SIZE);
    return true;
}
