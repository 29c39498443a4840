/* A directory's draft, signed into a note; and notes, shown and verified. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/time.h"
#include "cli/command_directory_internal.h"
#include "cli/draft.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/value.h"
#include "crypto/note.h"

enum { PATH_SIZE = 4096, OPERATORS_MAX = 32, VKEY_SIZE = 512 };

/* ---- sign ---- */

/*
 * A PEM file has no name. The draft lists its operators by name and key, so the key is loaded under any name first, to see whose it is.
 */
static bool load_operator(struct signer **out, const json_t *draft, const char *path, struct error *e)
{
    struct signer *unnamed = NULL;
    const json_t *keys = json_object_get(json_object_get(draft, "operators"), "keys");
    *out = NULL;
    if (!signer_load(&unnamed, BYTES("operator"), path, e)) {
        return false;
    }
    struct verifier whose;
    bool is_found = false;
    for (size_t i = 0; i < json_array_size(keys) && !is_found; i++) {
        const json_t *key = json_array_get(keys, i);
        is_found = json_is_string(key) &&
                   verifier_parse(&whose, bytes_of(json_string_value(key), json_string_length(key)), "operators.keys", NULL) &&
                   memcmp(whose.public_key, signer_verifier(unnamed)->public_key, sizeof whose.public_key) == 0;
    }
    signer_free(unnamed);
    if (!is_found) {
        return error_set(e, ERROR_DENIED, path, "take the key that the draft was made with", "is none of the draft's operators");
    }
    return signer_load(out, bytes_of_text(whose.name), path, e);
}

/* aurora.json becomes aurora.note. */
static bool note_path(const struct call *call, char out[PATH_SIZE], struct error *e)
{
    const char *draft = call->words[0], *given = call_value(call, "output");
    struct bytes stem = bytes_of_text(draft);
    if (bytes_end_with(stem, BYTES(".json"))) {
        stem.size -= 5;
    }
    int size = given != NULL ? snprintf(out, PATH_SIZE, "%s", given) : snprintf(out, PATH_SIZE, "%.*s.note", BYTES_FMT(stem));
    return (size > 0 && size < PATH_SIZE) || error_set(e, ERROR_INPUT, "the path", "choose a shorter one", "it is too long");
}

static bool sign_draft(const struct call *call, json_t *draft, const char *output, int64_t now_ms, int64_t until_ms, struct error *e)
{
    bool ok = false;
    struct signer *signer = NULL;
    struct buffer text, note;
    buffer_init(&text, DIRECTORY_BYTES_MAX);
    buffer_init(&note, 2 * (size_t)DIRECTORY_BYTES_MAX);
    if (!load_operator(&signer, draft, call_value(call, "key"), e) || !draft_write(draft, now_ms, until_ms, call->words[0], &text, e) ||
        !note_sign(buffer_bytes(&text), signer, &note, e)) {
        goto done;
    }
    json_int_t serial = json_integer_value(json_object_get(draft, "serial")) + 1;
    if (json_object_set_new(draft, "serial", json_integer(serial)) != 0) {
        error_memory(e, call->words[0]);
        goto done;
    }
    /* The draft first: a serial that is lost in a crash is skipped, none is ever used twice. */
    ok = draft_save(draft, call->words[0], e) && file_replace_whole(output, buffer_bytes(&note), 0644, e);
done:
    signer_free(signer);
    buffer_clear(&text);
    buffer_clear(&note);
    return ok;
}

static int run_sign(struct call *call)
{
    struct error e = { 0 };
    json_t *draft = NULL;
    int64_t now_ms = time_now_ms(), until_ms = 0;
    char output[PATH_SIZE], until[TIME_TEXT_SIZE];
    const char *valid = call_is_given(call, "valid") ? call_value(call, "valid") : "30d";
    if (!call_is_given(call, "key")) {
        return call_misused(call, "--key is needed");
    }
    bool ok = until_parse(valid, "--valid", now_ms, &until_ms, &e) && note_path(call, output, &e) &&
              draft_load(&draft, call->words[0], &e) && sign_draft(call, draft, output, now_ms, until_ms, &e);
    int64_t serial = ok ? json_integer_value(json_object_get(draft, "serial")) : 0;
    json_decref(draft);
    if (!ok) {
        return call_fail(call, &e);
    }
    if (call->is_json) {
        return output_json(
                   json_pack("{s:s, s:I, s:o}", "note", output, "serial", (json_int_t)serial, "valid_until", json_of_time(until_ms)))
                   ? COMMAND_DONE
                   : COMMAND_NOT_TRIED;
    }
    return printf("%s: serial %" PRId64 ", valid until %s\n", output, serial, time_text(until_ms, until)) > 0 ? COMMAND_DONE
                                                                                                              : COMMAND_NOT_TRIED;
}

