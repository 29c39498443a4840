#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy/glob.h"
#include "policy/json_path.h"
#include "policy/policy_text_internal.h"

static struct identifier identifier_of(const char *text, uint8_t *storage)
{
    struct identifier id;
    struct error e = { 0 };
    if (!identifier_parse(bytes_of_text(text), 3, 5, storage, &id, &e)) {
        fail_msg("%s: %s", text, e.what);
    }
    return id;
}

static bool parse_for(const char *owner, struct bytes yaml, const char *folder, struct policy **out, struct error *e)
{
    uint8_t storage[256];
    struct identifier id = identifier_of(owner, storage);
    return policy_parse(out, yaml, "policy.yaml", folder, &id, e);
}

static struct policy *parsed(const char *yaml)
{
    struct policy *policy = NULL;
    struct error e = { 0 };
    if (!parse_for("A/B/C", bytes_of_text(yaml), ".", &policy, &e)) {
        fail_msg("%s: %s; %s", e.where, e.what, e.todo);
    }
    return policy;
}

/* ---- Files that the project ships ---- */

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fail_msg("%s can't be opened", path);
    }
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void the_hospital_example(void **state)
{
    struct policy *policy = NULL;
    struct error e = { 0 };
    uint8_t storage[3][128];
    (void)state;
    char *text = read_text(SOURCE_ROOT "/examples/policy-hospital.yaml");
    if (!parse_for("AURORA/HEALTH/HOSPITAL", bytes_of_text(text), ".", &policy, &e)) {
        fail_msg("%s: %s; %s", e.where, e.what, e.todo);
    }
    assert_int_equal(policy->category_count, 7);
    assert_false(policy->categories[0].is_sensitive);
    assert_true(policy->categories[4].is_sensitive);
    assert_int_equal(policy->service_count, 3);
    struct identifier id = identifier_of("AURORA/HEALTH/HOSPITAL/records/summary", storage[0]);
    const struct policy_service *service = policy_find_service(policy, &id);
    assert_non_null(service);
    assert_true(bytes_equal(service->default_purpose, BYTES("https://w3id.org/dpv/sector/health#PrimaryCareManagement")));
    assert_int_equal(service->timeout_ms, 10000);
    assert_int_equal(service->field_count, 10);
    assert_int_equal(service->fields[0].category, POLICY_STRUCTURE);
    assert_int_equal(service->fields[3].path->count, 4);
    assert_non_null(service->plan);
    struct identifier clinic = identifier_of("BAOBAB/HEALTH/CLINIC/frontdesk", storage[1]);
    assert_true(policy_allows(service, &clinic, BYTES("GET"), BYTES("/PT-1001")));
    assert_false(policy_allows(service, &clinic, BYTES("POST"), BYTES("/PT-1001")));
    assert_false(policy_allows(service, &clinic, BYTES("GET"), BYTES("/PT-1001/x")));
    id = identifier_of("AURORA/HEALTH/HOSPITAL/records/wards", storage[0]);
    assert_int_equal(policy_find_service(policy, &id)->person_place, PERSON_NONE);
    assert_null(policy_find_service(policy, &(struct identifier){ .part_count = 0 }));
    struct identifier own = identifier_of("AURORA/HEALTH/HOSPITAL/records", storage[2]);
    assert_int_equal(policy_find_client(policy, &own)->connection, CONNECTION_HTTP);
    assert_null(policy_find_client(policy, &clinic));
    struct policy *same = policy_keep(policy);
    policy_drop(policy);
    assert_int_equal(same->service_count, 3);
    policy_drop(same);
    policy_drop(NULL);
    free(text);
}

static void the_clinic_example(void **state)
{
    struct policy *policy = NULL;
    struct error e = { 0 };
    (void)state;
    char *text = read_text(SOURCE_ROOT "/examples/policy-clinic.yaml");
    assert_true(parse_for("BAOBAB/HEALTH/CLINIC", bytes_of_text(text), ".", &policy, &e));
    assert_int_equal(policy->client_count, 1);
    policy_drop(policy);
    free(text);
}

/* The page's example is between the two fences of its first yaml block; its files stand beside the test. */
static void the_example_of_the_page(void **state)
{
    struct policy *policy = NULL;
    struct error e = { 0 };
    (void)state;
    char *text = read_text(SOURCE_ROOT "/docs/reference/policy.md");
    char *from = strstr(text, "```yaml\n");
    assert_non_null(from);
    from += strlen("```yaml\n");
    char *to = strstr(from, "```");
    assert_non_null(to);
    if (!parse_for("AURORA/HEALTH/HOSPITAL", bytes_of(from, (size_t)(to - from)), SOURCE_ROOT "/tests/unit/policy/data", &policy, &e)) {
        fail_msg("%s: %s; %s", e.where, e.what, e.todo);
    }
    assert_int_equal(policy->clients[0].certificate_count, 2);
    assert_int_equal(policy->clients[1].token_count, 1);
    assert_true(policy->services[0].verify_tls && policy->services[0].trusted_path.size > 0);
    policy_drop(policy);
    free(text);
}

/* Every key of the schema stands in the page's example and in its tables. */
static void check_keys(const cyaml_schema_value_t *value, const char *example, const char *tables)
{
    if (value->type == CYAML_SEQUENCE) {
        check_keys(value->sequence.entry, example, tables);
    }
    for (const cyaml_schema_field_t *field = value->type == CYAML_MAPPING ? value->mapping.fields : NULL;
         field != NULL && field->key != NULL; field++) {
        char in_example[64], in_tables[64], as_heading[64];
        (void)snprintf(in_example, sizeof in_example, "%s:", field->key);
        (void)snprintf(in_tables, sizeof in_tables, "| `%s` |", field->key);
        (void)snprintf(as_heading, sizeof as_heading, "\n## %s\n", field->key);
        if (strstr(example, in_example) == NULL && strcmp(field->key, "name") != 0 && strcmp(field->key, "verify_tls") != 0) {
            fail_msg("the example has no '%s'", field->key);
        }
        if (strstr(tables, in_tables) == NULL && strstr(tables, as_heading) == NULL) {
            fail_msg("the page does not explain '%s'", field->key);
        }
        check_keys(&field->value, example, tables);
    }
}

