/* Verifying a list of uses: docs/evidence-uses.md, step by step and in its order. */
#include <stdio.h>
#include <stdlib.h>

#include "audit/uses_proof.h"
#include "base/encode.h"
#include "consent/event_text.h"
#include "evidence/merkle.h"

struct checking {
    const struct trust *trust;
    struct uses_story *story;
    struct refusal *refusal;
    struct checkpoint_cache *cache;
    struct arena arena;
};

static bool no_memory(struct checking *c)
{
    c->refusal->code = NULL;
    return error_memory(&c->refusal->why, "uses");
}

static bool refuse_form(struct checking *c, const char *where, const char *what)
{
    return bundle_refuse(c->refusal, "uses.format", where, "%s", what);
}

static struct bytes text_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value)) : BYTES_NONE;
}

static bool base64_at(const json_t *value, uint8_t *out, size_t size)
{
    size_t got = 0;
    return json_is_string(value) && base64_parse(bytes_of(json_string_value(value), json_string_length(value)), out, size, &got) &&
           got == size;
}

/* ---- 1. The form: one text for one content ---- */

static bool has_only(const json_t *object, const char *const *keys, size_t count)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object)) {
        return false;
    }
    json_object_foreach((json_t *)object, key, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < count; i++) {
            is_known = is_known || strcmp(key, keys[i]) == 0;
        }
        if (!is_known) {
            return false;
        }
    }
    return true;
}

static bool read_file(struct checking *c, struct bytes file)
{
    static const char *const keys[] = { "comity_uses", "log", "directory", "person", "vrf_proof", "salt", "path", "root", "uses" };
    if (file.size > USES_FILE_BYTES_MAX || !bytes_start_with(file, BYTES(USES_FILE_BEGIN)) || !bytes_end_with(file, BYTES("\n"))) {
        return refuse_form(c, "file", "it is no list of uses of version 1");
    }
    c->story->file = json_loadb((const char *)file.data, file.size - 1, JSON_REJECT_DUPLICATES, NULL);
    if (c->story->file == NULL || !has_only(c->story->file, keys, COUNT_OF(keys))) {
        return refuse_form(c, "file", "it is not JSON of the form of docs/evidence-uses.md");
    }
    char *again = json_dumps(c->story->file, JSON_COMPACT);
    if (again == NULL) {
        return no_memory(c);
    }
    bool is_same = bytes_equal(bytes_of_text(again), bytes_slice(file, 0, file.size - 1));
    free(again);
    c->story->person = text_at(c->story->file, "person");
    if (!is_same || c->story->person.size == 0) {
        return refuse_form(c, "file", "it is not written as it has to be");
    }
    return true;
}

/* ---- 2. Whose log it is ---- */

static bool is_listed(struct checking *c)
{
    const struct quorum *quorum = c->trust->quorum;
    for (size_t i = 0; i < quorum->log_count; i++) {
        if (verifier_equal(&quorum->logs[i].key, &c->story->key)) {
            return true;
        }
    }
    return false;
}

/* The origin says whose log it is: COMMUNITY/CLASS/MEMBER/GATEWAY, which no other community's directory can. */
static bool is_named_by(const struct directory *directory, const struct verifier *key)
{
    struct identifier id;
    uint8_t storage[KEY_NAME_SIZE_MAX];
    const struct bytes origin = bytes_of_text(key->name);
    const struct directory_gateway *found = directory_find_gateway_by_origin(directory, origin);
    return found != NULL && verifier_equal(&found->statement_key, key) && identifier_parse(origin, 4, 4, storage, &id, NULL) &&
           bytes_equal(directory->community, id.parts[0]) && bytes_equal(found->member->class_code, id.parts[1]) &&
           bytes_equal(found->member->code, id.parts[2]) && bytes_equal(found->code, id.parts[3]);
}

static bool is_in_directory(struct checking *c, struct bytes note)
{
    bool is_there = false;
    for (size_t i = 0; i < c->trust->community_count && !is_there; i++) {
        const struct trust_community *t = &c->trust->communities[i];
        struct directory *directory = NULL;
        if (directory_parse(&directory, note, t->operators, t->operator_count, t->threshold, "directory", NULL) &&
            bytes_equal(directory->community, t->code)) {
            is_there = is_named_by(directory, &c->story->key);
        }
        directory_free(directory);
    }
    return is_there;
}

