#include "audit/bundle.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "crypto/hash.h"
#include "crypto/key.h"

static const struct bytes first_line = BYTES(BUNDLE_FIRST_LINE);
static const struct bytes checksum_name = BYTES("sha256 ");
enum { CHECKSUM_LINE_SIZE = 7 + 2 * SHA256_SIZE + 1 };

static const char *const role_names[ROLE_COUNT] = { "request", "decision", "answer", "consent", "in-force" };
static const size_t role_max[ROLE_COUNT] = { 1, 1, 1, BUNDLE_CONSENTS_MAX, BUNDLE_IN_FORCE_MAX };

const char *bundle_role_name(enum bundle_role role)
{
    return role_names[role];
}

bool bundle_refuse(struct refusal *refusal, const char *code, const char *where, const char *what, ...)
{
    char text[sizeof refusal->why.what];
    va_list list;
    va_start(list, what);
    (void)vsnprintf(text, sizeof text, what, list);
    va_end(list);
    refusal->code = code;
    return error_set(&refusal->why, ERROR_DENIED, where, NULL, "%s", text);
}

bool bundle_init(struct bundle *bundle, struct error *e)
{
    *bundle = (struct bundle){ .statements = calloc(BUNDLE_STATEMENTS_MAX, sizeof *bundle->statements) };
    return bundle->statements != NULL || error_memory(e, "bundle");
}

void bundle_clear(struct bundle *bundle)
{
    free(bundle->statements);
    *bundle = (struct bundle){ 0 };
}

/* ---- Reading ---- */

struct section {
    struct bytes name, data;
    size_t at; /* where its line begins in the file */
};

struct sections {
    struct bytes file, left; /* `left`: between the first line and the checksum's */
    struct section next;
    bool has_next;
    struct refusal *refusal;
};

static bool refuse_at(struct sections *s, size_t at, const char *what)
{
    char where[32];
    (void)snprintf(where, sizeof where, "byte %zu", at);
    return bundle_refuse(s->refusal, "evidence.format", where, "%s", what);
}

/* Reads the next section's line and data; `has_next` is false at the end. */
static bool advance(struct sections *s)
{
    uint64_t size = 0;
    s->has_next = s->left.size > 0;
    if (!s->has_next) {
        return true;
    }
    size_t at = (size_t)(s->left.data - s->file.data);
    size_t end = bytes_find(s->left, '\n');
    struct bytes line = bytes_slice(s->left, 0, end);
    size_t space = bytes_find(line, ' ');
    if (end == s->left.size || space == line.size || !bytes_to_u64(bytes_slice(line, space + 1, line.size), &size)) {
        return refuse_at(s, at, "there is no section's name and size");
    }
    struct bytes rest = bytes_slice(s->left, end + 1, s->left.size);
    if (size >= rest.size || rest.data[size] != '\n') {
        return refuse_at(s, at, "the section does not end where its size says");
    }
    s->next = (struct section){ .name = bytes_slice(line, 0, space), .data = bytes_slice(rest, 0, (size_t)size), .at = at };
    s->left = bytes_slice(rest, (size_t)size + 1, rest.size);
    return true;
}

static bool is_next(const struct sections *s, const char *name)
{
    return s->has_next && bytes_equal(s->next.name, bytes_of_text(name));
}

static bool take_named(struct sections *s, const char *name, size_t size_max, struct bytes *out)
{
    if (!is_next(s, name) || s->next.data.size == 0 || s->next.data.size > size_max) {
        char what[64];
        (void)snprintf(what, sizeof what, "here belongs the section '%s'", name);
        return refuse_at(s, s->has_next ? s->next.at : s->file.size, what);
    }
    *out = s->next.data;
    return advance(s);
}

