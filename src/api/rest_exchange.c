/* /v1/exchanges: finding an exchange in the log, its story, and its evidence. Persons only for those who may look at persons, and each look is told. */
#include <stdio.h>

#include "api/access_event.h"
#include "api/rest_handlers_internal.h"
#include "base/time.h"
#include "consent/exchange_find.h"
#include "interchange/exchange_story.h"
#include "interchange/json_make.h"
#include "policy/reason.h"

enum { BUNDLE_BYTES_MAX = 64 * 1024 * 1024 };

/* ---- The list ---- */

struct listing {
    json_t *list;
    bool failed;
};

static bool add_found(void *context, const struct exchange_found *found)
{
    struct listing *listing = context;
    struct json_maker m = json_make();
    json_make_bytes(&m, "exchange", found->exchange);
    json_make_number(&m, "entry", found->entry);
    json_make_time(&m, "time", found->time_ms);
    json_make_text(&m, "side", found->is_holder ? "holder" : "consumer");
    json_make_bytes_or_null(&m, "client", found->client);
    json_make_bytes_or_null(&m, "service", found->service);
    json_make_text(&m, "verdict", found->is_refused ? "refuse" : "permit");
    json_make_bytes_or_null(&m, "reason", found->reason);
    json_make_value(&m, "status", found->status == 0 ? json_null() : json_integer((json_int_t)found->status));
    listing->failed = !json_list_add(listing->list, json_made(&m));
    return !listing->failed;
}

static bool read_time(struct rest_call *call, const char *name, int64_t *out, struct error *e)
{
    char where[32];
    struct bytes text = rest_query(call, name);
    (void)snprintf(where, sizeof where, "query %s", name);
    return text.size == 0 || time_parse(text, out) ||
           rest_refuse(call, e, 400, "request.malformed", where, "write such as 2026-11-24T08:00:00Z", "is not a time");
}

static bool read_before(struct rest_call *call, uint64_t *before, struct error *e)
{
    *before = UINT64_MAX;
    return call->cursor.size == 0 || bytes_to_u64(call->cursor, before) ||
           rest_refuse(call, e, 400, "request.malformed", "query cursor", NULL, "is none of ours");
}

bool handle_exchange_list(struct rest_call *call, struct error *e)
{
    struct listing listing = { .list = NULL };
    struct exchange_page_found page;
    struct exchange_query query = { .exchange = rest_query(call, "id"),
                                    .peer = rest_query(call, "peer"),
                                    .service = rest_query(call, "service"),
                                    .reason = rest_query(call, "reason"),
                                    .until_ms = INT64_MAX,
                                    .rows_max = (size_t)call->limit };
    char next[24];
    if (!read_time(call, "from", &query.from_ms, e) || !read_time(call, "until", &query.until_ms, e) ||
        !read_before(call, &query.before, e)) {
        return false;
    }
    enum reason reason = reason_find(query.reason);
    if (query.reason.size > 0 && reason == REASON_NONE) {
        return rest_refuse(call, e, 400, "request.malformed", "query reason", "docs/reference/reasons.md has them all", "is no reason");
    }
    query.is_decided = reason_told(reason) != reason;
    listing.list = json_array();
    if (listing.list == NULL) {
        return error_memory(e, "exchanges");
    }
    if (!exchange_find(call->rest->options.finder, &query, add_found, &listing, &page, e)) {
        json_decref(listing.list);
        return false;
    }
    (void)snprintf(next, sizeof next, "%llu", (unsigned long long)page.next);
    struct json_maker m = json_make();
    json_make_value(&m, "exchanges", listing.failed ? NULL : listing.list);
    json_make_value(&m, "next", page.is_last ? json_null() : json_string(next));
    json_make_value(&m, "searchedTo", page.searched_to_ms == 0 ? json_null() : json_from_time(page.searched_to_ms));
    call->answer = json_made(&m);
    if (listing.failed) {
        json_decref(listing.list);
    }
    return call->answer != NULL || error_memory(e, "exchanges");
}

/* ---- One ---- */

struct telling {
    struct exchange_story *story;
    bool failed;
};

static bool add_entry(void *context, const struct log_entry *entry)
{
    struct telling *telling = context;
    telling->failed = !exchange_story_add(telling->story, entry);
    return !telling->failed;
}

