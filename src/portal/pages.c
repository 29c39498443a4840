#include "portal/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/diag.h"
#include "base/disk.h"
#include "portal/page_handlers_internal.h"
#include "portal/portal_internal.h"

/* ---- The table: one row a page; docs/pages.md says how to add one ---- */

/* A page of `fields` (of its form), for GET rows NULL; `queries` besides lang, which each page has. */
#define PAGE(method, path, id, summary, resource, verb, fields, flags, queries, run)                                                       \
    {                                                                                                                                      \
        method, path, id, summary, resource, verb, fields, NULL, 200, (flags) | ROUTE_PLAIN, queries, run                                  \
    }
/* clang-format off */
const struct rest_route page_routes[] = {
    /* Of everybody */
    PAGE("GET", "/", "pageHome", "What this place is, and where to go", RESOURCE_PUBLIC, VERB_READ, NULL, 0, "lang", page_home),
    PAGE("GET", "/preferences", "pagePreferences", "Chooses language and colours, and goes back", RESOURCE_PUBLIC, VERB_READ, NULL, 0, "lang theme next", page_preferences),
    PAGE("GET", "/offline", "pageOffline", "What is shown when the line is cut", RESOURCE_PUBLIC, VERB_READ, NULL, ROUTE_STATIC, "lang", page_offline),
    PAGE("GET", "/assets/{name}", "pageAsset", "A static file", RESOURCE_PUBLIC, VERB_READ, NULL, ROUTE_STATIC, NULL, page_asset),
    PAGE("GET", "/sw.js", "pageServiceWorker", "The service worker", RESOURCE_PUBLIC, VERB_READ, NULL, ROUTE_STATIC, NULL, page_asset),
    PAGE("GET", "/manifest.webmanifest", "pageManifest", "How the pages are installed on a phone", RESOURCE_PUBLIC, VERB_READ, NULL, ROUTE_STATIC, NULL, page_asset),
    PAGE("GET", "/robots.txt", "pageRobots", "Nothing here is for search engines", RESOURCE_PUBLIC, VERB_READ, NULL, ROUTE_STATIC, NULL, page_asset),

    /* Signing in and out */
    PAGE("GET", "/sign-in", "pageSignIn", "Ways to sign in", RESOURCE_PUBLIC, VERB_READ, NULL, ROUTE_SIGN_IN, "lang next", page_sign_in),
    PAGE("POST", "/sign-in", "pageSignInCode", "Signs in by a code on paper", RESOURCE_PUBLIC, VERB_READ, "code! next", ROUTE_SIGN_IN, "lang", page_sign_in_code),
    PAGE("GET", "/sign-in/provider", "pageSignInProvider", "Leads to a provider", RESOURCE_PUBLIC, VERB_READ, NULL, ROUTE_SIGN_IN, "lang name! next", page_sign_in_provider),
    PAGE("GET", "/sign-in/callback", "pageSignInCallback", "Where a provider sends people back to", RESOURCE_PUBLIC, VERB_READ, NULL, ROUTE_SIGN_IN | ROUTE_ANY_QUERY, "lang code state iss error", page_sign_in_callback),
    PAGE("POST", "/sign-out/provider", "pageSignOutProvider", "A provider ends sessions (OpenID Connect Back-Channel Logout)", RESOURCE_PUBLIC, VERB_READ, "logout_token!", ROUTE_PROVIDER, NULL, page_sign_out_provider),
    PAGE("POST", "/sign-out", "pageSignOut", "Signs out", RESOURCE_PUBLIC, VERB_READ, "", 0, "lang", page_sign_out),
    PAGE("GET", "/signed-out", "pageSignedOut", "One is signed out", RESOURCE_PUBLIC, VERB_READ, NULL, ROUTE_SIGN_IN, "lang", page_signed_out),
    PAGE("GET", "/sessions", "pageSessions", "Where one is signed in", RESOURCE_SESSION, VERB_LIST, NULL, 0, "lang", page_sessions),
    PAGE("POST", "/sessions", "pageSessionsEnd", "Signs out in another place, or everywhere", RESOURCE_SESSION, VERB_ERASE, "id", 0, "lang", page_sessions_end),

    /* Of a person */

    /* Of staff */
};
static const struct rest_route route_absent =
    PAGE("GET", "", "pageAbsent", "There is no such page", RESOURCE_PUBLIC, VERB_READ, NULL, ROUTE_STATIC, NULL, page_absent);