/* Which statement begins here, shown or hidden? */
static bool is_statement(const struct sections *s, enum bundle_role *role, bool *is_hidden)
{
    static const struct bytes hidden = BYTES("hidden-");
    if (!s->has_next) {
        return false;
    }
    *is_hidden = bytes_start_with(s->next.name, hidden);
    struct bytes name = *is_hidden ? bytes_slice(s->next.name, hidden.size, s->next.name.size) : s->next.name;
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (bytes_equal(name, bytes_of_text(role_names[i]))) {
            *role = (enum bundle_role)i;
            return *is_hidden == (s->next.data.size == 0);
        }
    }
    return false;
}

static bool take_receipts(struct sections *s, struct bundle_statement *statement)
{
    while (is_next(s, "receipt")) {
        if (statement->receipt_count == BUNDLE_RECEIPTS_MAX) {
            return refuse_at(s, s->next.at, "more receipts than one statement may have");
        }
        struct bundle_receipt *receipt = &statement->receipts[statement->receipt_count++];
        receipt->text = s->next.data;
        if (!advance(s)) {
            return false;
        }
        while (is_next(s, "timestamp")) {
            if (receipt->timestamp_count == BUNDLE_TIMESTAMPS_MAX) {
                return refuse_at(s, s->next.at, "more time-stamps than one checkpoint may have");
            }
            receipt->timestamps[receipt->timestamp_count++] = s->next.data;
            if (!advance(s)) {
                return false;
            }
        }
    }
    return statement->receipt_count > 0 || refuse_at(s, s->has_next ? s->next.at : s->file.size, "the statement has no receipt");
}

/* What only a request or an answer has. Behind anything else these sections do not belong. */
static bool take_message_parts(struct sections *s, struct bundle_statement *statement)
{
    if (is_next(s, "consistency")) {
        statement->has_consistency = true;
        statement->consistency = s->next.data;
        if (!advance(s)) {
            return false;
        }
    }
    if (is_next(s, "signature")) {
        if (s->next.data.size != ED25519_SIGNATURE_SIZE) {
            return refuse_at(s, s->next.at, "a signature has 64 bytes");
        }
        statement->signature = s->next.data;
        return advance(s);
    }
    return true;
}

static bool take_statements(struct sections *s, struct bundle *bundle)
{
    size_t counts[ROLE_COUNT] = { 0 };
    enum bundle_role role = ROLE_REQUEST, last = ROLE_REQUEST;
    bool is_hidden = false;
    while (is_statement(s, &role, &is_hidden)) {
        if (role < last || counts[role] == role_max[role]) {
            return refuse_at(s, s->next.at, "a statement is out of its order, or there too often");
        }
        last = role;
        counts[role]++;
        struct bundle_statement *statement = &bundle->statements[bundle->statement_count++];
        *statement = (struct bundle_statement){ .role = role, .is_hidden = is_hidden, .text = s->next.data };
        if (!advance(s) || !take_receipts(s, statement)) {
            return false;
        }
        bool is_message = !is_hidden && (role == ROLE_REQUEST || role == ROLE_ANSWER);
        if (is_message && !take_message_parts(s, statement)) {
            return false;
        }
    }
    return bundle->statement_count > 0 || refuse_at(s, s->has_next ? s->next.at : s->file.size, "there is no statement");
}

/* The last line holds the SHA-256 of all before it: not against people, but against what happens to files on their way. */
static bool check_sum(struct bytes file, struct refusal *refusal)
{
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    struct bytes line = bytes_slice(file, file.size < CHECKSUM_LINE_SIZE ? 0 : file.size - CHECKSUM_LINE_SIZE, file.size);
    if (line.size < CHECKSUM_LINE_SIZE || !bytes_start_with(line, checksum_name) || line.data[line.size - 1] != '\n') {
        return bundle_refuse(refusal, "evidence.damaged", "the last line", "the checksum is missing: the file was cut off, or changed");
    }
    sha256(bytes_slice(file, 0, file.size - CHECKSUM_LINE_SIZE), digest);
    hex_write(bytes_of(digest, sizeof digest), hex);
    return memcmp(line.data + checksum_name.size, hex, sizeof hex - 1) == 0 ||
           bundle_refuse(refusal, "evidence.damaged", "the last line", "the checksum is another: a byte of the file was changed");
}

