#include "directory/directory_internal.h"

#define XXH_INLINE_ALL /* keys are short: a call would cost as much as the hash */
#include <xxhash.h>

#include "base/random.h"

/* The codes that a member or a subsystem is found by; `subsystem` is not looked at among members. */
struct code_key {
    struct bytes class_code, member, subsystem;
};

/* Each part's hash is the seed of the next one's: "ab","c" and "a","bc" do not meet. */
static uint64_t hash_part(uint64_t seed, struct bytes part)
{
    return XXH3_64bits_withSeed(part.data, part.size, seed);
}

static uint64_t hash_member(const struct directory_index *index, const struct code_key *key)
{
    return hash_part(hash_part(index->seed, key->class_code), key->member);
}

static uint64_t hash_subsystem(const struct directory_index *index, const struct code_key *key)
{
    return hash_part(hash_member(index, key), key->subsystem);
}

static bool is_member(const void *value, const void *key)
{
    const struct directory_member *m = value;
    const struct code_key *k = key;
    return bytes_equal(m->code, k->member) && bytes_equal(m->class_code, k->class_code);
}

static bool is_subsystem(const void *value, const void *key)
{
    const struct directory_subsystem *s = value;
    const struct code_key *k = key;
    return bytes_equal(s->code, k->subsystem) && is_member(s->member, key);
}

