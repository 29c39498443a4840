#include "consent/notice_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/encode.h"
#include "consent/event_text.h"
#include "evidence/archive.h"
#include "notice_fixture.h"
#include "rig.h"

static struct law *law;

static bool publish(struct rig *rig, const char *patch, struct notice_published *out, struct error *e)
{
    json_t *value = notice_fixture_json("{\"revision\":null,\"prevSha256\":null,\"publishedAt\":null,\"publishedBy\":null}");
    json_t *changes = patch == NULL ? NULL : json_loads(patch, 0, NULL);
    notice_fixture_merge(value, changes);
    const struct notice_submission submission = { .value = value,
                                                  .by = BYTES("operator:7"),
                                                  .ground = { .law = law, .now_ms = 1795507200000 } };
    bool ok = notice_publish(rig->consents, &submission, out, e);
    json_decref(changes);
    json_decref(value);
    return ok;
}

/* Publishes, and tells the digest. */
static void must_publish(struct rig *rig, const char *patch, uint8_t digest[SHA256_SIZE])
{
    struct notice_published out;
    struct error e = { 0 };
    if (!publish(rig, patch, &out, &e)) {
        fail_msg("%s: %s: %s", patch, e.where, e.what);
    }
    assert_true(out.is_changed);
    memcpy(digest, out.notice->digest, SHA256_SIZE);
    notice_published_clear(&out);
}

static bool is_accepted(struct rig *rig, const uint8_t digest[SHA256_SIZE])
{
    struct notices *notices = consents_notices(rig->consents);
    bool is = notices_is_accepted(notices, digest);
    notices_drop(notices);
    return is;
}

static uint32_t current(struct rig *rig)
{
    struct notices *notices = consents_notices(rig->consents);
    const struct notice *found = notices_find(notices, BYTES("n-blood"), 0);
    uint32_t revision = found == NULL ? 0 : found->revision;
    notices_drop(notices);
    return revision;
}

struct events {
    size_t count;
    struct {
        uint64_t index;
        char text[1024];
    } items[16];
};

static void take_event(void *context, const struct log_entry *entry)
{
    struct events *events = context;
    if (entry->kind == RECORD_EVENT && event_text_is(entry->statement, "notice/1")) {
        assert_true(events->count < COUNT_OF(events->items));
        events->items[events->count].index = entry->index;
        (void)snprintf(events->items[events->count++].text, sizeof events->items[0].text, "%.*s", BYTES_FMT(entry->statement));
    }
}

