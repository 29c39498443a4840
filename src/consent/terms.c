/* Terms of records and facts of persons as lines of text, in events and under the digest of a view: one text for one content. Pure. */
#include "consent/terms_internal.h"

#include "consent/event_text.h"

const struct consent_terms consent_terms_none = { .separate = 0 };

static const char *const role_names[] = { NULL, "person", "guardian", "relative", "delegate", "authority", "system" };

static const char *const method_names[] = { NULL, "portal", "kiosk", "paper", "voice", "ussd", "api" };
static const char *const assurance_names[] = { NULL, "low", "substantial", "high" };

const char *consent_role_name(enum consent_role role)
{
    return (size_t)role < COUNT_OF(role_names) ? role_names[role] : NULL;
}

const char *consent_method_name(enum consent_method method)
{
    return (size_t)method < COUNT_OF(method_names) ? method_names[method] : NULL;
}

const char *consent_assurance_name(enum consent_assurance assurance)
{
    return (size_t)assurance < COUNT_OF(assurance_names) ? assurance_names[assurance] : NULL;
}

/* Zero when it is none of them. */
static size_t find_name(struct bytes name, const char *const *names, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (bytes_equal(name, bytes_of_text(names[i]))) {
            return i;
        }
    }
    return 0;
}

bool consent_role_parse(struct bytes name, enum consent_role *out)
{
    *out = (enum consent_role)find_name(name, role_names, COUNT_OF(role_names));
    return *out != CONSENT_ROLE_NONE;
}

bool consent_method_parse(struct bytes name, enum consent_method *out)
{
    *out = (enum consent_method)find_name(name, method_names, COUNT_OF(method_names));
    return *out != CONSENT_METHOD_NONE;
}

bool consent_assurance_parse(struct bytes name, enum consent_assurance *out)
{
    *out = (enum consent_assurance)find_name(name, assurance_names, COUNT_OF(assurance_names));
    return *out != CONSENT_ASSURANCE_NONE;
}

static void append_separate(uint32_t separate, struct buffer *out)
{
    struct buffer line;
    if (separate == 0) {
        return;
    }
    buffer_init(&line, 256);
    for (unsigned i = 0; i < LAW_SEPARATE_COUNT; i++) {
        if ((separate & (1U << i)) != 0) {
            buffer_append_text(&line, line.size > 0 ? " " : "");
            buffer_append_text(&line, law_separate_word(1U << i));
        }
    }
    out->failed = out->failed || line.failed;
    event_text_append(out, "separate", buffer_bytes(&line));
    buffer_clear(&line);
}

static void append_true(struct buffer *out, const char *line, bool is_true)
{
    if (is_true) {
        event_text_append(out, line, BYTES("yes"));
    }
}

static void append_number(struct buffer *out, const char *line, uint64_t number)
{
    if (number > 0) {
        event_text_append_decimal(out, line, (int64_t)number);
    }
}

static void append_limits(const struct consent_limits *limits, struct buffer *out)
{
    char text[PERIOD_TEXT_SIZE];
    event_text_append(out, "mode", bytes_of_text(use_mode_name(limits->mode)));
    event_text_append(out, "fetch", bytes_of_text(use_fetch_name(limits->fetch)));
    append_number(out, "max", limits->max);
    if (limits->max > 0) {
        event_text_append(out, "per", bytes_of_text(period_text(limits->per, text)));
    }
    append_number(out, "total", limits->total);
    if (limits->has_data_from) {
        event_text_append_decimal(out, "data_from", limits->data_from_ms);
    }
    if (limits->has_data_until) {
        event_text_append_decimal(out, "data_until", limits->data_until_ms);
    }
    if (limits->has_recipient_life) {
        event_text_append(out, "recipient_life", bytes_of_text(period_text(limits->recipient_life, text)));
    }
    if (limits->erase_at_ms != 0) {
        event_text_append_decimal(out, "erase_at", limits->erase_at_ms);
    }
}

static bool has_notice(const struct consent_terms *terms)
{
    return memcmp(terms->notice, consent_terms_none.notice, sizeof terms->notice) != 0;
}

void consent_terms_write(const struct consent_terms *terms, struct buffer *out)
{
    if (terms == NULL) {
        return;
    }
    if (has_notice(terms)) {
        event_text_append_digest(out, "notice", terms->notice);
    }
    append_separate(terms->separate, out);
    if (consent_role_name(terms->role) != NULL) {
        event_text_append(out, "decided_by", bytes_of_text(consent_role_name(terms->role)));
    }
    append_true(out, "written", terms->is_written);
    append_limits(&terms->limits, out);
}

/* ---- Reading ---- */

static bool read_number(struct bytes value, uint64_t *out)
{
    return bytes_to_u64(value, out) && *out > 0 && *out <= INT64_MAX;
}

