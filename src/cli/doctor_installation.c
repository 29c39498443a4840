/* What belongs to the gateway: its keys, directory, policy, store and log. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/time.h"
#include "cli/doctor_internal.h"
#include "cli/file.h"
#include "gateway/laws.h"
#include "law/tighten.h"
#include "net/tls.h"
#include "policy/policy.h"
#include "store/policies.h"

static const struct gateway_config *config_of(const struct doctor *doctor)
{
    return doctor->place.config;
}

static void check_operators(struct doctor *doctor, const char *name)
{
    struct error e;
    if (gateway_config_check_complete(config_of(doctor), &e)) {
        doctor_note(doctor, FINDING_OK, name, NULL, "%s is complete", config_of(doctor)->file);
    } else {
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
    }
}

/* Others than the owner must not get into a folder of secrets. */
static bool is_closed_folder(const char *path, struct error *e)
{
    struct stat state;
    if (stat(path, &state) != 0) {
        return error_system(e, path, "make the gateway anew by 'comity init', or restore the folder");
    }
    return (state.st_mode & 077) == 0 || error_set(e, ERROR_DENIED, path, "chmod 700", "others than its owner may enter it");
}

static void check_key_files(struct doctor *doctor, const char *name)
{
    const struct gateway_config *config = config_of(doctor);
    struct error e;
    size_t faults = 0;
    const char *files[2] = { config->statement_key_path, config->tls_key_path };
    for (size_t i = 0; i < COUNT_OF(files) + config->application_count; i++) {
        const char *path = i < COUNT_OF(files) ? files[i] : config->applications[i - COUNT_OF(files)].key_path;
        if (path != NULL && !file_check_private(path, &e)) {
            doctor_note_error(doctor, FINDING_FAIL, name, &e);
            faults++;
        }
    }
    if (!is_closed_folder(config->records_folder, &e)) {
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
        faults++;
    }
    if (faults == 0) {
        doctor_note(doctor, FINDING_OK, name, NULL, "keys and records are closed to others");
    }
}

static void check_statement_key(struct doctor *doctor, const char *name)
{
    const struct gateway_config *config = config_of(doctor);
    struct error e;
    if (signer_load(&doctor->place.signer, config->origin, config->statement_key_path, &e)) {
        doctor_note(doctor, FINDING_OK, name, NULL, "%s", config->statement_key_path);
    } else {
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
    }
}

static void check_pair(struct doctor *doctor, const char *name, const char *certificate, const char *key)
{
    struct error e;
    struct tls *tls = NULL;
    uint8_t pin[PIN_SIZE];
    int64_t not_after_ms = 0;
    char until[TIME_TEXT_SIZE];
    if (!tls_make_application(&tls, certificate, key, &e) || !certificate_read_pin(certificate, pin, &not_after_ms, &e)) {
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
    } else if (not_after_ms < doctor->now_ms) {
        doctor_note(doctor, FINDING_WARN, name, "make a new one; gateways go by the pin alone, applications may not", "%s has ended on %s",
                    certificate, time_text(not_after_ms, until));
    } else {
        doctor_note(doctor, FINDING_OK, name, NULL, "%s fits its key, until %s", certificate, time_text(not_after_ms, until));
    }
    tls_free(tls);
}

static void check_certificates(struct doctor *doctor, const char *name)
{
    const struct gateway_config *config = config_of(doctor);
    check_pair(doctor, name, config->certificate_path, config->tls_key_path);
    for (size_t i = 0; i < config->application_count; i++) {
        if (config->applications[i].certificate_path != NULL) {
            check_pair(doctor, name, config->applications[i].certificate_path, config->applications[i].key_path);
        }
    }
}

/* ---- Directory ---- */

