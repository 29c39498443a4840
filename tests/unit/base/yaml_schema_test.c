#include "base/yaml_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct pet {
    char *name;
    char *kind;
    uint32_t age;
};
struct shop {
    char *title;
    int port;
    bool is_open;
    int day;
    struct pet *pets;
    uint32_t pets_count;
    char **words;
    uint32_t words_count;
};
static const cyaml_strval_t days[] = { { "monday", 0 }, { "tuesday", 1 }, { "sunday", 6 } };
static const cyaml_schema_field_t pet_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct pet, name, 1, 20),
    CYAML_FIELD_STRING_PTR("kind", CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL, struct pet, kind, 0, 20),
    CYAML_FIELD_UINT("age", CYAML_FLAG_OPTIONAL, struct pet, age),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t pet_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct pet, pet_fields) };
static const cyaml_schema_value_t word_value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 8) };
static const cyaml_schema_field_t shop_fields[] = {
    CYAML_FIELD_STRING_PTR("title", CYAML_FLAG_POINTER, struct shop, title, 1, 20),
    CYAML_FIELD_INT("port", CYAML_FLAG_OPTIONAL, struct shop, port),
    CYAML_FIELD_BOOL("is_open", CYAML_FLAG_OPTIONAL, struct shop, is_open),
    CYAML_FIELD_ENUM("day", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct shop, day, days, 3),
    CYAML_FIELD_SEQUENCE("pets", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct shop, pets, &pet_value, 0, 3),
    CYAML_FIELD_SEQUENCE("words", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct shop, words, &word_value, 1, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t shop_schema = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct shop, shop_fields) };

static void a_good_text_is_loaded(void **state)
{
    struct shop *shop = NULL;
    struct error e = { 0 };
    (void)state;
    assert_true(yaml_load(&shop_schema,
                          BYTES("title: Zoo\nport: -80\nis_open: Yes\nday: sunday\npets:\n- name: Rex\n  kind:\n"
                                "- {name: Tom, age: 9}\nwords: [one, \"two\"]\n"),
                          "shop.yaml", (void **)&shop, &e));
    assert_string_equal(shop->title, "Zoo");
    assert_int_equal(shop->port, -80);
    assert_true(shop->is_open);
    assert_int_equal(shop->day, 6);
    assert_int_equal(shop->pets_count, 2);
    assert_null(shop->pets[0].kind);
    assert_string_equal(shop->pets[1].name, "Tom");
    assert_int_equal(shop->pets[1].age, 9);
    assert_int_equal(shop->words_count, 2);
    assert_string_equal(shop->words[1], "two");
    yaml_unload(&shop_schema, shop);
    yaml_unload(&shop_schema, NULL);
}

