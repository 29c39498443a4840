/* verifier_parse(): what is read is written and read again as the same. */
#include <stdlib.h>

#include "crypto/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verifier v, again;
    struct error e;
    struct buffer out;
    buffer_init(&out, 1024);
    if (verifier_parse(&v, bytes_of(data, size), "fuzz", &e)) {
        verifier_write(&v, &out);
        if (out.failed || !verifier_parse(&again, buffer_bytes(&out), "fuzz", &e) || !verifier_equal(&v, &again)) {
            abort();
        }
    }
    buffer_clear(&out);
    return 0;
}
