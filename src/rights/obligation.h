/*
 * What recipients owe after an end: when a consent is withdrawn, revoked or expires, when the life of the data at the recipient is over, or when a request to delete, correct or
 * restrict is fulfilled, each gateway that had data gets a signed notice, is told again until it has answered, and has to confirm before a deadline (PIPL 47; GDPR 19). The
 * person and the operator see: told, acknowledged, confirmed, kept (with the law that obliges), overdue. On the other side: what we were told, and have to erase.
 *
 * What is due is derived from the evidence log, in the background, entry by entry: losing the tables loses nothing that could not be found again.
 */
#ifndef COMITY_RIGHTS_OBLIGATION_H
#define COMITY_RIGHTS_OBLIGATION_H

#include "base/disk.h"
#include "consent/uses.h"
#include "rights/notice_message.h"
#include "rights/rights.h"

/* ---- What others owe us ---- */

/* Zero is "none". Numbers are in the store. The last two are final. */
enum obligation_state {
    OBLIGATION_NONE = 0,
    OBLIGATION_WAITING, /* its day has not come: the life of the data at the recipient */
    OBLIGATION_DUE,     /* to be told */
    OBLIGATION_TOLD,    /* the recipient's gateway has signed that it has the notice */
    OBLIGATION_CONFIRMED,
    OBLIGATION_KEPT, /* the recipient says which law obliges it to keep the data */
};
const char *obligation_state_name(enum obligation_state state);

/* Borrowed, of the holder's gateway. `uses` indexes the log of the two disks. */
struct obligation_sources {
    struct uses *uses;
    struct disk *public, *private;
    const struct signer *signer; /* the statement key: its name is our origin */
    const struct law *law;
};
/*
 * Looks at up to `max_entries` more of the log and makes what is owed by them; `*lag` (may be NULL): how many entries are left. Blocks; one thread at a time
 * (a mutex inside).
 */
must_check bool obligations_catch_up(struct rights *rights, const struct obligation_sources *sources, size_t max_entries, int64_t now_ms,
                                     uint64_t *lag, struct error *e);

/* As it stands. Views until the callback returns. */
struct obligation {
    struct bytes id, person, recipient, gateway; /* who had the data: its member, the origin of its gateway */
    struct bytes cause;                          /* the consent record's or the request's id, or an exchange's */
    struct bytes reason;
    struct bytes exchanges, categories; /* each joined by LF */
    enum notice_kind kind;
    enum obligation_state state;
    int64_t created_at_ms, due_at_ms, told_at_ms, ended_at_ms; /* 0: not yet */
    int64_t attempts;
    struct bytes failure;      /* of the last attempt; empty: none */
    struct bytes note;         /* the signed notice; empty before it is first sent */
    struct bytes confirmation; /* the signed one */
};
bool obligation_is_overdue(const struct obligation *obligation, int64_t now_ms);
struct obligation_filter {
    struct bytes person, id; /* BYTES_NONE: all */
    bool is_open;            /* not confirmed, not kept */
};
typedef bool obligation_each(void *context, const struct obligation *obligation); /* false stops, which is no error */
must_check bool obligation_list(struct rights *rights, const struct obligation_filter *filter, obligation_each *each, void *context,
                                struct error *e);

/* The next one to be told at `now_ms`, as a signed note in `note` (the same each time). False and ERROR_ABSENT: none is due. Lives in `arena`. */
must_check bool obligation_next(struct rights *rights, const struct signer *signer, int64_t now_ms, struct arena *arena,
                                struct obligation *out, struct error *e);
/* It was tried: `receipt` is what the recipient's gateway answered (verified by the caller's key for it), or `failure` says why not. */
must_check bool obligation_tried(struct rights *rights, struct bytes id, const struct verifier *gateway, struct bytes receipt,
                                 const struct error *failure, int64_t now_ms, struct error *e);
/* A confirmation came from that gateway. `id` is its obligation's. Twice is no error. ERROR_ABSENT, ERROR_DENIED (another's), ERROR_INPUT. */
must_check bool obligation_confirm(struct rights *rights, const struct verifier *gateway, struct bytes note, int64_t now_ms,
                                   struct error *e);

/* ---- What we owe others ---- */

struct received {
    struct bytes id, from, member; /* the holder's origin and member */
    enum notice_kind kind;
    struct bytes reason, exchanges, categories; /* lists joined by LF */
    int64_t received_at_ms, due_at_ms, ended_at_ms;
    enum notice_outcome outcome; /* 0: not yet */
    struct bytes why;            /* OUTCOME_KEPT */
    bool is_reported;            /* the holder has the confirmation */
};
/*
 * A notice came by a peer whose statement key this is, of the member `member`. Logs it, and appends our signed receipt. The same one again gets a receipt and changes
 * nothing. ERROR_DENIED: it is for another gateway.
 */
must_check bool received_take(struct rights *rights, const struct signer *own, const struct verifier *peer, struct bytes member,
                              struct bytes note, int64_t now_ms, struct buffer *receipt, struct error *e);
typedef bool received_each(void *context, const struct received *received);
must_check bool received_list(struct rights *rights, bool is_open, received_each *each, void *context, struct error *e);
/* Somebody of ours says that the data are gone, or which law keeps them. `by` is logged. ERROR_ABSENT, ERROR_DENIED (said already). */
must_check bool received_end(struct rights *rights, const struct signer *own, struct bytes from, struct bytes id,
                             enum notice_outcome outcome, struct bytes why, struct bytes by, int64_t now_ms, struct error *e);
/* The next confirmation that its holder has not got: for whom, and the signed note. ERROR_ABSENT: none. */
must_check bool received_next(struct rights *rights, int64_t now_ms, struct arena *arena, struct bytes *from, struct bytes *id,
                              struct bytes *note, struct error *e);
must_check bool received_reported(struct rights *rights, struct bytes from, struct bytes id, bool is_reported, int64_t now_ms,
                                  struct error *e);

#endif
