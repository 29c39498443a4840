/* What the files of this part share: the plan, the stage, and its gateways. */
#ifndef COMITY_TORTURE_STAGE_INTERNAL_H
#define COMITY_TORTURE_STAGE_INTERNAL_H

#include "base/random.h"
#include "evidence/log.h"
#include "gateway/replay.h"
#include "torture/faulty_disk.h"
#include "torture/torture.h"
#include "witness/mirror.h"
#include "witness/witness.h"

enum {
    NODES = 3,
    EXCHANGES_MAX = 20000,
    LETTERS_MAX = 4096,
    QUEUE_MAX = 512,
    TEXT_MAX = 2048,
    RECEIPT_MAX = 8192,
    REPLAY_WINDOW_MS = 60 * 1000,
    PUBLISH_MS = 1000,
    HALF_HOUR_MS = 30 * 60 * 1000,
    CHECKPOINT_MAX = 64 * 1024,
};

/* ---- Dice: splitmix64, so that an action's fate hangs on its own seed alone and stays when others are left out ---- */

static inline uint64_t dice(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}
static inline uint64_t dice_below(uint64_t *state, uint64_t limit)
{
    return dice(state) % limit;
}

/* ---- The plan ---- */

enum action_kind {
    ACTION_ASK = 0,   /* an application asks `node` for something that `peer` holds */
    ACTION_WAIT,      /* time passes: `value` ms */
    ACTION_REST,      /* much time passes: `value` half hours */
    ACTION_REPLAY,    /* somebody who listened sends an old request to its holder again */
    ACTION_KILL,      /* the process ends at its `value`-th call of the disk from now; what it wrote stays in the page cache */
    ACTION_CUT,       /* the same, and the power fails: what was not synced is kept, dropped, torn or garbled */
    ACTION_START,     /* a stopped gateway is started */
    ACTION_FULL,      /* its disk has `value` bytes left */
    ACTION_ROOM,      /* and room again */
    ACTION_FAULT,     /* the `value`-th call of its disk from now fails: an errno by the seed */
    ACTION_SLOW,      /* its next batches take `value` ms to sync */
    ACTION_PART,      /* the line between `node` and `peer` is cut */
    ACTION_JOIN,      /* all lines work again */
    ACTION_JUMP,      /* its wall clock jumps by `value` half hours, either way by the seed: so several can be wrong alike */
    ACTION_SET_CLOCK, /* somebody sets it right */
    ACTION_COSIGN,    /* its newest checkpoint goes to the other gateways' witnesses */
    ACTION_MIRROR,    /* its published log goes to the other gateways' mirrors */
    ACTION_RECOVER,   /* a stopped one takes back from a mirror what it lost, as comity log recover does */
    ACTION_BACKUP,    /* somebody copies its folders while it is stopped or running */
    ACTION_RESTORE,   /* it is stopped and its folders are replaced by that copy */
    ACTION_ROT,       /* one bit of a file of a stopped gateway turns over */
    ACTION_KINDS,
};
struct action {
    enum action_kind kind;
    uint8_t node, peer;
    uint32_t value;
    uint64_t seed;
};
/* Fills `actions` from the seed. */
void plan_draw(uint64_t seed, struct action *actions, size_t count);
void plan_write(const struct action *action, struct buffer *out);

/* ---- Exchanges ---- */

enum entry_kind { ENTRY_REQUEST = 0, ENTRY_DECISION, ENTRY_ANSWER, ENTRY_RECEIVED, ENTRY_KINDS };
struct entry_seen {
    bool is_durable; /* its gateway was told so */
    uint64_t index;
    uint8_t commitment[SHA256_SIZE];
};
struct exchange {
    uint64_t number; /* the action's seed */
    uint8_t consumer, holder;
    bool is_unsafe; /* its method is not safe: the service may be called once at most, and only behind durable evidence */
    unsigned served;
    bool is_over, is_acknowledged;
    int64_t created_s; /* by the consumer's clock */
    char id[UUID_TEXT_SIZE];
    struct bytes texts[ENTRY_KINDS]; /* statements; heap */
    struct bytes receipts[2];        /* the request's, the answer's; heap */
    struct entry_seen entries[ENTRY_KINDS];
};

/* ---- Gateways ---- */

struct waiting {
    uint32_t exchange;
    enum entry_kind kind;
};
struct root_seen {
    bool is_known;
    uint8_t root[SHA256_SIZE];
};
/* What a witness said. */
struct cosigned {
    uint64_t size;
    uint8_t root[SHA256_SIZE];
};
struct node {
    struct stage *stage;
    uint8_t number;
    struct signer *signer;
    struct disk *public, *private; /* in memory */
    struct faults faults;
    struct faulty_disk faulty_public, faulty_private;
    struct log *log; /* NULL: stopped */
    struct replay *replay;
    struct waiting queue[QUEUE_MAX];
    size_t queued;
    int64_t commit_at_ms; /* 0: nothing to commit */
    uint32_t slow_ms;
    int64_t publish_at_ms;
    int64_t clock_shift_ms;
    bool loses_power; /* when the fault that is set comes */
    bool ends_at_fault;
    uint64_t end_seed;

    /* What it has told others, for ever: by the size of its log. */
    struct root_seen *roots;
    size_t root_capacity;
    uint64_t promised; /* entries below it were acknowledged to somebody */

