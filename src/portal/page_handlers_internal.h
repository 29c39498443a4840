/* The handlers that the table of pages (pages.c) names. */
#ifndef COMITY_PORTAL_PAGE_HANDLERS_INTERNAL_H
#define COMITY_PORTAL_PAGE_HANDLERS_INTERNAL_H

#include "portal/page.h"

/* page_frame.c */
rest_handler page_asset, page_home, page_absent, page_preferences, page_offline;

/* page_sign_in.c */
rest_handler page_sign_in, page_sign_in_code, page_sign_in_provider, page_sign_in_callback, page_sign_out_provider, page_sign_out, page_signed_out,
    page_sessions, page_sessions_end;

#endif
