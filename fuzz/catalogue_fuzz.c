/* A translator's file, beside English; what is taken must be usable. */
#include <stdlib.h>

#include "portal/asset.h"
#include "portal/catalogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error e;
    struct catalogues *all = catalogues_make();
    struct buffer out;
    buffer_init(&out, 1 << 20);
    if (all == NULL || !catalogues_add(all, portal_languages[0].name, portal_languages[0].text, NULL, &e)) {
        abort();
    }
    (void)catalogues_choose(all, bytes_of(data, size));
    if (catalogues_add(all, "xx", bytes_of(data, size), NULL, &e)) {
        const struct catalogue *one = catalogues_find(all, BYTES("xx-YY"));
        catalogue_append_number(one, INT64_MIN, &out);
        catalogue_append_time(one, 1793862540000, true, &out);
        if (one == NULL || catalogue_text(one, BYTES("layout.dark"), 3).data == NULL) {
            abort();
        }
    }
    buffer_clear(&out);
    catalogues_free(all);
    return 0;
}
