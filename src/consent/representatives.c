/* Who answers for a person: rows, and the events that make and end them. */
#include <stdio.h>

#include "base/time.h"
#include "consent/persons_internal.h"

enum { REF_BYTES_MAX = 128 };

bool representative_is_now(const struct representative *representative, int64_t now_ms)
{
    return representative->ended_ms == 0 && representative->from_ms <= now_ms && now_ms < representative->until_ms;
}

/* ---- Rows ---- */

#define REPRESENTATIVE_COLUMNS                                                                                                             \
    "SELECT id, person, role, ref, relation, evidence, proof, valid_from, valid_until, ended_at FROM representatives "

struct rows {
    representatives_each *each;
    void *context;
    bool has_failed; /* a row that can't be one */
};

static bool take_row(void *context, const struct store_value *columns, size_t count)
{
    struct rows *rows = context;
    (void)count;
    if (columns[5].bytes.size != SHA256_SIZE || columns[6].bytes.size != SHA256_SIZE ||
        consent_role_name((enum consent_role)columns[2].integer) == NULL) {
        rows->has_failed = true;
        return false;
    }
    struct representative found = {
        .id = columns[0].bytes,
        .person = columns[1].bytes,
        .role = (enum consent_role)columns[2].integer,
        .ref = columns[3].bytes,
        .relation = columns[4].bytes,
        .from_ms = columns[7].integer,
        .until_ms = columns[8].type == STORE_INTEGER ? columns[8].integer : INT64_MAX,
        .ended_ms = columns[9].type == STORE_INTEGER ? columns[9].integer : 0,
    };
    memcpy(found.evidence, columns[5].bytes.data, SHA256_SIZE);
    memcpy(found.proof, columns[6].bytes.data, SHA256_SIZE);
    return rows->each(rows->context, &found);
}

static bool end_rows(const struct rows *rows, struct error *e)
{
    return !rows->has_failed ||
           error_set(e, ERROR_INPUT, "consents", "restore the database from a backup", "who answers for a person can't be read");
}

bool representatives_list(struct consents *consents, struct bytes person, struct bytes ref, representatives_each *each, void *context,
                          struct error *e)
{
    static const char by_person[] = REPRESENTATIVE_COLUMNS "WHERE person = ?1 ORDER BY valid_from, id";
    static const char by_ref[] = REPRESENTATIVE_COLUMNS "WHERE ref = ?1 ORDER BY valid_from, id";
    struct rows rows = { .each = each, .context = context };
    struct store_value values[] = { STORE_STR(person.size > 0 ? person : ref) };
    return store_read(consents->store, person.size > 0 ? by_person : by_ref, values, COUNT_OF(values), take_row, &rows, e) &&
           end_rows(&rows, e);
}

static bool copy_into(struct arena *arena, struct representative *r)
{
    r->id = arena_copy(arena, r->id);
    r->person = arena_copy(arena, r->person);
    r->ref = arena_copy(arena, r->ref);
    r->relation = arena_copy(arena, r->relation);
    return r->id.data != NULL && r->person.data != NULL && r->ref.data != NULL && r->relation.data != NULL;
}

/* The one who acts in this role now; and until when those of each role answer. */
struct search {
    struct arena *arena;
    enum consent_role role;
    struct bytes ref;
    int64_t now_ms;
    struct representative found;
    bool is_found, has_failed;
};

static bool take_actor(void *context, const struct representative *representative)
{
    struct search *search = context;
    if (representative->role != search->role || !bytes_equal(representative->ref, search->ref) ||
        !representative_is_now(representative, search->now_ms)) {
        return true;
    }
    search->found = *representative;
    search->is_found = true;
    search->has_failed = !copy_into(search->arena, &search->found);
    return false;
}

static bool run(struct store *store, const char *sql, struct bytes key, representatives_each *each, void *context, struct error *e)
{
    struct rows rows = { .each = each, .context = context };
    struct store_value values[] = { STORE_STR(key) };
    return store_run(store, sql, values, COUNT_OF(values), take_row, &rows, NULL, e) && end_rows(&rows, e);
}

static const char of_person[] = REPRESENTATIVE_COLUMNS "WHERE person = ?1";

