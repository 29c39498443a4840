#include "crypto/vrf.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <stdlib.h>

#include "crypto/hash.h"

enum { SUITE = 0x01, CHALLENGE_SIZE = 16, TRIES = 256 };

struct vrf {
    EC_GROUP *group;
    BN_CTX *context;
    BIGNUM *secret;
    uint8_t secret_bytes[VRF_SECRET_SIZE];
    uint8_t public_bytes[VRF_PUBLIC_SIZE];
    EC_POINT *public_point;
};

static bool out_of_memory(struct error *e)
{
    return error_memory(e, "vrf");
}

static bool write_point(const EC_GROUP *group, const EC_POINT *point, uint8_t out[VRF_PUBLIC_SIZE], BN_CTX *context)
{
    return EC_POINT_point2oct(group, point, POINT_CONVERSION_COMPRESSED, out, VRF_PUBLIC_SIZE, context) == VRF_PUBLIC_SIZE;
}

/* Try and increment (RFC 9381 5.4.1.1): on average two tries. */
static bool to_curve(const EC_GROUP *group, const uint8_t public_key[VRF_PUBLIC_SIZE], struct bytes input, EC_POINT *out, BN_CTX *context)
{
    for (unsigned i = 0; i < TRIES; i++) {
        uint8_t candidate[VRF_PUBLIC_SIZE] = { 0x02 };
        const struct bytes parts[] = { bytes_of((uint8_t[]){ SUITE, 0x01 }, 2), bytes_of(public_key, VRF_PUBLIC_SIZE), input,
                                       bytes_of((uint8_t[]){ (uint8_t)i, 0x00 }, 2) };
        sha256_parts(parts, COUNT_OF(parts), candidate + 1);
        if (EC_POINT_oct2point(group, out, candidate, sizeof candidate, context) == 1) {
            return true;
        }
    }
    return false;
}

static void challenge(const uint8_t (*points)[VRF_PUBLIC_SIZE], uint8_t out[CHALLENGE_SIZE])
{
    uint8_t hash[SHA256_SIZE];
    const struct bytes parts[] = { bytes_of((uint8_t[]){ SUITE, 0x02 }, 2), bytes_of(points, 5 * VRF_PUBLIC_SIZE), BYTES("\0") };
    sha256_parts(parts, COUNT_OF(parts), hash);
    memcpy(out, hash, CHALLENGE_SIZE);
}

static void output_of(const uint8_t gamma[VRF_PUBLIC_SIZE], uint8_t out[VRF_OUTPUT_SIZE])
{
    const struct bytes parts[] = { bytes_of((uint8_t[]){ SUITE, 0x03 }, 2), bytes_of(gamma, VRF_PUBLIC_SIZE), BYTES("\0") };
    sha256_parts(parts, COUNT_OF(parts), out);
}

bool vrf_make(struct vrf **out, const uint8_t secret[VRF_SECRET_SIZE], struct error *e)
{
    *out = NULL;
    struct vrf *v = calloc(1, sizeof *v);
    if (v == NULL) {
        return out_of_memory(e);
    }
    v->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    v->context = BN_CTX_secure_new();
    v->secret = BN_secure_new();
    v->public_point = v->group == NULL ? NULL : EC_POINT_new(v->group);
    if (v->context == NULL || v->secret == NULL || v->public_point == NULL || BN_bin2bn(secret, VRF_SECRET_SIZE, v->secret) == NULL) {
        vrf_free(v);
        return out_of_memory(e);
    }
    BN_set_flags(v->secret, BN_FLG_CONSTTIME);
    memcpy(v->secret_bytes, secret, VRF_SECRET_SIZE);
    if (BN_is_zero(v->secret) || BN_cmp(v->secret, EC_GROUP_get0_order(v->group)) >= 0) {
        vrf_free(v);
        return error_set(e, ERROR_INPUT, "vrf", NULL, "the secret is no scalar of the group");
    }
    if (EC_POINT_mul(v->group, v->public_point, v->secret, NULL, NULL, v->context) != 1 ||
        !write_point(v->group, v->public_point, v->public_bytes, v->context)) {
        vrf_free(v);
        return out_of_memory(e);
    }
    *out = v;
    return true;
}

void vrf_free(struct vrf *vrf)
{
    if (vrf == NULL) {
        return;
    }
    EC_POINT_free(vrf->public_point);
    BN_clear_free(vrf->secret);
    BN_CTX_free(vrf->context);
    EC_GROUP_free(vrf->group);
    explicit_bzero(vrf, sizeof *vrf);
    free(vrf);
}

void vrf_public(const struct vrf *vrf, uint8_t out[VRF_PUBLIC_SIZE])
{
    memcpy(out, vrf->public_bytes, VRF_PUBLIC_SIZE);
}

