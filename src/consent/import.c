#include "consent/import.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/diag.h"
#include "base/time.h"
#include "consent/event_text.h"
#include "consent/grant_internal.h"
#include "consent/import_line_internal.h"
#include "consent/packed_internal.h"
#include "consent/persons_internal.h"
#include "consent/terms_internal.h"

enum { SHAPES = 16, OVERTAKEN_AT_ONCE = 256 };

/* What lines have in common: the numbers of a notice's names, and of the terms that come of it. */
struct shape {
    const struct notice *notice;
    uint32_t separate;
    enum consent_role role;
    bool is_written;
    struct consent_row row; /* recipient, purpose, terms, and the categories in the order of the notice */
};

struct importing {
    struct transaction t; /* only its clock and its memory: the store's is begun here */
    const struct consent_rules *rules;
    const struct consent_import *import;
    struct consent_import_result *result;
    struct import_columns columns;
    struct import_batch batch;
    struct buffer text;
    struct arena memory; /* of one line */
    struct shape shapes[SHAPES];
    size_t shape_count, shape_next;
    bool is_commit_tried; /* then only the next start knows whether the rows are there (imports_clean()) */
    int64_t sequence, next_number, next_person;
    uint32_t *generations; /* of the persons, to be overtaken */
};

/* ---- One line ---- */

struct person_row {
    int64_t number; /* 0: nobody yet */
    struct consent_person facts;
    bool has_failed;
};

static bool take_person(void *context, const struct store_value *columns, size_t count)
{
    struct person_row *row = context;
    (void)count;
    row->number = columns[0].integer;
    row->has_failed = columns[1].type == STORE_TEXT && !consent_person_read(columns[1].bytes, &row->facts);
    return false;
}

static bool find_person(struct importing *i, struct bytes person, struct person_row *out, struct error *e)
{
    static const char sql[] = "SELECT number, facts FROM persons WHERE identifier = ?1";
    const struct store_value values[] = { STORE_STR(person) };
    *out = (struct person_row){ .number = 0 };
    return store_run(i->t.consents->store, sql, values, COUNT_OF(values), take_person, out, NULL, e) &&
           (!out->has_failed ||
            error_set(e, ERROR_INPUT, "consents", "restore the database from a backup", "what is known of a person can't be read"));
}

static bool add_person(struct importing *i, struct bytes person, int64_t *number, struct error *e)
{
    static const char sql[] = "INSERT INTO persons (identifier, number) VALUES (?1, ?2)";
    *number = i->next_person;
    const struct store_value values[] = { STORE_STR(person), STORE_INT(*number) };
    if (!store_run(i->t.consents->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e)) {
        return false;
    }
    i->next_person++;
    return true;
}

/* The date of birth that a line brings, unless another is known. `*is_new`: it was not known. */
static bool take_born(const struct import_line *line, int64_t now_ms, struct consent_person *facts, bool *is_new, struct error *e)
{
    *is_new = false;
    if (!line->has_born) {
        return true;
    }
    if (!persons_check_born(line->born_day, now_ms, e)) {
        return false;
    }
    if (facts->has_born && facts->born_day != line->born_day) {
        return error_set(e, ERROR_INPUT, "born", "look which is right: comity person show", "another date of birth is known of the person");
    }
    *is_new = !facts->has_born;
    facts->has_born = true;
    facts->born_day = line->born_day;
    return true;
}

/* The records of the same key: the newest, and whether one of them speaks of one of these categories. */
struct before {
    struct arena *memory;
    const struct consent_row *row;
    size_t category_count;
    struct consent_change *change;
    bool has_any, is_there, has_failed;
};

