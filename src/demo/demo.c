#include "demo/demo.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "demo/keep.h"
#include "demo/steps.h"

static const char usage[] =
    "usage: comity demo [--keep [--asking SECONDS]] [--dir FOLDER]\n"
    "\n"
    "Makes two communities, a hospital that holds records and a clinic that asks for them, each with a real\n"
    "gateway, and shows twenty-two steps from a refusal to a log that lies. Needs nginx. Leaves nothing running.\n"
    "\n"
    "  --dir FOLDER  make everything there and leave the files (default: a temporary folder, removed)\n"
    "  --keep        stay up instead, with the hospital's pages to try in a browser; prints where, and two codes to\n"
    "                sign in with; FOLDER/demo.json has it all for programs; ends on SIGTERM or Ctrl-C\n"
    "  --asking SECONDS  with --keep: the clinic asks every so many seconds, so that one sees what a withdrawal does\n"
    "  --help        this text\n";

static int run_steps(struct scene *scene)
{
    struct step_state state = { .scene = scene };
    size_t passed = 0;
    for (size_t i = 0; i < demo_step_count; i++) {
        struct error e = { 0 };
        (void)printf("%3zu  %s\n", i + 1, demo_steps[i].title);
        (void)fflush(stdout);
        if (demo_steps[i].run(&state, &e)) {
            passed++;
            say("ok");
        } else {
            char text[sizeof e];
            say("FAILED: %s", error_text(&e, text, sizeof text));
        }
    }
    (void)printf("demo: %zu steps passed, %zu failed\n", passed, demo_step_count - passed);
    return passed == demo_step_count ? 0 : 1;
}

/* From 1 to 3600, in whole seconds. */
static bool take_seconds(const char *text, unsigned *out)
{
    uint64_t value = 0;
    bool ok = bytes_to_u64(bytes_of_text(text), &value) && value >= 1 && value <= 3600;
    *out = (unsigned)value;
    return ok;
}

int demo_run(int argc, char **argv)
{
    static const struct option options[] = { { "dir", required_argument, NULL, 'd' },
                                             { "keep", no_argument, NULL, 'k' },
                                             { "asking", required_argument, NULL, 'a' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    const char *folder = NULL;
    bool is_kept = false;
    unsigned asking_s = 0;
    struct scene scene;
    struct error e = { 0 };
    char text[sizeof e];
    sigset_t ends;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'd':
            folder = optarg;
            break;
        case 'k':
            is_kept = true;
            break;
        case 'a':
            if (!take_seconds(optarg, &asking_s)) {
                (void)fprintf(stderr, "comity demo: --asking: '%s' is no number of seconds from 1 to 3600\n", optarg);
                return 2;
            }
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        default:
            (void)fputs(usage, stderr);
            return 2;
        }
    }
    if (asking_s > 0 && !is_kept) {
        (void)fprintf(stderr, "comity demo: --asking goes with --keep\n");
        return 2;
    }
    if (is_kept) {
        (void)sigemptyset(&ends);
        (void)sigaddset(&ends, SIGTERM);
        (void)sigaddset(&ends, SIGINT);
        (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    }
    (void)printf("Two communities, Aurora and Baobab, that recognise each other: a hospital, and a clinic that asks it.\n");
    (void)fflush(stdout);
    if (!scene_make(&scene, folder, &e)) {
        (void)fprintf(stderr, "comity demo: %s\n", error_text(&e, text, sizeof text));
        return 2;
    }
    int exit_code = is_kept ? keep_up(&scene, asking_s) : run_steps(&scene);
    scene_end(&scene);
    return exit_code;
}
