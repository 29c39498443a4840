/*
 * Notices: what the person is shown before deciding. A revision is immutable; its identity is the SHA-256 of its RFC 8785 bytes, and
 * `prevSha256` chains it to the one before. The form is docs/formats/notices.md (reference consent-standards 6.1). Pure: parsing, comparing
 * and looking up; notice_store.h keeps them, and says which are in force.
 */
#ifndef COMITY_CONSENT_NOTICE_H
#define COMITY_CONSENT_NOTICE_H

#include <jansson.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "crypto/hash.h"
#include "law/law.h"

/* What a revision may hold. A larger one is refused. */
enum {
    NOTICE_BYTES_MAX = 64 * 1024,
    NOTICE_ID_SIZE_MAX = 64, /* of ^[A-Za-z0-9_-]{1,64}$ */
    NOTICE_IRI_SIZE_MAX = 512,
    NOTICE_TEXT_SIZE_MAX = 4000, /* free text, a language */
    NOTICE_LINE_SIZE_MAX = 512,  /* a contact, an address, a URL, a reference */
    NOTICE_MEMBER_SIZE_MAX = 512,
    NOTICE_CATEGORIES_MAX = 64,
    NOTICE_LANGUAGES_MAX = 32,
    NOTICE_LIST_MAX = 64, /* services, processing, storage, onward, jurisdictions, attributes of a category */
};

enum notice_lifecycle { NOTICE_DRAFT = 0, NOTICE_COMPLETE };
/* How the recipient may have the data. `view`: it must not keep them. Zero is the least. */
enum use_mode { USE_MODE_VIEW = 0, USE_MODE_QUERY, USE_MODE_STORE, USE_MODE_STREAM };
enum use_fetch { USE_FETCH_ONETIME = 0, USE_FETCH_PERIODIC };
const char *use_mode_name(enum use_mode mode);    /* "view" */
const char *use_fetch_name(enum use_fetch fetch); /* "onetime" */
must_check bool use_mode_parse(struct bytes name, enum use_mode *out);
must_check bool use_fetch_parse(struct bytes name, enum use_fetch *out);

/* One text in several languages, sorted by language (BCP 47 tags, as they are written). Views into the notice. */
struct notice_text {
    struct bytes language, text;
};
struct notice_texts {
    const struct notice_text *items;
    size_t count;
};
/* The text in `language`, else in a language of which it is a region ("zh" for "zh-CN"), else the first; BYTES_NONE if there is none. */
struct bytes notice_texts_find(const struct notice_texts *texts, struct bytes language);

struct notice_list {
    const struct bytes *items;
    size_t count;
};
bool notice_list_has(const struct notice_list *list, struct bytes item);

struct notice_party {
    struct bytes member; /* COMMUNITY/CLASS/MEMBER, canonical */
    struct notice_texts name;
    struct bytes contact, address, url; /* empty: not said */
    struct bytes country;               /* ISO 3166-1, two capitals; empty: not said */
    struct notice_texts representative; /* in the law's area, of who is outside it */
    struct bytes officer;               /* contact of who answers for data protection */
};
struct notice_category {
    struct bytes iri; /* full */
    bool is_sensitive, is_required;
    struct notice_texts necessity, impact;
    struct notice_list attributes; /* RFC 9535 paths */
};
/* Limits of use: the widest that a consent on this notice may have. */
struct use_limits {
    enum use_mode mode;
    enum use_fetch fetch;
    uint64_t max;          /* uses in each `per`; 0: not limited */
    struct period per;     /* zero when `max` is 0 */
    uint64_t total;        /* uses in all; 0: not limited */
    bool has_from, has_to; /* the age of the data: from (inclusive), to (exclusive) */
    int64_t range_from_ms, range_to_ms;
};
struct notice {
    _Atomic int reference_count;
    struct arena arena;
    struct bytes text; /* RFC 8785: what the digest is of, and what is stored */
    uint8_t digest[SHA256_SIZE];
    struct bytes id;
    uint32_t revision; /* from 1 */
    bool has_prev;
    uint8_t prev[SHA256_SIZE]; /* of the revision before */
    bool has_equivalent;
    uint8_t equivalent[SHA256_SIZE]; /* `equivalentTo`: consents on that revision stay valid */
    enum notice_lifecycle lifecycle;
    bool is_active; /* new consents may be given on it */
    struct bytes law;
    struct notice_list jurisdictions; /* IRIs */
    struct notice_party holder, recipient;
    struct bytes purpose; /* IRI */
    struct notice_texts purpose_text;
    bool purpose_descends; /* holds for narrower purposes as well */
    enum law_basis basis;
    struct notice_texts basis_text;           /* which legitimate interest, which contract */
    struct notice_list services;              /* COMMUNITY/CLASS/MEMBER/SUBSYSTEM/SERVICE, canonical */
    const struct notice_category *categories; /* in the order of the notice */
    size_t category_count;
    struct notice_list processing; /* IRIs */
    struct notice_texts method;
    bool is_automated;
    struct notice_texts automated_text;
    struct notice_list onward; /* members to whom the recipient may pass it on */
    struct use_limits use;
    bool has_recipient_life, has_erase_at;
    struct period recipient_life; /* how long the recipient may keep what it got */
    int64_t erase_at_ms;
    struct notice_list storage; /* country codes */
    bool has_max_validity;
    struct period max_validity; /* no consent on it lasts longer */
    bool crosses_border;
    struct bytes instrument; /* id; empty: none */
    struct notice_texts remedy, safeguard;
    bool allows_minor;
    uint32_t guardian_below; /* years of age; 0: not said */
    struct notice_texts guardian_text, child_text;
    struct bytes withdrawal_url;
    struct notice_texts withdrawal;
    struct bytes rights_url, authority_url;
    struct notice_texts refusal_effect, obligation, source;
    struct bytes dpia_ref, dpia_date; /* the date: YYYY-MM-DD; empty: none */
    struct notice_list languages;
    int64_t published_at_ms; /* 0: not published yet */
    struct bytes published_by;
};

