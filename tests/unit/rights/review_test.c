#include "rights/review.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../consent/rig.h"
#include "base/time.h"
#include "consent/event_text.h"
#include "rights/hold.h"
#include "rights/obligation.h"
#include "terms_of_law.h"

#define CONSUMER "BAOBAB/MED/CLINIC"
#define SERVICE "AURORA/GOV/HOSPITAL/FHIR/record"

struct scene {
    struct rig rig;
    struct rights *rights;
    struct signer *key;
    struct uses *uses;
    struct law law;
    struct obligation_sources sources;
};

static int make_scene(void **state)
{
    static const uint8_t seed[ED25519_SEED_SIZE] = { 1 };
    struct scene *scene = calloc(1, sizeof *scene);
    struct error e;
    rig_make(&scene->rig);
    rig_open(&scene->rig);
    terms_of_law(&scene->law);
    assert_true(rights_open(&scene->rights, scene->rig.store, scene->rig.committer, &e));
    assert_true(signer_from_seed(&scene->key, BYTES("AURORA/GOV/HOSPITAL/GW1"), seed, &e));
    assert_true(uses_open(&scene->uses, scene->rig.store, scene->rig.public, scene->rig.private, &e));
    scene->sources = (struct obligation_sources){
        .uses = scene->uses, .public = scene->rig.public, .private = scene->rig.private, .signer = scene->key, .law = &scene->law
    };
    *state = scene;
    return 0;
}

static int drop_scene(void **state)
{
    struct scene *scene = *state;
    uses_close(scene->uses);
    rights_close(scene->rights);
    signer_free(scene->key);
    rig_remove(&scene->rig);
    free(scene);
    return 0;
}

/* As after a crash or an end: what is in memory is gone. */
static void open_again(struct scene *scene)
{
    struct error e;
    rights_close(scene->rights);
    assert_true(rights_open(&scene->rights, scene->rig.store, scene->rig.committer, &e));
}

static void catch_up(struct scene *scene)
{
    struct error e;
    uint64_t lag = 1;
    assert_true(obligations_catch_up(scene->rights, &scene->sources, 1000, 1, &lag, &e));
    assert_int_equal(lag, 0);
}

static void log_decision(struct scene *scene, int64_t time_ms, bool starts_hold, int64_t review_by_ms)
{
    struct buffer text;
    struct error e;
    uint64_t index = 0;
    buffer_init(&text, 8192);
    event_text_append(&text, "comity-event", BYTES("decision/1"));
    event_text_append(&text, "exchange", BYTES("e-1"));
    event_text_append(&text, "client", BYTES(CONSUMER "/APP"));
    event_text_append(&text, "service", BYTES(SERVICE));
    event_text_append(&text, "person", BYTES("anna"));
    event_text_append(&text, "claim", BYTES("vital"));
    event_text_append(&text, "justification", BYTES("an\naccident"));
    if (review_by_ms > 0) {
        event_text_append(&text, "confirmed_by", BYTES("Dr B"));
        event_text_append_decimal(&text, "review_by", review_by_ms);
    }
    if (starts_hold) {
        event_text_append(&text, "hold", BYTES(CONSUMER));
    }
    event_text_append(&text, "asked", BYTES("3 0 0 1 1 0"));
    event_text_append_decimal(&text, "time", time_ms);
    assert_true(committer_append(scene->rig.committer, RECORD_DECISION, buffer_bytes(&text), BYTES_NONE, &index, &e));
    buffer_clear(&text);
}

static bool is_held(struct scene *scene)
{
    return hold_is_on(scene->rights, BYTES(CONSUMER), BYTES(SERVICE));
}

static const struct hold_release go_on = {
    .consumer = BYTES(CONSUMER), .service = BYTES(SERVICE), .by = BYTES("J. Officer"), .reason = BYTES("a queue")
};

static bool take_hold(void *context, const struct hold *hold)
{
    *(struct hold *)context = *hold;
    return true;
}

/* How many events `hold/1` the log has. */
static unsigned count_events(struct scene *scene, const char *kind)
{
    struct log_reader *reader = NULL;
    struct error e;
    uint64_t size = 0;
    unsigned count = 0;
    assert_true(log_reader_open(&reader, scene->rig.public, scene->rig.private, &e));
    assert_true(log_reader_size(reader, &size, &e));
    for (uint64_t i = 0; i < size; i++) {
        struct log_entry entry;
        assert_true(log_reader_get(reader, i, &entry, &e));
        count += entry.kind == RECORD_EVENT && event_text_is(entry.statement, kind);
    }
    log_reader_close(reader);
    return count;
}

static void a_hold_outlives_the_process(void **state)
{
    struct scene *scene = *state;
    struct error e;
    struct hold hold = { .since_ms = 0 };
    log_decision(scene, 100, true, 0);
    assert_false(is_held(scene));
    assert_true(hold_recover(scene->rights, scene->rig.public, scene->rig.private, &e)); /* a crash before the background came to it */
    assert_true(is_held(scene));
    assert_false(hold_is_on(scene->rights, BYTES(CONSUMER), BYTES(SERVICE "s")));
    assert_false(hold_is_on(scene->rights, BYTES(CONSUMER "S"), BYTES(SERVICE)));
    catch_up(scene);
    log_decision(scene, 110, true, 0); /* two at once */
    catch_up(scene);
    assert_int_equal(count_events(scene, "hold/1"), 1);
    open_again(scene);
    assert_true(is_held(scene));
    hold_list(scene->rights, take_hold, &hold);
    assert_int_equal(hold.since_ms, 100);
    assert_int_equal(hold.asked, 3);
}

