#include "api/paper_code.h"

#include <stdio.h>

#include "api/code_guard.h"
#include "base/metrics.h"
#include "base/random.h"

enum { BITS = 5, FIELD = 1 << BITS, RANDOM_DIGITS = PAPER_CODE_DIGITS - 1, GROUP = 4, NAME_BYTES_MAX = 128, PERSON_BYTES_MAX = 128 };

/* Crockford's base32: no I, L, O, U, so that neither a hurried hand nor chance writes something else. */
static const char alphabet[FIELD + 1] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static struct metric issued = {
    .name = "comity_api_codes_issued_total", .labels = "", .help = "codes on paper that were issued for signing in", .kind = METRIC_COUNTER
};

void paper_code_metrics_register(void)
{
    metric_register(&issued);
    code_guard_metrics_register();
}

/* ---- The digits ---- */

/* In GF(32), by x^5 + x^2 + 1. */
static unsigned times_x(unsigned value)
{
    value <<= 1;
    return (value & FIELD) != 0 ? value ^ (FIELD | 5U) : value;
}

/*
 * The sum of digit i times x^(i+1), which each wrong digit and each swap of two digits changes: x has order 31, so all the weights differ.
 */
static unsigned check_digit(const uint8_t digits[RANDOM_DIGITS])
{
    unsigned sum = 0;
    for (size_t i = RANDOM_DIGITS; i > 0; i--) {
        sum = times_x(sum ^ digits[i - 1]);
    }
    return sum;
}

void paper_code_make(char out[PAPER_CODE_TEXT_SIZE])
{
    uint8_t digits[PAPER_CODE_DIGITS];
    size_t at = 0;
    random_fill(digits, RANDOM_DIGITS);
    for (size_t i = 0; i < RANDOM_DIGITS; i++) {
        digits[i] %= FIELD; /* 256 is a multiple of 32: each is as likely */
    }
    digits[RANDOM_DIGITS] = (uint8_t)check_digit(digits);
    for (size_t i = 0; i < PAPER_CODE_DIGITS; i++) {
        if (i > 0 && i % GROUP == 0) {
            out[at++] = '-';
        }
        out[at++] = alphabet[digits[i]];
    }
    out[at] = '\0';
    explicit_bzero(digits, sizeof digits);
}

/* FIELD: it is no digit. */
static unsigned digit_of(uint8_t c)
{
    c = c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
    c = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
    const char *found = c == '\0' ? NULL : memchr(alphabet, c, FIELD);
    return found == NULL ? FIELD : (unsigned)(found - alphabet);
}

bool paper_code_read(struct bytes typed, char out[PAPER_CODE_DIGITS])
{
    uint8_t digits[PAPER_CODE_DIGITS] = { 0 };
    size_t count = 0;
    bool ok = typed.size <= 2 * PAPER_CODE_TEXT_SIZE;
    for (size_t i = 0; i < typed.size && ok; i++) {
        uint8_t c = typed.data[i];
        if (c == '-' || c == ' ') {
            continue;
        }
        unsigned digit = digit_of(c);
        ok = digit < FIELD && count < PAPER_CODE_DIGITS;
        if (ok) {
            out[count] = alphabet[digit];
            digits[count++] = (uint8_t)digit;
        }
    }
    ok = ok && count == PAPER_CODE_DIGITS && digits[RANDOM_DIGITS] == check_digit(digits);
    explicit_bzero(digits, sizeof digits);
    return ok;
}

void paper_code_digest(const char digits[PAPER_CODE_DIGITS], uint8_t out[SHA256_SIZE])
{
    const struct bytes parts[] = { BYTES("comity paper code\n"), bytes_of(digits, PAPER_CODE_DIGITS) };
    sha256_parts(parts, COUNT_OF(parts), out);
}

/* ---- In the database ---- */

