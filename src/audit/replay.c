#include "audit/replay.h"

#include <stdio.h>
#include <stdlib.h>

#include "audit/replay_internal.h"
#include "consent/event_text.h"
#include "policy/decide_event.h"

bool decision_replay_make(struct decision_replay **out, struct bytes origin, const struct replay_source *source, replay_each *each,
                          void *context, struct error *e)
{
    *out = NULL;
    struct decision_replay *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return error_memory(e, "replay");
    }
    r->source = *source;
    r->grounds.source = &r->source;
    r->origin = origin;
    r->each = each;
    r->context = context;
    r->is_whole = true;
    r->history = consent_history_make();
    buffer_init(&r->logged, RECORD_STATEMENT_BYTES_MAX);
    buffer_init(&r->decided, RECORD_STATEMENT_BYTES_MAX);
    if (r->history == NULL) {
        decision_replay_free(r);
        return error_memory(e, "replay");
    }
    *out = r;
    return true;
}

void decision_replay_free(struct decision_replay *replay)
{
    if (replay == NULL) {
        return;
    }
    for (size_t i = 0; i < replay->ahead_count; i++) {
        arena_clear(&replay->ahead[i].memory);
    }
    grounds_clear(&replay->grounds);
    open_clear(&replay->open);
    consent_history_free(replay->history);
    notice_history_clear(&replay->notices);
    buffer_wipe(&replay->logged);
    buffer_wipe(&replay->decided);
    free(replay);
}

/* ---- Telling ---- */

void replay_tell(struct decision_replay *r, enum replay_outcome outcome, const struct log_entry *entry, struct bytes exchange,
                 const char *what, struct bytes logged, struct bytes decided)
{
    struct replay_finding finding = { .outcome = outcome, .entry = entry->index, .time_ms = entry->time_ms, .exchange = exchange };
    (void)snprintf(finding.what, sizeof finding.what, "%s", what);
    (void)snprintf(finding.logged, sizeof finding.logged, "%.*s", BYTES_FMT(bytes_slice(logged, 0, sizeof finding.logged - 1)));
    (void)snprintf(finding.decided, sizeof finding.decided, "%.*s", BYTES_FMT(bytes_slice(decided, 0, sizeof finding.decided - 1)));
    *(outcome == REPLAY_DIFFERENT ? &r->counts.different : &r->counts.undecidable) += 1;
    r->each(r->context, &finding);
}

static void tell_different(struct decision_replay *r, const struct decision_read *read, const char *what)
{
    replay_tell(r, REPLAY_DIFFERENT, read->entry, read->exchange, what, BYTES_NONE, BYTES_NONE);
}

static void tell_gone(struct decision_replay *r, const struct decision_read *read, const char *what, const struct error *why)
{
    char text[REPLAY_TEXT_SIZE], reason[sizeof *why];
    (void)snprintf(text, sizeof text, "%s: %s", what, error_text(why, reason, sizeof reason));
    replay_tell(r, REPLAY_UNDECIDABLE, read->entry, read->exchange, text, BYTES_NONE, BYTES_NONE);
}

/* The first line that is another one. A person is not named: the entry itself shows whom. */
static void tell_lines(struct decision_replay *r, const struct decision_read *read)
{
    struct bytes logged = buffer_bytes(&r->logged), decided = buffer_bytes(&r->decided), ours, theirs;
    for (;;) {
        bool has_ours = bytes_split(&logged, '\n', &ours), has_theirs = bytes_split(&decided, '\n', &theirs);
        ours = has_ours ? ours : BYTES_NONE;
        theirs = has_theirs ? theirs : BYTES_NONE;
        if ((!has_ours && !has_theirs) || !bytes_equal(ours, theirs)) {
            break;
        }
    }
    if (bytes_start_with(ours, BYTES("person: ")) || bytes_start_with(theirs, BYTES("person: "))) {
        tell_different(r, read, "person");
        return;
    }
    char what[REPLAY_TEXT_SIZE];
    struct bytes name = ours.size > 0 ? ours : theirs;
    (void)snprintf(what, sizeof what, "%.*s", BYTES_FMT(bytes_slice(name, 0, bytes_find(name, ':'))));
    replay_tell(r, REPLAY_DIFFERENT, read->entry, read->exchange, what, ours, theirs);
}

/* ---- Deciding again ---- */

/* What came out, and what it stood on. */
struct again {
    enum reason reason;
    bool is_metadata, needed_consents, is_overtaken;
    struct consent_key key;
    struct decide_request request;
    struct decide_context context;
    struct decide_result result;
};
enum again_state { AGAIN_DONE = 0, AGAIN_TOLD, AGAIN_AHEAD, AGAIN_NO_MEMORY };

static bool is_within(int64_t from_ms, int64_t until_ms, int64_t now_ms)
{
    return now_ms >= from_ms && now_ms < until_ms;
}

