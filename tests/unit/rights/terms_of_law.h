/* A law with the periods that this part reads, for tests: no profile has all of them so that each can be told from the others. */
#ifndef COMITY_TEST_TERMS_OF_LAW_H
#define COMITY_TEST_TERMS_OF_LAW_H

#include "law/law.h"

/* Access 10 days, correct 5, delete 20, explain 7; no right to port; identity 2 days; one extension of 1 month; breach: authority 3 h, persons 24 h, report 30 days; assessments good for 1 year. */
void terms_of_law(struct law *law);

enum { TEST_DAY_MS = 24 * 60 * 60 * 1000 };

#endif
