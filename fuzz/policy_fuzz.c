/* policy_parse(): what it takes differs in nothing from itself, and every service and client of it is found. */
#include <stdlib.h>

#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct identifier owner = { .parts = { BYTES("A"), BYTES("B"), BYTES("C") }, .part_count = 3 };
    struct policy *policy = NULL;
    struct error e = { 0 };
    struct buffer out;
    buffer_init(&out, 1 << 20);
    if (policy_parse(&policy, bytes_of(data, size), "fuzz.yaml", "/nonexistent", &owner, &e)) {
        if (!policy_difference(policy, policy, &out, &e) || out.size != 0) {
            abort();
        }
        for (size_t i = 0; i < policy->service_count; i++) {
            if (policy_find_service(policy, &policy->services[i].parts) != &policy->services[i]) {
                abort();
            }
        }
        for (size_t i = 0; i < policy->client_count; i++) {
            if (policy_find_client(policy, &policy->clients[i].parts) != &policy->clients[i]) {
                abort();
            }
        }
    } else if (policy != NULL || e.kind == ERROR_NONE || (e.kind == ERROR_INPUT && e.where[0] == '\0')) {
        abort();
    }
    policy_drop(policy);
    buffer_clear(&out);
    return 0;
}