static bool check_key(struct checking *c)
{
    struct bytes note = text_at(c->story->file, "directory");
    struct error e;
    if (!verifier_parse(&c->story->key, text_at(c->story->file, "log"), "log", &e)) {
        return refuse_form(c, "log", e.what);
    }
    if (is_listed(c) || (note.size > 0 && is_in_directory(c, note))) {
        return true;
    }
    return bundle_refuse(c->refusal, "uses.log", "log", "neither the trust file nor a directory of operators that it names has this key");
}

/* ---- 3. Entries ---- */

/* The entry at this place: its statement (empty: hidden) and its leaf. Refused when the receipt does not show it. */
static bool check_entry(struct checking *c, const json_t *object, const char *where, bool may_be_hidden, uint64_t *index,
                        struct bytes *statement, uint8_t leaf[SHA256_SIZE], struct receipt *receipt)
{
    struct error e;
    struct checkpoint_view view;
    const json_t *number = json_object_get(object, "entry");
    *statement = text_at(object, "statement");
    bool is_hidden = json_object_get(object, "statement") == NULL;
    if (!json_is_integer(number) || json_integer_value(number) < 0 || (is_hidden && !may_be_hidden)) {
        return refuse_form(c, where, "it has no entry, or no statement");
    }
    *index = (uint64_t)json_integer_value(number);
    if (!receipt_parse(text_at(object, "receipt"), receipt, &e)) {
        return bundle_refuse(c->refusal, "uses.entry", where, "%s", e.what);
    }
    if (receipt->index != *index) {
        return bundle_refuse(c->refusal, "uses.entry", where, "its receipt is of another entry");
    }
    if (!is_hidden) {
        if (!receipt_verify(receipt, *statement, &c->story->key, c->cache, &view, &e)) {
            return bundle_refuse(c->refusal, "uses.entry", where, "%s", e.what);
        }
        commitment(receipt->salt, *statement, leaf);
        merkle_leaf(bytes_of(leaf, SHA256_SIZE), leaf);
        return true;
    }
    /* The salt is gone: `extra` is the entry itself. */
    struct quorum_result *result = calloc(1, sizeof *result);
    if (result == NULL) {
        return no_memory(c);
    }
    merkle_leaf(bytes_of(receipt->salt, SHA256_SIZE), leaf);
    bool ok = quorum_check(c->trust->quorum, &c->story->key, receipt->checkpoint, result, where, &e);
    if (ok && !merkle_verify_inclusion(*index, result->checkpoint.size, leaf, (const uint8_t(*)[SHA256_SIZE])receipt->path,
                                       receipt->path_count, result->checkpoint.root)) {
        ok = error_set(&e, ERROR_DENIED, where, NULL, "the receipt's path does not lead to its checkpoint's root");
    }
    free(result);
    return ok || bundle_refuse(c->refusal, "uses.entry", where, "%s", e.what);
}

/* ---- 4. The root ---- */

static bool check_root(struct checking *c)
{
    struct receipt receipt = { .index = 0 };
    struct bytes statement, time;
    struct error e;
    uint8_t leaf[SHA256_SIZE];
    uint64_t index = 0, time_ms = 0;
    if (!check_entry(c, json_object_get(c->story->file, "root"), "root", false, &index, &statement, leaf, &receipt)) {
        return false;
    }
    if (!uses_root_parse(statement, &c->story->root) || !event_text_get(statement, "time", &time) || !bytes_to_u64(time, &time_ms) ||
        time_ms > INT64_MAX) {
        return bundle_refuse(c->refusal, "uses.root", "root", "the entry is no root of a map of uses");
    }
    c->story->root.entry = index;
    c->story->root_ms = (int64_t)time_ms;
    struct quorum_result *result = calloc(1, sizeof *result);
    if (result == NULL) {
        return no_memory(c);
    }
    bool ok = quorum_check(c->trust->quorum, &c->story->key, receipt.checkpoint, result, "root", &e);
    bool is_seen = result->is_met;
    c->story->seen_s = result->time_s;
    c->story->cosignature_count = result->cosignature_count;
    free(result);
    if (!ok) {
        return bundle_refuse(c->refusal, "uses.root", "root", "%s", e.what);
    }
    /* Whom nobody watches can show each person a history of their own. */
    if (!is_seen) {
        return bundle_refuse(c->refusal, "uses.quorum", "root",
                             "too few of the witnesses that you trust have cosigned the log that has it");
    }
    return (c->story->root.from <= c->story->root.covers && c->story->root.covers <= index) ||
           bundle_refuse(c->refusal, "uses.root", "root", "it covers entries that come after it");
}

