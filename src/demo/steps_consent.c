/* The steps about the person's consent and the community's law. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "demo/ask.h"
#include "demo/steps_internal.h"

#define CHILD "PT-1004"
/* The digest of a paper that was shown: the birth certificate, the mother's own card. */
#define PAPER "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define NOBODY_ASKED "PT-1002"
#define CONTACT_PATH "/r1/AURORA/HEALTH/HOSPITAL/records/contact/"

static bool wrong(struct error *e, const char *what, const char *got)
{
    return error_set(e, ERROR_DENIED, "demo", NULL, "%s, but got: %s", what, got == NULL || got[0] == '\0' ? "(nothing)" : got);
}

/* One question of the clinic; prints it, and what came. */
static bool ask_for(struct step_state *state, const char *path, const char *person, const struct field *more, size_t count,
                    struct reply *reply, struct error *e)
{
    const struct scene_gateway *clinic = &state->scene->gateways[CLINIC];
    char target[256];
    (void)snprintf(target, sizeof target, "%s%s", path, person);
    if (!ask_with(clinic->applications_port, target, clinic->subsystem, more, count, reply, e)) {
        return false;
    }
    say("GET %s", target);
    for (size_t i = 0; i < count; i++) {
        say("  %.*s: %.*s", BYTES_FMT(more[i].name), BYTES_FMT(more[i].value));
    }
    say("  -> %u %s", reply->status, reply->reason);
    if (reply->released[0] != '\0') {
        say("     released: %s", reply->released);
    }
    return true;
}

static bool expect(struct step_state *state, const char *path, const char *person, const char *reason, struct error *e)
{
    struct reply reply;
    if (!ask_for(state, path, person, NULL, 0, &reply, e)) {
        return false;
    }
    bool ok = strcmp(reply.reason, reason) == 0 && (reply.status == 200) == (reason[0] == '\0');
    if (!ok) {
        (void)wrong(e, reason[0] == '\0' ? "the answer must come" : reason, reply.reason);
    }
    reply_clear(&reply);
    return ok;
}

/* Runs a command at the hospital about a person, and prints what it is; `ends` is how it must end. */
static bool at_hospital(struct step_state *state, const char *shown, const char *const *arguments, const char *person, int ends,
                        json_t **out, struct error *e)
{
    int exit_code = 0;
    say("%s", shown);
    if (!scene_comity(state->scene, &state->scene->gateways[HOSPITAL], arguments, bytes_of_text(person), &exit_code, out, e)) {
        return false;
    }
    return exit_code == ends || wrong(e, ends == 0 ? "the command must succeed" : "the answer must be no", exit_code == 0 ? "yes" : "no");
}

/* ---- A child ---- */

bool demo_child(struct step_state *state, struct error *e)
{
    char guardian[SCENE_PATH_MAX];
    json_t *said = NULL;
    if (!scene_append(state->scene, "guardian.txt", "PT-2001", e) || !scene_path(state->scene, "guardian.txt", guardian, e)) {
        return false;
    }
    char by_ref[SCENE_PATH_MAX + 1];
    (void)snprintf(by_ref, sizeof by_ref, "@%s", guardian);
    const char *const born[] = { "person", "set", "--person", "-", "--born", "2019-08-30", "--by", "authority", NULL };
    const char *const alone[] = { "consent",    "give",       "--person", "-",          "--notice", "n-summary",  "--separate",
                                  "sensitive",  "--separate", "provide",  "--separate", "border",   "--separate", "minor",
                                  "--language", "en",         "--method", "kiosk",      NULL };
    const char *const add[] = { "person", "guardian", "add",        "--person", "-",
                                "--ref",  by_ref,     "--relation", "mother",   "--relation-evidence",
                                PAPER,    "--proof",  PAPER,        "--by",     "authority",
                                NULL };
    const char *const give[] = { "consent",    "give",    "--person",   "-",      "--notice",   "n-summary", "--separate", "sensitive",
                                 "--separate", "provide", "--separate", "border", "--separate", "minor",     "--by",       "guardian",
                                 "--by-ref",   by_ref,    "--language", "en",     "--method",   "kiosk",     NULL };
    if (!at_hospital(state, "comity person set --person - --born 2019-08-30", born, CHILD, 0, NULL, e) ||
        !at_hospital(state, "comity consent give --person - --notice n-summary ...   (by the child alone)", alone, CHILD, 1, &said, e)) {
        json_decref(said);
        return false;
    }
    json_decref(said);
    say("  -> refused: under 14 a guardian decides (PIPL 31)");
    return at_hospital(state, "comity person guardian add --person - --ref @guardian.txt --relation mother", add, CHILD, 0, NULL, e) &&
           at_hospital(state, "comity consent give --person - --notice n-summary --by guardian --by-ref @guardian.txt ...", give, CHILD, 0,
                       NULL, e) &&
           expect(state, DEMO_PATH, CHILD, "", e);
}

/* ---- An emergency ---- */

