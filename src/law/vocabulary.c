#include "law/vocabulary_internal.h"

static uint32_t hash(struct bytes text)
{
    uint32_t value = UINT32_C(2166136261);
    for (size_t i = 0; i < text.size; i++) {
        value = (value ^ text.data[i]) * UINT32_C(16777619);
    }
    return value;
}

const struct vocabulary_term *vocabulary_find(struct bytes iri)
{
    for (uint32_t slot = hash(iri) % VOCABULARY_SLOTS; vocabulary_slots[slot] != 0; slot = (slot + 1) % VOCABULARY_SLOTS) {
        const struct vocabulary_term *term = &vocabulary_terms[vocabulary_slots[slot] - 1];
        if (bytes_equal(term->iri, iri)) {
            return term;
        }
    }
    return NULL;
}

/* As deep as the hierarchy is: make_vocabulary.py has refused circles. */
static bool is_within(const struct vocabulary_term *term, const struct vocabulary_term *broader)
{
    if (term == broader) {
        return true;
    }
    for (size_t i = 0; i < term->parent_count; i++) {
        if (is_within(&vocabulary_terms[term->parents[i]], broader)) {
            return true;
        }
    }
    return false;
}

bool vocabulary_is_within(struct bytes iri, struct bytes broader)
{
    const struct vocabulary_term *term = vocabulary_find(iri), *above = vocabulary_find(broader);
    return term == NULL || above == NULL ? bytes_equal(iri, broader) : is_within(term, above);
}
