/* Copies of logs that commands read: folders, web servers, and gateways of the directory, which are known by their pins. */
#ifndef COMITY_CLI_COPIES_H
#define COMITY_CLI_COPIES_H

#include "cli/place.h"
#include "directory/directory.h"
#include "witness/source.h"

/* Zeroed, then copies_open(). One thread. */
struct copies {
    const struct gateway_config *config;
    struct world *world; /* NULL: no directory could be read; then nobody is known by pins */
    struct tls *tls;     /* as a gateway, made when it is needed */
};
void copies_open(struct copies *copies, const struct gateway_config *config);
void copies_close(struct copies *copies);
/* A folder or an address. The caller closes it before copies_close(). */
must_check bool copies_source(struct copies *copies, const char *from, struct source **out, struct error *e);
/* The gateway whose log has this origin; NULL: the directories name none. */
const struct directory_gateway *copies_gateway(const struct copies *copies, struct bytes origin);

#endif
