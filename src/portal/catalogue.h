/*
 * Catalogues: the texts of the pages in each language, with the language's plurals, numbers and dates (docs/pages.md says what a file holds). English
 * is complete and stands in where another language lacks a text. Pure; immutable after making, so any thread.
 */
#ifndef COMITY_PORTAL_CATALOGUE_H
#define COMITY_PORTAL_CATALOGUE_H

#include "base/buffer.h"
#include "base/error.h"

enum { CATALOGUES_MAX = 64, CATALOGUE_BYTES_MAX = 1024 * 1024, LANGUAGE_BYTES_MAX = 16 };

struct catalogue;
struct catalogues;

/* CLDR's categories. */
enum plural { PLURAL_OTHER = 0, PLURAL_ZERO, PLURAL_ONE, PLURAL_TWO, PLURAL_FEW, PLURAL_MANY };

/* Empty. NULL: memory. */
must_check struct catalogues *catalogues_make(void);
void catalogues_free(struct catalogues *catalogues); /* NULL is allowed */
/*
 * Adds a language: `name` is its tag (RFC 5646: "sw", "pt-BR"), `text` a JSON object of texts, copied. The first must be "en"; it is the measure of
 * the others: a text that it doesn't have, or whose {values} are not the same, is refused. One that is there already is replaced.
 * ERROR_INPUT: `where` is "languages/NAME.json: KEY". *lacking (may be NULL) is how many texts English has to stand in for.
 */
must_check bool catalogues_add(struct catalogues *catalogues, const char *name, struct bytes text, size_t *lacking, struct error *e);
size_t catalogues_count(const struct catalogues *catalogues);
const struct catalogue *catalogues_at(const struct catalogues *catalogues, size_t index);
/* By its tag, or the language alone ("fr-CA" finds "fr"); NULL: there is none. */
const struct catalogue *catalogues_find(const struct catalogues *catalogues, struct bytes tag);
/* The best of Accept-Language (RFC 9110 12.5.4); English if it names none that there is. */
const struct catalogue *catalogues_choose(const struct catalogues *catalogues, struct bytes accept_language);

const char *catalogue_name(const struct catalogue *catalogue);
bool catalogue_is_right_to_left(const struct catalogue *catalogue);
/*
 * The text; data NULL: neither this language nor English has it. `count`: of how many it speaks, for the plural form; below 0: of none. A view that
 * lives as long as the catalogues.
 */
struct bytes catalogue_text(const struct catalogue *catalogue, struct bytes key, int64_t count);
/* Has the language this text itself, without English standing in? */
bool catalogue_has(const struct catalogue *catalogue, struct bytes key);
enum plural catalogue_plural(const struct catalogue *catalogue, int64_t count);
/* In the language's digits, with its separator of thousands. */
void catalogue_append_number(const struct catalogue *catalogue, int64_t number, struct buffer *out);
/* A day with the month's name, in the language's order; with the clock (UTC) if wished. Years 0 to 9999; else nothing. */
void catalogue_append_time(const struct catalogue *catalogue, int64_t time_ms, bool with_clock, struct buffer *out);

#endif
