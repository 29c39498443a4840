/* Steps 11 to 15: evidence that travels, and a log that was put back, damaged, or told two stories. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/disk.h"
#include "demo/ask.h"
#include "demo/evidence_check.h"
#include "demo/steps_internal.h"

enum { OUTPUT_BYTES_MAX = 256 * 1024, WAIT_MS = 20000, LOOK_MS = 100, STORY_LINES = 40, FEW_LINES = 2 };

#define BUNDLE "case.comity-evidence"
#define BENT "bent.comity-evidence"
#define TRUST "trust.txt"
#define OLD "hospital-old"
#define HOSPITAL_GATEWAY "AURORA/HEALTH/HOSPITAL/GW1"

static bool wrong(struct error *e, const char *what)
{
    return error_set(e, ERROR_DENIED, "demo", NULL, "%s", what);
}

static void show(struct bytes text, size_t lines)
{
    struct bytes line;
    size_t shown = 0;
    while (bytes_split(&text, '\n', &line) && shown++ < lines) {
        say("  | %.*s", BYTES_FMT(line));
    }
}

/* Runs a program in the scene's folder, or in one below it; what it says is in `output` and `chatter`, which the caller clears. */
static bool run(const struct scene *scene, const char *in, const char *const *argv, int *exit_code, struct buffer *output,
                struct buffer *chatter, struct error *e)
{
    char folder[SCENE_PATH_MAX];
    buffer_init(output, OUTPUT_BYTES_MAX);
    buffer_init(chatter, OUTPUT_BYTES_MAX);
    return scene_path(scene, in, folder, e) && process_run(folder, argv, BYTES_NONE, output, chatter, exit_code, e);
}

/* The same, when only the exit code counts. So many lines of what it said are shown; more when it ended otherwise. */
static bool expect_exit(const struct scene *scene, const char *in, const char *const *argv, int wanted, size_t lines, struct error *e)
{
    struct buffer output, chatter;
    int exit_code = -1;
    bool ok = run(scene, in, argv, &exit_code, &output, &chatter, e);
    if (ok && (lines > 0 || exit_code != wanted)) {
        show(buffer_bytes(&output), exit_code == wanted ? lines : STORY_LINES);
        show(buffer_bytes(&chatter), exit_code == wanted ? lines : STORY_LINES);
    }
    if (ok && exit_code != wanted) {
        ok = error_set(e, ERROR_DENIED, "demo", NULL, "%s must end with %d, but ended with %d", argv[1], wanted, exit_code);
    }
    buffer_clear(&output);
    buffer_clear(&chatter);
    return ok;
}

static bool stop_hospital(struct scene *scene)
{
    process_stop(&scene->gateways[HOSPITAL].pid, SIGTERM);
    return true;
}

/* Its machine dies: nothing more is said to anybody. */
static bool kill_hospital(struct scene *scene)
{
    process_stop(&scene->gateways[HOSPITAL].pid, SIGKILL);
    return true;
}

static bool start_hospital(struct scene *scene, struct error *e)
{
    return scene_start_gateway(scene, &scene->gateways[HOSPITAL], true, e);
}

/* ---- What others know of the hospital's log ---- */

/* How much of the hospital's log the clinic has cosigned (`what` "witness") or holds a copy of ("mirror"). */
static bool known_size(struct scene *scene, const char *what, uint64_t *size, struct error *e)
{
    const char *const arguments[] = { "log", what, NULL };
    json_t *told = NULL, *log;
    int exit_code = 0;
    size_t i;
    *size = 0;
    if (!scene_comity(scene, &scene->gateways[CLINIC], arguments, BYTES_NONE, &exit_code, &told, e)) {
        return false;
    }
    json_array_foreach(json_object_get(told, "logs"), i, log)
    {
        const char *origin = json_string_value(json_object_get(log, "origin"));
        if (origin != NULL && strcmp(origin, HOSPITAL_GATEWAY) == 0) {
            *size = (uint64_t)json_integer_value(json_object_get(log, "size"));
        }
    }
    json_decref(told);
    return true;
}

static bool wait_until_known(struct scene *scene, struct error *e)
{
    uint64_t wanted = 0, cosigned = 0, mirrored = 0;
    if (!evidence_count(scene, &scene->gateways[HOSPITAL], &wanted, e)) {
        return false;
    }
    for (int waited = 0; waited < WAIT_MS; waited += LOOK_MS) {
        if (!known_size(scene, "witness", &cosigned, e) || !known_size(scene, "mirror", &mirrored, e)) {
            return false;
        }
        if (cosigned >= wanted && mirrored >= wanted) {
            say("the clinic's gateway has cosigned all %llu entries of the hospital's log, and mirrors them", (unsigned long long)wanted);
            return true;
        }
        (void)poll(NULL, 0, LOOK_MS);
    }
    return error_set(e, ERROR_DENIED, "demo", NULL, "of %llu entries the clinic has cosigned %llu and mirrored %llu",
                     (unsigned long long)wanted, (unsigned long long)cosigned, (unsigned long long)mirrored);
}

