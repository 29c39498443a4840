#include "gateway/config_internal.h"

enum { TEXT_MAX = 4096, LISTENERS_MAX = 64, OPERATORS_MAX = 64 };

#define TEXT(key, member, type, flags) CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, 1, TEXT_MAX)
#define OPTIONAL_TEXT(key, member) TEXT(key, member, struct config_file, CYAML_FLAG_OPTIONAL)

static const cyaml_schema_field_t tls_fields[] = {
    TEXT("certificate", certificate, struct config_file_tls, 0),
    TEXT("key", key, struct config_file_tls, 0),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t listener_fields[] = {
    TEXT("address", address, struct config_file_listener, 0),
    CYAML_FIELD_MAPPING_PTR("tls", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_file_listener, tls, tls_fields),
    TEXT("subsystem", subsystem, struct config_file_listener, CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_BOOL("allow_plain_remote", CYAML_FLAG_OPTIONAL, struct config_file_listener, allow_plain_remote),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t listener_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_file_listener, listener_fields),
};

static const cyaml_schema_value_t operator_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX),
};

/*
 * The groups are described as if they were structs of their own at offset 0 of the whole: their members' offsets are already those in
 * struct config_file, so one table can name a key, its place and its default.
 */
#define GROUP(name, how, members)                                                                                                          \
    {                                                                                                                                      \
        .key = (name), .value = {                                                                                                          \
            .type = CYAML_MAPPING,                                                                                                         \
            .flags = (how),                                                                                                                \
            .data_size = sizeof(struct config_file),                                                                                       \
            .mapping = { .fields = (members) }                                                                                             \
        }                                                                                                                                  \
    }

