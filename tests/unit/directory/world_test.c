#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "directory/directory.h"

#include "directory_fixture.h"

static char folder[64];
static char own_path[96];
static char foreign_path[96];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/comity-world-XXXXXX");
    (void)snprintf(own_path, sizeof own_path, "%s", "");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(own_path, sizeof own_path, "%s/own.note", folder);
    (void)snprintf(foreign_path, sizeof foreign_path, "%s/BAOBAB.note", folder);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    (void)unlink(own_path);
    (void)unlink(foreign_path);
    return 0;
}

static int remove_folder(void **state)
{
    (void)remove_files(state);
    return rmdir(folder);
}

static void sign_into(const char *path, struct bytes text, uint8_t operator_number)
{
    struct buffer note;
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fixture_sign(text, &operator_number, 1, &note);
    assert_int_equal(fwrite(note.data, 1, note.size, file), note.size);
    assert_int_equal(fclose(file), 0);
    buffer_clear(&note);
}

/* The fixture as AURORA's directory (which recognises BAOBAB until July) and, changed, as BAOBAB's. */
static void write_own(const char *from, const char *to)
{
    struct buffer text;
    fixture_text(&text);
    if (from != NULL) {
        fixture_replace(&text, from, to);
    }
    sign_into(own_path, buffer_bytes(&text), 1);
    buffer_clear(&text);
}

static void write_foreign(const char *from, const char *to, uint8_t operator_number)
{
    struct buffer text;
    fixture_text(&text);
    fixture_replace(&text, "\"AURORA\"", "\"BAOBAB\"");
    fixture_replace(&text, "{\"community\": \"BAOBAB\"", "{\"community\": \"CEDAR\"");
    fixture_replace(&text, "\"AwAA", "\"BAAA");
    if (from != NULL) {
        fixture_replace(&text, from, to);
    }
    sign_into(foreign_path, buffer_bytes(&text), operator_number);
    buffer_clear(&text);
}

static int64_t at(const char *text)
{
    int64_t time_ms = 0;
    assert_true(time_parse(bytes_of_text(text), &time_ms));
    return time_ms;
}

struct warned {
    int count;
    char community[64];
    struct error e;
};

static void warn(void *context, const char *community, const struct error *e)
{
    struct warned *w = context;
    w->count++;
    (void)snprintf(w->community, sizeof w->community, "%s", community);
    w->e = *e;
}

/* The one community that is not accepted; NULL: none. */
static const char *refused_community;

static bool accept(void *context, const struct directory *directory, struct error *e)
{
    (void)context;
    return refused_community == NULL || !bytes_equal(directory->community, bytes_of_text(refused_community)) ||
           error_set(e, ERROR_DENIED, "test", NULL, "not accepted");
}

static bool load(struct world **out, const char *now, struct warned *warned, struct error *e)
{
    struct signer *signer = fixture_signer(1);
    *warned = (struct warned){ 0 };
    bool ok = world_load(out, BYTES("AURORA"), own_path, folder, signer_verifier(signer), 1, 1, at(now), accept, warn, warned, e);
    signer_free(signer);
    return ok;
}

