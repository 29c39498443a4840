#include "replay_scene.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/time.h"
#include "consent/event_text.h"
#include "policy/decide.h"

#include "../directory/directory_fixture.h"

enum { PERSONS = 4, RECIPIENTS = 2, PURPOSES = 2, SERVICES = 6 };

static const char *const category_names[SCENE_CATEGORIES] = { "urn:k:name", "urn:k:born", "urn:k:health", "urn:k:home", "urn:k:a" };
static const bool sensitive[SCENE_CATEGORIES] = { false, false, true, true, true };
static const char *const purposes[PURPOSES] = { "urn:u:care", "urn:u:research" };
static const char *const persons[PERSONS] = { "p-1", "p-2", "p%253", "p-4" };
static const char *const recipients[RECIPIENTS] = { "BAOBAB/MED/CLINIC", "AURORA/GOV/hospital" };
static const char *const clients[] = { "BAOBAB/MED/CLINIC/desk", "BAOBAB/MED/CLINIC/lab", "AURORA/GOV/hospital/open%20data",
                                       "DELTA/MED/X/desk" };
static const char *const services[SERVICES] = { "AURORA/GOV/hospital/records/by-path",   "AURORA/GOV/hospital/records/by-query",
                                                "AURORA/GOV/hospital/records/by-header", "AURORA/GOV/hospital/records/about-nobody",
                                                "AURORA/GOV/hospital/records/gone",      "AURORA/GOV/elsewhere/records/by-path" };

unsigned scene_roll(struct scene *scene, unsigned below)
{
    return (unsigned)(fixture_next(&scene->dice) % below);
}

/* ---- Policies and directories ---- */

static void write_service(struct scene *s, unsigned which, struct buffer *out)
{
    static const char *const places[] = { "{in: path, template: \"/{person}/**\"}", "{in: query, name: person}",
                                          "{in: header, name: X-Person}", "{in: none}" };
    buffer_append_format(out, "  - id: %s\n    url: \"%s\"\n    person: %s\n", services[which],
                         scene_roll(s, 12) == 0 ? "" : "http://127.0.0.1:1/x", places[which]);
    buffer_append_format(out, "    purposes: [\"%s\"%s]\n", purposes[0], scene_roll(s, 2) == 0 ? ", \"urn:u:research\"" : "");
    if (scene_roll(s, 2) == 0) {
        buffer_append_format(out, "    default_purpose: \"%s\"\n", purposes[0]);
    }
    if (scene_roll(s, 12) == 0) {
        buffer_append_text(out, "    disabled: \"not today\"\n");
    }
    if (which != 3) {
        buffer_append_text(out, "    releases:\n");
        unsigned first = scene_roll(s, SCENE_CATEGORIES), count = 1 + scene_roll(s, SCENE_CATEGORIES);
        for (unsigned i = 0; i < count; i++) {
            unsigned category = (first + i) % SCENE_CATEGORIES;
            const char *basis = !sensitive[category] && scene_roll(s, 2) == 0 ? ", basis: contract" : "";
            buffer_append_format(out, "      - {category: \"%s\"%s}\n", category_names[category], basis);
        }
        buffer_append_text(out, "    fields:\n");
        for (unsigned i = 0; i < count; i++) {
            buffer_append_format(out, "      - {path: \"$.f%u\", category: \"%s\"}\n", i, category_names[(first + i) % SCENE_CATEGORIES]);
        }
    }
    buffer_append_format(out, "    rights:\n      - {subject: BAOBAB/MED/CLINIC, method: \"%s\", path: \"%s\"}\n",
                         scene_roll(s, 2) == 0 ? "*" : "GET", scene_roll(s, 3) == 0 ? "/*" : "/**");
    buffer_append_text(out, scene_roll(s, 2) == 0 ? "      - {subject: AURORA/GOV/hospital/open%20data}\n" : "");
    buffer_append_text(out, "      - {subject: DELTA/MED/X}\n");
}

