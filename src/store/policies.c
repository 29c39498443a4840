#include "store/policies.h"

#include <stdio.h>

static bool read_version(const struct store_value *columns, struct policy_version *out)
{
    *out = (struct policy_version){
        .version = (uint64_t)columns[0].integer,
        .applied_at_ms = columns[2].integer,
        .file = columns[3].bytes,
        .text = columns[4].bytes,
    };
    if (columns[1].bytes.size != SHA256_SIZE) {
        return false;
    }
    memcpy(out->digest, columns[1].bytes.data, SHA256_SIZE);
    return true;
}

static bool fail_damaged(struct error *e, uint64_t version)
{
    char where[64];
    (void)snprintf(where, sizeof where, "policy version %llu", (unsigned long long)version);
    return error_set(e, ERROR_INPUT, where, "apply the policy again, and check the disk", "the stored text no longer has its digest");
}

struct current {
    struct policy_version *out;
    struct buffer *holder;
    size_t file_size;
    bool is_found, is_damaged;
};

static bool take_current(void *context, const struct store_value *columns, size_t count)
{
    struct current *current = context;
    (void)count;
    current->is_found = true;
    uint8_t digest[SHA256_SIZE];
    sha256(columns[4].bytes, digest);
    current->is_damaged = !read_version(columns, current->out) || memcmp(digest, current->out->digest, SHA256_SIZE) != 0;
    current->file_size = current->out->file.size;
    buffer_append(current->holder, current->out->file);
    buffer_append(current->holder, current->out->text);
    return false;
}

bool policy_store_current(struct store *store, struct policy_version *out, struct buffer *holder, struct error *e)
{
    static const char sql[] = "SELECT version, digest, applied_at, file, content FROM policies ORDER BY version DESC LIMIT 1";
    *out = (struct policy_version){ 0 };
    buffer_init(holder, POLICY_STORE_TEXT_MAX + 4096);
    struct current current = { .out = out, .holder = holder };
    if (!store_run(store, sql, NULL, 0, take_current, &current, NULL, e)) {
        return false;
    }
    if (!current.is_found) {
        return error_set(e, ERROR_ABSENT, "policy", "run comity apply FILE", "no policy was applied yet");
    }
    out->file = BYTES_NONE;
    out->text = BYTES_NONE; /* what it had were views of SQLite's */
    if (current.is_damaged) {
        return fail_damaged(e, out->version);
    }
    if (holder->failed) {
        return error_memory(e, "policy");
    }
    out->file = bytes_slice(buffer_bytes(holder), 0, current.file_size);
    out->text = bytes_slice(buffer_bytes(holder), current.file_size, holder->size);
    return true;
}

static bool insert(struct store *store, const struct policy_version *made, struct error *e)
{
    static const char sql[] = "INSERT INTO policies (version, digest, applied_at, file, content) VALUES (?1, ?2, ?3, ?4, ?5)";
    struct store_value values[] = { STORE_INT((int64_t)made->version), STORE_BIN(bytes_of(made->digest, SHA256_SIZE)),
                                    STORE_INT(made->applied_at_ms), STORE_STR(made->file), STORE_STR(made->text) };
    return store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

struct newest {
    uint64_t version;
    uint8_t digest[SHA256_SIZE];
};

static bool take_newest(void *context, const struct store_value *columns, size_t count)
{
    struct newest *newest = context;
    (void)count;
    newest->version = (uint64_t)columns[0].integer;
    if (columns[1].bytes.size == SHA256_SIZE) {
        memcpy(newest->digest, columns[1].bytes.data, SHA256_SIZE);
    }
    return false;
}

bool policy_store_put(struct store *store, struct bytes text, const char *file, int64_t applied_at_ms, uint64_t *version, bool *is_changed,
                      struct error *e)
{
    static const char sql[] = "SELECT version, digest FROM policies ORDER BY version DESC LIMIT 1";
    if (text.size > POLICY_STORE_TEXT_MAX) {
        return error_set(e, ERROR_INPUT, file, "split it", "the policy is larger than %d bytes", POLICY_STORE_TEXT_MAX);
    }
    if (!bytes_are_utf8(text) || bytes_find(text, 0) != text.size || strlen(file) > 4096) {
        return error_set(e, ERROR_INPUT, file, "save it as UTF-8 text", "the policy is not UTF-8 text");
    }
    struct policy_version made = { .applied_at_ms = applied_at_ms, .file = bytes_of_text(file), .text = text };
    sha256(text, made.digest);
    struct newest newest = { 0 };
    if (!store_begin(store, e)) {
        return false;
    }
    if (!store_run(store, sql, NULL, 0, take_newest, &newest, NULL, e)) {
        goto fail;
    }
    bool is_new = newest.version == 0 || memcmp(newest.digest, made.digest, SHA256_SIZE) != 0;
    made.version = is_new ? newest.version + 1 : newest.version;
    if (is_new && !insert(store, &made, e)) {
        goto fail;
    }
    if (!store_commit(store, e)) {
        return false;
    }
    if (version != NULL) {
        *version = made.version;
    }
    if (is_changed != NULL) {
        *is_changed = is_new;
    }
    return true;
fail:
    store_rollback(store);
    return false;
}

struct history {
    policy_store_each *each;
    void *context;
    uint64_t damaged;
};

static bool take_version(void *context, const struct store_value *columns, size_t count)
{
    struct history *history = context;
    struct policy_version version;
    (void)count;
    if (!read_version(columns, &version)) {
        history->damaged = version.version;
        return false;
    }
    return history->each(history->context, &version);
}

bool policy_store_history(struct store *store, policy_store_each *each, void *context, struct error *e)
{
    static const char sql[] = "SELECT version, digest, applied_at, file, content FROM policies ORDER BY version DESC";
    struct history history = { .each = each, .context = context };
    if (!store_run(store, sql, NULL, 0, take_version, &history, NULL, e)) {
        return false;
    }
    return history.damaged == 0 || fail_damaged(e, history.damaged);
}
