#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/session.h"
#include "world.h"

static const struct session_ages ages = { .idle_ms = 30 * 60 * 1000, .age_max_ms = 12 * 3600 * 1000 };
enum { MINUTE = 60 * 1000 };
static const int64_t start_ms = 1800000000000;

static struct session person(const char *name)
{
    return (struct session){ .roles = 1U << ROLE_PERSON, .person = bytes_of_text(name), .method = BYTES("code") };
}

static void open_one(struct store *store, struct session *session, int64_t now_ms, char cookie[SESSION_COOKIE_SIZE])
{
    struct error e = { 0 };
    assert_true(session_open(store, session, &ages, now_ms, cookie, &e));
    assert_int_equal(strlen(cookie), SESSION_COOKIE_SIZE - 1);
}

/* Is this cookie good now? `fresh` is what it rotates to. */
static bool is_good(struct store *store, const char *cookie, int64_t now_ms, struct session *out, char fresh[SESSION_COOKIE_SIZE])
{
    struct error e = { 0 };
    struct arena arena = { 0 };
    bool ok = session_find(store, bytes_of_text(cookie), &ages, now_ms, &arena, out, fresh, &e);
    assert_true(ok || e.kind == ERROR_ABSENT);
    arena_clear(&arena);
    return ok;
}

static void an_id_is_nowhere_but_in_the_cookie(void **state)
{
    struct api_world *w = *state;
    struct session s = {
        .roles = 1U << ROLE_HELPER, .person = BYTES("p1"), .who = BYTES("Ada"), .method = BYTES("code"), .id_token = BYTES("x.y.z")
    };
    struct session found;
    char cookie[SESSION_COOKIE_SIZE], fresh[SESSION_COOKIE_SIZE];
    struct arena arena = { 0 };
    struct error e = { 0 };
    open_one(w->store, &s, start_ms, cookie);
    assert_true(session_find(w->store, bytes_of_text(cookie), &ages, start_ms + 1, &arena, &found, fresh, &e));
    assert_int_equal(found.roles, 1U << ROLE_HELPER);
    assert_true(bytes_equal(found.person, s.person) && bytes_equal(found.who, s.who) && bytes_equal(found.id_token, s.id_token));
    assert_memory_equal(found.csrf, s.csrf, SHA256_SIZE);
    assert_string_equal(found.name, s.name);
    assert_string_equal(fresh, "");
    assert_null(strstr(cookie, s.name));
    arena_clear(&arena);
    /* Whatever else than what was given: nothing. */
    static const char *const wrong[] = { "", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_false(is_good(w->store, wrong[i], start_ms + 1, &found, fresh));
    }
    cookie[5] = cookie[5] == 'A' ? 'B' : 'A';
    assert_false(is_good(w->store, cookie, start_ms + 1, &found, fresh));
}

static void idle_and_old_ones_end(void **state)
{
    struct api_world *w = *state;
    struct session s = person("p2"), found;
    char cookie[SESSION_COOKIE_SIZE], fresh[SESSION_COOKIE_SIZE];
    int64_t now_ms = start_ms, count = 0;
    struct error e = { 0 };
    open_one(w->store, &s, now_ms, cookie);
    assert_true(is_good(w->store, cookie, now_ms + ages.idle_ms - 1, &found, fresh));
    open_one(w->store, &s, now_ms, cookie);
    assert_false(is_good(w->store, cookie, now_ms + ages.idle_ms, &found, fresh));
    /* Used all the time, it ends nevertheless. */
    open_one(w->store, &s, now_ms, cookie);
    while (now_ms + 9 * MINUTE < start_ms + ages.age_max_ms) {
        now_ms += 9 * MINUTE;
        assert_true(is_good(w->store, cookie, now_ms, &found, fresh));
        if (fresh[0] != '\0') {
            memcpy(cookie, fresh, sizeof cookie);
        }
    }
    assert_false(is_good(w->store, cookie, start_ms + ages.age_max_ms, &found, fresh));
    assert_true(session_sweep(w->store, start_ms + ages.age_max_ms, &count, &e));
    assert_true(count >= 1);
    assert_true(session_sweep(w->store, start_ms + ages.age_max_ms, &count, &e));
    assert_int_equal(count, 0);
}

