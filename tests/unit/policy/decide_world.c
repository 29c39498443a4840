#include "decide_world.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DAY INT64_C(86400000)
#define FROM(when) ((when) == WHEN_NOT_YET ? WORLD_NOW + 1 : WORLD_NOW - 2 * DAY)
#define UNTIL(when) ((when) == WHEN_ENDED ? WORLD_NOW : WORLD_NOW + DAY)

const struct bytes world_iris[WORLD_IRIS] = {
    BYTES("https://w3id.org/dpv/pd#Name"),
    BYTES("https://w3id.org/dpv/pd#BloodType"),
    BYTES("https://w3id.org/dpv/pd#Location"),
    BYTES("https://w3id.org/dpv/pd#Password"),
    BYTES("urn:world:unknown"),
    BYTES("https://w3id.org/dpv/pd#MaritalStatus"),
    BYTES("https://w3id.org/dpv/pd#Age"),
    BYTES("https://w3id.org/dpv/pd#FinancialAccount"),
};
const char *const world_laws[WORLD_LAWS] = { "CN-PIPL", "EU-GDPR", "IN-DPDP", "KE-DPA", "strict", "made-1", "made-2" };

static const struct bytes countries[] = { BYTES(""), BYTES("CN"), BYTES("KE"), BYTES("DE"), BYTES("FR"), BYTES("IN") };
static const struct bytes purpose_care = BYTES("https://w3id.org/dpv#ServiceProvision");
static const struct bytes purposes[] = { BYTES(""),
                                         BYTES("https://w3id.org/dpv#ServiceProvision"),
                                         BYTES("https://w3id.org/dpv#Marketing"),
                                         BYTES("https://w3id.org/dpv#SellDataToThirdParties"),
                                         BYTES("urn:world:for-authority"),
                                         BYTES("https://w3id.org/dpv#SearchFunctionalities") };
static struct bytes allowed_purposes[] = { BYTES("https://w3id.org/dpv#ServiceProvision"), BYTES("urn:world:for-authority"),
                                           BYTES("https://w3id.org/dpv#SearchFunctionalities"),
                                           BYTES("https://w3id.org/dpv#SellDataToThirdParties") };
static struct bytes authority_purposes[] = { BYTES("urn:world:for-authority") };
static const struct bytes record_ids[] = { BYTES("c-0"), BYTES("c-1"), BYTES("c-2") };
static const uint8_t digests[][SHA256_SIZE] = { { 0 }, { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 4 } };

/* Laws that no country has, for what the five don't use: each replacement is (what strict says, what this one says). */
static const char *const made[][14][2] = {
    {
        { "guardian: {value: required", "guardian: {value: not_required" },
        { "age_unknown: {value: treat_as_minor_if_category_sensitive", "age_unknown: {value: treat_as_minor" },
        { "inherit_purpose: {value: false", "inherit_purpose: {value: true" },
        { "written_for: []", "written_for: [{value: \"pd:Location\", article: A}]" },
        { "other_bases: []", "other_bases: [{value: statutory_duty, article: A}, {value: vital, article: A}]" },
        { "  - {value: vital, needs:",
          "  - {value: statutory_duty, needs: [law_ref, state_organ], article: A}\n  - {value: vital, needs:" },
        { "restricted: []", "restricted: [{value: FR, article: A}]" },
        { "foreign_authority: {value: approval", "foreign_authority: {value: refused" },
        { "  - {value: minor, article: \"PIPL 31; DPDP 9\", chosen: true}\n", "" },
        { "purposes:\n  forbidden:\n", "purposes:\n  forbidden:\n    - {value: dpv:Marketing, article: A}\n" },
        { "critical: {value: true, lifted_by: [treaty]", "critical: {value: false" },
        { "territory: []", "territory: [{value: KE, article: A}, {value: DE, article: A}]" },
    },
    {
        { "age_unknown: {value: treat_as_minor_if_category_sensitive", "age_unknown: {value: treat_as_adult" },
        { "rule: {value: instrument", "rule: {value: free" },
        { "separate_consent: {value: always", "separate_consent: {value: never" },
        { "state_organ: {value: true, lifted_by: [treaty]", "state_organ: {value: false" },
        { "renew_before: {value: P90D", "renew_before: {value: P30D" },
        { "needs: [justification, confirmation]", "needs: [justification]" },
        { "    - {value: border, article: PIPL 55(4), chosen: true}\n", "" },
        { "  - {value: border, article: PIPL 39, chosen: true}\n", "" },
        { "blacklist: {value: true", "blacklist: {value: false" },
    },
};

