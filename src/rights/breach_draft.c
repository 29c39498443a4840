/* What authority and persons are told: drafts, for people to complete. */
#include "base/time.h"
#include "law/iri.h"
#include "rights/breach.h"

static void line(struct buffer *out, const char *what, struct bytes text)
{
    buffer_append_format(out, "%s: %.*s\n", what, BYTES_FMT(text));
}

static void line_time(struct buffer *out, const char *what, int64_t time_ms)
{
    char text[TIME_TEXT_SIZE];
    buffer_append_format(out, "%s: %s\n", what, time_text(time_ms, text));
}

/* One a line, by their short names. */
static void items(struct buffer *out, const char *what, struct bytes list)
{
    struct bytes item;
    buffer_append_format(out, "%s:\n", what);
    while (list.size > 0 && bytes_split(&list, ',', &item)) {
        buffer_append_text(out, "  - ");
        iri_shorten(bytes_trim(item), out);
        buffer_append_u8(out, '\n');
    }
}

static void kind_of(const struct breach *breach, struct buffer *out)
{
    buffer_append_text(out, breach->is_possible ? "It is not certain that data got into wrong hands; they may have.\n"
                                                : "Personal data got into wrong hands, were changed, or were lost.\n");
}

void breach_draft_authority(const struct breach *breach, const struct breach_extent *extent, struct bytes holder, struct buffer *out)
{
    buffer_append_format(out, "NOTICE OF A BREACH OF PERSONAL INFORMATION TO THE AUTHORITY (%.*s)\n\n", BYTES_FMT(breach->law));
    line(out, "Organisation", holder);
    line(out, "Contact", breach->contact);
    line(out, "Our reference", breach->id);
    line_time(out, "Known since", breach->known_at_ms);
    line_time(out, "To be told until", breach->authority_due_ms);
    if (breach->report_due_ms != 0) {
        line_time(out, "Full report until", breach->report_due_ms);
    }
    buffer_append_u8(out, '\n');
    kind_of(breach, out);
    buffer_append_format(out, "\nWhat happened\n%.*s\n\n", BYTES_FMT(breach->cause));
    buffer_append_format(out, "Whom it touches\n%llu persons, %llu disclosures, by our evidence log", (unsigned long long)extent->persons,
                         (unsigned long long)extent->disclosures);
    char from[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
    buffer_append_format(out, " from %s to %s.\n", time_text(breach->scope.from_ms, from), time_text(breach->scope.until_ms, until));
    items(out, "Categories", extent->categories);
    items(out, "Recipients of the disclosures", extent->recipients);
    buffer_append_format(out, "\nPossible harm\n%.*s\n\n", BYTES_FMT(breach->harm));
    buffer_append_format(out, "Measures taken\n%.*s\n\n", BYTES_FMT(breach->measures));
    buffer_append_format(out, "What the persons can do\n%.*s\n", BYTES_FMT(breach->advice));
}

void breach_draft_person(const struct breach *breach, const struct breach_person *person, struct bytes holder, struct buffer *out)
{
    char from[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
    buffer_append_format(out, "To: %.*s\n\nAbout your personal information at %.*s\n\n", BYTES_FMT(person->person), BYTES_FMT(holder));
    kind_of(breach, out);
    buffer_append_format(out, "\nWhat happened\n%.*s\n\n", BYTES_FMT(breach->cause));
    items(out, "Information about you that it concerns", person->categories);
    items(out, "It had been given to", person->recipients);
    buffer_append_format(out, "between %s and %s.\n\n", time_text(person->first_ms, from), time_text(person->last_ms, until));
    buffer_append_format(out, "What it can mean for you\n%.*s\n\n", BYTES_FMT(breach->harm));
    buffer_append_format(out, "What we did\n%.*s\n\n", BYTES_FMT(breach->measures));
    buffer_append_format(out, "What you can do\n%.*s\n\n", BYTES_FMT(breach->advice));
    buffer_append_format(out, "Whom you can ask: %.*s (our reference: %.*s)\n", BYTES_FMT(breach->contact), BYTES_FMT(breach->id));
}
