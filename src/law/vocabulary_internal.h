/* The hash table of terms, which make_vocabulary.py writes: open addressing by FNV-1a of the IRI, index + 1 of vocabulary_terms; 0 is free. */
#ifndef COMITY_LAW_VOCABULARY_INTERNAL_H
#define COMITY_LAW_VOCABULARY_INTERNAL_H

#include "law/vocabulary.h"

enum { VOCABULARY_SLOTS = 2048 }; /* a power of two, at least twice as many as there are terms */
extern const uint16_t vocabulary_slots[VOCABULARY_SLOTS];

#endif
