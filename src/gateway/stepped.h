/*
 * A whole gateway without socket, thread, timer or file of its own: the same tables of steps, log, consents and database as gateway_start()'s, on disks,
 * keys and ways that its maker brings, who also says when what goes on. One thread. For a simulation (docs/torture.md).
 */
#ifndef COMITY_GATEWAY_STEPPED_H
#define COMITY_GATEWAY_STEPPED_H

#include "gateway/gateway.h"
#include "gateway/ways.h"
#include "witness/watch.h"
#include "witness/witness.h"

struct stepped;
/* All is borrowed and outlives the gateway. Disks must bear disk_free(), as one around another does (torture/faulty_disk.h). */
struct stepped_options {
    const struct gateway_config *config; /* paths in it are not looked at */
    struct disk *store;                  /* the database */
    struct disk *public, *private, *witness, *archive;
    struct signer *signer, *witness_signer;
    const uint8_t *pseudonym_secret;       /* SECRET_SIZE */
    struct world *(*world)(void *context); /* one reference, the caller's */
    struct bytes (*note)(void *context, const struct directory *directory);
    /* Before anything is appended: is this log as large as its witnesses know it? False: it does not start, and `e` says why. */
    bool (*ask_witnesses)(void *context, uint64_t size, struct error *e);
    const struct gateway_ways *ways; /* called with `context` */
    /* Whoever waits for an entry of the log calls it, again and again: it calls stepped_step(), among whatever else happens meanwhile. */
    void (*turn)(void *context);
    void (*on_dead)(void *context, const struct error *e); /* the log has failed: the process would end */
    void *context;
};
/* What gateway_start() does: recovers, logs its start, and is there. On failure *out is NULL. */
must_check bool stepped_start(struct stepped **out, const struct stepped_options *options, struct error *e);
/* No request is under way, and no job. NULL is allowed. */
void stepped_free(struct stepped *stepped);

/* A whole request of an application, or of a peer. It is answered by ways->answer(), once, which frees it. */
void stepped_take(struct stepped *stepped, bool is_peer, struct server_request *request);
/* How long until the log has something to do, in microseconds; UINT64_MAX: not before something is submitted. */
uint64_t stepped_due_us(const struct stepped *stepped);
/* It does that, and the exchanges go on whose entries came back. */
void stepped_step(struct stepped *stepped);
size_t stepped_request_count(const struct stepped *stepped);

/* As gateway_reload(). May wait for the log, as the next two: never one inside another's wait. */
must_check bool stepped_reload(struct stepped *stepped, struct error *e);
/* A round of what runs in the background. */
void stepped_index(struct stepped *stepped);
/* What an end in order logs before the process ends. */
void stepped_conclude(struct stepped *stepped);

struct gateway *stepped_gateway(const struct stepped *stepped);
struct log *stepped_log(const struct stepped *stepped);
struct watch *stepped_watch(const struct stepped *stepped);
struct witness *stepped_witness(const struct stepped *stepped);

#endif
