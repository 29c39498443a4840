#include "policy/release.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/time.h"
#include "policy/json_path.h"
#include "policy/release_plan_internal.h"
#include "release_model.h"

/*
 * Services made by hand: "path=category", with categories a to z and "-" for structure. Behind the category a transformation may stand, m, l, y or p,
 * and behind that the category that what comes out has: "$.born=ayb".
 */

enum { CATEGORIES = 3 };
struct made {
    struct arena arena;
    struct policy_service service;
    struct policy_release releases[CATEGORIES];
    struct policy_field fields[16];
    struct policy_transform transforms[16];
};
enum { CATEGORY_FIRST = 10 }; /* not the index in the service, so that a mix-up shows */

static struct transform transform_of(char letter)
{
    switch (letter) {
    case 'm':
        return (struct transform){ .kind = TRANSFORM_MASK, .first = 1 };
    case 'l':
        return (struct transform){ .kind = TRANSFORM_MASK, .last = 1 };
    case 'y':
        return (struct transform){ .kind = TRANSFORM_DATE_TO_YEAR };
    default:
        return (struct transform){ .kind = TRANSFORM_PSEUDONYM, .domain = BYTES("urn:test") };
    }
}

static void make_service(struct made *made, const char *const *fields, size_t count)
{
    struct error e = { 0 };
    *made = (struct made){ 0 };
    made->service = (struct policy_service){
        .releases = made->releases, .release_count = CATEGORIES, .fields = made->fields, .field_count = count
    };
    for (size_t i = 0; i < CATEGORIES; i++) {
        made->releases[i].category = i + CATEGORY_FIRST;
    }
    for (size_t i = 0; i < count; i++) {
        const char *equals = strrchr(fields[i], '=');
        made->fields[i].category = equals[1] == '-' ? POLICY_STRUCTURE : (size_t)(equals[1] - 'a') + CATEGORY_FIRST;
        if (equals[2] != '\0') {
            made->transforms[i].how = transform_of(equals[2]);
            made->transforms[i].as = equals[3] == '\0' ? POLICY_STRUCTURE : (size_t)(equals[3] - 'a') + CATEGORY_FIRST;
            made->fields[i].transform = &made->transforms[i];
        }
        if (!json_path_parse(&made->fields[i].path, bytes_of(fields[i], (size_t)(equals - fields[i])), &made->arena, "test", &e)) {
            fail_msg("%s: %s", fields[i], e.what);
        }
    }
}

static const struct transform_context model_context = { .now_ms = INT64_C(1795521600000), .has_pseudonym_key = true };

/* In pieces of `step` bytes. The result in `out`, which the caller clears. */
static bool run_to(const struct policy_service *service, const bool *permitted, struct bytes answer, size_t step, struct buffer *out,
                   struct release_told *told, struct error *e)
{
    struct release *release = NULL;
    buffer_init(out, (size_t)1 << 30);
    assert_true(release_make(&release, service, permitted, &model_context, e));
    bool ok = true;
    for (size_t i = 0; i < answer.size && ok; i += step) {
        ok = release_add(release, bytes_slice(answer, i, i + step), out, e);
    }
    ok = ok && release_end(release, out, e);
    if (ok) {
        release_tell(release, told);
    }
    if (!ok) {
        struct error again = { 0 };
        assert_false(release_add(release, BYTES("1"), out, &again)); /* a failure stays */
        assert_false(release_end(release, out, &again));
        assert_int_equal(again.kind, ERROR_INPUT);
    }
    release_free(release);
    return ok;
}

static bool run(const struct policy_service *service, const bool *permitted, struct bytes answer, size_t step, struct buffer *out,
                bool *kept, bool *removed, struct error *e)
{
    struct release_told told;
    bool ok = run_to(service, permitted, answer, step, out, &told, e);
    if (ok && kept != NULL) {
        memcpy(kept, told.kept, CATEGORIES * sizeof *kept);
        memcpy(removed, told.removed, CATEGORIES * sizeof *removed);
    }
    return ok;
}

/* ---- Known answers ---- */