static bool take_before(void *context, const struct store_value *columns, size_t count)
{
    struct before *before = context;
    struct packed list[CONSENT_CATEGORIES_MAX];
    size_t decided = 0;
    (void)count;
    if (!before->has_any) {
        before->change->prev = arena_copy(before->memory, columns[0].bytes);
        before->change->has_prev_digest = columns[1].type == STORE_BLOB && columns[1].bytes.size == SHA256_SIZE;
        if (before->change->has_prev_digest) {
            memcpy(before->change->prev_digest, columns[1].bytes.data, SHA256_SIZE);
        }
    }
    before->has_any = true;
    before->has_failed = before->change->prev.data == NULL || !packed_read(columns[2].bytes, columns[3].integer, list, &decided);
    for (size_t i = 0; !before->has_failed && i < decided; i++) {
        for (size_t j = 0; j < before->category_count; j++) {
            before->is_there = before->is_there || list[i].category == before->row->categories[j];
        }
    }
    return !before->has_failed;
}

static bool find_before(struct importing *i, int64_t person, const struct shape *shape, struct consent_change *change, bool *is_there,
                        struct error *e)
{
    static const char sql[] = "SELECT id, digest, decisions, created_at FROM consents WHERE person = ?1 AND recipient = ?2 AND purpose = ?3"
                              " ORDER BY number DESC";
    const struct store_value values[] = { STORE_INT(person), STORE_INT(shape->row.recipient), STORE_INT(shape->row.purpose) };
    struct before before = { .memory = &i->memory, .row = &shape->row, .category_count = shape->notice->category_count, .change = change };
    bool ok = store_run(i->t.consents->store, sql, values, COUNT_OF(values), take_before, &before, NULL, e);
    *is_there = before.is_there;
    return ok && (!before.has_failed || error_memory(e, "import"));
}

/* By what the record will be: its terms are the notice's limits, and these. */
static bool find_shape(struct importing *i, const struct import_line *line, struct shape **out, struct error *e)
{
    struct store *store = i->t.consents->store;
    bool is_written = line->act.method == CONSENT_METHOD_PAPER && line->act.has_evidence;
    for (size_t at = 0; at < i->shape_count; at++) {
        struct shape *found = &i->shapes[at];
        if (found->notice == line->notice && found->separate == line->answer.separate && found->role == line->act.role &&
            found->is_written == is_written) {
            *out = found;
            return true;
        }
    }
    struct shape *made = &i->shapes[i->shape_next++ % SHAPES];
    i->shape_count = i->shape_count < SHAPES ? i->shape_count + 1 : SHAPES;
    *made = (struct shape){ .separate = line->answer.separate, .role = line->act.role, .is_written = is_written };
    bool ok = names_take(store, line->notice->recipient.member, &made->row.recipient, e) &&
              names_take(store, line->notice->purpose, &made->row.purpose, e);
    for (size_t at = 0; ok && at < line->notice->category_count; at++) {
        ok = names_take(store, line->notice->categories[at].iri, &made->row.categories[at], e);
    }
    made->notice = ok ? line->notice : NULL;
    *out = made;
    return ok;
}

/* As a record and as a leaf of the batch. */
static bool add_record(struct importing *i, struct shape *shape, int64_t person, const struct import_line *line,
                       struct consent_change *change, struct error *e)
{
    struct store *store = i->t.consents->store;
    char id[CONSENT_ID_SIZE];
    uint8_t digest[SHA256_SIZE], chained[SHA256_SIZE];
    (void)snprintf(id, sizeof id, "c-%s%08zx", i->batch.name, i->batch.count);
    change->id = bytes_of_text(id);
    change->number = i->next_number;
    change->time_ms = i->t.now_ms;
    if (shape->row.terms == 0 && !names_take_terms(store, change->terms, &shape->row.terms, e)) {
        return false;
    }
    buffer_reset(&i->text);
    consent_event_write(change, i->sequence, &i->text);
    if (line->has_born) {
        event_text_append_decimal(&i->text, "born", line->born_day);
    }
    if (i->text.failed) {
        return error_set(e, ERROR_FULL, "line", NULL, "the event is too long for the log");
    }
    struct cache_place place;
    consent_cache_place(&i->t.consents->cache, &change->key, &place);
    i->generations[i->batch.count] = place.generation;
    if (!import_batch_add(&i->batch, buffer_bytes(&i->text), digest, e)) {
        return false;
    }
    sha256(bytes_of(digest, sizeof digest), chained); /* as consent_digest_add() of a first text */
    struct consent_row row = shape->row;
    row.person = person;
    row.decided = i->sequence;
    row.digest = chained;
    row.wakes_early = true;
    i->next_number++;
    return records_insert(store, change, &row, e);
}

