/*
 * law_parse(): what it takes has an article for every value and agrees with itself. law_tighten(): what it takes is stricter than the law in each of
 * some ways, whatever the section says.
 */
#include <stdlib.h>

#include "law/tighten.h"
#include "law/values.h"
#include "law/vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_value(void *context, const struct law_value *value)
{
    size_t *count = context;
    if (value->key[0] == '\0' || value->value[0] == '\0' || value->source->article.size == 0) {
        abort();
    }
    (*count)++;
}

static void check_parsed(struct law *law)
{
    size_t count = 0;
    law_each_value(law, look_at_value, &count);
    bool is_consistent = count > 30 && law_allows(law, BASIS_CONSENT, true) && !law_allows(law, BASIS_LEGITIMATE_INTEREST, true);
    for (size_t i = 0; i < law->sensitive_count; i++) {
        is_consistent = is_consistent && law_is_sensitive(law, law->sensitive[i].iri);
    }
    for (size_t i = 0; i < law->border.instrument_count; i++) {
        is_consistent = is_consistent && law_find_instrument(law, law->border.instruments[i].kind) == &law->border.instruments[i];
    }
    if (!is_consistent) {
        abort();
    }
}

static void check_tightened(const struct law *base, const struct law *law)
{
    bool is_stricter = law->minor_age.value >= base->minor_age.value && law->sensitive_count >= base->sensitive_count &&
                       (base->separate_consent.bits & ~law->separate_consent.bits) == 0 &&
                       (law->sensitive_bases & ~base->sensitive_bases) == 0 &&
                       period_is_within(law->consent_max_validity.value, base->consent_max_validity.value) &&
                       period_is_within(base->consent_reask_after.value, law->consent_reask_after.value) &&
                       (base->dpia_required.bits & ~law->dpia_required.bits) == 0 &&
                       law->border.restricted_count >= base->border.restricted_count;
    for (size_t i = 0; i < BASIS_COUNT; i++) {
        is_stricter = is_stricter && (base->basis[i].is_allowed || !law->basis[i].is_allowed);
    }
    for (size_t i = 0; i < LAW_RIGHT_COUNT; i++) {
        is_stricter = is_stricter && (!base->rights[i].is_set || period_is_within(law->rights[i].value, base->rights[i].value));
    }
    for (size_t i = 0; i < vocabulary_term_count; i++) {
        is_stricter = is_stricter && (!law_is_sensitive(base, vocabulary_terms[i].iri) || law_is_sensitive(law, vocabulary_terms[i].iri));
    }
    if (!is_stricter) {
        abort();
    }
}

static void check_error(const struct error *e)
{
    if (e->kind == ERROR_NONE || (e->kind == ERROR_INPUT && e->where[0] == '\0')) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct law *base;
    struct law *law = NULL;
    struct error e = { 0 };
    if (base == NULL && !law_load_builtin(&base, BYTES("KE-DPA"), &e)) {
        abort();
    }
    if (law_parse(&law, bytes_of(data, size), "fuzz.yaml", &e)) {
        check_parsed(law);
        law_drop(law);
    } else {
        check_error(&e);
    }
    e = (struct error){ 0 };
    if (law_tighten(&law, base, bytes_of(data, size), "fuzz.yaml", &e)) {
        check_tightened(base, law);
        law_drop(law);
    } else {
        check_error(&e);
    }
    return 0;
}
