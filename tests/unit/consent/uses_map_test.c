/* The map of uses against a slow model that makes the whole tree anew, and each proof against what a reader checks. */
#include "consent/uses_map.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#include "consent/event_text.h"
#include "consent/uses_internal.h"
#include "evidence/merkle.h"

enum { PERSONS = 40, STEPS = 60, SEEDS = 3, ENTRIES_MAX = 4000 };

struct entry {
    unsigned person; /* PERSONS: nobody */
    uint8_t leaf[SHA256_SIZE];
};
struct scene {
    struct rig rig;
    struct uses *uses;
    unsigned dice;
    struct entry entries[ENTRIES_MAX];
    size_t count;
    bool is_known[PERSONS]; /* has a leaf */
};

static unsigned roll(struct scene *s, unsigned below)
{
    return (unsigned)rand_r(&s->dice) % below;
}

static struct bytes person_of(unsigned number, char out[16])
{
    (void)snprintf(out, 16, "p-%u%%0A", number);
    return bytes_of_text(out);
}

static void scene_open(struct scene *s, unsigned seed)
{
    struct error e;
    memset(s, 0, sizeof *s);
    s->dice = seed;
    rig_make(&s->rig);
    rig_open(&s->rig);
    assert_true(uses_open(&s->uses, s->rig.store, s->rig.public, s->rig.private, &e));
}

static void scene_close(struct scene *s)
{
    uses_close(s->uses);
    rig_remove(&s->rig);
}

/* Some entries at once, to be quick: decisions about somebody or nobody, and events. */
static void append(struct scene *s)
{
    struct buffer text;
    char name[16];
    unsigned person = roll(s, PERSONS + 10);
    buffer_init(&text, 8192);
    event_text_append(&text, "comity-event", person < PERSONS || roll(s, 2) == 0 ? BYTES("decision/1") : BYTES("note/1"));
    if (person < PERSONS) {
        event_text_append(&text, "person", person_of(person, name));
    }
    event_text_append_decimal(&text, "time", (int64_t)s->count);
    (void)rig_append(&s->rig, RECORD_DECISION, buffer_bytes(&text));
    buffer_clear(&text);
}

static void read_log(struct scene *s)
{
    struct error e;
    uint64_t size = 0;
    struct log_reader *reader = NULL;
    assert_true(log_reader_open(&reader, s->rig.public, s->rig.private, &e) && log_reader_size(reader, &size, &e));
    assert_true(size <= ENTRIES_MAX);
    for (; s->count < size; s->count++) {
        struct log_entry entry;
        struct bytes value;
        struct arena arena = { 0 };
        char name[16];
        struct entry *made = &s->entries[s->count];
        assert_true(log_reader_get(reader, s->count, &entry, &e));
        log_entry_commitment(&entry, made->leaf);
        merkle_leaf(bytes_of(made->leaf, SHA256_SIZE), made->leaf);
        made->person = PERSONS;
        if (entry.kind == RECORD_DECISION && event_text_get(entry.statement, "person", &value)) {
            struct bytes person = event_text_decode(&arena, value);
            for (unsigned i = 0; i < PERSONS; i++) {
                made->person = bytes_equal(person, person_of(i, name)) ? i : made->person;
            }
            assert_true(made->person < PERSONS);
            s->is_known[made->person] = true;
        }
        arena_clear(&arena);
    }
    log_reader_close(reader);
}

static struct uses_sum model_sum(const struct scene *s, unsigned person, uint64_t covers)
{
    struct uses_sum sum = { 0 };
    for (size_t i = 0; i < covers; i++) {
        if (s->entries[i].person == person) {
            uses_sum_add(&sum, i, s->entries[i].leaf);
        }
    }
    return sum;
}

static int by_place(const void *a, const void *b)
{
    const struct uses_item *left = a, *right = b;
    return (left->place > right->place) - (left->place < right->place);
}

