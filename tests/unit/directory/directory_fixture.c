#include "directory_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/note.h"

struct signer *fixture_signer(uint8_t number)
{
    char name[64];
    uint8_t seed[ED25519_SEED_SIZE] = { number };
    struct signer *signer = NULL;
    struct error e = { 0 };
    (void)snprintf(name, sizeof name, "aurora.example/operator-%d", number);
    if (!signer_from_seed(&signer, bytes_of_text(name), seed, &e)) {
        fail_msg("%s", e.what);
    }
    return signer;
}

static void append_key(struct buffer *out, uint8_t number)
{
    struct signer *signer = fixture_signer(number);
    buffer_append_text(out, "\"");
    verifier_write(signer_verifier(signer), out);
    buffer_append_text(out, "\"");
    signer_free(signer);
}

void fixture_text(struct buffer *out)
{
    buffer_init(out, DIRECTORY_BYTES_MAX);
    buffer_append_text(out, "{\"comity_directory\": 1, \"community\": \"AURORA\", \"serial\": 3,\n"
                            " \"valid_from\": \"2027-01-01T00:00:00Z\", \"valid_until\": \"2028-01-01T00:00:00.500+01:00\",\n"
                            " \"operators\": {\"threshold\": 1, \"keys\": [");
    append_key(out, 1);
    buffer_append_text(out, ", ");
    append_key(out, 2);
    buffer_append_text(
        out, "]},\n"
             " \"members\": [\n"
             "  {\"class\": \"GOV\", \"code\": \"hospital\", \"name\": \"Hospital of Aurora\",\n"
             "   \"subsystems\": [{\"code\": \"records\", \"name\": \"Records\", \"gateways\": [\"gw1\"]}, {\"code\": \"open data\"}],\n"
             "   \"gateways\": [\n"
             "    {\"code\": \"gw1\", \"addresses\": [\"127.0.0.1:8443\", \"[::1]:8443\"], \"statement_key\": ");
    append_key(out, 11);
    buffer_append_text(out, ",\n     \"tls_pins\": [\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\", "
                            "\"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]},\n"
                            "    {\"code\": \"gw2\", \"addresses\": [\"gw2.hospital.example:443\"], \"statement_key\": ");
    append_key(out, 12);
    buffer_append_text(out, ",\n     \"tls_pins\": [\"AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"], \"maintenance\": true}]},\n"
                            "  {\"class\": \"COM\", \"code\": \"hospital\"}],\n"
                            " \"recognised\": [{\"community\": \"BAOBAB\", \"threshold\": 1, \"operators\": [");
    append_key(out, 21);
    buffer_append_text(out, "], \"valid_from\": \"2027-01-01T00:00:00Z\", \"valid_until\": \"2027-07-01T00:00:00Z\"}]}\n");
    assert_false(out->failed);
}

void fixture_replace(struct buffer *text, const char *from, const char *to)
{
    for (size_t i = 0; i < text->size; i++) {
        struct bytes rest = bytes_slice(buffer_bytes(text), i, text->size);
        if (bytes_start_with(rest, bytes_of_text(from))) {
            struct buffer made;
            buffer_init(&made, DIRECTORY_BYTES_MAX);
            buffer_append(&made, bytes_slice(buffer_bytes(text), 0, i));
            buffer_append_text(&made, to);
            buffer_append(&made, bytes_slice(rest, strlen(from), rest.size));
            assert_false(made.failed);
            buffer_clear(text);
            *text = made;
            return;
        }
    }
    fail_msg("nothing to replace: %s", from);
}

void fixture_sign(struct bytes text, const uint8_t *operators, size_t count, struct buffer *out)
{
    buffer_init(out, DIRECTORY_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct error e = { 0 };
        struct signer *signer = fixture_signer(operators[i]);
        if (i > 0) {
            note_add_signature(text, signer, out);
        } else if (!note_sign(text, signer, out, &e)) {
            fail_msg("%s", e.what);
        }
        signer_free(signer);
    }
    assert_false(out->failed);
}

uint64_t fixture_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}
