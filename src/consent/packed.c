#include "consent/packed_internal.h"

bool packed_is_open(enum consent_state state)
{
    return state == CONSENT_REQUESTED || state == CONSENT_DEFERRED || state == CONSENT_GIVEN || state == CONSENT_PAUSED;
}

void packed_write(const struct packed *list, size_t count, int64_t created_ms, struct buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buffer_append_u8(out, ',');
        }
        buffer_append_decimal(out, (uint64_t)list[i].category);
        buffer_append_u8(out, (uint8_t)('A' + list[i].state - CONSENT_REQUESTED));
        if (list[i].changed_ms != created_ms) {
            buffer_append_decimal(out, (uint64_t)list[i].changed_ms);
        }
    }
}

/* The digits at the front; at least one unless `may_be_absent`. */
static bool take_number(struct bytes *rest, bool may_be_absent, int64_t *out)
{
    uint64_t number;
    size_t size = 0;
    while (size < rest->size && rest->data[size] >= '0' && rest->data[size] <= '9') {
        size++;
    }
    if (size == 0) {
        return may_be_absent;
    }
    if (!bytes_to_u64(bytes_slice(*rest, 0, size), &number) || number > INT64_MAX) {
        return false;
    }
    *out = (int64_t)number;
    *rest = bytes_slice(*rest, size, rest->size);
    return true;
}

bool packed_read(struct bytes text, int64_t created_ms, struct packed *list, size_t *count)
{
    *count = 0;
    while (text.size > 0) {
        struct packed *read = &list[*count];
        if (*count == CONSENT_CATEGORIES_MAX || (*count > 0 && text.data[0] != ',')) {
            return false;
        }
        text = bytes_slice(text, *count > 0 ? 1 : 0, text.size);
        *read = (struct packed){ .changed_ms = created_ms };
        if (!take_number(&text, false, &read->category) || text.size == 0 || text.data[0] < 'A' ||
            text.data[0] > 'A' + CONSENT_INVALIDATED - CONSENT_REQUESTED) {
            return false;
        }
        read->state = (enum consent_state)(text.data[0] - 'A' + CONSENT_REQUESTED);
        text = bytes_slice(text, 1, text.size);
        if (!take_number(&text, true, &read->changed_ms)) {
            return false;
        }
        (*count)++;
    }
    return true;
}
