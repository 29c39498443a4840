#include "consent/notice.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "consent/notice_internal.h"

const struct notice_text_member notice_text_members[] = {
    { "/holder/name", offsetof(struct notice, holder.name) },
    { "/holder/representative", offsetof(struct notice, holder.representative) },
    { "/recipient/name", offsetof(struct notice, recipient.name) },
    { "/recipient/representative", offsetof(struct notice, recipient.representative) },
    { "/purpose/text", offsetof(struct notice, purpose_text) },
    { "/basisText", offsetof(struct notice, basis_text) },
    { "/method", offsetof(struct notice, method) },
    { "/automatedText", offsetof(struct notice, automated_text) },
    { "/border/remedyText", offsetof(struct notice, remedy) },
    { "/border/safeguardText", offsetof(struct notice, safeguard) },
    { "/minor/guardianText", offsetof(struct notice, guardian_text) },
    { "/minor/childText", offsetof(struct notice, child_text) },
    { "/withdrawal/text", offsetof(struct notice, withdrawal) },
    { "/refusalEffect", offsetof(struct notice, refusal_effect) },
    { "/obligationText", offsetof(struct notice, obligation) },
    { "/sourceText", offsetof(struct notice, source) },
};
const size_t notice_text_member_count = COUNT_OF(notice_text_members);

static const char *const mode_names[] = {
    [USE_MODE_VIEW] = "view", [USE_MODE_QUERY] = "query", [USE_MODE_STORE] = "store", [USE_MODE_STREAM] = "stream"
};
static const char *const fetch_names[] = { [USE_FETCH_ONETIME] = "onetime", [USE_FETCH_PERIODIC] = "periodic" };

/* The index of `name`; `count` when it is none of them. */
static size_t find_name(const char *const *names, size_t count, struct bytes name)
{
    size_t i = 0;
    while (i < count && !bytes_equal(bytes_of_text(names[i]), name)) {
        i++;
    }
    return i;
}

const char *use_mode_name(enum use_mode mode)
{
    return (size_t)mode < COUNT_OF(mode_names) ? mode_names[mode] : "";
}

const char *use_fetch_name(enum use_fetch fetch)
{
    return (size_t)fetch < COUNT_OF(fetch_names) ? fetch_names[fetch] : "";
}

bool use_mode_parse(struct bytes name, enum use_mode *out)
{
    size_t i = find_name(mode_names, COUNT_OF(mode_names), name);
    *out = i < COUNT_OF(mode_names) ? (enum use_mode)i : USE_MODE_VIEW;
    return i < COUNT_OF(mode_names);
}

bool use_fetch_parse(struct bytes name, enum use_fetch *out)
{
    size_t i = find_name(fetch_names, COUNT_OF(fetch_names), name);
    *out = i < COUNT_OF(fetch_names) ? (enum use_fetch)i : USE_FETCH_ONETIME;
    return i < COUNT_OF(fetch_names);
}

struct bytes notice_texts_find(const struct notice_texts *texts, struct bytes language)
{
    for (struct bytes wanted = language; wanted.size > 0;) {
        for (size_t i = 0; i < texts->count; i++) {
            if (bytes_equal_ignoring_case(texts->items[i].language, wanted)) {
                return texts->items[i].text;
            }
        }
        size_t end = wanted.size; /* RFC 4647 3.4: the last subtag goes */
        while (end > 0 && wanted.data[end - 1] != '-') {
            end--;
        }
        wanted = bytes_slice(wanted, 0, end == 0 ? 0 : end - 1);
    }
    return texts->count > 0 ? texts->items[0].text : BYTES_NONE;
}

bool notice_list_has(const struct notice_list *list, struct bytes item)
{
    for (size_t i = 0; i < list->count; i++) {
        if (bytes_equal(list->items[i], item)) {
            return true;
        }
    }
    return false;
}

const struct notice_category *notice_find_category(const struct notice *notice, struct bytes iri)
{
    for (size_t i = 0; i < notice->category_count; i++) {
        if (bytes_equal(notice->categories[i].iri, iri)) {
            return &notice->categories[i];
        }
    }
    return NULL;
}

struct notice *notice_keep(struct notice *notice)
{
    atomic_fetch_add_explicit(&notice->reference_count, 1, memory_order_relaxed);
    return notice;
}

void notice_drop(struct notice *notice)
{
    if (notice == NULL || atomic_fetch_sub_explicit(&notice->reference_count, 1, memory_order_acq_rel) != 1) {
        return;
    }
    arena_clear(&notice->arena);
    free(notice);
}
