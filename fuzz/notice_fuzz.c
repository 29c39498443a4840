/* Notices as operators and the API hand them in. */
#include <stdlib.h>

#include "consent/notice_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct notice *notice, const struct law *law)
{
    const struct notice_ground ground = { .law = law, .now_ms = 1795507200000 };
    struct notice_findings findings;
    struct notice_changes changes;
    struct error e;
    if (!notice_check(notice, &ground, &findings, &e) || !notice_compare(notice, notice, &changes, &e)) {
        abort();
    }
    for (size_t i = 0; i < findings.count; i++) {
        if (findings.items[i].pointer[0] != '/' || findings.items[i].what[0] == '\0') {
            abort();
        }
    }
    if (changes.count != 0 || changes.worst != NOTICE_SAME) { /* nothing differs from itself */
        abort();
    }
    notice_findings_clear(&findings);
    notice_changes_clear(&changes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct law *law;
    struct notice *notice, *again;
    struct error e;
    if (law == NULL && !law_load_builtin(&law, BYTES("CN-PIPL"), &e)) {
        abort();
    }
    if (!notice_parse(&notice, bytes_of(data, size), &e)) {
        return 0;
    }
    /* The canonical bytes are a notice, and the same. */
    if (!notice_parse(&again, notice->text, &e) || !bytes_equal(again->text, notice->text) ||
        memcmp(again->digest, notice->digest, SHA256_SIZE) != 0) {
        abort();
    }
    check(notice, law);
    notice_drop(again);
    notice_drop(notice);
    return 0;
}
