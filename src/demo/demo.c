#include "demo/demo.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "demo/steps.h"

static const char usage[] = "usage: comity demo [--keep] [--dir FOLDER]\n"
                            "\n"
                            "Makes two communities, a hospital that holds records and a clinic that asks for them, each with a real\n"
                            "gateway, and shows twenty-one steps from a refusal to a log that lies. Needs nginx. Leaves nothing running.\n"
                            "\n"
                            "  --dir FOLDER  make everything there and leave the files (default: a temporary folder, removed)\n"
                            "  --keep        stay up instead; FOLDER/demo.json says where everything is; ends on SIGTERM or Ctrl-C\n"
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

static bool write_description(const struct scene *scene, struct error *e)
{
    const struct scene_gateway *hospital = &scene->gateways[HOSPITAL];
    const struct scene_gateway *clinic = &scene->gateways[CLINIC];
    char path[SCENE_PATH_MAX], beside[SCENE_PATH_MAX], consumer_url[64], consumer_management[64], holder_management[64];
    (void)snprintf(consumer_url, sizeof consumer_url, "http://127.0.0.1:%u", clinic->applications_port);
    (void)snprintf(consumer_management, sizeof consumer_management, "http://127.0.0.1:%u", clinic->management_port);
    (void)snprintf(holder_management, sizeof holder_management, "http://127.0.0.1:%u", hospital->management_port);
    char consumer_log[2 * SCENE_PATH_MAX], holder_log[2 * SCENE_PATH_MAX];
    (void)snprintf(consumer_log, sizeof consumer_log, "%s/clinic/log", scene->folder);
    (void)snprintf(holder_log, sizeof holder_log, "%s/hospital/log", scene->folder);
    json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:{s:s, s:s}, s:{s:i, s:i, s:i}}", "consumer_url", consumer_url,
                             "service_path", DEMO_PATH "{person}", "client", clinic->subsystem, "purpose", SCENE_PURPOSE, "persons",
                             "consented", DEMO_CONSENTED, "not_consented", DEMO_NOT_CONSENTED, "consumer_log_dir", consumer_log,
                             "holder_log_dir", holder_log, "management_urls", "consumer", consumer_management, "holder", holder_management,
                             "pids", "consumer", (int)clinic->pid, "holder", (int)hospital->pid, "service", (int)scene->nginx);
    bool ok = root != NULL && scene_path(scene, "demo.json", path, e) && scene_path(scene, "demo.json.new", beside, e);
    /* Renamed into place, so that whoever waits for it never reads half of it. */
    if (ok && (json_dump_file(root, beside, JSON_INDENT(2)) != 0 || rename(beside, path) != 0)) {
        ok = error_system(e, path, "check the folder's owner and mode");
    }
    json_decref(root);
    return ok;
}

static int keep(struct scene *scene)
{
    struct error e = { 0 };
    char text[sizeof e], path[SCENE_PATH_MAX];
    sigset_t ends;
    int got = 0;
    /* Blocked since before the first process was started: none can be missed. */
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    if (!demo_consent(scene, DEMO_CONSENTED, NULL, 0, &e) || !write_description(scene, &e)) {
        (void)fprintf(stderr, "comity demo: %s\n", error_text(&e, text, sizeof text));
        return 2;
    }
    (void)printf("ready: %s/demo.json says where everything is; end it with Ctrl-C or SIGTERM\n", scene->folder);
    (void)fflush(stdout);
    (void)sigwait(&ends, &got);
    if (scene_path(scene, "demo.json", path, &e)) {
        (void)unlink(path);
    }
    return 0;
}

int demo_run(int argc, char **argv)
{
    static const struct option options[] = {
        { "dir", required_argument, NULL, 'd' }, { "keep", no_argument, NULL, 'k' }, { "help", no_argument, NULL, 'h' }, { 0 }
    };
    const char *folder = NULL;
    bool is_kept = false;
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
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        default:
            (void)fputs(usage, stderr);
            return 2;
        }
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
    int exit_code = is_kept ? keep(&scene) : run_steps(&scene);
    scene_end(&scene);
    return exit_code;
}
