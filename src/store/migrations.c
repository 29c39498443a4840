#include "store/migrations.h"

#include "base/bytes.h"

/*
 * Times are milliseconds since 1970. `number` counts records in the order they were made: the newest decides. Person, recipient and
 * purpose are views of one key; their index ends in `number`, so that the newest record is found without sorting.
 */
static const char *const consents[] = {
    "CREATE TABLE state ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " value TEXT NOT NULL)",

    "CREATE TABLE policies ("
    " version INTEGER NOT NULL PRIMARY KEY,"
    " digest BLOB NOT NULL,"
    " applied_at INTEGER NOT NULL,"
    " file TEXT NOT NULL,"
    " content TEXT NOT NULL)",

    "CREATE TABLE consents ("
    " number INTEGER NOT NULL PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " person TEXT NOT NULL,"
    " recipient TEXT NOT NULL,"
    " purpose TEXT NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " prev TEXT)",
    "CREATE UNIQUE INDEX consents_by_key ON consents (person, recipient, purpose, number)",

    "CREATE TABLE consent_decisions ("
    " record INTEGER NOT NULL REFERENCES consents (number),"
    " category TEXT NOT NULL,"
    " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 10),"
    " valid_from INTEGER NOT NULL,"
    " valid_until INTEGER NOT NULL,"
    " changed_at INTEGER NOT NULL,"
    " PRIMARY KEY (record, category))",

    /* log_index is NULL until the event is durable in the evidence log. */
    "CREATE TABLE consent_events ("
    " sequence INTEGER NOT NULL PRIMARY KEY,"
    " record INTEGER NOT NULL REFERENCES consents (number),"
    " event INTEGER NOT NULL,"
    " payload TEXT NOT NULL,"
    " log_index INTEGER)",
    "CREATE INDEX consent_events_by_record ON consent_events (record, sequence)",
    "CREATE INDEX consent_events_unlogged ON consent_events (sequence) WHERE log_index IS NULL",
    NULL,
};

/*
 * Which entries of the log are about a person, and which answer belongs to which decision: derived from the log, may be emptied and
 * rebuilt. `person` is half of a keyed hash: the table alone names nobody. `decision` is the first 8 bytes of the SHA-256 of the decision
 * event, which an answer names. Both are random: with the block of entries in front, rows that are written together stand together,
 * and a transaction changes few pages however long the log is. What an entry says is read from the log.
 * WITHOUT ROWID (no second tree) is SQLite's own: a driver for PostgreSQL leaves it out.
 */
static const char *const uses[] = {
    "CREATE TABLE uses ("
    " block INTEGER NOT NULL,"
    " person BLOB NOT NULL,"
    " entry INTEGER NOT NULL,"
    " PRIMARY KEY (block, person, entry)) WITHOUT ROWID",
    "CREATE TABLE uses_answers ("
    " block INTEGER NOT NULL,"
    " decision INTEGER NOT NULL,"
    " entry INTEGER NOT NULL,"
    " PRIMARY KEY (block, decision, entry)) WITHOUT ROWID",
    NULL,
};

/*
 * What the log says of each person, as leaves of a tree (docs/evidence-uses.md): `place` is where the person stands, `chain` covers the entries.
 * `uses_parts` keeps the hashes of those parts of depth 8, 16 and 24 in which somebody stands; `uses_dirty` those that are to be made anew. The
 * index is emptied, for the tree grows with it.
 */
static const char *const uses_map[] = {
    "CREATE TABLE uses_map ("
    " person BLOB NOT NULL PRIMARY KEY,"
    " bucket INTEGER NOT NULL,"
    " place BLOB NOT NULL,"
    " count INTEGER NOT NULL,"
    " chain BLOB NOT NULL)",
    "CREATE INDEX uses_map_by_bucket ON uses_map (bucket, place)",
    "CREATE TABLE uses_parts ("
    " level INTEGER NOT NULL,"
    " part INTEGER NOT NULL,"
    " hash BLOB NOT NULL,"
    " PRIMARY KEY (level, part)) WITHOUT ROWID",
    "CREATE TABLE uses_dirty ("
    " level INTEGER NOT NULL,"
    " part INTEGER NOT NULL,"
    " PRIMARY KEY (level, part)) WITHOUT ROWID",
    "DELETE FROM uses",
    "DELETE FROM uses_answers",
    "DELETE FROM state WHERE name = 'uses.next'",
    NULL,
};

