#include "portal/page.h"

#include <stdio.h>

#include "api/session.h"
#include "base/encode.h"
#include "base/random.h"
#include "portal/portal_internal.h"

enum { KEY_BYTES = 16 };

/* What the layout offers to whom, in this order. */
static const struct {
    const char *path, *text;
    unsigned roles;
} nav[] = {
    { "/", "nav.home", ~(unsigned)ROLES_OF_PERSONS },
    { "/uses", "nav.uses", ROLES_OF_PERSONS },
    { "/consents", "nav.consents", ROLES_OF_PERSONS },
    { "/rights", "nav.rights", ROLES_OF_PERSONS },
    { "/console", "nav.console", ROLES_OF_STAFF | 1U << ROLE_VIEWER },
    { "/console/find", "nav.find", ROLES_OF_STAFF },
    { "/console/rules", "nav.rules", ROLES_OF_STAFF | 1U << ROLE_VIEWER },
    { "/console/tasks", "nav.tasks", ROLES_OF_STAFF },
    { "/people", "nav.people", ROLES_OF_PERSONS },
    { "/sessions", "nav.sessions", ((1U << ROLE_COUNT) - 1) & ~(1U << ROLE_ANONYMOUS) },
};

/* ---- Language and colours ---- */

const struct catalogue *page_language(const struct rest_call *call)
{
    const struct portal *portal = rest_pages_context(call);
    const struct catalogue *chosen = catalogues_find(portal->catalogues, rest_query(call, "lang"));
    if (chosen == NULL) {
        chosen = catalogues_find(portal->catalogues, rest_cookie(call, "lang"));
    }
    const struct field *accept = fields_find(&call->request->fields, BYTES("Accept-Language"));
    return chosen != NULL ? chosen : catalogues_choose(portal->catalogues, accept == NULL ? BYTES_NONE : accept->value);
}

/* "" is what the system says. */
static const char *theme_of(const struct rest_call *call)
{
    struct bytes theme = rest_cookie(call, "theme");
    return bytes_equal(theme, BYTES("dark")) ? "dark" : bytes_equal(theme, BYTES("light")) ? "light" : "";
}

/* ---- What each page gets ---- */

static json_t *text_of(struct bytes text)
{
    return json_stringn(text.size == 0 ? "" : (const char *)text.data, text.size);
}

static bool leads_to(const char *path, struct bytes here)
{
    struct bytes own = bytes_of_text(path);
    return bytes_equal(here, own) || (own.size > 1 && here.size > own.size && bytes_start_with(here, own) && here.data[own.size] == '/');
}

