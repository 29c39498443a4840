#include "net/server_listen_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

static bool system_failed(struct error *e, const char *address, const char *todo, int fd)
{
    (void)error_system(e, address, todo);
    if (fd >= 0) {
        (void)close(fd); /* never used */
    }
    return false;
}

static bool find_address(const char *address, struct addrinfo **found, struct error *e)
{
    struct bytes text = bytes_of_text(address);
    size_t colon = text.size;
    while (colon > 0 && text.data[colon - 1] != ':') {
        colon--;
    }
    struct bytes host = bytes_slice(text, 0, colon == 0 ? 0 : colon - 1), port = bytes_slice(text, colon, text.size);
    if (bytes_start_with(host, BYTES("[")) && bytes_end_with(host, BYTES("]"))) {
        host = bytes_slice(host, 1, host.size - 1);
    }
    uint64_t number = 0;
    char name[256], service[8];
    if (host.size == 0 || host.size >= sizeof name || !bytes_to_u64(port, &number) || number > UINT16_MAX) {
        return error_set(e, ERROR_INPUT, address, "write host:port, [v6]:port or unix:/path", "not an address to listen at");
    }
    (void)snprintf(name, sizeof name, "%.*s", BYTES_FMT(host));
    (void)snprintf(service, sizeof service, "%u", (unsigned)number);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    int failed = getaddrinfo(name, service, &hints, found);
    if (failed != 0) {
        return error_set(e, ERROR_INPUT, address, "give an address of this machine", "%s", gai_strerror(failed));
    }
    return true;
}

static bool open_tcp(struct listen_socket *out, const char *address, bool reuse_port, struct error *e)
{
    struct addrinfo *found = NULL;
    if (!find_address(address, &found, e)) {
        return false;
    }
    int on = 1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              (!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
              (found->ai_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
              bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int saved = errno;
    freeaddrinfo(found);
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    if (!ok || getsockname(fd, (struct sockaddr *)&bound, &size) != 0) {
        errno = ok ? errno : saved;
        return system_failed(e, address, "choose another address, or end the process that listens there", fd);
    }
    /* getsockname() has filled it, which the analyzer does not know. NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
    out->port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port : ((struct sockaddr_in *)&bound)->sin_port);
    out->fd = fd;
    return true;
}

/* Removes what an ended process left behind; refuses when somebody listens, or when it is something else than a socket. */
static bool clear_path(const struct sockaddr_un *path, const char *address, struct error *e)
{
    struct stat there;
    if (lstat(path->sun_path, &there) != 0) {
        return errno == ENOENT ? true : system_failed(e, address, "check the folder's owner and mode", -1);
    }
    if (!S_ISSOCK(there.st_mode)) {
        return error_set(e, ERROR_DENIED, address, "choose another path, or move the file away", "there is something else than a socket");
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return system_failed(e, address, NULL, -1);
    }
    bool is_live = connect(fd, (const struct sockaddr *)path, sizeof *path) == 0 || errno != ECONNREFUSED;
    (void)close(fd); /* nothing was sent */
    if (is_live) {
        return error_set(e, ERROR_DENIED, address, "end that process, or choose another path", "another process listens there");
    }
    if (unlink(path->sun_path) != 0 && errno != ENOENT) {
        return system_failed(e, address, "check the folder's owner and mode", -1);
    }
    return true;
}

static bool open_unix(struct listen_socket *out, const char *address, struct error *e)
{
    struct sockaddr_un path = { .sun_family = AF_UNIX };
    const char *name = address + 5;
    if (*name == '\0' || strlen(name) >= sizeof path.sun_path) {
        return error_set(e, ERROR_INPUT, address, "write unix:/path, of at most 107 bytes", "not an address to listen at");
    }
    memcpy(path.sun_path, name, strlen(name) + 1);
    if (!clear_path(&path, address, e)) {
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat there;
    /* The mode is set before the path exists: there is no moment in which others can connect. */
    if (fd < 0 || fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)&path, sizeof path) != 0 || chmod(path.sun_path, 0600) != 0 ||
        listen(fd, BACKLOG) != 0 || lstat(path.sun_path, &there) != 0) {
        return system_failed(e, address, "check the folder's owner and mode", fd);
    }
    memcpy(out->path, path.sun_path, sizeof out->path);
    out->is_unix = true;
    out->device = there.st_dev;
    out->inode = there.st_ino;
    out->fd = fd;
    return true;
}

bool listen_open(struct listen_socket *out, const char *address, bool reuse_port, struct error *e)
{
    *out = (struct listen_socket){ .fd = -1 };
    if (strncmp(address, "unix:", 5) == 0) {
        return open_unix(out, address, e);
    }
    return open_tcp(out, address, reuse_port, e);
}

void listen_close(struct listen_socket *listen)
{
    struct stat there;
    if (listen->is_unix && lstat(listen->path, &there) == 0 && there.st_dev == listen->device && there.st_ino == listen->inode) {
        (void)unlink(listen->path); /* left behind, it is replaced at the next start */
    }
    if (listen->fd >= 0) {
        (void)close(listen->fd); /* only ever accepted from */
        listen->fd = -1;
    }
}
