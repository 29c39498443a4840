/* What pages have that programs' requests don't: forms, cookies, redirections. */
#include "api/rest_page.h"

#include <stdio.h>

#include "api/rest_internal.h"
#include "api/session_internal.h"

/* ---- Forms ---- */

struct bytes rest_form(const struct rest_call *call, const char *name)
{
    struct bytes value = BYTES_NONE;
    size_t at = 0;
    (void)rest_form_next(call, name, &at, &value);
    return value;
}

bool rest_form_next(const struct rest_call *call, const char *name, size_t *at, struct bytes *value)
{
    for (; *at < call->form_count; (*at)++) {
        if (bytes_equal(call->form[*at].name, bytes_of_text(name))) {
            *value = call->form[(*at)++].value;
            return true;
        }
    }
    return false;
}

/* Among the words of route->body: 0 no, 1 once, 2 as often as one likes. */
static unsigned times_allowed(const struct rest_route *route, struct bytes name)
{
    struct bytes rest = bytes_of_text(route->body), word;
    if (bytes_equal(name, BYTES("csrf")) || bytes_equal(name, BYTES("key"))) {
        return 1;
    }
    while (bytes_split(&rest, ' ', &word)) {
        bool is_marked = bytes_end_with(word, BYTES("!")) || bytes_end_with(word, BYTES("*"));
        if (bytes_equal(bytes_slice(word, 0, word.size - is_marked), name)) {
            return bytes_end_with(word, BYTES("*")) ? 2 : 1;
        }
    }
    return 0;
}

static bool has_needed(struct rest_call *call, struct error *e)
{
    struct bytes rest = bytes_of_text(call->route->body), word;
    while (bytes_split(&rest, ' ', &word)) {
        struct bytes name = bytes_slice(word, 0, word.size - 1);
        if (bytes_end_with(word, BYTES("!")) && rest_form(call, rest_text(call, name)).size == 0) {
            return rest_refuse(call, e, 400, "request.malformed", "form", NULL, "the field %.*s must be filled in", BYTES_FMT(name));
        }
    }
    return true;
}

static bool is_form_type(struct bytes type)
{
    struct bytes name;
    return bytes_split(&type, ';', &name) && bytes_equal_ignoring_case(bytes_trim(name), BYTES("application/x-www-form-urlencoded"));
}

static bool add_field(struct rest_call *call, struct bytes pair, struct error *e)
{
    struct bytes raw_name, name, value;
    (void)bytes_split(&pair, '=', &raw_name);
    if (!rest_decode_form(call, raw_name, &name) || !rest_decode_form(call, pair, &value)) {
        return rest_refuse(call, e, 400, "request.malformed", "form", NULL, "is not well-formed");
    }
    unsigned times = times_allowed(call->route, name);
    if (times == 0) {
        return rest_refuse(call, e, 400, "request.malformed", "form", NULL, "has a field that this form doesn't have");
    }
    if (call->form_count == FORM_FIELDS_MAX || (times == 1 && rest_form(call, rest_text(call, name)).data != NULL)) {
        return rest_refuse(call, e, 400, "request.malformed", "form", NULL, "a field is there too often");
    }
    call->form[call->form_count].name = name;
    call->form[call->form_count++].value = value;
    return true;
}

bool rest_page_read_form(struct rest_call *call, struct error *e)
{
    struct bytes text = BYTES_NONE, pair;
    if (!body_view(call->request->body, &text) || text.size > FORM_BYTES_MAX) {
        return rest_refuse(call, e, 413, "request.too_large", "form", NULL, "is too large");
    }
    if (call->route->body == NULL) {
        return text.size == 0 || rest_refuse(call, e, 400, "request.malformed", "body", "send none", "this page takes no form");
    }
    const struct field *type = fields_find(&call->request->fields, BYTES("Content-Type"));
    if (type == NULL || !is_form_type(type->value)) {
        return rest_refuse(call, e, 415, "request.media_type", "header Content-Type", "send application/x-www-form-urlencoded",
                           "the form is of another type");
    }
    while (bytes_split(&text, '&', &pair)) {
        if (pair.size > 0 && !add_field(call, pair, e)) {
            return false;
        }
    }
    return session_check_csrf(call, rest_form(call, "csrf"), e) && has_needed(call, e);
}

