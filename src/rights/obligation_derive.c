/* What is owed, read from the log: ends of consents, requests that were fulfilled, answers whose conditions set the data a life. */
#include "rights/obligation_internal.h"

#include <stdlib.h>

#include "base/time.h"
#include "consent/disclosures.h"
#include "rights/decision_internal.h"
#include "rights/request.h"
#include "store/state.h"

static const char cursor[] = "obligations.next";
enum { USUAL_DAYS = 30, CATCH_UP_ENTRIES = 1 << 20, EXCHANGES_MAX = 1000000, CHUNK_ENTRIES = 1000 };

/* ---- What ended ---- */

struct cause {
    struct bytes id, person;
    struct bytes record;    /* only what stood on this consent; empty: anything */
    struct bytes recipient; /* only what went to this member; empty: anybody */
    struct bytes *categories;
    size_t category_count; /* only these; 0: all that was released */
    const char *reason;
    enum notice_kind kind;
};

static bool get(struct bytes text, const char *name, struct arena *arena, struct bytes *out)
{
    struct bytes value;
    *out = BYTES("");
    if (!event_text_get(text, name, &value)) {
        return true;
    }
    *out = event_text_decode(arena, value);
    *out = out->data == NULL ? BYTES_NONE : arena_copy(arena, *out);
    return out->data != NULL;
}

/* `category: STATE IRI` lines. */
static bool get_categories(struct bytes text, struct arena *arena, struct cause *cause)
{
    struct bytes name, value, rest = text;
    size_t count = 0;
    while (event_text_next(&rest, &name, &value)) {
        count += bytes_equal(name, BYTES("category"));
    }
    cause->categories = arena_take(arena, (count + 1) * sizeof *cause->categories);
    for (rest = text; cause->categories != NULL && event_text_next(&rest, &name, &value);) {
        struct bytes state;
        if (bytes_equal(name, BYTES("category")) && bytes_split(&value, ' ', &state)) {
            struct bytes iri = event_text_decode(arena, value);
            iri = iri.data == NULL ? BYTES_NONE : arena_copy(arena, iri);
            if (iri.data == NULL) {
                return false;
            }
            cause->categories[cause->category_count++] = iri;
        }
    }
    return cause->categories != NULL;
}

/* A consent's end. `*is_one` false: another event. */
static bool read_consent(struct bytes text, struct arena *arena, struct cause *cause, bool *is_one)
{
    static const struct {
        struct bytes event;
        const char *reason;
    } ends[] = {
        { BYTES("withdraw"), "consent.withdrawn" },
        { BYTES("revoke"), "consent.revoked" },
        { BYTES("expire"), "consent.expired" },
        { BYTES("invalidate"), "consent.invalidated" },
    };
    struct bytes event;
    *is_one = false;
    if (!event_text_get(text, "event", &event)) {
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        if (bytes_equal(event, ends[i].event)) {
            *is_one = true;
            cause->reason = ends[i].reason;
        }
    }
    cause->kind = NOTICE_ERASE;
    if (!*is_one) {
        return true;
    }
    if (!get(text, "id", arena, &cause->id) || !get(text, "person", arena, &cause->person) ||
        !get(text, "recipient", arena, &cause->recipient) || !get_categories(text, arena, cause)) {
        return false;
    }
    cause->record = cause->id;
    *is_one = cause->id.size > 0 && cause->person.size > 0 && cause->recipient.size > 0;
    return true;
}

/* A request that was fulfilled, and that every recipient must hear of (GDPR 19). */
static bool read_request(struct bytes text, struct arena *arena, struct cause *cause, bool *is_one)
{
    static const struct {
        enum law_right right;
        enum notice_kind kind;
        const char *reason;
    } rights[] = {
        { LAW_DELETE, NOTICE_ERASE, "rights.delete" },
        { LAW_CORRECT, NOTICE_CORRECT, "rights.correct" },
        { LAW_RESTRICT, NOTICE_RESTRICT, "rights.restrict" },
    };
    struct bytes event, right;
    *is_one = false;
    if (!event_text_get(text, "event", &event) || !event_text_get(text, "right", &right) ||
        (!bytes_equal(event, bytes_of_text(request_event_name(REQUEST_EVENT_FULFIL))) &&
         !bytes_equal(event, bytes_of_text(request_event_name(REQUEST_EVENT_FULFIL_PARTLY))))) {
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(rights); i++) {
        if (bytes_equal(right, bytes_of_text(law_right_word(rights[i].right)))) {
            *is_one = true;
            cause->kind = rights[i].kind;
            cause->reason = rights[i].reason;
        }
    }
    if (!*is_one) {
        return true;
    }
    if (!get(text, "id", arena, &cause->id) || !get(text, "person", arena, &cause->person)) {
        return false;
    }
    *is_one = cause->id.size > 0 && cause->person.size > 0;
    return true;
}

