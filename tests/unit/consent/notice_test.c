#include "consent/notice.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "notice_fixture.h"

static bool is_text(struct bytes view, const char *text)
{
    return bytes_equal(view, bytes_of_text(text));
}

static void reads_every_member(void **state)
{
    (void)state;
    struct notice *n = notice_fixture("{\"purpose\":{\"descends\":true},\"automatedDecision\":true,\"automatedText\":{\"en\":\"a\"},"
                                      "\"basisText\":{\"en\":\"b\"},\"obligationText\":{\"en\":\"o\"},\"sourceText\":{\"en\":\"s\"},"
                                      "\"onward\":[\"KE/MED/LAB\"],\"retention\":{\"eraseAt\":\"2027-01-01T00:00:00Z\"},"
                                      "\"holder\":{\"representative\":{\"en\":\"r\"},\"officer\":\"mailto:officer@hosp1.example\"}}");
    assert_true(is_text(n->id, "n-blood"));
    assert_int_equal(n->revision, 1);
    assert_false(n->has_prev || n->has_equivalent);
    assert_int_equal(n->lifecycle, NOTICE_COMPLETE);
    assert_true(n->is_active && n->is_automated && n->purpose_descends && n->crosses_border && n->allows_minor);
    assert_true(is_text(n->law, "CN-PIPL") && is_text(n->jurisdictions.items[0], "https://w3id.org/dpv/loc#CN"));
    assert_true(is_text(n->holder.member, "CN/GOV/HOSP1") && is_text(n->holder.officer, "mailto:officer@hosp1.example"));
    assert_true(is_text(n->holder.representative.items[0].text, "r") && is_text(n->recipient.country, "KE"));
    assert_true(is_text(n->purpose, "https://w3id.org/dpv/sector/health#MedicalConditionDiagnosis"));
    assert_int_equal(n->basis, BASIS_CONSENT);
    assert_int_equal(n->category_count, 2);
    assert_true(n->categories[0].is_sensitive && n->categories[0].is_required && !n->categories[1].is_required);
    assert_true(is_text(n->categories[0].attributes.items[0], "$.blood.type"));
    assert_ptr_equal(notice_find_category(n, BYTES("https://w3id.org/dpv/pd#Name")), &n->categories[1]);
    assert_null(notice_find_category(n, BYTES("https://w3id.org/dpv/pd#Nam")));
    assert_true(notice_list_has(&n->processing, BYTES("https://w3id.org/dpv#Use")) && notice_list_has(&n->onward, BYTES("KE/MED/LAB")));
    assert_int_equal(n->use.mode, USE_MODE_VIEW);
    assert_int_equal(n->use.max, 1);
    assert_int_equal(n->use.per.days, 1);
    assert_int_equal(n->use.total, 1);
    assert_true(n->use.has_from && !n->use.has_to && n->use.range_from_ms == 1577836800000);
    assert_true(n->has_recipient_life && n->recipient_life.days == 30 && n->has_erase_at && n->erase_at_ms == 1798761600000);
    assert_true(n->has_max_validity && n->max_validity.months == 12);
    assert_int_equal(n->guardian_below, 14);
    assert_int_equal(n->published_at_ms, 1793491200000);
    /* Sorted by language; the nearest is found. */
    assert_true(is_text(n->recipient.name.items[0].language, "en"));
    assert_true(is_text(notice_texts_find(&n->recipient.name, BYTES("zh-Hans-CN")), "九号诊所"));
    assert_true(is_text(notice_texts_find(&n->recipient.name, BYTES("EN")), "Clinic Nine"));
    assert_true(is_text(notice_texts_find(&n->recipient.name, BYTES("sw")), "Clinic Nine"));
    notice_drop(n);
}

/* The identity does not depend on how the JSON was written, and the canonical text reads back as itself. */
static void identity_is_of_the_canonical_bytes(void **state)
{
    (void)state;
    struct error e;
    json_t *value = notice_fixture_json(NULL);
    char *pretty = json_dumps(value, JSON_INDENT(3) | JSON_ENSURE_ASCII | JSON_SORT_KEYS);
    struct notice *n = notice_fixture(NULL), *again = NULL, *third = NULL;
    assert_true(notice_parse(&again, bytes_of_text(pretty), &e));
    assert_true(notice_parse(&third, again->text, &e));
    assert_memory_equal(n->digest, again->digest, SHA256_SIZE);
    assert_true(bytes_equal(third->text, n->text));
    uint8_t digest[SHA256_SIZE];
    sha256(n->text, digest);
    assert_memory_equal(digest, n->digest, SHA256_SIZE);
    assert_true(
        bytes_start_with(n->text,
                         BYTES("{\"active\":true,\"automatedDecision\":false,\"basis\":\"consent\",\"border\":{\"crosses\":true,")));
    free(pretty);
    json_decref(value);
    notice_drop(n);
    notice_drop(again);
    notice_drop(third);
}

