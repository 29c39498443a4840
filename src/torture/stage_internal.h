/* What the files of this part share: the plan, the stage, its gateways, and what goes between them. */
#ifndef COMITY_TORTURE_STAGE_INTERNAL_H
#define COMITY_TORTURE_STAGE_INTERNAL_H

#include "base/random.h"
#include "consent/consent.h"
#include "evidence/log.h"
#include "gateway/stepped.h"
#include "torture/faulty_disk.h"
#include "torture/torture.h"
#include "witness/mirror.h"
#include "witness/witness.h"

enum {
    NODES = 3,
    PERSONS = 4,
    EXCHANGES_MAX = 20000,
    LETTERS_MAX = 4096,
    LANE_MAX = 64,
    OVERHEARD_MAX = 128,
    REPLAY_WINDOW_MS = 60 * 1000,
    HALF_HOUR_MS = 30 * 60 * 1000,
    CHECKPOINT_MAX = 64 * 1024,
    POLICIES = 4,
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
    ACTION_REPLAY,    /* somebody who listened sends an old request to its holder again */
    ACTION_KILL,      /* the process ends at its `value`-th call of the disk from now; what it wrote stays in the page cache */
    ACTION_CUT,       /* the same, and the power fails: what was not synced is kept, dropped, torn or garbled */
    ACTION_STOP,      /* it ends in order */
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
    /* What goes on at one gateway behind one another, as on the database's threads, while messages come and go: */
    ACTION_GIVE,      /* a person consents at `node` to what `peer` may get, with limits and an end by the seed */
    ACTION_WITHDRAW,  /* a person takes a consent back */
    ACTION_LEAVE,     /* a person takes all consents back */
    ACTION_PAUSE,     /* a person, or one consent, is paused */
    ACTION_RESUME,    /* and goes on */
    ACTION_NOTICE,    /* a new revision of a notice is published */
    ACTION_POLICY,    /* another policy is applied, and everything read again */
    ACTION_DIRECTORY, /* the operator signs a new directory, and it is read */
    ACTION_TICK,      /* a round of the background */
    ACTION_ERASE,     /* a person is erased from log and database */
    ACTION_PRUNE,     /* old bundles go */
    ACTION_KINDS,
};
struct action {
    enum action_kind kind;
    uint8_t node, peer;
    uint32_t value;
    int64_t at_ms; /* when; ascending */
    uint64_t seed;
};
/* Fills `actions` from the seed. */
void plan_draw(uint64_t seed, struct action *actions, size_t count);
void plan_write(const struct action *action, struct buffer *out);
const char *plan_name(enum action_kind kind);
/* Does it wait behind others at its gateway? */
bool plan_is_in_lane(enum action_kind kind);

/* ---- Exchanges, as their applications see them ---- */

struct exchange {
    uint64_t number; /* the action's seed: it goes with every message of the exchange */
    uint8_t consumer, holder, person;
    bool is_about_person;
    bool is_unsafe; /* its method is not safe: the service may be called once at most, and only behind durable evidence */
    unsigned served, answers;
    bool is_over;         /* answered, or its connection failed */
    bool is_acknowledged; /* answered with what the service said */
    uint8_t released;     /* bits of CATEGORY_*, as the answer has them */
    char id[UUID_TEXT_SIZE];
};
enum { CATEGORY_NAME = 0, CATEGORY_HEALTH, CATEGORIES };
extern const char *const category_iris[CATEGORIES];

/* ---- Messages ---- */

/* A call that a gateway made, of another gateway or of a service. */
struct call {
    struct call *next; /* of all that ever were */
    struct node *node;
    unsigned generation;
    bool is_waiting;
    client_done *done;
    void *context;
};
enum letter_kind {
    LETTER_REQUEST = 0, /* reaches the gateway `node` */
    LETTER_SERVICE,     /* reaches the service of `node` */
    LETTER_ANSWER,      /* reaches who called */
    LETTER_FAILURE,     /* the call fails */
    LETTER_JOB,         /* of the database's threads */
};
/* Something that happens to somebody later. Lives in its own arena. */
struct letter {
    struct arena arena;
    enum letter_kind kind;
    int64_t due_ms;
    uint64_t order;
    struct node *node, *from;
    unsigned generation; /* of the node, of a job */
    struct call *call;   /* NULL: nobody waits */
    struct bytes method, target, authority, preface, body;
    struct fields fields;
    unsigned status;
    enum client_failure failure;
    struct gateway_job *job;
};

