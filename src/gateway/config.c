#include "gateway/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/time.h"
#include "gateway/config_internal.h"
#include "base/yaml_schema.h"
#include "witness/url.h"

enum { CONFIG_ARENA_BYTES_MAX = 16 * 1024 * 1024, PATH_SIZE_MAX = 4095 };

/* One reading: from the file's texts to what they mean. */
struct reading {
    struct bytes text;
    const char *file;
    const struct config_file *from;
    struct gateway_config *to;
    struct error *e;
};

static const char *keep_text(struct reading *r, struct bytes text)
{
    struct bytes kept = arena_copy(&r->to->arena, text);
    if (kept.data == NULL) {
        error_memory(r->e, r->file);
    }
    return (const char *)kept.data;
}

/* Relative paths are relative to the gateway's folder, wherever the program was started. */
static const char *keep_path(struct reading *r, const char *path, const char *yaml_path)
{
    size_t size = strlen(path) + (path[0] == '/' ? 0 : strlen(r->to->folder) + 1);
    if (size > PATH_SIZE_MAX) {
        yaml_error(r->text, r->file, yaml_path, r->e, "choose a shorter path", "the path is longer than %d bytes", PATH_SIZE_MAX);
        return NULL;
    }
    struct bytes kept = path[0] == '/' ? arena_copy(&r->to->arena, bytes_of_text(path))
                                       : arena_format(&r->to->arena, "%s/%s", r->to->folder, path);
    if (kept.data == NULL) {
        error_memory(r->e, r->file);
    }
    return (const char *)kept.data;
}

static const char *text_at(const struct reading *r, size_t offset)
{
    const char *text;
    memcpy(&text, (const char *)r->from + offset, sizeof text);
    return text;
}

/* ---- Who we are ---- */

void gateway_config_write_origin(struct buffer *out, const struct identifier *member, struct bytes code)
{
    struct buffer plain;
    buffer_init(&plain, out->size_max);
    struct identifier id = *member;
    id.parts[3] = code;
    id.part_count = 4;
    identifier_append(&plain, &id);
    out->failed = out->failed || plain.failed;
    for (size_t i = 0; i < plain.size; i++) {
        /* A vkey ends its name at the first '+' (C2SP signed-note), which X-Road lets stand bare. */
        if (plain.data[i] == '+') {
            buffer_append_text(out, "%2B");
        } else {
            buffer_append_u8(out, plain.data[i]);
        }
    }
    buffer_clear(&plain);
}

/* Parses `text` into an identifier that lives as long as the configuration. */
static bool read_identifier(struct reading *r, const char *path, const char *text, size_t parts, const char *form, struct identifier *out)
{
    struct error cause = { 0 };
    uint8_t *storage = arena_take(&r->to->arena, strlen(text) + 1);
    if (storage == NULL) {
        return error_memory(r->e, r->file);
    }
    if (!identifier_parse(bytes_of_text(text), parts, parts, storage, out, &cause)) {
        return cause.kind == ERROR_MEMORY
                   ? error_memory(r->e, r->file)
                   : yaml_error(r->text, r->file, path, r->e, form, "'%.100s' is no identifier: %s", text, cause.what);
    }
    return true;
}

static bool read_code(struct reading *r)
{
    struct bytes code = bytes_of_text(r->from->gateway == NULL ? "GW1" : r->from->gateway);
    struct identifier id = r->to->member;
    struct error cause = { 0 };
    id.parts[3] = code;
    id.part_count = 4;
    if (code.size > IDENTIFIER_PART_SIZE_MAX || !identifier_check_new(&id, NULL, &cause)) {
        return yaml_error(r->text, r->file, "gateway", r->e, "use letters, digits and hyphens, such as GW1",
                          "'%.60s' can't be a gateway's code", (const char *)code.data);
    }
    r->to->code = arena_copy(&r->to->arena, code);
    return r->to->code.data != NULL || error_memory(r->e, r->file);
}

