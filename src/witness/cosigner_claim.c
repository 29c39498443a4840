/*
 * A witness that says to know another history of our log, and whether that is believed (docs/decisions/0012): a checkpoint that our own key
 * signed proves it. Without one it is a claim, which counts until enough others have cosigned what we have.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/diag.h"
#include "base/encode.h"
#include "base/time.h"
#include "crypto/note.h"
#include "evidence/merkle.h"
#include "evidence/tile_nodes.h"
#include "witness/cosigner_internal.h"

enum { CLAIM_US = 15000000 }; /* so long the others have to say otherwise, once the gateway runs */

static struct metric unproven = {
    .name = "comity_witness_unproven_claims_total",
    .labels = "",
    .help = "Times that a witness said to know more of our log, or another one, and showed nothing that our key signed",
    .kind = METRIC_COUNTER
};

void cosigner_claim_metrics_register(void)
{
    metric_register(&unproven);
}

/* ---- What is shown ---- */

enum shown { SHOWN_NOTHING = 0, SHOWN_OURS, SHOWN_NEWER, SHOWN_OTHER_ROOT, SHOWN_UNKNOWN };

/* A checkpoint that our key signed, against the log that we have. */
static enum shown compare(const struct cosigner *all, const struct checkpoint_view *view, struct error *e)
{
    uint8_t root[SHA256_SIZE];
    if (view->size > all->options.log_size(all->options.context)) {
        return SHOWN_NEWER;
    }
    if (view->size == 0 || view->size > all->size) {
        return SHOWN_UNKNOWN; /* it may have been signed for a receipt, and is not published yet */
    }
    struct tile_nodes nodes = { .fetch = tile_fetch_disk, .context = all->options.public, .size = all->size, .e = e };
    bool is_read = merkle_subtree_root(0, view->size, tile_nodes_read, &nodes, root);
    tile_nodes_clear(&nodes);
    return !is_read ? SHOWN_UNKNOWN : memcmp(root, view->root, sizeof root) == 0 ? SHOWN_OURS : SHOWN_OTHER_ROOT;
}

static enum shown read_shown(const struct cosigner *all, struct bytes text, uint64_t *size)
{
    struct checkpoint_view view;
    struct error e = { 0 };
    size_t good = 0;
    enum shown shown = SHOWN_NOTHING;
    struct note *note = malloc(sizeof *note);
    if (note != NULL && note_parse(note, text, "checkpoint", &e) && note_verify(note, all->options.log, 1, &good, NULL, "checkpoint", &e) &&
        good > 0 && checkpoint_parse(note->text, &view, "checkpoint", &e) &&
        bytes_equal(view.origin, bytes_of_text(all->options.log->name))) {
        *size = view.size;
        shown = compare(all, &view, &e);
    }
    free(note);
    return shown;
}

/* ---- What comes of it ---- */

static const char todo_recover[] = "stop every copy of this gateway, then fetch what is missing with `comity log recover`";
static const char todo_claim[] =
    "stop every copy of this gateway, and fetch what is missing with `comity log recover`; if no copy has more, the "
    "witness is wrong: take it out of log.witnesses";

/* This log is not the newest of its name: told once. */
static void deny(struct cosigner *all, const struct error *e)
{
    (void)pthread_mutex_lock(&all->lock);
    if (!all->is_denied) {
        all->is_denied = true;
        all->denied = *e;
    }
    bool must_tell = all->is_started && !all->was_told;
    all->was_told = all->was_told || must_tell;
    (void)pthread_cond_broadcast(&all->changed);
    (void)pthread_mutex_unlock(&all->lock);
    if (must_tell) {
        diag_error(DIAG_ERROR, "witness", "this log is not the newest of its name; nothing more may be signed", e);
        all->options.on_rolled_back(all->options.context, e);
    }
}

static void prove(struct cosigning *c, enum shown shown, uint64_t size)
{
    struct cosigner *all = c->cosigner;
    struct error e;
    if (shown == SHOWN_NEWER) {
        (void)error_set(&e, ERROR_DENIED, cosigner_name(c), todo_recover,
                        "this witness shows a checkpoint of %llu entries that our key signed, and our log has %llu: it is an old copy",
                        (unsigned long long)size, (unsigned long long)all->options.log_size(all->options.context));
    } else {
        (void)error_set(
            &e, ERROR_DENIED, cosigner_name(c), todo_recover,
            "this witness has cosigned another history of our log, and shows the checkpoint of %llu entries that our key signed: a "
            "second copy of it has signed",
            (unsigned long long)size);
    }
    deny(all, &e); /* first: whoever waits for all to have answered must not go on in between */
    cosigner_failed(c, "it knows another history of our log", "it shows a checkpoint that our key signed");
}

static void set_claims(struct cosigner *all, const struct error *e)
{
    size_t open = 0;
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        open += all->cosignings[i].is_claiming;
    }
    (void)pthread_mutex_lock(&all->lock);
    all->open_claims = open;
    all->claim = e != NULL ? *e : all->claim;
    (void)pthread_cond_broadcast(&all->changed);
    (void)pthread_mutex_unlock(&all->lock);
}

