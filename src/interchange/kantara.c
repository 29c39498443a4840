/* Kantara consent receipt, KI-CR-v1.1.0. It knows no refusal: only what is given is exported (export.c). */
#include <stdio.h>

#include "interchange/export_internal.h"

/* Consent ids are "c-" and 32 hex digits: as a UUID. Another id stays as it is. */
static json_t *receipt_id(struct bytes id)
{
    char uuid[40];
    enum { HEX_SIZE = 32 };
    if (id.size != 2 + HEX_SIZE || !bytes_start_with(id, BYTES("c-"))) {
        return json_from_bytes(id);
    }
    const char *hex = (const char *)id.data + 2;
    (void)snprintf(uuid, sizeof uuid, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return json_string(uuid);
}

static struct bytes after(struct bytes text, struct bytes scheme)
{
    return bytes_start_with(text, scheme) ? bytes_slice(text, scheme.size, text.size) : BYTES("");
}

static json_t *controller(const struct export_input *input)
{
    const struct notice_party *holder = &input->notice->holder;
    struct bytes name = notice_texts_find(&holder->name, input->language);
    struct json_maker address = json_make(), m = json_make();
    json_make_bytes(&address, "streetAddress", holder->address);
    json_make_bytes(&m, "piiController", name.size > 0 ? name : holder->member);
    json_make_bool(&m, "onBehalf", false);
    json_make_bytes(&m, "contact", holder->contact);
    json_make_value(&m, "address", json_made(&address));
    json_make_bytes(&m, "email", after(holder->contact, BYTES("mailto:")));
    json_make_bytes(&m, "phone", after(holder->contact, BYTES("tel:")));
    json_make_bytes_if_any(&m, "piiControllerUrl", holder->url);
    return json_made(&m);
}

/* The given categories; `only_sensitive` for spiCat. */
static json_t *categories(const struct export_input *input, bool only_sensitive)
{
    const struct consent_document *d = input->document;
    json_t *made = json_array();
    for (size_t i = 0; made != NULL && i < d->decision_count; i++) {
        const struct notice_category *category = notice_find_category(input->notice, d->decisions[i].category);
        bool is_sensitive = category == NULL || category->is_sensitive;
        if (!export_is_given(d, i) || (only_sensitive && !is_sensitive)) {
            continue;
        }
        if (!json_list_add(made, json_from_bytes(d->decisions[i].category))) {
            json_decref(made);
            return NULL;
        }
    }
    return made;
}

static json_t *purpose(const struct export_input *input)
{
    const struct notice *n = input->notice;
    struct bytes text = notice_texts_find(&n->purpose_text, input->language);
    struct bytes recipient = notice_texts_find(&n->recipient.name, input->language);
    struct json_maker m = json_make();
    json_make_bytes(&m, "purpose", text.size > 0 ? text : input->document->purpose);
    json_make_value(&m, "purposeCategory", json_pack("[o]", json_from_bytes(input->document->purpose)));
    json_make_text(&m, "consentType", "EXPLICIT");
    json_make_value(&m, "piiCategory", categories(input, false));
    json_make_bool(&m, "primaryPurpose", true);
    json_make_bytes(&m, "termination", n->withdrawal_url);
    json_make_bool(&m, "thirdPartyDisclosure", true);
    json_make_bytes(&m, "thirdPartyName", recipient.size > 0 ? recipient : n->recipient.member);
    return json_made(&m);
}

static struct bytes service(const struct export_input *input)
{
    return input->notice->services.count > 0 ? input->notice->services.items[0] : input->document->recipient;
}

static json_t *jurisdiction(const struct notice *n)
{
    struct bytes first = n->jurisdictions.count > 0 ? n->jurisdictions.items[0] : n->law;
    size_t at = bytes_find(first, '#');
    return json_from_bytes(at < first.size ? bytes_slice(first, at + 1, first.size) : first);
}

json_t *kantara_write(const struct export_input *input)
{
    const struct consent_document *d = input->document;
    const struct notice *n = input->notice;
    const struct consent_document_event *decided = consent_document_decision_event(d);
    json_t *special = categories(input, true);
    bool is_sensitive = json_array_size(special) > 0;
    struct json_maker m = json_make();
    json_make_text(&m, "version", "KI-CR-v1.1.0");
    json_make_value(&m, "jurisdiction", jurisdiction(n));
    json_make_number(&m, "consentTimestamp", (uint64_t)((decided != NULL ? decided->at_ms : d->valid_from_ms) / 1000));
    json_make_bytes(&m, "collectionMethod", decided != NULL && decided->method.size > 0 ? decided->method : BYTES("api"));
    json_make_value(&m, "consentReceiptID", receipt_id(d->id));
    json_make_bytes_if_any(&m, "language", decided != NULL ? decided->language : BYTES_NONE);
    json_make_bytes(&m, "piiPrincipalId", d->person);
    json_make_value(&m, "piiControllers", json_pack("[o]", controller(input)));
    json_make_bytes(&m, "policyUrl", n->rights_url.size > 0 ? n->rights_url : n->holder.url);
    struct json_maker s = json_make();
    json_make_bytes(&s, "service", service(input));
    json_make_value(&s, "purposes", json_pack("[o]", purpose(input)));
    json_make_value(&m, "services", json_pack("[o]", json_made(&s)));
    json_make_bool(&m, "sensitive", is_sensitive);
    json_make_value(&m, "spiCat", special);
    return json_made(&m);
}
