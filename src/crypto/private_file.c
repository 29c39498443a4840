#include "crypto/private_file_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/certificate.h"

/* O_NONBLOCK: opening a FIFO would wait for a writer, before fstat can tell that it is one. */
static int open_to_read(const char *path, int more_flags, struct error *e)
{
    int fd;
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | more_flags);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0 && errno == ELOOP && (more_flags & O_NOFOLLOW) != 0) {
        error_set(e, ERROR_DENIED, path, "name the file itself", "is a symbolic link, which may be pointed elsewhere");
    } else if (fd < 0) {
        error_system(e, path, "check the path, the file's owner and its mode");
    }
    return fd;
}

static bool check_regular(int fd, const char *path, struct stat *state, struct error *e)
{
    if (fstat(fd, state) != 0) {
        return error_system(e, path, NULL);
    }
    if (!S_ISREG(state->st_mode)) {
        return error_set(e, ERROR_INPUT, path, "name a file", "is not a regular file");
    }
    return true;
}

/* On the descriptor that is read afterwards: between a check by name and the opening another file could take its place. */
static bool check_private(int fd, const char *path, struct error *e)
{
    struct stat state;
    if (!check_regular(fd, path, &state, e)) {
        return false;
    }
    if (state.st_uid != geteuid() && state.st_uid != 0) {
        return error_set(e, ERROR_DENIED, path, "chown it to the user that runs comity", "belongs to another user (id %lu)",
                         (unsigned long)state.st_uid);
    }
    if ((state.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return error_set(e, ERROR_DENIED, path, "chmod 600 it, and replace what it holds if others may have read it",
                         "holds a secret but has mode %03o: others than its owner may use it", (unsigned)(state.st_mode & 0777));
    }
    return true;
}

/* All room is taken at the start: a buffer that grows leaves copies of the secret behind in freed memory. */
static bool read_all(int fd, const char *path, struct buffer *out, struct error *e)
{
    uint8_t *room = out->size == 0 ? buffer_room(out, out->size_max) : NULL;
    size_t got = 0;
    if (room == NULL) {
        return error_memory(e, path);
    }
    for (;;) {
        uint8_t beyond;
        bool is_full = got == out->size_max;
        ssize_t n = is_full ? read(fd, &beyond, 1) : read(fd, room + got, out->size_max - got);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return error_system(e, path, "check the disk");
        }
        if (n == 0) {
            buffer_added(out, got);
            return true;
        }
        if (is_full) {
            return error_set(e, ERROR_INPUT, path, "name the right file", "is larger than %zu bytes", out->size_max);
        }
        got += (size_t)n;
    }
}

bool file_check_private(const char *path, struct error *e)
{
    int fd = open_to_read(path, O_NOFOLLOW, e);
    if (fd < 0) {
        return false;
    }
    bool ok = check_private(fd, path, e);
    (void)close(fd); /* read only: nothing to lose */
    return ok;
}

bool file_read_private(const char *path, struct buffer *out, struct error *e)
{
    int fd = open_to_read(path, O_NOFOLLOW, e);
    if (fd < 0) {
        return false;
    }
    bool ok = check_private(fd, path, e) && read_all(fd, path, out, e);
    (void)close(fd); /* read only: nothing to lose */
    return ok;
}

bool public_file_read(const char *path, struct buffer *out, struct error *e)
{
    struct stat state;
    int fd = open_to_read(path, 0, e);
    if (fd < 0) {
        return false;
    }
    bool ok = check_regular(fd, path, &state, e) && read_all(fd, path, out, e);
    (void)close(fd); /* read only: nothing to lose */
    return ok;
}

static bool write_all(int fd, struct bytes data)
{
    size_t done = 0;
    while (done < data.size) {
        ssize_t n = write(fd, data.data + done, data.size - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

/* Makes the file's name durable. */
static bool sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int size = slash == NULL ? 0 : (int)(slash - path);
    const char *name = slash == NULL ? "." : (size == 0 ? "/" : folder);
    if (snprintf(folder, sizeof folder, "%.*s", size, path) >= (int)sizeof folder) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool ok = fsync(fd) == 0;
    int fault = errno;
    (void)close(fd); /* read only: nothing to lose */
    errno = fault;
    return ok;
}

bool file_write_new(const char *path, mode_t mode, struct bytes data, struct error *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST) {
        return error_set(e, ERROR_DENIED, path, "move it away, or name another file", "is there already and is never overwritten");
    }
    if (fd < 0) {
        return error_system(e, path, "check the folder's owner and mode");
    }
    bool ok = fchmod(fd, mode) == 0 && write_all(fd, data) && fsync(fd) == 0; /* fchmod: whatever the umask took away */
    int fault = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        fault = errno;
    }
    if (ok && !sync_folder_of(path)) {
        ok = false;
        fault = errno;
    }
    if (!ok) {
        (void)unlink(path); /* half a key is worse than none, and would stand in the way of the next try */
        errno = fault;
        error_system(e, path, "check the disk");
    }
    return ok;
}
