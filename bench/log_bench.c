/*
 * What the evidence log costs, on a real disk: bench/log.py runs it and says what the figures mean. Prints one line of JSON.
 *
 *   log_bench append  FOLDER ENTRIES STATEMENT ATTACHMENT BATCH       log_append() alone, then publishing
 *   log_bench commit  FOLDER ENTRIES STATEMENT ATTACHMENT SUBMITTERS  through a committer, publishing beside it
 *   log_bench exchange FOLDER CLIENTS SECONDS SIZE,SIZE,...           four statements each, in two logs
 *   log_bench start   FOLDER                                          log_open()
 *   log_bench verify  FOLDER public|all                               log_verify()
 *   log_bench key     FOLDER                                          the public key
 *   log_bench prove   FOLDER COUNT                                    log_reader_prove() of entries chosen at random
 *
 * SIZE,... are eight numbers: statement and attachment of request sent, decision, answer sent, answer received.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "base/time.h"
#include "evidence/committer.h"

enum { PATH_BYTES = 512, IN_FLIGHT = 4096, RECORDS_OF_EXCHANGE = 4, CLIENTS_MAX = 256 };
static const char origin[] = "log.example/bench";

struct place {
    struct disk *public, *private;
    struct signer *signer;
    char folder[PATH_BYTES];
};

/* Filled once: what is in a statement costs nothing, its size does. */
static uint8_t text[RECORD_ATTACHMENT_BYTES_MAX];

static _Noreturn void stop(const char *what, const struct error *e)
{
    char line[sizeof *e];
    (void)fprintf(stderr, "log_bench: %s%s%s\n", what, e != NULL ? ": " : "", e != NULL ? error_text(e, line, sizeof line) : "");
    exit(2);
}

static uint64_t number(const char *word, uint64_t max)
{
    uint64_t value = 0;
    if (!bytes_to_u64(bytes_of_text(word), &value) || value > max) {
        stop(word, NULL);
    }
    return value;
}

static void place_open(struct place *place, const char *folder, const char *name)
{
    static const uint8_t seed[ED25519_SEED_SIZE] = { 1 };
    char path[PATH_BYTES + 16];
    struct error e = { 0 };
    int size = snprintf(place->folder, sizeof place->folder, "%s%s", folder, name);
    if (size < 0 || (size_t)size >= sizeof place->folder) {
        stop("the folder's name is too long", NULL);
    }
    (void)mkdir(folder, 0700); /* opening the disks says what is wrong */
    (void)mkdir(place->folder, 0700);
    (void)snprintf(path, sizeof path, "%s/public", place->folder);
    bool ok = disk_open_folder(&place->public, path, true, &e);
    (void)snprintf(path, sizeof path, "%s/private", place->folder);
    ok = ok && disk_open_folder(&place->private, path, false, &e) && signer_from_seed(&place->signer, bytes_of_text(origin), seed, &e);
    if (!ok) {
        stop(place->folder, &e);
    }
}

static void place_close(struct place *place)
{
    disk_free(place->public);
    disk_free(place->private);
    signer_free(place->signer);
}

static struct log *open_log(struct place *place)
{
    struct log *log = NULL;
    struct error e = { 0 };
    if (!log_open(&log, place->public, place->private, NULL, place->signer, &e)) {
        stop(place->folder, &e);
    }
    return log;
}

static double seconds_since(uint64_t from_us)
{
    return (double)(time_monotonic_us() - from_us) / 1e6;
}

/* The greatest it ever was. Not ru_maxrss, which begins with what the process had that started this one. */
static double rss_mib(void)
{
    char line[256];
    double kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kib = strtod(line + 6, NULL);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return kib / 1024;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return 0;
    }
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* ---- Appending by one thread ---- */

static int append(char **words)
{
    struct place place = { 0 };
    place_open(&place, words[0], "");
    const uint64_t entries = number(words[1], UINT32_MAX);
    const size_t statement = (size_t)number(words[2], RECORD_STATEMENT_BYTES_MAX);
    const size_t attachment = (size_t)number(words[3], RECORD_ATTACHMENT_BYTES_MAX);
    const size_t batch = (size_t)number(words[4], 65536);
    struct log *log = open_log(&place);
    struct log_record *records = calloc(batch, sizeof *records);
    struct log_record **pointers = calloc(batch, sizeof *pointers);
    struct buffer note;
    struct error e = { 0 };
    double published_s = 0;
    if (records == NULL || pointers == NULL || batch == 0) {
        stop("no memory, or an empty batch", NULL);
    }
    buffer_init(&note, 4096);
    const uint64_t began = time_monotonic_us();
    for (uint64_t done = 0; done < entries;) {
        size_t count = entries - done < batch ? (size_t)(entries - done) : batch;
        for (size_t i = 0; i < count; i++) {
            records[i].kind = RECORD_EVENT;
            records[i].statement = bytes_of(text, statement);
            records[i].attachment = bytes_of(text, attachment);
            random_fill(records[i].salt, SALT_SIZE);
            pointers[i] = &records[i];
        }
        buffer_reset(&note);
        if (!log_append(log, pointers, count, &note, &e)) {
            stop("append", &e);
        }
        done += count;
        if (log_size(log) - log_published_size(log) >= 128 * 1024) {
            const uint64_t publishing = time_monotonic_us();
            if (!log_publish(log, &e)) {
                stop("publish", &e);
            }
            published_s += seconds_since(publishing);
        }
    }
    const double took = seconds_since(began);
    (void)printf("{\"entries\": %" PRIu64
                 ", \"seconds\": %.3f, \"publish_seconds\": %.3f, \"append_per_s\": %.0f, \"with_publishing_per_s\": %.0f}\n",
                 entries, took, published_s, (double)entries / (took - published_s), (double)entries / took);
    buffer_clear(&note);
    free(records);
    free(pointers);
    log_close(log);
    place_close(&place);
    return 0;
}

