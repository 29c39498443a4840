/*
 * Consents: a person's decision on who may get which categories for which purpose. The state machine is pure; records are in the
 * store; what was decided is in the evidence log. A withdrawal is linearizable: once consent_withdraw() has returned, no later
 * release happens on that consent (and none stands behind it in the log).
 */
#ifndef COMITY_CONSENT_CONSENT_H
#define COMITY_CONSENT_CONSENT_H

#include "base/arena.h"
#include "consent/notice.h"
#include "crypto/hash.h"
#include "evidence/committer.h"
#include "law/law.h"
#include "store/store.h"

/* The states of reference consent-standards 6.3. Zero is "none"; only CONSENT_GIVEN permits. Numbers are in the store. */
enum consent_state {
    CONSENT_NONE = 0,
    CONSENT_REQUESTED,
    CONSENT_DEFERRED,
    CONSENT_GIVEN,
    CONSENT_PAUSED,
    CONSENT_REFUSED,
    CONSENT_WITHDRAWN,
    CONSENT_REVOKED,
    CONSENT_EXPIRED,
    CONSENT_SUPERSEDED,
    CONSENT_INVALIDATED,
};
enum consent_event {
    CONSENT_EVENT_REQUEST = 0,
    CONSENT_EVENT_GIVE,
    CONSENT_EVENT_REFUSE,
    CONSENT_EVENT_DEFER,
    CONSENT_EVENT_PAUSE,
    CONSENT_EVENT_RESUME,
    CONSENT_EVENT_WITHDRAW,
    CONSENT_EVENT_REVOKE,
    CONSENT_EVENT_EXPIRE,
    CONSENT_EVENT_SUPERSEDE,
    CONSENT_EVENT_INVALIDATE,
    CONSENT_EVENT_COUNT,
};
/* Pure. CONSENT_NONE: the event is not allowed in this state. */
enum consent_state consent_after(enum consent_state state, enum consent_event event);
const char *consent_state_name(enum consent_state state);
const char *consent_event_name(enum consent_event event); /* "give", "withdraw": as in the log */

/* Who asks whom about whom, and why: what a decision looks up. Views. */
struct consent_key {
    struct bytes person;    /* the holder's identifier of the person: never in a diagnostic */
    struct bytes recipient; /* member: COMMUNITY/CLASS/MEMBER */
    struct bytes purpose;   /* full IRI */
};

/* Who acted (reference consent-standards 6.2, `by`). Numbers are in the store. */
enum consent_role {
    CONSENT_ROLE_NONE = 0, /* nobody was named */
    CONSENT_ROLE_PERSON,
    CONSENT_ROLE_GUARDIAN,
    CONSENT_ROLE_RELATIVE,
    CONSENT_ROLE_DELEGATE,
    CONSENT_ROLE_AUTHORITY,
    CONSENT_ROLE_SYSTEM,
};
const char *consent_role_name(enum consent_role role); /* "person", "guardian", ...; NULL for CONSENT_ROLE_NONE */

/* How the person's word came, and how sure it is who spoke. Numbers are in no store, only the names. */
enum consent_method {
    CONSENT_METHOD_NONE = 0,
    CONSENT_METHOD_PORTAL,
    CONSENT_METHOD_KIOSK,
    CONSENT_METHOD_PAPER, /* the scan's digest is the evidence */
    CONSENT_METHOD_VOICE,
    CONSENT_METHOD_USSD,
    CONSENT_METHOD_API,
};
enum consent_assurance { CONSENT_ASSURANCE_NONE = 0, CONSENT_ASSURANCE_LOW, CONSENT_ASSURANCE_SUBSTANTIAL, CONSENT_ASSURANCE_HIGH };
const char *consent_method_name(enum consent_method method);          /* "portal"; NULL for none */
const char *consent_assurance_name(enum consent_assurance assurance); /* "substantial"; NULL for none */
must_check bool consent_role_parse(struct bytes name, enum consent_role *out);
must_check bool consent_method_parse(struct bytes name, enum consent_method *out);
must_check bool consent_assurance_parse(struct bytes name, enum consent_assurance *out);