static void make_policy(struct scene *s, unsigned which)
{
    struct error e;
    struct buffer *out = &s->policy_texts[which];
    const struct identifier owner = { .parts = { BYTES("AURORA"), BYTES("GOV"), BYTES("hospital") }, .part_count = 3 };
    buffer_init(out, 1 << 20);
    buffer_append_format(out, "# %u\ncategories:\n", which);
    for (unsigned i = 0; i < SCENE_CATEGORIES; i++) {
        buffer_append_format(out, "  - {id: \"%s\", sensitive: %s}\n", category_names[i], sensitive[i] ? "true" : "false");
    }
    buffer_append_text(out, "services:\n");
    for (unsigned i = 0; i < 4; i++) {
        write_service(s, i, out);
    }
    assert_false(out->failed);
    if (!policy_parse(&s->policies[which], buffer_bytes(out), "p.yaml", ".", &owner, &e)) {
        fail_msg("%s: %s\n%.*s", e.where, e.what, BYTES_FMT(buffer_bytes(out)));
    }
}

static void parse_note(struct buffer *text, uint8_t operator, struct buffer * note, struct directory **out)
{
    struct error e;
    struct signer *signer = fixture_signer(operator);
    fixture_sign(buffer_bytes(text), &operator, 1, note);
    if (!directory_parse(out, buffer_bytes(note), signer_verifier(signer), 1, 1, "note", &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    signer_free(signer);
    buffer_clear(text);
}

static void make_directories(struct scene *s)
{
    struct buffer text;
    fixture_text(&text);
    parse_note(&text, 1, &s->own_note, &s->own);
    buffer_init(&text, 1 << 16);
    buffer_append_text(&text,
                       "{\"comity_directory\": 1, \"community\": \"BAOBAB\", \"serial\": 1, \"valid_from\": \"2027-02-01T00:00:00Z\", "
                       "\"valid_until\": \"2027-09-01T00:00:00Z\", \"operators\": {\"threshold\": 1, \"keys\": [\"");
    struct signer *signer = fixture_signer(21);
    verifier_write(signer_verifier(signer), &text);
    signer_free(signer);
    buffer_append_text(&text, "\"]}, \"members\": []}\n");
    parse_note(&text, 21, &s->foreign_note, &s->foreign);
}

static bool find_policy(void *context, const uint8_t digest[SHA256_SIZE], struct policy **out, struct error *e)
{
    struct scene *s = context;
    for (size_t i = 0; i < SCENE_POLICIES; i++) {
        if (memcmp(s->policies[i]->digest, digest, SHA256_SIZE) == 0) {
            *out = policy_keep(s->policies[i]);
            return true;
        }
    }
    return error_set(e, ERROR_ABSENT, "archive", NULL, "not kept");
}

static bool find_directory(void *context, const uint8_t digest[SHA256_SIZE], const struct verifier *operators, size_t operator_count,
                           size_t threshold, struct directory **out, struct error *e)
{
    struct scene *s = context;
    bool is_own = memcmp(s->own->digest, digest, SHA256_SIZE) == 0;
    if (!is_own && memcmp(s->foreign->digest, digest, SHA256_SIZE) != 0) {
        return error_set(e, ERROR_ABSENT, "archive", NULL, "not kept");
    }
    struct signer *own = fixture_signer(1);
    bool ok = directory_parse(out, buffer_bytes(is_own ? &s->own_note : &s->foreign_note),
                              operators == NULL ? signer_verifier(own) : operators, operators == NULL ? 1 : operator_count,
                              operators == NULL ? 1 : threshold, "note", e);
    signer_free(own);
    return ok;
}

void scene_source(struct scene *scene, struct replay_source *out)
{
    *out = (struct replay_source){ .find_policy = find_policy, .find_directory = find_directory, .context = scene };
}

struct scene *scene_make(uint64_t seed)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->dice = seed;
    assert_true(time_parse(BYTES("2027-03-01T00:00:00Z"), &s->clock_ms));
    s->has_foreign = true;
    make_directories(s);
    for (unsigned i = 0; i < SCENE_POLICIES; i++) {
        make_policy(s, i);
    }
    return s;
}

static void free_entry(struct scene_entry *entry)
{
    free((void *)entry->entry.statement.data);
    free((void *)entry->entry.attachment.data);
    *entry = (struct scene_entry){ 0 };
}

void scene_free(struct scene *scene)
{
    for (size_t i = 0; i < SCENE_POLICIES; i++) {
        policy_drop(scene->policies[i]);
        buffer_clear(&scene->policy_texts[i]);
    }
    directory_free(scene->own);
    directory_free(scene->foreign);
    buffer_clear(&scene->own_note);
    buffer_clear(&scene->foreign_note);
    for (size_t i = 0; i < scene->entry_count; i++) {
        free_entry(&scene->entries[i]);
    }
    free(scene);
}

static struct bytes keep(struct bytes view)
{
    uint8_t *copy = malloc(view.size + 1);
    assert_non_null(copy);
    memcpy(copy, view.size == 0 ? (const uint8_t *)"" : view.data, view.size);
    return bytes_of(copy, view.size);
}

static struct scene_entry *add_entry(struct scene *s, enum record_kind kind, struct buffer *statement, struct bytes attachment)
{
    assert_true(s->entry_count < SCENE_ENTRIES_MAX && !statement->failed);
    struct scene_entry *entry = &s->entries[s->entry_count];
    *entry = (struct scene_entry){ .entry = { .index = s->entry_count,
                                              .kind = kind,
                                              .time_ms = s->clock_ms,
                                              .statement = keep(buffer_bytes(statement)),
                                              .attachment = keep(attachment) } };
    s->entry_count++;
    buffer_clear(statement);
    return entry;
}

/* ---- Consents ---- */

static void log_consent(struct scene *s, struct scene_record *r, const char *event, const bool *which)
{
    struct buffer text;
    buffer_init(&text, 1 << 16);
    buffer_append_format(&text, "comity-event: consent/1\nevent: %s\nsequence: %" PRIu64 "\nid: %s\n", event, ++s->sequence, r->id);
    event_text_append(&text, "person", bytes_of_text(persons[r->person]));
    buffer_append_format(&text, "recipient: %s\npurpose: %s\n", recipients[r->recipient], purposes[r->purpose]);
    for (unsigned i = SCENE_CATEGORIES; i > 0; i--) {
        if (which[i - 1]) {
            buffer_append_format(&text, "category: %s %s\n", consent_state_name(r->states[i - 1]), category_names[i - 1]);
        }
    }
    buffer_append_format(&text, "valid_from: %" PRId64 "\nvalid_until: %" PRId64 "\ntime: %" PRId64 "\n", r->from_ms, r->until_ms,
                         s->clock_ms);
    struct bytes twice = keep(buffer_bytes(&text));
    (void)add_entry(s, RECORD_EVENT, &text, BYTES_NONE);
    if (scene_roll(s, 20) == 0) { /* a crash had it logged once more */
        buffer_init(&text, 1 << 16);
        buffer_append(&text, twice);
        (void)add_entry(s, RECORD_EVENT, &text, BYTES_NONE);
    }
    free((void *)twice.data);
}

static void give(struct scene *s)
{
    if (s->record_count == SCENE_RECORDS_MAX) {
        return;
    }
    struct scene_record *r = &s->records[s->record_count];
    bool is_refusal = scene_roll(s, 5) == 0, is_any = false;
    *r = (struct scene_record){ .person = scene_roll(s, PERSONS),
                                .recipient = scene_roll(s, RECIPIENTS),
                                .purpose = scene_roll(s, PURPOSES),
                                .from_ms = s->clock_ms + (scene_roll(s, 8) == 0 ? 500 : 0),
                                .entry = s->entry_count };
    r->until_ms = r->from_ms + 1 + scene_roll(s, 3000);
    for (unsigned i = 0; i < SCENE_CATEGORIES; i++) {
        r->has[i] = scene_roll(s, 2) == 0;
        r->states[i] = is_refusal ? CONSENT_REFUSED : CONSENT_GIVEN;
        is_any = is_any || r->has[i];
    }
    if (is_any) {
        (void)snprintf(r->id, sizeof r->id, "c-%zu", s->record_count);
        s->record_count++;
        log_consent(s, r, is_refusal ? "refuse" : "give", r->has);
    }
}

/* `*out` is the record, or NULL: any. False: nothing to withdraw. The event is still to be logged. */
static bool withdraw(struct scene *s, struct scene_record **out, bool which[SCENE_CATEGORIES])
{
    bool is_any = false;
    if (s->record_count == 0) {
        return false;
    }
    *out = *out != NULL ? *out : &s->records[scene_roll(s, (unsigned)s->record_count)];
    for (unsigned i = 0; i < SCENE_CATEGORIES; i++) {
        which[i] = (*out)->has[i] && (*out)->states[i] == CONSENT_GIVEN && s->clock_ms < (*out)->until_ms && scene_roll(s, 3) != 0;
        (*out)->states[i] = which[i] ? CONSENT_WITHDRAWN : (*out)->states[i];
        is_any = is_any || which[i];
    }
    return is_any;
}

/* The view by the slow model: all records, the newest first; categories by their bytes. */
static size_t model_view(const struct scene *s, unsigned person, unsigned recipient, unsigned purpose, struct consent_decision *out)
{
    static const unsigned sorted[SCENE_CATEGORIES] = { 4, 1, 2, 3, 0 }; /* a, born, health, home, name */
    size_t count = 0;
    bool is_told[SCENE_CATEGORIES] = { false };
    for (size_t i = s->record_count; i > 0; i--) {
        const struct scene_record *r = &s->records[i - 1];
        for (unsigned j = 0; r->person == person && r->recipient == recipient && r->purpose == purpose && j < SCENE_CATEGORIES; j++) {
            unsigned c = sorted[j];
            if (r->has[c] && !is_told[c]) {
                is_told[c] = true;
                out[count++] = (struct consent_decision){ .category = bytes_of_text(category_names[c]),
                                                          .state = r->states[c],
                                                          .valid_from_ms = r->from_ms,
                                                          .valid_until_ms = r->until_ms,
                                                          .record_id = bytes_of_text(r->id) };
            }
        }
    }
    return count;
}

static void digest_line(struct buffer *out, const char *name, struct bytes of)
{
    uint8_t digest[SHA256_SIZE];
    sha256(of, digest);
    buffer_append_format(out, "%s: sha-256=:", name);
    base64_append(out, bytes_of(digest, sizeof digest));
    buffer_append_text(out, ":\n");
}

static void raw_digest_line(struct buffer *out, const char *name, const uint8_t digest[SHA256_SIZE])
{
    buffer_append_format(out, "%s: sha-256=:", name);
    base64_append(out, bytes_of(digest, SHA256_SIZE));
    buffer_append_text(out, ":\n");
}

static void consents_line(struct buffer *out, const struct consent_view *view)
{
    struct buffer text;
    buffer_init(&text, 1 << 16);
    for (size_t i = 0; view != NULL && i < view->count; i++) {
        const struct consent_decision *d = &view->decisions[i];
        buffer_append_format(&text, "category: %.*s\nstate: %s\nvalid_from: %" PRId64 "\nvalid_until: %" PRId64 "\nrecord: %.*s\n",
                             BYTES_FMT(d->category), consent_state_name(d->state), d->valid_from_ms, d->valid_until_ms,
                             BYTES_FMT(d->record_id));
    }
    digest_line(out, "consents", buffer_bytes(&text));
    buffer_clear(&text);
}

/* ---- Requests ---- */

struct request {
    unsigned client, service, method, purpose, person; /* purpose 2: none declared; person PERSONS: none */
    char exchange[40], path[128], query[64];
    struct identifier client_id, service_id;
    uint8_t storage[2][256];
};

static void identify(const char *text, uint8_t *storage, struct identifier *out)
{
    assert_true(identifier_parse(bytes_of_text(text), 3, 5, storage, out, NULL));
}

static void throw_request(struct scene *s, struct request *q)
{
    static const char *const tails[] = { "/record", "/record/x", "", "/../y", "/%2e%2e/z" };
    *q = (struct request){ .client = scene_roll(s, 10) < 7 ? 0 : scene_roll(s, COUNT_OF(clients)),
                           .service = scene_roll(s, 10) < 8 ? scene_roll(s, 4) : scene_roll(s, SERVICES),
                           .method = scene_roll(s, 5),
                           .purpose = scene_roll(s, PURPOSES + 1),
                           .person = scene_roll(s, 15) == 0 ? PERSONS : scene_roll(s, PERSONS) };
    (void)snprintf(q->exchange, sizeof q->exchange, "00000000-0000-4000-8000-%012zu", s->entry_count);
    const char *tail = tails[scene_roll(s, 8) == 0 ? scene_roll(s, COUNT_OF(tails)) : 0];
    struct buffer person;
    buffer_init(&person, 256);
    if (q->person < PERSONS) {
        percent_append(&person, bytes_of_text(persons[q->person]));
    }
    bool is_in_path = q->service == 0 || q->service >= 4, is_in_query = q->service == 1;
    (void)snprintf(q->path, sizeof q->path, "%s%.*s%s", is_in_path && person.size > 0 ? "/" : "",
                   BYTES_FMT(is_in_path ? buffer_bytes(&person) : BYTES_NONE), tail);
    (void)snprintf(q->query, sizeof q->query, "%s%.*s", is_in_query && person.size > 0 ? "?a=b&person=" : "?",
                   BYTES_FMT(is_in_query ? buffer_bytes(&person) : BYTES_NONE));
    buffer_clear(&person);
    identify(clients[q->client], q->storage[0], &q->client_id);
    identify(services[q->service], q->storage[1], &q->service_id);
}

static const char *method_of(const struct request *q)
{
    return q->method == 0 ? "POST" : "GET";
}

static void write_request(const struct scene *s, const struct request *q, struct buffer *out)
{
    bool has_purpose = q->purpose < PURPOSES;
    buffer_init(out, 1 << 16);
    buffer_append_format(out, "\"@method\": %s\n\"@authority\": h:1\n\"@path\": /r1/%s%s\n\"@query\": %s\n\"x-road-client\": %s\n",
                         method_of(q), services[q->service], q->path, q->query, clients[q->client]);
    buffer_append_format(out, "\"x-road-request-id\": %s\n", q->exchange);
    if (has_purpose) {
        buffer_append_format(out, "\"comity-purpose\": %s\n", purposes[q->purpose]);
    }
    buffer_append_format(
        out,
        "\"@signature-params\": (\"@method\" \"@authority\" \"@path\" \"@query\" \"x-road-client\" \"x-road-request-id\"%s)"
        ";created=%" PRId64 ";nonce=\"%s\";keyid=\"peer\";alg=\"tlog-ed25519\";tag=\"comity-request/1\"",
        has_purpose ? " \"comity-purpose\"" : "", s->clock_ms / 1000, q->exchange);
}

static bool is_in(int64_t from, int64_t until, int64_t now)
{
    return now >= from && now < until;
}

/* The steps of the holder, in its order, in other words. */
struct outcome {
    enum reason reason;
    const struct policy_service *service;
    struct bytes person, purpose;
    bool is_metadata, used_view;
    struct decide_result result;
    struct consent_decision decisions[SCENE_CATEGORIES];
    struct consent_view view;
    struct bytes path;
    struct arena arena;
};

static enum reason find(struct scene *s, const struct request *q, struct outcome *o)
{
    struct buffer normal;
    if (q->service == 5) {
        return REASON_MEMBER_UNKNOWN;
    }
    o->service = policy_find_service(s->policies[s->policy], &q->service_id);
    if (o->service == NULL) {
        return REASON_SERVICE_UNKNOWN;
    }
    o->purpose = q->purpose < PURPOSES ? bytes_of_text(purposes[q->purpose]) : BYTES_NONE;
    /* glob_normalise() by hand, for the few tails that the dice know */
    bool is_hidden = strstr(q->path, "%2e") != NULL;
    buffer_init(&normal, 256);
    const char *dots = strstr(q->path, "/../");
    if (dots == NULL) {
        uint8_t decoded[256];
        size_t size = 0;
        assert_true(percent_decode(bytes_of_text(q->path), decoded, &size));
        buffer_append(&normal, bytes_of(decoded, size));
    } else {
        buffer_append_text(&normal, dots == q->path ? "" : dots + 3);
    }
    o->path = arena_copy(&o->arena, buffer_bytes(&normal));
    bool is_bad = is_hidden || dots == q->path;
    buffer_clear(&normal);
    if (is_bad || !policy_allows(o->service, &q->client_id, bytes_of_text(method_of(q)), o->path)) {
        return REASON_ACCESS_DENIED;
    }
    return o->service->is_disabled ? REASON_SERVICE_DISABLED : o->service->url.size == 0 ? REASON_SERVICE_NO_URL : REASON_NONE;
}

/* Where the service reads the person: for odd paths the finder itself is asked, as the gateway does. */
static void find_whom(const struct request *q, struct outcome *o)
{
    if (o->service->person_place == PERSON_HEADER) {
        o->person = q->person < PERSONS ? bytes_of_text(persons[q->person]) : BYTES_NONE;
        return;
    }
    struct bytes query = bytes_of_text(q->query + 1);
    if (!person_find(o->service, bytes_of_text(q->path), query, NULL, 0, BYTES_NONE, &o->arena, &o->person)) {
        o->person = BYTES_NONE;
    }
}

static void decide_live(struct scene *s, const struct request *q, struct outcome *o)
{
    o->reason = find(s, q, o);
    if (o->reason != REASON_NONE) {
        return;
    }
    find_whom(q, o);
    bool is_foreign = q->client != 2;
    int64_t july;
    assert_true(time_parse(BYTES("2027-07-01T00:00:00Z"), &july));
    bool is_known = !is_foreign || (q->client < 2 && s->has_foreign && s->clock_ms < july &&
                                    is_in(s->foreign->valid_from_ms, s->foreign->valid_until_ms, s->clock_ms));
    const struct decide_request request = { .client = &q->client_id,
                                            .service = o->service,
                                            .method = bytes_of_text(method_of(q)),
                                            .path = o->path,
                                            .purpose = o->purpose,
                                            .person = o->person,
                                            .now_ms = s->clock_ms };
    struct decide_context context = { .policy = s->policies[s->policy] };
    context.parties.is_recognised = is_known && is_in(s->own->valid_from_ms, s->own->valid_until_ms, s->clock_ms);
    decide(&request, &context, &o->result);
    if (o->result.needs_consent) {
        unsigned purpose = bytes_equal(o->result.purpose, bytes_of_text(purposes[0])) ? 0 : 1;
        o->used_view = true;
        o->view = (struct consent_view){ .decisions = o->decisions };
        o->view.count = model_view(s, q->person, q->client < 2 ? 0 : 1, purpose, o->decisions);
        context.consents = &o->view;
        decide(&request, &context, &o->result);
    }
    o->reason = o->result.reason;
}

static void write_categories(const struct scene *s, const struct outcome *o, struct buffer *out)
{
    bool is_permit = o->reason == REASON_NONE;
    for (size_t i = 0; i < o->service->release_count; i++) {
        bool leaves = is_permit && o->result.permitted[i];
        buffer_append_format(out, "%s: %.*s\n", leaves ? "released" : "withheld",
                             BYTES_FMT(s->policies[s->policy]->categories[o->service->releases[i].category].iri));
    }
    for (size_t i = 0; i < o->service->release_count; i++) {
        if (is_permit && o->result.permitted[i] && o->result.consents[i] != NULL) {
            buffer_append_format(out, "consent: %.*s\n", BYTES_FMT(o->result.consents[i]->record_id));
        }
    }
}

static void write_event(const struct scene *s, const struct request *q, const struct outcome *o, struct bytes statement, struct buffer *out)
{
    struct bytes purpose = o->result.purpose.size > 0 ? o->result.purpose
                           : q->purpose < PURPOSES    ? bytes_of_text(purposes[q->purpose])
                                                      : BYTES_NONE;
    buffer_init(out, 1 << 16);
    buffer_append_format(out, "comity-event: decision/1\nexchange: %s\n", q->exchange);
    digest_line(out, "request", statement);
    event_text_append(out, "client", bytes_of_text(clients[q->client]));
    event_text_append(out, "service", bytes_of_text(services[q->service]));
    if (o->person.size > 0) {
        event_text_append(out, "person", o->person);
    }
    if (purpose.size > 0) {
        event_text_append(out, "purpose", purpose);
    }
    buffer_append_format(out, "verdict: %s\n", o->reason == REASON_NONE ? "permit" : "refuse");
    if (o->reason != REASON_NONE) {
        buffer_append_format(out, "reason: %s\n", reason_code(o->reason));
    }
    if (o->service != NULL) {
        write_categories(s, o, out);
    }
    raw_digest_line(out, "directory", s->own->digest);
    if (q->client != 2 && (q->client == 3 || !s->has_foreign)) {
        buffer_append_text(out, "client_directory: none\n");
    } else if (q->client != 2) {
        raw_digest_line(out, "client_directory", s->foreign->digest);
    }
    raw_digest_line(out, "policy", s->policies[s->policy]->digest);
    consents_line(out, o->used_view ? &o->view : NULL);
    buffer_append_format(out, "time: %" PRId64 "\n", s->clock_ms);
}

static struct scene_record *find_record(struct scene *s, const struct consent_decision *consent)
{
    for (size_t i = 0; consent != NULL && i < s->record_count; i++) {
        if (bytes_equal(consent->record_id, bytes_of_text(s->records[i].id))) {
            return &s->records[i];
        }
    }
    return NULL;
}

static struct scene_entry *log_decision(struct scene *s, const struct request *q, const struct outcome *o)
{
    struct buffer statement, event, attachment;
    write_request(s, q, &statement);
    write_event(s, q, o, buffer_bytes(&statement), &event);
    buffer_init(&attachment, 1 << 17);
    buffer_append_u32(&attachment, (uint32_t)statement.size);
    buffer_append(&attachment, buffer_bytes(&statement));
    buffer_append_text(&attachment, "receipt");
    struct scene_entry *entry = add_entry(s, RECORD_DECISION, &event, buffer_bytes(&attachment));
    buffer_clear(&statement);
    buffer_clear(&attachment);
    entry->is_permit = o->reason == REASON_NONE;
    for (size_t i = 0; entry->is_permit && o->service != NULL && i < o->service->release_count; i++) {
        const struct scene_record *record = o->result.permitted[i] ? find_record(s, o->result.consents[i]) : NULL;
        if (record != NULL) {
            entry->has_consent = true;
            entry->consent_event = record->entry;
        }
    }
    *(entry->is_permit ? &s->permits : &s->refusals) += 1;
    s->reasons[o->reason]++;
    return entry;
}

static void log_answer(struct scene *s, const struct request *q, const struct outcome *o, const struct scene_entry *decision)
{
    struct buffer text, digest, released;
    buffer_init(&text, 1 << 16);
    buffer_init(&digest, 256);
    buffer_init(&released, 1 << 14);
    digest_line(&digest, "", decision->entry.statement);
    for (size_t i = 0; o->service != NULL && i < o->service->release_count; i++) {
        if (o->result.permitted[i] && scene_roll(s, 4) != 0) {
            buffer_append_format(&released, "%s%.*s", released.size > 0 ? ", " : "",
                                 BYTES_FMT(s->policies[s->policy]->categories[o->service->releases[i].category].iri));
        }
    }
    buffer_append_format(&text, "\"@status\": 200\n\"x-road-request-id\": %s\n", q->exchange);
    if (released.size > 0) {
        buffer_append_format(&text, "\"comity-released\": %.*s\n", BYTES_FMT(buffer_bytes(&released)));
    }
    buffer_append_format(&text, "\"comity-decision\": %.*s", BYTES_FMT(bytes_slice(buffer_bytes(&digest), 2, digest.size)));
    buffer_append_format(&text,
                         "\"@signature-params\": (\"@status\" \"x-road-request-id\"%s \"comity-decision\");created=%" PRId64 ";nonce=\"%s\""
                         ";keyid=\"us\";alg=\"tlog-ed25519\";tag=\"comity-answer/1\"",
                         released.size > 0 ? " \"comity-released\"" : "", s->clock_ms / 1000, q->exchange);
    buffer_clear(&digest);
    buffer_clear(&released);
    (void)add_entry(s, RECORD_ANSWER_SENT, &text, BYTES_NONE);
}

/* A request, decided; a consent may change while it waits for its service, and then it is decided anew and only that is answered. */
static void ask(struct scene *s)
{
    struct request q;
    struct scene_record *changed = NULL;
    bool which[SCENE_CATEGORIES];
    struct outcome o = { 0 };
    throw_request(s, &q);
    decide_live(s, &q, &o);
    for (size_t i = 0; o.reason == REASON_NONE && o.service != NULL && i < o.service->release_count; i++) {
        changed = o.result.permitted[i] ? find_record(s, o.result.consents[i]) : changed;
    }
    if (changed != NULL && scene_roll(s, 4) == 0 && withdraw(s, &changed, which)) {
        struct outcome then = { 0 };
        if (scene_roll(s, 2) == 0) { /* decided before, logged behind the change */
            log_consent(s, changed, "withdraw", which);
            (void)log_decision(s, &q, &o);
            decide_live(s, &q, &then);
            struct scene_entry *entry = log_decision(s, &q, &then);
            if (then.reason == REASON_NONE) {
                log_answer(s, &q, &then, entry);
            }
        } else { /* the change is in force before it is logged */
            decide_live(s, &q, &then);
            (void)log_decision(s, &q, &then);
            log_consent(s, changed, "withdraw", which);
        }
        arena_clear(&then.arena);
    } else {
        struct scene_entry *entry = log_decision(s, &q, &o);
        if (o.reason == REASON_NONE && scene_roll(s, 10) != 0) {
            log_answer(s, &q, &o, entry);
        }
    }
    arena_clear(&o.arena);
}

void scene_step(struct scene *scene)
{
    struct scene_record *changed = NULL;
    bool which[SCENE_CATEGORIES];
    unsigned what = scene_roll(scene, 100);
    scene->clock_ms += scene_roll(scene, 100);
    if (what < 12) {
        give(scene);
    } else if (what < 17) {
        if (withdraw(scene, &changed, which)) {
            log_consent(scene, changed, "withdraw", which);
        }
    } else if (what < 20) {
        scene->policy = scene_roll(scene, SCENE_POLICIES);
    } else if (what < 21) {
        scene->has_foreign = scene_roll(scene, 3) != 0;
    } else if (what < 22) {
        scene->clock_ms += scene_roll(scene, 20) == 0 ? INT64_C(40) * 24 * 3600 * 1000 : 0;
    } else {
        ask(scene);
    }
}

/* ---- Changing what was logged ---- */

static bool replace_in(struct bytes *text, const char *from, const char *to)
{
    const uint8_t *found = memmem(text->data, text->size, from, strlen(from));
    if (found == NULL) {
        return false;
    }
    struct buffer made;
    size_t at = (size_t)(found - text->data);
    buffer_init(&made, 1 << 17);
    buffer_append(&made, bytes_slice(*text, 0, at));
    buffer_append_text(&made, to);
    buffer_append(&made, bytes_slice(*text, at + strlen(from), text->size));
    free((void *)text->data);
    *text = keep(buffer_bytes(&made));
    buffer_clear(&made);
    return true;
}

bool scene_replace(struct scene_entry *entry, const char *from, const char *to)
{
    return replace_in(&entry->entry.statement, from, to);
}

bool scene_replace_request(struct scene_entry *entry, const char *from, const char *to)
{
    struct reader r = { .left = entry->entry.attachment };
    struct bytes statement = keep(reader_take(&r, reader_u32(&r)));
    struct buffer before, after, attachment;
    buffer_init(&before, 256);
    buffer_init(&after, 256);
    buffer_init(&attachment, 1 << 17);
    digest_line(&before, "request", statement);
    bool is_there = replace_in(&statement, from, to);
    digest_line(&after, "request", statement);
    buffer_append_u32(&attachment, (uint32_t)statement.size);
    buffer_append(&attachment, statement);
    buffer_append(&attachment, r.left);
    buffer_append_u8(&before, 0);
    buffer_append_u8(&after, 0);
    if (is_there) {
        assert_true(scene_replace(entry, (const char *)before.data, (const char *)after.data));
        free((void *)entry->entry.attachment.data);
        entry->entry.attachment = keep(buffer_bytes(&attachment));
    }
    free((void *)statement.data);
    buffer_clear(&before);
    buffer_clear(&after);
    buffer_clear(&attachment);
    return is_there;
}