static void what_is_kept(void **state)
{
    const struct {
        const char *fields[5];
        const char *permitted; /* letters */
        const char *answer, *want, *kept, *removed;
    } row[] = {
        { { "$.a=a" }, "a", "{\"a\":1,\"b\":2}", "{\"a\":1}", "a", "" },
        { { "$.a=a" }, "", "{\"a\":1,\"b\":2}", "{}", "", "a" },
        { { "$.a=a", "$.b=b" }, "b", "{\"a\":1, \"b\" : [ true , null ] }", "{\"b\":[true,null]}", "b", "a" },
        { { "$=a", "$.b=b" }, "a", "{\"a\":1,\"b\":2,\"c\":{\"b\":3}}", "{\"a\":1,\"c\":{\"b\":3}}", "a", "b" },
        { { "$=a", "$..b=b" }, "a", "{\"a\":1,\"b\":2,\"c\":{\"b\":3}}", "{\"a\":1}", "a", "b" },
        { { "$.a=-", "$.a.b=a" }, "", "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"c\":2}}", "", "a" },
        { { "$.a.b=a", "$.a=b" }, "a", "{\"a\":{\"b\":1}}", "{}", "", "b" },
        { { "$.a.b=a", "$.a=b" }, "ab", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}", "ab", "" },
        { { "$[1]=a" }, "a", "[1,2,3]", "[2]", "a", "" },
        { { "$[*].x=a", "$[0].y=b" }, "ab", "[{\"x\":1,\"y\":2},{\"x\":3,\"y\":4},5]", "[{\"x\":1,\"y\":2},{\"x\":3}]", "ab", "" },
        { { "$.l[*].v=a" }, "a", "{\"l\":[{\"w\":1},{\"v\":2},[3]]}", "{\"l\":[{\"v\":2}]}", "a", "" },
        { { "$.a=a" }, "a", "{\"a\":{}}", "{\"a\":{}}", "a", "" },
        { { "$.a=a" }, "a", "{\"a\":[[],{}]}", "{\"a\":[[],{}]}", "a", "" },
        { { "$.a=a" }, "", "{\"a\":{}}", "{}", "", "a" },
        { { "$.a.b=a" }, "a", "{\"a\":{},\"c\":[]}", "{}", "", "" },
        { { "$.a=a" }, "a", "{}", "{}", "", "" },
        { { "$=a" }, "a", "{}", "{}", "a", "" },
        { { "$=a" }, "", "[]", "[]", "", "a" },
        { { "$=a" }, "", "[1]", "[]", "", "a" },
        { { "$=a" }, "a", " \"x\" ", "\"x\"", "a", "" },
        { { "$=a" }, "", "12", "null", "", "a" },
        { { "$.a=a" }, "a", "12", "null", "", "" },
        { { "$=-" }, "", "true", "true", "", "" },
        { { "$..*=a" }, "a", "{\"x\":{\"y\":[1,{\"z\":2}]}}", "{\"x\":{\"y\":[1,{\"z\":2}]}}", "a", "" },
        { { "$.x..z=a" }, "a", "{\"z\":0,\"x\":{\"z\":1,\"y\":{\"z\":{\"q\":2}}}}", "{\"x\":{\"z\":1,\"y\":{\"z\":{\"q\":2}}}}", "a", "" },
        { { "$..a..b=a" }, "a", "{\"a\":{\"a\":{\"b\":1}},\"b\":2}", "{\"a\":{\"a\":{\"b\":1}}}", "a", "" },
        { { "$.*.*=a" }, "a", "{\"x\":[1,2],\"y\":3}", "{\"x\":[1,2]}", "a", "" },
        { { "$['0']=a" }, "a", "[1]", "[]", "", "" },
        { { "$[0]=a" }, "a", "{\"0\":1}", "{}", "", "" },
        { { "$['\xc3\xa4']=a" }, "a", "{\"\\u00e4\":1}", "{\"\\u00e4\":1}", "a", "" },
        { { "$=-" },
          "",
          "[1e400,-0,0.10,123456789012345678901234567890,1E+2]",
          "[1e400,-0,0.10,123456789012345678901234567890,1E+2]",
          "",
          "" },
        { { "$=-" },
          "",
          "[\"\\u0041\\/\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f\"]",
          "[\"\\u0041\\/\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f\"]",
          "",
          "" },
        { { "$=-" },
          "",
          "[\"\\ud83d\\ude00 \xf0\x9f\x98\x80 12345678 \\\\ud800\"]",
          "[\"\\ud83d\\ude00 \xf0\x9f\x98\x80 12345678 \\\\ud800\"]",
          "",
          "" },
        { { "$.d=ay" }, "a", "{\"d\":\"1980-02-29\"}", "{\"d\":\"1980\"}", "a", "" },
        { { "$.d=ay" }, "", "{\"d\":\"1980-02-29\"}", "{}", "", "a" },
        { { "$.d=ayb" }, "a", "{\"d\":\"1980-02-29\"}", "{\"d\":\"1980-02-29\"}", "a", "" },
        { { "$.d=ayb" }, "ab", "{\"d\":\"1980-02-29\"}", "{\"d\":\"1980-02-29\"}", "a", "" },
        { { "$.d=ayb" }, "b", "{\"d\":\"1980-02-29\"}", "{\"d\":\"1980\"}", "b", "a" },
        { { "$.d=ayb" }, "c", "{\"d\":\"1980-02-29\"}", "{}", "", "a" },
        { { "$.d=ayb" }, "b", "{\"d\":null,\"e\":1}", "{}", "", "a" },
        { { "$.d=ay", "$.d=am" }, "a", "{\"d\":\"1980-02-29\"}", "{}", "", "" },
        { { "$.d=ay", "$..d=ay" }, "a", "{\"d\":\"1980-02-29\"}", "{\"d\":\"1980\"}", "a", "" },
        { { "$.d=ay", "$=b" }, "ab", "{\"d\":\"1980-02-29\",\"e\":1}", "{\"d\":\"1980\",\"e\":1}", "ab", "" },
        { { "$.d=ay", "$=b" }, "a", "{\"d\":\"1980-02-29\",\"e\":1}", "{}", "", "b" },
        { { "$.d=am" }, "a", "{\"d\":[\"abc\",{\"x\":\"de\",\"y\":7},[],{}]}", "{\"d\":[\"a**\",{\"x\":\"d*\"}]}", "a", "" },
        { { "$.d=am" }, "a", "{\"d\":[1,null,[]]}", "{}", "", "" },
        { { "$=am" }, "a", "\"abc\"", "\"a**\"", "a", "" },
        { { "$=am" }, "a", "123", "null", "", "" },
        { { "$=am" }, "a", "[]", "[]", "", "" },
        { { "$=am" }, "a", "[\"\",\"\\u0061bc\"]", "[\"a**\"]", "a", "" },
        { { "$.a.b=am", "$.a=-" }, "a", "{\"a\":{\"b\":\"xyz\",\"c\":\"xyz\"}}", "{\"a\":{\"b\":\"x**\",\"c\":\"xyz\"}}", "a", "" },
        { { "$=-" }, "", "{\"\\n\\\"\":{\"\":[{}]}}", "{\"\\n\\\"\":{\"\":[{}]}}", "", "" },
        { { "$=-" }, "", "{\"a\":{\"a\":1,\"b\":{\"a\":2}},\"b\":{\"a\":3}}", "{\"a\":{\"a\":1,\"b\":{\"a\":2}},\"b\":{\"a\":3}}", "", "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct made made;
        struct buffer out;
        struct error e = { 0 };
        bool permitted[CATEGORIES] = { false }, kept[CATEGORIES], removed[CATEGORIES];
        size_t count = 0;
        while (count < COUNT_OF(row[i].fields) && row[i].fields[count] != NULL) {
            count++;
        }
        make_service(&made, row[i].fields, count);
        for (const char *letter = row[i].permitted; *letter != '\0'; letter++) {
            permitted[*letter - 'a'] = true;
        }
        struct bytes answer = bytes_of_text(row[i].answer);
        for (size_t step = 1; step <= answer.size; step++) {
            if (!run(&made.service, permitted, answer, step, &out, kept, removed, &e)) {
                fail_msg("row %zu: %s", i, e.what);
            }
            if (!bytes_equal(buffer_bytes(&out), bytes_of_text(row[i].want))) {
                fail_msg("row %zu, pieces of %zu: %.*s, want %s", i, step, BYTES_FMT(buffer_bytes(&out)), row[i].want);
            }
            for (size_t j = 0; j < CATEGORIES; j++) {
                if (kept[j] != (strchr(row[i].kept, 'a' + (int)j) != NULL) ||
                    removed[j] != (strchr(row[i].removed, 'a' + (int)j) != NULL)) {
                    fail_msg("row %zu: category %zu: kept %d, removed %d", i, j, kept[j], removed[j]);
                }
            }
            buffer_clear(&out);
        }
        arena_clear(&made.arena);
    }
}

static void what_is_refused(void **state)
{
    const struct {
        struct bytes answer;
        const char *what;
    } row[] = {
        { BYTES(""), "not JSON" },
        { BYTES("   "), "not JSON" },
        { BYTES("<html>"), "not JSON" },
        { BYTES("{\"a\":1"), "not JSON" },
        { BYTES("{\"a\":1}}"), "not JSON" },
        { BYTES("{\"a\":1} x"), "not JSON" },
        { BYTES("1 2"), "not JSON" },
        { BYTES("{\"a\":1,}"), "not JSON" },
        { BYTES("[1,]"), "not JSON" },
        { BYTES("[,1]"), "not JSON" },
        { BYTES("{a:1}"), "not JSON" },
        { BYTES("{'a':1}"), "not JSON" },
        { BYTES("{1:1}"), "not JSON" },
        { BYTES("{\"a\" 1}"), "not JSON" },
        { BYTES("[1 2]"), "not JSON" },
        { BYTES("[01]"), "not JSON" },
        { BYTES("[+1]"), "not JSON" },
        { BYTES("[.5]"), "not JSON" },
        { BYTES("[1.]"), "not JSON" },
        { BYTES("[1e]"), "not JSON" },
        { BYTES("-"), "not JSON" },
        { BYTES("[NaN]"), "not JSON" },
        { BYTES("[Infinity]"), "not JSON" },
        { BYTES("[tru]"), "not JSON" },
        { BYTES("[True]"), "not JSON" },
        { BYTES("/* c */ 1"), "not JSON" },
        { BYTES("[\"a\nb\"]"), "not JSON" },
        { BYTES("[\"a\0b\"]"), "not JSON" },
        { BYTES("[1]\0"), "not JSON" },
        { BYTES("[\"\\x\"]"), "not JSON" },
        { BYTES("[\"\\u12g4\"]"), "not JSON" },
        { BYTES("[\"\\u12"), "not JSON" },
        { BYTES("[\"abc"), "not JSON" },
        { BYTES("\xef\xbb\xbf{}"), "not JSON" },
        { BYTES("{\"a\":1,\"a\":2}"), "repeated" },
        { BYTES("{\"a\":1,\"\\u0061\":2}"), "repeated" },
        { BYTES("{\"\\u00e4\":1,\"\xc3\xa4\":2}"), "repeated" },
        { BYTES("{\"z\":{\"a\":1,\"b\":{\"a\":1},\"a\":2}}"), "repeated" }, /* also where nothing is kept */
        { BYTES("[{},{\"\":1,\"\":2}]"), "repeated" },
        { BYTES("[\"\xff\"]"), "UTF-8" },
        { BYTES("[\"\xc3\"]"), "UTF-8" },
        { BYTES("[\"\xc0\x80\"]"), "UTF-8" },
        { BYTES("[\"\xed\xa0\x80\"]"), "UTF-8" },
        { BYTES("[\"\xf4\x90\x80\x80\"]"), "UTF-8" },
        { BYTES("{\"\xff\":1}"), "UTF-8" },
        { BYTES("[\"\\ud800\"]"), "surrogate" },
        { BYTES("[\"\\udc00\"]"), "surrogate" },
        { BYTES("[\"\\ud800\\u0041\"]"), "surrogate" },
        { BYTES("[\"\\ud800\\ud800\"]"), "surrogate" },
        { BYTES("[\"\\ud800\\n\"]"), "surrogate" },
        { BYTES("[\"\\ud800x\\udc00\"]"), "surrogate" },
        { BYTES("{\"\\ud800\":1}"), "surrogate" },
    };
    static const char *const fields[] = { "$.a=a" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct made made;
        make_service(&made, fields, 1);
        for (size_t step = 1; step <= row[i].answer.size + 1; step++) {
            struct buffer out;
            struct error e = { 0 };
            const bool permitted[CATEGORIES] = { true };
            if (run(&made.service, permitted, row[i].answer, step, &out, NULL, NULL, &e) || e.kind != ERROR_INPUT ||
                strstr(e.what, row[i].what) == NULL) {
                fail_msg("row %zu, pieces of %zu: '%s', want '%s'", i, step, e.what, row[i].what);
            }
            buffer_clear(&out);
        }
        arena_clear(&made.arena);
    }
}

/* ---- Limits ---- */

static void depth_has_a_limit(void **state)
{
    static const char *const fields[] = { "$..*=a" };
    const bool permitted[CATEGORIES] = { true };
    struct made made;
    struct buffer text, out;
    struct error e = { 0 };
    (void)state;
    make_service(&made, fields, 1);
    const size_t depths[] = { RELEASE_DEPTH_MAX, RELEASE_DEPTH_MAX + 1, 10000, 1000000 };
    for (size_t i = 0; i < COUNT_OF(depths); i++) {
        buffer_init(&text, SIZE_MAX / 2);
        for (size_t j = 0; j < depths[i]; j++) {
            buffer_append_text(&text, j % 2 == 0 ? "[" : "{\"k\":");
        }
        buffer_append_text(&text, depths[i] % 2 == 0 ? "1" : "");
        for (size_t j = depths[i]; j-- > 0;) {
            buffer_append_text(&text, j % 2 == 0 ? "]" : "}");
        }
        bool ok = run(&made.service, permitted, buffer_bytes(&text), 4096, &out, NULL, NULL, &e);
        assert_int_equal(ok, depths[i] <= RELEASE_DEPTH_MAX);
        if (ok) {
            assert_true(bytes_equal(buffer_bytes(&out), buffer_bytes(&text)));
        } else {
            assert_non_null(strstr(e.what, "it is nested too deep"));
        }
        buffer_clear(&text);
        buffer_clear(&out);
    }
    arena_clear(&made.arena);
}

static bool run_keys(size_t count, size_t size, bool is_nested)
{
    static const char *const fields[] = { "$..x=a" };
    const bool permitted[CATEGORIES] = { true };
    struct made made;
    struct buffer text, out;
    struct error e = { 0 };
    make_service(&made, fields, 1);
    buffer_init(&text, SIZE_MAX / 2);
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(&text, i == 0 || is_nested ? "{" : ",");
        buffer_append_format(&text, "\"%0*zu\":", (int)size, i);
        buffer_append_text(&text, is_nested && i + 1 < count ? "" : "1");
    }
    for (size_t i = 0; i < (is_nested ? count : 1); i++) {
        buffer_append_text(&text, "}");
    }
    bool ok = run(&made.service, permitted, buffer_bytes(&text), (size_t)1 << 20, &out, NULL, NULL, &e);
    if (!ok) {
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_non_null(strstr(e.what, "key"));
    }
    buffer_clear(&text);
    buffer_clear(&out);
    arena_clear(&made.arena);
    return ok;
}

