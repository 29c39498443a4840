/* Our side: which exchanges with the peer our log has, and what the receipts and statements in it say of both logs. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <xxhash.h>

#include "audit/audit_internal.h"
#include "audit/said.h"
#include "crypto/note.h"
#include "evidence/log_copy.h"

enum { REFRESHES_MAX = 4 };

/* ---- Each checkpoint once ---- */

/* True: not seen before. When memory is out it is looked at again, which costs time only. */
static bool is_new(struct marks *seen, uint64_t size, const uint8_t root[SHA256_SIZE], uint64_t whose)
{
    uint64_t hash = XXH3_64bits_withSeed(root, SHA256_SIZE, seen->seed ^ size ^ (whose << 63)) | 1;
    size_t slot = (hash >> 1) & (seen->room - 1);
    while (seen->slots[slot] != 0 && seen->slots[slot] != hash) {
        slot = (slot + 1) & (seen->room - 1);
    }
    if (seen->slots[slot] == hash) {
        return false;
    }
    if (seen->count * 2 < seen->room) {
        seen->slots[slot] = hash;
        seen->count++;
        return true;
    }
    struct marks grown = { .room = seen->room * 2, .seed = seen->seed, .count = seen->count };
    grown.slots = calloc(grown.room, sizeof *grown.slots);
    if (grown.slots == NULL) {
        return true;
    }
    for (size_t i = 0; i < seen->room; i++) {
        if (seen->slots[i] != 0) {
            size_t at = (seen->slots[i] >> 1) & (grown.room - 1);
            while (grown.slots[at] != 0) {
                at = (at + 1) & (grown.room - 1);
            }
            grown.slots[at] = seen->slots[i];
        }
    }
    free(seen->slots);
    *seen = grown;
    return is_new(seen, size, root, whose);
}

/* ---- Their log ---- */

static void tell_unread(struct audit *a, const struct audit_item *item, const struct error *e)
{
    char text[sizeof *e];
    if (a->counts->findings[AUDIT_UNREAD] >= AUDIT_UNREAD_TOLD_MAX) {
        a->counts->findings[AUDIT_UNREAD]++;
        return;
    }
    audit_tell(a, AUDIT_UNREAD, item, NULL, error_text(e, text, sizeof text));
}

/* Their log may be a second behind what they have signed. True: it was read again, and has grown. */
static bool wait_for_log(struct audit *a)
{
    struct error e;
    uint64_t before = a->peer->log->view.size;
    if (a->peer->wait == NULL || a->refreshes == REFRESHES_MAX) {
        return false;
    }
    a->refreshes++;
    a->peer->wait(a->peer->context);
    return peer_log_refresh(a->peer->log, &e) && a->peer->log->view.size > before;
}

static void check_checkpoint(struct audit *a, const struct checkpoint_view *view, struct bytes note, const struct audit_item *item)
{
    struct peer_log_proof proof;
    struct error e;
    char detail[AUDIT_DETAIL_SIZE];
    if (!is_new(&a->seen, view->size, view->root, 0)) {
        return;
    }
    a->counts->checkpoints++;
    if (a->peer->log == NULL) {
        return;
    }
    enum peer_log_state state;
    do {
        state = peer_log_check(a->peer->log, view->size, view->root, &proof, &e);
    } while (state == PEER_LOG_SHORT && wait_for_log(a));
    (void)snprintf(detail, sizeof detail, "size %" PRIu64 ", now %" PRIu64, view->size, a->peer->log->view.size);
    switch (state) {
    case PEER_LOG_FITS:
        break;
    case PEER_LOG_OTHER:
        audit_tell(a, AUDIT_FORK, item, NULL, detail);
        if (a->options->proven != NULL) {
            a->options->proven(a->options->context, note, buffer_bytes(&a->peer->log->note), &proof);
        }
        break;
    case PEER_LOG_SHORT:
        a->short_size = view->size > a->short_size ? view->size : a->short_size;
        break;
    case PEER_LOG_UNREAD:
        tell_unread(a, item, &e);
        break;
    }
}

static void check_receipt(struct audit *a, const struct exchange_line *line, struct bytes statement, const struct audit_item *item)
{
    struct receipt receipt;
    struct checkpoint_view view;
    struct error e;
    uint8_t commitment_hash[SHA256_SIZE];
    char text[sizeof e];
    a->counts->receipts++;
    if (!receipt_parse(line->receipt, &receipt, &e) ||
        !receipt_verify(&receipt, statement, &a->peer->gateway->statement_key, a->cache, &view, &e)) {
        audit_tell(a, AUDIT_RECEIPT_BAD, item, NULL, error_text(&e, text, sizeof text));
        return;
    }
    check_checkpoint(a, &view, receipt.checkpoint, item);
    if (a->peer->log == NULL || receipt.index >= a->peer->log->view.size) {
        return; /* its checkpoint is one that they don't have, which is told */
    }
    commitment(receipt.salt, statement, commitment_hash);
    switch (peer_log_has(a->peer->log, receipt.index, commitment_hash, &e)) {
    case PEER_LOG_OTHER:
        (void)snprintf(text, sizeof text, "their entry %" PRIu64, receipt.index);
        audit_tell(a, AUDIT_ENTRY_GONE, item, NULL, text);
        break;
    case PEER_LOG_UNREAD:
        tell_unread(a, item, &e);
        break;
    case PEER_LOG_FITS:
    case PEER_LOG_SHORT:
        break;
    }
}

