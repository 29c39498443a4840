#include "audit/trust.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"

enum { WHERE_SIZE = 128, COMMUNITY_SIZE_MAX = 255 };

struct reading {
    struct trust *to;
    const char *file;
    size_t line;
    struct error *e;
};

static bool refuse(struct reading *r, const char *todo, const char *what)
{
    char where[WHERE_SIZE];
    (void)snprintf(where, sizeof where, "%.*s:%zu", WHERE_SIZE - 24, r->file, r->line);
    return error_set(r->e, ERROR_INPUT, where, todo, "%s", what);
}

static bool next_word(struct bytes *line, struct bytes *word)
{
    *line = bytes_trim(*line);
    size_t size = 0;
    while (size < line->size && line->data[size] != ' ' && line->data[size] != '\t') {
        size++;
    }
    *word = bytes_slice(*line, 0, size);
    *line = bytes_slice(*line, size, line->size);
    return size > 0;
}

static bool read_operators(struct reading *r, struct trust_community *community, struct bytes line)
{
    struct bytes word;
    struct error cause;
    community->operators = arena_take_zeroed(&r->to->arena, TRUST_OPERATORS_MAX * sizeof *community->operators);
    if (community->operators == NULL) {
        return error_memory(r->e, r->file);
    }
    while (next_word(&line, &word)) {
        if (community->operator_count == TRUST_OPERATORS_MAX) {
            return refuse(r, "keep those that sign", "more operators than a community may have");
        }
        struct verifier *v = &community->operators[community->operator_count];
        if (!verifier_parse(v, word, r->file, &cause)) {
            return refuse(r, cause.todo, cause.what);
        }
        for (size_t i = 0; i < community->operator_count; i++) {
            if (memcmp(community->operators[i].public_key, v->public_key, sizeof v->public_key) == 0) {
                return refuse(r, "keep it once, or it would count twice", "a public key is there twice");
            }
        }
        community->operator_count++;
    }
    return community->threshold <= community->operator_count ||
           refuse(r, "name as many operators as must sign", "fewer operators than the threshold");
}

static bool read_community(struct reading *r, struct bytes line)
{
    static const char form[] = "write: community CODE THRESHOLD VKEY...";
    struct bytes code, threshold;
    uint8_t decoded[3 * COMMUNITY_SIZE_MAX];
    uint64_t number = 0;
    size_t size = 0;
    if (!next_word(&line, &code) || !next_word(&line, &threshold)) {
        return refuse(r, form, "the community has no code or no threshold");
    }
    if (code.size > sizeof decoded || !percent_decode(code, decoded, &size) || size > COMMUNITY_SIZE_MAX) {
        return refuse(r, form, "the code is no part of an identifier");
    }
    if (!bytes_to_u64(threshold, &number) || number == 0 || number > TRUST_OPERATORS_MAX) {
        return refuse(r, form, "the threshold is no number from 1 to 64");
    }
    for (size_t i = 0; i < r->to->community_count; i++) {
        if (bytes_equal(r->to->communities[i].code, bytes_of(decoded, size))) {
            return refuse(r, "put all operators into one line", "the community is there twice");
        }
    }
    if (r->to->community_count == TRUST_COMMUNITIES_MAX) {
        return refuse(r, "keep those that are needed", "too many communities");
    }
    struct trust_community *community = &r->to->communities[r->to->community_count];
    *community = (struct trust_community){ .code = arena_copy(&r->to->arena, bytes_of(decoded, size)), .threshold = (size_t)number };
    if (community->code.data == NULL) {
        return error_memory(r->e, r->file);
    }
    if (!read_operators(r, community, line)) {
        return false;
    }
    r->to->community_count++;
    return true;
}

static bool read_authority(struct reading *r, struct bytes line)
{
    static const char form[] = "write: timestamps BASE64, the certificate's DER in base64";
    struct bytes word, more;
    size_t size = 0;
    if (!next_word(&line, &word) || next_word(&line, &more)) {
        return refuse(r, form, "there is not one certificate");
    }
    if (r->to->authority_count == TRUST_AUTHORITIES_MAX) {
        return refuse(r, "keep those that are needed", "too many time-stamping authorities");
    }
    uint8_t *der = arena_take(&r->to->arena, word.size + 1);
    if (der == NULL) {
        return error_memory(r->e, r->file);
    }
    if (!base64_parse(word, der, word.size, &size) || size == 0) {
        return refuse(r, form, "the certificate is not base64");
    }
    r->to->authorities[r->to->authority_count++] = bytes_of(der, size);
    return true;
}

/* Takes our lines, and leaves empty ones in their place: so what is wrong in the others is told by its line. */
static bool read_own_lines(struct reading *r, struct bytes text, struct buffer *policy)
{
    struct bytes line, rest = text, word;
    while (rest.size > 0) {
        size_t end = bytes_find(rest, '\n');
        line = bytes_slice(rest, 0, end);
        bool is_whole = end < rest.size;
        rest = bytes_slice(rest, end + 1, rest.size);
        r->line++;
        struct bytes left = line;
        bool has_word = next_word(&left, &word);
        bool is_ours = true;
        if (has_word && bytes_equal(word, BYTES("community"))) {
            if (!read_community(r, left)) {
                return false;
            }
        } else if (has_word && bytes_equal(word, BYTES("timestamps"))) {
            if (!read_authority(r, left)) {
                return false;
            }
        } else {
            is_ours = false;
        }
        if (!is_ours) {
            buffer_append(policy, line);
        }
        if (is_whole) {
            buffer_append_u8(policy, '\n');
        }
    }
    return !policy->failed || error_memory(r->e, r->file);
}

bool trust_parse(struct trust **out, struct bytes text, const char *file, struct error *e)
{
    struct error ignored = { 0 };
    struct buffer policy;
    *out = NULL;
    struct trust *trust = calloc(1, sizeof *trust);
    if (trust == NULL) {
        return error_memory(e, file);
    }
    struct reading r = { .to = trust, .file = file, .e = e == NULL ? &ignored : e };
    buffer_init(&policy, QUORUM_BYTES_MAX);
    bool ok = text.size <= QUORUM_BYTES_MAX || refuse(&r, "is it the right file?", "it is too large");
    ok = ok && read_own_lines(&r, text, &policy) && quorum_parse(&trust->quorum, buffer_bytes(&policy), file, r.e);
    buffer_clear(&policy);
    if (!ok) {
        trust_free(trust);
        return false;
    }
    *out = trust;
    return true;
}

void trust_free(struct trust *trust)
{
    if (trust != NULL) {
        quorum_free(trust->quorum);
        arena_clear(&trust->arena);
        free(trust);
    }
}

void trust_write_community(struct buffer *out, struct bytes code, size_t threshold, const struct verifier *operators, size_t count)
{
    buffer_append_text(out, "community ");
    percent_append(out, code);
    buffer_append_format(out, " %zu", threshold);
    for (size_t i = 0; i < count; i++) {
        buffer_append_u8(out, ' ');
        verifier_write(&operators[i], out);
    }
    buffer_append_u8(out, '\n');
}