static void two_tabs_while_the_id_rotates(void **state)
{
    struct api_world *w = *state;
    struct session s = person("p3"), found;
    char old[SESSION_COOKIE_SIZE], new[SESSION_COOKIE_SIZE], fresh[SESSION_COOKIE_SIZE];
    int64_t now_ms = start_ms + SESSION_ROTATE_MS;
    open_one(w->store, &s, start_ms, old);
    assert_true(is_good(w->store, old, now_ms - 1, &found, fresh));
    assert_string_equal(fresh, "");
    assert_true(is_good(w->store, old, now_ms, &found, new));
    assert_string_not_equal(new, "");
    assert_string_not_equal(new, old);
    assert_memory_equal(found.csrf, s.csrf, SHA256_SIZE); /* forms that were made before are good still */
    /* The other tab comes with the old one, and is given none: the browser has the new one already. */
    assert_true(is_good(w->store, old, now_ms + 1, &found, fresh));
    assert_string_equal(fresh, "");
    assert_true(is_good(w->store, new, now_ms + 2, &found, fresh));
    assert_string_equal(fresh, "");
    assert_true(is_good(w->store, old, now_ms + 2 + SESSION_GRACE_MS - 1, &found, fresh));
    assert_false(is_good(w->store, old, now_ms + 2 + SESSION_GRACE_MS, &found, fresh));
    assert_true(is_good(w->store, new, now_ms + 2 + SESSION_GRACE_MS, &found, fresh));
}

static void an_answer_that_never_arrived(void **state)
{
    struct api_world *w = *state;
    struct session s = person("p4"), found;
    char old[SESSION_COOKIE_SIZE], lost[SESSION_COOKIE_SIZE], next[SESSION_COOKIE_SIZE], fresh[SESSION_COOKIE_SIZE];
    int64_t now_ms = start_ms + SESSION_ROTATE_MS;
    open_one(w->store, &s, start_ms, old);
    assert_true(is_good(w->store, old, now_ms, &found, lost));
    now_ms += 5 * SESSION_GRACE_MS; /* the line was cut; the browser has the old one */
    assert_true(is_good(w->store, old, now_ms, &found, next));
    assert_string_not_equal(next, "");
    assert_false(is_good(w->store, lost, now_ms + 1, &found, fresh));
    assert_true(is_good(w->store, next, now_ms + 2, &found, fresh));
    assert_false(is_good(w->store, old, now_ms + 2 + SESSION_GRACE_MS, &found, fresh));
}

static bool count_one(void *context, const struct session *session)
{
    size_t *count = context;
    assert_int_equal(session->roles, 1U << ROLE_PERSON);
    (*count)++;
    return true;
}

