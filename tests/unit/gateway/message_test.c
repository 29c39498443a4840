#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/message_internal.h"

static struct arena arena;

static struct message request(void)
{
    struct message m = { .method = BYTES("GET"), .authority = BYTES("h.example:5500"), .target = BYTES("/r1/A/B/C/D/E/x?y=1") };
    const struct field list[] = {
        { BYTES("accept"), BYTES("*/*") },
        { BYTES("x-road-client"), BYTES("A/B/C/first") },
        { BYTES("x-road-client"), BYTES("A/B/C/last") },
        { BYTES("x-road-request-id"), BYTES("id-1") },
        { BYTES("comity-head-digest"), BYTES("sha-512=:AA==:") },
        { BYTES("content-digest"), BYTES("sha-256=:AA==:") },
        { BYTES("x-road-id"), BYTES("m-1") },
    };
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        assert_true(fields_add(&m.fields, &arena, list[i].name, list[i].value));
    }
    return m;
}

static const struct message_seal seal = { .exchange_id = BYTES("id-1"), .origin = BYTES("A/B/C/gw"), .created_s = 1700000000 };

static void states_what_the_format_says(void **state)
{
    struct message m = request();
    struct statement statement;
    struct error e;
    (void)state;
    assert_true(message_state(&m, &seal, &arena, &statement, &e));
    assert_true(bytes_equal(statement.text,
                            BYTES("\"@method\": GET\n\"@authority\": h.example:5500\n\"@path\": /r1/A/B/C/D/E/x\n\"@query\": ?y=1\n"
                                  "\"content-digest\": sha-256=:AA==:\n\"comity-head-digest\": sha-512=:AA==:\n"
                                  "\"x-road-client\": A/B/C/first, A/B/C/last\n\"x-road-id\": m-1\n\"x-road-request-id\": id-1\n"
                                  "\"@signature-params\": (\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\" "
                                  "\"comity-head-digest\" \"x-road-client\" \"x-road-id\" \"x-road-request-id\");created=1700000000;"
                                  "nonce=\"id-1\";keyid=\"A/B/C/gw\";alg=\"tlog-ed25519\";tag=\"comity-request/1\"")));
}