/*
 * A record's terms (its notice, who decided, within which limits) are the same for many records, and stand once. `decided` is the sequence of
 * the event by which something was last decided, NULL while it is only asked for: what was decided last speaks. `digest` is that of its
 * events. An event is about a record or about a person; of a person, the newest holds all that is known. Of a representative, `valid_until` NULL is no end.
 */
static const char *const notices_and_persons[] = {
    /* Revisions as their RFC 8785 bytes, in the order in which they were published; log_index as in consent_events. */
    "CREATE TABLE notices ("
    " number INTEGER NOT NULL PRIMARY KEY,"
    " id TEXT NOT NULL,"
    " revision INTEGER NOT NULL,"
    " digest BLOB NOT NULL UNIQUE,"
    " content TEXT NOT NULL,"
    " event TEXT NOT NULL,"
    " log_index INTEGER,"
    " UNIQUE (id, revision))",

    "CREATE TABLE consent_terms ("
    " number INTEGER NOT NULL PRIMARY KEY,"
    " digest BLOB NOT NULL UNIQUE,"
    " text TEXT NOT NULL)",
    "ALTER TABLE consents ADD COLUMN terms INTEGER REFERENCES consent_terms (number)",
    "ALTER TABLE consents ADD COLUMN decided INTEGER",
    "ALTER TABLE consents ADD COLUMN digest BLOB",
    "UPDATE consents SET decided = (SELECT max(e.sequence) FROM consent_events e WHERE e.record = consents.number AND e.event IN (1, 2))",
    "CREATE INDEX consents_by_decided ON consents (person, recipient, purpose, decided)",
    "CREATE INDEX consent_decisions_by_end ON consent_decisions (valid_until) WHERE state IN (1, 2, 3, 4)",

    "CREATE TABLE consent_events_of_both ("
    " sequence INTEGER NOT NULL PRIMARY KEY,"
    " record INTEGER REFERENCES consents (number),"
    " person TEXT,"
    " event INTEGER NOT NULL,"
    " payload TEXT NOT NULL,"
    " log_index INTEGER,"
    " CHECK ((record IS NULL) <> (person IS NULL)))",
    "INSERT INTO consent_events_of_both SELECT sequence, record, NULL, event, payload, log_index FROM consent_events",
    "DROP TABLE consent_events",
    "ALTER TABLE consent_events_of_both RENAME TO consent_events",
    "CREATE INDEX consent_events_by_record ON consent_events (record, sequence)",
    "CREATE INDEX consent_events_by_person ON consent_events (person, sequence) WHERE person IS NOT NULL",
    "CREATE INDEX consent_events_unlogged ON consent_events (sequence) WHERE log_index IS NULL",

    "CREATE TABLE representatives ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " person TEXT NOT NULL,"
    " role INTEGER NOT NULL,"
    " ref TEXT NOT NULL,"
    " relation TEXT NOT NULL,"
    " evidence BLOB NOT NULL,"
    " proof BLOB NOT NULL,"
    " valid_from INTEGER NOT NULL,"
    " valid_until INTEGER,"
    " ended_at INTEGER)",
    "CREATE INDEX representatives_by_person ON representatives (person)",
    "CREATE INDEX representatives_by_ref ON representatives (ref)",
    NULL,
};

/*
 * Counts that are derived from the log, up to the entry in state `counters.next`: consent/counters.h. Each key is half of a keyed hash: of a record's
 * id, of exporter and year, of a person among those of an exporter and year, of a consumer, of a person among those of a consumer, of a service.
 * Means are in millionths.
 */