static void the_page_has_every_key(void **state)
{
    (void)state;
    char *text = read_text(SOURCE_ROOT "/docs/reference/policy.md");
    char *tables = strstr(strstr(text, "```yaml\n") + 8, "```");
    assert_non_null(tables);
    *tables++ = '\0';
    check_keys(&policy_text_schema, text, tables);
    free(text);
}

/* ---- Mistakes ---- */

#define HEAD "categories:\n- {id: pd:Name, sensitive: false}\n- {id: pd:HealthRecord}\nservices:\n- id: A/B/C/D/s\n  url: http://h\n"
/* Lines 1 to 6; what follows begins in line 7. */
#define PERSON "  person: {in: path, template: \"/{person}\"}\n  purposes: [dpv:ServiceProvision]\n"
/* Lines 7 and 8. */
#define NAME "  releases: [{category: pd:Name}]\n  fields: [{path: $.name, category: pd:Name}]\n"
/* Lines 9 and 10. */
#define INSTRUMENT                                                                                                                         \
    "instruments:\n- id: sc-1\n  kind: standard_contract\n  recipients: [B, B/C/D]\n  categories: [pd:A]\n  from: 2026-01-01\n"
/* Lines 1 to 6. */
#define ABOUT                                                                                                                              \
    "categories: [{id: comity:C}]\nservices:\n- id: A/B/C/D/s\n  person: {in: query, name: p}\n  purposes: [dpv:X]\n"                      \
    "  releases: [{category: comity:C}]\n  fields: [{path: $.a, category: comity:C}]\n"
#define NOBODY "services:\n- id: A/B/C/D/s\n  person: {in: none}\n"

