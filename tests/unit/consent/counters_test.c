/*
 * Counters: limits that many threads race for, kill -9 with an independent recount of the log, windows and asked persons against slow models.
 */
#include "rig.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/time.h"
#include "consent/counters.h"
#include "consent/event_text.h"
#include "crypto/hash.h"

#ifndef KILLS
#define KILLS 12
#endif
enum { RACERS = 6, RECORDS = 3, EXPORTERS = 2, PERSONS = 20 };
static const int64_t day_ms = 24 * 60 * 60 * 1000;

static struct bytes record_of(unsigned number, char name[48])
{
    (void)snprintf(name, 48, "c-%032x", number + 1);
    return bytes_of_text(name);
}

static struct bytes numbered(const char *before, unsigned number, char name[48])
{
    (void)snprintf(name, 48, "%s%u", before, number);
    return bytes_of_text(name);
}

/* ---- one exchange: its decision in the log, then its release ---- */

struct exchange {
    struct counter_use use;         /* record empty: none */
    struct counter_export exported; /* person empty: none */
    struct bytes person;
    bool is_refusal; /* the answer says why it is none */
};

static void write_decision(const struct exchange *x, uint64_t nonce, struct buffer *out)
{
    event_text_append(out, "comity-event", BYTES("decision/1"));
    event_text_append_decimal(out, "exchange", (int64_t)nonce);
    event_text_append(out, "client", BYTES("KE/MED/CLINIC9/EHR"));
    event_text_append(out, "service", BYTES("CN/GOV/HOSP1/EHR/summary"));
    event_text_append(out, "person", x->person);
    event_text_append(out, "verdict", BYTES("permit"));
    if (x->use.record.size > 0) {
        char line[96];
        (void)snprintf(line, sizeof line, "%.*s %lld", BYTES_FMT(x->use.record), (long long)x->use.window_ms);
        event_text_append(out, "use", bytes_of_text(line));
    }
    if (x->exported.person.size > 0) {
        char line[96];
        (void)snprintf(line, sizeof line, "%lld %.*s", (long long)x->exported.year_ms, BYTES_FMT(x->exported.exporter));
        event_text_append(out, "export", bytes_of_text(line));
        if (x->exported.is_sensitive) {
            event_text_append(out, "sensitive", BYTES("yes"));
        }
    }
    event_text_append_decimal(out, "time", time_now_ms());
}

static void write_answer(struct bytes decision, bool is_refusal, struct buffer *out)
{
    uint8_t digest[SHA256_SIZE];
    sha256(decision, digest);
    buffer_append_text(out, "\"@status\": 200\n\"comity-decision\": sha-256=:");
    base64_append(out, bytes_of(digest, sizeof digest));
    buffer_append_text(out, is_refusal ? ":\n\"comity-reason\": service.failed\n" : ":\n");
}

static _Atomic uint64_t nonces;

static enum consent_result run_exchange(struct rig *rig, const struct exchange *x)
{
    struct buffer decision, answer;
    buffer_init(&decision, 4096);
    buffer_init(&answer, 4096);
    write_decision(x, atomic_fetch_add(&nonces, 1), &decision);
    write_answer(buffer_bytes(&decision), x->is_refusal, &answer);
    (void)rig_append(rig, RECORD_DECISION, buffer_bytes(&decision));
    enum consent_result result = CONSENT_UNLOGGED;
    if (x->is_refusal) { /* a refusal passes by consents_release() */
        (void)rig_append(rig, RECORD_ANSWER_SENT, buffer_bytes(&answer));
    } else {
        struct counter_release counts = { .uses = &x->use,
                                          .use_count = x->use.record.size > 0,
                                          .exported = x->exported.person.size > 0 ? &x->exported : NULL };
        const struct consent_release release = { .counts = &counts };
        result = rig_release_counted(rig, &release, buffer_bytes(&answer), NULL);
    }
    buffer_clear(&decision);
    buffer_clear(&answer);
    return result;
}

/* ---- the independent recount: every answer that is none of a refusal, by the decision that it names ---- */

struct recounted_use {
    uint64_t in_all, in_window;
    int64_t window_ms;
};
struct recount {
    struct buffer decisions; /* texts, one after the other, each with its size and digest in front */
    struct recounted_use uses[RECORDS];
    bool went_out[EXPORTERS][PERSONS], went_out_sensitive[EXPORTERS][PERSONS];
};

