#include "witness/mirror_push.h"

#include <stdio.h>
#include <stdlib.h>

#include "evidence/log_copy.h"
#include "evidence/merkle.h"
#include "evidence/tile_nodes.h"
#include "witness/submission.h"

enum { RESYNCS_MAX = 8 }; /* answers that send us elsewhere, without progress in between */

struct pushing {
    struct mirror_push *push;
    struct bytes note;
    struct checkpoint_view view;
    struct tile_nodes nodes;
    struct buffer body, answer;
    struct error *e;
};

void mirror_push_clear(struct mirror_push *push)
{
    free(push->ticket);
    push->ticket = NULL;
    push->ticket_size = 0;
    push->is_known = false;
}

static bool refuse_status(struct pushing *p, const char *name, unsigned status)
{
    enum error_kind kind = status == 404                    ? ERROR_ABSENT
                           : status == 403 || status == 422 ? ERROR_DENIED
                           : status == 507                  ? ERROR_FULL
                                                            : ERROR_IO;
    char text[160];
    size_t size = 0;
    while (size < p->answer.size && size < sizeof text - 1 && p->answer.data[size] >= ' ' && p->answer.data[size] < 0x7F) {
        text[size] = (char)p->answer.data[size];
        size++;
    }
    text[size] = '\0';
    return error_set(p->e, kind, name, kind == ERROR_ABSENT ? "have its operator enter our origin in mirror.logs" : NULL,
                     "the mirror answers %u: %s", status, text);
}

static bool post(struct pushing *p, const char *name, const char *type, unsigned *status)
{
    buffer_reset(&p->answer);
    *status = 0;
    if (p->body.failed) {
        return error_memory(p->e, name);
    }
    return p->push->post(p->push->context, name, type, buffer_bytes(&p->body), status, &p->answer, p->e);
}

/* Takes over where the mirror says that it stands. */
static bool take_info(struct pushing *p)
{
    struct mirror_push *push = p->push;
    struct mirror_info *info = malloc(sizeof *info);
    if (info == NULL) {
        return error_memory(p->e, "add-entries");
    }
    bool ok = mirror_info_parse(buffer_bytes(&p->answer), info);
    uint8_t *ticket = ok && info->ticket_size > 0 ? malloc(info->ticket_size) : NULL;
    if (ok) {
        if (ticket != NULL) {
            memcpy(ticket, info->ticket, info->ticket_size);
        }
        free(push->ticket);
        push->ticket = ticket;
        push->ticket_size = ticket == NULL ? 0 : info->ticket_size;
        push->pending = info->size;
        push->next = info->next;
        push->is_known = true;
    }
    free(info);
    return ok || error_set(p->e, ERROR_INPUT, "add-entries", "is this the address of a mirror?", "the answer does not say where it stands");
}

static void write_head(struct pushing *p, uint64_t start, uint64_t end)
{
    const struct mirror_upload upload = {
        .origin = p->view.origin, .ticket = bytes_of(p->push->ticket, p->push->ticket_size), .start = start, .end = end
    };
    buffer_reset(&p->body);
    mirror_upload_write(&p->body, &upload);
}

/* Asks where it stands: an upload of nothing. */
static bool ask(struct pushing *p)
{
    unsigned status = 0;
    write_head(p, 0, 0);
    if (!post(p, "add-entries", "application/octet-stream", &status)) {
        return false;
    }
    return status == 409 || status == 202 ? take_info(p) : refuse_status(p, "add-entries", status);
}

/* ---- add-checkpoint ---- */

static bool send_checkpoint(struct pushing *p)
{
    struct mirror_push *push = p->push;
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    size_t count = 0;
    unsigned status = 0;
    uint64_t size = 0;
    if (push->pending > 0 && push->pending < p->view.size &&
        !merkle_prove_consistency(0, push->pending, p->view.size, tile_nodes_read, &p->nodes, path, &count)) {
        return false; /* the nodes have said why */
    }
    buffer_reset(&p->body);
    submission_write(&p->body, push->pending, (const uint8_t(*)[SHA256_SIZE])path, count, p->note);
    if (!post(p, "add-checkpoint", "text/plain; charset=utf-8", &status)) {
        return false;
    }
    if (status == 200) {
        push->pending = p->view.size;
        return true;
    }
    struct bytes text = buffer_bytes(&p->answer);
    if (status == 409 && text.size > 1 && text.data[text.size - 1] == '\n' && bytes_to_u64(bytes_slice(text, 0, text.size - 1), &size)) {
        push->pending = size;
        return true;
    }
    return refuse_status(p, "add-checkpoint", status);
}

/* ---- add-entries ---- */

