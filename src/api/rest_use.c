/*
 * /v1/uses: what was asked about a person, what was decided, what left, and who of the staff looked; with the receipt and the bundle of each, and what
 * proves that they are all.
 */
#include <inttypes.h>
#include <stdio.h>

#include "api/rest_handlers_internal.h"
#include "base/time.h"
#include "consent/uses_map.h"
#include "evidence/log_prove.h"
#include "interchange/json_make.h"

enum {
    CATCH_UP_ENTRIES = 100000,
    LOOK_MAX = 2000, /* entries that a page looks at when its filters leave most of them out */
    BUNDLE_BYTES_MAX = 32 * 1024 * 1024,
    TRUST_BYTES_MAX = 256 * 1024,
};

static const char *const kinds[] = {
    [USE_NONE] = "none", [USE_EXCHANGE] = "exchange", [USE_ANSWER] = "answer", [USE_CONSENT] = "consent", [USE_ACCESS] = "access"
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

/* "WORD IRI, ..." as a list of both. */
static json_t *words_of(struct bytes list, const char *word_name)
{
    json_t *all = json_array();
    struct bytes one;
    while (all != NULL && list.size > 0 && bytes_split(&list, ',', &one)) {
        struct bytes word, iri = bytes_trim(one);
        (void)bytes_split(&iri, ' ', &word);
        struct json_maker m = json_make();
        json_make_bytes(&m, "category", iri);
        json_make_bytes(&m, word_name, word);
        if (!json_list_add(all, json_made(&m))) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

/* Its name in the directory that its community signed; null where it says none, or the community is not recognised now. */
static json_t *name_of(const struct rest_call *call, const struct world *world, struct bytes client)
{
    struct identifier id;
    uint8_t *storage = arena_take((struct arena *)(uintptr_t)&call->arena, client.size + 1);
    const struct bytes member = rest_member_part(client);
    if (storage == NULL) {
        return NULL;
    }
    if (world == NULL || !identifier_parse(member, 3, 3, storage, &id, NULL)) {
        return json_null();
    }
    const struct directory_member *found = world_find_member(world, &id, call->now_ms);
    return found == NULL || found->name.size == 0 ? json_null() : json_from_bytes(found->name);
}

static json_t *use_json(const struct rest_call *call, const struct world *world, const struct use *use)
{
    struct json_maker m = json_make();
    json_make_text(&m, "kind", kinds[use->kind]);
    json_make_number(&m, "entry", use->entry);
    json_make_value(&m, "answerEntry", use->answer_entry == UINT64_MAX ? json_null() : json_integer((json_int_t)use->answer_entry));
    json_make_time(&m, "time", use->time_ms);
    json_make_bytes_or_null(&m, "exchange", use->exchange);
    json_make_bytes_or_null(&m, "client", use->client);
    json_make_value(&m, "clientName", name_of(call, world, use->client));
    json_make_bytes_or_null(&m, "service", use->service);
    json_make_bytes_or_null(&m, "purpose", use->purpose);
    json_make_bytes_or_null(&m, "verdict", use->verdict);
    json_make_bytes_or_null(&m, "reason", use->reason);
    json_make_value(&m, "permitted", iris(use->permitted));
    json_make_value(&m, "released", iris(use->released));
    json_make_value(&m, "withheld", withheld(use->withheld));
    json_make_value(&m, "basis", words_of(use->basis, "basis"));
    json_make_value(&m, "why", words_of(use->why, "reason"));
    json_make_value(&m, "consents", iris(use->consents));
    json_make_bytes_or_null(&m, "claim", use->claim);
    json_make_bytes_or_null(&m, "justification", use->justification);
    return json_made(&m);
}

/* ---- A page of the newest ---- */

struct listing {
    struct rest_call *call;
    struct world *world;
    json_t *rows;
    int64_t from_ms, until_ms;
    uint64_t looked, last; /* the oldest entry that was looked at */
    bool has_more, failed;
};

static bool is_list_member(struct bytes list, struct bytes wanted)
{
    struct bytes one;
    while (list.size > 0 && bytes_split(&list, ',', &one)) {
        if (bytes_equal(bytes_trim(one), wanted)) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const struct listing *listing, const struct use *use)
{
    const struct rest_call *call = listing->call;
    struct bytes kind = rest_query(call, "kind"), who = rest_query(call, "who"), verdict = rest_query(call, "verdict"),
                 consent = rest_query(call, "consent");
    bool is_refused = bytes_equal(use->verdict, BYTES("refuse")) || use->reason.size > 0;
    bool is_exchange = use->kind == USE_EXCHANGE;
    return use->time_ms < listing->until_ms && (kind.size == 0 || bytes_equal(kind, bytes_of_text(kinds[use->kind]))) &&
           (who.size == 0 || bytes_equal(rest_member_part(use->client), who)) &&
           (verdict.size == 0 || (is_exchange && is_refused == bytes_equal(verdict, BYTES("refuse")))) &&
           (consent.size == 0 || (is_exchange && is_list_member(use->consents, consent)));
}

/* The newest comes first. An older one than is asked for ends it: time never goes back within a log. */
static bool add_use(void *context, const struct use *use)
{
    struct listing *listing = context;
    if (use->time_ms < listing->from_ms) {
        return false;
    }
    listing->has_more = json_array_size(listing->rows) == listing->call->limit || listing->looked++ == LOOK_MAX;
    if (listing->has_more) {
        return false;
    }
    listing->last = use->entry;
    if (is_wanted(listing, use)) {
        json_t *row = use_json(listing->call, listing->world, use);
        listing->failed = row == NULL || json_array_insert_new(listing->rows, 0, row) != 0;
    }
    return !listing->failed;
}

static bool read_filters(struct listing *listing, uint64_t *before, struct error *e)
{
    struct rest_call *call = listing->call;
    struct bytes from = rest_query(call, "from"), until = rest_query(call, "until"), kind = rest_query(call, "kind"),
                 verdict = rest_query(call, "verdict");
    listing->from_ms = INT64_MIN;
    listing->until_ms = INT64_MAX;
    if (call->cursor.size > 0 && !bytes_to_u64(call->cursor, before)) {
        return rest_refuse(call, e, 400, "request.malformed", "query cursor", "take it from the page before", "is no cursor of this list");
    }
    if ((from.size > 0 && !time_parse(from, &listing->from_ms)) || (until.size > 0 && !time_parse(until, &listing->until_ms))) {
        return rest_refuse(call, e, 400, "request.malformed", "query from", "write it as in RFC 3339", "is no time");
    }
    if (kind.size > 0 && !bytes_equal(kind, BYTES("exchange")) && !bytes_equal(kind, BYTES("consent")) &&
        !bytes_equal(kind, BYTES("access"))) {
        return rest_refuse(call, e, 400, "request.malformed", "query kind", NULL, "is none of exchange, consent, access");
    }
    return verdict.size == 0 || bytes_equal(verdict, BYTES("permit")) || bytes_equal(verdict, BYTES("refuse")) ||
           rest_refuse(call, e, 400, "request.malformed", "query verdict", NULL, "is none of permit, refuse");
}

/* What the newest root in the log binds (docs/evidence-uses.md); null: there is none yet. */
static json_t *bound_json(const struct uses_committed *committed)
{
    return committed->covers == 0 ? json_null()
                                  : json_pack("{s:I, s:I, s:o}", "covers", (json_int_t)committed->covers, "entry",
                                              (json_int_t)committed->entry, "time", json_from_time(committed->time_ms));
}

bool handle_use_list(struct rest_call *call, struct error *e)
{
    struct uses *uses = call->rest->options.operations.uses;
    struct listing listing = { .call = call };
    struct uses_committed committed;
    uint64_t before = UINT64_MAX, lag = 0;
    char next[24];
    if (!read_filters(&listing, &before, e) || !uses_catch_up(uses, CATCH_UP_ENTRIES, &lag, e) || !uses_committed(uses, &committed, e)) {
        return false;
    }
    call->answer = json_pack("{s:[], s:I, s:o}", "uses", "lag", (json_int_t)lag, "bound", bound_json(&committed));
    if (call->answer == NULL) {
        return error_memory(e, "answer");
    }
    listing.rows = json_object_get(call->answer, "uses");
    listing.world = rest_world(call);
    bool ok = uses_list_back(uses, call->subject, before, add_use, &listing, e);
    world_release(listing.world);
    (void)snprintf(next, sizeof next, "%" PRIu64, listing.last);
    return ok && ((!listing.failed && json_object_set_new(call->answer, "next", listing.has_more ? json_string(next) : json_null()) == 0) ||
                  error_memory(e, "answer"));
}

/* ---- One of them ---- */

struct found {
    struct rest_call *call;
    struct world *world;
    bool is_there, failed;
    enum use_kind kind;
    uint64_t entry, answer_entry;
    struct bytes exchange;
    json_t *row;
};

static bool take_use(void *context, const struct use *use)
{
    struct found *found = context;
    found->is_there = true;
    found->kind = use->kind;
    found->entry = use->entry;
    found->answer_entry = use->answer_entry;
    found->exchange = arena_copy(&found->call->arena, use->exchange);
    found->row = use_json(found->call, found->world, use);
    found->failed = found->exchange.data == NULL || found->row == NULL;
    return false;
}

/* The entry in the path, which must be one of the subject's list. `found->row` is the caller's. */
static bool find_use(struct rest_call *call, struct found *found, struct error *e)
{
    uint64_t lag = 0, entry;
    struct uses *uses = call->rest->options.operations.uses;
    *found = (struct found){ .call = call };
    if (!bytes_to_u64(call->match.parameters[0], &entry)) {
        return rest_absent(call, e);
    }
    found->world = rest_world(call);
    bool ok = uses_catch_up(uses, CATCH_UP_ENTRIES, &lag, e) && uses_find(uses, call->subject, entry, take_use, found, e);
    world_release(found->world);
    ok = ok && (!found->failed || error_memory(e, "uses"));
    ok = ok && (found->is_there || rest_absent(call, e));
    if (!ok) {
        json_decref(found->row);
        found->row = NULL;
    }
    return ok;
}

bool handle_use_read(struct rest_call *call, struct error *e)
{
    struct found found;
    if (!find_use(call, &found, e)) {
        return false;
    }
    call->answer = found.row;
    return true;
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
    json_decref(found.row);
    buffer_init(&receipt, 2 * (size_t)RECEIPT_BYTES_MAX);
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
    json_decref(found.row);
    if (found.kind != USE_EXCHANGE || call->rest->options.bundle == NULL) {
        return rest_absent(call, e);
    }
    buffer_init(&bundle, BUNDLE_BYTES_MAX);
    bool ok = (call->rest->options.bundle(call->rest->options.context, found.exchange, &bundle, e) || refuse_pending(call, e)) &&
              answer_file(call, &bundle, "application/octet-stream", "exchange.comity-evidence", e);
    buffer_wipe(&bundle);
    return ok;
}

/* ---- What opens one of them, for whoever checks it ---- */

/* The statement, and the receipt with the salt in it. An erased record has nothing left to open. */
static bool open_entry(struct rest_call *call, struct log_reader *reader, const char *name, uint64_t index, json_t *list, struct error *e)
{
    struct log_entry entry;
    struct buffer receipt;
    if (!log_reader_get(reader, index, &entry, e)) {
        return false;
    }
    if (entry.form != RECORD_OPEN) {
        return rest_absent(call, e);
    }
    buffer_init(&receipt, 2 * (size_t)RECEIPT_BYTES_MAX);
    bool ok = log_prove(call->rest->options.operations.log->public, index, &entry, &receipt, e) || refuse_pending(call, e);
    if (ok) {
        struct json_maker m = json_make();
        json_make_text(&m, "name", name);
        json_make_number(&m, "entry", index);
        json_make_bytes(&m, "statement", entry.statement);
        json_make_bytes(&m, "receipt", buffer_bytes(&receipt));
        ok = json_list_add(list, json_made(&m)) || error_memory(e, "evidence");
    }
    buffer_clear(&receipt);
    return ok;
}

/* The log's key, and in which directory it stands. */
static bool add_key(struct rest_call *call, struct error *e)
{
    struct world *world = rest_world(call);
    struct buffer key;
    const struct directory *own = world == NULL ? NULL : world->own;
    const struct directory_gateway *gateway = own == NULL ? NULL : directory_find_gateway_by_origin(own, call->rest->options.origin);
    json_t *directory = json_null();
    buffer_init(&key, 4096);
    if (gateway != NULL) {
        struct json_maker m = json_make();
        verifier_write(&gateway->statement_key, &key);
        json_make_bytes(&m, "community", own->community);
        json_make_number(&m, "serial", own->serial);
        json_make_digest(&m, "sha256", own->digest);
        json_make_time(&m, "validUntil", own->valid_until_ms);
        directory = json_made(&m);
    } else {
        verifier_write(signer_verifier(call->rest->options.operations.signer), &key);
    }
    bool ok = !key.failed && directory != NULL && json_object_set_new(call->answer, "log", json_from_bytes(buffer_bytes(&key))) == 0 &&
              json_object_set_new(call->answer, "directory", directory) == 0;
    world_release(world);
    buffer_clear(&key);
    return ok || error_memory(e, "evidence");
}

static bool add_trust(struct rest_call *call, struct error *e)
{
    struct buffer trust;
    const struct rest_options *options = &call->rest->options;
    buffer_init(&trust, TRUST_BYTES_MAX);
    bool ok = options->trust == NULL || options->trust(options->context, &trust, e);
    ok = ok && (json_object_set_new(call->answer, "trust", json_from_bytes(buffer_bytes(&trust))) == 0 || error_memory(e, "evidence"));
    buffer_clear(&trust);
    return ok;
}

bool handle_use_evidence(struct rest_call *call, struct error *e)
{
    struct found found;
    struct log_reader *reader = NULL;
    const struct erasure_log *log = call->rest->options.operations.log;
    if (!find_use(call, &found, e)) {
        return false;
    }
    json_decref(found.row);
    call->answer = json_pack("{s:[]}", "entries");
    json_t *list = json_object_get(call->answer, "entries");
    bool ok = (call->answer != NULL || error_memory(e, "evidence")) && log_reader_open(&reader, log->public, log->private, e);
    ok = ok && open_entry(call, reader, found.kind == USE_EXCHANGE ? "decision" : "event", found.entry, list, e);
    ok = ok && (found.answer_entry == UINT64_MAX || open_entry(call, reader, "answer", found.answer_entry, list, e));
    log_reader_close(reader);
    return ok && add_key(call, e) && add_trust(call, e);
}

/* ---- That they are all ---- */

bool handle_use_proof(struct rest_call *call, struct error *e)
{
    struct buffer file;
    json_t *proof = NULL, *request = json_pack("{s:o}", "person", json_from_bytes(call->subject));
    const struct rest_options *options = &call->rest->options;
    buffer_init(&file, REST_ANSWER_BYTES_MAX);
    bool ok = (request != NULL || error_memory(e, "proof")) && (options->uses_file != NULL || rest_absent(call, e)) &&
              operation_uses_proof(&options->operations, request, &proof, e) &&
              (options->uses_file(options->context, proof, call->subject, &file, e) || refuse_pending(call, e)) &&
              answer_file(call, &file, "application/json", "uses.json", e);
    json_decref(request);
    json_decref(proof);
    buffer_wipe(&file);
    return ok;
}

/* Whom this gateway trusts, for a verifier (docs/evidence.md). */
bool handle_trust(struct rest_call *call, struct error *e)
{
    struct buffer trust;
    const struct rest_options *options = &call->rest->options;
    buffer_init(&trust, TRUST_BYTES_MAX);
    bool ok = (options->trust != NULL || rest_absent(call, e)) && options->trust(options->context, &trust, e) &&
              answer_file(call, &trust, "text/plain; charset=utf-8", "trust.txt", e);
    buffer_clear(&trust);
    return ok;
}