/* Whom a code can be for: what must be there, and nothing else. */
static bool check(const struct paper_code *code, struct error *e)
{
    bool is_of_person = code->role == ROLE_PERSON || code->role == ROLE_GUARDIAN || code->role == ROLE_HELPER;
    bool is_known = is_of_person || code->role == ROLE_VIEWER || code->role == ROLE_OPERATOR || code->role == ROLE_OFFICER ||
                    code->role == ROLE_AUDITOR;
    bool is_named = code->role != ROLE_PERSON && code->role != ROLE_GUARDIAN;
    if (!is_known) {
        return error_set(e, ERROR_INPUT, "role", "choose from person, guardian, helper, viewer, operator, officer and auditor",
                         "there are no codes for this role");
    }
    if (is_of_person != (code->person.size > 0) || code->person.size > PERSON_BYTES_MAX || !bytes_are_utf8(code->person)) {
        return error_set(e, ERROR_INPUT, "person", "use the identifier that the service's requests carry",
                         is_of_person ? "must be 1 to %d bytes of UTF-8" : "a code of staff is for no person (%d bytes)", PERSON_BYTES_MAX);
    }
    if ((code->role == ROLE_GUARDIAN) != (code->guardianship.size > 0)) {
        return error_set(e, ERROR_INPUT, "guardianship", NULL, "belongs to a guardian's code and to no other");
    }
    if (is_named != (code->who.size > 0) || code->who.size > NAME_BYTES_MAX || !bytes_are_utf8(code->who)) {
        return error_set(e, ERROR_INPUT, "name", "say who it is, as events shall have it: 1 to 128 bytes, for helpers and staff only",
                         is_named ? "is missing or too long" : "is for helpers and staff only");
    }
    return code->until_ms > code->issued_at_ms && code->until_ms - code->issued_at_ms <= PAPER_CODE_AGE_MAX_MS
               ? true
               : error_set(e, ERROR_INPUT, "age", "choose at most 7d", "is no time, or too long");
}

bool paper_code_issue(struct store *store, const struct paper_code *code, char text[PAPER_CODE_TEXT_SIZE], struct error *e)
{
    static const char sql[] = "INSERT INTO paper_codes (digest, role, person, guardianship, who, issued_by, issued_at, until)"
                              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    char digits[PAPER_CODE_DIGITS];
    uint8_t digest[SHA256_SIZE];
    if (!check(code, e)) {
        return false;
    }
    paper_code_make(text);
    if (!paper_code_read(bytes_of_text(text), digits)) {
        return error_set(e, ERROR_INPUT, "code", "report this", "one that was just made can't be read");
    }
    paper_code_digest(digits, digest);
    explicit_bzero(digits, sizeof digits);
    const struct store_value values[] = { STORE_BIN(bytes_of(digest, SHA256_SIZE)),
                                          STORE_STR(bytes_of_text(role_name(code->role))),
                                          STORE_STR(code->person),
                                          STORE_STR(code->guardianship),
                                          STORE_STR(code->who),
                                          STORE_STR(code->issued_by),
                                          STORE_INT(code->issued_at_ms),
                                          STORE_INT(code->until_ms) };
    bool ok = store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
    if (ok) {
        metric_add(&issued, 1);
    } else {
        explicit_bzero(text, PAPER_CODE_TEXT_SIZE);
    }
    return ok;
}

struct taking {
    struct arena *arena;
    struct paper_code *out;
    int64_t taken_at_ms; /* 0: not yet */
    uint8_t taken_by[SHA256_SIZE];
    bool is_there, failed;
};

