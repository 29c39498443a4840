/* A growing buffer with a maximum inside: it can fail, but it can't overrun or grow without end. */
#ifndef COMITY_BASE_BUFFER_H
#define COMITY_BASE_BUFFER_H

#include "base/bytes.h"

/* Owns `data` (heap). Failure sticks: after it nothing is appended, and the caller asks `failed` once at the end. */
struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t size_max;
    bool failed;
};

void buffer_init(struct buffer *b, size_t size_max);
/* Wipes what it holds and frees; the buffer may be used again, with the same maximum. */
void buffer_clear(struct buffer *b);
/* Frees after wiping all that was ever held: for secrets. */
void buffer_wipe(struct buffer *b);
/* Empties it and keeps the memory. */
void buffer_reset(struct buffer *b);

/* Room for `size` more bytes at the end, to be filled by the caller, who then calls buffer_added(). NULL on failure. */
uint8_t *buffer_room(struct buffer *b, size_t size);
void buffer_added(struct buffer *b, size_t size);

void buffer_append(struct buffer *b, struct bytes view);
void buffer_append_text(struct buffer *b, const char *text);
void buffer_append_u8(struct buffer *b, uint8_t value);
void buffer_append_u16(struct buffer *b, uint16_t value); /* big-endian, as are the next two */
void buffer_append_u32(struct buffer *b, uint32_t value);
void buffer_append_u64(struct buffer *b, uint64_t value);
void buffer_append_decimal(struct buffer *b, uint64_t value);
__attribute__((format(printf, 2, 3))) void buffer_append_format(struct buffer *b, const char *format, ...);
/* Takes `size` bytes off the front. */
void buffer_consume(struct buffer *b, size_t size);

static inline struct bytes buffer_bytes(const struct buffer *b)
{
    return (struct bytes){ b->data, b->size };
}

#endif
