/* What the demo asks of the gateways' logs. */
#ifndef COMITY_DEMO_EVIDENCE_CHECK_H
#define COMITY_DEMO_EVIDENCE_CHECK_H

#include "demo/load.h"
#include "demo/scene.h"

/* Both logs hold the exchange: the clinic its request and the answer, the hospital its decision and the answer. */
must_check bool evidence_has_exchange(struct scene *scene, const char *exchange, struct error *e);
/* The same for each exchange that was acknowledged, in one gateway's log. */
must_check bool evidence_has_all(struct scene *scene, const struct scene_gateway *gateway, const struct load_result *result,
                                 struct error *e);
/* How many entries a gateway's log has. */
must_check bool evidence_count(struct scene *scene, const struct scene_gateway *gateway, uint64_t *count, struct error *e);
/* How many requests the hospital has decided: events of its own come in between. */
must_check bool evidence_count_decisions(struct scene *scene, uint64_t *count, struct error *e);
/* `comity log verify`: must it say yes? What it printed goes to `output`. */
must_check bool evidence_verify_log(struct scene *scene, const struct scene_gateway *gateway, bool must_hold, char *output, size_t size,
                                    struct error *e);
/* The last exchange's receipts: the clinic's of its request, which the hospital holds, and the hospital's of its answer. */
must_check bool evidence_check_receipts(struct scene *scene, struct error *e);
/* Changes one byte of an entry on disk, and wants it named; puts it back. */
must_check bool evidence_check_damage(struct scene *scene, struct error *e);

#endif
