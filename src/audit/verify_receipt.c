/* That a statement stands in a log, by a key that was valid then, and that nobody shows two histories of it. */
#include <stdio.h>
#include <stdlib.h>

#include "audit/verify_internal.h"
#include "base/encode.h"
#include "crypto/note.h"
#include "crypto/timestamp.h"
#include "evidence/cosignature.h"
#include "evidence/individual.h"
#include "evidence/merkle.h"

/* Large things, one of each. */
struct workspace {
    struct receipt receipt;
    struct note note;
    uint64_t times_s[QUORUM_WITNESSES_MAX];
    struct verifier witnesses[QUORUM_WITNESSES_MAX];
};

static void earliest(uint64_t *at, uint64_t time_s)
{
    *at = time_s != 0 && (*at == 0 || time_s < *at) ? time_s : *at;
}

static bool check_path(struct verifying *v, const struct receipt *receipt, const struct bundle_statement *from,
                       const struct checkpoint_view *view, const char *where)
{
    uint8_t hash[SHA256_SIZE];
    if (from->is_hidden) {
        memcpy(hash, receipt->salt, sizeof hash); /* the entry itself */
    } else {
        commitment(receipt->salt, from->text, hash);
    }
    merkle_leaf(bytes_of(hash, sizeof hash), hash);
    return merkle_verify_inclusion(receipt->index, view->size, hash, receipt->path, receipt->path_count, view->root) ||
           bundle_refuse(v->refusal, "evidence.proof", where, "the path does not lead from the statement to the checkpoint's root");
}

static bool check_witnesses(struct verifying *v, struct workspace *w, struct shown_receipt *out, const char *where)
{
    const struct quorum *quorum = v->trust->quorum;
    struct error cause;
    for (size_t i = 0; i < quorum->witness_count; i++) {
        w->witnesses[i] = quorum->witnesses[i].key;
    }
    if (!cosignatures_verify(&w->note, w->witnesses, quorum->witness_count, w->times_s, where, &cause)) {
        return bundle_refuse(v->refusal, "evidence.cosignature", where, "%s", cause.what);
    }
    for (size_t i = 0; i < quorum->witness_count; i++) {
        out->cosignature_count += w->times_s[i] != 0;
    }
    out->seen_s = quorum_time(quorum, w->times_s);
    /* A peer's receipt binds the peer, who signed it. The exporter speaks for himself, so others must have seen his log. */
    return !out->is_exporter || quorum_is_met(quorum, w->times_s) ||
           bundle_refuse(v->refusal, "evidence.quorum", where,
                         "too few of the witnesses that you trust have cosigned the exporter's checkpoint");
}

/* No log says two things about one size. */
static bool check_fork(struct verifying *v, struct bytes origin, uint64_t size, const uint8_t root[SHA256_SIZE], const char *where)
{
    for (size_t i = 0; i < v->story->bundle.statement_count; i++) {
        const struct shown *shown = &v->story->shown[i];
        for (size_t j = 0; shown->from != NULL && j < shown->from->receipt_count; j++) {
            const struct shown_receipt *other = &shown->receipts[j];
            if (other->size == size && bytes_equal(other->origin, origin) && memcmp(other->root, root, SHA256_SIZE) != 0) {
                return bundle_refuse(v->refusal, "evidence.fork", where, "the log %.*s has two roots for %llu entries",
                                     BYTES_FMT(bytes_slice(origin, 0, 120)), (unsigned long long)size);
            }
        }
    }
    return true;
}

/* The order of entries in the log means something within one tree only. */
static bool check_one_checkpoint(struct verifying *v, const struct shown_receipt *mine, const char *where)
{
    for (size_t i = 0; mine->is_exporter && i < v->story->bundle.statement_count; i++) {
        const struct shown *shown = &v->story->shown[i];
        for (size_t j = 0; shown->from != NULL && j < shown->from->receipt_count; j++) {
            if (shown->receipts[j].is_exporter && shown->receipts[j].size != mine->size) {
                return bundle_refuse(v->refusal, "evidence.fork", where, "the exporter's entries are proved under different checkpoints");
            }
        }
    }
    return true;
}

/* Of authorities that the reader trusts; without any the tokens are passed over. */
static bool check_timestamps(struct verifying *v, const struct bundle_receipt *from, struct bytes checkpoint, struct shown_receipt *out,
                             const char *where)
{
    struct error cause;
    for (size_t i = 0; i < from->timestamp_count && v->trust->authority_count > 0; i++) {
        int64_t time_s = 0;
        if (!timestamp_verify(from->timestamps[i], checkpoint, v->trust->authorities, v->trust->authority_count, &time_s, where, &cause)) {
            return bundle_refuse(v->refusal, "evidence.timestamp", where, "%s", cause.what);
        }
        earliest(&out->stamp_s, (uint64_t)time_s);
    }
    return true;
}