static void keys_have_limits(void **state)
{
    (void)state;
    assert_true(run_keys(RELEASE_KEYS_MAX, 6, false));
    assert_false(run_keys(RELEASE_KEYS_MAX + 1, 6, false));
    assert_true(run_keys(2, RELEASE_KEY_BYTES_MAX, false));
    assert_false(run_keys(2, RELEASE_KEY_BYTES_MAX + 1, false));
    assert_true(run_keys(15, RELEASE_KEY_BYTES_MAX, true)); /* 15 x 64 KiB on one way down */
    assert_false(run_keys(17, RELEASE_KEY_BYTES_MAX, true));
}

/* A long string in small pieces: the time must grow with its size, not with its square. */
static void long_strings_take_linear_time(void **state)
{
    static const char *const fields[] = { "$=a" };
    const bool permitted[CATEGORIES] = { true };
    enum { SIZE = 16 * 1024 * 1024 };
    struct made made;
    struct buffer out;
    struct error e = { 0 };
    (void)state;
    make_service(&made, fields, 1);
    uint8_t *text = malloc(SIZE);
    assert_non_null(text);
    memset(text, 'x', SIZE);
    text[0] = text[SIZE - 1] = '"';
    uint64_t before = time_monotonic_us();
    assert_true(run(&made.service, permitted, bytes_of(text, SIZE), 1000, &out, NULL, NULL, &e));
    assert_true(bytes_equal(buffer_bytes(&out), bytes_of(text, SIZE)));
    uint64_t took = time_monotonic_us() - before;
    assert_true(took < 20 * 1000 * 1000); /* some 0.2 s; the square would be minutes */
    buffer_clear(&out);
    /* Behind a long string the small ones are looked at at once again. */
    text[SIZE - 1] = 'x';
    free(text);
    arena_clear(&made.arena);
}