/* ---- 11, 12: the bundle ---- */

/* The second verifier shares no code with the first; it needs python3-cryptography. */
static bool verify_again(struct step_state *state, const char *file, int wanted, struct error *e)
{
    const char *const argv[] = { "python3", "verify-evidence.py", file, "--trust", TRUST, NULL };
    struct buffer output, chatter;
    int exit_code = -1;
    bool ok = run(state->scene, ".", argv, &exit_code, &output, &chatter, e);
    buffer_append_u8(&chatter, '\0');
    bool is_missing = ok && (exit_code == 127 || strstr((const char *)chatter.data, "ModuleNotFoundError") != NULL);
    if (is_missing) {
        say("(python3-cryptography is not here: the second verifier was not asked)");
    } else if (ok && exit_code != wanted) {
        show(buffer_bytes(&output), STORY_LINES);
        ok = error_set(e, ERROR_DENIED, "demo", NULL, "the second verifier must end with %d, but ended with %d", wanted, exit_code);
    } else if (ok) {
        say("tools/verify-evidence.py, which shares no code with it, says the same");
    }
    buffer_clear(&output);
    buffer_clear(&chatter);
    return ok;
}

bool demo_bundle(struct step_state *state, struct error *e)
{
    struct scene *scene = state->scene;
    const char *const trust[] = { scene->program, "-C", "hospital", "evidence", "trust", "--output", TRUST, NULL };
    const char *const export[] = { scene->program,  "-C",       "hospital", "evidence", "export", "--exchange",
                                   state->exchange, "--output", BUNDLE,     NULL };
    const char *const verify[] = { scene->program, "evidence", "verify", BUNDLE, "--trust", TRUST, NULL };
    say("comity -C hospital evidence export --exchange %s --output " BUNDLE, state->exchange);
    if (!wait_until_known(scene, e) || !scene_write(scene, "verify-evidence.py", "verify-evidence.py", "", e) ||
        !expect_exit(scene, ".", trust, 0, 0, e) || !expect_exit(scene, ".", export, 0, 0, e)) {
        return false;
    }
    say("comity evidence verify " BUNDLE " --trust " TRUST "   (no gateway, no network)");
    return expect_exit(scene, ".", verify, 0, STORY_LINES, e) && verify_again(state, BUNDLE, 0, e);
}

/* One bit of a statement's bytes, which stand in the file as base64: of a character in the middle of the longest line. */
static bool bend(struct scene *scene, struct error *e)
{
    struct disk *disk = NULL;
    uint8_t *data = NULL;
    size_t size = 0, at = 0, longest = 0;
    if (!disk_open_folder(&disk, scene->folder, true, e)) {
        return false;
    }
    bool ok = disk_read_whole(disk, BUNDLE, OUTPUT_BYTES_MAX, &data, &size) == 0;
    for (size_t start = 0, i = 0; ok && i < size; i++) {
        if (data[i] == '\n') {
            if (i - start > longest) {
                longest = i - start;
                at = start + longest / 2;
            }
            start = i + 1;
        }
    }
    if (ok) {
        data[at] = data[at] == 'A' ? 'B' : 'A';
        ok = disk_replace(disk, BENT, bytes_of(data, size)) == 0;
    }
    free(data);
    disk_free(disk);
    return ok || error_system(e, BUNDLE, "check the folder's disk");
}

bool demo_bundle_bent(struct step_state *state, struct error *e)
{
    struct scene *scene = state->scene;
    const char *const verify[] = { scene->program, "evidence", "verify", BENT, "--trust", TRUST, NULL };
    return bend(scene, e) && expect_exit(scene, ".", verify, 1, STORY_LINES, e) && verify_again(state, BENT, 1, e);
}

/* ---- 13: a log that was put back ---- */

static bool copy_folder(struct scene *scene, const char *from, const char *to, struct error *e)
{
    const char *const argv[] = { "cp", "-a", from, to, NULL };
    return expect_exit(scene, ".", argv, 0, 0, e);
}

