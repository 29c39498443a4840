/* A copy of a log's public folder, to read from: a folder on this machine, or an address over HTTP (C2SP tlog-tiles 0.1.0). One thread; waits. */
#ifndef COMITY_WITNESS_SOURCE_H
#define COMITY_WITNESS_SOURCE_H

#include "evidence/tile_nodes.h"
#include "net/tls.h"

struct source;
/* How an https address is spoken to. Zeroed: the system's certificate authorities. Borrowed. */
struct source_options {
    struct tls *tls; /* of a gateway in the directory: mutual TLS and HTTP/2, known by its pins */
    const uint8_t (*pins)[PIN_SIZE];
    size_t pin_count;
    uint32_t timeout_ms; /* for one file; 0: 20 s */
};
/* `from`: "http://...", "https://...", or a folder, which must be there (ERROR_ABSENT). */
must_check bool source_open(struct source **out, const char *from, const struct source_options *options, struct error *e);
void source_close(struct source *source); /* NULL is allowed */
/* Appends a file: "checkpoint", "tile/0/000". ERROR_ABSENT when it is not there, ERROR_INPUT when it is larger than `out` takes. */
must_check bool source_read(struct source *source, const char *path, struct buffer *out, struct error *e);
/* A tile_fetch whose context is a struct source. */
must_check bool source_fetch(void *context, struct tile tile, uint8_t **data, struct error *e);

/* The system's certificate authorities: $SSL_CERT_FILE, or Debian's. */
const char *source_authorities(void);

#endif
