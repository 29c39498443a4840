/* Disclosures of a log that is only in memory, against a list that keeps everything. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "consent/disclosures.h"
#include "consent/event_text.h"
#include "crypto/hash.h"

static struct bytes write_decision(struct buffer *text, unsigned number)
{
    char person[32];
    (void)snprintf(person, sizeof person, "person-%u", number);
    text->size = 0;
    event_text_append(text, "comity-event", BYTES("decision/1"));
    event_text_append(text, "exchange", bytes_of_text(person + 7));
    event_text_append(text, "person", bytes_of_text(person));
    event_text_append(text, "client", BYTES("A/B/C/D"));
    event_text_append(text, "consent", BYTES("c-1"));
    event_text_append(text, "consent", BYTES("c-2"));
    return buffer_bytes(text);
}

/* The request's statement behind its size, as the holder puts it beside its decision. */
static struct bytes write_attachment(struct buffer *text)
{
    static const char request[] = "\"@signature-params\": ();keyid=\"clinic\"";
    text->size = 0;
    buffer_append_u8(text, 0);
    buffer_append_u8(text, 0);
    buffer_append_u8(text, 0);
    buffer_append_u8(text, sizeof request - 1);
    buffer_append_text(text, request);
    buffer_append_text(text, "receipt");
    return buffer_bytes(text);
}

static struct bytes write_answer(struct buffer *text, const uint8_t decision[SHA256_SIZE], const char *released)
{
    text->size = 0;
    buffer_append_format(text, "\"@status\": 200\n\"comity-conditions\": life=P1D\n\"comity-released\": %s\n\"comity-decision\": sha-256=:",
                         released);
    base64_append(text, bytes_of(decision, SHA256_SIZE));
    buffer_append_text(text, ":\n\"@signature-params\": ()");
    return buffer_bytes(text);
}

struct scene {
    struct disclosures *disclosures;
    struct buffer text, attachment;
    uint64_t index;
};

static int make(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    scene->disclosures = disclosures_make();
    assert_non_null(scene->disclosures);
    buffer_init(&scene->text, 4096);
    buffer_init(&scene->attachment, 4096);
    *state = scene;
    return 0;
}

static int drop(void **state)
{
    struct scene *scene = *state;
    disclosures_free(scene->disclosures);
    buffer_clear(&scene->text);
    buffer_clear(&scene->attachment);
    free(scene);
    return 0;
}

static bool give(struct scene *scene, enum record_kind kind, struct bytes statement, struct bytes attachment, struct disclosure *out)
{
    struct error e = { 0 };
    bool is_one = true;
    const struct log_entry entry = {
        .index = scene->index++, .kind = kind, .form = RECORD_OPEN, .time_ms = 7, .statement = statement, .attachment = attachment
    };
    assert_true(disclosures_take(scene->disclosures, &entry, out, &is_one, &e));
    return is_one;
}

static void decide(struct scene *scene, unsigned number, uint8_t digest[SHA256_SIZE])
{
    struct disclosure none;
    struct bytes statement = write_decision(&scene->text, number);
    sha256(statement, digest);
    assert_false(give(scene, RECORD_DECISION, statement, write_attachment(&scene->attachment), &none));
}

static void an_answer_and_its_decision_are_a_disclosure(void **state)
{
    struct scene *scene = *state;
    uint8_t digest[SHA256_SIZE];
    struct disclosure d;
    decide(scene, 1, digest);
    assert_true(give(scene, RECORD_ANSWER_SENT, write_answer(&scene->text, digest, "blood, health"), BYTES(""), &d));
    assert_int_equal(d.decision_entry, 0);
    assert_int_equal(d.answer_entry, 1);
    assert_int_equal(d.time_ms, 7);
    assert_true(bytes_equal(d.person, BYTES("person-1")));
    assert_true(bytes_equal(d.exchange, BYTES("1")));
    assert_true(bytes_equal(d.client, BYTES("A/B/C/D")));
    assert_true(bytes_equal(d.service, BYTES("")));
    assert_true(bytes_equal(d.gateway, BYTES("clinic")));
    assert_true(bytes_equal(d.released, BYTES("blood, health")));
    assert_true(bytes_equal(d.conditions, BYTES("life=P1D")));
    assert_true(bytes_equal(d.consents, BYTES("c-1, c-2")));
    /* Once. */
    assert_false(give(scene, RECORD_ANSWER_SENT, write_answer(&scene->text, digest, "blood"), BYTES(""), &d));
}

static void nothing_left_is_no_disclosure(void **state)
{
    struct scene *scene = *state;
    uint8_t digest[SHA256_SIZE];
    struct disclosure d;
    decide(scene, 1, digest);
    assert_false(give(scene, RECORD_ANSWER_SENT, write_answer(&scene->text, digest, ""), BYTES(""), &d));
    decide(scene, 2, digest);
    digest[31] ^= 1; /* begins like it */
    assert_false(give(scene, RECORD_ANSWER_SENT, write_answer(&scene->text, digest, "blood"), BYTES(""), &d));
}

static unsigned roll(uint64_t *dice)
{
    *dice = *dice * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(*dice >> 33);
}

/* Answers come in any order, some never: each finds its own decision, and only once. */
static void each_answer_finds_its_decision(void **state)
{
    enum { DECISIONS = 3000 };
    struct scene *scene = *state;
    uint8_t(*digests)[SHA256_SIZE] = calloc(DECISIONS, sizeof *digests);
    bool *is_open = calloc(DECISIONS, sizeof *is_open);
    unsigned decided = 0, told = 0;
    assert_non_null(digests);
    assert_non_null(is_open);
    uint64_t dice = 4711;
    while (decided < DECISIONS) {
        struct disclosure d;
        unsigned number = roll(&dice) % (decided + 1);
        if (roll(&dice) % 3 != 0) {
            decide(scene, decided, digests[decided]);
            is_open[decided++] = true;
            continue;
        }
        if (number == decided) {
            continue;
        }
        bool is_one = give(scene, RECORD_ANSWER_SENT, write_answer(&scene->text, digests[number], "blood"), BYTES(""), &d);
        assert_int_equal(is_one, is_open[number]);
        if (is_one) {
            char person[32];
            (void)snprintf(person, sizeof person, "person-%u", number);
            assert_true(bytes_equal(d.person, bytes_of_text(person)));
            told++;
        }
        is_open[number] = false;
    }
    assert_true(told > DECISIONS / 4);
    free(digests);
    free(is_open);
}

/* Or a log with many refusals that a crash left unanswered would fill the memory. */
static void old_decisions_are_forgotten(void **state)
{
    struct scene *scene = *state;
    uint8_t old[SHA256_SIZE], young[SHA256_SIZE];
    struct disclosure d;
    decide(scene, 0, old);
    scene->index += DISCLOSURES_BEFORE;
    for (unsigned i = 1; i <= 1024; i++) {
        decide(scene, i, young);
    }
    assert_false(give(scene, RECORD_ANSWER_SENT, write_answer(&scene->text, old, "blood"), BYTES(""), &d));
    assert_true(give(scene, RECORD_ANSWER_SENT, write_answer(&scene->text, young, "blood"), BYTES(""), &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_and_its_decision_are_a_disclosure, make, drop),
        cmocka_unit_test_setup_teardown(nothing_left_is_no_disclosure, make, drop),
        cmocka_unit_test_setup_teardown(each_answer_finds_its_decision, make, drop),
        cmocka_unit_test_setup_teardown(old_decisions_are_forgotten, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
