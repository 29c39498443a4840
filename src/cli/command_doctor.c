#include <stdarg.h>
#include <stdio.h>

#include "base/time.h"
#include "cli/commands_internal.h"
#include "cli/doctor_internal.h"
#include "cli/output.h"

enum { OUTPUT_BYTES_MAX = 1024 * 1024, TEXT_SIZE = 512 };

static const char *const finding_names[] = { [FINDING_OK] = "ok", [FINDING_WARN] = "warn", [FINDING_FAIL] = "fail" };

static void add_row(struct doctor *doctor, enum finding finding, const char *name, const char *what, const char *todo)
{
    doctor->counts[finding]++;
    json_t *row = json_pack("{s:s, s:s, s:s, s:s?}", "check", name, "result", finding_names[finding], "what", what, "todo",
                            todo == NULL || todo[0] == '\0' ? NULL : todo);
    if (row == NULL || json_array_append_new(doctor->rows, row) != 0) {
        doctor->counts[FINDING_FAIL]++; /* memory is out, or a path isn't UTF-8: said nowhere, but not well either */
    }
}

void doctor_note(struct doctor *doctor, enum finding finding, const char *name, const char *todo, const char *what, ...)
{
    char text[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, what);
    (void)vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    add_row(doctor, finding, name, text, todo);
}

void doctor_note_error(struct doctor *doctor, enum finding finding, const char *name, const struct error *e)
{
    char text[TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%s%s%s", e->where, e->where[0] == '\0' ? "" : ": ", e->what);
    add_row(doctor, finding, name, text, e->todo);
}

static void run_checks(struct doctor *doctor, const struct doctor_check *checks)
{
    for (; checks->name != NULL; checks++) {
        checks->run(doctor, checks->name);
    }
}

static bool report(const struct call *call, const struct doctor *doctor)
{
    if (call->is_json) {
        return output_json(json_pack("{s:b, s:O}", "ok", doctor->counts[FINDING_FAIL] == 0, "checks", doctor->rows));
    }
    struct buffer out;
    buffer_init(&out, OUTPUT_BYTES_MAX);
    for (size_t i = 0; i < json_array_size(doctor->rows); i++) {
        const json_t *row = json_array_get(doctor->rows, i);
        const char *todo = json_string_value(json_object_get(row, "todo"));
        buffer_append_format(&out, "%-4s  %-13s  %s\n", json_string_value(json_object_get(row, "result")),
                             json_string_value(json_object_get(row, "check")), json_string_value(json_object_get(row, "what")));
        if (todo != NULL) {
            buffer_append_format(&out, "                     -> %s\n", todo);
        }
    }
    bool ok = output_buffer(&out);
    buffer_clear(&out);
    return ok;
}

static int run_doctor(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct doctor doctor = { .rows = json_array(), .now_ms = time_now_ms() };
    if (!place_open(&doctor.place, call->folder, &e)) {
        /* No folder of a gateway: nothing to look at. A wrong file: that is the finding. */
        if (e.kind != ERROR_INPUT) {
            end = call_fail(call, &e);
            goto done;
        }
        doctor_note_error(&doctor, FINDING_FAIL, "configuration", &e);
    } else {
        run_checks(&doctor, doctor_installation_checks);
        run_checks(&doctor, doctor_machine_checks);
    }
    if (report(call, &doctor)) {
        end = doctor.counts[FINDING_FAIL] == 0 ? COMMAND_DONE : COMMAND_NO;
    }
done:
    json_decref(doctor.status);
    json_decref(doctor.rows);
    directory_free(doctor.directory);
    place_close(&doctor.place);
    return end;
}

const struct command command_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "say what is wrong with this installation, and what to do",
    .text =
        "Looks at the configuration, keys and their modes, the directory and whether it has this gateway's keys, the store, the policy, the "
        "log, the running process, ports, clock, disk space and limits. A line each: ok, warn or fail, and what to do. Ends with 1 when "
        "something fails. Changes nothing.",
    .examples = "comity -C /var/lib/comity doctor",
    .run = run_doctor,
};
