#include "cli/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/time.h"

bool output_json(json_t *value)
{
    if (value == NULL) {
        return false;
    }
    int fault = json_dumpf(value, stdout, JSON_INDENT(2));
    json_decref(value);
    return fault == 0 && fputc('\n', stdout) != EOF;
}

bool output_buffer(struct buffer *text)
{
    bool ok = !text->failed && (text->size == 0 || fwrite(text->data, 1, text->size, stdout) == text->size);
    buffer_reset(text);
    return ok;
}

json_t *json_of_bytes(struct bytes view)
{
    if (!bytes_are_utf8(view)) {
        return json_null();
    }
    return json_stringn(view.size == 0 ? "" : (const char *)view.data, view.size);
}

json_t *json_of_time(int64_t time_ms)
{
    char text[TIME_TEXT_SIZE];
    return json_string(time_text(time_ms, text));
}

void progress_show(struct progress *progress, uint64_t done, uint64_t all)
{
    uint64_t now_us = time_monotonic_us();
    if (all == 0 || (progress->is_shown && now_us - progress->last_us < 100000) || !isatty(STDERR_FILENO)) {
        return;
    }
    enum { BAR_WIDTH = 40 };
    char bar[BAR_WIDTH + 1];
    const double part = done >= all ? 1 : (double)done / (double)all;
    const size_t full = (size_t)(part * BAR_WIDTH);
    memset(bar, '#', full);
    memset(bar + full, '.', BAR_WIDTH - full);
    bar[BAR_WIDTH] = '\0';
    progress->is_shown = true;
    progress->last_us = now_us;
    (void)fprintf(stderr, "\r%s [%s] %3d%%", progress->what, bar, (int)(part * 100));
}

void progress_end(struct progress *progress)
{
    if (progress->is_shown) {
        (void)fputs("\r\033[K", stderr);
        progress->is_shown = false;
    }
}
