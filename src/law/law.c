#include "law/law.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/yaml_schema.h"
#include "law/law_parse_internal.h"
#include "law/vocabulary.h"

struct law *law_keep(struct law *law)
{
    law->reference_count++;
    return law;
}

void law_drop(struct law *law)
{
    if (law != NULL && --law->reference_count == 0) {
        arena_clear(&law->arena);
        free(law);
    }
}

/* ---- Compiled in ---- */

bool law_load_builtin(struct law **out, struct bytes id, struct error *e)
{
    const char *words[32];
    char where[128], todo[192];
    *out = NULL;
    for (size_t i = 0; i < law_builtin_count; i++) {
        if (bytes_equal(id, bytes_of_text(law_builtins[i].id))) {
            (void)snprintf(where, sizeof where, "laws/%s.yaml", law_builtins[i].id);
            return law_parse(out, law_builtins[i].text, where, e);
        }
    }
    size_t count = law_builtin_count < COUNT_OF(words) ? law_builtin_count : COUNT_OF(words);
    size_t used = (size_t)snprintf(todo, sizeof todo, "there are:");
    for (size_t i = 0; i < count; i++) {
        words[i] = law_builtins[i].id;
        if (used < sizeof todo) {
            used += (size_t)snprintf(todo + used, sizeof todo - used, "%s %s", i == 0 ? "" : ",", words[i]);
        }
    }
    const char *near = yaml_nearest(id, words, count);
    if (near != NULL) {
        (void)snprintf(todo, sizeof todo, "did you mean %s?", near);
    }
    return error_set(e, ERROR_ABSENT, "law", todo, "there is no law profile '%.*s' in this version", (int)(id.size < 64 ? id.size : 64),
                     id.data != NULL ? (const char *)id.data : "");
}

const struct law_builtin *law_find_builtin(const uint8_t digest[SHA256_SIZE])
{
    for (size_t i = 0; i < law_builtin_count; i++) {
        uint8_t own[SHA256_SIZE];
        sha256(law_builtins[i].text, own);
        if (memcmp(own, digest, SHA256_SIZE) == 0) {
            return &law_builtins[i];
        }
    }
    return NULL;
}

/* ---- Questions ---- */

enum { MARK_SENSITIVE = 1, MARK_FORBIDDEN = 2, MARK_NEVER = 4 };

static void mark_within(struct law *law, const struct law_category *list, size_t count, uint8_t mark)
{
    for (size_t i = 0; i < vocabulary_term_count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (vocabulary_is_within(vocabulary_terms[i].iri, list[j].iri)) {
                law->marks[i] |= mark;
            }
        }
    }
}

/* Climbing the hierarchy once for each law, so that a decision only looks the term up. */
bool law_mark_terms(struct law *law)
{
    law->marks = arena_take_zeroed(&law->arena, vocabulary_term_count);
    if (law->marks == NULL) {
        return false;
    }
    mark_within(law, law->sensitive, law->sensitive_count, MARK_SENSITIVE);
    mark_within(law, law->forbidden_purposes, law->forbidden_purpose_count, MARK_FORBIDDEN);
    mark_within(law, law->never_released, law->never_released_count, MARK_NEVER);
    return true;
}

/* All that the lists name is in the vocabulary, so what isn't there is in none of them. */
static bool has_mark(const struct law *law, struct bytes iri, uint8_t mark)
{
    const struct vocabulary_term *term = vocabulary_find(iri);
    return term != NULL && (law->marks[term - vocabulary_terms] & mark) != 0;
}

bool law_is_sensitive(const struct law *law, struct bytes category)
{
    const struct vocabulary_term *term = vocabulary_find(category);
    return term == NULL || term->kind != VOCABULARY_CATEGORY || (law->marks[term - vocabulary_terms] & MARK_SENSITIVE) != 0;
}

bool law_forbids_purpose(const struct law *law, struct bytes purpose)
{
    return has_mark(law, purpose, MARK_FORBIDDEN);
}

bool law_never_releases(const struct law *law, struct bytes category)
{
    return has_mark(law, category, MARK_NEVER);
}

bool law_allows(const struct law *law, enum law_basis basis, bool is_sensitive)
{
    if ((size_t)basis >= BASIS_COUNT || !law->basis[basis].is_allowed) {
        return false;
    }
    return !is_sensitive || basis == BASIS_CONSENT || (law->sensitive_bases & LAW_BASIS_BIT(basis)) != 0;
}

bool law_is_minor(const struct law *law, int64_t born_day, int64_t now_ms)
{
    int age = period_age(born_day, now_ms);
    return age < 0 || (uint64_t)age < law->minor_age.value;
}

static bool is_in_territory(const struct law *law, struct bytes country)
{
    for (size_t i = 0; i < law->territory_count; i++) {
        if (bytes_equal(law->territory[i].code, country)) {
            return true;
        }
    }
    return false;
}

bool law_is_domestic(const struct law *law, struct bytes from, struct bytes to)
{
    if (from.size == 0 || to.size == 0) {
        return false;
    }
    return bytes_equal(from, to) || (is_in_territory(law, from) && is_in_territory(law, to));
}

const struct law_instrument *law_find_instrument(const struct law *law, struct bytes kind)
{
    for (size_t i = 0; i < law->border.instrument_count; i++) {
        if (bytes_equal(law->border.instruments[i].kind, kind)) {
            return &law->border.instruments[i];
        }
    }
    return NULL;
}
