#include "net/message.h"

enum { FIELDS_FIRST = 16 }; /* a browser's or an X-Road client's request has 8 to 15 */

bool fields_add(struct fields *fields, struct arena *arena, struct bytes name, struct bytes value)
{
    if (fields->count == fields->capacity) {
        if (fields->capacity > SIZE_MAX / 4 / sizeof *fields->list) {
            return false;
        }
        size_t capacity = fields->capacity == 0 ? FIELDS_FIRST : fields->capacity * 2;
        struct field *list = arena_take(arena, capacity * sizeof *list);
        if (list == NULL) {
            return false;
        }
        if (fields->count > 0) {
            memcpy(list, fields->list, fields->count * sizeof *list);
        }
        fields->list = list;
        fields->capacity = capacity;
    }
    fields->list[fields->count++] = (struct field){ name, value };
    return true;
}

const struct field *fields_find(const struct fields *fields, struct bytes name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (bytes_equal_ignoring_case(fields->list[i].name, name)) {
            return &fields->list[i];
        }
    }
    return NULL;
}

const struct field *fields_find_last(const struct fields *fields, struct bytes name)
{
    for (size_t i = fields->count; i > 0; i--) {
        if (bytes_equal_ignoring_case(fields->list[i - 1].name, name)) {
            return &fields->list[i - 1];
        }
    }
    return NULL;
}

size_t fields_count(const struct fields *fields, struct bytes name)
{
    size_t count = 0;
    for (size_t i = 0; i < fields->count; i++) {
        count += bytes_equal_ignoring_case(fields->list[i].name, name);
    }
    return count;
}

struct net_limits net_limits_complete(struct net_limits limits)
{
    struct net_limits l = limits;
    l.head_bytes_max = l.head_bytes_max != 0 ? l.head_bytes_max : 32 * 1024;
    l.field_count_max = l.field_count_max != 0 ? l.field_count_max : 128;
    l.body.memory_bytes = l.body.memory_bytes != 0 ? l.body.memory_bytes : 64 * 1024;
    l.body.size_max = l.body.size_max != 0 ? l.body.size_max : UINT64_C(64) * 1024 * 1024;
    l.connections_max = l.connections_max != 0 ? l.connections_max : 10000;
    l.streams_max = l.streams_max != 0 ? l.streams_max : 256;
    l.idle_ms = l.idle_ms != 0 ? l.idle_ms : 60000;
    l.head_ms = l.head_ms != 0 ? l.head_ms : 10000;
    l.body_stall_ms = l.body_stall_ms != 0 ? l.body_stall_ms : 30000;
    l.write_stall_ms = l.write_stall_ms != 0 ? l.write_stall_ms : 30000;
    l.write_buffer_bytes = l.write_buffer_bytes != 0 ? l.write_buffer_bytes : 256 * 1024;
    l.connect_ms = l.connect_ms != 0 ? l.connect_ms : 30000;
    l.floods_max = l.floods_max != 0 ? l.floods_max : 1000;
    return l;
}
