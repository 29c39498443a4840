/* The cosigner's thread: rounds, and what comes of them. A round is one checkpoint that all witnesses are asked for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/diag.h"
#include "base/time.h"
#include "witness/cosigner_internal.h"
#include "witness/source.h"

enum {
    LOOK_EVERY_US = 500000,   /* for a new checkpoint */
    ROUND_LEAST_US = 1000000, /* between two rounds */
    LATE_US = 60000000,       /* not cosigned for so long: a warning */
};

static struct metric cosigned_size = { .name = "comity_witness_cosigned_entries",
                                       .labels = "",
                                       .help = "Entries of our log under the newest cosigned checkpoint",
                                       .kind = METRIC_GAUGE };
static struct metric cosigned_age = { .name = "comity_witness_cosigned_age_seconds",
                                      .labels = "",
                                      .help = "Age of the newest cosigned checkpoint; -1: there is none",
                                      .kind = METRIC_GAUGE };
static struct metric cosign_time = { .name = "comity_witness_cosign_duration_seconds",
                                     .labels = "",
                                     .help = "From a published checkpoint to its quorum of cosignatures",
                                     .kind = METRIC_HISTOGRAM };

void cosigner_metrics_register(void)
{
    metric_register(&cosigned_size);
    metric_register(&cosigned_age);
    metric_register(&cosign_time);
    cosigner_claim_metrics_register();
    metric_set(&cosigned_age, -1);
}

/* ---- What a call ended with ---- */

const char *cosigner_name(const struct cosigning *c)
{
    return (const char *)c->witness->name.data; /* the arena's copies end with a NUL */
}

/* Whoever waits for the first answers looks at both numbers at once. */
static void note_settled(struct cosigning *c)
{
    struct cosigner *all = c->cosigner;
    size_t answering = 0;
    bool is_first = !c->was_first;
    c->was_first = true;
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        const struct cosigning *other = &all->cosignings[i];
        answering += other->has_url && other->was_first && other->failures == 0;
    }
    (void)pthread_mutex_lock(&all->lock);
    all->status.answered = answering;
    all->first_count += is_first;
    (void)pthread_cond_broadcast(&all->changed);
    (void)pthread_mutex_unlock(&all->lock);
}

void cosigner_failed(struct cosigning *c, const char *what, const char *detail)
{
    uint64_t wait_ms = COSIGNER_BACKOFF_FIRST_MS;
    for (unsigned i = 0; i < c->failures && wait_ms < COSIGNER_BACKOFF_LAST_MS; i++) {
        wait_ms *= 2;
    }
    wait_ms = wait_ms > COSIGNER_BACKOFF_LAST_MS ? COSIGNER_BACKOFF_LAST_MS : wait_ms;
    c->state = COSIGNING_FAILED;
    c->retry_us = time_monotonic_us() + wait_ms * 1000;
    if (c->failures == 0) {
        diag(DIAG_WARN, "witness", "a witness does not cosign", "witness", cosigner_name(c), "what", what, "detail",
             detail == NULL ? "" : detail, NULL);
    }
    c->failures++;
    if (c->failed != NULL) {
        metric_add(c->failed, 1);
    }
    note_settled(c);
}

void cosigner_hurry(struct cosigner *all)
{
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        struct cosigning *c = &all->cosignings[i];
        c->retry_us = c->state == COSIGNING_FAILED && !c->is_claiming ? 0 : c->retry_us;
    }
}

/* The times of the round's cosignatures, and how many there are. */
static size_t collect(const struct cosigner *all, uint64_t times_s[QUORUM_WITNESSES_MAX])
{
    size_t count = 0;
    memset(times_s, 0, QUORUM_WITNESSES_MAX * sizeof times_s[0]);
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        const struct cosigning *c = &all->cosignings[i];
        if (c->line.size > 0) {
            times_s[i] = c->time_s;
            count++;
        }
    }
    return count;
}

static void note_cosigned(struct cosigner *all, uint64_t size, uint64_t time_s)
{
    (void)pthread_mutex_lock(&all->lock);
    all->status.size = size;
    all->status.time_s = time_s;
    (void)pthread_mutex_unlock(&all->lock);
    metric_set(&cosigned_size, (int64_t)size);
}

