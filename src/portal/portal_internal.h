/* What the portal's own files share. */
#ifndef COMITY_PORTAL_PORTAL_INTERNAL_H
#define COMITY_PORTAL_PORTAL_INTERNAL_H

#include "portal/asset.h"
#include "portal/page.h"
#include "portal/pages.h"

struct portal {
    struct templates *templates;
    struct catalogues *catalogues;
    json_t *assets; /* style_css -> path */
    struct rest_pages pages;
};

/* One row a page; pages.c. */
extern const struct rest_route page_routes[];
extern const size_t page_route_count;

/* page.c: the page that says that something was refused (struct rest_pages). */
bool page_refuse(struct rest_call *call, unsigned status, const char *reason, const struct error *cause);
bool page_fault(void *context, unsigned status, const char *detail, struct buffer *out);

#endif