/* The limits of use of one record: what the notice says, or less. */
struct consent_limits {
    enum use_mode mode;
    enum use_fetch fetch;
    uint64_t max;                       /* so many uses in each `per`; 0: as many as one likes */
    struct period per;                  /* zero when `max` is */
    uint64_t total;                     /* so many uses in all; 0: as many as one likes */
    bool has_data_from, has_data_until; /* only data of these dates: [from, until) */
    int64_t data_from_ms, data_until_ms;
    bool has_recipient_life;
    struct period recipient_life; /* how long the recipient may keep an answer */
    int64_t erase_at_ms;          /* by when it is erased at the latest; 0: nothing was said */
};

/* The limits that a notice sets. Pure. */
struct consent_limits consent_limits_of(const struct notice *notice);

/* What is one for all decisions of a record, and for many records: shared, immutable. */
struct consent_terms {
    uint8_t notice[SHA256_SIZE]; /* digest of the revision that was shown; all zero: none was */
    uint32_t separate;           /* LAW_SEPARATE_*: what had an act of its own */
    enum consent_role role;      /* who decided */
    bool is_written;             /* in writing, with evidence of it */
    struct consent_limits limits;
};
/* As if nothing had been said: what stands for NULL. */
extern const struct consent_terms consent_terms_none;

/* What is known of a person beside the consents. All zero: nothing. */
struct consent_person {
    bool has_born;
    int32_t born_day;          /* days since 1970-01-01 */
    bool has_died;             /* every consent has ended */
    bool is_paused;            /* the person lets nothing be used that rests on consent, for now */
    bool is_restricted;        /* processing is restricted (PIPL 44, GDPR 18) */
    int64_t guardian_until_ms; /* until when the last of the guardians answers; 0: none is known, INT64_MAX: no end was set */
    int64_t delegate_until_ms; /* the same of the delegates */
};

/* What the person decided on one key, over all its records. */
struct consent_decision {
    struct bytes category;    /* full IRI */
    enum consent_state state; /* the newest record that speaks of this category */
    int64_t valid_from_ms, valid_until_ms;
    struct bytes record_id;
    const struct consent_terms *terms; /* of that record; NULL: none. Lives with the view */
};
/*
 * The caller's own: it begins zeroed (which is the view of a person of whom nothing is known), consents_find() or consents_load() fills it, and
 * consent_view_clear() ends it. It has views into its room and into the consents, which outlive it.
 */
struct consent_view {
    const struct consent_decision *decisions; /* newest record first, one for each category */
    size_t count;
    struct consent_person person;
    /* Private. By which generation of the person's consents it is: what the release compares. */
    uint64_t generation;
    uint32_t place;
    bool is_read; /* false: made by nobody who knows of generations */
    void *held;   /* heap, of a view that was loaded */
    size_t held_size;
};
/* Where consents_find() writes, so that it needs no memory. Not initialised. */
enum { CONSENT_ID_SIZE = 40, CONSENT_ROOM_DECISIONS = 64 };
struct consent_room {
    struct consent_decision decisions[CONSENT_ROOM_DECISIONS];
    char ids[CONSENT_ROOM_DECISIONS][CONSENT_ID_SIZE];
};
void consent_view_clear(struct consent_view *view);
/* Fills `view` with copies of these, on the heap; the rest of it stays zero. False: out of memory. */
must_check bool consent_view_copy(struct consent_view *view, const struct consent_decision *decisions, size_t count);
/* GIVEN and now within its dates? CONSENT_EXPIRED if past them, CONSENT_NONE if nothing was decided. Pure. */
enum consent_state consent_view_state(const struct consent_view *view, struct bytes category, int64_t now_ms,
                                      const struct consent_decision **decision);

/*
 * The digest by which a decision names what it knew of the person's consents (docs/formats/exchange.md); a NULL or empty view has that of
 * nothing. False: out of memory, or a view that is too long to be one.
 */
must_check bool consent_view_digest(const struct consent_view *view, uint8_t digest[SHA256_SIZE]);

