/* Making the file: what the index proved, with the entries themselves and their receipts. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/uses_proof.h"
#include "base/encode.h"
#include "crypto/note.h"
#include "evidence/log_prove.h"

enum { PUBLISH_TRIES = 40, PUBLISH_WAIT_MS = 250 };

struct making {
    const json_t *proof;
    struct disk *public;
    struct log_reader *reader;
    json_t *file;
    struct error *e;
};

static json_t *text_of(struct bytes view)
{
    return json_stringn((const char *)(view.data == NULL ? (const uint8_t *)"" : view.data), view.size);
}

static bool set(json_t *object, const char *key, json_t *value, struct error *e)
{
    return (value != NULL && json_object_set_new(object, key, value) == 0) || error_memory(e, "uses");
}

static void pause_a_moment(void)
{
    const struct timespec pause = { .tv_nsec = PUBLISH_WAIT_MS * 1000000L };
    (void)nanosleep(&pause, NULL);
}

/* "index N" and a receipt whose `extra` is the entry, where the salt is gone. */
static bool prove_hidden(struct making *m, uint64_t index, const struct log_entry *entry, struct buffer *out)
{
    struct buffer bare;
    uint8_t hash[SHA256_SIZE];
    const struct bytes first = BYTES("c2sp.org/tlog-proof@v1\n");
    buffer_init(&bare, RECEIPT_BYTES_MAX);
    bool ok = log_prove(m->public, index, NULL, &bare, m->e);
    if (ok) {
        log_entry_commitment(entry, hash);
        buffer_append(out, first);
        buffer_append_text(out, "extra ");
        base64_append(out, bytes_of(hash, sizeof hash));
        buffer_append_u8(out, '\n');
        buffer_append(out, bytes_slice(buffer_bytes(&bare), first.size, bare.size));
    }
    buffer_clear(&bare);
    return ok;
}

/* Where a log is witnessed, its newest entry is so a moment later: readers ask for it. */
static bool awaits_witnesses(const struct making *m, struct bytes receipt)
{
    struct disk_file *file = NULL;
    struct receipt *parsed = malloc(sizeof *parsed);
    struct note *note = malloc(sizeof *note);
    bool is_bare = parsed != NULL && note != NULL && receipt_parse(receipt, parsed, NULL) &&
                   note_parse(note, parsed->checkpoint, "receipt", NULL) && note->signature_count == 1;
    bool is_witnessed = is_bare && m->public->functions->open(m->public, CHECKPOINT_COSIGNED_PATH, DISK_READ, &file) == 0;
    if (is_witnessed) {
        (void)m->public->functions->close(m->public, file); /* read only: nothing to lose */
    }
    free(parsed);
    free(note);
    return is_witnessed;
}

/* The receipt of an entry, and its statement; an entry that the published checkpoint does not cover yet is waited for. */
static bool add_entry(struct making *m, uint64_t index, bool is_root, json_t *into)
{
    struct log_entry entry;
    struct buffer receipt;
    bool ok = false;
    buffer_init(&receipt, 2 * RECEIPT_BYTES_MAX);
    bool is_waiting = true;
    for (unsigned i = 0; i < PUBLISH_TRIES && is_waiting; i++) {
        buffer_reset(&receipt);
        if (!log_reader_get(m->reader, index, &entry, m->e)) {
            break;
        }
        ok = entry.form == RECORD_OPEN ? log_prove(m->public, index, &entry, &receipt, m->e) : prove_hidden(m, index, &entry, &receipt);
        if (!ok && m->e->kind != ERROR_ABSENT) {
            break;
        }
        is_waiting = !ok || (is_root && awaits_witnesses(m, buffer_bytes(&receipt)));
        if (is_waiting && i + 1 < PUBLISH_TRIES) {
            pause_a_moment();
        }
    }
    ok = ok && set(into, "entry", json_integer((json_int_t)index), m->e);
    if (ok && entry.form == RECORD_OPEN) {
        ok = set(into, "statement", text_of(entry.statement), m->e);
    }
    ok = ok && set(into, "receipt", text_of(buffer_bytes(&receipt)), m->e);
    buffer_clear(&receipt);
    return ok;
}

