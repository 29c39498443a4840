/* The log's entries, one after the other: consents as they change, decisions, and what left on them. */
#include <stdio.h>

#include "audit/replay_internal.h"

/* ---- Answers ---- */

static bool has_line(struct bytes lines, struct bytes wanted)
{
    struct bytes line;
    while (bytes_split(&lines, '\n', &line)) {
        if (bytes_equal(line, wanted)) {
            return true;
        }
    }
    return false;
}

/* What the person's newest word on a category is, by the entries up to here; who has died or paused everything gives nothing. */
static bool is_given(const struct consent_past *past, struct bytes category)
{
    const struct consent_view *view = past->versions[0].view;
    if (view != NULL && (view->person.has_died || view->person.is_paused)) {
        return false;
    }
    for (size_t i = 0; view != NULL && i < view->count; i++) {
        if (bytes_equal(view->decisions[i].category, category)) {
            return view->decisions[i].state == CONSENT_GIVEN;
        }
    }
    return false;
}

/*
 * What left must have been permitted, and no entry in between may have taken it back: nothing leaves behind a withdrawal. A consent that was
 * given in between takes nothing back, and comes into force a moment after its entry.
 */
static void compare_answer(struct decision_replay *r, const struct log_entry *entry, const struct said *said,
                           const struct open_decision *decision)
{
    struct bytes exchange = said_value(said, "x-road-request-id", false), left = said_value(said, "comity-released", false), item;
    const struct consent_past *past = decision->has_key ? consent_history_find(r->history, &decision->key) : NULL;
    r->counts.answers++;
    while (left.size > 0 && bytes_split(&left, ',', &item)) {
        item = bytes_trim(item);
        if (!has_line(decision->released, item)) {
            replay_tell(r, REPLAY_DIFFERENT, entry, exchange, "a category left that was not permitted", item, BYTES_NONE);
            return;
        }
        if (has_line(decision->on_consent, item) && (past == NULL || !is_given(past, item))) {
            replay_tell(r, REPLAY_DIFFERENT, entry, exchange, "a category left on a consent that an entry before had taken back", item,
                        BYTES_NONE);
            return;
        }
    }
}

static void take_answer(struct decision_replay *r, const struct log_entry *entry)
{
    struct said said;
    uint8_t digest[SHA256_SIZE];
    if (!said_parse(entry->statement, &said, "answer", NULL) || !said.is_answer ||
        !said_digest(said_value(&said, "comity-decision", false), digest)) {
        replay_tell(r, REPLAY_DIFFERENT, entry, BYTES_NONE, "the answer's statement can't be read", BYTES_NONE, BYTES_NONE);
        return;
    }
    struct open_decision *decision = open_take(&r->open, digest);
    if (decision != NULL) {
        compare_answer(r, entry, &said, decision);
    } else if (r->is_whole && said_value(&said, "comity-reason", false).size == 0) {
        replay_tell(r, REPLAY_DIFFERENT, entry, said_value(&said, "x-road-request-id", false), "it answers what no entry before it permits",
                    BYTES_NONE, BYTES_NONE);
    }
    open_free(decision);
}

/* ---- Entries ---- */

static bool is_about(const struct consent_key *changed, const struct consent_key *key)
{
    return bytes_equal(key->person, changed->person) && (changed->recipient.size == 0 || (bytes_equal(key->recipient, changed->recipient) &&
                                                                                          bytes_equal(key->purpose, changed->purpose)));
}

/* What was decided ahead on this key can be decided now. False: memory. */
static bool take_ahead(void *context, const struct consent_key *key)
{
    struct decision_replay *r = context;
    for (size_t i = 0; i < r->ahead_count && key->person.size > 0;) {
        struct ahead *ahead = &r->ahead[i];
        bool is_ahead = true;
        if (is_about(key, &ahead->key) && !replay_take_decision(r, &ahead->entry, true, &is_ahead)) {
            return false;
        }
        if (is_ahead) {
            i++;
            continue;
        }
        arena_clear(&ahead->memory);
        *ahead = r->ahead[--r->ahead_count];
        r->ahead[r->ahead_count] = (struct ahead){ 0 };
    }
    return true;
}

