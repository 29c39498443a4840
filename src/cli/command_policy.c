/* comity policy: why would this be allowed or refused, and does the policy do what is expected of it? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "cli/commands_internal.h"
#include "cli/ground.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/policy_cases.h"
#include "cli/value.h"
#include "consent/counters.h"
#include "consent/notice_store.h"
#include "gateway/laws.h"
#include "gateway/peek.h"
#include "law/tighten.h"
#include "policy/explain.h"
#include "policy/glob.h"
#include "store/policies.h"

/* ---- explain ---- */

/* What an explanation stands on: the gateway's own law, policy, directory, notices, consents and counts, as they are in its folder. */
struct explaining {
    const struct call *call;
    struct place place;
    struct world *world;
    struct policy *policy;
    struct law *base, *law;
    struct identifier client, service_id;
    struct consent_view view;
    struct notices *notices;
    struct counters *counters; /* NULL: nothing was counted yet */
    uint64_t counted;          /* the log's entries that the counts have */
    struct buffer person, policy_text, scratch;
    struct policy_version version; /* views into policy_text */
    struct arena arena;
    struct decide_request request;
    struct decide_context context;
    struct decide_result result;
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

static bool take_id(struct explaining *x, const char *option, size_t parts, struct identifier *out, struct error *e)
{
    const char *text = call_value(x->call, option);
    uint8_t *storage = arena_take(&x->arena, strlen(text) + 1);
    char where[64];
    if (storage == NULL) {
        return error_memory(e, option);
    }
    if (identifier_parse(bytes_of_text(text), parts, parts, storage, out, e)) {
        return true;
    }
    (void)snprintf(where, sizeof where, "--%s", option);
    (void)snprintf(e->where, sizeof e->where, "%s", where);
    return false;
}

static struct bytes keep(struct explaining *x)
{
    struct bytes text = x->scratch.failed ? BYTES_NONE : arena_copy(&x->arena, buffer_bytes(&x->scratch));
    buffer_reset(&x->scratch);
    return text;
}

static bool take_request(struct explaining *x, struct error *e)
{
    const struct call *call = x->call;
    struct decide_request *request = &x->request;
    const char *purpose = call_value(call, "purpose"), *path = call_value(call, "path"), *method = call_value(call, "method");
    int64_t at_ms = time_now_ms();
    if (call_is_given(call, "at") && !time_parse(bytes_of_text(call_value(call, "at")), &at_ms)) {
        return error_set(e, ERROR_INPUT, "--at", "write such as 2026-11-24T08:00:00Z", "'%s' is not a time", call_value(call, "at"));
    }
    if (!take_id(x, "client", 4, &x->client, e) || !take_id(x, "service", 5, &x->service_id, e)) {
        return false;
    }
    if (purpose != NULL && !iri_expand(bytes_of_text(purpose), &x->scratch)) {
        return error_set(e, ERROR_INPUT, "--purpose", "send a full IRI, or a short form such as dpv:ServiceProvision", "'%s' is not an IRI",
                         purpose);
    }
    request->purpose = purpose == NULL ? BYTES_NONE : keep(x);
    identifier_append_parts(&x->scratch, &x->client, 3);
    request->recipient = keep(x);
    if (!glob_normalise(bytes_of_text(path == NULL ? "/" : path), &x->scratch, e)) {
        return false;
    }
    request->path = keep(x);
    request->client = &x->client;
    request->method = bytes_of_text(method == NULL ? "GET" : method);
    request->now_ms = at_ms;
    request->claims_vital = call_is_given(call, "vital");
    request->justification = call_is_given(call, "vital") ? bytes_of_text(call_value(call, "vital")) : BYTES_NONE;
    request->confirmed_by = call_is_given(call, "confirmed-by") ? bytes_of_text(call_value(call, "confirmed-by")) : BYTES_NONE;
    request->authority = call_is_given(call, "authority") ? bytes_of_text(call_value(call, "authority")) : BYTES_NONE;
    if (call_is_given(call, "person") && !person_read(call_value(call, "person"), &x->person, e)) {
        return false;
    }
    request->person = buffer_bytes(&x->person);
    return (request->recipient.data != NULL && request->path.data != NULL) || error_memory(e, "arguments");
}

/* As the store has them: a running gateway's are some seconds ahead. */
static bool load_counters(struct explaining *x, struct error *e)
{
    if (!counters_read_next(x->place.store, &x->counted, e)) {
        return false;
    }
    return x->counted == 0 || counters_open(&x->counters, x->place.store, NULL, NULL, e);
}

static void decide_counted(struct explaining *x)
{
    const struct peek peek = { .counters = x->counters, .request = &x->request, .service = &x->service_id, .context = &x->context };
    peek_counters(&peek, &x->arena, &x->context.counters);
    decide(&x->request, &x->context, &x->result);
}

/* A person that is not named is one of whom nothing is known. */
static bool load_view(struct explaining *x, struct error *e)
{
    decide_counted(x);
    const struct consent_key key = { .person = x->request.person, .recipient = x->request.recipient, .purpose = x->result.purpose };
    if (!x->result.needs_consent) {
        return true;
    }
    if (!place_open_consents(&x->place, false, e) ||
        (call_is_given(x->call, "person") && !consents_load(x->place.consents, &key, &x->view, e))) {
        return false;
    }
    x->notices = consents_notices(x->place.consents);
    x->context.notices = x->notices;
    x->context.consents = &x->view;
    decide_counted(x);
    return true;
}

static bool prepare(struct explaining *x, struct error *e)
{
    if (!place_open(&x->place, x->call->folder, e) || !take_request(x, e) || !place_open_store(&x->place, e) || !load_world(x, e) ||
        !load_policy(x, e) || !load_law(x, e) || !load_counters(x, e)) {
        return false;
    }
    x->request.service = policy_find_service(x->policy, &x->service_id);
    if (x->request.person.size == 0) {
        x->request.person = BYTES("-"); /* somebody: whom, is only for what is looked up */
    }
    x->context.policy = x->policy;
    x->context.law = x->law;
    x->context.parties = decide_parties_of(&x->client, &x->service_id, x->world->own,
                                           world_find_community(x->world, x->client.parts[0], x->request.now_ms));
    return load_view(x, e);
}

static json_t *json_of_category(const struct explaining *x, size_t i)
{
    const struct decide_category *category = &x->result.categories[i];
    struct bytes iri = x->policy->categories[x->request.service->releases[i].category].iri;
    bool leaves = category->withheld == REASON_NONE;
    return json_pack("{s:o, s:b, s:b, s:s, s:s, s:o, s:s}", "category", json_of_bytes(iri), "permitted", leaves, "sensitive",
                     category->is_sensitive, "basis", law_basis_word(category->basis), "reason", reason_code(category->withheld), "article",
                     json_of_bytes(leaves ? x->law->basis[category->basis].source.article : explain_article(category)), "remedy",
                     leaves ? "" : explain_remedy(category->withheld));
}

static bool report_json(const struct explaining *x, const struct buffer *text)
{
    json_t *categories = json_array();
    for (size_t i = 0; x->result.is_looked_at && i < x->request.service->release_count; i++) {
        (void)json_array_append_new(categories, json_of_category(x, i));
    }
    return output_json(json_pack("{s:b, s:s, s:s, s:s, s:o, s:o}", "permitted", x->result.reason == REASON_NONE, "reason",
                                 reason_code(x->result.reason), "told", reason_code(reason_told(x->result.reason)), "remedy",
                                 x->result.reason == REASON_NONE ? "" : explain_remedy(x->result.reason), "categories", categories, "text",
                                 json_of_bytes(buffer_bytes(text))));
}

static int report(struct explaining *x)
{
    struct buffer text;
    buffer_init(&text, 1024 * 1024);
    explain_write(&x->request, &x->context, &x->result, &text);
    if (x->result.is_looked_at) {
        buffer_append_format(&text, "  counted: what the log's first %" PRIu64 " entries say\n", x->counted);
    }
    bool ok = x->call->is_json ? report_json(x, &text) : output_buffer(&text);
    buffer_clear(&text);
    return !ok ? COMMAND_NOT_TRIED : x->result.reason == REASON_NONE ? COMMAND_DONE : COMMAND_NO;
}

static int run_explain(struct call *call)
{
    struct error e = { 0 };
    if (!call_is_given(call, "client") || !call_is_given(call, "service")) {
        return call_misused(call, "--client and --service are needed");
    }
    struct explaining *x = calloc(1, sizeof *x);
    if (x == NULL) {
        (void)error_memory(&e, "explain");
        return call_fail(call, &e);
    }
    x->call = call;
    buffer_init(&x->person, PERSON_BYTES_MAX);
    buffer_init(&x->policy_text, POLICY_BYTES_MAX + 1);
    buffer_init(&x->scratch, 64 * 1024);
    int end = prepare(x, &e) ? report(x) : call_fail(call, &e);
    consent_view_clear(&x->view);
    notices_drop(x->notices);
    counters_close(x->counters);
    law_drop(x->law);
    law_drop(x->base);
    policy_drop(x->policy);
    world_release(x->world);
    place_close(&x->place);
    buffer_wipe(&x->person);
    buffer_clear(&x->policy_text);
    buffer_clear(&x->scratch);
    arena_clear(&x->arena);
    free(x);
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
        "is known of the person, the person's consents, and what was counted. The gateway may run or not. Nothing is asked of anybody, counted or logged.\n"
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
    &command_policy_explain,      &command_policy_test,    &command_policy_holds,
    &command_policy_release_hold, &command_policy_reviews, &command_policy_review,
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