/* It says so, and shows nothing. Of a gateway in the directory that is nothing at all: it could have shown it. */
static void claim(struct cosigning *c)
{
    static const char what[] = "it says to know another history of our log, and shows no checkpoint that our key signed";
    struct cosigner *all = c->cosigner;
    struct error e;
    metric_add(&unproven, 1);
    bool counts = !c->is_peer && !c->is_outvoted;
    if (counts && !c->is_claiming) {
        c->is_claiming = true;
        c->claim_us = time_monotonic_us();
    }
    if (counts) {
        (void)error_set(&e, ERROR_DENIED, cosigner_name(c), todo_claim,
                        c->claim_is_root
                            ? "this witness says that another history of our log than ours was cosigned, and too few others have "
                              "cosigned what we have"
                            : "this witness says to have cosigned %llu entries of our log, and too few others have cosigned what we "
                              "have: it is an old copy",
                        (unsigned long long)c->claim_size);
        set_claims(all, &e);
        cosigner_hurry(all);
    }
    cosigner_failed(c, what, c->is_peer ? "not believed: a gateway can show it" : c->is_outvoted ? "not believed: others were enough" : "");
    cosigner_weigh(all);
}

static void take_shown(struct cosigning *c, struct client_answer *answer)
{
    struct bytes body = BYTES_NONE;
    uint64_t size = 0;
    enum shown shown = answer->status == 200 && body_view(answer->body, &body) ? read_shown(c->cosigner, body, &size) : SHOWN_NOTHING;
    switch (shown) {
    case SHOWN_NEWER:
    case SHOWN_OTHER_ROOT:
        prove(c, shown, size);
        break;
    case SHOWN_OURS:
        cosigner_failed(c, "it refuses our checkpoint, though the newest that it shows is one of our log", NULL);
        break;
    case SHOWN_UNKNOWN:
        cosigner_failed(c, "it knows a checkpoint that is not published yet", NULL);
        break;
    case SHOWN_NOTHING:
        claim(c);
        break;
    }
}

static void done(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    struct cosigning *c = context;
    (void)failure, (void)e;
    c->call = NULL;
    c->is_asked_to_show = false;
    if (answer != NULL) {
        take_shown(c, answer);
        client_answer_free(answer);
    } else {
        claim(c);
    }
}

void cosigner_deny_unless_shown(struct cosigning *c, uint64_t size, bool is_root)
{
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1], path[sizeof hex + 16];
    struct error e;
    c->claim_size = size;
    c->claim_is_root = is_root;
    c->deadline_us = time_monotonic_us() + (uint64_t)c->cosigner->options.call_ms * 1000;
    sha256(bytes_of_text(c->cosigner->options.log->name), digest);
    hex_write(bytes_of(digest, sizeof digest), hex);
    (void)snprintf(path, sizeof path, "/%s/checkpoint", hex);
    c->is_asked_to_show = cosigning_send(c, BYTES("GET"), path, NULL, COSIGNER_NOTE_BYTES_MAX, done, &e);
    if (!c->is_asked_to_show) {
        claim(c);
    }
}

void cosigner_show_nothing(struct cosigning *c)
{
    c->is_asked_to_show = false;
    claim(c);
}

/* ---- Whether the others are enough ---- */

/* Would those who do not claim be enough, if (`is_asked_all`) each of them cosigned, or as they have? */
static bool are_enough(const struct cosigner *all, bool is_asked_all)
{
    uint64_t times_s[QUORUM_WITNESSES_MAX] = { 0 };
    size_t count = 0;
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        const struct cosigning *c = &all->cosignings[i];
        if (!c->is_claiming && (is_asked_all || c->line.size > 0)) {
            times_s[i] = 1;
            count++;
        }
    }
    /* "quorum none" asks for nobody; against a claim somebody must speak all the same. */
    return count > 0 && quorum_is_met(all->options.policy, times_s);
}

static void outvote(struct cosigner *all)
{
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        struct cosigning *c = &all->cosignings[i];
        if (c->is_claiming) {
            c->is_claiming = false;
            c->is_outvoted = true;
            diag(DIAG_WARN, "witness",
                 "a witness says to know another history of our log and shows nothing; a quorum of others cosigned ours", "witness",
                 cosigner_name(c), "todo", "ask who runs it; take it out of log.witnesses if it can't say why", NULL);
        }
    }
    set_claims(all, NULL);
}

void cosigner_weigh(struct cosigner *all)
{
    uint64_t first_us = UINT64_MAX, now_us = time_monotonic_us();
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        const struct cosigning *c = &all->cosignings[i];
        first_us = c->is_claiming && c->claim_us < first_us ? c->claim_us : first_us;
    }
    if (first_us == UINT64_MAX) {
        return;
    }
    if (are_enough(all, false)) {
        outvote(all);
        return;
    }
    (void)pthread_mutex_lock(&all->lock);
    struct error e = all->claim;
    (void)pthread_mutex_unlock(&all->lock);
    if (!are_enough(all, true) || now_us - first_us >= CLAIM_US) {
        deny(all, &e);
    }
}
