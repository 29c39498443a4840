/* Every command of the table: its help and man page are whole, its options can be told apart, its texts keep the form. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command.h"

enum { PATH_SIZE = 64, TEXT_BYTES_MAX = 256 * 1024, LINE_COLUMNS_MAX = 80 };

typedef void each_command(const struct command *command, const char *path);

static void walk(const struct command *command, const char *path, each_command *each)
{
    each(command, path);
    for (size_t i = 0; i < command->part_count; i++) {
        char part[PATH_SIZE];
        (void)snprintf(part, sizeof part, "%s %s", path, command->parts[i]->name);
        walk(command->parts[i], part, each);
    }
}

static void check_table(const struct command *command, const char *path)
{
    bool is_group = command->part_count > 0;
    if (strlen(path) >= COMMAND_NAME_SIZE || command->text == NULL || command->summary == NULL || command->arguments == NULL) {
        fail_msg("%s: a text is missing, or its name is too long", path);
    }
    if (is_group != (command->run == NULL && command->run_raw == NULL) || command->word_min > command->word_max) {
        fail_msg("%s: must run or have parts", path);
    }
    if (!islower((unsigned char)command->summary[0]) && command->part_count != 0) {
        fail_msg("%s: the summary begins small", path);
    }
    if (command->summary[strlen(command->summary) - 1] == '.' || strchr(command->summary, '\n') != NULL) {
        fail_msg("%s: the summary is one line without a period", path);
    }
    for (size_t i = 0; i < command->option_count; i++) {
        const struct command_option *option = &command->options[i];
        if (option->help[strlen(option->help) - 1] == '.' || strcmp(option->name, "json") == 0 || strcmp(option->name, "help") == 0) {
            fail_msg("%s --%s: ends with a period, or is every command's", path, option->name);
        }
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(option->name, command->options[j].name);
        }
    }
}

static void check_help(const struct command *command, const char *path)
{
    struct buffer text;
    struct bytes line, rest;
    buffer_init(&text, TEXT_BYTES_MAX);
    help_write(command, path, &text);
    assert_false(text.failed);
    rest = buffer_bytes(&text);
    (void)bytes_split(&rest, '\n', &line); /* the usage line is for copying: never broken */
    bool is_example = false;
    while (bytes_split(&rest, '\n', &line)) {
        is_example = is_example || bytes_equal(line, BYTES("Examples:"));
        if (line.size > LINE_COLUMNS_MAX && !is_example) {
            fail_msg("%s: %zu columns: %.*s", path, line.size, BYTES_FMT(line));
        }
        if (line.size > 0 && line.data[line.size - 1] == ' ') {
            fail_msg("%s: a space at the end of: %.*s", path, BYTES_FMT(line));
        }
    }
    for (size_t i = 0; i < command->option_count; i++) {
        char option[PATH_SIZE];
        (void)snprintf(option, sizeof option, "\n  --%s", command->options[i].name);
        buffer_append_u8(&text, '\0');
        if (strstr((const char *)text.data, option) == NULL) {
            fail_msg("%s: the help does not have --%s", path, command->options[i].name);
        }
    }
    buffer_clear(&text);
}

/* man(7): a line of text that begins with a dot or a quote would be taken for a request. */
static void check_man(const struct command *command, const char *path)
{
    static const char *const requests[] = { ".TH ", ".SH ", ".SS ", ".TP", ".PP", ".B ", ".BR ", ".nf", ".fi", ".\\\"" };
    struct buffer text;
    struct bytes line, rest;
    buffer_init(&text, TEXT_BYTES_MAX);
    man_write(command, path, &text);
    assert_false(text.failed);
    rest = buffer_bytes(&text);
    while (bytes_split(&rest, '\n', &line)) {
        bool is_known = line.size == 0 || (line.data[0] != '.' && line.data[0] != '\'');
        for (size_t i = 0; i < COUNT_OF(requests) && !is_known; i++) {
            is_known = bytes_start_with(line, bytes_of_text(requests[i]));
        }
        if (!is_known) {
            fail_msg("%s: %.*s", path, BYTES_FMT(line));
        }
    }
    buffer_clear(&text);
}

static void tables(void **state)
{
    (void)state;
    walk(&command_root, "comity", check_table);
}

static void helps(void **state)
{
    (void)state;
    walk(&command_root, "comity", check_help);
}

static void man_pages(void **state)
{
    (void)state;
    walk(&command_root, "comity", check_man);
}

static void strange_texts_are_escaped(void **state)
{
    static const struct command strange = {
        .name = "x", .arguments = "", .summary = "do", .text = ".begins with a dot\n'and a quote\\ and a - dash", .examples = ".x"
    };
    struct buffer text;
    (void)state;
    buffer_init(&text, TEXT_BYTES_MAX);
    man_write(&strange, "comity x", &text);
    buffer_append_u8(&text, '\0');
    assert_non_null(strstr((const char *)text.data, "\n\\&.begins with a dot\n"));
    assert_non_null(strstr((const char *)text.data, "\n\\&'and a quote\\e and a \\- dash\n"));
    assert_non_null(strstr((const char *)text.data, "\n\\&.x\n"));
    buffer_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables),
        cmocka_unit_test(helps),
        cmocka_unit_test(man_pages),
        cmocka_unit_test(strange_texts_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
