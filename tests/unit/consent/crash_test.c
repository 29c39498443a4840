/*
 * kill -9 in the middle of changes and releases: when opened again, every acknowledged change is in force and in the log, and no
 * release stands behind a withdrawal. The child tells on a pipe what it begins and what was acknowledged.
 */
#include "rig.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "consent/event_text.h"

#ifndef KILLS
#define KILLS 25
#endif
#define BLOOD "https://w3id.org/dpv/pd#BloodType"
enum { CHANGERS = 3 };

enum change_kind { CHANGE_GIVE = 0, CHANGE_REFUSE, CHANGE_WITHDRAW, CHANGE_WITHDRAW_ALL, CHANGE_COUNT };
/* One message on the pipe: small enough to be written whole or not at all (PIPE_BUF). */
struct report {
    unsigned changer;
    enum change_kind kind;
    bool is_acknowledged;
    char id[CONSENT_ID_SIZE]; /* of a record that was made or withdrawn, when acknowledged */
};
struct child {
    struct rig *rig;
    unsigned changer, seed;
    int pipe;
};

static struct consent_key key_of(unsigned changer, char name[16])
{
    (void)snprintf(name, 16, "person-%u", changer);
    return (struct consent_key){ bytes_of_text(name), BYTES("KE/MED/CLINIC9"), BYTES("https://w3id.org/dpv#Care") };
}

static void tell(const struct child *child, const struct report *report)
{
    if (write(child->pipe, report, sizeof *report) != (ssize_t)sizeof *report) {
        _exit(3);
    }
}

static bool apply(const struct child *child, enum change_kind kind, const struct consent_key *key, char id[CONSENT_ID_SIZE])
{
    struct error e = { 0 };
    bool ok = false;
    switch (kind) {
    case CHANGE_GIVE:
        ok = rig_decide(child->rig, key, BLOOD, CONSENT_EVENT_GIVE, id, &e);
        break;
    case CHANGE_REFUSE:
        ok = rig_decide(child->rig, key, BLOOD, CONSENT_EVENT_REFUSE, id, &e);
        break;
    case CHANGE_WITHDRAW:
        ok = consent_withdraw(child->rig->consents, bytes_of_text(id), BYTES_NONE, NULL, NULL, &e);
        break;
    case CHANGE_WITHDRAW_ALL:
    case CHANGE_COUNT:
        ok = consent_withdraw_all(child->rig->consents, key->person, NULL, &e);
        break;
    }
    if (!ok) {
        (void)fprintf(stderr, "child: %s: %s\n", e.where, e.what);
    }
    return ok;
}

static void *change(void *context)
{
    const struct child *child = context;
    unsigned dice = child->seed * 7 + child->changer;
    char name[16], id[CONSENT_ID_SIZE] = "";
    struct consent_key key = key_of(child->changer, name);
    bool is_given = false;
    for (;;) {
        struct report report = { .changer = child->changer, .kind = (enum change_kind)(rand_r(&dice) % CHANGE_COUNT) };
        if (report.kind == CHANGE_WITHDRAW && !is_given) {
            report.kind = CHANGE_GIVE;
        }
        tell(child, &report);
        if (!apply(child, report.kind, &key, id)) {
            _exit(4);
        }
        is_given = report.kind == CHANGE_GIVE;
        report.is_acknowledged = true;
        memcpy(report.id, id, sizeof report.id);
        tell(child, &report);
    }
    return NULL;
}

static void *release(void *context)
{
    const struct child *child = context;
    unsigned dice = child->seed;
    struct buffer statement;
    buffer_init(&statement, 4096);
    for (;;) {
        char name[16];
        struct error e = { 0 };
        const struct consent_decision *decision;
        struct consent_view view;
        struct consent_key key = key_of((unsigned)rand_r(&dice) % CHANGERS, name);
        if (!consents_load(child->rig->consents, &key, &view, &e)) {
            _exit(5);
        }
        if (consent_view_state(&view, BYTES(BLOOD), time_now_ms(), &decision) == CONSENT_GIVEN) {
            rig_answer(&statement, key.person, decision->record_id);
            (void)rig_release(child->rig, &view, buffer_bytes(&statement), NULL);
        }
        consent_view_clear(&view);
    }
    return NULL;
}

static _Noreturn void run_child(struct rig *rig, unsigned seed, int pipe)
{
    struct child children[CHANGERS];
    pthread_t thread;
    rig_open(rig);
    for (unsigned i = 0; i < CHANGERS; i++) {
        children[i] = (struct child){ rig, i, seed, pipe };
        if (pthread_create(&thread, NULL, change, &children[i]) != 0) {
            _exit(6);
        }
    }
    (void)release(&children[0]);
    _exit(7);
}

/* What the parent knows of one changer: the state last acknowledged, and whether another change was begun. */
struct known {
    enum consent_state state;
    bool is_begun;
    enum change_kind begun;
};
struct acknowledged {
    char id[CONSENT_ID_SIZE];
    enum change_kind kind;
    bool is_logged;
};
struct ledger {
    struct known known[CHANGERS];
    struct acknowledged *changes;
    size_t count;
    size_t acknowledged;
};

