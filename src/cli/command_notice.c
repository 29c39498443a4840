/* comity notice: what persons are shown before they decide. */
#include <stdio.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/time.h"
#include "cli/commands_internal.h"
#include "cli/ground.h"
#include "cli/notice_file.h"
#include "cli/notice_text.h"
#include "cli/output.h"
#include "cli/question.h"

enum { TEXT_BYTES_MAX = 1024 * 1024, BY_SIZE = 64 };

static int done(bool ok)
{
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

/* ---- check ---- */

/* By --law alone, or by the folder's. */
static bool take_ground(const struct call *call, struct place *place, struct operation_ground *out, struct error *e)
{
    const char *id = call_value(call, "law");
    if (id != NULL) {
        *out = (struct operation_ground){ 0 };
        return law_load_builtin(&out->law, bytes_of_text(id), e);
    }
    if (!place_open(place, call->folder, e) || !place_open_store(place, e)) {
        return false;
    }
    struct ground_source source = { .config = place->config, .store = place->store };
    return ground_take(&source, out, e);
}

static bool add_finding(json_t *list, const struct notice_finding *finding)
{
    json_t *article = finding->article.size > 0 ? json_of_bytes(finding->article) : json_null();
    return json_array_append_new(list,
                                 json_pack("{s:s, s:s, s:o}", "pointer", finding->pointer, "what", finding->what, "article", article)) == 0;
}

static int tell_findings(const struct call *call, const struct notice *notice, const struct notice_findings *findings)
{
    char hex[2 * SHA256_SIZE + 1];
    bool ok = true;
    hex_write(bytes_of(notice->digest, SHA256_SIZE), hex);
    if (call->is_json) {
        json_t *list = json_array();
        for (size_t i = 0; i < findings->count; i++) {
            ok = ok && add_finding(list, &findings->items[i]);
        }
        ok = ok && output_json(json_pack("{s:b, s:o}", "complete", findings->count == 0, "findings", list));
    } else if (findings->count == 0) {
        ok = printf("%.*s: complete\n", BYTES_FMT(notice->id)) > 0;
    }
    for (size_t i = 0; !call->is_json && i < findings->count; i++) {
        const struct notice_finding *finding = &findings->items[i];
        ok = ok && printf("%-34s %s%s%.*s%s\n", finding->pointer, finding->what, finding->article.size > 0 ? " (" : "",
                          BYTES_FMT(finding->article), finding->article.size > 0 ? ")" : "") > 0;
    }
    return !ok ? COMMAND_NOT_TRIED : findings->count == 0 ? COMMAND_DONE : COMMAND_NO;
}

/* A file has neither number nor date yet: both are given when it is published. */
static bool fill(json_t *value)
{
    static const char *const keys[] = { "v", "revision" };
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (json_object_get(value, keys[i]) == NULL && json_object_set_new(value, keys[i], json_integer(1)) != 0) {
            return false;
        }
    }
    return true;
}

static bool read_notice(const char *path, struct notice **out, struct error *e)
{
    json_t *value = NULL;
    *out = NULL;
    bool ok = notice_file_read(path, &value, e) &&
              (json_is_object(value) || error_set(e, ERROR_INPUT, path, "see 'comity notice draft'", "is no notice")) &&
              (fill(value) || error_memory(e, path)) && notice_read(out, value, e);
    json_decref(value);
    return ok;
}

static int run_check(struct call *call)
{
    struct place place = { 0 };
    struct operation_ground ground = { 0 };
    struct notice *notice = NULL;
    struct notice_findings findings = { 0 };
    struct error e = { 0 };
    int end = COMMAND_NOT_TRIED;
    if (read_notice(call->words[0], &notice, &e) && take_ground(call, &place, &ground, &e)) {
        const struct notice_ground by = {
            .law = ground.law, .now_ms = time_now_ms(), .is_own = operation_is_own, .context = ground.policy
        };
        end = notice_check(notice, &by, &findings, &e) ? tell_findings(call, notice, &findings) : call_fail(call, &e);
    } else {
        end = e.kind == ERROR_INPUT ? call_refuse(call, &e) : call_fail(call, &e);
    }
    notice_findings_clear(&findings);
    notice_drop(notice);
    operation_ground_clear(&ground);
    place_close(&place);
    return end;
}

/* ---- publish ---- */

static int tell_published(const struct call *call, json_t *answer)
{
    if (call->is_json) {
        return done(output_json(json_incref(answer)));
    }
    const char *id = json_string_value(json_object_get(answer, "id"));
    long long revision = json_integer_value(json_object_get(answer, "revision"));
    if (!json_is_true(json_object_get(answer, "changed"))) {
        return done(printf("%s@%lld  says the same already: nothing was published\n", id, revision) > 0);
    }
    return done(printf("%s@%lld  published (%s), entry %lld of the log\nsha256 %s\n", id, revision,
                       json_string_value(json_object_get(answer, "difference")), json_integer_value(json_object_get(answer, "log_index")),
                       json_string_value(json_object_get(answer, "digest"))) > 0);
}

