#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/code_guard.h"
#include "api/paper_code.h"
#include "world.h"

enum { MINUTE = 60 * 1000 };
static const int64_t start_ms = 1800000000000;
static const char digits_of[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void typing(void **state)
{
    char text[PAPER_CODE_TEXT_SIZE], digits[PAPER_CODE_DIGITS], again[PAPER_CODE_DIGITS], typed[80];
    (void)state;
    for (int n = 0; n < 200; n++) {
        paper_code_make(text);
        assert_int_equal(strlen(text), PAPER_CODE_TEXT_SIZE - 1);
        assert_true(paper_code_read(bytes_of_text(text), digits));
        size_t at = 0;
        for (size_t i = 0; text[i] != '\0'; i++) { /* as a hurried hand types it */
            char c = text[i] == '0' ? 'o' : text[i] == '1' ? "iIlL"[n % 4] : text[i];
            typed[at++] = c == '-' ? ' ' : (char)(c >= 'A' && c <= 'Z' && n % 2 == 0 ? c - 'A' + 'a' : c);
        }
        assert_true(paper_code_read(bytes_of(typed, at), again));
        assert_memory_equal(digits, again, PAPER_CODE_DIGITS);
    }
    static const char *const wrong[] = { "",
                                         "-",
                                         "0000-0000-0000-000",
                                         "0000-0000-0000-00000",
                                         "UUUU-UUUU-UUUU-UUUU",
                                         "0000-0000-0000-000\xc3\x96",
                                         "0000000000000000 0000000000000000 00000000000" };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_false(paper_code_read(bytes_of_text(wrong[i]), digits));
    }
}

/* Each wrong digit, and each swap of two: for all positions and all digits. */
static void typing_errors_are_seen(void **state)
{
    char text[PAPER_CODE_TEXT_SIZE], digits[PAPER_CODE_DIGITS], wrong[PAPER_CODE_DIGITS], out[PAPER_CODE_DIGITS];
    (void)state;
    for (int n = 0; n < 50; n++) {
        paper_code_make(text);
        assert_true(paper_code_read(bytes_of_text(text), digits));
        for (size_t i = 0; i < PAPER_CODE_DIGITS; i++) {
            for (const char *c = digits_of; *c != '\0'; c++) {
                memcpy(wrong, digits, sizeof wrong);
                wrong[i] = *c;
                assert_int_equal(paper_code_read(bytes_of(wrong, sizeof wrong), out), *c == digits[i]);
            }
            for (size_t j = 0; j < i; j++) {
                memcpy(wrong, digits, sizeof wrong);
                wrong[i] = digits[j];
                wrong[j] = digits[i];
                assert_int_equal(paper_code_read(bytes_of(wrong, sizeof wrong), out), digits[i] == digits[j]);
            }
        }
    }
}

static struct paper_code code_of(enum role role)
{
    return (
        struct paper_code){ .role = role, .issued_by = BYTES("counter-1"), .issued_at_ms = start_ms, .until_ms = start_ms + 15 * MINUTE };
}

static void issue(struct store *store, const struct paper_code *code, char digits[PAPER_CODE_DIGITS])
{
    struct error e = { 0 };
    char text[PAPER_CODE_TEXT_SIZE];
    assert_true(paper_code_issue(store, code, text, &e));
    assert_true(paper_code_read(bytes_of_text(text), digits));
}