/* Every error names the place by its JSON pointer. */
static void refuses_other_forms(void **state)
{
    (void)state;
    const struct {
        const char *patch, *where;
    } rows[] = {
        { "{\"v\":2}", "notice: /v" },
        { "{\"id\":\"\"}", "notice: /id" },
        { "{\"id\":\"a b\"}", "notice: /id" },
        { "{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", "notice: /id" },
        { "{\"revision\":0}", "notice: /revision" },
        { "{\"revision\":\"1\"}", "notice: /revision" },
        { "{\"prevSha256\":\"00\"}", "notice: /prevSha256" },
        { "{\"equivalentTo\":\"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855\"}", "notice: /equivalentTo" },
        { "{\"lifecycle\":\"done\"}", "notice: /lifecycle" },
        { "{\"active\":1}", "notice: /active" },
        { "{\"surprise\":1}", "notice" },
        { "{\"holder\":{\"surprise\":1}}", "notice: /holder" },
        { "{\"holder\":{\"member\":\"CN/GOV\"}}", "notice: /holder/member" },
        { "{\"holder\":{\"member\":\"CN/GOV/HOSP1/EHR\"}}", "notice: /holder/member" },
        { "{\"recipient\":{\"member\":\"KE/MED/%43LINIC9\"}}", "notice: /recipient/member" },
        { "{\"recipient\":{\"country\":\"ke\"}}", "notice: /recipient/country" },
        { "{\"recipient\":{\"name\":{\"english\":{}}}}", "notice: /recipient/name/english" },
        { "{\"recipient\":{\"name\":{\"x\":\"y\"}}}", "notice: /recipient/name" },
        { "{\"recipient\":{\"name\":{\"en\":\"a\\u0007\"}}}", "notice: /recipient/name/en" },
        { "{\"recipient\":{\"url\":\"javascript:alert(1)\"}}", "notice: /recipient/url" },
        { "{\"purpose\":{\"iri\":\"dpv:Marketing\"}}", "notice: /purpose/iri" },
        { "{\"purpose\":{\"iri\":\"https://w3id.org/dpv#A B\"}}", "notice: /purpose/iri" },
        { "{\"purpose\":\"https://w3id.org/dpv#Marketing\"}", "notice: /purpose" },
        { "{\"basis\":\"whim\"}", "notice: /basis" },
        { "{\"service\":[\"CN/GOV/HOSP1/EHR\"]}", "notice: /service/0" },
        { "{\"categories\":[]}", "notice: /categories" },
        { "{\"categories\":[{\"iri\":\"https://w3id.org/dpv/pd#Name\",\"necessity\":\"optional\"},"
          "{\"iri\":\"https://w3id.org/dpv/pd#Name\",\"necessity\":\"optional\"}]}",
          "notice: /categories/1" },
        { "{\"categories\":[{\"iri\":\"https://w3id.org/dpv/pd#Name\",\"necessity\":\"perhaps\"}]}", "notice: /categories/0/necessity" },
        { "{\"categories\":[{\"iri\":\"https://w3id.org/dpv/pd#Name\"}]}", "notice: /categories/0/necessity" },
        { "{\"categories\":[{\"iri\":\"https://w3id.org/dpv/pd#Name\",\"necessity\":\"optional\",\"attributes\":[\"\"]}]}",
          "notice: /categories/0/attributes/0" },
        { "{\"processing\":[\"dpv:Use\"]}", "notice: /processing/0" },
        { "{\"onward\":[\"anybody\"]}", "notice: /onward/0" },
        { "{\"use\":{\"mode\":\"keep\"}}", "notice: /use/mode" },
        { "{\"use\":{\"fetch\":\"often\"}}", "notice: /use/fetch" },
        { "{\"use\":{\"frequency\":{\"max\":0}}}", "notice: /use/frequency/max" },
        { "{\"use\":{\"frequency\":{\"per\":\"PT0S\"}}}", "notice: /use/frequency" },
        { "{\"use\":{\"frequency\":{\"per\":\"1 day\"}}}", "notice: /use/frequency/per" },
        { "{\"use\":{\"frequency\":{\"max\":null}}}", "notice: /use/frequency" },
        { "{\"use\":{\"frequency\":{\"max\":null,\"per\":null,\"total\":null}}}", "notice: /use/frequency" },
        { "{\"use\":{\"dataRange\":{\"to\":\"2019-01-01T00:00:00Z\"}}}", "notice: /use/dataRange" },
        { "{\"use\":{\"dataRange\":{\"from\":\"2019-01-01T00:00:00.5Z\"}}}", "notice: /use/dataRange/from" },
        { "{\"use\":{\"dataRange\":{\"from\":\"2019-01-01T00:00:00+00:00\"}}}", "notice: /use/dataRange/from" },
        { "{\"use\":{\"dataRange\":{\"from\":\"2019-13-01T00:00:00Z\"}}}", "notice: /use/dataRange/from" },
        { "{\"use\":null}", "notice: /use" },
        { "{\"retention\":{\"recipientLife\":\"P1\"}}", "notice: /retention/recipientLife" },
        { "{\"storage\":[\"KEN\"]}", "notice: /storage/0" },
        { "{\"storage\":[\"KE\",\"KE\"]}", "notice: /storage/1" },
        { "{\"maxValidity\":\"forever\"}", "notice: /maxValidity" },
        { "{\"minor\":{\"guardianRequiredBelow\":200}}", "notice: /minor/guardianRequiredBelow" },
        { "{\"withdrawal\":{\"url\":\"mailto:a@b.example\"}}", "notice: /withdrawal/url" },
        { "{\"rights\":{\"authority\":\"authority\"}}", "notice: /rights/authority" },
        { "{\"dpia\":{\"date\":\"2026-02-30\"}}", "notice: /dpia/date" },
        { "{\"dpia\":{\"ref\":null}}", "notice: /dpia/ref" },
        { "{\"languages\":[\"zh\",\"chinese1\"]}", "notice: /languages/1" },
        { "{\"languages\":null}", "notice: /languages" },
        { "{\"publishedAt\":\"yesterday\"}", "notice: /publishedAt" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error e = { 0 };
        struct notice *n = NULL;
        json_t *value = notice_fixture_json(rows[i].patch);
        if (notice_read(&n, value, &e) || n != NULL || e.kind != ERROR_INPUT || strcmp(e.where, rows[i].where) != 0) {
            fail_msg("row %zu %s: kind %d, %s: %s", i, rows[i].patch, (int)e.kind, e.where, e.what);
        }
        json_decref(value);
    }
}

static void refuses_bad_json(void **state)
{
    (void)state;
    const char *const rows[] = {
        "", "[]", "1", "{", "{}{}", "{\"v\":1,\"v\":1}", "{\"v\":1e0}", "{\"id\":\"\\ud800\"}", "{\"id\":\"\\u0000\"}"
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct notice *n;
        struct error e = { 0 };
        if (notice_parse(&n, bytes_of_text(rows[i]), &e) || e.kind != ERROR_INPUT) {
            fail_msg("row %zu was taken", i);
        }
    }
}

/* A revision at the limit is taken, one above is not. */
static void keeps_its_limits(void **state)
{
    (void)state;
    struct error e = { 0 };
    struct notice *n = NULL;
    char text[NOTICE_TEXT_SIZE_MAX + 2];
    memset(text, 'x', sizeof text);
    text[NOTICE_TEXT_SIZE_MAX] = '\0';
    json_t *value = notice_fixture_json(NULL);
    assert_int_equal(json_object_set_new(json_object_get(value, "method"), "en", json_string(text)), 0);
    assert_true(notice_read(&n, value, &e));
    notice_drop(n);
    text[NOTICE_TEXT_SIZE_MAX] = 'x';
    text[NOTICE_TEXT_SIZE_MAX + 1] = '\0';
    assert_int_equal(json_object_set_new(json_object_get(value, "method"), "en", json_string(text)), 0);
    assert_false(notice_read(&n, value, &e));
    assert_string_equal(e.where, "notice: /method/en");
    /* In sum: 17 texts of 4000 bytes are more than 64 KiB. */
    text[NOTICE_TEXT_SIZE_MAX] = '\0';
    for (int i = 0; i < 17; i++) {
        char language[] = { 'q', (char)('a' + i), '\0' };
        assert_int_equal(json_object_set_new(json_object_get(value, "method"), language, json_string(text)), 0);
    }
    assert_int_equal(json_object_del(json_object_get(value, "method"), "en"), 0);
    assert_false(notice_read(&n, value, &e));
    assert_int_equal(e.kind, ERROR_FULL);
    json_decref(value);
    struct buffer large;
    buffer_init(&large, 8 * NOTICE_BYTES_MAX);
    uint8_t *room = buffer_room(&large, 4 * NOTICE_BYTES_MAX + 1);
    assert_non_null(room);
    memset(room, ' ', 4 * NOTICE_BYTES_MAX + 1);
    buffer_added(&large, 4 * NOTICE_BYTES_MAX + 1);
    assert_false(notice_parse(&n, buffer_bytes(&large), &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    buffer_clear(&large);
}

/* A draft may say as little as which one it is. */
static void reads_a_draft(void **state)
{
    (void)state;
    struct notice *n = NULL;
    struct error e = { 0 };
    assert_true(notice_parse(&n, BYTES("{\"v\":1,\"id\":\"x\",\"revision\":1,\"lifecycle\":\"draft\"}"), &e));
    assert_int_equal(n->lifecycle, NOTICE_DRAFT);
    assert_int_equal(n->purpose.size, 0);
    notice_drop(n);
    assert_false(notice_parse(&n, BYTES("{\"v\":1,\"id\":\"x\",\"revision\":1,\"lifecycle\":\"complete\"}"), &e));
}

/* ---- Snapshots ---- */

/* The next revision after `before` (NULL: the first) of `id`. */
static struct notice *next(const struct notice *before, const char *id, const char *lifecycle, const struct notice *equivalent,
                           const char *salt)
{
    char patch[512], prev[2 * SHA256_SIZE + 1], same[2 * SHA256_SIZE + 1];
    if (before != NULL) {
        hex_write(bytes_of(before->digest, SHA256_SIZE), prev);
    }
    if (equivalent != NULL) {
        hex_write(bytes_of(equivalent->digest, SHA256_SIZE), same);
    }
    (void)snprintf(patch, sizeof patch, "{\"id\":\"%s\",\"revision\":%u,\"lifecycle\":\"%s\",\"publishedBy\":\"%s\"%s%s%s%s%s%s}", id,
                   before == NULL ? 1 : (unsigned)before->revision + 1, lifecycle, salt, before != NULL ? ",\"prevSha256\":\"" : "",
                   before != NULL ? prev : "", before != NULL ? "\"" : "", equivalent != NULL ? ",\"equivalentTo\":\"" : "",
                   equivalent != NULL ? same : "", equivalent != NULL ? "\"" : "");
    return notice_fixture(patch);
}

static struct notices *snapshot(struct notice *const *revisions, size_t count, struct error *e)
{
    struct notices_entry entries[16];
    struct notices *notices = NULL;
    assert_true(count <= COUNT_OF(entries));
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct notices_entry){ revisions[i], true };
    }
    return notices_make(&notices, entries, count, e) ? notices : NULL;
}

static void snapshot_knows_what_is_in_force(void **state)
{
    (void)state;
    struct error e = { 0 };
    struct notice *a1 = next(NULL, "a", "complete", NULL, "1"), *a2 = next(a1, "a", "complete", a1, "1"),
                  *a3 = next(a2, "a", "draft", NULL, "1"), *a4 = next(a3, "a", "complete", a2, "1"),
                  *a5 = next(a4, "a", "complete", NULL, "1"), *b1 = next(NULL, "b", "draft", NULL, "1");
    struct notice *const all[] = { b1, a4, a2, a1, a3 };
    struct notices *notices = snapshot(all, COUNT_OF(all), &e);
    assert_non_null(notices);
    assert_int_equal(notices_count(notices), 5);
    assert_ptr_equal(notices_at(notices, 0), a1);
    assert_ptr_equal(notices_at(notices, 4), b1);
    assert_null(notices_at(notices, 5));
    assert_ptr_equal(notices_find(notices, BYTES("a"), 0), a4);
    assert_ptr_equal(notices_find(notices, BYTES("a"), 3), a3);
    assert_null(notices_find(notices, BYTES("a"), 5));
    assert_null(notices_find(notices, BYTES("b"), 0)); /* a draft is not in force */
    assert_null(notices_find(notices, BYTES("c"), 0));
    assert_ptr_equal(notices_find_by_digest(notices, a3->digest), a3);
    assert_null(notices_find_by_digest(notices, a5->digest));
    assert_ptr_equal(notices_find_accepting(notices, a1->digest), a4); /* by a chain */
    assert_ptr_equal(notices_find_accepting(notices, a4->digest), a4);
    assert_false(notices_is_accepted(notices, a3->digest) || notices_is_accepted(notices, b1->digest) ||
                 notices_is_accepted(notices, a5->digest));
    assert_true(notices_is_current(notices, a4) && !notices_is_current(notices, a1));
    notices_drop(notices);
    /* A revision that is not equivalent ends all before it; while it is not in the log, nothing is in force. */
    struct notices_entry entries[] = { { a1, true }, { a2, true }, { a3, true }, { a4, true }, { a5, true } };
    assert_true(notices_make(&notices, entries, COUNT_OF(entries), &e));
    assert_ptr_equal(notices_find(notices, BYTES("a"), 0), a5);
    assert_true(notices_is_accepted(notices, a5->digest) && !notices_is_accepted(notices, a4->digest));
    notices_drop(notices);
    entries[4].is_logged = false;
    assert_true(notices_make(&notices, entries, COUNT_OF(entries), &e));
    assert_null(notices_find(notices, BYTES("a"), 0));
    assert_false(notices_is_accepted(notices, a5->digest) || notices_is_accepted(notices, a4->digest));
    notices_drop(notices);
    /* An equivalent one that is not in the log yet: the one before stays in force. */
    entries[3].is_logged = false;
    assert_true(notices_make(&notices, entries, 4, &e));
    assert_ptr_equal(notices_find(notices, BYTES("a"), 0), a2);
    assert_true(notices_is_accepted(notices, a1->digest) && !notices_is_accepted(notices, a4->digest));
    struct notices *kept = notices_keep(notices);
    notices_drop(notices);
    assert_ptr_equal(notices_find(kept, BYTES("a"), 0), a2);
    notices_drop(kept);
    assert_true(notices_make(&notices, NULL, 0, &e));
    assert_null(notices_find(notices, BYTES("a"), 0));
    assert_false(notices_is_accepted(notices, a1->digest));
    notices_drop(notices);
    struct notice *const made[] = { a1, a2, a3, a4, a5, b1 };
    for (size_t i = 0; i < COUNT_OF(made); i++) {
        notice_drop(made[i]);
    }
}

static void snapshot_refuses_a_broken_chain(void **state)
{
    (void)state;
    struct error e = { 0 };
    struct notice *a1 = next(NULL, "a", "complete", NULL, "1"), *other = next(NULL, "a", "complete", NULL, "2"),
                  *a2 = next(a1, "a", "complete", NULL, "1"), *a3 = next(a2, "a", "complete", a1, "1"),
                  *a3_good = next(a2, "a", "complete", a2, "1");
    const struct {
        struct notice *revisions[3];
        size_t count;
    } rows[] = {
        { { a2 }, 1 },          /* no first */
        { { a1, other }, 2 },   /* two of a number */
        { { other, a2 }, 2 },   /* of another chain */
        { { a1, a3_good }, 2 }, /* a gap */
        { { a1, a2, a3 }, 3 },  /* equivalent to one that was superseded: it would come back to life */
        { { a1, a1 }, 2 },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct notices *notices = snapshot(rows[i].revisions, rows[i].count, &e);
        if (notices != NULL || e.kind != ERROR_INPUT) {
            fail_msg("row %zu was taken", i);
        }
    }
    struct notice *const good[] = { a1, a2, a3_good };
    struct notices *notices = snapshot(good, COUNT_OF(good), &e);
    assert_non_null(notices);
    assert_true(notices_is_accepted(notices, a2->digest) && !notices_is_accepted(notices, a1->digest));
    notices_drop(notices);
    struct notice *const made[] = { a1, other, a2, a3, a3_good };
    for (size_t i = 0; i < COUNT_OF(made); i++) {
        notice_drop(made[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_member),
        cmocka_unit_test(identity_is_of_the_canonical_bytes),
        cmocka_unit_test(refuses_other_forms),
        cmocka_unit_test(refuses_bad_json),
        cmocka_unit_test(keeps_its_limits),
        cmocka_unit_test(reads_a_draft),
        cmocka_unit_test(snapshot_knows_what_is_in_force),
        cmocka_unit_test(snapshot_refuses_a_broken_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
