#include "cli/command.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "cli/output.h"
#include "base/yaml_schema.h"

enum { OPTION_ROWS_MAX = 24, PARTS_MAX = 32, WORD_SIZE = 49 };
/* Past any command's own options, so that getopt_long() tells these apart. */
enum { ROW_HELP = 1000, ROW_JSON };

/* ---- Messages ---- */

static int say_error(const struct call *call, const struct error *e, int end)
{
    char text[sizeof *e];
    (void)fprintf(stderr, "%s: %s\n", call->name, error_text(e, text, sizeof text));
    if (call->is_json) {
        static const char *const kinds[] = {
            [ERROR_NONE] = "none", [ERROR_INPUT] = "input", [ERROR_DENIED] = "denied", [ERROR_ABSENT] = "absent",
            [ERROR_IO] = "io",     [ERROR_FULL] = "full",   [ERROR_MEMORY] = "memory",
        };
        json_t *object = json_pack("{s:{s:s, s:s, s:s, s:s}}", "error", "kind", kinds[e->kind], "where", e->where, "what", e->what, "todo",
                                   e->todo);
        if (!output_json(object)) {
            return COMMAND_NOT_TRIED;
        }
    }
    return end;
}

int call_fail(const struct call *call, const struct error *e)
{
    return say_error(call, e, COMMAND_NOT_TRIED);
}

int call_refuse(const struct call *call, const struct error *e)
{
    return say_error(call, e, COMMAND_NO);
}

int call_misused(const struct call *call, const char *format, ...)
{
    struct error e = { .kind = ERROR_INPUT };
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(e.what, sizeof e.what, format, arguments);
    va_end(arguments);
    (void)snprintf(e.todo, sizeof e.todo, "see '%s --help'", call->name);
    return call_fail(call, &e);
}

/* ---- What was given ---- */

const char *call_value(const struct call *call, const char *option)
{
    for (size_t i = call->given_count; i > 0; i--) {
        if (strcmp(call->given[i - 1].option->name, option) == 0) {
            return call->given[i - 1].value;
        }
    }
    return NULL;
}

bool call_is_given(const struct call *call, const char *option)
{
    const char *none;
    return call_values(call, option, &none, 1) > 0;
}

size_t call_values(const struct call *call, const char *option, const char **out, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < call->given_count; i++) {
        if (strcmp(call->given[i].option->name, option) == 0) {
            if (count < max) {
                out[count] = call->given[i].value;
            }
            count++;
        }
    }
    return count;
}

/* ---- Parsing ---- */

/* An option that getopt_long() does not know: proposes the nearest. */
static int unknown_option(const struct call *call, const char *given)
{
    const char *names[OPTION_ROWS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < call->command->option_count && count < COUNT_OF(names) - 2; i++) {
        names[count++] = call->command->options[i].name;
    }
    names[count++] = "json";
    names[count++] = "help";
    char word[WORD_SIZE], todo[WORD_SIZE + 32];
    (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(given, "="), given);
    const char *near = strncmp(word, "--", 2) == 0 ? yaml_nearest(bytes_of_text(word + 2), names, count) : NULL;
    if (near != NULL) {
        struct error e;
        (void)snprintf(todo, sizeof todo, "did you mean '--%s'?", near);
        error_set(&e, ERROR_INPUT, NULL, todo, "unknown option '%s'", word);
        return call_fail(call, &e);
    }
    return call_misused(call, "unknown option '%s'", word);
}

static size_t fill_rows(const struct command *command, struct option rows[OPTION_ROWS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < command->option_count && count < OPTION_ROWS_MAX - 3; i++) {
        const struct command_option *option = &command->options[i];
        rows[count] = (struct option){ option->name, option->value == NULL ? no_argument : required_argument, NULL, (int)count };
        count++;
    }
    rows[count++] = (struct option){ "json", no_argument, NULL, ROW_JSON };
    rows[count++] = (struct option){ "help", no_argument, NULL, ROW_HELP };
    rows[count] = (struct option){ NULL, 0, NULL, 0 };
    return count;
}

enum parsed { PARSED_RUN = 0, PARSED_HELP, PARSED_WRONG };

/*
 * Parses argv[1..]; argv[0] is the command's own word. `at_words`: stop at the first word (a command with subcommands), whose place
 * is then `*rest`.
 */
