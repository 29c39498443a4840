/*
 * Reading JSON by a closed schema: every value is asked for by key and type, an unknown key is refused, and each error names the place
 * ("aurora.note: members[3].gateways[0].tls_pins[1]", or as a JSON pointer "notice: /categories/0/iri").
 */
#ifndef COMITY_DIRECTORY_JSON_PLACE_H
#define COMITY_DIRECTORY_JSON_PLACE_H

#include <jansson.h>

#include "base/arena.h"
#include "base/error.h"

/* On the stack of the function that reads it; `above` is its caller's. */
struct json_place {
    const struct json_place *above;
    const char *key; /* NULL: an array's element, by index */
    size_t index;
};

/* What all reading needs: where copies go, and whom errors are told. */
struct json_source {
    struct arena *memory;
    const char *where; /* the file or message that the JSON came from */
    struct error *e;
    bool writes_pointers; /* errors name places as RFC 6901 does */
};

/* JSON_NULLABLE: absent, or null. */
enum json_presence { JSON_REQUIRED = 0, JSON_OPTIONAL, JSON_NULLABLE };

__attribute__((format(printf, 4, 5))) bool json_refuse(const struct json_source *s, const struct json_place *at, const char *todo,
                                                       const char *what, ...);
bool json_no_memory(const struct json_source *s);

/* An object that has no other keys than these. */
must_check bool json_check_object(const struct json_source *s, const struct json_place *at, const json_t *value, const char *const *keys,
                                  size_t key_count);
/* The place into `out`, cut when it doesn't fit. Keys must be plain: '/' and '~' are not escaped. Returns its length. */
size_t json_place_write(const struct json_place *at, bool as_pointer, char *out, size_t size);
/* A string of 1 to `size_max` bytes without control characters, copied. Optional and absent: "". */
must_check bool json_read_text(const struct json_source *s, const struct json_place *at, const json_t *value, size_t size_max,
                               struct bytes *out);
must_check bool json_get_text(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                              enum json_presence presence, size_t size_max, struct bytes *out);
/* A whole number from `least` to `most` (at most 2^53 - 1: RFC 7493 2.2). */
must_check bool json_get_number(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                                uint64_t least, uint64_t most, uint64_t *out);
/* true or false; absent: false. */
must_check bool json_get_flag(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, bool *out);
/* An RFC 3339 time in the years 1970 to 9999. */
must_check bool json_get_time(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                              int64_t *time_ms);
/* An array of `least` to `most` elements. Optional and absent: *array is NULL and *count 0. */
must_check bool json_get_array(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                               enum json_presence presence, size_t least, size_t most, const json_t **array, size_t *count);
/* `count` zeroed elements in the arena; NULL, with the error set, when memory is out. */
must_check void *json_take(const struct json_source *s, size_t count, size_t element_size);

#endif
