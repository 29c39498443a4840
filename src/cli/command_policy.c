/* comity policy: why would this be allowed or refused, and does the policy do what is expected of it? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/operation_explain.h"
#include "base/time.h"
#include "cli/commands_internal.h"
#include "cli/ground.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/policy_cases.h"
#include "cli/value.h"
#include "consent/counters.h"
#include "gateway/laws.h"
#include "law/tighten.h"
#include "rights/hold.h"
#include "store/policies.h"

/* ---- explain ---- */

/* What an explanation stands on: the gateway's own law, policy, directory, notices, consents, counts and holds, as they are in its folder. */
struct explaining {
    const struct call *call;
    struct place place;
    struct world *world;
    struct policy *policy;
    struct law *base, *law;
    struct counters *counters; /* NULL: nothing was counted yet */
    uint64_t counted;          /* the log's entries that the counts have */
    struct buffer person, policy_text;
    struct policy_version version; /* views into policy_text */
};

static bool accept_all(void *context, const struct directory *directory, struct error *e)
{
    (void)context;
    (void)directory;
    (void)e;
    return true;
}

static void warn_foreign(void *context, const char *community, const struct error *e)
{
    char text[sizeof *e];
    const struct call *call = context;
    (void)fprintf(stderr, "%s: the community %s is left out: %s\n", call->name, community, error_text(e, text, sizeof text));
}

static bool load_world(struct explaining *x, struct error *e)
{
    const struct gateway_config *config = x->place.config;
    /* As they are now, also when it is asked what will be: who is recognised at that time is looked up in them. */
    return world_load(&x->world, config->member.parts[0], config->directory.file, config->directory.foreign_folder,
                      config->directory.operators, config->directory.operator_count, config->directory.threshold, time_now_ms(), accept_all,
                      warn_foreign, (void *)(uintptr_t)x->call, e);
}

static bool load_policy(struct explaining *x, struct error *e)
{
    const struct gateway_config *config = x->place.config;
    if (!policy_store_current(x->place.store, &x->version, &x->policy_text, e)) {
        return e->kind != ERROR_ABSENT ||
               error_set(e, ERROR_ABSENT, "policy", "run: comity apply FILE", "no policy has been applied at this gateway");
    }
    return policy_parse(&x->policy, x->version.text, "the current policy", config->folder, &config->member, e);
}

static bool load_law(struct explaining *x, struct error *e)
{
    const char *id = call_value(x->call, "law");
    bool ok = id != NULL ? law_load_builtin(&x->base, bytes_of_text(id), e)
                         : laws_load(&x->base, x->place.config->folder, x->world->own, e);
    return ok && law_tighten(&x->law, x->base, x->version.text, "the current policy", e);
}

/* As the store has them: a running gateway's are some seconds ahead. */
static bool load_counters(struct explaining *x, struct error *e)
{
    if (!counters_read_next(x->place.store, &x->counted, e)) {
        return false;
    }
    return x->counted == 0 || counters_open(&x->counters, x->place.store, NULL, NULL, e);
}

/* With what the log has of them that the store has not yet. */
static bool load_holds(struct explaining *x, struct error *e)
{
    return place_open_rights(&x->place, e) && place_open_disks(&x->place, e) &&
           hold_recover(x->place.rights, x->place.public_disk, x->place.private_disk, e);
}

static struct operation_grounds give_grounds(void *context)
{
    const struct explaining *x = context;
    return (struct operation_grounds){ .law = law_keep(x->law), .policy = policy_keep(x->policy) };
}

static struct world *give_world(void *context)
{
    const struct explaining *x = context;
    return world_keep(x->world);
}

/* What was given, by the operation's names. NULL: out of memory. */
static json_t *make_request(const struct explaining *x)
{
    static const char *const options[][2] = { { "client", "client" }, { "service", "service" },           { "method", "method" },
                                              { "path", "path" },     { "purpose", "purpose" },           { "at", "at" },
                                              { "vital", "vital" },   { "confirmed-by", "confirmed_by" }, { "authority", "authority" } };
    json_t *request = json_object();
    bool ok = request != NULL;
    for (size_t i = 0; ok && i < COUNT_OF(options); i++) {
        const char *value = call_value(x->call, options[i][0]);
        ok = value == NULL || json_object_set_new(request, options[i][1], json_string(value)) == 0;
    }
    if (ok && x->person.size > 0) {
        ok = json_object_set_new(request, "person", json_of_bytes(buffer_bytes(&x->person))) == 0;
    }
    if (!ok) {
        json_decref(request);
        return NULL;
    }
    return request;
}