static void a_release_is_not_undone_by_what_was_before(void **state)
{
    struct scene *scene = *state;
    const struct hold hold = { .consumer = BYTES(CONSUMER), .service = BYTES(SERVICE), .since_ms = 100, .asked = 3 };
    struct error e;
    uint64_t index = 0;
    assert_false(hold_release(scene->rights, NULL, &go_on, 200, &index, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    log_decision(scene, 100, true, 0);
    assert_true(hold_begin(scene->rights, &hold)); /* the background has not come to it */
    assert_true(hold_release(scene->rights, NULL, &go_on, 200, &index, &e));
    assert_false(is_held(scene));
    assert_int_equal(count_events(scene, "hold/1"), 2);
    catch_up(scene);
    assert_false(is_held(scene));
    open_again(scene);
    assert_true(hold_recover(scene->rights, scene->rig.public, scene->rig.private, &e));
    assert_false(is_held(scene));
    log_decision(scene, 300, true, 0);
    catch_up(scene);
    assert_true(is_held(scene));
    assert_int_equal(count_events(scene, "hold/1"), 3);
}

static void a_release_says_who_and_why(void **state)
{
    struct scene *scene = *state;
    struct error e;
    uint64_t index = 0;
    log_decision(scene, 100, true, 0);
    catch_up(scene);
    struct hold_release wrong = go_on;
    wrong.by = BYTES("");
    assert_false(hold_release(scene->rights, NULL, &wrong, 200, &index, &e));
    wrong = go_on;
    wrong.reason = BYTES("");
    assert_false(hold_release(scene->rights, NULL, &wrong, 200, &index, &e));
    assert_true(is_held(scene));
}

static bool take_review(void *context, const struct review *review)
{
    unsigned *count = context;
    assert_true(bytes_equal(review->person, BYTES("anna")));
    assert_true(bytes_equal(review->justification, BYTES("an\naccident")));
    assert_true(bytes_equal(review->confirmed_by, BYTES("Dr B")));
    assert_int_equal(review->due_at_ms, 900);
    (*count)++;
    return true;
}

static bool take_id(void *context, const struct review *review)
{
    (void)snprintf(context, RIGHTS_ID_SIZE, "%.*s", BYTES_FMT(review->id));
    return true;
}

static unsigned count_reviews(struct scene *scene, bool is_open)
{
    const struct review_filter filter = { .is_open = is_open };
    struct error e;
    unsigned count = 0;
    assert_true(review_list(scene->rights, scene->rig.public, scene->rig.private, &filter, take_review, &count, &e));
    return count;
}

static void a_broken_glass_is_reviewed_once(void **state)
{
    struct scene *scene = *state;
    const struct review_filter all = { .is_open = false };
    struct error e;
    char id[RIGHTS_ID_SIZE] = "";
    uint64_t index = 0;
    int64_t late = 0;
    log_decision(scene, 100, false, 0); /* claimed, and refused */
    log_decision(scene, 100, false, 900);
    catch_up(scene);
    assert_int_equal(count_reviews(scene, true), 1);
    assert_true(review_count_overdue(scene->rights, 899, &late, &e));
    assert_int_equal(late, 0);
    assert_true(review_count_overdue(scene->rights, 900, &late, &e));
    assert_int_equal(late, 1);
    assert_true(review_list(scene->rights, scene->rig.public, scene->rig.private, &all, take_id, id, &e));
    assert_int_equal(strlen(id), 34);
    assert_false(review_do(scene->rights, BYTES("v-0"), REVIEW_JUSTIFIED, BYTES("J"), BYTES("fine"), 1000, &index, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_false(review_do(scene->rights, bytes_of_text(id), REVIEW_JUSTIFIED, BYTES("J"), BYTES(""), 1000, &index, &e));
    assert_true(review_do(scene->rights, bytes_of_text(id), REVIEW_UNJUSTIFIED, BYTES("J"), BYTES("no"), 1000, &index, &e));
    assert_false(review_do(scene->rights, bytes_of_text(id), REVIEW_JUSTIFIED, BYTES("J"), BYTES("fine"), 1001, &index, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_int_equal(count_events(scene, "review/1"), 1);
    assert_int_equal(count_reviews(scene, true), 0);
    assert_int_equal(count_reviews(scene, false), 1);
    assert_true(review_count_overdue(scene->rights, 2000, &late, &e));
    assert_int_equal(late, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_hold_outlives_the_process, make_scene, drop_scene),
        cmocka_unit_test_setup_teardown(a_release_is_not_undone_by_what_was_before, make_scene, drop_scene),
        cmocka_unit_test_setup_teardown(a_release_says_who_and_why, make_scene, drop_scene),
        cmocka_unit_test_setup_teardown(a_broken_glass_is_reviewed_once, make_scene, drop_scene),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