static struct world *load_good(const char *now)
{
    struct world *w = NULL;
    struct warned warned;
    struct error e = { 0 };
    if (!load(&w, now, &warned, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return w;
}

static void both_communities_are_found_while_they_are_valid(void **state)
{
    static const struct {
        const char *now;
        bool own, foreign;
    } row[] = {
        { "2027-03-01T00:00:00Z", true, true },      { "2026-12-31T23:59:59.999Z", false, false }, /* before the own directory */
        { "2027-05-31T23:59:59.999Z", true, true },  { "2027-06-01T00:00:00Z", true, false },      /* the foreign one's end */
        { "2027-07-01T00:00:00Z", true, false },                                                   /* the recognition's end */
        { "2027-12-31T23:00:00.499Z", true, false }, { "2027-12-31T23:00:00.500Z", false, false }, /* the own one's end: all is closed */
    };
    uint8_t own_pin[PIN_SIZE] = { 3 }, foreign_pin[PIN_SIZE] = { 4 }, shared_pin[PIN_SIZE] = { 1 };
    struct identifier own = { .parts = { BYTES("AURORA"), BYTES("GOV"), BYTES("hospital"), BYTES("records") }, .part_count = 4 };
    struct identifier foreign = { .parts = { BYTES("BAOBAB"), BYTES("GOV"), BYTES("hospital"), BYTES("records") }, .part_count = 4 };
    (void)state;
    write_own(NULL, NULL);
    write_foreign("2028-01-01T00:00:00.500+01:00", "2027-06-01T00:00:00Z", 21);
    struct world *w = load_good("2027-03-01T00:00:00Z");
    assert_int_equal(w->foreign_count, 1);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        int64_t now = at(row[i].now);
        if ((world_find_community(w, BYTES("AURORA"), now) == w->own) != row[i].own ||
            (world_find_member(w, &own, now) != NULL) != row[i].own || (world_find_subsystem(w, &own, now) != NULL) != row[i].own ||
            (world_find_gateway_by_pin(w, own_pin, now) != NULL) != row[i].own ||
            (world_find_community(w, BYTES("BAOBAB"), now) == w->foreign[0]) != row[i].foreign ||
            (world_find_member(w, &foreign, now) != NULL) != row[i].foreign ||
            (world_find_subsystem(w, &foreign, now) != NULL) != row[i].foreign ||
            (world_find_gateway_by_pin(w, foreign_pin, now) != NULL) != row[i].foreign) {
            fail_msg("row %zu", i);
        }
    }
    /* Its own community's gateway goes before another's that lists the same pin. */
    assert_true(world_find_gateway_by_pin(w, shared_pin, at(row[0].now))->member->directory == w->own);
    assert_null(world_find_community(w, BYTES("CEDAR"), at(row[0].now)));
    struct identifier none = { .part_count = 0 };
    assert_null(world_find_member(w, &none, at(row[0].now)));
    assert_null(world_find_subsystem(w, &none, at(row[0].now)));
    world_release(w);
    world_release(NULL);
}

static void each_of_many_communities_is_found(void **state)
{
    static const char *const names[] = { "BAOBAB", "CEIBA", "DRAGON TREE", "ELM" };
    struct buffer own;
    struct signer *signer = fixture_signer(21);
    (void)state;
    fixture_text(&own);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[128];
        struct buffer recognition, text;
        buffer_init(&recognition, 4096);
        buffer_append_format(&recognition, "\"recognised\": [{\"community\": \"%s\", \"threshold\": 1, \"operators\": [\"", names[i]);
        verifier_write(signer_verifier(signer), &recognition);
        buffer_append_text(&recognition, "\"], \"valid_from\": \"2027-01-01T00:00:00Z\", \"valid_until\": \"2028-01-01T00:00:00Z\"}, ");
        buffer_append_u8(&recognition, '\0');
        if (i > 0) {
            fixture_replace(&own, "\"recognised\": [", (const char *)recognition.data);
        }
        buffer_clear(&recognition);
        fixture_text(&text);
        fixture_replace(&text, "{\"community\": \"BAOBAB\"", "{\"community\": \"YEW\"");
        fixture_replace(&text, "AURORA", names[i]);
        (void)snprintf(path, sizeof path, "%s/%s.note", folder, i == 2 ? "DRAGON%20TREE" : names[i]);
        sign_into(path, buffer_bytes(&text), 21);
        buffer_clear(&text);
    }
    sign_into(own_path, buffer_bytes(&own), 1);
    struct world *w = load_good("2027-03-01T00:00:00Z");
    assert_int_equal(w->foreign_count, COUNT_OF(names));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct directory *d = world_find_community(w, bytes_of_text(names[i]), at("2027-03-01T00:00:00Z"));
        assert_non_null(d);
        assert_true(bytes_equal(d->community, bytes_of_text(names[i])));
    }
    assert_null(world_find_community(w, BYTES("YEW"), at("2027-03-01T00:00:00Z")));
    world_release(w);
    /* One that the caller does not accept is not there, and takes no other with it. */
    struct warned warned;
    struct error e = { 0 };
    refused_community = names[1];
    assert_true(load(&w, "2027-03-01T00:00:00Z", &warned, &e));
    refused_community = NULL;
    assert_int_equal(w->foreign_count, COUNT_OF(names) - 1);
    assert_string_equal(warned.community, names[1]);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct directory *d = world_find_community(w, bytes_of_text(names[i]), at("2027-03-01T00:00:00Z"));
        assert_int_equal(d == NULL, i == 1);
        assert_true(d == NULL || bytes_equal(d->community, bytes_of_text(names[i])));
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s.note", folder, i == 2 ? "DRAGON%20TREE" : names[i]);
        assert_int_equal(unlink(path), 0);
    }
    world_release(w);
    signer_free(signer);
    buffer_clear(&own);
}

