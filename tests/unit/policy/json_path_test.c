#include "policy/json_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"

/* The path in one plain spelling: "." or ".." before each selector; names in <>. */
static void spell(const struct json_path *path, struct buffer *out)
{
    for (size_t i = 0; i < path->count; i++) {
        const struct json_path_segment *segment = &path->segments[i];
        buffer_append_text(out, segment->is_descendant ? ".." : ".");
        if (segment->kind == JSON_PATH_WILDCARD) {
            buffer_append_text(out, "*");
        } else if (segment->kind == JSON_PATH_INDEX) {
            buffer_append_decimal(out, segment->index);
        } else {
            buffer_append_u8(out, '<');
            buffer_append(out, segment->name);
            buffer_append_u8(out, '>');
        }
    }
}

static void known_answers(void **state)
{
    const struct {
        struct bytes text;
        const char *want; /* beginning with '!': the error's text contains it */
    } row[] = {
        { BYTES("$"), "" },
        { BYTES("$.a"), ".<a>" },
        { BYTES("$.entry[0].resource.name"), ".<entry>.0.<resource>.<name>" },
        { BYTES("$['a']['b c'][\"d\"]"), ".<a>.<b c>.<d>" },
        { BYTES("$[*].*"), ".*.*" },
        { BYTES("$..a..*..[0]..['x']..[*]"), "..<a>..*..0..<x>..*" },
        { BYTES("$ .a [ 'b' ]\t[ 7 ]"), ".<a>.<b>.7" },
        { BYTES("$.\xc3\xa4_9"), ".<\xc3\xa4_9>" },
        { BYTES("$['\\u00e4\\n\\'\\\\\\/\"']"), ".<\xc3\xa4\n'\\/\">" },
        { BYTES("$[\"\\\"'\"]"), ".<\"'>" },
        { BYTES("$['\\ud83d\\ude00']"), ".<\xf0\x9f\x98\x80>" },
        { BYTES("$['']"), ".<>" },
        { BYTES("$[9007199254740991]"), ".9007199254740991" },
        { BYTES(""), "!begin with $" },
        { BYTES("a"), "!column 1" },
        { BYTES("$a"), "!column 2" },
        { BYTES("$."), "!quote other names" },
        { BYTES("$.."), "!quote other names" },
        { BYTES("$.1a"), "!column 3" },
        { BYTES("$.a-b"), "!column 4" },
        { BYTES("$.a "), "!white space at the end" },
        { BYTES("$. a"), "!column 3" },
        { BYTES("$..."), "!column 4" },
        { BYTES("$["), "!not a selector" },
        { BYTES("$[]"), "!not a selector" },
        { BYTES("$[a]"), "!not a selector" },
        { BYTES("$[?@.a]"), "!filters" },
        { BYTES("$[0"), "!']' is missing" },
        { BYTES("$[0:2]"), "!slices" },
        { BYTES("$['a','b']"), "!slices" },
        { BYTES("$[-1]"), "!count from the front" },
        { BYTES("$[01]"), "!leading zeros" },
        { BYTES("$[9007199254740992]"), "!2^53-1" },
        { BYTES("$[99999999999999999999]"), "!2^53-1" },
        { BYTES("$['a"), "!not closed" },
        { BYTES("$['a\n']"), "!control character" },
        { BYTES("$['a\0']"), "!control character" },
        { BYTES("$['\\x']"), "!unknown escape" },
        { BYTES("$['\\\"']"), "!unknown escape" },
        { BYTES("$['\\u12g4']"), "!four hex" },
        { BYTES("$['\\u12"), "!four hex" },
        { BYTES("$['\\ud800']"), "!surrogate" },
        { BYTES("$['\\ud800\\u0041']"), "!surrogate" },
        { BYTES("$['\\udc00']"), "!surrogate" },
        { BYTES("$.\xff"), "!UTF-8" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct arena arena = { 0 };
        struct json_path *path = NULL;
        struct error e = { 0 };
        struct buffer spelled;
        char text[sizeof e];
        buffer_init(&spelled, 4096);
        if (json_path_parse(&path, row[i].text, &arena, "here", &e)) {
            spell(path, &spelled);
            if (!bytes_equal(buffer_bytes(&spelled), bytes_of_text(row[i].want))) {
                fail_msg("row %zu: %.*s", i, BYTES_FMT(buffer_bytes(&spelled)));
            }
        } else {
            assert_int_equal(e.kind, ERROR_INPUT);
            assert_null(path);
            if (row[i].want[0] != '!' || strstr(error_text(&e, text, sizeof text), row[i].want + 1) == NULL) {
                fail_msg("row %zu: %s", i, error_text(&e, text, sizeof text));
            }
        }
        buffer_clear(&spelled);
        arena_clear(&arena);
    }
}

static void at_most_63_segments(void **state)
{
    struct buffer text;
    struct arena arena = { 0 };
    struct json_path *path = NULL;
    struct error e = { 0 };
    (void)state;
    buffer_init(&text, 4096);
    buffer_append_text(&text, "$");
    for (int i = 0; i < JSON_PATH_SEGMENTS_MAX; i++) {
        buffer_append_text(&text, ".a");
    }
    assert_true(json_path_parse(&path, buffer_bytes(&text), &arena, "here", &e));
    assert_int_equal(path->count, JSON_PATH_SEGMENTS_MAX);
    buffer_append_text(&text, ".a");
    assert_false(json_path_parse(&path, buffer_bytes(&text), &arena, "here", &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    buffer_clear(&text);
    arena_clear(&arena);
}

static void memory_that_is_out_is_told(void **state)
{
    struct json_path *path = NULL;
    struct error e = { 0 };
    bool ok = false;
    (void)state;
    for (size_t size = 1; !ok; size += 8) {
        struct arena arena = { .size_max = size };
        ok = json_path_parse(&path, BYTES("$['a'].b"), &arena, "here", &e);
        if (!ok) {
            assert_int_equal(e.kind, ERROR_MEMORY);
        }
        arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(at_most_63_segments),
        cmocka_unit_test(memory_that_is_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
