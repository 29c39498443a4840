#include "demo/scene.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "demo/ask.h"

enum { ARGUMENTS_MAX = 32, READY_MS = 10000, OUTPUT_BYTES_MAX = 4 * 1024 * 1024 };

static const char *const communities[] = { "AURORA", "BAOBAB", "CEDAR" };
static const char *const drafts[] = { "aurora.json", "baobab.json", "cedar.json" };
static const char *const notes[] = { "aurora.note", "baobab.note", "cedar.note" };
static const char *const operator_keys[] = { "aurora-operator.pem", "baobab-operator.pem", "cedar-operator.pem" };

bool scene_comity(const struct scene *scene, const struct scene_gateway *gateway, const char *const *arguments, struct bytes input,
                  int *exit_code, json_t **out, struct error *e)
{
    const char *argv[ARGUMENTS_MAX + 6];
    char folder[SCENE_PATH_MAX];
    struct buffer output, chatter;
    size_t count = 0;
    if (!scene_path(scene, gateway == NULL ? "." : gateway->name, folder, e)) {
        return false;
    }
    argv[count++] = scene->program;
    argv[count++] = "--json";
    for (size_t i = 0; i < ARGUMENTS_MAX && arguments[i] != NULL; i++) {
        argv[count++] = arguments[i];
    }
    argv[count] = NULL;
    buffer_init(&output, OUTPUT_BYTES_MAX);
    buffer_init(&chatter, OUTPUT_BYTES_MAX);
    bool ok = process_run(folder, argv, input, &output, &chatter, exit_code, e);
    if (ok && out != NULL) {
        *out = json_loadb((const char *)output.data, output.size, JSON_DECODE_ANY, NULL);
    }
    if (ok && *exit_code == 2) {
        ok = error_set(e, ERROR_INPUT, arguments[0], NULL, "%.*s", BYTES_FMT(bytes_slice(buffer_bytes(&chatter), 0, 200)));
    }
    buffer_clear(&output);
    buffer_clear(&chatter);
    return ok;
}

/* Runs one that must succeed. */
static bool comity(const struct scene *scene, const struct scene_gateway *gateway, const char *const *arguments, json_t **out,
                   struct error *e)
{
    int exit_code = 0;
    if (!scene_comity(scene, gateway, arguments, BYTES_NONE, &exit_code, out, e)) {
        return false;
    }
    return exit_code == 0 || error_set(e, ERROR_DENIED, arguments[0], NULL, "comity %s ended with %d", arguments[0], exit_code);
}

