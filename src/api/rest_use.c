/* /v1/uses: what was asked about a person, what was decided, what left, and who of the staff looked; with the receipt and the bundle of each. */
#include <inttypes.h>
#include <stdio.h>

#include "api/rest_handlers_internal.h"
#include "evidence/log_prove.h"
#include "interchange/json_make.h"

enum { CATCH_UP_ENTRIES = 100000, BUNDLE_BYTES_MAX = 32 * 1024 * 1024, PROOF_BYTES_MAX = 1024 * 1024 };

static const char *const kinds[] = {
    [USE_NONE] = "none", [USE_EXCHANGE] = "exchange", [USE_ANSWER] = "answer", [USE_CONSENT] = "consent", [USE_ACCESS] = "access"
};

struct page {
    json_t *rows;
    uint64_t before; /* entries before this one */
    uint64_t limit;
    bool has_more, failed;
};

/* "IRI, IRI" as a list. */
static json_t *iris(struct bytes list)
{
    json_t *all = json_array();
    struct bytes one;
    while (all != NULL && list.size > 0 && bytes_split(&list, ',', &one)) {
        one = bytes_trim(one);
        if (!json_list_add(all, json_from_bytes(one))) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

/* "IRI;reason=CODE, ..." as a list of both. */
static json_t *withheld(struct bytes list)
{
    json_t *all = json_array();
    struct bytes one;
    while (all != NULL && list.size > 0 && bytes_split(&list, ',', &one)) {
        struct bytes iri, reason = bytes_trim(one);
        (void)bytes_split(&reason, ';', &iri);
        reason = bytes_start_with(reason, BYTES("reason=")) ? bytes_slice(reason, 7, reason.size) : reason;
        struct json_maker m = json_make();
        json_make_bytes(&m, "category", iri);
        json_make_bytes(&m, "reason", reason);
        if (!json_list_add(all, json_made(&m))) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static json_t *use_json(const struct use *use)
{
    struct json_maker m = json_make();
    json_make_text(&m, "kind", kinds[use->kind]);
    json_make_number(&m, "entry", use->entry);
    json_make_value(&m, "answerEntry", use->answer_entry == UINT64_MAX ? json_null() : json_integer((json_int_t)use->answer_entry));
    json_make_time(&m, "time", use->time_ms);
    json_make_bytes_or_null(&m, "exchange", use->exchange);
    json_make_bytes_or_null(&m, "client", use->client);
    json_make_bytes_or_null(&m, "service", use->service);
    json_make_bytes_or_null(&m, "purpose", use->purpose);
    json_make_bytes_or_null(&m, "verdict", use->verdict);
    json_make_bytes_or_null(&m, "reason", use->reason);
    json_make_value(&m, "permitted", iris(use->permitted));
    json_make_value(&m, "released", iris(use->released));
    json_make_value(&m, "withheld", withheld(use->withheld));
    return json_made(&m);
}

/* They come oldest first; the page is the newest ones before the cursor. */
static bool add_use(void *context, const struct use *use)
{
    struct page *page = context;
    if (use->entry >= page->before) {
        return false;
    }
    page->failed = !json_list_add(page->rows, use_json(use));
    if (!page->failed && json_array_size(page->rows) > page->limit) {
        page->has_more = true;
        page->failed = json_array_remove(page->rows, 0) != 0;
    }
    return !page->failed;
}

bool handle_use_list(struct rest_call *call, struct error *e)
{
    struct uses *uses = call->rest->options.operations.uses;
    struct page page = { .before = UINT64_MAX, .limit = call->limit };
    char next[24];
    uint64_t lag = 0;
    if (call->cursor.size > 0 && !bytes_to_u64(call->cursor, &page.before)) {
        return rest_refuse(call, e, 400, "request.malformed", "query cursor", "take it from the page before", "is no cursor of this list");
    }
    if (!uses_catch_up(uses, CATCH_UP_ENTRIES, &lag, e)) {
        return false;
    }
    call->answer = json_pack("{s:[], s:I}", "uses", "lag", (json_int_t)lag);
    page.rows = json_object_get(call->answer, "uses");
    if (call->answer == NULL) {
        return error_memory(e, "answer");
    }
    if (!uses_list(uses, call->subject, add_use, &page, e)) {
        return false;
    }
    json_int_t first = json_integer_value(json_object_get(json_array_get(page.rows, 0), "entry"));
    (void)snprintf(next, sizeof next, "%" JSON_INTEGER_FORMAT, first);
    bool ok = !page.failed && json_object_set_new(call->answer, "next", page.has_more ? json_string(next) : json_null()) == 0;
    return ok || error_memory(e, "answer");
}

/* ---- One of them ---- */

struct found {
    struct arena *arena;
    uint64_t entry;
    bool is_there, failed;
    enum use_kind kind;
    struct bytes exchange;
};

static bool take_use(void *context, const struct use *use)
{
    struct found *found = context;
    if (use->entry != found->entry && use->answer_entry != found->entry) {
        return use->entry < found->entry;
    }
    found->is_there = true;
    found->kind = use->kind;
    found->exchange = arena_copy(found->arena, use->exchange);
    found->failed = found->exchange.data == NULL;
    return false;
}

/* The entry in the path, which must be about the subject: by its decision or its answer. */
static bool find_use(struct rest_call *call, struct found *found, struct error *e)
{
    uint64_t lag = 0;
    struct uses *uses = call->rest->options.operations.uses;
    *found = (struct found){ .arena = &call->arena };
    if (!bytes_to_u64(call->match.parameters[0], &found->entry)) {
        return rest_absent(call, e);
    }
    if (!uses_catch_up(uses, CATCH_UP_ENTRIES, &lag, e) || !uses_list(uses, call->subject, take_use, found, e)) {
        return false;
    }
    if (found->failed) {
        return error_memory(e, "uses");
    }
    return found->is_there || rest_absent(call, e);
}

/* A log proves what is published, which what was logged just now isn't yet. */
static bool refuse_pending(struct rest_call *call, struct error *e)
{
    if (e->kind == ERROR_ABSENT) {
        call->status = 503;
        call->reason = "receipt.pending";
    }
    return false;
}

static bool answer_file(struct rest_call *call, const struct buffer *text, const char *media_type, const char *file_name, struct error *e)
{
    call->raw = text->failed ? NULL : body_of(buffer_bytes(text));
    call->media_type = media_type;
    call->file_name = file_name;
    return call->raw != NULL || error_memory(e, "answer");
}

/* Proves the entry under the newest cosigned checkpoint: the salt and the statement are in the bundle. */
bool handle_use_receipt(struct rest_call *call, struct error *e)
{
    struct found found;
    struct buffer receipt;
    if (!find_use(call, &found, e)) {
        return false;
    }
    buffer_init(&receipt, PROOF_BYTES_MAX);
    bool ok = (log_prove(call->rest->options.operations.log->public, found.entry, NULL, &receipt, e) || refuse_pending(call, e)) &&
              answer_file(call, &receipt, "text/plain; charset=utf-8", "receipt.tlog-proof", e);
    buffer_clear(&receipt);
    return ok;
}

bool handle_use_bundle(struct rest_call *call, struct error *e)
{
    struct found found;
    struct buffer bundle;
    if (!find_use(call, &found, e)) {
        return false;
    }
    if (found.kind != USE_EXCHANGE || call->rest->options.bundle == NULL) {
        return rest_absent(call, e);
    }
    buffer_init(&bundle, BUNDLE_BYTES_MAX);
    bool ok = (call->rest->options.bundle(call->rest->options.context, found.exchange, &bundle, e) || refuse_pending(call, e)) &&
              answer_file(call, &bundle, "application/octet-stream", "exchange.comity-evidence", e);
    buffer_wipe(&bundle);
    return ok;
}
