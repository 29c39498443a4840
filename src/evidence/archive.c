#include "evidence/archive.h"

#include <errno.h>
#include <stdlib.h>

#include "base/encode.h"
#include "crypto/note.h"
#include "evidence/segment_internal.h"

enum { NAME_SIZE = 2 * SHA256_SIZE + 1 };

/* Is this what the digest stands for: a text, or a note of that text? */
static bool is_of(struct bytes data, const uint8_t digest[SHA256_SIZE])
{
    uint8_t found[SHA256_SIZE];
    struct note *note = NULL;
    sha256(data, found);
    if (memcmp(found, digest, sizeof found) == 0) {
        return true;
    }
    note = malloc(sizeof *note);
    bool is_note = note != NULL && note_parse(note, data, "archive", NULL);
    if (is_note) {
        sha256(note->text, found);
    }
    free(note);
    return is_note && memcmp(found, digest, sizeof found) == 0;
}

/* ERROR_ABSENT, ERROR_INPUT (damaged) or the disk's. Heap: the caller frees. */
static bool read_checked(struct disk *disk, const uint8_t digest[SHA256_SIZE], uint8_t **data, size_t *size, struct error *e)
{
    char name[NAME_SIZE];
    hex_write(bytes_of(digest, SHA256_SIZE), name);
    int fault = disk_read_whole(disk, name, ARCHIVE_BYTES_MAX, data, size);
    if (fault == ENOENT) {
        return error_set(e, ERROR_ABSENT, name, "look for it in a backup of the archive's folder", "the archive does not have it");
    }
    if (fault != 0) {
        return disk_error(e, fault, name, "check the disk of the archive's folder");
    }
    if (!is_of(bytes_of(*data, *size), digest)) {
        free(*data);
        *data = NULL;
        return error_set(e, ERROR_INPUT, name, "restore it from a copy of the archive's folder", "what is kept there has another digest");
    }
    return true;
}

static bool put(struct disk *disk, const uint8_t digest[SHA256_SIZE], struct bytes data, struct error *e)
{
    char name[NAME_SIZE];
    uint8_t *there = NULL;
    size_t size = 0;
    struct error why = { 0 };
    hex_write(bytes_of(digest, SHA256_SIZE), name);
    if (read_checked(disk, digest, &there, &size, &why)) {
        free(there);
        /* Its bytes were synced before it had this name; the name itself may not be, if that sync failed. */
        int unsynced = disk->functions->sync_folder(disk, "");
        return unsynced == 0 || disk_error(e, unsynced, name, "check the disk of the archive's folder");
    }
    if (data.size > ARCHIVE_BYTES_MAX) {
        return error_set(e, ERROR_FULL, name, NULL, "larger than the %d bytes that the archive takes", ARCHIVE_BYTES_MAX);
    }
    int fault = disk_replace(disk, name, data);
    return fault == 0 || disk_error(e, fault, name, "check the disk of the archive's folder");
}

bool archive_put_text(struct disk *disk, struct bytes text, uint8_t digest[SHA256_SIZE], struct error *e)
{
    uint8_t own[SHA256_SIZE];
    sha256(text, own);
    if (digest != NULL) {
        memcpy(digest, own, sizeof own);
    }
    return put(disk, own, text, e);
}

bool archive_put_note(struct disk *disk, struct bytes data, uint8_t digest[SHA256_SIZE], struct error *e)
{
    uint8_t own[SHA256_SIZE];
    struct note *note = malloc(sizeof *note);
    if (note == NULL) {
        return error_memory(e, "archive");
    }
    bool ok = note_parse(note, data, "archive", e);
    if (ok) {
        sha256(note->text, own);
        if (digest != NULL) {
            memcpy(digest, own, sizeof own);
        }
        ok = put(disk, own, data, e);
    }
    free(note);
    return ok;
}

bool archive_get(struct disk *disk, const uint8_t digest[SHA256_SIZE], struct buffer *out, struct error *e)
{
    uint8_t *data = NULL;
    size_t size = 0;
    if (!read_checked(disk, digest, &data, &size, e)) {
        return false;
    }
    bool fits = !out->failed && size <= out->size_max - out->size;
    if (fits) {
        buffer_append(out, bytes_of(data, size));
    }
    free(data);
    return fits ? !out->failed || error_memory(e, "archive")
                : error_set(e, ERROR_FULL, "archive", NULL, "what is kept there is larger than %zu bytes", out->size_max);
}
