/* Texts of events and statements of answers, as the index of uses reads them from the log. */
#include <stdlib.h>

#include "consent/event_text.h"
#include "consent/uses_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read must be written back as it was, but for escapes that no writer makes. */
static void check_values(struct bytes text)
{
    struct bytes name, value;
    while (event_text_next(&text, &name, &value)) {
        struct arena arena = { 0 };
        struct buffer again;
        buffer_init(&again, 4 * value.size + 64);
        struct bytes plain = event_text_decode(&arena, value);
        event_text_append(&again, "x", plain);
        struct bytes rest = buffer_bytes(&again), found;
        if (plain.data == NULL || again.failed || !event_text_next(&rest, &name, &found) || rest.size != 0) {
            abort();
        }
        if (!bytes_equal(event_text_decode(&arena, found), plain)) {
            abort();
        }
        buffer_clear(&again);
        arena_clear(&arena);
    }
}

/* What is read whole must have been found by the quick look of the index. */
static void check_mark(const struct log_entry *entry, const struct use_row *row, struct arena *arena)
{
    struct use_mark mark;
    use_mark_read(entry, &mark);
    if (row->kind == USE_NONE) {
        return;
    }
    if (mark.kind != row->kind || !bytes_equal(event_text_decode(arena, mark.person), row->person)) {
        abort();
    }
    if (row->kind == USE_ANSWER ? memcmp(mark.decision, row->decision, SHA256_SIZE) != 0 : row->person.size == 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum record_kind kinds[] = { RECORD_DECISION, RECORD_EVENT, RECORD_ANSWER_SENT, RECORD_REQUEST_SENT };
    struct bytes text = bytes_of(data, size);
    check_values(text);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct log_entry entry = { .kind = kinds[i], .statement = text };
        struct arena arena = { 0 };
        struct use_row row;
        if (use_row_read(&entry, &arena, &row)) {
            check_mark(&entry, &row, &arena);
        }
        arena_clear(&arena);
    }
    return 0;
}
