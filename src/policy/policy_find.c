#include "policy/policy_parse_internal.h"

#include <stdlib.h>

#include <xxhash.h>

#include "policy/glob.h"

/* ---- Sharing ---- */

struct policy *policy_keep(struct policy *policy)
{
    policy->reference_count++;
    return policy;
}

void policy_drop(struct policy *policy)
{
    if (policy != NULL && --policy->reference_count == 0) {
        arena_clear(&policy->arena);
        free(policy);
    }
}

/* ---- Finding ---- */

/* Each part is the seed of the next one's hash, so that A/BC and AB/C differ. */
static uint64_t hash_of(const struct identifier *id)
{
    uint64_t hash = id->part_count;
    for (size_t i = 0; i < id->part_count; i++) {
        hash = XXH3_64bits_withSeed(id->parts[i].data, id->parts[i].size, hash);
    }
    return hash;
}

typedef const struct identifier *id_at(const struct policy *policy, size_t index);

static const struct identifier *service_id(const struct policy *policy, size_t index)
{
    return &policy->services[index].parts;
}

static const struct identifier *client_id(const struct policy *policy, size_t index)
{
    return &policy->clients[index].parts;
}

static const struct identifier *call_id(const struct policy *policy, size_t index)
{
    return &policy->calls[index].parts;
}

/* The slot of the entry with this identifier, or the free one where it would stand. A table is at most half full, so the search ends. */
static size_t find_slot(const struct policy *policy, const uint32_t *table, size_t size, id_at *at, const struct identifier *id)
{
    size_t slot = hash_of(id) & (size - 1);
    while (table[slot] != 0 && !identifier_equal(at(policy, table[slot] - 1), id)) {
        slot = (slot + 1) & (size - 1);
    }
    return slot;
}

static bool fill_table(struct policy *policy, size_t count, id_at *at, uint32_t **table, size_t *size, struct policy_twice *twice)
{
    *size = 4;
    while (*size < count * 2) {
        *size *= 2;
    }
    *table = arena_take_zeroed(&policy->arena, *size * sizeof **table);
    if (*table == NULL) {
        return false;
    }
    for (size_t i = 0; i < count && !twice->is_found; i++) {
        size_t slot = find_slot(policy, *table, *size, at, at(policy, i));
        if ((*table)[slot] != 0) {
            twice->is_found = true;
            twice->first = (*table)[slot] - 1;
            twice->second = i;
        }
        (*table)[slot] = (uint32_t)i + 1;
    }
    return true;
}

bool policy_index(struct policy *policy, struct policy_twice *twice)
{
    const struct {
        enum policy_list list;
        size_t count;
        id_at *at;
        uint32_t **table;
        size_t *size;
    } all[] = {
        { LIST_SERVICES, policy->service_count, service_id, &policy->service_table, &policy->service_table_size },
        { LIST_CLIENTS, policy->client_count, client_id, &policy->client_table, &policy->client_table_size },
        { LIST_CALLS, policy->call_count, call_id, &policy->call_table, &policy->call_table_size },
    };
    *twice = (struct policy_twice){ 0 };
    for (size_t i = 0; i < COUNT_OF(all) && !twice->is_found; i++) {
        twice->list = all[i].list;
        if (!fill_table(policy, all[i].count, all[i].at, all[i].table, all[i].size, twice)) {
            return false;
        }
    }
    return true;
}

const struct policy_service *policy_find_service(const struct policy *policy, const struct identifier *id)
{
    if (policy->service_table == NULL) {
        return NULL;
    }
    uint32_t found = policy->service_table[find_slot(policy, policy->service_table, policy->service_table_size, service_id, id)];
    return found == 0 ? NULL : &policy->services[found - 1];
}

const struct policy_client *policy_find_client(const struct policy *policy, const struct identifier *subsystem)
{
    if (policy->client_table == NULL) {
        return NULL;
    }
    uint32_t found = policy->client_table[find_slot(policy, policy->client_table, policy->client_table_size, client_id, subsystem)];
    return found == 0 ? NULL : &policy->clients[found - 1];
}

const struct policy_call *policy_find_call(const struct policy *policy, const struct identifier *service)
{
    if (policy->call_table == NULL) {
        return NULL;
    }
    uint32_t found = policy->call_table[find_slot(policy, policy->call_table, policy->call_table_size, call_id, service)];
    return found == 0 ? NULL : &policy->calls[found - 1];
}

/* ---- Rights ---- */

bool policy_allows(const struct policy_service *service, const struct identifier *client, struct bytes method, struct bytes path)
{
    for (size_t i = 0; i < service->right_count; i++) {
        const struct policy_right *right = &service->rights[i];
        bool is_method = bytes_equal(right->method, BYTES("*")) || bytes_equal_ignoring_case(right->method, method);
        if (is_method && identifier_is_within(client, &right->parts) && glob_match(right->path, path)) {
            return true;
        }
    }
    return false;
}
