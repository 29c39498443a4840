/* The steps of the demo: each does something that a user would do, and checks what came of it. */
#ifndef COMITY_DEMO_STEPS_H
#define COMITY_DEMO_STEPS_H

#include "demo/scene.h"

struct step_state {
    struct scene *scene;
    unsigned attempts; /* to read PT-1001's record */
    char consent_id[128];
    char exchange[64]; /* the one that was permitted */
};
struct demo_step {
    const char *title;
    /* Prints what it does by say(). False: it failed, and `e` says what was not as it must be. */
    bool (*run)(struct step_state *state, struct error *e);
};
extern const struct demo_step demo_steps[];
extern const size_t demo_step_count;

/* Prints one indented line. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define DEMO_PATH "/r1/AURORA/HEALTH/HOSPITAL/records/summary/"
#define DEMO_CONSENTED "PT-1001"
#define DEMO_NOT_CONSENTED "PT-1002"
#define DEMO_LOADED "PT-1003"

/* The person's consent to immunisations, given at the hospital. `id` (may be NULL) gets the record's. */
must_check bool demo_consent(struct scene *scene, const char *person, char *id, size_t size, struct error *e);

#endif