static const struct mistake {
    const char *yaml, *where, *what, *todo;
} mistakes[] = {
    { "servicess: []\n", "policy.yaml:1", "unknown key 'servicess'", "did you mean 'services'?" },
    { "services:\n- id: A/B/C/D/s\n  urll: x\n", "policy.yaml:3", "unknown key 'urll'", "did you mean 'url'?" },
    { "services:\n- id: A/B/C/D/s\n  type: reste\n", "policy.yaml:3", "'type' can't be 'reste'", "did you mean 'rest'?" },
    { "services:\n- url: http://h\n", "policy.yaml:2", "has no key 'id'", "" },
    { "categories:\n- {id: pd:Name, sensitive: flase}\n", "policy.yaml:2", "'sensitive' can't be 'flase'", "true or false" },
    { "categories:\n- {id: xx:Name}\n", "policy.yaml:2", "'xx:Name' is not an IRI", "write dpv:" },
    { "categories:\n- id: pd:Name\n- id: https://w3id.org/dpv/pd#Name\n", "policy.yaml:3", "declared twice", "" },
    { "clients:\n- subsystem: A/B/C\n  connection: http\n", "policy.yaml:2", "it has 3 parts", "" },
    { "clients:\n- subsystem: A/B/X/D\n  connection: http\n", "policy.yaml:2", "not a subsystem of this gateway's member", "rights" },
    { "clients:\n- subsystem: A/B/C/d%3Ad\n  connection: http\n", "policy.yaml:2", "'A/B/C/d%3Ad'", "" },
    { "clients:\n- subsystem: A/B/C/D\n", "policy.yaml:2", "has no key 'connection'", "" },
    { "clients:\n- subsystem: A/B/C/D\n  connection: https\n", "policy.yaml:2", "lets nobody in", "PEM" },
    { "clients:\n- subsystem: A/B/C/D\n  connection: http\n  certificates: [x.pem]\n", "policy.yaml:4", "are not looked at", "" },
    { "clients:\n- subsystem: A/B/C/D\n  connection: https\n  certificates: [no-such.pem]\n", "policy.yaml:4", "can't be opened", "PEM" },
    { "clients:\n- subsystem: A/B/C/D\n  connection: http\n  tokens: [secret]\n", "policy.yaml:4", "not the digest of a token",
      "never the token" },
    { "clients:\n- subsystem: A/B/C/D\n  connection: http\n- subsystem: A/B/C/%44\n  connection: http\n", "policy.yaml:4",
      "the client 'A/B/C/%44' is there twice", "line 2" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: masks}}]\n",
      "policy.yaml:10", "'kind' can't be 'masks'", "did you mean 'mask'" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: mask, decimals: 2}}]\n",
      "policy.yaml:10", "'mask' has other keys", "first" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: mask, first: 65}}]\n",
      "policy.yaml:10", "65 is not between 0 and 64", "" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: date_to_year, bands: [0]}}]\n",
      "policy.yaml:10", "'date_to_year' has other keys", "" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: coarsen_place}}]\n",
      "policy.yaml:10", "'coarsen_place' has other keys", "either" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: coarsen_place, decimals: 1, geohash: 2}}]\n",
      "policy.yaml:10", "'coarsen_place' has other keys", "either" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: coarsen_place, decimals: 7}}]\n",
      "policy.yaml:10", "7 is not between", "" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: coarsen_place, geohash: 0}}]\n",
      "policy.yaml:10", "0 is not between 1", "" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: age_band}}]\n",
      "policy.yaml:10", "'age_band' has other keys", "bands" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: age_band, bands: [18, 65]}}]\n",
      "policy.yaml:10", "must begin with 0", "" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: age_band, bands: [0, 18, 18]}}]\n",
      "policy.yaml:10", "must begin with 0 and rise", "" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: age_band, bands: [0, 151]}}]\n",
      "policy.yaml:10", "to 150", "" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: pseudonym, last: 2}}]\n",
      "policy.yaml:10", "'pseudonym' has other keys", "" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: pseudonym, as: pd:Name}}]\n",
      "policy.yaml:10", "own category", "take it out" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.h, category: pd:HealthRecord}, {path: $.n, category: pd:Name, transform: {kind: pseudonym, as: pd:Unknown}}]\n",
      "policy.yaml:10", "pd:Unknown", "" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}]\n  fields: [{path: $.n, category: pd:Name, transform: {kind: mask, as: pd:HealthRecord}}]\n",
      "policy.yaml:10", "not released by this service", "add it to" },
    { HEAD PERSON
      "  releases: [{category: pd:Name, transform: {kind: mask, as: pd:HealthRecord}}]\n  fields: [{path: $.n, category: pd:Name}]\n",
      "policy.yaml:9", "not released by this service", "add it to" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}]\n  fields: [{path: $.n, category: pd:Name}, {path: $.t, category: structure, transform: {kind: mask}}]\n",
      "policy.yaml:10", "about nobody", "name a category" },
    { "categories:\n- {id: pd:Name, sensitive: false}\n- {id: pd:HealthRecord, never: true}\nservices:\n- id: A/B/C/D/s\n  url: http://h\n" PERSON
      "  releases: [{category: pd:Name}, {category: pd:HealthRecord}]\n  fields: [{path: $.n, category: pd:Name}, {path: $.h, category: "
      "pd:HealthRecord, transform: {kind: mask, as: pd:Name}}]\n",
      "policy.yaml:10", "nothing may be made of a category that never leaves", "take the field out" },
    { HEAD PERSON NAME "  disclose_withheld: all\n", "policy.yaml:11", "'disclose_withheld' can't be 'all'", "nothing" },
    { "calls: [{service: X/Y/Z/D}]\n", "policy.yaml:1", "", "" },
    { "calls: [{service: X/Y/Z/D/s, evidence: both}]\n", "policy.yaml:1", "both", "batch" },
    { "calls:\n- service: X/Y/Z/D/s\n- service: X/Y/Z/%44/s\n", "policy.yaml:3", "the call 'X/Y/Z/%44/s' is there twice", "line 2" },
    { NOBODY "  evidence: single\n", "policy.yaml:4", "single", "individual" },
    { NOBODY "- id: A/B/C/D/s\n  person: {in: none}\n", "policy.yaml:4", "the service 'A/B/C/D/s' is there twice", "line 2" },
    { "services:\n- id: A/B/X/D/s\n  person: {in: none}\n", "policy.yaml:2", "not a service of this gateway's member", "" },
    { "services:\n- id: A/B/C/s\n  person: {in: none}\n", "policy.yaml:2", "it has 4 parts", "" },
    { "services:\n- id: A/B/C/D/getOpenAPI\n  person: {in: none}\n", "policy.yaml:2", "is a metadata service", "" },
    { NOBODY "  url: ftp://h\n", "policy.yaml:4", "'ftp://h' is not a URL", "http://" },
    { NOBODY "  url: http://\n", "policy.yaml:4", "is not a URL", "" },
    { NOBODY "  url: http://h:0\n", "policy.yaml:4", "is not a URL", "" },
    { NOBODY "  url: http://h:65536\n", "policy.yaml:4", "is not a URL", "" },
    { NOBODY "  url: http://u@h\n", "policy.yaml:4", "is not a URL", "" },
    { NOBODY "  url: http://h/a?b=c\n", "policy.yaml:4", "is not a URL", "" },
    { NOBODY "  url: http://h/a b\n", "policy.yaml:4", "is not a URL", "" },
    { NOBODY "  url: http://h/a#b\n", "policy.yaml:4", "is not a URL", "" },
    { NOBODY "  url: http://[::1\n", "policy.yaml:4", "is not a URL", "" },
    { NOBODY "  url: https://h\n", "policy.yaml:4", "it isn't said which certificates", "verify_tls: false" },
    { NOBODY "  url: http://h\n  verify_tls: true\n", "policy.yaml:5", "for services on https", "" },
    { NOBODY "  url: https://h\n  verify_tls: false\n  trusted: x.pem\n", "policy.yaml:6", "no meaning", "" },
    { NOBODY "  url: https://h\n  trusted: no-such.pem\n", "policy.yaml:5", "can't be opened", "" },
    { NOBODY "  timeout: soon\n", "policy.yaml:4", "'soon' is not a timeout", "500ms" },
    { NOBODY "  timeout: 2h\n", "policy.yaml:4", "'2h' is not a timeout", "1h" },
    { NOBODY "  timeout: 0\n", "policy.yaml:4", "'0' is not a timeout", "" },
    { NOBODY "  type: openapi\n", "policy.yaml:4", "needs the URL of its description", "" },
    { NOBODY "  openapi: http://h/o.yaml\n", "policy.yaml:4", "has no description", "" },
    { NOBODY "  disabled: \"\"\n", "policy.yaml:4", "'disabled' is empty", "" },
    { "services:\n- id: A/B/C/D/s\n", "policy.yaml:2", "doesn't say where the person's identifier stands", "{in: none}" },
    { "services:\n- id: A/B/C/D/s\n  person: {in: none, name: x}\n", "policy.yaml:3", "'name' has no meaning with 'in: none'", "" },
    { "services:\n- id: A/B/C/D/s\n  person: {in: query, template: /x}\n", "policy.yaml:3", "'template' has no meaning", "" },
    { "services:\n- id: A/B/C/D/s\n  person: {in: path}\n", "policy.yaml:3", "needs a 'template'", "{person}" },
    { "services:\n- id: A/B/C/D/s\n  person: {in: path, template: /x}\n", "policy.yaml:3", "needs a 'template'", "{person}" },
    { "services:\n- id: A/B/C/D/s\n  person: {in: path, template: \"/{person}/{person}\"}\n", "policy.yaml:3", "needs a 'template'",
      "once" },
    { "services:\n- id: A/B/C/D/s\n  person: {in: path, template: \"/**/{person}\"}\n", "policy.yaml:3", "needs a 'template'", "" },
    { "services:\n- id: A/B/C/D/s\n  person: {in: path, template: \"{person}\"}\n", "policy.yaml:3", "needs a 'template'", "" },
    { "services:\n- id: A/B/C/D/s\n  person: {in: path, template: \"/a{person}\"}\n", "policy.yaml:3", "needs a 'template'", "" },
    { "services:\n- id: A/B/C/D/s\n  person: {in: query}\n", "policy.yaml:3", "needs the 'name'", "" },
    { "services:\n- id: A/B/C/D/s\n  person: {in: header, name: a b}\n", "policy.yaml:3", "not the name of a header", "" },
    { "services:\n- id: A/B/C/D/s\n  person: {in: body, name: id}\n", "policy.yaml:3", "not a JSON pointer", "" },
    { "services:\n- id: A/B/C/D/s\n  person: {in: body, name: /a~2}\n", "policy.yaml:3", "not a JSON pointer", "" },
    { NOBODY "  releases: [{category: pd:Name}]\n", "policy.yaml:4", "about nobody has no 'releases'", "" },
    { NOBODY "  fields: [{path: $.a, category: structure}]\n", "policy.yaml:4", "about nobody has no", "" },
    { NOBODY "  purposes: [dpv:SellDataToThirdParties]\n", "policy.yaml:4", "can never be allowed", "" },
    { NOBODY "  purposes: [dpv:A, dpv:B, \"https://w3id.org/dpv#A\"]\n", "policy.yaml:4", "is there twice", "" },
    { NOBODY "  purposes: [dpv:A]\n  default_purpose: dpv:B\n", "policy.yaml:5", "not one of 'purposes'", "" },
    { NOBODY "  purposes: [nothing]\n", "policy.yaml:4", "'nothing' is not an IRI", "" },
    { HEAD "  person: {in: path, template: \"/{person}\"}\n" NAME, "policy.yaml:5", "needs 'purposes'", "" },
    { HEAD PERSON, "policy.yaml:5", "needs 'fields'", "" },
    { HEAD PERSON "  releases: [{category: pd:Nam}]\n  fields: [{path: $, category: structure}]\n", "policy.yaml:9",
      "unknown category 'pd:Nam'", "did you mean 'pd:Name'?" },
    { HEAD PERSON "  releases: [{category: fin:Something}]\n  fields: [{path: $, category: structure}]\n", "policy.yaml:9",
      "unknown category 'fin:Something'", "declare it" },
    { HEAD PERSON "  releases:\n  - {category: pd:Name}\n  - {category: pd:Name}\n  fields: [{path: $, category: structure}]\n",
      "policy.yaml:11", "released twice", "" },
    { HEAD PERSON "  releases:\n  - category: pd:HealthRecord\n    basis: vital\n  fields: [{path: $, category: structure}]\n",
      "policy.yaml:11", "can leave on consent only", "basis: consent" },
    { HEAD PERSON "  releases:\n  - category: pd:Name\n    basis: statutory_duty\n  fields: [{path: $, category: structure}]\n",
      "policy.yaml:11", "needs a 'law_ref'", "" },
    { HEAD PERSON "  releases:\n  - category: pd:Name\n    basis: news\n  fields: [{path: $, category: structure}]\n", "policy.yaml:11",
      "needs a 'law_ref'", "" },
    { HEAD PERSON "  releases: [{category: pd:Name}]\n  fields: [{path: $, category: structure}]\n", "policy.yaml:9",
      "no field says where 'pd:Name' stands", "" },
    { HEAD PERSON NAME "  - {path: $.x, category: pd:HealthRecord}\n", "policy.yaml:11", "", "" },
    { HEAD PERSON
      "  releases: [{category: pd:Name}]\n  fields:\n  - {path: $.n, category: pd:Name}\n  - {path: $.x, category: pd:HealthRecord}\n",
      "policy.yaml:12", "is not released by this service", "releases" },
    { HEAD PERSON "  releases: [{category: pd:Name}]\n  fields:\n  - {path: $.n, category: pd:Name}\n  - {path: $.n, category: pd:Name}\n",
      "policy.yaml:12", "is there twice", "" },
    { HEAD PERSON "  fields: [{path: \"$[-1]\", category: structure}]\n", "policy.yaml:9", "column 3", "count from the front" },
    { HEAD PERSON "  fields: [{path: name, category: structure}]\n", "policy.yaml:9", "a path begins with '$'", "" },
    { NOBODY "  rights: [{subject: A/B}]\n", "policy.yaml:4", "it has 2 parts", "" },
    { NOBODY "  rights: [{subject: A/B/C, method: FETCH}]\n", "policy.yaml:4", "'FETCH' is not a method", "GET" },
    { NOBODY "  rights: [{subject: A/B/C, path: api}]\n", "policy.yaml:4", "paths begin with '/'", "" },
    { NOBODY "  rights: [{subject: A/B/C, path: /t%65st}]\n", "policy.yaml:4", "on the decoded path", "%2F" },
    { NOBODY "  rights:\n  - {subject: A/B/C, path: /a}\n  - {subject: A/B/%43, path: /a, method: \"*\"}\n", "policy.yaml:6",
      "is there twice", "" },
    { NOBODY "  endpoints:\n  - {method: GET, path: /a}\n  - {method: get, path: /a}\n", "policy.yaml:6", "is there twice", "" },
    /* What the law asks for. */
    { "blacklist: [A/B]\n", "policy.yaml:1", "neither a member nor a community", "COMMUNITY/CLASS/MEMBER" },
    { INSTRUMENT "  until: 2026-01-02x\n", "policy.yaml:7", "'2026-01-02x' is not a date or time", "2026-11-24" },
    { INSTRUMENT "  until: 2025-12-31\n", "policy.yaml:7", "end before it begins", "" },
    { INSTRUMENT "- id: sc-1\n  kind: k\n  recipients: [B]\n  categories: [pd:A]\n  from: 2026-01-01\n", "policy.yaml:7",
      "'sc-1' is there twice", "" },
    { "instruments:\n- id: a b\n  kind: k\n  recipients: [B]\n  categories: [pd:A]\n  from: 2026-01-01\n", "policy.yaml:2",
      "'a b' is not an id", "" },
    { "instruments:\n- id: a\n  kind: k\n  recipients: [B/C]\n  categories: [pd:A]\n  from: 2026-01-01\n", "policy.yaml:4",
      "neither a member nor a community", "" },
    { "instruments:\n- id: a\n  kind: k\n  recipients: [B]\n  categories: [nix]\n  from: 2026-01-01\n", "policy.yaml:5",
      "'nix' is not an IRI", "" },
    { "instruments:\n- id: a\n  kind: k\n  recipients: []\n  categories: [pd:A]\n  from: 2026-01-01\n", "policy.yaml:4", "", "" },
    { "foreign_authority: {purposes: [nix]}\n", "policy.yaml:1", "'nix' is not an IRI", "" },
    { "foreign_authority:\n  approvals:\n  - ref: r\n    recipient: B\n    from: 2026-01-02\n    until: 2026-01-01\n", "policy.yaml:6",
      "end before it begins", "" },
    { "base_count: [{year: 26, persons: 1, sensitive: 0}]\n", "policy.yaml:1", "26 is not a year", "" },
    { "base_count: [{year: 2026, persons: 1, sensitive: 2}]\n", "policy.yaml:1", "more persons with sensitive data", "" },
    { "base_count:\n- {year: 2026, persons: 1, sensitive: 0}\n- {year: 2026, persons: 1, sensitive: 0}\n", "policy.yaml:3",
      "is there twice", "" },
    { "harvest: {persons: 10, per: 367d}\n", "policy.yaml:1", "'367d' is not a window of time", "1h" },
    { NOBODY "  conditions: {life: P3D}\n", "policy.yaml:4", "there are none", "releases" },
    { ABOUT "  conditions: {life: 3d}\n", "policy.yaml:8", "'3d' is not a time", "P30D" },
    { ABOUT "  conditions: {life: P0D}\n", "policy.yaml:8", "'P0D' is not a time", "P30D" },
    { ABOUT "  conditions: {onward: never}\n", "policy.yaml:8", "onward", "" },
    { "harvest: {persons: 10, per: 500ms}\n", "policy.yaml:1", "is not a window of time", "" },
    { "vital: {review: 91d}\n", "policy.yaml:1", "'91d' is not a time for the review", "" },
    { NOBODY "  dpia: {ref: r, date: 2026-01-01, valid_until: 2025-01-01}\n", "policy.yaml:4", "end before it begins", "" },
    { NOBODY "  relation: entrust\n", "policy.yaml:4", "needs a contract with an end", "contract: {ref, until}" },
    { NOBODY "  relation: friend\n", "policy.yaml:4", "'relation' can't be 'friend'", "" },
    { NOBODY "  contract: {ref: r}\n", "policy.yaml:4", "has no key 'until'", "" },
    { NOBODY "  notices: [a, a]\n", "policy.yaml:4", "'a' is there twice", "" },
    { NOBODY "  instruments: [sc-1]\n", "policy.yaml:4", "unknown instrument 'sc-1'", "" },
    { HEAD PERSON "  releases:\n  - category: pd:HealthRecord\n    also: [vital]\n  fields: [{path: $, category: structure}]\n",
      "policy.yaml:11", "'also: [vital]' needs a 'law_ref'", "" },
    { HEAD PERSON "  releases:\n  - category: pd:Name\n    law_ref: X 1\n    also: [news]\n  fields: [{path: $, category: structure}]\n",
      "policy.yaml:12", "can claim 'vital' only, not 'news'", "" },
};

