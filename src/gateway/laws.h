/* Where a gateway finds the law profiles that directories name: its folder laws/, then the binary. */
#ifndef COMITY_GATEWAY_LAWS_H
#define COMITY_GATEWAY_LAWS_H

#include "directory/directory.h"
#include "law/law.h"

/*
 * The law of the directory's community: the profile with the digest that it names, from FOLDER/laws/ (any *.yaml) or compiled in; "strict" when it
 * names none. ERROR_ABSENT, saying id, version and digest, when it is in neither; ERROR_INPUT when the profile with this digest is not one that this
 * version understands, or calls itself otherwise than the directory does. Reads the disk.
 */
must_check bool laws_load(struct law **out, const char *folder, const struct directory *directory, struct error *e);

#endif
