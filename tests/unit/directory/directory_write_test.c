#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "crypto/note.h"
#include "directory/directory.h"

#include "directory_fixture.h"

/* A directory that was put together by hand, from dice. */
struct made {
    struct directory d;
    struct arena memory;
    uint64_t dice;
    uint64_t count; /* what has been made so far: makes names unique */
};

static uint64_t below(struct made *made, uint64_t limit)
{
    return fixture_next(&made->dice) % limit;
}

static void *take(struct made *made, size_t count, size_t size)
{
    void *taken = arena_take_zeroed(&made->memory, count * size);
    assert_non_null(taken);
    return taken;
}

static struct bytes code(struct made *made)
{
    static const char *const pieces[] = { "a", "B", "7", "-", " ", "_", "\u00F6", "\u6F22", "\U0001F600", "'", "\"", "<", "@", "\u00A0" };
    struct bytes text = arena_format(&made->memory, "%s%s%" PRIu64 "%s", pieces[below(made, COUNT_OF(pieces))],
                                     pieces[below(made, COUNT_OF(pieces))], made->count++, pieces[below(made, COUNT_OF(pieces))]);
    assert_non_null(text.data);
    return text;
}

static struct verifier key(struct made *made)
{
    char name[64];
    struct verifier v;
    struct error e = { 0 };
    uint8_t public_key[ED25519_PUBLIC_SIZE];
    for (size_t i = 0; i < sizeof public_key; i++) {
        public_key[i] = (uint8_t)fixture_next(&made->dice);
    }
    (void)snprintf(name, sizeof name, "log.example/%" PRIu64, made->count++);
    assert_true(verifier_init(&v, bytes_of_text(name), SIGNATURE_ED25519, public_key, &e));
    return v;
}

static struct verifier *keys(struct made *made, size_t count)
{
    struct verifier *all = take(made, count, sizeof *all);
    for (size_t i = 0; i < count; i++) {
        all[i] = key(made);
    }
    return all;
}

static void dates(struct made *made, int64_t *from_ms, int64_t *until_ms)
{
    *from_ms = (int64_t)below(made, 200000000000000);
    *until_ms = *from_ms + 1 + (int64_t)below(made, 50000000000000);
}

static void make_gateway(struct made *made, struct directory_gateway *g)
{
    g->code = code(made);
    g->address_count = below(made, 3);
    g->addresses = take(made, g->address_count, sizeof *g->addresses);
    for (size_t i = 0; i < g->address_count; i++) {
        g->addresses[i] = arena_format(&made->memory, i == 0 ? "h%" PRIu64 "-x.example:%u" : "[fe80::%" PRIu64 "]:%u", made->count++,
                                       (unsigned)(1 + below(made, 65535)));
    }
    g->statement_key = key(made);
    g->tls_pin_count = 1 + below(made, DIRECTORY_PINS_MAX);
    g->tls_pins = take(made, g->tls_pin_count, sizeof *g->tls_pins);
    for (size_t i = 0; i < g->tls_pin_count * PIN_SIZE; i++) {
        g->tls_pins[i / PIN_SIZE][i % PIN_SIZE] = (uint8_t)fixture_next(&made->dice);
    }
    g->in_maintenance = below(made, 2) == 0;
}

static void make_member(struct made *made, struct directory_member *m)
{
    m->class_code = code(made);
    m->code = code(made);
    m->name = below(made, 2) == 0 ? BYTES("") : code(made);
    m->traits = (uint32_t)below(made, 4);
    m->directory = &made->d;
    m->gateway_count = below(made, 4);
    m->gateways = take(made, m->gateway_count, sizeof *m->gateways);
    for (size_t i = 0; i < m->gateway_count; i++) {
        m->gateways[i].member = m;
        make_gateway(made, &m->gateways[i]);
    }
    m->subsystem_count = below(made, 6);
    m->subsystems = take(made, m->subsystem_count, sizeof *m->subsystems);
    for (size_t i = 0; i < m->subsystem_count; i++) {
        struct directory_subsystem *s = &m->subsystems[i];
        s->member = m;
        s->code = code(made);
        s->name = below(made, 2) == 0 ? BYTES_NONE : code(made);
        s->gateway_count = m->gateway_count == 0 ? 0 : below(made, m->gateway_count + 1);
        s->gateways = take(made, s->gateway_count, sizeof *s->gateways);
        for (size_t j = 0; j < s->gateway_count; j++) {
            s->gateways[j] = &m->gateways[m->gateway_count - 1 - j];
        }
    }
}