static size_t held_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* 64 MiB of small objects with ever new keys: what is held is what is open. */
static void memory_does_not_grow(void **state)
{
    static const char *const fields[] = { "$[*].keep=a" };
    const bool permitted[CATEGORIES] = { true };
    struct made made;
    struct release *release = NULL;
    struct buffer out, piece;
    struct error e = { 0 };
    size_t before = 0, after = 0;
    (void)state;
    make_service(&made, fields, 1);
    buffer_init(&out, 1 << 20);
    buffer_init(&piece, 1 << 20);
    assert_true(release_make(&release, &made.service, permitted, NULL, &e));
    assert_true(release_add(release, BYTES("[0"), &out, &e));
    for (size_t i = 0; i < 20000; i++) {
        buffer_reset(&piece);
        for (size_t j = 0; j < 40; j++) {
            buffer_append_format(&piece, ",{\"key-%zu-%zu\":{\"a\":[1,\"two\"]},\"keep\":%zu, \"gone\":\"some text to fill a line\"}", i, j,
                                 j);
        }
        buffer_reset(&out);
        if (!release_add(release, buffer_bytes(&piece), &out, &e)) {
            fail_msg("%s", e.what);
        }
        if (i == 10) {
            before = held_bytes();
        }
    }
    after = held_bytes();
    assert_true(release_add(release, BYTES("]"), &out, &e) && release_end(release, &out, &e));
    if (after > before + 4096) {
        fail_msg("%zu bytes more", after - before);
    }
    release_free(release);
    buffer_clear(&out);
    buffer_clear(&piece);
    arena_clear(&made.arena);
}

