#include "policy/policy_parse_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/yaml_schema.h"

/* ---- What all pieces use ---- */

const char *parser_at(struct policy_parser *parser, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(parser->place, sizeof parser->place, format, arguments);
    va_end(arguments);
    return parser->place;
}

bool parser_refuse(struct policy_parser *parser, const char *place, const char *todo, const char *what, ...)
{
    char text[sizeof parser->e->what];
    va_list arguments;
    va_start(arguments, what);
    (void)vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    return yaml_error(parser->yaml, parser->file, place, parser->e, todo, "%s", text);
}

bool parser_refuse_because(struct policy_parser *parser, const char *place, const char *subject, const struct error *cause)
{
    if (cause->kind == ERROR_MEMORY) {
        return parser_out_of_memory(parser);
    }
    return parser_refuse(parser, place, cause->todo[0] == '\0' ? NULL : cause->todo, "'%s': %s", subject, cause->what);
}

bool parser_out_of_memory(struct policy_parser *parser)
{
    return error_memory(parser->e, parser->file);
}

bool parser_copy(struct policy_parser *parser, const char *text, struct bytes *out)
{
    *out = arena_copy(&parser->policy->arena, bytes_of_text(text));
    return out->data != NULL ? true : parser_out_of_memory(parser);
}

bool parser_take(struct policy_parser *parser, size_t count, size_t size, void **out)
{
    *out = count == 0 ? NULL : arena_take_zeroed(&parser->policy->arena, count * size);
    return count == 0 || *out != NULL ? true : parser_out_of_memory(parser);
}

bool parser_identifier(struct policy_parser *parser, const char *text, size_t least, size_t most, const char *place,
                       struct identifier *parts, struct bytes *encoded)
{
    struct error cause = { 0 };
    uint8_t *storage = arena_take(&parser->policy->arena, strlen(text) + 1);
    if (storage == NULL) {
        return parser_out_of_memory(parser);
    }
    if (!identifier_parse(bytes_of_text(text), least, most, storage, parts, &cause)) {
        return parser_refuse_because(parser, place, text, &cause);
    }
    /* One spelling for one identifier: what is written %2D or %2d is kept as "-". */
    buffer_reset(&parser->scratch);
    identifier_append(&parser->scratch, parts);
    *encoded = parser->scratch.failed ? BYTES_NONE : arena_copy(&parser->policy->arena, buffer_bytes(&parser->scratch));
    return encoded->data != NULL ? true : parser_out_of_memory(parser);
}

/* Leaves the full IRI in the scratch buffer. */
static bool expand(struct policy_parser *parser, const char *text, const char *place)
{
    buffer_reset(&parser->scratch);
    bool is_good = iri_expand(bytes_of_text(text), &parser->scratch);
    if (parser->scratch.failed) {
        return parser_out_of_memory(parser);
    }
    return is_good ? true
                   : parser_refuse(parser, place,
                                   "write dpv:, pd:, health:, fin:, pub: or comity: with a name, or a full IRI (https:, http:, urn:)",
                                   "'%s' is not an IRI", text);
}

bool parser_iri(struct policy_parser *parser, const char *text, const char *place, struct bytes *out)
{
    if (!expand(parser, text, place)) {
        return false;
    }
    *out = arena_copy(&parser->policy->arena, buffer_bytes(&parser->scratch));
    return out->data != NULL ? true : parser_out_of_memory(parser);
}

