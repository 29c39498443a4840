/* The parts of the REST API that are pure: schemas, routes, the table of access, addresses that a webhook may not have; and api.yaml's page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "api/api_config_internal.h"
#include "api/fetch.h"
#include "api/rest_internal.h"

/* ---- Schemas ---- */

static const char small[] =
    "{\"Name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":3,\"pattern\":\"^[a-z]*$\"},"
    "\"Thing\":{\"type\":\"object\",\"required\":[\"a\"],\"additionalProperties\":false,\"properties\":{"
    "\"a\":{\"$ref\":\"#/components/schemas/Name\"},\"n\":{\"type\":[\"integer\",\"null\"],\"minimum\":1,\"maximum\":9},"
    "\"l\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,\"items\":{\"type\":\"boolean\"}},"
    "\"e\":{\"enum\":[\"x\",null]},\"t\":{\"type\":\"string\",\"format\":\"date-time\"}}}}";

static void schema_answers(void **state)
{
    static const struct {
        const char *value, *where; /* NULL: right */
    } rows[] = {
        { "{\"a\":\"abc\"}", NULL },
        { "{\"a\":\"a\",\"n\":9,\"l\":[true,false],\"e\":null,\"t\":\"2027-03-01T00:00:00Z\"}", NULL },
        { "{\"a\":\"a\",\"n\":null}", NULL },
        { "{}", "/a" },
        { "[]", "body" },
        { "{\"a\":\"\"}", "/a" },
        { "{\"a\":\"abcd\"}", "/a" },
        { "{\"a\":\"A\"}", "/a" },
        { "{\"a\":1}", "/a" },
        { "{\"a\":\"a\",\"n\":0}", "/n" },
        { "{\"a\":\"a\",\"n\":10}", "/n" },
        { "{\"a\":\"a\",\"n\":1.5}", "/n" },
        { "{\"a\":\"a\",\"l\":[]}", "/l" },
        { "{\"a\":\"a\",\"l\":[true,true,true]}", "/l" },
        { "{\"a\":\"a\",\"l\":[true,1]}", "/l/1" },
        { "{\"a\":\"a\",\"e\":\"y\"}", "/e" },
        { "{\"a\":\"a\",\"t\":\"yesterday\"}", "/t" },
        { "{\"a\":\"a\",\"b\":1}", "/b" },
    };
    struct schemas *schemas = NULL;
    struct error e = { 0 };
    (void)state;
    assert_true(schemas_make(&schemas, bytes_of_text(small), &e));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *value = json_loads(rows[i].value, JSON_ALLOW_NUL, NULL);
        bool ok = schema_check(schemas, "Thing", value, &e);
        if (ok != (rows[i].where == NULL) || (!ok && strcmp(e.where, rows[i].where) != 0)) {
            fail_msg("%s: %s at %s", rows[i].value, ok ? "taken" : e.what, e.where);
        }
        json_decref(value);
    }
    schemas_free(schemas);
}

static void schema_words_that_nobody_checks(void **state)
{
    static const char *const bad[] = { "[]",
                                       "{\"A\":1}",
                                       "{\"A\":{\"oneOf\":[]}}",
                                       "{\"A\":{\"$ref\":\"#/components/schemas/B\"}}",
                                       "{\"A\":{\"pattern\":\"(\"}}",
                                       "{\"A\":{\"format\":\"uri\"}}",
                                       "{\"A\":{\"items\":{\"not\":{}}}}" };
    struct schemas *schemas = NULL;
    struct error e;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(schemas_make(&schemas, bytes_of_text(bad[i]), &e));
        assert_null(schemas);
    }
}

/* ---- Routes ---- */

