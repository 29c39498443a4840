/* The holder's step `decide`: gathers what the decision stands on, from memory or from the database's thread, and asks decide(). */
#include "gateway/holder_internal.h"

#include "base/time.h"

/* CGI and its heirs read X_Patient as X-Patient: of whom a request speaks must not hang on that. */
static bool has_underscore(const struct fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (bytes_find(fields->list[i].name, '_') < fields->list[i].name.size) {
            return true;
        }
    }
    return false;
}

static void load_consents(struct gateway_job *job);
static void consents_loaded(struct gateway_job *job, bool is_run);

/* One load from the database's thread; lives in the exchange's arena. */
struct load {
    struct gateway_job job; /* first */
    struct exchange *x;
    struct consent_key key;
    struct error e;
    bool ok;
};

static bool make_key(struct exchange *x, struct consent_key *key)
{
    *key = (struct consent_key){ .person = x->person, .recipient = x->asked.recipient, .purpose = x->decision.purpose };
    return key->recipient.data != NULL;
}

static enum verdict find_consents(struct exchange *x)
{
    struct load *load = arena_take_zeroed(x->arena, sizeof *load);
    if (load == NULL || !make_key(x, &load->key)) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    x->room = x->room != NULL ? x->room : arena_take(x->arena, sizeof *x->room);
    if (x->room == NULL) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    if (consents_find(x->worker->gateway->consents, &load->key, x->room, &x->consents)) {
        return GO_ON;
    }
    load->x = x;
    load->job.run = load_consents;
    load->job.done = consents_loaded;
    if (!x->worker->ways->work(x->worker->outside, &load->job)) {
        return exchange_refuse(x, REASON_STORE_UNAVAILABLE, NULL);
    }
    x->is_loading = true;
    x->pending++;
    return WAIT;
}

static void load_consents(struct gateway_job *job)
{
    struct load *load = (struct load *)job;
    load->ok = consents_load(load->x->worker->gateway->consents, &load->key, &load->x->consents, &load->e);
}

static void consents_loaded(struct gateway_job *job, bool is_run)
{
    struct load *load = (struct load *)job;
    struct exchange *x = load->x;
    x->pending--;
    x->is_loading = false;
    x->has_load_failed = !is_run || !load->ok;
    exchange_run(x);
}

struct decide_parties holder_parties(const struct exchange *x, int64_t now_ms)
{
    const struct world *world = x->snapshot->world;
    return decide_parties_of(&x->client, &x->parts.service, world->own, world_find_community(world, x->client.parts[0], now_ms));
}

static struct bytes member_of(struct exchange *x, const struct identifier *subsystem)
{
    struct buffer member;
    buffer_init(&member, 4096);
    identifier_append_parts(&member, subsystem, 3);
    struct bytes text = member.failed ? BYTES_NONE : arena_copy(x->arena, buffer_bytes(&member));
    buffer_clear(&member);
    return text;
}

static enum verdict run_decision(struct exchange *x)
{
    if (x->snapshot->rules == NULL) {
        /* Every snapshot has them, and decide() without them would be by no law at all. */
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    x->grounds = (struct decide_context){ .policy = x->snapshot->policy,
                                          .law = x->snapshot->rules,
                                          .parties = holder_parties(x, x->asked.now_ms),
                                          .consents = x->consents.is_read ? &x->consents : NULL };
    x->decided_at_ms = x->asked.now_ms;
    holder_peek_counters(x);
    decide(&x->asked, &x->grounds, &x->decision);
    if (x->decision.needs_consent && !x->consents.is_read) {
        enum verdict verdict = find_consents(x);
        if (verdict != GO_ON) {
            return verdict;
        }
        x->grounds.consents = &x->consents;
    }
    if (x->consents.is_read) {
        /* Behind the consents: what is published between the two overtakes them. */
        x->notices = x->notices != NULL ? x->notices : consents_notices(x->worker->gateway->consents);
        x->grounds.notices = x->notices;
        holder_peek_counters(x);
        decide(&x->asked, &x->grounds, &x->decision);
    }
    return x->decision.reason == REASON_NONE ? GO_ON : exchange_refuse(x, x->decision.reason, NULL);
}

enum verdict holder_decide(struct exchange *x)
{
    struct bytes body = BYTES_NONE;
    if (x->is_metadata) {
        return GO_ON;
    }
    if (x->is_loading) {
        return WAIT;
    }
    if (x->has_load_failed) {
        return exchange_refuse(x, REASON_STORE_UNAVAILABLE, NULL);
    }
    if (x->service->person_place != PERSON_NONE && has_underscore(&x->app_fields)) {
        return exchange_refuse(x, REASON_REQUEST_MALFORMED,
                               "a header with '_' in its name may be read as another one by a service about persons");
    }
    if (x->service->person_place != PERSON_NONE && x->person.data == NULL) {
        (void)body_view(x->request->body, &body);
        /* Not found leaves it empty: the decision says so. */
        if (!person_find(x->service, x->parts.path, x->parts.query, x->app_fields.list, x->app_fields.count, body, x->arena, &x->person)) {
            x->person = BYTES_NONE;
        }
    }
    x->asked = (struct decide_request){
        .client = &x->client,
        .recipient = x->asked.recipient.data != NULL ? x->asked.recipient : member_of(x, &x->client),
        .service = x->service,
        .method = x->request->method,
        .path = x->normal_path,
        .purpose = x->purpose,
        .person = x->person,
        .claims_vital = x->claims.is_vital,
        .justification = x->claims.justification,
        .confirmed_by = x->claims.confirmed_by,
        .authority = x->claims.authority,
        .now_ms = time_now_ms(),
    };
    return x->asked.recipient.data != NULL ? run_decision(x) : exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
}
