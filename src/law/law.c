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

bool law_mark_sensitive(struct law *law)
{
    law->sensitive_terms = arena_take_zeroed(&law->arena, vocabulary_term_count);
    for (size_t i = 0; law->sensitive_terms != NULL && i < vocabulary_term_count; i++) {
        for (size_t j = 0; j < law->sensitive_count && law->sensitive_terms[i] == 0; j++) {
            law->sensitive_terms[i] = vocabulary_is_within(vocabulary_terms[i].iri, law->sensitive[j].iri);
        }
    }
    return law->sensitive_terms != NULL;
}

bool law_is_sensitive(const struct law *law, struct bytes category)
{
    const struct vocabulary_term *term = vocabulary_find(category);
    return term == NULL || term->kind != VOCABULARY_CATEGORY || law->sensitive_terms[term - vocabulary_terms] != 0;
}

static bool is_within_any(struct bytes iri, const struct law_category *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (vocabulary_is_within(iri, list[i].iri)) {
            return true;
        }
    }
    return false;
}

bool law_forbids_purpose(const struct law *law, struct bytes purpose)
{
    return is_within_any(purpose, law->forbidden_purposes, law->forbidden_purpose_count);
}

bool law_never_releases(const struct law *law, struct bytes category)
{
    return is_within_any(category, law->never_released, law->never_released_count);
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
