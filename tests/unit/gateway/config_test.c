/* gateway.yaml: what the least file means, what each key does, each kind of mistake with its line, and the reference page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/config.h"
#include "gateway/config_internal.h"

#define VKEY "AURORA/operator+6dc2324c+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define LEAST "member: AURORA/GOV/HOSPITAL\ndirectory:\n  operators:\n    - " VKEY "\n"

static struct gateway_config *parse(const char *yaml)
{
    struct gateway_config *config = NULL;
    struct error e = { 0 };
    if (!gateway_config_parse(&config, bytes_of_text(yaml), "/srv/gw", "gateway.yaml", &e)) {
        char text[sizeof e];
        fail_msg("%s", error_text(&e, text, sizeof text));
    }
    return config;
}

static void least_file_gets_the_defaults(void **state)
{
    (void)state;
    struct gateway_config *config = parse(LEAST);
    assert_true(bytes_equal(config->member_text, BYTES("AURORA/GOV/HOSPITAL")));
    assert_true(bytes_equal(config->member.parts[2], BYTES("HOSPITAL")));
    assert_true(bytes_equal(config->code, BYTES("GW1")));
    assert_true(bytes_equal(config->origin, BYTES("AURORA/GOV/HOSPITAL/GW1")));
    assert_int_equal(config->directory.operator_count, 1);
    assert_string_equal(config->directory.operators[0].name, "AURORA/operator");
    assert_int_equal(config->directory.threshold, 1);
    assert_int_equal(config->directory.warn_before_ms, 7LL * 86400 * 1000);
    assert_string_equal(config->directory.file, "/srv/gw/directory.note");
    assert_string_equal(config->directory.foreign_folder, "/srv/gw/foreign");
    assert_string_equal(config->statement_key_path, "/srv/gw/keys/statement.pem");
    assert_string_equal(config->tls_key_path, "/srv/gw/keys/tls.pem");
    assert_string_equal(config->certificate_path, "/srv/gw/keys/tls.crt");
    assert_string_equal(config->store_url, "sqlite:/srv/gw/comity.db");
    assert_string_equal(config->log_folder, "/srv/gw/log");
    assert_string_equal(config->records_folder, "/srv/gw/records");
    assert_string_equal(config->archive_folder, "/srv/gw/archive");
    assert_string_equal(config->witness_folder, "/srv/gw/witness");
    assert_string_equal(config->witness_key_path, "/srv/gw/keys/witness.pem");
    assert_null(config->witnesses_file);
    assert_int_equal(config->witness_wait_ms, 3000);
    assert_string_equal(config->lock_path, "/srv/gw/records/lock");
    assert_int_equal(config->log_retention_ms, INT64_C(190) * 86400 * 1000);
    assert_null(config->log_listener);
    assert_int_equal(config->mirror_count, 0);
    assert_int_equal(config->mirrored_count, 0);
    assert_false(config->mirrors_peers);
    assert_int_equal(config->mirror_bytes_max, 1 << 30);
    assert_string_equal(config->mirrors_folder, "/srv/gw/mirrors");
    assert_string_equal(config->mirror_key_path, "/srv/gw/keys/mirror.pem");
    assert_string_equal(config->pseudonym_key_path, "/srv/gw/keys/pseudonym.key");
    assert_string_equal(config->peers_address, "0.0.0.0:5500");
    assert_string_equal(config->management_address, "127.0.0.1:9080");
    assert_string_equal(config->control_path, "/srv/gw/control.sock");
    assert_int_equal(config->application_count, 1);
    assert_string_equal(config->applications[0].address, "127.0.0.1:8080");
    assert_null(config->applications[0].certificate_path);
    assert_false(config->applications[0].has_subsystem);
    assert_int_equal(config->limits.body.size_max, 64 << 20);
    assert_int_equal(config->limits.body.memory_bytes, 64 << 10);
    assert_int_equal(config->limits.head_bytes_max, 32 << 10);
    assert_int_equal(config->limits.field_count_max, 128);
    assert_int_equal(config->limits.connections_max, 10000);
    assert_int_equal(config->limits.streams_max, 256);
    assert_int_equal(config->limits.idle_ms, 60000);
    assert_int_equal(config->limits.head_ms, 10000);
    assert_null(config->limits.body.spool_folder);
    assert_int_equal(config->replay_window_ms, 60000);
    assert_int_equal(config->drain_ms, 30000);
    assert_int_equal(config->diag_level, DIAG_INFO);
    assert_int_equal(config->diag_format, DIAG_TEXT);
    assert_true(config->workers >= 1);
    assert_false(config->xroad_is_77);
    struct error e = { 0 };
    assert_true(gateway_config_check_complete(config, &e));
    gateway_config_free(config);
}

static void every_key_is_heard(void **state)
{
    (void)state;
    struct gateway_config *config = parse(
        "member: AURORA/GOV/HOSPITAL\n"
        "gateway: 'A+B'\n"
        "directory: { file: d.note, foreign_folder: /f, operators: [ '" VKEY "' ], threshold: 1, warn_before: 2d }\n"
        "keys: { statement: s.pem, tls: /k/t.pem, certificate: c.crt }\n"
        "store: { url: 'sqlite:/var/db' }\n"
        "log: { folder: l, records: r, retention: 1d, retention_reason: a trial, mirrors: ['https://[::1]:5500/mirror'] }\n"
        "mirror: { logs: [peers, BAOBAB/GOV/CLINIC/GW1], folder: /m, bytes_max: 2MiB }\n"
        "listen:\n"
        "  peers: '[::1]:0'\n"
        "  log: { address: 10.0.0.1:81, tls: { certificate: l.crt, key: /k/l.pem } }\n"
        "  applications:\n"
        "    - address: 10.0.0.1:80\n"
        "      allow_plain_remote: true\n"
        "    - address: 10.0.0.1:443\n"
        "      tls: { certificate: a.crt, key: a.pem }\n"
        "      subsystem: AURORA/GOV/HOSPITAL/WARD\n"
        "  management: 127.0.0.1:1\n"
        "  control: c.sock\n"
        "limits: { body: 1MiB, body_memory: 4KiB, head: 2048, fields: 20, connections: 7, streams: 9, idle: 1h,\n"
        "  head_time: 5s, body_stall: 6s, write_stall: 7s, write_buffer: 32KiB, connect: 200ms, floods: 50,\n"
        "  replay_window: 5m, drain: 0, spool_folder: /spool }\n"
        "diagnostics: { format: json, level: error }\n"
        "workers: 3\n"
        "xroad: { errors: '7.7' }\n");
    assert_true(bytes_equal(config->code, BYTES("A+B")));
    /* A vkey's name ends at its first '+'. */
    assert_true(bytes_equal(config->origin, BYTES("AURORA/GOV/HOSPITAL/A%2BB")));
    assert_string_equal(config->directory.foreign_folder, "/f");
    assert_int_equal(config->directory.warn_before_ms, 2 * 86400 * 1000);
    assert_string_equal(config->tls_key_path, "/k/t.pem");
    assert_string_equal(config->certificate_path, "/srv/gw/c.crt");
    assert_string_equal(config->store_url, "sqlite:/var/db");
    assert_string_equal(config->records_folder, "/srv/gw/r");
    assert_string_equal(config->peers_address, "[::1]:0");
    assert_int_equal(config->log_retention_ms, 86400 * 1000);
    assert_int_equal(config->mirror_count, 1);
    assert_string_equal(config->mirrors[0], "https://[::1]:5500/mirror");
    assert_true(config->mirrors_peers);
    assert_int_equal(config->mirrored_count, 1);
    assert_true(bytes_equal(config->mirrored[0], BYTES("BAOBAB/GOV/CLINIC/GW1")));
    assert_string_equal(config->mirrors_folder, "/m");
    assert_int_equal(config->mirror_bytes_max, 2 << 20);
    assert_string_equal(config->log_listener->address, "10.0.0.1:81");
    assert_string_equal(config->log_listener->certificate_path, "/srv/gw/l.crt");
    assert_string_equal(config->log_listener->key_path, "/k/l.pem");
    assert_int_equal(config->application_count, 2);
    assert_true(config->applications[0].allow_plain_remote);
    assert_string_equal(config->applications[1].certificate_path, "/srv/gw/a.crt");
    assert_string_equal(config->applications[1].key_path, "/srv/gw/a.pem");
    assert_true(config->applications[1].has_subsystem);
    assert_true(bytes_equal(config->applications[1].subsystem.parts[3], BYTES("WARD")));
    assert_string_equal(config->control_path, "/srv/gw/c.sock");
    const struct net_limits *limits = &config->limits;
    assert_int_equal(limits->body.size_max, 1 << 20);
    assert_int_equal(limits->body.memory_bytes, 4096);
    assert_string_equal(limits->body.spool_folder, "/spool");
    assert_int_equal(limits->head_bytes_max, 2048);
    assert_int_equal(limits->field_count_max, 20);
    assert_int_equal(limits->connections_max, 7);
    assert_int_equal(limits->streams_max, 9);
    assert_int_equal(limits->idle_ms, 3600000);
    assert_int_equal(limits->head_ms, 5000);
    assert_int_equal(limits->body_stall_ms, 6000);
    assert_int_equal(limits->write_stall_ms, 7000);
    assert_int_equal(limits->write_buffer_bytes, 32768);
    assert_int_equal(limits->connect_ms, 200);
    assert_int_equal(limits->floods_max, 50);
    assert_int_equal(config->replay_window_ms, 300000);
    assert_int_equal(config->drain_ms, 0);
    assert_int_equal(config->diag_format, DIAG_JSON);
    assert_int_equal(config->diag_level, DIAG_ERROR);
    assert_int_equal(config->workers, 3);
    assert_true(config->xroad_is_77);
    gateway_config_free(config);
}