bool bundle_parse_file(struct bytes file, struct bundle *bundle, struct refusal *refusal)
{
    struct sections s = { .file = file, .refusal = refusal };
    if (file.size > BUNDLE_FILE_BYTES_MAX) {
        return bundle_refuse(refusal, "evidence.format", "the file", "it is larger than %d bytes", BUNDLE_FILE_BYTES_MAX);
    }
    if (!bytes_start_with(file, first_line)) {
        return bundle_refuse(refusal, "evidence.format", "line 1", "it is not '%.*s'", (int)first_line.size - 1, BUNDLE_FIRST_LINE);
    }
    if (!check_sum(file, refusal)) {
        return false;
    }
    s.left = bytes_slice(file, first_line.size, file.size - CHECKSUM_LINE_SIZE);
    if (!advance(&s) || !take_named(&s, "exchange", BUNDLE_NAME_BYTES_MAX, &bundle->exchange) ||
        !take_named(&s, "exporter", BUNDLE_NAME_BYTES_MAX, &bundle->exporter)) {
        return false;
    }
    while (is_next(&s, "directory") && bundle->directory_count < BUNDLE_DIRECTORIES_MAX) {
        if (!take_named(&s, "directory", BUNDLE_FILE_BYTES_MAX, &bundle->directories[bundle->directory_count++])) {
            return false;
        }
    }
    if (is_next(&s, "policy")) {
        bundle->has_policy = true;
        bundle->policy = s.next.data;
        if (!advance(&s)) {
            return false;
        }
    }
    return take_statements(&s, bundle) && (!s.has_next || refuse_at(&s, s.next.at, "this section does not belong here"));
}

/* ---- Writing ---- */

static void write_section(struct buffer *out, const char *before, const char *name, struct bytes data)
{
    buffer_append_format(out, "%s%s %zu\n", before, name, data.size);
    buffer_append(out, data);
    buffer_append_u8(out, '\n');
}

static void write_statement(struct buffer *out, const struct bundle_statement *statement)
{
    write_section(out, statement->is_hidden ? "hidden-" : "", role_names[statement->role],
                  statement->is_hidden ? BYTES_NONE : statement->text);
    for (size_t i = 0; i < statement->receipt_count; i++) {
        const struct bundle_receipt *receipt = &statement->receipts[i];
        write_section(out, "", "receipt", receipt->text);
        for (size_t j = 0; j < receipt->timestamp_count; j++) {
            write_section(out, "", "timestamp", receipt->timestamps[j]);
        }
    }
    if (statement->has_consistency) {
        write_section(out, "", "consistency", statement->consistency);
    }
    if (statement->signature.size > 0) {
        write_section(out, "", "signature", statement->signature);
    }
}

void bundle_write_file(const struct bundle *bundle, struct buffer *out)
{
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    size_t from = out->size;
    buffer_append(out, first_line);
    write_section(out, "", "exchange", bundle->exchange);
    write_section(out, "", "exporter", bundle->exporter);
    for (size_t i = 0; i < bundle->directory_count; i++) {
        write_section(out, "", "directory", bundle->directories[i]);
    }
    if (bundle->has_policy) {
        write_section(out, "", "policy", bundle->policy);
    }
    for (size_t i = 0; i < bundle->statement_count; i++) {
        write_statement(out, &bundle->statements[i]);
    }
    if (!out->failed) {
        sha256(bytes_slice(buffer_bytes(out), from, out->size), digest);
        hex_write(bytes_of(digest, sizeof digest), hex);
        buffer_append(out, checksum_name);
        buffer_append_text(out, hex);
        buffer_append_u8(out, '\n');
    }
}
