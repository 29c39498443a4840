#include "consent/import_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/random.h"

/*
 * All numbers are big-endian. "comity-import/1\n", u32 count, u32 size of the reference, the reference, u32 offset of each entry, the entries: u8 form, u32
 * size of the text, leaf, salt, the text as it differs from the reference. Of an erased one salt and text are zeros.
 */
static const char magic[] = "comity-import/1\n";
enum {
    MAGIC_SIZE = sizeof magic - 1,
    HEAD_SIZE = MAGIC_SIZE + 8,
    ENTRY_LEAF_AT = 5,
    ENTRY_HEAD_SIZE = ENTRY_LEAF_AT + SHA256_SIZE,
    ENTRY_TEXT_MAX = 65536,
    FORM_OPEN = 1,
    FORM_ERASED = 2,
    LINE_SAME = 1,
    LINE_OWN = 2,
    LINES_END = 0,
    FILE_BYTES_MAX = 1024 * 1024 * 1024,
};
static const char folder[] = "imports";

static bool fail_disk(struct error *e, int fault, const char *path)
{
    char text[128];
    return error_set(e,
                     fault == ENOENT   ? ERROR_ABSENT
                     : fault == ENOSPC ? ERROR_FULL
                                       : ERROR_IO,
                     path, "check the disk of the log's private folder", "%s", strerror_r(fault, text, sizeof text));
}

static bool fail_form(struct error *e, const char *path)
{
    return error_set(e, ERROR_INPUT, path, "restore the private folder from a backup",
                     "this is no batch of imported records, or is damaged");
}

static void path_of(const char *batch, char out[64])
{
    (void)snprintf(out, 64, "%s/%.*s", folder, IMPORT_BATCH_SIZE, batch);
}

/* ---- Texts, as they differ from the reference ---- */

/* What is one person's stays out of what all share. */
static bool is_personal(struct bytes line)
{
    static const struct bytes starts[] = { BYTES("id: "),       BYTES("person: "),   BYTES("born: "), BYTES("by_ref: "),
                                           BYTES("relation: "), BYTES("evidence: "), BYTES("prev") };
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        if (bytes_start_with(line, starts[i])) {
            return true;
        }
    }
    return false;
}

static void make_reference(struct bytes text, struct buffer *out)
{
    struct bytes line;
    while (text.size > 0 && bytes_split(&text, '\n', &line)) {
        if (!is_personal(line)) {
            buffer_append(out, line);
        }
        buffer_append_u8(out, '\n');
    }
}

/* Line by line: the same as the reference's at that place, or its own. */
static void write_text(struct bytes text, struct bytes reference, struct buffer *out)
{
    struct bytes line, other = BYTES_NONE;
    while (text.size > 0 && bytes_split(&text, '\n', &line)) {
        bool has_other = reference.size > 0 && bytes_split(&reference, '\n', &other);
        if (has_other && bytes_equal(line, other)) {
            buffer_append_u8(out, LINE_SAME);
        } else {
            buffer_append_u8(out, LINE_OWN);
            buffer_append(out, line);
            buffer_append_u8(out, '\n');
        }
    }
    buffer_append_u8(out, LINES_END);
}

static bool read_text(struct bytes packed, struct bytes reference, struct buffer *out)
{
    struct bytes line;
    for (;;) {
        uint8_t how = packed.size > 0 ? packed.data[0] : 0xff;
        packed = bytes_slice(packed, packed.size > 0 ? 1 : 0, packed.size);
        bool has_other = how != LINES_END && reference.size > 0 && bytes_split(&reference, '\n', &line);
        if (how == LINES_END) {
            return packed.size == 0 && !out->failed;
        }
        if ((how != LINE_SAME || !has_other) && (how != LINE_OWN || packed.size == 0 || !bytes_split(&packed, '\n', &line))) {
            return false;
        }
        buffer_append(out, line);
        buffer_append_u8(out, '\n');
    }
}

static void leaf_of(const uint8_t salt[IMPORT_SALT_SIZE], const uint8_t digest[SHA256_SIZE], uint8_t leaf[SHA256_SIZE])
{
    uint8_t both[IMPORT_SALT_SIZE + SHA256_SIZE];
    memcpy(both, salt, IMPORT_SALT_SIZE);
    memcpy(both + IMPORT_SALT_SIZE, digest, SHA256_SIZE);
    merkle_leaf(bytes_of(both, sizeof both), leaf);
}

