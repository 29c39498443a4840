#include "crypto/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"

static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/secret-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/secret", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static void it_is_made_once(void **state)
{
    uint8_t first[SECRET_SIZE], second[SECRET_SIZE], zero[SECRET_SIZE] = { 0 };
    bool is_new = false;
    struct stat there;
    struct error e = { 0 };
    (void)state;
    assert_true(secret_load_or_make(path, first, &is_new, &e));
    assert_true(is_new);
    assert_memory_not_equal(first, zero, sizeof first);
    assert_int_equal(stat(path, &there), 0);
    assert_int_equal(there.st_mode & 0777, 0600);
    assert_true(secret_load_or_make(path, second, &is_new, &e));
    assert_false(is_new);
    assert_memory_equal(first, second, sizeof first);
    assert_int_equal(unlink(path), 0);
    assert_true(secret_load_or_make(path, second, &is_new, &e));
    assert_memory_not_equal(first, second, sizeof first);
}

static void what_is_refused(void **state)
{
    static const char good[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
    const char *const row[] = { "",
                                "\n",
                                "00112233\n",
                                "x0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
                                "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeffff\n",
                                "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff " };
    uint8_t out[SECRET_SIZE];
    bool is_new = true;
    struct error e = { 0 };
    (void)state;
    for (size_t i = 0; i <= COUNT_OF(row); i++) {
        const char *text = i < COUNT_OF(row) ? row[i] : good;
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(path, 0600), 0);
        bool ok = secret_load_or_make(path, out, &is_new, &e);
        if (ok != (i == COUNT_OF(row)) || is_new || (!ok && e.kind != ERROR_INPUT)) {
            fail_msg("row %zu: %s", i, e.what);
        }
    }
    assert_int_equal(out[15], 0xff);
    assert_int_equal(chmod(path, 0640), 0);
    assert_false(secret_load_or_make(path, out, &is_new, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_false(secret_load_or_make("/nowhere/at/all", out, &is_new, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_made_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_refused, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
