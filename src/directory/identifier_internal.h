/* What a code in an identifier may be made of. */
#ifndef COMITY_DIRECTORY_IDENTIFIER_INTERNAL_H
#define COMITY_DIRECTORY_IDENTIFIER_INTERNAL_H

#include "base/bytes.h"

/* NULL if the part may be registered (identifier_check_new()), else what is wrong with it, to stand behind its name. */
const char *identifier_part_fault(struct bytes part);
/* Within A-Z a-z 0-9 '()+,-.=? (X-Road REST 4.8). */
bool identifier_part_is_plain(struct bytes part);

#endif
