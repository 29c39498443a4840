#include "evidence/record_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/*
 *   0  checksum   XXH3-64 of all that follows, seeded by the checksum of the record before
 *   8  magic      "CmR1"
 *  12  kind, flags (0), 2 bytes 0
 *  16  index
 *  24  batch
 *  32  time_ms
 *  40  statement size, attachment size (4 bytes each)
 *  48  salt
 *  80  statement, attachment, zeros up to a multiple of 8
 *
 * Closed, of which only the commitment is known:
 *   0  checksum   the one that the record had: seeds the next record's
 *   8  magic      "CmC1"
 *  12  kind, form, 2 bytes 0
 *  16  index, batch, time_ms
 *  40  size of the record, 4 bytes 0
 *  48  commitment
 *  80  XXH3-64 of the 80 bytes before, seeded by the checksum of the record before
 *  88  zeros
 */
enum { AT_MAGIC = 8, AT_KIND = 12, AT_FORM = 13, AT_INDEX = 16, AT_BATCH = 24, AT_TIME = 32, AT_SIZES = 40, AT_SALT = 48, AT_SEAL = 80 };

static const uint8_t record_magic[4] = { 'C', 'm', 'R', '1' };
static const uint8_t closed_magic[4] = { 'C', 'm', 'C', '1' };
static const uint8_t segment_magic[16] = "comity-records/1";

