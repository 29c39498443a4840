/* X-Road's REST protocol, r1, towards applications and services: what of it is pure (reference: X-Road REST 1.0.4). */
#ifndef COMITY_GATEWAY_XROAD_H
#define COMITY_GATEWAY_XROAD_H

#include "directory/identifier.h"
#include "net/message.h"
#include "policy/reason.h"

/* A request target /r1/{instance}/{class}/{member}/{subsystem}/{service}[/path][?query]. */
struct xroad_target {
    struct identifier service; /* decoded */
    struct bytes path;         /* raw: "" or from the '/' after the service code on */
    struct bytes query;        /* raw, without '?' */
    bool has_query;
};
enum xroad_target_fault {
    XROAD_TARGET_FINE = 0,
    XROAD_TARGET_OTHER,      /* not a REST call: 404 */
    XROAD_TARGET_UNREADABLE, /* bytes that no target may have, a bad escape, an encoded dot segment: 400 */
    XROAD_TARGET_MALFORMED,  /* too few parts, a bad identifier: X-Road's internal_error */
};
/* `out` has views into `target` and into `arena`. `e` says what is wrong. */
must_check enum xroad_target_fault xroad_target_parse(struct bytes target, struct arena *arena, struct xroad_target *out, struct error *e);

/* DELETE GET HEAD OPTIONS PATCH POST PUT TRACE, upper case. */
bool xroad_is_method(struct bytes method);
/* RFC 9110 9.2.1. */
bool method_is_safe(struct bytes method);

/* Fields that no gateway passes on, in either direction: hop by hop ones, and those that the next hop makes itself. */
bool field_is_hop(struct bytes name);
/* Is `name` listed in one of the Connection fields (RFC 9110 7.6.1)? */
bool field_is_named_by_connection(const struct fields *fields, struct bytes name);
/* Fields of an application that this gateway replaces: X-Road-Request-Id and -Hash, and all Comity-* ones. */
bool field_is_replaced_in_request(struct bytes name);
/* Fields of a service that the gateway writes itself: the seven X-Road ones and all Comity-* ones. */
bool field_is_replaced_in_answer(struct bytes name);
/* Fields by which some services let a caller change method or path behind the back of whoever authorised them. */
bool field_overrides(struct bytes name);
/* All values of one name, joined by ", " (RFC 9421 2.1); .data is NULL when there is none, or when memory is out. */
struct bytes fields_join(const struct field *fields, size_t count, struct bytes name, struct arena *arena);

/* X-Road-Represented-Party: [class/]code. */
bool xroad_is_represented_party(struct bytes value);

/*
 * The head bytes (X-Road REST 1.5): method, target, a line a field with the name as the application wrote it, the request id, and the
 * message id if it was made here (`made_id` may be empty).
 */
void xroad_head_write(struct buffer *out, struct bytes method, struct bytes target, const struct field *fields, size_t count,
                      struct bytes request_id, struct bytes made_id);
/* base64(SHA-512(H || B)), or base64(H) when nothing was in the body (`body_sha512` NULL). */
enum { XROAD_HASH_SIZE = 88 };
void xroad_request_hash(const uint8_t head_sha512[SHA512_SIZE], const uint8_t *body_sha512, uint8_t out[XROAD_HASH_SIZE]);

/* The body of a refusal, in the form that Accept asks for. */
struct xroad_error {
    const char *prefix; /* "server.clientproxy", "server.serverproxy", "client" */
    enum reason reason;
    const char *type; /* overrides what the reason gives behind the prefix; may be NULL */
    unsigned status;
    bool is_77;            /* the spelling before X-Road 7.8 */
    struct bytes message;  /* for people; never a person's identifier */
    struct bytes exchange; /* the exchange id; may be empty */
};
/* X-Road-Error's value. */
void xroad_error_type(struct buffer *out, const struct xroad_error *error);
/* `accept`: all Accept values joined. Returns the Content-Type. */
const char *xroad_error_write(struct buffer *out, const struct xroad_error *error, struct bytes accept);

/* Appends text as the inside of a JSON string, or of an XML element. */
void json_escape(struct buffer *out, struct bytes text);
void xml_escape(struct buffer *out, struct bytes text);

#endif
