/* comity log uses: a person's uses, with the proof that they are all. */
#include <stdio.h>
#include <stdlib.h>

#include "audit/uses_proof.h"
#include "cli/command_log_internal.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/question.h"
#include "cli/value.h"
#include "evidence/archive.h"

/* Our community's directory as it is in force, for a reader who trusts its operators. Without one the file does without. */
static void read_directory(const struct place *place, struct buffer *out)
{
    struct error e;
    if (!file_read_whole(place->config->directory.file, out, &e)) {
        buffer_reset(out);
    }
}

static bool make_file(struct place *place, const json_t *proof, struct bytes person, struct buffer *out, struct error *e)
{
    struct buffer directory;
    struct signer *signer = NULL;
    buffer_init(&directory, ARCHIVE_BYTES_MAX);
    read_directory(place, &directory);
    bool ok = place_open_disks(place, e) && signer_load(&signer, place->config->origin, place->config->statement_key_path, e) &&
              uses_proof_make(proof, person, signer_verifier(signer), buffer_bytes(&directory), place->public_disk, place->private_disk,
                              out, e);
    signer_free(signer);
    buffer_clear(&directory);
    return ok;
}

static int write_file(struct call *call, struct place *place, const json_t *proof, struct bytes person)
{
    struct error e = { 0 };
    struct buffer file;
    const char *path = call_value(call, "output");
    int end = COMMAND_DONE;
    buffer_init(&file, USES_FILE_BYTES_MAX);
    if (!make_file(place, proof, person, &file, &e) || !file_write_whole_new(path, buffer_bytes(&file), 0600, &e)) {
        end = e.kind == ERROR_DENIED ? call_refuse(call, &e) : call_fail(call, &e);
    } else {
        size_t count = json_array_size(json_object_get(proof, "entries"));
        bool ok = call->is_json ? output_json(json_pack("{s:s, s:I, s:I}", "file", path, "entries", (json_int_t)count, "covers",
                                                        json_integer_value(json_object_get(proof, "covers"))))
                                : fprintf(stderr, "%s: %zu entries, written to %s\n", call->name, count, path) > 0;
        end = ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    buffer_wipe(&file);
    return end;
}

static int run_uses(struct call *call)
{
    static const struct question question = { "/v1/uses/proof", operation_uses_proof, QUESTION_PROVES };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct place place = { 0 };
    struct buffer person;
    json_t *answer = NULL, *request = json_object();
    buffer_init(&person, PERSON_BYTES_MAX);
    if (!call_is_given(call, "person") || !call_is_given(call, "prove") || !call_is_given(call, "output")) {
        end = call_misused(call, "write --person -|@FILE --prove --output FILE; 'comity log show --person' shows the list alone");
        goto done;
    }
    if (request == NULL || !person_read(call_value(call, "person"), &person, &e) ||
        json_object_set_new(request, "person", json_stringn((const char *)person.data, person.size)) != 0 ||
        !place_open(&place, call->folder, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    if (question_ask(call, &place, &question, request, &answer, &end)) {
        end = write_file(call, &place, answer, buffer_bytes(&person));
    }
done:
    json_decref(answer);
    json_decref(request);
    buffer_wipe(&person);
    place_close(&place);
    return end;
}

static const struct command_option uses_options[] = {
    { "person", "-|@FILE", "the identifier from standard input or a file" },
    { "prove", NULL, "with the proof that nothing is missing" },
    { "output", "FILE", "where to; it must not be there yet" },
};

const struct command log_uses_command = {
    .name = "uses",
    .arguments = "--person -|@FILE --prove --output FILE",
    .summary = "write a person's uses, with the proof that they are all",
    .text =
        "Writes one file for the person: each entry of the log that is about them (decisions with their answers, and their own consents), each "
        "with its receipt, and the proof that these are all. For that the log has been bound, by an entry of its own, to how many entries there are "
        "about each person, in a way that shows nothing about others. The file is checked anywhere by 'comity evidence verify FILE --trust "
        "TRUST'; with '--against BUNDLE' also that an exchange which somebody else can prove is among them.\n"
        "It opens what the log has about this person, so it is for the person alone. Works beside a running gateway.",
    .examples = "comity log uses --person @person.txt --prove --output uses.json\n"
                "comity evidence verify uses.json --trust trust.txt",
    .options = uses_options,
    .option_count = COUNT_OF(uses_options),
    .run = run_uses,
};
