/* json_path_parse(): what it makes is within its limits. */
#include <stdlib.h>

#include "policy/json_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { .size_max = 1 << 20 };
    struct json_path *path = NULL;
    struct error e;
    if (json_path_parse(&path, bytes_of(data, size), &arena, "fuzz", &e)) {
        if (path->count > JSON_PATH_SEGMENTS_MAX) {
            abort();
        }
        for (size_t i = 0; i < path->count; i++) {
            if (!bytes_are_utf8(path->segments[i].name) || path->segments[i].name.size > size) {
                abort();
            }
        }
    } else if (e.kind == ERROR_NONE || path != NULL) {
        abort();
    }
    arena_clear(&arena);
    return 0;
}