/* A bad file, and how its error begins: the line, and enough of the text to know which mistake it is. */
static const struct {
    const char *yaml, *error;
} mistakes[] = {
    { "", "gateway.yaml:1: " },
    { "member: [", "gateway.yaml:" },
    { "- a\n", "gateway.yaml:1: " },
    { "directory: { operators: [] }\n", "gateway.yaml:1: there is no key 'member'" },
    { "member: A/B/C\n", "gateway.yaml:1: there is no key 'directory'" },
    { "member: A/B/C\ndirectory: {}\n", "gateway.yaml:2: 'directory' has no key 'operators'" },
    { LEAST "lissten: {}\n", "gateway.yaml:5: unknown key 'lissten'; did you mean 'listen'?" },
    { LEAST "limits:\n  boddy: 1MiB\n", "gateway.yaml:6: unknown key 'boddy'; did you mean 'body'?" },
    { LEAST "member: A/B/D\n", "gateway.yaml:5: the key 'member' is there twice" },
    { LEAST "workers: many\n", "gateway.yaml:5: 'workers' must be a whole number" },
    { LEAST "workers: 257\n", "gateway.yaml:5: more than 256 workers" },
    { LEAST "listen: 8080\n", "gateway.yaml:5: 'listen' must be keys with values" },
    { LEAST "limits: { body: 64MB }\n", "gateway.yaml:5: '64MB' is not a size" },
    { LEAST "limits: { body: -1 }\n", "gateway.yaml:5: '-1' is not a size" },
    { LEAST "limits: { body: 99999999999GiB }\n", "gateway.yaml:5: '99999999999GiB' is not a size" },
    { LEAST "limits: { body: 1025GiB }\n", "gateway.yaml:5: '1025GiB' is out of bounds: from 1KiB to 1024GiB" },
    { LEAST "limits:\n  head: 1KiB\n  idle: soon\n", "gateway.yaml:7: 'soon' is not a duration" },
    { LEAST "limits:\n  idle: 2d\n", "gateway.yaml:6: '2d' is out of bounds: from 100ms to 1d" },
    { LEAST "limits: { streams: 0 }\n", "gateway.yaml:5: '0' is out of bounds: from 1 to 10000" },
    { LEAST "diagnostics:\n  format: xml\n", "gateway.yaml:6: 'format' can't be 'xml'" },
    { LEAST "diagnostics: { level: inof }\n", "gateway.yaml:5: 'level' can't be 'inof'; did you mean 'info'?" },
    { LEAST "xroad: { errors: 7.9 }\n", "gateway.yaml:5: 'errors' can't be '7.9'" },
    { LEAST "store: { url: 'mysql://x' }\n", "gateway.yaml:5: 'mysql://x' is no database that this program has; write sqlite:FILE" },
    { LEAST "store: { url: 'sqlite:' }\n", "gateway.yaml:5: 'sqlite:' is no database" },
    { LEAST "gateway: 'A/B'\n", "gateway.yaml:5: 'A/B' can't be a gateway's code" },
    { LEAST "gateway: ''\n", "gateway.yaml:5: 'gateway' is empty" },
    { LEAST "listen:\n  peers: localhost:1\n", "gateway.yaml:6: 'localhost:1' is no address" },
    { LEAST "listen:\n  peers: '127.0.0.1'\n", "gateway.yaml:6: '127.0.0.1' is no address" },
    { LEAST "listen:\n  management: '127.0.0.1:70000'\n", "gateway.yaml:6: '127.0.0.1:70000' is no address" },
    { LEAST "listen:\n  applications:\n    - address: 127.0.0.1:1\n    - address: 192.0.2.1:80\n",
      "gateway.yaml:8: plain HTTP on 192.0.2.1:80 could be read on the way; set tls" },
    { LEAST "listen:\n  applications:\n    - address: '[::]:80'\n", "gateway.yaml:7: plain HTTP on [::]:80" },
    { LEAST "listen:\n  applications:\n    - address: 127.0.0.1:1\n      tls: { certificate: a }\n",
      "gateway.yaml:8: 'tls' has no key 'key'" },
    { LEAST "listen:\n  applications:\n    - address: 127.0.0.1:1\n      allow_plain_remote: perhaps\n",
      "gateway.yaml:8: 'allow_plain_remote' can't be 'perhaps'" },
    { LEAST "listen:\n  applications:\n    - address: 127.0.0.1:1\n      subsystem: AURORA/GOV/OTHER/X\n",
      "gateway.yaml:8: 'AURORA/GOV/OTHER/X' is no subsystem of AURORA/GOV/HOSPITAL" },
    { LEAST "listen:\n  applications:\n    - address: 127.0.0.1:1\n      subsystem: AURORA/GOV/HOSPITAL\n",
      "gateway.yaml:8: 'AURORA/GOV/HOSPITAL' is no identifier" },
    { LEAST "listen:\n  peers: 127.0.0.1:5\n  management: 127.0.0.1:5\n", "gateway.yaml:7: two listeners have the address 127.0.0.1:5" },
    { LEAST "listen:\n  log: {}\n", "gateway.yaml:6: 'log' has no key 'address'" },
    { LEAST "listen:\n  log: { address: localhost:80 }\n", "gateway.yaml:6: 'localhost:80' is no address" },
    { LEAST "listen:\n  log: { address: 127.0.0.1:1, tls: { certificate: a } }\n", "gateway.yaml:6: 'tls' has no key 'key'" },
    { LEAST "listen:\n  log: { address: 127.0.0.1:1, subsystem: AURORA/GOV/HOSPITAL/X }\n", "gateway.yaml:6: unknown key 'subsystem'" },
    { LEAST "listen:\n  log: { address: 127.0.0.1:9080 }\n", "gateway.yaml:6: two listeners have the address 127.0.0.1:9080" },
    { LEAST "listen:\n  log: { address: 127.0.0.1:8080 }\n", "gateway.yaml:6: two listeners have the address 127.0.0.1:8080" },
    { LEAST "listen:\n  log: { address: 0.0.0.0:5500 }\n", "gateway.yaml:6: two listeners have the address 0.0.0.0:5500" },
    { LEAST "log:\n  mirrors:\n    - ftp://x/\n", "gateway.yaml:7: the address begins with neither https:// nor http://" },
    { LEAST "mirror:\n  bytes_max: 1KiB\n", "gateway.yaml:6: '1KiB' is out of bounds" },
    { LEAST "log:\n  retention: 179d\n", "gateway.yaml:6: '179d' is less than six months" },
    { LEAST "log:\n  retention: 0\n  retention_reason: ''\n", "gateway.yaml:7: 'retention_reason' is empty" },
    { LEAST "log:\n  retention: 101y\n", "gateway.yaml:6: '101y' is not a duration" },
    { LEAST "listen:\n  applications:\n    - address: 127.0.0.1:7\n    - address: 127.0.0.1:7\n",
      "gateway.yaml:8: two listeners have the address 127.0.0.1:7" },
    { LEAST
      "listen:\n  control: /123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901\n",
      "gateway.yaml:6: the path is longer than the 107 bytes that a unix socket may have" },
    { "member: A/B\ndirectory: { operators: [] }\n", "gateway.yaml:1: 'A/B' is no identifier" },
    { "member: A/%2/C\ndirectory: { operators: [] }\n", "gateway.yaml:1: 'A/%2/C' is no identifier" },
    { "member: A/B/C\ndirectory:\n  operators:\n    - nobody\n", "gateway.yaml:4: this is no vkey: " },
    { "member: A/B/C\ndirectory:\n  operators:\n    - " VKEY "\n    - " VKEY "\n", "gateway.yaml:5: this operator's key is there twice" },
    { "member: A/B/C\ndirectory:\n  threshold: 2\n  operators:\n    - " VKEY "\n", "gateway.yaml:3: 2 of 1 operators can't sign" },
    { LEAST "keys: { tls: \"a\\0b\" }\n", "gateway.yaml:5: 'tls' holds a NUL character" },
    { LEAST "keys: &k { tls: a }\nlog: *k\n", "gateway.yaml:6: an alias" },
    { LEAST "---\nmember: x\n", "gateway.yaml:5: a second document is not allowed" },
    { LEAST "log: { folder: \"\xff\" }\n", "gateway.yaml:5: this line is not UTF-8" },
};

