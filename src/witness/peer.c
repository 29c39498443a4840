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

static size_t add_gateway(const struct directory *d, struct bytes origin, const struct directory_gateway *found[PEER_KEYS_MAX],
                          size_t count)
{
    const struct directory_gateway *gateway = d == NULL || count == PEER_KEYS_MAX ? NULL : directory_find_gateway_by_origin(d, origin);
    if (gateway != NULL) {
        found[count++] = gateway;
    }
    return count;
}

static size_t find_by_origin(const struct world *world, struct bytes origin, int64_t now_ms,
                             const struct directory_gateway *found[PEER_KEYS_MAX])
{
    struct identifier id;
    uint8_t storage[KEY_NAME_SIZE_MAX];
    size_t count = 0;
    if (origin.size <= sizeof storage && identifier_parse(origin, 4, 4, storage, &id, NULL)) {
        count = add_gateway(world_find_community(world, id.parts[0], now_ms), origin, found, 0);
    }
    count = count > 0 ? count : add_gateway(world_find_community(world, world->own->community, now_ms), origin, found, 0);
    for (size_t i = 0, first = count; first == 0 && i < world->foreign_count; i++) {
        count = add_gateway(world_find_community(world, world->foreign[i]->community, now_ms), origin, found, count);
    }
    return count;
}

size_t peer_keys_by_origin(const struct world *world, struct bytes origin, int64_t now_ms, const struct verifier *keys[PEER_KEYS_MAX])
{
    const struct directory_gateway *found[PEER_KEYS_MAX];
    size_t count = find_by_origin(world, origin, now_ms, found);
    for (size_t i = 0; i < count; i++) {
        keys[i] = &found[i]->statement_key;
    }
    return count;
}

const struct directory_gateway *peer_by_origin(const struct world *world, struct bytes origin, int64_t now_ms)
{
    const struct directory_gateway *found[PEER_KEYS_MAX];
    return find_by_origin(world, origin, now_ms, found) == 0 ? NULL : found[0];
}
