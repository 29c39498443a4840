#include "evidence/verify_ahead_internal.h"

#include <pthread.h>
#include <stdlib.h>

#include "evidence/merkle.h"

/* Blocks are as large as their statements, up to a limit: all together some 20 MiB at most. */
enum { BLOCKS_AHEAD = 32, TEXT_BYTES_MIN = 32 * 1024, TEXT_BYTES_MAX = 512 * 1024 };

struct verify_ahead {
    struct verify_source source;
    uint64_t block_count;
    struct verify_block *ring;
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t filled, emptied;
    uint64_t filled_count, taken_count; /* block n is ring[n % BLOCKS_AHEAD] */
    bool is_stopping;
};

/* ---- one block ---- */

static void collect_fault(void *context, const struct error *e)
{
    struct verify_block *b = context;
    if (b->fault_count == b->fault_capacity) {
        size_t capacity = b->fault_capacity == 0 ? 16 : b->fault_capacity * 2;
        struct verify_fault *grown = realloc(b->faults, capacity * sizeof *grown);
        if (grown == NULL) {
            b->has_failed = true;
            (void)error_memory(&b->failure, "log");
            return;
        }
        b->faults = grown;
        b->fault_capacity = capacity;
    }
    b->faults[b->fault_count++] = (struct verify_fault){ .entry = b->record_count, .error = *e };
}

/* Keeps what the commitment is the hash of, for the other thread. False when it has no room. */
static bool keep_text(struct verify_block *b, unsigned i, const struct log_entry *entry)
{
    const size_t size = SALT_SIZE + entry->statement.size;
    if (b->text_capacity - b->text_bytes < size) {
        size_t capacity = b->text_capacity == 0 ? TEXT_BYTES_MIN : b->text_capacity;
        while (capacity < TEXT_BYTES_MAX && capacity - b->text_bytes < size) {
            capacity *= 2;
        }
        uint8_t *grown = capacity - b->text_bytes < size ? NULL : malloc(capacity);
        if (grown == NULL) {
            return false;
        }
        if (b->texts != NULL) {
            memcpy(grown, b->texts, b->text_bytes);
            explicit_bzero(b->texts, b->text_capacity);
            free(b->texts);
        }
        b->texts = grown;
        b->text_capacity = capacity;
    }
    memcpy(b->texts + b->text_bytes, entry->salt, SALT_SIZE);
    if (entry->statement.size > 0) {
        memcpy(b->texts + b->text_bytes + SALT_SIZE, entry->statement.data, entry->statement.size);
    }
    b->text_bytes += size;
    b->text_sizes[i] = (uint32_t)size;
    return true;
}

static void read_records(const struct verify_source *source, struct verify_block *b, bool leave_hashing)
{
    struct fault_list faults = { .report = collect_fault, .context = b, .todo = source->todo };
    struct record_check *const records = source->records;
    struct log_entry entry = { .index = 0 };
    b->is_hashed = false;
    b->text_bytes = 0;
    for (b->record_count = 0; b->record_count < b->width; b->record_count++) {
        const unsigned i = b->record_count;
        if (!record_check_next(records, &faults, b->index * TILE_WIDTH + i, &entry, &b->has_record[i], &b->failure)) {
            b->has_failed = true;
        }
        if (b->has_failed) {
            break;
        }
        b->segments[i] = record_check_segment(records);
        b->text_sizes[i] = 0;
        if (b->has_record[i] && !(leave_hashing && entry.form == RECORD_OPEN && keep_text(b, i, &entry))) {
            log_entry_commitment(&entry, b->records[i]);
        }
    }
}

/* The commitments that were left over. */
static void hash_texts(struct verify_block *b)
{
    const uint8_t *at = b->texts;
    for (unsigned i = 0; i < b->record_count && !b->is_hashed; i++) {
        if (b->text_sizes[i] > 0) {
            sha256(bytes_of(at, b->text_sizes[i]), b->records[i]);
            at += b->text_sizes[i];
        }
    }
    b->is_hashed = true;
}

static void read_file(struct disk *disk, struct tile tile, size_t size, struct verify_file *out)
{
    char path[TILE_PATH_SIZE];
    struct disk_file *file = NULL;
    out->size = 0;
    tile_path(tile, path);
    if (disk->functions->open(disk, path, DISK_READ, &file) != 0) {
        return;
    }
    /* One byte more than it may have: then it is another file than this log writes. */
    int fault = disk->functions->read(disk, file, out->data, size + 1, 0, &out->size);
    int close_fault = disk->functions->close(disk, file);
    if (fault != 0 || close_fault != 0 || out->size != size) {
        out->size = 0;
    }
}

/* Partial ones, and whatever is not as it must be, are left to the check that names it. */
static void read_public(const struct verify_source *source, struct verify_block *b)
{
    uint8_t entry[SHA256_SIZE];
    uint8_t leaf[SHA256_SIZE];
    b->is_clean = false;
    if (b->width < TILE_WIDTH) {
        return;
    }
    read_file(source->public, (struct tile){ .level = TILE_ENTRIES, .index = b->index, .width = TILE_WIDTH }, BUNDLE_BYTES_MAX, &b->bundle);
    read_file(source->public, (struct tile){ .level = 0, .index = b->index, .width = TILE_WIDTH }, TILE_BYTES_MAX, &b->tile);
    if (b->bundle.size == 0 || b->tile.size == 0) {
        return;
    }
    b->leaves = (uint8_t(*)[SHA256_SIZE])b->tile.data;
    for (unsigned i = 0; i < TILE_WIDTH; i++) {
        if (!bundle_entry(bytes_of(b->bundle.data, b->bundle.size), i, entry)) {
            return;
        }
        merkle_leaf(bytes_of(entry, sizeof entry), leaf);
        if (memcmp(leaf, b->leaves[i], sizeof leaf) != 0) {
            return;
        }
    }
    b->is_clean = true;
}

