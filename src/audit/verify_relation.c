/* That the statements belong together: the answer to the request, the decision between them, and what each of them stood on. */
#include "audit/verify_internal.h"
#include "consent/event_text.h"

static bool is_digest_of(struct bytes field, struct bytes text)
{
    uint8_t named[SHA256_SIZE], own[SHA256_SIZE];
    sha256(text, own);
    return said_digest(field, named) && memcmp(named, own, sizeof own) == 0;
}

/* ---- Who ---- */

static const struct directory_member *member_of(struct verifying *v, const struct shown *shown, struct bytes origin)
{
    const struct directory_gateway *gateway = NULL;
    struct refusal ignored = { 0 };
    struct verifying again = { v->trust, v->story, &ignored };
    return verify_find_gateway(&again, origin, shown->time_ms, "", &gateway) ? gateway->member : NULL;
}

static bool has_entry_of_exporter(const struct story *s)
{
    for (size_t i = 0; i < s->bundle.statement_count; i++) {
        for (size_t j = 0; j < s->shown[i].from->receipt_count; j++) {
            if (s->shown[i].receipts[j].is_exporter) {
                return true;
            }
        }
    }
    return false;
}

static bool verify_parties(struct verifying *v)
{
    struct story *s = v->story;
    struct bytes exporter = s->bundle.exporter;
    s->exporter_is_holder = s->answer != NULL    ? bytes_equal(exporter, s->answer_said.parameters.keyid)
                            : s->request != NULL ? !bytes_equal(exporter, s->request_said.parameters.keyid)
                                                 : s->decision != NULL || s->is_hidden[ROLE_DECISION];
    bool is_party = s->request == NULL || s->answer == NULL || s->exporter_is_holder ||
                    bytes_equal(exporter, s->request_said.parameters.keyid);
    bool has_decision = s->decision != NULL || s->is_hidden[ROLE_DECISION];
    if (!is_party || (has_decision && !s->exporter_is_holder) || !has_entry_of_exporter(s)) {
        return bundle_refuse(v->refusal, "evidence.exporter", "exporter",
                             "it is none of the two gateways, has what only the holder has, or shows no entry of its log");
    }
    if (s->request != NULL) {
        s->client = said_value(&s->request_said, "x-road-client", false);
        if (!verify_same_member(v, s->client, s->request_said.parameters.keyid)) {
            return bundle_refuse(v->refusal, "evidence.client", "request", "the gateway does not belong to the client that it names");
        }
        s->consumer = member_of(v, s->request, s->request_said.parameters.keyid);
    }
    if (s->answer != NULL) {
        s->service = said_value(&s->answer_said, "x-road-service", false);
        if (s->service.size > 0 && !verify_same_member(v, s->service, s->answer_said.parameters.keyid)) {
            return bundle_refuse(v->refusal, "evidence.service", "answer", "the gateway does not belong to the service that it names");
        }
        s->holder = member_of(v, s->answer, s->answer_said.parameters.keyid);
    }
    return true;
}

/* ---- What answers what ---- */

static bool verify_binding(struct verifying *v)
{
    static const char *const bound[] = { "@method", "@authority", "@path", "@query", "content-digest", "comity-head-digest" };
    struct story *s = v->story;
    if (s->request == NULL || s->answer == NULL) {
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(bound); i++) {
        if (!bytes_equal(said_value(&s->request_said, bound[i], false), said_value(&s->answer_said, bound[i], true))) {
            return bundle_refuse(v->refusal, "evidence.binding", "answer", "it answers another request: %s differs", bound[i]);
        }
    }
    struct bytes client = said_value(&s->answer_said, "x-road-client", false);
    return client.size == 0 || bytes_equal(client, s->client) ||
           bundle_refuse(v->refusal, "evidence.binding", "answer", "it is for another client");
}

static bool verify_decision(struct verifying *v)
{
    struct story *s = v->story;
    if (s->decision == NULL) {
        return true;
    }
    struct bytes text = s->decision->from->text;
    struct bytes client = verify_event(text, "client"), service = verify_event(text, "service");
    if (s->request != NULL && (!is_digest_of(verify_event(text, "request"), s->request->from->text) || !bytes_equal(client, s->client))) {
        return bundle_refuse(v->refusal, "evidence.decision", "decision", "it is about another request");
    }
    if (s->answer != NULL) {
        if (!is_digest_of(said_value(&s->answer_said, "comity-decision", false), text)) {
            return bundle_refuse(v->refusal, "evidence.decision", "answer", "it names another decision");
        }
        if (!bytes_equal(service, s->service)) {
            return bundle_refuse(v->refusal, "evidence.decision", "decision", "it is about another service");
        }
        if (s->decision->index >= s->answer->index) {
            return bundle_refuse(v->refusal, "evidence.order", "decision", "it does not stand before the answer in the log");
        }
    }
    s->client = client.size > 0 ? client : s->client;
    s->service = service.size > 0 ? service : s->service;
    s->person = verify_event(text, "person");
    s->purpose = verify_event(text, "purpose");
    s->has_verdict = true;
    s->is_permitted = bytes_equal(verify_event(text, "verdict"), BYTES("permit"));
    s->reason = verify_event(text, "reason");
    return true;
}

/* ---- What left ---- */

/* "a, b": RFC 9421 joins so, and so do we. */
static bool split_categories(struct bytes text, struct bytes *list, size_t *count)
{
    struct bytes piece;
    *count = 0;
    if (text.size == 0) {
        return true;
    }
    while (bytes_split(&text, ',', &piece)) {
        if (*count > 0 && !bytes_start_with(piece, BYTES(" "))) {
            return false;
        }
        piece = *count > 0 ? bytes_slice(piece, 1, piece.size) : piece;
        if (*count == STORY_CATEGORIES_MAX || piece.size == 0) {
            return false;
        }
        list[(*count)++] = piece;
    }
    return true;
}

