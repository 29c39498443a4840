#include "rights/breach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "terms_of_law.h"
#include "traffic.h"

#define HOUR ((int64_t)3600 * 1000)

struct scene {
    struct rig rig;
    struct rights *rights;
    struct law law;
};

static int make_scene(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct error e;
    rig_make(&scene->rig);
    rig_open(&scene->rig);
    terms_of_law(&scene->law);
    assert_true(rights_open(&scene->rights, scene->rig.store, scene->rig.committer, &e));
    *state = scene;
    return 0;
}

static int drop_scene(void **state)
{
    struct scene *scene = *state;
    rights_close(scene->rights);
    rig_remove(&scene->rig);
    free(scene);
    return 0;
}

static void fill(struct rig *rig)
{
    static const struct traffic all[] = {
        { .exchange = "e-1", .person = "bert", .member = CLINIC, .released = BLOOD },
        { .exchange = "e-2", .person = "anna", .member = CLINIC, .released = BLOOD ", " HEALTH },
        { .exchange = "e-3", .person = "anna", .member = "BAOBAB/COM/BANK", .released = BLOOD },
        { .exchange = "e-4", .person = "carl", .member = CLINIC, .released = "" }, /* refused: nothing left */
        { .exchange = "e-5", .person = "anna", .member = CLINIC, .released = HEALTH },
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        (void)traffic_log(rig, &all[i]);
    }
}

static bool write_person(void *context, const struct breach_person *person)
{
    buffer_append_format(context, "%.*s %llu [%.*s] [%.*s]\n", BYTES_FMT(person->person), (unsigned long long)person->disclosures,
                         BYTES_FMT(person->categories), BYTES_FMT(person->recipients));
    return true;
}

