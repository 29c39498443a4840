/*
 * One operation (api/operation.h), by the running gateway if there is one, else by this process on the gateway's folder. Both give the
 * same answer.
 */
#ifndef COMITY_CLI_QUESTION_H
#define COMITY_CLI_QUESTION_H

#include "api/operation.h"
#include "cli/command.h"
#include "cli/place.h"

struct question {
    const char *target; /* of the control socket; POST */
    operation *run;
    enum { QUESTION_LOOKS = 0, QUESTION_CHANGES, QUESTION_USES, QUESTION_PROVES, QUESTION_ERASES, QUESTION_PRUNES } needs;
};

/* `place` is open (place_open()). True with `*answer`; false when it has been said what is wrong, and `*end` is what to end with. */
must_check bool question_ask(const struct call *call, struct place *place, const struct question *question, const json_t *request,
                             json_t **answer, int *end);

#endif