/* A sealed message reads back to the same statement; one that was changed, or covers less, doesn't. */
static void reads_back(void **state)
{
    struct message m = request();
    struct statement statement;
    struct bytes again, receipt;
    struct message_seal read;
    struct error e;
    const struct log_record record = { .index = 7 };
    (void)state;
    assert_true(message_state(&m, &seal, &arena, &statement, &e));
    assert_true(message_add_receipt(&m, statement.parameters, &record, BYTES("o\n1\nAA==\n\n"), &arena, &e));
    assert_true(bytes_start_with(m.evidence, BYTES("comity=(\"@method\" ")));
    assert_true(message_read_seal(&m, &arena, &read, &again, &receipt, &e));
    assert_true(bytes_equal(statement.text, again));
    assert_true(bytes_start_with(receipt, BYTES("c2sp.org/tlog-proof@v1\nextra ")) && bytes_end_with(receipt, BYTES("\no\n1\nAA==\n\n")));
    assert_true(bytes_equal(read.exchange_id, seal.exchange_id) && bytes_equal(read.origin, seal.origin));
    assert_int_equal(read.created_s, seal.created_s);
    m.fields.list[3].value = BYTES("id-2");
    assert_true(message_read_seal(&m, &arena, &read, &again, &receipt, &e));
    assert_false(bytes_equal(statement.text, again));
    m.fields.list[3].value = BYTES("id-1");
    /* A field that must be covered when it is there, added on the way. */
    assert_true(fields_add(&m.fields, &arena, BYTES("comity-purpose"), BYTES("https://example/p")));
    assert_false(message_read_seal(&m, &arena, &read, &again, &receipt, &e));
    m.fields.count--;
    /* One that was covered, taken out. */
    m.fields.list[6].name = BYTES("x-other");
    assert_false(message_read_seal(&m, &arena, &read, &again, &receipt, &e));
    m.fields.list[6].name = BYTES("x-road-id");
    assert_true(message_read_seal(&m, &arena, &read, &again, &receipt, &e));
    m.evidence = BYTES_NONE;
    assert_false(message_read_seal(&m, &arena, &read, &again, &receipt, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
}

/* Not one byte of Signature-Input may differ from what we would write, but those of created, nonce and keyid, which go into the statement. */
static void every_byte_counts(void **state)
{
    struct message m = request();
    struct statement statement;
    struct bytes again, receipt;
    struct message_seal read;
    struct error e;
    const struct log_record record = { .index = 7 };
    (void)state;
    assert_true(message_state(&m, &seal, &arena, &statement, &e));
    assert_true(message_add_receipt(&m, statement.parameters, &record, BYTES("o\n1\nAA==\n\n"), &arena, &e));
    size_t line = bytes_find(m.evidence, '\n');
    uint8_t *bent = arena_take(&arena, m.evidence.size);
    assert_non_null(bent);
    memcpy(bent, m.evidence.data, m.evidence.size);
    m.evidence.data = bent;
    for (size_t i = 0; i <= line; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bent[i] ^= (uint8_t)(1U << bit);
            if (message_read_seal(&m, &arena, &read, &again, &receipt, &e)) {
                assert_false(bytes_equal(statement.text, again));
            } else {
                assert_int_equal(e.kind, ERROR_INPUT);
            }
            bent[i] ^= (uint8_t)(1U << bit);
        }
    }
    for (size_t size = 1; size <= line; size++) {
        m.evidence = bytes_slice(m.evidence, 0, line + 1 - size);
        assert_false(message_read_seal(&m, &arena, &read, &again, &receipt, &e));
    }
}

static void answers_bind_their_request(void **state)
{
    struct message m = request();
    struct message answer = { .status = 200, .request = &m };
    struct statement_component components[STATEMENT_COMPONENTS_MAX];
    size_t count;
    (void)state;
    assert_true(fields_add(&answer.fields, &arena, BYTES("content-digest"), BYTES("sha-256=:BB==:")));
    assert_true(message_components(&answer, &arena, components, &count));
    assert_int_equal(count, 8);
    assert_true(bytes_equal(components[0].value, BYTES("200")));
    assert_true(components[7].of_request && bytes_equal(components[7].value, BYTES("sha-512=:AA==:")));
}

/* A message's own signature: made, found, held against this very message, and nothing of it may be another. */
static void signed_by_itself(void **state)
{
    static const uint8_t seed[ED25519_SEED_SIZE] = { 7 }, other_seed[ED25519_SEED_SIZE] = { 8 };
    struct message m = request(), other = request();
    struct statement statement, other_statement;
    struct signer *signer = NULL, *stranger = NULL;
    struct bytes made, read;
    struct error e;
    (void)state;
    assert_true(signer_from_seed(&signer, BYTES("A/B/C/gw"), seed, &e) && signer_from_seed(&stranger, BYTES("A/B/C/gw"), other_seed, &e));
    const struct verifier *key = signer_verifier(signer);
    size_t own = m.fields.count;
    assert_true(message_state(&m, &seal, &arena, &statement, &e));
    assert_false(message_is_signed(&m.fields, own));
    assert_false(message_check_signature(&m, own, statement.text, key, &arena, &read, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_true(message_sign(&m, statement.text, signer, &arena, &made, &e));
    assert_true(message_is_signed(&m.fields, own));
    assert_true(message_check_signature(&m, own, statement.text, key, &arena, &read, &e));
    assert_true(bytes_equal(made, read));
    /* What stands among the application's fields is not the gateway's. */
    assert_false(message_is_signed(&m.fields, m.fields.count));
    assert_false(message_check_signature(&m, own, statement.text, signer_verifier(stranger), &arena, &read, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    other.authority = BYTES("other.example:5500");
    assert_true(message_state(&other, &seal, &arena, &other_statement, &e));
    assert_false(message_check_signature(&m, own, other_statement.text, key, &arena, &read, &e));
    for (size_t i = own; i < m.fields.count; i++) {
        const struct bytes value = m.fields.list[i].value;
        for (size_t j = 0; j < value.size; j++) {
            uint8_t *bent = (uint8_t *)arena_copy(&arena, value).data;
            bent[j] ^= 1;
            m.fields.list[i].value = bytes_of(bent, value.size);
            assert_false(message_check_signature(&m, own, statement.text, key, &arena, &read, &e));
            m.fields.list[i].value = bytes_slice(value, 0, j);
            assert_false(message_check_signature(&m, own, statement.text, key, &arena, &read, &e));
        }
        m.fields.list[i].value = value;
    }
    assert_true(message_check_signature(&m, own, statement.text, key, &arena, &read, &e));
    signer_free(signer);
    signer_free(stranger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_what_the_format_says), cmocka_unit_test(reads_back),       cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(answers_bind_their_request),  cmocka_unit_test(signed_by_itself),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_clear(&arena);
    return failed;
}