/* ---- show ---- */

static void append_vkey(struct buffer *out, const char *before, const struct verifier *key)
{
    buffer_append_text(out, before);
    verifier_write(key, out);
    buffer_append_u8(out, '\n');
}

static void append_named(struct buffer *out, const char *before, struct bytes code, struct bytes name)
{
    buffer_append_format(out, "%s%.*s", before, BYTES_FMT(code));
    if (name.size > 0) {
        buffer_append_format(out, "  (%.*s)", BYTES_FMT(name));
    }
    buffer_append_u8(out, '\n');
}

static void append_gateway(struct buffer *out, const struct directory_gateway *gateway)
{
    buffer_append_format(out, "    gateway %.*s%s\n", BYTES_FMT(gateway->code), gateway->in_maintenance ? "  (in maintenance)" : "");
    for (size_t i = 0; i < gateway->address_count; i++) {
        buffer_append_format(out, "      address        %.*s\n", BYTES_FMT(gateway->addresses[i]));
    }
    append_vkey(out, "      statement key  ", &gateway->statement_key);
    for (size_t i = 0; i < gateway->tls_pin_count; i++) {
        buffer_append_text(out, "      TLS pin        ");
        base64_append(out, bytes_of(gateway->tls_pins[i], PIN_SIZE));
        buffer_append_u8(out, '\n');
    }
}