static bool prepare(struct explaining *x, struct error *e)
{
    return (!call_is_given(x->call, "person") || person_read(call_value(x->call, "person"), &x->person, e)) &&
           place_open(&x->place, x->call->folder, e) && place_open_store(&x->place, e) && load_world(x, e) && load_policy(x, e) &&
           load_law(x, e) && load_counters(x, e) && load_holds(x, e) && place_open_consents(&x->place, false, e);
}

static bool ask(struct explaining *x, json_t **answer, struct error *e)
{
    const struct operation_context context = { .consents = x->place.consents,
                                               .rights = x->place.rights,
                                               .counters = x->counters,
                                               .grounds = give_grounds,
                                               .grounds_context = x,
                                               .world = give_world,
                                               .world_context = x };
    json_t *request = make_request(x);
    bool ok = request != NULL ? operation_explain(&context, request, answer, e) : error_memory(e, "explain");
    json_decref(request);
    return ok;
}

/* Takes the answer. */
static int report(const struct explaining *x, json_t *answer)
{
    struct buffer text;
    bool is_permitted = json_is_true(json_object_get(answer, "permitted"));
    buffer_init(&text, 1024 * 1024);
    buffer_append_text(&text, json_string_value(json_object_get(answer, "text")));
    if (json_array_size(json_object_get(answer, "categories")) > 0) {
        buffer_append_format(&text, "  counted: what the log's first %" PRIu64 " entries say\n", x->counted);
    }
    bool ok = !x->call->is_json;
    if (ok) {
        ok = output_buffer(&text);
    } else {
        ok = !text.failed && json_object_set_new(answer, "text", json_of_bytes(buffer_bytes(&text))) == 0 &&
             output_json(json_incref(answer));
    }
    buffer_clear(&text);
    json_decref(answer);
    return !ok ? COMMAND_NOT_TRIED : is_permitted ? COMMAND_DONE : COMMAND_NO;
}

static int run_explain(struct call *call)
{
    struct error e = { 0 };
    json_t *answer = NULL;
    if (!call_is_given(call, "client") || !call_is_given(call, "service")) {
        return call_misused(call, "--client and --service are needed");
    }
    struct explaining x = { .call = call };
    buffer_init(&x.person, PERSON_BYTES_MAX);
    buffer_init(&x.policy_text, POLICY_BYTES_MAX + 1);
    int end = prepare(&x, &e) && ask(&x, &answer, &e) ? report(&x, answer) : call_fail(call, &e);
    counters_close(x.counters);
    law_drop(x.law);
    law_drop(x.base);
    policy_drop(x.policy);
    world_release(x.world);
    place_close(&x.place);
    buffer_wipe(&x.person);
    buffer_clear(&x.policy_text);
    return end;
}

static const struct command_option explain_options[] = {
    { "client", "SUBSYSTEM", "who asks: COMMUNITY/CLASS/MEMBER/SUBSYSTEM" },
    { "service", "SERVICE", "which service is asked: COMMUNITY/CLASS/MEMBER/SUBSYSTEM/SERVICE" },
    { "method", "METHOD", "how; GET if absent" },
    { "path", "PATH", "the path behind the service's name; / if absent" },
    { "purpose", "IRI", "the declared purpose; the service's default if absent" },
    { "person", "-|@FILE", "about whom: read from standard input or a file; somebody of whom nothing is known if absent" },
    { "at", "TIME", "when; now if absent" },
    { "vital", "WHY", "as break-glass, with this justification" },
    { "confirmed-by", "WHO", "the second person who confirms it" },
    { "authority", "WHO", "for this court or police" },
    { "law", "ID", "by this built-in law instead of the one that the directory names" },
};

