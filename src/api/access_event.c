#include "api/access_event.h"

#include "consent/event_text.h"

enum { EVENT_BYTES_MAX = 4096 };

bool access_event_append(struct committer *committer, const struct access_event *event, struct error *e)
{
    struct buffer text;
    buffer_init(&text, EVENT_BYTES_MAX);
    event_text_append(&text, "comity-event", BYTES("access/1"));
    if (event->person.size > 0) {
        event_text_append(&text, "person", event->person);
    }
    event_text_append(&text, "by", event->by);
    event_text_append(&text, "role", event->role);
    event_text_append(&text, "member", event->member);
    event_text_append(&text, "operation", event->operation);
    if (event->method.size > 0) {
        event_text_append(&text, "method", event->method);
    }
    event_text_append_decimal(&text, "time", event->time_ms);
    bool ok = text.failed ? error_memory(e, "access event")
                          : committer_append(committer, RECORD_EVENT, buffer_bytes(&text), BYTES_NONE, NULL, e);
    buffer_wipe(&text);
    return ok;
}
