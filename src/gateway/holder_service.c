/* The holder's service: called over HTTP/1.1, and what of its answer may leave. */
#include "gateway/holder_internal.h"

#include <stdlib.h>

#include "base/time.h"
#include "policy/release.h"

/* X-Road 1.1: base URL, service path (one '/' dropped where both have it), and the query if there was a '?'. */
static struct bytes service_target(struct exchange *x, const struct service_url *url)
{
    struct bytes base = url->base;
    struct bytes path = x->parts.path;
    if (bytes_end_with(base, BYTES("/")) && bytes_start_with(path, BYTES("/"))) {
        base.size--;
    }
    const char *slash = base.size == 0 && path.size == 0 ? "/" : "";
    return arena_format(x->arena, "%s%.*s%.*s%s%.*s", slash, BYTES_FMT(base), BYTES_FMT(path), x->parts.has_query ? "?" : "",
                        BYTES_FMT(x->parts.query));
}

static bool is_one_of(struct bytes name, const struct bytes *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_ignoring_case(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* Of a service about persons: fields that ask for answers that can't be cut, or for a yes or no about what is withheld. */
static bool hinders_release(struct bytes name)
{
    static const struct bytes names[] = {
        BYTES("Accept-Encoding"),
        BYTES("Range"),
        BYTES("If-Range"),
        BYTES("If-Match"),
        BYTES("If-None-Match"),
        BYTES("If-Modified-Since"),
        BYTES("If-Unmodified-Since"),
        BYTES("Want-Digest"),
        BYTES("Want-Content-Digest"),
        BYTES("Want-Repr-Digest"),
    };
    return is_one_of(name, names, COUNT_OF(names));
}

/* What the decision asks of the service: data of some dates only; and that it is an emergency. */
static bool add_decided(struct exchange *x, struct fields *fields)
{
    char text[TIME_TEXT_SIZE];
    const struct decide_result *decision = &x->decision;
    if (decision->has_data_from && !fields_add(fields, x->arena, BYTES("Comity-Data-From"),
                                               arena_copy(x->arena, bytes_of_text(time_text(decision->data_from_ms, text))))) {
        return false;
    }
    if (decision->has_data_until && !fields_add(fields, x->arena, BYTES("Comity-Data-Until"),
                                                arena_copy(x->arena, bytes_of_text(time_text(decision->data_until_ms, text))))) {
        return false;
    }
    return !decision->is_break_glass || fields_add(fields, x->arena, BYTES("Comity-Basis"), BYTES("vital"));
}

static bool service_fields(struct exchange *x, struct fields *fields)
{
    bool is_about_person = x->service->person_place != PERSON_NONE;
    for (size_t i = 0; i < x->app_fields.count; i++) {
        const struct field *field = &x->app_fields.list[i];
        if (is_about_person && hinders_release(field->name)) {
            continue;
        }
        if (!fields_add(fields, x->arena, field->name, field->value)) {
            return false;
        }
    }
    struct bytes hash = arena_copy(x->arena, bytes_of(x->request_hash, XROAD_HASH_SIZE));
    return hash.data != NULL && (!x->is_message_id_made || fields_add(fields, x->arena, BYTES("X-Road-Id"), x->message_id)) &&
           fields_add(fields, x->arena, BYTES("X-Road-Request-Id"), x->exchange_id) &&
           fields_add(fields, x->arena, BYTES("X-Road-Request-Hash"), hash) &&
           (x->decision.purpose.size == 0 || fields_add(fields, x->arena, BYTES("Comity-Purpose"), x->decision.purpose)) &&
           add_decided(x, fields);
}

static void service_answered(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    struct exchange *x = context;
    (void)e; /* the service's address and troubles are the holder's own; the consumer gets the reason */
    x->call = NULL;
    x->reply = answer;
    x->failure = failure;
    x->is_answered = true;
    x->pending--;
    exchange_run(x);
}

static enum verdict start_call(struct exchange *x)
{
    struct error e;
    struct service_url url;
    struct fields fields = { 0 };
    if (!service_url_split(x->service->url, &url)) {
        return exchange_refuse(x, REASON_SERVICE_BAD_URL, NULL);
    }
    struct tls *tls = url.is_tls ? snapshot_service_tls(x->snapshot, x->service) : NULL;
    if (url.is_tls && tls == NULL) {
        return exchange_refuse(x, REASON_SERVICE_TLS, NULL);
    }
    struct bytes target = service_target(x, &url);
    struct bytes address = service_url_address(&url, x->arena);
    if (target.data == NULL || address.data == NULL || !service_fields(x, &fields)) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    const struct client_target where = {
        .protocol = PROTOCOL_HTTP1, .addresses = &address, .address_count = 1, .tls = tls, .server_name = url.host
    };
    const struct client_request request = {
        .method = x->request->method,
        .target = target,
        .authority = url.authority,
        .fields = fields.list,
        .field_count = fields.count,
        .body = x->request->has_body ? x->request->body : NULL,
        .read_stall_ms = x->service->timeout_ms,
    };
    x->is_called = true;
    x->pending++;
    if (!x->worker->ways->call(x->worker->outside, &x->call, &where, &request, service_answered, x, &e)) {
        x->pending--;
        return exchange_refuse_error(x, REASON_GATEWAY_BUSY, &e);
    }
    return WAIT;
}

static enum reason reason_of(enum client_failure failure)
{
    switch (failure) {
    case CLIENT_FAILURE_NONE:
        return REASON_NONE;
    case CLIENT_FAILURE_RESOLVE:
        return REASON_SERVICE_HOST;
    case CLIENT_FAILURE_CONNECT:
        return REASON_SERVICE_UNREACHABLE;
    case CLIENT_FAILURE_TLS:
        return REASON_SERVICE_TLS;
    case CLIENT_FAILURE_TIMEOUT:
        return REASON_SERVICE_TIMEOUT;
    case CLIENT_FAILURE_BROKEN:
        return REASON_SERVICE_BROKEN;
    case CLIENT_FAILURE_PROTOCOL:
        return REASON_SERVICE_GARBAGE;
    case CLIENT_FAILURE_TOO_LARGE:
        return REASON_SERVICE_TOO_LARGE;
    case CLIENT_FAILURE_STORAGE:
        break;
    }
    return REASON_GATEWAY_INTERNAL;
}

enum verdict holder_call_service(struct exchange *x)
{
    if (x->is_metadata) {
        return metadata_answer(x);
    }
    if (!x->is_called) {
        return start_call(x);
    }
    if (!x->is_answered) {
        return WAIT;
    }
    return x->failure == CLIENT_FAILURE_NONE ? GO_ON : exchange_refuse(x, reason_of(x->failure), NULL);
}

static bool is_json(const struct fields *fields)
{
    const struct field *type = fields_find_last(fields, BYTES("Content-Type"));
    const struct field *encoding = fields_find_last(fields, BYTES("Content-Encoding"));
    if (type == NULL || (encoding != NULL && !bytes_equal_ignoring_case(encoding->value, BYTES("identity")))) {
        return false;
    }
    struct bytes media = bytes_trim(bytes_slice(type->value, 0, bytes_find(type->value, ';')));
    return bytes_equal_ignoring_case(media, BYTES("application/json")) ||
           (media.size > 5 && bytes_equal_ignoring_case(bytes_slice(media, media.size - 5, media.size), BYTES("+json")));
}

static bool all_permitted(const struct exchange *x)
{
    for (size_t i = 0; i < x->service->release_count; i++) {
        if (!x->decision.permitted[i]) {
            return false;
        }
    }
    return true;
}

/* One that was spooled: piece by piece, and handed on so. */
static bool cut_spooled(struct exchange *x, struct release *release, struct buffer *out, struct error *e)
{
    enum { PIECE_BYTES = 16 * 1024 };
    uint8_t *piece = malloc(PIECE_BYTES);
    uint64_t size = body_size(x->reply->body);
    bool ok = piece != NULL || error_memory(e, "release");
    for (uint64_t offset = 0; ok && offset < size;) {
        size_t got = 0;
        ok = body_read(x->reply->body, offset, piece, PIECE_BYTES, &got, e) && release_add(release, bytes_of(piece, got), out, e);
        offset += got;
        if (ok && (out->failed || out->size >= PIECE_BYTES)) {
            ok = !out->failed ? body_append(x->answer_body, buffer_bytes(out), e) : error_memory(e, "release");
            buffer_reset(out);
        }
    }
    if (piece != NULL) {
        explicit_bzero(piece, PIECE_BYTES);
    }
    free(piece);
    return ok;
}

/* Cuts the service's answer into x->answer_body. */
static bool cut(struct exchange *x, struct release *release, struct error *e)
{
    struct buffer out;
    struct bytes whole;
    buffer_init(&out, SIZE_MAX);
    bool is_in_memory = body_view(x->reply->body, &whole);
    if (is_in_memory) {
        (void)buffer_room(&out, whole.size); /* what is cut is seldom longer than what came */
    }
    bool ok = is_in_memory ? release_add(release, whole, &out, e) : cut_spooled(x, release, &out, e);
    ok = ok && release_end(release, &out, e) && (!out.failed || error_memory(e, "release")) &&
         body_append(x->answer_body, buffer_bytes(&out), e);
    buffer_clear(&out);
    return ok;
}

/* Ages are counted to the moment that was decided for; pseudonyms are the recipient's, by the key that is made for it here. */
static bool make_release(struct exchange *x, struct release **release, struct error *e)
{
    const struct gateway *gateway = x->worker->gateway;
    struct transform_context context = { .now_ms = x->decided_at_ms };
    for (size_t i = 0; i < x->service->release_count; i++) {
        context.barred |= x->decision.withheld[i] == REASON_CATEGORY_NEVER ? (uint64_t)1 << i : 0;
    }
    context.has_pseudonym_key = gateway->has_pseudonym_secret && x->service->has_pseudonyms &&
                                transform_recipient_key(bytes_of(gateway->pseudonym_secret, sizeof gateway->pseudonym_secret), &x->client,
                                                        context.pseudonym_key);
    bool ok = release_make(release, x->service, x->decision.permitted, &context, e);
    explicit_bzero(&context, sizeof context);
    return ok;
}

static enum verdict cut_answer(struct exchange *x)
{
    struct error e;
    struct release *release = NULL;
    body_free(x->answer_body);
    x->answer_body = body_make(&x->worker->gateway->config->limits.body, false);
    if (x->answer_body == NULL || !make_release(x, &release, &e)) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    bool ok = cut(x, release, &e);
    for (size_t i = 0; ok && i < x->service->release_count; i++) {
        x->kept[i] = release_kept(release)[i];
        x->untransformed[i] = release_failed(release)[i];
        for (unsigned kind = 0; kind < TRANSFORM_COUNT; kind++) {
            x->transformed[i] |= release_transformed(release, i, (enum transform_kind)kind) ? (uint8_t)(1U << kind) : 0;
        }
    }
    release_free(release);
    if (!ok) {
        return exchange_refuse(x, e.kind == ERROR_INPUT ? REASON_RELEASE_INVALID : REASON_GATEWAY_INTERNAL, NULL);
    }
    return GO_ON;
}

/*
 * Of a service about persons only these fields leave: what any other says can't be cut by category (Location: .../conditions/E11), and
 * validators and digests tell about the whole what was cut from it.
 */
static bool says_nothing_of_person(struct bytes name)
{
    static const struct bytes names[] = {
        BYTES("Content-Type"),
        BYTES("Content-Language"),
        BYTES("Content-Encoding"),
        BYTES("Cache-Control"),
        BYTES("Date"),
        BYTES("Expires"),
        BYTES("Pragma"),
        BYTES("Vary"),
        BYTES("Retry-After"),
        BYTES("Allow"),
        BYTES("WWW-Authenticate"),
    };
    return is_one_of(name, names, COUNT_OF(names));
}

static bool take_answer_fields(struct exchange *x)
{
    const struct fields *all = &x->reply->fields;
    x->answer_fields = (struct fields){ 0 };
    for (size_t i = 0; i < all->count; i++) {
        struct bytes name = all->list[i].name;
        if (field_is_hop(name) || field_is_replaced_in_answer(name) || field_is_named_by_connection(all, name) ||
            (!x->decision.is_whole && !says_nothing_of_person(name))) {
            continue;
        }
        if (!fields_add(&x->answer_fields, x->arena, name, all->list[i].value)) {
            return false;
        }
    }
    return true;
}

enum verdict holder_release(struct exchange *x)
{
    if (x->is_metadata) {
        return GO_ON;
    }
    x->answer_status = x->reply->status;
    memcpy(x->kept, x->decision.permitted, sizeof x->kept);
    memset(x->untransformed, 0, sizeof x->untransformed);
    memset(x->transformed, 0, sizeof x->transformed);
    if (!x->decision.is_whole && body_size(x->reply->body) > 0) {
        if (is_json(&x->reply->fields)) {
            enum verdict verdict = cut_answer(x);
            if (verdict != GO_ON) {
                return verdict;
            }
        } else if (!all_permitted(x) || x->service->is_whole_never) {
            return exchange_refuse(x, REASON_RELEASE_NOT_JSON, NULL);
        }
    }
    if (!take_answer_fields(x)) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    if (x->answer_body == NULL) {
        x->answer_body = x->reply->body;
        x->reply->body = NULL;
    }
    return GO_ON;
}
