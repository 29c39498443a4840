/* The pages and files that belong to nobody in particular. */
#include <stdio.h>

#include "portal/page_handlers_internal.h"
#include "portal/portal_internal.h"

/* Whoever is signed in as a person begins with what was asked about them. */
bool page_home(struct rest_call *call, struct error *e)
{
    if (!call->principal.is_anonymous && (call->principal.roles & ROLES_OF_PERSONS) != 0) {
        return rest_redirect(call, BYTES("/uses"), e);
    }
    return page_render(call, "home", json_object(), e);
}

bool page_offline(struct rest_call *call, struct error *e)
{
    call->is_public = true; /* it is nobody's: the service worker keeps it */
    return page_render(call, "offline", json_object(), e);
}

bool page_absent(struct rest_call *call, struct error *e)
{
    return call->match.methods == 0 ? rest_absent(call, e)
                                    : rest_refuse(call, e, 405, "request.method", "method", NULL, "the method is not allowed here");
}

bool page_preferences(struct rest_call *call, struct error *e)
{
    enum { YEAR_S = 365 * 24 * 3600 };
    const struct portal *portal = rest_pages_context(call);
    const struct catalogue *language = catalogues_find(portal->catalogues, rest_query(call, "lang"));
    struct bytes theme = rest_query(call, "theme");
    bool is_known = bytes_equal(theme, BYTES("dark")) || bytes_equal(theme, BYTES("light"));
    if (language != NULL && !rest_set_cookie(call, "lang", bytes_of_text(catalogue_name(language)), YEAR_S, e)) {
        return false;
    }
    if (theme.size > 0 && !rest_set_cookie(call, "theme", is_known ? theme : BYTES("system"), is_known ? YEAR_S : 0, e)) {
        return false;
    }
    return rest_redirect(call, rest_query(call, "next"), e);
}

bool page_asset(struct rest_call *call, struct error *e)
{
    const struct field *accept = fields_find(&call->request->fields, BYTES("Accept-Encoding"));
    struct bytes path = bytes_slice(call->request->target, 0, bytes_find(call->request->target, '?'));
    const struct asset *asset = asset_find(path);
    if (asset == NULL) {
        return rest_absent(call, e);
    }
    bool is_packed = asset->gzip.size > 0 && accept != NULL && asset_takes_gzip(accept->value);
    call->raw = body_of(is_packed ? asset->gzip : asset->plain);
    call->media_type = asset->media_type;
    call->encoding = is_packed ? "gzip" : NULL;
    call->is_public = true;
    call->is_immutable = bytes_start_with(path, BYTES("/assets/"));
    (void)snprintf(call->etag, sizeof call->etag, "%s%s", asset->digest, is_packed ? ".gz" : "");
    return call->raw != NULL || error_memory(e, "file");
}