/* ---- Through a committer ---- */

/* Something that waits on its mailbox, as a worker's loop does. */
struct waiter {
    struct mailbox mailbox;
    pthread_mutex_t lock;
    pthread_cond_t bell;
    bool has_rung;
};

static void ring(void *context)
{
    struct waiter *w = context;
    (void)pthread_mutex_lock(&w->lock);
    w->has_rung = true;
    (void)pthread_cond_signal(&w->bell);
    (void)pthread_mutex_unlock(&w->lock);
}

static void waiter_init(struct waiter *w)
{
    w->mailbox = (struct mailbox){ .notify = ring, .context = w };
    if (pthread_mutex_init(&w->lock, NULL) != 0 || pthread_cond_init(&w->bell, NULL) != 0) {
        stop("pthread", NULL);
    }
}

static struct commit_entry *waiter_take(struct waiter *w)
{
    for (;;) {
        struct commit_entry *entries = mailbox_take(&w->mailbox);
        if (entries != NULL) {
            return entries;
        }
        (void)pthread_mutex_lock(&w->lock);
        while (!w->has_rung) {
            (void)pthread_cond_wait(&w->bell, &w->lock);
        }
        w->has_rung = false;
        (void)pthread_mutex_unlock(&w->lock);
    }
}

static void submit(struct committer *committer, struct commit_entry *entry, struct waiter *waiter, enum record_kind kind, size_t statement,
                   size_t attachment)
{
    struct error e = { 0 };
    entry->mailbox = &waiter->mailbox;
    entry->record.kind = kind;
    entry->record.statement = bytes_of(text, statement);
    entry->record.attachment = bytes_of(text, attachment);
    if (!committer_submit(committer, entry, &e)) {
        stop("submit", &e);
    }
}

static void check(struct commit_entry *entry)
{
    if (entry->has_failed) {
        stop("an entry was not logged", NULL);
    }
    shared_checkpoint_release(entry->checkpoint);
    entry->checkpoint = NULL;
}

struct submitter {
    pthread_t thread;
    struct waiter waiter;
    struct committer *committer;
    uint64_t entries;
    size_t statement, attachment;
};

static void *submitter_run(void *context)
{
    struct submitter *s = context;
    struct commit_entry *entries = calloc(IN_FLIGHT, sizeof *entries);
    uint64_t sent = 0;
    uint64_t done = 0;
    if (entries == NULL) {
        stop("no memory", NULL);
    }
    for (; sent < s->entries && sent < IN_FLIGHT; sent++) {
        submit(s->committer, &entries[sent], &s->waiter, RECORD_EVENT, s->statement, s->attachment);
    }
    while (done < s->entries) {
        for (struct commit_entry *entry = waiter_take(&s->waiter); entry != NULL;) {
            struct commit_entry *next = entry->next;
            check(entry);
            done++;
            if (sent < s->entries) {
                sent++;
                submit(s->committer, entry, &s->waiter, RECORD_EVENT, s->statement, s->attachment);
            }
            entry = next;
        }
    }
    free(entries);
    return NULL;
}

static void on_dead(void *context, const struct error *e)
{
    (void)context;
    stop("the log died", e);
}

static struct committer *start_committer(struct log *log)
{
    const struct committer_options options = { .on_dead = on_dead };
    struct committer *committer = NULL;
    struct error e = { 0 };
    if (!committer_start(&committer, log, &options, &e)) {
        stop("committer", &e);
    }
    return committer;
}