/* ---- Gateways ---- */

struct root_seen {
    bool is_known;
    uint8_t root[SHA256_SIZE];
};
/* What a witness said. */
struct cosigned {
    uint64_t size;
    uint8_t root[SHA256_SIZE];
};
struct model;
struct node {
    struct stage *stage;
    uint8_t number;
    char member[32], origin[48], address[32];
    uint8_t name_storage[64];
    struct gateway_config config;
    struct signer *signer;
    struct disk *public, *private, *store, *archive; /* in memory */
    struct faults faults;
    struct faulty_disk faulty_public, faulty_private, faulty_store, faulty_archive;
    struct stepped *gateway; /* NULL: stopped */
    struct log *log;         /* its; NULL: it is stopped, or ending */
    unsigned generation;     /* counts its processes */
    unsigned depth;          /* calls into it that are on the stack */
    bool is_ending, is_draining, has_dead_log, is_to_be_put_back;
    bool loses_power; /* when it ends by the fault that is set */
    bool ends_at_fault, cuts_power;
    uint64_t end_seed, cut_seed;
    int64_t wanted_at_ms; /* when its committer got something to do; 0: it has nothing */
    uint32_t slow_ms;
    int64_t clock_shift_ms;
    unsigned policy;

    struct action lane[LANE_MAX];
    size_t lane_count;
    bool is_busy; /* with the first of it */

    /* What it has told others, for ever: by the size of its log. */
    struct root_seen *roots;
    size_t root_capacity;
    uint64_t promised; /* entries below it were acknowledged to somebody */
    struct model *model;

    struct disk *backup_public, *backup_private, *backup_store, *backup_archive;
    bool was_restored; /* and no witness knew better: it may fork, and then somebody must notice */

