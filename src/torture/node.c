/* A gateway's evidence: its log, its replay window and its witness, and what it says to others. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "crypto/note.h"
#include "evidence/merkle.h"
#include "evidence/statement.h"
#include "torture/stage_internal.h"

static const struct bytes algorithm = BYTES("tlog-ed25519");

static void *must(void *memory)
{
    if (memory == NULL) {
        abort(); /* a simulation that is out of memory can't go on */
    }
    return memory;
}

static struct bytes keep(struct bytes text)
{
    uint8_t *copy = must(malloc(text.size + 1));
    memcpy(copy, text.data, text.size);
    return bytes_of(copy, text.size);
}

static void replace(struct bytes *place, struct bytes text)
{
    free((void *)(uintptr_t)place->data);
    *place = keep(text);
}

/* ---- Life ---- */

bool node_make(struct node *node, struct stage *stage, uint8_t number, struct error *e)
{
    char name[64];
    uint8_t seed[ED25519_SEED_SIZE] = { number, 'k' };
    (void)snprintf(name, sizeof name, "TORTURE/GOV/M%u/GW1", number);
    *node = (struct node){ .stage = stage, .number = number };
    node->faults = (struct faults){ .kinds = CALL_ALL, .fail_at = UINT64_MAX };
    node->public = sim_disk_make();
    node->private = sim_disk_make();
    faulty_disk_init(&node->faulty_public, node->public, &node->faults);
    faulty_disk_init(&node->faulty_private, node->private, &node->faults);
    return signer_from_seed(&node->signer, bytes_of_text(name), seed, e) && cosign_make(node, e) && mirrors_make(node, e);
}

void node_clear(struct node *node)
{
    if (node->log != NULL) {
        node_end(node, false, 0);
    }
    disk_free(node->public);
    disk_free(node->private);
    disk_free(node->backup_public);
    disk_free(node->backup_private);
    cosign_clear(node);
    mirrors_clear(node);
    signer_free(node->signer);
    free(node->roots);
}

/* As the gateway does at its start: what was seen before it stopped must not be new to it again. */
static bool refill_replay(struct node *node, struct error *e)
{
    struct log_reader *reader = NULL;
    struct log_entry entry;
    uint64_t size = 0;
    int64_t now_ms = time_now_ms();
    bool ok = log_reader_open(&reader, &node->faulty_public.disk, &node->faulty_private.disk, e) && log_reader_size(reader, &size, e);
    for (uint64_t i = size; ok && i-- > 0;) {
        ok = log_reader_get(reader, i, &entry, e);
        if (ok && entry.kind == RECORD_DECISION && entry.statement.size > UUID_TEXT_SIZE - 1) {
            struct bytes id = bytes_slice(entry.statement, 0, UUID_TEXT_SIZE - 1);
            ok = replay_check(node->replay, id, now_ms / 1000, now_ms) != REPLAY_IS_FULL;
        }
    }
    log_reader_close(reader);
    return ok;
}

bool node_start(struct node *node, struct error *e)
{
    struct stage *stage = node->stage;
    stage->speaking = node;
    if (!log_open(&node->log, &node->faulty_public.disk, &node->faulty_private.disk, NULL, node->signer, e)) {
        node->log = NULL;
        return false;
    }
    node->replay = must(replay_make(REPLAY_WINDOW_MS, 65536));
    node->publish_at_ms = stage->now_ms + PUBLISH_MS;
    uint64_t witnessed = cosign_newest(node);
    bool ok = refill_replay(node, e) && cosign_start(node, e) && mirrors_start(node, e);
    if (ok && witnessed > log_size(node->log)) {
        ok = error_set(e, ERROR_DENIED, "log", "recover what is missing", "a witness knows %" PRIu64 " entries, here are %" PRIu64,
                       witnessed, log_size(node->log));
    }
    if (!ok) {
        node_end(node, false, 0);
        return false;
    }
    return true;
}

void node_end(struct node *node, bool loses_power, uint64_t seed)
{
    node->stage->speaking = node;
    node->faults.is_dead = true;
    log_close(node->log);
    node->log = NULL;
    replay_free(node->replay);
    node->replay = NULL;
    mirrors_end(node);
    cosign_end(node);
    memset(node->cosigned, 0, sizeof node->cosigned);
    node->faults = (struct faults){ .kinds = CALL_ALL, .fail_at = UINT64_MAX };
    node->queued = 0;
    node->commit_at_ms = 0;
    node->slow_ms = 0;
    node->ends_at_fault = node->loses_power = false;
    if (loses_power) {
        uint64_t random = seed;
        sim_disk_power_cut(node->public, dice(&random));
        sim_disk_power_cut(node->private, dice(&random));
        sim_disk_power_cut(node->witness_disk, dice(&random));
        mirrors_cut_power(node, dice(&random));
    }
}

