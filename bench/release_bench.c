/*
 * What release by field costs on one core: bench/release.py runs it and says what the figures mean. Prints one line of JSON.
 *
 *   release_bench TURNS [KIND]   each kind of answer so many times, of which the quickest counts, in CPU time; with KIND, that one alone
 *
 * The answers: a list of records as persons have them, 8 MiB, in pieces of 64 KiB; one record of 1 KiB, with all that is made for each answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "policy/json_path.h"
#include "policy/release.h"
#include "policy/release_plan_internal.h"

enum { LARGE_BYTES = 8 * 1024 * 1024, PIECE_BYTES = 64 * 1024, SMALL_BYTES = 1024, SMALL_TIMES = 2000, CATEGORIES = 4 };

static _Noreturn void stop(const char *what, const struct error *e)
{
    (void)fprintf(stderr, "release_bench: %s%s%s\n", what, e != NULL ? ": " : "", e != NULL ? e->what : "");
    exit(2);
}

/* ---- Answers ---- */

static void append_record(struct buffer *out, const char *name, const char *note, const char *space)
{
    buffer_append_format(
        out,
        "{%1$s\"resourceType\":%1$s\"Bundle\",%1$s\"id\":%1$s\"b-4711\",%1$s\"meta\":%1$s{\"versionId\":%1$s\"3\",%1$s"
        "\"lastUpdated\":%1$s\"2027-03-01T09:15:02Z\"},%1$s\"identifier\":%1$s[{\"system\":%1$s\"urn:oid:1.2.3\",%1$s\"value\":%1$s"
        "\"EE12345678901\"}],%1$s\"name\":%1$s[{\"family\":%1$s\"%2$s\",%1$s\"given\":%1$s[\"Wanjiru\",%1$s\"N\"]}],%1$s\"gender\":"
        "%1$s\"female\",%1$s\"birthDate\":%1$s\"1980-02-29\",%1$s\"telecom\":%1$s[{\"system\":%1$s\"phone\",%1$s\"value\":%1$s"
        "\"+254 700 000 000\"}],%1$s\"address\":%1$s[{\"line\":%1$s[\"12 Acacia Road\"],%1$s\"city\":%1$s\"Nairobi\",%1$s\"country\":"
        "%1$s\"KE\"}],%1$s\"entry\":%1$s[",
        space, name);
    for (int i = 1; i <= 3; i++) {
        buffer_append_format(
            out,
            "%1$s{\"id\":%1$s\"%2$d\",%1$s\"resource\":%1$s{\"resourceType\":%1$s\"Condition\",%1$s\"status\":%1$s\"active\",%1$s"
            "\"code\":%1$s{\"text\":%1$s\"Asthma\",%1$s\"coding\":%1$s[{\"system\":%1$s\"http://snomed.info/sct\",%1$s\"code\":%1$s"
            "\"19596700%2$d\"}]},%1$s\"value\":%1$s[%2$d20,%1$s80.5],%1$s\"note\":%1$s\"%3$s\"}}%4$s",
            space, i, note, i < 3 ? "," : "");
    }
    buffer_append_format(out, "%1$s]}", space);
}

static void make_list(struct buffer *out, const char *name, const char *note, const char *space)
{
    buffer_init(out, 2 * (size_t)LARGE_BYTES);
    buffer_append_u8(out, '[');
    while (out->size < LARGE_BYTES) {
        append_record(out, name, note, space);
        buffer_append_u8(out, ',');
    }
    buffer_append(out, BYTES("0]"));
}

static void make_numbers(struct buffer *out)
{
    buffer_init(out, 2 * (size_t)LARGE_BYTES);
    buffer_append_u8(out, '[');
    for (unsigned i = 0; out->size < LARGE_BYTES; i++) {
        buffer_append_format(out, "{\"measured\":[%u.%u,-%u.5e-3,%u,true,null]},", i % 1000, i * 7919 % 100000, i % 77, i);
    }
    buffer_append(out, BYTES("0]"));
}

