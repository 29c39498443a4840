/* A folder with a store, a log and consents, and HTTP calls on a loop: what the API's tests stand on. */
#ifndef COMITY_TESTS_API_WORLD_H
#define COMITY_TESTS_API_WORLD_H

#include <jansson.h>
#include <uv.h>

#include "consent/consent.h"
#include "consent/uses.h"
#include "net/client.h"

struct api_world {
    char folder[64];
    struct store *store;
    struct signer *signer;
    struct disk *public_disk, *private_disk;
    struct log *log;
    struct committer *committer;
    struct consents *consents;
    struct uses *uses;
};
/* cmocka's setup and teardown, with the world at *state. */
int api_world_setup(void **state);
int api_world_teardown(void **state);

/* One call over HTTP on a loop; fails the test when it does not come back. */
struct api_reply {
    bool is_done;
    struct body *sent;
    enum client_failure failure;
    unsigned status;
    char type[80];
    char text[8192];
};
/* `address`: "127.0.0.1:port" or "unix:path". `body` may be NULL. */
void api_call(struct client *client, const char *address, const char *method, const char *target, const char *body,
              struct api_reply *reply);
/* Runs the loop until the reply is there. */
void api_wait(uv_loop_t *loop, const struct api_reply *reply);

#endif
