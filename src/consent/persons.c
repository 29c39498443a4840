#include "consent/persons_internal.h"

#include "base/time.h"
#include "consent/event_text.h"
#include "consent/terms_internal.h"

enum { REF_BYTES_MAX = 128, RELATION_BYTES_MAX = 128, LANGUAGE_BYTES_MAX = 64, AGE_YEARS_MAX = 150 };

const char *person_event_name(enum person_event event)
{
    switch (event) {
    case PERSON_EVENT_BORN:
        return "born";
    case PERSON_EVENT_DIED:
        return "died";
    case PERSON_EVENT_ALIVE:
        return "alive";
    case PERSON_EVENT_PAUSE:
        return "pause";
    case PERSON_EVENT_RESUME:
        return "resume";
    case PERSON_EVENT_RESTRICT:
        return "restrict";
    case PERSON_EVENT_UNRESTRICT:
        return "unrestrict";
    case PERSON_EVENT_REPRESENTATIVE:
        return "representative";
    case PERSON_EVENT_REPRESENTATIVE_END:
        return "representative-end";
    }
    return "unknown";
}

/* ---- The event ---- */

static void write_representative(const struct representative *r, struct buffer *out)
{
    event_text_append(out, "representative", r->id);
    event_text_append(out, "representative_role", bytes_of_text(consent_role_name(r->role)));
    event_text_append(out, "representative_ref", r->ref);
    event_text_append(out, "representative_relation", r->relation);
    event_text_append_digest(out, "representative_evidence", r->evidence);
    event_text_append_digest(out, "representative_proof", r->proof);
    event_text_append_decimal(out, "representative_from", r->from_ms);
    if (r->until_ms != INT64_MAX) {
        event_text_append_decimal(out, "representative_until", r->until_ms);
    }
}

void person_event_write(const struct person_change *change, int64_t sequence, struct buffer *out)
{
    event_text_append(out, "comity-event", BYTES("person/1"));
    event_text_append(out, "event", bytes_of_text(person_event_name(change->event)));
    event_text_append_decimal(out, "sequence", sequence);
    event_text_append(out, "person", change->person);
    consent_person_write(&change->after, out);
    if (change->representative != NULL) {
        write_representative(change->representative, out);
    }
    consent_act_write(change->act, out);
    event_text_append_decimal(out, "time", change->time_ms);
}

static void write_event(const void *context, int64_t sequence, struct buffer *out)
{
    person_event_write(context, sequence, out);
}

/* What takes a bar away comes into force when it is in the log; what sets one, at once. */
static bool is_pending(enum person_event event)
{
    return event != PERSON_EVENT_DIED && event != PERSON_EVENT_PAUSE && event != PERSON_EVENT_RESTRICT &&
           event != PERSON_EVENT_REPRESENTATIVE_END;
}

bool persons_add_event(struct transaction *t, struct person_change *change, struct error *e)
{
    change->time_ms = t->now_ms;
    return records_set_person(t->consents->store, change->person, &change->after, e) &&
           transaction_add_person(t, change->person, (int)change->event, is_pending(change->event), write_event, change, e);
}

/* ---- Who acts ---- */

bool consent_check_person(struct bytes person, struct error *e)
{
    return consent_is_plain(person, CONSENT_PERSON_BYTES_MAX, true) ||
           error_set(e, ERROR_INPUT, "person", "use the identifier that the service's requests carry",
                     "it must be 1 to %d bytes of UTF-8 without control characters", CONSENT_PERSON_BYTES_MAX);
}

bool consent_check_act(const struct consent_act *act, struct error *e)
{
    if (consent_role_name(act->role) == NULL) {
        return error_set(e, ERROR_INPUT, "by", "name the role: person, guardian, relative, delegate, authority or system",
                         "nobody is named");
    }
    if (act->ref.size > 0 && !consent_is_plain(act->ref, REF_BYTES_MAX, true)) {
        return error_set(e, ERROR_INPUT, "ref", "use the holder's own name of who acts", "it must be UTF-8 of at most %d bytes",
                         REF_BYTES_MAX);
    }
    if (act->relation.size > 0 && !consent_is_plain(act->relation, RELATION_BYTES_MAX, true)) {
        return error_set(e, ERROR_INPUT, "relation", "name it in a few words", "it must be UTF-8 of at most %d bytes", RELATION_BYTES_MAX);
    }
    if (act->language.size > 0 && !consent_is_plain(act->language, LANGUAGE_BYTES_MAX, false)) {
        return error_set(e, ERROR_INPUT, "language", "write it as BCP 47 has it: en, zh-CN", "this is no language");
    }
    return true;
}

static bool deny_role(struct consent_receipt *receipt, struct error *e, const char *todo)
{
    receipt->reason = "consent.guardian";
    return error_set(e, ERROR_DENIED, "by", todo, "this role may not do that (consent.guardian)");
}

/* ---- Facts ---- */

bool persons_check_born(int32_t born_day, int64_t now_ms, struct error *e)
{
    int age = period_age(born_day, now_ms);
    return (age >= 0 && age <= AGE_YEARS_MAX) ||
           error_set(e, ERROR_INPUT, "born", "write the date of birth", "it is not within the last %d years", AGE_YEARS_MAX);
}

bool persons_find(struct consents *consents, struct bytes person, struct consent_person *out, struct error *e)
{
    return records_read_person(consents->store, person, out, e);
}

