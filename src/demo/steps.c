#include "demo/steps.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "demo/ask.h"
#include "demo/evidence_check.h"
#include "demo/steps_internal.h"

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("      ", stdout);
    (void)vprintf(format, arguments);
    (void)putchar('\n');
    va_end(arguments);
    (void)fflush(stdout);
}

static bool wrong(struct error *e, const char *what, const char *got)
{
    return error_set(e, ERROR_DENIED, "demo", NULL, "%s, but got: %s", what, got[0] == '\0' ? "(nothing)" : got);
}

/* Asks for a person's record through a gateway, and prints question and answer. */
static bool ask_record(const struct scene_gateway *from, const char *person, struct reply *reply, struct error *e)
{
    char path[256];
    (void)snprintf(path, sizeof path, DEMO_PATH "%s", person);
    if (!ask(from->applications_port, path, from->subsystem, reply, e)) {
        return false;
    }
    say("GET %s", path);
    say("  -> %u %s", reply->status, reply->reason[0] == '\0' ? "" : reply->reason);
    if (reply->released[0] != '\0') {
        say("     released: %s", reply->released);
    }
    return true;
}

static bool expect_refusal(struct step_state *state, const char *reason, struct error *e)
{
    struct reply reply;
    state->attempts++;
    if (!ask_record(&state->scene->gateways[CLINIC], DEMO_CONSENTED, &reply, e)) {
        return false;
    }
    const char *told = json_string_value(json_object_get(reply.body, "reason"));
    bool ok = reply.status == 500 && strcmp(reply.reason, reason) == 0 && told != NULL && strcmp(told, reason) == 0 &&
              strstr(reply.error, "server.serverproxy.access_denied.") == reply.error;
    if (!ok) {
        (void)wrong(e, "the request must be refused by the hospital's gateway", reply.reason);
    } else {
        say("     %s, exchange %s", reply.error, reply.exchange);
        ok = evidence_has_exchange(state->scene, reply.exchange, e);
    }
    reply_clear(&reply);
    return ok;
}

/* 1 */
static bool without_consent(struct step_state *state, struct error *e)
{
    if (!expect_refusal(state, "consent.none", e)) {
        return false;
    }
    say("the refusal stands, signed, in both logs");
    return true;
}

bool demo_consent(struct scene *scene, const char *person, char *id, size_t size, struct error *e)
{
    json_t *given = NULL;
    int exit_code = 0;
    /* Who is how old the registry knows: by it the law says who is a minor. */
    const char *const born[] = { "person", "set", "--person", "-", "--born", "1984-03-12", "--by", "authority", NULL };
    const char *const arguments[] = { "consent",          "give",       "--person",  "-",          "--notice", "n-summary",  "--category",
                                      SCENE_IMMUNIZATION, "--separate", "sensitive", "--separate", "provide",  "--separate", "border",
                                      "--language",       "en",         "--method",  "kiosk",      "--until",  "30d",        NULL };
    if (!scene_comity(scene, &scene->gateways[HOSPITAL], born, bytes_of_text(person), &exit_code, NULL, e) ||
        !scene_comity(scene, &scene->gateways[HOSPITAL], arguments, bytes_of_text(person), &exit_code, &given, e)) {
        return false;
    }
    const char *made = json_string_value(json_object_get(given, "id"));
    bool ok = exit_code == 0 && made != NULL;
    if (!ok) {
        (void)wrong(e, "the consent must be recorded", "no record");
    } else if (id != NULL) {
        (void)snprintf(id, size, "%s", made);
    }
    json_decref(given);
    return ok;
}

/* 2 */
static bool consent_to_immunisations(struct step_state *state, struct error *e)
{
    say("comity consent give --person - --notice n-summary --category comity:Immunization --separate sensitive ...");
    if (!demo_consent(state->scene, DEMO_CONSENTED, state->consent_id, sizeof state->consent_id, e)) {
        return false;
    }
    say("  -> %s", state->consent_id);
    return true;
}

