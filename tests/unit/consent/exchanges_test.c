/* Which entries are exchanges with one other gateway, and the lines that tell of them. */
#include "consent/exchanges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct directory directory = { .community = { (const uint8_t *)"B", 1 } };
static struct directory_member member = { .class_code = { (const uint8_t *)"GOV", 3 },
                                          .code = { (const uint8_t *)"H", 1 },
                                          .directory = &directory };
static struct bytes addresses[] = { { (const uint8_t *)"h:1", 3 } };
static struct directory_gateway gateway = {
    .member = &member, .addresses = addresses, .address_count = 1, .statement_key = { .name = "B/GOV/H/GW1" }
};

struct seen {
    struct exchange_note notes[16];
    char ids[16][64];
    size_t count;
};

static bool note_line(void *context, const struct exchange_line *line)
{
    struct seen *seen = context;
    struct exchange_note *note = &seen->notes[seen->count];
    exchange_note_of(line, note);
    (void)snprintf(seen->ids[seen->count], 64, "%.*s", BYTES_FMT(line->exchange));
    note->exchange = bytes_of_text(seen->ids[seen->count]);
    seen->count++;
    return true;
}

static void message(char *out, size_t size, const char *id, const char *keyid, const char *more, const char *tag)
{
    (void)snprintf(
        out, size,
        "%s\n\"x-road-request-id\": %s\n\"@signature-params\": ();created=1;nonce=\"%s\";keyid=\"%s\";alg=\"tlog-ed25519\";tag=\"%s\"",
        more, id, id, keyid, tag);
}

/* Reads one entry; how many lines it gave. */
static size_t read_one(struct exchanges *exchanges, struct seen *seen, enum record_kind kind, const char *statement,
                       struct bytes attachment)
{
    static uint64_t index;
    const struct log_entry entry = {
        .index = index++, .kind = kind, .time_ms = 5, .statement = bytes_of_text(statement), .attachment = attachment
    };
    size_t before = seen->count;
    assert_true(exchanges_read(exchanges, &entry, note_line, seen));
    return seen->count - before;
}

static size_t read_decision(struct exchanges *exchanges, struct seen *seen, const char *request)
{
    struct buffer b;
    buffer_init(&b, 65536);
    buffer_append_u32(&b, (uint32_t)strlen(request));
    buffer_append_text(&b, request);
    buffer_append_text(&b, "receipt");
    size_t lines = read_one(exchanges, seen, RECORD_DECISION, "comity-event: decision/1\n", buffer_bytes(&b));
    buffer_clear(&b);
    return lines;
}

static void tells_the_two_apart(void **state)
{
    struct error e;
    struct exchanges *exchanges = NULL;
    struct seen *seen = calloc(1, sizeof *seen);
    char text[2048];
    const struct bytes ours = bytes_of_text("B/GOV/H/GW1"), other = bytes_of_text("B/GOV/H/GW2");
    (void)state;
    assert_non_null(seen);
    assert_true(exchanges_make(&exchanges, &gateway, &e));
    /* Sent: by the origin that is kept beside it, or, in older logs, by address and member. */
    message(text, sizeof text, "s-1", "us", "\"@authority\": elsewhere:9\n\"@path\": /r1/B/GOV/H/S/x\n\"comity-sequence\": 7.3",
            "comity-request/1");
    assert_int_equal(read_one(exchanges, seen, RECORD_REQUEST_SENT, text, ours), 1);
    assert_int_equal(read_one(exchanges, seen, RECORD_REQUEST_SENT, text, other), 0);
    assert_int_equal(read_one(exchanges, seen, RECORD_REQUEST_SENT, text, BYTES_NONE), 0);
    assert_true(seen->notes[0].sequence.start == 7 && seen->notes[0].sequence.number == 3 && seen->notes[0].has_digest);
    message(text, sizeof text, "s-2", "us", "\"@authority\": H:1\n\"@path\": /r1/B/GOV/H/S/x", "comity-request/1");
    assert_int_equal(read_one(exchanges, seen, RECORD_REQUEST_SENT, text, BYTES_NONE), 1);
    message(text, sizeof text, "s-3", "us", "\"@authority\": h:1\n\"@path\": /r1/B/GOV/OTHER/S/x", "comity-request/1");
    assert_int_equal(read_one(exchanges, seen, RECORD_REQUEST_SENT, text, BYTES_NONE), 0);
    /* Received, and its answer: by who signed. A sibling of the same member is another one. */
    message(text, sizeof text, "r-1", "B/GOV/H/GW1", "\"@method\": GET", "comity-request/1");
    assert_int_equal(read_decision(exchanges, seen, text), 1);
    message(text, sizeof text, "r-2", "B/GOV/H/GW2", "\"@method\": GET", "comity-request/1");
    assert_int_equal(read_decision(exchanges, seen, text), 0);
    message(text, sizeof text, "r-1", "us", "\"x-road-client\": B/GOV/H/APP", "comity-answer/1");
    assert_int_equal(read_one(exchanges, seen, RECORD_ANSWER_SENT, text, BYTES_NONE), 1);
    message(text, sizeof text, "r-2", "us", "\"x-road-client\": B/GOV/H/APP", "comity-answer/1");
    assert_int_equal(read_one(exchanges, seen, RECORD_ANSWER_SENT, text, BYTES_NONE), 0);
    /* Of an exchange that was not seen the member decides. */
    message(text, sizeof text, "r-9", "us", "\"x-road-client\": B/GOV/H/APP", "comity-answer/1");
    assert_int_equal(read_one(exchanges, seen, RECORD_ANSWER_SENT, text, BYTES_NONE), 1);
    message(text, sizeof text, "r-8", "us", "\"x-road-client\": B/GOV/X/APP", "comity-answer/1");
    assert_int_equal(read_one(exchanges, seen, RECORD_ANSWER_SENT, text, BYTES_NONE), 0);
    message(text, sizeof text, "s-1", "B/GOV/H/GW1", "\"@status\": 200", "comity-answer/1");
    assert_int_equal(read_one(exchanges, seen, RECORD_ANSWER_RECEIVED, text, BYTES("no receipt")), 1);
    /* A refusal before anything was proven keeps no request; other events are passed over. */
    assert_int_equal(read_one(exchanges, seen, RECORD_DECISION, "comity-event: decision/1\n", BYTES_NONE), 0);
    assert_int_equal(read_one(exchanges, seen, RECORD_EVENT, "comity-event: start/1\n", BYTES_NONE), 0);
    assert_int_equal(read_one(exchanges, seen, RECORD_EVENT,
                              "comity-event: sequences/1\nstart: 7\nlast: 9 B/GOV/H/GW1\nlast: 4 B/GOV/H/GW2\nunused: 8 B/GOV/H/GW1\n",
                              BYTES_NONE),
                     2);
    const struct log_entry closed = { .kind = RECORD_DECISION, .form = RECORD_ERASED };
    assert_true(exchanges_read(exchanges, &closed, note_line, seen));
    assert_int_equal(seen->notes[seen->count - 1].kind, EXCHANGE_CLOSED);
    exchanges_free(exchanges);
    free(seen);
}

