#include "audit/story.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/encode.h"
#include "base/time.h"
#include "policy/reason.h"

/* ---- Words ---- */

void story_append_clean(struct buffer *out, struct bytes text)
{
    for (size_t i = 0; i < text.size;) {
        size_t size = bytes_utf8_length(bytes_slice(text, i, text.size));
        bool is_control = size == 1 ? text.data[i] < 0x20 || text.data[i] == 0x7F
                                    : size == 2 && text.data[i] == 0xC2 && text.data[i + 1] < 0xA0;
        if (size == 0 || is_control) {
            buffer_append_format(out, "\\x%02x", text.data[i]);
            i++;
        } else {
            buffer_append(out, bytes_slice(text, i, i + size));
            i += size;
        }
    }
}

/* "https://w3id.org/dpv/pd#BirthDate" is called BirthDate; its full name follows where it matters. */
static struct bytes short_name(struct bytes iri)
{
    size_t at = iri.size;
    while (at > 0 && iri.data[at - 1] != '#' && iri.data[at - 1] != '/' && iri.data[at - 1] != ':') {
        at--;
    }
    return at == iri.size ? iri : bytes_slice(iri, at, iri.size);
}

/* Messages and witnesses tell whole seconds: no milliseconds are made up for them. */
static const char *when(int64_t time_ms, char out[TIME_TEXT_SIZE])
{
    (void)time_text(time_ms, out);
    if (time_ms % 1000 == 0) {
        memcpy(out + TIME_TEXT_SIZE - 6, "Z", 2);
    }
    return out;
}

static void begin(struct buffer *out, const char *label)
{
    buffer_append_format(out, "%-11s", label);
}

static void append_who(struct buffer *out, const struct directory_member *member, struct bytes identifier)
{
    bool has_name = member != NULL && member->name.size > 0;
    if (has_name) {
        story_append_clean(out, member->name);
        buffer_append_text(out, " (");
    }
    story_append_clean(out, identifier);
    buffer_append_text(out, has_name ? ")" : "");
}

static struct bytes withheld_reason(struct bytes withheld, struct bytes *category)
{
    static const struct bytes mark = BYTES(";reason=");
    for (size_t i = 0; i + mark.size <= withheld.size; i++) {
        if (memcmp(withheld.data + i, mark.data, mark.size) == 0) {
            *category = bytes_slice(withheld, 0, i);
            return bytes_slice(withheld, i + mark.size, withheld.size);
        }
    }
    *category = withheld;
    return BYTES_NONE;
}

static void append_reason(struct buffer *out, struct bytes code)
{
    enum reason reason = reason_find(code);
    if (reason != REASON_NONE) {
        buffer_append_text(out, reason_meaning(reason));
    } else {
        story_append_clean(out, code);
    }
}

/* ---- Sentences ---- */

static struct bytes of_message(const struct story *s, const char *name)
{
    return s->request != NULL  ? said_value(&s->request_said, name, false)
           : s->answer != NULL ? said_value(&s->answer_said, name, true)
                               : BYTES_NONE;
}

static void write_who(const struct story *s, struct buffer *out)
{
    begin(out, "Who asked");
    if (s->client.size > 0) {
        append_who(out, s->consumer, s->client);
    } else {
        buffer_append_text(out, "not shown");
    }
    buffer_append_text(out, "\n");
    begin(out, "Whom");
    if (s->service.size > 0) {
        append_who(out, s->holder, s->service);
    } else if (s->answer != NULL) {
        append_who(out, s->holder, s->answer_said.parameters.keyid);
    } else {
        buffer_append_text(out, "not shown");
    }
    buffer_append_text(out, "\n");
    begin(out, "For what");
    struct bytes path = of_message(s, "@path"), query = of_message(s, "@query");
    if (path.size > 0) {
        story_append_clean(out, of_message(s, "@method"));
        buffer_append_u8(out, ' ');
        story_append_clean(out, path);
        story_append_clean(out, query.size > 1 ? query : BYTES_NONE);
    } else {
        buffer_append_text(out, "not shown");
    }
    buffer_append_text(out, "\n");
    begin(out, "About whom");
    if (s->person.size > 0) {
        buffer_append_text(out, "the person ");
        story_append_clean(out, s->person);
    } else if (s->decision != NULL) {
        buffer_append_text(out, "nobody: the decision names no person");
    } else {
        buffer_append_text(out, "not shown");
    }
    buffer_append_text(out, "\n");
}

