/*
 * What one gateway's log tells of one exchange: who asked whom what, how it ended, and when what happened on both sides; the other side's times where what it
 * signed tells them. Pure. Names no person: a path may, and stays out.
 */
#ifndef COMITY_INTERCHANGE_EXCHANGE_STORY_H
#define COMITY_INTERCHANGE_EXCHANGE_STORY_H

#include <jansson.h>

#include "evidence/log.h"

enum { STORY_EVENTS_MAX = 64 };

struct exchange_story;
/* NULL when memory is out. */
struct exchange_story *exchange_story_make(struct bytes exchange);
void exchange_story_free(struct exchange_story *story); /* NULL is allowed */
/* Entries of the exchange, in any order; copied. False: memory. Past STORY_EVENTS_MAX events they are passed over. */
must_check bool exchange_story_add(struct exchange_story *story, const struct log_entry *entry);
/* Is there anything to tell? */
bool exchange_story_is_there(const struct exchange_story *story);
/* Whom the decision is about; empty: nobody, or this is not the holder. Lives as long as the story. */
struct bytes exchange_story_person(const struct exchange_story *story);
/* Schema Exchange of the REST API, without `person`. NULL: memory. */
json_t *exchange_story_json(const struct exchange_story *story);

#endif
