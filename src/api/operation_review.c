/* What the policy's guard holds, and the queue of reviews: operation_rights.h. */
#include "api/operation_internal.h"
#include "api/operation_rights.h"
#include "base/time.h"
#include "rights/hold.h"
#include "rights/review.h"

struct rows {
    json_t *list;
    int64_t now_ms;
    bool failed;
};

static bool add_row(struct rows *rows, json_t *row)
{
    rows->failed = row == NULL || json_array_append_new(rows->list, row) != 0;
    return !rows->failed && json_array_size(rows->list) < OPERATION_LIST_MAX;
}

static bool give(json_t *made, json_t **answer, struct error *e)
{
    *answer = made;
    return made != NULL || error_memory(e, "answer");
}

static bool give_rows(struct rows *rows, bool ok, const char *name, json_t **answer, struct error *e)
{
    if (ok && !rows->failed && rows->list != NULL) {
        return give(json_pack("{s:o}", name, rows->list), answer, e);
    }
    json_decref(rows->list);
    return ok ? error_memory(e, name) : false;
}

static json_t *time_or_null(int64_t time_ms)
{
    return time_ms == 0 ? json_null() : operation_time(time_ms);
}

/* ---- Holds ---- */

static bool add_hold(void *context, const struct hold *hold)
{
    return add_row(context,
                   json_pack("{s:o, s:o, s:o, s:o}", "consumer", operation_text(hold->consumer), "service", operation_text(hold->service),
                             "since", operation_time(hold->since_ms), "asked", hold->asked < 0 ? json_null() : json_integer(hold->asked)));
}

bool operation_hold_list(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    struct rows rows = { .list = NULL };
    *answer = NULL;
    if (!operation_check_keys(request, NULL, 0, e)) {
        return false;
    }
    rows.list = json_array();
    hold_list(context->rights, add_hold, &rows);
    return give_rows(&rows, true, "holds", answer, e);
}

bool operation_hold_release(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "consumer", "service", "by", "reason" };
    struct hold_release release;
    uint64_t index = 0;
    *answer = NULL;
    return operation_check_keys(request, keys, COUNT_OF(keys), e) &&
           operation_get_text(request, "consumer", false, OPERATION_IDENTIFIER_BYTES_MAX, &release.consumer, e) &&
           operation_get_text(request, "service", false, OPERATION_IDENTIFIER_BYTES_MAX, &release.service, e) &&
           operation_get_text(request, "by", false, RIGHTS_NAME_MAX, &release.by, e) &&
           operation_get_text(request, "reason", false, RIGHTS_WORDS_MAX, &release.reason, e) &&
           hold_release(context->rights, consents_counters(context->consents), &release, time_now_ms(), &index, e) &&
           give(json_pack("{s:I}", "log_index", (json_int_t)index), answer, e);
}

/* ---- Reviews ---- */

static bool add_review(void *context, const struct review *r)
{
    struct rows *rows = context;
    return add_row(rows, json_pack("{s:o, s:I, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:b, s:o, s:o, s:o}",
                                   "id", operation_text(r->id), "log_index", (json_int_t)r->log_index, "time", operation_time(r->time_ms),
                                   "due_at", operation_time(r->due_at_ms), "overdue", review_is_overdue(r, rows->now_ms), "exchange",
                                   operation_text(r->exchange), "client", operation_text(r->client), "service", operation_text(r->service),
                                   "person", operation_text(r->person), "justification", operation_text(r->justification), "confirmed_by",
                                   operation_text(r->confirmed_by), "verdict",
                                   r->verdict == REVIEW_NONE ? json_null() : json_string(review_verdict_name(r->verdict)), "by",
                                   operation_text(r->by), "words", operation_text(r->words), "reviewed_at", time_or_null(r->reviewed_at_ms),
                                   "notice", review_notice_name(r->notice), "notice_overdue", review_is_notice_overdue(r, rows->now_ms),
                                   "notice_by", operation_text(r->notice_by), "notice_words", operation_text(r->notice_words), "notice_at",
                                   time_or_null(r->notice_at_ms)));
}

bool operation_review_list(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "id", "open", "untold" };
    struct review_filter filter = { .is_open = json_is_true(json_object_get(request, "open")),
                                    .is_untold = json_is_true(json_object_get(request, "untold")) };
    struct rows rows = { .now_ms = time_now_ms() };
    *answer = NULL;
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) ||
        !operation_get_text(request, "id", true, RIGHTS_ID_SIZE, &filter.id, e)) {
        return false;
    }
    if (context->log == NULL) {
        return error_set(e, ERROR_ABSENT, "log", "start the gateway", "the gateway does not run");
    }
    rows.list = json_array();
    bool ok = review_list(context->rights, context->log->public, context->log->private, &filter, add_review, &rows, e);
    return give_rows(&rows, ok, "reviews", answer, e);
}

bool operation_review_do(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "id", "verdict", "by", "words" };
    struct bytes id, verdict, by, words;
    enum review_verdict found = REVIEW_NONE;
    uint64_t index = 0;
    *answer = NULL;
    return operation_check_keys(request, keys, COUNT_OF(keys), e) && operation_get_text(request, "id", false, RIGHTS_ID_SIZE, &id, e) &&
           operation_get_text(request, "verdict", false, RIGHTS_NAME_MAX, &verdict, e) &&
           operation_get_text(request, "by", false, RIGHTS_NAME_MAX, &by, e) &&
           operation_get_text(request, "words", false, RIGHTS_WORDS_MAX, &words, e) &&
           (review_verdict_find(verdict, &found) || error_set(e, ERROR_INPUT, "verdict", NULL, "must be justified or unjustified")) &&
           review_do(context->rights, id, found, by, words, time_now_ms(), &index, e) &&
           give(json_pack("{s:I}", "log_index", (json_int_t)index), answer, e);
}

bool operation_review_tell(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "id", "event", "by", "words" };
    struct bytes id, event, by, words;
    enum review_notice found = REVIEW_DEFERRED;
    uint64_t index = 0;
    *answer = NULL;
    return operation_check_keys(request, keys, COUNT_OF(keys), e) && operation_get_text(request, "id", false, RIGHTS_ID_SIZE, &id, e) &&
           operation_get_text(request, "event", false, RIGHTS_NAME_MAX, &event, e) &&
           operation_get_text(request, "by", false, RIGHTS_NAME_MAX, &by, e) &&
           operation_get_text(request, "words", false, RIGHTS_WORDS_MAX, &words, e) &&
           (review_notice_find(event, &found) || error_set(e, ERROR_INPUT, "event", NULL, "must be told or waived")) &&
           review_tell(context->rights, id, found, by, words, time_now_ms(), &index, e) &&
           give(json_pack("{s:I}", "log_index", (json_int_t)index), answer, e);
}
