/* Who is who: the directories of a bundle, and whose key signs which log. */
#include <stdio.h>
#include <stdlib.h>

#include "audit/verify_internal.h"
#include "crypto/note.h"

/* Whoever may sign a directory of `community`. */
struct candidate {
    struct bytes community;
    const struct verifier *operators;
    size_t operator_count, threshold;
};

enum trial { TRIAL_OTHER = 0, TRIAL_GOOD, TRIAL_REFUSED };

/* Did enough of them sign it, and is it their community's? */
static enum trial try_candidate(struct verifying *v, const struct candidate *c, struct bytes data, const struct note *note,
                                const char *where, struct directory **out)
{
    struct error cause;
    size_t good = 0;
    if (!note_verify(note, c->operators, c->operator_count, &good, NULL, where, &cause)) {
        (void)bundle_refuse(v->refusal, "evidence.signature", where, "%s", cause.what);
        return TRIAL_REFUSED;
    }
    if (good < c->threshold) {
        return TRIAL_OTHER;
    }
    if (!directory_parse(out, data, c->operators, c->operator_count, c->threshold, where, &cause)) {
        if (cause.kind == ERROR_MEMORY) {
            (void)verify_memory(v);
        } else {
            (void)bundle_refuse(v->refusal, "evidence.directory", cause.where, "%s", cause.what);
        }
        return TRIAL_REFUSED;
    }
    if (!bytes_equal((*out)->community, c->community)) {
        directory_free(*out); /* signed by operators of another community: not theirs to say */
        *out = NULL;
        return TRIAL_OTHER;
    }
    return TRIAL_GOOD;
}

static enum trial try_trusted(struct verifying *v, struct bytes data, const struct note *note, const char *where,
                              struct shown_directory *out)
{
    enum trial result = TRIAL_OTHER;
    for (size_t i = 0; result == TRIAL_OTHER && i < v->trust->community_count; i++) {
        const struct trust_community *t = &v->trust->communities[i];
        const struct candidate candidate = { t->code, t->operators, t->operator_count, t->threshold };
        result = try_candidate(v, &candidate, data, note, where, &out->directory);
    }
    out->from_ms = INT64_MIN;
    out->until_ms = INT64_MAX;
    return result;
}

/* The trust file has the last word on a community that it names. */
static bool is_named_by_trust(const struct verifying *v, struct bytes community)
{
    for (size_t i = 0; i < v->trust->community_count; i++) {
        if (bytes_equal(v->trust->communities[i].code, community)) {
            return true;
        }
    }
    return false;
}

/* By what a directory of the file recognises. Recognition is not transitive: only trusted ones recognise. */
static enum trial try_recognised(struct verifying *v, struct bytes data, const struct note *note, const char *where,
                                 struct shown_directory *out)
{
    enum trial result = TRIAL_OTHER;
    for (size_t i = 0; i < v->story->bundle.directory_count; i++) {
        const struct directory *own = v->story->directories[i].is_recognised ? NULL : v->story->directories[i].directory;
        for (size_t j = 0; own != NULL && result == TRIAL_OTHER && j < own->recognised_count; j++) {
            const struct directory_recognition *r = &own->recognised[j];
            const struct candidate candidate = { r->community, r->operators, r->operator_count, r->threshold };
            if (is_named_by_trust(v, r->community)) {
                continue;
            }
            result = try_candidate(v, &candidate, data, note, where, &out->directory);
            if (result == TRIAL_GOOD) {
                out->is_recognised = true;
                out->by = own->community;
                out->from_ms = r->valid_from_ms;
                out->until_ms = r->valid_until_ms;
            }
        }
    }
    return result;
}

static bool verify_one(struct verifying *v, size_t i, struct note *note, bool is_recognition)
{
    char where[32];
    struct error cause;
    struct bytes data = v->story->bundle.directories[i];
    struct shown_directory *out = &v->story->directories[i];
    if (out->directory != NULL) {
        return true;
    }
    (void)snprintf(where, sizeof where, "directory %zu", i + 1);
    if (!note_parse(note, data, where, &cause)) {
        return bundle_refuse(v->refusal, "evidence.directory", where, "%s", cause.what);
    }
    enum trial result = is_recognition ? try_recognised(v, data, note, where, out) : try_trusted(v, data, note, where, out);
    return result == TRIAL_GOOD || (result == TRIAL_OTHER && (!is_recognition || bundle_refuse(v->refusal, "evidence.trust", where,
                                                                                               "nobody whom you trust has signed it")));
}

