/* The invariants: those of any honest log, looked at from outside, by somebody who remembers everything that anybody was ever told. */
#include <stdlib.h>

#include "evidence/merkle.h"
#include "torture/stage_internal.h"

void check_signed(struct node *node, uint64_t size, const uint8_t root[SHA256_SIZE])
{
    struct stage *stage = node->stage;
    if (size >= node->root_capacity) {
        size_t capacity = node->root_capacity == 0 ? 1024 : node->root_capacity;
        while (capacity <= size) {
            capacity *= 2;
        }
        struct root_seen *roots = realloc(node->roots, capacity * sizeof *roots);
        if (roots == NULL) {
            abort(); /* a simulation that is out of memory can't go on */
        }
        memset(roots + node->root_capacity, 0, (capacity - node->root_capacity) * sizeof *roots);
        node->roots = roots;
        node->root_capacity = capacity;
    }
    struct root_seen *seen = &node->roots[size];
    if (seen->is_known && memcmp(seen->root, root, SHA256_SIZE) != 0 && !node->was_restored) {
        stage_break(stage, "gateway %u signed a second root for size %llu", node->number, (unsigned long long)size);
    }
    seen->is_known = true;
    memcpy(seen->root, root, SHA256_SIZE);
}

/* Is what an exchange has in this log still what it was? */
static void check_entry(struct node *node, struct log_reader *reader, const struct exchange *x, enum entry_kind kind)
{
    static const char *const names[ENTRY_KINDS] = { "request", "decision", "answer", "received answer" };
    const struct entry_seen *seen = &x->entries[kind];
    struct log_entry entry;
    uint8_t hash[SHA256_SIZE];
    struct error e;
    if (!log_reader_get(reader, seen->index, &entry, &e)) {
        stage_break(node->stage, "gateway %u lost entry %llu (%s) that it had acknowledged: %s", node->number,
                    (unsigned long long)seen->index, names[kind], e.what);
        return;
    }
    commitment(entry.salt, entry.statement, hash);
    if (memcmp(hash, seen->commitment, SHA256_SIZE) != 0) {
        stage_break(node->stage, "gateway %u has something else as entry %llu (%s)", node->number, (unsigned long long)seen->index,
                    names[kind]);
    }
}

static void check_entries(struct node *node)
{
    struct log_reader *reader = NULL;
    struct error e;
    if (!log_reader_open(&reader, node->public, node->private, &e)) {
        stage_break(node->stage, "gateway %u runs, but its log can't be read: %s: %s", node->number, e.where, e.what);
        return;
    }
    for (size_t i = 0; i < node->stage->exchange_count; i++) {
        const struct exchange *x = &node->stage->exchanges[i];
        for (enum entry_kind kind = 0; kind < ENTRY_KINDS; kind++) {
            bool is_here = (kind == ENTRY_REQUEST || kind == ENTRY_RECEIVED ? x->consumer : x->holder) == node->number;
            if (is_here && x->entries[kind].is_durable) {
                check_entry(node, reader, x, kind);
            }
        }
    }
    log_reader_close(reader);
}

void check_started(struct node *node)
{
    if (node->was_restored) {
        return;
    }
    if (log_size(node->log) < node->promised) {
        stage_break(node->stage, "gateway %u came up with %llu entries, but has acknowledged %llu", node->number,
                    (unsigned long long)log_size(node->log), (unsigned long long)node->promised);
        return;
    }
    check_entries(node);
}

static void count_fault(void *context, const struct error *e)
{
    struct error *first = context;
    if (first->kind == ERROR_NONE) {
        *first = *e;
    }
}

static uint64_t verify(struct node *node, struct error *first)
{
    uint64_t entries = 0;
    uint64_t faults = 0;
    struct error e = { 0 };
    *first = (struct error){ 0 };
    if (!log_verify(node->public, node->private, signer_verifier(node->signer), count_fault, NULL, first, &entries, &faults, &e)) {
        *first = e;
        return faults + 1;
    }
    return faults;
}

bool check_is_vouched_for(struct node *node, struct disk *disk, const char *path)
{
    struct error first;
    const struct disk_functions *f = disk->functions;
    if (verify(node, &first) != 0 || f->rename(disk, path, "aside") != 0) {
        return false;
    }
    bool is_missed = verify(node, &first) != 0;
    if (f->rename(disk, "aside", path) != 0) {
        stage_break(node->stage, "%s could not be put back", path);
    }
    return is_missed;
}

void check_rotten(struct node *node, const char *path)
{
    struct error first;
    if (verify(node, &first) == 0) {
        stage_break(node->stage, "gateway %u: a bit of %s turned over, and verifying finds nothing", node->number, path);
    }
}

void check_healed(struct node *node)
{
    struct error first;
    if (verify(node, &first) != 0) {
        stage_break(node->stage, "gateway %u was healed, but: %s: %s", node->number, first.where, first.what);
    }
    check_entries(node);
}

static void check_exchange(struct stage *stage, const struct exchange *x)
{
    /* What an old backup does not know it can't refuse: a rollback that no witness told. */
    if (x->is_unsafe && x->served > 1 && !stage->nodes[x->holder].was_restored) {
        stage_break(stage, "gateway %u called its service %u times for one exchange", x->holder, x->served);
    }
    for (enum entry_kind kind = 0; x->is_acknowledged && kind < ENTRY_KINDS; kind++) {
        if (!x->entries[kind].is_durable) {
            stage_break(stage, "an exchange of gateways %u and %u was acknowledged without all of its evidence", x->consumer, x->holder);
        }
    }
}

void check_all(struct stage *stage)
{
    for (size_t i = 0; i < stage->exchange_count; i++) {
        check_exchange(stage, &stage->exchanges[i]);
    }
    for (size_t i = 0; i < NODES; i++) {
        struct node *node = &stage->nodes[i];
        struct error first;
        if (node->log == NULL) {
            continue; /* refuses to start, rightly: it was restored, and others know more */
        }
        stage->result->entries += log_size(node->log);
        if (!node->was_restored) {
            check_entries(node);
        }
        node_publish(node);
        if (verify(node, &first) != 0) {
            stage_break(stage, "gateway %u: log verify: %s: %s", node->number, first.where, first.what);
        }
    }
}