static void each_mistake_has_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
        struct error e = { 0 };
        struct policy *policy = NULL;
        if (parse_for("A/B/C", bytes_of_text(mistakes[i].yaml), ".", &policy, &e)) {
            fail_msg("row %zu: accepted\n%s", i, mistakes[i].yaml);
        }
        assert_null(policy);
        if (e.kind != ERROR_INPUT || strcmp(e.where, mistakes[i].where) != 0 || strstr(e.what, mistakes[i].what) == NULL ||
            strstr(e.todo, mistakes[i].todo) == NULL) {
            fail_msg("row %zu: %s: %s; %s\n%s", i, e.where, e.what, e.todo, mistakes[i].yaml);
        }
    }
    /* A token in the wrong place is not repeated. */
    struct error e = { 0 };
    struct policy *policy = NULL;
    assert_false(parse_for("A/B/C", BYTES("clients:\n- subsystem: A/B/C/D\n  connection: http\n  tokens: [hunter2]\n"), ".", &policy, &e));
    assert_null(strstr(e.what, "hunter2"));
    assert_null(strstr(e.todo, "hunter2"));
}

static void what_is_allowed(void **state)
{
    static const char *const good[] = {
        "{}",
        "categories: []\nclients: []\nservices: []\n",
        NOBODY "  url: \"\"\n",
        NOBODY "  url: http://127.0.0.1:8080/fhir\n",
        NOBODY "  url: http://[::1]:8080\n",
        NOBODY "  url: https://h/a%20b\n  verify_tls: no\n",
        NOBODY "  type: openapi\n  openapi: http://h/o.yaml?v=1\n",
        NOBODY "  disabled: back at noon\n",
        NOBODY "  timeout: 90\n",
        NOBODY "  rights: [{subject: A/B/C/D, method: get, path: \"/a%2Fb/**\"}, {subject: X/Y/Z}]\n",
        NOBODY "  purposes: [dpv:A]\n  default_purpose: \"https://w3id.org/dpv#A\"\n",
        "services:\n- {id: A/B/C/D/old, type: soap}\n",
        HEAD PERSON NAME,
        HEAD PERSON "  releases: [{category: pd:Name, basis: contract}]\n  fields: [{path: $, category: pd:Name}]\n",
        HEAD PERSON "  releases: [{category: pd:Name, basis: other_law, law_ref: X 1}]\n  fields: [{path: $, category: pd:Name}]\n",
        HEAD "  person: {in: body, name: /a~1b/0}\n  purposes: [dpv:A]\n" NAME,
        HEAD "  person: {in: header, name: X-Person}\n  purposes: [dpv:A]\n" NAME,
        HEAD "  person: {in: path, template: \"/a/*/{person}/**\"}\n  purposes: [dpv:A]\n" NAME,
        HEAD PERSON "  fields: [{path: $, category: structure}]\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        policy_drop(parsed(good[i]));
    }
}

