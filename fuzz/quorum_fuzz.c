/* quorum_parse(): whatever is taken is whole, within its limits, and is never met by nobody unless it says so. */
#include <stdlib.h>

#include "evidence/quorum.h"

static void check(bool is_so)
{
    if (!is_so) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct quorum *quorum = NULL;
    struct error e = { 0 };
    uint64_t times[QUORUM_WITNESSES_MAX] = { 0 };
    if (!quorum_parse(&quorum, bytes_of(data, size), "fuzz", &e)) {
        check(quorum == NULL && e.kind != ERROR_NONE && e.what[0] != '\0');
        return 0;
    }
    check(quorum->witness_count <= QUORUM_WITNESSES_MAX && quorum->node_count <= QUORUM_NODES_MAX && quorum->log_count <= QUORUM_LOGS_MAX);
    check(quorum_is_met(quorum, times) == quorum->is_none);
    check(quorum_time(quorum, times) == 0);
    for (size_t i = 0; i < quorum->node_count; i++) {
        const struct quorum_node *node = &quorum->nodes[i];
        check(node->group == QUORUM_NO_GROUP ||
              (node->group > i && node->group < quorum->node_count && quorum->nodes[node->group].is_group));
        check(!node->is_group || (node->threshold >= 1 && node->threshold <= node->member_count));
    }
    /* More cosignatures never unmeet it, and with all of them any policy is met. */
    bool was_met = quorum->is_none;
    for (size_t i = 0; i < quorum->witness_count; i++) {
        times[i] = 10 + i;
        bool is_met = quorum_is_met(quorum, times);
        check(is_met || !was_met);
        was_met = is_met;
    }
    check(was_met);
    quorum_free(quorum);
    return 0;
}