/* clang-format on */
const size_t page_route_count = COUNT_OF(page_routes);

/* ---- Life ---- */

static bool make_assets(struct portal *portal, struct error *e)
{
    portal->assets = json_object();
    bool ok = portal->assets != NULL;
    for (size_t i = 0; ok && i < portal_asset_count; i++) {
        char key[64];
        size_t size = strlen(portal_assets[i].name);
        ok = size < sizeof key;
        for (size_t j = 0; ok && j <= size; j++) {
            char c = portal_assets[i].name[j];
            key[j] = c == '.' || c == '-' ? '_' : c; /* a template's names have dots between objects */
        }
        ok = ok && json_object_set_new(portal->assets, key, json_string(portal_assets[i].path)) == 0;
    }
    return ok || error_memory(e, "pages");
}

/* A file of the operator's folder. */
struct adding {
    struct portal *portal;
    struct disk *disk;
    struct error *e;
    bool failed;
};

static void add_file(void *context, const char *name, bool is_folder)
{
    struct adding *a = context;
    char language[LANGUAGE_BYTES_MAX];
    uint8_t *text = NULL;
    size_t size = 0, lacking = 0, length = strlen(name);
    if (a->failed || is_folder || length < 6 || length - 5 >= sizeof language || strcmp(name + length - 5, ".json") != 0) {
        return;
    }
    memcpy(language, name, length - 5);
    language[length - 5] = '\0';
    int fault = disk_read_whole(a->disk, name, CATALOGUE_BYTES_MAX, &text, &size);
    a->failed = fault != 0 ? !error_set(a->e, ERROR_IO, name, "let the gateway read it", "the file of a language cannot be read")
                           : !catalogues_add(a->portal->catalogues, language, bytes_of(text, size), &lacking, a->e);
    free(text);
    if (!a->failed && lacking > 0) {
        char number[24];
        (void)snprintf(number, sizeof number, "%zu", lacking);
        diag(DIAG_WARN, "portal", "a language lacks texts; English stands in", "language", language, "lacking", number, NULL);
    }
}

static bool add_folder(struct portal *portal, const char *folder, struct error *e)
{
    struct adding a = { .portal = portal, .e = e };
    struct stat status;
    if (folder == NULL || stat(folder, &status) != 0) {
        return true;
    }
    if (!disk_open_folder(&a.disk, folder, true, e)) {
        return false;
    }
    int fault = a.disk->functions->list(a.disk, "", add_file, &a);
    disk_free(a.disk);
    return fault == 0 ? !a.failed : error_set(e, ERROR_IO, folder, "let the gateway read it", "the folder of languages cannot be read");
}

bool portal_make(struct portal **out, const char *languages_folder, struct error *e)
{
    *out = NULL;
    struct portal *portal = calloc(1, sizeof *portal);
    if (portal == NULL) {
        return error_memory(e, "pages");
    }
    portal->catalogues = catalogues_make();
    bool ok = portal->catalogues != NULL || error_memory(e, "pages");
    for (size_t i = 0; ok && i < portal_language_count; i++) {
        ok = catalogues_add(portal->catalogues, portal_languages[i].name, portal_languages[i].text, NULL, e);
    }
    ok = ok && add_folder(portal, languages_folder, e) && make_assets(portal, e) &&
         templates_make(&portal->templates, portal_templates, portal_template_count, e);
    if (!ok) {
        portal_free(portal);
        return false;
    }
    portal->pages = (struct rest_pages){ .routes = page_routes,
                                         .count = page_route_count,
                                         .absent = &route_absent,
                                         .sign_in = "/sign-in",
                                         .refuse = page_refuse,
                                         .fault = page_fault,
                                         .context = portal };
    *out = portal;
    return true;
}

void portal_free(struct portal *portal)
{
    if (portal == NULL) {
        return;
    }
    templates_free(portal->templates);
    catalogues_free(portal->catalogues);
    json_decref(portal->assets);
    free(portal);
}

const struct rest_pages *portal_pages(const struct portal *portal)
{
    return &portal->pages;
}
