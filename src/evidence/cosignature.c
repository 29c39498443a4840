#include "evidence/cosignature.h"

#include "base/encode.h"

enum {
    TIMESTAMPED_SIZE = 8 + ED25519_SIGNATURE_SIZE,
    HEAD_BYTES_MAX = 64,                       /* "cosignature/v1\ntime 9223372036854775807\n" */
    MESSAGE_BYTES_MAX = HEAD_BYTES_MAX + 8192, /* a checkpoint is three lines: more is refused before */
    VKEY_KEY_SIZE_MAX = 1 + ML_DSA_44_PUBLIC_SIZE,
};

/* The type byte of a vkey of any known kind; false when it has no such form, and then verifier_parse() says what is wrong. */
static bool read_type(struct bytes vkey, uint8_t *type, size_t *key_size)
{
    uint8_t key[VKEY_KEY_SIZE_MAX];
    size_t size = 0;
    struct bytes rest = vkey;
    struct bytes piece;
    bool has_name = bytes_split(&rest, '+', &piece);
    bool has_hash = has_name && bytes_split(&rest, '+', &piece);
    if (!has_hash || rest.data == NULL || !base64_parse(rest, key, sizeof key, &size) || size == 0) {
        return false;
    }
    *type = key[0];
    *key_size = size - 1;
    return true;
}

bool cosigner_parse(struct verifier *v, struct bytes vkey, const char *where, struct error *e)
{
    uint8_t type = 0;
    size_t key_size = 0;
    if (read_type(vkey, &type, &key_size)) {
        if (type == COSIGNATURE_ML_DSA_44 && key_size == ML_DSA_44_PUBLIC_SIZE) {
            return error_set(e, ERROR_INPUT, where, "name an Ed25519 cosigner (a vkey of type 0x04)",
                             "an ML-DSA-44 cosigner (type 0x06): this OpenSSL has no ML-DSA, so nobody here can check it");
        }
        if (type == SIGNATURE_ED25519) {
            return error_set(e, ERROR_INPUT, where, "ask the witness for its vkey: of type 0x04",
                             "a log's key (type 0x01) where a cosigner's must stand");
        }
    }
    if (!verifier_parse(v, vkey, where, e)) {
        return false;
    }
    return v->type == COSIGNATURE_ED25519 || error_set(e, ERROR_INPUT, where, "use a vkey of type 0x04", "not the key of a cosigner");
}

/* What an Ed25519 cosigner signs: two lines, then the checkpoint's text. */
static bool write_message(struct buffer *out, struct bytes text, uint64_t time_s)
{
    buffer_append_text(out, "cosignature/v1\ntime ");
    buffer_append_decimal(out, time_s);
    buffer_append_u8(out, '\n');
    buffer_append(out, text);
    return !out->failed;
}

bool cosignature_add(struct bytes text, const struct signer *cosigner, uint64_t time_s, struct buffer *out, struct error *e)
{
    static const char where[] = "cosignature";
    const struct verifier *v = signer_verifier(cosigner);
    uint8_t bytes[KEY_ID_SIZE + TIMESTAMPED_SIZE];
    struct buffer message;
    if (v->type != COSIGNATURE_ED25519) {
        return error_set(e, ERROR_INPUT, where, "use the witness's own key", "a log's key never cosigns");
    }
    if (time_s == 0 || time_s > COSIGNATURE_TIME_MAX) {
        return error_set(e, ERROR_INPUT, where, "set the clock", "the time of a cosignature is 1970 or out of range");
    }
    if (text.size == 0 || text.data[text.size - 1] != '\n') {
        return error_set(e, ERROR_INPUT, where, NULL, "the checkpoint's text does not end in a line feed");
    }
    buffer_init(&message, MESSAGE_BYTES_MAX);
    bool ok = write_message(&message, text, time_s);
    if (ok) {
        memcpy(bytes, v->id, KEY_ID_SIZE);
        for (size_t i = 0; i < 8; i++) {
            bytes[KEY_ID_SIZE + i] = (uint8_t)(time_s >> (56 - 8 * i));
        }
        signer_sign(cosigner, buffer_bytes(&message), bytes + KEY_ID_SIZE + 8);
        buffer_append_text(out, "\xE2\x80\x94 ");
        buffer_append_text(out, v->name);
        buffer_append_u8(out, ' ');
        base64_append(out, bytes_of(bytes, sizeof bytes));
        buffer_append_u8(out, '\n');
    }
    buffer_clear(&message);
    return (ok && !out->failed) || error_memory(e, where);
}