static bool remove_folder(struct scene *scene, const char *name, struct error *e)
{
    char path[SCENE_PATH_MAX];
    if (!scene_path(scene, name, path, e)) {
        return false;
    }
    scene_remove(path);
    return access(path, F_OK) != 0 || error_set(e, ERROR_IO, path, NULL, "it can't be removed");
}

static bool ask_once(struct scene *scene, const char *reason, struct error *e)
{
    struct reply reply;
    const struct scene_gateway *clinic = &scene->gateways[CLINIC];
    if (!ask(clinic->applications_port, DEMO_PATH DEMO_LOADED, clinic->subsystem, &reply, e)) {
        return false;
    }
    say("GET " DEMO_PATH DEMO_LOADED " -> %u %s", reply.status, reply.reason);
    bool ok = strcmp(reply.reason, reason) == 0 && (reply.status == 200) == (reason[0] == '\0');
    reply_clear(&reply);
    return ok || wrong(e, "another answer was expected");
}

bool demo_put_back(struct step_state *state, struct error *e)
{
    struct scene *scene = state->scene;
    const char *const gateway[] = { scene->program, "-C", "hospital", "gateway", NULL };
    const char *const recover[] = { scene->program, "-C", "hospital", "log", "recover", NULL };
    bool ok = stop_hospital(scene) && copy_folder(scene, "hospital", OLD, e) && start_hospital(scene, e) && ask_once(scene, "", e) &&
              wait_until_known(scene, e) && kill_hospital(scene) && remove_folder(scene, "hospital/log", e) &&
              remove_folder(scene, "hospital/records", e) && copy_folder(scene, OLD "/log", "hospital/log", e) &&
              copy_folder(scene, OLD "/records", "hospital/records", e);
    if (!ok) {
        return false;
    }
    say("the hospital's log is replaced by a backup that was made before the last exchange; it does not start:");
    if (!expect_exit(scene, ".", gateway, 2, STORY_LINES, e)) {
        return false;
    }
    say("comity log recover");
    return expect_exit(scene, ".", recover, 0, STORY_LINES, e) && start_hospital(scene, e) && ask_once(scene, "", e);
}

/* ---- 14: a log that lost files ---- */

bool demo_healed(struct step_state *state, struct error *e)
{
    struct scene *scene = state->scene;
    const char *const verify[] = { scene->program, "-C", "hospital", "log", "verify", NULL };
    const char *const heal[] = { scene->program, "-C", "hospital", "log", "heal", NULL };
    bool ok = wait_until_known(scene, e) && stop_hospital(scene) && remove_folder(scene, "hospital/log/tile", e);
    if (!ok) {
        return false;
    }
    say("all tiles and entries of the hospital's public log are lost; comity log verify says so; comity log heal");
    return expect_exit(scene, ".", verify, 1, 0, e) && expect_exit(scene, ".", heal, 0, STORY_LINES, e) &&
           expect_exit(scene, ".", verify, 0, STORY_LINES, e) && start_hospital(scene, e) && ask_once(scene, "", e);
}

/* ---- 15: a log with two histories ---- */

/* The twin runs on the old copy, with the hospital's keys and ports, and asks no witness: it would be told. */
static bool run_twin(struct scene *scene, struct error *e)
{
    struct scene_gateway twin = scene->gateways[HOSPITAL];
    twin.name = OLD;
    twin.pid = 0;
    const char *const forget[] = { "sed", "-i", "/^log:/d", "gateway.yaml", NULL };
    bool ok = stop_hospital(scene) && expect_exit(scene, OLD, forget, 0, 0, e) && scene_start_gateway(scene, &twin, true, e) &&
              ask_once(scene, "", e);
    process_stop(&twin.pid, SIGTERM);
    return ok;
}

bool demo_two_histories(struct step_state *state, struct error *e)
{
    struct scene *scene = state->scene;
    const char *const audit[] = { scene->program, "-C", "clinic", "log", "audit", "--peer", HOSPITAL_GATEWAY, NULL };
    const char *const verify[] = { "sh", "-c", "exec \"$0\" evidence verify clinic/witness/equivocation/*.proof", scene->program, NULL };
    say("somebody at the hospital runs the old copy beside the log, and answers the clinic from it:");
    if (!run_twin(scene, e) || !start_hospital(scene, e)) {
        return false;
    }
    say("comity log audit --peer " HOSPITAL_GATEWAY "   (at the clinic)");
    if (!expect_exit(scene, ".", audit, 1, FEW_LINES, e)) {
        return false;
    }
    say("comity evidence verify clinic/witness/equivocation/*.proof");
    return expect_exit(scene, ".", verify, 0, STORY_LINES, e) && ask_once(scene, "peer.equivocated", e);
}