/* ---- Writing ---- */

bool import_batch_begin(struct import_batch *batch, size_t count_max, struct error *e)
{
    uint8_t name[IMPORT_BATCH_SIZE / 2];
    *batch = (struct import_batch){ .room = count_max };
    random_fill(name, sizeof name);
    hex_write(bytes_of(name, sizeof name), batch->name);
    buffer_init(&batch->reference, IMPORT_REFERENCE_BYTES_MAX);
    buffer_init(&batch->entries, FILE_BYTES_MAX);
    batch->offsets = calloc(count_max, sizeof *batch->offsets);
    batch->leaves = calloc(count_max, sizeof *batch->leaves);
    batch->salts = calloc(count_max, sizeof *batch->salts);
    if (batch->offsets == NULL || batch->leaves == NULL || batch->salts == NULL) {
        import_batch_clear(batch);
        return error_memory(e, "import");
    }
    random_fill(batch->salts, count_max * sizeof *batch->salts);
    return true;
}

void import_batch_clear(struct import_batch *batch)
{
    buffer_wipe(&batch->reference);
    buffer_wipe(&batch->entries);
    free(batch->offsets);
    free(batch->leaves);
    if (batch->salts != NULL) {
        explicit_bzero(batch->salts, batch->room * sizeof *batch->salts);
        free(batch->salts);
    }
    *batch = (struct import_batch){ .count = 0 };
}

bool import_batch_add(struct import_batch *batch, struct bytes text, uint8_t digest[SHA256_SIZE], struct error *e)
{
    if (batch->count == batch->room) {
        return error_set(e, ERROR_FULL, "import", NULL, "more than %zu records in a batch", batch->room);
    }
    if (batch->count == 0) {
        make_reference(text, &batch->reference);
    }
    const uint8_t *salt = batch->salts[batch->count];
    size_t begin = batch->entries.size;
    batch->offsets[batch->count] = (uint32_t)begin;
    buffer_append_u8(&batch->entries, FORM_OPEN);
    buffer_append_u32(&batch->entries, 0);
    sha256(text, digest);
    leaf_of(salt, digest, batch->leaves[batch->count]);
    buffer_append(&batch->entries, bytes_of(batch->leaves[batch->count], SHA256_SIZE));
    buffer_append(&batch->entries, bytes_of(salt, IMPORT_SALT_SIZE));
    write_text(text, buffer_bytes(&batch->reference), &batch->entries);
    size_t size = batch->entries.size - begin - ENTRY_HEAD_SIZE - IMPORT_SALT_SIZE;
    if (batch->entries.failed || batch->reference.failed) {
        return error_memory(e, "import");
    }
    for (unsigned i = 0; i < 4; i++) {
        batch->entries.data[begin + 1 + i] = (uint8_t)(size >> (24 - 8 * i));
    }
    batch->count++;
    return true;
}

static int write_file(struct disk *disk, const char *path, struct bytes head, struct bytes entries)
{
    struct disk_file *file = NULL;
    int fault = disk->functions->open(disk, path, DISK_WRITE_NEW, &file);
    if (fault != 0) {
        return fault;
    }
    fault = disk->functions->write(disk, file, head, 0);
    fault = fault != 0 ? fault : disk->functions->write(disk, file, entries, head.size);
    fault = fault != 0 ? fault : disk->functions->sync(disk, file);
    int closed = disk->functions->close(disk, file);
    return fault != 0 ? fault : closed;
}

bool import_batch_write(struct import_batch *batch, struct disk *private, uint8_t root[SHA256_SIZE], struct error *e)
{
    struct buffer head;
    char path[64];
    buffer_init(&head, FILE_BYTES_MAX);
    path_of(batch->name, path);
    buffer_append(&head, bytes_of(magic, MAGIC_SIZE));
    buffer_append_u32(&head, (uint32_t)batch->count);
    buffer_append_u32(&head, (uint32_t)batch->reference.size);
    buffer_append(&head, buffer_bytes(&batch->reference));
    size_t begin = head.size + 4 * batch->count;
    for (size_t i = 0; i < batch->count; i++) {
        buffer_append_u32(&head, (uint32_t)(begin + batch->offsets[i]));
    }
    if (head.failed) {
        buffer_clear(&head);
        return error_memory(e, "import");
    }
    int fault = private->functions->make_folder(private, folder);
    fault = fault != 0 ? fault : write_file(private, path, buffer_bytes(&head), buffer_bytes(&batch->entries));
    fault = fault != 0 ? fault : private->functions->sync_folder(private, folder);
    fault = fault != 0 ? fault : private->functions->sync_folder(private, "");
    buffer_clear(&head);
    merkle_root((const uint8_t(*)[SHA256_SIZE])batch->leaves, batch->count, root);
    return fault == 0 || fail_disk(e, fault, path);
}

