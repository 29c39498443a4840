/*
 * The text of an event in the log (a statement of kind RECORD_DECISION or RECORD_EVENT): one `name: value` a line, each ended by LF;
 * a name may come several times. The first line is `comity-event: KIND/1`. docs/formats/events.md. Pure.
 *
 * A value may be any bytes: what would end its line or the terminal's patience (bytes below 0x20, 0x7f) is written as %XX with
 * upper-case digits, and so is a '%' that would otherwise read as such an escape. All else, "%2F" as well, stays as it is; so two
 * values never have the same text.
 */
#ifndef COMITY_CONSENT_EVENT_TEXT_H
#define COMITY_CONSENT_EVENT_TEXT_H

#include "base/arena.h"
#include "base/buffer.h"

/* Appends one line. `name` is a constant of letters, digits, '-' and '_'. */
void event_text_append(struct buffer *out, const char *name, struct bytes value);
void event_text_append_decimal(struct buffer *out, const char *name, int64_t value);
/* The line `name: sha-256=:<base64>:` of a digest of 32 bytes. */
void event_text_append_digest(struct buffer *out, const char *name, const uint8_t digest[32]);
/* Reads the value of such a line. */
must_check bool event_text_digest(struct bytes value, uint8_t out[32]);

/* The value of the first line called `name`, as it is written (escaped): a view into `text`. False if there is none. */
must_check bool event_text_get(struct bytes text, const char *name, struct bytes *value);
/* Takes the next line off the front of `*rest`; false at the end, and at a line that has no LF or no ": ". */
must_check bool event_text_next(struct bytes *rest, struct bytes *name, struct bytes *value);
/* Is this the text of an event of this kind ("consent/1", "decision/1"), and well-formed to its last line? */
bool event_text_is(struct bytes text, const char *kind);

/* The value as it was handed to event_text_append(). `.data` is NULL when the arena has no room; a value without an escape isn't copied. */
must_check struct bytes event_text_decode(struct arena *arena, struct bytes value);

#endif
