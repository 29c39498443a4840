#include "net/http1_message_internal.h"

static bool message_failed(struct http1_message *m, enum http1_fault fault, const char *detail)
{
    if (m->fault == HTTP1_FINE) {
        m->fault = fault;
        m->detail = detail;
    }
    return false;
}

static struct http1_message *message_of(llhttp_t *parser)
{
    return parser->data;
}

/* The head is one contiguous piece, so the parts of a span touch. */
static bool span_join(struct bytes *span, const char *at, size_t size)
{
    const uint8_t *data = (const uint8_t *)at;
    if (span->size == 0) {
        *span = (struct bytes){ data, size };
        return true;
    }
    span->size += size;
    return data + size == span->data + span->size;
}

static int on_method(llhttp_t *parser, const char *at, size_t size)
{
    return span_join(&message_of(parser)->method, at, size) ? 0 : HPE_USER;
}

static int on_url(llhttp_t *parser, const char *at, size_t size)
{
    return span_join(&message_of(parser)->target, at, size) ? 0 : HPE_USER;
}

/* Adds the field whose name and value were collected, if there is one. */
static bool field_end(struct http1_message *m)
{
    if (m->name.data == NULL) {
        return true;
    }
    /* The scan has seen that a CRLF ends the head, so there is a byte behind the name. RFC 9112 5.1: no white space before the colon. */
    if (!http1_is_token(m->name) || m->name.data[m->name.size] != ':') {
        return message_failed(m, HTTP1_MALFORMED, "a malformed field name");
    }
    if (m->fields->count == m->field_count_max) {
        return message_failed(m, HTTP1_HEAD_TOO_LARGE, "too many fields");
    }
    if (!fields_add(m->fields, m->arena, m->name, bytes_trim(m->value))) {
        return message_failed(m, HTTP1_MEMORY, "out of memory");
    }
    m->name = m->value = BYTES_NONE;
    return true;
}

static int on_field(llhttp_t *parser, const char *at, size_t size)
{
    struct http1_message *m = message_of(parser);
    if (m->is_head_read) {
        return 0; /* a trailer: bounded by http1_chunks_scan() and dropped */
    }
    const uint8_t *data = (const uint8_t *)at;
    if (m->name.data != NULL && m->value.data == NULL && m->name.data + m->name.size == data) {
        m->name.size += size;
        return 0;
    }
    if (!field_end(m)) {
        return HPE_USER;
    }
    m->name = (struct bytes){ data, size };
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t size)
{
    struct http1_message *m = message_of(parser);
    if (m->is_head_read || size == 0) {
        return 0;
    }
    return span_join(&m->value, at, size) ? 0 : HPE_USER;
}

bool http1_fields_list(const struct fields *fields, struct bytes name, struct bytes token)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (!bytes_equal_ignoring_case(fields->list[i].name, name)) {
            continue;
        }
        struct bytes rest = fields->list[i].value, member = BYTES_NONE;
        while (bytes_split(&rest, ',', &member)) {
            if (bytes_equal_ignoring_case(bytes_trim(member), token)) {
                return true;
            }
        }
    }
    return false;
}

static bool check_length(struct http1_message *m, struct bytes value)
{
    if (m->has_length) {
        return message_failed(m, HTTP1_MALFORMED, "more than one Content-Length");
    }
    m->has_length = true;
    return bytes_to_u64(value, &m->length) || message_failed(m, HTTP1_MALFORMED, "a malformed Content-Length");
}

static bool check_coding(struct http1_message *m, struct bytes value)
{
    if (m->has_coding) {
        return message_failed(m, HTTP1_MALFORMED, "more than one Transfer-Encoding");
    }
    m->has_coding = true;
    return bytes_equal_ignoring_case(value, BYTES("chunked")) ||
           message_failed(m, HTTP1_MALFORMED, "a Transfer-Encoding other than chunked");
}

/* RFC 9112 6.3, with every doubt refused. */
static bool check_framing(struct http1_message *m)
{
    for (size_t i = 0; i < m->fields->count; i++) {
        const struct field *field = &m->fields->list[i];
        bool fine = true;
        if (field->name.size == 14 && bytes_equal_ignoring_case(field->name, BYTES("Content-Length"))) {
            fine = check_length(m, field->value);
        } else if (field->name.size == 17 && bytes_equal_ignoring_case(field->name, BYTES("Transfer-Encoding"))) {
            fine = check_coding(m, field->value);
        }
        if (!fine) {
            return false;
        }
    }
    if (m->has_length && m->has_coding) {
        return message_failed(m, HTTP1_MALFORMED, "Content-Length with Transfer-Encoding");
    }
    if (m->has_coding && m->minor == 0) {
        return message_failed(m, HTTP1_MALFORMED, "Transfer-Encoding in HTTP/1.0");
    }
    return true;
}

static bool has_no_body(const struct http1_message *m)
{
    return m->is_answer_to_head || (m->status >= 100 && m->status < 200) || m->status == 204 || m->status == 304;
}

