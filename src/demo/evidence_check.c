#include "demo/evidence_check.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/time.h"
#include "consent/event_text.h"
#include "demo/ask.h"
#include "demo/steps.h"
#include "evidence/log.h"
#include "evidence/statement.h"

/* A gateway's log, opened for reading beside its process. */
struct view {
    struct disk *public_disk, *private_disk;
    struct log_reader *reader;
    uint64_t size;
};

static void view_close(struct view *v)
{
    log_reader_close(v->reader);
    disk_free(v->public_disk);
    disk_free(v->private_disk);
}

static bool view_open(struct view *v, const struct scene *scene, const struct scene_gateway *gateway, struct error *e)
{
    char name[SCENE_PATH_MAX], path[SCENE_PATH_MAX];
    *v = (struct view){ 0 };
    (void)snprintf(name, sizeof name, "%s/log", gateway->name);
    bool ok = scene_path(scene, name, path, e) && disk_open_folder(&v->public_disk, path, true, e);
    (void)snprintf(name, sizeof name, "%s/records", gateway->name);
    ok = ok && scene_path(scene, name, path, e) && disk_open_folder(&v->private_disk, path, false, e) &&
         log_reader_open(&v->reader, v->public_disk, v->private_disk, e) && log_reader_size(v->reader, &v->size, e);
    if (!ok) {
        view_close(v);
    }
    return ok;
}

bool evidence_count(struct scene *scene, const struct scene_gateway *gateway, uint64_t *count, struct error *e)
{
    struct view v;
    if (!view_open(&v, scene, gateway, e)) {
        return false;
    }
    *count = v.size;
    view_close(&v);
    return true;
}

bool evidence_count_decisions(struct scene *scene, uint64_t *count, struct error *e)
{
    struct view v;
    bool ok = view_open(&v, scene, &scene->gateways[HOSPITAL], e);
    *count = 0;
    if (!ok) {
        return false;
    }
    for (uint64_t i = 0; ok && i < v.size; i++) {
        struct log_entry entry;
        ok = log_reader_get(v.reader, i, &entry, e);
        *count += ok && entry.kind == RECORD_DECISION;
    }
    view_close(&v);
    return ok;
}

/* The exchange that an entry is of: a decision names it, a statement has it as its nonce. */
static bool exchange_of(const struct log_entry *entry, char out[LOAD_ID_SIZE])
{
    struct bytes id = BYTES_NONE;
    static const struct bytes nonce = BYTES(";nonce=\"");
    if (entry->kind == RECORD_DECISION) {
        if (!event_text_get(entry->statement, "exchange", &id)) {
            return false;
        }
    } else if (entry->kind != RECORD_EVENT) {
        for (size_t i = 0; i + nonce.size <= entry->statement.size; i++) {
            if (memcmp(entry->statement.data + i, nonce.data, nonce.size) == 0) {
                id = bytes_slice(entry->statement, i + nonce.size, i + nonce.size + LOAD_ID_SIZE - 1);
            }
        }
    }
    if (id.size != LOAD_ID_SIZE - 1) {
        return false;
    }
    memcpy(out, id.data, id.size);
    out[id.size] = '\0';
    return true;
}

static unsigned bit_of(enum record_kind kind)
{
    return 1U << (unsigned)kind;
}

bool evidence_has_all(struct scene *scene, const struct scene_gateway *gateway, const struct load_result *result, struct error *e)
{
    struct view v;
    bool is_holder = gateway == &scene->gateways[HOSPITAL];
    unsigned wanted = is_holder ? bit_of(RECORD_DECISION) | bit_of(RECORD_ANSWER_SENT)
                                : bit_of(RECORD_REQUEST_SENT) | bit_of(RECORD_ANSWER_RECEIVED);
    if (!view_open(&v, scene, gateway, e)) {
        return false;
    }
    uint8_t *seen = calloc(result->acknowledged_count + 1, 1);
    bool ok = seen != NULL || error_memory(e, "demo");
    for (uint64_t i = 0; ok && i < v.size; i++) {
        struct log_entry entry;
        char id[LOAD_ID_SIZE];
        ok = log_reader_get(v.reader, i, &entry, e);
        long at = ok && exchange_of(&entry, id) ? load_find(result, id) : -1;
        if (at >= 0) {
            seen[at] |= (uint8_t)bit_of(entry.kind);
        }
    }
    for (size_t i = 0; ok && i < result->acknowledged_count; i++) {
        if ((seen[i] & wanted) != wanted) {
            ok = error_set(e, ERROR_DENIED, gateway->name, NULL, "exchange %s was acknowledged, but its evidence is not all there",
                           result->acknowledged[i]);
        }
    }
    free(seen);
    view_close(&v);
    return ok;
}

