#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/diag.h"
#include "base/time.h"

/* What was written to stderr since begin(), with a NUL. */
static char captured[16384];
static int kept_stderr;
static int pipe_ends[2];

static int64_t fixed(void *context)
{
    (void)context;
    return 1803892502113; /* 2027-03-01T09:15:02.113Z */
}

static void begin(enum diag_level least, enum diag_format format)
{
    diag_configure(least, format);
    assert_int_equal(pipe(pipe_ends), 0);
    kept_stderr = dup(STDERR_FILENO);
    assert_true(kept_stderr >= 0);
    assert_int_equal(dup2(pipe_ends[1], STDERR_FILENO), STDERR_FILENO);
}

static const char *end(void)
{
    assert_int_equal(dup2(kept_stderr, STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(kept_stderr), 0);
    assert_int_equal(close(pipe_ends[1]), 0);
    size_t size = 0;
    ssize_t got;
    while ((got = read(pipe_ends[0], captured + size, sizeof captured - 1 - size)) > 0) {
        size += (size_t)got;
    }
    captured[size] = '\0';
    assert_int_equal(close(pipe_ends[0]), 0);
    return captured;
}

static void lines_are_as_documented(void **state) /* the example of src/base/diag.h and the style page */
{
    (void)state;
    begin(DIAG_INFO, DIAG_TEXT);
    diag(DIAG_WARN, "evidence", "witness did not answer", "witness", "health.example", "attempts", "3", NULL);
    assert_string_equal(end(), "2027-03-01T09:15:02.113Z warn  evidence  witness did not answer  witness=health.example  attempts=3\n");
    begin(DIAG_INFO, DIAG_JSON);
    diag(DIAG_WARN, "evidence", "witness did not answer", "witness", "health.example", "attempts", "3", NULL);
    assert_string_equal(end(), "{\"time\":\"2027-03-01T09:15:02.113Z\",\"level\":\"warn\",\"part\":\"evidence\","
                               "\"message\":\"witness did not answer\",\"witness\":\"health.example\",\"attempts\":\"3\"}\n");
}

static void nothing_below_the_least_level(void **state)
{
    (void)state;
    begin(DIAG_WARN, DIAG_TEXT);
    diag(DIAG_DEBUG, "net", "a", NULL);
    diag(DIAG_INFO, "net", "b", NULL);
    diag(DIAG_ERROR, "net", "c", NULL);
    assert_string_equal(end(), "2027-03-01T09:15:02.113Z error net       c\n");
}

/* A value from outside can't begin a line, end a string, or move a terminal's cursor. */
static void values_are_escaped(void **state)
{
    static const struct {
        const char *value, *text, *json;
    } row[] = {
        { "plain", "plain", "plain" },
        { "", "\"\"", "" },
        { "two words", "\"two words\"", "two words" },
        { "a=b", "\"a=b\"", "a=b" },
        { "line\nfeed", "\"line\\u000afeed\"", "line\\u000afeed" },
        { "a\"b", "\"a\\\"b\"", "a\\\"b" },
        { "a\\b", "\"a\\\\b\"", "a\\\\b" },
        { "\x1B[2J", "\"\\u001b[2J\"", "\\u001b[2J" },
        { "\x7F", "\"\\u007f\"", "\\u007f" },
        { "\xC3\xB6", "\xC3\xB6", "\xC3\xB6" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        char want[256];
        begin(DIAG_INFO, DIAG_TEXT);
        diag(DIAG_INFO, "net", "m", "key", row[i].value, NULL);
        (void)snprintf(want, sizeof want, "2027-03-01T09:15:02.113Z info  net       m  key=%s\n", row[i].text);
        assert_string_equal(end(), want);
        begin(DIAG_INFO, DIAG_JSON);
        diag(DIAG_INFO, "net", "m", "key", row[i].value, NULL);
        (void)snprintf(want, sizeof want,
                       "{\"time\":\"2027-03-01T09:15:02.113Z\",\"level\":\"info\",\"part\":\"net\",\"message\":\"m\",\"key\":\"%s\"}\n",
                       row[i].json);
        assert_string_equal(end(), want);
    }
    begin(DIAG_INFO, DIAG_TEXT);
    diag(DIAG_INFO, "net", "m", "key", (const char *)NULL, NULL);
    assert_string_equal(end(), "2027-03-01T09:15:02.113Z info  net       m  key=\"\"\n");
}

static void long_values_are_cut(void **state)
{
    char value[2000];
    (void)state;
    memset(value, 'a', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    begin(DIAG_INFO, DIAG_TEXT);
    diag(DIAG_INFO, "net", "m", "key", value, "next", "b", NULL);
    const char *line = end();
    assert_int_equal(strspn(strstr(line, "key=") + 4, "a"), 512);
    assert_non_null(strstr(line, "  next=b\n"));
    /* However many: one line, of bounded length, that ends. */
    begin(DIAG_INFO, DIAG_TEXT);
    diag(DIAG_INFO, "net", "m", "a", value, "b", value, "c", value, "d", value, "e", value, "f", value, "g", value, "h", value, "i", value,
         NULL);
    line = end();
    assert_true(strlen(line) <= 4096);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

/* However long and broken the values are, a JSON line stays one that a program can read. */
static void json_lines_stay_whole(void **state)
{
    char value[600];
    (void)state;
    memset(value, 'a', sizeof value);
    memcpy(value + 511, "\xC3\xB6", 3); /* cut here would split the character */
    begin(DIAG_INFO, DIAG_JSON);
    diag(DIAG_INFO, "net", "m", "key", value, "bad", "x\xFFy\xC3", NULL);
    const char *line = end();
    assert_int_equal(strspn(strstr(line, "\"key\":\"") + 7, "a"), 511);
    assert_non_null(strstr(line, "\"bad\":\"x\\u00ffy\\u00c3\"}\n"));
    memset(value, '\x01', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    begin(DIAG_INFO, DIAG_JSON);
    diag(DIAG_INFO, "net", "m", "a", value, "b", value, "c", "fits", NULL);
    line = end();
    assert_true(strlen(line) <= 4096);
    assert_null(strstr(line, "\"b\""));
    assert_non_null(strstr(line, ",\"c\":\"fits\"}\n"));
}

static void errors_become_pairs(void **state)
{
    struct error e = { 0 };
    (void)state;
    (void)error_set(&e, ERROR_INPUT, "services.yaml:12", "use one of these: GET", "unknown method");
    begin(DIAG_INFO, DIAG_TEXT);
    diag_error(DIAG_ERROR, "policy", "not loaded", &e);
    assert_string_equal(end(), "2027-03-01T09:15:02.113Z error policy    not loaded  where=services.yaml:12  what=\"unknown method\"  "
                               "todo=\"use one of these: GET\"\n");
    e.todo[0] = '\0';
    begin(DIAG_INFO, DIAG_TEXT);
    diag_error(DIAG_ERROR, "policy", "not loaded", &e);
    assert_string_equal(end(), "2027-03-01T09:15:02.113Z error policy    not loaded  where=services.yaml:12  what=\"unknown method\"\n");
}

static int fix_clock(void **state)
{
    (void)state;
    time_replace(fixed, NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_as_documented), cmocka_unit_test(nothing_below_the_least_level), cmocka_unit_test(values_are_escaped),
        cmocka_unit_test(json_lines_stay_whole),   cmocka_unit_test(long_values_are_cut),           cmocka_unit_test(errors_become_pairs),
    };
    return cmocka_run_group_tests(tests, fix_clock, NULL);
}