static bool take_text(json_t *from, const char *name, char out[SCENE_KEY_MAX], struct error *e)
{
    const char *text = json_string_value(json_object_get(from, name));
    if (text == NULL || strlen(text) >= SCENE_KEY_MAX) {
        return error_set(e, ERROR_INPUT, name, NULL, "the command printed no %s", name);
    }
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool make_community(struct scene *scene, size_t which, struct error *e)
{
    json_t *made = NULL;
    const char *const arguments[] = { "directory",          "create",      "--community", communities[which], "--key",
                                      operator_keys[which], drafts[which], NULL };
    /* Two countries with a law each; what Cedar says of itself nobody asks, as nobody recognises it. */
    static const char *const laws[] = { "CN-PIPL", "KE-DPA", "strict" }, *const countries[] = { "CN", "KE", "ET" };
    const char *const law[] = { "directory", "set-law", drafts[which], laws[which], NULL };
    const char *const country[] = { "directory", "set-country", drafts[which], countries[which], NULL };
    bool ok = comity(scene, NULL, arguments, &made, e) && take_text(made, "operator", scene->operators[which], e) &&
              comity(scene, NULL, law, NULL, e) && comity(scene, NULL, country, NULL, e);
    json_decref(made);
    return ok;
}

static size_t community_of(const struct scene_gateway *gateway)
{
    size_t which = 0;
    while (which + 1 < COUNT_OF(communities) && strcmp(communities[which], gateway->community) != 0) {
        which++;
    }
    return which;
}

static bool make_gateway(struct scene *scene, struct scene_gateway *g, struct error *e)
{
    char peers[64], applications[64], management[64], api[64];
    json_t *made = NULL;
    g->peers_port = process_free_port();
    g->applications_port = process_free_port();
    g->management_port = process_free_port();
    (void)snprintf(peers, sizeof peers, "127.0.0.1:%u", g->peers_port);
    (void)snprintf(applications, sizeof applications, "127.0.0.1:%u", g->applications_port);
    (void)snprintf(management, sizeof management, "127.0.0.1:%u", g->management_port);
    bool has_api = g == &scene->gateways[HOSPITAL];
    g->api_port = has_api ? process_free_port() : 0;
    (void)snprintf(api, sizeof api, "127.0.0.1:%u", g->api_port);
    const char *const arguments[] = { "init",
                                      "--operator",
                                      scene->operators[community_of(g)],
                                      "--peers",
                                      peers,
                                      "--applications",
                                      applications,
                                      "--management",
                                      management,
                                      g->name,
                                      g->member,
                                      has_api ? "--api" : NULL,
                                      api,
                                      NULL };
    bool ok = comity(scene, NULL, arguments, &made, e) && take_text(made, "statement_key", g->statement_key, e) &&
              take_text(made, "tls_pin", g->tls_pin, e);
    json_decref(made);
    return ok;
}

/* Enters a member with its subsystem and its gateway into its community's directory. */
static bool enter(struct scene *scene, const struct scene_gateway *g, const char *name, struct error *e)
{
    char address[64];
    const char *draft = drafts[community_of(g)];
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", g->peers_port);
    const char *const member[] = { "directory", "add-member", draft, g->member, "--name", name, NULL };
    const char *const subsystem[] = { "directory", "add-subsystem", draft, g->subsystem, NULL };
    const char *const gateway[] = { "directory",       "add-gateway",    draft,       g->member,  "GW1", "--address", address,
                                    "--statement-key", g->statement_key, "--tls-pin", g->tls_pin, NULL };
    return comity(scene, NULL, member, NULL, e) && comity(scene, NULL, subsystem, NULL, e) && comity(scene, NULL, gateway, NULL, e);
}

static bool recognise(struct scene *scene, size_t who, size_t whom, struct error *e)
{
    const char *const arguments[] = { "directory", "recognise", drafts[who], communities[whom], "--operator", scene->operators[whom],
                                      "--until",   "365d",      NULL };
    return comity(scene, NULL, arguments, NULL, e);
}

static bool sign(struct scene *scene, size_t which, struct error *e)
{
    const char *const arguments[] = { "directory", "sign", drafts[which], "--key", operator_keys[which], "--valid", "30d", NULL };
    return comity(scene, NULL, arguments, NULL, e);
}

/* Gives a gateway its own community's directory, and those of others. */
static bool hand_out(struct scene *scene, const struct scene_gateway *g, struct error *e)
{
    char to[SCENE_PATH_MAX];
    size_t own = community_of(g);
    (void)snprintf(to, sizeof to, "%s/foreign", g->name);
    if (!scene_make_folder(scene, to, e)) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(communities); i++) {
        if (i == own) {
            (void)snprintf(to, sizeof to, "%s/directory.note", g->name);
        } else {
            (void)snprintf(to, sizeof to, "%s/foreign/%s.note", g->name, communities[i]);
        }
        if (!scene_copy(scene, notes[i], to, e)) {
            return false;
        }
    }
    return true;
}

bool scene_apply(struct scene *scene, const struct scene_gateway *g, const char *file, const char *own, struct error *e)
{
    char to[SCENE_PATH_MAX], path[SCENE_PATH_MAX];
    (void)snprintf(to, sizeof to, "%s/policy.yaml", g->name);
    const char *const arguments[] = { "apply", path, NULL };
    return scene_write(scene, file, to, own, e) && scene_path(scene, to, path, e) && comity(scene, g, arguments, NULL, e);
}

bool scene_publish(struct scene *scene, const char *file, struct error *e)
{
    char path[SCENE_PATH_MAX];
    const char *const arguments[] = { "notice", "publish", path, "--by", "the hospital's privacy office", NULL };
    return scene_write(scene, file, file, "", e) && scene_path(scene, file, path, e) &&
           comity(scene, &scene->gateways[HOSPITAL], arguments, NULL, e);
}

