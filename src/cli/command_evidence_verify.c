/* Verifying evidence offline: bundles, and proofs that a log shows two histories. */
#include <stdio.h>
#include <stdlib.h>

#include "audit/story.h"
#include "audit/uses_proof.h"
#include "cli/command_evidence_internal.h"
#include "cli/file.h"
#include "cli/output.h"
#include "evidence/equivocation.h"

enum { STORY_BYTES_MAX = 4 * 1024 * 1024 };

int evidence_refuse(const struct call *call, const struct refusal *refusal)
{
    if (refusal->code == NULL) {
        return call_fail(call, &refusal->why);
    }
    if (call->is_json) {
        return output_json(json_pack("{s:b, s:s, s:s, s:s}", "ok", 0, "code", refusal->code, "where", refusal->why.where, "what",
                                     refusal->why.what))
                   ? COMMAND_NO
                   : COMMAND_NOT_TRIED;
    }
    (void)printf("Not proved: %s: %s (%s)\n", refusal->why.where, refusal->why.what, refusal->code);
    return COMMAND_NO;
}

static bool read_trust(const struct call *call, struct trust **out, struct error *e)
{
    struct buffer text;
    const char *file = call_value(call, "trust");
    buffer_init(&text, QUORUM_BYTES_MAX);
    bool ok = file_read_whole(file, &text, e) && trust_parse(out, buffer_bytes(&text), file, e);
    buffer_clear(&text);
    return ok;
}

