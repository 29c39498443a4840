#include <stdio.h>

#include "base/encode.h"
#include "cli/commands_internal.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/place.h"
#include "crypto/certificate.h"
#include "gateway/config.h"
#include "witness/key.h"

enum { CERTIFICATE_DAYS = 3650, CONFIGURATION_BYTES_MAX = 64 * 1024 };

/* What is to be made. Views into the command line and `storage`. */
struct plan {
    const char *folder;
    struct identifier member;
    uint8_t storage[IDENTIFIER_PARTS_MAX * IDENTIFIER_PART_SIZE_MAX * 3];
    const char *code, *peers, *applications, *management, *api, *operator_key; /* `api` may be NULL */
    struct buffer origin, member_text;
};

static bool check_address(const char *text, const char *option, struct error *e)
{
    return address_parse(bytes_of_text(text), NULL) ||
           error_set(e, ERROR_INPUT, option, "give a numeric address and a port: 127.0.0.1:8080, [::1]:8080", "'%s' is no address", text);
}

static bool plan_init(struct plan *plan, const struct call *call, struct error *e)
{
    struct bytes id = bytes_of_text(call->words[1]);
    plan->folder = call->words[0];
    plan->code = call_is_given(call, "gateway") ? call_value(call, "gateway") : "GW1";
    plan->peers = call_is_given(call, "peers") ? call_value(call, "peers") : "0.0.0.0:5500";
    plan->applications = call_is_given(call, "applications") ? call_value(call, "applications") : "127.0.0.1:8080";
    plan->management = call_is_given(call, "management") ? call_value(call, "management") : "127.0.0.1:9080";
    plan->api = call_value(call, "api");
    plan->operator_key = call_value(call, "operator");
    if (id.size > sizeof plan->storage) {
        return error_set(e, ERROR_INPUT, "COMMUNITY/CLASS/MEMBER", "shorten it", "it is too long");
    }
    if (!identifier_parse(id, 3, 3, plan->storage, &plan->member, e)) {
        return false;
    }
    struct identifier with_code = plan->member;
    with_code.parts[3] = bytes_of_text(plan->code);
    with_code.part_count = 4;
    if (with_code.parts[3].size == 0 || with_code.parts[3].size > IDENTIFIER_PART_SIZE_MAX || !bytes_are_utf8(with_code.parts[3])) {
        return error_set(e, ERROR_INPUT, "--gateway", "give a short code, such as GW1",
                         "the gateway's code is empty, too long or not UTF-8");
    }
    struct verifier operator;
    bool ok = identifier_check_new(&with_code, NULL, e) && check_address(plan->peers, "--peers", e) &&
              check_address(plan->applications, "--applications", e) && check_address(plan->management, "--management", e) &&
              (plan->api == NULL || check_address(plan->api, "--api", e)) &&
              (plan->operator_key == NULL || verifier_parse(&operator, bytes_of_text(plan->operator_key), "--operator", e));
    if (!ok) {
        return false;
    }
    gateway_config_write_origin(&plan->origin, &plan->member, with_code.parts[3]);
    identifier_append(&plan->member_text, &plan->member);
    return !plan->origin.failed && !plan->member_text.failed ? true : error_memory(e, "init");
}

/* YAML 1.1: inside single quotes only the quote itself is special. */
static void append_quoted(struct buffer *out, struct bytes text)
{
    buffer_append_u8(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'') {
            buffer_append_u8(out, '\'');
        }
        buffer_append_u8(out, text.data[i]);
    }
    buffer_append_u8(out, '\'');
}

static void write_configuration(const struct plan *plan, struct buffer *out)
{
    buffer_append_text(out, "# One gateway: who it is and where it listens. Each key and its default: docs/reference/configuration.md.\n"
                            "# After a change: comity gateway --check, then a restart. Paths are relative to this folder.\n"
                            "member: ");
    append_quoted(out, buffer_bytes(&plan->member_text));
    buffer_append_text(out, "\ngateway: ");
    append_quoted(out, bytes_of_text(plan->code));
    buffer_append_text(out, "\n\n"
                            "# The community's signed list of members and gateways, and the keys of those who may sign it.\n"
                            "directory:\n"
                            "  file: directory.note\n"
                            "  foreign_folder: foreign        # COMMUNITY.note of each community that ours recognises\n");
    if (plan->operator_key != NULL) {
        buffer_append_text(out, "  operators:\n    - ");
        append_quoted(out, bytes_of_text(plan->operator_key));
        buffer_append_u8(out, '\n');
    } else {
        buffer_append_text(out, "  operators: []                  # put the operator's key here: [ 'NAME+HASH+KEY' ]\n");
    }
    buffer_append_text(out, "\nlisten:\n  peers: ");
    append_quoted(out, bytes_of_text(plan->peers));
    buffer_append_text(out, "          # other gateways: mutual TLS, keys from the directory\n  applications:\n    - address: ");
    append_quoted(out, bytes_of_text(plan->applications));
    buffer_append_text(out, "   # our own systems; plain HTTP stays on this machine\n  management: ");
    append_quoted(out, bytes_of_text(plan->management));
    buffer_append_text(out, "   # /metrics /healthz /readyz\n");
    if (plan->api != NULL) {
        buffer_append_text(out, "  api:\n    address: ");
        append_quoted(out, bytes_of_text(plan->api));
        buffer_append_text(out, "   # persons' pages, the console, the REST API; who may come is in api.yaml\n");
    }
}

