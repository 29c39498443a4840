#include "api/process_metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static void write_head(struct buffer *out, const char *name, const char *kind, const char *help)
{
    buffer_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void write_memory(struct buffer *out)
{
    unsigned long long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return;
    }
    if (fscanf(file, "%llu %llu", &all, &resident) == 2) {
        unsigned long long page = (unsigned long long)sysconf(_SC_PAGESIZE);
        write_head(out, "process_resident_memory_bytes", "gauge", "Resident memory.");
        buffer_append_format(out, "process_resident_memory_bytes %llu\n", resident * page);
    }
    (void)fclose(file);
}

static void write_cpu(struct buffer *out)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return;
    }
    int64_t us = ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    write_head(out, "process_cpu_seconds_total", "counter", "User and system CPU time.");
    buffer_append_format(out, "process_cpu_seconds_total %" PRId64 ".%06" PRId64 "\n", us / 1000000, us % 1000000);
}

static void write_files(struct buffer *out)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return;
    }
    long count = 0;
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    struct rlimit limit;
    write_head(out, "process_open_fds", "gauge", "Open file descriptors.");
    /* Without ".", ".." and the descriptor that was read through. */
    buffer_append_format(out, "process_open_fds %ld\n", count > 3 ? count - 3 : 0);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        write_head(out, "process_max_fds", "gauge", "How many file descriptors may be open.");
        buffer_append_format(out, "process_max_fds %llu\n", (unsigned long long)limit.rlim_cur);
    }
}

void process_metrics_write(struct buffer *out)
{
    write_memory(out);
    write_cpu(out);
    write_files(out);
    write_head(out, "comity_build_info", "gauge", "Always 1; the version is in the label.");
    buffer_append_text(out, "comity_build_info{version=\"" COMITY_VERSION "\"} 1\n");
}
