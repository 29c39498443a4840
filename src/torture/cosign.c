/* Witnesses: each gateway's is the real one (witness/witness.h), on a disk of its own; what HTTP does between them, is done by a call. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/time.h"
#include "crypto/note.h"
#include "evidence/cosignature.h"
#include "evidence/tile_nodes.h"
#include "torture/stage_internal.h"

bool cosign_make(struct node *node, struct error *e)
{
    char name[96];
    uint8_t seed[ED25519_SEED_SIZE] = { node->number, 'w' };
    (void)snprintf(name, sizeof name, "TORTURE/GOV/M%u/GW1/witness", node->number);
    node->witness_disk = sim_disk_make();
    faulty_disk_init(&node->faulty_witness, node->witness_disk, &node->faults);
    return signer_from_seed(&node->cosigner, bytes_of_text(name), seed, e) && signer_become_cosigner(node->cosigner, e);
}

void cosign_clear(struct node *node)
{
    disk_free(node->witness_disk);
    signer_free(node->cosigner);
}

static bool is_reached(const struct node *from, const struct node *to)
{
    return from != to && to->log != NULL && !from->stage->is_parted[from->number][to->number];
}

/* The newest that `witness` cosigned of `log`; 0: nothing. */
static uint64_t newest_of(struct node *witness, const struct node *log, uint8_t root[SHA256_SIZE])
{
    char hex[STATE_NAME_SIZE];
    struct witness_answer answer;
    struct note note;
    struct checkpoint_view view = { 0 };
    struct error e;
    state_name(bytes_of_text(signer_verifier(log->signer)->name), hex);
    witness_answer_init(&answer);
    witness->stage->speaking = witness;
    witness_get_checkpoint(witness->witness, bytes_of_text(hex), &answer);
    bool ok = answer.status == 200 && note_parse(&note, buffer_bytes(&answer.body), "checkpoint", &e) &&
              checkpoint_parse(note.text, &view, "checkpoint", &e);
    memcpy(root, view.root, SHA256_SIZE);
    uint64_t size = ok ? view.size : 0;
    witness_answer_clear(&answer);
    return size;
}

uint64_t cosign_newest(struct node *node)
{
    uint64_t newest = 0;
    uint8_t root[SHA256_SIZE];
    for (size_t i = 0; i < NODES; i++) {
        struct node *witness = &node->stage->nodes[i];
        uint64_t size = is_reached(node, witness) ? newest_of(witness, node, root) : 0;
        newest = size > newest ? size : newest;
    }
    return newest;
}

void cosign_check(struct node *node)
{
    for (size_t i = 0; i < NODES; i++) {
        const struct cosigned *told = &node->told[i];
        uint8_t root[SHA256_SIZE];
        uint64_t size = told->size == 0 ? 0 : newest_of(node, &node->stage->nodes[i], root);
        /* It may know more than it told: what it cosigns is on its disk first, and then it may end. */
        if (size < told->size || (told->size > 0 && size == told->size && memcmp(root, told->root, SHA256_SIZE) != 0)) {
            stage_break(node->stage, "witness %u forgot that it cosigned %" PRIu64 " entries of gateway %zu", node->number, told->size, i);
        }
    }
}

/* ---- Asking for cosignatures ---- */

/* A checkpoint that is published, and a way to prove that it continues an older one. */
struct published {
    uint8_t *data;
    struct bytes note;
    struct bytes text;
    struct checkpoint_view view;
    struct tile_nodes nodes;
};

static bool read_published(struct published *p, struct disk *disk, struct error *e)
{
    size_t size = 0;
    struct note note;
    *p = (struct published){ 0 };
    if (disk_read_whole(disk, "checkpoint", CHECKPOINT_MAX, &p->data, &size) != 0) {
        p->data = NULL;
        return false;
    }
    p->note = bytes_of(p->data, size);
    if (!note_parse(&note, p->note, "checkpoint", e) || !checkpoint_parse(note.text, &p->view, "checkpoint", e)) {
        return false;
    }
    p->text = note.text;
    p->nodes = (struct tile_nodes){ .fetch = tile_fetch_disk, .context = disk, .size = p->view.size };
    return true;
}

