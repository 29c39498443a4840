/*
 * What a log says, read entry by entry by somebody who knows nothing of the gateway's tables: which consents hold, what was released on them, how
 * often they were used. The invariants of consent are looked at as the log grows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/time.h"
#include "consent/counters.h"
#include "consent/event_text.h"
#include "torture/stage_internal.h"

enum { CONSENTS_OF_EXCHANGE = 4, PERSON_SIZE = 48, WORD_SIZE = 24 };

struct model_record {
    char id[CONSENT_ID_SIZE];
    char person[PERSON_SIZE];
    uint8_t notice[SHA256_SIZE];
    bool has_category[CATEGORIES];
    enum consent_state states[CATEGORIES];
    int64_t valid_until_ms;
    bool is_superseded; /* by a later revision of its notice */
    uint64_t total, max;
    uint64_t uses, in_window;
    int64_t window_ms;
};
struct model_use {
    size_t record;
    int64_t window_ms;
};
/* What the log has of an exchange, on either side. */
struct model_exchange {
    char id[UUID_TEXT_SIZE];
    bool has_request, has_decision, has_answer, has_received;
    size_t consents[CONSENTS_OF_EXCHANGE], consent_count; /* of the newest decision */
    struct model_use uses[CONSENTS_OF_EXCHANGE];
    size_t use_count;
    char person[PERSON_SIZE];
};
struct model_person {
    char person[PERSON_SIZE];
    bool is_barred; /* died, paused or restricted */
};
struct model {
    uint64_t next; /* entry */
    uint8_t (*commitments)[SHA256_SIZE];
    size_t commitment_room;
    struct model_record *records;
    size_t record_count;
    struct model_exchange *exchanges;
    size_t exchange_count;
    struct model_person persons[4 * PERSONS];
    size_t person_count;
    uint8_t *sequences; /* seen: an event that a crash made the log hold twice counts once */
    size_t sequence_room;
};

bool model_make(struct model **out)
{
    *out = calloc(1, sizeof **out);
    return *out != NULL;
}

static void clear(struct model *m)
{
    free(m->commitments);
    free(m->records);
    free(m->exchanges);
    free(m->sequences);
    *m = (struct model){ .next = 0 };
}

void model_free(struct model *model)
{
    if (model != NULL) {
        clear(model);
        free(model);
    }
}

void model_forget(struct node *node)
{
    clear(node->model);
}

static void *grown(void *array, size_t count, size_t size)
{
    /* A power of two: full. */
    return (count & (count - 1)) == 0 ? stage_must(realloc(array, (count == 0 ? 1 : 2 * count) * size)) : array;
}

static void keep_text(char *out, size_t size, struct bytes text)
{
    (void)snprintf(out, size, "%.*s", BYTES_FMT(text));
}

/* ---- Finding ---- */

static struct model_record *find_record(struct model *m, struct bytes id)
{
    for (size_t i = 0; i < m->record_count; i++) {
        if (bytes_equal(bytes_of_text(m->records[i].id), id)) {
            return &m->records[i];
        }
    }
    return NULL;
}

static struct model_exchange *get_exchange(struct model *m, struct bytes id)
{
    for (size_t i = m->exchange_count; i-- > 0;) {
        if (bytes_equal(bytes_of_text(m->exchanges[i].id), id)) {
            return &m->exchanges[i];
        }
    }
    m->exchanges = grown(m->exchanges, m->exchange_count, sizeof *m->exchanges);
    struct model_exchange *x = &m->exchanges[m->exchange_count++];
    *x = (struct model_exchange){ .has_request = false };
    keep_text(x->id, sizeof x->id, id);
    return x;
}

static struct model_person *get_person(struct model *m, struct bytes person)
{
    for (size_t i = 0; i < m->person_count; i++) {
        if (bytes_equal(bytes_of_text(m->persons[i].person), person)) {
            return &m->persons[i];
        }
    }
    if (m->person_count == COUNT_OF(m->persons)) {
        abort(); /* the plan has only so many */
    }
    struct model_person *p = &m->persons[m->person_count++];
    *p = (struct model_person){ .is_barred = false };
    keep_text(p->person, sizeof p->person, person);
    return p;
}

static int category_of(struct bytes iri)
{
    for (int i = 0; i < CATEGORIES; i++) {
        if (bytes_equal(iri, bytes_of_text(category_iris[i]))) {
            return i;
        }
    }
    return -1;
}