static const char *const counters[] = {
    "CREATE TABLE counter_uses ("
    " record BLOB NOT NULL PRIMARY KEY,"
    " in_all INTEGER NOT NULL,"
    " in_period INTEGER NOT NULL,"
    " period INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE counter_exports ("
    " exporter BLOB NOT NULL,"
    " person BLOB NOT NULL,"
    " year INTEGER NOT NULL,"
    " is_sensitive INTEGER NOT NULL,"
    " PRIMARY KEY (exporter, person)) WITHOUT ROWID",
    "CREATE TABLE counter_asks ("
    " consumer BLOB NOT NULL,"
    " person BLOB NOT NULL,"
    " step INTEGER NOT NULL,"
    " PRIMARY KEY (consumer, person)) WITHOUT ROWID",
    "CREATE TABLE counter_rates ("
    " service BLOB NOT NULL PRIMARY KEY,"
    " hour INTEGER NOT NULL,"
    " in_hour INTEGER NOT NULL,"
    " hours INTEGER NOT NULL,"
    " mean INTEGER NOT NULL,"
    " variance INTEGER NOT NULL) WITHOUT ROWID",
    NULL,
};

/*
 * The REST API's own. `api_objects`: GovStack's objects, one row each with its newest content as JSON; `number` is the order of making, what
 * lists go by. `api_revisions`: what each of them was, the snapshot's bytes as they were hashed; never changed but for `successor`, and for
 * an erasure, which empties `snapshot`. `api_requests`: answers that a repeated Idempotency-Key gets again (status 0: not through yet).
 */
static const char *const api[] = {
    "CREATE TABLE api_objects ("
    " number INTEGER NOT NULL PRIMARY KEY,"
    " kind TEXT NOT NULL,"
    " id TEXT NOT NULL,"
    " owner TEXT NOT NULL,"
    " individual TEXT,"
    " agreement TEXT,"
    " content TEXT NOT NULL,"
    " revision TEXT,"
    " is_deleted INTEGER NOT NULL CHECK (is_deleted BETWEEN 0 AND 1),"
    " UNIQUE (kind, id))",
    "CREATE INDEX api_objects_by_kind ON api_objects (kind, is_deleted, number)",
    "CREATE INDEX api_objects_by_individual ON api_objects (individual, kind, number)",
    "CREATE INDEX api_objects_by_agreement ON api_objects (agreement, kind, number)",
    "CREATE TABLE api_revisions ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " kind TEXT NOT NULL,"
    " object TEXT NOT NULL,"
    " number INTEGER NOT NULL,"
    " content TEXT NOT NULL,"
    " snapshot TEXT NOT NULL,"
    " sha1 TEXT NOT NULL,"
    " sha256 TEXT NOT NULL,"
    " prev_sha1 TEXT,"
    " prev_sha256 TEXT,"
    " prev_signature TEXT,"
    " successor TEXT,"
    " is_draft INTEGER NOT NULL CHECK (is_draft BETWEEN 0 AND 1),"
    " individual TEXT,"
    " by_other TEXT,"
    " created_at INTEGER NOT NULL,"
    " UNIQUE (kind, object, number))",
    "CREATE INDEX api_revisions_by_digest ON api_revisions (sha256)",
    "CREATE TABLE api_requests ("
    " principal BLOB NOT NULL,"
    " key TEXT NOT NULL,"
    " digest BLOB NOT NULL,"
    " process BLOB NOT NULL,"
    " status INTEGER NOT NULL,"
    " etag TEXT NOT NULL,"
    " body TEXT NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " PRIMARY KEY (principal, key))",
    "CREATE INDEX api_requests_by_time ON api_requests (created_at)",
    "CREATE TABLE api_webhooks ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " number INTEGER NOT NULL UNIQUE,"
    " owner TEXT NOT NULL,"
    " is_own INTEGER NOT NULL CHECK (is_own BETWEEN 0 AND 1),"
    " url TEXT NOT NULL,"
    " content_type TEXT NOT NULL,"
    " is_disabled INTEGER NOT NULL CHECK (is_disabled BETWEEN 0 AND 1),"
    " secret TEXT NOT NULL,"
    " events TEXT NOT NULL,"
    " created_at INTEGER NOT NULL)",
    "CREATE TABLE api_deliveries ("
    " number INTEGER NOT NULL PRIMARY KEY,"
    " webhook TEXT NOT NULL REFERENCES api_webhooks (id),"
    " event TEXT NOT NULL,"
    " message TEXT NOT NULL,"
    " payload TEXT NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " next_at INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL,"
    " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),"
    " result TEXT NOT NULL)",
    "CREATE INDEX api_deliveries_by_time ON api_deliveries (state, next_at)",
    "CREATE INDEX api_deliveries_by_webhook ON api_deliveries (webhook, number)",
    NULL,
};

