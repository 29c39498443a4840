#include "base/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/time.h"

enum { LINE_BYTES_MAX = 4096, VALUE_BYTES_MAX = 512 };

static enum diag_level least_level = DIAG_INFO;
static enum diag_format line_format = DIAG_TEXT;

/* A line is built on the stack and never fails: what doesn't fit is cut, and the line still ends. */
struct line {
    char data[LINE_BYTES_MAX];
    size_t size;
};

void diag_configure(enum diag_level least, enum diag_format format)
{
    least_level = least;
    line_format = format;
}

static void put(struct line *line, const char *text, size_t size)
{
    size_t room = sizeof line->data - 4 - line->size;
    if (size > room) {
        size = room;
    }
    memcpy(line->data + line->size, text, size);
    line->size += size;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Writes the value's next character as it may stand in a line, and takes it off the front. At most 6 bytes. */
static size_t escape_next(struct bytes *value, char out[8])
{
    uint8_t byte = value->data[0];
    size_t length = bytes_utf8_length(*value);
    size_t size;
    if (byte == '"' || byte == '\\') {
        out[0] = '\\';
        out[1] = (char)byte;
        size = 2;
    } else if (byte < 0x20 || byte == 0x7F || length == 0) {
        /* What is no UTF-8 would make the whole JSON line unreadable. */
        (void)snprintf(out, 8, "\\u%04x", byte);
        length = 1;
        size = 6;
    } else {
        memcpy(out, value->data, length);
        size = length;
    }
    *value = bytes_slice(*value, length, value->size);
    return size;
}

/* The value, cut between two characters at VALUE_BYTES_MAX. */
static struct bytes cut_value(const char *value)
{
    struct bytes whole = bytes_of(value, strnlen(value, VALUE_BYTES_MAX + 1));
    if (whole.size <= VALUE_BYTES_MAX) {
        return whole;
    }
    whole.size = VALUE_BYTES_MAX;
    while (whole.size > 0 && ((uint8_t)value[whole.size] & 0xC0) == 0x80) {
        whole.size--;
    }
    return whole;
}

static size_t escaped_size(const char *value)
{
    struct bytes rest = cut_value(value);
    size_t size = 0;
    char coded[8];
    while (rest.size > 0) {
        size += escape_next(&rest, coded);
    }
    return size;
}

static void put_escaped(struct line *line, const char *value)
{
    struct bytes rest = cut_value(value);
    char coded[8];
    while (rest.size > 0) {
        put(line, coded, escape_next(&rest, coded));
    }
}

static bool wants_quotes(const char *value)
{
    if (*value == '\0') {
        return true;
    }
    for (const char *at = value; *at != '\0'; at++) {
        if ((unsigned char)*at <= 0x20 || *at == '"' || *at == '\\' || *at == '=' || *at == 0x7F) {
            return true;
        }
    }
    return false;
}

static void put_pair(struct line *line, const char *key, const char *value)
{
    /* Whole or not at all: a pair that was cut would leave its quote open. */
    if (escaped_size(key) + escaped_size(value) + 16 > sizeof line->data - line->size) {
        return;
    }
    if (line_format == DIAG_JSON) {
        put_text(line, ",\"");
        put_escaped(line, key);
        put_text(line, "\":\"");
        put_escaped(line, value);
        put_text(line, "\"");
        return;
    }
    put_text(line, "  ");
    put_text(line, key);
    put_text(line, "=");
    if (wants_quotes(value)) {
        put_text(line, "\"");
        put_escaped(line, value);
        put_text(line, "\"");
    } else {
        put_escaped(line, value);
    }
}

static void begin(struct line *line, enum diag_level level, const char *part, const char *message)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    char when[TIME_TEXT_SIZE];
    char head[128];
    line->size = 0;
    time_text(time_now_ms(), when);
    if (line_format == DIAG_JSON) {
        (void)snprintf(head, sizeof head, "{\"time\":\"%s\",\"level\":\"%s\",\"part\":\"%s\",\"message\":\"", when, names[level], part);
        put_text(line, head);
        put_escaped(line, message);
        put_text(line, "\"");
    } else {
        (void)snprintf(head, sizeof head, "%s %-5s %-9s ", when, names[level], part);
        put_text(line, head);
        put_text(line, message);
    }
}

static void end(struct line *line)
{
    if (line_format == DIAG_JSON) {
        line->data[line->size++] = '}';
    }
    line->data[line->size++] = '\n';
    ssize_t written;
    do {
        written = write(STDERR_FILENO, line->data, line->size);
    } while (written < 0 && errno == EINTR); /* stderr is the last resort: there is nobody left to tell that it failed */
}

void diag(enum diag_level level, const char *part, const char *message, ...)
{
    struct line line;
    if (level < least_level) {
        return;
    }
    begin(&line, level, part, message);
    va_list arguments;
    va_start(arguments, message);
    for (;;) {
        const char *key = va_arg(arguments, const char *);
        if (key == NULL) {
            break;
        }
        const char *value = va_arg(arguments, const char *);
        put_pair(&line, key, value == NULL ? "" : value);
    }
    va_end(arguments);
    end(&line);
}

void diag_error(enum diag_level level, const char *part, const char *message, const struct error *e)
{
    if (e->todo[0] != '\0') {
        diag(level, part, message, "where", e->where, "what", e->what, "todo", e->todo, NULL);
    } else {
        diag(level, part, message, "where", e->where, "what", e->what, NULL);
    }
}
