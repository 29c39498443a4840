#include "policy/json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>
#include <yajl/yajl_parse.h>

#include "base/encode.h"
#include "policy/json_scan_plain_internal.h"

/* ---- Running ---- */

/* Every token with its whole text, as one line each: what comes out whatever the pieces are. False: it is broken; `error` (may be NULL) says how. */
static bool scan_in(struct bytes text, size_t step, struct buffer *tokens, const char **error)
{
    struct json_scan scan = { 0 };
    size_t fed = 0;
    bool is_finished = false;
    for (;;) {
        enum json_scan_token token = json_scan_next(&scan);
        if (token == JSON_SCAN_END || token == JSON_SCAN_BROKEN) {
            assert_true(json_scan_offset(&scan) <= text.size);
            assert_int_equal(json_scan_next(&scan), token); /* it stays so */
            if (error != NULL) {
                *error = scan.error;
            }
            return token == JSON_SCAN_END;
        }
        if (token == JSON_SCAN_MORE && fed < text.size) {
            json_scan_feed(&scan, bytes_slice(text, fed, fed + step));
            fed += step;
        } else if (token == JSON_SCAN_MORE) {
            assert_false(is_finished);
            is_finished = true;
            json_scan_finish(&scan);
        } else {
            bool has_text = token >= JSON_SCAN_KEY;
            if (!has_text || scan.is_first) {
                buffer_append_format(tokens, "%d ", (int)token);
            }
            if (has_text) {
                buffer_append(tokens, scan.text);
            }
            if (!has_text || scan.is_last) {
                buffer_append_u8(tokens, '\n');
            }
        }
    }
}

/* In pieces of every size up to 40 and at once; always the same. */
static bool scan_all(struct bytes text, const char **error)
{
    struct buffer whole, parts;
    buffer_init(&whole, SIZE_MAX / 2);
    buffer_init(&parts, SIZE_MAX / 2);
    bool ok = scan_in(text, text.size + 1, &whole, error);
    for (size_t step = 1; step <= 40 && step < text.size; step++) {
        const char *again = NULL;
        buffer_reset(&parts);
        bool is_ok = scan_in(text, step, &parts, &again);
        if (is_ok != ok || (!ok && error != NULL && again != *error) || (ok && !bytes_equal(buffer_bytes(&whole), buffer_bytes(&parts)))) {
            fail_msg("in pieces of %zu it is another: %.*s", step, BYTES_FMT(text));
        }
    }
    buffer_clear(&whole);
    buffer_clear(&parts);
    return ok;
}

/* ---- The corpus: what RFC 8259 says of each production, in the manner of JSONTestSuite ---- */

