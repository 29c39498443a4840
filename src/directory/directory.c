#include "directory/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "crypto/note.h"
#include "directory/directory_internal.h"

bool directory_parse(struct directory **out, struct bytes note, const struct verifier *operators, size_t operator_count, size_t threshold,
                     const char *where, struct error *e)
{
    bool ok = false;
    size_t good = 0;
    *out = NULL;
    if (threshold < 1 || threshold > operator_count) {
        return error_set(e, ERROR_INPUT, where, "set a threshold from 1 to the number of keys",
                         "%zu of %zu operators' signatures can't be asked for", threshold, operator_count);
    }
    if (note.size > DIRECTORY_BYTES_MAX) {
        return error_set(e, ERROR_INPUT, where, NULL, "a directory has at most %d bytes", DIRECTORY_BYTES_MAX);
    }
    struct note *parsed = malloc(sizeof *parsed);
    if (parsed == NULL) {
        return error_memory(e, where);
    }
    if (!note_parse(parsed, note, where, e) || !note_verify(parsed, operators, operator_count, &good, NULL, where, e)) {
        goto done;
    }
    if (good < threshold) {
        error_set(e, ERROR_DENIED, where, "have the operators sign it, or check whose keys are trusted",
                  "%zu of the trusted operators signed it, and %zu must", good, threshold);
        goto done;
    }
    ok = directory_parse_text(out, parsed->text, where, e);
done:
    free(parsed);
    return ok;
}

/* All of a file of at most DIRECTORY_BYTES_MAX bytes; the caller frees *data. */
static bool read_file(const char *path, uint8_t **data, size_t *size, struct error *e)
{
    struct stat state;
    bool ok = false;
    uint8_t *room = NULL;
    size_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &state) != 0) {
        error_system(e, path, "check the path, the file's owner and its mode");
        goto done;
    }
    if (!S_ISREG(state.st_mode) || state.st_size > DIRECTORY_BYTES_MAX) {
        error_set(e, ERROR_INPUT, path, "name a directory's note", "is not a file of at most %d bytes", DIRECTORY_BYTES_MAX);
        goto done;
    }
    room = malloc((size_t)state.st_size + 1);
    if (room == NULL) {
        error_memory(e, path);
        goto done;
    }
    while (got < (size_t)state.st_size) {
        ssize_t n = read(fd, room + got, (size_t)state.st_size - got);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            error_system(e, path, "check the disk");
            goto done;
        }
        if (n == 0) {
            break; /* it has shrunk meanwhile: the signature tells whether it is whole */
        }
        got += (size_t)n;
    }
    *data = room;
    *size = got;
    room = NULL;
    ok = true;
done:
    free(room);
    if (fd >= 0) {
        (void)close(fd); /* read only: nothing to lose */
    }
    return ok;
}

bool directory_load(struct directory **out, const char *path, const struct verifier *operators, size_t operator_count, size_t threshold,
                    struct error *e)
{
    uint8_t *data = NULL;
    size_t size = 0;
    *out = NULL;
    bool ok = read_file(path, &data, &size, e) && directory_parse(out, bytes_of(data, size), operators, operator_count, threshold, path, e);
    free(data);
    return ok;
}

void directory_free(struct directory *directory)
{
    if (directory != NULL) {
        arena_clear(&directory->memory);
        free(directory);
    }
}

bool directory_check_time(const struct directory *directory, int64_t now_ms, struct error *e)
{
    char when[TIME_TEXT_SIZE];
    if (now_ms < directory->valid_from_ms) {
        return error_set(e, ERROR_DENIED, "directory", "check this machine's clock, or wait", "the directory of %.*s is valid from %s on",
                         BYTES_FMT(directory->community), time_text(directory->valid_from_ms, when));
    }
    if (now_ms >= directory->valid_until_ms) {
        return error_set(e, ERROR_DENIED, "directory", "get the newest one from the community's operator",
                         "the directory of %.*s was valid until %s", BYTES_FMT(directory->community),
                         time_text(directory->valid_until_ms, when));
    }
    return true;
}

bool directory_check_newest(const struct directory *directory, const struct directory_seen *seen, struct error *e)
{
    if (directory->serial < seen->serial) {
        return error_set(e, ERROR_DENIED, "directory", "get the newest one from the community's operator",
                         "the directory of %.*s has serial %llu, older than the newest seen, %llu", BYTES_FMT(directory->community),
                         (unsigned long long)directory->serial, (unsigned long long)seen->serial);
    }
    if (directory->serial == seen->serial && memcmp(directory->digest, seen->digest, SHA256_SIZE) != 0) {
        return error_set(e, ERROR_DENIED, "directory", "ask the community's operator, who signed two texts under one serial",
                         "the directory of %.*s differs from the one seen under the same serial, %llu", BYTES_FMT(directory->community),
                         (unsigned long long)seen->serial);
    }
    return true;
}
