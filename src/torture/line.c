/* What goes between applications, gateways and services: whole messages, which lines lose, double, delay and reorder. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/time.h"
#include "torture/stage_internal.h"

enum { LOST_OF_100 = 2, DOUBLED_OF_100 = 8, BREAKS_AFTER_MS = 3000 };

/* A request that is in a gateway: comes first, so that it is the server_request. */
struct incoming {
    struct server_request request;
    struct node *node;
    struct call *call;         /* of the gateway that sent it; NULL: nobody's, or an application's */
    struct exchange *exchange; /* of an application; else NULL */
};

/* ---- Letters ---- */

static struct letter *letter_make(enum letter_kind kind, struct node *node)
{
    struct arena arena = { 0 };
    struct letter *letter = stage_must(arena_take_zeroed(&arena, sizeof *letter));
    letter->arena = arena;
    letter->kind = kind;
    letter->node = node;
    return letter;
}

void letter_free(struct letter *letter)
{
    struct arena arena = letter->arena; /* it lives in it itself */
    arena_clear(&arena);
}

static void post(struct stage *stage, struct letter *letter, int64_t delay_ms)
{
    if (stage->letter_count == LETTERS_MAX) {
        letter_free(letter); /* lost, as on any line */
        return;
    }
    letter->due_ms = stage->now_ms + delay_ms;
    letter->order = stage->order++;
    stage->letters[stage->letter_count++] = letter;
}

static struct bytes copy(struct letter *letter, struct bytes text)
{
    struct bytes made = arena_copy(&letter->arena, text.data == NULL ? BYTES("") : text);
    (void)stage_must((void *)(uintptr_t)made.data);
    return made;
}

static void copy_fields(struct letter *letter, const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!fields_add(&letter->fields, &letter->arena, copy(letter, fields[i].name), copy(letter, fields[i].value))) {
            abort();
        }
    }
}

static void copy_body(struct letter *letter, struct body *body)
{
    struct bytes view = BYTES_NONE;
    if (body != NULL && !body_view(body, &view)) {
        abort(); /* nothing here is as large as what is spooled */
    }
    letter->body = copy(letter, view);
}

static struct letter *letter_copy(const struct letter *from)
{
    struct letter *to = letter_make(from->kind, from->node);
    to->from = from->from;
    to->call = from->call;
    to->method = copy(to, from->method);
    to->target = copy(to, from->target);
    to->authority = copy(to, from->authority);
    to->preface = copy(to, from->preface);
    to->body = copy(to, from->body);
    to->status = from->status;
    copy_fields(to, from->fields.list, from->fields.count);
    return to;
}

static void post_failure(struct stage *stage, struct call *call, enum client_failure failure, int64_t delay_ms)
{
    if (call != NULL && call->is_waiting) {
        struct letter *letter = letter_make(LETTER_FAILURE, call->node);
        letter->call = call;
        letter->failure = failure;
        post(stage, letter, delay_ms);
    }
}

/* Which exchange is it about? The application's field goes through to the service. */
static uint64_t number_of(const struct fields *fields)
{
    const struct field *field = fields_find(fields, BYTES("X-Torture"));
    char text[32];
    if (field == NULL) {
        return 0;
    }
    (void)snprintf(text, sizeof text, "%.*s", BYTES_FMT(field->value));
    return strtoull(text, NULL, 16);
}

static struct exchange *exchange_of(struct stage *stage, uint64_t number)
{
    for (size_t i = stage->exchange_count; i-- > 0;) {
        if (stage->exchanges[i].number == number) {
            return &stage->exchanges[i];
        }
    }
    return NULL;
}

/* Lost, late, in another order, or several times over. */
static void send_letter(struct stage *stage, struct letter *letter, uint64_t seed)
{
    uint64_t random = seed;
    unsigned copies = dice_below(&random, 100) < LOST_OF_100 ? 0 : dice_below(&random, 100) < DOUBLED_OF_100 ? 2 : 1;
    for (unsigned i = 0; i < copies; i++) {
        uint64_t delay_ms = dice_below(&random, 30) == 0 ? dice_below(&random, 40000) : 1 + dice_below(&random, 200);
        post(stage, letter_copy(letter), (int64_t)delay_ms);
    }
    letter_free(letter);
}

/* ---- Who listens on the line ---- */

static void remember(struct stage *stage, const struct letter *letter)
{
    struct letter **place = &stage->overheard[stage->overheard_count++ % OVERHEARD_MAX];
    if (*place != NULL) {
        letter_free(*place);
    }
    *place = letter_copy(letter);
    (*place)->call = NULL;
}

