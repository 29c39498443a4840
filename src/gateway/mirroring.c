#include "gateway/mirroring_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "gateway/witnessing_internal.h"
#include "witness/key.h"

enum { FOLDER_SIZE = 4096 + STATE_NAME_SIZE };

static bool open_folder(void *context, const char *name, struct disk **out, struct error *e)
{
    const struct gateway *gateway = context;
    char folder[FOLDER_SIZE];
    int size = snprintf(folder, sizeof folder, "%s/%s", gateway->config->mirrors_folder, name);
    if (size < 0 || (size_t)size >= sizeof folder) {
        return error_set(e, ERROR_INPUT, "mirror.folder", "choose a shorter path", "the path is too long");
    }
    return disk_open_folder(out, folder, true, e);
}

/* One writer: `comity log mirror` takes the same lock. */
static bool take_lock(struct mirroring *m, const char *folder, struct error *e)
{
    char path[FOLDER_SIZE];
    int size = snprintf(path, sizeof path, "%s/lock", folder);
    if (size < 0 || (size_t)size >= sizeof path) {
        return error_set(e, ERROR_INPUT, "mirror.folder", "choose a shorter path", "the path is too long");
    }
    m->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (m->lock < 0) {
        return error_system(e, path, "check the folder's owner and mode");
    }
    if (flock(m->lock, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? error_set(e, ERROR_DENIED, path, "end the `comity log mirror` that runs, or give it another folder",
                                                "another process writes copies there")
                                    : error_system(e, path, "use a file system with locks");
    }
    return true;
}

/* The folder is public, for static servers and for rsync; what is not for them in it says nothing that the copies do not. */
bool mirroring_open(struct gateway *gateway, struct error *e)
{
    const struct gateway_config *config = gateway->config;
    struct mirroring *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return error_memory(e, "mirror");
    }
    gateway->mirroring = m;
    m->lock = -1;
    mirror_metrics_register();
    if (!config->mirrors_peers && config->mirrored_count == 0) {
        return true;
    }
    const struct signer *witness = gateway->witnessing->signer;
    if (!mirror_key_load(&m->signer, config->origin, config->mirror_key_path, signer_verifier(gateway->signer),
                         witness == NULL ? NULL : signer_verifier(witness), e)) {
        if (e != NULL && e->kind == ERROR_ABSENT) {
            (void)snprintf(e->todo, sizeof e->todo, "make one with `comity log mirror --make`, or take mirror.logs out");
        }
        return false;
    }
    if (!disk_open_folder(&m->disk, config->mirrors_folder, true, e) || !take_lock(m, config->mirrors_folder, e)) {
        return false;
    }
    const struct mirror_options options = {
        .disk = m->disk,
        .cosigner = m->signer,
        .watch = gateway->witnessing->watch,
        .own_origin = config->origin,
        .origins = config->mirrored,
        .origin_count = config->mirrored_count,
        .is_for_peers = config->mirrors_peers,
        .bytes_max = config->mirror_bytes_max,
        .open_folder = open_folder,
        .context = gateway,
    };
    return mirror_make(&m->mirror, &options, e);
}

/* With mirrors in the quorum's policy they are brought to just the checkpoint that cosignatures are collected for. */
static bool choose(void *context, struct buffer *note)
{
    const struct gateway *gateway = context;
    struct cosigner *cosigner = gateway->witnessing->cosigner;
    return cosigner != NULL && cosigner_wants(cosigner, note);
}

static void take_lines(void *context, struct bytes note, struct bytes lines)
{
    const struct gateway *gateway = context;
    struct cosigner *cosigner = gateway->witnessing->cosigner;
    (void)note;
    if (cosigner != NULL) {
        cosigner_offer(cosigner, lines);
    }
}

bool mirroring_start(struct gateway *gateway, struct error *e)
{
    const struct gateway_config *config = gateway->config;
    if (config->mirror_count == 0) {
        return true;
    }
    const struct mirror_pusher_options options = {
        .public = gateway->public_disk,
        .log = signer_verifier(gateway->signer),
        .urls = config->mirrors,
        .url_count = config->mirror_count,
        .find_peer = witnessing_find_peer,
        .release_peer = witnessing_release_peer,
        .choose = choose,
        .on_signed = take_lines,
        .context = gateway,
    };
    return mirror_pusher_start(&gateway->mirroring->pusher, &options, e);
}

void mirroring_stop(struct gateway *gateway)
{
    if (gateway->mirroring != NULL) {
        mirror_pusher_stop(gateway->mirroring->pusher);
        gateway->mirroring->pusher = NULL;
    }
}

void mirroring_free(struct gateway *gateway)
{
    struct mirroring *m = gateway->mirroring;
    if (m == NULL) {
        return;
    }
    mirroring_stop(gateway);
    mirror_free(m->mirror);
    signer_free(m->signer);
    disk_free(m->disk);
    if (m->lock >= 0) {
        (void)close(m->lock);
    }
    free(m);
    gateway->mirroring = NULL;
}
