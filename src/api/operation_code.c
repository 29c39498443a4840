#include "api/operation_code.h"

#include <stdlib.h>

#include "api/access_event.h"
#include "api/operation_internal.h"
#include "api/paper_code.h"
#include "base/time.h"
#include "consent/persons.h"

enum { NAME_MAX = 128, ROLE_NAME_MAX = 32, ARENA_MAX = 64 * 1024 };

/* ---- Guardianships ---- */

struct finding {
    struct arena *arena;
    struct bytes id, ref;
    int64_t now_ms;
    bool is_found;
};

static bool take_guardian(void *context, const struct representative *r)
{
    struct finding *f = context;
    if (!bytes_equal(r->id, f->id) || !representative_is_now(r, f->now_ms)) {
        return true;
    }
    f->is_found = true;
    f->ref = arena_copy(f->arena, r->ref);
    return false;
}

/* Who answers for `ward` by this guardianship. */
static bool find_guardian(const struct operation_context *context, struct bytes ward, struct paper_code *code, struct arena *arena,
                          struct error *e)
{
    struct finding f = { .arena = arena, .id = code->guardianship, .now_ms = code->issued_at_ms };
    if (ward.size == 0) {
        return error_set(e, ERROR_INPUT, "person", "name the person whom the guardian answers for", "must be there");
    }
    if (!representatives_list(context->consents, ward, BYTES_NONE, take_guardian, &f, e)) {
        return false;
    }
    if (!f.is_found) {
        return error_set(e, ERROR_DENIED, "guardianship", "look at `comity person show`", "nobody answers for that person by this now");
    }
    code->person = f.ref;
    return f.ref.data != NULL || error_memory(e, "code");
}

/* ---- Issuing ---- */

static bool read_role(const json_t *request, enum role *out, struct error *e)
{
    struct bytes name = BYTES_NONE;
    char text[ROLE_NAME_MAX + 1] = { 0 };
    *out = ROLE_PERSON;
    if (!operation_get_text(request, "role", true, ROLE_NAME_MAX, &name, e)) {
        return false;
    }
    if (name.size > 0) {
        memcpy(text, name.data, name.size);
        *out = role_find(text);
    }
    return *out != ROLE_COUNT ||
           error_set(e, ERROR_INPUT, "role", "choose from person, guardian, helper, viewer, operator, officer and auditor",
                     "there is no such role");
}

static bool read_code(const struct operation_context *context, const json_t *request, struct arena *arena, struct paper_code *code,
                      struct bytes *subject, struct error *e)
{
    static const char *const keys[] = { "role", "person", "guardianship", "name", "age_ms", "by" };
    const json_t *age = json_object_get(request, "age_ms");
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) || !read_role(request, &code->role, e) ||
        !operation_get_text(request, "person", true, NAME_MAX, subject, e) ||
        !operation_get_text(request, "guardianship", true, NAME_MAX, &code->guardianship, e) ||
        !operation_get_text(request, "name", true, NAME_MAX, &code->who, e) ||
        !operation_get_text(request, "by", true, NAME_MAX, &code->issued_by, e)) {
        return false;
    }
    if (age != NULL && (!json_is_integer(age) || json_integer_value(age) <= 0 || json_integer_value(age) > PAPER_CODE_AGE_MAX_MS)) {
        return error_set(e, ERROR_INPUT, "age", "choose at most 7d", "is no time, or too long");
    }
    code->issued_by = code->issued_by.size > 0 ? code->issued_by : BYTES("command line");
    code->issued_at_ms = time_now_ms();
    code->until_ms = code->issued_at_ms + (age == NULL ? PAPER_CODE_DEFAULT_MS : json_integer_value(age));
    code->person = *subject;
    return code->role != ROLE_GUARDIAN || find_guardian(context, *subject, code, arena, e);
}

static bool log_issue(const struct operation_context *context, const struct paper_code *code, struct bytes subject, struct arena *arena,
                      struct error *e)
{
    struct bytes whom = arena_format(arena, "%s%s%.*s", role_name(code->role), code->who.size > 0 ? " " : "", BYTES_FMT(code->who));
    const struct access_event event = { .person = subject,
                                        .by = code->issued_by,
                                        .role = BYTES("counter"),
                                        .member = context->holder,
                                        .operation = BYTES("issueCode"),
                                        .method = whom,
                                        .time_ms = code->issued_at_ms };
    return whom.data == NULL ? error_memory(e, "code") : access_event_append(context->log->committer, &event, e);
}

bool operation_code_issue(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    struct paper_code code = { .role = ROLE_ANONYMOUS };
    struct bytes subject = BYTES_NONE;
    struct arena arena = { .size_max = ARENA_MAX };
    char text[PAPER_CODE_TEXT_SIZE] = { 0 };
    *answer = NULL;
    bool ok = read_code(context, request, &arena, &code, &subject, e) && paper_code_sweep(context->store, code.issued_at_ms, e) &&
              paper_code_issue(context->store, &code, text, e) && log_issue(context, &code, subject, &arena, e);
    if (ok) {
        *answer = json_pack("{s:s, s:s, s:o}", "code", text, "role", role_name(code.role), "until", operation_time(code.until_ms));
        ok = *answer != NULL || error_memory(e, "code");
    }
    explicit_bzero(text, sizeof text);
    arena_clear(&arena);
    return ok;
}
