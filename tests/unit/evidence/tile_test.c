#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "evidence/tile.h"
#include "merkle_model.h"

static void paths_known_answers(void **state)
{
    const struct {
        struct tile tile;
        const char *path;
    } row[] = {
        { { 0, 1234067, 256 }, "tile/0/x001/x234/067" },
        { { 0, 273, 112 }, "tile/0/273.p/112" },
        { { 1, 1, 17 }, "tile/1/001.p/17" },
        { { 2, 0, 1 }, "tile/2/000.p/1" },
        { { TILE_ENTRIES, 0, 8 }, "tile/entries/000.p/8" },
        { { TILE_ENTRIES, 1000067, 256 }, "tile/entries/x001/x000/067" },
        { { 5, 999, 255 }, "tile/5/999.p/255" },
        { { 0, 1000, 256 }, "tile/0/x001/000" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        char got[TILE_PATH_SIZE];
        struct tile back;
        tile_path(row[i].tile, got);
        assert_string_equal(got, row[i].path);
        assert_true(tile_parse(bytes_of_text(got), &back));
        assert_int_equal(back.level, row[i].tile.level);
        assert_int_equal(back.index, row[i].tile.index);
        assert_int_equal(back.width, row[i].tile.width);
    }
}

static void bad_paths_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/1",
        "tile/0/0001",
        "tile/00/001",
        "tile/6/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/entry/001",
        "tile/0/x001",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x01/002",
        "tile/0/001.p",
        "tile/0/001.p/",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/07",
        "tile/0/001.p/1/2",
        "tile/0/001.q/1",
        "tile/0/x001.p/001/1",
        "tile/0/../001",
        "/tile/0/001",
        "tile/0/00a",
        "tile/0/x001/x002/x003/x004/x005/x006/007",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct tile tile;
        if (tile_parse(bytes_of_text(bad[i]), &tile)) {
            fail_msg("%s was taken", bad[i]);
        }
    }
}

static void check_hex(struct bytes data, const char *want)
{
    hash got;
    char hex[2 * SHA256_SIZE + 1];
    sha256(data, got);
    hex_write(bytes_of(got, sizeof got), hex);
    assert_string_equal(hex, want);
}

/* 70,000 entries, entry i being the ASCII decimal of i: 277 tiles (reference: tests/vectors/tlog-kat.json, tiles_70000_count). */
static void seventy_thousand(void **state)
{
    enum { ENTRIES = 70000 };
    hash *level0 = malloc(ENTRIES * sizeof *level0);
    hash level1[ENTRIES / TILE_WIDTH];
    hash root;
    char hex[2 * SHA256_SIZE + 1];
    size_t tiles = 0;
    (void)state;
    for (unsigned i = 0; i < ENTRIES; i++) {
        char text[16];
        int size = snprintf(text, sizeof text, "%u", i);
        merkle_leaf(bytes_of(text, (size_t)size), level0[i]);
    }
    for (size_t i = 0; i < COUNT_OF(level1); i++) {
        merkle_root((const hash *)level0 + i * TILE_WIDTH, TILE_WIDTH, level1[i]);
    }
    check_hex(bytes_of(level0[(size_t)272 * TILE_WIDTH], TILE_BYTES_MAX),
              "c2f1c18b351a6cde9fbab7bd56276cb209b7dabaf10512b6fc863db3ef9a76b2");
    check_hex(bytes_of(level1, TILE_BYTES_MAX), "ea7b038bc73489c89c31a27ac355aaca65a4ed73f0dd7484e68deb29d30f10a2");
    merkle_root((const hash *)level0, ENTRIES, root);
    hex_write(bytes_of(root, sizeof root), hex);
    assert_string_equal(hex, "1a4cdfcb66374a0c0dcbef49acbd4976d13ee864fb3cb241fc943cad04f02f7e");
    for (int level = 0; level < TILE_LEVELS; level++) {
        for (uint64_t index = 0; tile_width(level, index, ENTRIES) > 0; index++) {
            tiles++;
        }
    }
    assert_int_equal(tiles, 277);
    assert_int_equal(tile_width(0, 273, ENTRIES), 112);
    assert_int_equal(tile_width(1, 1, ENTRIES), 17);
    assert_int_equal(tile_width(2, 0, ENTRIES), 1);
    assert_int_equal(tile_width(3, 0, ENTRIES), 0);
    free(level0);
}

static void nodes_lie_in_tiles(void **state)
{
    unsigned first;
    unsigned count;
    (void)state;
    struct tile tile = tile_of_node(0, 70, 1000, &first, &count);
    assert_true(tile.level == 0 && tile.index == 0 && tile.width == 256 && first == 70 && count == 1);
    tile = tile_of_node(3, 100, 1000, &first, &count); /* leaves 800 to 807 */
    assert_true(tile.level == 0 && tile.index == 3 && tile.width == 232 && first == 32 && count == 8);
    tile = tile_of_node(9, 0, 1000, &first, &count); /* leaves 0 to 511: two full tiles */
    assert_true(tile.level == 1 && tile.index == 0 && tile.width == 3 && first == 0 && count == 2);
}

static void bundles_hold_commitments(void **state)
{
    hash *commitments = model_leaves(3, 5);
    uint8_t data[5 * BUNDLE_ENTRY_BYTES];
    hash got;
    (void)state;
    bundle_write((const hash *)commitments, 5, data);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(bundle_entry(bytes_of(data, sizeof data), i, got));
        assert_memory_equal(got, commitments[i], SHA256_SIZE);
    }
    assert_false(bundle_entry(bytes_of(data, sizeof data), 5, got));
    assert_false(bundle_entry(bytes_of(data, sizeof data - 1), 4, got));
    data[BUNDLE_ENTRY_BYTES + 1] = 31;
    assert_false(bundle_entry(bytes_of(data, sizeof data), 1, got));
    free(commitments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_known_answers), cmocka_unit_test(bad_paths_are_refused),    cmocka_unit_test(seventy_thousand),
        cmocka_unit_test(nodes_lie_in_tiles),  cmocka_unit_test(bundles_hold_commitments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