static void write_why(const struct story *s, struct buffer *out)
{
    char given[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
    struct bytes purpose = s->purpose.size > 0 ? s->purpose : of_message(s, "comity-purpose");
    begin(out, "Purpose");
    if (purpose.size > 0) {
        story_append_clean(out, short_name(purpose));
        buffer_append_text(out, " (");
        story_append_clean(out, purpose);
        buffer_append_text(out, ")\n");
    } else {
        buffer_append_text(out, s->decision != NULL || s->request != NULL ? "none was declared\n" : "not shown\n");
    }
    begin(out, s->has_verdict && !s->is_permitted ? "Refused" : "Allowed");
    if (!s->has_verdict) {
        buffer_append_text(out, s->exporter_is_holder ? "the decision is not shown"
                                                      : "the decision is in the holder's log: its bundle shows it");
    } else if (!s->is_permitted) {
        buffer_append_text(out, "because ");
        append_reason(out, s->reason);
    } else if (s->is_hidden[ROLE_CONSENT]) {
        buffer_append_text(out, "by the holder's decision; the consents are not shown");
    } else if (s->on_consent_count > 0) {
        buffer_append_format(out,
                             "by the person's consent, given at %s and valid until %s;\n           not withdrawn before the answer left",
                             when(s->consent_given_ms, given), when(s->consent_until_ms, until));
    } else {
        buffer_append_text(out, "by the holder's policy, without the person's consent");
    }
    buffer_append_text(out, "\n");
    if (s->withdrawn_later_ms != 0) {
        begin(out, "");
        buffer_append_format(out, "the person withdrew it later, at %s\n", when(s->withdrawn_later_ms, given));
    }
}

/* How values of a category were transformed: comity-transformed has items "IRI;by=KIND". */
static void append_transformed(const struct story *s, struct bytes category, struct buffer *out)
{
    static const struct bytes mark = BYTES(";by=");
    struct bytes item, rest = said_value(&s->answer_said, "comity-transformed", false);
    bool is_first = true;
    while (rest.size > 0 && bytes_split(&rest, ',', &item)) {
        item = bytes_trim(item);
        struct bytes behind = bytes_slice(item, category.size, item.size);
        if (bytes_start_with(item, category) && bytes_start_with(behind, mark)) {
            buffer_append_text(out, is_first ? " (transformed: " : ", ");
            story_append_clean(out, bytes_slice(behind, mark.size, behind.size));
            is_first = false;
        }
    }
    buffer_append_text(out, is_first ? "" : ")");
}

/* What the recipient was bound to: as it was signed. */
static void write_conditions(const struct story *s, struct buffer *out)
{
    struct bytes conditions = said_value(&s->answer_said, "comity-conditions", false);
    if (conditions.size > 0) {
        begin(out, "Conditions");
        story_append_clean(out, conditions);
        buffer_append_text(out, "\n");
    }
}

static void write_what_left(const struct story *s, struct buffer *out)
{
    begin(out, "What left");
    if (s->answer == NULL) {
        buffer_append_text(out, s->is_hidden[ROLE_ANSWER] ? "not shown\n" : "no answer is in the file\n");
        return;
    }
    buffer_append_text(out, "an answer with status ");
    story_append_clean(out, said_value(&s->answer_said, "@status", false));
    if (s->released_count > 0) {
        buffer_append_text(out, ", with ");
    } else {
        buffer_append_text(out, s->withheld_count > 0 || s->person.size > 0 ? ", with nothing about the person" : "");
    }
    for (size_t i = 0; i < s->released_count; i++) {
        buffer_append_text(out, i > 0 ? ", " : "");
        story_append_clean(out, short_name(s->released[i]));
        append_transformed(s, s->released[i], out);
    }
    buffer_append_text(out, "\n");
    for (size_t i = 0; i < s->withheld_count; i++) {
        struct bytes category, code = withheld_reason(s->withheld[i], &category);
        begin(out, i == 0 ? "Held back" : "");
        story_append_clean(out, short_name(category));
        if (code.size > 0) {
            buffer_append_text(out, ": ");
            append_reason(out, code);
        }
        buffer_append_text(out, "\n");
    }
    write_conditions(s, out);
    struct bytes digest = said_value(&s->answer_said, "content-digest", false);
    begin(out, "Its body");
    story_append_clean(out, digest);
    buffer_append_text(out, "\n");
}

static void write_time(struct buffer *out, const char *label, const struct shown *shown)
{
    char stated[TIME_TEXT_SIZE], bound[TIME_TEXT_SIZE];
    if (shown == NULL) {
        return;
    }
    begin(out, label);
    buffer_append_format(out, "%s by its own clock", when(shown->time_ms, stated));
    if (shown->not_before_ms != 0) {
        buffer_append_format(out, ";\n           not before %s by the other's clock, an entry of which it knew",
                             when(shown->not_before_ms, bound));
    }
    /* Their seconds are cut, so what happened within such a second was before its end. */
    if (shown->seen_s != 0) {
        buffer_append_format(out, ";\n           not after %s, when enough witnesses had seen it",
                             when((int64_t)(shown->seen_s + 1) * 1000, bound));
    }
    if (shown->stamp_s != 0) {
        buffer_append_format(out, ";\n           not after %s, when it was time-stamped",
                             when((int64_t)(shown->stamp_s + 1) * 1000, bound));
    }
    buffer_append_text(out, "\n");
}

static void write_proof(const struct story *s, size_t i, struct buffer *out)
{
    static const char *const labels[ROLE_COUNT] = { "request", "decision", "answer", "consent", "directory" };
    const struct shown *shown = &s->shown[i];
    for (size_t j = 0; j < shown->from->receipt_count; j++) {
        const struct shown_receipt *r = &shown->receipts[j];
        buffer_append_format(out, "  %-10s entry %" PRIu64 " of %" PRIu64 " in the log ", labels[shown->from->role], r->index, r->size);
        story_append_clean(out, r->origin);
        if (r->cosignature_count > 0) {
            buffer_append_format(out, ", seen by %zu witness%s", r->cosignature_count, r->cosignature_count == 1 ? "" : "es");
        }
        if (shown->from->role == ROLE_IN_FORCE) {
            buffer_append_text(out, ": in force from then on");
        }
        buffer_append_text(out, shown->from->is_hidden ? " (left out)\n" : "\n");
    }
    if (shown->from->signature.size > 0) {
        buffer_append_format(out, "  %-10s signed by itself by ", labels[shown->from->role]);
        story_append_clean(out, (shown == s->request ? &s->request_said : &s->answer_said)->parameters.keyid);
        buffer_append_text(out, "\n");
    }
}

static void write_directories(const struct story *s, struct buffer *out)
{
    for (size_t i = 0; i < s->bundle.directory_count; i++) {
        const struct shown_directory *d = &s->directories[i];
        buffer_append_text(out, "  keys       in the directory of ");
        story_append_clean(out, d->directory->community);
        buffer_append_format(out, ", serial %" PRIu64 ", signed by ", d->directory->serial);
        if (d->is_recognised) {
            buffer_append_text(out, "operators whom ");
            story_append_clean(out, d->by);
            buffer_append_text(out, " recognises");
        } else {
            buffer_append_text(out, "operators whom you trust");
        }
        buffer_append_text(out, "\n");
    }
}

static bool has_unread_stamp(const struct story *s, const struct trust *trust)
{
    bool has = false;
    for (size_t i = 0; i < s->bundle.statement_count; i++) {
        for (size_t j = 0; j < s->bundle.statements[i].receipt_count; j++) {
            has = has || s->bundle.statements[i].receipts[j].timestamp_count > 0;
        }
    }
    return has && trust->authority_count == 0;
}

static void write_limits(const struct story *s, const struct trust *trust, struct buffer *out)
{
    if (trust->quorum->is_none) {
        buffer_append_text(out, "  No witness is asked for: that the exporter's log was not rewritten is not proved, nor its times.\n");
    }
    if (has_unread_stamp(s, trust)) {
        buffer_append_text(out,
                           "  Time-stamps are in the file, and the trust file names no authority for them: they were not looked at.\n");
    }
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (s->is_hidden[i]) {
            buffer_append_format(
                out, "  Left out by whoever made this file: %s. Something stands there in the log; what it says is not proved.\n",
                bundle_role_name((enum bundle_role)i));
        }
    }
    if (s->decision != NULL && s->on_consent_count > 0 && !s->is_hidden[ROLE_CONSENT]) {
        buffer_append_text(out, "  A withdrawal counts only as far as the file shows the log.\n");
    }
    buffer_append_text(out, "  A body is proved by its digest only: compare it with the body that you have.\n");
}

