#include "evidence/quorum.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct reading {
    struct quorum *to;
    const char *file;
    size_t line;
    bool has_quorum;
    struct error *e;
};

__attribute__((format(printf, 3, 4))) static bool refuse(struct reading *r, const char *todo, const char *format, ...)
{
    char where[sizeof r->e->where];
    char what[sizeof r->e->what];
    va_list arguments;
    /* A long path gives way, so that the line is still told. */
    int cut = (int)sizeof where - 24;
    (void)snprintf(where, sizeof where, "%.*s:%zu", cut, r->file, r->line);
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return error_set(r->e, ERROR_INPUT, where, todo, "%s", what);
}

/* The next item of a line: items are parted by spaces and tabs. False at the end. */
static bool next_item(struct bytes *line, struct bytes *item)
{
    *line = bytes_trim(*line);
    size_t size = 0;
    while (size < line->size && line->data[size] != ' ' && line->data[size] != '\t') {
        size++;
    }
    *item = bytes_slice(*line, 0, size);
    *line = bytes_slice(*line, size, line->size);
    return size > 0;
}

static bool keep(struct reading *r, struct bytes view, struct bytes *out)
{
    *out = arena_copy(&r->to->memory, view);
    return out->data != NULL || error_memory(r->e, r->file);
}

/* The URL, if there is one, and then nothing more. */
static bool read_url(struct reading *r, struct bytes *line, struct bytes *url)
{
    struct bytes item;
    *url = BYTES_NONE;
    if (!next_item(line, &item)) {
        return true;
    }
    if (!keep(r, item, url)) {
        return false;
    }
    return !next_item(line, &item) || refuse(r, "remove it", "\"%.*s\" stands after the URL", BYTES_FMT(item));
}

static bool is_same_key(const struct verifier *a, const struct verifier *b)
{
    return memcmp(a->public_key, b->public_key, sizeof a->public_key) == 0;
}

/* Two names for one key would let one holder count twice; a log that cosigns itself would not be watched. */
static bool check_key_is_new(struct reading *r, const struct verifier *key)
{
    for (size_t i = 0; i < r->to->log_count; i++) {
        if (is_same_key(&r->to->logs[i].key, key)) {
            return refuse(r, "keep one of the two lines", "the key is that of the log %s above", r->to->logs[i].key.name);
        }
    }
    for (size_t i = 0; i < r->to->witness_count; i++) {
        if (is_same_key(&r->to->witnesses[i].key, key)) {
            return refuse(r, "keep one of the two lines", "the key is that of the witness %.*s above", BYTES_FMT(r->to->witnesses[i].name));
        }
    }
    return true;
}

static bool read_log(struct reading *r, struct bytes line)
{
    struct bytes vkey;
    struct error cause;
    if (r->to->log_count == QUORUM_LOGS_MAX) {
        return refuse(r, "remove logs that are not used", "more than %d logs", QUORUM_LOGS_MAX);
    }
    struct quorum_log *log = &r->to->logs[r->to->log_count];
    if (!next_item(&line, &vkey)) {
        return refuse(r, "write: log VKEY [URL]", "the log has no key");
    }
    if (!verifier_parse(&log->key, vkey, r->file, &cause)) {
        return refuse(r, cause.todo, "%s", cause.what);
    }
    if (log->key.type != SIGNATURE_ED25519) {
        return refuse(r, "use the key that signs the log's checkpoints: of type 0x01", "a cosigner's key where a log's must stand");
    }
    if (!check_key_is_new(r, &log->key) || !read_url(r, &line, &log->url)) {
        return false;
    }
    r->to->log_count++;
    return true;
}

static size_t find_node(const struct quorum *quorum, struct bytes name)
{
    size_t i = 0;
    while (i < quorum->node_count && !bytes_equal(quorum->nodes[i].name, name)) {
        i++;
    }
    return i;
}

/* A new name: not used yet, not the one that is predefined. */
static bool read_name(struct reading *r, struct bytes *line, const char *form, struct bytes *name)
{
    struct bytes item;
    if (!next_item(line, &item)) {
        return refuse(r, form, "the name is missing");
    }
    if (bytes_equal(item, BYTES("none"))) {
        return refuse(r, "choose another name", "\"none\" is predefined: no cosignature at all");
    }
    if (find_node(r->to, item) < r->to->node_count) {
        return refuse(r, "choose another name", "the name \"%.*s\" is defined above already", BYTES_FMT(item));
    }
    return keep(r, item, name);
}

