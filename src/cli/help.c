#include "cli/command.h"

enum { TEXT_COLUMNS = 78 };

/* Wraps a paragraph at TEXT_COLUMNS, each line behind `indent` spaces; the first line starts at column `at` (already written). */
static void append_wrapped(struct buffer *out, struct bytes text, size_t indent, size_t at)
{
    struct bytes word, rest = text;
    bool is_line_new = true;
    size_t column = at;
    for (; column < indent; column++) {
        buffer_append_u8(out, ' ');
    }
    while (bytes_split(&rest, ' ', &word)) {
        if (word.size == 0) {
            continue;
        }
        if (!is_line_new && column + 1 + word.size > TEXT_COLUMNS) {
            buffer_append_u8(out, '\n');
            for (column = 0; column < indent; column++) {
                buffer_append_u8(out, ' ');
            }
            is_line_new = true;
        }
        if (!is_line_new) {
            buffer_append_u8(out, ' ');
            column++;
        }
        buffer_append(out, word);
        column += word.size;
        is_line_new = false;
    }
    buffer_append_u8(out, '\n');
}

static size_t longest_name(const struct command *command)
{
    size_t longest = 0;
    for (size_t i = 0; i < command->part_count; i++) {
        size_t size = strlen(command->parts[i]->name);
        longest = size > longest ? size : longest;
    }
    return longest;
}

static void append_parts(struct buffer *out, const struct command *command)
{
    size_t indent = 2 + longest_name(command) + 2;
    buffer_append_text(out, "\nCommands:\n");
    for (size_t i = 0; i < command->part_count; i++) {
        buffer_append_format(out, "  %s", command->parts[i]->name);
        append_wrapped(out, bytes_of_text(command->parts[i]->summary), indent, 2 + strlen(command->parts[i]->name));
    }
}

static void append_option(struct buffer *out, const char *name, const char *value, const char *help)
{
    enum { HELP_COLUMN = 26 };
    size_t size = buffer_bytes(out).size;
    buffer_append_format(out, "  --%s%s%s", name, value == NULL ? "" : " ", value == NULL ? "" : value);
    size = buffer_bytes(out).size - size;
    if (size + 2 > HELP_COLUMN) {
        buffer_append_u8(out, '\n');
        size = 0;
    }
    append_wrapped(out, bytes_of_text(help), HELP_COLUMN, size);
}

void help_write(const struct command *command, const char *path, struct buffer *out)
{
    buffer_append_format(out, "Usage: %s %s\n\n", path, command->arguments);
    struct bytes paragraph, rest = bytes_of_text(command->text);
    bool is_first = true;
    while (bytes_split(&rest, '\n', &paragraph)) {
        if (paragraph.size == 0) {
            continue;
        }
        if (!is_first) {
            buffer_append_u8(out, '\n');
        }
        append_wrapped(out, paragraph, 0, 0);
        is_first = false;
    }
    if (command->part_count > 0) {
        append_parts(out, command);
    }
    buffer_append_text(out, "\nOptions:\n");
    for (size_t i = 0; i < command->option_count; i++) {
        append_option(out, command->options[i].name, command->options[i].value, command->options[i].help);
    }
    buffer_append_text(out, "  -C FOLDER               the gateway's folder; without it the current one\n"
                            "  --json                  the result as JSON, for programs\n"
                            "  --help                  this text\n");
    if (command->examples != NULL) {
        buffer_append_text(out, "\nExamples:\n");
        rest = bytes_of_text(command->examples);
        while (bytes_split(&rest, '\n', &paragraph)) {
            buffer_append_format(out, "  %.*s\n", BYTES_FMT(paragraph));
        }
    }
    buffer_append_text(out, "\nExit: 0 done, 1 the answer is no, 2 it could not be tried.\n");
}