static void check_directory(struct doctor *doctor, const char *name)
{
    const struct gateway_config *config = config_of(doctor);
    struct error e;
    char until[TIME_TEXT_SIZE];
    struct directory *directory = NULL;
    if (config->directory.operator_count == 0) {
        return;
    }
    if (!directory_load(&directory, config->directory.file, config->directory.operators, config->directory.operator_count,
                        config->directory.threshold, &e)) {
        if (e.kind == ERROR_ABSENT) {
            (void)snprintf(e.todo, sizeof e.todo, "get the signed directory from the community's operator");
        }
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
        return;
    }
    doctor->directory = directory;
    if (!bytes_equal(directory->community, config->member.parts[0])) {
        doctor_note(doctor, FINDING_FAIL, name, "set directory.file to our own community's", "%s is of another community, %.*s",
                    config->directory.file, BYTES_FMT(directory->community));
    } else if (!directory_check_time(directory, doctor->now_ms, &e)) {
        (void)snprintf(e.todo, sizeof e.todo, "get the newest one from the operator; until then every exchange is refused");
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
    } else if (directory->valid_until_ms - doctor->now_ms < config->directory.warn_before_ms) {
        doctor_note(doctor, FINDING_WARN, name, "get the next one from the operator before it ends", "serial %" PRIu64 " ends on %s",
                    directory->serial, time_text(directory->valid_until_ms, until));
    } else {
        doctor_note(doctor, FINDING_OK, name, NULL, "serial %" PRIu64 ", valid until %s", directory->serial,
                    time_text(directory->valid_until_ms, until));
    }
}

static void check_recognised(struct doctor *doctor, const char *name)
{
    const struct gateway_config *config = config_of(doctor);
    for (size_t i = 0; doctor->directory != NULL && i < doctor->directory->recognised_count; i++) {
        const struct directory_recognition *r = &doctor->directory->recognised[i];
        struct directory *foreign = NULL;
        struct error e;
        char file[300], path[PLACE_PATH_SIZE], until[TIME_TEXT_SIZE];
        (void)snprintf(file, sizeof file, "%.*s.note", BYTES_FMT(r->community));
        if (doctor->now_ms < r->valid_from_ms || doctor->now_ms >= r->valid_until_ms) {
            doctor_note(doctor, FINDING_WARN, name, "have the operator renew it, if it should hold", "%.*s is not recognised now",
                        BYTES_FMT(r->community));
        } else if (!path_join(path, config->directory.foreign_folder, file, &e) ||
                   !directory_load(&foreign, path, r->operators, r->operator_count, r->threshold, &e) ||
                   !directory_check_time(foreign, doctor->now_ms, &e)) {
            (void)snprintf(e.todo, sizeof e.todo,
                           "get the newest signed directory of that community; until then its gateways are turned away");
            doctor_note_error(doctor, FINDING_WARN, name, &e);
        } else {
            doctor_note(doctor, FINDING_OK, name, NULL, "%.*s: serial %" PRIu64 ", valid until %s", BYTES_FMT(r->community),
                        foreign->serial, time_text(foreign->valid_until_ms, until));
        }
        directory_free(foreign);
    }
}

static const struct directory_gateway *find_self(const struct doctor *doctor)
{
    const struct directory_member *member = directory_find_member(doctor->directory, &config_of(doctor)->member);
    for (size_t i = 0; member != NULL && i < member->gateway_count; i++) {
        if (bytes_equal(member->gateways[i].code, config_of(doctor)->code)) {
            return &member->gateways[i];
        }
    }
    return NULL;
}

