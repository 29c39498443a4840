/*
 * /v1/tasks: what waits for somebody of the staff, gathered from where it stands: queues of reviews, holds, requests, breaches and overdue erasures;
 * ends of instruments, assessments, contracts, directories and certificates; lines, witnesses, mirrors, disk. Names no person: who opens one sees whose it is.
 */
#include <stdlib.h>

#include "api/rest_handlers_internal.h"
#include "base/time.h"
#include "interchange/json_make.h"
#include "law/border.h"
#include "rights/breach.h"
#include "rights/hold.h"
#include "rights/obligation.h"
#include "rights/request.h"
#include "rights/review.h"

enum { TASKS_MAX = 2000, A_KIND_MAX = 200, WITNESS_LATE_S = 15 * 60, MIRROR_BEHIND_ENTRIES = 100000, DISK_FREE_PERCENT = 10 };
#define SOON_MS (INT64_C(7) * 24 * 60 * 60 * 1000)
#define AHEAD_MS (INT64_C(30) * 24 * 60 * 60 * 1000)

/* In the order of the table below. */
enum task_kind {
    TASK_REVIEW = 0,
    TASK_HOLD,
    TASK_REQUEST,
    TASK_OBLIGATION,
    TASK_BREACH,
    TASK_INSTRUMENT,
    TASK_DPIA,
    TASK_CONTRACT,
    TASK_DIRECTORY,
    TASK_CERTIFICATE,
    TASK_PEER,
    TASK_WITNESS,
    TASK_MIRROR,
    TASK_DISK,
};
static const struct {
    const char *word, *todo;
} kinds[] = {
    [TASK_REVIEW] = { "review", "look whether the emergency was one, and say so: comity policy review" },
    [TASK_HOLD] = { "hold", "ask the consumer why, then release it or leave it held: comity policy release-hold" },
    [TASK_REQUEST] = { "request", "make sure who asks, accept it, and answer before the deadline: comity rights" },
    [TASK_OBLIGATION] = { "obligation", "ask the recipient to confirm that the data are erased: comity rights obligations" },
    [TASK_BREACH] = { "breach", "tell the authority and the persons before the deadline: comity breach" },
    [TASK_INSTRUMENT] = { "instrument", "renew it and write its new end into the policy: comity apply" },
    [TASK_DPIA] = { "dpia", "make the impact assessment anew and name it in the policy: comity apply" },
    [TASK_CONTRACT] = { "contract", "renew the contract and write its new end into the policy: comity apply" },
    [TASK_DIRECTORY] = { "directory", "fetch the newest directory from its operator, and reload: comity doctor tells" },
    [TASK_CERTIFICATE] = { "certificate", "make a new certificate, have the directory list it, and reload" },
    [TASK_PEER] = { "peer", "look at the line and at the peer's own console: comity doctor" },
    [TASK_WITNESS] = { "witness", "ask the witnesses' operators; nothing stops meanwhile: comity log witness" },
    [TASK_MIRROR] = { "mirror", "look at the mirror and the line to it: comity doctor" },
    [TASK_DISK] = { "disk", "free room or add some: without it nothing can be logged, and nothing leaves" },
};

struct task {
    enum task_kind kind;
    bool is_now;    /* whatever its date says */
    int64_t due_ms; /* INT64_MAX: no date */
    struct bytes subject, detail, id;
};

struct tasks {
    struct rest_call *call;
    struct task list[TASKS_MAX];
    size_t count, of_kind; /* the second: since the kind began */
    bool failed;
};

static bool add(struct tasks *tasks, enum task_kind kind, bool is_now, int64_t due_ms, struct bytes subject, struct bytes detail,
                struct bytes id)
{
    struct arena *arena = &tasks->call->arena;
    if (tasks->count == TASKS_MAX || tasks->of_kind == A_KIND_MAX || tasks->failed) {
        return false;
    }
    struct task *task = &tasks->list[tasks->count++];
    *task = (struct task){ .kind = kind,
                           .is_now = is_now,
                           .due_ms = due_ms,
                           .subject = arena_copy(arena, subject),
                           .detail = arena_copy(arena, detail),
                           .id = arena_copy(arena, id) };
    tasks->of_kind++;
    tasks->failed = (subject.size > 0 && task->subject.data == NULL) || (detail.size > 0 && task->detail.data == NULL);
    return !tasks->failed;
}

