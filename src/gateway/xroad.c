#include "gateway/xroad.h"

#include "base/encode.h"

static bool is_hex(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/* Bytes of a target: pchar, '/', '?', and a few that clients send bare though RFC 3986 says otherwise. */
static bool is_target_byte(uint8_t byte)
{
    return is_pchar(byte) || byte == '/' || byte == '?' || byte == '%' || byte == '[' || byte == ']' || byte == '|' || byte == '"' ||
           byte == '{' || byte == '}' || byte == '^' || byte == '`' || byte == '\\';
}

static bool check_bytes(struct bytes text, struct error *e)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_target_byte(text.data[i])) {
            return error_set(e, ERROR_INPUT, "request target", "percent-encode it", "byte 0x%02x may not stand in a target", text.data[i]);
        }
        if (text.data[i] == '%' && (text.size - i < 3 || !is_hex(text.data[i + 1]) || !is_hex(text.data[i + 2]))) {
            return error_set(e, ERROR_INPUT, "request target", "write % as %25", "'%%' without two hexadecimal digits");
        }
    }
    return true;
}

/* A segment that becomes "." or ".." only by decoding is there to be read differently by somebody. */
static bool has_hidden_dots(struct bytes path)
{
    struct bytes rest = path;
    struct bytes segment;
    while (bytes_split(&rest, '/', &segment)) {
        size_t dots = 0;
        size_t at = 0;
        bool is_hidden = false;
        while (at < segment.size) {
            if (segment.data[at] == '.') {
                at++;
            } else if (segment.size - at >= 3 && segment.data[at] == '%' && segment.data[at + 1] == '2' &&
                       (segment.data[at + 2] | 0x20) == 'e') {
                is_hidden = true;
                at += 3;
            } else {
                break;
            }
            dots++;
        }
        if (is_hidden && at == segment.size && dots <= 2) {
            return true;
        }
    }
    return false;
}

enum xroad_target_fault xroad_target_parse(struct bytes target, struct arena *arena, struct xroad_target *out, struct error *e)
{
    struct bytes path = bytes_slice(target, 0, bytes_find(target, '?'));
    *out = (struct xroad_target){ .has_query = path.size < target.size };
    if (!check_bytes(target, e)) {
        return XROAD_TARGET_UNREADABLE;
    }
    if (!bytes_start_with(path, BYTES("/r1/"))) {
        (void)error_set(e, ERROR_INPUT, "request target", "call /r1/{community}/{class}/{member}/{subsystem}/{service}",
                        "this is no REST call of version r1");
        return XROAD_TARGET_OTHER;
    }
    out->query = out->has_query ? bytes_slice(target, path.size + 1, target.size) : BYTES_NONE;
    struct bytes rest = bytes_slice(path, 4, path.size);
    size_t at = 0;
    size_t separators = 0;
    while (at < rest.size && (rest.data[at] != '/' || ++separators < 5)) {
        at++;
    }
    struct bytes id = bytes_slice(rest, 0, at);
    out->path = bytes_slice(rest, at, rest.size);
    if (has_hidden_dots(rest)) {
        (void)error_set(e, ERROR_INPUT, "request target", "write dot segments bare or leave them out", "an encoded dot segment");
        return XROAD_TARGET_UNREADABLE;
    }
    uint8_t *storage = arena_take(arena, id.size + 1);
    if (storage == NULL) {
        (void)error_memory(e, "request target");
        return XROAD_TARGET_MALFORMED;
    }
    return identifier_parse(id, 5, 5, storage, &out->service, e) ? XROAD_TARGET_FINE : XROAD_TARGET_MALFORMED;
}

static bool is_among(struct bytes text, const struct bytes *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_ignoring_case(text, list[i])) {
            return true;
        }
    }
    return false;
}

bool xroad_is_method(struct bytes method)
{
    static const struct bytes methods[] = { BYTES("GET"),   BYTES("POST"),    BYTES("PUT"),  BYTES("DELETE"),
                                            BYTES("PATCH"), BYTES("OPTIONS"), BYTES("HEAD"), BYTES("TRACE") };
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (bytes_equal(method, methods[i])) {
            return true;
        }
    }
    return false;
}

bool method_is_safe(struct bytes method)
{
    return bytes_equal(method, BYTES("GET")) || bytes_equal(method, BYTES("HEAD")) || bytes_equal(method, BYTES("OPTIONS")) ||
           bytes_equal(method, BYTES("TRACE"));
}

bool field_is_hop(struct bytes name)
{
    static const struct bytes names[] = {
        BYTES("Transfer-Encoding"),
        BYTES("Keep-Alive"),
        BYTES("Proxy-Authenticate"),
        BYTES("Proxy-Authorization"),
        BYTES("TE"),
        BYTES("Trailer"),
        BYTES("Upgrade"),
        BYTES("Connection"),
        BYTES("User-Agent"),
        BYTES("Host"),
        BYTES("Content-Length"),
        BYTES("Server"),
        BYTES("Expect"),
        BYTES("Proxy-Connection"),
        BYTES("HTTP2-Settings"),
    };
    return is_among(name, names, COUNT_OF(names));
}