/* An undeclared category: proposes the nearest one that is. */
static bool refuse_category(struct policy_parser *parser, const char *text, struct bytes iri, const char *place)
{
    const char *words[POLICY_CATEGORIES_MAX];
    char todo[sizeof parser->e->todo];
    size_t count = 0;
    for (; count < parser->policy->category_count; count++) {
        buffer_reset(&parser->scratch);
        iri_shorten(parser->policy->categories[count].iri, &parser->scratch);
        struct bytes brief = arena_copy(&parser->policy->arena, buffer_bytes(&parser->scratch));
        if (parser->scratch.failed || brief.data == NULL) {
            return parser_out_of_memory(parser);
        }
        words[count] = (const char *)brief.data; /* NUL-terminated: arena_copy() */
    }
    buffer_reset(&parser->scratch);
    iri_shorten(iri, &parser->scratch);
    const char *near = yaml_nearest(buffer_bytes(&parser->scratch), words, count);
    if (near != NULL) {
        (void)snprintf(todo, sizeof todo, "did you mean '%.*s'? Categories are declared under 'categories'", 120, near);
    }
    return parser_refuse(parser, place, near != NULL ? todo : "declare it under 'categories'", "unknown category '%s'", text);
}

bool parser_category(struct policy_parser *parser, const char *text, const char *place, size_t *index)
{
    if (!expand(parser, text, place)) {
        return false;
    }
    for (size_t i = 0; i < parser->policy->category_count; i++) {
        if (bytes_equal(parser->policy->categories[i].iri, buffer_bytes(&parser->scratch))) {
            *index = i;
            return true;
        }
    }
    struct bytes iri = arena_copy(&parser->policy->arena, buffer_bytes(&parser->scratch));
    return iri.data != NULL ? refuse_category(parser, text, iri, place) : parser_out_of_memory(parser);
}

bool parser_file(struct policy_parser *parser, const char *text, struct bytes *out)
{
    *out = text[0] == '/' ? arena_copy(&parser->policy->arena, bytes_of_text(text))
                          : arena_format(&parser->policy->arena, "%s/%s", parser->folder, text);
    return out->data != NULL ? true : parser_out_of_memory(parser);
}

/* ---- Categories ---- */

static bool parse_categories(struct policy_parser *parser)
{
    struct policy *policy = parser->policy;
    const struct text_policy *text = parser->text;
    void *list = NULL;
    if (!parser_take(parser, text->categories_count, sizeof *policy->categories, &list)) {
        return false;
    }
    policy->categories = list;
    for (size_t i = 0; i < text->categories_count; i++) {
        const struct text_category *from = &text->categories[i];
        struct policy_category *to = &policy->categories[i];
        const char *place = parser_at(parser, "categories[%zu].id", i);
        if (!parser_iri(parser, from->id, place, &to->iri)) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(policy->categories[j].iri, to->iri)) {
                return parser_refuse(parser, place, "keep one of them", "the category '%s' is declared twice", from->id);
            }
        }
        /* What nobody has called ordinary is sensitive. */
        to->is_sensitive = from->is_sensitive == NULL || *from->is_sensitive;
        to->is_never = from->is_never != NULL && *from->is_never;
        policy->category_count++;
    }
    return true;
}

/* ---- Clients ---- */

static bool parse_tokens(struct policy_parser *parser, const struct text_client *from, size_t index, struct policy_client *to)
{
    static const struct bytes kind = BYTES("sha256:");
    void *list = NULL;
    if (!parser_take(parser, from->tokens_count, sizeof *to->tokens, &list)) {
        return false;
    }
    to->tokens = list;
    for (size_t i = 0; i < from->tokens_count; i++) {
        struct bytes text = bytes_of_text(from->tokens[i]);
        const char *place = parser_at(parser, "clients[%zu].tokens[%zu]", index, i);
        if (!bytes_start_with(text, kind) || !hex_parse(bytes_slice(text, kind.size, text.size), to->tokens[i], SHA256_SIZE)) {
            /* What stands there may be the token itself: it is not repeated. */
            return parser_refuse(parser, place, "write sha256: and 64 hex digits: the SHA-256 of the token, never the token",
                                 "not the digest of a token");
        }
        to->token_count++;
    }
    return true;
}

