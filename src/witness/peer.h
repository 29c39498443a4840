/* Which gateway of the directories has an address, and which keys a log has by its name. Pure. */
#ifndef COMITY_WITNESS_PEER_H
#define COMITY_WITNESS_PEER_H

#include "directory/directory.h"

/* A witness or a copy at an address is spoken to as a gateway, and known by its pins. "host:port", ignoring case; the own directory's before foreign ones; only in directories that are valid at `now_ms`. NULL: nobody. */
const struct directory_gateway *peer_by_address(const struct world *world, struct bytes address, int64_t now_ms);

enum { PEER_KEYS_MAX = 16 };
/*
 * The keys of logs of this origin, as directories that are valid at `now_ms` have them. An origin is COMMUNITY/CLASS/MEMBER/GATEWAY: where that
 * community's own directory lists it, that is the log, and no other community can claim its name; likewise what our own directory lists.
 * Only a name that neither has may have several keys, in the order of the world. 0: nobody knows it.
 */
size_t peer_keys_by_origin(const struct world *world, struct bytes origin, int64_t now_ms, const struct verifier *keys[PEER_KEYS_MAX]);
/* The gateway of the first of these keys; NULL: nobody. */
const struct directory_gateway *peer_by_origin(const struct world *world, struct bytes origin, int64_t now_ms);

#endif