static void each_mistake_has_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
        struct gateway_config *config = (struct gateway_config *)&i;
        struct error e = { 0 };
        char text[sizeof e];
        if (gateway_config_parse(&config, bytes_of_text(mistakes[i].yaml), ".", "gateway.yaml", &e)) {
            gateway_config_free(config);
            fail_msg("row %zu was taken; want: %s", i, mistakes[i].error);
        }
        (void)error_text(&e, text, sizeof text);
        if (e.kind != ERROR_INPUT || config != NULL || strncmp(text, mistakes[i].error, strlen(mistakes[i].error)) != 0) {
            fail_msg("row %zu: %s\n    want: %s", i, text, mistakes[i].error);
        }
    }
}

static void no_operator_is_told_when_it_matters(void **state)
{
    (void)state;
    struct gateway_config *config = parse("member: A/B/C\n\ndirectory:\n  operators: []\n");
    struct error e = { 0 };
    assert_false(gateway_config_check_complete(config, &e));
    assert_string_equal(e.where, "gateway.yaml:4");
    gateway_config_free(config);
}

static void sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t size;
    } row[] = {
        { "0", true, 0 },
        { "100", true, 100 },
        { "100B", true, 100 },
        { "1KiB", true, 1024 },
        { "64MiB", true, 1 << 26 },
        { "2GiB", true, 1ULL << 31 },
        { "17179869183GiB", true, 17179869183ULL << 30 },
        { "17179869184GiB", false, 0 },
        { "", false, 0 },
        { "KiB", false, 0 },
        { "1 KiB", false, 0 },
        { "1kib", false, 0 },
        { "1MB", false, 0 },
        { "-1", false, 0 },
        { "1.5MiB", false, 0 },
        { "18446744073709551616", false, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        uint64_t size = 0;
        if (size_parse(bytes_of_text(row[i].text), &size) != row[i].ok || size != row[i].size) {
            fail_msg("'%s': %llu", row[i].text, (unsigned long long)size);
        }
    }
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok, is_loopback;
    } row[] = {
        { "127.0.0.1:8080", true, true },
        { "127.9.9.9:0", true, true },
        { "0.0.0.0:65535", true, false },
        { "[::1]:1", true, true },
        { "[::]:1", true, false },
        { "[2001:db8::1]:443", true, false },
        { "127.0.0.1:65536", false, false },
        { "127.0.0.1:", false, false },
        { "127.0.0.1", false, false },
        { ":80", false, false },
        { "", false, false },
        { "::1:80", false, false },
        { "[::1]", false, false },
        { "[::1]80", false, false },
        { "[::1", false, false },
        { "[127.0.0.1]:80", false, false },
        { "host:80", false, false },
        { "127.1:80", false, false },
        { "127.0.0.1:+1", false, false },
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        bool is_loopback = false;
        if (address_parse(bytes_of_text(row[i].text), &is_loopback) != row[i].ok || is_loopback != row[i].is_loopback) {
            fail_msg("'%s'", row[i].text);
        }
    }
    assert_false(address_parse(bytes_of("127.0.0.1\0x:80", 14), NULL));
}

