#include "crypto/note.h"

#include "base/encode.h"
#include "crypto/key_name_internal.h"

#define DASH "\xE2\x80\x94 " /* U+2014 and a space: what a signature line begins with */

enum { SIGNATURE_SIZE_LEAST = KEY_ID_SIZE + 1 };

static const char todo_whole[] = "get the whole file again, as it was signed";

static bool check_characters(struct bytes data, const char *where, struct error *e)
{
    size_t line = 1;
    for (size_t i = 0; i < data.size; i++) {
        if (data.data[i] == '\n') {
            line++;
        } else if (data.data[i] < 0x20) {
            return error_set(e, ERROR_INPUT, where, todo_whole, "a note holds no control character but LF: 0x%02x in line %zu",
                             data.data[i], line);
        }
    }
    if (!bytes_are_utf8(data)) {
        return error_set(e, ERROR_INPUT, where, todo_whole, "a note is UTF-8 and this one is not");
    }
    return true;
}

/* Where the last empty line begins (its LF; the one before it ends the text); data.size when there is none. */
static size_t find_split(struct bytes data)
{
    for (size_t i = data.size; i >= 2; i--) {
        if (data.data[i - 1] == '\n' && data.data[i - 2] == '\n') {
            return i - 1;
        }
    }
    return data.size;
}

static bool parse_signature(struct note_signature *out, struct bytes line)
{
    uint8_t decoded[KEY_ID_SIZE + NOTE_SIGNATURE_SIZE_MAX];
    size_t size = 0;
    if (!bytes_start_with(line, BYTES(DASH))) {
        return false;
    }
    line = bytes_slice(line, BYTES(DASH).size, line.size);
    size_t space = bytes_find(line, ' ');
    out->name = bytes_slice(line, 0, space);
    out->base64 = bytes_slice(line, space + 1, line.size);
    if (!key_name_is_valid(out->name) || !base64_parse(out->base64, decoded, sizeof decoded, &size) || size < SIGNATURE_SIZE_LEAST) {
        return false;
    }
    memcpy(out->id, decoded, KEY_ID_SIZE);
    return true;
}

bool note_parse(struct note *note, struct bytes data, const char *where, struct error *e)
{
    note->text = BYTES_NONE;
    note->signature_count = 0;
    if (!check_characters(data, where, e)) {
        return false;
    }
    size_t split = find_split(data);
    if (split == data.size) {
        return error_set(e, ERROR_INPUT, where, todo_whole, "no empty line stands between a text and its signatures");
    }
    struct reader r = { .left = bytes_slice(data, split + 1, data.size) };
    if (r.left.size == 0) {
        return error_set(e, ERROR_INPUT, where, todo_whole, "no signature line follows the last empty line");
    }
    while (r.left.size > 0) {
        struct bytes line = reader_line(&r);
        if (r.failed) {
            return error_set(e, ERROR_INPUT, where, todo_whole, "the last signature line does not end in LF");
        }
        if (note->signature_count == NOTE_SIGNATURES_MAX) {
            return error_set(e, ERROR_INPUT, where, "remove signatures that nobody needs", "more than %d signatures", NOTE_SIGNATURES_MAX);
        }
        if (!parse_signature(&note->signatures[note->signature_count], line)) {
            return error_set(e, ERROR_INPUT, where, todo_whole, "signature line %zu is not \"\u2014 name base64\"",
                             note->signature_count + 1);
        }
        note->signature_count++;
    }
    note->text = bytes_slice(data, 0, split);
    return true;
}

static bool is_by(const struct note_signature *s, const struct verifier *v)
{
    return v->type == SIGNATURE_ED25519 && memcmp(s->id, v->id, KEY_ID_SIZE) == 0 && bytes_equal(s->name, bytes_of_text(v->name));
}

static bool is_right(const struct note *note, const struct note_signature *s, const struct verifier *v)
{
    uint8_t decoded[KEY_ID_SIZE + ED25519_SIGNATURE_SIZE];
    size_t size = 0;
    return base64_parse(s->base64, decoded, sizeof decoded, &size) && size == sizeof decoded &&
           verifier_check(v, note->text, decoded + KEY_ID_SIZE);
}

/* Distinct by the key itself: one holder who is listed under two names is one signer still. */
static size_t count_distinct(const struct verifier *known, size_t known_count, const bool *is_good)
{
    size_t count = 0;
    for (size_t i = 0; i < known_count; i++) {
        bool seen = false;
        for (size_t j = 0; j < i; j++) {
            seen = seen || (is_good[j] && memcmp(known[j].public_key, known[i].public_key, ED25519_PUBLIC_SIZE) == 0);
        }
        count += is_good[i] && !seen;
    }
    return count;
}

bool note_verify(const struct note *note, const struct verifier *known, size_t known_count, size_t *good, bool *is_good, const char *where,
                 struct error *e)
{
    bool flags[NOTE_KNOWN_KEYS_MAX] = { false };
    *good = 0;
    if (known_count > NOTE_KNOWN_KEYS_MAX) {
        return error_set(e, ERROR_INPUT, where, NULL, "more than %d known keys", NOTE_KNOWN_KEYS_MAX);
    }
    for (size_t i = 0; i < note->signature_count; i++) {
        const struct note_signature *s = &note->signatures[i];
        bool is_known = false;
        bool fits = false;
        for (size_t j = 0; j < known_count; j++) {
            if (is_by(s, &known[j])) {
                is_known = true;
                if (is_right(note, s, &known[j])) {
                    flags[j] = true;
                    fits = true;
                }
            }
        }
        if (is_known && !fits) {
            return error_set(e, ERROR_DENIED, where, todo_whole, "the signature of the known key %.*s is wrong", BYTES_FMT(s->name));
        }
    }
    *good = count_distinct(known, known_count, flags);
    if (is_good != NULL) {
        memcpy(is_good, flags, known_count * sizeof *is_good);
    }
    return true;
}

bool note_sign(struct bytes text, const struct signer *signer, struct buffer *out, struct error *e)
{
    static const char where[] = "note";
    if (signer_verifier(signer)->type != SIGNATURE_ED25519) {
        return error_set(e, ERROR_INPUT, where, "sign with a key of its own", "a cosigner's key never signs a note");
    }
    if (text.size == 0 || text.data[text.size - 1] != '\n') {
        return error_set(e, ERROR_INPUT, where, "add a line feed", "the text to sign does not end in a line feed");
    }
    if (!check_characters(text, where, e)) {
        return false;
    }
    buffer_append(out, text);
    buffer_append_u8(out, '\n');
    note_add_signature(text, signer, out);
    return !out->failed || error_memory(e, where);
}

void note_add_signature(struct bytes text, const struct signer *signer, struct buffer *out)
{
    const struct verifier *v = signer_verifier(signer);
    uint8_t signature[KEY_ID_SIZE + ED25519_SIGNATURE_SIZE];
    if (v->type != SIGNATURE_ED25519) {
        out->failed = true;
        return;
    }
    memcpy(signature, v->id, KEY_ID_SIZE);
    signer_sign(signer, text, signature + KEY_ID_SIZE);
    buffer_append_text(out, DASH);
    buffer_append_text(out, v->name);
    buffer_append_u8(out, ' ');
    base64_append(out, bytes_of(signature, sizeof signature));
    buffer_append_u8(out, '\n');
}
