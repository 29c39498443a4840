#include "gateway/sequences_internal.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/time.h"
#include "consent/event_text.h"

enum { BUCKETS = 4096, EVENT_BYTES_USUAL = 48 * 1024 };

struct sequence {
    struct sequence *next;
    struct verifier log_key;
    uint64_t last;
    uint64_t *unused; /* given back, to be used first */
    size_t unused_count, unused_capacity;
};
struct sequences {
    pthread_mutex_t lock;
    uint64_t start;
    size_t count;
    struct sequence *buckets[BUCKETS];
};

struct sequences *sequences_make(uint64_t start)
{
    struct sequences *s = calloc(1, sizeof *s);
    if (s != NULL && pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        return NULL;
    }
    if (s != NULL) {
        s->start = start;
    }
    return s;
}

void sequences_free(struct sequences *sequences)
{
    if (sequences == NULL) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        while (sequences->buckets[i] != NULL) {
            struct sequence *next = sequences->buckets[i]->next;
            free(sequences->buckets[i]->unused);
            free(sequences->buckets[i]);
            sequences->buckets[i] = next;
        }
    }
    (void)pthread_mutex_destroy(&sequences->lock);
    free(sequences);
}

/* Kept by name and key, as origins.c does. */
static struct sequence *find(struct sequences *s, const struct verifier *log_key, struct sequence ***bucket)
{
    *bucket = &s->buckets[XXH3_64bits(log_key->public_key, sizeof log_key->public_key) % BUCKETS];
    struct sequence *found = **bucket;
    while (found != NULL && !verifier_equal(&found->log_key, log_key)) {
        found = found->next;
    }
    return found;
}

/* 0: no room, or no memory. */
static uint64_t take(struct sequences *s, const struct verifier *log_key)
{
    struct sequence **bucket;
    struct sequence *found = find(s, log_key, &bucket);
    if (found == NULL) {
        found = s->count < SEQUENCES_PEERS_MAX ? calloc(1, sizeof *found) : NULL;
        if (found == NULL) {
            return 0;
        }
        found->log_key = *log_key;
        found->next = *bucket;
        *bucket = found;
        s->count++;
    }
    return found->unused_count > 0 ? found->unused[--found->unused_count] : ++found->last;
}

struct bytes sequences_take(struct sequences *sequences, const struct verifier *log_key, struct arena *arena, uint64_t *number)
{
    (void)pthread_mutex_lock(&sequences->lock);
    *number = take(sequences, log_key);
    (void)pthread_mutex_unlock(&sequences->lock);
    if (*number == 0) {
        return BYTES("");
    }
    struct bytes text = arena_format(arena, "%" PRIu64 ".%" PRIu64, sequences->start, *number);
    if (text.data == NULL) {
        sequences_give_back(sequences, log_key, *number);
        *number = 0;
    }
    return text;
}

/* The last one just goes back; another one waits. Without room for it there is a gap, which the peer will ask about. */
static void give_back(struct sequence *s, uint64_t number)
{
    if (number == s->last) {
        s->last--;
        return;
    }
    if (s->unused_count == s->unused_capacity) {
        size_t capacity = s->unused_capacity == 0 ? 16 : s->unused_capacity * 2;
        uint64_t *grown = capacity > SEQUENCES_UNUSED_MAX ? NULL : realloc(s->unused, capacity * sizeof *grown);
        if (grown == NULL) {
            return;
        }
        s->unused = grown;
        s->unused_capacity = capacity;
    }
    s->unused[s->unused_count++] = number;
}

void sequences_give_back(struct sequences *sequences, const struct verifier *log_key, uint64_t number)
{
    struct sequence **bucket;
    if (number == 0) {
        return;
    }
    (void)pthread_mutex_lock(&sequences->lock);
    struct sequence *found = find(sequences, log_key, &bucket);
    if (found != NULL) {
        give_back(found, number);
    }
    (void)pthread_mutex_unlock(&sequences->lock);
}

/* ---- At the end ---- */

static void begin_event(const struct sequences *s, struct buffer *text)
{
    buffer_reset(text);
    event_text_append(text, "comity-event", BYTES("sequences/1"));
    buffer_append_format(text, "start: %" PRIu64 "\n", s->start);
}

static bool end_event(struct buffer *text, struct committer *committer, struct error *e)
{
    uint64_t index = 0;
    event_text_append_decimal(text, "time", time_now_ms());
    return text->failed ? error_memory(e, "sequences")
                        : committer_append(committer, RECORD_EVENT, buffer_bytes(text), BYTES_NONE, &index, e);
}

static void append_line(struct buffer *text, const char *name, const struct sequence *s, uint64_t number)
{
    char digits[32];
    struct buffer value;
    buffer_init(&value, 2 * KEY_NAME_SIZE_MAX);
    (void)snprintf(digits, sizeof digits, "%" PRIu64 " ", number);
    buffer_append_text(&value, digits);
    buffer_append_text(&value, s->log_key.name);
    text->failed = text->failed || value.failed;
    event_text_append(text, name, buffer_bytes(&value));
    buffer_clear(&value);
}

/* One gateway's lines; a full event goes to the log, and another one begins. */
static bool log_one(const struct sequences *s, const struct sequence *one, struct buffer *text, struct committer *committer,
                    struct error *e)
{
    append_line(text, "last", one, one->last);
    for (size_t i = 0; i < one->unused_count; i++) {
        append_line(text, "unused", one, one->unused[i]);
        if (text->size > EVENT_BYTES_USUAL) {
            if (!end_event(text, committer, e)) {
                return false;
            }
            begin_event(s, text);
        }
    }
    if (text->size <= EVENT_BYTES_USUAL) {
        return true;
    }
    if (!end_event(text, committer, e)) {
        return false;
    }
    begin_event(s, text);
    return true;
}

bool sequences_log(struct sequences *sequences, struct committer *committer, struct error *e)
{
    struct buffer text;
    bool ok = true;
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    (void)pthread_mutex_lock(&sequences->lock);
    bool is_any = sequences->count > 0;
    begin_event(sequences, &text);
    for (size_t i = 0; ok && i < BUCKETS; i++) {
        for (const struct sequence *one = sequences->buckets[i]; ok && one != NULL; one = one->next) {
            ok = log_one(sequences, one, &text, committer, e);
        }
    }
    (void)pthread_mutex_unlock(&sequences->lock);
    ok = ok && (!is_any || end_event(&text, committer, e));
    buffer_clear(&text);
    return ok;
}