static void a_full_buffer_is_told(void **state)
{
    static const char *const fields[] = { "$=a" };
    const bool permitted[CATEGORIES] = { true };
    struct made made;
    struct release *release = NULL;
    struct buffer out;
    struct error e = { 0 };
    (void)state;
    make_service(&made, fields, 1);
    buffer_init(&out, 8);
    assert_true(release_make(&release, &made.service, permitted, NULL, &e));
    assert_false(release_add(release, BYTES("[\"much longer than eight\"]"), &out, &e));
    assert_int_equal(e.kind, ERROR_MEMORY);
    release_free(release);
    release_free(NULL);
    buffer_clear(&out);
    arena_clear(&made.arena);
}

/* A category that the law lets out in no form: another one's permission makes nothing of it. */
static void nothing_is_made_of_what_never_leaves(void **state)
{
    static const char *const fields[] = { "$.d=ayb", "$.e=byc" };
    const bool permitted[CATEGORIES] = { false, true, true };
    const struct transform_context barred = { .barred = 1 };
    struct made made;
    struct release *release = NULL;
    struct buffer out;
    struct error e = { 0 };
    (void)state;
    make_service(&made, fields, 2);
    buffer_init(&out, 1024);
    assert_true(release_make(&release, &made.service, permitted, &barred, &e));
    assert_true(release_add(release, BYTES("{\"d\":\"1980-02-29\",\"e\":\"1980-02-29\"}"), &out, &e) && release_end(release, &out, &e));
    assert_true(bytes_equal(buffer_bytes(&out), BYTES("{\"e\":\"1980-02-29\"}")));
    assert_true(release_removed(release)[0] && !release_failed(release)[0]);
    release_free(release);
    buffer_clear(&out);
    arena_clear(&made.arena);
}