/* Which one hangs on the numbers of exchanges, not on how many there were: the choice stays when actions are left out. */
void line_replay(struct stage *stage, uint64_t seed)
{
    const struct letter *chosen = NULL;
    for (size_t i = 0; i < OVERHEARD_MAX && stage->overheard[i] != NULL; i++) {
        const struct letter *letter = stage->overheard[i];
        if (chosen == NULL || (number_of(&letter->fields) ^ seed) < (number_of(&chosen->fields) ^ seed)) {
            chosen = letter;
        }
    }
    if (chosen != NULL) {
        post(stage, letter_copy(chosen), 0);
    }
}

/* ---- Calls ---- */

static struct call *call_make(struct node *node, client_done *done, void *context)
{
    struct call *call = stage_must(calloc(1, sizeof *call));
    *call = (struct call){
        .next = node->stage->calls, .node = node, .generation = node->generation, .is_waiting = true, .done = done, .context = context
    };
    node->stage->calls = call;
    return call;
}

static struct node *node_at(struct stage *stage, struct bytes address)
{
    for (size_t i = 0; i < NODES; i++) {
        if (bytes_equal(address, bytes_of_text(stage->nodes[i].address))) {
            return &stage->nodes[i];
        }
    }
    return NULL;
}

static bool line_call(void *outside, struct client_call **out, const struct client_target *target, const struct client_request *request,
                      client_done *done, void *context, struct error *e)
{
    struct node *node = outside;
    struct stage *stage = node->stage;
    bool is_service = target->protocol == PROTOCOL_HTTP1;
    struct node *to = is_service ? node : node_at(stage, request->authority);
    struct call *call = call_make(node, done, context);
    (void)e;
    *out = NULL; /* nobody cancels */
    post_failure(stage, call, to == NULL ? CLIENT_FAILURE_RESOLVE : CLIENT_FAILURE_TIMEOUT,
                 to == NULL ? 1 : (int64_t)request->read_stall_ms);
    if (to == NULL || node->is_ending) {
        return true;
    }
    struct letter *letter = letter_make(is_service ? LETTER_SERVICE : LETTER_REQUEST, to);
    letter->from = node;
    letter->call = call;
    letter->method = copy(letter, request->method);
    letter->target = copy(letter, request->target);
    letter->authority = copy(letter, request->authority);
    letter->preface = copy(letter, request->preface);
    copy_fields(letter, request->fields, request->field_count);
    copy_body(letter, request->body);
    uint64_t number = number_of(&letter->fields);
    if (is_service) {
        post(stage, letter, 1 + (int64_t)(number % 40));
    } else {
        remember(stage, letter);
        send_letter(stage, letter, number + 1);
    }
    return true;
}

static void finish(struct call *call, struct client_answer *answer, enum client_failure failure)
{
    static const struct error broken = { .kind = ERROR_IO, .where = "line", .what = "it was cut" };
    struct node *node = call->node;
    const struct node *speaking = node->stage->speaking;
    call->is_waiting = false;
    node->stage->speaking = node;
    node_enter(node);
    call->done(call->context, answer, failure, answer == NULL ? &broken : NULL);
    node_leave(node);
    node->stage->speaking = speaking;
}

static bool is_listened_to(const struct call *call)
{
    return call != NULL && call->is_waiting && call->node->gateway != NULL && call->node->generation == call->generation &&
           !call->node->is_ending;
}

static struct body *make_body(struct bytes data)
{
    static const struct body_limits limits = { .memory_bytes = 0 };
    struct error e;
    struct body *body = stage_must(body_make(&limits, true));
    if (!body_append(body, data, &e)) {
        abort();
    }
    return body;
}

static void deliver_answer(struct letter *letter)
{
    struct arena arena = { 0 };
    if (!is_listened_to(letter->call)) {
        return;
    }
    struct client_answer *answer = stage_must(arena_take_zeroed(&arena, sizeof *answer));
    answer->status = letter->status;
    for (size_t i = 0; i < letter->fields.count; i++) {
        const struct field *f = &letter->fields.list[i];
        if (!fields_add(&answer->fields, &arena, arena_copy(&arena, f->name), arena_copy(&arena, f->value))) {
            abort();
        }
    }
    answer->preface = arena_copy(&arena, letter->preface);
    answer->body = make_body(letter->body);
    answer->arena = arena;
    finish(letter->call, answer, CLIENT_FAILURE_NONE);
}

/* ---- Requests ---- */