struct consents;
struct counters;
struct counter_release;
/*
 * `committer` may be NULL for reading only. Else the log's disks must be there, too: what a crash left out of the log is appended, and what the store
 * lost of it is read from there (docs/decisions/0013-the-log-is-the-commit.md); the events of imported records are told only with `private`. All is
 * borrowed.
 */
enum { CONSENT_CACHE_DEFAULT = 1000 * 1000 };
/*
 * What a change did to a record; views. Told inside the change's transaction, under its lock: what the listener writes into the store is kept or lost with the
 * change, also by the log. Of a person who pauses, restricts, or ends that: once for each record with something given. A notice that supersedes
 * consents changes no record, and is not told.
 */
struct consent_news {
    const char *event; /* as in the log: "give", "withdraw", "expire", "restrict", ... */
    struct bytes id;   /* of the record */
    const struct consent_key *key;
    bool is_begin, is_end; /* it permits more, or less, from now on; neither: it was only asked for, or put off */
    bool is_expiry;
    int64_t time_ms;
};
/* False: the change is undone. Calls nothing of this part. */
typedef bool consent_listener(struct store *store, const struct consent_news *news, struct error *e);

struct consents_options {
    struct store *store;
    struct committer *committer;
    struct disk *public, *private;
    size_t cache_max;           /* records kept in memory, 64 bytes each; 0: CONSENT_CACHE_DEFAULT */
    consent_listener *listener; /* NULL: nobody listens */
};
must_check bool consents_open(struct consents **out, const struct consents_options *options, struct error *e);
/* After the last call on it, and after the last view is cleared; the committer may still run. NULL is allowed. */
void consents_close(struct consents *consents);
/* Makes the store's side of all changes durable, which else only the log's is. Blocks. */
must_check bool consents_sync(struct consents *consents, struct error *e);

/*
 * From memory: neither waits for the disk nor takes memory. `*view` is cleared or zeroed before, and has views into `room`. False when it is not
 * there: consents_load() it. Any thread.
 */
must_check bool consents_find(struct consents *consents, const struct consent_key *key, struct consent_room *room,
                              struct consent_view *view);
/*
 * From the store; blocks: on the database's threads (uv_queue_work). It reads the disk, and waits for no change, even if that waits for the
 * database. A person of whom nothing is known gives an empty view, in the same time.
 */
must_check bool consents_load(struct consents *consents, const struct consent_key *key, struct consent_view *view, struct error *e);

/* The counters of these consents (consent/counters.h); NULL when they are open for reading only. */
struct counters *consents_counters(struct consents *consents);

/* What came of a release. */
enum consent_result {
    CONSENT_RELEASED = 0,
    CONSENT_EXCEEDED,  /* a limit of what it counts for was reached meanwhile: refuse */
    CONSENT_OVERTAKEN, /* a consent of the person changed after the decision: look again and decide anew */
    CONSENT_UNLOGGED,  /* the log did not take it */
};
/* What a release stands on. */
struct consent_release {
    const struct consent_view *view;      /* NULL: no consent is needed */
    const struct counter_release *counts; /* NULL: nothing is counted */
};
/*
 * The moment of release: atomically checks that the view was not overtaken and that no limit is exceeded, counts, and submits `entry`, so that no
 * release stands behind a withdrawal in the log, and no limit is exceeded there. True: released. Any thread.
 */
must_check bool consents_release(struct consents *consents, const struct consent_release *release, struct commit_entry *entry,
                                 enum consent_result *result, struct error *e);

/*
 * Changes. All block, and come one after the other; on success the change is durable, logged, and in force. When the log fails after
 * the store has committed, the error says what holds: a withdrawal, a refusal, a pause or another end is in force; what was given or resumed is
 * not, and is listed as requested. The next change or start logs it, before anything else. ERROR_DENIED: opened for reading only, or
 * `receipt->reason` says why.
 */

