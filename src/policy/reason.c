#include "policy/reason.h"

struct reason_row {
    const char *code, *error78, *error77, *meaning;
};

#define X(name, code, error78, error77, meaning) [REASON_##name] = { code, error78, error77, meaning },
static const struct reason_row rows[] = { REASONS(X) };
#undef X

/* A number from outside the enum (it can only be a bug) reads as the gateway's own failure, never as "permitted". */
static const struct reason_row *row_of(enum reason reason)
{
    return &rows[(size_t)reason < COUNT_OF(rows) ? reason : REASON_GATEWAY_INTERNAL];
}

const char *reason_code(enum reason reason)
{
    return row_of(reason)->code;
}

const char *reason_meaning(enum reason reason)
{
    return row_of(reason)->meaning;
}

const char *reason_xroad(enum reason reason, bool is_77)
{
    return is_77 ? row_of(reason)->error77 : row_of(reason)->error78;
}

enum reason reason_find(struct bytes code)
{
    for (size_t i = 1; i < COUNT_OF(rows); i++) {
        if (bytes_equal(code, bytes_of_text(rows[i].code))) {
            return (enum reason)i;
        }
    }
    return REASON_NONE;
}