/* First those of communities that the reader trusts, then those that these recognise: in whatever order they stand. */
bool verify_directories(struct verifying *v)
{
    struct note *note = malloc(sizeof *note);
    size_t count = v->story->bundle.directory_count;
    bool ok = note != NULL || verify_memory(v);
    for (size_t i = 0; ok && i < count; i++) {
        ok = verify_one(v, i, note, false);
    }
    for (size_t i = 0; ok && i < count; i++) {
        ok = verify_one(v, i, note, true);
    }
    free(note);
    return ok;
}

/* COMMUNITY/CLASS/MEMBER/CODE: of exactly this gateway, or a community could list another's log under its own key. */
static const struct directory_gateway *find_in(const struct directory *d, const struct identifier *id)
{
    struct identifier member = *id;
    member.part_count = 3;
    const struct directory_member *found = bytes_equal(d->community, id->parts[0]) ? directory_find_member(d, &member) : NULL;
    for (size_t i = 0; found != NULL && i < found->gateway_count; i++) {
        if (bytes_equal(found->gateways[i].code, id->parts[3])) {
            return &found->gateways[i];
        }
    }
    return NULL;
}

static bool is_valid_at(const struct shown_directory *d, int64_t time_ms)
{
    /* A statement's time is in whole seconds: its last millisecond may still be within. */
    int64_t latest_ms = time_ms + 999;
    return time_ms == 0 || (latest_ms >= d->directory->valid_from_ms && time_ms < d->directory->valid_until_ms && latest_ms >= d->from_ms &&
                            time_ms < d->until_ms);
}

bool verify_find_gateway(struct verifying *v, struct bytes origin, int64_t time_ms, const char *where, const struct directory_gateway **out)
{
    struct identifier id;
    uint8_t *storage = arena_take(&v->story->arena, origin.size + 1);
    bool is_known = false;
    if (storage == NULL) {
        return verify_memory(v);
    }
    if (!identifier_parse(origin, 4, 4, storage, &id, NULL)) {
        return bundle_refuse(v->refusal, "evidence.key", where, "the log's origin is no COMMUNITY/CLASS/MEMBER/GATEWAY");
    }
    for (size_t i = 0; i < v->story->bundle.directory_count; i++) {
        const struct shown_directory *d = &v->story->directories[i];
        const struct directory_gateway *found = find_in(d->directory, &id);
        if (found != NULL && bytes_equal(bytes_of_text(found->statement_key.name), origin)) {
            is_known = true;
            if (is_valid_at(d, time_ms)) {
                *out = found;
                return true;
            }
        }
    }
    return is_known
               ? bundle_refuse(v->refusal, "evidence.expired", where, "no directory with the key of %.*s was valid at the statement's time",
                               BYTES_FMT(bytes_slice(origin, 0, 120)))
               : bundle_refuse(v->refusal, "evidence.key", where, "no directory in the file has the key of the log %.*s",
                               BYTES_FMT(bytes_slice(origin, 0, 120)));
}

const struct shown_directory *verify_directory_of(const struct verifying *v, const uint8_t digest[SHA256_SIZE])
{
    for (size_t i = 0; i < v->story->bundle.directory_count; i++) {
        if (memcmp(v->story->directories[i].directory->digest, digest, SHA256_SIZE) == 0) {
            return &v->story->directories[i];
        }
    }
    return NULL;
}

bool verify_same_member(struct verifying *v, struct bytes a, struct bytes b)
{
    struct identifier left, right;
    uint8_t *storage = arena_take(&v->story->arena, a.size + b.size + 1);
    if (storage == NULL || !identifier_parse(a, 3, 5, storage, &left, NULL) || !identifier_parse(b, 3, 5, storage + a.size, &right, NULL)) {
        return false;
    }
    left.part_count = right.part_count = 3;
    return identifier_equal(&left, &right);
}
