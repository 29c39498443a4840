/* The event access/1 (docs/formats/events.md): who signed in, who looked at a person's data, who issued a code. The person sees it among the uses. */
#ifndef COMITY_API_ACCESS_EVENT_H
#define COMITY_API_ACCESS_EVENT_H

#include "base/error.h"
#include "evidence/committer.h"

struct access_event {
    struct bytes person;    /* whose; empty: nobody's (staff that signs in) */
    struct bytes by;        /* who, as the person shall read it */
    struct bytes role;      /* of whoever it is */
    struct bytes member;    /* for which member */
    struct bytes operation; /* an operationId, or signIn, signOut, issueCode */
    struct bytes method;    /* of signing in: "code", or the provider's name; of a code: for whom. Empty: no line */
    int64_t time_ms;
};
/* Waits until it is durable. */
must_check bool access_event_append(struct committer *committer, const struct access_event *event, struct error *e);

#endif
