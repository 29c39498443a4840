/* A notice as an operator writes it: YAML, or JSON, with short IRIs (pd:BloodType). */
#ifndef COMITY_CLI_NOTICE_FILE_H
#define COMITY_CLI_NOTICE_FILE_H

#include <jansson.h>

#include "base/error.h"

/*
 * Reads the file ("-": standard input) into JSON with full IRIs. YAML without anchors, aliases and tags, of one document; plain words true, false, null
 * and whole numbers are what they look like, all else is text. ERROR_INPUT with "FILE:LINE". `*out` is the caller's.
 */
must_check bool notice_file_read(const char *path, json_t **out, struct error *e);

#endif
