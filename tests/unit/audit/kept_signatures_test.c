/* Messages' own signatures beside records: whose keys count, and what is told of each that is wrong. */
#include "audit/kept_signatures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../directory/directory_fixture.h"
#include "evidence/archive.h"
#include "evidence/individual.h"
#include "evidence/statement.h"
#include "torture/faulty_disk.h"

enum { OURS = 12, OPERATOR = 1, THEIR_OPERATOR = 21, NEIGHBOUR = 11, FOREIGN = 31, STRANGER = 41, STRANGE_OPERATOR = 66 };

static struct arena arena;

static struct bytes statement_by(unsigned number, struct bytes tag)
{
    static const struct statement_component components[] = { { BYTES("@method"), false, BYTES("GET") } };
    char name[64];
    (void)snprintf(name, sizeof name, "aurora.example/operator-%u", number);
    const struct statement_parameters parameters = {
        .created_s = 1800000000, .nonce = BYTES("id-1"), .keyid = bytes_of_text(name), .alg = BYTES("tlog-ed25519"), .tag = tag
    };
    struct statement out;
    struct error e;
    assert_true(statement_make(components, COUNT_OF(components), &parameters, &arena, &out, &e));
    return out.text;
}

static struct bytes signed_by(unsigned number, struct bytes statement)
{
    struct individual_base base;
    struct error e;
    uint8_t *out = arena_take(&arena, ED25519_SIGNATURE_SIZE);
    struct signer *signer = fixture_signer((uint8_t)number);
    assert_true(out != NULL && individual_base_make(statement, &arena, &base, &e));
    signer_sign(signer, base.text, out);
    signer_free(signer);
    return bytes_of(out, ED25519_SIGNATURE_SIZE);
}

/* An entry of this kind about a message that `sender` says to have made, with a signature by `by`. */
static struct log_entry entry_of(enum record_kind kind, unsigned sender, unsigned by)
{
    bool is_request = kind == RECORD_REQUEST_SENT || kind == RECORD_DECISION;
    struct bytes statement = statement_by(sender, is_request ? BYTES("comity-request/1") : BYTES("comity-answer/1"));
    struct bytes beside = kind == RECORD_REQUEST_SENT      ? BYTES("A/B/C/GW1")
                          : kind == RECORD_ANSWER_RECEIVED ? BYTES("a receipt\n")
                                                           : BYTES("");
    if (kind == RECORD_DECISION) {
        struct buffer b;
        buffer_init(&b, 65536);
        buffer_append_u32(&b, (uint32_t)statement.size);
        buffer_append(&b, statement);
        buffer_append(&b, BYTES("a receipt\n"));
        beside = arena_copy(&arena, buffer_bytes(&b));
        buffer_clear(&b);
    }
    return (struct log_entry){ .kind = kind,
                               .statement = kind == RECORD_DECISION ? BYTES("comity-event: decision/1\n") : statement,
                               .attachment = individual_attach(beside, by == 0 ? BYTES_NONE : signed_by(by, statement), &arena) };
}