static bool has_pin(const void *value, const void *key)
{
    const struct directory_gateway *g = value;
    for (size_t i = 0; i < g->tls_pin_count; i++) {
        if (memcmp(g->tls_pins[i], key, PIN_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_origin(const void *value, const void *key)
{
    const struct directory_gateway *g = value;
    const struct bytes *origin = key;
    return bytes_equal(bytes_of_text(g->statement_key.name), *origin);
}

static bool has_key(const void *value, const void *key)
{
    const struct directory_gateway *g = value;
    return memcmp(g->statement_key.public_key, key, ED25519_PUBLIC_SIZE) == 0;
}

/* False when the key is there already. */
static bool add(struct table *t, uint64_t hash, table_is_key *is_key, const void *key, const void *value)
{
    struct table_slot *slot = table_find(t, hash, is_key, key);
    if (slot->value != NULL) {
        return false;
    }
    *slot = (struct table_slot){ .hash = hash, .value = value };
    return true;
}

static bool init_tables(struct directory_index *index, const struct directory *d, struct arena *memory)
{
    size_t subsystems = 0;
    size_t gateways = 0;
    size_t pins = 0;
    for (size_t i = 0; i < d->member_count; i++) {
        subsystems += d->members[i].subsystem_count;
        gateways += d->members[i].gateway_count;
        for (size_t j = 0; j < d->members[i].gateway_count; j++) {
            pins += d->members[i].gateways[j].tls_pin_count;
        }
    }
    return table_init(&index->members, memory, d->member_count) && table_init(&index->subsystems, memory, subsystems) &&
           table_init(&index->pins, memory, pins) && table_init(&index->origins, memory, gateways) &&
           table_init(&index->keys, memory, gateways);
}

static bool add_gateway(struct directory_index *index, const struct json_source *s, const struct json_place *at,
                        const struct directory_gateway *g)
{
    struct json_place key = { .above = at, .key = "statement_key" };
    struct json_place pins = { .above = at, .key = "tls_pins" };
    struct bytes origin = bytes_of_text(g->statement_key.name);
    struct bytes public_key = bytes_of(g->statement_key.public_key, ED25519_PUBLIC_SIZE);
    if (!add(&index->origins, hash_part(index->seed, origin), has_origin, &origin, g)) {
        return json_refuse(s, &key, "give each gateway's log its own origin", "another gateway's key has the same name");
    }
    if (!add(&index->keys, hash_part(index->seed, public_key), has_key, public_key.data, g)) {
        return json_refuse(s, &key, "give each gateway its own key", "is another gateway's key");
    }
    for (size_t i = 0; i < g->tls_pin_count; i++) {
        struct json_place pin = { .above = &pins, .index = i };
        /* Found in itself, too: the gateway that a pin is listed for twice has it, whichever of the two stands in the table. */
        if (!add(&index->pins, hash_part(index->seed, bytes_of(g->tls_pins[i], PIN_SIZE)), has_pin, g->tls_pins[i], g)) {
            return json_refuse(s, &pin, "list each pin once, at one gateway", "is listed before");
        }
    }
    return true;
}

static bool add_member(struct directory_index *index, const struct json_source *s, const struct json_place *at,
                       const struct directory_member *m)
{
    struct json_place list = { .above = at, .key = "subsystems" };
    struct code_key key = { .class_code = m->class_code, .member = m->code };
    if (!add(&index->members, hash_member(index, &key), is_member, &key, m)) {
        return json_refuse(s, at, "list each member once", "has the class and code of an earlier member");
    }
    for (size_t i = 0; i < m->subsystem_count; i++) {
        struct json_place place = { .above = &list, .index = i };
        key.subsystem = m->subsystems[i].code;
        if (!add(&index->subsystems, hash_subsystem(index, &key), is_subsystem, &key, &m->subsystems[i])) {
            return json_refuse(s, &place, "choose another code", "has the code of an earlier subsystem");
        }
    }
    list.key = "gateways";
    for (size_t i = 0; i < m->gateway_count; i++) {
        struct json_place place = { .above = &list, .index = i };
        if (!add_gateway(index, s, &place, &m->gateways[i])) {
            return false;
        }
    }
    return true;
}

bool directory_index_make(struct directory *d, const struct json_source *s)
{
    struct json_place members = { .key = "members" };
    struct directory_index *index = json_take(s, 1, sizeof *index);
    if (index == NULL) {
        return false;
    }
    random_fill(&index->seed, sizeof index->seed);
    if (!init_tables(index, d, s->memory)) {
        return json_no_memory(s);
    }
    for (size_t i = 0; i < d->member_count; i++) {
        struct json_place member = { .above = &members, .index = i };
        if (!add_member(index, s, &member, &d->members[i])) {
            return false;
        }
    }
    d->index = index;
    return true;
}

static struct code_key key_of(const struct identifier *id)
{
    return (struct code_key){ .class_code = id->parts[1], .member = id->parts[2], .subsystem = id->parts[3] };
}

const struct directory_member *directory_find_member(const struct directory *d, const struct identifier *id)
{
    if (id->part_count < 3 || !bytes_equal(id->parts[0], d->community)) {
        return NULL;
    }
    struct code_key key = key_of(id);
    if (d->index != NULL) {
        return table_find(&d->index->members, hash_member(d->index, &key), is_member, &key)->value;
    }
    for (size_t i = 0; i < d->member_count; i++) {
        if (is_member(&d->members[i], &key)) {
            return &d->members[i];
        }
    }
    return NULL;
}

const struct directory_subsystem *directory_find_subsystem(const struct directory *d, const struct identifier *id)
{
    if (id->part_count < 4 || !bytes_equal(id->parts[0], d->community)) {
        return NULL;
    }
    struct code_key key = key_of(id);
    if (d->index != NULL) {
        return table_find(&d->index->subsystems, hash_subsystem(d->index, &key), is_subsystem, &key)->value;
    }
    const struct directory_member *m = directory_find_member(d, id);
    for (size_t i = 0; m != NULL && i < m->subsystem_count; i++) {
        if (bytes_equal(m->subsystems[i].code, key.subsystem)) {
            return &m->subsystems[i];
        }
    }
    return NULL;
}

/* The slow way, through the arrays of a directory that was put together by hand. */
static const struct directory_gateway *scan_gateways(const struct directory *d, table_is_key *is_key, const void *key)
{
    for (size_t i = 0; i < d->member_count; i++) {
        for (size_t j = 0; j < d->members[i].gateway_count; j++) {
            if (is_key(&d->members[i].gateways[j], key)) {
                return &d->members[i].gateways[j];
            }
        }
    }
    return NULL;
}

const struct directory_gateway *directory_find_gateway_by_pin(const struct directory *d, const uint8_t pin[PIN_SIZE])
{
    if (d->index == NULL) {
        return scan_gateways(d, has_pin, pin);
    }
    return table_find(&d->index->pins, hash_part(d->index->seed, bytes_of(pin, PIN_SIZE)), has_pin, pin)->value;
}

const struct directory_gateway *directory_find_gateway_by_origin(const struct directory *d, struct bytes origin)
{
    if (d->index == NULL) {
        return scan_gateways(d, has_origin, &origin);
    }
    return table_find(&d->index->origins, hash_part(d->index->seed, origin), has_origin, &origin)->value;
}

bool directory_gateway_serves(const struct directory_gateway *gateway, const struct directory_subsystem *subsystem)
{
    if (gateway->member != subsystem->member) {
        return false;
    }
    for (size_t i = 0; i < subsystem->gateway_count; i++) {
        if (subsystem->gateways[i] == gateway) {
            return true;
        }
    }
    return subsystem->gateway_count == 0;
}
