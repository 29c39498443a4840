/* The handlers that the table of pages (pages.c) names. */
#ifndef COMITY_PORTAL_PAGE_HANDLERS_INTERNAL_H
#define COMITY_PORTAL_PAGE_HANDLERS_INTERNAL_H

#include "portal/page.h"

/* page_frame.c */
rest_handler page_asset, page_home, page_absent, page_preferences, page_offline;

#endif
