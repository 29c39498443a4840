#include "crypto/secret.h"

#include <errno.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/random.h"
#include "crypto/certificate.h"
#include "crypto/private_file_internal.h"

enum { TEXT_SIZE = 2 * SECRET_SIZE + 1 }; /* with its LF */

static bool make(const char *path, uint8_t out[SECRET_SIZE], struct error *e)
{
    char text[TEXT_SIZE + 1];
    random_fill(out, SECRET_SIZE);
    hex_write(bytes_of(out, SECRET_SIZE), text);
    text[TEXT_SIZE - 1] = '\n';
    bool ok = file_write_new(path, 0600, bytes_of(text, TEXT_SIZE), e);
    explicit_bzero(text, sizeof text);
    return ok;
}

bool secret_load_or_make(const char *path, uint8_t out[SECRET_SIZE], bool *is_new, struct error *e)
{
    struct buffer text;
    /* Only where nothing is: whatever else is wrong with the file is told by reading it. */
    *is_new = access(path, F_OK) != 0 && errno == ENOENT;
    if (*is_new) {
        return make(path, out, e);
    }
    buffer_init(&text, TEXT_SIZE);
    bool ok = file_read_private(path, &text, e);
    if (ok &&
        (text.size != TEXT_SIZE || text.data[TEXT_SIZE - 1] != '\n' || !hex_parse(bytes_of(text.data, TEXT_SIZE - 1), out, SECRET_SIZE))) {
        ok = error_set(e, ERROR_INPUT, path, "restore it from a backup; without one, remove it: pseudonyms made from now on will be others",
                       "is not a secret of 64 hex digits and a line end");
    }
    buffer_wipe(&text);
    return ok;
}