/*
 * Reads a revision from JSON, and makes its canonical bytes and its digest. Form only: a complete notice may still lack what a law demands
 * (notice_check.h). ERROR_INPUT: where is "notice" and the JSON pointer of the member ("notice/categories/0/iri"): unknown, absent, of
 * another type, too long, out of its list. `*out` is the caller's to drop.
 */
must_check bool notice_parse(struct notice **out, struct bytes json, struct error *e);
must_check bool notice_read(struct notice **out, const json_t *value, struct error *e);
struct notice *notice_keep(struct notice *notice);
void notice_drop(struct notice *notice);                                                           /* NULL is allowed */
const struct notice_category *notice_find_category(const struct notice *notice, struct bytes iri); /* NULL: it has none such */

/*
 * Which revisions exist and which are in force, at one moment: immutable, shared by reference count. What notices_*() return is a view that
 * lives as long as the snapshot. Any thread; they allocate nothing.
 *
 * The newest complete revision of an id is its current one. A digest is *accepted* when it is that of the current revision, or of one to
 * which the current one is equivalent: by `equivalentTo`, or by a chain of them. A consent on any other revision is superseded.
 */
struct notices;
struct notices *notices_keep(struct notices *notices);
void notices_drop(struct notices *notices); /* NULL is allowed */
/* `revision` 0: the current one. NULL: there is none. */
const struct notice *notices_find(const struct notices *notices, struct bytes id, uint32_t revision);
const struct notice *notices_find_by_digest(const struct notices *notices, const uint8_t digest[SHA256_SIZE]);
/* The revision that is in force for consents on the one with this digest; NULL: none, such a consent is superseded (or its notice unknown). */
const struct notice *notices_find_accepting(const struct notices *notices, const uint8_t digest[SHA256_SIZE]);
bool notices_is_accepted(const struct notices *notices, const uint8_t digest[SHA256_SIZE]);
/* All revisions, sorted by id and then by revision. */
size_t notices_count(const struct notices *notices);
const struct notice *notices_at(const struct notices *notices, size_t index);
/* What names a snapshot in a decision: SHA-256 of a line a revision, in their order: "ID REVISION DIGEST logged|unlogged", LF (docs/formats/notices.md). */
const uint8_t *notices_digest(const struct notices *notices);
/* Is it the current revision of its id? */
bool notices_is_current(const struct notices *notices, const struct notice *notice);

/* A revision, and whether it is in the log. One that isn't is not in force, yet what it supersedes is superseded. */
struct notices_entry {
    struct notice *notice;
    bool is_logged;
};
/*
 * A snapshot of these revisions, which it keeps; in any order. Of each id: revisions from 1 without a gap, each naming the digest of the one
 * before; `equivalentTo` only the complete one before it. ERROR_INPUT: another shape (where: "notice ID@REVISION").
 */
must_check bool notices_make(struct notices **out, const struct notices_entry *entries, size_t count, struct error *e);

#endif
