/* One HTTP request to somebody else's server, by libcurl: keys of providers, webhooks. Blocks: on the thread pool. Any thread. */
#ifndef COMITY_API_FETCH_H
#define COMITY_API_FETCH_H

#include "base/buffer.h"
#include "base/error.h"

struct fetch {
    const char *url;
    const char *const *fields; /* "Name: value", ended by NULL; may be NULL */
    struct bytes body;         /* POST if `is_post` */
    bool is_post;
    /*
     * May it go to loopback, private and link-local addresses, and speak plain HTTP? Else whoever chooses the URL would make us ask our own
     * network's servers. The address is looked at when the connection is made, so a name that resolves anew does not pass.
     */
    bool allow_local;
    const char *trusted_path; /* PEM of who may have signed the server's certificate; NULL: the system's */
    uint32_t timeout_ms;      /* all together */
};
/* Once, before any other thread runs. */
must_check bool fetch_init(struct error *e);
/*
 * Redirects are not followed, proxies and .netrc not looked at. True when an answer came, whatever its status; up to `answer`'s maximum of
 * its body is appended (more is ERROR_FULL). ERROR_DENIED: the address or the URL's scheme is not allowed; ERROR_IO: no answer came.
 */
must_check bool fetch_run(const struct fetch *fetch, unsigned *status, struct buffer *answer, struct error *e);
/* Is it an address that only this machine or its own network has? Pure. `address` is a struct sockaddr. */
struct sockaddr;
bool fetch_is_local(const struct sockaddr *address);

#endif
