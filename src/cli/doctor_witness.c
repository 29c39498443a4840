/* What the witnesses know of our log, and whom we caught: the checks of `comity doctor` about the watching of logs. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/time.h"
#include "cli/doctor_internal.h"
#include "cli/file.h"
#include "evidence/log.h"
#include "evidence/quorum.h"
#include "witness/cosigner.h"
#include "witness/key.h"
#include "witness/peer.h"
#include "witness/watch.h"

enum { ASK_MS = 3000 };

/* Who is asked, and with what. */
struct asking {
    struct doctor *doctor;
    struct world *world;
    struct tls *tls;
    struct quorum *policy;
    uint64_t size; /* entries of our log */
};

static bool nobody(void *context, const uint8_t pin[PIN_SIZE])
{
    (void)context, (void)pin;
    return false;
}

static uint64_t log_entries(void *context)
{
    const struct asking *a = context;
    return a->size;
}

static bool find_peer(void *context, struct bytes address, struct cosigner_peer *out)
{
    const struct asking *a = context;
    const struct directory_gateway *peer = a->world == NULL || a->tls == NULL ? NULL : peer_by_address(a->world, address, time_now_ms());
    if (peer == NULL) {
        return false;
    }
    out->tls = a->tls;
    out->pin_count = peer->tls_pin_count < COSIGNER_PINS_MAX ? peer->tls_pin_count : COSIGNER_PINS_MAX;
    memcpy(out->pins, peer->tls_pins, out->pin_count * PIN_SIZE);
    return true;
}

static void release_peer(void *context, struct cosigner_peer *peer)
{
    (void)context, (void)peer;
}

static void ignore(void *context, const struct error *e)
{
    (void)context, (void)e; /* what is found before cosigner_wait() returns is its result */
}

static bool open_asking(struct asking *a, struct error *e)
{
    const struct gateway_config *config = a->doctor->place.config;
    struct log_reader *reader = NULL;
    struct buffer text;
    struct error ignored;
    buffer_init(&text, QUORUM_BYTES_MAX);
    bool ok = file_read_whole(config->witnesses_file, &text, e) &&
              quorum_parse(&a->policy, buffer_bytes(&text), config->witnesses_file, e) && place_open_disks(&a->doctor->place, e) &&
              log_reader_open(&reader, a->doctor->place.public_disk, a->doctor->place.private_disk, e) &&
              log_reader_size(reader, &a->size, e);
    log_reader_close(reader);
    buffer_clear(&text);
    if (!ok) {
        return false;
    }
    if (!world_load(&a->world, config->member.parts[0], config->directory.file, config->directory.foreign_folder,
                    config->directory.operators, config->directory.operator_count, config->directory.threshold, time_now_ms(), NULL, NULL,
                    NULL, &ignored)) {
        a->world = NULL; /* said by the check of the directory */
    }
    if (!tls_make_peer(&a->tls, config->certificate_path, config->tls_key_path, nobody, NULL, &ignored)) {
        a->tls = NULL; /* said by the check of the certificate */
    }
    return true;
}

static void ask(struct asking *a, const char *name)
{
    struct doctor *doctor = a->doctor;
    struct cosigner *cosigner = NULL;
    struct error e;
    const struct cosigner_options options = {
        .public = doctor->place.public_disk,
        .log = signer_verifier(doctor->place.signer),
        .policy = a->policy,
        .log_size = log_entries,
        .find_peer = find_peer,
        .release_peer = release_peer,
        .on_rolled_back = ignore,
        .context = a,
        .call_ms = ASK_MS,
        .only_asks = true,
    };
    if (!cosigner_start(&cosigner, &options, &e) || !cosigner_wait(cosigner, ASK_MS, &e)) {
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
    } else {
        const struct cosigner_status status = cosigner_status(cosigner);
        doctor_note(doctor, status.answered == status.asked ? FINDING_OK : FINDING_WARN, name,
                    status.answered == status.asked ? NULL : "start the gateway: it says which one does not cosign, and why",
                    "%zu of %zu witnesses know our log, and none knows more of it than we do", status.answered, status.asked);
    }
    cosigner_stop(cosigner);
}

/* Of a gateway that runs, its own diagnostics and metrics say it. */
void doctor_check_witnesses(struct doctor *doctor, const char *name)
{
    struct error e;
    struct asking asking = { .doctor = doctor };
    const struct gateway_config *config = doctor->place.config;
    if (doctor->place.signer == NULL) {
        return;
    }
    if (config->witnesses_file == NULL) {
        doctor_note(doctor, FINDING_OK, name, NULL, "log.witnesses is not set: nobody watches our log");
        return;
    }
    if (!open_asking(&asking, &e)) {
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
    } else {
        ask(&asking, name);
    }
    tls_free(asking.tls);
    world_release(asking.world);
    quorum_free(asking.policy);
}

void doctor_check_witness(struct doctor *doctor, const char *name)
{
    struct error e;
    struct disk *disk = NULL;
    struct watch *watch = NULL;
    struct signer *signer = NULL;
    const struct gateway_config *config = doctor->place.config;
    if (doctor->place.signer == NULL) {
        return;
    }
    if (!witness_key_load(&signer, config->origin, config->witness_key_path, signer_verifier(doctor->place.signer), &e)) {
        if (e.kind == ERROR_ABSENT) {
            doctor_note(doctor, FINDING_WARN, name, "comity log witness --make", "there is no witness key: we watch nobody's log");
        } else {
            doctor_note_error(doctor, FINDING_FAIL, name, &e);
        }
    } else if (!file_is_there(config->witness_folder)) {
        doctor_note(doctor, FINDING_OK, name, NULL, "has cosigned nothing yet");
    } else if (!disk_open_folder(&disk, config->witness_folder, false, &e) || !watch_open(&watch, disk, &e)) {
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
    } else if (watch_count(watch) > 0) {
        doctor_note(doctor, FINDING_FAIL, name, "'comity log witness' names them; give the proofs to their operators",
                    "%zu logs were caught with two histories", watch_count(watch));
    } else {
        doctor_note(doctor, FINDING_OK, name, NULL, "'comity log witness' shows what was cosigned");
    }
    watch_free(watch);
    disk_free(disk);
    signer_free(signer);
}
