#include "portal/asset.h"

const struct asset *asset_find(struct bytes path)
{
    for (size_t i = 0; i < portal_asset_count; i++) {
        if (bytes_equal(bytes_of_text(portal_assets[i].path), path)) {
            return &portal_assets[i];
        }
    }
    return NULL;
}

const struct asset *asset_named(const char *name)
{
    for (size_t i = 0; i < portal_asset_count; i++) {
        if (strcmp(portal_assets[i].name, name) == 0) {
            return &portal_assets[i];
        }
    }
    return NULL;
}

/* "q=0", "q=0.0", "q=0.000": never. */
static bool is_forbidden(struct bytes parameters)
{
    struct bytes one;
    while (bytes_split(&parameters, ';', &one)) {
        one = bytes_trim(one);
        if (!bytes_start_with(one, BYTES("q=")) && !bytes_start_with(one, BYTES("Q="))) {
            continue;
        }
        for (size_t i = 2; i < one.size; i++) {
            if (one.data[i] >= '1' && one.data[i] <= '9') {
                return false;
            }
        }
        return true;
    }
    return false;
}

bool asset_takes_gzip(struct bytes accept_encoding)
{
    struct bytes one;
    bool any = false;
    while (bytes_split(&accept_encoding, ',', &one)) {
        struct bytes parameters = one, name;
        (void)bytes_split(&parameters, ';', &name);
        name = bytes_trim(name);
        if (bytes_equal_ignoring_case(name, BYTES("gzip")) || bytes_equal_ignoring_case(name, BYTES("x-gzip"))) {
            return !is_forbidden(parameters);
        }
        any = any || (bytes_equal(name, BYTES("*")) && !is_forbidden(parameters));
    }
    return any;
}
