#include <stdio.h>

#include "cli/commands_internal.h"
#include "cli/output.h"

enum { HELP_BYTES_MAX = 256 * 1024 };

/* The command that the words name: "log show". On failure has said so and returns NULL. */
static const struct command *find_command(const struct call *call, char path[COMMAND_NAME_SIZE])
{
    const struct command *found = &command_root;
    (void)snprintf(path, COMMAND_NAME_SIZE, "comity");
    for (size_t i = 0; i < call->word_count; i++) {
        const struct command *part = NULL;
        for (size_t j = 0; j < found->part_count; j++) {
            if (strcmp(found->parts[j]->name, call->words[i]) == 0) {
                part = found->parts[j];
            }
        }
        if (part == NULL) {
            (void)call_misused(call, "'%s' has no command '%.40s'", path, call->words[i]);
            return NULL;
        }
        size_t size = strlen(path);
        (void)snprintf(path + size, COMMAND_NAME_SIZE - size, " %s", part->name);
        found = part;
    }
    return found;
}

/* The table for programs: completion and the tests of the pages read it. */
static json_t *json_of_command(const struct command *command)
{
    json_t *options = json_array(), *parts = json_array();
    for (size_t i = 0; i < command->option_count; i++) {
        const struct command_option *option = &command->options[i];
        (void)json_array_append_new(options,
                                    json_pack("{s:s, s:s?, s:s}", "name", option->name, "value", option->value, "help", option->help));
    }
    for (size_t i = 0; i < command->part_count; i++) {
        (void)json_array_append_new(parts, json_of_command(command->parts[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", command->name, "arguments", command->arguments, "summary", command->summary,
                     "options", options, "commands", parts);
}

static int run_help(struct call *call)
{
    char path[COMMAND_NAME_SIZE];
    const struct command *command = find_command(call, path);
    if (command == NULL) {
        return COMMAND_NOT_TRIED;
    }
    if (call->is_json) {
        return output_json(json_of_command(command)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    struct buffer text;
    buffer_init(&text, HELP_BYTES_MAX);
    if (call_is_given(call, "man")) {
        man_write(command, path, &text);
    } else {
        help_write(command, path, &text);
    }
    bool ok = output_buffer(&text);
    buffer_clear(&text);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static const struct command_option help_options[] = {
    { "man", NULL, "write the man page instead, in man(7) format" },
};

const struct command command_help = {
    .name = "help",
    .arguments = "[--man] [COMMAND...]",
    .summary = "say what a command does and takes",
    .text = "Shows the same text as --help, for the command that the words name. With --json the table of the command, its options and "
            "its subcommands, from which shells can complete.",
    .examples = "comity help log prove",
    .options = help_options,
    .option_count = COUNT_OF(help_options),
    .word_max = 3,
    .run = run_help,
};

static int run_version(struct call *call)
{
    if (call->is_json) {
        return output_json(json_pack("{s:s, s:s}", "name", "comity", "version", COMITY_VERSION)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    return puts("comity " COMITY_VERSION) == EOF ? COMMAND_NOT_TRIED : COMMAND_DONE;
}

const struct command command_version = {
    .name = "version",
    .arguments = "",
    .summary = "say which version this is",
    .text = "Writes the name and the version, like \"comity --version\".",
    .run = run_version,
};
