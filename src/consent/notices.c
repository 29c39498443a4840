/* The snapshot of notices: which revisions exist, and which are in force. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "consent/notice_internal.h"

enum { NONE = 0 }; /* in tables of indexes + 1 */

struct notices {
    _Atomic int reference_count;
    struct notice **revisions; /* by id, then by revision */
    size_t count;
    bool *is_logged;     /* one a revision */
    uint32_t *accepting; /* one a revision: index + 1 of the revision that is in force for consents on it */
    uint32_t *by_digest; /* open addressing, index + 1 */
    size_t table_size;   /* a power of two, more than twice the count */
    uint8_t digest[SHA256_SIZE];
};

static int compare(const void *a, const void *b)
{
    const struct notices_entry *left = a, *right = b;
    int order = bytes_compare(left->notice->id, right->notice->id);
    return order != 0 ? order : (left->notice->revision > right->notice->revision) - (left->notice->revision < right->notice->revision);
}

/* A digest is random already. */
static size_t slot_of(const struct notices *notices, const uint8_t digest[SHA256_SIZE])
{
    uint64_t start;
    memcpy(&start, digest, sizeof start);
    return (size_t)start & (notices->table_size - 1);
}

static size_t find_slot(const struct notices *notices, const uint8_t digest[SHA256_SIZE])
{
    size_t slot = slot_of(notices, digest);
    while (notices->by_digest[slot] != NONE && memcmp(notices->revisions[notices->by_digest[slot] - 1]->digest, digest, SHA256_SIZE) != 0) {
        slot = (slot + 1) & (notices->table_size - 1);
    }
    return slot;
}

static bool refuse(const struct notice *notice, struct error *e, const char *what)
{
    char where[128];
    (void)snprintf(where, sizeof where, "notice %.*s@%u", BYTES_FMT(notice->id), (unsigned)notice->revision);
    return error_set(e, ERROR_INPUT, where, "restore the database from a backup", "%s", what);
}

/* The complete revision before `index`, from `first` on; `index` itself when there is none. */
static size_t complete_before(const struct notices *notices, size_t first, size_t index)
{
    for (size_t i = index; i > first; i--) {
        if (notices->revisions[i - 1]->lifecycle == NOTICE_COMPLETE) {
            return i - 1;
        }
    }
    return index;
}

static bool check_chain(const struct notices *notices, size_t first, size_t end, struct error *e)
{
    for (size_t i = first; i < end; i++) {
        const struct notice *notice = notices->revisions[i];
        if (notice->revision != i - first + 1) {
            return refuse(notice, e, "the revision before it is missing, or there are two of this number");
        }
        if (notice->has_prev != (i > first) || (i > first && memcmp(notice->prev, notices->revisions[i - 1]->digest, SHA256_SIZE) != 0)) {
            return refuse(notice, e, "prevSha256 is not the digest of the revision before it");
        }
        size_t before = complete_before(notices, first, i);
        if (notice->has_equivalent && (before == i || memcmp(notice->equivalent, notices->revisions[before]->digest, SHA256_SIZE) != 0)) {
            return refuse(notice, e, "equivalentTo is not the digest of the complete revision before it");
        }
    }
    return true;
}

/*
 * From the newest backwards: `last` is the current one, and each that the one after it is equivalent to is accepted with it. A revision that
 * the log doesn't have yet is never in force, and still ends what it isn't equivalent to.
 */
static void set_accepting(struct notices *notices, size_t first, size_t end)
{
    size_t at = complete_before(notices, first, end);
    size_t current = end; /* none so far */
    while (at < end) {
        if (current == end && notices->is_logged[at]) {
            current = at;
        }
        if (current != end) {
            notices->accepting[at] = (uint32_t)current + 1;
        }
        size_t before = complete_before(notices, first, at);
        if (before == at || !notices->revisions[at]->has_equivalent) {
            break;
        }
        at = before;
    }
}

static bool index_digests(struct notices *notices, struct error *e)
{
    for (size_t i = 0; i < notices->count; i++) {
        size_t slot = find_slot(notices, notices->revisions[i]->digest);
        if (notices->by_digest[slot] != NONE) {
            return refuse(notices->revisions[i], e, "two revisions are the same");
        }
        notices->by_digest[slot] = (uint32_t)i + 1;
    }
    return true;
}

/* One line a revision: what is in force, and what isn't. */
static bool digest_of_all(struct notices *notices, struct error *e)
{
    struct hash *hash = hash_make(HASH_SHA256);
    if (hash == NULL) {
        return error_memory(e, "notices");
    }
    for (size_t i = 0; i < notices->count; i++) {
        const struct notice *notice = notices->revisions[i];
        char hex[2 * SHA256_SIZE + 1], line[NOTICE_ID_SIZE_MAX + 128];
        hex_write(bytes_of(notice->digest, SHA256_SIZE), hex);
        int size = snprintf(line, sizeof line, "%.*s %u %s %s\n", BYTES_FMT(notice->id), (unsigned)notice->revision, hex,
                            notices->is_logged[i] ? "logged" : "unlogged");
        hash_add(hash, bytes_of(line, (size_t)size));
    }
    hash_end(hash, notices->digest);
    hash_free(hash);
    return true;
}

