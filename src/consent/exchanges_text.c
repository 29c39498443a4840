/* Lines of JSON about exchanges: what gateways tell each other (docs/formats/exchanges.md). */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "consent/exchanges.h"
#include "evidence/receipt.h"

enum { EXCHANGE_ID_SIZE_MAX = 256 };

void exchange_note_of(const struct exchange_line *line, struct exchange_note *out)
{
    struct receipt receipt;
    *out = (struct exchange_note){ .kind = line->kind,
                                   .index = line->index,
                                   .time_ms = line->time_ms,
                                   .exchange = line->exchange,
                                   .sequence = line->sequence,
                                   .is_unused = line->is_unused,
                                   .has_digest = line->statement.size > 0 };
    if (out->has_digest) {
        sha256(line->statement, out->digest);
    }
    if (line->receipt.size > 0 && receipt_parse(line->receipt, &receipt, NULL)) {
        out->has_receipt = true;
        out->receipt_index = receipt.index;
    }
}

/* ---- Writing ---- */

static bool set(json_t *object, const char *name, json_t *value)
{
    return value != NULL && json_object_set_new(object, name, value) == 0;
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *digest_text(const uint8_t digest[SHA256_SIZE])
{
    uint8_t text[BASE64_SIZE(SHA256_SIZE)];
    size_t size = base64_write(bytes_of(digest, SHA256_SIZE), text);
    return json_stringn((const char *)text, size);
}

static bool set_all(json_t *object, const struct exchange_note *note)
{
    char sequence[48];
    bool ok = set(object, "kind", json_string(exchange_kind_name(note->kind))) && set(object, "index", number(note->index)) &&
              set(object, "time", json_integer((json_int_t)note->time_ms));
    if (note->exchange.size > 0) {
        ok = ok && set(object, "exchange", json_stringn((const char *)note->exchange.data, note->exchange.size));
    }
    if (note->sequence.number > 0 || note->kind == EXCHANGE_NUMBERS) {
        (void)snprintf(sequence, sizeof sequence, "%" PRIu64 ".%" PRIu64, note->sequence.start, note->sequence.number);
        ok = ok && set(object, "sequence", json_string(sequence));
    }
    if (note->kind == EXCHANGE_NUMBERS) {
        ok = ok && set(object, "unused", json_boolean(note->is_unused));
    }
    if (note->has_digest) {
        ok = ok && set(object, "statement", digest_text(note->digest));
    }
    if (note->has_receipt) {
        ok = ok && set(object, "receipt_index", number(note->receipt_index));
    }
    return ok;
}

bool exchange_note_write(const struct exchange_note *note, struct buffer *out)
{
    json_t *object = json_object();
    char *text = object != NULL && set_all(object, note) ? json_dumps(object, JSON_COMPACT) : NULL;
    bool ok = text != NULL;
    if (ok) {
        buffer_append_text(out, text);
        buffer_append_u8(out, '\n');
    }
    free(text);
    json_decref(object);
    return ok && !out->failed;
}

void exchange_page_write(uint64_t next, bool is_last, uint64_t size, struct buffer *out)
{
    buffer_append_format(out, "{\"kind\":\"page\",\"next\":%" PRIu64 ",\"size\":%" PRIu64 ",\"last\":%s}\n", next, size,
                         is_last ? "true" : "false");
}

/* ---- Reading ---- */

/* False when it is there and no number. */
static bool get_number(const json_t *object, const char *name, bool is_required, bool *is_there, uint64_t *out)
{
    const json_t *value = json_object_get(object, name);
    *is_there = value != NULL;
    *out = json_is_integer(value) && json_integer_value(value) >= 0 ? (uint64_t)json_integer_value(value) : 0;
    return value == NULL ? !is_required : json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool get_text(const json_t *object, const char *name, struct arena *arena, struct bytes *out)
{
    const json_t *value = json_object_get(object, name);
    *out = BYTES_NONE;
    if (value == NULL) {
        return true;
    }
    if (!json_is_string(value) || json_string_length(value) > EXCHANGE_ID_SIZE_MAX) {
        return false;
    }
    *out = arena_copy(arena, bytes_of(json_string_value(value), json_string_length(value)));
    return out->data != NULL;
}

static bool read_page(const json_t *object, struct exchange_page *page)
{
    bool is_there;
    page->is_page = true;
    page->is_last = json_is_true(json_object_get(object, "last"));
    return json_is_boolean(json_object_get(object, "last")) && get_number(object, "next", true, &is_there, &page->next) &&
           get_number(object, "size", true, &is_there, &page->size);
}

/* What each kind must have, so that nobody has to ask again. */
static bool is_whole(const struct exchange_note *note)
{
    switch (note->kind) {
    case EXCHANGE_REQUEST_SENT:
    case EXCHANGE_ANSWER_SENT:
        return note->exchange.size > 0 && note->has_digest && !note->has_receipt;
    case EXCHANGE_REQUEST_TAKEN:
    case EXCHANGE_ANSWER_TAKEN:
        return note->exchange.size > 0 && note->has_digest && note->has_receipt;
    case EXCHANGE_NUMBERS:
        return note->exchange.size == 0 && !note->has_digest;
    case EXCHANGE_CLOSED:
        return note->exchange.size == 0 && !note->has_digest && note->sequence.number == 0;
    case EXCHANGE_NONE:
        break;
    }
    return false;
}

static bool read_note(const json_t *object, struct arena *arena, struct exchange_note *note)
{
    struct bytes kind, sequence, digest;
    uint64_t time;
    bool is_there;
    size_t size = 0;
    if (!get_text(object, "kind", arena, &kind) || !get_text(object, "sequence", arena, &sequence) ||
        !get_text(object, "statement", arena, &digest) || !get_text(object, "exchange", arena, &note->exchange) ||
        !get_number(object, "index", true, &is_there, &note->index) || !get_number(object, "time", true, &is_there, &time) ||
        !get_number(object, "receipt_index", false, &note->has_receipt, &note->receipt_index) || time > INT64_MAX) {
        return false;
    }
    note->kind = exchange_kind_find(kind);
    note->time_ms = (int64_t)time;
    note->is_unused = json_is_true(json_object_get(object, "unused"));
    note->has_digest = digest.data != NULL;
    if (note->has_digest && (!base64_parse(digest, note->digest, sizeof note->digest, &size) || size != sizeof note->digest)) {
        return false;
    }
    /* The last number of a run may be 0: each was given back. */
    bool is_zero = note->kind == EXCHANGE_NUMBERS && bytes_end_with(sequence, BYTES(".0"));
    if (is_zero && !bytes_to_u64(bytes_slice(sequence, 0, sequence.size - 2), &note->sequence.start)) {
        return false;
    }
    return (sequence.data == NULL || is_zero || exchange_sequence_parse(sequence, &note->sequence)) && is_whole(note);
}

bool exchange_note_read(struct bytes line, struct arena *arena, struct exchange_note *note, struct exchange_page *page, struct error *e)
{
    *note = (struct exchange_note){ 0 };
    *page = (struct exchange_page){ 0 };
    json_t *object = json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES, NULL);
    const char *kind = json_string_value(json_object_get(object, "kind"));
    bool ok = kind != NULL && (strcmp(kind, "page") == 0 ? read_page(object, page) : read_note(object, arena, note));
    json_decref(object);
    return ok || error_set(e, ERROR_INPUT, "exchanges", NULL, "a line is not as docs/formats/exchanges.md has it");
}