    /* The witness that it is for others: on a disk that nobody puts back. */
    struct disk *witness_disk;
    struct faulty_disk faulty_witness;
    struct signer *cosigner;
    struct watch *watch;         /* the gateway's */
    struct witness *witness;     /* likewise */
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

struct stage {
    struct torture_options options;
    struct torture_result *result;
    struct buffer *trace; /* may be NULL */
    const struct action *actions;
    size_t action_count, next_action;
    int64_t begun_ms; /* what the actions' times count from */
    int64_t now_ms;
    const struct node *speaking; /* whose clock is read */
    uint64_t random;
    struct node nodes[NODES];
    bool is_parted[NODES][NODES];
    /* The community: every gateway knows every other. */
    struct signer *operator;
    struct buffer note; /* of the newest directory */
    struct world *known;
    uint64_t serial;
    struct exchange *exchanges;
    size_t exchange_count;
    struct call *calls;
    struct letter **letters;
    size_t letter_count;
    uint64_t order;
    struct letter *overheard[OVERHEARD_MAX]; /* requests between gateways: a ring */
    size_t overheard_count;
    size_t action; /* under way */
};

/* An invariant is broken. The first one counts. */
__attribute__((format(printf, 2, 3))) void stage_break(struct stage *stage, const char *what, ...);
/* Mixes something that happened into the run's digest. */
void stage_mix(struct stage *stage, uint64_t value);
__attribute__((format(printf, 2, 3))) void stage_tell(struct stage *stage, const char *what, ...);
must_check bool stage_make(struct stage **out, const struct torture_options *options, const struct action *actions, size_t count,
                           struct torture_result *result, struct buffer *trace, struct error *e);
void stage_free(struct stage *stage);
/* All actions, and what follows from them. */
void stage_run(struct stage *stage);
/* Everything works again: faults end, gateways start, and time passes until nothing moves. */
void stage_settle(struct stage *stage);
/* The next thing that is due until `until_ms` happens; false: there is none. */
bool stage_step(struct stage *stage, int64_t until_ms);
/* Memory, or the end: a simulation that is out of memory can't go on. */
void *stage_must(void *memory);

/* ---- community.c ---- */

must_check bool community_make(struct stage *stage, struct error *e);
void community_clear(struct stage *stage);
/* The operator signs a directory with the next serial. */
must_check bool community_sign(struct stage *stage, struct error *e);
must_check bool community_configure(struct node *node, struct error *e);
/* The policy of a gateway, one of POLICIES. */
void community_write_policy(const struct node *node, unsigned variant, struct buffer *out);
/* The notice on what `recipient` may get of `holder`; its text changes with `wording`. */
json_t *community_notice(const struct node *holder, unsigned recipient, unsigned wording);
void community_notice_id(unsigned recipient, char out[16]);
void community_person(unsigned person, char out[16]);

/* ---- node.c ---- */

must_check bool node_make(struct node *node, struct stage *stage, uint8_t number, struct error *e);
void node_clear(struct node *node);
/* False when it refuses to start; `e` says why. */
must_check bool node_start(struct node *node, struct error *e);
/* Its process ends here and now; what is under way in it fails, and leads nowhere. */
void node_end(struct node *node, bool loses_power, uint64_t seed);
/* Somebody copies its folders; and puts the copy in the place of what it has, which ends it: what a careless operator does. */
void node_back_up(struct node *node);
void node_restore(struct node *node);
/* Every call into a gateway stands between these. Leaving, it ends if a fault that it can't live with, or the planned end, has come. */
void node_enter(struct node *node);
void node_leave(struct node *node);
/* When its log has something to do. */
int64_t node_due_ms(struct node *node);
void node_step(struct node *node);

/* ---- line.c ---- */

extern const struct gateway_ways line_ways; /* of a gateway whose context is its node */
void line_ask(struct node *node, uint8_t holder, uint64_t number);
void line_deliver(struct stage *stage, struct letter *letter);
/* A request that was seen on the line comes again: which, by the seed. */
void line_replay(struct stage *stage, uint64_t seed);
/* All calls and jobs of an ending process fail. */
void line_break(struct node *node);
void letter_free(struct letter *letter);

/* ---- lane.c ---- */

/* The first action of the lane is done, and waits inside. */
void lane_run(struct node *node);
/* What must be there before anything else: births, notices, a policy. */
must_check bool lane_prepare(struct node *node, struct error *e);

/* ---- model.c: what the log says, read by somebody who remembers all that was acknowledged ---- */

must_check bool model_make(struct model **out);
void model_free(struct model *model);
/* Reads on to the end of the log. */
void model_follow(struct node *node);
/* Nothing that it knew counts any more: the log was put back. */
void model_forget(struct node *node);
/* An act was acknowledged to a person: its event must be there, and stay. */
void model_promise(struct node *node, const struct consent_receipt *receipt, const char *event);
/* An application got an answer with data. */
void model_acknowledge(struct stage *stage, const struct exchange *x);
/* The service is called by a method that is not safe: what permitted it is durable. */
void model_expect_decision(struct node *node, const struct field *id);
/* It was started, or nothing moves: log, database and counters say the same. */
void model_compare(struct node *node);
/* Somebody was erased: a pause or restriction goes with what else was known. */
void model_forget_person(struct node *node, struct bytes person);
/* Everything that this person had given was taken back, and that was acknowledged. */
void model_promise_person(struct node *node, struct bytes person);
/* A record of this log that is given or paused, by the seed; false: there is none. */
bool model_pick_record(struct node *node, uint64_t seed, char id[CONSENT_ID_SIZE]);

/* ---- cosign.c ---- */

must_check bool cosign_make(struct node *node, struct error *e);
void cosign_clear(struct node *node);
/* Its newest published checkpoint goes to every witness that can be reached. */
void cosign_ask(struct node *node);
/* The newest size of `node`'s log that a witness knows that can be reached now. */
uint64_t cosign_newest(struct node *node);
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
/* What an application got. */
void check_answer(struct node *node, struct exchange *x, unsigned status, const struct fields *fields, struct bytes body);
/* What goes to another gateway: a refusal has no data. */
void check_sent(struct node *node, const struct letter *letter);
/* Is this file of a stopped gateway part of what its log states: is the log whole, and would be damaged without the file? */
bool check_is_vouched_for(struct node *node, struct disk *disk, const char *path);
/* The log was healed: it verifies, and all that was acknowledged is there. */
void check_healed(struct node *node);
/* A bit of such a file turned over: log_verify() must say so. */
void check_rotten(struct node *node, const char *path);
/* At the end, when everything works again. */
void check_all(struct stage *stage);

#endif
