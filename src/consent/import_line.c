#include "consent/import_line_internal.h"

#include <stdio.h>

#include "base/encode.h"
#include "base/time.h"
#include "law/iri.h"

static const char *const names[IMPORT_COLUMNS] = {
    [IMPORT_PERSON] = "person",
    [IMPORT_NOTICE] = "notice",
    [IMPORT_SHA256] = "sha256",
    [IMPORT_DECISION] = "decision",
    [IMPORT_CATEGORIES] = "categories",
    [IMPORT_SEPARATE] = "separate",
    [IMPORT_VALID_FROM] = "valid_from",
    [IMPORT_VALID_UNTIL] = "valid_until",
    [IMPORT_DECIDED_AT] = "decided_at",
    [IMPORT_BORN] = "born",
    [IMPORT_BY] = "by",
    [IMPORT_BY_REF] = "by_ref",
    [IMPORT_EVIDENCE] = "evidence",
    [IMPORT_METHOD] = "method",
    [IMPORT_LANGUAGE] = "language",
    [IMPORT_ASSURANCE] = "assurance",
};

static bool fail(struct error *e, enum import_column column, const char *todo, const char *what)
{
    return error_set(e, ERROR_INPUT, names[column], todo, "%s", what);
}

/* ---- Fields ---- */

static bool fail_quotes(struct error *e)
{
    return error_set(e, ERROR_INPUT, "line", "write a quote in a quoted field twice, and none in others (RFC 4180)",
                     "its quotes do not match");
}

/* The field in quotes at the front, without them. */
static bool take_quoted(struct bytes *rest, struct arena *arena, struct bytes *field, struct error *e)
{
    uint8_t *out = arena_take(arena, rest->size + 1);
    size_t size = 0, at = 1;
    if (out == NULL) {
        return error_memory(e, "import");
    }
    for (;;) {
        if (at == rest->size) {
            return fail_quotes(e);
        }
        bool is_quote = rest->data[at] == '"';
        if (is_quote && (at + 1 == rest->size || rest->data[at + 1] != '"')) {
            break;
        }
        out[size++] = rest->data[at];
        at += is_quote ? 2 : 1;
    }
    *field = bytes_of(out, size);
    *rest = bytes_slice(*rest, at + 1, rest->size);
    return rest->size == 0 || rest->data[0] == ',' || fail_quotes(e);
}

/* Takes a field off the front; `*is_last` when none follows. */
static bool take_field(struct bytes *rest, struct arena *arena, struct bytes *field, bool *is_last, struct error *e)
{
    if (rest->size > 0 && rest->data[0] == '"') {
        if (!take_quoted(rest, arena, field, e)) {
            return false;
        }
    } else {
        size_t size = bytes_find(*rest, ',');
        *field = bytes_slice(*rest, 0, size);
        *rest = bytes_slice(*rest, size, rest->size);
        if (bytes_find(*field, '"') != field->size) {
            return fail_quotes(e);
        }
    }
    *is_last = rest->size == 0;
    *rest = bytes_slice(*rest, *is_last ? 0 : 1, rest->size);
    return true;
}

static struct bytes without_end(struct bytes line)
{
    size_t size = line.size;
    while (size > 0 && (line.data[size - 1] == '\n' || line.data[size - 1] == '\r')) {
        size--;
    }
    return bytes_slice(line, 0, size);
}

bool import_columns_read(struct bytes line, struct import_columns *out, struct error *e)
{
    struct arena arena = { 0 };
    bool is_last = false, has_person = false, ok = true;
    *out = (struct import_columns){ .count = 0 };
    line = without_end(bytes_start_with(line, BYTES("\xef\xbb\xbf")) ? bytes_slice(line, 3, line.size) : line);
    while (ok && !is_last) {
        struct bytes field = BYTES_NONE;
        size_t column = 0;
        ok = take_field(&line, &arena, &field, &is_last, e);
        while (ok && column < IMPORT_COLUMNS && !bytes_equal(field, bytes_of_text(names[column]))) {
            column++;
        }
        for (size_t i = 0; ok && i < out->count; i++) {
            ok = out->order[i] != column || error_set(e, ERROR_INPUT, names[column], NULL, "the column is there twice");
        }
        if (ok && column == IMPORT_COLUMNS) {
            ok = error_set(e, ERROR_INPUT, "columns", "see docs/formats/imports.md for what a column may be called",
                           "column %zu is called '%.*s'", out->count + 1, BYTES_FMT(bytes_slice(field, 0, 40)));
        } else if (ok) {
            out->order[out->count++] = (enum import_column)column;
            has_person = has_person || column == IMPORT_PERSON;
        }
    }
    arena_clear(&arena);
    return ok && (has_person || error_set(e, ERROR_INPUT, "columns", "name the columns in the first line", "there is no column 'person'"));
}

