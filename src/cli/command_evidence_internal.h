/* The parts of `comity evidence`. */
#ifndef COMITY_CLI_COMMAND_EVIDENCE_INTERNAL_H
#define COMITY_CLI_COMMAND_EVIDENCE_INTERNAL_H

#include "audit/bundle.h"
#include "audit/trust.h"
#include "cli/commands_internal.h"
#include "gateway/config.h"

extern const struct command evidence_export_command;
extern const struct command evidence_redact_command;
extern const struct command evidence_trust_command;
extern const struct command evidence_verify_command;

/* Writes the bundle to the file of -o (which must not be there yet), or to standard output. Returns what the command ends with. */
int evidence_write(const struct call *call, const struct bundle *bundle);
/* Whom the gateway of this configuration trusts, as a file for a verifier (docs/evidence.md); appended. */
must_check bool evidence_write_trust(const struct gateway_config *config, struct buffer *out, struct error *e);
/* A person's list of uses. */
int evidence_verify_uses(const struct call *call, struct bytes file, const struct trust *trust);
/* Says why a file proves nothing. */
int evidence_refuse(const struct call *call, const struct refusal *refusal);

#endif
