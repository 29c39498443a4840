#include "cli/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/time.h"

static bool send_state(const char *path, const char *state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t size = strlen(path);
    if (size < 2 || size >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) {
        errno = EINVAL;
        return false;
    }
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; /* an abstract name */
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    bool ok = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, length) >= 0;
    (void)close(fd); /* a datagram: sent or not, closing changes nothing */
    return ok;
}

void notify_service(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct error e;
    if (path != NULL && !send_state(path, state)) {
        error_system(&e, "NOTIFY_SOCKET", NULL);
        diag_error(DIAG_WARN, "gateway", "systemd was not told", &e);
    }
}

void notify_reloading(void)
{
    char text[64];
    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, time_monotonic_us());
    notify_service(text);
}
