/* RFC 9535 JSONPath, the subset of names, indexes, wildcards and descendants: $.a.b['c'][0][*].*..d. Pure. */
#ifndef COMITY_POLICY_JSON_PATH_H
#define COMITY_POLICY_JSON_PATH_H

#include "base/arena.h"
#include "base/error.h"

enum json_path_kind { JSON_PATH_NAME = 0, JSON_PATH_INDEX, JSON_PATH_WILDCARD };
struct json_path_segment {
    enum json_path_kind kind;
    bool is_descendant; /* ".." before it: at any depth below */
    struct bytes name;  /* decoded */
    uint64_t index;
};
enum { JSON_PATH_SEGMENTS_MAX = 63 }; /* so that a set of positions is one uint64_t */
struct json_path {
    struct json_path_segment *segments;
    size_t count; /* 0: "$", the whole */
};
/* ERROR_INPUT says the column and what the subset allows. Lives in `arena`. On failure *out is NULL. */
must_check bool json_path_parse(struct json_path **out, struct bytes text, struct arena *arena, const char *where, struct error *e);

#endif
