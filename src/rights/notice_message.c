#include "rights/notice_message.h"

#include "consent/event_text.h"

static const char where[] = "erase notice";
static const char *const kinds[] = { [NOTICE_ERASE] = "erase", [NOTICE_CORRECT] = "correct", [NOTICE_RESTRICT] = "restrict" };
static const char *const outcomes[] = { [OUTCOME_ERASED] = "erased", [OUTCOME_KEPT] = "kept" };

const char *notice_kind_name(enum notice_kind kind)
{
    return kind >= NOTICE_ERASE && kind <= NOTICE_RESTRICT ? kinds[kind] : "unknown";
}

const char *notice_outcome_name(enum notice_outcome outcome)
{
    return outcome == OUTCOME_ERASED || outcome == OUTCOME_KEPT ? outcomes[outcome] : "unknown";
}

/* ---- Writing ---- */

static bool sign(struct buffer *text, const struct signer *signer, struct buffer *out, struct error *e)
{
    bool ok = (!text->failed || error_set(e, ERROR_INPUT, where, "make several", "it is over %d bytes", DATA_NOTICE_BYTES_MAX)) &&
              note_sign(buffer_bytes(text), signer, out, e) && (!out->failed || error_memory(e, where));
    buffer_clear(text);
    return ok;
}

bool data_notice_write(const struct data_notice *notice, const struct signer *signer, struct buffer *out, struct error *e)
{
    struct buffer text;
    if (notice->exchange_count == 0 || notice->exchange_count > DATA_NOTICE_EXCHANGES_MAX ||
        notice->category_count > DATA_NOTICE_CATEGORIES_MAX) {
        return error_set(e, ERROR_INPUT, where, "make several", "it must name 1 to %d exchanges and at most %d categories",
                         DATA_NOTICE_EXCHANGES_MAX, DATA_NOTICE_CATEGORIES_MAX);
    }
    buffer_init(&text, DATA_NOTICE_BYTES_MAX);
    event_text_append(&text, "comity-event", BYTES("erase-notice/1"));
    event_text_append(&text, "id", notice->id);
    event_text_append(&text, "from", notice->from);
    event_text_append(&text, "to", notice->to);
    event_text_append(&text, "recipient", notice->recipient);
    event_text_append(&text, "kind", bytes_of_text(notice_kind_name(notice->kind)));
    event_text_append(&text, "reason", notice->reason);
    for (size_t i = 0; i < notice->exchange_count; i++) {
        event_text_append(&text, "exchange", notice->exchanges[i]);
    }
    for (size_t i = 0; i < notice->category_count; i++) {
        event_text_append(&text, "category", notice->categories[i]);
    }
    event_text_append_decimal(&text, "due", notice->due_ms);
    event_text_append_decimal(&text, "time", notice->time_ms);
    return sign(&text, signer, out, e);
}

bool data_reply_write(const struct data_reply *reply, const struct signer *signer, struct buffer *out, struct error *e)
{
    struct buffer text;
    buffer_init(&text, DATA_NOTICE_BYTES_MAX);
    event_text_append(&text, "comity-event", reply->outcome == 0 ? BYTES("erase-receipt/1") : BYTES("erase-confirmation/1"));
    event_text_append(&text, "id", reply->id);
    event_text_append(&text, "from", reply->from);
    event_text_append(&text, "to", reply->to);
    event_text_append_digest(&text, "notice", reply->notice);
    if (reply->outcome != 0) {
        event_text_append(&text, "outcome", bytes_of_text(notice_outcome_name(reply->outcome)));
    }
    if (reply->outcome == OUTCOME_KEPT) {
        event_text_append(&text, "reason", reply->reason);
    }
    event_text_append_decimal(&text, "time", reply->time_ms);
    return sign(&text, signer, out, e);
}

/* ---- Reading ---- */

static bool verify(struct bytes data, const struct verifier *sender, struct bytes *text, struct error *e)
{
    struct note note;
    size_t good = 0;
    if (data.size > DATA_NOTICE_BYTES_MAX) {
        return error_set(e, ERROR_INPUT, where, NULL, "it is over %d bytes", DATA_NOTICE_BYTES_MAX);
    }
    if (!note_parse(&note, data, where, e) || !note_verify(&note, sender, 1, &good, NULL, where, e)) {
        return false;
    }
    *text = note.text;
    return good == 1 || error_set(e, ERROR_DENIED, where, NULL, "it is not signed by the sender's statement key");
}

/* Takes the next line, which must be this one. */
static bool next(struct bytes *rest, const char *name, struct arena *arena, struct bytes *out, struct error *e)
{
    struct bytes found, value;
    struct bytes before = *rest;
    if (!event_text_next(rest, &found, &value) || !bytes_equal(found, bytes_of_text(name))) {
        *rest = before;
        return error_set(e, ERROR_INPUT, where, NULL, "the line '%s' is missing, or not where it belongs", name);
    }
    *out = event_text_decode(arena, value);
    if (out->data == NULL) {
        return error_memory(e, where);
    }
    return (out->size > 0 && out->size <= DATA_NOTICE_VALUE_MAX) ||
           error_set(e, ERROR_INPUT, where, NULL, "the line '%s' must have 1 to %d bytes", name, DATA_NOTICE_VALUE_MAX);
}