/* checkpoint.cosigned: the checkpoint with every good cosignature so far. */
static void write_cosigned(struct cosigner *all, const uint64_t times_s[QUORUM_WITNESSES_MAX], size_t count)
{
    struct buffer note;
    struct error e;
    buffer_init(&note, 2 * COSIGNER_NOTE_BYTES_MAX);
    buffer_append(&note, buffer_bytes(&all->note));
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        buffer_append(&note, buffer_bytes(&all->cosignings[i].line));
    }
    int fault = note.failed ? ENOMEM : disk_replace(all->options.public, COSIGNED_PATH, buffer_bytes(&note));
    buffer_clear(&note);
    if (fault != 0) {
        if (!all->has_write_fault) {
            errno = fault;
            (void)error_system(&e, COSIGNED_PATH, "make room, or check the public folder's disk; it is tried again");
            diag_error(DIAG_WARN, "witness", "the cosigned checkpoint could not be written", &e);
        }
        all->has_write_fault = true;
        return;
    }
    all->has_write_fault = false;
    if (!all->was_written) {
        metric_observe_us(&cosign_time, time_monotonic_us() - all->round_us);
    }
    all->was_written = true;
    all->written_lines = count;
    uint64_t time_s = quorum_time(all->options.policy, times_s);
    for (size_t i = 0; i < QUORUM_WITNESSES_MAX && all->options.policy->is_none; i++) {
        time_s = times_s[i] > time_s ? times_s[i] : time_s;
    }
    note_cosigned(all, all->size, time_s);
}

static void try_write(struct cosigner *all)
{
    uint64_t times_s[QUORUM_WITNESSES_MAX];
    size_t count = collect(all, times_s);
    if (!all->options.only_asks && count > 0 && (count > all->written_lines || !all->was_written) &&
        quorum_is_met(all->options.policy, times_s)) {
        write_cosigned(all, times_s, count);
    }
}

void cosigner_signed(struct cosigning *c)
{
    c->state = COSIGNING_SIGNED;
    if (c->failures > 0) {
        diag(DIAG_INFO, "witness", "a witness cosigns again", "witness", cosigner_name(c), NULL);
    }
    c->failures = 0;
    c->is_claiming = c->is_outvoted = false;
    try_write(c->cosigner);
    cosigner_weigh(c->cosigner);
    note_settled(c);
}

/* ---- Rounds ---- */

static bool is_calling(const struct cosigner *all)
{
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        if (all->cosignings[i].state == COSIGNING_CALLING) {
            return true;
        }
    }
    return false;
}

static void begin_round(struct cosigner *all, struct bytes data, uint64_t now_us)
{
    struct note note;
    struct checkpoint_view view;
    struct error e;
    buffer_reset(&all->note);
    buffer_append(&all->note, data);
    all->has_round = false;
    if (all->note.failed || !note_parse(&note, buffer_bytes(&all->note), "checkpoint", &e) ||
        !checkpoint_parse(note.text, &view, "checkpoint", &e) || !bytes_equal(view.origin, bytes_of_text(all->options.log->name))) {
        if (!all->has_tile_fault) {
            diag(DIAG_WARN, "witness", "the published checkpoint can't be read, and is not cosigned", "todo", "run comity log verify",
                 NULL);
        }
        all->has_tile_fault = true;
        return;
    }
    all->has_tile_fault = false;
    all->has_round = true;
    all->text = note.text;
    all->size = view.size;
    memcpy(all->root, view.root, sizeof all->root);
    all->round_us = now_us;
    all->was_written = false;
    all->written_lines = 0;
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        struct cosigning *c = &all->cosignings[i];
        c->resyncs = 0;
        buffer_reset(&c->line);
        c->state = c->state == COSIGNING_FAILED ? COSIGNING_FAILED : COSIGNING_DUE;
    }
    cosigner_tell_wanted(all);
}

/* A new checkpoint begins a new round when nobody is under way in the old one. */
static void look(struct cosigner *all, bool is_finishing, uint64_t now_us)
{
    uint8_t *data = NULL;
    size_t size = 0;
    bool is_early = now_us - all->read_us < LOOK_EVERY_US || (all->has_round && now_us - all->round_us < ROUND_LEAST_US);
    if (is_calling(all) || (is_early && !is_finishing)) {
        return;
    }
    all->read_us = now_us;
    if (disk_read_whole(all->options.public, "checkpoint", COSIGNER_NOTE_BYTES_MAX, &data, &size) != 0) {
        return; /* nothing is published yet, or the log has the same trouble and says so */
    }
    if (!all->has_round || !bytes_equal(bytes_of(data, size), buffer_bytes(&all->note))) {
        begin_round(all, bytes_of(data, size), now_us);
    }
    free(data);
}