static void ending(void **state)
{
    struct api_world *w = *state;
    struct session a = person("p5"), b = person("p5"), other = person("p6"), found;
    char one[SESSION_COOKIE_SIZE], two[SESSION_COOKIE_SIZE], third[SESSION_COOKIE_SIZE], fresh[SESSION_COOKIE_SIZE];
    struct error e = { 0 };
    int64_t ended = 0;
    size_t count = 0;
    other.issuer = BYTES("https://id.example");
    other.subject = BYTES("sub");
    other.sid = BYTES("sid");
    open_one(w->store, &a, start_ms, one);
    open_one(w->store, &b, start_ms, two);
    open_one(w->store, &other, start_ms, third);
    assert_memory_equal(a.owner, b.owner, SHA256_SIZE);
    assert_memory_not_equal(a.owner, other.owner, SHA256_SIZE);
    assert_true(session_list(w->store, a.owner, start_ms, count_one, &count, &e));
    assert_int_equal(count, 2);
    /* Nobody ends another's. */
    assert_false(session_end_named(w->store, a.owner, bytes_of_text(other.name), &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_true(session_end_named(w->store, a.owner, bytes_of_text(b.name), &e));
    assert_false(is_good(w->store, two, start_ms, &found, fresh));
    assert_true(is_good(w->store, one, start_ms, &found, fresh));
    assert_true(session_end(w->store, &a, &e));
    assert_false(is_good(w->store, one, start_ms, &found, fresh));
    open_one(w->store, &a, start_ms, one);
    open_one(w->store, &b, start_ms, two);
    assert_true(session_end_all(w->store, a.owner, &ended, &e));
    assert_int_equal(ended, 2);
    assert_true(is_good(w->store, third, start_ms, &found, fresh));
    /* By the provider: of another, of another subject, and of this one. */
    assert_true(session_end_of_provider(w->store, BYTES("https://other.example"), BYTES("sub"), BYTES_NONE, &ended, &e));
    assert_int_equal(ended, 0);
    assert_true(session_end_of_provider(w->store, other.issuer, BYTES("sub2"), BYTES("sid"), &ended, &e));
    assert_int_equal(ended, 0);
    assert_false(session_end_of_provider(w->store, other.issuer, BYTES_NONE, BYTES_NONE, &ended, &e));
    assert_false(session_end_of_provider(w->store, BYTES_NONE, BYTES("sub"), BYTES_NONE, &ended, &e));
    assert_true(session_end_of_provider(w->store, other.issuer, BYTES_NONE, BYTES("sid"), &ended, &e));
    assert_int_equal(ended, 1);
    assert_false(is_good(w->store, third, start_ms, &found, fresh));
}

static void a_person_who_is_erased(void **state)
{
    struct api_world *w = *state;
    struct session own = person("p8"), other = person("p9"), found;
    struct session helper = { .roles = 1U << ROLE_HELPER, .person = BYTES("p8"), .who = BYTES("Ada"), .method = BYTES("code") };
    char one[SESSION_COOKIE_SIZE], two[SESSION_COOKIE_SIZE], third[SESSION_COOKIE_SIZE], fresh[SESSION_COOKIE_SIZE];
    struct error e = { 0 };
    open_one(w->store, &own, start_ms, one);
    open_one(w->store, &helper, start_ms, two);
    open_one(w->store, &other, start_ms, third);
    assert_true(store_begin(w->store, &e) && session_forget_person(w->store, BYTES("p8"), &e) && store_commit(w->store, &e));
    assert_false(is_good(w->store, one, start_ms, &found, fresh));
    assert_false(is_good(w->store, two, start_ms, &found, fresh));
    assert_true(is_good(w->store, third, start_ms, &found, fresh));
}

static void the_oldest_of_too_many_goes(void **state)
{
    struct api_world *w = *state;
    struct session s = person("p7"), found;
    char first[SESSION_COOKIE_SIZE], second[SESSION_COOKIE_SIZE], cookie[SESSION_COOKIE_SIZE], fresh[SESSION_COOKIE_SIZE];
    open_one(w->store, &s, start_ms, first);
    open_one(w->store, &s, start_ms + 1, second);
    for (int i = 2; i <= SESSIONS_OF_ONE_MAX; i++) {
        open_one(w->store, &s, start_ms + i, cookie);
    }
    assert_false(is_good(w->store, first, start_ms + SESSIONS_OF_ONE_MAX, &found, fresh));
    assert_true(is_good(w->store, second, start_ms + SESSIONS_OF_ONE_MAX, &found, fresh));
}

static void csrf_tokens(void **state)
{
    uint8_t secret[SHA256_SIZE] = { 1 }, other[SHA256_SIZE] = { 2 };
    char a[SESSION_CSRF_SIZE], b[SESSION_CSRF_SIZE];
    (void)state;
    session_csrf_make(secret, a);
    session_csrf_make(secret, b);
    assert_string_not_equal(a, b);
    assert_true(session_csrf_is_good(secret, bytes_of_text(a)) && session_csrf_is_good(secret, bytes_of_text(b)));
    assert_false(session_csrf_is_good(other, bytes_of_text(a)));
    assert_false(session_csrf_is_good(secret, BYTES_NONE));
    for (size_t i = 0; i < SESSION_CSRF_SIZE - 1; i++) {
        char changed[SESSION_CSRF_SIZE];
        memcpy(changed, a, sizeof changed);
        changed[i] = changed[i] == 'A' ? 'Q' : 'A';
        assert_false(session_csrf_is_good(secret, bytes_of_text(changed)));
    }
    memcpy(b, a, 22); /* one's nonce with another's MAC */
    assert_true(strcmp(a, b) == 0 || !session_csrf_is_good(secret, bytes_of_text(b)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_nowhere_but_in_the_cookie),
        cmocka_unit_test(idle_and_old_ones_end),
        cmocka_unit_test(two_tabs_while_the_id_rotates),
        cmocka_unit_test(an_answer_that_never_arrived),
        cmocka_unit_test(ending),
        cmocka_unit_test(the_oldest_of_too_many_goes),
        cmocka_unit_test(csrf_tokens),
        cmocka_unit_test(a_person_who_is_erased),
    };
    return cmocka_run_group_tests(tests, api_world_setup, api_world_teardown);
}
