#include "base/yaml_schema.h"

enum { WORD_SIZE_MAX = 128 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be changed, added, taken out or swapped with their neighbour (optimal string alignment). */
static size_t word_distance(struct bytes a, struct bytes b)
{
    size_t rows[3][WORD_SIZE_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.size; j++) {
        before[j] = 0;
        last[j] = j;
    }
    for (size_t i = 1; i <= a.size; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t cost = a.data[i - 1] == b.data[j - 1] ? 0 : 1;
            row[j] = smaller(smaller(last[j] + 1, row[j - 1] + 1), last[j - 1] + cost);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1]) {
                row[j] = smaller(row[j], before[j - 2] + 1);
            }
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b.size];
}

const char *yaml_nearest(struct bytes word, const char *const *words, size_t count)
{
    if (word.size == 0 || word.size > WORD_SIZE_MAX) {
        return NULL;
    }
    /* A third of the letters may be wrong, and at least one. */
    size_t allowed = word.size / 3 > 1 ? word.size / 3 : 1, best = allowed + 1;
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        struct bytes candidate = bytes_of_text(words[i]);
        if (candidate.size > WORD_SIZE_MAX) {
            continue;
        }
        size_t distance = word_distance(word, candidate);
        if (distance < best) {
            best = distance;
            found = words[i];
        }
    }
    return found;
}
