#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>

#include "evidence/quorum.h"

#define W1 "witness.example/w1+04d2d833+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM"
#define LOG "log.example/comity-kat+81130afd+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"

/* The vkey of a key that is made of `number`. */
static const char *vkey(unsigned number, bool is_cosigner)
{
    static char texts[128][160];
    static size_t next;
    char *out = texts[next++ % COUNT_OF(texts)];
    uint8_t seed[ED25519_SEED_SIZE] = { (uint8_t)number, (uint8_t)(number >> 8), is_cosigner };
    char name[32];
    struct signer *signer = NULL;
    struct buffer text;
    struct error e = { 0 };
    (void)snprintf(name, sizeof name, "w.example/%u", number);
    assert_true(signer_from_seed(&signer, bytes_of_text(name), seed, &e));
    assert_true(!is_cosigner || signer_become_cosigner(signer, &e));
    buffer_init(&text, 160);
    verifier_write(signer_verifier(signer), &text);
    (void)snprintf(out, sizeof texts[0], "%.*s", BYTES_FMT(buffer_bytes(&text)));
    buffer_clear(&text);
    signer_free(signer);
    return out;
}

/* $1 to $9 are cosigners, $a to $f logs. */
static void expand(struct buffer *out, const char *text)
{
    buffer_init(out, QUORUM_BYTES_MAX);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '$') {
            p++;
            buffer_append_text(out, *p <= '9' ? vkey((unsigned)(*p - '0'), true) : vkey((unsigned)*p, false));
        } else {
            buffer_append_u8(out, (uint8_t)*p);
        }
    }
    assert_false(out->failed);
}