static bool read_names(struct reading *r)
{
    struct buffer text;
    if (!read_identifier(r, "member", r->from->member, 3, "write COMMUNITY/CLASS/MEMBER", &r->to->member) || !read_code(r)) {
        return false;
    }
    buffer_init(&text, 8192);
    identifier_append(&text, &r->to->member);
    r->to->member_text = arena_copy(&r->to->arena, buffer_bytes(&text));
    buffer_reset(&text);
    gateway_config_write_origin(&text, &r->to->member, r->to->code);
    r->to->origin = arena_copy(&r->to->arena, buffer_bytes(&text));
    bool ok = !text.failed && r->to->member_text.data != NULL && r->to->origin.data != NULL;
    buffer_clear(&text);
    if (!ok) {
        return error_memory(r->e, r->file);
    }
    if (r->to->origin.size > KEY_NAME_SIZE_MAX) {
        return yaml_error(r->text, r->file, "gateway", r->e, "choose a shorter code", "COMMUNITY/CLASS/MEMBER/CODE is longer than %d bytes",
                          KEY_NAME_SIZE_MAX);
    }
    return true;
}

/* ---- Texts and amounts, by their tables ---- */

static bool read_texts(struct reading *r)
{
    for (size_t i = 0; i < COUNT_OF(config_texts); i++) {
        const struct config_text *row = &config_texts[i];
        const char *given = text_at(r, row->from);
        given = given == NULL ? row->without : given;
        if (given == NULL) {
            continue; /* the configuration was zeroed */
        }
        const char *kept = row->is_path ? keep_path(r, given, row->path) : keep_text(r, bytes_of_text(given));
        if (kept == NULL) {
            return false;
        }
        memcpy((char *)r->to + row->to, &kept, sizeof kept);
    }
    return true;
}

static bool amount_value(enum config_amount_kind kind, const char *text, uint64_t *out)
{
    int64_t ms = 0;
    switch (kind) {
    case AMOUNT_MS32:
    case AMOUNT_MS64:
        if (!duration_parse(bytes_of_text(text), &ms)) {
            return false;
        }
        *out = (uint64_t)ms;
        return true;
    case AMOUNT_SIZE:
    case AMOUNT_U64:
        return size_parse(bytes_of_text(text), out);
    case AMOUNT_COUNT32:
    case AMOUNT_COUNT:
        return bytes_to_u64(bytes_of_text(text), out);
    }
    return false;
}

/* The tables' bounds fit the fields, so the narrowing here loses nothing; config_test checks that each row's own texts can be read. */
static void store_amount(struct gateway_config *to, const struct config_amount *row, uint64_t value)
{
    void *place = (char *)to + row->to;
    uint32_t narrow = (uint32_t)value;
    int64_t ms = (int64_t)value;
    size_t size = (size_t)value;
    switch (row->kind) {
    case AMOUNT_MS32:
    case AMOUNT_COUNT32:
        memcpy(place, &narrow, sizeof narrow);
        break;
    case AMOUNT_MS64:
        memcpy(place, &ms, sizeof ms);
        break;
    case AMOUNT_U64:
        memcpy(place, &value, sizeof value);
        break;
    case AMOUNT_SIZE:
    case AMOUNT_COUNT:
        memcpy(place, &size, sizeof size);
        break;
    }
}

static bool read_amounts(struct reading *r)
{
    static const char *const forms[] = {
        [AMOUNT_MS32] = "a duration: 500ms, 90s, 15m, 2h, 30d",
        [AMOUNT_MS64] = "a duration: 500ms, 90s, 15m, 2h, 30d",
        [AMOUNT_SIZE] = "a size: 100, 64KiB, 10MiB, 1GiB",
        [AMOUNT_U64] = "a size: 100, 64KiB, 10MiB, 1GiB",
        [AMOUNT_COUNT32] = "a whole number",
        [AMOUNT_COUNT] = "a whole number",
    };
    for (size_t i = 0; i < COUNT_OF(config_amounts); i++) {
        const struct config_amount *row = &config_amounts[i];
        const char *given = text_at(r, row->from);
        uint64_t value = 0, least = 0, most = 0;
        if (!amount_value(row->kind, row->least, &least) || !amount_value(row->kind, row->most, &most)) {
            return error_set(r->e, ERROR_INPUT, row->path, NULL, "has bounds that can't be read");
        }
        if (!amount_value(row->kind, given == NULL ? row->without : given, &value)) {
            return yaml_error(r->text, r->file, row->path, r->e, NULL, "'%.60s' is not %s", given, forms[row->kind]);
        }
        if (value < least || value > most) {
            return yaml_error(r->text, r->file, row->path, r->e, NULL, "'%.60s' is out of bounds: from %s to %s", given, row->least,
                              row->most);
        }
        store_amount(r->to, row, value);
    }
    return true;
}