static int tell_story(const struct call *call, const struct story *story, const struct trust *trust)
{
    struct buffer out;
    if (call->is_json) {
        return output_json(story_json(story, trust)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    buffer_init(&out, STORY_BYTES_MAX);
    story_write(story, trust, &out);
    bool ok = output_buffer(&out);
    buffer_wipe(&out);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int verify_bundle(const struct call *call, struct bytes file, const struct trust *trust)
{
    struct refusal refusal;
    struct story *story = calloc(1, sizeof *story);
    if (story == NULL) {
        struct error e;
        error_memory(&e, "evidence");
        return call_fail(call, &e);
    }
    int end = bundle_verify(file, trust, story, &refusal) ? tell_story(call, story, trust) : evidence_refuse(call, &refusal);
    story_clear(story);
    free(story);
    return end;
}

/* ---- Two histories of one log ---- */

static bool is_trusted_log(const struct trust *trust, const struct verifier *log)
{
    for (size_t i = 0; trust != NULL && i < trust->quorum->log_count; i++) {
        if (verifier_equal(&trust->quorum->logs[i].key, log)) {
            return true;
        }
    }
    return false;
}

static int tell_equivocation(const struct call *call, const struct equivocation *found, const struct trust *trust)
{
    struct buffer key;
    bool is_trusted = is_trusted_log(trust, &found->log);
    buffer_init(&key, 1024);
    verifier_write(&found->log, &key);
    bool ok = !key.failed;
    if (ok && call->is_json) {
        ok = output_json(json_pack("{s:b, s:s, s:o, s:I, s:I, s:b}", "ok", 1, "what", "equivocation", "key",
                                   json_of_bytes(buffer_bytes(&key)), "first_size", (json_int_t)found->first.size, "second_size",
                                   (json_int_t)found->second.size, "key_is_trusted", is_trusted));
    } else if (ok) {
        /* Anybody can make a key, name it as he likes, and sign two histories: that says nothing of the log of that name. */
        ok = printf("Good: %s %s has shown two histories.\n\n"
                    "The key has signed two checkpoints that cannot both be true: of %llu and of %llu entries.\n"
                    "The key is %.*s\n%s\n",
                    is_trusted ? "the log" : "a key that is named after the log", found->log.name, (unsigned long long)found->first.size,
                    (unsigned long long)found->second.size, BYTES_FMT(buffer_bytes(&key)),
                    is_trusted ? "The trust file names this key as that log's."
                               : "Whose key it is the file does not prove: compare it with the community's directory.") > 0;
    }
    buffer_clear(&key);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int verify_equivocation(const struct call *call, struct bytes file, const struct trust *trust)
{
    struct error e = { 0 };
    struct refusal refusal = { .code = "evidence.equivocation" };
    struct equivocation *found = calloc(1, sizeof *found);
    if (found == NULL) {
        error_memory(&e, "evidence");
        return call_fail(call, &e);
    }
    int end = COMMAND_NOT_TRIED;
    if (equivocation_check(found, file, call->words[0], &refusal.why)) {
        end = tell_equivocation(call, found, trust);
    } else {
        end = refusal.why.kind == ERROR_MEMORY ? call_fail(call, &refusal.why) : evidence_refuse(call, &refusal);
    }
    free(found);
    return end;
}

static const struct bytes equivocation_line = BYTES("comity-equivocation/1\n");

static int verify_one(const struct call *call, const struct trust *trust)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct buffer file;
    buffer_init(&file, BUNDLE_FILE_BYTES_MAX);
    if (!file_read_whole(call->words[0], &file, &e)) {
        end = call_fail(call, &e);
    } else if (bytes_start_with(buffer_bytes(&file), equivocation_line)) {
        end = verify_equivocation(call, buffer_bytes(&file), trust);
    } else if (trust == NULL) {
        end = call_misused(call, "say whom you trust: --trust FILE ('comity evidence trust' writes one)");
    } else if (bytes_start_with(buffer_bytes(&file), BYTES(USES_FILE_BEGIN))) {
        end = evidence_verify_uses(call, buffer_bytes(&file), trust);
    } else {
        end = verify_bundle(call, buffer_bytes(&file), trust);
    }
    buffer_wipe(&file);
    return end;
}

/* ---- Many bundles: a line each ---- */

/* False: it could not be tried. */
static bool tell_file(const struct call *call, const char *name, bool is_good, const struct refusal *refusal, json_t *list)
{
    if (call->is_json) {
        json_t *told = is_good ? json_pack("{s:s, s:b}", "file", name, "ok", 1)
                               : json_pack("{s:s, s:b, s:s, s:s, s:s}", "file", name, "ok", 0, "code", refusal->code, "where",
                                           refusal->why.where, "what", refusal->why.what);
        return json_array_append_new(list, told) == 0;
    }
    return (is_good ? printf("%s: good\n", name)
                    : printf("%s: not proved: %s: %s (%s)\n", name, refusal->why.where, refusal->why.what, refusal->code)) > 0;
}

static bool verify_file(const struct call *call, const char *name, const struct trust *trust, json_t *list, bool *is_good, struct error *e)
{
    struct buffer file;
    struct refusal refusal = { 0 };
    struct story *story = calloc(1, sizeof *story);
    buffer_init(&file, BUNDLE_FILE_BYTES_MAX);
    bool ok = story != NULL ? file_read_whole(name, &file, e) : error_memory(e, name);
    if (ok) {
        *is_good = bundle_verify(buffer_bytes(&file), trust, story, &refusal);
        ok = *is_good || refusal.code != NULL ? tell_file(call, name, *is_good, &refusal, list) || error_memory(e, name) : false;
        if (!*is_good && refusal.code == NULL) {
            *e = refusal.why;
        }
        story_clear(story);
    }
    free(story);
    buffer_wipe(&file);
    return ok;
}

static int verify_many(const struct call *call, const struct trust *trust)
{
    struct error e = { 0 };
    json_t *list = json_array();
    bool all_good = true, ok = list != NULL;
    for (size_t i = 0; ok && i < call->word_count; i++) {
        bool is_good = false;
        ok = verify_file(call, call->words[i], trust, list, &is_good, &e);
        all_good = all_good && is_good;
    }
    if (!ok) {
        json_decref(list);
        return call_fail(call, &e);
    }
    if (call->is_json && !output_json(json_pack("{s:O, s:b}", "files", list, "ok", all_good))) {
        ok = false;
    }
    json_decref(list);
    return !ok ? COMMAND_NOT_TRIED : all_good ? COMMAND_DONE : COMMAND_NO;
}

static int run_verify(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct trust *trust = NULL;
    if (call_is_given(call, "trust") && !read_trust(call, &trust, &e)) {
        end = call_fail(call, &e);
    } else if (call->word_count == 1) {
        end = verify_one(call, trust);
    } else if (trust == NULL) {
        end = call_misused(call, "say whom you trust: --trust FILE ('comity evidence trust' writes one)");
    } else {
        end = verify_many(call, trust);
    }
    trust_free(trust);
    return end;
}

static const struct command_option verify_options[] = {
    { "trust", "FILE", "whom you trust: operators of communities, witnesses, time-stamping authorities" },
    { "against", "BUNDLE", "of a list of uses: an exchange that must be in it" },
};

const struct command evidence_verify_command = {
    .name = "verify",
    .arguments = "FILE... --trust FILE [--against BUNDLE]",
    .summary = "verify a bundle, or a proof that a log shows two histories, offline",
    .text =
        "Checks all that is signed in the file, by the keys that the trust file names, and that it belongs together; then tells in plain "
        "language who asked whom for what, about which person, why it was allowed, what left, when, and what proves it. Needs no gateway and "
        "no network. Ends with 0 when all is proved, with 1 and a reason when anything is not, with 2 when it could not be tried.\n"
        "Of several bundles it tells in a line each whether it is good.\n"
        "A person's list of uses ('comity log uses') is checked to be all that the log has about them; with --against, that an exchange which a "
        "consumer's bundle proves is among them.\n"
        "A proof of equivocation ('comity log mirror' and the witness write them) needs no trust file.",
    .examples = "comity evidence verify case-12.comity-evidence --trust trust.txt",
    .options = verify_options,
    .option_count = COUNT_OF(verify_options),
    .word_min = 1,
    .word_max = COMMAND_WORDS_ANY,
    .run = run_verify,
};
