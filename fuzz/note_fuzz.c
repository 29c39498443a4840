/* note_parse() and note_verify(): the views lie in the input, and only the one text that the known key has signed verifies. */
#include <stdlib.h>

#include "crypto/note.h"

static const struct bytes signed_text = BYTES("This is an example message.\n");

static bool is_inside(struct bytes view, const uint8_t *data, size_t size)
{
    return view.data >= data && view.size <= size && (size_t)(view.data - data) <= size - view.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct note note;
    struct verifier known;
    struct error e;
    size_t good;
    if (!verifier_parse(&known, BYTES("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"), "fuzz", &e)) {
        abort();
    }
    if (!note_parse(&note, bytes_of(data, size), "fuzz", &e)) {
        return 0;
    }
    if (note.signature_count < 1 || note.text.size < 1 || note.text.data != data || note.text.data[note.text.size - 1] != '\n') {
        abort();
    }
    for (size_t i = 0; i < note.signature_count; i++) {
        if (!is_inside(note.signatures[i].name, data, size) || !is_inside(note.signatures[i].base64, data, size)) {
            abort();
        }
    }
    if (note_verify(&note, &known, 1, &good, NULL, "fuzz", &e) && good > 0 && !bytes_equal(note.text, signed_text)) {
        abort();
    }
    return 0;
}
