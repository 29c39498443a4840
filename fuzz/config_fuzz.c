/* gateway.yaml: whatever is in it, it is read whole or refused with a place. */
#include <stdlib.h>

#include "gateway/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gateway_config *config = NULL;
    struct error e = { 0 };
    bool ok = gateway_config_parse(&config, bytes_of(data, size), "folder", "gateway.yaml", &e);
    /* On failure an error with a kind and a text, and nothing handed out; on success all that a gateway relies on. */
    if (ok != (config != NULL) || (!ok && (e.kind == ERROR_NONE || e.what[0] == '\0')) ||
        (ok && (config->member.part_count != 3 || config->workers == 0 || config->limits.idle_ms == 0 || config->origin.size == 0))) {
        abort();
    }
    gateway_config_free(config);
    return 0;
}