static void put_u64(uint8_t *out, uint64_t value)
{
    for (size_t i = 8; i > 0; i--) {
        out[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

static void put_u32(uint8_t *out, uint32_t value)
{
    for (size_t i = 4; i > 0; i--) {
        out[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t get_u64(const uint8_t *data)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++) {
        value = value << 8 | data[i];
    }
    return value;
}

static uint32_t get_u32(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static bool is_zero(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0) {
            return false;
        }
    }
    return true;
}

uint64_t record_chain_start(struct bytes origin)
{
    return XXH3_64bits(origin.data, origin.size);
}

void segment_header_write(const struct segment_header *header, uint8_t out[SEGMENT_HEADER_BYTES])
{
    memcpy(out, segment_magic, sizeof segment_magic);
    put_u64(out + 16, header->first);
    put_u64(out + 24, header->chain);
    put_u64(out + 32, header->origin_hash);
    put_u64(out + 40, header->capacity);
    put_u64(out + 48, header->previous_end);
    put_u64(out + 56, XXH3_64bits(out, 56));
}

bool segment_header_parse(struct bytes data, struct segment_header *out)
{
    if (data.size < SEGMENT_HEADER_BYTES || memcmp(data.data, segment_magic, sizeof segment_magic) != 0 ||
        get_u64(data.data + 56) != XXH3_64bits(data.data, 56)) {
        return false;
    }
    out->first = get_u64(data.data + 16);
    out->chain = get_u64(data.data + 24);
    out->origin_hash = get_u64(data.data + 32);
    out->capacity = get_u64(data.data + 40);
    out->previous_end = get_u64(data.data + 48);
    return true;
}

void segment_name(uint64_t first, char out[SEGMENT_NAME_SIZE])
{
    (void)snprintf(out, SEGMENT_NAME_SIZE, "%020llu.seg", (unsigned long long)first);
}

bool segment_name_parse(const char *name, uint64_t *first)
{
    char again[SEGMENT_NAME_SIZE];
    if (strlen(name) != SEGMENT_NAME_SIZE - 1) {
        return false;
    }
    *first = 0;
    for (size_t i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9') {
            return false;
        }
        *first = *first * 10 + (uint64_t)(name[i] - '0');
    }
    segment_name(*first, again); /* also refuses what overflowed, and another ending */
    return strcmp(again, name) == 0;
}

size_t record_bytes(size_t statement_size, size_t attachment_size)
{
    size_t size = RECORD_HEADER_BYTES + statement_size + attachment_size;
    return (size + RECORD_ALIGNMENT - 1) / RECORD_ALIGNMENT * RECORD_ALIGNMENT;
}

void record_write(const struct log_record *record, uint64_t batch, uint64_t *chain, uint8_t *out)
{
    size_t size = record_bytes(record->statement.size, record->attachment.size);
    size_t used = RECORD_HEADER_BYTES + record->statement.size + record->attachment.size;
    memcpy(out + AT_MAGIC, record_magic, sizeof record_magic);
    memset(out + AT_KIND, 0, 4);
    out[AT_KIND] = (uint8_t)record->kind;
    put_u64(out + AT_INDEX, record->index);
    put_u64(out + AT_BATCH, batch);
    put_u64(out + AT_TIME, (uint64_t)record->time_ms);
    put_u32(out + AT_SIZES, (uint32_t)record->statement.size);
    put_u32(out + AT_SIZES + 4, (uint32_t)record->attachment.size);
    memcpy(out + AT_SALT, record->salt, SALT_SIZE);
    if (record->statement.size > 0) {
        memcpy(out + RECORD_HEADER_BYTES, record->statement.data, record->statement.size);
    }
    if (record->attachment.size > 0) {
        memcpy(out + RECORD_HEADER_BYTES + record->statement.size, record->attachment.data, record->attachment.size);
    }
    memset(out + used, 0, size - used);
    *chain = XXH3_64bits_withSeed(out + 8, size - 8, *chain);
    put_u64(out, *chain);
}

static bool is_closed(struct bytes data)
{
    return memcmp(data.data + AT_MAGIC, closed_magic, sizeof closed_magic) == 0;
}

static bool has_closed_form(struct bytes data)
{
    uint8_t kind = data.data[AT_KIND], form = data.data[AT_FORM];
    size_t size = get_u32(data.data + AT_SIZES);
    bool is_erased = form == RECORD_ERASED && kind >= RECORD_REQUEST_SENT && kind <= RECORD_EVENT;
    return (is_erased || (form == RECORD_RECOVERED && kind == RECORD_NONE)) && is_zero(data.data + AT_FORM + 1, 2) &&
           size >= RECORD_CLOSED_BYTES && size <= RECORD_BYTES_MAX && size % RECORD_ALIGNMENT == 0 && is_zero(data.data + AT_SIZES + 4, 4);
}

static bool has_form(struct bytes data)
{
    if (is_closed(data)) {
        return has_closed_form(data);
    }
    return memcmp(data.data + AT_MAGIC, record_magic, sizeof record_magic) == 0 && is_zero(data.data + AT_KIND + 1, 3) &&
           data.data[AT_KIND] >= RECORD_REQUEST_SENT && data.data[AT_KIND] <= RECORD_EVENT &&
           get_u32(data.data + AT_SIZES) <= RECORD_STATEMENT_BYTES_MAX && get_u32(data.data + AT_SIZES + 4) <= RECORD_ATTACHMENT_BYTES_MAX;
}

/* The size on disk, by a header that has the form. */
static size_t size_of(struct bytes data)
{
    return is_closed(data) ? get_u32(data.data + AT_SIZES) : record_bytes(get_u32(data.data + AT_SIZES), get_u32(data.data + AT_SIZES + 4));
}

/* Writes the fields that a closed record's form gives; `out` has index, batch, time and the checksum it had. */
static void seal(enum record_form form, size_t size, const uint8_t commitment[SHA256_SIZE], uint64_t before, uint8_t *out)
{
    memcpy(out + AT_MAGIC, closed_magic, sizeof closed_magic);
    out[AT_FORM] = (uint8_t)form;
    memset(out + AT_FORM + 1, 0, 2);
    put_u32(out + AT_SIZES, (uint32_t)size);
    put_u32(out + AT_SIZES + 4, 0);
    memcpy(out + AT_SALT, commitment, SHA256_SIZE);
    put_u64(out + AT_SEAL, XXH3_64bits_withSeed(out, AT_SEAL, before));
    memset(out + RECORD_CLOSED_BYTES, 0, size - RECORD_CLOSED_BYTES);
}

bool record_erase(struct bytes record, const struct record_view *view, uint64_t before, uint8_t *out)
{
    uint8_t hash[SHA256_SIZE];
    if (view->size < RECORD_CLOSED_BYTES) {
        return false;
    }
    log_entry_commitment(&view->entry, hash);
    memmove(out, record.data, AT_SIZES);
    seal(RECORD_ERASED, view->size, hash, before, out);
    return true;
}

void record_write_recovered(uint64_t index, uint64_t batch, int64_t time_ms, const uint8_t commitment[SHA256_SIZE], uint64_t *chain,
                            uint8_t out[RECORD_CLOSED_BYTES])
{
    memset(out, 0, RECORD_CLOSED_BYTES);
    put_u64(out + AT_INDEX, index);
    put_u64(out + AT_BATCH, batch);
    put_u64(out + AT_TIME, (uint64_t)time_ms);
    /* It never had a checksum: what is there gives it one. */
    uint64_t made = XXH3_64bits_withSeed(commitment, SHA256_SIZE, *chain);
    put_u64(out, made);
    seal(RECORD_RECOVERED, RECORD_CLOSED_BYTES, commitment, *chain, out);
    *chain = made;
}

void record_write_replaced(const struct record_view *was, const uint8_t commitment[SHA256_SIZE], const uint64_t *after, uint64_t *chain,
                           uint8_t *out)
{
    memset(out, 0, was->size);
    put_u64(out + AT_INDEX, was->entry.index);
    put_u64(out + AT_BATCH, was->batch);
    put_u64(out + AT_TIME, (uint64_t)was->entry.time_ms);
    uint64_t made = after != NULL ? *after : XXH3_64bits_withSeed(commitment, SHA256_SIZE, *chain);
    put_u64(out, made);
    seal(RECORD_RECOVERED, was->size, commitment, *chain, out);
    *chain = made;
}

static enum record_state parse_closed(struct bytes data, uint64_t index, uint64_t chain, struct record_view *out)
{
    if (get_u64(data.data + AT_SEAL) != XXH3_64bits_withSeed(data.data, AT_SEAL, chain) ||
        !is_zero(data.data + RECORD_CLOSED_BYTES, data.size - RECORD_CLOSED_BYTES)) {
        return RECORD_DAMAGED;
    }
    *out = (struct record_view){ .batch = get_u64(data.data + AT_BATCH), .size = data.size, .chain = get_u64(data.data) };
    out->entry.index = index;
    out->entry.kind = (enum record_kind)data.data[AT_KIND];
    out->entry.form = (enum record_form)data.data[AT_FORM];
    out->entry.time_ms = (int64_t)get_u64(data.data + AT_TIME);
    memcpy(out->entry.commitment, data.data + AT_SALT, SHA256_SIZE);
    return RECORD_GOOD;
}

enum record_state record_parse(struct bytes data, uint64_t index, uint64_t chain, struct record_view *out, size_t *needed)
{
    *needed = RECORD_HEADER_BYTES;
    if (data.size < RECORD_HEADER_BYTES) {
        return RECORD_SHORT;
    }
    if (is_zero(data.data, RECORD_HEADER_BYTES)) {
        return RECORD_END;
    }
    if (!has_form(data) || get_u64(data.data + AT_INDEX) != index) {
        return RECORD_DAMAGED;
    }
    size_t size = size_of(data);
    *needed = size;
    if (data.size < size) {
        return RECORD_SHORT;
    }
    if (is_closed(data)) {
        return parse_closed(bytes_of(data.data, size), index, chain, out);
    }
    size_t statement_size = get_u32(data.data + AT_SIZES);
    size_t attachment_size = get_u32(data.data + AT_SIZES + 4);
    uint64_t checksum = record_checksum(bytes_of(data.data, size), chain);
    if (get_u64(data.data) != checksum) {
        return RECORD_DAMAGED;
    }
    *out = (struct record_view){ .batch = get_u64(data.data + AT_BATCH), .size = size, .chain = checksum };
    out->entry.index = index;
    out->entry.kind = (enum record_kind)data.data[AT_KIND];
    out->entry.time_ms = (int64_t)get_u64(data.data + AT_TIME);
    memcpy(out->entry.salt, data.data + AT_SALT, SALT_SIZE);
    out->entry.statement = bytes_of(data.data + RECORD_HEADER_BYTES, statement_size);
    out->entry.attachment = bytes_of(data.data + RECORD_HEADER_BYTES + statement_size, attachment_size);
    return RECORD_GOOD;
}

void log_entry_commitment(const struct log_entry *entry, uint8_t out[SHA256_SIZE])
{
    if (entry->form == RECORD_OPEN) {
        commitment(entry->salt, entry->statement, out);
    } else {
        memcpy(out, entry->commitment, SHA256_SIZE);
    }
}

bool record_peek(struct bytes data, struct record_claim *out)
{
    if (data.size < RECORD_HEADER_BYTES || !has_form(data)) {
        return false;
    }
    out->index = get_u64(data.data + AT_INDEX);
    out->batch = get_u64(data.data + AT_BATCH);
    out->chain = get_u64(data.data);
    out->size = size_of(data);
    return out->batch <= out->index;
}

uint64_t record_checksum(struct bytes data, uint64_t chain)
{
    return XXH3_64bits_withSeed(data.data + 8, data.size - 8, chain);
}