/* 3 */
static bool only_what_was_consented(struct step_state *state, struct error *e)
{
    struct reply reply;
    state->attempts++;
    if (!ask_record(&state->scene->gateways[CLINIC], DEMO_CONSENTED, &reply, e)) {
        return false;
    }
    struct buffer buffer;
    buffer_init(&buffer, 1024 * 1024);
    json_text(reply.body, &buffer);
    const char *text = buffer.failed ? "" : (const char *)buffer.data;
    static const char *const gone[] = { "Hypertensive", "Palm Street", "Okafor", "Hemoglobin", "1984-03-12" };
    bool ok = reply.status == 200 && strstr(text, "\"MMR\"") != NULL && strstr(text, "\"Tdap\"") != NULL;
    if (!ok) {
        (void)wrong(e, "the immunisations must come", text);
    }
    for (size_t i = 0; ok && i < COUNT_OF(gone); i++) {
        if (strstr(text, gone[i]) != NULL) {
            ok = wrong(e, "nothing else may come", gone[i]);
        }
    }
    if (ok) {
        (void)snprintf(state->exchange, sizeof state->exchange, "%s", reply.exchange);
        say("     immunisations came: MMR, Tdap; name, birth date, address, test results and diagnoses are gone");
    }
    buffer_clear(&buffer);
    reply_clear(&reply);
    return ok;
}

/* 4 */
static bool receipts_verify(struct step_state *state, struct error *e)
{
    struct scene *scene = state->scene;
    return evidence_check_receipts(scene, e) && evidence_verify_log(scene, &scene->gateways[HOSPITAL], true, NULL, 0, e) &&
           evidence_verify_log(scene, &scene->gateways[CLINIC], true, NULL, 0, e);
}

/* 5 */
static bool person_sees_uses(struct step_state *state, struct error *e)
{
    json_t *shown = NULL;
    int exit_code = 0;
    const char *const arguments[] = { "log", "show", "--person", "-", NULL };
    if (!scene_comity(state->scene, &state->scene->gateways[HOSPITAL], arguments, BYTES(DEMO_CONSENTED), &exit_code, &shown, e)) {
        return false;
    }
    size_t permitted = 0, refused = 0, i;
    json_t *use;
    json_array_foreach(json_object_get(shown, "uses"), i, use)
    {
        const char *verdict = json_string_value(json_object_get(use, "verdict"));
        const char *client = json_string_value(json_object_get(use, "client"));
        if (verdict != NULL && client != NULL) {
            say("%s by %s: %s", json_string_value(json_object_get(use, "time")), client, verdict);
            permitted += strcmp(verdict, "permit") == 0;
            refused += strcmp(verdict, "refuse") == 0;
        }
    }
    json_decref(shown);
    if (exit_code != 0 || permitted != 1 || refused != 1) {
        return error_set(e, ERROR_DENIED, "demo", NULL, "one refused and one permitted use must be listed, but got %zu and %zu", refused,
                         permitted);
    }
    return true;
}

/* 6 */
static bool withdraw(struct step_state *state, struct error *e)
{
    int exit_code = 0;
    const char *const arguments[] = { "consent", "withdraw", state->consent_id, NULL };
    say("comity consent withdraw %s", state->consent_id);
    if (!scene_comity(state->scene, &state->scene->gateways[HOSPITAL], arguments, BYTES_NONE, &exit_code, NULL, e)) {
        return false;
    }
    return exit_code == 0 || wrong(e, "the withdrawal must be acknowledged", "a no");
}

/* 7. The clinic is told the same as of somebody whom the hospital doesn't know; the person sees why. */
static bool refused_at_once(struct step_state *state, struct error *e)
{
    return expect_refusal(state, "consent.none", e);
}

/* 8 */
static bool damage_is_named(struct step_state *state, struct error *e)
{
    return evidence_check_damage(state->scene, e);
}

static void kill_hospital(void *context)
{
    struct scene *scene = context;
    process_stop(&scene->gateways[HOSPITAL].pid, SIGKILL);
}

