/* The bundle: its form, what is left when something is left out, whom a trust file trusts, and that no bit of a good one may change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "audit/redact.h"
#include "audit/story.h"
#include "base/encode.h"
#include "crypto/hash.h"
#include "evidence/receipt.h"

#define OPERATOR_A "AURORA/operator+9f03aadc+ATm6UT+AKYz+oKAGKq5DP4utmybyJfHkDg8Ggk7LkPKg"
#define OPERATOR_B "BAOBAB/operator+f4a72b9b+ATMHvYTMN1r4glxnf5XpJts652Uy/QWAvHLzA60Ht0jl"
static const char trust_text[] = "community AURORA 1 " OPERATOR_A "\ncommunity BAOBAB 1 " OPERATOR_B "\nquorum none\n";

/* ---- Files ---- */

static void seal(struct buffer *file)
{
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    sha256(buffer_bytes(file), digest);
    hex_write(bytes_of(digest, sizeof digest), hex);
    buffer_append_format(file, "sha256 %s\n", hex);
}

/* A bundle that a gateway has written, from the fuzzer's seeds: they lack the last line. */
static void load(const char *name, struct buffer *file)
{
    char path[512];
    uint8_t piece[4096];
    (void)snprintf(path, sizeof path, SEEDS "/%s", name);
    FILE *from = fopen(path, "rbe");
    assert_non_null(from);
    buffer_init(file, BUNDLE_FILE_BYTES_MAX);
    for (size_t n = 1; n > 0;) {
        n = fread(piece, 1, sizeof piece, from);
        buffer_append(file, bytes_of(piece, n));
    }
    assert_int_equal(fclose(from), 0);
}