/* ---- 5. The list ---- */

static bool is_about(struct checking *c, struct bytes statement)
{
    struct bytes value;
    static const char *const kinds[] = { "decision/1", "consent/1", "person/1", "access/1" };
    bool is_kind = false;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        is_kind = is_kind || event_text_is(statement, kinds[i]);
    }
    if (!is_kind || !event_text_get(statement, "person", &value)) {
        return false;
    }
    struct bytes person = event_text_decode(&c->arena, value);
    return person.data != NULL && bytes_equal(person, c->story->person);
}

/* An answer says what left; it must be the one to this decision, and stand behind it. */
static bool check_answer(struct checking *c, const json_t *object, struct uses_shown *use, const char *where)
{
    static const char *const keys[] = { "entry", "statement", "receipt" };
    struct receipt receipt;
    struct said said;
    uint8_t leaf[SHA256_SIZE], digest[SHA256_SIZE], decision[SHA256_SIZE];
    if (object == NULL) {
        return true;
    }
    if (!has_only(object, keys, COUNT_OF(keys))) {
        return refuse_form(c, where, "its answer is not of the form of docs/evidence-uses.md");
    }
    if (!check_entry(c, object, where, true, &use->answer_entry, &use->answer, leaf, &receipt)) {
        return false;
    }
    if (use->answer.size == 0) {
        return true; /* erased: it shows nothing */
    }
    sha256(use->statement, decision);
    if (!said_parse(use->answer, &said, where, NULL) || !said.is_answer ||
        !said_digest(said_value(&said, "comity-decision", false), digest) || memcmp(digest, decision, sizeof digest) != 0 ||
        use->answer_entry <= use->entry) {
        return bundle_refuse(c->refusal, "uses.entry", where, "what is shown as the answer is not the answer to this decision");
    }
    return true;
}

static bool check_use(struct checking *c, const json_t *object, size_t number, struct uses_sum *sum)
{
    static const char *const keys[] = { "entry", "statement", "receipt", "answer" };
    struct uses_story *story = c->story;
    struct uses_shown *use = &story->uses[number];
    struct receipt receipt;
    uint8_t leaf[SHA256_SIZE];
    char where[64];
    (void)snprintf(where, sizeof where, "use %zu", number + 1);
    if (!has_only(object, keys, COUNT_OF(keys))) {
        return refuse_form(c, where, "it is not of the form of docs/evidence-uses.md");
    }
    if (!check_entry(c, object, where, true, &use->entry, &use->statement, leaf, &receipt)) {
        return false;
    }
    use->is_hidden = json_object_get(object, "statement") == NULL;
    if (use->entry < story->root.from || use->entry >= story->root.covers || (number > 0 && use->entry <= story->uses[number - 1].entry)) {
        return bundle_refuse(c->refusal, "uses.entry", where, "it is out of order, or not among the entries that the root covers");
    }
    if (!use->is_hidden && !is_about(c, use->statement)) {
        return bundle_refuse(c->refusal, "uses.person", where, "the entry is not about this person");
    }
    uses_sum_add(sum, use->entry, leaf);
    return check_answer(c, json_object_get(object, "answer"), use, where);
}

static bool check_list(struct checking *c, struct uses_sum *sum)
{
    const json_t *list = json_object_get(c->story->file, "uses");
    c->story->count = json_array_size(list);
    if (!json_is_array(list) || c->story->count > USES_FILE_ENTRIES_MAX) {
        return refuse_form(c, "uses", "it has no list, or too long a one");
    }
    c->story->uses = calloc(c->story->count + 1, sizeof *c->story->uses);
    if (c->story->uses == NULL) {
        return no_memory(c);
    }
    for (size_t i = 0; i < c->story->count; i++) {
        if (!check_use(c, json_array_get(list, i), i, sum)) {
            return false;
        }
    }
    return true;
}

/* ---- 6. The leaf ---- */

