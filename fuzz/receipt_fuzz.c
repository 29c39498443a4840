/* receipt_parse(): what is taken is what receipt_write() writes, byte for byte; and receipt_verify() takes none of it. */
#include <stdlib.h>

#include "evidence/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct receipt receipt;
    struct verifier key;
    struct checkpoint_view view;
    struct error e;
    struct buffer again;
    if (!receipt_parse(bytes_of(data, size), &receipt, &e)) {
        return 0;
    }
    if (receipt.path_count > RECEIPT_PATH_MAX || receipt.checkpoint.size > size) {
        abort();
    }
    buffer_init(&again, RECEIPT_BYTES_MAX);
    receipt_write(&again, receipt.salt, receipt.index, (const uint8_t(*)[SHA256_SIZE])receipt.path, receipt.path_count, receipt.checkpoint);
    if (!bytes_equal(buffer_bytes(&again), bytes_of(data, size))) {
        abort();
    }
    buffer_clear(&again);
    if (!verifier_parse(&key, BYTES("log.example/comity-kat+81130afd+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"), "fuzz", &e)) {
        abort();
    }
    /* A seed's checkpoint is signed by this key, but no statement of ours is in that log. */
    if (receipt_verify(&receipt, BYTES("no such statement"), &key, NULL, &view, &e)) {
        abort();
    }
    return 0;
}
