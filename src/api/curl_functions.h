/*
 * libcurl, loaded when the REST API starts: it brings some 25 other libraries, and a gateway without that listener, on a small board, should not have them
 * in memory.
 */
#ifndef COMITY_API_CURL_FUNCTIONS_H
#define COMITY_API_CURL_FUNCTIONS_H

#include <curl/curl.h>

#include "base/error.h"

/* As in <curl/curl.h>. Set by curl_functions_load(), then never changed. */
struct curl_functions {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *curl);
    CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
    const char *(*easy_strerror)(CURLcode code);
    void (*easy_cleanup)(CURL *curl);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
};
extern struct curl_functions curl_functions;
/* Once, before any other thread runs. ERROR_ABSENT when the library is not there, or too old. */
must_check bool curl_functions_load(struct error *e);

#endif