static struct trust *trusted(const char *text)
{
    struct trust *trust = NULL;
    struct error e = { 0 };
    if (!trust_parse(&trust, bytes_of_text(text), "trust", &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return trust;
}

/* The code, or "good". */
static const char *verdict_by(struct bytes file, const char *text)
{
    struct story story;
    struct refusal refusal;
    struct trust *trust = trusted(text);
    bool is_good = bundle_verify(file, trust, &story, &refusal);
    story_clear(&story);
    trust_free(trust);
    assert_true(is_good || refusal.code != NULL);
    return is_good ? "good" : refusal.code;
}

static const char *verdict(struct bytes file)
{
    return verdict_by(file, trust_text);
}

static const char *verdict_of_text(const char *text)
{
    struct buffer file;
    buffer_init(&file, BUNDLE_FILE_BYTES_MAX);
    buffer_append_text(&file, text);
    seal(&file);
    const char *code = verdict(buffer_bytes(&file));
    buffer_clear(&file);
    return code;
}

/* ---- Form ---- */

static void forms_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *code, *text;
    } rows[] = {
        { "evidence.format", "" },
        { "evidence.format", "comity-evidence/2\n" },
        { "evidence.format", "comity-evidence/1\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 0\n\nexporter 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexporter 1\nx\nexchange 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 01\nx\nexporter 1\nx\nrequest 1\nx\nreceipt 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nrequest 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nrequest 0\n\nreceipt 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nhidden-request 1\nx\nreceipt 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nhidden-unknown 0\n\nreceipt 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nrequest 1\nx\nreceipt 1\nx" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nrequest 9\nx\nreceipt 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nrequest 18446744073709551615\nx\nreceipt 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nrequest 99999999999999999999\nx\nreceipt 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nanswer 1\nx\nreceipt 1\nx\nrequest 1\nx\nreceipt 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nrequest 1\nx\nreceipt 1\nx\nrequest 1\nx\nreceipt 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\ndecision 1\nx\nreceipt 1\nx\nconsistency 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nhidden-answer 0\n\nreceipt 1\nx\nconsistency 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nrequest 1\nx\ntimestamp 1\nx\nreceipt 1\nx\n" },
        { "evidence.format", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nrequest 1\nx\nreceipt 1\nx\nunknown 1\nx\n" },
        { "evidence.format",
          "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nrequest 1\nx\nreceipt 1\nx\nreceipt 1\nx\nreceipt 1\nx\nreceipt 1\nx\nreceipt 1\nx\n" },
        { "evidence.empty", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nhidden-request 0\n\nreceipt 1\nx\n" },
        { "evidence.directory", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\ndirectory 1\nx\nrequest 1\nx\nreceipt 1\nx\n" },
        { "evidence.statement", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\nrequest 1\nx\nreceipt 1\nx\nconsistency 0\n\n" },
        { "evidence.statement", "comity-evidence/1\nexchange 1\nx\nexporter 1\nx\npolicy 0\n\nrequest 1\nx\nreceipt 0\n\n" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *code = verdict_of_text(rows[i].text);
        if (strcmp(code, rows[i].code) != 0) {
            fail_msg("row %zu: %s, want %s", i, code, rows[i].code);
        }
    }
}

static void the_checksum_is_asked(void **state)
{
    (void)state;
    struct buffer file;
    load("holder", &file);
    assert_string_equal(verdict(buffer_bytes(&file)), "evidence.damaged");
    seal(&file);
    assert_string_equal(verdict(buffer_bytes(&file)), "good");
    for (size_t cut = 1; cut < file.size; cut += 97) {
        assert_string_not_equal(verdict(bytes_slice(buffer_bytes(&file), 0, file.size - cut)), "good");
    }
    file.data[file.size - 10] ^= 0x20; /* upper case is not how it is written */
    assert_string_equal(verdict(buffer_bytes(&file)), "evidence.damaged");
    buffer_clear(&file);
}

static void what_is_read_is_written_again(void **state)
{
    (void)state;
    static const char *const names[] = { "holder", "consumer", "refused", "redacted" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct buffer file, again;
        struct bundle bundle;
        struct refusal refusal = { 0 };
        load(names[i], &file);
        seal(&file);
        buffer_init(&again, BUNDLE_FILE_BYTES_MAX);
        assert_true(bundle_init(&bundle, NULL));
        assert_true(bundle_parse_file(buffer_bytes(&file), &bundle, &refusal));
        bundle_write_file(&bundle, &again);
        assert_true(bytes_equal(buffer_bytes(&file), buffer_bytes(&again)));
        assert_string_equal(verdict(buffer_bytes(&file)), "good");
        bundle_clear(&bundle);
        buffer_clear(&again);
        buffer_clear(&file);
    }
}

/* Under a checksum that is right: one bit in each seventh byte here; tests/interop/evidence_test.py takes every one, with both verifiers. */
static void no_bit_may_change(void **state)
{
    (void)state;
    struct buffer file;
    load("consumer", &file);
    size_t size = file.size;
    for (size_t i = 0; i < size; i += 7) {
        file.data[i] ^= (uint8_t)(1U << i % 8);
        seal(&file);
        if (strcmp(verdict(buffer_bytes(&file)), "good") == 0) {
            fail_msg("bit %zu of byte %zu", i % 8, i);
        }
        file.size = size;
        file.data[i] ^= (uint8_t)(1U << i % 8);
    }
    buffer_clear(&file);
}

/* ---- Trust ---- */

static void trust_decides(void **state)
{
    (void)state;
    struct buffer file;
    load("holder", &file);
    seal(&file);
    struct bytes data = buffer_bytes(&file);
    /* One community's word carries over to those that it recognises. */
    assert_string_equal(verdict_by(data, "community AURORA 1 " OPERATOR_A "\nquorum none\n"), "good");
    assert_string_equal(verdict_by(data, "community BAOBAB 1 " OPERATOR_B "\nquorum none\n"), "good");
    assert_string_equal(verdict_by(data, "quorum none\n"), "evidence.trust");
    /* But not against the trust file: of a community that it names only these operators count. */
    assert_string_equal(verdict_by(data, "community AURORA 1 " OPERATOR_A "\ncommunity BAOBAB 1 " OPERATOR_A "\nquorum none\n"),
                        "evidence.trust");
    assert_string_equal(verdict_by(data, "community AURORA 2 " OPERATOR_A " " OPERATOR_B "\nquorum none\n"), "evidence.trust");
    assert_string_equal(verdict_by(data,
                                   "community AURORA 1 " OPERATOR_A
                                   "\nwitness w witness.example/w1+04d2d833+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM\nquorum w\n"),
                        "evidence.quorum");
    buffer_clear(&file);
}

static void trust_files_are_refused_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where;
    } rows[] = {
        { "community\nquorum none\n", "f:1" },
        { "\ncommunity A\nquorum none\n", "f:2" },
        { "community A 0 " OPERATOR_A "\nquorum none\n", "f:1" },
        { "community A 2 " OPERATOR_A "\nquorum none\n", "f:1" },
        { "community A 2 " OPERATOR_A " " OPERATOR_A "\nquorum none\n", "f:1" },
        { "community %zz 1 " OPERATOR_A "\nquorum none\n", "f:1" },
        { "community A 1 " OPERATOR_A "\n# x\ncommunity A 1 " OPERATOR_B "\nquorum none\n", "f:3" },
        { "community A 1 nokey\nquorum none\n", "f:1" },
        { "timestamps\nquorum none\n", "f:1" },
        { "timestamps a b\nquorum none\n", "f:1" },
        { "timestamps a=\nquorum none\n", "f:1" },
        { "community A 1 " OPERATOR_A "\nquorum\n", "f:2" },
        { "community A 1 " OPERATOR_A "\n\nwho knows\nquorum none\n", "f:3" },
        { "community A 1 " OPERATOR_A "\n", "f:1" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct trust *trust = NULL;
        struct error e = { 0 };
        if (trust_parse(&trust, bytes_of_text(rows[i].text), "f", &e) || trust != NULL) {
            fail_msg("row %zu was taken", i);
        }
        assert_int_equal(e.kind, ERROR_INPUT);
        if (strcmp(e.where, rows[i].where) != 0) {
            fail_msg("row %zu: %s, want %s (%s)", i, e.where, rows[i].where, e.what);
        }
    }
}

/* ---- Leaving out ---- */

struct redacted {
    struct buffer file, out;
    struct bundle bundle;
    struct arena arena;
    bool ok;
    struct error e;
};

static void redact(struct redacted *r, const char *name, const char *words)
{
    unsigned what = 0;
    struct refusal refusal = { 0 };
    *r = (struct redacted){ .ok = false };
    load(name, &r->file);
    seal(&r->file);
    buffer_init(&r->out, BUNDLE_FILE_BYTES_MAX);
    assert_true(redaction_parse(bytes_of_text(words), &what, &r->e));
    assert_true(bundle_init(&r->bundle, &r->e));
    assert_true(bundle_parse_file(buffer_bytes(&r->file), &r->bundle, &refusal));
    r->ok = bundle_redact(&r->bundle, what, &r->arena, &r->e);
    if (r->ok) {
        bundle_write_file(&r->bundle, &r->out);
        assert_false(r->out.failed);
    }
}

static void redacted_clear(struct redacted *r)
{
    bundle_clear(&r->bundle);
    arena_clear(&r->arena);
    buffer_clear(&r->file);
    buffer_clear(&r->out);
}

static bool holds(struct bytes data, struct bytes text)
{
    return memmem(data.data, data.size, text.data, text.size) != NULL;
}

static void what_is_left_out_is_gone_and_the_rest_verifies(void **state)
{
    (void)state;
    static const struct {
        const char *words, *gone, *left;
    } rows[] = {
        { "decision", "comity-event: decision/1", "comity-event: consent/1" },
        { "consent", "comity-event: consent/1", "comity-event: decision/1" },
        { "request", "tag=\"comity-request/1\"", "tag=\"comity-answer/1\"" },
        { "answer", "tag=\"comity-answer/1\"", "tag=\"comity-request/1\"" },
        { "path", "\"@path\"", "comity-event: decision/1" },
        { "decision,consent,answer", "comity-event: decision/1", "tag=\"comity-request/1\"" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct redacted r;
        redact(&r, "holder", rows[i].words);
        assert_true(r.ok);
        struct bytes out = buffer_bytes(&r.out);
        assert_true(holds(buffer_bytes(&r.file), bytes_of_text(rows[i].gone)));
        assert_false(holds(out, bytes_of_text(rows[i].gone)));
        assert_true(holds(out, bytes_of_text(rows[i].left)));
        assert_string_equal(verdict(out), "good");
        redacted_clear(&r);
    }
}

static void its_salt_goes_too(void **state)
{
    (void)state;
    struct redacted r;
    static struct receipt receipt, hidden;
    redact(&r, "holder", "decision");
    struct bundle before;
    struct refusal refusal = { 0 };
    assert_true(bundle_init(&before, NULL));
    assert_true(bundle_parse_file(buffer_bytes(&r.file), &before, &refusal));
    for (size_t i = 0; i < before.statement_count; i++) {
        uint8_t entry[SHA256_SIZE];
        const struct bundle_statement *from = &before.statements[i], *to = &r.bundle.statements[i];
        assert_true(receipt_parse(from->receipts[0].text, &receipt, NULL) && receipt_parse(to->receipts[0].text, &hidden, NULL));
        commitment(receipt.salt, from->text, entry);
        assert_int_equal(to->is_hidden, from->role == ROLE_DECISION);
        assert_memory_equal(hidden.salt, to->is_hidden ? entry : receipt.salt, SHA256_SIZE);
    }
    bundle_clear(&before);
    redacted_clear(&r);
}

/* In the demo the person's identifier stands in the path: nothing would be left, and a part of it would be a false promise. */
static void nothing_left_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words;
    } rows[] = { { "holder", "person" }, { "holder", "request,decision,answer" }, { "consumer", "person" }, { "consumer", "path" } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct redacted r;
        redact(&r, rows[i].name, rows[i].words);
        assert_false(r.ok);
        assert_int_equal(r.e.kind, ERROR_DENIED);
        assert_false(holds(bytes_of_text(r.e.what), BYTES("PT-1001")));
        redacted_clear(&r);
    }
    unsigned what = 0;
    struct error e;
    assert_false(redaction_parse(BYTES("person,everything"), &what, &e));
    assert_false(redaction_parse(BYTES("person,"), &what, &e));
    assert_true(redaction_parse(BYTES("person,path,request,decision,answer,consent,policy"), &what, &e));
    assert_int_equal(what, 127);
}

static void the_policy_goes_with_the_decision(void **state)
{
    (void)state;
    struct redacted r;
    redact(&r, "refused", "decision");
    assert_true(r.ok);
    assert_false(r.bundle.has_policy);
    assert_string_equal(verdict(buffer_bytes(&r.out)), "good");
    redacted_clear(&r);
}

/* ---- The story ---- */

static void the_story_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words;
    } rows[] = {
        { "holder", "the person PT-1001" },
        { "holder", "given at 2026-11-24T09:23:56.652Z" },
        { "holder", "Port Aurora Hospital (AURORA/HEALTH/HOSPITAL/records/summary)" },
        { "holder", "with Immunization" },
        { "consumer", "GET /r1/AURORA/HEALTH/HOSPITAL/records/summary/PT-1001" },
        { "consumer", "its bundle shows it" },
        { "refused", "because the person did not consent" },
        { "redacted", "Left out by whoever made this file: decision" },
    };
    struct trust *trust = trusted(trust_text);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buffer file, told;
        struct story story;
        struct refusal refusal;
        load(rows[i].name, &file);
        seal(&file);
        buffer_init(&told, 1024 * 1024);
        assert_true(bundle_verify(buffer_bytes(&file), trust, &story, &refusal));
        story_write(&story, trust, &told);
        if (!holds(buffer_bytes(&told), bytes_of_text(rows[i].words))) {
            fail_msg("no '%s' in:\n%.*s", rows[i].words, BYTES_FMT(buffer_bytes(&told)));
        }
        json_t *json = story_json(&story, trust);
        assert_true(json_is_true(json_object_get(json, "ok")));
        json_decref(json);
        story_clear(&story);
        buffer_clear(&told);
        buffer_clear(&file);
    }
    trust_free(trust);
}

/* ---- Statements ---- */

static void statements_are_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    struct buffer file;
    struct bundle bundle;
    struct refusal refusal = { 0 };
    struct said said;
    load("holder", &file);
    seal(&file);
    assert_true(bundle_init(&bundle, NULL) && bundle_parse_file(buffer_bytes(&file), &bundle, &refusal));
    struct bytes text = bundle.statements[0].text;
    assert_true(said_parse(text, &said, "request", NULL));
    assert_false(said.is_answer);
    assert_true(bytes_equal(said_value(&said, "@method", false), BYTES("GET")));
    assert_null(said_value(&said, "@method", true).data);
    assert_null(said_value(&said, "nothing", false).data);
    assert_int_equal(said.parameters.created_s, 1795512859);
    /* Each byte taken out makes another text: of another value, or of none. */
    for (size_t i = 0; i < text.size; i++) {
        uint8_t *cut = malloc(text.size);
        assert_non_null(cut);
        memcpy(cut, text.data, i);
        memcpy(cut + i, text.data + i + 1, text.size - i - 1);
        if (said_parse(bytes_of(cut, text.size - 1), &said, "cut", NULL)) {
            assert_true(said.count == 12 && said.text.size == text.size - 1);
        }
        free(cut);
    }
    bundle_clear(&bundle);
    buffer_clear(&file);
}

