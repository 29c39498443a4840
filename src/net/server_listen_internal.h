/* Listening sockets of server.c. */
#ifndef COMITY_NET_SERVER_LISTEN_INTERNAL_H
#define COMITY_NET_SERVER_LISTEN_INTERNAL_H

#include <sys/un.h>

#include "base/error.h"

struct listen_socket {
    int fd; /* non-blocking, listening */
    bool is_unix;
    uint16_t port;
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    uint64_t device, inode; /* of the path, to remove only our own */
};
/* "host:port" (port 0: any), "[v6]:port", "unix:/path": mode 0600; a socket that nobody listens at is replaced, a live one refused. */
must_check bool listen_open(struct listen_socket *out, const char *address, bool reuse_port, struct error *e);
/* Removes a unix socket's path if it still is this one's. The fd is closed, too. */
void listen_close(struct listen_socket *listen);

#endif
