/* A message's own signature (evidence/individual.h) in the fields that RFC 9421 has for it. */
#include "base/encode.h"
#include "evidence/individual.h"
#include "gateway/message_internal.h"

static const struct bytes input_name = BYTES("signature-input");
static const struct bytes signature_name = BYTES("signature");
static const struct bytes input_label = BYTES(INDIVIDUAL_LABEL "=");
static const struct bytes signature_label = BYTES(INDIVIDUAL_LABEL "=:");

bool message_sign(struct message *message, struct bytes statement, const struct signer *signer, struct arena *arena,
                  struct bytes *signature, struct error *e)
{
    struct individual_base base;
    uint8_t *made = arena_take(arena, ED25519_SIGNATURE_SIZE);
    if (made == NULL) {
        return error_memory(e, "signature");
    }
    if (!individual_base_make(statement, arena, &base, e)) {
        return false;
    }
    signer_sign(signer, base.text, made);
    *signature = bytes_of(made, ED25519_SIGNATURE_SIZE);
    size_t size = signature_label.size + BASE64_SIZE(ED25519_SIGNATURE_SIZE) + 1;
    uint8_t *input = arena_take(arena, input_label.size + base.parameters.size), *text = arena_take(arena, size);
    if (input == NULL || text == NULL) {
        return error_memory(e, "signature");
    }
    memcpy(input, input_label.data, input_label.size);
    memcpy(input + input_label.size, base.parameters.data, base.parameters.size);
    memcpy(text, signature_label.data, signature_label.size);
    (void)base64_write(*signature, text + signature_label.size);
    text[size - 1] = ':';
    return (fields_add(&message->fields, arena, input_name, bytes_of(input, input_label.size + base.parameters.size)) &&
            fields_add(&message->fields, arena, signature_name, bytes_of(text, size))) ||
           error_memory(e, "signature");
}

/* The one field of this name, behind the first `own` fields, whose value begins with the label. `count`: how many there are. */
static struct bytes find_labelled(const struct fields *fields, size_t own, struct bytes name, struct bytes before, size_t *count)
{
    struct bytes found = BYTES_NONE;
    *count = 0;
    for (size_t i = own; i < fields->count; i++) {
        const struct field *field = &fields->list[i];
        if (bytes_equal(field->name, name) && bytes_start_with(field->value, before)) {
            found = bytes_slice(field->value, before.size, field->value.size);
            (*count)++;
        }
    }
    return found;
}

bool message_is_signed(const struct fields *fields, size_t own)
{
    size_t inputs, signatures;
    (void)find_labelled(fields, own, input_name, input_label, &inputs);
    (void)find_labelled(fields, own, signature_name, input_label, &signatures);
    return inputs + signatures > 0;
}

bool message_check_signature(const struct message *message, size_t own, struct bytes statement, const struct verifier *key,
                             struct arena *arena, struct bytes *signature, struct error *e)
{
    static const char where[] = "headers Signature-Input and Signature", todo[] = "send them as docs/formats/exchange.md has it";
    struct individual_base base;
    size_t inputs, signatures, size = 0;
    struct bytes input = find_labelled(&message->fields, own, input_name, input_label, &inputs);
    struct bytes text = find_labelled(&message->fields, own, signature_name, input_label, &signatures);
    *signature = BYTES_NONE;
    if (inputs + signatures == 0) {
        return error_set(e, ERROR_ABSENT, where, todo, "no signature has the label " INDIVIDUAL_LABEL);
    }
    if (inputs != 1 || signatures != 1) {
        return error_set(e, ERROR_INPUT, where, todo, "the label " INDIVIDUAL_LABEL " does not stand once in each");
    }
    if (!individual_base_make(statement, arena, &base, e)) {
        return false;
    }
    /* As with the statement: not picked apart, but held against what we would write for this very message. */
    if (!bytes_equal(input, base.parameters)) {
        return error_set(e, ERROR_INPUT, where, todo,
                         "it does not cover what the statement covers, with the same parameters but for the alg");
    }
    uint8_t *raw = arena_take(arena, ED25519_SIGNATURE_SIZE);
    if (raw == NULL) {
        return error_memory(e, "signature");
    }
    bool is_good = text.size == 1 + BASE64_SIZE(ED25519_SIGNATURE_SIZE) + 1 && text.data[0] == ':' && text.data[text.size - 1] == ':' &&
                   base64_parse(bytes_slice(text, 1, text.size - 1), raw, ED25519_SIGNATURE_SIZE, &size) && size == ED25519_SIGNATURE_SIZE;
    if (!is_good || !verifier_check(key, base.text, raw)) {
        return error_set(e, ERROR_DENIED, where, "sign this message with the key of the sender's log", "the signature is wrong");
    }
    *signature = bytes_of(raw, ED25519_SIGNATURE_SIZE);
    return true;
}
