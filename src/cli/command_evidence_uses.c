/* comity evidence verify, of a person's list of uses. */
#include <stdlib.h>

#include "audit/uses_proof.h"
#include "cli/command_evidence_internal.h"
#include "cli/file.h"
#include "cli/output.h"

/* What somebody else can prove must be in the list. */
static int hold_against(const struct call *call, const struct uses_story *uses, const struct trust *trust)
{
    struct error e = { 0 };
    struct refusal refusal = { 0 };
    struct buffer file;
    int end = COMMAND_DONE;
    struct story *story = calloc(1, sizeof *story);
    buffer_init(&file, BUNDLE_FILE_BYTES_MAX);
    if (story == NULL) {
        (void)error_memory(&e, "evidence");
        end = call_fail(call, &e);
    } else if (!file_read_whole(call_value(call, "against"), &file, &e)) {
        end = call_fail(call, &e);
    } else if (!bundle_verify(buffer_bytes(&file), trust, story, &refusal) || !uses_proof_against(uses, story, &refusal)) {
        end = evidence_refuse(call, &refusal);
    }
    if (story != NULL) {
        story_clear(story);
    }
    free(story);
    buffer_wipe(&file);
    return end;
}

int evidence_verify_uses(const struct call *call, struct bytes file, const struct trust *trust)
{
    struct uses_story story;
    struct refusal refusal;
    struct buffer out;
    int end = COMMAND_NOT_TRIED;
    buffer_init(&out, USES_FILE_BYTES_MAX);
    if (!uses_proof_verify(file, trust, &story, &refusal)) {
        end = evidence_refuse(call, &refusal);
        goto done;
    }
    end = call_is_given(call, "against") ? hold_against(call, &story, trust) : COMMAND_DONE;
    if (end == COMMAND_DONE && call->is_json) {
        end = output_json(uses_story_json(&story)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    } else if (end == COMMAND_DONE) {
        uses_story_write(&story, &out);
        end = output_buffer(&out) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
done:
    uses_story_clear(&story);
    buffer_wipe(&out);
    return end;
}
