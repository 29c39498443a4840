/* Signature-Input and Signature: views lie in the input, and what was understood is written and understood again the same. */
#include <stdlib.h>

#include "evidence/statement.h"

static void check_again(const struct statement_input *in)
{
    struct statement_component components[STATEMENT_COMPONENTS_MAX];
    static struct statement_input back;
    struct buffer field;
    for (size_t i = 0; i < in->count; i++) {
        components[i] = (struct statement_component){ in->components[i].name, in->components[i].of_request, BYTES("x") };
    }
    buffer_init(&field, 1024 * 1024);
    buffer_append_text(&field, "comity=");
    statement_write_parameters(&field, components, in->count, &in->parameters);
    if (field.failed || !statement_input_parse(buffer_bytes(&field), BYTES("comity"), &back, NULL) || back.count != in->count ||
        (in->has_created && back.parameters.created_s != in->parameters.created_s) ||
        !bytes_equal(back.parameters.nonce, in->parameters.nonce) || !bytes_equal(back.parameters.keyid, in->parameters.keyid)) {
        abort();
    }
    buffer_reset(&field);
    statement_write(&field, components, in->count, in->raw);
    if (field.failed) {
        abort(); /* what is taken can be put into a base */
    }
    buffer_clear(&field);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct statement_input in;
    struct bytes base64;
    struct error e;
    struct bytes field = bytes_of(data, size);
    if (statement_input_parse(field, BYTES("comity"), &in, &e)) {
        if (in.count > STATEMENT_COMPONENTS_MAX || in.raw.data < data || in.raw.size > size) {
            abort();
        }
        check_again(&in);
    }
    if (statement_signature_parse(field, BYTES("comity"), &base64, &e) && (base64.size > size || (base64.size > 0 && base64.data < data))) {
        abort();
    }
    return 0;
}
