#include "interchange/govstack.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../consent/notice_fixture.h"
#include "document_fixture.h"

/* GovStackWorkingGroup/bb-consent, examples/mock/djangoapp/fixtures.json: the two revisions of Policy 1, byte for byte. */
static void hashes_are_of_the_bytes_as_stored(void **state)
{
    (void)state;
    static const char text[] =
        "{\n  \"schema_name\": \"Policy\",\n  \"object_id\": 1,\n  \"timestamp\": \"%s\",\n  \"authorized_by_other\": \"Configuration "
        "admin user 'admin'\",\n  \"authorized_by_individual\": null,\n  \"object_data\": {\n    \"name\": \"Ministry of Health "
        "Privacy Policy\",\n    \"version\": \"%s\",\n    \"url\": \"https://example.com/policy/%s\",\n    \"jurisdiction\": \"EU\",\n  "
        "  \"industry_sector\": null,\n    \"data_retention_period_days\": 365,\n    \"geographic_restriction\": \"EU\",\n    "
        "\"storage_location\": \"EU\"\n  }\n}";
    const struct {
        const char *time, *version, *sha1;
    } rows[] = {
        { "2023-09-14 22:41:53.526846+00:00", "1.0", "cd1be3dbac39d1e1f50da209de4590f52b260c57" },
        { "2023-09-14 22:42:01.117625+00:00", "1.1", "f0e2b5e5382dd190aa0254848e43b6b870558b2a" },
    };
    struct govstack_revision chain[2] = { 0 };
    char snapshots[2][1024];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct govstack_change change = { .schema_name = BYTES("Policy"), .object_id = BYTES("1") };
        int size = snprintf(snapshots[i], sizeof snapshots[i], text, rows[i].time, rows[i].version, rows[i].version);
        govstack_revision_make(&change, i == 0 ? BYTES("1") : BYTES("2"), bytes_of(snapshots[i], (size_t)size), i == 0 ? NULL : &chain[0],
                               &chain[i]);
        assert_string_equal(chain[i].sha1, rows[i].sha1);
    }
    assert_string_equal(chain[1].predecessor_sha1, rows[0].sha1);
}

static void snapshot_has_its_form(void **state)
{
    (void)state;
    struct error e;
    struct buffer out;
    json_t *object = json_pack("{s:s, s:s, s:n, s:s, s:s, s:i}", "name", "N", "id", "p1", "jurisdiction", "successor", "x",
                               "predecessorHash", "y", "b", 1);
    const struct govstack_change change = { .schema_name = BYTES("Policy"),
                                            .object_id = BYTES("p1"),
                                            .timestamp_ms = 1795507200000,
                                            .other = BYTES("operator:7"),
                                            .object = object };
    buffer_init(&out, GOVSTACK_SNAPSHOT_BYTES_MAX);
    assert_true(govstack_snapshot_write(&change, &out, &e));
    assert_true(bytes_equal(
        buffer_bytes(&out),
        BYTES(
            "{\"authorizedByIndividual\":null,\"authorizedByOther\":\"operator:7\",\"objectData\":{\"b\":1,\"jurisdiction\":null,\"name\":"
            "\"N\"},\"objectId\":\"p1\",\"schemaName\":\"Policy\",\"signedWithoutObjectId\":false,\"timestamp\":\"2026-11-24T08:00:00Z\"}")));
    buffer_clear(&out);
    const struct govstack_change draft = { .schema_name = BYTES("ConsentRecord"), .object = object };
    assert_true(govstack_snapshot_write(&draft, &out, &e));
    json_t *made = json_loadb((const char *)out.data, out.size, 0, NULL);
    assert_true(json_is_null(json_object_get(made, "objectId")) && json_is_true(json_object_get(made, "signedWithoutObjectId")));
    json_decref(made);
    json_decref(object);
    buffer_clear(&out);
}

enum { UPDATES = 1000 };

/* 1000 random updates: both hashes of each snapshot are those of its bytes, and each link holds; any bit that is turned breaks the chain. */
static void chain_of_updates_holds(void **state)
{
    (void)state;
    struct govstack_revision *chain = calloc(UPDATES, sizeof *chain);
    struct buffer *snapshots = calloc(UPDATES, sizeof *snapshots);
    char(*ids)[16] = calloc(UPDATES, sizeof *ids);
    unsigned dice = 7;
    struct error e = { 0 };
    json_t *object = json_object();
    assert_true(chain != NULL && snapshots != NULL && ids != NULL);
    for (size_t i = 0; i < UPDATES; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%d", rand_r(&dice) % 20);
        assert_int_equal(rand_r(&dice) % 4 == 0 && i > 0 ? (json_object_del(object, key), 0)
                                                         : json_object_set_new(object, key, json_integer(rand_r(&dice))),
                         0);
        const struct govstack_change change = { .schema_name = BYTES("DataAgreement"),
                                                .object_id = BYTES("a"),
                                                .timestamp_ms = 1795507200000 + (int64_t)i * 1000,
                                                .object = object };
        (void)snprintf(ids[i], sizeof ids[i], "r%zu", i);
        buffer_init(&snapshots[i], GOVSTACK_SNAPSHOT_BYTES_MAX);
        assert_true(govstack_snapshot_write(&change, &snapshots[i], &e));
        govstack_revision_make(&change, bytes_of_text(ids[i]), buffer_bytes(&snapshots[i]), i > 0 ? &chain[i - 1] : NULL, &chain[i]);
        if (i > 0) {
            chain[i - 1].successor = chain[i].id;
        }
    }
    assert_true(govstack_chain_check(chain, UPDATES, &e));
    for (unsigned n = 0; n < 200; n++) {
        size_t at = (size_t)rand_r(&dice) % UPDATES;
        uint8_t *byte = &snapshots[at].data[(size_t)rand_r(&dice) % snapshots[at].size];
        uint8_t bit = (uint8_t)(1u << (rand_r(&dice) % 8));
        *byte ^= bit;
        assert_false(govstack_chain_check(chain, UPDATES, &e));
        *byte ^= bit;
    }
    assert_false(govstack_chain_check(chain + 1, UPDATES - 1, &e)); /* without its beginning */
    assert_false(govstack_chain_check(chain, UPDATES - 1, &e));     /* without its end */
    struct govstack_revision taken = chain[500];
    chain[500] = chain[501]; /* one left out, one twice */
    assert_false(govstack_chain_check(chain, UPDATES, &e));
    chain[500] = taken;
    assert_true(govstack_chain_check(chain, UPDATES, &e));
    assert_true(govstack_chain_check(NULL, 0, &e));
    for (size_t i = 0; i < UPDATES; i++) {
        buffer_clear(&snapshots[i]);
    }
    json_decref(object);
    free(snapshots);
    free(chain);
    free(ids);
}

