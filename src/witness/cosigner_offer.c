/* Cosignatures that come by another way than the cosigner's own submissions: those of mirrors (cosigner.h). */
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

void cosigner_offer(struct cosigner *cosigner, struct bytes lines)
{
    (void)pthread_mutex_lock(&cosigner->lock);
    if (lines.size <= cosigner->offers.size_max - cosigner->offers.size) {
        buffer_append(&cosigner->offers, lines);
    }
    (void)pthread_mutex_unlock(&cosigner->lock);
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
