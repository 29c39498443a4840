/* Each command is one constant beside its code, in command_<name>.c; command_table.c puts them together. */
#ifndef COMITY_CLI_COMMANDS_INTERNAL_H
#define COMITY_CLI_COMMANDS_INTERNAL_H

#include "cli/command.h"

extern const struct command command_init;
extern const struct command command_directory;
extern const struct command command_apply;
extern const struct command command_gateway;
extern const struct command command_consent;
extern const struct command command_policy;
extern const struct command command_policy_holds;
extern const struct command command_policy_release_hold;
extern const struct command command_policy_review;
extern const struct command command_policy_reviews;
extern const struct command command_policy_tell;
extern const struct command command_rights;
extern const struct command command_breach;
extern const struct command command_law;
extern const struct command command_notice;
extern const struct command command_log;
extern const struct command command_person;
extern const struct command command_code;
extern const struct command command_evidence;
extern const struct command command_doctor;
extern const struct command command_demo;
extern const struct command command_help;
extern const struct command command_torture;
extern const struct command command_version;

#endif