static const struct directory_recognition *find_recognition(const struct directory *own, struct bytes community, int64_t now_ms)
{
    for (size_t i = 0; i < own->recognised_count; i++) {
        const struct directory_recognition *r = &own->recognised[i];
        if (bytes_equal(r->community, community)) {
            return is_within(r->valid_from_ms, r->valid_until_ms, now_ms) ? r : NULL;
        }
    }
    return NULL;
}

/*
 * What world_find_community() says, from the directories that the decision names; `*clients` is NULL where it is not recognised. False: one of them is
 * gone, which was told.
 */
static bool find_recognised(struct decision_replay *r, const struct decision_read *read, const struct directory *own,
                            const struct directory **clients, bool *is_recognised)
{
    const struct error *why;
    struct bytes community = read->client.parts[0];
    *is_recognised = false;
    *clients = NULL;
    if (!is_within(own->valid_from_ms, own->valid_until_ms, read->time_ms)) {
        return true;
    }
    if (bytes_equal(own->community, community)) {
        *is_recognised = true;
        *clients = own;
        return true;
    }
    const struct directory_recognition *by = find_recognition(own, community, read->time_ms);
    if (by == NULL || !read->knows_client_directory) {
        *is_recognised = by != NULL; /* older logs don't name the other community's directory */
        return true;
    }
    if (!read->has_client_directory) {
        return true;
    }
    const struct directory *foreign = grounds_directory(&r->grounds, read->client_directory, by, &why);
    if (foreign == NULL) {
        tell_gone(r, read, "the directory of the client's community", why);
        return false;
    }
    *is_recognised = bytes_equal(foreign->community, community) &&
                     is_within(foreign->valid_from_ms, foreign->valid_until_ms, read->time_ms);
    *clients = *is_recognised ? foreign : NULL;
    return true;
}

static bool is_served_here(const struct decision_replay *r, const struct decision_read *read, const struct directory *own)
{
    struct identifier subsystem = read->service;
    subsystem.part_count = 4;
    const struct directory_subsystem *found = directory_find_subsystem(own, &subsystem);
    const struct directory_gateway *self = directory_find_gateway_by_origin(own, r->origin);
    return found != NULL && self != NULL && directory_gateway_serves(self, found);
}

/*
 * Whom the request was about. From path and query it is found again; of headers and body only digests are kept, and the event has the person.
 * A form in the body can make a person in the query count for nothing: so "none" is believed there.
 */
static bool find_person(struct decision_read *read, struct again *again)
{
    struct bytes found = BYTES_NONE;
    const struct policy_service *service = again->request.service;
    again->request.person = read->person;
    if (service->person_place == PERSON_NONE) {
        again->request.person = BYTES_NONE;
        return read->person.size == 0;
    }
    if (service->person_place != PERSON_PATH && service->person_place != PERSON_QUERY) {
        return true;
    }
    if (!person_find(service, read->path, read->query, NULL, 0, BYTES_NONE, &read->arena, &found)) {
        return read->person.size == 0;
    }
    if (read->person.size == 0 && service->person_place == PERSON_PATH) {
        again->request.person = found;
    }
    return read->person.size == 0 || bytes_equal(found, read->person);
}

static bool make_recipient(struct decision_read *read, struct bytes *out)
{
    struct buffer recipient;
    buffer_init(&recipient, 4096);
    identifier_append_parts(&recipient, &read->client, 3);
    *out = recipient.failed ? BYTES_NONE : arena_copy(&read->arena, buffer_bytes(&recipient));
    buffer_clear(&recipient);
    return out->data != NULL;
}

/* The consents that it was decided on, by their digest: those of this place in the log, or some that were overtaken on the way. */
static enum again_state find_consents(struct decision_replay *r, struct decision_read *read, struct again *again,
                                      const struct consent_view **view)
{
    static const struct consent_view none = { 0 };
    uint8_t nothing[SHA256_SIZE];
    *view = &none;
    again->key = (struct consent_key){ .person = again->request.person,
                                       .recipient = again->request.recipient,
                                       .purpose = again->result.purpose };
    if (!consent_view_digest(NULL, nothing)) {
        return AGAIN_NO_MEMORY;
    }
    const struct consent_past *past = consent_history_find(r->history, &again->key);
    if (past == NULL) {
        return memcmp(nothing, read->consents, sizeof nothing) == 0 ? AGAIN_DONE : AGAIN_AHEAD;
    }
    const struct consent_version *version = consent_past_find(past, read->consents);
    if (version == NULL) {
        return AGAIN_AHEAD;
    }
    again->is_overtaken = version != &past->versions[0];
    *view = version->view == NULL ? &none : version->view;
    return AGAIN_DONE;
}