static bool check_leaf(struct checking *c, const struct uses_sum *sum)
{
    uint8_t proof[VRF_PROOF_SIZE], salt[USES_SALT_SIZE], place[USES_PLACE_SIZE], leaf[SHA256_SIZE], root[SHA256_SIZE];
    uint8_t path[USES_DEPTH][SHA256_SIZE];
    struct error e;
    const json_t *list = json_object_get(c->story->file, "path");
    bool ok = base64_at(json_object_get(c->story->file, "vrf_proof"), proof, sizeof proof) &&
              base64_at(json_object_get(c->story->file, "salt"), salt, sizeof salt) && json_array_size(list) == USES_DEPTH;
    for (size_t i = 0; ok && i < USES_DEPTH; i++) {
        ok = base64_at(json_array_get(list, i), path[i], SHA256_SIZE);
    }
    if (!ok) {
        return refuse_form(c, "path", "it has no vrf_proof, salt and path of 64 hashes");
    }
    if (!vrf_verify(c->story->root.vrf_key, c->story->person, proof, place, &e)) {
        return e.kind == ERROR_MEMORY ? no_memory(c)
                                      : bundle_refuse(c->refusal, "uses.place", "vrf_proof", "it does not show where this person stands");
    }
    uses_leaf_hash(place, salt, sum, leaf);
    uses_path_root(place, leaf, (const uint8_t(*)[SHA256_SIZE])path, root);
    return memcmp(root, c->story->root.root, sizeof root) == 0 ||
           bundle_refuse(c->refusal, "uses.incomplete", "uses",
                         "the list is not what the log's root says of this person: something is missing, or too much");
}

bool uses_proof_verify(struct bytes file, const struct trust *trust, struct uses_story *story, struct refusal *refusal)
{
    struct uses_sum sum = { 0 };
    struct checking c = { .trust = trust, .story = story, .refusal = refusal, .cache = checkpoint_cache_make(16) };
    *story = (struct uses_story){ .file = NULL };
    *refusal = (struct refusal){ .code = NULL };
    bool ok = c.cache != NULL || no_memory(&c);
    ok = ok && read_file(&c, file) && check_key(&c) && check_root(&c) && check_list(&c, &sum) && check_leaf(&c, &sum);
    checkpoint_cache_free(c.cache);
    arena_clear(&c.arena);
    return ok;
}

void uses_story_clear(struct uses_story *story)
{
    free(story->uses);
    json_decref(story->file);
    *story = (struct uses_story){ .file = NULL };
}

/* ---- Against what somebody else holds ---- */

bool uses_proof_against(const struct uses_story *story, const struct story *bundle, struct refusal *refusal)
{
    uint8_t decision[SHA256_SIZE], digest[SHA256_SIZE];
    bool has_hidden = false, is_there = false;
    uint64_t index = UINT64_MAX;
    *refusal = (struct refusal){ .code = NULL };
    if (bundle->answer == NULL || !said_digest(said_value(&bundle->answer_said, "comity-decision", false), decision)) {
        return bundle_refuse(refusal, "uses.undecided", "bundle", "it does not show an answer, which names the decision");
    }
    for (size_t i = 0; i < bundle->answer->from->receipt_count; i++) {
        const struct shown_receipt *receipt = &bundle->answer->receipts[i];
        index = bytes_equal(receipt->origin, bytes_of_text(story->key.name)) ? receipt->index : index;
    }
    if (index == UINT64_MAX) {
        return bundle_refuse(refusal, "uses.undecided", "bundle", "its answer is not of the log that this list is of");
    }
    for (size_t i = 0; i < story->count && !is_there; i++) {
        has_hidden = has_hidden || story->uses[i].is_hidden;
        sha256(story->uses[i].statement, digest);
        is_there = !story->uses[i].is_hidden && memcmp(digest, decision, sizeof digest) == 0;
    }
    if (is_there) {
        return true;
    }
    if (has_hidden) {
        return bundle_refuse(refusal, "uses.undecided", "bundle", "it may be one of the entries that are hidden in the list");
    }
    if (index >= story->root.covers) {
        return bundle_refuse(refusal, "uses.undecided", "bundle", "its answer is younger than the list");
    }
    return bundle_refuse(refusal, "uses.left_out", "bundle",
                         "the list lacks this exchange: if it is about this person, the list is not all of it");
}
