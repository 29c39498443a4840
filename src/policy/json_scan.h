/*
 * JSON (RFC 8259) into tokens, in whatever pieces it comes: nothing of it is copied or kept, so a text of any size costs some hundred bytes.
 * Why it is our own: docs/decisions/0014. Strict: one value, no byte order mark, well-formed UTF-8 only, no half of a surrogate pair in escapes,
 * no control characters in strings, numbers by the grammar alone (never converted). Repeated keys are the caller's to find. Pure.
 */
#ifndef COMITY_POLICY_JSON_SCAN_H
#define COMITY_POLICY_JSON_SCAN_H

#include "base/bytes.h"

enum { JSON_SCAN_DEPTH_MAX = 256 };

enum json_scan_token {
    JSON_SCAN_MORE = 0, /* the piece is used up: feed the next one, or finish */
    JSON_SCAN_END,      /* after json_scan_finish(): it was one whole text */
    JSON_SCAN_BROKEN,   /* it isn't JSON, or over a limit; for ever: `error` and `offset` say what and where */
    JSON_SCAN_OBJECT_OPEN,
    JSON_SCAN_OBJECT_CLOSE,
    JSON_SCAN_ARRAY_OPEN,
    JSON_SCAN_ARRAY_CLOSE,
    JSON_SCAN_KEY,
    JSON_SCAN_STRING,
    JSON_SCAN_NUMBER,
    JSON_SCAN_LITERAL, /* true, false, null */
};
/* Zeroed is ready. Of public use are the first five. */
struct json_scan {
    /*
     * Of a key, string, number or literal: its bytes as they are written, quotes included. One that goes over the end of a piece comes in parts,
     * each with the same token, the last of which may be empty.
     */
    struct bytes text;
    bool is_first, is_last;
    bool has_escape; /* a key or string: there was a backslash in it, in this part or one before */
    const char *error;

    const uint8_t *begin, *at, *end; /* the piece */
    uint64_t before;                 /* bytes of the pieces before this one */
    uint8_t state, resume;           /* what is expected; the token that is under way, or JSON_SCAN_MORE */
    uint8_t inside;                  /* how far in an escape, a character, a number or a literal */
    uint8_t digits, utf8_left, utf8_low, utf8_high;
    uint16_t value;
    bool is_finished, is_low, is_in_object;
    uint32_t depth;
    uint64_t is_object[JSON_SCAN_DEPTH_MAX / 64]; /* one bit a level */
};

/* Only when the last token was JSON_SCAN_MORE, or at the beginning. The piece must live until JSON_SCAN_MORE. */
void json_scan_feed(struct json_scan *scan, struct bytes piece);
/* There is no more. The tokens that follow are what was still under way, then JSON_SCAN_END or JSON_SCAN_BROKEN. */
void json_scan_finish(struct json_scan *scan);
enum json_scan_token json_scan_next(struct json_scan *scan);
/* From the first byte of the text: where the scanner stands. */
uint64_t json_scan_offset(const struct json_scan *scan);

#endif
