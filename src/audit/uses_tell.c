/* What a verified list says, in plain language and as JSON. */
#include <inttypes.h>

#include "audit/story.h"
#include "audit/uses_proof.h"
#include "base/time.h"
#include "consent/event_text.h"

static struct bytes line_of(struct bytes text, const char *name)
{
    struct bytes value;
    return event_text_get(text, name, &value) ? value : BYTES_NONE;
}

static int64_t time_of(struct bytes text)
{
    uint64_t number;
    struct bytes value = line_of(text, "time");
    return value.size > 0 && bytes_to_u64(value, &number) && number <= INT64_MAX ? (int64_t)number : 0;
}

static bool is_decision(struct bytes text)
{
    return bytes_start_with(text, BYTES("comity-event: decision/1\n"));
}

static bool is_access(struct bytes text)
{
    return bytes_start_with(text, BYTES("comity-event: access/1\n"));
}

/* How each kind is told: its name in JSON, its word for people, and the lines that say what it was and by whom. */
struct telling {
    const char *kind, *word, *what, *by;
};
static struct telling telling_of(struct bytes text)
{
    return is_decision(text) ? (struct telling){ "exchange", "request:", "verdict", "client" }
           : is_access(text) ? (struct telling){ "access", "looked at by staff:", "operation", "by" }
                             : (struct telling){ "consent", "consent:", "event", "recipient" };
}

static void append_line(struct buffer *out, const char *label, struct bytes value)
{
    if (value.size > 0) {
        buffer_append_format(out, "    %-9s ", label);
        story_append_clean(out, value);
        buffer_append_u8(out, '\n');
    }
}

static void append_answer(struct buffer *out, const struct uses_shown *use)
{
    struct said said;
    if (use->answer.size == 0 || !said_parse(use->answer, &said, "answer", NULL)) {
        append_line(out, "left",
                    bytes_equal(line_of(use->statement, "verdict"), BYTES("permit")) ? BYTES("not shown: what was permitted may have left")
                                                                                     : BYTES("nothing"));
        return;
    }
    struct bytes released = said_value(&said, "comity-released", false);
    append_line(out, "left", released.size > 0 ? released : BYTES("nothing"));
    append_line(out, "withheld", said_value(&said, "comity-withheld", false));
    append_line(out, "reason", said_value(&said, "comity-reason", false));
}

static void append_use(struct buffer *out, const struct uses_shown *use)
{
    char time[TIME_TEXT_SIZE];
    if (use->is_hidden) {
        buffer_append_format(out, "\nentry %" PRIu64 ": hidden; that it is about this person is all that is shown\n", use->entry);
        return;
    }
    struct telling telling = telling_of(use->statement);
    buffer_append_format(out, "\n%s  %s ", time_text(time_of(use->statement), time), telling.word);
    story_append_clean(out, line_of(use->statement, telling.what));
    buffer_append_format(out, ", entry %" PRIu64 "\n", use->entry);
    append_line(out, "by", line_of(use->statement, telling.by));
    append_line(out, "service", line_of(use->statement, "service"));
    append_line(out, "purpose", line_of(use->statement, "purpose"));
    append_line(out, "refused", line_of(use->statement, "reason"));
    if (is_decision(use->statement)) {
        append_answer(out, use);
    }
}

void uses_story_write(const struct uses_story *story, struct buffer *out)
{
    char time[TIME_TEXT_SIZE];
    buffer_append_text(out, "Proved: the log ");
    story_append_clean(out, bytes_of_text(story->key.name));
    buffer_append_format(out, " has %zu entries about ", story->count);
    story_append_clean(out, story->person);
    buffer_append_format(out, ",\nand these are all, among its entries %" PRIu64 " to %" PRIu64 ".\n", story->root.from,
                         story->root.covers == 0 ? 0 : story->root.covers - 1);
    buffer_append_format(out, "The log is bound to it by its entry %" PRIu64 ", by its own word at %s; ", story->root.entry,
                         time_text(story->root_ms, time));
    if (story->seen_s > 0 && story->seen_s < INT64_MAX / 1000) {
        buffer_append_format(out, "enough witnesses had seen it at %s.\n", time_text((int64_t)story->seen_s * 1000, time));
    } else {
        buffer_append_text(out, "no quorum of witnesses has cosigned it here.\n");
    }
    for (size_t i = 0; i < story->count; i++) {
        append_use(out, &story->uses[i]);
    }
}

static json_t *text(struct bytes view)
{
    return view.size == 0 ? json_null() : json_stringn((const char *)view.data, view.size);
}

json_t *uses_story_json(const struct uses_story *story)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < story->count; i++) {
        const struct uses_shown *use = &story->uses[i];
        bool has_answer = use->answer.size > 0;
        struct telling telling = telling_of(use->statement);
        json_t *row = json_pack("{s:I, s:b, s:s, s:o, s:o, s:o, s:o}", "entry", (json_int_t)use->entry, "hidden", use->is_hidden, "kind",
                                use->is_hidden ? "hidden" : telling.kind, "statement", text(use->statement), "answer", text(use->answer),
                                "answer_entry", has_answer ? json_integer((json_int_t)use->answer_entry) : json_null(), "verdict",
                                text(line_of(use->statement, telling.what)));
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:b, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o}", "ok", 1, "what", "uses", "log",
                     text(bytes_of_text(story->key.name)), "person", text(story->person), "from", (json_int_t)story->root.from, "covers",
                     (json_int_t)story->root.covers, "root_entry", (json_int_t)story->root.entry, "seen", (json_int_t)story->seen_s,
                     "cosignatures", (json_int_t)story->cosignature_count, "uses", list);
}
