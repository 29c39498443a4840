/*
 * Sessions of people with a browser: a random id in a cookie, of which only the digest is in the database, with whom it is for and as whom. The
 * cookie is a credential of the whole API; what changes something needs a CSRF token beside it (OWASP ASVS 4.0.3: 3.2, 3.3, 3.4, 4.2.2).
 *
 * The id rotates: at sign-in, and then every SESSION_ROTATE_MS; the one before is good for a while, so that two tabs don't sign each other out.
 * A session ends when it is idle too long, too old, signed out, or ended by the provider that it came from.
 */
#ifndef COMITY_API_SESSION_H
#define COMITY_API_SESSION_H

#include "api/access.h"
#include "base/arena.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "store/store.h"

enum {
    SESSION_ID_SIZE = 32,
    SESSION_ROTATE_MS = 10 * 60 * 1000,
    SESSION_GRACE_MS = 60 * 1000,
    SESSION_PUBLIC_SIZE = 2 * 16 + 1, /* hex digits and NUL: what a list calls a session */
    SESSIONS_OF_ONE_MAX = 50,         /* the oldest goes */
};

/* Views; of a session that was found, into the arena. */
struct session {
    char name[SESSION_PUBLIC_SIZE]; /* not secret: random, and no part of the id */
    unsigned roles;                 /* bits: 1 << enum role; one, unless a provider gave more */
    struct bytes person;            /* of a person and a helper: whom; of a guardian: the guardian's own name. Staff: empty */
    struct bytes guardianship;      /* of a guardian: for whom */
    struct bytes who;               /* of staff and helpers: their name, as events have it. Else empty */
    struct bytes member;            /* COMMUNITY/CLASS/MEMBER that staff speaks for */
    struct bytes method;            /* "code", or the provider's display name */
    struct bytes issuer;            /* of a provider: its iss; empty: a code */
    struct bytes subject, sid;      /* of its ID token: `sub`, and `sid` if there was one */
    struct bytes id_token;          /* for RP-initiated logout; may be empty */
    uint8_t csrf[SHA256_SIZE];      /* the secret behind its CSRF tokens; stays when the id rotates */
    uint8_t owner[SHA256_SIZE];     /* whose sessions and idempotency keys are whose */
    int64_t created_at_ms, seen_at_ms, idle_until_ms, until_ms;
};

/* How long they live: of api.yaml. */
struct session_ages {
    int64_t idle_ms, age_max_ms;
};

/*
 * Opens one; `cookie` is the new id as text (base64url), which is nowhere else. `name`, `owner` and the times are filled in. More than
 * SESSIONS_OF_ONE_MAX of one owner: the oldest ends. Blocks.
 */
enum { SESSION_COOKIE_SIZE = 44 };
must_check bool session_open(struct store *store, struct session *session, const struct session_ages *ages, int64_t now_ms,
                             char cookie[SESSION_COOKIE_SIZE], struct error *e);
/*
 * The session of this cookie; ERROR_ABSENT: none, or it is over. Writes down that it was seen, at most once a minute. Where the id is due to
 * rotate, `fresh` is the new one's text (else ""), to be set as the cookie. The id before stays good until the new one was shown, so that an
 * answer that never arrived signs nobody out, and then for SESSION_GRACE_MS. Blocks.
 */
must_check bool session_find(struct store *store, struct bytes cookie, const struct session_ages *ages, int64_t now_ms, struct arena *arena,
                             struct session *out, char fresh[SESSION_COOKIE_SIZE], struct error *e);

/* Ended ones are gone from the database. All block. */
must_check bool session_end(struct store *store, const struct session *session, struct error *e);
/* By its public name, if it is the owner's. ERROR_ABSENT. */
must_check bool session_end_named(struct store *store, const uint8_t owner[SHA256_SIZE], struct bytes name, struct error *e);
/* All of one owner; `*count` (may be NULL): how many. */
must_check bool session_end_all(struct store *store, const uint8_t owner[SHA256_SIZE], int64_t *count, struct error *e);
/* OpenID Connect Back-Channel Logout 1.0, 2.6: by `sid`, or all of a subject where there is none. */
must_check bool session_end_of_provider(struct store *store, struct bytes issuer, struct bytes subject, struct bytes sid, int64_t *count,
                                        struct error *e);
/* All for a person, or by one: what is kept of somebody who is erased. Inside a transaction. */
must_check bool session_forget_person(struct store *store, struct bytes person, struct error *e);
/* Deletes what is over. */
must_check bool session_sweep(struct store *store, int64_t now_ms, int64_t *count, struct error *e);

typedef bool session_each(void *context, const struct session *session);
/* Those of one owner that are not over, the newest first. `id_token` is not read. Blocks; views live until `each` returns. */
must_check bool session_list(struct store *store, const uint8_t owner[SHA256_SIZE], int64_t now_ms, session_each *each, void *context,
                             struct error *e);

/* ---- CSRF tokens ---- */

/*
 * A token for forms and for the header Comity-CSRF: 16 random bytes and a MAC over them under the session's secret, as base64url; another one each
 * time, all of them good as long as the session is. Pure but for the randomness.
 */
enum { SESSION_CSRF_SIZE = 44 };
void session_csrf_make(const uint8_t secret[SHA256_SIZE], char out[SESSION_CSRF_SIZE]);
/* In constant time. */
bool session_csrf_is_good(const uint8_t secret[SHA256_SIZE], struct bytes token);

/* ---- In a request ---- */

struct rest_call;
/* Is somebody signed in by a cookie? */
bool session_is_open(const struct rest_call *call);
/* The session of the call; NULL: none (a token, a certificate, or nobody). Lives as long as the call. */
const struct session *session_of(const struct rest_call *call);
/*
 * A token for the forms of the page that this call makes: of the session, or of the short-lived cookie that stands for none yet (sign-in), which is set
 * with the answer if it isn't there. Empty: memory.
 */
struct bytes session_csrf(struct rest_call *call);
/*
 * Does this change come from a page of ours? The token (of the form's field `csrf`, or the header Comity-CSRF) and, where a browser sends them,
 * Sec-Fetch-Site and Origin. False: the call is refused with 403 auth.csrf. Requests without a cookie have nothing that a foreign page could misuse:
 * true.
 */
must_check bool session_check_csrf(struct rest_call *call, struct bytes token, struct error *e);

#endif
