#include "api/curl_functions.h"

#include <dlfcn.h>

static const char library[] = "libcurl.so.4";

struct curl_functions curl_functions;

bool curl_functions_load(struct error *e)
{
    /* POSIX lets a pointer of dlsym() become one to a function; C has no other way to say so than by its bytes. */
    const struct {
        const char *name;
        void *to;
    } symbols[] = {
        { "curl_global_init", &curl_functions.global_init },       { "curl_easy_init", &curl_functions.easy_init },
        { "curl_easy_setopt", &curl_functions.easy_setopt },       { "curl_easy_perform", &curl_functions.easy_perform },
        { "curl_easy_getinfo", &curl_functions.easy_getinfo },     { "curl_easy_strerror", &curl_functions.easy_strerror },
        { "curl_easy_cleanup", &curl_functions.easy_cleanup },     { "curl_slist_append", &curl_functions.slist_append },
        { "curl_slist_free_all", &curl_functions.slist_free_all },
    };
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL); /* for the life of the process */
    if (handle == NULL) {
        return error_set(e, ERROR_ABSENT, library, "install it (Debian: libcurl4), or take listen.api out", "the REST API needs it");
    }
    for (size_t i = 0; i < COUNT_OF(symbols); i++) {
        void *found = dlsym(handle, symbols[i].name);
        if (found == NULL) {
            return error_set(e, ERROR_ABSENT, library, "install a newer one", "it has no %s", symbols[i].name);
        }
        memcpy(symbols[i].to, &found, sizeof found);
    }
    return true;
}
