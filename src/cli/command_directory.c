/* The draft of a directory: made, filled and changed. Signing and looking at the result: command_directory_sign.c. */
#include <stdio.h>

#include "base/encode.h"
#include "base/time.h"
#include "cli/command_directory_internal.h"
#include "cli/draft.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/value.h"
#include "law/law.h"

enum { VALUES_MAX = 32 };

/* An identifier from the command line, with the memory of its parts. */
struct word_identifier {
    struct identifier id;
    uint8_t storage[4096];
};

static bool parse_word(const char *word, size_t parts, const char *form, struct word_identifier *out, struct error *e)
{
    struct bytes text = bytes_of_text(word);
    struct error cause = { 0 };
    out->id = (struct identifier){ .part_count = 0 };
    if (text.size > sizeof out->storage || !identifier_parse(text, parts, parts, out->storage, &out->id, &cause)) {
        return error_set(e, ERROR_INPUT, form, "write it so, with %XX for other characters", "'%.80s': %s", word,
                         cause.what[0] == '\0' ? "is too long" : cause.what);
    }
    return identifier_check_new(&out->id, NULL, e);
}

static json_t *json_of_values(const struct call *call, const char *option)
{
    const char *values[VALUES_MAX];
    size_t count = call_values(call, option, values, COUNT_OF(values));
    json_t *array = json_array();
    for (size_t i = 0; i < count && i < COUNT_OF(values); i++) {
        (void)json_array_append_new(array, json_string(values[i]));
    }
    return array;
}

