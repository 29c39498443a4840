/* The pages of the person and of the operator, for the API's listener (api/rest_page.h). Knows neither sockets nor SQL: pages ask by rest_ask(). */
#ifndef COMITY_PORTAL_PAGES_H
#define COMITY_PORTAL_PAGES_H

#include "base/error.h"

struct portal;
struct rest_pages; /* api/rest_page.h */
/*
 * `languages_folder`: catalogues of more languages, NAME.json each, or changes of those that are built in; NULL or not there: none.
 * ERROR_INPUT names the file and the text that is wrong. On failure *out is NULL.
 */
must_check bool portal_make(struct portal **out, const char *languages_folder, struct error *e);
void portal_free(struct portal *portal); /* after rest_stop() is done; NULL is allowed */
/* For rest_options.pages; lives as long as the portal. */
const struct rest_pages *portal_pages(const struct portal *portal);

#endif