bool demo_break_glass(struct step_state *state, struct error *e)
{
    static const struct field claim[] = { { BYTES("Comity-Basis"), BYTES("vital") },
                                          { BYTES("Comity-Justification"), BYTES("unconscious after an accident") },
                                          { BYTES("Comity-Confirmed-By"), BYTES("Dr Wanjiru") } };
    const char *const arguments[] = { "log", "show", "--person", "-", NULL };
    struct reply reply;
    json_t *shown = NULL;
    if (!expect(state, DEMO_PATH, NOBODY_ASKED, "consent.none", e)) {
        return false;
    }
    say("nobody can ask the person now:");
    if (!ask_for(state, DEMO_PATH, NOBODY_ASKED, claim, COUNT_OF(claim), &reply, e)) {
        return false;
    }
    bool ok = (reply.status == 200 && strstr(reply.released, "HealthHistory") != NULL && strstr(reply.released, "Name") == NULL) ||
              wrong(e, "the history of health, and nothing else, must come", reply.reason);
    reply_clear(&reply);
    if (!ok ||
        !at_hospital(state, "comity log show --person -   (what the person sees afterwards)", arguments, NOBODY_ASKED, 0, &shown, e)) {
        json_decref(shown);
        return false;
    }
    const json_t *uses = json_object_get(shown, "uses");
    const json_t *last = json_array_get(uses, json_array_size(uses) - 1);
    const char *released = json_string_value(json_object_get(last, "released"));
    say("  -> %s by %s: %s", json_string_value(json_object_get(last, "time")), json_string_value(json_object_get(last, "client")),
        released == NULL ? "-" : released);
    ok = (released != NULL && strstr(released, "HealthHistory") != NULL) || wrong(e, "the person must see the emergency's use", released);
    json_decref(shown);
    return ok;
}

/* ---- No more than is needed ---- */

bool demo_coarse(struct step_state *state, struct error *e)
{
    struct reply reply;
    if (!ask_for(state, CONTACT_PATH, DEMO_CONSENTED, NULL, 0, &reply, e)) {
        return false;
    }
    struct buffer text;
    buffer_init(&text, 64 * 1024);
    json_text(reply.body, &text);
    const char *got = text.failed ? "" : (const char *)text.data;
    say("     %s", got);
    bool ok = reply.status == 200 && strstr(got, "1984-03-12") == NULL && strstr(got, "555 1001") == NULL && strstr(got, "1001") != NULL &&
              strstr(got, "\"40-64\"") != NULL;
    if (!ok) {
        (void)wrong(e, "an age band and the end of the number must come", got);
    }
    buffer_clear(&text);
    reply_clear(&reply);
    return ok;
}

/* ---- A scraper ---- */

bool demo_scraper(struct step_state *state, struct error *e)
{
    static const char *const persons[] = { "PT-1001", "PT-1002", "PT-1003" };
    for (size_t i = 0; i < COUNT_OF(persons); i++) {
        if (!expect(state, CONTACT_PATH, persons[i], "", e)) {
            return false;
        }
    }
    say("four persons an hour are what a counter needs, whatever it asks for; the fifth:");
    if (!expect(state, CONTACT_PATH, "PT-1005", "harvest.limit", e) || !expect(state, CONTACT_PATH, "PT-1001", "harvest.limit", e)) {
        return false;
    }
    say("the clinic is held until somebody at the hospital has looked:");
    const char *const holds[] = { "policy", "holds", NULL };
    json_t *shown = NULL;
    if (!at_hospital(state, "comity policy holds", holds, "", 0, &shown, e)) {
        json_decref(shown);
        return false;
    }
    json_decref(shown);
    const char *const release[] = {
        "policy", "release-hold", "--consumer", "BAOBAB/HEALTH/CLINIC",   "--service", "AURORA/HEALTH/HOSPITAL/records/contact",
        "--by",   "J. Officer",   "--reason",   "a queue at the counter", NULL
    };
    return at_hospital(state, "comity policy release-hold --consumer BAOBAB/HEALTH/CLINIC ...", release, "", 0, NULL, e) &&
           expect(state, CONTACT_PATH, "PT-1001", "", e);
}

/* ---- A changed notice ---- */

bool demo_changed_notice(struct step_state *state, struct error *e)
{
    if (!demo_consent(state->scene, DEMO_CONSENTED, NULL, 0, e) || !expect(state, DEMO_PATH, DEMO_CONSENTED, "", e)) {
        return false;
    }
    say("comity notice publish notice-summary-2.json   (the clinic now keeps a copy)");
    if (!scene_publish(state->scene, "notice-summary-2.json", e) || !expect(state, DEMO_PATH, DEMO_CONSENTED, "consent.none", e)) {
        return false;
    }
    say("the old consents ended with it: the person is shown the new notice, and consents to that");
    return demo_consent(state->scene, DEMO_CONSENTED, NULL, 0, e) && expect(state, DEMO_PATH, DEMO_CONSENTED, "", e);
}

/* ---- The border ---- */

bool demo_border(struct step_state *state, struct error *e)
{
    struct scene *scene = state->scene;
    const struct scene_gateway *hospital = &scene->gateways[HOSPITAL];
    say("comity apply policy.yaml   (the standard contract sc-014 ended yesterday)");
    if (!scene_apply(scene, hospital, "hospital.yaml", "until: \"@YESTERDAY@\"", e) ||
        !expect(state, DEMO_PATH, DEMO_CONSENTED, "border.instrument", e)) {
        return false;
    }
    say("comity apply policy.yaml   (renewed)");
    return scene_apply(scene, hospital, "hospital.yaml", "", e) && expect(state, DEMO_PATH, DEMO_CONSENTED, "", e);
}

/* ---- For other people's tools ---- */

bool demo_exports(struct step_state *state, struct error *e)
{
    static const char *const formats[] = { "dpv", "kantara", "fhir-r4", "fhir-r5", "rebit" };
    char id[128];
    if (!demo_consent(state->scene, DEMO_CONSENTED, id, sizeof id, e)) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        const char *const arguments[] = { "consent", "export", id, "--format", formats[i], NULL };
        char shown[256];
        json_t *made = NULL;
        (void)snprintf(shown, sizeof shown, "comity consent export %s --format %s", id, formats[i]);
        bool ok = at_hospital(state, shown, arguments, "", 0, &made, e) &&
                  (json_is_object(made) || wrong(e, "JSON must come", "something else"));
        json_decref(made);
        if (!ok) {
            return false;
        }
    }
    return true;
}
