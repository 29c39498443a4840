/*
 * Signature-Input and Signature (evidence/statement.h): dictionaries of RFC 8941, of which all members are read, and the one with our
 * label is understood. Anything that RFC 8941 does not allow anywhere in the field refuses the whole of it (its section 4.2).
 */
#include "evidence/statement.h"

enum item_type { ITEM_NONE = 0, ITEM_STRING, ITEM_INTEGER, ITEM_DECIMAL, ITEM_TOKEN, ITEM_BYTES, ITEM_BOOLEAN };

/* A bare item: a view of what it says (without quotes or colons). */
struct item {
    enum item_type type;
    struct bytes text;
    bool has_escape;
};

struct parser {
    struct bytes left;
    bool failed;
};

static int peek(const struct parser *p)
{
    return p->failed || p->left.size == 0 ? -1 : p->left.data[0];
}

static void skip(struct parser *p, size_t count)
{
    p->left = bytes_slice(p->left, count, p->left.size);
}

static bool accept(struct parser *p, int byte)
{
    if (peek(p) != byte) {
        return false;
    }
    skip(p, 1);
    return true;
}

static void expect(struct parser *p, int byte)
{
    if (!accept(p, byte)) {
        p->failed = true;
    }
}

static void skip_spaces(struct parser *p)
{
    while (accept(p, ' ')) {
    }
}

static void skip_optional_space(struct parser *p)
{
    while (accept(p, ' ') || accept(p, '\t')) {
    }
}

