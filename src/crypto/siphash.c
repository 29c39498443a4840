#include "crypto/siphash.h"

#include <endian.h>

struct state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t read_le64(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return le64toh(word);
}

static void write_le64(uint64_t word, uint8_t *at)
{
    word = htole64(word);
    memcpy(at, &word, sizeof word);
}

static uint64_t rotate(uint64_t word, unsigned by)
{
    return word << by | word >> (64 - by);
}

static void mix(struct state *s, unsigned rounds)
{
    while (rounds-- > 0) {
        s->v0 += s->v1;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v2 = rotate(s->v2, 32);
    }
}

static void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s, 2);
    s->v0 ^= word;
}

void siphash128(const uint8_t key[SIPHASH_KEY_SIZE], struct bytes data, uint8_t out[SIPHASH128_SIZE])
{
    uint64_t k0 = read_le64(key), k1 = read_le64(key + 8), last = (uint64_t)data.size << 56;
    struct state s = { k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d) ^ 0xee, k0 ^ UINT64_C(0x6c7967656e657261),
                       k1 ^ UINT64_C(0x7465646279746573) };
    size_t whole = data.size / 8 * 8;
    for (size_t i = 0; i < whole; i += 8) {
        absorb(&s, read_le64(data.data + i));
    }
    for (size_t i = whole; i < data.size; i++) {
        last |= (uint64_t)data.data[i] << (8 * (i - whole));
    }
    absorb(&s, last);
    s.v2 ^= 0xee;
    mix(&s, 4);
    write_le64(s.v0 ^ s.v1 ^ s.v2 ^ s.v3, out);
    s.v1 ^= 0xdd;
    mix(&s, 4);
    write_le64(s.v0 ^ s.v1 ^ s.v2 ^ s.v3, out + 8);
}
