/* What belongs to the machine: the running process, ports, clock, disk space, limits. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>
#include <uv.h>

#include "base/time.h"
#include "cli/control_client.h"
#include "cli/doctor_internal.h"

#define MEBIBYTE ((uint64_t)1024 * 1024)
/* A full disk stops the log, and with it every exchange. */
enum { SPACE_FAIL_MIB = 64, SPACE_WARN_MIB = 1024 };
static const int64_t clock_least_ms = 1735689600000; /* 2025-01-01: a clock before that was never set */

static void check_running(struct doctor *doctor, const char *name)
{
    struct error e = { 0 };
    const char *why = NULL;
    switch (control_call(doctor->place.config, "GET", "/v1/status", NULL, &doctor->status, &e)) {
    case CONTROL_DONE:
        why = json_string_value(json_object_get(doctor->status, "why"));
        if (json_is_true(json_object_get(doctor->status, "ready"))) {
            doctor_note(doctor, FINDING_OK, name, NULL, "running and ready, version %s",
                        json_string_value(json_object_get(doctor->status, "version")));
        } else {
            doctor_note(doctor, FINDING_FAIL, name, NULL, "running, but not ready: %s", why == NULL ? "it does not say why" : why);
        }
        return;
    case CONTROL_NOT_RUNNING:
        doctor_note(doctor, FINDING_OK, name, NULL, "not running");
        return;
    case CONTROL_FAILED:
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
        return;
    }
}

/* Can the address be had? The same options as the listeners', so that a connection in TIME_WAIT is no obstacle. */
static int try_bind(const char *address)
{
    struct sockaddr_storage storage;
    char host[64];
    const char *colon = strrchr(address, ':');
    bool is_v6 = address[0] == '[';
    size_t size = (size_t)(colon - address);
    int port = (int)strtol(colon + 1, NULL, 10), one = 1;
    (void)snprintf(host, sizeof host, "%.*s", (int)(is_v6 ? size - 2 : size), is_v6 ? address + 1 : address);
    int fault = is_v6 ? uv_ip6_addr(host, port, (struct sockaddr_in6 *)&storage) : uv_ip4_addr(host, port, (struct sockaddr_in *)&storage);
    if (fault != 0) {
        return -fault;
    }
    int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    socklen_t length = is_v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    fault = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 || bind(fd, (const struct sockaddr *)&storage, length) != 0 ||
                    listen(fd, 1) != 0
                ? errno
                : 0;
    (void)close(fd);
    return fault;
}

static void check_ports(struct doctor *doctor, const char *name)
{
    const struct gateway_config *config = doctor->place.config;
    size_t faults = 0;
    if (doctor->status != NULL) {
        return; /* they are its own */
    }
    for (size_t i = 0; i < config->application_count + 2; i++) {
        const char *address = i == 0 ? config->peers_address : i == 1 ? config->management_address : config->applications[i - 2].address;
        int fault = try_bind(address);
        if (fault != 0) {
            faults++;
            doctor_note(doctor, FINDING_FAIL, name,
                        fault == EADDRINUSE ? "end the program that has it, or choose another port"
                                            : "choose an address of this machine, and a port that this user may have",
                        "%s can't be had: %s", address, strerror(fault));
        }
    }
    if (faults == 0) {
        doctor_note(doctor, FINDING_OK, name, NULL, "all listeners' addresses are free");
    }
}

static void check_clock(struct doctor *doctor, const char *name)
{
    struct timex state = { 0 };
    char now[TIME_TEXT_SIZE];
    if (doctor->now_ms < clock_least_ms) {
        doctor_note(doctor, FINDING_FAIL, name, "set it, and run an NTP client", "this machine believes that it is %s",
                    time_text(doctor->now_ms, now));
    } else if (adjtimex(&state) == TIME_ERROR) {
        doctor_note(doctor, FINDING_WARN, name, "run an NTP client: peers refuse what is more than their replay window away",
                    "not synchronised, says the kernel");
    } else {
        doctor_note(doctor, FINDING_OK, name, NULL, "synchronised");
    }
}

static void check_space_of(struct doctor *doctor, const char *name, const char *folder)
{
    struct statvfs state;
    struct error e;
    if (statvfs(folder, &state) != 0) {
        error_system(&e, folder, NULL);
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
        return;
    }
    uint64_t free_mib = (uint64_t)state.f_bavail * state.f_frsize / MEBIBYTE;
    enum finding finding = free_mib < SPACE_FAIL_MIB ? FINDING_FAIL : free_mib < SPACE_WARN_MIB ? FINDING_WARN : FINDING_OK;
    doctor_note(doctor, finding, name,
                finding == FINDING_OK ? NULL : "make room: without it nothing can be logged, and so nothing exchanged",
                "%s: %" PRIu64 " MiB free", folder, free_mib);
}

static void check_space(struct doctor *doctor, const char *name)
{
    check_space_of(doctor, name, doctor->place.config->records_folder);
}

static void check_spool(struct doctor *doctor, const char *name)
{
    const char *folder = doctor->place.config->limits.body.spool_folder;
    if (folder == NULL) {
        folder = getenv("TMPDIR");
    }
    if (folder == NULL) {
        folder = "/var/tmp";
    }
    if (access(folder, W_OK | X_OK) == 0) {
        doctor_note(doctor, FINDING_OK, name, NULL, "%s can be written", folder);
    } else {
        doctor_note(doctor, FINDING_FAIL, name, "set limits.spool_folder to a folder that can", "%s can't be written: %s", folder,
                    strerror(errno));
    }
}

/* A connection is a file, and each exchange has one on either side. */
static void check_files(struct doctor *doctor, const char *name)
{
    struct rlimit limit;
    uint64_t wanted = (uint64_t)doctor->place.config->limits.connections_max * 2;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted) {
        doctor_note(doctor, FINDING_WARN, name, "raise LimitNOFILE in the service's unit, or lower limits.connections",
                    "at most %llu, while limits.connections may need %" PRIu64, (unsigned long long)limit.rlim_max, wanted);
    } else {
        doctor_note(doctor, FINDING_OK, name, NULL, "at most %llu", (unsigned long long)limit.rlim_max);
    }
}

const struct doctor_check doctor_machine_checks[] = {
    { "process", check_running }, { "ports", check_ports },      { "clock", check_clock }, { "disk space", check_space },
    { "spool", check_spool },     { "open files", check_files }, { NULL, NULL },
};