/* ---- Directory, store, listeners ---- */

static bool read_operators(struct reading *r)
{
    size_t count = r->from->directory.operators_count;
    char path[64];
    (void)yaml_line(r->text, "directory.operators", &r->to->directory.operators_line);
    r->to->directory.threshold = r->from->directory.threshold == 0 ? 1 : r->from->directory.threshold;
    r->to->directory.operator_count = count;
    r->to->directory.operators = arena_take_zeroed(&r->to->arena, (count + 1) * sizeof *r->to->directory.operators);
    if (r->to->directory.operators == NULL) {
        return error_memory(r->e, r->file);
    }
    for (size_t i = 0; i < count; i++) {
        struct verifier *operator= & r->to->directory.operators[i];
        const char *text = r->from->directory.operators[i];
        struct error cause = { 0 };
        (void)snprintf(path, sizeof path, "directory.operators[%zu]", i);
        if (!verifier_parse(operator, bytes_of_text(text), path, &cause)) {
            return yaml_error(r->text, r->file, path, r->e, "copy the operator's key whole: NAME+HASH+KEY", "this is no vkey: %s",
                              cause.what);
        }
        for (size_t j = 0; j < i; j++) {
            if (verifier_equal(operator, & r->to->directory.operators[j])) {
                return yaml_error(r->text, r->file, path, r->e, "keep one of them", "this operator's key is there twice");
            }
        }
    }
    if (count > 0 && r->to->directory.threshold > count) {
        return yaml_error(r->text, r->file, "directory.threshold", r->e, "lower it, or name more operators",
                          "%zu of %zu operators can't sign", r->to->directory.threshold, count);
    }
    return true;
}

static bool read_store(struct reading *r)
{
    const char *url = r->from->store.url == NULL ? "sqlite:comity.db" : r->from->store.url;
    if (strncmp(url, "sqlite:", 7) != 0 || url[7] == '\0') {
        return yaml_error(r->text, r->file, "store.url", r->e, "write sqlite:FILE", "'%.60s' is no database that this program has", url);
    }
    const char *path = keep_path(r, url + 7, "store.url");
    if (path == NULL) {
        return false;
    }
    struct bytes kept = arena_format(&r->to->arena, "sqlite:%s", path);
    r->to->store_url = (const char *)kept.data;
    return kept.data != NULL || error_memory(r->e, r->file);
}

static bool check_address(struct reading *r, const char *path, const char *address, bool *is_loopback)
{
    return address_parse(bytes_of_text(address), is_loopback) ||
           yaml_error(r->text, r->file, path, r->e, "write a numeric address and a port: 127.0.0.1:8080, [::1]:8080",
                      "'%.80s' is no address", address);
}

/* Address and TLS of the listener that stands at `path`. */
static bool read_address(struct reading *r, const char *path, const struct config_file_listener *from, struct gateway_listener *to,
                         bool *is_loopback)
{
    char part[96];
    (void)snprintf(part, sizeof part, "%s.address", path);
    to->address = keep_text(r, bytes_of_text(from->address));
    if (to->address == NULL || !check_address(r, part, to->address, is_loopback)) {
        return false;
    }
    if (from->tls != NULL) {
        (void)snprintf(part, sizeof part, "%s.tls.certificate", path);
        to->certificate_path = keep_path(r, from->tls->certificate, part);
        to->key_path = to->certificate_path == NULL ? NULL : keep_path(r, from->tls->key, part);
        return to->key_path != NULL;
    }
    return true;
}