/* Exactly SMALL_BYTES, by the length of its last note. */
static void make_small(struct buffer *out)
{
    buffer_init(out, 4 * SMALL_BYTES);
    append_record(out, "Mwangi", "stable", "");
    if (out->size + 12 > SMALL_BYTES) {
        stop("the small record must be a little less than 1 KiB", NULL);
    }
    out->size--;
    buffer_append(out, BYTES(",\"x\":\""));
    while (out->size < SMALL_BYTES - 2) {
        buffer_append_u8(out, 'x');
    }
    buffer_append(out, BYTES("\"}"));
}

/* ---- Policies ---- */

struct made {
    struct arena arena;
    struct policy_service service;
    struct policy_release releases[CATEGORIES];
    struct policy_field fields[16];
};
struct path {
    const char *text;
    size_t category; /* CATEGORIES: structure */
    const struct policy_transform *transform;
};
static const struct policy_transform to_year = { .how = { .kind = TRANSFORM_DATE_TO_YEAR }, .as = POLICY_STRUCTURE },
                                     to_mask = { .how = { .kind = TRANSFORM_MASK, .last = 3 }, .as = POLICY_STRUCTURE },
                                     to_pseudonym = { .how = { .kind = TRANSFORM_PSEUDONYM, .domain = BYTES("urn:example:id") },
                                                      .as = POLICY_STRUCTURE };
static const struct path whole[] = { { "$", 0, NULL } },
                         of_one[] = { { "$.resourceType", 4, NULL }, { "$.id", 4, NULL },      { "$.name", 0, NULL },
                                      { "$.birthDate", 0, NULL },    { "$.address", 1, NULL }, { "$.entry[*].resource.code", 2, NULL },
                                      { "$.entry[*].id", 4, NULL },  { "$..status", 2, NULL }, { "$.telecom", 1, NULL },
                                      { "$.gender", 0, NULL },       { "$.meta", 4, NULL },    { "$.identifier[*].value", 0, NULL } },
                         of_list[] = { { "$[*].resourceType", 4, NULL }, { "$[*].id", 4, NULL },
                                       { "$[*].name", 0, NULL },         { "$[*].birthDate", 0, NULL },
                                       { "$[*].address", 1, NULL },      { "$[*].entry[*].resource.code", 2, NULL },
                                       { "$[*].entry[*].id", 4, NULL },  { "$..status", 2, NULL },
                                       { "$[*].telecom", 1, NULL },      { "$[*].gender", 0, NULL },
                                       { "$[*].meta", 4, NULL },         { "$[*].identifier[*].value", 0, NULL } },
                         transformed[] = { { "$.resourceType", 4, NULL }, { "$.id", 4, NULL },
                                           { "$.name", 0, NULL },         { "$.birthDate", 0, &to_year },
                                           { "$.address", 1, NULL },      { "$.entry[*].resource.code", 2, NULL },
                                           { "$.entry[*].id", 4, NULL },  { "$..status", 2, NULL },
                                           { "$.telecom", 0, &to_mask },  { "$.gender", 0, NULL },
                                           { "$.meta", 4, NULL },         { "$.identifier[*].value", 0, &to_pseudonym } };

static void make_service(struct made *made, const struct path *paths, size_t count)
{
    struct error e = { 0 };
    struct release_plan *plan = NULL;
    *made = (struct made){ 0 };
    made->service = (struct policy_service){
        .releases = made->releases, .release_count = CATEGORIES, .fields = made->fields, .field_count = count
    };
    for (size_t i = 0; i < CATEGORIES; i++) {
        made->releases[i].category = i;
    }
    for (size_t i = 0; i < count; i++) {
        made->fields[i].category = paths[i].category == CATEGORIES ? POLICY_STRUCTURE : paths[i].category;
        made->fields[i].transform = paths[i].transform;
        if (!json_path_parse(&made->fields[i].path, bytes_of_text(paths[i].text), &made->arena, "bench", &e)) {
            stop(paths[i].text, &e);
        }
    }
    if (!release_plan_make(&plan, &made->service, &made->arena, &e)) {
        stop("plan", &e);
    }
    made->service.plan = plan;
}

/* ---- Measuring ---- */