static void a_field_must_be_released(void **state)
{
    static const char *const fields[] = { "$=z" };
    const bool permitted[CATEGORIES] = { true };
    struct made made;
    struct release *release = NULL;
    struct error e = { 0 };
    (void)state;
    make_service(&made, fields, 1);
    assert_false(release_make(&release, &made.service, permitted, NULL, &e));
    assert_null(release);
    arena_clear(&made.arena);
}

/* ---- Against the model (release_model.h) ---- */

static unsigned roll(unsigned *dice, unsigned sides)
{
    return (unsigned)rand_r(dice) % sides;
}

static json_t *random_value(unsigned *dice, size_t depth)
{
    static const char *const strings[] = {
        "", "x", "\xc3\xa4", "1980-02-29", "2027-03-01T09:15:02Z", "EE-38001010014-and-more", "a\"b\\c\n", "a long text of more than eight",
        "/"
    };
    unsigned kind = roll(dice, depth < 5 ? 8 : 4);
    json_t *result = NULL;
    switch (kind) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(roll(dice, 2));
    case 2:
        return json_integer((json_int_t)roll(dice, 1000) - 500);
    case 3:
        return json_string(strings[roll(dice, COUNT_OF(strings))]);
    case 4:
    case 5:
        result = json_array();
        for (unsigned i = roll(dice, 4); i > 0; i--) {
            assert_int_equal(json_array_append_new(result, random_value(dice, depth + 1)), 0);
        }
        return result;
    default:
        result = json_object();
        for (unsigned i = roll(dice, 4); i > 0; i--) {
            const char key[2] = { (char)('a' + (int)roll(dice, 4)), '\0' };
            assert_int_equal(json_object_set_new(result, key, random_value(dice, depth + 1)), 0);
        }
        return result;
    }
}

