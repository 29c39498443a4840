/* Between the files that turn the text of a profile into a law and look for contradictions in it. */
#ifndef COMITY_LAW_LAW_PARSE_INTERNAL_H
#define COMITY_LAW_LAW_PARSE_INTERNAL_H

#include "base/buffer.h"
#include "law/law_text_internal.h"
#include "law/vocabulary.h"

enum { LAW_MINOR_AGE_MAX = 25 };

struct law_parser {
    struct bytes yaml;
    const char *file;
    struct error *e;
    struct law *law;
    const struct text_law *text;
    struct buffer scratch;
    char place[128];
};

/* "sensitive.categories[3].value" into parser->place. */
__attribute__((format(printf, 2, 3))) const char *law_at(struct law_parser *parser, const char *format, ...);
/* ERROR_INPUT at the line of `place`. Returns false. `todo` may be NULL. */
__attribute__((format(printf, 4, 5))) bool law_refuse(struct law_parser *parser, const char *place, const char *todo, const char *what,
                                                      ...);
/* The line of a place, for "the other is in line N". */
unsigned law_line(struct law_parser *parser, const char *place);

/* Copies a sequence of {value, article} whose values are IRIs of a kind (short ones expanded), each once and known to the vocabulary. */
must_check bool law_parse_terms(struct law_parser *parser, const struct text_word *from, size_t count, enum vocabulary_kind kind,
                                const char *place, struct law_category **to, size_t *to_count);
/* Copies a sequence of {value, article} of country codes, each once. */
must_check bool law_parse_countries(struct law_parser *parser, const struct text_word *from, size_t count, const char *place,
                                    struct law_country **to, size_t *to_count);
must_check bool law_parse_source(struct law_parser *parser, const struct text_source *from, struct law_source *to);
/* A period, or "none" where `may_be_none`; more than nothing unless `may_be_zero`. `place` is the mapping's, "rights.access". */
must_check bool law_parse_period(struct law_parser *parser, const struct text_word *from, const char *place, bool may_be_none,
                                 bool may_be_zero, struct law_period *to);
must_check bool law_copy(struct law_parser *parser, const char *text, struct bytes *to);
/* `count` zeroed things of `size` bytes; NULL for none. */
must_check bool law_take(struct law_parser *parser, size_t count, size_t size, void **to);

must_check bool law_parse_border(struct law_parser *parser);
must_check bool law_parse_notice(struct law_parser *parser);
bool law_is_language(const char *text); /* in the form of BCP 47 */
/* What no single value shows: refuses a profile that contradicts itself. */
must_check bool law_check(struct law_parser *parser);

/* From law.c: marks which terms of the vocabulary are sensitive, forbidden, never released. */
must_check bool law_mark_terms(struct law *law);

#endif