/* Each name that init makes, so that a folder with any of them is left alone before the first is made. */
static bool check_nothing_is_there(const char *folder, struct error *e)
{
    static const char *const names[] = { "gateway.yaml", "keys", "log", "records", "comity.db", "api.yaml" };
    char path[PLACE_PATH_SIZE];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (!path_join(path, folder, names[i], e)) {
            return false;
        }
        if (file_is_there(path)) {
            return error_set(e, ERROR_DENIED, path, "choose another folder", "is there already: nothing is overwritten");
        }
    }
    return true;
}

static bool make_keys(const struct plan *plan, struct buffer *vkey, uint8_t pin[PIN_SIZE], struct error *e)
{
    bool ok = false;
    struct signer *signer = NULL;
    char keys[PLACE_PATH_SIZE], statement[PLACE_PATH_SIZE], tls[PLACE_PATH_SIZE], certificate[PLACE_PATH_SIZE], witness[PLACE_PATH_SIZE];
    if (!path_join(keys, plan->folder, "keys", e) || !path_join(statement, keys, "statement.pem", e) ||
        !path_join(tls, keys, "tls.pem", e) || !path_join(certificate, keys, "tls.crt", e) || !folder_make(keys, 0700, false, e)) {
        goto done;
    }
    if (!signer_make(&signer, buffer_bytes(&plan->origin), e) || !signer_save(signer, statement, e) ||
        !path_join(witness, keys, "witness.pem", e) || !witness_key_make(buffer_bytes(&plan->origin), witness, e)) {
        goto done;
    }
    verifier_write(signer_verifier(signer), vkey);
    /* X.509 allows 64 characters in a common name; the name is for people only, the pin is what counts. */
    char common_name[65];
    (void)snprintf(common_name, sizeof common_name, "%.*s", BYTES_FMT(buffer_bytes(&plan->origin)));
    ok = certificate_make(tls, certificate, common_name, CERTIFICATE_DAYS, e) && certificate_read_pin(certificate, pin, NULL, e) &&
         (!vkey->failed || error_memory(e, "init"));
done:
    signer_free(signer);
    return ok;
}

static bool make_gateway(const struct plan *plan, struct buffer *vkey, uint8_t pin[PIN_SIZE], struct error *e)
{
    bool ok = false;
    struct place place = { 0 };
    struct buffer yaml;
    char path[PLACE_PATH_SIZE];
    buffer_init(&yaml, CONFIGURATION_BYTES_MAX);
    if (!check_nothing_is_there(plan->folder, e) || !folder_make(plan->folder, 0750, true, e) || !make_keys(plan, vkey, pin, e)) {
        goto done;
    }
    write_configuration(plan, &yaml);
    if (yaml.failed) {
        error_memory(e, "gateway.yaml");
        goto done;
    }
    if (!path_join(path, plan->folder, "foreign", e) || !folder_make(path, 0750, true, e) ||
        !path_join(path, plan->folder, "gateway.yaml", e) || !file_write_whole_new(path, buffer_bytes(&yaml), 0640, e)) {
        goto done;
    }
    if (plan->api != NULL &&
        (!path_join(path, plan->folder, "api.yaml", e) ||
         !file_write_whole_new(path,
                               BYTES(
                                   "# Who may come to the REST API and the pages: docs/reference/api-yaml.md. Whoever has a code on paper\n"
                                   "# (comity code issue) may without being named here.\n"
                                   "clients: []\n"),
                               0640, e))) {
        goto done;
    }
    /* Read back by the same code that will run it; the store and the log are made by being opened. */
    ok = place_open(&place, plan->folder, e) && place_open_store(&place, e) && place_open_log(&place, e);
done:
    place_close(&place);
    buffer_clear(&yaml);
    return ok;
}

