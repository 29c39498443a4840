/*
 * Codes on paper: what signs somebody in who has no provider's login. One is issued at a counter, by whoever has seen who stands there, works
 * once and for some minutes, and opens a session of a person, of a guardian for a ward, of a helper at a person's side, or of staff in one role.
 *
 * A code is 15 digits of Crockford's base32 and one that checks them: 75 bits of randomness. Only its SHA-256 is in the database. Guesses are
 * limited by address and of all together (code_guard.h).
 */
#ifndef COMITY_API_PAPER_CODE_H
#define COMITY_API_PAPER_CODE_H

#include "api/access.h"
#include "base/arena.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "store/store.h"

enum {
    PAPER_CODE_DIGITS = 16,    /* the last one checks the others */
    PAPER_CODE_TEXT_SIZE = 20, /* "7KQ2-M4XD-90TB-ZH3R" and NUL */
    PAPER_CODE_DEFAULT_MS = 15 * 60 * 1000,
    PAPER_CODE_AGE_MAX_MS = 7 * 24 * 60 * 60 * 1000,
};

/* ---- The digits: pure ---- */

/* A new one, in groups. */
void paper_code_make(char out[PAPER_CODE_TEXT_SIZE]);
/*
 * Reads what somebody typed: either case, O as 0, I and L as 1, groups by '-', blanks or nothing. `out` is the form that is hashed: 16 digits, no NUL.
 * False: no code, or a typing error (the check digit).
 */
must_check bool paper_code_read(struct bytes typed, char out[PAPER_CODE_DIGITS]);
void paper_code_digest(const char digits[PAPER_CODE_DIGITS], uint8_t out[SHA256_SIZE]);

/* ---- In the database ---- */

/* For whom. Views; of one that was taken, into the arena. */
struct paper_code {
    enum role role;            /* person, guardian, helper, or a role of staff */
    struct bytes person;       /* of a person and a helper: whom; of a guardian: the guardian's own name */
    struct bytes guardianship; /* of a guardian */
    struct bytes who;          /* of a helper and staff: the name that stands in events, 1 to 128 bytes */
    struct bytes issued_by;    /* who issued it, as events have it */
    int64_t issued_at_ms, until_ms;
};
/* Writes one down, and makes its text. Blocks. */
must_check bool paper_code_issue(struct store *store, const struct paper_code *code, char text[PAPER_CODE_TEXT_SIZE], struct error *e);
/*
 * Uses the code up: of two that try at once, one gets it. `visit` (may be empty) is a secret of the browser that shows it: the same browser gets the
 * same within PAPER_CODE_AGAIN_MS once more, because the answer to the first may never have arrived; nobody else does. ERROR_ABSENT: there is none
 * such, it was used, or it is over: which of them is not told. Blocks.
 */
enum { PAPER_CODE_AGAIN_MS = 2 * 60 * 1000 };
must_check bool paper_code_take(struct store *store, const char digits[PAPER_CODE_DIGITS], struct bytes visit, int64_t now_ms,
                                struct arena *arena, struct paper_code *out, struct error *e);
/* Those for a person: what is kept of somebody who is erased. Inside a transaction. */
must_check bool paper_code_forget_person(struct store *store, struct bytes person, struct error *e);
/* Deletes what is over. */
must_check bool paper_code_sweep(struct store *store, int64_t now_ms, struct error *e);

/* Those of code_guard.h, too. */
void paper_code_metrics_register(void);

#endif
