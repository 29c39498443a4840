/* ReBIT Account Aggregator: ConsentDetail with its state (reference consent-standards 5). What it can't say exactly is said more narrowly. */
#include "interchange/export_internal.h"

static const char *status_of(enum consent_state state)
{
    switch (state) {
    case CONSENT_REQUESTED:
    case CONSENT_DEFERRED:
        return "PENDING";
    case CONSENT_GIVEN:
        return "ACTIVE";
    case CONSENT_PAUSED:
        return "PAUSED";
    case CONSENT_REFUSED:
        return "REJECTED";
    case CONSENT_WITHDRAWN:
    case CONSENT_REVOKED:
    case CONSENT_SUPERSEDED:
    case CONSENT_INVALIDATED:
        return "REVOKED";
    case CONSENT_EXPIRED:
    case CONSENT_NONE:
        break;
    }
    return "EXPIRED";
}

static const char *mode_of(enum use_mode mode)
{
    static const char *const names[] = {
        [USE_MODE_VIEW] = "VIEW", [USE_MODE_QUERY] = "QUERY", [USE_MODE_STORE] = "STORE", [USE_MODE_STREAM] = "STREAM"
    };
    return names[mode];
}

static json_t *measure(const char *unit, uint64_t value)
{
    struct json_maker m = json_make();
    json_make_text(&m, "unit", unit);
    json_make_number(&m, "value", value);
    return json_made(&m);
}

/* Whole units only, rounded down: never longer than the record says. */
static json_t *life_of(const struct consent_document *d)
{
    struct period life = d->recipient_life;
    if (!d->has_recipient_life) {
        return measure("DAY", 0);
    }
    if (life.months > 0 && life.days == 0 && life.seconds == 0) {
        return life.months % 12 == 0 ? measure("YEAR", life.months / 12) : measure("MONTH", life.months);
    }
    return measure("DAY", (uint64_t)life.months * 28 + life.days + life.seconds / 86400);
}

/* The shortest unit that is no shorter than the record's: so many uses in it are never more than the record allows. */
static json_t *frequency_of(const struct use_limits *use)
{
    static const struct {
        const char *unit;
        struct period length;
    } units[] = {
        { "HOUR", { .seconds = 3600 } },
        { "DAY", { .days = 1 } },
        { "MONTH", { .months = 1 } },
        { "YEAR", { .months = 12 } },
    };
    if (use->max == 0) {
        return use->total > 0 ? measure("YEAR", use->total) : measure("INF", 1);
    }
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (period_is_within(use->per, units[i].length)) {
            return measure(units[i].unit, use->max);
        }
    }
    return measure("YEAR", 1);
}

static json_t *range_of(const struct consent_document *d)
{
    struct json_maker m = json_make();
    json_make_time(&m, "from", d->use.has_from ? d->use.range_from_ms : 0);
    json_make_time(&m, "to", d->use.has_to ? d->use.range_to_ms : d->valid_until_ms);
    return json_made(&m);
}

static json_t *purpose_of(const struct export_input *input)
{
    bool is_once = input->document->use.fetch == USE_FETCH_ONETIME;
    struct bytes text = notice_texts_find(&input->notice->purpose_text, input->language);
    struct json_maker m = json_make();
    json_make_text(&m, "code", is_once ? "105" : "104"); /* explicit consent: once, or for monitoring */
    json_make_bytes(&m, "refUri", input->document->purpose);
    json_make_bytes(&m, "text", text.size > 0 ? text : input->document->purpose);
    json_make_value(&m, "Category", json_pack("{s:s}", "type", "string"));
    return json_made(&m);
}

static json_t *party(struct bytes id, const char *type)
{
    return json_pack("{s:o, s:s}", "id", json_from_bytes(id), "type", type);
}

/* Ours are not among its closed list of kinds of accounts: the category's own IRI. */
static json_t *types_of(const struct consent_document *d)
{
    json_t *made = json_array();
    for (size_t i = 0; made != NULL && i < d->decision_count; i++) {
        if (export_is_given(d, i) && !json_list_add(made, json_from_bytes(d->decisions[i].category))) {
            json_decref(made);
            return NULL;
        }
    }
    return made;
}

json_t *rebit_write(const struct export_input *input)
{
    const struct consent_document *d = input->document;
    struct json_maker detail = json_make(), m = json_make();
    json_make_time(&detail, "consentStart", d->valid_from_ms);
    json_make_time(&detail, "consentExpiry", d->valid_until_ms);
    json_make_text(&detail, "consentMode", mode_of(d->use.mode));
    json_make_text(&detail, "fetchType", d->use.fetch == USE_FETCH_ONETIME ? "ONETIME" : "PERIODIC");
    json_make_value(&detail, "consentTypes", json_pack("[s]", "TRANSACTIONS"));
    json_make_value(&detail, "fiTypes", types_of(d));
    json_make_value(&detail, "DataConsumer", party(d->recipient, "FIU"));
    json_make_value(&detail, "DataProvider", party(d->holder, "FIP"));
    json_make_value(&detail, "Customer", json_pack("{s:o}", "id", json_from_bytes(d->person)));
    json_make_value(&detail, "Purpose", purpose_of(input));
    json_make_value(&detail, "FIDataRange", range_of(d));
    json_make_value(&detail, "DataLife", life_of(d));
    json_make_value(&detail, "Frequency", frequency_of(&d->use));
    json_make_value(&detail, "DataFilter", json_array());
    json_make_bytes(&m, "consentId", d->id);
    json_make_text(&m, "status", status_of(d->state));
    json_make_time(&m, "createTimestamp", d->event_count > 0 ? d->events[0].at_ms : d->valid_from_ms);
    json_make_value(&m, "ConsentDetail", json_made(&detail));
    return json_made(&m);
}
