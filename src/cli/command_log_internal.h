/* The parts of `comity log` that are in another file than its table. */
#ifndef COMITY_CLI_COMMAND_LOG_INTERNAL_H
#define COMITY_CLI_COMMAND_LOG_INTERNAL_H

#include "cli/commands_internal.h"

extern const struct command log_prove_command;
extern const struct command log_uses_command;
extern const struct command log_audit_command;
extern const struct command log_receipt_command;
extern const struct command log_erase_command;
extern const struct command log_prune_command;
extern const struct command log_replay_command;
extern const struct command log_recover_command;
extern const struct command log_verify_command;
extern const struct command log_heal_command;
extern const struct command log_mirror_command;
extern const struct command log_witness_command;

/* An entry's index from a word of the command line; says so when it is none. */
must_check bool log_index_parse(const struct call *call, const char *word, uint64_t *index);

#endif
