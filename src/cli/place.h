/* A gateway's folder, opened by a command: its configuration, and what of the rest the command asks for. */
#ifndef COMITY_CLI_PLACE_H
#define COMITY_CLI_PLACE_H

#include "consent/consent.h"
#include "consent/uses.h"
#include "evidence/committer.h"
#include "gateway/config.h"
#include "rights/rights.h"
#include "store/store.h"

enum { PLACE_PATH_SIZE = 4096 };

/* All NULL until opened. One thread. */
struct place {
    struct gateway_config *config;
    struct store *store;
    struct signer *signer;
    struct disk *public_disk, *private_disk;
    struct log *log;
    struct committer *committer;
    struct consents *consents;
    struct uses *uses;
    struct rights *rights;
};

/* Reads gateway.yaml. Close with place_close() also after a failure. */
must_check bool place_open(struct place *place, const char *folder, struct error *e);
/* The database, by itself. */
must_check bool place_open_store(struct place *place, struct error *e);
/* The log's two folders, for reading: works beside a running gateway. */
must_check bool place_open_disks(struct place *place, struct error *e);
/* The log, for writing: nobody else may have it (ERROR_DENIED while the gateway runs). Brings the statement key and the committer. */
must_check bool place_open_log(struct place *place, struct error *e);
/* Consents over the store; with the log, so that they can be changed, or without, for looking only. */
must_check bool place_open_consents(struct place *place, bool for_change, struct error *e);
/* The index of uses over the store and the log's folders. */
must_check bool place_open_uses(struct place *place, struct error *e);
/* Requests of persons and what is owed, over the store and, for changes, the log. */
must_check bool place_open_rights(struct place *place, struct error *e);
/* Closes what is open, in the right order. */
void place_close(struct place *place);

/* "FOLDER/NAME" into `out`; ERROR_INPUT when it is too long. */
must_check bool path_join(char out[PLACE_PATH_SIZE], const char *folder, const char *name, struct error *e);

#endif