static enum parsed parse_options(struct call *call, int argc, char **argv, bool at_words, int *rest)
{
    struct option rows[OPTION_ROWS_MAX];
    (void)fill_rows(call->command, rows);
    optind = 0; /* glibc: start anew, and forget how an earlier argv was permuted */
    opterr = 0;
    for (;;) {
        int before = optind == 0 ? 1 : optind;
        int row = getopt_long(argc, argv, at_words ? "+:hC:" : ":hC:", rows, NULL);
        if (row == -1) {
            break;
        }
        switch (row) {
        case 'h':
        case ROW_HELP:
            return PARSED_HELP;
        case 'C':
            call->folder = optarg;
            continue;
        case ROW_JSON:
            call->is_json = true;
            continue;
        case ':':
            (void)call_misused(call, "option '%s' needs a value", argv[optind - 1]);
            return PARSED_WRONG;
        case '?':
            if (optopt != 0 && optopt < ROW_HELP && before < argc && strncmp(argv[optind - 1], "--", 2) != 0) {
                (void)call_misused(call, "unknown option '-%c'", optopt);
            } else {
                (void)unknown_option(call, argv[optind - 1]);
            }
            return PARSED_WRONG;
        default:
            if (call->given_count == COMMAND_GIVEN_MAX) {
                (void)call_misused(call, "more than %d options", COMMAND_GIVEN_MAX);
                return PARSED_WRONG;
            }
            call->given[call->given_count].option = &call->command->options[row];
            call->given[call->given_count].value = optarg;
            call->given_count++;
        }
    }
    *rest = optind;
    return PARSED_RUN;
}

static const struct command *find_part(const struct command *command, const char *word)
{
    for (size_t i = 0; i < command->part_count; i++) {
        if (strcmp(command->parts[i]->name, word) == 0) {
            return command->parts[i];
        }
    }
    return NULL;
}

static int unknown_part(const struct call *call, const char *word)
{
    const char *names[PARTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < call->command->part_count && count < COUNT_OF(names); i++) {
        names[count++] = call->command->parts[i]->name;
    }
    const char *near = yaml_nearest(bytes_of_text(word), names, count);
    if (near != NULL) {
        struct error e;
        char todo[WORD_SIZE + 32];
        (void)snprintf(todo, sizeof todo, "did you mean '%s'?", near);
        error_set(&e, ERROR_INPUT, NULL, todo, "unknown command '%.60s'", word);
        return call_fail(call, &e);
    }
    return call_misused(call, "unknown command '%.60s'", word);
}

static int show_help(const struct call *call, FILE *to)
{
    struct buffer text;
    buffer_init(&text, 256 * 1024);
    help_write(call->command, call->name, &text);
    bool ok = !text.failed && fwrite(text.data, 1, text.size, to) == text.size;
    buffer_clear(&text);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static void enter_part(struct call *call, const struct command *part)
{
    size_t size = strlen(call->name);
    (void)snprintf(call->name + size, sizeof call->name - size, " %s", part->name);
    call->command = part;
}

static int run_command(struct call *call, int argc, char **argv)
{
    int rest = argc;
    if (call->command->run_raw != NULL) {
        return call->command->run_raw(argc, argv);
    }
    bool is_group = call->command->part_count > 0;
    switch (parse_options(call, argc, argv, is_group, &rest)) {
    case PARSED_HELP:
        return show_help(call, stdout);
    case PARSED_WRONG:
        return COMMAND_NOT_TRIED;
    case PARSED_RUN:
        break;
    }
    if (!is_group) {
        call->words = argv + rest;
        call->word_count = (size_t)(argc - rest);
        if (call->word_count < call->command->word_min || call->word_count > call->command->word_max) {
            return call_misused(call, "%s; usage: %s %s",
                                call->word_count < call->command->word_min ? "something is missing" : "too many words", call->name,
                                call->command->arguments);
        }
        return call->command->run(call);
    }
    if (call_is_given(call, "version")) {
        const struct command *version = find_part(call->command, "version");
        enter_part(call, version);
        return version->run(call);
    }
    if (rest >= argc) {
        (void)show_help(call, stderr);
        return COMMAND_NOT_TRIED;
    }
    const struct command *part = find_part(call->command, argv[rest]);
    if (part == NULL) {
        return unknown_part(call, argv[rest]);
    }
    enter_part(call, part);
    call->given_count = 0;
    return run_command(call, argc - rest, argv + rest);
}

int command_main(int argc, char **argv)
{
    if (argc < 1) {
        return COMMAND_NOT_TRIED;
    }
    struct call call = { .command = &command_root, .name = "comity", .folder = "." };
    int end = run_command(&call, argc, argv);
    /* A result that did not reach its reader (a full disk, a closed pipe) was not given. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "%s: the output can't be written\n", call.name);
        return COMMAND_NOT_TRIED;
    }
    return end;
}
