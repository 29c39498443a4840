/* Which gateway of the directories has an address: a witness or a copy there is spoken to as a gateway, and known by its pins. Pure. */
#ifndef COMITY_WITNESS_PEER_H
#define COMITY_WITNESS_PEER_H

#include "directory/directory.h"

/* "host:port", ignoring case; the own directory's before foreign ones; only in directories that are valid at `now_ms`. NULL: nobody. */
const struct directory_gateway *peer_by_address(const struct world *world, struct bytes address, int64_t now_ms);

#endif
