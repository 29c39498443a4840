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
    struct bytes statement, input;
    struct error e;
    (void)state;
    assert_true(message_state(&m, &seal, &arena, &statement, &input, &e));
    assert_true(
        bytes_equal(statement, BYTES("\"@method\": GET\n\"@authority\": h.example:5500\n\"@path\": /r1/A/B/C/D/E/x\n\"@query\": ?y=1\n"
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
    struct bytes statement, input, again, receipt;
    struct message_seal read;
    struct error e;
    const struct log_record record = { .index = 7 };
    (void)state;
    assert_true(message_state(&m, &seal, &arena, &statement, &input, &e));
    assert_true(message_add_receipt(&m, input, &record, BYTES("o\n1\nAA==\n\n"), &arena, &e));
    assert_true(message_read_seal(&m, &arena, &read, &again, &receipt, &e));
    assert_true(bytes_equal(statement, again));
    assert_true(bytes_equal(read.exchange_id, seal.exchange_id) && bytes_equal(read.origin, seal.origin));
    assert_int_equal(read.created_s, seal.created_s);
    m.fields.list[3].value = BYTES("id-2");
    assert_true(message_read_seal(&m, &arena, &read, &again, &receipt, &e));
    assert_false(bytes_equal(statement, again));
    m.fields.list[3].value = BYTES("id-1");
    /* A field that must be covered when it is there, added on the way. */
    assert_true(fields_add(&m.fields, &arena, BYTES("comity-purpose"), BYTES("https://example/p")));
    assert_false(message_read_seal(&m, &arena, &read, &again, &receipt, &e));
    m.fields.count--;
    /* One that was covered, taken out. */
    m.fields.list[6].name = BYTES("x-other");
    assert_false(message_read_seal(&m, &arena, &read, &again, &receipt, &e));
    m.fields.count = 3;
    assert_false(message_read_seal(&m, &arena, &read, &again, &receipt, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_what_the_format_says),
        cmocka_unit_test(reads_back),
        cmocka_unit_test(answers_bind_their_request),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_clear(&arena);
    return failed;
}
