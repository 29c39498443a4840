#include "evidence/statement.h"

#include <inttypes.h>

/* What stands between quotes as it is: printable ASCII without '"' and '\' (RFC 8941 3.3.3). */
static bool is_bare(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7E || text.data[i] == '"' || text.data[i] == '\\') {
            return false;
        }
    }
    return true;
}

static bool is_line(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((text.data[i] < 0x20 && text.data[i] != '\t') || text.data[i] > 0x7E) {
            return false;
        }
    }
    return true;
}

static void append_quoted(struct buffer *out, struct bytes text)
{
    out->failed = out->failed || !is_bare(text);
    buffer_append_u8(out, '"');
    buffer_append(out, text);
    buffer_append_u8(out, '"');
}

static void append_component(struct buffer *out, const struct statement_component *component)
{
    append_quoted(out, component->name);
    if (component->of_request) {
        buffer_append_text(out, ";req");
    }
}

static void append_parameter(struct buffer *out, const char *name, struct bytes value)
{
    if (value.size > 0) {
        buffer_append_u8(out, ';');
        buffer_append_text(out, name);
        buffer_append_u8(out, '=');
        append_quoted(out, value);
    }
}

void statement_write_parameters(struct buffer *out, const struct statement_component *components, size_t count,
                                const struct statement_parameters *parameters)
{
    buffer_append_u8(out, '(');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buffer_append_u8(out, ' ');
        }
        append_component(out, &components[i]);
    }
    buffer_append_format(out, ");created=%" PRId64, parameters->created_s);
    append_parameter(out, "nonce", parameters->nonce);
    append_parameter(out, "keyid", parameters->keyid);
    append_parameter(out, "alg", parameters->alg);
    append_parameter(out, "tag", parameters->tag);
}

void statement_write(struct buffer *out, const struct statement_component *components, size_t count, struct bytes parameters_text)
{
    for (size_t i = 0; i < count; i++) {
        /* One line each: a value with a line break could pass for another component. */
        out->failed = out->failed || !is_line(components[i].value);
        append_component(out, &components[i]);
        buffer_append_text(out, ": ");
        buffer_append(out, components[i].value);
        buffer_append_u8(out, '\n');
    }
    out->failed = out->failed || !is_line(parameters_text);
    buffer_append_text(out, "\"@signature-params\": ");
    buffer_append(out, parameters_text);
}
