#include "policy/transform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"

static struct buffer out;

/* 2026-11-24T12:00:00Z */
static const struct transform_context context = { .now_ms = INT64_C(1795521600000),
                                                  .pseudonym_key = { 1, 2, 3, 4, 5, 6, 7, 8 },
                                                  .has_pseudonym_key = true };

static const struct transform mask_none = { .kind = TRANSFORM_MASK }, mask_two = { .kind = TRANSFORM_MASK, .first = 1, .last = 1 },
                              mask_last = { .kind = TRANSFORM_MASK, .last = 3 }, year = { .kind = TRANSFORM_DATE_TO_YEAR },
                              month = { .kind = TRANSFORM_DATE_TO_MONTH }, whole = { .kind = TRANSFORM_COARSEN_PLACE },
                              one = { .kind = TRANSFORM_COARSEN_PLACE, .places = 1 },
                              three = { .kind = TRANSFORM_COARSEN_PLACE, .places = 3 },
                              hash = { .kind = TRANSFORM_COARSEN_PLACE, .places = 4, .is_geohash = true },
                              bands = { .kind = TRANSFORM_AGE_BAND, .band_count = 4, .bands = { 0, 18, 40, 65 } },
                              band = { .kind = TRANSFORM_AGE_BAND, .band_count = 1, .bands = { 0 } };