static void valid_texts(void **state)
{
    static const struct bytes row[] = {
        BYTES("null"),
        BYTES("true"),
        BYTES("false"),
        BYTES("0"),
        BYTES("-0"),
        BYTES("\"\""),
        BYTES("[]"),
        BYTES("{}"),
        BYTES(" \t\r\n[ ] \t\r\n"),
        BYTES("[[]   ]"),
        BYTES("[\"a\"]"),
        BYTES("[1]"),
        BYTES("[1,null,null,2]"),
        BYTES("[ 4]"),
        BYTES("[2] "),
        BYTES("{\"\":0}"),
        BYTES("{\"a\":[]}"),
        BYTES("{\"a\":{\"b\":{\"c\":{}}}}"),
        BYTES("{\"a\" : 1 , \"b\" : 2 }"),
        BYTES("{\n\"a\": \"b\"\n}"),
        BYTES("[123e65]"),
        BYTES("[0e+1]"),
        BYTES("[0e1]"),
        BYTES("[-1]"),
        BYTES("[-123.456E-78]"),
        BYTES("[1E22]"),
        BYTES("[1E-2]"),
        BYTES("[1E+2]"),
        BYTES("[123.456789]"),
        BYTES("[20e1]"),
        BYTES("[-0.0]"),
        BYTES("[1.0e400]"),
        BYTES("[1e-999999999]"),
        BYTES("[123456789012345678901234567890123456789012345678901234567890]"),
        BYTES("[0.000000000000000000000000000000000000000000000000000000000000000000000000000000000001]"),
        BYTES("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
        BYTES("[\"\\u0060\\u012a\\u12AB\"]"),
        BYTES("[\"\\uD801\\udc37\"]"),
        BYTES("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"),
        BYTES("[\"\\u0000\"]"),
        BYTES("{\"\\u0000\":0}"),
        BYTES("[\"\\u0022\"]"),
        BYTES("[\"\\u005C\"]"),
        BYTES("[\"\\uFFFF\"]"),
        BYTES("[\"\\uDBFF\\uDFFE\"]"),
        BYTES("[\"\\\\u0000\"]"),
        BYTES("[\"\\\\ud800\"]"),
        BYTES("[\"new\\u00A0line\"]"),
        BYTES("[\"\xc2\x80\"]"),
        BYTES("[\"\xdf\xbf\"]"),
        BYTES("[\"\xe0\xa0\x80\"]"),
        BYTES("[\"\xed\x9f\xbf\"]"),
        BYTES("[\"\xee\x80\x80\"]"),
        BYTES("[\"\xef\xbb\xbf\"]"),
        BYTES("[\"\xef\xbf\xbf\"]"),
        BYTES("[\"\xf0\x90\x80\x80\"]"),
        BYTES("[\"\xf4\x8f\xbf\xbf\"]"),
        BYTES("[\"\xe2\x80\xa8\xe2\x80\xa9\"]"),
        BYTES("[\"\x7f\"]"),
        BYTES("{\"\xe4\xbd\xa0\xe5\xa5\xbd\":\"\xe4\xb8\x96\xe7\x95\x8c\"}"),
        BYTES("\"0123456789abcdef0123456789abcdef\""),
        BYTES("[true,false,null]"),
        BYTES("{\"a\":1,\"a\":2}"), /* repeated keys are the caller's */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        const char *error = NULL;
        if (!scan_all(row[i], &error)) {
            fail_msg("row %zu: %.*s: %s", i, BYTES_FMT(row[i]), error);
        }
    }
}

static void broken_texts(void **state)
{
    static const struct bytes row[] = {
        BYTES(""),
        BYTES(" "),
        BYTES("\xef\xbb\xbf"),
        BYTES("\xef\xbb\xbf{}"),
        BYTES("\xff\xfe[\0]\0"),
        BYTES("\0"),
        BYTES("\x0c[]"),
        BYTES("\xc2\xa0[]"),
        BYTES("[\x0b]"),
        BYTES("[\xe2\x81\xa0]"),
        BYTES("["),
        BYTES("]"),
        BYTES("{"),
        BYTES("}"),
        BYTES("[]]"),
        BYTES("{}}"),
        BYTES("[}"),
        BYTES("{]"),
        BYTES("[1"),
        BYTES("[1,"),
        BYTES("[,1]"),
        BYTES("[1,,2]"),
        BYTES("[1,]"),
        BYTES("[1 2]"),
        BYTES("[\"a\" \"b\"]"),
        BYTES("[1:2]"),
        BYTES("[:]"),
        BYTES("[1}"),
        BYTES("{\"a\":1]"),
        BYTES("{\"a\"}"),
        BYTES("{\"a\":}"),
        BYTES("{\"a\":1,}"),
        BYTES("{,\"a\":1}"),
        BYTES("{\"a\":1,,\"b\":2}"),
        BYTES("{\"a\" 1}"),
        BYTES("{\"a\"::1}"),
        BYTES("{\"a\",1}"),
        BYTES("{:1}"),
        BYTES("{1:1}"),
        BYTES("{null:1}"),
        BYTES("{'a':1}"),
        BYTES("{a:1}"),
        BYTES("{[]:1}"),
        BYTES("{\"a\":1 \"b\":2}"),
        BYTES("{\"a\":\"b\" \"c\"}"),
        BYTES("[][]"),
        BYTES("{}{}"),
        BYTES("1 2"),
        BYTES("1,2"),
        BYTES("\"a\"\"b\""),
        BYTES("null null"),
        BYTES("[1]x"),
        BYTES("[1]//"),
        BYTES("/**/[]"),
        BYTES("[1,#c\n2]"),
        BYTES("<a/>"),
        BYTES("a,b\n1,2"),
        BYTES("nul"),
        BYTES("nulll"),
        BYTES("nULL"),
        BYTES("True"),
        BYTES("tru"),
        BYTES("truee"),
        BYTES("fals"),
        BYTES("falsE"),
        BYTES("[nul]"),
        BYTES("[truth]"),
        BYTES("undefined"),
        BYTES("NaN"),
        BYTES("[NaN]"),
        BYTES("-NaN"),
        BYTES("Infinity"),
        BYTES("-Infinity"),
        BYTES("[Inf]"),
        BYTES("-"),
        BYTES("[-]"),
        BYTES("[- 1]"),
        BYTES("--1"),
        BYTES("[+1]"),
        BYTES("[++1]"),
        BYTES("[01]"),
        BYTES("[-01]"),
        BYTES("[00]"),
        BYTES("[-012.3]"),
        BYTES("[.5]"),
        BYTES("[-.5]"),
        BYTES("[1.]"),
        BYTES("[1.e1]"),
        BYTES("[0.e1]"),
        BYTES("[1.2.3]"),
        BYTES("[1..2]"),
        BYTES("[1e]"),
        BYTES("[1e+]"),
        BYTES("[1E-]"),
        BYTES("[1ee2]"),
        BYTES("[1e+-2]"),
        BYTES("[1e2.3]"),
        BYTES("[0e]"),
        BYTES("[1_000]"),
        BYTES("[1 000]"),
        BYTES("[0x1f]"),
        BYTES("[0b1]"),
        BYTES("[1a]"),
        BYTES("[1e1a]"),
        BYTES("[\xef\xbc\x91]"),
        BYTES("1."),
        BYTES("1e"),
        BYTES("[\"]"),
        BYTES("\""),
        BYTES("\"abc"),
        BYTES("[\"a]"),
        BYTES("['a']"),
        BYTES("[\"a\n\"]"),
        BYTES("[\"\t\"]"),
        BYTES("[\"\x1f\"]"),
        BYTES("[\"a\0b\"]"),
        BYTES("[\"\\\"]"),
        BYTES("[\"\\a\"]"),
        BYTES("[\"\\x41\"]"),
        BYTES("[\"\\'\"]"),
        BYTES("[\"\\0\"]"),
        BYTES("[\"\\U0041\"]"),
        BYTES("[\"\\\t\"]"),
        BYTES("[\"\\\xc3\xa4\"]"),
        BYTES("[\"\\u\"]"),
        BYTES("[\"\\u1\"]"),
        BYTES("[\"\\u12\"]"),
        BYTES("[\"\\u123\"]"),
        BYTES("[\"\\u123g\"]"),
        BYTES("[\"\\u 123\"]"),
        BYTES("[\"\\u-123\"]"),
        BYTES("[\"\\u00"),
        BYTES("[\"\\ud800\"]"),
        BYTES("[\"\\uD800\\\"]"),
        BYTES("[\"\\uD800\\u\"]"),
        BYTES("[\"\\uD800\\u1\"]"),
        BYTES("[\"\\ud800\\u0041\"]"),
        BYTES("[\"\\ud800\\ud800\"]"),
        BYTES("[\"\\ud800\\n\"]"),
        BYTES("[\"\\ud800x\\udc00\"]"),
        BYTES("[\"\\ud800\xed\xb0\x80\"]"),
        BYTES("[\"\\udc00\"]"),
        BYTES("[\"\\udc00\\ud800\"]"),
        BYTES("[\"\\ud800\\udc00\\udc00\"]"),
        BYTES("{\"\\ud800\":1}"),
        BYTES("[\"\x80\"]"),
        BYTES("[\"\xbf\"]"),
        BYTES("[\"\xc0\x80\"]"),
        BYTES("[\"\xc0\xaf\"]"),
        BYTES("[\"\xc1\xbf\"]"),
        BYTES("[\"\xc3\"]"),
        BYTES("[\"\xc3("),
        BYTES("[\"\xe0\x80\x80\"]"),
        BYTES("[\"\xe0\x9f\xbf\"]"),
        BYTES("[\"\xe0\xff\"]"),
        BYTES("[\"\xe2\x82\"]"),
        BYTES("[\"\xed\xa0\x80\"]"),
        BYTES("[\"\xed\xa0\xbd\xed\xb8\x80\"]"),
        BYTES("[\"\xed\xbf\xbf\"]"),
        BYTES("[\"\xf0\x80\x80\x80\"]"),
        BYTES("[\"\xf0\x8f\xbf\xbf\"]"),
        BYTES("[\"\xf4\x90\x80\x80\"]"),
        BYTES("[\"\xf5\x80\x80\x80\"]"),
        BYTES("[\"\xf8\x88\x80\x80\x80\"]"),
        BYTES("[\"\xfe\"]"),
        BYTES("[\"\xff\"]"),
        BYTES("[\"\xf0\x9f\x98\"]"),
        BYTES("{\"\xff\":1}"),
        BYTES("[\xc3\xa4]"),
        BYTES("{\"a\":\"\xc3\"}"),
        BYTES("[1]\0"),
        BYTES("[1,\0 2]"),
        BYTES("\0[1]"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        const char *error = NULL;
        if (scan_all(row[i], &error) || error == NULL || error[0] == '\0') {
            fail_msg("row %zu: %.*s", i, BYTES_FMT(row[i]));
        }
    }
}

static void parts_are_marked(void **state)
{
    struct json_scan scan = { 0 };
    (void)state;
    json_scan_feed(&scan, BYTES("{\"k\\"));
    assert_int_equal(json_scan_next(&scan), JSON_SCAN_OBJECT_OPEN);
    assert_int_equal(json_scan_next(&scan), JSON_SCAN_KEY);
    assert_true(scan.is_first && !scan.is_last && scan.has_escape && bytes_equal(scan.text, BYTES("\"k\\")));
    assert_int_equal(json_scan_next(&scan), JSON_SCAN_MORE);
    json_scan_feed(&scan, BYTES("n\": 12"));
    assert_int_equal(json_scan_next(&scan), JSON_SCAN_KEY);
    assert_true(!scan.is_first && scan.is_last && scan.has_escape && bytes_equal(scan.text, BYTES("n\"")));
    assert_int_equal(json_scan_next(&scan), JSON_SCAN_NUMBER);
    assert_true(scan.is_first && !scan.is_last && bytes_equal(scan.text, BYTES("12")));
    assert_int_equal(json_scan_next(&scan), JSON_SCAN_MORE);
    json_scan_feed(&scan, BYTES("}"));
    assert_int_equal(json_scan_next(&scan), JSON_SCAN_NUMBER);
    assert_true(!scan.is_first && scan.is_last && scan.text.size == 0);
    assert_int_equal(json_scan_next(&scan), JSON_SCAN_OBJECT_CLOSE);
    assert_int_equal(json_scan_next(&scan), JSON_SCAN_MORE);
    json_scan_finish(&scan);
    assert_int_equal(json_scan_next(&scan), JSON_SCAN_END);
    assert_int_equal(json_scan_offset(&scan), 11);
}

static void the_place_is_told(void **state)
{
    struct json_scan scan = { 0 };
    (void)state;
    json_scan_feed(&scan, BYTES("[1,2,"));
    while (json_scan_next(&scan) != JSON_SCAN_MORE) {
    }
    json_scan_feed(&scan, BYTES(" x]"));
    assert_int_equal(json_scan_next(&scan), JSON_SCAN_BROKEN);
    assert_int_equal(json_scan_offset(&scan), 6);
    assert_string_equal(scan.error, "not JSON: a value is missing");
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    for (size_t depth = JSON_SCAN_DEPTH_MAX - 1; depth <= JSON_SCAN_DEPTH_MAX + 1; depth++) {
        struct buffer text;
        const char *error = NULL;
        buffer_init(&text, 1 << 20);
        for (size_t i = 0; i < depth; i++) {
            buffer_append_text(&text, i % 3 == 0 ? "{\"a\":" : "[");
        }
        buffer_append_text(&text, "1");
        for (size_t i = depth; i-- > 0;) {
            buffer_append_text(&text, i % 3 == 0 ? "}" : "]");
        }
        bool ok = scan_all(buffer_bytes(&text), &error);
        assert_int_equal(ok, depth <= JSON_SCAN_DEPTH_MAX);
        assert_true(ok || strcmp(error, "it is nested too deep") == 0);
        buffer_clear(&text);
    }
}

/* ---- Everything there is, where that can be tried ---- */

/* Each byte value at each place of texts of each small size, at each alignment, by both variants. */
static void plain_runs_end_where_they_should(void **state)
{
    uint8_t memory[80];
    (void)state;
    for (size_t size = 0; size <= 36; size++) {
        for (size_t at = 0; at <= size; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                uint8_t *text = memory + byte % 8;
                memset(memory, at % 2 == 0 ? 'a' : '!', sizeof memory);
                text[at] = (uint8_t)byte; /* at == size: behind the end, so it doesn't count */
                const uint8_t *want = text + (at < size && json_scan_is_special((uint8_t)byte) ? at : size);
                if (json_scan_skip(text, text + size) != want || json_scan_skip_by_words(text, text + size) != want) {
                    fail_msg("byte %u at %zu of %zu", byte, at, size);
                }
                bool is_plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
                assert_true(json_scan_is_special((uint8_t)byte) == !is_plain);
            }
        }
    }
}

static bool scan_quickly(struct bytes text)
{
    struct json_scan scan = { 0 };
    enum json_scan_token token = JSON_SCAN_MORE;
    json_scan_feed(&scan, text);
    while ((token = json_scan_next(&scan)) != JSON_SCAN_MORE && token != JSON_SCAN_BROKEN) {
    }
    json_scan_finish(&scan);
    while (token != JSON_SCAN_BROKEN && (token = json_scan_next(&scan)) != JSON_SCAN_END && token != JSON_SCAN_BROKEN) {
    }
    return token == JSON_SCAN_END;
}

/* All beginnings of two bytes, and behind them what is at an edge. */
static void utf8_is_that_of_rfc_3629(void **state)
{
    static const uint8_t edges[] = { 'a', '"', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xff };
    uint8_t text[6] = { '"' };
    (void)state;
    for (unsigned first = 0x80; first < 256; first++) {
        for (unsigned second = 0x20; second < 256; second++) {
            for (size_t i = 0; i < COUNT_OF(edges) * COUNT_OF(edges); i++) {
                text[1] = (uint8_t)first;
                text[2] = (uint8_t)second;
                text[3] = edges[i / COUNT_OF(edges)];
                text[4] = edges[i % COUNT_OF(edges)];
                text[5] = '"';
                struct bytes inside = bytes_of(text + 1, 4);
                if (bytes_find(inside, '"') < inside.size || bytes_find(inside, '\\') < inside.size) {
                    continue;
                }
                if (scan_quickly(bytes_of(text, 6)) != bytes_are_utf8(inside)) {
                    fail_msg("%02x %02x %02x %02x", text[1], text[2], text[3], text[4]);
                }
            }
        }
    }
}

static void escapes_are_whole_characters(void **state)
{
    static const unsigned lows[] = { 0x0041, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000 };
    char text[24];
    (void)state;
    for (unsigned first = 0; first < 0x10000; first++) {
        bool is_high = first >= 0xd800 && first < 0xdc00, is_low = first >= 0xdc00 && first < 0xe000;
        int size = snprintf(text, sizeof text, first % 2 == 0 ? "\"\\u%04x\"" : "\"\\u%04X\"", first);
        assert_true(scan_quickly(bytes_of(text, (size_t)size)) == (!is_high && !is_low));
        for (size_t i = 0; i < COUNT_OF(lows); i++) {
            bool is_pair = is_high && lows[i] >= 0xdc00 && lows[i] < 0xe000, is_half = lows[i] >= 0xd800 && lows[i] < 0xe000;
            size = snprintf(text, sizeof text, "\"\\u%04x\\u%04x\"", first, lows[i]);
            assert_true(scan_quickly(bytes_of(text, (size_t)size)) == (is_pair || (!is_high && !is_low && !is_half)));
        }
    }
}

/* ---- Against jansson and yajl ---- */

enum verdict { REFUSED = 0, ACCEPTED, NO_VERDICT };

/* jansson converts numbers, keeps NUL out of keys, and passes over a NUL behind a number: there it has nothing to say about the grammar. */
static enum verdict by_jansson(struct bytes text)
{
    json_error_t e;
    json_t *value = json_loadb((const char *)text.data, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    enum json_error_code code = value == NULL ? json_error_code(&e) : json_error_unknown;
    bool is_accepted = value != NULL;
    json_decref(value);
    if (!is_accepted && (code == json_error_numeric_overflow || code == json_error_null_byte_in_key || code == json_error_stack_overflow)) {
        return NO_VERDICT;
    }
    if (is_accepted && bytes_find(text, 0) < text.size) {
        return NO_VERDICT;
    }
    return is_accepted ? ACCEPTED : REFUSED;
}

/* yajl lets halves of surrogate pairs through, and so can only refuse. */
static bool is_refused_by_yajl(struct bytes text)
{
    static const yajl_callbacks none = { 0 };
    yajl_handle parser = yajl_alloc(&none, NULL, NULL);
    bool ok = yajl_parse(parser, text.data, text.size) == yajl_status_ok && yajl_complete_parse(parser) == yajl_status_ok;
    yajl_free(parser);
    return !ok;
}

static unsigned roll(unsigned *dice, unsigned sides)
{
    return (unsigned)rand_r(dice) % sides;
}

static const char *const seeds[] = {
    "{\"name\":[{\"family\":\"Mwangi\",\"given\":[\"N\"]}],\"born\":\"1980-02-29\",\"ok\":true,\"none\":null,\"not\":false}",
    "[0,-1,1.5,-0.25e-3,1E+2,123456789,[],{},[[[]]],{\"a\":{\"b\":[{}]}}]",
    "[\"\\u00e4\\ud83d\\ude00\\n\\\"\\\\\",\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\",\"a long text that goes over sixteen bytes\"]",
    "{\"\\u0061\":1,\"\xe4\xbd\xa0\":[ 1 , 2 ],\r\n\t\"b\" : \"\" }",
    "\"text\"",
    "-12.5e3",
    "true",
};

static size_t mutate(unsigned *dice, uint8_t *text, size_t size, size_t capacity)
{
    static const char likely[] = "{}[]\",:\\u0123dDeE+-.tfn \n\x80\xc3\xed\xa0\xf0\xff";
    size_t at = roll(dice, (unsigned)size);
    uint8_t byte = roll(dice, 3) > 0 ? (uint8_t)likely[roll(dice, sizeof likely - 1)] : (uint8_t)roll(dice, 256);
    switch (roll(dice, 4)) {
    case 0:
        text[at] = byte;
        return size;
    case 1:
        memmove(text + at, text + at + 1, size - at - 1);
        return size - 1;
    case 2:
        return at; /* truncated */
    default:
        if (size == capacity) {
            return size;
        }
        memmove(text + at + 1, text + at, size - at);
        text[at] = byte;
        return size + 1;
    }
}

static void agrees_with_others(void **state)
{
    enum { RUNS = 200000, CAPACITY = 160 };
    size_t accepted = 0, refused = 0;
    (void)state;
    for (unsigned seed = 1; seed <= RUNS; seed++) {
        unsigned dice = seed;
        uint8_t text[CAPACITY];
        const char *from = seeds[roll(&dice, COUNT_OF(seeds))];
        size_t size = strlen(from);
        memcpy(text, from, size);
        for (unsigned i = 1 + roll(&dice, 3); i > 0 && size > 0; i--) {
            size = mutate(&dice, text, size, CAPACITY);
        }
        struct bytes view = bytes_of(text, size);
        struct buffer tokens;
        buffer_init(&tokens, 1 << 16);
        bool ok = scan_in(view, 1 + roll(&dice, 50), &tokens, NULL);
        buffer_clear(&tokens);
        enum verdict jansson = by_jansson(view);
        if ((jansson != NO_VERDICT && ok != (jansson == ACCEPTED)) || (ok && is_refused_by_yajl(view))) {
            char hex[2 * CAPACITY + 1];
            hex_write(view, hex);
            fail_msg("seed %u: we %s, jansson %d: %s", seed, ok ? "accept" : "refuse", (int)jansson, hex);
        }
        accepted += ok;
        refused += !ok;
    }
    assert_true(accepted > RUNS / 50 && refused > RUNS / 2); /* both have been tried */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts),
        cmocka_unit_test(broken_texts),
        cmocka_unit_test(parts_are_marked),
        cmocka_unit_test(the_place_is_told),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(plain_runs_end_where_they_should),
        cmocka_unit_test(utf8_is_that_of_rfc_3629),
        cmocka_unit_test(escapes_are_whole_characters),
        cmocka_unit_test(agrees_with_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
