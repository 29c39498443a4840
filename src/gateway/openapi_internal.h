/* An OpenAPI description on its way to a consumer: the holder's own addresses in `servers` are cut down to their paths. Pure. */
#ifndef COMITY_GATEWAY_OPENAPI_INTERNAL_H
#define COMITY_GATEWAY_OPENAPI_INTERNAL_H

#include "base/buffer.h"
#include "base/error.h"

enum { OPENAPI_BYTES_MAX = 16 * 1024 * 1024 };

/* "http://h/v1/cats" gives "/v1/cats", no path gives "", one with a template ("https://{x}/...") stays. A view. */
struct bytes openapi_server_path(struct bytes url);
/* Appends the description with each servers[].url rewritten; order, quoting and nulls survive. ERROR_INPUT: not JSON, or not YAML. */
must_check bool openapi_rewrite_json(struct bytes text, struct buffer *out, struct error *e);
must_check bool openapi_rewrite_yaml(struct bytes text, struct buffer *out, struct error *e);

#endif