static int run_publish(struct call *call)
{
    static const struct question question = { "/v1/notices", operation_publish_notice, QUESTION_CHANGES };
    struct place place = { 0 };
    struct error e = { 0 };
    json_t *value = NULL, *request = NULL, *answer = NULL;
    int end = COMMAND_NOT_TRIED;
    char by[BY_SIZE];
    (void)snprintf(by, sizeof by, "operator:%u", (unsigned)getuid());
    if (!notice_file_read(call->words[0], &value, &e) || !place_open(&place, call->folder, &e)) {
        end = call_fail(call, &e);
        goto end;
    }
    request = json_pack("{s:O, s:s}", "notice", value, "by", call_is_given(call, "by") ? call_value(call, "by") : by);
    if (request == NULL) {
        (void)error_memory(&e, "notice");
        end = call_fail(call, &e);
    } else if (question_ask(call, &place, &question, request, &answer, &end)) {
        end = tell_published(call, answer);
    }
end:
    json_decref(answer);
    json_decref(request);
    json_decref(value);
    place_close(&place);
    return end;
}

/* ---- list, show, diff ---- */

static const char *standing(const struct notices *notices, const struct notice *notice)
{
    return notice->lifecycle == NOTICE_DRAFT              ? "draft"
           : notices_is_current(notices, notice)          ? (notice->is_active ? "current" : "closed")
           : notices_is_accepted(notices, notice->digest) ? "equivalent"
                                                          : "superseded";
}

static bool open_notices(const struct call *call, struct place *place, struct notices **out, struct error *e)
{
    *out = NULL;
    if (!place_open(place, call->folder, e) || !place_open_consents(place, false, e)) {
        return false;
    }
    *out = consents_notices(place->consents);
    return true;
}

static json_t *row_of(const struct notices *notices, const struct notice *notice)
{
    char hex[2 * SHA256_SIZE + 1];
    hex_write(bytes_of(notice->digest, SHA256_SIZE), hex);
    return json_pack("{s:o, s:I, s:s, s:s, s:o, s:o, s:o, s:o}", "id", json_of_bytes(notice->id), "revision", (json_int_t)notice->revision,
                     "digest", hex, "state", standing(notices, notice), "recipient", json_of_bytes(notice->recipient.member), "purpose",
                     json_of_bytes(notice->purpose), "published_at", json_of_time(notice->published_at_ms), "published_by",
                     json_of_bytes(notice->published_by));
}

static int run_list(struct call *call)
{
    struct place place = { 0 };
    struct notices *notices = NULL;
    struct error e = { 0 };
    int end = COMMAND_DONE;
    if (!open_notices(call, &place, &notices, &e)) {
        end = call_fail(call, &e);
        place_close(&place);
        return end;
    }
    json_t *rows = json_array();
    struct buffer text;
    buffer_init(&text, TEXT_BYTES_MAX);
    for (size_t i = 0; i < notices_count(notices); i++) {
        const struct notice *notice = notices_at(notices, i);
        if (call->is_json) {
            end = json_array_append_new(rows, row_of(notices, notice)) == 0 ? end : COMMAND_NOT_TRIED;
        } else {
            buffer_append_format(&text, "%.*s@%u  %-10s  %.*s  ", BYTES_FMT(notice->id), (unsigned)notice->revision,
                                 standing(notices, notice), BYTES_FMT(notice->recipient.member));
            iri_shorten(notice->purpose, &text);
            buffer_append_u8(&text, '\n');
        }
    }
    if (end == COMMAND_DONE) {
        end = done(call->is_json ? output_json(json_pack("{s:O}", "notices", rows)) : output_buffer(&text));
    }
    buffer_clear(&text);
    json_decref(rows);
    notices_drop(notices);
    place_close(&place);
    return end;
}

/* "ID" (the current one, or the newest if none is) or "ID@REVISION". */
static const struct notice *find(const struct notices *notices, const char *word)
{
    struct bytes id, rest = bytes_of_text(word);
    uint64_t revision = 0;
    const struct notice *found = NULL;
    (void)bytes_split(&rest, '@', &id);
    if (rest.data != NULL && (!bytes_to_u64(rest, &revision) || revision == 0 || revision > UINT32_MAX)) {
        return NULL;
    }
    found = notices_find(notices, id, (uint32_t)revision);
    for (size_t i = 0; found == NULL && revision == 0 && i < notices_count(notices); i++) {
        const struct notice *notice = notices_at(notices, notices_count(notices) - 1 - i);
        found = bytes_equal(notice->id, id) ? notice : NULL;
    }
    return found;
}

