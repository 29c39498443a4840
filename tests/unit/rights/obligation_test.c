#include "rights/obligation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"
#include "consent/event_text.h"
#include "rights/request.h"
#include "terms_of_law.h"
#include "traffic.h"

#define DAY ((int64_t)TEST_DAY_MS)
#define HOLDER "AURORA/GOV/HOSPITAL/GW1"

/* The hospital, which holds, and the clinic, which asked: each with its own store and log. */
struct scene {
    struct rig holder, clinic;
    struct rights *holder_rights, *clinic_rights;
    struct signer *holder_key, *clinic_key;
    struct uses *uses;
    struct law law;
    struct obligation_sources sources;
};

static int make_scene(void **state)
{
    static const uint8_t seeds[2][ED25519_SEED_SIZE] = { { 1 }, { 2 } };
    struct scene *scene = calloc(1, sizeof *scene);
    struct error e;
    rig_make(&scene->holder);
    rig_open(&scene->holder);
    rig_make(&scene->clinic);
    rig_open(&scene->clinic);
    terms_of_law(&scene->law);
    assert_true(rights_open(&scene->holder_rights, scene->holder.store, scene->holder.committer, &e));
    assert_true(rights_open(&scene->clinic_rights, scene->clinic.store, scene->clinic.committer, &e));
    assert_true(signer_from_seed(&scene->holder_key, BYTES(HOLDER), seeds[0], &e));
    assert_true(signer_from_seed(&scene->clinic_key, BYTES(CLINIC_GATEWAY), seeds[1], &e));
    assert_true(uses_open(&scene->uses, scene->holder.store, scene->holder.public, scene->holder.private, &e));
    scene->sources = (struct obligation_sources){ .uses = scene->uses,
                                                  .public = scene->holder.public,
                                                  .private = scene->holder.private,
                                                  .signer = scene->holder_key,
                                                  .law = &scene->law };
    *state = scene;
    return 0;
}

static int drop_scene(void **state)
{
    struct scene *scene = *state;
    uses_close(scene->uses);
    rights_close(scene->holder_rights);
    rights_close(scene->clinic_rights);
    signer_free(scene->holder_key);
    signer_free(scene->clinic_key);
    rig_remove(&scene->holder);
    rig_remove(&scene->clinic);
    free(scene);
    return 0;
}

static void fill(struct scene *scene)
{
    static const struct traffic all[] = {
        { .exchange = "e-1", .person = "anna", .member = CLINIC, .released = BLOOD, .record = "c-1" },
        { .exchange = "e-2", .person = "anna", .member = CLINIC, .released = HEALTH ", " BLOOD, .record = "c-1" },
        { .exchange = "e-3", .person = "anna", .member = "BAOBAB/COM/BANK", .released = BLOOD, .record = "c-2" },
        { .exchange = "e-4", .person = "bert", .member = CLINIC, .released = BLOOD, .record = "c-3" },
        { .exchange = "e-5", .person = "anna", .member = CLINIC, .released = "", .record = NULL },
        { .exchange = "e-6", .person = "anna", .member = CLINIC, .released = HEALTH, .record = "c-1" },
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        (void)traffic_log(&scene->holder, &all[i]);
    }
}

static void end_consent(struct scene *scene, const char *event, const char *record, const char *person, const char *category)
{
    struct buffer text;
    char line[256];
    buffer_init(&text, 4096);
    (void)snprintf(line, sizeof line, "withdrawn %s", category);
    event_text_append(&text, "comity-event", BYTES("consent/1"));
    event_text_append(&text, "event", bytes_of_text(event));
    event_text_append(&text, "id", bytes_of_text(record));
    event_text_append(&text, "person", bytes_of_text(person));
    event_text_append(&text, "recipient", BYTES(CLINIC));
    event_text_append(&text, "purpose", BYTES("https://w3id.org/dpv#Care"));
    event_text_append(&text, "category", bytes_of_text(line));
    event_text_append_decimal(&text, "time", 5);
    (void)rig_append(&scene->holder, RECORD_EVENT, buffer_bytes(&text));
    buffer_clear(&text);
}

