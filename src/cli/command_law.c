/* Law profiles: which there are, what they say, is a new one good, and what would change. */
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "cli/commands_internal.h"
#include "cli/file.h"
#include "cli/output.h"
#include "law/iri.h"
#include "law/values.h"
#include "law/vocabulary.h"

/* A file when there is one of that name, else a profile that is compiled in. */
static bool load(struct law **out, const char *word, struct error *e)
{
    struct buffer text;
    *out = NULL;
    if (!file_is_there(word)) {
        return law_load_builtin(out, bytes_of_text(word), e);
    }
    buffer_init(&text, LAW_BYTES_MAX + 1);
    bool ok = file_read_whole(word, &text, e) && law_parse(out, buffer_bytes(&text), word, e);
    buffer_clear(&text);
    return ok;
}

static json_t *json_of_law(const struct law *law)
{
    char hex[2 * SHA256_SIZE + 1];
    hex_write(bytes_of(law->digest, SHA256_SIZE), hex);
    return json_pack("{s:o, s:o, s:o, s:s}", "law", json_of_bytes(law->id), "title", json_of_bytes(law->title), "version",
                     json_of_bytes(law->version), "digest", hex);
}

/* ---- list ---- */

static int run_list(struct call *call)
{
    struct error e = { 0 };
    json_t *list = call->is_json ? json_array() : NULL;
    for (size_t i = 0; i < law_builtin_count; i++) {
        struct law *law = NULL;
        char hex[2 * SHA256_SIZE + 1];
        if (!law_load_builtin(&law, bytes_of_text(law_builtins[i].id), &e)) {
            json_decref(list);
            return call_fail(call, &e);
        }
        hex_write(bytes_of(law->digest, SHA256_SIZE), hex);
        bool ok = call->is_json
                      ? json_array_append_new(list, json_of_law(law)) == 0
                      : printf("%-8.*s  %.*s  %s  %.*s\n", BYTES_FMT(law->id), BYTES_FMT(law->version), hex, BYTES_FMT(law->title)) > 0;
        law_drop(law);
        if (!ok) {
            json_decref(list);
            return COMMAND_NOT_TRIED;
        }
    }
    return !call->is_json || output_json(list) ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

/* ---- show ---- */

struct showing {
    struct buffer text;
    json_t *list;
    size_t chosen, unverified;
};

static void show_value(void *context, const struct law_value *value)
{
    struct showing *showing = context;
    const struct law_source *source = value->source;
    showing->chosen += source->is_chosen ? 1 : 0;
    showing->unverified += source->is_unverified ? 1 : 0;
    if (showing->list != NULL) {
        json_t *one = json_pack("{s:s, s:s, s:o, s:b, s:b}", "key", value->key, "value", value->value, "article",
                                json_of_bytes(source->article), "chosen", (int)source->is_chosen, "unverified", (int)source->is_unverified);
        if (source->note.size > 0) {
            (void)json_object_set_new(one, "note", json_of_bytes(source->note)); /* a missing note is no wrong answer */
        }
        showing->text.failed = json_array_append_new(showing->list, one) != 0 || showing->text.failed;
        return;
    }
    buffer_append_format(&showing->text, "%-44s %-24s %.*s%s%s", value->key, value->value, BYTES_FMT(source->article),
                         source->is_chosen ? "  (chosen)" : "", source->is_unverified ? "  (unverified)" : "");
    if (source->note.size > 0) {
        buffer_append_format(&showing->text, "  # %.*s", BYTES_FMT(source->note));
    }
    buffer_append_u8(&showing->text, '\n');
}

static int run_show(struct call *call)
{
    struct error e = { 0 };
    struct law *law = NULL;
    char hex[2 * SHA256_SIZE + 1];
    if (!load(&law, call->words[0], &e)) {
        return call_fail(call, &e);
    }
    struct showing showing = { .list = call->is_json ? json_array() : NULL };
    buffer_init(&showing.text, (size_t)4 * 1024 * 1024);
    hex_write(bytes_of(law->digest, SHA256_SIZE), hex);
    if (!call->is_json) {
        buffer_append_format(&showing.text, "%.*s: %.*s\nversion %.*s, sha256 %s\n\n", BYTES_FMT(law->id), BYTES_FMT(law->title),
                             BYTES_FMT(law->version), hex);
    }
    law_each_value(law, show_value, &showing);
    int end = COMMAND_NOT_TRIED;
    if (call->is_json) {
        json_t *object = json_of_law(law);
        bool ok = json_object_set_new(object, "values", showing.list) == 0 && !showing.text.failed;
        end = ok && output_json(object) ? COMMAND_DONE : COMMAND_NOT_TRIED;
        if (!ok) {
            json_decref(object);
        }
    } else {
        buffer_append_format(&showing.text,
                             "\n%zu values are chosen where the law sets none; %zu are unverified: have a lawyer look at them.\n",
                             showing.chosen, showing.unverified);
        end = output_buffer(&showing.text) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    buffer_clear(&showing.text);
    law_drop(law);
    return end;
}

/* ---- check ---- */

static void count_value(void *context, const struct law_value *value)
{
    struct showing *showing = context;
    showing->chosen += value->source->is_chosen ? 1 : 0;
    showing->unverified += value->source->is_unverified ? 1 : 0;
}

static int run_check(struct call *call)
{
    struct error e = { 0 };
    struct law *law = NULL;
    char hex[2 * SHA256_SIZE + 1];
    struct showing counted = { 0 };
    struct buffer text;
    buffer_init(&text, LAW_BYTES_MAX + 1);
    if (!file_read_whole(call->words[0], &text, &e)) {
        buffer_clear(&text);
        return call_fail(call, &e);
    }
    bool is_good = law_parse(&law, buffer_bytes(&text), call->words[0], &e);
    buffer_clear(&text);
    if (!is_good) {
        return e.kind == ERROR_INPUT ? call_refuse(call, &e) : call_fail(call, &e);
    }
    hex_write(bytes_of(law->digest, SHA256_SIZE), hex);
    law_each_value(law, count_value, &counted);
    int end;
    if (call->is_json) {
        json_t *object = json_of_law(law);
        bool ok = json_object_set_new(object, "chosen", json_integer((json_int_t)counted.chosen)) == 0 &&
                  json_object_set_new(object, "unverified", json_integer((json_int_t)counted.unverified)) == 0;
        end = ok && output_json(object) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    } else {
        end = printf("%s: good; %.*s of %.*s, sha256 %s; %zu values chosen, %zu unverified\n", call->words[0], BYTES_FMT(law->id),
                     BYTES_FMT(law->version), hex, counted.chosen, counted.unverified) > 0
                  ? COMMAND_DONE
                  : COMMAND_NOT_TRIED;
    }
    law_drop(law);
    return end;
}

/* ---- diff ---- */

struct entry {
    char *key, *value, *article;
};
struct values {
    struct entry *entries;
    size_t count, capacity;
    bool failed;
};

static void take_value(void *context, const struct law_value *value)
{
    struct values *values = context;
    if (values->count == values->capacity) {
        size_t capacity = values->capacity == 0 ? 256 : 2 * values->capacity;
        struct entry *more = realloc(values->entries, capacity * sizeof *more);
        if (more == NULL) {
            values->failed = true;
            return;
        }
        values->entries = more;
        values->capacity = capacity;
    }
    struct entry *entry = &values->entries[values->count++];
    const struct bytes article = value->source->article;
    *entry = (struct entry){ strdup(value->key), strdup(value->value), strndup((const char *)article.data, article.size) };
    values->failed = values->failed || entry->key == NULL || entry->value == NULL || entry->article == NULL;
}

static void clear_values(struct values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        free(values->entries[i].key);
        free(values->entries[i].value);
        free(values->entries[i].article);
    }
    free(values->entries);
}

/* The entry with this key and, where a key stands several times (an element of a notice), this value. */
static const struct entry *find_entry(const struct values *values, const struct entry *wanted)
{
    const struct entry *same_key = NULL;
    for (size_t i = 0; i < values->count; i++) {
        if (strcmp(values->entries[i].key, wanted->key) == 0) {
            if (strcmp(values->entries[i].value, wanted->value) == 0) {
                return &values->entries[i];
            }
            same_key = &values->entries[i];
        }
    }
    return same_key;
}

static void add_change(struct showing *showing, const struct entry *from, const struct entry *to)
{
    const struct entry *any = from != NULL ? from : to;
    if (showing->list != NULL) {
        json_t *one = json_pack("{s:s, s:s?, s:s?}", "key", any->key, "from", from == NULL ? NULL : from->value, "to",
                                to == NULL ? NULL : to->value);
        showing->text.failed = json_array_append_new(showing->list, one) != 0 || showing->text.failed;
    } else if (from != NULL && to != NULL) {
        buffer_append_format(&showing->text, "~ %s: %s (%s) -> %s (%s)\n", any->key, from->value, from->article, to->value, to->article);
    } else {
        buffer_append_format(&showing->text, "%c %s: %s (%s)\n", from != NULL ? '-' : '+', any->key, any->value, any->article);
    }
    showing->chosen++; /* here: how many differences */
}

static void compare(const struct values *a, const struct values *b, struct showing *showing)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct entry *other = find_entry(b, &a->entries[i]);
        if (other == NULL || strcmp(other->value, a->entries[i].value) != 0) {
            add_change(showing, &a->entries[i], other);
        }
    }
    for (size_t i = 0; i < b->count; i++) {
        if (find_entry(a, &b->entries[i]) == NULL) {
            add_change(showing, NULL, &b->entries[i]);
        }
    }
}

