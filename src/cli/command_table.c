#include "cli/commands_internal.h"

static const struct command_option root_options[] = {
    { "version", NULL, "say which version this is" },
};

/* One a line, so that two additions do not conflict; in the order of the help. */
/* clang-format off */
static const struct command *const root_parts[] = {
    &command_init,
    &command_directory,
    &command_apply,
    &command_policy,
    &command_gateway,
    &command_consent,
    &command_notice,
    &command_person,
    &command_code,
    &command_rights,
    &command_breach,
    &command_law,
    &command_log,
    &command_evidence,
    &command_doctor,
    &command_demo,
    &command_torture,
    &command_help,
    &command_version,
};
/* clang-format on */

const struct command command_root = {
    .name = "comity",
    .arguments = "[-C FOLDER] [--json] COMMAND ...",
    .summary = "sovereign data-exchange gateway",
    .text = "Comity lets the organisations of several communities call each other's services over plain HTTP on their side, through one "
            "small gateway each. The gateways know each other by the keys in a signed directory; each message is authorised, recorded in "
            "a Merkle log before it moves on, and personal data leaves only on consent, cut down to what was consented to.\n"
            "A gateway's folder holds everything that is its own: gateway.yaml, keys, the database, the log. Commands work on the "
            "current folder or the one named by -C. Results go to standard output, everything else to standard error.",
    .examples = "comity init hospital AURORA/GOV/HOSPITAL\n"
                "comity -C hospital gateway\n"
                "comity -C hospital doctor",
    .options = root_options,
    .option_count = COUNT_OF(root_options),
    .parts = root_parts,
    .part_count = COUNT_OF(root_parts),
};
