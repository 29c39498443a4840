#include "net/body.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { GROWTH_BYTES_MIN = 512 };

/*
 * Bytes [0, spooled) are in `file`, the rest in `tail`, which never holds more than memory_bytes: so a peer that sends one byte at
 * a time costs one system call in memory_bytes, not one a byte. The hashes are made when the first bytes are spooled, and have seen
 * exactly those; a body that stays in memory is hashed in one go when its digest is asked for.
 */
struct body {
    struct body_limits limits;
    uint8_t *tail;
    size_t tail_size;
    size_t tail_capacity;
    uint64_t expected;
    uint64_t spooled;
    int file; /* -1: none */
    bool with_sha512;
    bool has_ended; /* a digest was taken */
    bool has_sha256;
    bool has_sha512;
    struct hash *hash256; /* only when spooled */
    struct hash *hash512;
    uint8_t sha256[SHA256_SIZE];
    uint8_t sha512[SHA512_SIZE];
};

struct body *body_make(const struct body_limits *limits, bool with_sha512)
{
    struct body *body = malloc(sizeof *body);
    if (body == NULL) {
        return NULL;
    }
    *body = (struct body){ .limits = *limits, .file = -1, .with_sha512 = with_sha512 };
    if (body->limits.memory_bytes == 0) {
        body->limits.memory_bytes = 64 * 1024;
    }
    if (body->limits.size_max == 0) {
        body->limits.size_max = UINT64_C(64) * 1024 * 1024;
    }
    if (body->limits.size_max > INT64_MAX) { /* what a file can hold */
        body->limits.size_max = INT64_MAX;
    }
    return body;
}

struct body *body_of(struct bytes data)
{
    size_t size = data.size == 0 ? 1 : data.size;
    struct body *body = body_make(&(struct body_limits){ .memory_bytes = size, .size_max = size }, true);
    if (body == NULL || data.size == 0) {
        return body;
    }
    body->tail = malloc(data.size);
    if (body->tail == NULL) {
        body_free(body);
        return NULL;
    }
    memcpy(body->tail, data.data, data.size);
    body->tail_size = body->tail_capacity = data.size;
    return body;
}

void body_free(struct body *body)
{
    if (body == NULL) {
        return;
    }
    hash_free(body->hash256);
    hash_free(body->hash512);
    if (body->file >= 0) {
        (void)close(body->file); /* unlinked: there is nothing to lose */
    }
    if (body->tail != NULL) {
        explicit_bzero(body->tail, body->tail_capacity); /* it spoke of a person */
    }
    free(body->tail);
    free(body);
}

void body_expect(struct body *body, uint64_t size)
{
    body->expected = size;
}

uint64_t body_size(const struct body *body)
{
    return body->spooled + body->tail_size;
}

/* A full disk is no ERROR_FULL here: that kind means that the sender broke size_max, and is answered in another way. */
static bool spool_failed(struct error *e, const char *folder)
{
    (void)error_system(e, folder, "free space for bodies, or choose another spool folder");
    if (e != NULL) {
        e->kind = ERROR_IO;
    }
    return false;
}

/* A file without a name: nobody else can open it, and it is gone when the process is. */
static bool spool_open(struct body *body, struct error *e)
{
    const char *folder = body->limits.spool_folder;
    if (folder == NULL || *folder == '\0') {
        folder = getenv("TMPDIR");
    }
    if (folder == NULL || *folder == '\0') {
        folder = "/var/tmp";
    }
    body->file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (body->file >= 0) {
        return true;
    }
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
        return spool_failed(e, folder);
    }
    /* Some network and overlay file systems have no O_TMPFILE. */
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/comity-body-XXXXXX", folder);
    if (size < 0 || (size_t)size >= sizeof path) {
        errno = ENAMETOOLONG;
        return spool_failed(e, folder);
    }
    int file = mkostemp(path, O_CLOEXEC);
    if (file < 0) {
        return spool_failed(e, folder);
    }
    if (unlink(path) != 0) {
        (void)spool_failed(e, folder);
        (void)close(file);
        return false;
    }
    body->file = file;
    return true;
}

/* Writes behind what is spooled. On failure nothing counts as written: the next write begins at the same place. */
static bool spool_write(struct body *body, struct bytes data, struct error *e)
{
    struct bytes left = data;
    uint64_t offset = body->spooled;
    while (left.size > 0) {
        ssize_t wrote = pwrite(body->file, left.data, left.size, (off_t)offset);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            errno = wrote == 0 ? ENOSPC : errno;
            return spool_failed(e, "body");
        }
        left = bytes_slice(left, (size_t)wrote, left.size);
        offset += (uint64_t)wrote;
    }
    hash_add(body->hash256, data);
    if (body->hash512 != NULL) {
        hash_add(body->hash512, data);
    }
    body->spooled = offset;
    return true;
}