static void each_route_is_found_and_whole(void **state)
{
    struct schemas *schemas = NULL;
    struct error e = { 0 };
    (void)state;
    assert_true(schemas_make(&schemas, bytes_of_text(rest_schemas_text), &e));
    for (size_t i = 0; i < rest_route_count; i++) {
        const struct rest_route *route = &rest_routes[i];
        struct arena arena = { 0 };
        struct route_match match;
        assert_true(route_find(bytes_of_text(route->method), bytes_of_text(route->path), &arena, &match));
        if (match.route != route) {
            fail_msg("%s %s is hidden by another row", route->method, route->path);
        }
        if ((route->body != NULL && !schemas_have(schemas, route->body)) ||
            (route->answer != NULL && !schemas_have(schemas, route->answer))) {
            fail_msg("%s: a schema that isn't there", route->id);
        }
        if (strcmp(route->method, "GET") == 0 && (route->body != NULL || (route->verb != VERB_READ && route->verb != VERB_LIST))) {
            fail_msg("%s: a GET that isn't safe", route->id);
        }
        /* A question that is too long for a path changes nothing either. */
        bool is_question = strcmp(route->id, "explain") == 0;
        if (strcmp(route->method, "GET") != 0 && !is_question && (route->verb == VERB_READ || route->verb == VERB_LIST)) {
            fail_msg("%s: a change that only asks for reading", route->id);
        }
        bool is_for_somebody = false;
        for (unsigned role = 0; role < ROLE_COUNT; role++) {
            is_for_somebody = is_for_somebody || access_of((enum role)role, route->resource, route->verb) != ACCESS_NO;
        }
        if (!is_for_somebody) {
            fail_msg("%s: nobody may", route->id);
        }
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(rest_routes[j].id, route->id);
        }
        arena_clear(&arena);
    }
    schemas_free(schemas);
}

static void parameters_of_paths(void **state)
{
    struct arena arena = { 0 };
    struct route_match match;
    (void)state;
    assert_true(route_find(BYTES("GET"), BYTES("/govstack/v1/config/policy/a%2Fb%20c/"), &arena, &match));
    assert_non_null(match.route);
    assert_true(bytes_equal(match.parameters[0], BYTES("a/b c")));
    static const struct bytes absent[] = { BYTES("/govstack/v1/config/policy/a%00b"), BYTES("/govstack/v1/config/policy/%ff"),
                                           BYTES("/govstack/v1/config/policy/%zz"), BYTES("/govstack/v1/config/policy//") };
    for (size_t i = 0; i < COUNT_OF(absent); i++) { /* a path, but nothing that anything could be called */
        assert_true(route_find(BYTES("GET"), absent[i], &arena, &match));
        assert_non_null(match.route);
        assert_int_equal(match.parameters[0].size, 0);
    }
    static const struct bytes none[] = { BYTES("/"),
                                         BYTES(""),
                                         BYTES("/govstack"),
                                         BYTES("/govstack/v1/config//policy/1"),
                                         BYTES("//v1/openapi.json"),
                                         BYTES("/v1/openapi.json//"),
                                         BYTES("/v1/../v1/openapi.json"),
                                         BYTES("/V1/openapi.json") };
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        assert_true(route_find(BYTES("GET"), none[i], &arena, &match));
        assert_int_equal(match.methods, 0);
    }
    arena_clear(&arena);
}

/* ---- Access ---- */

