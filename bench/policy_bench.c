/*
 * What a decision on a consent costs, from memory and from SQLite, and a withdrawal: bench/policy.py runs it and says what the figures mean.
 * Prints one line of JSON.
 *
 *   policy_bench FOLDER CONSENTS STORED [TURNS]   CONSENTS in memory, STORED in a database in FOLDER (which must be empty), five a person; with TURNS,
 *                                                 only so many decisions from memory, for valgrind --tool=callgrind
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/time.h"
#include "consent/consent_internal.h"
#include "policy/decide.h"

enum { CONSENTS_A_PERSON = 5, CATEGORIES = 3, DECISIONS = 1000000, LOADS = 100000, PARTS = 20, WITHDRAWALS = 200, NOW_MS = 1000000000 };
static const char *const categories[CATEGORIES] = { "https://w3id.org/dpv/pd#BloodType", "https://w3id.org/dpv/pd#Name",
                                                    "https://w3id.org/dpv/pd#Vaccination" };
static const struct bytes purpose = BYTES("https://w3id.org/dpv/sector/health#MedicalTreatment");

static _Noreturn void stop(const char *what, const struct error *e)
{
    (void)fprintf(stderr, "policy_bench: %s%s%s\n", what, e != NULL ? ": " : "", e != NULL ? e->what : "");
    exit(2);
}

static void must(bool ok, const char *what, const struct error *e)
{
    if (!ok) {
        stop(what, e);
    }
}

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t dice = 88172645463325252; /* the same draws each time */