static int report_kept(const struct call *call, const char *path, const char *what, const char *name)
{
    if (call->is_json) {
        return output_json(json_pack("{s:s, s:s, s:s}", "draft", path, "done", what, "name", name)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    return printf("%s: %s %s\n", path, what, name) > 0 ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

/* ---- create ---- */

/* The operator's key name: COMMUNITY/operator, with what a vkey's name may not hold as %XX. */
static void append_operator_name(struct buffer *out, struct bytes community)
{
    struct buffer plain;
    buffer_init(&plain, out->size_max);
    percent_append(&plain, community);
    for (size_t i = 0; i < plain.size; i++) {
        if (plain.data[i] == '+') {
            buffer_append_text(out, "%2B");
        } else {
            buffer_append_u8(out, plain.data[i]);
        }
    }
    buffer_append_text(out, "/operator");
    out->failed = out->failed || plain.failed;
    buffer_clear(&plain);
}

static bool take_key(const char *path, const char *community, struct buffer *vkey, struct error *e)
{
    struct buffer name;
    struct signer *signer = NULL;
    buffer_init(&name, KEY_NAME_SIZE_MAX);
    append_operator_name(&name, bytes_of_text(community));
    bool ok = name.failed           ? error_set(e, ERROR_INPUT, "--community", "choose a shorter code", "the code is too long")
              : file_is_there(path) ? signer_load(&signer, buffer_bytes(&name), path, e)
                                    : signer_make(&signer, buffer_bytes(&name), e) && signer_save(signer, path, e);
    if (ok) {
        verifier_write(signer_verifier(signer), vkey);
        ok = !vkey->failed || error_memory(e, path);
    }
    signer_free(signer);
    buffer_clear(&name);
    return ok;
}

static int run_create(struct call *call)
{
    struct error e = { 0 };
    struct buffer vkey;
    int end = COMMAND_NOT_TRIED;
    const char *community = call_value(call, "community"), *key = call_value(call, "key"), *path = call->words[0];
    json_t *draft = NULL;
    buffer_init(&vkey, 1024);
    if (community == NULL || key == NULL) {
        return call_misused(call, "--community and --key are needed");
    }
    if (file_is_there(path)) {
        error_set(&e, ERROR_DENIED, path, "choose another name", "is there already: nothing is overwritten");
        end = call_fail(call, &e);
        goto done;
    }
    if (!take_key(key, community, &vkey, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    buffer_append_u8(&vkey, '\0');
    const char *vkey_text = (const char *)vkey.data;
    draft = json_pack("{s:i, s:s, s:i, s:{s:i, s:[s]}, s:[], s:[]}", "comity_directory", 1, "community", community, "serial", 0,
                      "operators", "threshold", 1, "keys", vkey_text, "members", "recognised");
    if (vkey.failed || draft == NULL) {
        error_memory(&e, path);
        end = call_fail(call, &e);
        goto done;
    }
    if (!draft_save(draft, path, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    if (call->is_json) {
        end = output_json(json_pack("{s:s, s:s, s:s, s:s}", "draft", path, "community", community, "operator", vkey_text, "key", key))
                  ? COMMAND_DONE
                  : COMMAND_NOT_TRIED;
    } else {
        end = printf("Made %s for %s.\n\nOperator's key:  %s\n\n"
                     "Members put it into directory.operators of their gateway.yaml; keep %s secret and safe.\n\n"
                     "Next:\n"
                     "    comity law list\n"
                     "    comity directory set-law %s LAW\n"
                     "    comity directory set-country %s COUNTRY\n"
                     "Without a law '" LAW_DEFAULT_ID "' holds; without a country every recognised community is abroad.\n",
                     path, community, vkey_text, key, path, path) > 0
                  ? COMMAND_DONE
                  : COMMAND_NOT_TRIED;
    }
done:
    json_decref(draft);
    buffer_clear(&vkey);
    return end;
}

/* ---- add and remove ---- */

/* Each changes the draft, or says why not. The name goes into the report. */
typedef bool change_draft(const struct call *call, json_t *draft, struct error *e);

static int run_change(struct call *call, change_draft *change, const char *what)
{
    struct error e = { 0 };
    json_t *draft = NULL;
    bool ok = draft_load(&draft, call->words[0], &e) && change(call, draft, &e) && draft_save(draft, call->words[0], &e);
    json_decref(draft);
    if (!ok) {
        return call_fail(call, &e);
    }
    char name[512];
    (void)snprintf(name, sizeof name, "%s%s%s", call->words[1], call->word_count > 2 ? "/" : "",
                   call->word_count > 2 ? call->words[2] : "");
    return report_kept(call, call->words[0], what, name);
}

static bool check_community(const json_t *draft, const struct identifier *id, struct error *e)
{
    const char *community = json_string_value(json_object_get(draft, "community"));
    return (community != NULL && bytes_equal(bytes_of_text(community), id->parts[0])) ||
           error_set(e, ERROR_INPUT, "COMMUNITY", NULL, "'%.*s' is not this directory's community, %s", BYTES_FMT(id->parts[0]),
                     community == NULL ? "which has no name" : community);
}

static bool get_member(const json_t *draft, const struct identifier *id, json_t **member, struct error *e)
{
    if (!check_community(draft, id, e)) {
        return false;
    }
    *member = draft_find_member(draft, id);
    return *member != NULL || error_set(e, ERROR_ABSENT, "COMMUNITY/CLASS/MEMBER", "add it by 'comity directory add-member'",
                                        "the directory has no member %.*s/%.*s", BYTES_FMT(id->parts[1]), BYTES_FMT(id->parts[2]));
}

/* Appends and takes the reference over. */
static bool add_to(json_t *array, json_t *value, struct error *e)
{
    if (value == NULL) {
        return error_memory(e, "draft");
    }
    return json_array_append_new(array, value) == 0 || error_set(e, ERROR_INPUT, "draft", NULL, "a list is not where it should be");
}

static bool add_name(const struct call *call, json_t *object, struct error *e)
{
    const char *name = call_value(call, "name");
    return name == NULL || json_object_set_new(object, "name", json_string(name)) == 0 ||
           error_set(e, ERROR_INPUT, "--name", "write it in UTF-8", "the name can't be kept");
}

static bool add_member(const struct call *call, json_t *draft, struct error *e)
{
    struct word_identifier member;
    if (!parse_word(call->words[1], 3, "COMMUNITY/CLASS/MEMBER", &member, e) || !check_community(draft, &member.id, e)) {
        return false;
    }
    if (draft_find_member(draft, &member.id) != NULL) {
        return error_set(e, ERROR_DENIED, call->words[0], NULL, "the member is there already");
    }
    json_t *object = json_pack("{s:o, s:o, s:[], s:[]}", "class", json_of_bytes(member.id.parts[1]), "code",
                               json_of_bytes(member.id.parts[2]), "subsystems", "gateways");
    if (object != NULL && !add_name(call, object, e)) {
        json_decref(object);
        return false;
    }
    return add_to(json_object_get(draft, "members"), object, e);
}

static int run_add_member(struct call *call)
{
    return run_change(call, add_member, "added the member");
}

static bool add_subsystem(const struct call *call, json_t *draft, struct error *e)
{
    struct word_identifier id;
    json_t *member = NULL;
    if (!parse_word(call->words[1], 4, "COMMUNITY/CLASS/MEMBER/SUBSYSTEM", &id, e) || !get_member(draft, &id.id, &member, e)) {
        return false;
    }
    json_t *subsystems = draft_array(member, "subsystems");
    if (draft_find(subsystems, "code", id.id.parts[3]) < json_array_size(subsystems)) {
        return error_set(e, ERROR_DENIED, call->words[0], NULL, "the subsystem is there already");
    }
    json_t *object = json_pack("{s:o}", "code", json_of_bytes(id.id.parts[3]));
    if (object != NULL && !add_name(call, object, e)) {
        json_decref(object);
        return false;
    }
    if (object != NULL && call_is_given(call, "gateway") && json_object_set_new(object, "gateways", json_of_values(call, "gateway")) != 0) {
        json_decref(object);
        return error_memory(e, "draft");
    }
    return add_to(subsystems, object, e);
}

static int run_add_subsystem(struct call *call)
{
    return run_change(call, add_subsystem, "added the subsystem");
}

static bool add_gateway(const struct call *call, json_t *draft, struct error *e)
{
    struct word_identifier id;
    json_t *member = NULL;
    if (!call_is_given(call, "address") || !call_is_given(call, "statement-key") || !call_is_given(call, "tls-pin")) {
        return error_set(e, ERROR_INPUT, "add-gateway", "copy them from what 'comity init' wrote",
                         "--address, --statement-key and --tls-pin are needed");
    }
    if (!parse_word(call->words[1], 3, "COMMUNITY/CLASS/MEMBER", &id, e) || !get_member(draft, &id.id, &member, e)) {
        return false;
    }
    json_t *gateways = draft_array(member, "gateways");
    struct bytes code = bytes_of_text(call->words[2]);
    size_t index = draft_find(gateways, "code", code);
    json_t *object = json_pack("{s:o, s:o, s:s, s:o}", "code", json_of_bytes(code), "addresses", json_of_values(call, "address"),
                               "statement_key", call_value(call, "statement-key"), "tls_pins", json_of_values(call, "tls-pin"));
    if (index == json_array_size(gateways)) {
        return add_to(gateways, object, e);
    }
    if (!call_is_given(call, "replace")) {
        json_decref(object);
        return error_set(e, ERROR_DENIED, call->words[0], "say --replace to change it", "the gateway is there already");
    }
    return json_array_set_new(gateways, index, object) == 0 || error_memory(e, "draft");
}

static int run_add_gateway(struct call *call)
{
    return run_change(call, add_gateway, "added the gateway");
}

static bool remove_gateway(const struct call *call, json_t *draft, struct error *e)
{
    struct word_identifier id;
    json_t *member = NULL;
    if (!parse_word(call->words[1], 3, "COMMUNITY/CLASS/MEMBER", &id, e) || !get_member(draft, &id.id, &member, e)) {
        return false;
    }
    json_t *gateways = json_object_get(member, "gateways");
    size_t index = draft_find(gateways, "code", bytes_of_text(call->words[2]));
    return json_array_remove(gateways, index) == 0 ||
           error_set(e, ERROR_ABSENT, call->words[0], "see 'comity directory show'", "the member has no such gateway");
}

static int run_remove_gateway(struct call *call)
{
    return run_change(call, remove_gateway, "removed the gateway");
}

static bool recognise(const struct call *call, json_t *draft, struct error *e)
{
    int64_t now_ms = time_now_ms(), until_ms = 0;
    char from[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
    if (!call_is_given(call, "operator") || !call_is_given(call, "until")) {
        return error_set(e, ERROR_INPUT, "recognise", "get the key from the other community's operator, by a way that you trust",
                         "--operator and --until are needed");
    }
    if (!until_parse(call_value(call, "until"), "--until", now_ms, &until_ms, e)) {
        return false;
    }
    json_t *recognised = draft_array(draft, "recognised");
    size_t index = draft_find(recognised, "community", bytes_of_text(call->words[1]));
    json_t *object = json_pack("{s:s, s:i, s:o, s:s, s:s}", "community", call->words[1], "threshold", 1, "operators",
                               json_of_values(call, "operator"), "valid_from", time_text(now_ms, from), "valid_until",
                               time_text(until_ms, until));
    if (index == json_array_size(recognised)) {
        return add_to(recognised, object, e);
    }
    return json_array_set_new(recognised, index, object) == 0 || error_memory(e, "draft");
}

static int run_recognise(struct call *call)
{
    return run_change(call, recognise, "recognised the community");
}

/* ---- Law, country, traits ---- */

/* A file when there is one of that name, else a profile that is compiled in. */
static bool load_law(struct law **out, const char *word, struct error *e)
{
    struct buffer text;
    if (!file_is_there(word)) {
        return law_load_builtin(out, bytes_of_text(word), e);
    }
    buffer_init(&text, LAW_BYTES_MAX + 1);
    bool ok = file_read_whole(word, &text, e) && law_parse(out, buffer_bytes(&text), word, e);
    buffer_clear(&text);
    return ok;
}

static bool set_law(const struct call *call, json_t *draft, struct error *e)
{
    struct law *law = NULL;
    char hex[2 * SHA256_SIZE + 1];
    if (!load_law(&law, call->words[1], e)) {
        return false;
    }
    hex_write(bytes_of(law->digest, SHA256_SIZE), hex);
    json_t *object = json_pack("{s:o, s:o, s:s}", "id", json_of_bytes(law->id), "version", json_of_bytes(law->version), "digest", hex);
    law_drop(law);
    return json_object_set_new(draft, "law", object) == 0 || error_memory(e, "draft");
}

static int run_set_law(struct call *call)
{
    return run_change(call, set_law, "named the law");
}

static bool set_country(const struct call *call, json_t *draft, struct error *e)
{
    return json_object_set_new(draft, "country", json_string(call->words[1])) == 0 ||
           error_set(e, ERROR_INPUT, "CODE", "write two capital letters, such as KE", "the country can't be kept");
}

static int run_set_country(struct call *call)
{
    return run_change(call, set_country, "named the country");
}

static bool set_traits(const struct call *call, json_t *draft, struct error *e)
{
    struct word_identifier id;
    json_t *member = NULL;
    if (!parse_word(call->words[1], 3, "COMMUNITY/CLASS/MEMBER", &id, e) || !get_member(draft, &id.id, &member, e)) {
        return false;
    }
    if (!call_is_given(call, "trait")) {
        (void)json_object_del(member, "traits"); /* not there: nothing to do */
        return true;
    }
    return json_object_set_new(member, "traits", json_of_values(call, "trait")) == 0 || error_memory(e, "draft");
}

static int run_set_traits(struct call *call)
{
    return run_change(call, set_traits, "set the traits of");
}

/* ---- Tables ---- */

static const struct command_option create_options[] = {
    { "community", "CODE", "the community's code, the first part of every identifier in it" },
    { "key", "FILE", "the operator's key (PEM): made if the file is not there" },
};
static const struct command directory_create = {
    .name = "create",
    .arguments = "--community CODE --key FILE DRAFT",
    .summary = "make an empty draft and the operator's key",
    .text = "Makes DRAFT (JSON) for a new community and, if it is not there, the operator's Ed25519 key. Writes the public key (vkey) that "
            "members trust: each puts it into directory.operators of gateway.yaml.",
    .examples = "comity directory create --community AURORA --key operator.pem aurora.json",
    .options = create_options,
    .option_count = COUNT_OF(create_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_create,
};

static const struct command_option member_options[] = {
    { "name", "TEXT", "its name for people" },
};
static const struct command directory_add_member = {
    .name = "add-member",
    .arguments = "[--name TEXT] DRAFT COMMUNITY/CLASS/MEMBER",
    .summary = "add a member",
    .text = "Adds an organisation to the draft.",
    .options = member_options,
    .option_count = COUNT_OF(member_options),
    .word_min = 2,
    .word_max = 2,
    .run = run_add_member,
};

static const struct command_option subsystem_options[] = {
    { "name", "TEXT", "its name for people" },
    { "gateway", "CODE", "a gateway of the member that serves it; may be given again; without it all of them do" },
};
static const struct command directory_add_subsystem = {
    .name = "add-subsystem",
    .arguments = "[--name TEXT] [--gateway CODE]... DRAFT COMMUNITY/CLASS/MEMBER/SUBSYSTEM",
    .summary = "add a subsystem of a member",
    .text = "Adds a subsystem: what calls services, and what services belong to.",
    .options = subsystem_options,
    .option_count = COUNT_OF(subsystem_options),
    .word_min = 2,
    .word_max = 2,
    .run = run_add_subsystem,
};

static const struct command_option gateway_options[] = {
    { "address", "HOST:PORT", "where other gateways reach it; may be given again, in order of preference" },
    { "statement-key", "VKEY", "the statement key that 'comity init' wrote" },
    { "tls-pin", "BASE64", "the TLS pin that 'comity init' wrote; may be given again while a key is being changed" },
    { "replace", NULL, "change the gateway that has this code" },
};
static const struct command directory_add_gateway = {
    .name = "add-gateway",
    .arguments = "[--replace] --address HOST:PORT... --statement-key VKEY --tls-pin BASE64... DRAFT COMMUNITY/CLASS/MEMBER CODE",
    .summary = "add a gateway of a member, or change it",
    .text =
        "Adds a gateway with the keys that other gateways will know it by. Make sure by a second way (on the phone, say) that they are the "
        "member's.",
    .options = gateway_options,
    .option_count = COUNT_OF(gateway_options),
    .word_min = 3,
    .word_max = 3,
    .run = run_add_gateway,
};

static const struct command directory_remove_gateway = {
    .name = "remove-gateway",
    .arguments = "DRAFT COMMUNITY/CLASS/MEMBER CODE",
    .summary = "remove a gateway, for example when its keys are lost",
    .text = "Removes a gateway. Once the new directory is signed and loaded elsewhere, its keys are turned away there.",
    .word_min = 3,
    .word_max = 3,
    .run = run_remove_gateway,
};

static const struct command_option recognise_options[] = {
    { "operator", "VKEY", "the key of the other community's operator; may be given again" },
    { "until", "DURATION|TIME", "how long the recognition holds" },
};
static const struct command directory_recognise = {
    .name = "recognise",
    .arguments = "--operator VKEY... --until DURATION|TIME DRAFT COMMUNITY",
    .summary = "recognise another community, or change until when",
    .text =
        "Says that directories of another community, signed by this key, are valid here until then. Without recognition its gateways are "
        "turned away.",
    .examples = "comity directory recognise aurora.json BAOBAB --operator 'BAOBAB/operator+...' --until 365d",
    .options = recognise_options,
    .option_count = COUNT_OF(recognise_options),
    .word_min = 2,
    .word_max = 2,
    .run = run_recognise,
};

static const struct command directory_set_law = {
    .name = "set-law",
    .arguments = "DRAFT LAW|FILE",
    .summary = "name the community's law",
    .text =
        "Names the law profile by which the community's gateways decide: one that is compiled in ('comity law list'), or a file. The "
        "directory has its id, version and digest; gateways that don't have the profile itself compiled in find it in their folder laws/.",
    .examples = "comity directory set-law aurora.json KE-DPA",
    .word_min = 2,
    .word_max = 2,
    .run = run_set_law,
};

static const struct command directory_set_country = {
    .name = "set-country",
    .arguments = "DRAFT CODE",
    .summary = "name the country that the community lives in",
    .text = "Names the jurisdiction, as two capital letters (ISO 3166-1). Data for a community of another country cross a border.",
    .examples = "comity directory set-country aurora.json KE",
    .word_min = 2,
    .word_max = 2,
    .run = run_set_country,
};

static const struct command_option traits_options[] = {
    { "trait", "TRAIT", "state_organ or critical; may be given again; without it the member has none" },
};
static const struct command directory_set_traits = {
    .name = "set-traits",
    .arguments = "[--trait TRAIT]... DRAFT COMMUNITY/CLASS/MEMBER",
    .summary = "say what the law looks at in a member",
    .text = "A state_organ acts by statutory powers; a critical member runs critical infrastructure. A law may keep their data at home.",
    .examples = "comity directory set-traits aurora.json AURORA/GOV/HOSPITAL --trait state_organ",
    .options = traits_options,
    .option_count = COUNT_OF(traits_options),
    .word_min = 2,
    .word_max = 2,
    .run = run_set_traits,
};

static const struct command *const directory_parts[] = {
    &directory_create,         &directory_add_member, &directory_add_subsystem, &directory_add_gateway,
    &directory_remove_gateway, &directory_recognise,  &directory_set_law,       &directory_set_country,
    &directory_set_traits,     &directory_sign,       &directory_show,          &directory_verify,
};

const struct command command_directory = {
    .name = "directory",
    .arguments = "create|add-member|add-subsystem|add-gateway|remove-gateway|recognise|set-law|set-country|set-traits|sign|show|verify ...",
    .summary = "make, sign, show and verify a community's directory",
    .text =
        "A community's directory says who is who: its members, their subsystems, their gateways with addresses and keys, and which other "
        "communities are recognised until when. Its operator keeps a draft (JSON), changes it by these commands, and signs it into a note, "
        "which every member's gateway loads.\n"
        "A signed directory has a serial number, which only grows, and ends: sign anew before it does, also when nothing has changed.",
    .examples = "comity directory create --community AURORA --key operator.pem aurora.json\n"
                "comity directory add-member aurora.json AURORA/GOV/HOSPITAL --name 'City Hospital'\n"
                "comity directory add-subsystem aurora.json AURORA/GOV/HOSPITAL/RECORDS\n"
                "comity directory add-gateway aurora.json AURORA/GOV/HOSPITAL GW1 --address gw.hospital.example:5500 \\\n"
                "  --statement-key 'AURORA/GOV/HOSPITAL/GW1+...' --tls-pin '...'\n"
                "comity directory sign aurora.json --key operator.pem --valid 30d",
    .parts = directory_parts,
    .part_count = COUNT_OF(directory_parts),
};
