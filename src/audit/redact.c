#include "audit/redact.h"

#include <stdlib.h>

#include "base/encode.h"
#include "consent/event_text.h"
#include "evidence/receipt.h"

bool redaction_parse(struct bytes text, unsigned *what, struct error *e)
{
    static const struct {
        const char *name;
        unsigned bit;
    } words[] = {
        { "person", REDACT_PERSON }, { "path", REDACT_PATH },       { "request", REDACT_REQUEST }, { "decision", REDACT_DECISION },
        { "answer", REDACT_ANSWER }, { "consent", REDACT_CONSENT }, { "policy", REDACT_POLICY },
    };
    struct bytes word;
    *what = 0;
    while (bytes_split(&text, ',', &word)) {
        size_t i = 0;
        while (i < COUNT_OF(words) && !bytes_equal(word, bytes_of_text(words[i].name))) {
            i++;
        }
        if (i == COUNT_OF(words)) {
            return error_set(e, ERROR_INPUT, "--redact",
                             "name person, path, request, decision, answer, consent, policy, with commas between",
                             "'%.*s' is nothing that can be left out", BYTES_FMT(bytes_slice(word, 0, 40)));
        }
        *what |= words[i].bit;
    }
    return true;
}

/* Its receipts then open the entry only, and not what is in it. */
static bool hide(struct bundle_statement *s, struct arena *arena, struct error *e)
{
    if (s->is_hidden) {
        return true;
    }
    struct receipt *receipt = malloc(sizeof *receipt);
    bool ok = receipt != NULL || error_memory(e, "receipt");
    for (size_t i = 0; ok && i < s->receipt_count; i++) {
        uint8_t entry[SHA256_SIZE];
        struct buffer text;
        buffer_init(&text, 2 * RECEIPT_BYTES_MAX);
        ok = receipt_parse(s->receipts[i].text, receipt, e);
        if (ok) {
            commitment(receipt->salt, s->text, entry);
            receipt_write(&text, entry, receipt->index, (const uint8_t(*)[SHA256_SIZE])receipt->path, receipt->path_count,
                          receipt->checkpoint);
            s->receipts[i].text = text.failed ? BYTES_NONE : arena_copy(arena, buffer_bytes(&text));
            ok = s->receipts[i].text.data != NULL || error_memory(e, "receipt");
        }
        buffer_clear(&text);
    }
    free(receipt);
    s->is_hidden = true;
    s->text = BYTES_NONE;
    s->has_consistency = false;
    s->signature = BYTES_NONE; /* it would confirm a guess at the text */
    return ok;
}

/* ---- Where the person's identifier stands ---- */

static bool holds(struct bytes text, struct bytes wanted)
{
    return wanted.size > 0 && text.size >= wanted.size && memmem(text.data, text.size, wanted.data, wanted.size) != NULL;
}

/* %XX decoded wherever it can be; other '%' stay. Twice, since a path may hold an identifier that was escaped before. */
static bool holds_decoded(struct bytes text, struct bytes wanted, struct arena *arena, bool *is_there)
{
    *is_there = holds(text, wanted);
    for (int round = 0; round < 2 && !*is_there; round++) {
        uint8_t *out = arena_take(arena, text.size + 1);
        size_t size = 0;
        if (out == NULL) {
            return false;
        }
        for (size_t i = 0; i < text.size; i++) {
            uint8_t byte;
            bool is_escape = text.data[i] == '%' && i + 2 < text.size && hex_parse(bytes_slice(text, i + 1, i + 3), &byte, 1);
            out[size++] = is_escape ? byte : round == 1 && text.data[i] == '+' ? ' ' : text.data[i]; /* of a form: '+' is a space */
            i += is_escape ? 2 : 0;
        }
        text = bytes_of(out, size);
        *is_there = holds(text, wanted);
    }
    return true;
}

static bool find_person(const struct bundle *bundle, struct arena *arena, struct bytes *person, bool *is_known, struct error *e)
{
    *person = BYTES_NONE;
    *is_known = false;
    for (size_t i = 0; i < bundle->statement_count; i++) {
        const struct bundle_statement *s = &bundle->statements[i];
        struct bytes value;
        if (s->role != ROLE_DECISION || s->is_hidden) {
            continue;
        }
        *is_known = true;
        if (event_text_get(s->text, "person", &value)) {
            *person = event_text_decode(arena, value);
            return person->data != NULL || error_memory(e, "evidence");
        }
    }
    return true;
}

static unsigned bit_of(enum bundle_role role)
{
    static const unsigned bits[ROLE_COUNT] = { REDACT_REQUEST, REDACT_DECISION, REDACT_ANSWER, REDACT_CONSENT, 0 };
    return bits[role];
}

bool bundle_redact(struct bundle *bundle, unsigned what, struct arena *arena, struct error *e)
{
    struct bytes person = BYTES_NONE;
    bool is_known = false, is_decision_hidden = true, is_anything_left = false;
    if ((what & REDACT_PERSON) != 0 && !find_person(bundle, arena, &person, &is_known, e)) {
        return false;
    }
    if ((what & REDACT_PATH) != 0 || ((what & REDACT_PERSON) != 0 && !is_known)) {
        what |= REDACT_REQUEST | REDACT_ANSWER;
    }
    if ((what & REDACT_PERSON) != 0) {
        what |= REDACT_CONSENT | (person.size > 0 ? REDACT_DECISION : 0);
    }
    for (size_t i = 0; i < bundle->statement_count; i++) {
        struct bundle_statement *s = &bundle->statements[i];
        bool is_named = false;
        if ((what & REDACT_PERSON) != 0 && !holds_decoded(s->text, person, arena, &is_named)) {
            return error_memory(e, "evidence");
        }
        if (((what & bit_of(s->role)) != 0 || is_named) && !hide(s, arena, e)) {
            return false;
        }
        is_anything_left = is_anything_left || (s->role <= ROLE_ANSWER && !s->is_hidden);
        is_decision_hidden = is_decision_hidden && (s->role != ROLE_DECISION || s->is_hidden);
    }
    if (!is_anything_left) {
        return error_set(e, ERROR_DENIED, "evidence",
                         "leave out less: a person in the path or query is named by request, decision and answer",
                         "nothing of the exchange would be left to prove");
    }
    /* Nothing then says that this policy was in force. */
    if ((what & REDACT_POLICY) != 0 || is_decision_hidden) {
        bundle->has_policy = false;
        bundle->policy = BYTES_NONE;
    }
    return true;
}