static void publishes_a_chain(void **state)
{
    (void)state;
    struct rig rig;
    struct notice_published out;
    struct error e = { 0 };
    uint8_t first[SHA256_SIZE], second[SHA256_SIZE], third[SHA256_SIZE], draft[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1], patch[512];
    rig_make(&rig);
    rig_open(&rig);
    assert_int_equal(current(&rig), 0);
    must_publish(&rig, NULL, first);
    assert_int_equal(current(&rig), 1);
    /* The same again changes nothing. */
    assert_true(publish(&rig, NULL, &out, &e));
    assert_true(!out.is_changed && memcmp(out.notice->digest, first, sizeof first) == 0 && out.log_index == UINT64_MAX);
    notice_published_clear(&out);
    /* Other words, said to be equivalent: consents on the first stay. */
    hex_write(bytes_of(first, sizeof first), hex);
    (void)snprintf(patch, sizeof patch, "{\"method\":{\"en\":\"only once\"},\"equivalentTo\":\"%s\"}", hex);
    must_publish(&rig, patch, second);
    assert_true(is_accepted(&rig, first) && is_accepted(&rig, second) && current(&rig) == 2);
    /* A draft changes nothing for anybody. */
    must_publish(&rig, "{\"lifecycle\":\"draft\",\"dpia\":null}", draft);
    assert_true(is_accepted(&rig, first) && !is_accepted(&rig, draft) && current(&rig) == 2);
    /* Wider, and therefore never equivalent. */
    hex_write(bytes_of(second, sizeof second), hex);
    (void)snprintf(patch, sizeof patch, "{\"method\":{\"en\":\"only once\"},\"storage\":[\"KE\",\"UG\"],\"equivalentTo\":\"%s\"}", hex);
    assert_false(publish(&rig, patch, &out, &e));
    assert_true(e.kind == ERROR_DENIED && strcmp(e.where, "notice: /equivalentTo") == 0);
    notice_published_clear(&out);
    assert_true(publish(&rig, "{\"method\":{\"en\":\"only once\"},\"storage\":[\"KE\",\"UG\"]}", &out, &e));
    assert_int_equal(out.difference, NOTICE_WIDER);
    memcpy(third, out.notice->digest, sizeof third);
    notice_published_clear(&out);
    assert_true(!is_accepted(&rig, first) && !is_accepted(&rig, second) && is_accepted(&rig, third) && current(&rig) == 4);
    /* Back to what it said at first: superseded consents don't come back to life. */
    hex_write(bytes_of(first, sizeof first), hex);
    (void)snprintf(patch, sizeof patch, "{\"equivalentTo\":\"%s\"}", hex);
    assert_false(publish(&rig, patch, &out, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    notice_published_clear(&out);
    /* All of it is there after a start, and in the log. */
    rig_close(&rig);
    rig_open(&rig);
    assert_true(!is_accepted(&rig, second) && is_accepted(&rig, third) && current(&rig) == 4);
    struct events *events = calloc(1, sizeof *events);
    assert_non_null(events);
    (void)rig_read(&rig, take_event, events);
    assert_int_equal(events->count, 4);
    assert_non_null(strstr(events->items[0].text, "\nrevision: 1\n"));
    assert_non_null(strstr(events->items[0].text, "\nchange: first\nby: operator:7\n"));
    assert_null(strstr(events->items[0].text, "\nprev: "));
    assert_non_null(strstr(events->items[1].text, "\nequivalent: sha-256=:"));
    assert_non_null(strstr(events->items[1].text, "\nchange: wording\n"));
    assert_non_null(strstr(events->items[2].text, "\nlifecycle: draft\n"));
    assert_non_null(strstr(events->items[3].text, "\nchange: wider\n"));
    free(events);
    rig_remove(&rig);
}

static void refuses_what_may_not_be_published(void **state)
{
    (void)state;
    const struct {
        const char *patch, *where;
        enum error_kind kind;
    } rows[] = {
        { "{\"dpia\":null}", "notice: /dpia", ERROR_INPUT },
        { "{\"surprise\":1}", "notice", ERROR_INPUT },
        { "{\"revision\":2}", "notice: /revision", ERROR_DENIED },
        { "{\"prevSha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}", "notice: /prevSha256", ERROR_DENIED },
        { "{\"equivalentTo\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}", "notice: /equivalentTo",
          ERROR_DENIED },
    };
    struct rig rig;
    rig_make(&rig);
    rig_open(&rig);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct notice_published out;
        struct error e = { 0 };
        if (publish(&rig, rows[i].patch, &out, &e) || e.kind != rows[i].kind || strcmp(e.where, rows[i].where) != 0) {
            fail_msg("row %zu: %d %s: %s", i, (int)e.kind, e.where, e.what);
        }
        assert_int_equal(out.findings.count > 0, i == 0);
        notice_published_clear(&out);
    }
    assert_int_equal(current(&rig), 0);
    struct events *events = calloc(1, sizeof *events);
    assert_non_null(events);
    (void)rig_read(&rig, take_event, events);
    assert_int_equal(events->count, 0);
    free(events);
    rig_remove(&rig);
}

/* A view that was looked up before a publication carries no release after it. */
static void a_publication_overtakes_decisions(void **state)
{
    (void)state;
    struct rig rig;
    struct consent_view view = { 0 };
    uint8_t digest[SHA256_SIZE];
    struct error e;
    const struct consent_key key = { BYTES("p-1"), BYTES("KE/MED/CLINIC9"), BYTES("https://w3id.org/dpv#ServiceProvision") };
    rig_make(&rig);
    rig_open(&rig);
    assert_true(consents_load(rig.consents, &key, &view, &e));
    assert_true(rig_release(&rig, &view, BYTES("comity-event: answer/1\n"), NULL));
    must_publish(&rig, NULL, digest);
    assert_false(rig_release(&rig, &view, BYTES("comity-event: answer/1\n"), NULL));
    consent_view_clear(&view);
    rig_remove(&rig);
}

/* The log is full: the new revision is not in force, and what it supersedes isn't either; at the next start it is logged, once. */
static void a_full_log_fails_closed(void **state)
{
    (void)state;
    struct rig rig;
    struct notice_published out;
    struct error e = { 0 };
    uint8_t first[SHA256_SIZE];
    rig_make(&rig);
    rig.has_faults = true;
    rig_open(&rig);
    must_publish(&rig, NULL, first);
    rig_fill_disk(&rig, true);
    assert_false(publish(&rig, "{\"storage\":[\"UG\"]}", &out, &e));
    assert_null(out.notice);
    notice_published_clear(&out);
    assert_true(!is_accepted(&rig, first) && current(&rig) == 0);
    rig_fill_disk(&rig, false);
    rig_close(&rig);
    rig_open(&rig);
    assert_true(!is_accepted(&rig, first) && current(&rig) == 2);
    struct events *events = calloc(1, sizeof *events);
    assert_non_null(events);
    (void)rig_read(&rig, take_event, events);
    assert_int_equal(events->count, 2);
    free(events);
    rig_remove(&rig);
}

static void keeps_the_text_in_the_archive(void **state)
{
    (void)state;
    struct rig rig;
    struct disk *archive = NULL;
    struct notice_published out;
    struct buffer text;
    struct error e = { 0 };
    char folder[128];
    rig_make(&rig);
    rig_open(&rig);
    (void)snprintf(folder, sizeof folder, "%s/archive", rig.folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_true(disk_open_folder(&archive, folder, false, &e));
    json_t *value = notice_fixture_json("{\"revision\":null}");
    const struct notice_submission submission = {
        .value = value, .by = BYTES("operator:7"), .ground = { .law = law, .now_ms = 1795507200000 }, .archive = archive
    };
    assert_true(notice_publish(rig.consents, &submission, &out, &e));
    buffer_init(&text, ARCHIVE_BYTES_MAX);
    assert_true(archive_get(archive, out.notice->digest, &text, &e));
    assert_true(bytes_equal(buffer_bytes(&text), out.notice->text));
    buffer_clear(&text);
    notice_published_clear(&out);
    json_decref(value);
    disk_free(archive);
    rig_remove(&rig);
}

static int load_law(void **state)
{
    struct error e;
    (void)state;
    return law_load_builtin(&law, BYTES("CN-PIPL"), &e) ? 0 : -1;
}

static int drop_law(void **state)
{
    (void)state;
    law_drop(law);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishes_a_chain),
        cmocka_unit_test(refuses_what_may_not_be_published),
        cmocka_unit_test(a_publication_overtakes_decisions),
        cmocka_unit_test(a_full_log_fails_closed),
        cmocka_unit_test(keeps_the_text_in_the_archive),
    };
    return cmocka_run_group_tests(tests, load_law, drop_law);
}
