#include "net/http1_scan_internal.h"

enum { PLAIN = 1, TOKEN = 2 };

/* PLAIN: HTAB, SP, visible ASCII, obs-text (RFC 9110 5.5). TOKEN: tchar (5.6.2). */
static const uint8_t kind[256] = {
    ['\t'] = PLAIN,
    [' '] = PLAIN,
    ['!'] = PLAIN | TOKEN,
    ['"'] = PLAIN,
    ['#' ... '\''] = PLAIN | TOKEN,
    ['(' ... ')'] = PLAIN,
    ['*' ... '+'] = PLAIN | TOKEN,
    [','] = PLAIN,
    ['-' ... '.'] = PLAIN | TOKEN,
    ['/'] = PLAIN,
    ['0' ... '9'] = PLAIN | TOKEN,
    [':' ... '@'] = PLAIN,
    ['A' ... 'Z'] = PLAIN | TOKEN,
    ['[' ... ']'] = PLAIN,
    ['^' ... 'z'] = PLAIN | TOKEN,
    ['{'] = PLAIN,
    ['|'] = PLAIN | TOKEN,
    ['}'] = PLAIN,
    ['~'] = PLAIN | TOKEN,
    [0x80 ... 0xff] = PLAIN,
};

bool http1_is_token(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((kind[text.data[i]] & TOKEN) == 0) {
            return false;
        }
    }
    return text.size > 0;
}

bool http1_is_plain(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((kind[text.data[i]] & PLAIN) == 0) {
            return false;
        }
    }
    return true;
}

static bool scan_failed(struct http1_scan *scan, const char *fault)
{
    scan->fault = fault;
    return false;
}

/* A line ended at `at`, where its CR is. */
static bool line_ended(struct http1_scan *scan, size_t at)
{
    size_t size = at - scan->line;
    if (size == 0 && scan->first_size > 0) {
        scan->end = at + 2;
    } else if (size == 0) {
        if (scan->start > 0) {
            return scan_failed(scan, "empty lines before the first line");
        }
        scan->start = 2;
    } else if (scan->first_size == 0) {
        scan->first_size = size;
    } else if (scan->field_count == scan->field_count_max) {
        scan->is_too_large = true;
        return scan_failed(scan, "too many fields");
    } else {
        scan->field_count++;
    }
    scan->line = scan->offset = at + 2;
    return true;
}

bool http1_scan(struct http1_scan *scan, struct bytes head)
{
    while (scan->end == 0 && scan->offset < head.size) {
        size_t at = scan->offset;
        if (at == scan->line && (head.data[at] == ' ' || head.data[at] == '\t')) {
            return scan_failed(scan, "a line that begins with white space");
        }
        while (at < head.size && (kind[head.data[at]] & PLAIN) != 0) {
            at++;
        }
        scan->offset = at;
        if (at == head.size) {
            return true;
        }
        if (head.data[at] != '\r') {
            return scan_failed(scan, head.data[at] == '\n' ? "a line that ends in LF without CR" : "a control character in the head");
        }
        if (at + 1 == head.size) {
            return true;
        }
        if (head.data[at + 1] != '\n') {
            return scan_failed(scan, "a CR without LF");
        }
        if (!line_ended(scan, at)) {
            return false;
        }
    }
    return true;
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool chunks_failed(struct http1_chunks *chunks, const char *fault)
{
    chunks->fault = fault;
    return false;
}

static bool size_byte(struct http1_chunks *chunks, uint8_t byte)
{
    int digit = hex_digit(byte);
    if (digit >= 0) {
        chunks->has_data = chunks->has_data || digit > 0;
        return ++chunks->digits <= HTTP1_CHUNK_DIGITS_MAX || chunks_failed(chunks, "a chunk size that is too long");
    }
    if (byte == ';') {
        return chunks_failed(chunks, "a chunk extension");
    }
    if (byte != '\r' || chunks->digits == 0) {
        return chunks_failed(chunks, "a chunk size that is no hexadecimal number");
    }
    chunks->state = HTTP1_CHUNK_SIZE_LF;
    return true;
}

static bool trailer_byte(struct http1_chunks *chunks, uint8_t byte)
{
    if (++chunks->trailer_size > HTTP1_TRAILER_BYTES_MAX) {
        return chunks_failed(chunks, "too large a trailer");
    }
    bool is_first = chunks->state == HTTP1_CHUNK_TRAILER;
    if (byte == '\r') {
        chunks->state = is_first ? HTTP1_CHUNK_LAST_LF : HTTP1_CHUNK_TRAILER_LF;
        return true;
    }
    if ((kind[byte] & PLAIN) == 0 || (is_first && (kind[byte] & TOKEN) == 0)) {
        return chunks_failed(chunks, "a malformed trailer");
    }
    chunks->state = HTTP1_CHUNK_TRAILER_LINE;
    return true;
}

static bool chunk_byte(struct http1_chunks *chunks, uint8_t byte)
{
    switch (chunks->state) {
    case HTTP1_CHUNK_SIZE:
        return size_byte(chunks, byte);
    case HTTP1_CHUNK_DATA:
        chunks->state = HTTP1_CHUNK_DATA_LF;
        return byte == '\r' || chunks_failed(chunks, "a chunk that is not ended by CRLF");
    case HTTP1_CHUNK_TRAILER:
    case HTTP1_CHUNK_TRAILER_LINE:
        return trailer_byte(chunks, byte);
    case HTTP1_CHUNK_SIZE_LF:
        chunks->state = chunks->has_data ? HTTP1_CHUNK_DATA : HTTP1_CHUNK_TRAILER;
        break;
    case HTTP1_CHUNK_DATA_LF:
        chunks->state = HTTP1_CHUNK_SIZE;
        chunks->digits = 0;
        chunks->has_data = false;
        break;
    case HTTP1_CHUNK_TRAILER_LF:
        chunks->state = HTTP1_CHUNK_TRAILER;
        break;
    case HTTP1_CHUNK_LAST_LF:
        chunks->state = HTTP1_CHUNK_END;
        break;
    case HTTP1_CHUNK_END:
        return chunks_failed(chunks, "bytes behind the last chunk");
    }
    return byte == '\n' || chunks_failed(chunks, "a CR without LF between chunks");
}

bool http1_chunks_scan(struct http1_chunks *chunks, struct bytes framing)
{
    for (size_t i = 0; i < framing.size; i++) {
        if (!chunk_byte(chunks, framing.data[i])) {
            return false;
        }
    }
    return true;
}
