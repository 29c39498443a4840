#include "directory/identifier.h"

#include "base/encode.h"
#include "directory/identifier_internal.h"

static const char where[] = "identifier";
static const char todo_form[] = "write COMMUNITY/CLASS/MEMBER/SUBSYSTEM, each part UTF-8 and percent-encoded";
static const char *const part_names[IDENTIFIER_PARTS_MAX] = { "community", "class", "member", "subsystem", "service" };

static bool is_encoded_form(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '%' && !is_pchar(text.data[i])) {
            return false;
        }
    }
    return true;
}

static bool parse_part(struct bytes text, const char *name, uint8_t *storage, struct bytes *part, struct error *e)
{
    size_t size = 0;
    if (!is_encoded_form(text)) {
        return error_set(e, ERROR_INPUT, where, todo_form, "the %s has a character that must be percent-encoded", name);
    }
    if (!percent_decode(text, storage, &size)) {
        return error_set(e, ERROR_INPUT, where, todo_form, "the %s has a %% without two hex digits", name);
    }
    if (size == 0) {
        return error_set(e, ERROR_INPUT, where, todo_form, "the %s is empty", name);
    }
    if (size > IDENTIFIER_PART_SIZE_MAX) {
        return error_set(e, ERROR_INPUT, where, todo_form, "the %s is longer than %d bytes", name, IDENTIFIER_PART_SIZE_MAX);
    }
    *part = bytes_of(storage, size);
    if (!bytes_are_utf8(*part)) {
        return error_set(e, ERROR_INPUT, where, todo_form, "the %s is not UTF-8", name);
    }
    return true;
}

bool identifier_parse(struct bytes text, size_t least, size_t most, uint8_t *storage, struct identifier *out, struct error *e)
{
    struct bytes rest = text;
    struct bytes piece;
    size_t count = 1;
    *out = (struct identifier){ 0 };
    for (size_t i = 0; i < text.size; i++) {
        count += text.data[i] == '/';
    }
    if (count < least || count > most || count > IDENTIFIER_PARTS_MAX) {
        return error_set(e, ERROR_INPUT, where, todo_form, "it has %zu parts, where %zu to %zu are allowed", count, least, most);
    }
    if (text.size == 0) {
        return error_set(e, ERROR_INPUT, where, todo_form, "it is empty");
    }
    /* Decoding never lengthens, so what a part needs is at most what stood in the text before the next one. */
    while (bytes_split(&rest, '/', &piece)) {
        struct bytes *part = &out->parts[out->part_count];
        if (!parse_part(piece, part_names[out->part_count], storage, part, e)) {
            *out = (struct identifier){ 0 };
            return false;
        }
        storage += part->size;
        out->part_count++;
    }
    return true;
}

void identifier_append(struct buffer *out, const struct identifier *id)
{
    identifier_append_parts(out, id, id->part_count);
}

void identifier_append_parts(struct buffer *out, const struct identifier *id, size_t parts)
{
    for (size_t i = 0; i < parts && i < id->part_count; i++) {
        if (i > 0) {
            buffer_append_u8(out, '/');
        }
        percent_append(out, id->parts[i]);
    }
}

bool identifier_equal(const struct identifier *a, const struct identifier *b)
{
    return a->part_count == b->part_count && identifier_is_within(a, b);
}

bool identifier_is_within(const struct identifier *a, const struct identifier *b)
{
    if (a->part_count < b->part_count) {
        return false;
    }
    /* From the last: that is where identifiers of one member differ. */
    for (size_t i = b->part_count; i > 0; i--) {
        if (!bytes_equal(a->parts[i - 1], b->parts[i - 1])) {
            return false;
        }
    }
    return true;
}

/* In UTF-8, which the caller has checked: C1 controls are C2 80 to C2 9F. */
static bool has_control(struct bytes part)
{
    for (size_t i = 0; i < part.size; i++) {
        uint8_t byte = part.data[i];
        if (byte < 0x20 || byte == 0x7F || (byte == 0xC2 && i + 1 < part.size && part.data[i + 1] < 0xA0)) {
            return true;
        }
    }
    return false;
}

static bool has_separator(struct bytes part)
{
    for (size_t i = 0; i < part.size; i++) {
        if (part.data[i] != '\0' && strchr("%:;/\\", part.data[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* Zero-width space and byte order mark: two identifiers that differ by one of them look the same to a person. */
static bool has_invisible(struct bytes part)
{
    for (size_t i = 0; i < part.size; i++) {
        struct bytes rest = bytes_slice(part, i, part.size);
        if (bytes_start_with(rest, BYTES("\xE2\x80\x8B")) || bytes_start_with(rest, BYTES("\xEF\xBB\xBF"))) {
            return true;
        }
    }
    return false;
}

const char *identifier_part_fault(struct bytes part)
{
    if (part.size == 0) {
        return "is empty";
    }
    if (part.size > IDENTIFIER_PART_SIZE_MAX) {
        return "is longer than 255 bytes";
    }
    if (!bytes_are_utf8(part)) {
        return "is not UTF-8";
    }
    if (has_control(part)) {
        return "has a control character";
    }
    if (has_separator(part)) {
        return "has one of % : ; / \\";
    }
    return has_invisible(part) ? "has an invisible character (U+200B or U+FEFF)" : NULL;
}

bool identifier_part_is_plain(struct bytes part)
{
    for (size_t i = 0; i < part.size; i++) {
        uint8_t byte = part.data[i];
        bool is_letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
        bool is_digit = byte >= '0' && byte <= '9';
        if (!is_letter && !is_digit && (byte == '\0' || strchr("'()+,-.=?", byte) == NULL)) {
            return false;
        }
    }
    return true;
}

bool identifier_check_new(const struct identifier *id, bool *is_plain, struct error *e)
{
    bool all_plain = true;
    if (id->part_count == 0 || id->part_count > IDENTIFIER_PARTS_MAX) {
        return error_set(e, ERROR_INPUT, where, todo_form, "it has %zu parts", id->part_count);
    }
    for (size_t i = 0; i < id->part_count; i++) {
        const char *fault = identifier_part_fault(id->parts[i]);
        if (fault != NULL) {
            return error_set(e, ERROR_INPUT, where, "choose a code of letters, digits and -.", "the %s %s", part_names[i], fault);
        }
        all_plain = all_plain && identifier_part_is_plain(id->parts[i]);
    }
    if (is_plain != NULL) {
        *is_plain = all_plain;
    }
    return true;
}
