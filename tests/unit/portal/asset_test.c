#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/encode.h"
#include "crypto/hash.h"
#include "portal/asset.h"

/* What is packed is what is plain, and the name has its digest. */
static void are_what_they_say(void **state)
{
    (void)state;
    assert_true(portal_asset_count > 0);
    for (size_t i = 0; i < portal_asset_count; i++) {
        const struct asset *a = &portal_assets[i];
        uint8_t digest[SHA256_SIZE];
        char hex[2 * SHA256_SIZE + 1];
        sha256(a->plain, digest);
        hex_write(bytes_of(digest, sizeof digest), hex);
        hex[16] = '\0';
        assert_string_equal(a->digest, hex);
        assert_true(strncmp(a->path, "/assets/", 8) != 0 || strstr(a->path, hex) != NULL);
        assert_ptr_equal(asset_find(bytes_of_text(a->path)), a);
        assert_ptr_equal(asset_named(a->name), a);
        assert_true(a->gzip.size < a->plain.size);
        if (a->gzip.size == 0) {
            continue;
        }
        uint8_t *plain = malloc(a->plain.size + 1);
        assert_non_null(plain);
        z_stream z = { .next_in = (uint8_t *)(uintptr_t)a->gzip.data,
                       .avail_in = (uInt)a->gzip.size,
                       .next_out = plain,
                       .avail_out = (uInt)a->plain.size + 1 };
        assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        assert_int_equal(z.total_out, a->plain.size);
        assert_memory_equal(plain, a->plain.data, a->plain.size);
        assert_int_equal(inflateEnd(&z), Z_OK);
        free(plain);
    }
    assert_null(asset_find(BYTES("/assets/none.css")));
    assert_null(asset_named("none.css"));
}

static void accept_encoding(void **state) /* RFC 9110 12.5.3 */
{
    static const struct {
        const char *value;
        bool wanted;
    } row[] = {
        { "", false },         { "gzip", true },           { "GZIP", true },         { "br, gzip;q=0.5", true },
        { "gzip;q=0", false }, { "gzip; q=0.000", false }, { "gzip;q=0.001", true }, { "*", true },
        { "*;q=0", false },    { "gzip;q=0, *", false },   { "deflate, br", false }, { "x-gzip", true },
        { "gzipped", false },  { "identity", false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        if (asset_takes_gzip(bytes_of_text(row[i].value)) != row[i].wanted) {
            fail_msg("'%s'", row[i].value);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(are_what_they_say), cmocka_unit_test(accept_encoding) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
