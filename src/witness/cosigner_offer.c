/* Cosignatures that come by another way than the cosigner's own submissions: those of mirrors (cosigner.h). */
#include "base/time.h"
#include "crypto/note.h"
#include "evidence/cosignature.h"
#include "witness/cosigner_internal.h"

void cosigner_tell_wanted(struct cosigner *all)
{
    (void)pthread_mutex_lock(&all->lock);
    buffer_reset(&all->wanted);
    buffer_append(&all->wanted, buffer_bytes(&all->note));
    buffer_reset(&all->offers); /* they were for another checkpoint */
    (void)pthread_mutex_unlock(&all->lock);
}

bool cosigner_wants(struct cosigner *cosigner, struct buffer *note)
{
    (void)pthread_mutex_lock(&cosigner->lock);
    bool is_wanted = cosigner->has_unasked && cosigner->wanted.size > 0;
    if (is_wanted) {
        buffer_append(note, buffer_bytes(&cosigner->wanted));
    }
    (void)pthread_mutex_unlock(&cosigner->lock);
    return is_wanted && !note->failed;
}

/* Of somebody's lines, the good ones of those who are not asked: a line that is none, or is put under another's name, must spoil nobody's. */
static void pick_good(const struct cosigner *all, struct bytes text, struct bytes lines, struct buffer *out)
{
    for (size_t i = 0; i < all->options.policy->witness_count; i++) {
        uint64_t time_s = 0;
        struct buffer line;
        buffer_init(&line, COSIGNATURE_LINES_BYTES_MAX);
        if (!all->cosignings[i].has_url &&
            cosignature_take(text, lines, &all->options.policy->witnesses[i].key, &line, &time_s, "offer", NULL) &&
            time_s <= (uint64_t)(time_now_ms() / 1000) + COSIGNER_AHEAD_MAX_S) {
            buffer_append(out, buffer_bytes(&line));
        }
        buffer_clear(&line);
    }
}

void cosigner_offer(struct cosigner *cosigner, struct bytes lines)
{
    struct buffer wanted, good;
    struct note note;
    buffer_init(&wanted, COSIGNER_NOTE_BYTES_MAX);
    buffer_init(&good, COSIGNATURE_LINES_BYTES_MAX);
    (void)pthread_mutex_lock(&cosigner->lock);
    buffer_append(&wanted, buffer_bytes(&cosigner->wanted));
    (void)pthread_mutex_unlock(&cosigner->lock);
    if (wanted.size > 0 && note_parse(&note, buffer_bytes(&wanted), "offer", NULL)) {
        pick_good(cosigner, note.text, lines, &good);
    }
    (void)pthread_mutex_lock(&cosigner->lock);
    bool is_current = bytes_equal(buffer_bytes(&wanted), buffer_bytes(&cosigner->wanted));
    if (is_current && good.size > 0 && good.size <= cosigner->offers.size_max - cosigner->offers.size) {
        buffer_append(&cosigner->offers, buffer_bytes(&good));
    }
    (void)pthread_mutex_unlock(&cosigner->lock);
    buffer_clear(&wanted);
    buffer_clear(&good);
}

void cosigner_take_offers(struct cosigner *all)
{
    struct buffer lines;
    if (!all->has_unasked || !all->has_round) {
        return;
    }
    buffer_init(&lines, COSIGNATURE_LINES_BYTES_MAX);
    (void)pthread_mutex_lock(&all->lock);
    buffer_append(&lines, buffer_bytes(&all->offers));
    buffer_reset(&all->offers);
    (void)pthread_mutex_unlock(&all->lock);
    for (size_t i = 0; lines.size > 0 && i < all->options.policy->witness_count; i++) {
        struct cosigning *c = &all->cosignings[i];
        struct error ignored;
        if (c->has_url || c->line.size > 0) {
            continue;
        }
        if (cosignature_take(all->text, buffer_bytes(&lines), &c->witness->key, &c->line, &c->time_s, "offer", &ignored)) {
            cosigner_signed(c);
        } else {
            buffer_reset(&c->line);
        }
    }
    buffer_clear(&lines);
}
