/* said_parse(): what is taken has parts that lie within it, each once; the fields that it names are read or refused. */
#include <stdlib.h>

#include "audit/said.h"

static void check_within(struct bytes whole, struct bytes part)
{
    if (part.size > 0 && (part.data < whole.data || part.data + part.size > whole.data + whole.size)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct said said;
    struct bytes community, text = bytes_of(data, size);
    uint64_t number;
    uint8_t digest[SHA256_SIZE];
    (void)said_digest(text, digest);
    (void)said_checkpoint(text, &number, digest);
    if (said_directory(text, &community, &number, digest)) {
        check_within(text, community);
    }
    if (!said_parse(text, &said, "fuzz", NULL)) {
        return 0;
    }
    if (said.count > STATEMENT_COMPONENTS_MAX) {
        abort();
    }
    for (size_t i = 0; i < said.count; i++) {
        char name[256];
        check_within(text, said.components[i].value);
        if (said.components[i].name.size < sizeof name) {
            memcpy(name, said.components[i].name.data, said.components[i].name.size);
            name[said.components[i].name.size] = '\0';
            if (!bytes_equal(said_value(&said, name, said.components[i].of_request), said.components[i].value)) {
                abort();
            }
        }
    }
    return 0;
}