static void doubtful_neighbours_are_left_out_with_a_reason(void **state)
{
    static const struct {
        const char *now, *from, *to; /* in the foreign directory's text */
        uint8_t operator_number;     /* 0: there is no file */
        enum error_kind kind;
        const char *what;
    } row[] = {
        { "2027-03-01T00:00:00Z", NULL, NULL, 0, ERROR_ABSENT, "No such file" },
        { "2027-03-01T00:00:00Z", NULL, NULL, 22, ERROR_DENIED, "0 of the trusted operators" },
        { "2027-03-01T00:00:00Z", "\"BAOBAB\"", "\"CEIBA\"", 21, ERROR_DENIED, "directory of CEIBA, not of BAOBAB" },
        { "2027-03-01T00:00:00Z", "2028-01-01T00:00:00.500+01:00", "2027-03-01T00:00:00Z", 21, ERROR_DENIED, "was valid until" },
        { "2027-03-01T00:00:00Z", "2027-01-01T00:00:00Z", "2027-04-01T00:00:00Z", 21, ERROR_DENIED, "is valid from" },
        { "2027-03-01T00:00:00Z", "\"serial\": 3", "\"serial\": 0", 21, ERROR_INPUT, "whole number" },
        { "2027-08-01T00:00:00Z", NULL, NULL, 21, ERROR_DENIED, "not recognised at this time" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct world *w = NULL;
        struct warned warned;
        struct error e = { 0 };
        (void)remove_files(NULL);
        write_own(NULL, NULL);
        if (row[i].operator_number != 0) {
            write_foreign(row[i].from, row[i].to, row[i].operator_number);
        }
        if (!load(&w, row[i].now, &warned, &e)) {
            fail_msg("row %zu: %s", i, e.what);
        }
        assert_int_equal(w->foreign_count, 0);
        assert_int_equal(warned.count, 1);
        assert_string_equal(warned.community, "BAOBAB");
        if (warned.e.kind != row[i].kind || strstr(warned.e.what, row[i].what) == NULL) {
            fail_msg("row %zu: \"%s\", want \"%s\"", i, warned.e.what, row[i].what);
        }
        world_release(w);
    }
}

static void a_bad_own_directory_is_an_error(void **state)
{
    static const struct {
        const char *now, *from, *to;
        const char *refused;
        const char *what;
    } row[] = {
        { "2027-03-01T00:00:00Z", NULL, NULL, "AURORA", "not accepted" },
        { "2027-03-01T00:00:00Z", "\"AURORA\"", "\"AZALEA\"", NULL, "directory of AZALEA, not of AURORA" },
        { "2028-03-01T00:00:00Z", NULL, NULL, NULL, "was valid until" },
        { "2026-03-01T00:00:00Z", NULL, NULL, NULL, "is valid from" },
        { "2027-03-01T00:00:00Z", "\"members\"", "\"member\"", NULL, "unknown key" },
    };
    struct world *w = NULL;
    struct warned warned;
    struct error e = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        write_own(row[i].from, row[i].to);
        refused_community = row[i].refused;
        assert_false(load(&w, row[i].now, &warned, &e));
        refused_community = NULL;
        assert_null(w);
        if (strstr(e.what, row[i].what) == NULL) {
            fail_msg("row %zu: \"%s\", want \"%s\"", i, e.what, row[i].what);
        }
    }
    (void)remove_files(NULL);
    assert_false(load(&w, row[0].now, &warned, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);

    /* Without a folder nobody else is known, and nobody complains. */
    write_own(NULL, NULL);
    struct signer *signer = fixture_signer(1);
    assert_true(world_load(&w, BYTES("AURORA"), own_path, NULL, signer_verifier(signer), 1, 1, at(row[0].now), NULL, NULL, NULL, &e));
    assert_int_equal(w->foreign_count, 0);
    assert_null(world_find_community(w, BYTES("BAOBAB"), at(row[0].now)));
    world_release(w);
    assert_true(world_load(&w, BYTES("AURORA"), own_path, folder, signer_verifier(signer), 1, 1, at(row[0].now), NULL, NULL, NULL, &e));
    world_release(w);
    signer_free(signer);
}

static struct directory *load_own(const char *from, const char *to)
{
    struct directory *d = NULL;
    struct error e = { 0 };
    struct signer *signer = fixture_signer(1);
    write_own(from, to);
    if (!directory_load(&d, own_path, signer_verifier(signer), 1, 1, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    signer_free(signer);
    return d;
}

static void nothing_goes_back(void **state)
{
    static const struct {
        const char *from, *to;
        const char *what; /* NULL: it may be used */
    } row[] = {
        { NULL, NULL, NULL },
        { "\"serial\": 3", "\"serial\": 4", NULL },
        { "\"serial\": 3", "\"serial\": 2", "AURORA has serial 2, older than the newest seen, 3" },
        { "\"open data\"", "\"opened data\"", "under the same serial, 3" },
    };
    const struct directory_seen none = { 0 };
    struct directory *base = load_own(NULL, NULL);
    struct directory_seen seen = { .serial = base->serial };
    (void)state;
    memcpy(seen.digest, base->digest, sizeof seen.digest);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct error e = { 0 };
        struct directory *d = load_own(row[i].from, row[i].to);
        assert_true(directory_check_newest(d, &none, &e));
        if (directory_check_newest(d, &seen, &e) != (row[i].what == NULL)) {
            fail_msg("row %zu", i);
        }
        if (row[i].what != NULL) {
            assert_int_equal(e.kind, ERROR_DENIED);
            assert_non_null(strstr(e.what, row[i].what));
        }
        directory_free(d);
    }
    directory_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(both_communities_are_found_while_they_are_valid, remove_files),
        cmocka_unit_test_teardown(each_of_many_communities_is_found, remove_files),
        cmocka_unit_test_teardown(doubtful_neighbours_are_left_out_with_a_reason, remove_files),
        cmocka_unit_test_teardown(a_bad_own_directory_is_an_error, remove_files),
        cmocka_unit_test_teardown(nothing_goes_back, remove_files),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
