#include "rights/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../consent/rig.h"
#include "consent/event_text.h"
#include "terms_of_law.h"

#define DAY ((int64_t)TEST_DAY_MS)

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

static struct request_new asking(enum law_right right)
{
    return (struct request_new){ .person = BYTES("anna"),
                                 .right = right,
                                 .words = BYTES("please"),
                                 .subject = BYTES("e-1"),
                                 .by = BYTES("person"),
                                 .method = BYTES("portal") };
}

static void receive(struct scene *scene, enum law_right right, int64_t now_ms, char id[RIGHTS_ID_SIZE])
{
    struct error e = { 0 };
    const struct request_new asked = asking(right);
    if (!request_receive(scene->rights, &asked, &scene->law, now_ms, id, NULL, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
}

static bool act(struct scene *scene, const char *id, enum request_event event, int64_t now_ms, struct error *e)
{
    const struct request_act what = { .id = bytes_of_text(id),
                                      .event = event,
                                      .by = BYTES("officer 7"),
                                      .reason = BYTES("why"),
                                      .remedy = BYTES("the authority"),
                                      .answer = BYTES("here it is") };
    return request_do(scene->rights, &what, &scene->law, now_ms, NULL, e);
}

struct seen {
    struct request request; /* texts are gone when the list has ended: only numbers are read */
    size_t count;
    char first[RIGHTS_ID_SIZE];
};

static bool see(void *context, const struct request *request)
{
    struct seen *seen = context;
    seen->request = *request;
    if (seen->count++ == 0) {
        (void)snprintf(seen->first, sizeof seen->first, "%.*s", BYTES_FMT(request->id));
    }
    return true;
}

static struct seen look(struct scene *scene, const char *id, const char *person, bool is_open)
{
    struct seen seen = { .count = 0 };
    struct error e;
    const struct request_filter filter = { .id = bytes_of_text(id), .person = bytes_of_text(person), .is_open = is_open };
    assert_true(request_list(scene->rights, &filter, see, &seen, &e));
    return seen;
}

/* Every state against every event, by a table that is written down here a second time, from the reference (law.md section 9). */
static void the_state_machine(void **state)
{
    static const enum request_state wanted[7][REQUEST_EVENT_COUNT] = {
        /*             receive           accept            extend            fulfil             partly          refuse           cancel */
        [REQUEST_NONE] = { REQUEST_RECEIVED, 0, 0, 0, 0, 0, 0 },
        [REQUEST_RECEIVED] = { 0, REQUEST_ACCEPTED, REQUEST_RECEIVED, 0, 0, REQUEST_REFUSED, REQUEST_CANCELLED },
        [REQUEST_ACCEPTED] = { 0, 0, REQUEST_ACCEPTED, REQUEST_FULFILLED, REQUEST_PARTLY, REQUEST_REFUSED, REQUEST_CANCELLED },
        [REQUEST_FULFILLED] = { 0 },
        [REQUEST_PARTLY] = { 0 },
        [REQUEST_REFUSED] = { 0 },
        [REQUEST_CANCELLED] = { 0 },
    };
    (void)state;
    for (size_t s = 0; s < COUNT_OF(wanted); s++) {
        for (size_t event = 0; event < REQUEST_EVENT_COUNT; event++) {
            assert_int_equal(request_after((enum request_state)s, (enum request_event)event), wanted[s][event]);
        }
    }
    assert_int_equal(request_after((enum request_state)99, REQUEST_EVENT_ACCEPT), REQUEST_NONE);
}

static void the_clock_runs_by_the_law(void **state)
{
    struct scene *scene = *state;
    struct error e;
    char id[RIGHTS_ID_SIZE];
    receive(scene, LAW_ACCESS, 0, id);
    struct seen seen = look(scene, id, NULL, false);
    assert_int_equal(seen.request.identity_due_at_ms, 2 * DAY);
    assert_int_equal(seen.request.due_at_ms, 10 * DAY);
    assert_false(request_is_overdue(&seen.request, 2 * DAY - 1));
    assert_true(request_is_overdue(&seen.request, 2 * DAY)); /* who asks should be known by now */
    assert_true(act(scene, id, REQUEST_EVENT_ACCEPT, DAY, &e));
    seen = look(scene, id, NULL, false);
    assert_false(request_is_overdue(&seen.request, 10 * DAY - 1));
    assert_true(request_is_overdue(&seen.request, 10 * DAY));
    assert_true(act(scene, id, REQUEST_EVENT_EXTEND, 9 * DAY, &e));
    seen = look(scene, id, NULL, false);
    assert_int_equal(seen.request.due_at_ms, (10 + 31) * DAY); /* January has 31 days */
    assert_false(act(scene, id, REQUEST_EVENT_EXTEND, 9 * DAY, &e));
    assert_string_equal(e.what, "it was extended already");
    assert_true(act(scene, id, REQUEST_EVENT_FULFIL, 50 * DAY, &e)); /* late, and done all the same */
    seen = look(scene, id, NULL, false);
    assert_int_equal(seen.request.state, REQUEST_FULFILLED);
    assert_int_equal(seen.request.closed_at_ms, 50 * DAY);
    assert_false(request_is_overdue(&seen.request, 60 * DAY));
    assert_true(seen.request.log_index >= 0);
}

static void what_is_late_is_not_extended(void **state)
{
    struct scene *scene = *state;
    struct error e;
    char id[RIGHTS_ID_SIZE];
    receive(scene, LAW_ACCESS, 0, id);
    assert_false(act(scene, id, REQUEST_EVENT_EXTEND, 10 * DAY, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    scene->law.rights_extend.value = (struct period){ 0 };
    assert_false(act(scene, id, REQUEST_EVENT_EXTEND, DAY, &e));
    assert_string_equal(e.what, "the law allows no extension");
}

static void wrong_requests_are_refused(void **state)
{
    struct scene *scene = *state;
    struct error e;
    char id[RIGHTS_ID_SIZE];
    struct request_new request = asking(LAW_PORT); /* not in this law */
    assert_false(request_receive(scene->rights, &request, &scene->law, 0, id, NULL, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    request = asking(LAW_CORRECT);
    request.words = BYTES_NONE;
    assert_false(request_receive(scene->rights, &request, &scene->law, 0, id, NULL, &e));
    assert_string_equal(e.where, "words");
    request = asking(LAW_EXPLAIN);
    request.subject = BYTES_NONE;
    assert_false(request_receive(scene->rights, &request, &scene->law, 0, id, NULL, &e));
    assert_string_equal(e.where, "subject");
    request = asking(LAW_ACCESS);
    request.person = BYTES_NONE;
    assert_false(request_receive(scene->rights, &request, &scene->law, 0, id, NULL, &e));
    assert_string_equal(e.where, "person");
    request = asking(LAW_ACCESS);
    request.words = BYTES("a\x01");
    assert_false(request_receive(scene->rights, &request, &scene->law, 0, id, NULL, &e));
    request = asking(LAW_ACCESS);
    request.by = BYTES("two\nlines");
    assert_false(request_receive(scene->rights, &request, &scene->law, 0, id, NULL, &e));
    assert_string_equal(e.where, "by");
    assert_int_equal(look(scene, NULL, NULL, false).count, 0);
}

static void acts_say_what_they_must(void **state)
{
    struct scene *scene = *state;
    struct error e;
    char id[RIGHTS_ID_SIZE];
    receive(scene, LAW_ACCESS, 0, id);
    assert_false(act(scene, id, REQUEST_EVENT_FULFIL, 1, &e)); /* nobody knows yet who asks */
    assert_int_equal(e.kind, ERROR_DENIED);
    struct request_act what = { .id = bytes_of_text(id), .event = REQUEST_EVENT_REFUSE, .by = BYTES("officer"), .reason = BYTES("why") };
    assert_false(request_do(scene->rights, &what, &scene->law, 1, NULL, &e));
    assert_string_equal(e.where, "remedy"); /* PIPL 50, GDPR 12 4 */
    what.remedy = BYTES("the authority");
    what.reason = BYTES_NONE;
    assert_false(request_do(scene->rights, &what, &scene->law, 1, NULL, &e));
    assert_string_equal(e.where, "reason");
    what.reason = BYTES("not the person's");
    assert_true(request_do(scene->rights, &what, &scene->law, 1, NULL, &e));
    assert_false(act(scene, id, REQUEST_EVENT_ACCEPT, 2, &e)); /* final */
    assert_false(act(scene, "r-none", REQUEST_EVENT_ACCEPT, 2, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
}

static void lists_are_by_what_is_urgent(void **state)
{
    struct scene *scene = *state;
    struct error e;
    char access[RIGHTS_ID_SIZE], correct[RIGHTS_ID_SIZE], done[RIGHTS_ID_SIZE];
    receive(scene, LAW_ACCESS, 0, access);
    receive(scene, LAW_CORRECT, 1, correct); /* five days only */
    receive(scene, LAW_DELETE, 2, done);
    assert_true(act(scene, done, REQUEST_EVENT_CANCEL, 3, &e));
    struct seen open = look(scene, NULL, NULL, true);
    assert_int_equal(open.count, 2);
    assert_string_equal(open.first, correct);
    struct seen all = look(scene, NULL, "anna", false);
    assert_int_equal(all.count, 3);
    assert_string_equal(all.first, done);
    assert_int_equal(look(scene, NULL, "bert", false).count, 0);
}

struct events {
    size_t count;
    char kinds[16][16];
    bool has_words;
};

static void keep_event(void *context, const struct log_entry *entry)
{
    struct events *events = context;
    struct bytes event;
    if (entry->kind == RECORD_EVENT && event_text_is(entry->statement, "rights/1") && event_text_get(entry->statement, "event", &event)) {
        (void)snprintf(events->kinds[events->count++], sizeof events->kinds[0], "%.*s", BYTES_FMT(event));
        events->has_words = events->has_words || memmem(entry->statement.data, entry->statement.size, "please", 6) != NULL ||
                            memmem(entry->statement.data, entry->statement.size, "here it is", 10) != NULL;
    }
}

/* Each change is in the log, in order; the words stay out of it, their digest is there. */
static void the_log_has_each_change(void **state)
{
    struct scene *scene = *state;
    struct error e;
    char id[RIGHTS_ID_SIZE];
    struct events events = { .count = 0 };
    receive(scene, LAW_ACCESS, 0, id);
    assert_true(act(scene, id, REQUEST_EVENT_ACCEPT, 1, &e));
    assert_true(act(scene, id, REQUEST_EVENT_FULFIL, 2, &e));
    (void)rig_read(&scene->rig, keep_event, &events);
    assert_int_equal(events.count, 3);
    assert_string_equal(events.kinds[0], "receive");
    assert_string_equal(events.kinds[1], "accept");
    assert_string_equal(events.kinds[2], "fulfil");
    assert_false(events.has_words);
}

/* A change that the log did not take is said to be so, stands, and is logged at the next start. */
static void what_the_log_lacks_is_logged_later(void **state)
{
    struct scene *scene = *state;
    struct error e;
    char id[RIGHTS_ID_SIZE];
    struct events events = { .count = 0 };
    const struct request_new request = asking(LAW_ACCESS);
    committer_finish(scene->rig.committer); /* takes nothing any more */
    assert_false(request_receive(scene->rights, &request, &scene->law, 0, id, NULL, &e));
    assert_non_null(strstr(e.what, "it is stored, but not yet in the log"));
    assert_int_equal(look(scene, NULL, "anna", true).count, 1);
    rights_close(scene->rights);
    rig_close(&scene->rig);
    rig_open(&scene->rig);
    assert_true(rights_open(&scene->rights, scene->rig.store, scene->rig.committer, &e));
    (void)rig_read(&scene->rig, keep_event, &events);
    assert_int_equal(events.count, 1);
}

static void who_only_looks_changes_nothing(void **state)
{
    struct scene *scene = *state;
    struct error e;
    struct rights *reader = NULL;
    char id[RIGHTS_ID_SIZE];
    const struct request_new request = asking(LAW_ACCESS);
    assert_true(rights_open(&reader, scene->rig.store, NULL, &e));
    assert_false(request_receive(reader, &request, &scene->law, 0, id, NULL, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    rights_close(reader);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_scene, drop_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_machine),  CASE(the_clock_runs_by_the_law),
        CASE(what_is_late_is_not_extended),   CASE(wrong_requests_are_refused),
        CASE(acts_say_what_they_must),        CASE(lists_are_by_what_is_urgent),
        CASE(the_log_has_each_change),        CASE(what_the_log_lacks_is_logged_later),
        CASE(who_only_looks_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