/* What must hold of the table, whatever else it says. */
static void access_invariants(void **state)
{
    (void)state;
    for (unsigned r = 0; r < RESOURCE_COUNT; r++) {
        for (unsigned v = 0; v < VERB_COUNT; v++) {
            enum resource resource = (enum resource)r;
            enum verb verb = (enum verb)v;
            bool is_change = verb != VERB_READ && verb != VERB_LIST;
            assert_int_equal(access_of(ROLE_ANONYMOUS, resource, verb),
                             resource == RESOURCE_PUBLIC && verb == VERB_READ ? ACCESS_ALL : ACCESS_NO);
            bool is_of_persons = resource == RESOURCE_INDIVIDUAL || resource == RESOURCE_CONSENT || resource == RESOURCE_USE ||
                                 resource == RESOURCE_PERSON || resource == RESOURCE_RIGHT || resource == RESOURCE_AUDIT ||
                                 resource == RESOURCE_EXCHANGE || resource == RESOURCE_REVIEW;
            enum access keeper = access_of(ROLE_OPERATOR, resource, verb), helper = access_of(ROLE_HELPER, resource, verb);
            assert_true(!is_change || resource == RESOURCE_SESSION || access_of(ROLE_AUDITOR, resource, verb) == ACCESS_NO);
            assert_true(!is_change || resource == RESOURCE_SESSION || access_of(ROLE_VIEWER, resource, verb) == ACCESS_NO);
            /* Whoever needs no person sees none. */
            assert_true(!is_of_persons || access_of(ROLE_VIEWER, resource, verb) == ACCESS_NO);
            assert_true(!is_of_persons || keeper == ACCESS_NO || (keeper == ACCESS_REDACTED && !is_change));
            if (verb == VERB_DECIDE || verb == VERB_WITHDRAW) {
                /* Nobody decides for a person but the person, who answers for it, and the counter that writes it down. */
                assert_int_equal(keeper, ACCESS_NO);
                assert_int_equal(access_of(ROLE_OFFICER, resource, verb), ACCESS_NO);
            }
            /* A helper may what the person may, or less, and changes nothing but by taking back. */
            assert_true(helper == ACCESS_NO || helper == access_of(ROLE_PERSON, resource, verb));
            assert_true(helper == ACCESS_NO || !is_change || verb == VERB_WITHDRAW || resource == RESOURCE_SESSION);
            enum access person = access_of(ROLE_PERSON, resource, verb);
            bool is_general = resource == RESOURCE_PUBLIC || resource == RESOURCE_POLICY || resource == RESOURCE_NOTICE;
            assert_true(person == ACCESS_NO || person == ACCESS_OWN || (person == ACCESS_ALL && is_general && !is_change));
            assert_int_equal(person, access_of(ROLE_GUARDIAN, resource, verb));
        }
    }
    assert_int_equal(access_for(1U << ROLE_PERSON | 1U << ROLE_OFFICER, RESOURCE_CONSENT, VERB_READ), ACCESS_ALL);
    assert_int_equal(access_for(0, RESOURCE_CONSENT, VERB_READ), ACCESS_NO);
    assert_int_equal(access_of((enum role)99, RESOURCE_CONSENT, VERB_READ), ACCESS_NO);
    assert_int_equal(access_of(ROLE_OPERATOR, (enum resource)99, VERB_READ), ACCESS_NO);
    assert_int_equal(access_of(ROLE_OPERATOR, RESOURCE_CONSENT, (enum verb)99), ACCESS_NO);
}

/* ---- Addresses ---- */

/* docs/reference/api.md has each row of the table of access as it is, and no other. */
static void page_has_the_table_of_access(void **state)
{
    enum { PAGE_BYTES_MAX = 256 * 1024 };
    char *page = calloc(1, PAGE_BYTES_MAX);
    size_t rows = 0, lines = 0;
    (void)state;
    FILE *file = fopen(API_PAGE, "re");
    assert_non_null(page);
    assert_non_null(file);
    size_t size = fread(page, 1, PAGE_BYTES_MAX - 1, file);
    (void)fclose(file);
    assert_in_range(size, 1000, PAGE_BYTES_MAX - 2);
    for (unsigned resource = 0; resource < RESOURCE_COUNT; resource++) {
        for (unsigned verb = 0; verb < VERB_COUNT; verb++) {
            char line[512];
            bool is_there = false;
            int at = snprintf(line, sizeof line, "\n| `%s` | `%s` |", resource_name((enum resource)resource), verb_name((enum verb)verb));
            for (unsigned role = 0; role < ROLE_COUNT; role++) {
                enum access access = access_of((enum role)role, (enum resource)resource, (enum verb)verb);
                is_there = is_there || access != ACCESS_NO;
                at += snprintf(line + at, sizeof line - (size_t)at, " %s |", access == ACCESS_NO ? "-" : access_name(access));
            }
            rows += is_there;
            if (is_there && strstr(page, line) == NULL) {
                fail_msg("docs/reference/api.md lacks the row %s", line + 1);
            }
        }
    }
    const char *table = strstr(page, "| resource | verb |");
    assert_non_null(table);
    for (const char *found = table; (found = strstr(found, "\n| `")) != NULL && strstr(table, "\n\n") > found; found++) {
        lines++;
    }
    assert_int_equal(lines, rows);
    free(page);
}