    struct disk *backup_public, *backup_private;
    bool was_restored; /* and no witness knew better: it may fork, and then somebody must notice */

    /* The witness that it is for others: on a disk that nobody puts back. */
    struct disk *witness_disk;
    struct faulty_disk faulty_witness;
    struct signer *cosigner;
    struct watch *watch;
    struct witness *witness;
    struct cosigned told[NODES]; /* what it cosigned last of each other log, by what it answered */

    /* The mirror that it is for others. */
    struct disk *mirror_disk, *copies[NODES];
    struct faulty_disk faulty_mirror, faulty_copies[NODES];
    struct signer *mirror_key;
    struct mirror *mirror;

    uint64_t cosigned[NODES]; /* what each other witness cosigned last of its own log, as it remembers */
};

/* A line to a mirror while a log is pushed. */
struct push_line {
    struct node *mirror;
    uint64_t random;
};

struct letter {
    int64_t due_ms;
    uint64_t order;
    uint32_t exchange;
    bool is_answer;
};

struct stage {
    struct torture_options options;
    struct torture_result *result;
    struct buffer *trace; /* may be NULL */
    int64_t now_ms;
    const struct node *speaking; /* whose clock is read */
    uint64_t random;
    struct node nodes[NODES];
    bool is_parted[NODES][NODES];
    struct checkpoint_cache *checkpoints;
    /* The directory: every gateway knows every other. */
    struct directory_gateway gateways[NODES];
    struct directory_member member;
    struct directory directory;
    struct world known;
    struct exchange *exchanges;
    size_t exchange_count;
    struct letter *letters;
    size_t letter_count;
    uint64_t letter_order;
    size_t action; /* under way */
};

/* An invariant is broken. The first one counts. */
__attribute__((format(printf, 2, 3))) void stage_break(struct stage *stage, const char *what, ...);
/* Mixes something that happened into the run's digest. */
void stage_mix(struct stage *stage, uint64_t value);
__attribute__((format(printf, 2, 3))) void stage_tell(struct stage *stage, const char *what, ...);
must_check bool stage_make(struct stage **out, const struct torture_options *options, struct torture_result *result, struct buffer *trace,
                           struct error *e);
void stage_free(struct stage *stage);
void stage_act(struct stage *stage, const struct action *action);
/* Everything works again: faults end, gateways start, and time passes until nothing moves. */
void stage_settle(struct stage *stage);
void stage_send(struct stage *stage, uint32_t exchange, bool is_answer);

/* ---- node.c ---- */

must_check bool node_make(struct node *node, struct stage *stage, uint8_t number, struct error *e);
void node_clear(struct node *node);
/* False when it refuses to start; `e` says why. */
must_check bool node_start(struct node *node, struct error *e);
/* Its process ends here and now. */
void node_end(struct node *node, bool loses_power, uint64_t seed);
/* Ends it if a disk fault that it can't live with, or the planned end, has come. */
void node_look(struct node *node);
void node_submit(struct node *node, uint32_t exchange, enum entry_kind kind);
void node_commit(struct node *node);
void node_publish(struct node *node);
void node_ask(struct node *node, uint8_t holder, uint64_t number);
void node_take_request(struct node *node, uint32_t exchange);
void node_take_answer(struct node *node, uint32_t exchange);

/* ---- cosign.c ---- */

must_check bool cosign_make(struct node *node, struct error *e);
void cosign_clear(struct node *node);
must_check bool cosign_start(struct node *node, struct error *e);
void cosign_end(struct node *node);
/* Its newest published checkpoint goes to every witness that can be reached. */
void cosign_ask(struct node *node);
/* The newest size of `node`'s log that a witness knows that can be reached now. */
uint64_t cosign_newest(const struct node *node);
/* It was started: its witness knows all that it ever cosigned. */
void cosign_check(struct node *node);

/* ---- mirrors.c ---- */

must_check bool mirrors_make(struct node *node, struct error *e);
void mirrors_clear(struct node *node);
must_check bool mirrors_start(struct node *node, struct error *e);
void mirrors_end(struct node *node);
void mirrors_cut_power(struct node *node, uint64_t seed);
/* Its published log goes to every mirror that can be reached, as far as the lines hold. */
void mirrors_push(struct node *node, uint64_t seed);
/* It was started: the copies that it keeps are whole, and of the logs as they are. */
void mirrors_check(struct node *node);
/* A stopped gateway takes back from a mirror what its log signed and lost. */
void mirrors_recover(struct node *node);
/* Heals a stopped gateway's log; true: nothing is left to be said. */
must_check bool mirrors_heal(struct node *node);

/* ---- check.c ---- */

/* A checkpoint was signed: no size has two roots. */
void check_signed(struct node *node, uint64_t size, const uint8_t root[SHA256_SIZE]);
/* It was started: all that it ever acknowledged is there. */
void check_started(struct node *node);
/* Is this file of a stopped gateway part of what its log states: is the log whole, and would be damaged without the file? */
bool check_is_vouched_for(struct node *node, struct disk *disk, const char *path);
/* The log was healed: it verifies, and all that was acknowledged is there. */
void check_healed(struct node *node);
/* A bit of such a file turned over: log_verify() must say so. */
void check_rotten(struct node *node, const char *path);
/* At the end, when everything works again. */
void check_all(struct stage *stage);

#endif