bool evidence_has_exchange(struct scene *scene, const char *exchange, struct error *e)
{
    char id[1][LOAD_ID_SIZE];
    (void)snprintf(id[0], LOAD_ID_SIZE, "%s", exchange);
    const struct load_result one = { .acknowledged = id, .acknowledged_count = 1 };
    return evidence_has_all(scene, &scene->gateways[HOSPITAL], &one, e) && evidence_has_all(scene, &scene->gateways[CLINIC], &one, e);
}

bool evidence_verify_log(struct scene *scene, const struct scene_gateway *gateway, bool must_hold, char *output, size_t size,
                         struct error *e)
{
    int exit_code = 0;
    json_t *printed = NULL;
    const char *const arguments[] = { "log", "verify", NULL };
    if (!scene_comity(scene, gateway, arguments, BYTES_NONE, &exit_code, &printed, e)) {
        return false;
    }
    if (output != NULL) {
        struct buffer text;
        buffer_init(&text, 1024 * 1024);
        json_text(printed, &text);
        (void)snprintf(output, size, "%s", text.failed ? "" : (const char *)text.data);
        buffer_clear(&text);
    }
    json_decref(printed);
    say("comity -C %s log verify -> %s", gateway->name, exit_code == 0 ? "all entries verify" : "it names what is wrong");
    if ((exit_code == 0) != must_hold) {
        return error_set(e, ERROR_DENIED, gateway->name, NULL, "comity log verify ended with %d", exit_code);
    }
    return true;
}

static bool write_whole(const struct scene *scene, const char *name, struct bytes data, char path[SCENE_PATH_MAX], struct error *e)
{
    if (!scene_path(scene, name, path, e)) {
        return false;
    }
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return error_system(e, path, NULL);
    }
    bool ok = fwrite(data.data, 1, data.size, file) == data.size;
    if (fclose(file) != 0 || !ok) {
        return error_system(e, path, NULL);
    }
    return true;
}

/* `comity log verify --receipt --statement --key`: offline, with nothing but the other side's public key. */
static bool verify_receipt(struct scene *scene, struct bytes statement, struct bytes receipt, const struct scene_gateway *of,
                           const char *what, struct error *e)
{
    char statement_path[SCENE_PATH_MAX], receipt_path[SCENE_PATH_MAX];
    int exit_code = 0;
    if (!write_whole(scene, "statement.txt", statement, statement_path, e) ||
        !write_whole(scene, "receipt.tlog-proof", receipt, receipt_path, e)) {
        return false;
    }
    const char *const arguments[] = { "log",          "verify", "--receipt",       receipt_path, "--statement",
                                      statement_path, "--key",  of->statement_key, NULL };
    if (!scene_comity(scene, NULL, arguments, BYTES_NONE, &exit_code, NULL, e)) {
        return false;
    }
    say("comity log verify --receipt ... --key %.40s... -> %s", of->statement_key, exit_code == 0 ? "verifies" : "does not verify");
    return exit_code == 0 || error_set(e, ERROR_DENIED, "demo", NULL, "the receipt of %s does not verify", what);
}

/* The entry that a receipt speaks of, in the log of the one who gave it, has the same statement. */
static bool is_in_log(struct view *giver, struct bytes statement, struct bytes receipt_text, struct error *e)
{
    struct receipt *receipt = malloc(sizeof *receipt);
    struct log_entry entry;
    bool ok = receipt != NULL && receipt_parse(receipt_text, receipt, e) && log_reader_get(giver->reader, receipt->index, &entry, e);
    if (ok && !bytes_equal(entry.statement, statement)) {
        ok = error_set(e, ERROR_DENIED, "demo", NULL, "the entry in the other side's log is another one");
    }
    free(receipt);
    return ok;
}

