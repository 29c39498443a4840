#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "cli/command.h"

enum { MMAP_THRESHOLD_BYTES = 128 * 1024 };

/*
 * Persons' identifiers pass through JSON texts on the control socket, and jansson frees what it parsed without wiping it (its manual
 * recommends this for secrets). Blocks stay plain malloc()'s, so that a text from json_dumps() may go to free() all the same.
 */
static void wipe_and_free(void *data)
{
    if (data != NULL) {
        explicit_bzero(data, malloc_usable_size(data));
        free(data);
    }
}

int main(int argc, char **argv)
{
    /* glibc would raise it with each large block that is freed, and so keep the next one, touched and wiped, in the heap. */
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES);
    json_set_alloc_funcs(malloc, wipe_and_free);
    /* A reader that went away is a failed write, which each writer sees, and no reason to die. */
    (void)signal(SIGPIPE, SIG_IGN);
    /* Nothing that this program makes is for others to write; what is secret is made 0600 where it is made. */
    (void)umask(umask(0) | 022);
    return command_main(argc, argv);
}
