/* What the exchange stood on: directories, policy, consents. */
#include "audit/export_internal.h"
#include "base/encode.h"
#include "consent/event_text.h"
#include "directory/identifier.h"
#include "evidence/archive.h"

/* ---- Directories ---- */

/* Adds the note with this digest, once. `is_needed`: its absence is an error; else it is left out. */
static bool add_directory(struct exporting *x, const uint8_t digest[SHA256_SIZE], bool is_needed)
{
    struct buffer note;
    for (size_t i = 0; i < x->bundle->directory_count; i++) {
        if (memcmp(x->digests[i], digest, SHA256_SIZE) == 0) {
            return true;
        }
    }
    if (x->bundle->directory_count == BUNDLE_DIRECTORIES_MAX) {
        return true;
    }
    buffer_init(&note, ARCHIVE_BYTES_MAX);
    bool ok = archive_get(x->source->archive, digest, &note, x->e);
    if (ok) {
        memcpy(x->digests[x->bundle->directory_count], digest, SHA256_SIZE);
        struct bytes *to = &x->bundle->directories[x->bundle->directory_count++];
        *to = arena_copy(x->arena, buffer_bytes(&note));
        ok = to->data != NULL || error_memory(x->e, "directory");
    } else if (x->e->kind == ERROR_ABSENT && !is_needed) {
        ok = true;
    }
    buffer_clear(&note);
    return ok;
}

static bool add_named(struct exporting *x, const struct said *said)
{
    struct bytes community;
    uint64_t serial = 0;
    uint8_t digest[SHA256_SIZE];
    bool is_own = bytes_equal(said->parameters.keyid, x->source->origin);
    /* The other side may have had a newer one than we had. */
    return !said_directory(said_value(said, "comity-directory", false), &community, &serial, digest) || add_directory(x, digest, is_own);
}

static uint64_t first_index(const struct exporting *x)
{
    return x->decision.is_there ? x->decision.index : x->is_holder ? x->answer_sent.index : x->request_sent.index;
}

/* The newest `directory/1` event before the exchange that is of this community (still encoded), or that has this digest. */
static bool find_in_force(struct exporting *x, struct bytes community, const uint8_t *digest, struct kept_entry *out)
{
    *out = (struct kept_entry){ .is_there = false };
    for (size_t i = x->event_count; i > 0; i--) {
        struct log_entry entry;
        struct bytes value;
        uint8_t found[SHA256_SIZE];
        if (x->events[i - 1] >= first_index(x)) {
            continue;
        }
        if (!log_reader_get(x->reader, x->events[i - 1], &entry, x->e)) {
            return false;
        }
        if (!event_text_is(entry.statement, "directory/1") || !event_text_get(entry.statement, "digest", &value) ||
            !said_digest(value, found)) {
            continue;
        }
        bool is_it = digest != NULL ? memcmp(found, digest, sizeof found) == 0
                                    : event_text_get(entry.statement, "community", &value) && bytes_equal(value, community);
        if (is_it) {
            return export_keep(x, &entry, out);
        }
    }
    return true;
}

/* The directory of the other side's community that we used. */
static bool add_used(struct exporting *x, struct bytes origin)
{
    struct kept_entry event;
    struct bytes value;
    uint8_t digest[SHA256_SIZE];
    struct bytes community = bytes_slice(origin, 0, bytes_find(origin, '/'));
    if (!find_in_force(x, community, NULL, &event)) {
        return false;
    }
    return !event.is_there || !event_text_get(event.statement, "digest", &value) || !said_digest(value, digest) ||
           add_directory(x, digest, false);
}

bool export_directories(struct exporting *x)
{
    struct bytes value;
    uint8_t digest[SHA256_SIZE];
    if (x->is_holder && x->decision.is_there && event_text_get(x->decision.statement, "directory", &value) && said_digest(value, digest) &&
        !add_directory(x, digest, true)) {
        return false;
    }
    if ((x->has_answer && x->is_holder && !add_named(x, &x->answer)) || (x->has_request && !add_named(x, &x->request)) ||
        (x->has_answer && !x->is_holder && !add_named(x, &x->answer))) {
        return false;
    }
    return (!x->has_request || add_used(x, x->request.parameters.keyid)) && (!x->has_answer || add_used(x, x->answer.parameters.keyid));
}

