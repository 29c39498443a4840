#include "api/operation_internal.h"

#include <stdlib.h>

#include "base/time.h"
#include "directory/identifier.h"
#include "policy/policy.h"

enum { CATCH_UP_ENTRIES = 100000 };
static const int64_t usual_valid_ms = 365LL * 86400 * 1000;

/* ---- Deciding ---- */

/* A grant and the memory of what it points to. */
struct grant_texts {
    struct buffer recipient, purpose;
    struct buffer categories[OPERATION_CATEGORIES_MAX];
    struct bytes views[OPERATION_CATEGORIES_MAX];
    size_t category_count;
};

static void texts_init(struct grant_texts *t)
{
    buffer_init(&t->recipient, OPERATION_IDENTIFIER_BYTES_MAX);
    buffer_init(&t->purpose, 2 * (size_t)OPERATION_IRI_BYTES_MAX);
    for (size_t i = 0; i < OPERATION_CATEGORIES_MAX; i++) {
        buffer_init(&t->categories[i], 2 * (size_t)OPERATION_IRI_BYTES_MAX);
    }
    t->category_count = 0;
}

static void texts_clear(struct grant_texts *t)
{
    buffer_clear(&t->recipient);
    buffer_clear(&t->purpose);
    for (size_t i = 0; i < OPERATION_CATEGORIES_MAX; i++) {
        buffer_clear(&t->categories[i]);
    }
}

static bool read_recipient(const json_t *request, struct grant_texts *t, struct error *e)
{
    struct bytes text;
    return operation_get_text(request, "recipient", false, OPERATION_IDENTIFIER_BYTES_MAX, &text, e) &&
           operation_get_member(text, "recipient", &t->recipient, e);
}

static bool read_categories(const json_t *request, struct grant_texts *t, struct error *e)
{
    const json_t *list = json_object_get(request, "categories");
    size_t count = json_array_size(list);
    if (count == 0 || count > OPERATION_CATEGORIES_MAX) {
        return error_set(e, ERROR_INPUT, "categories", NULL, "must be a list of 1 to %d IRIs", OPERATION_CATEGORIES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (!operation_get_iri(json_array_get(list, i), "categories", &t->categories[i], e)) {
            return false;
        }
        t->views[i] = buffer_bytes(&t->categories[i]);
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(t->views[i], t->views[j])) {
                return error_set(e, ERROR_INPUT, "categories", "name each once", "'%.*s' is there twice", BYTES_FMT(t->views[i]));
            }
        }
    }
    t->category_count = count;
    return true;
}

static bool read_until(const json_t *request, int64_t now_ms, int64_t *out, struct error *e)
{
    struct bytes text;
    *out = now_ms + usual_valid_ms;
    if (!operation_get_text(request, "valid_until", true, 64, &text, e)) {
        return false;
    }
    if (text.size > 0 && !time_parse(text, out)) {
        return error_set(e, ERROR_INPUT, "valid_until", "write it as 2027-03-01T00:00:00Z", "is no time");
    }
    return *out > now_ms || error_set(e, ERROR_INPUT, "valid_until", "choose a later time", "is over already");
}

static bool read_decision(const json_t *request, enum consent_event *out, struct error *e)
{
    struct bytes decision;
    if (!operation_get_text(request, "decision", false, 16, &decision, e)) {
        return false;
    }
    *out = bytes_equal(decision, BYTES("give")) ? CONSENT_EVENT_GIVE : CONSENT_EVENT_REFUSE;
    return *out == CONSENT_EVENT_GIVE || bytes_equal(decision, BYTES("refuse")) ||
           error_set(e, ERROR_INPUT, "decision", NULL, "must be give or refuse");
}

bool operation_decide(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "decision", "person", "recipient", "purpose", "categories", "valid_until" };
    bool ok = false;
    char id[CONSENT_ID_SIZE];
    uint64_t log_index = 0;
    struct consent_grant grant = { .valid_from_ms = time_now_ms() };
    struct grant_texts *texts = malloc(sizeof *texts);
    *answer = NULL;
    if (texts == NULL) {
        return error_memory(e, "consent");
    }
    texts_init(texts);
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) || !read_decision(request, &grant.event, e) ||
        !operation_get_text(request, "person", false, OPERATION_PERSON_BYTES_MAX, &grant.key.person, e) ||
        !read_recipient(request, texts, e) || !operation_get_iri(json_object_get(request, "purpose"), "purpose", &texts->purpose, e) ||
        !read_categories(request, texts, e) || !read_until(request, grant.valid_from_ms, &grant.valid_until_ms, e)) {
        goto done;
    }
    grant.key.recipient = buffer_bytes(&texts->recipient);
    grant.key.purpose = buffer_bytes(&texts->purpose);
    grant.categories = texts->views;
    grant.category_count = texts->category_count;
    if (!consent_give(context->consents, &grant, id, &log_index, e)) {
        goto done;
    }
    *answer = json_pack("{s:s, s:I}", "id", id, "log_index", (json_int_t)log_index);
    ok = *answer != NULL || error_memory(e, "consent");
done:
    texts_clear(texts);
    free(texts);
    return ok;
}

/* ---- Lists ---- */

struct listing {
    json_t *rows;
    size_t max; /* the newest that many are kept */
    bool failed;
};

static bool add_row(struct listing *listing, json_t *row)
{
    listing->failed = row == NULL || json_array_append_new(listing->rows, row) != 0;
    return !listing->failed;
}

