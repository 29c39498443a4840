#include "witness/witness.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/diag.h"
#include "base/metrics.h"
#include "evidence/cosignature.h"
#include "evidence/merkle.h"
#include "witness/peer.h"

enum { STRIPES = 64 };

struct witness {
    struct disk *disk;
    const struct signer *cosigner;
    struct watch *watch;
    struct bytes own_origin;
    pthread_mutex_t locks[STRIPES]; /* by origin: comparing sizes and storing is one step */
};

#define REFUSED(status_text)                                                                                                               \
    {                                                                                                                                      \
        .name = "comity_witness_requests_total", .labels = "status=\"" status_text "\"",                                                   \
        .help = "Answers to add-checkpoint by their status", .kind = METRIC_COUNTER                                                        \
    }
static struct metric requests[] = { REFUSED("200"), REFUSED("400"), REFUSED("403"), REFUSED("404"),
                                    REFUSED("409"), REFUSED("422"), REFUSED("503") };
static const unsigned statuses[COUNT_OF(requests)] = { 200, 400, 403, 404, 409, 422, 503 };

bool witness_make(struct witness **out, struct disk *disk, const struct signer *cosigner, struct watch *watch, struct bytes own_origin,
                  struct error *e)
{
    *out = NULL;
    if (signer_verifier(cosigner)->type != SIGNATURE_COSIGNATURE_V1) {
        return error_set(e, ERROR_INPUT, "witness", NULL, "the key is no cosigner's");
    }
    struct witness *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return error_memory(e, "witness");
    }
    for (size_t i = 0; i < STRIPES; i++) {
        if (pthread_mutex_init(&w->locks[i], NULL) != 0) {
            while (i > 0) {
                (void)pthread_mutex_destroy(&w->locks[--i]);
            }
            free(w);
            return error_memory(e, "witness");
        }
    }
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        metric_register(&requests[i]);
    }
    w->disk = disk;
    w->cosigner = cosigner;
    w->watch = watch;
    w->own_origin = own_origin;
    *out = w;
    return true;
}

void witness_free(struct witness *witness)
{
    if (witness != NULL) {
        for (size_t i = 0; i < STRIPES; i++) {
            (void)pthread_mutex_destroy(&witness->locks[i]);
        }
        free(witness);
    }
}

const struct verifier *witness_key(const struct witness *witness)
{
    return signer_verifier(witness->cosigner);
}

void witness_answer_init(struct witness_answer *answer)
{
    *answer = (struct witness_answer){ .status = 0 };
    buffer_init(&answer->body, STATE_BYTES_MAX);
}

void witness_answer_clear(struct witness_answer *answer)
{
    buffer_clear(&answer->body);
}

static pthread_mutex_t *lock_of(struct witness *w, const char *name)
{
    unsigned hash = 31U * (unsigned char)name[0] + (unsigned char)name[1]; /* hex digits of a digest */
    return &w->locks[hash % STRIPES];
}

/* ---- Which log ---- */

static bool is_signed_by(const struct note *note, const struct verifier *key)
{
    size_t good = 0;
    return note_verify(note, key, 1, &good, NULL, "", NULL) && good == 1;
}

/* Of several keys for one name, the one that signed what we cosigned before is the log: another community can't take its name over. */
static size_t prefer_known(const struct checkpoint_state *state, const struct verifier *keys[PEER_KEYS_MAX], size_t count)
{
    struct note note;
    if (!state->is_known || count < 2 || !note_parse(&note, buffer_bytes(&state->note), "", NULL)) {
        return count;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_signed_by(&note, keys[i])) {
            keys[0] = keys[i];
            return 1;
        }
    }
    return count;
}

/* ---- add-checkpoint ---- */

static void refuse(struct witness_answer *answer, unsigned status, const struct error *why)
{
    answer->status = status;
    answer->why = *why;
    answer->content_type = NULL;
    buffer_reset(&answer->body);
}

__attribute__((format(printf, 3, 4))) static void refuse_text(struct witness_answer *answer, unsigned status, const char *format, ...)
{
    struct error why;
    char what[sizeof why.what];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)error_set(&why, ERROR_DENIED, "add-checkpoint", NULL, "%s", what);
    refuse(answer, status, &why);
}

static void refuse_size(struct witness_answer *answer, uint64_t size)
{
    answer->status = 409;
    answer->content_type = "text/x.tlog.size";
    buffer_append_decimal(&answer->body, size);
    buffer_append_u8(&answer->body, '\n');
}

/* Two histories: of one size at once, of two sizes when the proof that came along shows the other past. */
static void look_for_equivocation(struct witness *w, const struct verifier *log, const struct checkpoint_state *state,
                                  const struct submission *s)
{
    bool is_other_root = s->view.size == state->size && memcmp(s->view.root, state->root, SHA256_SIZE) != 0;
    bool is_other_past = state->size > 0 && s->view.size > state->size && s->old_size == state->size;
    if (state->is_known && (is_other_root || is_other_past)) {
        (void)watch_catch(w->watch, log, buffer_bytes(&state->note), s->checkpoint, NULL, (const uint8_t(*)[SHA256_SIZE])s->path,
                          is_other_root ? 0 : s->path_count);
    }
}

