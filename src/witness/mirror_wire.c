#include "witness/mirror_wire.h"

#include "base/encode.h"

bool mirror_upload_parse(struct bytes body, struct mirror_upload *out, size_t *size, struct error *e)
{
    struct reader r = { .left = body };
    *out = (struct mirror_upload){ .origin = reader_take(&r, reader_u16(&r)) };
    out->start = reader_u64(&r);
    out->end = reader_u64(&r);
    out->ticket = reader_take(&r, reader_u16(&r));
    if (r.failed) {
        return error_set(e, ERROR_INPUT, "add-entries", NULL, "the body ends before its entries");
    }
    if (out->origin.size == 0 || !bytes_are_utf8(out->origin)) {
        return error_set(e, ERROR_INPUT, "add-entries", NULL, "the origin is no text");
    }
    if (out->start > out->end) {
        return error_set(e, ERROR_INPUT, "add-entries", NULL, "it begins behind its end");
    }
    if (out->ticket.size > MIRROR_TICKET_BYTES_MAX) {
        return error_set(e, ERROR_INPUT, "add-entries", "send the ticket that was received", "the ticket is too large");
    }
    *size = body.size - r.left.size;
    return true;
}

void mirror_upload_write(struct buffer *out, const struct mirror_upload *upload)
{
    buffer_append_u16(out, (uint16_t)upload->origin.size);
    buffer_append(out, upload->origin);
    buffer_append_u64(out, upload->start);
    buffer_append_u64(out, upload->end);
    buffer_append_u16(out, (uint16_t)upload->ticket.size);
    buffer_append(out, upload->ticket);
}

size_t mirror_package_count(uint64_t start, uint64_t end)
{
    uint64_t left = TILE_WIDTH - start % TILE_WIDTH;
    return (size_t)(end - start < left ? end - start : left);
}

enum mirror_package_state mirror_package_parse(struct bytes body, uint64_t start, uint64_t end, struct mirror_package *out, size_t *size)
{
    struct reader r = { .left = body };
    out->start = start;
    out->count = mirror_package_count(start, end);
    for (size_t i = 0; i < out->count; i++) {
        uint16_t entry_size = reader_u16(&r);
        if (!r.failed && entry_size != SHA256_SIZE) {
            return MIRROR_PACKAGE_FOREIGN;
        }
        struct bytes entry = reader_take(&r, SHA256_SIZE);
        if (r.failed) {
            return MIRROR_PACKAGE_SHORT;
        }
        memcpy(out->entries[i], entry.data, SHA256_SIZE);
    }
    out->proof_count = reader_u8(&r);
    if (!r.failed && out->proof_count > MIRROR_PROOF_MAX) {
        return MIRROR_PACKAGE_FOREIGN;
    }
    struct bytes proof = reader_take(&r, out->proof_count * SHA256_SIZE);
    if (r.failed) {
        return MIRROR_PACKAGE_SHORT;
    }
    if (proof.size > 0) {
        memcpy(out->proof, proof.data, proof.size);
    }
    *size = body.size - r.left.size;
    return MIRROR_PACKAGE_GOOD;
}

void mirror_package_write(struct buffer *out, const struct mirror_package *package)
{
    for (size_t i = 0; i < package->count; i++) {
        buffer_append_u16(out, SHA256_SIZE);
        buffer_append(out, bytes_of(package->entries[i], SHA256_SIZE));
    }
    buffer_append_u8(out, (uint8_t)package->proof_count);
    buffer_append(out, bytes_of(package->proof, package->proof_count * SHA256_SIZE));
}

bool mirror_info_parse(struct bytes text, struct mirror_info *out)
{
    struct reader r = { .left = text };
    struct bytes size = reader_line(&r);
    struct bytes next = reader_line(&r);
    struct bytes ticket = reader_line(&r);
    return !r.failed && r.left.size == 0 && bytes_to_u64(size, &out->size) && bytes_to_u64(next, &out->next) &&
           base64_parse(ticket, out->ticket, sizeof out->ticket, &out->ticket_size);
}

void mirror_info_write(struct buffer *out, uint64_t size, uint64_t next, struct bytes ticket)
{
    buffer_append_decimal(out, size);
    buffer_append_u8(out, '\n');
    buffer_append_decimal(out, next);
    buffer_append_u8(out, '\n');
    base64_append(out, ticket);
    buffer_append_u8(out, '\n');
}
