/* The checks of `comity doctor`: each looks at one thing and says how it is. */
#ifndef COMITY_CLI_DOCTOR_INTERNAL_H
#define COMITY_CLI_DOCTOR_INTERNAL_H

#include <jansson.h>

#include "cli/place.h"
#include "directory/directory.h"

enum finding { FINDING_OK = 0, FINDING_WARN, FINDING_FAIL };

/* What the checks share. `directory` and `status` are NULL until their check has found them. */
struct doctor {
    struct place place;
    struct directory *directory;
    json_t *status; /* of the running gateway */
    json_t *rows;   /* the findings, in order */
    size_t counts[3];
    int64_t now_ms;
};

/* Notes one finding. `todo` may be NULL. */
__attribute__((format(printf, 5, 6))) void doctor_note(struct doctor *doctor, enum finding finding, const char *name, const char *todo,
                                                       const char *what, ...);
/* The same from an error: "where: what". */
void doctor_note_error(struct doctor *doctor, enum finding finding, const char *name, const struct error *e);

/* A check needs what those before it have opened; it says nothing when that is missing, because that has been said. */
struct doctor_check {
    const char *name;
    void (*run)(struct doctor *doctor, const char *name);
};
/* doctor_witness.c: what others know of our log, and what we know of theirs. */
void doctor_check_witnesses(struct doctor *doctor, const char *name);
void doctor_check_witness(struct doctor *doctor, const char *name);
extern const struct doctor_check doctor_installation_checks[]; /* doctor_installation.c; end with a NULL name */
extern const struct doctor_check doctor_machine_checks[];      /* doctor_machine.c */

#endif