/* A change of consents, or of what is known of a person: what was decided on it before it was logged can be decided now. */
static bool take_consent(struct decision_replay *r, const struct log_entry *entry, struct error *e)
{
    struct consent_key key = { .person = BYTES_NONE };
    struct error fault;
    bool ok = consent_history_is_batch(entry->statement)
                  ? consent_history_add_batch(r->history, entry->statement, entry->index, r->source.private, take_ahead, r, &fault)
                  : consent_history_add(r->history, entry->statement, entry->index, &key, &fault);
    if (!ok && fault.kind != ERROR_MEMORY) {
        replay_tell(r, REPLAY_UNDECIDABLE, entry, BYTES_NONE, fault.what, BYTES_NONE, BYTES_NONE);
        return true;
    }
    return (ok && take_ahead(r, &key)) || error_memory(e, "replay");
}

static bool take_notice(struct decision_replay *r, const struct log_entry *entry, struct error *e)
{
    struct error fault;
    if (!notice_history_add(&r->notices, &r->source, entry->statement, &fault)) {
        if (fault.kind == ERROR_MEMORY) {
            return error_memory(e, "replay");
        }
        char text[REPLAY_TEXT_SIZE], reason[sizeof fault];
        (void)snprintf(text, sizeof text, "the notice: %s", error_text(&fault, reason, sizeof reason));
        replay_tell(r, REPLAY_UNDECIDABLE, entry, BYTES_NONE, text, BYTES_NONE, BYTES_NONE);
    }
    return true;
}

/* Of an erased entry the kind is left; of one that came back from a mirror not even that. */
static void take_closed(struct decision_replay *r, const struct log_entry *entry, bool is_asked)
{
    r->is_whole = false;
    r->has_closed = true;
    if (!is_asked) {
        return;
    }
    r->counts.entries++;
    r->counts.decisions += entry->kind == RECORD_DECISION;
    if (entry->kind == RECORD_DECISION || entry->kind == RECORD_NONE) {
        replay_tell(r, REPLAY_UNDECIDABLE, entry, BYTES_NONE, entry->form == RECORD_ERASED ? "it was erased" : "its record was lost",
                    BYTES_NONE, BYTES_NONE);
    }
}

bool decision_replay_take(struct decision_replay *replay, const struct log_entry *entry, bool is_asked, struct error *e)
{
    bool is_ahead;
    replay->is_whole = replay->is_whole && is_asked;
    if (entry->form != RECORD_OPEN) {
        take_closed(replay, entry, is_asked);
        return true;
    }
    if (entry->kind == RECORD_EVENT && notice_history_takes(entry->statement)) {
        return take_notice(replay, entry, e);
    }
    if (entry->kind == RECORD_EVENT) {
        return !consent_history_takes(entry->statement) || take_consent(replay, entry, e);
    }
    if (!is_asked) {
        return true;
    }
    replay->counts.entries++;
    if (entry->kind == RECORD_ANSWER_SENT) {
        take_answer(replay, entry);
        return true;
    }
    if (entry->kind != RECORD_DECISION) {
        return true;
    }
    replay->counts.decisions++;
    return replay_take_decision(replay, entry, false, &is_ahead) || error_memory(e, "replay");
}

void decision_replay_skip(struct decision_replay *replay, uint64_t index, const struct error *why)
{
    char text[sizeof *why];
    const struct log_entry entry = { .index = index };
    replay->is_whole = false;
    replay->has_closed = true;
    replay_tell(replay, REPLAY_UNDECIDABLE, &entry, BYTES_NONE, error_text(why, text, sizeof text), BYTES_NONE, BYTES_NONE);
}

bool decision_replay_end(struct decision_replay *replay, struct replay_counts *counts, struct error *e)
{
    for (size_t i = 0; i < replay->ahead_count; i++) {
        struct decision_read read;
        char what[REPLAY_TEXT_SIZE];
        enum read_outcome outcome = decision_read(&replay->ahead[i].entry, &read, what);
        if (outcome == READ_DECISION) {
            replay_tell(replay, replay->has_closed ? REPLAY_UNDECIDABLE : REPLAY_DIFFERENT, read.entry, read.exchange,
                        "it names consents that the log does not have", BYTES_NONE, BYTES_NONE);
        }
        decision_read_clear(&read);
        if (outcome != READ_DECISION) {
            return error_memory(e, "replay");
        }
    }
    *counts = replay->counts;
    return true;
}