bool persons_find_actor(struct transaction *t, struct bytes person, const struct consent_act *act, struct consent_act *out,
                        bool *is_registered, struct error *e)
{
    struct search search = { .arena = &t->arena, .role = act->role, .ref = act->ref, .now_ms = t->now_ms };
    *out = *act;
    *is_registered = false;
    if (act->role != CONSENT_ROLE_GUARDIAN && act->role != CONSENT_ROLE_DELEGATE && act->role != CONSENT_ROLE_RELATIVE) {
        return true;
    }
    if (!run(t->consents->store, of_person, person, take_actor, &search, e)) {
        return false;
    }
    if (search.has_failed) {
        return error_memory(e, "consents");
    }
    *is_registered = search.is_found;
    if (search.is_found) {
        out->relation = search.found.relation;
        if (!out->has_evidence) {
            out->has_evidence = true;
            memcpy(out->evidence, search.found.evidence, sizeof out->evidence);
        }
    }
    return true;
}

/* ---- Changes ---- */

static bool take_until(void *context, const struct representative *representative)
{
    struct consent_person *person = context;
    int64_t *until_ms = representative->role == CONSENT_ROLE_GUARDIAN   ? &person->guardian_until_ms
                        : representative->role == CONSENT_ROLE_DELEGATE ? &person->delegate_until_ms
                                                                        : NULL;
    if (until_ms != NULL && representative->ended_ms == 0 && representative->until_ms > *until_ms) {
        *until_ms = representative->until_ms;
    }
    return true;
}

/* The event, behind the row that it is about: what is known of the person says until when somebody answers. */
static bool add_event(struct transaction *t, enum person_event event, const struct representative *representative,
                      const struct consent_act *act, struct error *e)
{
    struct person_change change = { .event = event, .person = representative->person, .representative = representative, .act = act };
    if (!records_find_person(t->consents->store, representative->person, &change.after, e)) {
        return false;
    }
    change.after.guardian_until_ms = 0;
    change.after.delegate_until_ms = 0;
    return run(t->consents->store, of_person, representative->person, take_until, &change.after, e) && persons_add_event(t, &change, e);
}

static bool check_new(const struct representative *r, int64_t now_ms, struct error *e)
{
    static const uint8_t nothing[SHA256_SIZE];
    if (r->role != CONSENT_ROLE_GUARDIAN && r->role != CONSENT_ROLE_DELEGATE && r->role != CONSENT_ROLE_RELATIVE) {
        return error_set(e, ERROR_INPUT, "role", "register a guardian, a delegate or a relative", "this role answers for nobody");
    }
    if (!consent_is_plain(r->ref, REF_BYTES_MAX, true) || bytes_equal(r->ref, r->person)) {
        return error_set(e, ERROR_INPUT, "ref", "use the holder's own name of the representative, which is another than the person's",
                         "it must be UTF-8 of 1 to %d bytes, and not the person", REF_BYTES_MAX);
    }
    if (!consent_is_plain(r->relation, REF_BYTES_MAX, true)) {
        return error_set(e, ERROR_INPUT, "relation", "name it: mother, father, court-appointed", "it must be UTF-8 of 1 to %d bytes",
                         REF_BYTES_MAX);
    }
    if (memcmp(r->evidence, nothing, sizeof nothing) == 0 || memcmp(r->proof, nothing, sizeof nothing) == 0) {
        return error_set(e, ERROR_INPUT, "evidence", "give the digests of what shows the relation, and of what shows who it is",
                         "both proofs are demanded");
    }
    if (r->from_ms < 0 || r->until_ms <= r->from_ms || r->until_ms <= now_ms) {
        return error_set(e, ERROR_INPUT, "until", "set an end that is to come, after the beginning", "it has passed, or is before from");
    }
    return true;
}

