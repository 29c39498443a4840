/*
 * Transformations: what a value may be made into so that it may leave where the value itself may not, or on condition of which it may. Pure: time
 * and key are handed in. What can't be transformed (another type, a bad date, nothing that fits) doesn't leave.
 */
#ifndef COMITY_POLICY_TRANSFORM_H
#define COMITY_POLICY_TRANSFORM_H

#include "base/buffer.h"
#include "crypto/hash.h"
#include "directory/identifier.h"

/* X(name, word): the word is that of the policy file and of Comity-Released. */
#define TRANSFORMS(X)                                                                                                                      \
    X(MASK, "mask")                                                                                                                        \
    X(DATE_TO_YEAR, "date_to_year")                                                                                                        \
    X(DATE_TO_MONTH, "date_to_month")                                                                                                      \
    X(COARSEN_PLACE, "coarsen_place")                                                                                                      \
    X(AGE_BAND, "age_band")                                                                                                                \
    X(PSEUDONYM, "pseudonym")

#define X(name, word) TRANSFORM_##name,
enum transform_kind { TRANSFORMS(X) TRANSFORM_COUNT };
#undef X
const char *transform_word(enum transform_kind kind);

enum {
    TRANSFORM_BANDS_MAX = 16,
    TRANSFORM_AGE_MAX = 150,
    TRANSFORM_DECIMALS_MAX = 6,
    TRANSFORM_GEOHASH_MAX = 12,
    TRANSFORM_KEEP_MAX = 64,          /* characters at one end of a masked text */
    TRANSFORM_TOKEN_BYTES_MAX = 4096, /* as it is written in the answer; a longer value can't be transformed */
};
/*
 * mask: all characters (code points) of a text but the first and last so many become "*"; all of them where no more than those are there.
 * date_to_year, date_to_month: "YYYY", "YYYY-MM", "YYYY-MM-DD" or an RFC 3339 date-time becomes its year, or year and month; a coarser one stays.
 * coarsen_place: of a number, or of one or two in a text ("51.5074,-0.1278"), so many decimals are kept (cut towards zero); of a geohash, with
 *   `geohash`, so many characters. Degrees only: nothing past 180, no exponent.
 * age_band: a birth date (a day, in a text) becomes "18-39", or "65+" for the last band; an age (a whole number, or one in a text) the lowest age of
 *   its band.
 * pseudonym: base64url of HMAC-SHA-256 by the recipient's key over the domain and the text or number: 22 characters, or 16, 11 or 8 where the value is
 *   too short for more. Stable for one recipient, different for another; values that differ in type or spelling differ.
 */
struct transform {
    enum transform_kind kind;
    uint8_t first, last;                /* mask */
    uint8_t places;                     /* coarsen_place: decimals, or characters of a geohash */
    bool is_geohash;                    /* coarsen_place */
    uint8_t band_count;                 /* age_band */
    uint8_t bands[TRANSFORM_BANDS_MAX]; /* lowest ages, rising; the first is 0 */
    struct bytes domain;                /* pseudonym: the category's IRI; a view */
};
bool transform_equal(const struct transform *a, const struct transform *b);

/* What a transformation needs beside the value. */
struct transform_context {
    int64_t now_ms;                     /* the moment that was decided for: ages are counted to its day, UTC */
    uint8_t pseudonym_key[SHA256_SIZE]; /* transform_recipient_key() */
    bool has_pseudonym_key;             /* without it no pseudonym is made: the value doesn't leave */
    uint64_t barred;                    /* bits of the service's releases: categories of which nothing is made, as they leave in no form */
};
/* The key of one recipient (a member: further parts don't count) from the gateway's secret. False: memory. */
must_check bool transform_recipient_key(struct bytes secret, const struct identifier *recipient, uint8_t key[SHA256_SIZE]);

/*
 * `token`: a whole JSON string, number or literal as json_scan.h gives it. Empties `out` (which takes TRANSFORM_TOKEN_BYTES_MAX) and writes JSON
 * into it, never more bytes than the token has. False: it can't be transformed, and must not leave; `out` then holds nothing to use.
 */
must_check bool transform_apply(const struct transform *transform, const struct transform_context *context, struct bytes token,
                                struct buffer *out);

#endif
