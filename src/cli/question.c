#include "cli/question.h"

#include "cli/control_client.h"
#include "cli/ground.h"

static bool open_for(struct place *place, const struct question *question, struct error *e)
{
    switch (question->needs) {
    case QUESTION_LOOKS:
        return place_open_consents(place, false, e);
    case QUESTION_CHANGES:
        return place_open_consents(place, true, e);
    case QUESTION_USES:
        return place_open_uses(place, e);
    case QUESTION_PRUNES:
        return place_open_log(place, e);
    case QUESTION_PROVES:
        return place_open_log(place, e) && place_open_uses(place, e);
    case QUESTION_ERASES:
        return place_open_consents(place, true, e) && place_open_uses(place, e) && place_open_rights(place, e);
    }
    return false;
}

bool question_ask(const struct call *call, struct place *place, const struct question *question, const json_t *request, json_t **answer,
                  int *end)
{
    struct error e = { 0 };
    *answer = NULL;
    switch (control_call(place->config, "POST", question->target, request, answer, &e)) {
    case CONTROL_DONE:
        return true;
    case CONTROL_NOT_RUNNING:
        if (!open_for(place, question, &e)) {
            *end = call_fail(call, &e);
            return false;
        }
        const struct erasure_log log = { place->public_disk, place->private_disk, place->committer, place->config->replay_window_ms };
        const struct retention retention = { place->public_disk, place->private_disk, place->signer, place->config->log_retention_ms };
        struct ground_source source = { .config = place->config, .store = place->store };
        const struct operation_context context = { .consents = place->consents,
                                                   .uses = place->uses,
                                                   .rights = place->rights,
                                                   .store = place->store,
                                                   .holder = place->config->member_text,
                                                   .log = &log,
                                                   .retention = &retention,
                                                   .take_ground = ground_take,
                                                   .ground_context = &source,
                                                   .archive_folder = place->config->archive_folder };
        if (question->run(&context, request, answer, &e)) {
            return true;
        }
        break;
    case CONTROL_FAILED:
        break;
    }
    *end = e.kind == ERROR_DENIED || e.kind == ERROR_ABSENT ? call_refuse(call, &e) : call_fail(call, &e);
    return false;
}
