/* xroad_target_parse(): what is read of a target is what goes on; its service, written again, reads as the same. */
#include <stdlib.h>

#include "gateway/xroad.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { .size_max = 1 << 22 };
    struct xroad_target target, again;
    struct error e = { 0 };
    struct buffer text;
    buffer_init(&text, 1 << 22);
    if (xroad_target_parse(bytes_of(data, size), &arena, &target, &e) == XROAD_TARGET_FINE) {
        buffer_append_text(&text, "/r1/");
        identifier_append(&text, &target.service);
        buffer_append(&text, target.path);
        if (target.has_query) {
            buffer_append_u8(&text, '?');
            buffer_append(&text, target.query);
        }
        if (text.failed || xroad_target_parse(buffer_bytes(&text), &arena, &again, &e) != XROAD_TARGET_FINE ||
            !identifier_equal(&target.service, &again.service) || !bytes_equal(target.path, again.path) ||
            !bytes_equal(target.query, again.query) || !bytes_end_with(bytes_of(data, size), target.query)) {
            abort();
        }
    } else if (e.what[0] == '\0') {
        abort();
    }
    buffer_clear(&text);
    arena_clear(&arena);
    return 0;
}
