#include "api/operation_notice.h"

#include "base/encode.h"
#include "base/time.h"

enum { BY_SIZE_MAX = 128 };

void operation_ground_clear(struct operation_ground *ground)
{
    law_drop(ground->law);
    policy_drop(ground->policy);
    *ground = (struct operation_ground){ 0 };
}

bool operation_is_own(const void *context, struct bytes iri)
{
    const struct policy *policy = context;
    for (size_t i = 0; policy != NULL && i < policy->category_count; i++) {
        if (bytes_equal(policy->categories[i].iri, iri)) {
            return true;
        }
    }
    for (size_t i = 0; policy != NULL && i < policy->service_count; i++) {
        for (size_t j = 0; j < policy->services[i].purpose_count; j++) {
            if (bytes_equal(policy->services[i].purposes[j], iri)) {
                return true;
            }
        }
    }
    return false;
}

static bool check_request(const json_t *request, struct error *e)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)request, key, value)
    {
        if (strcmp(key, "notice") != 0 && strcmp(key, "by") != 0) {
            return error_set(e, ERROR_INPUT, "request", NULL, "unknown key '%.40s'", key);
        }
    }
    size_t size = json_string_length(json_object_get(request, "by"));
    return (size > 0 && size <= BY_SIZE_MAX) ||
           error_set(e, ERROR_INPUT, "by", "say who publishes, such as operator:7", "must be a text of 1 to %d bytes", BY_SIZE_MAX);
}

static json_t *answer_of(const struct notice_published *published)
{
    char hex[2 * SHA256_SIZE + 1];
    const struct notice *notice = published->notice;
    hex_write(bytes_of(notice->digest, SHA256_SIZE), hex);
    return json_pack("{s:o, s:I, s:s, s:b, s:s, s:o}", "id", json_stringn((const char *)notice->id.data, notice->id.size), "revision",
                     (json_int_t)notice->revision, "digest", hex, "changed", published->is_changed, "difference",
                     published->is_first ? "first" : notice_difference_name(published->difference), "log_index",
                     published->log_index == UINT64_MAX ? json_null() : json_integer((json_int_t)published->log_index));
}

bool operation_publish_notice(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    struct operation_ground ground = { 0 };
    struct notice_published published = { 0 };
    struct disk *archive = NULL;
    *answer = NULL;
    if (!check_request(request, e)) {
        return false;
    }
    const json_t *by = json_object_get(request, "by");
    bool ok = context->take_ground(context->ground_context, &ground, e) && disk_open_folder(&archive, context->archive_folder, false, e);
    if (ok) {
        const struct notice_submission submission = {
            .value = json_object_get(request, "notice"),
            .by = bytes_of(json_string_value(by), json_string_length(by)),
            .ground = { .law = ground.law, .now_ms = time_now_ms(), .is_own = operation_is_own, .context = ground.policy },
            .archive = archive,
        };
        ok = notice_publish(context->consents, &submission, &published, e);
    }
    if (ok) {
        *answer = answer_of(&published);
        ok = *answer != NULL || error_memory(e, "notice");
    }
    notice_published_clear(&published);
    operation_ground_clear(&ground);
    disk_free(archive);
    return ok;
}
