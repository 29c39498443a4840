/* Batches of imported records: what is written is read again, each is shown to be in the batch, one is erased alone, and what was changed is noticed. */
#include "consent/import_file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "consent/import_line_internal.h"
#include "consent/packed_internal.h"

enum { RECORDS_MAX = 70 };

struct fixture {
    char folder[64];
    struct disk *disk;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error e;
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/comity-import-XXXXXX");
    *state = f;
    return mkdtemp(f->folder) != NULL && disk_open_folder(&f->disk, f->folder, false, &e) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char path[512], inside[128];
    (void)snprintf(inside, sizeof inside, "%s/imports", f->folder);
    DIR *list = opendir(inside);
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;) {
        (void)snprintf(path, sizeof path, "%s/%s", inside, entry->d_name);
        (void)unlink(path);
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    (void)rmdir(inside);
    disk_free(f->disk);
    int result = rmdir(f->folder);
    free(f);
    return result;
}

/* Texts that differ in their number of lines, too. */
static void make_text(size_t i, struct buffer *out)
{
    buffer_reset(out);
    buffer_append_format(out, "comity-event: consent/1\nevent: give\nid: c-%zu\nperson: person-%zu\nrecipient: KE/MED/CLINIC\n", i,
                         i * 7919);
    for (size_t j = 0; j < i % 4; j++) {
        buffer_append_format(out, "category: given x%zu\n", j);
    }
    buffer_append_format(out, "valid_from: %zu\ntime: 5\n", i % 3);
}

static void write_batch(const struct fixture *f, size_t count, struct import_batch *batch, uint8_t root[SHA256_SIZE])
{
    struct error e = { 0 };
    struct buffer text;
    uint8_t digest[SHA256_SIZE], expected[SHA256_SIZE];
    buffer_init(&text, 4096);
    assert_true(import_batch_begin(batch, count, &e));
    for (size_t i = 0; i < count; i++) {
        make_text(i, &text);
        assert_true(import_batch_add(batch, buffer_bytes(&text), digest, &e));
        sha256(buffer_bytes(&text), expected);
        assert_memory_equal(digest, expected, sizeof digest);
    }
    assert_false(import_batch_add(batch, BYTES("one too many\n"), digest, &e));
    assert_true(import_batch_write(batch, f->disk, root, &e));
    buffer_clear(&text);
}

static void is_in_it(const struct import_file *file, uint32_t place, struct bytes expected)
{
    struct error e = { 0 };
    struct buffer text;
    uint8_t salt[IMPORT_SALT_SIZE], path[MERKLE_PATH_MAX][SHA256_SIZE], both[IMPORT_SALT_SIZE + SHA256_SIZE], leaf[SHA256_SIZE];
    size_t count = 0;
    bool is_erased = true;
    buffer_init(&text, 4096);
    assert_true(import_file_at(file, place, &text, &is_erased, &e) && !is_erased);
    assert_true(bytes_equal(buffer_bytes(&text), expected));
    assert_true(import_file_prove(file, place, salt, path, &count));
    memcpy(both, salt, sizeof salt);
    sha256(expected, both + sizeof salt);
    merkle_leaf(bytes_of(both, sizeof both), leaf);
    assert_true(merkle_verify_inclusion(place, file->count, leaf, (const uint8_t(*)[SHA256_SIZE])path, count, file->root));
    buffer_clear(&text);
}

static void each_record_is_read_and_shown_to_be_there(void **state)
{
    static const size_t counts[] = { 1, 2, 3, 33, RECORDS_MAX };
    struct fixture *f = *state;
    struct error e = { 0 };
    struct buffer text, read;
    buffer_init(&text, 4096);
    buffer_init(&read, 4096);
    for (size_t c = 0; c < COUNT_OF(counts); c++) {
        struct import_batch batch = { .count = 0 };
        struct import_file file;
        uint8_t root[SHA256_SIZE];
        write_batch(f, counts[c], &batch, root);
        assert_true(import_file_read(&file, f->disk, batch.name, &e));
        assert_int_equal(file.count, counts[c]);
        assert_memory_equal(file.root, root, sizeof root);
        for (uint32_t i = 0; i < counts[c]; i++) {
            bool is_erased = true;
            make_text(i, &text);
            is_in_it(&file, i, buffer_bytes(&text));
            buffer_reset(&read);
            assert_true(import_file_text(f->disk, batch.name, i, &read, &is_erased, &e) && !is_erased);
            assert_true(bytes_equal(buffer_bytes(&read), buffer_bytes(&text)));
        }
        bool is_erased;
        assert_false(import_file_text(f->disk, batch.name, (uint32_t)counts[c], &read, &is_erased, &e));
        assert_int_equal(e.kind, ERROR_ABSENT);
        import_file_clear(&file);
        import_batch_clear(&batch);
    }
    buffer_clear(&text);
    buffer_clear(&read);
}

