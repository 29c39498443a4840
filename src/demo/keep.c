#include "demo/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "demo/ask.h"
#include "demo/steps.h"

/* Two ways to write one address, so that one browser holds both sessions: cookies belong to a host's name. */
#define PORTAL_HOST "127.0.0.1"
#define CONSOLE_HOST "localhost"

enum { CODE_SIZE = 64, URL_SIZE = 64 };

struct kept {
    struct scene *scene;
    unsigned asking_s;
    char portal_url[URL_SIZE], console_url[URL_SIZE];
    char person_code[CODE_SIZE], officer_code[CODE_SIZE];
    char last[160]; /* what the clinic was told last */
};

static bool issue(const struct kept *kept, const char *const *arguments, struct bytes input, char out[CODE_SIZE], struct error *e)
{
    json_t *issued = NULL;
    int exit_code = 0;
    if (!scene_comity(kept->scene, &kept->scene->gateways[HOSPITAL], arguments, input, &exit_code, &issued, e)) {
        return false;
    }
    const char *code = json_string_value(json_object_get(issued, "code"));
    bool ok = (exit_code == 0 && code != NULL && strlen(code) < CODE_SIZE) ||
              error_set(e, ERROR_DENIED, "demo", NULL, "the hospital issued no code, exit code %d", exit_code);
    if (ok) {
        (void)snprintf(out, CODE_SIZE, "%s", code);
    }
    json_decref(issued);
    return ok;
}

static bool issue_codes(struct kept *kept, struct error *e)
{
    const char *const person[] = { "code", "issue", "--person", "-", "--by", "the hospital's counter", "--age", "7d", NULL };
    const char *const officer[] = { "code", "issue", "--role", "officer", "--name", "Nia, data protection officer", "--age", "7d", NULL };
    return issue(kept, person, BYTES(DEMO_CONSENTED), kept->person_code, e) && issue(kept, officer, BYTES_NONE, kept->officer_code, e);
}

/* ---- What programs read ---- */

static json_t *description(const struct kept *kept)
{
    const struct scene *scene = kept->scene;
    const struct scene_gateway *hospital = &scene->gateways[HOSPITAL];
    const struct scene_gateway *clinic = &scene->gateways[CLINIC];
    char consumer_url[URL_SIZE], consumer_management[URL_SIZE], holder_management[URL_SIZE];
    (void)snprintf(consumer_url, sizeof consumer_url, "http://127.0.0.1:%u", clinic->applications_port);
    (void)snprintf(consumer_management, sizeof consumer_management, "http://127.0.0.1:%u", clinic->management_port);
    (void)snprintf(holder_management, sizeof holder_management, "http://127.0.0.1:%u", hospital->management_port);
    char consumer_log[2 * SCENE_PATH_MAX], holder_log[2 * SCENE_PATH_MAX];
    (void)snprintf(consumer_log, sizeof consumer_log, "%s/clinic/log", scene->folder);
    (void)snprintf(holder_log, sizeof holder_log, "%s/hospital/log", scene->folder);
    return json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:{s:s, s:s}, s:{s:i, s:i, s:i}, s:s, s:s, s:{s:s, s:s}}",
                     "consumer_url", consumer_url, "service_path", DEMO_PATH "{person}", "client", clinic->subsystem, "purpose",
                     SCENE_PURPOSE, "persons", "consented", DEMO_CONSENTED, "not_consented", DEMO_NOT_CONSENTED, "consumer_log_dir",
                     consumer_log, "holder_log_dir", holder_log, "management_urls", "consumer", consumer_management, "holder",
                     holder_management, "pids", "consumer", (int)clinic->pid, "holder", (int)hospital->pid, "service", (int)scene->nginx,
                     "portal_url", kept->portal_url, "console_url", kept->console_url, "codes", "person", kept->person_code, "officer",
                     kept->officer_code);
}

static bool write_description(const struct kept *kept, struct error *e)
{
    char path[SCENE_PATH_MAX], beside[SCENE_PATH_MAX];
    if (!scene_path(kept->scene, "demo.json", path, e) || !scene_path(kept->scene, "demo.json.new", beside, e)) {
        return false;
    }
    json_t *root = description(kept);
    if (root == NULL) {
        return error_memory(e, path);
    }
    /* The codes in it are for its owner alone. Renamed into place, so that whoever waits for it never reads half of it. */
    (void)unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && json_dumpfd(root, fd, JSON_INDENT(2)) == 0;
    ok = (fd < 0 || close(fd) == 0) && ok && rename(beside, path) == 0;
    if (!ok) {
        error_system(e, path, "check the folder's owner and mode");
    }
    json_decref(root);
    return ok;
}