static json_t *nav_of(const struct rest_call *call)
{
    json_t *list = json_array();
    struct bytes here = bytes_slice(call->request->target, 0, bytes_find(call->request->target, '?'));
    size_t nearest = 0; /* the longest that leads here: /console/find is not at /console as well */
    for (size_t i = 0; i < COUNT_OF(nav); i++) {
        nearest = leads_to(nav[i].path, here) && strlen(nav[i].path) > nearest ? strlen(nav[i].path) : nearest;
    }
    for (size_t i = 0; list != NULL && i < COUNT_OF(nav); i++) {
        bool is_here = leads_to(nav[i].path, here) && strlen(nav[i].path) == nearest;
        if ((nav[i].roles & call->principal.roles) != 0 &&
            json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "path", nav[i].path, "text", nav[i].text, "is_here", is_here)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *languages_of(const struct portal *portal, const struct catalogue *chosen)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < catalogues_count(portal->catalogues); i++) {
        const struct catalogue *one = catalogues_at(portal->catalogues, i);
        json_t *row = json_pack("{s:s, s:o, s:s, s:b}", "tag", catalogue_name(one), "name",
                                text_of(catalogue_text(one, BYTES("language.name"), -1)), "direction",
                                catalogue_is_right_to_left(one) ? "rtl" : "ltr", "is_here", one == chosen);
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* A page that was sent a form is not one to come back to by its address. */
static struct bytes own_path(const struct rest_call *call)
{
    return rest_is_local(call->request->target) && bytes_equal(call->request->method, BYTES("GET")) ? call->request->target : BYTES("/");
}

/* The paths of the scripts that the page names beside app.js: static files of ours. NULL: memory, or there is no such file. */
static json_t *scripts_of(const json_t *names)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const struct asset *asset = name == NULL ? NULL : asset_named(name);
        if (asset == NULL || json_array_append_new(list, json_string(asset->path)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* A token needs a session, or begins a cookie that stands for one: only for whoever is signed in, or about to. */
static struct bytes csrf_of(struct rest_call *call, unsigned roles, const json_t *data)
{
    return roles != 0 || json_is_true(json_object_get(data, "has_form")) ? session_csrf(call) : BYTES("");
}

static json_t *page_of(struct rest_call *call, const struct portal *portal, const struct catalogue *texts, const char *name,
                       const json_t *data)
{
    char title[64];
    uint8_t key[KEY_BYTES];
    char hex[2 * KEY_BYTES + 1];
    unsigned roles = call->principal.is_anonymous ? 0 : call->principal.roles;
    const char *theme = theme_of(call), *own = json_string_value(json_object_get(data, "title"));
    (void)snprintf(title, sizeof title, "title.%s", name);
    random_fill(key, sizeof key);
    hex_write(bytes_of(key, sizeof key), hex);
    struct bytes heading = catalogue_text(texts, bytes_of_text(own == NULL ? title : own), -1);
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:b, s:b, s:b, s:b, s:b, s:o, s:s, s:o, s:o, s:o, s:I, s:O}", "language",
                     catalogue_name(texts), "direction", catalogue_is_right_to_left(texts) ? "rtl" : "ltr", "name", name, "title",
                     text_of(heading), "path", text_of(own_path(call)), "theme", theme, "is_light", strcmp(theme, "light") == 0, "is_dark",
                     strcmp(theme, "dark") == 0, "is_signed_in", roles != 0, "is_person", (roles & ROLES_OF_PERSONS) != 0, "is_staff",
                     roles != 0 && (roles & ROLES_OF_PERSONS) == 0, "csrf", text_of(csrf_of(call, roles, data)), "key", hex, "nav",
                     nav_of(call), "languages", languages_of(portal, texts), "scripts", scripts_of(json_object_get(data, "scripts")), "now",
                     (json_int_t)call->now_ms, "assets", portal->assets);
}

/* ---- Making it ---- */

/* Whoever came with ?lang stays with it. */
static bool keep_language(struct rest_call *call, const struct catalogue *texts, struct error *e)
{
    enum { YEAR_S = 365 * 24 * 3600 };
    return rest_query(call, "lang").size == 0 || rest_set_cookie(call, "lang", bytes_of_text(catalogue_name(texts)), YEAR_S, e);
}

bool page_render(struct rest_call *call, const char *name, json_t *data, struct error *e)
{
    struct buffer out;
    const struct portal *portal = rest_pages_context(call);
    const struct catalogue *texts = page_language(call);
    buffer_init(&out, PAGE_BYTES_MAX);
    bool ok = data != NULL && json_object_set_new(data, "page", page_of(call, portal, texts, name, data)) == 0;
    ok = ok ? template_render(portal->templates, "layout", name, data, texts, &out, e) && keep_language(call, texts, e)
            : error_memory(e, "page");
    if (ok) {
        body_free(call->raw);
        call->raw = body_of(buffer_bytes(&out));
        call->media_type = "text/html; charset=utf-8";
        call->language = catalogue_name(texts);
        ok = call->raw != NULL || error_memory(e, "page");
    }
    buffer_wipe(&out); /* it may name persons */
    json_decref(data);
    return ok;
}

static json_t *refusal_of(unsigned status, const char *reason, const char *detail)
{
    bool is_absent = status == 404, is_forbidden = status == 401 || status == 403, is_trouble = status >= 500;
    return json_pack("{s:i, s:s, s:s, s:b, s:b, s:b, s:b}", "status", (int)status, "reason", reason, "detail", detail, "is_absent",
                     is_absent, "is_forbidden", is_forbidden, "is_trouble", is_trouble, "is_other",
                     !is_absent && !is_forbidden && !is_trouble);
}

bool page_refuse(struct rest_call *call, unsigned status, const char *reason, const struct error *cause)
{
    char text[sizeof *cause];
    struct error ignored = { 0 };
    return page_render(call, "refusal", refusal_of(status, reason, error_text(cause, text, sizeof text)), &ignored);
}

bool page_fault(void *context, unsigned status, const char *detail, struct buffer *out)
{
    const struct portal *portal = context;
    struct error ignored = { 0 };
    const struct catalogue *texts = catalogues_at(portal->catalogues, 0);
    json_t *data = refusal_of(status, "request.malformed", detail);
    json_t *page = json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:O}", "language", catalogue_name(texts), "direction", "ltr", "name",
                             "refusal", "title", text_of(catalogue_text(texts, BYTES("title.refusal"), -1)), "path", "/", "theme", "",
                             "assets", portal->assets);
    bool ok = json_object_set_new(data, "page", page) == 0 &&
              template_render(portal->templates, "layout", "refusal", data, texts, out, &ignored);
    json_decref(data);
    return ok;
}
