#include "audit/verify.h"

#include <stdio.h>

#include "audit/verify_internal.h"
#include "consent/event_text.h"

#define TIME_MS_MAX (UINT64_C(1) << 53)

bool verify_memory(struct verifying *v)
{
    v->refusal->code = NULL;
    return error_memory(&v->refusal->why, "evidence");
}

const char *verify_where(const struct verifying *v, size_t statement, char out[64])
{
    const struct bundle *b = &v->story->bundle;
    size_t nth = 1;
    for (size_t i = 0; i < statement; i++) {
        nth += b->statements[i].role == b->statements[statement].role;
    }
    bool is_many = b->statements[statement].role >= ROLE_CONSENT;
    (void)snprintf(out, 64, is_many ? "%s %zu" : "%s", bundle_role_name(b->statements[statement].role), nth);
    return out;
}

struct bytes verify_event(struct bytes text, const char *name)
{
    struct bytes value;
    return event_text_get(text, name, &value) ? value : BYTES_NONE;
}

bool verify_is_category(const struct bytes *list, size_t count, struct bytes category)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(list[i], category)) {
            return true;
        }
    }
    return false;
}

/* ---- One statement: of the right form, and of this exchange ---- */

static bool read_message(struct verifying *v, struct shown *shown, const char *where, struct bytes *signer)
{
    struct story *s = v->story;
    bool is_answer = shown->from->role == ROLE_ANSWER;
    struct said *said = is_answer ? &s->answer_said : &s->request_said;
    struct error cause;
    if (!said_parse(shown->from->text, said, where, &cause)) {
        return bundle_refuse(v->refusal, "evidence.statement", where, "%s", cause.what);
    }
    if (said->is_answer != is_answer) {
        return bundle_refuse(v->refusal, "evidence.statement", where, "its tag is that of another kind of message");
    }
    if (!bytes_equal(said->parameters.nonce, s->bundle.exchange) ||
        !bytes_equal(said_value(said, "x-road-request-id", false), s->bundle.exchange)) {
        return bundle_refuse(v->refusal, "evidence.exchange", where, "it is of another exchange");
    }
    shown->time_ms = said->parameters.created_s * 1000;
    *signer = said->parameters.keyid;
    *(is_answer ? &s->answer : &s->request) = shown;
    return true;
}

static bool read_event(struct verifying *v, struct shown *shown, const char *where)
{
    static const char *const kinds[ROLE_COUNT] = { NULL, "decision/1", NULL, "consent/1", "directory/1" };
    struct bytes text = shown->from->text;
    uint64_t time_ms = 0;
    if (!event_text_is(text, kinds[shown->from->role])) {
        return bundle_refuse(v->refusal, "evidence.statement", where, "it is no event of the kind %s", kinds[shown->from->role]);
    }
    if (!bytes_to_u64(verify_event(text, "time"), &time_ms) || time_ms == 0 || time_ms > TIME_MS_MAX) {
        return bundle_refuse(v->refusal, "evidence.statement", where, "it has no time");
    }
    shown->time_ms = (int64_t)time_ms;
    if (shown->from->role == ROLE_DECISION) {
        if (!bytes_equal(verify_event(text, "exchange"), v->story->bundle.exchange)) {
            return bundle_refuse(v->refusal, "evidence.exchange", where, "it is of another exchange");
        }
        v->story->decision = shown;
    }
    return true;
}

static bool verify_statement(struct verifying *v, size_t i)
{
    char where[64];
    struct shown *shown = &v->story->shown[i];
    struct bytes signer = BYTES_NONE;
    *shown = (struct shown){ .from = &v->story->bundle.statements[i], .index = UINT64_MAX };
    (void)verify_where(v, i, where);
    enum bundle_role role = shown->from->role;
    if (shown->from->is_hidden) {
        v->story->is_hidden[role] = true;
    } else if (role == ROLE_REQUEST || role == ROLE_ANSWER ? !read_message(v, shown, where, &signer) : !read_event(v, shown, where)) {
        return false;
    }
    return verify_receipts(v, i, signer);
}

/* ---- Times ---- */

static bool verify_times(struct verifying *v)
{
    for (size_t i = 0; i < v->story->bundle.statement_count; i++) {
        char where[64];
        const struct shown *shown = &v->story->shown[i];
        (void)verify_where(v, i, where);
        if (shown->seen_s != 0 && shown->time_ms / 1000 > (int64_t)shown->seen_s + VERIFY_SKEW_S) {
            return bundle_refuse(v->refusal, "evidence.time", where, "witnesses saw it long before the time that it states");
        }
        if (shown->stamp_s != 0 && shown->time_ms / 1000 > (int64_t)shown->stamp_s + VERIFY_SKEW_S) {
            return bundle_refuse(v->refusal, "evidence.time", where, "it was time-stamped long before the time that it states");
        }
        if (shown->not_before_ms != 0 && shown->time_ms / 1000 + VERIFY_SKEW_S < shown->not_before_ms / 1000) {
            return bundle_refuse(v->refusal, "evidence.time", where, "it knew an entry of the other log that is much younger than itself");
        }
    }
    return true;
}

/* The exchange's id stands in these; without one of them it would be anybody's word. */
static bool is_anything_shown(const struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->statement_count; i++) {
        if (bundle->statements[i].role <= ROLE_ANSWER && !bundle->statements[i].is_hidden) {
            return true;
        }
    }
    return false;
}

bool bundle_verify(struct bytes file, const struct trust *trust, struct story *story, struct refusal *refusal)
{
    struct verifying v = { trust, story, refusal };
    *story = (struct story){ 0 };
    *refusal = (struct refusal){ 0 };
    if (!bundle_init(&story->bundle, &refusal->why)) {
        return false;
    }
    if (!bundle_parse_file(file, &story->bundle, refusal)) {
        return false;
    }
    if (!is_anything_shown(&story->bundle)) {
        return bundle_refuse(refusal, "evidence.empty", "the file",
                             "it shows neither request nor decision nor answer, so it proves nothing of them");
    }
    story->shown = arena_take_zeroed(&story->arena, story->bundle.statement_count * sizeof *story->shown);
    if (story->shown == NULL) {
        return verify_memory(&v);
    }
    if (!verify_directories(&v)) {
        return false;
    }
    for (size_t i = 0; i < story->bundle.statement_count; i++) {
        if (!verify_statement(&v, i)) {
            return false;
        }
    }
    return verify_named_checkpoints(&v) && verify_relations(&v) && verify_consents(&v) && verify_times(&v);
}

void story_clear(struct story *story)
{
    for (size_t i = 0; i < BUNDLE_DIRECTORIES_MAX; i++) {
        directory_free(story->directories[i].directory);
    }
    bundle_clear(&story->bundle);
    arena_clear(&story->arena);
    *story = (struct story){ 0 };
}
