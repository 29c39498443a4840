/* Small files that commands read and write whole. */
#ifndef COMITY_CLI_FILE_H
#define COMITY_CLI_FILE_H

#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

/* Appends the file's bytes; "-" is standard input. ERROR_INPUT when it is larger than the buffer takes. */
must_check bool file_read_whole(const char *path, struct buffer *out, struct error *e);
/* Makes the file, synced; ERROR_DENIED when it is there already. */
must_check bool file_write_whole_new(const char *path, struct bytes data, mode_t mode, struct error *e);
/* Replaces the file so that after a crash either the old or the new one is there. */
must_check bool file_replace_whole(const char *path, struct bytes data, mode_t mode, struct error *e);
/* Makes the folder; being there already is an error unless `may_be_there`. */
must_check bool folder_make(const char *path, mode_t mode, bool may_be_there, struct error *e);
bool file_is_there(const char *path);

#endif
