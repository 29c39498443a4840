/* submission_parse(), the body of add-checkpoint: what is taken is what submission_write() writes, byte for byte. And witness_url_parse(). */
#include <stdlib.h>

#include "witness/submission.h"
#include "witness/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct submission s;
    struct witness_url url;
    struct error e = { 0 };
    struct buffer again;
    if (witness_url_parse(&url, bytes_of(data, size), "fuzz", &e) &&
        (url.host[0] == '\0' || url.address[0] == '\0' || (url.prefix[0] != '\0' && url.prefix[0] != '/'))) {
        abort();
    }
    if (!submission_parse(&s, bytes_of(data, size), &e)) {
        return 0;
    }
    if (s.path_count > SUBMISSION_PATH_MAX || s.old_size > s.view.size) {
        abort();
    }
    buffer_init(&again, size);
    submission_write(&again, s.old_size, (const uint8_t(*)[SHA256_SIZE])s.path, s.path_count, s.checkpoint);
    if (!bytes_equal(buffer_bytes(&again), bytes_of(data, size))) {
        abort();
    }
    buffer_clear(&again);
    return 0;
}