/* ---- The reference page names every key, and no other; and the defaults that the tables have ---- */

enum { KEYS_MAX = 100, KEY_SIZE = 80 };
static char keys[KEYS_MAX][KEY_SIZE];
static size_t key_count;

static void collect_keys(const cyaml_schema_field_t *field, const char *prefix)
{
    for (; field->key != NULL; field++) {
        char path[KEY_SIZE];
        const cyaml_schema_value_t *value = &field->value;
        int size = snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", field->key);
        assert_in_range(size, 1, KEY_SIZE - 3);
        if (value->type == CYAML_SEQUENCE && value->sequence.entry->type == CYAML_MAPPING) {
            memcpy(path + size, "[]", 3);
            collect_keys(value->sequence.entry->mapping.fields, path);
        } else if (value->type == CYAML_MAPPING) {
            collect_keys(value->mapping.fields, path);
        } else {
            assert_in_range(key_count, 0, KEYS_MAX - 1);
            memcpy(keys[key_count++], path, sizeof path);
        }
    }
}

static char *read_page(void)
{
    FILE *file = fopen(REFERENCE, "r");
    assert_non_null(file);
    char *page = calloc(1, 256 * 1024);
    assert_non_null(page);
    assert_in_range(fread(page, 1, 256 * 1024 - 1, file), 1, 256 * 1024 - 2);
    (void)fclose(file);
    return page;
}