static const struct command command_policy_explain = {
    .name = "explain",
    .arguments = "--client SUBSYSTEM --service SERVICE [--path PATH] [--purpose IRI] [--person -|@FILE] [--at TIME]",
    .summary = "say in plain words why a request would be allowed or refused",
    .text =
        "Decides as the gateway would, and explains it: category by category, with the article of the law, and what would change it. It stands on what this folder "
        "has: the law that the directory names, as the policy in force tightens it, the countries and traits in the directories, the notices in force, what "
        "is known of the person, the person's consents, what was counted, and which consumers are held. The gateway may run or not. Nothing is asked of anybody, counted or logged.\n"
        "\n"
        "It ends with 0 when the request would be permitted, 1 when it would be refused.",
    .examples = "comity policy explain --client BAOBAB/HEALTH/CLINIC/frontdesk \\\n"
                "    --service AURORA/HEALTH/HOSPITAL/records/summary --path /PT-1001 --person @person.txt",
    .options = explain_options,
    .option_count = COUNT_OF(explain_options),
    .run = run_explain,
};

/* ---- test ---- */

struct testing {
    const struct call *call;
    json_t *list; /* with --json */
    bool explains;
    bool failed;
};

static void tell_case(void *context, const struct policy_case_outcome *outcome)
{
    struct testing *t = context;
    if (t->list != NULL) {
        t->failed = json_array_append_new(t->list, json_pack("{s:s, s:b, s:s, s:s}", "name", outcome->name, "ok", outcome->is_met,
                                                             "difference", outcome->difference, "explanation", outcome->explanation)) !=
                        0 ||
                    t->failed;
        return;
    }
    if (!outcome->is_met || t->explains) {
        (void)printf("%s  %s\n%s", outcome->is_met ? "ok   " : "WRONG", outcome->name, outcome->difference);
        (void)printf("%s\n", outcome->explanation);
    }
}

/* In a gateway's folder, the law that its directory names; elsewhere none. */
static bool find_law(const struct call *call, struct law **out, struct error *e)
{
    struct place place = { 0 };
    struct error cause;
    *out = NULL;
    bool ok;
    if (place_open(&place, call->folder, &cause)) {
        ok = ground_law(place.config, out, e);
    } else {
        ok = cause.kind == ERROR_ABSENT;
        *e = cause;
    }
    place_close(&place);
    return ok;
}

static int run_test(struct call *call)
{
    struct error e = { 0 };
    struct testing t = { .call = call, .list = call->is_json ? json_array() : NULL, .explains = call_is_given(call, "explain") };
    struct law *law = NULL;
    size_t count = 0, failed = 0;
    bool ok = find_law(call, &law, &e) && policy_cases_run(call->words[0], law, tell_case, &t, &count, &failed, &e);
    law_drop(law);
    if (!ok) {
        json_decref(t.list);
        return call_fail(call, &e);
    }
    bool is_written;
    if (call->is_json) {
        is_written = output_json(json_pack("{s:I, s:I, s:b, s:o}", "cases", (json_int_t)count, "wrong", (json_int_t)failed, "ok",
                                           failed == 0, "outcomes", t.list)) &&
                     !t.failed;
    } else {
        is_written = printf("%zu cases: %zu as expected, %zu not\n", count, count - failed, failed) > 0;
    }
    return !is_written ? COMMAND_NOT_TRIED : failed == 0 ? COMMAND_DONE : COMMAND_NO;
}

static const struct command_option test_options[] = { { "explain", NULL, "explain the cases that are as expected, too" } };

static const struct command command_policy_test = {
    .name = "test",
    .arguments = "[--explain] FILE",
    .summary = "try a table of expectations against a policy file",
    .text =
        "FILE is YAML: a law, a policy file, the member whose it is, and cases: who asks for what, what is known of the person, and what is expected. Each is "
        "decided by the code that the gateway decides by. A file that names no law is tried by the one of the gateway's folder, if there is one, else by strict. What is not as expected is shown with an explanation. docs/reference/policy.md, \"Tests\", has every key.\n"
        "\n"
        "It ends with 0 when all is as expected, 1 when something isn't.",
    .examples = "comity policy test expectations.yaml",
    .options = test_options,
    .option_count = COUNT_OF(test_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_test,
};

static const struct command *const policy_parts[] = {
    &command_policy_explain, &command_policy_test,   &command_policy_holds, &command_policy_release_hold,
    &command_policy_reviews, &command_policy_review, &command_policy_tell,
};

const struct command command_policy = {
    .name = "policy",
    .arguments = "COMMAND ...",
    .summary = "explain and test what the policy decides, and what its guards leave for people",
    .text =
        "explain and test decide by the code that the gateway decides by, with nobody asking: nothing is sent, logged or counted. The others show and end what "
        "decisions of the running gateway left for somebody to look at.",
    .parts = policy_parts,
    .part_count = COUNT_OF(policy_parts),
};
