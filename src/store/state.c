#include "store/state.h"

bool state_set_text(struct store *store, const char *name, struct bytes value, struct error *e)
{
    static const char sql[] = "INSERT INTO state (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
    struct store_value values[] = { STORE_STR(bytes_of_text(name)), STORE_STR(value) };
    return store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

bool state_set_u64(struct store *store, const char *name, uint64_t value, struct error *e)
{
    struct buffer text;
    buffer_init(&text, 32);
    buffer_append_decimal(&text, value);
    bool ok = text.failed ? error_memory(e, name) : state_set_text(store, name, buffer_bytes(&text), e);
    buffer_clear(&text);
    return ok;
}

struct found {
    struct buffer *out;
    bool is_found;
};

static bool take_value(void *context, const struct store_value *columns, size_t count)
{
    struct found *found = context;
    (void)count;
    buffer_append(found->out, columns[0].bytes);
    found->is_found = true;
    return false;
}

bool state_get_text(struct store *store, const char *name, struct buffer *out, struct error *e)
{
    static const char sql[] = "SELECT value FROM state WHERE name = ?1";
    struct store_value values[] = { STORE_STR(bytes_of_text(name)) };
    struct found found = { .out = out };
    if (!store_run(store, sql, values, COUNT_OF(values), take_value, &found, NULL, e)) {
        return false;
    }
    if (!found.is_found) {
        return error_set(e, ERROR_ABSENT, name, NULL, "this was never stored");
    }
    return !out->failed || error_memory(e, name);
}

bool state_get_u64(struct store *store, const char *name, uint64_t *out, struct error *e)
{
    struct buffer text;
    buffer_init(&text, 256);
    bool ok = state_get_text(store, name, &text, e);
    if (ok && !bytes_to_u64(buffer_bytes(&text), out)) {
        ok = error_set(e, ERROR_INPUT, name, "restore the database from a backup", "the stored value is no number");
    }
    buffer_clear(&text);
    return ok;
}