/* What came of a line. */
enum outcome { LINE_MADE, LINE_THERE, LINE_REFUSED, LINE_FAILED };

static enum outcome take_line(struct importing *i, struct bytes text, struct error *e)
{
    struct import_line line;
    struct consent_receipt receipt = { .reason = NULL };
    struct person_row person;
    struct shape *shape;
    struct grant grant;
    struct consent_act actor;
    struct consent_change change = { .event = CONSENT_EVENT_GIVE };
    bool is_there = false, is_born_new = false;
    if (!import_line_read(&i->columns, text, i->rules->notices, i->import->notice_id, &i->memory, &line, e) ||
        consent_check_notice(i->rules, line.notice, &receipt, e) == NULL || !consent_check_person(line.answer.person, e) ||
        !consent_check_act(&line.act, e)) {
        return e->kind == ERROR_MEMORY ? LINE_FAILED : LINE_REFUSED;
    }
    if (line.decided_ms > i->t.now_ms) {
        (void)error_set(e, ERROR_INPUT, "decided_at", NULL, "it is yet to come");
        return LINE_REFUSED;
    }
    if (!find_person(i, line.answer.person, &person, e) || !find_shape(i, &line, &shape, e)) {
        return LINE_FAILED;
    }
    change.key = (struct consent_key){ line.answer.person, line.notice->recipient.member, line.notice->purpose };
    if (person.number != 0 && !find_before(i, person.number, shape, &change, &is_there, e)) {
        return LINE_FAILED;
    }
    if (is_there) {
        return LINE_THERE;
    }
    struct grant_case c = {
        .law = i->rules->law, .notice = line.notice, .answer = &line.answer, .act = &actor, .person = &person.facts, .now_ms = i->t.now_ms
    };
    if (!persons_find_actor(&i->t, line.answer.person, &line.act, &actor, &c.is_registered, e)) {
        return LINE_FAILED;
    }
    if (!take_born(&line, i->t.now_ms, &person.facts, &is_born_new, e) || !grant_check(&c, &grant, &receipt.reason, e)) {
        return LINE_REFUSED;
    }
    if ((person.number == 0 && !add_person(i, line.answer.person, &person.number, e)) ||
        (is_born_new && !records_set_person(i->t.consents->store, line.answer.person, &person.facts, e))) {
        return LINE_FAILED;
    }
    change.event = grant.is_given ? CONSENT_EVENT_GIVE : CONSENT_EVENT_REFUSE;
    change.decisions = grant.decisions;
    change.count = grant.count;
    change.notice = line.notice;
    change.terms = &grant.terms;
    change.is_minor = grant.is_minor;
    change.decided_ms = line.decided_ms;
    change.act = &actor;
    return add_record(i, shape, person.number, &line, &change, e) ? LINE_MADE : LINE_FAILED;
}

static void note_fault(struct importing *i, uint64_t line, const struct error *e)
{
    struct consent_import_result *result = i->result;
    if (result->refused < IMPORT_FAULTS_MAX) {
        char text[IMPORT_FAULT_SIZE];
        result->faults[result->refused].line = line;
        (void)snprintf(result->faults[result->refused].text, IMPORT_FAULT_SIZE, "%s", error_text(e, text, sizeof text));
    }
    result->refused++;
}

