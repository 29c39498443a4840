/* Many threads release while others withdraw and give: read back, the log must show no release behind a withdrawal. */
#include "rig.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"

#ifndef ROUNDS
#define ROUNDS 60
#endif
#define BLOOD "https://w3id.org/dpv/pd#BloodType"
enum { PERSONS = 3, RELEASERS = 6, CHANGERS = 3 };

struct world {
    struct rig *rig;
    _Atomic bool is_over;
    _Atomic unsigned released, overtaken, refused, failed;
};
struct actor {
    struct world *world;
    unsigned number;
};

static struct consent_key key_of(unsigned person, char name[16])
{
    (void)snprintf(name, 16, "person-%u", person);
    return (struct consent_key){ bytes_of_text(name), BYTES("KE/MED/CLINIC9"), BYTES("https://w3id.org/dpv#Care") };
}

/* What a worker does: look, decide, release; anew when it was overtaken. */
static void *release(void *context)
{
    struct actor *actor = context;
    struct world *world = actor->world;
    unsigned dice = 1000 + actor->number;
    struct buffer statement;
    buffer_init(&statement, 4096);
    while (!world->is_over) {
        char name[16];
        struct error e = { 0 };
        struct consent_key key = key_of((unsigned)rand_r(&dice) % PERSONS, name);
        struct consent_room room;
        struct consent_view view;
        if (!consents_find(world->rig->consents, &key, &room, &view) && !consents_load(world->rig->consents, &key, &view, &e)) {
            world->failed++;
            break;
        }
        const struct consent_decision *decision;
        if (consent_view_state(&view, BYTES(BLOOD), time_now_ms(), &decision) != CONSENT_GIVEN) {
            world->refused++;
            (void)usleep(50);
        } else {
            if (rand_r(&dice) % 4 == 0) {
                (void)usleep((useconds_t)(rand_r(&dice) % 500)); /* the service answers; meanwhile the consent may change */
            }
            rig_answer(&statement, key.person, decision->record_id);
            if (rig_release(world->rig, &view, buffer_bytes(&statement), NULL)) {
                world->released++;
            } else {
                world->overtaken++;
            }
        }
        consent_view_clear(&view);
    }
    buffer_clear(&statement);
    return NULL;
}

/* One person a changer: gives, then ends it in one of three ways; whatever was acknowledged must be what is seen next. */
static void *change(void *context)
{
    struct actor *actor = context;
    struct world *world = actor->world;
    unsigned dice = actor->number;
    char name[16], id[CONSENT_ID_SIZE], other[CONSENT_ID_SIZE];
    struct consent_key key = key_of(actor->number % PERSONS, name);
    for (int i = 0; i < ROUNDS; i++) {
        struct error e = { 0 };
        enum consent_state want = CONSENT_WITHDRAWN;
        bool ok = rig_decide(world->rig, &key, BLOOD, CONSENT_EVENT_GIVE, id, &e) && rig_state(world->rig, &key, BLOOD) == CONSENT_GIVEN;
        (void)usleep((useconds_t)(rand_r(&dice) % 1000));
        switch (rand_r(&dice) % 3) {
        case 0:
            ok = ok && consent_withdraw(world->rig->consents, bytes_of_text(id), BYTES_NONE, NULL, NULL, &e);
            break;
        case 1:
            ok = ok && consent_withdraw_all(world->rig->consents, key.person, NULL, &e);
            break;
        default:
            ok = ok && rig_decide(world->rig, &key, BLOOD, CONSENT_EVENT_REFUSE, other, &e);
            want = CONSENT_REFUSED;
            break;
        }
        if (!ok || rig_state(world->rig, &key, BLOOD) != want) {
            print_error("changer %u round %d: %s %s\n", actor->number, i, e.where, e.what);
            world->failed++;
        }
    }
    return NULL;
}

static void run(size_t cache_max)
{
    struct rig rig;
    struct actor actors[RELEASERS + CHANGERS];
    pthread_t threads[RELEASERS + CHANGERS];
    rig_make(&rig);
    rig.cache_max = cache_max;
    rig_open(&rig);
    struct world world = { .rig = &rig };
    for (unsigned i = 0; i < COUNT_OF(actors); i++) {
        actors[i] = (struct actor){ &world, i };
        assert_int_equal(pthread_create(&threads[i], NULL, i < CHANGERS ? change : release, &actors[i]), 0);
    }
    for (size_t i = 0; i < COUNT_OF(actors); i++) {
        if (i == CHANGERS) {
            world.is_over = true;
        }
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    rig_close(&rig);
    struct rig_order order = rig_check_order(&rig);
    print_message("cache %zu: %u released, %u overtaken, %u refused; log: %llu answers, %llu events\n", cache_max, world.released,
                  world.overtaken, world.refused, (unsigned long long)order.answers, (unsigned long long)order.events);
    assert_int_equal(world.failed, 0);
    assert_int_equal(order.faults, 0);
    assert_int_equal(order.twice, 0);
    assert_int_equal(order.answers, world.released);
    assert_true(world.released > 0 && world.overtaken > 0); /* else nothing was put to the test */
    assert_true(order.events >= 2 * CHANGERS * ROUNDS);
    rig_remove(&rig);
}

static void no_release_stands_behind_a_withdrawal(void **state)
{
    (void)state;
    run(0);
}

/* With room for one view, each lookup evicts: forgetting must not let a release slip by. */
static void not_even_when_the_cache_forgets(void **state)
{
    (void)state;
    run(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_release_stands_behind_a_withdrawal),
        cmocka_unit_test(not_even_when_the_cache_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
