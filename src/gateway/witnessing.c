#include "gateway/witnessing_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/time.h"
#include "witness/key.h"
#include "witness/peer.h"

enum { LAST_WORD_MS = 2000 }; /* what a stop waits for the witnesses to see the last checkpoint */

static bool read_file(const char *path, struct buffer *out, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0;
    while (ok) {
        uint8_t *room = buffer_room(out, 4096);
        ssize_t n = room == NULL ? 0 : read(fd, room, 4096);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (room == NULL) {
            (void)close(fd);
            return error_set(e, ERROR_INPUT, path, "is it the right file?", "larger than %d bytes", QUORUM_BYTES_MAX);
        }
        ok = n >= 0;
        if (n <= 0) {
            break;
        }
        buffer_added(out, (size_t)n);
    }
    if (!ok) {
        error_system(e, path, "check log.witnesses, and the file's owner and mode");
    }
    if (fd >= 0) {
        (void)close(fd); /* read only: nothing to lose */
    }
    return ok;
}

bool witnessing_read_policy(const struct gateway_config *config, struct quorum **out, struct error *e)
{
    struct buffer text;
    *out = NULL;
    if (config->witnesses_file == NULL) {
        return true;
    }
    buffer_init(&text, QUORUM_BYTES_MAX);
    bool ok = read_file(config->witnesses_file, &text, e) && quorum_parse(out, buffer_bytes(&text), config->witnesses_file, e);
    buffer_clear(&text);
    return ok;
}

/* Ourselves among our witnesses would prove nothing to anybody. */
static bool check_policy(const struct gateway *gateway, const struct witnessing *w, struct error *e)
{
    for (size_t i = 0; w->policy != NULL && w->signer != NULL && i < w->policy->witness_count; i++) {
        if (memcmp(w->policy->witnesses[i].key.public_key, signer_verifier(w->signer)->public_key, ED25519_PUBLIC_SIZE) == 0) {
            return error_set(e, ERROR_INPUT, gateway->config->witnesses_file, "take it out: a witness is somebody else",
                             "the witness %.*s is this gateway itself", BYTES_FMT(w->policy->witnesses[i].name));
        }
    }
    return true;
}

bool witnessing_open(struct gateway *gateway, struct error *e)
{
    const struct gateway_config *config = gateway->config;
    struct error absent;
    struct witnessing *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return error_memory(e, "witness");
    }
    gateway->witnessing = w;
    cosigner_metrics_register();
    if (!disk_open_folder(&w->disk, config->witness_folder, false, e) || !watch_open(&w->watch, w->disk, e) ||
        !witnessing_read_policy(config, &w->policy, e)) {
        return false;
    }
    if (!witness_key_load(&w->signer, config->origin, config->witness_key_path, signer_verifier(gateway->signer), &absent)) {
        if (absent.kind != ERROR_ABSENT) {
            *e = absent;
            return false;
        }
        diag(DIAG_INFO, "witness", "there is no witness key, so nobody's checkpoints are cosigned", "file", config->witness_key_path,
             "todo", "comity log witness --make", NULL);
        return true;
    }
    return check_policy(gateway, w, e) && witness_make(&w->witness, w->disk, w->signer, w->watch, config->origin, e);
}

/* ---- The cosigner's questions ---- */

static uint64_t log_entries(void *context)
{
    const struct gateway *gateway = context;
    return committer_log_size(gateway->committer);
}

bool witnessing_find_peer(void *context, struct bytes address, struct cosigner_peer *out)
{
    struct snapshot *snapshot = gateway_snapshot(context);
    const struct directory_gateway *found = peer_by_address(snapshot->world, address, time_now_ms());
    if (found == NULL) {
        snapshot_release(snapshot);
        return false;
    }
    out->tls = snapshot->peer_tls;
    out->owner = snapshot;
    out->pin_count = found->tls_pin_count < COSIGNER_PINS_MAX ? found->tls_pin_count : COSIGNER_PINS_MAX;
    memcpy(out->pins, found->tls_pins, out->pin_count * PIN_SIZE);
    return true;
}

void witnessing_release_peer(void *context, struct cosigner_peer *peer)
{
    (void)context;
    snapshot_release(peer->owner);
}

static void rolled_back(void *context, const struct error *e)
{
    struct gateway *gateway = context;
    atomic_store(&gateway->is_dead, true);
    if (gateway->on_dead != NULL) {
        gateway->on_dead(gateway->on_dead_context, e);
    }
}

bool witnessing_start(struct gateway *gateway, struct error *e)
{
    struct witnessing *w = gateway->witnessing;
    if (w->policy == NULL) {
        return true;
    }
    const struct cosigner_options options = {
        .public = gateway->public_disk,
        .log = signer_verifier(gateway->signer),
        .policy = w->policy,
        .log_size = log_entries,
        .find_peer = witnessing_find_peer,
        .release_peer = witnessing_release_peer,
        .on_rolled_back = rolled_back,
        .context = gateway,
    };
    return cosigner_start(&w->cosigner, &options, e) && cosigner_wait(w->cosigner, gateway->config->witness_wait_ms, e);
}

void witnessing_stop(struct gateway *gateway)
{
    if (gateway->witnessing != NULL) {
        cosigner_finish(gateway->witnessing->cosigner, LAST_WORD_MS);
        cosigner_stop(gateway->witnessing->cosigner);
        gateway->witnessing->cosigner = NULL;
    }
}

void witnessing_free(struct gateway *gateway)
{
    struct witnessing *w = gateway->witnessing;
    if (w == NULL) {
        return;
    }
    witnessing_stop(gateway);
    witness_free(w->witness);
    watch_free(w->watch);
    signer_free(w->signer);
    quorum_free(w->policy);
    disk_free(w->disk);
    free(w);
    gateway->witnessing = NULL;
}

bool witnessing_reload(struct gateway *gateway, struct error *e)
{
    return watch_reload(gateway->witnessing->watch, e);
}
