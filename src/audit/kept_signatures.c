#include "audit/kept_signatures.h"

#include <stdlib.h>

#include "audit/said.h"
#include "base/encode.h"
#include "directory/directory.h"
#include "evidence/archive.h"
#include "evidence/individual.h"

/* Everything that grows here grows by what directories name, which their own limits bound. */
struct signers {
    struct verifier *keys;
    size_t count, capacity;
};
struct trusted { /* who may sign a directory: a recognition in one of our own */
    struct signers operators;
    size_t threshold;
};
struct digests {
    uint8_t (*list)[SHA256_SIZE];
    size_t count, capacity;
    bool has_failed;
};
struct kept_signatures {
    struct kept_signatures_source source;
    bool is_loaded;
    struct signers gateways;
    struct trusted *recognitions;
    size_t recognition_count, recognition_capacity;
    struct arena arena;
};

bool kept_signatures_make(struct kept_signatures **out, const struct kept_signatures_source *source, struct error *e)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return error_memory(e, "signatures");
    }
    (*out)->source = *source;
    return true;
}

void kept_signatures_free(struct kept_signatures *kept)
{
    if (kept == NULL) {
        return;
    }
    for (size_t i = 0; i < kept->recognition_count; i++) {
        free(kept->recognitions[i].operators.keys);
    }
    free(kept->recognitions);
    free(kept->gateways.keys);
    arena_clear(&kept->arena);
    free(kept);
}

/* ---- The keys that the archive's directories name ---- */

/* Makes room for one more. False: memory. */
static bool grow(void **list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return true;
    }
    size_t more = *capacity == 0 ? 16 : 2 * *capacity;
    void *grown = reallocarray(*list, more, size);
    if (grown == NULL) {
        return false;
    }
    *list = grown;
    *capacity = more;
    return true;
}

static bool add_key(struct signers *to, const struct verifier *key)
{
    for (size_t i = 0; i < to->count; i++) {
        if (verifier_equal(&to->keys[i], key)) {
            return true;
        }
    }
    void *list = to->keys;
    if (!grow(&list, to->count, &to->capacity, sizeof *to->keys)) {
        return false;
    }
    to->keys = list;
    to->keys[to->count++] = *key;
    return true;
}

static bool add_gateways(struct kept_signatures *k, const struct directory *d)
{
    for (size_t i = 0; i < d->member_count; i++) {
        for (size_t j = 0; j < d->members[i].gateway_count; j++) {
            if (!add_key(&k->gateways, &d->members[i].gateways[j].statement_key)) {
                return false;
            }
        }
    }
    return true;
}

static bool add_recognitions(struct kept_signatures *k, const struct directory *d)
{
    for (size_t i = 0; i < d->recognised_count; i++) {
        const struct directory_recognition *r = &d->recognised[i];
        void *list = k->recognitions;
        if (!grow(&list, k->recognition_count, &k->recognition_capacity, sizeof *k->recognitions)) {
            return false;
        }
        k->recognitions = list;
        struct trusted *to = &k->recognitions[k->recognition_count++];
        *to = (struct trusted){ .threshold = r->threshold };
        for (size_t j = 0; j < r->operator_count; j++) {
            if (!add_key(&to->operators, &r->operators[j])) {
                return false;
            }
        }
    }
    return true;
}

static void note_name(void *context, const char *name, bool is_folder)
{
    struct digests *d = context;
    uint8_t digest[SHA256_SIZE];
    if (is_folder || strlen(name) != 2 * (size_t)SHA256_SIZE || !hex_parse(bytes_of_text(name), digest, sizeof digest)) {
        return;
    }
    void *list = d->list;
    d->has_failed = d->has_failed || !grow(&list, d->count, &d->capacity, sizeof *d->list);
    d->list = list;
    if (!d->has_failed) {
        memcpy(d->list[d->count++], digest, sizeof digest);
    }
}