/* ---- Who had data on it ---- */

struct place {
    uint64_t decision, answer;
};
struct places {
    struct place *list;
    size_t count, capacity;
    bool failed;
};

static bool keep_place(void *context, const struct use *use)
{
    struct places *places = context;
    if (use->kind != USE_EXCHANGE || use->answer_entry == UINT64_MAX || use->released.size == 0) {
        return true;
    }
    if (places->count == places->capacity) {
        size_t capacity = places->capacity == 0 ? 64 : 2 * places->capacity;
        struct place *grown = capacity > EXCHANGES_MAX ? NULL : realloc(places->list, capacity * sizeof *grown);
        if (grown == NULL) {
            places->failed = true;
            return false;
        }
        places->list = grown;
        places->capacity = capacity;
    }
    places->list[places->count++] = (struct place){ use->entry, use->answer_entry };
    return true;
}

/* Exchanges of one gateway. */
struct share {
    struct share *next;
    struct bytes gateway, recipient;
    struct bytes exchanges[DATA_NOTICE_EXCHANGES_MAX];
    size_t exchange_count;
    struct bytes categories[DATA_NOTICE_CATEGORIES_MAX];
    size_t category_count;
    unsigned part;
};

/* COMMUNITY/CLASS/MEMBER of a subsystem. */
static struct bytes member_of(struct bytes client)
{
    size_t slashes = 0, at = 0;
    while (at < client.size && (client.data[at] != '/' || ++slashes < 3)) {
        at++;
    }
    return bytes_slice(client, 0, at);
}

static struct share *share_for(struct share **shares, const struct disclosure *d, struct arena *arena)
{
    struct bytes member = member_of(d->client);
    unsigned part = 0;
    for (struct share *share = *shares; share != NULL; share = share->next) {
        if (bytes_equal(share->gateway, d->gateway) && bytes_equal(share->recipient, member)) {
            if (share->exchange_count < DATA_NOTICE_EXCHANGES_MAX) {
                return share;
            }
            part = part > share->part ? part : share->part + 1;
        }
    }
    struct share *fresh = arena_take_zeroed(arena, sizeof *fresh);
    if (fresh != NULL) {
        fresh->gateway = arena_copy(arena, d->gateway);
        fresh->recipient = arena_copy(arena, member);
        fresh->part = part;
        fresh->next = *shares;
        *shares = fresh;
    }
    return fresh != NULL && fresh->gateway.data != NULL && fresh->recipient.data != NULL ? fresh : NULL;
}

/* Those of the released categories that the end is about. False: out of memory. */
static bool share_categories(struct share *share, const struct cause *cause, struct bytes released, struct arena *arena)
{
    struct bytes item;
    while (released.size > 0 && bytes_split(&released, ',', &item)) {
        struct bytes iri = bytes_trim(item);
        bool is_meant = cause->category_count == 0, is_there = false;
        for (size_t i = 0; i < cause->category_count; i++) {
            is_meant = is_meant || bytes_equal(cause->categories[i], iri);
        }
        for (size_t i = 0; i < share->category_count; i++) {
            is_there = is_there || bytes_equal(share->categories[i], iri);
        }
        if (is_meant && !is_there && share->category_count < DATA_NOTICE_CATEGORIES_MAX) {
            struct bytes copy = arena_copy(arena, iri);
            if (copy.data == NULL) {
                return false;
            }
            share->categories[share->category_count++] = copy;
        }
    }
    return true;
}

static bool is_meant(const struct cause *cause, const struct disclosure *d)
{
    bool is_about = cause->category_count == 0;
    for (size_t i = 0; i < cause->category_count; i++) {
        is_about = is_about || bytes_list_has(d->released, cause->categories[i]);
    }
    return is_about && d->gateway.size > 0 && (cause->record.size == 0 || bytes_list_has(d->consents, cause->record)) &&
           (cause->recipient.size == 0 || bytes_equal(member_of(d->client), cause->recipient));
}

