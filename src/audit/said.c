#include "audit/said.h"

#include "base/encode.h"

/* Up to, without, `end`, which is taken too. */
static bool take_until(struct bytes *rest, struct bytes end, struct bytes *piece)
{
    const uint8_t *found = rest->size == 0 ? NULL : memmem(rest->data, rest->size, end.data, end.size);
    if (found == NULL) {
        return false;
    }
    size_t at = (size_t)(found - rest->data);
    *piece = bytes_slice(*rest, 0, at);
    *rest = bytes_slice(*rest, at + end.size, rest->size);
    return true;
}

static bool take(struct bytes *rest, struct bytes text)
{
    if (!bytes_start_with(*rest, text)) {
        return false;
    }
    *rest = bytes_slice(*rest, text.size, rest->size);
    return true;
}

static bool quoted(struct bytes *rest, struct bytes before, struct bytes *value)
{
    return take(rest, before) && take_until(rest, BYTES("\""), value);
}

static bool read_parameters(struct bytes rest, struct statement_parameters *out)
{
    struct bytes created, list;
    uint64_t seconds = 0;
    bool ok = take(&rest, BYTES("(")) && take_until(&rest, BYTES(")"), &list) && take(&rest, BYTES(";created=")) &&
              take_until(&rest, BYTES(";nonce=\""), &created) && take_until(&rest, BYTES("\""), &out->nonce) &&
              quoted(&rest, BYTES(";keyid=\""), &out->keyid) && quoted(&rest, BYTES(";alg=\""), &out->alg) &&
              quoted(&rest, BYTES(";tag=\""), &out->tag) && rest.size == 0 && created.size <= 15 && bytes_to_u64(created, &seconds);
    out->created_s = (int64_t)seconds;
    return ok;
}

static bool read_line(struct bytes line, struct statement_component *out)
{
    if (!take(&line, BYTES("\"")) || !take_until(&line, BYTES("\""), &out->name) || out->name.size == 0) {
        return false;
    }
    out->of_request = take(&line, BYTES(";req"));
    out->value = line;
    return take(&out->value, BYTES(": "));
}

static bool is_there(const struct said *said, const struct statement_component *component)
{
    for (size_t i = 0; i < said->count; i++) {
        const struct statement_component *other = &said->components[i];
        if (other->of_request == component->of_request && bytes_equal(other->name, component->name)) {
            return true;
        }
    }
    return false;
}

/* Written again from what was read, it must be the same bytes: so every byte was understood. */
static bool is_same_again(const struct said *said)
{
    struct buffer parameters, base;
    buffer_init(&parameters, STATEMENT_BYTES_MAX);
    buffer_init(&base, STATEMENT_BYTES_MAX);
    statement_write_parameters(&parameters, said->components, said->count, &said->parameters);
    statement_write(&base, said->components, said->count, buffer_bytes(&parameters));
    bool is_same = !parameters.failed && !base.failed && bytes_equal(buffer_bytes(&base), said->text);
    buffer_clear(&parameters);
    buffer_clear(&base);
    return is_same;
}

static bool read_all(struct said *out)
{
    struct bytes line, rest = out->text;
    while (take_until(&rest, BYTES("\n"), &line)) {
        struct statement_component *next = &out->components[out->count];
        if (out->count == STATEMENT_COMPONENTS_MAX || !read_line(line, next) || is_there(out, next)) {
            return false;
        }
        out->count++;
    }
    if (!take(&rest, BYTES("\"@signature-params\": ")) || !read_parameters(rest, &out->parameters) ||
        !bytes_equal(out->parameters.alg, BYTES("tlog-ed25519"))) {
        return false;
    }
    out->is_answer = bytes_equal(out->parameters.tag, BYTES("comity-answer/1"));
    return (out->is_answer || bytes_equal(out->parameters.tag, BYTES("comity-request/1"))) && is_same_again(out);
}

bool said_parse(struct bytes text, struct said *out, const char *where, struct error *e)
{
    *out = (struct said){ .text = text };
    return read_all(out) || error_set(e, ERROR_INPUT, where, NULL, "it is no signature base of a request or an answer between gateways");
}

struct bytes said_value(const struct said *said, const char *name, bool of_request)
{
    for (size_t i = 0; i < said->count; i++) {
        const struct statement_component *c = &said->components[i];
        if (c->of_request == of_request && bytes_equal(c->name, bytes_of_text(name))) {
            return c->value;
        }
    }
    return BYTES_NONE;
}

static bool hash_read(struct bytes text, uint8_t out[SHA256_SIZE])
{
    size_t size = 0;
    return text.size == BASE64_SIZE(SHA256_SIZE) && base64_parse(text, out, SHA256_SIZE, &size) && size == SHA256_SIZE;
}

bool said_digest(struct bytes text, uint8_t out[SHA256_SIZE])
{
    return take(&text, BYTES("sha-256=:")) && text.size == BASE64_SIZE(SHA256_SIZE) + 1 && text.data[text.size - 1] == ':' &&
           hash_read(bytes_slice(text, 0, text.size - 1), out);
}

bool said_directory(struct bytes text, struct bytes *community, uint64_t *serial, uint8_t digest[SHA256_SIZE])
{
    struct bytes number;
    return take_until(&text, BYTES(" "), community) && community->size > 0 && take_until(&text, BYTES(" "), &number) &&
           bytes_to_u64(number, serial) && said_digest(text, digest);
}

bool said_checkpoint(struct bytes text, uint64_t *size, uint8_t root[SHA256_SIZE])
{
    struct bytes number;
    *size = 0;
    memset(root, 0, SHA256_SIZE);
    if (bytes_equal(text, BYTES("none"))) {
        return true;
    }
    return take_until(&text, BYTES(" "), &number) && bytes_to_u64(number, size) && *size > 0 && hash_read(text, root);
}
