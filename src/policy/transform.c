#include "policy/transform.h"

#include <stdio.h>

#include <openssl/crypto.h>

#include "base/encode.h"
#include "base/time.h"
#include "law/period.h"
#include "policy/release_text_internal.h"

const char *transform_word(enum transform_kind kind)
{
    static const char *const words[] = {
#define X(name, word) word,
        TRANSFORMS(X)
#undef X
    };
    return (size_t)kind < COUNT_OF(words) ? words[kind] : "";
}

bool transform_equal(const struct transform *a, const struct transform *b)
{
    return a->kind == b->kind && a->first == b->first && a->last == b->last && a->places == b->places && a->is_geohash == b->is_geohash &&
           a->band_count == b->band_count && memcmp(a->bands, b->bands, a->band_count) == 0 && bytes_equal(a->domain, b->domain);
}

/* A value, read. */
struct value {
    bool is_text; /* else a number */
    struct bytes text;
};

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* Writes it as what it came as. */
static bool write_as(const struct value *value, struct bytes text, struct buffer *out)
{
    if (value->is_text) {
        text_append_quoted(out, text);
    } else {
        buffer_append(out, text);
    }
    return true;
}

/* ---- Mask ---- */

static size_t count_characters(struct bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += (text.data[i] & 0xc0) != 0x80; /* not a byte that continues a character */
    }
    return count;
}

static bool mask(const struct transform *t, const struct value *value, struct buffer *out)
{
    uint8_t masked[TRANSFORM_TOKEN_BYTES_MAX];
    size_t count = count_characters(value->text), size = 0, number = 0;
    bool hides_all = count <= (size_t)t->first + t->last;
    if (!value->is_text || count == 0) {
        return false;
    }
    for (size_t i = 0; i < value->text.size; number++) {
        size_t length = bytes_utf8_length(bytes_slice(value->text, i, value->text.size));
        if (length == 0) {
            return false;
        }
        if (!hides_all && (number < t->first || number >= count - t->last)) {
            memcpy(masked + size, value->text.data + i, length);
            size += length;
        } else {
            masked[size++] = '*';
        }
        i += length;
    }
    return write_as(value, bytes_of(masked, size), out);
}

/* ---- Dates ---- */

enum { YEAR_SIZE = 4, MONTH_SIZE = 7, DAY_SIZE = 10 };

/* RFC 3339; or without its zone, as many registers write it. */
static bool is_date_time(struct bytes text)
{
    uint8_t in_utc[40];
    int64_t moment_ms = 0;
    if (time_parse(text, &moment_ms)) {
        return true;
    }
    if (text.size >= sizeof in_utc) {
        return false;
    }
    memcpy(in_utc, text.data, text.size);
    in_utc[text.size] = 'Z';
    return time_parse(bytes_of(in_utc, text.size + 1), &moment_ms);
}

/* How much of the text is the date: 4, 7 or 10. 0: it is neither a date nor a date-time. */
static size_t date_size(struct bytes text)
{
    uint8_t padded[DAY_SIZE] = { '0', '0', '0', '0', '-', '0', '1', '-', '0', '1' };
    int64_t day = 0;
    size_t size = text.size < DAY_SIZE ? text.size : DAY_SIZE;
    if (size != YEAR_SIZE && size != MONTH_SIZE && size != DAY_SIZE) {
        return 0;
    }
    memcpy(padded, text.data, size);
    return period_parse_date(bytes_of(padded, sizeof padded), &day) && (text.size <= DAY_SIZE || is_date_time(text)) ? size : 0;
}

static bool coarsen_date(const struct value *value, size_t keep, struct buffer *out)
{
    size_t size = value->is_text ? date_size(value->text) : 0;
    return size > 0 && write_as(value, bytes_slice(value->text, 0, keep < size ? keep : size), out);
}

/* ---- Places ---- */

enum { DEGREES_MAX = 180 };

