/* What decisions stand on is kept and logged before anything is decided on it: directory notes, policy and law, by digest (evidence/archive.h). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/time.h"
#include "consent/event_text.h"
#include "evidence/archive.h"
#include "gateway/gateway_internal.h"
#include "store/policies.h"
#include "store/state.h"

enum { PATH_BYTES_MAX = 4096 };

/* ---- Directories ---- */

/* FOLDER/COMMUNITY.note, as directory/world.c finds it. */
static bool foreign_path(const char *folder, struct bytes community, char out[PATH_BYTES_MAX])
{
    struct buffer path;
    buffer_init(&path, PATH_BYTES_MAX - 1);
    buffer_append_text(&path, folder);
    buffer_append_u8(&path, '/');
    percent_append(&path, community);
    buffer_append_text(&path, ".note");
    bool ok = !path.failed;
    if (ok) {
        memcpy(out, path.data, path.size);
        out[path.size] = '\0';
    }
    buffer_clear(&path);
    return ok;
}

/* Reads a note that was loaded a moment ago. Heap: the caller frees. */
static bool read_note(const char *path, uint8_t **data, size_t *size, struct error *e)
{
    char folder[PATH_BYTES_MAX];
    struct disk *disk = NULL;
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1, slash == NULL ? "." : path);
    if (!disk_open_folder(&disk, folder, true, e)) {
        return false;
    }
    int fault = disk_read_whole(disk, slash == NULL ? path : slash + 1, ARCHIVE_BYTES_MAX, data, size);
    disk_free(disk);
    errno = fault;
    return fault == 0 || error_system(e, path, "check the file, then load the directory again");
}

bool grounds_read_note(struct gateway *gateway, const struct directory *directory, uint8_t **data, size_t *size, struct error *e)
{
    const struct gateway_config *config = gateway->config;
    char path[PATH_BYTES_MAX];
    if (bytes_equal(directory->community, config->member.parts[0])) {
        return read_note(config->directory.file, data, size, e);
    }
    if (!foreign_path(config->directory.foreign_folder, directory->community, path)) {
        return error_set(e, ERROR_INPUT, "directory.foreign_folder", "use a shorter path", "the path of a directory is too long");
    }
    return read_note(path, data, size, e);
}

static bool keep_note(struct gateway *gateway, struct disk *archive, const struct directory *directory, struct error *e)
{
    uint8_t *data = NULL;
    size_t size = 0;
    uint8_t digest[SHA256_SIZE];
    if (!gateway->places->read_note(gateway, directory, &data, &size, e)) {
        return false;
    }
    bool ok = archive_put_note(archive, bytes_of(data, size), digest, e);
    free(data);
    return ok && (memcmp(digest, directory->digest, sizeof digest) == 0 ||
                  error_set(e, ERROR_INPUT, "directory", "load the directory again", "the directory was replaced while it was loaded"));
}

/* One event a directory that this log has not named last: "its own inclusion" at the time when it was used. */
static bool log_directory(struct gateway *gateway, const struct directory *directory, struct error *e)
{
    char name[512], hex[2 * SHA256_SIZE + 1];
    struct buffer before, now, text;
    uint64_t index = 0;
    int size = snprintf(name, sizeof name, "directory.logged.%.*s", BYTES_FMT(directory->community));
    if (size < 0 || (size_t)size >= sizeof name) {
        return error_set(e, ERROR_INPUT, "directory", NULL, "the community's name is too long");
    }
    buffer_init(&before, 4096);
    buffer_init(&now, 4096);
    buffer_init(&text, 8192);
    hex_write(bytes_of(directory->digest, SHA256_SIZE), hex);
    buffer_append_format(&now, "%s %.*s", hex, BYTES_FMT(gateway->config->origin));
    bool ok = state_get_text(gateway->store, name, &before, e) || e->kind == ERROR_ABSENT;
    if (ok && !bytes_equal(buffer_bytes(&before), buffer_bytes(&now))) {
        struct buffer community;
        buffer_init(&community, 1024);
        percent_append(&community, directory->community);
        event_text_append(&text, "comity-event", BYTES("directory/1"));
        event_text_append(&text, "community", buffer_bytes(&community));
        event_text_append_decimal(&text, "serial", (int64_t)directory->serial);
        event_text_append_digest(&text, "digest", directory->digest);
        event_text_append_decimal(&text, "time", time_now_ms());
        ok = (!text.failed && !now.failed && !community.failed) || error_memory(e, "directory");
        /* A crash in between logs it once more at the next start, which says nothing wrong. */
        ok = ok && committer_append(gateway->committer, RECORD_EVENT, buffer_bytes(&text), BYTES_NONE, &index, e) &&
             state_set_text(gateway->store, name, buffer_bytes(&now), e);
        buffer_clear(&community);
    }
    buffer_clear(&before);
    buffer_clear(&now);
    buffer_clear(&text);
    return ok;
}

