/* person_find(): the first byte tells the place; what is found is a clean identifier. */
#include <stdlib.h>

#include "policy/decide.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct policy_service services[] = {
        { .person_place = PERSON_PATH, .person_template = BYTES("/{person}/**") },
        { .person_place = PERSON_PATH, .person_template = BYTES("/a/*/{person}/b") },
        { .person_place = PERSON_QUERY, .person_name = BYTES("id") },
        { .person_place = PERSON_BODY, .person_name = BYTES("/a/0/id") },
        { .person_place = PERSON_HEADER, .person_name = BYTES("x-person") },
    };
    if (size == 0) {
        return 0;
    }
    struct bytes input = bytes_of(data + 1, size - 1), out;
    const struct field fields[] = { { BYTES("X-Person"), input }, { BYTES("Content-Type"), BYTES("application/json") } };
    struct arena arena = { .size_max = 1 << 20 };
    if (person_find(&services[data[0] % COUNT_OF(services)], input, input, fields, COUNT_OF(fields), input, &arena, &out)) {
        if (out.size == 0 || out.size > PERSON_SIZE_MAX || !bytes_are_utf8(out)) {
            abort();
        }
        for (size_t i = 0; i < out.size; i++) {
            if (out.data[i] < 0x20 || out.data[i] == 0x7f) {
                abort();
            }
        }
    }
    arena_clear(&arena);
    return 0;
}
