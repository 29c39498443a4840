/*
 * A process that ends at any call of its disks, is started again, and then the power fails: store and log agree, and everything starts. On
 * disks in memory, with a committer that is stepped.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/diag.h"
#include "consent/consent.h"
#include "torture/faulty_disk.h"

enum { CALLS_MAX = 90, CALLS_STEP = 3, CACHE = 16 };

#define BLOOD "https://w3id.org/dpv/pd#BloodType"
static const struct consent_key anna = { BYTES("anna-1"), BYTES("KE/MED/CLINIC9"), BYTES("https://w3id.org/dpv#Care") };

struct machine {
    struct disk *disks[3]; /* public, private, store */
    struct faults faults;
    struct faulty_disk faulty[3];
    struct signer *signer;
    struct log *log;
    struct committer *committer;
    struct store *store;
    struct consents *consents;
};

static void turn(void *context)
{
    struct machine *m = context;
    committer_step(m->committer);
}

static bool start(struct machine *m, struct error *e)
{
    const struct committer_options options = { .turn = turn, .context = m };
    m->faults = (struct faults){ .kinds = CALL_ALL, .fail_at = UINT64_MAX };
    if (!store_open_on(&m->store, &m->faulty[2].disk, "comity.db", e) ||
        !log_open(&m->log, &m->faulty[0].disk, &m->faulty[1].disk, NULL, m->signer, e) ||
        !committer_start(&m->committer, m->log, &options, e)) {
        return false;
    }
    const struct consents_options consents = {
        .store = m->store, .committer = m->committer, .public = &m->faulty[0].disk, .private = &m->faulty[1].disk, .cache_max = CACHE
    };
    return consents_open(&m->consents, &consents, e);
}

/* The process ends here. */
static void end(struct machine *m)
{
    m->faults.is_dead = true;
    consents_close(m->consents);
    committer_stop(m->committer);
    log_close(m->log);
    store_close(m->store);
    m->consents = NULL;
    m->committer = NULL;
    m->log = NULL;
    m->store = NULL;
}

static void make(struct machine *m)
{
    static const uint8_t seed[ED25519_SEED_SIZE] = { 1 };
    struct error e = { 0 };
    *m = (struct machine){ .log = NULL };
    for (size_t i = 0; i < COUNT_OF(m->disks); i++) {
        m->disks[i] = sim_disk_make();
        faulty_disk_init(&m->faulty[i], m->disks[i], &m->faults);
    }
    assert_true(signer_from_seed(&m->signer, BYTES("KE/GOV/HOSP1/GW1"), seed, &e));
}

static void clear(struct machine *m)
{
    for (size_t i = 0; i < COUNT_OF(m->disks); i++) {
        disk_free(m->disks[i]);
    }
    signer_free(m->signer);
}

static bool give(struct machine *m, char id[CONSENT_ID_SIZE], struct error *e)
{
    const struct bytes blood = BYTES(BLOOD);
    const struct consent_grant grant = {
        .key = anna, .categories = &blood, .category_count = 1, .event = CONSENT_EVENT_GIVE, .valid_until_ms = INT64_C(4000000000000)
    };
    uint64_t index;
    return consent_give(m->consents, &grant, id, &index, e);
}

struct found {
    enum consent_state state;
    size_t count;
};

static bool look(void *context, const struct consent_record *record)
{
    struct found *found = context;
    found->state = record->state;
    found->count++;
    return true;
}

static void start_or_fail(struct machine *m, uint64_t call, const char *when)
{
    struct error e = { 0 };
    if (!start(m, &e)) {
        fail_msg("killed at call %llu, %s: does not start: %s: %s", (unsigned long long)call, when, e.where, e.what);
    }
}

/* A withdrawal that was acknowledged stands; one that was not stands or not, but then wholly. */
static void killed_then_cut(void **state)
{
    (void)state;
    for (uint64_t call = 0; call < CALLS_MAX; call += CALLS_STEP) {
        struct machine m;
        struct error e = { 0 };
        struct found found = { .count = 0 };
        char id[CONSENT_ID_SIZE];
        make(&m);
        start_or_fail(&m, call, "at first");
        assert_true(give(&m, id, &e));
        m.faults = (struct faults){ .kinds = CALL_ALL, .fail_at = call, .from_then_on = true, .fault = EIO };
        bool is_acknowledged = consent_withdraw(m.consents, bytes_of_text(id), BYTES_NONE, NULL, NULL, &e);
        end(&m);
        start_or_fail(&m, call, "again");
        end(&m);
        for (size_t i = 0; i < COUNT_OF(m.disks); i++) {
            sim_disk_power_cut(m.disks[i], 3 * call + i);
        }
        start_or_fail(&m, call, "after the power failed");
        assert_true(consent_list(m.consents, BYTES_NONE, bytes_of_text(id), look, &found, &e));
        assert_int_equal(found.count, 1);
        assert_true(found.state == CONSENT_WITHDRAWN || (!is_acknowledged && found.state == CONSENT_GIVEN));
        end(&m);
        clear(&m);
    }
}

/* The store could not note where an event stands, so it is logged a second time; then the power fails, and the store knows less again. */
static void logged_twice(void **state)
{
    struct machine m;
    struct error e = { 0 };
    char id[CONSENT_ID_SIZE], other[CONSENT_ID_SIZE];
    int64_t changed = 0;
    (void)state;
    make(&m);
    start_or_fail(&m, 0, "at first");
    assert_true(give(&m, id, &e));
    assert_true(store_run(m.store, "UPDATE consent_events SET log_index = NULL", NULL, 0, NULL, NULL, &changed, &e));
    assert_true(give(&m, other, &e));
    assert_true(store_run(m.store, "DELETE FROM state WHERE name LIKE 'counters.%'", NULL, 0, NULL, NULL, &changed, &e));
    end(&m);
    start_or_fail(&m, 0, "with an event that is there twice");
    assert_true(consent_withdraw(m.consents, bytes_of_text(id), BYTES_NONE, NULL, NULL, &e));
    end(&m);
    clear(&m);
}

int main(void)
{
    diag_configure(DIAG_NOTHING, DIAG_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_then_cut),
        cmocka_unit_test(logged_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
