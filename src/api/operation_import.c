/* Importing consents, and showing that one is in the log. */
#include <stdlib.h>

#include "api/operation_internal.h"
#include "base/encode.h"
#include "consent/import.h"

enum { LINES_BYTES_MAX = 8 * 1024 * 1024, COLUMNS_BYTES_MAX = 4096, PROOF_TEXT_MAX = 64 * 1024 };

static json_t *hex_text(struct bytes raw)
{
    char text[2 * SHA256_SIZE + 1] = "";
    if (raw.size <= SHA256_SIZE) {
        hex_write(raw, text);
    }
    return json_string(text);
}

static json_t *index_or_null(uint64_t index)
{
    return index != UINT64_MAX ? json_integer((json_int_t)index) : json_null();
}

static json_t *faults_of(const struct consent_import_result *result)
{
    json_t *list = json_array();
    size_t count = result->refused < IMPORT_FAULTS_MAX ? result->refused : IMPORT_FAULTS_MAX;
    for (size_t i = 0; list != NULL && i < count; i++) {
        json_t *fault = json_pack("{s:I, s:s}", "line", (json_int_t)result->faults[i].line, "why", result->faults[i].text);
        if (fault == NULL || json_array_append_new(list, fault) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *answer_of(const struct consent_import_result *result)
{
    json_t *faults = faults_of(result);
    return faults == NULL
               ? NULL
               : json_pack("{s:o, s:I, s:I, s:I, s:o, s:o}", "batch", result->batch[0] != '\0' ? json_string(result->batch) : json_null(),
                           "records", (json_int_t)result->records, "there", (json_int_t)result->there, "refused",
                           (json_int_t)result->refused, "faults", faults, "log_index", index_or_null(result->log_index));
}

static bool read_request(const json_t *request, struct consent_import *out, struct error *e)
{
    static const char *const keys[] = { "columns", "lines", "first_line", "notice", "dry_run" };
    const json_t *first = json_object_get(request, "first_line"), *dry = json_object_get(request, "dry_run");
    *out = (struct consent_import){ .first_line = 2, .is_dry = json_is_true(dry) };
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) ||
        !operation_get_text(request, "columns", false, COLUMNS_BYTES_MAX, &out->columns, e) ||
        !operation_get_text(request, "lines", false, LINES_BYTES_MAX, &out->lines, e) ||
        !operation_get_text(request, "notice", true, NOTICE_ID_SIZE_MAX, &out->notice_id, e)) {
        return false;
    }
    if (dry != NULL && !json_is_boolean(dry)) {
        return error_set(e, ERROR_INPUT, "dry_run", NULL, "must be true or false");
    }
    if (first != NULL && (!json_is_integer(first) || json_integer_value(first) < 1)) {
        return error_set(e, ERROR_INPUT, "first_line", NULL, "must be a whole number from 1");
    }
    out->first_line = first != NULL ? (uint64_t)json_integer_value(first) : out->first_line;
    return true;
}

bool operation_import(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    struct consent_import import;
    struct operation_rules rules;
    *answer = NULL;
    struct consent_import_result *result = calloc(1, sizeof *result);
    if (result == NULL) {
        return error_memory(e, "import");
    }
    if (!read_request(request, &import, e) || !operation_rules_take(context, &rules, e)) {
        free(result);
        return false;
    }
    bool ok = consents_import(context->consents, &rules.rules, &import, result, e);
    if (ok) {
        *answer = answer_of(result);
        ok = *answer != NULL || error_memory(e, "import");
    }
    operation_rules_clear(&rules);
    free(result);
    return ok;
}

static json_t *proof_of(const struct consent_import_proof *proof, struct bytes text)
{
    json_t *path = json_array();
    for (size_t i = 0; path != NULL && i < proof->path_count; i++) {
        if (json_array_append_new(path, hex_text(bytes_of(proof->path[i], SHA256_SIZE))) != 0) {
            json_decref(path);
            return NULL;
        }
    }
    return path == NULL ? NULL
                        : json_pack("{s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:o}", "batch", proof->batch, "entry",
                                    index_or_null(proof->log_index), "place", (json_int_t)proof->place, "records",
                                    (json_int_t)proof->records, "salt", hex_text(bytes_of(proof->salt, IMPORT_SALT_SIZE)), "path", path,
                                    "root", hex_text(bytes_of(proof->root, SHA256_SIZE)), "event", operation_text(text));
}

bool operation_import_proof(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "id" };
    struct consent_import_proof proof;
    struct buffer text;
    struct bytes id;
    *answer = NULL;
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) || !operation_get_text(request, "id", false, CONSENT_ID_SIZE, &id, e)) {
        return false;
    }
    buffer_init(&text, PROOF_TEXT_MAX);
    bool ok = consents_prove_import(context->consents, id, &proof, &text, e);
    if (ok) {
        *answer = proof_of(&proof, buffer_bytes(&text));
        ok = *answer != NULL || error_memory(e, "import");
    }
    buffer_wipe(&text);
    return ok;
}
