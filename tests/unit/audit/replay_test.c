/* What a gateway of dice has decided and logged comes out the same again; and one changed input is found. */
#include "replay_scene.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"

enum { SEEDS = 40, STEPS = 400, MUTATIONS = 60 };

static const struct bytes origin = BYTES("aurora.example/operator-11");

struct told {
    uint64_t seed;
    bool is_fault; /* a finding fails the test */
    struct replay_finding first;
    uint64_t count;
};

static void tell(void *context, const struct replay_finding *finding)
{
    struct told *told = context;
    if (told->is_fault) {
        fail_msg("seed %" PRIu64 ", entry %" PRIu64 ": %s: logged '%s', decided '%s'", told->seed, finding->entry, finding->what,
                 finding->logged, finding->decided);
    }
    if (told->count++ == 0) {
        told->first = *finding;
    }
}

static void run_from(struct scene *scene, size_t from, struct told *told, struct replay_counts *counts)
{
    struct error e;
    struct replay_source source;
    struct decision_replay *replay = NULL;
    scene_source(scene, &source);
    assert_true(decision_replay_make(&replay, origin, &source, tell, told, &e));
    for (size_t i = 0; i < scene->entry_count; i++) {
        if (scene->entries[i].entry.kind != RECORD_NONE) { /* taken out by the test */
            assert_true(decision_replay_take(replay, &scene->entries[i].entry, i >= from, &e));
        }
    }
    assert_true(decision_replay_end(replay, counts, &e));
    decision_replay_free(replay);
}

static struct scene *played(uint64_t seed)
{
    struct scene *scene = scene_make(seed);
    for (size_t i = 0; i < STEPS; i++) {
        scene_step(scene);
    }
    return scene;
}

static void the_same_again(void **state)
{
    uint64_t permits = 0, overtaken = 0, reasons[REASON_COUNT] = { 0 };
    static const enum reason wanted[] = { REASON_MEMBER_UNKNOWN,    REASON_SERVICE_UNKNOWN, REASON_ACCESS_DENIED,
                                          REASON_SERVICE_DISABLED,  REASON_SERVICE_NO_URL,  REASON_BORDER_RECIPIENT,
                                          REASON_PERSON_MISSING,    REASON_CONSENT_NONE,    REASON_CONSENT_EXPIRED,
                                          REASON_CONSENT_WITHDRAWN, REASON_CONSENT_REFUSED, REASON_PURPOSE_FORBIDDEN,
                                          REASON_PURPOSE_UNDECLARED };
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct told told = { .seed = seed, .is_fault = true };
        struct replay_counts counts, half;
        struct scene *scene = played(seed);
        run_from(scene, 0, &told, &counts);
        assert_int_equal(counts.decisions, scene->permits + scene->refusals);
        assert_int_equal(counts.same, counts.decisions);
        run_from(scene, scene->entry_count / 2, &told, &half);
        assert_true(half.same < counts.same && half.same == half.decisions);
        permits += scene->permits;
        overtaken += counts.overtaken;
        for (size_t i = 0; i < REASON_COUNT; i++) {
            reasons[i] += scene->reasons[i];
        }
        scene_free(scene);
    }
    /* The dice have been everywhere. */
    print_message("%" PRIu64 " permitted, %" PRIu64 " overtaken\n", permits, overtaken);
    assert_true(permits > 500 && overtaken > 10);
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        if (reasons[wanted[i]] == 0) {
            fail_msg("no request was refused with %s", reason_code(wanted[i]));
        }
    }
}

/* ---- One input is another one ---- */

static bool flip_verdict(struct scene_entry *entry)
{
    return entry->is_permit ? scene_replace(entry, "verdict: permit\n", "verdict: refuse\nreason: consent.none\n")
                            : scene_replace(entry, "verdict: refuse\n", "verdict: permit\n");
}