static const cyaml_schema_field_t directory_fields[] = {
    OPTIONAL_TEXT("file", directory.file),
    OPTIONAL_TEXT("foreign_folder", directory.foreign_folder),
    CYAML_FIELD_SEQUENCE_COUNT("operators", CYAML_FLAG_POINTER, struct config_file, directory.operators, directory.operators_count,
                               &operator_schema, 0, OPERATORS_MAX),
    CYAML_FIELD_UINT("threshold", CYAML_FLAG_OPTIONAL, struct config_file, directory.threshold),
    OPTIONAL_TEXT("warn_before", directory.warn_before),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t keys_fields[] = {
    OPTIONAL_TEXT("statement", keys.statement),
    OPTIONAL_TEXT("tls", keys.tls),
    OPTIONAL_TEXT("certificate", keys.certificate),
    OPTIONAL_TEXT("witness", keys.witness),
    OPTIONAL_TEXT("mirror", keys.mirror),
    OPTIONAL_TEXT("pseudonym", keys.pseudonym),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t store_fields[] = {
    OPTIONAL_TEXT("url", store.url),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t log_fields[] = {
    OPTIONAL_TEXT("folder", log.folder),
    OPTIONAL_TEXT("records", log.records),
    OPTIONAL_TEXT("archive", log.archive),
    OPTIONAL_TEXT("retention", log.retention),
    OPTIONAL_TEXT("retention_reason", log.retention_reason),
    OPTIONAL_TEXT("witness_folder", log.witness_folder),
    OPTIONAL_TEXT("witnesses", log.witnesses),
    CYAML_FIELD_SEQUENCE_COUNT("mirrors", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_file, log.mirrors, log.mirrors_count,
                               &operator_schema, 0, GATEWAY_MIRRORS_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t mirror_fields[] = {
    CYAML_FIELD_SEQUENCE_COUNT("logs", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_file, mirror.logs, mirror.logs_count,
                               &operator_schema, 0, GATEWAY_MIRRORED_MAX),
    OPTIONAL_TEXT("folder", mirror.folder),
    OPTIONAL_TEXT("bytes_max", mirror.bytes_max),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t log_listener_fields[] = {
    TEXT("address", address, struct config_file_listener, 0),
    CYAML_FIELD_MAPPING_PTR("tls", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_file_listener, tls, tls_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t api_listener_fields[] = {
    TEXT("address", address, struct config_file_listener, 0),
    CYAML_FIELD_MAPPING_PTR("tls", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_file_listener, tls, tls_fields),
    CYAML_FIELD_BOOL("allow_plain_remote", CYAML_FLAG_OPTIONAL, struct config_file_listener, allow_plain_remote),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t api_fields[] = {
    OPTIONAL_TEXT("file", api.file),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t listen_fields[] = {
    OPTIONAL_TEXT("peers", listen.peers),
    CYAML_FIELD_MAPPING_PTR("log", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_file, listen.log, log_listener_fields),
    CYAML_FIELD_MAPPING_PTR("api", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_file, listen.api, api_listener_fields),
    CYAML_FIELD_SEQUENCE_COUNT("applications", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_file, listen.applications,
                               listen.applications_count, &listener_schema, 0, LISTENERS_MAX),
    OPTIONAL_TEXT("management", listen.management),
    OPTIONAL_TEXT("control", listen.control),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t limits_fields[] = {
    OPTIONAL_TEXT("body", limits.body),
    OPTIONAL_TEXT("body_memory", limits.body_memory),
    OPTIONAL_TEXT("head", limits.head),
    OPTIONAL_TEXT("fields", limits.fields),
    OPTIONAL_TEXT("connections", limits.connections),
    OPTIONAL_TEXT("streams", limits.streams),
    OPTIONAL_TEXT("floods", limits.floods),
    OPTIONAL_TEXT("write_buffer", limits.write_buffer),
    OPTIONAL_TEXT("connect", limits.connect),
    OPTIONAL_TEXT("idle", limits.idle),
    OPTIONAL_TEXT("head_time", limits.head_time),
    OPTIONAL_TEXT("body_stall", limits.body_stall),
    OPTIONAL_TEXT("write_stall", limits.write_stall),
    OPTIONAL_TEXT("replay_window", limits.replay_window),
    OPTIONAL_TEXT("drain", limits.drain),
    OPTIONAL_TEXT("witness_wait", limits.witness_wait),
    OPTIONAL_TEXT("spool_folder", limits.spool_folder),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t consent_fields[] = {
    OPTIONAL_TEXT("cache", consent.cache),
    CYAML_FIELD_END,
};

static const cyaml_strval_t formats[] = { { "text", 1 + DIAG_TEXT }, { "json", 1 + DIAG_JSON } };
static const cyaml_strval_t levels[] = {
    { "debug", 1 + DIAG_DEBUG },
    { "info", 1 + DIAG_INFO },
    { "warn", 1 + DIAG_WARN },
    { "error", 1 + DIAG_ERROR },
};
static const cyaml_strval_t error_forms[] = { { "7.8", 78 }, { "7.7", 77 } };

static const cyaml_schema_field_t diagnostics_fields[] = {
    CYAML_FIELD_ENUM("format", CYAML_FLAG_OPTIONAL, struct config_file, diagnostics.format, formats, COUNT_OF(formats)),
    CYAML_FIELD_ENUM("level", CYAML_FLAG_OPTIONAL, struct config_file, diagnostics.level, levels, COUNT_OF(levels)),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t xroad_fields[] = {
    CYAML_FIELD_ENUM("errors", CYAML_FLAG_OPTIONAL, struct config_file, xroad.errors, error_forms, COUNT_OF(error_forms)),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t file_fields[] = {
    TEXT("member", member, struct config_file, 0),
    OPTIONAL_TEXT("gateway", gateway),
    GROUP("directory", CYAML_FLAG_DEFAULT, directory_fields),
    GROUP("keys", CYAML_FLAG_OPTIONAL, keys_fields),
    GROUP("store", CYAML_FLAG_OPTIONAL, store_fields),
    GROUP("log", CYAML_FLAG_OPTIONAL, log_fields),
    GROUP("mirror", CYAML_FLAG_OPTIONAL, mirror_fields),
    GROUP("api", CYAML_FLAG_OPTIONAL, api_fields),
    GROUP("listen", CYAML_FLAG_OPTIONAL, listen_fields),
    GROUP("limits", CYAML_FLAG_OPTIONAL, limits_fields),
    GROUP("consent", CYAML_FLAG_OPTIONAL, consent_fields),
    GROUP("diagnostics", CYAML_FLAG_OPTIONAL, diagnostics_fields),
    CYAML_FIELD_UINT("workers", CYAML_FLAG_OPTIONAL, struct config_file, workers),
    GROUP("xroad", CYAML_FLAG_OPTIONAL, xroad_fields),
    CYAML_FIELD_END,
};

const cyaml_schema_value_t config_file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config_file, file_fields),
};

#define FROM(member) offsetof(struct config_file, member)
#define TO(member) offsetof(struct gateway_config, member)

const struct config_text config_texts[CONFIG_TEXT_COUNT] = {
    { "directory.file", "directory.note", FROM(directory.file), TO(directory.file), true },
    { "directory.foreign_folder", "foreign", FROM(directory.foreign_folder), TO(directory.foreign_folder), true },
    { "keys.statement", "keys/statement.pem", FROM(keys.statement), TO(statement_key_path), true },
    { "keys.tls", "keys/tls.pem", FROM(keys.tls), TO(tls_key_path), true },
    { "keys.certificate", "keys/tls.crt", FROM(keys.certificate), TO(certificate_path), true },
    { "keys.witness", "keys/witness.pem", FROM(keys.witness), TO(witness_key_path), true },
    { "keys.mirror", "keys/mirror.pem", FROM(keys.mirror), TO(mirror_key_path), true },
    { "keys.pseudonym", "keys/pseudonym.key", FROM(keys.pseudonym), TO(pseudonym_key_path), true },
    { "log.folder", "log", FROM(log.folder), TO(log_folder), true },
    { "log.records", "records", FROM(log.records), TO(records_folder), true },
    { "log.archive", "archive", FROM(log.archive), TO(archive_folder), true },
    { "log.witness_folder", "witness", FROM(log.witness_folder), TO(witness_folder), true },
    { "log.witnesses", NULL, FROM(log.witnesses), TO(witnesses_file), true },
    { "mirror.folder", "mirrors", FROM(mirror.folder), TO(mirrors_folder), true },
    { "listen.peers", "0.0.0.0:5500", FROM(listen.peers), TO(peers_address), false },
    { "listen.management", "127.0.0.1:9080", FROM(listen.management), TO(management_address), false },
    { "listen.control", "control.sock", FROM(listen.control), TO(control_path), true },
    { "api.file", "api.yaml", FROM(api.file), TO(api_path), true },
};

const struct config_amount config_amounts[CONFIG_AMOUNT_COUNT] = {
    { "directory.warn_before", "7d", "0", "365d", AMOUNT_MS64, FROM(directory.warn_before), TO(directory.warn_before_ms) },
    { "log.retention", "190d", "0", "36500d", AMOUNT_MS64, FROM(log.retention), TO(log_retention_ms) },
    { "mirror.bytes_max", "1GiB", "1MiB", "1024GiB", AMOUNT_U64, FROM(mirror.bytes_max), TO(mirror_bytes_max) },
    { "limits.body", "64MiB", "1KiB", "1024GiB", AMOUNT_U64, FROM(limits.body), TO(limits.body.size_max) },
    { "limits.body_memory", "64KiB", "1KiB", "64MiB", AMOUNT_SIZE, FROM(limits.body_memory), TO(limits.body.memory_bytes) },
    { "limits.head", "32KiB", "1KiB", "1MiB", AMOUNT_SIZE, FROM(limits.head), TO(limits.head_bytes_max) },
    { "limits.fields", "128", "16", "1000", AMOUNT_COUNT, FROM(limits.fields), TO(limits.field_count_max) },
    { "limits.connections", "10000", "1", "1000000", AMOUNT_COUNT32, FROM(limits.connections), TO(limits.connections_max) },
    { "limits.streams", "256", "1", "10000", AMOUNT_COUNT32, FROM(limits.streams), TO(limits.streams_max) },
    { "limits.floods", "1000", "10", "1000000", AMOUNT_COUNT32, FROM(limits.floods), TO(limits.floods_max) },
    { "limits.write_buffer", "256KiB", "16KiB", "64MiB", AMOUNT_SIZE, FROM(limits.write_buffer), TO(limits.write_buffer_bytes) },
    { "limits.connect", "30s", "100ms", "10m", AMOUNT_MS32, FROM(limits.connect), TO(limits.connect_ms) },
    { "limits.idle", "60s", "100ms", "1d", AMOUNT_MS32, FROM(limits.idle), TO(limits.idle_ms) },
    { "limits.head_time", "10s", "100ms", "10m", AMOUNT_MS32, FROM(limits.head_time), TO(limits.head_ms) },
    { "limits.body_stall", "30s", "100ms", "10m", AMOUNT_MS32, FROM(limits.body_stall), TO(limits.body_stall_ms) },
    { "limits.write_stall", "30s", "100ms", "10m", AMOUNT_MS32, FROM(limits.write_stall), TO(limits.write_stall_ms) },
    { "limits.replay_window", "60s", "1s", "1h", AMOUNT_MS64, FROM(limits.replay_window), TO(replay_window_ms) },
    { "limits.drain", "30s", "0", "1h", AMOUNT_MS64, FROM(limits.drain), TO(drain_ms) },
    { "limits.witness_wait", "3s", "100ms", "1m", AMOUNT_MS64, FROM(limits.witness_wait), TO(witness_wait_ms) },
    { "consent.cache", "1000000", "1000", "500000000", AMOUNT_COUNT, FROM(consent.cache), TO(consent_cache) },
};
