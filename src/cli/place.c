#include "cli/place.h"

#include <stdio.h>

#include "api/webhook.h"

bool path_join(char out[PLACE_PATH_SIZE], const char *folder, const char *name, struct error *e)
{
    int size = snprintf(out, PLACE_PATH_SIZE, "%s/%s", folder, name);
    return (size > 0 && size < PLACE_PATH_SIZE) || error_set(e, ERROR_INPUT, "the folder", "choose a shorter path", "the path is too long");
}

bool place_open(struct place *place, const char *folder, struct error *e)
{
    if (gateway_config_load(&place->config, folder, e)) {
        return true;
    }
    if (e->kind == ERROR_ABSENT) {
        (void)snprintf(e->todo, sizeof e->todo, "name the gateway's folder by -C FOLDER, or make one by 'comity init'");
    }
    return false;
}

bool place_open_store(struct place *place, struct error *e)
{
    return place->store != NULL || store_open(&place->store, place->config->store_url, e);
}

bool place_open_disks(struct place *place, struct error *e)
{
    const struct gateway_config *config = place->config;
    return (place->public_disk != NULL || disk_open_folder(&place->public_disk, config->log_folder, true, e)) &&
           (place->private_disk != NULL || disk_open_folder(&place->private_disk, config->records_folder, false, e));
}

bool place_open_log(struct place *place, struct error *e)
{
    const struct gateway_config *config = place->config;
    const struct committer_options options = { 0 };
    if (place->committer != NULL) {
        return true;
    }
    return signer_load(&place->signer, config->origin, config->statement_key_path, e) && place_open_disks(place, e) &&
           log_open(&place->log, place->public_disk, place->private_disk, config->lock_path, place->signer, e) &&
           committer_start(&place->committer, place->log, &options, e);
}

bool place_open_consents(struct place *place, bool for_change, struct error *e)
{
    if (place->consents != NULL) {
        return true;
    }
    if (!place_open_store(place, e) || !place_open_disks(place, e) || (for_change && !place_open_log(place, e))) {
        return false;
    }
    const struct consents_options options = { .store = place->store,
                                              .committer = place->committer,
                                              .public = place->public_disk,
                                              .private = place->private_disk,
                                              .cache_max = 1000,
                                              .listener = webhooks_hear };
    return consents_open(&place->consents, &options, e);
}

bool place_open_uses(struct place *place, struct error *e)
{
    return place_open_store(place, e) && place_open_disks(place, e) &&
           uses_open(&place->uses, place->store, place->public_disk, place->private_disk, e);
}

bool place_open_rights(struct place *place, struct error *e)
{
    return place_open_store(place, e) && rights_open(&place->rights, place->store, place->committer, e);
}

void place_close(struct place *place)
{
    rights_close(place->rights);
    uses_close(place->uses);
    if (place->consents != NULL) {
        consents_close(place->consents);
    }
    if (place->committer != NULL) {
        committer_stop(place->committer);
    }
    log_close(place->log);
    disk_free(place->private_disk);
    disk_free(place->public_disk);
    signer_free(place->signer);
    store_close(place->store);
    gateway_config_free(place->config);
    *place = (struct place){ 0 };
}
