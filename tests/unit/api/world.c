#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <ftw.h>
#include <unistd.h>

#include <cmocka.h>

static void must(bool ok, const struct error *e)
{
    char text[sizeof *e];
    if (!ok) {
        fail_msg("%s", error_text(e, text, sizeof text));
    }
}

int api_world_setup(void **state)
{
    struct error e = { 0 };
    char path[128];
    struct api_world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/api-test-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(path, sizeof path, "sqlite:%s/comity.db", w->folder);
    must(store_open(&w->store, path, &e), &e);
    must(signer_make(&w->signer, BYTES("A/B/C/GW1"), &e), &e);
    (void)snprintf(path, sizeof path, "%s/log", w->folder);
    must(disk_open_folder(&w->public_disk, path, true, &e), &e);
    (void)snprintf(path, sizeof path, "%s/records", w->folder);
    must(disk_open_folder(&w->private_disk, path, false, &e), &e);
    must(log_open(&w->log, w->public_disk, w->private_disk, NULL, w->signer, &e), &e);
    const struct committer_options options = { 0 };
    must(committer_start(&w->committer, w->log, &options, &e), &e);
    const struct consents_options consents = {
        .store = w->store, .committer = w->committer, .public = w->public_disk, .private = w->private_disk
    };
    must(consents_open(&w->consents, &consents, &e), &e);
    must(uses_open(&w->uses, w->store, w->public_disk, w->private_disk, &e), &e);
    *state = w;
    return 0;
}

static int remove_each(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

int api_world_teardown(void **state)
{
    struct api_world *w = *state;
    uses_close(w->uses);
    consents_close(w->consents);
    committer_stop(w->committer);
    log_close(w->log);
    disk_free(w->private_disk);
    disk_free(w->public_disk);
    signer_free(w->signer);
    store_close(w->store);
    int fault = nftw(w->folder, remove_each, 16, FTW_DEPTH | FTW_PHYS);
    free(w);
    return fault;
}

static void on_done(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    struct api_reply *reply = context;
    (void)e;
    reply->is_done = true;
    body_free(reply->sent);
    reply->sent = NULL;
    reply->failure = failure;
    if (answer != NULL) {
        size_t got = 0;
        struct error cause;
        const struct field *type = fields_find(&answer->fields, BYTES("content-type"));
        reply->status = answer->status;
        (void)snprintf(reply->type, sizeof reply->type, "%.*s", BYTES_FMT(type == NULL ? BYTES_NONE : type->value));
        if (!body_read(answer->body, 0, (uint8_t *)reply->text, sizeof reply->text - 1, &got, &cause)) {
            got = 0;
        }
        reply->text[got] = '\0';
    }
    client_answer_free(answer);
}

void api_call(struct client *client, const char *address, const char *method, const char *target, const char *body, struct api_reply *reply)
{
    struct error e = { 0 };
    struct client_call *call = NULL;
    const struct bytes addresses[] = { bytes_of_text(address) };
    const struct client_target to = { .protocol = PROTOCOL_HTTP1, .addresses = addresses, .address_count = 1 };
    struct body *made = body == NULL ? NULL : body_of(bytes_of_text(body));
    assert_true(body == NULL || made != NULL);
    const struct client_request request = {
        .method = bytes_of_text(method),
        .target = bytes_of_text(target),
        .authority = BYTES("test"),
        .body = made,
    };
    *reply = (struct api_reply){ .sent = made };
    must(client_call(&call, client, &to, &request, on_done, reply, &e), &e);
}

void api_wait(uv_loop_t *loop, const struct api_reply *reply)
{
    while (!reply->is_done) {
        int is_alive = uv_run(loop, UV_RUN_ONCE); /* 0 also when the last thing on it was this reply */
        assert_true(is_alive != 0 || reply->is_done);
    }
}
