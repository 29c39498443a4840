/* GET /evidence/exchanges?since=&until=&after=: a peer asks which exchanges our log has between the two of us (docs/formats/exchanges.md). */
#include "consent/exchanges.h"
#include "gateway/public_service_internal.h"

/* One page: lines, entries looked at, bytes. The next one begins where this one ended. */
enum { PAGE_LINES_MAX = 1000, PAGE_ENTRIES_MAX = 20000, PAGE_BYTES_MAX = 1024 * 1024, LINE_BYTES_MAX = 1024 };

struct asked {
    uint64_t since_ms, until_ms, after;
    bool has_after;
};

struct page {
    struct public_call *call;
    uint64_t from; /* entries before it are read for what later ones refer to */
    size_t lines;
    bool is_full;
};

static bool read_query(struct bytes query, struct asked *out)
{
    struct bytes pair, name;
    *out = (struct asked){ .until_ms = INT64_MAX };
    while (query.size > 0 && bytes_split(&query, '&', &pair)) {
        uint64_t value;
        if (!bytes_split(&pair, '=', &name) || !bytes_to_u64(pair, &value) || value > INT64_MAX) {
            return false;
        }
        if (bytes_equal(name, BYTES("since"))) {
            out->since_ms = value;
        } else if (bytes_equal(name, BYTES("until"))) {
            out->until_ms = value;
        } else if (bytes_equal(name, BYTES("after"))) {
            out->after = value;
            out->has_after = true;
        } else {
            return false;
        }
    }
    return true;
}

static bool add_line(void *context, const struct exchange_line *line)
{
    struct page *page = context;
    struct exchange_note note;
    if (line->index < page->from) {
        return true;
    }
    exchange_note_of(line, &note);
    page->lines++;
    /* The lines of one entry stay together: what is too much is seen behind it. */
    return exchange_note_write(&note, &page->call->answer);
}

/* Reads entries from `start` on until the page is full; `*next` is where the next one begins. */
static bool read_entries(struct page *page, struct exchanges *exchanges, struct log_reader *reader, const struct asked *asked,
                         uint64_t start, uint64_t size, uint64_t *next, struct error *e)
{
    const uint64_t first = log_reader_first(reader); /* older records may have been pruned */
    page->from = page->from < first ? first : page->from;
    start = start < first ? first : start;
    uint64_t begin = page->from > EXCHANGES_BEFORE ? page->from - EXCHANGES_BEFORE : 0;
    begin = start < begin ? start : begin;
    begin = begin < first ? first : begin;
    *next = page->from;
    for (uint64_t i = begin; i < size; i++) {
        struct log_entry entry;
        if (i >= page->from &&
            (page->lines >= PAGE_LINES_MAX || i - page->from >= PAGE_ENTRIES_MAX || page->call->answer.size > PAGE_BYTES_MAX)) {
            page->is_full = true;
            return true;
        }
        if (!log_reader_get(reader, i, &entry, e)) {
            return false;
        }
        if (i >= page->from && entry.form == RECORD_OPEN && (uint64_t)entry.time_ms >= asked->until_ms) {
            return true;
        }
        if (!exchanges_read(exchanges, &entry, add_line, page)) {
            return error_memory(e, "exchanges");
        }
        *next = i >= page->from ? i + 1 : *next;
    }
    return true;
}

/* Where the page begins; what was pruned can't be told about. */
static bool find_start(struct log_reader *reader, const struct asked *asked, uint64_t size, uint64_t *from, struct error *e)
{
    *from = asked->after;
    if (!asked->has_after && !log_first_since(reader, size, (int64_t)asked->since_ms, from, e)) {
        return false;
    }
    *from = *from < log_reader_first(reader) ? log_reader_first(reader) : *from;
    return true;
}

static bool answer(struct public_call *call, const struct asked *asked, struct error *e)
{
    struct log_reader *reader = NULL;
    struct exchanges *exchanges = NULL;
    uint64_t size = 0, next = 0;
    struct page page = { .call = call };
    bool ok = log_reader_open(&reader, call->gateway->public_disk, call->gateway->private_disk, e) && log_reader_size(reader, &size, e) &&
              exchanges_make(&exchanges, call->peer, e) && find_start(reader, asked, size, &page.from, e) &&
              read_entries(&page, exchanges, reader, asked, page.from, size, &next, e);
    if (ok) {
        exchange_page_write(next, !page.is_full, size, &call->answer);
        call->content_type = "application/jsonl";
        call->may_compress = true;
    }
    exchanges_free(exchanges);
    log_reader_close(reader);
    return ok;
}

void public_exchanges(struct public_call *call)
{
    struct asked asked;
    struct error e;
    if (!read_query(call->query, &asked)) {
        public_refuse(call, 400, "the query is since, until (milliseconds since 1970) and after (an entry's index), each a whole number");
        return;
    }
    if (!answer(call, &asked, &e)) {
        public_fail(call, &e);
    }
}
