/* However a stream of bytes is cut on its way, and whenever the handler answers, the same requests are seen and the same answers go out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "fake_seam.h"
#include "http1_shapes.h"

struct dice {
    uint64_t state;
};

static uint32_t dice_below(struct dice *dice, uint32_t below)
{
    dice->state = dice->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((dice->state >> 33) % below);
}

/* What the handler saw, as text, and what went out. */
struct record {
    struct buffer seen, out;
    bool answers_later;
    struct dice *dice;
};

static void see(struct buffer *seen, struct server_request *request)
{
    char hex[2 * SHA256_SIZE + 1];
    buffer_append(seen, request->method);
    buffer_append_text(seen, " ");
    buffer_append(seen, request->target);
    buffer_append_text(seen, " ");
    buffer_append(seen, request->authority);
    buffer_append_format(seen, " %d\n", request->has_body);
    for (size_t i = 0; i < request->fields.count; i++) {
        buffer_append(seen, request->fields.list[i].name);
        buffer_append_text(seen, "=");
        buffer_append(seen, request->fields.list[i].value);
        buffer_append_text(seen, "\n");
    }
    hex_write(bytes_of(body_sha256(request->body), SHA256_SIZE), hex);
    buffer_append_format(seen, "%llu %s\n", (unsigned long long)body_size(request->body), hex);
}

static void answer(struct fake_server *fake, struct server_exchange *x)
{
    static const struct field fields[] = { { BYTES("X-From"), BYTES("handler") } };
    fake_server_answer(fake, x,
                       &(struct server_answer){ .status = 200, .fields = fields, .field_count = 1, .body = body_of(x->request.target) });
}

static void on_request(struct fake_server *fake, struct server_exchange *x)
{
    struct record *record = fake->context;
    see(&record->seen, &x->request);
    if (!record->answers_later || dice_below(record->dice, 2) == 0) {
        answer(fake, x);
    }
}

/* Plays `input`, cut by `dice` (NULL: whole). */
static void play(struct record *record, struct bytes input, struct dice *dice)
{
    struct fake_server fake = { .on_request = on_request, .context = record };
    fake_server_open(&fake, &(struct net_limits){ 0 });
    size_t at = 0;
    uint32_t largest = dice == NULL ? UINT32_MAX : 1 + dice_below(dice, 40);
    while (true) {
        while (fake.pending != NULL && (dice == NULL || fake.stream.is_paused || at == input.size || dice_below(dice, 3) == 0)) {
            answer(&fake, fake.pending);
            fake_run_work();
        }
        if (at == input.size || fake.stream.is_closed || fake.stream.is_aborted) {
            break;
        }
        size_t size = dice == NULL ? input.size : 1 + dice_below(dice, largest);
        struct bytes piece = bytes_slice(input, at, size > input.size - at ? input.size : at + size);
        uint8_t *copy = malloc(piece.size); /* exactly as large, so that a read past it is found */
        assert_non_null(copy);
        memcpy(copy, piece.data, piece.size);
        if (fake_server_data(&fake, bytes_of(copy, piece.size))) {
            at += piece.size;
        }
        free(copy);
    }
    buffer_append(&record->out, buffer_bytes(&fake.stream.out));
    buffer_append_format(&record->seen, "faults %zu %d %s closed %d %d\n", fake.faults, fake.fault, fake.detail != NULL ? fake.detail : "",
                         fake.stream.is_closed, fake.stream.is_aborted);
    fake_server_close(&fake);
}

static void record_init(struct record *record)
{
    buffer_init(&record->seen, 1 << 24);
    buffer_init(&record->out, 1 << 24);
}

/* A Date may change its second between two runs. */
static void blank_dates(struct buffer *out)
{
    for (size_t i = 0; i + 35 < out->size; i++) {
        if (memcmp(out->data + i, "\r\nDate: ", 8) == 0) {
            memset(out->data + i + 8, '-', 29);
        }
    }
}

static void compare(const char *name, uint64_t seed, struct bytes input)
{
    struct dice dice = { seed };
    struct record whole = { 0 }, split = { .answers_later = true, .dice = &dice };
    record_init(&whole);
    record_init(&split);
    play(&whole, input, NULL);
    play(&split, input, &dice);
    blank_dates(&whole.out);
    blank_dates(&split.out);
    if (!bytes_equal(buffer_bytes(&whole.seen), buffer_bytes(&split.seen))) {
        fail_msg("%s, seed %llu: whole:\n%.*s\nsplit:\n%.*s", name, (unsigned long long)seed, BYTES_FMT(buffer_bytes(&whole.seen)),
                 BYTES_FMT(buffer_bytes(&split.seen)));
    }
    if (!bytes_equal(buffer_bytes(&whole.out), buffer_bytes(&split.out))) {
        fail_msg("%s, seed %llu: whole:\n%.*s\nsplit:\n%.*s", name, (unsigned long long)seed, BYTES_FMT(buffer_bytes(&whole.out)),
                 BYTES_FMT(buffer_bytes(&split.out)));
    }
    buffer_clear(&whole.seen);
    buffer_clear(&whole.out);
    buffer_clear(&split.seen);
    buffer_clear(&split.out);
}