/* Appends, and remembers what was signed and promised by it. */
static bool append(struct node *node, struct log_record *const *records, size_t count, struct buffer *checkpoint, struct error *e)
{
    struct note note;
    struct checkpoint_view view;
    node->stage->speaking = node;
    if (!log_append(node->log, records, count, checkpoint, e)) {
        return false;
    }
    if (!note_parse(&note, buffer_bytes(checkpoint), "checkpoint", e) || !checkpoint_parse(note.text, &view, "checkpoint", e)) {
        stage_break(node->stage, "gateway %u signed what is no checkpoint: %s", node->number, e->what);
        return false;
    }
    check_signed(node, view.size, view.root);
    node->promised = view.size;
    stage_mix(node->stage, view.size);
    return true;
}

/* After a call of the disk failed: does the log live? A gateway whose log is dead ends its process. */
static bool is_alive(struct node *node)
{
    struct error e = { 0 };
    struct buffer checkpoint;
    struct log_record event = { .kind = RECORD_EVENT, .statement = BYTES("torture: alive") };
    struct log_record *const records[] = { &event };
    random_fill(event.salt, SALT_SIZE);
    buffer_init(&checkpoint, 4096);
    bool is_dead = !append(node, records, 1, &checkpoint, &e) && e.kind == ERROR_IO;
    buffer_clear(&checkpoint);
    return !is_dead;
}

void node_look(struct node *node)
{
    if (node->log == NULL || node->faults.calls <= node->faults.fail_at) {
        return;
    }
    bool is_planned = node->ends_at_fault;
    if (!is_planned) {
        node->faults.fail_at = UINT64_MAX;
        if (is_alive(node)) {
            return;
        }
    }
    stage_tell(node->stage, "gateway %u ends%s", node->number, is_planned ? "" : ": its log is dead");
    node->stage->result->crashes++;
    node_end(node, node->loses_power, node->end_seed);
}

/* ---- The committer ---- */

void node_submit(struct node *node, uint32_t exchange, enum entry_kind kind)
{
    if (node->queued == QUEUE_MAX) {
        return; /* back-pressure: the gateway refuses the exchange */
    }
    node->queue[node->queued++] = (struct waiting){ exchange, kind };
    if (node->commit_at_ms == 0) {
        node->commit_at_ms = node->stage->now_ms + 1 + node->slow_ms;
    }
}

static enum record_kind record_kind_of(enum entry_kind kind)
{
    static const enum record_kind kinds[ENTRY_KINDS] = { RECORD_REQUEST_SENT, RECORD_DECISION, RECORD_ANSWER_SENT, RECORD_ANSWER_RECEIVED };
    return kinds[kind];
}

static void write_receipt(struct bytes *place, const struct log_record *record, struct bytes checkpoint)
{
    struct buffer text;
    buffer_init(&text, RECEIPT_MAX);
    receipt_write(&text, record->salt, record->index, record->path, record->path_count, checkpoint);
    if (text.failed) {
        abort();
    }
    replace(place, buffer_bytes(&text));
    buffer_clear(&text);
}

/* What a gateway does with an entry that came back from its log. */
static void go_on(struct node *node, const struct waiting *waiting, const struct log_record *record, struct bytes checkpoint)
{
    struct exchange *x = &node->stage->exchanges[waiting->exchange];
    struct entry_seen *seen = &x->entries[waiting->kind];
    *seen = (struct entry_seen){ .is_durable = true, .index = record->index };
    commitment(record->salt, record->statement, seen->commitment);
    switch (waiting->kind) {
    case ENTRY_REQUEST:
        write_receipt(&x->receipts[0], record, checkpoint);
        stage_send(node->stage, waiting->exchange, false);
        break;
    case ENTRY_DECISION:
        x->served += x->is_unsafe; /* a safe one was called while its entry was synced */
        node_submit(node, waiting->exchange, ENTRY_ANSWER);
        break;
    case ENTRY_ANSWER:
        write_receipt(&x->receipts[1], record, checkpoint);
        stage_send(node->stage, waiting->exchange, true);
        break;
    case ENTRY_RECEIVED:
        x->is_over = x->is_acknowledged = true;
        node->stage->result->acknowledged++;
        break;
    case ENTRY_KINDS:
        break;
    }
}

void node_commit(struct node *node)
{
    struct stage *stage = node->stage;
    struct log_record records[QUEUE_MAX];
    struct log_record *pointers[QUEUE_MAX];
    struct waiting batch[QUEUE_MAX];
    size_t count = node->queued;
    struct buffer checkpoint;
    struct error e = { 0 };
    node->commit_at_ms = 0;
    node->queued = 0;
    if (count == 0) {
        return;
    }
    memcpy(batch, node->queue, count * sizeof batch[0]);
    for (size_t i = 0; i < count; i++) {
        struct exchange *x = &stage->exchanges[batch[i].exchange];
        enum entry_kind kind = batch[i].kind;
        records[i] = (struct log_record){ .kind = record_kind_of(kind), .statement = x->texts[kind] };
        records[i].attachment = kind == ENTRY_DECISION ? x->receipts[0] : kind == ENTRY_RECEIVED ? x->receipts[1] : BYTES_NONE;
        random_fill(records[i].salt, SALT_SIZE);
        pointers[i] = &records[i];
    }
    buffer_init(&checkpoint, 4096);
    if (append(node, pointers, count, &checkpoint, &e)) {
        for (size_t i = 0; i < count; i++) {
            go_on(node, &batch[i], &records[i], buffer_bytes(&checkpoint));
        }
    } else {
        stage_tell(stage, "gateway %u could not log %zu entries: %s", node->number, count, e.what);
    }
    buffer_clear(&checkpoint);
    node_look(node);
}