/* What it shows is signed and for everybody: plain HTTP does not hurt it. */
static bool read_log_listener(struct reading *r)
{
    bool is_loopback = false;
    if (r->from->listen.log == NULL) {
        return true;
    }
    r->to->log_listener = arena_take_zeroed(&r->to->arena, sizeof *r->to->log_listener);
    return r->to->log_listener == NULL ? error_memory(r->e, r->file)
                                       : read_address(r, "listen.log", r->from->listen.log, r->to->log_listener, &is_loopback);
}

/* A token that is read on the way is as good as the person's own. */
static bool check_plain(struct reading *r, const char *path, const struct config_file_listener *from, const char *address, bool is_loopback)
{
    char part[96];
    if (from->tls != NULL || is_loopback || from->allow_plain_remote) {
        return true;
    }
    (void)snprintf(part, sizeof part, "%s.address", path);
    return yaml_error(r->text, r->file, part, r->e, "set tls, choose a loopback address, or say allow_plain_remote: true",
                      "plain HTTP on %.60s could be read on the way", address);
}

static bool read_api_listener(struct reading *r)
{
    bool is_loopback = false;
    const struct config_file_listener *from = r->from->listen.api;
    if (from == NULL) {
        return true;
    }
    r->to->api_listener = arena_take_zeroed(&r->to->arena, sizeof *r->to->api_listener);
    return r->to->api_listener == NULL ? error_memory(r->e, r->file)
                                       : read_address(r, "listen.api", from, r->to->api_listener, &is_loopback) &&
                                             check_plain(r, "listen.api", from, r->to->api_listener->address, is_loopback);
}

static bool read_listener(struct reading *r, size_t index)
{
    const struct config_file_listener *from = &r->from->listen.applications[index];
    struct gateway_listener *to = &r->to->applications[index];
    char path[64], part[96];
    bool is_loopback = false;
    (void)snprintf(path, sizeof path, "listen.applications[%zu]", index);
    to->allow_plain_remote = from->allow_plain_remote;
    if (!read_address(r, path, from, to, &is_loopback)) {
        return false;
    }
    if (!check_plain(r, path, from, to->address, is_loopback)) {
        return false;
    }
    if (from->subsystem == NULL) {
        return true;
    }
    (void)snprintf(part, sizeof part, "%s.subsystem", path);
    to->has_subsystem = true;
    if (!read_identifier(r, part, from->subsystem, 4, "write COMMUNITY/CLASS/MEMBER/SUBSYSTEM", &to->subsystem)) {
        return false;
    }
    return identifier_is_within(&to->subsystem, &r->to->member) ||
           yaml_error(r->text, r->file, part, r->e, NULL, "'%.100s' is no subsystem of %.100s", from->subsystem, r->from->member);
}

/* Address and place in the file of the listener with this number; false past the last one. */
static bool listener_at(const struct reading *r, size_t index, const char **address, char path[64])
{
    const struct gateway_config *to = r->to;
    const struct gateway_listener *rest[] = { to->log_listener, to->api_listener };
    static const char *const names[] = { "listen.log.address", "listen.api.address" };
    *address = NULL; /* not configured */
    if (index < 2) {
        *address = index == 0 ? to->peers_address : to->management_address;
        (void)snprintf(path, 64, "%s", index == 0 ? "listen.peers" : "listen.management");
    } else if (index - 2 < to->application_count) {
        *address = to->applications[index - 2].address;
        (void)snprintf(path, 64, "listen.applications[%zu].address", index - 2);
    } else if (index - 2 - to->application_count < COUNT_OF(rest)) {
        size_t which = index - 2 - to->application_count;
        *address = rest[which] == NULL ? NULL : rest[which]->address;
        (void)snprintf(path, 64, "%s", names[which]);
    } else {
        return false;
    }
    return true;
}

/* One address can be had once; port 0 is another port each time. */
static bool check_addresses_differ(struct reading *r)
{
    const char *one, *other;
    char path[64], other_path[64];
    for (size_t i = 0; listener_at(r, i, &one, path); i++) {
        for (size_t j = 0; j < i && one != NULL && listener_at(r, j, &other, other_path); j++) {
            if (other != NULL && strcmp(one, other) == 0 && !bytes_end_with(bytes_of_text(one), BYTES(":0"))) {
                return yaml_error(r->text, r->file, path, r->e, "give each listener a port of its own",
                                  "two listeners have the address %.80s", one);
            }
        }
    }
    return true;
}