static enum consent_state state_of(struct bytes word)
{
    for (enum consent_state state = CONSENT_NONE; state <= CONSENT_INVALIDATED; state++) {
        if (bytes_equal(word, bytes_of_text(consent_state_name(state)))) {
            return state;
        }
    }
    return CONSENT_NONE;
}

static struct bytes get(struct bytes text, const char *name)
{
    struct bytes value;
    return event_text_get(text, name, &value) ? value : BYTES_NONE;
}

static int64_t get_number(struct bytes text, const char *name)
{
    uint64_t number = 0;
    return bytes_to_u64(get(text, name), &number) && number <= INT64_MAX ? (int64_t)number : 0;
}

/* True the first time. */
static bool is_first(struct model *m, struct bytes text)
{
    size_t sequence = (size_t)get_number(text, "sequence");
    if (sequence >= m->sequence_room) {
        size_t room = 2 * sequence + 64;
        m->sequences = stage_must(realloc(m->sequences, room));
        memset(m->sequences + m->sequence_room, 0, room - m->sequence_room);
        m->sequence_room = room;
    }
    bool is = m->sequences[sequence] == 0;
    m->sequences[sequence] = 1;
    return is;
}

/* ---- Events ---- */

static void take_consent(struct model *m, struct bytes text)
{
    struct bytes id = get(text, "id"), rest = text, name, value, word;
    struct model_record *r = find_record(m, id);
    if (!is_first(m, text)) {
        return;
    }
    if (r == NULL) {
        m->records = grown(m->records, m->record_count, sizeof *m->records);
        r = &m->records[m->record_count++];
        *r = (struct model_record){ .total = 0 };
        keep_text(r->id, sizeof r->id, id);
        keep_text(r->person, sizeof r->person, get(text, "person"));
        r->total = (uint64_t)get_number(text, "total");
        r->max = (uint64_t)get_number(text, "max");
        (void)!event_text_digest(get(text, "notice"), r->notice);
    }
    if (get(text, "valid_until").size > 0) {
        r->valid_until_ms = get_number(text, "valid_until");
    }
    while (event_text_next(&rest, &name, &value)) {
        if (!bytes_equal(name, BYTES("category")) || !bytes_split(&value, ' ', &word)) {
            continue;
        }
        int category = category_of(value);
        if (category >= 0) {
            r->has_category[category] = true;
            r->states[category] = state_of(word);
        }
    }
}

static void take_person(struct model *m, struct bytes text)
{
    if (is_first(m, text)) {
        get_person(m, get(text, "person"))->is_barred = get(text, "died").size > 0 || get(text, "paused").size > 0 ||
                                                        get(text, "restricted").size > 0;
    }
}

/* A revision in other words: nothing holds any more that was given on the one before. */
static void take_notice(struct model *m, struct bytes text)
{
    uint8_t before[SHA256_SIZE];
    if (!event_text_digest(get(text, "prev"), before) || bytes_equal(get(text, "change"), BYTES("same"))) {
        return;
    }
    for (size_t i = 0; i < m->record_count; i++) {
        m->records[i].is_superseded = m->records[i].is_superseded || memcmp(m->records[i].notice, before, sizeof before) == 0;
    }
}

/* ---- Exchanges ---- */

static void take_decision(struct model *m, struct bytes text)
{
    struct bytes rest = text, name, value, id;
    struct model_exchange *x = get_exchange(m, get(text, "exchange"));
    if (!bytes_equal(get(text, "verdict"), BYTES("permit"))) {
        return;
    }
    x->has_decision = true;
    x->consent_count = x->use_count = 0;
    keep_text(x->person, sizeof x->person, get(text, "person"));
    while (event_text_next(&rest, &name, &value)) {
        bool is_use = bytes_equal(name, BYTES("use"));
        if ((!is_use && !bytes_equal(name, BYTES("consent"))) || !bytes_split(&value, ' ', &id)) {
            continue;
        }
        const struct model_record *r = find_record(m, id);
        size_t record = r == NULL ? SIZE_MAX : (size_t)(r - m->records);
        uint64_t window = 0;
        if (is_use && x->use_count < CONSENTS_OF_EXCHANGE && bytes_to_u64(value, &window)) {
            x->uses[x->use_count++] = (struct model_use){ .record = record, .window_ms = (int64_t)window };
        } else if (!is_use && x->consent_count < CONSENTS_OF_EXCHANGE) {
            x->consents[x->consent_count++] = record;
        }
    }
}

