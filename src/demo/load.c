#include "demo/load.h"

#include <stdio.h>
#include <stdlib.h>

#include "demo/scene.h"
#include "net/client.h"

enum { ACKNOWLEDGED_MAX = 200000 };

struct load {
    uv_loop_t loop;
    struct client *client;
    uv_timer_t halfway_timer, end_timer;
    void (*halfway)(void *context);
    void *context;
    struct bytes address, path, client_text;
    size_t under_way;
    bool is_over;
    struct load_result *result;
};

static void one_more(struct load *load);

static void answered(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    struct load *load = context;
    struct load_result *result = load->result;
    (void)failure;
    (void)e;
    const struct field *id = answer == NULL ? NULL : fields_find(&answer->fields, BYTES("X-Road-Request-Id"));
    if (answer != NULL && answer->status == 200 && id != NULL && id->value.size == LOAD_ID_SIZE - 1 &&
        result->acknowledged_count < ACKNOWLEDGED_MAX) {
        (void)snprintf(result->acknowledged[result->acknowledged_count++], LOAD_ID_SIZE, "%.*s", BYTES_FMT(id->value));
    } else {
        result->failed_count++;
    }
    client_answer_free(answer);
    load->under_way--;
    one_more(load);
}

static void one_more(struct load *load)
{
    struct error e;
    struct client_call *call;
    const struct client_target target = { .protocol = PROTOCOL_HTTP1, .addresses = &load->address, .address_count = 1 };
    const struct field fields[] = { { BYTES("X-Road-Client"), load->client_text }, { BYTES("Comity-Purpose"), BYTES(SCENE_PURPOSE) } };
    const struct client_request request = {
        .method = BYTES("GET"), .target = load->path, .authority = load->address, .fields = fields, .field_count = COUNT_OF(fields)
    };
    if (load->is_over) {
        if (load->under_way == 0) {
            client_stop(load->client, NULL, NULL);
            load->client = NULL;
        }
        return;
    }
    if (client_call(&call, load->client, &target, &request, answered, load, &e)) {
        load->under_way++;
    }
}

static void at_half(uv_timer_t *timer)
{
    struct load *load = timer->data;
    if (load->halfway != NULL) {
        load->halfway(load->context);
    }
    uv_close((uv_handle_t *)timer, NULL);
}

static void at_end(uv_timer_t *timer)
{
    struct load *load = timer->data;
    load->is_over = true;
    if (load->under_way == 0 && load->client != NULL) {
        one_more(load);
    }
    uv_close((uv_handle_t *)timer, NULL);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

bool load_run(unsigned port, const char *path, const char *client, unsigned connections, unsigned duration_ms,
              void (*halfway)(void *context), void *context, struct load_result *result, struct error *e)
{
    char address[64];
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", port);
    struct load load = { .halfway = halfway,
                         .context = context,
                         .address = bytes_of_text(address),
                         .path = bytes_of_text(path),
                         .client_text = bytes_of_text(client),
                         .result = result };
    *result = (struct load_result){ .acknowledged = calloc(ACKNOWLEDGED_MAX, LOAD_ID_SIZE) };
    if (result->acknowledged == NULL || uv_loop_init(&load.loop) != 0) {
        return error_memory(e, "load");
    }
    const struct net_limits limits = { 0 };
    if (!client_make(&load.client, &load.loop, &limits, e)) {
        (void)uv_loop_close(&load.loop);
        return false;
    }
    (void)uv_timer_init(&load.loop, &load.halfway_timer);
    (void)uv_timer_init(&load.loop, &load.end_timer);
    load.halfway_timer.data = load.end_timer.data = &load;
    (void)uv_timer_start(&load.halfway_timer, at_half, duration_ms / 2, 0);
    (void)uv_timer_start(&load.end_timer, at_end, duration_ms, 0);
    for (unsigned i = 0; i < connections; i++) {
        one_more(&load);
    }
    (void)uv_run(&load.loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&load.loop);
    qsort(result->acknowledged, result->acknowledged_count, LOAD_ID_SIZE, by_text);
    return true;
}

long load_find(const struct load_result *result, const char *id)
{
    const char(*found)[LOAD_ID_SIZE] = bsearch(id, result->acknowledged, result->acknowledged_count, LOAD_ID_SIZE, by_text);
    return found == NULL ? -1 : (long)(found - (const char(*)[LOAD_ID_SIZE])result->acknowledged);
}