static int run_diff(struct call *call)
{
    struct error e = { 0 };
    struct law *a = NULL, *b = NULL;
    struct values from = { 0 }, to = { 0 };
    struct showing showing = { .list = call->is_json ? json_array() : NULL };
    int end;
    buffer_init(&showing.text, (size_t)4 * 1024 * 1024);
    if (!load(&a, call->words[0], &e) || !load(&b, call->words[1], &e)) {
        end = call_fail(call, &e);
        json_decref(showing.list);
        goto done;
    }
    law_each_value(a, take_value, &from);
    law_each_value(b, take_value, &to);
    if (from.failed || to.failed) {
        (void)error_memory(&e, "law");
        end = call_fail(call, &e);
        json_decref(showing.list);
        goto done;
    }
    compare(&from, &to, &showing);
    bool ok = call->is_json ? output_json(showing.list) : output_buffer(&showing.text);
    end = !ok ? COMMAND_NOT_TRIED : showing.chosen == 0 ? COMMAND_DONE : COMMAND_NO;
done:
    clear_values(&from);
    clear_values(&to);
    buffer_clear(&showing.text);
    law_drop(a);
    law_drop(b);
    return end;
}

/* ---- vocabulary ---- */

static const char *const kind_words[] = { [VOCABULARY_UNKNOWN] = "unknown",
                                          [VOCABULARY_CATEGORY] = "category",
                                          [VOCABULARY_PURPOSE] = "purpose",
                                          [VOCABULARY_PROCESSING] = "processing" };