static bool split(const struct import_columns *columns, struct bytes line, struct arena *arena, struct bytes fields[IMPORT_COLUMNS],
                  struct error *e)
{
    bool is_last = false;
    size_t i = 0;
    for (; i < columns->count && !is_last; i++) {
        if (!take_field(&line, arena, &fields[columns->order[i]], &is_last, e)) {
            return false;
        }
    }
    return (is_last && i == columns->count) || error_set(e, ERROR_INPUT, "line", "give each column a field, if an empty one",
                                                         "it has %s fields than there are columns", is_last ? "fewer" : "more");
}

/* ---- What they say ---- */

static bool read_time(const struct bytes *fields, enum import_column column, int64_t *out, struct error *e)
{
    return fields[column].size == 0 || time_parse(fields[column], out) ||
           fail(e, column, "write it as 2027-03-01T00:00:00Z (RFC 3339)", "this is no time");
}

static bool read_digest(const struct bytes *fields, enum import_column column, bool *has, uint8_t out[SHA256_SIZE], struct error *e)
{
    *has = fields[column].size > 0;
    return !*has || hex_parse(fields[column], out, SHA256_SIZE) ||
           fail(e, column, "write it as 64 hexadecimal digits", "this is no SHA-256");
}

static bool find_notice(const struct bytes *fields, const struct notices *notices, struct bytes notice_id, struct import_line *out,
                        struct error *e)
{
    uint8_t digest[SHA256_SIZE];
    bool has_digest;
    if (!read_digest(fields, IMPORT_SHA256, &has_digest, digest, e)) {
        return false;
    }
    struct bytes id = fields[IMPORT_NOTICE].size > 0 ? fields[IMPORT_NOTICE] : notice_id;
    out->notice = has_digest ? notices_find_by_digest(notices, digest) : id.size > 0 ? notices_find(notices, id, 0) : NULL;
    if (out->notice == NULL || (id.size > 0 && !bytes_equal(out->notice->id, id))) {
        return fail(e, IMPORT_NOTICE, "publish it first (comity notice publish), and name it in the line or by --notice",
                    "there is no such notice");
    }
    out->answer.notice = out->notice->digest;
    return true;
}

static bool read_decision(const struct bytes *fields, struct import_line *out, struct error *e)
{
    struct bytes word = fields[IMPORT_DECISION];
    out->answer.is_refusal = bytes_equal(word, BYTES("refuse"));
    return word.size == 0 || out->answer.is_refusal || bytes_equal(word, BYTES("give")) ||
           fail(e, IMPORT_DECISION, NULL, "must be give or refuse");
}

/* Those that are given, by spaces; the others of the notice are refused. */
static bool read_categories(const struct bytes *fields, struct import_line *out, struct error *e)
{
    struct bytes rest = fields[IMPORT_CATEGORIES], word;
    struct buffer full;
    bool ok = true;
    if (rest.size == 0) {
        return true;
    }
    for (size_t i = 0; i < out->notice->category_count; i++) {
        out->choices[i] = (struct consent_choice){ .category = out->notice->categories[i].iri };
    }
    out->answer.choices = out->choices;
    out->answer.choice_count = out->notice->category_count;
    buffer_init(&full, 2 * (size_t)IRI_SIZE_MAX);
    while (ok && bytes_split(&rest, ' ', &word)) {
        size_t at = 0;
        buffer_reset(&full);
        ok = iri_expand(word, &full) || fail(e, IMPORT_CATEGORIES, "write IRIs, with spaces between them", "this is no IRI");
        while (ok && at < out->notice->category_count && !bytes_equal(out->choices[at].category, buffer_bytes(&full))) {
            at++;
        }
        if (ok && at == out->notice->category_count) {
            ok = fail(e, IMPORT_CATEGORIES, "decide on the notice's categories", "one of them is not in the notice");
        } else if (ok) {
            out->choices[at].is_given = true;
        }
    }
    buffer_clear(&full);
    return ok;
}