/* ---- Limits ---- */

static void limits_are_told(void **state)
{
    struct buffer text;
    struct error e = { 0 };
    struct policy *policy = NULL;
    (void)state;
    buffer_init(&text, 32 * 1024 * 1024);
    buffer_append_text(&text, HEAD PERSON "  rights:\n");
    for (int i = 0; i < POLICY_RIGHTS_MAX; i++) {
        buffer_append_format(&text, "  - {subject: A/B/m%d}\n", i);
    }
    buffer_append_text(&text, NAME);
    policy = NULL;
    assert_true(parse_for("A/B/C", buffer_bytes(&text), ".", &policy, &e));
    assert_int_equal(policy->services[0].right_count, POLICY_RIGHTS_MAX);
    policy_drop(policy);
    buffer_reset(&text);
    buffer_append_text(&text, "categories:\n");
    for (int i = 0; i <= POLICY_RELEASES_MAX; i++) {
        buffer_append_format(&text, "- {id: comity:C%d}\n", i);
    }
    buffer_append_text(&text, "services:\n- id: A/B/C/D/s\n" PERSON "  fields: [{path: $, category: structure}]\n  releases:\n");
    for (int i = 0; i <= POLICY_RELEASES_MAX; i++) {
        buffer_append_format(&text, "  - {category: comity:C%d}\n", i);
    }
    assert_false(parse_for("A/B/C", buffer_bytes(&text), ".", &policy, &e));
    assert_non_null(strstr(e.what, "at most 64"));
    buffer_reset(&text);
    buffer_append_text(&text, "#");
    while (text.size <= POLICY_BYTES_MAX) {
        buffer_append_text(&text, "                                                                ");
    }
    assert_false(parse_for("A/B/C", buffer_bytes(&text), ".", &policy, &e));
    assert_non_null(strstr(e.what, "larger than 10 MiB"));
    buffer_clear(&text);
}

