/* A log on disks that can fail, and the memory of everything it ever acknowledged or signed. For tests. */
#ifndef COMITY_TEST_LOG_RIG_H
#define COMITY_TEST_LOG_RIG_H

#include "evidence/log_internal.h"
#include "torture/faulty_disk.h"
#include "merkle_model.h"

enum { RIG_ENTRIES_MAX = 4096, RIG_BATCH_MAX = 600 };

/* One place in so many is damaged; 3 and 7, so that each bit of a byte has its turn. The sanitizers are some ten times slower. */
#if defined(__SANITIZE_ADDRESS__)
#define RIG_STRIDE 7
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RIG_STRIDE 7
#endif
#endif
#ifndef RIG_STRIDE
#define RIG_STRIDE 3
#endif

/* What the caller was told about one entry. */
struct told {
    bool is_acknowledged;
    uint8_t salt[SALT_SIZE];
    uint64_t number; /* its statement and attachment are made from it */
    int64_t time_ms;
    enum { TOLD_OPEN = 0, TOLD_MAY_BE_ERASED, TOLD_ERASED } erasure;
};

struct rig {
    struct disk *public, *private; /* in memory */
    struct faults faults;
    struct faulty_disk faulty_public, faulty_private;
    struct signer *signer;
    struct checkpoint_cache *cache;
    struct log *log; /* NULL: not open */
    uint64_t random;
    uint64_t next_number;
    struct told told[RIG_ENTRIES_MAX];
    uint64_t acknowledged; /* entries below it are in the log for ever */
    struct {               /* by size: the checkpoint that was signed, "" if none was seen */
        char note[320];
    } signed_at[RIG_ENTRIES_MAX + 1];
    struct error last; /* of the last call that failed */
};

struct rig *rig_make(uint64_t seed);
void rig_free(struct rig *rig);
bool rig_open(struct rig *rig);
/* Appends `count` records, checks every receipt, and remembers what was acknowledged and signed. False when it was refused. */
bool rig_append(struct rig *rig, size_t count);
bool rig_publish(struct rig *rig);
/* Closes properly. */
void rig_close(struct rig *rig);
/* The process is killed: nothing more reaches the disks. What they hold unsynced stays, as in a page cache. */
void rig_kill(struct rig *rig);
/* Killed, and the power fails. */
void rig_power_cut(struct rig *rig, uint64_t seed);
/*
 * Checks what the disks hold now, with the log closed or not: everything acknowledged is there, byte for byte; every checkpoint ever signed
 * has its size's root; the published checkpoint is one of them. Fails the test with `when` otherwise.
 */
void rig_check(struct rig *rig, const char *when);
/* Calls log_verify() and fails the test if it finds a fault. */
void rig_verify(struct rig *rig, const char *when);
/* The statement and the attachment of a number. Static memory: until the next call. Short ones if `rig_has_short_texts`. */
extern bool rig_has_short_texts;
struct bytes rig_statement(uint64_t number);
struct bytes rig_attachment(uint64_t number);

#endif