/* Who did it and how: `by` of reference consent-standards 6.2. Views. */
struct consent_act {
    enum consent_role role; /* CONSENT_ROLE_NONE is refused */
    struct bytes ref;       /* the holder's opaque name of who acted, at most 128 bytes; empty: the person, or nobody in particular */
    struct bytes relation;  /* "mother", "court-appointed"; for a representative it is the one that is registered */
    bool has_evidence;
    uint8_t evidence[SHA256_SIZE]; /* digest of a scan, a recording, a court's order */
    enum consent_method method;
    struct bytes language; /* BCP 47; of a decision: one of the notice's */
    enum consent_assurance assurance;
};

/* What became of a change. */
struct consent_receipt {
    char id[CONSENT_ID_SIZE]; /* of the record or representative that was made or changed; empty when there are several or none */
    bool is_changed;          /* false: it was so before */
    size_t changed;           /* records */
    uint64_t log_index;       /* of the last event; of the first withdrawal when nothing changed; UINT64_MAX: none */
    const char *reason;       /* with ERROR_DENIED: "consent.guardian" and the like (docs/reference/reasons.md); else NULL. Static */
};

/* By which law and notices a decision is checked. Borrowed for the call. */
struct consent_rules {
    const struct law *law;
    const struct notices *notices;
};

/*
 * Asks: a record in the state `requested`, on the current revision of a notice. Reasons: notice.absent (none such, a draft, or not active),
 * consent.reask (one of its categories was refused within law.consent.reask_after), person.died.
 */
struct consent_offer {
    struct bytes person;
    struct bytes notice_id;
    int64_t until_ms; /* until when it may be answered; 0: 30 days from now */
};
must_check bool consent_request(struct consents *consents, const struct consent_rules *rules, const struct consent_offer *offer,
                                const struct consent_act *act, struct consent_receipt *receipt, struct error *e);

struct consent_choice {
    struct bytes category; /* full IRI */
    bool is_given;
};
/*
 * What the person says to a notice: as much as it asks for, or less. Recipient, purpose, categories and limits are the notice's; a decision
 * on each category, and a required one isn't refused while another is given.
 * Reasons: notice.absent; consent.superseded (the revision shown is in force no more); consent.not_separate (an act that the law wants
 * by itself is not named); consent.guardian, minor.unknown (who may decide for whom); consent.written; consent.wider (more than the notice);
 * consent.required (a required category is refused alone); consent.state (the record isn't waiting for an answer); person.died.
 */
struct consent_answer {
    struct bytes id;                      /* the record that asks; empty: a new one */
    struct bytes person;                  /* of a new one */
    const uint8_t *notice;                /* digest (SHA256_SIZE) of the revision that was shown */
    bool is_refusal;                      /* of everything */
    const struct consent_choice *choices; /* of all categories; none: all are given */
    size_t choice_count;
    uint32_t separate; /* LAW_SEPARATE_* */
    bool has_limits;
    struct consent_limits limits;          /* narrower than the notice's, when `has_limits` */
    int64_t valid_from_ms, valid_until_ms; /* 0: from now, as long as law and notice allow */
    const uint8_t *expected;               /* digest of the record as it was seen, or NULL: any */
};
must_check bool consent_answer(struct consents *consents, const struct consent_rules *rules, const struct consent_answer *answer,
                               const struct consent_act *act, struct consent_receipt *receipt, struct error *e);

/*
 * Which acts (LAW_SEPARATE_*) the law wants by themselves from whoever gives a consent on this notice: if something sensitive is given, if the person is a
 * minor. Pure.
 */
uint32_t consent_acts(const struct law *law, const struct notice *notice, bool is_sensitive, bool is_minor);

/*
 * One event on one record, or on one category of it: defer, pause, resume, withdraw, revoke, supersede, invalidate; and expire, once its time
 * is over. Withdrawing what is withdrawn or expired succeeds and changes nothing; so does expiring what is. Reasons: consent.state;
 * consent.guardian (this role may not do it); consent.changed (`expected` is another). ERROR_ABSENT: no such record or category.
 */
