/* Durations and times, persons' identifiers, and files that commands write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/file.h"
#include "cli/value.h"

enum { NOW_MS = 1000000 };

static void until(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t until_ms;
    } row[] = {
        { "0", true, NOW_MS },
        { "90", true, NOW_MS + 90000 },
        { "2h", true, NOW_MS + 7200000 },
        { "30d", true, NOW_MS + 30LL * 86400000 },
        { "1970-01-02", true, 86400000 },
        { "1970-01-02T00:00:01Z", true, 86401000 },
        { "1970-01-02T02:00:00+02:00", true, 86400000 },
        { "", false, 0 },
        { "soon", false, 0 },
        { "1970-13-01", false, 0 },
        { "1970-01-02T", false, 0 },
        { "-5", false, 0 },
        { "101y", false, 0 },
        { "1970-01-02 and then a very long text that is cut", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        int64_t until_ms = 0;
        struct error e = { 0 };
        bool ok = until_parse(row[i].text, "--until", NOW_MS, &until_ms, &e);
        if (ok != row[i].ok || (ok && until_ms != row[i].until_ms) || (!ok && strcmp(e.where, "--until") != 0)) {
            fail_msg("'%s': %d %lld", row[i].text, ok, (long long)until_ms);
        }
    }
}

static void folder_of(char path[64])
{
    (void)snprintf(path, 64, "/tmp/cli-test-XXXXXX");
    assert_non_null(mkdtemp(path));
}

/* What stands in the file, and what comes of it; NULL: refused. */
static void persons_from_a_file(void **state)
{
    static const struct {
        struct bytes file;
        const char *person;
    } row[] = {
        { BYTES("PNR-1"), "PNR-1" },         { BYTES("PNR-1\n"), "PNR-1" }, { BYTES("PNR-1\r\n"), "PNR-1" },
        { BYTES(" a b \n"), " a b " }, /* spaces may be part of it */
        { BYTES("\xc3\xa5\n"), "\xc3\xa5" }, { BYTES(""), NULL },           { BYTES("\n\n"), NULL },
        { BYTES("a\nb\n"), NULL },           { BYTES("a\0b"), NULL },       { BYTES("\xff"), NULL },
    };
    char folder[64], path[128], argument[160];
    (void)state;
    folder_of(folder);
    (void)snprintf(path, sizeof path, "%s/person", folder);
    (void)snprintf(argument, sizeof argument, "@%s", path);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct error e = { 0 };
        struct buffer person;
        buffer_init(&person, PERSON_BYTES_MAX);
        assert_true(file_replace_whole(path, row[i].file, 0600, &e));
        bool ok = person_read(argument, &person, &e);
        if (ok != (row[i].person != NULL) || (ok && !bytes_equal(buffer_bytes(&person), bytes_of_text(row[i].person)))) {
            fail_msg("row %zu: %s", i, e.what);
        }
        buffer_wipe(&person);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void persons_in_the_argument_are_refused(void **state)
{
    static const char *const arguments[] = { "PNR-1980-0001", "", "@", "--" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(arguments); i++) {
        struct error e = { 0 };
        struct buffer person;
        char text[sizeof e];
        buffer_init(&person, PERSON_BYTES_MAX);
        assert_false(person_read(arguments[i], &person, &e));
        assert_null(strstr(error_text(&e, text, sizeof text), "PNR"));
        buffer_wipe(&person);
    }
}

static void files_are_replaced_and_never_overwritten(void **state)
{
    char folder[64], path[128];
    struct error e = { 0 };
    struct buffer text;
    struct stat status;
    (void)state;
    folder_of(folder);
    (void)snprintf(path, sizeof path, "%s/file", folder);
    assert_false(file_is_there(path));
    assert_true(file_write_whole_new(path, BYTES("one"), 0600, &e));
    assert_true(file_is_there(path));
    assert_false(file_write_whole_new(path, BYTES("two"), 0600, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_true(file_replace_whole(path, BYTES("three"), 0640, &e));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    buffer_init(&text, 5);
    assert_true(file_read_whole(path, &text, &e));
    assert_true(bytes_equal(buffer_bytes(&text), BYTES("three")));
    buffer_clear(&text);
    buffer_init(&text, 4); /* one byte less than the file has */
    assert_false(file_read_whole(path, &text, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    buffer_clear(&text);
    assert_true(folder_make(folder, 0700, true, &e));
    assert_false(folder_make(folder, 0700, false, &e));
    assert_false(folder_make(path, 0700, true, &e)); /* a file is no folder */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing else was left in it */
    assert_false(file_read_whole(path, &text, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(until),
        cmocka_unit_test(persons_from_a_file),
        cmocka_unit_test(persons_in_the_argument_are_refused),
        cmocka_unit_test(files_are_replaced_and_never_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