static void append_directory(struct buffer *out, const struct directory *d, bool is_signed)
{
    char from[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
    buffer_append_format(out, "community %.*s\n", BYTES_FMT(d->community));
    if (d->country.size > 0) {
        buffer_append_format(out, "country   %.*s\n", BYTES_FMT(d->country));
    }
    if (d->has_law) {
        char hex[2 * SHA256_SIZE + 1];
        hex_write(bytes_of(d->law_digest, SHA256_SIZE), hex);
        buffer_append_format(out, "law       %.*s of %.*s, sha256 %s\n", BYTES_FMT(d->law_id), BYTES_FMT(d->law_version), hex);
    }
    if (is_signed) {
        buffer_append_format(out, "serial    %" PRIu64 "\nvalid     %s to %s\n", d->serial, time_text(d->valid_from_ms, from),
                             time_text(d->valid_until_ms, until));
    } else {
        buffer_append_format(out, "draft: the newest signed serial is %" PRIu64 "\n", d->serial - 1);
    }
    for (size_t i = 0; i < d->operator_count; i++) {
        append_vkey(out, "operator  ", &d->operators[i]);
    }
    for (size_t i = 0; i < d->member_count; i++) {
        const struct directory_member *member = &d->members[i];
        buffer_append_format(out, "\n%.*s/%.*s/", BYTES_FMT(d->community), BYTES_FMT(member->class_code));
        append_named(out, "", member->code, member->name);
        for (uint32_t trait = 1; trait != 0 && trait <= member->traits; trait <<= 1) {
            if ((member->traits & trait) != 0) {
                buffer_append_format(out, "    %s\n", directory_trait_word(trait));
            }
        }
        for (size_t j = 0; j < member->subsystem_count; j++) {
            append_named(out, "    subsystem ", member->subsystems[j].code, member->subsystems[j].name);
        }
        for (size_t j = 0; j < member->gateway_count; j++) {
            append_gateway(out, &member->gateways[j]);
        }
    }
    for (size_t i = 0; i < d->recognised_count; i++) {
        const struct directory_recognition *r = &d->recognised[i];
        buffer_append_format(out, "\nrecognises %.*s from %s until %s\n", BYTES_FMT(r->community), time_text(r->valid_from_ms, from),
                             time_text(r->valid_until_ms, until));
        for (size_t j = 0; j < r->operator_count; j++) {
            append_vkey(out, "    operator ", &r->operators[j]);
        }
    }
}

/* What a file holds: the text of a note, or a draft with its next serial. */
static bool read_text(const char *path, struct buffer *text, bool *is_signed, struct error *e)
{
    struct buffer file;
    struct note *note = NULL;
    json_t *draft = NULL;
    buffer_init(&file, 2 * (size_t)DIRECTORY_BYTES_MAX);
    bool ok = file_read_whole(path, &file, e);
    note = calloc(1, sizeof *note);
    if (ok && note == NULL) {
        ok = error_memory(e, path);
    }
    *is_signed = ok && note != NULL && note_parse(note, buffer_bytes(&file), path, NULL);
    if (*is_signed) {
        buffer_append(text, note->text);
    } else if (ok) {
        int64_t now_ms = time_now_ms();
        ok = draft_load(&draft, path, e) && draft_write(draft, now_ms, now_ms + 1000, path, text, e);
    }
    json_decref(draft);
    free(note);
    buffer_clear(&file);
    return ok && (!text->failed || error_memory(e, path));
}

static int run_show(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct directory *directory = NULL;
    struct buffer text, out;
    bool is_signed = false;
    buffer_init(&text, DIRECTORY_BYTES_MAX);
    buffer_init(&out, 2 * (size_t)DIRECTORY_BYTES_MAX);
    if (!read_text(call->words[0], &text, &is_signed, &e) || !draft_parse_text(&directory, buffer_bytes(&text), call->words[0], &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    if (call->is_json) {
        end = output_buffer(&text) ? COMMAND_DONE : COMMAND_NOT_TRIED;
        goto done;
    }
    append_directory(&out, directory, is_signed);
    end = output_buffer(&out) ? COMMAND_DONE : COMMAND_NOT_TRIED;
done:
    directory_free(directory);
    buffer_clear(&text);
    buffer_clear(&out);
    return end;
}

/* ---- verify ---- */

static bool read_operators(const struct call *call, struct verifier *out, size_t *count, struct error *e)
{
    const char *values[OPERATORS_MAX];
    *count = call_values(call, "operator", values, COUNT_OF(values));
    if (*count > OPERATORS_MAX) {
        return error_set(e, ERROR_INPUT, "--operator", NULL, "more than %d", OPERATORS_MAX);
    }
    for (size_t i = 0; i < *count; i++) {
        if (!verifier_parse(&out[i], bytes_of_text(values[i]), "--operator", e)) {
            return false;
        }
    }
    return true;
}

static int run_verify(struct call *call)
{
    struct error e = { 0 };
    struct verifier operators[OPERATORS_MAX];
    struct directory *directory = NULL;
    size_t count = 0;
    char until[TIME_TEXT_SIZE];
    if (!call_is_given(call, "operator")) {
        return call_misused(call, "--operator is needed: the key of the one who must have signed");
    }
    if (!read_operators(call, operators, &count, &e)) {
        return call_fail(call, &e);
    }
    if (!directory_load(&directory, call->words[0], operators, count, 1, &e)) {
        /* A file that can't be read is no answer; one that is wrong is: no. */
        return e.kind == ERROR_INPUT || e.kind == ERROR_DENIED ? call_refuse(call, &e) : call_fail(call, &e);
    }
    if (!directory_check_time(directory, time_now_ms(), &e)) {
        directory_free(directory);
        return call_refuse(call, &e);
    }
    int end = COMMAND_NOT_TRIED;
    if (call->is_json) {
        end = output_json(json_pack("{s:o, s:I, s:o, s:o}", "community", json_of_bytes(directory->community), "serial",
                                    (json_int_t)directory->serial, "valid_from", json_of_time(directory->valid_from_ms), "valid_until",
                                    json_of_time(directory->valid_until_ms)))
                  ? COMMAND_DONE
                  : COMMAND_NOT_TRIED;
    } else {
        end = printf("%s: good; %.*s, serial %" PRIu64 ", valid until %s\n", call->words[0], BYTES_FMT(directory->community),
                     directory->serial, time_text(directory->valid_until_ms, until)) > 0
                  ? COMMAND_DONE
                  : COMMAND_NOT_TRIED;
    }
    directory_free(directory);
    return end;
}

/* ---- Tables ---- */

static const struct command_option sign_options[] = {
    { "key", "FILE", "the operator's key (PEM)" },
    { "valid", "DURATION|TIME", "how long it is valid; without it 30d" },
    { "output", "FILE", "where the note goes; without it beside the draft, as .note" },
};
const struct command directory_sign = {
    .name = "sign",
    .arguments = "--key FILE [--valid DURATION|TIME] [--output NOTE] DRAFT",
    .summary = "sign the draft into a note with the next serial number",
    .text = "Writes the signed directory, which members' gateways load, and keeps the new serial number in the draft.",
    .examples = "comity directory sign aurora.json --key operator.pem --valid 30d",
    .options = sign_options,
    .option_count = COUNT_OF(sign_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_sign,
};

const struct command directory_show = {
    .name = "show",
    .arguments = "DRAFT|NOTE",
    .summary = "show a draft or a signed directory, without looking at its signatures",
    .text = "Shows members, subsystems, gateways and recognised communities. With --json the directory's own text.",
    .word_min = 1,
    .word_max = 1,
    .run = run_show,
};

static const struct command_option verify_options[] = {
    { "operator", "VKEY", "the key of the one who must have signed; may be given again: any of them" },
};
const struct command directory_verify = {
    .name = "verify",
    .arguments = "--operator VKEY... NOTE",
    .summary = "check a signed directory: signature, form and dates",
    .text = "Ends with 0 when the directory is signed by the operator, whole, and valid now; with 1 and the reason when it is not.",
    .options = verify_options,
    .option_count = COUNT_OF(verify_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_verify,
};