/* The value of a component in a signature base (RFC 9421 2.5): a line `"name": value`. */
static struct bytes component(struct bytes base, const char *name)
{
    char head[64];
    struct bytes rest = base, line;
    (void)snprintf(head, sizeof head, "\"%s\": ", name);
    while (bytes_split(&rest, '\n', &line)) {
        if (bytes_start_with(line, bytes_of_text(head))) {
            return bytes_slice(line, strlen(head), line.size);
        }
    }
    return BYTES_NONE;
}

static bool holds(struct model *m, const struct model_exchange *x, int category)
{
    for (size_t i = 0; i < x->consent_count; i++) {
        const struct model_record *r = x->consents[i] == SIZE_MAX ? NULL : &m->records[x->consents[i]];
        if (r != NULL && !r->is_superseded && r->states[category] == CONSENT_GIVEN && !get_person(m, bytes_of_text(r->person))->is_barred) {
            return true;
        }
    }
    return false;
}

static void count_use(struct node *node, struct model_record *r, int64_t window_ms, uint64_t entry)
{
    r->uses++;
    if (window_ms > r->window_ms) {
        r->window_ms = window_ms;
        r->in_window = 0;
    }
    r->in_window++;
    if ((r->total > 0 && r->uses > r->total) || (r->max > 0 && r->in_window > r->max)) {
        stage_break(node->stage, "gateway %u released on %s for the %" PRIu64 ". time (%" PRIu64 ". in its period) at entry %" PRIu64,
                    node->number, r->id, r->uses, r->in_window, entry);
    }
}

static void take_answer(struct node *node, struct bytes base, uint64_t entry)
{
    struct model *m = node->model;
    struct model_exchange *x = get_exchange(m, component(base, "x-road-request-id"));
    struct bytes released = component(base, "comity-released"), iri;
    if (component(base, "comity-reason").size > 0) {
        return; /* a refusal */
    }
    x->has_answer = true;
    if (!x->has_decision) {
        stage_break(node->stage, "gateway %u logged an answer at entry %" PRIu64 " that nothing permitted", node->number, entry);
    }
    while (bytes_split(&released, ',', &iri)) {
        int category = category_of(bytes_trim(iri));
        if (category >= 0 && !holds(m, x, category)) {
            stage_break(node->stage, "gateway %u released %s at entry %" PRIu64 " on a consent that did not hold there", node->number,
                        category_iris[category], entry);
        }
    }
    for (size_t i = 0; i < x->use_count; i++) {
        if (x->uses[i].record == SIZE_MAX) {
            stage_break(node->stage, "gateway %u counts a use of a record that is not in its log", node->number);
        } else {
            count_use(node, &m->records[x->uses[i].record], x->uses[i].window_ms, entry);
        }
    }
}

static void take(struct node *node, const struct log_entry *entry)
{
    struct model *m = node->model;
    struct bytes text = entry->statement;
    switch (entry->kind) {
    case RECORD_REQUEST_SENT:
        get_exchange(m, component(text, "x-road-request-id"))->has_request = true;
        break;
    case RECORD_DECISION:
        take_decision(m, text);
        break;
    case RECORD_ANSWER_SENT:
        take_answer(node, text, entry->index);
        break;
    case RECORD_ANSWER_RECEIVED:
        get_exchange(m, component(text, "x-road-request-id"))->has_received = true;
        break;
    case RECORD_EVENT:
        if (event_text_is(text, "consent/1")) {
            take_consent(m, text);
        } else if (event_text_is(text, "person/1")) {
            take_person(m, text);
        } else if (event_text_is(text, "notice/1")) {
            take_notice(m, text);
        }
        break;
    case RECORD_NONE:
        break;
    }
}

/* ---- Reading ---- */

static void keep_commitment(struct model *m, const struct log_entry *entry)
{
    if (entry->index >= m->commitment_room) {
        m->commitment_room = m->commitment_room == 0 ? 1024 : 2 * m->commitment_room;
        m->commitments = stage_must(realloc(m->commitments, m->commitment_room * sizeof *m->commitments));
    }
    log_entry_commitment(entry, m->commitments[entry->index]);
}