static void each_mistake_has_its_line(void **state)
{
    const struct {
        struct bytes text;
        const char *message;
    } row[] = {
        { BYTES(""), "shop.yaml:1: the file is empty" },
        { BYTES("# nothing\n"), "shop.yaml:1: the file is empty" },
        { BYTES("- a\n"), "shop.yaml:1: the file must hold keys with values" },
        { BYTES("hello\n"), "shop.yaml:1: the file must hold keys with values" },
        { BYTES("\n\nport: 1\n"), "shop.yaml:3: there is no key 'title'" },
        { BYTES("title: a\ntilte: b\n"),
          "shop.yaml:2: unknown key 'tilte'; did you mean 'title'? allowed: title, port, is_open, day, pets, words" },
        { BYTES("title: a\nx: b\n"), "shop.yaml:2: unknown key 'x'; allowed: title, port, is_open, day, pets, words" },
        { BYTES("title: a\n? [a]\n: b\n"), "shop.yaml:2: a key must be a word" },
        { BYTES("title: a\nport: 1\n\ntitle: b\n"), "shop.yaml:4: the key 'title' is there twice; keep one of them" },
        { BYTES("title: a\nport: 80x\n"), "shop.yaml:2: 'port' must be a whole number, not '80x'; write it in decimal digits" },
        { BYTES("title: a\nport: 0x10\n"), "shop.yaml:2: 'port' must be a whole number, not '0x10'; write it in decimal digits" },
        { BYTES("title: a\nport: 010\n"), "shop.yaml:2: 'port' must be a whole number, not '010'; write it in decimal digits" },
        { BYTES("title: a\nport: 2147483648\n"), "shop.yaml:2: 'port' is out of range: at most 2147483647" },
        { BYTES("title: a\npets: [{name: b, age: -1}]\n"),
          "shop.yaml:2: 'age' must be a whole number, not '-1'; write it in decimal digits" },
        { BYTES("title: a\npets: [{name: b, age: 4294967296}]\n"), "shop.yaml:2: 'age' is out of range: at most 4294967295" },
        { BYTES("title: a\nis_open: flase\n"), "shop.yaml:2: 'is_open' can't be 'flase'; write true or false" },
        { BYTES("title: a\nis_open:\n"), "shop.yaml:2: 'is_open' can't be ''; write true or false" },
        { BYTES("title: a\nday: munday\n"),
          "shop.yaml:2: 'day' can't be 'munday'; did you mean 'monday'? allowed: monday, tuesday, sunday" },
        { BYTES("title: a\nday: 1\n"), "shop.yaml:2: 'day' can't be '1'; allowed: monday, tuesday, sunday" },
        { BYTES("title: \"\"\n"), "shop.yaml:1: 'title' is empty; write a value, or leave the key out where it may be absent" },
        { BYTES("title: 123456789012345678901\n"), "shop.yaml:1: 'title' is too long: at most 20 bytes" },
        { BYTES("title: [a]\n"), "shop.yaml:1: 'title' must be a text" },
        { BYTES("title: \"a\\0b\"\n"), "shop.yaml:1: 'title' holds a NUL character" },
        { BYTES("title: a\npets: x\n"), "shop.yaml:2: 'pets' must be a list" },
        { BYTES("title: a\npets:\n- x\n"), "shop.yaml:3: 'pets' must be keys with values" },
        { BYTES("title: a\npets:\n- name: b\n- kind: c\n"), "shop.yaml:4: 'pets' has no key 'name'" },
        { BYTES("title: a\npets:\n- name: b\n- name: c\n- name: d\n- name: e\n"), "shop.yaml:6: 'pets' has too many entries: at most 3" },
        { BYTES("title: a\nwords: []\n"), "shop.yaml:2: 'words' has too few entries: at least 1" },
        { BYTES("title: a\nwords: [ab, nine bytes]\n"), "shop.yaml:2: 'words' is too long: at most 8 bytes" },
        { BYTES("title: &x a\nwords: [*x]\n"), "shop.yaml:2: an alias ('*x') is not allowed; write the value out" },
        { BYTES("title: a\n---\ntitle: b\n"), "shop.yaml:2: a second document is not allowed; put it into a file of its own" },
        { BYTES("title: a: b\n"), "shop.yaml:1: not YAML: mapping values are not allowed in this context" },
        { BYTES("title: \"a\n"), "shop.yaml:2: not YAML: found unexpected end of stream" },
        { BYTES("title: a\n# \xff\n"), "shop.yaml:2: this line is not UTF-8; save it as UTF-8" },
        { BYTES("\xff\xfe"
                "t\0"),
          "shop.yaml:1: this line is not UTF-8; save it as UTF-8" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct error e = { 0 };
        char text[sizeof e];
        void *out = &e;
        assert_false(yaml_load(&shop_schema, row[i].text, "shop.yaml", &out, &e));
        assert_null(out);
        assert_int_equal(e.kind, ERROR_INPUT);
        if (strcmp(error_text(&e, text, sizeof text), row[i].message) != 0) {
            fail_msg("row %zu: \"%s\", want \"%s\"", i, text, row[i].message);
        }
    }
}

static void depth_is_refused_without_recursion(void **state)
{
    enum { DEPTH = 100000 };
    struct error e = { 0 };
    void *out = NULL;
    (void)state;
    uint8_t *text = malloc(DEPTH);
    assert_non_null(text);
    memset(text, '[', DEPTH);
    assert_false(yaml_load(&shop_schema, bytes_of(text, DEPTH), "deep.yaml", &out, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    free(text);
}

static void a_path_has_a_line(void **state)
{
    static const char text[] = "# top\ntitle: a\npets:\n- name: b\n- name: c\n  kind:\n    x\n"
                               "words:\n  - one\n  - {deep: [1,\n      2]}\nlast: z\n";
    const struct {
        const char *path;
        bool is_there;
        unsigned line;
    } row[] = {
        { "", true, 2 },
        { "title", true, 2 },
        { "pets", true, 3 },
        { "pets[0]", true, 4 },
        { "pets[1].name", true, 5 },
        { "pets[1].kind", true, 6 },
        { "pets[1].age", false, 5 },
        { "pets[2]", false, 3 },
        { "pets[2].name", false, 3 },
        { "pets.name", false, 3 },
        { "words[1].deep[1]", true, 11 },
        { "words[1].deep[", false, 10 },
        { "last", true, 12 },
        { "lasting", false, 2 },
        { "..", false, 2 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        unsigned line = 0;
        if (yaml_line(bytes_of_text(text), row[i].path, &line) != row[i].is_there || line != row[i].line) {
            fail_msg("row %zu (%s): line %u", i, row[i].path, line);
        }
    }
    unsigned line = 0;
    assert_false(yaml_line(BYTES("a: ["), "a[0]", &line));
    struct error e = { 0 };
    assert_false(yaml_error(bytes_of_text(text), "f", "pets[1].age", &e, "say it", "no %s", "age"));
    assert_string_equal(e.where, "f:5");
    assert_string_equal(e.what, "no age");
    assert_string_equal(e.todo, "say it");
}

static void a_long_path_keeps_its_line(void **state)
{
    char out[24];
    (void)state;
    assert_string_equal(yaml_where("/a/very/long/folder/policy.yaml", 4711, out, sizeof out), "...der/policy.yaml:4711");
    assert_int_equal(strlen(out), sizeof out - 1);
    assert_string_equal(yaml_where("p", 1, out, sizeof out), "p:1");
}

static void the_nearest_word_is_proposed(void **state)
{
    static const char *const words[] = { "health", "wealth", "name", "id" };
    (void)state;
    assert_string_equal(yaml_nearest(BYTES("helth"), words, 4), "health");
    assert_string_equal(yaml_nearest(BYTES("naem"), words, 4), "name");
    assert_string_equal(yaml_nearest(BYTES("di"), words, 4), "id");
    assert_null(yaml_nearest(BYTES("passport"), words, 4));
    assert_null(yaml_nearest(BYTES(""), words, 4));
    assert_null(yaml_nearest(BYTES("x"), words, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_text_is_loaded),
        cmocka_unit_test(each_mistake_has_its_line),
        cmocka_unit_test(depth_is_refused_without_recursion),
        cmocka_unit_test(a_path_has_a_line),
        cmocka_unit_test(a_long_path_keeps_its_line),
        cmocka_unit_test(the_nearest_word_is_proposed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
