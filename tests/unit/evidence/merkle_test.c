#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/encode.h"
#include "merkle_model.h"

static void expect_hex(const hash got, const char *want, const char *what)
{
    char hex[2 * SHA256_SIZE + 1];
    hex_write(bytes_of(got, SHA256_SIZE), hex);
    if (strcmp(hex, want) != 0) {
        fail_msg("%s: %s, want %s", what, hex, want);
    }
}

/* The eight leaves of RFC 6962's own tests; their roots are in tests/vectors/tlog-kat.json, too. */
static const struct bytes eight[] = {
    BYTES(""),
    BYTES("\x00"),
    BYTES("\x10"),
    BYTES("\x20\x21"),
    BYTES("\x30\x31"),
    BYTES("\x40\x41\x42\x43"),
    BYTES("\x50\x51\x52\x53\x54\x55\x56\x57"),
    BYTES("\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"),
};

static void hashes_known_answers(void **state)
{
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    hash leaves[8];
    hash got;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(eight); i++) {
        merkle_leaf(eight[i], leaves[i]);
    }
    for (size_t size = 0; size < COUNT_OF(roots); size++) {
        merkle_root((const hash *)leaves, size, got);
        expect_hex(got, roots[size], "root");
    }
    merkle_leaf(BYTES("L123456"), got);
    expect_hex(got, "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56", "leaf");
    /* A node's children are 32 bytes here, so "N123" and "N456" are hashed by hand. */
    sha256(BYTES("\x01N123N456"), got);
    expect_hex(got, "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb", "node");
}

static json_t *load(const char *name, size_t flags)
{
    char path[1024];
    json_error_t e;
    (void)snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    json_t *json = json_load_file(path, flags, &e);
    if (json == NULL) {
        fail_msg("%s:%d: %s", path, e.line, e.text);
    }
    return json;
}

/* Some of the mutated vectors have "" or "don't care 2" where a hash should be: none, or filled up with zeros. */
static bool take_hash(const json_t *text, hash out)
{
    size_t size = 0;
    uint8_t decoded[64];
    struct bytes view = bytes_of_text(json_string_value(text));
    if (!base64_parse(view, decoded, sizeof decoded, &size) || size > SHA256_SIZE || size == 0) {
        return false;
    }
    memset(out, 0, SHA256_SIZE);
    memcpy(out, decoded, size);
    return true;
}

static bool take_path(const json_t *list, hash *path, size_t *count)
{
    *count = json_array_size(list);
    assert_true(*count <= 80);
    for (size_t i = 0; i < *count; i++) {
        if (!take_hash(json_array_get(list, i), path[i])) {
            return false;
        }
    }
    return true;
}

/* 2^64 - 1 is beyond jansson's integers, so numbers are read as reals: the others are small. */
static uint64_t real_number(const json_t *number)
{
    double value = json_real_value(number);
    return value >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)value;
}

static void inclusion_vectors(void **state)
{
    json_t *json = load("merkle-inclusion.json", JSON_DECODE_INT_AS_REAL);
    json_t *cases = json_object_get(json, "cases");
    (void)state;
    assert_int_equal(json_array_size(cases), 98);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        json_t *c = json_array_get(cases, i);
        hash root;
        hash leaf;
        hash path[80];
        size_t count = 0;
        bool ok = take_hash(json_object_get(c, "root"), root) && take_hash(json_object_get(c, "leafHash"), leaf) &&
                  take_path(json_object_get(c, "proof"), path, &count) &&
                  merkle_verify_inclusion(real_number(json_object_get(c, "leafIdx")), real_number(json_object_get(c, "treeSize")), leaf,
                                          (const hash *)path, count, root);
        if (ok == json_is_true(json_object_get(c, "wantErr"))) {
            fail_msg("%s: %s", json_string_value(json_object_get(c, "case")), ok ? "was accepted" : "was refused");
        }
    }
    json_decref(json);
}

