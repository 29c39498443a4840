#include "evidence/equivocation.h"

#include "base/encode.h"
#include "crypto/note.h"
#include "evidence/receipt_internal.h"

static const char first_line[] = "comity-equivocation/1\n";
static const char todo_form[] = "get the whole file again";

/* A checkpoint of the log that its key signed. */
static bool check_note(struct bytes data, const struct verifier *log, struct checkpoint_view *out, const char *where, struct error *e)
{
    struct note note;
    size_t good = 0;
    if (data.size > EQUIVOCATION_NOTE_BYTES_MAX) {
        return error_set(e, ERROR_INPUT, where, NULL, "a checkpoint of %zu bytes", data.size);
    }
    if (!note_parse(&note, data, where, e) || !checkpoint_parse(note.text, out, where, e)) {
        return false;
    }
    if (!bytes_equal(out->origin, bytes_of_text(log->name))) {
        return error_set(e, ERROR_DENIED, where, NULL, "a checkpoint of another log than the key's");
    }
    if (!note_verify(&note, log, 1, &good, NULL, where, e)) {
        return false;
    }
    return good == 1 || error_set(e, ERROR_DENIED, where, NULL, "the log's key did not sign one of the checkpoints");
}

/* In a file stands what is checked and nothing else: the log's one line, so that no bit could be another. */
static bool check_bare_note(struct bytes data, const struct verifier *log, struct checkpoint_view *out, const char *where, struct error *e)
{
    struct note note;
    return check_note(data, log, out, where, e) && note_parse(&note, data, where, e) &&
           (note.signature_count == 1 || error_set(e, ERROR_INPUT, where, NULL, "a checkpoint with more than the log's own signature"));
}

/* Do the two, of which the first is not the larger, contradict each other? */
static bool check_contradiction(const struct equivocation *q, const char *where, struct error *e)
{
    if (q->first.size == q->second.size) {
        if (q->path_count != 0) {
            return error_set(e, ERROR_INPUT, where, NULL, "a path beside two checkpoints of one size");
        }
        return memcmp(q->first.root, q->second.root, SHA256_SIZE) != 0 ||
               error_set(e, ERROR_DENIED, where, NULL, "proves nothing: the two checkpoints state the same root");
    }
    if (!merkle_verify_consistency(q->first.size, q->second.size, q->prefix, q->second.root, (const uint8_t(*)[SHA256_SIZE])q->path,
                                   q->path_count)) {
        return error_set(e, ERROR_DENIED, where, NULL, "proves nothing: the path does not lead to the larger checkpoint's root");
    }
    return memcmp(q->prefix, q->first.root, SHA256_SIZE) != 0 ||
           error_set(e, ERROR_DENIED, where, NULL, "proves nothing: the larger tree begins with the smaller one");
}

/* A line "WORD REST". */
static bool take_line(struct reader *r, const char *word, struct bytes *rest)
{
    struct bytes line = reader_line(r);
    struct bytes begin = bytes_of_text(word);
    *rest = bytes_slice(line, begin.size, line.size);
    return !r->failed && bytes_start_with(line, begin);
}

static bool take_note(struct reader *r, struct bytes *note)
{
    struct bytes number;
    uint64_t size = 0;
    if (!take_line(r, "checkpoint ", &number) || !bytes_to_u64(number, &size) || size > EQUIVOCATION_NOTE_BYTES_MAX) {
        return false;
    }
    *note = reader_take(r, (size_t)size);
    return !r->failed;
}

static bool take_path(struct reader *r, struct equivocation *q)
{
    struct bytes text;
    if (r->left.size == 0) {
        return true;
    }
    if (!take_line(r, "prefix ", &text) || !hash_parse(text, q->prefix)) {
        return false;
    }
    while (r->left.size > 0) {
        text = reader_line(r);
        if (r->failed || q->path_count == MERKLE_PATH_MAX || !hash_parse(text, q->path[q->path_count])) {
            return false;
        }
        q->path_count++;
    }
    return q->path_count > 0;
}

/* A vkey in the one form that is written: a proof has no bit that could be another. */
static bool read_key(struct verifier *out, struct bytes vkey, const char *where, struct error *e)
{
    struct buffer again;
    if (!verifier_parse(out, vkey, where, e)) {
        return false;
    }
    buffer_init(&again, 1024);
    verifier_write(out, &again);
    bool is_same = !again.failed && bytes_equal(buffer_bytes(&again), vkey);
    buffer_clear(&again);
    return is_same || error_set(e, ERROR_INPUT, where, todo_form, "the log's key is not written in lower-case hex");
}