static void make(struct made *made, uint64_t seed)
{
    *made = (struct made){ .dice = seed };
    struct directory *d = &made->d;
    d->community = code(made);
    d->country = below(made, 2) == 0 ? BYTES_NONE
                                     : arena_format(&made->memory, "%c%c", (char)('A' + below(made, 26)), (char)('A' + below(made, 26)));
    d->has_law = below(made, 2) == 0;
    if (d->has_law) {
        d->law_id = arena_format(&made->memory, "L-%" PRIu64, below(made, 1000));
        d->law_version = arena_format(&made->memory, "2026-11-%02u", (unsigned)(1 + below(made, 30)));
        for (size_t i = 0; i < SHA256_SIZE; i++) {
            d->law_digest[i] = (uint8_t)fixture_next(&made->dice);
        }
    }
    d->serial = 1 + below(made, DIRECTORY_SERIAL_MAX);
    dates(made, &d->valid_from_ms, &d->valid_until_ms);
    d->operator_count = 1 + below(made, 4);
    d->operators = keys(made, d->operator_count);
    d->threshold = 1 + below(made, d->operator_count);
    d->member_count = below(made, 12);
    d->members = take(made, d->member_count, sizeof *d->members);
    for (size_t i = 0; i < d->member_count; i++) {
        make_member(made, &d->members[i]);
    }
    d->recognised_count = below(made, 4);
    d->recognised = take(made, d->recognised_count, sizeof *d->recognised);
    for (size_t i = 0; i < d->recognised_count; i++) {
        struct directory_recognition *r = &d->recognised[i];
        r->community = code(made);
        r->operator_count = 1 + below(made, 4);
        r->operators = keys(made, r->operator_count);
        r->threshold = 1 + below(made, r->operator_count);
        dates(made, &r->valid_from_ms, &r->valid_until_ms);
    }
}

static bool keys_equal(const struct verifier *a, size_t a_count, const struct verifier *b, size_t b_count)
{
    bool equal = a_count == b_count;
    for (size_t i = 0; equal && i < a_count; i++) {
        equal = verifier_equal(&a[i], &b[i]) && memcmp(a[i].id, b[i].id, KEY_ID_SIZE) == 0;
    }
    return equal;
}

static bool gateways_equal(const struct directory_gateway *a, const struct directory_gateway *b)
{
    bool equal = bytes_equal(a->code, b->code) && a->address_count == b->address_count &&
                 verifier_equal(&a->statement_key, &b->statement_key) && a->tls_pin_count == b->tls_pin_count &&
                 a->in_maintenance == b->in_maintenance && memcmp(a->tls_pins, b->tls_pins, a->tls_pin_count * sizeof *a->tls_pins) == 0;
    for (size_t i = 0; equal && i < a->address_count; i++) {
        equal = bytes_equal(a->addresses[i], b->addresses[i]);
    }
    return equal;
}

static bool subsystems_equal(const struct directory_subsystem *a, const struct directory_subsystem *b)
{
    bool equal = bytes_equal(a->code, b->code) && bytes_equal(a->name, b->name) && a->gateway_count == b->gateway_count;
    for (size_t i = 0; equal && i < a->gateway_count; i++) {
        equal = a->gateways[i] - a->member->gateways == b->gateways[i] - b->member->gateways;
    }
    return equal;
}

static bool members_equal(const struct directory_member *a, const struct directory_member *b)
{
    bool equal = a->traits == b->traits && bytes_equal(a->class_code, b->class_code) && bytes_equal(a->code, b->code) &&
                 bytes_equal(a->name, b->name) && a->subsystem_count == b->subsystem_count && a->gateway_count == b->gateway_count;
    for (size_t i = 0; equal && i < a->gateway_count; i++) {
        equal = gateways_equal(&a->gateways[i], &b->gateways[i]) && b->gateways[i].member == b;
    }
    for (size_t i = 0; equal && i < a->subsystem_count; i++) {
        equal = subsystems_equal(&a->subsystems[i], &b->subsystems[i]) && b->subsystems[i].member == b;
    }
    return equal;
}