static void one_is_erased_alone(void **state)
{
    struct fixture *f = *state;
    struct error e = { 0 };
    struct import_batch batch = { .count = 0 };
    struct import_file file;
    struct buffer text;
    uint8_t root[SHA256_SIZE], salt[IMPORT_SALT_SIZE], path[MERKLE_PATH_MAX][SHA256_SIZE];
    size_t count;
    bool is_erased = false;
    buffer_init(&text, 4096);
    write_batch(f, 9, &batch, root);
    for (int again = 0; again < 2; again++) {
        assert_true(import_file_erase(f->disk, batch.name, 0, &e)); /* the reference is not a person's */
        assert_true(import_file_erase(f->disk, batch.name, 5, &e));
    }
    assert_false(import_file_erase(f->disk, batch.name, 9, &e));
    assert_true(import_file_text(f->disk, batch.name, 5, &text, &is_erased, &e) && is_erased && text.size == 0);
    assert_true(import_file_read(&file, f->disk, batch.name, &e));
    assert_memory_equal(file.root, root, sizeof root);
    assert_false(import_file_prove(&file, 5, salt, path, &count));
    assert_null(memmem(file.data, file.size, "person-39595", 12)); /* 5 * 7919 */
    assert_null(memmem(file.data, file.size, "person-0", 8));
    assert_non_null(memmem(file.data, file.size, "person-31676", 12)); /* 4 * 7919 */
    make_text(4, &text);
    is_in_it(&file, 4, buffer_bytes(&text));
    import_file_clear(&file);
    import_batch_clear(&batch);
    buffer_clear(&text);
}

/* Each bit that is turned is noticed, or changes the root, and none of them makes it read beyond. */
static void what_was_changed_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct error e = { 0 };
    struct import_batch batch = { .count = 0 };
    uint8_t root[SHA256_SIZE], *data = NULL;
    size_t size = 0;
    char path[64];
    write_batch(f, 3, &batch, root);
    (void)snprintf(path, sizeof path, "imports/%s", batch.name);
    assert_int_equal(disk_read_whole(f->disk, path, 1 << 20, &data, &size), 0);
    for (size_t bit = 0; bit < size * 8; bit += 3) {
        struct import_file file;
        struct disk_file *out = NULL;
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(f->disk->functions->open(f->disk, path, DISK_WRITE, &out), 0);
        assert_int_equal(f->disk->functions->write(f->disk, out, bytes_of(data, size), 0), 0);
        assert_int_equal(f->disk->functions->close(f->disk, out), 0);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (import_file_read(&file, f->disk, batch.name, &e)) {
            struct buffer text;
            bool is_erased = false;
            size_t open = 0;
            buffer_init(&text, 4096);
            for (uint32_t i = 0; i < file.count; i++) {
                assert_true(import_file_at(&file, i, &text, &is_erased, &e));
                open += !is_erased;
            }
            /* A form that was turned to "erased" is no lie about what is there: it says nothing. */
            assert_true(memcmp(file.root, root, sizeof root) != 0 || open < 3);
            buffer_clear(&text);
            import_file_clear(&file);
        }
    }
    free(data);
    import_batch_clear(&batch);
}

static void ids_name_batch_and_place(void **state)
{
    char batch[IMPORT_BATCH_SIZE + 1];
    uint32_t place = 0;
    (void)state;
    assert_true(import_place(BYTES("c-0123456789abcdef01234567000000ff"), batch, &place));
    assert_string_equal(batch, "0123456789abcdef01234567");
    assert_int_equal(place, 255);
    assert_false(import_place(BYTES("c-../../../../../etc/passwd0000000"), batch, &place));
    assert_false(import_place(BYTES("c-0123456789ABCDEF01234567000000ff"), batch, &place));
    assert_false(import_place(BYTES("c-0123456789abcdef01234567000000f"), batch, &place));
}

static void columns_are_known(void **state)
{
    struct import_columns columns;
    struct error e = { 0 };
    (void)state;
    assert_true(import_columns_read(BYTES("\xef\xbb\xbfnotice,\"person\",born\r\n"), &columns, &e));
    assert_int_equal(columns.count, 3);
    assert_int_equal(columns.order[1], IMPORT_PERSON);
    assert_false(import_columns_read(BYTES("person,\"notice\n"), &columns, &e));
    assert_false(import_columns_read(BYTES("person,person\n"), &columns, &e));
    assert_false(import_columns_read(BYTES("notice\n"), &columns, &e));
    assert_false(import_columns_read(BYTES("person,\n"), &columns, &e));
}

/* The row's text of decisions: both ways, and nothing else is taken. */
static void packed_texts_are_read_as_written(void **state)
{
    static const char *const bad[] = { "C", "1", "1Z", "1C,", ",1C", "1C2C", "1C9999999999999999999", "-1C", "1C,1c" };
    const struct packed list[] = { { 1, CONSENT_GIVEN, 7 }, { 300, CONSENT_INVALIDATED, 9 }, { 2, CONSENT_REQUESTED, 7 } };
    struct packed read[CONSENT_CATEGORIES_MAX];
    struct buffer text;
    size_t count = 0;
    (void)state;
    buffer_init(&text, PACKED_BYTES_MAX);
    packed_write(list, COUNT_OF(list), 7, &text);
    assert_true(bytes_equal(buffer_bytes(&text), BYTES("1C,300J9,2A")));
    assert_true(packed_read(buffer_bytes(&text), 7, read, &count));
    assert_int_equal(count, COUNT_OF(list));
    for (size_t i = 0; i < count; i++) {
        assert_true(read[i].category == list[i].category && read[i].state == list[i].state && read[i].changed_ms == list[i].changed_ms);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(packed_read(bytes_of_text(bad[i]), 7, read, &count));
    }
    buffer_clear(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_record_is_read_and_shown_to_be_there),
        TEST(one_is_erased_alone),
        TEST(what_was_changed_is_noticed),
        cmocka_unit_test(ids_name_batch_and_place),
        cmocka_unit_test(columns_are_known),
        cmocka_unit_test(packed_texts_are_read_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