static void once_and_not_for_long(void **state)
{
    struct api_world *w = *state;
    struct error e = { 0 };
    struct arena arena = { 0 };
    struct paper_code code = code_of(ROLE_HELPER), out;
    char digits[PAPER_CODE_DIGITS];
    code.person = BYTES("p1");
    code.who = BYTES("Ada");
    issue(w->store, &code, digits);
    assert_true(paper_code_take(w->store, digits, BYTES_NONE, start_ms + 15 * MINUTE - 1, &arena, &out, &e));
    assert_int_equal(out.role, ROLE_HELPER);
    assert_true(bytes_equal(out.person, code.person) && bytes_equal(out.who, code.who) && bytes_equal(out.issued_by, code.issued_by));
    assert_false(paper_code_take(w->store, digits, BYTES_NONE, start_ms, &arena, &out, &e)); /* used */
    assert_int_equal(e.kind, ERROR_ABSENT);
    issue(w->store, &code, digits);
    assert_false(paper_code_take(w->store, digits, BYTES_NONE, start_ms + 15 * MINUTE, &arena, &out, &e)); /* over */
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_false(paper_code_take(w->store, digits, BYTES_NONE, start_ms + 16 * MINUTE, &arena, &out, &e));
    /* The answer never arrived: the same browser gets it once more, another doesn't, and not for long. */
    issue(w->store, &code, digits);
    assert_true(paper_code_take(w->store, digits, BYTES("visit-1"), start_ms, &arena, &out, &e));
    assert_false(paper_code_take(w->store, digits, BYTES("visit-2"), start_ms + 1, &arena, &out, &e));
    assert_false(paper_code_take(w->store, digits, BYTES_NONE, start_ms + 1, &arena, &out, &e));
    assert_true(paper_code_take(w->store, digits, BYTES("visit-1"), start_ms + PAPER_CODE_AGAIN_MS - 1, &arena, &out, &e));
    assert_int_equal(out.role, ROLE_HELPER);
    assert_false(paper_code_take(w->store, digits, BYTES("visit-1"), start_ms + PAPER_CODE_AGAIN_MS, &arena, &out, &e));
    issue(w->store, &code, digits);
    assert_true(paper_code_sweep(w->store, start_ms + 15 * MINUTE, &e));
    assert_false(paper_code_take(w->store, digits, BYTES_NONE, start_ms, &arena, &out, &e));
    issue(w->store, &code, digits);
    assert_true(store_begin(w->store, &e) && paper_code_forget_person(w->store, BYTES("p1"), &e) && store_commit(w->store, &e));
    assert_false(paper_code_take(w->store, digits, BYTES_NONE, start_ms, &arena, &out, &e));
    arena_clear(&arena);
}

static void for_whom_a_code_can_be(void **state)
{
    struct api_world *w = *state;
    const struct {
        enum role role;
        const char *person, *guardianship, *who;
        bool is_good;
    } rows[] = {
        { ROLE_PERSON, "p", "", "", true },     { ROLE_PERSON, "", "", "", false },          { ROLE_PERSON, "p", "g", "", false },
        { ROLE_PERSON, "p", "", "x", false },   { ROLE_GUARDIAN, "g", "g-1", "", true },     { ROLE_GUARDIAN, "g", "", "", false },
        { ROLE_HELPER, "p", "", "Ada", true },  { ROLE_HELPER, "p", "", "", false },         { ROLE_HELPER, "", "", "Ada", false },
        { ROLE_OFFICER, "", "", "Eve", true },  { ROLE_OFFICER, "p", "", "Eve", false },     { ROLE_OFFICER, "", "", "", false },
        { ROLE_VIEWER, "", "", "Eve", true },   { ROLE_OPERATOR, "", "", "Eve", true },      { ROLE_AUDITOR, "", "", "Eve", true },
        { ROLE_ANONYMOUS, "p", "", "", false }, { ROLE_ORGANISATION, "", "", "Eve", false },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error e = { 0 };
        struct paper_code code = code_of(rows[i].role);
        char text[PAPER_CODE_TEXT_SIZE];
        code.person = bytes_of_text(rows[i].person);
        code.guardianship = bytes_of_text(rows[i].guardianship);
        code.who = bytes_of_text(rows[i].who);
        if (paper_code_issue(w->store, &code, text, &e) != rows[i].is_good) {
            fail_msg("row %zu: %s", i, e.what);
        }
    }
    struct error e = { 0 };
    struct paper_code code = code_of(ROLE_PERSON);
    char text[PAPER_CODE_TEXT_SIZE];
    code.person = BYTES("p");
    code.until_ms = start_ms + PAPER_CODE_AGE_MAX_MS + 1;
    assert_false(paper_code_issue(w->store, &code, text, &e));
    code.until_ms = start_ms;
    assert_false(paper_code_issue(w->store, &code, text, &e));
}

