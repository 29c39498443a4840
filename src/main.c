#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "cli/command.h"

/*
 * Persons' identifiers pass through JSON texts on the control socket. jansson frees what it parsed without wiping, so it gets an
 * allocator that remembers each block's size and wipes it (jansson's own manual recommends this for secrets).
 */
enum { BLOCK_HEAD = 16 }; /* keeps the alignment that malloc() gives */

static void *wiping_malloc(size_t size)
{
    if (size > SIZE_MAX - BLOCK_HEAD) {
        return NULL;
    }
    unsigned char *block = malloc(size + BLOCK_HEAD);
    if (block == NULL) {
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    return block + BLOCK_HEAD;
}

static void wiping_free(void *data)
{
    if (data == NULL) {
        return;
    }
    unsigned char *block = (unsigned char *)data - BLOCK_HEAD;
    size_t size;
    memcpy(&size, block, sizeof size);
    explicit_bzero(data, size);
    free(block);
}

int main(int argc, char **argv)
{
    json_set_alloc_funcs(wiping_malloc, wiping_free);
    /* A reader that went away is a failed write, which each writer sees, and no reason to die. */
    (void)signal(SIGPIPE, SIG_IGN);
    /* Nothing that this program makes is for others to write; what is secret is made 0600 where it is made. */
    (void)umask(umask(0) | 022);
    return command_main(argc, argv);
}
