/* The demo that stays up, to be tried in a browser and by programs. */
#ifndef COMITY_DEMO_KEEP_H
#define COMITY_DEMO_KEEP_H

#include "demo/scene.h"

/*
 * Has a person consent, issues two codes, writes FOLDER/demo.json, prints what to do, and waits for SIGTERM or SIGINT, which the caller has
 * blocked before the first process was started. `asking_s` > 0: the clinic asks for that person's record once before the consent, and then
 * every so many seconds; each time that the answer is another one, a line says so. Exit codes as demo_run()'s.
 */
int keep_up(struct scene *scene, unsigned asking_s);

#endif
