/* Names of keys, as signed-note 1.0.0 allows them. */
#ifndef COMITY_CRYPTO_KEY_NAME_INTERNAL_H
#define COMITY_CRYPTO_KEY_NAME_INTERNAL_H

#include "base/bytes.h"

/* Not empty, UTF-8, no white space (Unicode's), no control character below 0x20, no '+'. Of any length. */
bool key_name_is_valid(struct bytes name);

#endif
