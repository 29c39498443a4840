/*
 * The comity command: a table of subcommands with their words and options. Help, man pages, the parsing of arguments and the proposal
 * of the nearest word are all made from it.
 */
#ifndef COMITY_CLI_COMMAND_H
#define COMITY_CLI_COMMAND_H

#include "base/buffer.h"
#include "base/error.h"

/* What the process ends with. */
enum { COMMAND_DONE = 0, COMMAND_NO = 1, COMMAND_NOT_TRIED = 2 };
enum { COMMAND_GIVEN_MAX = 128, COMMAND_NAME_SIZE = 64, COMMAND_WORDS_ANY = 1000 };

struct command_option {
    const char *name;  /* without the two dashes */
    const char *value; /* what stands for its value in the help; NULL: it takes none */
    const char *help;  /* one sentence without a period */
};

struct command;

/* One run of a command: what stood on the command line. Lives in command_main(). */
struct call {
    const struct command *command;
    char name[COMMAND_NAME_SIZE]; /* "comity log show": how its messages begin */
    const char *folder;           /* -C, or "." */
    bool is_json;
    struct {
        const struct command_option *option;
        const char *value;
    } given[COMMAND_GIVEN_MAX];
    size_t given_count;
    char **words; /* what is no option, in order */
    size_t word_count;
};

struct command {
    const char *name;
    const char *arguments; /* words and options in short, for the usage line */
    const char *summary;   /* one line, an order */
    const char *text;      /* the man page's description: paragraphs with an empty line between */
    const char *examples;  /* lines; may be NULL */
    const struct command_option *options;
    size_t option_count;
    size_t word_min, word_max;
    const struct command *const *parts; /* subcommands; then nothing below is set but part_count */
    size_t part_count;
    int (*run)(struct call *call);
    int (*run_raw)(int argc, char **argv); /* parses its arguments itself; instead of `run` */
};

/* "comity" itself: its parts are the commands, in the order of the help (command_table.c). */
extern const struct command command_root;

/* The whole program: parses, runs, and returns what the process ends with. */
int command_main(int argc, char **argv);

/* The value of an option; NULL when it was not given. The last one counts. */
const char *call_value(const struct call *call, const char *option);
bool call_is_given(const struct call *call, const char *option);
/* Writes up to `max` values of an option that may come more than once; returns how many were given (may be more than `max`). */
size_t call_values(const struct call *call, const char *option, const char **out, size_t max);

/* Says what went wrong: "comity apply: where: what; todo" on stderr, and with --json an object on stdout. Returns COMMAND_NOT_TRIED. */
int call_fail(const struct call *call, const struct error *e);
/* The same where the answer is no. Returns COMMAND_NO. */
int call_refuse(const struct call *call, const struct error *e);
/* Wrong use: the message, and where help is. Returns COMMAND_NOT_TRIED. */
__attribute__((format(printf, 2, 3))) int call_misused(const struct call *call, const char *format, ...);

/* help.c: "comity --help", "comity log show --help", as text; `path` is "comity log show". */
void help_write(const struct command *command, const char *path, struct buffer *out);
/* man.c: the same as a page in man(7) format. */
void man_write(const struct command *command, const char *path, struct buffer *out);

#endif