/* The entry of the answer to this decision; false: none. Both lists rise, and `*next` is where this one goes on. */
static bool find_answer(const struct making *m, json_int_t entry, size_t *next, uint64_t *answer)
{
    const json_t *pairs = json_object_get(m->proof, "answers");
    while (*next < json_array_size(pairs) && json_integer_value(json_array_get(json_array_get(pairs, *next), 0)) < entry) {
        (*next)++;
    }
    const json_t *pair = json_array_get(pairs, *next);
    *answer = (uint64_t)json_integer_value(json_array_get(pair, 1));
    return pair != NULL && json_integer_value(json_array_get(pair, 0)) == entry;
}

static bool add_uses(struct making *m)
{
    json_t *list = json_array();
    size_t next = 0;
    const json_t *entries = json_object_get(m->proof, "entries");
    if (!set(m->file, "uses", list, m->e)) {
        return false;
    }
    if (json_array_size(entries) > USES_FILE_ENTRIES_MAX) {
        return error_set(m->e, ERROR_FULL, "uses", NULL, "more than %d entries", USES_FILE_ENTRIES_MAX);
    }
    for (size_t i = 0; i < json_array_size(entries); i++) {
        uint64_t answer = 0;
        json_int_t entry = json_integer_value(json_array_get(entries, i));
        json_t *use = json_object();
        if (use == NULL || json_array_append_new(list, use) != 0) {
            return error_memory(m->e, "uses");
        }
        if (!add_entry(m, (uint64_t)entry, false, use)) {
            return false;
        }
        if (find_answer(m, entry, &next, &answer)) {
            json_t *shown = json_object();
            if (!set(use, "answer", shown, m->e) || !add_entry(m, answer, false, shown)) {
                return false;
            }
        }
    }
    return true;
}

static bool copy(struct making *m, const char *key)
{
    json_t *value = json_object_get(m->proof, key);
    return set(m->file, key, json_incref(value), m->e);
}

static bool make(struct making *m, struct bytes person, const struct verifier *key, struct bytes directory)
{
    struct buffer vkey;
    json_t *root = json_object();
    buffer_init(&vkey, 1024);
    verifier_write(key, &vkey);
    bool ok = set(m->file, "comity_uses", json_integer(1), m->e) && set(m->file, "log", text_of(buffer_bytes(&vkey)), m->e);
    buffer_clear(&vkey);
    if (ok && directory.size > 0) {
        ok = set(m->file, "directory", text_of(directory), m->e);
    }
    ok = ok && set(m->file, "person", text_of(person), m->e) && copy(m, "vrf_proof") && copy(m, "salt") && copy(m, "path");
    if (!ok) {
        json_decref(root);
        return false;
    }
    return set(m->file, "root", root, m->e) &&
           add_entry(m, (uint64_t)json_integer_value(json_object_get(m->proof, "root_entry")), true, root) && add_uses(m);
}

bool uses_proof_make(const json_t *proof, struct bytes person, const struct verifier *key, struct bytes directory, struct disk *public,
                     struct disk *private, struct buffer *out, struct error *e)
{
    struct making m = { .proof = proof, .public = public, .file = json_object(), .e = e };
    char *text = NULL;
    bool ok = m.file != NULL || error_memory(e, "uses");
    ok = ok && log_reader_open(&m.reader, public, private, e) && make(&m, person, key, directory);
    if (ok) {
        text = json_dumps(m.file, JSON_COMPACT);
        buffer_append_text(out, text == NULL ? "" : text);
        buffer_append_u8(out, '\n');
        ok = (text != NULL && !out->failed) || error_set(e, ERROR_FULL, "uses", NULL, "the list is too long for one file");
    }
    free(text);
    log_reader_close(m.reader);
    json_decref(m.file);
    return ok;
}