static struct incoming *incoming_make(struct node *node, const struct letter *letter)
{
    struct incoming *in = stage_must(calloc(1, sizeof *in));
    struct server_request *r = &in->request;
    in->node = node;
    r->method = arena_copy(&r->arena, letter->method);
    r->target = arena_copy(&r->arena, letter->target);
    r->authority = arena_copy(&r->arena, letter->authority);
    r->preface = arena_copy(&r->arena, letter->preface);
    for (size_t i = 0; i < letter->fields.count; i++) {
        const struct field *f = &letter->fields.list[i];
        if (!fields_add(&r->fields, &r->arena, arena_copy(&r->arena, f->name), arena_copy(&r->arena, f->value))) {
            abort();
        }
    }
    r->body = make_body(letter->body);
    r->has_body = letter->body.size > 0;
    r->received_at_us = time_monotonic_us();
    return in;
}

static void take(struct node *node, bool is_peer, struct incoming *in)
{
    const struct node *speaking = node->stage->speaking;
    node->stage->speaking = node;
    node_enter(node);
    stepped_take(node->gateway, is_peer, &in->request);
    node_leave(node);
    node->stage->speaking = speaking;
}

static bool is_up(const struct node *node)
{
    return node->log != NULL && !node->is_draining;
}

static void deliver_request(struct stage *stage, struct letter *letter)
{
    struct node *node = letter->node, *from = letter->from;
    if (stage->is_parted[from->number][node->number]) {
        post_failure(stage, letter->call, CLIENT_FAILURE_BROKEN, BREAKS_AFTER_MS);
        return;
    }
    if (!is_up(node)) {
        post_failure(stage, letter->call, CLIENT_FAILURE_CONNECT, 1);
        return;
    }
    struct incoming *in = incoming_make(node, letter);
    in->call = letter->call;
    in->request.protocol = PROTOCOL_HTTP2;
    in->request.peer.is_tls = in->request.peer.has_certificate = true;
    memset(in->request.peer.pin, from->number + 1, PIN_SIZE);
    take(node, true, in);
}

void line_ask(struct node *node, uint8_t holder, uint64_t number)
{
    struct stage *stage = node->stage;
    uint64_t random = number;
    char text[128], person[16];
    if (stage->exchange_count == EXCHANGES_MAX || !is_up(node)) {
        return;
    }
    struct exchange *x = &stage->exchanges[stage->exchange_count++];
    *x = (struct exchange){ .number = number, .consumer = node->number, .holder = holder };
    x->is_unsafe = dice_below(&random, 2) == 0;
    x->is_about_person = dice_below(&random, 5) > 0;
    x->person = (uint8_t)dice_below(&random, PERSONS);
    community_person(x->person, person);
    stage->result->exchanges++;
    struct letter *letter = letter_make(LETTER_REQUEST, node);
    letter->method = x->is_unsafe ? BYTES("POST") : BYTES("GET");
    (void)snprintf(text, sizeof text, "/r1/TORTURE/GOV/M%u/REC/%s/record", holder, x->is_about_person ? "data" : "echo");
    letter->target = copy(letter, bytes_of_text(text));
    letter->authority = BYTES("gateway");
    letter->body = x->is_unsafe ? BYTES("{\"ask\":1}") : BYTES("");
    (void)snprintf(text, sizeof text, "%s/REC", node->member);
    struct bytes client = copy(letter, bytes_of_text(text));
    (void)snprintf(text, sizeof text, "%016" PRIx64, number);
    const struct field fields[] = { { BYTES("X-Road-Client"), client },
                                    { BYTES("X-Torture"), bytes_of_text(text) },
                                    { BYTES("Content-Type"), BYTES("application/json") },
                                    { BYTES("X-Person"), bytes_of_text(person) } };
    copy_fields(letter, fields, x->is_about_person ? 4 : 3);
    struct incoming *in = incoming_make(node, letter);
    letter_free(letter);
    in->exchange = x;
    in->request.protocol = PROTOCOL_HTTP1;
    take(node, false, in);
}

/* ---- Answers ---- */

static void answer_application(struct node *node, struct incoming *in, const struct server_answer *answer)
{
    struct exchange *x = in->exchange;
    struct bytes body = BYTES_NONE;
    struct fields fields = { .list = (struct field *)(uintptr_t)answer->fields, .count = answer->field_count };
    x->is_over = true;
    if (node->is_ending) {
        return; /* its connection fails */
    }
    if (answer->body != NULL && !body_view(answer->body, &body)) {
        abort();
    }
    x->answers++;
    check_answer(node, x, answer->status, &fields, body);
}

static void answer_peer(struct node *node, struct incoming *in, const struct server_answer *answer)
{
    struct stage *stage = node->stage;
    if (node->is_ending) {
        post_failure(stage, in->call, CLIENT_FAILURE_BROKEN, 1);
        return;
    }
    struct letter *letter = letter_make(LETTER_ANSWER, node);
    letter->from = node;
    letter->call = in->call;
    letter->status = answer->status;
    letter->preface = copy(letter, answer->preface);
    copy_fields(letter, answer->fields, answer->field_count);
    copy_body(letter, answer->body);
    check_sent(node, letter);
    send_letter(stage, letter, number_of(&in->request.fields) + 2);
}

