/* The community: one operator, three members, each with a gateway, a subsystem and two services; its law is `strict`. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "crypto/note.h"
#include "torture/stage_internal.h"

enum { DAY_MS = 24 * 60 * 60 * 1000, VALID_DAYS = 1000 };

const char *const category_iris[CATEGORIES] = { "https://w3id.org/dpv/pd#Name", "https://w3id.org/dpv/pd#MedicalHealth" };

/* ---- The directory ---- */

/* By hand; what is in it lives with the nodes, or on the stack of whoever calls. */
struct draft {
    struct directory directory;
    struct directory_member members[NODES];
    struct directory_gateway gateways[NODES];
    struct directory_subsystem subsystems[NODES];
    struct bytes addresses[NODES];
    uint8_t pins[NODES][PIN_SIZE];
    char codes[NODES][4];
    struct verifier operator;
};

static void draft_fill(struct draft *d, const struct stage *stage)
{
    *d = (struct draft){ .operator= * signer_verifier(stage->operator) };
    for (size_t i = 0; i < NODES; i++) {
        const struct node *node = &stage->nodes[i];
        (void)snprintf(d->codes[i], sizeof d->codes[i], "M%zu", i);
        memset(d->pins[i], (int)i + 1, PIN_SIZE);
        d->addresses[i] = bytes_of_text(node->address);
        d->gateways[i] = (struct directory_gateway){ .code = BYTES("GW1"),
                                                     .member = &d->members[i],
                                                     .addresses = &d->addresses[i],
                                                     .address_count = 1,
                                                     .statement_key = *signer_verifier(node->signer),
                                                     .tls_pins = &d->pins[i],
                                                     .tls_pin_count = 1 };
        d->subsystems[i] = (struct directory_subsystem){ .code = BYTES("REC"), .name = BYTES("Records"), .member = &d->members[i] };
        d->members[i] = (struct directory_member){ .class_code = BYTES("GOV"),
                                                   .code = bytes_of_text(d->codes[i]),
                                                   .name = bytes_of_text(d->codes[i]),
                                                   .subsystems = &d->subsystems[i],
                                                   .subsystem_count = 1,
                                                   .gateways = &d->gateways[i],
                                                   .gateway_count = 1,
                                                   .directory = &d->directory };
    }
    int64_t now_ms = time_now_ms();
    d->directory = (struct directory){ .community = BYTES("TORTURE"),
                                       .country = BYTES("KE"),
                                       .serial = stage->serial,
                                       .valid_from_ms = now_ms - (int64_t)VALID_DAYS * DAY_MS,
                                       .valid_until_ms = now_ms + (int64_t)VALID_DAYS * DAY_MS,
                                       .operators = &d->operator,
                                       .operator_count = 1,
                                       .threshold = 1,
                                       .members = d->members,
                                       .member_count = NODES };
}

bool community_sign(struct stage *stage, struct error *e)
{
    struct draft draft;
    struct buffer text, note;
    struct directory *parsed = NULL;
    stage->serial++;
    draft_fill(&draft, stage);
    buffer_init(&text, DIRECTORY_BYTES_MAX);
    buffer_init(&note, DIRECTORY_BYTES_MAX);
    bool ok = directory_write(&draft.directory, &text, e) && note_sign(buffer_bytes(&text), stage->operator, & note, e) &&
              directory_parse(&parsed, buffer_bytes(&note), &draft.operator, 1, 1, "directory", e);
    buffer_clear(&text);
    if (!ok) {
        buffer_clear(&note);
        return false;
    }
    struct world *world = stage_must(calloc(1, sizeof *world));
    world->own = parsed;
    world_release(stage->known);
    stage->known = world_keep(world);
    buffer_clear(&stage->note);
    stage->note = note;
    return true;
}

bool community_make(struct stage *stage, struct error *e)
{
    static const uint8_t seed[ED25519_SEED_SIZE] = { 'o' };
    buffer_init(&stage->note, DIRECTORY_BYTES_MAX);
    return signer_from_seed(&stage->operator, BYTES("TORTURE/operator"), seed, e) && community_sign(stage, e);
}

void community_clear(struct stage *stage)
{
    world_release(stage->known);
    buffer_clear(&stage->note);
    signer_free(stage->operator);
}

/* ---- A gateway ---- */

bool community_configure(struct node *node, struct error *e)
{
    struct gateway_config *c = &node->config;
    (void)snprintf(node->member, sizeof node->member, "TORTURE/GOV/M%u", node->number);
    (void)snprintf(node->origin, sizeof node->origin, "%s/GW1", node->member);
    (void)snprintf(node->address, sizeof node->address, "gw%u.torture:5500", node->number);
    *c = (struct gateway_config){
        .folder = ".",
        .file = "gateway.yaml",
        .member_text = bytes_of_text(node->member),
        .code = BYTES("GW1"),
        .origin = bytes_of_text(node->origin),
        .log_retention_ms = (int64_t)HALF_HOUR_MS,
        .limits = net_limits_complete((struct net_limits){ .head_bytes_max = 0 }),
        .replay_window_ms = REPLAY_WINDOW_MS,
        .consent_cache = 16, /* few: so that some are read from the database each time */
        .workers = 1,
    };
    return identifier_parse(c->member_text, 3, 3, node->name_storage, &c->member, e);
}

void community_person(unsigned person, char out[16])
{
    (void)snprintf(out, 16, "person-%u", person);
}

