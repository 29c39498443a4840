/* The other gateways, directories and certificates, for the figures: each with a state in one word. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/time.h"
#include "gateway/figures_internal.h"
#include "gateway/witnessing_internal.h"
#include "interchange/json_make.h"
#include "net/client.h"
#include "witness/peer.h"

enum { ROWS_MAX = 64, MEMBERS_LOOKED_AT_MAX = 1000, RECENT_MS = 5 * 60 * 1000 };
#define CERTIFICATE_WARN_MS (INT64_C(30) * 24 * 60 * 60 * 1000)

/* In the order in which they are told. */
enum state { STATE_DISTRUSTED = 0, STATE_FAILING, STATE_UNLISTED, STATE_MAINTENANCE, STATE_UP, STATE_QUIET };
static const char *const state_words[] = { "distrusted", "failing", "unlisted", "maintenance", "up", "quiet" };

struct peer_row {
    const char *origin; /* of a tally or a directory */
    const struct directory_gateway *listed;
    uint64_t answered, failed, heard;
    int64_t answered_at_ms, failed_at_ms, heard_at_ms;
    int failure;
    enum state state;
};

struct rows {
    struct peer_row list[ROWS_MAX];
    size_t count;
};

static struct peer_row *row_of(struct rows *rows, const char *origin)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (strcmp(rows->list[i].origin, origin) == 0) {
            return &rows->list[i];
        }
    }
    if (rows->count == ROWS_MAX) {
        return NULL;
    }
    rows->list[rows->count] = (struct peer_row){ .origin = origin };
    return &rows->list[rows->count++];
}

static void add_tallies(struct rows *rows, const struct tally *tally)
{
    for (size_t i = 0; tally != NULL && i < TALLY_PEERS_MAX; i++) {
        const struct tally_peer *slot = &tally->peers[i];
        const char *origin = atomic_load_explicit(&slot->origin, memory_order_acquire);
        struct peer_row *row = origin == NULL ? NULL : row_of(rows, origin);
        if (row == NULL) {
            continue;
        }
        int64_t answered_at = atomic_load_explicit(&slot->answered_at_ms, memory_order_relaxed);
        int64_t failed_at = atomic_load_explicit(&slot->failed_at_ms, memory_order_relaxed);
        int64_t heard_at = atomic_load_explicit(&slot->heard_at_ms, memory_order_relaxed);
        row->answered += atomic_load_explicit(&slot->answered, memory_order_relaxed);
        row->failed += atomic_load_explicit(&slot->failed, memory_order_relaxed);
        row->heard += atomic_load_explicit(&slot->heard, memory_order_relaxed);
        row->failure = failed_at > row->failed_at_ms ? atomic_load_explicit(&slot->failure, memory_order_relaxed) : row->failure;
        row->answered_at_ms = answered_at > row->answered_at_ms ? answered_at : row->answered_at_ms;
        row->failed_at_ms = failed_at > row->failed_at_ms ? failed_at : row->failed_at_ms;
        row->heard_at_ms = heard_at > row->heard_at_ms ? heard_at : row->heard_at_ms;
    }
}

/* Those that nothing was to do with yet, as far as there is room and it is quick. */
static void add_listed(struct rows *rows, const struct directory *directory, const char *own)
{
    for (size_t i = 0; i < directory->member_count && i < MEMBERS_LOOKED_AT_MAX; i++) {
        const struct directory_member *member = &directory->members[i];
        for (size_t j = 0; j < member->gateway_count; j++) {
            const char *origin = member->gateways[j].statement_key.name;
            if (strcmp(origin, own) != 0) {
                (void)row_of(rows, origin);
            }
        }
    }
}

static enum state state_of(const struct gateway *gateway, const struct peer_row *row, int64_t now_ms)
{
    int64_t good_at_ms = row->answered_at_ms > row->heard_at_ms ? row->answered_at_ms : row->heard_at_ms;
    if (row->listed == NULL) {
        return STATE_UNLISTED;
    }
    if (gateway_distrusts(gateway, &row->listed->statement_key)) {
        return STATE_DISTRUSTED;
    }
    if (row->failed_at_ms > row->answered_at_ms) {
        return STATE_FAILING;
    }
    if (row->listed->in_maintenance) {
        return STATE_MAINTENANCE;
    }
    return good_at_ms != 0 && now_ms - good_at_ms < RECENT_MS ? STATE_UP : STATE_QUIET;
}

static const char *failure_word(int failure)
{
    static const char *const words[] = {
        [CLIENT_FAILURE_NONE] = "none",         [CLIENT_FAILURE_RESOLVE] = "resolve",     [CLIENT_FAILURE_CONNECT] = "connect",
        [CLIENT_FAILURE_TLS] = "tls",           [CLIENT_FAILURE_TIMEOUT] = "timeout",     [CLIENT_FAILURE_BROKEN] = "broken",
        [CLIENT_FAILURE_PROTOCOL] = "protocol", [CLIENT_FAILURE_TOO_LARGE] = "too_large", [CLIENT_FAILURE_STORAGE] = "storage",
    };
    return failure >= 0 && (size_t)failure < COUNT_OF(words) ? words[failure] : "none";
}

static json_t *time_or_null(int64_t time_ms)
{
    return time_ms == 0 ? json_null() : json_from_time(time_ms);
}

