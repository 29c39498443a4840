#include "evidence/receipt.h"

#include "base/encode.h"
#include "crypto/note.h"
#include "evidence/climb_internal.h"
#include "evidence/merkle.h"
#include "evidence/receipt_internal.h"

static const struct bytes first_line = BYTES("c2sp.org/tlog-proof@v1\n");
static const struct bytes extra_word = BYTES("extra ");
static const struct bytes index_word = BYTES("index ");

enum { INDEX_DIGITS_MAX = 20, HASH_LINE = BASE64_SIZE(SHA256_SIZE) + 1 };

size_t receipt_size_max(size_t path_count, size_t checkpoint_size)
{
    return first_line.size + extra_word.size + HASH_LINE + index_word.size + INDEX_DIGITS_MAX + 1 + path_count * HASH_LINE + 1 +
           checkpoint_size;
}

static uint8_t *put(uint8_t *at, struct bytes text)
{
    memcpy(at, text.data, text.size);
    return at + text.size;
}

static uint8_t *put_hash_line(uint8_t *at, const uint8_t hash[SHA256_SIZE])
{
    at += base64_write(bytes_of(hash, SHA256_SIZE), at);
    *at++ = '\n';
    return at;
}

static uint8_t *put_decimal(uint8_t *at, uint64_t value)
{
    uint8_t digits[INDEX_DIGITS_MAX];
    size_t first = sizeof digits;
    do {
        digits[--first] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return put(at, bytes_of(digits + first, sizeof digits - first));
}

size_t receipt_put(uint8_t *out, const uint8_t salt[SALT_SIZE], uint64_t index, const uint8_t (*path)[SHA256_SIZE], size_t path_count,
                   struct bytes checkpoint)
{
    uint8_t *at = put_hash_line(put(put(out, first_line), extra_word), salt);
    at = put_decimal(put(at, index_word), index);
    *at++ = '\n';
    for (size_t i = 0; i < path_count; i++) {
        at = put_hash_line(at, path[i]);
    }
    *at++ = '\n';
    at = checkpoint.size == 0 ? at : put(at, checkpoint);
    return (size_t)(at - out);
}

void receipt_write(struct buffer *out, const uint8_t salt[SALT_SIZE], uint64_t index, const uint8_t (*path)[SHA256_SIZE], size_t path_count,
                   struct bytes checkpoint)
{
    uint8_t *room = buffer_room(out, receipt_size_max(path_count, checkpoint.size));
    if (room != NULL) {
        buffer_added(out, receipt_put(room, salt, index, path, path_count, checkpoint));
    }
}

bool hash_parse(struct bytes text, uint8_t out[SHA256_SIZE])
{
    size_t size = 0;
    return text.size == BASE64_SIZE(SHA256_SIZE) && base64_parse(text, out, SHA256_SIZE, &size) && size == SHA256_SIZE;
}

static bool after(struct bytes line, const char *word, struct bytes *rest)
{
    struct bytes prefix = bytes_of_text(word);
    *rest = bytes_slice(line, prefix.size, line.size);
    return bytes_start_with(line, prefix);
}

bool receipt_parse(struct bytes text, struct receipt *out, struct error *e)
{
    struct reader r = { .left = text };
    struct bytes word;
    out->path_count = 0;
    if (text.size > RECEIPT_BYTES_MAX) {
        return error_set(e, ERROR_INPUT, "receipt", NULL, "it has %zu bytes, more than %d", text.size, RECEIPT_BYTES_MAX);
    }
    if (!bytes_start_with(text, first_line)) {
        return error_set(e, ERROR_INPUT, "receipt", "send a C2SP tlog-proof", "it does not begin with c2sp.org/tlog-proof@v1");
    }
    (void)reader_line(&r);
    if (!after(reader_line(&r), "extra ", &word) || !hash_parse(word, out->salt)) {
        return error_set(e, ERROR_INPUT, "receipt", "put the salt, 32 bytes in base64, into the extra line", "it has no salt");
    }
    if (!after(reader_line(&r), "index ", &word) || !bytes_to_u64(word, &out->index)) {
        return error_set(e, ERROR_INPUT, "receipt", NULL, "the index line is not \"index\" and a decimal number");
    }
    for (;;) {
        struct bytes line = reader_line(&r);
        if (r.failed) {
            return error_set(e, ERROR_INPUT, "receipt", NULL, "it ends before the checkpoint");
        }
        if (line.size == 0) {
            break;
        }
        if (out->path_count == RECEIPT_PATH_MAX || !hash_parse(line, out->path[out->path_count])) {
            return error_set(e, ERROR_INPUT, "receipt", NULL, "line %zu of the path is not a hash in base64, or is one too many",
                             out->path_count + 1);
        }
        out->path_count++;
    }
    out->checkpoint = r.left;
    return true;
}

void commitment(const uint8_t salt[SALT_SIZE], struct bytes statement, uint8_t out[SHA256_SIZE])
{
    const struct bytes parts[] = { bytes_of(salt, SALT_SIZE), statement };
    sha256_parts(parts, COUNT_OF(parts), out);
}

/* The checkpoint of a receipt, its signature verified, perhaps from the cache. */
static bool verify_checkpoint(struct bytes data, const struct verifier *key, struct checkpoint_view *out, struct error *e)
{
    struct note note;
    size_t good = 0;
    if (!note_parse(&note, data, "checkpoint", e) || !checkpoint_parse(note.text, out, "checkpoint", e)) {
        return false;
    }
    if (!bytes_equal(out->origin, bytes_of_text(key->name))) {
        return error_set(e, ERROR_DENIED, "checkpoint", "send a receipt of the log that the directory names", "it is of another log");
    }
    if (!note_verify(&note, key, 1, &good, NULL, "checkpoint", e)) {
        if (e != NULL) {
            e->kind = ERROR_DENIED;
        }
        return false;
    }
    return good > 0 || error_set(e, ERROR_DENIED, "checkpoint", "send a checkpoint signed by the log's key in the directory",
                                 "the log's key did not sign it");
}

static bool find_checkpoint(struct checkpoint_cache *cache, struct bytes data, const struct verifier *key, struct checkpoint_view *out)
{
    if (!checkpoint_cache_find(cache, data, key, &out->size, out->root)) {
        return false;
    }
    out->origin = bytes_slice(data, 0, strlen(key->name)); /* a checkpoint begins with its origin, which is the key's name */
    return true;
}

static bool verified_checkpoint(struct bytes data, const struct verifier *key, struct checkpoint_cache *cache, struct checkpoint_view *out,
                                struct error *e)
{
    if (cache == NULL) {
        return verify_checkpoint(data, key, out, e);
    }
    if (find_checkpoint(cache, data, key, out)) {
        return true;
    }
    checkpoint_cache_begin(cache, data);
    bool ok = find_checkpoint(cache, data, key, out);
    if (!ok && verify_checkpoint(data, key, out, e)) {
        checkpoint_cache_add(cache, data, key, out->size, out->root);
        ok = true;
    }
    checkpoint_cache_end(cache, data);
    return ok;
}

bool receipt_verify(const struct receipt *receipt, struct bytes statement, const struct verifier *log_key, struct checkpoint_cache *cache,
                    struct checkpoint_view *out, struct error *e)
{
    uint8_t hash[SHA256_SIZE];
    if (!verified_checkpoint(receipt->checkpoint, log_key, cache, out, e)) {
        return false;
    }
    commitment(receipt->salt, statement, hash);
    merkle_leaf(bytes_of(hash, sizeof hash), hash);
    if (!climb_verify_inclusion(receipt->index, out->size, hash, receipt->path, receipt->path_count, out->root)) {
        return error_set(e, ERROR_DENIED, "receipt", "send the receipt of this very statement",
                         "its path does not lead to the checkpoint's root");
    }
    return true;
}