/* NULL: it can't be transformed. */
static void known_answers(void **state)
{
    const struct {
        const struct transform *transform;
        const char *token, *want;
    } row[] = {
        { &mask_none, "\"secret\"", "\"******\"" },
        { &mask_last, "\"+254700000123\"", "\"**********123\"" },
        { &mask_two, "\"abc\"", "\"a*c\"" },
        { &mask_two, "\"ab\"", "\"**\"" }, /* nothing would be hidden: so everything is */
        { &mask_two, "\"a\"", "\"*\"" },
        { &mask_two, "\"\"", NULL },
        { &mask_two, "\"\\u00e4b\\ud83d\\ude00\"", "\"\xc3\xa4*\xf0\x9f\x98\x80\"" },
        { &mask_two, "\"\xe7\x8e\x8b\xe7\xa7\x80\xe8\x8b\xb1\"", "\"\xe7\x8e\x8b*\xe8\x8b\xb1\"" },
        { &mask_two, "\"\\\"x\\\\\"", "\"\\\"*\\\\\"" },
        { &mask_two, "\"\\nx\\u0001\"", "\"\\n*\\u0001\"" },
        { &mask_two, "\"\\u0022x\\u000a\"", "\"\\\"*\\n\"" },
        { &mask_two, "12345", NULL },
        { &mask_two, "null", NULL },
        { &mask_two, "true", NULL },
        { &year, "\"1980-02-29\"", "\"1980\"" },
        { &year, "\"1980-02\"", "\"1980\"" },
        { &year, "\"1980\"", "\"1980\"" },
        { &year, "\"2027-03-01T09:15:02Z\"", "\"2027\"" },
        { &year, "\"2027-03-01T09:15:02.113+03:00\"", "\"2027\"" },
        { &year, "\"2027-03-01T09:15:02\"", "\"2027\"" },
        { &year, "\"\\u0031980-02-29\"", "\"1980\"" },
        { &month, "\"1980-02-29\"", "\"1980-02\"" },
        { &month, "\"1980-02\"", "\"1980-02\"" },
        { &month, "\"1980\"", "\"1980\"" },
        { &month, "\"1980-12-31T23:59:59-05:00\"", "\"1980-12\"" },
        { &year, "\"1981-02-29\"", NULL },
        { &year, "\"1980-13-01\"", NULL },
        { &year, "\"1980-00\"", NULL },
        { &year, "\"1980-02-29x\"", NULL },
        { &year, "\"1980-02-29T\"", NULL },
        { &year, "\"1980-02-29T25:00:00Z\"", NULL },
        { &year, "\"1980-02-29 secret diagnosis that stands behind the date\"", NULL },
        { &year, "\"19800229\"", NULL },
        { &year, "\"29.2.1980\"", NULL },
        { &year, "\"198\"", NULL },
        { &year, "\"abcd\"", NULL },
        { &year, "\"\"", NULL },
        { &year, "1980", NULL },
        { &year, "false", NULL },
        { &one, "-1.2921", "-1.2" },
        { &one, "36.8219", "36.8" },
        { &one, "36.80", "36.8" },
        { &one, "36", "36" },
        { &one, "-0.05", "-0.0" },
        { &whole, "36.8219", "36" },
        { &whole, "-0.9", "-0" },
        { &three, "36.82194837", "36.821" },
        { &three, "36.8", "36.8" },
        { &one, "180", "180" },
        { &one, "181", NULL },
        { &one, "-180.99", "-180.9" },
        { &one, "1e2", NULL },
        { &one, "1.5E0", NULL },
        { &one, "99999999999999999999999", NULL },
        { &one, "\"-1.2921\"", "\"-1.2\"" },
        { &one, "\"-1.2921,36.8219\"", "\"-1.2,36.8\"" },
        { &one, "\"-1.2921, 36.8219\"", "\"-1.2,36.8\"" },
        { &one, "\"-1.2921,36.8219,1795\"", NULL },
        { &one, "\"-1.2921,\"", NULL },
        { &one, "\",\"", NULL },
        { &one, "\"1.\"", NULL },
        { &one, "\".5\"", NULL },
        { &one, "\"-\"", NULL },
        { &one, "\"+1.5\"", NULL },
        { &one, "\"007\"", NULL },
        { &one, "\"1.5N\"", NULL },
        { &one, "\"Nairobi\"", NULL },
        { &one, "\"\"", NULL },
        { &one, "null", NULL },
        { &hash, "\"kzf0tvg5\"", "\"kzf0\"" },
        { &hash, "\"kzf\"", "\"kzf\"" },
        { &hash, "\"kzf0a\"", NULL }, /* a, i, l, o are no letters of it */
        { &hash, "\"KZF0\"", NULL },
        { &hash, "\"kzf0tvg5kzf0t\"", NULL },
        { &hash, "\"\\u0000\"", NULL },
        { &hash, "\"\"", NULL },
        { &hash, "1.5", NULL },
        { &bands, "\"1980-02-29\"", "\"40-64\"" },
        { &bands, "\"2008-11-24\"", "\"18-39\"" }, /* eighteen today */
        { &bands, "\"2008-11-25\"", "\"0-17\"" },
        { &bands, "\"1961-11-24\"", "\"65+\"" },
        { &bands, "\"1961-11-25\"", "\"40-64\"" },
        { &bands, "\"2026-11-24\"", "\"0-17\"" },
        { &bands, "\"2026-11-25\"", NULL }, /* not born yet */
        { &bands, "\"1980-02-29T09:00:00Z\"", "\"40-64\"" },
        { &bands, "\"1980-02\"", NULL },
        { &bands, "\"1980\"", NULL },
        { &bands, "\"1875-01-01\"", NULL }, /* 151 */
        { &bands, "17", "0" },
        { &bands, "18", "18" },
        { &bands, "39", "18" },
        { &bands, "64", "40" },
        { &bands, "65", "65" },
        { &bands, "150", "65" },
        { &bands, "151", NULL },
        { &bands, "0", "0" },
        { &bands, "-1", NULL },
        { &bands, "17.5", NULL },
        { &bands, "1e1", NULL },
        { &bands, "\"46\"", "\"40\"" },
        { &bands, "\"046\"", NULL },
        { &bands, "\"forty\"", NULL },
        { &bands, "true", NULL },
        { &band, "\"1980-02-29\"", "\"0+\"" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        bool ok = transform_apply(row[i].transform, &context, bytes_of_text(row[i].token), &out);
        if (ok != (row[i].want != NULL) || (ok && !bytes_equal(buffer_bytes(&out), bytes_of_text(row[i].want)))) {
            fail_msg("row %zu: %s by %s: %.*s", i, row[i].token, transform_word(row[i].transform->kind), ok ? (int)out.size : 7,
                     ok ? (const char *)out.data : "nothing");
        }
    }
}

/* ---- Pseudonyms ---- */

static void make_pseudonym(const char *recipient, const char *domain, const char *token, char text[32])
{
    static const uint8_t secret[SHA256_SIZE] = { 9, 9, 9 };
    const struct transform transform = { .kind = TRANSFORM_PSEUDONYM, .domain = bytes_of_text(domain) };
    struct transform_context c = { .has_pseudonym_key = true };
    uint8_t storage[256];
    struct identifier id;
    struct error e;
    assert_true(identifier_parse(bytes_of_text(recipient), 3, 5, storage, &id, &e));
    assert_true(transform_recipient_key(bytes_of(secret, sizeof secret), &id, c.pseudonym_key));
    assert_true(transform_apply(&transform, &c, bytes_of_text(token), &out));
    assert_true(out.size < 32 && out.size <= strlen(token) && out.data[0] == '"' && out.data[out.size - 1] == '"');
    (void)snprintf(text, 32, "%.*s", BYTES_FMT(buffer_bytes(&out)));
}

static void pseudonyms_are_of_one_recipient(void **state)
{
    static const char token[] = "\"EE-38001010014-and-more\"";
    char first[32], other[32];
    (void)state;
    make_pseudonym("B/HEALTH/CLINIC", "urn:id", token, first);
    assert_int_equal(strlen(first), 24);
    make_pseudonym("B/HEALTH/CLINIC/frontdesk", "urn:id", token, other);
    assert_string_equal(first, other); /* the member's, whichever of its systems asks */
    make_pseudonym("B/HEALTH/CLINIC2", "urn:id", token, other);
    assert_string_not_equal(first, other);
    make_pseudonym("B/HEALTHCLINIC/x", "urn:id", token, other);
    assert_string_not_equal(first, other);
    make_pseudonym("B/HEALTH/CLINIC", "urn:name", token, other);
    assert_string_not_equal(first, other);
    make_pseudonym("B/HEALTH/CLINIC", "urn:id", "\"EE-38001010015-and-more\"", other);
    assert_string_not_equal(first, other);
    make_pseudonym("B/HEALTH/CLINIC", "urn:id", "\"\\u0045E-38001010014-and-more\"", other);
    assert_string_equal(first, other); /* the same text, spelled otherwise */
}

/* Checked with Python's hmac and base64: HMAC(HMAC(090909 and 29 zeros, "comity-pseudonym/1\nB/HEALTH/CLINIC"), "urn:id" NUL "s" text). */
static void a_pseudonym_is_as_written_down(void **state)
{
    char text[32];
    (void)state;
    make_pseudonym("B/HEALTH/CLINIC/frontdesk", "urn:id", "\"EE-38001010014-and-more\"", text);
    assert_string_equal(text, "\"XifnXyZETjgLUPn5OBMJ8k\"");
    make_pseudonym("B/HEALTH/CLINIC/frontdesk", "urn:id", "38001010014", text);
    assert_string_equal(text, "\"QDTLSB_k\"");
}

static void a_pseudonym_fits_or_is_none(void **state)
{
    const struct transform transform = { .kind = TRANSFORM_PSEUDONYM, .domain = BYTES("urn:id") };
    (void)state;
    for (size_t size = 0; size <= 40; size++) {
        char token[48];
        (void)snprintf(token, sizeof token, "\"%.*s\"", (int)size, "0123456789012345678901234567890123456789");
        size_t want = size >= 22 ? 24 : size >= 16 ? 18 : size >= 11 ? 13 : size >= 8 ? 10 : 0;
        bool ok = transform_apply(&transform, &context, bytes_of_text(token), &out);
        if (ok != (want > 0) || (ok && out.size != want)) {
            fail_msg("%zu characters: %zu", size, out.size);
        }
    }
    assert_false(transform_apply(&transform, &context, BYTES("123456789"), &out)); /* two quotes more than there is room for */
    assert_true(transform_apply(&transform, &context, BYTES("1234567890"), &out));
    assert_false(transform_apply(&transform, &context, BYTES("null"), &out));
    struct transform_context without = context;
    without.has_pseudonym_key = false;
    assert_false(transform_apply(&transform, &without, BYTES("\"EE-38001010014-and-more\""), &out));
}

/* ---- Whatever comes ---- */

static void nothing_gets_longer(void **state)
{
    static const struct transform *const all[] = { &mask_none, &mask_two, &mask_last, &year,  &month, &whole,
                                                   &one,       &three,    &hash,      &bands, &band };
    static const char letters[] = "0123456789-.,TZ:+eEk\"\\u x";
    unsigned dice = 7;
    size_t made = 0;
    (void)state;
    for (int run = 0; run < 300000; run++) {
        char token[40];
        size_t size = 1 + (size_t)(rand_r(&dice) % 20);
        bool is_text = rand_r(&dice) % 2 == 0;
        for (size_t i = 0; i < size; i++) {
            token[i] = letters[(size_t)rand_r(&dice) % (is_text ? sizeof letters - 6 : 12)];
        }
        token[0] = is_text ? '"' : token[0];
        token[size] = is_text ? '"' : '\0';
        size_t whole_size = size + (is_text ? 1 : 0);
        const struct transform *transform = all[(size_t)rand_r(&dice) % COUNT_OF(all)];
        if (transform_apply(transform, &context, bytes_of(token, whole_size), &out)) {
            assert_true(out.size <= whole_size && out.size > 0);
            made++;
        }
    }
    assert_true(made > 10000);
}

static void long_values_are_none(void **state)
{
    char *token = malloc(TRANSFORM_TOKEN_BYTES_MAX + 1);
    (void)state;
    assert_non_null(token);
    memset(token, 'x', TRANSFORM_TOKEN_BYTES_MAX + 1);
    token[0] = token[TRANSFORM_TOKEN_BYTES_MAX - 1] = '"';
    assert_true(transform_apply(&mask_last, &context, bytes_of(token, TRANSFORM_TOKEN_BYTES_MAX), &out));
    assert_int_equal(out.size, TRANSFORM_TOKEN_BYTES_MAX);
    token[TRANSFORM_TOKEN_BYTES_MAX - 1] = 'x';
    token[TRANSFORM_TOKEN_BYTES_MAX] = '"';
    assert_false(transform_apply(&mask_last, &context, bytes_of(token, TRANSFORM_TOKEN_BYTES_MAX + 1), &out));
    assert_false(transform_apply(&mask_last, &context, BYTES(""), &out));
    free(token);
}

static void equality_is_of_what_comes_out(void **state)
{
    struct transform other = bands;
    (void)state;
    assert_true(transform_equal(&bands, &other));
    other.bands[1] = 21;
    assert_false(transform_equal(&bands, &other));
    assert_false(transform_equal(&year, &month));
    assert_false(transform_equal(&one, &three));
    assert_false(transform_equal(&mask_two, &mask_last));
}

static int begin(void **state)
{
    (void)state;
    buffer_init(&out, TRANSFORM_TOKEN_BYTES_MAX);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buffer_clear(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(pseudonyms_are_of_one_recipient),
        cmocka_unit_test(a_pseudonym_is_as_written_down),
        cmocka_unit_test(a_pseudonym_fits_or_is_none),
        cmocka_unit_test(nothing_gets_longer),
        cmocka_unit_test(long_values_are_none),
        cmocka_unit_test(equality_is_of_what_comes_out),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
