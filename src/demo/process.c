#include "demo/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"

enum { STOP_MS = 10000, OUTPUT_BYTES_MAX = 16 * 1024 * 1024 };

static void become(const char *folder, const char *const *argv, int in, int out, int err)
{
    /* Between fork and exec: only what is safe there. What we block, the program must not find blocked. */
    sigset_t none;
    (void)sigemptyset(&none);
    if (chdir(folder) != 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
        dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0) {
        _exit(126);
    }
    (void)execvp(argv[0], (char *const *)argv);
    _exit(127);
}

bool process_start(pid_t *pid, const char *const *argv, const char *log_path, struct error *e)
{
    bool ok = false;
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (nothing < 0 || log < 0) {
        error_system(e, log_path, NULL);
        goto done;
    }
    *pid = fork();
    if (*pid == 0) {
        become("/", argv, nothing, log, log);
    }
    if (*pid < 0) {
        *pid = 0;
        error_system(e, argv[0], "raise the limit of processes");
        goto done;
    }
    ok = true;
done:
    if (nothing >= 0) {
        (void)close(nothing);
    }
    if (log >= 0) {
        (void)close(log);
    }
    return ok;
}

static bool is_gone(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) != 0;
}

void process_stop(pid_t *pid, int signal_number)
{
    if (*pid <= 0) {
        return;
    }
    (void)kill(*pid, signal_number);
    uint64_t until_us = time_monotonic_us() + (uint64_t)STOP_MS * 1000;
    while (!is_gone(*pid)) {
        if (time_monotonic_us() > until_us) {
            (void)kill(*pid, SIGKILL);
            (void)waitpid(*pid, NULL, 0);
            break;
        }
        (void)poll(NULL, 0, 5);
    }
    *pid = 0;
}

/* Takes what is there to read; false at the end. */
static bool take(int fd, struct buffer *into)
{
    uint8_t piece[4096];
    ssize_t got = read(fd, piece, sizeof piece);
    if (got > 0) {
        buffer_append(into, bytes_of(piece, (size_t)got));
    }
    return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

static void collect(int out, int err, struct buffer *output, struct buffer *chatter)
{
    struct pollfd ends[2] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN } };
    struct buffer *into[2] = { output, chatter };
    while (ends[0].fd >= 0 || ends[1].fd >= 0) {
        if (poll(ends, 2, -1) < 0 && errno != EINTR) {
            return;
        }
        for (size_t i = 0; i < 2; i++) {
            if (ends[i].fd >= 0 && ends[i].revents != 0 && !take(ends[i].fd, into[i])) {
                ends[i].fd = -1;
            }
        }
    }
}

bool process_run(const char *folder, const char *const *argv, struct bytes input, struct buffer *output, struct buffer *chatter,
                 int *exit_code, struct error *e)
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
    bool ok = false;
    int status = 0;
    /* What is fed fits a pipe's buffer, so it can be written before anything is read. */
    if (input.size > 4096 || pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0 ||
        (input.size > 0 && write(in[1], input.data, input.size) != (ssize_t)input.size)) {
        error_system(e, argv[0], "raise the limit of open files");
        goto done;
    }
    (void)close(in[1]);
    in[1] = -1;
    pid_t pid = fork();
    if (pid == 0) {
        become(folder, argv, in[0], out[1], err[1]);
    }
    if (pid < 0) {
        error_system(e, argv[0], "raise the limit of processes");
        goto done;
    }
    (void)close(out[1]);
    (void)close(err[1]);
    out[1] = err[1] = -1;
    collect(out[0], err[0], output, chatter);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    ok = !output->failed && !chatter->failed;
    if (!ok) {
        error_set(e, ERROR_FULL, argv[0], NULL, "it wrote more than %d bytes", OUTPUT_BYTES_MAX);
    }
done:
    for (size_t i = 0; i < 2; i++) {
        const int ends[] = { in[i], out[i], err[i] };
        for (size_t j = 0; j < COUNT_OF(ends); j++) {
            if (ends[j] >= 0) {
                (void)close(ends[j]);
            }
        }
    }
    return ok;
}

unsigned process_free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    unsigned port = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return 0;
    }
    if (bind(fd, (struct sockaddr *)&address, size) == 0 && getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
        port = ntohs(address.sin_port);
    }
    (void)close(fd);
    return port;
}