/*
 * Requests of persons, registers, and what recipients owe. `rights_events` are on their way into the evidence log: `log_index` is NULL until they are
 * durable there.
 */
static const char *const rights[] = {
    "CREATE TABLE rights_events ("
    " sequence INTEGER NOT NULL PRIMARY KEY,"
    " subject TEXT NOT NULL,"
    " payload TEXT NOT NULL,"
    " log_index INTEGER)",
    "CREATE INDEX rights_events_by_subject ON rights_events (subject, sequence)",
    "CREATE INDEX rights_events_unlogged ON rights_events (sequence) WHERE log_index IS NULL",

    "CREATE TABLE rights_requests ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " person TEXT NOT NULL,"
    " entitlement INTEGER NOT NULL," /* which right: enum law_right */
    " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 6),"
    " received_at INTEGER NOT NULL,"
    " identity_due_at INTEGER NOT NULL,"
    " due_at INTEGER NOT NULL,"
    " is_extended INTEGER NOT NULL DEFAULT 0,"
    " closed_at INTEGER,"
    " law TEXT NOT NULL,"
    " asked_by TEXT NOT NULL,"
    " method TEXT NOT NULL,"
    " subject TEXT,"
    " words TEXT,"
    " reason TEXT,"
    " remedy TEXT,"
    " answer TEXT)",
    "CREATE INDEX rights_requests_by_person ON rights_requests (person, received_at)",
    "CREATE INDEX rights_requests_open ON rights_requests (due_at) WHERE closed_at IS NULL",

    "CREATE TABLE assessments ("
    " reference TEXT NOT NULL PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " service TEXT NOT NULL,"
    " author TEXT NOT NULL,"
    " words TEXT NOT NULL,"
    " made_at INTEGER NOT NULL,"
    " valid_until INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL)",

    "CREATE TABLE breaches ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " is_possible INTEGER NOT NULL,"
    " from_time INTEGER NOT NULL,"
    " until_time INTEGER NOT NULL,"
    " service TEXT,"
    " recipient TEXT,"
    " category TEXT,"
    " cause TEXT NOT NULL,"
    " harm TEXT NOT NULL,"
    " measures TEXT NOT NULL,"
    " advice TEXT NOT NULL,"
    " contact TEXT NOT NULL,"
    " law TEXT NOT NULL,"
    " known_at INTEGER NOT NULL,"
    " authority_due INTEGER NOT NULL,"
    " persons_due INTEGER NOT NULL,"
    " report_due INTEGER,"
    " authority_told INTEGER,"
    " persons_told INTEGER,"
    " closed_at INTEGER,"
    " waiver TEXT,"
    " report TEXT)",

    /* What recipients owe us; `next_at`: when to tell them, or to try again. */
    "CREATE TABLE obligations ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " person TEXT NOT NULL,"
    " recipient TEXT NOT NULL,"
    " gateway TEXT NOT NULL,"
    " cause TEXT NOT NULL,"
    " reason TEXT NOT NULL,"
    " part INTEGER NOT NULL,"
    " exchanges TEXT NOT NULL,"
    " categories TEXT NOT NULL,"
    " kind INTEGER NOT NULL,"
    " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),"
    " created_at INTEGER NOT NULL,"
    " due_at INTEGER NOT NULL,"
    " next_at INTEGER NOT NULL,"
    " told_at INTEGER,"
    " ended_at INTEGER,"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " failure TEXT,"
    " note TEXT,"
    " confirmation TEXT)",
    "CREATE UNIQUE INDEX obligations_by_cause ON obligations (cause, reason, gateway, part)",
    "CREATE INDEX obligations_by_person ON obligations (person, created_at)",
    "CREATE INDEX obligations_to_tell ON obligations (next_at) WHERE told_at IS NULL AND ended_at IS NULL",
    "CREATE INDEX obligations_open ON obligations (due_at) WHERE ended_at IS NULL",

    /* What we owe others. */
    "CREATE TABLE received_notices ("
    " origin TEXT NOT NULL,"
    " id TEXT NOT NULL,"
    " member TEXT NOT NULL,"
    " kind INTEGER NOT NULL,"
    " reason TEXT NOT NULL,"
    " exchanges TEXT NOT NULL,"
    " categories TEXT NOT NULL,"
    " received_at INTEGER NOT NULL,"
    " due_at INTEGER NOT NULL,"
    " note TEXT NOT NULL,"
    " digest BLOB NOT NULL,"
    " ended_at INTEGER,"
    " outcome INTEGER,"
    " why TEXT,"
    " confirmation TEXT,"
    " reported_at INTEGER,"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " next_at INTEGER,"
    " PRIMARY KEY (origin, id))",
    "CREATE INDEX received_notices_open ON received_notices (due_at) WHERE ended_at IS NULL",
    "CREATE INDEX received_notices_to_report ON received_notices (next_at) WHERE reported_at IS NULL AND next_at IS NOT NULL",
    NULL,
};