static int commit(char **words)
{
    struct place place = { 0 };
    place_open(&place, words[0], "");
    const uint64_t entries = number(words[1], UINT32_MAX);
    const size_t count = (size_t)number(words[4], 16);
    struct submitter submitters[16] = { 0 };
    if (count == 0) {
        stop("who is to submit?", NULL);
    }
    const uint64_t each = entries / count;
    const double all = (double)(each * count);
    struct log *log = open_log(&place);
    struct committer *committer = start_committer(log);
    const uint64_t began = time_monotonic_us();
    for (size_t i = 0; i < count; i++) {
        struct submitter *s = &submitters[i];
        waiter_init(&s->waiter);
        s->committer = committer;
        s->entries = each;
        s->statement = (size_t)number(words[2], RECORD_STATEMENT_BYTES_MAX);
        s->attachment = (size_t)number(words[3], RECORD_ATTACHMENT_BYTES_MAX);
        if (pthread_create(&s->thread, NULL, submitter_run, s) != 0) {
            stop("pthread_create", NULL);
        }
    }
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(submitters[i].thread, NULL);
    }
    const double durable = seconds_since(began);
    committer_stop(committer);
    const double published = seconds_since(began);
    (void)printf("{\"entries\": %" PRIu64 ", \"append_per_s\": %.0f, \"published_per_s\": %.0f, \"cpu_us\": %.3f}\n", each * count,
                 all / durable, all / published, cpu_seconds() * 1e6 / all);
    log_close(log);
    place_close(&place);
    return 0;
}

/* ---- Exchanges ---- */

struct step {
    enum record_kind kind;
    bool is_holders; /* else the consumer's */
    size_t statement, attachment;
};

struct client {
    pthread_t thread;
    struct waiter waiter;
    struct committer *sides[2]; /* the consumer's, the holder's */
    const struct step *steps;
    uint64_t until_us;
    uint64_t exchanges, spent_us;
};

/* One after the other, as they depend on each other: nothing moves before its statement is durable. */
static void *client_run(void *context)
{
    struct client *c = context;
    struct commit_entry entry = { .owner = c };
    for (uint64_t now = time_monotonic_us(); now < c->until_us;) {
        const uint64_t began = now;
        for (size_t i = 0; i < RECORDS_OF_EXCHANGE; i++) {
            const struct step *step = &c->steps[i];
            submit(c->sides[step->is_holders], &entry, &c->waiter, step->kind, step->statement, step->attachment);
            check(waiter_take(&c->waiter));
        }
        now = time_monotonic_us();
        c->spent_us += now - began;
        c->exchanges++;
    }
    return NULL;
}

static void parse_steps(const char *word, struct step steps[RECORDS_OF_EXCHANGE])
{
    static const enum record_kind kinds[] = { RECORD_REQUEST_SENT, RECORD_DECISION, RECORD_ANSWER_SENT, RECORD_ANSWER_RECEIVED };
    struct bytes rest = bytes_of_text(word);
    struct bytes part;
    uint64_t sizes[2 * RECORDS_OF_EXCHANGE];
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        if (!bytes_split(&rest, ',', &part) || !bytes_to_u64(part, &sizes[i]) || sizes[i] > RECORD_STATEMENT_BYTES_MAX) {
            stop("eight sizes are wanted", NULL);
        }
    }
    for (size_t i = 0; i < RECORDS_OF_EXCHANGE; i++) {
        steps[i] = (struct step){
            .kind = kinds[i], .is_holders = i == 1 || i == 2, .statement = (size_t)sizes[2 * i], .attachment = (size_t)sizes[2 * i + 1]
        };
    }
}

static int exchange(char **words)
{
    struct place places[2] = { 0 };
    struct log *logs[2];
    struct committer *committers[2];
    struct step steps[RECORDS_OF_EXCHANGE];
    const size_t count = (size_t)number(words[1], CLIENTS_MAX);
    const uint64_t until_us = time_monotonic_us() + number(words[2], 600) * 1000 * 1000;
    struct client *clients = calloc(count, sizeof *clients);
    uint64_t exchanges = 0;
    uint64_t spent_us = 0;
    parse_steps(words[3], steps);
    if (clients == NULL) {
        stop("no memory, or no clients", NULL);
    }
    for (size_t i = 0; i < 2; i++) {
        place_open(&places[i], words[0], i == 0 ? "/consumer" : "/holder");
        logs[i] = open_log(&places[i]);
        committers[i] = start_committer(logs[i]);
    }
    const uint64_t began = time_monotonic_us();
    for (size_t i = 0; i < count; i++) {
        struct client *c = &clients[i];
        waiter_init(&c->waiter);
        memcpy(c->sides, committers, sizeof committers);
        c->steps = steps;
        c->until_us = until_us;
        if (pthread_create(&c->thread, NULL, client_run, c) != 0) {
            stop("pthread_create", NULL);
        }
    }
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(clients[i].thread, NULL);
        exchanges += clients[i].exchanges;
        spent_us += clients[i].spent_us;
    }
    const double took = seconds_since(began);
    for (size_t i = 0; i < 2; i++) {
        committer_stop(committers[i]);
        log_close(logs[i]);
        place_close(&places[i]);
    }
    free(clients);
    (void)printf("{\"exchanges\": %" PRIu64 ", \"per_s\": %.0f, \"ms\": %.3f}\n", exchanges, (double)exchanges / took,
                 exchanges == 0 ? 0 : (double)spent_us / 1000 / (double)exchanges);
    return 0;
}