/* ---- What people have to do ---- */

static bool add_review(void *context, const struct review *r)
{
    struct tasks *tasks = context;
    return add(tasks, TASK_REVIEW, review_is_overdue(r, tasks->call->now_ms), r->due_at_ms, r->client.size > 0 ? r->client : BYTES("-"),
               r->service, r->id);
}

static bool add_hold(void *context, const struct hold *hold)
{
    return add(context, TASK_HOLD, true, INT64_MAX, hold->consumer, hold->service, BYTES_NONE);
}

static bool add_request(void *context, const struct request *r)
{
    struct tasks *tasks = context;
    bool is_early = r->state == REQUEST_RECEIVED && r->identity_due_at_ms != 0 && r->identity_due_at_ms < r->due_at_ms;
    return add(tasks, TASK_REQUEST, request_is_overdue(r, tasks->call->now_ms), is_early ? r->identity_due_at_ms : r->due_at_ms,
               bytes_of_text(law_right_word(r->right)), bytes_of_text(request_state_name(r->state)), r->id);
}

static bool add_obligation(void *context, const struct obligation *o)
{
    struct tasks *tasks = context;
    if (!obligation_is_overdue(o, tasks->call->now_ms)) {
        return false; /* they come by deadline */
    }
    return add(tasks, TASK_OBLIGATION, true, o->due_at_ms, o->recipient, bytes_of_text(obligation_state_name(o->state)), o->id);
}

static bool add_breach(void *context, const struct breach *b)
{
    struct tasks *tasks = context;
    int64_t now_ms = tasks->call->now_ms;
    if (b->closed_ms != 0) {
        return true;
    }
    const char *next = b->authority_told_ms == 0 ? "authority" : b->persons_told_ms == 0 && !b->is_waived ? "persons" : "report";
    int64_t due_ms = b->authority_told_ms == 0                  ? b->authority_due_ms
                     : b->persons_told_ms == 0 && !b->is_waived ? b->persons_due_ms
                     : b->report_due_ms == 0                    ? INT64_MAX
                                                                : b->report_due_ms;
    return add(tasks, TASK_BREACH, due_ms <= now_ms, due_ms, b->id, bytes_of_text(next), b->id);
}

static bool add_queues(struct tasks *tasks, struct error *e)
{
    const struct operation_context *operations = &tasks->call->rest->options.operations;
    struct rights *rights = operations->rights;
    const struct review_filter reviews = { .is_open = true };
    const struct request_filter requests = { .is_open = true };
    const struct obligation_filter obligations = { .is_open = true };
    if (!review_list(rights, operations->log->public, operations->log->private, &reviews, add_review, tasks, e)) {
        return false;
    }
    tasks->of_kind = 0;
    hold_list(rights, add_hold, tasks);
    tasks->of_kind = 0;
    if (!request_list(rights, &requests, add_request, tasks, e)) {
        return false;
    }
    tasks->of_kind = 0;
    if (!obligation_list(rights, &obligations, add_obligation, tasks, e)) {
        return false;
    }
    tasks->of_kind = 0;
    return breach_list(rights, BYTES_NONE, add_breach, tasks, e);
}

/* ---- What ends ---- */

static void add_end(struct tasks *tasks, enum task_kind kind, int64_t warn_from_ms, int64_t end_ms, struct bytes subject,
                    struct bytes detail)
{
    int64_t now_ms = tasks->call->now_ms;
    if (end_ms != INT64_MAX && end_ms != 0 && now_ms >= warn_from_ms) {
        (void)add(tasks, kind, end_ms <= now_ms, end_ms, subject, detail, BYTES_NONE);
    }
}