/* Does the submitted checkpoint continue what we cosigned last? NULL: yes; else what is wrong. The sizes have been compared. */
static const char *find_fault(const struct checkpoint_state *state, const struct submission *s)
{
    uint8_t empty[SHA256_SIZE];
    if (s->view.size == 0) {
        merkle_root(NULL, 0, empty);
        if (s->path_count != 0) {
            return "a proof for an empty log";
        }
        return memcmp(s->view.root, empty, SHA256_SIZE) == 0 ? NULL : "the root of size 0 is not SHA-256 of nothing";
    }
    if (s->old_size == 0) {
        return s->path_count == 0 ? NULL : "a proof from size 0 is empty";
    }
    if (s->old_size == s->view.size && memcmp(s->view.root, state->root, SHA256_SIZE) != 0) {
        return "we have cosigned another root of this size";
    }
    return merkle_verify_consistency(s->old_size, s->view.size, state->root, s->view.root, (const uint8_t(*)[SHA256_SIZE])s->path,
                                     s->path_count)
               ? NULL
               : "the consistency proof does not lead from what we cosigned last to this root";
}

static bool append_lines_of(const struct note *note, const struct verifier *log, struct buffer *out)
{
    for (size_t i = 0; i < note->signature_count; i++) {
        const struct note_signature *s = &note->signatures[i];
        if (memcmp(s->id, log->id, KEY_ID_SIZE) == 0 && bytes_equal(s->name, bytes_of_text(log->name))) {
            buffer_append_text(out, "\xE2\x80\x94 ");
            buffer_append(out, s->name);
            buffer_append_u8(out, ' ');
            buffer_append(out, s->base64);
            buffer_append_u8(out, '\n');
        }
    }
    return !out->failed;
}

/*
 * The same checkpoint within the same second: the line that was made of it is given again. Anybody may send it, as often as he likes, and each
 * time would be a write and a sync.
 */
static bool repeat(struct witness *w, const struct submission *s, const struct checkpoint_state *state, int64_t now_ms,
                   struct witness_answer *answer)
{
    struct note note;
    if (!state->is_known || s->view.size != state->size || now_ms < 0 || (uint64_t)(now_ms / 1000) > state->time_s ||
        !note_parse(&note, buffer_bytes(&state->note), "", NULL) || !append_lines_of(&note, signer_verifier(w->cosigner), &answer->body)) {
        buffer_reset(&answer->body);
        return false;
    }
    answer->status = 200;
    answer->content_type = "text/plain; charset=utf-8";
    return true;
}

static void cosign(struct witness *w, const char *name, const struct verifier *log, const struct submission *s,
                   struct checkpoint_state *state, int64_t now_ms, struct witness_answer *answer)
{
    struct error e;
    struct buffer lines;
    buffer_init(&lines, STATE_BYTES_MAX);
    if (!append_lines_of(&s->note, log, &lines)) {
        refuse_text(answer, 503, "memory is out");
    } else if (!checkpoint_state_cosign(state, w->disk, name, s->note.text, buffer_bytes(&lines), w->cosigner, now_ms / 1000, &answer->body,
                                        &e)) {
        diag_error(DIAG_ERROR, "witness", "a checkpoint could not be cosigned", &e);
        refuse(answer, 503, &e);
    } else {
        answer->status = 200;
        answer->content_type = "text/plain; charset=utf-8";
    }
    buffer_clear(&lines);
}

/* Under the log's lock. */
static void decide(struct witness *w, const char *name, const struct verifier **keys, size_t key_count, const struct submission *s,
                   int64_t now_ms, struct checkpoint_state *state, struct witness_answer *answer)
{
    struct error e;
    const struct verifier *log = NULL;
    if (!checkpoint_state_load(state, w->disk, name, s->view.origin, signer_verifier(w->cosigner), &e)) {
        diag_error(DIAG_ERROR, "witness", "what we cosigned last is not known, so nothing is cosigned", &e);
        refuse(answer, 503, &e);
        return;
    }
    key_count = prefer_known(state, keys, key_count);
    for (size_t i = 0; i < key_count && log == NULL; i++) {
        log = is_signed_by(&s->note, keys[i]) ? keys[i] : NULL;
    }
    if (log == NULL) {
        refuse_text(answer, 403, "no valid signature by the key that the directory names for this log");
        return;
    }
    if (watch_is_distrusted(w->watch, log)) {
        refuse_text(answer, 403, "this log was caught with two histories: see the operators of its community");
        return;
    }
    if (s->old_size != state->size) {
        look_for_equivocation(w, log, state, s);
        refuse_size(answer, state->size);
        return;
    }
    const char *fault = find_fault(state, s);
    if (fault != NULL) {
        look_for_equivocation(w, log, state, s);
        refuse_text(answer, 422, "%s", fault);
        return;
    }
    if (!repeat(w, s, state, now_ms, answer)) {
        cosign(w, name, log, s, state, now_ms, answer);
    }
}

static void count_status(unsigned status)
{
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        if (statuses[i] == status) {
            metric_add(&requests[i], 1);
        }
    }
}