void model_follow(struct node *node)
{
    struct log_reader *reader = NULL;
    struct log_entry entry;
    uint64_t size = 0;
    struct error e;
    if (node->was_restored) {
        return; /* it may be at odds with what it once said; that is its witnesses' matter */
    }
    bool ok = log_reader_open(&reader, node->public, node->private, &e) && log_reader_size(reader, &size, &e);
    for (uint64_t i = node->model->next; ok && i < size && i < node->promised; i++) {
        ok = log_reader_get(reader, i, &entry, &e);
        if (ok) {
            keep_commitment(node->model, &entry);
            take(node, &entry);
            node->model->next = i + 1;
        }
    }
    log_reader_close(reader);
    if (!ok) {
        stage_break(node->stage, "gateway %u runs, but its log can't be read: %s: %s", node->number, e.where, e.what);
    }
}

/* What it once said, it says still. */
static void compare_log(struct node *node)
{
    struct model *m = node->model;
    struct log_reader *reader = NULL;
    struct log_entry entry;
    struct error e;
    uint8_t now[SHA256_SIZE];
    bool ok = log_reader_open(&reader, node->public, node->private, &e);
    for (uint64_t i = 0; ok && i < m->next; i++) {
        ok = log_reader_get(reader, i, &entry, &e);
        if (ok) {
            log_entry_commitment(&entry, now);
        }
        if (ok && memcmp(now, m->commitments[i], sizeof now) != 0) {
            stage_break(node->stage, "gateway %u has something else as entry %" PRIu64 " than it had acknowledged", node->number, i);
        }
    }
    log_reader_close(reader);
    if (!ok) {
        stage_break(node->stage, "gateway %u lost what it had acknowledged: %s: %s", node->number, e.where, e.what);
    }
}

/* ---- What was acknowledged ---- */

void model_promise(struct node *node, const struct consent_receipt *receipt, const char *event)
{
    struct log_reader *reader = NULL;
    struct log_entry entry;
    struct error e = { 0 };
    if (node->was_restored || receipt->log_index == UINT64_MAX) {
        return;
    }
    bool ok = log_reader_open(&reader, node->public, node->private, &e) && log_reader_get(reader, receipt->log_index, &entry, &e) &&
              entry.form == RECORD_OPEN && event_text_is(entry.statement, "consent/1") &&
              bytes_equal(get(entry.statement, "id"), bytes_of_text(receipt->id));
    log_reader_close(reader);
    if (!ok || receipt->log_index >= node->promised) {
        stage_break(node->stage, "gateway %u acknowledged to a person: %s of %s, which is not in its log at %" PRIu64, node->number, event,
                    receipt->id, receipt->log_index);
    }
}

void model_promise_person(struct node *node, struct bytes person)
{
    const struct model *m = node->model;
    if (node->was_restored) {
        return;
    }
    model_follow(node);
    for (size_t i = 0; i < m->record_count; i++) {
        const struct model_record *r = &m->records[i];
        for (size_t j = 0; j < CATEGORIES && bytes_equal(bytes_of_text(r->person), person); j++) {
            if (r->states[j] == CONSENT_GIVEN || r->states[j] == CONSENT_PAUSED) {
                stage_break(node->stage, "gateway %u acknowledged that a person took everything back, but %s stands", node->number, r->id);
            }
        }
    }
}

void model_forget_person(struct node *node, struct bytes person)
{
    model_follow(node);
    get_person(node->model, person)->is_barred = false;
}

bool model_pick_record(struct node *node, uint64_t seed, char id[CONSENT_ID_SIZE])
{
    const struct model *m = node->model;
    size_t open = 0;
    for (size_t i = 0; i < m->record_count; i++) {
        open += m->records[i].states[CATEGORY_NAME] == CONSENT_GIVEN || m->records[i].states[CATEGORY_NAME] == CONSENT_PAUSED;
    }
    size_t left = open == 0 ? 0 : (size_t)(seed % open);
    for (size_t i = 0; i < m->record_count && open > 0; i++) {
        if (m->records[i].states[CATEGORY_NAME] != CONSENT_GIVEN && m->records[i].states[CATEGORY_NAME] != CONSENT_PAUSED) {
            continue;
        }
        if (left-- == 0) {
            memcpy(id, m->records[i].id, CONSENT_ID_SIZE);
            return true;
        }
    }
    return false;
}