static bool read_witness(struct reading *r, struct bytes line)
{
    static const char form[] = "write: witness NAME VKEY [URL]";
    struct quorum *q = r->to;
    struct bytes vkey;
    struct error cause;
    if (q->witness_count == QUORUM_WITNESSES_MAX) {
        return refuse(r, "remove witnesses that are not used", "more than %d witnesses", QUORUM_WITNESSES_MAX);
    }
    struct quorum_witness *witness = &q->witnesses[q->witness_count];
    if (!read_name(r, &line, form, &witness->name)) {
        return false;
    }
    if (!next_item(&line, &vkey)) {
        return refuse(r, form, "the witness %.*s has no key", BYTES_FMT(witness->name));
    }
    if (!cosigner_parse(&witness->key, vkey, r->file, &cause)) {
        return refuse(r, cause.todo, "%s", cause.what);
    }
    if (!check_key_is_new(r, &witness->key) || !read_url(r, &line, &witness->url)) {
        return false;
    }
    q->nodes[q->node_count++] = (struct quorum_node){ .name = witness->name, .witness = q->witness_count, .group = QUORUM_NO_GROUP };
    q->witness_count++;
    return true;
}

/* Makes each name a member of the group that is being read: the node that comes next. */
static bool read_members(struct reading *r, struct bytes line, size_t *count)
{
    struct bytes item;
    *count = 0;
    while (next_item(&line, &item)) {
        size_t member = find_node(r->to, item);
        if (member == r->to->node_count) {
            return refuse(r, "define it on a line above", "\"%.*s\" is no witness or group that is defined above", BYTES_FMT(item));
        }
        if (r->to->nodes[member].group != QUORUM_NO_GROUP) {
            return refuse(r, "leave it in one group only, or it would count twice", "\"%.*s\" is a member of a group already",
                          BYTES_FMT(item));
        }
        r->to->nodes[member].group = r->to->node_count;
        (*count)++;
    }
    return *count > 0 || refuse(r, "write: group NAME all|any|K MEMBER...", "the group has no member");
}

static bool read_group(struct reading *r, struct bytes line)
{
    static const char form[] = "write: group NAME all|any|K MEMBER...";
    struct quorum *q = r->to;
    struct quorum_node group = { .is_group = true, .group = QUORUM_NO_GROUP };
    struct bytes threshold;
    uint64_t number = 0;
    if (q->node_count - q->witness_count == QUORUM_GROUPS_MAX) {
        return refuse(r, "remove groups that are not used", "more than %d groups", QUORUM_GROUPS_MAX);
    }
    if (!read_name(r, &line, form, &group.name)) {
        return false;
    }
    if (!next_item(&line, &threshold)) {
        return refuse(r, form, "the group %.*s has no threshold", BYTES_FMT(group.name));
    }
    if (!read_members(r, line, &group.member_count)) {
        return false;
    }
    if (bytes_equal(threshold, BYTES("all"))) {
        number = group.member_count;
    } else if (bytes_equal(threshold, BYTES("any"))) {
        number = 1;
    } else if (!bytes_to_u64(threshold, &number) || number == 0 || number > group.member_count) {
        return refuse(r, "write all, any, or a number from 1 to that of the members", "the threshold \"%.*s\" does not fit %zu members",
                      BYTES_FMT(threshold), group.member_count);
    }
    group.threshold = (size_t)number;
    q->nodes[q->node_count++] = group;
    return true;
}

static bool read_quorum(struct reading *r, struct bytes line)
{
    struct bytes name, more;
    if (r->has_quorum) {
        return refuse(r, "keep one quorum line", "there is a quorum above already");
    }
    if (!next_item(&line, &name) || next_item(&line, &more)) {
        return refuse(r, "write: quorum NAME, or quorum none", "a quorum is one name");
    }
    r->has_quorum = true;
    r->to->is_none = bytes_equal(name, BYTES("none"));
    r->to->required = find_node(r->to, name);
    return r->to->is_none || r->to->required < r->to->node_count ||
           refuse(r, "define it on a line above", "\"%.*s\" is no witness or group that is defined above", BYTES_FMT(name));
}

static bool read_line(struct reading *r, struct bytes line)
{
    static const struct {
        const char *word;
        bool (*read)(struct reading *r, struct bytes line);
    } kinds[] = { { "log", read_log }, { "witness", read_witness }, { "group", read_group }, { "quorum", read_quorum } };
    struct bytes word;
    for (size_t i = 0; i < line.size; i++) {
        if ((line.data[i] < 0x20 && line.data[i] != '\t') || line.data[i] == 0x7F) {
            return refuse(r, "save it as plain text with LF at the ends of lines", "the control character 0x%02x", line.data[i]);
        }
    }
    if (!next_item(&line, &word) || word.data[0] == '#') {
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (bytes_equal(word, bytes_of_text(kinds[i].word))) {
            return kinds[i].read(r, line);
        }
    }
    return refuse(r, "begin a line with log, witness, group or quorum", "\"%.*s\" is not known", BYTES_FMT(bytes_slice(word, 0, 100)));
}

