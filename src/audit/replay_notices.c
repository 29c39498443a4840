#include <stdlib.h>

#include "audit/replay_internal.h"
#include "consent/event_text.h"

bool notice_history_takes(struct bytes text)
{
    return event_text_is(text, "notice/1");
}

void notice_history_clear(struct notice_history *history)
{
    for (size_t i = 0; i < NOTICE_SNAPSHOTS_KEPT; i++) {
        notices_drop(history->snapshots[i]);
    }
    for (size_t i = 0; i < history->count; i++) {
        notice_drop(history->revisions[i].notice);
    }
    free(history->revisions);
    *history = (struct notice_history){ 0 };
}

static bool read_notice(const struct replay_source *source, struct bytes event, struct notice **out, struct error *e)
{
    struct bytes value;
    struct buffer text;
    uint8_t digest[SHA256_SIZE];
    *out = NULL;
    if (!event_text_get(event, "digest", &value) || !said_digest(value, digest)) {
        return error_set(e, ERROR_INPUT, "notice", NULL, "the event names no notice");
    }
    if (source->find_text == NULL) {
        return error_set(e, ERROR_ABSENT, "notice", NULL, "the texts of notices are not here");
    }
    buffer_init(&text, NOTICE_BYTES_MAX);
    bool ok = source->find_text(source->context, digest, &text, e) && notice_parse(out, buffer_bytes(&text), e);
    buffer_clear(&text);
    if (ok && memcmp((*out)->digest, digest, sizeof digest) != 0) {
        notice_drop(*out);
        *out = NULL;
        return error_set(e, ERROR_INPUT, "notice", NULL, "what is kept is not the notice that the event names");
    }
    return ok;
}

/* The same event again, after a crash, adds nothing. */
static bool has_it(const struct notice_history *history, const struct notice *notice)
{
    for (size_t i = 0; i < history->count; i++) {
        if (memcmp(history->revisions[i].notice->digest, notice->digest, SHA256_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

static bool grow(struct notice_history *history, struct error *e)
{
    if (history->count < history->capacity) {
        return true;
    }
    size_t capacity = history->capacity == 0 ? 64 : 2 * history->capacity;
    struct notices_entry *more = realloc(history->revisions, capacity * sizeof *more);
    if (more == NULL) {
        return error_memory(e, "notices");
    }
    history->revisions = more;
    history->capacity = capacity;
    return true;
}

bool notice_history_add(struct notice_history *history, const struct replay_source *source, struct bytes text, struct error *e)
{
    struct notice *notice = NULL;
    struct notices *now = NULL;
    if (!read_notice(source, text, &notice, e)) {
        return false;
    }
    if (has_it(history, notice)) {
        notice_drop(notice);
        return true;
    }
    if (!grow(history, e)) {
        notice_drop(notice);
        return false;
    }
    history->revisions[history->count++] = (struct notices_entry){ .notice = notice, .is_logged = true };
    if (!notices_make(&now, history->revisions, history->count, e)) {
        return false;
    }
    notices_drop(history->snapshots[NOTICE_SNAPSHOTS_KEPT - 1]);
    memmove(&history->snapshots[1], &history->snapshots[0], (NOTICE_SNAPSHOTS_KEPT - 1) * sizeof(struct notices *));
    history->snapshots[0] = now;
    return true;
}