static bool add_consent(void *context, const struct consent_record *record)
{
    struct listing *listing = context;
    json_t *row = json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "id", operation_text(record->id), "person",
                            operation_text(record->person), "recipient", operation_text(record->recipient), "purpose",
                            operation_text(record->purpose), "category", operation_text(record->category), "state",
                            consent_state_name(record->state), "valid_from", operation_time(record->valid_from_ms), "valid_until",
                            operation_time(record->valid_until_ms), "changed_at", operation_time(record->changed_at_ms));
    return add_row(listing, row) && json_array_size(listing->rows) < listing->max;
}

/* Wraps the rows; on failure releases them. */
static bool end_listing(struct listing *listing, bool ok, json_t *made, json_t **answer, struct error *e)
{
    if (ok && !listing->failed && made != NULL) {
        *answer = made;
        return true;
    }
    json_decref(made);
    return ok ? error_memory(e, "list") : false;
}

bool operation_list(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "person", "id" };
    struct bytes person, id;
    struct listing listing = { .max = OPERATION_LIST_MAX };
    *answer = NULL;
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) ||
        !operation_get_text(request, "person", true, OPERATION_PERSON_BYTES_MAX, &person, e) ||
        !operation_get_text(request, "id", true, CONSENT_ID_SIZE, &id, e)) {
        return false;
    }
    json_t *made = json_pack("{s:[]}", "consents");
    listing.rows = json_object_get(made, "consents");
    bool ok = made != NULL ? consent_list(context->consents, person, id, add_consent, &listing, e) : error_memory(e, "list");
    if (ok && id.size > 0 && json_array_size(listing.rows) == 0) {
        ok = error_set(e, ERROR_ABSENT, "id", "see 'comity consent list'", "there is no such consent");
    }
    return end_listing(&listing, ok, made, answer, e);
}

static bool add_use(void *context, const struct use *use)
{
    static const char *const kinds[] = {
        [USE_NONE] = "none", [USE_EXCHANGE] = "exchange", [USE_ANSWER] = "answer", [USE_CONSENT] = "consent", [USE_ACCESS] = "access"
    };
    struct listing *listing = context;
    bool has_answer = use->answer_entry != UINT64_MAX;
    json_t *row = json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind", kinds[use->kind], "log_index",
                            (json_int_t)use->entry, "answer_log_index",
                            has_answer ? json_integer((json_int_t)use->answer_entry) : json_null(), "time", operation_time(use->time_ms),
                            "exchange", operation_text(use->exchange), "client", operation_text(use->client), "service",
                            operation_text(use->service), "purpose", operation_text(use->purpose), "verdict", operation_text(use->verdict),
                            "reason", operation_text(use->reason), "permitted", operation_text(use->permitted), "released",
                            operation_text(use->released), "withheld", operation_text(use->withheld));
    if (!add_row(listing, row)) {
        return false;
    }
    /* Newest last: when there are too many, the oldest goes. */
    return json_array_size(listing->rows) <= listing->max || json_array_remove(listing->rows, 0) == 0;
}

bool operation_uses(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "person", "last" };
    struct bytes person;
    struct listing listing = { .max = OPERATION_LIST_MAX };
    uint64_t lag = 0;
    *answer = NULL;
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) ||
        !operation_get_text(request, "person", false, OPERATION_PERSON_BYTES_MAX, &person, e)) {
        return false;
    }
    const json_t *last = json_object_get(request, "last");
    if (last != NULL && (!json_is_integer(last) || json_integer_value(last) < 1)) {
        return error_set(e, ERROR_INPUT, "last", NULL, "must be a whole number from 1");
    }
    if (last != NULL && json_integer_value(last) < OPERATION_LIST_MAX) {
        listing.max = (size_t)json_integer_value(last);
    }
    if (!uses_catch_up(context->uses, CATCH_UP_ENTRIES, &lag, e)) {
        return false;
    }
    json_t *made = json_pack("{s:[], s:I}", "uses", "lag", (json_int_t)lag);
    listing.rows = json_object_get(made, "uses");
    bool ok = made != NULL ? uses_list(context->uses, person, add_use, &listing, e) : error_memory(e, "list");
    return end_listing(&listing, ok, made, answer, e);
}

/* ---- Withdrawing ---- */

bool operation_withdraw(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "id", "category" };
    bool ok = false, is_changed = false;
    uint64_t log_index = 0;
    struct bytes id;
    struct buffer category;
    const json_t *given = json_object_get(request, "category");
    *answer = NULL;
    buffer_init(&category, 2 * (size_t)OPERATION_IRI_BYTES_MAX);
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) || !operation_get_text(request, "id", false, CONSENT_ID_SIZE, &id, e) ||
        (given != NULL && !operation_get_iri(given, "category", &category, e))) {
        goto done;
    }
    if (!consent_withdraw(context->consents, id, given == NULL ? BYTES_NONE : buffer_bytes(&category), &is_changed, &log_index, e)) {
        goto done;
    }
    *answer = json_pack("{s:b, s:o}", "changed", is_changed, "log_index", is_changed ? json_integer((json_int_t)log_index) : json_null());
    ok = *answer != NULL || error_memory(e, "consent");
done:
    buffer_clear(&category);
    return ok;
}

bool operation_withdraw_all(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "person" };
    struct bytes person;
    size_t changed = 0;
    *answer = NULL;
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) ||
        !operation_get_text(request, "person", false, OPERATION_PERSON_BYTES_MAX, &person, e) ||
        !consent_withdraw_all(context->consents, person, &changed, e)) {
        return false;
    }
    *answer = json_pack("{s:I}", "changed", (json_int_t)changed);
    return *answer != NULL || error_memory(e, "consent");
}