/* ---- What people read ---- */

static void print_what_to_do(const struct kept *kept)
{
    const struct scene_gateway *clinic = &kept->scene->gateways[CLINIC];
    (void)printf("\n"
                 "You are Amara Okafor, a patient of Port Aurora Hospital. Your pages:\n"
                 "\n"
                 "    %s     code  %s\n"
                 "\n"
                 "  1. Sign in with the code. The list shows who asked for your record, and what they got.\n"
                 "  2. Open one that was allowed, and press \"Check now\": your browser proves it from the hospital's log.\n"
                 "  3. Follow \"your consent\" there, and press \"Withdraw all of it\".\n",
                 kept->portal_url, kept->person_code);
    if (kept->asking_s > 0) {
        (void)printf("  4. Go back to the list. The clinic asks every %u s: from now on it is refused, here as well.\n", kept->asking_s);
    } else {
        (void)printf("  4. Have the clinic ask, and look into the list again:\n");
    }
    (void)printf("\n"
                 "Nia, the hospital's data protection officer, sees the same from the other side:\n"
                 "\n"
                 "    %s     code  %s\n"
                 "\n"
                 "The clinic asks by this, if you want to be the clinic:\n"
                 "\n"
                 "    curl -i -H 'X-Road-Client: %s' -H 'Comity-Purpose: health:PrimaryCareManagement' \\\n"
                 "      http://127.0.0.1:%u" DEMO_PATH DEMO_CONSENTED "\n"
                 "\n"
                 "Each code works once; another one for the person:\n"
                 "\n"
                 "    printf " DEMO_CONSENTED " | %s -C %s/hospital code issue --person -\n"
                 "\n"
                 "ready: %s/demo.json has all of this for programs; end it with Ctrl-C or SIGTERM\n",
                 kept->console_url, kept->officer_code, clinic->subsystem, clinic->applications_port, kept->scene->program,
                 kept->scene->folder, kept->scene->folder);
    (void)fflush(stdout);
}

/* ---- The clinic ---- */

/* A line when the answer is another one than the last. */
static void clinic_asks(struct kept *kept)
{
    const struct scene_gateway *clinic = &kept->scene->gateways[CLINIC];
    struct error e = { 0 };
    struct reply reply;
    char told[sizeof kept->last], text[sizeof e];
    if (!ask(clinic->applications_port, DEMO_PATH DEMO_CONSENTED, clinic->subsystem, &reply, &e)) {
        (void)snprintf(told, sizeof told, "no answer: %s", error_text(&e, text, sizeof text));
    } else if (reply.reason[0] != '\0') {
        (void)snprintf(told, sizeof told, "%u, refused: %s", reply.status, reply.reason);
    } else {
        (void)snprintf(told, sizeof told, "%u, released: %.100s", reply.status, reply.released);
    }
    reply_clear(&reply);
    if (strcmp(told, kept->last) != 0) {
        memcpy(kept->last, told, sizeof told);
        (void)printf("the clinic asks for %s -> %s\n", DEMO_CONSENTED, told);
        (void)fflush(stdout);
    }
}

static void wait_for_end(struct kept *kept)
{
    const struct timespec pause = { .tv_sec = kept->asking_s };
    sigset_t ends;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    while ((kept->asking_s > 0 ? sigtimedwait(&ends, NULL, &pause) : sigwaitinfo(&ends, NULL)) < 0) {
        if (errno == EAGAIN) {
            clinic_asks(kept);
        }
    }
}

int keep_up(struct scene *scene, unsigned asking_s)
{
    struct kept kept = { .scene = scene, .asking_s = asking_s };
    struct error e = { 0 };
    char text[sizeof e], path[SCENE_PATH_MAX];
    (void)snprintf(kept.portal_url, URL_SIZE, "http://" PORTAL_HOST ":%u/", scene->gateways[HOSPITAL].api_port);
    (void)snprintf(kept.console_url, URL_SIZE, "http://" CONSOLE_HOST ":%u/console", scene->gateways[HOSPITAL].api_port);
    if (asking_s > 0) {
        clinic_asks(&kept);
    }
    bool ok = demo_consent(scene, DEMO_CONSENTED, NULL, 0, &e);
    if (ok && asking_s > 0) {
        clinic_asks(&kept);
    }
    if (!ok || !issue_codes(&kept, &e) || !write_description(&kept, &e)) {
        (void)fprintf(stderr, "comity demo: %s\n", error_text(&e, text, sizeof text));
        return 2;
    }
    print_what_to_do(&kept);
    wait_for_end(&kept);
    if (scene_path(scene, "demo.json", path, &e)) {
        (void)unlink(path);
    }
    return 0;
}
