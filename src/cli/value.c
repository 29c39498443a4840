#include "cli/value.h"

#include <stdio.h>

#include "base/time.h"
#include "cli/file.h"

bool until_parse(const char *text, const char *where, int64_t now_ms, int64_t *until_ms, struct error *e)
{
    int64_t duration_ms;
    char at_midnight[32];
    if (duration_parse(bytes_of_text(text), &duration_ms)) {
        *until_ms = now_ms + duration_ms;
        return true;
    }
    (void)snprintf(at_midnight, sizeof at_midnight, "%.*sT00:00:00Z", BYTES_FMT(bytes_slice(bytes_of_text(text), 0, 16)));
    return time_parse(bytes_of_text(text), until_ms) || time_parse(bytes_of_text(at_midnight), until_ms) ||
           error_set(e, ERROR_INPUT, where, "write how long (90d, 12h) or until when (2027-03-01, 2027-03-01T12:00:00Z)",
                     "'%.60s' is neither a duration nor a time", text);
}

bool person_read(const char *argument, struct buffer *out, struct error *e)
{
    bool is_input = strcmp(argument, "-") == 0;
    if (!is_input && (argument[0] != '@' || argument[1] == '\0')) {
        /* The argument itself is not repeated: it may be the identifier. */
        return error_set(e, ERROR_INPUT, "--person", "write --person - and pass it on standard input, or --person @FILE",
                         "an identifier on the command line can be read by everybody on this machine");
    }
    if (!file_read_whole(is_input ? "-" : argument + 1, out, e)) {
        return false;
    }
    struct bytes text = buffer_bytes(out);
    while (out->size > 0 && (text.data[out->size - 1] == '\n' || text.data[out->size - 1] == '\r')) {
        out->size--;
    }
    text = buffer_bytes(out);
    if (text.size == 0) {
        return error_set(e, ERROR_INPUT, "--person", "pass the person's identifier, one line", "it is empty");
    }
    if (bytes_find(text, '\n') != text.size || bytes_find(text, '\0') != text.size || !bytes_are_utf8(text)) {
        return error_set(e, ERROR_INPUT, "--person", "pass one person's identifier, one line", "it is not one line of UTF-8");
    }
    return true;
}