static bool directories_equal(const struct directory *a, const struct directory *b)
{
    bool equal = bytes_equal(a->community, b->community) && bytes_equal(a->country, b->country) && a->has_law == b->has_law &&
                 bytes_equal(a->law_id, b->law_id) && bytes_equal(a->law_version, b->law_version) &&
                 memcmp(a->law_digest, b->law_digest, SHA256_SIZE) == 0 && a->serial == b->serial && a->valid_from_ms == b->valid_from_ms &&
                 a->valid_until_ms == b->valid_until_ms && a->threshold == b->threshold && a->member_count == b->member_count &&
                 a->recognised_count == b->recognised_count && keys_equal(a->operators, a->operator_count, b->operators, b->operator_count);
    for (size_t i = 0; equal && i < a->member_count; i++) {
        equal = members_equal(&a->members[i], &b->members[i]) && b->members[i].directory == b;
    }
    for (size_t i = 0; equal && i < a->recognised_count; i++) {
        const struct directory_recognition *r = &a->recognised[i], *s = &b->recognised[i];
        equal = bytes_equal(r->community, s->community) && r->threshold == s->threshold && r->valid_from_ms == s->valid_from_ms &&
                r->valid_until_ms == s->valid_until_ms && keys_equal(r->operators, r->operator_count, s->operators, s->operator_count);
    }
    return equal;
}

static struct directory *write_sign_parse(const struct directory *d, uint64_t seed)
{
    struct buffer text, note;
    struct directory *back = NULL;
    struct error e = { 0 };
    struct signer *signer = fixture_signer(1);
    buffer_init(&text, DIRECTORY_BYTES_MAX);
    if (!directory_write(d, &text, &e)) {
        fail_msg("seed %" PRIu64 ": %s: %s", seed, e.where, e.what);
    }
    fixture_sign(buffer_bytes(&text), (const uint8_t[]){ 1 }, 1, &note);
    if (!directory_parse(&back, buffer_bytes(&note), signer_verifier(signer), 1, 1, "test", &e)) {
        fail_msg("seed %" PRIu64 ": %s: %s", seed, e.where, e.what);
    }
    signer_free(signer);
    buffer_clear(&note);
    buffer_clear(&text);
    return back;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct made made;
        make(&made, seed);
        struct directory *back = write_sign_parse(&made.d, seed);
        if (!directories_equal(&made.d, back)) {
            fail_msg("seed %" PRIu64 ": what was read is not what was written", seed);
        }
        directory_free(back);
        arena_clear(&made.memory);
    }
}

/* The tables of a parsed directory against the arrays of one that was put together by hand, which are gone through one by one. */
static void finding_matches_the_slow_way(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct made made;
        make(&made, seed);
        struct directory *d = write_sign_parse(&made.d, seed);
        for (int n = 0; n < 200 && d->member_count > 0; n++) {
            const struct directory_member *m = &made.d.members[below(&made, d->member_count)];
            const struct directory_member *other = &made.d.members[below(&made, d->member_count)];
            struct identifier id = { .parts = { d->community, m->class_code, below(&made, 4) == 0 ? other->code : m->code },
                                     .part_count = 3 + below(&made, 3) };
            id.parts[3] = other->subsystem_count > 0 ? other->subsystems[below(&made, other->subsystem_count)].code : BYTES("none");
            id.parts[4] = BYTES("service");
            if (below(&made, 16) == 0) {
                id.parts[0] = BYTES("ELSEWHERE");
            }
            const struct directory_member *slow = directory_find_member(&made.d, &id), *fast = directory_find_member(d, &id);
            const struct directory_subsystem *slow_sub = directory_find_subsystem(&made.d, &id),
                                             *fast_sub = directory_find_subsystem(d, &id);
            if ((slow == NULL) != (fast == NULL) || (slow != NULL && slow - made.d.members != fast - d->members) ||
                (slow_sub == NULL) != (fast_sub == NULL) || (slow_sub != NULL && !subsystems_equal(slow_sub, fast_sub))) {
                fail_msg("seed %" PRIu64 ", step %d", seed, n);
            }
            if (m->gateway_count == 0) {
                continue;
            }
            const struct directory_gateway *g = &m->gateways[below(&made, m->gateway_count)];
            uint8_t pin[PIN_SIZE];
            memcpy(pin, g->tls_pins[below(&made, g->tls_pin_count)], PIN_SIZE);
            pin[below(&made, PIN_SIZE)] ^= (uint8_t)below(&made, 2);
            const struct directory_gateway *by_pin = directory_find_gateway_by_pin(d, pin),
                                           *by_pin_slow = directory_find_gateway_by_pin(&made.d, pin);
            const struct directory_gateway *by_origin = directory_find_gateway_by_origin(d, bytes_of_text(g->statement_key.name));
            if ((by_pin == NULL) != (by_pin_slow == NULL) || (by_pin != NULL && !gateways_equal(by_pin, by_pin_slow)) ||
                by_origin == NULL || !gateways_equal(by_origin, g)) {
                fail_msg("seed %" PRIu64 ", step %d", seed, n);
            }
        }
        directory_free(d);
        arena_clear(&made.memory);
    }
}