static void has_all(const json_t *value, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (json_object_get(value, keys[i]) == NULL) {
            fail_msg("%s is missing", keys[i]);
        }
    }
}

/* The members that the schemas of consent-openapi.yaml mark as required. */
static void objects_have_what_the_schemas_require(void **state)
{
    (void)state;
    static const char *const agreement_keys[] = { "id", "version", "controller", "purpose", "lawfulBasis", "dpia" };
    static const char *const attribute_keys[] = { "id", "name", "sensitivity", "category" };
    static const char *const record_keys[] = { "id", "dataAgreementRevisionHash", "state", "individual", "optIn" };
    static const char *const revision_keys[] = { "id", "schemaName", "objectId", "serializedSnapshot", "serializedHash", "timestamp" };
    static const char *const policy_keys[] = { "id", "name", "version", "url" };
    const struct govstack_policy policy = {
        .id = BYTES("p"), .name = BYTES("P"), .version = BYTES("1"), .url = BYTES("https://p.example/1"), .retention_days = 30
    };
    struct notice *notice = notice_fixture(NULL);
    struct error e = { 0 };
    json_t *made = govstack_policy_json(&policy);
    has_all(made, policy_keys, COUNT_OF(policy_keys));
    assert_int_equal(json_integer_value(json_object_get(made, "dataRetentionPeriodDays")), 30);
    assert_null(json_object_get(made, "jurisdiction"));
    json_decref(made);
    json_t *agreement = govstack_agreement_of_notice(notice, &policy, BYTES("en"));
    has_all(agreement, agreement_keys, COUNT_OF(agreement_keys));
    assert_string_equal(json_string_value(json_object_get(agreement, "purpose")), "to find out what you suffer from");
    assert_true(json_is_true(json_object_get(agreement, "active")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(agreement, "lifecycle"), "name")), "Complete");
    json_t *attributes = json_object_get(agreement, "dataAttributes");
    assert_int_equal(json_array_size(attributes), 2);
    has_all(json_array_get(attributes, 0), attribute_keys, COUNT_OF(attribute_keys));
    assert_string_equal(json_string_value(json_object_get(json_array_get(attributes, 0), "sensitivity")), "sensitive");
    assert_string_equal(json_string_value(json_object_get(json_array_get(attributes, 0), "category")), "https://w3id.org/dpv/pd#BloodType");
    json_t *whole = notice_fixture_json(NULL);
    assert_true(json_equal(json_object_get(json_object_get(agreement, "comity"), "notice"), whole));
    json_decref(whole);
    struct govstack_revision revision;
    struct buffer snapshot;
    const struct govstack_change change = {
        .schema_name = BYTES("DataAgreement"), .object_id = notice->id, .object = agreement, .individual = BYTES("i")
    };
    buffer_init(&snapshot, GOVSTACK_SNAPSHOT_BYTES_MAX);
    assert_true(govstack_snapshot_write(&change, &snapshot, &e));
    govstack_revision_make(&change, BYTES("r1"), buffer_bytes(&snapshot), NULL, &revision);
    made = govstack_revision_json(&revision);
    has_all(made, revision_keys, COUNT_OF(revision_keys));
    json_decref(made);
    for (size_t i = 0; i < COUNT_OF(document_fixture_states); i++) {
        enum consent_state at = document_fixture_states[i];
        struct document_fixture f;
        document_fixture_init(&f, notice, at);
        assert_true(govstack_record_of_document(&f.document, agreement, &revision, &made, &e));
        has_all(made, record_keys, COUNT_OF(record_keys));
        assert_string_equal(json_string_value(json_object_get(made, "dataAgreementRevisionHash")), revision.sha1);
        assert_int_equal(json_is_true(json_object_get(made, "optIn")), at == CONSENT_GIVEN);
        assert_string_equal(json_string_value(json_object_get(made, "state")),
                            at == CONSENT_REQUESTED || at == CONSENT_DEFERRED ? "unsigned" : "signed");
        json_decref(made);
    }
    buffer_clear(&snapshot);
    json_decref(agreement);
    notice_drop(notice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_of_the_bytes_as_stored),
        cmocka_unit_test(snapshot_has_its_form),
        cmocka_unit_test(chain_of_updates_holds),
        cmocka_unit_test(objects_have_what_the_schemas_require),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
