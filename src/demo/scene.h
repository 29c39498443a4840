/* The demo's world: communities with their operators, members with their gateways, and the hospital's service. */
#ifndef COMITY_DEMO_SCENE_H
#define COMITY_DEMO_SCENE_H

#include <jansson.h>

#include "base/arena.h"
#include "demo/process.h"

enum { SCENE_PATH_MAX = 1024, SCENE_KEY_MAX = 512 };

/* One member's gateway: a folder made by `comity init`, and a process. */
struct scene_gateway {
    const char *name;      /* "hospital": its folder */
    const char *community; /* "AURORA" */
    const char *member;    /* "AURORA/HEALTH/HOSPITAL" */
    const char *subsystem; /* "AURORA/HEALTH/HOSPITAL/records" */
    unsigned peers_port, applications_port, management_port;
    unsigned api_port; /* persons' pages and the console; 0: it has none */
    char statement_key[SCENE_KEY_MAX], tls_pin[SCENE_KEY_MAX];
    pid_t pid;
};
enum scene_role { HOSPITAL = 0, CLINIC, STRANGER, IMPOSTOR, SCENE_GATEWAYS };

struct scene {
    char program[SCENE_PATH_MAX]; /* this program, for its own subcommands */
    char folder[SCENE_PATH_MAX];
    bool is_folder_made; /* by us: removed at the end */
    bool is_verbose;
    struct scene_gateway gateways[SCENE_GATEWAYS];
    char operators[3][SCENE_KEY_MAX]; /* of AURORA, BAOBAB, CEDAR */
    unsigned service_port;
    pid_t nginx;
};

#define SCENE_PURPOSE "https://w3id.org/dpv/sector/health#PrimaryCareManagement"
#define SCENE_IMMUNIZATION "https://w3id.org/comity/pd#Immunization"

/* Makes everything and starts hospital, clinic and service; on failure what was started is stopped. `folder` NULL: a temporary one. */
must_check bool scene_make(struct scene *scene, const char *folder, struct error *e);
/* Stops all processes, and removes the folder if it was made here. */
void scene_end(struct scene *scene);
/* Starts a gateway and waits until it is ready (`wants_ready`), or only until it answers. */
must_check bool scene_start_gateway(struct scene *scene, struct scene_gateway *gateway, bool wants_ready, struct error *e);
/* "FOLDER/NAME", NUL-terminated; false when it does not fit. */
must_check bool scene_path(const struct scene *scene, const char *name, char out[SCENE_PATH_MAX], struct error *e);

/*
 * Runs `comity ARGUMENTS...` (ended by NULL) in a gateway's folder (NULL: the scene's) with `input` on its standard input, as --json. `*out`
 * (may be NULL) gets what it printed, as JSON when it is; the caller frees it with json_decref(). False: it could not be run.
 */
must_check bool scene_comity(const struct scene *scene, const struct scene_gateway *gateway, const char *const *arguments,
                             struct bytes input, int *exit_code, json_t **out, struct error *e);

/* The text of a compiled-in file. */
const char *scene_file(const char *name);
/* Writes a compiled-in file to FOLDER/`to`, with @FOLDER@, @SERVICE_PORT@, days (@YESTERDAY@, @LAST_YEAR@, @NEXT_YEAR@) and @OWN@ filled in. */
must_check bool scene_write(const struct scene *scene, const char *name, const char *to, const char *own, struct error *e);
/* Sets a gateway's policy from a compiled-in file, whose @OWN@ is `own`. A gateway that runs has it when this returns. */
must_check bool scene_apply(struct scene *scene, const struct scene_gateway *gateway, const char *file, const char *own, struct error *e);
/* Has the hospital publish a notice from a compiled-in file. */
must_check bool scene_publish(struct scene *scene, const char *file, struct error *e);
/* Makes FOLDER/`name`. */
must_check bool scene_make_folder(const struct scene *scene, const char *name, struct error *e);
/* Puts text behind what FOLDER/`to` holds; makes it if absent. */
must_check bool scene_append(const struct scene *scene, const char *to, const char *text, struct error *e);
must_check bool scene_copy(const struct scene *scene, const char *from, const char *to, struct error *e);
/* Removes a folder and all in it. */
void scene_remove(const char *folder);

#endif