static void random_path(unsigned *dice, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "$");
    for (unsigned i = roll(dice, 5); i > 0; i--) {
        const char *dots = roll(dice, 4) == 0 ? ".." : "";
        switch (roll(dice, 3)) {
        case 0:
            used += (size_t)snprintf(out + used, size - used, "%s['%c']", dots, 'a' + (int)roll(dice, 4));
            break;
        case 1:
            used += (size_t)snprintf(out + used, size - used, "%s[%u]", dots, roll(dice, 3));
            break;
        default:
            used += (size_t)snprintf(out + used, size - used, "%s[*]", dots);
            break;
        }
    }
    static const char *const ends[] = { "=a", "=b", "=c", "=-", "=am", "=bl", "=cy", "=ayb", "=amc", "=bpa", "=bma", "=-" };
    (void)snprintf(out + used, size - used, "%s", ends[roll(dice, COUNT_OF(ends))]);
}

static void compare_with_model(unsigned seed)
{
    unsigned dice = seed;
    char paths[6][80];
    const char *fields[6];
    struct made made;
    struct buffer out;
    struct error e = { 0 };
    bool permitted[CATEGORIES];
    struct release_told told;
    size_t count = 1 + roll(&dice, 6);
    for (size_t i = 0; i < count; i++) {
        random_path(&dice, paths[i], sizeof paths[i]);
        fields[i] = paths[i];
    }
    for (size_t i = 0; i < CATEGORIES; i++) {
        permitted[i] = roll(&dice, 3) > 0;
    }
    make_service(&made, fields, count);
    json_t *value = random_value(&dice, 0);
    const size_t styles[] = { JSON_COMPACT, JSON_INDENT(2), JSON_ENSURE_ASCII, JSON_ESCAPE_SLASH };
    char *text = json_dumps(value, JSON_ENCODE_ANY | styles[roll(&dice, 4)]);
    size_t step = 1 + roll(&dice, 40);
    if (!run_to(&made.service, permitted, bytes_of_text(text), step, &out, &told, &e)) {
        fail_msg("seed %u: %s: %s", seed, text, e.what);
    }
    struct release_told must_tell;
    json_t *want = release_model(&made.service, permitted, &model_context, value, &must_tell),
           *got = json_loadb((const char *)out.data, out.size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (got == NULL || !json_equal(got, want) || (out.size > strlen(text) && !json_is_null(got))) {
        fail_msg("seed %u: %s -> %.*s", seed, text, BYTES_FMT(buffer_bytes(&out)));
    }
    if (memcmp(&told, &must_tell, sizeof told) != 0) {
        fail_msg("seed %u: what is told differs: %s", seed, text);
    }
    json_decref(want);
    json_decref(got);
    json_decref(value);
    free(text);
    buffer_clear(&out);
    arena_clear(&made.arena);
}

static void cuts_as_the_model(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 20000; seed++) {
        compare_with_model(seed);
    }
}