static struct law *make_law(size_t index)
{
    struct error e;
    struct law *law = NULL;
    const struct law_builtin *strict = NULL;
    struct buffer text;
    for (size_t i = 0; i < law_builtin_count; i++) {
        strict = strcmp(law_builtins[i].id, "strict") == 0 ? &law_builtins[i] : strict;
    }
    buffer_init(&text, LAW_BYTES_MAX);
    buffer_append(&text, strict->text);
    for (size_t i = 0; i < COUNT_OF(made[0]) && made[index][i][0] != NULL; i++) {
        struct bytes from = bytes_of_text(made[index][i][0]);
        struct buffer next;
        size_t at = 0;
        while (at + from.size <= text.size && memcmp(text.data + at, from.data, from.size) != 0) {
            at++;
        }
        if (at + from.size > text.size) {
            fail_msg("strict no longer says '%s'", made[index][i][0]);
        }
        buffer_init(&next, LAW_BYTES_MAX);
        buffer_append(&next, bytes_of(text.data, at));
        buffer_append_text(&next, made[index][i][1]);
        buffer_append(&next, bytes_of(text.data + at + from.size, text.size - at - from.size));
        buffer_clear(&text);
        text = next;
    }
    if (!law_parse(&law, buffer_bytes(&text), world_laws[5 + index], &e)) {
        fail_msg("%s: %s; %s", e.where, e.what, e.todo);
    }
    buffer_clear(&text);
    return law;
}

struct law *world_law(unsigned index)
{
    static struct law *laws[WORLD_LAWS];
    struct error e;
    if (laws[index] == NULL && index >= 5) {
        laws[index] = make_law(index - 5);
    } else if (laws[index] == NULL) {
        assert_true(law_load_builtin(&laws[index], bytes_of_text(world_laws[index]), &e));
    }
    return laws[index];
}

