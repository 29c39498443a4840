/* trust_parse(): whatever comes in, what goes out is within its limits; and what trust_write_community() writes is read again. */
#include <stdlib.h>

#include "audit/trust.h"

static void check_again(const struct trust *trust)
{
    struct buffer text;
    struct trust *again = NULL;
    buffer_init(&text, 4 * QUORUM_BYTES_MAX);
    for (size_t i = 0; i < trust->community_count; i++) {
        const struct trust_community *c = &trust->communities[i];
        if (c->threshold == 0 || c->threshold > c->operator_count || c->operator_count > TRUST_OPERATORS_MAX) {
            abort();
        }
        trust_write_community(&text, c->code, c->threshold, c->operators, c->operator_count);
    }
    buffer_append_text(&text, "quorum none\n");
    if (text.size <= QUORUM_BYTES_MAX &&
        (!trust_parse(&again, buffer_bytes(&text), "again", NULL) || again->community_count != trust->community_count)) {
        abort();
    }
    trust_free(again);
    buffer_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trust *trust = NULL;
    struct error e = { 0 };
    if (trust_parse(&trust, bytes_of(data, size), "fuzz", &e)) {
        check_again(trust);
    } else if (e.what[0] == '\0') {
        abort();
    }
    trust_free(trust);
    return 0;
}
