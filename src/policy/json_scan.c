#include "policy/json_scan.h"

#include "policy/json_scan_plain_internal.h"

/* What may come next. Zero is where every text begins. */
enum { EXPECT_VALUE = 0, EXPECT_VALUE_OR_CLOSE, EXPECT_KEY, EXPECT_KEY_OR_CLOSE, EXPECT_COLON, EXPECT_COMMA_OR_CLOSE, EXPECT_NOTHING };
/* Where in a string. A pair: the second half must follow the first at once. */
enum { STRING_PLAIN = 0, STRING_ESCAPE, STRING_HEX, STRING_PAIR, STRING_PAIR_ESCAPE, STRING_UTF8 };
/* Where in a number. */
enum { NUMBER_MINUS = 0, NUMBER_ZERO, NUMBER_WHOLE, NUMBER_POINT, NUMBER_FRACTION, NUMBER_E, NUMBER_SIGN, NUMBER_EXPONENT };

static enum json_scan_token refuse(struct json_scan *s, const uint8_t *at, const char *error)
{
    s->at = at;
    s->error = error;
    s->resume = JSON_SCAN_BROKEN;
    return JSON_SCAN_BROKEN;
}

/* A part of a token, up to `to`. */
static inline enum json_scan_token take_part(struct json_scan *s, enum json_scan_token token, const uint8_t *to, bool is_last)
{
    s->text = bytes_of(s->at, (size_t)(to - s->at));
    s->is_first = s->resume == JSON_SCAN_MORE;
    s->is_last = is_last;
    s->resume = is_last ? JSON_SCAN_MORE : (uint8_t)token;
    s->at = to;
    return token;
}

static bool find_in_object(const struct json_scan *s)
{
    return s->depth > 0 && (s->is_object[(s->depth - 1) / 64] >> ((s->depth - 1) % 64) & 1) != 0;
}

/* A value has ended in front of `at`: what may come behind it. A comma that follows at once is taken with it. */
static inline void end_value(struct json_scan *s)
{
    if (s->depth == 0) {
        s->state = EXPECT_NOTHING;
    } else if (s->at < s->end && *s->at == ',') {
        s->at++;
        s->state = s->is_in_object ? EXPECT_KEY : EXPECT_VALUE;
    } else {
        s->state = EXPECT_COMMA_OR_CLOSE;
    }
}

/* Likewise a colon behind a key. */
static inline void end_key(struct json_scan *s)
{
    s->state = EXPECT_COLON;
    if (s->at < s->end && *s->at == ':') {
        s->at++;
        s->state = EXPECT_VALUE;
    }
}

/* ---- Strings ---- */

/* The first byte of a character past ASCII: how many follow, and between what the first of them must be (RFC 3629, section 4). */
static bool begin_utf8(struct json_scan *s, uint8_t byte)
{
    s->utf8_low = 0x80;
    s->utf8_high = 0xbf;
    if (byte >= 0xc2 && byte <= 0xdf) {
        s->utf8_left = 1;
    } else if (byte >= 0xe0 && byte <= 0xef) {
        s->utf8_left = 2;
        s->utf8_low = byte == 0xe0 ? 0xa0 : 0x80;
        s->utf8_high = byte == 0xed ? 0x9f : 0xbf;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
        s->utf8_left = 3;
        s->utf8_low = byte == 0xf0 ? 0x90 : 0x80;
        s->utf8_high = byte == 0xf4 ? 0x8f : 0xbf;
    } else {
        return false;
    }
    s->inside = STRING_UTF8;
    return true;
}

/* Past all characters that are whole, well formed and not ASCII. */
static const uint8_t *skip_utf8(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p >= 0x80) {
        uint8_t first = *p;
        if (first >= 0xe1 && first <= 0xef && first != 0xed && end - p >= 3 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
            p += 3; /* most of the world's letters */
            continue;
        }
        size_t length = bytes_utf8_length(bytes_of(p, (size_t)(end - p)));
        if (length == 0) {
            return p;
        }
        p += length;
    }
    return p;
}