static bool has_pin(const struct directory_gateway *gateway, const uint8_t pin[PIN_SIZE])
{
    for (size_t i = 0; i < gateway->tls_pin_count; i++) {
        if (memcmp(gateway->tls_pins[i], pin, PIN_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

static void check_self(struct doctor *doctor, const char *name)
{
    static const char *const todo = "give the operator what 'comity init' wrote, and load the new directory";
    uint8_t pin[PIN_SIZE];
    const struct gateway_config *config = config_of(doctor);
    if (doctor->directory == NULL) {
        return;
    }
    const struct directory_gateway *self = find_self(doctor);
    if (self == NULL) {
        doctor_note(doctor, FINDING_FAIL, name, todo, "%.*s is not in the directory", BYTES_FMT(config->origin));
        return;
    }
    if (doctor->place.signer != NULL && !verifier_equal(signer_verifier(doctor->place.signer), &self->statement_key)) {
        doctor_note(doctor, FINDING_FAIL, name, todo, "the directory has another statement key for it");
        return;
    }
    if (certificate_read_pin(config->certificate_path, pin, NULL, NULL) && !has_pin(self, pin)) {
        doctor_note(doctor, FINDING_FAIL, name, todo, "the directory does not have the pin of %s", config->certificate_path);
        return;
    }
    if (self->address_count == 0) {
        doctor_note(doctor, FINDING_WARN, name, "have the operator add one, if others should call our services",
                    "the directory has no address for it");
        return;
    }
    doctor_note(doctor, FINDING_OK, name, NULL, "the directory has its keys, at %.*s", BYTES_FMT(self->addresses[0]));
}

/* ---- Law ---- */

static void check_law(struct doctor *doctor, const char *name)
{
    struct law *law = NULL;
    struct error e = { 0 };
    if (doctor->directory == NULL) {
        return;
    }
    if (!laws_load(&law, config_of(doctor)->folder, doctor->directory, &e)) {
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
    } else if (!doctor->directory->has_law) {
        doctor_note(doctor, FINDING_WARN, name, "have the operator name one: comity directory set-law",
                    "the directory names no law: '%s' holds", LAW_DEFAULT_ID);
    } else if (law->in_force_day * 86400000 > doctor->now_ms) {
        doctor_note(doctor, FINDING_WARN, name, "nothing, if the community wants it before it must", "%.*s of %.*s is not in force yet",
                    BYTES_FMT(law->id), BYTES_FMT(law->version));
    } else {
        doctor_note(doctor, FINDING_OK, name, NULL, "%.*s of %.*s", BYTES_FMT(law->id), BYTES_FMT(law->version));
    }
    law_drop(law);
    if (doctor->directory->country.size == 0 && doctor->directory->recognised_count > 0) {
        doctor_note(doctor, FINDING_WARN, name, "have the operator name it: comity directory set-country",
                    "the directory names no country: every recognised community is abroad");
    }
}

/* ---- Store, policy, log ---- */

static void check_store(struct doctor *doctor, const char *name)
{
    struct error e;
    const char *file = config_of(doctor)->store_url + strlen("sqlite:");
    /* Opening would make it. */
    if (!file_is_there(file)) {
        doctor_note(doctor, FINDING_FAIL, name, "restore it, or set store.url", "%s is not there", file);
    } else if (place_open_store(&doctor->place, &e)) {
        doctor_note(doctor, FINDING_OK, name, NULL, "%s opens", config_of(doctor)->store_url);
    } else {
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
    }
}

/* What this policy can't let out under the community's law. */
static void check_policy_law(struct doctor *doctor, const char *name, const struct policy *policy, struct bytes text)
{
    struct law *base = NULL, *law = NULL;
    struct buffer found;
    struct error e;
    struct bytes line;
    if (doctor->directory == NULL || !laws_load(&base, config_of(doctor)->folder, doctor->directory, &e)) {
        return; /* check_law() has said so */
    }
    buffer_init(&found, 2 * (size_t)POLICY_STORE_TEXT_MAX);
    if (!law_tighten(&law, base, text, "the applied policy", &e) || !policy_check(policy, law, doctor->now_ms, &found, &e)) {
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
    }
    struct bytes rest = buffer_bytes(&found);
    while (bytes_split(&rest, '\n', &line)) {
        if (line.size > 0) {
            doctor_note(doctor, FINDING_WARN, name, "see docs/reference/policy.md, and comity policy explain", "%.*s", BYTES_FMT(line));
        }
    }
    buffer_clear(&found);
    law_drop(law);
    law_drop(base);
}

static void check_policy(struct doctor *doctor, const char *name)
{
    struct policy_version version;
    struct policy *policy = NULL;
    struct buffer holder;
    struct error e;
    const struct gateway_config *config = config_of(doctor);
    if (doctor->place.store == NULL) {
        return;
    }
    buffer_init(&holder, 2 * (size_t)POLICY_STORE_TEXT_MAX);
    if (!policy_store_current(doctor->place.store, &version, &holder, &e)) {
        if (e.kind == ERROR_ABSENT) {
            doctor_note(doctor, FINDING_WARN, name, "comity apply FILE",
                        "no policy was applied: nothing is offered, and no client is known");
        } else {
            doctor_note_error(doctor, FINDING_FAIL, name, &e);
        }
    } else if (!policy_parse(&policy, version.text, "the applied policy", config->folder, &config->member, &e)) {
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
    } else {
        doctor_note(doctor, FINDING_OK, name, NULL, "version %" PRIu64 ": %zu services, %zu clients", version.version,
                    policy->service_count, policy->client_count);
        check_policy_law(doctor, name, policy, version.text);
    }
    policy_drop(policy);
    buffer_clear(&holder);
}

/* Quick: the newest published entry's way to the signed root. `comity log verify` reads all. */
static bool prove_last(struct log_reader *reader, const struct verifier *key, uint64_t size, struct error *e)
{
    bool ok = false;
    struct buffer text;
    struct log_entry entry;
    struct receipt receipt;
    struct checkpoint_view view;
    buffer_init(&text, RECEIPT_BYTES_MAX);
    /* The checkpoint file may lag the records by a second under load. */
    uint64_t index = size - 1;
    while (!log_reader_prove(reader, index, &text, e)) {
        if (e->kind != ERROR_ABSENT || index == 0 || size - index > 100000) {
            goto done;
        }
        buffer_reset(&text);
        index--;
    }
    ok = log_reader_get(reader, index, &entry, e) && receipt_parse(buffer_bytes(&text), &receipt, e) &&
         receipt_verify(&receipt, entry.statement, key, NULL, &view, e);
done:
    buffer_clear(&text);
    return ok;
}

static void check_log(struct doctor *doctor, const char *name)
{
    struct log_reader *reader = NULL;
    struct log_entry entry;
    struct error e;
    uint64_t size = 0;
    if (doctor->place.signer == NULL) {
        return;
    }
    const char *folders[] = { config_of(doctor)->log_folder, config_of(doctor)->records_folder };
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        if (!file_is_there(folders[i])) {
            doctor_note(doctor, FINDING_FAIL, name, "restore it: a new one would begin another history", "%s is not there", folders[i]);
            return;
        }
    }
    if (!place_open_disks(&doctor->place, &e) || !log_reader_open(&reader, doctor->place.public_disk, doctor->place.private_disk, &e) ||
        !log_reader_size(reader, &size, &e) || (size > 0 && !prove_last(reader, signer_verifier(doctor->place.signer), size, &e))) {
        doctor_note_error(doctor, FINDING_FAIL, name, &e);
    } else if (size > 0 && log_reader_get(reader, size - 1, &entry, &e) && entry.time_ms > doctor->now_ms + 1000) {
        doctor_note(doctor, FINDING_WARN, name, "set the clock", "the newest entry is later than this machine's clock");
    } else if (size == 0) {
        doctor_note(doctor, FINDING_OK, name, NULL, "empty");
    } else {
        doctor_note(doctor, FINDING_OK, name, NULL, "%" PRIu64 " entries; the newest proves ('comity log verify' reads all)", size);
    }
    log_reader_close(reader);
}

const struct doctor_check doctor_installation_checks[] = {
    { "configuration", check_operators },
    { "key files", check_key_files },
    { "statement key", check_statement_key },
    { "certificate", check_certificates },
    { "directory", check_directory },
    { "recognised", check_recognised },
    { "this gateway", check_self },
    { "law", check_law },
    { "store", check_store },
    { "policy", check_policy },
    { "log", check_log },
    { "witnesses", doctor_check_witnesses },
    { "witness", doctor_check_witness },
    { NULL, NULL },
};