static void call_due(struct cosigner *all, uint64_t now_us)
{
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        struct cosigning *c = &all->cosignings[i];
        if (c->state == COSIGNING_CALLING && now_us >= c->deadline_us) {
            cosigning_give_up(c);
        } else if (c->has_url && all->has_round && (c->state == COSIGNING_DUE || (c->state == COSIGNING_FAILED && now_us >= c->retry_us))) {
            c->resyncs = 0;
            cosigning_call(c);
        }
    }
}

static void tell_age(struct cosigner *all, uint64_t now_us)
{
    const struct cosigner_status s = cosigner_status(all);
    int64_t now_s = time_now_ms() / 1000;
    metric_set(&cosigned_age, s.time_s == 0 ? -1 : now_s - (int64_t)s.time_s);
    bool is_behind = all->has_round && !all->was_written && all->size != s.size;
    all->behind_us = !is_behind ? 0 : all->behind_us == 0 ? now_us : all->behind_us;
    bool is_late = is_behind && now_us - all->behind_us >= LATE_US;
    if (is_late && !all->is_late) {
        diag(DIAG_WARN, "witness", "no quorum of witnesses has cosigned our log for a minute; exchanges go on", "todo",
             "see which witness does not cosign, and why", NULL);
    } else if (!is_behind && all->is_late) {
        diag(DIAG_INFO, "witness", "our log is cosigned again", NULL);
    }
    all->is_late = is_late || (is_behind && all->is_late);
}

static void tick(uv_timer_t *timer)
{
    struct cosigner *all = timer->data;
    uint64_t now_us = time_monotonic_us();
    (void)pthread_mutex_lock(&all->lock);
    bool is_finishing = all->is_finishing;
    (void)pthread_mutex_unlock(&all->lock);
    look(all, is_finishing, now_us);
    cosigner_take_offers(all);
    call_due(all, now_us);
    if (is_finishing && !is_calling(all)) {
        (void)pthread_mutex_lock(&all->lock);
        all->is_finished = true;
        (void)pthread_cond_broadcast(&all->changed);
        (void)pthread_mutex_unlock(&all->lock);
    }
    if (all->has_round && !all->was_written) {
        try_write(all); /* again, if the disk had no room */
    }
    tell_age(all, now_us);
    cosigner_weigh(all);
}

/* ---- The thread ---- */

static void woken(uv_async_t *async)
{
    struct cosigner *all = async->data;
    (void)pthread_mutex_lock(&all->lock);
    bool is_stopping = all->is_stopping;
    (void)pthread_mutex_unlock(&all->lock);
    if (is_stopping && all->client != NULL) {
        uv_close((uv_handle_t *)&all->timer, NULL);
        uv_close((uv_handle_t *)&all->wake, NULL);
        client_stop(all->client, NULL, NULL);
        all->client = NULL;
    }
}

static void *run(void *context)
{
    struct cosigner *all = context;
    (void)uv_run(&all->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* Those calls that were cancelled by stopping have left their bodies. */
static void free_cosignings(struct cosigner *all)
{
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        body_free(all->cosignings[i].body);
        buffer_clear(&all->cosignings[i].line);
    }
    free(all->cosignings);
}

/* Label values come from a file that an operator wrote, and may hold anything. */
static void write_label(char *out, size_t size, struct bytes name)
{
    size_t at = (size_t)snprintf(out, size, "witness=\"");
    for (size_t i = 0; i < name.size && at < size - 2; i++) {
        uint8_t c = name.data[i];
        out[at++] = c > ' ' && c < 0x7F && c != '"' && c != '\\' ? (char)c : '_';
    }
    out[at++] = '"';
    out[at] = '\0';
}

/* The series of a witness: a registered metric stays for good, so it is found again by its label. NULL: too many names in one process. */
static struct metric *failures_of(struct bytes name)
{
    enum { LABEL_SIZE = 160 };
    static struct {
        struct metric metric;
        char label[LABEL_SIZE];
    } known[QUORUM_WITNESSES_MAX];
    static size_t count;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    char label[LABEL_SIZE];
    struct metric *found = NULL;
    write_label(label, sizeof label, name);
    (void)pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count && found == NULL; i++) {
        found = strcmp(known[i].label, label) == 0 ? &known[i].metric : NULL;
    }
    if (found == NULL && count < COUNT_OF(known)) {
        memcpy(known[count].label, label, sizeof label);
        found = &known[count].metric;
        found->name = "comity_witness_failures_total";
        found->labels = known[count].label;
        found->help = "Times that a witness did not cosign our checkpoint, by its name in log.witnesses";
        found->kind = METRIC_COUNTER;
        metric_register(found);
        count++;
    }
    (void)pthread_mutex_unlock(&lock);
    return found;
}