static int on_head(llhttp_t *parser)
{
    struct http1_message *m = message_of(parser);
    m->minor = parser->http_minor;
    m->status = parser->type == HTTP_RESPONSE ? parser->status_code : 0;
    if (!field_end(m) || !check_framing(m)) {
        return -1;
    }
    m->is_head_read = true;
    m->wants_close = http1_fields_list(m->fields, BYTES("Connection"), BYTES("close"));
    /* What llhttp has found has to agree with what we have: else one of the two reads the message wrongly. */
    bool is_chunked = (parser->flags & F_CHUNKED) != 0;
    if (is_chunked != m->has_coding || (m->has_length && parser->content_length != m->length)) {
        message_failed(m, HTTP1_MALFORMED, "a length that is not understood");
        return -1;
    }
    /* No protocol is changed to (RFC 9110 7.8 lets a server ignore Upgrade): what follows is this message's body, or the next message. */
    parser->upgrade = 0;
    if (has_no_body(m)) {
        return 1;
    }
    if (m->has_length && m->length > m->body_bytes_max) {
        message_failed(m, HTTP1_BODY_TOO_LARGE, "the body is too large");
        return -1;
    }
    if (m->has_length) {
        body_expect(m->body, m->length);
    }
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size)
{
    struct http1_message *m = message_of(parser);
    const uint8_t *data = (const uint8_t *)at;
    if (m->has_coding) {
        if (!http1_chunks_scan(&m->chunks, bytes_of(m->framing, (size_t)(data - m->framing)))) {
            message_failed(m, HTTP1_MALFORMED, m->chunks.fault);
            return HPE_USER;
        }
        m->framing = data + size;
    }
    if (m->is_too_large || body_size(m->body) > m->body_bytes_max || size > m->body_bytes_max - body_size(m->body)) {
        message_failed(m, HTTP1_BODY_TOO_LARGE, "the body is too large");
        return HPE_USER;
    }
    struct error e = { 0 };
    if (!body_append(m->body, bytes_of(data, size), &e)) {
        enum http1_fault fault = e.kind == ERROR_FULL ? HTTP1_BODY_TOO_LARGE : e.kind == ERROR_MEMORY ? HTTP1_MEMORY : HTTP1_STORAGE;
        message_failed(m, fault, fault == HTTP1_BODY_TOO_LARGE ? "the body is too large" : "the body could not be stored");
        return HPE_USER;
    }
    return 0;
}

/* Before the chunk's data come. Only noted: what is wrong with the framing before it is told first. */
static int on_chunk(llhttp_t *parser)
{
    struct http1_message *m = message_of(parser);
    uint64_t size = body_size(m->body);
    m->is_too_large = m->is_too_large || size > m->body_bytes_max || parser->content_length > m->body_bytes_max - size;
    return 0;
}

static int on_whole(llhttp_t *parser)
{
    message_of(parser)->is_whole = true;
    return HPE_PAUSED; /* what follows is another message, with a parser state of its own */
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_chunk_header = on_chunk,
    .on_body = on_body,
    .on_message_complete = on_whole,
};

void http1_message_init(struct http1_message *m, llhttp_type_t type)
{
    *m = (struct http1_message){ 0 };
    llhttp_init(&m->parser, type, &settings);
    m->parser.data = m;
}

static bool is_known_method(struct bytes method)
{
#define METHOD_TEXT(number, name, text) BYTES(#text),
    static const struct bytes known[] = { HTTP_METHOD_MAP(METHOD_TEXT) };
#undef METHOD_TEXT
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (bytes_equal(known[i], method)) {
            return true;
        }
    }
    return false;
}

/* llhttp has refused the head: for its method, or for another reason? */
static bool head_failed(struct http1_message *m, struct bytes head)
{
    struct bytes method = bytes_slice(head, 0, bytes_find(head, ' '));
    if (m->parser.type == HTTP_REQUEST && http1_is_token(method) && !is_known_method(method)) {
        return message_failed(m, HTTP1_METHOD, "a method that is not known");
    }
    return message_failed(m, HTTP1_MALFORMED, "a malformed head");
}

bool http1_message_head(struct http1_message *m, struct bytes head)
{
    llhttp_errno_t got = llhttp_execute(&m->parser, (const char *)head.data, head.size);
    if (m->fault != HTTP1_FINE) {
        return false;
    }
    if (!m->is_head_read || (got != HPE_OK && got != HPE_PAUSED) || (got == HPE_PAUSED) != m->is_whole) {
        return head_failed(m, head);
    }
    if (m->is_whole && (const uint8_t *)llhttp_get_error_pos(&m->parser) != head.data + head.size) {
        return message_failed(m, HTTP1_MALFORMED, "a malformed head");
    }
    return true;
}

bool http1_message_body(struct http1_message *m, struct bytes data, size_t *used)
{
    *used = 0;
    m->framing = data.data;
    llhttp_errno_t got = llhttp_execute(&m->parser, (const char *)data.data, data.size);
    const uint8_t *end = data.data + data.size;
    if (m->fault == HTTP1_FINE && m->is_whole && got == HPE_PAUSED) {
        end = (const uint8_t *)llhttp_get_error_pos(&m->parser);
    } else if (m->fault == HTTP1_FINE && got != HPE_OK) {
        return message_failed(m, HTTP1_MALFORMED, "a malformed body");
    }
    if (m->fault != HTTP1_FINE) {
        return false;
    }
    if (m->has_coding) {
        if (!http1_chunks_scan(&m->chunks, bytes_of(m->framing, (size_t)(end - m->framing)))) {
            return message_failed(m, HTTP1_MALFORMED, m->chunks.fault);
        }
        if (m->is_too_large) {
            return message_failed(m, HTTP1_BODY_TOO_LARGE, "the body is too large");
        }
        if (m->is_whole != (m->chunks.state == HTTP1_CHUNK_END)) {
            return message_failed(m, HTTP1_MALFORMED, "a malformed body");
        }
    }
    *used = (size_t)(end - data.data);
    return true;
}

bool http1_message_needs_end(const struct http1_message *m)
{
    return m->is_head_read && !m->is_whole && !m->has_length && !m->has_coding && m->parser.type == HTTP_RESPONSE;
}

bool http1_message_end(struct http1_message *m)
{
    if (!http1_message_needs_end(m) || m->fault != HTTP1_FINE) {
        return false;
    }
    m->is_whole = true;
    return true;
}
