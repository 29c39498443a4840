/* The steps about consent and law (steps_consent.c), and about evidence that travels (steps_evidence.c). */
#ifndef COMITY_DEMO_STEPS_INTERNAL_H
#define COMITY_DEMO_STEPS_INTERNAL_H

#include "demo/steps.h"

must_check bool demo_child(struct step_state *state, struct error *e);
must_check bool demo_break_glass(struct step_state *state, struct error *e);
must_check bool demo_coarse(struct step_state *state, struct error *e);
must_check bool demo_scraper(struct step_state *state, struct error *e);
must_check bool demo_changed_notice(struct step_state *state, struct error *e);
must_check bool demo_border(struct step_state *state, struct error *e);
must_check bool demo_exports(struct step_state *state, struct error *e);

must_check bool demo_bundle(struct step_state *state, struct error *e);
must_check bool demo_bundle_bent(struct step_state *state, struct error *e);
must_check bool demo_put_back(struct step_state *state, struct error *e);
must_check bool demo_healed(struct step_state *state, struct error *e);
must_check bool demo_two_histories(struct step_state *state, struct error *e);

#endif