/* What the policy's guard holds, and what broke the glass. */
static const char *const holds_and_reviews[] = {
    "CREATE TABLE holds ("
    " consumer TEXT NOT NULL,"
    " service TEXT NOT NULL,"
    " since INTEGER NOT NULL,"
    " asked INTEGER NOT NULL," /* -1: not known */
    " released_at INTEGER,"
    " PRIMARY KEY (consumer, service))",
    "CREATE TABLE reviews ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " decision INTEGER NOT NULL," /* its entry in the log */
    " decided_at INTEGER NOT NULL,"
    " due_at INTEGER NOT NULL,"
    " verdict INTEGER,"
    " reviewed_by TEXT,"
    " words TEXT,"
    " reviewed_at INTEGER)",
    "CREATE INDEX reviews_open ON reviews (due_at) WHERE reviewed_at IS NULL",
    NULL,
};

/*
 * One row a consent, so that a decision reads it by one descent behind the person's: persons, recipients, purposes and categories are numbers. A row
 * has one span of time, and `decisions`, by commas: for each category its number, a letter for its state ('A' is 1), and, if that came after
 * the record was made, when. `ends`: from when on the clock may end it, NULL once nothing of it is open. `decided` is 0 while it is only asked for. `facts`: what the newest event of
 * a person says. An event is about a record, a person, or a batch of imported records.
 * WITHOUT ROWID (no second tree) is SQLite's own: a driver for PostgreSQL leaves it out.
 */
