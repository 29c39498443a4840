#include "portal/catalogue.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"

enum { RANGES_MAX = 32, PLACES_MAX = 16, KEY_BYTES_MAX = 96, MONTHS = 12, DIGITS = 10 };

typedef enum plural plural_rule(uint64_t count);
struct catalogue {
    char name[LANGUAGE_BYTES_MAX];
    json_t *texts;
    const struct catalogue *english;
    bool is_right_to_left;
    plural_rule *plural;
    struct bytes months[MONTHS], digits[DIGITS];
    struct bytes thousands, day, moment;
};
struct catalogues {
    struct catalogue *list[CATALOGUES_MAX];
    size_t count;
};

/* ---- Plurals of whole numbers: CLDR 44, supplemental/plurals.xml, by the name that a catalogue gives in language.plurals ---- */

static enum plural rule_none(uint64_t count)
{
    (void)count;
    return PLURAL_OTHER;
}

static enum plural rule_one(uint64_t count) /* en, sw, de, es ... */
{
    return count == 1 ? PLURAL_ONE : PLURAL_OTHER;
}

static enum plural rule_zero_one(uint64_t count) /* fr, pt: and millions are many */
{
    return count <= 1 ? PLURAL_ONE : count % 1000000 == 0 ? PLURAL_MANY : PLURAL_OTHER;
}

static enum plural rule_arabic(uint64_t count)
{
    uint64_t last = count % 100;
    return count == 0                ? PLURAL_ZERO
           : count == 1              ? PLURAL_ONE
           : count == 2              ? PLURAL_TWO
           : last >= 3 && last <= 10 ? PLURAL_FEW
           : last >= 11              ? PLURAL_MANY
                                     : PLURAL_OTHER;
}

static enum plural rule_slavic(uint64_t count) /* ru, uk, be */
{
    uint64_t last = count % 10, two = count % 100;
    return last == 1 && two != 11 ? PLURAL_ONE : last >= 2 && last <= 4 && (two < 12 || two > 14) ? PLURAL_FEW : PLURAL_MANY;
}

static const struct {
    const char *name;
    plural_rule *rule;
    const char *categories; /* the forms that a text about numbers has */
} rules[] = {
    { "none", rule_none, "other" },
    { "one", rule_one, "one other" },
    { "zero-one", rule_zero_one, "one many other" },
    { "arabic", rule_arabic, "zero one two few many other" },
    { "slavic", rule_slavic, "one few many other" },
};

static const char *const plural_names[] = {
    [PLURAL_OTHER] = "other", [PLURAL_ZERO] = "zero", [PLURAL_ONE] = "one",
    [PLURAL_TWO] = "two",     [PLURAL_FEW] = "few",   [PLURAL_MANY] = "many",
};

enum plural catalogue_plural(const struct catalogue *catalogue, int64_t count)
{
    return catalogue->plural(count < 0 ? 0 - (uint64_t)count : (uint64_t)count);
}

/* ---- Texts ---- */

static struct bytes own_text(const struct catalogue *c, struct bytes key)
{
    const json_t *text = json_object_getn(c->texts, (const char *)key.data, key.size);
    return text == NULL ? BYTES_NONE : bytes_of(json_string_value(text), json_string_length(text));
}

static struct bytes plural_text(const struct catalogue *c, struct bytes key, int64_t count)
{
    char name[KEY_BYTES_MAX + 16];
    struct bytes text = own_text(c, key);
    if (text.data != NULL || count < 0 || key.size > KEY_BYTES_MAX) {
        return text;
    }
    (void)snprintf(name, sizeof name, "%.*s#%s", BYTES_FMT(key), plural_names[catalogue_plural(c, count)]);
    text = own_text(c, bytes_of_text(name));
    if (text.data == NULL) {
        (void)snprintf(name, sizeof name, "%.*s#other", BYTES_FMT(key));
        text = own_text(c, bytes_of_text(name));
    }
    return text;
}

struct bytes catalogue_text(const struct catalogue *catalogue, struct bytes key, int64_t count)
{
    struct bytes text = plural_text(catalogue, key, count);
    return text.data == NULL && catalogue->english != NULL ? plural_text(catalogue->english, key, count) : text;
}

bool catalogue_has(const struct catalogue *catalogue, struct bytes key)
{
    return own_text(catalogue, key).data != NULL;
}

const char *catalogue_name(const struct catalogue *catalogue)
{
    return catalogue->name;
}

bool catalogue_is_right_to_left(const struct catalogue *catalogue)
{
    return catalogue->is_right_to_left;
}

/* ---- Reading a file ---- */

struct reading {
    struct catalogue *catalogue;
    const struct catalogue *english; /* NULL: this is it */
    struct error *e;
};

