#include "cli/command.h"

/* roff: a backslash starts an escape, a hyphen would be typeset as a hyphen and not be found by a search for "-". */
static void append_escaped(struct buffer *out, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\\') {
            buffer_append_text(out, "\\e");
        } else if (text.data[i] == '-') {
            buffer_append_text(out, "\\-");
        } else {
            buffer_append_u8(out, text.data[i]);
        }
    }
}

/* A line of text: one that begins with . or ' would be taken for a request. */
static void append_line(struct buffer *out, struct bytes text)
{
    if (text.size > 0 && (text.data[0] == '.' || text.data[0] == '\'')) {
        buffer_append_text(out, "\\&");
    }
    append_escaped(out, text);
    buffer_append_u8(out, '\n');
}

static void append_text(struct buffer *out, const char *text)
{
    append_escaped(out, bytes_of_text(text));
}

/* "comity log show" is the page comity-log-show. */
static void append_page_name(struct buffer *out, const char *path)
{
    for (size_t i = 0; path[i] != '\0'; i++) {
        buffer_append_text(out, path[i] == ' ' ? "\\-" : (const char[]){ path[i], '\0' });
    }
}

static void append_option(struct buffer *out, const char *name, const char *value, const char *help)
{
    buffer_append_text(out, ".TP\n.B \\-\\-");
    append_text(out, name);
    if (value != NULL) {
        buffer_append_text(out, " \\fI");
        append_text(out, value);
        buffer_append_text(out, "\\fR");
    }
    buffer_append_u8(out, '\n');
    append_line(out, bytes_of_text(help));
}

static void append_examples(struct buffer *out, const char *examples)
{
    struct bytes line, rest = bytes_of_text(examples);
    buffer_append_text(out, ".nf\n");
    while (bytes_split(&rest, '\n', &line)) {
        append_line(out, line);
    }
    buffer_append_text(out, ".fi\n");
}

static void append_options(struct buffer *out, const struct command *command)
{
    buffer_append_text(out, ".SH OPTIONS\n");
    for (size_t i = 0; i < command->option_count; i++) {
        append_option(out, command->options[i].name, command->options[i].value, command->options[i].help);
    }
    buffer_append_text(out, ".TP\n.B \\-C \\fIFOLDER\\fR\nThe gateway's folder; without it the current one\n");
    append_option(out, "json", NULL, "the result as JSON, for programs");
    append_option(out, "help", NULL, "what the command does and takes");
}

static void append_description(struct buffer *out, const struct command *command)
{
    buffer_append_text(out, ".SH DESCRIPTION\n");
    struct bytes line, rest = bytes_of_text(command->text);
    bool is_first = true;
    while (bytes_split(&rest, '\n', &line)) {
        if (line.size == 0) {
            continue;
        }
        if (!is_first) {
            buffer_append_text(out, ".PP\n");
        }
        append_line(out, line);
        is_first = false;
    }
}

/* A group's page holds its subcommands, so that there is one page a word of the table. */
static void append_part(struct buffer *out, const struct command *part, const char *path)
{
    buffer_append_text(out, ".SS ");
    append_text(out, path);
    buffer_append_u8(out, ' ');
    append_text(out, part->name);
    buffer_append_u8(out, ' ');
    append_text(out, part->arguments);
    buffer_append_u8(out, '\n');
    struct bytes line, rest = bytes_of_text(part->text);
    while (bytes_split(&rest, '\n', &line)) {
        if (line.size > 0) {
            append_line(out, line);
            buffer_append_text(out, ".PP\n");
        }
    }
    for (size_t i = 0; i < part->option_count; i++) {
        append_option(out, part->options[i].name, part->options[i].value, part->options[i].help);
    }
    if (part->examples != NULL) {
        buffer_append_text(out, ".PP\n");
        append_examples(out, part->examples);
    }
}

static void append_parts(struct buffer *out, const struct command *command, const char *path)
{
    bool is_root = command == &command_root;
    buffer_append_text(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < command->part_count; i++) {
        if (!is_root) {
            append_part(out, command->parts[i], path);
            continue;
        }
        buffer_append_text(out, ".TP\n.B ");
        append_text(out, command->parts[i]->name);
        buffer_append_u8(out, ' ');
        append_text(out, command->parts[i]->arguments);
        buffer_append_u8(out, '\n');
        append_line(out, bytes_of_text(command->parts[i]->summary));
    }
}

static void append_see_also(struct buffer *out, const struct command *command)
{
    buffer_append_text(out, ".SH SEE ALSO\n");
    if (command != &command_root) {
        buffer_append_text(out, ".BR comity (1)\n");
        return;
    }
    bool is_first = true;
    for (size_t i = 0; i < command->part_count; i++) {
        if (strcmp(command->parts[i]->name, "help") == 0 || strcmp(command->parts[i]->name, "version") == 0) {
            continue;
        }
        buffer_append_format(out, "%s.BR comity\\-%s (1)", is_first ? "" : ",\n", command->parts[i]->name);
        is_first = false;
    }
    buffer_append_u8(out, '\n');
}

void man_write(const struct command *command, const char *path, struct buffer *out)
{
    buffer_append_text(out, ".\\\" Made by \"comity help --man\" from the table of commands: src/cli/command_*.c\n.TH \"");
    append_page_name(out, path);
    buffer_append_text(out, "\" 1 \"\" \"Comity " COMITY_VERSION "\" \"Comity\"\n.SH NAME\n");
    append_page_name(out, path);
    buffer_append_text(out, " \\- ");
    append_text(out, command->summary);
    buffer_append_text(out, "\n.SH SYNOPSIS\n.B ");
    append_text(out, path);
    buffer_append_text(out, "\n");
    append_line(out, bytes_of_text(command->arguments));
    append_description(out, command);
    if (command->part_count > 0) {
        append_parts(out, command, path);
    }
    append_options(out, command);
    if (command->examples != NULL) {
        buffer_append_text(out, ".SH EXAMPLES\n");
        append_examples(out, command->examples);
    }
    buffer_append_text(out, ".SH EXIT STATUS\n0 it is done; 1 the answer is no; 2 it could not be tried, wrong use included.\n");
    append_see_also(out, command);
}
