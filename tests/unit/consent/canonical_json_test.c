#include "consent/canonical_json.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool canonical(const char *json, struct buffer *out, struct error *e)
{
    json_t *value = json_loads(json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(value);
    buffer_init(out, 65536);
    bool ok = canonical_json_write(value, "value", out, e);
    json_decref(value);
    return ok;
}

/* RFC 8785: 3.2.2 (without its fractions), 3.2.3 (sorting), and cyberphone's testdata "french", "structures" and "values" as far as they are whole. */
static void known_answers(void **state)
{
    (void)state;
    const struct {
        const char *json, *want;
    } rows[] = {
        { "{\"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\", \"literals\": [null, true, false]}",
          "{\"literals\":[null,true,false],\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}" },
        { "{\"\\u20ac\": \"Euro Sign\", \"\\r\": \"Carriage Return\", \"\\ufb33\": \"Hebrew Letter Dalet With Dagesh\", \"1\": \"One\","
          " \"\\ud83d\\ude00\": \"Emoji: Grinning Face\", \"\\u0080\": \"Control\", \"\\u00f6\": \"Latin Small Letter O With Diaeresis\"}",
          "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\",\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\","
          "\"\xe2\x82\xac\":\"Euro Sign\",\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\",\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}" },
        { "{\"peach\": \"This sorting order\", \"p\\u00e9ch\\u00e9\": \"is wrong according to French\", \"p\\u00eache\": \"but canonicalization MUST\","
          " \"sin\": \"ignore locale\"}",
          "{\"peach\":\"This sorting order\",\"p\xc3\xa9"
          "ch\xc3\xa9\":\"is wrong according to French\",\"p\xc3\xaa"
          "che\":\"but canonicalization MUST\","
          "\"sin\":\"ignore locale\"}" },
        { "{\"1\": {\"f\": {\"f\": \"hi\", \"F\": 5}, \"\\n\": 56}, \"10\": {}, \"\": \"empty\", \"a\": {}, \"111\": [{\"e\": \"yes\", \"E\": \"no\"}], \"A\": {}}",
          "{\"\":\"empty\",\"1\":{\"\\n\":56,\"f\":{\"F\":5,\"f\":\"hi\"}},\"10\":{},\"111\":[{\"E\":\"no\",\"e\":\"yes\"}],\"A\":{},\"a\":{}}" },
        { "[-9007199254740991, 9007199254740991, 0, -0]", "[-9007199254740991,9007199254740991,0,0]" },
        { "\"\\b\\t\\n\\f\\r\\u0001\\u001f\\u007f\"", "\"\\b\\t\\n\\f\\r\\u0001\\u001f\x7f\"" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buffer out;
        struct error e = { 0 };
        if (!canonical(rows[i].json, &out, &e) || !bytes_equal(buffer_bytes(&out), bytes_of_text(rows[i].want))) {
            fail_msg("row %zu: %s %.*s", i, e.what, BYTES_FMT(buffer_bytes(&out)));
        }
        buffer_clear(&out);
    }
}

static void refuses_what_has_no_one_form(void **state)
{
    (void)state;
    const char *const rows[] = { "1.5", "[1e2]", "{\"a\":9007199254740992}", "-9007199254740992" };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buffer out;
        struct error e = { 0 };
        if (canonical(rows[i], &out, &e) || e.kind != ERROR_INPUT) {
            fail_msg("row %zu was taken", i);
        }
        buffer_clear(&out);
    }
}

static json_t *nest(unsigned depth)
{
    json_t *value = json_integer(1);
    for (unsigned i = 1; i < depth; i++) {
        value = json_pack("[o]", value);
    }
    return value;
}

static void keeps_its_limits(void **state)
{
    (void)state;
    struct error e = { 0 };
    struct buffer out;
    buffer_init(&out, 4096);
    json_t *deep = nest(CANONICAL_JSON_DEPTH_MAX), *deeper = nest(CANONICAL_JSON_DEPTH_MAX + 1);
    assert_true(canonical_json_write(deep, "value", &out, &e));
    assert_false(canonical_json_write(deeper, "value", &out, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    buffer_clear(&out);
    buffer_init(&out, 8);
    assert_false(canonical_json_write(deep, "value", &out, &e));
    assert_int_equal(e.kind, ERROR_FULL);
    buffer_clear(&out);
    json_decref(deep);
    json_decref(deeper);
    buffer_init(&out, 65536);
    json_t *wide = json_object();
    for (unsigned i = 0; i <= CANONICAL_JSON_KEYS_MAX; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%u", i);
        assert_int_equal(json_object_set_new(wide, key, json_null()), 0);
    }
    assert_false(canonical_json_write(wide, "value", &out, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_int_equal(json_object_del(wide, "0"), 0);
    assert_true(canonical_json_write(wide, "value", &out, &e));
    json_decref(wide);
    buffer_clear(&out);
}

/* The slow model: a key as its UTF-16 units, big-endian, which sort as bytes. */
static size_t utf16(struct bytes key, uint8_t *out)
{
    size_t size = 0;
    while (key.size > 0) {
        size_t length = bytes_utf8_length(key);
        assert_in_range(length, 1, 4);
        static const uint8_t masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
        uint32_t code = key.data[0] & masks[length];
        for (size_t i = 1; i < length; i++) {
            code = code << 6 | (key.data[i] & 0x3f);
        }
        uint32_t units[2] = { code, 0 };
        if (code >= 0x10000) {
            units[0] = 0xd800 + ((code - 0x10000) >> 10);
            units[1] = 0xdc00 + ((code - 0x10000) & 0x3ff);
        }
        for (size_t i = 0; i < (code >= 0x10000 ? 2 : 1); i++) {
            out[size++] = (uint8_t)(units[i] >> 8);
            out[size++] = (uint8_t)units[i];
        }
        key = bytes_slice(key, length, key.size);
    }
    return size;
}

/* Keys of every class of characters stand in the model's order, and what is written again from what was read is the same. */
static void sorts_like_utf16(void **state)
{
    (void)state;
    static const char *const letters[] = { "a",
                                           "b",
                                           "\x7f",
                                           "\xc2\x80",
                                           "\xdf\xbf",
                                           "\xe0\xa0\x80",
                                           "\xed\x9f\xbf",
                                           "\xee\x80\x80",
                                           "\xef\xbf\xbd",
                                           "\xf0\x90\x80\x80",
                                           "\xf4\x8f\xbf\xbf" };
    for (unsigned seed = 1; seed <= 2000; seed++) {
        unsigned dice = seed;
        json_t *object = json_object();
        for (unsigned n = 0; n < 12; n++) {
            char key[64] = "";
            size_t size = 0;
            for (int i = rand_r(&dice) % 4; i > 0; i--) {
                const char *letter = letters[(size_t)rand_r(&dice) % COUNT_OF(letters)];
                memcpy(key + size, letter, strlen(letter));
                size += strlen(letter);
            }
            assert_int_equal(json_object_set_new(object, key, json_integer(n)), 0);
        }
        struct buffer out, again;
        struct error e;
        buffer_init(&out, 65536);
        buffer_init(&again, 65536);
        assert_true(canonical_json_write(object, "value", &out, &e));
        json_t *back = json_loadb((const char *)out.data, out.size, 0, NULL);
        assert_non_null(back);
        assert_true(json_equal(object, back));
        assert_true(canonical_json_write(back, "value", &again, &e));
        assert_true(bytes_equal(buffer_bytes(&out), buffer_bytes(&again)));
        struct bytes last = BYTES_NONE, text = buffer_bytes(&out);
        for (size_t i = 1; i + 1 < text.size;) { /* {"key":number,...}: no key of these needs an escape */
            size_t end = i + 1 + bytes_find(bytes_slice(text, i + 1, text.size), '"');
            struct bytes key = bytes_slice(text, i + 1, end);
            uint8_t left[128], right[128];
            if (last.data != NULL && bytes_compare(bytes_of(left, utf16(last, left)), bytes_of(right, utf16(key, right))) >= 0) {
                fail_msg("seed %u: %.*s", seed, BYTES_FMT(text));
            }
            last = key;
            i = end + bytes_find(bytes_slice(text, end, text.size), ',') + 1;
        }
        json_decref(object);
        json_decref(back);
        buffer_clear(&out);
        buffer_clear(&again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(refuses_what_has_no_one_form),
        cmocka_unit_test(keeps_its_limits),
        cmocka_unit_test(sorts_like_utf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