static bool write_package(struct pushing *p, uint64_t start, struct mirror_package *package)
{
    uint8_t *data = NULL;
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    size_t count = 0;
    bool ok = true;
    const uint64_t base = start / TILE_WIDTH * TILE_WIDTH;
    struct tile tile = { .level = TILE_ENTRIES, .index = start / TILE_WIDTH };
    tile.width = tile_width(TILE_ENTRIES, tile.index, p->view.size);
    package->start = start;
    package->count = mirror_package_count(start, p->view.size);
    if (!tile_fetch_disk(p->push->public, tile, &data, p->e)) {
        return false;
    }
    for (size_t i = 0; ok && i < package->count; i++) {
        ok = bundle_entry(bytes_of(data, tile.width * (size_t)BUNDLE_ENTRY_BYTES), (unsigned)(start - base + i), package->entries[i]);
    }
    free(data);
    if (!ok) {
        return error_set(p->e, ERROR_INPUT, "tile/entries", "run comity log verify, which names the damaged file",
                         "the bundle with entry %llu is damaged", (unsigned long long)start);
    }
    if (!merkle_prove_consistency(base, start + package->count, p->view.size, tile_nodes_read, &p->nodes, path, &count)) {
        return false;
    }
    if (count > MIRROR_PROOF_MAX) {
        return error_set(p->e, ERROR_INPUT, "tile", NULL, "a proof of %zu hashes", count);
    }
    memcpy(package->proof, path, count * SHA256_SIZE);
    package->proof_count = count;
    mirror_package_write(&p->body, package);
    return true;
}

/* Up to 32 packages from the next entry on. `*is_whole`: it has signed, and its lines are in the answer. */
static bool send_entries(struct pushing *p, bool *is_whole)
{
    struct mirror_push *push = p->push;
    unsigned status = 0;
    struct mirror_package *package = malloc(sizeof *package);
    bool ok = package != NULL || error_memory(p->e, "add-entries");
    write_head(p, push->next, p->view.size);
    uint64_t at = push->next;
    for (size_t i = 0; ok && i < MIRROR_PACKAGES_MAX && at < p->view.size; i++) {
        ok = write_package(p, at, package);
        at += ok ? package->count : 0;
    }
    free(package);
    if (!ok || !post(p, "add-entries", "application/octet-stream", &status)) {
        return false;
    }
    *is_whole = status == 200;
    if (status == 200) {
        push->next = p->view.size;
        return true;
    }
    return status == 202 || status == 409 ? take_info(p) : refuse_status(p, "add-entries", status);
}

static bool is_possible(struct pushing *p)
{
    const struct mirror_push *push = p->push;
    if (push->pending <= p->view.size && push->next <= p->view.size) {
        return true;
    }
    return error_set(p->e, ERROR_DENIED, "mirror", "if it stays so, this log is an old copy: see comity log recover",
                     "it knows %llu entries of our log, which has published %llu",
                     (unsigned long long)(push->pending > push->next ? push->pending : push->next), (unsigned long long)p->view.size);
}

static bool push_all(struct pushing *p)
{
    struct mirror_push *push = p->push;
    bool is_whole = false;
    unsigned resyncs = 0;
    if (!push->is_known && !ask(p)) {
        return false;
    }
    while (!is_whole) {
        const uint64_t next = push->next;
        const uint64_t pending = push->pending;
        if (!is_possible(p)) {
            return false;
        }
        if (!(pending < p->view.size ? send_checkpoint(p) : send_entries(p, &is_whole))) {
            return false;
        }
        bool has_moved = push->next > next || push->pending > pending;
        resyncs = has_moved ? 0 : resyncs + 1;
        if (!is_whole && resyncs > RESYNCS_MAX) {
            return error_set(p->e, ERROR_IO, "mirror", NULL, "it sends us elsewhere again and again");
        }
    }
    return true;
}

bool mirror_push_to(struct mirror_push *push, struct bytes note, struct buffer *lines, struct error *e)
{
    struct error failure = { 0 };
    struct pushing p = { .push = push, .note = note, .e = &failure };
    buffer_init(&p.body, SUBMISSION_BYTES_MAX + MIRROR_HEAD_BYTES_MAX + MIRROR_PACKAGES_MAX * MIRROR_PACKAGE_BYTES_MAX);
    buffer_init(&p.answer, MIRROR_ANSWER_BYTES_MAX);
    bool ok = log_copy_check_note(note, push->log, &p.view, "checkpoint", &failure);
    p.nodes = (struct tile_nodes){ .fetch = tile_fetch_disk, .context = push->public, .size = p.view.size, .e = &failure };
    ok = ok && push_all(&p);
    if (ok) {
        buffer_append(lines, buffer_bytes(&p.answer));
        ok = !lines->failed || error_memory(&failure, "mirror");
    } else {
        push->is_known = false; /* asked again next time */
    }
    tile_nodes_clear(&p.nodes);
    buffer_clear(&p.body);
    buffer_clear(&p.answer);
    if (!ok && e != NULL) {
        *e = failure;
    }
    return ok;
}