static bool take_lines(struct importing *i, struct error *e)
{
    struct bytes rest = i->import->lines, line;
    for (uint64_t number = i->import->first_line; rest.size > 0 && bytes_split(&rest, '\n', &line); number++) {
        struct error fault = { 0 };
        if (line.size == 0) {
            continue;
        }
        enum outcome outcome = take_line(i, line, &fault);
        arena_clear(&i->memory);
        switch (outcome) {
        case LINE_MADE:
            i->result->records++;
            break;
        case LINE_THERE:
            i->result->there++;
            break;
        case LINE_REFUSED:
            note_fault(i, number, &fault);
            break;
        case LINE_FAILED:
            *e = fault;
            return false;
        }
    }
    return true;
}

/* ---- The batch ---- */

static void write_event(const struct importing *i, const uint8_t root[SHA256_SIZE], struct buffer *out)
{
    buffer_reset(out);
    event_text_append(out, "comity-event", BYTES("consent-import/1"));
    event_text_append(out, "event", BYTES("import"));
    event_text_append_decimal(out, "sequence", i->sequence);
    event_text_append(out, "batch", bytes_of_text(i->batch.name));
    event_text_append_decimal(out, "records", (int64_t)i->batch.count);
    event_text_append_digest(out, "root", root);
    event_text_append_decimal(out, "time", i->t.now_ms);
}

static bool take_number(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)context = columns[0].integer;
    return false;
}

