/* The body of add-entries: whatever comes, it is read within its bounds; what is taken is written again as it was. */
#include <stdint.h>
#include <stdlib.h>

#include "witness/mirror_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mirror_upload upload;
    struct error e;
    struct buffer again;
    size_t used = 0;
    struct bytes rest = bytes_of(data, size);
    struct mirror_info *info = malloc(sizeof *info);
    if (info != NULL && mirror_info_parse(rest, info)) {
        buffer_init(&again, MIRROR_INFO_BYTES_MAX);
        mirror_info_write(&again, info->size, info->next, bytes_of(info->ticket, info->ticket_size));
        if (again.failed || !bytes_equal(buffer_bytes(&again), rest)) {
            abort();
        }
        buffer_clear(&again);
    }
    free(info);
    if (!mirror_upload_parse(rest, &upload, &used, &e)) {
        return 0;
    }
    struct mirror_package *package = malloc(sizeof *package);
    buffer_init(&again, size + 1);
    mirror_upload_write(&again, &upload);
    rest = bytes_slice(rest, used, rest.size);
    for (uint64_t at = upload.start; package != NULL && at < upload.end; at += package->count) {
        if (mirror_package_parse(rest, at, upload.end, package, &used) != MIRROR_PACKAGE_GOOD) {
            break;
        }
        if (package->count == 0 || package->count > upload.end - at || used > rest.size) {
            abort();
        }
        mirror_package_write(&again, package);
        rest = bytes_slice(rest, used, rest.size);
    }
    if (again.failed || again.size + rest.size != size || memcmp(again.data, data, again.size) != 0) {
        abort();
    }
    buffer_clear(&again);
    free(package);
    return 0;
}