/* RFC 6979 3.2 with HMAC-SHA-256: a nonce of secret and message that needs no randomness. `data` is bits2octets of the message's hash. */
static bool make_nonce(const struct vrf *v, const uint8_t point[VRF_PUBLIC_SIZE], BIGNUM *out)
{
    enum { V_SIZE = SHA256_SIZE, ALL_SIZE = V_SIZE + 1 + VRF_SECRET_SIZE + SHA256_SIZE };
    uint8_t key[SHA256_SIZE] = { 0 }, value[V_SIZE], hash[SHA256_SIZE], all[ALL_SIZE];
    const BIGNUM *order = EC_GROUP_get0_order(v->group);
    bool ok = false;
    memset(value, 0x01, sizeof value);
    sha256(bytes_of(point, VRF_PUBLIC_SIZE), hash);
    if (BN_bin2bn(hash, sizeof hash, out) == NULL || (BN_cmp(out, order) >= 0 && BN_sub(out, out, order) != 1) ||
        BN_bn2binpad(out, hash, sizeof hash) != (int)sizeof hash) {
        return false;
    }
    for (uint8_t round = 0; round < 2; round++) {
        memcpy(all, value, V_SIZE);
        all[V_SIZE] = round;
        memcpy(all + V_SIZE + 1, v->secret_bytes, VRF_SECRET_SIZE);
        memcpy(all + V_SIZE + 1 + VRF_SECRET_SIZE, hash, SHA256_SIZE);
        hmac_sha256(bytes_of(key, sizeof key), bytes_of(all, sizeof all), key);
        hmac_sha256(bytes_of(key, sizeof key), bytes_of(value, sizeof value), value);
    }
    for (unsigned i = 0; i < TRIES && !ok; i++) {
        hmac_sha256(bytes_of(key, sizeof key), bytes_of(value, sizeof value), value);
        if (BN_bin2bn(value, sizeof value, out) == NULL) {
            break;
        }
        ok = !BN_is_zero(out) && BN_cmp(out, order) < 0;
        if (!ok) {
            uint8_t next[V_SIZE + 1] = { 0 };
            memcpy(next, value, V_SIZE);
            hmac_sha256(bytes_of(key, sizeof key), bytes_of(next, sizeof next), key);
            hmac_sha256(bytes_of(key, sizeof key), bytes_of(value, sizeof value), value);
            explicit_bzero(next, sizeof next);
        }
    }
    explicit_bzero(key, sizeof key);
    explicit_bzero(value, sizeof value);
    explicit_bzero(all, sizeof all);
    return ok;
}

bool vrf_output(struct vrf *vrf, struct bytes input, uint8_t out[VRF_OUTPUT_SIZE], struct error *e)
{
    uint8_t gamma[VRF_PUBLIC_SIZE];
    EC_POINT *h = EC_POINT_new(vrf->group), *g = EC_POINT_new(vrf->group);
    bool ok = h != NULL && g != NULL && to_curve(vrf->group, vrf->public_bytes, input, h, vrf->context) &&
              EC_POINT_mul(vrf->group, g, NULL, h, vrf->secret, vrf->context) == 1 && write_point(vrf->group, g, gamma, vrf->context);
    if (ok) {
        output_of(gamma, out);
    }
    EC_POINT_free(h);
    EC_POINT_free(g);
    return ok || out_of_memory(e);
}

/* Of the proof: Y, H, Gamma, U and V in their order (5.3). */
struct work {
    EC_POINT *h, *gamma, *u, *v;
    BIGNUM *nonce, *c, *s;
    uint8_t points[5][VRF_PUBLIC_SIZE];
};

static bool work_make(struct work *w, const EC_GROUP *group)
{
    *w = (struct work){ .h = EC_POINT_new(group), .gamma = EC_POINT_new(group), .u = EC_POINT_new(group), .v = EC_POINT_new(group) };
    w->nonce = BN_secure_new();
    w->c = BN_new();
    w->s = BN_new();
    return w->h != NULL && w->gamma != NULL && w->u != NULL && w->v != NULL && w->nonce != NULL && w->c != NULL && w->s != NULL;
}

static void work_clear(struct work *w)
{
    EC_POINT_free(w->h);
    EC_POINT_free(w->gamma);
    EC_POINT_clear_free(w->u);
    EC_POINT_clear_free(w->v);
    BN_clear_free(w->nonce);
    BN_free(w->c);
    BN_free(w->s);
}

