/*
 * release_add(): the first byte tells what is permitted, the second how large the pieces are. The same comes out in whatever pieces it goes in, and
 * what the slow model says of jansson's tree; it is no larger than what went in; what is released whole is released whole again.
 */
#include <stdlib.h>

#include "../tests/unit/policy/release_model.h"
#include "policy/json_path.h"

static const char *const paths[] = { "$.a", "$.b[*].c", "$..d", "$[0]", "$.a.*.e", "$['\\u00e4'].f[1]",
                                     "$.s", "$..*..g",  "$.m",  "$..y", "$.b[*].p" };
static const struct policy_transform mask = { .how = { .kind = TRANSFORM_MASK, .first = 1, .last = 1 }, .as = POLICY_STRUCTURE },
                                     year = { .how = { .kind = TRANSFORM_DATE_TO_YEAR }, .as = 3 },
                                     month = { .how = { .kind = TRANSFORM_DATE_TO_MONTH }, .as = POLICY_STRUCTURE };
static const struct transform_context context = { .now_ms = 0 };
static struct policy_release releases[] = { { .category = 0 }, { .category = 1 }, { .category = 2 }, { .category = 3 } };
static struct policy_field fields[COUNT_OF(paths)];
static struct policy_field whole = { .category = POLICY_STRUCTURE };
static struct policy_service service = {
    .releases = releases, .release_count = COUNT_OF(releases), .fields = fields, .field_count = COUNT_OF(paths)
};
static struct policy_service plain = { .releases = releases, .release_count = COUNT_OF(releases), .fields = &whole, .field_count = 1 };

static void make_services(void)
{
    static struct arena arena;
    struct error e;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        fields[i].category = i < 6 || i >= 8 ? i % COUNT_OF(releases) : POLICY_STRUCTURE;
        fields[i].transform = i == 8 ? &mask : i == 9 ? &year : i == 10 ? &month : NULL;
        if (!json_path_parse(&fields[i].path, bytes_of_text(paths[i]), &arena, "fuzz", &e)) {
            abort();
        }
    }
    if (!json_path_parse(&whole.path, BYTES("$"), &arena, "fuzz", &e)) {
        abort();
    }
}

static bool cut(const struct policy_service *of, unsigned permitted_bits, struct bytes answer, size_t step, struct buffer *out,
                struct release_told *told)
{
    struct release *release = NULL;
    struct error e;
    bool permitted[COUNT_OF(releases)], ok = true;
    for (size_t i = 0; i < COUNT_OF(permitted); i++) {
        permitted[i] = (permitted_bits >> i & 1) != 0;
    }
    buffer_init(out, answer.size + 16);
    if (!release_make(&release, of, permitted, &context, &e)) {
        abort();
    }
    for (size_t i = 0; i < answer.size && ok; i += step) {
        ok = release_add(release, bytes_slice(answer, i, i + step), out, &e);
    }
    ok = ok && release_end(release, out, &e);
    if (!ok && e.kind != ERROR_INPUT) {
        abort();
    }
    if (ok) {
        release_tell(release, told);
    }
    release_free(release);
    return ok;
}

/* jansson has no opinion on numbers that it can't convert, nor on NUL in keys; so it is asked only what it can read. */
static void compare_with_model(unsigned permitted_bits, struct bytes answer, struct bytes got, const struct release_told *told)
{
    json_t *value = answer.size > 2048 ? NULL
                                       : json_loadb((const char *)answer.data, answer.size,
                                                    JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    struct release_told must_tell;
    bool permitted[COUNT_OF(releases)];
    for (size_t i = 0; i < COUNT_OF(permitted); i++) {
        permitted[i] = (permitted_bits >> i & 1) != 0;
    }
    if (value == NULL) {
        return;
    }
    json_t *want = release_model(&service, permitted, &context, value, &must_tell),
           *left = json_loadb((const char *)got.data, got.size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (left == NULL || !json_equal(want, left) || memcmp(told, &must_tell, sizeof must_tell) != 0) {
        abort();
    }
    json_decref(left);
    json_decref(want);
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (fields[0].path == NULL) {
        make_services();
    }
    if (size < 2) {
        return 0;
    }
    struct bytes answer = bytes_of(data + 2, size - 2);
    struct buffer at_once, in_pieces, all, again;
    struct release_told told = { 0 }, other = { 0 };
    bool ok = cut(&service, data[0], answer, answer.size + 1, &at_once, &told);
    bool is_same = cut(&service, data[0], answer, 1 + data[1] % 32, &in_pieces, &other) == ok;
    bool is_json = cut(&plain, 0, answer, answer.size + 1, &all, &other);
    if (!is_same || is_json != ok || (ok && !bytes_equal(buffer_bytes(&at_once), buffer_bytes(&in_pieces)))) {
        abort();
    }
    if (ok && (at_once.size > all.size + 4 || all.size > answer.size || !cut(&plain, 0, buffer_bytes(&all), 7, &again, &other) ||
               !bytes_equal(buffer_bytes(&all), buffer_bytes(&again)))) {
        abort();
    }
    if (ok) {
        compare_with_model(data[0], answer, buffer_bytes(&at_once), &told);
        buffer_clear(&again);
    }
    buffer_clear(&at_once);
    buffer_clear(&in_pieces);
    buffer_clear(&all);
    return 0;
}