static bool parse_certificates(struct policy_parser *parser, const struct text_client *from, size_t index, struct policy_client *to)
{
    const char *place = parser_at(parser, "clients[%zu].certificates", index);
    if (to->connection == CONNECTION_HTTPS && from->certificates_count == 0) {
        return parser_refuse(parser, place, "name the PEM files of the certificates that may come in",
                             "'connection: https' without 'certificates' lets nobody in");
    }
    if (to->connection != CONNECTION_HTTPS && from->certificates_count > 0) {
        return parser_refuse(parser, place, "write connection: https, or take them out",
                             "'certificates' are not looked at with 'connection: %s'", policy_connection_word(to->connection));
    }
    for (size_t i = 0; i < from->certificates_count; i++) {
        struct bytes path;
        struct error cause = { 0 };
        uint8_t(*digests)[SHA256_SIZE] = NULL;
        size_t count = 0;
        if (!parser_file(parser, from->certificates[i], &path)) {
            return false;
        }
        if (!certificate_digests((const char *)path.data, &parser->policy->arena, &digests, &count, &cause)) {
            return parser_refuse_because(parser, parser_at(parser, "clients[%zu].certificates[%zu]", index, i), from->certificates[i],
                                         &cause);
        }
        uint8_t(*all)[SHA256_SIZE] = arena_take(&parser->policy->arena, (to->certificate_count + count) * sizeof *all);
        if (all == NULL) {
            return parser_out_of_memory(parser);
        }
        if (to->certificate_count > 0) {
            memcpy(all, to->certificates, to->certificate_count * sizeof *all);
        }
        memcpy(all + to->certificate_count, digests, count * sizeof *all);
        to->certificates = all;
        to->certificate_count += count;
    }
    return true;
}

static bool parse_clients(struct policy_parser *parser)
{
    struct policy *policy = parser->policy;
    void *list = NULL;
    if (!parser_take(parser, parser->text->clients_count, sizeof *policy->clients, &list)) {
        return false;
    }
    policy->clients = list;
    for (size_t i = 0; i < parser->text->clients_count; i++) {
        const struct text_client *from = &parser->text->clients[i];
        struct policy_client *to = &policy->clients[i];
        struct error cause = { 0 };
        const char *place = parser_at(parser, "clients[%zu].subsystem", i);
        if (!parser_identifier(parser, from->subsystem, 4, 4, place, &to->parts, &to->subsystem)) {
            return false;
        }
        if (!identifier_check_new(&to->parts, NULL, &cause)) {
            return parser_refuse_because(parser, place, from->subsystem, &cause);
        }
        if (!identifier_is_within(&to->parts, parser->owner)) {
            return parser_refuse(parser, place, "clients are this gateway's own subsystems; others get rights under a service's 'rights'",
                                 "'%s' is not a subsystem of this gateway's member", from->subsystem);
        }
        to->connection = from->connection;
        if (!parse_certificates(parser, from, i, to) || !parse_tokens(parser, from, i, to)) {
            return false;
        }
        policy->client_count++;
    }
    return true;
}

/* ---- The whole ---- */

static bool parse_services(struct policy_parser *parser)
{
    struct policy *policy = parser->policy;
    void *list = NULL;
    if (!parser_take(parser, parser->text->services_count, sizeof *policy->services, &list)) {
        return false;
    }
    policy->services = list;
    for (size_t i = 0; i < parser->text->services_count; i++) {
        if (!parser_service(parser, i)) {
            return false;
        }
        policy->service_count++;
    }
    return true;
}

static bool parse_calls(struct policy_parser *parser)
{
    struct policy *policy = parser->policy;
    void *list = NULL;
    if (!parser_take(parser, parser->text->calls_count, sizeof *policy->calls, &list)) {
        return false;
    }
    policy->calls = list;
    for (size_t i = 0; i < parser->text->calls_count; i++) {
        const struct text_call *from = &parser->text->calls[i];
        struct policy_call *to = &policy->calls[i];
        if (!parser_identifier(parser, from->service, IDENTIFIER_PARTS_MAX, IDENTIFIER_PARTS_MAX,
                               parser_at(parser, "calls[%zu].service", i), &to->parts, &to->service)) {
            return false;
        }
        to->evidence = from->evidence;
        policy->call_count++;
    }
    return true;
}

