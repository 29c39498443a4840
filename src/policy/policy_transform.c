/* The transformations of a policy file: which keys each kind has, and what they may be. */
#include "policy/policy_parse_internal.h"

#include <stdio.h>

/* The keys beside `kind` and `as`, as bits. */
enum { KEY_FIRST = 1, KEY_LAST = 2, KEY_DECIMALS = 4, KEY_GEOHASH = 8, KEY_BANDS = 16 };
static const struct {
    unsigned allowed;
    const char *todo;
} kinds[TRANSFORM_COUNT] = {
    [TRANSFORM_MASK] = { KEY_FIRST | KEY_LAST, "mask has 'first' and 'last', and no other keys" },
    [TRANSFORM_DATE_TO_YEAR] = { 0, "date_to_year has no other keys than 'as'" },
    [TRANSFORM_DATE_TO_MONTH] = { 0, "date_to_month has no other keys than 'as'" },
    [TRANSFORM_COARSEN_PLACE] = { KEY_DECIMALS | KEY_GEOHASH, "coarsen_place has either 'decimals' or 'geohash'" },
    [TRANSFORM_AGE_BAND] = { KEY_BANDS, "age_band has 'bands', such as [0, 18, 40, 65]" },
    [TRANSFORM_PSEUDONYM] = { 0, "pseudonym has no other keys than 'as'" },
};

static bool take_number(struct policy_parser *p, const uint32_t *from, uint32_t least, uint32_t most, const char *place, uint8_t *to)
{
    if (from != NULL && (*from < least || *from > most)) {
        return parser_refuse(p, place, NULL, "%u is not between %u and %u", *from, least, most);
    }
    *to = from == NULL ? 0 : (uint8_t)*from;
    return true;
}

static bool take_bands(struct policy_parser *p, const struct text_transform *from, const char *place, struct transform *to)
{
    for (uint32_t i = 0; i < from->bands_count; i++) {
        uint32_t band = from->bands[i];
        if (band > TRANSFORM_AGE_MAX || (i == 0 ? band != 0 : band <= from->bands[i - 1])) {
            return parser_refuse(p, place, "write the lowest age of each band, such as [0, 18, 40, 65]",
                                 "the bands must begin with 0 and rise, to %d at most", TRANSFORM_AGE_MAX);
        }
        to->bands[i] = (uint8_t)band;
    }
    to->band_count = (uint8_t)from->bands_count;
    return true;
}

static unsigned keys_of(const struct text_transform *from)
{
    return (from->first != NULL ? KEY_FIRST : 0U) | (from->last != NULL ? KEY_LAST : 0U) | (from->decimals != NULL ? KEY_DECIMALS : 0U) |
           (from->geohash != NULL ? KEY_GEOHASH : 0U) | (from->bands_count > 0 ? KEY_BANDS : 0U);
}

static bool take_how(struct policy_parser *p, const struct text_transform *from, const char *place, struct transform *to)
{
    unsigned keys = keys_of(from);
    to->kind = from->kind;
    to->is_geohash = from->geohash != NULL;
    bool is_complete = (from->kind != TRANSFORM_COARSEN_PLACE || keys == KEY_DECIMALS || keys == KEY_GEOHASH) &&
                       (from->kind != TRANSFORM_AGE_BAND || keys == KEY_BANDS);
    if ((keys & ~kinds[from->kind].allowed) != 0 || !is_complete) {
        return parser_refuse(p, place, kinds[from->kind].todo, "'%s' has other keys", transform_word(from->kind));
    }
    return take_number(p, from->first, 0, TRANSFORM_KEEP_MAX, place, &to->first) &&
           take_number(p, from->last, 0, TRANSFORM_KEEP_MAX, place, &to->last) &&
           take_number(p, from->decimals, 0, TRANSFORM_DECIMALS_MAX, place, &to->places) &&
           (!to->is_geohash || take_number(p, from->geohash, 1, TRANSFORM_GEOHASH_MAX, place, &to->places)) &&
           take_bands(p, from, place, to);
}

bool parser_transform(struct policy_parser *p, const struct text_transform *from, const char *where, size_t category,
                      const struct policy_transform **out)
{
    char place[sizeof p->place], as[sizeof p->place];
    void *taken = NULL;
    *out = NULL;
    if (from == NULL) {
        return true;
    }
    (void)snprintf(place, sizeof place, "%.*s.transform", (int)sizeof place - 16, where);
    (void)snprintf(as, sizeof as, "%.*s.as", (int)sizeof as - 8, place);
    if (category == POLICY_STRUCTURE) {
        return parser_refuse(p, place, "name a category, or take it out", "what is about nobody needs no transformation");
    }
    if (!parser_take(p, 1, sizeof(struct policy_transform), &taken)) {
        return false;
    }
    struct policy_transform *to = taken;
    to->as = POLICY_STRUCTURE;
    to->how.domain = p->policy->categories[category].iri;
    if (!take_how(p, from, place, &to->how) || (from->as != NULL && !parser_category(p, from->as, as, &to->as))) {
        return false;
    }
    if (from->as != NULL && p->policy->categories[category].is_never) {
        return parser_refuse(p, as, "take the field out, or the category's 'never'", "nothing may be made of a category that never leaves");
    }
    if (to->as == category) {
        return parser_refuse(p, as, "take it out: without 'as' the value leaves transformed only, by its own category",
                             "'%s' is the value's own category", from->as);
    }
    *out = to;
    return true;
}

bool parser_is_made(const struct policy_service *service, size_t category)
{
    bool is_made = false;
    for (size_t i = 0; i < service->release_count; i++) {
        is_made = is_made || (service->releases[i].transform != NULL && service->releases[i].transform->as == category);
    }
    for (size_t i = 0; i < service->field_count; i++) {
        is_made = is_made || (service->fields[i].transform != NULL && service->fields[i].transform->as == category);
    }
    return is_made;
}

static bool is_released(const struct policy_service *service, size_t category)
{
    for (size_t i = 0; i < service->release_count; i++) {
        if (service->releases[i].category == category) {
            return true;
        }
    }
    return false;
}

bool parser_check_transforms(struct policy_parser *p, size_t index)
{
    struct policy_service *to = &p->policy->services[index];
    for (size_t i = 0; i < to->release_count + to->field_count; i++) {
        bool is_release = i < to->release_count;
        size_t at = is_release ? i : i - to->release_count;
        const struct policy_transform *transform = is_release ? to->releases[at].transform : to->fields[at].transform;
        if (transform == NULL) {
            continue;
        }
        to->has_pseudonyms = to->has_pseudonyms || transform->how.kind == TRANSFORM_PSEUDONYM;
        to->is_whole_never = to->is_whole_never || transform->as == POLICY_STRUCTURE;
        if (transform->as != POLICY_STRUCTURE && !is_released(to, transform->as)) {
            return parser_refuse(p, parser_at(p, "services[%zu].%s[%zu].transform.as", index, is_release ? "releases" : "fields", at),
                                 "add it to 'releases', with its basis",
                                 "the category of the transformed value is not released by this service");
        }
    }
    return true;
}