static bool read_listeners(struct reading *r)
{
    static const struct gateway_listener usual = { .address = "127.0.0.1:8080" };
    bool is_absent = r->from->listen.applications == NULL;
    struct gateway_config *to = r->to;
    size_t count = is_absent ? 1 : r->from->listen.applications_count;
    if (!check_address(r, "listen.peers", to->peers_address, NULL) ||
        !check_address(r, "listen.management", to->management_address, NULL)) {
        return false;
    }
    if (strlen(to->control_path) >= sizeof((struct sockaddr_un *)NULL)->sun_path) {
        return yaml_error(r->text, r->file, "listen.control", r->e, "set it to a shorter path, such as /run/comity/control.sock",
                          "the path is longer than the %zu bytes that a unix socket may have",
                          sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
    }
    to->application_count = count;
    to->applications = arena_take_zeroed(&to->arena, (count + 1) * sizeof *to->applications);
    if (to->applications == NULL) {
        return error_memory(r->e, r->file);
    }
    if (is_absent) {
        to->applications[0] = usual;
    }
    for (size_t i = 0; i < count && !is_absent; i++) {
        if (!read_listener(r, i)) {
            return false;
        }
    }
    return read_log_listener(r) && read_api_listener(r) && check_addresses_differ(r);
}

/* China's Cybersecurity Law, Art. 21, asks for network logs of at least six months; others are stricter. Less needs a reason, in writing. */
static bool check_retention(struct reading *r)
{
    const char *reason = r->from->log.retention_reason;
    const int64_t half_a_year_ms = INT64_C(180) * 24 * 60 * 60 * 1000;
    return r->to->log_retention_ms >= half_a_year_ms || (reason != NULL && reason[0] != '\0') ||
           yaml_error(r->text, r->file, "log.retention", r->e, "keep at least 180d, or say in log.retention_reason why less is right here",
                      "'%.60s' is less than six months", r->from->log.retention);
}

/* ---- Mirrors ---- */

static bool read_mirrors(struct reading *r)
{
    struct gateway_config *to = r->to;
    to->mirror_count = r->from->log.mirrors_count;
    to->mirrors = arena_take_zeroed(&to->arena, (to->mirror_count + 1) * sizeof *to->mirrors);
    to->mirrored = arena_take_zeroed(&to->arena, (r->from->mirror.logs_count + (size_t)1) * sizeof *to->mirrored);
    if (to->mirrors == NULL || to->mirrored == NULL) {
        return error_memory(r->e, r->file);
    }
    for (size_t i = 0; i < to->mirror_count; i++) {
        struct witness_url url;
        struct error cause = { 0 };
        char path[64];
        (void)snprintf(path, sizeof path, "log.mirrors[%zu]", i);
        if (!witness_url_parse(&url, bytes_of_text(r->from->log.mirrors[i]), path, &cause)) {
            return yaml_error(r->text, r->file, path, r->e, cause.todo, "%.150s", cause.what);
        }
        to->mirrors[i] = keep_text(r, bytes_of_text(r->from->log.mirrors[i]));
        if (to->mirrors[i] == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < r->from->mirror.logs_count; i++) {
        const char *origin = r->from->mirror.logs[i];
        if (strcmp(origin, "peers") == 0) {
            to->mirrors_peers = true;
            continue;
        }
        const char *kept = keep_text(r, bytes_of_text(origin));
        if (kept == NULL) {
            return false;
        }
        to->mirrored[to->mirrored_count++] = bytes_of_text(kept);
    }
    return true;
}

static bool read_rest(struct reading *r)
{
    struct gateway_config *to = r->to;
    const struct config_file *from = r->from;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    to->diag_format = from->diagnostics.format == 0 ? DIAG_TEXT : (enum diag_format)(from->diagnostics.format - 1);
    to->diag_level = from->diagnostics.level == 0 ? DIAG_INFO : (enum diag_level)(from->diagnostics.level - 1);
    to->xroad_is_77 = from->xroad.errors == 77;
    if (!check_retention(r)) {
        return false;
    }
    if (from->workers > GATEWAY_WORKERS_MAX) {
        return yaml_error(r->text, r->file, "workers", r->e, "write 0 for the number of CPUs", "more than %d workers", GATEWAY_WORKERS_MAX);
    }
    to->workers = from->workers != 0 ? from->workers : cpus < 1 ? 1 : (unsigned)cpus;
    to->workers = to->workers > GATEWAY_WORKERS_MAX ? GATEWAY_WORKERS_MAX : to->workers;
    if (from->limits.spool_folder != NULL) {
        to->limits.body.spool_folder = keep_path(r, from->limits.spool_folder, "limits.spool_folder");
        if (to->limits.body.spool_folder == NULL) {
            return false;
        }
    }
    struct bytes lock = arena_format(&to->arena, "%s/lock", to->records_folder);
    to->lock_path = (const char *)lock.data;
    return lock.data != NULL || error_memory(r->e, r->file);
}

/* ---- From outside ---- */

bool gateway_config_parse(struct gateway_config **out, struct bytes yaml, const char *folder, const char *file, struct error *e)
{
    bool ok = false;
    void *values = NULL;
    *out = NULL;
    struct gateway_config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        return error_memory(e, file);
    }
    config->arena.size_max = CONFIG_ARENA_BYTES_MAX;
    struct reading r = { .text = yaml, .file = file, .to = config, .e = e };
    config->folder = keep_text(&r, bytes_of_text(folder));
    config->file = keep_text(&r, bytes_of_text(file));
    if (config->folder == NULL || config->file == NULL || !yaml_load(&config_file_schema, yaml, file, &values, e)) {
        goto done;
    }
    r.from = values;
    ok = read_names(&r) && read_texts(&r) && read_amounts(&r) && read_operators(&r) && read_store(&r) && read_listeners(&r) &&
         read_mirrors(&r) && read_rest(&r);
    if (ok) {
        config->limits = net_limits_complete(config->limits);
        *out = config;
        config = NULL;
    }
done:
    yaml_unload(&config_file_schema, values);
    gateway_config_free(config);
    return ok;
}

static bool read_file(const char *path, struct buffer *out, struct error *e)
{
    bool ok = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return error_system(e, path, "check the name, its owner and mode");
    }
    for (;;) {
        uint8_t *room = buffer_room(out, 4096);
        if (room == NULL) {
            error_set(e, ERROR_INPUT, path, "is it the right file?", "larger than %d bytes", GATEWAY_CONFIG_BYTES_MAX);
            break;
        }
        ssize_t n = read(fd, room, 4096);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            error_system(e, path, "check the disk");
            break;
        }
        if (n == 0) {
            ok = true;
            break;
        }
        buffer_added(out, (size_t)n);
    }
    (void)close(fd); /* read only: nothing to lose */
    return ok;
}