static void recount_permit(struct recount *recount, struct bytes text)
{
    struct bytes use, export, person;
    char name[48];
    for (unsigned i = 0; i < RECORDS && event_text_get(text, "use", &use); i++) {
        struct bytes record, window;
        char digits[24];
        assert_true(bytes_split(&use, ' ', &record) && bytes_split(&use, ' ', &window));
        (void)snprintf(digits, sizeof digits, "%.*s", BYTES_FMT(window)); /* the text ends without a zero */
        int64_t window_ms = strtoll(digits, NULL, 10);
        if (bytes_equal(record, record_of(i, name))) {
            struct recounted_use *row = &recount->uses[i];
            row->in_window = row->in_all > 0 && window_ms <= row->window_ms ? row->in_window + 1 : 1;
            row->window_ms = row->in_all > 0 && window_ms <= row->window_ms ? row->window_ms : window_ms;
            row->in_all++;
        }
    }
    if (!event_text_get(text, "export", &export) || !event_text_get(text, "person", &person)) {
        return;
    }
    for (unsigned i = 0; i < EXPORTERS; i++) {
        for (unsigned j = 0; j < PERSONS; j++) {
            if (bytes_end_with(export, numbered(" CN/GOV/E", i, name)) && bytes_equal(person, numbered("person-", j, name))) {
                struct bytes yes;
                recount->went_out[i][j] = true;
                recount->went_out_sensitive[i][j] = recount->went_out_sensitive[i][j] || event_text_get(text, "sensitive", &yes);
            }
        }
    }
}

static void recount_entry(void *context, const struct log_entry *entry)
{
    struct recount *recount = context;
    char text[4096];
    if (entry->kind == RECORD_DECISION) {
        uint8_t digest[SHA256_SIZE];
        char base64[BASE64_SIZE(SHA256_SIZE) + 1] = { 0 };
        sha256(entry->statement, digest);
        (void)base64_write(bytes_of(digest, sizeof digest), (uint8_t *)base64);
        buffer_append_text(&recount->decisions, "\x01");
        buffer_append_text(&recount->decisions, base64);
        buffer_append_text(&recount->decisions, "\x02");
        buffer_append(&recount->decisions, entry->statement);
        assert_false(recount->decisions.failed);
        return;
    }
    if (entry->kind != RECORD_ANSWER_SENT) {
        return;
    }
    assert_true(entry->statement.size < sizeof text);
    memcpy(text, entry->statement.data, entry->statement.size);
    text[entry->statement.size] = '\0';
    const char *digest = strstr(text, "sha-256=:");
    if (digest == NULL || strstr(text, "comity-reason") != NULL) {
        return;
    }
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "\x01%.44s\x02", digest + 9);
    const uint8_t *found = memmem(recount->decisions.data, recount->decisions.size, wanted, strlen(wanted));
    assert_non_null(found);
    struct bytes rest = bytes_of(found + strlen(wanted),
                                 (size_t)(recount->decisions.data + recount->decisions.size - found) - strlen(wanted));
    recount_permit(recount, bytes_slice(rest, 0, bytes_find(rest, 1)));
}

static void must_agree_with_the_log(struct rig *rig, const struct exchange *like)
{
    struct recount *recount = calloc(1, sizeof *recount);
    char name[48], exporter[48];
    assert_non_null(recount);
    buffer_init(&recount->decisions, 256 * 1024 * 1024);
    (void)rig_read(rig, recount_entry, recount);
    struct counters *counters = consents_counters(rig->consents);
    for (unsigned i = 0; i < RECORDS; i++) {
        struct counter_use use = { .record = record_of(i, name), .window_ms = recount->uses[i].window_ms };
        uint64_t in_window, in_all;
        counters_peek_use(counters, &use, &in_window, &in_all);
        if (in_all != recount->uses[i].in_all || in_window != recount->uses[i].in_window) {
            fail_msg("record %u: counted %llu and %llu, in the log %llu and %llu", i, (unsigned long long)in_all,
                     (unsigned long long)in_window, (unsigned long long)recount->uses[i].in_all,
                     (unsigned long long)recount->uses[i].in_window);
        }
    }
    for (unsigned i = 0; i < EXPORTERS; i++) {
        uint64_t persons = 0, sensitive = 0;
        struct counter_exported out = { 0 };
        for (unsigned j = 0; j < PERSONS; j++) {
            struct counter_export export = { .exporter = numbered("CN/GOV/E", i, exporter),
                                             .year_ms = like->exported.year_ms,
                                             .person = numbered("person-", j, name) };
            counters_peek_export(counters, &export, &out);
            assert_int_equal(out.is_counted, recount->went_out[i][j]);
            assert_int_equal(out.is_counted_as_sensitive, recount->went_out_sensitive[i][j]);
            persons += recount->went_out[i][j];
            sensitive += recount->went_out_sensitive[i][j];
        }
        assert_int_equal(out.persons, persons);
        assert_int_equal(out.sensitive_persons, sensitive);
    }
    buffer_clear(&recount->decisions);
    free(recount);
}

