#include "cli/policy_cases.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "base/yaml_schema.h"
#include "cli/file.h"
#include "consent/notice.h"
#include "law/tighten.h"
#include "law/words.h"
#include "policy/explain.h"

enum { CASES_MAX = 10000, TEXT_MAX = 4096, CONSENTS_MAX = 64, DAY_MS = 24 * 60 * 60 * 1000 };

/* ---- The file ---- */

struct text_consent {
    char *category, *from, *until;
    enum consent_state state;
    bool *has_notice;
    bool is_superseded;
    enum consent_role role;
    int *separate;
    uint32_t separate_count;
    bool is_written, is_range;
    uint64_t max, total, used_in_period, used;
};
struct text_facts {
    char *born;
    bool has_died, is_paused, is_restricted, has_guardian, has_delegate;
    bool *is_recognised;
    char *holder_country, *client_country;
    bool is_state_organ, is_critical, is_client_state_organ;
    uint64_t exported, exported_sensitive, asked;
    bool is_exported, is_asked, is_held;
};
struct text_vital {
    char *justification, *confirmed_by;
};
struct text_expect {
    char *reason;
    char **released;
    uint32_t released_count;
};
struct text_case {
    char *name, *client, *service, *method, *path, *purpose, *at, *authority;
    bool *has_person;
    struct text_vital *vital;
    struct text_facts *facts;
    struct text_consent *consents;
    uint32_t consents_count;
    struct text_expect expect;
};
struct text_cases {
    char *law, *policy, *member;
    struct text_case *cases;
    uint32_t cases_count;
};

enum { PRESENT = CYAML_FLAG_POINTER, ABSENT = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL };

static const cyaml_strval_t states[] = {
    { "given", CONSENT_GIVEN },           { "requested", CONSENT_REQUESTED },
    { "deferred", CONSENT_DEFERRED },     { "paused", CONSENT_PAUSED },
    { "refused", CONSENT_REFUSED },       { "withdrawn", CONSENT_WITHDRAWN },
    { "revoked", CONSENT_REVOKED },       { "expired", CONSENT_EXPIRED },
    { "superseded", CONSENT_SUPERSEDED }, { "invalidated", CONSENT_INVALIDATED },
};
static const cyaml_strval_t roles[] = {
    { "person", CONSENT_ROLE_PERSON },     { "guardian", CONSENT_ROLE_GUARDIAN },   { "relative", CONSENT_ROLE_RELATIVE },
    { "delegate", CONSENT_ROLE_DELEGATE }, { "authority", CONSENT_ROLE_AUTHORITY }, { "system", CONSENT_ROLE_SYSTEM },
};
static const cyaml_schema_value_t line_value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX) };
static const cyaml_schema_value_t separate_value = { CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, int, law_separate_words, LAW_SEPARATE_COUNT) };

static const cyaml_schema_field_t consent_fields[] = {
    CYAML_FIELD_STRING_PTR("category", PRESENT, struct text_consent, category, 1, TEXT_MAX),
    CYAML_FIELD_ENUM("state", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct text_consent, state, states, COUNT_OF(states)),
    CYAML_FIELD_STRING_PTR("from", ABSENT, struct text_consent, from, 1, 64),
    CYAML_FIELD_STRING_PTR("until", ABSENT, struct text_consent, until, 1, 64),
    CYAML_FIELD_BOOL_PTR("notice", ABSENT, struct text_consent, has_notice),
    CYAML_FIELD_BOOL("superseded", CYAML_FLAG_OPTIONAL, struct text_consent, is_superseded),
    CYAML_FIELD_ENUM("role", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct text_consent, role, roles, COUNT_OF(roles)),
    CYAML_FIELD_SEQUENCE("separate", ABSENT, struct text_consent, separate, &separate_value, 0, LAW_SEPARATE_COUNT),
    CYAML_FIELD_BOOL("written", CYAML_FLAG_OPTIONAL, struct text_consent, is_written),
    CYAML_FIELD_BOOL("data_range", CYAML_FLAG_OPTIONAL, struct text_consent, is_range),
    CYAML_FIELD_UINT("max", CYAML_FLAG_OPTIONAL, struct text_consent, max),
    CYAML_FIELD_UINT("total", CYAML_FLAG_OPTIONAL, struct text_consent, total),
    CYAML_FIELD_UINT("used_in_period", CYAML_FLAG_OPTIONAL, struct text_consent, used_in_period),
    CYAML_FIELD_UINT("used", CYAML_FLAG_OPTIONAL, struct text_consent, used),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t consent_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_consent, consent_fields) };