/* What is kept under a digest, as a directory that one of these has signed; NULL when it is none. */
static struct directory *read_directory(struct kept_signatures *k, const uint8_t digest[SHA256_SIZE], bool is_own)
{
    struct directory *d = NULL;
    struct buffer note;
    buffer_init(&note, ARCHIVE_BYTES_MAX);
    if (archive_get(k->source.archive, digest, &note, NULL)) {
        if (is_own && !directory_parse(&d, buffer_bytes(&note), k->source.operators, k->source.operator_count, k->source.threshold,
                                       "archive", NULL)) {
            d = NULL;
        }
        for (size_t i = 0; !is_own && d == NULL && i < k->recognition_count; i++) {
            const struct trusted *by = &k->recognitions[i];
            if (!directory_parse(&d, buffer_bytes(&note), by->operators.keys, by->operators.count, by->threshold, "archive", NULL)) {
                d = NULL;
            }
        }
    }
    buffer_clear(&note);
    return d;
}

static bool load(struct kept_signatures *k)
{
    struct digests digests = { 0 };
    bool ok = k->source.archive->functions->list(k->source.archive, "", note_name, &digests) == 0 && !digests.has_failed;
    /* Our own first: they say whose the others are. */
    for (int round = 0; ok && round < 2; round++) {
        for (size_t i = 0; ok && i < digests.count; i++) {
            struct directory *d = read_directory(k, digests.list[i], round == 0);
            ok = d == NULL || (add_gateways(k, d) && (round > 0 || add_recognitions(k, d)));
            directory_free(d);
        }
    }
    free(digests.list);
    return ok;
}

/* ---- One entry ---- */

/* The message beside which the signature lies: its statement. */
static struct bytes message_of(const struct log_entry *entry, struct bytes attachment)
{
    struct reader r = { .left = attachment };
    if (entry->kind != RECORD_DECISION) {
        return entry->statement;
    }
    struct bytes statement = reader_take(&r, reader_u32(&r));
    return r.failed ? BYTES_NONE : statement;
}

static bool is_good(struct kept_signatures *k, struct bytes sender, bool is_ours, struct bytes text, const uint8_t *signature,
                    bool *is_known)
{
    if (is_ours) {
        *is_known = true;
        return bytes_equal(sender, bytes_of_text(k->source.log->name)) && verifier_check(k->source.log, text, signature);
    }
    bool is_found = false;
    for (size_t i = 0; i < k->gateways.count && !is_found; i++) {
        const struct verifier *key = &k->gateways.keys[i];
        if (bytes_equal(bytes_of_text(key->name), sender)) {
            *is_known = true;
            is_found = verifier_check(key, text, signature);
        }
    }
    return is_found;
}

bool kept_signatures_check(void *context, const struct log_entry *entry, struct error *fault)
{
    static const char where[] = "signature", todo[] = "restore the record from a copy";
    struct kept_signatures *k = context;
    struct bytes attachment = entry->attachment;
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    struct said said;
    struct individual_base base;
    bool is_known = false;
    if (entry->kind == RECORD_EVENT || entry->kind == RECORD_NONE || !individual_detach(&attachment, signature)) {
        return true;
    }
    bool is_ours = entry->kind == RECORD_REQUEST_SENT || entry->kind == RECORD_ANSWER_SENT;
    if (!is_ours && !k->is_loaded) {
        k->is_loaded = true;
        if (!load(k)) {
            return error_set(fault, ERROR_IO, where, "check the archive's folder",
                             "the directories that name the senders' keys can't be read");
        }
    }
    if (!said_parse(message_of(entry, attachment), &said, where, fault)) {
        return error_set(fault, ERROR_INPUT, where, todo, "there is no message that the signature could be of");
    }
    arena_clear(&k->arena);
    if (!individual_base_make(said.text, &k->arena, &base, fault)) {
        return false;
    }
    if (is_good(k, said.parameters.keyid, is_ours, base.text, signature, &is_known)) {
        return true;
    }
    return is_known ? error_set(fault, ERROR_DENIED, where, todo, "the signature beside it is not one of this message by its sender")
                    : error_set(fault, ERROR_ABSENT, where, "restore the archive's folder from a copy",
                                "no directory in the archive has the key of the sender of the message signed beside it");
}