/* 9 */
static bool survives_kill(struct step_state *state, struct error *e)
{
    struct scene *scene = state->scene;
    struct load_result result = { 0 };
    const struct scene_gateway *clinic = &scene->gateways[CLINIC];
    bool ok = demo_consent(scene, DEMO_LOADED, NULL, 0, e) &&
              load_run(clinic->applications_port, DEMO_PATH DEMO_LOADED, clinic->subsystem, 16, 2000, kill_hospital, scene, &result, e);
    if (ok) {
        say("the hospital's gateway was killed (SIGKILL) in the middle: %zu exchanges acknowledged, %zu failed", result.acknowledged_count,
            result.failed_count);
        if (result.acknowledged_count == 0) {
            ok = wrong(e, "the load must have been answered before the kill", "none");
        }
    }
    ok = ok && scene_start_gateway(scene, &scene->gateways[HOSPITAL], true, e);
    if (ok) {
        say("started again");
    }
    ok = ok && evidence_has_all(scene, &scene->gateways[HOSPITAL], &result, e) &&
         evidence_has_all(scene, &scene->gateways[CLINIC], &result, e) &&
         evidence_verify_log(scene, &scene->gateways[HOSPITAL], true, NULL, 0, e);
    if (ok) {
        say("each acknowledged exchange has its evidence in both logs, and the hospital's log verifies");
    }
    free(result.acknowledged);
    return ok;
}

/* One that Aurora's hospital must not let in: the line is refused, and nothing of it reaches the pipeline. */
static bool turned_away(struct step_state *state, enum scene_role role, const char *who, struct error *e)
{
    struct scene *scene = state->scene;
    struct scene_gateway *gateway = &scene->gateways[role];
    struct reply reply;
    uint64_t before = 0, after = 0;
    if (!evidence_count_decisions(scene, &before, e) || !scene_start_gateway(scene, gateway, role == STRANGER, e)) {
        return false;
    }
    say("%s asks:", who);
    bool ok = ask_record(gateway, DEMO_LOADED, &reply, e);
    process_stop(&gateway->pid, SIGTERM);
    if (!ok) {
        return false;
    }
    bool is_line = strncmp(reply.reason, "peer.", 5) == 0;
    reply_clear(&reply);
    if (!is_line) {
        return wrong(e, "the hospital's gateway must refuse the line", "an answer");
    }
    if (!evidence_count_decisions(scene, &after, e)) {
        return false;
    }
    return before == after || wrong(e, "nothing of it may reach the hospital's log", "a new entry");
}

/* 10 */
static bool strangers_are_turned_away(struct step_state *state, struct error *e)
{
    return turned_away(state, STRANGER, "a lab of Cedar, which Aurora does not recognise,", e) &&
           turned_away(state, IMPOSTOR, "a gateway with the clinic's name and other keys", e);
}

const struct demo_step demo_steps[] = {
    { "the clinic asks without consent: refused", without_consent },
    { "the person consents to immunisations only", consent_to_immunisations },
    { "the clinic asks again: immunisations come, the rest is gone", only_what_was_consented },
    { "both receipts verify, each against the other side's log", receipts_verify },
    { "the person's list of uses shows both attempts", person_sees_uses },
    { "the person withdraws", withdraw },
    { "the very next request is refused", refused_at_once },
    { "a child asks to consent: it is the guardian's to say", demo_child },
    { "an emergency: what treatment needs leaves at once, and the person sees it", demo_break_glass },
    { "the counter needs an age and the end of a number: it gets no more", demo_coarse },
    { "the clinic asks about one person after the other: it is held", demo_scraper },
    { "the notice changes: consents to the old one end, and a new one is asked for", demo_changed_notice },
    { "the contract for the border ends: nothing crosses it", demo_border },
    { "the consent in the forms of others: W3C DPV, Kantara, FHIR, ReBIT", demo_exports },
    { "one byte of the hospital's log is changed: comity log verify names the entry", damage_is_named },
    { "the hospital's gateway is killed under load: no acknowledged exchange lacks its evidence", survives_kill },
    { "an unrecognised community and a wrong key are turned away", strangers_are_turned_away },
    { "one file proves the exchange to a stranger, offline, to two verifiers", demo_bundle },
    { "one character of it is changed: both refuse it", demo_bundle_bent },
    { "the hospital's log is replaced by an old backup: it does not start, and recovers", demo_put_back },
    { "the hospital's public log is lost: it is healed", demo_healed },
    { "the hospital's log tells two histories: it is proved, and the hospital is trusted no more", demo_two_histories },
};
const size_t demo_step_count = COUNT_OF(demo_steps);
