/*
 * Bundles of evidence, with the checksum put right: what is parsed is what bundle_write_file() writes, byte for byte; what was verified can be
 * told; what is left out leaves a bundle. The seeds are good under this trust, so all behind a signature is reached as well.
 */
#include <stdlib.h>

#include "audit/redact.h"
#include "audit/story.h"
#include "base/encode.h"
#include "crypto/hash.h"

static const struct bytes trust_text = BYTES("community AURORA 1 AURORA/operator+9f03aadc+ATm6UT+AKYz+oKAGKq5DP4utmybyJfHkDg8Ggk7LkPKg\n"
                                             "community BAOBAB 1 BAOBAB/operator+f4a72b9b+ATMHvYTMN1r4glxnf5XpJts652Uy/QWAvHLzA60Ht0jl\n"
                                             "quorum none\n");

static void seal(struct buffer *file)
{
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    sha256(buffer_bytes(file), digest);
    hex_write(bytes_of(digest, sizeof digest), hex);
    buffer_append_format(file, "sha256 %s\n", hex);
}

static void check_written(const struct bundle *bundle, struct bytes file)
{
    struct buffer again;
    buffer_init(&again, BUNDLE_FILE_BYTES_MAX);
    bundle_write_file(bundle, &again);
    if (again.failed || !bytes_equal(buffer_bytes(&again), file)) {
        abort();
    }
    buffer_clear(&again);
}

static void check_redacted(struct bytes file, unsigned what)
{
    struct bundle bundle, left;
    struct arena arena = { 0 };
    struct refusal refusal = { 0 };
    struct error e;
    struct buffer again;
    buffer_init(&again, 2 * BUNDLE_FILE_BYTES_MAX);
    if (!bundle_init(&bundle, &e) || !bundle_init(&left, &e) || !bundle_parse_file(file, &bundle, &refusal)) {
        abort();
    }
    if (bundle_redact(&bundle, what, &arena, &e)) {
        bundle_write_file(&bundle, &again);
        if (!bundle_parse_file(buffer_bytes(&again), &left, &refusal)) {
            abort();
        }
    }
    buffer_clear(&again);
    bundle_clear(&bundle);
    bundle_clear(&left);
    arena_clear(&arena);
}

static void check_verdict(struct bytes file)
{
    static struct trust *trust;
    struct story story;
    struct refusal refusal;
    struct buffer told;
    if (trust == NULL && !trust_parse(&trust, trust_text, "fuzz", NULL)) {
        abort();
    }
    buffer_init(&told, 16 * 1024 * 1024);
    if (bundle_verify(file, trust, &story, &refusal)) {
        story_write(&story, trust, &told);
        json_t *json = story_json(&story, trust);
        if (told.size == 0) {
            abort();
        }
        json_decref(json);
    } else if (refusal.code == NULL || refusal.why.what[0] == '\0') {
        abort();
    }
    buffer_clear(&told);
    story_clear(&story);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle bundle;
    struct refusal refusal = { 0 };
    struct error e;
    struct buffer file;
    buffer_init(&file, size + 256);
    buffer_append(&file, bytes_of(data, size));
    seal(&file);
    if (!bundle_init(&bundle, &e)) {
        abort();
    }
    if (bundle_parse_file(buffer_bytes(&file), &bundle, &refusal)) {
        check_written(&bundle, buffer_bytes(&file));
        check_redacted(buffer_bytes(&file), (unsigned)(data[size - 1] ^ data[size / 2]) & 127U);
    }
    check_verdict(buffer_bytes(&file));
    bundle_clear(&bundle);
    buffer_clear(&file);
    return 0;
}
