/* comity consent import and proof: records by the file, part by part. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/asking.h"
#include "cli/command_consent_internal.h"
#include "cli/output.h"

/* A part becomes one batch: large ones cost fewer waits for the disk, small ones hold up other changes for less time. */
enum { PART_LINES = 32768, PART_BYTES = 3 * 1024 * 1024, LINE_BYTES_MAX = 64 * 1024, SUMS = 3 };

struct importing {
    const struct call *call;
    struct place place;
    FILE *file;
    const char *name;
    struct buffer columns, lines;
    char *line;
    size_t line_room;
    uint64_t number, first; /* of the newest line, and of the first of the part */
    json_int_t sums[SUMS];
    json_int_t entries; /* batches */
};
static const char *const sum_names[SUMS] = { "records", "there", "refused" };

/* True at the end of the file as well: then `*size` is 0. */
static bool read_line(struct importing *i, size_t *size, struct error *e)
{
    ssize_t got = getline(&i->line, &i->line_room, i->file);
    *size = got > 0 ? (size_t)got : 0;
    if (got < 0 && ferror(i->file)) {
        return error_system(e, i->name, "check the file");
    }
    i->number += got > 0;
    return *size <= LINE_BYTES_MAX || error_set(e, ERROR_INPUT, i->name, NULL, "line %llu is too long", (unsigned long long)i->number);
}

static void tell_faults(const struct importing *i, const json_t *answer)
{
    const json_t *faults = json_object_get(answer, "faults");
    json_int_t told = (json_int_t)json_array_size(faults), refused = json_integer_value(json_object_get(answer, "refused"));
    for (size_t at = 0; at < json_array_size(faults); at++) {
        const json_t *fault = json_array_get(faults, at);
        (void)fprintf(stderr, "%s:%lld: %s\n", i->name, json_integer_value(json_object_get(fault, "line")), asking_text(fault, "why"));
    }
    if (refused > told) {
        (void)fprintf(stderr, "%s: and %lld more lines from line %llu to %llu\n", i->name, refused - told, (unsigned long long)i->first,
                      (unsigned long long)i->number);
    }
}

static bool send_part(struct importing *i, int *end)
{
    static const struct question question = { "/v1/consents/import", operation_import, QUESTION_CHANGES };
    json_t *answer = NULL;
    if (i->lines.size == 0) {
        return true;
    }
    json_t *request = json_pack("{s:o, s:o, s:I, s:b, s:s*}", "columns", json_stringn((const char *)i->columns.data, i->columns.size),
                                "lines", json_stringn((const char *)i->lines.data, i->lines.size), "first_line", (json_int_t)i->first,
                                "dry_run", call_is_given(i->call, "dry-run"), "notice", call_value(i->call, "notice"));
    struct error e = { 0 };
    if (request == NULL) {
        (void)error_set(&e, ERROR_INPUT, i->name, "write it in UTF-8", "lines %llu to %llu can't be read", (unsigned long long)i->first,
                        (unsigned long long)i->number);
        *end = call_fail(i->call, &e);
        return false;
    }
    bool ok = question_ask(i->call, &i->place, &question, request, &answer, end);
    json_decref(request);
    buffer_reset(&i->lines);
    for (size_t at = 0; ok && at < SUMS; at++) {
        i->sums[at] += json_integer_value(json_object_get(answer, sum_names[at]));
    }
    if (ok) {
        i->entries += json_is_string(json_object_get(answer, "batch"));
        tell_faults(i, answer);
    } else if (i->sums[0] > 0) {
        (void)fprintf(stderr, "%s: what came before line %llu is imported; begin again with the same file, which passes it over\n", i->name,
                      (unsigned long long)i->first);
    }
    json_decref(answer);
    i->first = i->number + 1;
    return ok;
}

static bool send_all(struct importing *i, int *end)
{
    struct error e = { 0 };
    size_t size = 0, lines = 0;
    bool ok = read_line(i, &size, &e);
    buffer_append(&i->columns, bytes_of(i->line, size));
    if (ok && size == 0) {
        ok = error_set(&e, ERROR_INPUT, i->name, "name the columns in the first line: docs/formats/imports.md", "the file is empty");
    }
    i->first = 2;
    while (ok && size > 0) {
        ok = read_line(i, &size, &e);
        buffer_append(&i->lines, bytes_of(i->line, ok ? size : 0));
        if (ok && size > 0 && i->line[size - 1] != '\n') {
            buffer_append_u8(&i->lines, '\n');
        }
        if (ok && (i->lines.failed || i->columns.failed)) {
            ok = error_memory(&e, i->name);
        }
        lines++;
        if (ok && (size == 0 || lines >= PART_LINES || i->lines.size >= PART_BYTES)) {
            lines = 0;
            if (!send_part(i, end)) {
                return false;
            }
        }
    }
    if (!ok) {
        *end = call_fail(i->call, &e);
    }
    return ok;
}

