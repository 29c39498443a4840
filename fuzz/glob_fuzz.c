/* glob_match() and glob_normalise(): "PATTERN LF PATH". What is normalised has no dot-segment left, and ** matches it. */
#include <stdlib.h>

#include "policy/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size), pattern, segment;
    struct buffer out;
    struct error e;
    if (!bytes_split(&rest, '\n', &pattern) || rest.data == NULL) {
        return 0;
    }
    buffer_init(&out, 3 * size + 16);
    (void)glob_match(pattern, rest);
    if (glob_normalise(rest, &out, &e)) {
        struct bytes left = buffer_bytes(&out);
        if (out.size > rest.size + 1 || !bytes_are_utf8(left) || !glob_match(BYTES("**"), left)) {
            abort();
        }
        while (bytes_split(&left, '/', &segment)) {
            if (bytes_equal(segment, BYTES("..")) || bytes_equal(segment, BYTES("."))) {
                abort();
            }
        }
        (void)glob_match(pattern, buffer_bytes(&out));
    }
    buffer_clear(&out);
    return 0;
}
