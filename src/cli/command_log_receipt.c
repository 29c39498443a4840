/* comity log receipt: a receipt of an old entry, under what the witnesses have cosigned since. */
#include "cli/command_log_internal.h"
#include "cli/output.h"
#include "cli/place.h"
#include "evidence/log_prove.h"

static bool make_receipt(struct place *place, uint64_t index, bool with_salt, struct buffer *out, struct error *e)
{
    struct log_reader *reader = NULL;
    struct log_entry entry;
    if (!with_salt) {
        return log_prove(place->public_disk, index, NULL, out, e);
    }
    bool ok = log_reader_open(&reader, place->public_disk, place->private_disk, e) && log_reader_get(reader, index, &entry, e) &&
              log_prove(place->public_disk, index, &entry, out, e);
    log_reader_close(reader);
    return ok;
}

static int run_receipt(struct call *call)
{
    struct error e = { 0 };
    struct place place = { 0 };
    struct buffer out;
    uint64_t index = 0;
    int end = COMMAND_NOT_TRIED;
    if (!log_index_parse(call, call->words[0], &index)) {
        return COMMAND_NOT_TRIED;
    }
    buffer_init(&out, RECEIPT_BYTES_MAX + 64 * 1024);
    if (!place_open(&place, call->folder, &e) || !place_open_disks(&place, &e)) {
        end = call_fail(call, &e);
    } else if (!make_receipt(&place, index, call_is_given(call, "salt"), &out, &e)) {
        end = e.kind == ERROR_ABSENT ? call_refuse(call, &e) : call_fail(call, &e);
    } else {
        end = output_buffer(&out) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    buffer_wipe(&out);
    place_close(&place);
    return end;
}

static const struct command_option receipt_options[] = {
    { "salt", NULL, "with the salt, which opens this one entry to whoever has its statement" },
};

const struct command log_receipt_command = {
    .name = "receipt",
    .arguments = "INDEX [--salt]",
    .summary = "write a fresh receipt of an entry, under the cosigned checkpoint",
    .text =
        "Writes a C2SP tlog-proof under the newest checkpoint that a quorum of witnesses cosigned (checkpoint.cosigned), or under the newest "
        "checkpoint if that one does not cover the entry yet. It is made from the public folder alone; 'GET /log/receipt/INDEX' gives "
        "the same to anybody. Without --salt it proves that the commitment is in the log and opens nothing; with it, it proves the statement, "
        "like the receipt that 'comity log prove' writes.",
    .examples = "comity log receipt 12 >12.tlog-proof\n"
                "comity log receipt 12 --salt >12-open.tlog-proof",
    .options = receipt_options,
    .option_count = COUNT_OF(receipt_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_receipt,
};