/* ---- tests ---- */

static int make_rig(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig_make(rig);
    rig_open(rig);
    *state = rig;
    return 0;
}

static int remove_rig(void **state)
{
    rig_remove(*state);
    free(*state);
    return 0;
}

static int64_t this_year(void)
{
    return period_year_start(time_now_ms(), 1, 1);
}

struct racer {
    struct rig *rig;
    const struct exchange *x;
    unsigned tries;
    unsigned released, exceeded;
};

static void *race(void *context)
{
    struct racer *racer = context;
    for (unsigned i = 0; i < racer->tries; i++) {
        enum consent_result result = run_exchange(racer->rig, racer->x);
        racer->released += result == CONSENT_RELEASED;
        racer->exceeded += result == CONSENT_EXCEEDED;
    }
    return NULL;
}

static unsigned run_race(struct rig *rig, const struct exchange *x, unsigned tries)
{
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    unsigned released = 0, exceeded = 0;
    for (size_t i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){ .rig = rig, .x = x, .tries = tries };
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        released += racers[i].released;
        exceeded += racers[i].exceeded;
    }
    assert_int_equal(released + exceeded, RACERS * tries);
    return released;
}

static void a_limit_that_many_race_for_holds(void **state)
{
    struct rig *rig = *state;
    char name[48];
    struct exchange x = { .person = BYTES("person-0"), .use = { .record = record_of(0, name), .window_ms = 1000, .total = 1 } };
    assert_int_equal(run_race(rig, &x, 5), 1);
    assert_int_equal(run_race(rig, &x, 5), 0);
    x.use = (struct counter_use){ .record = record_of(1, name), .window_ms = 1000, .max = 3, .total = 5 };
    assert_int_equal(run_race(rig, &x, 5), 3);
    x.use.window_ms = 2000;
    assert_int_equal(run_race(rig, &x, 5), 2);
    x.use.window_ms = 1500; /* the clock went back: still the later period, and its uses */
    x.use.total = 0;
    assert_int_equal(run_race(rig, &x, 5), 1);
    must_agree_with_the_log(rig, &x);
    rig_close(rig);
    rig_open(rig);
    must_agree_with_the_log(rig, &x);
    assert_int_equal(run_race(rig, &x, 1), 0);
}

static void persons_that_go_out_are_counted_once(void **state)
{
    struct rig *rig = *state;
    char name[48];
    struct exchange x = { .exported = { .exporter = BYTES("CN/GOV/E0"), .year_ms = this_year(), .max = 4, .max_sensitive = 2 } };
    unsigned released = 0;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 6; i++) { /* 0 1 sensitive, 2 3 not, 4 5 too many */
            x.person = x.exported.person = numbered("person-", i, name);
            x.exported.is_sensitive = i < 2;
            released += run_exchange(rig, &x) == CONSENT_RELEASED;
        }
    }
    assert_int_equal(released, 8);
    x.person = x.exported.person = BYTES("person-3");
    x.exported.is_sensitive = true; /* counted, but not as sensitive: a third one */
    assert_int_equal(run_exchange(rig, &x), CONSENT_EXCEEDED);
    x.exported.max_sensitive = 3;
    assert_int_equal(run_exchange(rig, &x), CONSENT_RELEASED);
    x.exported.year_ms += day_ms; /* another year begins with nobody */
    x.exported.max = 1;
    x.exported.max_sensitive = 0;
    assert_int_equal(run_exchange(rig, &x), CONSENT_RELEASED);
    x.exported.year_ms -= day_ms;
    x.is_refusal = true;
    x.person = x.exported.person = BYTES("person-9");
    (void)run_exchange(rig, &x); /* nothing left: nothing counts */
    must_agree_with_the_log(rig, &x);
    rig_close(rig);
    rig_open(rig);
    must_agree_with_the_log(rig, &x);
}