static bool is_by(const struct note_signature *s, const struct verifier *v)
{
    return v->type == COSIGNATURE_ED25519 && memcmp(s->id, v->id, KEY_ID_SIZE) == 0 && bytes_equal(s->name, bytes_of_text(v->name));
}

/* The time of one line by `v`; 0 when it is wrong. */
static uint64_t check_line(struct bytes text, const struct note_signature *s, const struct verifier *v)
{
    uint8_t bytes[KEY_ID_SIZE + TIMESTAMPED_SIZE];
    size_t size = 0;
    if (!base64_parse(s->base64, bytes, sizeof bytes, &size) || size != sizeof bytes) {
        return 0;
    }
    struct reader r = { .left = bytes_of(bytes + KEY_ID_SIZE, TIMESTAMPED_SIZE) };
    uint64_t time_s = reader_u64(&r);
    if (time_s == 0 || time_s > COSIGNATURE_TIME_MAX) {
        return 0;
    }
    struct buffer message;
    buffer_init(&message, MESSAGE_BYTES_MAX);
    bool is_good = write_message(&message, text, time_s) && verifier_check(v, buffer_bytes(&message), r.left.data);
    buffer_clear(&message);
    return is_good ? time_s : 0;
}

bool cosignatures_verify(const struct note *note, const struct verifier *cosigners, size_t count, uint64_t *times_s, const char *where,
                         struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        times_s[i] = 0;
    }
    for (size_t i = 0; i < note->signature_count; i++) {
        const struct note_signature *s = &note->signatures[i];
        bool is_known = false;
        bool fits = false;
        for (size_t j = 0; j < count; j++) {
            if (is_by(s, &cosigners[j])) {
                uint64_t time_s = check_line(note->text, s, &cosigners[j]);
                is_known = true;
                fits = fits || time_s != 0;
                times_s[j] = time_s != 0 && (times_s[j] == 0 || time_s < times_s[j]) ? time_s : times_s[j];
            }
        }
        if (is_known && !fits) {
            return error_set(e, ERROR_DENIED, where, "get the whole file again, as it was cosigned",
                             "the cosignature of the known witness %.*s is wrong", BYTES_FMT(s->name));
        }
    }
    return true;
}

bool cosignature_take(struct bytes text, struct bytes lines, const struct verifier *wanted, struct buffer *line, uint64_t *time_s,
                      const char *where, struct error *e)
{
    bool ok = false;
    struct note note;
    struct buffer whole;
    buffer_init(&whole, MESSAGE_BYTES_MAX + COSIGNATURE_LINES_BYTES_MAX);
    buffer_append(&whole, text);
    buffer_append_u8(&whole, '\n');
    buffer_append(&whole, lines);
    if (whole.failed) {
        error_set(e, ERROR_INPUT, where, "ask the witness's operator", "more than %d bytes of cosignatures", COSIGNATURE_LINES_BYTES_MAX);
        goto done;
    }
    /* An empty line among the lines would move the end of the text: what is then signed is another text, and is refused by its size. */
    if (!note_parse(&note, buffer_bytes(&whole), where, e)) {
        goto done;
    }
    if (note.text.size != text.size) {
        error_set(e, ERROR_INPUT, where, "ask the witness's operator", "an empty line stands between the cosignatures");
        goto done;
    }
    if (!cosignatures_verify(&note, wanted, 1, time_s, where, e)) {
        goto done;
    }
    for (size_t i = 0; i < note.signature_count && !ok; i++) {
        const struct note_signature *s = &note.signatures[i];
        if (is_by(s, wanted) && check_line(text, s, wanted) == *time_s) {
            buffer_append_text(line, "\xE2\x80\x94 ");
            buffer_append(line, s->name);
            buffer_append_u8(line, ' ');
            buffer_append(line, s->base64);
            buffer_append_u8(line, '\n');
            ok = !line->failed || error_memory(e, where);
            goto done;
        }
    }
    error_set(e, ERROR_DENIED, where, "compare its vkey with the one in the policy file",
              "the witness answered without a cosignature of %s", wanted->name);
done:
    buffer_clear(&whole);
    return ok;
}