static void ask(struct node *node, struct published *p, uint64_t old_size, struct node *witness, struct witness_answer *answer)
{
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    size_t count = 0;
    struct buffer body;
    bool is_provable = old_size > 0 && old_size < p->view.size;
    buffer_init(&body, SUBMISSION_BYTES_MAX);
    if (is_provable && !merkle_prove_consistency(0, old_size, p->view.size, tile_nodes_read, &p->nodes, path, &count)) {
        count = 0; /* the tiles can't be read just now: the witness will refuse */
    }
    submission_write(&body, old_size, (const uint8_t(*)[SHA256_SIZE])path, count, p->note);
    node->stage->speaking = witness;
    witness_add_checkpoint(witness->witness, node->stage->known, buffer_bytes(&body), time_now_ms(), answer);
    buffer_clear(&body);
}

/* It said yes: the cosignature must be good, and what it cosigns must never go back. */
static void take_cosignature(struct node *node, const struct published *p, struct node *witness, struct bytes lines)
{
    struct buffer line;
    uint64_t time_s = 0;
    struct error e;
    struct cosigned *told = &witness->told[node->number];
    buffer_init(&line, 4096);
    if (!cosignature_take(p->text, lines, signer_verifier(witness->cosigner), &line, &time_s, "witness", &e)) {
        stage_break(node->stage, "witness %u answered with a bad cosignature: %s", witness->number, e.what);
    }
    buffer_clear(&line);
    if (p->view.size < told->size || (told->size > 0 && p->view.size == told->size && memcmp(told->root, p->view.root, SHA256_SIZE) != 0)) {
        stage_break(node->stage, "witness %u cosigned two histories of gateway %u", witness->number, node->number);
    }
    told->size = p->view.size;
    memcpy(told->root, p->view.root, SHA256_SIZE);
    node->stage->result->cosigned++;
    stage_mix(node->stage, time_s);
}

/* It said no. Only a log that was put back may hear that, and then it must end, or be known for what it did. */
static void refused(struct node *node, const struct published *p, struct node *witness, unsigned status, uint64_t newest)
{
    bool is_caught = watch_is_distrusted(witness->watch, signer_verifier(node->signer));
    node->stage->result->equivocations += is_caught;
    stage_tell(node->stage, "witness %u answers %u to gateway %u at %" PRIu64 "%s", witness->number, status, node->number, p->view.size,
               is_caught ? ": it has told two histories" : "");
    if (status == 503 || node->faults.calls > node->faults.fail_at || witness->faults.calls > witness->faults.fail_at) {
        return; /* a disk of one of the two fails */
    }
    if (!node->was_restored) {
        stage_break(node->stage, "witness %u refuses an honest log: %u for %" PRIu64 " entries of gateway %u", witness->number, status,
                    p->view.size, node->number);
    } else if (newest > p->view.size || status == 422) {
        node_end(node, false, 0); /* it was put back: the gateway ends */
    }
}

static void submit(struct node *node, struct published *p, struct node *witness)
{
    uint64_t old_size = node->cosigned[witness->number];
    for (unsigned tries = 0; tries < 2; tries++) {
        struct witness_answer answer;
        uint64_t newest = 0;
        witness_answer_init(&answer);
        ask(node, p, old_size, witness, &answer);
        struct bytes body = buffer_bytes(&answer.body);
        bool is_behind = answer.status == 409 && body.size > 0 && bytes_to_u64(bytes_slice(body, 0, body.size - 1), &newest);
        if (answer.status == 200) {
            take_cosignature(node, p, witness, body);
            node->cosigned[witness->number] = p->view.size;
        } else if (!is_behind || newest > p->view.size || tries > 0) {
            refused(node, p, witness, answer.status, newest);
            tries = 2;
        }
        bool is_done = answer.status == 200;
        witness_answer_clear(&answer);
        if (is_done || node->log == NULL) {
            return;
        }
        old_size = newest;
    }
}

void cosign_ask(struct node *node)
{
    struct published p;
    struct error e = { 0 };
    if (node->log == NULL) {
        return;
    }
    if (read_published(&p, &node->faulty_public.disk, &e)) {
        for (size_t i = 0; i < NODES && node->log != NULL; i++) {
            if (is_reached(node, &node->stage->nodes[i])) {
                node_enter(&node->stage->nodes[i]);
                submit(node, &p, &node->stage->nodes[i]);
                node_leave(&node->stage->nodes[i]);
            }
        }
    }
    tile_nodes_clear(&p.nodes);
    free(p.data);
}
