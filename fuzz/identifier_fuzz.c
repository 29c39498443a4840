/* identifier_parse(): what is read is written and read again as the same. */
#include <stdlib.h>

#include "directory/identifier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct identifier id, again;
    struct error e;
    struct buffer out;
    /* Exactly as large as promised to be enough, so that a byte more is seen. */
    uint8_t *storage = malloc(size + (size == 0));
    uint8_t *storage_again = malloc(3 * size + 1);
    buffer_init(&out, 3 * size + 16);
    if (storage != NULL && storage_again != NULL && identifier_parse(bytes_of(data, size), 1, 5, storage, &id, &e)) {
        bool is_plain;
        identifier_append(&out, &id);
        if (out.failed || !identifier_parse(buffer_bytes(&out), id.part_count, id.part_count, storage_again, &again, &e) ||
            !identifier_equal(&id, &again)) {
            abort();
        }
        (void)!identifier_check_new(&id, &is_plain, &e);
    }
    buffer_clear(&out);
    free(storage);
    free(storage_again);
    return 0;
}