/* ---- What they say of our log ---- */

static void check_own(struct audit *a, struct bytes statement, const struct audit_item *item, bool *is_refusal)
{
    struct said said;
    struct error e;
    uint64_t size = 0;
    uint8_t root[SHA256_SIZE];
    char detail[AUDIT_DETAIL_SIZE];
    if (!said_parse(statement, &said, "statement", NULL)) {
        return;
    }
    *is_refusal = said_value(&said, "comity-reason", false).size > 0;
    struct bytes text = said_value(&said, "comity-peer-checkpoint", false);
    if (text.size == 0 || !said_checkpoint(text, &size, root) || size == 0 || !is_new(&a->seen, size, root, 1)) {
        return;
    }
    enum peer_log_state state = peer_log_check(&a->own_log, size, root, NULL, &e);
    (void)snprintf(detail, sizeof detail, "size %" PRIu64 ", our log has %" PRIu64, size, a->size);
    if (state == PEER_LOG_OTHER || (state == PEER_LOG_SHORT && size > a->size)) {
        audit_tell(a, AUDIT_OWN_FORK, item, NULL, detail);
    } else if (state == PEER_LOG_UNREAD) {
        tell_unread(a, item, &e);
    }
}

static bool read_own_file(void *context, const char *path, size_t size_max, uint8_t **data, size_t *size, struct error *e)
{
    int fault = disk_read_whole(context, path, size_max, data, size);
    return fault == 0 || error_set(e, fault == ENOENT ? ERROR_ABSENT : ERROR_IO, path, "check the public folder", "%s", strerror(fault));
}

/* ---- Entries ---- */

static bool take_line(void *context, const struct exchange_line *line)
{
    struct audit *a = context;
    struct audit_item item = { .is_refusal = false };
    if (line->index < a->first) {
        return true;
    }
    exchange_note_of(line, &item.note);
    if (line->kind == EXCHANGE_CLOSED) {
        return true;
    }
    if (line->kind == EXCHANGE_REQUEST_TAKEN || line->kind == EXCHANGE_ANSWER_TAKEN) {
        check_receipt(a, line, line->statement, &item);
        check_own(a, line->statement, &item, &item.is_refusal);
    }
    a->counts->sent += line->kind == EXCHANGE_REQUEST_SENT;
    a->counts->received += line->kind == EXCHANGE_REQUEST_TAKEN;
    return audit_list_add(a, &a->ours, &item.note, item.is_refusal);
}

/* What our witness cosigned of their log is a checkpoint like any other. */
static void check_witnessed(struct audit *a)
{
    struct checkpoint_view view;
    struct error e;
    if (a->own->witnessed.size == 0) {
        return;
    }
    if (log_copy_check_note(a->own->witnessed, &a->peer->gateway->statement_key, &view, "witness", &e)) {
        check_checkpoint(a, &view, a->own->witnessed, NULL);
    } else {
        tell_unread(a, NULL, &e);
    }
}

static void tell_short(struct audit *a)
{
    char detail[AUDIT_DETAIL_SIZE];
    struct error e;
    if (a->short_size == 0) {
        return;
    }
    if (a->peer->wait != NULL) {
        (void)snprintf(detail, sizeof detail, "they signed %" PRIu64 " entries, and now show %" PRIu64, a->short_size,
                       a->peer->log->view.size);
        audit_tell(a, AUDIT_SHRUNK, NULL, NULL, detail);
        return;
    }
    (void)error_set(&e, ERROR_INPUT, "the copy", "get a newer copy of their log",
                    "it has %" PRIu64 " of the %" PRIu64 " entries that they signed", a->peer->log->view.size, a->short_size);
    tell_unread(a, NULL, &e);
}

static bool read_entries(struct audit *a, struct log_reader *reader, struct exchanges *exchanges, struct error *e)
{
    uint64_t begin = a->first > EXCHANGES_BEFORE ? a->first - EXCHANGES_BEFORE : 0;
    begin = begin < log_reader_first(reader) ? log_reader_first(reader) : begin; /* older ones were pruned */
    for (uint64_t i = begin; i < a->size; i++) {
        struct log_entry entry;
        if (a->options->progress != NULL) {
            a->options->progress(a->options->context, i - begin, a->size - begin);
        }
        if (!log_reader_get(reader, i, &entry, e)) {
            return false;
        }
        if (!exchanges_read(exchanges, &entry, take_line, a)) {
            return error_set(e, a->failure.kind, a->failure.where, a->failure.todo, "%s", a->failure.what);
        }
        a->counts->entries++;
    }
    return true;
}

bool audit_read_own(struct audit *a, struct error *e)
{
    struct log_reader *reader = NULL;
    struct exchanges *exchanges = NULL;
    bool ok = peer_log_open(&a->own_log, a->own->key, read_own_file, a->own->public, e) &&
              log_reader_open(&reader, a->own->public, a->own->private, e) && log_reader_size(reader, &a->size, e) &&
              log_first_since(reader, a->size, a->options->since_ms, &a->first, e) && exchanges_make(&exchanges, a->peer->gateway, e);
    if (ok) {
        check_witnessed(a);
        ok = read_entries(a, reader, exchanges, e);
    }
    if (ok) {
        tell_short(a);
        a->counts->exchanges = a->counts->sent + a->counts->received;
    }
    exchanges_free(exchanges);
    log_reader_close(reader);
    return ok;
}
