/* Memory that runs out, at each allocation in turn: an error, nothing half made, and (under ASan) nothing lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "directory/directory.h"
#include "directory/directory_internal.h"

#include "directory_fixture.h"

/* The linker puts these in place of the C library's (--wrap) in all that is linked in; jansson is told (main). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static long allocations;
static long fail_at = -1;

static bool fails(void)
{
    return fail_at >= 0 && allocations++ == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

static void parsing_survives_each_fault(void **state)
{
    struct buffer text, note;
    struct signer *signer = fixture_signer(1);
    bool met_fault = true;
    (void)state;
    fixture_text(&text);
    fixture_sign(buffer_bytes(&text), (const uint8_t[]){ 1 }, 1, &note);
    long n = 0;
    for (; met_fault; n++) {
        struct directory *d = NULL;
        struct error e = { 0 };
        allocations = 0;
        fail_at = n;
        bool ok = directory_parse(&d, buffer_bytes(&note), signer_verifier(signer), 1, 1, "test", &e);
        met_fault = allocations > n;
        fail_at = -1;
        if (ok != !met_fault || (d != NULL) != ok) {
            fail_msg("allocation %ld: %s", n, e.what);
        }
        /* jansson takes a lack of memory in its lexer for a mistake in the text: refused all the same. */
        if (!ok && e.kind != ERROR_MEMORY && e.kind != ERROR_INPUT) {
            fail_msg("allocation %ld: kind %d", n, e.kind);
        }
        directory_free(d);
    }
    assert_true(n > 20);
    signer_free(signer);
    buffer_clear(&note);
    buffer_clear(&text);
}

static void writing_survives_each_fault(void **state)
{
    struct buffer text;
    struct directory *d = NULL;
    struct error e = { 0 };
    bool met_fault = true;
    (void)state;
    fixture_text(&text);
    assert_true(directory_parse_text(&d, buffer_bytes(&text), "test", &e));
    long n = 0;
    for (; met_fault; n++) {
        struct buffer out;
        buffer_init(&out, 65536);
        allocations = 0;
        fail_at = n;
        bool ok = directory_write(d, &out, &e);
        met_fault = allocations > n;
        fail_at = -1;
        if ((met_fault && ok) || (!ok && out.size != 0) || (!met_fault && !ok)) {
            fail_msg("allocation %ld: %s", n, e.what);
        }
        buffer_clear(&out);
    }
    assert_true(n > 100);
    directory_free(d);
    buffer_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parsing_survives_each_fault),
        cmocka_unit_test(writing_survives_each_fault),
    };
    json_set_alloc_funcs(__wrap_malloc, free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
