#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "directory/identifier.h"

static uint64_t next(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

static void good_ones_are_read(void **state) /* reference: X-Road REST 1.2; case 18 is the fourth row */
{
    static const struct {
        const char *text;
        size_t count;
        struct bytes last;
        const char *written; /* NULL: as it was */
    } row[] = {
        { "EE/BUSINESS/consumer", 3, BYTES("consumer"), NULL },
        { "EE/BUSINESS/consumer/sub", 4, BYTES("sub"), NULL },
        { "EE/GOV/m/s/svc", 5, BYTES("svc"), NULL },
        { "Instance/Class/Member/SubSystem/Service%2FCode", 5, BYTES("Service/Code"), NULL },
        { "EE/GOV/a%20b", 3, BYTES("a b"), NULL },
        { "EE/GOV/%c3%b6", 3, BYTES("\u00F6"), "EE/GOV/%C3%B6" },
        { "EE/GOV/%41", 3, BYTES("A"), "EE/GOV/A" },
        { "EE/GOV/-._~!$&'()*+,;=:@", 3, BYTES("-._~!$&'()*+,;=:@"), NULL },
        { "EE/GOV/100%25", 3, BYTES("100%"), NULL },
        { "EE/GOV/..", 3, BYTES(".."), NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        uint8_t storage[128];
        struct identifier id;
        struct error e = { 0 };
        struct buffer out;
        buffer_init(&out, 1024);
        if (!identifier_parse(bytes_of_text(row[i].text), 3, 5, storage, &id, &e)) {
            fail_msg("row %zu: %s", i, e.what);
        }
        assert_int_equal(id.part_count, row[i].count);
        assert_true(bytes_equal(id.parts[id.part_count - 1], row[i].last));
        identifier_append(&out, &id);
        if (!bytes_equal(buffer_bytes(&out), bytes_of_text(row[i].written == NULL ? row[i].text : row[i].written))) {
            fail_msg("row %zu: written as %.*s", i, BYTES_FMT(buffer_bytes(&out)));
        }
        buffer_reset(&out);
        identifier_append_parts(&out, &id, 2);
        assert_int_equal(bytes_find(buffer_bytes(&out), '/'), bytes_find(bytes_of_text(row[i].text), '/'));
        buffer_clear(&out);
    }
}

static void bad_ones_are_refused(void **state)
{
    static const struct {
        struct bytes text;
        const char *what;
    } row[] = {
        { BYTES(""), "1 parts" },
        { BYTES("EE/GOV"), "2 parts" },
        { BYTES("EE/GOV/m/s/svc/more"), "6 parts" },
        { BYTES("EE%2FGOV%2Fm"), "1 parts" }, /* an encoded separator separates nothing */
        { BYTES("//"), "community is empty" },
        { BYTES("EE//m"), "class is empty" },
        { BYTES("EE/GOV/"), "member is empty" },
        { BYTES("/EE/GOV/m"), "community is empty" },
        { BYTES("EE/GOV/m/"), "subsystem is empty" },
        { BYTES("EE/GOV/a b"), "must be percent-encoded" },
        { BYTES("EE/GOV/a\"b"), "must be percent-encoded" },
        { BYTES("EE/GOV/a\tb"), "must be percent-encoded" },
        { BYTES("EE/GOV/a\0b"), "must be percent-encoded" },
        { BYTES("EE/GOV/\xC3\xB6"), "must be percent-encoded" },
        { BYTES("EE/GOV/a?b"), "must be percent-encoded" },
        { BYTES("EE/GOV/a#b"), "must be percent-encoded" },
        { BYTES("EE/GOV/a\\b"), "must be percent-encoded" },
        { BYTES("EE/GOV/a%"), "without two hex" },
        { BYTES("EE/GOV/a%2"), "without two hex" },
        { BYTES("EE/GOV/a%2g"), "without two hex" },
        { BYTES("EE/GOV/%%30"), "without two hex" },
        { BYTES("EE/GOV/%2/0"), "without two hex" },
        { BYTES("EE/GOV/%C3"), "not UTF-8" },
        { BYTES("EE/GOV/%C0%AF"), "not UTF-8" },
        { BYTES("EE/%ED%A0%80/m"), "not UTF-8" },
        { BYTES("EE/%C3/%B6"), "not UTF-8" }, /* whole only across the separator */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        uint8_t storage[128];
        struct identifier id;
        struct error e = { 0 };
        if (identifier_parse(row[i].text, 3, 5, storage, &id, &e)) {
            fail_msg("row %zu was read", i);
        }
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_int_equal(id.part_count, 0);
        if (strstr(e.what, row[i].what) == NULL) {
            fail_msg("row %zu: \"%s\", want \"%s\"", i, e.what, row[i].what);
        }
    }
}

static void parts_are_bounded(void **state)
{
    uint8_t text[8 + 3 * (IDENTIFIER_PART_SIZE_MAX + 1)], storage[sizeof text];
    struct identifier id;
    struct error e;
    (void)state;
    memcpy(text, "EE/GOV/", 7);
    memset(text + 7, 'a', sizeof text - 7);
    assert_true(identifier_parse(bytes_of(text, 7 + IDENTIFIER_PART_SIZE_MAX), 3, 5, storage, &id, &e));
    assert_false(identifier_parse(bytes_of(text, 7 + IDENTIFIER_PART_SIZE_MAX + 1), 3, 5, storage, &id, &e));
    /* It is the decoded size that counts. */
    for (size_t i = 0; i <= IDENTIFIER_PART_SIZE_MAX; i++) {
        memcpy(text + 7 + 3 * i, "%41", 3);
    }
    assert_true(identifier_parse(bytes_of(text, 7 + 3 * IDENTIFIER_PART_SIZE_MAX), 3, 5, storage, &id, &e));
    assert_false(identifier_parse(bytes_of(text, 7 + 3 * (IDENTIFIER_PART_SIZE_MAX + 1)), 3, 5, storage, &id, &e));
    assert_false(identifier_parse(BYTES("EE/GOV/m/s"), 3, 3, storage, &id, &e));
    assert_false(identifier_parse(BYTES("EE/GOV/m"), 4, 4, storage, &id, &e));
    assert_false(identifier_parse(BYTES("1/2/3/4/5/6"), 3, 9, storage, &id, &e));
}

static struct identifier parsed(const char *text, uint8_t storage[256])
{
    struct identifier id;
    struct error e = { 0 };
    if (!identifier_parse(bytes_of_text(text), 1, 5, storage, &id, &e)) {
        fail_msg("%s: %s", text, e.what);
    }
    return id;
}

static void comparing(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_equal, is_within;
    } row[] = {
        { "EE/GOV/m", "EE/GOV/m", true, true },
        { "EE/GOV/m", "EE/GOV/%6D", true, true },
        { "EE/GOV/m", "EE/GOV/M", false, false },
        { "EE/GOV/m/s", "EE/GOV/m", false, true },
        { "EE/GOV/m", "EE/GOV/m/s", false, false },
        { "EE/GOV/m/s/svc", "EE/GOV/m/s", false, true },
        { "EE/GOV/mm/s", "EE/GOV/m", false, false },
        { "EE/GOV/m/s/svc", "EE/GOV/m/t", false, false },
        { "FI/GOV/m/s", "EE/GOV/m/s", false, false },
        { "EE/GOV/a%2Fb", "EE/GOV/a/b", false, false },
        { "EE/GOV/%C3%B6", "EE/GOV/o%CC%88", false, false }, /* no normalisation */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        uint8_t storage[2][256];
        struct identifier a = parsed(row[i].a, storage[0]);
        struct identifier b = parsed(row[i].b, storage[1]);
        if (identifier_equal(&a, &b) != row[i].is_equal || identifier_is_within(&a, &b) != row[i].is_within) {
            fail_msg("row %zu", i);
        }
    }
}

static void registering(void **state) /* reference: X-Road REST 1.2 */
{
    static const struct {
        struct bytes part;
        bool ok, is_plain;
    } row[] = {
        { BYTES("Abc-09'()+,.=?"), true, true },
        { BYTES("a_b"), true, false },
        { BYTES("a b"), true, false },
        { BYTES("\u00F6"), true, false },
        { BYTES("a@b"), true, false },
        { BYTES("a\u00A0b"), true, false },
        { BYTES("a%b"), false, false },
        { BYTES("a:b"), false, false },
        { BYTES("a;b"), false, false },
        { BYTES("a/b"), false, false },
        { BYTES("a\\b"), false, false },
        { BYTES("a\0b"), false, false },
        { BYTES("a\x1F"), false, false },
        { BYTES("\x7F"), false, false },
        { BYTES("\xC2\x80"), false, false },
        { BYTES("\xC2\x9F"), false, false },
        { BYTES("\u200B"), false, false },
        { BYTES("\uFEFFa"), false, false },
        { BYTES(""), false, false },
        { BYTES("\xFF"), false, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct identifier id = { .parts = { BYTES("EE"), BYTES("GOV"), row[i].part }, .part_count = 3 };
        bool is_plain = false;
        struct error e = { 0 };
        bool ok = identifier_check_new(&id, &is_plain, &e);
        if (ok != row[i].ok || is_plain != row[i].is_plain) {
            fail_msg("row %zu: %d, plain %d: %s", i, ok, is_plain, e.what);
        }
        if (!ok && strstr(e.what, "member") == NULL) {
            fail_msg("row %zu: \"%s\" doesn't name the part", i, e.what);
        }
        assert_true(identifier_check_new(&id, NULL, &e) == ok);
    }
}

/* Written and read again, an identifier is the same, whatever bytes of UTF-8 its parts are of. */
static void writing_and_reading_agree(void **state)
{
    static const char *const pieces[] = { "a",      "Z",      "9",          "/",    "%",  " ",    ":", "@",
                                          "\u00F6", "\u20AC", "\U0001F600", "\x01", "\"", "\x7F", "." };
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        uint64_t dice = seed;
        char text[IDENTIFIER_PARTS_MAX][64];
        struct identifier id = { .part_count = 3 + next(&dice) % 3 }, again;
        uint8_t storage[1024];
        struct buffer out;
        struct error e = { 0 };
        buffer_init(&out, 4096);
        for (size_t i = 0; i < id.part_count; i++) {
            size_t size = 0;
            for (uint64_t n = 1 + next(&dice) % 10; n > 0; n--) {
                const char *piece = pieces[next(&dice) % COUNT_OF(pieces)];
                memcpy(text[i] + size, piece, strlen(piece));
                size += strlen(piece);
            }
            id.parts[i] = bytes_of(text[i], size);
        }
        identifier_append(&out, &id);
        assert_true(out.size <= sizeof storage);
        if (!identifier_parse(buffer_bytes(&out), id.part_count, id.part_count, storage, &again, &e) || !identifier_equal(&id, &again)) {
            fail_msg("seed %" PRIu64 ": %.*s: %s", seed, BYTES_FMT(buffer_bytes(&out)), e.what);
        }
        buffer_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_read), cmocka_unit_test(bad_ones_are_refused), cmocka_unit_test(parts_are_bounded),
        cmocka_unit_test(comparing),          cmocka_unit_test(registering),          cmocka_unit_test(writing_and_reading_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
