/*
 * Worlds to decide in, drawn from dice: plain values, from which the code gets its structs (decide_world.c) and a slow model its own answer
 * (decide_model.c, written from the law's text; it shares nothing with src/policy).
 */
#ifndef COMITY_TESTS_DECIDE_WORLD_H
#define COMITY_TESTS_DECIDE_WORLD_H

#include "consent/notice.h"
#include "law/law.h"
#include "policy/decide.h"

enum { WORLD_RELEASES = 3, WORLD_INSTRUMENTS = 2, WORLD_IRIS = 8, WORLD_LAWS = 7 };
#define WORLD_NOW INT64_C(1795507200000) /* 2026-11-24T08:00:00Z */

enum when { WHEN_NONE = 0, WHEN_NOW, WHEN_ENDED, WHEN_NOT_YET, WHEN_COUNT }; /* of a document; WHEN_NONE: there is none */
enum listed { LISTED_NOT = 0, LISTED_MEMBER, LISTED_COMMUNITY, LISTED_OTHER, LISTED_COUNT };

struct world_instrument {
    unsigned kind;      /* one of the law's; past its end: unknown */
    unsigned recipient; /* 0: the member, 1: its community, 2: another */
    bool covers[WORLD_IRIS];
    enum when when;
    bool is_old; /* so old that the law has ended it, if it ends such ones */
    bool is_suspended;
    uint64_t max_persons, max_sensitive; /* UINT64_MAX: none */
};
struct world_release {
    unsigned iri;
    bool is_policy_sensitive, is_never;
    enum law_basis basis;
    bool is_also_vital, has_law_ref, has_ref, is_duty_other;
    /* The person's decision on it. */
    bool has_decision;
    enum consent_state state;
    enum when dates;
    unsigned notice;   /* 0: none, 1: current, 2: superseded, 3: unknown, 4: an older one that the current is equivalent to */
    uint32_t separate; /* LAW_SEPARATE_* */
    enum consent_role role;
    bool is_written, has_no_terms;
    uint64_t max, total, in_period, used;
    bool is_counted; /* are its uses handed in? */
    unsigned range;  /* 0: none, 1: from, 2: until, 3: both, 4: both, and they don't meet those of 3 */
    /* What the notice says of the category. */
    bool is_in_notice, is_sensitive_in_notice;
};
struct case_world {
    unsigned law;
    bool is_recognised, has_service, has_right, is_about_person, has_person;
    enum listed listed;
    unsigned
        purpose; /* 0: none declared, 1: the service's, 2: another, 3: sale, 4: for an authority (the service allows it), 5: narrower than the service's */
    bool has_default_purpose;
    bool is_same_member, is_same_community;
    unsigned holder_country, client_country; /* 0: not said, 1: CN, 2: KE, 3: DE, 4: FR, 5: IN */
    bool is_state_organ, is_critical, is_client_state_organ;
    enum policy_relation relation;
    enum when contract, dpia;
    bool is_dpia_old; /* the law has ended it, if it ends any */
    bool claims_vital, is_justified, is_justified_too_long, is_confirmed, is_for_authority, needs_confirmation;
    enum when approval;
    bool is_approval_for_purpose, is_approval_for_other;
    unsigned duty; /* 0: none, 1: declared */
    bool is_automated, keeps_range;
    unsigned notices; /* of the service: 0: any, 1: this one, 2: another */
    uint64_t harvest, asked, recent, usual;
    uint32_t burst;
    bool is_asked, is_full, is_held;
    size_t instrument_count;
    struct world_instrument instruments[WORLD_INSTRUMENTS];
    uint64_t exported, exported_sensitive, base_persons, base_sensitive;
    bool is_exported, is_exported_sensitive;
    bool is_base_of_this_year;
    /* The person. */
    unsigned born; /* 0: unknown, 1: an adult, 2: a child, 3: of age today, 4: of age tomorrow, 5: not born */
    bool has_died, is_paused, is_restricted, has_guardian, has_delegate;
    /* The notice that is in force. */
    bool is_notice_for_recipient, is_notice_for_service, has_notice_services, is_notice_for_purpose, is_notice_automated, does_notice_cross,
        does_notice_allow_minor, is_notice_broader, does_notice_descend, has_no_notices;
    size_t release_count;
    struct world_release releases[WORLD_RELEASES];
};

extern const struct bytes world_iris[WORLD_IRIS];
extern const char *const world_laws[WORLD_LAWS];
struct law *world_law(unsigned index); /* shared, for ever */

struct dice {
    uint64_t state;
};
unsigned dice_roll(struct dice *dice, unsigned sides);
/* A world in which everything is in order, in one of several ways; then some things are broken. */
void world_draw(struct case_world *world, struct dice *dice);

/* What decide() gets for a world; the structs point into one another: don't move it. */
struct world_built {
    struct policy_category categories[WORLD_RELEASES];
    struct policy_release releases[WORLD_RELEASES];
    struct policy_right rights[1];
    struct policy_service service;
    struct border_instrument instruments[WORLD_INSTRUMENTS];
    struct bytes instrument_recipients[WORLD_INSTRUMENTS], instrument_categories[WORLD_INSTRUMENTS][WORLD_IRIS];
    struct policy_approval approvals[1];
    struct policy_year years[1];
    struct policy policy;
    struct identifier client;
    struct consent_terms terms[WORLD_RELEASES];
    struct consent_decision decisions[WORLD_RELEASES];
    struct consent_view view;
    struct decide_use uses[WORLD_RELEASES];
    struct notices *notices;
    struct decide_request request;
    struct decide_context context;
};
void world_build(const struct case_world *world, struct world_built *out);
void world_clear(struct world_built *built);

/* The model's answer. */
struct model_result {
    enum reason reason;
    bool is_whole, is_break_glass, starts_hold, counts_export, counts_sensitive;
    bool permitted[WORLD_RELEASES];
    enum reason withheld[WORLD_RELEASES];
};
void model_decide(const struct case_world *world, struct model_result *out);

#endif
