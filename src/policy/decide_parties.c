#include "policy/decide.h"

static uint32_t traits_of(const struct directory *directory, const struct identifier *subsystem)
{
    struct identifier member = *subsystem;
    member.part_count = 3;
    const struct directory_member *found = directory == NULL ? NULL : directory_find_member(directory, &member);
    return found == NULL ? 0 : found->traits;
}

struct decide_parties decide_parties_of(const struct identifier *client, const struct identifier *service, const struct directory *own,
                                        const struct directory *clients)
{
    bool is_same_community = bytes_equal(client->parts[0], service->parts[0]);
    uint32_t holder = traits_of(own, service), consumer = traits_of(clients, client);
    return (struct decide_parties){
        .is_recognised = clients != NULL,
        .is_same_community = is_same_community,
        .is_same_member = is_same_community && bytes_equal(client->parts[1], service->parts[1]) &&
                          bytes_equal(client->parts[2], service->parts[2]),
        .holder_country = own->country,
        .client_country = clients == NULL ? BYTES_NONE : clients->country,
        .is_state_organ = (holder & DIRECTORY_STATE_ORGAN) != 0,
        .is_critical = (holder & DIRECTORY_CRITICAL) != 0,
        .is_client_state_organ = (consumer & DIRECTORY_STATE_ORGAN) != 0,
    };
}
