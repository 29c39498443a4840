#include "witness/url.h"

#include <stdio.h>

static const char todo[] = "write it as https://HOST[:PORT]/PREFIX, or http://";

static bool is_url_byte(uint8_t c)
{
    return c > ' ' && c < 0x7F && c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' && c != '`' && c != '{' && c != '|' && c != '}';
}

/* Host and port of "host", "host:port", "[v6]" or "[v6]:port". */
static bool split_authority(struct bytes authority, struct bytes *host, struct bytes *port)
{
    size_t end = 0;
    *port = BYTES_NONE;
    if (authority.size > 0 && authority.data[0] == '[') {
        end = bytes_find(authority, ']') + 1;
        if (end > authority.size) {
            return false;
        }
        *host = bytes_slice(authority, 1, end - 1);
    } else {
        end = bytes_find(authority, ':');
        *host = bytes_slice(authority, 0, end);
    }
    if (end < authority.size) {
        uint64_t number = 0;
        *port = bytes_slice(authority, end + 1, authority.size);
        return authority.data[end] == ':' && bytes_to_u64(*port, &number) && number > 0 && number <= 65535;
    }
    return true;
}

bool witness_url_parse(struct witness_url *out, struct bytes text, const char *where, struct error *e)
{
    struct bytes host, port;
    *out = (struct witness_url){ .is_tls = bytes_start_with(text, BYTES("https://")) };
    if (!out->is_tls && !bytes_start_with(text, BYTES("http://"))) {
        return error_set(e, ERROR_INPUT, where, todo, "the address begins with neither https:// nor http://");
    }
    struct bytes rest = bytes_slice(text, out->is_tls ? 8 : 7, text.size);
    for (size_t i = 0; i < rest.size; i++) {
        if (!is_url_byte(rest.data[i]) || rest.data[i] == '?' || rest.data[i] == '#' || rest.data[i] == '@') {
            return error_set(e, ERROR_INPUT, where, todo, "the address has a user name, a query, or a character that has no place in it");
        }
    }
    size_t slash = bytes_find(rest, '/');
    struct bytes authority = bytes_slice(rest, 0, slash);
    struct bytes prefix = bytes_slice(rest, slash, rest.size);
    while (prefix.size > 0 && prefix.data[prefix.size - 1] == '/') {
        prefix.size--;
    }
    if (!split_authority(authority, &host, &port) || host.size == 0 || bytes_find(host, '[') < host.size) {
        return error_set(e, ERROR_INPUT, where, todo, "the address has no host, or a port that is none");
    }
    if (host.size >= sizeof out->host || prefix.size >= sizeof out->prefix) {
        return error_set(e, ERROR_INPUT, where, "shorten it", "the address is too long");
    }
    bool is_v6 = authority.data[0] == '[';
    port = port.size > 0 ? port : out->is_tls ? BYTES("443") : BYTES("80");
    (void)snprintf(out->host, sizeof out->host, "%.*s", BYTES_FMT(host));
    (void)snprintf(out->authority, sizeof out->authority, "%.*s", BYTES_FMT(authority));
    (void)snprintf(out->address, sizeof out->address, is_v6 ? "[%.*s]:%.*s" : "%.*s:%.*s", BYTES_FMT(host), BYTES_FMT(port));
    (void)snprintf(out->prefix, sizeof out->prefix, "%.*s", BYTES_FMT(prefix));
    return true;
}
