/* What the files of this part share: the gateway, its workers, and the snapshot of directory and policy that each exchange holds. */
#ifndef COMITY_GATEWAY_GATEWAY_INTERNAL_H
#define COMITY_GATEWAY_GATEWAY_INTERNAL_H

#include <pthread.h>

#include "crypto/secret.h"
#include "directory/directory.h"
#include "gateway/gateway.h"
#include "gateway/origins_internal.h"
#include "gateway/replay.h"
#include "gateway/sequences_internal.h"
#include "gateway/tally_internal.h"
#include "gateway/ways.h"
#include "policy/policy.h"
#include "policy/reason.h"
#include "rights/rights.h"

/* Directory and policy at one moment: immutable, shared by reference count, swapped whole. */
struct snapshot {
    _Atomic int reference_count;
    struct world *world;
    struct policy *policy;
    struct law *law;           /* the own community's, before the policy tightens it */
    struct law *rules;         /* the same as the policy tightens it: what is decided by */
    struct law **foreign_laws; /* one for each of world->foreign; NULL: a profile that we don't have */
    size_t foreign_law_count;
    struct tls *peer_tls;         /* towards other gateways, both ways */
    struct tls **application_tls; /* one a listener of applications; NULL: plain */
    size_t application_count;
    struct tls *log_tls;             /* listen.log's; NULL: plain, or no such listener */
    struct service_tls *service_tls; /* one a distinct trust setting of the policy's services */
    size_t service_tls_count;
    struct arena arena;
    struct bytes directory_text;           /* Comity-Directory */
    const struct directory_member *member; /* ourselves; NULL: not in the directory */
    const struct directory_gateway *gateway;
};
/* How services of one kind are called over TLS. */
struct service_tls {
    struct bytes trusted_path;
    struct tls *tls;
};
struct snapshot *snapshot_keep(struct snapshot *snapshot);
void snapshot_release(struct snapshot *snapshot); /* NULL is allowed */

/* Calls to the public service, of one worker: on threads of the pool, or waiting for one. Its loop's thread only. */
struct public_job;
struct public_calls {
    struct public_job *first, *last;
    unsigned waiting, running;
};

/* What a listening socket is there for. */
struct listener {
    struct worker *worker;
    const struct gateway_listener *config; /* NULL: for peers, or for readers of the log */
};

struct worker {
    struct gateway *gateway;
    unsigned number;
    pthread_t thread;
    bool is_running;
    uv_loop_t loop;
    uv_async_t wake;  /* the mailbox has entries */
    uv_async_t order; /* the gateway wants something: see orders */
    _Atomic unsigned orders;
    struct mailbox mailbox;
    const struct gateway_ways *ways;
    void *outside; /* the ways' */
    struct client *client;
    struct public_calls public_calls, peer_calls; /* of anybody, and of peers, who do not wait behind them */
    struct listener *listeners;                   /* peers' first, then applications', then the log's */
    struct server **servers;
    size_t server_count;
    size_t stopping;           /* of servers and client: still closing */
    bool is_stopping;          /* nothing new is begun */
    _Atomic bool is_drained;   /* it takes no new exchange */
    struct snapshot *snapshot; /* the worker's own reference */
    struct tally *tally;       /* what it counts for the figures; NULL: nobody wants them (a stepped gateway) */
    uv_sem_t started;
    struct error start_error; /* kind ERROR_NONE: it listens */
};
enum worker_order { WORKER_RELOAD = 1, WORKER_DRAIN = 2, WORKER_STOP = 4 };

/* Where a gateway finds its things: files, as its configuration names them (gateway.c), or what whoever steps it brings (stepped.c). */
struct gateway_places {
    bool (*open_evidence)(struct gateway *gateway, struct error *e); /* store, both disks, signer */
    bool (*open_others)(struct gateway *gateway, struct error *e);   /* the pseudonyms' secret, witnessing, mirroring */
    bool (*open_archive)(struct gateway *gateway, struct disk **out, struct error *e);
    /* All that it knows of the world; each directory is asked about by gateway_accept_directory(). */
    bool (*load_world)(struct gateway *gateway, struct world **out, struct error *e);
    /* The note of a directory that was loaded a moment ago. Heap: the caller frees. */
    bool (*read_note)(struct gateway *gateway, const struct directory *directory, uint8_t **data, size_t *size, struct error *e);
    bool (*load_tls)(struct gateway *gateway, struct snapshot *snapshot, struct error *e);
    bool (*ask_witnesses)(struct gateway *gateway, struct error *e); /* witnessing_start() */
};
extern const struct gateway_places gateway_files;