void witness_add_checkpoint(struct witness *witness, const struct world *world, struct bytes body, int64_t now_ms,
                            struct witness_answer *answer)
{
    struct error e;
    const struct verifier *keys[PEER_KEYS_MAX];
    char name[STATE_NAME_SIZE];
    struct submission *s = calloc(1, sizeof *s);
    if (s == NULL) {
        refuse_text(answer, 503, "memory is out");
        goto done;
    }
    if (!submission_parse(s, body, &e)) {
        refuse(answer, 400, &e);
        goto done;
    }
    size_t count = bytes_equal(s->view.origin, witness->own_origin) ? 0 : peer_keys_by_origin(world, s->view.origin, now_ms, keys);
    if (count == 0) {
        refuse_text(answer, 404, "no log of this origin is known here");
        goto done;
    }
    struct checkpoint_state state;
    checkpoint_state_init(&state);
    state_name(s->view.origin, name);
    pthread_mutex_t *lock = lock_of(witness, name);
    (void)pthread_mutex_lock(lock);
    decide(witness, name, keys, count, s, now_ms, &state, answer);
    (void)pthread_mutex_unlock(lock);
    checkpoint_state_clear(&state);
done:
    count_status(answer->status);
    free(s);
}

/* ---- Reading ---- */

/* The file by its name; whose it is follows from what it says, and its own cosignature shows that we made it. */
static bool load_named(struct witness *w, const char *name, struct checkpoint_state *state, struct error *e)
{
    uint8_t *data = NULL;
    size_t size = 0;
    char real[STATE_NAME_SIZE];
    int fault = disk_read_whole(w->disk, name, STATE_BYTES_MAX, &data, &size);
    if (fault != 0) {
        errno = fault;
        return error_system(e, name, "check the witness folder's disk, owner and mode");
    }
    struct bytes rest = bytes_of(data, size);
    struct bytes origin = BYTES_NONE;
    (void)bytes_split(&rest, '\n', &origin);
    state_name(origin, real);
    bool ok = (strcmp(real, name) == 0 || error_set(e, ERROR_INPUT, name, NULL, "it is a checkpoint of another log")) &&
              checkpoint_state_load(state, w->disk, name, origin, signer_verifier(w->cosigner), e);
    free(data);
    return ok && (state->is_known || error_set(e, ERROR_ABSENT, name, NULL, "never cosigned"));
}

static bool is_hex_name(struct bytes hex)
{
    for (size_t i = 0; i < hex.size; i++) {
        if (!((hex.data[i] >= '0' && hex.data[i] <= '9') || (hex.data[i] >= 'a' && hex.data[i] <= 'f'))) {
            return false;
        }
    }
    return hex.size == STATE_NAME_SIZE - 1;
}

void witness_get_checkpoint(struct witness *witness, struct bytes hex, struct witness_answer *answer)
{
    struct error e;
    char name[STATE_NAME_SIZE];
    struct checkpoint_state state;
    if (!is_hex_name(hex)) {
        refuse_text(answer, 404, "the log is named by 64 lower-case hex digits");
        return;
    }
    memcpy(name, hex.data, hex.size);
    name[hex.size] = '\0';
    checkpoint_state_init(&state);
    if (load_named(witness, name, &state, &e)) {
        answer->status = 200;
        answer->content_type = "text/plain; charset=utf-8";
        buffer_append(&answer->body, buffer_bytes(&state.note));
    } else {
        if (e.kind != ERROR_ABSENT) {
            diag_error(DIAG_ERROR, "witness", "a checkpoint that we cosigned can't be read", &e);
        }
        refuse(answer, e.kind == ERROR_ABSENT ? 404 : 503, &e);
    }
    checkpoint_state_clear(&state);
}

static void list_directory(struct witness *w, const struct directory *d, witness_each *each, void *context)
{
    char name[STATE_NAME_SIZE];
    struct checkpoint_state state;
    checkpoint_state_init(&state);
    for (size_t i = 0; i < d->member_count; i++) {
        for (size_t j = 0; j < d->members[i].gateway_count; j++) {
            struct witness_log log = { .gateway = &d->members[i].gateways[j] };
            struct bytes origin = bytes_of_text(log.gateway->statement_key.name);
            if (bytes_equal(origin, w->own_origin)) {
                continue;
            }
            state_name(origin, name);
            if (checkpoint_state_load(&state, w->disk, name, origin, signer_verifier(w->cosigner), &log.fault)) {
                log.is_cosigned = state.is_known;
                log.size = state.size;
                log.time_s = state.time_s;
                log.fault.kind = ERROR_NONE;
            }
            each(context, &log);
        }
    }
    checkpoint_state_clear(&state);
}

void witness_list(struct witness *witness, const struct world *world, int64_t now_ms, witness_each *each, void *context)
{
    list_directory(witness, world->own, each, context);
    for (size_t i = 0; i < world->foreign_count; i++) {
        if (world_find_community(world, world->foreign[i]->community, now_ms) == world->foreign[i]) {
            list_directory(witness, world->foreign[i], each, context);
        }
    }
}