static bool is_lower(int c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(int c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

/* Takes bytes as long as `belongs` says so. */
static struct bytes take_while(struct parser *p, bool (*belongs)(int))
{
    struct bytes from = p->left;
    size_t size = 0;
    while (size < from.size && belongs(from.data[size])) {
        size++;
    }
    skip(p, size);
    return bytes_slice(from, 0, size);
}

static bool is_key_byte(int c)
{
    return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '*';
}

static bool is_token_byte(int c)
{
    return is_alpha(c) || is_digit(c) || (c > 0 && strchr("!#$%&'*+-.^_`|~:/", c) != NULL);
}

static bool is_base64_byte(int c)
{
    return is_alpha(c) || is_digit(c) || c == '+' || c == '/' || c == '=';
}

static struct bytes parse_key(struct parser *p)
{
    if (!is_lower(peek(p)) && peek(p) != '*') {
        p->failed = true;
        return BYTES_NONE;
    }
    return take_while(p, is_key_byte);
}

static void parse_string(struct parser *p, struct item *out)
{
    struct bytes from = p->left;
    size_t size = 0;
    out->type = ITEM_STRING;
    for (; size < from.size && from.data[size] != '"'; size++) {
        if (from.data[size] == '\\') {
            out->has_escape = true;
            size++;
            if (size == from.size || (from.data[size] != '"' && from.data[size] != '\\')) {
                p->failed = true;
                return;
            }
        } else if (from.data[size] < 0x20 || from.data[size] > 0x7E) {
            p->failed = true;
            return;
        }
    }
    out->text = bytes_slice(from, 0, size);
    skip(p, size);
    expect(p, '"');
}

static void parse_number(struct parser *p, struct item *out)
{
    struct bytes from = p->left;
    (void)accept(p, '-');
    size_t digits = take_while(p, is_digit).size;
    size_t fraction = 0;
    out->type = ITEM_INTEGER;
    if (accept(p, '.')) {
        out->type = ITEM_DECIMAL;
        fraction = take_while(p, is_digit).size;
        p->failed = p->failed || fraction == 0 || fraction > 3 || digits > 12;
    }
    p->failed = p->failed || digits == 0 || digits > 15;
    out->text = bytes_slice(from, 0, from.size - p->left.size);
}

/* A receipt is most of a message's fields: by a loop of its own, without a call for each byte. */
static struct bytes take_base64(struct parser *p)
{
    size_t size = 0;
    while (size < p->left.size && is_base64_byte(p->left.data[size])) {
        size++;
    }
    struct bytes taken = bytes_slice(p->left, 0, size);
    p->left = bytes_slice(p->left, size, p->left.size);
    return taken;
}

static struct item parse_item(struct parser *p)
{
    struct item item = { .type = ITEM_NONE };
    int first = peek(p);
    if (accept(p, '"')) {
        parse_string(p, &item);
    } else if (is_digit(first) || first == '-') {
        parse_number(p, &item);
    } else if (accept(p, ':')) {
        item.type = ITEM_BYTES;
        item.text = take_base64(p);
        expect(p, ':');
    } else if (accept(p, '?')) {
        item.type = ITEM_BOOLEAN;
        item.text = bytes_slice(p->left, 0, 1);
        if (!accept(p, '0') && !accept(p, '1')) {
            p->failed = true;
        }
    } else if (is_alpha(first) || first == '*') {
        item.type = ITEM_TOKEN;
        item.text = take_while(p, is_token_byte);
    } else {
        p->failed = true;
    }
    return item;
}

/* The next ";key" or ";key=item". A key alone is the boolean true. */
static bool next_parameter(struct parser *p, struct bytes *key, struct item *value)
{
    if (p->failed || !accept(p, ';')) {
        return false;
    }
    skip_spaces(p);
    *key = parse_key(p);
    *value = (struct item){ .type = ITEM_BOOLEAN, .text = BYTES("1") };
    if (accept(p, '=')) {
        *value = parse_item(p);
    }
    return !p->failed;
}

static void skip_parameters(struct parser *p)
{
    struct bytes key;
    struct item value;
    while (next_parameter(p, &key, &value)) {
    }
}

/* An inner list or an item, with its parameters: another label's member. */
static void skip_member(struct parser *p)
{
    if (!accept(p, '(')) {
        (void)parse_item(p);
        skip_parameters(p);
        return;
    }
    skip_spaces(p);
    while (!p->failed && !accept(p, ')')) {
        (void)parse_item(p);
        skip_parameters(p);
        if (peek(p) != ' ' && peek(p) != ')') {
            p->failed = true;
        }
        skip_spaces(p);
    }
    skip_parameters(p);
}

static bool refuse(struct error *e, const char *where, const char *what)
{
    return error_set(e, ERROR_INPUT, where, "send it as RFC 9421 and RFC 8941 have it", "%s", what);
}

/*
 * Walks through a dictionary's members; `understand` reads the one with the label, which must be there once. All of the field must be
 * well-formed, also what stands behind.
 */
static bool parse_dictionary(struct bytes field, struct bytes label, const char *where,
                             bool (*understand)(struct parser *, void *, struct error *), void *out, struct error *e)
{
    struct parser p = { .left = bytes_trim(field) };
    bool is_found = false;
    while (!p.failed && p.left.size > 0) {
        struct bytes key = parse_key(&p);
        bool is_ours = !p.failed && bytes_equal(key, label);
        if (is_ours && is_found) {
            return refuse(e, where, "the label is there twice");
        }
        if (!accept(&p, '=')) {
            if (is_ours) {
                return refuse(e, where, "the label has no value");
            }
            skip_parameters(&p);
        } else if (!is_ours) {
            skip_member(&p);
        } else if (!understand(&p, out, e)) {
            return false;
        }
        is_found = is_found || is_ours;
        skip_optional_space(&p);
        if (p.left.size > 0) {
            expect(&p, ',');
            skip_optional_space(&p);
            p.failed = p.failed || p.left.size == 0; /* a comma at the end */
        }
    }
    if (p.failed) {
        return refuse(e, where, "it is no dictionary of RFC 8941");
    }
    return is_found || error_set(e, ERROR_ABSENT, where, NULL, "the label %.*s is not there", (int)(label.size < 64 ? label.size : 64),
                                 (const char *)label.data);
}

static bool to_seconds(struct item value, int64_t *out)
{
    uint64_t number;
    if (value.type != ITEM_INTEGER || !bytes_to_u64(value.text, &number)) {
        return false;
    }
    *out = (int64_t)number; /* at most 15 digits */
    return true;
}

/* A component: a string with at most ;req. */
static bool parse_component(struct parser *p, struct statement_input *out, struct error *e)
{
    struct item item = parse_item(p);
    struct bytes key;
    struct item value;
    bool of_request = false;
    if (p->failed || item.type != ITEM_STRING || item.has_escape || item.text.size == 0) {
        return refuse(e, "header Signature-Input", "a component is not a string with a name");
    }
    while (next_parameter(p, &key, &value)) {
        if (!bytes_equal(key, BYTES("req")) || value.type != ITEM_BOOLEAN || value.text.data[0] != '1' || of_request) {
            return refuse(e, "header Signature-Input", "a component has another parameter than ;req");
        }
        of_request = true;
    }
    for (size_t i = 0; i < out->count; i++) {
        if (out->components[i].of_request == of_request && bytes_equal(out->components[i].name, item.text)) {
            return refuse(e, "header Signature-Input", "a component is there twice");
        }
    }
    if (out->count == STATEMENT_COMPONENTS_MAX) {
        return refuse(e, "header Signature-Input", "too many components");
    }
    out->components[out->count].name = item.text;
    out->components[out->count].of_request = of_request;
    out->count++;
    return true;
}

static bool set_parameter(struct statement_input *out, unsigned *seen, struct bytes key, struct item value)
{
    const struct {
        struct bytes name;
        struct bytes *text;
    } texts[] = {
        { BYTES("nonce"), &out->parameters.nonce },
        { BYTES("keyid"), &out->parameters.keyid },
        { BYTES("alg"), &out->parameters.alg },
        { BYTES("tag"), &out->parameters.tag },
    };
    if (bytes_equal(key, BYTES("created")) && !out->has_created) {
        out->has_created = true;
        return to_seconds(value, &out->parameters.created_s);
    }
    if (bytes_equal(key, BYTES("expires")) && !out->has_expires) {
        out->has_expires = true;
        return to_seconds(value, &out->expires_s);
    }
    for (unsigned i = 0; i < COUNT_OF(texts); i++) {
        if (bytes_equal(key, texts[i].name) && (*seen >> i & 1) == 0) {
            *seen |= 1U << i;
            *texts[i].text = value.text;
            return value.type == ITEM_STRING && !value.has_escape;
        }
    }
    return false;
}

static bool understand_input(struct parser *p, void *context, struct error *e)
{
    struct statement_input *out = context;
    struct bytes from = p->left;
    struct bytes key;
    struct item value;
    unsigned seen = 0;
    memset(out, 0, sizeof *out);
    if (!accept(p, '(')) {
        return refuse(e, "header Signature-Input", "the label's value is not a list in brackets");
    }
    skip_spaces(p);
    while (!accept(p, ')')) {
        if (!parse_component(p, out, e)) {
            return false;
        }
        if (p->failed || (peek(p) != ' ' && peek(p) != ')')) {
            return refuse(e, "header Signature-Input", "components are not parted by spaces");
        }
        skip_spaces(p);
    }
    while (next_parameter(p, &key, &value)) {
        if (!set_parameter(out, &seen, key, value)) {
            return refuse(e, "header Signature-Input", "a parameter is unknown, of a wrong type, or there twice");
        }
    }
    if (p->failed) {
        return refuse(e, "header Signature-Input", "a parameter is malformed");
    }
    out->raw = bytes_slice(from, 0, from.size - p->left.size);
    return true;
}

bool statement_input_parse(struct bytes field, struct bytes label, struct statement_input *out, struct error *e)
{
    return parse_dictionary(field, label, "header Signature-Input", understand_input, out, e);
}

static bool understand_signature(struct parser *p, void *context, struct error *e)
{
    struct item item = parse_item(p);
    if (p->failed || item.type != ITEM_BYTES) {
        return refuse(e, "header Signature", "the label's value is not base64 between colons");
    }
    skip_parameters(p);
    *(struct bytes *)context = item.text;
    return true;
}

bool statement_signature_parse(struct bytes field, struct bytes label, struct bytes *base64, struct error *e)
{
    return parse_dictionary(field, label, "header Signature", understand_signature, base64, e);
}