static bool take_out_consent(struct scene *scene, struct scene_entry *entry)
{
    if (!entry->has_consent) {
        return false;
    }
    struct bytes event = scene->entries[entry->consent_event].entry.statement;
    for (size_t i = 0; i < scene->entry_count; i++) { /* it may stand there twice */
        if (bytes_equal(scene->entries[i].entry.statement, event)) {
            scene->entries[i].entry.kind = RECORD_NONE;
        }
    }
    return true;
}

static bool name_other_policy(struct scene_entry *entry)
{
    return scene_replace(entry, "policy: sha-256=:", "policy: sha-256=:AAAA"); /* no digest any more */
}

/* False: this change does not fit this entry. */
static bool mutate(struct scene *scene, struct scene_entry *entry, unsigned how)
{
    switch (how) {
    case 0:
        return flip_verdict(entry);
    case 1:
        return take_out_consent(scene, entry);
    case 2:
        return name_other_policy(entry);
    case 3:
        return entry->is_permit && scene_replace(entry, "released: ", "withheld: ");
    case 4:
        return entry->is_permit && scene_replace(entry, "withheld: ", "released: ");
    case 5: /* what was asked: signed by another, and with a digest that fits */
        return entry->is_permit && scene_replace_request(entry, "x-road-client\": BAOBAB/MED/CLINIC", "x-road-client\": DELTA/MED/X");
    case 6:
        return entry->is_permit && entry->has_consent &&
               scene_replace_request(entry, "\"comity-purpose\": urn:u:care", "\"comity-purpose\": urn:u:sale");
    case 7:
        return entry->is_permit && entry->has_consent && scene_replace(entry, "\nperson: p", "\nperson: q");
    case 8: /* another time: nothing that was given lasts so long, and the directories don't */
        return entry->is_permit && scene_replace(entry, "\ntime: 1", "\ntime: 2");
    case 9:
        return scene_replace(entry, "directory: sha-256=:", "directory: sha-256=:AAAA");
    case 10: /* the statement beside it, without its digest */
        entry->entry.attachment = bytes_slice(entry->entry.attachment, 0, entry->entry.attachment.size);
        ((uint8_t *)entry->entry.attachment.data)[40] ^= 1;
        return true;
    case 11:
        return entry->has_consent && scene_replace(entry, "\nconsent: c-", "\nconsent: c-9");
    case 12:
        return entry->has_consent && scene_replace(entry, "\nconsents: sha-256=:", "\nconsents: sha-256=:AAAA");
    default:
        return scene_replace(entry, "\nservice: AURORA", "\nservice: BAOBAB");
    }
}
enum { MUTATION_KINDS = 14 };

static void one_changed_input_is_found(void **state)
{
    uint64_t tried[MUTATION_KINDS] = { 0 };
    (void)state;
    for (uint64_t seed = 1; seed <= MUTATIONS; seed++) {
        for (unsigned how = 0; how < MUTATION_KINDS; how++) {
            struct replay_counts counts;
            struct told told = { .seed = seed };
            struct scene *scene = scene_make(1000 + seed);
            size_t at = 0;
            for (size_t i = 0; i < STEPS / 4; i++) {
                scene_step(scene);
            }
            size_t start = scene_roll(scene, (unsigned)scene->entry_count);
            bool is_done = false;
            for (size_t i = 0; i < scene->entry_count && !is_done; i++) {
                at = (start + i) % scene->entry_count;
                is_done = scene->entries[at].entry.kind == RECORD_DECISION && mutate(scene, &scene->entries[at], how);
            }
            if (is_done) {
                tried[how]++;
                run_from(scene, 0, &told, &counts);
                if (counts.different + counts.undecidable == 0) {
                    fail_msg("seed %" PRIu64 ": change %u of entry %zu is not found", seed, how, at);
                }
            }
            scene_free(scene);
        }
    }
    for (unsigned how = 0; how < MUTATION_KINDS; how++) {
        assert_true(tried[how] > 0);
    }
}

/* ---- Answers ---- */