static void reference_page_is_in_step(void **state)
{
    (void)state;
    char *page = read_page(), row[256];
    collect_keys(config_file_schema.mapping.fields, "");
    for (size_t i = 0; i < key_count; i++) {
        (void)snprintf(row, sizeof row, "\n| `%s` |", keys[i]);
        if (strstr(page, row) == NULL) {
            fail_msg("docs/reference/configuration.md has no row for %s", keys[i]);
        }
    }
    size_t rows = 0;
    for (const char *at = page; (at = strstr(at, "\n| `")) != NULL; at++) {
        rows++;
    }
    assert_int_equal(rows, key_count);
    for (size_t i = 0; i < COUNT_OF(config_texts); i++) {
        const char *without = config_texts[i].without, *quote = without == NULL ? "" : "`";
        without = without == NULL ? "none" : without;
        (void)snprintf(row, sizeof row, "\n| `%s` | %s%s%s |", config_texts[i].path, quote, without, quote);
        if (strstr(page, row) == NULL) {
            fail_msg("the page's default of %s is not %s", config_texts[i].path, without);
        }
    }
    for (size_t i = 0; i < COUNT_OF(config_amounts); i++) {
        const struct config_amount *amount = &config_amounts[i];
        (void)snprintf(row, sizeof row, "\n| `%s` | `%s` | from `%s` to `%s`", amount->path, amount->without, amount->least, amount->most);
        if (strstr(page, row) == NULL) {
            fail_msg("the page's row of %s differs; want: %s", amount->path, row + 1);
        }
    }
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_file_gets_the_defaults),
        cmocka_unit_test(every_key_is_heard),
        cmocka_unit_test(each_mistake_has_its_line),
        cmocka_unit_test(no_operator_is_told_when_it_matters),
        cmocka_unit_test(sizes),
        cmocka_unit_test(addresses),
        cmocka_unit_test(reference_page_is_in_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