static void each_shape_gets_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(http1_shapes); i++) {
        const struct http1_shape *shape = &http1_shapes[i];
        struct record record = { 0 };
        struct fake_server fake = { .on_request = on_request, .context = &record };
        record_init(&record);
        fake_server_open(&fake, &(struct net_limits){ 0 });
        (void)fake_server_data(&fake, shape->input);
        unsigned status = 0;
        struct bytes out = buffer_bytes(&fake.stream.out);
        if (bytes_start_with(out, BYTES("HTTP/1.1 ")) && out.size > 12) {
            status = (unsigned)((out.data[9] - '0') * 100 + (out.data[10] - '0') * 10 + (out.data[11] - '0'));
        }
        if (status != shape->status || fake.requests != shape->requests || fake.stream.is_closed == shape->stays) {
            fail_msg("%s: status %u, want %u; %zu requests, want %u; closed %d; %s", shape->name, status, shape->status, fake.requests,
                     shape->requests, fake.stream.is_closed, fake.detail != NULL ? fake.detail : "");
        }
        fake_server_close(&fake);
        buffer_clear(&record.seen);
        buffer_clear(&record.out);
    }
}

static void shapes_do_not_depend_on_cuts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(http1_shapes); i++) {
        for (uint64_t seed = 1; seed <= 30; seed++) {
            compare(http1_shapes[i].name, seed, http1_shapes[i].input);
        }
    }
}

static void put_body(struct buffer *b, struct dice *dice)
{
    uint32_t kind = dice_below(dice, 4), size = dice_below(dice, dice_below(dice, 8) == 0 ? 100000 : 300);
    if (kind == 0) {
        buffer_append_text(b, "\r\n");
        return;
    }
    if (kind == 1) {
        buffer_append_format(b, "Content-Length: %u\r\n\r\n", size);
        for (uint32_t i = 0; i < size; i++) {
            buffer_append_u8(b, (uint8_t)dice_below(dice, 256));
        }
        return;
    }
    buffer_append_text(b, "Transfer-Encoding: chunked\r\n\r\n");
    while (size > 0) {
        uint32_t piece = 1 + dice_below(dice, size);
        buffer_append_format(b, kind == 2 ? "%x\r\n" : "0%X\r\n", piece);
        for (uint32_t i = 0; i < piece; i++) {
            buffer_append_u8(b, (uint8_t)dice_below(dice, 256));
        }
        buffer_append_text(b, "\r\n");
        size -= piece;
    }
    buffer_append_text(b, kind == 2 ? "0\r\n\r\n" : "000\r\nX-Trailer: yes\r\n\r\n");
}

static void streams_do_not_depend_on_cuts(void **state)
{
    static const char *methods[] = { "GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "TRACE" };
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct dice dice = { seed };
        struct buffer b;
        buffer_init(&b, 1 << 24);
        uint32_t count = 1 + dice_below(&dice, 6);
        for (uint32_t i = 0; i < count; i++) {
            buffer_append_format(&b, "%s%s /%u?%u HTTP/1.1\r\nHost: a\r\n", dice_below(&dice, 8) == 0 ? "\r\n" : "",
                                 methods[dice_below(&dice, 8)], i, dice_below(&dice, 1000));
            for (uint32_t n = dice_below(&dice, 20); n > 0; n--) {
                buffer_append_format(&b, "X-%c%u:%s%u%s\r\n", 'a' + (char)dice_below(&dice, 26), n, dice_below(&dice, 2) == 0 ? "" : " \t",
                                     dice_below(&dice, 1000000), dice_below(&dice, 2) == 0 ? "" : "  ");
            }
            put_body(&b, &dice);
        }
        assert_false(b.failed);
        compare("stream", seed, buffer_bytes(&b));
        buffer_clear(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_shape_gets_its_answer),
        cmocka_unit_test(shapes_do_not_depend_on_cuts),
        cmocka_unit_test(streams_do_not_depend_on_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