static void ten_thousand_services_are_found(void **state)
{
    struct buffer text;
    struct error e = { 0 };
    struct policy *policy = NULL;
    uint8_t storage[64];
    (void)state;
    buffer_init(&text, 32 * 1024 * 1024);
    buffer_append_text(&text, "services:\n");
    for (int i = 0; i < POLICY_SERVICES_MAX; i++) {
        buffer_append_format(&text, "- {id: A/B/C/D/s%d, person: {in: none}}\n", i);
    }
    assert_true(parse_for("A/B/C", buffer_bytes(&text), ".", &policy, &e));
    for (int i = 0; i < POLICY_SERVICES_MAX; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "A/B/C/D/s%d", i);
        struct identifier want = identifier_of(id, storage);
        const struct policy_service *found = policy_find_service(policy, &want);
        assert_ptr_equal(found, &policy->services[i]);
    }
    struct identifier absent = identifier_of("A/B/C/D/s10000", storage);
    assert_null(policy_find_service(policy, &absent));
    policy_drop(policy);
    buffer_clear(&text);
}

/* ---- Rights: X-Road's SC isQueryAllowed (reference cases 19 and 20) ---- */

static void calls_are_found(void **state)
{
    uint8_t storage[256];
    struct identifier id = identifier_of("X/Y/Z/D/s", storage);
    struct policy *policy = parsed("calls:\n- {service: X/Y/Z/D/s, evidence: individual}\n- {service: X/Y/Z/D/t}\n");
    (void)state;
    const struct policy_call *call = policy_find_call(policy, &id);
    assert_non_null(call);
    assert_int_equal(call->evidence, EVIDENCE_INDIVIDUAL);
    id = identifier_of("X/Y/Z/D/t", storage);
    assert_int_equal(policy_find_call(policy, &id)->evidence, EVIDENCE_BATCH);
    id = identifier_of("X/Y/Z/D/u", storage);
    assert_null(policy_find_call(policy, &id));
    policy_drop(policy);
}

static void rights_as_xroad(void **state)
{
    const struct {
        const char *method, *path;
        bool is_allowed;
    } row[] = {
        { "GET", "/api/foo", true },
        { "POST", "/api/test/foo", true },
        { "POST", "/api/t%65st/foo", true },
        { "POST", "/api/test/foo/../bar", true },
        { "POST", "/api/test/foo/bar", false },
        { "POST", "/api/test/../bar", false },
        { "DELETE", "/api/test", false },
        { "GET", "/%2e%2e/secret", false },
        { "GET", "/api/%2e%2e/secret", false },
        { "get", "/api/foo", true },
        { "GET", "/secret", false },
        { "GET", "", false },
    };
    uint8_t storage[4][64];
    (void)state;
    struct policy *policy = parsed(NOBODY
                                   "  rights:\n  - {subject: X/Y/Z/app, method: GET, path: \"/api/**\"}\n"
                                   "  - {subject: X/Y/Z/app, method: POST, path: \"/api/test/*\"}\n  - {subject: X/Y/W, path: /w}\n");
    const struct policy_service *service = &policy->services[0];
    struct identifier app = identifier_of("X/Y/Z/app", storage[0]), other = identifier_of("X/Y/Z/app2", storage[1]),
                      member = identifier_of("X/Y/W", storage[2]), inside = identifier_of("X/Y/W/any", storage[3]);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct buffer path;
        struct error e = { 0 };
        buffer_init(&path, 4096);
        bool is_allowed = glob_normalise(bytes_of_text(row[i].path), &path, &e) &&
                          policy_allows(service, &app, bytes_of_text(row[i].method), buffer_bytes(&path));
        if (is_allowed != row[i].is_allowed) {
            fail_msg("row %zu: %s %s: %d", i, row[i].method, row[i].path, is_allowed);
        }
        assert_false(policy_allows(service, &other, bytes_of_text(row[i].method), buffer_bytes(&path)));
        buffer_clear(&path);
    }
    assert_true(policy_allows(service, &inside, BYTES("PATCH"), BYTES("/w")));
    assert_true(policy_allows(service, &member, BYTES("PATCH"), BYTES("/w")));
    assert_false(policy_allows(service, &app, BYTES("PATCH"), BYTES("/w")));
    policy_drop(policy);
}

