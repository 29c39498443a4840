/*
 * gateway.yaml: what one gateway is and where it finds its things (docs/reference/configuration.md). Paths in it are relative to the
 * gateway's folder; here they are resolved. Never changes once loaded.
 */
#ifndef COMITY_GATEWAY_CONFIG_H
#define COMITY_GATEWAY_CONFIG_H

#include "consent/consent.h"
#include "base/arena.h"
#include "base/diag.h"
#include "crypto/key.h"
#include "directory/identifier.h"
#include "net/message.h"

enum { GATEWAY_CONFIG_BYTES_MAX = 1024 * 1024, GATEWAY_WORKERS_MAX = 256, GATEWAY_MIRRORS_MAX = 16, GATEWAY_MIRRORED_MAX = 1024 };

/* Where applications come in. */
struct gateway_listener {
    const char *address;          /* "127.0.0.1:8080", "[::1]:8080" */
    const char *certificate_path; /* PEM; NULL: plain HTTP */
    const char *key_path;
    bool has_subsystem;          /* who comes in here speaks for this subsystem of ours, and for no other */
    struct identifier subsystem; /* four parts */
    bool allow_plain_remote;
};

struct gateway_config {
    struct arena arena; /* owns everything below */
    const char *folder; /* as it was given: "." or a path */
    const char *file;   /* FOLDER/gateway.yaml, for messages */

    consent_listener *consent_listener; /* of whoever starts the gateway, and in no file; NULL: none */

    struct identifier member; /* three parts */
    struct bytes member_text; /* encoded: COMMUNITY/CLASS/MEMBER */
    struct bytes code;        /* the gateway's own, decoded: the last part of X-Road-Security-Server */
    struct bytes origin;      /* COMMUNITY/CLASS/MEMBER/CODE encoded, "+" too: the statement key's name and the log's origin */

    struct {
        const char *file;           /* our community's directory, a signed note */
        const char *foreign_folder; /* COMMUNITY.note of those that it recognises */
        struct verifier *operators; /* none: gateway_config_check_complete() fails */
        size_t operator_count;
        size_t threshold;
        int64_t warn_before_ms;  /* warn this long before the directory ends */
        unsigned operators_line; /* for messages */
    } directory;

    const char *statement_key_path;
    const char *tls_key_path;
    const char *certificate_path;
    const char *witness_key_path; /* cosigns others' checkpoints; need not be there */
    const char *store_url;        /* "sqlite:/path" */
    const char *log_folder;       /* the public part: may be served by any web server */
    const char *records_folder;   /* the private part */
    int64_t log_retention_ms;     /* how long entry bundles are kept at least */
    const char *archive_folder;   /* directory notes and policies by digest: what decisions stood on */
    const char *witness_folder;   /* what we cosigned for others, and proofs of equivocation */
    const char *witnesses_file;   /* who cosigns our own checkpoints (C2SP tlog-policy); NULL: nobody */
    const char **mirrors;         /* log.mirrors: submission prefixes of mirrors that our log is pushed to */
    size_t mirror_count;

    const char *mirror_key_path; /* keys.mirror */
    const char *pseudonym_key_path;
    const char *mirrors_folder; /* copies of others' logs */
    struct bytes *mirrored;     /* origins whose logs are mirrored here */
    size_t mirrored_count;
    bool mirrors_peers; /* or all that the directories name */
    uint64_t mirror_bytes_max;
    const char *lock_path; /* who holds the lock on this file owns the log */

    const char *peers_address;
    struct gateway_listener *applications;
    size_t application_count;
    struct gateway_listener *log_listener; /* the public service for anybody; NULL: none */
    struct gateway_listener *api_listener; /* the REST API; NULL: none */
    const char *api_path;                  /* api.yaml: who may come to it */
    const char *management_address;
    const char *control_path; /* unix socket */

    struct net_limits limits; /* complete: no zeros */
    int64_t replay_window_ms; /* how far a statement's time may be from ours, either way */
    int64_t witness_wait_ms;  /* how long a start waits for what the witnesses know of our log */
    int64_t drain_ms;         /* how long running exchanges may take once we are told to stop */

    enum diag_format diag_format;
    enum diag_level diag_level;
    size_t consent_cache; /* records of consents kept in memory */
    unsigned workers;     /* 1 to GATEWAY_WORKERS_MAX; what the file calls 0 is the number of CPUs here */
    bool xroad_is_77;     /* X-Road-Error in the form of 7.7 instead of 7.8 */
};

/*
 * Reads FOLDER/gateway.yaml. Errors (ERROR_INPUT): "FOLDER/gateway.yaml:LINE: what is wrong", and what is allowed. An absent file is
 * ERROR_ABSENT. Whether the files that it names are there is not looked at. On failure *out is NULL.
 */
must_check bool gateway_config_load(struct gateway_config **out, const char *folder, struct error *e);
/* The same from memory; `file` names it in messages. */
must_check bool gateway_config_parse(struct gateway_config **out, struct bytes yaml, const char *folder, const char *file, struct error *e);
void gateway_config_free(struct gateway_config *config); /* NULL is allowed */

/* What a gateway needs to run and a command may do without: at least `threshold` operators' keys. */
must_check bool gateway_config_check_complete(const struct gateway_config *config, struct error *e);

/* The signed origin's text for a member and a gateway's code, as in `origin` above. */
void gateway_config_write_origin(struct buffer *out, const struct identifier *member, struct bytes code);

/* "64MiB", "512KiB", "1GiB", "100": a whole number of bytes. */
must_check bool size_parse(struct bytes text, uint64_t *size);
/* "127.0.0.1:8080" or "[::1]:8080": a numeric address and a port from 0 to 65535. `is_loopback` may be NULL. */
must_check bool address_parse(struct bytes text, bool *is_loopback);

#endif
