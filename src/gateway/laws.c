#include "gateway/laws.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/disk.h"
#include "base/encode.h"

struct search {
    struct disk *disk; /* the gateway's folder */
    const uint8_t *digest;
    uint8_t *text; /* heap; NULL: not found */
    size_t size;
    char name[300];
};

static void look(void *context, const char *name, bool is_folder)
{
    struct search *search = context;
    uint8_t *text = NULL, digest[SHA256_SIZE];
    size_t size = 0;
    char path[300];
    int length = snprintf(path, sizeof path, "laws/%s", name);
    if (is_folder || search->text != NULL || !bytes_end_with(bytes_of_text(name), BYTES(".yaml")) || length < 0 ||
        (size_t)length >= sizeof path || disk_read_whole(search->disk, path, LAW_BYTES_MAX, &text, &size) != 0) {
        return;
    }
    sha256(bytes_of(text, size), digest);
    if (memcmp(digest, search->digest, sizeof digest) != 0) {
        free(text);
        return;
    }
    search->text = text;
    search->size = size;
    memcpy(search->name, path, sizeof path);
}

/* The folder laws/ need not be there. */
static bool search_folder(const char *folder, struct search *search, struct error *e)
{
    if (!disk_open_folder(&search->disk, folder, false, e)) {
        return false;
    }
    int fault = search->disk->functions->list(search->disk, "laws", look, search);
    disk_free(search->disk);
    errno = fault;
    return fault == 0 || fault == ENOENT || error_system(e, "laws", "check the folder's owner and mode");
}

static bool check_names(const struct law *law, const struct directory *directory, const char *where, struct error *e)
{
    return (bytes_equal(law->id, directory->law_id) && bytes_equal(law->version, directory->law_version)) ||
           error_set(e, ERROR_INPUT, where, "have the operator sign a directory that names it right",
                     "it is %.*s of %.*s, but the directory calls it %.*s of %.*s", BYTES_FMT(law->id), BYTES_FMT(law->version),
                     BYTES_FMT(directory->law_id), BYTES_FMT(directory->law_version));
}

static bool parse(struct law **out, struct bytes text, const char *where, const struct directory *directory, struct error *e)
{
    if (!law_parse(out, text, where, e)) {
        return false;
    }
    if (!check_names(*out, directory, where, e)) {
        law_drop(*out);
        *out = NULL;
        return false;
    }
    return true;
}

bool laws_load(struct law **out, const char *folder, const struct directory *directory, struct error *e)
{
    char hex[2 * SHA256_SIZE + 1], todo[192], where[128];
    struct search search = { .digest = directory->law_digest };
    *out = NULL;
    if (!directory->has_law) {
        return law_load_builtin(out, BYTES(LAW_DEFAULT_ID), e);
    }
    if (!search_folder(folder, &search, e)) {
        return false;
    }
    if (search.text != NULL) {
        bool ok = parse(out, bytes_of(search.text, search.size), search.name, directory, e);
        free(search.text);
        return ok;
    }
    const struct law_builtin *builtin = law_find_builtin(directory->law_digest);
    if (builtin != NULL) {
        (void)snprintf(where, sizeof where, "laws/%s.yaml", builtin->id);
        return parse(out, builtin->text, where, directory, e);
    }
    hex_write(bytes_of(directory->law_digest, SHA256_SIZE), hex);
    (void)snprintf(todo, sizeof todo, "get the profile from the community's operator and put it into laws/ (sha256 %s)", hex);
    return error_set(e, ERROR_ABSENT, "law", todo,
                     "the directory of %.*s names the law %.*s of %.*s, which is neither in laws/ nor in this version",
                     (int)(directory->community.size < 64 ? directory->community.size : 64), (const char *)directory->community.data,
                     BYTES_FMT(directory->law_id), BYTES_FMT(directory->law_version));
}