static void consistency_vectors(void **state)
{
    json_t *json = load("merkle-consistency.json", JSON_DECODE_INT_AS_REAL);
    json_t *cases = json_object_get(json, "cases");
    (void)state;
    assert_int_equal(json_array_size(cases), 98);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        json_t *c = json_array_get(cases, i);
        hash root1;
        hash root2;
        hash path[80];
        size_t count = 0;
        bool ok = take_hash(json_object_get(c, "root1"), root1) && take_hash(json_object_get(c, "root2"), root2) &&
                  take_path(json_object_get(c, "proof"), path, &count) &&
                  merkle_verify_consistency(real_number(json_object_get(c, "size1")), real_number(json_object_get(c, "size2")), root1,
                                            root2, (const hash *)path, count);
        if (ok == json_is_true(json_object_get(c, "wantErr"))) {
            fail_msg("%s: %s", json_string_value(json_object_get(c, "case")), ok ? "was accepted" : "was refused");
        }
    }
    json_decref(json);
}

/* tests/vectors/tlog-kat.json: proofs of the tree of eight. */
static void proofs_known_answers(void **state)
{
    json_t *json = load("tlog-kat.json", 0);
    hash leaves[8];
    hash path[MERKLE_PATH_MAX];
    struct model model = { (const hash *)leaves, 8 };
    const struct {
        const char *name;
        uint64_t start, end, size;
    } row[] = {
        { "consistency_3_7_hex", 0, 3, 7 },
        { "consistency_7_8_hex", 0, 7, 8 },
        { "subtree_4_7_in_8_proof", 4, 7, 8 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(eight); i++) {
        merkle_leaf(eight[i], leaves[i]);
    }
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        json_t *want = json_object_get(json, row[i].name);
        size_t count = 0;
        assert_true(merkle_prove_consistency(row[i].start, row[i].end, row[i].size, model_read, &model, path, &count));
        assert_int_equal(count, json_array_size(want));
        for (size_t j = 0; j < count; j++) {
            expect_hex(path[j], json_string_value(json_array_get(want, j)), row[i].name);
        }
    }
    assert_true(merkle_subtree_root(4, 7, model_read, &model, path[0]));
    expect_hex(path[0], json_string_value(json_object_get(json, "subtree_4_7_hash")), "subtree_4_7_hash");
    json_decref(json);
}

/*
 * The Merkle Tree Certificates draft (draft-ietf-plants-merkle-tree-certs): leaf i is the byte i; each hash is over a line for every case
 * up to 130 leaves, empty subtrees included.
 */
enum { LEAVES = 130 };

static struct model hundred_and_thirty(hash *leaves)
{
    for (size_t i = 0; i < LEAVES; i++) {
        uint8_t byte = (uint8_t)i;
        merkle_leaf(bytes_of(&byte, 1), leaves[i]);
    }
    return (struct model){ (const hash *)leaves, LEAVES };
}

static void add_line(struct hash *sum, struct buffer *line, const hash *hashes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char hex[2 * SHA256_SIZE + 1];
        hex_write(bytes_of(hashes[i], SHA256_SIZE), hex);
        buffer_append_u8(line, ' ');
        buffer_append_text(line, hex);
    }
    buffer_append_u8(line, '\n');
    assert_false(line->failed);
    hash_add(sum, buffer_bytes(line));
    buffer_reset(line);
}

static void accumulated_subtrees(void **state)
{
    hash leaves[LEAVES];
    struct model model = hundred_and_thirty(leaves);
    struct hash *sum = hash_make(HASH_SHA256);
    struct buffer line;
    hash got;
    size_t lines = 0;
    (void)state;
    buffer_init(&line, 8192);
    for (uint64_t end = 0; end <= LEAVES; end++) {
        for (uint64_t start = 0; start <= end; start++) {
            if (merkle_subtree_root(start, end, model_read, &model, got)) {
                buffer_append_format(&line, "[%u, %u)", (unsigned)start, (unsigned)end);
                add_line(sum, &line, &got, 1);
                lines++;
            }
        }
    }
    hash_end(sum, got);
    assert_int_equal(lines, 712);
    expect_hex(got, "b82806ad4265bb151c1119c0f4db437bb4d1a1f887b3a7fba1cd4ebf552e3e81", "subtrees");
    hash_free(sum);
    buffer_clear(&line);
}