static bool fail(const struct reading *r, const char *key, const char *todo, const char *what)
{
    char where[128];
    (void)snprintf(where, sizeof where, "languages/%s.json: %s", r->catalogue->name, key);
    return error_set(r->e, ERROR_INPUT, where, todo, "%s", what);
}

/* The names in braces, each once, in order of the alphabet. SIZE_MAX: braces that don't fit. */
static size_t places_of(struct bytes text, struct bytes out[PLACES_MAX])
{
    size_t count = 0;
    while (text.size > 0) {
        size_t open = bytes_find(text, '{'), close = bytes_find(text, '}');
        if (open == text.size && close == text.size) {
            break;
        }
        if (open > close || close == text.size || count == PLACES_MAX) {
            return SIZE_MAX;
        }
        struct bytes name = bytes_slice(text, open + 1, close);
        size_t at = 0;
        while (at < count && bytes_compare(out[at], name) < 0) {
            at++;
        }
        if (at == count || !bytes_equal(out[at], name)) {
            memmove(&out[at + 1 < PLACES_MAX ? at + 1 : at], &out[at], (count - at) * sizeof *out * (at + 1 < PLACES_MAX));
            out[at] = name;
            count++;
        }
        text = bytes_slice(text, close + 1, text.size);
    }
    return count;
}

/* The English text that this key's is a form of: its own, or for a plural form that English lacks, that of others. */
static struct bytes measure_of(const struct catalogue *english, struct bytes key)
{
    char name[KEY_BYTES_MAX + 8];
    struct bytes text = own_text(english, key);
    size_t mark = bytes_find(key, '#');
    if (text.data == NULL && mark < key.size) {
        (void)snprintf(name, sizeof name, "%.*s#other", BYTES_FMT(bytes_slice(key, 0, mark)));
        text = own_text(english, bytes_of_text(name));
    }
    return text;
}

static bool is_plural_name(struct bytes name)
{
    for (size_t i = 0; i < COUNT_OF(plural_names); i++) {
        if (bytes_equal(name, bytes_of_text(plural_names[i]))) {
            return true;
        }
    }
    return false;
}

static bool check_text(const struct reading *r, const char *key, const json_t *value)
{
    struct bytes places[PLACES_MAX], wanted[PLACES_MAX], name = bytes_of_text(key);
    size_t mark = bytes_find(name, '#');
    if (!json_is_string(value) || name.size == 0 || name.size > KEY_BYTES_MAX) {
        return fail(r, key, "see docs/pages.md", "is not a text with a name of 1 to 96 characters");
    }
    struct bytes text = bytes_of(json_string_value(value), json_string_length(value));
    size_t count = places_of(text, places);
    if (count == SIZE_MAX) {
        return fail(r, key, "write each value as {name}", "has braces that don't fit together");
    }
    if (mark < name.size && !is_plural_name(bytes_slice(name, mark + 1, name.size))) {
        return fail(r, key, "use zero one two few many other", "names a plural form that there isn't");
    }
    if (r->english == NULL) {
        return true;
    }
    struct bytes english = measure_of(r->english, name);
    if (english.data == NULL) {
        return fail(r, key, "leave it out, or mend its name", "is a text that the pages don't have");
    }
    size_t wanted_count = places_of(english, wanted);
    bool is_same = count == wanted_count;
    for (size_t i = 0; is_same && i < count; i++) {
        is_same = bytes_equal(places[i], wanted[i]);
    }
    /* "One use" needs no number, where there is but one. */
    bool may_lack = mark < name.size && count < wanted_count && !bytes_end_with(name, BYTES("#other")) &&
                    !bytes_end_with(name, BYTES("#few")) && !bytes_end_with(name, BYTES("#many"));
    return is_same || may_lack || bytes_start_with(name, BYTES("language.")) ||
           fail(r, key, "keep each {value} as it is in English", "has other values than the English text");
}

/* Splits a list of exactly so many, joined by '|'. */
static bool read_list(const struct reading *r, const char *key, struct bytes *out, size_t count)
{
    struct bytes rest = own_text(r->catalogue, bytes_of_text(key));
    size_t found = 0;
    while (found < count && bytes_split(&rest, '|', &out[found]) && out[found].size > 0) {
        found++;
    }
    return (found == count && rest.data == NULL) || fail(r, key, "join them by |", "has too few or too many");
}

