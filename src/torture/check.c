/* The invariants: those of any honest log, looked at from outside, by somebody who remembers everything that anybody was ever told. */
#include <stdio.h>
#include <stdlib.h>

#include "evidence/merkle.h"
#include "torture/stage_internal.h"

void check_signed(struct node *node, uint64_t size, const uint8_t root[SHA256_SIZE])
{
    struct stage *stage = node->stage;
    if (size >= node->root_capacity) {
        size_t capacity = node->root_capacity == 0 ? 1024 : node->root_capacity;
        while (capacity <= size) {
            capacity *= 2;
        }
        struct root_seen *roots = realloc(node->roots, capacity * sizeof *roots);
        if (roots == NULL) {
            abort(); /* a simulation that is out of memory can't go on */
        }
        memset(roots + node->root_capacity, 0, (capacity - node->root_capacity) * sizeof *roots);
        node->roots = roots;
        node->root_capacity = capacity;
    }
    struct root_seen *seen = &node->roots[size];
    if (seen->is_known && memcmp(seen->root, root, SHA256_SIZE) != 0 && !node->was_restored) {
        stage_break(stage, "gateway %u signed a second root for size %llu", node->number, (unsigned long long)size);
    }
    seen->is_known = true;
    memcpy(seen->root, root, SHA256_SIZE);
}

/* ---- Answers ---- */

static bool has(struct bytes text, const char *marker)
{
    size_t size = strlen(marker);
    for (size_t i = 0; i + size <= text.size; i++) {
        if (memcmp(text.data + i, marker, size) == 0) {
            return true;
        }
    }
    return false;
}

/* What services say of persons, by category; whatever is mapped to nothing never leaves. */
static const char *const markers[CATEGORIES] = { [CATEGORY_NAME] = "NAME-", [CATEGORY_HEALTH] = "HEALTH-" };
static const char other_marker[] = "OTHER-";

static bool has_data(struct bytes text)
{
    return has(text, markers[CATEGORY_NAME]) || has(text, markers[CATEGORY_HEALTH]) || has(text, other_marker);
}

static struct bytes value_of(const struct fields *fields, struct bytes name)
{
    const struct field *field = fields_find(fields, name);
    return field == NULL ? BYTES_NONE : field->value;
}

static bool fields_have_data(const struct fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (has_data(fields->list[i].value)) {
            return true;
        }
    }
    return false;
}

/* Nothing of a category leaves that is not said to. */
static bool is_as_said(const struct fields *fields, struct bytes body)
{
    struct bytes released = value_of(fields, BYTES("comity-released"));
    bool is_refusal = value_of(fields, BYTES("comity-reason")).size > 0;
    for (size_t i = 0; i < CATEGORIES; i++) {
        if (has(body, markers[i]) && (is_refusal || !has(released, category_iris[i]))) {
            return false;
        }
    }
    return !has(body, other_marker) && !fields_have_data(fields);
}

void check_sent(struct node *node, const struct letter *letter)
{
    if (!is_as_said(&letter->fields, letter->body)) {
        stage_break(node->stage, "gateway %u sent data to another one that it does not say it released", node->number);
    }
}

void check_answer(struct node *node, struct exchange *x, unsigned status, const struct fields *fields, struct bytes body)
{
    struct stage *stage = node->stage;
    struct bytes id = value_of(fields, BYTES("x-road-request-id"));
    bool is_refusal = value_of(fields, BYTES("comity-reason")).size > 0 || value_of(fields, BYTES("x-road-error")).size > 0;
    stage_mix(stage, (uint64_t)status << 1 | is_refusal);
    stage_tell(stage, "gateway %u answers %u%s%.*s about %016llx", node->number, status, is_refusal ? " " : "",
               BYTES_FMT(value_of(fields, BYTES("comity-reason"))), (unsigned long long)x->number);
    if (x->answers > 1) {
        stage_break(stage, "gateway %u answered its application %u times", node->number, x->answers);
    }
    if (is_refusal ? has_data(body) || fields_have_data(fields) : !is_as_said(fields, body)) {
        stage_break(stage, "gateway %u gave its application data that it was not to have", node->number);
    }
    if (is_refusal) {
        stage->result->refused++;
        return;
    }
    (void)snprintf(x->id, sizeof x->id, "%.*s", BYTES_FMT(id));
    x->is_acknowledged = true;
    stage->result->acknowledged++;
    stage->result->released += has_data(body);
    model_acknowledge(stage, x);
}