bool field_is_named_by_connection(const struct fields *fields, struct bytes name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (!bytes_equal_ignoring_case(fields->list[i].name, BYTES("Connection"))) {
            continue;
        }
        struct bytes rest = fields->list[i].value;
        struct bytes option;
        while (bytes_split(&rest, ',', &option)) {
            if (bytes_equal_ignoring_case(bytes_trim(option), name)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_ours(struct bytes name)
{
    return bytes_equal_ignoring_case(bytes_slice(name, 0, 7), BYTES("Comity-"));
}

bool field_is_replaced_in_request(struct bytes name)
{
    return is_ours(name) || bytes_equal_ignoring_case(name, BYTES("X-Road-Request-Id")) ||
           bytes_equal_ignoring_case(name, BYTES("X-Road-Request-Hash"));
}

bool field_is_replaced_in_answer(struct bytes name)
{
    static const struct bytes names[] = {
        BYTES("X-Road-Id"),           BYTES("X-Road-Client"), BYTES("X-Road-Service"),         BYTES("X-Road-Request-Id"),
        BYTES("X-Road-Request-Hash"), BYTES("X-Road-Error"),  BYTES("X-Road-Security-Server"),
    };
    return is_ours(name) || is_among(name, names, COUNT_OF(names));
}

bool field_overrides(struct bytes name)
{
    static const struct bytes names[] = {
        BYTES("X-Original-URL"),     BYTES("X-Original-URI"),         BYTES("X-Rewrite-URL"),     BYTES("X-Override-URL"),
        BYTES("X-HTTP-Method"),      BYTES("X-HTTP-Method-Override"), BYTES("X-Method-Override"), BYTES("X-Forwarded-Uri"),
        BYTES("X-Forwarded-Prefix"), BYTES("X-Forwarded-Method"),
    };
    return is_among(name, names, COUNT_OF(names));
}

struct bytes fields_join(const struct field *fields, size_t count, struct bytes name, struct arena *arena)
{
    const struct field *only = NULL;
    size_t found = 0;
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_ignoring_case(fields[i].name, name)) {
            only = &fields[i];
            found++;
            size += fields[i].value.size + 2;
        }
    }
    if (found == 0) {
        return BYTES_NONE;
    }
    if (found == 1) {
        return only->value.data == NULL ? BYTES("") : only->value;
    }
    uint8_t *joined = arena_take(arena, size);
    if (joined == NULL) {
        return BYTES_NONE;
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_ignoring_case(fields[i].name, name)) {
            if (at > 0) {
                joined[at++] = ',';
                joined[at++] = ' ';
            }
            if (fields[i].value.size > 0) {
                memcpy(joined + at, fields[i].value.data, fields[i].value.size);
                at += fields[i].value.size;
            }
        }
    }
    return bytes_of(joined, at);
}

bool xroad_is_represented_party(struct bytes value)
{
    size_t slash = bytes_find(value, '/');
    struct bytes after = bytes_slice(value, slash + 1, value.size);
    if (slash == value.size) {
        return value.size > 0;
    }
    return slash > 0 && after.size > 0 && bytes_find(after, '/') == after.size;
}

static void head_line(struct buffer *out, struct bytes name, struct bytes value)
{
    buffer_append(out, name);
    buffer_append_u8(out, ':');
    buffer_append(out, value);
    buffer_append(out, BYTES("\r\n"));
}

void xroad_head_write(struct buffer *out, struct bytes method, struct bytes target, const struct field *fields, size_t count,
                      struct bytes request_id, struct bytes made_id)
{
    buffer_append(out, method);
    buffer_append(out, BYTES("\r\n"));
    buffer_append(out, target);
    buffer_append(out, BYTES("\r\n"));
    for (size_t i = 0; i < count; i++) {
        head_line(out, fields[i].name, fields[i].value);
    }
    head_line(out, BYTES("x-road-request-id"), request_id);
    if (made_id.size > 0) {
        head_line(out, BYTES("x-road-id"), made_id);
    }
}

void xroad_request_hash(const uint8_t head_sha512[SHA512_SIZE], const uint8_t *body_sha512, uint8_t out[XROAD_HASH_SIZE])
{
    uint8_t both[SHA512_SIZE];
    if (body_sha512 != NULL) {
        const struct bytes parts[] = { bytes_of(head_sha512, SHA512_SIZE), bytes_of(body_sha512, SHA512_SIZE) };
        sha512_parts(parts, COUNT_OF(parts), both);
        head_sha512 = both;
    }
    (void)base64_write(bytes_of(head_sha512, SHA512_SIZE), out);
}