static bool report(const struct call *call, const struct plan *plan, struct bytes vkey, const uint8_t pin[PIN_SIZE])
{
    char pin_text[BASE64_SIZE(PIN_SIZE) + 1] = { 0 };
    (void)base64_write(bytes_of(pin, PIN_SIZE), (uint8_t *)pin_text);
    if (call->is_json) {
        return output_json(json_pack("{s:s, s:o, s:s, s:o, s:o, s:s}", "folder", plan->folder, "member",
                                     json_of_bytes(buffer_bytes(&plan->member_text)), "gateway", plan->code, "origin",
                                     json_of_bytes(buffer_bytes(&plan->origin)), "statement_key", json_of_bytes(vkey), "tls_pin",
                                     pin_text));
    }
    struct bytes member = buffer_bytes(&plan->member_text);
    const char *port = strrchr(plan->peers, ':');
    return printf("Made the gateway %.*s in %s.\n\n"
                  "Statement key:  %.*s\n"
                  "TLS pin:        %s\n\n"
                  "Next:\n"
                  " 1. Give both to the operator of %.*s, who adds this gateway and signs:\n"
                  "      comity directory add-gateway DIRECTORY.json '%.*s' '%s' --address HOST%s \\\n"
                  "        --statement-key '%.*s' --tls-pin '%s'\n"
                  " 2. Put the signed directory at %s/directory.note%s.\n"
                  " 3. comity -C %s apply services.yaml\n"
                  "    comity -C %s doctor\n"
                  "    comity -C %s gateway\n",
                  BYTES_FMT(buffer_bytes(&plan->origin)), plan->folder, BYTES_FMT(vkey), pin_text, BYTES_FMT(plan->member.parts[0]),
                  BYTES_FMT(member), plan->code, port == NULL ? ":5500" : port, BYTES_FMT(vkey), pin_text, plan->folder,
                  plan->operator_key != NULL ? "" : ", and the operator's key into directory.operators in gateway.yaml", plan->folder,
                  plan->folder, plan->folder) > 0;
}

static int run_init(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct buffer vkey;
    uint8_t pin[PIN_SIZE];
    struct plan plan = { 0 };
    buffer_init(&vkey, 1024);
    buffer_init(&plan.origin, 4096);
    buffer_init(&plan.member_text, 4096);
    if (!plan_init(&plan, call, &e) || !make_gateway(&plan, &vkey, pin, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    end = report(call, &plan, buffer_bytes(&vkey), pin) ? COMMAND_DONE : COMMAND_NOT_TRIED;
done:
    buffer_clear(&plan.member_text);
    buffer_clear(&plan.origin);
    buffer_clear(&vkey);
    return end;
}

static const struct command_option init_options[] = {
    { "gateway", "CODE", "the gateway's code within its member; without it GW1" },
    { "operator", "VKEY", "the key of the community's operator, for directory.operators" },
    { "peers", "ADDRESS", "where other gateways come in; without it 0.0.0.0:5500" },
    { "applications", "ADDRESS", "where our own systems come in; without it 127.0.0.1:8080" },
    { "api", "ADDRESS", "where persons' pages, the console and the REST API are served; without it there are none. Makes api.yaml too" },
    { "management", "ADDRESS", "where metrics and health are served; without it 127.0.0.1:9080" },
};

const struct command command_init = {
    .name = "init",
    .arguments = "[--gateway CODE] [--operator VKEY] [--peers ADDRESS] [--applications ADDRESS] [--management ADDRESS] [--api ADDRESS] "
                 "FOLDER COMMUNITY/CLASS/MEMBER",
    .summary = "make a gateway's keys, configuration, empty store and empty log",
    .text =
        "Makes FOLDER with everything that one gateway needs: keys/ (the Ed25519 key that signs its log, the one that cosigns "
        "others' logs, and the key and certificate of its TLS), gateway.yaml, an empty database and an empty log. Nothing that is there is overwritten.\n"
        "Writes the two public keys that the community's operator puts into the directory, and what to do next. The name of the "
        "statement key is the origin of the gateway's log: COMMUNITY/CLASS/MEMBER/CODE.",
    .examples = "comity init hospital AURORA/GOV/HOSPITAL\n"
                "comity init --gateway GW2 --peers 192.0.2.7:5500 second AURORA/GOV/HOSPITAL",
    .options = init_options,
    .option_count = COUNT_OF(init_options),
    .word_min = 2,
    .word_max = 2,
    .run = run_init,
};