/* A number of degrees by JSON's grammar, without an exponent; the part of it that is kept. Empty: it is no such number. */
static struct bytes coarse_degrees(struct bytes text, size_t decimals)
{
    size_t at = text.size > 0 && text.data[0] == '-' ? 1 : 0, from = at;
    uint64_t whole = 0;
    while (at < text.size && is_digit(text.data[at])) {
        at++;
    }
    if (!bytes_to_u64(bytes_slice(text, from, at), &whole) || whole > DEGREES_MAX) {
        return BYTES_NONE;
    }
    size_t point = at, end = at;
    if (point < text.size) {
        at++;
        while (at < text.size && is_digit(text.data[at])) {
            at++;
        }
        if (text.data[point] != '.' || at < text.size || at == point + 1) {
            return BYTES_NONE;
        }
        end = decimals == 0 ? point : point + 1 + decimals < at ? point + 1 + decimals : at;
    }
    return bytes_slice(text, 0, end);
}

static bool coarsen_degrees(const struct transform *t, const struct value *value, struct buffer *out)
{
    uint8_t joined[TRANSFORM_TOKEN_BYTES_MAX];
    size_t size = 0, count = 0;
    struct bytes rest = value->text, piece = BYTES_NONE;
    while (bytes_split(&rest, ',', &piece)) {
        struct bytes coarse = coarse_degrees(bytes_trim(piece), t->places);
        count++;
        if (coarse.size == 0 || count > (value->is_text ? 2 : 1)) {
            return false;
        }
        if (count > 1) {
            joined[size++] = ',';
        }
        memcpy(joined + size, coarse.data, coarse.size);
        size += coarse.size;
    }
    return count > 0 && write_as(value, bytes_of(joined, size), out);
}

static bool coarsen_geohash(const struct transform *t, const struct value *value, struct buffer *out)
{
    static const char letters[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    bool is_geohash = value->is_text && value->text.size > 0 && value->text.size <= TRANSFORM_GEOHASH_MAX;
    for (size_t i = 0; is_geohash && i < value->text.size; i++) {
        is_geohash = value->text.data[i] != 0 && strchr(letters, value->text.data[i]) != NULL;
    }
    return is_geohash && write_as(value, bytes_slice(value->text, 0, t->places), out);
}

/* ---- Ages ---- */

/* The band of an age: its index. */
static size_t band_of(const struct transform *t, uint64_t age)
{
    size_t band = 0;
    while (band + 1 < t->band_count && t->bands[band + 1] <= age) {
        band++;
    }
    return band;
}

static bool band_birth_date(const struct transform *t, const struct transform_context *c, const struct value *value, struct buffer *out)
{
    int64_t born_day = 0;
    if (date_size(value->text) != DAY_SIZE || !period_parse_date(bytes_slice(value->text, 0, DAY_SIZE), &born_day)) {
        return false;
    }
    int age = period_age(born_day, c->now_ms);
    if (age < 0 || age > TRANSFORM_AGE_MAX) {
        return false;
    }
    size_t band = band_of(t, (uint64_t)age);
    if (band + 1 < t->band_count) {
        buffer_append_format(out, "\"%d-%d\"", t->bands[band], t->bands[band + 1] - 1);
    } else {
        buffer_append_format(out, "\"%d+\"", t->bands[band]);
    }
    return true;
}

static bool band_age(const struct transform *t, const struct transform_context *c, const struct value *value, struct buffer *out)
{
    uint64_t age = 0;
    if (t->band_count == 0) {
        return false;
    }
    if (!bytes_to_u64(value->text, &age)) {
        return value->is_text && band_birth_date(t, c, value, out);
    }
    /* "1980" is a year rather than an age; so is what nobody has reached. */
    if (age > TRANSFORM_AGE_MAX) {
        return false;
    }
    char text[8];
    (void)snprintf(text, sizeof text, "%d", t->bands[band_of(t, age)]);
    return write_as(value, bytes_of_text(text), out);
}

/* ---- Pseudonyms ---- */

bool transform_recipient_key(struct bytes secret, const struct identifier *recipient, uint8_t key[SHA256_SIZE])
{
    struct buffer input;
    buffer_init(&input, 16 * 1024);
    buffer_append_text(&input, "comity-pseudonym/1\n");
    identifier_append_parts(&input, recipient, recipient->part_count < 3 ? recipient->part_count : 3);
    bool ok = !input.failed;
    hmac_sha256(secret, buffer_bytes(&input), key);
    buffer_clear(&input);
    return ok;
}

/* The input's parts can't be moved against one another: the domain has no NUL, and the type is one byte. */
static bool pseudonym(const struct transform *t, const struct transform_context *c, const struct value *value, size_t token_size,
                      struct buffer *out)
{
    static const size_t sizes[] = { 22, 16, 11, 8 }; /* of base64url; 8 are 48 bits */
    uint8_t digest[SHA256_SIZE], text[BASE64_SIZE(SHA256_SIZE)];
    struct buffer input;
    size_t chosen = 0;
    while (chosen < COUNT_OF(sizes) && sizes[chosen] + 2 > token_size) {
        chosen++;
    }
    if (!c->has_pseudonym_key || chosen == COUNT_OF(sizes)) {
        return false;
    }
    buffer_init(&input, TRANSFORM_TOKEN_BYTES_MAX + 4096);
    buffer_append(&input, t->domain);
    buffer_append_u8(&input, 0);
    buffer_append_u8(&input, value->is_text ? 's' : 'n');
    buffer_append(&input, value->text);
    hmac_sha256(bytes_of(c->pseudonym_key, sizeof c->pseudonym_key), buffer_bytes(&input), digest);
    bool ok = !input.failed;
    buffer_wipe(&input);
    (void)base64_write(bytes_of(digest, sizeof digest), text);
    OPENSSL_cleanse(digest, sizeof digest);
    for (size_t i = 0; i < sizes[chosen]; i++) {
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]; /* RFC 4648 section 5: never an escape */
    }
    return ok && write_as(&(struct value){ .is_text = true }, bytes_of(text, sizes[chosen]), out);
}