bool import_place(struct bytes id, char batch[IMPORT_BATCH_SIZE + 1], uint32_t *place)
{
    uint8_t raw[4];
    if (id.size != 2 + IMPORT_BATCH_SIZE + 8 || !bytes_start_with(id, BYTES("c-")) ||
        !hex_parse(bytes_slice(id, 2 + IMPORT_BATCH_SIZE, id.size), raw, sizeof raw)) {
        return false;
    }
    for (size_t i = 2; i < id.size; i++) {
        if (strchr("0123456789abcdef", id.data[i]) == NULL) {
            return false; /* it becomes the name of a file */
        }
    }
    memcpy(batch, id.data + 2, IMPORT_BATCH_SIZE);
    batch[IMPORT_BATCH_SIZE] = '\0';
    *place = (uint32_t)raw[0] << 24 | (uint32_t)raw[1] << 16 | (uint32_t)raw[2] << 8 | raw[3];
    return true;
}

/* ---- Reading one ---- */

struct head {
    uint32_t count, reference_size;
};

static int read_exactly(struct disk *disk, struct disk_file *file, void *data, size_t size, uint64_t offset)
{
    size_t got = 0;
    int fault = disk->functions->read(disk, file, data, size, offset, &got);
    return fault != 0 ? fault : got == size ? 0 : EBADMSG;
}

static bool parse_head(struct bytes raw, struct head *head)
{
    struct reader r = { .left = bytes_slice(raw, MAGIC_SIZE, raw.size) };
    head->count = reader_u32(&r);
    head->reference_size = reader_u32(&r);
    return !r.failed && bytes_start_with(raw, bytes_of(magic, MAGIC_SIZE)) && head->count <= IMPORT_RECORDS_MAX &&
           head->reference_size <= IMPORT_REFERENCE_BYTES_MAX;
}

/* An entry as it lies in the file. */
struct entry {
    uint64_t offset;
    uint8_t form;
    uint32_t size; /* behind the salt */
};

static int find_entry(struct disk *disk, struct disk_file *file, uint32_t place, struct head *head, struct entry *entry)
{
    uint8_t raw[HEAD_SIZE];
    int fault = read_exactly(disk, file, raw, HEAD_SIZE, 0);
    if (fault != 0 || !parse_head(bytes_of(raw, HEAD_SIZE), head)) {
        return fault != 0 ? fault : EBADMSG;
    }
    if (place >= head->count) {
        return ENOENT;
    }
    fault = read_exactly(disk, file, raw, 4, HEAD_SIZE + head->reference_size + 4 * (uint64_t)place);
    struct reader r = { .left = bytes_of(raw, 4) };
    entry->offset = reader_u32(&r);
    fault = fault != 0 ? fault : read_exactly(disk, file, raw, ENTRY_LEAF_AT, entry->offset);
    r = (struct reader){ .left = bytes_of(raw, ENTRY_LEAF_AT) };
    entry->form = reader_u8(&r);
    entry->size = reader_u32(&r);
    bool is_good = (entry->form == FORM_OPEN || entry->form == FORM_ERASED) && entry->size > 0 && entry->size <= ENTRY_TEXT_MAX;
    return fault != 0 ? fault : is_good ? 0 : EBADMSG;
}

static bool fail(struct error *e, int fault, const char *path)
{
    return fault == EBADMSG ? fail_form(e, path) : fail_disk(e, fault, path);
}