bool equivocation_check(struct equivocation *out, struct bytes file, const char *where, struct error *e)
{
    struct reader r = { .left = file };
    struct bytes vkey;
    memset(out, 0, sizeof *out);
    if (file.size > EQUIVOCATION_BYTES_MAX || !bytes_start_with(file, bytes_of_text(first_line))) {
        return error_set(e, ERROR_INPUT, where, "is it the right file?", "does not begin with comity-equivocation/1, or is too large");
    }
    (void)reader_line(&r);
    if (!take_line(&r, "log ", &vkey)) {
        return error_set(e, ERROR_INPUT, where, todo_form, "the second line does not name the log's key");
    }
    if (!read_key(&out->log, vkey, where, e)) {
        return false;
    }
    if (!take_note(&r, &out->first_note) || !take_note(&r, &out->second_note)) {
        return error_set(e, ERROR_INPUT, where, todo_form, "the two checkpoints, each after its size in bytes, are not there");
    }
    if (!take_path(&r, out)) {
        return error_set(e, ERROR_INPUT, where, todo_form, "what follows the checkpoints is not a root and a path");
    }
    if (!check_bare_note(out->first_note, &out->log, &out->first, where, e) ||
        !check_bare_note(out->second_note, &out->log, &out->second, where, e)) {
        return false;
    }
    if (out->first.size > out->second.size) {
        return error_set(e, ERROR_INPUT, where, todo_form, "the larger checkpoint comes first");
    }
    return check_contradiction(out, where, e);
}

/* The root that a consistency path starts from (RFC 9162 2.1.4.2, of which this is the half that makes the old root). */
static bool prefix_of_path(uint64_t old_size, uint64_t size, const uint8_t (*path)[SHA256_SIZE], size_t count, uint8_t out[SHA256_SIZE])
{
    if (count == 0 || old_size == 0 || (old_size & (old_size - 1)) == 0) {
        return false; /* of a power of two the path leaves it out */
    }
    uint64_t fn = old_size - 1;
    uint64_t sn = size - 1;
    while ((fn & 1) != 0) {
        fn >>= 1;
        sn >>= 1;
    }
    memcpy(out, path[0], SHA256_SIZE);
    for (size_t i = 1; i < count; i++) {
        if (sn == 0) {
            return false;
        }
        if ((fn & 1) != 0 || fn == sn) {
            merkle_node(path[i], out, out);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0;
}

static void append_hash_line(struct buffer *out, const uint8_t hash[SHA256_SIZE])
{
    base64_append(out, bytes_of(hash, SHA256_SIZE));
    buffer_append_u8(out, '\n');
}

/* The note, which has been checked, with the first of its lines that the log's key made. */
static void append_note(struct buffer *out, struct bytes data, const struct verifier *log)
{
    static const char dash[] = "\xE2\x80\x94 ";
    struct note note;
    size_t i = 0;
    if (!note_parse(&note, data, "", NULL)) {
        out->failed = true;
        return;
    }
    while (i < note.signature_count &&
           (memcmp(note.signatures[i].id, log->id, KEY_ID_SIZE) != 0 || !bytes_equal(note.signatures[i].name, bytes_of_text(log->name)))) {
        i++;
    }
    if (i == note.signature_count) {
        out->failed = true;
        return;
    }
    const struct note_signature *s = &note.signatures[i];
    buffer_append_text(out, "checkpoint ");
    buffer_append_decimal(out, note.text.size + sizeof dash - 1 + s->name.size + s->base64.size + 3);
    buffer_append_u8(out, '\n');
    buffer_append(out, note.text);
    buffer_append_format(out, "\n%s%.*s %.*s\n", dash, BYTES_FMT(s->name), BYTES_FMT(s->base64));
}

bool equivocation_write(struct buffer *out, const struct verifier *log, struct bytes a_note, struct bytes b_note,
                        const uint8_t prefix[SHA256_SIZE], const uint8_t (*path)[SHA256_SIZE], size_t path_count, struct error *e)
{
    static const char where[] = "equivocation";
    struct equivocation q = { .log = *log, .first_note = a_note, .second_note = b_note };
    if (!check_note(a_note, log, &q.first, where, e) || !check_note(b_note, log, &q.second, where, e)) {
        return false;
    }
    if (q.first.size > q.second.size) {
        struct checkpoint_view view = q.first;
        q.first = q.second;
        q.second = view;
        q.first_note = b_note;
        q.second_note = a_note;
    }
    if (q.first.size != q.second.size) {
        if (path_count > MERKLE_PATH_MAX || (prefix == NULL && !prefix_of_path(q.first.size, q.second.size, path, path_count, q.prefix))) {
            return error_set(e, ERROR_DENIED, where, NULL, "proves nothing: the path says nothing of the smaller tree's root");
        }
        if (prefix != NULL) {
            memcpy(q.prefix, prefix, SHA256_SIZE);
        }
        if (path_count > 0) {
            memcpy(q.path, path, path_count * SHA256_SIZE);
        }
        q.path_count = path_count;
    }
    if (!check_contradiction(&q, where, e)) {
        return false;
    }
    buffer_append_text(out, first_line);
    buffer_append_text(out, "log ");
    verifier_write(log, out);
    buffer_append_u8(out, '\n');
    append_note(out, q.first_note, log);
    append_note(out, q.second_note, log);
    if (q.path_count > 0) {
        buffer_append_text(out, "prefix ");
        append_hash_line(out, q.prefix);
        for (size_t i = 0; i < q.path_count; i++) {
            append_hash_line(out, q.path[i]);
        }
    }
    return !out->failed || error_memory(e, where);
}