static void check_scan(struct scene *scene, const struct breach_scope *scope, const char *wanted, uint64_t persons, uint64_t disclosures)
{
    struct error e = { 0 };
    struct arena arena = { 0 };
    struct buffer text;
    struct breach_extent extent;
    buffer_init(&text, 1 << 16);
    if (!breach_scan(scene->rig.public, scene->rig.private, scope, write_person, &text, &arena, &extent, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    buffer_append_u8(&text, 0);
    assert_string_equal((const char *)text.data, wanted);
    assert_int_equal(extent.persons, persons);
    assert_int_equal(extent.disclosures, disclosures);
    buffer_clear(&text);
    arena_clear(&arena);
}

static void the_log_says_whom_it_touched(void **state)
{
    struct scene *scene = *state;
    struct breach_scope scope = { .from_ms = 0, .until_ms = INT64_MAX };
    fill(&scene->rig);
    check_scan(scene, &scope,
               "anna 3 [" BLOOD ", " HEALTH "] [BAOBAB/MED/CLINIC/APP, BAOBAB/COM/BANK/APP]\nbert 1 [" BLOOD "] [BAOBAB/MED/CLINIC/APP]\n",
               2, 4);
    scope.recipient = BYTES("BAOBAB/COM/BANK");
    check_scan(scene, &scope, "anna 1 [" BLOOD "] [BAOBAB/COM/BANK/APP]\n", 1, 1);
    scope.recipient = BYTES("BAOBAB/COM/BAN"); /* no member, only the beginning of one */
    check_scan(scene, &scope, "", 0, 0);
    scope = (struct breach_scope){ .until_ms = INT64_MAX, .category = BYTES(HEALTH) };
    check_scan(scene, &scope, "anna 2 [" BLOOD ", " HEALTH "] [BAOBAB/MED/CLINIC/APP]\n", 1, 2);
    scope = (struct breach_scope){ .until_ms = INT64_MAX, .service = BYTES("AURORA/GOV/HOSPITAL/FHIR/other") };
    check_scan(scene, &scope, "", 0, 0);
    scope = (struct breach_scope){ .from_ms = 0, .until_ms = 1 }; /* long ago */
    check_scan(scene, &scope, "", 0, 0);
}

static struct breach incident(void)
{
    return (struct breach){ .is_possible = true,
                            .scope = { .from_ms = 0, .until_ms = 1000 },
                            .cause = BYTES("a disk was stolen"),
                            .harm = BYTES("somebody may read it"),
                            .measures = BYTES("keys were changed"),
                            .advice = BYTES("watch your account"),
                            .contact = BYTES("mailto:officer@hospital.example"),
                            .known_at_ms = 10 * HOUR };
}

struct seen {
    struct breach breach;
    size_t count;
};

static bool see(void *context, const struct breach *breach)
{
    struct seen *seen = context;
    seen->breach = *breach;
    seen->count++;
    return true;
}

static struct seen look(struct scene *scene, const char *id)
{
    struct seen seen = { .count = 0 };
    struct error e;
    assert_true(breach_list(scene->rights, bytes_of_text(id), see, &seen, &e));
    return seen;
}

static void its_clocks_start_when_it_is_known(void **state)
{
    struct scene *scene = *state;
    struct error e;
    char id[RIGHTS_ID_SIZE];
    const struct breach breach = incident();
    assert_true(breach_open(scene->rights, &breach, &scene->law, BYTES("officer"), 12 * HOUR, id, NULL, &e));
    struct seen seen = look(scene, id);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.breach.authority_due_ms, 13 * HOUR);
    assert_int_equal(seen.breach.persons_due_ms, 34 * HOUR);
    assert_int_equal(seen.breach.report_due_ms, 10 * HOUR + 30 * 24 * HOUR);
    assert_int_equal(seen.breach.authority_told_ms, 0);
}

static void both_are_told_before_it_is_closed(void **state)
{
    struct scene *scene = *state;
    struct error e;
    char id[RIGHTS_ID_SIZE];
    const struct breach breach = incident();
    const struct bytes by = BYTES("officer"), words = BYTES("done");
    assert_true(breach_open(scene->rights, &breach, &scene->law, by, 12 * HOUR, id, NULL, &e));
    const struct bytes b = bytes_of_text(id);
    assert_false(breach_do(scene->rights, b, BREACH_CLOSED, words, &scene->law, by, 13 * HOUR, NULL, &e));
    assert_true(breach_do(scene->rights, b, BREACH_AUTHORITY_TOLD, words, &scene->law, by, 13 * HOUR, NULL, &e));
    assert_false(breach_do(scene->rights, b, BREACH_AUTHORITY_TOLD, words, &scene->law, by, 13 * HOUR, NULL, &e));
    assert_false(breach_do(scene->rights, b, BREACH_PERSONS_WAIVED, words, &scene->law, by, 13 * HOUR, NULL, &e));
    assert_string_equal(e.what, "TEST knows no exception from telling the persons");
    scene->law.breach_waiver_if_no_harm.value = true;
    assert_true(breach_do(scene->rights, b, BREACH_PERSONS_WAIVED, words, &scene->law, by, 14 * HOUR, NULL, &e));
    assert_false(breach_do(scene->rights, b, BREACH_PERSONS_TOLD, words, &scene->law, by, 14 * HOUR, NULL, &e));
    assert_true(breach_do(scene->rights, b, BREACH_CLOSED, words, &scene->law, by, 15 * HOUR, NULL, &e));
    assert_false(breach_do(scene->rights, b, BREACH_CLOSED, words, &scene->law, by, 15 * HOUR, NULL, &e));
    assert_string_equal(e.what, "the breach is closed");
    assert_false(breach_do(scene->rights, BYTES("b-none"), BREACH_CLOSED, words, &scene->law, by, 15 * HOUR, NULL, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    struct seen seen = look(scene, id);
    assert_true(seen.breach.is_waived);
    assert_int_equal(seen.breach.closed_ms, 15 * HOUR);
}

static void it_says_all_that_the_law_asks(void **state)
{
    struct scene *scene = *state;
    struct error e;
    char id[RIGHTS_ID_SIZE];
    struct breach breach = incident();
    breach.harm = BYTES_NONE;
    assert_false(breach_open(scene->rights, &breach, &scene->law, BYTES("officer"), 12 * HOUR, id, NULL, &e));
    assert_string_equal(e.where, "harm");
    breach = incident();
    breach.known_at_ms = 13 * HOUR;
    assert_false(breach_open(scene->rights, &breach, &scene->law, BYTES("officer"), 12 * HOUR, id, NULL, &e));
    assert_string_equal(e.where, "known");
    breach = incident();
    breach.scope.until_ms = 0;
    assert_false(breach_open(scene->rights, &breach, &scene->law, BYTES("officer"), 12 * HOUR, id, NULL, &e));
    assert_string_equal(e.where, "until");
}

/* The content of PIPL 57 and GDPR 33 3, 34 2: each is in the draft. */
static void the_drafts_have_everything(void **state)
{
    struct buffer out;
    struct breach breach = incident();
    const struct breach_extent extent = {
        .persons = 2, .disclosures = 4, .categories = BYTES(BLOOD ", " HEALTH), .recipients = BYTES(CLINIC "/APP")
    };
    const struct breach_person person = {
        .person = BYTES("anna"), .categories = BYTES(BLOOD), .recipients = BYTES(CLINIC "/APP"), .disclosures = 1
    };
    static const char *const to_authority[] = {
        "a disk was stolen", "somebody may read it", "keys were changed", "watch your account", "mailto:officer@hospital.example",
        "2 persons",         "pd:BloodType",         "pd:Health",         CLINIC "/APP",        "may have"
    };
    static const char *const to_person[] = { "anna",
                                             "a disk was stolen",
                                             "somebody may read it",
                                             "keys were changed",
                                             "watch your account",
                                             "mailto:officer@hospital.example",
                                             "pd:BloodType",
                                             CLINIC "/APP" };
    (void)state;
    buffer_init(&out, 1 << 16);
    breach.law = BYTES("TEST");
    breach.id = BYTES("b-1");
    breach_draft_authority(&breach, &extent, BYTES("AURORA/GOV/HOSPITAL"), &out);
    for (size_t i = 0; i < COUNT_OF(to_authority); i++) {
        assert_non_null(memmem(out.data, out.size, to_authority[i], strlen(to_authority[i])));
    }
    buffer_reset(&out);
    breach_draft_person(&breach, &person, BYTES("AURORA/GOV/HOSPITAL"), &out);
    for (size_t i = 0; i < COUNT_OF(to_person); i++) {
        assert_non_null(memmem(out.data, out.size, to_person[i], strlen(to_person[i])));
    }
    buffer_clear(&out);
}

/* Many persons, some of them often: the same as counting plainly. */
static void many_persons(void **state)
{
    struct scene *scene = *state;
    struct error e;
    struct arena arena = { 0 };
    struct breach_extent extent;
    const struct breach_scope scope = { .until_ms = INT64_MAX };
    for (unsigned i = 0; i < 1500; i++) {
        char exchange[32], person[32];
        (void)snprintf(exchange, sizeof exchange, "e-%u", i);
        (void)snprintf(person, sizeof person, "p-%u", i * 7 % 1200);
        const struct traffic t = { .exchange = exchange, .person = person, .member = CLINIC, .released = i % 3 == 0 ? HEALTH : BLOOD };
        (void)traffic_log(&scene->rig, &t);
    }
    assert_true(breach_scan(scene->rig.public, scene->rig.private, &scope, NULL, NULL, &arena, &extent, &e));
    assert_int_equal(extent.persons, 1200);
    assert_int_equal(extent.disclosures, 1500);
    arena_clear(&arena);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_scene, drop_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_log_says_whom_it_touched),  CASE(its_clocks_start_when_it_is_known),      CASE(both_are_told_before_it_is_closed),
        CASE(it_says_all_that_the_law_asks), cmocka_unit_test(the_drafts_have_everything), CASE(many_persons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