/* The example of the format's page: it verifies, its digest is the one given there, and it is written as it stands. */
static void the_form_is_the_documented_one(void **state)
{
    static uint8_t page[65536];
    struct buffer written;
    struct directory *d = NULL;
    struct error e = { 0 };
    char hex[2 * SHA256_SIZE + 1];
    struct signer *signer = fixture_signer(1);
    (void)state;
    FILE *file = fopen(DOCS "/formats/directory.md", "re");
    assert_non_null(file);
    size_t size = fread(page, 1, sizeof page - 1, file);
    assert_int_equal(fclose(file), 0);
    page[size] = '\0';
    char *example = strstr((char *)page, "## 5. Example");
    assert_non_null(example);
    char *from = strstr(example, "```\n");
    assert_non_null(from);
    from += 4;
    char *to = strstr(from, "```\n");
    assert_non_null(to);
    struct bytes note = bytes_of(from, (size_t)(to - from));
    if (!directory_parse(&d, note, signer_verifier(signer), 1, 1, "directory.md", &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    buffer_init(&written, 65536);
    buffer_append_text(&written, "before\n");
    assert_true(directory_write(d, &written, &e)); /* appends */
    struct bytes text = bytes_slice(buffer_bytes(&written), 7, written.size);
    assert_true(text.size > 1000 && bytes_start_with(note, text));
    hex_write(bytes_of(d->digest, sizeof d->digest), hex);
    assert_non_null(strstr(example, hex));
    signer_free(signer);
    directory_free(d);
    buffer_clear(&written);
}

/* What no other gateway would read is not written, so that no operator signs it. */
static void what_would_not_be_read_is_not_written(void **state)
{
    (void)state;
    for (int fault = 0; fault < 14; fault++) {
        struct made made;
        struct buffer out;
        struct error e = { 0 };
        for (uint64_t seed = 1;; seed++) {
            make(&made, seed);
            if (made.d.member_count > 1 && made.d.members[0].gateway_count > 1 && made.d.members[0].subsystem_count > 1) {
                break;
            }
            arena_clear(&made.memory);
        }
        struct directory_member *m = &made.d.members[0];
        switch (fault) {
        case 0:
            made.d.serial = 0;
            break;
        case 1:
            made.d.community = BYTES("A/B");
            break;
        case 2:
            made.d.valid_until_ms = made.d.valid_from_ms;
            break;
        case 3:
            made.d.valid_from_ms = -1;
            break;
        case 4:
            made.d.valid_until_ms = INT64_MAX;
            break;
        case 5:
            made.d.threshold = made.d.operator_count + 1;
            break;
        case 6:
            m->code = BYTES("\xFF");
            break;
        case 7:
            made.d.members[1].class_code = m->class_code;
            made.d.members[1].code = m->code;
            break;
        case 8:
            m->subsystems[1].code = m->subsystems[0].code;
            break;
        case 9:
            m->gateways[1].code = m->gateways[0].code;
            break;
        case 10:
            m->gateways[1].statement_key = m->gateways[0].statement_key;
            break;
        case 11:
            memcpy(m->gateways[1].tls_pins[0], m->gateways[0].tls_pins[0], PIN_SIZE);
            break;
        case 12:
            m->gateways[1].tls_pin_count = 0;
            break;
        default:
            made.d.serial = DIRECTORY_SERIAL_MAX + 1;
            break;
        }
        buffer_init(&out, DIRECTORY_BYTES_MAX);
        if (directory_write(&made.d, &out, &e)) {
            fail_msg("fault %d was written", fault);
        }
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_int_equal(out.size, 0);
        buffer_clear(&out);
        arena_clear(&made.memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(finding_matches_the_slow_way),
        cmocka_unit_test(the_form_is_the_documented_one),
        cmocka_unit_test(what_would_not_be_read_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
