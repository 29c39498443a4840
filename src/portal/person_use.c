/* The pages of uses: the list by day, one use with its whole story and its check, and the check of the whole list. */
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "portal/page_handlers_internal.h"
#include "portal/person_internal.h"

enum { TARGET_BYTES_MAX = 8192, PAGE_USES = 50, DAY_MS = 24 * 3600 * 1000 };

/* ---- Filters ---- */

static void append_filter(struct buffer *out, const char *name, struct bytes value)
{
    if (value.size > 0) {
        buffer_append_format(out, "&%s=", name);
        rest_append_query(out, value);
    }
}

/* A form's day (2026-11-24) as a moment; the end of a day is the beginning of the next. What is no day is no filter. */
static bool day_of(struct bytes day, bool is_end, char out[TIME_TEXT_SIZE])
{
    char text[32];
    int64_t time_ms;
    if (day.size != 10 || snprintf(text, sizeof text, "%.*sT00:00:00Z", BYTES_FMT(day)) < 0 || !time_parse(bytes_of_text(text), &time_ms)) {
        return false;
    }
    (void)time_text(time_ms + (is_end ? DAY_MS : 0), out);
    return true;
}

/* "refused" and "allowed" are exchanges by their verdict; "consents" and "staff" the other kinds. */
static const struct {
    struct bytes name;
    const char *kind, *verdict;
} shows[] = {
    { BYTES("all"), "", "" },
    { BYTES("allowed"), "exchange", "permit" },
    { BYTES("refused"), "exchange", "refuse" },
    { BYTES("consents"), "consent", "" },
    { BYTES("staff"), "access", "" },
};

static size_t show_of(const struct rest_call *call)
{
    for (size_t i = 1; i < COUNT_OF(shows); i++) {
        if (bytes_equal(rest_query(call, "show"), shows[i].name)) {
            return i;
        }
    }
    return 0;
}

static void append_api_filters(const struct rest_call *call, struct buffer *out)
{
    char day[TIME_TEXT_SIZE];
    size_t show = show_of(call);
    append_filter(out, "kind", bytes_of_text(shows[show].kind));
    append_filter(out, "verdict", bytes_of_text(shows[show].verdict));
    append_filter(out, "who", rest_query(call, "who"));
    append_filter(out, "consent", rest_query(call, "consent"));
    append_filter(out, "cursor", rest_query(call, "cursor"));
    if (day_of(rest_query(call, "from"), false, day)) {
        append_filter(out, "from", bytes_of_text(day));
    }
    if (day_of(rest_query(call, "until"), true, day)) {
        append_filter(out, "until", bytes_of_text(day));
    }
}

static void append_own_filters(const struct rest_call *call, struct buffer *out)
{
    static const char *const names[] = { "show", "who", "from", "until", "consent" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        append_filter(out, names[i], rest_query(call, names[i]));
    }
}

static json_t *text(struct bytes value)
{
    return json_stringn(value.data == NULL ? "" : (const char *)value.data, value.size);
}

static bool has_member(const json_t *list, const char *id)
{
    const json_t *row;
    size_t i;
    json_array_foreach(list, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "id")), id) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_member(json_t *list, struct bytes id, json_t *name, struct bytes chosen)
{
    char member[TARGET_BYTES_MAX];
    (void)snprintf(member, sizeof member, "%.*s", BYTES_FMT(id));
    if (id.size == 0 || id.size >= sizeof member || has_member(list, member)) {
        json_decref(name);
        return true;
    }
    return json_array_append_new(list, json_pack("{s:s, s:o, s:b}", "id", member, "name", name, "is_here", bytes_equal(id, chosen))) == 0;
}

