/* Records and segment headers as they lie on a disk: parsing stays inside, and what is good is what record_write() writes. */
#include <stdlib.h>

#include "evidence/record_internal.h"

static void check_good(struct bytes data, uint64_t chain, const struct record_view *view)
{
    uint8_t *again = calloc(1, view->size);
    struct log_record record = { .kind = view->entry.kind,
                                 .statement = view->entry.statement,
                                 .attachment = view->entry.attachment,
                                 .time_ms = view->entry.time_ms,
                                 .index = view->entry.index };
    if (again == NULL) {
        return;
    }
    memcpy(record.salt, view->entry.salt, SALT_SIZE);
    record_write(&record, view->batch, &chain, again);
    /* Padding is not looked at but by its checksum: it is zero in what we write. */
    size_t used = RECORD_HEADER_BYTES + record.statement.size + record.attachment.size;
    bool is_padded_by_zeros = true;
    for (size_t i = used; i < view->size; i++) {
        is_padded_by_zeros = is_padded_by_zeros && data.data[i] == 0;
    }
    if (view->size > data.size || (is_padded_by_zeros && (chain != view->chain || memcmp(again, data.data, view->size) != 0))) {
        abort();
    }
    free(again);
}

/* A fuzzer does not find a checksum: it is set right in a copy, so that what lies behind it is reached. */
static void with_checksum(const uint8_t *data, size_t size, uint64_t index)
{
    struct record_claim claim;
    struct record_view view;
    size_t needed;
    uint8_t *copy = malloc(size);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, data, size);
    if (record_peek(bytes_of(copy, size), &claim) && claim.size <= size && claim.index == index) {
        uint64_t checksum = record_checksum(bytes_of(copy, claim.size), 7);
        for (size_t i = 0; i < 8; i++) {
            copy[i] = (uint8_t)(checksum >> (56 - 8 * i));
        }
        /* A closed record has a second checksum of its own. */
        bool is_good = record_parse(bytes_of(copy, size), index, 7, &view, &needed) == RECORD_GOOD;
        if (!is_good && memcmp(copy + 8, "CmR1", 4) == 0) {
            abort();
        }
        if (is_good) {
            check_good(bytes_of(copy, size), 7, &view);
        }
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record_view view;
    struct segment_header header;
    size_t needed;
    if (record_parse(bytes_of(data, size), 0, 7, &view, &needed) == RECORD_GOOD) {
        check_good(bytes_of(data, size), 7, &view);
    }
    if (needed > RECORD_BYTES_MAX + RECORD_ALIGNMENT) {
        abort();
    }
    with_checksum(data, size, 0);
    if (segment_header_parse(bytes_of(data, size), &header)) {
        uint8_t again[SEGMENT_HEADER_BYTES];
        segment_header_write(&header, again);
        if (memcmp(again, data, sizeof again) != 0) {
            abort();
        }
    }
    return 0;
}