static enum consent_state after_change(enum consent_state state, enum change_kind kind)
{
    switch (kind) {
    case CHANGE_GIVE:
        return CONSENT_GIVEN;
    case CHANGE_REFUSE:
        return CONSENT_REFUSED;
    case CHANGE_WITHDRAW:
        return CONSENT_WITHDRAWN;
    case CHANGE_WITHDRAW_ALL:
    case CHANGE_COUNT:
        break;
    }
    return state == CONSENT_GIVEN ? CONSENT_WITHDRAWN : state;
}

static void note_report(struct ledger *ledger, const struct report *report)
{
    struct known *known = &ledger->known[report->changer];
    known->is_begun = !report->is_acknowledged;
    known->begun = report->kind;
    if (!report->is_acknowledged) {
        return;
    }
    known->state = after_change(known->state, report->kind);
    ledger->acknowledged++;
    if (report->kind == CHANGE_WITHDRAW_ALL) {
        return; /* its records aren't told one by one */
    }
    struct acknowledged *grown = realloc(ledger->changes, (ledger->count + 1) * sizeof *grown);
    assert_non_null(grown);
    ledger->changes = grown;
    grown[ledger->count] = (struct acknowledged){ .kind = report->kind };
    memcpy(grown[ledger->count].id, report->id, sizeof report->id);
    ledger->count++;
}

/* Until the child is gone, or (with `first_only`) something was acknowledged. */
static void read_reports(int pipe, bool first_only, struct ledger *ledger)
{
    struct report report;
    size_t before = ledger->acknowledged;
    while (!first_only || ledger->acknowledged == before) {
        ssize_t got = read(pipe, &report, sizeof report);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got != (ssize_t)sizeof report) {
            return;
        }
        note_report(ledger, &report);
    }
}

static void find_changes(void *context, const struct log_entry *entry)
{
    static const char *const names[] = { "give", "refuse", "withdraw" };
    struct ledger *ledger = context;
    struct bytes id, event;
    if (entry->kind != RECORD_EVENT || !event_text_get(entry->statement, "id", &id) || !event_text_get(entry->statement, "event", &event)) {
        return;
    }
    for (size_t i = 0; i < ledger->count; i++) {
        struct acknowledged *change = &ledger->changes[i];
        change->is_logged = change->is_logged ||
                            (bytes_equal(id, bytes_of_text(change->id)) && bytes_equal(event, bytes_of_text(names[change->kind])));
    }
}

/* One life and death; then what must hold. */
static void kill_once(struct rig *rig, struct ledger *ledger, unsigned seed)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        run_child(rig, seed, ends[1]);
    }
    (void)close(ends[1]);
    unsigned dice = seed;
    if (seed % 4 != 0) { /* each fourth dies at any moment of its start, the others in the middle of work, however slow the machine */
        read_reports(ends[0], true, ledger);
    }
    (void)usleep((useconds_t)(rand_r(&dice) % 50000));
    assert_int_equal(kill(child, SIGKILL), 0);
    read_reports(ends[0], false, ledger);
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status)) {
        fail_msg("seed %u: the child ended by itself: %d", seed, WEXITSTATUS(status));
    }
    rig_open(rig);
    for (unsigned i = 0; i < CHANGERS; i++) {
        char name[16];
        struct consent_key key = key_of(i, name);
        struct known *known = &ledger->known[i];
        enum consent_state got = rig_state(rig, &key, BLOOD);
        bool is_right = got == known->state || (known->is_begun && got == after_change(known->state, known->begun));
        if (!is_right) {
            fail_msg("seed %u, changer %u: %s, acknowledged %s", seed, i, consent_state_name(got), consent_state_name(known->state));
        }
        *known = (struct known){ .state = got };
    }
    (void)rig_read(rig, find_changes, ledger);
    rig_close(rig);
}

static void what_was_acknowledged_holds(void **state)
{
    (void)state;
    struct rig rig;
    struct ledger ledger = { 0 };
    rig_make(&rig);
    for (unsigned seed = 1; seed <= KILLS; seed++) {
        kill_once(&rig, &ledger, seed);
    }
    for (size_t i = 0; i < ledger.count; i++) {
        if (!ledger.changes[i].is_logged) {
            fail_msg("an acknowledged change of %s is not in the log", ledger.changes[i].id);
        }
    }
    struct rig_order order = rig_check_order(&rig);
    print_message("%d kills: %zu acknowledged; log: %llu answers, %llu events, %llu twice\n", KILLS, ledger.acknowledged,
                  (unsigned long long)order.answers, (unsigned long long)order.events, (unsigned long long)order.twice);
    assert_int_equal(order.faults, 0);
    assert_true(ledger.acknowledged > KILLS / 2 && order.answers > 0);
    free(ledger.changes);
    rig_remove(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_was_acknowledged_holds) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
