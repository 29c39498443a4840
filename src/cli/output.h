/* Results on stdout: text for people, one JSON value for programs. */
#ifndef COMITY_CLI_OUTPUT_H
#define COMITY_CLI_OUTPUT_H

#include <jansson.h>

#include "base/buffer.h"
#include "base/error.h"

/* Writes the value and a newline, and takes over the reference. False when `value` is NULL (memory) or can't be written. */
must_check bool output_json(json_t *value);
/* Writes the buffer and empties it. False when it failed or can't be written. */
must_check bool output_buffer(struct buffer *text);

/* A view as a JSON string; what is not UTF-8 becomes null. NULL when memory is out. */
json_t *json_of_bytes(struct bytes view);
/* RFC 3339 in milliseconds. */
json_t *json_of_time(int64_t time_ms);

/* Progress on stderr, if that is a terminal: "checking  41%". Rewrites its line at most ten times a second. */
struct progress {
    const char *what;
    uint64_t last_us;
    bool is_shown;
};
void progress_show(struct progress *progress, uint64_t done, uint64_t all);
/* Clears the line. */
void progress_end(struct progress *progress);

#endif