static void make_cosigning(struct cosigner *all, size_t i)
{
    struct cosigning *c = &all->cosignings[i];
    struct error e;
    c->cosigner = all;
    c->witness = &all->options.policy->witnesses[i];
    buffer_init(&c->line, COSIGNER_NOTE_BYTES_MAX);
    c->failed = failures_of(c->witness->name);
    if (c->witness->url.size == 0) {
        diag(DIAG_INFO, "witness", "a witness without an address is not asked: it counts if it is a mirror of log.mirrors", "witness",
             cosigner_name(c), NULL);
        c->was_first = true;
        all->has_unasked = true;
    } else if (!witness_url_parse(&c->url, c->witness->url, cosigner_name(c), &e)) {
        diag_error(DIAG_WARN, "witness", "a witness is not asked", &e);
    } else {
        c->has_url = true;
        all->asked++;
    }
}

/* What was cosigned before the start. */
static bool read_cosigned(struct cosigner *all, struct error *e)
{
    uint8_t *data = NULL;
    size_t size = 0;
    struct error ignored;
    struct quorum_result *result = calloc(1, sizeof *result);
    bool ok = true;
    if (result == NULL) {
        return error_memory(e, COSIGNED_PATH);
    }
    if (disk_read_whole(all->options.public, COSIGNED_PATH, 2 * COSIGNER_NOTE_BYTES_MAX, &data, &size) == 0 &&
        quorum_check(all->options.policy, all->options.log, bytes_of(data, size), result, COSIGNED_PATH, &ignored)) {
        uint64_t ours = all->options.log_size(all->options.context);
        if (result->checkpoint.size > ours) {
            ok = error_set(e, ERROR_DENIED, COSIGNED_PATH, "fetch what is missing with `comity log recover`",
                           "our log has %llu entries, and signed %llu: it is an old copy", (unsigned long long)ours,
                           (unsigned long long)result->checkpoint.size);
        } else if (result->is_met && result->time_s != 0) {
            note_cosigned(all, result->checkpoint.size, result->time_s);
        }
    }
    free(data);
    free(result);
    return ok;
}

static void make_tls(struct cosigner *all)
{
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        if (all->cosignings[i].has_url && all->cosignings[i].url.is_tls) {
            if (!tls_make_service(&all->tls, NULL, NULL, source_authorities(), &all->tls_fault)) {
                all->tls = NULL;
            }
            return;
        }
    }
}

static bool start_loop(struct cosigner *all, struct error *e)
{
    if (uv_loop_init(&all->loop) != 0) {
        return error_memory(e, "witness");
    }
    uv_loop_set_data(&all->loop, NULL);
    all->timer.data = all;
    all->wake.data = all;
    bool has_timer = uv_timer_init(&all->loop, &all->timer) == 0;
    bool has_wake = has_timer && uv_async_init(&all->loop, &all->wake, woken) == 0;
    if (has_wake && client_make(&all->client, &all->loop, NULL, e)) {
        if (uv_timer_start(&all->timer, tick, 0, COSIGNER_TICK_MS) == 0 && pthread_create(&all->thread, NULL, run, all) == 0) {
            all->has_thread = true;
            return true;
        }
        client_stop(all->client, NULL, NULL);
        all->client = NULL;
    }
    if (has_timer) {
        uv_close((uv_handle_t *)&all->timer, NULL);
    }
    if (has_wake) {
        uv_close((uv_handle_t *)&all->wake, NULL);
    }
    (void)uv_run(&all->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&all->loop);
    return error_set(e, ERROR_IO, "witness", NULL, "the thread that has checkpoints cosigned could not be started");
}