static int read_entry(struct disk *disk, struct disk_file *file, const struct head *head, const struct entry *entry,
                      struct buffer *reference, struct buffer *packed)
{
    uint8_t *room = buffer_room(reference, head->reference_size), *text = buffer_room(packed, entry->size);
    if ((room == NULL && head->reference_size > 0) || text == NULL) {
        return ENOMEM;
    }
    int fault = read_exactly(disk, file, room, head->reference_size, HEAD_SIZE);
    buffer_added(reference, head->reference_size);
    fault = fault != 0 ? fault : read_exactly(disk, file, text, entry->size, entry->offset + ENTRY_HEAD_SIZE + IMPORT_SALT_SIZE);
    buffer_added(packed, entry->size);
    return fault;
}

bool import_file_text(struct disk *private, const char *batch, uint32_t place, struct buffer *text, bool *is_erased, struct error *e)
{
    struct disk_file *file = NULL;
    struct buffer reference, packed;
    struct head head;
    struct entry entry;
    char path[64];
    path_of(batch, path);
    buffer_init(&reference, IMPORT_REFERENCE_BYTES_MAX);
    buffer_init(&packed, ENTRY_TEXT_MAX);
    int fault = private->functions->open(private, path, DISK_READ, &file);
    bool is_open = fault == 0;
    fault = fault != 0 ? fault : find_entry(private, file, place, &head, &entry);
    *is_erased = fault == 0 && entry.form == FORM_ERASED;
    if (fault == 0 && !*is_erased) {
        fault = read_entry(private, file, &head, &entry, &reference, &packed);
        if (fault == 0 && !read_text(buffer_bytes(&packed), buffer_bytes(&reference), text)) {
            fault = EBADMSG;
        }
    }
    if (is_open) {
        (void)private->functions->close(private, file); /* it was only read */
    }
    buffer_wipe(&reference);
    buffer_wipe(&packed);
    return fault == 0 || fail(e, fault, path);
}

/* ---- Erasing ---- */

/* Again and again the same, so that it can be done once more after a crash. */
static int erase_entry(struct disk *disk, struct disk_file *file, const struct entry *entry)
{
    struct buffer zeros;
    buffer_init(&zeros, ENTRY_TEXT_MAX + IMPORT_SALT_SIZE);
    size_t size = IMPORT_SALT_SIZE + entry->size;
    uint8_t *room = buffer_room(&zeros, size);
    if (room == NULL) {
        return ENOMEM;
    }
    memset(room, 0, size);
    buffer_added(&zeros, size);
    int fault = disk->functions->write(disk, file, bytes_of((uint8_t[]){ FORM_ERASED }, 1), entry->offset);
    fault = fault != 0 ? fault : disk->functions->write(disk, file, buffer_bytes(&zeros), entry->offset + ENTRY_HEAD_SIZE);
    fault = fault != 0 ? fault : disk->functions->sync(disk, file);
    buffer_clear(&zeros);
    return fault;
}

bool import_file_erase(struct disk *private, const char *batch, uint32_t place, struct error *e)
{
    struct disk_file *file = NULL;
    struct head head;
    struct entry entry;
    char path[64];
    path_of(batch, path);
    int fault = private->functions->open(private, path, DISK_READ, &file); /* one that is not there is not made */
    if (fault != 0) {
        return fail(e, fault, path);
    }
    (void)private->functions->close(private, file);
    fault = private->functions->open(private, path, DISK_WRITE, &file);
    if (fault != 0) {
        return fail(e, fault, path);
    }
    fault = find_entry(private, file, place, &head, &entry);
    fault = fault != 0 ? fault : erase_entry(private, file, &entry);
    int closed = private->functions->close(private, file);
    fault = fault != 0 ? fault : closed;
    return fault == 0 || fail(e, fault, path);
}

/* ---- A whole one ---- */

/* An entry of a file in memory. */
struct found {
    struct bytes reference, leaf, salt, packed;
    bool is_erased;
};

static bool find_at(const struct import_file *file, uint32_t place, struct found *out)
{
    struct head head;
    struct bytes raw = bytes_of(file->data, file->size);
    if (!parse_head(raw, &head) || place >= head.count || raw.size < HEAD_SIZE + head.reference_size + 4 * (size_t)head.count) {
        return false;
    }
    out->reference = bytes_slice(raw, HEAD_SIZE, HEAD_SIZE + head.reference_size);
    size_t table = HEAD_SIZE + head.reference_size + 4 * (size_t)place;
    struct reader r = { .left = bytes_slice(raw, table, table + 4) };
    uint32_t offset = reader_u32(&r);
    if (offset > raw.size) {
        return false;
    }
    r = (struct reader){ .left = bytes_slice(raw, offset, raw.size) };
    uint8_t form = reader_u8(&r);
    uint32_t size = reader_u32(&r);
    out->is_erased = form == FORM_ERASED;
    out->leaf = reader_take(&r, SHA256_SIZE);
    out->salt = reader_take(&r, IMPORT_SALT_SIZE);
    out->packed = reader_take(&r, size);
    return !r.failed && (form == FORM_OPEN || form == FORM_ERASED);
}