/* The clinic watches the hospital's log: it cosigns its checkpoints, and keeps a copy. */
static bool watch_each_other(struct scene *scene, struct error *e)
{
    const struct scene_gateway *clinic = &scene->gateways[CLINIC];
    const char *const witness[] = { "log", "witness", NULL };
    const char *const make[] = { "log", "mirror", "--make", NULL };
    char key[SCENE_KEY_MAX], policy[2 * SCENE_KEY_MAX], log[256];
    json_t *told = NULL;
    bool ok = comity(scene, clinic, witness, &told, e) && take_text(told, "key", key, e) && comity(scene, clinic, make, NULL, e);
    json_decref(told);
    (void)snprintf(policy, sizeof policy, "witness clinic %s https://127.0.0.1:%u/witness\nquorum clinic\n", key, clinic->peers_port);
    (void)snprintf(log, sizeof log, "\nlog: { witnesses: witnesses.policy, mirrors: [ 'https://127.0.0.1:%u/mirror' ] }\n",
                   clinic->peers_port);
    return ok && scene_append(scene, "hospital/witnesses.policy", policy, e) && scene_append(scene, "hospital/gateway.yaml", log, e) &&
           scene_append(scene, "clinic/gateway.yaml", "\nmirror: { logs: [ 'AURORA/HEALTH/HOSPITAL/GW1' ] }\n", e);
}

static bool make_communities(struct scene *scene, struct error *e)
{
    struct scene_gateway *g = scene->gateways;
    for (size_t i = 0; i < COUNT_OF(communities); i++) {
        if (!make_community(scene, i, e)) {
            return false;
        }
    }
    for (size_t i = 0; i < SCENE_GATEWAYS; i++) {
        if (!make_gateway(scene, &g[i], e)) {
            return false;
        }
    }
    /* The impostor has the clinic's name, but keys that nobody entered. Cedar recognises Aurora, Aurora doesn't recognise Cedar. */
    if (!enter(scene, &g[HOSPITAL], "Port Aurora Hospital", e) || !enter(scene, &g[CLINIC], "Baobab Clinic", e) ||
        !enter(scene, &g[STRANGER], "Cedar Lab", e) || !recognise(scene, 0, 1, e) || !recognise(scene, 1, 0, e) ||
        !recognise(scene, 2, 0, e)) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(communities); i++) {
        if (!sign(scene, i, e)) {
            return false;
        }
    }
    for (size_t i = 0; i < SCENE_GATEWAYS; i++) {
        if (!hand_out(scene, &g[i], e) ||
            !scene_apply(scene, &g[i], i == HOSPITAL ? "hospital.yaml" : "clinic.yaml", i == HOSPITAL ? "" : g[i].subsystem, e)) {
            return false;
        }
    }
    return watch_each_other(scene, e);
}

static bool start_service(struct scene *scene, struct error *e)
{
    char configuration[SCENE_PATH_MAX], log[SCENE_PATH_MAX], from[64], to[64];
    if (!scene_make_folder(scene, "tmp", e) || !scene_make_folder(scene, "fhir", e) || !scene_make_folder(scene, "fhir/summary", e) ||
        !scene_write(scene, "nginx.conf", "nginx.conf", "", e) || !scene_path(scene, "nginx.conf", configuration, e) ||
        !scene_path(scene, "nginx.log", log, e)) {
        return false;
    }
    for (unsigned person = 1001; person <= 1005; person++) {
        (void)snprintf(from, sizeof from, person <= 1003 ? "summary-PT-%u.json" : "summary-other.json", person);
        (void)snprintf(to, sizeof to, "fhir/summary/PT-%u", person);
        if (!scene_write(scene, from, to, to + strlen("fhir/summary/"), e)) {
            return false;
        }
    }
    const char *const argv[] = { "nginx", "-p", scene->folder, "-e", log, "-c", configuration, NULL };
    return process_start(&scene->nginx, argv, log, e) &&
           ask_until_there(scene->service_port, "/fhir/summary/PT-1001", 200, READY_MS, log, e);
}