/* Whom one may choose: those on this page, and the one that is chosen. */
static json_t *members_of(const struct rest_call *call, const json_t *uses)
{
    struct bytes chosen = rest_query(call, "who");
    json_t *list = json_array();
    const json_t *use;
    size_t i;
    bool ok = list != NULL;
    json_array_foreach(uses, i, use)
    {
        const char *client = json_string_value(json_object_get(use, "client"));
        if (client != NULL && ok) {
            ok = add_member(list, rest_member_part(bytes_of_text(client)), view_member(json_object_get(use, "clientName"), client), chosen);
        }
    }
    const char *kept = ok && chosen.size > 0 ? rest_text((struct rest_call *)(uintptr_t)call, chosen) : NULL;
    ok = ok && (chosen.size == 0 || (kept != NULL && add_member(list, chosen, view_member(NULL, kept), chosen)));
    if (!ok) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *shows_of(const struct rest_call *call)
{
    char key[32];
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT_OF(shows) && list != NULL; i++) {
        (void)snprintf(key, sizeof key, "uses.show.%s", (const char *)shows[i].name.data);
        if (json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "value", (const char *)shows[i].name.data, "key", key, "is_here",
                                                  i == show_of(call))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static bool add_filters(const struct rest_call *call, json_t *data, const json_t *uses, struct error *e)
{
    bool is_filtered = show_of(call) != 0 || rest_query(call, "who").size > 0 || rest_query(call, "from").size > 0 ||
                       rest_query(call, "until").size > 0 || rest_query(call, "consent").size > 0;
    json_t *filters = json_pack("{s:o, s:o, s:o, s:o, s:o, s:b}", "shows", shows_of(call), "members", members_of(call, uses), "from",
                                text(rest_query(call, "from")), "until", text(rest_query(call, "until")), "consent",
                                text(rest_query(call, "consent")), "is_filtered", is_filtered);
    return person_put(data, "filters", filters, e);
}

/* ---- The list ---- */

static bool add_older(const struct rest_call *call, json_t *data, const json_t *answer, struct error *e)
{
    struct buffer target;
    struct bytes next = rest_json_bytes(json_object_get(answer, "next"));
    if (next.size == 0) {
        return true;
    }
    buffer_init(&target, TARGET_BYTES_MAX);
    buffer_append_text(&target, "/uses?cursor=");
    rest_append_query(&target, next);
    append_own_filters(call, &target);
    bool ok = !target.failed ? person_put(data, "older", json_pack("{s:o}", "link", text(buffer_bytes(&target))), e)
                             : error_memory(e, "page");
    buffer_clear(&target);
    return ok;
}

/* Does the newest root in the log bind everything that this page shows? */
static bool add_bound(json_t *data, const json_t *answer, struct error *e)
{
    const json_t *bound = json_object_get(answer, "bound"), *uses = json_object_get(answer, "uses");
    const json_t *newest = json_array_get(uses, json_array_size(uses) == 0 ? 0 : json_array_size(uses) - 1);
    json_int_t covers = json_integer_value(json_object_get(bound, "covers"));
    bool is_bound = json_is_object(bound) && (newest == NULL || json_integer_value(json_object_get(newest, "entry")) < covers);
    json_t *view = json_pack("{s:b, s:b, s:b, s:O?}", "is_bound", is_bound, "is_partly", json_is_object(bound) && !is_bound, "is_not",
                             !json_is_object(bound), "time", json_object_get(bound, "time"));
    return person_put(data, "bound", view, e) &&
           (newest == NULL || person_put(data, "newest", json_incref(json_object_get(newest, "entry")), e));
}

static bool fill_list(struct rest_call *call, json_t *data, const json_t *answer, struct error *e)
{
    const json_t *uses = json_object_get(answer, "uses");
    return person_put(data, "days", view_days(uses, page_language(call)), e) &&
           person_put(data, "has_uses", json_boolean(json_array_size(uses) > 0), e) &&
           person_put(data, "is_first", json_boolean(rest_query(call, "cursor").size == 0), e) && add_filters(call, data, uses, e) &&
           add_older(call, data, answer, e) && add_bound(data, answer, e);
}

bool page_uses(struct rest_call *call, struct error *e)
{
    struct buffer target;
    json_t *data = NULL, *answer = NULL;
    unsigned status;
    if (!person_begin(call, &data, e)) {
        return false;
    }
    if (data == NULL) {
        return true;
    }
    buffer_init(&target, TARGET_BYTES_MAX);
    buffer_append_format(&target, "/v1/uses?limit=%d", PAGE_USES);
    append_api_filters(call, &target);
    buffer_append_u8(&target, 0);
    bool ok = target.failed ? error_memory(e, "page") : rest_ask(call, "GET", (const char *)target.data, NULL, &answer, &status, e);
    buffer_clear(&target);
    ok = ok && fill_list(call, data, answer, e);
    json_decref(answer);
    if (!ok) {
        json_decref(data);
        return false;
    }
    return page_render(call, "uses", data, e);
}

/* ---- One use ---- */

/* What the check compares the record with: what this page shows. */
static json_t *shown_of(const json_t *use, const json_t *me)
{
    static const char *const exchange_names[] = { "client", "service", "purpose", "verdict", "exchange" };
    json_t *says = json_pack("{s:O}", "person", json_object_get(me, "person"));
    json_t *categories = json_array();
    const json_t *row;
    size_t i;
    const char *kind = json_string_value(json_object_get(use, "kind"));
    bool ok = says != NULL && categories != NULL;
    for (i = 0; ok && strcmp(kind, "exchange") == 0 && i < COUNT_OF(exchange_names); i++) {
        ok = json_object_set(says, exchange_names[i], json_object_get(use, exchange_names[i])) == 0;
    }
    ok = ok && (strcmp(kind, "consent") != 0 || json_object_set(says, "event", json_object_get(use, "verdict")) == 0);
    ok = ok && (strcmp(kind, "access") != 0 || json_object_set(says, "operation", json_object_get(use, "service")) == 0);
    json_array_foreach(json_object_get(use, "withheld"), i, row)
    {
        ok = ok && json_array_append(categories, json_object_get(row, "category")) == 0;
    }
    json_t *shown = ok ? json_pack("{s:O, s:O, s:{s:O, s:O}, s:b}", "entry", json_object_get(use, "entry"), "says", says, "left",
                                   "released", json_object_get(use, "released"), "withheld", categories, "isAnswered",
                                   json_is_integer(json_object_get(use, "answerEntry")))
                       : NULL;
    json_decref(says);
    json_decref(categories);
    return shown;
}

static bool put_dumped(json_t *data, const char *name, json_t *value, struct error *e)
{
    char *dumped = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);
    bool ok = dumped != NULL ? person_put(data, name, json_string(dumped), e) : error_memory(e, "page");
    free(dumped);
    json_decref(value);
    return ok;
}

/* What is checked one after the other: the decision (or the event itself), then the answer. */
static json_t *parts_of(const json_t *use)
{
    bool is_exchange = strcmp(json_string_value(json_object_get(use, "kind")), "exchange") == 0;
    json_t *list = json_pack("[{s:s, s:s, s:b, s:b}]", "name", is_exchange ? "decision" : "event", "heading",
                             is_exchange ? "check.part.decision" : "check.part.event", "is_first", 1, "is_answer", 0);
    if (list != NULL && json_is_integer(json_object_get(use, "answerEntry")) &&
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b}", "name", "answer", "heading", "check.part.answer", "is_first", 0,
                                              "is_answer", 1)) != 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