static uint64_t draw(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double p99_us(uint32_t *ns, size_t count)
{
    qsort(ns, count, sizeof *ns, compare);
    return (double)ns[count * 99 / 100] / 1000;
}

/* ---- who asks for what ---- */

struct person {
    char name[32], recipient[64];
    struct consent_key key;
};

static void make_person(uint64_t consent, struct person *out)
{
    (void)snprintf(out->name, sizeof out->name, "p-%011" PRIu64, consent / CONSENTS_A_PERSON);
    (void)snprintf(out->recipient, sizeof out->recipient, "KE/MED/CLINIC%" PRIu64, consent % CONSENTS_A_PERSON);
    out->key = (struct consent_key){ bytes_of_text(out->name), bytes_of_text(out->recipient), purpose };
}

static void make_id(uint64_t consent, char id[CONSENT_ID_SIZE])
{
    (void)snprintf(id, CONSENT_ID_SIZE, "c-%032" PRIx64, consent + 1);
}

struct scene {
    struct policy_category categories[CATEGORIES];
    struct policy_release releases[CATEGORIES];
    struct policy_right rights[1];
    struct bytes purposes[1];
    struct policy_service service;
    struct policy policy;
    struct identifier client;
    struct decide_request request;
    struct decide_context context;
};

/* A service that releases three sensitive categories on consent. */
static void make_scene(struct scene *s)
{
    *s = (struct scene){ 0 };
    s->client = (struct identifier){ .parts = { BYTES("KE"), BYTES("MED"), BYTES("CLINIC1"), BYTES("EHR") }, .part_count = 4 };
    s->rights[0] = (struct policy_right){
        .subject = BYTES("KE/MED/CLINIC1/EHR"), .parts = s->client, .method = BYTES("GET"), .path = BYTES("/**")
    };
    s->purposes[0] = purpose;
    for (size_t i = 0; i < CATEGORIES; i++) {
        s->categories[i] = (struct policy_category){ .iri = bytes_of_text(categories[i]), .is_sensitive = true };
        s->releases[i] = (struct policy_release){ .category = i, .basis = BASIS_CONSENT };
    }
    s->service = (struct policy_service){ .person_place = PERSON_PATH,
                                          .purposes = s->purposes,
                                          .purpose_count = 1,
                                          .releases = s->releases,
                                          .release_count = CATEGORIES,
                                          .rights = s->rights,
                                          .right_count = 1 };
    s->policy = (struct policy){ .categories = s->categories, .category_count = CATEGORIES };
    s->request = (struct decide_request){
        .client = &s->client, .service = &s->service, .method = BYTES("GET"), .path = BYTES("/p"), .purpose = purpose, .now_ms = NOW_MS
    };
    s->context = (struct decide_context){ .policy = &s->policy, .parties = { .is_recognised = true } };
}

static void must_permit(struct scene *s, const struct consent_view *view, struct bytes person, struct decide_result *result)
{
    s->context.consents = view;
    s->request.person = person;
    decide(&s->request, &s->context, result);
    if (result->reason != REASON_NONE || !result->permitted[0] || !result->permitted[CATEGORIES - 1]) {
        stop("a decision that permits did not", NULL);
    }
}

/* ---- from memory ---- */

static void fill(struct consent_cache *cache, uint64_t consents)
{
    struct person person;
    char id[CONSENT_ID_SIZE];
    struct consent_decision decisions[CATEGORIES];
    for (uint64_t n = 0; n < consents; n++) {
        struct cache_place place;
        make_person(n, &person);
        make_id(n, id);
        for (size_t i = 0; i < CATEGORIES; i++) {
            decisions[i] = (struct consent_decision){ .category = bytes_of_text(categories[i]),
                                                      .state = CONSENT_GIVEN,
                                                      .valid_from_ms = (int64_t)(n % NOW_MS),
                                                      .valid_until_ms = 2 * (int64_t)NOW_MS + (int64_t)n,
                                                      .record_id = bytes_of_text(id) };
        }
        const struct consent_view view = { .decisions = decisions, .count = CATEGORIES };
        consent_cache_place(cache, &person.key, &place);
        (void)consent_cache_insert(cache, &person.key, &place, consent_cache_generation(cache, &place), &view);
    }
}

static double measure_memory(uint64_t consents, size_t turns, double *bytes_each)
{
    static struct scene scene;
    static struct consent_room room;
    static struct decide_result result;
    struct consents *c = calloc(1, sizeof *c);
    uint32_t *ns = calloc(turns, sizeof *ns);
    size_t found = 0;
    must(c != NULL && ns != NULL && consent_cache_init(&c->cache, consents + consents / 50), "out of memory", NULL);
    make_scene(&scene);
    fill(&c->cache, consents);
    *bytes_each = (double)consent_cache_bytes(&c->cache) / (double)consent_cache_count(&c->cache);
    for (size_t i = 0; i < turns;) {
        struct person person;
        struct consent_view view;
        make_person(draw() % consents, &person);
        uint64_t begin = now_ns();
        bool is_found = consents_find(c, &person.key, &room, &view);
        if (is_found) {
            must_permit(&scene, &view, person.key.person, &result);
            ns[found++] = (uint32_t)(now_ns() - begin);
        }
        i++;
    }
    must(found > turns * 9 / 10, "too few consents were found in memory", NULL);
    double us = p99_us(ns, found);
    consent_cache_clear(&c->cache);
    free(c);
    free(ns);
    return us;
}

/* ---- from SQLite, and a withdrawal ---- */

struct place {
    struct disk *public, *private;
    struct signer *signer;
    struct log *log;
    struct committer *committer;
    struct store *store;
    struct consents *consents;
};

static void open_place(struct place *p, const char *folder)
{
    struct error e;
    char path[4096];
    const struct committer_options options = { 0 };
    (void)snprintf(path, sizeof path, "%s/public", folder);
    must(disk_open_folder(&p->public, path, true, &e), "public folder", &e);
    (void)snprintf(path, sizeof path, "%s/private", folder);
    must(disk_open_folder(&p->private, path, false, &e), "private folder", &e);
    must(signer_make(&p->signer, BYTES("bench.example"), &e), "signer", &e);
    must(log_open(&p->log, p->public, p->private, NULL, p->signer, &e), "log", &e);
    must(committer_start(&p->committer, p->log, &options, &e), "committer", &e);
    (void)snprintf(path, sizeof path, "sqlite:%s/comity.db", folder);
    must(store_open(&p->store, path, &e), "store", &e);
    const struct consents_options consents = {
        .store = p->store, .committer = p->committer, .public = p->public, .private = p->private, .cache_max = CONSENT_SHARDS
    };
    must(consents_open(&p->consents, &consents, &e), "consents", &e);
}

static void close_place(struct place *p)
{
    consents_close(p->consents);
    store_close(p->store);
    committer_stop(p->committer);
    log_close(p->log);
    signer_free(p->signer);
    disk_free(p->public);
    disk_free(p->private);
}

/* Rows as a change writes them, without the log: what is measured is reading them. */
static void store_consents(struct place *p, uint64_t count)
{
    static const char add_person[] = "INSERT INTO persons (identifier, number) VALUES (?1, ?2)";
    static const char record[] =
        "INSERT INTO consents (person, recipient, purpose, decided, number, id, created_at, valid_from, valid_until,"
        " ends, decisions) VALUES (?1, ?2, ?3, ?4, ?4, ?5, 0, 0, ?6, ?6, ?7)";
    struct error e;
    struct person person;
    char id[CONSENT_ID_SIZE], decisions[64];
    int64_t numbers[CATEGORIES + 1], recipients[CONSENTS_A_PERSON];
    must(store_begin_relaxed(p->store, &e), "transaction", &e);
    for (size_t i = 0; i < CONSENTS_A_PERSON; i++) {
        make_person(i, &person);
        must(names_take(p->store, person.key.recipient, &recipients[i], &e), "recipient", &e);
    }
    for (size_t i = 0; i < CATEGORIES; i++) {
        must(names_take(p->store, bytes_of_text(categories[i]), &numbers[i], &e), "category", &e);
    }
    must(names_take(p->store, purpose, &numbers[CATEGORIES], &e) && store_commit(p->store, &e), "purpose", &e);
    (void)snprintf(decisions, sizeof decisions, "%" PRId64 "C,%" PRId64 "C,%" PRId64 "C", numbers[0], numbers[1], numbers[2]);
    for (uint64_t n = 0; n < count; n++) {
        if (n % 100000 == 0) {
            must(store_begin_relaxed(p->store, &e), "transaction", &e);
        }
        make_person(n, &person);
        make_id(n, id);
        const struct store_value named[] = { STORE_STR(person.key.person), STORE_INT((int64_t)(n / CONSENTS_A_PERSON) + 1) };
        must(n % CONSENTS_A_PERSON != 0 || store_run(p->store, add_person, named, COUNT_OF(named), NULL, NULL, NULL, &e), "person", &e);
        const struct store_value row[] = { named[1],
                                           STORE_INT(recipients[n % CONSENTS_A_PERSON]),
                                           STORE_INT(numbers[CATEGORIES]),
                                           STORE_INT((int64_t)n + 1),
                                           STORE_STR(bytes_of_text(id)),
                                           STORE_INT(2 * (int64_t)NOW_MS),
                                           STORE_STR(bytes_of_text(decisions)) };
        must(store_run(p->store, record, row, COUNT_OF(row), NULL, NULL, NULL, &e), "record", &e);
        if (n % 100000 == 99999 || n + 1 == count) {
            must(store_commit(p->store, &e), "transaction", &e);
        }
    }
}

/* `*quiet_us`: the least 99th percentile of the parts of the run. */
static double measure_sqlite(struct place *p, uint64_t count, double *quiet_us)
{
    static struct scene scene;
    static struct decide_result result;
    uint32_t *ns = calloc(LOADS, sizeof *ns);
    struct error e;
    must(ns != NULL, "out of memory", NULL);
    make_scene(&scene);
    for (size_t i = 0; i < 2 * LOADS; i++) { /* the first half only warms */
        struct person person;
        struct consent_view view;
        make_person(draw() % count, &person);
        uint64_t begin = now_ns();
        must(consents_load(p->consents, &person.key, &view, &e), "load", &e);
        must_permit(&scene, &view, person.key.person, &result);
        consent_view_clear(&view);
        ns[i % LOADS] = (uint32_t)(now_ns() - begin);
    }
    *quiet_us = 0;
    for (size_t at = 0; at < LOADS; at += LOADS / PARTS) {
        double part_us = p99_us(ns + at, LOADS / PARTS);
        *quiet_us = at == 0 || part_us < *quiet_us ? part_us : *quiet_us;
    }
    double us = p99_us(ns, LOADS);
    free(ns);
    return us;
}

static double measure_withdraw(struct place *p)
{
    uint32_t us[WITHDRAWALS];
    struct bytes list[] = { bytes_of_text(categories[0]) };
    for (size_t i = 0; i < WITHDRAWALS; i++) {
        char id[CONSENT_ID_SIZE], name[32];
        struct error e;
        int64_t now_ms = time_now_ms();
        (void)snprintf(name, sizeof name, "w-%zu", i);
        const struct consent_grant grant = { .key = { bytes_of_text(name), BYTES("KE/MED/CLINIC1"), purpose },
                                             .categories = list,
                                             .category_count = 1,
                                             .event = CONSENT_EVENT_GIVE,
                                             .valid_from_ms = now_ms,
                                             .valid_until_ms = now_ms + 86400000 };
        must(consent_give(p->consents, &grant, id, NULL, &e), "give", &e);
        uint64_t begin = now_ns();
        must(consent_withdraw(p->consents, bytes_of_text(id), BYTES_NONE, NULL, NULL, &e), "withdraw", &e);
        us[i] = (uint32_t)((now_ns() - begin) / 1000);
    }
    qsort(us, WITHDRAWALS, sizeof us[0], compare);
    return (double)us[WITHDRAWALS / 2] / 1000;
}

int main(int argc, char **argv)
{
    uint64_t consents, stored, turns = 0;
    if (argc < 4 || argc > 5 || !bytes_to_u64(bytes_of_text(argv[2]), &consents) || !bytes_to_u64(bytes_of_text(argv[3]), &stored) ||
        consents < 1000 || stored < 1000 || (argc == 5 && (!bytes_to_u64(bytes_of_text(argv[4]), &turns) || turns == 0))) {
        (void)fprintf(stderr, "policy_bench FOLDER CONSENTS STORED [TURNS]: at least 1000 consents\n");
        return 2;
    }
    double bytes_each;
    double memory_us = measure_memory(consents, turns > 0 ? turns : DECISIONS, &bytes_each);
    if (turns > 0) {
        return 0;
    }
    struct place place = { 0 };
    open_place(&place, argv[1]);
    store_consents(&place, stored);
    double quiet_us;
    double sqlite_us = measure_sqlite(&place, stored, &quiet_us);
    double withdraw_ms = measure_withdraw(&place);
    close_place(&place);
    (void)printf(
        "{\"decide_memory_p99_us\": %.3f, \"decide_sqlite_p99_us\": %.3f, \"decide_sqlite_quiet_p99_us\": %.3f, \"bytes_per_consent\": %.2f, \"withdraw_ms\": %.3f,"
        " \"consents\": %" PRIu64 ", \"stored\": %" PRIu64 "}\n",
        memory_us, sqlite_us, quiet_us, bytes_each, withdraw_ms, consents, stored);
    return 0;
}
