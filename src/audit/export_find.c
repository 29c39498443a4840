/* Finding an exchange in a log: one pass over its records. */
#include <stdlib.h>

#include "audit/export_internal.h"
#include "consent/event_text.h"
#include "evidence/individual.h"

bool export_keep(struct exporting *x, const struct log_entry *entry, struct kept_entry *out)
{
    *out = (struct kept_entry){ .is_there = true,
                                .kind = entry->kind,
                                .index = entry->index,
                                .statement = arena_copy(x->arena, entry->statement),
                                .attachment = arena_copy(x->arena, entry->attachment) };
    memcpy(out->salt, entry->salt, sizeof out->salt);
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    if (entry->kind != RECORD_EVENT && individual_detach(&out->attachment, signature)) {
        out->signature = arena_copy(x->arena, bytes_of(signature, sizeof signature));
        if (out->signature.data == NULL) {
            return error_memory(x->e, "evidence");
        }
    }
    return (out->statement.data != NULL && out->attachment.data != NULL) || error_memory(x->e, "evidence");
}

static bool note_event(struct exporting *x, uint64_t index)
{
    if (x->event_count == x->event_capacity) {
        size_t capacity = x->event_capacity == 0 ? 1024 : 2 * x->event_capacity;
        uint64_t *grown = realloc(x->events, capacity * sizeof *grown);
        if (grown == NULL) {
            return error_memory(x->e, "evidence");
        }
        x->events = grown;
        x->event_capacity = capacity;
    }
    x->events[x->event_count++] = index;
    return true;
}

static bool is_of_exchange(const struct exporting *x, const struct log_entry *entry)
{
    struct bytes value;
    if (entry->kind == RECORD_DECISION) {
        return event_text_get(entry->statement, "exchange", &value) && bytes_equal(value, x->options->exchange);
    }
    /* Cheap first: nearly all entries are of other exchanges. */
    if (memmem(entry->statement.data, entry->statement.size, x->options->exchange.data, x->options->exchange.size) == NULL) {
        return false;
    }
    struct said *said = malloc(sizeof *said);
    bool is_it = said != NULL && said_parse(entry->statement, said, "", NULL) && bytes_equal(said->parameters.nonce, x->options->exchange);
    free(said);
    return is_it;
}

/*
 * A gateway that was tried first and not reached leaves a request of the same exchange: the last one counts. A copy of a request that came
 * again was refused and leaves another decision: the first one counts, and its answer.
 */
static bool take_entry(struct exporting *x, const struct log_entry *entry)
{
    switch (entry->kind) {
    case RECORD_REQUEST_SENT:
        return export_keep(x, entry, &x->request_sent);
    case RECORD_DECISION:
        return x->decision.is_there || export_keep(x, entry, &x->decision);
    case RECORD_ANSWER_SENT:
        return x->answer_sent.is_there || export_keep(x, entry, &x->answer_sent);
    case RECORD_ANSWER_RECEIVED:
        return export_keep(x, entry, &x->answer_received);
    case RECORD_EVENT:
    case RECORD_NONE:
        break;
    }
    return true;
}

static bool scan(struct exporting *x)
{
    for (uint64_t i = log_reader_first(x->reader); i < x->size; i++) {
        struct log_entry entry;
        if (!log_reader_get(x->reader, i, &entry, x->e)) {
            return false;
        }
        if (x->options->progress != NULL) {
            x->options->progress(x->options->context, i, x->size);
        }
        if (entry.form != RECORD_OPEN) {
            continue; /* erased: what it was nobody knows */
        }
        if (entry.kind == RECORD_EVENT ? !note_event(x, i) : is_of_exchange(x, &entry) && !take_entry(x, &entry)) {
            return false;
        }
    }
    return true;
}

/* What the other side gave us lies beside our own entries (docs/formats/records.md). */
static bool read_attachments(struct exporting *x)
{
    if (x->is_holder && x->decision.attachment.size > 0) {
        struct reader r = { .left = x->decision.attachment };
        x->request_statement = reader_take(&r, reader_u32(&r));
        x->request_receipt = r.left;
        if (r.failed) {
            return error_set(x->e, ERROR_INPUT, "records", "run comity log verify", "the request beside entry %llu can't be read",
                             (unsigned long long)x->decision.index);
        }
    }
    x->answer_receipt = x->answer_received.attachment;
    return true;
}

bool export_find(struct exporting *x)
{
    if (!scan(x)) {
        return false;
    }
    if (!x->request_sent.is_there && !x->decision.is_there && !x->answer_sent.is_there) {
        return error_set(x->e, ERROR_ABSENT, "--exchange", "the other side's log may have it; or it was erased",
                         "no entry has this exchange");
    }
    x->is_holder = x->decision.is_there || x->answer_sent.is_there;
    if (!read_attachments(x)) {
        return false;
    }
    struct bytes request = x->is_holder ? x->request_statement : x->request_sent.statement;
    struct bytes answer = x->is_holder ? x->answer_sent.statement : x->answer_received.statement;
    x->has_request = request.size > 0;
    x->has_answer = answer.size > 0;
    if (x->is_holder) {
        x->request_sent.is_there = x->answer_received.is_there = false; /* of a gateway that called itself: one side is enough */
    }
    return (!x->has_request || said_parse(request, &x->request, "records", x->e)) &&
           (!x->has_answer || said_parse(answer, &x->answer, "records", x->e));
}