static bool continue_utf8(struct json_scan *s, uint8_t byte)
{
    if (byte < s->utf8_low || byte > s->utf8_high) {
        return false;
    }
    s->utf8_low = 0x80;
    s->utf8_high = 0xbf;
    s->utf8_left--;
    s->inside = s->utf8_left > 0 ? STRING_UTF8 : STRING_PLAIN;
    return true;
}

static int hex_digit(uint8_t byte)
{
    uint8_t lower = byte | 0x20;
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static void begin_hex(struct json_scan *s, bool is_low)
{
    s->inside = STRING_HEX;
    s->digits = 0;
    s->value = 0;
    s->is_low = is_low;
}

static const char half_a_pair[] = "half a surrogate pair in a string";

/* One more digit of \uXXXX. NULL, or what is wrong. */
static const char *continue_hex(struct json_scan *s, uint8_t byte)
{
    int digit = hex_digit(byte);
    if (digit < 0) {
        return "not JSON: \\u without four hex digits";
    }
    s->value = (uint16_t)(s->value << 4 | digit);
    s->digits++;
    if (s->digits < 4) {
        return NULL;
    }
    bool is_low = s->value >= 0xdc00 && s->value <= 0xdfff;
    if (is_low != s->is_low) {
        return half_a_pair;
    }
    s->inside = s->value >= 0xd800 && s->value <= 0xdbff ? STRING_PAIR : STRING_PLAIN;
    return NULL;
}

static const char *begin_escape(struct json_scan *s, uint8_t byte)
{
    switch (byte) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        s->inside = STRING_PLAIN;
        return NULL;
    case 'u':
        begin_hex(s, false);
        return NULL;
    default:
        return "not JSON: an unknown escape in a string";
    }
}

/* One byte that isn't of a plain run, and no closing quote. NULL, or what is wrong. */
static const char *step_string(struct json_scan *s, uint8_t byte)
{
    switch (s->inside) {
    case STRING_ESCAPE:
        return begin_escape(s, byte);
    case STRING_HEX:
        return continue_hex(s, byte);
    case STRING_PAIR:
        s->inside = STRING_PAIR_ESCAPE;
        return byte == '\\' ? NULL : half_a_pair;
    case STRING_PAIR_ESCAPE:
        begin_hex(s, true);
        return byte == 'u' ? NULL : half_a_pair;
    case STRING_UTF8:
        return continue_utf8(s, byte) ? NULL : "a string that is not UTF-8";
    default:
        break;
    }
    if (byte == '\\') {
        s->has_escape = true;
        s->inside = STRING_ESCAPE;
        return NULL;
    }
    if (byte < 0x20) {
        return "not JSON: a control character in a string";
    }
    return begin_utf8(s, byte) ? NULL : "a string that is not UTF-8";
}

/* Its closing quote stands in front of `to`. */
static inline enum json_scan_token end_string(struct json_scan *s, enum json_scan_token token, const uint8_t *to)
{
    (void)take_part(s, token, to, true);
    if (token == JSON_SCAN_KEY) {
        end_key(s);
    } else {
        end_value(s);
    }
    return token;
}

/* From `p`, inside the string, to its end or that of the piece. */
static enum json_scan_token scan_string(struct json_scan *s, enum json_scan_token token, const uint8_t *p)
{
    const uint8_t *end = s->end;
    for (;;) {
        if (s->inside == STRING_PLAIN) {
            p = json_scan_skip(p, end);
            if (p < end && *p == '"') {
                return end_string(s, token, p + 1);
            }
            const uint8_t *behind = skip_utf8(p, end);
            if (behind != p) {
                p = behind;
                continue;
            }
        }
        if (p == end) {
            return take_part(s, token, p, false);
        }
        const char *error = step_string(s, *p);
        if (error != NULL) {
            return refuse(s, p, error);
        }
        p++;
    }
}

/* Most are plain and end in their piece. */
static inline enum json_scan_token begin_string(struct json_scan *s, enum json_scan_token token)
{
    const uint8_t *p = json_scan_skip(s->at + 1, s->end);
    s->inside = STRING_PLAIN;
    s->has_escape = false;
    return p < s->end && *p == '"' ? end_string(s, token, p + 1) : scan_string(s, token, p);
}

/* ---- Numbers and literals ---- */