/* All leaves at once, the salts by asking for each person's proof. */
static void check_person(struct scene *s, unsigned number, struct uses_proof *proof)
{
    struct error e;
    char name[16];
    uint8_t place[USES_PLACE_SIZE], leaf[SHA256_SIZE], root[SHA256_SIZE];
    struct bytes person = person_of(number, name);
    if (!uses_prove(s->uses, s->rig.committer, person, proof, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    read_log(s);
    s->is_known[number] = true;
    assert_true(vrf_verify(proof->root.vrf_key, person, proof->vrf_proof, place, &e));
    assert_memory_equal(place, proof->place, sizeof place);
    struct uses_sum sum = model_sum(s, number, proof->root.covers);
    assert_int_equal(sum.count, proof->sum.count);
    assert_memory_equal(sum.chain, proof->sum.chain, sizeof sum.chain);
    for (size_t i = 0; i < proof->sum.count; i++) {
        assert_int_equal(s->entries[proof->entries[i]].person, number);
    }
    uses_leaf_hash(place, proof->salt, &sum, leaf);
    uses_path_root(place, leaf, (const uint8_t(*)[SHA256_SIZE])proof->path, root);
    assert_memory_equal(root, proof->root.root, sizeof root);
    /* One entry less, or one more, is another leaf. */
    sum.count ^= 1;
    uses_leaf_hash(place, proof->salt, &sum, leaf);
    uses_path_root(place, leaf, (const uint8_t(*)[SHA256_SIZE])proof->path, root);
    assert_true(memcmp(root, proof->root.root, sizeof root) != 0);
}

static void check_whole_tree(struct scene *s)
{
    struct uses_item items[PERSONS];
    struct uses_proof proof;
    uint8_t root[SHA256_SIZE], last[SHA256_SIZE] = { 0 };
    size_t count = 0;
    for (unsigned i = 0; i < PERSONS; i++) {
        if (s->is_known[i]) {
            struct reader r;
            check_person(s, i, &proof);
            r = (struct reader){ .left = bytes_of(proof.place, USES_PLACE_SIZE) };
            items[count].place = reader_u64(&r);
            uses_leaf_hash(proof.place, proof.salt, &proof.sum, items[count].hash);
            memcpy(last, proof.root.root, sizeof last);
            count++;
            uses_proof_clear(&proof);
        }
    }
    qsort(items, count, sizeof items[0], by_place);
    uses_part_hash(s->uses->map_secret, 0, USES_DEPTH, items, count, 0, root);
    assert_memory_equal(root, last, sizeof root);
}

static void holds_what_the_log_holds(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        struct scene *s = calloc(1, sizeof *s);
        assert_non_null(s);
        scene_open(s, seed);
        for (size_t i = 0; i < STEPS; i++) {
            struct error e;
            struct uses_proof proof;
            bool is_new = false;
            append(s);
            switch (roll(s, 8)) {
            case 0:
                check_person(s, roll(s, PERSONS), &proof); /* perhaps of somebody of whom there is nothing */
                uses_proof_clear(&proof);
                break;
            case 1:
                assert_true(uses_catch_up(s->uses, 1 + roll(s, 20), NULL, &e));
                assert_true(uses_commit(s->uses, s->rig.committer, &is_new, &e));
                assert_true(uses_commit(s->uses, s->rig.committer, &is_new, &e));
                assert_false(is_new); /* nothing has changed */
                break;
            default:
                break;
            }
        }
        read_log(s);
        check_whole_tree(s);
        scene_close(s);
        free(s);
    }
}

static void is_the_same_when_made_again(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct error e;
    struct uses_proof before, after;
    char name[16];
    (void)state;
    assert_non_null(s);
    scene_open(s, 7);
    for (size_t i = 0; i < 30; i++) {
        append(s);
    }
    read_log(s);
    assert_true(uses_prove(s->uses, s->rig.committer, person_of(s->entries[0].person % PERSONS, name), &before, &e));
    assert_true(uses_rebuild(s->uses, &e));
    assert_true(uses_prove(s->uses, s->rig.committer, person_of(s->entries[0].person % PERSONS, name), &after, &e));
    assert_memory_equal(before.place, after.place, sizeof before.place);
    assert_memory_equal(before.salt, after.salt, sizeof before.salt);
    assert_memory_equal(before.root.root, after.root.root, SHA256_SIZE);
    uses_proof_clear(&before);
    uses_proof_clear(&after);
    scene_close(s);
    free(s);
}

static void forgets(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct error e;
    struct uses_proof proof;
    char name[16];
    (void)state;
    assert_non_null(s);
    scene_open(s, 9);
    for (size_t i = 0; i < 30; i++) {
        append(s);
    }
    read_log(s);
    unsigned person = 0;
    while (!s->is_known[person]) {
        person++;
    }
    assert_true(uses_prove(s->uses, s->rig.committer, person_of(person, name), &proof, &e));
    assert_true(proof.sum.count > 0);
    uses_proof_clear(&proof);
    assert_true(uses_forget(s->uses, person_of(person, name), &e));
    assert_true(uses_forget(s->uses, BYTES("never seen"), &e));
    bool is_new = false;
    assert_true(uses_commit(s->uses, s->rig.committer, &is_new, &e));
    assert_true(is_new);
    assert_true(uses_prove(s->uses, s->rig.committer, person_of(person, name), &proof, &e));
    assert_int_equal(proof.sum.count, 0);
    uses_proof_clear(&proof);
    scene_close(s);
    free(s);
}

/* What a path shows of others: as many hashes, none of which is twice, whether one person is in the map or many. */
static void a_path_shows_nobody(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct error e;
    struct uses_proof one, many;
    (void)state;
    assert_non_null(s);
    scene_open(s, 11);
    assert_true(uses_prove(s->uses, s->rig.committer, BYTES("alone"), &one, &e));
    for (size_t i = 0; i < 60; i++) {
        append(s);
    }
    assert_true(uses_prove(s->uses, s->rig.committer, BYTES("alone"), &many, &e));
    size_t same = 0;
    for (size_t i = 0; i < USES_DEPTH; i++) {
        same += memcmp(one.path[i], many.path[i], SHA256_SIZE) == 0;
        for (size_t j = 0; j < i; j++) {
            assert_true(memcmp(one.path[i], one.path[j], SHA256_SIZE) != 0);
        }
    }
    assert_true(same > 40 && same < USES_DEPTH);
    uses_proof_clear(&one);
    uses_proof_clear(&many);
    scene_close(s);
    free(s);
}

static void damage_is_found(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct error e;
    struct uses_proof proof;
    char name[16];
    (void)state;
    assert_non_null(s);
    scene_open(s, 13);
    for (size_t i = 0; i < 20; i++) {
        append(s);
    }
    assert_true(uses_prove(s->uses, s->rig.committer, person_of(1, name), &proof, &e));
    uses_proof_clear(&proof);
    assert_true(store_run(s->rig.store, "UPDATE uses_parts SET hash = x'00' WHERE level = 8", NULL, 0, NULL, NULL, NULL, &e));
    assert_false(uses_prove(s->uses, s->rig.committer, person_of(1, name), &proof, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_true(uses_rebuild(s->uses, &e));
    assert_true(uses_prove(s->uses, s->rig.committer, person_of(1, name), &proof, &e));
    uses_proof_clear(&proof);
    /* Nobody is said to be forgotten who may not be. */
    assert_true(store_run(s->rig.store, "ALTER TABLE uses_map RENAME TO elsewhere", NULL, 0, NULL, NULL, NULL, &e));
    assert_false(uses_forget(s->uses, person_of(1, name), &e));
    scene_close(s);
    free(s);
}

static void roots_are_read_as_they_are_written(void **state)
{
    static const char *const bad[] = { "", "comity-event: uses-root/1\n", "comity-event: uses-root/2\nroot: sha-256=:AAAA:\n" };
    struct uses_root root;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(uses_root_parse(bytes_of_text(bad[i]), &root));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(holds_what_the_log_holds),
                                        cmocka_unit_test(is_the_same_when_made_again),
                                        cmocka_unit_test(forgets),
                                        cmocka_unit_test(a_path_shows_nobody),
                                        cmocka_unit_test(damage_is_found),
                                        cmocka_unit_test(roots_are_read_as_they_are_written) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