static bool write_batch(struct importing *i, struct error *e)
{
    static const char sql[] = "INSERT INTO consent_imports (batch, sequence) VALUES (?1, ?2)";
    struct consents *consents = i->t.consents;
    const struct store_value values[] = { STORE_STR(bytes_of_text(i->batch.name)), STORE_INT(i->sequence) };
    uint8_t root[SHA256_SIZE];
    if (!import_batch_write(&i->batch, consents->private, root, e)) {
        return false;
    }
    write_event(i, root, &i->text);
    return records_add_event(consents->store, i->sequence, 0, BYTES_NONE, CONSENT_EVENT_IMPORT, buffer_bytes(&i->text), e) &&
           store_run(consents->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

/* In the store's transaction, which is committed or undone when this returns. */
static bool run(struct importing *i, struct error *e)
{
    static const char last_person[] = "SELECT coalesce(max(number), 0) + 1 FROM persons";
    struct store *store = i->t.consents->store;
    bool ok = records_next_sequence(store, &i->sequence, e) && records_next_number(store, &i->next_number, e) &&
              store_run(store, last_person, NULL, 0, take_number, &i->next_person, NULL, e) && take_lines(i, e);
    if (!ok || i->import->is_dry || i->batch.count == 0) {
        store_rollback(store);
        return ok;
    }
    if (!write_batch(i, e)) {
        store_rollback(store);
        return false;
    }
    i->is_commit_tried = true;
    return store_commit(store, e);
}

/*
 * A view from before lacks what was imported, and permits the less: so it may be a while until all are told. Few at a time, for releases wait.
 */
static void overtake(const struct importing *i)
{
    struct consents *consents = i->t.consents;
    for (size_t at = 0; at < i->batch.count;) {
        (void)pthread_mutex_lock(&consents->mutex);
        for (size_t end = at + OVERTAKEN_AT_ONCE; at < end && at < i->batch.count; at++) {
            const struct cache_place place = { .generation = i->generations[at] };
            consent_cache_begin_change(&consents->cache, &place);
            consent_cache_end_change(&consents->cache, &place);
        }
        (void)pthread_mutex_unlock(&consents->mutex);
    }
}

static bool log_batch(struct importing *i, struct error *e)
{
    const struct logging_change change = { .first_sequence = i->sequence };
    bool ok = logging_run(i->t.consents, &change, &i->result->log_index, e);
    overtake(i);
    if (!ok) {
        struct error cause = *e;
        return error_set(e, cause.kind, cause.where,
                         "it is logged at the next change or start; until then see to what the log lacks (comity doctor)",
                         "the records are stored, but in force only when the batch is in the log: %s", cause.what);
    }
    return true;
}

static size_t count_lines(struct bytes lines)
{
    size_t count = 0;
    for (struct bytes rest = lines; rest.size > 0; count++) {
        rest = bytes_slice(rest, bytes_find(rest, '\n') + 1, rest.size);
    }
    return count;
}

static bool prepare(struct importing *i, struct error *e)
{
    size_t count = count_lines(i->import->lines);
    if (i->t.consents->committer == NULL || i->t.consents->private == NULL) {
        return error_set(e, ERROR_DENIED, "consents", "send it to the running gateway", "they are open for reading only");
    }
    if (count > IMPORT_RECORDS_MAX) {
        return error_set(e, ERROR_INPUT, "lines", "send them in parts", "more than %d at once", IMPORT_RECORDS_MAX);
    }
    i->generations = calloc(count + 1, sizeof *i->generations);
    return (i->generations != NULL || error_memory(e, "import")) && import_columns_read(i->import->columns, &i->columns, e) &&
           import_batch_begin(&i->batch, count + 1, e);
}

/* A file whose rows did not come in would be found at the next start. */
static void remove_file(const struct importing *i)
{
    struct disk *disk = i->t.consents->private;
    char path[64];
    (void)snprintf(path, sizeof path, "imports/%s", i->batch.name);
    (void)disk->functions->remove(disk, path); /* mostly it is not there yet */
}

bool consents_import(struct consents *consents, const struct consent_rules *rules, const struct consent_import *import,
                     struct consent_import_result *result, struct error *e)
{
    *result = (struct consent_import_result){ .log_index = UINT64_MAX };
    struct importing *i = calloc(1, sizeof *i);
    if (i == NULL) {
        return error_memory(e, "import");
    }
    *i = (struct importing){ .t = { .consents = consents }, .rules = rules, .import = import, .result = result };
    buffer_init(&i->text, RECORD_STATEMENT_BYTES_MAX);
    bool ok = prepare(i, e);
    if (ok) {
        (void)pthread_mutex_lock(&consents->changing);
        i->t.now_ms = time_now_ms();
        ok = store_begin(consents->store, e);
        bool is_begun = ok;
        ok = ok && run(i, e);
        if (is_begun && !ok && !i->is_commit_tried) {
            remove_file(i);
        }
        if (ok && i->batch.count > 0 && !import->is_dry) {
            memcpy(result->batch, i->batch.name, sizeof result->batch);
            ok = log_batch(i, e);
        }
        (void)pthread_mutex_unlock(&consents->changing);
    }
    import_batch_clear(&i->batch);
    buffer_wipe(&i->text);
    arena_clear(&i->memory);
    arena_clear(&i->t.arena);
    free(i->generations);
    free(i);
    return ok;
}

/* ---- Looking back ---- */

struct imported {
    struct buffer *text; /* what an erasure left */
    int64_t number;
    uint64_t log_index;
    bool is_found, has_text;
};

static bool take_imported(void *context, const struct store_value *columns, size_t count)
{
    struct imported *imported = context;
    (void)count;
    imported->is_found = true;
    imported->number = columns[0].integer;
    imported->log_index = columns[1].type == STORE_INTEGER ? (uint64_t)columns[1].integer : UINT64_MAX;
    imported->has_text = columns[2].type == STORE_TEXT;
    if (imported->has_text) {
        buffer_append(imported->text, columns[2].bytes);
    }
    return false;
}

bool imports_text(struct consents *consents, struct bytes id, int64_t *number, struct buffer *text, uint64_t *log_index, bool *is_imported,
                  struct error *e)
{
    static const char sql[] = "SELECT c.number, v.log_index, t.text FROM consents c JOIN consent_imports i ON i.batch = ?2"
                              " JOIN consent_events v ON v.sequence = i.sequence LEFT JOIN consent_import_texts t ON t.record = c.number"
                              " WHERE c.id = ?1";
    char batch[IMPORT_BATCH_SIZE + 1];
    uint32_t place = 0;
    struct imported imported = { .text = text };
    bool is_erased = false;
    *is_imported = false;
    if (!import_place(id, batch, &place)) {
        return true;
    }
    const struct store_value values[] = { STORE_STR(id), STORE_STR(bytes_of_text(batch)) };
    if (!store_run(consents->store, sql, values, COUNT_OF(values), take_imported, &imported, NULL, e)) {
        return false;
    }
    *is_imported = imported.is_found;
    *number = imported.number;
    *log_index = imported.log_index;
    if (!imported.is_found || imported.has_text) {
        return !text->failed || error_memory(e, "import");
    }
    if (consents->private == NULL) {
        return error_set(e, ERROR_DENIED, "consents", "open the log's folders with them", "an imported record's event is not at hand");
    }
    return import_file_text(consents->private, batch, place, text, &is_erased, e) &&
           (!is_erased || error_set(e, ERROR_ABSENT, "consent", NULL, "its person was erased"));
}

bool consents_prove_import(struct consents *consents, struct bytes id, struct consent_import_proof *out, struct buffer *text,
                           struct error *e)
{
    struct import_file file;
    int64_t number;
    bool is_imported = false, is_erased = false;
    *out = (struct consent_import_proof){ .log_index = UINT64_MAX };
    if (!imports_text(consents, id, &number, text, &out->log_index, &is_imported, e)) {
        return false;
    }
    if (!is_imported || !import_place(id, out->batch, &out->place)) {
        return error_set(e, ERROR_ABSENT, "consent", "see its history: each of its events is an entry of the log ('comity log receipt')",
                         "there is no such consent, or it was not imported");
    }
    if (!import_file_read(&file, consents->private, out->batch, e)) {
        return false;
    }
    buffer_reset(text);
    out->records = file.count;
    memcpy(out->root, file.root, sizeof out->root);
    bool ok = import_file_at(&file, out->place, text, &is_erased, e) &&
              ((!is_erased && import_file_prove(&file, out->place, out->salt, out->path, &out->path_count)) ||
               error_set(e, ERROR_DENIED, "consent", NULL, "its person was erased"));
    import_file_clear(&file);
    return ok;
}

/* ---- At a start ---- */

struct cleaning {
    struct consents *consents;
    struct arena memory;
    struct bytes names[64];
    size_t count;
    struct error *e;
    bool has_failed;
};

static bool take_any(void *context, const struct store_value *columns, size_t count)
{
    (void)columns;
    (void)count;
    *(bool *)context = true;
    return false;
}

static void look_at(void *context, const char *name, bool is_folder)
{
    static const char sql[] = "SELECT 1 FROM consent_imports WHERE batch = ?1";
    struct cleaning *cleaning = context;
    const struct store_value values[] = { STORE_STR(bytes_of_text(name)) };
    bool is_known = false;
    if (is_folder || cleaning->has_failed || cleaning->count == COUNT_OF(cleaning->names)) {
        return;
    }
    cleaning->has_failed = !store_run(cleaning->consents->store, sql, values, COUNT_OF(values), take_any, &is_known, NULL, cleaning->e);
    if (!cleaning->has_failed && !is_known) {
        cleaning->names[cleaning->count] = arena_copy(&cleaning->memory, bytes_of_text(name));
        cleaning->count += cleaning->names[cleaning->count].data != NULL;
    }
}

bool imports_clean(struct consents *consents, struct error *e)
{
    struct cleaning cleaning = { .consents = consents, .e = e };
    struct disk *disk = consents->private;
    char path[128];
    if (disk == NULL || disk->functions->list(disk, "imports", look_at, &cleaning) != 0) {
        return true; /* there is no such folder: nothing was ever imported */
    }
    for (size_t i = 0; !cleaning.has_failed && i < cleaning.count; i++) {
        (void)snprintf(path, sizeof path, "imports/%.*s", BYTES_FMT(cleaning.names[i]));
        if (disk->functions->remove(disk, path) == 0) {
            diag(DIAG_INFO, "consent", "an import that was cut short is taken back", "file", path, NULL);
        }
    }
    arena_clear(&cleaning.memory);
    return !cleaning.has_failed;
}