static bool add_row(struct transaction *t, const struct representative *r, struct error *e)
{
    static const char sql[] = "INSERT INTO representatives (id, person, role, ref, relation, evidence, proof, valid_from, valid_until)"
                              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    struct store_value until = r->until_ms != INT64_MAX ? STORE_INT(r->until_ms) : (struct store_value){ .type = STORE_NULL };
    struct store_value values[] = { STORE_STR(r->id),
                                    STORE_STR(r->person),
                                    STORE_INT(r->role),
                                    STORE_STR(r->ref),
                                    STORE_STR(r->relation),
                                    STORE_BIN(bytes_of(r->evidence, SHA256_SIZE)),
                                    STORE_BIN(bytes_of(r->proof, SHA256_SIZE)),
                                    STORE_INT(r->from_ms),
                                    until };
    return store_run(t->consents->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

static bool deny_role(struct consent_receipt *receipt, struct error *e, const char *todo)
{
    receipt->reason = "consent.guardian";
    return error_set(e, ERROR_DENIED, "by", todo, "this role may not do that (consent.guardian)");
}

/* A person of age names a delegate; who is a guardian or a relative is a fact that others show. */
static bool may_register(const struct representative *r, enum consent_role role)
{
    return role == CONSENT_ROLE_SYSTEM || role == CONSENT_ROLE_AUTHORITY ||
           (role == CONSENT_ROLE_PERSON && r->role == CONSENT_ROLE_DELEGATE);
}

bool representatives_add(struct consents *consents, const struct representative *representative, const struct consent_act *act,
                         struct consent_receipt *receipt, struct error *e)
{
    struct transaction t;
    struct representative made = *representative;
    *receipt = (struct consent_receipt){ .log_index = UINT64_MAX };
    consent_make_id("g-", receipt->id);
    made.id = bytes_of_text(receipt->id);
    if (!consent_check_person(made.person, e) || !consent_check_act(act, e) || !check_new(&made, time_now_ms(), e)) {
        return false;
    }
    if (!may_register(&made, act->role)) {
        return deny_role(receipt, e, "let the system or an authority register it; a person may name a delegate");
    }
    if (!transaction_begin(&t, consents, e)) {
        return false;
    }
    bool ok = add_row(&t, &made, e) && add_event(&t, PERSON_EVENT_REPRESENTATIVE, &made, act, e);
    ok = transaction_end(&t, ok, &receipt->log_index, e);
    transaction_clear(&t);
    receipt->is_changed = ok;
    return ok;
}

static bool take_one(void *context, const struct representative *representative)
{
    struct search *search = context;
    search->found = *representative;
    search->is_found = true;
    search->has_failed = !copy_into(search->arena, &search->found);
    return false;
}

static bool end_one(struct transaction *t, struct bytes id, const struct consent_act *act, struct consent_receipt *receipt, struct error *e)
{
    static const char by_id[] = REPRESENTATIVE_COLUMNS "WHERE id = ?1";
    static const char sql[] = "UPDATE representatives SET ended_at = ?1 WHERE id = ?2";
    struct search search = { .arena = &t->arena };
    if (!run(t->consents->store, by_id, id, take_one, &search, e)) {
        return false;
    }
    if (!search.is_found || search.has_failed) {
        return search.has_failed ? error_memory(e, "consents")
                                 : error_set(e, ERROR_ABSENT, "representative", "show the person to see who answers", "there is none such");
    }
    bool is_own = (act->role == search.found.role && bytes_equal(act->ref, search.found.ref)); /* who steps back */
    if (!may_register(&search.found, act->role) && !is_own) {
        return deny_role(receipt, e, "let the system, an authority or the representative end it; a person may end a delegate");
    }
    if (search.found.ended_ms != 0) {
        return true;
    }
    struct store_value values[] = { STORE_INT(t->now_ms), STORE_STR(id) };
    search.found.ended_ms = t->now_ms;
    receipt->is_changed = true;
    return store_run(t->consents->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e) &&
           add_event(t, PERSON_EVENT_REPRESENTATIVE_END, &search.found, act, e);
}

bool representatives_end(struct consents *consents, struct bytes id, const struct consent_act *act, struct consent_receipt *receipt,
                         struct error *e)
{
    struct transaction t;
    *receipt = (struct consent_receipt){ .log_index = UINT64_MAX };
    if (!consent_check_act(act, e) || !transaction_begin(&t, consents, e)) {
        return false;
    }
    bool ok = transaction_end(&t, end_one(&t, id, act, receipt, e), &receipt->log_index, e);
    transaction_clear(&t);
    if (ok) {
        (void)snprintf(receipt->id, sizeof receipt->id, "%.*s", BYTES_FMT(id));
    }
    return ok;
}
