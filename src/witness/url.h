/* Addresses of witnesses and of copies of logs: "http://HOST[:PORT][/PREFIX]" or https. Pure. */
#ifndef COMITY_WITNESS_URL_H
#define COMITY_WITNESS_URL_H

#include "base/error.h"

enum { URL_HOST_SIZE = 256, URL_PATH_SIZE = 1024 };

struct witness_url {
    bool is_tls;
    char host[URL_HOST_SIZE];           /* without brackets */
    char address[URL_HOST_SIZE + 16];   /* "host:port", "[::1]:port" */
    char authority[URL_HOST_SIZE + 16]; /* as it was written: for Host */
    char prefix[URL_PATH_SIZE];         /* "" or "/witness": no slash at its end */
};
/* ERROR_INPUT for everything else: another scheme, user names, a query or fragment, characters that have no place in a URL. */
must_check bool witness_url_parse(struct witness_url *out, struct bytes text, const char *where, struct error *e);

#endif
