/* Prefaces: net/message.h says what they are. */
#include <stdlib.h>

#include "base/encode.h"
#include "net/http2_internal.h"

bool http2_has_content(unsigned status, bool is_head)
{
    return !is_head && status != 204 && status != 304;
}

/* `:base64:`, into the arena. */
static const char *decode(struct http2_preface *preface, const struct preface_form *form, struct bytes value, struct arena *arena)
{
    if (value.size < 2 || value.data[0] != ':' || value.data[value.size - 1] != ':') {
        return "a message without content must carry its preface in base64 between colons";
    }
    struct bytes text = bytes_slice(value, 1, value.size - 1);
    size_t room = text.size / 4 * 3;
    if (room > form->size_max + 2) { /* with what padding may take off */
        return "the preface is over the limit";
    }
    preface->size = room;
    preface->data = arena_take(arena, room + 1);
    if (preface->data == NULL) {
        return "out of memory";
    }
    if (!base64_parse(text, preface->data, room, &preface->size)) {
        return "the preface is not base64";
    }
    preface->got = preface->size;
    return preface->size <= form->size_max ? NULL : "the preface is over the limit";
}

const char *http2_preface_begin(struct http2_preface *preface, const struct preface_form *form, const struct fields *fields,
                                bool has_content, struct arena *arena)
{
    const struct field *field = form->field.size == 0 ? NULL : fields_find(fields, form->field);
    uint64_t size = 0;
    *preface = (struct http2_preface){ 0 };
    if (field == NULL) {
        return NULL;
    }
    if (fields_find_last(fields, form->field) != field) {
        return "the preface's size is there twice";
    }
    if (!has_content) {
        return decode(preface, form, field->value, arena);
    }
    if (!bytes_to_u64(field->value, &size)) {
        return "the preface's size is not a decimal number";
    }
    if (size > form->size_max) {
        return "the preface is over the limit";
    }
    preface->size = (size_t)size;
    preface->data = arena_take(arena, preface->size + 1);
    return preface->data != NULL ? NULL : "out of memory";
}

struct bytes http2_preface_add(struct http2_preface *preface, struct bytes data)
{
    size_t wanted = preface->size - preface->got;
    size_t taken = data.size < wanted ? data.size : wanted;
    if (taken > 0) {
        memcpy(preface->data + preface->got, data.data, taken);
        preface->got += taken;
    }
    return bytes_slice(data, taken, data.size);
}

bool http2_preface_is_whole(const struct http2_preface *preface)
{
    return preface->got == preface->size;
}

struct bytes http2_preface_value(struct bytes preface, bool has_content, uint8_t digits[HTTP2_DECIMAL_SIZE], uint8_t **coded)
{
    *coded = NULL;
    if (has_content) {
        return http2_decimal(preface.size, digits);
    }
    size_t size = BASE64_SIZE(preface.size) + 2;
    uint8_t *value = malloc(size);
    if (value == NULL) {
        return BYTES_NONE;
    }
    value[0] = ':';
    (void)base64_write(preface, value + 1);
    value[size - 1] = ':';
    *coded = value;
    return bytes_of(value, size);
}
