#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buffer_init(struct buffer *b, size_t size_max)
{
    *b = (struct buffer){ .size_max = size_max };
}

void buffer_clear(struct buffer *b)
{
    if (b->data != NULL) {
        explicit_bzero(b->data, b->size);
    }
    free(b->data);
    *b = (struct buffer){ .size_max = b->size_max };
}

void buffer_wipe(struct buffer *b)
{
    if (b->data != NULL) {
        explicit_bzero(b->data, b->capacity);
    }
    buffer_clear(b);
}

void buffer_reset(struct buffer *b)
{
    b->size = 0;
    b->failed = false;
}

uint8_t *buffer_room(struct buffer *b, size_t size)
{
    if (b->failed || size > b->size_max || b->size > b->size_max - size) {
        b->failed = true;
        return NULL;
    }
    size_t wanted = b->size + size;
    if (wanted > b->capacity || b->data == NULL) { /* room for no bytes is room too: NULL means failure */
        size_t capacity = b->capacity < 256 ? 256 : b->capacity;
        while (capacity < wanted) {
            capacity = capacity > b->size_max / 2 ? b->size_max : capacity * 2;
        }
        uint8_t *grown = realloc(b->data, capacity);
        if (grown == NULL) {
            b->failed = true;
            return NULL;
        }
        b->data = grown;
        b->capacity = capacity;
    }
    return b->data + b->size;
}

void buffer_added(struct buffer *b, size_t size)
{
    b->size += size;
}

void buffer_append(struct buffer *b, struct bytes view)
{
    if (view.size == 0) {
        return;
    }
    uint8_t *room = buffer_room(b, view.size);
    if (room != NULL) {
        memcpy(room, view.data, view.size);
        b->size += view.size;
    }
}

void buffer_append_text(struct buffer *b, const char *text)
{
    buffer_append(b, bytes_of_text(text));
}

static void append_number(struct buffer *b, uint64_t value, size_t size)
{
    uint8_t *room = buffer_room(b, size);
    if (room == NULL) {
        return;
    }
    for (size_t i = size; i > 0; i--) {
        room[i - 1] = (uint8_t)value;
        value >>= 8;
    }
    b->size += size;
}

void buffer_append_u8(struct buffer *b, uint8_t value)
{
    uint8_t *room = buffer_room(b, 1);
    if (room != NULL) {
        *room = value;
        b->size++;
    }
}

void buffer_append_u16(struct buffer *b, uint16_t value)
{
    append_number(b, value, 2);
}

void buffer_append_u32(struct buffer *b, uint32_t value)
{
    append_number(b, value, 4);
}

void buffer_append_u64(struct buffer *b, uint64_t value)
{
    append_number(b, value, 8);
}

void buffer_append_decimal(struct buffer *b, uint64_t value)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    buffer_append(b, bytes_of(digits + at, sizeof digits - at));
}

void buffer_append_format(struct buffer *b, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    /* One byte more than the text, for the NUL that vsnprintf writes and that is not counted. */
    uint8_t *room = size < 0 ? NULL : buffer_room(b, (size_t)size + 1);
    if (room == NULL) {
        b->failed = true;
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf((char *)room, (size_t)size + 1, format, arguments);
    va_end(arguments);
    b->size += (size_t)size;
}

void buffer_consume(struct buffer *b, size_t size)
{
    if (size >= b->size) {
        b->size = 0;
        return;
    }
    memmove(b->data, b->data + size, b->size - size);
    b->size -= size;
}