static enum again_state run_decide(struct decision_replay *r, struct decision_read *read, struct again *again, const struct directory *own,
                                   const struct directory *clients, bool is_recognised)
{
    uint8_t nothing[SHA256_SIZE];
    const struct consent_view *view = NULL;
    if (!make_recipient(read, &again->request.recipient)) {
        return AGAIN_NO_MEMORY;
    }
    again->context.parties = decide_parties_of(&read->client, &read->service, own, clients);
    again->context.parties.is_recognised = is_recognised;
    decide(&again->request, &again->context, &again->result);
    again->needed_consents = again->result.needs_consent;
    if (again->needed_consents) {
        enum again_state state = find_consents(r, read, again, &view);
        if (state != AGAIN_DONE) {
            return state;
        }
        again->context.consents = view;
        decide(&again->request, &again->context, &again->result);
    } else if (!consent_view_digest(NULL, nothing)) {
        return AGAIN_NO_MEMORY;
    } else if (memcmp(nothing, read->consents, sizeof nothing) != 0) {
        tell_different(r, read, "it names consents, and needed none");
        return AGAIN_TOLD;
    }
    again->reason = again->result.reason;
    return AGAIN_DONE;
}

/* By which law: the one that the directory names, and no other. False: it was told why not. */
static bool find_law(struct decision_replay *r, const struct decision_read *read, struct again *again, const struct directory *own)
{
    const struct error *why;
    bool is_named = own->has_law ? read->has_law && memcmp(read->law, own->law_digest, SHA256_SIZE) == 0 : true;
    if (!is_named) {
        tell_different(r, read, "it was not decided by the law that its directory names");
        return false;
    }
    again->context.counters = read->counters;
    again->context.notices = r->notices.snapshots[0];
    if (!read->has_law) {
        return true; /* from before directories named laws */
    }
    again->context.law = grounds_law(&r->grounds, read->law, again->context.policy, &why);
    if (again->context.law == NULL) {
        tell_gone(r, read, "the law", why);
    }
    return again->context.law != NULL;
}

/* As the holder's steps find-service and decide do. */
static enum again_state decide_again(struct decision_replay *r, struct decision_read *read, struct again *again)
{
    const struct error *why;
    bool is_recognised = false;
    const struct directory *clients = NULL;
    again->request.client = &read->client;
    again->request.method = read->method;
    again->request.purpose = read->purpose;
    again->request.now_ms = read->time_ms;
    again->request.claims_vital = said_value(&read->said, "comity-basis", false).size > 0;
    again->request.justification = said_value(&read->said, "comity-justification", false);
    again->request.confirmed_by = said_value(&read->said, "comity-confirmed-by", false);
    again->request.authority = said_value(&read->said, "comity-authority", false);
    const struct directory *own = grounds_directory(&r->grounds, read->directory, NULL, &why);
    if (own == NULL) {
        tell_gone(r, read, "the directory", why);
        return AGAIN_TOLD;
    }
    if (!is_served_here(r, read, own)) {
        again->reason = REASON_MEMBER_UNKNOWN;
        return AGAIN_DONE;
    }
    if (decide_is_metadata(&read->service, read->method)) {
        again->is_metadata = true;
        return AGAIN_DONE;
    }
    again->context.policy = grounds_policy(&r->grounds, read->policy, &why);
    if (again->context.policy == NULL) {
        tell_gone(r, read, "the policy", why);
        return AGAIN_TOLD;
    }
    again->reason = decide_find_service(again->context.policy, &read->service, &read->client, read->method, read->path, &read->arena,
                                        &again->request.service, &again->request.path);
    if (again->reason == REASON_GATEWAY_INTERNAL) {
        return AGAIN_NO_MEMORY;
    }
    if (again->reason != REASON_NONE) {
        return AGAIN_DONE;
    }
    if (!find_person(read, again)) {
        tell_different(r, read, "person");
        return AGAIN_TOLD;
    }
    return find_law(r, read, again, own) && find_recognised(r, read, own, &clients, &is_recognised)
               ? run_decide(r, read, again, own, clients, is_recognised)
               : AGAIN_TOLD;
}

/* ---- Comparing ---- */

static bool note_open(struct decision_replay *r, const struct decision_read *read, const struct again *again)
{
    uint8_t digest[SHA256_SIZE];
    struct buffer on_consent;
    buffer_init(&on_consent, RECORD_STATEMENT_BYTES_MAX);
    for (size_t i = 0; again->request.service != NULL && i < again->request.service->release_count; i++) {
        if (again->result.permitted[i] && again->result.consents[i] != NULL) {
            buffer_append(&on_consent, again->context.policy->categories[again->request.service->releases[i].category].iri);
            buffer_append_u8(&on_consent, '\n');
        }
    }
    sha256(read->entry->statement, digest);
    bool ok = !on_consent.failed &&
              open_add(&r->open, digest, read, again->needed_consents ? &again->key : NULL, buffer_bytes(&on_consent));
    buffer_clear(&on_consent);
    return ok;
}

