/*
 * release_add(): the first byte tells what is permitted, the second how large the pieces are. The same comes out in whatever pieces it goes in;
 * it is no larger than what went in; and what is released whole is released whole again.
 */
#include <stdlib.h>

#include "policy/json_path.h"
#include "policy/release.h"

static const char *const paths[] = { "$.a", "$.b[*].c", "$..d", "$[0]", "$.a.*.e", "$['\\u00e4'].f[1]", "$.s", "$..*..g" };
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
        fields[i].category = i < 6 ? i % COUNT_OF(releases) : POLICY_STRUCTURE;
        if (!json_path_parse(&fields[i].path, bytes_of_text(paths[i]), &arena, "fuzz", &e)) {
            abort();
        }
    }
    if (!json_path_parse(&whole.path, BYTES("$"), &arena, "fuzz", &e)) {
        abort();
    }
}

static bool cut(const struct policy_service *of, unsigned permitted_bits, struct bytes answer, size_t step, struct buffer *out)
{
    struct release *release = NULL;
    struct error e;
    bool permitted[COUNT_OF(releases)], ok = true;
    for (size_t i = 0; i < COUNT_OF(permitted); i++) {
        permitted[i] = (permitted_bits >> i & 1) != 0;
    }
    buffer_init(out, answer.size + 16);
    if (!release_make(&release, of, permitted, NULL, &e)) {
        abort();
    }
    for (size_t i = 0; i < answer.size && ok; i += step) {
        ok = release_add(release, bytes_slice(answer, i, i + step), out, &e);
    }
    ok = ok && release_end(release, out, &e);
    if (!ok && e.kind != ERROR_INPUT) {
        abort();
    }
    release_free(release);
    return ok;
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
    bool ok = cut(&service, data[0], answer, answer.size + 1, &at_once);
    bool is_same = cut(&service, data[0], answer, 1 + data[1] % 32, &in_pieces) == ok;
    bool is_json = cut(&plain, 0, answer, answer.size + 1, &all);
    if (!is_same || is_json != ok || (ok && !bytes_equal(buffer_bytes(&at_once), buffer_bytes(&in_pieces)))) {
        abort();
    }
    if (ok && (at_once.size > all.size + 4 || all.size > answer.size || !cut(&plain, 0, buffer_bytes(&all), 7, &again) ||
               !bytes_equal(buffer_bytes(&all), buffer_bytes(&again)))) {
        abort();
    }
    if (ok) {
        buffer_clear(&again);
    }
    buffer_clear(&at_once);
    buffer_clear(&in_pieces);
    buffer_clear(&all);
    return 0;
}