static inline bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool may_end(uint8_t inside)
{
    return inside == NUMBER_ZERO || inside == NUMBER_WHOLE || inside == NUMBER_FRACTION || inside == NUMBER_EXPONENT;
}

/* False: the byte is not of the number. */
static bool step_number(uint8_t *inside, uint8_t byte)
{
    switch (*inside) {
    case NUMBER_MINUS:
        *inside = byte == '0' ? NUMBER_ZERO : NUMBER_WHOLE;
        return is_digit(byte);
    case NUMBER_ZERO:
    case NUMBER_WHOLE:
        if (byte == '.') {
            *inside = NUMBER_POINT;
            return true;
        }
        break;
    case NUMBER_POINT:
        *inside = NUMBER_FRACTION;
        return is_digit(byte);
    case NUMBER_FRACTION:
        break;
    case NUMBER_E:
        if (byte == '+' || byte == '-') {
            *inside = NUMBER_SIGN;
            return true;
        }
        __attribute__((fallthrough));
    default:
        *inside = NUMBER_EXPONENT;
        return is_digit(byte);
    }
    *inside = NUMBER_E;
    return byte == 'e' || byte == 'E';
}

/* Behind the front of a number: `inside` says how far it is. */
static inline enum json_scan_token scan_number(struct json_scan *s, const uint8_t *p, uint8_t inside)
{
    const uint8_t *end = s->end;
    for (;;) {
        if (inside == NUMBER_WHOLE || inside == NUMBER_FRACTION || inside == NUMBER_EXPONENT) {
            while (p < end && is_digit(*p)) {
                p++;
            }
        }
        uint8_t before = inside;
        if (p == end || !step_number(&inside, *p)) {
            inside = before;
            break;
        }
        p++;
    }
    s->inside = inside;
    if (p == end && !s->is_finished) {
        return take_part(s, JSON_SCAN_NUMBER, p, false);
    }
    if (!may_end(inside)) {
        return refuse(s, p, "not JSON: a digit is missing in a number");
    }
    (void)take_part(s, JSON_SCAN_NUMBER, p, true);
    end_value(s);
    return JSON_SCAN_NUMBER;
}

static enum json_scan_token begin_number(struct json_scan *s)
{
    uint8_t byte = *s->at;
    return scan_number(s, s->at + 1, byte == '-' ? NUMBER_MINUS : byte == '0' ? NUMBER_ZERO : NUMBER_WHOLE);
}

/* `digits` says which one, `inside` how many bytes of it were there. */
static enum json_scan_token scan_literal(struct json_scan *s, const uint8_t *p)
{
    static const struct bytes literals[] = { BYTES("true"), BYTES("false"), BYTES("null") };
    const struct bytes literal = literals[s->digits];
    while (p < s->end && s->inside < literal.size) {
        if (*p != literal.data[s->inside]) {
            return refuse(s, p, "not JSON: neither true, false nor null");
        }
        s->inside++;
        p++;
    }
    if (s->inside < literal.size) {
        return take_part(s, JSON_SCAN_LITERAL, p, false);
    }
    (void)take_part(s, JSON_SCAN_LITERAL, p, true);
    end_value(s);
    return JSON_SCAN_LITERAL;
}

static enum json_scan_token begin_literal(struct json_scan *s, uint8_t which)
{
    s->digits = which;
    s->inside = 1;
    return scan_literal(s, s->at + 1);
}

/* ---- Containers and the rest of the grammar ---- */

static enum json_scan_token open_container(struct json_scan *s, bool is_object)
{
    if (s->depth == JSON_SCAN_DEPTH_MAX) {
        return refuse(s, s->at, "it is nested too deep");
    }
    uint64_t bit = (uint64_t)1 << (s->depth % 64), *word = &s->is_object[s->depth / 64];
    *word = is_object ? *word | bit : *word & ~bit;
    s->depth++;
    s->is_in_object = is_object;
    s->at++;
    s->state = is_object ? EXPECT_KEY_OR_CLOSE : EXPECT_VALUE_OR_CLOSE;
    return is_object ? JSON_SCAN_OBJECT_OPEN : JSON_SCAN_ARRAY_OPEN;
}