static bool do_records_agree(const struct verify_block *b)
{
    uint8_t entry[SHA256_SIZE];
    if (b->has_failed || b->fault_count > 0) {
        return false;
    }
    for (unsigned i = 0; i < b->width; i++) {
        if (!b->has_record[i] || !bundle_entry(bytes_of(b->bundle.data, b->bundle.size), i, entry) ||
            memcmp(entry, b->records[i], sizeof entry) != 0) {
            return false;
        }
    }
    return true;
}

/*
 * The thread's part: the records, which can only be read in a row, and without them the public files. Hashing statements is most of the work
 * with long ones: `leave_hashing` when the other one has more time.
 */
static void fill(const struct verify_source *source, struct verify_block *b, uint64_t index, bool leave_hashing)
{
    b->index = index;
    b->width = tile_width(0, index, source->size);
    b->fault_count = 0;
    b->has_failed = false;
    if (source->records != NULL) {
        read_records(source, b, leave_hashing);
    } else {
        read_public(source, b);
    }
}

/* What is left of it for the one who takes it. */
static void finish(const struct verify_source *source, struct verify_block *b)
{
    if (source->records != NULL) {
        hash_texts(b);
        read_public(source, b);
        b->is_clean = b->is_clean && do_records_agree(b);
    }
}

/* ---- the thread ---- */

static void *run(void *context)
{
    struct verify_ahead *a = context;
    (void)pthread_mutex_lock(&a->lock);
    while (a->filled_count < a->block_count && !a->is_stopping) {
        if (a->filled_count - a->taken_count == BLOCKS_AHEAD) {
            (void)pthread_cond_wait(&a->emptied, &a->lock);
            continue;
        }
        struct verify_block *b = &a->ring[a->filled_count % BLOCKS_AHEAD];
        const uint64_t index = a->filled_count;
        /* Few blocks wait for the other one: it is the faster. */
        const bool leave_hashing = a->filled_count - a->taken_count < BLOCKS_AHEAD / 2;
        (void)pthread_mutex_unlock(&a->lock);
        fill(&a->source, b, index, leave_hashing);
        (void)pthread_mutex_lock(&a->lock);
        a->filled_count++;
        if (b->has_failed) {
            a->is_stopping = true; /* nobody goes on behind it */
        }
        (void)pthread_cond_signal(&a->filled);
    }
    (void)pthread_mutex_unlock(&a->lock);
    return NULL;
}

static bool start_thread(struct verify_ahead *a)
{
    if (pthread_mutex_init(&a->lock, NULL) != 0) {
        return false;
    }
    if (pthread_cond_init(&a->filled, NULL) != 0) {
        goto no_filled;
    }
    if (pthread_cond_init(&a->emptied, NULL) != 0) {
        goto no_emptied;
    }
    if (pthread_create(&a->thread, NULL, run, a) == 0) {
        return true;
    }
    (void)pthread_cond_destroy(&a->emptied);
no_emptied:
    (void)pthread_cond_destroy(&a->filled);
no_filled:
    (void)pthread_mutex_destroy(&a->lock);
    return false;
}

bool verify_ahead_start(struct verify_ahead **out, const struct verify_source *source, bool has_thread, struct error *e)
{
    *out = NULL;
    struct verify_ahead *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return error_memory(e, "log");
    }
    a->source = *source;
    a->block_count = (source->size + TILE_WIDTH - 1) / TILE_WIDTH;
    a->ring = calloc(BLOCKS_AHEAD, sizeof *a->ring);
    if (a->ring == NULL) {
        free(a);
        return error_memory(e, "log");
    }
    a->has_thread = has_thread && start_thread(a);
    *out = a;
    return true;
}

struct verify_block *verify_ahead_take(struct verify_ahead *ahead)
{
    struct verify_block *b = &ahead->ring[ahead->taken_count % BLOCKS_AHEAD];
    if (ahead->has_thread) {
        (void)pthread_mutex_lock(&ahead->lock);
        while (ahead->filled_count == ahead->taken_count) {
            (void)pthread_cond_wait(&ahead->filled, &ahead->lock);
        }
        (void)pthread_mutex_unlock(&ahead->lock);
    } else {
        fill(&ahead->source, b, ahead->taken_count, false);
    }
    finish(&ahead->source, b);
    return b;
}

void verify_ahead_give_back(struct verify_ahead *ahead)
{
    if (!ahead->has_thread) {
        ahead->taken_count++;
        return;
    }
    (void)pthread_mutex_lock(&ahead->lock);
    ahead->taken_count++;
    (void)pthread_cond_signal(&ahead->emptied);
    (void)pthread_mutex_unlock(&ahead->lock);
}

void verify_ahead_stop(struct verify_ahead *ahead)
{
    if (ahead == NULL) {
        return;
    }
    if (ahead->has_thread) {
        (void)pthread_mutex_lock(&ahead->lock);
        ahead->is_stopping = true;
        (void)pthread_cond_signal(&ahead->emptied);
        (void)pthread_mutex_unlock(&ahead->lock);
        (void)pthread_join(ahead->thread, NULL);
        (void)pthread_cond_destroy(&ahead->filled);
        (void)pthread_cond_destroy(&ahead->emptied);
        (void)pthread_mutex_destroy(&ahead->lock);
    }
    for (size_t i = 0; i < BLOCKS_AHEAD; i++) {
        struct verify_block *b = &ahead->ring[i];
        if (b->texts != NULL) {
            explicit_bzero(b->texts, b->text_capacity); /* salts */
            free(b->texts);
        }
        free(b->faults);
    }
    free(ahead->ring);
    free(ahead);
}
