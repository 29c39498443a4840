/* What the person's pages share: for whom a page is, what was just done, and small views of the API's answers. */
#ifndef COMITY_PORTAL_PERSON_INTERNAL_H
#define COMITY_PORTAL_PERSON_INTERNAL_H

#include "api/rest_ask.h"
#include "portal/page.h"

/*
 * Begins a page: finds for whom it is (the signed-in person, or the ward that the person now acts for), which is also whom rest_ask() then asks for.
 * `*data` is the page's data with "me" { person, is_ward, is_helper, can_decide, paused, restricted, guarded, back } and "told" (the key of the text of
 * what was just done, by the query `told`). NULL with true: the answer is a redirection already, since one does not answer for that ward any more.
 */
must_check bool person_begin(struct rest_call *call, json_t **data, struct error *e);
/* Asks, and puts the answer into `data` as `name`. */
must_check bool person_ask_into(struct rest_call *call, json_t *data, const char *name, const char *target, struct error *e);
/* Sets for whom rest_ask() asks; for handlers of forms, which show nothing. */
void person_choose(struct rest_call *call);
/* 303 to `path`, with ?told=`told`. */
must_check bool person_redirect(struct rest_call *call, const char *path, const char *told, struct error *e);
/* "/v1/consents/" ID "/withdraw", encoded; lives as long as the call. NULL: memory. */
const char *person_target(struct rest_call *call, const char *before, struct bytes segment, const char *after);
/* Takes `value` over. */
must_check bool person_put(json_t *data, const char *name, json_t *value, struct error *e);

/* ---- Views: pure ---- */

/* The name of a member for people: of the directory, else the third part of its identifier. `name` may be null. */
json_t *view_member(const json_t *name, const char *identifier);
/* The first part of an identifier: the community's code. */
json_t *view_community(const char *identifier);
/* "reason.CODE" if there is such a text, else "reason.other". */
const char *view_key(const struct catalogue *texts, const char *prefix, const char *word, char *room, size_t size);
/* The text for the reader of { "en": "..", "fr": ".." }: the page's language, else English, else any. { text, language }; NULL: there is none. */
json_t *view_text(const json_t *texts, const char *language);
/* One use of /v1/uses for a template (person_use_view.c). NULL: memory. */
json_t *view_use(const json_t *use, const struct catalogue *texts);
/* A page of them, the newest first, by day: [ { day, uses: [..] } ]. */
json_t *view_days(const json_t *uses, const struct catalogue *texts);

#endif