static void guessing(void **state)
{
    struct code_guard *guard = code_guard_make();
    uint64_t now_us = 1000000;
    int64_t wait_ms, longest_ms = 0;
    unsigned tries = 0;
    (void)state;
    assert_non_null(guard);
    /* An hour of guessing as fast as one is let. */
    for (uint64_t end_us = now_us + UINT64_C(3600) * 1000000; now_us < end_us; now_us += 1000) {
        if (!code_guard_may_try(guard, "192.0.2.7:4711", now_us, &wait_ms)) {
            longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
            now_us += (uint64_t)wait_ms * 1000;
            continue;
        }
        tries++;
        code_guard_failed(guard, "192.0.2.7:1234", now_us); /* from another port */
    }
    assert_in_range(tries, CODE_FAILURES_FREE + 6, CODE_FAILURES_FREE + 70);
    assert_in_range(longest_ms, CODE_WAIT_MAX_MS - 1000, CODE_WAIT_MAX_MS + 1);
    /* Others are let, and so is this one after it has made no mistake. */
    assert_true(code_guard_may_try(guard, "192.0.2.8:4711", now_us, &wait_ms));
    code_guard_failed(guard, "192.0.2.7:1", now_us);
    assert_false(code_guard_may_try(guard, "192.0.2.7:4711", now_us, &wait_ms));
    code_guard_succeeded(guard, "192.0.2.7:9");
    assert_true(code_guard_may_try(guard, "192.0.2.7:4711", now_us, &wait_ms));
    code_guard_free(guard);
}

static void addresses(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_same;
    } rows[] = {
        { "192.0.2.7:1", "192.0.2.7:65535", true },
        { "192.0.2.7:1", "192.0.2.70:1", false },
        { "[2001:db8:1:2::3]:1", "[2001:db8:1:2:5:6:7:8]:2", true },
        { "[2001:db8:1:2::3]:1", "[2001:db8:1:3::3]:1", false },
        { "[2001:db8::1]:1", "[2001:db8::2]:1", true },
        { "[2001:db8::1]:1", "[2001:db9::1]:1", false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct code_guard *guard = code_guard_make();
        int64_t wait_ms;
        assert_non_null(guard);
        for (int n = 0; n <= CODE_FAILURES_FREE; n++) {
            code_guard_failed(guard, rows[i].a, 5);
        }
        if (code_guard_may_try(guard, rows[i].b, 5, &wait_ms) == rows[i].is_same) {
            fail_msg("%s and %s", rows[i].a, rows[i].b);
        }
        code_guard_free(guard);
    }
}

static void all_together(void **state)
{
    struct code_guard *guard = code_guard_make();
    int64_t wait_ms;
    char address[32];
    unsigned tries = 0;
    (void)state;
    assert_non_null(guard);
    for (unsigned i = 0; i < 10000; i++) { /* 10,000 addresses in a second */
        (void)snprintf(address, sizeof address, "10.0.%u.%u:1", i / 250, i % 250);
        if (code_guard_may_try(guard, address, 7000000 + i * 99, &wait_ms)) {
            code_guard_failed(guard, address, 7000000 + i * 99);
            tries++;
        }
    }
    assert_int_equal(tries, CODE_FAILURES_PER_S);
    assert_true(code_guard_may_try(guard, "10.1.1.1:1", 8000000, &wait_ms));
    code_guard_free(guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typing),       cmocka_unit_test(typing_errors_are_seen), cmocka_unit_test(once_and_not_for_long),
        cmocka_unit_test(guessing),     cmocka_unit_test(for_whom_a_code_can_be), cmocka_unit_test(addresses),
        cmocka_unit_test(all_together),
    };
    return cmocka_run_group_tests(tests, api_world_setup, api_world_teardown);
}