/* ---- All of them ---- */

static bool apply(const struct transform *t, const struct transform_context *c, const struct value *value, size_t token_size,
                  struct buffer *out)
{
    switch (t->kind) {
    case TRANSFORM_MASK:
        return mask(t, value, out);
    case TRANSFORM_DATE_TO_YEAR:
        return coarsen_date(value, YEAR_SIZE, out);
    case TRANSFORM_DATE_TO_MONTH:
        return coarsen_date(value, MONTH_SIZE, out);
    case TRANSFORM_COARSEN_PLACE:
        return t->is_geohash ? coarsen_geohash(t, value, out) : coarsen_degrees(t, value, out);
    case TRANSFORM_AGE_BAND:
        return band_age(t, c, value, out);
    case TRANSFORM_PSEUDONYM:
        return pseudonym(t, c, value, token_size, out);
    case TRANSFORM_COUNT:
        break;
    }
    return false;
}

bool transform_apply(const struct transform *t, const struct transform_context *c, struct bytes token, struct buffer *out)
{
    uint8_t decoded[TRANSFORM_TOKEN_BYTES_MAX];
    buffer_reset(out);
    if (token.size == 0 || token.size > TRANSFORM_TOKEN_BYTES_MAX) {
        return false;
    }
    struct value value = { .is_text = token.data[0] == '"', .text = token };
    if (!value.is_text && token.data[0] != '-' && !is_digit(token.data[0])) {
        return false; /* a literal */
    }
    if (value.is_text) {
        value.text = bytes_of(decoded, text_decode(bytes_slice(token, 1, token.size - 1), decoded));
    }
    bool ok = apply(t, c, &value, token.size, out) && !out->failed && out->size <= token.size;
    explicit_bzero(decoded, sizeof decoded);
    return ok;
}