static void line_answer(void *outside, struct server_request *request, const struct server_answer *answer)
{
    struct node *node = outside;
    struct incoming *in = (struct incoming *)(void *)request;
    if (in->exchange != NULL) {
        answer_application(node, in, answer);
    } else {
        answer_peer(node, in, answer);
    }
    body_free(answer->body);
    body_free(request->body);
    arena_clear(&request->arena);
    free(in);
}

/* ---- The database's threads ---- */

static bool line_work(void *outside, struct gateway_job *job)
{
    struct node *node = outside;
    struct letter *letter = letter_make(LETTER_JOB, node);
    letter->generation = node->generation;
    letter->job = job;
    post(node->stage, letter, 1);
    return true;
}

static void deliver_job(struct letter *letter)
{
    struct node *node = letter->node;
    const struct node *speaking = node->stage->speaking;
    node->stage->speaking = node;
    node_enter(node);
    letter->job->run(letter->job);
    letter->job->done(letter->job, true);
    node_leave(node);
    node->stage->speaking = speaking;
}

const struct gateway_ways line_ways = { .call = line_call, .answer = line_answer, .work = line_work };

/* ---- Services ---- */

/* Good, slow, broken, wrong, or gone, by the exchange. */
static void serve(struct stage *stage, struct letter *letter)
{
    uint64_t number = number_of(&letter->fields), random = number + 3;
    struct exchange *x = exchange_of(stage, number);
    uint64_t fate = dice_below(&random, 100);
    int64_t delay_ms = fate < 6 ? (int64_t)dice_below(&random, 30000) : 1 + (int64_t)dice_below(&random, 300);
    if (x == NULL) {
        stage_break(stage, "the service of gateway %u was asked something that nobody asked", letter->node->number);
        return;
    }
    x->served++;
    if (x->is_unsafe) {
        model_expect_decision(letter->node, fields_find(&letter->fields, BYTES("X-Road-Request-Id")));
    }
    if (fate >= 6 && fate < 10) {
        post_failure(stage, letter->call, CLIENT_FAILURE_BROKEN, delay_ms);
        return;
    }
    struct letter *answer = letter_make(LETTER_ANSWER, letter->node);
    const struct field type = { BYTES("Content-Type"), fate == 10 ? BYTES("text/plain") : BYTES("application/json") };
    answer->call = letter->call;
    answer->from = letter->node;
    answer->status = fate == 11 ? 404 : fate == 12 ? 500 : 200;
    answer->preface = BYTES("");
    answer->body = !x->is_about_person ? BYTES("{\"echo\":1}")
                   : fate == 10        ? BYTES("NAME-1 HEALTH-1") /* no JSON: whole, or not at all */
                   : fate == 13        ? BYTES("{\"name\":\"NAME-1\",\"health\":\"HEALTH-")
                                       : BYTES("{\"id\":1,\"name\":\"NAME-1\",\"health\":\"HEALTH-1\",\"other\":\"OTHER-1\"}");
    copy_fields(answer, &type, 1);
    post(stage, answer, delay_ms);
}

/* ---- Delivery ---- */

void line_deliver(struct stage *stage, struct letter *letter)
{
    switch (letter->kind) {
    case LETTER_REQUEST:
        deliver_request(stage, letter);
        break;
    case LETTER_SERVICE:
        serve(stage, letter);
        break;
    case LETTER_ANSWER:
        if (letter->call != NULL && letter->from != letter->call->node &&
            stage->is_parted[letter->from->number][letter->call->node->number]) {
            post_failure(stage, letter->call, CLIENT_FAILURE_BROKEN, BREAKS_AFTER_MS);
            break;
        }
        deliver_answer(letter);
        break;
    case LETTER_FAILURE:
        if (is_listened_to(letter->call)) {
            finish(letter->call, NULL, letter->failure);
        }
        break;
    case LETTER_JOB:
        deliver_job(letter);
        break;
    }
    letter_free(letter);
}

void line_break(struct node *node)
{
    struct stage *stage = node->stage;
    for (size_t i = 0; i < stage->letter_count;) {
        struct letter *letter = stage->letters[i];
        if (letter->kind == LETTER_JOB && letter->node == node) {
            stage->letters[i] = stage->letters[--stage->letter_count];
            letter->job->done(letter->job, false);
            letter_free(letter);
            i = 0; /* the array has changed */
        } else {
            i++;
        }
    }
    for (struct call *call = stage->calls; call != NULL; call = call->next) {
        if (call->is_waiting && call->node == node && call->generation == node->generation) {
            finish(call, NULL, CLIENT_FAILURE_BROKEN);
        }
    }
}
