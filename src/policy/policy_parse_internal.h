/* One parsing of a policy: what its pieces share. */
#ifndef COMITY_POLICY_POLICY_PARSE_INTERNAL_H
#define COMITY_POLICY_POLICY_PARSE_INTERNAL_H

#include "policy/policy_text_internal.h"

struct policy_parser {
    struct bytes yaml;
    const char *file;
    const char *folder;
    const struct identifier *owner;
    struct text_policy *text; /* owned */
    struct policy *policy;    /* being made; owned until it is handed out */
    struct buffer scratch;    /* emptied by whoever uses it */
    char place[160];          /* the path of what is looked at, by parser_at() */
    struct error *e;
};

/* The place in the file for the messages that follow: "services[2].fields[0].path". Returns `parser->place`. */
__attribute__((format(printf, 2, 3))) const char *parser_at(struct policy_parser *parser, const char *format, ...);
/* ERROR_INPUT at `place`. */
__attribute__((format(printf, 4, 5))) bool parser_refuse(struct policy_parser *parser, const char *place, const char *todo,
                                                         const char *what, ...);
/* ERROR_INPUT at `place`, telling on whose behalf: for what a lower part refused. */
bool parser_refuse_because(struct policy_parser *parser, const char *place, const char *subject, const struct error *cause);
bool parser_out_of_memory(struct policy_parser *parser);

/* Values that many keys have in common. Each copies into the policy's arena, and sets the error with `place`. NULL texts give empty views. */
must_check bool parser_copy(struct policy_parser *parser, const char *text, struct bytes *out);
must_check bool parser_take(struct policy_parser *parser, size_t count, size_t size, void **out); /* zeroed; NULL for count 0 */
must_check bool parser_identifier(struct policy_parser *parser, const char *text, size_t least, size_t most, const char *place,
                                  struct identifier *parts, struct bytes *encoded);
must_check bool parser_iri(struct policy_parser *parser, const char *text, const char *place, struct bytes *out);
/* A declared category by its IRI as written. */
must_check bool parser_category(struct policy_parser *parser, const char *text, const char *place, size_t *index);
/* A file named in the policy, relative to its folder. */
must_check bool parser_file(struct policy_parser *parser, const char *text, struct bytes *out);

/* A member, or a whole community, encoded. */
must_check bool parser_recipient(struct policy_parser *parser, const char *text, const char *place, struct bytes *out);
/* "2026-11-24", the whole day: from its beginning, until its end; or an RFC 3339 time. */
must_check bool parser_time(struct policy_parser *parser, const char *text, bool is_end, const char *place, int64_t *out);
/* policy_law.c: what a file says beside its services: instruments, lists, counts. */
must_check bool parser_law(struct policy_parser *parser);
/* policy_law.c: the same of services[index]; its releases are there. */
must_check bool parser_service_law(struct policy_parser *parser, size_t index);

/* policy_service.c: services[index], and the release plan of it. */
must_check bool parser_service(struct policy_parser *parser, size_t index);
/* policy_transform.c: the transformation at `place` of values of `category`; NULL for none. */
must_check bool parser_transform(struct policy_parser *parser, const struct text_transform *from, const char *place, size_t category,
                                 const struct policy_transform **out);
/* Do values leave as this category that a transformation makes of another's? */
bool parser_is_made(const struct policy_service *service, size_t category);
/* Likewise, when releases and fields are read: what transformed values leave as is released too. */
must_check bool parser_check_transforms(struct policy_parser *parser, size_t index);
/* policy_person.c */
must_check bool parser_person(struct policy_parser *parser, size_t index);

/* The SHA-256 of each certificate in a PEM file, in order; at least one and at most 64. Lives in `arena`. */
must_check bool certificate_digests(const char *path, struct arena *arena, uint8_t (**out)[SHA256_SIZE], size_t *count, struct error *e);

/* policy_find.c: fills the policy's tables. An identifier that is there twice: in which list, and where. */
enum policy_list { LIST_SERVICES = 0, LIST_CLIENTS, LIST_CALLS };
struct policy_twice {
    bool is_found;
    enum policy_list list;
    size_t first, second;
};
must_check bool policy_index(struct policy *policy, struct policy_twice *twice);

#endif