static void write_rights(const struct node *node, unsigned variant, struct buffer *out)
{
    for (unsigned i = 0; i < NODES; i++) {
        if (i != node->number && !(variant == 1 && i == (node->number + 1U) % NODES)) {
            buffer_append_format(out, "      - {subject: TORTURE/GOV/M%u/REC, method: \"*\", path: \"/**\"}\n", i);
        }
    }
}

void community_write_policy(const struct node *node, unsigned variant, struct buffer *out)
{
    buffer_append_format(
        out,
        "categories:\n  - {id: \"pd:Name\", sensitive: false}\n  - {id: \"pd:MedicalHealth\"%s}\n"
        "clients:\n  - {subsystem: %s/REC, connection: http}\n"
        "services:\n"
        "  - id: %s/REC/data\n    url: http://service/data\n    timeout: 20s\n"
        "    person: {in: header, name: X-Person}\n"
        "    purposes: [\"dpv:ServiceProvision\"]\n    default_purpose: \"dpv:ServiceProvision\"\n"
        "    relation: provide\n    dpia: {ref: PIA-1, date: 2026-02-01, valid_until: 2036-01-31}\n"
        "    contract: {ref: agreement, from: 2020-01-01, until: 2040-01-01}\n"
        "    releases:\n      - {category: \"pd:Name\", basis: consent}\n      - {category: \"pd:MedicalHealth\", basis: consent}\n"
        "    fields:\n      - {path: \"$.id\", category: structure}\n      - {path: \"$.name\", category: \"pd:Name\"}\n"
        "      - {path: \"$.health\", category: \"pd:MedicalHealth\"}\n    rights:\n",
        variant == 2 ? ", never: true" : "", node->member, node->member);
    write_rights(node, variant, out);
    buffer_append_format(out,
                         "  - id: %s/REC/echo\n    url: http://service/echo\n    timeout: 20s\n    person: {in: none}\n"
                         "    purposes: [\"dpv:ServiceProvision\"]\n    default_purpose: \"dpv:ServiceProvision\"\n%s    rights:\n",
                         node->member, variant == 3 ? "    disabled: \"closed until Monday\"\n" : "");
    write_rights(node, variant, out);
}

void community_notice_id(unsigned recipient, char out[16])
{
    (void)snprintf(out, 16, "n-to-m%u", recipient);
}

json_t *community_notice(const struct node *holder, unsigned recipient, unsigned wording)
{
    static const char form[] =
        "{\"v\":1,\"id\":\"n-to-m%u\",\"lifecycle\":\"complete\",\"active\":true,\"law\":\"strict\",\"jurisdiction\":[],"
        "\"holder\":{\"member\":\"%s\",\"name\":{\"en\":\"Holder\"},\"contact\":\"mailto:a@b.example\",\"address\":\"1 Road\",\"url\":\"https://b.example/\"},"
        "\"recipient\":{\"member\":\"TORTURE/GOV/M%u\",\"name\":{\"en\":\"Recipient\"},\"contact\":\"mailto:c@d.example\",\"address\":\"2 Road\","
        "\"country\":\"KE\"},"
        "\"purpose\":{\"iri\":\"https://w3id.org/dpv#ServiceProvision\",\"text\":{\"en\":\"to serve you\"},\"descends\":false},\"basis\":\"consent\","
        "\"service\":[\"%s/REC/data\"],"
        "\"categories\":[{\"iri\":\"%s\",\"sensitive\":false,\"necessity\":\"optional\",\"necessityText\":{\"en\":\"to know you\"},"
        "\"impactText\":{\"en\":\"it tells your name\"},\"attributes\":[]},"
        "{\"iri\":\"%s\",\"sensitive\":true,\"necessity\":\"optional\",\"necessityText\":{\"en\":\"to treat you\"},"
        "\"impactText\":{\"en\":\"it tells of your health\"},\"attributes\":[]}],"
        "\"processing\":[\"https://w3id.org/dpv#Consult\"],\"method\":{\"en\":\"it is looked up\"},\"automatedDecision\":false,\"onward\":[],"
        "\"use\":{\"mode\":\"view\",\"fetch\":\"periodic\",\"frequency\":null,\"dataRange\":null},"
        "\"retention\":{\"recipientLife\":\"P30D\",\"eraseAt\":null},\"storage\":[\"KE\"],\"maxValidity\":\"P1Y\","
        "\"border\":{\"crosses\":false,\"instrument\":null,\"remedyText\":{\"en\":\"write\"},\"safeguardText\":{\"en\":\"none\"}},"
        "\"minor\":{\"allowed\":true,\"guardianRequiredBelow\":18,\"guardianText\":{\"en\":\"for the guardian\"},\"childText\":{\"en\":\"for the child\"}},"
        "\"withdrawal\":{\"url\":\"https://b.example/withdraw\",\"text\":{\"en\":\"at any time\"}},"
        "\"rights\":{\"url\":\"https://b.example/rights\",\"authority\":\"https://authority.example/\"},"
        "\"refusalEffect\":{\"en\":\"nothing else is refused to you, wording %u\"},\"dpia\":{\"ref\":\"PIA-1\",\"date\":\"2026-05-01\"},\"languages\":[\"en\"]}";
    struct buffer text;
    buffer_init(&text, NOTICE_BYTES_MAX);
    buffer_append_format(&text, form, recipient, holder->member, recipient, holder->member, category_iris[CATEGORY_NAME],
                         category_iris[CATEGORY_HEALTH], wording);
    json_t *value = text.failed ? NULL : json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    buffer_clear(&text);
    return stage_must(value);
}
