/* comity log erase: what opens the entries about one person. */
#include "base/buffer.h"
#include "cli/command_log_internal.h"
#include "cli/output.h"
#include "cli/question.h"
#include "cli/value.h"

static int tell(const struct call *call, json_t *answer, bool is_dry)
{
    struct buffer out;
    if (call->is_json) {
        return output_json(json_incref(answer)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    const json_t *entries = json_object_get(answer, "entries");
    size_t count = json_array_size(entries);
    buffer_init(&out, 64 * 1024 * 1024);
    for (size_t i = 0; is_dry && i < count; i++) {
        buffer_append_format(&out, "%lld\n", json_integer_value(json_array_get(entries, i)));
    }
    bool ok = output_buffer(&out);
    buffer_clear(&out);
    if (is_dry) {
        (void)fprintf(stderr, "%s: %zu entries would be erased\n", call->name, count);
    } else if (count == 0) {
        (void)fprintf(stderr, "%s: no entry is about this person, or all are erased already\n", call->name);
    } else {
        ok = ok &&
             printf("erased what opens %zu entries; entry %lld says so\n", count, json_integer_value(json_object_get(answer, "event"))) > 0;
    }
    json_int_t records = json_integer_value(json_object_get(answer, "records"));
    ok = ok && (records == 0 || printf("took the identifier out of %lld records of consents that have ended\n", records) > 0);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int run_erase(struct call *call)
{
    static const struct question question = { "/v1/erasures", operation_erase, QUESTION_ERASES };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct place place = { 0 };
    struct buffer person;
    bool is_dry = call_is_given(call, "dry-run");
    json_t *answer = NULL, *request = json_object();
    if (!call_is_given(call, "person")) {
        json_decref(request);
        return call_misused(call, "name the person: --person - reads the identifier from standard input, --person @FILE from a file");
    }
    buffer_init(&person, PERSON_BYTES_MAX);
    if (request == NULL || !person_read(call_value(call, "person"), &person, &e) ||
        json_object_set_new(request, "person", json_stringn((const char *)person.data, person.size)) != 0 ||
        json_object_set_new(request, "dry_run", json_boolean(is_dry)) != 0 || !place_open(&place, call->folder, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    if (question_ask(call, &place, &question, request, &answer, &end)) {
        end = tell(call, answer, is_dry);
    }
done:
    json_decref(answer);
    json_decref(request);
    buffer_wipe(&person);
    place_close(&place);
    return end;
}

static const struct command_option erase_options[] = {
    { "person", "-|@FILE", "whose; the identifier from standard input or a file" },
    { "dry-run", NULL, "only say which entries" },
};

const struct command log_erase_command = {
    .name = "erase",
    .arguments = "--person -|@FILE [--dry-run]",
    .summary = "erase what opens the entries about one person",
    .text =
        "Wipes the salts, statements and attachments of every entry about the person: decisions and consent events that name the person, their answers, "
        "and requests of this side whose path or query has the identifier as a whole part, with their answers. The commitments stay: the log "
        "verifies as before, receipts that others hold stay good, and the entries open to nobody here any more. An entry in the log says which were "
        "erased, and not whose.\n"
        "It reads the whole log, works beside a running gateway, and goes on where it was when it is called again after a crash. It is refused while a "
        "consent of the person is in force ('comity consent withdraw'), and until twice limits.replay_window after the person's last exchange. "
        "In the database a keyed hash takes the identifier's place in the records of consents that have ended: they are kept as long as the law asks, and name "
        "nobody. The other side's log and backups are not touched. What was erased can't be brought back.",
    .examples = "comity log erase --person @person.txt --dry-run\n"
                "comity log erase --person @person.txt",
    .options = erase_options,
    .option_count = COUNT_OF(erase_options),
    .run = run_erase,
};
