/*
 * Has our own checkpoints cosigned: a thread of its own submits the newest published one to each witness of the policy, and when a quorum has
 * cosigned it, it becomes `checkpoint.cosigned` in the public folder. No message ever waits for it, and whatever a witness does, the
 * worst that happens is that the cosigned checkpoint grows old, which a metric and one warning say.
 *
 * But for one thing: a witness that has cosigned more of our log than we have, or another root of a size. Then this log is a restored backup or a
 * second copy of the machine, and signing on would make a second history: whoever runs the log is told to end. It must show a checkpoint that our own
 * key signed. One that can't is believed only as long as those who cosign what we have are too few (docs/decisions/0012), and a gateway of the
 * directory, which could show it, not at all.
 */
#ifndef COMITY_WITNESS_COSIGNER_H
#define COMITY_WITNESS_COSIGNER_H

#include "base/disk.h"
#include "evidence/quorum.h"
#include "net/tls.h"

#define COSIGNED_PATH "checkpoint.cosigned"

/* A gateway of the directory, by whose pins a witness is known. */
enum { COSIGNER_PINS_MAX = 8 };
struct cosigner_peer {
    struct tls *tls;
    uint8_t pins[COSIGNER_PINS_MAX][PIN_SIZE];
    size_t pin_count;
    void *owner; /* the callback's: keeps `tls` until it is released */
};

/* Makes the series known before anything is cosigned; also done by cosigner_start(). */
void cosigner_metrics_register(void);

struct cosigner;
struct cosigner_options {
    struct disk *public;         /* the log's public folder */
    const struct verifier *log;  /* our log's key */
    const struct quorum *policy; /* these three are borrowed */
    /* How many entries are durable in the log. Any thread. */
    uint64_t (*log_size)(void *context);
    /* Does HOST:PORT stand in the directory as a gateway's? Then it is spoken to as one. `release` after each true. May be NULL. */
    bool (*find_peer)(void *context, struct bytes address, struct cosigner_peer *out);
    void (*release_peer)(void *context, struct cosigner_peer *peer);
    /* This log is not the newest of its name: the process must end. Called at most once, on the cosigner's thread, and only after
     * cosigner_wait() has returned. */
    void (*on_rolled_back)(void *context, const struct error *e);
    void *context;
    uint32_t call_ms; /* how long one call may take; 0: 10 s */
    bool only_asks;   /* `checkpoint.cosigned` is not written: for commands that look */
};
/* ERROR_DENIED when `checkpoint.cosigned` itself is of more entries than the log has. Once a process: its metrics stay. */
must_check bool cosigner_start(struct cosigner **out, const struct cosigner_options *options, struct error *e);
/*
 * Waits until each witness with an address has answered or failed once, and enough have spoken against what one claims without proof, at most
 * `timeout_ms`. ERROR_DENIED: one of them knows more of our log than we do, or says so and is not outvoted; `e` says what to do. True also when nobody could be asked: that is said in the diagnostics.
 */
must_check bool cosigner_wait(struct cosigner *cosigner, int64_t timeout_ms, struct error *e);
/*
 * After the log's last publication: waits until each witness has answered for that checkpoint or failed, at most `timeout_ms`. So a copy of a log
 * that was ended in order is older than what the witnesses know. NULL is allowed.
 */
void cosigner_finish(struct cosigner *cosigner, int64_t timeout_ms);
void cosigner_stop(struct cosigner *cosigner); /* NULL is allowed */

/*
 * For cosigners that are not asked, since they sign by another way: mirrors, once they hold everything. They stand in the policy without an
 * address. Any thread.
 */
/* The checkpoint that cosignatures are collected for now, into the empty `note`; false: none yet, or nobody in the policy is without an address. */
bool cosigner_wants(struct cosigner *cosigner, struct buffer *note);
/* Signature lines of such a cosigner. Those over that checkpoint, by keys of the policy, count; all others are passed over. */
void cosigner_offer(struct cosigner *cosigner, struct bytes lines);

/* What was found out so far. Any thread. */
struct cosigner_status {
    size_t asked, answered; /* witnesses with an address; those of them that are not failing */
    uint64_t size, time_s;  /* of the newest cosigned checkpoint; 0: none yet */
};
struct cosigner_status cosigner_status(struct cosigner *cosigner);

#endif