static const char *const one_row_a_consent[] = {
    "CREATE TABLE persons ("
    " identifier TEXT NOT NULL PRIMARY KEY,"
    " number INTEGER NOT NULL UNIQUE,"
    " facts TEXT) WITHOUT ROWID",
    "INSERT INTO persons SELECT person, row_number() OVER (ORDER BY person),"
    " (SELECT e.payload FROM consent_events e WHERE e.person = found.person ORDER BY e.sequence DESC LIMIT 1)"
    " FROM (SELECT person FROM consents UNION SELECT person FROM consent_events WHERE person IS NOT NULL"
    " UNION SELECT person FROM representatives) AS found",

    "CREATE TABLE consent_names ("
    " number INTEGER NOT NULL PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE)",
    "INSERT INTO consent_names SELECT row_number() OVER (ORDER BY name), name FROM (SELECT recipient AS name FROM consents"
    " UNION SELECT purpose FROM consents UNION SELECT category FROM consent_decisions)",

    "ALTER TABLE consents RENAME TO consents_before",
    "ALTER TABLE consent_events RENAME TO consent_events_before",
    "CREATE TABLE consents ("
    " person INTEGER NOT NULL,"
    " recipient INTEGER NOT NULL,"
    " purpose INTEGER NOT NULL,"
    " decided INTEGER NOT NULL,"
    " number INTEGER NOT NULL UNIQUE,"
    " id TEXT NOT NULL UNIQUE,"
    " created_at INTEGER NOT NULL,"
    " valid_from INTEGER NOT NULL,"
    " valid_until INTEGER NOT NULL,"
    " ends INTEGER,"
    " terms INTEGER,"
    " digest BLOB,"
    " prev TEXT,"
    " decisions TEXT NOT NULL,"
    " PRIMARY KEY (person, recipient, purpose, decided, number)) WITHOUT ROWID",
    "INSERT INTO consents SELECT p.number, r.number, u.number, coalesce(c.decided, 0), c.number, c.id, c.created_at,"
    " (SELECT max(d.valid_from) FROM consent_decisions d WHERE d.record = c.number),"
    " (SELECT min(d.valid_until) FROM consent_decisions d WHERE d.record = c.number),"
    " (SELECT min(d.valid_until) FROM consent_decisions d WHERE d.record = c.number AND d.state IN (1, 2, 3, 4)),"
    " c.terms, c.digest, c.prev,"
    " (SELECT group_concat(entry, ',') FROM (SELECT n.number || char(64 + d.state)"
    " || CASE WHEN d.changed_at = c.created_at THEN '' ELSE d.changed_at END AS entry"
    " FROM consent_decisions d JOIN consent_names n ON n.name = d.category WHERE d.record = c.number ORDER BY d.category))"
    " FROM consents_before c JOIN persons p ON p.identifier = c.person"
    " JOIN consent_names r ON r.name = c.recipient JOIN consent_names u ON u.name = c.purpose",

    "CREATE TABLE consent_events ("
    " sequence INTEGER NOT NULL PRIMARY KEY,"
    " record INTEGER REFERENCES consents (number),"
    " person TEXT,"
    " event INTEGER NOT NULL,"
    " payload TEXT NOT NULL,"
    " log_index INTEGER,"
    " CHECK (record IS NULL OR person IS NULL))",
    "INSERT INTO consent_events SELECT sequence, record, person, event, payload, log_index FROM consent_events_before",
    "DROP TABLE consent_events_before",
    "DROP TABLE consent_decisions",
    "DROP TABLE consents_before",
    "CREATE INDEX consents_by_end ON consents (ends) WHERE ends IS NOT NULL",
    "CREATE INDEX consent_events_by_record ON consent_events (record, sequence) WHERE record IS NOT NULL",
    "CREATE INDEX consent_events_by_person ON consent_events (person, sequence) WHERE person IS NOT NULL",
    "CREATE INDEX consent_events_unlogged ON consent_events (sequence) WHERE log_index IS NULL",
    /* Mostly there is nothing in it: to see that nothing of a record or person waits for the log costs next to nothing. */
    "CREATE INDEX consent_events_unlogged_of ON consent_events (record, person, event) WHERE log_index IS NULL",
    NULL,
};

/*
 * Who is signed in. `digest` is that of the cookie; `previous` that of the one before, good until `previous_until` (NULL: the newer one was not shown
 * yet). Of a code only the digest is kept; `taken_by` is that of the browser's visit which used it, until it is swept.
 */