void story_write(const struct story *s, const struct trust *trust, struct buffer *out)
{
    buffer_append_text(out, "Good: exchange ");
    story_append_clean(out, s->bundle.exchange);
    buffer_append_text(out, " is proved.\n\n");
    write_who(s, out);
    write_why(s, out);
    write_what_left(s, out);
    write_time(out, "Asked", s->request);
    write_time(out, "Decided", s->decision);
    write_time(out, "Answered", s->answer);
    buffer_append_text(out, "\nProved by\n");
    for (size_t i = 0; i < s->bundle.statement_count; i++) {
        write_proof(s, i, out);
    }
    write_directories(s, out);
    if (s->bundle.has_policy) {
        buffer_append_text(out, "  policy     the text that the decision names is in the file\n");
    }
    buffer_append_text(out, "\nNot proved\n");
    write_limits(s, trust, out);
}

/* ---- JSON ---- */

static json_t *json_text(struct bytes text)
{
    json_t *value = text.size == 0 ? json_null() : json_stringn((const char *)text.data, text.size);
    return value != NULL ? value : json_null();
}

static json_t *json_time(int64_t time_ms)
{
    char text[TIME_TEXT_SIZE];
    return time_ms == 0 ? json_null() : json_string(time_text(time_ms, text));
}

static json_t *json_list(const struct bytes *list, size_t count)
{
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(out, json_text(list[i]));
    }
    return out;
}