static bool take_decided(struct verifying *v, struct bytes decided[STORY_CATEGORIES_MAX], size_t *count)
{
    struct bytes name, value, rest = v->story->decision->from->text;
    *count = 0;
    while (event_text_next(&rest, &name, &value)) {
        if (!bytes_equal(name, BYTES("released"))) {
            continue;
        }
        if (*count == STORY_CATEGORIES_MAX) {
            return bundle_refuse(v->refusal, "evidence.statement", "decision", "it releases more than %d categories", STORY_CATEGORIES_MAX);
        }
        if (verify_is_category(decided, *count, value)) { /* would be counted twice as covered by a consent */
            return bundle_refuse(v->refusal, "evidence.statement", "decision", "it releases a category twice");
        }
        decided[(*count)++] = value;
    }
    return true;
}

static bool verify_release(struct verifying *v)
{
    struct story *s = v->story;
    struct bytes decided[STORY_CATEGORIES_MAX];
    size_t decided_count = 0;
    if (s->decision != NULL && !take_decided(v, decided, &decided_count)) {
        return false;
    }
    if (s->answer == NULL) {
        return true;
    }
    s->is_answered = true;
    struct bytes reason = said_value(&s->answer_said, "comity-reason", false);
    s->reason = reason.size > 0 ? reason : s->reason;
    if (!split_categories(said_value(&s->answer_said, "comity-released", false), s->released, &s->released_count) ||
        !split_categories(said_value(&s->answer_said, "comity-withheld", false), s->withheld, &s->withheld_count)) {
        return bundle_refuse(v->refusal, "evidence.statement", "answer", "its categories are no list");
    }
    if (s->decision == NULL) {
        return true;
    }
    for (size_t i = 0; i < s->released_count; i++) {
        if (!verify_is_category(decided, decided_count, s->released[i])) {
            return bundle_refuse(v->refusal, "evidence.release", "answer", "it released a category that the decision did not permit");
        }
    }
    return s->is_permitted || reason.size > 0 ||
           bundle_refuse(v->refusal, "evidence.release", "answer", "the decision refused, and the answer is none that refuses");
}

/* ---- What it stood on ---- */

static bool verify_own_directory(struct verifying *v, const struct shown *shown, const struct said *said)
{
    const char *where = bundle_role_name(shown->from->role);
    struct bytes community;
    uint64_t serial = 0;
    uint8_t digest[SHA256_SIZE];
    if (!said_directory(said_value(said, "comity-directory", false), &community, &serial, digest)) {
        return bundle_refuse(v->refusal, "evidence.statement", where, "comity-directory is no community, serial and digest");
    }
    return !bytes_equal(said->parameters.keyid, v->story->bundle.exporter) || verify_directory_of(v, digest) != NULL ||
           bundle_refuse(v->refusal, "evidence.directory", where, "the directory that it names is not in the file");
}

static bool verify_grounds(struct verifying *v)
{
    struct story *s = v->story;
    uint8_t digest[SHA256_SIZE];
    if (s->bundle.has_policy && (s->decision == NULL || !is_digest_of(verify_event(s->decision->from->text, "policy"), s->bundle.policy))) {
        return bundle_refuse(v->refusal, "evidence.policy", "policy", "it is not the one that the decision names");
    }
    if (s->decision != NULL &&
        (!said_digest(verify_event(s->decision->from->text, "directory"), digest) || verify_directory_of(v, digest) == NULL)) {
        return bundle_refuse(v->refusal, "evidence.directory", "decision", "the directory that it names is not in the file");
    }
    return (s->request == NULL || verify_own_directory(v, s->request, &s->request_said)) &&
           (s->answer == NULL || verify_own_directory(v, s->answer, &s->answer_said));
}

/* The first entry of this exchange in the exporter's log. */
static uint64_t first_index(const struct story *s)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < s->bundle.statement_count; i++) {
        if (s->shown[i].from->role <= ROLE_ANSWER && s->shown[i].index < first) {
            first = s->shown[i].index;
        }
    }
    return first;
}

static bool verify_in_force(struct verifying *v)
{
    struct story *s = v->story;
    uint64_t first = first_index(s);
    for (size_t i = 0; i < s->bundle.statement_count; i++) {
        char where[64];
        uint8_t digest[SHA256_SIZE];
        uint64_t serial = 0;
        const struct shown *shown = &s->shown[i];
        if (shown->from->role != ROLE_IN_FORCE) {
            continue;
        }
        (void)verify_where(v, i, where);
        if (shown->index >= first) {
            return bundle_refuse(v->refusal, "evidence.order", where, "it does not stand before the exchange in the log");
        }
        if (shown->from->is_hidden) {
            continue;
        }
        const struct shown_directory *d = said_digest(verify_event(shown->from->text, "digest"), digest) ? verify_directory_of(v, digest)
                                                                                                         : NULL;
        if (d == NULL || !bytes_to_u64(verify_event(shown->from->text, "serial"), &serial) || serial != d->directory->serial) {
            return bundle_refuse(v->refusal, "evidence.directory", where, "the directory that it names is not in the file");
        }
    }
    return true;
}

bool verify_relations(struct verifying *v)
{
    return verify_parties(v) && verify_binding(v) && verify_decision(v) && verify_release(v) && verify_grounds(v) && verify_in_force(v);
}