static bool read_separate(const struct bytes *fields, struct import_line *out, struct error *e)
{
    struct bytes rest = fields[IMPORT_SEPARATE], word;
    uint32_t bit;
    while (rest.size > 0 && bytes_split(&rest, ' ', &word)) {
        if (!law_separate_parse(word, &bit)) {
            return fail(e, IMPORT_SEPARATE, NULL,
                        "must be of sensitive, provide, border, publish, publicplace, minor, with spaces between them");
        }
        out->answer.separate |= bit;
    }
    return true;
}

static bool read_act(const struct bytes *fields, struct import_line *out, struct error *e)
{
    struct consent_act *act = &out->act;
    act->role = CONSENT_ROLE_PERSON;
    act->ref = fields[IMPORT_BY_REF];
    act->language = fields[IMPORT_LANGUAGE];
    if (act->language.size == 0 && out->notice->languages.count == 1) {
        act->language = out->notice->languages.items[0];
    }
    if (fields[IMPORT_BY].size > 0 && !consent_role_parse(fields[IMPORT_BY], &act->role)) {
        return fail(e, IMPORT_BY, NULL, "must be person, guardian or delegate");
    }
    if (fields[IMPORT_METHOD].size > 0 && !consent_method_parse(fields[IMPORT_METHOD], &act->method)) {
        return fail(e, IMPORT_METHOD, NULL, "must be portal, kiosk, paper, voice, ussd or api");
    }
    if (fields[IMPORT_ASSURANCE].size > 0 && !consent_assurance_parse(fields[IMPORT_ASSURANCE], &act->assurance)) {
        return fail(e, IMPORT_ASSURANCE, NULL, "must be low, substantial or high");
    }
    return read_digest(fields, IMPORT_EVIDENCE, &act->has_evidence, act->evidence, e);
}

/* A date of the last hundred and fifty years, by the clock's own day. */
static bool read_born(const struct bytes *fields, struct import_line *out, struct error *e)
{
    char text[sizeof "1980-03-01T00:00:00Z"];
    int64_t time_ms;
    struct bytes date = fields[IMPORT_BORN];
    out->has_born = date.size > 0;
    if (!out->has_born) {
        return true;
    }
    (void)snprintf(text, sizeof text, "%.*sT00:00:00Z", BYTES_FMT(bytes_slice(date, 0, 10)));
    if (date.size != 10 || !time_parse(bytes_of_text(text), &time_ms)) {
        return fail(e, IMPORT_BORN, "write it as 1980-03-01", "this is no date");
    }
    int64_t day_ms = 86400 * 1000;
    out->born_day = (int32_t)((time_ms - (time_ms < 0 ? day_ms - 1 : 0)) / day_ms);
    return true;
}

bool import_line_read(const struct import_columns *columns, struct bytes line, const struct notices *notices, struct bytes notice_id,
                      struct arena *arena, struct import_line *out, struct error *e)
{
    struct bytes fields[IMPORT_COLUMNS] = { { NULL, 0 } };
    out->notice = NULL;
    out->answer = (struct consent_answer){ .notice = NULL };
    out->act = (struct consent_act){ .role = CONSENT_ROLE_PERSON };
    out->decided_ms = 0;
    out->has_born = false;
    if (!split(columns, without_end(line), arena, fields, e) || !find_notice(fields, notices, notice_id, out, e) ||
        !read_decision(fields, out, e) || !read_categories(fields, out, e) || !read_separate(fields, out, e) || !read_act(fields, out, e) ||
        !read_born(fields, out, e) || !read_time(fields, IMPORT_DECIDED_AT, &out->decided_ms, e) ||
        !read_time(fields, IMPORT_VALID_FROM, &out->answer.valid_from_ms, e) ||
        !read_time(fields, IMPORT_VALID_UNTIL, &out->answer.valid_until_ms, e)) {
        return false;
    }
    out->answer.person = fields[IMPORT_PERSON];
    out->answer.valid_from_ms = out->answer.valid_from_ms != 0 ? out->answer.valid_from_ms : out->decided_ms;
    return true;
}
