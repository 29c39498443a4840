/* Appending one entry and waiting for it: for those who are no worker with a mailbox. */
#include <stdlib.h>

#include "evidence/committer.h"

/* What committer_append() waits on. */
struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
};

static void wake_waiter(void *context)
{
    struct waiter *waiter = context;
    (void)pthread_mutex_lock(&waiter->lock);
    waiter->is_done = true;
    (void)pthread_cond_signal(&waiter->done);
    (void)pthread_mutex_unlock(&waiter->lock);
}

bool committer_append(struct committer *committer, enum record_kind kind, struct bytes statement, struct bytes attachment, uint64_t *index,
                      struct error *e)
{
    struct waiter waiter = { .lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER };
    struct mailbox mailbox = { .notify = wake_waiter, .context = &waiter };
    struct commit_entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return error_memory(e, "committer");
    }
    entry->record = (struct log_record){ .kind = kind, .statement = statement, .attachment = attachment };
    entry->mailbox = &mailbox;
    if (!committer_submit(committer, entry, e)) {
        free(entry);
        return false;
    }
    (void)pthread_mutex_lock(&waiter.lock);
    while (!waiter.is_done) {
        committer_wait(committer, &waiter.done, &waiter.lock);
    }
    (void)pthread_mutex_unlock(&waiter.lock);
    bool ok = !entry->has_failed;
    if (ok && index != NULL) {
        *index = entry->record.index;
    }
    shared_checkpoint_release(entry->checkpoint);
    explicit_bzero(entry->record.salt, SALT_SIZE);
    free(entry);
    (void)pthread_mutex_destroy(&waiter.lock);
    (void)pthread_cond_destroy(&waiter.done);
    return ok || error_set(e, ERROR_IO, "log", "see the gateway's diagnostics", "the entry could not be made durable");
}