static bool read_language(const struct reading *r)
{
    struct catalogue *c = r->catalogue;
    struct bytes plurals = own_text(c, BYTES("language.plurals")), direction = own_text(c, BYTES("language.direction"));
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        c->plural = bytes_equal(plurals, bytes_of_text(rules[i].name)) ? rules[i].rule : c->plural;
    }
    if (c->plural == NULL) {
        return fail(r, "language.plurals", "write none, one, zero-one, arabic or slavic", "is no rule of plurals");
    }
    c->is_right_to_left = bytes_equal(direction, BYTES("rtl"));
    if (!c->is_right_to_left && !bytes_equal(direction, BYTES("ltr"))) {
        return fail(r, "language.direction", "write ltr or rtl", "is no direction");
    }
    c->thousands = own_text(c, BYTES("language.thousands"));
    c->day = own_text(c, BYTES("language.date"));
    c->moment = own_text(c, BYTES("language.moment"));
    if (c->day.size == 0 || c->moment.size == 0 || own_text(c, BYTES("language.name")).size == 0) {
        return fail(r, "language.name, language.date, language.moment", "write them", "must be there");
    }
    return read_list(r, "language.months", c->months, MONTHS) && read_list(r, "language.digits", c->digits, DIGITS);
}

static bool is_tag(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (i > 2 && c >= '0' && c <= '9');
        if (!is_letter && (c != '-' || i < 2)) {
            return false;
        }
    }
    return size >= 2 && size < LANGUAGE_BYTES_MAX && name[size - 1] != '-';
}

static void free_catalogue(struct catalogue *c)
{
    if (c != NULL) {
        json_decref(c->texts);
        free(c);
    }
}

static bool read_catalogue(struct reading *r, struct bytes text)
{
    json_error_t fault;
    const char *key;
    json_t *value;
    struct catalogue *c = r->catalogue;
    if (text.size > CATALOGUE_BYTES_MAX) {
        return fail(r, "file", NULL, "is larger than 1 MiB");
    }
    c->texts = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &fault);
    if (!json_is_object(c->texts)) {
        char where[32];
        (void)snprintf(where, sizeof where, "line %d", c->texts == NULL ? fault.line : 1);
        return fail(r, where, "write one JSON object of texts", "is no JSON object, or has a text twice");
    }
    json_object_foreach(c->texts, key, value)
    {
        if (!check_text(r, key, value)) {
            return false;
        }
    }
    return read_language(r);
}

/* ---- All of them ---- */

struct catalogues *catalogues_make(void)
{
    return calloc(1, sizeof(struct catalogues));
}

void catalogues_free(struct catalogues *catalogues)
{
    if (catalogues == NULL) {
        return;
    }
    for (size_t i = 0; i < catalogues->count; i++) {
        free_catalogue(catalogues->list[i]);
    }
    free(catalogues);
}

static size_t count_lacking(const struct catalogue *c)
{
    size_t lacking = 0;
    const char *key;
    json_t *value;
    if (c->english == NULL) {
        return 0;
    }
    json_object_foreach(c->english->texts, key, value)
    {
        struct bytes name = bytes_of_text(key);
        bool is_other_form = bytes_find(name, '#') < name.size && !bytes_end_with(name, BYTES("#other"));
        lacking += !is_other_form && json_object_get(c->texts, key) == NULL;
    }
    return lacking;
}

bool catalogues_add(struct catalogues *catalogues, const char *name, struct bytes text, size_t *lacking, struct error *e)
{
    struct catalogue *c = calloc(1, sizeof *c);
    size_t at = 0;
    if (c == NULL) {
        return error_memory(e, "languages");
    }
    while (at < catalogues->count && strcmp(catalogues->list[at]->name, name) != 0) {
        at++;
    }
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    c->english = at == 0 ? NULL : catalogues->list[0];
    struct reading r = { .catalogue = c, .english = c->english, .e = e };
    bool ok = is_tag(name) || fail(&r, "file", "name it by its language, as pt-BR.json", "has a name that is no language's");
    ok = ok && (at < CATALOGUES_MAX || fail(&r, "file", NULL, "there are 64 languages already"));
    ok = ok && ((at == 0) == (strcmp(name, "en") == 0) || fail(&r, "file", NULL, "the first language is English"));
    if (!ok || !read_catalogue(&r, text)) {
        free_catalogue(c);
        return false;
    }
    if (at < catalogues->count) {
        free_catalogue(catalogues->list[at]);
    }
    catalogues->list[at] = c;
    catalogues->count += at == catalogues->count;
    for (size_t i = 1; i < catalogues->count; i++) {
        catalogues->list[i]->english = catalogues->list[0];
    }
    if (lacking != NULL) {
        *lacking = count_lacking(c);
    }
    return true;
}

size_t catalogues_count(const struct catalogues *catalogues)
{
    return catalogues->count;
}

const struct catalogue *catalogues_at(const struct catalogues *catalogues, size_t index)
{
    return catalogues->list[index];
}