void node_publish(struct node *node)
{
    struct error e = { 0 };
    node->stage->speaking = node;
    node->publish_at_ms = node->stage->now_ms + PUBLISH_MS;
    if (node->log != NULL && !log_publish(node->log, &e)) {
        stage_tell(node->stage, "gateway %u could not publish: %s", node->number, e.what);
    }
    node_look(node);
}

/* ---- Messages ---- */

static void state(struct node *node, struct exchange *x, enum entry_kind kind, const char *tag)
{
    struct buffer parameters, base;
    const struct statement_component components[] = {
        { .name = BYTES("@method"), .value = x->is_unsafe ? BYTES("POST") : BYTES("GET") },
        { .name = BYTES("x-road-request-id"), .value = bytes_of_text(x->id) },
    };
    const struct statement_parameters values = { .created_s = time_now_ms() / 1000,
                                                 .nonce = bytes_of_text(x->id),
                                                 .keyid = bytes_of_text(signer_verifier(node->signer)->name),
                                                 .alg = algorithm,
                                                 .tag = bytes_of_text(tag) };
    buffer_init(&parameters, TEXT_MAX);
    buffer_init(&base, TEXT_MAX);
    statement_write_parameters(&parameters, components, COUNT_OF(components), &values);
    statement_write(&base, components, COUNT_OF(components), buffer_bytes(&parameters));
    if (base.failed || parameters.failed) {
        abort();
    }
    replace(&x->texts[kind], buffer_bytes(&base));
    buffer_clear(&parameters);
    buffer_clear(&base);
}

void node_ask(struct node *node, uint8_t holder, uint64_t number)
{
    struct stage *stage = node->stage;
    if (stage->exchange_count == EXCHANGES_MAX || node->log == NULL) {
        return;
    }
    uint32_t index = (uint32_t)stage->exchange_count++;
    struct exchange *x = &stage->exchanges[index];
    uint64_t random = number;
    *x = (struct exchange){ .number = number, .consumer = node->number, .holder = holder };
    x->is_unsafe = dice_below(&random, 2) == 0;
    random_uuid(x->id);
    stage->speaking = node;
    x->created_s = time_now_ms() / 1000;
    stage->result->exchanges++;
    state(node, x, ENTRY_REQUEST, "comity-request/1");
    node_submit(node, index, ENTRY_REQUEST);
}

/* As each gateway verifies what another one sends: the receipt must prove the statement in the other's log. */
static bool is_proven(struct node *node, const struct node *sender, struct bytes receipt_text, struct bytes statement)
{
    struct receipt receipt;
    struct checkpoint_view checkpoint;
    struct error e;
    return receipt_parse(receipt_text, &receipt, &e) &&
           receipt_verify(&receipt, statement, signer_verifier(sender->signer), node->stage->checkpoints, &checkpoint, &e);
}

void node_take_request(struct node *node, uint32_t exchange)
{
    struct exchange *x = &node->stage->exchanges[exchange];
    node->stage->speaking = node;
    if (watch_is_distrusted(node->watch, signer_verifier(node->stage->nodes[x->consumer].signer))) {
        node->stage->result->refused++;
        return;
    }
    if (!is_proven(node, &node->stage->nodes[x->consumer], x->receipts[0], x->texts[ENTRY_REQUEST])) {
        stage_break(node->stage, "gateway %u got a receipt of gateway %u that proves nothing", node->number, x->consumer);
        return;
    }
    if (replay_check(node->replay, bytes_of_text(x->id), x->created_s, time_now_ms()) != REPLAY_FRESH) {
        node->stage->result->refused++;
        return;
    }
    struct buffer text;
    buffer_init(&text, TEXT_MAX);
    buffer_append_format(&text, "%s decision", x->id);
    replace(&x->texts[ENTRY_DECISION], buffer_bytes(&text));
    buffer_clear(&text);
    state(node, x, ENTRY_ANSWER, "comity-answer/1");
    node_submit(node, exchange, ENTRY_DECISION);
}

void node_take_answer(struct node *node, uint32_t exchange)
{
    struct exchange *x = &node->stage->exchanges[exchange];
    node->stage->speaking = node;
    if (x->is_over || x->entries[ENTRY_RECEIVED].is_durable || x->texts[ENTRY_RECEIVED].data != NULL) {
        return; /* nobody waits for it any more */
    }
    if (!is_proven(node, &node->stage->nodes[x->holder], x->receipts[1], x->texts[ENTRY_ANSWER])) {
        stage_break(node->stage, "gateway %u got a receipt of gateway %u that proves nothing", node->number, x->holder);
        return;
    }
    x->texts[ENTRY_RECEIVED] = keep(x->texts[ENTRY_ANSWER]);
    node_submit(node, exchange, ENTRY_RECEIVED);
}
