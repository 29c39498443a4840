/* Making JSON of our values: what all forms of this part share. NULL in, NULL out: a missing piece makes the whole missing, and is asked for once. */
#ifndef COMITY_INTERCHANGE_JSON_MAKE_H
#define COMITY_INTERCHANGE_JSON_MAKE_H

#include <jansson.h>

#include "consent/notice.h"

/* An object's builder: failure sticks, and the caller asks once at the end. */
struct json_maker {
    json_t *object; /* owned until json_made() */
    bool failed;
};
struct json_maker json_make(void);
/* Takes `value` over; NULL makes the whole fail. */
void json_make_value(struct json_maker *m, const char *key, json_t *value);
void json_make_text(struct json_maker *m, const char *key, const char *text);
void json_make_bytes(struct json_maker *m, const char *key, struct bytes text);         /* not UTF-8: fails */
void json_make_bytes_if_any(struct json_maker *m, const char *key, struct bytes text);  /* empty: no such member */
void json_make_bytes_or_null(struct json_maker *m, const char *key, struct bytes text); /* empty: null */
void json_make_number(struct json_maker *m, const char *key, uint64_t number);          /* at most 2^53 - 1 */
void json_make_bool(struct json_maker *m, const char *key, bool value);
void json_make_time(struct json_maker *m, const char *key, int64_t time_ms);                     /* RFC 3339, UTC, whole seconds */
void json_make_digest(struct json_maker *m, const char *key, const uint8_t digest[SHA256_SIZE]); /* hex */
/* The object, which is the caller's; NULL when anything failed. */
must_check json_t *json_made(struct json_maker *m);

must_check json_t *json_from_bytes(struct bytes text);
must_check json_t *json_from_time(int64_t time_ms);
must_check json_t *json_of_period(struct period period);
must_check json_t *json_of_list(const struct notice_list *list);
must_check json_t *json_of_texts(const struct notice_texts *texts); /* { "en": ".." }; {} when there is none */
/* Takes `value` over. */
must_check bool json_list_add(json_t *list, json_t *value);
/* "mode", "fetch", "frequency" and "dataRange" as in reference consent-standards 6.1 and 6.2. */
void json_make_limits(struct json_maker *m, const struct use_limits *use);

#endif