static bool next_time(struct bytes *rest, const char *name, struct arena *arena, int64_t *out, struct error *e)
{
    struct bytes text;
    uint64_t value = 0;
    if (!next(rest, name, arena, &text, e)) {
        return false;
    }
    if (!bytes_to_u64(text, &value) || value > INT64_MAX) {
        return error_set(e, ERROR_INPUT, where, NULL, "the line '%s' is no time in milliseconds", name);
    }
    *out = (int64_t)value;
    return true;
}

/* All lines of this name that follow. */
static bool next_all(struct bytes *rest, const char *name, size_t least, size_t most, struct arena *arena, const struct bytes **out,
                     size_t *count, struct error *e)
{
    struct bytes ahead = *rest, found, value;
    *count = 0;
    while (event_text_next(&ahead, &found, &value) && bytes_equal(found, bytes_of_text(name))) {
        (*count)++;
    }
    if (*count < least || *count > most) {
        return error_set(e, ERROR_INPUT, where, NULL, "it must have %zu to %zu lines '%s'", least, most, name);
    }
    struct bytes *list = arena_take(arena, (*count + 1) * sizeof *list);
    if (list == NULL) {
        return error_memory(e, where);
    }
    for (size_t i = 0; i < *count; i++) {
        if (!next(rest, name, arena, &list[i], e)) {
            return false;
        }
    }
    *out = list;
    return true;
}

static bool word(struct bytes text, const char *const *words, size_t count, int *out, const char *what, struct error *e)
{
    for (size_t i = 1; i < count; i++) {
        if (bytes_equal(text, bytes_of_text(words[i]))) {
            *out = (int)i;
            return true;
        }
    }
    return error_set(e, ERROR_INPUT, where, NULL, "there is no such %s", what);
}

static bool check_sender(struct bytes from, const struct verifier *sender, struct bytes rest, struct error *e)
{
    if (!bytes_equal(from, bytes_of_text(sender->name))) {
        return error_set(e, ERROR_DENIED, where, NULL, "it is from another gateway than the one that signed it");
    }
    return rest.size == 0 || error_set(e, ERROR_INPUT, where, NULL, "there are more lines than belong to it");
}

bool data_notice_read(struct bytes note, const struct verifier *sender, struct arena *arena, struct data_notice *out,
                      uint8_t digest[SHA256_SIZE], struct error *e)
{
    struct bytes text, rest, event, kind;
    int found = 0;
    *out = (struct data_notice){ .kind = NOTICE_ERASE };
    if (!verify(note, sender, &text, e)) {
        return false;
    }
    rest = text;
    if (!next(&rest, "comity-event", arena, &event, e) || !next(&rest, "id", arena, &out->id, e) ||
        !next(&rest, "from", arena, &out->from, e) || !next(&rest, "to", arena, &out->to, e) ||
        !next(&rest, "recipient", arena, &out->recipient, e) || !next(&rest, "kind", arena, &kind, e) ||
        !next(&rest, "reason", arena, &out->reason, e) ||
        !next_all(&rest, "exchange", 1, DATA_NOTICE_EXCHANGES_MAX, arena, &out->exchanges, &out->exchange_count, e) ||
        !next_all(&rest, "category", 0, DATA_NOTICE_CATEGORIES_MAX, arena, &out->categories, &out->category_count, e) ||
        !next_time(&rest, "due", arena, &out->due_ms, e) || !next_time(&rest, "time", arena, &out->time_ms, e)) {
        return false;
    }
    if (!bytes_equal(event, BYTES("erase-notice/1"))) {
        return error_set(e, ERROR_INPUT, where, NULL, "it is no erase notice");
    }
    if (!word(kind, kinds, COUNT_OF(kinds), &found, "kind of notice", e) || !check_sender(out->from, sender, rest, e)) {
        return false;
    }
    out->kind = (enum notice_kind)found;
    if (digest != NULL) {
        sha256(text, digest);
    }
    return true;
}

bool data_reply_read(struct bytes note, const struct verifier *sender, struct arena *arena, struct data_reply *out, struct error *e)
{
    struct bytes text, rest, event, digest, outcome;
    int found = 0;
    *out = (struct data_reply){ .outcome = 0 };
    if (!verify(note, sender, &text, e)) {
        return false;
    }
    rest = text;
    if (!next(&rest, "comity-event", arena, &event, e) || !next(&rest, "id", arena, &out->id, e) ||
        !next(&rest, "from", arena, &out->from, e) || !next(&rest, "to", arena, &out->to, e) || !next(&rest, "notice", arena, &digest, e)) {
        return false;
    }
    if (!event_text_digest(digest, out->notice)) {
        return error_set(e, ERROR_INPUT, where, NULL, "the notice's digest can't be read");
    }
    if (bytes_equal(event, BYTES("erase-confirmation/1"))) {
        if (!next(&rest, "outcome", arena, &outcome, e) || !word(outcome, outcomes, COUNT_OF(outcomes), &found, "outcome", e)) {
            return false;
        }
        out->outcome = (enum notice_outcome)found;
        if (out->outcome == OUTCOME_KEPT && !next(&rest, "reason", arena, &out->reason, e)) {
            return false;
        }
    } else if (!bytes_equal(event, BYTES("erase-receipt/1"))) {
        return error_set(e, ERROR_INPUT, where, NULL, "it is no reply to an erase notice");
    }
    return next_time(&rest, "time", arena, &out->time_ms, e) && check_sender(out->from, sender, rest, e);
}
