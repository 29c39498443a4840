#include "gateway/obliging_internal.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/metrics.h"
#include "base/time.h"
#include "rights/obligation.h"
#include "rights/review.h"
#include "witness/peer.h"

enum { ENTRIES_AT_ONCE = 20000, SENDS_AT_ONCE = 8, CALL_MS = 10 * 1000, ANSWER_BYTES_MAX = DATA_NOTICE_BYTES_MAX };

static struct metric told = { .name = "comity_gateway_obligations_told_total",
                              .labels = "",
                              .help = "Erase notices that a recipient's gateway has signed for",
                              .kind = METRIC_COUNTER };
static struct metric failed = { .name = "comity_gateway_obligations_failed_total",
                                .labels = "",
                                .help = "Erase notices and confirmations that could not be handed over; they are tried again",
                                .kind = METRIC_COUNTER };
static struct metric overdue = { .name = "comity_gateway_obligations_overdue",
                                 .labels = "",
                                 .help = "Erase notices whose confirmation is overdue: ask the recipients (comity rights obligations)",
                                 .kind = METRIC_GAUGE };
static struct metric lag = { .name = "comity_gateway_obligations_lag",
                             .labels = "",
                             .help = "Entries of the log that were not looked at yet for what recipients owe",
                             .kind = METRIC_GAUGE };

static struct metric notices_overdue = {
    .name = "comity_gateway_deferred_notices_overdue",
    .labels = "",
    .help = "Uses on a claimed vital interest whose person was not told in time (comity policy reviews)",
    .kind = METRIC_GAUGE
};
static struct metric reviews_overdue = { .name = "comity_gateway_reviews_overdue",
                                         .labels = "",
                                         .help = "Uses on a claimed vital interest whose review is overdue (comity policy reviews)",
                                         .kind = METRIC_GAUGE };

void obliging_metrics_register(void)
{
    metric_register(&told);
    metric_register(&failed);
    metric_register(&overdue);
    metric_register(&lag);
    metric_register(&reviews_overdue);
    metric_register(&notices_overdue);
}

/* ---- Calls ---- */

/* POSTs a note to a gateway of the directories, over the pins that they have for it. `status` is the answer's. */
static bool post(const struct snapshot *snapshot, const struct directory_gateway *peer, struct bytes target, struct bytes note,
                 struct client_answer **answer, struct error *e)
{
    static const struct field fields[] = { { BYTES("Content-Type"), BYTES("text/plain; charset=utf-8") } };
    struct body *body = body_of(note);
    if (body == NULL) {
        return error_memory(e, "erase notice");
    }
    const struct client_target where = { .protocol = PROTOCOL_HTTP2,
                                         .addresses = peer->addresses,
                                         .address_count = peer->address_count,
                                         .tls = snapshot->peer_tls,
                                         .pins = (const uint8_t(*)[PIN_SIZE])peer->tls_pins,
                                         .pin_count = peer->tls_pin_count };
    const struct client_request request = { .method = BYTES("POST"),
                                            .target = target,
                                            .authority = peer->address_count > 0 ? peer->addresses[0] : BYTES("peer"),
                                            .fields = fields,
                                            .field_count = COUNT_OF(fields),
                                            .body = body,
                                            .read_stall_ms = CALL_MS,
                                            .answer_bytes_max = ANSWER_BYTES_MAX };
    bool ok = client_fetch(&where, &request, CALL_MS, answer, NULL, e);
    body_free(body);
    return ok;
}

static bool find_peer(const struct snapshot *snapshot, struct bytes origin, const struct directory_gateway **out, struct error *e)
{
    *out = peer_by_origin(snapshot->world, origin, time_now_ms());
    if (*out == NULL) {
        return error_set(e, ERROR_ABSENT, "erase notice", "see to the directory", "the gateway is in no directory now");
    }
    return (*out)->address_count > 0 || error_set(e, ERROR_ABSENT, "erase notice", NULL, "the gateway has no address: it only calls out");
}

/* ---- Ours to tell ---- */