static bool share_out(struct log_reader *reader, const struct places *places, const struct cause *cause, struct arena *arena,
                      struct share **shares, struct error *e)
{
    for (size_t i = 0; i < places->count; i++) {
        struct arena scratch = { 0 };
        struct disclosure d;
        bool is_one = false;
        bool ok = disclosure_read(reader, places->list[i].decision, places->list[i].answer, &scratch, &d, &is_one, e);
        if (ok && is_one && bytes_equal(d.person, cause->person) && is_meant(cause, &d)) {
            struct share *share = share_for(shares, &d, arena);
            struct bytes exchange = arena_copy(arena, d.exchange);
            ok = (share != NULL && exchange.data != NULL && share_categories(share, cause, d.released, arena)) ||
                 error_memory(e, "obligations");
            if (ok) {
                share->exchanges[share->exchange_count++] = exchange;
            }
        }
        arena_clear(&scratch);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* ---- Into the store ---- */

static int64_t deadline(const struct law *law, int64_t from_ms)
{
    const struct period usual = { .days = USUAL_DAYS };
    return period_after(from_ms, law->rights[LAW_DELETE].is_set ? law->rights[LAW_DELETE].value : usual);
}

static bool write_shares(struct rights *rights, const struct cause *cause, const struct share *shares, const struct law *law, uint64_t next,
                         int64_t now_ms, struct error *e)
{
    bool ok = rights_begin(rights, e);
    if (!ok) {
        return false;
    }
    for (const struct share *share = shares; ok && share != NULL; share = share->next) {
        const struct obligation_new made = {
            .person = cause->person,
            .recipient = share->recipient,
            .gateway = share->gateway,
            .cause = cause->id,
            .reason = bytes_of_text(cause->reason),
            .kind = cause->kind,
            .exchanges = share->exchanges,
            .exchange_count = share->exchange_count,
            .categories = share->categories,
            .category_count = share->category_count,
            .part = share->part,
            .tell_at_ms = now_ms,
            .due_at_ms = deadline(law, now_ms),
        };
        ok = obligation_add(rights, &made, now_ms, e);
    }
    ok = ok && state_set_u64(rights->store, cursor, next, e);
    if (!ok) {
        rights_give_up(rights);
        return false;
    }
    return rights_commit(rights, NULL, e);
}

/* Everything that stood on what ended stands before it in the log. */
static bool take_cause(struct rights *rights, const struct obligation_sources *sources, struct log_reader *reader,
                       const struct cause *cause, uint64_t next, struct arena *arena, int64_t now_ms, struct error *e)
{
    struct places places = { 0 };
    struct share *shares = NULL;
    uint64_t lag = 0;
    bool ok = uses_catch_up(sources->uses, CATCH_UP_ENTRIES, &lag, e) && uses_list(sources->uses, cause->person, keep_place, &places, e) &&
              (!places.failed || error_memory(e, "obligations")) && share_out(reader, &places, cause, arena, &shares, e) &&
              write_shares(rights, cause, shares, sources->law, next, now_ms, e);
    free(places.list);
    return ok;
}

/* ---- The life of data at the recipient ---- */

/* The value of `name=` among the items of a Comity-Conditions. */
static struct bytes condition(struct bytes text, struct bytes name)
{
    struct bytes item;
    while (text.size > 0 && bytes_split(&text, ',', &item)) {
        struct bytes trimmed = bytes_trim(item), key;
        if (bytes_split(&trimmed, '=', &key) && bytes_equal(key, name)) {
            return trimmed;
        }
    }
    return BYTES_NONE;
}

/* When the data of an answer must go, by what its conditions say; INT64_MAX: never said. */
static int64_t life_end(struct bytes conditions, int64_t time_ms)
{
    int64_t end = INT64_MAX, at = 0;
    struct period life;
    struct bytes text = condition(conditions, BYTES("life"));
    if (text.size > 0 && period_parse(text, &life)) {
        end = period_after(time_ms, life);
    }
    text = condition(conditions, BYTES("erase-at"));
    return text.size > 0 && time_parse(text, &at) && at < end ? at : end;
}

/* Lives that are not in the store yet: every exchange may have one, so they go there together. */
struct lives {
    struct arena arena;
    struct obligation_new list[CHUNK_ENTRIES];
    size_t count;
};

/* A copy of the categories' list, item by item. NULL: out of memory. */
static struct bytes *copy_categories(struct bytes released, struct arena *arena, size_t *count)
{
    struct bytes *list = arena_take(arena, DATA_NOTICE_CATEGORIES_MAX * sizeof *list);
    struct bytes rest = list == NULL ? BYTES_NONE : arena_copy(arena, released), item;
    *count = 0;
    while (rest.size > 0 && *count < DATA_NOTICE_CATEGORIES_MAX && bytes_split(&rest, ',', &item)) {
        list[(*count)++] = bytes_trim(item);
    }
    return list;
}

static bool add_life(struct lives *lives, const struct disclosure *d, const struct law *law, struct error *e)
{
    const int64_t end_ms = life_end(d->conditions, d->time_ms);
    if (end_ms == INT64_MAX || d->gateway.size == 0) {
        return true;
    }
    struct arena *arena = &lives->arena;
    struct obligation_new *made = &lives->list[lives->count];
    struct bytes *exchange = arena_take(arena, sizeof *exchange);
    size_t category_count = 0;
    struct bytes *categories = copy_categories(d->released, arena, &category_count);
    *made = (struct obligation_new){
        .person = arena_copy(arena, d->person),
        .recipient = arena_copy(arena, member_of(d->client)),
        .gateway = arena_copy(arena, d->gateway),
        .reason = BYTES("life.over"),
        .kind = NOTICE_ERASE,
        .exchanges = exchange,
        .exchange_count = 1,
        .categories = categories,
        .category_count = category_count,
        .tell_at_ms = end_ms,
        .due_at_ms = deadline(law, end_ms),
    };
    if (exchange == NULL || made->person.data == NULL || made->recipient.data == NULL || made->gateway.data == NULL || categories == NULL) {
        return error_memory(e, "obligations");
    }
    *exchange = arena_copy(arena, d->exchange);
    made->cause = *exchange;
    lives->count++;
    return exchange->data != NULL || error_memory(e, "obligations");
}

/* All of them, and that everything before `next` was looked at, in one transaction. */
static bool write_lives(struct rights *rights, struct lives *lives, uint64_t next, int64_t now_ms, struct error *e)
{
    if (lives->count == 0) {
        return state_set_u64(rights->store, cursor, next, e);
    }
    bool ok = rights_begin(rights, e);
    if (!ok) {
        return false;
    }
    for (size_t i = 0; ok && i < lives->count; i++) {
        ok = obligation_add(rights, &lives->list[i], now_ms, e);
    }
    if (!ok || !state_set_u64(rights->store, cursor, next, e)) {
        rights_give_up(rights);
        return false;
    }
    lives->count = 0;
    arena_clear(&lives->arena);
    return rights_commit(rights, NULL, e);
}

/* ---- Entry by entry ---- */

/* What obligations_catch_up() keeps from one call to the next: where it has come to, and the decisions that wait for their answer. */
struct obligation_follower {
    struct log_reader *reader;
    struct disclosures *disclosures;
    uint64_t next; /* the entry that `disclosures` takes next */
};

void obligation_follower_free(struct obligation_follower *follower)
{
    if (follower != NULL) {
        log_reader_close(follower->reader);
        disclosures_free(follower->disclosures);
        free(follower);
    }
}

/* An end of something, or a decision: what an answer is, the disclosures say. `entry` is not there any more then. */
static bool take_event(struct rights *rights, const struct obligation_sources *sources, struct log_reader *reader,
                       const struct log_entry *entry, struct lives *lives, int64_t now_ms, struct error *e)
{
    const uint64_t index = entry->index;
    struct arena arena = { 0 };
    struct cause cause = { 0 };
    bool is_one = false, ok = true;
    if (entry->kind == RECORD_DECISION && event_text_is(entry->statement, "decision/1")) {
        return hold_take_decision(rights, entry->statement, e) && review_take_decision(rights, entry->statement, index, e);
    }
    if (entry->kind == RECORD_EVENT && event_text_is(entry->statement, "consent/1")) {
        ok = read_consent(entry->statement, &arena, &cause, &is_one);
    } else if (entry->kind == RECORD_EVENT && event_text_is(entry->statement, "rights/1")) {
        ok = read_request(entry->statement, &arena, &cause, &is_one);
    }
    if (!ok) {
        error_memory(e, "obligations");
    } else if (is_one) {
        /* What was found before it is written first: with what it owes the store knows that all up to here was looked at. */
        ok = write_lives(rights, lives, index, now_ms, e) && take_cause(rights, sources, reader, &cause, index + 1, &arena, now_ms, e);
    }
    arena_clear(&arena);
    return ok;
}

/* The entries up to `to`; from `next` on they were not looked at yet, before it only for the decisions that are there. */
static bool take_entries(struct rights *rights, const struct obligation_sources *sources, struct obligation_follower *follower,
                         uint64_t next, uint64_t to, struct lives *lives, int64_t now_ms, struct error *e)
{
    while (follower->next < to) {
        struct log_entry entry;
        struct disclosure disclosure;
        bool is_one = false;
        const uint64_t index = follower->next;
        if (!log_reader_get(follower->reader, index, &entry, e) ||
            !disclosures_take(follower->disclosures, &entry, &disclosure, &is_one, e)) {
            return false;
        }
        follower->next++;
        if (index < next || entry.form != RECORD_OPEN) {
            continue;
        }
        if ((is_one && !add_life(lives, &disclosure, sources->law, e)) ||
            !take_event(rights, sources, follower->reader, &entry, lives, now_ms, e)) {
            return false;
        }
        if (lives->count == CHUNK_ENTRIES && !write_lives(rights, lives, index + 1, now_ms, e)) {
            return false;
        }
    }
    return write_lives(rights, lives, to, now_ms, e);
}

bool obligations_next(struct rights *rights, uint64_t *next, struct error *e)
{
    struct error absent;
    *next = 0;
    return state_get_u64(rights->store, cursor, next, &absent) || absent.kind == ERROR_ABSENT ||
           error_set(e, absent.kind, absent.where, absent.todo, "%s", absent.what);
}

static bool open_follower(struct rights *rights, const struct obligation_sources *sources, struct error *e)
{
    if (rights->follower != NULL) {
        return true;
    }
    struct obligation_follower *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return error_memory(e, "obligations");
    }
    made->next = UINT64_MAX;
    if (!log_reader_open(&made->reader, sources->public, sources->private, e)) {
        free(made);
        return false;
    }
    rights->follower = made;
    return true;
}

/* Puts it so far before `next` that it finds the decisions that are answered from there on; where it stands there already, it knows them. */
static bool begin_at(struct obligation_follower *follower, uint64_t next, uint64_t first, struct error *e)
{
    if (follower->next == next) {
        return true;
    }
    disclosures_free(follower->disclosures);
    follower->next = UINT64_MAX;
    follower->disclosures = disclosures_make();
    if (follower->disclosures == NULL) {
        return error_memory(e, "obligations");
    }
    follower->next = next - first > DISCLOSURES_BEFORE ? next - DISCLOSURES_BEFORE : first;
    return true;
}

static bool catch_up(struct rights *rights, const struct obligation_sources *sources, size_t max_entries, struct lives *lives,
                     int64_t now_ms, uint64_t *lag, struct error *e)
{
    uint64_t next = 0, size = 0;
    if (!obligations_next(rights, &next, e) || !open_follower(rights, sources, e) || !log_reader_size(rights->follower->reader, &size, e)) {
        return false;
    }
    uint64_t first = log_reader_first(rights->follower->reader);
    next = next > size ? size : next; /* a log that was put back */
    next = next < first ? first : next;
    uint64_t end = size - next > max_entries ? next + max_entries : size;
    *lag = size - end;
    return end == next ||
           (begin_at(rights->follower, next, first, e) && take_entries(rights, sources, rights->follower, next, end, lives, now_ms, e));
}

bool obligations_catch_up(struct rights *rights, const struct obligation_sources *sources, size_t max_entries, int64_t now_ms,
                          uint64_t *lag, struct error *e)
{
    uint64_t left = 0;
    struct lives *lives = calloc(1, sizeof *lives);
    if (lives == NULL) {
        return error_memory(e, "obligations");
    }
    (void)pthread_mutex_lock(&rights->following);
    bool ok = catch_up(rights, sources, max_entries, lives, now_ms, &left, e);
    (void)pthread_mutex_unlock(&rights->following);
    arena_clear(&lives->arena);
    free(lives);
    if (ok && lag != NULL) {
        *lag = left;
    }
    return ok;
}
