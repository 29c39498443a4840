#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_SIZE = 16384, PATH_SIZE = 4096 };

static bool read_all(int fd, const char *path, struct buffer *out, struct error *e)
{
    for (;;) {
        size_t room_size = out->size_max - out->size < PIECE_SIZE ? out->size_max - out->size + 1 : PIECE_SIZE;
        uint8_t piece[PIECE_SIZE];
        ssize_t n = read(fd, piece, room_size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return error_system(e, path, "check its owner and mode");
        }
        if (n > 0) {
            buffer_append(out, bytes_of(piece, (size_t)n));
            explicit_bzero(piece, (size_t)n); /* standard input may be a person's identifier */
        }
        if (out->failed) {
            return error_set(e, ERROR_INPUT, path, "is it the right file?", "larger than %zu bytes", out->size_max);
        }
        if (n == 0) {
            return true;
        }
    }
}

bool file_read_whole(const char *path, struct buffer *out, struct error *e)
{
    if (strcmp(path, "-") == 0) {
        return read_all(STDIN_FILENO, "standard input", out, e);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return error_system(e, path, "check the name, its owner and mode");
    }
    bool ok = read_all(fd, path, out, e);
    (void)close(fd); /* read only: nothing to lose */
    return ok;
}

static bool write_all(int fd, const char *path, struct bytes data, struct error *e)
{
    for (size_t done = 0; done < data.size;) {
        ssize_t n = write(fd, data.data + done, data.size - done);
        if (n < 0 && errno != EINTR) {
            return error_system(e, path, "check the disk");
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) == 0 || error_system(e, path, "check the disk");
}

bool file_write_whole_new(const char *path, struct bytes data, mode_t mode, struct error *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST) {
        return error_set(e, ERROR_DENIED, path, "choose another name", "is there already: nothing is overwritten");
    }
    if (fd < 0) {
        return error_system(e, path, "check the folder's name, owner and mode");
    }
    bool ok = write_all(fd, path, data, e);
    if (close(fd) != 0 && ok) {
        ok = error_system(e, path, "check the disk");
    }
    return ok;
}

/* The new name is durable once the folder is. */
static bool sync_folder_of(const char *path, struct error *e)
{
    char folder[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    int size = slash == NULL ? snprintf(folder, sizeof folder, ".") : snprintf(folder, sizeof folder, "%.*s/", (int)(slash - path), path);
    if (size < 0 || (size_t)size >= sizeof folder) {
        return error_set(e, ERROR_INPUT, path, "choose a shorter path", "the path is too long");
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return error_system(e, folder, "check the folder's owner and mode");
    }
    bool ok = fsync(fd) == 0 || error_system(e, folder, "check the disk");
    (void)close(fd); /* read only: nothing to lose */
    return ok;
}

bool file_replace_whole(const char *path, struct bytes data, mode_t mode, struct error *e)
{
    char beside[PATH_SIZE];
    int size = snprintf(beside, sizeof beside, "%s.%ld.new", path, (long)getpid());
    if (size < 0 || (size_t)size >= sizeof beside) {
        return error_set(e, ERROR_INPUT, path, "choose a shorter path", "the path is too long");
    }
    if (!file_write_whole_new(beside, data, mode, e)) {
        return false;
    }
    if (rename(beside, path) != 0) {
        error_system(e, path, "check the folder's owner and mode");
        (void)unlink(beside);
        return false;
    }
    return sync_folder_of(path, e);
}

bool folder_make(const char *path, mode_t mode, bool may_be_there, struct error *e)
{
    if (mkdir(path, mode) == 0) {
        return true;
    }
    if (errno != EEXIST) {
        return error_system(e, path, "check the folder above it");
    }
    struct stat state;
    if (may_be_there && stat(path, &state) == 0 && S_ISDIR(state.st_mode)) {
        return true;
    }
    return error_set(e, ERROR_DENIED, path, "choose another folder", "is there already: nothing is overwritten");
}

bool file_is_there(const char *path)
{
    struct stat state;
    return lstat(path, &state) == 0;
}
