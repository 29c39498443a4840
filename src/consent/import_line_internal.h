/* One line of a file of consents to be imported (docs/formats/imports.md): CSV (RFC 4180) with a first line that names the columns. Pure. */
#ifndef COMITY_CONSENT_IMPORT_LINE_INTERNAL_H
#define COMITY_CONSENT_IMPORT_LINE_INTERNAL_H

#include "base/arena.h"
#include "consent/consent.h"

enum import_column {
    IMPORT_PERSON = 0,
    IMPORT_NOTICE,
    IMPORT_SHA256,
    IMPORT_DECISION,
    IMPORT_CATEGORIES,
    IMPORT_SEPARATE,
    IMPORT_VALID_FROM,
    IMPORT_VALID_UNTIL,
    IMPORT_DECIDED_AT,
    IMPORT_BORN,
    IMPORT_BY,
    IMPORT_BY_REF,
    IMPORT_EVIDENCE,
    IMPORT_METHOD,
    IMPORT_LANGUAGE,
    IMPORT_ASSURANCE,
    IMPORT_COLUMNS,
};
struct import_columns {
    enum import_column order[IMPORT_COLUMNS];
    size_t count;
};
must_check bool import_columns_read(struct bytes line, struct import_columns *out, struct error *e);

/* What a line says, in the words of an answer to a notice. Views of the line, the arena and the notice. Not to be moved. */
struct import_line {
    const struct notice *notice;
    struct consent_answer answer;
    struct consent_choice choices[NOTICE_CATEGORIES_MAX];
    struct consent_act act;
    int64_t decided_ms; /* when the person decided, as the source says; 0: it does not */
    bool has_born;
    int32_t born_day; /* days since 1970-01-01 */
};
/*
 * `notice_id`: of lines that name none. ERROR_INPUT: `e->where` is the column. ERROR_DENIED, with `*reason`: the notice is not one to be
 * answered. Never with what the line says.
 */
must_check bool import_line_read(const struct import_columns *columns, struct bytes line, const struct notices *notices,
                                 struct bytes notice_id, struct arena *arena, struct import_line *out, struct error *e);

#endif