static void catch_up(struct scene *scene, int64_t now_ms)
{
    struct error e = { 0 };
    uint64_t lag = 1;
    while (lag > 0) {
        if (!obligations_catch_up(scene->holder_rights, &scene->sources, 7, now_ms, &lag, &e)) {
            fail_msg("%s: %s", e.where, e.what);
        }
    }
}

static bool write_obligation(void *context, const struct obligation *o)
{
    buffer_append_format(context, "%s %s %.*s %.*s %.*s [", notice_kind_name(o->kind), obligation_state_name(o->state),
                         BYTES_FMT(o->reason), BYTES_FMT(o->recipient), BYTES_FMT(o->gateway));
    for (size_t i = 0; i < o->exchanges.size; i++) {
        buffer_append_u8(context, o->exchanges.data[i] == '\n' ? ' ' : o->exchanges.data[i]);
    }
    buffer_append_format(context, "] %lld\n", (long long)(o->due_at_ms / DAY));
    return true;
}

static void check_all(struct scene *scene, const char *wanted)
{
    struct error e;
    struct buffer text;
    const struct obligation_filter filter = { .is_open = false };
    buffer_init(&text, 1 << 16);
    assert_true(obligation_list(scene->holder_rights, &filter, write_obligation, &text, &e));
    buffer_append_u8(&text, 0);
    assert_string_equal((const char *)text.data, wanted);
    buffer_clear(&text);
}

static void an_end_is_told_to_who_had_data_on_it(void **state)
{
    struct scene *scene = *state;
    fill(scene);
    end_consent(scene, "withdraw", "c-1", "anna", BLOOD);
    catch_up(scene, DAY);
    /* Not e-3 (another consent), e-4 (another person), e-5 (nothing left), nor e-6 (another category). */
    check_all(scene, "erase due consent.withdrawn " CLINIC " " CLINIC_GATEWAY " [e-1 e-2] 21\n");
    end_consent(scene, "give", "c-1", "anna", BLOOD);
    catch_up(scene, DAY);
    check_all(scene, "erase due consent.withdrawn " CLINIC " " CLINIC_GATEWAY " [e-1 e-2] 21\n");
}

/* The cursor was lost with the rest of a restored database: what is there already is not made twice. */
static void the_log_may_be_read_again(void **state)
{
    struct scene *scene = *state;
    struct error e;
    fill(scene);
    end_consent(scene, "expire", "c-1", "anna", HEALTH);
    catch_up(scene, DAY);
    assert_true(store_run(scene->holder.store, "DELETE FROM state WHERE name = 'obligations.next'", NULL, 0, NULL, NULL, NULL, &e));
    catch_up(scene, 2 * DAY);
    check_all(scene, "erase due consent.expired " CLINIC " " CLINIC_GATEWAY " [e-2 e-6] 21\n");
}

static void a_fulfilled_request_reaches_every_recipient(void **state)
{
    struct scene *scene = *state;
    struct error e;
    char id[RIGHTS_ID_SIZE];
    fill(scene);
    const struct request_new asked = { .person = BYTES("anna"), .right = LAW_DELETE, .by = BYTES("person"), .method = BYTES("portal") };
    assert_true(request_receive(scene->holder_rights, &asked, &scene->law, 0, id, NULL, &e));
    struct request_act act = { .id = bytes_of_text(id), .event = REQUEST_EVENT_ACCEPT, .by = BYTES("officer"), .answer = BYTES("done") };
    assert_true(request_do(scene->holder_rights, &act, &scene->law, 1, NULL, &e));
    catch_up(scene, DAY);
    check_all(scene, "");
    act.event = REQUEST_EVENT_FULFIL;
    assert_true(request_do(scene->holder_rights, &act, &scene->law, 2, NULL, &e));
    catch_up(scene, DAY);
    struct buffer text;
    const struct obligation_filter filter = { .person = BYTES("anna") };
    buffer_init(&text, 1 << 16);
    assert_true(obligation_list(scene->holder_rights, &filter, write_obligation, &text, &e));
    assert_non_null(memmem(text.data, text.size, CLINIC_GATEWAY " [e-1 e-2 e-6] 21\n", strlen(CLINIC_GATEWAY " [e-1 e-2 e-6] 21\n")));
    assert_non_null(memmem(text.data, text.size, BANK_GATEWAY " [e-3] 21\n", strlen(BANK_GATEWAY " [e-3] 21\n")));
    buffer_clear(&text);
}