static struct quorum *policy_of(const char *text)
{
    struct buffer full;
    struct quorum *quorum = NULL;
    struct error e = { 0 };
    expand(&full, text);
    if (!quorum_parse(&quorum, buffer_bytes(&full), "policy", &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    buffer_clear(&full);
    return quorum;
}

static void bad_files_name_the_line(void **state)
{
    static const struct {
        const char *text, *where, *what;
    } row[] = {
        { "", "policy:0", "no quorum line" },
        { "# nothing\n", "policy:1", "no quorum line" },
        { "quorum none", "policy:1", "cut off" },
        { "\nquorum none\nquorum none\n", "policy:3", "a quorum above" },
        { "quorum\n", "policy:1", "one name" },
        { "quorum a b\n", "policy:1", "one name" },
        { "quorum a\n", "policy:1", "\"a\" is no witness or group" },
        { "quorum a\nwitness a $1\n", "policy:1", "\"a\" is no witness" },
        { "witnes a $1\n", "policy:1", "\"witnes\" is not known" },
        { "Quorum none\n", "policy:1", "\"Quorum\" is not known" },
        { "witness\n", "policy:1", "name is missing" },
        { "witness a\n", "policy:1", "has no key" },
        { "witness none $1\n", "policy:1", "predefined" },
        { "witness a nonsense\n", "policy:1", "three parts" },
        { "witness a $a\n", "policy:1", "a log's key (type 0x01)" },
        { "witness a $1 https://x y\n", "policy:1", "\"y\" stands after the URL" },
        { "witness a $1\nwitness a $2\n", "policy:2", "defined above" },
        { "witness a $1\nwitness b $1\n", "policy:2", "that of the witness a above" },
        { "log\n", "policy:1", "no key" },
        { "log $1\n", "policy:1", "a cosigner's key where a log's must stand" },
        { "log $a\nlog $a\n", "policy:2", "that of the log" },
        { "log $a u v\n", "policy:1", "after the URL" },
        { "group\n", "policy:1", "name is missing" },
        { "group g\n", "policy:1", "no threshold" },
        { "group g any\n", "policy:1", "no member" },
        { "group g any g\n", "policy:1", "\"g\" is no witness" },
        { "witness a $1\ngroup g 0 a\n", "policy:2", "threshold \"0\"" },
        { "witness a $1\ngroup g 2 a\n", "policy:2", "threshold \"2\" does not fit 1" },
        { "witness a $1\ngroup g 01 a\n", "policy:2", "threshold \"01\"" },
        { "witness a $1\ngroup g -1 a\n", "policy:2", "threshold" },
        { "witness a $1\ngroup g ANY a\n", "policy:2", "threshold" },
        { "witness a $1\ngroup g 18446744073709551617 a\n", "policy:2", "threshold" },
        { "witness a $1\ngroup g any a a\n", "policy:2", "\"a\" is a member of a group already" },
        { "witness a $1\ngroup g any a\ngroup h any a\n", "policy:3", "\"a\" is a member" },
        { "witness a $1\ngroup g any none\n", "policy:2", "\"none\" is no witness" },
        { "witness a $1\ngroup a any a\n", "policy:2", "defined above" },
        { "quorum none\r\n", "policy:1", "control character 0x0d" },
        { "quorum\vnone\n", "policy:1", "control character 0x0b" },
        { "# \x7f\nquorum none\n", "policy:1", "control character 0x7f" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct buffer text;
        struct quorum *quorum = NULL;
        struct error e = { 0 };
        expand(&text, row[i].text);
        if (quorum_parse(&quorum, buffer_bytes(&text), "policy", &e)) {
            fail_msg("row %zu was read", i);
        }
        assert_null(quorum);
        if (e.kind != ERROR_INPUT || strcmp(e.where, row[i].where) != 0 || strstr(e.what, row[i].what) == NULL) {
            fail_msg("row %zu: %s: %s, want %s: %s", i, e.where, e.what, row[i].where, row[i].what);
        }
        buffer_clear(&text);
    }
}

/* The example of tlog-policy, and each set of its six witnesses against what the text says. */
static void the_example_of_the_specification(void **state)
{
    struct quorum *quorum = policy_of("  # two organisations\n\nlog $a https://log.example/\n"
                                      "witness X1 $1 https://x1.example/\n\twitness\tX2  $2\nwitness X3 $3 \n"
                                      "group X-witnesses 2 X1 X2 X3\n"
                                      "witness Y1 $4\nwitness Y2 $5\nwitness Y3 $6\n"
                                      "group Y-witnesses any Y1 Y2 Y3\n"
                                      "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n");
    (void)state;
    assert_int_equal(quorum->log_count, 1);
    assert_int_equal(quorum->witness_count, 6);
    assert_true(bytes_equal(quorum->witnesses[0].url, BYTES("https://x1.example/")));
    assert_int_equal(quorum->witnesses[1].url.size, 0);
    assert_true(bytes_equal(quorum->logs[0].url, BYTES("https://log.example/")));
    for (unsigned set = 0; set < 64; set++) {
        uint64_t times[QUORUM_WITNESSES_MAX] = { 0 };
        unsigned x = 0, y = 0;
        for (unsigned i = 0; i < 6; i++) {
            times[i] = (set >> i & 1U) != 0 ? 100 + i : 0;
            x += i < 3 && times[i] != 0;
            y += i >= 3 && times[i] != 0;
        }
        assert_int_equal(quorum_is_met(quorum, times), x >= 2 && y >= 1);
    }
    /* The second of X at 30 and the first of Y at 20: met at 30. */
    const uint64_t times[QUORUM_WITNESSES_MAX] = { 30, 10, 90, 20, 80, 0 };
    assert_int_equal(quorum_time(quorum, times), 30);
    const uint64_t too_few[QUORUM_WITNESSES_MAX] = { 30, 10, 90 };
    assert_int_equal(quorum_time(quorum, too_few), 0);
    quorum_free(quorum);
}

static void none_one_and_a_name_of_any_bytes(void **state)
{
    uint64_t times[QUORUM_WITNESSES_MAX] = { 0 };
    (void)state;
    struct quorum *none = policy_of("quorum none\n");
    assert_true(none->is_none && quorum_is_met(none, times));
    assert_int_equal(quorum_time(none, times), 0);
    quorum_free(none);
    struct quorum *one = policy_of("witness a $1\nwitness K $2\nwitness \xE2\x84\xAA $3\nquorum \xE2\x84\xAA\n");
    times[0] = times[1] = 5;
    assert_false(quorum_is_met(one, times));
    times[2] = 7;
    assert_true(quorum_is_met(one, times));
    assert_int_equal(quorum_time(one, times), 7);
    quorum_free(one);
}

static void the_stated_numbers_fit_and_no_more(void **state)
{
    struct buffer text;
    struct quorum *quorum = NULL;
    struct error e = { 0 };
    (void)state;
    for (unsigned more = 0; more < 4; more++) {
        buffer_init(&text, QUORUM_BYTES_MAX);
        for (unsigned i = 0; i < QUORUM_LOGS_MAX + (more == 1); i++) {
            buffer_append_format(&text, "log %s\n", vkey(1000 + i, false));
        }
        for (unsigned i = 0; i < QUORUM_WITNESSES_MAX + (more == 2); i++) {
            buffer_append_format(&text, "witness w%u %s\n", i, vkey(2000 + i, true));
        }
        for (unsigned i = 0; i < QUORUM_GROUPS_MAX + (more == 3); i++) {
            buffer_append_format(&text, "group g%u any %c%u\n", i, i < QUORUM_WITNESSES_MAX ? 'w' : 'g', i < QUORUM_WITNESSES_MAX ? i : 0);
        }
        buffer_append_text(&text, "quorum g63\n");
        assert_int_equal(quorum_parse(&quorum, buffer_bytes(&text), "policy", &e), more == 0);
        assert_true(more == 0 || strstr(e.what, "more than 64") != NULL);
        quorum_free(quorum);
        buffer_clear(&text);
    }
    buffer_init(&text, QUORUM_BYTES_MAX + 1);
    uint8_t *room = buffer_room(&text, QUORUM_BYTES_MAX + 1);
    memset(room, '\n', QUORUM_BYTES_MAX + 1);
    buffer_added(&text, QUORUM_BYTES_MAX + 1);
    assert_false(quorum_parse(&quorum, buffer_bytes(&text), "policy", &e));
    assert_non_null(strstr(e.what, "larger than"));
    buffer_clear(&text);
}

static void a_checkpoint_by_the_policy(void **state)
{
    json_error_t fault;
    struct error e = { 0 };
    struct quorum_result result;
    (void)state;
    json_t *kat = json_load_file(VECTORS "/tlog-kat.json", 0, &fault);
    assert_non_null(kat);
    const char *cosigned = json_string_value(json_object_get(kat, "cosigned_checkpoint_7"));
    const char *bare = json_string_value(json_object_get(kat, "checkpoint_7"));
    struct quorum *quorum = policy_of("log " LOG "\nwitness w " W1 "\nwitness other $2\ngroup both any w other\nquorum both\n");
    struct quorum *strict = policy_of("log " LOG "\nwitness w " W1 "\nwitness other $2\ngroup both all w other\nquorum both\n");
    struct quorum *other = policy_of("log $a\nwitness w " W1 "\nquorum w\n");

    assert_true(quorum_check(quorum, NULL, bytes_of_text(cosigned), &result, "kat", &e));
    assert_true(result.is_met && result.cosignature_count == 1 && result.time_s == 1700000000 && result.checkpoint.size == 7);
    assert_true(quorum_check(strict, NULL, bytes_of_text(cosigned), &result, "kat", &e));
    assert_true(!result.is_met && result.cosignature_count == 1 && result.time_s == 0);
    assert_true(quorum_check(quorum, NULL, bytes_of_text(bare), &result, "kat", &e));
    assert_true(!result.is_met && result.cosignature_count == 0);

    assert_false(quorum_check(other, NULL, bytes_of_text(cosigned), &result, "kat", &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_true(quorum_check(other, &quorum->logs[0].key, bytes_of_text(cosigned), &result, "kat", &e));
    assert_true(result.is_met);
    assert_false(quorum_check(other, &other->logs[0].key, bytes_of_text(cosigned), &result, "kat", &e));
    assert_non_null(strstr(e.what, "another log"));
    assert_false(quorum_check(quorum, NULL, bytes_of_text("x\n\n\xE2\x80\x94 a AAAAAAA=\n"), &result, "kat", &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    quorum_free(quorum);
    quorum_free(strict);
    quorum_free(other);
    json_decref(kat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_name_the_line),          cmocka_unit_test(the_example_of_the_specification),
        cmocka_unit_test(none_one_and_a_name_of_any_bytes), cmocka_unit_test(the_stated_numbers_fit_and_no_more),
        cmocka_unit_test(a_checkpoint_by_the_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
