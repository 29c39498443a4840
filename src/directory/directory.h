/*
 * A community's directory: who is who, as a signed note (docs/formats/directory.md). A loaded directory never changes; all that it
 * hands out lives as long as it does.
 */
#ifndef COMITY_DIRECTORY_DIRECTORY_H
#define COMITY_DIRECTORY_DIRECTORY_H

#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "directory/identifier.h"

enum { DIRECTORY_BYTES_MAX = 64 * 1024 * 1024 };

struct directory_gateway {
    struct bytes code; /* the last part of X-Road-Security-Server */
    const struct directory_member *member;
    struct bytes *addresses; /* "host:port", "[::1]:port"; in order of preference */
    size_t address_count;
    struct verifier statement_key; /* its name is the origin of the gateway's log */
    uint8_t (*tls_pins)[PIN_SIZE]; /* more than one while a key is being changed */
    size_t tls_pin_count;
    bool in_maintenance;
};
struct directory_subsystem {
    struct bytes code, name;
    const struct directory_member *member;
    const struct directory_gateway **gateways; /* that serve it; empty: all of the member's */
    size_t gateway_count;
};
struct directory_member {
    struct bytes class_code, code, name;
    struct directory_subsystem *subsystems;
    size_t subsystem_count;
    struct directory_gateway *gateways;
    size_t gateway_count;
    const struct directory *directory;
};
/* Another community that this one recognises: whose signature makes a directory of it valid here, and until when. */
struct directory_recognition {
    struct bytes community;
    struct verifier *operators;
    size_t operator_count;
    size_t threshold;
    int64_t valid_from_ms, valid_until_ms;
};
struct directory {
    struct bytes community;
    uint64_t serial;
    int64_t valid_from_ms, valid_until_ms;
    struct verifier *operators;
    size_t operator_count;
    size_t threshold; /* 1 here; k of n has its room */
    struct directory_member *members;
    size_t member_count;
    struct directory_recognition *recognised;
    size_t recognised_count;
    uint8_t digest[SHA256_SIZE]; /* of the note's text: what statements and decisions name */
};

/*
 * Parses and verifies a note against the operators' keys (at least `threshold` of them must have signed). Does not look at the
 * clock: see directory_check_time(). Errors (ERROR_INPUT, ERROR_DENIED for signatures) name the place in the text.
 */
must_check bool directory_parse(struct directory **out, struct bytes note, const struct verifier *operators, size_t operator_count,
                                size_t threshold, const char *where, struct error *e);
must_check bool directory_load(struct directory **out, const char *path, const struct verifier *operators, size_t operator_count,
                               size_t threshold, struct error *e);
void directory_free(struct directory *directory); /* NULL is allowed */
/* ERROR_DENIED before valid_from or from valid_until on. */
must_check bool directory_check_time(const struct directory *directory, int64_t now_ms, struct error *e);

/* NULL when absent. */
const struct directory_member *directory_find_member(const struct directory *d, const struct identifier *id);
const struct directory_subsystem *directory_find_subsystem(const struct directory *d, const struct identifier *id);
const struct directory_gateway *directory_find_gateway_by_pin(const struct directory *d, const uint8_t pin[PIN_SIZE]);

/*
 * What one gateway knows of the world: its own community's directory and those of the communities that it recognises. Immutable;
 * shared by reference count; swapped whole (struct world_slot below).
 */
struct world {
    _Atomic int reference_count;
    struct directory *own;
    struct directory **foreign; /* each verified by own->recognised */
    size_t foreign_count;
};
/*
 * Loads `own_path` with the given trust, then `COMMUNITY.note` from `foreign_folder` (may be NULL) for each recognised community. A
 * foreign one that is missing, expired, not recognised now or wrongly signed is left out and reported through `warn` (may be NULL);
 * a bad own directory is an error. `own_serial_seen`: a smaller own serial is refused (ERROR_DENIED: older than the newest seen).
 */
typedef void world_warn(void *context, const char *community, const struct error *e);
must_check bool world_load(struct world **out, const char *own_path, const char *foreign_folder, const struct verifier *operators,
                           size_t operator_count, size_t threshold, uint64_t own_serial_seen, int64_t now_ms, world_warn *warn,
                           void *warn_context, struct error *e);
struct world *world_keep(struct world *world);
void world_release(struct world *world); /* NULL is allowed */

/* Both own and foreign; a foreign directory that is outside its own dates or its recognition's at `now_ms` is not looked at. */
const struct directory_subsystem *world_find_subsystem(const struct world *w, const struct identifier *id, int64_t now_ms);
const struct directory_member *world_find_member(const struct world *w, const struct identifier *id, int64_t now_ms);
const struct directory_gateway *world_find_gateway_by_pin(const struct world *w, const uint8_t pin[PIN_SIZE], int64_t now_ms);
/* The directory of a community, own or recognised now; NULL when neither. */
const struct directory *world_find_community(const struct world *w, struct bytes community, int64_t now_ms);

/* Writes the unsigned text of a directory; the result of parsing it equals `d`. Used by `comity directory`. */
must_check bool directory_write(const struct directory *d, struct buffer *out, struct error *e);

#endif