static json_t *json_of_row(const struct peer_row *row)
{
    struct json_maker m = json_make();
    struct bytes origin = bytes_of_text(row->origin);
    size_t size = origin.size;
    while (size > 0 && origin.data[size - 1] != '/') {
        size--;
    }
    json_make_bytes(&m, "origin", origin);
    json_make_bytes(&m, "member", bytes_slice(origin, 0, size == 0 ? origin.size : size - 1));
    json_make_text(&m, "state", state_words[row->state]);
    json_make_number(&m, "answered", row->answered);
    json_make_number(&m, "failed", row->failed);
    json_make_number(&m, "heard", row->heard);
    json_make_value(&m, "answeredAt", time_or_null(row->answered_at_ms));
    json_make_value(&m, "failedAt", time_or_null(row->failed_at_ms));
    json_make_value(&m, "heardAt", time_or_null(row->heard_at_ms));
    json_make_text(&m, "failure", row->state == STATE_FAILING ? failure_word(row->failure) : "none");
    return json_made(&m);
}

static int by_need(const void *a, const void *b)
{
    const struct peer_row *x = a, *y = b;
    return x->state != y->state ? (x->state < y->state ? -1 : 1) : strcmp(x->origin, y->origin);
}

json_t *figures_peers(struct gateway *gateway, const struct snapshot *snapshot, int64_t now_ms)
{
    struct rows rows = { .count = 0 };
    for (size_t i = 0; i < gateway->worker_count; i++) {
        add_tallies(&rows, gateway->workers[i].tally);
    }
    const char *own = signer_verifier(gateway->signer)->name;
    add_listed(&rows, snapshot->world->own, own);
    for (size_t i = 0; i < snapshot->world->foreign_count; i++) {
        add_listed(&rows, snapshot->world->foreign[i], own);
    }
    for (size_t i = 0; i < rows.count; i++) {
        struct peer_row *row = &rows.list[i];
        row->listed = peer_by_origin(snapshot->world, bytes_of_text(row->origin), now_ms);
        row->state = state_of(gateway, row, now_ms);
    }
    qsort(rows.list, rows.count, sizeof rows.list[0], by_need);
    json_t *list = json_array();
    for (size_t i = 0; i < rows.count; i++) {
        if (!json_list_add(list, json_of_row(&rows.list[i]))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static const char *end_word(int64_t end_ms, int64_t warn_ms, int64_t now_ms)
{
    return end_ms <= now_ms ? "ended" : end_ms - now_ms < warn_ms ? "ending" : "valid";
}

static json_t *json_of_directory(const struct gateway *gateway, const struct directory *directory, int64_t until_ms, bool is_own,
                                 int64_t now_ms)
{
    struct json_maker m = json_make();
    json_make_bytes(&m, "community", directory->community);
    json_make_bool(&m, "own", is_own);
    json_make_number(&m, "serial", directory->serial);
    json_make_time(&m, "validUntil", until_ms);
    json_make_text(&m, "state", end_word(until_ms, gateway->config->directory.warn_before_ms, now_ms));
    json_make_number(&m, "members", directory->member_count);
    json_make_digest(&m, "sha256", directory->digest);
    json_t *signers = json_array();
    for (size_t i = 0; i < directory->operator_count; i++) {
        struct buffer text;
        buffer_init(&text, 1024);
        verifier_write(&directory->operators[i], &text);
        bool ok = json_list_add(signers, json_from_bytes(buffer_bytes(&text)));
        buffer_clear(&text);
        if (!ok) {
            json_decref(signers);
            signers = NULL;
            break;
        }
    }
    json_make_value(&m, "operators", signers);
    return json_made(&m);
}

json_t *figures_directories(const struct gateway *gateway, const struct snapshot *snapshot, int64_t now_ms)
{
    const struct world *world = snapshot->world;
    json_t *list = json_array();
    bool ok = json_list_add(list, json_of_directory(gateway, world->own, world->own->valid_until_ms, true, now_ms));
    for (size_t i = 0; i < world->foreign_count && ok; i++) {
        int64_t until_ms = world->foreign[i]->valid_until_ms, recognised_ms = world->recognitions[i]->valid_until_ms;
        until_ms = recognised_ms < until_ms ? recognised_ms : until_ms;
        ok = json_list_add(list, json_of_directory(gateway, world->foreign[i], until_ms, false, now_ms));
    }
    if (!ok) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static bool add_certificate(json_t *list, const char *what, const char *path, int64_t now_ms)
{
    uint8_t pin[PIN_SIZE];
    int64_t end_ms = 0;
    struct error e = { 0 };
    char text[sizeof e];
    struct json_maker m = json_make();
    if (path == NULL) {
        json_decref(json_made(&m));
        return true;
    }
    bool ok = certificate_read_pin(path, pin, &end_ms, &e);
    json_make_text(&m, "what", what);
    json_make_value(&m, "validUntil", ok ? json_from_time(end_ms) : json_null());
    json_make_text(&m, "state", ok ? end_word(end_ms, CERTIFICATE_WARN_MS, now_ms) : "unreadable");
    json_make_value(&m, "why", ok ? json_null() : json_string(error_text(&e, text, sizeof text)));
    return json_list_add(list, json_made(&m));
}

json_t *figures_certificates(const struct gateway *gateway, int64_t now_ms)
{
    const struct gateway_config *config = gateway->config;
    json_t *list = json_array();
    bool ok = add_certificate(list, "peers", config->certificate_path, now_ms);
    for (size_t i = 0; i < config->application_count && ok; i++) {
        ok = add_certificate(list, "applications", config->applications[i].certificate_path, now_ms);
    }
    ok = ok && (config->api_listener == NULL || add_certificate(list, "api", config->api_listener->certificate_path, now_ms)) &&
         (config->log_listener == NULL || add_certificate(list, "log", config->log_listener->certificate_path, now_ms));
    if (!ok) {
        json_decref(list);
        return NULL;
    }
    return list;
}