static bool keep_directories(struct gateway *gateway, const struct snapshot *snapshot, struct disk *archive, struct error *e)
{
    const struct world *world = snapshot->world;
    bool ok = keep_note(gateway, archive, world->own, e) && log_directory(gateway, world->own, e);
    for (size_t i = 0; ok && i < world->foreign_count; i++) {
        ok = keep_note(gateway, archive, world->foreign[i], e) && log_directory(gateway, world->foreign[i], e);
    }
    return ok;
}

/* ---- Policy ---- */

struct wanted {
    struct disk *archive;
    const uint8_t *digest;
    struct error *e;
    bool is_found, ok;
};

static bool keep_version(void *context, const struct policy_version *version)
{
    struct wanted *wanted = context;
    if (memcmp(version->digest, wanted->digest, SHA256_SIZE) != 0) {
        return true;
    }
    wanted->is_found = true;
    wanted->ok = archive_put_text(wanted->archive, version->text, NULL, wanted->e);
    return false;
}

static bool keep_policy(struct gateway *gateway, const struct snapshot *snapshot, struct disk *archive, struct error *e)
{
    static const struct bytes none = BYTES("{}\n"); /* in force until something is applied: see load_policy() */
    uint8_t digest[SHA256_SIZE];
    struct wanted wanted = { .archive = archive, .digest = snapshot->policy->digest, .e = e };
    sha256(none, digest);
    if (memcmp(digest, snapshot->policy->digest, sizeof digest) == 0) {
        return archive_put_text(archive, none, NULL, e);
    }
    if (!policy_store_history(gateway->store, keep_version, &wanted, e)) {
        return false;
    }
    return wanted.is_found ? wanted.ok
                           : error_set(e, ERROR_ABSENT, "policy", "apply it again", "the store no longer has the policy in force");
}

/* ---- Law ---- */

/* One event a law that this log has not named last: by which law of our community decisions are made from here on. */
static bool log_law(struct gateway *gateway, const struct law *law, struct error *e)
{
    char hex[2 * SHA256_SIZE + 1];
    struct buffer before, now, text;
    uint64_t index = 0;
    buffer_init(&before, 4096);
    buffer_init(&now, 4096);
    buffer_init(&text, 4096);
    hex_write(bytes_of(law->digest, SHA256_SIZE), hex);
    buffer_append_format(&now, "%s %.*s", hex, BYTES_FMT(gateway->config->origin));
    bool ok = state_get_text(gateway->store, "law.logged", &before, e) || e->kind == ERROR_ABSENT;
    if (ok && !bytes_equal(buffer_bytes(&before), buffer_bytes(&now))) {
        event_text_append(&text, "comity-event", BYTES("law/1"));
        event_text_append(&text, "id", law->id);
        event_text_append(&text, "version", law->version);
        event_text_append_digest(&text, "digest", law->digest);
        event_text_append_decimal(&text, "time", time_now_ms());
        ok = (!text.failed && !now.failed) || error_memory(e, "law");
        ok = ok && committer_append(gateway->committer, RECORD_EVENT, buffer_bytes(&text), BYTES_NONE, &index, e) &&
             state_set_text(gateway->store, "law.logged", buffer_bytes(&now), e);
    }
    buffer_clear(&before);
    buffer_clear(&now);
    buffer_clear(&text);
    return ok;
}

static bool keep_laws(struct gateway *gateway, const struct snapshot *snapshot, struct disk *archive, struct error *e)
{
    if (!archive_put_text(archive, snapshot->law->text, NULL, e) || !log_law(gateway, snapshot->law, e)) {
        return false;
    }
    for (size_t i = 0; i < snapshot->foreign_law_count; i++) {
        if (snapshot->foreign_laws[i] != NULL && !archive_put_text(archive, snapshot->foreign_laws[i]->text, NULL, e)) {
            return false;
        }
    }
    return true;
}

bool grounds_keep(struct gateway *gateway, const struct snapshot *snapshot, struct error *e)
{
    struct disk *archive = NULL;
    bool ok = gateway->places->open_archive(gateway, &archive, e) && keep_policy(gateway, snapshot, archive, e) &&
              keep_directories(gateway, snapshot, archive, e) && keep_laws(gateway, snapshot, archive, e);
    disk_free(archive);
    return ok;
}
