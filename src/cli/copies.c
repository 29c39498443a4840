#include "cli/copies.h"

#include "base/time.h"
#include "witness/peer.h"
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

const struct directory_gateway *copies_gateway(const struct copies *copies, struct bytes origin)
{
    return copies->world == NULL ? NULL : peer_by_origin(copies->world, origin, time_now_ms());
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
        peer = peer_by_address(copies->world, bytes_of_text(url.address), time_now_ms());
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