/* The newest entry of a kind, copied into `arena`. */
static bool newest(struct view *v, enum record_kind kind, struct arena *arena, struct bytes *statement, struct bytes *attachment,
                   struct error *e)
{
    for (uint64_t i = v->size; i > 0; i--) {
        struct log_entry entry;
        if (!log_reader_get(v->reader, i - 1, &entry, e)) {
            return false;
        }
        if (entry.kind == kind) {
            *statement = arena_copy(arena, entry.statement);
            *attachment = arena_copy(arena, entry.attachment);
            return (statement->data != NULL && attachment->data != NULL) || error_memory(e, "demo");
        }
    }
    return error_set(e, ERROR_ABSENT, "demo", NULL, "the log has no such entry");
}

bool evidence_check_receipts(struct scene *scene, struct error *e)
{
    struct view hospital, clinic;
    struct arena arena = { 0 };
    struct bytes statement, attachment;
    if (!view_open(&hospital, scene, &scene->gateways[HOSPITAL], e)) {
        return false;
    }
    if (!view_open(&clinic, scene, &scene->gateways[CLINIC], e)) {
        view_close(&hospital);
        return false;
    }
    /* The hospital's receipt of its answer, as the clinic keeps it. */
    bool ok = newest(&clinic, RECORD_ANSWER_RECEIVED, &arena, &statement, &attachment, e) &&
              verify_receipt(scene, statement, attachment, &scene->gateways[HOSPITAL], "the answer", e) &&
              is_in_log(&hospital, statement, attachment, e);
    /* The clinic's receipt of its request, as the hospital keeps it: u32 size, statement, receipt. */
    ok = ok && newest(&hospital, RECORD_DECISION, &arena, &statement, &attachment, e);
    if (ok) {
        struct reader r = { .left = attachment };
        struct bytes request = reader_take(&r, reader_u32(&r));
        ok = (!r.failed || error_set(e, ERROR_INPUT, "demo", NULL, "the decision's attachment can't be read")) &&
             verify_receipt(scene, request, r.left, &scene->gateways[CLINIC], "the request", e) && is_in_log(&clinic, request, r.left, e);
    }
    arena_clear(&arena);
    view_close(&hospital);
    view_close(&clinic);
    return ok;
}

/* Flips the lowest bit of one byte. */
static bool flip(const char *path, off_t offset, struct error *e)
{
    uint8_t byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return error_system(e, path, NULL);
    }
    bool ok = pread(fd, &byte, 1, offset) == 1;
    byte ^= 1;
    ok = ok && pwrite(fd, &byte, 1, offset) == 1;
    if (close(fd) != 0 || !ok) {
        return error_system(e, path, NULL);
    }
    return true;
}

/* The published bundle that holds entry 2, whichever partial one is the newest: entries are a 2-byte size and 32 bytes each. */
static bool newest_bundle(struct scene *scene, char path[SCENE_PATH_MAX], struct error *e)
{
    char name[SCENE_PATH_MAX];
    for (unsigned width = 255; width >= 3; width--) {
        (void)snprintf(name, sizeof name, "hospital/log/tile/entries/000.p/%u", width);
        if (!scene_path(scene, name, path, e)) {
            return false;
        }
        if (access(path, F_OK) == 0) {
            return true;
        }
    }
    return error_set(e, ERROR_ABSENT, "hospital/log/tile/entries", NULL, "no bundle was published");
}

bool evidence_check_damage(struct scene *scene, struct error *e)
{
    enum { ENTRY = 2, ENTRY_BYTES = 34 };
    char path[SCENE_PATH_MAX], printed[4096];
    /* What was appended last is published within a second. */
    (void)poll(NULL, 0, 1200);
    if (!newest_bundle(scene, path, e) || !flip(path, ENTRY * ENTRY_BYTES + 10, e)) {
        return false;
    }
    say("one bit of entry %d flipped in %s", ENTRY, path + strlen(scene->folder) + 1);
    bool ok = evidence_verify_log(scene, &scene->gateways[HOSPITAL], false, printed, sizeof printed, e);
    if (ok) {
        say("  %.160s", printed);
        if (strstr(printed, "entry 2") == NULL) {
            ok = error_set(e, ERROR_DENIED, "demo", NULL, "the damaged entry is not named");
        }
    }
    struct error again;
    if (!flip(path, ENTRY * ENTRY_BYTES + 10, &again) && ok) {
        *e = again;
        ok = false;
    }
    return ok && evidence_verify_log(scene, &scene->gateways[HOSPITAL], true, NULL, 0, e);
}
