/*
 * A community's directory: who is who, as a signed note (docs/formats/directory.md). A loaded directory never changes; all that it
 * hands out lives as long as it does.
 */
#ifndef COMITY_DIRECTORY_DIRECTORY_H
#define COMITY_DIRECTORY_DIRECTORY_H

#include "base/arena.h"
#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "directory/identifier.h"

/* What one directory may hold; each but the first is a number of elements in one array, or of bytes in one string. */
enum {
    DIRECTORY_BYTES_MAX = 64 * 1024 * 1024,
    DIRECTORY_OPERATORS_MAX = 64,
    DIRECTORY_MEMBERS_MAX = 200000,
    DIRECTORY_SUBSYSTEMS_MAX = 1000, /* of one member, as the next */
    DIRECTORY_GATEWAYS_MAX = 64,
    DIRECTORY_ADDRESSES_MAX = 16, /* of one gateway, as the next */
    DIRECTORY_PINS_MAX = 8,
    DIRECTORY_RECOGNISED_MAX = 1024,
    DIRECTORY_NAME_SIZE_MAX = 500,
    DIRECTORY_ADDRESS_SIZE_MAX = 261, /* a host of 253 bytes in brackets, a colon, a port */
};
#define DIRECTORY_SERIAL_MAX ((UINT64_C(1) << 53) - 1) /* what every JSON reader holds exactly (RFC 7493 2.2) */

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
/* What the law looks at in a member: bits of traits. */
enum {
    DIRECTORY_STATE_ORGAN = 1 << 0, /* "state_organ": acts by statutory powers */
    DIRECTORY_CRITICAL = 1 << 1,    /* "critical": runs critical infrastructure */
};
enum { DIRECTORY_TRAITS = 2, DIRECTORY_LAW_ID_SIZE_MAX = 64 };
struct directory_member {
    struct bytes class_code, code, name;
    uint32_t traits; /* DIRECTORY_STATE_ORGAN, DIRECTORY_CRITICAL */
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
    struct bytes country; /* ISO 3166-1 alpha-2, whose law it lives under; empty: not said */
    /* The community's law profile (law/law.h), by the digest of its text. Without one the law is the profile "strict" of whoever reads. */
    bool has_law;
    struct bytes law_id, law_version;
    uint8_t law_digest[SHA256_SIZE];
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
    /* Of a parsed one only; zero in one that was put together by hand, where finding then goes through the arrays. */
    struct directory_index *index;
    struct arena memory;
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

/* The newest directory that was ever used of a community. Serial 0: none was. */
struct directory_seen {
    uint64_t serial;
    uint8_t digest[SHA256_SIZE];
};
/*
 * ERROR_DENIED if the directory is older than the newest seen of its community, or is another text under the same serial: one that was
 * changed back could bring a revoked key to life again. Whoever loads directories remembers the newest, also over a restart.
 */
must_check bool directory_check_newest(const struct directory *directory, const struct directory_seen *seen, struct error *e);

/* NULL when absent. */
const struct directory_member *directory_find_member(const struct directory *d, const struct identifier *id);
const struct directory_subsystem *directory_find_subsystem(const struct directory *d, const struct identifier *id);
const struct directory_gateway *directory_find_gateway_by_pin(const struct directory *d, const uint8_t pin[PIN_SIZE]);
/* By the name of its statement key, which is the origin of its log and the `keyid` of its statements. */
const struct directory_gateway *directory_find_gateway_by_origin(const struct directory *d, struct bytes origin);
/* Does the gateway serve the subsystem: is it among the subsystem's own, or, where it names none, its member's? */
bool directory_gateway_serves(const struct directory_gateway *gateway, const struct directory_subsystem *subsystem);

/*
 * What one gateway knows of the world: its own community's directory and those of the communities that it recognises. Immutable;
 * shared by reference count; swapped whole.
 */
struct world {
    _Atomic int reference_count;
    struct directory *own;
    struct directory **foreign; /* each verified by own->recognised */
    size_t foreign_count;
    const struct directory_recognition **recognitions; /* one for each foreign directory, in own->recognised */
    struct world_index *index;                         /* of a loaded one, as in struct directory */
};
/*
 * Loads `own_path` with the given trust, then `COMMUNITY.note` from `foreign_folder` (may be NULL) for each recognised community. A
 * foreign one that is missing, expired, not recognised now, wrongly signed or not accepted is left out and reported through `warn`; an
 * own one that is any of these, or not `community`'s, is an error. `accept` and `warn` may be NULL.
 */
typedef void world_warn(void *context, const char *community, const struct error *e);
/* May this directory, own or foreign, which is good in itself and valid now, be used? The own one is asked about first. */
typedef bool world_accept(void *context, const struct directory *directory, struct error *e);
must_check bool world_load(struct world **out, struct bytes community, const char *own_path, const char *foreign_folder,
                           const struct verifier *operators, size_t operator_count, size_t threshold, int64_t now_ms, world_accept *accept,
                           world_warn *warn, void *context, struct error *e);
struct world *world_keep(struct world *world);
void world_release(struct world *world); /* NULL is allowed */

/*
 * Both own and foreign. Nothing is found at `now_ms` outside the own directory's dates (a gateway fails closed then), and a foreign
 * directory that is outside its own dates or its recognition's is not looked at.
 */
const struct directory_subsystem *world_find_subsystem(const struct world *w, const struct identifier *id, int64_t now_ms);
const struct directory_member *world_find_member(const struct world *w, const struct identifier *id, int64_t now_ms);
/*
 * The first that lists the pin, the own directory's before foreign ones. A community can list a pin that is another's: who a request
 * comes from is decided by the gateways of the member it names (directory_find_gateway_by_pin() in that member's directory).
 */
const struct directory_gateway *world_find_gateway_by_pin(const struct world *w, const uint8_t pin[PIN_SIZE], int64_t now_ms);
/* The directory of a community, own or recognised now; NULL when neither. */
const struct directory *world_find_community(const struct world *w, struct bytes community, int64_t now_ms);

/* The word of one trait, "state_organ"; and back. */
const char *directory_trait_word(uint32_t trait);
must_check bool directory_trait_parse(struct bytes word, uint32_t *trait);

/*
 * Appends the unsigned text of a directory, the one canonical form of docs/formats/directory.md; the result of parsing it equals `d`.
 * Used by `comity directory`. `d` may be put together by hand. ERROR_INPUT, with nothing appended, when it would not be read back.
 */
must_check bool directory_write(const struct directory *d, struct buffer *out, struct error *e);

#endif
