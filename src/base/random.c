#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/encode.h"

static void (*replaced_fill)(void *context, void *out, size_t size);
static void *replaced_context;

/* A system call a salt would be two an exchange; a KiB drawn at once is one in a dozen. Every thread has room for it. What is handed out is wiped. */
static _Thread_local struct {
    uint8_t data[1024];
    size_t left;
} pool;

void random_replace(void (*fill)(void *context, void *out, size_t size), void *context)
{
    replaced_fill = fill;
    replaced_context = context;
}

static void from_kernel(uint8_t *out, size_t size)
{
    while (size > 0) {
        ssize_t got = getrandom(out, size, 0);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            perror("getrandom");
            abort();
        }
        out += got;
        size -= (size_t)got;
    }
}

void random_fill(void *out, size_t size)
{
    uint8_t *to = out;
    if (replaced_fill != NULL) {
        replaced_fill(replaced_context, out, size);
        return;
    }
    if (size > sizeof pool.data) {
        from_kernel(to, size);
        return;
    }
    if (pool.left < size) {
        from_kernel(pool.data, sizeof pool.data);
        pool.left = sizeof pool.data;
    }
    uint8_t *from = pool.data + sizeof pool.data - pool.left;
    memcpy(to, from, size);
    explicit_bzero(from, size);
    pool.left -= size;
}

void random_uuid(char out[UUID_TEXT_SIZE])
{
    uint8_t data[16];
    char hex[33];
    random_fill(data, sizeof data);
    data[6] = (uint8_t)((data[6] & 0x0F) | 0x40);
    data[8] = (uint8_t)((data[8] & 0x3F) | 0x80);
    hex_write(bytes_of(data, sizeof data), hex);
    (void)snprintf(out, UUID_TEXT_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}