/* ---- Logs ---- */

void check_started(struct node *node)
{
    cosign_check(node);
    mirrors_check(node);
    if (node->was_restored) {
        return;
    }
    if (log_size(node->log) < node->promised) {
        stage_break(node->stage, "gateway %u came up with %llu entries, but has acknowledged %llu", node->number,
                    (unsigned long long)log_size(node->log), (unsigned long long)node->promised);
        return;
    }
    node->promised = log_size(node->log);
    const struct node *speaking = node->stage->speaking;
    node->stage->speaking = node;
    model_compare(node);
    node->stage->speaking = speaking;
}

static void count_fault(void *context, const struct error *e)
{
    struct error *first = context;
    if (first->kind == ERROR_NONE) {
        *first = *e;
    }
}

static uint64_t verify(struct node *node, struct error *first)
{
    uint64_t entries = 0;
    uint64_t faults = 0;
    struct error e = { 0 };
    *first = (struct error){ 0 };
    if (!log_verify(node->public, node->private, signer_verifier(node->signer), count_fault, NULL, first, &entries, &faults, &e)) {
        *first = e;
        return faults + 1;
    }
    return faults;
}

bool check_is_vouched_for(struct node *node, struct disk *disk, const char *path)
{
    struct error first;
    const struct disk_functions *f = disk->functions;
    if (verify(node, &first) != 0 || f->rename(disk, path, "aside") != 0) {
        return false;
    }
    bool is_missed = verify(node, &first) != 0;
    if (f->rename(disk, "aside", path) != 0) {
        stage_break(node->stage, "%s could not be put back", path);
    }
    return is_missed;
}

void check_rotten(struct node *node, const char *path)
{
    struct error first;
    if (verify(node, &first) == 0) {
        stage_break(node->stage, "gateway %u: a bit of %s turned over, and verifying finds nothing", node->number, path);
    }
}

void check_healed(struct node *node)
{
    struct error first;
    if (verify(node, &first) != 0) {
        stage_break(node->stage, "gateway %u was healed, but: %s: %s", node->number, first.where, first.what);
    }
    model_compare(node);
}

static void check_exchange(struct stage *stage, const struct exchange *x)
{
    /* What an old backup does not know it can't refuse: a rollback that no witness told. */
    if (x->is_unsafe && x->served > 1 && !stage->nodes[x->holder].was_restored) {
        stage_break(stage, "gateway %u called its service %u times for one exchange", x->holder, x->served);
    }
    if (!x->is_over) {
        stage_break(stage, "gateway %u never answered its application about %016llx", x->consumer, (unsigned long long)x->number);
    }
    if (x->is_acknowledged) {
        model_acknowledge(stage, x);
    }
}

void check_all(struct stage *stage)
{
    for (size_t i = 0; i < NODES; i++) {
        struct node *node = &stage->nodes[i];
        struct error first;
        if (node->log == NULL) {
            continue; /* refuses to start, rightly: it was restored, and others know more */
        }
        stage->result->entries += log_size(node->log);
        stage->speaking = node;
        model_compare(node);
        if (verify(node, &first) != 0) {
            stage_break(stage, "gateway %u: log verify: %s: %s", node->number, first.where, first.what);
        }
    }
    for (size_t i = 0; i < stage->exchange_count && !stage->result->is_broken; i++) {
        check_exchange(stage, &stage->exchanges[i]);
    }
}
