/*
 * Persons: what is known of them beside their consents, and who answers for them (PIPL 28, 31, 49; GDPR 8). Each change is an event in the log
 * (docs/formats/events.md, person/1), comes in turn with the changes of consents, and overtakes every view of the person: once persons_mark() has
 * returned, no release happens by what was known before.
 */
#ifndef COMITY_CONSENT_PERSONS_H
#define COMITY_CONSENT_PERSONS_H

#include "consent/consent.h"

/* Numbers are in the store. */
enum person_event {
    PERSON_EVENT_BORN = 32, /* the date of birth was set or taken back */
    PERSON_EVENT_DIED,      /* and every consent has ended with it */
    PERSON_EVENT_ALIVE,     /* that was an error; ended consents stay ended */
    PERSON_EVENT_PAUSE,     /* nothing that rests on consent is used, for now */
    PERSON_EVENT_RESUME,
    PERSON_EVENT_RESTRICT, /* processing is restricted (PIPL 44, GDPR 18) */
    PERSON_EVENT_UNRESTRICT,
    PERSON_EVENT_REPRESENTATIVE, /* somebody answers for the person from now on */
    PERSON_EVENT_REPRESENTATIVE_END,
};
const char *person_event_name(enum person_event event); /* "died", as in the log */

/*
 * What is known of a person now. Blocks. Nothing is known of one who isn't there, which is no error.
 */
must_check bool persons_find(struct consents *consents, struct bytes person, struct consent_person *out, struct error *e);

/* Sets the day of birth (days since 1970-01-01), or takes it back with NULL. ERROR_INPUT: after today, or over 150 years ago. */
must_check bool persons_set_born(struct consents *consents, struct bytes person, const int32_t *born_day, const struct consent_act *act,
                                 struct consent_receipt *receipt, struct error *e);

/*
 * One of PERSON_EVENT_DIED to PERSON_EVENT_UNRESTRICT. What is so already is changed no more and is no error (`receipt->is_changed`). With
 * the death all that is given or paused is revoked and all that is asked for expires, in the same transaction. Reasons: consent.guardian (this
 * role may not: a person or who is registered for one pauses, resumes, restricts; a relative, an authority or the system tells of a death).
 */
must_check bool persons_mark(struct consents *consents, struct bytes person, enum person_event event, const struct consent_act *act,
                             struct consent_receipt *receipt, struct error *e);

/* Somebody who answers for a person: a minor's guardian, an adult's delegate, a near relative of one who has died. */
struct representative {
    struct bytes id;               /* "g-" and 32 hex digits; of a new one: ignored */
    struct bytes person;           /* for whom */
    enum consent_role role;        /* guardian, delegate or relative */
    struct bytes ref;              /* the holder's opaque name of the representative, 1 to 128 bytes */
    struct bytes relation;         /* "mother", "court-appointed": 1 to 128 bytes */
    uint8_t evidence[SHA256_SIZE]; /* digest of what shows the relation: a birth certificate, a court's order */
    uint8_t proof[SHA256_SIZE];    /* digest of what shows who the representative is */
    int64_t from_ms, until_ms;     /* until_ms exclusive; INT64_MAX: no end is set */
    int64_t ended_ms;              /* 0: not ended before its time */
};
/*
 * Registers one; both proofs are demanded. `receipt->id` is its id. ERROR_INPUT: a person for himself, an empty ref or relation, no time between
 * from and until. Reasons: consent.guardian (only the system or an authority registers a guardian or relative; a person may name a delegate).
 */
must_check bool representatives_add(struct consents *consents, const struct representative *representative, const struct consent_act *act,
                                    struct consent_receipt *receipt, struct error *e);
/* Ends one now; what was given in its time stays as it is. Ended before: changes nothing. ERROR_ABSENT: there is none. */
must_check bool representatives_end(struct consents *consents, struct bytes id, const struct consent_act *act,
                                    struct consent_receipt *receipt, struct error *e);

typedef bool representatives_each(void *context, const struct representative *representative);
/* Those of a person, or those that `ref` is (the other is BYTES_NONE), also ended ones. Blocks; views live until `each` returns; false ends it. */
must_check bool representatives_list(struct consents *consents, struct bytes person, struct bytes ref, representatives_each *each,
                                     void *context, struct error *e);
/* Is the representative one at this moment? Pure. */
bool representative_is_now(const struct representative *representative, int64_t now_ms);

#endif