static int report(const struct importing *i)
{
    bool is_dry = call_is_given(i->call, "dry-run"), ok;
    if (i->call->is_json) {
        json_t *made = json_pack("{s:I, s:I, s:I, s:I}", sum_names[0], i->sums[0], sum_names[1], i->sums[1], sum_names[2], i->sums[2],
                                 "batches", i->entries);
        ok = made != NULL && output_json(made);
    } else {
        ok = printf("%lld %s, %lld were there before, %lld refused\n", i->sums[0], is_dry ? "would be imported" : "imported", i->sums[1],
                    i->sums[2]) > 0;
    }
    return !ok ? COMMAND_NOT_TRIED : i->sums[2] > 0 ? COMMAND_NO : COMMAND_DONE;
}

static int run_import(struct call *call)
{
    struct importing i = { .call = call, .name = call->words[0] };
    struct error e = { 0 };
    int end = COMMAND_NOT_TRIED;
    buffer_init(&i.columns, LINE_BYTES_MAX);
    buffer_init(&i.lines, PART_BYTES + (size_t)LINE_BYTES_MAX);
    bool is_input = strcmp(i.name, "-") == 0;
    i.file = is_input ? stdin : fopen(i.name, "re");
    if (i.file == NULL) {
        (void)error_system(&e, i.name, "name a file that can be read");
        end = call_fail(call, &e);
    } else if (!place_open(&i.place, call->folder, &e)) {
        end = call_fail(call, &e);
    } else if (send_all(&i, &end)) {
        end = report(&i);
    }
    place_close(&i.place);
    buffer_wipe(&i.columns);
    buffer_wipe(&i.lines);
    if (i.line != NULL) {
        explicit_bzero(i.line, i.line_room); /* lines name persons */
    }
    free(i.line);
    if (i.file != NULL && !is_input) {
        (void)fclose(i.file); /* it was only read */
    }
    return end;
}

static int run_proof(struct call *call)
{
    static const struct question question = { "/v1/consents/import/proof", operation_import_proof, QUESTION_CHANGES };
    int end = COMMAND_NOT_TRIED;
    if (!asking_is_id(call->words[0])) {
        return call_misused(call, "'%.60s' is no id of a consent", call->words[0]);
    }
    json_t *request = json_pack("{s:s}", "id", call->words[0]);
    json_t *answer = request != NULL ? asking_ask(call, &question, request, &end) : NULL;
    json_decref(request);
    if (answer == NULL) {
        return end;
    }
    return output_json(answer) ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static const struct command_option import_options[] = {
    { "notice", "ID", "the notice of lines that name none" },
    { "dry-run", NULL, "change nothing; say what would come of it" },
};

const struct command consent_import_command = {
    .name = "import",
    .arguments = "FILE|- [--notice ID] [--dry-run]",
    .summary = "import consents from a file, from another platform or a backup",
    .text =
        "CSV, whose first line names the columns: person, notice, decision, categories, separate, valid_from, valid_until, decided_at, by, by_ref, "
        "evidence, method, language, assurance, sha256; only person is needed (docs/formats/imports.md). Each line is checked as 'comity consent give' "
        "is. Lines that are refused are told with their numbers, and the rest is imported. What a person has decided here already stays, so the "
        "same file can be imported again. Files sorted by person go fastest. Batches of lines are one entry of the log each, which commits to "
        "every record: 'comity consent proof'.",
    .examples = "comity consent import consents.csv --notice n-blood --dry-run\n"
                "comity consent import consents.csv --notice n-blood",
    .options = import_options,
    .option_count = COUNT_OF(import_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_import,
};

const struct command consent_proof_command = {
    .name = "proof",
    .arguments = "ID",
    .summary = "show that an imported consent is in the log",
    .text =
        "JSON: the record's event, its salt, and the path of hashes from it to the root that the batch's entry of the log commits to "
        "(docs/formats/imports.md says how to check it); 'comity log receipt ENTRY' writes the receipt of that entry. A consent that was not imported "
        "has an entry of its own: 'comity consent history'. The file names a person.",
    .examples = "comity consent proof c-0123456789abcdef0123456789abcdef",
    .word_min = 1,
    .word_max = 1,
    .run = run_proof,
};