static int refuse_absent(const struct call *call, const char *word)
{
    struct error e = { 0 };
    error_set(&e, ERROR_ABSENT, "notice", "see 'comity notice list'", "there is no '%.80s'", word);
    return call_refuse(call, &e);
}

static int show(const struct call *call, const struct notices *notices, const struct notice *notice)
{
    const char *language = call_value(call, "language");
    if (call->is_json) {
        json_t *row = row_of(notices, notice);
        json_t *whole = json_loadb((const char *)notice->text.data, notice->text.size, 0, NULL);
        if (json_object_set_new(row, "notice", whole) != 0) {
            json_decref(row);
            return COMMAND_NOT_TRIED;
        }
        return done(output_json(row));
    }
    struct buffer text;
    buffer_init(&text, TEXT_BYTES_MAX);
    notice_text_write(notice, bytes_of_text(language), &text);
    buffer_append_format(&text, "\n%s\n", standing(notices, notice));
    bool ok = output_buffer(&text);
    buffer_clear(&text);
    return done(ok);
}

static int run_show(struct call *call)
{
    struct place place = { 0 };
    struct notices *notices = NULL;
    struct error e = { 0 };
    int end;
    if (!open_notices(call, &place, &notices, &e)) {
        end = call_fail(call, &e);
    } else {
        const struct notice *notice = find(notices, call->words[0]);
        end = notice != NULL ? show(call, notices, notice) : refuse_absent(call, call->words[0]);
    }
    notices_drop(notices);
    place_close(&place);
    return end;
}

static int tell_changes(const struct call *call, const struct notice_changes *changes)
{
    bool ok = true;
    if (call->is_json) {
        json_t *list = json_array();
        for (size_t i = 0; i < changes->count; i++) {
            const struct notice_change *change = &changes->items[i];
            ok = ok && json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "pointer", change->pointer, "what", change->what,
                                                             "difference", notice_difference_name(change->difference))) == 0;
        }
        return done(ok && output_json(json_pack("{s:s, s:o}", "difference", notice_difference_name(changes->worst), "changes", list)));
    }
    for (size_t i = 0; i < changes->count; i++) {
        const struct notice_change *change = &changes->items[i];
        ok = ok && printf("%-9s %-34s %s\n", notice_difference_name(change->difference), change->pointer, change->what) > 0;
    }
    const char *meaning = changes->worst == NOTICE_WIDER ? "every person is asked again"
                                                         : "may say equivalentTo; without it every person is asked again";
    return done(ok && printf("%s: %s\n", notice_difference_name(changes->worst), meaning) > 0);
}

/* A word of diff: a published revision, or a file (it has a '.' or a '/', or is "-"). */
static const struct notice *take_side(const struct notices *notices, const char *word, struct notice **owned, struct error *e)
{
    if (strchr(word, '.') == NULL && strchr(word, '/') == NULL && strcmp(word, "-") != 0) {
        const struct notice *found = find(notices, word);
        if (found == NULL) {
            error_set(e, ERROR_ABSENT, "notice", "see 'comity notice list'", "there is no '%.80s'", word);
        }
        return found;
    }
    return read_notice(word, owned, e) ? *owned : NULL;
}

static int run_diff(struct call *call)
{
    struct place place = { 0 };
    struct notices *notices = NULL;
    struct notice *left = NULL, *right = NULL;
    struct notice_changes changes = { 0 };
    struct error e = { 0 };
    int end;
    if (!open_notices(call, &place, &notices, &e)) {
        end = call_fail(call, &e);
    } else {
        const struct notice *from = take_side(notices, call->words[0], &left, &e);
        const struct notice *to = from != NULL ? take_side(notices, call->words[1], &right, &e) : NULL;
        end = to == NULL                               ? call_refuse(call, &e)
              : notice_compare(from, to, &changes, &e) ? tell_changes(call, &changes)
                                                       : call_fail(call, &e);
    }
    notice_changes_clear(&changes);
    notice_drop(left);
    notice_drop(right);
    notices_drop(notices);
    place_close(&place);
    return end;
}

/* ---- draft ---- */

static const struct policy_service *find_service(const struct policy *policy, const char *word, struct error *e)
{
    for (size_t i = 0; policy != NULL && i < policy->service_count; i++) {
        if (bytes_equal(policy->services[i].id, bytes_of_text(word))) {
            return &policy->services[i];
        }
    }
    error_set(e, ERROR_ABSENT, "service", "write COMMUNITY/CLASS/MEMBER/SUBSYSTEM/SERVICE of the policy",
              "the policy has no service '%.100s'", word);
    return NULL;
}