static bool tell(struct gateway *gateway, const struct snapshot *snapshot, const struct obligation *o, struct error *e)
{
    const struct directory_gateway *peer = NULL;
    struct client_answer *answer = NULL;
    struct error failure;
    struct bytes receipt = BYTES_NONE;
    bool ok = find_peer(snapshot, o->gateway, &peer, &failure) &&
              post(snapshot, peer, BYTES("/consent/erase-notices"), o->note, &answer, &failure);
    if (ok && answer->status != 200) {
        ok = error_set(&failure, ERROR_IO, "erase notice", NULL, "the recipient's gateway answered %u", answer->status);
    }
    ok = ok && (body_view(answer->body, &receipt) ||
                error_set(&failure, ERROR_IO, "erase notice", NULL, "the recipient's gateway answered too much"));
    metric_add(ok ? &told : &failed, 1);
    bool is_stored = obligation_tried(gateway->rights, o->id, ok ? &peer->statement_key : NULL, receipt, ok ? NULL : &failure,
                                      time_now_ms(), e);
    client_answer_free(answer);
    return is_stored;
}

static bool tell_all(struct gateway *gateway, const struct snapshot *snapshot, struct error *e)
{
    for (unsigned i = 0; i < SENDS_AT_ONCE && !atomic_load(&gateway->is_draining); i++) {
        struct arena arena = { 0 };
        struct obligation next;
        bool has_one = obligation_next(gateway->rights, gateway->signer, time_now_ms(), &arena, &next, e);
        bool ok = has_one ? tell(gateway, snapshot, &next, e) : e->kind == ERROR_ABSENT;
        arena_clear(&arena);
        if (!has_one || !ok) {
            return ok;
        }
    }
    return true;
}

/* ---- Others' to be answered ---- */

static bool report_all(struct gateway *gateway, const struct snapshot *snapshot, struct error *e)
{
    for (unsigned i = 0; i < SENDS_AT_ONCE && !atomic_load(&gateway->is_draining); i++) {
        struct arena arena = { 0 };
        struct bytes from, id, note;
        struct client_answer *answer = NULL;
        const struct directory_gateway *peer = NULL;
        struct error failure;
        bool has_one = received_next(gateway->rights, time_now_ms(), &arena, &from, &id, &note, e);
        bool ok = has_one || e->kind == ERROR_ABSENT;
        if (has_one) {
            bool is_reported = find_peer(snapshot, from, &peer, &failure) &&
                               post(snapshot, peer, BYTES("/consent/confirmations"), note, &answer, &failure) && answer->status == 204;
            metric_add(&failed, is_reported ? 0 : 1);
            ok = received_reported(gateway->rights, from, id, is_reported, time_now_ms(), e);
            client_answer_free(answer);
        }
        arena_clear(&arena);
        if (!has_one || !ok) {
            return ok;
        }
    }
    return true;
}

/* ---- The work ---- */

static bool count_overdue(void *context, const struct obligation *o)
{
    int64_t now_ms = time_now_ms();
    if (!obligation_is_overdue(o, now_ms)) {
        return false; /* they come by deadline */
    }
    (*(int64_t *)context)++;
    return true;
}

static void oblige(uv_work_t *work)
{
    struct gateway *gateway = work->data;
    struct error e = { 0 };
    uint64_t left = 0;
    int64_t late = 0, reviews_late = 0, notices_late = 0;
    struct snapshot *snapshot = gateway_snapshot(gateway);
    const struct obligation_sources sources = { .uses = gateway->uses,
                                                .public = gateway->public_disk,
                                                .private = gateway->private_disk,
                                                .signer = gateway->signer,
                                                .law = snapshot->law };
    const struct obligation_filter open = { .is_open = true };
    if (!obligations_catch_up(gateway->rights, &sources, ENTRIES_AT_ONCE, time_now_ms(), &left, &e) || !tell_all(gateway, snapshot, &e) ||
        !report_all(gateway, snapshot, &e) || !obligation_list(gateway->rights, &open, count_overdue, &late, &e) ||
        !review_count_overdue(gateway->rights, time_now_ms(), &reviews_late, &e) ||
        !review_count_untold(gateway->rights, time_now_ms(), &notices_late, &e)) {
        diag_error(DIAG_WARN, "rights", "what recipients owe is behind", &e);
    } else {
        metric_set(&overdue, late);
        metric_set(&reviews_overdue, reviews_late);
        metric_set(&notices_overdue, notices_late);
        metric_set(&lag, (int64_t)left);
    }
    snapshot_release(snapshot);
}

static void obliged(uv_work_t *work, int status)
{
    struct gateway *gateway = work->data;
    (void)status; /* nothing here cancels work */
    gateway->is_obliging = false;
}

void obliging_tick(struct gateway *gateway)
{
    if (!gateway->is_obliging) {
        gateway->oblige_work.data = gateway;
        gateway->is_obliging = uv_queue_work(gateway->main_loop, &gateway->oblige_work, oblige, obliged) == 0;
    }
}