static void add_policy(struct tasks *tasks, const struct operation_grounds *grounds)
{
    const struct policy *policy = grounds->policy;
    tasks->of_kind = 0;
    for (size_t i = 0; i < policy->instrument_count; i++) {
        int64_t moments_ms[3], end_ms = border_instrument_end(grounds->law, &policy->instruments[i]);
        size_t count = border_renewal_moments(grounds->law, &policy->instruments[i], moments_ms);
        add_end(tasks, TASK_INSTRUMENT, count > 0 ? moments_ms[0] : end_ms, end_ms, policy->instruments[i].id, policy->instruments[i].kind);
    }
    tasks->of_kind = 0;
    for (size_t i = 0; i < policy->service_count; i++) {
        const struct policy_service *s = &policy->services[i];
        if (s->dpia.ref.size > 0) {
            add_end(tasks, TASK_DPIA, s->dpia.until_ms - AHEAD_MS, s->dpia.until_ms, s->id, s->dpia.ref);
        }
        if (s->contract.ref.size > 0) {
            add_end(tasks, TASK_CONTRACT, s->contract.until_ms - AHEAD_MS, s->contract.until_ms, s->id, s->contract.ref);
        }
    }
}

static bool add_grounds(struct tasks *tasks)
{
    const struct operation_context *operations = &tasks->call->rest->options.operations;
    struct operation_grounds grounds = operations->grounds(operations->grounds_context);
    if (grounds.law != NULL && grounds.policy != NULL) {
        add_policy(tasks, &grounds);
    }
    law_drop(grounds.law);
    policy_drop(grounds.policy);
    return true;
}

/* ---- What the figures show ---- */

static struct bytes text_of(const json_t *object, const char *key)
{
    return rest_json_bytes(json_object_get(object, key));
}

static bool has_word(const json_t *object, const char *key, struct bytes word)
{
    return bytes_equal(text_of(object, key), word);
}

static int64_t time_of(const json_t *object, const char *key)
{
    int64_t time_ms = INT64_MAX;
    return time_parse(text_of(object, key), &time_ms) ? time_ms : INT64_MAX;
}

static void add_lines(struct tasks *tasks, const json_t *figures)
{
    json_t *row;
    size_t i;
    json_array_foreach(json_object_get(figures, "directories"), i, row)
    {
        if (!has_word(row, "state", BYTES("valid"))) {
            (void)add(tasks, TASK_DIRECTORY, has_word(row, "state", BYTES("ended")), time_of(row, "validUntil"), text_of(row, "community"),
                      text_of(row, "state"), BYTES_NONE);
        }
    }
    json_array_foreach(json_object_get(figures, "certificates"), i, row)
    {
        if (!has_word(row, "state", BYTES("valid"))) {
            bool is_now = !has_word(row, "state", BYTES("ending"));
            (void)add(tasks, TASK_CERTIFICATE, is_now, time_of(row, "validUntil"), text_of(row, "what"), text_of(row, "state"), BYTES_NONE);
        }
    }
    json_array_foreach(json_object_get(figures, "peers"), i, row)
    {
        if (has_word(row, "state", BYTES("distrusted")) || has_word(row, "state", BYTES("failing"))) {
            (void)add(tasks, TASK_PEER, true, INT64_MAX, text_of(row, "origin"), text_of(row, "state"), BYTES_NONE);
        }
    }
}

