/*
 * Bytes into a client's HTTP/1.1 connection as the answer to a request, twice: whole, and cut at places that the first byte chooses (which
 * chooses the method, too). Both have to come to the same end.
 */
#include <stdlib.h>

#include "../tests/unit/net/fake_client.h"

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void record(struct fake_client *fake, struct buffer *text)
{
    buffer_append_u8(text, (uint8_t)fake->failure);
    buffer_append_u8(text, fake->is_lost);
    if (fake->failure != CLIENT_FAILURE_NONE) {
        return;
    }
    struct client_answer *answer = fake->call.answer;
    must(answer != NULL && answer->status >= 200 && answer->status <= 599);
    buffer_append_decimal(text, answer->status);
    for (size_t i = 0; i < answer->fields.count; i++) {
        buffer_append(text, answer->fields.list[i].name);
        buffer_append_u8(text, ':');
        buffer_append(text, answer->fields.list[i].value);
        buffer_append_u8(text, '\n');
    }
    buffer_append(text, bytes_of(body_sha256(answer->body), SHA256_SIZE));
}

static void play(struct bytes data, size_t piece, struct bytes method, struct buffer *text)
{
    struct fake_client fake;
    fake_client_open(&fake, method, NULL,
                     &(struct net_limits){
                         .head_bytes_max = 2000, .field_count_max = 20, .body = { .size_max = 3000, .memory_bytes = 4096 } });
    for (size_t at = 0; at < data.size && !fake.is_done; at += piece) {
        (void)fake_client_data(&fake, bytes_slice(data, at, at + piece));
    }
    fake_client_end(&fake, STREAM_END_EOF);
    must(fake.is_done);
    record(&fake, text);
    fake_client_close(&fake);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct bytes input = bytes_of(data + 1, size - 1);
    struct bytes method = (data[0] & 3) == 0 ? BYTES("HEAD") : BYTES("GET");
    struct buffer whole, cut;
    buffer_init(&whole, 1 << 24);
    buffer_init(&cut, 1 << 24);
    play(input, input.size, method, &whole);
    play(input, 1 + data[0] / 4, method, &cut);
    must(bytes_equal(buffer_bytes(&whole), buffer_bytes(&cut)));
    buffer_clear(&whole);
    buffer_clear(&cut);
    return 0;
}