static enum json_scan_token close_container(struct json_scan *s, bool is_object)
{
    s->depth--;
    s->is_in_object = find_in_object(s);
    s->at++;
    end_value(s);
    return is_object ? JSON_SCAN_OBJECT_CLOSE : JSON_SCAN_ARRAY_CLOSE;
}

static enum json_scan_token begin_value(struct json_scan *s, uint8_t byte)
{
    switch (byte) {
    case '"':
        return begin_string(s, JSON_SCAN_STRING);
    case '{':
        return open_container(s, true);
    case '[':
        return open_container(s, false);
    case 't':
        return begin_literal(s, 0);
    case 'f':
        return begin_literal(s, 1);
    case 'n':
        return begin_literal(s, 2);
    default:
        return byte == '-' || is_digit(byte) ? begin_number(s) : refuse(s, s->at, "not JSON: a value is missing");
    }
}

static inline void skip_blanks(struct json_scan *s)
{
    const uint8_t *p = s->at;
    while (p < s->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    s->at = p;
}

static enum json_scan_token at_the_end(struct json_scan *s)
{
    if (!s->is_finished) {
        return JSON_SCAN_MORE;
    }
    return s->state == EXPECT_NOTHING ? JSON_SCAN_END : refuse(s, s->at, "not JSON: it ends too early");
}

/* What was under way when the last piece ended. */
static enum json_scan_token resume(struct json_scan *s)
{
    if (s->resume == JSON_SCAN_BROKEN) {
        return JSON_SCAN_BROKEN;
    }
    if (s->is_finished && s->resume != JSON_SCAN_NUMBER) {
        return refuse(s, s->at, "not JSON: it ends too early");
    }
    if (s->at == s->end && !s->is_finished) {
        return JSON_SCAN_MORE;
    }
    switch (s->resume) {
    case JSON_SCAN_NUMBER:
        return scan_number(s, s->at, s->inside);
    case JSON_SCAN_LITERAL:
        return scan_literal(s, s->at);
    default:
        return scan_string(s, (enum json_scan_token)s->resume, s->at);
    }
}

enum json_scan_token json_scan_next(struct json_scan *s)
{
    if (s->resume != JSON_SCAN_MORE) {
        return resume(s);
    }
    for (;;) {
        skip_blanks(s);
        if (s->at == s->end) {
            return at_the_end(s);
        }
        uint8_t byte = *s->at;
        switch (s->state) {
        case EXPECT_COLON:
            if (byte != ':') {
                return refuse(s, s->at, "not JSON: ':' is missing behind a key");
            }
            s->at++;
            s->state = EXPECT_VALUE;
            break;
        case EXPECT_COMMA_OR_CLOSE:
            if (byte == (s->is_in_object ? '}' : ']')) {
                return close_container(s, byte == '}');
            }
            if (byte != ',') {
                return refuse(s, s->at, "not JSON: ',' or a closing bracket is missing");
            }
            s->at++;
            s->state = s->is_in_object ? EXPECT_KEY : EXPECT_VALUE;
            break;
        case EXPECT_KEY_OR_CLOSE:
            if (byte == '}') {
                return close_container(s, true);
            }
            __attribute__((fallthrough));
        case EXPECT_KEY:
            return byte == '"' ? begin_string(s, JSON_SCAN_KEY) : refuse(s, s->at, "not JSON: a key in quotes is missing");
        case EXPECT_VALUE_OR_CLOSE:
            if (byte == ']') {
                return close_container(s, false);
            }
            __attribute__((fallthrough));
        case EXPECT_VALUE:
            return begin_value(s, byte);
        default:
            return refuse(s, s->at, "not JSON: something stands behind the value");
        }
    }
}

void json_scan_feed(struct json_scan *s, struct bytes piece)
{
    s->before += (uint64_t)(s->at - s->begin);
    s->begin = s->at = piece.data;
    s->end = piece.data + piece.size;
}

void json_scan_finish(struct json_scan *s)
{
    static const uint8_t none[1];
    json_scan_feed(s, bytes_of(none, 0));
    s->is_finished = true;
}

uint64_t json_scan_offset(const struct json_scan *s)
{
    return s->before + (uint64_t)(s->at - s->begin);
}