static void named_things_are_read_exactly(void **state)
{
    (void)state;
    static const char digest_text[] = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    static const char *const bad_directories[] = { "",
                                                   "A",
                                                   "A 1",
                                                   " 1 sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
                                                   "A 01 sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
                                                   "A 1 sha-512=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
                                                   "A 1 sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=: ",
                                                   "A 1 sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=:" };
    static const char *const bad_checkpoints[] = { "",  "None",   "0 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                                                   "1", "1 47DE", "1  47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" };
    uint8_t digest[SHA256_SIZE], empty[SHA256_SIZE];
    struct bytes community;
    uint64_t number = 7;
    sha256(BYTES_NONE, empty);
    assert_true(said_digest(bytes_of_text(digest_text), digest));
    assert_memory_equal(digest, empty, sizeof empty);
    assert_true(said_directory(BYTES("A%20B 12 sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"), &community, &number, digest));
    assert_true(bytes_equal(community, BYTES("A%20B")) && number == 12);
    assert_true(said_checkpoint(BYTES("none"), &number, digest) && number == 0);
    assert_true(said_checkpoint(BYTES("5 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), &number, digest) && number == 5);
    for (size_t i = 0; i < COUNT_OF(bad_directories); i++) {
        assert_false(said_directory(bytes_of_text(bad_directories[i]), &community, &number, digest));
    }
    for (size_t i = 0; i < COUNT_OF(bad_checkpoints); i++) {
        assert_false(said_checkpoint(bytes_of_text(bad_checkpoints[i]), &number, digest));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_refused),
        cmocka_unit_test(the_checksum_is_asked),
        cmocka_unit_test(what_is_read_is_written_again),
        cmocka_unit_test(no_bit_may_change),
        cmocka_unit_test(trust_decides),
        cmocka_unit_test(trust_files_are_refused_by_line),
        cmocka_unit_test(what_is_left_out_is_gone_and_the_rest_verifies),
        cmocka_unit_test(its_salt_goes_too),
        cmocka_unit_test(nothing_left_is_refused),
        cmocka_unit_test(the_policy_goes_with_the_decision),
        cmocka_unit_test(the_story_is_told),
        cmocka_unit_test(statements_are_taken_whole_or_not_at_all),
        cmocka_unit_test(named_things_are_read_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
