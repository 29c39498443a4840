#include "gateway/origins_internal.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/diag.h"
#include "base/encode.h"
#include "crypto/note.h"

enum { BUCKETS = 4096, ORIGINS_MAX = 65536, NOTE_KEPT_MAX = 2048 };

struct origin {
    struct origin *next;
    uint64_t size;
    uint8_t root[SHA256_SIZE];
    struct verifier log_key;
    uint8_t *note; /* as it was signed: half of a proof, should another one come */
    size_t note_size, note_capacity;
};
struct origins {
    pthread_mutex_t lock;
    size_t count;
    struct origin *buckets[BUCKETS];
};

struct origins *origins_make(void)
{
    struct origins *o = calloc(1, sizeof *o);
    if (o != NULL && pthread_mutex_init(&o->lock, NULL) != 0) {
        free(o);
        return NULL;
    }
    return o;
}

void origins_free(struct origins *origins)
{
    if (origins == NULL) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        while (origins->buckets[i] != NULL) {
            struct origin *next = origins->buckets[i]->next;
            free(origins->buckets[i]->note);
            free(origins->buckets[i]);
            origins->buckets[i] = next;
        }
    }
    (void)pthread_mutex_destroy(&origins->lock);
    free(origins);
}

static struct origin **bucket(struct origins *origins, const struct verifier *log_key)
{
    return &origins->buckets[XXH3_64bits(log_key->public_key, sizeof log_key->public_key) % BUCKETS];
}

static struct origin *find(struct origin *first, const struct verifier *log_key)
{
    while (first != NULL && !verifier_equal(&first->log_key, log_key)) {
        first = first->next;
    }
    return first;
}

/* A note that strangers' lines made too long, with one line of the log's own: all that a proof needs. False: it can't be made so short. */
static bool shorten(struct bytes whole, const struct verifier *log_key, struct buffer *out)
{
    struct note note;
    if (!note_parse(&note, whole, "", NULL)) {
        return false;
    }
    for (size_t i = 0; i < note.signature_count; i++) {
        const struct note_signature *s = &note.signatures[i];
        if (memcmp(s->id, log_key->id, KEY_ID_SIZE) == 0 && bytes_equal(s->name, bytes_of_text(log_key->name))) {
            buffer_append(out, note.text);
            buffer_append_format(out, "\n\xE2\x80\x94 %.*s %.*s\n", BYTES_FMT(s->name), BYTES_FMT(s->base64));
            return !out->failed;
        }
    }
    return false;
}

/* Without its note (memory is out) a checkpoint is known all the same. */
static void keep_bare_note(struct origin *origin, struct bytes note)
{
    origin->note_size = 0;
    if (note.size > NOTE_KEPT_MAX) {
        return;
    }
    if (note.size > origin->note_capacity) {
        uint8_t *grown = realloc(origin->note, note.size);
        if (grown == NULL) {
            return;
        }
        origin->note = grown;
        origin->note_capacity = note.size;
    }
    memcpy(origin->note, note.data, note.size);
    origin->note_size = note.size;
}

static void keep_note(struct origin *origin, struct bytes note)
{
    struct buffer bare;
    buffer_init(&bare, NOTE_KEPT_MAX);
    bool is_bare = note.size > NOTE_KEPT_MAX && shorten(note, &origin->log_key, &bare);
    keep_bare_note(origin, is_bare ? buffer_bytes(&bare) : note);
    buffer_clear(&bare);
}

bool origins_note(struct origins *origins, struct watch *watch, const struct verifier *log_key, const struct checkpoint_view *checkpoint,
                  struct bytes note)
{
    uint8_t other[NOTE_KEPT_MAX];
    size_t other_size = 0;
    bool has_two_roots = false;
    if (watch_is_distrusted(watch, log_key)) {
        return false;
    }
    (void)pthread_mutex_lock(&origins->lock);
    struct origin **first = bucket(origins, log_key);
    struct origin *known = find(*first, log_key);
    if (known == NULL && origins->count < ORIGINS_MAX) {
        known = calloc(1, sizeof *known);
        if (known != NULL) {
            known->log_key = *log_key;
            known->next = *first;
            *first = known;
            origins->count++;
        }
    }
    if (known != NULL && checkpoint->size > known->size) {
        known->size = checkpoint->size;
        memcpy(known->root, checkpoint->root, sizeof known->root);
        keep_note(known, note);
    } else if (known != NULL && checkpoint->size == known->size && memcmp(known->root, checkpoint->root, sizeof known->root) != 0) {
        has_two_roots = true;
        other_size = known->note_size;
        if (other_size > 0) {
            memcpy(other, known->note, other_size);
        }
    }
    (void)pthread_mutex_unlock(&origins->lock);
    /* Its key signed both, or neither would have come here: with or without a proof that could be kept, this one is not believed. */
    if (has_two_roots && (other_size == 0 || !watch_catch(watch, log_key, bytes_of(other, other_size), note, NULL, NULL, 0))) {
        diag(DIAG_ERROR, "gateway", "a peer's log has two roots for one size; memory was out for a proof", "origin", log_key->name, NULL);
    }
    return !has_two_roots;
}

struct bytes origins_text(struct origins *origins, const struct verifier *log_key, struct arena *arena)
{
    uint64_t size = 0;
    uint8_t root[SHA256_SIZE];
    (void)pthread_mutex_lock(&origins->lock);
    const struct origin *known = find(*bucket(origins, log_key), log_key);
    if (known != NULL) {
        size = known->size;
        memcpy(root, known->root, sizeof root);
    }
    (void)pthread_mutex_unlock(&origins->lock);
    if (size == 0) {
        return BYTES("none");
    }
    uint8_t text[BASE64_SIZE(SHA256_SIZE)];
    size_t text_size = base64_write(bytes_of(root, sizeof root), text);
    return arena_format(arena, "%" PRIu64 " %.*s", size, BYTES_FMT(bytes_of(text, text_size)));
}
