#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "crypto/note.h"
#include "directory/directory.h"

#include "directory_fixture.h"

static struct directory *parsed(void)
{
    struct buffer text, note;
    struct directory *d = NULL;
    struct error e = { 0 };
    const uint8_t by[] = { 1 };
    fixture_text(&text);
    fixture_sign(buffer_bytes(&text), by, 1, &note);
    struct signer *signer = fixture_signer(1);
    if (!directory_parse(&d, buffer_bytes(&note), signer_verifier(signer), 1, 1, "aurora.note", &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    uint8_t digest[SHA256_SIZE];
    sha256(buffer_bytes(&text), digest);
    assert_memory_equal(d->digest, digest, sizeof digest);
    signer_free(signer);
    buffer_clear(&note);
    buffer_clear(&text);
    return d;
}

static void all_is_read(void **state)
{
    char when[TIME_TEXT_SIZE];
    (void)state;
    struct directory *d = parsed();
    assert_true(bytes_equal(d->community, BYTES("AURORA")));
    assert_int_equal(d->serial, 3);
    assert_string_equal(time_text(d->valid_from_ms, when), "2027-01-01T00:00:00.000Z");
    assert_string_equal(time_text(d->valid_until_ms, when), "2027-12-31T23:00:00.500Z");
    assert_int_equal(d->operator_count, 2);
    assert_int_equal(d->threshold, 1);
    assert_string_equal(d->operators[1].name, "aurora.example/operator-2");
    assert_int_equal(d->member_count, 2);
    const struct directory_member *m = &d->members[0];
    assert_true(m->directory == d);
    assert_true(bytes_equal(m->class_code, BYTES("GOV")) && bytes_equal(m->code, BYTES("hospital")));
    assert_true(bytes_equal(m->name, BYTES("Hospital of Aurora")));
    assert_int_equal(m->subsystem_count, 2);
    assert_int_equal(m->subsystems[0].gateway_count, 1);
    assert_true(m->subsystems[0].gateways[0] == &m->gateways[0]);
    assert_true(m->subsystems[0].member == m);
    assert_int_equal(m->subsystems[1].gateway_count, 0);
    assert_int_equal(m->subsystems[1].name.size, 0);
    assert_int_equal(m->gateway_count, 2);
    assert_int_equal(m->gateways[0].address_count, 2);
    assert_true(bytes_equal(m->gateways[0].addresses[1], BYTES("[::1]:8443")));
    assert_int_equal(m->gateways[0].tls_pin_count, 2);
    assert_int_equal(m->gateways[0].tls_pins[1][0], 2);
    assert_false(m->gateways[0].in_maintenance);
    assert_true(m->gateways[1].in_maintenance);
    assert_string_equal(m->gateways[1].statement_key.name, "aurora.example/operator-12");
    assert_int_equal(d->members[1].subsystem_count, 0);
    assert_int_equal(d->members[1].gateway_count, 0);
    assert_int_equal(d->recognised_count, 1);
    assert_true(bytes_equal(d->recognised[0].community, BYTES("BAOBAB")));
    assert_string_equal(d->recognised[0].operators[0].name, "aurora.example/operator-21");
    assert_string_equal(time_text(d->recognised[0].valid_until_ms, when), "2027-07-01T00:00:00.000Z");

    assert_true(directory_gateway_serves(&m->gateways[0], &m->subsystems[0]));
    assert_false(directory_gateway_serves(&m->gateways[1], &m->subsystems[0]));
    assert_true(directory_gateway_serves(&m->gateways[1], &m->subsystems[1]));
    struct directory_subsystem elsewhere = { .member = &d->members[1] };
    assert_false(directory_gateway_serves(&m->gateways[1], &elsewhere));
    directory_free(d);
    directory_free(NULL);
}

static void what_is_there_is_found(void **state)
{
    static const struct {
        const char *id;
        bool has_member, has_subsystem;
    } row[] = {
        { "AURORA/GOV/hospital", true, false },
        { "AURORA/GOV/hospital/records", true, true },
        { "AURORA/GOV/hospital/records/svc", true, true },
        { "AURORA/GOV/hospital/open%20data", true, true },
        { "AURORA/GOV/hospital/Records", true, false },
        { "AURORA/COM/hospital", true, false },
        { "AURORA/COM/hospital/records", true, false },
        { "AURORA/gov/hospital/records", false, false },
        { "BAOBAB/GOV/hospital/records", false, false },
        { "AURORA/GOV/hospita", false, false },
        { "AURORA/GOVh/ospital/records", false, false },
    };
    uint8_t pin[PIN_SIZE] = { 0 };
    (void)state;
    struct directory *d = parsed();
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        uint8_t storage[128];
        struct identifier id;
        struct error e;
        assert_true(identifier_parse(bytes_of_text(row[i].id), 3, 5, storage, &id, &e));
        if ((directory_find_member(d, &id) != NULL) != row[i].has_member ||
            (directory_find_subsystem(d, &id) != NULL) != row[i].has_subsystem) {
            fail_msg("row %zu", i);
        }
    }
    struct identifier none = { .part_count = 0 };
    assert_null(directory_find_member(d, &none));
    for (uint8_t i = 0; i < 5; i++) {
        pin[0] = i;
        const struct directory_gateway *g = directory_find_gateway_by_pin(d, pin);
        assert_true(g == (i == 0 || i == 4 ? NULL : &d->members[0].gateways[i == 3]));
    }
    assert_true(directory_find_gateway_by_origin(d, BYTES("aurora.example/operator-12")) == &d->members[0].gateways[1]);
    assert_null(directory_find_gateway_by_origin(d, BYTES("aurora.example/operator-1")));
    directory_free(d);
}

struct bad_row {
    const char *from, *to; /* in the fixture's text */
    const char *place, *what;
};

static void check_refused(const struct bad_row *row, size_t count)
{
    const uint8_t by[] = { 1 };
    struct signer *signer = fixture_signer(1);
    for (size_t i = 0; i < count; i++) {
        struct buffer text, note;
        struct directory *d = NULL;
        struct error e = { 0 };
        fixture_text(&text);
        fixture_replace(&text, row[i].from, row[i].to);
        fixture_sign(buffer_bytes(&text), by, 1, &note);
        if (directory_parse(&d, buffer_bytes(&note), signer_verifier(signer), 1, 1, "aurora.note", &e)) {
            fail_msg("row %zu was read: %s", i, row[i].to);
        }
        assert_null(d);
        char where[128];
        (void)snprintf(where, sizeof where, "aurora.note%s%s", row[i].place[0] == '\0' ? "" : ": ", row[i].place);
        if (e.kind != ERROR_INPUT || strcmp(e.where, where) != 0 || strstr(e.what, row[i].what) == NULL) {
            fail_msg("row %zu: \"%s\" \"%s\", want \"%s\" \"%s\"", i, e.where, e.what, where, row[i].what);
        }
        buffer_clear(&note);
        buffer_clear(&text);
    }
    signer_free(signer);
}

static void bad_heads_are_refused(void **state)
{
    static const struct bad_row row[] = {
        { "{\"comity_directory\": 1", "[\"comity_directory\": 1", "", "line 1" },
        { "}]}\n", "}]} {}\n", "", "end of file" },
        { "\"comity_directory\": 1, ", "", "comity_directory", "is missing" },
        { "\"comity_directory\": 1", "\"comity_directory\": 2, \"novel\": 1", "comity_directory", "from 1 to 1" },
        { "\"comity_directory\": 1", "\"comity_directory\": \"1\"", "comity_directory", "whole number" },
        { "\"comity_directory\": 1", "\"comity_directory\": 1, \"novel\": 1", "", "unknown key \"novel\"" },
        { "\"serial\": 3", "\"serial\": 3, \"serial\": 3", "", "duplicate object key" },
        { "\"serial\": 3", "\"serial\": 0", "serial", "from 1" },
        { "\"serial\": 3", "\"serial\": -1", "serial", "from 1" },
        { "\"serial\": 3", "\"serial\": 3.0", "serial", "whole number" },
        { "\"serial\": 3", "\"serial\": 9007199254740992", "serial", "to 9007199254740991" },
        { "\"serial\": 3", "\"serial\": 99999999999999999999", "", "too big integer" },
        { "\"AURORA\"", "\"AUR/ORA\"", "community", "% : ; /" },
        { "\"AURORA\"", "\"\"", "community", "is empty" },
        { "\"AURORA\"", "7", "community", "must be a string" },
        { "\"AURORA\"", "\"A\\u0000\"", "", "NUL" },
        { "\"AURORA\"", "\"A\\u000a\"", "community", "control character" },
        { "\"AURORA\"", "\"A\\u200b\"", "community", "invisible" },
        { "\"AURORA\"", "\"\\ud800\"", "", "line 1" },
        { "2027-01-01T00:00:00Z", "2027-01-01", "valid_from", "RFC 3339" },
        { "2027-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "valid_from", "from 1970" },
        { "2027-01-01T00:00:00Z", "2029-01-01T00:00:00Z", "valid_until", "later than" },
        { "2028-01-01T00:00:00.500+01:00", "9999-12-31T23:59:59-01:00", "valid_until", "to 9999" },
        { "\"threshold\": 1", "\"threshold\": 0", "operators.threshold", "from 1 to 2" },
        { "\"threshold\": 1", "\"threshold\": 3", "operators.threshold", "from 1 to 2" },
        { "\"threshold\": 1", "\"threshold\": 1, \"quorum\": 1", "operators", "unknown key \"quorum\"" },
        { "\"keys\": [", "\"keys\": [\"x\", ", "operators.keys[0]", "three parts" },
        { "\"keys\": [", "\"keys\": [5, ", "operators.keys[0]", "must be a string" },
        { "\"keys\": [", "\"keys\": [\"witness.example/w1+04d2d833+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM\", ", "operators.keys[0]",
          "cosignatures" },
    };
    (void)state;
    check_refused(row, COUNT_OF(row));
}

#define LAW(id, version, digest) "\"serial\": 3, \"law\": {\"id\": \"" id "\", \"version\": \"" version "\", \"digest\": \"" digest "\"}"
#define DIGEST "21b8d43f59f1dc2adecbf65be7a7803d2d8a58a539759aac66ca1bc0a05267e8"

static void bad_laws_and_traits_are_refused(void **state)
{
    static const struct bad_row row[] = {
        { "\"serial\": 3", "\"serial\": 3, \"country\": \"ke\"", "country", "is not a country's code" },
        { "\"serial\": 3", "\"serial\": 3, \"country\": \"K\"", "country", "is not a country's code" },
        { "\"serial\": 3", "\"serial\": 3, \"country\": \"KEN\"", "country", "2 bytes" },
        { "\"serial\": 3", "\"serial\": 3, \"law\": \"strict\"", "law", "must be an object" },
        { "\"serial\": 3", "\"serial\": 3, \"law\": {\"id\": \"strict\"}", "law.version", "is missing" },
        { "\"serial\": 3", LAW("KE/DPA", "2026-11-24", DIGEST), "law.id", "is not the id of a law profile" },
        { "\"serial\": 3", LAW("KE-DPA", "24 November", DIGEST), "law.version", "is not the version" },
        { "\"serial\": 3", LAW("KE-DPA", "2026-11-24", "21B8"), "law.digest", "is not a digest" },
        { "\"serial\": 3", LAW("KE-DPA", "2026-11-24", "21B8D43F59F1DC2ADECBF65BE7A7803D2D8A58A539759AAC66CA1BC0A05267E8"), "law.digest",
          "is not a digest" },
        { "\"code\": \"hospital\"", "\"code\": \"hospital\", \"traits\": []", "members[0].traits", "1 to 2 elements" },
        { "\"code\": \"hospital\"", "\"code\": \"hospital\", \"traits\": [\"nice\"]", "members[0].traits[0]", "is no trait" },
        { "\"code\": \"hospital\"", "\"code\": \"hospital\", \"traits\": [\"critical\", \"critical\"]", "members[0].traits[1]",
          "is there already" },
    };
    (void)state;
    check_refused(row, COUNT_OF(row));
}

static void bad_members_are_refused(void **state)
{
    static const struct bad_row row[] = {
        { "\"members\"", "\"member\"", "", "unknown key \"member\"" },
        { "\"class\": \"GOV\", ", "", "members[0].class", "is missing" },
        { "\"COM\"", "\"GOV\"", "members[1]", "earlier member" },
        { "\"COM\", \"code\": \"hospital\"", "\"COM\", \"code\": \"hos;pital\"", "members[1].code", "% : ; /" },
        { "{\"class\": \"COM\", \"code\": \"hospital\"}", "null", "members[1]", "must be an object" },
        { "Hospital of Aurora", "Hospital\\u001b[2J", "members[0].name", "control character" },
        { "\"Hospital of Aurora\"", "\"\"", "members[0].name", "is empty" },
        { "{\"code\": \"open data\"}", "{\"code\": \"records\"}", "members[0].subsystems[1]", "earlier subsystem" },
        { "{\"code\": \"open data\"}", "{\"code\": \"open data\", \"wsdl\": 1}", "members[0].subsystems[1]", "unknown key \"wsdl\"" },
        { "\"gateways\": [\"gw1\"]", "\"gateways\": [\"gw3\"]", "members[0].subsystems[0].gateways[0]", "no such gateway" },
        { "\"gateways\": [\"gw1\"]", "\"gateways\": [\"gw1\", \"gw1\"]", "members[0].subsystems[0].gateways[1]", "same gateway" },
        { "\"gateways\": [\"gw1\"]", "\"gateways\": []", "members[0].subsystems[0].gateways", "1 to 64" },
        { "\"gateways\": [\"gw1\"]", "\"gateways\": \"gw1\"", "members[0].subsystems[0].gateways", "must be an array" },
        { "\"code\": \"gw2\"", "\"code\": \"gw1\"", "members[0].gateways[1]", "same code" },
        { "127.0.0.1:8443", "127.0.0.1", "members[0].gateways[0].addresses[0]", "with a port" },
        { "127.0.0.1:8443", "127.0.0.1:0", "members[0].gateways[0].addresses[0]", "with a port" },
        { "127.0.0.1:8443", "127.0.0.1:65536", "members[0].gateways[0].addresses[0]", "with a port" },
        { "127.0.0.1:8443", ":8443", "members[0].gateways[0].addresses[0]", "with a port" },
        { "127.0.0.1:8443", "::1:8443", "members[0].gateways[0].addresses[0]", "with a port" },
        { "127.0.0.1:8443", "https://h:8443", "members[0].gateways[0].addresses[0]", "with a port" },
        { "127.0.0.1:8443", "h@h:8443", "members[0].gateways[0].addresses[0]", "with a port" },
        { "[::1]:8443", "[]:8443", "members[0].gateways[0].addresses[1]", "with a port" },
        { "[::1]:8443", "[::1:8443", "members[0].gateways[0].addresses[1]", "with a port" },
        { "[::1]:8443", "[::g]:8443", "members[0].gateways[0].addresses[1]", "with a port" },
        { "[::1]:8443", "127.0.0.1:8443", "members[0].gateways[0].addresses[1]", "same address" },
        { "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
          "members[0].gateways[0].tls_pins[1]", "listed before" },
        { "AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
          "members[0].gateways[1].tls_pins[0]", "listed before" },
        { "\"AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"", "", "members[0].gateways[1].tls_pins", "1 to 8" },
        { "AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
          "members[0].gateways[1].tls_pins[0]", "base64 of 32 bytes" },
        { "AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
          "members[0].gateways[1].tls_pins[0]", "base64 of 32 bytes" },
        { "\"maintenance\": true", "\"maintenance\": 1", "members[0].gateways[1].maintenance", "true or false" },
        { "\"addresses\": [\"gw2.hospital.example:443\"], ", "", "members[0].gateways[1].addresses", "is missing" },
        { "aurora.example/operator-12+", "aurora.example/operator-13+", "members[0].gateways[1].statement_key", "hash does not fit" },
        { "\"BAOBAB\"", "\"AURORA\"", "recognised[0]", "recognise itself" },
        { "2027-07-01T00:00:00Z", "2027-01-01T00:00:00Z", "recognised[0].valid_until", "later than" },
        { "\"threshold\": 1, \"operators\"", "\"threshold\": 2, \"operators\"", "recognised[0].threshold", "from 1 to 1" },
        { "\"recognised\": [", "\"recognised\": [{}, ", "recognised[0].community", "is missing" },
    };
    (void)state;
    check_refused(row, COUNT_OF(row));
}

/* What can't be written as a replacement: the same key at two places. */
static void shared_keys_are_refused(void **state)
{
    static const struct {
        uint8_t take, put; /* the key of `take` in place of that of `put` */
        const char *place, *what;
    } row[] = {
        { 1, 2, "aurora.note: operators.keys[1]", "same key" },
        { 11, 12, "aurora.note: members[0].gateways[1].statement_key", "same name" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct buffer text, note, keys[2];
        struct directory *d = NULL;
        struct error e = { 0 };
        const uint8_t numbers[2] = { row[i].take, row[i].put };
        for (size_t k = 0; k < 2; k++) {
            struct signer *signer = fixture_signer(numbers[k]);
            buffer_init(&keys[k], 1024);
            verifier_write(signer_verifier(signer), &keys[k]);
            buffer_append_u8(&keys[k], '\0');
            signer_free(signer);
        }
        fixture_text(&text);
        fixture_replace(&text, (const char *)keys[1].data, (const char *)keys[0].data);
        struct signer *signer = fixture_signer(1);
        fixture_sign(buffer_bytes(&text), (const uint8_t[]){ 1 }, 1, &note);
        assert_false(directory_parse(&d, buffer_bytes(&note), signer_verifier(signer), 1, 1, "aurora.note", &e));
        assert_string_equal(e.where, row[i].place);
        assert_non_null(strstr(e.what, row[i].what));
        signer_free(signer);
        buffer_clear(&note);
        buffer_clear(&text);
        buffer_clear(&keys[0]);
        buffer_clear(&keys[1]);
    }
    /* One key under two names: two logs that one leak opens, and a peer that could pass one off as the other. */
    struct buffer text, vkey, old, note;
    struct verifier alias;
    struct directory *d = NULL;
    struct error e = { 0 };
    struct signer *first = fixture_signer(11);
    struct signer *second = fixture_signer(12);
    struct signer *signing = fixture_signer(1);
    assert_true(verifier_init(&alias, BYTES("alias.example"), SIGNATURE_ED25519, signer_verifier(first)->public_key, &e));
    buffer_init(&vkey, 1024);
    buffer_init(&old, 1024);
    verifier_write(&alias, &vkey);
    buffer_append_u8(&vkey, '\0');
    verifier_write(signer_verifier(second), &old);
    buffer_append_u8(&old, '\0');
    fixture_text(&text);
    fixture_replace(&text, (const char *)old.data, (const char *)vkey.data);
    fixture_sign(buffer_bytes(&text), (const uint8_t[]){ 1 }, 1, &note);
    assert_false(directory_parse(&d, buffer_bytes(&note), signer_verifier(signing), 1, 1, "aurora.note", &e));
    assert_string_equal(e.where, "aurora.note: members[0].gateways[1].statement_key");
    assert_non_null(strstr(e.what, "another gateway's key"));
    buffer_clear(&note);
    buffer_clear(&text);
    buffer_clear(&vkey);
    buffer_clear(&old);
    signer_free(first);
    signer_free(second);
    signer_free(signing);
}

static void k_of_n_operators_must_sign(void **state)
{
    static const struct {
        size_t by_count, threshold;
        uint8_t by[3];
        bool ok;
    } row[] = {
        { 1, 1, { 1 }, true },        { 1, 1, { 9 }, false },       { 1, 2, { 1 }, false },       { 2, 2, { 1, 1 }, false },
        { 2, 2, { 1, 2 }, true },     { 3, 2, { 9, 2, 3 }, true },  { 3, 2, { 9, 2, 9 }, false }, { 3, 3, { 1, 2, 3 }, true },
        { 3, 0, { 1, 2, 3 }, false }, { 3, 4, { 1, 2, 3 }, false },
    };
    struct verifier known[3];
    (void)state;
    for (uint8_t i = 0; i < 3; i++) {
        struct signer *signer = fixture_signer((uint8_t)(i + 1));
        known[i] = *signer_verifier(signer);
        signer_free(signer);
    }
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct buffer text, note;
        struct directory *d = NULL;
        struct error e = { 0 };
        fixture_text(&text);
        fixture_sign(buffer_bytes(&text), row[i].by, row[i].by_count, &note);
        if (directory_parse(&d, buffer_bytes(&note), known, COUNT_OF(known), row[i].threshold, "test", &e) != row[i].ok) {
            fail_msg("row %zu: %s", i, e.what);
        }
        if (!row[i].ok && row[i].threshold > 0 && row[i].threshold < 4) {
            assert_int_equal(e.kind, ERROR_DENIED);
        }
        directory_free(d);
        /* A changed text under a known key's signature is refused, not only not counted. */
        if (row[i].ok) {
            fixture_replace(&note, "Hospital", "Hospitel");
            assert_false(directory_parse(&d, buffer_bytes(&note), known, COUNT_OF(known), row[i].threshold, "test", &e));
            assert_int_equal(e.kind, ERROR_DENIED);
        }
        buffer_clear(&note);
        buffer_clear(&text);
    }
    struct directory *d = NULL;
    struct error e = { 0 };
    assert_false(directory_parse(&d, BYTES("no note"), known, 1, 1, "test", &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_false(directory_parse(&d, BYTES("no note"), known, 0, 0, "test", &e));
}

static void dates_are_checked(void **state)
{
    struct error e = { 0 };
    (void)state;
    struct directory *d = parsed();
    assert_false(directory_check_time(d, d->valid_from_ms - 1, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_non_null(strstr(e.what, "2027-01-01"));
    assert_true(directory_check_time(d, d->valid_from_ms, &e));
    assert_true(directory_check_time(d, d->valid_until_ms - 1, &e));
    assert_false(directory_check_time(d, d->valid_until_ms, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_non_null(strstr(e.what, "was valid until 2027-12-31"));
    directory_free(d);
}

static void files_are_loaded(void **state)
{
    char path[] = "/tmp/comity-directory-XXXXXX";
    struct buffer text, note;
    struct directory *d = NULL;
    struct error e = { 0 };
    struct signer *signer = fixture_signer(1);
    (void)state;
    fixture_text(&text);
    fixture_sign(buffer_bytes(&text), (const uint8_t[]){ 1 }, 1, &note);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, note.data, note.size), (ssize_t)note.size);
    assert_true(directory_load(&d, path, signer_verifier(signer), 1, 1, &e));
    directory_free(d);
    assert_int_equal(ftruncate(fd, (off_t)note.size - 10), 0);
    assert_false(directory_load(&d, path, signer_verifier(signer), 1, 1, &e));
    assert_null(d);
    assert_int_equal(ftruncate(fd, (off_t)DIRECTORY_BYTES_MAX + 1), 0);
    assert_false(directory_load(&d, path, signer_verifier(signer), 1, 1, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    assert_false(directory_load(&d, path, signer_verifier(signer), 1, 1, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_false(directory_load(&d, "/tmp", signer_verifier(signer), 1, 1, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    signer_free(signer);
    buffer_clear(&note);
    buffer_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_read),
        cmocka_unit_test(what_is_there_is_found),
        cmocka_unit_test(bad_heads_are_refused),
        cmocka_unit_test(bad_laws_and_traits_are_refused),
        cmocka_unit_test(bad_members_are_refused),
        cmocka_unit_test(shared_keys_are_refused),
        cmocka_unit_test(k_of_n_operators_must_sign),
        cmocka_unit_test(dates_are_checked),
        cmocka_unit_test(files_are_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