/* ---- Speed: 1 KiB, as a person's record is ---- */

static void small_answers_are_fast(void **state)
{
    static const char *const fields[] = { "$.resourceType=-",           "$.id=-",          "$.name=a",    "$.birthDate=a", "$.address=b",
                                          "$.entry[*].resource.code=c", "$.entry[*].id=-", "$..status=c", "$.telecom=b",   "$.gender=a",
                                          "$.identifier[*].value=a",    "$.meta=-" };
    static const char answer[] =
        "{\"resourceType\":\"Bundle\",\"id\":\"b-4711\",\"meta\":{\"versionId\":\"3\",\"lastUpdated\":\"2027-03-01T09:15:02Z\"},"
        "\"identifier\":[{\"system\":\"urn:oid:1.2.3\",\"value\":\"EE12345678901\"}],\"name\":[{\"family\":\"Mwangi\",\"given\":[\"Wanjiru\",\"N\"]}],"
        "\"gender\":\"female\",\"birthDate\":\"1980-02-29\",\"telecom\":[{\"system\":\"phone\",\"value\":\"+254 700 000 000\"}],"
        "\"address\":[{\"line\":[\"12 Acacia Road\"],\"city\":\"Nairobi\",\"country\":\"KE\"}],\"entry\":["
        "{\"id\":\"1\",\"resource\":{\"resourceType\":\"Immunization\",\"status\":\"completed\",\"code\":{\"text\":\"Measles\",\"coding\":[{\"system\":"
        "\"http://hl7.org/fhir/sid/cvx\",\"code\":\"05\"}]},\"occurrence\":\"2025-05-05\",\"lot\":\"AX-1\"}},"
        "{\"id\":\"2\",\"resource\":{\"resourceType\":\"Condition\",\"status\":\"active\",\"code\":{\"text\":\"Asthma\",\"coding\":[{\"system\":"
        "\"http://snomed.info/sct\",\"code\":\"195967001\"}]},\"onset\":\"2001-01-01\",\"note\":\"stable since 2019\"}},"
        "{\"id\":\"3\",\"resource\":{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"BP\"},\"value\":[120,80.5]}}]}";
    const bool permitted[CATEGORIES] = { true, false, true };
    enum { TIMES = 20000 };
    struct made made;
    struct buffer out;
    struct error e = { 0 };
    struct release_plan *plan = NULL;
    (void)state;
    make_service(&made, fields, COUNT_OF(fields));
    assert_true(release_plan_make(&plan, &made.service, &made.arena, &e));
    made.service.plan = plan;
    buffer_init(&out, 1 << 16);
    clock_t best = 0;
    for (int turn = 0; turn < 5; turn++) {
        clock_t before = clock(); /* of this process: others on the machine don't count */
        for (int i = 0; i < TIMES; i++) {
            struct release *release = NULL;
            buffer_reset(&out);
            if (!release_make(&release, &made.service, permitted, NULL, &e) ||
                !release_add(release, bytes_of(answer, sizeof answer - 1), &out, &e) || !release_end(release, &out, &e)) {
                fail_msg("%s", e.what);
            }
            release_free(release);
        }
        clock_t took = clock() - before;
        best = turn == 0 || took < best ? took : best;
    }
    print_message("release: %zu bytes in, %zu out, %.2f us each\n", sizeof answer - 1, out.size,
                  (double)best * 1e6 / CLOCKS_PER_SEC / TIMES);
    buffer_clear(&out);
    arena_clear(&made.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(keys_have_limits),
        cmocka_unit_test(long_strings_take_linear_time),
        cmocka_unit_test(memory_does_not_grow),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(a_field_must_be_released),
        cmocka_unit_test(nothing_is_made_of_what_never_leaves),
        cmocka_unit_test(cuts_as_the_model),
        cmocka_unit_test(small_answers_are_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