bool quorum_parse(struct quorum **out, struct bytes text, const char *file, struct error *e)
{
    struct error ignored;
    struct reader lines = { .left = text };
    *out = NULL;
    if (text.size > QUORUM_BYTES_MAX) {
        return error_set(e, ERROR_INPUT, file, "is it the right file?", "larger than %d bytes", QUORUM_BYTES_MAX);
    }
    struct quorum *quorum = calloc(1, sizeof *quorum);
    if (quorum == NULL) {
        return error_memory(e, file);
    }
    struct reading r = { .to = quorum, .file = file, .e = e == NULL ? &ignored : e };
    bool ok = true;
    while (ok && lines.left.size > 0) {
        struct bytes line = reader_line(&lines);
        r.line++;
        ok = lines.failed ? refuse(&r, "end it with a line feed: is the file whole?", "the last line is cut off") : read_line(&r, line);
    }
    if (ok && !r.has_quorum) {
        ok = refuse(&r, "add: quorum NAME, or quorum none", "there is no quorum line");
    }
    if (!ok) {
        quorum_free(quorum);
        return false;
    }
    *out = quorum;
    return true;
}

void quorum_free(struct quorum *quorum)
{
    if (quorum != NULL) {
        arena_clear(&quorum->memory);
        free(quorum);
    }
}

/* Is it met by the cosignatures up to `until_s`? */
static bool is_met_by(const struct quorum *quorum, const uint64_t *times_s, uint64_t until_s)
{
    size_t counts[QUORUM_NODES_MAX] = { 0 };
    if (quorum->is_none) {
        return true;
    }
    for (size_t i = 0; i < quorum->node_count; i++) {
        const struct quorum_node *node = &quorum->nodes[i];
        uint64_t time_s = node->is_group ? 0 : times_s[node->witness];
        bool is_good = node->is_group ? counts[i] >= node->threshold : time_s != 0 && time_s <= until_s;
        if (is_good && i == quorum->required) {
            return true;
        }
        if (is_good && node->group != QUORUM_NO_GROUP) {
            counts[node->group]++;
        }
    }
    return false;
}

bool quorum_is_met(const struct quorum *quorum, const uint64_t times_s[QUORUM_WITNESSES_MAX])
{
    return is_met_by(quorum, times_s, COSIGNATURE_TIME_MAX);
}

uint64_t quorum_time(const struct quorum *quorum, const uint64_t times_s[QUORUM_WITNESSES_MAX])
{
    uint64_t earliest = 0;
    for (size_t i = 0; i < quorum->witness_count && !quorum->is_none; i++) {
        if (times_s[i] != 0 && (earliest == 0 || times_s[i] < earliest) && is_met_by(quorum, times_s, times_s[i])) {
            earliest = times_s[i];
        }
    }
    return earliest;
}

/* The policy's log of this origin that signed the note. */
static const struct verifier *find_log(const struct quorum *quorum, const struct note *note, struct bytes origin)
{
    for (size_t i = 0; i < quorum->log_count; i++) {
        const struct verifier *key = &quorum->logs[i].key;
        size_t good = 0;
        if (bytes_equal(bytes_of_text(key->name), origin) && note_verify(note, key, 1, &good, NULL, "", NULL) && good == 1) {
            return key;
        }
    }
    return NULL;
}

bool quorum_check(const struct quorum *quorum, const struct verifier *log, struct bytes data, struct quorum_result *out, const char *where,
                  struct error *e)
{
    struct note note;
    struct verifier cosigners[QUORUM_WITNESSES_MAX];
    size_t good = 0;
    memset(out, 0, sizeof *out);
    if (!note_parse(&note, data, where, e) || !checkpoint_parse(note.text, &out->checkpoint, where, e)) {
        return false;
    }
    log = log != NULL ? log : find_log(quorum, &note, out->checkpoint.origin);
    if (log == NULL) {
        return error_set(e, ERROR_DENIED, where, "name the log in the policy file", "no log that the policy knows signed it");
    }
    if (!bytes_equal(bytes_of_text(log->name), out->checkpoint.origin)) {
        return error_set(e, ERROR_DENIED, where, "give a checkpoint of this log", "it is of another log");
    }
    if (!note_verify(&note, log, 1, &good, NULL, where, e)) {
        return false;
    }
    if (good == 0) {
        return error_set(e, ERROR_DENIED, where, "give a checkpoint signed by the log's key", "the log's key did not sign it");
    }
    for (size_t i = 0; i < quorum->witness_count; i++) {
        cosigners[i] = quorum->witnesses[i].key;
    }
    if (!cosignatures_verify(&note, cosigners, quorum->witness_count, out->times_s, where, e)) {
        return false;
    }
    for (size_t i = 0; i < quorum->witness_count; i++) {
        out->cosignature_count += out->times_s[i] != 0;
    }
    out->log = *log;
    out->is_met = quorum_is_met(quorum, out->times_s);
    out->time_s = quorum_time(quorum, out->times_s);
    return true;
}