bool cosigner_start(struct cosigner **out, const struct cosigner_options *options, struct error *e)
{
    pthread_condattr_t attributes;
    *out = NULL;
    struct cosigner *all = calloc(1, sizeof *all);
    if (all == NULL) {
        return error_memory(e, "witness");
    }
    all->options = *options;
    all->options.call_ms = options->call_ms == 0 ? COSIGNER_CALL_MS : options->call_ms;
    buffer_init(&all->note, COSIGNER_NOTE_BYTES_MAX);
    buffer_init(&all->wanted, COSIGNER_NOTE_BYTES_MAX);
    buffer_init(&all->offers, COSIGNATURE_LINES_BYTES_MAX);
    all->cosignings = calloc(options->policy->witness_count + 1, sizeof *all->cosignings);
    if (all->cosignings == NULL || pthread_mutex_init(&all->lock, NULL) != 0) {
        free(all->cosignings);
        free(all);
        return error_memory(e, "witness");
    }
    if (pthread_condattr_init(&attributes) != 0 || pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&all->changed, &attributes) != 0) {
        (void)pthread_mutex_destroy(&all->lock);
        free(all->cosignings);
        free(all);
        return error_memory(e, "witness");
    }
    (void)pthread_condattr_destroy(&attributes);
    cosigner_metrics_register();
    for (size_t i = 0; i < options->policy->witness_count; i++) {
        make_cosigning(all, i);
    }
    all->status.asked = all->asked;
    make_tls(all);
    if (!read_cosigned(all, e) || !start_loop(all, e)) {
        cosigner_stop(all);
        return false;
    }
    *out = all;
    return true;
}

static struct timespec moment_in(int64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

bool cosigner_wait(struct cosigner *cosigner, int64_t timeout_ms, struct error *e)
{
    const struct timespec until = moment_in(timeout_ms);
    (void)pthread_mutex_lock(&cosigner->lock);
    while (!cosigner->is_denied && (cosigner->first_count < cosigner->asked || cosigner->open_claims > 0)) {
        if (pthread_cond_timedwait(&cosigner->changed, &cosigner->lock, &until) != 0) {
            break;
        }
    }
    /* Nobody has spoken against it in time: with a doubt that is open the log does not go on. */
    if (!cosigner->is_denied && cosigner->open_claims > 0) {
        cosigner->is_denied = true;
        cosigner->denied = cosigner->claim;
    }
    bool is_denied = cosigner->is_denied;
    if (is_denied && e != NULL) {
        *e = cosigner->denied;
    }
    cosigner->is_started = !is_denied;
    bool is_alone = cosigner->asked > 0 && cosigner->status.answered == 0;
    (void)pthread_mutex_unlock(&cosigner->lock);
    if (!is_denied && is_alone) {
        diag(DIAG_WARN, "witness", "no witness could be asked what it knows of our log; it is asked again, and the gateway runs", NULL);
    }
    return !is_denied;
}

void cosigner_finish(struct cosigner *cosigner, int64_t timeout_ms)
{
    if (cosigner == NULL) {
        return;
    }
    const struct timespec until = moment_in(timeout_ms);
    (void)pthread_mutex_lock(&cosigner->lock);
    cosigner->is_finishing = true;
    while (cosigner->is_started && !cosigner->is_denied && !cosigner->is_finished) {
        if (pthread_cond_timedwait(&cosigner->changed, &cosigner->lock, &until) != 0) {
            break;
        }
    }
    (void)pthread_mutex_unlock(&cosigner->lock);
}

struct cosigner_status cosigner_status(struct cosigner *cosigner)
{
    (void)pthread_mutex_lock(&cosigner->lock);
    struct cosigner_status status = cosigner->status;
    (void)pthread_mutex_unlock(&cosigner->lock);
    return status;
}

void cosigner_stop(struct cosigner *cosigner)
{
    if (cosigner == NULL) {
        return;
    }
    if (cosigner->has_thread) {
        (void)pthread_mutex_lock(&cosigner->lock);
        cosigner->is_stopping = true;
        (void)pthread_mutex_unlock(&cosigner->lock);
        (void)uv_async_send(&cosigner->wake);
        (void)pthread_join(cosigner->thread, NULL);
        (void)uv_loop_close(&cosigner->loop);
    }
    tls_free(cosigner->tls);
    free_cosignings(cosigner);
    (void)pthread_cond_destroy(&cosigner->changed);
    (void)pthread_mutex_destroy(&cosigner->lock);
    buffer_clear(&cosigner->note);
    buffer_clear(&cosigner->wanted);
    buffer_clear(&cosigner->offers);
    free(cosigner);
}