struct consent_order {
    struct bytes id;
    struct bytes category; /* empty: all */
    enum consent_event event;
    const uint8_t *expected; /* digest of the record as it was seen, or NULL: any */
};
must_check bool consent_change(struct consents *consents, const struct consent_order *order, const struct consent_act *act,
                               struct consent_receipt *receipt, struct error *e);

/*
 * Withdraws all that is given or paused of a person, or that of it which is for one recipient, one purpose, one category: in one transaction.
 */
struct consent_filter {
    struct bytes person;
    struct bytes recipient, purpose, category; /* empty: any */
};
must_check bool consent_withdraw_where(struct consents *consents, const struct consent_filter *filter, const struct consent_act *act,
                                       struct consent_receipt *receipt, struct error *e);

/*
 * Writes down the end of up to CONSENT_SWEEP_MAX records whose time is over, in one transaction; `*swept`: how many. Nothing depends on it being done
 * soon: every decision computes expiry from the clock. It makes an end final, and tells of it in the log.
 */
enum { CONSENT_SWEEP_MAX = 64 };
must_check bool consents_sweep(struct consents *consents, size_t *swept, struct error *e);

/*
 * A decision without a notice, always a new record: how it was before there were notices. ERROR_INPUT: a person of 0 or more than 128 bytes, an
 * IRI of more than 512, no end, an end that has passed, a category twice.
 */
struct consent_grant {
    struct consent_key key;
    const struct bytes *categories; /* full IRIs, 1 to 64, no duplicates */
    size_t category_count;
    enum consent_event event; /* CONSENT_EVENT_GIVE or CONSENT_EVENT_REFUSE */
    int64_t valid_from_ms, valid_until_ms;
};
/* `id` receives the record's id. */
must_check bool consent_give(struct consents *consents, const struct consent_grant *grant, char id[CONSENT_ID_SIZE], uint64_t *log_index,
                             struct error *e);
/* consent_change() and consent_withdraw_where() by the person; `category` may be BYTES_NONE, both pointers NULL. */
must_check bool consent_withdraw(struct consents *consents, struct bytes id, struct bytes category, bool *is_changed, uint64_t *log_index,
                                 struct error *e);
must_check bool consent_withdraw_all(struct consents *consents, struct bytes person, size_t *changed, struct error *e);

struct consent_record {
    struct bytes id, person, recipient, purpose, category;
    enum consent_state state; /* expired ones are told as expired at `now` */
    int64_t valid_from_ms, valid_until_ms, changed_at_ms;
};
typedef bool consent_each(void *context, const struct consent_record *record);
/* One row a category, newest record first. `person` or `id` may be BYTES_NONE: all. Blocks; `each` runs under the store's mutex. */
must_check bool consent_list(struct consents *consents, struct bytes person, struct bytes id, consent_each *each, void *context,
                             struct error *e);

enum { CONSENT_ALIAS_SIZE = 7 + 32 + 1 };
/* What stands in the place of an identifier: "erased:" and half of a keyed hash in hex; the same for one person always. */
must_check bool consents_alias(struct consents *consents, struct bytes person, char alias[CONSENT_ALIAS_SIZE], struct error *e);
/*
 * Puts a keyed hash in the place of the person's identifier in every record and event of the database, for a person none of whose consents is in
 * force; what is known of the person beside that (date of birth, representatives' person) goes likewise. `*records` counts. What was there
 * before is overwritten on the disk (store_settle()). Blocks. ERROR_DENIED: a change about the person is not in the log yet. Again after a crash.
 */
must_check bool consents_forget(struct consents *consents, struct bytes person, uint64_t *records, struct error *e);

/* One event of a record, as it is in the log. Views. */
struct consent_event_text {
    struct bytes text;           /* docs/formats/events.md, consent/1 */
    uint64_t log_index;          /* UINT64_MAX: not in the log yet */
    uint8_t digest[SHA256_SIZE]; /* of the record behind this event */
};
typedef bool consent_event_each(void *context, const struct consent_event_text *event);
/* The events of a record, in their order; none when there is no such record. Blocks; false from `each` ends it. */
must_check bool consent_events(struct consents *consents, struct bytes id, consent_event_each *each, void *context, struct error *e);

#endif
