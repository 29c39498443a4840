#include "api/operation.h"
#include "base/time.h"

struct pruning {
    int64_t before_ms;
    bool with_records, is_dry;
};

static bool get_flag(const json_t *request, const char *key, bool *out, struct error *e)
{
    const json_t *value = json_object_get(request, key);
    *out = json_is_true(value);
    return value == NULL || json_is_boolean(value) || error_set(e, ERROR_INPUT, key, NULL, "must be true or false");
}

static bool read_request(const json_t *request, struct pruning *out, struct error *e)
{
    static const char *const keys[] = { "before", "records", "dry_run" };
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)request, key, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < COUNT_OF(keys); i++) {
            is_known = is_known || strcmp(key, keys[i]) == 0;
        }
        if (!is_known) {
            return error_set(e, ERROR_INPUT, "request", NULL, "unknown key '%.40s'", key);
        }
    }
    const json_t *before = json_object_get(request, "before");
    out->before_ms = INT64_MAX;
    if (before != NULL &&
        (!json_is_string(before) || !time_parse(bytes_of(json_string_value(before), json_string_length(before)), &out->before_ms))) {
        return error_set(e, ERROR_INPUT, "before", "write it as 2027-03-01T00:00:00Z", "is no time");
    }
    return get_flag(request, "records", &out->with_records, e) && get_flag(request, "dry_run", &out->is_dry, e);
}

bool operation_prune(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    struct pruning wanted;
    struct prune_result result;
    *answer = NULL;
    if (!read_request(request, &wanted, e) ||
        !retention_prune(context->retention, wanted.before_ms, wanted.with_records, wanted.is_dry, &result, e)) {
        return false;
    }
    *answer = json_pack("{s:I, s:I, s:I, s:I}", "minimum", (json_int_t)result.minimum, "bundles", (json_int_t)result.bundles,
                        "records_minimum", (json_int_t)result.records_minimum, "segments", (json_int_t)result.segments);
    return *answer != NULL || error_memory(e, "prune");
}