/* ---- Cookies ---- */

struct bytes rest_cookie(const struct rest_call *call, const char *name)
{
    struct bytes found = BYTES_NONE, pair, rest;
    for (size_t i = 0; i < call->request->fields.count; i++) {
        const struct field *field = &call->request->fields.list[i];
        if (!bytes_equal_ignoring_case(field->name, BYTES("Cookie"))) {
            continue;
        }
        rest = field->value;
        while (bytes_split(&rest, ';', &pair)) {
            struct bytes left = bytes_trim(pair), own;
            if (!bytes_split(&left, '=', &own) || !bytes_equal(own, bytes_of_text(name))) {
                continue;
            }
            if (found.data != NULL) {
                return BYTES_NONE; /* one that another place has set beside ours: neither is believed */
            }
            found = left;
        }
    }
    return found;
}

/* RFC 6265 4.1.1 cookie-octet. */
static bool is_cookie_value(struct bytes value)
{
    for (size_t i = 0; i < value.size; i++) {
        uint8_t c = value.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\') {
            return false;
        }
    }
    return value.size <= COOKIE_BYTES_MAX;
}

bool rest_set_cookie(struct rest_call *call, const char *name, struct bytes value, int64_t max_age_s, struct error *e)
{
    char age[40] = "";
    if (!is_cookie_value(value) || call->cookie_count == COOKIES_SET_MAX) {
        return error_set(e, ERROR_INPUT, "cookie", NULL, "has a value that no cookie can have, or there are too many");
    }
    if (max_age_s >= 0) {
        (void)snprintf(age, sizeof age, "; Max-Age=%lld", (long long)max_age_s);
    }
    struct bytes text = arena_format(&call->arena, "%s=%.*s; Path=/; HttpOnly; SameSite=Lax%s%s", name, BYTES_FMT(value), age,
                                     session_is_secure(call) ? "; Secure" : "");
    if (text.data == NULL) {
        return error_memory(e, "cookie");
    }
    call->cookies[call->cookie_count++] = (const char *)text.data;
    return true;
}

/* ---- Redirections ---- */

bool rest_is_local(struct bytes target)
{
    if (target.size == 0 || target.size > LOCATION_BYTES_MAX || target.data[0] != '/') {
        return false;
    }
    /* "//host" and "/\\host" name another host; browsers drop tabs and line ends before they look. */
    if (target.size > 1 && (target.data[1] == '/' || target.data[1] == '\\')) {
        return false;
    }
    for (size_t i = 0; i < target.size; i++) {
        if (target.data[i] <= 0x20 || target.data[i] >= 0x7f || target.data[i] == '\\') {
            return false;
        }
    }
    return true;
}

bool rest_redirect(struct rest_call *call, struct bytes target, struct error *e)
{
    call->location = rest_text(call, rest_is_local(target) ? target : BYTES("/"));
    call->status = 303;
    return call->location != NULL || error_memory(e, "redirection");
}

bool rest_page_lead_to_sign_in(struct rest_call *call)
{
    struct buffer text;
    struct error ignored;
    if (call->pages->sign_in == NULL || strcmp(call->route->method, "GET") != 0) {
        return false;
    }
    buffer_init(&text, LOCATION_BYTES_MAX);
    buffer_append_text(&text, call->pages->sign_in);
    if (rest_is_local(call->request->target) && !bytes_equal(call->request->target, BYTES("/"))) {
        buffer_append_text(&text, "?next=");
        rest_append_query(&text, call->request->target);
    }
    bool ok = !text.failed && rest_redirect(call, buffer_bytes(&text), &ignored);
    buffer_clear(&text);
    return ok;
}

void rest_append_query(struct buffer *out, struct bytes value)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.size; i++) {
        uint8_t c = value.data[i];
        bool is_bare = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' ||
                       c == '~' || c == '/';
        if (is_bare) {
            buffer_append_u8(out, c);
        } else {
            buffer_append_u8(out, '%');
            buffer_append_u8(out, (uint8_t)hex[c >> 4]);
            buffer_append_u8(out, (uint8_t)hex[c & 15]);
        }
    }
}

void *rest_pages_context(const struct rest_call *call)
{
    return call->rest->options.pages == NULL ? NULL : call->rest->options.pages->context;
}