static const cyaml_schema_field_t facts_fields[] = {
    CYAML_FIELD_STRING_PTR("born", ABSENT, struct text_facts, born, 1, 64),
    CYAML_FIELD_BOOL("died", CYAML_FLAG_OPTIONAL, struct text_facts, has_died),
    CYAML_FIELD_BOOL("paused", CYAML_FLAG_OPTIONAL, struct text_facts, is_paused),
    CYAML_FIELD_BOOL("restricted", CYAML_FLAG_OPTIONAL, struct text_facts, is_restricted),
    CYAML_FIELD_BOOL("guardian", CYAML_FLAG_OPTIONAL, struct text_facts, has_guardian),
    CYAML_FIELD_BOOL("delegate", CYAML_FLAG_OPTIONAL, struct text_facts, has_delegate),
    CYAML_FIELD_BOOL_PTR("recognised", ABSENT, struct text_facts, is_recognised),
    CYAML_FIELD_STRING_PTR("holder_country", ABSENT, struct text_facts, holder_country, 0, 2),
    CYAML_FIELD_STRING_PTR("client_country", ABSENT, struct text_facts, client_country, 0, 2),
    CYAML_FIELD_BOOL("state_organ", CYAML_FLAG_OPTIONAL, struct text_facts, is_state_organ),
    CYAML_FIELD_BOOL("critical", CYAML_FLAG_OPTIONAL, struct text_facts, is_critical),
    CYAML_FIELD_BOOL("client_state_organ", CYAML_FLAG_OPTIONAL, struct text_facts, is_client_state_organ),
    CYAML_FIELD_UINT("exported", CYAML_FLAG_OPTIONAL, struct text_facts, exported),
    CYAML_FIELD_UINT("exported_sensitive", CYAML_FLAG_OPTIONAL, struct text_facts, exported_sensitive),
    CYAML_FIELD_BOOL("is_exported", CYAML_FLAG_OPTIONAL, struct text_facts, is_exported),
    CYAML_FIELD_UINT("asked", CYAML_FLAG_OPTIONAL, struct text_facts, asked),
    CYAML_FIELD_BOOL("is_asked", CYAML_FLAG_OPTIONAL, struct text_facts, is_asked),
    CYAML_FIELD_BOOL("held", CYAML_FLAG_OPTIONAL, struct text_facts, is_held),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t vital_fields[] = {
    CYAML_FIELD_STRING_PTR("justification", ABSENT, struct text_vital, justification, 1, JUSTIFICATION_SIZE_MAX),
    CYAML_FIELD_STRING_PTR("confirmed_by", ABSENT, struct text_vital, confirmed_by, 1, 128),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t expect_fields[] = {
    CYAML_FIELD_STRING_PTR("reason", ABSENT, struct text_expect, reason, 1, 64),
    CYAML_FIELD_SEQUENCE("released", ABSENT, struct text_expect, released, &line_value, 0, POLICY_RELEASES_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t case_fields[] = {
    CYAML_FIELD_STRING_PTR("name", PRESENT, struct text_case, name, 1, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("client", PRESENT, struct text_case, client, 1, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("service", PRESENT, struct text_case, service, 1, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("method", ABSENT, struct text_case, method, 1, 16),
    CYAML_FIELD_STRING_PTR("path", ABSENT, struct text_case, path, 0, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("purpose", ABSENT, struct text_case, purpose, 1, IRI_SIZE_MAX),
    CYAML_FIELD_STRING_PTR("at", ABSENT, struct text_case, at, 1, 64),
    CYAML_FIELD_STRING_PTR("authority", ABSENT, struct text_case, authority, 1, 128),
    CYAML_FIELD_BOOL_PTR("person", ABSENT, struct text_case, has_person),
    CYAML_FIELD_MAPPING_PTR("vital", ABSENT, struct text_case, vital, vital_fields),
    CYAML_FIELD_MAPPING_PTR("facts", ABSENT, struct text_case, facts, facts_fields),
    CYAML_FIELD_SEQUENCE("consents", ABSENT, struct text_case, consents, &consent_value, 0, CONSENTS_MAX),
    CYAML_FIELD_MAPPING("expect", CYAML_FLAG_DEFAULT, struct text_case, expect, expect_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t case_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_case, case_fields) };
static const cyaml_schema_field_t cases_fields[] = {
    CYAML_FIELD_STRING_PTR("law", ABSENT, struct text_cases, law, 1, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("policy", PRESENT, struct text_cases, policy, 1, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("member", PRESENT, struct text_cases, member, 1, TEXT_MAX),
    CYAML_FIELD_SEQUENCE("cases", PRESENT, struct text_cases, cases, &case_value, 1, CASES_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t cases_schema = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct text_cases, cases_fields) };

/* ---- One run ---- */

struct running {
    const char *file;
    struct buffer yaml;
    struct text_cases *text;
    struct policy *policy;
    struct law *given; /* for a file that names no law; NULL: the default */
    struct law *base, *law;
    struct arena arena; /* of one case */
    char place[128];
    struct error *e;
};

static bool refuse(struct running *r, size_t index, const char *key, const char *todo, const char *what)
{
    (void)snprintf(r->place, sizeof r->place, "cases[%zu].%s", index, key);
    return yaml_error(buffer_bytes(&r->yaml), r->file, r->place, r->e, todo, "%s", what);
}

static struct bytes folder_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash == NULL ? BYTES(".") : bytes_of((const uint8_t *)file, (size_t)(slash - file));
}

/* "FOLDER/NAME" in the arena; NULL: memory. */
static const char *beside(struct running *r, const char *name)
{
    struct bytes folder = folder_of(r->file);
    struct bytes path = name[0] == '/' ? bytes_of_text(name) : arena_format(&r->arena, "%.*s/%s", BYTES_FMT(folder), name);
    return (const char *)path.data;
}

static bool load_law(struct running *r)
{
    const char *name = r->text->law == NULL ? LAW_DEFAULT_ID : r->text->law;
    struct buffer text;
    if (r->text->law == NULL && r->given != NULL) {
        r->base = law_keep(r->given);
        return true;
    }
    if (strchr(name, '.') == NULL) {
        return law_load_builtin(&r->base, bytes_of_text(name), r->e);
    }
    const char *path = beside(r, name);
    buffer_init(&text, LAW_BYTES_MAX);
    bool ok = path == NULL ? error_memory(r->e, r->file)
                           : file_read_whole(path, &text, r->e) && law_parse(&r->base, buffer_bytes(&text), path, r->e);
    buffer_clear(&text);
    return ok;
}

static bool load(struct running *r)
{
    void *text = NULL;
    struct buffer policy;
    struct identifier owner;
    buffer_init(&policy, POLICY_BYTES_MAX + 1);
    bool ok = file_read_whole(r->file, &r->yaml, r->e) && yaml_load(&cases_schema, buffer_bytes(&r->yaml), r->file, &text, r->e);
    r->text = text;
    if (!ok) {
        goto done;
    }
    const char *path = beside(r, r->text->policy);
    uint8_t *storage = arena_take(&r->arena, strlen(r->text->member) + 1);
    if (path == NULL || storage == NULL) {
        ok = error_memory(r->e, r->file);
        goto done;
    }
    struct bytes folder = folder_of(path);
    struct bytes folder_text = arena_copy(&r->arena, folder);
    ok = folder_text.data != NULL && identifier_parse(bytes_of_text(r->text->member), 3, 3, storage, &owner, r->e) &&
         file_read_whole(path, &policy, r->e) &&
         policy_parse(&r->policy, buffer_bytes(&policy), path, (const char *)folder_text.data, &owner, r->e) && load_law(r) &&
         law_tighten(&r->law, r->base, buffer_bytes(&policy), path, r->e);
done:
    buffer_clear(&policy);
    return ok;
}

static void unload(struct running *r)
{
    law_drop(r->law);
    law_drop(r->base);
    policy_drop(r->policy);
    yaml_unload(&cases_schema, r->text);
    buffer_clear(&r->yaml);
    arena_clear(&r->arena);
}

/* ---- One case: what decide() is given ---- */

struct built {
    struct identifier client, service_id;
    struct decide_request request;
    struct decide_context context;
    struct consent_view view;
    struct consent_decision *decisions;
    struct consent_terms *terms;
    struct decide_use *uses;
    struct notices *notices;
};

static bool parse_time(struct running *r, size_t index, const char *key, const char *text, int64_t *out)
{
    int64_t day = 0;
    if (period_parse_date(bytes_of_text(text), &day)) {
        *out = day * DAY_MS;
        return true;
    }
    return time_parse(bytes_of_text(text), out) ||
           refuse(r, index, key, "write a date such as 2026-11-24, or a time such as 2026-11-24T08:00:00Z", "it is not a date or time");
}

/* A notice that says all that can be said: what a case tests is the policy; its notices are tested where they are published. */
static bool make_notice(struct running *r, const struct text_case *from, struct built *b, uint8_t mark)
{
    struct error ignored;
    struct notice *notice = calloc(1, sizeof *notice);
    struct notice_category *categories = NULL;
    bool ok = false;
    if (notice == NULL) {
        return error_memory(r->e, r->file);
    }
    notice->reference_count = 1;
    categories = arena_take_zeroed(&notice->arena, (from->consents_count + 1) * sizeof *categories);
    if (categories == NULL) {
        ok = error_memory(r->e, r->file);
        goto done;
    }
    for (size_t i = 0; i < from->consents_count; i++) {
        categories[i] = (struct notice_category){ .iri = b->decisions[i].category, .is_sensitive = true };
    }
    notice->digest[0] = mark;
    notice->id = b->request.service != NULL && b->request.service->notice_count > 0 ? b->request.service->notices[0] : BYTES("a-notice");
    notice->revision = 1;
    notice->lifecycle = NOTICE_COMPLETE;
    notice->is_active = true;
    notice->recipient.member = b->request.recipient;
    notice->purpose = b->request.purpose.size > 0 || b->request.service == NULL ? b->request.purpose : b->request.service->default_purpose;
    notice->is_automated = notice->crosses_border = notice->allows_minor = true;
    notice->categories = categories;
    notice->category_count = from->consents_count;
    const struct notices_entry entry = { .notice = notice, .is_logged = true };
    ok = notices_make(&b->notices, &entry, 1, &ignored) || error_memory(r->e, r->file);
done:
    notice_drop(notice);
    return ok;
}

static bool build_consent(struct running *r, const struct text_case *from, size_t index, size_t i, struct built *b)
{
    const struct text_consent *text = &from->consents[i];
    struct consent_decision *to = &b->decisions[i];
    struct consent_terms *terms = &b->terms[i];
    struct buffer iri;
    char key[64];
    buffer_init(&iri, IRI_SIZE_MAX + 1);
    bool is_iri = iri_expand(bytes_of_text(text->category), &iri) && !iri.failed;
    to->category = is_iri ? arena_copy(&r->arena, buffer_bytes(&iri)) : BYTES_NONE;
    buffer_clear(&iri);
    if (to->category.data == NULL) {
        (void)snprintf(key, sizeof key, "consents[%zu].category", i);
        return refuse(r, index, key, "write it as in the policy", "it is not an IRI");
    }
    to->state = text->state == CONSENT_NONE ? CONSENT_GIVEN : text->state;
    to->valid_from_ms = b->request.now_ms;
    to->valid_until_ms = b->request.now_ms + DAY_MS;
    (void)snprintf(key, sizeof key, "consents[%zu].from", i);
    if (text->from != NULL && !parse_time(r, index, key, text->from, &to->valid_from_ms)) {
        return false;
    }
    (void)snprintf(key, sizeof key, "consents[%zu].until", i);
    if (text->until != NULL && !parse_time(r, index, key, text->until, &to->valid_until_ms)) {
        return false;
    }
    to->record_id = arena_format(&r->arena, "consents[%zu]", i);
    to->terms = terms;
    terms->notice[0] = text->has_notice != NULL && !*text->has_notice ? 0 : text->is_superseded ? 2 : 1;
    terms->role = text->role == CONSENT_ROLE_NONE ? CONSENT_ROLE_PERSON : text->role;
    terms->is_written = text->is_written;
    for (size_t j = 0; j < text->separate_count; j++) {
        terms->separate |= (uint32_t)text->separate[j];
    }
    terms->limits.max = text->max;
    terms->limits.total = text->total;
    terms->limits.has_data_from = text->is_range;
    b->uses[i] = (struct decide_use){ .record_id = to->record_id, .in_period = text->used_in_period, .total = text->used };
    return to->record_id.data != NULL || error_memory(r->e, r->file);
}

static bool build_facts(struct running *r, size_t index, const struct text_facts *facts, struct built *b)
{
    static const struct text_facts none = { 0 };
    struct consent_person *person = &b->view.person;
    int64_t born = 0;
    facts = facts == NULL ? &none : facts;
    if (facts->born != NULL) {
        if (!period_parse_date(bytes_of_text(facts->born), &born)) {
            return refuse(r, index, "facts.born", "write a date such as 1980-01-31", "it is not a date");
        }
        person->has_born = true;
        person->born_day = (int32_t)born;
    }
    person->has_died = facts->has_died;
    person->is_paused = facts->is_paused;
    person->is_restricted = facts->is_restricted;
    person->guardian_until_ms = facts->has_guardian ? INT64_MAX : 0;
    person->delegate_until_ms = facts->has_delegate ? INT64_MAX : 0;
    const struct identifier *client = &b->client, *service = &b->service_id;
    bool is_same_community = bytes_equal(client->parts[0], service->parts[0]);
    b->context.parties = (struct decide_parties){
        .is_recognised = facts->is_recognised == NULL || *facts->is_recognised,
        .is_same_community = is_same_community,
        .is_same_member = is_same_community && bytes_equal(client->parts[1], service->parts[1]) &&
                          bytes_equal(client->parts[2], service->parts[2]),
        .holder_country = bytes_of_text(facts->holder_country == NULL ? "" : facts->holder_country),
        .client_country = bytes_of_text(facts->client_country == NULL ? "" : facts->client_country),
        .is_state_organ = facts->is_state_organ,
        .is_critical = facts->is_critical,
        .is_client_state_organ = facts->is_client_state_organ,
    };
    b->context.counters.exported = facts->exported;
    b->context.counters.exported_sensitive = facts->exported_sensitive;
    b->context.counters.is_exported = b->context.counters.is_exported_sensitive = facts->is_exported;
    b->context.counters.asked = facts->asked;
    b->context.counters.is_asked = facts->is_asked;
    b->context.counters.is_held = facts->is_held;
    return true;
}

static bool parse_id(struct running *r, size_t index, const char *key, const char *text, size_t least, size_t most, struct identifier *out)
{
    struct error cause = { 0 };
    uint8_t *storage = arena_take(&r->arena, strlen(text) + 1);
    if (storage == NULL) {
        return error_memory(r->e, r->file);
    }
    return identifier_parse(bytes_of_text(text), least, most, storage, out, &cause) || refuse(r, index, key, cause.todo, cause.what);
}

static bool build_request(struct running *r, const struct text_case *from, size_t index, struct built *b)
{
    struct buffer text;
    if (!parse_id(r, index, "client", from->client, 4, 4, &b->client) ||
        !parse_id(r, index, "service", from->service, 5, 5, &b->service_id)) {
        return false;
    }
    buffer_init(&text, 8192);
    identifier_append_parts(&text, &b->client, 3);
    b->request.recipient = arena_copy(&r->arena, buffer_bytes(&text));
    buffer_reset(&text);
    bool is_iri = from->purpose == NULL || iri_expand(bytes_of_text(from->purpose), &text);
    b->request.purpose = from->purpose == NULL ? BYTES_NONE : arena_copy(&r->arena, buffer_bytes(&text));
    bool failed = text.failed;
    buffer_clear(&text);
    if (!is_iri || failed) {
        return refuse(r, index, "purpose", "write it as in the policy", "it is not an IRI");
    }
    b->request.client = &b->client;
    b->request.service = policy_find_service(r->policy, &b->service_id);
    b->request.method = bytes_of_text(from->method == NULL ? "GET" : from->method);
    b->request.path = bytes_of_text(from->path == NULL ? "/" : from->path);
    b->request.person = from->has_person == NULL || *from->has_person ? BYTES("somebody") : BYTES_NONE;
    b->request.claims_vital = from->vital != NULL;
    if (from->vital != NULL) {
        b->request.justification = from->vital->justification == NULL ? BYTES_NONE : bytes_of_text(from->vital->justification);
        b->request.confirmed_by = from->vital->confirmed_by == NULL ? BYTES_NONE : bytes_of_text(from->vital->confirmed_by);
    }
    b->request.authority = from->authority == NULL ? BYTES_NONE : bytes_of_text(from->authority);
    b->request.now_ms = time_now_ms();
    return (b->request.recipient.data != NULL || error_memory(r->e, r->file)) &&
           (from->at == NULL || parse_time(r, index, "at", from->at, &b->request.now_ms));
}

static bool build(struct running *r, size_t index, struct built *b)
{
    const struct text_case *from = &r->text->cases[index];
    size_t count = from->consents_count + 1; /* never none: nothing is taken then */
    b->decisions = arena_take_zeroed(&r->arena, count * sizeof *b->decisions);
    b->terms = arena_take_zeroed(&r->arena, count * sizeof *b->terms);
    b->uses = arena_take_zeroed(&r->arena, count * sizeof *b->uses);
    if (b->decisions == NULL || b->terms == NULL || b->uses == NULL) {
        return error_memory(r->e, r->file);
    }
    if (!build_request(r, from, index, b) || !build_facts(r, index, from->facts, b)) {
        return false;
    }
    for (size_t i = 0; i < from->consents_count; i++) {
        if (!build_consent(r, from, index, i, b)) {
            return false;
        }
    }
    if (!make_notice(r, from, b, 1)) {
        return false;
    }
    b->view.decisions = b->decisions;
    b->view.count = from->consents_count;
    b->context.policy = r->policy;
    b->context.law = r->law;
    b->context.notices = b->notices;
    b->context.consents = &b->view;
    b->context.counters.uses = b->uses;
    b->context.counters.use_count = from->consents_count;
    return true;
}

/* ---- Comparing ---- */

static bool is_expected_release(const struct text_expect *expect, struct bytes iri)
{
    struct buffer full;
    bool is_there = false;
    buffer_init(&full, IRI_SIZE_MAX + 1);
    for (size_t i = 0; i < expect->released_count && !is_there; i++) {
        buffer_reset(&full);
        is_there = iri_expand(bytes_of_text(expect->released[i]), &full) && bytes_equal(buffer_bytes(&full), iri);
    }
    buffer_clear(&full);
    return is_there;
}

static void compare_releases(const struct running *r, const struct text_expect *expect, const struct built *b,
                             const struct decide_result *result, struct buffer *out)
{
    size_t released = 0;
    for (size_t i = 0; b->request.service != NULL && i < b->request.service->release_count; i++) {
        struct bytes iri = r->policy->categories[b->request.service->releases[i].category].iri;
        bool leaves = result->reason == REASON_NONE && result->permitted[i];
        released += leaves && is_expected_release(expect, iri);
        if (leaves != is_expected_release(expect, iri)) {
            buffer_append_text(out, leaves ? "    leaves, and should not: " : "    should leave: ");
            iri_shorten(iri, out);
            if (!leaves) {
                buffer_append_format(out, " (%s)", reason_code(result->withheld[i]));
            }
            buffer_append_u8(out, '\n');
        }
    }
    if (released < expect->released_count && out->size == 0) {
        buffer_append_text(out, "    'released' names a category that this service does not release\n");
    }
}

/* A reason is expected where it is named; else a permit is. */
static void compare(const struct running *r, const struct text_expect *expect, const struct built *b, const struct decide_result *result,
                    struct buffer *out)
{
    const char *wanted = expect->reason == NULL ? "" : expect->reason;
    if (strcmp(wanted, reason_code(result->reason)) != 0) {
        buffer_append_format(out, "    expected %s, decided %s\n", expect->reason == NULL ? "permit" : expect->reason,
                             result->reason == REASON_NONE ? "permit" : reason_code(result->reason));
    }
    if (expect->reason == NULL && result->reason == REASON_NONE && !result->is_whole) {
        compare_releases(r, expect, b, result, out);
    }
}

static bool run_case(struct running *r, size_t index, policy_case_each *each, void *context, bool *is_met)
{
    struct built b = { .notices = NULL };
    static struct decide_result result; /* large; one thread */
    struct buffer difference, explanation;
    const struct text_case *from = &r->text->cases[index];
    buffer_init(&difference, 64 * 1024);
    buffer_init(&explanation, 256 * 1024);
    if (from->expect.reason != NULL && reason_find(bytes_of_text(from->expect.reason)) == REASON_NONE) {
        return refuse(r, index, "expect.reason", "docs/reference/reasons.md has all of them", "there is no such reason");
    }
    bool ok = build(r, index, &b);
    if (ok) {
        decide(&b.request, &b.context, &result);
        compare(r, &from->expect, &b, &result, &difference);
        *is_met = difference.size == 0;
        explain_write(&b.request, &b.context, &result, &explanation);
        buffer_append_u8(&difference, 0);
        buffer_append_u8(&explanation, 0);
        ok = (!difference.failed && !explanation.failed) || error_memory(r->e, r->file);
    }
    if (ok) {
        const struct policy_case_outcome outcome = { .name = from->name,
                                                     .is_met = *is_met,
                                                     .difference = (const char *)difference.data,
                                                     .explanation = (const char *)explanation.data };
        each(context, &outcome);
    }
    notices_drop(b.notices);
    buffer_clear(&difference);
    buffer_clear(&explanation);
    arena_clear(&r->arena);
    return ok;
}

bool policy_cases_run(const char *file, struct law *law, policy_case_each *each, void *context, size_t *count, size_t *failed,
                      struct error *e)
{
    struct running r = { .file = file, .given = law, .e = e };
    *count = *failed = 0;
    buffer_init(&r.yaml, POLICY_BYTES_MAX);
    bool ok = load(&r);
    arena_clear(&r.arena);
    for (size_t i = 0; ok && i < r.text->cases_count; i++) {
        bool is_met = false;
        ok = run_case(&r, i, each, context, &is_met);
        *count += ok;
        *failed += ok && !is_met;
    }
    unload(&r);
    return ok;
}
