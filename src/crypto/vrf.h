/*
 * A verifiable random function, ECVRF-P256-SHA256-TAI (RFC 9381): whoever has the secret can say where somebody stands and prove it; for
 * one key there is one place for each input, which nobody else can guess. In the manner of CONIKS, for the map of uses.
 */
#ifndef COMITY_CRYPTO_VRF_H
#define COMITY_CRYPTO_VRF_H

#include "base/error.h"

enum { VRF_SECRET_SIZE = 32, VRF_PUBLIC_SIZE = 33, VRF_PROOF_SIZE = 81, VRF_OUTPUT_SIZE = 32 };

struct vrf;
/* From 32 bytes of which each is as good as any other (0 and what is not below the group's order is refused: ERROR_INPUT). Wiped when freed. */
must_check bool vrf_make(struct vrf **out, const uint8_t secret[VRF_SECRET_SIZE], struct error *e);
void vrf_free(struct vrf *vrf); /* NULL is allowed */
void vrf_public(const struct vrf *vrf, uint8_t out[VRF_PUBLIC_SIZE]);
/* Where `input` stands: some 150 us. One thread. */
must_check bool vrf_output(struct vrf *vrf, struct bytes input, uint8_t out[VRF_OUTPUT_SIZE], struct error *e);
/* And the proof of it. Deterministic. One thread. */
must_check bool vrf_prove(struct vrf *vrf, struct bytes input, uint8_t proof[VRF_PROOF_SIZE], uint8_t out[VRF_OUTPUT_SIZE],
                          struct error *e);

/* Is this the proof for `input` by the secret behind `public_key`? Then `out` is the one place that it has. ERROR_DENIED: it is not. */
must_check bool vrf_verify(const uint8_t public_key[VRF_PUBLIC_SIZE], struct bytes input, const uint8_t proof[VRF_PROOF_SIZE],
                           uint8_t out[VRF_OUTPUT_SIZE], struct error *e);

#endif