static bool fill(struct notices *notices, struct error *e)
{
    for (size_t first = 0, end; first < notices->count; first = end) {
        for (end = first; end < notices->count && bytes_equal(notices->revisions[end]->id, notices->revisions[first]->id);) {
            end++;
        }
        if (!check_chain(notices, first, end, e)) {
            return false;
        }
        set_accepting(notices, first, end);
    }
    return index_digests(notices, e) && digest_of_all(notices, e);
}

bool notices_make(struct notices **out, const struct notices_entry *entries, size_t count, struct error *e)
{
    bool ok = false;
    size_t table_size = 4;
    *out = NULL;
    while (table_size < 2 * count + 1) {
        table_size *= 2;
    }
    struct notices *notices = calloc(1, sizeof *notices);
    struct notices_entry *sorted = calloc(count + 1, sizeof *sorted);
    if (notices == NULL || sorted == NULL) {
        (void)error_memory(e, "notices");
        goto done;
    }
    atomic_init(&notices->reference_count, 1);
    notices->table_size = table_size;
    notices->revisions = calloc(count + 1, sizeof(struct notice *));
    notices->is_logged = calloc(count + 1, sizeof *notices->is_logged);
    notices->accepting = calloc(count + 1, sizeof *notices->accepting);
    notices->by_digest = calloc(table_size, sizeof *notices->by_digest);
    if (notices->revisions == NULL || notices->is_logged == NULL || notices->accepting == NULL || notices->by_digest == NULL) {
        (void)error_memory(e, "notices");
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = entries[i];
    }
    qsort(sorted, count, sizeof *sorted, compare);
    for (size_t i = 0; i < count; i++) {
        notices->is_logged[notices->count] = sorted[i].is_logged;
        notices->revisions[notices->count++] = notice_keep(sorted[i].notice);
    }
    ok = fill(notices, e);
done:
    free(sorted);
    if (ok) {
        *out = notices;
    } else {
        notices_drop(notices);
    }
    return ok;
}

struct notices *notices_keep(struct notices *notices)
{
    atomic_fetch_add_explicit(&notices->reference_count, 1, memory_order_relaxed);
    return notices;
}

void notices_drop(struct notices *notices)
{
    if (notices == NULL || atomic_fetch_sub_explicit(&notices->reference_count, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < notices->count; i++) {
        notice_drop(notices->revisions[i]);
    }
    free((void *)notices->revisions);
    free(notices->is_logged);
    free(notices->accepting);
    free(notices->by_digest);
    free(notices);
}

/* The index of the first revision of `id`, or of where it would stand. */
static size_t lower_bound(const struct notices *notices, struct bytes id)
{
    size_t low = 0, high = notices->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(notices->revisions[middle]->id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct notice *notices_find(const struct notices *notices, struct bytes id, uint32_t revision)
{
    size_t first = lower_bound(notices, id);
    const struct notice *found = NULL;
    for (size_t i = first; i < notices->count && bytes_equal(notices->revisions[i]->id, id); i++) {
        bool is_wanted = revision == 0 ? notices->accepting[i] == i + 1 : notices->revisions[i]->revision == revision;
        found = is_wanted ? notices->revisions[i] : found;
    }
    return found;
}

const struct notice *notices_find_by_digest(const struct notices *notices, const uint8_t digest[SHA256_SIZE])
{
    uint32_t found = notices->by_digest[find_slot(notices, digest)];
    return found == NONE ? NULL : notices->revisions[found - 1];
}

const struct notice *notices_find_accepting(const struct notices *notices, const uint8_t digest[SHA256_SIZE])
{
    uint32_t found = notices->by_digest[find_slot(notices, digest)];
    uint32_t accepting = found == NONE ? NONE : notices->accepting[found - 1];
    return accepting == NONE ? NULL : notices->revisions[accepting - 1];
}

bool notices_is_accepted(const struct notices *notices, const uint8_t digest[SHA256_SIZE])
{
    return notices_find_accepting(notices, digest) != NULL;
}

size_t notices_count(const struct notices *notices)
{
    return notices->count;
}

const struct notice *notices_at(const struct notices *notices, size_t index)
{
    return index < notices->count ? notices->revisions[index] : NULL;
}

bool notices_is_current(const struct notices *notices, const struct notice *notice)
{
    return notices_find_accepting(notices, notice->digest) == notice;
}

const uint8_t *notices_digest(const struct notices *notices)
{
    return notices->digest;
}

bool notices_add(struct notices **out, const struct notices *old, const struct notices_entry *entry, struct error *e)
{
    size_t count = 0;
    *out = NULL;
    struct notices_entry *entries = calloc(old->count + 1, sizeof *entries);
    if (entries == NULL) {
        return error_memory(e, "notices");
    }
    for (size_t i = 0; i < old->count; i++) {
        if (memcmp(old->revisions[i]->digest, entry->notice->digest, SHA256_SIZE) != 0) {
            entries[count++] = (struct notices_entry){ old->revisions[i], old->is_logged[i] };
        }
    }
    entries[count++] = *entry;
    bool ok = notices_make(out, entries, count, e);
    free(entries);
    return ok;
}

const struct notice *notices_newest(const struct notices *notices, struct bytes id, bool is_complete)
{
    const struct notice *found = NULL;
    for (size_t i = lower_bound(notices, id); i < notices->count && bytes_equal(notices->revisions[i]->id, id); i++) {
        found = !is_complete || notices->revisions[i]->lifecycle == NOTICE_COMPLETE ? notices->revisions[i] : found;
    }
    return found;
}