static void local_addresses(void **state)
{
    static const struct {
        const char *text;
        bool is_local;
    } rows[] = {
        { "127.0.0.1", true },
        { "127.9.9.9", true },
        { "10.1.2.3", true },
        { "172.16.0.1", true },
        { "172.31.255.255", true },
        { "172.32.0.1", false },
        { "192.168.1.1", true },
        { "169.254.169.254", true },
        { "100.64.0.1", true },
        { "100.128.0.1", false },
        { "0.0.0.0", true },
        { "224.0.0.1", true },
        { "255.255.255.255", true },
        { "198.18.0.1", true },
        { "8.8.8.8", false },
        { "93.184.216.34", false },
        { "::1", true },
        { "::", true },
        { "fe80::1", true },
        { "fc00::1", true },
        { "fd12::1", true },
        { "ff02::1", true },
        { "::ffff:127.0.0.1", true },
        { "::ffff:10.0.0.1", true },
        { "::ffff:8.8.8.8", false },
        { "::7f00:1", true },
        { "64:ff9b::7f00:1", true },
        { "64:ff9b::808:808", false },
        { "2002:7f00:1::", true },
        { "2002:808:808::", false },
        { "2001:0:1::1", true },
        { "2606:4700::1111", false },
        { "4000::1", true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct sockaddr_in in = { .sin_family = AF_INET };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
        bool is_4 = inet_pton(AF_INET, rows[i].text, &in.sin_addr) == 1;
        assert_true(is_4 || inet_pton(AF_INET6, rows[i].text, &in6.sin6_addr) == 1);
        if (fetch_is_local(is_4 ? (const struct sockaddr *)&in : (const struct sockaddr *)&in6) != rows[i].is_local) {
            fail_msg("%s", rows[i].text);
        }
    }
}

/* ---- The page of api.yaml ---- */

static char page[64 * 1024];

static size_t check_keys(const cyaml_schema_field_t *field, const char *prefix)
{
    size_t count = 0;
    for (; field->key != NULL; field++) {
        char path[160], row[200];
        const cyaml_schema_value_t *value = &field->value;
        bool is_list = value->type == CYAML_SEQUENCE && value->sequence.entry->type == CYAML_MAPPING;
        (void)snprintf(path, sizeof path, "%s%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", field->key, is_list ? "[]" : "");
        if (is_list || value->type == CYAML_MAPPING) {
            count += check_keys(is_list ? value->sequence.entry->mapping.fields : value->mapping.fields, path);
            continue;
        }
        (void)snprintf(row, sizeof row, "\n| `%s` |", path);
        if (strstr(page, row) == NULL) {
            fail_msg("docs/reference/api-yaml.md has no row for %s", path);
        }
        count++;
    }
    return count;
}

static void page_names_each_key(void **state)
{
    (void)state;
    FILE *file = fopen(REFERENCE, "r");
    assert_non_null(file);
    assert_in_range(fread(page, 1, sizeof page - 1, file), 1, sizeof page - 2);
    (void)fclose(file);
    size_t rows = 0, count = check_keys(api_config_schema.mapping.fields, "");
    for (const char *at = page; (at = strstr(at, "\n| `")) != NULL; at++) {
        rows++;
    }
    assert_int_equal(rows, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema_answers),
        cmocka_unit_test(schema_words_that_nobody_checks),
        cmocka_unit_test(each_route_is_found_and_whole),
        cmocka_unit_test(parameters_of_paths),
        cmocka_unit_test(access_invariants),
        cmocka_unit_test(page_has_the_table_of_access),
        cmocka_unit_test(local_addresses),
        cmocka_unit_test(page_names_each_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
