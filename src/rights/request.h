/*
 * A person's request to the holder: to know, to have a copy, to have it corrected or deleted, ... (PIPL 44-50; GDPR 12-22). Its clock runs from receipt, in calendar
 * days, by the law of the community; what is open and late is an alarm to the operator and visible to the person. Whether it is justified people decide; here is
 * written down who did, and why.
 */
#ifndef COMITY_RIGHTS_REQUEST_H
#define COMITY_RIGHTS_REQUEST_H

#include "rights/rights.h"

/* Zero is "none". Numbers are in the store. The last four are final. */
enum request_state {
    REQUEST_NONE = 0,
    REQUEST_RECEIVED, /* who asks is to be made sure of */
    REQUEST_ACCEPTED, /* it is known who asks, and the answer is being made */
    REQUEST_FULFILLED,
    REQUEST_PARTLY,
    REQUEST_REFUSED,
    REQUEST_CANCELLED, /* by the person */
};
enum request_event {
    REQUEST_EVENT_RECEIVE = 0,
    REQUEST_EVENT_ACCEPT,
    REQUEST_EVENT_EXTEND, /* once; the state stays */
    REQUEST_EVENT_FULFIL,
    REQUEST_EVENT_FULFIL_PARTLY,
    REQUEST_EVENT_REFUSE,
    REQUEST_EVENT_CANCEL,
    REQUEST_EVENT_COUNT,
};
/* Pure. REQUEST_NONE: the event is not allowed in this state. */
enum request_state request_after(enum request_state state, enum request_event event);
const char *request_state_name(enum request_state state);
const char *request_event_name(enum request_event event); /* "fulfil-partly": as in the log and the API */
must_check bool request_event_find(struct bytes name, enum request_event *out);
must_check bool request_right_find(struct bytes word, enum law_right *out); /* by law_right_word() */

/* What is asked. Views. */
struct request_new {
    struct bytes person; /* the holder's identifier, 1 to 256 bytes: never in a diagnostic */
    enum law_right right;
    struct bytes subject; /* what it is about: an exchange's id (explain), a consent's id, a member; may be empty */
    struct bytes words;   /* the person's own, up to RIGHTS_WORDS_MAX; needed for LAW_CORRECT: what is wrong, and what is right */
    struct bytes by;      /* "person", "guardian", "delegate", "relative", or who wrote it down at a counter; up to RIGHTS_NAME_MAX */
    struct bytes method;  /* "portal", "kiosk", "paper", "voice", "ussd", "api" */
};
/* ERROR_DENIED: the law knows no such right. ERROR_INPUT: a field. `id` receives the request's id. */
must_check bool request_receive(struct rights *rights, const struct request_new *request, const struct law *law, int64_t now_ms,
                                char id[RIGHTS_ID_SIZE], uint64_t *index, struct error *e);

/* What is done with it. Views. */
struct request_act {
    struct bytes id;
    enum request_event event; /* any but RECEIVE */
    struct bytes by;          /* who did it: the name of a person or an office, which is logged */
    struct bytes reason;      /* needed to extend, to fulfil in part, and to refuse; one line */
    struct bytes remedy;      /* needed to refuse: where the person can complain (PIPL 50; GDPR 12 4) */
    struct bytes answer;      /* needed to fulfil, in full or part: what the person is told; up to RIGHTS_WORDS_MAX */
};
/*
 * ERROR_ABSENT: no such request. ERROR_DENIED: its state, or the law (an extension), does not allow it. A request to delete that is fulfilled, to correct or to
 * restrict, is passed on to every recipient by the obligations (obligation.h; GDPR 19).
 */
must_check bool request_do(struct rights *rights, const struct request_act *act, const struct law *law, int64_t now_ms, uint64_t *index,
                           struct error *e);

/* As it stands. Views until the callback returns. */
struct request {
    struct bytes id, person, subject, words, by, method, law, reason, remedy, answer;
    enum law_right right;
    enum request_state state;
    bool is_extended;
    int64_t received_at_ms, identity_due_at_ms, due_at_ms;
    int64_t closed_at_ms; /* 0: open */
    int64_t log_index;    /* of the newest event; -1: not in the log yet */
};
bool request_is_overdue(const struct request *request, int64_t now_ms);
struct request_filter {
    struct bytes person, id; /* BYTES_NONE: all */
    bool is_open;            /* open ones only, the nearest deadline first; else the newest first */
};
typedef bool request_each(void *context, const struct request *request); /* false stops, which is no error */
must_check bool request_list(struct rights *rights, const struct request_filter *filter, request_each *each, void *context,
                             struct error *e);

#endif