static const char *written_id(const struct text_policy *text, enum policy_list list, size_t index)
{
    switch (list) {
    case LIST_SERVICES:
        return text->services[index].id;
    case LIST_CLIENTS:
        return text->clients[index].subsystem;
    case LIST_CALLS:
        break;
    }
    return text->calls[index].service;
}

static bool make_index(struct policy_parser *parser)
{
    static const struct {
        const char *list, *key, *what;
    } words[] = {
        [LIST_SERVICES] = { "services", "id", "service" },
        [LIST_CLIENTS] = { "clients", "subsystem", "client" },
        [LIST_CALLS] = { "calls", "service", "call" },
    };
    struct policy_twice twice;
    if (!policy_index(parser->policy, &twice)) {
        return parser_out_of_memory(parser);
    }
    if (!twice.is_found) {
        return true;
    }
    unsigned first = 0;
    char place[64], todo[64];
    (void)snprintf(place, sizeof place, "%s[%zu].%s", words[twice.list].list, twice.first, words[twice.list].key);
    (void)yaml_line(parser->yaml, place, &first);
    (void)snprintf(todo, sizeof todo, "the other is in line %u: keep one", first);
    (void)snprintf(place, sizeof place, "%s[%zu].%s", words[twice.list].list, twice.second, words[twice.list].key);
    return parser_refuse(parser, place, todo, "the %s '%s' is there twice", words[twice.list].what,
                         written_id(parser->text, twice.list, twice.second));
}

/* law_tighten() reads the section itself, when the law is known; the whole text, so that its lines are right. */
static bool keep_law(struct policy_parser *parser)
{
    struct buffer section;
    buffer_init(&section, POLICY_BYTES_MAX + 1);
    bool ok = yaml_section(parser->yaml, parser->file, "law", &section, parser->e);
    if (ok && section.size > 0) {
        parser->policy->law_text = arena_copy(&parser->policy->arena, parser->yaml);
        ok = parser->policy->law_text.data != NULL || parser_out_of_memory(parser);
    }
    buffer_clear(&section);
    return ok;
}

static bool parse_text(struct policy_parser *parser)
{
    void *text = NULL;
    if (parser->yaml.size > POLICY_BYTES_MAX) {
        return error_set(parser->e, ERROR_INPUT, parser->file, NULL, "the file is larger than %d MiB", POLICY_BYTES_MAX / 1024 / 1024);
    }
    if (!yaml_load(&policy_text_schema, parser->yaml, parser->file, &text, parser->e)) {
        return false;
    }
    parser->text = text;
    sha256(parser->yaml, parser->policy->digest);
    if (!keep_law(parser)) {
        return false;
    }
    return parse_categories(parser) && parse_clients(parser) && parser_law(parser) && parse_services(parser) && parse_calls(parser) &&
           make_index(parser);
}

bool policy_parse(struct policy **out, struct bytes yaml, const char *file, const char *folder, const struct identifier *owner,
                  struct error *e)
{
    struct policy_parser parser = { .yaml = yaml, .file = file, .folder = folder, .owner = owner, .e = e };
    *out = NULL;
    parser.policy = calloc(1, sizeof *parser.policy);
    if (parser.policy == NULL) {
        return parser_out_of_memory(&parser);
    }
    parser.policy->reference_count = 1;
    buffer_init(&parser.scratch, (size_t)64 * 1024);
    bool ok = parse_text(&parser);
    if (ok) {
        *out = parser.policy;
    } else {
        policy_drop(parser.policy);
    }
    buffer_clear(&parser.scratch);
    yaml_unload(&policy_text_schema, parser.text);
    return ok;
}