static bool take_row(void *context, const struct store_value *columns, size_t count)
{
    struct taking *t = context;
    struct bytes *const texts[] = { &t->out->person, &t->out->guardianship, &t->out->who, &t->out->issued_by };
    char role[32];
    (void)count;
    int size = snprintf(role, sizeof role, "%.*s", BYTES_FMT(columns[0].bytes));
    t->is_there = true;
    t->out->role = size > 0 && (size_t)size < sizeof role ? role_find(role) : ROLE_COUNT;
    t->failed = t->out->role == ROLE_COUNT;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        *texts[i] = arena_copy(t->arena, columns[1 + i].bytes);
        t->failed = t->failed || texts[i]->data == NULL;
    }
    t->out->issued_at_ms = columns[5].integer;
    t->out->until_ms = columns[6].integer;
    t->taken_at_ms = columns[7].type == STORE_INTEGER ? columns[7].integer : 0;
    if (columns[8].type == STORE_BLOB && columns[8].bytes.size == SHA256_SIZE) {
        memcpy(t->taken_by, columns[8].bytes.data, SHA256_SIZE);
    }
    return false;
}

/* Zeros: nobody's, which no digest is. */
static void digest_visit(struct bytes visit, uint8_t out[SHA256_SIZE])
{
    const struct bytes parts[] = { BYTES("comity code by\n"), visit };
    memset(out, 0, SHA256_SIZE);
    if (visit.size > 0) {
        sha256_parts(parts, COUNT_OF(parts), out);
    }
}

/* Not used yet, or by this browser just now. */
static bool is_free(const struct taking *t, struct bytes visit, const uint8_t by[SHA256_SIZE], int64_t now_ms)
{
    if (t->taken_at_ms == 0) {
        return true;
    }
    bool is_just_now = now_ms >= t->taken_at_ms && now_ms - t->taken_at_ms < PAPER_CODE_AGAIN_MS;
    return visit.size > 0 && is_just_now && memcmp(t->taken_by, by, SHA256_SIZE) == 0;
}

bool paper_code_take(struct store *store, const char digits[PAPER_CODE_DIGITS], struct bytes visit, int64_t now_ms, struct arena *arena,
                     struct paper_code *out, struct error *e)
{
    static const char find[] = "SELECT role, person, guardianship, who, issued_by, issued_at, until, taken_at, taken_by FROM paper_codes"
                               " WHERE digest = ?1";
    static const char take[] = "UPDATE paper_codes SET taken_at = ?2, taken_by = ?3 WHERE digest = ?1 AND taken_at IS NULL";
    uint8_t digest[SHA256_SIZE], by[SHA256_SIZE];
    struct taking t = { .arena = arena, .out = out };
    *out = (struct paper_code){ .role = ROLE_ANONYMOUS };
    paper_code_digest(digits, digest);
    digest_visit(visit, by);
    const struct store_value values[] = { STORE_BIN(bytes_of(digest, SHA256_SIZE)), STORE_INT(now_ms),
                                          STORE_BIN(bytes_of(by, SHA256_SIZE)) };
    if (!store_begin(store, e)) {
        return false;
    }
    bool ok = store_run(store, find, values, 1, take_row, &t, NULL, e) && (!t.failed || error_memory(e, "code"));
    bool is_good = ok && t.is_there && now_ms < out->until_ms && is_free(&t, visit, by, now_ms);
    ok = ok && (!is_good || store_run(store, take, values, COUNT_OF(values), NULL, NULL, NULL, e));
    if (!ok) {
        store_rollback(store);
        return false;
    }
    return store_commit(store, e) &&
           (is_good || error_set(e, ERROR_ABSENT, "code", "ask for a new one at the counter", "is not known, was used, or is over"));
}

bool paper_code_forget_person(struct store *store, struct bytes person, struct error *e)
{
    static const char sql[] = "DELETE FROM paper_codes WHERE person = ?1";
    const struct store_value value = STORE_STR(person);
    return store_run(store, sql, &value, 1, NULL, NULL, NULL, e);
}

bool paper_code_sweep(struct store *store, int64_t now_ms, struct error *e)
{
    static const char sql[] = "DELETE FROM paper_codes WHERE until <= ?1";
    const struct store_value value = STORE_INT(now_ms);
    return store_run(store, sql, &value, 1, NULL, NULL, NULL, e);
}