unsigned dice_roll(struct dice *dice, unsigned sides)
{
    dice->state ^= dice->state << 13;
    dice->state ^= dice->state >> 7;
    dice->state ^= dice->state << 17;
    return (unsigned)((dice->state * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % sides;
}

/* ---- Drawing ---- */

static void draw_release(struct world_release *r, const struct law *law, struct dice *dice)
{
    *r = (struct world_release){ .iri = dice_roll(dice, WORLD_IRIS),
                                 .is_policy_sensitive = dice_roll(dice, 3) == 0,
                                 .has_law_ref = true,
                                 .has_ref = true,
                                 .has_decision = true,
                                 .state = CONSENT_GIVEN,
                                 .dates = WHEN_NOW,
                                 .notice = 1,
                                 .separate = 63,
                                 .role = CONSENT_ROLE_PERSON,
                                 .is_counted = true,
                                 .is_in_notice = true,
                                 .is_sensitive_in_notice = true };
    r->iri = r->iri == 3 && dice_roll(dice, 4) > 0 ? 0 : r->iri;
    r->is_also_vital = dice_roll(dice, 3) == 0;
    if (dice_roll(dice, 3) == 0) {
        r->basis = (enum law_basis)dice_roll(dice, BASIS_COUNT);
        r->basis = law->basis[r->basis].is_allowed || dice_roll(dice, 3) == 0 ? r->basis : BASIS_CONSENT;
    }
}

static void draw_instrument(struct world_instrument *i, const struct law *law, struct dice *dice)
{
    *i = (struct world_instrument){ .kind = dice_roll(dice, (unsigned)law->border.instrument_count),
                                    .recipient = dice_roll(dice, 2),
                                    .when = WHEN_NOW,
                                    .max_persons = UINT64_MAX,
                                    .max_sensitive = UINT64_MAX };
    for (size_t j = 0; j < WORLD_IRIS; j++) {
        i->covers[j] = dice_roll(dice, 12) > 0;
    }
}

/* One thing that is not as it should be. */
static void break_release(struct world_release *r, struct dice *dice)
{
    switch (dice_roll(dice, 21)) {
    case 0:
        r->has_decision = false;
        break;
    case 1:
        r->state = (enum consent_state)dice_roll(dice, 11);
        break;
    case 2:
        r->dates = 1 + dice_roll(dice, 3);
        break;
    case 3:
        r->notice = dice_roll(dice, 5);
        break;
    case 4:
        r->separate = dice_roll(dice, 64);
        break;
    case 5:
        r->separate &= ~(1u << dice_roll(dice, 6));
        break;
    case 6:
        r->role = (enum consent_role)dice_roll(dice, 7);
        break;
    case 7:
        r->max = 1 + dice_roll(dice, 3);
        r->in_period = dice_roll(dice, 4);
        break;
    case 8:
        r->total = 1 + dice_roll(dice, 3);
        r->used = dice_roll(dice, 4);
        break;
    case 9:
        r->total = 2;
        r->is_counted = false;
        break;
    case 10:
        r->range = dice_roll(dice, 5);
        break;
    case 11:
        r->is_in_notice = false;
        break;
    case 12:
        r->is_sensitive_in_notice = false;
        break;
    case 13:
        r->has_law_ref = false;
        break;
    case 14:
        r->has_ref = false;
        break;
    case 15:
        r->basis = (enum law_basis)dice_roll(dice, BASIS_COUNT);
        break;
    case 16:
        r->is_never = true;
        break;
    case 17:
        r->is_duty_other = true;
        break;
    case 18:
        r->is_written = true;
        break;
    case 19:
        r->has_no_terms = true;
        break;
    default:
        r->iri = dice_roll(dice, WORLD_IRIS);
        break;
    }
}

static void break_instrument(struct world_instrument *i, const struct law *law, struct dice *dice)
{
    switch (dice_roll(dice, 7)) {
    case 0:
        i->kind = (unsigned)law->border.instrument_count;
        break;
    case 1:
        i->recipient = 2;
        break;
    case 2:
        i->covers[dice_roll(dice, WORLD_IRIS)] = false;
        break;
    case 3:
        i->when = 1 + dice_roll(dice, 3);
        break;
    case 4:
        i->is_suspended = true;
        break;
    case 5:
        i->is_old = true;
        break;
    default:
        i->max_persons = dice_roll(dice, 4);
        i->max_sensitive = dice_roll(dice, 4);
        break;
    }
}

static void break_request(struct case_world *w, struct dice *dice)
{
    switch (dice_roll(dice, 14)) {
    case 0:
        w->is_recognised = false;
        break;
    case 1:
        w->has_service = false;
        break;
    case 2:
        w->has_right = false;
        break;
    case 3:
        w->has_person = false;
        break;
    case 4:
        w->listed = (enum listed)dice_roll(dice, LISTED_COUNT);
        break;
    case 5:
        w->purpose = dice_roll(dice, 6);
        break;
    case 6:
        w->has_default_purpose = true;
        w->purpose = 0;
        break;
    case 7:
        w->is_about_person = false;
        break;
    case 8:
        w->claims_vital = !w->claims_vital;
        break;
    case 9:
        w->is_justified = !w->is_justified;
        break;
    case 10:
        w->is_confirmed = !w->is_confirmed;
        break;
    case 11:
        w->is_justified_too_long = true;
        break;
    case 12:
        w->is_for_authority = true;
        break;
    default:
        w->needs_confirmation = true;
        break;
    }
}

static void break_law(struct case_world *w, struct dice *dice)
{
    switch (dice_roll(dice, 15)) {
    case 0:
        w->is_state_organ = true;
        break;
    case 1:
        w->is_critical = true;
        break;
    case 2:
        w->is_client_state_organ = !w->is_client_state_organ;
        break;
    case 3:
        w->relation = (enum policy_relation)dice_roll(dice, 3);
        break;
    case 4:
        w->contract = (enum when)dice_roll(dice, WHEN_COUNT);
        break;
    case 5:
        w->dpia = (enum when)dice_roll(dice, WHEN_COUNT);
        break;
    case 6:
        w->is_dpia_old = true;
        break;
    case 7:
        w->approval = (enum when)dice_roll(dice, WHEN_COUNT);
        break;
    case 8:
        w->is_approval_for_purpose = dice_roll(dice, 2);
        w->is_approval_for_other = dice_roll(dice, 2);
        w->approval = WHEN_NOW;
        w->is_for_authority = true;
        break;
    case 9:
        w->duty = 0;
        break;
    case 10:
        w->is_automated = true;
        w->is_notice_automated = dice_roll(dice, 2);
        break;
    case 11:
        w->instrument_count = dice_roll(dice, WORLD_INSTRUMENTS + 1);
        break;
    case 12:
        w->holder_country = dice_roll(dice, 6);
        w->client_country = dice_roll(dice, 6);
        break;
    case 13:
        w->is_same_community = true;
        w->is_same_member = dice_roll(dice, 2);
        break;
    default:
        w->keeps_range = false;
        break;
    }
}

static void break_counts(struct case_world *w, struct dice *dice)
{
    switch (dice_roll(dice, 8)) {
    case 0:
        w->harvest = 3;
        w->asked = dice_roll(dice, 6);
        w->is_asked = dice_roll(dice, 3) == 0;
        break;
    case 1:
        w->burst = 2;
        w->recent = 15 + dice_roll(dice, 12);
        w->usual = dice_roll(dice, 14);
        break;
    case 2:
        w->is_held = true;
        break;
    case 3:
        w->harvest = 5;
        w->is_full = true;
        break;
    case 4:
        w->exported = dice_roll(dice, 5);
        w->exported_sensitive = w->exported == 0 ? 0 : dice_roll(dice, (unsigned)w->exported + 1);
        w->is_exported = w->exported > 0 && dice_roll(dice, 2);
        w->is_exported_sensitive = w->is_exported && w->exported_sensitive > 0 && dice_roll(dice, 2);
        break;
    case 5:
        w->exported = 9999 + dice_roll(dice, 3);
        w->exported_sensitive = 9997 + dice_roll(dice, 3);
        break;
    case 6:
        w->base_persons = 99990 + dice_roll(dice, 20);
        w->base_sensitive = dice_roll(dice, 3);
        w->is_base_of_this_year = dice_roll(dice, 4) > 0;
        break;
    default:
        w->instruments[0].max_persons = 1 + dice_roll(dice, 3);
        break;
    }
}

static void break_person(struct case_world *w, struct dice *dice)
{
    switch (dice_roll(dice, 14)) {
    case 0:
        w->born = dice_roll(dice, 6);
        break;
    case 1:
        w->has_died = true;
        break;
    case 2:
        w->is_paused = true;
        break;
    case 3:
        w->is_restricted = true;
        break;
    case 4:
        w->has_guardian = !w->has_guardian;
        break;
    case 5:
        w->has_delegate = !w->has_delegate;
        break;
    case 6:
        w->is_notice_for_recipient = false;
        break;
    case 7:
        w->has_notice_services = true;
        w->is_notice_for_service = dice_roll(dice, 2);
        break;
    case 8:
        w->is_notice_for_purpose = false;
        w->does_notice_descend = dice_roll(dice, 2);
        break;
    case 9:
        w->does_notice_cross = false;
        break;
    case 10:
        w->does_notice_allow_minor = false;
        break;
    case 11:
        w->purpose = 5;
        w->is_notice_broader = true;
        w->does_notice_descend = dice_roll(dice, 3) > 0;
        break;
    case 12:
        w->has_no_notices = true;
        break;
    default:
        w->notices = dice_roll(dice, 3);
        break;
    }
}

void world_draw(struct case_world *w, struct dice *dice)
{
    *w = (struct case_world){ .law = dice_roll(dice, WORLD_LAWS),
                              .is_recognised = true,
                              .has_service = true,
                              .has_right = true,
                              .is_about_person = true,
                              .has_person = true,
                              .purpose = 1,
                              .contract = WHEN_NONE,
                              .dpia = WHEN_NOW,
                              .duty = 1,
                              .is_client_state_organ = dice_roll(dice, 2),
                              .keeps_range = true,
                              .born = 1,
                              .is_notice_for_recipient = true,
                              .is_notice_for_purpose = true,
                              .does_notice_cross = true,
                              .does_notice_allow_minor = true,
                              .instrument_count = WORLD_INSTRUMENTS,
                              .release_count = dice_roll(dice, WORLD_RELEASES + 1) };
    const struct law *law = world_law(w->law);
    w->holder_country = 1 + dice_roll(dice, 5);
    w->client_country = 1 + dice_roll(dice, 5);
    if (dice_roll(dice, 3) == 0) {
        w->is_same_community = true;
        w->client_country = w->holder_country;
    }
    for (size_t i = 0; i < WORLD_INSTRUMENTS; i++) {
        draw_instrument(&w->instruments[i], law, dice);
    }
    for (size_t i = 0; i < WORLD_RELEASES; i++) {
        draw_release(&w->releases[i], law, dice);
    }
    if (dice_roll(dice, 4) == 0) { /* a child, as it should be */
        w->born = 2 + 2 * dice_roll(dice, 2);
        w->has_guardian = true;
        for (size_t i = 0; i < WORLD_RELEASES; i++) {
            w->releases[i].role = CONSENT_ROLE_GUARDIAN;
        }
    }
    if (dice_roll(dice, 4) == 0) { /* an emergency, as it should be */
        w->claims_vital = w->is_justified = w->is_confirmed = true;
    }
    for (unsigned n = dice_roll(dice, 6); n > 0; n--) {
        switch (dice_roll(dice, 7)) {
        case 0:
            break_request(w, dice);
            break;
        case 1:
            break_law(w, dice);
            break;
        case 2:
            break_counts(w, dice);
            break;
        case 3:
            break_person(w, dice);
            break;
        case 4:
            break_instrument(&w->instruments[dice_roll(dice, WORLD_INSTRUMENTS)], law, dice);
            break;
        default:
            break_release(&w->releases[dice_roll(dice, WORLD_RELEASES)], dice);
            break;
        }
    }
    for (size_t i = 1; i < WORLD_RELEASES; i++) { /* no category is released twice: the parser sees to it */
        for (size_t j = 0; j < i; j++) {
            if (w->releases[i].iri == w->releases[j].iri) {
                w->releases[i].iri = (w->releases[i].iri + 1) % WORLD_IRIS;
                j = (size_t)-1;
            }
        }
    }
}

/* ---- Building ---- */

static void build_instruments(const struct case_world *w, struct world_built *b)
{
    const struct law *law = world_law(w->law);
    for (size_t i = 0; i < w->instrument_count; i++) {
        const struct world_instrument *from = &w->instruments[i];
        struct border_instrument *to = &b->instruments[i];
        size_t count = 0;
        for (size_t j = 0; j < WORLD_IRIS; j++) {
            if (from->covers[j]) {
                b->instrument_categories[i][count++] = world_iris[j];
            }
        }
        b->instrument_recipients[i] = from->recipient == 0 ? BYTES("X/Y/Z") : from->recipient == 1 ? BYTES("X") : BYTES("X/Y/W");
        *to = (struct border_instrument){
            .id = i == 0 ? BYTES("i-0") : BYTES("i-1"),
            .kind = from->kind < law->border.instrument_count ? law->border.instruments[from->kind].kind : BYTES("unknown"),
            .from_ms = from->is_old ? WORLD_NOW - 20 * 366 * DAY : FROM(from->when),
            .until_ms = UNTIL(from->when),
            .is_suspended = from->is_suspended,
            .recipients = &b->instrument_recipients[i],
            .recipient_count = 1,
            .categories = b->instrument_categories[i],
            .category_count = count,
            .max_persons = from->max_persons,
            .max_sensitive = from->max_sensitive,
        };
    }
}

static struct notice *make_notice(const struct case_world *w, unsigned revision, unsigned digest)
{
    struct notice *n = calloc(1, sizeof *n);
    assert_non_null(n);
    n->reference_count = 1;
    memcpy(n->digest, digests[digest], SHA256_SIZE);
    n->id = BYTES("n");
    n->revision = revision;
    n->has_prev = revision > 1;
    n->lifecycle = NOTICE_COMPLETE;
    n->is_active = true;
    n->recipient.member = w->is_notice_for_recipient ? BYTES("X/Y/Z") : BYTES("X/Y/W");
    n->purpose = w->is_notice_for_purpose ? (w->purpose == 0 ? purpose_care : purposes[w->purpose]) : BYTES("urn:world:elsewhere");
    if (w->is_notice_broader) {
        n->purpose = purpose_care;
    }
    n->purpose_descends = w->does_notice_descend;
    n->is_automated = w->is_notice_automated;
    n->crosses_border = w->does_notice_cross;
    n->allows_minor = w->does_notice_allow_minor;
    if (w->has_notice_services) {
        struct bytes *service = arena_take(&n->arena, sizeof *service);
        *service = w->is_notice_for_service ? BYTES("A/B/C/D/s") : BYTES("A/B/C/D/t");
        n->services = (struct notice_list){ .items = service, .count = 1 };
    }
    struct notice_category *categories = arena_take_zeroed(&n->arena, WORLD_RELEASES * sizeof *categories);
    for (size_t i = 0; i < w->release_count; i++) {
        if (w->releases[i].is_in_notice) {
            categories[n->category_count].iri = world_iris[w->releases[i].iri];
            categories[n->category_count++].is_sensitive = w->releases[i].is_sensitive_in_notice;
        }
    }
    n->categories = categories;
    return n;
}

/* Revision 1 is superseded, 2 is what 3 is equivalent to, and 3 is in force. */
static void build_notices(const struct case_world *w, struct world_built *b)
{
    struct error e = { 0 };
    struct notices_entry entries[3] = { { make_notice(w, 1, 2), true }, { make_notice(w, 2, 4), true }, { make_notice(w, 3, 1), true } };
    memcpy(entries[1].notice->prev, digests[2], SHA256_SIZE);
    memcpy(entries[2].notice->prev, digests[4], SHA256_SIZE);
    entries[2].notice->has_equivalent = true;
    memcpy(entries[2].notice->equivalent, digests[4], SHA256_SIZE);
    if (!notices_make(&b->notices, entries, 3, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    for (size_t i = 0; i < 3; i++) {
        notice_drop(entries[i].notice);
    }
}

static int32_t born_day(const struct case_world *w)
{
    int64_t today = WORLD_NOW / DAY;
    int years = (int)world_law(w->law)->minor_age.value;
    switch (w->born) {
    case 1:
        return (int32_t)(today - 40 * 366);
    case 2:
        return (int32_t)(today - 3 * 366);
    case 3:
        return (int32_t)period_day_of(2026 - years, 11, 24);
    case 4:
        return (int32_t)period_day_of(2026 - years, 11, 25);
    default:
        return (int32_t)(today + 1);
    }
}

static void build_consents(const struct case_world *w, struct world_built *b)
{
    b->view.person = (struct consent_person){ .has_born = w->born != 0,
                                              .born_day = w->born == 0 ? 0 : born_day(w),
                                              .has_died = w->has_died,
                                              .is_paused = w->is_paused,
                                              .is_restricted = w->is_restricted,
                                              .guardian_until_ms = w->has_guardian ? WORLD_NOW + 1 : WORLD_NOW,
                                              .delegate_until_ms = w->has_delegate ? INT64_MAX : 0 };
    b->view.decisions = b->decisions;
    size_t uses = 0;
    for (size_t i = 0; i < w->release_count; i++) {
        const struct world_release *from = &w->releases[i];
        if (!from->has_decision) {
            continue;
        }
        struct consent_terms *terms = &b->terms[i];
        *terms = (struct consent_terms){ .separate = from->separate, .role = from->role, .is_written = from->is_written };
        memcpy(terms->notice, digests[from->notice], SHA256_SIZE);
        terms->limits.max = from->max;
        terms->limits.total = from->total;
        terms->limits.has_data_from = from->range == 1 || from->range >= 3;
        terms->limits.has_data_until = from->range >= 2;
        terms->limits.data_from_ms = from->range == 4 ? 1000 : 100;
        terms->limits.data_until_ms = from->range == 4 ? 2000 : 1000;
        struct consent_decision *decision = &b->decisions[b->view.count++];
        *decision = (struct consent_decision){ .category = world_iris[from->iri],
                                               .state = from->state,
                                               .valid_from_ms = FROM(from->dates),
                                               .valid_until_ms = UNTIL(from->dates),
                                               .record_id = record_ids[i],
                                               .terms = from->has_no_terms ? NULL : terms };
        if (from->is_counted) {
            b->uses[uses++] = (struct decide_use){ .record_id = record_ids[i], .in_period = from->in_period, .total = from->used };
        }
    }
    b->context.counters.uses = b->uses;
    b->context.counters.use_count = uses;
}

static void build_service(const struct case_world *w, struct world_built *b)
{
    static struct bytes this_notice[] = { BYTES("n") }, other_notice[] = { BYTES("m") };
    b->rights[0] = (struct policy_right){ .subject = BYTES("X/Y/Z"), .parts = b->client, .method = BYTES("GET"), .path = BYTES("/**") };
    b->rights[0].parts.part_count = 3;
    b->service = (struct policy_service){
        .id = BYTES("A/B/C/D/s"),
        .person_place = w->is_about_person ? PERSON_PATH : PERSON_NONE,
        .purposes = allowed_purposes,
        .purpose_count = COUNT_OF(allowed_purposes),
        .default_purpose = w->has_default_purpose ? purpose_care : BYTES_NONE,
        .releases = b->releases,
        .release_count = w->release_count,
        .rights = b->rights,
        .right_count = w->has_right ? 1 : 0,
        .relation = w->relation,
        .duty = w->duty == 1 ? BYTES("Act 5") : BYTES_NONE,
        .is_automated = w->is_automated,
        .keeps_range = w->keeps_range,
        .notices = w->notices == 1 ? this_notice : other_notice,
        .notice_count = w->notices == 0 ? 0 : 1,
        .instruments = b->instruments,
        .instrument_count = w->instrument_count,
        .harvest = { .persons = w->harvest, .per_ms = 1000, .burst = w->burst },
    };
    if (w->contract != WHEN_NONE) {
        b->service.contract = (struct policy_document){ .ref = BYTES("K"), .from_ms = FROM(w->contract), .until_ms = UNTIL(w->contract) };
    }
    if (w->dpia != WHEN_NONE) {
        b->service.dpia = (struct policy_document){ .ref = BYTES("P"),
                                                    .from_ms = w->is_dpia_old ? WORLD_NOW - 20 * 366 * DAY : FROM(w->dpia),
                                                    .until_ms = UNTIL(w->dpia) };
    }
    for (size_t i = 0; i < w->release_count; i++) {
        const struct world_release *from = &w->releases[i];
        b->categories[i] = (struct policy_category){ .iri = world_iris[from->iri],
                                                     .is_sensitive = from->is_policy_sensitive,
                                                     .is_never = from->is_never };
        b->releases[i] = (struct policy_release){ .category = i,
                                                  .basis = from->basis,
                                                  .also_bases = from->is_also_vital ? LAW_BASIS_BIT(BASIS_VITAL) : 0,
                                                  .law_ref = !from->has_law_ref    ? BYTES_NONE
                                                             : from->is_duty_other ? BYTES("Act 6")
                                                                                   : BYTES("Act 5"),
                                                  .ref = from->has_ref ? BYTES("R") : BYTES_NONE };
    }
}

static void build_policy(const struct case_world *w, struct world_built *b)
{
    static struct bytes lists[LISTED_COUNT] = { BYTES(""), BYTES("X/Y/Z"), BYTES("X"), BYTES("X/Y/W") };
    b->approvals[0] = (struct policy_approval){
        .document = { .ref = BYTES("leave"), .from_ms = FROM(w->approval), .until_ms = UNTIL(w->approval) },
        .recipient = w->is_approval_for_other ? BYTES("X/Y/W") : BYTES("X"),
        .purpose = w->is_approval_for_purpose ? BYTES("urn:world:for-authority") : BYTES_NONE
    };
    b->years[0] = (struct policy_year){ .year = w->is_base_of_this_year ? 2026 : 2025,
                                        .persons = w->base_persons,
                                        .sensitive = w->base_sensitive };
    b->policy = (struct policy){ .categories = b->categories,
                                 .category_count = w->release_count,
                                 .blacklist = &lists[w->listed],
                                 .blacklist_count = w->listed == LISTED_NOT ? 0 : 1,
                                 .authority_purposes = authority_purposes,
                                 .authority_purpose_count = 1,
                                 .approvals = b->approvals,
                                 .approval_count = w->approval == WHEN_NONE ? 0 : 1,
                                 .years = b->years,
                                 .year_count = 1,
                                 .is_vital_confirmed = w->needs_confirmation };
}

void world_build(const struct case_world *w, struct world_built *b)
{
    static const uint8_t long_text[JUSTIFICATION_SIZE_MAX + 1] = "x";
    memset(b, 0, sizeof *b);
    b->client = (struct identifier){ .parts = { BYTES("X"), BYTES("Y"), BYTES("Z"), BYTES("app") }, .part_count = 4 };
    build_instruments(w, b);
    build_service(w, b);
    build_policy(w, b);
    build_notices(w, b);
    build_consents(w, b);
    b->request = (struct decide_request){
        .client = &b->client,
        .recipient = BYTES("X/Y/Z"),
        .service = w->has_service ? &b->service : NULL,
        .method = BYTES("GET"),
        .path = BYTES("/p"),
        .purpose = purposes[w->purpose],
        .person = w->has_person ? BYTES("p-1") : BYTES_NONE,
        .claims_vital = w->claims_vital,
        .justification = !w->is_justified           ? BYTES_NONE
                         : w->is_justified_too_long ? bytes_of(long_text, sizeof long_text)
                                                    : BYTES("heart attack"),
        .confirmed_by = w->is_confirmed ? BYTES("Dr B") : BYTES_NONE,
        .authority = w->is_for_authority ? BYTES("Court") : BYTES_NONE,
        .now_ms = WORLD_NOW,
    };
    b->context.policy = &b->policy;
    b->context.law = world_law(w->law);
    b->context.notices = w->has_no_notices ? NULL : b->notices;
    b->context.consents = &b->view;
    b->context.parties = (struct decide_parties){ .is_recognised = w->is_recognised,
                                                  .is_same_member = w->is_same_member,
                                                  .is_same_community = w->is_same_community,
                                                  .holder_country = countries[w->holder_country],
                                                  .client_country = countries[w->client_country],
                                                  .is_state_organ = w->is_state_organ,
                                                  .is_critical = w->is_critical,
                                                  .is_client_state_organ = w->is_client_state_organ };
    b->context.counters.exported = w->exported;
    b->context.counters.exported_sensitive = w->exported_sensitive;
    b->context.counters.is_exported = w->is_exported;
    b->context.counters.is_exported_sensitive = w->is_exported_sensitive;
    b->context.counters.asked = w->asked;
    b->context.counters.is_asked = w->is_asked;
    b->context.counters.is_full = w->is_full;
    b->context.counters.recent = w->recent;
    b->context.counters.usual = w->usual;
    b->context.counters.is_held = w->is_held;
}

void world_clear(struct world_built *built)
{
    notices_drop(built->notices);
    built->notices = NULL;
}