const struct catalogue *catalogues_find(const struct catalogues *catalogues, struct bytes tag)
{
    while (tag.size > 0) {
        for (size_t i = 0; i < catalogues->count; i++) {
            if (bytes_equal_ignoring_case(bytes_of_text(catalogues->list[i]->name), tag)) {
                return catalogues->list[i];
            }
        }
        size_t cut = tag.size; /* RFC 4647 3.4: from the end, subtag by subtag */
        while (cut > 0 && tag.data[cut - 1] != '-') {
            cut--;
        }
        tag.size = cut == 0 ? 0 : cut - 1;
    }
    return NULL;
}

/* RFC 9110 12.4.2, in thousandths; 0 for what is malformed. */
static unsigned weight_of(struct bytes parameters)
{
    struct bytes one;
    while (bytes_split(&parameters, ';', &one)) {
        one = bytes_trim(one);
        if (!bytes_start_with(one, BYTES("q=")) && !bytes_start_with(one, BYTES("Q="))) {
            continue;
        }
        unsigned weight = 0, unit = 1000;
        for (size_t i = 2; i < one.size && i < 7; i++) {
            if (one.data[i] == '.') {
                continue;
            }
            if (one.data[i] < '0' || one.data[i] > '9') {
                return 0;
            }
            weight += (unsigned)(one.data[i] - '0') * unit;
            unit /= 10;
        }
        return weight;
    }
    return 1000;
}

const struct catalogue *catalogues_choose(const struct catalogues *catalogues, struct bytes accept_language)
{
    const struct catalogue *best = catalogues->list[0];
    struct bytes range;
    unsigned most = 0;
    for (size_t i = 0; i < RANGES_MAX && bytes_split(&accept_language, ',', &range); i++) {
        struct bytes parameters = range, tag;
        (void)bytes_split(&parameters, ';', &tag);
        unsigned weight = weight_of(parameters);
        const struct catalogue *found = weight > most ? catalogues_find(catalogues, bytes_trim(tag)) : NULL;
        if (found != NULL) {
            best = found;
            most = weight;
        }
    }
    return best;
}

/* ---- Numbers and dates ---- */

static void append_digits(const struct catalogue *c, const char *decimal, struct buffer *out)
{
    for (; *decimal != '\0'; decimal++) {
        buffer_append(out, c->digits[*decimal - '0']);
    }
}

void catalogue_append_number(const struct catalogue *catalogue, int64_t number, struct buffer *out)
{
    char text[24], one[2] = "";
    uint64_t size = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    int digits = snprintf(text, sizeof text, "%llu", (unsigned long long)size);
    if (number < 0) {
        buffer_append(out, BYTES("\xe2\x88\x92")); /* U+2212 */
    }
    for (int i = 0; i < digits; i++) {
        one[0] = text[i];
        append_digits(catalogue, one, out);
        /* Four digits stand without: 2026 reads as a year, 1234 as easily as 1,234. */
        bool is_border = digits > 4 && i + 1 < digits && (digits - i - 1) % 3 == 0;
        buffer_append(out, is_border ? catalogue->thousands : BYTES_NONE);
    }
}

void catalogue_append_time(const struct catalogue *catalogue, int64_t time_ms, bool with_clock, struct buffer *out)
{
    char text[TIME_TEXT_SIZE];
    struct bytes pattern = with_clock ? catalogue->moment : catalogue->day;
    (void)time_text(time_ms, text);
    unsigned month = (unsigned)(text[5] - '0') * 10 + (unsigned)(text[6] - '0');
    if (month < 1 || month > MONTHS) {
        return;
    }
    const char day[3] = { text[8] == '0' ? text[9] : text[8], text[8] == '0' ? '\0' : text[9], '\0' };
    const char year[5] = { text[0], text[1], text[2], text[3], '\0' }, hour[3] = { text[11], text[12], '\0' };
    const char minute[3] = { text[14], text[15], '\0' };
    while (pattern.size > 0) {
        size_t open = bytes_find(pattern, '{'), close = bytes_find(pattern, '}');
        struct bytes name = bytes_slice(pattern, open + 1, close);
        buffer_append(out, bytes_slice(pattern, 0, open));
        if (bytes_equal(name, BYTES("month"))) {
            buffer_append(out, catalogue->months[month - 1]);
        } else {
            append_digits(catalogue,
                          bytes_equal(name, BYTES("year"))     ? year
                          : bytes_equal(name, BYTES("day"))    ? day
                          : bytes_equal(name, BYTES("hour"))   ? hour
                          : bytes_equal(name, BYTES("minute")) ? minute
                                                               : "",
                          out);
        }
        pattern = close >= pattern.size ? BYTES_NONE : bytes_slice(pattern, close + 1, pattern.size);
    }
}