/* The period that a moment lies in, by stepping from one to the next. */
static int64_t slow_window(int64_t from_ms, struct period per, int64_t now_ms)
{
    int64_t begin_ms = from_ms;
    for (uint32_t n = 1;; n++) {
        struct period many = { per.months * n, per.days * n, per.seconds * n };
        int64_t next_ms = period_after(from_ms, many);
        if (next_ms > now_ms) {
            return begin_ms;
        }
        begin_ms = next_ms;
    }
}

static void windows_follow_each_other(void **state)
{
    static const struct period periods[] = {
        { 0, 0, 3600 }, { 0, 1, 0 }, { 1, 0, 0 }, { 12, 0, 0 }, { 1, 3, 7 }, { 0, 7, 0 }, { 0, 0, 1 }
    };
    (void)state;
    srandom(7);
    for (int i = 0; i < 4000; i++) {
        struct period per = periods[(size_t)random() % COUNT_OF(periods)];
        int64_t from_ms = random() % (20000 * day_ms), span_ms = per.seconds > 0 && per.months == 0 ? 3 * day_ms / 24 : 2000 * day_ms;
        int64_t now_ms = from_ms + random() % span_ms;
        assert_true(counters_window(from_ms, per, now_ms) == slow_window(from_ms, per, now_ms));
    }
    assert_true(counters_window(5, (struct period){ 0 }, 77) == 5);
    assert_true(counters_window(5, periods[0], 3) == 5);
}

/* What was asked, as a list. */
struct asked {
    unsigned consumer, person;
    int64_t time_ms;
};

static _Atomic int64_t clock_ms;

static int64_t set_clock(void *context)
{
    (void)context;
    return clock_ms;
}

static void log_ask(struct rig *rig, const struct counter_ask *ask)
{
    struct buffer text;
    buffer_init(&text, 4096);
    event_text_append(&text, "comity-event", BYTES("decision/1"));
    event_text_append(&text, "client", ask->client);
    event_text_append(&text, "service", ask->service);
    event_text_append(&text, "person", ask->person);
    event_text_append(&text, "verdict", BYTES("refuse"));
    event_text_append_decimal(&text, "time", ask->now_ms);
    (void)rig_append(rig, RECORD_DECISION, buffer_bytes(&text));
    buffer_clear(&text);
}

static void asked_persons_agree_with_a_list(void **state)
{
    enum { ASKS = 400, CONSUMERS = 3, ASKED_PERSONS = 12 };
    static struct asked list[ASKS];
    struct rig *rig = *state;
    char client[48], person[48];
    size_t recent_hits = 0;
    clock_ms = 1700000000000;
    time_replace(set_clock, NULL);
    srandom(11);
    for (size_t n = 0; n < ASKS; n++) {
        struct asked *now = &list[n];
        clock_ms += random() % 4 == 0 ? random() % (2 * day_ms) : random() % (20 * 60 * 1000);
        *now = (struct asked){ (unsigned)random() % CONSUMERS, (unsigned)random() % ASKED_PERSONS, clock_ms };
        (void)snprintf(client, sizeof client, "KE/MED/C%u/SUB%ld", now->consumer, random() % 3);
        struct counter_ask ask = { .client = bytes_of_text(client),
                                   .service = BYTES("CN/GOV/HOSP1/EHR/summary"),
                                   .person = numbered("p", now->person, person),
                                   .now_ms = clock_ms,
                                   .window_ms = random() % 2 == 0 ? day_ms : 31 * day_ms - COUNTER_STEP_MS };
        struct counter_asked got;
        counters_peek_asked(consents_counters(rig->consents), &ask, &got);
        int64_t oldest = clock_ms / COUNTER_STEP_MS - (ask.window_ms + COUNTER_STEP_MS - 1) / COUNTER_STEP_MS;
        bool seen[ASKED_PERSONS] = { 0 };
        uint64_t persons = 0, in_hour = 0;
        for (size_t i = 0; i < n; i++) {
            if (list[i].consumer == now->consumer && list[i].time_ms / COUNTER_STEP_MS >= oldest) {
                seen[list[i].person] = true;
            }
            in_hour += list[i].time_ms / COUNTER_RATE_MS == clock_ms / COUNTER_RATE_MS;
        }
        for (unsigned i = 0; i < ASKED_PERSONS; i++) {
            persons += seen[i] && i != now->person;
        }
        if (got.persons != persons || got.is_known != seen[now->person] || got.recent != in_hour || got.is_full) {
            fail_msg("ask %zu: %llu persons, known %d, %llu in the hour; the list has %llu, %d, %llu", n, (unsigned long long)got.persons,
                     got.is_known, (unsigned long long)got.recent, (unsigned long long)persons, seen[now->person],
                     (unsigned long long)in_hour);
        }
        recent_hits += persons > 0;
        counters_add_ask(consents_counters(rig->consents), &ask);
        log_ask(rig, &ask);
        struct error e;
        if (random() % 40 == 0) {
            rig_close(rig);
            rig_open(rig);
        } else if (random() % 10 == 0) {
            assert_true(counters_catch_up(consents_counters(rig->consents), 7, NULL, &e));
        }
    }
    time_replace(NULL, NULL);
    assert_true(recent_hits > ASKS / 2);
}