void model_acknowledge(struct stage *stage, const struct exchange *x)
{
    struct node *consumer = &stage->nodes[x->consumer], *holder = &stage->nodes[x->holder];
    struct node *const sides[] = { consumer, holder };
    for (size_t i = 0; i < COUNT_OF(sides); i++) {
        if (sides[i]->was_restored) {
            continue;
        }
        if (sides[i]->log != NULL) {
            sides[i]->promised = log_size(sides[i]->log);
        }
        model_follow(sides[i]);
        const struct model_exchange *has = get_exchange(sides[i]->model, bytes_of_text(x->id));
        if (i == 0 ? !has->has_request || !has->has_received : !has->has_decision || !has->has_answer) {
            stage_break(stage, "an exchange of gateways %u and %u was acknowledged without all of its evidence at gateway %u", x->consumer,
                        x->holder, sides[i]->number);
        }
    }
}

void model_expect_decision(struct node *node, const struct field *id)
{
    if (node->was_restored || node->log == NULL) {
        return;
    }
    model_follow(node);
    if (id == NULL || !get_exchange(node->model, id->value)->has_decision) {
        stage_break(node->stage, "gateway %u called its service, and what permits it is not behind it in the log", node->number);
    }
}

/* ---- Log, database, memory ---- */

struct comparing {
    struct node *node;
    size_t rows;
};

static bool compare_row(void *context, const struct consent_record *row)
{
    struct comparing *c = context;
    struct node *node = c->node;
    const struct model_record *r = find_record(node->model, row->id);
    int category = category_of(row->category);
    c->rows++;
    if (r == NULL) {
        stage_break(node->stage, "gateway %u: the database has the consent %.*s, the log does not", node->number, BYTES_FMT(row->id));
        return false;
    }
    enum consent_state state = category < 0 ? CONSENT_NONE : r->states[category];
    bool has_run_out = (state == CONSENT_GIVEN || state == CONSENT_PAUSED || state == CONSENT_REQUESTED) &&
                       r->valid_until_ms <= time_now_ms();
    state = has_run_out ? CONSENT_EXPIRED : state;
    if (state != row->state) {
        stage_break(node->stage, "gateway %u: %.*s is %s in the database and %s by the log", node->number, BYTES_FMT(row->id),
                    consent_state_name(row->state), consent_state_name(state));
    }
    return !node->stage->result->is_broken;
}

static void compare_counters(struct node *node)
{
    struct counters *counters = consents_counters(gateway_consents(stepped_gateway(node->gateway)));
    for (size_t i = 0; i < node->model->record_count; i++) {
        const struct model_record *r = &node->model->records[i];
        const struct counter_use use = { .record = bytes_of_text(r->id), .window_ms = r->window_ms, .max = r->max, .total = r->total };
        uint64_t in_window = 0, in_all = 0;
        if (r->total == 0 && r->max == 0) {
            continue;
        }
        counters_peek_use(counters, &use, &in_window, &in_all);
        if (in_all != r->uses || in_window != r->in_window) {
            stage_break(node->stage,
                        "gateway %u counts %" PRIu64 " uses of %s (%" PRIu64 " in its period), its log has %" PRIu64 " (%" PRIu64 ")",
                        node->number, in_all, r->id, in_window, r->uses, r->in_window);
        }
    }
}

void model_compare(struct node *node)
{
    struct comparing comparing = { .node = node };
    struct error e = { 0 };
    size_t rows = 0;
    if (node->was_restored || node->log == NULL) {
        return;
    }
    compare_log(node);
    model_follow(node);
    if (!consent_list(gateway_consents(stepped_gateway(node->gateway)), BYTES_NONE, BYTES_NONE, compare_row, &comparing, &e)) {
        stage_break(node->stage, "gateway %u: consents can't be listed: %s: %s", node->number, e.where, e.what);
    }
    for (size_t i = 0; i < node->model->record_count; i++) {
        for (size_t j = 0; j < CATEGORIES; j++) {
            rows += node->model->records[i].has_category[j];
        }
    }
    if (rows != comparing.rows) {
        stage_break(node->stage, "gateway %u: the log has %zu decisions of persons, the database %zu", node->number, rows, comparing.rows);
    }
    compare_counters(node);
}