bool scene_start_gateway(struct scene *scene, struct scene_gateway *gateway, bool wants_ready, struct error *e)
{
    char folder[SCENE_PATH_MAX], log[SCENE_PATH_MAX], name[SCENE_PATH_MAX];
    (void)snprintf(name, sizeof name, "%s/gateway.log", gateway->name);
    if (!scene_path(scene, gateway->name, folder, e) || !scene_path(scene, name, log, e)) {
        return false;
    }
    const char *const argv[] = { scene->program, "-C", folder, "gateway", NULL };
    return process_start(&gateway->pid, argv, log, e) &&
           ask_until_there(gateway->management_port, wants_ready ? "/readyz" : "/healthz", 200, READY_MS, log, e);
}

static bool prepare_folder(struct scene *scene, const char *folder, struct error *e)
{
    if (folder == NULL) {
        const char *parent = getenv("TMPDIR");
        (void)snprintf(scene->folder, sizeof scene->folder, "%s/comity-demo.XXXXXX", parent == NULL || parent[0] == '\0' ? "/tmp" : parent);
        scene->is_folder_made = mkdtemp(scene->folder) != NULL;
        /* nginx's worker runs as another user when we are root, and must reach the files. */
        return (scene->is_folder_made && chmod(scene->folder, 0755) == 0) ||
               error_system(e, scene->folder, "set TMPDIR to a folder that can be written");
    }
    if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
        return error_system(e, folder, "name a folder that can be made");
    }
    char *full = realpath(folder, NULL);
    if (full == NULL || strlen(full) >= SCENE_PATH_MAX / 2) {
        free(full);
        return error_set(e, ERROR_INPUT, folder, "choose a shorter --dir", "the path is too long");
    }
    memcpy(scene->folder, full, strlen(full) + 1);
    free(full);
    return true;
}

bool scene_make(struct scene *scene, const char *folder, struct error *e)
{
    static const struct scene_gateway cast[SCENE_GATEWAYS] = {
        [HOSPITAL] = { .name = "hospital",
                       .community = "AURORA",
                       .member = "AURORA/HEALTH/HOSPITAL",
                       .subsystem = "AURORA/HEALTH/HOSPITAL/records" },
        [CLINIC] = { .name = "clinic",
                     .community = "BAOBAB",
                     .member = "BAOBAB/HEALTH/CLINIC",
                     .subsystem = "BAOBAB/HEALTH/CLINIC/frontdesk" },
        [STRANGER] = { .name = "stranger", .community = "CEDAR", .member = "CEDAR/HEALTH/LAB", .subsystem = "CEDAR/HEALTH/LAB/frontdesk" },
        [IMPOSTOR] = { .name = "impostor",
                       .community = "BAOBAB",
                       .member = "BAOBAB/HEALTH/CLINIC",
                       .subsystem = "BAOBAB/HEALTH/CLINIC/frontdesk" },
    };
    memset(scene, 0, sizeof *scene);
    memcpy(scene->gateways, cast, sizeof cast);
    ssize_t size = readlink("/proc/self/exe", scene->program, sizeof scene->program - 1);
    if (size <= 0) {
        return error_system(e, "/proc/self/exe", "mount /proc");
    }
    scene->program[size] = '\0';
    scene->service_port = process_free_port();
    if (!prepare_folder(scene, folder, e) || !make_communities(scene, e) || !start_service(scene, e) ||
        !scene_start_gateway(scene, &scene->gateways[HOSPITAL], true, e) ||
        !scene_start_gateway(scene, &scene->gateways[CLINIC], true, e) || !scene_publish(scene, "notice-summary.json", e)) {
        scene_end(scene);
        return false;
    }
    return true;
}

void scene_end(struct scene *scene)
{
    for (size_t i = 0; i < SCENE_GATEWAYS; i++) {
        process_stop(&scene->gateways[i].pid, SIGTERM);
    }
    process_stop(&scene->nginx, SIGTERM);
    if (scene->is_folder_made) {
        scene_remove(scene->folder);
    }
}
