/*
 * What the cosigner's files share: its thread with rounds and results (cosigner.c), one submission (cosigner_call.c), and what comes of a witness that
 * says to know another history (cosigner_claim.c).
 */
#ifndef COMITY_WITNESS_COSIGNER_INTERNAL_H
#define COMITY_WITNESS_COSIGNER_INTERNAL_H

#include <pthread.h>
#include <uv.h>

#include "base/metrics.h"
#include "net/client.h"
#include "witness/cosigner.h"
#include "witness/url.h"

enum {
    COSIGNER_NOTE_BYTES_MAX = 64 * 1024,
    COSIGNER_TICK_MS = 100,
    COSIGNER_CALL_MS = 10000,
    COSIGNER_RESYNCS_MAX = 3,         /* answers 409 in one round: past it the witness has failed */
    COSIGNER_BACKOFF_FIRST_MS = 1000, /* doubled at each failure */
    COSIGNER_BACKOFF_LAST_MS = 300000,
    COSIGNER_AHEAD_MAX_S = 600, /* a cosignature further in the future is none */
};

/* Where one witness stands with the checkpoint of the round. */
enum cosigning_state { COSIGNING_DUE = 0, COSIGNING_CALLING, COSIGNING_SIGNED, COSIGNING_FAILED };

struct cosigning {
    struct cosigner *cosigner;
    const struct quorum_witness *witness;
    struct witness_url url;
    bool has_url;
    enum cosigning_state state;
    uint64_t known_size; /* what it cosigned last, as far as we know */
    bool is_known;       /* it told us so, or signed it: 0 is a guess before */
    uint64_t old_size;   /* that the call under way names */
    unsigned resyncs;    /* in this round */
    struct client_call *call;
    struct body *body;
    uint64_t deadline_us, retry_us;
    unsigned failures;  /* in a row */
    bool was_first;     /* answered or failed once */
    struct buffer line; /* its cosignature of the round's checkpoint */
    uint64_t time_s;
    bool is_peer; /* the address is one of a gateway in the directory */
    /* It says to know another history of our log: of so many entries, or (is_root) with another root of what we sent. */
    uint64_t claim_size;
    bool claim_is_root;
    bool is_asked_to_show; /* the call under way is for what would prove it */
    bool is_claiming;      /* it showed nothing, and nobody has said otherwise yet */
    bool is_outvoted;      /* others did: what it says without proof counts no more, until it cosigns again */
    uint64_t claim_us;
    struct metric *failed; /* may be NULL */
};

struct cosigner {
    struct cosigner_options options;
    pthread_t thread;
    bool has_thread;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_async_t wake;
    struct client *client;
    struct tls *tls; /* for https of strangers: the system's authorities. NULL: could not be made, see tls_fault */
    struct error tls_fault;
    struct cosigning *cosignings; /* one a witness of the policy, in its order */

    /* The round: the checkpoint that everybody is asked for. */
    struct buffer note; /* as published */
    struct bytes text;  /* what is signed of it */
    uint64_t size;
    uint8_t root[SHA256_SIZE];
    bool has_round;
    uint64_t round_us;
    uint64_t read_us; /* when the checkpoint was last looked for */
    bool was_written; /* the quorum was met and the file says so */
    size_t written_lines;
    bool is_late, has_write_fault, has_tile_fault;
    uint64_t behind_us; /* since when the published size is not cosigned; 0: it is */

    bool has_unasked; /* somebody in the policy has no address: a mirror */

    pthread_mutex_t lock; /* guards what follows */
    struct buffer wanted; /* the round's checkpoint, for those who offer */
    struct buffer offers; /* signature lines that are not looked at yet */
    pthread_cond_t changed;
    size_t first_count; /* witnesses that answered or failed once */
    size_t asked;
    size_t open_claims; /* of witnesses, without proof, that nobody has spoken against yet; `claim` says what the last one is */
    struct error claim;
    bool is_started; /* cosigner_wait() is over */
    bool is_denied, was_told;
    bool is_stopping;
    bool is_finishing, is_finished; /* the log is published for the last time; and everybody was asked about that */
    struct error denied;
    struct cosigner_status status;
};

/* Begins the submission of the round's checkpoint; its end is one of the two below, later. */
void cosigning_call(struct cosigning *c);
/* Sends a request to the witness, to its submission prefix and `path`; `done` as client_call() has it. */
must_check bool cosigning_send(struct cosigning *c, struct bytes method, const char *path, struct body *body, uint64_t answer_bytes_max,
                               client_done *done, struct error *e);
/* A call that takes too long. */
void cosigning_give_up(struct cosigning *c);

/* It cosigned: `line` and `time_s` are set. */
void cosigner_signed(struct cosigning *c);
/* It did not. `what` is a constant: for the one warning; `detail` may be NULL. Retried after a while. */
void cosigner_failed(struct cosigning *c, const char *what, const char *detail);
/* cosigner_offer.c: what was offered meanwhile; and the round's checkpoint, for those who offer. */
void cosigner_take_offers(struct cosigner *all);
void cosigner_tell_wanted(struct cosigner *all);

const char *cosigner_name(const struct cosigning *c);
/* Those that are failing, and do not claim anything, are called at once. */
void cosigner_hurry(struct cosigner *all);

/* cosigner_claim.c. It says to know a log of ours that we do not: of `size` entries, or (is_root) another root of what we sent. It is asked to show it. */
void cosigner_deny_unless_shown(struct cosigning *c, uint64_t size, bool is_root);
/* It was asked, and takes too long. */
void cosigner_show_nothing(struct cosigning *c);
/* Ends the log, or the claims, if what the others say allows. */
void cosigner_weigh(struct cosigner *all);
void cosigner_claim_metrics_register(void);

#endif
