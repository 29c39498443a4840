/* The operator's console: how the gateway does at this moment (/console), and what waits (/console/tasks). */
#include <stdio.h>

#include "base/time.h"
#include "portal/page_handlers_internal.h"
#include "portal/person_internal.h"

/* ---- Now ---- */

/* One big figure: where it stands in Figures, how it is written, its text. console.js writes it anew in the same way. */
static const struct tile {
    const char *path, *kind, *key;
} tiles[] = {
    { "consumer.perSecond", "rate", "console.tile.consumer" },
    { "holder.perSecond", "rate", "console.tile.holder" },
    { "refusedPerSecond", "rate", "console.tile.refused" },
    { "consumer.added.p50Us", "us", "console.tile.consumer_p50" },
    { "consumer.added.p99Us", "us", "console.tile.consumer_p99" },
    { "holder.added.p50Us", "us", "console.tile.holder_p50" },
    { "holder.added.p99Us", "us", "console.tile.holder_p99" },
    { "log.entries", "count", "console.tile.entries" },
    { "log.commitP99Us", "us", "console.tile.commit" },
    { "log.queues.committer", "count", "console.tile.queue" },
    { "log.unpublished", "count", "console.tile.unpublished" },
    { "log.queues.usesIndex", "count", "console.tile.index" },
    { "witnesses.ageSeconds", "seconds", "console.tile.witness" },
    { "process.residentBytes", "bytes", "console.tile.memory" },
    { "process.cpuPercent", "percent", "console.tile.cpu" },
    { "process.diskFreeBytes", "bytes", "console.tile.disk" },
};

static const json_t *at_path(const json_t *value, const char *path)
{
    struct bytes rest = bytes_of_text(path), part;
    while (value != NULL && bytes_split(&rest, '.', &part)) {
        char key[40];
        (void)snprintf(key, sizeof key, "%.*s", BYTES_FMT(part));
        value = json_object_get(value, key);
    }
    return value;
}

/* "0.35 ms", "85 MiB": as console.js writes them. */
static void write_value(const json_t *value, const char *kind, char *out, size_t size)
{
    double number = json_number_value(value);
    if (!json_is_number(value)) {
        (void)snprintf(out, size, "–");
    } else if (strcmp(kind, "us") == 0) {
        (void)snprintf(out, size, number >= 10000 ? "%.0f ms" : "%.2f ms", number / 1000);
    } else if (strcmp(kind, "bytes") == 0) {
        (void)snprintf(out, size, number >= 10 * 1073741824.0 ? "%.0f GiB" : "%.0f MiB",
                       number / (number >= 10 * 1073741824.0 ? 1073741824.0 : 1048576.0));
    } else if (strcmp(kind, "seconds") == 0) {
        (void)snprintf(out, size, "%.0f s", number);
    } else if (strcmp(kind, "percent") == 0) {
        (void)snprintf(out, size, "%.1f %%", number);
    } else {
        (void)snprintf(out, size, strcmp(kind, "rate") == 0 ? "%.1f" : "%.0f", number);
    }
}