static bool prove(struct vrf *v, struct work *w, struct bytes input, uint8_t proof[VRF_PROOF_SIZE])
{
    const EC_GROUP *group = v->group;
    const BIGNUM *order = EC_GROUP_get0_order(group);
    uint8_t *c = proof + VRF_PUBLIC_SIZE;
    if (!to_curve(group, v->public_bytes, input, w->h, v->context) ||
        EC_POINT_mul(group, w->gamma, NULL, w->h, v->secret, v->context) != 1 || !write_point(group, w->h, w->points[1], v->context) ||
        !write_point(group, w->gamma, w->points[2], v->context) || !make_nonce(v, w->points[1], w->nonce)) {
        return false;
    }
    BN_set_flags(w->nonce, BN_FLG_CONSTTIME);
    if (EC_POINT_mul(group, w->u, w->nonce, NULL, NULL, v->context) != 1 ||
        EC_POINT_mul(group, w->v, NULL, w->h, w->nonce, v->context) != 1 || !write_point(group, w->u, w->points[3], v->context) ||
        !write_point(group, w->v, w->points[4], v->context)) {
        return false;
    }
    memcpy(w->points[0], v->public_bytes, VRF_PUBLIC_SIZE);
    memcpy(proof, w->points[2], VRF_PUBLIC_SIZE);
    challenge((const uint8_t(*)[VRF_PUBLIC_SIZE])w->points, c);
    return BN_bin2bn(c, CHALLENGE_SIZE, w->c) != NULL && BN_mod_mul(w->s, w->c, v->secret, order, v->context) == 1 &&
           BN_mod_add(w->s, w->s, w->nonce, order, v->context) == 1 &&
           BN_bn2binpad(w->s, c + CHALLENGE_SIZE, VRF_SECRET_SIZE) == VRF_SECRET_SIZE;
}

bool vrf_prove(struct vrf *vrf, struct bytes input, uint8_t proof[VRF_PROOF_SIZE], uint8_t out[VRF_OUTPUT_SIZE], struct error *e)
{
    struct work w;
    bool ok = work_make(&w, vrf->group) && prove(vrf, &w, input, proof);
    work_clear(&w);
    if (ok) {
        output_of(proof, out);
    }
    return ok || out_of_memory(e);
}

/* U = s*B - c*Y, V = s*H - c*Gamma. */
static bool check(const EC_GROUP *group, struct work *w, EC_POINT *y, const uint8_t public_key[VRF_PUBLIC_SIZE], struct bytes input,
                  const uint8_t proof[VRF_PROOF_SIZE], BN_CTX *context)
{
    const uint8_t *c = proof + VRF_PUBLIC_SIZE, *s = c + CHALLENGE_SIZE;
    uint8_t again[CHALLENGE_SIZE];
    if (EC_POINT_oct2point(group, y, public_key, VRF_PUBLIC_SIZE, context) != 1 || EC_POINT_is_at_infinity(group, y) ||
        EC_POINT_oct2point(group, w->gamma, proof, VRF_PUBLIC_SIZE, context) != 1 || EC_POINT_is_at_infinity(group, w->gamma) ||
        BN_bin2bn(c, CHALLENGE_SIZE, w->c) == NULL || BN_bin2bn(s, VRF_SECRET_SIZE, w->s) == NULL ||
        BN_cmp(w->s, EC_GROUP_get0_order(group)) >= 0 || !to_curve(group, public_key, input, w->h, context)) {
        return false;
    }
    BN_set_negative(w->c, !BN_is_zero(w->c));
    if (BN_nnmod(w->c, w->c, EC_GROUP_get0_order(group), context) != 1 || EC_POINT_mul(group, w->u, w->s, y, w->c, context) != 1) {
        return false;
    }
    EC_POINT *part = EC_POINT_new(group);
    bool ok = part != NULL && EC_POINT_mul(group, w->v, NULL, w->h, w->s, context) == 1 &&
              EC_POINT_mul(group, part, NULL, w->gamma, w->c, context) == 1 && EC_POINT_add(group, w->v, w->v, part, context) == 1;
    EC_POINT_free(part);
    memcpy(w->points[0], public_key, VRF_PUBLIC_SIZE);
    memcpy(w->points[2], proof, VRF_PUBLIC_SIZE);
    if (!ok || !write_point(group, w->h, w->points[1], context) || !write_point(group, w->u, w->points[3], context) ||
        !write_point(group, w->v, w->points[4], context)) {
        return false;
    }
    challenge((const uint8_t(*)[VRF_PUBLIC_SIZE])w->points, again);
    return memcmp(again, c, CHALLENGE_SIZE) == 0;
}

bool vrf_verify(const uint8_t public_key[VRF_PUBLIC_SIZE], struct bytes input, const uint8_t proof[VRF_PROOF_SIZE],
                uint8_t out[VRF_OUTPUT_SIZE], struct error *e)
{
    struct work w = { 0 };
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BN_CTX *context = BN_CTX_new();
    EC_POINT *y = group == NULL ? NULL : EC_POINT_new(group);
    bool is_made = context != NULL && y != NULL && work_make(&w, group);
    bool ok = is_made && check(group, &w, y, public_key, input, proof, context);
    if (ok) {
        output_of(proof, out);
    }
    work_clear(&w);
    EC_POINT_free(y);
    BN_CTX_free(context);
    EC_GROUP_free(group);
    if (!is_made) {
        return out_of_memory(e);
    }
    return ok || error_set(e, ERROR_DENIED, "vrf", NULL, "the proof does not show this place for this input");
}