static bool find_story(struct rest_call *call, struct exchange_story **out, struct error *e)
{
    struct exchange_page_found page;
    uint64_t before = UINT64_MAX;
    struct bytes id = call->match.parameters[0];
    *out = NULL;
    if (id.size == 0 || id.size > 64) {
        return rest_absent(call, e);
    }
    if ((call->route->flags & ROUTE_CURSOR) != 0 && !read_before(call, &before, e)) {
        return false;
    }
    struct telling telling = { .story = exchange_story_make(id) };
    if (telling.story == NULL) {
        return error_memory(e, "exchange");
    }
    bool ok = exchange_find_entries(call->rest->options.finder, id, before, add_entry, &telling, &page, e) &&
              (!telling.failed || error_memory(e, "exchange"));
    if (ok && !exchange_story_is_there(telling.story)) {
        ok = page.is_last
                 ? rest_absent(call, e)
                 : rest_refuse(call, e, 404, "request.absent", "path", "search by id and page back: /v1/exchanges?id=",
                               "not among the newest entries: those behind entry %llu were looked at", (unsigned long long)page.next);
    }
    if (!ok) {
        exchange_story_free(telling.story);
        return false;
    }
    *out = telling.story;
    return true;
}

static bool may_see_persons(const struct rest_call *call)
{
    return access_for(call->principal.roles, RESOURCE_USE, VERB_READ) == ACCESS_ALL;
}

/* Whom it is about, as a look that this person sees. */
static bool enter_person(struct rest_call *call, struct bytes person, struct error *e)
{
    call->access = access_for(call->principal.roles, RESOURCE_USE, VERB_READ); /* more than exchanges are: it is a look */
    call->subject = arena_copy(&call->arena, person);
    return call->subject.data != NULL ? rest_tell_subject(call, e) : error_memory(e, "exchange");
}

/* Of a look at somebody whom this log can't name: a consumer's statements do, in their paths. */
static bool tell_look(struct rest_call *call, struct error *e)
{
    const struct access_event look = { .by = call->principal.name,
                                       .role = bytes_of_text(role_name(ROLE_OFFICER)),
                                       .member = call->principal.member,
                                       .operation = bytes_of_text(call->route->id),
                                       .time_ms = call->now_ms };
    return call->rest->options.committer == NULL || access_event_append(call->rest->options.committer, &look, e);
}

bool handle_exchange_read(struct rest_call *call, struct error *e)
{
    struct exchange_story *story;
    bool wants_person = bytes_equal(rest_query(call, "person"), BYTES("true"));
    if (wants_person && !may_see_persons(call)) {
        return rest_refuse(call, e, 403, "auth.person", "query person", "ask without it", "your role sees nobody's data by name");
    }
    if (!find_story(call, &story, e)) {
        return false;
    }
    struct bytes person = wants_person ? exchange_story_person(story) : BYTES_NONE;
    bool ok = person.size == 0 || enter_person(call, person, e);
    if (ok) {
        call->answer = exchange_story_json(story);
        ok = call->answer != NULL &&
             json_object_set_new(call->answer, "person", person.size == 0 ? json_null() : json_from_bytes(person)) == 0;
        ok = ok || error_memory(e, "exchange");
    }
    exchange_story_free(story);
    return ok;
}

/* What `comity evidence verify` reads. Statements name the path, and so may name the person: for those who may look at persons. */
bool handle_exchange_bundle(struct rest_call *call, struct error *e)
{
    const struct rest_options *options = &call->rest->options;
    struct exchange_story *story;
    struct buffer out;
    if (!find_story(call, &story, e)) {
        return false;
    }
    struct bytes person = exchange_story_person(story);
    bool ok = person.size > 0 ? enter_person(call, person, e) : tell_look(call, e);
    exchange_story_free(story);
    buffer_init(&out, BUNDLE_BYTES_MAX);
    if (ok && options->bundle(options->context, call->match.parameters[0], &out, e)) {
        call->raw = body_of(buffer_bytes(&out));
        call->media_type = "application/octet-stream";
        call->file_name = "exchange.comity-evidence";
        ok = call->raw != NULL || error_memory(e, "bundle");
    } else {
        ok = false;
    }
    buffer_wipe(&out);
    return ok;
}