static json_t *tiles_of(const json_t *figures)
{
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT_OF(tiles) && list != NULL; i++) {
        char value[40];
        write_value(at_path(figures, tiles[i].path), tiles[i].kind, value, sizeof value);
        if (json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "path", tiles[i].path, "kind", tiles[i].kind, "key", tiles[i].key,
                                                  "value", value)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* Steps of one side, each with its quantiles written and where they stand. */
static json_t *steps_of(const json_t *figures, const char *side)
{
    json_t *list = json_array(), *step;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(figures, side), "steps"), i, step)
    {
        char p50[40], p99[40], path[60];
        write_value(json_object_get(step, "p50Us"), "us", p50, sizeof p50);
        write_value(json_object_get(step, "p99Us"), "us", p99, sizeof p99);
        (void)snprintf(path, sizeof path, "%s.steps.%zu", side, i);
        json_t *row = json_pack("{s:O, s:O, s:O, s:s, s:s, s:s}", "name", json_object_get(step, "name"), "elsewhere",
                                json_object_get(step, "elsewhere"), "count", json_object_get(step, "count"), "p50", p50, "p99", p99, "path",
                                path);
        if (row == NULL || list == NULL || json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* The shape that goes with a state's word: nobody has to tell colours apart. */
static bool add_shapes(json_t *rows, struct error *e)
{
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        const char *state = json_string_value(json_object_get(row, "state"));
        bool is_bad = state != NULL && (strcmp(state, "failing") == 0 || strcmp(state, "distrusted") == 0 || strcmp(state, "ended") == 0 ||
                                        strcmp(state, "unreadable") == 0);
        bool is_warn = state != NULL &&
                       (strcmp(state, "ending") == 0 || strcmp(state, "maintenance") == 0 || strcmp(state, "unlisted") == 0);
        bool is_good = state != NULL && (strcmp(state, "up") == 0 || strcmp(state, "valid") == 0);
        if (!person_put(row, "class",
                        json_string(is_bad    ? "bad"
                                    : is_warn ? "warn"
                                    : is_good ? "good"
                                              : ""),
                        e) ||
            !person_put(row, "shape",
                        json_string(is_bad    ? "✕"
                                    : is_warn ? "▲"
                                    : is_good ? "●"
                                              : "○"),
                        e)) {
            return false;
        }
    }
    return true;
}

bool page_console(struct rest_call *call, struct error *e)
{
    json_t *data = json_pack("{s:b, s:[s, s]}", "wide", 1, "scripts", "uplot.js", "console.js");
    bool ok = data != NULL && person_ask_into(call, data, "figures", "/v1/figures", e);
    const json_t *figures = json_object_get(data, "figures");
    ok = ok && person_put(data, "tiles", tiles_of(figures), e) && person_put(data, "consumer_steps", steps_of(figures, "consumer"), e) &&
         person_put(data, "holder_steps", steps_of(figures, "holder"), e) && add_shapes(json_object_get(figures, "peers"), e) &&
         add_shapes(json_object_get(figures, "directories"), e) && add_shapes(json_object_get(figures, "certificates"), e);
    if (!ok) {
        json_decref(data);
        return false;
    }
    return page_render(call, "console", data, e);
}

/* ---- To do ---- */

static bool may(const struct rest_call *call, enum resource resource)
{
    return access_for(call->principal.roles, resource, VERB_WRITE) == ACCESS_ALL;
}

/* What this role can do about it on this page. */
static bool add_acts(const struct rest_call *call, json_t *tasks, struct error *e)
{
    json_t *row;
    size_t i;
    json_array_foreach(tasks, i, row)
    {
        const char *kind = json_string_value(json_object_get(row, "kind")), *detail = json_string_value(json_object_get(row, "detail"));
        const char *urgency = json_string_value(json_object_get(row, "urgency"));
        bool is_request = kind != NULL && strcmp(kind, "request") == 0 && may(call, RESOURCE_RIGHT);
        bool is_received = is_request && detail != NULL && strcmp(detail, "received") == 0;
        bool is_now = urgency != NULL && strcmp(urgency, "now") == 0, is_soon = urgency != NULL && strcmp(urgency, "soon") == 0;
        if (!person_put(row, "can_review", json_boolean(kind != NULL && strcmp(kind, "review") == 0 && may(call, RESOURCE_REVIEW)), e) ||
            !person_put(row, "can_release", json_boolean(kind != NULL && strcmp(kind, "hold") == 0 && may(call, RESOURCE_HOLD)), e) ||
            !person_put(row, "can_accept", json_boolean(is_received), e) ||
            !person_put(row, "can_answer", json_boolean(is_request && !is_received), e) ||
            !person_put(row, "number", json_integer((json_int_t)i), e) ||
            !person_put(row, "class",
                        json_string(is_now    ? "bad"
                                    : is_soon ? "warn"
                                              : ""),
                        e) ||
            !person_put(row, "shape",
                        json_string(is_now    ? "✕"
                                    : is_soon ? "▲"
                                              : "○"),
                        e)) {
            return false;
        }
    }
    return true;
}

bool page_console_tasks(struct rest_call *call, struct error *e)
{
    json_t *data = json_object();
    bool ok = data != NULL && person_ask_into(call, data, "answer", "/v1/tasks", e) &&
              person_put(data, "is_done", json_boolean(bytes_equal(rest_query(call, "told"), BYTES("done"))), e) &&
              add_acts(call, json_object_get(json_object_get(data, "answer"), "tasks"), e);
    if (!ok) {
        json_decref(data);
        return false;
    }
    return page_render(call, "console-tasks", data, e);
}

static json_t *form_json(const struct rest_call *call, const char *const *names, size_t count)
{
    json_t *body = json_object();
    for (size_t i = 0; i < count && body != NULL; i++) {
        struct bytes value = rest_form(call, names[i]);
        if (value.size > 0 && json_object_set_new(body, names[i], json_stringn((const char *)value.data, value.size)) != 0) {
            json_decref(body);
            body = NULL;
        }
    }
    return body;
}

/* One form for all: the API checks what each act needs. */
bool page_console_act(struct rest_call *call, struct error *e)
{
    static const char *const of_review[] = { "verdict", "words" };
    static const char *const of_hold[] = { "consumer", "service", "reason" };
    static const char *const of_request[] = { "event", "reason", "remedy", "answer" };
    struct bytes act = rest_form(call, "act"), id = rest_form(call, "id");
    const char *target;
    json_t *body, *answer = NULL;
    unsigned status = 0;
    if (bytes_equal(act, BYTES("review"))) {
        target = person_target(call, "/v1/reviews/", id, "/decide");
        body = form_json(call, of_review, COUNT_OF(of_review));
    } else if (bytes_equal(act, BYTES("release"))) {
        target = "/v1/holds/release";
        body = form_json(call, of_hold, COUNT_OF(of_hold));
    } else if (bytes_equal(act, BYTES("request"))) {
        target = person_target(call, "/v1/requests/", id, "/act");
        body = form_json(call, of_request, COUNT_OF(of_request));
    } else {
        return rest_refuse(call, e, 400, "request.malformed", "field act", NULL, "is none of this page's");
    }
    bool ok = target != NULL && body != NULL ? rest_ask(call, "POST", target, body, &answer, &status, e) : error_memory(e, "page");
    json_decref(body);
    json_decref(answer);
    return ok && rest_redirect(call, BYTES("/console/tasks?told=done"), e);
}