static bool is_allowed_origin(const struct verifying *v, const struct bundle_statement *from, struct bytes signer, struct bytes origin)
{
    bool is_message = from->role == ROLE_REQUEST || from->role == ROLE_ANSWER;
    return bytes_equal(origin, v->story->bundle.exporter) || (is_message && (from->is_hidden || bytes_equal(origin, signer)));
}

static bool verify_one(struct verifying *v, struct workspace *w, const struct shown *shown, size_t nth, struct bytes signer,
                       struct shown_receipt *out, const char *where)
{
    const struct bundle_receipt *from = &shown->from->receipts[nth];
    const struct directory_gateway *gateway = NULL;
    struct checkpoint_view view;
    struct error cause;
    size_t good = 0;
    if (!receipt_parse(from->text, &w->receipt, &cause)) {
        return bundle_refuse(v->refusal, "evidence.receipt", where, "receipt %zu: %s", nth + 1, cause.what);
    }
    if (!note_parse(&w->note, w->receipt.checkpoint, where, &cause) || !checkpoint_parse(w->note.text, &view, where, &cause)) {
        return bundle_refuse(v->refusal, "evidence.checkpoint", where, "receipt %zu: %s", nth + 1, cause.what);
    }
    if (!is_allowed_origin(v, shown->from, signer, view.origin)) {
        return bundle_refuse(v->refusal, "evidence.receipt", where, "receipt %zu is of a log that does not belong here", nth + 1);
    }
    /* Other events may be much older than the exchange, and than the directory that is shown: what counts is the log that they stand in. */
    int64_t time_ms = shown->from->role <= ROLE_ANSWER ? shown->time_ms : 0;
    if (!verify_find_gateway(v, view.origin, time_ms, where, &gateway)) {
        return false;
    }
    if (!note_verify(&w->note, &gateway->statement_key, 1, &good, NULL, where, &cause) || good == 0) {
        return bundle_refuse(v->refusal, "evidence.signature", where, "the key of the log %.*s has not signed this checkpoint",
                             BYTES_FMT(bytes_slice(view.origin, 0, 120)));
    }
    *out = (struct shown_receipt){ .origin = view.origin,
                                   .index = w->receipt.index,
                                   .size = view.size,
                                   .is_exporter = bytes_equal(view.origin, v->story->bundle.exporter) };
    memcpy(out->root, view.root, sizeof out->root);
    return check_path(v, &w->receipt, shown->from, &view, where) && check_witnesses(v, w, out, where) &&
           check_fork(v, view.origin, view.size, view.root, where) && check_one_checkpoint(v, out, where) &&
           check_timestamps(v, from, w->receipt.checkpoint, out, where);
}

/* The message by itself, by the key that its statement names. */
static bool check_individual(struct verifying *v, const struct shown *shown, struct bytes signer, const char *where)
{
    const struct directory_gateway *gateway = NULL;
    struct individual_base base;
    struct error cause;
    if (shown->from->signature.size == 0) {
        return true;
    }
    if (!verify_find_gateway(v, signer, shown->time_ms, where, &gateway)) {
        return false;
    }
    if (!individual_base_make(shown->from->text, &v->story->arena, &base, &cause)) {
        return cause.kind == ERROR_MEMORY ? verify_memory(v) : bundle_refuse(v->refusal, "evidence.statement", where, "%s", cause.what);
    }
    return verifier_check(&gateway->statement_key, base.text, shown->from->signature.data) ||
           bundle_refuse(v->refusal, "evidence.individual", where, "the signature beside it is not one of this message by its sender");
}

bool verify_receipts(struct verifying *v, size_t statement, struct bytes signer)
{
    char where[64];
    struct shown *shown = &v->story->shown[statement];
    struct workspace *w = malloc(sizeof *w);
    if (w == NULL) {
        return verify_memory(v);
    }
    bool ok = true, has_signer = false, has_exporter = false;
    (void)verify_where(v, statement, where);
    for (size_t i = 0; ok && i < shown->from->receipt_count; i++) {
        struct shown_receipt *r = &shown->receipts[i];
        ok = verify_one(v, w, shown, i, signer, r, where);
        if (ok) {
            has_signer = has_signer || bytes_equal(r->origin, signer);
            earliest(&shown->seen_s, r->seen_s);
            earliest(&shown->stamp_s, r->stamp_s);
            if (r->is_exporter) {
                has_exporter = true;
                shown->index = r->index;
            }
        }
    }
    free(w);
    if (!ok) {
        return false;
    }
    if (signer.size > 0 && !has_signer) {
        return bundle_refuse(v->refusal, "evidence.receipt", where, "no receipt is of the log of the one who made the statement");
    }
    /* Either side logs the answer: a file that names an exporter who has not would get past the witnesses, who are asked for his log only. */
    if (shown->from->role == ROLE_ANSWER && !has_exporter) {
        return bundle_refuse(v->refusal, "evidence.receipt", where, "no receipt is of the exporter's log");
    }
    return check_individual(v, shown, signer, where);
}