static void add_evidence(struct tasks *tasks, const json_t *figures)
{
    const json_t *witnesses = json_object_get(figures, "witnesses"), *age = json_object_get(witnesses, "ageSeconds");
    const json_t *process = json_object_get(figures, "process");
    json_int_t free_bytes = json_integer_value(json_object_get(process, "diskFreeBytes"));
    json_int_t all_bytes = json_integer_value(json_object_get(process, "diskBytes"));
    char text[64];
    json_t *row;
    size_t i;
    if (json_is_true(json_object_get(witnesses, "wanted")) && (!json_is_integer(age) || json_integer_value(age) > WITNESS_LATE_S)) {
        (void)snprintf(text, sizeof text, "%lld of %lld answer", (long long)json_integer_value(json_object_get(witnesses, "answered")),
                       (long long)json_integer_value(json_object_get(witnesses, "asked")));
        (void)add(tasks, TASK_WITNESS, true, INT64_MAX, BYTES("log.witnesses"), bytes_of_text(text), BYTES_NONE);
    }
    json_array_foreach(json_object_get(figures, "mirrors"), i, row)
    {
        json_int_t behind = json_integer_value(json_object_get(row, "behindEntries"));
        if (behind > MIRROR_BEHIND_ENTRIES) {
            (void)snprintf(text, sizeof text, "%lld entries", (long long)behind);
            (void)add(tasks, TASK_MIRROR, false, INT64_MAX, text_of(row, "mirror"), bytes_of_text(text), BYTES_NONE);
        }
    }
    if (all_bytes > 0 && free_bytes / (all_bytes / 100 + 1) < DISK_FREE_PERCENT) {
        (void)snprintf(text, sizeof text, "%lld MiB of %lld MiB are free", (long long)(free_bytes >> 20), (long long)(all_bytes >> 20));
        (void)add(tasks, TASK_DISK, true, INT64_MAX, BYTES("records"), bytes_of_text(text), BYTES_NONE);
    }
}

/* ---- The list ---- */

static int rank_of(const struct task *task, int64_t now_ms)
{
    return task->is_now || task->due_ms <= now_ms ? 0 : task->due_ms - now_ms < SOON_MS ? 1 : 2;
}

static int by_urgency(const void *a, const void *b, void *context)
{
    const struct task *x = a, *y = b;
    int64_t now_ms = *(const int64_t *)context;
    int left = rank_of(x, now_ms), right = rank_of(y, now_ms);
    if (left != right) {
        return left - right;
    }
    if (x->due_ms != y->due_ms) {
        return x->due_ms < y->due_ms ? -1 : 1;
    }
    return (int)x->kind - (int)y->kind;
}

static json_t *json_of_task(const struct task *task, int64_t now_ms)
{
    static const char *const urgencies[] = { "now", "soon", "later" };
    struct json_maker m = json_make();
    json_make_text(&m, "kind", kinds[task->kind].word);
    json_make_text(&m, "urgency", urgencies[rank_of(task, now_ms)]);
    json_make_value(&m, "dueAt", task->due_ms == INT64_MAX ? json_null() : json_from_time(task->due_ms));
    json_make_bytes(&m, "subject", task->subject);
    json_make_bytes_or_null(&m, "detail", task->detail);
    json_make_bytes_or_null(&m, "id", task->id);
    json_make_text(&m, "todo", kinds[task->kind].todo);
    return json_made(&m);
}

static bool give(struct tasks *tasks, struct error *e)
{
    int64_t now_ms = tasks->call->now_ms;
    size_t counts[3] = { 0 };
    json_t *list = json_array();
    bool ok = list != NULL && !tasks->failed;
    qsort_r(tasks->list, tasks->count, sizeof tasks->list[0], by_urgency, &now_ms);
    for (size_t i = 0; i < tasks->count && ok; i++) {
        counts[rank_of(&tasks->list[i], now_ms)]++;
        ok = json_list_add(list, json_of_task(&tasks->list[i], now_ms));
    }
    struct json_maker m = json_make();
    json_make_value(&m, "tasks", ok ? list : NULL);
    json_make_number(&m, "now", counts[0]);
    json_make_number(&m, "soon", counts[1]);
    json_make_number(&m, "later", counts[2]);
    tasks->call->answer = json_made(&m);
    if (!ok) {
        json_decref(list);
    }
    return tasks->call->answer != NULL || error_memory(e, "tasks");
}

bool handle_task_list(struct rest_call *call, struct error *e)
{
    const struct rest_options *options = &call->rest->options;
    json_t *figures = NULL;
    struct tasks *tasks = calloc(1, sizeof *tasks);
    if (tasks == NULL) {
        return error_memory(e, "tasks");
    }
    tasks->call = call;
    bool ok = add_queues(tasks, e) && add_grounds(tasks) && options->figures(options->context, &figures, e);
    if (ok) {
        tasks->of_kind = 0;
        add_lines(tasks, figures);
        add_evidence(tasks, figures);
        ok = give(tasks, e);
    }
    json_decref(figures);
    free(tasks);
    return ok;
}