struct gateway {
    const struct gateway_config *config;
    const struct gateway_places *places;
    void *places_context;
    uv_loop_t *main_loop;
    struct store *store;
    struct disk *public_disk, *private_disk;
    struct signer *signer;
    struct log *log;
    struct committer *committer;
    struct consents *consents;
    struct uses *uses;
    struct exchange_finder *finder;
    struct rights *rights;
    struct erasure_log erasure_log;
    struct retention retention;
    struct checkpoint_cache *checkpoints;
    struct origins *origins;
    struct witnessing *witnessing; /* witnessing_internal.h */
    struct mirroring *mirroring;   /* mirroring_internal.h */
    struct sequences *sequences;
    struct replay *replay;
    uint8_t pseudonym_secret[SECRET_SIZE]; /* keys.pseudonym: the recipients' keys are made from it */
    bool has_pseudonym_secret;

    pthread_mutex_t lock; /* guards snapshot */
    struct snapshot *snapshot;

    struct worker *workers;
    size_t worker_count;
    struct server_group *peer_group; /* of the workers' listeners for peers: a peer has few connections, and each is much work */
    _Atomic bool is_draining, is_dead;
    _Atomic size_t requests; /* under way, in all workers */
    void (*on_dead)(void *context, const struct error *e);
    void *on_dead_context;

    uv_timer_t timer; /* the main loop's: dates, uses */
    bool has_timer;
    uv_work_t uses_work;
    bool is_indexing;
    uint64_t uses_root_us; /* when a root of the map of uses was last committed */
    uv_work_t oblige_work;
    bool is_obliging;
    uv_work_t prune_work;
    bool is_pruning, has_pruned; /* the second: the last one succeeded */
    uint64_t prune_after_ms;     /* of the main loop's clock */
    struct figures *figures;     /* figures_internal.h */
    bool was_valid, was_warned, was_late;
    uint64_t drain_until_ms; /* of the main loop's clock */
    void (*drained)(void *context);
    void *drained_context;
};

/* A reference to the newest snapshot. Any thread. */
struct snapshot *gateway_snapshot(struct gateway *gateway);
/* Is the own directory valid at this moment? */
bool snapshot_is_valid(const struct snapshot *snapshot, int64_t now_ms, struct error *e);
must_check bool snapshot_load(struct snapshot **out, struct gateway *gateway, struct error *e);
/* snapshot.c, of gateway_files. */
bool snapshot_load_world(struct gateway *gateway, struct world **out, struct error *e);
bool snapshot_load_tls(struct gateway *gateway, struct snapshot *snapshot, struct error *e);
/* grounds.c, of gateway_files. */
bool grounds_read_note(struct gateway *gateway, const struct directory *directory, uint8_t **data, size_t *size, struct error *e);
/* May this directory be used? Remembers it as the newest of its community. As world_accept: `context` is the gateway. */
bool gateway_accept_directory(void *context, const struct directory *directory, struct error *e);
/* Keeps directories and policy by digest, and logs a directory that is new to this log, before anything is decided on them. Blocks. */
must_check bool grounds_keep(struct gateway *gateway, const struct snapshot *snapshot, struct error *e);
/* The context for a service; NULL when its trust setting could not be loaded. */
struct tls *snapshot_service_tls(const struct snapshot *snapshot, const struct policy_service *service);

/*
 * Start and end, in their parts (gateway.c): an empty gateway; what comes before the workers; and before they end. Failing, whoever made it frees it. A
 * round of what runs in the background: ends of consents, counters, persons' lists.
 */
must_check bool gateway_make(struct gateway **out, const struct gateway_config *config, const struct gateway_places *places, void *context,
                             struct error *e);
must_check bool gateway_open(struct gateway *gateway, const struct committer_options *options, struct error *e);
/* Whatever still counts, in the log: numbers of requests, persons' lists, counters. */
void gateway_conclude(struct gateway *gateway);
void gateway_index(struct gateway *gateway);

must_check bool worker_start(struct worker *worker, struct gateway *gateway, unsigned number, struct error *e);
/* Any thread. */
void worker_tell(struct worker *worker, enum worker_order order);
void worker_join(struct worker *worker);

/* Metrics of the pipeline. */
void gateway_metrics_register(void);
/* How many ended so far; and how many were refused for this reason. Any thread. */
uint64_t gateway_counted(bool is_holder, bool is_refused);
uint64_t gateway_refused(enum reason reason);
void gateway_count_exchange(bool is_holder, enum reason reason, uint64_t duration_us);

#endif
