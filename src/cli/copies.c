#include "cli/copies.h"

#include "base/time.h"
#include "witness/url.h"

void copies_open(struct copies *copies, const struct gateway_config *config)
{
    struct error ignored;
    *copies = (struct copies){ .config = config };
    if (!world_load(&copies->world, config->member.parts[0], config->directory.file, config->directory.foreign_folder,
                    config->directory.operators, config->directory.operator_count, config->directory.threshold, time_now_ms(), NULL, NULL,
                    NULL, &ignored)) {
        copies->world = NULL;
    }
}

void copies_close(struct copies *copies)
{
    tls_free(copies->tls);
    world_release(copies->world);
    *copies = (struct copies){ .config = NULL };
}

static const struct directory_gateway *in_directory(const struct directory *d, struct bytes address)
{
    for (size_t i = 0; d != NULL && i < d->member_count; i++) {
        for (size_t j = 0; j < d->members[i].gateway_count; j++) {
            const struct directory_gateway *g = &d->members[i].gateways[j];
            for (size_t k = 0; k < g->address_count; k++) {
                if (bytes_equal_ignoring_case(g->addresses[k], address)) {
                    return g;
                }
            }
        }
    }
    return NULL;
}

static const struct directory *foreign_at(const struct world *world, size_t i, int64_t now_ms)
{
    return world_find_community(world, world->foreign[i]->community, now_ms);
}

static const struct directory_gateway *by_address(const struct world *world, struct bytes address)
{
    const int64_t now_ms = time_now_ms();
    const struct directory_gateway *found = directory_check_time(world->own, now_ms, NULL) ? in_directory(world->own, address) : NULL;
    for (size_t i = 0; found == NULL && i < world->foreign_count; i++) {
        found = in_directory(foreign_at(world, i, now_ms), address);
    }
    return found;
}

const struct directory_gateway *copies_gateway(const struct copies *copies, struct bytes origin)
{
    const struct world *world = copies->world;
    const int64_t now_ms = time_now_ms();
    if (world == NULL) {
        return NULL;
    }
    const struct directory_gateway *found = directory_find_gateway_by_origin(world->own, origin);
    for (size_t i = 0; found == NULL && i < world->foreign_count; i++) {
        const struct directory *d = foreign_at(world, i, now_ms);
        found = d == NULL ? NULL : directory_find_gateway_by_origin(d, origin);
    }
    return found;
}

/* We call and are never called. */
static bool nobody(void *context, const uint8_t pin[PIN_SIZE])
{
    (void)context;
    (void)pin;
    return false;
}

bool copies_source(struct copies *copies, const char *from, struct source **out, struct error *e)
{
    struct source_options options = { .tls = NULL };
    struct witness_url url;
    const struct directory_gateway *peer = NULL;
    *out = NULL;
    if (copies->world != NULL && witness_url_parse(&url, bytes_of_text(from), from, NULL) && url.is_tls) {
        peer = by_address(copies->world, bytes_of_text(url.address));
    }
    if (peer != NULL) {
        if (copies->tls == NULL &&
            !tls_make_peer(&copies->tls, copies->config->certificate_path, copies->config->tls_key_path, nobody, NULL, e)) {
            return false;
        }
        options = (struct source_options){ .tls = copies->tls,
                                           .pins = (const uint8_t(*)[PIN_SIZE])peer->tls_pins,
                                           .pin_count = peer->tls_pin_count };
    }
    return source_open(out, from, &options, e);
}
