#include <stdlib.h>

#include "audit/replay_internal.h"
#include "base/bytes.h"
#include "consent/event_text.h"

static struct open_decision **bucket(struct open_decisions *open, const uint8_t digest[SHA256_SIZE])
{
    return &open->buckets[((size_t)digest[0] | (size_t)digest[1] << 8) % OPEN_BUCKETS];
}

void open_free(struct open_decision *decision)
{
    if (decision != NULL) {
        arena_clear(&decision->memory);
        free(decision);
    }
}

void open_clear(struct open_decisions *open)
{
    for (size_t i = 0; i < OPEN_BUCKETS; i++) {
        while (open->buckets[i] != NULL) {
            struct open_decision *next = open->buckets[i]->next;
            open_free(open->buckets[i]);
            open->buckets[i] = next;
        }
    }
    open->count = 0;
}

static bool copy_released(struct open_decision *made, struct bytes text)
{
    struct buffer list;
    struct bytes name, value;
    buffer_init(&list, RECORD_STATEMENT_BYTES_MAX);
    while (event_text_next(&text, &name, &value)) {
        if (bytes_equal(name, BYTES("released"))) {
            buffer_append(&list, value);
            buffer_append_u8(&list, '\n');
        }
    }
    made->released = list.failed ? BYTES_NONE : arena_copy(&made->memory, buffer_bytes(&list));
    buffer_clear(&list);
    return made->released.data != NULL;
}

bool open_add(struct open_decisions *open, const uint8_t digest[SHA256_SIZE], const struct decision_read *read,
              const struct consent_key *key, struct bytes on_consent)
{
    struct open_decision *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return false;
    }
    memcpy(made->digest, digest, SHA256_SIZE);
    made->has_key = key != NULL;
    made->on_consent = arena_copy(&made->memory, on_consent);
    bool ok = copy_released(made, read->entry->statement) && made->on_consent.data != NULL;
    if (ok && key != NULL) {
        made->key = (struct consent_key){ .person = arena_copy(&made->memory, key->person),
                                          .recipient = arena_copy(&made->memory, key->recipient),
                                          .purpose = arena_copy(&made->memory, key->purpose) };
        ok = made->key.person.data != NULL && made->key.recipient.data != NULL && made->key.purpose.data != NULL;
    }
    if (!ok) {
        open_free(made);
        return false;
    }
    struct open_decision **first = bucket(open, digest);
    made->next = *first;
    *first = made;
    open->count++;
    return true;
}

struct open_decision *open_take(struct open_decisions *open, const uint8_t digest[SHA256_SIZE])
{
    struct open_decision **at = bucket(open, digest);
    while (*at != NULL && memcmp((*at)->digest, digest, SHA256_SIZE) != 0) {
        at = &(*at)->next;
    }
    struct open_decision *found = *at;
    if (found != NULL) {
        *at = found->next;
        found->next = NULL;
        open->count--;
    }
    return found;
}