/* ---- Differences ---- */

static void conditions_are_read(void **state)
{
    (void)state;
    struct policy *none = parsed(ABOUT), *allowed = parsed(ABOUT "  conditions: {onward: yes}\n");
    struct policy *bound = parsed(ABOUT "  conditions: {life: P1M, onward: no}\n");
    const struct policy_conditions *c = &bound->services[0].conditions;
    assert_true(c->has_life && c->life.months == 1 && c->is_never_onward);
    assert_false(none->services[0].conditions.has_life || none->services[0].conditions.is_never_onward);
    struct buffer out;
    struct error e = { 0 };
    buffer_init(&out, 65536);
    assert_true(policy_difference(none, allowed, &out, &e));
    assert_int_equal(out.size, 0);
    assert_true(policy_difference(none, bound, &out, &e));
    assert_true(bytes_equal(buffer_bytes(&out), BYTES("~ service A/B/C/D/s: conditions\n")));
    buffer_clear(&out);
    policy_drop(none);
    policy_drop(allowed);
    policy_drop(bound);
}

static void law_is_read(void **state)
{
    (void)state;
    struct policy *policy = parsed(
        INSTRUMENT
        "  until: 2026-12-31\n  suspended: true\n  max_persons: 5\n- id: sc-2\n  kind: treaty\n  recipients: [Q]\n"
        "  categories: [pd:A]\n  from: 2026-01-01T00:00:00+01:00\nblacklist: [B/C/%44, X]\nharvest: {persons: 7, per: 1h, burst: 3}\n"
        "base_count: [{year: 2026, persons: 4, sensitive: 2}]\nvital: {confirmed: true}\n"
        "foreign_authority: {purposes: [dpv:X], approvals: [{ref: r, recipient: B, from: 2026-01-01, until: 2026-01-01}]}\n" NOBODY
        "  duty: Act 5\n  automated_decision: true\n  data_range: true\n  notices: [n-1]\n  instruments: [sc-2]\n"
        "  dpia: {ref: P, date: 2026-01-01, valid_until: 2027-01-01T00:00:00Z}\n  relation: entrust\n"
        "  contract: {ref: K, until: 2026-06-30}\n- {id: A/B/C/D/t, person: {in: none}, harvest: {persons: 1, per: 1d}}\n");
    const struct policy_service *s = &policy->services[0], *t = &policy->services[1];
    assert_int_equal(policy->instrument_count, 2);
    assert_int_equal(policy->instruments[0].from_ms, INT64_C(1767225600000));
    assert_int_equal(policy->instruments[0].until_ms, INT64_C(1798761600000)); /* the whole last day */
    assert_true(policy->instruments[0].is_suspended);
    assert_int_equal(policy->instruments[0].max_persons, 5);
    assert_true(policy->instruments[0].max_sensitive == UINT64_MAX);
    assert_int_equal(policy->instruments[1].until_ms, INT64_MAX);
    assert_int_equal(policy->instruments[1].from_ms, INT64_C(1767222000000));
    assert_true(policy_is_listed(policy->blacklist, policy->blacklist_count, BYTES("B/C/D")));
    assert_true(policy_is_listed(policy->blacklist, policy->blacklist_count, BYTES("X/Y/Z")));
    assert_false(policy_is_listed(policy->blacklist, policy->blacklist_count, BYTES("B/C/E")));
    assert_false(policy_is_listed(policy->blacklist, policy->blacklist_count, BYTES("XY/Y/Z")));
    assert_int_equal(policy->years[0].sensitive, 2);
    assert_true(policy->is_vital_confirmed);
    assert_int_equal(policy->vital_review_ms, POLICY_VITAL_REVIEW_MS);
    assert_int_equal(policy->approvals[0].document.until_ms - policy->approvals[0].document.from_ms, 86400000);
    assert_true(bytes_equal(s->duty, BYTES("Act 5")) && s->is_automated && s->keeps_range && s->relation == RELATION_ENTRUST);
    assert_int_equal(s->notice_count, 1);
    assert_int_equal(s->instrument_count, 1);
    assert_true(bytes_equal(s->instruments[0].id, BYTES("sc-2")));
    assert_int_equal(s->dpia.until_ms, INT64_C(1798761600000));
    assert_true(s->contract.from_ms == INT64_MIN);
    assert_int_equal(s->harvest.persons, 7);
    assert_int_equal(t->harvest.persons, 1);
    assert_int_equal(t->harvest.burst, 0);
    assert_int_equal(t->instrument_count, 2);
    struct policy *plain = parsed(NOBODY "- {id: A/B/C/D/t, person: {in: none}}\n");
    struct buffer out;
    struct error e = { 0 };
    buffer_init(&out, 65536);
    assert_true(policy_difference(plain, policy, &out, &e));
    static const char want[] =
        "+ instrument: sc-1, standard_contract for B, B/C/D, with pd:A from 2026-01-01T00:00:00.000Z until 2027-01-01T00:00:00.000Z, "
        "at most 5 persons, suspended\n"
        "+ instrument: sc-2, treaty for Q, with pd:A from 2025-12-31T23:00:00.000Z\n"
        "+ blacklist: B/C/D\n"
        "+ blacklist: X\n"
        "+ foreign_authority: purpose dpv:X\n"
        "+ foreign_authority: approval r for B from 2026-01-01T00:00:00.000Z until 2026-01-02T00:00:00.000Z\n"
        "+ base_count: 2026: 4 persons, 2 sensitive\n"
        "+ harvest: 7 persons in 3600000 ms, burst 3\n"
        "- vital: review within 259200000 ms\n"
        "+ vital: confirmed, review within 259200000 ms\n"
        "~ service A/B/C/D/s: dpia, relation, contract, duty, automated_decision, data_range, harvest\n"
        "+ notice A/B/C/D/s: n-1\n"
        "+ instrument A/B/C/D/s: sc-2\n"
        "~ service A/B/C/D/t: harvest\n";
    if (!bytes_equal(buffer_bytes(&out), bytes_of(want, sizeof want - 1))) {
        fail_msg("%.*s", BYTES_FMT(buffer_bytes(&out)));
    }
    buffer_clear(&out);
    policy_drop(plain);
    policy_drop(policy);
}