static void archive_directory(struct disk *archive, const char *community, unsigned operator, unsigned gateway)
{
    struct buffer text, note;
    struct error e;
    struct signer *signer = fixture_signer((uint8_t) operator), *key = fixture_signer((uint8_t)gateway);
    buffer_init(&text, 65536);
    buffer_append_format(&text,
                         "{\"comity_directory\": 1, \"community\": \"%s\", \"serial\": 1, \"valid_from\": \"2027-02-01T00:00:00Z\", "
                         "\"valid_until\": \"2027-09-01T00:00:00Z\", \"operators\": {\"threshold\": 1, \"keys\": [\"",
                         community);
    verifier_write(signer_verifier(signer), &text);
    buffer_append_text(&text,
                       "\"]}, \"members\": [{\"class\": \"GOV\", \"code\": \"clinic\", \"subsystems\": [], \"gateways\": [{\"code\": "
                       "\"gw1\", \"addresses\": [\"127.0.0.1:1\"], \"statement_key\": \"");
    verifier_write(signer_verifier(key), &text);
    buffer_append_text(&text, "\", \"tls_pins\": [\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]}]}]}\n");
    const uint8_t operators[] = { (uint8_t) operator};
    fixture_sign(buffer_bytes(&text), operators, 1, &note);
    struct directory *d = NULL;
    if (!directory_parse(&d, buffer_bytes(&note), signer_verifier(signer), 1, 1, "note", &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    directory_free(d);
    assert_true(archive_put_note(archive, buffer_bytes(&note), NULL, &e));
    signer_free(signer);
    signer_free(key);
    buffer_clear(&text);
    buffer_clear(&note);
}

static struct disk *archive_make(void)
{
    struct disk *archive = sim_disk_make();
    struct buffer text, note;
    struct error e;
    const uint8_t operators[] = { OPERATOR };
    assert_non_null(archive);
    /* The foreign one and the stranger's come first by their names as often as not: the order must not matter. */
    archive_directory(archive, "BAOBAB", THEIR_OPERATOR, FOREIGN);
    archive_directory(archive, "MALLORY", STRANGE_OPERATOR, STRANGER);
    assert_true(archive_put_text(archive, BYTES("{}\n"), NULL, &e));
    fixture_text(&text);
    fixture_sign(buffer_bytes(&text), operators, 1, &note);
    assert_true(archive_put_note(archive, buffer_bytes(&note), NULL, &e));
    buffer_clear(&text);
    buffer_clear(&note);
    return archive;
}

static void whose_keys_count(void **state)
{
    static const struct {
        enum record_kind kind;
        unsigned sender, by;
        enum error_kind fault; /* ERROR_NONE: none */
    } cases[] = {
        { RECORD_REQUEST_SENT, OURS, OURS, ERROR_NONE },
        { RECORD_ANSWER_SENT, OURS, OURS, ERROR_NONE },
        { RECORD_REQUEST_SENT, OURS, NEIGHBOUR, ERROR_DENIED },
        { RECORD_ANSWER_SENT, NEIGHBOUR, NEIGHBOUR, ERROR_DENIED }, /* what we sent is ours */
        { RECORD_ANSWER_SENT, OURS, 0, ERROR_NONE },                /* none is none */
        { RECORD_DECISION, NEIGHBOUR, NEIGHBOUR, ERROR_NONE },
        { RECORD_DECISION, FOREIGN, FOREIGN, ERROR_NONE },
        { RECORD_DECISION, FOREIGN, NEIGHBOUR, ERROR_DENIED },
        { RECORD_DECISION, STRANGER, STRANGER, ERROR_ABSENT }, /* nobody recognised has signed that directory */
        { RECORD_DECISION, FOREIGN, 0, ERROR_NONE },
        { RECORD_ANSWER_RECEIVED, FOREIGN, FOREIGN, ERROR_NONE },
        { RECORD_ANSWER_RECEIVED, FOREIGN, OURS, ERROR_DENIED },
        { RECORD_ANSWER_RECEIVED, STRANGER, FOREIGN, ERROR_ABSENT },
        { RECORD_EVENT, OURS, STRANGER, ERROR_NONE }, /* an event has nothing beside it that means anything */
    };
    struct disk *archive = archive_make();
    struct signer *ours = fixture_signer(OURS), *operator= fixture_signer(OPERATOR);
    const struct kept_signatures_source source = {
        .archive = archive, .log = signer_verifier(ours), .operators = signer_verifier(operator), .operator_count = 1, .threshold = 1
    };
    struct kept_signatures *kept = NULL;
    struct error e;
    (void)state;
    assert_true(kept_signatures_make(&kept, &source, &e));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct log_entry entry = entry_of(cases[i].kind, cases[i].sender, cases[i].by);
        e = (struct error){ 0 };
        bool is_good = kept_signatures_check(kept, &entry, &e);
        if (is_good != (cases[i].fault == ERROR_NONE) || (!is_good && e.kind != cases[i].fault)) {
            fail_msg("case %zu: %d, %s", i, is_good, e.what);
        }
    }
    /* Not one bit of what was signed, nor of the signature, may be another. */
    const struct log_entry good = entry_of(RECORD_ANSWER_SENT, OURS, OURS);
    for (size_t i = 0; i < good.attachment.size - 1; i++) {
        struct log_entry bent = good;
        uint8_t *copy = (uint8_t *)arena_copy(&arena, good.attachment).data;
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        bent.attachment = bytes_of(copy, good.attachment.size);
        struct bytes rest = bent.attachment;
        uint8_t found[ED25519_SIGNATURE_SIZE];
        assert_int_equal(kept_signatures_check(kept, &bent, &e), !individual_detach(&rest, found));
    }
    for (size_t i = 0; i < good.statement.size; i++) {
        struct log_entry bent = good;
        uint8_t *copy = (uint8_t *)arena_copy(&arena, good.statement).data;
        copy[i] ^= 1;
        bent.statement = bytes_of(copy, good.statement.size);
        assert_false(kept_signatures_check(kept, &bent, &e));
    }
    kept_signatures_free(kept);
    signer_free(ours);
    signer_free(operator);
    disk_free(archive);
}

static int clear(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(whose_keys_count) };
    return cmocka_run_group_tests(tests, NULL, clear);
}