/* Milliseconds, before 1970 as well. */
static bool read_time(struct bytes value, int64_t *out)
{
    uint64_t number;
    bool is_negative = bytes_start_with(value, BYTES("-"));
    if (!bytes_to_u64(bytes_slice(value, is_negative ? 1 : 0, value.size), &number) || number > INT64_MAX) {
        return false;
    }
    *out = is_negative ? -(int64_t)number : (int64_t)number;
    return true;
}

static bool read_notice(struct bytes value, struct consent_terms *terms)
{
    return event_text_digest(value, terms->notice) && has_notice(terms);
}

static bool read_separate(struct bytes value, struct consent_terms *terms)
{
    struct bytes word;
    uint32_t bit;
    while (bytes_split(&value, ' ', &word)) {
        if (!law_separate_parse(word, &bit)) {
            return false;
        }
        terms->separate |= bit;
    }
    return terms->separate != 0;
}

static bool read_role(struct bytes value, struct consent_terms *terms)
{
    return consent_role_parse(value, &terms->role);
}

static bool read_written(struct bytes value, struct consent_terms *terms)
{
    terms->is_written = true;
    return bytes_equal(value, BYTES("yes"));
}

static bool read_mode(struct bytes value, struct consent_terms *terms)
{
    return use_mode_parse(value, &terms->limits.mode);
}

static bool read_fetch(struct bytes value, struct consent_terms *terms)
{
    return use_fetch_parse(value, &terms->limits.fetch);
}

static bool read_max(struct bytes value, struct consent_terms *terms)
{
    return read_number(value, &terms->limits.max);
}

static bool read_per(struct bytes value, struct consent_terms *terms)
{
    return period_parse(value, &terms->limits.per);
}

static bool read_total(struct bytes value, struct consent_terms *terms)
{
    return read_number(value, &terms->limits.total);
}

static bool read_data_from(struct bytes value, struct consent_terms *terms)
{
    terms->limits.has_data_from = true;
    return read_time(value, &terms->limits.data_from_ms);
}

static bool read_data_until(struct bytes value, struct consent_terms *terms)
{
    terms->limits.has_data_until = true;
    return read_time(value, &terms->limits.data_until_ms);
}

static bool read_recipient_life(struct bytes value, struct consent_terms *terms)
{
    terms->limits.has_recipient_life = true;
    return period_parse(value, &terms->limits.recipient_life);
}

static bool read_erase_at(struct bytes value, struct consent_terms *terms)
{
    return read_time(value, &terms->limits.erase_at_ms);
}

static const struct {
    const char *name;
    bool (*read)(struct bytes value, struct consent_terms *terms);
} lines[] = {
    { "notice", read_notice },
    { "separate", read_separate },
    { "decided_by", read_role },
    { "max", read_max },
    { "per", read_per },
    { "total", read_total },
    { "written", read_written },
    { "mode", read_mode },
    { "fetch", read_fetch },
    { "data_from", read_data_from },
    { "data_until", read_data_until },
    { "recipient_life", read_recipient_life },
    { "erase_at", read_erase_at },
};

bool consent_terms_read(struct bytes text, struct consent_terms *out, bool *has_any)
{
    struct bytes name, value;
    *out = consent_terms_none;
    *has_any = false;
    while (event_text_next(&text, &name, &value)) {
        size_t i = 0;
        while (i < COUNT_OF(lines) && !bytes_equal(name, bytes_of_text(lines[i].name))) {
            i++;
        }
        if (i < COUNT_OF(lines) && !lines[i].read(value, out)) {
            return false;
        }
        *has_any = *has_any || i < COUNT_OF(lines);
    }
    return true;
}

/* ---- Persons ---- */

void consent_person_write(const struct consent_person *person, struct buffer *out)
{
    if (person->has_born) {
        event_text_append_decimal(out, "born", person->born_day);
    }
    append_true(out, "died", person->has_died);
    append_true(out, "paused", person->is_paused);
    append_true(out, "restricted", person->is_restricted);
    if (person->guardian_until_ms != 0) {
        event_text_append_decimal(out, "guardian_until", person->guardian_until_ms);
    }
    if (person->delegate_until_ms != 0) {
        event_text_append_decimal(out, "delegate_until", person->delegate_until_ms);
    }
}

static bool read_true(struct bytes text, const char *line, bool *out)
{
    struct bytes value;
    *out = event_text_get(text, line, &value);
    return !*out || bytes_equal(value, BYTES("yes"));
}

bool consent_person_read(struct bytes text, struct consent_person *out)
{
    struct bytes value;
    int64_t day = 0;
    *out = (struct consent_person){ .has_born = event_text_get(text, "born", &value) };
    if (out->has_born && (!read_time(value, &day) || day < INT32_MIN || day > INT32_MAX)) {
        return false;
    }
    out->born_day = (int32_t)day;
    return read_true(text, "died", &out->has_died) && read_true(text, "paused", &out->is_paused) &&
           read_true(text, "restricted", &out->is_restricted) &&
           (!event_text_get(text, "guardian_until", &value) || read_time(value, &out->guardian_until_ms)) &&
           (!event_text_get(text, "delegate_until", &value) || read_time(value, &out->delegate_until_ms));
}
