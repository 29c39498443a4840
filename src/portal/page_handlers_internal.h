/* The handlers that the table of pages (pages.c) names. */
#ifndef COMITY_PORTAL_PAGE_HANDLERS_INTERNAL_H
#define COMITY_PORTAL_PAGE_HANDLERS_INTERNAL_H

#include "portal/page.h"

/* page_frame.c */
rest_handler page_asset, page_home, page_absent, page_preferences, page_offline;

/* console.c, console_find.c, console_rules.c */
rest_handler page_console, page_console_tasks, page_console_act, page_console_find, page_console_exchange, page_console_rules,
    page_console_explain, page_console_compare;

/* page_sign_in.c */
rest_handler page_sign_in, page_sign_in_code, page_sign_in_provider, page_sign_in_callback, page_sign_out_provider, page_sign_out,
    page_signed_out, page_sessions, page_sessions_end;
/* person.c, person_use.c, person_consent.c, person_right.c */
rest_handler page_person_pause, page_person_resume, page_people, page_people_act, page_people_own, page_uses, page_use, page_uses_complete,
    page_consents, page_consents_withdraw, page_consent, page_consent_notice, page_consent_withdraw, page_consent_pause,
    page_consent_resume, page_consent_answer, page_rights, page_right, page_right_ask, page_right_cancel;

#endif