static bool spool_start(struct body *body, struct error *e)
{
    if (body->hash256 == NULL) {
        body->hash256 = hash_make(HASH_SHA256);
    }
    if (body->hash512 == NULL && body->with_sha512) {
        body->hash512 = hash_make(HASH_SHA512);
    }
    if (body->hash256 == NULL || (body->hash512 == NULL && body->with_sha512)) {
        return error_memory(e, "body");
    }
    return body->file >= 0 || spool_open(body, e);
}

/* The tail becomes able to hold `size` bytes, at most memory_bytes. */
static bool tail_grow(struct body *body, size_t size, struct error *e)
{
    if (size <= body->tail_capacity) {
        return true;
    }
    size_t max = body->limits.memory_bytes;
    size_t capacity = body->tail_capacity > max / 2 ? max : body->tail_capacity * 2;
    if (body->tail_capacity == 0) {
        capacity = body->expected < max ? (size_t)body->expected : max;
        capacity = body->expected == 0 && max > GROWTH_BYTES_MIN ? GROWTH_BYTES_MIN : capacity;
    }
    if (capacity < size) {
        capacity = size;
    }
    uint8_t *grown = realloc(body->tail, capacity);
    if (grown == NULL) {
        return error_memory(e, "body");
    }
    body->tail = grown;
    body->tail_capacity = capacity;
    return true;
}

static bool tail_append(struct body *body, struct bytes data, struct error *e)
{
    if (!tail_grow(body, body->tail_size + data.size, e)) {
        return false;
    }
    memcpy(body->tail + body->tail_size, data.data, data.size);
    body->tail_size += data.size;
    return true;
}

bool body_append(struct body *body, struct bytes data, struct error *e)
{
    if (data.size == 0) {
        return true;
    }
    if (body->has_ended) {
        return error_set(e, ERROR_INPUT, "body", NULL, "it has ended: its digest was taken");
    }
    uint64_t size = body_size(body);
    if (data.size > body->limits.size_max || size > body->limits.size_max - data.size) {
        return error_set(e, ERROR_FULL, "body", "send less, or raise the limit on bodies", "larger than %llu bytes",
                         (unsigned long long)body->limits.size_max);
    }
    if (data.size <= body->limits.memory_bytes - body->tail_size) {
        return tail_append(body, data, e);
    }
    if (!spool_start(body, e)) {
        return false;
    }
    if (body->tail_size > 0) {
        if (!spool_write(body, bytes_of(body->tail, body->tail_size), e)) {
            return false;
        }
        body->tail_size = 0;
    }
    return data.size >= body->limits.memory_bytes ? spool_write(body, data, e) : tail_append(body, data, e);
}

const uint8_t *body_sha256(struct body *body)
{
    body->has_ended = true;
    if (!body->has_sha256) {
        struct bytes tail = { body->tail, body->tail_size };
        if (body->spooled == 0) {
            sha256(tail, body->sha256);
        } else {
            hash_add(body->hash256, tail);
            hash_end(body->hash256, body->sha256);
        }
        body->has_sha256 = true;
    }
    return body->sha256;
}

const uint8_t *body_sha512(struct body *body)
{
    if (!body->with_sha512) {
        return NULL;
    }
    body->has_ended = true;
    if (!body->has_sha512) {
        struct bytes tail = { body->tail, body->tail_size };
        if (body->spooled == 0) {
            sha512(tail, body->sha512);
        } else {
            hash_add(body->hash512, tail);
            hash_end(body->hash512, body->sha512);
        }
        body->has_sha512 = true;
    }
    return body->sha512;
}

bool body_read(const struct body *body, uint64_t offset, uint8_t *out, size_t size, size_t *got, struct error *e)
{
    *got = 0;
    while (*got < size && offset < body->spooled) {
        uint64_t left = body->spooled - offset;
        size_t wanted = size - *got < left ? size - *got : (size_t)left;
        ssize_t count = pread(body->file, out + *got, wanted, (off_t)offset);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            errno = count == 0 ? EIO : errno; /* nobody else can shorten it */
            return spool_failed(e, "body");
        }
        *got += (size_t)count;
        offset += (uint64_t)count;
    }
    if (*got < size && offset >= body->spooled && offset - body->spooled < body->tail_size) {
        size_t from = (size_t)(offset - body->spooled);
        size_t count = body->tail_size - from < size - *got ? body->tail_size - from : size - *got;
        memcpy(out + *got, body->tail + from, count);
        *got += count;
    }
    return true;
}

bool body_view(const struct body *body, struct bytes *out)
{
    *out = (struct bytes){ body->tail, body->tail_size };
    if (body->spooled > 0) {
        *out = BYTES_NONE;
        return false;
    }
    return true;
}
