/* A table of expectations of the policy (comity policy test): read, decided by the gateway's own decide(), and compared. docs/reference/policy.md. */
#ifndef COMITY_CLI_POLICY_CASES_H
#define COMITY_CLI_POLICY_CASES_H

#include "base/buffer.h"
#include "base/error.h"
#include "law/law.h"

/* One expectation that was tried. Views until the callback returns. */
struct policy_case_outcome {
    const char *name;
    bool is_met;
    const char *difference;  /* lines, each ended by LF: what was expected and what came out; empty when it is met */
    const char *explanation; /* explain_write() */
};
typedef void policy_case_each(void *context, const struct policy_case_outcome *outcome);
/*
 * Tries all cases of `file`, whose folder is where other files in it are found. `*failed`: how many were not met. ERROR_INPUT with file and line: it
 * can't be read, or a policy, law or notice that it names can't. `law`: by which it decides when the file names none; NULL: "strict".
 */
must_check bool policy_cases_run(const char *file, struct law *law, policy_case_each *each, void *context, size_t *count, size_t *failed,
                                 struct error *e);

#endif