static double cpu_s(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0 ? (double)now.tv_sec + (double)now.tv_nsec / 1e9 : 0;
}

static void cut(const struct policy_service *service, struct bytes answer, struct buffer *out)
{
    static const bool permitted[CATEGORIES] = { true, false, true, true };
    static const struct transform_context context = { .now_ms = INT64_C(1800000000000), .has_pseudonym_key = true };
    struct release *release = NULL;
    struct error e = { 0 };
    bool ok = release_make(&release, service, permitted, &context, &e);
    buffer_reset(out);
    for (size_t i = 0; ok && i < answer.size; i += PIECE_BYTES) {
        if (answer.size > PIECE_BYTES) {
            buffer_reset(out); /* as if it had been sent */
        }
        ok = release_add(release, bytes_slice(answer, i, i + PIECE_BYTES), out, &e);
    }
    if (!ok || !release_end(release, out, &e)) {
        stop("the answer was refused", &e);
    }
    release_free(release);
}

/* The least CPU time of one answer, in seconds. */
static double measure(const struct policy_service *service, struct bytes answer, uint64_t turns)
{
    struct buffer out;
    int times = answer.size > SMALL_BYTES ? 1 : SMALL_TIMES;
    double best = 1e9;
    buffer_init(&out, 4 * (size_t)LARGE_BYTES);
    for (uint64_t turn = 0; turn < turns; turn++) {
        double before = cpu_s();
        for (int i = 0; i < times; i++) {
            cut(service, answer, &out);
        }
        double took = (cpu_s() - before) / times;
        best = took < best ? took : best;
    }
    buffer_clear(&out);
    return best;
}

int main(int argc, char **argv)
{
    static struct made of_whole, of_records, of_record, of_transformed;
    struct buffer compact, indented, foreign, numbers, small;
    uint64_t turns = 0;
    if (argc < 2 || argc > 3 || !bytes_to_u64(bytes_of_text(argv[1]), &turns) || turns == 0) {
        stop("usage: release_bench TURNS [KIND]", NULL);
    }
    make_service(&of_whole, whole, COUNT_OF(whole));
    make_service(&of_records, of_list, COUNT_OF(of_list));
    make_service(&of_record, of_one, COUNT_OF(of_one));
    make_service(&of_transformed, transformed, COUNT_OF(transformed));
    make_list(&compact, "Mwangi", "stable since 2019, seen twice a year", "");
    make_list(&indented, "Mwangi", "stable since 2019, seen twice a year", "\n      ");
    make_list(&foreign, "\xe7\x8e\x8b\xe7\xa7\x80\xe8\x8b\xb1",
              "\xe8\x87\xaa\x32\x30\x31\x39\xe5\xb9\xb4\xe4\xbb\xa5\xe6\x9d\xa5\xe7\xa8\xb3\xe5\xae\x9a", "");
    make_numbers(&numbers);
    make_small(&small);
    const struct {
        const char *kind;
        const struct policy_service *service;
        struct bytes answer;
    } row[] = {
        { "cut", &of_records.service, buffer_bytes(&compact) },           { "kept", &of_whole.service, buffer_bytes(&compact) },
        { "indented", &of_records.service, buffer_bytes(&indented) },     { "not_ascii", &of_records.service, buffer_bytes(&foreign) },
        { "numbers", &of_records.service, buffer_bytes(&numbers) },       { "small", &of_record.service, buffer_bytes(&small) },
        { "transformed", &of_transformed.service, buffer_bytes(&small) },
    };
    const char *comma = "{";
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        if (argc == 3 && strcmp(argv[2], row[i].kind) != 0) {
            continue;
        }
        double took = measure(row[i].service, row[i].answer, turns);
        if (row[i].answer.size > SMALL_BYTES) {
            (void)printf("%s\"%s_mb_per_s\": %.1f", comma, row[i].kind, (double)row[i].answer.size / took / 1e6);
        } else {
            (void)printf("%s\"%s_1kib_us\": %.3f", comma, row[i].kind, took * 1e6);
        }
        comma = ", ";
    }
    (void)printf("}\n");
    return 0;
}
