#include "gateway/xroad.h"

enum error_form { FORM_JSON = 0, FORM_XML, FORM_TEXT_XML, FORM_PROBLEM };

void json_escape(struct buffer *out, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '"' || byte == '\\') {
            buffer_append_u8(out, '\\');
            buffer_append_u8(out, byte);
        } else if (byte < 0x20) {
            buffer_append_format(out, "\\u%04x", byte);
        } else {
            buffer_append_u8(out, byte);
        }
    }
}

void xml_escape(struct buffer *out, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        switch (text.data[i]) {
        case '<':
            buffer_append_text(out, "&lt;");
            break;
        case '>':
            buffer_append_text(out, "&gt;");
            break;
        case '&':
            buffer_append_text(out, "&amp;");
            break;
        case '"':
            buffer_append_text(out, "&quot;");
            break;
        default:
            /* XML 1.0 has no way to write most control characters at all. */
            buffer_append_u8(out, text.data[i] < 0x20 && text.data[i] != '\t' && text.data[i] != '\n' ? '?' : text.data[i]);
            break;
        }
    }
}

/* X-Road 1.6: the first item that asks for XML wins, q is ignored, anything else gives JSON; problem+json is ours. */
static enum error_form form_for(struct bytes accept)
{
    struct bytes rest = accept;
    struct bytes item;
    while (bytes_split(&rest, ',', &item)) {
        struct bytes type = bytes_trim(bytes_slice(item, 0, bytes_find(item, ';')));
        if (bytes_equal_ignoring_case(type, BYTES("application/xml"))) {
            return FORM_XML;
        }
        if (bytes_equal_ignoring_case(type, BYTES("text/xml")) || bytes_equal_ignoring_case(type, BYTES("text/*"))) {
            return FORM_TEXT_XML;
        }
        if (bytes_equal_ignoring_case(type, BYTES("application/problem+json"))) {
            return FORM_PROBLEM;
        }
    }
    return FORM_JSON;
}

void xroad_error_type(struct buffer *out, const struct xroad_error *error)
{
    bool is_client = strcmp(error->prefix, "client") == 0;
    if (error->is_77) {
        buffer_append_text(out, is_client
                                    ? "Client"
                                    : (strcmp(error->prefix, "server.clientproxy") == 0 ? "Server.ClientProxy" : "Server.ServerProxy"));
    } else {
        buffer_append_text(out, error->prefix);
    }
    buffer_append_u8(out, '.');
    buffer_append_text(out, error->type != NULL ? error->type : reason_xroad(error->reason, error->is_77));
}

static void json_member(struct buffer *out, const char *name, struct bytes value)
{
    buffer_append_u8(out, '"');
    buffer_append_text(out, name);
    buffer_append_text(out, "\":\"");
    json_escape(out, value);
    buffer_append_u8(out, '"');
}

static void write_json(struct buffer *out, const struct xroad_error *error, bool is_problem)
{
    struct bytes code = bytes_of_text(reason_code(error->reason));
    buffer_append_u8(out, '{');
    if (is_problem) {
        buffer_append_format(out, "\"type\":\"urn:comity:reason:%s\",", reason_code(error->reason));
        json_member(out, "title", bytes_of_text(reason_meaning(error->reason)));
        buffer_append_format(out, ",\"status\":%u,\"xroad_error\":\"", error->status);
    } else {
        buffer_append_text(out, "\"type\":\"");
    }
    xroad_error_type(out, error);
    buffer_append_text(out, "\",");
    json_member(out, "message", error->message);
    buffer_append_u8(out, ',');
    json_member(out, "detail", is_problem ? error->message : error->exchange);
    buffer_append_u8(out, ',');
    json_member(out, "reason", code);
    buffer_append_u8(out, ',');
    json_member(out, "exchange", error->exchange);
    buffer_append_u8(out, '}');
}

static void write_xml(struct buffer *out, const struct xroad_error *error)
{
    buffer_append_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><error><type>");
    xroad_error_type(out, error);
    buffer_append_text(out, "</type><message>");
    xml_escape(out, error->message);
    buffer_append_text(out, "</message><detail>");
    xml_escape(out, error->exchange);
    buffer_append_text(out, "</detail><reason>");
    buffer_append_text(out, reason_code(error->reason));
    buffer_append_text(out, "</reason></error>");
}

const char *xroad_error_write(struct buffer *out, const struct xroad_error *error, struct bytes accept)
{
    switch (form_for(accept)) {
    case FORM_XML:
        write_xml(out, error);
        return "application/xml;charset=utf-8";
    case FORM_TEXT_XML:
        write_xml(out, error);
        return "text/xml;charset=utf-8";
    case FORM_PROBLEM:
        write_json(out, error, true);
        return "application/problem+json";
    case FORM_JSON:
        break;
    }
    write_json(out, error, false);
    return "application/json";
}
