#include <stdio.h>

#include "api/rest_internal.h"
#include "base/encode.h"

static const struct {
    struct bytes name;
    unsigned bit;
} methods[] = {
    { BYTES("GET"), METHOD_GET },     { BYTES("POST"), METHOD_POST },     { BYTES("PUT"), METHOD_PUT },
    { BYTES("PATCH"), METHOD_PATCH }, { BYTES("DELETE"), METHOD_DELETE },
};

static unsigned method_bit(struct bytes name)
{
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (bytes_equal(methods[i].name, name)) {
            return methods[i].bit;
        }
    }
    return 0;
}

void route_allow(unsigned bits, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if ((bits & methods[i].bit) == 0) {
            continue;
        }
        int added = snprintf(out + at, size - at, "%s%s", (const char *)methods[i].name.data,
                             methods[i].bit == METHOD_GET ? ", HEAD, OPTIONS, " : ", ");
        at += added > 0 && (size_t)added < size - at ? (size_t)added : 0;
    }
    if (at == 0) {
        return;
    }
    if ((bits & METHOD_GET) != 0) {
        out[at - 2] = '\0'; /* the last comma */
    } else {
        (void)snprintf(out + at, size - at, "OPTIONS");
    }
}

/* An identifier in a path: text that a terminal and a database can bear. */
static bool is_plain(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return false;
        }
    }
    return text.size > 0 && bytes_are_utf8(text);
}

/* Does the path fit the template, segment by segment? Raw views of the parameters. */
static bool fits(struct bytes template, struct bytes path, struct bytes *parameters, size_t *count)
{
    struct bytes wanted, given;
    /* An id that is empty is one that nothing has, and not another path: GovStack's own tests want to be told so. */
    bool is_empty_allowed = bytes_start_with(template, BYTES("/govstack/"));
    *count = 0;
    for (;;) {
        bool has_wanted = bytes_split(&template, '/', &wanted), has_given = bytes_split(&path, '/', &given);
        if (!has_wanted || !has_given) {
            return has_wanted == has_given;
        }
        if (wanted.size > 0 && wanted.data[0] == '{') {
            if ((given.size == 0 && !is_empty_allowed) || *count == ROUTE_PARAMETERS_MAX) {
                return false;
            }
            parameters[(*count)++] = given;
        } else if (!bytes_equal(wanted, given)) {
            return false;
        }
    }
}

bool route_find(struct bytes method, struct bytes path, struct arena *arena, struct route_match *out)
{
    return route_find_in(rest_routes, rest_route_count, method, path, arena, out);
}

bool route_find_in(const struct rest_route *routes, size_t route_count, struct bytes method, struct bytes path, struct arena *arena,
                   struct route_match *out)
{
    unsigned bit = method_bit(method);
    struct bytes raw[ROUTE_PARAMETERS_MAX];
    size_t count, raw_count = 0;
    *out = (struct route_match){ 0 };
    if (path.size > 1 && path.data[path.size - 1] == '/') {
        path.size--; /* GovStack's specification has it, its implementation doesn't */
    }
    for (size_t i = 0; i < route_count; i++) {
        struct bytes found[ROUTE_PARAMETERS_MAX];
        const struct rest_route *route = &routes[i];
        if (!fits(bytes_of_text(route->path), path, found, &count)) {
            continue;
        }
        unsigned own = method_bit(bytes_of_text(route->method));
        out->methods |= own;
        if (own == bit && out->route == NULL) { /* the first: a fixed segment stands before a parameter */
            out->route = route;
            raw_count = count;
            memcpy(raw, found, sizeof raw);
        }
    }
    for (size_t i = 0; i < raw_count; i++) {
        uint8_t *plain = arena_take(arena, raw[i].size + 1);
        size_t size = 0;
        if (plain == NULL) {
            return false;
        }
        bool ok = percent_decode(raw[i], plain, &size);
        out->parameters[i] = bytes_of(plain, ok ? size : 0);
        if (!ok || !is_plain(out->parameters[i])) {
            out->parameters[i] = BYTES_NONE; /* nothing has such a name */
        }
    }
    return true;
}