static void log_release(struct rig *rig, struct bytes consumer, struct bytes service)
{
    struct buffer text;
    buffer_init(&text, 4096);
    event_text_append(&text, "comity-event", BYTES("hold/1"));
    event_text_append(&text, "event", BYTES("released"));
    event_text_append(&text, "consumer", consumer);
    event_text_append(&text, "service", service);
    (void)rig_append(rig, RECORD_EVENT, buffer_bytes(&text));
    buffer_clear(&text);
}

static void ask_about(struct rig *rig, struct counter_ask ask, struct bytes person)
{
    ask.person = person;
    counters_add_ask(consents_counters(rig->consents), &ask);
    log_ask(rig, &ask);
}

static void expect_asked(struct rig *rig, struct counter_ask ask, struct bytes person, uint64_t persons, bool is_known)
{
    struct counter_asked got;
    ask.person = person;
    counters_peek_asked(consents_counters(rig->consents), &ask, &got);
    assert_int_equal(got.persons, persons);
    assert_int_equal(got.is_known, is_known);
}

/* In memory, when the log is read at the start, and out of the store. */
static void who_is_forgiven_begins_anew(void **state)
{
    struct rig *rig = *state;
    const struct counter_ask ask = { .client = BYTES("KE/MED/C1/S"), .service = BYTES("s"), .now_ms = time_now_ms(), .window_ms = day_ms };
    struct counter_ask other = ask;
    struct error e;
    other.client = BYTES("KE/MED/C2/S");
    ask_about(rig, ask, BYTES("a"));
    ask_about(rig, ask, BYTES("b"));
    ask_about(rig, other, BYTES("a"));
    counters_forgive(consents_counters(rig->consents), BYTES("KE/MED/C1"), BYTES("s"));
    log_release(rig, BYTES("KE/MED/C1"), BYTES("s"));
    expect_asked(rig, ask, BYTES("a"), 0, false);
    ask_about(rig, ask, BYTES("b"));
    for (int run = 0; run < 3; run++) {
        expect_asked(rig, ask, BYTES("a"), 1, false);
        expect_asked(rig, ask, BYTES("b"), 0, true);
        expect_asked(rig, other, BYTES("a"), 0, true);
        if (run == 1) {
            assert_true(counters_catch_up(consents_counters(rig->consents), SIZE_MAX, NULL, &e));
        }
        rig_close(rig);
        rig_open(rig);
    }
}