static int run_draft(struct call *call)
{
    struct place place = { 0 };
    struct operation_ground ground = { 0 };
    struct error e = { 0 };
    struct buffer text;
    int end = COMMAND_NOT_TRIED;
    const char *recipient = call_value(call, "recipient");
    buffer_init(&text, TEXT_BYTES_MAX);
    if (!place_open(&place, call->folder, &e) || !place_open_store(&place, &e)) {
        end = call_fail(call, &e);
        goto end;
    }
    struct ground_source source = { .config = place.config, .store = place.store };
    if (!ground_take(&source, &ground, &e)) {
        end = call_fail(call, &e);
        goto end;
    }
    const struct policy_service *service = find_service(ground.policy, call->words[0], &e);
    if (service == NULL) {
        end = call_refuse(call, &e);
        goto end;
    }
    const struct notice_draft draft = { .holder = place.config->member_text,
                                        .recipient = bytes_of_text(recipient),
                                        .policy = ground.policy,
                                        .service = service,
                                        .law = ground.law };
    notice_draft_write(&draft, &text);
    end = done(output_buffer(&text));
end:
    buffer_clear(&text);
    operation_ground_clear(&ground);
    place_close(&place);
    return end;
}

/* ---- The table ---- */

static const struct command_option check_options[] = {
    { "law", "NAME", "a law that is built in, such as CN-PIPL; without it the community's, as the folder's policy tightens it" },
};
static const struct command notice_check_command = {
    .name = "check",
    .arguments = "FILE [--law NAME]",
    .summary = "list everything that a notice lacks",
    .text =
        "Reads YAML or JSON (docs/formats/notices.md) and holds it against the law: each finding has its place as a JSON pointer, and the article that "
        "asks for it. Ends with 1 when there is one.",
    .examples = "comity notice check blood.yaml --law CN-PIPL",
    .options = check_options,
    .option_count = COUNT_OF(check_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_check,
};
static const struct command_option publish_options[] = {
    { "by", "WHO", "who publishes; without it operator: and the number of the user" },
};
static const struct command notice_publish_command = {
    .name = "publish",
    .arguments = "FILE [--by WHO]",
    .summary = "publish a revision of a notice",
    .text =
        "Gives it the next number, keeps it and logs it; when it returns, the revision is durable and in force. Consents on older revisions are "
        "superseded, unless it says equivalentTo and lets no more be done. The same text again changes nothing.",
    .examples = "comity notice publish blood.yaml",
    .options = publish_options,
    .option_count = COUNT_OF(publish_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_publish,
};
static const struct command notice_list_command = {
    .name = "list",
    .arguments = "",
    .summary = "list all revisions of all notices",
    .text = "current: in force; closed: in force, but no new consents; equivalent: consents on it hold on; superseded; draft.",
    .run = run_list,
};
static const struct command_option show_options[] = {
    { "language", "TAG", "the language of its texts, such as zh; without it its first" },
};
static const struct command notice_show_command = {
    .name = "show",
    .arguments = "ID[@REVISION] [--language TAG]",
    .summary = "show a notice as a person reads it",
    .text = "Without a revision the one in force. With --json the whole revision.",
    .examples = "comity notice show n-blood --language zh",
    .options = show_options,
    .option_count = COUNT_OF(show_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_show,
};
static const struct command notice_diff_command = {
    .name = "diff",
    .arguments = "ID[@REVISION]|FILE ID[@REVISION]|FILE",
    .summary = "say what a revision changes, and what that means for consents",
    .text = "Each difference is wider, narrower, or wording. A file has a '.' or a '/' in its name, or is '-'.",
    .examples = "comity notice diff n-blood blood.yaml",
    .word_min = 2,
    .word_max = 2,
    .run = run_diff,
};
static const struct command_option draft_options[] = {
    { "recipient", "MEMBER", "who gets the data: COMMUNITY/CLASS/MEMBER" },
};
static const struct command notice_draft_command = {
    .name = "draft",
    .arguments = "SERVICE [--recipient MEMBER]",
    .summary = "write a commented notice for a service of the policy",
    .text =
        "YAML on standard output, with the service's categories and purpose and what the law asks for; what stands in <> is to be written.",
    .examples = "comity notice draft AURORA/GOV/HOSPITAL/EHR/summary --recipient BAOBAB/MED/CLINIC9 > blood.yaml",
    .options = draft_options,
    .option_count = COUNT_OF(draft_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_draft,
};

static const struct command *const notice_parts[] = {
    &notice_check_command, &notice_publish_command, &notice_list_command, &notice_show_command, &notice_diff_command, &notice_draft_command,
};
const struct command command_notice = {
    .name = "notice",
    .arguments = "check|publish|list|show|diff|draft ...",
    .summary = "check, publish and show what persons are told before they consent",
    .text = "Works through the running gateway of the folder (its control socket), or directly on the folder when none runs.",
    .parts = notice_parts,
    .part_count = COUNT_OF(notice_parts),
};