/* ---- Reading ---- */

static int start(char **words)
{
    struct place place = { 0 };
    place_open(&place, words[0], "");
    const uint64_t began = time_monotonic_us();
    struct log *log = open_log(&place);
    const double took = seconds_since(began);
    (void)printf("{\"entries\": %" PRIu64 ", \"ms\": %.3f}\n", log_size(log), took * 1000);
    log_close(log);
    place_close(&place);
    return 0;
}

static void tell_fault(void *context, const struct error *e)
{
    (void)context;
    stop("a fault", e);
}

/* As the command: looked at now and then. */
static void tell_progress(void *context, uint64_t done, uint64_t all)
{
    uint64_t *shown_us = context;
    uint64_t now = time_monotonic_us();
    if (isatty(STDERR_FILENO) && now - *shown_us > 100000) {
        *shown_us = now;
        (void)fprintf(stderr, "\rverifying %3" PRIu64 "%%", done * 100 / all);
    }
}

static int verify(char **words)
{
    struct place place = { 0 };
    struct error e = { 0 };
    uint64_t entries = 0;
    uint64_t faults = 0;
    uint64_t shown_us = 0;
    const bool is_all = strcmp(words[1], "all") == 0;
    place_open(&place, words[0], "");
    const uint64_t began = time_monotonic_us();
    const double cpu = cpu_seconds();
    if (!log_verify(place.public, is_all ? place.private : NULL, signer_verifier(place.signer), tell_fault, tell_progress, &shown_us,
                    &entries, &faults, &e)) {
        stop("verify", &e);
    }
    const double took = seconds_since(began);
    (void)printf("{\"entries\": %" PRIu64 ", \"seconds\": %.3f, \"cpu_seconds\": %.3f, \"per_s\": %.0f, \"rss_mib\": %.1f}\n", entries,
                 took, cpu_seconds() - cpu, (double)entries / took, rss_mib());
    place_close(&place);
    return 0;
}

static int compare_doubles(const void *a, const void *b)
{
    double x;
    double y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static int prove(char **words)
{
    struct place place = { 0 };
    struct log_reader *reader = NULL;
    struct error e = { 0 };
    uint64_t size = 0;
    uint64_t random = 88172645463325252u;
    const size_t count = (size_t)number(words[1], 10 * 1000 * 1000);
    double *took = calloc(count, sizeof *took);
    struct buffer receipt;
    place_open(&place, words[0], "");
    if (took == NULL || !log_reader_open(&reader, place.public, place.private, &e) || !log_reader_size(reader, &size, &e) || size == 0) {
        stop("reading", &e);
    }
    buffer_init(&receipt, RECEIPT_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        const uint64_t began = time_monotonic_us();
        buffer_reset(&receipt);
        if (!log_reader_prove(reader, random % size, &receipt, &e)) {
            stop("prove", &e);
        }
        took[i] = (double)(time_monotonic_us() - began);
    }
    qsort(took, count, sizeof *took, compare_doubles);
    (void)printf("{\"entries\": %" PRIu64 ", \"proofs\": %zu, \"p50_us\": %.0f, \"p99_us\": %.0f, \"max_us\": %.0f, \"bytes\": %zu}\n",
                 size, count, took[count / 2], took[count * 99 / 100], took[count - 1], receipt.size);
    free(took);
    buffer_clear(&receipt);
    log_reader_close(reader);
    place_close(&place);
    return 0;
}

/* The log's public key, as `comity log verify --key` takes it. */
static int key(char **words)
{
    struct place place = { 0 };
    struct buffer out;
    place_open(&place, words[0], "");
    buffer_init(&out, 1024);
    verifier_write(signer_verifier(place.signer), &out);
    (void)printf("{\"key\": \"%.*s\"}\n", BYTES_FMT(buffer_bytes(&out)));
    buffer_clear(&out);
    place_close(&place);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int words;
        int (*run)(char **words);
    } commands[] = { { "append", 5, append }, { "commit", 5, commit }, { "exchange", 4, exchange }, { "start", 1, start },
                     { "key", 1, key },       { "verify", 2, verify }, { "prove", 2, prove } };
    random_fill(text, sizeof text);
    for (size_t i = 0; argc >= 2 && i < COUNT_OF(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0 && argc == commands[i].words + 2) {
            return commands[i].run(argv + 2);
        }
    }
    stop("which measurement? bench/log_bench.c lists them", NULL);
}
