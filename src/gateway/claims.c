/* What a request claims for itself: an emergency, and for whom it asks. It is signed with the request, and so stands against who claimed it. */
#include "gateway/exchange_internal.h"

enum { NAME_SIZE_MAX = 128 };

/* RFC 9421 2.5 wants what stands in a statement in ASCII; other letters come percent-encoded. */
static bool is_text(struct bytes value, size_t size_max)
{
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < 0x20 || value.data[i] > 0x7E) {
            return false;
        }
    }
    return value.size > 0 && value.size <= size_max;
}

static bool take(const struct exchange *x, struct bytes name, size_t size_max, struct bytes *out)
{
    const struct fields *all = &x->request->fields;
    const struct field *field = fields_find(all, name);
    *out = field == NULL ? BYTES_NONE : field->value;
    return field == NULL || (fields_count(all, name) == 1 && is_text(field->value, size_max));
}

enum verdict exchange_read_claims(struct exchange *x)
{
    struct claims *claims = &x->claims;
    struct bytes basis;
    if (!take(x, BYTES("comity-basis"), NAME_SIZE_MAX, &basis) || (basis.size > 0 && !bytes_equal(basis, BYTES("vital")))) {
        return exchange_refuse(x, REASON_REQUEST_MALFORMED, "header Comity-Basis: send vital, once, or leave it out");
    }
    claims->is_vital = basis.size > 0;
    if (!take(x, BYTES("comity-justification"), JUSTIFICATION_SIZE_MAX, &claims->justification)) {
        return exchange_refuse(x, REASON_REQUEST_MALFORMED, "header Comity-Justification: send 1 to 500 bytes of printable ASCII, once");
    }
    if (!take(x, BYTES("comity-confirmed-by"), NAME_SIZE_MAX, &claims->confirmed_by)) {
        return exchange_refuse(x, REASON_REQUEST_MALFORMED, "header Comity-Confirmed-By: send 1 to 128 bytes of printable ASCII, once");
    }
    if (!take(x, BYTES("comity-authority"), NAME_SIZE_MAX, &claims->authority)) {
        return exchange_refuse(x, REASON_REQUEST_MALFORMED, "header Comity-Authority: send 1 to 128 bytes of printable ASCII, once");
    }
    return GO_ON;
}

bool exchange_add_claims(struct exchange *x, struct fields *fields)
{
    const struct claims *claims = &x->claims;
    return (!claims->is_vital || fields_add(fields, x->arena, BYTES("comity-basis"), BYTES("vital"))) &&
           (claims->justification.size == 0 || fields_add(fields, x->arena, BYTES("comity-justification"), claims->justification)) &&
           (claims->confirmed_by.size == 0 || fields_add(fields, x->arena, BYTES("comity-confirmed-by"), claims->confirmed_by)) &&
           (claims->authority.size == 0 || fields_add(fields, x->arena, BYTES("comity-authority"), claims->authority));
}