static void a_burst_stands_out_of_the_history(void **state)
{
    struct rig *rig = *state;
    struct counter_asked got;
    struct counter_ask ask = { .client = BYTES("KE/MED/C1/S"), .service = BYTES("s"), .person = BYTES("p"), .window_ms = day_ms };
    for (int hour = 0; hour < 60; hour++) {
        for (int i = 0; i < 10 + hour % 3; i++) {
            ask.now_ms = hour * COUNTER_RATE_MS + i * 1000;
            counters_add_ask(consents_counters(rig->consents), &ask);
        }
    }
    ask.now_ms = INT64_C(60) * COUNTER_RATE_MS;
    counters_peek_asked(consents_counters(rig->consents), &ask, &got);
    assert_true(got.usual >= 10 && got.usual <= 12);
    assert_true(got.deviation <= 2);
    assert_int_equal(got.recent, 0);
    assert_int_equal(got.hours, 60);
    for (int i = 0; i < 100; i++) {
        counters_add_ask(consents_counters(rig->consents), &ask);
    }
    counters_peek_asked(consents_counters(rig->consents), &ask, &got);
    assert_int_equal(got.recent, 100);
    ask.now_ms += INT64_C(1000) * COUNTER_RATE_MS; /* a long silence: what was usual is nothing */
    counters_peek_asked(consents_counters(rig->consents), &ask, &got);
    assert_true(got.usual == 0 && got.recent == 0);
}

/* ---- kill -9 ---- */

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define WITHOUT_FORKS /* it does not follow them */
#endif
#endif
#ifndef WITHOUT_FORKS
static void *release_until_killed(void *context)
{
    struct racer *racer = context;
    unsigned dice = racer->tries;
    char name[48], exporter[48], person[48];
    for (;;) {
        struct exchange x = { .person = numbered("person-", (unsigned)rand_r(&dice) % PERSONS, person) };
        if (rand_r(&dice) % 2 == 0) {
            x.use = (struct counter_use){ .record = record_of((unsigned)rand_r(&dice) % RECORDS, name), .window_ms = rand_r(&dice) % 3 };
        }
        if (rand_r(&dice) % 2 == 0) {
            x.exported = (struct counter_export){ .exporter = numbered("CN/GOV/E", (unsigned)rand_r(&dice) % EXPORTERS, exporter),
                                                  .year_ms = this_year(),
                                                  .person = x.person,
                                                  .is_sensitive = rand_r(&dice) % 4 == 0 };
        }
        x.is_refusal = rand_r(&dice) % 8 == 0;
        (void)run_exchange(racer->rig, &x);
        struct error e;
        if (rand_r(&dice) % 50 == 0 && !counters_catch_up(consents_counters(racer->rig->consents), 1000, NULL, &e)) {
            _exit(9);
        }
    }
    return NULL;
}

static _Noreturn void run_child(struct rig *rig, unsigned seed)
{
    struct racer racers[3];
    pthread_t threads[3];
    nonces = (uint64_t)seed << 32;
    rig_open(rig);
    for (unsigned i = 0; i < 3; i++) {
        racers[i] = (struct racer){ .rig = rig, .tries = seed * 10 + i };
        if (pthread_create(&threads[i], NULL, release_until_killed, &racers[i]) != 0) {
            _exit(4);
        }
    }
    (void)pthread_join(threads[0], NULL);
    _exit(5);
}

static void a_kill_loses_and_doubles_nothing(void **state)
{
    struct rig rig;
    (void)state;
    rig_make(&rig);
    struct exchange like = { .exported = { .year_ms = this_year() } };
    for (unsigned kill_number = 1; kill_number <= KILLS; kill_number++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            run_child(&rig, kill_number);
        }
        (void)usleep(60000 + kill_number * 7919 % 90000);
        int status = 0;
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        rig_open(&rig);
        must_agree_with_the_log(&rig, &like);
        rig_close(&rig);
    }
    rig_open(&rig);
    struct counter_use use = { .record = BYTES("c-00000000000000000000000000000001") };
    uint64_t in_window, in_all;
    counters_peek_use(consents_counters(rig.consents), &use, &in_window, &in_all);
    assert_true(in_all > 0); /* else nothing was put to the test */
    print_message("%d kills, %llu uses of one record\n", KILLS, (unsigned long long)in_all);
    rig_remove(&rig);
}

#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_rig, remove_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_limit_that_many_race_for_holds),
        TEST(persons_that_go_out_are_counted_once),
        cmocka_unit_test(windows_follow_each_other),
        TEST(asked_persons_agree_with_a_list),
        TEST(who_is_forgiven_begins_anew),
        TEST(a_burst_stands_out_of_the_history),
#ifndef WITHOUT_FORKS
        cmocka_unit_test(a_kill_loses_and_doubles_nothing),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
