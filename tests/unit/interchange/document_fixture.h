/* A consent of the notice in notice_fixture.h, in any state, for tests of the forms. */
#ifndef COMITY_TESTS_DOCUMENT_FIXTURE_H
#define COMITY_TESTS_DOCUMENT_FIXTURE_H

#include "interchange/consent_document.h"

struct document_fixture {
    struct consent_document document;
    struct consent_document_decision decisions[2];
    struct consent_document_event events[3];
};
/* What a record in `state` looks like: asked for, decided, and (where it came so far) ended. `notice` is borrowed. */
void document_fixture_init(struct document_fixture *f, const struct notice *notice, enum consent_state state);
/* The states that a record can be in, in their order. */
extern const enum consent_state document_fixture_states[10];

#endif