bool gateway_config_load(struct gateway_config **out, const char *folder, struct error *e)
{
    struct buffer text;
    char path[PATH_SIZE_MAX + 1];
    *out = NULL;
    int size = snprintf(path, sizeof path, "%s/gateway.yaml", folder);
    if (size < 0 || (size_t)size >= sizeof path) {
        return error_set(e, ERROR_INPUT, "the gateway's folder", "choose a shorter path", "the path is too long");
    }
    /* In messages, the file in the current folder is just gateway.yaml. */
    const char *file = strcmp(folder, ".") == 0 ? path + 2 : path;
    buffer_init(&text, GATEWAY_CONFIG_BYTES_MAX);
    bool ok = read_file(file, &text, e) && gateway_config_parse(out, buffer_bytes(&text), folder, file, e);
    buffer_clear(&text);
    return ok;
}

void gateway_config_free(struct gateway_config *config)
{
    if (config != NULL) {
        arena_clear(&config->arena);
        free(config);
    }
}

bool gateway_config_check_complete(const struct gateway_config *config, struct error *e)
{
    char where[sizeof e->where];
    if (config->directory.operator_count >= config->directory.threshold) {
        return true;
    }
    return error_set(e, ERROR_INPUT, yaml_where(config->file, config->directory.operators_line, where, sizeof where),
                     "put in the key of the community's operator (a vkey)", "directory.operators names no one to trust");
}
