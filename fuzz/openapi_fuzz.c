/* openapi_rewrite_*(): whatever the description is, it ends, and what is written can be read again. */
#include <stdlib.h>

#include "gateway/openapi_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer out, again;
    struct error e = { 0 };
    buffer_init(&out, 1 << 24);
    buffer_init(&again, 1 << 24);
    if (openapi_rewrite_json(bytes_of(data, size), &out, &e) && !openapi_rewrite_json(buffer_bytes(&out), &again, &e)) {
        abort();
    }
    buffer_reset(&out);
    /* What libyaml writes of odd documents it need not read again; it must only end. */
    bool is_yaml = openapi_rewrite_yaml(bytes_of(data, size), &out, &e);
    (void)is_yaml;
    buffer_clear(&out);
    buffer_clear(&again);
    return 0;
}
