/* The files that the demo makes its world from, compiled into the program (data/, by embed.py). */
#ifndef COMITY_DEMO_FILES_H
#define COMITY_DEMO_FILES_H

#include <stddef.h>

struct demo_file {
    const char *name; /* "nginx.conf" */
    const char *text;
};
extern const struct demo_file demo_files[];
extern const size_t demo_file_count;

#endif