static const char *const sessions[] = {
    "CREATE TABLE sessions ("
    " digest BLOB NOT NULL PRIMARY KEY,"
    " previous BLOB UNIQUE,"
    " previous_until INTEGER,"
    " name TEXT NOT NULL UNIQUE,"
    " csrf BLOB NOT NULL,"
    " owner BLOB NOT NULL,"
    " roles TEXT NOT NULL,"
    " person TEXT NOT NULL,"
    " guardianship TEXT NOT NULL,"
    " who TEXT NOT NULL,"
    " member TEXT NOT NULL,"
    " method TEXT NOT NULL,"
    " issuer TEXT NOT NULL,"
    " subject TEXT NOT NULL,"
    " sid TEXT NOT NULL,"
    " id_token TEXT NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " seen_at INTEGER NOT NULL,"
    " rotated_at INTEGER NOT NULL,"
    " idle_until INTEGER NOT NULL,"
    " until INTEGER NOT NULL)",
    "CREATE INDEX sessions_by_owner ON sessions (owner, created_at)",
    "CREATE INDEX sessions_by_provider ON sessions (issuer, subject) WHERE issuer <> ''",
    "CREATE INDEX sessions_by_person ON sessions (person) WHERE person <> ''",
    "CREATE INDEX sessions_by_end ON sessions (idle_until)",
    "CREATE TABLE paper_codes ("
    " digest BLOB NOT NULL PRIMARY KEY,"
    " role TEXT NOT NULL,"
    " person TEXT NOT NULL,"
    " guardianship TEXT NOT NULL,"
    " who TEXT NOT NULL,"
    " issued_by TEXT NOT NULL,"
    " issued_at INTEGER NOT NULL,"
    " until INTEGER NOT NULL,"
    " taken_at INTEGER,"
    " taken_by BLOB)",
    "CREATE INDEX paper_codes_by_end ON paper_codes (until)",
    /* Tokens of a provider that may be shown once: until when they would be good. */
    "CREATE TABLE shown_tokens ("
    " digest BLOB NOT NULL PRIMARY KEY,"
    " until INTEGER NOT NULL)",
    "CREATE INDEX shown_tokens_by_end ON shown_tokens (until)",
    NULL,
};

/* The person's notice of a use that broke the glass, which comes after it: that it was given, or by which law it is not. */
static const char *const deferred_notices[] = {
    "ALTER TABLE reviews ADD COLUMN notice INTEGER",
    "ALTER TABLE reviews ADD COLUMN notice_by TEXT",
    "ALTER TABLE reviews ADD COLUMN notice_words TEXT",
    "ALTER TABLE reviews ADD COLUMN notice_at INTEGER",
    "CREATE INDEX reviews_untold ON reviews (due_at) WHERE notice_at IS NULL",
    NULL,
};

/* Where exchanges can't be: one row a block of the log's entries (consent/exchange_find.h). Derived from the log. */
static const char *const exchange_blocks[] = {
    "CREATE TABLE exchange_blocks ("
    " block INTEGER PRIMARY KEY,"
    " begins INTEGER NOT NULL,"
    " check_sum BLOB NOT NULL,"
    " summary BLOB NOT NULL)",
    NULL,
};

/* Batches of imported records, whose texts are in files beside the log's; and the texts of persons who were erased, without their names. */
static const char *const imports[] = {
    "CREATE TABLE consent_imports ("
    " batch TEXT NOT NULL PRIMARY KEY,"
    " sequence INTEGER NOT NULL UNIQUE REFERENCES consent_events (sequence)) WITHOUT ROWID",
    "CREATE TABLE consent_import_texts ("
    " record INTEGER NOT NULL PRIMARY KEY REFERENCES consents (number),"
    " text TEXT NOT NULL)",
    NULL,
};

const struct migration migrations[] = {
    { "consents, policies and state", consents },
    { "the index of uses", uses },
    { "the map of uses", uses_map },
    { "notices and persons", notices_and_persons },
    { "counters", counters },
    { "the REST API's own", api },
    { "rights of persons, registers and obligations", rights },
    { "holds and reviews", holds_and_reviews },
    { "one row a consent", one_row_a_consent },
    { "sessions and codes", sessions },
    { "deferred notices", deferred_notices },
    { "summaries for finding exchanges", exchange_blocks },
    { "imported records", imports },
};
const size_t migration_count = COUNT_OF(migrations);