static void answers_are_held_against_decisions(void **state)
{
    uint64_t found[3] = { 0 };
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        for (unsigned how = 0; how < 3; how++) {
            struct replay_counts counts;
            struct told told = { .seed = seed };
            struct scene *scene = scene_make(2000 + seed);
            bool is_done = false;
            for (size_t i = 0; i < STEPS / 4; i++) {
                scene_step(scene);
            }
            for (size_t i = 1; i < scene->entry_count && !is_done; i++) {
                struct scene_entry *answer = &scene->entries[i], *before = &scene->entries[i - 1];
                if (answer->entry.kind != RECORD_ANSWER_SENT || before->entry.kind != RECORD_DECISION) {
                    continue;
                }
                if (how == 0) { /* something else left */
                    is_done = scene_replace(answer, "comity-released\": urn:k:", "comity-released\": urn:x:");
                } else if (how == 1) { /* it was never decided */
                    before->entry.kind = RECORD_NONE;
                    is_done = true;
                } else { /* it can't be read */
                    is_done = scene_replace(answer, "tag=\"comity-answer/1\"", "tag=\"comity-answer/2\"");
                }
            }
            if (is_done) {
                run_from(scene, 0, &told, &counts);
                assert_true(counts.different > 0);
                found[how]++;
            }
            scene_free(scene);
        }
    }
    assert_true(found[0] > 10 && found[1] > 10 && found[2] > 10);
}

/* An answer that comes behind a withdrawal, moved there from before it. */
static void nothing_leaves_behind_a_withdrawal(void **state)
{
    uint64_t tried = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct replay_counts counts;
        struct told told = { .seed = seed };
        struct scene *scene = scene_make(3000 + seed);
        for (size_t i = 0; i < STEPS / 2; i++) {
            scene_step(scene);
        }
        for (size_t i = 0; i + 1 < scene->entry_count; i++) {
            struct scene_entry *answer = &scene->entries[i];
            if (answer->entry.kind != RECORD_ANSWER_SENT || !scene->entries[i - 1].has_consent ||
                memmem(answer->entry.statement.data, answer->entry.statement.size, "comity-released", 15) == NULL) {
                continue;
            }
            /* Is its key changed later? The replay of the log as it was has found nothing, so any finding comes from the move. */
            struct scene_entry moved = *answer;
            memmove(answer, answer + 1, (scene->entry_count - 1 - i) * sizeof *answer);
            scene->entries[scene->entry_count - 1] = moved;
            run_from(scene, 0, &told, &counts);
            tried += counts.different > 0 && strstr(told.first.what, "had taken back") != NULL;
            break;
        }
        scene_free(scene);
    }
    assert_true(tried > 20);
}

static void says_no_person(void **state)
{
    (void)state;
    struct replay_counts counts;
    struct told told = { .seed = 1 };
    struct scene *scene = scene_make(7);
    for (size_t i = 0; i < STEPS; i++) {
        scene_step(scene);
    }
    for (size_t i = 0; i < scene->entry_count; i++) {
        (void)(scene->entries[i].entry.kind == RECORD_DECISION && scene_replace(&scene->entries[i], "\nperson: p", "\nperson: secret"));
    }
    run_from(scene, 0, &told, &counts);
    assert_true(counts.different > 0);
    assert_null(strstr(told.first.logged, "secret"));
    assert_string_equal(told.first.what, "person");
    scene_free(scene);
}

static void is_fast(void **state)
{
    (void)state;
    struct scene *scene = scene_make(99);
    struct told told = { .is_fault = true };
    struct replay_counts counts;
    while (scene->entry_count < SCENE_ENTRIES_MAX - 16) {
        scene_step(scene);
    }
    uint64_t start = time_monotonic_us();
    run_from(scene, 0, &told, &counts);
    uint64_t took = time_monotonic_us() - start;
    print_message("%" PRIu64 " decisions in %" PRIu64 " us\n", counts.decisions, took);
    assert_int_equal(counts.same, counts.decisions);
    scene_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_same_again),
                                        cmocka_unit_test(one_changed_input_is_found),
                                        cmocka_unit_test(answers_are_held_against_decisions),
                                        cmocka_unit_test(nothing_leaves_behind_a_withdrawal),
                                        cmocka_unit_test(says_no_person),
                                        cmocka_unit_test(is_fast) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