bool import_file_at(const struct import_file *file, uint32_t place, struct buffer *text, bool *is_erased, struct error *e)
{
    struct found found;
    if (!find_at(file, place, &found)) {
        return fail_form(e, folder);
    }
    *is_erased = found.is_erased;
    return found.is_erased || read_text(found.packed, found.reference, text) || fail_form(e, folder);
}

/* Each leaf, and that the record which it is of is still that record. */
static bool take_leaf(struct import_file *file, uint32_t place, struct buffer *text, struct error *e)
{
    struct found found;
    uint8_t digest[SHA256_SIZE], leaf[SHA256_SIZE];
    buffer_reset(text);
    if (!find_at(file, place, &found) || (!found.is_erased && !read_text(found.packed, found.reference, text))) {
        return fail_form(e, folder);
    }
    memcpy(file->leaves[place], found.leaf.data, SHA256_SIZE);
    if (found.is_erased) {
        return true;
    }
    sha256(buffer_bytes(text), digest);
    leaf_of(found.salt.data, digest, leaf);
    return memcmp(leaf, found.leaf.data, sizeof leaf) == 0 || fail_form(e, folder);
}

static bool make_leaves(struct import_file *file, struct error *e)
{
    struct buffer text;
    bool ok = true;
    buffer_init(&text, ENTRY_TEXT_MAX + IMPORT_REFERENCE_BYTES_MAX);
    for (uint32_t i = 0; ok && i < file->count; i++) {
        ok = take_leaf(file, i, &text, e);
    }
    buffer_wipe(&text);
    return ok;
}

bool import_file_read(struct import_file *file, struct disk *private, const char *batch, struct error *e)
{
    char path[64];
    struct head head;
    *file = (struct import_file){ .data = NULL };
    path_of(batch, path);
    int fault = disk_read_whole(private, path, FILE_BYTES_MAX, &file->data, &file->size);
    if (fault != 0) {
        return fail_disk(e, fault, path);
    }
    if (file->size < HEAD_SIZE || !parse_head(bytes_of(file->data, file->size), &head)) {
        import_file_clear(file);
        return fail_form(e, path);
    }
    file->count = head.count;
    file->leaves = calloc(file->count > 0 ? file->count : 1, sizeof *file->leaves);
    if (file->leaves == NULL || !make_leaves(file, e)) {
        bool is_memory = file->leaves == NULL;
        import_file_clear(file);
        return is_memory ? error_memory(e, "import") : false;
    }
    merkle_root((const uint8_t(*)[SHA256_SIZE])file->leaves, file->count, file->root);
    return true;
}

/* A node of the tree from its leaves. */
static bool read_node(void *context, unsigned level, uint64_t index, uint8_t out[SHA256_SIZE])
{
    const struct import_file *file = context;
    uint64_t first = index << level, count = UINT64_C(1) << level;
    if (first + count > file->count) {
        return false;
    }
    merkle_root((const uint8_t(*)[SHA256_SIZE])file->leaves + first, count, out);
    return true;
}

bool import_file_prove(const struct import_file *file, uint32_t place, uint8_t salt[IMPORT_SALT_SIZE], uint8_t (*path)[SHA256_SIZE],
                       size_t *path_count)
{
    struct found found;
    if (!find_at(file, place, &found) || found.is_erased) {
        return false;
    }
    memcpy(salt, found.salt.data, IMPORT_SALT_SIZE);
    return merkle_prove_inclusion(place, 0, file->count, read_node, (void *)(uintptr_t)file, path, path_count);
}

void import_file_clear(struct import_file *file)
{
    if (file->data != NULL) {
        explicit_bzero(file->data, file->size);
    }
    free(file->data);
    free(file->leaves);
    *file = (struct import_file){ .data = NULL };
}
