/* Where `comity log audit` reads a peer's side: from its gateway over mutual TLS, from a folder, or from a file with its list. */
#ifndef COMITY_CLI_AUDIT_SOURCE_H
#define COMITY_CLI_AUDIT_SOURCE_H

#include <sys/types.h>

#include "audit/audit.h"
#include "gateway/config.h"

struct audit_source;
/* The running gateway, by the addresses and pins of the directory, with our own certificate. `gateway` is borrowed. */
must_check bool audit_source_net(struct audit_source **out, const struct gateway_config *config, const struct directory_gateway *gateway,
                                 struct error *e);
/* A copy: a public log folder, in which exchanges.jsonl may lie, or a file with their list alone. */
must_check bool audit_source_copy(struct audit_source **out, const char *path, struct error *e);
void audit_source_free(struct audit_source *source); /* NULL is allowed */

bool audit_source_has_log(const struct audit_source *source);
/* A peer_log_read; context is the source. */
must_check bool audit_source_read(void *context, const char *path, size_t size_max, uint8_t **data, size_t *size, struct error *e);
/* Fills in read_page, wait and context of `peer`. */
void audit_source_fill(struct audit_source *source, struct audit_peer *peer);

#endif
