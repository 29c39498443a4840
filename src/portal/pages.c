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
/* A notice has at most 64 categories (NOTICE_CATEGORIES_MAX); each is answered by a field of its own. */
#define CATEGORY_FIELDS                                                                                                                    \
    "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 "                                                                               \
    "c16 c17 c18 c19 c20 c21 c22 c23 c24 c25 c26 c27 c28 c29 c30 c31 "                                                                     \
    "c32 c33 c34 c35 c36 c37 c38 c39 c40 c41 c42 c43 c44 c45 c46 c47 "                                                                     \
    "c48 c49 c50 c51 c52 c53 c54 c55 c56 c57 c58 c59 c60 c61 c62 c63"
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

    /* The operator's console */
    PAGE("GET", "/console", "pageConsole", "How the gateway does, at this moment", RESOURCE_FIGURE, VERB_READ, NULL, 0, "lang", page_console),
    PAGE("GET", "/console/find", "pageConsoleFind", "Finds exchanges", RESOURCE_EXCHANGE, VERB_LIST, NULL, 0, "lang id peer service reason from until cursor", page_console_find),
    PAGE("GET", "/console/find/{exchangeId}", "pageConsoleExchange", "The story of one exchange", RESOURCE_EXCHANGE, VERB_READ, NULL, 0, "lang person", page_console_exchange),
    PAGE("GET", "/console/rules", "pageConsoleRules", "Who may ask what", RESOURCE_SERVICE, VERB_READ, NULL, 0, "lang cursor", page_console_rules),
    PAGE("POST", "/console/rules/explain", "pageConsoleExplain", "Why would this be refused?", RESOURCE_SERVICE, VERB_READ, "client! service! method path purpose person", 0, "lang", page_console_explain),
    PAGE("POST", "/console/rules/compare", "pageConsoleCompare", "What would this file change?", RESOURCE_SERVICE, VERB_WRITE, "text!", 0, "lang", page_console_compare),
    PAGE("GET", "/console/tasks", "pageConsoleTasks", "What waits for somebody", RESOURCE_TASK, VERB_LIST, NULL, 0, "lang told", page_console_tasks),
    PAGE("POST", "/console/tasks", "pageConsoleAct", "Reviews, releases, accepts, answers", RESOURCE_TASK, VERB_LIST, "act! id verdict words consumer service reason event remedy answer", 0, NULL, page_console_act),

    /* Of a person */
    PAGE("GET", "/uses", "pageUses", "What was asked about me, by day", RESOURCE_USE, VERB_LIST, NULL, 0, "lang told cursor show who from until consent", page_uses),
    PAGE("GET", "/uses/complete", "pageUsesComplete", "Is my list complete?", RESOURCE_USE, VERB_LIST, NULL, 0, "lang", page_uses_complete),
    PAGE("GET", "/uses/{entry}", "pageUse", "One use, with its story and its check", RESOURCE_USE, VERB_READ, NULL, 0, "lang", page_use),
    PAGE("GET", "/consents", "pageConsents", "What I was asked, allowed and ended", RESOURCE_CONSENT, VERB_LIST, NULL, 0, "lang told cursor", page_consents),
    PAGE("POST", "/consents/withdraw", "pageConsentsWithdraw", "Withdraws everything", RESOURCE_CONSENT, VERB_WITHDRAW, "", 0, NULL, page_consents_withdraw),
    PAGE("GET", "/consents/{consentId}", "pageConsent", "One consent, or the request for one", RESOURCE_CONSENT, VERB_READ, NULL, 0, "lang told", page_consent),
    PAGE("GET", "/consents/{consentId}/notice", "pageConsentNotice", "The notice as it was shown then", RESOURCE_CONSENT, VERB_READ, NULL, 0, "lang", page_consent_notice),
    PAGE("POST", "/consents/{consentId}/answer", "pageConsentAnswer", "Allows, refuses or puts off", RESOURCE_CONSENT, VERB_DECIDE, "decision! match notice act* " CATEGORY_FIELDS, 0, NULL, page_consent_answer),
    PAGE("POST", "/consents/{consentId}/withdraw", "pageConsentWithdraw", "Withdraws a consent, or one category of it", RESOURCE_CONSENT, VERB_WITHDRAW, "category", 0, NULL, page_consent_withdraw),
    PAGE("POST", "/consents/{consentId}/pause", "pageConsentPause", "Lets a consent rest", RESOURCE_CONSENT, VERB_WITHDRAW, "match", 0, NULL, page_consent_pause),
    PAGE("POST", "/consents/{consentId}/resume", "pageConsentResume", "Ends the rest", RESOURCE_CONSENT, VERB_DECIDE, "match", 0, NULL, page_consent_resume),
    PAGE("GET", "/rights", "pageRights", "What I asked of the holder, and what I may ask", RESOURCE_RIGHT, VERB_LIST, NULL, 0, "lang told right", page_rights),
    PAGE("POST", "/rights", "pageRightAsk", "Asks for something", RESOURCE_RIGHT, VERB_DECIDE, "right! words", 0, NULL, page_right_ask),
    PAGE("GET", "/rights/{requestId}", "pageRight", "One request, with its clock and its answer", RESOURCE_RIGHT, VERB_READ, NULL, 0, "lang told", page_right),
    PAGE("POST", "/rights/{requestId}/cancel", "pageRightCancel", "Takes a request back", RESOURCE_RIGHT, VERB_DECIDE, "", 0, NULL, page_right_cancel),
    PAGE("GET", "/people", "pagePeople", "For whom I answer, and who answers for me", RESOURCE_PERSON, VERB_LIST, NULL, 0, "lang told", page_people),
    PAGE("POST", "/people/act", "pagePeopleAct", "Acts for somebody else", RESOURCE_PERSON, VERB_READ, "guardianship!", 0, NULL, page_people_act),
    PAGE("POST", "/people/own", "pagePeopleOwn", "Acts for oneself again", RESOURCE_PERSON, VERB_READ, "", 0, NULL, page_people_own),
    PAGE("POST", "/pause", "pagePause", "Refuses what rests on consent, from now on", RESOURCE_PERSON, VERB_WITHDRAW, "next", 0, NULL, page_person_pause),
    PAGE("POST", "/resume", "pageResume", "Lets what was consented to be used again", RESOURCE_PERSON, VERB_DECIDE, "next", 0, NULL, page_person_resume),

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