bool page_use(struct rest_call *call, struct error *e)
{
    json_t *data = NULL, *use = NULL;
    unsigned status;
    if (!person_begin(call, &data, e)) {
        return false;
    }
    if (data == NULL) {
        return true;
    }
    const char *target = person_target(call, "/v1/uses/", call->match.parameters[0], "");
    bool ok = target != NULL ? rest_ask(call, "GET", target, NULL, &use, &status, e) : error_memory(e, "page");
    ok = ok && put_dumped(data, "shown", shown_of(use, json_object_get(data, "me")), e) && person_put(data, "parts", parts_of(use), e) &&
         person_put(data, "command", json_string("comity evidence verify exchange.comity-evidence --trust trust.txt"), e) &&
         person_put(data, "use", view_use(use, page_language(call)), e);
    json_decref(use);
    if (!ok) {
        json_decref(data);
        return false;
    }
    return page_render(call, "use", data, e);
}

/* ---- The whole list ---- */

bool page_uses_complete(struct rest_call *call, struct error *e)
{
    json_t *data = NULL, *answer = NULL;
    unsigned status;
    if (!person_begin(call, &data, e)) {
        return false;
    }
    if (data == NULL) {
        return true;
    }
    bool ok = rest_ask(call, "GET", "/v1/uses?limit=1", NULL, &answer, &status, e) && add_bound(data, answer, e) &&
              person_put(data, "command", json_string("comity evidence verify uses.json --trust trust.txt"), e) &&
              put_dumped(data, "shown", json_pack("{s:O}", "person", json_object_get(json_object_get(data, "me"), "person")), e);
    json_decref(answer);
    if (!ok) {
        json_decref(data);
        return false;
    }
    return page_render(call, "uses-complete", data, e);
}