static void accumulated_inclusion(void **state)
{
    hash leaves[LEAVES];
    struct model model = hundred_and_thirty(leaves);
    struct hash *sum = hash_make(HASH_SHA256);
    struct buffer line;
    hash root;
    hash path[MERKLE_PATH_MAX];
    size_t lines = 0;
    (void)state;
    buffer_init(&line, 8192);
    for (uint64_t end = 1; end <= LEAVES; end++) {
        for (uint64_t start = 0; start < end; start++) {
            for (uint64_t index = start; merkle_is_subtree(start, end) && index < end; index++) {
                size_t count = 0;
                assert_true(merkle_prove_inclusion(index, start, end, model_read, &model, path, &count));
                assert_true(merkle_subtree_root(start, end, model_read, &model, root));
                assert_true(merkle_verify_inclusion(index - start, end - start, leaves[index], (const hash *)path, count, root));
                buffer_append_format(&line, "%u [%u, %u)", (unsigned)index, (unsigned)start, (unsigned)end);
                add_line(sum, &line, (const hash *)path, count);
                lines++;
            }
        }
    }
    hash_end(sum, root);
    assert_int_equal(lines, 12807);
    expect_hex(root, "ac2a8f989e44d99e399db448050ff5f19757df53cfb716aa81015d3955d8163f", "inclusion");
    hash_free(sum);
    buffer_clear(&line);
}

static void accumulated_consistency(void **state)
{
    hash leaves[LEAVES];
    struct model model = hundred_and_thirty(leaves);
    struct hash *sum = hash_make(HASH_SHA256);
    struct buffer line;
    hash root;
    hash node;
    hash path[MERKLE_PATH_MAX];
    size_t lines = 0;
    (void)state;
    buffer_init(&line, 8192);
    for (uint64_t size = 0; size <= LEAVES; size++) {
        model_root((const hash *)leaves, 0, size, root);
        for (uint64_t end = 0; end <= size; end++) {
            for (uint64_t start = 0; start <= end; start++) {
                size_t count = 0;
                if (!merkle_is_subtree(start, end)) {
                    continue;
                }
                assert_true(merkle_prove_consistency(start, end, size, model_read, &model, path, &count));
                if (start < end) {
                    assert_true(merkle_subtree_root(start, end, model_read, &model, node));
                    assert_true(merkle_verify_subtree(start, end, size, node, root, (const hash *)path, count));
                }
                buffer_append_format(&line, "[%u, %u) %u", (unsigned)start, (unsigned)end, (unsigned)size);
                add_line(sum, &line, (const hash *)path, count);
                lines++;
            }
        }
    }
    hash_end(sum, root);
    assert_int_equal(lines, 42893);
    expect_hex(root, "10fa99b37bf9bf9ffa26b412fbd98bd75363256d0b75d61bc4538b9c9c5a0a74", "consistency");
    hash_free(sum);
    buffer_clear(&line);
}

static void accumulated_covers(void **state)
{
    struct hash *sum = hash_make(HASH_SHA256);
    struct buffer line;
    hash got;
    size_t lines = 0;
    (void)state;
    buffer_init(&line, 256);
    for (uint64_t end = 0; end <= LEAVES; end++) {
        for (uint64_t start = 0; start <= end; start++) {
            uint64_t first[2];
            uint64_t second[2];
            merkle_cover(start, end, first, second);
            assert_true(merkle_is_subtree(first[0], first[1]) && merkle_is_subtree(second[0], second[1]));
            buffer_append_format(&line, "[%u, %u) [%u, %u)", (unsigned)first[0], (unsigned)first[1], (unsigned)second[0],
                                 (unsigned)second[1]);
            add_line(sum, &line, NULL, 0);
            lines++;
        }
    }
    hash_end(sum, got);
    assert_int_equal(lines, 8646);
    expect_hex(got, "7fd9c8b926e9d2b5cf831560e8ce295a5ef97ad5c5ede4ea0dea28a8c8fc8bb0", "covers");
    hash_free(sum);
    buffer_clear(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_known_answers),    cmocka_unit_test(inclusion_vectors),    cmocka_unit_test(consistency_vectors),
        cmocka_unit_test(proofs_known_answers),    cmocka_unit_test(accumulated_subtrees), cmocka_unit_test(accumulated_inclusion),
        cmocka_unit_test(accumulated_consistency), cmocka_unit_test(accumulated_covers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