static void differences_are_lines(void **state)
{
    struct buffer out;
    struct error e = { 0 };
    (void)state;
    buffer_init(&out, 65536);
    struct policy *from = parsed(
        "categories: [{id: pd:Name, sensitive: false}, {id: pd:Age}, {id: pd:Health}]\n"
        "clients: [{subsystem: A/B/C/one, connection: http}, {subsystem: A/B/C/two, connection: http}]\n"
        "services:\n- {id: A/B/C/D/gone, person: {in: none}}\n- id: A/B/C/D/s\n  url: http://old\n"
        "  person: {in: query, name: id}\n  purposes: [dpv:A, dpv:B]\n  releases: [{category: pd:Name}]\n"
        "  fields: [{path: $.a, category: pd:Name}]\n  rights: [{subject: X/Y/Z}, {subject: X/Y/W, method: GET}]\n");
    struct policy *to = parsed(
        "categories: [{id: pd:Name}, {id: pd:Age}, {id: comity:New, sensitive: false}]\n"
        "clients: [{subsystem: A/B/C/two, connection: https_no_auth}, {subsystem: A/B/C/three, connection: http}]\n"
        "services:\n- id: A/B/C/D/s\n  url: http://new\n  timeout: 5s\n"
        "  person: {in: query, name: id}\n  evidence: individual\n  purposes: [dpv:A, dpv:C]\n  default_purpose: dpv:A\n"
        "  releases: [{category: comity:New, basis: news, law_ref: Press Act 5}]\n"
        "  fields: [{path: $.a, category: comity:New}, {path: $.b, category: structure}]\n"
        "  rights: [{subject: X/Y/W, method: GET}, {subject: X/Y/V, path: /v}]\n"
        "- {id: A/B/C/D/new, url: \"http://h/n\", person: {in: none}, endpoints: [{method: GET, path: /e}]}\n"
        "calls: [{service: X/Y/Z/D/b, evidence: individual}, {service: X/Y/Z/D/c}]\n");
    assert_true(policy_difference(from, to, &out, &e));
    static const char want[] = "- category pd:Health: sensitive\n"
                               "~ category pd:Name: sensitive\n"
                               "+ category comity:New: ordinary\n"
                               "- client A/B/C/one\n"
                               "~ client A/B/C/two: connection\n"
                               "+ client A/B/C/three: http\n"
                               "- service A/B/C/D/gone\n"
                               "~ service A/B/C/D/s: evidence, url, timeout, default_purpose\n"
                               "- purpose A/B/C/D/s: dpv:B\n"
                               "+ purpose A/B/C/D/s: dpv:C\n"
                               "- release A/B/C/D/s: pd:Name on consent\n"
                               "+ release A/B/C/D/s: comity:New on news (Press Act 5)\n"
                               "- field A/B/C/D/s: $.a is pd:Name\n"
                               "+ field A/B/C/D/s: $.a is comity:New\n"
                               "+ field A/B/C/D/s: $.b is structure\n"
                               "- right A/B/C/D/s: X/Y/Z * **\n"
                               "+ right A/B/C/D/s: X/Y/V * /v\n"
                               "+ service A/B/C/D/new: http://h/n\n"
                               "+ endpoint A/B/C/D/new: GET /e\n"
                               "+ call X/Y/Z/D/b: evidence individual\n"
                               "+ call X/Y/Z/D/c: evidence batch\n";
    if (!bytes_equal(buffer_bytes(&out), bytes_of(want, sizeof want - 1))) {
        fail_msg("%.*s", BYTES_FMT(buffer_bytes(&out)));
    }
    buffer_reset(&out);
    assert_true(policy_difference(to, to, &out, &e));
    assert_int_equal(out.size, 0);
    assert_true(policy_difference(NULL, to, &out, &e));
    assert_true(bytes_start_with(buffer_bytes(&out), BYTES("+ category pd:Name: sensitive\n")));
    assert_memory_not_equal(from->digest, to->digest, sizeof from->digest);
    policy_drop(from);
    policy_drop(to);
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hospital_example),      cmocka_unit_test(the_clinic_example),
        cmocka_unit_test(the_example_of_the_page),   cmocka_unit_test(the_page_has_every_key),
        cmocka_unit_test(each_mistake_has_its_line), cmocka_unit_test(what_is_allowed),
        cmocka_unit_test(limits_are_told),           cmocka_unit_test(ten_thousand_services_are_found),
        cmocka_unit_test(calls_are_found),           cmocka_unit_test(rights_as_xroad),
        cmocka_unit_test(differences_are_lines),     cmocka_unit_test(law_is_read),
        cmocka_unit_test(conditions_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
