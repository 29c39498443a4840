/* What changes need to know of persons, inside their transaction. */
#ifndef COMITY_CONSENT_PERSONS_INTERNAL_H
#define COMITY_CONSENT_PERSONS_INTERNAL_H

#include "consent/consent_internal.h"
#include "consent/persons.h"

/* What the act says is well formed. */
must_check bool consent_check_act(const struct consent_act *act, struct error *e);
must_check bool consent_check_person(struct bytes person, struct error *e);
/* A day of birth that somebody now living, or dead a short while, may have. */
must_check bool persons_check_born(int32_t born_day, int64_t now_ms, struct error *e);
/*
 * Whether who acts is registered for the person now; `*out` is the act as it is written down, with the registered relation, and evidence if
 * it brought none. Roles that need no registration are not looked up.
 */
must_check bool persons_find_actor(struct transaction *t, struct bytes person, const struct consent_act *act, struct consent_act *out,
                                   bool *is_registered, struct error *e);
/* Ends everything of a person who has died: revokes what holds, expires what is asked for. */
must_check bool consent_end_all(struct transaction *t, struct bytes person, const struct consent_act *act, size_t *changed,
                                struct error *e);

/* An event of a person: what is known after it, and what it was about. */
struct person_change {
    enum person_event event;
    struct bytes person;
    struct consent_person after;
    const struct representative *representative; /* NULL: of none */
    const struct consent_act *act;
    int64_t time_ms;
};
void person_event_write(const struct person_change *change, int64_t sequence, struct buffer *out);
must_check bool persons_add_event(struct transaction *t, struct person_change *change, struct error *e);

#endif
