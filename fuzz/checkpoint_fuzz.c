/* checkpoint_parse(): what is taken is what checkpoint_write() writes, byte for byte. */
#include <stdlib.h>

#include "evidence/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checkpoint_view view;
    struct error e;
    struct buffer again;
    if (!checkpoint_parse(bytes_of(data, size), &view, "fuzz", &e)) {
        return 0;
    }
    buffer_init(&again, size);
    checkpoint_write(&again, view.origin, view.size, view.root);
    if (!bytes_equal(buffer_bytes(&again), bytes_of(data, size))) {
        abort();
    }
    buffer_clear(&again);
    return 0;
}
