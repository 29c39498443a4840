/*
 * Bytes into a server's HTTP/1.1 connection, twice: whole, and cut at places that the first byte chooses. Both have to see the same
 * requests and send the same answers; what reaches the handler has to be what it claims to be.
 */
#include <stdlib.h>

#include "../tests/unit/net/fake_seam.h"

struct seen {
    struct buffer text;
    bool answers_later;
    size_t faults;
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void answer(struct fake_server *fake, struct server_exchange *x)
{
    fake_server_answer(fake, x, &(struct server_answer){ .status = 200, .body = body_of(x->request.target) });
}

static void on_request(struct fake_server *fake, struct server_exchange *x)
{
    struct seen *seen = fake->context;
    struct server_request *request = &x->request;
    must(request->method.size > 0 && request->target.size > 0 && (request->target.data[0] == '/' || request->target.data[0] == '*'));
    must(fields_count(&request->fields, BYTES("Host")) <= 1 && fields_count(&request->fields, BYTES("Content-Length")) <= 1);
    must(fields_count(&request->fields, BYTES("Transfer-Encoding")) <= 1);
    buffer_append(&seen->text, request->method);
    buffer_append(&seen->text, request->target);
    for (size_t i = 0; i < request->fields.count; i++) {
        struct field field = request->fields.list[i];
        must(field.name.size > 0);
        for (size_t n = 0; n < field.value.size; n++) {
            must((field.value.data[n] >= ' ' && field.value.data[n] != 0x7f) || field.value.data[n] == '\t');
        }
        buffer_append(&seen->text, field.name);
        buffer_append_u8(&seen->text, ':');
        buffer_append(&seen->text, field.value);
        buffer_append_u8(&seen->text, '\n');
    }
    buffer_append(&seen->text, bytes_of(body_sha256(request->body), SHA256_SIZE));
    if (!seen->answers_later) {
        answer(fake, x);
    }
}

static void play(struct bytes data, size_t piece, struct seen *seen, struct buffer *out)
{
    struct fake_server fake = { .on_request = on_request, .context = seen };
    fake_server_open(&fake, &(struct net_limits){
                                .head_bytes_max = 2000, .field_count_max = 20, .body = { .size_max = 3000, .memory_bytes = 4096 } });
    for (size_t at = 0; at < data.size && !fake.stream.is_closed && !fake.stream.is_aborted;) {
        struct bytes cut = bytes_slice(data, at, at + piece);
        if (fake_server_data(&fake, cut)) {
            at += cut.size;
        } else {
            must(fake.pending != NULL || fake.stream.is_closed || fake.stream.is_aborted);
        }
        while (fake.pending != NULL && (fake.stream.is_paused || at == data.size)) {
            answer(&fake, fake.pending);
            fake_run_work();
        }
    }
    buffer_append_u8(&seen->text, fake.stream.is_closed);
    buffer_append_u8(&seen->text, fake.faults == 0 ? 0xff : (uint8_t)fake.fault);
    seen->faults = fake.faults;
    buffer_append(out, buffer_bytes(&fake.stream.out));
    fake_server_close(&fake);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct bytes input = bytes_of(data + 1, size - 1);
    struct seen whole = { 0 }, cut = { .answers_later = (data[0] & 1) != 0 };
    struct buffer out[2];
    buffer_init(&whole.text, 1 << 24);
    buffer_init(&cut.text, 1 << 24);
    buffer_init(&out[0], 1 << 24);
    buffer_init(&out[1], 1 << 24);
    play(input, input.size, &whole, &out[0]);
    play(input, 1 + data[0] / 2, &cut, &out[1]);
    must(bytes_equal(buffer_bytes(&whole.text), buffer_bytes(&cut.text)));
    must(whole.faults > 0 || out[0].size == out[1].size); /* Date may differ, and what a fault says in words */
    buffer_clear(&whole.text);
    buffer_clear(&cut.text);
    buffer_clear(&out[0]);
    buffer_clear(&out[1]);
    return 0;
}
