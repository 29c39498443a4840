#include "gateway/config.h"

#include <arpa/inet.h>

bool size_parse(struct bytes text, uint64_t *size)
{
    static const struct {
        struct bytes unit;
        unsigned shift;
    } units[] = { { BYTES("KiB"), 10 }, { BYTES("MiB"), 20 }, { BYTES("GiB"), 30 }, { BYTES("B"), 0 }, { BYTES(""), 0 } };
    size_t digits = 0;
    uint64_t value;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') {
        digits++;
    }
    if (!bytes_to_u64(bytes_slice(text, 0, digits), &value)) {
        return false;
    }
    struct bytes unit = bytes_slice(text, digits, text.size);
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (bytes_equal(unit, units[i].unit)) {
            if (value > UINT64_MAX >> units[i].shift) {
                return false;
            }
            *size = value << units[i].shift;
            return true;
        }
    }
    return false;
}

/* A host as inet_pton() takes it: copied, because the text has no NUL. */
static bool host_parse(struct bytes host, bool is_v6, bool *is_loopback)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr v6;
    struct in_addr v4;
    if (host.size == 0 || host.size >= sizeof text) {
        return false;
    }
    memcpy(text, host.data, host.size);
    text[host.size] = '\0';
    if (strlen(text) != host.size) {
        return false;
    }
    if (is_v6) {
        *is_loopback = inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
        return inet_pton(AF_INET6, text, &v6) == 1;
    }
    if (inet_pton(AF_INET, text, &v4) != 1) {
        return false;
    }
    *is_loopback = ntohl(v4.s_addr) >> 24 == 127;
    return true;
}

bool address_parse(struct bytes text, bool *is_loopback)
{
    bool is_v6 = text.size > 0 && text.data[0] == '[', loopback = false;
    size_t end = bytes_find(text, is_v6 ? ']' : ':');
    struct bytes host = bytes_slice(text, is_v6 ? 1 : 0, end), port = bytes_slice(text, end + (is_v6 ? 1 : 0), text.size);
    uint64_t number;
    bool ok = port.size > 1 && port.data[0] == ':' && bytes_to_u64(bytes_slice(port, 1, port.size), &number) && number <= 65535 &&
              host_parse(host, is_v6, &loopback);
    if (ok && is_loopback != NULL) {
        *is_loopback = loopback;
    }
    return ok;
}
