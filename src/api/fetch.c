#include "api/fetch.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/curl_functions.h"

enum { CONNECT_MS_MAX = 5000 };

bool fetch_init(struct error *e)
{
    return curl_functions_load(e) && (curl_functions.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK || error_memory(e, "libcurl"));
}

/* ---- Where it may go ---- */

/* RFC 6890's special-purpose IPv4 blocks, and multicast. */
static bool is_local4(uint32_t a)
{
    static const struct {
        uint32_t prefix;
        unsigned bits;
    } blocks[] = { { 0x00000000, 8 },  { 0x0a000000, 8 },  { 0x64400000, 10 }, { 0x7f000000, 8 }, { 0xa9fe0000, 16 }, { 0xac100000, 12 },
                   { 0xc0000000, 24 }, { 0xc0a80000, 16 }, { 0xc6120000, 15 }, { 0xe0000000, 4 }, { 0xf0000000, 4 } };
    for (size_t i = 0; i < COUNT_OF(blocks); i++) {
        if ((a ^ blocks[i].prefix) >> (32 - blocks[i].bits) == 0) {
            return true;
        }
    }
    return false;
}

static uint32_t read_u32(const uint8_t *data)
{
    struct reader r = { .left = { data, 4 } };
    return reader_u32(&r);
}

/* IPv4 addresses in IPv6's clothes count as what they are: mapped, NAT64 (RFC 6052), 6to4; Teredo is refused as a whole. */
static bool is_local6(const uint8_t a[16])
{
    static const uint8_t zero[16] = { 0 }, nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    if (memcmp(a, zero, 10) == 0 && ((a[10] == 0xff && a[11] == 0xff) || (a[10] == 0 && a[11] == 0))) {
        return is_local4(read_u32(a + 12)) || a[10] == 0;
    }
    if (memcmp(a, nat64, sizeof nat64) == 0) {
        return is_local4(read_u32(a + 12));
    }
    if (a[0] == 0x20 && a[1] == 0x02) {
        return is_local4(read_u32(a + 2));
    }
    bool is_global = (a[0] & 0xe0) == 0x20; /* 2000::/3 is all that is given out */
    return !is_global || (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0 && (a[3] & 0xfe) == 0);
}

bool fetch_is_local(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return is_local4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return is_local6(in6.sin6_addr.s6_addr);
    }
    return true; /* unix sockets and whatever else */
}

struct run {
    const struct fetch *fetch;
    struct buffer *answer;
    bool is_refused;
};

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct run *run = context;
    (void)purpose;
    if (!run->fetch->allow_local && fetch_is_local(&address->addr)) {
        run->is_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct run *run = context;
    buffer_append(run->answer, bytes_of(data, size * count));
    return run->answer->failed ? 0 : size * count;
}

/* ---- Running it ---- */

static bool set_up(CURL *curl, struct run *run, struct curl_slist *fields)
{
    const struct fetch *fetch = run->fetch;
    bool ok = curl_functions.easy_setopt(curl, CURLOPT_URL, fetch->url) == CURLE_OK &&
              curl_functions.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
              curl_functions.easy_setopt(curl, CURLOPT_PROTOCOLS_STR, fetch->allow_local ? "https,http" : "https") == CURLE_OK &&
              curl_functions.easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
              curl_functions.easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
              curl_functions.easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
              curl_functions.easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)fetch->timeout_ms) == CURLE_OK &&
              curl_functions.easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS_MAX) == CURLE_OK &&
              curl_functions.easy_setopt(curl, CURLOPT_USERAGENT, "comity/" COMITY_VERSION) == CURLE_OK &&
              curl_functions.easy_setopt(curl, CURLOPT_HTTPHEADER, fields) == CURLE_OK &&
              curl_functions.easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
              curl_functions.easy_setopt(curl, CURLOPT_OPENSOCKETDATA, run) == CURLE_OK &&
              curl_functions.easy_setopt(curl, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
              curl_functions.easy_setopt(curl, CURLOPT_WRITEDATA, run) == CURLE_OK;
    if (ok && fetch->trusted_path != NULL) {
        ok = curl_functions.easy_setopt(curl, CURLOPT_CAINFO, fetch->trusted_path) == CURLE_OK &&
             curl_functions.easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK;
    }
    if (ok && fetch->is_post) {
        ok = curl_functions.easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
             curl_functions.easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)fetch->body.size) == CURLE_OK &&
             curl_functions.easy_setopt(curl, CURLOPT_POSTFIELDS, fetch->body.data == NULL ? (const uint8_t *)"" : fetch->body.data) ==
                 CURLE_OK;
    }
    return ok;
}

bool fetch_run(const struct fetch *fetch, unsigned *status, struct buffer *answer, struct error *e)
{
    struct run run = { .fetch = fetch, .answer = answer };
    struct curl_slist *fields = NULL;
    long code = 0;
    bool ok = false;
    CURL *curl = curl_functions.easy_init();
    *status = 0;
    for (size_t i = 0; curl != NULL && fetch->fields != NULL && fetch->fields[i] != NULL; i++) {
        struct curl_slist *longer = curl_functions.slist_append(fields, fetch->fields[i]);
        if (longer == NULL) {
            goto memory;
        }
        fields = longer;
    }
    if (curl == NULL || !set_up(curl, &run, fields)) {
        goto memory;
    }
    CURLcode result = curl_functions.easy_perform(curl);
    if (run.is_refused) {
        error_set(e, ERROR_DENIED, "its server", "use a public address, or allow local ones in api.yaml",
                  "the address is one of our own network");
    } else if (result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_URL_MALFORMAT) {
        error_set(e, ERROR_DENIED, "its URL", "write an https URL", "%s", curl_functions.easy_strerror(result));
    } else if (answer->failed) {
        error_set(e, ERROR_FULL, "its server", NULL, "the answer is longer than %zu bytes", answer->size_max);
    } else if (result != CURLE_OK) {
        error_set(e, ERROR_IO, "its server", "check that it runs and its certificate", "%s", curl_functions.easy_strerror(result));
    } else {
        ok = curl_functions.easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code) == CURLE_OK && code > 0;
        *status = (unsigned)code;
    }
    goto done;
memory:
    error_memory(e, "fetch");
done:
    curl_functions.slist_free_all(fields);
    curl_functions.easy_cleanup(curl);
    return ok;
}