/* ---- Checkpoints of the other's log that a statement names ---- */

static const struct shown_receipt *exporter_receipt(const struct verifying *v)
{
    for (size_t i = 0; i < v->story->bundle.statement_count; i++) {
        const struct shown *shown = &v->story->shown[i];
        for (size_t j = 0; j < shown->from->receipt_count; j++) {
            if (shown->receipts[j].is_exporter) {
                return &shown->receipts[j];
            }
        }
    }
    return NULL;
}

static bool read_consistency(struct bytes text, uint8_t (*path)[SHA256_SIZE], size_t *count)
{
    struct reader r = { .left = text };
    *count = 0;
    while (r.left.size > 0) {
        struct bytes line = reader_line(&r);
        size_t size = 0;
        if (r.failed || *count == MERKLE_PATH_MAX || line.size != BASE64_SIZE(SHA256_SIZE) ||
            !base64_parse(line, path[*count], SHA256_SIZE, &size) || size != SHA256_SIZE) {
            return false;
        }
        (*count)++;
    }
    return true;
}

/* The named checkpoint is a past of the exporter's log as it is shown here. */
static bool check_consistency(struct verifying *v, const struct shown *shown, uint64_t size, const uint8_t root[SHA256_SIZE],
                              const char *where)
{
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    size_t count = 0;
    const struct shown_receipt *now = exporter_receipt(v);
    if (!read_consistency(shown->from->consistency, path, &count)) {
        return bundle_refuse(v->refusal, "evidence.format", where, "the section 'consistency' is not a hash in base64 a line");
    }
    return (now != NULL && size != 0 &&
            merkle_verify_consistency(size, now->size, root, now->root, (const uint8_t(*)[SHA256_SIZE])path, count)) ||
           bundle_refuse(v->refusal, "evidence.fork", where,
                         "the exporter's log does not continue the checkpoint that the other side had seen");
}

/* What entry of that log, shown here with a time, was known: the statement is younger. */
static int64_t newest_before(const struct verifying *v, struct bytes origin, uint64_t size)
{
    int64_t newest_ms = 0;
    for (size_t i = 0; i < v->story->bundle.statement_count; i++) {
        const struct shown *shown = &v->story->shown[i];
        for (size_t j = 0; j < shown->from->receipt_count; j++) {
            const struct shown_receipt *r = &shown->receipts[j];
            if (r->index < size && bytes_equal(r->origin, origin) && shown->time_ms > newest_ms) {
                newest_ms = shown->time_ms;
            }
        }
    }
    return newest_ms;
}

static bool check_named(struct verifying *v, const struct shown *shown, const struct said *said, const struct said *other)
{
    uint64_t size = 0;
    uint8_t root[SHA256_SIZE];
    const char *where = bundle_role_name(shown->from->role);
    struct bytes exporter = v->story->bundle.exporter;
    bool is_exporters = bytes_equal(said->parameters.keyid, exporter);
    struct bytes origin = other != NULL ? other->parameters.keyid : is_exporters ? BYTES_NONE : exporter;
    if (!said_checkpoint(said_value(said, "comity-peer-checkpoint", false), &size, root)) {
        return bundle_refuse(v->refusal, "evidence.statement", where, "comity-peer-checkpoint is no size and root");
    }
    if (origin.size > 0 && size > 0 && !check_fork(v, origin, size, root, where)) {
        return false;
    }
    if (shown->from->has_consistency && !bytes_equal(origin, exporter)) {
        return bundle_refuse(v->refusal, "evidence.fork", where, "the checkpoint that it names is not one of the exporter's log");
    }
    if (shown->from->has_consistency && !check_consistency(v, shown, size, root, where)) {
        return false;
    }
    /* Only where the checkpoint is known to be one of the log that is shown. */
    struct shown *mine = &v->story->shown[shown - v->story->shown];
    bool is_tied = shown->from->has_consistency;
    for (size_t i = 0; !is_tied && i < v->story->bundle.statement_count; i++) {
        for (size_t j = 0; j < v->story->shown[i].from->receipt_count; j++) {
            const struct shown_receipt *r = &v->story->shown[i].receipts[j];
            is_tied = is_tied || (r->size == size && bytes_equal(r->origin, origin));
        }
    }
    mine->not_before_ms = is_tied && size > 0 ? newest_before(v, origin, size) : 0;
    return true;
}

bool verify_named_checkpoints(struct verifying *v)
{
    const struct story *s = v->story;
    return (s->request == NULL || check_named(v, s->request, &s->request_said, s->answer == NULL ? NULL : &s->answer_said)) &&
           (s->answer == NULL || check_named(v, s->answer, &s->answer_said, s->request == NULL ? NULL : &s->request_said));
}
