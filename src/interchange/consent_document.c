#include "interchange/consent_document.h"

#include "consent/canonical_json.h"
#include "consent/json_form.h"
#include "interchange/json_make.h"

enum { WORD_SIZE_MAX = 32, REFERENCE_SIZE_MAX = 512 };

static const uint32_t separate_bits[] = { LAW_SEPARATE_SENSITIVE, LAW_SEPARATE_PROVIDE,     LAW_SEPARATE_BORDER,
                                          LAW_SEPARATE_PUBLISH,   LAW_SEPARATE_PUBLICPLACE, LAW_SEPARATE_MINOR };

/* ---- Writing ---- */

static json_t *person_of(const struct consent_document *d)
{
    struct json_maker m = json_make();
    json_make_bytes(&m, "ref", d->person);
    json_make_bytes_or_null(&m, "idType", d->person_id_type);
    json_make_bytes_or_null(&m, "idp", d->person_idp);
    json_make_bool(&m, "minor", d->is_minor);
    return json_made(&m);
}

static json_t *notice_of(const struct consent_document *d)
{
    struct json_maker m = json_make();
    json_make_bytes(&m, "id", d->notice_id);
    json_make_number(&m, "revision", d->notice_revision);
    json_make_digest(&m, "sha256", d->notice_digest);
    return json_made(&m);
}

