#include "witness/peer.h"

static const struct directory_gateway *find(const struct directory *d, struct bytes address)
{
    for (size_t i = 0; d != NULL && i < d->member_count; i++) {
        for (size_t j = 0; j < d->members[i].gateway_count; j++) {
            const struct directory_gateway *g = &d->members[i].gateways[j];
            for (size_t k = 0; k < g->address_count; k++) {
                if (bytes_equal_ignoring_case(g->addresses[k], address)) {
                    return g;
                }
            }
        }
    }
    return NULL;
}

const struct directory_gateway *peer_by_address(const struct world *world, struct bytes address, int64_t now_ms)
{
    const struct directory_gateway *found = find(world_find_community(world, world->own->community, now_ms), address);
    for (size_t i = 0; found == NULL && i < world->foreign_count; i++) {
        found = find(world_find_community(world, world->foreign[i]->community, now_ms), address);
    }
    return found;
}