static json_t *json_of_term(const struct vocabulary_term *term)
{
    json_t *parents = json_array();
    for (size_t i = 0; i < term->parent_count; i++) {
        if (json_array_append_new(parents, json_of_bytes(vocabulary_terms[term->parents[i]].iri)) != 0) {
            json_decref(parents);
            return NULL;
        }
    }
    return json_pack("{s:o, s:s, s:o, s:o}", "iri", json_of_bytes(term->iri), "kind", kind_words[term->kind], "label",
                     json_of_bytes(term->label), "broader", parents);
}

static void append_term(struct buffer *out, const struct vocabulary_term *term)
{
    buffer_append_format(out, "%-10s  ", kind_words[term->kind]);
    iri_shorten(term->iri, out);
    for (size_t i = 0; i < term->parent_count; i++) {
        buffer_append_text(out, i == 0 ? " < " : ", ");
        iri_shorten(vocabulary_terms[term->parents[i]].iri, out);
    }
    buffer_append_format(out, "  # %.*s\n", BYTES_FMT(term->label));
}

static int run_vocabulary(struct call *call)
{
    json_t *list = call->is_json ? json_array() : NULL;
    struct buffer out;
    bool ok = true;
    buffer_init(&out, (size_t)1024 * 1024);
    for (size_t i = 0; i < vocabulary_term_count; i++) {
        const struct vocabulary_term *term = &vocabulary_terms[i];
        if (call->word_count > 0 && strcmp(call->words[0], kind_words[term->kind]) != 0) {
            continue;
        }
        if (call->is_json) {
            ok = json_array_append_new(list, json_of_term(term)) == 0 && ok;
        } else {
            append_term(&out, term);
        }
    }
    if (!ok) {
        json_decref(list);
        list = NULL;
    }
    ok = call->is_json ? output_json(list) : output_buffer(&out);
    buffer_clear(&out);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

/* ---- Tables ---- */

static const struct command law_list = {
    .name = "list",
    .arguments = "",
    .summary = "list the law profiles of this version",
    .text = "Each with its version and the digest by which a directory names it.",
    .run = run_list,
};
static const struct command law_show = {
    .name = "show",
    .arguments = "LAW|FILE",
    .summary = "show what a law profile says, each value with its article",
    .text = "(chosen): the law sets no value there. (unverified): from general knowledge; a lawyer must look before anybody relies on it.",
    .examples = "comity law show KE-DPA",
    .word_min = 1,
    .word_max = 1,
    .run = run_show,
};
static const struct command law_check = {
    .name = "check",
    .arguments = "FILE",
    .summary = "check a law profile that you wrote or changed",
    .text =
        "Ends with 0 when the profile is good, and says its digest; with 1, the line and what is allowed there, when a key is unknown or missing, a "
        "value is wrong, or the profile contradicts itself.",
    .examples = "comity law check RW-DPP.yaml",
    .word_min = 1,
    .word_max = 1,
    .run = run_check,
};
static const struct command law_diff = {
    .name = "diff",
    .arguments = "LAW|FILE LAW|FILE",
    .summary = "show in which values two law profiles differ",
    .text = "Ends with 0 when they say the same, with 1 when they differ.",
    .examples = "comity law diff strict KE-DPA",
    .word_min = 2,
    .word_max = 2,
    .run = run_diff,
};
static const struct command law_vocabulary = {
    .name = "vocabulary",
    .arguments = "[category|purpose|processing]",
    .summary = "list the words for data and purposes that profiles, policies and notices use",
    .text =
        "Each with what it is narrower than: a law that lists a category has listed all that is narrower. They are those of the W3C Data Privacy "
        "Vocabulary 2.3 and some of Comity's own (comity:).",
    .examples = "comity law vocabulary category",
    .word_min = 0,
    .word_max = 1,
    .run = run_vocabulary,
};
static const struct command *const law_parts[] = { &law_list, &law_show, &law_check, &law_diff, &law_vocabulary };
const struct command command_law = {
    .name = "law",
    .arguments = "list|show|check|diff|vocabulary ...",
    .summary = "law profiles: what a community's law says, as data",
    .text =
        "A law profile is a YAML file that says, for a jurisdiction, what a gateway must do: which data are sensitive, what needs a separate consent, "
        "how old a minor is, how long things are kept, how fast requests are answered, what may cross a border. A directory names the one of "
        "its community. docs/law-profiles.md tells how to write one.",
    .examples = "comity law list\ncomity law show EU-GDPR\ncomity law check mine.yaml",
    .parts = law_parts,
    .part_count = COUNT_OF(law_parts),
};
