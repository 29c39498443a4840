/* Proving that a person's list of uses is all of it (docs/evidence-uses.md). */
#include "api/operation.h"

#include "base/encode.h"
#include "consent/uses_map.h"

enum { PERSON_BYTES_MAX = 512 };

static json_t *json_base64(const uint8_t *data, size_t size)
{
    uint8_t text[BASE64_SIZE(128)];
    size_t text_size = base64_write(bytes_of(data, size), text);
    return json_stringn((const char *)text, text_size);
}

/* Which answer belongs to which entry: [entry, answer]. */
struct answers {
    json_t *pairs;
    bool has_failed;
};

static bool add_answer(void *context, const struct use *use)
{
    struct answers *answers = context;
    if (use->kind == USE_EXCHANGE && use->answer_entry != UINT64_MAX) {
        answers->has_failed = json_array_append_new(answers->pairs,
                                                    json_pack("[I, I]", (json_int_t)use->entry, (json_int_t)use->answer_entry)) != 0;
    }
    return !answers->has_failed;
}

static json_t *json_of_proof(const struct uses_proof *proof)
{
    json_t *path = json_array(), *entries = json_array();
    bool ok = path != NULL && entries != NULL;
    for (size_t i = 0; ok && i < USES_DEPTH; i++) {
        ok = json_array_append_new(path, json_base64(proof->path[i], SHA256_SIZE)) == 0;
    }
    for (uint64_t i = 0; ok && i < proof->sum.count; i++) {
        ok = json_array_append_new(entries, json_integer((json_int_t)proof->entries[i])) == 0;
    }
    if (!ok) {
        json_decref(path);
        json_decref(entries);
        return NULL;
    }
    return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:[]}", "root_entry", (json_int_t)proof->root.entry, "from",
                     (json_int_t)proof->root.from, "covers", (json_int_t)proof->root.covers, "vrf_proof",
                     json_base64(proof->vrf_proof, VRF_PROOF_SIZE), "salt", json_base64(proof->salt, USES_SALT_SIZE), "path", path,
                     "entries", entries, "answers");
}

bool operation_uses_proof(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    struct uses_proof proof;
    struct answers answers = { .pairs = NULL };
    const json_t *given = json_object_get(request, "person");
    *answer = NULL;
    if (!json_is_string(given) || json_object_size(request) != 1 || json_string_length(given) == 0 ||
        json_string_length(given) > PERSON_BYTES_MAX) {
        return error_set(e, ERROR_INPUT, "person", NULL, "send {\"person\"}, a string of at most %d bytes", PERSON_BYTES_MAX);
    }
    struct bytes person = bytes_of(json_string_value(given), json_string_length(given));
    if (!uses_prove(context->uses, context->log->committer, person, &proof, e)) {
        return false;
    }
    json_t *made = json_of_proof(&proof);
    answers.pairs = json_object_get(made, "answers");
    bool ok = made != NULL || error_memory(e, "proof");
    ok = ok && uses_list(context->uses, person, add_answer, &answers, e);
    ok = ok && (!answers.has_failed || error_memory(e, "proof"));
    uses_proof_clear(&proof);
    if (!ok) {
        json_decref(made);
        return false;
    }
    *answer = made;
    return true;
}
