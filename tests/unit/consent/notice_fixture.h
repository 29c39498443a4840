/* A complete notice for tests, and notices that differ from it. */
#ifndef COMITY_TESTS_NOTICE_FIXTURE_H
#define COMITY_TESTS_NOTICE_FIXTURE_H

#include "consent/notice.h"

/* The notice of reference consent-standards 6.1, with everything that CN-PIPL demands, and after it a JSON merge patch (RFC 7396; NULL: none). */
json_t *notice_fixture_json(const char *patch);
/* The same, read; fails the test when it can't be read. */
struct notice *notice_fixture(const char *patch);
/* `value` with the merge patch in it. */
void notice_fixture_merge(json_t *value, const json_t *patch);

#endif