static json_t *decisions_of(const struct consent_document *d)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < d->decision_count; i++) {
        struct json_maker m = json_make();
        json_make_bytes(&m, "category", d->decisions[i].category);
        json_make_text(&m, "decision", consent_state_name(d->decisions[i].state));
        if (!json_list_add(list, json_made(&m))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *use_of(const struct consent_document *d)
{
    struct json_maker m = json_make();
    json_make_limits(&m, &d->use);
    json_make_value(&m, "recipientLife", d->has_recipient_life ? json_of_period(d->recipient_life) : json_null());
    json_make_value(&m, "eraseAt", d->has_erase_at ? json_from_time(d->erase_at_ms) : json_null());
    return json_made(&m);
}

static json_t *separate_of(uint32_t separate)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < COUNT_OF(separate_bits); i++) {
        if ((separate & separate_bits[i]) != 0 && !json_list_add(list, json_string(law_separate_word(separate_bits[i])))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *signature_of(const struct consent_document_event *event)
{
    if (event->signature.size == 0) {
        return json_null();
    }
    struct json_maker m = json_make();
    json_make_bytes(&m, "alg", event->signature_algorithm);
    json_make_bytes(&m, "keyId", event->signature_key);
    json_make_bytes(&m, "value", event->signature);
    return json_made(&m);
}

static json_t *event_of(const struct consent_document_event *event)
{
    struct json_maker by = json_make();
    json_make_bytes(&by, "role", event->role);
    json_make_bytes_or_null(&by, "ref", event->ref);
    json_make_bytes_or_null(&by, "relation", event->relation);
    json_make_bytes_or_null(&by, "evidence", event->evidence);
    struct json_maker m = json_make();
    json_make_number(&m, "seq", event->sequence);
    json_make_text(&m, "type", consent_state_name(event->to));
    json_make_time(&m, "at", event->at_ms);
    json_make_value(&m, "by", json_made(&by));
    json_make_bytes_or_null(&m, "method", event->method);
    json_make_bytes_or_null(&m, "language", event->language);
    json_make_bytes_or_null(&m, "assurance", event->assurance);
    json_make_value(&m, "signature", signature_of(event));
    json_make_bytes_or_null(&m, "logEntry", event->log_entry);
    return json_made(&m);
}

static json_t *events_of(const struct consent_document *d)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < d->event_count; i++) {
        if (!json_list_add(list, event_of(&d->events[i]))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Of the canonical bytes of a value that has no member sha256. */
static bool digest_of(const json_t *value, uint8_t digest[SHA256_SIZE], struct error *e)
{
    struct buffer text;
    buffer_init(&text, CONSENT_DOCUMENT_BYTES_MAX);
    bool ok = canonical_json_write(value, "consent", &text, e);
    if (ok) {
        sha256(buffer_bytes(&text), digest);
    }
    buffer_wipe(&text); /* it names a person */
    return ok;
}

bool consent_document_write(const struct consent_document *d, json_t **out, struct error *e)
{
    uint8_t digest[SHA256_SIZE];
    struct json_maker m = json_make();
    *out = NULL;
    json_make_number(&m, "v", 1);
    json_make_bytes(&m, "id", d->id);
    json_make_value(&m, "person", person_of(d));
    json_make_value(&m, "notice", notice_of(d));
    json_make_bytes(&m, "holder", d->holder);
    json_make_bytes(&m, "recipient", d->recipient);
    json_make_bytes(&m, "purpose", d->purpose);
    json_make_text(&m, "status", consent_state_name(d->state));
    json_make_time(&m, "validFrom", d->valid_from_ms);
    json_make_time(&m, "validUntil", d->valid_until_ms);
    json_make_value(&m, "decisions", decisions_of(d));
    json_make_value(&m, "use", use_of(d));
    json_make_value(&m, "separate", separate_of(d->separate));
    json_make_value(&m, "events", events_of(d));
    if (d->has_prev) {
        json_make_digest(&m, "prevSha256", d->prev);
    } else {
        json_make_value(&m, "prevSha256", json_null());
    }
    json_t *made = json_made(&m);
    if (made == NULL) {
        return error_set(e, ERROR_INPUT, "consent", NULL, "a text of it isn't UTF-8, or memory is out");
    }
    if (!digest_of(made, digest, e)) {
        json_decref(made);
        return false;
    }
    struct json_maker whole = { .object = made };
    json_make_digest(&whole, "sha256", digest);
    *out = json_made(&whole);
    return *out != NULL || error_memory(e, "consent");
}

/* ---- Reading ---- */

static bool get_state(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                      enum consent_state *out)
{
    struct bytes name;
    struct json_place place = json_form_inside(at, key);
    if (!json_form_line(s, at, object, key, JSON_REQUIRED, WORD_SIZE_MAX, NULL, &name)) {
        return false;
    }
    for (enum consent_state state = CONSENT_REQUESTED; state <= CONSENT_INVALIDATED; state++) {
        if (bytes_equal(name, bytes_of_text(consent_state_name(state)))) {
            *out = state;
            return true;
        }
    }
    return json_refuse(s, &place, NULL, "is no state of a consent");
}

static bool read_person(const struct json_source *s, const json_t *value, struct consent_document *d)
{
    static const char *const keys[] = { "ref", "idType", "idp", "minor" };
    struct json_place at = json_form_inside(NULL, "person");
    bool ok;
    const json_t *person = json_form_object(s, &at, value, JSON_REQUIRED, keys, COUNT_OF(keys), &ok);
    return ok && json_form_line(s, &at, person, "ref", JSON_REQUIRED, CONSENT_DOCUMENT_PERSON_SIZE_MAX, NULL, &d->person) &&
           json_form_line(s, &at, person, "idType", JSON_NULLABLE, REFERENCE_SIZE_MAX, NULL, &d->person_id_type) &&
           json_form_line(s, &at, person, "idp", JSON_NULLABLE, REFERENCE_SIZE_MAX, NULL, &d->person_idp) &&
           json_get_flag(s, &at, person, "minor", &d->is_minor);
}

static bool read_notice(const struct json_source *s, const json_t *value, struct consent_document *d)
{
    static const char *const keys[] = { "id", "revision", "sha256" };
    struct json_place at = json_form_inside(NULL, "notice");
    struct json_place at_digest = json_form_inside(&at, "sha256");
    uint64_t revision = 0;
    bool ok, has;
    const json_t *notice = json_form_object(s, &at, value, JSON_REQUIRED, keys, COUNT_OF(keys), &ok);
    if (!ok || !json_form_line(s, &at, notice, "id", JSON_REQUIRED, NOTICE_ID_SIZE_MAX, json_form_id_fault, &d->notice_id) ||
        !json_get_number(s, &at, notice, "revision", 1, UINT32_MAX, &revision) ||
        !json_form_digest(s, &at, notice, "sha256", &has, d->notice_digest)) {
        return false;
    }
    d->notice_revision = (uint32_t)revision;
    return has || json_refuse(s, &at_digest, "add it", "is missing");
}

static bool read_decisions(const struct json_source *s, const json_t *value, struct consent_document *d)
{
    static const char *const keys[] = { "category", "decision" };
    const json_t *array;
    struct json_place at = json_form_inside(NULL, "decisions");
    if (!json_get_array(s, NULL, value, "decisions", JSON_REQUIRED, 1, NOTICE_CATEGORIES_MAX, &array, &d->decision_count)) {
        return false;
    }
    struct consent_document_decision *decisions = json_take(s, d->decision_count, sizeof *decisions);
    if (decisions == NULL) {
        return false;
    }
    for (size_t i = 0; i < d->decision_count; i++) {
        struct json_place element = { .above = &at, .index = i };
        const json_t *decision = json_array_get(array, i);
        if (!json_check_object(s, &element, decision, keys, COUNT_OF(keys)) ||
            !json_form_line(s, &element, decision, "category", JSON_REQUIRED, NOTICE_IRI_SIZE_MAX, json_form_iri_fault,
                            &decisions[i].category) ||
            !get_state(s, &element, decision, "decision", &decisions[i].state)) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(decisions[i].category, decisions[j].category)) {
                return json_refuse(s, &element, "decide once", "is the same category as element %zu", j);
            }
        }
    }
    d->decisions = decisions;
    return true;
}

static bool read_use(const struct json_source *s, const json_t *value, struct consent_document *d)
{
    static const char *const keys[] = { "mode", "fetch", "frequency", "dataRange", "recipientLife", "eraseAt" };
    struct json_place at = json_form_inside(NULL, "use");
    bool ok;
    const json_t *use = json_form_object(s, &at, value, JSON_REQUIRED, keys, COUNT_OF(keys), &ok);
    return ok && json_form_limits(s, &at, use, &d->use) &&
           json_form_period(s, &at, use, "recipientLife", &d->has_recipient_life, &d->recipient_life) &&
           json_form_time(s, &at, use, "eraseAt", &d->has_erase_at, &d->erase_at_ms);
}

static bool read_separate(const struct json_source *s, const json_t *value, struct consent_document *d)
{
    struct notice_list words;
    struct json_place at = json_form_inside(NULL, "separate");
    if (!json_form_list(s, NULL, value, "separate", JSON_OPTIONAL, COUNT_OF(separate_bits), WORD_SIZE_MAX, NULL, &words)) {
        return false;
    }
    for (size_t i = 0; i < words.count; i++) {
        uint32_t bit = 0;
        struct json_place element = { .above = &at, .index = i };
        if (!law_separate_parse(words.items[i], &bit)) {
            return json_refuse(s, &element, NULL, "is no separate act");
        }
        d->separate |= bit;
    }
    return true;
}

static bool read_signature(const struct json_source *s, const struct json_place *above, const json_t *value,
                           struct consent_document_event *out)
{
    static const char *const keys[] = { "alg", "keyId", "value" };
    struct json_place at = json_form_inside(above, "signature");
    bool ok;
    const json_t *signature = json_form_object(s, &at, value, JSON_NULLABLE, keys, COUNT_OF(keys), &ok);
    return ok && (signature == NULL ||
                  (json_form_line(s, &at, signature, "alg", JSON_REQUIRED, REFERENCE_SIZE_MAX, NULL, &out->signature_algorithm) &&
                   json_form_line(s, &at, signature, "keyId", JSON_REQUIRED, REFERENCE_SIZE_MAX, NULL, &out->signature_key) &&
                   json_form_line(s, &at, signature, "value", JSON_REQUIRED, 4 * REFERENCE_SIZE_MAX, NULL, &out->signature)));
}

static bool read_by(const struct json_source *s, const struct json_place *above, const json_t *value, struct consent_document_event *out)
{
    static const char *const keys[] = { "role", "ref", "relation", "evidence" };
    struct json_place at = json_form_inside(above, "by");
    bool ok;
    const json_t *by = json_form_object(s, &at, value, JSON_REQUIRED, keys, COUNT_OF(keys), &ok);
    return ok && json_form_line(s, &at, by, "role", JSON_REQUIRED, WORD_SIZE_MAX, NULL, &out->role) &&
           json_form_line(s, &at, by, "ref", JSON_NULLABLE, CONSENT_DOCUMENT_PERSON_SIZE_MAX, NULL, &out->ref) &&
           json_form_line(s, &at, by, "relation", JSON_NULLABLE, REFERENCE_SIZE_MAX, NULL, &out->relation) &&
           json_form_line(s, &at, by, "evidence", JSON_NULLABLE, REFERENCE_SIZE_MAX, NULL, &out->evidence);
}

static bool read_event(const struct json_source *s, const struct json_place *at, const json_t *value, struct consent_document_event *out)
{
    static const char *const keys[] = { "seq", "type", "at", "by", "method", "language", "assurance", "signature", "logEntry" };
    struct json_place at_time = json_form_inside(at, "at");
    bool has_time;
    if (!json_check_object(s, at, value, keys, COUNT_OF(keys)) || !json_get_number(s, at, value, "seq", 1, UINT32_MAX, &out->sequence) ||
        !get_state(s, at, value, "type", &out->to) || !json_form_time(s, at, value, "at", &has_time, &out->at_ms) ||
        !read_by(s, at, value, out) || !json_form_line(s, at, value, "method", JSON_NULLABLE, WORD_SIZE_MAX, NULL, &out->method) ||
        !json_form_line(s, at, value, "language", JSON_NULLABLE, WORD_SIZE_MAX, json_form_language_fault, &out->language) ||
        !json_form_line(s, at, value, "assurance", JSON_NULLABLE, WORD_SIZE_MAX, NULL, &out->assurance) ||
        !read_signature(s, at, value, out) ||
        !json_form_line(s, at, value, "logEntry", JSON_NULLABLE, REFERENCE_SIZE_MAX, NULL, &out->log_entry)) {
        return false;
    }
    return has_time || json_refuse(s, &at_time, "add it", "is missing");
}

static bool read_events(const struct json_source *s, const json_t *value, struct consent_document *d)
{
    const json_t *array;
    struct json_place at = json_form_inside(NULL, "events");
    if (!json_get_array(s, NULL, value, "events", JSON_REQUIRED, 0, CONSENT_DOCUMENT_EVENTS_MAX, &array, &d->event_count)) {
        return false;
    }
    struct consent_document_event *events = json_take(s, d->event_count, sizeof *events);
    if (events == NULL) {
        return false;
    }
    for (size_t i = 0; i < d->event_count; i++) {
        struct json_place element = { .above = &at, .index = i };
        if (!read_event(s, &element, json_array_get(array, i), &events[i])) {
            return false;
        }
        if (i > 0 && events[i].sequence <= events[i - 1].sequence) {
            return json_refuse(s, &element, "put them in their order", "does not come after the event before it");
        }
    }
    d->events = events;
    return true;
}

static bool read_times(const struct json_source *s, const json_t *value, struct consent_document *d)
{
    struct json_place at = json_form_inside(NULL, "validUntil");
    bool has_from, has_until;
    return json_form_time(s, NULL, value, "validFrom", &has_from, &d->valid_from_ms) &&
           json_form_time(s, NULL, value, "validUntil", &has_until, &d->valid_until_ms) &&
           ((has_from && has_until && d->valid_from_ms < d->valid_until_ms) ||
            json_refuse(s, &at, "no consent is endless", "must be a time after validFrom"));
}

/* The digest covers all but itself. */
static bool check_digest(const struct json_source *s, const json_t *value)
{
    uint8_t said[SHA256_SIZE], made[SHA256_SIZE];
    struct json_place at = json_form_inside(NULL, "sha256");
    bool has;
    if (!json_form_digest(s, NULL, value, "sha256", &has, said)) {
        return false;
    }
    json_t *rest = json_copy((json_t *)value);
    if (rest == NULL) {
        return json_no_memory(s);
    }
    (void)json_object_del(rest, "sha256");
    bool ok = digest_of(rest, made, s->e);
    json_decref(rest);
    return ok && ((has && memcmp(said, made, sizeof made) == 0) || json_refuse(s, &at, NULL, "is not the digest of the rest"));
}

bool consent_document_read(const json_t *value, struct arena *arena, struct consent_document *out, struct error *e)
{
    static const char *const keys[] = { "v",         "id",         "person",    "notice", "holder",   "recipient", "purpose",    "status",
                                        "validFrom", "validUntil", "decisions", "use",    "separate", "events",    "prevSha256", "sha256" };
    const struct json_source s = { .memory = arena, .where = "consent", .e = e, .writes_pointers = true };
    uint64_t version;
    *out = (struct consent_document){ 0 };
    return json_check_object(&s, NULL, value, keys, COUNT_OF(keys)) && json_get_number(&s, NULL, value, "v", 1, 1, &version) &&
           json_form_line(&s, NULL, value, "id", JSON_REQUIRED, NOTICE_ID_SIZE_MAX, json_form_id_fault, &out->id) &&
           read_person(&s, value, out) && read_notice(&s, value, out) &&
           json_form_line(&s, NULL, value, "holder", JSON_REQUIRED, NOTICE_MEMBER_SIZE_MAX, json_form_member_fault, &out->holder) &&
           json_form_line(&s, NULL, value, "recipient", JSON_REQUIRED, NOTICE_MEMBER_SIZE_MAX, json_form_member_fault, &out->recipient) &&
           json_form_line(&s, NULL, value, "purpose", JSON_REQUIRED, NOTICE_IRI_SIZE_MAX, json_form_iri_fault, &out->purpose) &&
           get_state(&s, NULL, value, "status", &out->state) && read_times(&s, value, out) && read_decisions(&s, value, out) &&
           read_use(&s, value, out) && read_separate(&s, value, out) && read_events(&s, value, out) &&
           json_form_digest(&s, NULL, value, "prevSha256", &out->has_prev, out->prev) && check_digest(&s, value);
}

/* ---- Looking ---- */

int64_t consent_document_time(const struct consent_document *d, enum consent_state state)
{
    int64_t time_ms = 0;
    for (size_t i = 0; i < d->event_count; i++) {
        time_ms = d->events[i].to == state ? d->events[i].at_ms : time_ms;
    }
    return time_ms;
}

const struct consent_document_event *consent_document_decision_event(const struct consent_document *d)
{
    for (size_t i = 0; i < d->event_count; i++) {
        if (d->events[i].to == CONSENT_GIVEN || d->events[i].to == CONSENT_REFUSED) {
            return &d->events[i];
        }
    }
    return NULL;
}
