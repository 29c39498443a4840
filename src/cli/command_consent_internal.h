/* The parts of comity consent that stand in a file of their own. */
#ifndef COMITY_CLI_COMMAND_CONSENT_INTERNAL_H
#define COMITY_CLI_COMMAND_CONSENT_INTERNAL_H

#include "cli/command.h"

/* give or refuse, on a notice or to a record that asks. */
int consent_answer_notice(struct call *call, const char *decision);

extern const struct command consent_request_command;
extern const struct command consent_defer_command;
extern const struct command consent_pause_command;
extern const struct command consent_resume_command;
extern const struct command consent_revoke_command;
extern const struct command consent_history_command;
extern const struct command consent_export_command;
extern const struct command consent_import_command;
extern const struct command consent_proof_command;

#endif
