#include "law/vocabulary.h"

const struct vocabulary_term *vocabulary_find(struct bytes iri)
{
    size_t low = 0, high = vocabulary_term_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = bytes_compare(iri, vocabulary_terms[middle].iri);
        if (order == 0) {
            return &vocabulary_terms[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
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
