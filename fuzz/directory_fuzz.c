/* The text of a directory, as if it were signed: what is read is written, and what is written has one form. */
#include <stdlib.h>

#include "directory/directory_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct directory *d = NULL;
    struct directory *again = NULL;
    struct buffer text, text_again;
    struct error e;
    buffer_init(&text, DIRECTORY_BYTES_MAX);
    buffer_init(&text_again, DIRECTORY_BYTES_MAX);
    if (directory_parse_text(&d, bytes_of(data, size), "fuzz", &e)) {
        if (!directory_write(d, &text, &e) || !directory_parse_text(&again, buffer_bytes(&text), "fuzz", &e) ||
            !directory_write(again, &text_again, &e) || !bytes_equal(buffer_bytes(&text), buffer_bytes(&text_again))) {
            abort();
        }
        for (size_t i = 0; i < d->member_count; i++) {
            const struct directory_member *m = &d->members[i];
            struct identifier id = { .parts = { d->community, m->class_code, m->code }, .part_count = 3 };
            if (directory_find_member(d, &id) != m) {
                abort();
            }
        }
    }
    directory_free(d);
    directory_free(again);
    buffer_clear(&text);
    buffer_clear(&text_again);
    return 0;
}