static void data_have_a_life(void **state)
{
    struct scene *scene = *state;
    struct arena arena = { 0 };
    struct obligation next;
    struct error e;
    const struct traffic t = {
        .exchange = "e-1", .person = "anna", .member = CLINIC, .released = BLOOD, .conditions = "onward=no, life=P30D"
    };
    (void)traffic_log(&scene->holder, &t);
    int64_t now_ms = time_now_ms();
    catch_up(scene, now_ms);
    assert_false(obligation_next(scene->holder_rights, scene->holder_key, now_ms + 29 * DAY, &arena, &next, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_true(obligation_next(scene->holder_rights, scene->holder_key, now_ms + 30 * DAY + 1000, &arena, &next, &e));
    assert_true(bytes_equal(next.reason, BYTES("life.over")));
    arena_clear(&arena);
}

/* The decision was read by the run before. */
static void an_answer_finds_its_decision_after_a_restart(void **state)
{
    struct scene *scene = *state;
    struct arena arena = { 0 };
    struct obligation next;
    struct error e;
    uint64_t lag = 1;
    const struct traffic t = { .exchange = "e-1", .person = "anna", .member = CLINIC, .released = BLOOD, .conditions = "life=P30D" };
    (void)traffic_log(&scene->holder, &t);
    int64_t now_ms = time_now_ms();
    for (unsigned i = 0; lag > 0; i++) {
        assert_true(i < 100);
        assert_true(obligations_catch_up(scene->holder_rights, &scene->sources, 1, now_ms, &lag, &e));
        rights_close(scene->holder_rights);
        assert_true(rights_open(&scene->holder_rights, scene->holder.store, scene->holder.committer, &e));
    }
    assert_true(obligation_next(scene->holder_rights, scene->holder_key, now_ms + 31 * DAY, &arena, &next, &e));
    assert_true(bytes_equal(next.person, BYTES("anna")));
    assert_true(bytes_equal(next.cause, BYTES("e-1")));
    arena_clear(&arena);
}

/* ---- Two gateways ---- */

static struct obligation take_next(struct scene *scene, int64_t now_ms, struct arena *arena)
{
    struct obligation next;
    struct error e = { 0 };
    if (!obligation_next(scene->holder_rights, scene->holder_key, now_ms, arena, &next, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return next;
}

static bool has_state(void *context, const struct obligation *o)
{
    *(enum obligation_state *)context = o->state;
    return true;
}

static enum obligation_state state_of(struct scene *scene)
{
    enum obligation_state state = OBLIGATION_NONE;
    struct error e;
    const struct obligation_filter filter = { .is_open = false };
    assert_true(obligation_list(scene->holder_rights, &filter, has_state, &state, &e));
    return state;
}

static bool count_received(void *context, const struct received *received)
{
    *(size_t *)context += 1 + (received->is_reported ? 100 : 0);
    return true;
}

static size_t received_count(struct scene *scene, bool is_open)
{
    size_t count = 0;
    struct error e;
    assert_true(received_list(scene->clinic_rights, is_open, count_received, &count, &e));
    return count;
}

static void from_notice_to_confirmation(void **state)
{
    struct scene *scene = *state;
    struct arena arena = { 0 };
    struct buffer receipt;
    struct error e = { 0 };
    const struct verifier *holder = signer_verifier(scene->holder_key), *clinic = signer_verifier(scene->clinic_key);
    struct bytes from, id, note;
    fill(scene);
    end_consent(scene, "withdraw", "c-1", "anna", BLOOD);
    catch_up(scene, DAY);
    buffer_init(&receipt, 1 << 16);

    /* The line is down: tried again later, with the same note. */
    struct obligation first = take_next(scene, DAY, &arena);
    struct error down;
    (void)error_set(&down, ERROR_IO, "peer", NULL, "no answer");
    assert_true(obligation_tried(scene->holder_rights, first.id, clinic, BYTES_NONE, &down, DAY, &e));
    struct obligation again;
    assert_false(obligation_next(scene->holder_rights, scene->holder_key, DAY + 4 * 1000, &arena, &again, &e));
    again = take_next(scene, DAY + 6 * 1000, &arena);
    assert_true(bytes_equal(again.note, first.note));
    assert_int_equal(again.attempts, 1);
    assert_true(bytes_equal(again.failure, BYTES("no answer")));

    /* It arrives, twice: one notice, two receipts. */
    assert_true(
        received_take(scene->clinic_rights, scene->clinic_key, holder, BYTES("AURORA/GOV/HOSPITAL"), first.note, DAY, &receipt, &e));
    buffer_reset(&receipt);
    assert_true(
        received_take(scene->clinic_rights, scene->clinic_key, holder, BYTES("AURORA/GOV/HOSPITAL"), first.note, DAY, &receipt, &e));
    assert_int_equal(received_count(scene, true), 1);
    assert_true(obligation_tried(scene->holder_rights, first.id, clinic, buffer_bytes(&receipt), NULL, DAY, &e));
    assert_int_equal(state_of(scene), OBLIGATION_TOLD);
    assert_false(obligation_next(scene->holder_rights, scene->holder_key, 100 * DAY, &arena, &again, &e));

    /* Somebody at the clinic says that the data are gone. */
    assert_false(received_next(scene->clinic_rights, 2 * DAY, &arena, &from, &id, &note, &e));
    assert_true(received_end(scene->clinic_rights, scene->clinic_key, BYTES(HOLDER), first.id, OUTCOME_ERASED, BYTES_NONE, BYTES("nurse 3"),
                             2 * DAY, &e));
    assert_false(received_end(scene->clinic_rights, scene->clinic_key, BYTES(HOLDER), first.id, OUTCOME_ERASED, BYTES_NONE,
                              BYTES("nurse 3"), 2 * DAY, &e));
    assert_true(received_next(scene->clinic_rights, 2 * DAY, &arena, &from, &id, &note, &e));
    assert_true(bytes_equal(from, BYTES(HOLDER)));
    assert_true(obligation_confirm(scene->holder_rights, clinic, note, 2 * DAY, &e));
    assert_int_equal(state_of(scene), OBLIGATION_CONFIRMED);
    assert_true(obligation_confirm(scene->holder_rights, clinic, note, 3 * DAY, &e)); /* again: nothing changes */
    assert_true(received_reported(scene->clinic_rights, from, id, true, 2 * DAY, &e));
    assert_false(received_next(scene->clinic_rights, 9 * DAY, &arena, &from, &id, &note, &e));
    assert_int_equal(received_count(scene, false), 101);
    buffer_clear(&receipt);
    arena_clear(&arena);
}

static void what_a_law_keeps_is_said(void **state)
{
    struct scene *scene = *state;
    struct arena arena = { 0 };
    struct buffer receipt;
    struct error e;
    struct bytes from, id, note;
    fill(scene);
    end_consent(scene, "withdraw", "c-1", "anna", BLOOD);
    catch_up(scene, DAY);
    buffer_init(&receipt, 1 << 16);
    struct obligation o = take_next(scene, DAY, &arena);
    assert_true(received_take(scene->clinic_rights, scene->clinic_key, signer_verifier(scene->holder_key), BYTES("AURORA/GOV/HOSPITAL"),
                              o.note, DAY, &receipt, &e));
    assert_false(
        received_end(scene->clinic_rights, scene->clinic_key, BYTES(HOLDER), o.id, OUTCOME_KEPT, BYTES_NONE, BYTES("nurse 3"), DAY, &e));
    assert_string_equal(e.where, "law");
    assert_true(received_end(scene->clinic_rights, scene->clinic_key, BYTES(HOLDER), o.id, OUTCOME_KEPT, BYTES("Records Act, s. 4"),
                             BYTES("nurse 3"), DAY, &e));
    assert_true(received_next(scene->clinic_rights, DAY, &arena, &from, &id, &note, &e));
    assert_true(obligation_confirm(scene->holder_rights, signer_verifier(scene->clinic_key), note, DAY, &e));
    assert_int_equal(state_of(scene), OBLIGATION_KEPT);
    buffer_clear(&receipt);
    arena_clear(&arena);
}

/* Who signs, for whom, and about what: each must fit. */
static void nobody_answers_for_another(void **state)
{
    static const uint8_t seed[ED25519_SEED_SIZE] = { 3 };
    struct scene *scene = *state;
    struct arena arena = { 0 };
    struct buffer receipt, forged;
    struct error e;
    struct signer *bank = NULL;
    assert_true(signer_from_seed(&bank, BYTES(BANK_GATEWAY), seed, &e));
    fill(scene);
    end_consent(scene, "withdraw", "c-1", "anna", BLOOD);
    catch_up(scene, DAY);
    buffer_init(&receipt, 1 << 16);
    buffer_init(&forged, 1 << 16);
    struct obligation o = take_next(scene, DAY, &arena);
    /* A notice for the clinic, which the bank is handed. */
    assert_false(received_take(scene->clinic_rights, bank, signer_verifier(scene->holder_key), BYTES("AURORA/GOV/HOSPITAL"), o.note, DAY,
                               &receipt, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    /* A notice that another gateway signed. */
    assert_false(
        received_take(scene->clinic_rights, scene->clinic_key, signer_verifier(bank), BYTES("BAOBAB/COM/BANK"), o.note, DAY, &receipt, &e));
    /* The bank confirms what the clinic owes. */
    const struct data_reply reply = {
        .id = o.id, .from = BYTES(BANK_GATEWAY), .to = BYTES(HOLDER), .outcome = OUTCOME_ERASED, .time_ms = DAY
    };
    assert_true(data_reply_write(&reply, bank, &forged, &e));
    assert_false(obligation_confirm(scene->holder_rights, signer_verifier(bank), buffer_bytes(&forged), DAY, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    /* The clinic confirms another notice than it got. */
    buffer_reset(&forged);
    const struct data_reply other = {
        .id = o.id, .from = BYTES(CLINIC_GATEWAY), .to = BYTES(HOLDER), .outcome = OUTCOME_ERASED, .time_ms = DAY
    };
    assert_true(data_reply_write(&other, scene->clinic_key, &forged, &e));
    assert_false(obligation_confirm(scene->holder_rights, signer_verifier(scene->clinic_key), buffer_bytes(&forged), DAY, &e));
    assert_string_equal(e.what, "the reply is about another notice");
    assert_int_equal(state_of(scene), OBLIGATION_DUE);
    signer_free(bank);
    buffer_clear(&receipt);
    buffer_clear(&forged);
    arena_clear(&arena);
}

static void what_nobody_confirms_is_overdue(void **state)
{
    (void)state;
    struct obligation o = { .state = OBLIGATION_TOLD, .due_at_ms = 10 };
    assert_false(obligation_is_overdue(&o, 9));
    assert_true(obligation_is_overdue(&o, 10));
    o.state = OBLIGATION_CONFIRMED;
    assert_false(obligation_is_overdue(&o, 10));
    o.state = OBLIGATION_KEPT;
    assert_false(obligation_is_overdue(&o, 10));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_scene, drop_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_end_is_told_to_who_had_data_on_it),
        CASE(the_log_may_be_read_again),
        CASE(a_fulfilled_request_reaches_every_recipient),
        CASE(data_have_a_life),
        CASE(an_answer_finds_its_decision_after_a_restart),
        CASE(from_notice_to_confirmation),
        CASE(what_a_law_keeps_is_said),
        CASE(nobody_answers_for_another),
        cmocka_unit_test(what_nobody_confirms_is_overdue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
