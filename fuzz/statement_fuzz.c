/* Signature parameters: views lie in the input, and what was understood is written and understood again the same. */
#include <stdlib.h>

#include "evidence/statement.h"

static bool lies_in(struct bytes view, struct bytes text)
{
    return view.size <= text.size && view.data >= text.data && view.data + view.size <= text.data + text.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes text = bytes_of(data, size);
    const struct statement_component one = { BYTES("x"), false, text };
    struct statement_parameters read, again;
    struct arena arena = { 0 };
    struct statement made;
    struct error e;
    if (statement_parameters_read(text, &read)) {
        if (!lies_in(read.nonce, text) || !lies_in(read.keyid, text) || !lies_in(read.alg, text) || !lies_in(read.tag, text)) {
            abort();
        }
        if (statement_make(NULL, 0, &read, &arena, &made, &e) &&
            (!statement_parameters_read(made.parameters, &again) || again.created_s != read.created_s ||
             !bytes_equal(again.nonce, read.nonce) || !bytes_equal(again.keyid, read.keyid) || !bytes_equal(again.tag, read.tag))) {
            abort();
        }
    }
    /* A value that is taken adds one line and no more. */
    const struct statement_parameters plain = { 1, BYTES("n"), BYTES("k"), BYTES("a"), BYTES("t") };
    if (statement_make(&one, 1, &plain, &arena, &made, &e)) {
        size_t lf = bytes_find(made.text, '\n');
        struct bytes rest = bytes_slice(made.text, lf + 1, made.text.size);
        if (bytes_find(rest, '\n') != rest.size || !bytes_start_with(rest, BYTES("\"@signature-params\": "))) {
            abort();
        }
    }
    arena_clear(&arena);
    return 0;
}
