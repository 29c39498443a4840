/* The parts of `comity directory` that are in another file than its table. */
#ifndef COMITY_CLI_COMMAND_DIRECTORY_INTERNAL_H
#define COMITY_CLI_COMMAND_DIRECTORY_INTERNAL_H

#include "cli/commands_internal.h"

extern const struct command directory_sign;
extern const struct command directory_show;
extern const struct command directory_verify;

#endif