static enum again_state compare(struct decision_replay *r, struct decision_read *read, const struct again *again)
{
    buffer_reset(&r->logged);
    buffer_reset(&r->decided);
    decision_lines(read->entry->statement, &r->logged);
    decide_write_outcome(&again->request, &again->context, &again->result, again->reason,
                         again->request.service != NULL && !again->is_metadata, &r->decided);
    if (r->logged.failed || r->decided.failed) {
        return AGAIN_NO_MEMORY;
    }
    if (!bytes_equal(buffer_bytes(&r->logged), buffer_bytes(&r->decided))) {
        tell_lines(r, read);
    } else {
        r->counts.same++;
        r->counts.overtaken += again->is_overtaken;
    }
    return AGAIN_DONE;
}

/* Was it refused for something that comes before the decision, and of which the log has no more than the word? */
static bool is_before(enum reason reason)
{
    switch (reason) {
    case REASON_MEMBER_UNKNOWN:
    case REASON_SERVICE_UNKNOWN:
    case REASON_SERVICE_TYPE:
    case REASON_SERVICE_DISABLED:
    case REASON_SERVICE_NO_URL:
    case REASON_ACCESS_DENIED:
    case REASON_BORDER_RECIPIENT:
    case REASON_PURPOSE_UNDECLARED:
    case REASON_PURPOSE_FORBIDDEN:
    case REASON_PERSON_MISSING:
    case REASON_BASIS_NONE:
    case REASON_CONSENT_NONE:
    case REASON_CONSENT_REFUSED:
    case REASON_CONSENT_WITHDRAWN:
    case REASON_CONSENT_PAUSED:
    case REASON_CONSENT_EXPIRED:
        return false;
    default:
        return true;
    }
}

static bool wait_for_consents(struct decision_replay *r, const struct decision_read *read, const struct consent_key *key)
{
    if (r->ahead_count == AHEAD_MAX) {
        replay_tell(r, r->has_closed ? REPLAY_UNDECIDABLE : REPLAY_DIFFERENT, read->entry, read->exchange,
                    "it names consents that the log does not have", BYTES_NONE, BYTES_NONE);
        return true;
    }
    struct ahead *ahead = &r->ahead[r->ahead_count];
    *ahead = (struct ahead){ .entry = *read->entry };
    ahead->entry.statement = arena_copy(&ahead->memory, read->entry->statement);
    ahead->entry.attachment = arena_copy(&ahead->memory, read->entry->attachment);
    ahead->key = (struct consent_key){ .person = arena_copy(&ahead->memory, key->person),
                                       .recipient = arena_copy(&ahead->memory, key->recipient),
                                       .purpose = arena_copy(&ahead->memory, key->purpose) };
    if (ahead->entry.statement.data == NULL || ahead->entry.attachment.data == NULL || ahead->key.person.data == NULL ||
        ahead->key.recipient.data == NULL || ahead->key.purpose.data == NULL) {
        arena_clear(&ahead->memory);
        return false;
    }
    r->ahead_count++;
    return true;
}

/* One decision that can be read. `is_again`: it waited for an event. False: out of memory. `*is_ahead`: it waits (still). */
static bool take_decision(struct decision_replay *r, struct decision_read *read, bool is_again, bool *is_ahead)
{
    struct again again = { .reason = REASON_NONE };
    *is_ahead = false;
    if (!read->is_permit && is_before(read->reason)) {
        r->counts.before++;
        return true;
    }
    enum again_state state = decide_again(r, read, &again);
    if (state == AGAIN_DONE) {
        state = compare(r, read, &again);
    }
    *is_ahead = state == AGAIN_AHEAD;
    if (*is_ahead && !is_again && !wait_for_consents(r, read, &again.key)) {
        return false;
    }
    /* An answer may name it also where it should not have been permitted; where it waits, it is noted now, too. */
    return state != AGAIN_NO_MEMORY && (!read->is_permit || is_again || note_open(r, read, &again));
}

bool replay_take_decision(struct decision_replay *r, const struct log_entry *entry, bool is_again, bool *is_ahead)
{
    struct decision_read read;
    char what[REPLAY_TEXT_SIZE];
    bool ok = true;
    *is_ahead = false;
    switch (decision_read(entry, &read, what)) {
    case READ_DECISION:
        ok = take_decision(r, &read, is_again, is_ahead);
        break;
    case READ_FAULT:
        tell_different(r, &read, what);
        break;
    case READ_UNPROVEN:
        r->counts.before++;
        break;
    case READ_NO_MEMORY:
        ok = false;
        break;
    case READ_OTHER:
        break;
    }
    decision_read_clear(&read);
    return ok;
}