bool export_in_force(struct exporting *x)
{
    size_t added = 0;
    for (size_t i = 0; i < x->event_count && added < BUNDLE_IN_FORCE_MAX; i++) {
        struct log_entry entry;
        struct kept_entry kept, newest;
        struct bytes value;
        uint8_t digest[SHA256_SIZE];
        bool is_ours = false;
        if (x->events[i] >= first_index(x)) {
            break;
        }
        if (!log_reader_get(x->reader, x->events[i], &entry, x->e)) {
            return false;
        }
        if (!event_text_is(entry.statement, "directory/1") || !event_text_get(entry.statement, "digest", &value) ||
            !said_digest(value, digest)) {
            continue;
        }
        for (size_t j = 0; j < x->bundle->directory_count; j++) {
            is_ours = is_ours || memcmp(x->digests[j], digest, sizeof digest) == 0;
        }
        if (!is_ours) {
            continue;
        }
        if (!export_keep(x, &entry, &kept) || !find_in_force(x, BYTES_NONE, digest, &newest)) {
            return false;
        }
        if (newest.index == kept.index) { /* of several the last */
            if (!export_add(x, ROLE_IN_FORCE, &kept, kept.statement, BYTES_NONE)) {
                return false;
            }
            added++;
        }
    }
    return true;
}

/* ---- Policy ---- */

bool export_policy(struct exporting *x)
{
    struct bytes value;
    uint8_t digest[SHA256_SIZE];
    struct buffer text;
    if (!x->options->has_policy || !x->is_holder || !x->decision.is_there || !event_text_get(x->decision.statement, "policy", &value) ||
        !said_digest(value, digest)) {
        return true;
    }
    buffer_init(&text, ARCHIVE_BYTES_MAX);
    bool ok = archive_get(x->source->archive, digest, &text, x->e);
    if (ok) {
        x->bundle->has_policy = true;
        x->bundle->policy = arena_copy(x->arena, buffer_bytes(&text));
        ok = x->bundle->policy.data != NULL || error_memory(x->e, "policy");
    }
    buffer_clear(&text);
    return ok;
}

/* ---- Consents ---- */

struct subject {
    struct bytes person, purpose, recipient; /* as the events write them */
};

static bool is_value(struct bytes text, const char *name, struct bytes wanted)
{
    struct bytes value;
    return event_text_get(text, name, &value) && bytes_equal(value, wanted);
}

static bool is_about(const struct subject *subject, struct bytes event)
{
    return event_text_is(event, "consent/1") && is_value(event, "person", subject->person) &&
           is_value(event, "purpose", subject->purpose) && is_value(event, "recipient", subject->recipient);
}

/* The member of a subsystem: the first three parts. */
static struct bytes member_of(struct bytes client)
{
    size_t slashes = 0, end = 0;
    while (end < client.size && (client.data[end] != '/' || ++slashes < 3)) {
        end++;
    }
    return bytes_slice(client, 0, end);
}

/* Which events are about the subject; only the newest are kept when there are more than a bundle takes. */
static bool find_consents(struct exporting *x, const struct subject *subject, uint64_t found[BUNDLE_CONSENTS_MAX], size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < x->event_count; i++) {
        struct log_entry entry;
        if (!log_reader_get(x->reader, x->events[i], &entry, x->e)) {
            return false;
        }
        /* What is not under the checkpoint yet can't be proved, and came after the exchange. */
        if (x->events[i] >= x->view.size || !is_about(subject, entry.statement)) {
            continue;
        }
        if (*count == BUNDLE_CONSENTS_MAX) {
            memmove(found, found + 1, (BUNDLE_CONSENTS_MAX - 1) * sizeof *found);
            (*count)--;
        }
        found[(*count)++] = x->events[i];
    }
    return true;
}

bool export_consents(struct exporting *x)
{
    uint64_t found[BUNDLE_CONSENTS_MAX];
    size_t count = 0;
    struct bytes client;
    struct subject subject;
    if (!x->is_holder || !x->decision.is_there || !event_text_get(x->decision.statement, "person", &subject.person) ||
        !event_text_get(x->decision.statement, "purpose", &subject.purpose) || !event_text_get(x->decision.statement, "client", &client)) {
        return true;
    }
    subject.recipient = member_of(client);
    if (!find_consents(x, &subject, found, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct log_entry entry;
        struct kept_entry kept;
        if (!log_reader_get(x->reader, found[i], &entry, x->e) || !export_keep(x, &entry, &kept) ||
            !export_add(x, ROLE_CONSENT, &kept, kept.statement, BYTES_NONE)) {
            return false;
        }
    }
    return true;
}