static void lines_are_read_as_they_are_written(void **state)
{
    static const struct exchange_note notes[] = {
        { .kind = EXCHANGE_REQUEST_SENT,
          .index = 3,
          .time_ms = 5,
          .exchange = { (const uint8_t *)"a\"\\b", 4 },
          .sequence = { 1, 2 },
          .has_digest = true },
        { .kind = EXCHANGE_ANSWER_TAKEN,
          .index = 4,
          .exchange = { (const uint8_t *)"x", 1 },
          .has_digest = true,
          .has_receipt = true,
          .receipt_index = 9 },
        { .kind = EXCHANGE_NUMBERS, .index = 5, .sequence = { 6, 0 } },
        { .kind = EXCHANGE_NUMBERS, .index = 5, .sequence = { 6, 7 }, .is_unused = true },
        { .kind = EXCHANGE_CLOSED, .index = 8 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(notes); i++) {
        struct exchange_note again;
        struct exchange_page page;
        struct arena arena = { 0 };
        struct error e;
        struct buffer text;
        buffer_init(&text, 4096);
        assert_true(exchange_note_write(&notes[i], &text));
        assert_true(exchange_note_read(bytes_of(text.data, text.size - 1), &arena, &again, &page, &e));
        assert_true(!page.is_page && again.kind == notes[i].kind && again.index == notes[i].index);
        assert_true(bytes_equal(again.exchange, notes[i].exchange) && again.sequence.start == notes[i].sequence.start);
        assert_true(again.sequence.number == notes[i].sequence.number && again.is_unused == notes[i].is_unused);
        assert_true(again.has_receipt == notes[i].has_receipt && again.receipt_index == notes[i].receipt_index);
        buffer_clear(&text);
        arena_clear(&arena);
    }
}

static void refuses_other_lines(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"kind\":\"request-sent\",\"index\":1,\"time\":1}",
        "{\"kind\":\"other\",\"index\":1,\"time\":1}",
        "{\"kind\":\"closed\",\"index\":-1,\"time\":1}",
        "{\"kind\":\"closed\",\"index\":1,\"time\":1,\"exchange\":\"x\"}",
        "{\"kind\":\"closed\",\"kind\":\"closed\",\"index\":1,\"time\":1}",
        "{\"kind\":\"page\",\"next\":1,\"size\":2}",
        "{\"kind\":\"numbers\",\"index\":1,\"time\":1,\"sequence\":\"1\",\"unused\":true}",
        "{\"kind\":\"request-received\",\"index\":1,\"time\":1,\"exchange\":\"x\",\"statement\":\"AAAA\",\"receipt_index\":1}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct exchange_note note;
        struct exchange_page page;
        struct arena arena = { 0 };
        struct error e = { 0 };
        if (exchange_note_read(bytes_of_text(bad[i]), &arena, &note, &page, &e)) {
            fail_msg("%s", bad[i]);
        }
        assert_int_equal(e.kind, ERROR_INPUT);
        arena_clear(&arena);
    }
    struct exchange_sequence sequence;
    static const char *const bad_sequences[] = {
        "", ".", "1.", ".1", "1.0", "01.1", "1.01", "1.1.1", "1", "-1.1", "1.18446744073709551616"
    };
    for (size_t i = 0; i < COUNT_OF(bad_sequences); i++) {
        assert_false(exchange_sequence_parse(bytes_of_text(bad_sequences[i]), &sequence));
    }
    assert_true(exchange_sequence_parse(BYTES("0.1"), &sequence));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tells_the_two_apart), cmocka_unit_test(lines_are_read_as_they_are_written),
                                        cmocka_unit_test(refuses_other_lines) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