static bool add_born(struct transaction *t, struct person_change *change, const int32_t *born_day, struct consent_receipt *receipt,
                     struct error *e)
{
    if (!records_find_person(t->consents->store, change->person, &change->after, e)) {
        return false;
    }
    receipt->is_changed = change->after.has_born != (born_day != NULL) || (born_day != NULL && change->after.born_day != *born_day);
    change->after.has_born = born_day != NULL;
    change->after.born_day = born_day != NULL ? *born_day : 0;
    return !receipt->is_changed || persons_add_event(t, change, e);
}

bool persons_set_born(struct consents *consents, struct bytes person, const int32_t *born_day, const struct consent_act *act,
                      struct consent_receipt *receipt, struct error *e)
{
    struct transaction t;
    struct person_change change = { .event = PERSON_EVENT_BORN, .person = person, .act = act };
    int64_t now_ms = time_now_ms();
    *receipt = (struct consent_receipt){ .log_index = UINT64_MAX };
    if (!consent_check_person(person, e) || !consent_check_act(act, e)) {
        return false;
    }
    if (born_day != NULL && !persons_check_born(*born_day, now_ms, e)) {
        return false;
    }
    if (act->role == CONSENT_ROLE_PERSON || act->role == CONSENT_ROLE_GUARDIAN || act->role == CONSENT_ROLE_DELEGATE) {
        return deny_role(receipt, e, "let the system or an authority set it, from a document");
    }
    if (!transaction_begin(&t, consents, e)) {
        return false;
    }
    bool ok = transaction_end(&t, add_born(&t, &change, born_day, receipt, e), &receipt->log_index, e);
    transaction_clear(&t);
    return ok;
}

/* What the event makes of what is known. False: it is none of these. */
static bool apply_mark(enum person_event event, struct consent_person *person)
{
    switch (event) {
    case PERSON_EVENT_DIED:
    case PERSON_EVENT_ALIVE:
        person->has_died = event == PERSON_EVENT_DIED;
        return true;
    case PERSON_EVENT_PAUSE:
    case PERSON_EVENT_RESUME:
        person->is_paused = event == PERSON_EVENT_PAUSE;
        return true;
    case PERSON_EVENT_RESTRICT:
    case PERSON_EVENT_UNRESTRICT:
        person->is_restricted = event == PERSON_EVENT_RESTRICT;
        return true;
    case PERSON_EVENT_BORN:
    case PERSON_EVENT_REPRESENTATIVE:
    case PERSON_EVENT_REPRESENTATIVE_END:
        return false;
    }
    return false;
}

static bool may_mark(enum person_event event, enum consent_role role, bool is_registered)
{
    bool is_official = role == CONSENT_ROLE_SYSTEM || role == CONSENT_ROLE_AUTHORITY;
    bool answers = (role == CONSENT_ROLE_GUARDIAN || role == CONSENT_ROLE_DELEGATE) && is_registered;
    if (event == PERSON_EVENT_DIED) {
        return is_official || (role == CONSENT_ROLE_RELATIVE && is_registered);
    }
    if (event == PERSON_EVENT_ALIVE) {
        return is_official;
    }
    bool is_restriction = event == PERSON_EVENT_RESTRICT || event == PERSON_EVENT_UNRESTRICT;
    return role == CONSENT_ROLE_PERSON || answers || (is_restriction && is_official);
}

static bool is_same(const struct consent_person *a, const struct consent_person *b)
{
    return a->has_died == b->has_died && a->is_paused == b->is_paused && a->is_restricted == b->is_restricted;
}

static bool add_mark(struct transaction *t, struct person_change *change, const struct consent_act *act, struct consent_receipt *receipt,
                     struct error *e)
{
    struct consent_act actor;
    struct consent_person before;
    bool is_registered;
    if (!records_find_person(t->consents->store, change->person, &before, e) ||
        !persons_find_actor(t, change->person, act, &actor, &is_registered, e)) {
        return false;
    }
    change->after = before;
    if (!apply_mark(change->event, &change->after)) {
        return error_set(e, ERROR_INPUT, "event", NULL, "this marks nobody");
    }
    if (!may_mark(change->event, act->role, is_registered)) {
        return deny_role(receipt, e, "let the person, who is registered for the person, or an authority do it");
    }
    if (is_same(&before, &change->after)) {
        return true;
    }
    change->act = &actor;
    receipt->is_changed = true;
    if (!persons_add_event(t, change, e)) {
        return false;
    }
    if (change->event == PERSON_EVENT_DIED) { /* which tells of each end */
        return consent_end_all(t, change->person, &actor, &receipt->changed, e);
    }
    bool is_end = change->event == PERSON_EVENT_PAUSE || change->event == PERSON_EVENT_RESTRICT;
    return change->event == PERSON_EVENT_ALIVE || transaction_tell_person(t, change->person, person_event_name(change->event), !is_end, e);
}

bool persons_mark(struct consents *consents, struct bytes person, enum person_event event, const struct consent_act *act,
                  struct consent_receipt *receipt, struct error *e)
{
    struct transaction t;
    struct person_change change = { .event = event, .person = person };
    *receipt = (struct consent_receipt){ .log_index = UINT64_MAX };
    if (!consent_check_person(person, e) || !consent_check_act(act, e) || !transaction_begin(&t, consents, e)) {
        return false;
    }
    bool ok = transaction_end(&t, add_mark(&t, &change, act, receipt, e), &receipt->log_index, e);
    transaction_clear(&t);
    return ok;
}