static json_t *json_statement(const struct shown *shown)
{
    json_t *receipts = json_array();
    for (size_t i = 0; i < shown->from->receipt_count; i++) {
        const struct shown_receipt *r = &shown->receipts[i];
        (void)json_array_append_new(receipts,
                                    json_pack("{s:o, s:I, s:I, s:I, s:o}", "log", json_text(r->origin), "index", (json_int_t)r->index,
                                              "size", (json_int_t)r->size, "cosignatures", (json_int_t)r->cosignature_count, "witnessed",
                                              json_time((int64_t)r->seen_s * 1000)));
    }
    return json_pack("{s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o}", "what", bundle_role_name(shown->from->role), "left_out",
                     shown->from->is_hidden, "signed", shown->from->signature.size > 0, "time", json_time(shown->time_ms), "not_before",
                     json_time(shown->not_before_ms), "not_after", json_time((int64_t)shown->seen_s * 1000), "time_stamp",
                     json_time((int64_t)shown->stamp_s * 1000), "receipts", receipts);
}

static json_t *json_directories(const struct story *s)
{
    json_t *out = json_array();
    for (size_t i = 0; i < s->bundle.directory_count; i++) {
        const struct shown_directory *d = &s->directories[i];
        char hex[2 * SHA256_SIZE + 1];
        hex_write(bytes_of(d->directory->digest, SHA256_SIZE), hex);
        (void)json_array_append_new(out, json_pack("{s:o, s:I, s:s, s:o}", "community", json_text(d->directory->community), "serial",
                                                   (json_int_t)d->directory->serial, "sha256", hex, "recognised_by", json_text(d->by)));
    }
    return out;
}

json_t *story_json(const struct story *s, const struct trust *trust)
{
    json_t *statements = json_array();
    for (size_t i = 0; i < s->bundle.statement_count; i++) {
        (void)json_array_append_new(statements, json_statement(&s->shown[i]));
    }
    json_t *out = json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "ok", 1, "exchange", json_text(s->bundle.exchange),
                            "client", json_text(s->client), "service", json_text(s->service), "method", json_text(of_message(s, "@method")),
                            "path", json_text(of_message(s, "@path")), "person", json_text(s->person), "purpose",
                            json_text(s->purpose.size > 0 ? s->purpose : of_message(s, "comity-purpose")), "statements", statements,
                            "directories", json_directories(s));
    if (out != NULL) {
        (void)json_object_set_new(out, "verdict", !s->has_verdict ? json_null() : json_string(s->is_permitted ? "permit" : "refuse"));
        (void)json_object_set_new(out, "reason", json_text(s->reason));
        (void)json_object_set_new(out, "released", json_list(s->released, s->released_count));
        (void)json_object_set_new(out, "withheld", json_list(s->withheld, s->withheld_count));
        (void)json_object_set_new(out, "consent_given", json_time(s->consent_given_ms));
        (void)json_object_set_new(out, "withdrawn_later", json_time(s->withdrawn_later_ms));
        (void)json_object_set_new(out, "witnesses_asked", json_boolean(!trust->quorum->is_none));
    }
    return out;
}
